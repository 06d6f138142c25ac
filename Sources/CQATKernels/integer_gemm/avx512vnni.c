#if defined(__x86_64__)
#include "avx512vnni.h"

enum { ROWS = 14 };

TARGET_INLINE void store_codes(const qat_igemm_result *r, const int rows, const int vectors,
                               __m512i c[ROWS][2]) {
  const qat_avx512_codes codes = qat_avx512_codes_of(r, vectors);
  uint8_t *y = r->y;
  UNROLL for (int i = 0; i < rows; i += 4 / vectors, y += 4 / vectors * r->stride) {
    __m512i sums[4];
    for (int n = 0; n < 4; n++)
      sums[n] = c[i + n / vectors < rows ? i + n / vectors : i][n % vectors];
    qat_avx512_code_rows(&codes, y, r->stride, vectors, rows - i, sums);
  }
}

// Sums, or the real numbers that they stand for.
TARGET_INLINE void store_words(const qat_igemm_result *r, const int rows, const int vectors,
                               __m512i c[ROWS][2]) {
  UNROLL for (int v = 0; v < vectors; v++) {
    const int left = r->columns - 16 * v;
    const __mmask16 mask = (__mmask16)(left < 16 ? (1u << left) - 1 : 0xFFFF);
    int32_t *y = (int32_t *)r->y + 16 * v;
    if (r->result == QAT_CONV_SUMS) {
      UNROLL for (int i = 0; i < rows; i++, y += r->stride)
        _mm512_mask_storeu_epi32(y, mask, c[i][v]);
      continue;
    }
    // A sum with -0 is what it was, 0 and -0 too.
    const __m512 m = _mm512_loadu_ps(r->m + 16 * v);
    const __m512 offset = r->offset ? _mm512_maskz_loadu_ps(mask, r->offset + 16 * v)
                                    : _mm512_set1_ps(-0.0f);
    UNROLL for (int i = 0; i < rows; i++, y += r->stride)
      _mm512_mask_storeu_ps(y, mask, _mm512_fmadd_ps(_mm512_cvtepi32_ps(c[i][v]), m, offset));
  }
}

TARGET_INLINE __m512i dot(const bool pairs, __m512i c, __m512i a, __m512i b) {
  return pairs ? _mm512_dpwssd_epi32(c, a, b) : _mm512_dpbusd_epi32(c, a, b);
}

// What becomes of a tile's sums.
TARGET_INLINE void leave(const qat_igemm_tile *t, const int rows, const int vectors,
                         __m512i c[ROWS][2]) {
  if (t->result) {
    if (t->result->result == QAT_CONV_CODES) store_codes(t->result, rows, vectors, c);
    else store_words(t->result, rows, vectors, c);
    return;
  }
  UNROLL for (int i = 0; i < rows; i++)
    for (int v = 0; v < vectors; v++)
      _mm512_store_si512(t->sums + (i * vectors + v) * 16, c[i][v]);
}

// 14 x 32: 28 accumulators, 2 registers of B, one broadcast of A. The instruction takes five cycles
// and two start in one, so few rows go through the depth in `ways` independent sums.
TARGET_INLINE void tile_of(const qat_igemm_tile *t, const bool pairs, const int rows,
                           const int vectors, const int ways) {
  __m512i c[4][ROWS][2];
  UNROLL for (int v = 0; v < vectors; v++)
    UNROLL for (int i = 0; i < rows; i++) {
      c[0][i][v] = pairs ? _mm512_setzero_si512() : _mm512_loadu_si512(t->start + 16 * v);
      for (int w = 1; w < ways; w++) c[w][i][v] = _mm512_setzero_si512();
    }
  const int64_t end = 4 * t->quads, step = 64 * vectors;
  const char *y = t->y;
  int unfetched = y ? rows : 0;
  const int8_t *b = t->b;
  const char *later = pairs ? (const char *)t->later : NULL;
  for (int64_t s = 0; s < t->segment_count; s++) {
    const uint8_t *a[ROWS];
    for (int i = 0; i < rows; i++) a[i] = t->a + t->offsets[i] + t->segments[s];
    int64_t l = 0;
#define STEP(w)                                                             \
  {                                                                         \
    __m512i z[2];                                                           \
    for (int v = 0; v < vectors; v++) {                                     \
      _mm_prefetch((const char *)(b + (QAT_STEPS_AHEAD + (w)) * step + 64 * v), _MM_HINT_T0); \
      z[v] = _mm512_load_si512(b + (w) * step + 64 * v);                    \
    }                                                                       \
    UNROLL for (int i = 0; i < rows; i++) {                                 \
      const __m512i x = _mm512_set1_epi32((int)qat_load4(a[i] + l + 4 * (w))); \
      for (int v = 0; v < vectors; v++)                                     \
        c[w][i][v] = dot(pairs, c[w][i][v], x, z[v]);                       \
    }                                                                       \
  }
    // A product of few rows is as fast as B is read: sixteen bytes of A take one load.
    if (ways == 4)
      for (; l + 16 <= end; l += 16, b += 4 * step)
        UNROLL for (int i = 0; i < rows; i++) {
          const __m512i x =
              _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(a[i] + l)));
          const __m512i all[4] = {
            _mm512_shuffle_epi32(x, 0x00), _mm512_shuffle_epi32(x, 0x55),
            _mm512_shuffle_epi32(x, 0xAA), _mm512_shuffle_epi32(x, 0xFF),
          };
          UNROLL for (int w = 0; w < 4; w++)
            for (int v = 0; v < vectors; v++)
              c[w][i][v] = dot(pairs, c[w][i][v], all[w],
                               _mm512_load_si512(b + w * step + 64 * v));
        }
    if (ways == 2)
      for (; l + 8 <= end; l += 8, b += 2 * step) { STEP(0) STEP(1) }
    // A row of the result a step: all at once would keep weights waiting.
    for (; unfetched && l < end; l += 4, b += step, y += t->stride, unfetched--) {
      for (int v = 0; v < vectors; v++) _mm_prefetch(y + 64 * v, _MM_HINT_T0);
      STEP(0)
    }
    for (; later && l < end; l += 4, b += step, later += t->later_step) {
      for (int v = 0; v < vectors; v++) _mm_prefetch(later + 64 * v, _MM_HINT_T1);
      STEP(0)
    }
    for (; l < end; l += 4, b += step) { STEP(0) }
  }
