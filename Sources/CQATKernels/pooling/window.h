// The windows of a pooling.
#pragma once
#include "../internal.h"

typedef struct { int64_t first, last, step; } span;  // input rows or columns, last excluded

// The part of a window along one axis that lies inside the image.
QAT_INLINE span inside(int64_t out, int64_t stride, int64_t pad, int64_t dilation, int64_t kernel,
                       int64_t size) {
  const int64_t start = out * stride - pad, end = start + (kernel - 1) * dilation + 1;
  const int64_t skipped = start < 0 ? qat_ceil_div(-start, dilation) : 0;
  return (span){start + skipped * dilation, qat_min(end, size), dilation};
}

QAT_INLINE int64_t length(span s) {
  return s.last <= s.first ? 0 : qat_ceil_div(s.last - s.first, s.step);
}

// Window positions along one axis that lie inside the padded image.
QAT_INLINE int64_t padded_length(int64_t out, int64_t stride, int64_t pad, int64_t dilation,
                                 int64_t kernel, int64_t size, int64_t pad_after) {
  const int64_t start = out * stride - pad;
  const int64_t end = qat_min(start + (kernel - 1) * dilation + 1, size + pad_after);
  return end <= start ? 0 : qat_ceil_div(end - start, dilation);
}

QAT_INLINE span rows_of(const qat_pool_shape *s, int64_t oy) {
  return inside(oy, s->stride_y, s->pad_top, s->dilation_y, s->kernel_height, s->in_height);
}
QAT_INLINE span columns_of(const qat_pool_shape *s, int64_t ox) {
  return inside(ox, s->stride_x, s->pad_left, s->dilation_x, s->kernel_width, s->in_width);
}

QAT_INLINE int64_t divisor(const qat_pool_shape *s, int64_t oy, int64_t ox, bool count_padding) {
  if (!count_padding) return length(rows_of(s, oy)) * length(columns_of(s, ox));
  return padded_length(oy, s->stride_y, s->pad_top, s->dilation_y, s->kernel_height, s->in_height,
                       s->pad_bottom)
         * padded_length(ox, s->stride_x, s->pad_left, s->dilation_x, s->kernel_width, s->in_width,
                         s->pad_right);
}

#define FOR_WINDOW(...)                                                         \
  for (int64_t oy = 0; oy < s->out_height; oy++) {                              \
    const span rows = rows_of(s, oy);                                           \
    for (int64_t ox = 0; ox < s->out_width; ox++) {                             \
      const span columns = columns_of(s, ox);                                   \
      const int64_t out = oy * s->out_width + ox;                               \
      __VA_ARGS__                                                               \
    }                                                                           \
  }
#define FOR_INSIDE(...)                                                         \
  for (int64_t r = rows.first; r < rows.last; r += rows.step)                   \
    for (int64_t c = columns.first; c < columns.last; c += columns.step) {      \
      const int64_t at = r * s->in_width + c;                                   \
      __VA_ARGS__                                                               \
    }
