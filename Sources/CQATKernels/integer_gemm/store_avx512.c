#if defined(__x86_64__)
#include "codes_avx512.h"

#define TARGET __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq")))
#define INLINE TARGET __attribute__((always_inline)) static inline

INLINE void codes_of(const qat_igemm_result *r, const int vectors, bool is_signed, bool adds,
                     bool full, bool small) {
  const qat_avx512_ending e = qat_avx512_ending_of(r, vectors, adds);
  uint8_t *y = r->y;
  const uint8_t *added = r->added;
  for (int i = 0; i < r->rows; i += 4 / vectors) {
    const int32_t *from = r->sums + i * r->width;
    __m512i sums[4];
    UNROLL for (int n = 0; n < 4; n++)
      sums[n] = _mm512_load_si512(from + (n / vectors < r->rows - i ? n : n % vectors) * 16);
    qat_avx512_end_rows(&e, y, added, r->stride, vectors, r->rows - i, is_signed, adds,
                        adds && r->add->is_first, full, small, sums);
    y += 4 / vectors * r->stride;
    if (adds) added += 4 / vectors * r->stride;
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
  else if (r->columns == 16 * (vectors) && qat_avx512_is_small(r->add))               \
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
