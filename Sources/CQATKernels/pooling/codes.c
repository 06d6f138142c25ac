#include "window.h"

// Pooling of codes. Images are [planes / channels][height][width][channels]: with one channel, planes
// whose rows vectorise; with more, channels do.

typedef struct {
  const qat_pool_shape *s;
  int64_t channels;
  const uint8_t *x;
  uint8_t *y;
  bool is_signed, count_padding;
  float x_scale, y_scale;
  int32_t x_zero, y_zero, lo, hi;
} job;

#define MAX_ROWS(name, type, lowest)                                                          \
  QAT_INLINE void name##_body(const qat_pool_shape *s, const type *x, type *y) {              \
    for (int64_t oy = 0; oy < s->out_height; oy++) {                                          \
      const span rows = rows_of(s, oy);                                                       \
      type *to = y + oy * s->out_width;                                                       \
      for (int64_t ox = 0; ox < s->out_width; ox++) to[ox] = lowest;                          \
      for (int64_t r = rows.first; r < rows.last; r += rows.step)                             \
        for (int64_t j = 0; j < s->kernel_width; j++) {                                       \
          const int64_t offset = j * s->dilation_x - s->pad_left, step = s->stride_x;         \
          const int64_t first = offset >= 0 ? 0 : qat_ceil_div(-offset, step);                \
          const int64_t end = s->in_width - offset;                                           \
          const int64_t last = end <= 0 ? 0 : qat_min(s->out_width, qat_ceil_div(end, step)); \
          const type *from = x + r * s->in_width + offset;                                    \
          for (int64_t ox = first; ox < last; ox++)                                           \
            to[ox] = from[ox * step] > to[ox] ? from[ox * step] : to[ox];                     \
        }                                                                                     \
    }                                                                                         \
  }                                                                                           \
  void name(const qat_pool_shape *s, const type *x, type *y);                                 \
  QAT_VERSIONS(name, (const qat_pool_shape *s, const type *x, type *y), (s, x, y))
MAX_ROWS(qat_max_rows_u8, uint8_t, 0)
MAX_ROWS(qat_max_rows_s8, int8_t, -128)

typedef uint8_t u8x64 __attribute__((vector_size(64), aligned(1)));
typedef int8_t s8x64 __attribute__((vector_size(64), aligned(1)));
typedef uint8_t u8x16 __attribute__((vector_size(16), aligned(1)));
typedef int8_t s8x16 __attribute__((vector_size(16), aligned(1)));
typedef float f32x16 __attribute__((vector_size(64)));
typedef int32_t s32x16 __attribute__((vector_size(64)));

// The largest of a window, for the channels of one vector (or one channel).
#define MAX_PIXEL(type, element, lowest)                                                      \
  {                                                                                           \
    type best = (type){0} + (element)lowest;                                                  \
    FOR_INSIDE(                                                                               \
      const type v = *(const type *)(const void *)(x + at * j->channels + k);                 \
      best = __builtin_elementwise_max(best, v);                                              \
    )                                                                                         \
    *(type *)(void *)(y + k) = best;                                                          \
    k += (int64_t)sizeof(type);                                                               \
  }

// The average of a window, for 16 channels.
QAT_INLINE void average_16(const job *j, span rows, span columns, float divisor, const uint8_t *x,
                           uint8_t *y) {
  const qat_pool_shape *s = j->s;
  f32x16 sum = {0};
  FOR_INSIDE(
    const uint8_t *from = x + at * j->channels;
    const s32x16 q = j->is_signed
        ? __builtin_convertvector(*(const s8x16 *)(const void *)from, s32x16)
        : __builtin_convertvector(*(const u8x16 *)(const void *)from, s32x16);
    sum += __builtin_convertvector(q - j->x_zero, f32x16) * j->x_scale;
  )
  const float y_scale = j->y_scale, zero = (float)j->y_zero;
  const float low = (float)j->lo, high = (float)j->hi;
  float sums[16];
  memcpy(sums, &sum, sizeof sums);
  for (int k = 0; k < 16; k++)
    y[k] = (uint8_t)(int32_t)qat_round(qat_clamp(sums[k] / divisor / y_scale + zero, low, high));
}

