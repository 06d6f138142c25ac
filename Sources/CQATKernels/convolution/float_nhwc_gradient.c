#include "nhwc.h"

// The gradient of the weights: for each tap a product of images seen through it (their channels the
// rows) with dy (its channels the columns), summed over pixels. Both lie as the tiles want them. A
// tile sums a block of pixels in registers, blocks of one group of images in memory, and at the end
// the groups are added in order.

enum { PARTS = 8 };

typedef struct {
  const qat_conv_shape *s;
  const float *x, *dy;
  const qat_codes *codes;            // x, or NULL
  float *reals;                      // of a worker: the numbers of a band of codes
  float *dw, *sums;
  int64_t stride, height, width, pad_top, pad_left;  // of the images that are read
  int64_t taps, depth;               // a tap's values: channels, or columns of the kernel as well
  int64_t step, tiles, panels;       // rows of a tile, tiles along `depth`, panels of dy's channels
  int64_t image_groups, parts, panels_of_part;
  int64_t images_of_block, rows_of_block;
  qat_column_run *runs;              // of a worker: runs_of_block
  int64_t runs_of_block;
} job;

static void choose(job *j, const qat_conv_shape *s) {
  j->s = s;
  const bool merges = pads_images(s);
  j->taps = merges ? s->kernel_height : taps(s);
  j->depth = merges ? s->kernel_width * s->in_channels : channels_of_group(s);
  j->step = qat_even_tile(j->depth);
  j->tiles = qat_ceil_div(j->depth, j->step);
  j->panels = qat_ceil_div(results_of_group(s), QAT_TILE_COLUMNS);
  const int64_t floats =
      s->groups * j->taps * j->panels * j->tiles * j->step * QAT_TILE_COLUMNS;
  j->image_groups = qat_image_groups(s, floats);
  j->parts = qat_min(j->panels, qat_ceil_div(PARTS, j->image_groups * s->groups));
  j->panels_of_part = qat_ceil_div(j->panels, j->parts);
  j->parts = qat_ceil_div(j->panels, j->panels_of_part);
  j->rows_of_block = qat_min(s->out_height, qat_max(1, QAT_SGEMM_K / qat_max(1, s->out_width)));
  j->images_of_block = qat_max(1, QAT_SGEMM_K / qat_max(1, out_plane(s)));
  j->runs_of_block = j->images_of_block * j->rows_of_block;
}

static size_t group_size(const job *j) {
  return (size_t)(j->s->groups * j->taps * j->panels * j->tiles * j->step * QAT_TILE_COLUMNS);
}
static size_t runs_size(const job *j) {
  return aligned((size_t)j->runs_of_block * sizeof(qat_column_run));
}
static size_t sums_size(const job *j) {
  return aligned((size_t)j->image_groups * group_size(j) * sizeof(float));
}
static size_t padded_bytes(const qat_conv_shape *s) {
  return aligned((size_t)padded_size(s) * sizeof(float));
}

// Rows of an image that `rows` rows of the result see.
static int64_t rows_seen(const qat_conv_shape *s, int64_t rows) {
  return (rows - 1) * s->stride_y + (s->kernel_height - 1) * s->dilation_y + 1;
}
// Rows of a band, of several images all: pixels are then as far apart as in the images themselves.
static int64_t band_rows(const job *j) {
  const int64_t height = j->s->in_height;
  return j->images_of_block > 1 ? height : qat_min(height, rows_seen(j->s, j->rows_of_block));
}
static size_t band_size(const job *j) {
  if (pads_images(j->s)) return 0;
  return aligned((size_t)(j->images_of_block * band_rows(j) * j->s->in_width * j->s->in_channels)
                 * sizeof(float));
}

size_t qat_conv_nhwc_codes_scratch(const qat_conv_shape *s, int threads) {
  job j = {0};
  choose(&j, s);
  return qat_conv_nhwc_scratch(s, threads)
         + (qat_is_winograd(s) ? 0 : (size_t)threads * band_size(&j));
}

size_t qat_conv_nhwc_scratch(const qat_conv_shape *s, int threads) {
  if (qat_is_plain_depthwise(s)) return qat_depthwise_nhwc_scratch(s);
  job j = {0};
  choose(&j, s);
  const size_t gradient =
      qat_is_winograd(s) ? qat_winograd_gradient_scratch(s, threads)
                         : padded_bytes(s) + sums_size(&j) + (size_t)threads * runs_size(&j);
  const size_t forward = qat_conv_nhwc_forward_scratch(s, threads);
  return gradient > forward ? gradient : forward;
}

