// What the float convolutions with channels last share.
#pragma once
#include "../float_gemm/kernel.h"
#include "../include/qat_channels_last.h"
#include "shape.h"

enum { QAT_LANES = 16, QAT_CHUNK = 32 * QAT_TILE_ROWS };

// Where images are read: pixels of `stride` floats.
typedef struct {
  const float *start;
  int64_t height, width, stride;
} qat_source;

// Pixels of a result, in tables that a tile reads as vectors. A pixel sees the source from row `y`
// and column `x` on, element `from`; `to` is its own place.
typedef struct {
  int32_t y[QAT_CHUNK + QAT_LANES], x[QAT_CHUNK + QAT_LANES];
  int64_t from[QAT_CHUNK + QAT_LANES], to[QAT_CHUNK + QAT_LANES];
} qat_pixels;

// Every step_y-th row and step_x-th column of a result, from (first_y, first_x) on; pixel (r, c) of
// the grid sees the source from (r * source_step_y, c * source_step_x) on.
typedef struct {
  int64_t rows, columns, first_y, first_x, step_y, step_x, source_step_y, source_step_x;
  int64_t height, width;          // of the result
} qat_grid;

// Fills the tables with pixels first ..< first + count of the grid, counted over all images;
// `stride`: floats of a pixel of the result.
void qat_find_pixels(const qat_grid *grid, const qat_source *source, int64_t stride, int64_t first,
                     int64_t count, qat_pixels *pixels);
// rows[t * 16 + i]: where the source is that pixel `first` + i sees through tap t, or `zero` outside
// the image.
void qat_find_rows(const qat_pixels *pixels, int64_t first, const qat_source *source, int64_t taps,
                   const int32_t *tap_y, const int32_t *tap_x, const float *zero,
                   const float **rows);

// A convolution with few channels reads a copy of its images with the padding in place, in which the
// columns of a kernel's row are neighbours.
QAT_INLINE bool pads_images(const qat_conv_shape *s) {
  return s->in_channels < 8 && s->groups == 1 && s->dilation_x == 1 && !is_pointwise(s);
}
QAT_INLINE int64_t padded_height(const qat_conv_shape *s) {
  return (s->out_height - 1) * s->stride_y + (s->kernel_height - 1) * s->dilation_y + 1;
}
QAT_INLINE int64_t padded_width(const qat_conv_shape *s) {
  return (s->out_width - 1) * s->stride_x + (s->kernel_width - 1) * s->dilation_x + 1;
}
QAT_INLINE int64_t padded_size(const qat_conv_shape *s) {
  return pads_images(s) ? s->batch * padded_height(s) * padded_width(s) * s->in_channels : 0;
}
// Makes that copy, of floats or of codes.
void qat_pad_images(const qat_conv_shape *s, const float *x, const qat_codes *codes, float *padded,
                    qat_pool *pool);

// Groups of images that gradients of weights are summed over one by one, `floats` sums each: threads take
// one each, and they are added in order.
QAT_INLINE int64_t qat_image_groups(const qat_conv_shape *s, int64_t floats) {
  enum { GROUPS = 8, MOST = 1 << 20 };
  return qat_max(1, qat_min(qat_min(GROUPS, s->batch), MOST / floats));
}
// sums += x
void qat_add_to(int64_t count, const float *x, float *sums);

// One output channel for each input channel. Weights are packed as [tap][channel].
QAT_INLINE bool qat_is_plain_depthwise(const qat_conv_shape *s) {
  return is_depthwise(s) && s->out_channels == s->in_channels;
}
void qat_depthwise_nhwc(const qat_conv_shape *s, const float *x, const float *packed,
                        const qat_conv_epilogue *epilogue, float *y, qat_pool *pool);
void qat_depthwise_nhwc_input_gradient(const qat_conv_shape *s, const float *dy,
                                       const float *packed, float *dx, qat_pool *pool);
void qat_depthwise_nhwc_weight_gradient(const qat_conv_shape *s, const float *dy, const float *x,
                                        float *dw, qat_pool *pool, float *scratch);
size_t qat_depthwise_nhwc_scratch(const qat_conv_shape *s);
size_t qat_conv_nhwc_forward_scratch(const qat_conv_shape *s, int threads);

// Gradients of inputs with few channels, summed by pixels of the result instead of the input. Packed
// weights: [column of the kernel][row][input channel][output channel].
QAT_INLINE bool qat_is_scattered(const qat_conv_shape *s) {
  return pads_images(s) && taps(s) > 1;
}
size_t qat_scattered_packed_size(const qat_conv_shape *s);
void qat_scattered_pack(const qat_conv_shape *s, const float *w, float *packed);
size_t qat_scattered_scratch(const qat_conv_shape *s, int threads);
void qat_scattered_input_gradient(const qat_conv_shape *s, const float *dy, const float *packed,
                                  float *dx, qat_pool *pool, void *scratch);

// Kernels of 3 x 3 that minimal filtering is faster for, and gradients of their inputs: those of the
// shape that has inputs and results exchanged, with its kernels turned by half a turn. Packed weights are
// panels of up to 32 output channels: [position][channel][32].
bool qat_is_winograd(const qat_conv_shape *s);
// Whether that makes sixteen results at a time, where they are not of bfloat16.
bool qat_is_large_winograd(const qat_conv_shape *s);
qat_conv_shape qat_winograd_gradient(const qat_conv_shape *s);
size_t qat_winograd_packed_size(const qat_conv_shape *s);
void qat_winograd_pack(const qat_conv_shape *s, const float *w, bool turned, float *packed,
                       qat_pool *pool);
size_t qat_winograd_scratch(const qat_conv_shape *s, int threads);
void qat_winograd_nhwc(const qat_conv_shape *s, const float *x, const float *packed,
                       const qat_conv_epilogue *epilogue, float *y, qat_pool *pool, void *scratch);
size_t qat_winograd_gradient_scratch(const qat_conv_shape *s, int threads);
void qat_winograd_weight_gradient(const qat_conv_shape *s, const float *dy, const float *x,
                                  const qat_codes *codes, float *dw, qat_pool *pool,
                                  void *scratch);
