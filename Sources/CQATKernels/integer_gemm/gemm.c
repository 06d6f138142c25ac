#include "kernel.h"

static int64_t panel_bytes(const qat_igemm_kernel *kernel, int64_t k) {
  return qat_round_up(k, kernel->kr) * kernel->nr * kernel->bytes;
}

// Sums come first, padded so that every panel starts 64-byte aligned.
static int64_t sums_bytes(const qat_igemm_kernel *kernel, int64_t n) {
  return qat_round_up(qat_round_up(n, kernel->nr) * 4, 64);
}

size_t qat_igemm_packed_size(const qat_igemm_kernel *kernel, int64_t k, int64_t n) {
  return (size_t)(sums_bytes(kernel, n) + qat_ceil_div(n, kernel->nr) * panel_bytes(kernel, k));
}

void qat_igemm_pack(const qat_igemm_kernel *kernel, int64_t k, int64_t n, const void *b,
                    int64_t row_stride, int64_t column_stride, bool b_signed, void *packed) {
  const uint8_t *source = b, flip = b_signed ? 0 : 0x80;
  const int nr = kernel->nr, kr = kernel->kr;
  int32_t *sums = packed;
  uint8_t *panel = (uint8_t *)packed + sums_bytes(kernel, n);
  memset(packed, 0, qat_igemm_packed_size(kernel, k, n));
  for (int64_t column = 0; column < n; column += nr, panel += panel_bytes(kernel, k)) {
    const int64_t columns = qat_min(n - column, nr);
    for (int64_t l = 0; l < k; l++) {
      const uint8_t *row = source + l * row_stride + column * column_stride;
      const int64_t group = l / kr * kr * nr + l % kr;
      for (int64_t j = 0; j < columns; j++) {
        const int8_t value = (int8_t)(row[j * column_stride] ^ flip);
        const int64_t at = group + j * kr;
        if (kernel->bytes == 1) ((int8_t *)panel)[at] = value;
        else ((int16_t *)panel)[at] = value;
        sums[column + j] = (int32_t)((uint32_t)sums[column + j] + (uint32_t)(int32_t)value);
      }
    }
  }
}

static uint32_t row_sum(const uint8_t *a, int64_t k, uint8_t flip) {
  uint32_t sum = 0;
  for (int64_t l = 0; l < k; l++) sum += (uint8_t)(a[l] ^ flip);
  return sum;
}

// What a column starts from: sum (a - za)(b - zb) = sum ab - za * sum b - zb * sum a + k * za * zb,
// in the shifted values; all but the third term are the same for every row.
static void column_starts(const qat_igemm_kernel *kernel, const qat_igemm_arguments *x,
                          int64_t column, int32_t *start, uint32_t *zeros, bool *any_zero) {
  const int32_t *sums = (const int32_t *)x->b + column;
  const uint32_t za = (uint32_t)(x->a_zero + (x->a_signed ? 128 : 0));
  *any_zero = false;
  for (int j = 0; j < kernel->nr; j++) {
    const bool inside = column + j < x->n;
    const int32_t given = x->b_zero && inside ? x->b_zero[column + j] : 0;
    const uint32_t zb = inside ? (uint32_t)(given - (x->b_signed ? 0 : 128)) : 0;
    const uint32_t bias = x->bias && inside ? (uint32_t)x->bias[column + j] : 0;
    zeros[j] = zb;
    *any_zero |= zb != 0;
    start[j] = (int32_t)(bias - za * (uint32_t)sums[j] + (uint32_t)x->k * za * zb);
  }
}

