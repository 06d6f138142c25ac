// Float kernels over images with channels last: [batch][height][width][channels].
//
// How a sum is partitioned depends on shapes alone: not on threads, nor on the instruction set.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "qat_quantize.h"
#include "qat_convolution.h"
#include "qat_pooling.h"

// Convolutions. Weights, and gradients of weights, are [out_channels][in_channels / groups]
// [kernel_height][kernel_width] as in qat_convolution.h; they are packed for the kernels, once where
// they do not change. An element of a result is a sum over blocks of 256 along (kernel row, kernel
// column, channel), in order; in a block one fused multiply-add after the other.
//
// Kernels of 3 x 3 with stride 1 and 16 channels or more work on squares of 4 x 4 results instead, with 36
// products for 144, or of 2 x 2 with 16 products for 36, where images or caches are too small for the
// former (float_winograd.c). Pixels are subtracted before they are multiplied and products after it, and
// each rounds: with 2 x 2 to about the error of a sum of products, with 4 x 4 to 2 - 3 times that, 5e-7 to
// 1e-6 of a typical result. An infinite input makes NaN of results of its squares. In bfloat16 it is their
// differences of pixels, and sums of weights, that round: 1.7 times the error of rounding pixels and
// weights with 2 x 2, and 4 x 4 is not used.
//
// Gradients of inputs with fewer than 8 channels add what each pixel of the result contributes, in their
// order: a sum over its channels for each tap (float_scattered.c).

// What is done to a result before it is stored, in this order.
typedef struct {
  const float *bias;        // one an output channel, or NULL
  const float *residual;    // shaped like the result: added, or NULL
  bool clamps;              // keeps it inside low...high; a NaN passes
  float low, high;
} qat_conv_epilogue;

// Whether bfloat16 makes it faster. Depthwise ones wait for memory; squares of 4 x 4 in float32 are as fast
// as anything but tiles, and round less.
bool qat_conv_nhwc_gains_from_bf16(const qat_conv_shape *shape);
// Floats of packed weights, 64-byte aligned, and packing them.
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
// dw from dy: sums over blocks of about 256 pixels, then over groups of images, in order. Where `codes` is
// not NULL they are x, with the same result as the numbers they stand for, and scratch memory is that of
// codes; not for depthwise convolutions.
void qat_conv_nhwc_weight_gradient(const qat_conv_shape *shape, const float *dy, const float *x,
                                   const qat_codes *codes, float *dw, qat_pool *pool,
                                   void *scratch);
size_t qat_conv_nhwc_codes_scratch(const qat_conv_shape *shape, int threads);

// Batch normalisation of `pixels` rows of channels; formulas as in qat_normalization.h. The
// statistics are found in one reading: those of blocks of 64 pixels in two passes, joined as in Chan
// et al. (Updating formulae and a pairwise algorithm for computing sample variances, 1979).
// `scratch`: qat_batchnorm_nhwc_scratch bytes.
size_t qat_batchnorm_nhwc_scratch(int64_t channels);
void qat_batchnorm_nhwc_statistics(int64_t pixels, int64_t channels, const float *x, float *mean,
                                   float *variance, qat_pool *pool, void *scratch);
void qat_batchnorm_nhwc_apply(int64_t pixels, int64_t channels, const float *x, const float *mean,
                              const float *variance, const float *gamma, const float *beta,
                              float epsilon, float *y, qat_pool *pool);
// Through the statistics of x, which are found together with the sums of dy.
void qat_batchnorm_nhwc_gradient(int64_t pixels, int64_t channels, const float *dy, const float *x,
                                 const float *gamma, float epsilon, float *dx, float *dgamma,
                                 float *dbeta, qat_pool *pool, void *scratch);

// Sums of the columns of x [pixels][channels]: the gradient of a bias. The scratch of batch-norm.
void qat_channel_sums_nhwc(int64_t pixels, int64_t channels, const float *x, float *sums,
                           qat_pool *pool, void *scratch);

// Pooling; `planes` of the shape is not read. As in qat_pooling.h, without indices: the gradient of a
// maximum finds the first largest element of each window again.
void qat_maxpool_nhwc(const qat_pool_shape *shape, int64_t batch, int64_t channels, const float *x,
                      float *y, qat_pool *pool);
void qat_maxpool_nhwc_gradient(const qat_pool_shape *shape, int64_t batch, int64_t channels,
                               const float *x, const float *dy, float *dx, qat_pool *pool);
void qat_averagepool_nhwc(const qat_pool_shape *shape, int64_t batch, int64_t channels,
                          const float *x, bool count_padding, float *y, qat_pool *pool);
void qat_averagepool_nhwc_gradient(const qat_pool_shape *shape, int64_t batch, int64_t channels,
                                   const float *dy, bool count_padding, float *dx, qat_pool *pool);
// y[batch][channels] = the mean of x[batch][pixels][channels] over its pixels, and its gradient.
void qat_global_averagepool_nhwc(int64_t batch, int64_t pixels, int64_t channels, const float *x,
                                 float *y, qat_pool *pool);
void qat_global_averagepool_nhwc_gradient(int64_t batch, int64_t pixels, int64_t channels,
                                          const float *dy, float *dx, qat_pool *pool);

// y[batch][columns][rows] from x[batch][rows][columns]: NCHW to NHWC with rows = channels and
// columns = pixels, and back.
void qat_transpose_images_f32(int64_t batch, int64_t rows, int64_t columns, const float *x,
                              float *y, qat_pool *pool);
