#include "../internal.h"

// acc -> code, as an integer in lo...hi; low and high are lo - zero and hi - zero. Clamping first
// is the same (the limits are integers) and keeps the rounding and the conversion in range.
QAT_INLINE int32_t code_of(int32_t acc, int32_t bias, float m, int32_t zero, float low,
                           float high) {
  const int32_t sum = (int32_t)((uint32_t)acc + (uint32_t)bias);
  return (int32_t)qat_round(qat_clamp((float)sum * m, low, high)) + zero;
}

QAT_INLINE void row_of_codes(int64_t count, const int32_t *acc, const int32_t *bias, const float *m,
                             bool bias_varies, bool m_varies, int32_t zero, int32_t lo, int32_t hi,
                             uint8_t *q) {
  const float low = (float)(lo - zero), high = (float)(hi - zero);
  const int32_t one_bias = bias ? *bias : 0;
  const float one_m = *m;
  if (bias_varies && m_varies)
    for (int64_t j = 0; j < count; j++)
      q[j] = (uint8_t)code_of(acc[j], bias[j], m[j], zero, low, high);
  else if (m_varies)
    for (int64_t j = 0; j < count; j++)
      q[j] = (uint8_t)code_of(acc[j], one_bias, m[j], zero, low, high);
  else if (bias_varies)
    for (int64_t j = 0; j < count; j++)
      q[j] = (uint8_t)code_of(acc[j], bias[j], one_m, zero, low, high);
  else
    for (int64_t j = 0; j < count; j++)
      q[j] = (uint8_t)code_of(acc[j], one_bias, one_m, zero, low, high);
}

QAT_INLINE void qat_requantize_body(const qat_requantize_arguments *x) {
  for (int64_t i = 0; i < x->rows; i++) {
    const int64_t at = x->along_rows ? i : 0;
    row_of_codes(x->columns, x->acc + i * x->stride, x->bias ? x->bias + at : NULL,
                 x->m_scalar ? x->m : x->m + at, x->bias && !x->along_rows,
                 !x->m_scalar && !x->along_rows, x->zero, x->lo, x->hi,
                 (uint8_t *)x->q + i * x->q_stride);
  }
}

QAT_VERSIONS(qat_requantize, (const qat_requantize_arguments *arguments), (arguments))
