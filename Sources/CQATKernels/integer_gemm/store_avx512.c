#if defined(__x86_64__)
#include "codes_avx512.h"

#define TARGET __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq")))
#define INLINE TARGET __attribute__((always_inline)) static inline

// Four vectors of sums at a time: two rows of 32 columns or four of 16. The limits of the packs are
// those of the type; those of a narrower grid follow.
typedef struct {
  __m512i zero, lowest, highest;
} limits;

INLINE __m512i packed_codes(const __m512i r[4], const limits *k, bool is_signed) {
  const __m512i p = _mm512_adds_epi16(_mm512_packs_epi32(r[0], r[1]), k->zero);
  const __m512i q = _mm512_adds_epi16(_mm512_packs_epi32(r[2], r[3]), k->zero);
  if (is_signed)
    return _mm512_min_epi8(_mm512_max_epi8(_mm512_packs_epi16(p, q), k->lowest), k->highest);
  return _mm512_min_epu8(_mm512_max_epu8(_mm512_packus_epi16(p, q), k->lowest), k->highest);
}

// A sum with other codes: the constants of every element.
typedef struct {
  __m512 low, high, whole, less;  // of its own codes
  __m512 own, other, fixed, sum_low, sum_high;
  bool is_first;
} sum;

INLINE sum sum_of(const qat_igemm_result *r) {
  return (sum){
    .low = _mm512_set1_ps((float)(r->lo - r->zero)),
    .high = _mm512_set1_ps((float)(r->hi - r->zero)), .whole = _mm512_set1_ps(QAT_WHOLE),
    .less = _mm512_set1_ps(QAT_WHOLE - (float)r->zero), .own = _mm512_set1_ps(r->add->own_ratio),
    .other = _mm512_set1_ps(r->add->ratio), .fixed = _mm512_set1_ps(r->add->fixed),
    .sum_low = _mm512_set1_ps((float)r->add->lo), .sum_high = _mm512_set1_ps((float)r->add->hi),
    .is_first = r->add->is_first,
  };
}

// A sum of codes is small unless its ratios are huge: then an int32 always holds it.
INLINE bool is_small(const qat_conv_s8_sum *add) {
  return 256 * (fabsf(add->own_ratio) + fabsf(add->ratio)) + fabsf(add->fixed) < 1e9f;
}

INLINE __m512i widened(const uint8_t *from, __mmask16 mask, bool full, bool is_signed) {
  const __m128i codes =
      full ? _mm_loadu_si128((const __m128i *)from) : _mm_maskz_loadu_epi8(mask, from);
  return is_signed ? _mm512_cvtepi8_epi32(codes) : _mm512_cvtepu8_epi32(codes);
}

INLINE __m512i summed(const sum *k, __m512 t, __m512i codes, bool small) {
  t = _mm512_min_ps(_mm512_max_ps(t, k->low), k->high);  // a NaN becomes the lowest
  const __m512 own = _mm512_sub_ps(_mm512_add_ps(t, k->whole), k->less);
  const __m512 other = _mm512_cvtepi32_ps(codes);
  __m512 sum = k->is_first
      ? _mm512_fmadd_ps(other, k->other, _mm512_fmadd_ps(own, k->own, k->fixed))
      : _mm512_fmadd_ps(own, k->own, _mm512_fmadd_ps(other, k->other, k->fixed));
  if (!small) sum = _mm512_min_ps(_mm512_max_ps(sum, k->sum_low), k->sum_high);
  return _mm512_cvtps_epi32(sum);
}

INLINE void codes_of(const qat_igemm_result *r, const int vectors, bool is_signed, bool adds,
                     bool full, bool small) {
  const int together = 4 / vectors;  // rows
  const __m512 high = _mm512_set1_ps((float)(r->hi - r->zero));
  const limits k = {
    _mm512_set1_epi16(adds ? 0 : (short)r->zero), _mm512_set1_epi8((char)(adds ? r->add->lo : r->lo)),
    _mm512_set1_epi8((char)(adds ? r->add->hi : r->hi)),
  };
  const __mmask32 mask = (__mmask32)(r->columns == 32 ? ~0u : (1u << r->columns) - 1);
  sum terms;
  if (adds) terms = sum_of(r);
  __m512 m[2];
  for (int v = 0; v < vectors; v++) m[v] = _mm512_loadu_ps(r->m + 16 * v);
  for (int i = 0; i < r->rows; i += together) {
    __m512i codes[4];
#pragma clang loop unroll(full)
    for (int n = 0; n < 4; n++) {
      const int row = i + n / vectors < r->rows ? i + n / vectors : i, v = n % vectors;
      const __m512i acc = _mm512_load_si512(r->sums + (row * vectors + v) * 16);
      const __m512 t = _mm512_mul_ps(_mm512_cvtepi32_ps(acc), m[v]);
      // The order of the minimum's operands keeps a NaN, which becomes the lowest code.
      codes[n] = adds ? summed(&terms, t,
                               widened(r->added + row * r->stride + 16 * v,
                                       (__mmask16)(mask >> 16 * v), full, is_signed),
                               small)
                      : _mm512_cvtps_epi32(_mm512_min_ps(high, t));
    }
    const __m512i bytes = qat_avx512_ordered(packed_codes(codes, &k, is_signed));
    qat_avx512_store_rows((uint8_t *)r->y + i * r->stride, r->stride, vectors, r->rows - i, mask,
                          bytes);
  }
}

INLINE void words_of(const qat_igemm_result *r) {
  for (int i = 0; i < r->rows; i++)
    for (int j = 0; j < r->columns; j += 16) {
      const int left = r->columns - j;
      const __mmask16 mask = (__mmask16)(left < 16 ? (1u << left) - 1 : 0xFFFF);
      const __m512i sum = _mm512_load_si512(r->sums + i * r->width + j);
      int32_t *y = (int32_t *)r->y + i * r->stride + j;
      if (r->result == QAT_CONV_SUMS) {
        _mm512_mask_storeu_epi32(y, mask, sum);
        continue;
      }
      const __m512 real = _mm512_cvtepi32_ps(sum), m = _mm512_loadu_ps(r->m + j);
      _mm512_mask_storeu_ps(
          y, mask, r->offset ? _mm512_fmadd_ps(real, m, _mm512_maskz_loadu_ps(mask, r->offset + j))
                             : _mm512_mul_ps(real, m));
    }
}

#define CODES(vectors, is_signed)                                                     \
  if (!r->add) codes_of(r, vectors, is_signed, false, false, false);                  \
  else if (r->columns == 16 * (vectors) && is_small(r->add))                          \
    codes_of(r, vectors, is_signed, true, true, true);                                \
  else codes_of(r, vectors, is_signed, true, false, false);

TARGET void qat_igemm_store__avx512(const qat_igemm_result *r) {
  if (r->result != QAT_CONV_CODES) return words_of(r);
  const bool is_signed = r->add ? r->add->is_signed : r->lo < 0;
  if (r->width == 32) {
    if (is_signed) { CODES(2, true) } else { CODES(2, false) }
  } else {
    if (is_signed) { CODES(1, true) } else { CODES(1, false) }
  }
}
#endif
