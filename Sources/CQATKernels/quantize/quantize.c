#include "steps.h"

// Runs `body` for each channel's run of `inner` elements, with `scale_c`, `zero_c` and `at` set.
#define FOR_CHANNELS(...)                                             \
  for (int64_t o = 0; o < outer; o++)                                 \
    for (int64_t c = 0; c < channels; c++) {                          \
      const float scale_c = scale[c];                                 \
      const int32_t zero_c = zero ? zero[c] : 0;                      \
      const int64_t at = (o * channels + c) * inner;                  \
      __VA_ARGS__                                                     \
    }

#define STORE(type)                                                                         \
  for (int64_t i = 0; i < inner; i++)                                                       \
    ((type *)q)[at + i] = (type)((int32_t)steps_of(x[at + i], scale_c, low, high) + zero_c);

QAT_INLINE void qat_quantize_short_runs_body(int64_t outer, int64_t channels, int64_t inner,
                                             const float *x, const float *scale,
                                             const int32_t *zero, int32_t lo, int32_t hi,
                                             qat_code type, void *q) {
  FOR_CHANNELS({
    const float low = (float)(lo - zero_c), high = (float)(hi - zero_c);
    switch (type) {
      case QAT_U8: STORE(uint8_t) break;
      case QAT_S8: STORE(int8_t) break;
      case QAT_U16: STORE(uint16_t) break;
      case QAT_S16: STORE(int16_t) break;
    }
  })
}
void qat_quantize_short_runs(int64_t outer, int64_t channels, int64_t inner, const float *x,
                             const float *scale, const int32_t *zero, int32_t lo, int32_t hi,
                             qat_code type, void *q);
QAT_VERSIONS(qat_quantize_short_runs,
             (int64_t outer, int64_t channels, int64_t inner, const float *x, const float *scale,
              const int32_t *zero, int32_t lo, int32_t hi, qat_code type, void *q),
             (outer, channels, inner, x, scale, zero, lo, hi, type, q))

void qat_quantize(int64_t outer, int64_t channels, int64_t inner, const float *x,
                  const float *scale, const int32_t *zero, int32_t lo, int32_t hi, qat_code type,
                  void *q) {
  if (inner < 32 || type == QAT_U16 || type == QAT_S16)
    qat_quantize_short_runs(outer, channels, inner, x, scale, zero, lo, hi, type, q);
  else
    FOR_CHANNELS({
      qat_quantize_bits(inner, x + at, scale_c, zero_c, lo, hi, false, (uint8_t *)q + at, NULL);
    })
}

#define LOAD(type)                                                       \
  for (int64_t i = 0; i < inner; i++)                                    \
    x[at + i] = (float)((int32_t)((const type *)q)[at + i] - zero_c) * scale_c;

QAT_INLINE void qat_dequantize_body(int64_t outer, int64_t channels, int64_t inner, const void *q,
                                    qat_code type, const float *scale, const int32_t *zero,
                                    float *x) {
  FOR_CHANNELS({
    switch (type) {
      case QAT_U8: LOAD(uint8_t) break;
      case QAT_S8: LOAD(int8_t) break;
      case QAT_U16: LOAD(uint16_t) break;
      case QAT_S16: LOAD(int16_t) break;
    }
  })
}
QAT_VERSIONS(qat_dequantize,
             (int64_t outer, int64_t channels, int64_t inner, const void *q, qat_code type,
              const float *scale, const int32_t *zero, float *x),
             (outer, channels, inner, q, type, scale, zero, x))

#define ROWS(type)                                                                            \
  for (int64_t r = 0; r < rows; r++)                                                          \
    for (int64_t i = 0; i < columns; i++)                                                     \
      x[r * x_stride + i] =                                                                   \
          (float)((int32_t)((const type *)codes->q)[first + r * stride + i] - zero) * scale;

QAT_INLINE void qat_dequantize_rows_body(const qat_codes *codes, int64_t first, int64_t rows,
                                         int64_t columns, int64_t stride, float *x,
                                         int64_t x_stride) {
  const float scale = codes->scale;
  const int32_t zero = codes->zero;
  if (codes->is_signed) { ROWS(int8_t) } else { ROWS(uint8_t) }
}
QAT_VERSIONS(qat_dequantize_rows,
             (const qat_codes *codes, int64_t first, int64_t rows, int64_t columns, int64_t stride,
              float *x, int64_t x_stride),
             (codes, first, rows, columns, stride, x, x_stride))

