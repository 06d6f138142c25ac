#if defined(__x86_64__)
#include "codes_avx512.h"

#define TARGET __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq")))
#define INLINE TARGET __attribute__((always_inline)) static inline

// Four vectors of sums at a time: two rows of 32 columns or four of 16.
// The limits of the packs are those of the type; a grid's own lower limit follows. The upper one
// goes first, where a float too large for an int32 would become the lowest one.
INLINE __m512i packed_codes(const __m512i r[4], __m512i zero, __m512i lowest, bool is_signed) {
  const __m512i p = _mm512_adds_epi16(_mm512_packs_epi32(r[0], r[1]), zero);
  const __m512i q = _mm512_adds_epi16(_mm512_packs_epi32(r[2], r[3]), zero);
  const __m512i bytes = is_signed ? _mm512_max_epi8(_mm512_packs_epi16(p, q), lowest)
                                  : _mm512_max_epu8(_mm512_packus_epi16(p, q), lowest);
  return qat_avx512_ordered(bytes);
}

INLINE __m512i widened(const uint8_t *from, __mmask16 mask, bool is_signed) {
  const __m128i codes = _mm_maskz_loadu_epi8(mask, from);
  return is_signed ? _mm512_cvtepi8_epi32(codes) : _mm512_cvtepu8_epi32(codes);
}

// The code of the sum with another one, less its zero point of 0.
INLINE __m512i summed(const qat_conv_s8_sum *add, __m512 t, float zero, float low, __m512i other) {
  // t is below the upper limit already.
  t = _mm512_max_ps(t, _mm512_set1_ps(low));
  const __m512 own = _mm512_add_ps(
      _mm512_roundscale_ps(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC),
      _mm512_set1_ps(zero));
  const __m512 its = _mm512_cvtepi32_ps(other), fixed = _mm512_set1_ps(add->fixed);
  const __m512 a = _mm512_set1_ps(add->own_ratio), b = _mm512_set1_ps(add->ratio);
  __m512 sum = add->is_first ? _mm512_fmadd_ps(its, b, _mm512_fmadd_ps(own, a, fixed))
                             : _mm512_fmadd_ps(own, a, _mm512_fmadd_ps(its, b, fixed));
  sum = _mm512_max_ps(sum, _mm512_set1_ps((float)add->lo));
  return _mm512_cvtps_epi32(_mm512_min_ps(sum, _mm512_set1_ps((float)add->hi)));
}

INLINE void codes_of(const qat_igemm_result *r, const int vectors, bool is_signed, bool adds) {
  const int together = 4 / vectors;  // rows
  const __m512 high = _mm512_set1_ps((float)(r->hi - r->zero));
  const float low = (float)(r->lo - r->zero);
  const __m512i zero = _mm512_set1_epi16(adds ? 0 : (short)r->zero);
  const __m512i lowest = _mm512_set1_epi8((char)(adds ? r->add->lo : r->lo));
  const __mmask32 mask = (__mmask32)(r->columns == 32 ? ~0u : (1u << r->columns) - 1);
  __m512 m[2];
  for (int v = 0; v < vectors; v++) m[v] = _mm512_loadu_ps(r->m + 16 * v);
  for (int i = 0; i < r->rows; i += together) {
    __m512i codes[4];
#pragma clang loop unroll(full)
    for (int k = 0; k < 4; k++) {
      const int row = i + k / vectors < r->rows ? i + k / vectors : i, v = k % vectors;
      const __m512i sum = _mm512_load_si512(r->sums + (row * vectors + v) * 16);
      // The operand order keeps a NaN, which becomes the lowest code.
      const __m512 t = _mm512_min_ps(high, _mm512_mul_ps(_mm512_cvtepi32_ps(sum), m[v]));
      codes[k] = adds ? summed(r->add, t, (float)r->zero, low,
                               widened(r->added + row * r->stride + 16 * v,
                                       (__mmask16)(mask >> 16 * v), r->add->is_signed))
                      : _mm512_cvtps_epi32(t);
    }
    const __m512i bytes = packed_codes(codes, zero, lowest, is_signed);
    uint8_t *y = (uint8_t *)r->y + i * r->stride;
    if (vectors == 2) {
      _mm256_mask_storeu_epi8(y, mask, _mm512_castsi512_si256(bytes));
      if (i + 1 < r->rows)
        _mm256_mask_storeu_epi8(y + r->stride, mask, _mm512_extracti64x4_epi64(bytes, 1));
    } else {
      const __mmask16 half = (__mmask16)mask;
      _mm_mask_storeu_epi8(y, half, _mm512_castsi512_si128(bytes));
      if (i + 1 < r->rows)
        _mm_mask_storeu_epi8(y + r->stride, half, _mm512_extracti32x4_epi32(bytes, 1));
      if (i + 2 < r->rows)
        _mm_mask_storeu_epi8(y + 2 * r->stride, half, _mm512_extracti32x4_epi32(bytes, 2));
      if (i + 3 < r->rows)
        _mm_mask_storeu_epi8(y + 3 * r->stride, half, _mm512_extracti32x4_epi32(bytes, 3));
    }
  }
}

INLINE void words_of(const qat_igemm_result *r) {
  for (int i = 0; i < r->rows; i++)
    for (int j = 0; j < r->columns; j += 16) {
      const int left = r->columns - j;
      const __mmask16 mask = (__mmask16)(left < 16 ? (1u << left) - 1 : 0xFFFF);
      const __m512i sum = _mm512_load_si512(r->sums + i * r->width + j);
      int32_t *y = (int32_t *)r->y + i * r->stride + j;
      if (r->result == QAT_CONV_SUMS)
        _mm512_mask_storeu_epi32(y, mask, sum);
      else
        _mm512_mask_storeu_ps(
            y, mask, _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(r->m + j)));
    }
}

TARGET void qat_igemm_store__avx512(const qat_igemm_result *r) {
  if (r->result != QAT_CONV_CODES) return words_of(r);
  const bool is_signed = (r->add ? r->add->lo : r->lo) < 0;
  if (r->add) {
    if (r->width == 32) codes_of(r, 2, is_signed, true);
    else codes_of(r, 1, is_signed, true);
  } else if (is_signed) {
    if (r->width == 32) codes_of(r, 2, true, false);
    else codes_of(r, 1, true, false);
  } else {
    if (r->width == 32) codes_of(r, 2, false, false);
    else codes_of(r, 1, false, false);
  }
}
#endif