QAT_INLINE void average_1(const job *j, span rows, span columns, float divisor, const uint8_t *x,
                          uint8_t *y) {
  const qat_pool_shape *s = j->s;
  float sum = 0;
  FOR_INSIDE(
    const uint8_t from = x[at * j->channels];
    const int32_t q = j->is_signed ? (int8_t)from : from;
    sum += (float)(q - j->x_zero) * j->x_scale;
  )
  *y = (uint8_t)(int32_t)qat_round(qat_clamp(sum / divisor / j->y_scale + (float)j->y_zero,
                                             (float)j->lo, (float)j->hi));
}

// Output pixels of a row of all images.
#define FOR_PIXELS(...)                                                       \
  const qat_pool_shape *s = j->s;                                             \
  const int64_t image = row / s->out_height, oy = row % s->out_height;        \
  const span rows = rows_of(s, oy);                                           \
  const uint8_t *x = j->x + image * s->in_height * s->in_width * j->channels; \
  uint8_t *y = j->y + row * s->out_width * j->channels;                       \
  for (int64_t ox = 0; ox < s->out_width; ox++, y += j->channels) {           \
    const span columns = columns_of(s, ox);                                   \
    int64_t k = 0;                                                            \
    __VA_ARGS__                                                               \
  }

QAT_INLINE void qat_max_pixels_body(const job *j, int64_t row) {
  if (j->is_signed) {
    FOR_PIXELS(
      while (k + 64 <= j->channels) MAX_PIXEL(s8x64, int8_t, -128)
      while (k + 16 <= j->channels) MAX_PIXEL(s8x16, int8_t, -128)
      while (k < j->channels) MAX_PIXEL(int8_t, int8_t, -128)
    )
  } else {
    FOR_PIXELS(
      while (k + 64 <= j->channels) MAX_PIXEL(u8x64, uint8_t, 0)
      while (k + 16 <= j->channels) MAX_PIXEL(u8x16, uint8_t, 0)
      while (k < j->channels) MAX_PIXEL(uint8_t, uint8_t, 0)
    )
  }
}
void qat_max_pixels(const job *j, int64_t row);
QAT_VERSIONS(qat_max_pixels, (const job *j, int64_t row), (j, row))

QAT_INLINE void qat_average_pixels_body(const job *j, int64_t row) {
  FOR_PIXELS(
    const float n = (float)divisor(s, oy, ox, j->count_padding);
    for (; k + 16 <= j->channels; k += 16) average_16(j, rows, columns, n, x + k, y + k);
    for (; k < j->channels; k++) average_1(j, rows, columns, n, x + k, y + k);
  )
}
void qat_average_pixels(const job *j, int64_t row);
QAT_VERSIONS(qat_average_pixels, (const job *j, int64_t row), (j, row))

enum { PLANES = 8, ROWS = 4 };

static void max_planes(void *context, int64_t chunk, int worker) {
  (void)worker;
  const job *j = context;
  const qat_pool_shape *s = j->s;
  const int64_t in = s->in_height * s->in_width, out = s->out_height * s->out_width;
  for (int64_t p = chunk * PLANES; p < qat_min(s->planes, (chunk + 1) * PLANES); p++)
    if (j->is_signed)
      qat_max_rows_s8(s, (const int8_t *)j->x + p * in, (int8_t *)j->y + p * out);
    else
      qat_max_rows_u8(s, j->x + p * in, j->y + p * out);
}

static int64_t all_rows(const job *j) { return j->s->planes / j->channels * j->s->out_height; }

static void max_rows(void *context, int64_t chunk, int worker) {
  (void)worker;
  const job *j = context;
  for (int64_t r = chunk * ROWS; r < qat_min(all_rows(j), (chunk + 1) * ROWS); r++)
    qat_max_pixels(j, r);
}

static void average_rows(void *context, int64_t chunk, int worker) {
  (void)worker;
  const job *j = context;
  for (int64_t r = chunk * ROWS; r < qat_min(all_rows(j), (chunk + 1) * ROWS); r++)
    qat_average_pixels(j, r);
}

void qat_maxpool_s8(const qat_pool_shape *shape, int64_t channels, const void *x, bool is_signed,
                    void *y, qat_pool *pool) {
  job job = {.s = shape, .channels = channels, .x = x, .y = y, .is_signed = is_signed};
  if (channels == 1) qat_pool_run(pool, qat_ceil_div(shape->planes, PLANES), max_planes, &job);
  else qat_pool_run(pool, qat_ceil_div(all_rows(&job), ROWS), max_rows, &job);
}

