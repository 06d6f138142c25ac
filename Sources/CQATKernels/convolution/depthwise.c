#include "shape.h"

// One input channel a group: every output plane is a few shifted, scaled copies of one input plane,
// added tap after tap; rows vectorise. Chunks are runs of planes.
enum { PLANES = 8 };

// Calls `body` for each output row a tap touches, with `count` pixels from output index `to` and
// input index `from` on.
#define FOR_TAP_ROWS(s, i, j, ...)                                                           \
  do {                                                                                       \
    const range valid = valid_columns(s, j);                                                 \
    const int64_t count = valid.last - valid.first, step = (s)->stride_x;                    \
    for (int64_t oy = 0; oy < (s)->out_height && count > 0; oy++) {                          \
      const int64_t in_y = oy * (s)->stride_y - (s)->pad_top + (i) * (s)->dilation_y;        \
      if (in_y < 0 || in_y >= (s)->in_height) continue;                                      \
      const int64_t to = oy * (s)->out_width + valid.first;                                  \
      const int64_t from = in_y * (s)->in_width + valid.first * step - (s)->pad_left         \
                           + (j) * (s)->dilation_x;                                          \
      __VA_ARGS__                                                                            \
    }                                                                                        \
  } while (0)

QAT_INLINE void qat_depthwise_plane_body(const qat_conv_shape *s, const float *x, const float *w,
                                         float bias, float *y) {
  for (int64_t p = 0; p < out_plane(s); p++) y[p] = bias;
  for (int64_t i = 0; i < s->kernel_height; i++)
    for (int64_t j = 0; j < s->kernel_width; j++) {
      const float tap = w[i * s->kernel_width + j];
      FOR_TAP_ROWS(s, i, j, {
        if (step == 1) for (int64_t p = 0; p < count; p++) y[to + p] += tap * x[from + p];
        else for (int64_t p = 0; p < count; p++) y[to + p] += tap * x[from + p * step];
      });
    }
}
void qat_depthwise_plane(const qat_conv_shape *s, const float *x, const float *w, float bias,
                         float *y);
QAT_VERSIONS(qat_depthwise_plane,
             (const qat_conv_shape *s, const float *x, const float *w, float bias, float *y),
             (s, x, w, bias, y))

QAT_INLINE void qat_depthwise_input_plane_body(const qat_conv_shape *s, const float *dy,
                                               const float *w, float *dx) {
  for (int64_t i = 0; i < s->kernel_height; i++)
    for (int64_t j = 0; j < s->kernel_width; j++) {
      const float tap = w[i * s->kernel_width + j];
      FOR_TAP_ROWS(s, i, j, {
        if (step == 1) for (int64_t p = 0; p < count; p++) dx[from + p] += tap * dy[to + p];
        else for (int64_t p = 0; p < count; p++) dx[from + p * step] += tap * dy[to + p];
      });
    }
}
void qat_depthwise_input_plane(const qat_conv_shape *s, const float *dy, const float *w, float *dx);
QAT_VERSIONS(qat_depthwise_input_plane,
             (const qat_conv_shape *s, const float *dy, const float *w, float *dx), (s, dy, w, dx))

// Sixteen interleaved sums, then a fixed tree: the order does not depend on the vector width.
QAT_INLINE float dot(int64_t count, const float *a, const float *b, int64_t step) {
  float lanes[16] = {0};
  int64_t p = 0;
  if (step == 1) {
    for (; p + 16 <= count; p += 16)
      for (int l = 0; l < 16; l++) lanes[l] += a[p + l] * b[p + l];
  } else {
    for (; p + 16 <= count; p += 16)
      for (int l = 0; l < 16; l++) lanes[l] += a[p + l] * b[(p + l) * step];
  }
  for (int l = 0; p < count; p++, l++) lanes[l] += a[p] * b[p * step];
  for (int half = 8; half; half /= 2)
    for (int l = 0; l < half; l++) lanes[l] += lanes[l + half];
  return lanes[0];
}

