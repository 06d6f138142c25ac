// Float kernels over images with channels last: [batch][height][width][channels].
//
// How a sum is partitioned depends on shapes alone: not on threads, nor on the instruction set.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "qat_convolution.h"
#include "qat_pooling.h"

// Convolutions. Weights, and gradients of weights, are [out_channels][in_channels / groups]
// [kernel_height][kernel_width] as in qat_convolution.h; they are packed for the kernels, once where
// they do not change. An element of a result is a sum over blocks of 256 along (kernel row, kernel
// column, channel), in order; in a block one fused multiply-add after the other.

// What is done to a result before it is stored, in this order.
typedef struct {
  const float *bias;        // one an output channel, or NULL
  const float *residual;    // shaped like the result: added, or NULL
  bool clamps;              // keeps it inside low...high; a NaN passes
  float low, high;
} qat_conv_epilogue;

// Floats of packed weights, 64-byte aligned, and packing them. Used under the same CPU limit.
size_t qat_conv_nhwc_packed_size(const qat_conv_shape *shape);
void qat_conv_nhwc_pack(const qat_conv_shape *shape, const float *w, float *packed,
                        qat_pool *pool);
size_t qat_conv_nhwc_gradient_packed_size(const qat_conv_shape *shape);
void qat_conv_nhwc_gradient_pack(const qat_conv_shape *shape, const float *w, float *packed,
                                 qat_pool *pool);
// Bytes of 64-byte aligned scratch memory for any of the three below.
size_t qat_conv_nhwc_scratch(const qat_conv_shape *shape, int threads);
// y = epilogue(conv(x, w)); `epilogue` may be NULL. `packed` by qat_conv_nhwc_pack.
void qat_conv_nhwc(const qat_conv_shape *shape, const float *x, const float *packed,
                   const qat_conv_epilogue *epilogue, float *y, qat_pool *pool, void *scratch);
// dx from dy. `packed` by qat_conv_nhwc_gradient_pack.
void qat_conv_nhwc_input_gradient(const qat_conv_shape *shape, const float *dy,
                                  const float *packed, float *dx, qat_pool *pool, void *scratch);
// dw from dy: sums over blocks of about 256 pixels, then over groups of images, in order.
void qat_conv_nhwc_weight_gradient(const qat_conv_shape *shape, const float *dy, const float *x,
                                   float *dw, qat_pool *pool, void *scratch);
