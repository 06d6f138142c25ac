#include "winograd.h"

// The gradient of the weights by minimal filtering. A tile sums a chunk of squares in registers, chunks
// of one group of images in memory, and at the end the groups are added in order.

typedef struct {
  const qat_conv_shape *s;
  const float *x, *dy, *zero;
  float *dw, *sums;
  int64_t step, tiles, panels;    // rows of a tile, tiles along the channels, panels of dy's channels
  int64_t image_groups, parts, panels_of_part;
  unsigned char *scratch;
} job;

// Floats of a position's sums, and of those of a group of images: [panel][position][tile][step][32].
static int64_t position_size(const job *j) { return j->tiles * j->step * QAT_TILE_COLUMNS; }
static int64_t group_size(const job *j) { return j->panels * POSITIONS * position_size(j); }

static void choose(job *j, const qat_conv_shape *s) {
  j->s = s;
  j->step = qat_even_tile(s->in_channels);
  j->tiles = qat_ceil_div(s->in_channels, j->step);
  j->panels = qat_ceil_div(s->out_channels, QAT_TILE_COLUMNS);
  j->image_groups = qat_image_groups(s, group_size(j));
}

static size_t seen_size(const qat_conv_shape *s) {
  return positions_size(most_squares(s), s->in_channels);
}
static size_t worker_size(const qat_conv_shape *s) {
  return seen_size(s) + positions_size(most_squares(s), s->out_channels);
}

size_t qat_winograd_gradient_scratch(const qat_conv_shape *s, int threads) {
  job j;
  choose(&j, s);
  return bytes_of(zero_count(s)) + bytes_of(j.image_groups * group_size(&j))
         + (size_t)threads * worker_size(s);
}

// to[p * step + o] = E of the results' channels o.
QAT_INLINE void qat_winograd_spread_body(int64_t channels, const float *const *results, float *to,
                                         int64_t step) {
  const float *const e0 = results[0], *const e1 = results[1], *const e2 = results[2],
              *const e3 = results[3];
  _Pragma("clang loop vectorize(assume_safety)")
  for (int64_t o = 0; o < channels; o++) {
    const float e[STEP][STEP] = {{e0[o], e1[o]}, {e2[o], e3[o]}};
    float r[STEP][SIDE];
    UNROLL for (int i = 0; i < STEP; i++) {
      r[i][0] = e[i][0];
      r[i][1] = e[i][0] + e[i][1];
      r[i][2] = e[i][0] - e[i][1];
      r[i][3] = -e[i][1];
    }
    UNROLL for (int i = 0; i < SIDE; i++) {
      to[i * step + o] = r[0][i];
      to[(SIDE + i) * step + o] = r[0][i] + r[1][i];
      to[(2 * SIDE + i) * step + o] = r[0][i] - r[1][i];
      to[(3 * SIDE + i) * step + o] = -r[1][i];
    }
  }
}
QAT_VERSIONS(qat_winograd_spread,
             (int64_t channels, const float *const *results, float *to, int64_t step),
             (channels, results, to, step))

static void spread(const job *j, int64_t first, int64_t count, float *to) {
  const qat_conv_shape *s = j->s;
  const int64_t channels = s->out_channels;
  for (int64_t i = 0; i < count; i++) {
    const square q = square_at(s, first + i);
    const float *results[RESULTS];
    for (int p = 0; p < RESULTS; p++) {
      const int64_t pixel = result_at(s, q, p);
      results[p] = pixel < 0 ? j->zero : j->dy + pixel * channels;
    }
    qat_winograd_spread(channels, results, to + i * square_step(channels),
                        position_step(most_squares(s), channels));
  }
}

