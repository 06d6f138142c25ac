#include "winograd.h"

typedef struct {
  const qat_filtering *f;
  const qat_conv_shape *s;
  const float *x, *packed;
  const qat_conv_epilogue *epilogue;
  float *y;
  int64_t squares, panels;        // of a chunk
  int64_t panel_chunks;
  unsigned char *scratch;
  const float *zero;
} job;

// What a worker has.
typedef struct {
  float *inputs, *products, *discarded;
  const float *rows[QAT_TILE_ROWS];
  qat_row_run *runs;              // the channels, in blocks of k
} room;

static int64_t runs_of(const qat_conv_shape *s) { return qat_ceil_div(s->in_channels, QAT_SGEMM_K); }

void qat_winograd_see(const qat_filtering *f, const qat_conv_shape *s, const float *x,
                      const float *zero, int64_t number, float *to, int64_t step) {
  const void *pixels[MOST_POSITIONS];
  find_pixels(s, f->side, square_at(s, f->step, number), x, sizeof *x, zero, pixels);
  f->see(s->in_channels, pixels, to, step);
}

// The channels of a pixel, or some of them.
QAT_INLINE void fetch(const void *from, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)from + i);
}

void qat_winograd_fetch_pixels(const qat_filtering *f, const qat_conv_shape *s, const void *x,
                               int64_t size, int64_t number) {
  if (number >= s->batch * squares_of_image(s, f->step)) return;
  const square q = square_at(s, f->step, number);
  const int64_t top = q.row - s->pad_top + f->side - f->step;
  const int64_t left = q.column - s->pad_left + f->side - f->step;
  const int64_t bottom = qat_min(top + f->step, s->in_height);
  const int64_t right = qat_min(left + f->step, s->in_width);
  for (int64_t row = qat_max(top, 0); row < bottom; row++)
    for (int64_t column = qat_max(left, 0); column < right; column++)
      fetch((const char *)x
                + ((q.image * s->in_height + row) * s->in_width + column) * s->in_channels * size,
            s->in_channels * size);
}

void qat_winograd_fetch_results(const qat_filtering *f, const qat_conv_shape *s, const float *y,
                                int64_t number, int64_t column, int64_t width) {
  if (number >= s->batch * squares_of_image(s, f->step)) return;
  const square q = square_at(s, f->step, number);
  for (int p = 0; p < results_of(f); p++) {
    const int64_t pixel = result_at(s, f->step, q, p);
    if (pixel >= 0) fetch(y + pixel * s->out_channels + column, width * (int64_t)sizeof *y);
  }
}

static int64_t product_step(int64_t squares) { return position_step(squares, QAT_TILE_COLUMNS); }

static int width_of(const job *j, int64_t panel) {
  return (int)qat_min(QAT_TILE_COLUMNS, j->s->out_channels - panel * QAT_TILE_COLUMNS);
}

static void multiply(const job *j, room *r, int64_t count, int64_t panel) {
  const qat_sgemm_kernel *kernel = qat_sgemm_for(j->s->bf16);
  const int64_t channels = j->s->in_channels, first = panel * QAT_TILE_COLUMNS;
  const int panel_width = qat_panel_width(j->s->out_channels, first);
  const int width = width_of(j, panel);
  const int64_t step = qat_even_tile(count), positions = positions_of(j->f);
  for (int64_t p = 0; p < positions; p++) {
    const float *b = j->packed + (first * positions + p * panel_width) * channels;
    const float *inputs = r->inputs + p * position_step(j->squares, channels);
    float *products = r->products + p * product_step(j->squares);
    for (int64_t i = 0; i < count; i += step) {
      const int m = (int)qat_min(step, count - i);
      for (int k = 0; k < m; k++) r->rows[k] = inputs + (i + k) * square_step(channels);
      kernel->rows(m, width, runs_of(j->s), r->runs, b, panel_width,
                   products + i * QAT_TILE_COLUMNS, false, NULL);
    }
  }
}

// Where the results of a panel go, and what is added to them.
static void fetch_panel(const job *j, int64_t number, int64_t panel) {
  const float *added = j->epilogue ? j->epilogue->residual : NULL;
  const int64_t column = panel * QAT_TILE_COLUMNS, width = width_of(j, panel);
  qat_winograd_fetch_results(j->f, j->s, j->y, number, column, width);
  if (added) qat_winograd_fetch_results(j->f, j->s, added, number, column, width);
}

