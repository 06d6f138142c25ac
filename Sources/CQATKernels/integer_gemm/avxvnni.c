#if defined(__x86_64__)
#include <immintrin.h>
#include "kernel.h"

#define TARGET __attribute__((target("avx2,avxvnni")))
enum { MR = 6, NR = 16 };

// 6 x 16: 12 accumulators, 2 registers of B, one broadcast of A: 15 of 16 registers.
TARGET __attribute__((always_inline)) static inline void rows_of(
    const int rows, int64_t k, const uint8_t *a, int64_t stride, uint8_t flip, const int8_t *b,
    const int32_t *start, int32_t *tile, int64_t tile_stride) {
  __m256i c[MR][2];
  for (int v = 0; v < 2; v++) {
    __m256i first = _mm256_loadu_si256((const __m256i *)(start + 8 * v));
    for (int i = 0; i < rows; i++) c[i][v] = first;
  }
  const uint32_t flips = flip * 0x01010101u;
  int64_t l = 0;
  for (; l + 4 <= k; l += 4, b += 4 * NR) {
    __m256i b0 = _mm256_load_si256((const __m256i *)b);
    __m256i b1 = _mm256_load_si256((const __m256i *)(b + 32));
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      __m256i x = _mm256_set1_epi32((int)(qat_load4(a + i * stride + l) ^ flips));
      c[i][0] = _mm256_dpbusd_avx_epi32(c[i][0], x, b0);
      c[i][1] = _mm256_dpbusd_avx_epi32(c[i][1], x, b1);
    }
  }
  if (l < k) {
    __m256i b0 = _mm256_load_si256((const __m256i *)b);
    __m256i b1 = _mm256_load_si256((const __m256i *)(b + 32));
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      __m256i x = _mm256_set1_epi32((int)qat_tail4(a + i * stride + l, k - l, flip));
      c[i][0] = _mm256_dpbusd_avx_epi32(c[i][0], x, b0);
      c[i][1] = _mm256_dpbusd_avx_epi32(c[i][1], x, b1);
    }
  }
  for (int i = 0; i < rows; i++)
    for (int v = 0; v < 2; v++)
      _mm256_storeu_si256((__m256i *)(tile + i * tile_stride + 8 * v), c[i][v]);
}

#define CASE(n)                                                                             \
  case n:                                                                                   \
    if (flip) rows_of(n, k, a, stride, 0x80, panel, start, tile, tile_stride);              \
    else rows_of(n, k, a, stride, 0, panel, start, tile, tile_stride);                      \
    break;

TARGET static void qat_u8s8_gemm_6x16__avxvnni(int rows, int64_t k, const uint8_t *a,
                                               int64_t stride, uint8_t flip, const void *panel,
                                               const int32_t *start, int32_t *tile,
                                               int64_t tile_stride) {
  switch (rows) { CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) }
}

const qat_igemm_kernel qat_igemm_avxvnni = {
  "avxvnni", QAT_CPU_AVX2 | QAT_CPU_AVXVNNI, MR, NR, 4, 1, qat_u8s8_gemm_6x16__avxvnni,
};
#endif
