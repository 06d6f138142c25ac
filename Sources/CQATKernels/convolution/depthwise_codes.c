#include "depthwise_codes.h"

typedef struct {
  int64_t channels, blocks, quads, columns;
  int64_t outputs, parts;  // output lines at a time, and how often for an image
  int64_t pixels;          // of a line at a time
} geometry;

static geometry geometry_of(const qat_conv_shape *s) {
  geometry g = {.channels = s->out_channels};
  g.blocks = qat_ceil_div(g.channels, QAT_DEPTHWISE_CHANNELS);
  g.quads = qat_ceil_div(s->kernel_height, 4);
  // Lines one below the other share most of what they see.
  g.outputs = s->stride_y == 1 && s->dilation_y == 1 ? 4 * g.quads - s->kernel_height + 1 : 1;
  g.outputs = qat_min(g.outputs, s->out_height);
  g.parts = qat_ceil_div(s->out_height, g.outputs);
  // Few enough pixels that turned columns, input and output stay in the level-1 cache.
  g.pixels = qat_ceil_div(s->out_width, qat_ceil_div(s->out_width, 32));
  g.columns = lines_of(g.pixels, s->stride_x, s->kernel_width, s->dilation_x);
  return g;
}

static int64_t line_size(const qat_conv_shape *s, const geometry *g) {
  return s->kernel_width * g->quads * 4 * QAT_DEPTHWISE_CHANNELS;
}
static int64_t block_size(const qat_conv_shape *s, const geometry *g) {
  return line_size(s, g) * g->outputs;
}
static int64_t all_channels(const geometry *g) { return g->blocks * QAT_DEPTHWISE_CHANNELS; }

size_t qat_depthwise_packed_size(const qat_conv_shape *s) {
  const geometry g = geometry_of(s);
  return (size_t)(4 * all_channels(&g) + g.blocks * block_size(s, &g));
}

void qat_depthwise_pack(const qat_conv_shape *s, const void *w, bool w_signed, void *packed,
                        void *scratch) {
  (void)scratch;
  const geometry g = geometry_of(s);
  const uint8_t flip = w_signed ? 0 : 0x80, *source = w;
  int32_t *sums = packed;
  int8_t *to = (int8_t *)(sums + all_channels(&g));
  memset(packed, 0, qat_depthwise_packed_size(s));
  for (int64_t c = 0; c < g.channels; c++) {
    int8_t *block = to + c / QAT_DEPTHWISE_CHANNELS * block_size(s, &g);
    const int64_t place = qat_depthwise_place(c % QAT_DEPTHWISE_CHANNELS);
    for (int64_t y = 0; y < s->kernel_height; y++)
      for (int64_t x = 0; x < s->kernel_width; x++) {
        const int8_t value = (int8_t)(source[c * taps(s) + y * s->kernel_width + x] ^ flip);
        sums[c] += value;
        for (int64_t o = 0; o < g.outputs; o++) {
          const int64_t quad = x * g.quads + (y + o) / 4;
          block[o * line_size(s, &g) + (quad * QAT_DEPTHWISE_CHANNELS + place) * 4 + (y + o) % 4] =
              value;
        }
      }
  }
}

// Scratch: for all, starts, zero points, multipliers in both orders; the image with channels
// repeated where there are several results for one; for each worker, turned lines and pointers.
static int64_t repeated_size(const qat_conv_shape *s) {
  return results_of_group(s) == 1 ? 0 : padded(s->batch * in_plane(s) * s->out_channels);
}
static int64_t turned_size(const geometry *g) { return g->columns * g->quads * 256; }
static int64_t worker_size(const geometry *g) {
  return turned_size(g) + padded(4 * g->quads * (int64_t)sizeof(uint8_t *));
}
static int64_t shared_size(const qat_conv_shape *s, const geometry *g) {
  return 16 * all_channels(g) + padded(4 * g->quads * g->outputs) + repeated_size(s);
}

