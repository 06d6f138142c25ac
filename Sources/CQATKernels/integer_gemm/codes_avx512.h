// Sums in registers to codes, for AVX-512.
#pragma once
#include <immintrin.h>
#include "kernel.h"

#define QAT_AVX512 \
  __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq"), always_inline)) static inline

// The columns of a row that are there.
QAT_AVX512 __mmask32 qat_avx512_mask_of(const qat_igemm_result *r) {
  return (__mmask32)(r->columns == 32 ? ~0u : (1u << r->columns) - 1);
}

// Four vectors packed to bytes, every 128 bits with four of each: those of the first vector, then
// those of the second, ...
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

// The common case: multipliers in 0 ..< 1, so that no float is too large for an int32, and all codes
// of the type, so that saturating while packing is the clamp. A signed code is packed as code + 128.
typedef struct {
  __mmask32 mask;
  __m512i zero, flip;
  __m512 m[2];
} qat_avx512_codes;

QAT_AVX512 qat_avx512_codes qat_avx512_codes_of(const qat_igemm_result *r, const int vectors) {
  const int shift = r->lo < 0 ? 128 : 0;
  qat_avx512_codes k = {
    .mask = qat_avx512_mask_of(r),
    .zero = _mm512_set1_epi16((short)(r->zero + shift)), .flip = _mm512_set1_epi8((char)shift),
  };
  for (int v = 0; v < vectors; v++) k.m[v] = _mm512_loadu_ps(r->m + 16 * v);
  return k;
}

// Four vectors of sums: two rows of 32 columns or four of 16, of which `left` are there.
QAT_AVX512 void qat_avx512_code_rows(const qat_avx512_codes *k, uint8_t *y, int64_t stride,
                                     const int vectors, int left, const __m512i sums[4]) {
  __m512i r[4];
  UNROLL for (int n = 0; n < 4; n++)
    r[n] = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(sums[n]), k->m[n % vectors]));
  const __m512i p = _mm512_adds_epi16(_mm512_packs_epi32(r[0], r[1]), k->zero);
  const __m512i q = _mm512_adds_epi16(_mm512_packs_epi32(r[2], r[3]), k->zero);
  const __m512i bytes = _mm512_xor_si512(_mm512_packus_epi16(p, q), k->flip);
  qat_avx512_store_rows(y, stride, vectors, left, k->mask, qat_avx512_ordered(bytes));
}

// How sums of any kind become codes: four vectors at a time, two rows of 32 columns or four of 16. The
// limits of the packs are those of the type; those of a narrower grid follow.
typedef struct {
  __mmask32 mask;
  __m512i zero, lowest, highest;
  __m512 m[2], low, high;         // of its own codes, less the zero point
  // Of a sum with other codes.
  __m512 whole, less, own, other, fixed, sum_low, sum_high;
} qat_avx512_ending;

QAT_AVX512 qat_avx512_ending qat_avx512_ending_of(const qat_igemm_result *r, const int vectors,
                                                  bool adds) {
  qat_avx512_ending e = {
    .mask = qat_avx512_mask_of(r),
    .zero = _mm512_set1_epi16((short)r->zero),
    .lowest = _mm512_set1_epi8((char)(adds ? r->add->lo : r->lo)),
    .highest = _mm512_set1_epi8((char)(adds ? r->add->hi : r->hi)),
    .low = _mm512_set1_ps((float)(r->lo - r->zero)),
    .high = _mm512_set1_ps((float)(r->hi - r->zero)),
  };
  for (int v = 0; v < vectors; v++) e.m[v] = _mm512_loadu_ps(r->m + 16 * v);
  if (!adds) return e;
  e.whole = _mm512_set1_ps(QAT_WHOLE), e.less = _mm512_set1_ps(QAT_WHOLE - (float)r->zero);
  e.own = _mm512_set1_ps(r->add->own_ratio), e.other = _mm512_set1_ps(r->add->ratio);
  e.fixed = _mm512_set1_ps(r->add->fixed);
  e.sum_low = _mm512_set1_ps((float)r->add->lo), e.sum_high = _mm512_set1_ps((float)r->add->hi);
  return e;
}

// A sum of codes is small unless its ratios are huge: then an int32 always holds it.
QAT_AVX512 bool qat_avx512_is_small(const qat_conv_s8_sum *add) {
  return 256 * (fabsf(add->own_ratio) + fabsf(add->ratio)) + fabsf(add->fixed) < 1e9f;
}

QAT_AVX512 __m512i qat_avx512_widened(const uint8_t *from, __mmask16 mask, bool full,
                                      bool is_signed) {
  const __m128i codes =
      full ? _mm_loadu_si128((const __m128i *)from) : _mm_maskz_loadu_epi8(mask, from);
  return is_signed ? _mm512_cvtepi8_epi32(codes) : _mm512_cvtepu8_epi32(codes);
}

QAT_AVX512 __m512i qat_avx512_summed(const qat_avx512_ending *e, bool is_first, __m512 t,
                                     __m512i codes, bool small) {
  t = _mm512_min_ps(_mm512_max_ps(t, e->low), e->high);  // a NaN becomes the lowest
  const __m512 own = _mm512_sub_ps(_mm512_add_ps(t, e->whole), e->less);
  const __m512 other = _mm512_cvtepi32_ps(codes);
  __m512 sum = is_first
      ? _mm512_fmadd_ps(other, e->other, _mm512_fmadd_ps(own, e->own, e->fixed))
      : _mm512_fmadd_ps(own, e->own, _mm512_fmadd_ps(other, e->other, e->fixed));
  if (!small) sum = _mm512_min_ps(_mm512_max_ps(sum, e->sum_low), e->sum_high);
  return _mm512_cvtps_epi32(sum);
}

// Four vectors of sums: two rows of 32 columns or four of 16, of which `left` are there, to y and with
// the codes of `added`. `full`: all columns are there; `small`: the sum of codes is.
QAT_AVX512 void qat_avx512_end_rows(const qat_avx512_ending *e, uint8_t *y, const uint8_t *added,
                                    int64_t stride, const int vectors, int left, bool is_signed,
                                    bool adds, bool is_first, bool full, bool small,
                                    const __m512i sums[4]) {
  __m512i codes[4];
  UNROLL for (int n = 0; n < 4; n++) {
    const int row = n / vectors < left ? n / vectors : 0, v = n % vectors;
    const __m512 t = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[n]), e->m[v]);
    // The order of the minimum's operands keeps a NaN, which becomes the lowest code.
    codes[n] = adds ? qat_avx512_summed(e, is_first, t,
                                        qat_avx512_widened(added + row * stride + 16 * v,
                                                           (__mmask16)(e->mask >> 16 * v), full,
                                                           is_signed),
                                        small)
                    : _mm512_cvtps_epi32(_mm512_min_ps(e->high, t));
  }
  __m512i p = _mm512_packs_epi32(codes[0], codes[1]), q = _mm512_packs_epi32(codes[2], codes[3]);
  if (!adds) p = _mm512_adds_epi16(p, e->zero), q = _mm512_adds_epi16(q, e->zero);
  const __m512i bytes =
      is_signed
          ? _mm512_min_epi8(_mm512_max_epi8(_mm512_packs_epi16(p, q), e->lowest), e->highest)
          : _mm512_min_epu8(_mm512_max_epu8(_mm512_packus_epi16(p, q), e->lowest), e->highest);
  qat_avx512_store_rows(y, stride, vectors, left, e->mask, qat_avx512_ordered(bytes));
}
