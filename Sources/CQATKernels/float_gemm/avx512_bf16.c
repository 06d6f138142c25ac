#if defined(__x86_64__)
#define FEATURES "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma"
#include "avx512.h"

// Float products with operands rounded to bfloat16, two steps an instruction. Both operands are rounded,
// to nearest even, on the way: rows of A into a copy, what has its columns as neighbours while it is
// multiplied. An odd number of steps ends with a pair whose second is 0.

// Lane j: the bfloat16 of even[j] and of odd[j].
TARGET_INLINE __m512i pairs_of(__m512 even, __m512 odd) {
  static const _Alignas(64) uint16_t order[32] = {
    0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
    8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31,
  };
  return _mm512_permutexvar_epi16(_mm512_load_si512(order),
                                  (__m512i)_mm512_cvtne2ps_pbh(odd, even));
}

// Columns of a step and of the next one, which counts as 0 where it is the last.
TARGET_INLINE void load_pairs(const int v, const __mmask16 *mask, const float *b, int64_t b_stride,
                              bool single, __m512i w[2]) {
  UNROLL for (int j = 0; j < v; j++) {
    const __m512 even = _mm512_maskz_loadu_ps(mask[j], b + j * 16);
    const __m512 odd = single ? _mm512_setzero_ps()
                              : _mm512_maskz_loadu_ps(mask[j], b + b_stride + j * 16);
    w[j] = pairs_of(even, odd);
  }
}

typedef struct { const uint16_t *row[QAT_TILE_ROWS]; } rows_of_a;

// c += the pairs of each row from `at` on times pairs of columns.
TARGET_INLINE void multiply(const int m, const int v, const rows_of_a *a, int64_t at,
                            const __m512i w[2], sums_of_tile c) {
  UNROLL for (int i = 0; i < m; i++) {
    const __m512bh x = (__m512bh)_mm512_set1_epi32((int)qat_load4(a->row[i] + at));
    UNROLL for (int j = 0; j < v; j++) c[i][j] = _mm512_dpbf16_ps(c[i][j], x, (__m512bh)w[j]);
  }
}

enum { COPY = QAT_SGEMM_K + 16 };  // of a row's steps, and zeros behind them

TARGET_INLINE void round_line(int64_t steps, const float *from, uint16_t *to) {
  for (int64_t l = 0; l < steps; l += 16) {
    const int64_t left = qat_min(16, steps - l);
    const __m512 x = _mm512_maskz_loadu_ps((__mmask16)((1u << left) - 1), from + l);
    _mm256_storeu_si256((__m256i *)(void *)(to + l), (__m256i)_mm512_cvtneps_pbh(x));
  }
}

TARGET_INLINE void rows_tile(const int m, const int v, int width, int64_t count,
                             const qat_row_run *runs, const float *b, int64_t b_stride, float *sums,
                             bool add, const qat_tile_end *end) {
  _Alignas(64) uint16_t copy[QAT_TILE_ROWS][COPY];
  rows_of_a a;
  UNROLL for (int i = 0; i < m; i++) a.row[i] = copy[i];
  __mmask16 mask[2];
  masks_of(width, mask);
  sums_of_tile c;
  clear(m, v, c);
  int64_t steps = 0;
  for (int64_t r = 0; r < count; r++) {
    for (int i = 0; i < m; i++)
      round_line(runs[r].steps, runs[r].rows[i] + runs[r].offset, copy[i] + steps);
    steps += runs[r].steps;
    if (steps < QAT_SGEMM_K && r + 1 < count) continue;
    for (int64_t l = 0; l < steps; l += 2) {
      __m512i w[2];
      load_pairs(v, mask, b + l * b_stride, b_stride, l + 1 == steps, w);
      multiply(m, v, &a, l, w, c);
    }
    b += steps * b_stride;
    steps = 0;
  }
  finish(m, v, c, mask, sums, add, qat_old_of(end), end);
}

TARGET_INLINE void paired_rows_tile(const int m, const int v, int width, int64_t count,
                                    const qat_row_run *runs, const float *b, int64_t b_stride,
                                    float *sums, bool add, const qat_tile_end *end) {
  __mmask16 mask[2];
  masks_of(width, mask);
  sums_of_tile c;
  clear(m, v, c);
  for (int64_t r = 0; r < count; r++) {
    rows_of_a a;
    UNROLL for (int i = 0; i < m; i++)
      a.row[i] = (const uint16_t *)(const void *)(runs[r].rows[i] + runs[r].offset);
    for (int64_t l = 0; l < runs[r].steps; l++, b += 2 * b_stride) {
      fetch_row(v, b + QAT_STEPS_AHEAD * b_stride);
      fetch_row(v, b + (QAT_STEPS_AHEAD + 1) * b_stride);
      __m512i w[2];
      load_pairs(v, mask, b, b_stride, false, w);
      multiply(m, v, &a, 2 * l, w, c);
    }
  }
  finish(m, v, c, mask, sums, add, qat_old_of(end), end);
}

