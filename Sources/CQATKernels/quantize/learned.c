#include "../internal.h"

enum { LANES = 16, RUN = 4096 };

QAT_INLINE float lane_sum(const float *lanes) {
  float sums[LANES];
  for (int l = 0; l < LANES; l++) sums[l] = lanes[l];
  for (int width = LANES / 2; width > 0; width /= 2)
    for (int l = 0; l < width; l++) sums[l] += sums[l + width];
  return sums[0];
}

typedef struct {
  float scale, low, high;              // of the grid, counted from the zero point
  float below, above;                  // what elements outside contribute to the scale
  bool rounds;                         // whether elements inside contribute rint(t) - t
} learned;

// One element: its dx, and its contributions.
#define ELEMENT(i, ds, doff)                                                    \
  const float g = dy[i], t = x[i] / q.scale;                                    \
  const bool inside = (t > q.low) & (t < q.high);                               \
  const float r = qat_round(qat_clamp(t, q.low, q.high)) - t;                   \
  const float rounding = q.rounds ? r : 0;                                      \
  const float outside = t <= q.low ? q.below : q.above;                         \
  const float ds = g * (inside ? rounding : outside), doff = inside ? 0 : g;    \
  dx[i] = inside ? g : 0;

QAT_INLINE void run_of(int64_t count, const learned q, const float *x, const float *dy, float *dx,
                       double *sums) {
  for (int64_t start = 0; start < count; start += RUN) {
    const int64_t end = qat_min(count, start + RUN);
    int64_t i = start;
    float scales[LANES] = {0}, offsets[LANES] = {0};
    for (; i + LANES <= end; i += LANES)
      for (int l = 0; l < LANES; l++) {
        ELEMENT(i + l, ds, doff)
        scales[l] += ds;
        offsets[l] += doff;
      }
    for (; i < end; i++) {
      ELEMENT(i, ds, doff)
      scales[0] += ds;
      offsets[0] += doff;
    }
    sums[0] += lane_sum(scales);
    sums[1] += lane_sum(offsets);
  }
}

QAT_INLINE void qat_learned_gradient_body(int64_t outer, int64_t channels, int64_t inner,
                                          const float *x, const float *scale, const int32_t *zero,
                                          int32_t lo, int32_t hi, qat_learned method,
                                          const float *dy, float *dx, double *sums) {
  for (int64_t c = 0; c < 2 * channels; c++) sums[c] = 0;
  for (int64_t o = 0; o < outer; o++)
    for (int64_t c = 0; c < channels; c++) {
      const int32_t origin = method == QAT_LSQ_PLUS ? 0 : zero[c];
      const learned q = {scale[c],           (float)(lo - zero[c]), (float)(hi - zero[c]),
                         (float)(lo - origin), (float)(hi - origin), method != QAT_PACT};
      const int64_t at = (o * channels + c) * inner;
      run_of(inner, q, x + at, dy + at, dx + at, sums + 2 * c);
    }
}
QAT_VERSIONS(qat_learned_gradient,
             (int64_t outer, int64_t channels, int64_t inner, const float *x, const float *scale,
              const int32_t *zero, int32_t lo, int32_t hi, qat_learned method, const float *dy,
              float *dx, double *sums),
             (outer, channels, inner, x, scale, zero, lo, hi, method, dy, dx, sums))

QAT_INLINE void qat_magnitudes_body(int64_t outer, int64_t channels, int64_t inner, const float *x,
                                    double *sums, float *ranges) {
  for (int64_t c = 0; c < channels; c++) {
    sums[c] = 0;
    ranges[2 * c] = INFINITY;
    ranges[2 * c + 1] = -INFINITY;
  }
  for (int64_t o = 0; o < outer; o++)
    for (int64_t c = 0; c < channels; c++) {
      const float *run = x + (o * channels + c) * inner;
      float low = ranges[2 * c], high = ranges[2 * c + 1];
      for (int64_t start = 0; start < inner; start += RUN) {
        const int64_t end = qat_min(inner, start + RUN);
        int64_t i = start;
        float lanes[LANES] = {0}, lows[LANES], highs[LANES];
        for (int l = 0; l < LANES; l++) {
          lows[l] = low;
          highs[l] = high;
        }
        for (; i + LANES <= end; i += LANES)
          for (int l = 0; l < LANES; l++) {
            const float v = run[i + l];
            lanes[l] += fabsf(v);
            lows[l] = v < lows[l] ? v : lows[l];
            highs[l] = v > highs[l] ? v : highs[l];
          }
        for (; i < end; i++) {
          lanes[0] += fabsf(run[i]);
          lows[0] = run[i] < lows[0] ? run[i] : lows[0];
          highs[0] = run[i] > highs[0] ? run[i] : highs[0];
        }
        for (int l = 0; l < LANES; l++) {
          low = lows[l] < low ? lows[l] : low;
          high = highs[l] > high ? highs[l] : high;
        }
        sums[c] += lane_sum(lanes);
      }
      ranges[2 * c] = low;
      ranges[2 * c + 1] = high;
    }
}
QAT_VERSIONS(qat_magnitudes,
             (int64_t outer, int64_t channels, int64_t inner, const float *x, double *sums,
              float *ranges),
             (outer, channels, inner, x, sums, ranges))

double qat_rounding_error(int64_t outer, int64_t channels, int64_t inner, int64_t channel,
                          int64_t stride, const float *x, float scale, int32_t zero, int32_t lo,
                          int32_t hi) {
  const float low = (float)(lo - zero), high = (float)(hi - zero);
  double sum = 0;
  for (int64_t k = 0; k < outer * inner; k += stride) {
    const float v = x[(k / inner * channels + channel) * inner + k % inner];
    const float e = qat_round(qat_clamp(v / scale, low, high)) * scale - v;
    sum += (double)e * e;
  }
  return sum;
}
