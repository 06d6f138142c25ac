#include "window.h"

// With indices, whole output rows a tap at a time, so that rows vectorise: no branch depends on the
// data. The first of equals wins; a NaN wins over all but an earlier NaN.
QAT_INLINE void qat_max_plane_body(const qat_pool_shape *s, const float *x, float *y,
                                   int64_t *indices, int64_t base) {
  enum { WIDTH = 256 };
  float best[WIDTH];
  int32_t where[WIDTH];
  for (int64_t oy = 0; oy < s->out_height; oy++) {
    const span rows = rows_of(s, oy);
    for (int64_t start = 0; start < s->out_width; start += WIDTH) {
      const int64_t width = qat_min(WIDTH, s->out_width - start);
      for (int64_t i = 0; i < width; i++) best[i] = -INFINITY, where[i] = -1;
      for (int64_t r = rows.first; r < rows.last; r += rows.step)
        for (int64_t j = 0; j < s->kernel_width; j++) {
          const int64_t step = s->stride_x;
          const int64_t offset = start * step + j * s->dilation_x - s->pad_left;
          const int64_t first = offset >= 0 ? 0 : qat_ceil_div(-offset, step);
          const int64_t end = s->in_width - offset;
          const int64_t last = end <= 0 ? 0 : qat_min(width, qat_ceil_div(end, step));
          const float *from = x + r * s->in_width + offset;
          const int32_t at = (int32_t)(r * s->in_width + offset), stride = (int32_t)step;
          for (int64_t i = first; i < last; i++) {
            const float v = from[i * step], b = best[i];
            const bool wins = (where[i] < 0) | (v > b) | ((v != v) & (b == b));
            best[i] = wins ? v : b;
            where[i] = wins ? at + (int32_t)i * stride : where[i];
          }
        }
      float *to = y + oy * s->out_width + start;
      int64_t *at = indices + oy * s->out_width + start;
      for (int64_t i = 0; i < width; i++) to[i] = best[i];
      for (int64_t i = 0; i < width; i++) at[i] = where[i] < 0 ? -1 : base + where[i];
    }
  }
}
void qat_max_plane(const qat_pool_shape *s, const float *x, float *y, int64_t *indices,
                   int64_t base);
QAT_VERSIONS(qat_max_plane,
             (const qat_pool_shape *s, const float *x, float *y, int64_t *indices, int64_t base),
             (s, x, y, indices, base))

// Without indices rows vectorise: one pass a tap over whole output rows.
QAT_INLINE void qat_max_rows_body(const qat_pool_shape *s, const float *x, float *y) {
  for (int64_t oy = 0; oy < s->out_height; oy++) {
    const span rows = rows_of(s, oy);
    float *to = y + oy * s->out_width;
    for (int64_t ox = 0; ox < s->out_width; ox++) to[ox] = -INFINITY;
    for (int64_t r = rows.first; r < rows.last; r += rows.step)
      for (int64_t j = 0; j < s->kernel_width; j++) {
        const int64_t offset = j * s->dilation_x - s->pad_left, step = s->stride_x;
        const int64_t first = offset >= 0 ? 0 : qat_ceil_div(-offset, step);
        const int64_t end = s->in_width - offset;
        const int64_t last = end <= 0 ? 0 : qat_min(s->out_width, qat_ceil_div(end, step));
        const float *from = x + r * s->in_width + offset;
        for (int64_t ox = first; ox < last; ox++) {
          const float v = from[ox * step], best = to[ox];
          to[ox] = v > best || v != v ? v : best;
        }
      }
  }
}
void qat_max_rows(const qat_pool_shape *s, const float *x, float *y);
QAT_VERSIONS(qat_max_rows, (const qat_pool_shape *s, const float *x, float *y), (s, x, y))

static float average(float sum, int64_t n) { return sum / (float)n; }

static void average_plane(const qat_pool_shape *s, const float *x, bool count_padding, float *y) {
  FOR_WINDOW(
    float sum = 0;
    FOR_INSIDE( sum += x[at]; )
    y[out] = average(sum, divisor(s, oy, ox, count_padding));
  )
}

static void average_gradient_plane(const qat_pool_shape *s, const float *dy, bool count_padding,
                                   float *dx) {
  FOR_WINDOW(
    const float share = average(dy[out], divisor(s, oy, ox, count_padding));
    FOR_INSIDE( dx[at] += share; )
  )
}

typedef struct {
  const qat_pool_shape *s;
  const void *x;
  void *y;
  int64_t *indices;
  const int64_t *from_indices;
  bool count_padding;
} job;

enum { PLANES = 8 };
#define FOR_PLANES(...)                                                             \
  (void)worker;                                                                     \
  const job *j = context;                                                           \
  const qat_pool_shape *s = j->s;                                                   \
  const int64_t in = s->in_height * s->in_width, out = s->out_height * s->out_width; \
  const int64_t last_ = qat_min(s->planes, (chunk + 1) * PLANES);                   \
  for (int64_t p = chunk * PLANES; p < last_; p++) { __VA_ARGS__ }

static void max_chunk(void *context, int64_t chunk, int worker) {
  FOR_PLANES(
    const float *x = (const float *)j->x + p * in;
    float *y = (float *)j->y + p * out;
    if (j->indices) qat_max_plane(s, x, y, j->indices + p * out, p * in);
    else qat_max_rows(s, x, y);
  )
}

static void max_gradient_chunk(void *context, int64_t chunk, int worker) {
  FOR_PLANES(
    float *dx = (float *)j->y;
    const float *dy = (const float *)j->x + p * out;
    const int64_t *at = j->from_indices + p * out;
    memset(dx + p * in, 0, (size_t)in * sizeof *dx);
    for (int64_t i = 0; i < out; i++) if (at[i] >= 0) dx[at[i]] += dy[i];
  )
}

static void average_chunk(void *context, int64_t chunk, int worker) {
  FOR_PLANES(
    average_plane(s, (const float *)j->x + p * in, j->count_padding, (float *)j->y + p * out);
  )
}

static void average_gradient_chunk(void *context, int64_t chunk, int worker) {
  FOR_PLANES(
    float *dx = (float *)j->y + p * in;
    memset(dx, 0, (size_t)in * sizeof *dx);
    average_gradient_plane(s, (const float *)j->x + p * out, j->count_padding, dx);
  )
}

static void run(qat_pool *pool, job job, qat_pool_function function) {
  qat_pool_run(pool, qat_ceil_div(job.s->planes, PLANES), function, &job);
}

void qat_maxpool_f32(const qat_pool_shape *shape, const float *x, float *y, int64_t *indices,
                     qat_pool *pool) {
  run(pool, (job){.s = shape, .x = x, .y = y, .indices = indices}, max_chunk);
}

void qat_maxpool_f32_gradient(const qat_pool_shape *shape, const float *dy, const int64_t *indices,
                              float *dx, qat_pool *pool) {
  run(pool, (job){.s = shape, .x = dy, .y = dx, .from_indices = indices}, max_gradient_chunk);
}

void qat_averagepool_f32(const qat_pool_shape *shape, const float *x, bool count_padding, float *y,
                         qat_pool *pool) {
  run(pool, (job){.s = shape, .x = x, .y = y, .count_padding = count_padding}, average_chunk);
}

void qat_averagepool_f32_gradient(const qat_pool_shape *shape, const float *dy, bool count_padding,
                                  float *dx, qat_pool *pool) {
  run(pool, (job){.s = shape, .x = dy, .y = dx, .count_padding = count_padding},
      average_gradient_chunk);
}