TARGET_INLINE void columns_tile(const int m, const int v, int width, int64_t count,
                                const qat_column_run *runs, int64_t a_stride, int64_t b_stride,
                                float *sums, bool add, const qat_tile_end *end) {
  enum { STEPS = 32 };  // whose columns of A are rounded before they are multiplied
  _Alignas(64) uint16_t copy[STEPS / 2][32];
  rows_of_a a_pairs;
  UNROLL for (int i = 0; i < m; i++) a_pairs.row[i] = *copy + 2 * i;
  const __mmask16 rows = (__mmask16)((1u << m) - 1);
  __mmask16 mask[2];
  masks_of(width, mask);
  sums_of_tile c;
  clear(m, v, c);
  for (int64_t r = 0; r < count; r++) {
    const float *a = runs[r].a, *b = runs[r].b;
    for (int64_t left = runs[r].steps; left > 0; left -= STEPS) {
      const int64_t steps = qat_min(left, STEPS);
      __m512i w[2];
      for (int64_t l = 0; l < steps; l += 2, a += 2 * a_stride) {
        load_pairs(1, &rows, a, a_stride, l + 1 == steps, w);
        _mm512_store_si512(copy[l / 2], w[0]);
      }
      for (int64_t l = 0; l < steps; l += 2, b += 2 * b_stride) {
        load_pairs(v, mask, b, b_stride, l + 1 == steps, w);
        multiply(m, v, &a_pairs, 16 * l, w, c);
      }
    }
  }
  finish(m, v, c, mask, sums, add, qat_old_of(end), end);
}

#define TILES(M)                                                                                 \
  TARGET static void paired_rows_##M(bool wide, int width, int64_t count, const qat_row_run *runs, \
                                     const float *b, int64_t b_stride,                           \
                                     float *sums, bool add, const qat_tile_end *end) {           \
    if (wide) paired_rows_tile(M, 2, width, count, runs, b, b_stride, sums, add, end);     \
    else paired_rows_tile(M, 1, width, count, runs, b, b_stride, sums, add, end);          \
  }                                                                                              \
  TARGET static void rows_##M(bool wide, int width, int64_t count, const qat_row_run *runs,      \
                              const float *b, int64_t b_stride, float *sums, bool add,           \
                              const qat_tile_end *end) {                                         \
    if (wide) rows_tile(M, 2, width, count, runs, b, b_stride, sums, add, end);                  \
    else rows_tile(M, 1, width, count, runs, b, b_stride, sums, add, end);                       \
  }                                                                                              \
  TARGET static void columns_##M(bool wide, int width, int64_t count, const qat_column_run *runs, \
                                 int64_t a_stride, int64_t b_stride, float *sums, bool add,      \
                                 const qat_tile_end *end) {                                      \
    if (wide) columns_tile(M, 2, width, count, runs, a_stride, b_stride, sums, add, end);        \
    else columns_tile(M, 1, width, count, runs, a_stride, b_stride, sums, add, end);             \
  }
EACH_M(TILES)

static void rows_product(int m, int width, int64_t count, const qat_row_run *runs, const float *b,
                         int64_t b_stride, float *sums, bool add,
                         const qat_tile_end *end) {
  BY_M(rows, width > 16, width, count, runs, b, b_stride, sums, add, end)
}

static void paired_rows_product(int m, int width, int64_t count, const qat_row_run *runs,
                                const float *b, int64_t b_stride, float *sums,
                                bool add, const qat_tile_end *end) {
  BY_M(paired_rows, width > 16, width, count, runs, b, b_stride, sums, add, end)
}

static void columns_product(int m, int width, int64_t count, const qat_column_run *runs,
                            int64_t a_stride, int64_t b_stride, float *sums, bool add,
                            const qat_tile_end *end) {
  BY_M(columns, width > 16, width, count, runs, a_stride, b_stride, sums, add, end)
}

const qat_sgemm_kernel qat_sgemm_avx512_bf16 = {
  "avx512bf16", QAT_CPU_AVX512 | QAT_CPU_AVX512BF16, rows_product, columns_product, NULL,
  paired_rows_product,
};
#endif
