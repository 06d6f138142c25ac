// What tiles of float sums in AVX-512 registers share.
#pragma once
#include <immintrin.h>
#include "kernel.h"

#ifndef FEATURES
#define FEATURES "avx512f,avx512bw,avx512vl,avx512dq,fma"
#endif
#define TARGET __attribute__((target(FEATURES)))
#define TARGET_INLINE __attribute__((target(FEATURES), always_inline)) static inline
#define EACH_M(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
// The tile of `m` rows.
#define BY_M(TILE, ...)                     \
  switch (m) {                              \
    case 1: TILE##_1(__VA_ARGS__); break; \
    case 2: TILE##_2(__VA_ARGS__); break; \
    case 3: TILE##_3(__VA_ARGS__); break; \
    case 4: TILE##_4(__VA_ARGS__); break; \
    case 5: TILE##_5(__VA_ARGS__); break; \
    case 6: TILE##_6(__VA_ARGS__); break; \
    case 7: TILE##_7(__VA_ARGS__); break; \
    case 8: TILE##_8(__VA_ARGS__); break; \
    case 9: TILE##_9(__VA_ARGS__); break; \
    case 10: TILE##_10(__VA_ARGS__); break; \
    case 11: TILE##_11(__VA_ARGS__); break; \
    case 12: TILE##_12(__VA_ARGS__); break; \
    case 13: TILE##_13(__VA_ARGS__); break; \
    default: TILE##_14(__VA_ARGS__); break; \
  }

typedef __m512 sums_of_tile[QAT_TILE_ROWS][2];

TARGET_INLINE void finish(const int m, const int v, sums_of_tile c, const __mmask16 *mask,
                          float *sums, bool add, const qat_tile_end *old,
                          const qat_tile_end *end) {
#define EACH(...) UNROLL for (int i = 0; i < m; i++) UNROLL for (int j = 0; j < v; j++) __VA_ARGS__
#define LOADED(x) _mm512_maskz_loadu_ps(mask[j], (x) + j * 16)
  if (old) EACH(c[i][j] = _mm512_add_ps(LOADED(old->y[i] + old->column), c[i][j]);)
  if (add) EACH(c[i][j] = _mm512_add_ps(_mm512_loadu_ps(sums + i * 32 + j * 16), c[i][j]);)
  if (!end) {
    EACH(_mm512_storeu_ps(sums + i * 32 + j * 16, c[i][j]);)
    return;
  }
  // One question a tile, not one a sum.
  const int64_t column = end->column;
  if (end->row_bias) EACH(c[i][j] = _mm512_add_ps(c[i][j], _mm512_set1_ps(end->row_bias[i]));)
  if (end->bias) EACH(c[i][j] = _mm512_add_ps(c[i][j], LOADED(end->bias));)
  if (end->residual) EACH(c[i][j] = _mm512_add_ps(c[i][j], LOADED(end->residual[i] + column));)
  if (end->clamps) {
    const __m512 low = _mm512_set1_ps(end->low), high = _mm512_set1_ps(end->high);
    // The second operand is what a comparison with a NaN gives.
    EACH(c[i][j] = _mm512_min_ps(high, _mm512_max_ps(low, c[i][j]));)
  }
  EACH(_mm512_mask_storeu_ps(end->y[i] + column + j * 16, mask[j], c[i][j]);)
#undef LOADED
#undef EACH
}

TARGET_INLINE void masks_of(int width, __mmask16 *mask) {
  mask[0] = (__mmask16)(width >= 16 ? 0xFFFF : (1u << width) - 1);
  mask[1] = (__mmask16)(width >= 32 ? 0xFFFF : width <= 16 ? 0 : (1u << (width - 16)) - 1);
}

// Brings a row of B, or of the result, closer. No prefetcher of the processor keeps pace with products
// that read weights which come from memory.
TARGET_INLINE void fetch_row(const int v, const float *row) {
  UNROLL for (int j = 0; j < v; j++) _mm_prefetch((const char *)(row + j * 16), _MM_HINT_T0);
}

TARGET_INLINE void clear(const int m, const int v, sums_of_tile c) {
  UNROLL for (int i = 0; i < m; i++) UNROLL for (int j = 0; j < v; j++) c[i][j] = _mm512_setzero_ps();
}
