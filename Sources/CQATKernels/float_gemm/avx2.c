#if defined(__x86_64__)
#include <immintrin.h>
#include "kernel.h"

enum { MR = 6, NR = 16 };

QAT_TARGET_AVX2 static void qat_f32_gemm_6x16__avx2(int64_t k, const float *a, const float *b,
                                                    float *sums) {
  __m256 c[MR][2];
#pragma clang loop unroll(full)
  for (int i = 0; i < MR; i++) c[i][0] = c[i][1] = _mm256_setzero_ps();
  for (int64_t l = 0; l < k; l++, a += MR, b += NR) {
    const __m256 b0 = _mm256_load_ps(b), b1 = _mm256_load_ps(b + 8);
#pragma clang loop unroll(full)
    for (int i = 0; i < MR; i++) {
      const __m256 x = _mm256_broadcast_ss(a + i);
      c[i][0] = _mm256_fmadd_ps(x, b0, c[i][0]);
      c[i][1] = _mm256_fmadd_ps(x, b1, c[i][1]);
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < MR; i++) {
    _mm256_store_ps(sums + i * NR, c[i][0]);
    _mm256_store_ps(sums + i * NR + 8, c[i][1]);
  }
}

const qat_sgemm_kernel qat_sgemm_avx2 = {"avx2", QAT_CPU_AVX2, MR, NR, qat_f32_gemm_6x16__avx2, NULL};
#endif
