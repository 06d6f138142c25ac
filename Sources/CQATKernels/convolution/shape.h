// What the convolutions derive from a shape; every partition below is a function of it alone.
#pragma once
#include "../internal.h"

typedef struct { int64_t first, last; } range;

// Output columns whose input column, seen through kernel column `j`, lies inside the image.
QAT_INLINE range valid_columns(const qat_conv_shape *s, int64_t j) {
  const int64_t offset = j * s->dilation_x - s->pad_left;
  const int64_t first = offset >= 0 ? 0 : qat_ceil_div(-offset, s->stride_x);
  const int64_t end = s->in_width - offset;  // x * stride < end
  const int64_t last = end <= 0 ? 0 : qat_min(s->out_width, qat_ceil_div(end, s->stride_x));
  return (range){qat_min(first, s->out_width), qat_max(last, 0)};
}

// Bytes up to where the next piece of scratch memory begins.
QAT_INLINE size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

QAT_INLINE int64_t channels_of_group(const qat_conv_shape *s) {
  return s->groups == 1 ? s->in_channels : s->in_channels / s->groups;
}
QAT_INLINE int64_t results_of_group(const qat_conv_shape *s) {
  return s->groups == 1 ? s->out_channels : s->out_channels / s->groups;
}
QAT_INLINE int64_t taps(const qat_conv_shape *s) { return s->kernel_height * s->kernel_width; }
QAT_INLINE int64_t depth(const qat_conv_shape *s) { return channels_of_group(s) * taps(s); }
QAT_INLINE int64_t in_plane(const qat_conv_shape *s) { return s->in_height * s->in_width; }
QAT_INLINE int64_t out_plane(const qat_conv_shape *s) { return s->out_height * s->out_width; }

// A 1 x 1 kernel that visits every pixel: the image already is its matrix of columns.
QAT_INLINE bool is_pointwise(const qat_conv_shape *s) {
  return taps(s) == 1 && s->stride_y == 1 && s->stride_x == 1 && s->pad_top == 0
         && s->pad_left == 0 && s->in_height == s->out_height && s->in_width == s->out_width;
}
// A 3 x 3 kernel at every pixel, with channels enough for minimal filtering: `least` of inputs and results.
QAT_INLINE bool is_filter(const qat_conv_shape *s, int64_t least) {
  return s->kernel_height == 3 && s->kernel_width == 3 && s->stride_y == 1 && s->stride_x == 1
         && s->dilation_y == 1 && s->dilation_x == 1 && s->groups == 1
         && qat_min(s->in_channels, s->out_channels) >= least;
}
QAT_INLINE bool is_depthwise(const qat_conv_shape *s) {
  return channels_of_group(s) == 1 && s->groups > 1;
}

void qat_depthwise_f32(const qat_conv_shape *shape, const float *x, const float *w,
                       const float *bias, float *y, qat_pool *pool);
void qat_depthwise_f32_input_gradient(const qat_conv_shape *shape, const float *dy, const float *w,
                                      float *dx, qat_pool *pool);
void qat_depthwise_f32_weight_gradient(const qat_conv_shape *shape, const float *dy, const float *x,
                                       float *dw, qat_pool *pool);
