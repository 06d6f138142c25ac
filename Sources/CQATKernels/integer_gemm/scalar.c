#include "kernel.h"
#include "store.h"

static bool qat_u8s8_gemm_4x32__scalar(const qat_igemm_tile *t) {
  for (int i = 0; i < t->rows; i++) {
    uint32_t sums[QAT_IGEMM_WIDTH];
    const int8_t *b = t->b;
    for (int j = 0; j < t->width; j++) sums[j] = (uint32_t)t->start[j];
    for (int64_t s = 0; s < t->segment_count; s++) {
      const uint8_t *a = t->a + t->offsets[i] + t->segments[s];
      for (int64_t l = 0; l < t->quads; l++, a += 4, b += 4 * t->width)
        for (int j = 0; j < t->width; j++)
          for (int k = 0; k < 4; k++) sums[j] += (uint32_t)(a[k] * b[4 * j + k]);
    }
    for (int j = 0; j < t->width; j++) t->sums[i * t->width + j] = (int32_t)sums[j];
  }
  return false;
}

void qat_s16_tile__scalar(const qat_igemm_tile *t) {
  for (int i = 0; i < t->rows; i++) {
    uint32_t sums[QAT_IGEMM_WIDTH] = {0};
    const int16_t *b = (const int16_t *)(const void *)t->b;
    for (int64_t s = 0; s < t->segment_count; s++) {
      const int16_t *a = (const int16_t *)(const void *)(t->a + t->offsets[i] + t->segments[s]);
      for (int64_t l = 0; l < t->quads; l++, a += 2, b += 2 * t->width)
        for (int j = 0; j < t->width; j++)
          sums[j] += (uint32_t)(a[0] * b[2 * j]) + (uint32_t)(a[1] * b[2 * j + 1]);
    }
    for (int j = 0; j < t->width; j++) t->sums[i * t->width + j] = (int32_t)sums[j];
  }
}

void qat_igemm_store__scalar(const qat_igemm_result *result) { store(result); }

const qat_igemm_kernel qat_igemm_scalar = {
  .name = "scalar", .rows = 4, .tile = qat_u8s8_gemm_4x32__scalar,
  .store = qat_igemm_store__scalar, .depthwise = qat_depthwise_line__scalar,
  .pairs = qat_s16_tile__scalar,
};
