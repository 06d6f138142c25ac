#include "../elementwise/sums.h"
#include "steps.h"

enum { LANES = QAT_SUM_LANES, RUN = QAT_SUM_BLOCK };

typedef struct {
  float scale, low, high;              // of the grid, counted from the zero point
  float below, above;                  // what elements outside contribute to the scale
  bool rounds;                         // whether elements inside contribute rint(t) - t
  float floor;                         // dx is 0 for x up to here
} learned;

// Elements as they are read, and what becomes of them; `dx` may be `dy` or `x`.
typedef struct { float x[LANES], dy[LANES], dx[LANES], scales[LANES], offsets[LANES]; } lanes;

QAT_INLINE void lanes_of(lanes *e, const learned *q, float inverse, bool divides) {
  for (int l = 0; l < LANES; l++) {
    const float g = e->dy[l];
    const float t = divides ? e->x[l] / q->scale : quotient_of(e->x[l], q->scale, inverse);
    const bool inside = (t > q->low) & (t < q->high);
    const float rounding = q->rounds ? qat_round(t) - t : 0;
    const float outside = t <= q->low ? q->below : q->above;
    e->scales[l] += g * (inside ? rounding : outside);
    e->offsets[l] += inside ? 0 : g;
    e->dx[l] = (inside & (e->x[l] > q->floor)) ? g : 0;
  }
}

QAT_INLINE void run_of(int64_t count, const learned q, bool divides, const float *x,
                       const float *dy, float *dx, double *sums) {
  const float inverse = 1 / q.scale;
  for (int64_t start = 0; start < count; start += RUN) {
    const int64_t end = qat_min(count, start + RUN);
    int64_t i = start;
    lanes e = {0};
    for (; i + LANES <= end; i += LANES) {
      for (int l = 0; l < LANES; l++) e.x[l] = x[i + l], e.dy[l] = dy[i + l];
      lanes_of(&e, &q, inverse, divides);
      for (int l = 0; l < LANES; l++) dx[i + l] = e.dx[l];
    }
    if (i < end) {  // a gradient of 0 adds nothing
      for (int l = 0; l < LANES; l++) {
        e.x[l] = i + l < end ? x[i + l] : 0;
        e.dy[l] = i + l < end ? dy[i + l] : 0;
      }
      lanes_of(&e, &q, inverse, divides);
      for (int l = 0; i + l < end; l++) dx[i + l] = e.dx[l];
    }
    sums[0] += qat_fold(e.scales);
    sums[1] += qat_fold(e.offsets);
  }
}

QAT_INLINE void qat_learned_gradient_body(int64_t outer, int64_t channels, int64_t inner,
                                          const float *x, const float *scale, const int32_t *zero,
                                          int32_t lo, int32_t hi, qat_learned method,
                                          bool positive, const float *dy, float *dx,
                                          double *sums) {
  for (int64_t c = 0; c < 2 * channels; c++) sums[c] = 0;
  for (int64_t o = 0; o < outer; o++)
    for (int64_t c = 0; c < channels; c++) {
      const int32_t origin = method == QAT_LSQ_PLUS ? 0 : zero[c];
      const learned q = {scale[c],           (float)(lo - zero[c]), (float)(hi - zero[c]),
                         (float)(lo - origin), (float)(hi - origin), method != QAT_PACT,
                         positive ? 0 : -INFINITY};
      const int64_t at = (o * channels + c) * inner;
      if (qat_has_inverse(q.scale)) run_of(inner, q, false, x + at, dy + at, dx + at, sums + 2 * c);
      else run_of(inner, q, true, x + at, dy + at, dx + at, sums + 2 * c);
    }
}
QAT_VERSIONS(qat_learned_gradient,
             (int64_t outer, int64_t channels, int64_t inner, const float *x, const float *scale,
              const int32_t *zero, int32_t lo, int32_t hi, qat_learned method, bool positive,
              const float *dy, float *dx, double *sums),
             (outer, channels, inner, x, scale, zero, lo, hi, method, positive, dy, dx, sums))

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
        sums[c] += qat_fold(lanes);
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
