#if defined(__x86_64__)
#include <immintrin.h>
#include "kernel.h"

#define TARGET __attribute__((target("avx2")))
enum { ROWS = 4 };

// 4 x 16 twice, over pairs of 16-bit values: VPMADDWD is exact for them (|pair sum| < 2^17), unlike
// VPMADDUBSW, which saturates at 16 bits. Of four bytes the even and the odd ones make a pair each.
TARGET __attribute__((always_inline)) static inline void half_of(const qat_igemm_tile *t,
                                                                 const bool pairs, const int rows,
                                                                 int first) {
  __m256i c[ROWS][2];
  for (int v = 0; v < 2; v++)
    for (int i = 0; i < rows; i++)
      c[i][v] = pairs ? _mm256_setzero_si256()
                      : _mm256_loadu_si256((const __m256i *)(t->start + first + 8 * v));
  const __m256i low = _mm256_set1_epi16(0xFF);
  const int64_t step = 4 * t->width;
  const int8_t *b = t->b + 4 * first;
  for (int64_t s = 0; s < t->segment_count; s++) {
    const uint8_t *a[ROWS];
    for (int i = 0; i < rows; i++) a[i] = t->a + t->offsets[i] + t->segments[s];
    for (int64_t l = 0; l < 4 * t->quads; l += 4, b += step) {
      _mm_prefetch((const char *)(b + QAT_STEPS_AHEAD * step), _MM_HINT_T0);
      const __m256i b0 = _mm256_load_si256((const __m256i *)b);
      const __m256i b1 = _mm256_load_si256((const __m256i *)(b + 32));
      const __m256i even0 = _mm256_srai_epi16(_mm256_slli_epi16(b0, 8), 8);
      const __m256i even1 = _mm256_srai_epi16(_mm256_slli_epi16(b1, 8), 8);
      const __m256i odd0 = _mm256_srai_epi16(b0, 8), odd1 = _mm256_srai_epi16(b1, 8);
#pragma clang loop unroll(full)
      for (int i = 0; i < rows; i++) {
        const __m256i x = _mm256_set1_epi32((int)qat_load4(a[i] + l));
        if (pairs) {
          c[i][0] = _mm256_add_epi32(c[i][0], _mm256_madd_epi16(x, b0));
          c[i][1] = _mm256_add_epi32(c[i][1], _mm256_madd_epi16(x, b1));
          continue;
        }
        const __m256i even = _mm256_and_si256(x, low), odd = _mm256_srli_epi16(x, 8);
        c[i][0] = _mm256_add_epi32(c[i][0], _mm256_madd_epi16(even, even0));
        c[i][1] = _mm256_add_epi32(c[i][1], _mm256_madd_epi16(even, even1));
        c[i][0] = _mm256_add_epi32(c[i][0], _mm256_madd_epi16(odd, odd0));
        c[i][1] = _mm256_add_epi32(c[i][1], _mm256_madd_epi16(odd, odd1));
      }
    }
  }
  for (int i = 0; i < rows; i++)
    for (int v = 0; v < 2; v++)
      _mm256_store_si256((__m256i *)(t->sums + i * t->width + first + 8 * v), c[i][v]);
}

#define CASE(n) \
  case n:       \
    for (int first = 0; first < t->width; first += 16) half_of(t, pairs, n, first); \
    break;
#define CASES switch (t->rows) { CASE(1) CASE(2) CASE(3) CASE(4) }

TARGET static bool qat_u8s8_gemm_4x16__avx2(const qat_igemm_tile *t) {
  const bool pairs = false;
  CASES
  return false;
}

TARGET static void qat_s16_tile__avx2(const qat_igemm_tile *t) {
  const bool pairs = true;
  CASES
}

const qat_igemm_kernel qat_igemm_avx2 = {
  .name = "avx2", .features = QAT_CPU_AVX2, .rows = ROWS, .tile = qat_u8s8_gemm_4x16__avx2,
  .store = qat_igemm_store__avx2, .depthwise = qat_depthwise_line__avx2,
  .pairs = qat_s16_tile__avx2, .filters = true,
};
#endif
