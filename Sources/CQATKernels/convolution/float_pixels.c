#include "nhwc.h"

void qat_find_pixels(const qat_grid *g, const qat_source *source, int64_t stride, int64_t first,
                     int64_t count, qat_pixels *pixels) {
  const int64_t plane = g->rows * g->columns;
  int64_t image = first / plane, r = first % plane / g->columns, c = first % g->columns;
  for (int64_t i = 0; i < count; i++) {
    const int64_t y = r * g->source_step_y, x = c * g->source_step_x;
    pixels->y[i] = (int32_t)y;
    pixels->x[i] = (int32_t)x;
    pixels->from[i] = ((image * source->height + y) * source->width + x) * source->stride;
    const int64_t row = g->first_y + r * g->step_y, column = g->first_x + c * g->step_x;
    pixels->to[i] = ((image * g->height + row) * g->width + column) * stride;
    if (++c == g->columns) c = 0, r++;
    if (r == g->rows) r = 0, image++;
  }
  // Lanes beyond the last pixel see what the last one sees.
  for (int64_t i = count; i < count + QAT_LANES; i++) {
    pixels->y[i] = pixels->y[count - 1];
    pixels->x[i] = pixels->x[count - 1];
    pixels->from[i] = pixels->from[count - 1];
    pixels->to[i] = pixels->to[count - 1];
  }
}

QAT_INLINE void qat_find_rows_body(const qat_pixels *pixels, int64_t first,
                                   const qat_source *source, int64_t taps, const int32_t *tap_y,
                                   const int32_t *tap_x, const float *zero, const float **rows) {
  const int32_t *y = pixels->y + first, *x = pixels->x + first;
  const int64_t *from = pixels->from + first;
  const uint32_t height = (uint32_t)source->height, width = (uint32_t)source->width;
  // Addresses as numbers: those outside the image are never made into pointers.
  const uint64_t start = (uint64_t)(uintptr_t)source->start, outside = (uint64_t)(uintptr_t)zero;
  for (int64_t t = 0; t < taps; t++) {
    const int32_t dy = tap_y[t], dx = tap_x[t];
    const int64_t shift = (dy * source->width + dx) * source->stride;
    uint64_t address[QAT_LANES];
    for (int i = 0; i < QAT_LANES; i++) {
      const bool inside = ((uint32_t)(y[i] + dy) < height) & ((uint32_t)(x[i] + dx) < width);
      const uint64_t at = start + (uint64_t)((from[i] + shift) * (int64_t)sizeof(float));
      address[i] = inside ? at : outside;
    }
    for (int i = 0; i < QAT_LANES; i++)
      rows[t * QAT_LANES + i] = (const float *)(uintptr_t)address[i];
  }
}
QAT_VERSIONS(qat_find_rows,
             (const qat_pixels *pixels, int64_t first, const qat_source *source, int64_t taps,
              const int32_t *tap_y, const int32_t *tap_x, const float *zero, const float **rows),
             (pixels, first, source, taps, tap_y, tap_x, zero, rows))

typedef struct { const qat_conv_shape *s; const float *x; float *padded; } pad_job;

static void pad_image(void *context, int64_t image, int worker) {
  (void)worker;
  const pad_job *j = context;
  const qat_conv_shape *s = j->s;
  const int64_t height = padded_height(s), width = padded_width(s), channels = s->in_channels;
  const float *x = j->x + image * in_plane(s) * channels;
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
    memcpy(to + left * channels, x + row * s->in_width * channels,
           (size_t)(inside * channels) * sizeof *to);
    memset(to + end * channels, 0, (size_t)((width - end) * channels) * sizeof *to);
  }
}

void qat_pad_images(const qat_conv_shape *s, const float *x, float *padded, qat_pool *pool) {
  pad_job job = {s, x, padded};
  qat_pool_run(pool, s->batch, pad_image, &job);
}
