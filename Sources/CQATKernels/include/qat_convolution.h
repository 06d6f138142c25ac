// Two-dimensional convolution.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "qat_integer_gemm.h"
#include "qat_pool.h"

// Images [batch][in_channels][in_height][in_width], weights [out_channels][in_channels / groups]
// [kernel_height][kernel_width], results [batch][out_channels][out_height][out_width]. Output pixel
// (y, x) sees input rows y * stride_y - pad_top + i * dilation_y; what lies outside counts as 0 (as
// the zero point for codes), so padding at the bottom and right is implied by the output size.
typedef struct {
  int64_t batch, in_channels, in_height, in_width;
  int64_t out_channels, out_height, out_width;
  int64_t kernel_height, kernel_width, groups;
  int64_t stride_y, stride_x, dilation_y, dilation_x, pad_top, pad_left;
  bool bf16;     // a float convolution of bfloat16: see qat_float_gemm.h
  bool minimal;  // an integer one by minimal filtering: `qat_conv_s8_is_minimal`
} qat_conv_shape;

// Bytes of 64-byte aligned scratch memory that the float functions need with `threads` threads.
size_t qat_conv_f32_scratch(const qat_conv_shape *shape, int threads);
// y = conv(x, w) + bias (NULL: none). An image's result does not depend on the batch.
void qat_conv_f32(const qat_conv_shape *shape, const float *x, const float *w, const float *bias,
                  float *y, qat_pool *pool, void *scratch);
// dx: the gradient of the input from that of the result.
void qat_conv_f32_input_gradient(const qat_conv_shape *shape, const float *dy, const float *w,
                                 float *dx, qat_pool *pool, void *scratch);
// dw: the gradient of the weights, summed over images in order.
void qat_conv_f32_weight_gradient(const qat_conv_shape *shape, const float *dy, const float *x,
                                  float *dw, qat_pool *pool, void *scratch);
// db[m] = sum of dy over images and pixels.
void qat_conv_f32_bias_gradient(const qat_conv_shape *shape, const float *dy, float *db,
                                qat_pool *pool);

// Whether minimal filtering with 4 x 4 results at a time, which gives the same sums, is the faster way
// to convolve codes on this CPU: kernels of 3 x 3 at every pixel, with signed weights whose zero points
// are 0. The caller decides, says so in `shape.minimal`, and packs and convolves with that shape. The
// packed weights take eight times the bytes of the others.
bool qat_conv_s8_is_minimal(const qat_conv_shape *shape);

// Weights packed for the integer convolution, for every kernel: bytes of 64-byte aligned memory, and
// packing. `scratch` holds as many bytes as there are weights.
size_t qat_conv_s8_packed_size(const qat_conv_shape *shape);
void qat_conv_s8_pack(const qat_conv_shape *shape, const void *w, bool w_signed, void *packed,
                      void *scratch);

typedef enum { QAT_CONV_SUMS, QAT_CONV_CODES, QAT_CONV_REALS } qat_conv_result;

// A QLinearAdd of the codes of a convolution and others in the place of y, channels last; ratios
// are scales over the scale of the result (`qat_qlinear_add`).
typedef struct {
  const void *codes;
  bool is_signed;                    // the other codes and y; the convolution's own, too
  bool is_first;                     // the others are operand a of the sum, else b
  float own_ratio, ratio;            // of the convolution's codes and of the others
  float fixed;                       // qat_qlinear_add_fixed
  int32_t lo, hi;                    // of the sum
} qat_conv_s8_sum;

typedef struct {
  const void *x;                     // u8 or s8
  bool x_signed, x_channels_last;    // NHWC instead of NCHW
  int32_t x_zero;
  const void *w;                     // packed
  bool w_signed;
  const int32_t *w_zero, *bias;      // one an output channel, or NULL for 0
  // What becomes of acc = bias + sum of (x - x_zero) * (w - w_zero), modulo 2^32:
  //   SUMS   int32 acc
  //   CODES  clamp(rint(f32(acc) * m) + zero, lo, hi), u8 or s8 (s8 where lo < 0); |zero| < 2^14
  //   REALS  float f32(acc) * m, or fma(f32(acc), m, offset)
  qat_conv_result result;
  const float *m;                    // one, or one an output channel
  bool m_scalar;
  const float *offset;               // one an output channel, or NULL
  int32_t zero, lo, hi;
  const qat_conv_s8_sum *add;        // to codes, channels last; or NULL
  void *y;
  bool y_channels_last;
} qat_conv_s8_arguments;
// Bytes of 64-byte aligned scratch memory; of the arguments only layouts, types and `result` matter.
size_t qat_conv_s8_scratch(const qat_conv_shape *shape, const qat_conv_s8_arguments *arguments,
                           int threads);
void qat_conv_s8(const qat_igemm_kernel *kernel, const qat_conv_shape *shape,
                 const qat_conv_s8_arguments *arguments, qat_pool *pool, void *scratch);

// Rows (channel, i, j) of channels first_channel ..< last_channel of one image, columns the pixels
// of output rows first_row ..< last_row: to[row * stride + pixel].
void qat_im2col_f32(const qat_conv_shape *shape, const float *image, int64_t first_channel,
                    int64_t last_channel, int64_t first_row, int64_t last_row, float *to,
                    int64_t stride);
// The same of codes; `pad` outside the image.
void qat_im2col_s8(const qat_conv_shape *shape, const uint8_t *image, int64_t first_channel,
                   int64_t last_channel, int64_t first_row, int64_t last_row, uint8_t pad,
                   uint8_t *to, int64_t stride);
// The adjoint of the former: adds each element of `from` to the pixel it came from.
void qat_col2im_f32(const qat_conv_shape *shape, const float *from, int64_t stride,
                    int64_t first_channel, int64_t last_channel, int64_t first_row,
                    int64_t last_row, float *image);
