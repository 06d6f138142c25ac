#include "kernel.h"

// k is taken in stretches of a few blocks, columns in groups, rows in blocks: what a group of panels
// of B holds of a stretch stays in the level-2 cache for all rows, and beside it what a block of rows
// reads of A, for all panels of the group.
enum {
  STRETCH = 4 * QAT_SGEMM_K,
  GROUP = 8 * QAT_TILE_COLUMNS,
  ROWS = 12 * QAT_TILE_ROWS,
  DIRECT = 10 * QAT_TILE_ROWS,  // rows up to which packing B does not pay
};

size_t qat_sgemm_scratch(void) { return STRETCH * GROUP + ROWS * (STRETCH + QAT_COPY_GAP); }

typedef struct { float *c; int64_t stride; } place;

QAT_INLINE void qat_sgemm_store_body(const float *sums, int64_t rows, int64_t columns,
                                     const qat_sgemm_arguments *x, float beta, place to,
                                     const float *row_bias, const float *column_bias) {
  const float alpha = x->alpha;
  for (int64_t i = 0; i < rows; i++, sums += QAT_TILE_COLUMNS) {
    float *c = to.c + i * to.stride;
    if (beta == 0) for (int64_t j = 0; j < columns; j++) c[j] = alpha * sums[j];
    else if (beta == 1) for (int64_t j = 0; j < columns; j++) c[j] += alpha * sums[j];
    else for (int64_t j = 0; j < columns; j++) c[j] = beta * c[j] + alpha * sums[j];
    if (row_bias) for (int64_t j = 0; j < columns; j++) c[j] += row_bias[i];
    if (column_bias) for (int64_t j = 0; j < columns; j++) c[j] += column_bias[j];
  }
}
void qat_sgemm_store(const float *sums, int64_t rows, int64_t columns,
                     const qat_sgemm_arguments *x, float beta, place to, const float *row_bias,
                     const float *column_bias);
QAT_VERSIONS(qat_sgemm_store,
             (const float *sums, int64_t rows, int64_t columns, const qat_sgemm_arguments *x,
              float beta, place to, const float *row_bias, const float *column_bias),
             (sums, rows, columns, x, beta, to, row_bias, column_bias))

// What tiles read of B in a stretch of k.
typedef struct {
  int64_t l, depth, width;      // where it starts, its length, and the panel's columns
  const float *b;               // the panel
  int64_t b_stride;
} stretch;

// What tiles read of A in a stretch: from a row on; how far it is to the next one and to the next k.
typedef struct { const float *a; int64_t row_step, k_step; } rows_of_a;

// The sums of a tile and a stretch, in blocks.
static void sums_of(const qat_sgemm_kernel *kernel, const qat_sgemm_arguments *x, const stretch *k,
                    rows_of_a from, int64_t m, float *sums, const qat_tile_end *end) {
  int64_t count = 0;
  if (x->a_transposed) {
    qat_column_run runs[STRETCH / QAT_SGEMM_K];
    // A short sum is stored before the result's lines have come.
    for (int64_t i = 0; end && i < m; i++)
      for (int64_t j = 0; j < k->width; j += 16) __builtin_prefetch(end->y[i] + end->column + j, 1);
    for (int64_t l = 0; l < k->depth; l += QAT_SGEMM_K)
      runs[count++] = (qat_column_run){from.a + l * from.k_step, k->b + l * k->b_stride,
                                       qat_min(QAT_SGEMM_K, k->depth - l)};
    kernel->columns((int)m, (int)k->width, count, runs, from.k_step, k->b_stride, sums, false, end);
    return;
  }
  const float *a[QAT_TILE_ROWS];
  for (int64_t i = 0; i < m; i++) a[i] = from.a + i * from.row_step;
  qat_row_run runs[STRETCH / QAT_SGEMM_K];
  for (int64_t l = 0; l < k->depth; l += QAT_SGEMM_K)
    runs[count++] = (qat_row_run){a, l, qat_min(QAT_SGEMM_K, k->depth - l)};
  kernel->rows((int)m, (int)k->width, count, runs, k->b, k->b_stride, sums, false, end);
}