// Where a block reads images: rows from `row` on, `rows` of them of each image, from `image` on.
typedef struct {
  const float *x;
  int64_t image, row, rows;
} band;

// What a block sees. Of codes the numbers, made here.
static band band_of(const job *j, int64_t image, int64_t images, int64_t row, int64_t rows,
                    float *reals) {
  const qat_conv_shape *s = j->s;
  if (!j->codes || pads_images(s)) return (band){j->x, 0, 0, j->height};
  const int64_t top = row * s->stride_y - s->pad_top, line = s->in_width * s->in_channels;
  const bool whole = j->images_of_block > 1;
  const int64_t first = whole ? 0 : qat_max(0, qat_min(top, s->in_height));
  const int64_t end = whole ? s->in_height : qat_min(top + rows_seen(s, rows), s->in_height);
  const band b = {reals, image, first, qat_max(0, end - first)};
  qat_dequantize_rows(j->codes, (image * s->in_height + first) * line, images, b.rows * line,
                      s->in_height * line, reals, b.rows * line);
  return b;
}

// Stretches of pixels of a block in which the images seen through a tap and dy both have the pixels
// in equal distances. Returns how many.
static int64_t find_runs(const job *j, const band *seen, int64_t tap, int64_t image,
                         int64_t images, int64_t row, int64_t rows, qat_column_run *runs) {
  const qat_conv_shape *s = j->s;
  const int64_t columns_of_kernel = j->taps / s->kernel_height;
  const int64_t dy = tap / columns_of_kernel * s->dilation_y - j->pad_top;
  const int64_t dx = tap % columns_of_kernel * s->dilation_x - j->pad_left;
  const int64_t first = dx >= 0 ? 0 : qat_ceil_div(-dx, s->stride_x);
  const int64_t last =
      j->width <= dx ? 0 : qat_min(s->out_width, qat_ceil_div(j->width - dx, s->stride_x));
  const int64_t a_stride = s->stride_x * j->stride, b_stride = s->out_channels;
  int64_t count = 0;
  if (first >= last) return 0;
  for (int64_t n = image; n < image + images; n++)
    for (int64_t r = row; r < row + rows; r++) {
      const int64_t y = r * s->stride_y + dy;
      if (y < 0 || y >= j->height) continue;
      const int64_t x = first * s->stride_x + dx;
      const int64_t line = (n - seen->image) * seen->rows + y - seen->row;
      const float *a = seen->x + (line * j->width + x) * j->stride;
      const float *b = j->dy + ((n * s->out_height + r) * s->out_width + first) * b_stride;
      qat_column_run *before = runs + count - 1;
      if (count && before->a + before->steps * a_stride == a
          && before->b + before->steps * b_stride == b)
        before->steps += last - first;
      else runs[count++] = (qat_column_run){a, b, last - first};
    }
  return count;
}

static void block(const job *j, int64_t group, int64_t first_panel, int64_t last_panel,
                  int64_t image, int64_t images, int64_t row, int64_t rows, bool add, float *sums,
                  qat_column_run *runs, float *reals) {
  const qat_sgemm_kernel *kernel = qat_sgemm_for(j->s->bf16);
  const qat_conv_shape *s = j->s;
  const int64_t results = results_of_group(s), channels = channels_of_group(s);
  const band seen = band_of(j, image, images, row, rows, reals);
  for (int64_t tap = 0; tap < j->taps; tap++) {
    const int64_t count = find_runs(j, &seen, tap, image, images, row, rows, runs);
    int64_t a_before = -group * channels, b_before = -group * results;
    for (int64_t panel = first_panel; panel < last_panel; panel++) {
      const int64_t column = panel * QAT_TILE_COLUMNS;
      const int width = (int)qat_min(QAT_TILE_COLUMNS, results - column);
      for (int64_t t = 0; t < j->tiles; t++) {
        const int64_t first = t * j->step;
        // The runs of this tile: moved from where the last one was.
        const int64_t a_shift = first - a_before, b_shift = column - b_before;
        for (int64_t r = 0; r < count; r++) runs[r].a += a_shift, runs[r].b += b_shift;
        a_before = first, b_before = column;
        float *to = sums
                    + (((group * j->taps + tap) * j->panels + panel) * j->tiles + t) * j->step
                          * QAT_TILE_COLUMNS;
        kernel->columns((int)qat_min(j->step, j->depth - first), width, count, runs,
                        s->stride_x * j->stride, s->out_channels, to, add, NULL);
      }
    }
  }
}

