#include "kernel.h"

size_t qat_sgemm_scratch(void) {
  return QAT_SGEMM_K * (QAT_SGEMM_M + QAT_SGEMM_N);
}

// Packs `count` lines (rows of op(A) or columns of op(B)) of `k` values as panels of `width` lines:
// panel[l * width + line], zero beyond `count`. `contiguous`: a line's values are neighbours.
QAT_INLINE void pack(int64_t count, int64_t k, const float *x, int64_t stride, bool contiguous,
                     const int width, float *to) {
  for (int64_t first = 0; first < count; first += width, to += k * width) {
    const int64_t lines = qat_min(width, count - first);
    if (contiguous) {
      if (lines < width) memset(to, 0, (size_t)(k * width) * sizeof *to);
      // Eight steps of all lines at a time: reads and writes both stay inside a few cache lines.
      for (int64_t l = 0; l < k; l += 8) {
        const int64_t steps = qat_min(8, k - l);
        for (int64_t i = 0; i < lines; i++) {
          const float *line = x + (first + i) * stride + l;
          for (int64_t s = 0; s < steps; s++) to[(l + s) * width + i] = line[s];
        }
      }
    } else {
      for (int64_t l = 0; l < k; l++) {
        const float *line = x + l * stride + first;
        if (lines == width)
          for (int i = 0; i < width; i++) to[l * width + i] = line[i];
        else
          for (int i = 0; i < width; i++) to[l * width + i] = i < lines ? line[i] : 0;
      }
    }
  }
}

QAT_INLINE void qat_sgemm_pack_body(int64_t count, int64_t k, const float *x, int64_t stride,
                                    bool contiguous, int width, float *to) {
  switch (width) {
    case 32: pack(count, k, x, stride, contiguous, 32, to); break;
    case 16: pack(count, k, x, stride, contiguous, 16, to); break;
    case 14: pack(count, k, x, stride, contiguous, 14, to); break;
    case 6: pack(count, k, x, stride, contiguous, 6, to); break;
    default: pack(count, k, x, stride, contiguous, width, to);
  }
}
void qat_sgemm_pack(int64_t count, int64_t k, const float *x, int64_t stride, bool contiguous,
                    int width, float *to);
QAT_VERSIONS(qat_sgemm_pack,
             (int64_t count, int64_t k, const float *x, int64_t stride, bool contiguous, int width,
              float *to),
             (count, k, x, stride, contiguous, width, to))

// The same, with the kernel's own transpose where it has one.
static void pack_lines(const qat_sgemm_kernel *kernel, int64_t count, int64_t k, const float *x,
                       int64_t stride, bool contiguous, int width, float *to) {
  if (!contiguous || !kernel->transpose)
    return qat_sgemm_pack(count, k, x, stride, contiguous, width, to);
  for (int64_t first = 0; first < count; first += width, to += k * width)
    kernel->transpose(qat_min(width, count - first), k, x + first * stride, stride, width, to);
}

static int64_t padded(int64_t lines, int width) { return qat_round_up(lines, width); }

size_t qat_sgemm_packed_a_size(int64_t m, int64_t k) {
  return (size_t)(padded(m, qat_sgemm_best()->mr) * k);
}

size_t qat_sgemm_packed_b_size(int64_t k, int64_t n) {
  return (size_t)(padded(n, qat_sgemm_best()->nr) * k);
}

// Blocks along k one after the other, each with all its panels.
static void pack_all(int64_t lines, int64_t k, const float *x, int64_t stride, bool contiguous,
                     int width, float *packed) {
  for (int64_t l = 0; l < k; l += QAT_SGEMM_K)
    pack_lines(qat_sgemm_best(), lines, qat_min(QAT_SGEMM_K, k - l),
               x + (contiguous ? l : l * stride), stride, contiguous, width,
               packed + padded(lines, width) * l);
}

void qat_sgemm_pack_a(int64_t m, int64_t k, const float *x, int64_t stride, bool transposed,
                      float *packed) {
  pack_all(m, k, x, stride, !transposed, qat_sgemm_best()->mr, packed);
}

void qat_sgemm_pack_b(int64_t k, int64_t n, const float *x, int64_t stride, bool transposed,
                      float *packed) {
  pack_all(n, k, x, stride, transposed, qat_sgemm_best()->nr, packed);
}

typedef struct {
  const float *sums;       // tile of this k-block, rows of `width`
  int64_t width, rows, columns;
  float *c;
  int64_t stride;
  float alpha, beta;       // beta: what C is multiplied by before the sum is added
  const float *row_bias, *column_bias;
} store_arguments;

