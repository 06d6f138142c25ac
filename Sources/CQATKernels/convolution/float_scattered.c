#include "nhwc.h"

// The gradient of an input with few channels. Seen from a pixel of the input a tile would have as few
// columns; seen from a pixel of the result there is a product for each tap and channel. Those are the rows
// of a tile, whose columns are pixels, so that a tap adds a row of an image at a time. It is added to an
// image that has its padding and channels that lie apart, and so do columns a stride apart:
// [row][channel][column % stride][column / stride].

enum { PIXELS = 128 };  // of a step, unless a row of the result has more

typedef struct {
  const qat_conv_shape *s;
  const float *dy, *packed;
  float *dx;
  unsigned char *scratch;
} job;

static int64_t terms_of(const qat_conv_shape *s) { return taps(s) * s->in_channels; }
static int64_t line_of(const qat_conv_shape *s) {
  return qat_ceil_div(padded_width(s), s->stride_x);
}
static int64_t row_of(const qat_conv_shape *s) { return s->in_channels * s->stride_x * line_of(s); }
static int64_t rows_of_step(const qat_conv_shape *s) {
  return qat_max(1, qat_min(s->out_height, PIXELS / qat_max(1, s->out_width)));
}
// Of the products of a step, from one tap and channel to the next: no multiple of 4 KiB.
static int64_t term_step(const qat_conv_shape *s) {
  return qat_round_up(rows_of_step(s) * s->out_width, 32) + 16;
}
static int64_t runs_of(const qat_conv_shape *s) {
  return qat_ceil_div(s->out_channels, QAT_SGEMM_K);
}

// Of a worker: the image, the products of a step, a panel of pixels and the runs of its channels.
static size_t image_size(const qat_conv_shape *s) {
  return aligned((size_t)(padded_height(s) * row_of(s)) * sizeof(float));
}
static size_t products_size(const qat_conv_shape *s) {
  return aligned((size_t)(terms_of(s) * term_step(s)) * sizeof(float));
}
static size_t panel_size(const qat_conv_shape *s) {
  return aligned((size_t)(s->out_channels * QAT_TILE_COLUMNS) * sizeof(float));
}
static size_t worker_size(const qat_conv_shape *s) {
  return image_size(s) + products_size(s) + panel_size(s)
         + aligned((size_t)runs_of(s) * sizeof(qat_row_run));
}

size_t qat_scattered_scratch(const qat_conv_shape *s, int threads) {
  return (size_t)threads * worker_size(s);
}

size_t qat_scattered_packed_size(const qat_conv_shape *s) {
  return (size_t)(terms_of(s) * s->out_channels);
}

// [column of the kernel][row][input channel][output channel]
void qat_scattered_pack(const qat_conv_shape *s, const float *w, float *packed) {
  const int64_t channels = s->in_channels;
  for (int64_t c = 0; c < s->kernel_width; c++)
    for (int64_t r = 0; r < s->kernel_height; r++)
      for (int64_t i = 0; i < channels; i++)
        for (int64_t o = 0; o < s->out_channels; o++)
          *packed++ = w[(o * channels + i) * taps(s) + r * s->kernel_width + c];
}

// products[term][pixel] of `count` pixels of dy.
static void multiply(const job *j, const float *dy, int64_t count, float *panel, qat_row_run *runs,
                     float *products) {
  const qat_conv_shape *s = j->s;
  const qat_sgemm_kernel *kernel = qat_sgemm_for(s->bf16);
  const int64_t k = s->out_channels, terms = terms_of(s), step = qat_even_tile(terms);
  const float *rows[QAT_TILE_ROWS];
  float *y[QAT_TILE_ROWS];
  for (int64_t run = 0, offset = 0; run < runs_of(s); run++, offset += QAT_SGEMM_K)
    runs[run] = (qat_row_run){rows, offset, qat_min(QAT_SGEMM_K, k - offset)};
  _Alignas(64) float sums[QAT_TILE_ROWS * QAT_TILE_COLUMNS];
  for (int64_t first = 0; first < count; first += QAT_TILE_COLUMNS) {
    const int64_t pixels = qat_min(QAT_TILE_COLUMNS, count - first);
    const int width = qat_panel_width(count, first);
    const qat_tile_end end = {.y = y, .column = first};
    qat_sgemm_pack_panel(pixels, k, dy + first * k, k, true, width, panel);
    for (int64_t t = 0; t < terms; t += step) {
      const int64_t m = qat_min(step, terms - t);
      for (int64_t i = 0; i < m; i++)
        rows[i] = j->packed + (t + i) * k, y[i] = products + (t + i) * term_step(s);
      kernel->rows((int)m, (int)pixels, runs_of(s), runs, panel, width, sums, false, &end);
    }
  }
}

