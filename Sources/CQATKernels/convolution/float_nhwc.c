#include "nhwc.h"
#include "phases.h"

// Tiles of up to 14 pixels and 32 channels, straight from the images: a row of the product's left
// side is a pixel seen through one tap of the kernel after the other.

typedef struct part {
  qat_grid grid;
  int64_t taps, first_tap;      // in the job's lists
  int64_t packed;               // where the weights of the grid start, in panels of one group
  int64_t chunks;               // of pixels
} part;

typedef struct {
  const qat_conv_shape *s;
  qat_source source;
  int64_t depth;                // elements of a tap
  int64_t values;               // of an element: 2 where images are pairs of bfloat16
  int64_t chunk;                // pixels of one
  bool copied;                  // whether a chunk's rows are
  int64_t source_step, outputs, results;  // of a group: source channels, result channels; all results
  const float *packed;
  size_t packed_step;           // of a group
  float *y;
  const qat_conv_epilogue *epilogue;
  int64_t parts, pixel_chunks, panels, panel_chunks, panels_of_chunk;
  int32_t *tap_y, *tap_x;
  float *zero;
  part *part;
  unsigned char *scratch;
  size_t scratch_step;
} job;

// What a chunk of pixels reads stays in the level-2 cache beside a panel of weights.
static int64_t pixels_of_chunk(int64_t stride) {
  return qat_max(4 * QAT_TILE_ROWS,
                 qat_min(QAT_CHUNK, (1 << 18) / stride / QAT_TILE_ROWS * QAT_TILE_ROWS));
}

// A chunk whose rows are copied, once for all panels.
static int64_t pixels_of_copies(int64_t depth) {
  return qat_max(4 * QAT_TILE_ROWS, (1 << 16) / depth / QAT_TILE_ROWS * QAT_TILE_ROWS);
}

// Of a worker: the tables of pixels, of rows and of runs.
static size_t rows_size(const qat_conv_shape *s) {
  return aligned((size_t)taps(s) * QAT_LANES * sizeof(float *));
}
// A tap's values are cut where a block of k ends.
static int64_t most_runs(const qat_conv_shape *s) {
  const int64_t values = qat_max(channels_of_group(s), results_of_group(s));
  return taps(s) * (1 + qat_ceil_div(values, QAT_SGEMM_K));
}
static size_t runs_size(const qat_conv_shape *s) {
  return aligned((size_t)most_runs(s) * sizeof(qat_row_run));
}
static size_t copies_of(int64_t depth) {
  const int64_t pixels = qat_min(pixels_of_copies(depth), QAT_CHUNK);
  return aligned((size_t)(pixels * (depth + QAT_COPY_GAP)) * sizeof(float));
}
// Of the layer and of its gradient.
static size_t copies_size(const qat_conv_shape *s) {
  if (taps(s) > 1) return 0;
  const size_t forward = copies_of(channels_of_group(s)), backward = copies_of(results_of_group(s));
  return forward > backward ? forward : backward;
}
static size_t worker_size(const qat_conv_shape *s) {
  return aligned(sizeof(qat_pixels)) + rows_size(s) + runs_size(s) + copies_size(s);
}
static size_t zero_size(const qat_conv_shape *s) {
  return aligned((size_t)qat_max(s->in_channels * s->kernel_width, s->out_channels)
                 * sizeof(float));
}
// Whether images of so many channels are rounded to pairs of bfloat16.
static bool pairs_channels(const qat_conv_shape *s, int64_t channels) {
  return s->bf16 && qat_sgemm_for(true)->paired_rows && channels / s->groups % 2 == 0;
}
// Of the layer and of its gradient.
static size_t pairs_size(const qat_conv_shape *s) {
  const bool forward = pairs_channels(s, s->in_channels) && !pads_images(s);
  const int64_t in = forward ? s->batch * in_plane(s) * s->in_channels : 0;
  const int64_t out =
      pairs_channels(s, s->out_channels) ? s->batch * out_plane(s) * s->out_channels : 0;
  return aligned((size_t)qat_max(in, out) * sizeof(uint16_t));
}
static size_t shared_size(const qat_conv_shape *s) {
  return zero_size(s) + 2 * aligned((size_t)taps(s) * sizeof(int32_t))
         + aligned((size_t)phases(s) * sizeof(part));
}

// Of images that are read in another form.
static size_t copy_size(const qat_conv_shape *s) {
  return aligned((size_t)padded_size(s) * sizeof(float)) + pairs_size(s);
}