QAT_INLINE void qat_depthwise_weight_plane_body(const qat_conv_shape *s, const float *dy,
                                                const float *x, float *dw) {
  for (int64_t i = 0; i < s->kernel_height; i++)
    for (int64_t j = 0; j < s->kernel_width; j++) {
      float sum = 0;
      FOR_TAP_ROWS(s, i, j, { sum += dot(count, dy + to, x + from, step); });
      dw[i * s->kernel_width + j] += sum;
    }
}
void qat_depthwise_weight_plane(const qat_conv_shape *s, const float *dy, const float *x,
                                float *dw);
QAT_VERSIONS(qat_depthwise_weight_plane,
             (const qat_conv_shape *s, const float *dy, const float *x, float *dw), (s, dy, x, dw))

typedef struct {
  const qat_conv_shape *s;
  const float *x, *w, *bias, *dy;
  float *y, *dx, *dw;
} job;

static void forward_chunk(void *context, int64_t chunk, int worker) {
  (void)worker;
  const job *j = context;
  const qat_conv_shape *s = j->s;
  const int64_t multiplier = results_of_group(s), planes = s->batch * s->out_channels;
  for (int64_t p = chunk * PLANES; p < qat_min(planes, (chunk + 1) * PLANES); p++) {
    const int64_t image = p / s->out_channels, m = p % s->out_channels;
    const float *x = j->x + (image * s->in_channels + m / multiplier) * in_plane(s);
    qat_depthwise_plane(s, x, j->w + m * taps(s), j->bias ? j->bias[m] : 0,
                        j->y + p * out_plane(s));
  }
}

void qat_depthwise_f32(const qat_conv_shape *s, const float *x, const float *w, const float *bias,
                       float *y, qat_pool *pool) {
  job job = {.s = s, .x = x, .w = w, .bias = bias, .y = y};
  qat_pool_run(pool, qat_ceil_div(s->batch * s->out_channels, PLANES), forward_chunk, &job);
}

static void input_chunk(void *context, int64_t chunk, int worker) {
  (void)worker;
  const job *j = context;
  const qat_conv_shape *s = j->s;
  const int64_t multiplier = results_of_group(s), planes = s->batch * s->in_channels;
  for (int64_t p = chunk * PLANES; p < qat_min(planes, (chunk + 1) * PLANES); p++) {
    const int64_t image = p / s->in_channels, channel = p % s->in_channels;
    float *dx = j->dx + p * in_plane(s);
    memset(dx, 0, (size_t)in_plane(s) * sizeof *dx);
    for (int64_t m = channel * multiplier; m < (channel + 1) * multiplier; m++)
      qat_depthwise_input_plane(s, j->dy + (image * s->out_channels + m) * out_plane(s),
                                j->w + m * taps(s), dx);
  }
}

void qat_depthwise_f32_input_gradient(const qat_conv_shape *s, const float *dy, const float *w,
                                      float *dx, qat_pool *pool) {
  job job = {.s = s, .dy = dy, .w = w, .dx = dx};
  qat_pool_run(pool, qat_ceil_div(s->batch * s->in_channels, PLANES), input_chunk, &job);
}

static void weight_chunk(void *context, int64_t chunk, int worker) {
  (void)worker;
  const job *j = context;
  const qat_conv_shape *s = j->s;
  const int64_t multiplier = results_of_group(s);
  for (int64_t m = chunk * PLANES; m < qat_min(s->out_channels, (chunk + 1) * PLANES); m++) {
    float *dw = j->dw + m * taps(s);
    memset(dw, 0, (size_t)taps(s) * sizeof *dw);
    for (int64_t image = 0; image < s->batch; image++)
      qat_depthwise_weight_plane(
          s, j->dy + (image * s->out_channels + m) * out_plane(s),
          j->x + (image * s->in_channels + m / multiplier) * in_plane(s), dw);
  }
}

void qat_depthwise_f32_weight_gradient(const qat_conv_shape *s, const float *dy, const float *x,
                                       float *dw, qat_pool *pool) {
  job job = {.s = s, .dy = dy, .x = x, .dw = dw};
  qat_pool_run(pool, qat_ceil_div(s->out_channels, PLANES), weight_chunk, &job);
}