QAT_INLINE void qat_dequantize_s32_body(int64_t outer, int64_t channels, int64_t inner,
                                        const int32_t *q, const float *scale, const int32_t *zero,
                                        float *x) {
  FOR_CHANNELS({
    for (int64_t i = 0; i < inner; i++)
      x[at + i] = (float)(int32_t)((uint32_t)q[at + i] - (uint32_t)zero_c) * scale_c;
  })
}
QAT_VERSIONS(qat_dequantize_s32,
             (int64_t outer, int64_t channels, int64_t inner, const int32_t *q, const float *scale,
              const int32_t *zero, float *x),
             (outer, channels, inner, q, scale, zero, x))

QAT_INLINE void qat_inside_mask_body(int64_t outer, int64_t channels, int64_t inner, const float *x,
                                     const float *scale, const int32_t *zero, int32_t lo,
                                     int32_t hi, uint8_t *mask) {
  FOR_CHANNELS({
    const float low = (float)(lo - zero_c), high = (float)(hi - zero_c);
    for (int64_t i = 0; i < inner; i++) mask[at + i] = is_inside(x[at + i], scale_c, low, high);
  })
}
QAT_VERSIONS(qat_inside_mask,
             (int64_t outer, int64_t channels, int64_t inner, const float *x, const float *scale,
              const int32_t *zero, int32_t lo, int32_t hi, uint8_t *mask),
             (outer, channels, inner, x, scale, zero, lo, hi, mask))

// Runs `body` for each run of elements in blocks of `block` neighbours along the channels: `count`
// elements from `at`, with parameters from `p` that are `step` apart.
#define FOR_BLOCKS(...)                                                                     \
  const int64_t blocks = qat_ceil_div(channels, block);                                     \
  for (int64_t o = 0; o < outer; o++) {                                                     \
    if (inner == 1) {                                                                       \
      for (int64_t b = 0; b < blocks; b++) {                                                \
        const int64_t at = o * channels + b * block, p = o * blocks + b;                    \
        const int64_t count = qat_min(block, channels - b * block);                         \
        enum { step = 0 };                                                                  \
        __VA_ARGS__                                                                         \
      }                                                                                     \
    } else {                                                                                \
      for (int64_t c = 0; c < channels; c++) {                                              \
        const int64_t at = (o * channels + c) * inner, p = (o * blocks + c / block) * inner; \
        const int64_t count = inner;                                                        \
        enum { step = 1 };                                                                  \
        __VA_ARGS__                                                                         \
      }                                                                                     \
    }                                                                                       \
  }

QAT_INLINE void qat_fake_quantize_blocks_body(int64_t outer, int64_t channels, int64_t inner,
                                              int64_t block, const float *x, const float *scale,
                                              const int32_t *zero, int32_t lo, int32_t hi,
                                              float *y) {
  FOR_BLOCKS({
    for (int64_t i = 0; i < count; i++) {
      const float s = scale[p + i * step];
      const int32_t z = zero[p + i * step];
      const float t = steps_of(x[at + i], s, (float)(lo - z), (float)(hi - z));
      y[at + i] = (float)(int32_t)t * s;
    }
  })
}
QAT_VERSIONS(qat_fake_quantize_blocks,
             (int64_t outer, int64_t channels, int64_t inner, int64_t block, const float *x,
              const float *scale, const int32_t *zero, int32_t lo, int32_t hi, float *y),
             (outer, channels, inner, block, x, scale, zero, lo, hi, y))

QAT_INLINE void qat_fake_quantize_blocks_gradient_body(
    int64_t outer, int64_t channels, int64_t inner, int64_t block, const float *x,
    const float *scale, const int32_t *zero, int32_t lo, int32_t hi, const float *dy, float *dx) {
  FOR_BLOCKS({
    for (int64_t i = 0; i < count; i++) {
      const int32_t z = zero[p + i * step];
      const float g = dy[at + i];
      dx[at + i] =
          is_inside(x[at + i], scale[p + i * step], (float)(lo - z), (float)(hi - z)) ? g : 0;
    }
  })
}
QAT_VERSIONS(qat_fake_quantize_blocks_gradient,
             (int64_t outer, int64_t channels, int64_t inner, int64_t block, const float *x,
              const float *scale, const int32_t *zero, int32_t lo, int32_t hi, const float *dy,
              float *dx),
             (outer, channels, inner, block, x, scale, zero, lo, hi, dy, dx))

QAT_INLINE void qat_apply_mask_body(int64_t count, const float *x, const uint8_t *mask, float *y) {
  for (int64_t i = 0; i < count; i++) {
    const float value = x[i];
    y[i] = mask[i] ? value : 0;
  }
}
QAT_VERSIONS(qat_apply_mask, (int64_t count, const float *x, const uint8_t *mask, float *y),
             (count, x, mask, y))
