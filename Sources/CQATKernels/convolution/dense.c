#include "codes.h"

// The dense convolution of codes without columns: a tile of output pixels times a panel of output
// channels, over the segments of a window. With neighbouring taps a kernel row is one segment, else
// a tap is. A pixel's address plus a segment's offset is where its bytes are, because the windows of
// a block of output rows all lie inside the image, or inside a padded copy of the lines it sees.

typedef struct {
  qat_conv_shape s;                      // a 1 x 1 kernel at every pixel: images of one pixel
  bool joined;                           // segments are kernel rows
  int64_t segments, run, depth;          // of a window; bytes of a segment
  int64_t n, columns, panels;            // of a group; `columns` is n rounded up
  int64_t width;                         // columns that windows see
  int64_t rows, images, pixels, blocks;  // of a block: rows of one image, or whole images
} geometry;

// Output rows whose input stays in the level-2 cache beside a panel; whole images if they are small.
static void choose_block(geometry *g) {
  const qat_conv_shape *s = &g->s;
  const int64_t bytes = s->in_channels * s->stride_y * s->stride_x;  // that a pixel adds
  if (out_plane(s) == 1 && s->batch <= 56) {  // a small product should start soon
    g->rows = g->blocks = 1;
    g->images = g->pixels = qat_max(1, s->batch);
    return;
  }
  const int64_t target = qat_max(56, qat_min(512, (192 << 10) / qat_max(bytes, 1)));
  const int64_t most = qat_max(1, target / s->out_width);
  g->rows = qat_ceil_div(s->out_height, qat_ceil_div(s->out_height, most));
  g->images = qat_max(1, qat_min(target / out_plane(s), s->batch));
  if (g->images > 1) g->rows = s->out_height;
  g->pixels = g->images * g->rows * s->out_width;
  g->blocks = qat_ceil_div(s->batch, g->images) * qat_ceil_div(s->out_height, g->rows);
}

static geometry geometry_of(const qat_conv_shape *given) {
  geometry g = {.s = *given};
  qat_conv_shape *s = &g.s;
  if (is_pointwise(s)) {
    s->batch *= in_plane(s);
    s->in_height = s->in_width = s->out_height = s->out_width = 1;
  }
  g.joined = s->kernel_width == 1 || (s->dilation_x == 1 && s->groups == 1);
  g.segments = g.joined ? s->kernel_height : taps(s);
  g.run = channels_of_group(s) * (g.joined ? s->kernel_width : 1);
  g.depth = qat_igemm_depth(g.segments, g.run);
  g.n = results_of_group(s);
  g.columns = qat_igemm_columns(g.n);
  g.panels = qat_ceil_div(g.columns, QAT_IGEMM_WIDTH);
  g.width = lines_of(s->out_width, s->stride_x, s->kernel_width, s->dilation_x);
  choose_block(&g);
  return g;
}

size_t qat_dense_packed_size(const qat_conv_shape *shape) {
  const geometry g = geometry_of(shape);
  return (size_t)(shape->groups * g.columns * (4 + g.depth));
}

void qat_dense_pack(const qat_conv_shape *shape, const void *w, bool w_signed, void *packed,
                    void *scratch) {
  const geometry g = geometry_of(shape);
  const int64_t k = depth(shape), channels = channels_of_group(shape);
  const uint8_t *rows = w;
  if (taps(shape) > 1) {  // OIHW -> OHWI
    rows = scratch;
    for (int64_t o = 0; o < shape->out_channels; o++)
      qat_transpose_bytes(channels, taps(shape), (const uint8_t *)w + o * k, taps(shape),
                          (uint8_t *)scratch + o * k, channels);
  }
  int32_t *sums = packed;
  int8_t *panels = (int8_t *)(sums + shape->groups * g.columns);
  for (int64_t group = 0; group < shape->groups; group++)
    qat_igemm_pack_group(g.segments, g.run, g.n, rows + group * g.n * k, 1, k, w_signed,
                         sums + group * g.columns, panels + group * g.columns * g.depth);
}

