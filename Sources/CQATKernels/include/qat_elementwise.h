// Element-wise float32 operations, reductions, copies between layouts.
//
// Reductions add in blocks of fixed size with a fixed tree: the order of a sum is a function of its
// length alone.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "qat_pool.h"

typedef enum {
  QAT_ADD, QAT_SUBTRACT, QAT_MULTIPLY, QAT_DIVIDE, QAT_MINIMUM, QAT_MAXIMUM, QAT_POWER,
  QAT_PRELU,
} qat_binary;
// y[i] = a[i * a_stride] op b[i * b_stride]; strides 0 or 1. MINIMUM and MAXIMUM pass NaNs on.
// PRELU: b is the slope below 0.
void qat_binary_f32(qat_binary op, int64_t count, const float *a, int a_stride, const float *b,
                    int b_stride, float *y);

typedef enum {
  QAT_RELU, QAT_LEAKY_RELU, QAT_CLIP, QAT_ABS, QAT_NEGATE, QAT_SQRT, QAT_RECIPROCAL, QAT_FLOOR,
  QAT_CEIL, QAT_ROUND, QAT_EXP, QAT_LOG, QAT_SIGMOID, QAT_TANH, QAT_ERF, QAT_GELU, QAT_GELU_TANH,
  QAT_SWISH, QAT_MISH, QAT_HARD_SIGMOID, QAT_HARD_SWISH, QAT_ELU, QAT_SOFTPLUS, QAT_SIN, QAT_COS,
} qat_unary;
// y = op(x). Parameters: LEAKY_RELU slope p; CLIP p...q (NaN passes); HARD_SIGMOID
// clamp(p x + q, 0, 1); ELU p (exp(x) - 1) below 0, q x above; SWISH x sigmoid(p x). ROUND: half to
// even. LOG, SIN, COS and POWER use the C library; the others the project's own exp and its
// relatives (within 3 units in the last place), the same bits everywhere.
void qat_unary_f32(qat_unary op, int64_t count, const float *x, float p, float q, float *y);
// dx = dy * op'(x), y = op(x) as computed forward. For RELU, LEAKY_RELU, CLIP (0 outside, 1 on the
// borders), SIGMOID, TANH, EXP, GELU, SWISH, MISH, HARD_SIGMOID, HARD_SWISH, ELU, SOFTPLUS, SQRT.
void qat_unary_gradient_f32(qat_unary op, int64_t count, const float *x, const float *y,
                            const float *dy, float p, float q, float *dx);

// y += alpha * x
void qat_axpy_f32(int64_t count, float alpha, const float *x, float *y);
// y = value
void qat_fill_f32(int64_t count, float value, float *y);

float qat_sum_f32(int64_t count, const float *x);
float qat_sum_squares_f32(int64_t count, const float *x);
float qat_dot_f32(int64_t count, const float *a, const float *b);
// Lowest and highest finite-or-not value; true when every element is finite, else a NaN may have
// been left out of them. An empty array gives +infinity, -infinity.
bool qat_range_f32(int64_t count, const float *x, float *lowest, float *highest);

// The range of each channel of x [outer][channels][inner], none of them 0; NaN, in both, where there
// is one. Infinities count as numbers.
void qat_channel_ranges_f32(int64_t outer, int64_t channels, int64_t inner, const float *x,
                            float *lowest, float *highest);

// Counts `outer` runs of `inner` finite elements, `stride` apart: counts[b] += 1 for each x with
// b = half + floor(x * per_unit), kept inside 0...2 * half - 1. Exact where per_unit is a power of two.
void qat_histogram_f32(int64_t outer, int64_t stride, int64_t inner, const float *x, float per_unit,
                       int32_t half, int64_t *counts);

typedef enum { QAT_SUM, QAT_MEAN, QAT_MIN, QAT_MAX, QAT_SUM_SQUARES } qat_reduction;
// y[outer][inner] from x[outer][axis][inner]. An empty axis gives 0, NaN (mean) or the infinities.
void qat_reduce_f32(qat_reduction op, int64_t outer, int64_t axis, int64_t inner, const float *x,
                    float *y, qat_pool *pool);

// index[outer][inner]: where the largest, or smallest, element of x[outer][axis][inner] stands along
// the axis, which is not empty; of those that tie the first, or the last. NaN beats every number.
void qat_arg_extremum_f32(bool smallest, bool last, int64_t outer, int64_t axis, int64_t inner,
                          const float *x, int64_t *index);

// The first k elements of x[outer][axis][inner] along the axis, were it sorted from the largest (or the
// smallest) on, and where they stand: [outer][k][inner], values NULL where not wanted. Of those that tie
// the first comes first; NaN is above every number. k <= axis.
void qat_top_f32(int64_t outer, int64_t axis, int64_t inner, int64_t k, bool largest,
                 const float *x, float *values, int64_t *indices, qat_pool *pool);

// 16-bit floats, as their bits, to float (exactly) and back (to nearest, ties to even).
void qat_widen_f16(int64_t count, const uint16_t *x, float *y);
void qat_widen_bf16(int64_t count, const uint16_t *x, float *y);
void qat_round_f16(int64_t count, const float *x, uint16_t *y);
void qat_round_bf16(int64_t count, const float *x, uint16_t *y);

// Copies a box of up to 8 dimensions of 1-, 2-, 4- or 8-byte elements between strided layouts
// (strides in elements): transposes, slices, concatenations, broadcasts (stride 0).
void qat_copy_strided(int rank, const int64_t *shape, int element_bytes, const void *from,
                      const int64_t *from_strides, void *to, const int64_t *to_strides);

// Copies parts of `bytes` bytes: part targets[i] of `to` from part sources[i] of `from`. NULL
// stands for 0, 1, 2, ….
void qat_copy_parts(int64_t count, int64_t bytes, const void *from, const int64_t *sources,
                    void *to, const int64_t *targets);

// y [planes][rows][columns] of x [planes][in_rows][in_columns]: the element in row `row_at[r]` and
// column `column_at[c]`. Elements of 1, 2, 4 or 8 bytes.
void qat_take_grid(int64_t planes, int64_t in_rows, int64_t in_columns, int64_t rows,
                   int64_t columns, const int64_t *row_at, const int64_t *column_at,
                   int element_bytes, const void *x, void *y, qat_pool *pool);

// Two neighbours of each element of an axis of `count`, and their shares: at[2 * i], at[2 * i + 1].
typedef struct { int64_t count; const int64_t *at; const float *weights; } qat_neighbours;
// y [planes][rows.count][columns.count] of x [planes][in_rows][in_columns], interpolated along the
// rows first.
void qat_interpolate_f32(int64_t planes, int64_t in_rows, int64_t in_columns, qat_neighbours rows,
                         qat_neighbours columns, const float *x, float *y, qat_pool *pool);

// [rows][columns] bytes to [columns][rows]; strides of a row.
void qat_transpose_bytes(int64_t rows, int64_t columns, const uint8_t *from, int64_t stride,
                         uint8_t *to, int64_t to_stride);
// The same of four-byte elements, strides in elements.
void qat_transpose_words(int64_t rows, int64_t columns, const void *from, int64_t stride, void *to,
                         int64_t to_stride);
