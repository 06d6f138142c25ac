#if defined(__x86_64__)
#include <immintrin.h>
#include "kernel.h"

#define TARGET __attribute__((target("avx2")))
enum { MR = 6, NR = 16, DEPTH = 256 };

// 6 x 16 over pairs of 16-bit values: VPMADDWD is exact for them (|pair sum| < 2^17), unlike
// VPMADDUBSW, which saturates at 16 bits. A is widened into `wide` first, DEPTH values a row.
TARGET __attribute__((always_inline)) static inline void rows_of(
    const int rows, int64_t pairs, const int16_t *wide, const int16_t *b, const int32_t *start,
    int64_t start_stride, int32_t *tile, int64_t tile_stride) {
  __m256i c[MR][2];
  for (int i = 0; i < rows; i++)
    for (int v = 0; v < 2; v++)
      c[i][v] = _mm256_loadu_si256((const __m256i *)(start + i * start_stride + 8 * v));
  for (int64_t l = 0; l < pairs; l++, b += 2 * NR) {
    __m256i b0 = _mm256_load_si256((const __m256i *)b);
    __m256i b1 = _mm256_load_si256((const __m256i *)(b + 16));
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      __m256i x = _mm256_set1_epi32((int)qat_load4((const uint8_t *)(wide + i * DEPTH + 2 * l)));
      c[i][0] = _mm256_add_epi32(c[i][0], _mm256_madd_epi16(x, b0));
      c[i][1] = _mm256_add_epi32(c[i][1], _mm256_madd_epi16(x, b1));
    }
  }
  for (int i = 0; i < rows; i++)
    for (int v = 0; v < 2; v++)
      _mm256_storeu_si256((__m256i *)(tile + i * tile_stride + 8 * v), c[i][v]);
}

TARGET static void widen(const uint8_t *a, int64_t count, uint8_t flip, int16_t *wide) {
  const __m128i flips = _mm_set1_epi8((char)flip);
  int64_t l = 0;
  for (; l + 16 <= count; l += 16) {
    __m128i bytes = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(a + l)), flips);
    _mm256_storeu_si256((__m256i *)(wide + l), _mm256_cvtepu8_epi16(bytes));
  }
  for (; l < count; l++) wide[l] = (uint8_t)(a[l] ^ flip);
  if (count & 1) wide[count] = 0;
}

#define CASE(n)                                                                           \
  case n: rows_of(n, (depth + 1) / 2, wide[0], b, from, from_stride, tile, tile_stride); break;

TARGET static void qat_u8s8_gemm_6x16__avx2(int rows, int64_t k, const uint8_t *a, int64_t stride,
                                            uint8_t flip, const void *panel, const int32_t *start,
                                            int32_t *tile, int64_t tile_stride) {
  _Alignas(32) int16_t wide[MR][DEPTH];
  const int16_t *b = panel;
  const int32_t *from = start;
  int64_t from_stride = 0, l = 0;
  do {
    int64_t depth = qat_min(k - l, DEPTH);
    for (int i = 0; i < rows; i++) widen(a + i * stride + l, depth, flip, wide[i]);
    switch (rows) { CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) }
    from = tile;
    from_stride = tile_stride;
    b += NR * DEPTH;
    l += DEPTH;
  } while (l < k);
}

const qat_igemm_kernel qat_igemm_avx2 = {
  "avx2", QAT_CPU_AVX2, MR, NR, 2, 2, qat_u8s8_gemm_6x16__avx2,
};
#endif
