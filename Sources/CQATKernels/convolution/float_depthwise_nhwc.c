#include "nhwc.h"

// A channel at a time alone: vectors of channels, with the weights of all taps of 16 channels at hand
// while a row of pixels goes by.
enum { GROUP = 16, IMAGES = 8 };

typedef struct {
  const qat_conv_shape *s;
  const float *x, *w, *dy;
  const qat_conv_epilogue *epilogue;
  float *y, *sums;
  int64_t groups;
} job;

// What one pixel of a row sees: taps i0 ..< i1 of the kernel's rows, each `width` taps long.
QAT_INLINE void add_pixel(const int height, const int width, const float *x, int64_t x_row,
                          int64_t x_step, const float *w, int64_t w_row, int64_t channels,
                          const int count, float *sums) {
  for (int i = 0; i < height; i++)
    for (int j = 0; j < width; j++) {
      const float *from = x + i * x_row + j * x_step, *tap = w + i * w_row + j * channels;
      for (int l = 0; l < count; l++) sums[l] = fmaf(from[l], tap[l], sums[l]);
    }
}

QAT_INLINE void finish_pixel(const qat_conv_epilogue *e, const float *bias, const float *residual,
                             const int count, float *sums, float *y) {
  if (e) {
    if (e->bias) for (int l = 0; l < count; l++) sums[l] += bias[l];
    if (residual) for (int l = 0; l < count; l++) sums[l] += residual[l];
    if (e->clamps)
      for (int l = 0; l < count; l++) {
        const float v = sums[l] < e->low ? e->low : sums[l];
        sums[l] = v > e->high ? e->high : v;
      }
  }
  for (int l = 0; l < count; l++) y[l] = sums[l];
}

// y[c] = sum over taps of x[c] * w[c] for a row of the result, `count` channels from `c` on. Taps
// inside the image are known for the row as a whole; most columns see all of a kernel's row.
QAT_INLINE void row_of(const qat_conv_shape *s, const float *x, const float *w,
                       const qat_conv_epilogue *e, const float *residual, int64_t row, int64_t c,
                       const int count, float *y) {
  const int64_t channels = s->in_channels, start = row * s->stride_y - s->pad_top;
  const int64_t kernel_row = s->kernel_width * channels, x_step = s->dilation_x * channels;
  const int64_t x_row = s->dilation_y * s->in_width * channels;
  int64_t i0 = start >= 0 ? 0 : qat_ceil_div(-start, s->dilation_y);
  const int64_t i1 =
      start >= s->in_height ? 0
                            : qat_min(s->kernel_height, qat_ceil_div(s->in_height - start, s->dilation_y));
  i0 = qat_min(i0, i1);
  const float *image = x + (start + i0 * s->dilation_y) * s->in_width * channels + c;
  const float *taps = w + i0 * kernel_row + c;
  const int rows = (int)(i1 - i0);
  const bool three = rows == 3 && s->kernel_width == 3;
  float nine[9 * GROUP];
  if (three)
    for (int t = 0; t < 9; t++)
      for (int l = 0; l < count; l++) nine[t * GROUP + l] = taps[t * channels + l];
  for (int64_t column = 0; column < s->out_width; column++) {
    const int64_t left = column * s->stride_x - s->pad_left;
    const int64_t j0 = left >= 0 ? 0 : qat_min(s->kernel_width, qat_ceil_div(-left, s->dilation_x));
    const int64_t j1 = left >= s->in_width
                           ? 0
                           : qat_min(s->kernel_width, qat_ceil_div(s->in_width - left, s->dilation_x));
    const float *from = image + (left + j0 * s->dilation_x) * channels;
    float sums[GROUP] = {0};
    if (three && j0 == 0 && j1 == 3)
      add_pixel(3, 3, from, x_row, x_step, nine, 3 * GROUP, GROUP, count, sums);
    else
      add_pixel(rows, (int)qat_max(0, j1 - j0), from, x_row, x_step, taps + j0 * channels,
                kernel_row, channels, count, sums);
    const int64_t at = (row * s->out_width + column) * channels + c;
    finish_pixel(e, e && e->bias ? e->bias + c : NULL, residual ? residual + at : NULL, count, sums,
                 y + at);
  }
}