#undef STEP
  for (int w = 1; w < ways; w++)
    UNROLL for (int i = 0; i < rows; i++)
      for (int v = 0; v < vectors; v++) c[0][i][v] = _mm512_add_epi32(c[0][i][v], c[w][i][v]);
  leave(t, rows, vectors, c[0]);
}

// 14 x 16.
TARGET_INLINE void narrow_tile_of(const qat_igemm_tile *t, const bool pairs, const int rows) {
  const __m512i none = _mm512_setzero_si512();
  __m512i c[ROWS][2];
  UNROLL for (int i = 0; i < rows; i++)
    narrow_start(pairs ? none : _mm512_loadu_si512(t->start), c[i]);
  const int64_t end = 4 * t->quads;
  const char *y = t->y;
  int unfetched = y ? rows : 0;
  const int8_t *b = t->b;
#define STEP(x, even, odd)                                                \
  {                                                                       \
    __m512i z[2];                                                         \
    narrow_columns(even, odd, z);                                         \
    UNROLL for (int i = 0; i < rows; i++) {                               \
      const __m512i a_i = (x);                                            \
      for (int v = 0; v < 2; v++) c[i][v] = dot(pairs, c[i][v], a_i, z[v]); \
    }                                                                     \
  }
  for (int64_t s = 0; s < t->segment_count; s++) {
    const uint8_t *a[ROWS];
    for (int i = 0; i < rows; i++) a[i] = t->a + t->offsets[i] + t->segments[s];
    int64_t l = 0;
    for (; l + 8 <= end; l += 8, b += 128) {
      if (unfetched) _mm_prefetch(y, _MM_HINT_T0), y += t->stride, unfetched--;
      _mm_prefetch((const char *)(b + QAT_STEPS_AHEAD * 64), _MM_HINT_T0);
      _mm_prefetch((const char *)(b + (QAT_STEPS_AHEAD + 1) * 64), _MM_HINT_T0);
      STEP(_mm512_set1_epi64((int64_t)qat_load8(a[i] + l)), _mm512_load_si512(b),
           _mm512_load_si512(b + 64))
    }
    if (l < end) {
      STEP(_mm512_set1_epi32((int)qat_load4(a[i] + l)), _mm512_load_si512(b), none)
      b += 64;
    }
  }
#undef STEP
  __m512i sums[ROWS][2];
  UNROLL for (int i = 0; i < rows; i++) sums[i][0] = narrow_sums(c[i]);
  leave(t, rows, 1, sums);
}

// Rows of 32 columns, in `wide` sums, and of 16: few in four.
#define CASE(n, wide)                                  \
  case n:                                              \
    if (t->width == 32) tile_of(t, pairs, n, 2, wide); \
    else if ((n) < 5) tile_of(t, pairs, n, 1, 4);      \
    else narrow_tile_of(t, pairs, n);                  \
    break;
#define CASES                                                                          \
  switch (t->rows) {                                                                   \
    CASE(1, 4) CASE(2, 4) CASE(3, 2) CASE(4, 2) CASE(5, 1) CASE(6, 1) CASE(7, 1)       \
    CASE(8, 1) CASE(9, 1) CASE(10, 1) CASE(11, 1) CASE(12, 1) CASE(13, 1) CASE(14, 1)  \
  }

TARGET static bool qat_u8s8_gemm_14x32__avx512vnni(const qat_igemm_tile *t) {
  const bool pairs = false;
  CASES
  return t->result;
}

TARGET void qat_s16_tile__avx512vnni(const qat_igemm_tile *t) {
  const bool pairs = true;
  CASES
}

const qat_igemm_kernel qat_igemm_avx512vnni = {
  .name = "avx512vnni", .features = QAT_CPU_AVX512 | QAT_CPU_AVX512VNNI, .rows = ROWS,
  .tile = qat_u8s8_gemm_14x32__avx512vnni, .store = qat_igemm_store__avx512,
  .chain = qat_u8s8_chain__avx512vnni,
  .depthwise = qat_depthwise_line__avx512vnni, .pairs = qat_s16_tile__avx512vnni, .filters = true,
};
#endif
