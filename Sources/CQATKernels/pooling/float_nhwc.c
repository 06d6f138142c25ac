#include "../include/qat_channels_last.h"
#include "../internal.h"

// A chunk is a strip of channels of one image: windows may overlap, strips do not.
enum { STRIP = 64 };

typedef struct { int64_t first, last; } window;  // kernel positions inside the image

QAT_INLINE window inside(int64_t start, int64_t dilation, int64_t kernel, int64_t size) {
  const int64_t first = start >= 0 ? 0 : qat_ceil_div(-start, dilation);
  const int64_t last = size <= start ? 0 : qat_min(kernel, qat_ceil_div(size - start, dilation));
  return (window){qat_min(first, kernel), qat_max(last, 0)};
}

typedef struct {
  const qat_pool_shape *s;
  int64_t batch, channels, strips;
  const float *x, *dy;
  float *y;
  bool count_padding;
} job;

// Calls `tap` for each input pixel `in` (its first channel of the strip) under the window of output
// pixel `out`, between `before` and `after`.
#define FOR_WINDOWS(before, tap, after)                                                       \
  for (int64_t oy = 0; oy < s->out_height; oy++) {                                            \
    const int64_t top = oy * s->stride_y - s->pad_top;                                        \
    const window rows = inside(top, s->dilation_y, s->kernel_height, s->in_height);           \
    for (int64_t ox = 0; ox < s->out_width; ox++) {                                           \
      const int64_t left = ox * s->stride_x - s->pad_left;                                    \
      const window columns = inside(left, s->dilation_x, s->kernel_width, s->in_width);       \
      const int64_t out = (oy * s->out_width + ox) * channels;                                \
      before                                                                                  \
      FOR_TAPS(tap)                                                                           \
      after                                                                                   \
    }                                                                                         \
  }
#define FOR_TAPS(tap)                                                                         \
  for (int64_t i = rows.first; i < rows.last; i++)                                            \
    for (int64_t j = columns.first; j < columns.last; j++) {                                  \
      const int64_t in = ((top + i * s->dilation_y) * s->in_width + left + j * s->dilation_x) \
                         * channels;                                                          \
      tap                                                                                     \
    }
#define LANES for (int l = 0; l < count; l++)

// The first of equals wins; a NaN wins over all but an earlier NaN.
QAT_INLINE void max_strip(const qat_pool_shape *s, int64_t channels, const int count,
                          const float *x, float *y) {
  FOR_WINDOWS(
    float best[STRIP];
    LANES best[l] = -INFINITY;
    ,
    LANES {
      const float v = x[in + l];
      best[l] = (v > best[l]) | ((v != v) & (best[l] == best[l])) ? v : best[l];
    }
    ,
    LANES y[out + l] = best[l];
  )
}

// `adds`: windows overlap, and dx has been cleared; else each tap is written once.
QAT_INLINE void max_gradient_strip(const qat_pool_shape *s, int64_t channels, const int count,
                                   const bool adds, const float *x, const float *dy, float *dx) {
  FOR_WINDOWS(
    float best[STRIP];
    int32_t where[STRIP];
    int32_t number = 0;
    LANES { best[l] = -INFINITY; where[l] = -1; }
    ,
    LANES {
      const float v = x[in + l];
      const bool wins = (where[l] < 0) | (v > best[l]) | ((v != v) & (best[l] == best[l]));
      best[l] = wins ? v : best[l];
      where[l] = wins ? number : where[l];
    }
    number++;
    ,
    number = 0;
    FOR_TAPS(
      LANES {
        const float g = dy[out + l];
        const float passed = where[l] == number ? g : 0;
        dx[in + l] = adds ? dx[in + l] + passed : passed;
      }
      number++;
    )
  )
}

QAT_INLINE float divisor(const qat_pool_shape *s, bool count_padding, int64_t top, int64_t left,
                         window rows, window columns) {
  if (!count_padding)
    return (float)((rows.last - rows.first) * (columns.last - columns.first));
  const window all_rows = inside(top + s->pad_top, s->dilation_y, s->kernel_height,
                                 s->in_height + s->pad_top + s->pad_bottom);
  const window all_columns = inside(left + s->pad_left, s->dilation_x, s->kernel_width,
                                    s->in_width + s->pad_left + s->pad_right);
  return (float)((all_rows.last - all_rows.first) * (all_columns.last - all_columns.first));
}

QAT_INLINE void average_strip(const qat_pool_shape *s, int64_t channels, const int count,
                              bool count_padding, const float *x, float *y) {
  FOR_WINDOWS(
    float sum[STRIP] = {0};
    ,
    LANES sum[l] += x[in + l];
    ,
    const float n = divisor(s, count_padding, top, left, rows, columns);
    LANES y[out + l] = sum[l] / n;
  )
}

QAT_INLINE void average_gradient_strip(const qat_pool_shape *s, int64_t channels, const int count,
                                       bool count_padding, const float *dy, float *dx) {
  FOR_WINDOWS(
    const float n = divisor(s, count_padding, top, left, rows, columns);
    float share[STRIP];
    LANES share[l] = dy[out + l] / n;
    ,
    LANES dx[in + l] += share[l];
    ,
  )
}

static void clear(const qat_pool_shape *s, int64_t channels, int count, float *dx) {
  for (int64_t p = 0; p < s->in_height * s->in_width; p++, dx += channels)
    memset(dx, 0, (size_t)count * sizeof *dx);
}

static bool overlaps(const qat_pool_shape *s) {
  return s->stride_y < (s->kernel_height - 1) * s->dilation_y + 1
         || s->stride_x < (s->kernel_width - 1) * s->dilation_x + 1;
}

