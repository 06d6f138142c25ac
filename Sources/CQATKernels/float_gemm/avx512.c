#if defined(__x86_64__)
#include <immintrin.h>
#include "kernel.h"

enum { MR = 14, NR = 32 };

__attribute__((target("avx512f"))) static void qat_f32_gemm_14x32__avx512(
    int64_t k, const float *a, const float *b, float *sums) {
  __m512 c[MR][2];
#pragma clang loop unroll(full)
  for (int i = 0; i < MR; i++) c[i][0] = c[i][1] = _mm512_setzero_ps();
  for (int64_t l = 0; l < k; l++, a += MR, b += NR) {
    const __m512 b0 = _mm512_load_ps(b), b1 = _mm512_load_ps(b + 16);
#pragma clang loop unroll(full)
    for (int i = 0; i < MR; i++) {
      const __m512 x = _mm512_set1_ps(a[i]);
      c[i][0] = _mm512_fmadd_ps(x, b0, c[i][0]);
      c[i][1] = _mm512_fmadd_ps(x, b1, c[i][1]);
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < MR; i++) {
    _mm512_store_ps(sums + i * NR, c[i][0]);
    _mm512_store_ps(sums + i * NR + 16, c[i][1]);
  }
}

// Transposes 16 x 16 floats in registers: pairs, fours, then quarters of registers.
__attribute__((target("avx512f"), always_inline)) static inline void transpose_16(__m512 r[16]) {
  __m512 t[16];
#pragma clang loop unroll(full)
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xEE);
    r[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xEE);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xDD);
    t[i + 8] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xDD);
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    r[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
    r[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xDD);
    r[i + 4] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0x88);
    r[i + 12] = _mm512_shuffle_f32x4(t[i + 4], t[i + 12], 0xDD);
  }
}

__attribute__((target("avx512f"))) static void qat_f32_transpose__avx512(
    int64_t lines, int64_t k, const float *x, int64_t stride, int width, float *to) {
  for (int first = 0; first < width; first += 16) {
    const int wide = width - first < 16 ? width - first : 16;
    const __mmask16 stored = (__mmask16)((1u << wide) - 1);
    for (int64_t l = 0; l < k; l += 16) {
      const int64_t steps = qat_min(16, k - l);
      const __mmask16 loaded = (__mmask16)((1u << steps) - 1);
      __m512 r[16];
#pragma clang loop unroll(full)
      for (int i = 0; i < 16; i++)
        r[i] = first + i < lines && i < wide
                   ? _mm512_maskz_loadu_ps(loaded, x + (first + i) * stride + l)
                   : _mm512_setzero_ps();
      transpose_16(r);
#pragma clang loop unroll(full)
      for (int i = 0; i < 16; i++)
        if (i < steps) _mm512_mask_storeu_ps(to + (l + i) * width + first, stored, r[i]);
    }
  }
}

const qat_sgemm_kernel qat_sgemm_avx512 = {
  "avx512", QAT_CPU_AVX512, MR, NR, qat_f32_gemm_14x32__avx512, qat_f32_transpose__avx512,
};
#endif
