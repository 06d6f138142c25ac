#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include "steps.h"

// One bit an element, the first in the lowest bit of the first byte: what a gradient needs to know of
// the numbers that were rounded.

static void quantize(int64_t first, int64_t count, const float *x, float scale, float low,
                     float high, float *y, uint8_t *bits) {
  for (int64_t i = first; i < count; i++) {
    if (i % 8 == 0) bits[i / 8] = 0;
    y[i] = (float)(int32_t)steps_of(x[i], scale, low, high) * scale;
    bits[i / 8] |= (uint8_t)(is_inside(x[i], scale, low, high) << i % 8);
  }
}

static void apply(int64_t first, int64_t count, const float *dy, const uint8_t *bits, float *dx) {
  for (int64_t i = first; i < count; i++) dx[i] = bits[i / 8] >> i % 8 & 1 ? dy[i] : 0;
}

#if defined(__x86_64__)
// Rounding before clamping gives what clamping before rounding does, as both ends are integers, and a NaN
// has become 0 before. Through an integer, so that -0 becomes +0.
__attribute__((target("avx512f"))) static int64_t quantize__avx512(int64_t count, const float *x,
                                                                   float scale, float low,
                                                                   float high, float *y,
                                                                   uint8_t *bits) {
  const __m512 s = _mm512_set1_ps(scale), lo = _mm512_set1_ps(low), hi = _mm512_set1_ps(high);
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const __m512 t = _mm512_roundscale_ps(
        _mm512_div_ps(_mm512_loadu_ps(x + i), s), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __mmask16 inside =
        _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(t, lo, _CMP_GE_OQ), t, hi, _CMP_LE_OQ);
    memcpy(bits + i / 8, &inside, 2);
    const __mmask16 number = _mm512_cmp_ps_mask(t, t, _CMP_ORD_Q);
    const __m512 steps = _mm512_min_ps(_mm512_max_ps(_mm512_maskz_mov_ps(number, t), lo), hi);
    _mm512_storeu_ps(y + i, _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtps_epi32(steps)), s));
  }
  return i;
}

__attribute__((target("avx512f"))) static int64_t apply__avx512(int64_t count, const float *dy,
                                                                const uint8_t *bits, float *dx) {
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    __mmask16 inside;
    memcpy(&inside, bits + i / 8, 2);
    _mm512_storeu_ps(dx + i, _mm512_maskz_loadu_ps(inside, dy + i));
  }
  return i;
}

QAT_TARGET_AVX2 static int64_t quantize__avx2(int64_t count, const float *x, float scale, float low,
                                              float high, float *y, uint8_t *bits) {
  const __m256 s = _mm256_set1_ps(scale), lo = _mm256_set1_ps(low), hi = _mm256_set1_ps(high);
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m256 t = _mm256_round_ps(_mm256_div_ps(_mm256_loadu_ps(x + i), s),
                                     _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m256 inside =
        _mm256_and_ps(_mm256_cmp_ps(t, lo, _CMP_GE_OQ), _mm256_cmp_ps(t, hi, _CMP_LE_OQ));
    bits[i / 8] = (uint8_t)_mm256_movemask_ps(inside);
    const __m256 number = _mm256_and_ps(_mm256_cmp_ps(t, t, _CMP_ORD_Q), t);
    const __m256 steps = _mm256_min_ps(_mm256_max_ps(number, lo), hi);
    _mm256_storeu_ps(y + i, _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtps_epi32(steps)), s));
  }
  return i;
}

QAT_TARGET_AVX2 static int64_t apply__avx2(int64_t count, const float *dy, const uint8_t *bits,
                                           float *dx) {
  const __m256i places = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m256i set = _mm256_and_si256(_mm256_set1_epi32(bits[i / 8]), places);
    const __m256 inside = _mm256_castsi256_ps(_mm256_cmpeq_epi32(set, places));
    _mm256_storeu_ps(dx + i, _mm256_and_ps(inside, _mm256_loadu_ps(dy + i)));
  }
  return i;
}
#endif

void qat_fake_quantize_bits(int64_t count, const float *x, float scale, int32_t zero, int32_t lo,
                            int32_t hi, float *y, uint8_t *bits) {
  const float low = (float)(lo - zero), high = (float)(hi - zero);
  int64_t done = 0;
#if defined(__x86_64__)
  const uint32_t cpu = qat_cpu_features();
  if (cpu & QAT_CPU_AVX512) done = quantize__avx512(count, x, scale, low, high, y, bits);
  else if (cpu & QAT_CPU_AVX2) done = quantize__avx2(count, x, scale, low, high, y, bits);
#endif
  quantize(done, count, x, scale, low, high, y, bits);
}

void qat_apply_bits(int64_t count, const float *dy, const uint8_t *bits, float *dx) {
  int64_t done = 0;
#if defined(__x86_64__)
  const uint32_t cpu = qat_cpu_features();
  if (cpu & QAT_CPU_AVX512) done = apply__avx512(count, dy, bits, dx);
  else if (cpu & QAT_CPU_AVX2) done = apply__avx2(count, dy, bits, dx);
#endif
  apply(done, count, dy, bits, dx);
}
