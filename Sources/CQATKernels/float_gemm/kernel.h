// One row of the table of float products.
#pragma once
#include "../internal.h"

typedef struct {
  const char *name;
  uint32_t features;
  int mr, nr;
  // sums[i * nr + j] = sum over l < k of a[l * mr + i] * b[l * nr + j], fused, from 0, in order.
  void (*tile)(int64_t k, const float *a, const float *b, float *sums);
  // A panel of `lines` <= width lines of neighbouring values: to[l * width + line] = x[line * stride
  // + l], 0 beyond `lines`. NULL: plain C does it.
  void (*transpose)(int64_t lines, int64_t k, const float *x, int64_t stride, int width, float *to);
} qat_sgemm_kernel;

enum {
  QAT_SGEMM_K = 256,         // block along k: part of the definition of the result
  QAT_SGEMM_M = 168,         // block of rows: a multiple of every `mr` (14, 6, 4)
  QAT_SGEMM_N = 512,         // block of columns: a multiple of every `nr`
  QAT_SGEMM_MAX_TILE = 448,
};

extern const qat_sgemm_kernel qat_sgemm_scalar;
#if defined(__x86_64__)
extern const qat_sgemm_kernel qat_sgemm_avx2, qat_sgemm_avx512;
#endif
const qat_sgemm_kernel *qat_sgemm_best(void);
