#include "../elementwise/sums.h"
#include "../optimizer/sgd.h"
#include "steps.h"

enum { LANES = QAT_SUM_LANES, RUN = QAT_SUM_BLOCK, SHORT = 32, PAIR = 2 };

typedef struct {
  float scale, low, high;              // of the grid, counted from the zero point
  float least, most;                   // what is inside: x between them
  float below, above;                  // what elements outside contribute to the scale
  float floor;                         // dx is 0 for x up to here
} learned;

typedef float floats __attribute__((ext_vector_type(LANES)));
typedef int32_t lane_mask __attribute__((ext_vector_type(LANES)));  // of bits, all or none

// What is summed of a run, lane by lane.
typedef struct { floats scales, offsets; } lane_sums;

// How x is treated: whether it is divided, or multiplied by the inverse of the scale; whether elements
// inside contribute rint(t) - t; whether those outside count for an offset.
typedef struct { bool divides, rounds, shifts; } way;

// t = x / scale, and what rounding adds to it.
QAT_INLINE void steps_of_lanes(const learned *q, bool divides, const floats *x, floats *t,
                               floats *rounding) {
  const floats none = {0}, scale = q->scale + none, inverse = 1 / q->scale + none;
  *t = divides ? *x / scale : *x * inverse;
  if (!divides)  // as steps.h says
    *t = __builtin_elementwise_fma(__builtin_elementwise_fma(-*t, scale, *x), inverse, *t);
  *rounding = (*t + QAT_WHOLE) - QAT_WHOLE - *t;
}

// dx = what is left of `gradients`, and what they and `values` add to the sums. dx may be either.
QAT_INLINE void lanes_of(const learned *q, const way w, const floats *values,
                         const floats *gradients, floats *dx, lane_sums *sums) {
  const floats x = *values, g = *gradients, none = {0};
  floats t, rounding;
  steps_of_lanes(q, w.divides, &x, &t, &rounding);
  const lane_mask above = w.divides ? t > q->low : x >= q->least;
  const lane_mask below = w.divides ? t < q->high : x <= q->most;
  const lane_mask inside = above & below;
  const floats from_low = below ? w.rounds ? rounding : none : q->above + none;
  sums->scales += g * (above ? from_low : q->below + none);
  if (w.shifts) sums->offsets += inside ? none : g;
  *dx = (inside & (x > q->floor)) ? g : none;
}

// The same of vectors that pass as they are, inside to the last element: false where they do not.
QAT_INLINE bool pair_of(const learned *q, const floats x[PAIR], const floats g[PAIR],
                        lane_sums *sums) {
  lane_mask inside = -1 + (lane_mask){0};
  for (int k = 0; k < PAIR; k++) inside &= (x[k] >= q->least) & (x[k] <= q->most);
  if (!__builtin_reduce_and(inside)) return false;
  for (int k = 0; k < PAIR; k++) {
    floats t, rounding;
    steps_of_lanes(q, false, x + k, &t, &rounding);
    sums->scales += g[k] * rounding;
  }
  return true;
}

// Where gradients go: to dx or, where that is NULL, into an update of x.
typedef struct {
  float *dx;
  qat_sgd step;
  const float *velocity;
  float *new_x, *new_velocity;
} target;

// `bytes` of a vector of gradients, from element `at` on.
QAT_INLINE void put(const target *to, int64_t at, size_t bytes, const floats *x, const floats *g) {
  if (to->dx) {
    memcpy(to->dx + at, g, bytes);
    return;
  }
  floats w = *x, v = {0};
  memcpy(&v, to->velocity + at, bytes);
  QAT_SGD_STEP(to->step, w, *g, v);
  memcpy(to->new_x + at, &w, bytes);
  memcpy(to->new_velocity + at, &v, bytes);
}

// A run of `count` elements from `first` on.
QAT_INLINE void run_of(int64_t first, int64_t count, const learned q, const way w, const float *x,
                       const float *dy, const target to, double *sums) {
  for (int64_t start = first; start < first + count; start += RUN) {
    const int64_t end = qat_min(first + count, start + RUN);
    int64_t i = start;
    lane_sums run = {{0}, {0}};
    // Weights seldom reach outside.
    if (w.rounds && !w.divides && q.floor < 0)
      for (; i + PAIR * LANES <= end; i += PAIR * LANES) {
        floats v[PAIR], g[PAIR];
        memcpy(v, x + i, sizeof v);
        memcpy(g, dy + i, sizeof g);
        if (!pair_of(&q, v, g, &run))
          for (int k = 0; k < PAIR; k++) lanes_of(&q, w, v + k, g + k, g + k, &run);
        for (int k = 0; k < PAIR; k++) put(&to, i + k * LANES, sizeof *g, v + k, g + k);
      }
    for (; i + LANES <= end; i += LANES) {
      floats v, g;
      memcpy(&v, x + i, sizeof v);
      memcpy(&g, dy + i, sizeof g);
      lanes_of(&q, w, &v, &g, &g, &run);
      put(&to, i, sizeof g, &v, &g);
    }
    if (i < end) {  // a gradient of 0 adds nothing
      const size_t left = (size_t)(end - i) * sizeof(float);
      floats v = {0}, g = {0};
      memcpy(&v, x + i, left);
      memcpy(&g, dy + i, left);
      lanes_of(&q, w, &v, &g, &g, &run);
      put(&to, i, left, &v, &g);
    }
    sums[0] += qat_fold((float *)&run.scales);
    sums[1] += qat_fold((float *)&run.offsets);
  }
}

