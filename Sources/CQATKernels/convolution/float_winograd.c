#include "winograd.h"

typedef struct {
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

// to[p * step + c] = V of the pixels' channels c.
QAT_INLINE void qat_winograd_inputs_body(int64_t channels, const void *const *pixels, float *to,
                                         int64_t step) {
  const float *const d00 = pixels[0], *const d01 = pixels[1], *const d02 = pixels[2],
              *const d03 = pixels[3], *const d10 = pixels[4], *const d11 = pixels[5],
              *const d12 = pixels[6], *const d13 = pixels[7], *const d20 = pixels[8],
              *const d21 = pixels[9], *const d22 = pixels[10], *const d23 = pixels[11],
              *const d30 = pixels[12], *const d31 = pixels[13], *const d32 = pixels[14],
              *const d33 = pixels[15];
  _Pragma("clang loop vectorize(assume_safety)")
  for (int64_t c = 0; c < channels; c++) {
    const float d[SIDE][SIDE] = {{d00[c], d01[c], d02[c], d03[c]},
                                 {d10[c], d11[c], d12[c], d13[c]},
                                 {d20[c], d21[c], d22[c], d23[c]},
                                 {d30[c], d31[c], d32[c], d33[c]}};
    float r[SIDE][SIDE];
    UNROLL for (int i = 0; i < SIDE; i++) {
      r[i][0] = d[i][0] - d[i][2];
      r[i][1] = d[i][1] + d[i][2];
      r[i][2] = d[i][2] - d[i][1];
      r[i][3] = d[i][1] - d[i][3];
    }
    UNROLL for (int i = 0; i < SIDE; i++) {
      to[i * step + c] = r[0][i] - r[2][i];
      to[(SIDE + i) * step + c] = r[1][i] + r[2][i];
      to[(2 * SIDE + i) * step + c] = r[2][i] - r[1][i];
      to[(3 * SIDE + i) * step + c] = r[1][i] - r[3][i];
    }
  }
}
QAT_VERSIONS(qat_winograd_inputs,
             (int64_t channels, const void *const *pixels, float *to, int64_t step),
             (channels, pixels, to, step))

// y[2 * i + j] = the result in row i and column j, of `width` channels.
QAT_INLINE void finish(const bool adds, int width, const float *from, int64_t step,
                       const float *bias, const float *const *residual, float low, float high,
                       float *const *y) {
  const float *const residual0 = adds ? residual[0] : bias;
  const float *const residual1 = adds ? residual[1] : bias;
  const float *const residual2 = adds ? residual[2] : bias;
  const float *const residual3 = adds ? residual[3] : bias;
  float *const y0 = y[0], *const y1 = y[1], *const y2 = y[2], *const y3 = y[3];
  _Pragma("clang loop vectorize(assume_safety)")
  for (int c = 0; c < width; c++) {
    float r[SIDE][STEP], sums[RESULTS];
    UNROLL for (int i = 0; i < SIDE; i++) {
      const float *m = from + i * SIDE * step + c;
      r[i][0] = m[0] + m[step] + m[2 * step];
      r[i][1] = m[step] - m[2 * step] - m[3 * step];
    }
    UNROLL for (int j = 0; j < STEP; j++) {
      sums[j] = r[0][j] + r[1][j] + r[2][j];
      sums[STEP + j] = r[1][j] - r[2][j] - r[3][j];
    }
    UNROLL for (int i = 0; i < RESULTS; i++) sums[i] += bias[c];
    if (adds) {
      sums[0] += residual0[c], sums[1] += residual1[c];
      sums[2] += residual2[c], sums[3] += residual3[c];
    }
    UNROLL for (int i = 0; i < RESULTS; i++)
      sums[i] = sums[i] < low ? low : sums[i] > high ? high : sums[i];
    y0[c] = sums[0], y1[c] = sums[1], y2[c] = sums[2], y3[c] = sums[3];
  }
}

QAT_INLINE void qat_winograd_results_body(int width, const float *from, int64_t step,
                                          const float *bias, const float *const *residual,
                                          float low, float high, float *const *y) {
  if (residual) finish(true, width, from, step, bias, residual, low, high, y);
  else finish(false, width, from, step, bias, residual, low, high, y);
}
QAT_VERSIONS(qat_winograd_results,
             (int width, const float *from, int64_t step, const float *bias,
              const float *const *residual, float low, float high, float *const *y),
             (width, from, step, bias, residual, low, high, y))

void qat_winograd_see(const qat_conv_shape *s, const float *x, const float *zero, int64_t first,
                      int64_t count, int64_t squares, float *seen) {
  const int64_t channels = s->in_channels;
  for (int64_t i = 0; i < count; i++) {
    const void *pixels[POSITIONS];
    find_pixels(s, square_at(s, first + i), x, sizeof *x, zero, pixels);
    qat_winograd_inputs(channels, pixels, seen + i * square_step(channels),
                        position_step(squares, channels));
  }
}

static int64_t product_step(int64_t squares) { return position_step(squares, QAT_TILE_COLUMNS); }

static void multiply(const job *j, room *r, int64_t count, int64_t panel) {
  const qat_sgemm_kernel *kernel = qat_sgemm_for(j->s->bf16);
  const int64_t channels = j->s->in_channels, first = panel * QAT_TILE_COLUMNS;
  const int panel_width = qat_panel_width(j->s->out_channels, first);
  const int width = (int)qat_min(QAT_TILE_COLUMNS, j->s->out_channels - first);
  const bool is_last = first + QAT_TILE_COLUMNS >= j->s->out_channels;
  const int64_t step = qat_even_tile(count);
  for (int64_t p = 0; p < POSITIONS; p++) {
    const float *b = j->packed + (first * POSITIONS + p * panel_width) * channels;
    const float *inputs = r->inputs + p * position_step(j->squares, channels);
    float *products = r->products + p * product_step(j->squares);
    for (int64_t i = 0; i < count; i += step) {
      const int m = (int)qat_min(step, count - i);
      for (int k = 0; k < m; k++) r->rows[k] = inputs + (i + k) * square_step(channels);
      // The first four tiles fetch the weights of the next position, a quarter each.
      const bool fetches = i < 4 * step && panel_width == 32 && !(is_last && p == POSITIONS - 1);
      const float *next = fetches ? b + channels * 32 + i / step * channels * 8 : NULL;
      kernel->rows(m, width, runs_of(j->s), r->runs, b, panel_width, next,
                   products + i * QAT_TILE_COLUMNS, false, NULL);
    }
  }
}

static void transform_results(const job *j, const room *r, int64_t first, int64_t count,
                              int64_t panel) {
  const qat_conv_shape *s = j->s;
  const qat_conv_epilogue *e = j->epilogue;
  const int64_t column = panel * QAT_TILE_COLUMNS;
  const int width = (int)qat_min(QAT_TILE_COLUMNS, s->out_channels - column);
  const float *bias = e && e->bias ? e->bias + column : j->zero;
  const float *added = e ? e->residual : NULL;
  const bool clamps = e && e->clamps;
  for (int64_t i = 0; i < count; i++) {
    const square q = square_at(s, first + i);
    float *y[RESULTS];
    const float *residual[RESULTS];
    for (int p = 0; p < RESULTS; p++) {
      const int64_t pixel = result_at(s, q, p), at = pixel * s->out_channels + column;
      y[p] = pixel < 0 ? r->discarded : j->y + at;
      residual[p] = pixel < 0 || !added ? j->zero : added + at;
    }
    qat_winograd_results(width, r->products + i * QAT_TILE_COLUMNS, product_step(j->squares), bias,
                         added ? residual : NULL, clamps ? e->low : -INFINITY,
                         clamps ? e->high : INFINITY, y);
  }
}

static size_t worker_size(const qat_conv_shape *s) {
  const int64_t squares = most_squares(s);
  return positions_size(squares, s->in_channels) + positions_size(squares, QAT_TILE_COLUMNS)
         + bytes_of(QAT_TILE_COLUMNS) + aligned((size_t)runs_of(s) * sizeof(qat_row_run));
}

size_t qat_winograd_scratch(const qat_conv_shape *s, int threads) {
  return bytes_of(zero_count(s)) + (size_t)threads * worker_size(s);
}

static void chunk(void *context, int64_t number, int worker) {
  const job *j = context;
  unsigned char *scratch = j->scratch + (size_t)worker * worker_size(j->s);
  room r = {.inputs = (float *)scratch};
  r.products = (float *)(scratch += positions_size(j->squares, j->s->in_channels));
  r.discarded = (float *)(scratch += positions_size(j->squares, QAT_TILE_COLUMNS));
  r.runs = (qat_row_run *)(scratch + bytes_of(QAT_TILE_COLUMNS));
  for (int64_t k = 0; k < runs_of(j->s); k++) {
    const int64_t offset = k * QAT_SGEMM_K;
    r.runs[k] = (qat_row_run){r.rows, offset, qat_min(QAT_SGEMM_K, j->s->in_channels - offset)};
  }
  const int64_t first = number / j->panel_chunks * j->squares;
  const int64_t count = qat_min(j->squares, j->s->batch * squares_of_image(j->s) - first);
  const int64_t panel = number % j->panel_chunks * j->panels;
  const int64_t last = qat_min(qat_ceil_div(j->s->out_channels, QAT_TILE_COLUMNS),
                               panel + j->panels);
  qat_winograd_see(j->s, j->x, j->zero, first, count, j->squares, r.inputs);
  for (int64_t p = panel; p < last; p++) {
    multiply(j, &r, count, p);
    transform_results(j, &r, first, count, p);
  }
}

void qat_winograd_nhwc(const qat_conv_shape *s, const float *x, const float *packed,
                       const qat_conv_epilogue *epilogue, float *y, qat_pool *pool,
                       void *scratch) {
  const int64_t squares = s->batch * squares_of_image(s);
  if (squares == 0) return;
  memset(scratch, 0, bytes_of(zero_count(s)));
  job j = {
    .s = s, .x = x, .packed = packed, .epilogue = epilogue, .y = y,
    .scratch = (unsigned char *)scratch + bytes_of(zero_count(s)), .zero = scratch,
  };
  const int64_t chunks = qat_ceil_div(squares, most_squares(s));
  j.squares = qat_ceil_div(squares, chunks);
  // Few squares: threads share the panels of each.
  const int64_t threads = qat_pool_threads(pool), panels = qat_ceil_div(s->out_channels,
                                                                        QAT_TILE_COLUMNS);
  const int64_t wanted = threads > 1 ? qat_min(panels, qat_ceil_div(4 * threads, chunks)) : 1;
  j.panels = qat_ceil_div(panels, wanted);
  j.panel_chunks = qat_ceil_div(panels, j.panels);
  qat_pool_run(pool, qat_ceil_div(squares, j.squares) * j.panel_chunks, chunk, &j);
}
