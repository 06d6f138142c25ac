// float32 matrix products.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "qat_pool.h"
#include "qat_quantize.h"

// C = alpha * op(A) * op(B) + beta * C (+ bias), row-major, op the transpose where asked.
//
// Each element of C is a sum over blocks of 256 along k, in order; in a block one fused
// multiply-add after the other. So an element depends on its row of op(A) and its column of op(B)
// alone: not on m, n, the thread count or the instruction set.
typedef struct {
  int64_t m, n, k;
  const float *a;          // op(A) is m x k
  int64_t a_stride;        // of a stored row
  bool a_transposed;
  const float *b;          // op(B) is k x n
  int64_t b_stride;
  bool b_transposed;
  float *c;
  int64_t c_stride;
  float alpha, beta;       // beta == 0 does not read C
  const float *row_bias;   // m, added last, or NULL
  const float *column_bias;  // n, or NULL
  const float *b_packed;   // B packed beforehand, or NULL; `b` is then not read
  int64_t b_packed_columns;  // n as it was when packed
  const qat_codes *b_codes;  // B as codes, not transposed, or NULL; `b` is then not read
  bool bf16;               // of bfloat16: see below
} qat_sgemm_arguments;

// Floats of a packed B (64-byte aligned), and packing it: `x` holds B (k x n) or its transpose.
size_t qat_sgemm_packed_b_size(int64_t k, int64_t n);
void qat_sgemm_pack_b(int64_t k, int64_t n, const float *x, int64_t stride, bool transposed,
                      float *packed);

// Floats of scratch memory for one thread; the same for all shapes. 64-byte aligned.
size_t qat_sgemm_scratch(void);
void qat_sgemm(const qat_sgemm_arguments *arguments, float *scratch);
// `batch` products, whose A, B and C lie the given strides apart (0 shares one), in parallel.
// A packed B is used by every product of the batch.
// `scratch` holds qat_sgemm_scratch() floats for each thread of the pool.
void qat_sgemm_batch(const qat_sgemm_arguments *arguments, int64_t batch, int64_t a_step,
                     int64_t b_step, int64_t c_step, qat_pool *pool, float *scratch);
// Products of bfloat16: operands are rounded, to nearest even, products are exact and sums float32.
// With AMX, and with VDPBF16PS where that is faster, a product that says `bf16` has a kernel that
// rounds its operands itself, and sums in another order. Elsewhere the caller rounds them, through
// bfloat16, and the kernel is that of float32, whose products of bfloat16 are exact.
bool qat_sgemm_rounds(void);
void qat_round_through_bf16(int64_t count, const float *x, float *y, qat_pool *pool);
// The kernel in use: "avx512", "avx2", "scalar".
const char *qat_sgemm_name(void);
