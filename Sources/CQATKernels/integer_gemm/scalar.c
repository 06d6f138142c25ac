#include "kernel.h"

enum { MR = 4, NR = 16 };

static void qat_u8s8_gemm_4x16__scalar(int rows, int64_t k, const uint8_t *a, int64_t stride,
                                       uint8_t flip, const void *panel, const int32_t *start,
                                       int32_t *tile, int64_t tile_stride) {
  for (int i = 0; i < rows; i++) {
    uint32_t sums[NR];
    for (int j = 0; j < NR; j++) sums[j] = (uint32_t)start[j];
    const uint8_t *row = a + i * stride;
    const int8_t *b = panel;
    for (int64_t l = 0; l < k; l++, b += NR) {
      int32_t value = (uint8_t)(row[l] ^ flip);
      for (int j = 0; j < NR; j++) sums[j] += (uint32_t)(value * b[j]);
    }
    for (int j = 0; j < NR; j++) tile[i * tile_stride + j] = (int32_t)sums[j];
  }
}

const qat_igemm_kernel qat_igemm_scalar = {
  "scalar", 0, MR, NR, 1, 1, qat_u8s8_gemm_4x16__scalar,
};
