// 8-bit matrix products with exact 32-bit sums: the kernels, and matrices packed for them. The
// product itself is a convolution of images of one pixel (`qat_conv_s8`).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One implementation; all give the same bits from the same packed matrix.
typedef struct qat_igemm_kernel qat_igemm_kernel;

// The best kernel for this CPU, narrowed by QAT_CPU and `qat_cpu_limit`.
const qat_igemm_kernel *qat_igemm_best(void);
// Row `index` of the table of kernels, best first; NULL past the end or where the CPU lacks it. The
// last, after the scalar one, is the AMX kernel on a model of its tiles (qat_tile_model.h).
int qat_igemm_count(void);
const qat_igemm_kernel *qat_igemm_at(int index);
const char *qat_igemm_name(const qat_igemm_kernel *kernel);

// Bytes of a packed matrix B; the buffer must be 64-byte aligned.
size_t qat_igemm_packed_size(int64_t k, int64_t n);
// Packs B: element (row, column) is at b[row * row_stride + column * column_stride], u8 or s8. The
// result serves as the weights of a convolution of k channels with a 1 x 1 kernel to n channels.
void qat_igemm_pack(int64_t k, int64_t n, const void *b, int64_t row_stride, int64_t column_stride,
                    bool b_signed, void *packed);