static void tile(const qat_sgemm_kernel *kernel, const qat_sgemm_arguments *x, const stretch *k,
                 rows_of_a from, int64_t row, int64_t m, int64_t column) {
  _Alignas(64) float sums[QAT_TILE_ROWS * QAT_TILE_COLUMNS];
  float *c[QAT_TILE_ROWS];
  for (int64_t i = 0; i < m; i++) c[i] = x->c + (row + i) * x->c_stride;
  const bool last = k->l + k->depth == x->k;
  const float *row_bias = last && x->row_bias ? x->row_bias + row : NULL;
  const float *column_bias = last && x->column_bias ? x->column_bias + column : NULL;
  if (x->alpha != 1 || (x->beta != 0 && x->beta != 1)) {
    sums_of(kernel, x, k, from, m, sums, NULL);
    qat_sgemm_store(sums, m, k->width, x, k->l ? 1 : x->beta, (place){c[0] + column, x->c_stride},
                    row_bias, column_bias);
    return;
  }
  const qat_tile_end end = {.y = c, .column = column, .row_bias = row_bias, .bias = column_bias,
                            .accumulate = k->l > 0 || x->beta == 1};
  sums_of(kernel, x, k, from, m, sums, &end);
}

// Without products only the other terms are left.
static void scale_only(const qat_sgemm_arguments *x) {
  for (int64_t i = 0; i < x->m; i++)
    for (int64_t j = 0; j < x->n; j++) {
      float *c = x->c + i * x->c_stride + j;
      *c = x->beta == 0 ? 0 : x->beta * *c;
      if (x->row_bias) *c += x->row_bias[i];
      if (x->column_bias) *c += x->column_bias[j];
    }
}

// Whether a chunk of `rows` rows reads panels of B where they are, or packs them first: what lies a
// multiple of 4 KiB apart is in one set of the level-1 cache, and two tiles of rows make up for packing.
static bool reads_directly(const qat_sgemm_arguments *x, int64_t rows) {
  if (x->b_codes) return false;
  const int64_t most = x->b_stride % 1024 ? DIRECT : 2 * QAT_TILE_ROWS - 1;
  return x->b_packed || (!x->b_transposed && rows <= most);
}

// The panel of B that starts at `column`, in the stretch k: where it is.
static void find_panel(const qat_sgemm_arguments *x, int64_t column, stretch *k) {
  k->width = qat_min(QAT_TILE_COLUMNS, x->n - column);
  k->b_stride = x->b_packed ? qat_panel_width(x->b_packed_columns, column) : x->b_stride;
  k->b = x->b_packed ? x->b_packed + column * x->k + k->l * k->b_stride
                     : x->b + k->l * x->b_stride + column;
}

// The same, packed to `to`.
static void pack_panel(const qat_sgemm_arguments *x, int64_t column, stretch *k, float *to) {
  k->width = qat_min(QAT_TILE_COLUMNS, x->n - column);
  k->b_stride = qat_panel_width(x->n, column);
  k->b = to;
  if (x->b_codes) {
    const int64_t first = k->l * x->b_stride + column;
    if (k->width < k->b_stride) memset(to, 0, (size_t)(k->depth * k->b_stride) * sizeof *to);
    qat_dequantize_rows(x->b_codes, first, k->depth, k->width, x->b_stride, to, k->b_stride);
    return;
  }
  const float *from =
      x->b + (x->b_transposed ? column * x->b_stride + k->l : k->l * x->b_stride + column);
  qat_sgemm_pack_panel(k->width, k->depth, from, x->b_stride, x->b_transposed, (int)k->b_stride,
                       to);
}

static bool copies_rows(const qat_sgemm_arguments *x, int64_t m, int64_t n) {
  return !x->a_transposed && m > 4 && qat_copies_rows(x->a_stride, n);
}

static rows_of_a copied_rows(const qat_sgemm_arguments *x, int64_t row, int64_t rows, int64_t l,
                             int64_t depth, float *to) {
  for (int64_t i = 0; i < rows; i++)
    memcpy(to + i * (STRETCH + QAT_COPY_GAP), x->a + (row + i) * x->a_stride + l,
           (size_t)depth * sizeof *to);
  return (rows_of_a){to, STRETCH + QAT_COPY_GAP, 1};
}

static rows_of_a rows_in_place(const qat_sgemm_arguments *x, int64_t row, int64_t l) {
  const int64_t row_step = x->a_transposed ? 1 : x->a_stride;
  const int64_t k_step = x->a_transposed ? x->a_stride : 1;
  return (rows_of_a){x->a + row * row_step + l * k_step, row_step, k_step};
}