size_t qat_conv_nhwc_forward_scratch(const qat_conv_shape *s, int threads) {
  if (qat_is_winograd(s)) {
    const qat_conv_shape gradient = qat_winograd_gradient(s);
    const size_t forward = qat_winograd_scratch(s, threads);
    const size_t backward = qat_winograd_scratch(&gradient, threads);
    return forward > backward ? forward : backward;
  }
  const size_t dense = shared_size(s) + copy_size(s) + (size_t)threads * worker_size(s);
  const size_t scattered = qat_is_scattered(s) ? qat_scattered_scratch(s, threads) : 0;
  return dense > scattered ? dense : scattered;
}

static void place_scratch(job *j, unsigned char *scratch, float **copy) {
  const qat_conv_shape *s = j->s;
  j->zero = (float *)scratch;
  memset(j->zero, 0, zero_size(s));
  scratch += zero_size(s);
  j->tap_y = (int32_t *)scratch;
  j->tap_x = (int32_t *)(scratch += aligned((size_t)taps(s) * sizeof(int32_t)));
  j->part = (part *)(scratch += aligned((size_t)taps(s) * sizeof(int32_t)));
  scratch += aligned((size_t)phases(s) * sizeof(part));
  *copy = (float *)scratch;
  j->scratch = scratch + copy_size(s);
  j->scratch_step = worker_size(s);
}

// What a worker's chunk shares among its tiles.
typedef struct {
  const part *part;
  qat_pixels *pixels;
  const float **rows;           // of a tile
  qat_row_run *runs;
  float *copies;                // of the rows; NULL where they lie well
  int64_t run_count, group;
} chunk_of;

// The part's taps in turn, cut where a block of k ends.
static void find_runs(const job *j, chunk_of *c) {
  int64_t block = 0;
  c->run_count = 0;
  for (int64_t tap = 0; tap < c->part->taps; tap++)
    for (int64_t offset = 0, steps; offset < j->depth; offset += steps) {
      steps = qat_min(j->depth - offset, QAT_SGEMM_K - block);
      c->runs[c->run_count++] = (qat_row_run){c->rows + tap * QAT_LANES, offset, steps};
      block = (block + steps) % QAT_SGEMM_K;
    }
}

// A tile of `m` pixels from `pixel` on by one panel.
static void tile(const job *j, const chunk_of *c, int64_t pixel, int m, int64_t panel) {
  const qat_sgemm_kernel *kernel = qat_sgemm_for(j->s->bf16);
  const int64_t first = panel * QAT_TILE_COLUMNS, k = c->part->taps * j->depth * j->values;
  const int64_t column = c->group * j->outputs + first;
  const int width = (int)qat_min(QAT_TILE_COLUMNS, j->outputs - first);
  const int panel_width = qat_panel_width(j->outputs, first);
  const float *b = j->packed + (size_t)c->group * j->packed_step + c->part->packed + first * k;
  _Alignas(64) float sums[QAT_TILE_ROWS * QAT_TILE_COLUMNS];
  float *y[QAT_TILE_ROWS];
  const float *residual[QAT_TILE_ROWS];
  const qat_conv_epilogue *e = j->epilogue;
  const int64_t *to = c->pixels->to + pixel;
  for (int i = 0; i < m; i++) y[i] = j->y + to[i];
  if (e && e->residual)
    for (int i = 0; i < m; i++) residual[i] = e->residual + to[i];
  qat_tile_end end = {.y = y, .column = column};
  if (e) {
    end.bias = e->bias ? e->bias + column : NULL;
    end.residual = e->residual ? residual : NULL;
    end.clamps = e->clamps, end.low = e->low, end.high = e->high;
  }
  (j->values == 2 ? kernel->paired_rows : kernel->rows)(
      m, width, c->run_count, c->runs, b, panel_width, sums, false, &end);
}

// The rows of a tile; copied for the first panel.
static void rows_of_tile(const job *j, const chunk_of *c, const qat_source *source, int64_t pixel,
                         int m, bool first) {
  if (first || !c->copies)
    qat_find_rows(c->pixels, pixel, source, c->part->taps, j->tap_y + c->part->first_tap,
                  j->tap_x + c->part->first_tap, j->zero, c->rows);
  if (!c->copies) return;
  for (int i = 0; i < m; i++) {
    float *copy = c->copies + (pixel + i) * (j->depth + QAT_COPY_GAP);
    if (first) memcpy(copy, c->rows[i], (size_t)j->depth * sizeof *copy);
    c->rows[i] = copy;
  }
}