QAT_INLINE void qat_sgemm_store_body(const store_arguments *x) {
  const float alpha = x->alpha, beta = x->beta;
  const int64_t columns = x->columns;
  for (int64_t i = 0; i < x->rows; i++) {
    const float *sums = x->sums + i * x->width;
    float *c = x->c + i * x->stride;
    if (beta == 0) for (int64_t j = 0; j < columns; j++) c[j] = alpha * sums[j];
    else if (beta == 1) for (int64_t j = 0; j < columns; j++) c[j] += alpha * sums[j];
    else for (int64_t j = 0; j < columns; j++) c[j] = beta * c[j] + alpha * sums[j];
    if (x->row_bias) for (int64_t j = 0; j < columns; j++) c[j] += x->row_bias[i];
    if (x->column_bias) for (int64_t j = 0; j < columns; j++) c[j] += x->column_bias[j];
  }
}
void qat_sgemm_store(const store_arguments *arguments);
QAT_VERSIONS(qat_sgemm_store, (const store_arguments *arguments), (arguments))

// One block of packed A by one of packed B, into C at (row, column).
static void multiply_block(const qat_sgemm_kernel *kernel, const qat_sgemm_arguments *x,
                           int64_t row, int64_t rows, int64_t column, int64_t columns, int64_t l,
                           int64_t depth, const float *a, const float *b) {
  _Alignas(64) float sums[QAT_SGEMM_MAX_TILE];
  const bool last = l + depth == x->k;
  store_arguments store = {
    .sums = sums, .width = kernel->nr, .stride = x->c_stride, .alpha = x->alpha,
    .beta = l ? 1 : x->beta,
  };
  for (int64_t j = 0; j < columns; j += kernel->nr)
    for (int64_t i = 0; i < rows; i += kernel->mr) {
      kernel->tile(depth, a + i * depth, b + j * depth, sums);
      store.rows = qat_min(kernel->mr, rows - i);
      store.columns = qat_min(kernel->nr, columns - j);
      store.c = x->c + (row + i) * x->c_stride + column + j;
      store.row_bias = last && x->row_bias ? x->row_bias + row + i : NULL;
      store.column_bias = last && x->column_bias ? x->column_bias + column + j : NULL;
      qat_sgemm_store(&store);
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

// Rows and columns `row`, `column` on of the product: the part a chunk computes.
static void part_of(const qat_sgemm_arguments *x, int64_t first_row, int64_t first_column,
                    int64_t m, int64_t n, float *scratch) {
  const qat_sgemm_kernel *kernel = qat_sgemm_best();
  float *own_a = scratch, *own_b = scratch + QAT_SGEMM_K * QAT_SGEMM_M;
  const int64_t last_row = first_row + m, last_column = first_column + n;
  for (int64_t column = first_column; column < last_column; column += QAT_SGEMM_N) {
    const int64_t columns = qat_min(QAT_SGEMM_N, last_column - column);
    for (int64_t l = 0; l < x->k; l += QAT_SGEMM_K) {
      const int64_t depth = qat_min(QAT_SGEMM_K, x->k - l);
      const float *b = own_b;
      if (x->b_packed) {
        b = x->b_packed + padded(x->b_packed_columns, kernel->nr) * l + column * depth;
      } else {
        const int64_t at = x->b_transposed ? column * x->b_stride + l : l * x->b_stride + column;
        pack_lines(kernel, columns, depth, x->b + at, x->b_stride, x->b_transposed, kernel->nr,
                   own_b);
      }
      for (int64_t row = first_row; row < last_row; row += QAT_SGEMM_M) {
        const int64_t rows = qat_min(QAT_SGEMM_M, last_row - row);
        const float *a = own_a;
        if (x->a_packed) {
          a = x->a_packed + padded(x->a_packed_rows, kernel->mr) * l + row * depth;
        } else {
          const int64_t at = x->a_transposed ? l * x->a_stride + row : row * x->a_stride + l;
          pack_lines(kernel, rows, depth, x->a + at, x->a_stride, !x->a_transposed, kernel->mr,
                     own_a);
        }
        multiply_block(kernel, x, row, rows, column, columns, l, depth, a, b);
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
  // Chunks of about 2 million products, some 20 us, when one product is worth splitting.
  const int64_t wanted = qat_max(1, qat_min(64, x->m * x->n * qat_max(x->k, 1) / (2 << 20)));
  const int64_t column_chunks = qat_max(1, qat_min(wanted, qat_ceil_div(x->n, 256)));
  const int64_t row_chunks = qat_max(1, qat_min(wanted / column_chunks, qat_ceil_div(x->m, 84)));
  struct job job = {
    .arguments = x, .a_step = a_step, .b_step = b_step, .c_step = c_step, .scratch = scratch,
    .rows = qat_round_up(qat_ceil_div(x->m, row_chunks), 84),
    .columns = qat_round_up(qat_ceil_div(x->n, column_chunks), 32),
  };
  if (x->k <= 0) job.rows = x->m, job.columns = x->n;
  job.row_chunks = qat_ceil_div(x->m, job.rows);
  job.column_chunks = qat_ceil_div(x->n, job.columns);
  qat_pool_run(pool, batch * job.row_chunks * job.column_chunks, run_chunk, &job);
}
