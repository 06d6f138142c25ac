#include "../elementwise/math.h"
#include "../normalization/softmax.h"

// Queries of a head are taken in blocks, so that a block's scores stay in the level-2 cache.
enum { QUERIES = 64 };

static int64_t block_of(int64_t queries) {
  return qat_ceil_div(queries, qat_max(1, qat_ceil_div(queries, QUERIES)));
}

size_t qat_attention_scratch(int64_t queries, int64_t keys) {
  return qat_sgemm_scratch() + (size_t)qat_round_up(block_of(queries) * keys, 16);
}

QAT_INLINE void qat_scale_scores_body(int64_t count, float scale, float *x) {
  for (int64_t i = 0; i < count; i++) x[i] = scale * x[i];
}
void qat_scale_scores(int64_t count, float scale, float *x);
QAT_VERSIONS(qat_scale_scores, (int64_t count, float scale, float *x), (count, scale, x))

QAT_INLINE void qat_cap_scores_body(int64_t count, float cap, float *x) {
  for (int64_t i = 0; i < count; i++) x[i] = cap * qat_tanh(x[i] / cap);
}
void qat_cap_scores(int64_t count, float cap, float *x);
QAT_VERSIONS(qat_cap_scores, (int64_t count, float cap, float *x), (count, cap, x))

static void fill(int64_t first, int64_t end, float value, float *row) {
  for (int64_t i = first; i < end; i++) row[i] = value;
}

static bool all_hidden(int64_t first, int64_t end, const float *row) {
  for (int64_t i = first; i < end; i++)
    if (row[i] != -INFINITY) return false;
  return true;
}

typedef struct {
  const qat_attention_arguments *x;
  int64_t rows, blocks;       // of queries: in a block, and how many blocks
  float *scratch;
} job;

// The keys first...end that a query sees, whatever the mask says.
static void visible(const qat_attention_arguments *x, int64_t entry, int64_t query, int64_t *first,
                    int64_t *end) {
  const int64_t length = x->lengths ? x->lengths[entry] : x->keys;
  const int64_t position = query + (x->lengths ? length - x->queries : x->past);
  *first = x->left < 0 ? 0 : qat_max(0, position - x->left);
  *end = qat_min(length, x->keys);
  if (x->mask || x->shown) *end = qat_min(*end, x->mask_length);
  if (x->causal) *end = qat_min(*end, position + 1);
  if (x->right >= 0) *end = qat_min(*end, position + 1 + x->right);
  *end = qat_max(0, *end);
  *first = qat_min(*first, *end);
}

static void keep(const job *j, int64_t index, int stage, const float *row) {
  if (j->x->scores && j->x->stage == stage)
    memcpy(j->x->scores + index * j->x->keys, row, (size_t)j->x->keys * sizeof *row);
}

// Makes the products of a query probabilities.
static void probabilities(const job *j, int64_t entry, int64_t head, int64_t query, float *row) {
  const qat_attention_arguments *x = j->x;
  const int64_t index = (entry * x->heads + head) * x->queries + query;
  int64_t first, end;
  visible(x, entry, query, &first, &end);
  qat_scale_scores(x->keys, x->scale, row);
  keep(j, index, 0, row);
  if (x->softcap > 0) qat_cap_scores(x->keys, x->softcap, row);
  keep(j, index, 1, row);
  fill(0, first, -INFINITY, row);
  fill(end, x->keys, -INFINITY, row);
  const int64_t from = entry * x->mask_entry + head * x->mask_head + query * x->mask_query;
  if (x->mask)
    for (int64_t i = first; i < end; i++) row[i] += x->mask[from + i * x->mask_key];
  if (x->shown)
    for (int64_t i = first; i < end; i++)
      if (!x->shown[from + i * x->mask_key]) row[i] = -INFINITY;
  keep(j, index, 2, row);
  if (all_hidden(first, end, row)) {
    fill(0, x->keys, 0, row);
  } else {
    fill(0, first, 0, row);
    fill(end, x->keys, 0, row);
    qat_softmax_row(end - first, row + first, row + first);
  }
  keep(j, index, 3, row);
}

static void block(void *context, int64_t chunk, int worker) {
  const job *j = context;
  const qat_attention_arguments *x = j->x;
  const int64_t query = chunk % j->blocks * j->rows, head = chunk / j->blocks % x->heads;
  const int64_t entry = chunk / j->blocks / x->heads, rows = qat_min(j->rows, x->queries - query);
  const int64_t shared = head / (x->heads / x->key_heads);
  float *scratch = j->scratch + (size_t)worker * qat_attention_scratch(x->queries, x->keys);
  float *scores = scratch + qat_sgemm_scratch();
  const qat_sgemm_arguments products = {
    .m = rows, .n = x->keys, .k = x->size, .alpha = 1,
    .a = x->q + entry * x->q_places.entry + head * x->q_places.head + query * x->q_places.step,
    .a_stride = x->q_places.step,
    .b = x->k + entry * x->k_places.entry + shared * x->k_places.head,
    .b_stride = x->k_places.step, .b_transposed = true, .c = scores, .c_stride = x->keys,
  };
  qat_sgemm(&products, scratch);
  for (int64_t i = 0; i < rows; i++)
    probabilities(j, entry, head, query + i, scores + i * x->keys);
  const qat_sgemm_arguments sums = {
    .m = rows, .n = x->value_size, .k = x->keys, .alpha = 1, .a = scores, .a_stride = x->keys,
    .b = x->v + entry * x->v_places.entry + shared * x->v_places.head,
    .b_stride = x->v_places.step,
    .c = x->y + entry * x->y_places.entry + head * x->y_places.head + query * x->y_places.step,
    .c_stride = x->y_places.step,
  };
  qat_sgemm(&sums, scratch);
}

void qat_attention_f32(const qat_attention_arguments *x, qat_pool *pool, float *scratch) {
  job job = {.x = x, .rows = block_of(x->queries), .scratch = scratch};
  job.blocks = qat_ceil_div(x->queries, job.rows);
  qat_pool_run(pool, x->batch * x->heads * job.blocks, block, &job);
}
