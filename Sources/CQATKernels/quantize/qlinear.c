#include "qlinear.h"

// A loop over codes of either type and the four combinations of strides, so that each vectorises; an
// operand that serves all is read once. A result may lie where an operand does.
#define LANES _Pragma("clang loop vectorize(assume_safety)")
#define LOOP(type, a_code, b_code)                                   \
  LANES for (int64_t i = 0; i < count; i++) {                              \
    const int32_t p = a_code, q = b_code;                            \
    ((type *)c)[i] = (type)VALUE(p, q);                              \
  }
#define STRIDES(type)                                                \
  const type *x = a, *y = b;                                         \
  const int32_t first = count ? *x : 0, second = count ? *y : 0;     \
  if (a_stride && b_stride) { LOOP(type, x[i], y[i]) }               \
  else if (a_stride) { LOOP(type, x[i], second) }                    \
  else if (b_stride) { LOOP(type, first, y[i]) }                     \
  else { LOOP(type, first, second) }

float qat_qlinear_add_fixed(float a_ratio, int32_t a_zero, float b_ratio, int32_t b_zero,
                            int32_t c_zero) {
  return (float)c_zero - fmaf(a_ratio, (float)a_zero, b_ratio * (float)b_zero);
}

QAT_INLINE void qat_qlinear_add_rest_body(int64_t count, const void *a, int a_stride,
                                          const void *b, int b_stride, bool is_signed,
                                          float a_ratio, float b_ratio, float fixed, int32_t lo,
                                          int32_t hi, void *c) {
  const float low = (float)lo, high = (float)hi;
#define VALUE(p, q)                                                                          \
  (int32_t)qat_round(qat_clamp(fmaf((float)(p), a_ratio, fmaf((float)(q), b_ratio, fixed)),  \
                               low, high))
  if (is_signed) { STRIDES(int8_t) } else { STRIDES(uint8_t) }
#undef VALUE
}
void qat_qlinear_add_rest(int64_t count, const void *a, int a_stride, const void *b, int b_stride,
                          bool is_signed, float a_ratio, float b_ratio, float fixed, int32_t lo,
                          int32_t hi, void *c);
QAT_VERSIONS(qat_qlinear_add_rest,
             (int64_t count, const void *a, int a_stride, const void *b, int b_stride,
              bool is_signed, float a_ratio, float b_ratio, float fixed, int32_t lo, int32_t hi,
              void *c),
             (count, a, a_stride, b, b_stride, is_signed, a_ratio, b_ratio, fixed, lo, hi, c))

void qat_qlinear_add(int64_t count, const void *a, int a_stride, const void *b, int b_stride,
                     bool is_signed, float a_ratio, int32_t a_zero, float b_ratio, int32_t b_zero,
                     int32_t c_zero, int32_t lo, int32_t hi, void *c) {
  const float fixed = qat_qlinear_add_fixed(a_ratio, a_zero, b_ratio, b_zero, c_zero);
  int64_t done = 0;
#if defined(__x86_64__)
  if (a_stride && b_stride && (qat_cpu_features() & QAT_CPU_AVX512))
    done = qat_qlinear_add__avx512(count, a, b, is_signed, a_ratio, b_ratio, fixed, lo, hi, c);
#endif
  qat_qlinear_add_rest(count - done, (const uint8_t *)a + done * a_stride, a_stride,
                       (const uint8_t *)b + done * b_stride, b_stride, is_signed, a_ratio, b_ratio,
                       fixed, lo, hi, (uint8_t *)c + done);
}

QAT_INLINE void qat_qlinear_mul_rest_body(int64_t count, const void *a, int a_stride,
                                          const void *b, int b_stride, bool is_signed,
                                          int32_t a_zero, int32_t b_zero, float ratio,
                                          int32_t c_zero, int32_t lo, int32_t hi, void *c) {
  const float zero = (float)c_zero, low = (float)lo, high = (float)hi;
#define VALUE(p, q)                                                                          \
  (int32_t)qat_round(qat_clamp((float)(((p) - a_zero) * ((q) - b_zero)) * ratio + zero, low, high))
  if (is_signed) { STRIDES(int8_t) } else { STRIDES(uint8_t) }
#undef VALUE
}
void qat_qlinear_mul_rest(int64_t count, const void *a, int a_stride, const void *b, int b_stride,
                          bool is_signed, int32_t a_zero, int32_t b_zero, float ratio,
                          int32_t c_zero, int32_t lo, int32_t hi, void *c);
QAT_VERSIONS(qat_qlinear_mul_rest,
             (int64_t count, const void *a, int a_stride, const void *b, int b_stride,
              bool is_signed, int32_t a_zero, int32_t b_zero, float ratio, int32_t c_zero,
              int32_t lo, int32_t hi, void *c),
             (count, a, a_stride, b, b_stride, is_signed, a_zero, b_zero, ratio, c_zero, lo, hi, c))

void qat_qlinear_mul(int64_t count, const void *a, int a_stride, const void *b, int b_stride,
                     bool is_signed, int32_t a_zero, int32_t b_zero, float ratio, int32_t c_zero,
                     int32_t lo, int32_t hi, void *c) {
  int64_t done = 0;
#if defined(__x86_64__)
  if (a_stride && b_stride && (qat_cpu_features() & QAT_CPU_AVX512))
    done = qat_qlinear_mul__avx512(count, a, b, is_signed, a_zero, b_zero, ratio, c_zero, lo, hi,
                                   c);
#endif
  qat_qlinear_mul_rest(count - done, (const uint8_t *)a + done * a_stride, a_stride,
                       (const uint8_t *)b + done * b_stride, b_stride, is_signed, a_zero, b_zero,
                       ratio, c_zero, lo, hi, (uint8_t *)c + done);
}

void qat_lookup(int64_t count, const uint8_t *x, const uint8_t *table, uint8_t *y) {
  int64_t i = 0;
#if defined(__x86_64__)
  if (qat_cpu_features() & QAT_CPU_AVX512VBMI) i = qat_lookup__avx512vbmi(count, x, table, y);
#endif
  for (; i < count; i++) y[i] = table[x[i]];
}

QAT_INLINE void qat_clip_codes_body(int64_t count, const void *x, bool is_signed, int32_t lo,
                                    int32_t hi, void *y) {
  if (is_signed) {
    LANES for (int64_t i = 0; i < count; i++) {
      const int32_t q = ((const int8_t *)x)[i], least = q > lo ? q : lo;
      ((int8_t *)y)[i] = (int8_t)(least < hi ? least : hi);
    }
  } else {
    LANES for (int64_t i = 0; i < count; i++) {
      const int32_t q = ((const uint8_t *)x)[i], least = q > lo ? q : lo;
      ((uint8_t *)y)[i] = (uint8_t)(least < hi ? least : hi);
    }
  }
}
QAT_VERSIONS(qat_clip_codes,
             (int64_t count, const void *x, bool is_signed, int32_t lo, int32_t hi, void *y),
             (count, x, is_signed, lo, hi, y))