static void transform_results(const job *j, const room *r, int64_t number, int64_t at,
                              int64_t panel) {
  const qat_conv_shape *s = j->s;
  const qat_conv_epilogue *e = j->epilogue;
  const int64_t column = panel * QAT_TILE_COLUMNS;
  const float *bias = e && e->bias ? e->bias + column : j->zero;
  const float *added = e ? e->residual : NULL;
  const bool clamps = e && e->clamps;
  const square q = square_at(s, j->f->step, number);
  float *y[MOST_RESULTS];
  const float *residual[MOST_RESULTS];
  for (int p = 0; p < results_of(j->f); p++) {
    const int64_t pixel = result_at(s, j->f->step, q, p), to = pixel * s->out_channels + column;
    y[p] = pixel < 0 ? r->discarded : j->y + to;
    residual[p] = pixel < 0 || !added ? j->zero : added + to;
  }
  j->f->finish(width_of(j, panel), r->products + at * QAT_TILE_COLUMNS, product_step(j->squares),
               bias, added ? residual : NULL, clamps ? e->low : -INFINITY,
               clamps ? e->high : INFINITY, y);
}

static size_t worker_size(const qat_conv_shape *s) {
  const qat_filtering *f = qat_filtering_of(s);
  const int64_t squares = most_squares(f, s);
  return positions_size(f, squares, s->in_channels) + positions_size(f, squares, QAT_TILE_COLUMNS)
         + bytes_of(QAT_TILE_COLUMNS) + aligned((size_t)runs_of(s) * sizeof(qat_row_run));
}

size_t qat_winograd_scratch(const qat_conv_shape *s, int threads) {
  return bytes_of(zero_count(s)) + (size_t)threads * worker_size(s);
}

static void chunk(void *context, int64_t number, int worker) {
  const job *j = context;
  unsigned char *scratch = j->scratch + (size_t)worker * worker_size(j->s);
  room r = {.inputs = (float *)scratch};
  r.products = (float *)(scratch += positions_size(j->f, j->squares, j->s->in_channels));
  r.discarded = (float *)(scratch += positions_size(j->f, j->squares, QAT_TILE_COLUMNS));
  r.runs = (qat_row_run *)(scratch + bytes_of(QAT_TILE_COLUMNS));
  for (int64_t k = 0; k < runs_of(j->s); k++) {
    const int64_t offset = k * QAT_SGEMM_K;
    r.runs[k] = (qat_row_run){r.rows, offset, qat_min(QAT_SGEMM_K, j->s->in_channels - offset)};
  }
  const int64_t first = number / j->panel_chunks * j->squares;
  const int64_t squares = j->s->batch * squares_of_image(j->s, j->f->step);
  const int64_t count = qat_min(j->squares, squares - first);
  const int64_t panel = number % j->panel_chunks * j->panels;
  const int64_t last = qat_min(qat_ceil_div(j->s->out_channels, QAT_TILE_COLUMNS),
                               panel + j->panels);
  const int64_t channels = j->s->in_channels;
  for (int64_t i = 0; i < count; i++) {
    fetch_panel(j, first + i, panel);
    qat_winograd_see(j->f, j->s, j->x, j->zero, first + i, r.inputs + i * square_step(channels),
                     position_step(j->squares, channels));
  }
  for (int64_t p = panel; p < last; p++) {
    multiply(j, &r, count, p);
    for (int64_t i = 0; i < count; i++) {
      if (p + 1 < last) fetch_panel(j, first + i, p + 1);
      else qat_winograd_fetch_pixels(j->f, j->s, j->x, sizeof *j->x, first + count + i);
      transform_results(j, &r, first + i, i, p);
    }
  }
}

void qat_winograd_nhwc(const qat_conv_shape *s, const float *x, const float *packed,
                       const qat_conv_epilogue *epilogue, float *y, qat_pool *pool,
                       void *scratch) {
  const qat_filtering *f = qat_filtering_of(s);
  const int64_t squares = s->batch * squares_of_image(s, f->step);
  if (squares == 0) return;
  memset(scratch, 0, bytes_of(zero_count(s)));
  job j = {
    .f = f, .s = s, .x = x, .packed = packed, .epilogue = epilogue, .y = y,
    .scratch = (unsigned char *)scratch + bytes_of(zero_count(s)), .zero = scratch,
  };
  const int64_t chunks = qat_ceil_div(squares, most_squares(f, s));
  j.squares = qat_ceil_div(squares, chunks);
  // Few squares: threads share the panels of each.
  const int64_t threads = qat_pool_threads(pool), panels = qat_ceil_div(s->out_channels,
                                                                        QAT_TILE_COLUMNS);
  const int64_t wanted = threads > 1 ? qat_min(panels, qat_ceil_div(4 * threads, chunks)) : 1;
  j.panels = qat_ceil_div(panels, wanted);
  j.panel_chunks = qat_ceil_div(panels, j.panels);
  qat_pool_run(pool, qat_ceil_div(squares, j.squares) * j.panel_chunks, chunk, &j);
}