// Of [channels][inner] elements from `first` on.
QAT_INLINE void runs_of(int64_t first, int64_t channels, int64_t inner, const float *x,
                        const float *scale, const int32_t *zero, int32_t lo, int32_t hi,
                        qat_learned method, bool positive, const float *dy, const target to,
                        double *sums) {
  for (int64_t c = 0; c < channels; c++, first += inner) {
    const int32_t origin = method == QAT_LSQ_PLUS ? 0 : zero[c];
    learned q = {
      .scale = scale[c], .low = (float)(lo - zero[c]), .high = (float)(hi - zero[c]),
      .below = (float)(lo - origin), .above = (float)(hi - origin),
      .floor = positive ? 0 : -INFINITY,
    };
    const bool divides = inner < SHORT || !qat_has_inverse(q.scale);
    if (!divides) {
      q.least = least_of(q.scale, q.low, false);
      q.most = -least_of(q.scale, -q.high, false);
    }
#define RUN_OF(divides, rounds, shifts) \
  run_of(first, inner, q, (way){divides, rounds, shifts}, x, dy, to, sums + 2 * c)
    if (divides) RUN_OF(true, method != QAT_PACT, true);
    else if (method == QAT_LSQ) RUN_OF(false, true, false);
    else if (method == QAT_LSQ_PLUS) RUN_OF(false, true, true);
    else RUN_OF(false, false, false);
  }
}

QAT_INLINE void qat_learned_gradient_body(int64_t outer, int64_t channels, int64_t inner,
                                          const float *x, const float *scale, const int32_t *zero,
                                          int32_t lo, int32_t hi, qat_learned method,
                                          bool positive, const float *dy, float *dx,
                                          double *sums) {
  for (int64_t c = 0; c < 2 * channels; c++) sums[c] = 0;
  for (int64_t o = 0; o < outer; o++)
    runs_of(o * channels * inner, channels, inner, x, scale, zero, lo, hi, method, positive, dy,
            (target){.dx = dx}, sums);
}
QAT_VERSIONS(qat_learned_gradient,
             (int64_t outer, int64_t channels, int64_t inner, const float *x, const float *scale,
              const int32_t *zero, int32_t lo, int32_t hi, qat_learned method, bool positive,
              const float *dy, float *dx, double *sums),
             (outer, channels, inner, x, scale, zero, lo, hi, method, positive, dy, dx, sums))

QAT_INLINE void qat_learned_sgd_body(int64_t channels, int64_t inner, const float *scale,
                                     const int32_t *zero, int32_t lo, int32_t hi,
                                     const qat_sgd *step, const float *dy, const float *w,
                                     const float *velocity, float *new_w, float *new_velocity,
                                     double *sums) {
  for (int64_t c = 0; c < 2 * channels; c++) sums[c] = 0;
  const target to = {
    .step = *step, .velocity = velocity, .new_x = new_w, .new_velocity = new_velocity,
  };
  runs_of(0, channels, inner, w, scale, zero, lo, hi, QAT_LSQ, false, dy, to, sums);
}
QAT_VERSIONS(qat_learned_sgd,
             (int64_t channels, int64_t inner, const float *scale, const int32_t *zero, int32_t lo,
              int32_t hi, const qat_sgd *step, const float *dy, const float *w,
              const float *velocity, float *new_w, float *new_velocity, double *sums),
             (channels, inner, scale, zero, lo, hi, step, dy, w, velocity, new_w, new_velocity,
              sums))

QAT_INLINE void qat_scale_derivative_body(int64_t count, const float *x, float scale, int32_t zero,
                                          int32_t lo, int32_t hi, float g, float *y) {
  const float low = (float)(lo - zero), high = (float)(hi - zero);
  for (int64_t i = 0; i < count; i++) {
    const float t = x[i] / scale;
    const bool above = t > low;
    y[i] = g * ((above & (t < high)) ? qat_round(t) - t : above ? high : low);
  }
}
QAT_VERSIONS(qat_scale_derivative,
             (int64_t count, const float *x, float scale, int32_t zero, int32_t lo, int32_t hi,
              float g, float *y),
             (count, x, scale, zero, lo, hi, g, y))

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