static void chunk(void *context, int64_t number, int worker) {
  const job *j = context;
  const qat_conv_shape *s = j->s;
  const int64_t first_panel = number % j->parts * j->panels_of_part;
  const int64_t last_panel = qat_min(j->panels, first_panel + j->panels_of_part);
  const int64_t group = number / j->parts % s->groups;
  const int64_t images = number / (j->parts * s->groups);
  const int64_t first = images * s->batch / j->image_groups;
  const int64_t last = (images + 1) * s->batch / j->image_groups;
  float *sums = j->sums + (size_t)images * group_size(j);
  qat_column_run *runs =
      (qat_column_run *)((unsigned char *)j->runs + (size_t)worker * runs_size(j));
  float *reals = j->reals + (size_t)worker * band_size(j) / sizeof(float);
  bool add = false;
  for (int64_t image = first; image < last; image += j->images_of_block)
    for (int64_t row = 0; row < s->out_height; row += j->rows_of_block) {
      block(j, group, first_panel, last_panel, image, qat_min(j->images_of_block, last - image),
            row, qat_min(j->rows_of_block, s->out_height - row), add, sums, runs, reals);
      add = true;
    }
}

QAT_INLINE void qat_add_to_body(int64_t count, const float *x, float *sums) {
  for (int64_t i = 0; i < count; i++) sums[i] += x[i];
}
QAT_VERSIONS(qat_add_to, (int64_t count, const float *x, float *sums), (count, x, sums))

// Adds the groups of images up, and puts the sums of a panel where they belong.
static void finish_panel(void *context, int64_t number, int worker) {
  (void)worker;
  const job *j = context;
  const qat_conv_shape *s = j->s;
  const int64_t results = results_of_group(s), channels = channels_of_group(s);
  const int64_t panel = number % j->panels, group = number / j->panels;
  const int64_t first = panel * QAT_TILE_COLUMNS, size = j->tiles * j->step * QAT_TILE_COLUMNS;
  const int64_t count = qat_min(QAT_TILE_COLUMNS, results - first);
  float *dw = j->dw + (group * results + first) * depth(s);
  for (int64_t tap = 0; tap < j->taps; tap++) {
    const int64_t at = ((group * j->taps + tap) * j->panels + panel) * size;
    float *sums = j->sums + at;
    for (int64_t g = 1; g < j->image_groups; g++)
      qat_add_to(size, j->sums + (size_t)g * group_size(j) + at, sums);
    const bool merges = j->taps != taps(s);
    for (int64_t i = 0; i < j->depth; i++) {
      const int64_t channel = merges ? i % channels : i;
      const int64_t index = merges ? tap * s->kernel_width + i / channels : tap;
      const float *from = sums + i * QAT_TILE_COLUMNS;
      float *to = dw + channel * taps(s) + index;
      for (int64_t o = 0; o < count; o++) to[o * depth(s)] = from[o];
    }
  }
}

void qat_conv_nhwc_weight_gradient(const qat_conv_shape *s, const float *dy, const float *x,
                                   const qat_codes *codes, float *dw, qat_pool *pool,
                                   void *scratch) {
  if (s->batch * out_plane(s) == 0) {
    memset(dw, 0, (size_t)(s->out_channels * depth(s)) * sizeof *dw);
    return;
  }
  if (qat_is_plain_depthwise(s))
    return qat_depthwise_nhwc_weight_gradient(s, dy, x, dw, pool, scratch);
  if (qat_is_winograd(s)) return qat_winograd_weight_gradient(s, dy, x, codes, dw, pool, scratch);
  job j = {
    .x = x, .codes = codes, .dy = dy, .dw = dw, .stride = s->in_channels, .height = s->in_height,
    .width = s->in_width, .pad_top = s->pad_top, .pad_left = s->pad_left,
  };
  choose(&j, s);
  unsigned char *at = scratch;
  if (pads_images(s)) {
    float *padded = scratch;
    qat_pad_images(s, x, codes, padded, pool);
    j.x = padded, j.height = padded_height(s), j.width = padded_width(s);
    j.pad_top = j.pad_left = 0;
  }
  j.sums = (float *)(at += padded_bytes(s));
  j.runs = (qat_column_run *)(at += sums_size(&j));
  j.reals = (float *)(at + (size_t)qat_pool_threads(pool) * runs_size(&j));
  qat_pool_run(pool, j.image_groups * s->groups * j.parts, chunk, &j);
  qat_pool_run(pool, s->groups * j.panels, finish_panel, &j);
}
