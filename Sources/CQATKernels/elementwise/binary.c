#include "../internal.h"

// A result may lie where an operand does. Functions of libm stay loops.
#pragma clang diagnostic ignored "-Wpass-failed"
#define LANES _Pragma("clang loop vectorize(assume_safety)")

#define ELEMENTS(first, second, expression)             \
  LANES for (int64_t i = 0; i < count; i++) {  \
    const float p = first, q = second;              \
    y[i] = expression;                         \
  }
#define LOOP(expression)                                    \
  if (a_stride && b_stride) ELEMENTS(a[i], b[i], expression) \
  else if (a_stride) ELEMENTS(a[i], b[0], expression)        \
  else if (b_stride) ELEMENTS(a[0], b[i], expression)        \
  else ELEMENTS(a[0], b[0], expression)                      \
  break;

QAT_INLINE void qat_binary_f32_body(qat_binary op, int64_t count, const float *a, int a_stride,
                                    const float *b, int b_stride, float *y) {
  switch (op) {
    case QAT_ADD: LOOP(p + q)
    case QAT_SUBTRACT: LOOP(p - q)
    case QAT_MULTIPLY: LOOP(p * q)
    case QAT_DIVIDE: LOOP(p / q)
    case QAT_MINIMUM: LOOP(p != p || p < q ? p : q)
    case QAT_MAXIMUM: LOOP(p != p || p > q ? p : q)
    case QAT_POWER: LOOP(powf(p, q))
    case QAT_PRELU: LOOP(p < 0 ? p * q : p)
  }
}
QAT_VERSIONS(qat_binary_f32,
             (qat_binary op, int64_t count, const float *a, int a_stride, const float *b,
              int b_stride, float *y),
             (op, count, a, a_stride, b, b_stride, y))

QAT_INLINE void qat_axpy_f32_body(int64_t count, float alpha, const float *x, float *y) {
  for (int64_t i = 0; i < count; i++) y[i] += alpha * x[i];
}
QAT_VERSIONS(qat_axpy_f32, (int64_t count, float alpha, const float *x, float *y),
             (count, alpha, x, y))

void qat_fill_f32(int64_t count, float value, float *y) {
  for (int64_t i = 0; i < count; i++) y[i] = value;
}
