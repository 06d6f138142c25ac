#if defined(__x86_64__)
#include <immintrin.h>
#include "depthwise_codes.h"

// 32 channels at a time in 256-bit registers. Without VNNI the even and the odd of four bytes make
// pairs of 16 bits, for which VPMADDWD is exact.
#define INLINE __attribute__((target("avx2"), always_inline)) static inline

INLINE __m256i load(const void *at) { return _mm256_loadu_si256((const __m256i *)at); }

// Four lines of 32 channels to four vectors of [8][4], 64 bytes apart.
INLINE void turn(const __m256i r[4], uint8_t *to) {
  const __m256i p = _mm256_unpacklo_epi8(r[0], r[1]), q = _mm256_unpacklo_epi8(r[2], r[3]);
  const __m256i s = _mm256_unpackhi_epi8(r[0], r[1]), t = _mm256_unpackhi_epi8(r[2], r[3]);
  _mm256_store_si256((__m256i *)to, _mm256_unpacklo_epi16(p, q));
  _mm256_store_si256((__m256i *)(to + 64), _mm256_unpackhi_epi16(p, q));
  _mm256_store_si256((__m256i *)(to + 128), _mm256_unpacklo_epi16(s, t));
  _mm256_store_si256((__m256i *)(to + 192), _mm256_unpackhi_epi16(s, t));
}

// Columns `first` ..< `last` of four lines, each with its step (0: the same bytes for all).
INLINE void turn_columns(const qat_depthwise_line *l, const uint8_t *const line[4],
                         const int64_t step[4], int64_t first, int64_t last, int channels,
                         const bool whole, uint8_t *to) {
  const __m256i flip = _mm256_set1_epi8((char)l->flip);
  const int64_t pitch = 256 * l->quads;
  for (int64_t x = first; x < last; x++) {
    __m256i r[4];
    for (int i = 0; i < 4; i++) {
      const uint8_t *from = line[i] + (x - first) * step[i];
      uint8_t edge[32] = {0};
      if (!whole && step[i]) from = memcpy(edge, from, (size_t)channels);
      r[i] = _mm256_xor_si256(load(from), flip);
    }
    turn(r, to + x * pitch);
  }
}

INLINE void turn_lines(const qat_depthwise_line *l) {
  _Alignas(64) uint8_t outside[64];
  memset(outside, l->zero ^ l->flip, sizeof outside);
  const uint8_t *const nothing[4] = {outside, outside, outside, outside};
  const int64_t still[4] = {0}, first = qat_min(l->left, l->columns);
  const int64_t last = qat_min(first + l->width, l->columns);
  for (int64_t g = 0; g < l->quads; g++)
    for (int half = 0; 32 * half < l->channels; half++) {
      const int channels = l->channels - 32 * half;
      uint8_t *to = l->turned + 256 * g + 32 * half;
      const uint8_t *line[4];
      int64_t step[4];
      for (int i = 0; i < 4; i++) {
        const uint8_t *from = l->lines[4 * g + i];
        line[i] = from ? from + l->skipped + 32 * half : outside;
        step[i] = from ? l->step : 0;
      }
      turn_columns(l, nothing, still, 0, first, 32, true, to);
      if (channels >= 32) turn_columns(l, line, step, first, last, 32, true, to);
      else turn_columns(l, line, step, first, last, channels, false, to);
      turn_columns(l, nothing, still, last, l->columns, 32, true, to);
    }
}

// Codes of 32 channels of a pixel.
INLINE void store_codes(const qat_depthwise_line *l, const __m256i c[4], const float *m,
                        int channels, uint8_t *y) {
  const qat_igemm_result *r = &l->result;
  const __m256 low = _mm256_set1_ps((float)(r->lo - r->zero));
  const __m256 high = _mm256_set1_ps((float)(r->hi - r->zero));
  const __m256i zero = _mm256_set1_epi16((short)r->zero), bytes = _mm256_set1_epi16(0xFF);
  __m256i q[4];
  for (int v = 0; v < 4; v++) {
    const __m256 t = _mm256_mul_ps(_mm256_cvtepi32_ps(c[v]), _mm256_loadu_ps(m + 16 * v));
    q[v] = _mm256_cvtps_epi32(_mm256_min_ps(_mm256_max_ps(t, low), high));  // a NaN: the lowest
  }
  const __m256i p = _mm256_add_epi16(_mm256_packs_epi32(q[0], q[1]), zero);
  const __m256i s = _mm256_add_epi16(_mm256_packs_epi32(q[2], q[3]), zero);
  const __m256i codes =
      _mm256_packus_epi16(_mm256_and_si256(p, bytes), _mm256_and_si256(s, bytes));
  if (channels >= 32) {
    _mm256_storeu_si256((__m256i *)y, codes);
  } else {
    _Alignas(32) uint8_t edge[32];
    _mm256_store_si256((__m256i *)edge, codes);
    memcpy(y, edge, (size_t)channels);
  }
}

