#include "../internal.h"

// The bins of a piece of memory first, which vectorises; then the counts, one by one.
QAT_INLINE void qat_bins_body(int64_t count, const float *x, float per_unit, int32_t half,
                              int32_t *bins) {
  const float low = (float)-half, high = (float)(half - 1);
  for (int64_t i = 0; i < count; i++)
    bins[i] = (int32_t)qat_clamp(floorf(x[i] * per_unit), low, high) + half;
}
void qat_bins(int64_t count, const float *x, float per_unit, int32_t half, int32_t *bins);
QAT_VERSIONS(qat_bins,
             (int64_t count, const float *x, float per_unit, int32_t half, int32_t *bins),
             (count, x, per_unit, half, bins))

void qat_histogram_f32(int64_t outer, int64_t stride, int64_t inner, const float *x, float per_unit,
                       int32_t half, int64_t *counts) {
  enum { PIECE = 512 };
  int32_t bins[PIECE];
  for (int64_t o = 0; o < outer; o++) {
    for (int64_t start = 0; start < inner; start += PIECE) {
      const int64_t count = qat_min(PIECE, inner - start);
      qat_bins(count, x + o * stride + start, per_unit, half, bins);
      for (int64_t i = 0; i < count; i++) counts[bins[i]]++;
    }
  }
}