// Scratch: for all, column starts, multipliers, segment and pixel offsets; for each worker, the
// padded copy of a block's lines (and 64 bytes, since segments are read in fours) and row sums.
static int64_t block_lines(const geometry *g) {
  return lines_of(g->rows, g->s.stride_y, g->s.kernel_height, g->s.dilation_y);
}
static int64_t copy_size(const geometry *g) {
  return padded(g->images * block_lines(g) * g->width * g->s.in_channels) + 64;
}
static int64_t worker_size(const geometry *g) { return copy_size(g) + padded(4 * g->pixels); }
static int64_t shared_size(const geometry *g) {
  return 8 * g->s.groups * g->columns + padded(8 * g->segments) + padded(8 * g->pixels);
}

size_t qat_dense_scratch(const qat_conv_shape *shape, int threads) {
  const geometry g = geometry_of(shape);
  return (size_t)(shared_size(&g) + threads * worker_size(&g));
}

// What a column starts from: sum (a - za)(b - zb) = sum ab - za * sum b - zb * sum a + k * za * zb,
// in the shifted values; all but the third term are the same for every row.
QAT_INLINE void qat_conv_starts_body(int64_t n, int64_t k, const int32_t *sums, uint32_t za,
                                     const int32_t *zeros, uint32_t shift, const int32_t *bias,
                                     int32_t *start) {
  if (bias) for (int64_t j = 0; j < n; j++)
    start[j] = (int32_t)((uint32_t)bias[j] - za * (uint32_t)sums[j]);
  else for (int64_t j = 0; j < n; j++) start[j] = (int32_t)(0 - za * (uint32_t)sums[j]);
  if (zeros) for (int64_t j = 0; j < n; j++)
    start[j] = (int32_t)((uint32_t)start[j] + (uint32_t)k * za * ((uint32_t)zeros[j] - shift));
  else if (shift) for (int64_t j = 0; j < n; j++)
    start[j] = (int32_t)((uint32_t)start[j] - (uint32_t)k * za * shift);
}
QAT_VERSIONS(qat_conv_starts,
             (int64_t n, int64_t k, const int32_t *sums, uint32_t za, const int32_t *zeros,
              uint32_t shift, const int32_t *bias, int32_t *start),
             (n, k, sums, za, zeros, shift, bias, start))

QAT_INLINE void qat_copy_flipped_body(int64_t count, const uint8_t *from, uint8_t flip,
                                      uint8_t *to) {
  for (int64_t i = 0; i < count; i++) to[i] = from[i] ^ flip;
}
QAT_VERSIONS(qat_copy_flipped, (int64_t count, const uint8_t *from, uint8_t flip, uint8_t *to),
             (count, from, flip, to))

// The sums of the windows of a block, channels `a` ..< + run.
QAT_INLINE void qat_window_sums_body(int64_t pixels, int64_t segments, int64_t run,
                                     const uint8_t *a, const int64_t *offsets,
                                     const int64_t *starts, uint32_t *sums) {
  for (int64_t i = 0; i < pixels; i++) {
    uint32_t sum = 0;
    for (int64_t s = 0; s < segments; s++) {
      const uint8_t *from = a + offsets[i] + starts[s];
      for (int64_t l = 0; l < run; l++) sum += from[l];
    }
    sums[i] = sum;
  }
}
void qat_window_sums(int64_t pixels, int64_t segments, int64_t run, const uint8_t *a,
                     const int64_t *offsets, const int64_t *starts, uint32_t *sums);
QAT_VERSIONS(qat_window_sums,
             (int64_t pixels, int64_t segments, int64_t run, const uint8_t *a,
              const int64_t *offsets, const int64_t *starts, uint32_t *sums),
             (pixels, segments, run, a, offsets, starts, sums))