void qat_qlinear_averagepool(const qat_pool_shape *shape, int64_t channels, const void *x,
                             bool is_signed, float x_scale, int32_t x_zero, float y_scale,
                             int32_t y_zero, bool count_padding, int32_t lo, int32_t hi, void *y,
                             qat_pool *pool) {
  job job = {.s = shape, .channels = channels, .x = x, .y = y, .is_signed = is_signed,
             .count_padding = count_padding, .x_scale = x_scale, .y_scale = y_scale,
             .x_zero = x_zero, .y_zero = y_zero, .lo = lo, .hi = hi};
  qat_pool_run(pool, qat_ceil_div(all_rows(&job), ROWS), average_rows, &job);
}

typedef struct {
  int64_t pixels;
  int32_t x_zero, y_zero, lo, hi;
  float ratio;
} average;

QAT_INLINE uint8_t code_of(uint32_t sum, const average *a) {
  const float low = (float)(a->lo - a->y_zero), high = (float)(a->hi - a->y_zero);
  const int32_t acc = (int32_t)(sum - (uint32_t)a->x_zero * (uint32_t)a->pixels);
  return (uint8_t)((int32_t)qat_round(qat_clamp((float)acc * a->ratio, low, high)) + a->y_zero);
}

// A part of the channels of an image; sums of 16 bits hold 128 codes.
enum { PART = 64 };
QAT_INLINE void average_channels(const average *a, int64_t channels, int64_t count,
                                 const uint8_t *x, bool is_signed, uint8_t *y) {
  uint32_t sums[PART];
  for (int64_t c = 0; c < count; c++) sums[c] = 0;
  for (int64_t first = 0; first < a->pixels; first += 128) {
    int16_t part[PART];
    for (int64_t c = 0; c < count; c++) part[c] = 0;
    for (int64_t p = first; p < qat_min(a->pixels, first + 128); p++) {
      const uint8_t *from = x + p * channels;
      if (is_signed) for (int64_t c = 0; c < count; c++) part[c] += (int8_t)from[c];
      else for (int64_t c = 0; c < count; c++) part[c] += from[c];
    }
    for (int64_t c = 0; c < count; c++) sums[c] += (uint32_t)part[c];
  }
  for (int64_t c = 0; c < count; c++) y[c] = code_of(sums[c], a);
}

QAT_INLINE void qat_qlinear_global_averagepool_body(int64_t planes, int64_t channels,
                                                    int64_t pixels, const void *x, bool is_signed,
                                                    int32_t x_zero, float ratio, int32_t y_zero,
                                                    int32_t lo, int32_t hi, void *y) {
  const average a = {pixels, x_zero, y_zero, lo, hi, ratio};
  uint8_t *to = y;
  if (channels == 1) {
    for (int64_t p = 0; p < planes; p++) {
      uint32_t sum = 0;
      if (is_signed)
        for (int64_t i = 0; i < pixels; i++) sum += (uint32_t)((const int8_t *)x)[p * pixels + i];
      else
        for (int64_t i = 0; i < pixels; i++) sum += ((const uint8_t *)x)[p * pixels + i];
      to[p] = code_of(sum, &a);
    }
    return;
  }
  for (int64_t image = 0; image < planes / channels; image++) {
    const uint8_t *from = (const uint8_t *)x + image * pixels * channels;
    int64_t c = 0;
    for (; c + PART <= channels; c += PART, to += PART) {
      if (is_signed) average_channels(&a, channels, PART, from + c, true, to);
      else average_channels(&a, channels, PART, from + c, false, to);
    }
    average_channels(&a, channels, channels - c, from + c, is_signed, to);
    to += channels - c;
  }
}
QAT_VERSIONS(qat_qlinear_global_averagepool,
             (int64_t planes, int64_t channels, int64_t pixels, const void *x, bool is_signed,
              int32_t x_zero, float ratio, int32_t y_zero, int32_t lo, int32_t hi, void *y),
             (planes, channels, pixels, x, is_signed, x_zero, ratio, y_zero, lo, hi, y))
