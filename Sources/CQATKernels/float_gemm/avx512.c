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

const qat_sgemm_kernel qat_sgemm_avx512 = {
  "avx512", QAT_CPU_AVX512, MR, NR, qat_f32_gemm_14x32__avx512,
};
#endif