QAT_INLINE void qat_less_zeros_body(int rows, int64_t columns, int width, const uint32_t *row_sums,
                                    const int32_t *zeros, uint32_t shift, int32_t *tile) {
  for (int i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) {
      const uint32_t zero = (zeros ? (uint32_t)zeros[j] : 0) - shift;
      tile[i * width + j] = (int32_t)((uint32_t)tile[i * width + j] - row_sums[i] * zero);
    }
}
void qat_less_zeros(int rows, int64_t columns, int width, const uint32_t *row_sums,
                    const int32_t *zeros, uint32_t shift, int32_t *tile);
QAT_VERSIONS(qat_less_zeros,
             (int rows, int64_t columns, int width, const uint32_t *row_sums, const int32_t *zeros,
              uint32_t shift, int32_t *tile),
             (rows, columns, width, row_sums, zeros, shift, tile))

typedef struct {
  const qat_igemm_kernel *kernel;
  const qat_conv_s8_arguments *a;
  geometry g;
  bool copies, corrects;       // pads or turns codes; zero points of B
  bool plain;                  // a kernel may store the result itself
  uint32_t shift;              // of the packed weights
  uint8_t flip;                // of the images
  int64_t line, image;         // bytes of what is read
  int32_t *start;
  float *m;
  int64_t *segments, *offsets;
  uint8_t *workers;
  int64_t together, split;     // blocks of a chunk, parts of the panels
} job;

// The lines that a block sees, with the zero point around the image.
static void copy_lines(const job *j, int64_t image, int64_t images, int64_t row, int64_t lines,
                       uint8_t *to) {
  const qat_conv_shape *s = &j->g.s;
  const int64_t c = s->in_channels, left = qat_min(s->pad_left, j->g.width);
  const int64_t middle = qat_min(s->in_width, j->g.width - left);
  const int64_t right = j->g.width - left - middle, top = row * s->stride_y - s->pad_top;
  const uint8_t zero = (uint8_t)j->a->x_zero ^ j->flip, *x = j->a->x;
  const bool whole = lines == s->in_height && middle == s->in_width && middle == j->g.width;
  if (whole && top == 0) {
    const int64_t size = s->in_height * s->in_width * c;
    qat_copy_flipped(images * size, x + image * size, j->flip, to);
    return;
  }
  for (int64_t k = 0; k < images; k++)
    for (int64_t l = 0; l < lines; l++, to += j->line) {
      const int64_t y = top + l;
      if (y < 0 || y >= s->in_height) {
        memset(to, zero, (size_t)j->line);
        continue;
      }
      memset(to, zero, (size_t)(left * c));
      qat_copy_flipped(middle * c, x + ((image + k) * s->in_height + y) * s->in_width * c, j->flip,
                       to + left * c);
      memset(to + (left + middle) * c, zero, (size_t)(right * c));
    }
}

// Where results go, and what is added to them, from element `at` on.
static void place(const qat_conv_s8_arguments *a, int64_t at, qat_igemm_result *result) {
  result->y = (uint8_t *)a->y + at * element_size(a->result);
  if (a->add) result->added = (const uint8_t *)a->add->codes + at;
}

