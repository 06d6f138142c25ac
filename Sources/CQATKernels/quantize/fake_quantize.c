#include "one_scale.h"

// Through an integer, so that -0 becomes +0 as it does for codes.
QAT_INLINE float fake(float x, float scale, float low, float high) {
  return (float)(int32_t)steps_of(x, scale, low, high) * scale;
}

// What a run of elements that share a scale, or a row of elements with one each, needs to know.
enum { CHANNELS = 256 };
typedef struct { float scale[CHANNELS], low[CHANNELS], high[CHANNELS]; } grid_of_channels;

static void read_grid(grid_of_channels *g, int64_t count, const float *scale, const int32_t *zero,
                      int32_t lo, int32_t hi) {
  for (int64_t c = 0; c < count; c++) {
    g->scale[c] = scale[c];
    g->low[c] = (float)(lo - (zero ? zero[c] : 0));
    g->high[c] = (float)(hi - (zero ? zero[c] : 0));
  }
}

QAT_INLINE void qat_fake_rows_body(int64_t rows, int64_t stride, int64_t count, const float *x,
                                   const grid_of_channels *g, float *y) {
  for (int64_t r = 0; r < rows; r++, x += stride, y += stride)
    for (int64_t c = 0; c < count; c++) y[c] = fake(x[c], g->scale[c], g->low[c], g->high[c]);
}
void qat_fake_rows(int64_t rows, int64_t stride, int64_t count, const float *x,
                   const grid_of_channels *g, float *y);
QAT_VERSIONS(qat_fake_rows,
             (int64_t rows, int64_t stride, int64_t count, const float *x,
              const grid_of_channels *g, float *y),
             (rows, stride, count, x, g, y))

void qat_fake_quantize(int64_t outer, int64_t channels, int64_t inner, const float *x,
                       const float *scale, const int32_t *zero, int32_t lo, int32_t hi, float *y) {
  grid_of_channels g;
  for (int64_t first = 0; first < channels; first += CHANNELS) {
    const int64_t count = qat_min(CHANNELS, channels - first);
    read_grid(&g, count, scale + first, zero ? zero + first : NULL, lo, hi);
    if (inner == 1) {
      qat_fake_rows(outer, channels, count, x + first, &g, y + first);
      continue;
    }
    for (int64_t o = 0; o < outer; o++)
      for (int64_t c = 0; c < count; c++) {
        const int64_t at = (o * channels + first + c) * inner;
        qat_fake_run(inner, x + at, g.scale[c], g.low[c], g.high[c], y + at);
      }
  }
}

QAT_INLINE void qat_pass_rows_body(int64_t rows, int64_t stride, int64_t count, const float *x,
                                   const grid_of_channels *g, const float *dy, float *dx) {
  for (int64_t r = 0; r < rows; r++, x += stride, dy += stride, dx += stride)
    _Pragma("clang loop vectorize(assume_safety)") for (int64_t c = 0; c < count; c++) {
      const float passed = dy[c];
      dx[c] = is_inside(x[c], g->scale[c], g->low[c], g->high[c]) ? passed : 0;
    }
}
void qat_pass_rows(int64_t rows, int64_t stride, int64_t count, const float *x,
                   const grid_of_channels *g, const float *dy, float *dx);
QAT_VERSIONS(qat_pass_rows,
             (int64_t rows, int64_t stride, int64_t count, const float *x,
              const grid_of_channels *g, const float *dy, float *dx),
             (rows, stride, count, x, g, dy, dx))

void qat_fake_quantize_gradient(int64_t outer, int64_t channels, int64_t inner, const float *x,
                                const float *scale, const int32_t *zero, int32_t lo, int32_t hi,
                                const float *dy, float *dx) {
  grid_of_channels g;
  for (int64_t start = 0; start < channels; start += CHANNELS) {
    const int64_t count = qat_min(CHANNELS, channels - start);
    read_grid(&g, count, scale + start, zero ? zero + start : NULL, lo, hi);
    if (inner == 1 && channels > 1) {
      qat_pass_rows(outer, channels, count, x + start, &g, dy + start, dx + start);
      continue;
    }
    for (int64_t o = 0; o < outer; o++)
      for (int64_t c = 0; c < count; c++) {
        const int64_t at = (o * channels + start + c) * inner;
        qat_pass_run(inner, x + at, g.scale[c], g.low[c], g.high[c], dy + at, dx + at);
      }
  }
}
