#if defined(__x86_64__)
#include <immintrin.h>
#include "kernel.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
enum { MR = 6, NR = 64 };

// 6 x 64: 24 accumulators, 4 registers of B, one broadcast of A.
TARGET __attribute__((always_inline)) static inline void rows_of(
    const int rows, int64_t k, const uint8_t *a, int64_t stride, uint8_t flip, const int8_t *b,
    const int32_t *start, int32_t *tile, int64_t tile_stride) {
  __m512i c[MR][4];
  for (int v = 0; v < 4; v++) {
    __m512i first = _mm512_loadu_si512(start + 16 * v);
    for (int i = 0; i < rows; i++) c[i][v] = first;
  }
  const uint32_t flips = flip * 0x01010101u;
  int64_t l = 0;
  for (; l + 4 <= k; l += 4, b += 4 * NR) {
    __m512i b0 = _mm512_load_si512(b), b1 = _mm512_load_si512(b + 64);
    __m512i b2 = _mm512_load_si512(b + 128), b3 = _mm512_load_si512(b + 192);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      __m512i x = _mm512_set1_epi32((int)(qat_load4(a + i * stride + l) ^ flips));
      c[i][0] = _mm512_dpbusd_epi32(c[i][0], x, b0);
      c[i][1] = _mm512_dpbusd_epi32(c[i][1], x, b1);
      c[i][2] = _mm512_dpbusd_epi32(c[i][2], x, b2);
      c[i][3] = _mm512_dpbusd_epi32(c[i][3], x, b3);
    }
  }
  if (l < k) {
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      __m512i x = _mm512_set1_epi32((int)qat_tail4(a + i * stride + l, k - l, flip));
      for (int v = 0; v < 4; v++)
        c[i][v] = _mm512_dpbusd_epi32(c[i][v], x, _mm512_load_si512(b + 64 * v));
    }
  }
  for (int i = 0; i < rows; i++)
    for (int v = 0; v < 4; v++) _mm512_storeu_si512(tile + i * tile_stride + 16 * v, c[i][v]);
}

// Without a flip the broadcast comes straight from memory.
#define CASE(n)                                                                             \
  case n:                                                                                   \
    if (flip) rows_of(n, k, a, stride, 0x80, panel, start, tile, tile_stride);              \
    else rows_of(n, k, a, stride, 0, panel, start, tile, tile_stride);                      \
    break;

TARGET static void qat_u8s8_gemm_6x64__avx512vnni(int rows, int64_t k, const uint8_t *a,
                                                  int64_t stride, uint8_t flip, const void *panel,
                                                  const int32_t *start, int32_t *tile,
                                                  int64_t tile_stride) {
  switch (rows) { CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) }
}

const qat_igemm_kernel qat_igemm_avx512vnni = {
  "avx512vnni", QAT_CPU_AVX512 | QAT_CPU_AVX512VNNI, MR, NR, 4, 1, qat_u8s8_gemm_6x64__avx512vnni,
};
#endif
