#if defined(__x86_64__)
#include <immintrin.h>
#include "kernel.h"

#define TARGET __attribute__((target("avx2,avxvnni")))
enum { ROWS = 6 };

TARGET __attribute__((always_inline)) static inline __m256i dot(const bool pairs, __m256i c,
                                                                __m256i a, __m256i b) {
  return pairs ? _mm256_dpwssd_avx_epi32(c, a, b) : _mm256_dpbusd_avx_epi32(c, a, b);
}

// 6 x 16 twice: 12 accumulators, 2 registers of B, one broadcast of A: 15 of 16 registers.
TARGET __attribute__((always_inline)) static inline void half_of(const qat_igemm_tile *t,
                                                                 const bool pairs, const int rows,
                                                                 int first) {
  __m256i c[ROWS][2];
  for (int v = 0; v < 2; v++)
    for (int i = 0; i < rows; i++)
      c[i][v] = pairs ? _mm256_setzero_si256()
                      : _mm256_loadu_si256((const __m256i *)(t->start + first + 8 * v));
  const int64_t step = 4 * t->width;
  const int8_t *b = t->b + 4 * first;
  for (int64_t s = 0; s < t->segment_count; s++) {
    const uint8_t *a[ROWS];
    for (int i = 0; i < rows; i++) a[i] = t->a + t->offsets[i] + t->segments[s];
    for (int64_t l = 0; l < 4 * t->quads; l += 4, b += step) {
      // A step of 6 rows is half as long as one of 14.
      _mm_prefetch((const char *)(b + 2 * QAT_STEPS_AHEAD * step), _MM_HINT_T0);
      const __m256i b0 = _mm256_load_si256((const __m256i *)b);
      const __m256i b1 = _mm256_load_si256((const __m256i *)(b + 32));
#pragma clang loop unroll(full)
      for (int i = 0; i < rows; i++) {
        const __m256i x = _mm256_set1_epi32((int)qat_load4(a[i] + l));
        c[i][0] = dot(pairs, c[i][0], x, b0);
        c[i][1] = dot(pairs, c[i][1], x, b1);
      }
    }
  }
  for (int i = 0; i < rows; i++)
    for (int v = 0; v < 2; v++)
      _mm256_store_si256((__m256i *)(t->sums + i * t->width + first + 8 * v), c[i][v]);
}

// One row of 16 * halves columns, in two independent sums: it is as fast as B is read.
TARGET __attribute__((always_inline)) static inline void row_of(const qat_igemm_tile *t,
                                                                const bool pairs,
                                                                const int halves) {
  __m256i c[2][4];
  for (int v = 0; v < 2 * halves; v++) {
    c[0][v] = pairs ? _mm256_setzero_si256()
                    : _mm256_loadu_si256((const __m256i *)(t->start + 8 * v));
    c[1][v] = _mm256_setzero_si256();
  }
  const int64_t end = 4 * t->quads, step = 64 * halves;
  const int8_t *b = t->b;
  for (int64_t s = 0; s < t->segment_count; s++) {
    const uint8_t *a = t->a + t->offsets[0] + t->segments[s];
    for (int64_t l = 0; l < end; l += 8, b += step) {
      const int ways = l + 4 < end ? 2 : 1;
      for (int w = 0; w < ways; w++) {
        const __m256i x = _mm256_set1_epi32((int)qat_load4(a + l + 4 * w));
        if (w) b += step;
        for (int v = 0; v < 2 * halves; v++)
          c[w][v] = dot(pairs, c[w][v], x, _mm256_load_si256((const __m256i *)(b + 32 * v)));
      }
    }
  }
  for (int v = 0; v < 2 * halves; v++)
    _mm256_store_si256((__m256i *)(t->sums + 8 * v), _mm256_add_epi32(c[0][v], c[1][v]));
}

#define CASE(n) \
  case n:       \
    for (int first = 0; first < t->width; first += 16) half_of(t, pairs, n, first); \
    break;
#define CASES                                 \
  switch (t->rows) {                          \
    case 1:                                   \
      if (t->width == 32) row_of(t, pairs, 2); \
      else row_of(t, pairs, 1);               \
      break;                                  \
    CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)   \
  }

TARGET static bool qat_u8s8_gemm_6x16__avxvnni(const qat_igemm_tile *t) {
  const bool pairs = false;
  CASES
  return false;
}

TARGET static void qat_s16_tile__avxvnni(const qat_igemm_tile *t) {
  const bool pairs = true;
  CASES
}

const qat_igemm_kernel qat_igemm_avxvnni = {
  .name = "avxvnni", .features = QAT_CPU_AVX2 | QAT_CPU_AVXVNNI, .rows = ROWS,
  .tile = qat_u8s8_gemm_6x16__avxvnni, .store = qat_igemm_store__avx2,
  .depthwise = qat_depthwise_line__avxvnni, .pairs = qat_s16_tile__avxvnni, .filters = true,
};
#endif
