#if defined(__x86_64__)
#include <immintrin.h>
#include "qlinear.h"

#define TARGET __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq")))
#define INLINE TARGET __attribute__((always_inline)) static inline

INLINE __m512 sixteen(const uint8_t *from, bool is_signed) {
  const __m128i codes = _mm_loadu_si128((const __m128i *)from);
  return _mm512_cvtepi32_ps(is_signed ? _mm512_cvtepi8_epi32(codes) : _mm512_cvtepu8_epi32(codes));
}

// Clamped, rounded and packed: 64 codes. A NaN becomes the lowest.
INLINE __m512i codes_of(const __m512 t[4], float lo, float hi) {
  __m512i r[4];
  for (int v = 0; v < 4; v++)
    r[v] = _mm512_cvtps_epi32(_mm512_min_ps(_mm512_max_ps(t[v], _mm512_set1_ps(lo)),
                                            _mm512_set1_ps(hi)));
  const __m512i low = _mm512_set1_epi16(0xFF);
  const __m512i p = _mm512_and_si512(_mm512_packs_epi32(r[0], r[1]), low);
  const __m512i q = _mm512_and_si512(_mm512_packs_epi32(r[2], r[3]), low);
  return _mm512_permutexvar_epi32(
      _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
      _mm512_packus_epi16(p, q));
}

INLINE int64_t add_codes(int64_t count, const uint8_t *a, const uint8_t *b, bool is_signed,
                         float a_ratio, float b_ratio, float fixed, float lo, float hi,
                         uint8_t *c) {
  int64_t i = 0;
  for (; i + 64 <= count; i += 64) {
    __m512 t[4];
    for (int v = 0; v < 4; v++)
      t[v] = _mm512_fmadd_ps(
          sixteen(a + i + 16 * v, is_signed), _mm512_set1_ps(a_ratio),
          _mm512_fmadd_ps(sixteen(b + i + 16 * v, is_signed), _mm512_set1_ps(b_ratio),
                          _mm512_set1_ps(fixed)));
    _mm512_storeu_si512(c + i, codes_of(t, lo, hi));
  }
  return i;
}

TARGET int64_t qat_qlinear_add__avx512(int64_t count, const void *a, const void *b, bool is_signed,
                                       float a_ratio, float b_ratio, float fixed, int32_t lo,
                                       int32_t hi, void *c) {
  if (is_signed)
    return add_codes(count, a, b, true, a_ratio, b_ratio, fixed, (float)lo, (float)hi, c);
  return add_codes(count, a, b, false, a_ratio, b_ratio, fixed, (float)lo, (float)hi, c);
}

// Products of codes less their zero points are below 2^24, so floats hold them exactly.
INLINE int64_t multiply_codes(int64_t count, const uint8_t *a, const uint8_t *b, bool is_signed,
                              float a_zero, float b_zero, float ratio, float zero, float lo,
                              float hi, uint8_t *c) {
  int64_t i = 0;
  for (; i + 64 <= count; i += 64) {
    __m512 t[4];
    for (int v = 0; v < 4; v++) {
      const __m512 x = _mm512_sub_ps(sixteen(a + i + 16 * v, is_signed), _mm512_set1_ps(a_zero));
      const __m512 y = _mm512_sub_ps(sixteen(b + i + 16 * v, is_signed), _mm512_set1_ps(b_zero));
      const __m512 product = _mm512_mul_ps(_mm512_mul_ps(x, y), _mm512_set1_ps(ratio));
      t[v] = _mm512_add_ps(product, _mm512_set1_ps(zero));
    }
    _mm512_storeu_si512(c + i, codes_of(t, lo, hi));
  }
  return i;
}

TARGET int64_t qat_qlinear_mul__avx512(int64_t count, const void *a, const void *b, bool is_signed,
                                       int32_t a_zero, int32_t b_zero, float ratio, int32_t c_zero,
                                       int32_t lo, int32_t hi, void *c) {
  if (is_signed)
    return multiply_codes(count, a, b, true, (float)a_zero, (float)b_zero, ratio, (float)c_zero,
                          (float)lo, (float)hi, c);
  return multiply_codes(count, a, b, false, (float)a_zero, (float)b_zero, ratio, (float)c_zero,
                        (float)lo, (float)hi, c);
}

// 128 entries in two registers each; the highest bit of a code chooses.
__attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi")))
int64_t qat_lookup__avx512vbmi(int64_t count, const uint8_t *x, const uint8_t *table, uint8_t *y) {
  const __m512i t0 = _mm512_loadu_si512(table), t1 = _mm512_loadu_si512(table + 64);
  const __m512i t2 = _mm512_loadu_si512(table + 128), t3 = _mm512_loadu_si512(table + 192);
  int64_t i = 0;
  for (; i + 64 <= count; i += 64) {
    const __m512i codes = _mm512_loadu_si512(x + i);
    const __m512i low = _mm512_permutex2var_epi8(t0, codes, t1);
    const __m512i high = _mm512_permutex2var_epi8(t2, codes, t3);
    _mm512_storeu_si512(y + i, _mm512_mask_blend_epi8(_mm512_movepi8_mask(codes), low, high));
  }
  return i;
}
#endif
