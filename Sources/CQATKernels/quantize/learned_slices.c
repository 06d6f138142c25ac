// The gradient of a learned scale through a product of codes. What elements contribute to it is cut
// into slices of 8 bits, so that the product is one of codes, too.
#include "../elementwise/sums.h"

// Steps of the first slice in one of the grid, of the second in one of the first: half a grid step is
// 127 of the first and none of the second.
enum { COARSE = 254, FINE = 256, MIDDLE = 128 };

QAT_INLINE void qat_learned_slices_body(int64_t count, const float *x, float scale, int32_t zero,
                                        int32_t lo, int32_t hi, uint8_t *coarse, uint8_t *fine,
                                        uint8_t *outside, bool *any) {
  const float low = (float)(lo - zero), high = (float)(hi - zero);
  const int32_t shift = lo < 0 ? MIDDLE : 0;
  int32_t found = 0;
  for (int64_t i = 0; i < count; i++) {
    const float t = x[i] / scale;
    const bool above = t > low, inside = above & (t < high);
    const float error = inside ? qat_round(t) - t : 0;
    const int32_t parts = (int32_t)qat_round(error * (float)(COARSE * FINE));
    const int32_t first = (parts + FINE / 2) >> 8;
    const int32_t code = inside ? zero : above ? hi : lo;
    coarse[i] = (uint8_t)(first + MIDDLE);
    fine[i] = (uint8_t)(parts - first * FINE + MIDDLE);
    outside[i] = (uint8_t)(code + shift);
    found |= code != zero;
  }
  *any = found;
}
QAT_VERSIONS(qat_learned_slices,
             (int64_t count, const float *x, float scale, int32_t zero, int32_t lo, int32_t hi,
              uint8_t *coarse, uint8_t *fine, uint8_t *outside, bool *any),
             (count, x, scale, zero, lo, hi, coarse, fine, outside, any))

QAT_LANES_SUM(inside_sum,
              (int64_t count, const float *dy, const float *coarse, const float *fine),
              dy[at] * ((coarse[at] * FINE + fine[at]) * (1.0f / (COARSE * FINE))))

QAT_INLINE void qat_learned_slices_sum_body(int64_t rows, int64_t columns, const float *dy,
                                            const float *coarse, const float *fine,
                                            const float *outside, double *sum) {
  *sum = 0;
  for (int64_t i = 0; i < rows * columns; i += columns) {
    *sum += inside_sum(columns, dy + i, coarse + i, fine + i);
    if (outside) *sum += qat_lanes_dot(columns, dy + i, outside + i);
  }
}
QAT_VERSIONS(qat_learned_slices_sum,
             (int64_t rows, int64_t columns, const float *dy, const float *coarse,
              const float *fine, const float *outside, double *sum),
             (rows, columns, dy, coarse, fine, outside, sum))
