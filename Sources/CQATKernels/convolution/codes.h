// Convolutions of codes inside: images and results channels last.
#pragma once
#include "../integer_gemm/kernel.h"
#include "shape.h"

// A way to convolve: what qat_convolution.h says of packing, scratch memory and convolving.
typedef struct {
  size_t (*packed_size)(const qat_conv_shape *shape);
  void (*pack)(const qat_conv_shape *shape, const void *w, bool w_signed, void *packed,
               void *scratch);
  size_t (*scratch)(const qat_conv_shape *shape, int threads);
  void (*convolve)(const qat_igemm_kernel *kernel, const qat_conv_shape *shape,
                   const qat_conv_s8_arguments *arguments, qat_pool *pool, void *scratch);
} code_convolution;

// Any weights; see dense.c.
size_t qat_dense_packed_size(const qat_conv_shape *shape);
void qat_dense_pack(const qat_conv_shape *shape, const void *w, bool w_signed, void *packed,
                    void *scratch);
size_t qat_dense_scratch(const qat_conv_shape *shape, int threads);
void qat_dense_s8(const qat_igemm_kernel *kernel, const qat_conv_shape *shape,
                  const qat_conv_s8_arguments *arguments, qat_pool *pool, void *scratch);

// Weights of one channel a group: see depthwise_codes.h.
size_t qat_depthwise_packed_size(const qat_conv_shape *shape);
void qat_depthwise_pack(const qat_conv_shape *shape, const void *w, bool w_signed, void *packed,
                        void *scratch);
size_t qat_depthwise_scratch(const qat_conv_shape *shape, int threads);
void qat_depthwise_s8(const qat_igemm_kernel *kernel, const qat_conv_shape *shape,
                      const qat_conv_s8_arguments *arguments, qat_pool *pool, void *scratch);

// Signed weights without zero points of 3 x 3 kernels: see winograd_codes.h.
size_t qat_winograd_codes_packed_size(const qat_conv_shape *shape);
void qat_winograd_codes_pack(const qat_conv_shape *shape, const void *w, bool w_signed,
                             void *packed, void *scratch);
size_t qat_winograd_codes_scratch(const qat_conv_shape *shape, int threads);
void qat_winograd_codes(const qat_igemm_kernel *kernel, const qat_conv_shape *shape,
                        const qat_conv_s8_arguments *arguments, qat_pool *pool, void *scratch);

// start[j] = bias[j] - za * sums[j] + k * za * (zeros[j] - shift), modulo 2^32: what the sums of a
// column start from.
void qat_conv_starts(int64_t n, int64_t k, const int32_t *sums, uint32_t za, const int32_t *zeros,
                     uint32_t shift, const int32_t *bias, int32_t *start);
// Whether all of m are in 0 ..< 1.
void qat_below_one(int64_t n, const float *m, bool *all);
// to = from ^ flip.
void qat_copy_flipped(int64_t count, const uint8_t *from, uint8_t flip, uint8_t *to);

// Input lines (or columns) that `count` output ones see.
QAT_INLINE int64_t lines_of(int64_t count, int64_t stride, int64_t kernel, int64_t dilation) {
  return (count - 1) * stride + (kernel - 1) * dilation + 1;
}

QAT_INLINE int64_t element_size(qat_conv_result result) { return result == QAT_CONV_CODES ? 1 : 4; }
QAT_INLINE int64_t padded(int64_t bytes) { return qat_round_up(bytes, 64); }
