#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include "nhwc.h"

QAT_INLINE void qat_find_pixels_body(const qat_grid *g, const qat_source *source, int64_t stride,
                                     int64_t first, int64_t count, qat_pixels *pixels) {
  const int64_t plane = g->rows * g->columns;
  int64_t image = first / plane, r = first % plane / g->columns, c = first % g->columns;
  for (int64_t i = 0; i < count;) {
    // The rest of a row, in even steps.
    const int64_t n = qat_min(count - i, g->columns - c);
    const int64_t y = r * g->source_step_y, x = c * g->source_step_x;
    const int64_t row = g->first_y + r * g->step_y, column = g->first_x + c * g->step_x;
    const int64_t from = ((image * source->height + y) * source->width + x) * source->stride;
    const int64_t to = ((image * g->height + row) * g->width + column) * stride;
    const int64_t from_step = g->source_step_x * source->stride, to_step = g->step_x * stride;
    for (int64_t k = 0; k < n; k++) {
      pixels->y[i + k] = (int32_t)y;
      pixels->x[i + k] = (int32_t)(x + k * g->source_step_x);
      pixels->from[i + k] = from + k * from_step;
      pixels->to[i + k] = to + k * to_step;
    }
    i += n;
    c = 0;
    if (++r == g->rows) r = 0, image++;
  }
  // Lanes beyond the last pixel see what the last one sees.
  for (int64_t i = count; i < count + QAT_LANES; i++) {
    pixels->y[i] = pixels->y[count - 1];
    pixels->x[i] = pixels->x[count - 1];
    pixels->from[i] = pixels->from[count - 1];
    pixels->to[i] = pixels->to[count - 1];
  }
}
QAT_VERSIONS(qat_find_pixels,
             (const qat_grid *g, const qat_source *source, int64_t stride, int64_t first,
              int64_t count, qat_pixels *pixels),
             (g, source, stride, first, count, pixels))

// Addresses are numbers here: those outside the image are never made into pointers.
static void find_rows(const qat_pixels *pixels, int64_t first, const qat_source *source,
                      int64_t taps, const int32_t *tap_y, const int32_t *tap_x, uint64_t zero,
                      uint64_t *rows) {
  const uint32_t height = (uint32_t)source->height, width = (uint32_t)source->width;
  const uint64_t start = (uint64_t)(uintptr_t)source->start;
  for (int64_t t = 0; t < taps; t++) {
    const int64_t shift = (tap_y[t] * source->width + tap_x[t]) * source->stride;
    for (int64_t i = 0; i < QAT_LANES; i++) {
      const uint32_t y = (uint32_t)(pixels->y[first + i] + tap_y[t]);
      const uint32_t x = (uint32_t)(pixels->x[first + i] + tap_x[t]);
      const int64_t at = (pixels->from[first + i] + shift) * (int64_t)sizeof(float);
      rows[t * QAT_LANES + i] = ((y < height) & (x < width)) ? start + (uint64_t)at : zero;
    }
  }
}

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static void find_rows__avx512(
    const qat_pixels *pixels, int64_t first, const qat_source *source, int64_t taps,
    const int32_t *tap_y, const int32_t *tap_x, uint64_t zero, uint64_t *rows) {
  const __m512i y = _mm512_loadu_si512(pixels->y + first);
  const __m512i x = _mm512_loadu_si512(pixels->x + first);
  const __m512i start = _mm512_set1_epi64((int64_t)(uintptr_t)source->start);
  const __m512i low = _mm512_add_epi64(
      start, _mm512_slli_epi64(_mm512_loadu_si512(pixels->from + first), 2));
  const __m512i high = _mm512_add_epi64(
      start, _mm512_slli_epi64(_mm512_loadu_si512(pixels->from + first + 8), 2));
  const __m512i height = _mm512_set1_epi32((int32_t)source->height);
  const __m512i width = _mm512_set1_epi32((int32_t)source->width);
  const __m512i outside = _mm512_set1_epi64((int64_t)zero);
  for (int64_t t = 0; t < taps; t++, rows += QAT_LANES) {
    const int64_t shift = (tap_y[t] * source->width + tap_x[t]) * source->stride * 4;
    const __m512i by = _mm512_set1_epi64(shift);
    const __mmask16 inside =
        _mm512_mask_cmplt_epu32_mask(
            _mm512_cmplt_epu32_mask(_mm512_add_epi32(y, _mm512_set1_epi32(tap_y[t])), height),
            _mm512_add_epi32(x, _mm512_set1_epi32(tap_x[t])), width);
    _mm512_storeu_si512(rows, _mm512_mask_add_epi64(outside, (__mmask8)inside, low, by));
    _mm512_storeu_si512(rows + 8, _mm512_mask_add_epi64(outside, (__mmask8)(inside >> 8), high, by));
  }
}
#endif

void qat_find_rows(const qat_pixels *pixels, int64_t first, const qat_source *source, int64_t taps,
                   const int32_t *tap_y, const int32_t *tap_x, const float *zero,
                   const float **rows) {
  uint64_t *addresses = (uint64_t *)rows;
  const uint64_t outside = (uint64_t)(uintptr_t)zero;
#if defined(__x86_64__)
  if (qat_cpu_features() & QAT_CPU_AVX512) {
    find_rows__avx512(pixels, first, source, taps, tap_y, tap_x, outside, addresses);
    return;
  }
#endif
  find_rows(pixels, first, source, taps, tap_y, tap_x, outside, addresses);
}

typedef struct {
  const qat_conv_shape *s;
  const float *x;
  const qat_codes *codes;
  float *padded;
} pad_job;

static void pad_image(void *context, int64_t image, int worker) {
  (void)worker;
  const pad_job *j = context;
  const qat_conv_shape *s = j->s;
  const int64_t height = padded_height(s), width = padded_width(s), channels = s->in_channels;
  float *to = j->padded + image * height * width * channels;
  // Columns of the image inside the padded one, which may also be narrower.
  const int64_t left = qat_min(s->pad_left, width);
  const int64_t inside = qat_max(0, qat_min(s->in_width, width - s->pad_left));
  for (int64_t r = 0; r < height; r++, to += width * channels) {
    const int64_t row = r - s->pad_top;
    if (row < 0 || row >= s->in_height || inside == 0) {
      memset(to, 0, (size_t)(width * channels) * sizeof *to);
      continue;
    }
    const int64_t end = left + inside;
    memset(to, 0, (size_t)(left * channels) * sizeof *to);
    const int64_t first = (image * s->in_height + row) * s->in_width * channels;
    if (j->codes)
      qat_dequantize_rows(j->codes, first, 1, inside * channels, 0, to + left * channels, 0);
    else memcpy(to + left * channels, j->x + first, (size_t)(inside * channels) * sizeof *to);
    memset(to + end * channels, 0, (size_t)((width - end) * channels) * sizeof *to);
  }
}

void qat_pad_images(const qat_conv_shape *s, const float *x, const qat_codes *codes, float *padded,
                    qat_pool *pool) {
  pad_job job = {s, x, codes, padded};
  qat_pool_run(pool, s->batch, pad_image, &job);
}