// Adds the products of rows first ..< first + rows of a result. Columns of the kernel come last: what is
// added to an element one after the other lies far apart in time.
QAT_INLINE void scatter_body(const qat_conv_shape *s, int64_t first, int64_t rows,
                             const float *products, float *image) {
  const int64_t line = line_of(s), step = term_step(s), width = s->out_width;
  for (int64_t c = 0; c < s->kernel_width; c++)
    for (int64_t r = 0; r < s->kernel_height; r++)
      for (int64_t i = 0; i < s->in_channels; i++, products += step)
        for (int64_t row = 0; row < rows; row++) {
          const int64_t y = (first + row) * s->stride_y + r * s->dilation_y;
          const float *from = products + row * width;
          float *to = image + y * row_of(s) + (i * s->stride_x + c % s->stride_x) * line
                      + c / s->stride_x;
          _Pragma("clang loop vectorize(assume_safety)")
          for (int64_t x = 0; x < width; x++) to[x] += from[x];
        }
}
static void scatter(const qat_conv_shape *s, int64_t first, int64_t rows, const float *products,
                    float *image);
QAT_VERSIONS(scatter,
             (const qat_conv_shape *s, int64_t first, int64_t rows, const float *products,
              float *image),
             (s, first, rows, products, image))

// The image without its padding; 0 where no tap looks.
static void crop(const qat_conv_shape *s, const float *image, float *dx) {
  const int64_t channels = s->in_channels, stride = s->stride_x;
  const int64_t left = qat_min(s->pad_left, padded_width(s));
  const int64_t seen = qat_min(s->in_width, padded_width(s) - left);
  for (int64_t r = 0; r < s->in_height; r++, dx += s->in_width * channels) {
    const int64_t row = r + s->pad_top, count = row < padded_height(s) ? seen : 0;
    memset(dx + count * channels, 0, (size_t)((s->in_width - count) * channels) * sizeof *dx);
    for (int64_t i = 0; i < channels * stride; i++) {
      const float *from = image + row * row_of(s) + i * line_of(s);
      const int64_t first = (stride - left % stride + i % stride) % stride;
      int64_t at = (first + left) / stride;
      for (int64_t x = first; x < count; x += stride) dx[x * channels + i / stride] = from[at++];
    }
  }
}

static void one_image(void *context, int64_t number, int worker) {
  const job *j = context;
  const qat_conv_shape *s = j->s;
  unsigned char *scratch = j->scratch + (size_t)worker * worker_size(s);
  float *image = (float *)scratch, *products = (float *)(scratch += image_size(s));
  float *panel = (float *)(scratch += products_size(s));
  qat_row_run *runs = (qat_row_run *)(scratch + panel_size(s));
  memset(image, 0, image_size(s));
  const float *dy = j->dy + number * out_plane(s) * s->out_channels;
  for (int64_t first = 0; first < s->out_height; first += rows_of_step(s)) {
    const int64_t rows = qat_min(rows_of_step(s), s->out_height - first);
    const int64_t start = first * s->out_width;
    multiply(j, dy + start * s->out_channels, rows * s->out_width, panel, runs, products);
    scatter(s, first, rows, products, image);
  }
  crop(s, image, j->dx + number * in_plane(s) * s->in_channels);
}

void qat_scattered_input_gradient(const qat_conv_shape *s, const float *dy, const float *packed,
                                  float *dx, qat_pool *pool, void *scratch) {
  job j = {s, dy, packed, dx, scratch};
  qat_pool_run(pool, s->batch, one_image, &j);
}