static void chunk(void *context, int64_t number, int worker) {
  const job *j = context;
  const int64_t panels = number % j->panel_chunks * j->panels_of_chunk;
  const int64_t last_panel = qat_min(j->panels, panels + j->panels_of_chunk);
  const int64_t group = number / j->panel_chunks % j->s->groups;
  int64_t at = number / (j->panel_chunks * j->s->groups);
  const part *part = j->part;
  while (at >= part->chunks) at -= part->chunks, part++;
  unsigned char *scratch = j->scratch + (size_t)worker * j->scratch_step;
  chunk_of c = {.part = part, .pixels = (qat_pixels *)scratch, .group = group};
  c.rows = (const float **)(scratch += aligned(sizeof *c.pixels));
  c.runs = (qat_row_run *)(scratch += rows_size(j->s));
  if (j->copied) c.copies = (float *)(scratch + runs_size(j->s));
  qat_source source = j->source;
  source.start += group * j->source_step;

  const int64_t all = j->s->batch * part->grid.rows * part->grid.columns;
  const int64_t first = at * j->chunk, count = qat_min(j->chunk, all - first);
  qat_find_pixels(&part->grid, &source, j->results, first, count, c.pixels);
  find_runs(j, &c);
  const int64_t step = qat_even_tile(count);
  // Few weights stay in the level-2 cache, while a tile's pixels stay in the level-1 cache for all of
  // them; of many, one panel stays there for all tiles.
  const int64_t weights =
      part->taps * j->depth * j->values * QAT_TILE_COLUMNS * (last_panel - panels);
  const bool tile_by_tile = weights <= 1 << 17;
  const int64_t outer = tile_by_tile ? 1 : last_panel - panels;
  for (int64_t o = 0; o < outer; o++)
    for (int64_t pixel = 0; pixel < count; pixel += step) {
      const int m = (int)qat_min(step, count - pixel);
      rows_of_tile(j, &c, &source, pixel, m, o == 0);
      if (!tile_by_tile) tile(j, &c, pixel, m, panels + o);
      else
        for (int64_t p = panels; p < last_panel; p++) tile(j, &c, pixel, m, p);
    }
}

static void run(job *j, qat_pool *pool) {
  j->panels = qat_ceil_div(j->outputs, QAT_TILE_COLUMNS);
  j->copied = taps(j->s) == 1
              && qat_copies_rows(j->part->grid.source_step_x * j->source.stride, j->outputs);
  j->chunk = j->copied ? qat_min(pixels_of_copies(j->depth), QAT_CHUNK)
                       : pixels_of_chunk(j->source.stride);
  j->pixel_chunks = 0;
  for (int64_t p = 0; p < j->parts; p++) {
    part *part = &j->part[p];
    part->chunks = qat_ceil_div(j->s->batch * part->grid.rows * part->grid.columns, j->chunk);
    j->pixel_chunks += part->chunks;
  }
  // Few pixels: panels are spread as well.
  enum { CHUNKS = 8 };
  const int64_t wanted = qat_ceil_div(CHUNKS, qat_max(1, j->pixel_chunks * j->s->groups));
  j->panels_of_chunk = qat_ceil_div(j->panels, qat_min(j->panels, wanted));
  j->panel_chunks = qat_ceil_div(j->panels, j->panels_of_chunk);
  qat_pool_run(pool, j->pixel_chunks * j->s->groups * j->panel_chunks, chunk, j);
}

typedef struct { const float *x; int64_t size; uint16_t *to; } pair_job;

static void pair_image(void *context, int64_t image, int worker) {
  (void)worker;
  const pair_job *j = context;
  qat_round_bf16(j->size, j->x + image * j->size, j->to + image * j->size);
}

// Reads images of so many channels as pairs of bfloat16.
static void pair_channels(job *j, int64_t channels, float *copy, qat_pool *pool) {
  if (!pairs_channels(j->s, channels)) return;
  const int64_t size = j->source.height * j->source.width * channels;
  pair_job pairs = {j->source.start, size, (uint16_t *)(void *)copy};
  qat_pool_run(pool, j->s->batch, pair_image, &pairs);
  j->values = 2;
  j->source.start = copy;
  j->source.stride /= 2, j->source_step /= 2, j->depth /= 2;
}