// One panel of a group for all `pixels` of a block, whose first result is at pixel `first`.
static void panel_of(const job *j, const uint8_t *x, int64_t group, int64_t panel, int64_t first,
                     int64_t pixels, const uint32_t *row_sums) {
  const geometry *g = &j->g;
  const qat_conv_s8_arguments *a = j->a;
  _Alignas(64) int32_t sums[QAT_IGEMM_ROWS * QAT_IGEMM_WIDTH];
  const int64_t column = panel * QAT_IGEMM_WIDTH, all = g->s.out_channels;
  const int64_t channel = group * g->n + column, at = group * g->columns + column;
  const int width = (int)qat_min(g->columns - column, QAT_IGEMM_WIDTH);
  const int32_t *w_sums = a->w;
  qat_igemm_tile tile = {
    .width = width, .a = x + group * channels_of_group(&g->s), .segments = j->segments,
    .segment_count = g->segments, .quads = qat_ceil_div(g->run, 4),
    .b = (const int8_t *)(w_sums + g->s.groups * g->columns)
         + (group * g->columns + column) * g->depth,
    .stride = all * element_size(a->result), .start = j->start + at, .sums = sums,
  };
  qat_igemm_result result = {
    .result = a->result, .columns = (int)qat_min(g->n - column, width), .width = width,
    .sums = sums, .m = j->m + at, .zero = a->zero, .lo = a->lo, .hi = a->hi, .stride = all,
    .add = a->add, .offset = a->offset ? a->offset + channel : NULL,
  };
  if (j->plain) tile.result = &result;
  tile.offsets = j->offsets;
  place(a, first * all + channel, &result);
  const int64_t chained =
      j->kernel->chain && !j->corrects ? j->kernel->chain(&tile, &result, pixels) : 0;
  // Tiles of equal size but for one row, the larger ones first: the processor learns where to jump.
  const int64_t left = pixels - chained, tiles = qat_ceil_div(left, j->kernel->rows);
  const int64_t larger = tiles ? left % tiles : 0;
  for (int64_t t = 0, pixel = chained; t < tiles; t++, pixel += tile.rows) {
    tile.rows = result.rows = (int)(left / tiles + (t < larger));
    tile.offsets = j->offsets + pixel;
    place(a, (first + pixel) * all + channel, &result);
    if (a->result != QAT_CONV_CODES) tile.y = result.y;
    if (j->kernel->tile(&tile)) continue;
    if (j->corrects)
      qat_less_zeros(tile.rows, result.columns, width, row_sums + pixel,
                     a->w_zero ? a->w_zero + channel : NULL, j->shift, sums);
    j->kernel->store(&result);
  }
}

static void block_of(const job *j, int64_t block, int64_t first_panel, int64_t last_panel,
                     uint8_t *copy) {
  const geometry *g = &j->g;
  const qat_conv_shape *s = &g->s;
  const int64_t across = qat_ceil_div(s->out_height, g->rows);
  const int64_t image = block / across * g->images, row = block % across * g->rows;
  const int64_t images = qat_min(g->images, s->batch - image);
  const int64_t rows = qat_min(g->rows, s->out_height - row);
  const int64_t pixels = images * rows * s->out_width;
  const uint8_t *x = (const uint8_t *)j->a->x + image * j->image + row * s->stride_y * j->line;
  uint32_t *row_sums = (uint32_t *)(void *)(copy + copy_size(g));
  if (j->copies) {
    copy_lines(j, image, images, row,
               lines_of(rows, s->stride_y, s->kernel_height, s->dilation_y), copy);
    x = copy;
  }
  for (int64_t p = first_panel; p < last_panel; p++) {
    const int64_t group = p / g->panels;
    if (j->corrects && (p == first_panel || p % g->panels == 0))
      qat_window_sums(pixels, g->segments, g->run, x + group * channels_of_group(s), j->offsets,
                      j->segments, row_sums);
    panel_of(j, x, group, p % g->panels, (image * s->out_height + row) * s->out_width, pixels,
             row_sums);
  }
}

static void run_chunk(void *context, int64_t chunk, int worker) {
  const job *j = context;
  const int64_t part = chunk % j->split, blocks = chunk / j->split * j->together;
  const int64_t panels = j->g.s.groups * j->g.panels;
  for (int64_t b = blocks; b < qat_min(j->g.blocks, blocks + j->together); b++)
    block_of(j, b, panels * part / j->split, panels * (part + 1) / j->split,
             j->workers + worker * worker_size(&j->g));
  if (j->kernel->leave) j->kernel->leave();
}

QAT_INLINE void qat_below_one_body(int64_t n, const float *m, bool *all) {
  int others = 0;
  for (int64_t i = 0; i < n; i++) others |= !(m[i] >= 0) | !(m[i] < 1);
  *all = !others;
}
QAT_VERSIONS(qat_below_one, (int64_t n, const float *m, bool *all), (n, m, all))