QAT_INLINE void qat_depthwise_row_body(const qat_conv_shape *s, const float *x, const float *w,
                                       const qat_conv_epilogue *e, const float *residual,
                                       int64_t row, float *y) {
  int64_t c = 0;
  for (; c + GROUP <= s->in_channels; c += GROUP) row_of(s, x, w, e, residual, row, c, GROUP, y);
  if (c < s->in_channels) row_of(s, x, w, e, residual, row, c, (int)(s->in_channels - c), y);
}
void qat_depthwise_row(const qat_conv_shape *s, const float *x, const float *w,
                       const qat_conv_epilogue *e, const float *residual, int64_t row, float *y);
QAT_VERSIONS(qat_depthwise_row,
             (const qat_conv_shape *s, const float *x, const float *w, const qat_conv_epilogue *e,
              const float *residual, int64_t row, float *y),
             (s, x, w, e, residual, row, y))

static void forward_chunk(void *context, int64_t chunk, int worker) {
  (void)worker;
  const job *j = context;
  const qat_conv_shape *s = j->s;
  const int64_t image = chunk / s->out_height, row = chunk % s->out_height;
  const int64_t result = image * out_plane(s) * s->out_channels;
  const float *residual =
      j->epilogue && j->epilogue->residual ? j->epilogue->residual + result : NULL;
  qat_depthwise_row(s, j->x + image * in_plane(s) * s->in_channels, j->w, j->epilogue, residual,
                    row, j->y + result);
}

void qat_depthwise_nhwc(const qat_conv_shape *s, const float *x, const float *packed,
                        const qat_conv_epilogue *epilogue, float *y, qat_pool *pool) {
  job j = {.s = s, .x = x, .w = packed, .epilogue = epilogue, .y = y};
  qat_pool_run(pool, s->batch * s->out_height, forward_chunk, &j);
}

// dx[c] of a row: the pixels of dy that saw each pixel, tap after tap. Without strides these are
// neighbours, seen from the kernel's last tap to its first.
QAT_INLINE void gradient_row_of(const qat_conv_shape *s, const float *dy, const float *w,
                                int64_t row, int64_t c, const int count, float *dx) {
  const int64_t channels = s->in_channels;
  const int64_t last = row + s->pad_top, right = s->pad_left;
  const bool dense = s->stride_y == 1 && s->stride_x == 1 && s->kernel_height == 3
                     && s->kernel_width == 3 && last < s->out_height
                     && last - 2 * s->dilation_y >= 0;
  const int64_t y_row = -s->dilation_y * s->out_width * channels, y_step = -s->dilation_x * channels;
  float nine[9 * GROUP];
  if (dense)
    for (int t = 0; t < 9; t++)
      for (int l = 0; l < count; l++) nine[t * GROUP + l] = w[t * channels + c + l];
  for (int64_t column = 0; column < s->in_width; column++) {
    float sums[GROUP] = {0};
    const int64_t first = column + right;
    if (dense && first < s->out_width && first - 2 * s->dilation_x >= 0) {
      add_pixel(3, 3, dy + (last * s->out_width + first) * channels + c, y_row, y_step, nine,
                3 * GROUP, GROUP, count, sums);
    } else {
      for (int64_t i = 0; i < s->kernel_height; i++) {
        const int64_t y = last - i * s->dilation_y;
        if (y < 0 || y % s->stride_y || y / s->stride_y >= s->out_height) continue;
        for (int64_t j = 0; j < s->kernel_width; j++) {
          const int64_t x = first - j * s->dilation_x;
          if (x < 0 || x % s->stride_x || x / s->stride_x >= s->out_width) continue;
          const float *from =
              dy + (y / s->stride_y * s->out_width + x / s->stride_x) * channels + c;
          const float *tap = w + (i * s->kernel_width + j) * channels + c;
          for (int l = 0; l < count; l++) sums[l] = fmaf(from[l], tap[l], sums[l]);
        }
      }
    }
    float *to = dx + (row * s->in_width + column) * channels + c;
    for (int l = 0; l < count; l++) to[l] = sums[l];
  }
}

QAT_INLINE void qat_depthwise_gradient_row_body(const qat_conv_shape *s, const float *dy,
                                                const float *w, int64_t row, float *dx) {
  int64_t c = 0;
  for (; c + GROUP <= s->in_channels; c += GROUP) gradient_row_of(s, dy, w, row, c, GROUP, dx);
  if (c < s->in_channels) gradient_row_of(s, dy, w, row, c, (int)(s->in_channels - c), dx);
}
void qat_depthwise_gradient_row(const qat_conv_shape *s, const float *dy, const float *w,
                                int64_t row, float *dx);
QAT_VERSIONS(qat_depthwise_gradient_row,
             (const qat_conv_shape *s, const float *dy, const float *w, int64_t row, float *dx),
             (s, dy, w, row, dx))

