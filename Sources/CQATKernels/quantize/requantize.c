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

typedef uint8_t bytes16 __attribute__((vector_size(16)));

// 16 x 16 bytes: four rounds, each of which interleaves row i with row i + 8.
QAT_INLINE void transpose16(bytes16 r[16]) {
  for (int round = 0; round < 4; round++) {
    bytes16 t[16];
    for (int i = 0; i < 8; i++) {
      t[2 * i] = __builtin_shufflevector(r[i], r[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21,
                                         6, 22, 7, 23);
      t[2 * i + 1] = __builtin_shufflevector(r[i], r[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28,
                                             13, 29, 14, 30, 15, 31);
    }
    for (int i = 0; i < 16; i++) r[i] = t[i];
  }
}

QAT_INLINE void transpose_block(int64_t rows, int64_t columns, const uint8_t *from, int64_t stride,
                                uint8_t *to, int64_t to_stride) {
  if (rows == 16 && columns == 16) {
    bytes16 r[16];
    for (int i = 0; i < 16; i++) memcpy(&r[i], from + i * stride, 16);
    transpose16(r);
    for (int i = 0; i < 16; i++) memcpy(to + i * to_stride, &r[i], 16);
  } else {
    for (int64_t j = 0; j < columns; j++)
      for (int64_t i = 0; i < rows; i++) to[j * to_stride + i] = from[i * stride + j];
  }
}

QAT_INLINE void qat_transpose_bytes_body(int64_t rows, int64_t columns, const uint8_t *from,
                                         int64_t stride, uint8_t *to, int64_t to_stride) {
  for (int64_t i = 0; i < rows; i += 16)
    for (int64_t j = 0; j < columns; j += 16)
      transpose_block(qat_min(16, rows - i), qat_min(16, columns - j), from + i * stride + j,
                      stride, to + j * to_stride + i, to_stride);
}
QAT_VERSIONS(qat_transpose_bytes,
             (int64_t rows, int64_t columns, const uint8_t *from, int64_t stride, uint8_t *to,
              int64_t to_stride),
             (rows, columns, from, stride, to, to_stride))

QAT_INLINE void qat_requantize_transposed_body(const qat_requantize_arguments *x) {
  enum { ROWS = 16, COLUMNS = 64 };
  uint8_t codes[ROWS * COLUMNS];
  for (int64_t j = 0; j < x->columns; j += COLUMNS) {
    const int64_t columns = qat_min(COLUMNS, x->columns - j);
    for (int64_t i = 0; i < x->rows; i += ROWS) {
      const int64_t rows = qat_min(ROWS, x->rows - i);
      for (int64_t r = 0; r < rows; r++)
        row_of_codes(columns, x->acc + (i + r) * x->stride + j, x->bias ? x->bias + j : NULL,
                     x->m_scalar ? x->m : x->m + j, x->bias, !x->m_scalar, x->zero, x->lo, x->hi,
                     codes + r * COLUMNS);
      for (int64_t c = 0; c < columns; c += 16)
        transpose_block(rows, qat_min(16, columns - c), codes + c, COLUMNS,
                        (uint8_t *)x->q + (j + c) * x->q_stride + i, x->q_stride);
    }
  }
}

QAT_VERSIONS(qat_requantize, (const qat_requantize_arguments *arguments), (arguments))
QAT_VERSIONS(qat_requantize_transposed, (const qat_requantize_arguments *arguments), (arguments))
