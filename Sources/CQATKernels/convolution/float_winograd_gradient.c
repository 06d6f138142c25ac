#include "winograd.h"

// The gradient of the weights by minimal filtering. A tile sums a chunk of squares in registers, chunks
// of one group of images in memory, and at the end the groups are added in order.

typedef struct {
  const qat_filtering *f;
  const qat_conv_shape *s;
  const float *x, *dy, *zero;
  const qat_codes *codes;         // x, or NULL
  const void *outside;            // of their pixels
  float *dw, *sums;
  int64_t step, tiles, panels;    // rows of a tile, tiles along the channels, panels of dy's channels
  int64_t image_groups, parts, panels_of_part;
  unsigned char *scratch;
} job;

// Floats of a position's sums, and of those of a group of images: [panel][position][tile][step][32].
static int64_t position_size(const job *j) { return j->tiles * j->step * QAT_TILE_COLUMNS; }
static int64_t group_size(const job *j) {
  return j->panels * positions_of(j->f) * position_size(j);
}

// Larger squares where sums are no larger than a cache that is near: each chunk of squares adds to all.
static const qat_filtering *filtering_of(const qat_conv_shape *s) {
  const int64_t bytes = 4 * MOST_POSITIONS * s->in_channels * s->out_channels;
  return larger_is_less(s) && bytes <= 4 << 20 ? &qat_filtering_4 : &qat_filtering_2;
}

static void choose(job *j, const qat_conv_shape *s) {
  j->f = filtering_of(s);
  j->s = s;
  j->step = qat_even_tile(s->in_channels);
  j->tiles = qat_ceil_div(s->in_channels, j->step);
  j->panels = qat_ceil_div(s->out_channels, QAT_TILE_COLUMNS);
  j->image_groups = qat_image_groups(s, group_size(j));
}

static size_t seen_size(const job *j) {
  return positions_size(j->f, most_squares(j->f, j->s), j->s->in_channels);
}
static size_t worker_size(const job *j) {
  return seen_size(j) + positions_size(j->f, most_squares(j->f, j->s), j->s->out_channels);
}

size_t qat_winograd_gradient_scratch(const qat_conv_shape *s, int threads) {
  job j;
  choose(&j, s);
  return 2 * bytes_of(zero_count(s)) + bytes_of(j.image_groups * group_size(&j))
         + (size_t)threads * worker_size(&j);
}

// V of a square, positions `step` floats apart.
static void see(const job *j, int64_t number, float *to, int64_t step) {
  if (!j->codes) return qat_winograd_see(j->f, j->s, j->x, j->zero, number, to, step);
  const void *pixels[MOST_POSITIONS];
  find_pixels(j->s, j->f->side, square_at(j->s, j->f->step, number), j->codes->q, 1, j->outside,
              pixels);
  j->f->see_codes(j->s->in_channels, pixels, j->codes, to, step);
}

// E of a square.
static void spread(const job *j, int64_t number, float *to, int64_t step) {
  const square q = square_at(j->s, j->f->step, number);
  const float *results[MOST_RESULTS];
  for (int p = 0; p < results_of(j->f); p++) {
    const int64_t pixel = result_at(j->s, j->f->step, q, p);
    results[p] = pixel < 0 ? j->zero : j->dy + pixel * j->s->out_channels;
  }
  j->f->spread(j->s->out_channels, results, to, step);
}

// What a later chunk reads, `count` squares of it: while products of a position are made, one after the
// other.
static void fetch(const job *j, int64_t first, int64_t count, int64_t position) {
  const int64_t positions = positions_of(j->f);
  for (int64_t i = position * count / positions; i < (position + 1) * count / positions; i++) {
    qat_winograd_fetch_pixels(j->f, j->s, j->codes ? j->codes->q : j->x,
                              j->codes ? 1 : sizeof *j->x, first + i);
    qat_winograd_fetch_results(j->f, j->s, j->dy, first + i, 0, j->s->out_channels);
  }
}