static void chunk(void *context, int64_t number, int worker) {
  const job *j = context;
  const qat_conv_shape *s = j->s;
  const qat_sgemm_kernel *kernel = qat_sgemm_for(s->bf16);
  const int64_t first_panel = number % j->parts * j->panels_of_part;
  const int64_t last_panel = qat_min(j->panels, first_panel + j->panels_of_part);
  const int64_t images = number / j->parts, room = most_squares(s);
  const int64_t first = images * s->batch / j->image_groups * squares_of_image(s);
  const int64_t last = (images + 1) * s->batch / j->image_groups * squares_of_image(s);
  float *sums = j->sums + images * group_size(j);
  float *seen = (float *)(j->scratch + (size_t)worker * worker_size(s));
  float *gradients = (float *)((unsigned char *)seen + seen_size(s));
  for (int64_t at = first; at < last; at += room) {
    const int64_t count = qat_min(room, last - at);
    qat_winograd_see(s, j->x, j->zero, at, count, room, seen);
    spread(j, at, count, gradients);
    for (int64_t n = first_panel * POSITIONS; n < last_panel * POSITIONS; n++) {
      const int64_t column = n / POSITIONS * QAT_TILE_COLUMNS, p = n % POSITIONS;
      const int width = (int)qat_min(QAT_TILE_COLUMNS, s->out_channels - column);
      for (int64_t t = 0; t < j->tiles; t++) {
        const qat_column_run run = {
          seen + p * position_step(room, s->in_channels) + t * j->step,
          gradients + p * position_step(room, s->out_channels) + column, count,
        };
        kernel->columns((int)qat_min(j->step, s->in_channels - t * j->step), width, 1, &run,
                        square_step(s->in_channels), square_step(s->out_channels),
                        sums + (n * j->tiles + t) * j->step * QAT_TILE_COLUMNS, at > first, NULL);
      }
    }
  }
}

// to[3 * i + j][o] = G' D G of a channel, D at `from`, positions `step` apart.
QAT_INLINE void qat_winograd_kernels_body(const float *from, int64_t step,
                                          float to[9][QAT_TILE_COLUMNS]) {
  for (int o = 0; o < QAT_TILE_COLUMNS; o++) {
    float r[3][SIDE];
    UNROLL for (int i = 0; i < SIDE; i++) {
      const float *d = from + i * step + o;
      const float half = (d[SIDE * step] + d[2 * SIDE * step]) * 0.5f;
      r[0][i] = d[0] + half;
      r[1][i] = (d[SIDE * step] - d[2 * SIDE * step]) * 0.5f;
      r[2][i] = half + d[3 * SIDE * step];
    }
    UNROLL for (int i = 0; i < 3; i++) {
      const float half = (r[i][1] + r[i][2]) * 0.5f;
      to[3 * i][o] = r[i][0] + half;
      to[3 * i + 1][o] = (r[i][1] - r[i][2]) * 0.5f;
      to[3 * i + 2][o] = half + r[i][3];
    }
  }
}
QAT_VERSIONS(qat_winograd_kernels,
             (const float *from, int64_t step, float to[9][QAT_TILE_COLUMNS]), (from, step, to))

// Adds the groups of images up, and puts the weights of a panel where they belong.
static void finish_panel(void *context, int64_t panel, int worker) {
  (void)worker;
  const job *j = context;
  const qat_conv_shape *s = j->s;
  const int64_t size = POSITIONS * position_size(j), first = panel * QAT_TILE_COLUMNS;
  const int64_t count = qat_min(QAT_TILE_COLUMNS, s->out_channels - first);
  float *sums = j->sums + panel * size;
  for (int64_t g = 1; g < j->image_groups; g++)
    qat_add_to(size, sums + g * group_size(j), sums);
  for (int64_t c = 0; c < s->in_channels; c++) {
    float kernels[9][QAT_TILE_COLUMNS];
    qat_winograd_kernels(sums + c * QAT_TILE_COLUMNS, position_size(j), kernels);
    for (int64_t o = 0; o < count; o++)
      for (int t = 0; t < 9; t++) j->dw[((first + o) * s->in_channels + c) * 9 + t] = kernels[t][o];
  }
}

void qat_winograd_weight_gradient(const qat_conv_shape *s, const float *dy, const float *x,
                                  float *dw, qat_pool *pool, void *scratch) {
  memset(scratch, 0, bytes_of(zero_count(s)));
  job j = {.x = x, .dy = dy, .zero = scratch, .dw = dw};
  choose(&j, s);
  j.sums = (float *)((unsigned char *)scratch + bytes_of(zero_count(s)));
  j.scratch = (unsigned char *)j.sums + bytes_of(j.image_groups * group_size(&j));
  // Few images: threads share the panels.
  j.parts = qat_min(j.panels, qat_ceil_div(qat_pool_threads(pool), j.image_groups));
  j.panels_of_part = qat_ceil_div(j.panels, j.parts);
  j.parts = qat_ceil_div(j.panels, j.panels_of_part);
  qat_pool_run(pool, j.image_groups * j.parts, chunk, &j);
  qat_pool_run(pool, j.panels, finish_panel, &j);
}
