#if defined(__x86_64__)
#include <immintrin.h>
#include "depthwise_codes.h"

#define TARGET __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))
#define INLINE TARGET __attribute__((always_inline)) static inline

// Four lines of 64 channels to four vectors of [16][4].
INLINE void turn(const __m512i r[4], uint8_t *to) {
  const __m512i p = _mm512_unpacklo_epi8(r[0], r[1]), q = _mm512_unpacklo_epi8(r[2], r[3]);
  const __m512i s = _mm512_unpackhi_epi8(r[0], r[1]), t = _mm512_unpackhi_epi8(r[2], r[3]);
  _mm512_store_si512(to, _mm512_unpacklo_epi16(p, q));
  _mm512_store_si512(to + 64, _mm512_unpackhi_epi16(p, q));
  _mm512_store_si512(to + 128, _mm512_unpacklo_epi16(s, t));
  _mm512_store_si512(to + 192, _mm512_unpackhi_epi16(s, t));
}

TARGET static void turn_lines(const qat_depthwise_line *l) {
  const __mmask64 mask = ~0ull >> (64 - l->channels);
  const __m512i zero = _mm512_set1_epi8((char)l->zero), flip = _mm512_set1_epi8((char)l->flip);
  const int64_t first = l->left < l->columns ? l->left : l->columns;
  const int64_t last = first + l->width < l->columns ? first + l->width : l->columns;
  const int64_t pitch = 256 * l->quads;
  for (int64_t g = 0; g < l->quads; g++) {
    const uint8_t *const *line = l->lines + 4 * g;
    uint8_t *to = l->turned + 256 * g;
    for (int64_t x = 0; x < first; x++)
      for (int v = 0; v < 4; v++) _mm512_store_si512(to + x * pitch + 64 * v, zero);
    for (int64_t x = last; x < l->columns; x++)
      for (int v = 0; v < 4; v++) _mm512_store_si512(to + x * pitch + 64 * v, zero);
    to += first * pitch;
    for (int64_t x = 0; x < last - first; x++, to += pitch) {
      __m512i r[4];
      for (int i = 0; i < 4; i++)
        r[i] = line[i] ? _mm512_xor_si512(flip, _mm512_maskz_loadu_epi8(mask, line[i] + x * l->step))
                       : zero;
      turn(r, to);
    }
  }
}

// The same channels' sums of a window, without weights.
INLINE void less_zeros(const qat_depthwise_line *l, const uint8_t *x, __m512i c[4]) {
  __m512i plain[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                      _mm512_setzero_si512()};
  for (int64_t j = 0; j < l->kernel_width; j++)
    for (int64_t g = 0; g < l->quads; g++) {
      uint32_t rows;
      memcpy(&rows, l->taken + 4 * g, 4);
      for (int v = 0; v < 4; v++)
        plain[v] = _mm512_dpbusd_epi32(
            plain[v],
            _mm512_load_si512(x + ((j * l->dilation) * l->quads + g) * 256 + 64 * v),
            _mm512_set1_epi32((int)rows));
    }
  for (int v = 0; v < 4; v++)
    c[v] = _mm512_sub_epi32(
        c[v], _mm512_mullo_epi32(plain[v], _mm512_load_si512(l->zeros + 16 * v)));
}

INLINE void pixels_of(const qat_depthwise_line *l, const bool is_3, const bool is_codes,
                      const bool is_signed) {
  const qat_igemm_result *r = &l->result;
  const __mmask64 mask = ~0ull >> (64 - l->channels);
  const __m512 high = _mm512_set1_ps((float)(r->hi - r->zero));
  const __m512i zero = _mm512_set1_epi16((short)r->zero), lowest = _mm512_set1_epi8((char)r->lo);
  __m512i start[4], w[3][4];
  __m512 m[4];
  for (int v = 0; v < 4; v++) start[v] = _mm512_load_si512(l->start + 16 * v);
  for (int v = 0; v < 4; v++) m[v] = _mm512_load_ps(l->m + 16 * v);
  if (is_3)
    for (int j = 0; j < 3; j++)
      for (int v = 0; v < 4; v++) w[j][v] = _mm512_load_si512(l->w + j * 256 + 64 * v);
  const int64_t pitch = 256 * l->quads, tap = pitch * l->dilation;
  const uint8_t *x = l->turned;
  for (int64_t p = 0; p < l->pixels; p++, x += l->stride * pitch) {
    __m512i c[4];
    for (int v = 0; v < 4; v++) c[v] = start[v];
    if (is_3) {
      for (int j = 0; j < 3; j++)
        for (int v = 0; v < 4; v++)
          c[v] = _mm512_dpbusd_epi32(c[v], _mm512_load_si512(x + j * tap + 64 * v), w[j][v]);
    } else {
      const int8_t *at = l->w;
      for (int64_t j = 0; j < l->kernel_width; j++)
        for (int64_t g = 0; g < pitch; g += 256, at += 256)
          for (int v = 0; v < 4; v++)
            c[v] = _mm512_dpbusd_epi32(c[v], _mm512_load_si512(x + j * tap + g + 64 * v),
                                       _mm512_load_si512(at + 64 * v));
    }
    if (l->zeros) less_zeros(l, x, c);
    if (is_codes) {
      __m512i q[4];
      for (int v = 0; v < 4; v++)
        q[v] = _mm512_cvtps_epi32(
            _mm512_min_ps(high, _mm512_mul_ps(_mm512_cvtepi32_ps(c[v]), m[v])));
      const __m512i a = _mm512_adds_epi16(_mm512_packs_epi32(q[0], q[1]), zero);
      const __m512i b = _mm512_adds_epi16(_mm512_packs_epi32(q[2], q[3]), zero);
      const __m512i bytes = is_signed ? _mm512_max_epi8(_mm512_packs_epi16(a, b), lowest)
                                      : _mm512_max_epu8(_mm512_packus_epi16(a, b), lowest);
      _mm512_mask_storeu_epi8((uint8_t *)r->y + p * r->stride, mask, bytes);
    } else {
      _Alignas(64) int32_t placed[QAT_DEPTHWISE_CHANNELS];
      for (int v = 0; v < 4; v++) _mm512_store_si512(placed + 16 * v, c[v]);
      qat_depthwise_store(l, p, placed);
    }
  }
}

TARGET void qat_depthwise_line__avx512vnni(const qat_depthwise_line *l) {
  turn_lines(l);
  const bool is_3 = l->quads == 1 && l->kernel_width == 3;
  if (l->result.result != QAT_CONV_CODES || l->result.add) return pixels_of(l, false, false, false);
  if (l->result.lo < 0) {
    if (is_3) pixels_of(l, true, true, true);
    else pixels_of(l, false, true, true);
  } else {
    if (is_3) pixels_of(l, true, true, false);
    else pixels_of(l, false, true, false);
  }
}
#endif