INLINE __m256i dot_of_pairs(__m256i c, __m256i x, __m256i w) {
  const __m256i even = _mm256_madd_epi16(_mm256_and_si256(x, _mm256_set1_epi16(0xFF)),
                                         _mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8));
  const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(x, 8), _mm256_srai_epi16(w, 8));
  return _mm256_add_epi32(c, _mm256_add_epi32(even, odd));
}

#define LINE(name, features, dot)                                                               \
  __attribute__((target(features), always_inline)) static inline void name##_of(                \
      const qat_depthwise_line *l, int64_t o, const int64_t width, const int64_t quads,         \
      const bool codes) {                                                                       \
    const int64_t pitch = 256 * quads;                                                          \
    const uint8_t *x = l->turned;                                                               \
    for (int64_t p = 0; p < l->pixels; p++, x += l->stride * pitch) {                           \
      _Alignas(64) int32_t placed[QAT_DEPTHWISE_CHANNELS];                                      \
      for (int first = 0; first < l->channels; first += 32) {                                   \
        __m256i c[4];                                                                           \
        for (int v = 0; v < 4; v++) c[v] = load(l->start + 16 * v + first / 4);                 \
        const int8_t *w = l->w + o * l->weight_step + first;                                    \
        for (int64_t j = 0; j < width; j++)                                                     \
          for (int64_t g = 0; g < quads; g++, w += 256) {                                       \
            const uint8_t *at = x + j * l->dilation * pitch + 256 * g + first;                  \
            for (int v = 0; v < 4; v++) c[v] = dot(c[v], load(at + 64 * v), load(w + 64 * v));  \
          }                                                                                     \
        for (int v = 0; v < 4 && l->zeros; v++) {                                               \
          __m256i plain = _mm256_setzero_si256();                                               \
          for (int64_t j = 0; j < width; j++)                                                   \
            for (int64_t g = 0; g < quads; g++) {                                               \
              uint32_t rows;                                                                    \
              memcpy(&rows, l->taken + 4 * (o * quads + g), 4);                                 \
              const uint8_t *at = x + j * l->dilation * pitch + 256 * g + first + 64 * v;       \
              plain = dot(plain, load(at), _mm256_set1_epi32((int)rows));                       \
            }                                                                                   \
          plain = _mm256_mullo_epi32(plain, load(l->zeros + 16 * v + first / 4));               \
          c[v] = _mm256_sub_epi32(c[v], plain);                                                 \
        }                                                                                       \
        if (codes)                                                                              \
          store_codes(l, c, l->m + first / 4, l->channels - first,                              \
                      (uint8_t *)l->result.y + o * l->line_step + p * l->result.stride + first); \
        else                                                                                    \
          for (int v = 0; v < 4; v++)                                                           \
            _mm256_store_si256((__m256i *)(placed + 16 * v + first / 4), c[v]);                 \
      }                                                                                         \
      if (!codes) qat_depthwise_store(l, o, p, placed);                                         \
    }                                                                                           \
  }                                                                                             \
  __attribute__((target(features))) void name(const qat_depthwise_line *l) {                    \
    turn_lines(l);                                                                              \
    const bool codes = l->result.result == QAT_CONV_CODES && !l->result.add;                    \
    for (int64_t o = 0; o < l->outputs; o++) {                                                  \
      if (codes && l->kernel_width == 3 && l->quads == 1) name##_of(l, o, 3, 1, true);          \
      else name##_of(l, o, l->kernel_width, l->quads, codes);                                   \
    }                                                                                           \
  }

LINE(qat_depthwise_line__avx2, "avx2", dot_of_pairs)
LINE(qat_depthwise_line__avxvnni, "avx2,avxvnni", _mm256_dpbusd_avx_epi32)
#endif
