// 8-bit matrix products with exact 32-bit sums.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "qat_pool.h"

// One implementation; all give the same bits. The packed form of B belongs to the kernel that
// packed it.
typedef struct qat_igemm_kernel qat_igemm_kernel;

// The best kernel for this CPU, narrowed by QAT_CPU and `qat_cpu_limit`.
const qat_igemm_kernel *qat_igemm_best(void);
// Row `index` of the table of kernels, best first; NULL past the end or where the CPU lacks it.
int qat_igemm_count(void);
const qat_igemm_kernel *qat_igemm_at(int index);
const char *qat_igemm_name(const qat_igemm_kernel *kernel);

// Bytes of packed B; the buffer must be 64-byte aligned.
size_t qat_igemm_packed_size(const qat_igemm_kernel *kernel, int64_t k, int64_t n);
// Packs B: element (row, column) is at b[row * row_stride + column * column_stride], u8 or s8.
void qat_igemm_pack(const qat_igemm_kernel *kernel, int64_t k, int64_t n, const void *b,
                    int64_t row_stride, int64_t column_stride, bool b_signed, void *packed);

typedef struct {
  int64_t m, n, k;
  const void *a;             // u8 or s8, m rows of k, `a_stride` apart
  int64_t a_stride;
  bool a_signed;
  int32_t a_zero;            // zero point of A, 0 for raw products
  const void *b;             // packed
  bool b_signed;             // as it was packed
  const int32_t *b_zero;     // n zero points of B, or NULL for 0
  const int32_t *bias;       // n, or NULL for 0
  int32_t *c;                // m rows of n, `c_stride` apart
  int64_t c_stride;
} qat_igemm_arguments;

// c[i][j] = bias[j] + sum over l of (a[i][l] - a_zero) * (b[l][j] - b_zero[j]), modulo 2^32.
void qat_igemm(const qat_igemm_kernel *kernel, const qat_igemm_arguments *arguments);
// The same in parallel.
void qat_igemm_parallel(const qat_igemm_kernel *kernel, const qat_igemm_arguments *arguments,
                        qat_pool *pool);