// Whether every pixel lies in exactly one window.
static bool tiles(const qat_pool_shape *s) {
  return s->kernel_height == s->stride_y && s->kernel_width == s->stride_x && s->dilation_y == 1
         && s->dilation_x == 1 && s->out_height * s->stride_y - s->pad_top >= s->in_height
         && s->out_width * s->stride_x - s->pad_left >= s->in_width;
}

// Defines the chunk function `name`, which runs `strip` with `whole` or fewer channels.
#define CHUNKS(name, ...)                                                              \
  QAT_INLINE void name##_body(const job *j, int64_t image, int64_t c, int64_t left) {  \
    const qat_pool_shape *s = j->s;                                                    \
    const int64_t channels = j->channels;                                              \
    const int64_t in_at = image * s->in_height * s->in_width * channels + c;           \
    const int64_t out_at = image * s->out_height * s->out_width * channels + c;        \
    if (left >= STRIP) { enum { count = STRIP }; __VA_ARGS__ }                         \
    else if (left == 32) { enum { count = 32 }; __VA_ARGS__ }                          \
    else if (left == 16) { enum { count = 16 }; __VA_ARGS__ }                          \
    else { const int count = (int)left; __VA_ARGS__ }                                  \
  }                                                                                    \
  void name(const job *j, int64_t image, int64_t c, int64_t left);                     \
  QAT_VERSIONS(name, (const job *j, int64_t image, int64_t c, int64_t left), (j, image, c, left)) \
  static void name##_chunk(void *context, int64_t chunk, int worker) {                 \
    (void)worker;                                                                      \
    const job *j = context;                                                            \
    const int64_t c = chunk % j->strips * STRIP;                                       \
    name(j, chunk / j->strips, c, j->channels - c);                                    \
  }

CHUNKS(qat_max_nhwc, { max_strip(s, channels, count, j->x + in_at, j->y + out_at); })
CHUNKS(qat_max_gradient_nhwc, {
  if (!tiles(s)) clear(s, channels, count, j->y + in_at);
  if (overlaps(s))
    max_gradient_strip(s, channels, count, true, j->x + in_at, j->dy + out_at, j->y + in_at);
  else
    max_gradient_strip(s, channels, count, false, j->x + in_at, j->dy + out_at, j->y + in_at);
})
CHUNKS(qat_average_nhwc, {
  average_strip(s, channels, count, j->count_padding, j->x + in_at, j->y + out_at);
})
CHUNKS(qat_average_gradient_nhwc, {
  clear(s, channels, count, j->y + in_at);
  average_gradient_strip(s, channels, count, j->count_padding, j->dy + out_at, j->y + in_at);
})

static void run(job j, qat_pool *pool, qat_pool_function function) {
  j.strips = qat_ceil_div(j.channels, STRIP);
  qat_pool_run(pool, j.batch * j.strips, function, &j);
}

void qat_maxpool_nhwc(const qat_pool_shape *shape, int64_t batch, int64_t channels, const float *x,
                      float *y, qat_pool *pool) {
  run((job){.s = shape, .batch = batch, .channels = channels, .x = x, .y = y}, pool,
      qat_max_nhwc_chunk);
}

void qat_maxpool_nhwc_gradient(const qat_pool_shape *shape, int64_t batch, int64_t channels,
                               const float *x, const float *dy, float *dx, qat_pool *pool) {
  run((job){.s = shape, .batch = batch, .channels = channels, .x = x, .dy = dy, .y = dx}, pool,
      qat_max_gradient_nhwc_chunk);
}

void qat_averagepool_nhwc(const qat_pool_shape *shape, int64_t batch, int64_t channels,
                          const float *x, bool count_padding, float *y, qat_pool *pool) {
  run((job){.s = shape, .batch = batch, .channels = channels, .x = x, .y = y,
            .count_padding = count_padding},
      pool, qat_average_nhwc_chunk);
}

void qat_averagepool_nhwc_gradient(const qat_pool_shape *shape, int64_t batch, int64_t channels,
                                   const float *dy, bool count_padding, float *dx, qat_pool *pool) {
  run((job){.s = shape, .batch = batch, .channels = channels, .dy = dy, .y = dx,
            .count_padding = count_padding},
      pool, qat_average_gradient_nhwc_chunk);
}

typedef struct { int64_t pixels, channels; const float *x; float *y; } global_job;

static void global_chunk(void *context, int64_t image, int worker) {
  (void)worker;
  const global_job *j = context;
  qat_reduce_f32(QAT_MEAN, 1, j->pixels, j->channels, j->x + image * j->pixels * j->channels,
                 j->y + image * j->channels, NULL);
}

static void global_gradient_chunk(void *context, int64_t image, int worker) {
  (void)worker;
  const global_job *j = context;
  const float *dy = j->x + image * j->channels;
  float *dx = j->y + image * j->pixels * j->channels;
  for (int64_t c = 0; c < j->channels; c++) dx[c] = dy[c] / (float)j->pixels;
  for (int64_t p = 1; p < j->pixels; p++)
    memcpy(dx + p * j->channels, dx, (size_t)j->channels * sizeof *dx);
}

void qat_global_averagepool_nhwc(int64_t batch, int64_t pixels, int64_t channels, const float *x,
                                 float *y, qat_pool *pool) {
  global_job j = {pixels, channels, x, y};
  qat_pool_run(pool, batch, global_chunk, &j);
}

void qat_global_averagepool_nhwc_gradient(int64_t batch, int64_t pixels, int64_t channels,
                                          const float *dy, float *dx, qat_pool *pool) {
  global_job j = {pixels, channels, dy, dx};
  qat_pool_run(pool, batch, global_gradient_chunk, &j);
}
