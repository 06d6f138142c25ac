#include "../internal.h"

#define LOOP(expression)                                                              \
  if (a_stride && b_stride)                                                           \
    for (int64_t i = 0; i < count; i++) { const float p = a[i], q = b[i]; y[i] = expression; }  \
  else if (a_stride)                                                                  \
    for (int64_t i = 0; i < count; i++) { const float p = a[i], q = b[0]; y[i] = expression; }  \
  else if (b_stride)                                                                  \
    for (int64_t i = 0; i < count; i++) { const float p = a[0], q = b[i]; y[i] = expression; }  \
  else                                                                                \
    for (int64_t i = 0; i < count; i++) { const float p = a[0], q = b[0]; y[i] = expression; }  \
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
