// Sums in registers to codes, for AVX-512.
#pragma once
#include <immintrin.h>
#include "kernel.h"

#define QAT_AVX512 \
  __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq"), always_inline)) static inline

// The common case: multipliers in 0 ..< 1, so that no float is too large for an int32, and all codes
// of the type, so that saturating while packing is the clamp. A signed code is packed as code + 128.
typedef struct {
  __m512i zero, flip;
} qat_avx512_codes;

QAT_AVX512 qat_avx512_codes qat_avx512_codes_of(const qat_igemm_result *r) {
  const int shift = r->lo < 0 ? 128 : 0;
  return (qat_avx512_codes){_mm512_set1_epi16((short)(r->zero + shift)),
                            _mm512_set1_epi8((char)shift)};
}

QAT_AVX512 __m512i qat_avx512_rounded(__m512i sum, __m512 m) {
  return _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), m));
}

// Four vectors to bytes; every 128 bits hold four of each.
QAT_AVX512 __m512i qat_avx512_packed(const qat_avx512_codes *k, const __m512i r[4]) {
  const __m512i p = _mm512_adds_epi16(_mm512_packs_epi32(r[0], r[1]), k->zero);
  const __m512i q = _mm512_adds_epi16(_mm512_packs_epi32(r[2], r[3]), k->zero);
  return _mm512_xor_si512(_mm512_packus_epi16(p, q), k->flip);
}

// The bytes of the first vector, then those of the second, ...
QAT_AVX512 __m512i qat_avx512_ordered(__m512i bytes) {
  return _mm512_permutexvar_epi32(
      _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), bytes);
}

// Ordered bytes as up to `left` rows of 16 * vectors columns.
QAT_AVX512 void qat_avx512_store_rows(uint8_t *y, int64_t stride, const int vectors, int left,
                                      __mmask32 mask, __m512i bytes) {
  if (vectors == 2) {
    _mm256_mask_storeu_epi8(y, mask, _mm512_castsi512_si256(bytes));
    if (left > 1)
      _mm256_mask_storeu_epi8(y + stride, mask, _mm512_extracti64x4_epi64(bytes, 1));
    return;
  }
  const __mmask16 half = (__mmask16)mask;
  _mm_mask_storeu_epi8(y, half, _mm512_castsi512_si128(bytes));
  if (left > 1) _mm_mask_storeu_epi8(y + stride, half, _mm512_extracti32x4_epi32(bytes, 1));
  if (left > 2) _mm_mask_storeu_epi8(y + 2 * stride, half, _mm512_extracti32x4_epi32(bytes, 2));
  if (left > 3) _mm_mask_storeu_epi8(y + 3 * stride, half, _mm512_extracti32x4_epi32(bytes, 3));
}
