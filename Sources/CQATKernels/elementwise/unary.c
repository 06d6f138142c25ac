#include "math.h"

// A result may lie where an operand does. Functions of libm stay loops.
#pragma clang diagnostic ignored "-Wpass-failed"
#define LANES _Pragma("clang loop vectorize(assume_safety)")

// sqrt(2 / pi), 1 / sqrt(2), 1 / sqrt(2 pi)
#define GELU_SCALE 0.797884561f
#define HALF_ROOT 0.707106781f
#define DENSITY 0.398942280f

#define LOOP(expression)                                                              \
  LANES for (int64_t i = 0; i < count; i++) { const float v = x[i]; y[i] = expression; }    \
  break;

QAT_INLINE float gelu_tanh(float v) {
  return 0.5f * v * (1.0f + qat_tanh(GELU_SCALE * (v + 0.044715f * v * v * v)));
}

// tanh(log(1 + e^v)) = n / (n + 2), n = e^v (e^v + 2), which is 1 long before n is infinite.
QAT_INLINE float mish_gate(float v) {
  const float e = qat_exp(v < 20.0f ? v : 20.0f), n = e * (e + 2.0f);
  return n / (n + 2.0f);
}

QAT_INLINE float limited(float v, float lo, float hi) {
  const float least = v < lo ? lo : v;
  return least > hi ? hi : least;
}

QAT_INLINE void qat_unary_f32_body(qat_unary op, int64_t count, const float *x, float p, float q,
                                   float *y) {
  switch (op) {
    case QAT_RELU: LOOP(v < 0 ? 0 : v)
    case QAT_LEAKY_RELU: LOOP(v < 0 ? p * v : v)
    case QAT_CLIP: LOOP(limited(v, p, q))
    case QAT_ABS: LOOP(fabsf(v))
    case QAT_NEGATE: LOOP(-v)
    case QAT_SQRT: LOOP(sqrtf(v))
    case QAT_RECIPROCAL: LOOP(1.0f / v)
    case QAT_FLOOR: LOOP(floorf(v))
    case QAT_CEIL: LOOP(ceilf(v))
    case QAT_ROUND: LOOP(rintf(v))
    case QAT_EXP: LOOP(qat_exp(v))
    case QAT_LOG: LOOP(logf(v))
    case QAT_SIGMOID: LOOP(qat_sigmoid(v))
    case QAT_TANH: LOOP(qat_tanh(v))
    case QAT_ERF: LOOP(qat_erf(v))
    case QAT_GELU: LOOP(0.5f * v * (1.0f + qat_erf(v * HALF_ROOT)))
    case QAT_GELU_TANH: LOOP(gelu_tanh(v))
    case QAT_SWISH: LOOP(v * qat_sigmoid(p * v))
    case QAT_MISH: LOOP(v * mish_gate(v))
    case QAT_HARD_SIGMOID: LOOP(limited(p * v + q, 0, 1))
    case QAT_HARD_SWISH: LOOP(v * limited(v * (1.0f / 6.0f) + 0.5f, 0, 1))
    case QAT_ELU: LOOP(v < 0 ? p * (qat_exp(v) - 1.0f) : q * v)
    case QAT_SOFTPLUS: LOOP((v > 0 ? v : 0) + qat_log1p(qat_exp(-fabsf(v))))
    case QAT_SIN: LOOP(sinf(v))
    case QAT_COS: LOOP(cosf(v))
  }
}
QAT_VERSIONS(qat_unary_f32,
             (qat_unary op, int64_t count, const float *x, float p, float q, float *y),
             (op, count, x, p, q, y))

#define GRADIENT(expression)                                                          \
  LANES for (int64_t i = 0; i < count; i++) {                                          \
    const float v = x[i], r = y[i], g = dy[i];                                        \
    (void)v, (void)r;                                                                 \
    dx[i] = expression;                                                               \
  }                                                                                   \
  break;

QAT_INLINE float swish_slope(float v, float p) {
  const float s = qat_sigmoid(p * v);
  return s * (1.0f + p * v * (1.0f - s));
}

QAT_INLINE float mish_slope(float v) {
  const float t = mish_gate(v);
  return t + v * (1.0f - t * t) * qat_sigmoid(v);
}

QAT_INLINE float gelu_slope(float v) {
  return 0.5f * (1.0f + qat_erf(v * HALF_ROOT)) + v * (DENSITY * qat_exp(-0.5f * v * v));
}

QAT_INLINE float gelu_tanh_slope(float v) {
  const float t = qat_tanh(GELU_SCALE * (v + 0.044715f * v * v * v));
  return 0.5f * (1.0f + t)
         + 0.5f * v * (1.0f - t * t) * GELU_SCALE * (1.0f + 3.0f * 0.044715f * v * v);
}

QAT_INLINE void qat_unary_gradient_f32_body(qat_unary op, int64_t count, const float *x,
                                            const float *y, const float *dy, float p, float q,
                                            float *dx) {
  switch (op) {
    case QAT_RELU: GRADIENT(v > 0 ? g : 0)
    case QAT_LEAKY_RELU: GRADIENT(v < 0 ? p * g : g)
    case QAT_CLIP: GRADIENT(v >= p && v <= q ? g : 0)
    case QAT_ABS: GRADIENT(v > 0 ? g : v < 0 ? -g : 0)
    case QAT_NEGATE: GRADIENT(-g)
    case QAT_SQRT: GRADIENT(g * 0.5f / r)
    case QAT_RECIPROCAL: GRADIENT(-g * r * r)
    case QAT_FLOOR: case QAT_CEIL: case QAT_ROUND: GRADIENT(0 * g)
    case QAT_EXP: GRADIENT(g * r)
    case QAT_LOG: GRADIENT(g / v)
    case QAT_SIGMOID: GRADIENT(g * (r * (1.0f - r)))
    case QAT_TANH: GRADIENT(g * (1.0f - r * r))
    case QAT_ERF: GRADIENT(g * (1.12837917f * qat_exp(-v * v)))
    case QAT_GELU: GRADIENT(g * gelu_slope(v))
    case QAT_GELU_TANH: GRADIENT(g * gelu_tanh_slope(v))
    case QAT_SWISH: GRADIENT(g * swish_slope(v, p))
    case QAT_MISH: GRADIENT(g * mish_slope(v))
    case QAT_HARD_SIGMOID: GRADIENT(r > 0 && r < 1 ? p * g : 0)
    case QAT_HARD_SWISH: GRADIENT(v <= -3 ? 0 : v >= 3 ? g : g * (v * (1.0f / 3.0f) + 0.5f))
    case QAT_ELU: GRADIENT(v < 0 ? g * (r + p) : q * g)
    case QAT_SOFTPLUS: GRADIENT(g * qat_sigmoid(v))
    case QAT_SIN: GRADIENT(g * cosf(v))
    case QAT_COS: GRADIENT(-g * sinf(v))
  }
}
QAT_VERSIONS(qat_unary_gradient_f32,
             (qat_unary op, int64_t count, const float *x, const float *y, const float *dy, float p,
              float q, float *dx),
             (op, count, x, y, dy, p, q, dx))