size_t qat_depthwise_scratch(const qat_conv_shape *s, int threads) {
  const geometry g = geometry_of(s);
  return (size_t)(shared_size(s, &g) + threads * worker_size(&g));
}

typedef struct {
  const qat_igemm_kernel *kernel;
  const qat_conv_shape *s;
  const qat_conv_s8_arguments *a;
  geometry g;
  const uint8_t *x;
  int32_t *start, *zeros;
  float *m, *plain_m;
  uint8_t *taken, *repeated, *workers;
  bool corrects, plain;
  int64_t lines;  // of a chunk
} job;

static void repeat_channels(void *context, int64_t image, int worker) {
  (void)worker;
  const job *j = context;
  const int64_t times = results_of_group(j->s), count = in_plane(j->s) * j->s->in_channels;
  const uint8_t *x = (const uint8_t *)j->a->x + image * count;
  uint8_t *to = j->repeated + image * count * times;
  for (int64_t i = 0; i < count; i++)
    for (int64_t k = 0; k < times; k++) *to++ = x[i];
}

// Each 64 from plain order to the kernels'.
static void place(int64_t count, const int32_t *from, int32_t *to) {
  for (int64_t i = 0; i < count; i += 64)
    for (int part = 0; part < 4; part++)
      for (int quad = 0; quad < 4; quad++)
        memcpy(to + i + 16 * quad + 4 * part, from + i + 16 * part + 4 * quad, 16);
}

static void prepare(job *j) {
  const qat_conv_s8_arguments *a = j->a;
  const int64_t n = j->g.channels, all = all_channels(&j->g);
  const uint32_t shift = a->w_signed ? 0 : 128;
  int32_t *plain = (int32_t *)(void *)j->plain_m;
  memset(plain + n, 0, (size_t)(all - n) * 4);
  qat_conv_starts(n, taps(j->s), a->w, (uint32_t)(a->x_zero + (a->x_signed ? 128 : 0)), a->w_zero,
                  shift, a->bias, plain);
  place(all, plain, j->start);
  if (j->corrects) {
    for (int64_t c = 0; c < n; c++)
      plain[c] = (int32_t)((a->w_zero ? (uint32_t)a->w_zero[c] : 0) - shift);
    place(all, plain, j->zeros);
    for (int64_t o = 0; o < j->g.outputs; o++)
      for (int64_t y = 0; y < 4 * j->g.quads; y++)
        j->taken[4 * j->g.quads * o + y] = y >= o && y < o + j->s->kernel_height;
  }
  if (a->result == QAT_CONV_SUMS) return;
  if (a->m_scalar) for (int64_t c = 0; c < n; c++) j->plain_m[c] = *a->m;
  else memcpy(j->plain_m, a->m, (size_t)n * 4);
  place(all, plain, (int32_t *)(void *)j->m);
  bool below_one = false;
  qat_below_one(n, j->plain_m, &below_one);
  j->plain = !j->corrects && qat_igemm_is_plain(a, below_one);
}

