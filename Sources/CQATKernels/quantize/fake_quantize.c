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

// x -> rint(x / scale) never falls, so the elements inside are those of one interval. Its ends are
// looked for from where they would be without rounding; false where they are not near.
static bool find_interval(float scale, float low, float high, float *first, float *last) {
  enum { STEPS = 8 };
  if (!(scale > 0) || scale > 1e30f) return false;
  float lowest = (low - 0.5f) * scale, highest = (high + 0.5f) * scale;
  int left = STEPS;
  while (left && !is_inside(lowest, scale, low, high)) lowest = nextafterf(lowest, INFINITY), left--;
  for (float next; left; lowest = next, left--)
    if (!is_inside(next = nextafterf(lowest, -INFINITY), scale, low, high)) break;
  if (!left) return false;
  left = STEPS;
  while (left && !is_inside(highest, scale, low, high))
    highest = nextafterf(highest, -INFINITY), left--;
  for (float next; left; highest = next, left--)
    if (!is_inside(next = nextafterf(highest, INFINITY), scale, low, high)) break;
  if (!left) return false;
  *first = lowest;
  *last = highest;
  return true;
}

QAT_INLINE void qat_pass_inside_body(int64_t count, const float *x, float first, float last,
                                     const float *dy, float *dx) {
  for (int64_t i = 0; i < count; i++) {
    const float g = dy[i];
    dx[i] = ((x[i] >= first) & (x[i] <= last)) ? g : 0;
  }
}
void qat_pass_inside(int64_t count, const float *x, float first, float last, const float *dy,
                     float *dx);
QAT_VERSIONS(qat_pass_inside,
             (int64_t count, const float *x, float first, float last, const float *dy, float *dx),
             (count, x, first, last, dy, dx))

QAT_INLINE void qat_pass_run_body(int64_t count, const float *x, float scale, float low, float high,
                                  const float *dy, float *dx) {
  for (int64_t i = 0; i < count; i++) {
    const float g = dy[i];
    dx[i] = is_inside(x[i], scale, low, high) ? g : 0;
  }
}
void qat_pass_run(int64_t count, const float *x, float scale, float low, float high,
                  const float *dy, float *dx);
QAT_VERSIONS(qat_pass_run,
             (int64_t count, const float *x, float scale, float low, float high, const float *dy,
              float *dx),
             (count, x, scale, low, high, dy, dx))

QAT_INLINE void qat_pass_rows_body(int64_t rows, int64_t stride, int64_t count, const float *x,
                                   const grid_of_channels *g, const float *dy, float *dx) {
  for (int64_t r = 0; r < rows; r++, x += stride, dy += stride, dx += stride)
    for (int64_t c = 0; c < count; c++) {
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
  enum { WORTH_SEARCHING = 2048 };
  grid_of_channels g;
  for (int64_t start = 0; start < channels; start += CHANNELS) {
    const int64_t count = qat_min(CHANNELS, channels - start);
    read_grid(&g, count, scale + start, zero ? zero + start : NULL, lo, hi);
    if (inner == 1 && channels > 1) {
      qat_pass_rows(outer, channels, count, x + start, &g, dy + start, dx + start);
      continue;
    }
    for (int64_t c = 0; c < count; c++) {
      float first = 0, last = 0;
      const bool found = outer * inner >= WORTH_SEARCHING
                         && find_interval(g.scale[c], g.low[c], g.high[c], &first, &last);
      for (int64_t o = 0; o < outer; o++) {
        const int64_t at = (o * channels + start + c) * inner;
        if (found) qat_pass_inside(inner, x + at, first, last, dy + at, dx + at);
        else qat_pass_run(inner, x + at, g.scale[c], g.low[c], g.high[c], dy + at, dx + at);
      }
    }
  }
}
