#include "nhwc.h"

// The gradient of an input with few channels. Seen from a pixel of the input a tile would have as few
// columns; seen from a pixel of the result it has a column for each tap and channel. These products
// are added to where the taps look, in an image that has its padding.

typedef struct {
  const qat_conv_shape *s;
  const float *dy, *packed;
  float *dx;
  unsigned char *scratch;
} job;

static int64_t columns_of(const qat_conv_shape *s) { return taps(s) * s->in_channels; }
static int64_t row_of(const qat_conv_shape *s) { return padded_width(s) * s->in_channels; }
static int64_t runs_of(const qat_conv_shape *s) {
  return qat_ceil_div(s->out_channels, QAT_SGEMM_K);
}

// Of a worker: the image, the products of a tile and the runs of a row.
static size_t image_size(const qat_conv_shape *s) {
  return aligned((size_t)(padded_height(s) * row_of(s)) * sizeof(float));
}
static size_t products_size(const qat_conv_shape *s) {
  return aligned((size_t)(QAT_TILE_ROWS * columns_of(s)) * sizeof(float));
}
static size_t worker_size(const qat_conv_shape *s) {
  return image_size(s) + products_size(s) + aligned((size_t)runs_of(s) * sizeof(qat_row_run));
}

size_t qat_scattered_scratch(const qat_conv_shape *s, int threads) {
  return (size_t)threads * worker_size(s);
}

size_t qat_scattered_packed_size(const qat_conv_shape *s) {
  return (size_t)(qat_round_up(columns_of(s), 16) * s->out_channels);
}

// Panels of up to 32 columns: [output channel][tap and channel].
void qat_scattered_pack(const qat_conv_shape *s, const float *w, float *packed) {
  const int64_t columns = columns_of(s), channels = s->in_channels, kernel = taps(s);
  for (int64_t first = 0; first < columns; first += QAT_TILE_COLUMNS) {
    const int width = qat_panel_width(columns, first);
    for (int64_t o = 0; o < s->out_channels; o++)
      for (int64_t c = first; c < first + width; c++)
        *packed++ =
            c < columns ? w[(o * channels + c % channels) * kernel + c / channels] : 0;
  }
}

// products[i][…] of `m` pixels of dy.
static void multiply(const job *j, const float *dy, int m, qat_row_run *runs, float *products) {
  const int64_t k = j->s->out_channels, columns = columns_of(j->s);
  const qat_sgemm_kernel *kernel = qat_sgemm_for(j->s->bf16);
  const float *rows[QAT_TILE_ROWS];
  float *y[QAT_TILE_ROWS];
  for (int i = 0; i < m; i++) rows[i] = dy + i * k, y[i] = products + i * columns;
  for (int64_t run = 0, offset = 0; run < runs_of(j->s); run++, offset += QAT_SGEMM_K)
    runs[run] = (qat_row_run){rows, offset, qat_min(QAT_SGEMM_K, k - offset)};
  _Alignas(64) float sums[QAT_TILE_ROWS * QAT_TILE_COLUMNS];
  for (int64_t first = 0; first < columns; first += QAT_TILE_COLUMNS) {
    const qat_tile_end end = {.y = y, .column = first};
    const int width = (int)qat_min(QAT_TILE_COLUMNS, columns - first);
    kernel->rows(m, width, runs_of(j->s), runs, j->packed + first * k,
                 qat_panel_width(columns, first), NULL, sums, false, &end);
  }
}

// Adds the products of pixels first ..< first + m of an image; a row of the kernel sees neighbours.
static void scatter(const qat_conv_shape *s, int64_t first, int m, const float *products,
                    float *image) {
  const int64_t width = s->kernel_width * s->in_channels;
  for (int i = 0; i < m; i++) {
    const int64_t row = (first + i) / s->out_width, column = (first + i) % s->out_width;
    float *to = image + row * s->stride_y * row_of(s) + column * s->stride_x * s->in_channels;
    for (int64_t r = 0; r < s->kernel_height; r++, to += s->dilation_y * row_of(s))
      for (int64_t c = 0; c < width; c++) to[c] += *products++;
  }
}

// The image without its padding; 0 where no tap looks.
static void crop(const qat_conv_shape *s, const float *image, float *dx) {
  const int64_t channels = s->in_channels;
  const int64_t left = qat_min(s->pad_left, padded_width(s));
  const int64_t seen = qat_min(s->in_width, padded_width(s) - left);
  for (int64_t r = 0; r < s->in_height; r++, dx += s->in_width * channels) {
    const int64_t row = r + s->pad_top;
    const int64_t count = row < padded_height(s) ? seen * channels : 0;
    if (count) memcpy(dx, image + row * row_of(s) + left * channels, (size_t)count * sizeof *dx);
    memset(dx + count, 0, (size_t)(s->in_width * channels - count) * sizeof *dx);
  }
}

static void one_image(void *context, int64_t number, int worker) {
  const job *j = context;
  const qat_conv_shape *s = j->s;
  unsigned char *scratch = j->scratch + (size_t)worker * worker_size(s);
  float *image = (float *)scratch, *products = (float *)(scratch += image_size(s));
  qat_row_run *runs = (qat_row_run *)(scratch + products_size(s));
  memset(image, 0, image_size(s));
  const float *dy = j->dy + number * out_plane(s) * s->out_channels;
  for (int64_t first = 0; first < out_plane(s); first += QAT_TILE_ROWS) {
    const int m = (int)qat_min(QAT_TILE_ROWS, out_plane(s) - first);
    multiply(j, dy + first * s->out_channels, m, runs, products);
    scatter(s, first, m, products, image);
  }
  crop(s, image, j->dx + number * in_plane(s) * s->in_channels);
}

void qat_scattered_input_gradient(const qat_conv_shape *s, const float *dy, const float *packed,
                                  float *dx, qat_pool *pool, void *scratch) {
  job j = {s, dy, packed, dx, scratch};
  qat_pool_run(pool, s->batch, one_image, &j);
}