// Columns `first` (a multiple of `nr`) up to `last` of the product.
static void columns_of(const qat_igemm_kernel *kernel, const qat_igemm_arguments *x, int64_t first,
                       int64_t last) {
  enum { BLOCK = 96 };  // rows that share one pass over the panels
  const int nr = kernel->nr, mr = kernel->mr;
  const uint8_t flip = x->a_signed ? 0x80 : 0;
  const uint8_t *panels = (const uint8_t *)x->b + sums_bytes(kernel, x->n);
  const int64_t panel_size = panel_bytes(kernel, x->k);
  _Alignas(64) int32_t start[QAT_IGEMM_MAX_NR], edge[QAT_IGEMM_MAX_MR * QAT_IGEMM_MAX_NR];
  uint32_t zeros[QAT_IGEMM_MAX_NR], row_sums[BLOCK];
  for (int64_t block = 0; block < x->m; block += BLOCK) {
    const int64_t rows_of_block = qat_min(x->m - block, BLOCK);
    bool have_row_sums = false;
    for (int64_t column = first; column < last; column += nr) {
      const int64_t columns = qat_min(last - column, nr);
      bool any_zero;
      column_starts(kernel, x, column, start, zeros, &any_zero);
      if (any_zero && !have_row_sums) {
        for (int64_t i = 0; i < rows_of_block; i++)
          row_sums[i] = row_sum((const uint8_t *)x->a + (block + i) * x->a_stride, x->k, flip);
        have_row_sums = true;
      }
      for (int64_t row = 0; row < rows_of_block; row += mr) {
        const int rows = (int)qat_min(rows_of_block - row, mr);
        const uint8_t *a = (const uint8_t *)x->a + (block + row) * x->a_stride;
        int32_t *c = x->c + (block + row) * x->c_stride + column;
        int32_t *tile = columns == nr ? c : edge;
        const int64_t stride = columns == nr ? x->c_stride : nr;
        kernel->tile(rows, x->k, a, x->a_stride, flip, panels + column / nr * panel_size, start,
                     tile, stride);
        if (any_zero)
          for (int i = 0; i < rows; i++)
            for (int j = 0; j < nr; j++)
              tile[i * stride + j] =
                  (int32_t)((uint32_t)tile[i * stride + j] - row_sums[row + i] * zeros[j]);
        if (columns < nr)
          for (int i = 0; i < rows; i++)
            memcpy(c + i * x->c_stride, edge + i * nr, (size_t)columns * sizeof *c);
      }
    }
  }
}

void qat_igemm(const qat_igemm_kernel *kernel, const qat_igemm_arguments *arguments) {
  columns_of(kernel, arguments, 0, arguments->n);
}

struct job {
  const qat_igemm_kernel *kernel;
  const qat_igemm_arguments *arguments;
  int64_t rows, columns, row_chunks;
};

static void run_chunk(void *context, int64_t chunk, int worker) {
  (void)worker;
  const struct job *job = context;
  qat_igemm_arguments part = *job->arguments;
  const int64_t row = chunk % job->row_chunks * job->rows;
  const int64_t column = chunk / job->row_chunks * job->columns;
  part.a = (const uint8_t *)part.a + row * part.a_stride;
  part.c += row * part.c_stride;
  part.m = qat_min(part.m - row, job->rows);
  columns_of(job->kernel, &part, column, qat_min(part.n, column + job->columns));
}

void qat_igemm_parallel(const qat_igemm_kernel *kernel, const qat_igemm_arguments *x,
                        qat_pool *pool) {
  // Chunks of about 8 million products: some 10 us on the fastest kernel.
  const int64_t wanted = qat_min(64, x->m * x->n * x->k / (8 << 20));
  struct job job = {kernel, x, x->m, x->n, 1};
  if (wanted > 1) {
    job.rows = qat_max(qat_round_up(qat_ceil_div(x->m, wanted), 96), 96);
    job.row_chunks = qat_ceil_div(x->m, job.rows);
    const int64_t across = qat_max(1, wanted / job.row_chunks);
    job.columns = qat_round_up(qat_ceil_div(x->n, across), QAT_IGEMM_MAX_NR);
  }
  qat_pool_run(pool, job.row_chunks * qat_ceil_div(x->n, qat_max(job.columns, 1)), run_chunk, &job);
}
