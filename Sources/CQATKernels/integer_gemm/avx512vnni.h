// What tiles of AVX512-VNNI share.
#pragma once
#include "codes_avx512.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))
#define TARGET_INLINE TARGET __attribute__((always_inline)) static inline

// Rows of 16 columns: a load of A for each product would be more loads than products. So eight bytes of A
// take one, and meet two groups of B, half of the columns at a time: sums of even groups beside those of
// odd ones, from `start` on.
TARGET_INLINE void narrow_start(__m512i start, __m512i c[2]) {
  c[0] = _mm512_unpacklo_epi32(start, _mm512_setzero_si512());
  c[1] = _mm512_unpackhi_epi32(start, _mm512_setzero_si512());
}

// Two groups of B as such a product takes them.
TARGET_INLINE void narrow_columns(__m512i even, __m512i odd, __m512i z[2]) {
  z[0] = _mm512_unpacklo_epi32(even, odd);
  z[1] = _mm512_unpackhi_epi32(even, odd);
}

// The sums of a row.
TARGET_INLINE __m512i narrow_sums(const __m512i c[2]) {
  const __m512 low = _mm512_castsi512_ps(c[0]), high = _mm512_castsi512_ps(c[1]);
  return _mm512_add_epi32(_mm512_castps_si512(_mm512_shuffle_ps(low, high, 0x88)),
                          _mm512_castps_si512(_mm512_shuffle_ps(low, high, 0xDD)));
}
