#include "kernel.h"

// Rows are taken in blocks, and k in stretches of a few blocks: what a block of rows reads of A in a
// stretch stays in the level-2 cache, a block of a panel of B in the level-1 cache for all rows, and
// the sums beside them for the stretch, so that C is seldom touched.
enum {
  STRETCH = 4 * QAT_SGEMM_K,
  ROWS = 168,                   // a multiple of the tile's
  COPIED = STRETCH + 16,        // stride of copied rows: no power of two
  DIRECT = 28,                  // rows from which packing a panel of B pays
  MANY_COLUMNS = 65,            // columns from which copying rows of an unlucky stride pays
};

size_t qat_sgemm_scratch(void) { return ROWS * COPIED + STRETCH * QAT_TILE_COLUMNS; }

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

// What tiles read of A and B in a stretch of k.
typedef struct {
  int64_t l, depth, width;      // where it starts, its length, and the panel's columns
  const float *b;               // the panel
  int64_t b_stride;
  const float *copied;          // rows `first`… of A, or NULL
  int64_t first;
} stretch;

// The sums of a tile and a block.
static void block_of_tile(const qat_sgemm_kernel *kernel, const qat_sgemm_arguments *x,
                          const stretch *k, int64_t row, int64_t m, int64_t l, int64_t depth,
                          float *sums, bool add, const qat_tile_end *end) {
  const float *b = k->b + (l - k->l) * k->b_stride;
  if (x->a_transposed) {
    const qat_column_run run = {x->a + l * x->a_stride + row, b, depth};
    kernel->columns((int)m, (int)k->width, 1, &run, x->a_stride, k->b_stride, sums, add, end);
    return;
  }
  const float *a[QAT_TILE_ROWS];
  for (int64_t i = 0; i < m; i++)
    a[i] = k->copied ? k->copied + (row - k->first + i) * COPIED + l - k->l
                     : x->a + (row + i) * x->a_stride + l;
  const qat_row_run run = {a, 0, depth};
  kernel->rows((int)m, (int)k->width, 1, &run, b, k->b_stride, sums, add, end);
}

// One block of a tile whose sums of the blocks before lie in `sums`; the last one moves them to C.
static void tile(const qat_sgemm_kernel *kernel, const qat_sgemm_arguments *x, const stretch *k,
                 int64_t row, int64_t m, int64_t column, int64_t l, float *sums) {
  float *c[QAT_TILE_ROWS];
  for (int64_t i = 0; i < m; i++) c[i] = x->c + (row + i) * x->c_stride;
  const bool plain = x->alpha == 1 && (x->beta == 0 || x->beta == 1);
  const bool continues = plain && (k->l > 0 || x->beta == 1), single = k->depth <= QAT_SGEMM_K;
  if (l == k->l && continues && !single)
    for (int64_t i = 0; i < m; i++)
      memcpy(sums + i * QAT_TILE_COLUMNS, c[i] + column, (size_t)k->width * sizeof *sums);
  const int64_t depth = qat_min(QAT_SGEMM_K, x->k - l);
  const bool last = l + depth == x->k, ends = l + depth == k->l + k->depth;
  const float *row_bias = last && x->row_bias ? x->row_bias + row : NULL;
  const float *column_bias = last && x->column_bias ? x->column_bias + column : NULL;
  if (plain) {
    const qat_tile_end end = {.y = c, .column = column, .row_bias = row_bias, .bias = column_bias,
                              .accumulate = continues && single};
    const bool add = l > k->l || (continues && !single);
    block_of_tile(kernel, x, k, row, m, l, depth, sums, add, ends ? &end : NULL);
  } else {
    block_of_tile(kernel, x, k, row, m, l, depth, sums, false, NULL);
    qat_sgemm_store(sums, m, k->width, x, l ? 1 : x->beta, (place){c[0] + column, x->c_stride},
                    row_bias, column_bias);
  }
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

// A panel of B in the stretch k: where it is, or packed into `own`.
static void find_panel(const qat_sgemm_arguments *x, stretch *k, int64_t column, int64_t rows,
                       float *own) {
  k->width = qat_min(QAT_TILE_COLUMNS, x->n - column);
  if (x->b_packed) {
    k->b_stride = qat_panel_width(x->b_packed_columns, column);
    k->b = x->b_packed + column * x->k + k->l * k->b_stride;
  } else if (!x->b_transposed && rows < DIRECT) {
    k->b = x->b + k->l * x->b_stride + column;
    k->b_stride = x->b_stride;
  } else {
    k->b = own;
    k->b_stride = qat_panel_width(x->n, column);
    const float *from = x->b + (x->b_transposed ? column * x->b_stride + k->l
                                                : k->l * x->b_stride + column);
    qat_sgemm_pack_panel(k->width, k->depth, from, x->b_stride, x->b_transposed, (int)k->b_stride,
                         own);
  }
}

// Rows and columns `first_row`, `first_column` on of the product: the part a chunk computes.
static void part_of(const qat_sgemm_arguments *x, int64_t first_row, int64_t first_column,
                    int64_t m, int64_t n, float *scratch) {
  const qat_sgemm_kernel *kernel = qat_sgemm_for(x->bf16);
  float *copied = scratch, *own_b = scratch + ROWS * COPIED;
  const int64_t last_row = first_row + m, last_column = first_column + n;
  _Alignas(64) float sums[ROWS * QAT_TILE_COLUMNS];
  // Rows a multiple of 2 KiB apart share two sets of the level-1 cache.
  const bool copies = !x->a_transposed && x->a_stride % 512 == 0 && n >= MANY_COLUMNS && m > 8;
  for (int64_t row = first_row; row < last_row; row += ROWS) {
    const int64_t rows = qat_min(ROWS, last_row - row);
    const int64_t step = qat_even_tile(rows);
    for (int64_t l = 0; l < x->k; l += STRETCH) {
      stretch k = {.l = l, .depth = qat_min(STRETCH, x->k - l), .first = row};
      if (copies) {
        for (int64_t i = 0; i < rows; i++)
          memcpy(copied + i * COPIED, x->a + (row + i) * x->a_stride + l,
                 (size_t)k.depth * sizeof *copied);
        k.copied = copied;
      }
      for (int64_t column = first_column; column < last_column; column += QAT_TILE_COLUMNS) {
        find_panel(x, &k, column, rows, own_b);
        for (int64_t block = l; block < l + k.depth; block += QAT_SGEMM_K)
          for (int64_t i = row; i < row + rows; i += step)
            tile(kernel, x, &k, i, qat_min(step, row + rows - i), column, block,
                 sums + (i - row) * QAT_TILE_COLUMNS);
      }
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
  // Chunks of about 2 million products, some 20 us, when one product is worth splitting. By columns
  // first: a panel of B is then packed once.
  const int64_t wanted = qat_max(1, qat_min(64, x->m * x->n * qat_max(x->k, 1) / (2 << 20)));
  const int64_t column_chunks = qat_max(1, qat_min(wanted, qat_ceil_div(x->n, 256)));
  const int64_t row_chunks = qat_max(1, qat_min(wanted / column_chunks, qat_ceil_div(x->m, 84)));
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