static void input_chunk(void *context, int64_t chunk, int worker) {
  (void)worker;
  const job *j = context;
  const qat_conv_shape *s = j->s;
  const int64_t image = chunk / s->in_height;
  qat_depthwise_gradient_row(s, j->dy + image * out_plane(s) * s->out_channels, j->w,
                             chunk % s->in_height,
                             j->y + image * in_plane(s) * s->in_channels);
}

void qat_depthwise_nhwc_input_gradient(const qat_conv_shape *s, const float *dy,
                                       const float *packed, float *dx, qat_pool *pool) {
  job j = {.s = s, .dy = dy, .w = packed, .y = dx};
  qat_pool_run(pool, s->batch * s->in_height, input_chunk, &j);
}

// sums[tap][channel] += the row's share: 16 channels of a tap while the row goes by.
QAT_INLINE void weight_row_of(const qat_conv_shape *s, const float *dy, const float *x, int64_t row,
                              int64_t c, const int count, float *sums) {
  const int64_t channels = s->in_channels;
  for (int64_t i = 0; i < s->kernel_height; i++) {
    const int64_t in_y = row * s->stride_y + i * s->dilation_y - s->pad_top;
    if (in_y < 0 || in_y >= s->in_height) continue;
    for (int64_t j = 0; j < s->kernel_width; j++) {
      const range valid = valid_columns(s, j);
      const float *from = x
                          + (in_y * s->in_width + valid.first * s->stride_x - s->pad_left
                             + j * s->dilation_x)
                                * channels
                          + c;
      const float *slope = dy + (row * s->out_width + valid.first) * channels + c;
      float lanes[GROUP] = {0};
      for (int64_t p = valid.first; p < valid.last; p++) {
        for (int l = 0; l < count; l++) lanes[l] = fmaf(from[l], slope[l], lanes[l]);
        from += s->stride_x * channels;
        slope += channels;
      }
      float *to = sums + (i * s->kernel_width + j) * channels + c;
      for (int l = 0; l < count; l++) to[l] += lanes[l];
    }
  }
}

QAT_INLINE void qat_depthwise_weight_row_body(const qat_conv_shape *s, const float *dy,
                                              const float *x, int64_t row, float *sums) {
  int64_t c = 0;
  for (; c + GROUP <= s->in_channels; c += GROUP) weight_row_of(s, dy, x, row, c, GROUP, sums);
  if (c < s->in_channels) weight_row_of(s, dy, x, row, c, (int)(s->in_channels - c), sums);
}
void qat_depthwise_weight_row(const qat_conv_shape *s, const float *dy, const float *x, int64_t row,
                              float *sums);
QAT_VERSIONS(qat_depthwise_weight_row,
             (const qat_conv_shape *s, const float *dy, const float *x, int64_t row, float *sums),
             (s, dy, x, row, sums))

static void weight_chunk(void *context, int64_t group, int worker) {
  (void)worker;
  const job *j = context;
  const qat_conv_shape *s = j->s;
  const int64_t size = taps(s) * s->in_channels;
  float *sums = j->sums + group * size;
  memset(sums, 0, (size_t)size * sizeof *sums);
  for (int64_t image = group * s->batch / j->groups; image < (group + 1) * s->batch / j->groups;
       image++)
    for (int64_t row = 0; row < s->out_height; row++)
      qat_depthwise_weight_row(s, j->dy + image * out_plane(s) * s->out_channels,
                               j->x + image * in_plane(s) * s->in_channels, row, sums);
}

size_t qat_depthwise_nhwc_scratch(const qat_conv_shape *s) {
  return (size_t)(qat_min(IMAGES, qat_max(1, s->batch)) * taps(s) * s->in_channels) * sizeof(float);
}

void qat_depthwise_nhwc_weight_gradient(const qat_conv_shape *s, const float *dy, const float *x,
                                        float *dw, qat_pool *pool, float *scratch) {
  job j = {.s = s, .dy = dy, .x = x, .sums = scratch, .groups = qat_min(IMAGES, s->batch)};
  qat_pool_run(pool, j.groups, weight_chunk, &j);
  const int64_t size = taps(s) * s->in_channels;
  for (int64_t t = 0; t < taps(s); t++)
    for (int64_t c = 0; c < s->in_channels; c++) {
      float sum = scratch[t * s->in_channels + c];
      for (int64_t g = 1; g < j.groups; g++) sum += scratch[g * size + t * s->in_channels + c];
      dw[c * taps(s) + t] = sum;
    }
}
