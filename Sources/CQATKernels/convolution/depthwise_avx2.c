#if defined(__x86_64__)
#include <immintrin.h>
#include "depthwise_codes.h"

// 32 channels at a time in 256-bit registers. Without VNNI the even and the odd of four bytes make
// pairs of 16 bits, for which VPMADDWD is exact.
#define INLINE __attribute__((always_inline)) static inline

#define LINE(name, features, dot)                                                               \
  __attribute__((target(features))) void name(const qat_depthwise_line *l) {                    \
    const int64_t pitch = 256 * l->quads;                                                       \
    turn_lines(l);                                                                              \
    const uint8_t *x = l->turned;                                                               \
    for (int64_t p = 0; p < l->pixels; p++, x += l->stride * pitch) {                           \
      _Alignas(64) int32_t placed[QAT_DEPTHWISE_CHANNELS];                                      \
      for (int half = 0; half < (l->channels > 32 ? 2 : 1); half++) {                           \
        __m256i c[4], plain[4];                                                                 \
        for (int v = 0; v < 4; v++) {                                                           \
          c[v] = _mm256_loadu_si256((const __m256i *)(l->start + 16 * v + 8 * half));           \
          plain[v] = _mm256_setzero_si256();                                                    \
        }                                                                                       \
        const int8_t *w = l->w + 32 * half;                                                     \
        for (int64_t j = 0; j < l->kernel_width; j++)                                           \
          for (int64_t g = 0; g < l->quads; g++, w += 256) {                                    \
            const uint8_t *at = x + j * l->dilation * pitch + 256 * g + 32 * half;              \
            for (int v = 0; v < 4; v++)                                                         \
              c[v] = dot(c[v], _mm256_load_si256((const __m256i *)(at + 64 * v)),               \
                         _mm256_load_si256((const __m256i *)(w + 64 * v)));                     \
            if (!l->zeros) continue;                                                            \
            uint32_t rows;                                                                      \
            memcpy(&rows, l->taken + 4 * g, 4);                                                 \
            for (int v = 0; v < 4; v++)                                                         \
              plain[v] = dot(plain[v], _mm256_load_si256((const __m256i *)(at + 64 * v)),       \
                             _mm256_set1_epi32((int)rows));                                     \
          }                                                                                     \
        for (int v = 0; v < 4; v++) {                                                           \
          if (l->zeros)                                                                         \
            c[v] = _mm256_sub_epi32(                                                            \
                c[v], _mm256_mullo_epi32(plain[v], _mm256_loadu_si256((const __m256i *)(        \
                                                       l->zeros + 16 * v + 8 * half))));        \
          _mm256_store_si256((__m256i *)(placed + 16 * v + 8 * half), c[v]);                    \
        }                                                                                       \
      }                                                                                         \
      if (l->result.result == QAT_CONV_CODES && !l->result.add) store_codes(l, p, placed);      \
      else qat_depthwise_store(l, p, placed);                                                   \
    }                                                                                           \
  }

__attribute__((target("avx2"))) static void turn_lines(const qat_depthwise_line *l) {
  const int64_t last = l->left + l->width, pitch = 256 * l->quads;
  for (int64_t x = 0; x < l->columns; x++)
    for (int64_t g = 0; g < l->quads; g++)
      for (int half = 0; half < (l->channels > 32 ? 2 : 1); half++) {
        __m256i r[4];
        for (int i = 0; i < 4; i++) {
          const uint8_t *line = l->lines[4 * g + i];
          r[i] = _mm256_set1_epi8((char)l->zero);
          if (!line || x < l->left || x >= last) continue;
          const uint8_t *from = line + (x - l->left) * l->step + 32 * half;
          uint8_t edge[32] = {0};
          if (l->channels < 32 * half + 32) {
            memcpy(edge, from, (size_t)(l->channels - 32 * half));
            from = edge;
          }
          r[i] = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)from),
                                  _mm256_set1_epi8((char)l->flip));
        }
        const __m256i p = _mm256_unpacklo_epi8(r[0], r[1]), q = _mm256_unpacklo_epi8(r[2], r[3]);
        const __m256i s = _mm256_unpackhi_epi8(r[0], r[1]), t = _mm256_unpackhi_epi8(r[2], r[3]);
        __m256i *to = (__m256i *)(l->turned + x * pitch + 256 * g + 32 * half);
        _mm256_store_si256(to, _mm256_unpacklo_epi16(p, q));
        _mm256_store_si256(to + 2, _mm256_unpackhi_epi16(p, q));
        _mm256_store_si256(to + 4, _mm256_unpacklo_epi16(s, t));
        _mm256_store_si256(to + 6, _mm256_unpackhi_epi16(s, t));
      }
}

__attribute__((target("avx2"))) static void store_codes(const qat_depthwise_line *l, int64_t pixel,
                                                        const int32_t *placed) {
  const qat_igemm_result *r = &l->result;
  const __m256 low = _mm256_set1_ps((float)(r->lo - r->zero));
  const __m256 high = _mm256_set1_ps((float)(r->hi - r->zero));
  const __m256i zero = _mm256_set1_epi32(r->zero), bytes = _mm256_set1_epi32(0xFF);
  _Alignas(32) uint8_t codes[QAT_DEPTHWISE_CHANNELS];
  for (int half = 0; half < (l->channels > 32 ? 2 : 1); half++) {
    __m256i q[4];
    for (int v = 0; v < 4; v++) {
      const int at = 16 * v + 8 * half;
      const __m256 t = _mm256_mul_ps(
          _mm256_cvtepi32_ps(_mm256_load_si256((const __m256i *)(placed + at))),
          _mm256_loadu_ps(l->m + at));
      // A NaN becomes the lowest code.
      const __m256 kept = _mm256_min_ps(_mm256_max_ps(t, low), high);
      q[v] = _mm256_and_si256(_mm256_add_epi32(_mm256_cvtps_epi32(kept), zero), bytes);
    }
    _mm256_store_si256(
        (__m256i *)(codes + 32 * half),
        _mm256_packus_epi16(_mm256_packus_epi32(q[0], q[1]), _mm256_packus_epi32(q[2], q[3])));
  }
  memcpy((uint8_t *)r->y + pixel * r->stride, codes, (size_t)l->channels);
}

__attribute__((target("avx2"))) INLINE __m256i dot_of_pairs(__m256i c, __m256i x, __m256i w) {
  const __m256i even = _mm256_madd_epi16(_mm256_and_si256(x, _mm256_set1_epi16(0xFF)),
                                         _mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8));
  const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(x, 8), _mm256_srai_epi16(w, 8));
  return _mm256_add_epi32(c, _mm256_add_epi32(even, odd));
}

LINE(qat_depthwise_line__avx2, "avx2", dot_of_pairs)
LINE(qat_depthwise_line__avxvnni, "avx2,avxvnni", _mm256_dpbusd_avx_epi32)
#endif