void qat_conv_nhwc(const qat_conv_shape *s, const float *x, const float *packed,
                   const qat_conv_epilogue *epilogue, float *y, qat_pool *pool, void *scratch) {
  if (s->batch * out_plane(s) == 0) return;
  if (qat_is_plain_depthwise(s)) return qat_depthwise_nhwc(s, x, packed, epilogue, y, pool);
  if (qat_is_winograd(s)) return qat_winograd_nhwc(s, x, packed, epilogue, y, pool, scratch);
  job j = {
    .s = s, .source = {x, s->in_height, s->in_width, s->in_channels},
    .values = 1, .depth = channels_of_group(s), .source_step = channels_of_group(s),
    .outputs = results_of_group(s), .results = s->out_channels, .packed = packed,
    .packed_step = (size_t)(qat_round_up(results_of_group(s), 16) * depth(s)), .y = y,
    .epilogue = epilogue, .parts = 1,
  };
  float *copy;
  place_scratch(&j, scratch, &copy);
  part *part = j.part;
  *part = (struct part){
    .grid = {.rows = s->out_height, .columns = s->out_width, .step_y = 1, .step_x = 1,
             .source_step_y = s->stride_y, .source_step_x = s->stride_x,
             .height = s->out_height, .width = s->out_width},
    .taps = taps(s),
  };
  if (is_pointwise(s)) {  // one long row
    part->grid.columns = part->grid.width = j.source.width = out_plane(s);
    part->grid.rows = part->grid.height = j.source.height = 1;
  }
  if (pads_images(s)) {
    qat_pad_images(s, x, NULL, copy, pool);
    j.source = (qat_source){copy, padded_height(s), padded_width(s), s->in_channels};
    j.depth = s->kernel_width * s->in_channels;
    part->taps = s->kernel_height;
    for (int64_t i = 0; i < s->kernel_height; i++)
      j.tap_y[i] = (int32_t)(i * s->dilation_y), j.tap_x[i] = 0;
  } else {
    for (int64_t t = 0; t < taps(s); t++) {
      j.tap_y[t] = (int32_t)(t / s->kernel_width * s->dilation_y - s->pad_top);
      j.tap_x[t] = (int32_t)(t % s->kernel_width * s->dilation_x - s->pad_left);
    }
    pair_channels(&j, s->in_channels, copy, pool);
  }
  run(&j, pool);
}

void qat_conv_nhwc_input_gradient(const qat_conv_shape *s, const float *dy, const float *packed,
                                  float *dx, qat_pool *pool, void *scratch) {
  if (s->batch * in_plane(s) == 0) return;
  if (qat_is_plain_depthwise(s))
    return qat_depthwise_nhwc_input_gradient(s, dy, packed, dx, pool);
  if (qat_is_winograd(s)) {
    const qat_conv_shape gradient = qat_winograd_gradient(s);
    return qat_winograd_nhwc(&gradient, dy, packed, NULL, dx, pool, scratch);
  }
  if (qat_is_scattered(s)) return qat_scattered_input_gradient(s, dy, packed, dx, pool, scratch);
  job j = {
    .s = s, .source = {dy, s->out_height, s->out_width, s->out_channels},
    .values = 1, .depth = results_of_group(s), .source_step = results_of_group(s),
    .outputs = channels_of_group(s), .results = s->in_channels, .packed = packed, .y = dx,
    .packed_step = (size_t)(qat_round_up(channels_of_group(s), 16) * results_of_group(s) * taps(s)),
    .parts = phases(s),
  };
  float *copy;
  place_scratch(&j, scratch, &copy);
  for (int64_t phase = 0, before = 0; phase < j.parts; phase++) {
    const int64_t y = phase / s->stride_x, x = phase % s->stride_x;
    part *part = &j.part[phase];
    *part = (struct part){
      .grid = {.rows = qat_max(0, qat_ceil_div(s->in_height - y, s->stride_y)),
               .columns = qat_max(0, qat_ceil_div(s->in_width - x, s->stride_x)),
               .first_y = y, .first_x = x, .step_y = s->stride_y, .step_x = s->stride_x,
               .source_step_y = 1, .source_step_x = 1, .height = s->in_height,
               .width = s->in_width},
      .taps = taps_of_phase(s, phase), .first_tap = before,
      .packed = before * qat_round_up(j.outputs, 16) * j.depth,
    };
    for (int64_t t = 0; t < taps(s); t++) {
      if (!is_of_phase(s, phase, t)) continue;
      const int64_t row = y + s->pad_top - t / s->kernel_width * s->dilation_y;
      const int64_t column = x + s->pad_left - t % s->kernel_width * s->dilation_x;
      j.tap_y[before] = (int32_t)(row / s->stride_y);
      j.tap_x[before++] = (int32_t)(column / s->stride_x);
    }
  }
  if (is_pointwise(s)) {  // one long row
    j.part->grid.columns = j.part->grid.width = j.source.width = out_plane(s);
    j.part->grid.rows = j.part->grid.height = j.source.height = 1;
  }
  pair_channels(&j, s->out_channels, copy, pool);
  run(&j, pool);
}