// Rows and columns `first_row`, `first_column` on of the product: the part a chunk computes.
static void part_of(const qat_sgemm_arguments *x, int64_t first_row, int64_t first_column,
                    int64_t m, int64_t n, float *scratch) {
  const qat_sgemm_kernel *kernel = qat_sgemm_for(x->bf16);
  const int64_t last_row = first_row + m, last_column = first_column + n;
  const bool packs = !reads_directly(x, m);
  // A panel that a single block of rows reads is used while it is warm.
  const int64_t wide = m <= ROWS ? QAT_TILE_COLUMNS : GROUP;
  const bool copies = copies_rows(x, m, n);
  stretch panels[GROUP / QAT_TILE_COLUMNS];
  rows_of_a from = {NULL, 0, 0};
  for (int64_t l = 0; l < x->k; l += STRETCH)
    for (int64_t group = first_column; group < last_column; group += wide) {
      const int64_t columns = qat_min(wide, last_column - group);
      for (int64_t column = 0; column < columns; column += QAT_TILE_COLUMNS) {
        stretch *k = &panels[column / QAT_TILE_COLUMNS];
        *k = (stretch){.l = l, .depth = qat_min(STRETCH, x->k - l)};
        if (packs) pack_panel(x, group + column, k, scratch + column * k->depth);
        else find_panel(x, group + column, k);
      }
      for (int64_t row = first_row; row < last_row; row += ROWS) {
        const int64_t rows = qat_min(ROWS, last_row - row), step = qat_even_tile(rows);
        if (!copies) from = rows_in_place(x, row, l);
        else if (m > ROWS || group == first_column)
          from = copied_rows(x, row, rows, l, panels->depth, scratch + STRETCH * GROUP);
        for (int64_t column = 0; column < columns; column += QAT_TILE_COLUMNS)
          for (int64_t i = 0; i < rows; i += step)
            tile(kernel, x, &panels[column / QAT_TILE_COLUMNS],
                 (rows_of_a){from.a + i * from.row_step, from.row_step, from.k_step}, row + i,
                 qat_min(step, rows - i), group + column);
      }
    }
}

void qat_sgemm(const qat_sgemm_arguments *x, float *scratch) {
  if (x->k <= 0) scale_only(x);
  else part_of(x, 0, 0, x->m, x->n, scratch);
}

struct job {
  const qat_sgemm_arguments *arguments;
  int64_t a_step, b_step, c_step, rows, columns, row_chunks, column_chunks;
  float *scratch;
};

static void run_chunk(void *context, int64_t chunk, int worker) {
  const struct job *job = context;
  qat_sgemm_arguments part = *job->arguments;
  const int64_t row = chunk % job->row_chunks * job->rows;
  const int64_t column = chunk / job->row_chunks % job->column_chunks * job->columns;
  const int64_t item = chunk / (job->row_chunks * job->column_chunks);
  if (part.a) part.a += item * job->a_step;
  if (part.b) part.b += item * job->b_step;
  part.c += item * job->c_step;
  float *scratch = job->scratch + (size_t)worker * qat_sgemm_scratch();
  if (part.k <= 0) scale_only(&part);
  else
    part_of(&part, row, column, qat_min(part.m - row, job->rows),
            qat_min(part.n - column, job->columns), scratch);
}

void qat_sgemm_batch(const qat_sgemm_arguments *x, int64_t batch, int64_t a_step, int64_t b_step,
                     int64_t c_step, qat_pool *pool, float *scratch) {
  if (x->m <= 0 || x->n <= 0 || batch <= 0) return;
  // Chunks of no less than about 2 million products, some 20 us. Of many rows, because each chunk
  // reads its panels of B, or packs them; a chunk of all rows can do with fewer columns.
  const int64_t wanted = qat_max(1, qat_min(64, x->m * x->n * qat_max(x->k, 1) / (2 << 20)));
  // Each copies its rows of A, too, where that pays.
  const bool copies = copies_rows(x, x->m, x->n);
  const int64_t most = copies && x->b_packed ? qat_ceil_div(x->m, ROWS) : x->m / (3 * ROWS);
  const int64_t row_chunks = qat_max(1, qat_min(wanted, most));
  const int64_t least = copies ? 4 * GROUP : row_chunks > 1 ? GROUP : GROUP / 4;
  const int64_t column_chunks =
      qat_max(1, qat_min(wanted / row_chunks, qat_ceil_div(x->n, least)));
  struct job job = {
    .arguments = x, .a_step = a_step, .b_step = b_step, .c_step = c_step, .scratch = scratch,
    .rows = qat_round_up(qat_ceil_div(x->m, row_chunks), QAT_TILE_ROWS),
    .columns = qat_round_up(qat_ceil_div(x->n, column_chunks), QAT_TILE_COLUMNS),
  };
  if (x->k <= 0) job.rows = x->m, job.columns = x->n;
  job.row_chunks = qat_ceil_div(x->m, job.rows);
  job.column_chunks = qat_ceil_div(x->n, job.columns);
  qat_pool_run(pool, batch * job.row_chunks * job.column_chunks, run_chunk, &job);
}