static void prepare(job *j) {
  const geometry *g = &j->g;
  const qat_conv_shape *s = &g->s;
  const qat_conv_s8_arguments *a = j->a;
  const int64_t n = g->n, step = channels_of_group(s);
  for (int64_t group = 0; group < s->groups; group++) {
    const int64_t at = group * g->columns;
    qat_conv_starts(n, depth(s), (const int32_t *)a->w + at,
                    (uint32_t)(a->x_zero + (a->x_signed ? 128 : 0)),
                    a->w_zero ? a->w_zero + group * n : NULL, j->shift,
                    a->bias ? a->bias + group * n : NULL, j->start + at);
    memset(j->start + at + n, 0, (size_t)(g->columns - n) * 4);
    if (a->result == QAT_CONV_SUMS) continue;
    if (a->m_scalar) for (int64_t k = 0; k < g->columns; k++) j->m[at + k] = *a->m;
    else memcpy(j->m + at, a->m + group * n, (size_t)n * 4);
    if (!a->m_scalar) memset(j->m + at + n, 0, (size_t)(g->columns - n) * 4);
  }
  bool below_one = false;
  if (a->result == QAT_CONV_CODES)
    qat_below_one(a->m_scalar ? 1 : s->out_channels, a->m, &below_one);
  j->plain =
      !j->corrects && (a->result != QAT_CONV_CODES || qat_igemm_is_plain(a, below_one));
  int64_t *to = j->segments;
  for (int64_t y = 0; y < s->kernel_height; y++)
    for (int64_t x = 0; x < (g->joined ? 1 : s->kernel_width); x++)
      *to++ = y * s->dilation_y * j->line + x * s->dilation_x * s->groups * step;
  to = j->offsets;
  for (int64_t i = 0; i < g->images; i++)
    for (int64_t y = 0; y < g->rows; y++)
      for (int64_t x = 0; x < s->out_width; x++)
        *to++ = i * j->image + y * s->stride_y * j->line + x * s->stride_x * s->in_channels;
}

void qat_dense_s8(const qat_igemm_kernel *kernel, const qat_conv_shape *shape,
                  const qat_conv_s8_arguments *a, qat_pool *pool, void *scratch) {
  job j = {
    .a = a, .g = geometry_of(shape), .shift = a->w_signed ? 0 : 128,
    .flip = a->x_signed ? 0x80 : 0, .start = scratch, .workers = scratch,
  };
  const geometry *g = &j.g;
  const qat_conv_shape *s = &g->s;
  j.kernel = qat_igemm_for(kernel, g->pixels, qat_ceil_div(g->run, 4));
  j.corrects = a->w_zero || j.shift;
  j.copies = j.flip || g->run % 4 || s->pad_top || s->pad_left || g->width > s->in_width
             || lines_of(s->out_height, s->stride_y, s->kernel_height, s->dilation_y)
                    > s->in_height;
  j.line = (j.copies ? g->width : s->in_width) * s->in_channels;
  j.image = (j.copies ? block_lines(g) : s->in_height) * j.line;
  j.m = (float *)(void *)(j.start + s->groups * g->columns);
  j.segments = (int64_t *)(void *)(j.m + s->groups * g->columns);
  j.offsets = (int64_t *)(void *)((uint8_t *)j.segments + padded(8 * g->segments));
  j.workers += shared_size(g);
  prepare(&j);
  // Chunks of some 4 us on the fastest kernel. Where a block is copied each part of its panels does
  // so for itself, and a part is large enough to make up for it.
  const int64_t products = s->batch * out_plane(s) * s->out_channels * depth(s);
  const int64_t wanted = qat_max(1, qat_min(64, products >> 20));
  const int64_t parts = s->groups * g->panels / (j.copies ? 4 : 1);
  j.together = qat_max(1, g->blocks / wanted);
  const int64_t chunks = qat_ceil_div(g->blocks, j.together);
  j.split = qat_pool_threads(pool) == 1 ? 1 : qat_max(1, qat_min(parts, wanted / chunks));
  qat_pool_run(pool, chunks * j.split, run_chunk, &j);
}
