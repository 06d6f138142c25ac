// Two-dimensional pooling over planes: x is [planes][in_height][in_width], y [planes][out_height]
// [out_width], a plane one image's channel.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "qat_pool.h"

// The window of output (y, x) starts at input (y * stride_y - pad_top, x * stride_x - pad_left).
// `pad_bottom` and `pad_right` matter only to averages that count padding; the output size is
// given, so ceil mode is too.
typedef struct {
  int64_t planes, in_height, in_width, out_height, out_width;
  int64_t kernel_height, kernel_width, stride_y, stride_x, dilation_y, dilation_x;
  int64_t pad_top, pad_left, pad_bottom, pad_right;
} qat_pool_shape;

// y = the largest element of the window inside the image (NaN wins; -infinity where there is none).
// `indices`, or NULL: where it was, plane * in_height * in_width + row * in_width + column, the
// first of equals; -1 where there is none.
void qat_maxpool_f32(const qat_pool_shape *shape, const float *x, float *y, int64_t *indices,
                     qat_pool *pool);
// dx = 0, then dx[indices[i]] += dy[i]. Windows of a plane stay inside it.
void qat_maxpool_f32_gradient(const qat_pool_shape *shape, const float *dy, const int64_t *indices,
                              float *dx, qat_pool *pool);
// The same on codes; the lowest code where a window is empty. Images are [planes / channels][height]
// [width][channels]: `channels` is 1 for planes, and theirs where channels come last.
void qat_maxpool_s8(const qat_pool_shape *shape, int64_t channels, const void *x, bool is_signed,
                    void *y, qat_pool *pool);

// y = sum of the window in row order / n; n counts what lies inside the image, or with
// `count_padding` inside the padded image.
void qat_averagepool_f32(const qat_pool_shape *shape, const float *x, bool count_padding, float *y,
                         qat_pool *pool);
void qat_averagepool_f32_gradient(const qat_pool_shape *shape, const float *dy, bool count_padding,
                                  float *dx, qat_pool *pool);

// Codes, with the rule of ONNX Runtime's QLinearAveragePool: dequantize each, sum in row order,
// divide by n, then clamp(rint(v / y_scale + y_zero), lo, hi).
// `channels` as in `qat_maxpool_s8`.
void qat_qlinear_averagepool(const qat_pool_shape *shape, int64_t channels, const void *x,
                             bool is_signed, float x_scale, int32_t x_zero, float y_scale,
                             int32_t y_zero, bool count_padding, int32_t lo, int32_t hi, void *y,
                             qat_pool *pool);
// clamp(rint(f32(acc) * ratio) + y_zero), acc = sum of (x - x_zero) over a plane of `pixels`;
// ratio = x_scale / (y_scale * pixels). Codes stay in `is_signed`'s type.
void qat_qlinear_global_averagepool(int64_t planes, int64_t channels, int64_t pixels, const void *x,
                                    bool is_signed, int32_t x_zero, float ratio, int32_t y_zero,
                                    int32_t lo, int32_t hi, void *y);
