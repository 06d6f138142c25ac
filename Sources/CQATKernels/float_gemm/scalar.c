#include "kernel.h"

enum { MR = 4, NR = 8 };

// fmaf rounds once wherever it runs; on arm64 and others it is one instruction.
static void qat_f32_gemm_4x8__scalar(int64_t k, const float *a, const float *b, float *sums) {
  float c[MR][NR] = {{0}};
  for (int64_t l = 0; l < k; l++, a += MR, b += NR)
    for (int i = 0; i < MR; i++)
      for (int j = 0; j < NR; j++) c[i][j] = fmaf(a[i], b[j], c[i][j]);
  memcpy(sums, c, sizeof c);
}

const qat_sgemm_kernel qat_sgemm_scalar = {"scalar", 0, MR, NR, qat_f32_gemm_4x8__scalar, NULL};