static void chunk(void *context, int64_t number, int worker) {
  const job *j = context;
  const qat_conv_shape *s = j->s;
  const qat_sgemm_kernel *kernel = qat_sgemm_for(s->bf16);
  const int64_t first_panel = number % j->parts * j->panels_of_part;
  const int64_t last_panel = qat_min(j->panels, first_panel + j->panels_of_part);
  const int64_t images = number / j->parts, room = most_squares(j->f, s);
  const int64_t plane = squares_of_image(s, j->f->step), positions = positions_of(j->f);
  const int64_t first = images * s->batch / j->image_groups * plane;
  const int64_t last = (images + 1) * s->batch / j->image_groups * plane;
  const int64_t seen_square = square_step(s->in_channels);
  const int64_t seen_step = position_step(room, s->in_channels);
  const int64_t gradient_square = square_step(s->out_channels);
  const int64_t gradient_step = position_step(room, s->out_channels);
  float *sums = j->sums + images * group_size(j);
  float *seen = (float *)(j->scratch + (size_t)worker * worker_size(j));
  float *gradients = (float *)((unsigned char *)seen + seen_size(j));
  for (int64_t at = first; at < last; at += room) {
    const int64_t count = qat_min(room, last - at);
    for (int64_t i = 0; i < count; i++) {
      see(j, at + i, seen + i * seen_square, seen_step);
      spread(j, at + i, gradients + i * gradient_square, gradient_step);
    }
    for (int64_t n = first_panel * positions; n < last_panel * positions; n++) {
      const int64_t column = n / positions * QAT_TILE_COLUMNS, p = n % positions;
      const int width = (int)qat_min(QAT_TILE_COLUMNS, s->out_channels - column);
      if (n < (first_panel + 1) * positions) fetch(j, at + count, room, p);
      for (int64_t t = 0; t < j->tiles; t++) {
        const qat_column_run run = {
          seen + p * seen_step + t * j->step, gradients + p * gradient_step + column, count,
        };
        kernel->columns((int)qat_min(j->step, s->in_channels - t * j->step), width, 1, &run,
                        seen_square, gradient_square,
                        sums + (n * j->tiles + t) * j->step * QAT_TILE_COLUMNS, at > first, NULL);
      }
    }
  }
}

// Adds the groups of images up, and puts the weights of a panel where they belong.
static void finish_panel(void *context, int64_t panel, int worker) {
  (void)worker;
  const job *j = context;
  const qat_conv_shape *s = j->s;
  const int64_t size = positions_of(j->f) * position_size(j), first = panel * QAT_TILE_COLUMNS;
  const int64_t count = qat_min(QAT_TILE_COLUMNS, s->out_channels - first);
  float *sums = j->sums + panel * size;
  for (int64_t g = 1; g < j->image_groups; g++)
    qat_add_to(size, sums + g * group_size(j), sums);
  for (int64_t c = 0; c < s->in_channels; c++) {
    float kernels[9][QAT_TILE_COLUMNS];
    j->f->gather(sums + c * QAT_TILE_COLUMNS, position_size(j), kernels);
    for (int64_t o = 0; o < count; o++)
      for (int t = 0; t < 9; t++) j->dw[((first + o) * s->in_channels + c) * 9 + t] = kernels[t][o];
  }
}

void qat_winograd_weight_gradient(const qat_conv_shape *s, const float *dy, const float *x,
                                  const qat_codes *codes, float *dw, qat_pool *pool,
                                  void *scratch) {
  unsigned char *outside = (unsigned char *)scratch + bytes_of(zero_count(s));
  memset(scratch, 0, bytes_of(zero_count(s)));
  if (codes) memset(outside, codes->zero, (size_t)s->in_channels);
  job j = {.x = x, .dy = dy, .zero = scratch, .codes = codes, .outside = outside, .dw = dw};
  choose(&j, s);
  j.sums = (float *)(outside + bytes_of(zero_count(s)));
  j.scratch = (unsigned char *)j.sums + bytes_of(j.image_groups * group_size(&j));
  // Few images: threads share the panels.
  j.parts = qat_min(j.panels, qat_ceil_div(qat_pool_threads(pool), j.image_groups));
  j.panels_of_part = qat_ceil_div(j.panels, j.parts);
  j.parts = qat_ceil_div(j.panels, j.panels_of_part);
  qat_pool_run(pool, j.image_groups * j.parts, chunk, &j);
  qat_pool_run(pool, j.panels, finish_panel, &j);
}
