#if defined(__x86_64__)
#include <immintrin.h>
#include "store.h"

#define INLINE QAT_TARGET_AVX2 __attribute__((always_inline)) static inline

// Four vectors of sums at a time: a row of 32 columns or two of 16.
typedef struct {
  __m256 low, high, whole, less;            // of the tile's own codes
  __m256 own, other, fixed, sum_low, sum_high;
  __m256i zero;
} constants;

INLINE constants constants_of(const qat_igemm_result *r) {
  constants k = {
    .low = _mm256_set1_ps((float)(r->lo - r->zero)),
    .high = _mm256_set1_ps((float)(r->hi - r->zero)), .whole = _mm256_set1_ps(QAT_WHOLE),
    .less = _mm256_set1_ps(QAT_WHOLE - (float)r->zero),
    .zero = _mm256_set1_epi16(r->add ? 0 : (short)r->zero),
  };
  if (!r->add) return k;
  k.own = _mm256_set1_ps(r->add->own_ratio);
  k.other = _mm256_set1_ps(r->add->ratio);
  k.fixed = _mm256_set1_ps(r->add->fixed);
  k.sum_low = _mm256_set1_ps((float)r->add->lo);
  k.sum_high = _mm256_set1_ps((float)r->add->hi);
  return k;
}

INLINE __m256i summed(const constants *k, const qat_igemm_result *r, __m256 t, const uint8_t *at) {
  const __m256 own = _mm256_sub_ps(_mm256_add_ps(t, k->whole), k->less);
  const __m128i codes = _mm_loadl_epi64((const __m128i *)at);
  const __m256 other = _mm256_cvtepi32_ps(r->add->is_signed ? _mm256_cvtepi8_epi32(codes)
                                                            : _mm256_cvtepu8_epi32(codes));
  const __m256 sum = r->add->is_first
      ? _mm256_fmadd_ps(other, k->other, _mm256_fmadd_ps(own, k->own, k->fixed))
      : _mm256_fmadd_ps(own, k->own, _mm256_fmadd_ps(other, k->other, k->fixed));
  return _mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(sum, k->sum_low), k->sum_high));
}

// Vector v of a row of `vectors`.
INLINE __m256i code_of_vector(const constants *k, const qat_igemm_result *r, int row, int v,
                              bool adds) {
  const __m256i acc = _mm256_load_si256((const __m256i *)(r->sums + row * r->width + 8 * v));
  const __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(acc), _mm256_loadu_ps(r->m + 8 * v));
  const __m256 t = _mm256_min_ps(_mm256_max_ps(product, k->low), k->high);  // a NaN: the lowest
  return adds ? summed(k, r, t, r->added + row * r->stride + 8 * v) : _mm256_cvtps_epi32(t);
}

// 32 codes as bytes, in order; they lie inside their type.
INLINE __m256i packed(const constants *k, const __m256i q[4]) {
  const __m256i bytes = _mm256_set1_epi16(0xFF);
  const __m256i p = _mm256_add_epi16(_mm256_packs_epi32(q[0], q[1]), k->zero);
  const __m256i s = _mm256_add_epi16(_mm256_packs_epi32(q[2], q[3]), k->zero);
  return _mm256_permutevar8x32_epi32(
      _mm256_packus_epi16(_mm256_and_si256(p, bytes), _mm256_and_si256(s, bytes)),
      _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

INLINE void rows_of(const qat_igemm_result *r, const int vectors, bool adds) {
  const constants k = constants_of(r);
  for (int i = 0; i < r->rows; i += 4 / vectors) {
    __m256i q[4];
    for (int n = 0; n < 4; n++) {
      const int row = i + n / vectors < r->rows ? i + n / vectors : i;
      q[n] = code_of_vector(&k, r, row, n % vectors, adds);
    }
    uint8_t *y = (uint8_t *)r->y + i * r->stride;
    const __m256i codes = packed(&k, q);
    if (vectors == 4) {
      _mm256_storeu_si256((__m256i *)y, codes);
      continue;
    }
    _mm_storeu_si128((__m128i *)y, _mm256_castsi256_si128(codes));
    if (i + 1 < r->rows)
      _mm_storeu_si128((__m128i *)(y + r->stride), _mm256_extracti128_si256(codes, 1));
  }
}

QAT_TARGET_AVX2 void qat_igemm_store__avx2(const qat_igemm_result *r) {
  if (r->result != QAT_CONV_CODES || r->columns != r->width) return store(r);
  if (r->width == 32 && r->add) rows_of(r, 4, true);
  else if (r->width == 32) rows_of(r, 4, false);
  else if (r->add) rows_of(r, 2, true);
  else rows_of(r, 2, false);
}
#endif