static void line_of(const job *j, int64_t index, uint8_t *turned) {
  const qat_conv_shape *s = j->s;
  const geometry *g = &j->g;
  const qat_conv_s8_arguments *a = j->a;
  // All channels of a line, then the next line: its neighbours are still in the cache.
  const int64_t block = index % g->blocks, oy = index / g->blocks % g->parts * g->outputs;
  const int64_t image = index / g->blocks / g->parts;
  const int64_t channel = block * QAT_DEPTHWISE_CHANNELS, n = g->channels;
  const int64_t at = (image * s->out_height + oy) * s->out_width * n + channel;
  const uint8_t **lines = (const uint8_t **)(void *)(turned + turned_size(g));
  for (int64_t i = 0; i < 4 * g->quads; i++) {
    const int64_t y = oy * s->stride_y - s->pad_top + i * s->dilation_y;
    const bool inside = i < s->kernel_height + g->outputs - 1 && y >= 0 && y < s->in_height;
    lines[i] = inside ? j->x + (image * s->in_height + y) * s->in_width * n + channel : NULL;
  }
  const uint8_t flip = a->x_signed ? 0x80 : 0;
  qat_depthwise_line line = {
    .channels = (int)qat_min(n - channel, QAT_DEPTHWISE_CHANNELS),
    .outputs = qat_min(g->outputs, s->out_height - oy), .quads = g->quads, .kernel_width = s->kernel_width,
    .stride = s->stride_x, .dilation = s->dilation_x, .lines = lines, .step = n, .zero = (uint8_t)a->x_zero ^ flip, .flip = flip,
    .w = (const int8_t *)a->w + 4 * all_channels(g) + block * block_size(s, g),
    .weight_step = line_size(s, g), .line_step = s->out_width * n, .start = j->start + channel, .zeros = j->corrects ? j->zeros + channel : NULL,
    .taken = j->taken, .is_plain = j->plain, .m = j->m + channel, .turned = turned, .store = j->kernel->store,
    .result = {
      .result = a->result, .m = j->plain_m + channel, .zero = a->zero, .lo = a->lo, .hi = a->hi,
      .stride = n, .add = a->add, .offset = a->offset ? a->offset + channel : NULL,
    },
  };
  for (int64_t p = 0; p < s->out_width; p += g->pixels) {
    // Columns count from the left edge of the padded line; `gone` of the image lie before these.
    const int64_t column = p * s->stride_x, gone = qat_max(column - s->pad_left, 0);
    line.pixels = qat_min(g->pixels, s->out_width - p);
    line.columns = lines_of(line.pixels, s->stride_x, s->kernel_width, s->dilation_x);
    line.left = qat_max(s->pad_left - column, 0);
    line.width = qat_max(s->in_width - gone, 0);
    line.skipped = qat_min(gone, s->in_width) * n;
    line.result.y = (uint8_t *)a->y + (at + p * n) * element_size(a->result);
    if (a->add) line.result.added = (const uint8_t *)a->add->codes + at + p * n;
    j->kernel->depthwise(&line);
  }
}

static void run_chunk(void *context, int64_t chunk, int worker) {
  const job *j = context;
  const int64_t all = j->s->batch * j->g.blocks * j->g.parts;
  for (int64_t i = chunk * j->lines; i < qat_min(all, (chunk + 1) * j->lines); i++)
    line_of(j, i, j->workers + worker * worker_size(&j->g));
}

void qat_depthwise_s8(const qat_igemm_kernel *kernel, const qat_conv_shape *s,
                      const qat_conv_s8_arguments *a, qat_pool *pool, void *scratch) {
  job j = {.kernel = kernel, .s = s, .a = a, .g = geometry_of(s), .x = a->x, .start = scratch};
  const int64_t all = all_channels(&j.g);
  j.zeros = j.start + all;
  j.m = (float *)(void *)(j.zeros + all);
  j.plain_m = j.m + all;
  j.taken = (uint8_t *)(j.plain_m + all);
  j.repeated = j.taken + padded(4 * j.g.quads * j.g.outputs);
  j.workers = (uint8_t *)scratch + shared_size(s, &j.g);
  j.corrects = a->w_zero || !a->w_signed;
  prepare(&j);
  if (repeated_size(s)) {
    qat_pool_run(pool, s->batch, repeat_channels, &j);
    j.x = j.repeated;
  }
  // Chunks of some 4 us on the fastest kernel, by shapes alone.
  const int64_t lines = s->batch * j.g.blocks * j.g.parts;
  const int64_t products = s->batch * out_plane(s) * s->out_channels * taps(s);
  j.lines = qat_ceil_div(lines, qat_max(1, qat_min(64, products >> 18)));
  qat_pool_run(pool, qat_ceil_div(lines, j.lines), run_chunk, &j);
}
