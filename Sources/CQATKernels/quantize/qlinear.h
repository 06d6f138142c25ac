// Vector forms of the rules on codes: each does the first multiple of 64 elements and says how many.
#pragma once
#include "../internal.h"

#if defined(__x86_64__)
int64_t qat_qlinear_add__avx512(int64_t count, const void *a, const void *b, bool is_signed,
                                float a_ratio, float b_ratio, float fixed, int32_t lo, int32_t hi,
                                void *c);
int64_t qat_qlinear_mul__avx512(int64_t count, const void *a, const void *b, bool is_signed,
                                int32_t a_zero, int32_t b_zero, float ratio, int32_t c_zero,
                                int32_t lo, int32_t hi, void *c);
int64_t qat_lookup__avx512vbmi(int64_t count, const uint8_t *x, const uint8_t *table, uint8_t *y);
#endif
