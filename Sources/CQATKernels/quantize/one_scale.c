#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include "one_scale.h"

// The loops of all that has one scale: to codes or to the numbers these stand for, with or without
// a bit an element, the first in the lowest bit of the first byte, that tells whether the gradient
// passes.

typedef struct {
  const float *x;
  float scale, inverse, low, high;
  float least, most;  // all x but those between them saturate, or are no numbers
  float passing;      // the bits are those of x from here to `most`
  int32_t zero;
  bool positive;      // bits of positive elements alone
  void *y;            // codes u8 or s8, or floats
  uint8_t *bits;      // or NULL
} run;

QAT_INLINE void plain(const run *r, int64_t first, int64_t count, bool codes) {
  for (int64_t i = first; i < count; i++) {
    const int32_t steps = (int32_t)steps_of(r->x[i], r->scale, r->low, r->high);
    if (codes) ((uint8_t *)r->y)[i] = (uint8_t)(steps + r->zero);
    else ((float *)r->y)[i] = (float)steps * r->scale;
    if (!r->bits) continue;
    if (i % 8 == 0) r->bits[i / 8] = 0;
    const bool inside =
        is_inside(r->x[i], r->scale, r->low, r->high) & (!r->positive | (r->x[i] > 0));
    r->bits[i / 8] |= (uint8_t)(inside << i % 8);
  }
}

static void apply(int64_t first, int64_t count, const float *dy, const uint8_t *bits, float *dx) {
  for (int64_t i = first; i < count; i++) dx[i] = bits[i / 8] >> i % 8 & 1 ? dy[i] : 0;
}

#if defined(__x86_64__)
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))

// As steps_of, without a division: what saturates is kept inside before. What is no number becomes an
// integer whose lowest byte is 0.
AVX512 __attribute__((always_inline)) static inline __m512i steps_512(const run *r, __m512 x) {
  const __m512 inverse = _mm512_set1_ps(r->inverse);
  // These give their second operand where one is no number.
  x = _mm512_min_ps(_mm512_set1_ps(r->most), _mm512_max_ps(_mm512_set1_ps(r->least), x));
  const __m512 t = _mm512_mul_ps(x, inverse);
  return _mm512_cvt_roundps_epi32(
      _mm512_fmadd_ps(_mm512_fnmadd_ps(t, _mm512_set1_ps(r->scale), x), inverse, t),
      _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
AVX512 __attribute__((always_inline)) static inline __mmask16 passes_512(const run *r, __m512 x) {
  const __mmask16 above = _mm512_cmp_ps_mask(x, _mm512_set1_ps(r->passing), _CMP_GE_OQ);
  return _mm512_mask_cmp_ps_mask(above, x, _mm512_set1_ps(r->most), _CMP_LE_OQ);
}

AVX512 __attribute__((always_inline)) static inline int64_t loop_512(const run *r, int64_t count,
                                                                     const bool codes,
                                                                     const bool bits) {
  const __m512 scale = _mm512_set1_ps(r->scale);
  const __m512i zero = _mm512_set1_epi32(r->zero);
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const __m512 x = _mm512_loadu_ps(r->x + i);
    const __m512i steps = steps_512(r, x);
    // Through an integer, so that -0 becomes +0.
    if (codes) {
      _mm_storeu_si128((__m128i *)((uint8_t *)r->y + i),
                       _mm512_cvtepi32_epi8(_mm512_add_epi32(steps, zero)));
    } else {
      const __mmask16 number = _mm512_cmp_ps_mask(x, x, _CMP_ORD_Q);
      const __m512 whole = _mm512_maskz_cvtepi32_ps(number, steps);
      _mm512_storeu_ps((float *)r->y + i, _mm512_mul_ps(whole, scale));
    }
    if (bits) {
      const __mmask16 passes = passes_512(r, x);
      memcpy(r->bits + i / 8, &passes, 2);
    }
  }
  return i;
}

AVX512 static int64_t run__avx512(const run *r, int64_t count, bool codes) {
  if (codes) return r->bits ? loop_512(r, count, true, true) : loop_512(r, count, true, false);
  return r->bits ? loop_512(r, count, false, true) : loop_512(r, count, false, false);
}

AVX512 static int64_t pass__avx512(const run *r, int64_t count, const float *dy, float *dx) {
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const __mmask16 passes = passes_512(r, _mm512_loadu_ps(r->x + i));
    _mm512_storeu_ps(dx + i, _mm512_maskz_loadu_ps(passes, dy + i));
  }
  return i;
}

AVX512 static int64_t apply__avx512(int64_t count, const float *dy, const uint8_t *bits,
                                    float *dx) {
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    __mmask16 inside;
    memcpy(&inside, bits + i / 8, 2);
    _mm512_storeu_ps(dx + i, _mm512_maskz_loadu_ps(inside, dy + i));
  }
  return i;
}

