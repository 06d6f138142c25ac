#if defined(__x86_64__)
#include <immintrin.h>
#include "kernel.h"

// Sub-tiles of up to 6 x 16 sums in 12 registers.
enum { ROWS = 6, COLUMNS = 16 };
#define TARGET_INLINE __attribute__((target("avx2,fma"), always_inline)) static inline

typedef __m256 sums_of_tile[ROWS][2];

TARGET_INLINE void masks_of(int columns, __m256i *mask) {
  const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  mask[0] = _mm256_cmpgt_epi32(_mm256_set1_epi32(columns), lanes);
  mask[1] = _mm256_cmpgt_epi32(_mm256_set1_epi32(columns - 8), lanes);
}

TARGET_INLINE void clear(const int m, sums_of_tile c) {
  UNROLL for (int i = 0; i < m; i++) c[i][0] = c[i][1] = _mm256_setzero_ps();
}

TARGET_INLINE void finish(const int m, sums_of_tile c, const __m256i *mask, float *sums, bool add,
                          const qat_tile_end *old, const qat_tile_end *end, int row, int column) {
  UNROLL for (int i = 0; i < m; i++)
    UNROLL for (int j = 0; j < 2; j++) {
      float *own = sums + (row + i) * 32 + column + j * 8;
      __m256 x = c[i][j];
      if (add) x = _mm256_add_ps(_mm256_loadu_ps(own), x);
      if (old)
        x = _mm256_add_ps(
            _mm256_maskload_ps(old->y[row + i] + old->column + column + j * 8, mask[j]), x);
      if (!end) {
        _mm256_storeu_ps(own, x);
        continue;
      }
      float *y = end->y[row + i] + end->column + column + j * 8;
      if (end->row_bias) x = _mm256_add_ps(x, _mm256_set1_ps(end->row_bias[row + i]));
      if (end->bias)
        x = _mm256_add_ps(x, _mm256_maskload_ps(end->bias + column + j * 8, mask[j]));
      if (end->residual)
        x = _mm256_add_ps(
            x, _mm256_maskload_ps(end->residual[row + i] + end->column + column + j * 8, mask[j]));
      // The second operand is what a comparison with a NaN gives.
      if (end->clamps)
        x = _mm256_min_ps(_mm256_set1_ps(end->high), _mm256_max_ps(_mm256_set1_ps(end->low), x));
      _mm256_maskstore_ps(y, mask[j], x);
    }
}

#define STEP(a_of_row)                                                    \
  do {                                                                    \
    const __m256 b0 = whole ? _mm256_loadu_ps(b) : _mm256_maskload_ps(b, mask[0]);         \
    const __m256 b1 = whole ? _mm256_loadu_ps(b + 8) : _mm256_maskload_ps(b + 8, mask[1]); \
    UNROLL for (int i = 0; i < m; i++) {                                  \
      const __m256 x = _mm256_set1_ps(a_of_row);                          \
      c[i][0] = _mm256_fmadd_ps(x, b0, c[i][0]);                          \
      c[i][1] = _mm256_fmadd_ps(x, b1, c[i][1]);                          \
    }                                                                     \
  } while (0)

TARGET_INLINE void rows_tile(const int m, const bool whole, int row, int columns, int column,
                             int64_t count, const qat_row_run *runs, const float *b,
                             int64_t b_stride, float *sums, bool add, const qat_tile_end *end) {
  __m256i mask[2];
  masks_of(columns, mask);
  sums_of_tile c;
  clear(m, c);
  const qat_tile_end *old = qat_old_of(end);
  int64_t done = 0;
  for (int64_t r = 0; r < count; r++) {
    if (done == QAT_SGEMM_K) {
      finish(m, c, mask, sums, add, old, NULL, row, column);
      clear(m, c);
      old = NULL, add = true, done = 0;
    }
    const float *a[ROWS];
    UNROLL for (int i = 0; i < m; i++) a[i] = runs[r].rows[row + i] + runs[r].offset;
    done += runs[r].steps;
    for (int64_t l = 0; l < runs[r].steps; l++, b += b_stride) {
      // A step of 6 rows is half as long as one of 14 in AVX-512.
      _mm_prefetch((const char *)(b + 2 * QAT_STEPS_AHEAD * b_stride), _MM_HINT_T0);
      STEP(a[i][l]);
    }
  }
  finish(m, c, mask, sums, add, old, end, row, column);
}

TARGET_INLINE void columns_tile(const int m, const bool whole, int row, int columns, int column,
                                int64_t count, const qat_column_run *runs, int64_t a_stride,
                                int64_t b_stride, float *sums, bool add, const qat_tile_end *end) {
  __m256i mask[2];
  masks_of(columns, mask);
  sums_of_tile c;
  clear(m, c);
  const qat_tile_end *old = qat_old_of(end);
  int64_t done = 0;
  for (int64_t r = 0; r < count; r++) {
    if (done == QAT_SGEMM_K) {
      finish(m, c, mask, sums, add, old, NULL, row, column);
      clear(m, c);
      old = NULL, add = true, done = 0;
    }
    done += runs[r].steps;
    const float *a = runs[r].a + row, *b = runs[r].b + column;
    for (int64_t l = 0; l < runs[r].steps; l++, a += a_stride, b += b_stride) STEP(a[i]);
  }
  finish(m, c, mask, sums, add, old, end, row, column);
}

#define SUB_TILES(CASE)                                                        \
  const int parts = (m + ROWS - 1) / ROWS, even = (m + parts - 1) / parts;     \
  for (int row = 0; row < m; row += even)                                      \
    for (int column = 0; column < width; column += COLUMNS) {                  \
      const int columns = width - column < COLUMNS ? width - column : COLUMNS; \
      switch (m - row < even ? m - row : even) {                               \
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)                        \
      }                                                                        \
    }

QAT_TARGET_AVX2 static void qat_f32_rows__avx2(int m, int width, int64_t count,
                                               const qat_row_run *runs, const float *b,
                                               int64_t b_stride, float *sums, bool add,
                                               const qat_tile_end *end) {
#define ROWS_CASE(M)                                                                         \
  case M:                                                                                    \
    if (columns == COLUMNS)                                                                  \
      rows_tile(M, true, row, columns, column, count, runs, b + column, b_stride, sums, add, end); \
    else                                                                                     \
      rows_tile(M, false, row, columns, column, count, runs, b + column, b_stride, sums, add, end); \
    break;
  SUB_TILES(ROWS_CASE)
}

QAT_TARGET_AVX2 static void qat_f32_columns__avx2(int m, int width, int64_t count,
                                                  const qat_column_run *runs, int64_t a_stride,
                                                  int64_t b_stride, float *sums, bool add,
                                                  const qat_tile_end *end) {
#define COLUMNS_CASE(M)                                                                          \
  case M:                                                                                        \
    if (columns == COLUMNS)                                                                      \
      columns_tile(M, true, row, columns, column, count, runs, a_stride, b_stride, sums, add, end); \
    else                                                                                         \
      columns_tile(M, false, row, columns, column, count, runs, a_stride, b_stride, sums, add, end); \
    break;
  SUB_TILES(COLUMNS_CASE)
}

const qat_sgemm_kernel qat_sgemm_avx2 = {
  "avx2", QAT_CPU_AVX2, qat_f32_rows__avx2, qat_f32_columns__avx2, NULL,
};
#endif
