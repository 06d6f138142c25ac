#if defined(__x86_64__)
#include "avx512.h"

TARGET_INLINE void rows_tile(const int m, const int v, int width, int64_t count,
                             const qat_row_run *runs, const float *b, int64_t b_stride,
                             float *sums, bool add, const qat_tile_end *end) {
  __mmask16 mask[2];
  masks_of(width, mask);
  // Rows of the result that are fetched every four steps, so that few steps fetch all.
  const int at_once = count > 0 && runs->steps >= 4 * m ? 1 : 4;
  int fetched = end ? 0 : m;
  sums_of_tile c;
  clear(m, v, c);
  const qat_tile_end *old = qat_old_of(end);
  int64_t done = 0;
  for (int64_t r = 0; r < count; r++) {
    if (done == QAT_SGEMM_K) {
      finish(m, v, c, mask, sums, add, old, NULL);
      clear(m, v, c);
      old = NULL, add = true, done = 0;
    }
    const float *a[QAT_TILE_ROWS];
    UNROLL for (int i = 0; i < m; i++) a[i] = runs[r].rows[i] + runs[r].offset;
    const int64_t steps = runs[r].steps;
    done += steps;
#define STEP(l)                                                                      \
  do {                                                                               \
    __m512 w[2];                                                                     \
    UNROLL for (int j = 0; j < v; j++) w[j] = _mm512_maskz_loadu_ps(mask[j], b + j * 16); \
    b += b_stride;                                                                   \
    UNROLL for (int i = 0; i < m; i++) {                                             \
      const __m512 x = _mm512_set1_ps(a[i][l]);                                      \
      UNROLL for (int j = 0; j < v; j++) c[i][j] = _mm512_fmadd_ps(x, w[j], c[i][j]); \
    }                                                                                \
  } while (0)
    int64_t l = 0;
    for (; l + 4 <= steps; l += 4) {
      UNROLL for (int i = 0; i < 4; i++)
        fetch_row(v, b + (QAT_STEPS_AHEAD + i) * b_stride);
      // Where the result goes and what is added to it come while products are made: few at a time, as
      // many at once would keep weights waiting.
      for (int i = 0; i < at_once && fetched < m; i++, fetched++) {
        fetch_row(v, end->y[fetched] + end->column);
        if (end->residual) fetch_row(v, end->residual[fetched] + end->column);
      }
      STEP(l);
      STEP(l + 1);
      STEP(l + 2);
      STEP(l + 3);
    }
    for (; l < steps; l++) STEP(l);
#undef STEP
  }
  finish(m, v, c, mask, sums, add, old, end);
}

TARGET_INLINE void columns_tile(const int m, const int v, int width, int64_t count,
                                const qat_column_run *runs, int64_t a_stride, int64_t b_stride,
                                float *sums, bool add, const qat_tile_end *end) {
  __mmask16 mask[2];
  masks_of(width, mask);
  sums_of_tile c;
  clear(m, v, c);
  const qat_tile_end *old = qat_old_of(end);
  int64_t done = 0;
  for (int64_t r = 0; r < count; r++) {
    if (done == QAT_SGEMM_K) {
      finish(m, v, c, mask, sums, add, old, NULL);
      clear(m, v, c);
      old = NULL, add = true, done = 0;
    }
    done += runs[r].steps;
    const float *a = runs[r].a, *b = runs[r].b;
    _Pragma("clang loop unroll_count(2)")
    for (int64_t l = 0; l < runs[r].steps; l++, a += a_stride, b += b_stride) {
      __m512 w[2];
      UNROLL for (int j = 0; j < v; j++) w[j] = _mm512_maskz_loadu_ps(mask[j], b + j * 16);
      UNROLL for (int i = 0; i < m; i++) {
        const __m512 x = _mm512_set1_ps(a[i]);
        UNROLL for (int j = 0; j < v; j++) c[i][j] = _mm512_fmadd_ps(x, w[j], c[i][j]);
      }
    }
  }
  finish(m, v, c, mask, sums, add, old, end);
}

#define ROWS(M)                                                                                \
  TARGET static void rows_##M(bool wide, int width, int64_t count, const qat_row_run *runs,    \
                              const float *b, int64_t b_stride, float *sums, bool add,         \
                              const qat_tile_end *end) {                                       \
    if (wide) rows_tile(M, 2, width, count, runs, b, b_stride, sums, add, end);                \
    else rows_tile(M, 1, width, count, runs, b, b_stride, sums, add, end);                     \
  }                                                                                            \
  TARGET static void columns_##M(bool wide, int width, int64_t count, const qat_column_run *runs, \
                                 int64_t a_stride, int64_t b_stride, float *sums, bool add,    \
                                 const qat_tile_end *end) {                                    \
    if (wide) columns_tile(M, 2, width, count, runs, a_stride, b_stride, sums, add, end);      \
    else columns_tile(M, 1, width, count, runs, a_stride, b_stride, sums, add, end);           \
  }
EACH_M(ROWS)

static void qat_f32_rows__avx512(int m, int width, int64_t count, const qat_row_run *runs,
                                 const float *b, int64_t b_stride, float *sums, bool add,
                                 const qat_tile_end *end) {
  BY_M(rows, width > 16, width, count, runs, b, b_stride, sums, add, end)
}

static void qat_f32_columns__avx512(int m, int width, int64_t count, const qat_column_run *runs,
                                    int64_t a_stride, int64_t b_stride, float *sums, bool add,
                                    const qat_tile_end *end) {
  BY_M(columns, width > 16, width, count, runs, a_stride, b_stride, sums, add, end)
}

// Transposes 16 x 16 floats in registers: pairs, fours, then quarters of registers.
TARGET_INLINE void transpose_16(__m512 r[16]) {
  __m512 t[16];
  UNROLL for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
  UNROLL for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xEE);
    r[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
  }
  UNROLL for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xDD);
    t[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xDD);
  }
  UNROLL for (int i = 0; i < 4; i++) {
    r[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
    r[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xDD);
    r[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
    r[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xDD);
  }
}

TARGET static void qat_f32_transpose__avx512(int64_t lines, int64_t k, const float *x,
                                             int64_t stride, int width, int64_t taps, float *to) {
  const int64_t depth = k / taps;
  for (int first = 0; first < width; first += 16) {
    const int wide = width - first < 16 ? width - first : 16;
    const __mmask16 stored = (__mmask16)((1u << wide) - 1);
    int64_t row = 0;
    for (int64_t l = 0; l < k; l += 16) {
      const int64_t steps = qat_min(16, k - l);
      const __mmask16 loaded = (__mmask16)((1u << steps) - 1);
      __m512 r[16];
      UNROLL for (int i = 0; i < 16; i++)
        r[i] = first + i < lines && i < wide
                   ? _mm512_maskz_loadu_ps(loaded, x + (first + i) * stride + l)
                   : _mm512_setzero_ps();
      transpose_16(r);
      UNROLL for (int i = 0; i < 16; i++)
        if (i < steps) {
          _mm512_mask_storeu_ps(to + row * width + first, stored, r[i]);
          row += depth;
          if (row >= k) row -= k - 1;
        }
    }
  }
}

const qat_sgemm_kernel qat_sgemm_avx512 = {
  "avx512", QAT_CPU_AVX512, qat_f32_rows__avx512, qat_f32_columns__avx512,
  qat_f32_transpose__avx512,
};
#endif