QAT_TARGET_AVX2 __attribute__((always_inline)) static inline __m256i steps_256(const run *r,
                                                                               __m256 x) {
  const __m256 inverse = _mm256_set1_ps(r->inverse);
  x = _mm256_min_ps(_mm256_set1_ps(r->most), _mm256_max_ps(_mm256_set1_ps(r->least), x));
  const __m256 t = _mm256_mul_ps(x, inverse);
  return _mm256_cvtps_epi32(
      _mm256_fmadd_ps(_mm256_fnmadd_ps(t, _mm256_set1_ps(r->scale), x), inverse, t));
}
QAT_TARGET_AVX2 __attribute__((always_inline)) static inline __m256 passes_256(const run *r,
                                                                               __m256 x) {
  return _mm256_and_ps(_mm256_cmp_ps(x, _mm256_set1_ps(r->passing), _CMP_GE_OQ),
                       _mm256_cmp_ps(x, _mm256_set1_ps(r->most), _CMP_LE_OQ));
}

QAT_TARGET_AVX2 static int64_t run__avx2(const run *r, int64_t count, bool codes) {
  const __m256 scale = _mm256_set1_ps(r->scale);
  const __m256i zero = _mm256_set1_epi32(r->zero);
  const __m256i low_bytes = _mm256_set1_epi32(0xff);
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m256 x = _mm256_loadu_ps(r->x + i);
    const __m256i steps = steps_256(r, x);
    if (codes) {
      const __m256i q = _mm256_and_si256(_mm256_add_epi32(steps, zero), low_bytes);
      const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(q),
                                             _mm256_extracti128_si256(q, 1));
      _mm_storel_epi64((__m128i *)((uint8_t *)r->y + i), _mm_packus_epi16(words, words));
    } else {
      const __m256 whole = _mm256_and_ps(_mm256_cmp_ps(x, x, _CMP_ORD_Q), _mm256_cvtepi32_ps(steps));
      _mm256_storeu_ps((float *)r->y + i, _mm256_mul_ps(whole, scale));
    }
    if (r->bits) r->bits[i / 8] = (uint8_t)_mm256_movemask_ps(passes_256(r, x));
  }
  return i;
}

QAT_TARGET_AVX2 static inline __m256 passed_256(const float *dy, uint8_t bits) {
  const __m256i places = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  const __m256i set = _mm256_and_si256(_mm256_set1_epi32(bits), places);
  return _mm256_and_ps(_mm256_castsi256_ps(_mm256_cmpeq_epi32(set, places)), _mm256_loadu_ps(dy));
}

QAT_TARGET_AVX2 static int64_t pass__avx2(const run *r, int64_t count, const float *dy, float *dx) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const __m256 passes = passes_256(r, _mm256_loadu_ps(r->x + i));
    _mm256_storeu_ps(dx + i, _mm256_and_ps(passes, _mm256_loadu_ps(dy + i)));
  }
  return i;
}

QAT_TARGET_AVX2 static int64_t apply__avx2(int64_t count, const float *dy, const uint8_t *bits,
                                           float *dx) {
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) _mm256_storeu_ps(dx + i, passed_256(dy + i, bits[i / 8]));
  return i;
}

// What can run the loops for vectors, which need the inverse of the scale and as many elements as a
// vector has. Where nobody asks which elements saturate, bounds are anything that does.
static uint32_t bounds_of(run *r, int64_t count, bool exact) {
  if (count < 16 || !qat_has_inverse(r->scale)) return 0;
  r->least = exact ? least_of(r->scale, r->low, true) : r->low * r->scale;
  r->most = exact ? -least_of(r->scale, -r->high, true) : r->high * r->scale;
  r->passing = r->positive && r->least <= 0 ? 0x1p-149f : r->least;
  return qat_cpu_features();
}
#endif

static void run_all(run *r, int64_t count, bool codes) {
  int64_t done = 0;
#if defined(__x86_64__)
  const uint32_t cpu = bounds_of(r, count, r->bits != NULL);
  if (cpu & QAT_CPU_AVX512) done = run__avx512(r, count, codes);
  else if (cpu & QAT_CPU_AVX2) done = run__avx2(r, count, codes);
#endif
  if (codes) plain(r, done, count, true);
  else plain(r, done, count, false);
}

void qat_quantize_bits(int64_t count, const float *x, float scale, int32_t zero, int32_t lo,
                       int32_t hi, bool positive, uint8_t *codes, uint8_t *bits) {
  run r = {
    .x = x, .scale = scale, .inverse = 1 / scale, .low = (float)(lo - zero),
    .high = (float)(hi - zero), .zero = zero, .positive = positive, .y = codes, .bits = bits,
  };
  run_all(&r, count, true);
}

void qat_fake_run(int64_t count, const float *x, float scale, float low, float high, float *y) {
  run r = {.x = x, .scale = scale, .inverse = 1 / scale, .low = low, .high = high, .y = y};
  run_all(&r, count, false);
}

void qat_pass_run(int64_t count, const float *x, float scale, float low, float high,
                  const float *dy, float *dx) {
  int64_t done = 0;
#if defined(__x86_64__)
  run r = {.x = x, .scale = scale, .inverse = 1 / scale, .low = low, .high = high};
  const uint32_t cpu = bounds_of(&r, count, true);
  if (cpu & QAT_CPU_AVX512) done = pass__avx512(&r, count, dy, dx);
  else if (cpu & QAT_CPU_AVX2) done = pass__avx2(&r, count, dy, dx);
#endif
  for (int64_t i = done; i < count; i++) dx[i] = is_inside(x[i], scale, low, high) ? dy[i] : 0;
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
