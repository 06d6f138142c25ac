#include "nhwc.h"

// Minimal filtering F(2 x 2, 3 x 3) of Lavin and Gray (Fast algorithms for convolutional neural
// networks, 2016): the 4 x 4 pixels d that a square of 2 x 2 results sees, and the kernel g, become 16
// positions each,
//   U = G g G',  V = B' d B,  M = U V (a product over channels, one a position),  y = A' M A
//   G = (1 0 0; 1/2 1/2 1/2; 1/2 -1/2 1/2; 0 0 1)  B' = (1 0 -1 0; 0 1 1 0; 0 -1 1 0; 0 1 0 -1)
//   A' = (1 1 1 0; 0 1 -1 -1)
// 16 products make four results instead of 36. Positions are counted row by row.
enum { POSITIONS = 16, SIDE = 4, STEP = 2, MOST_SQUARES = 4 * QAT_TILE_ROWS };

typedef struct {
  const qat_conv_shape *s;
  const float *x, *packed;
  const qat_conv_epilogue *epilogue;
  float *y;
  int64_t rows, columns;          // squares of an image
  int64_t squares, panels;        // of a chunk
  int64_t panel_chunks;
  unsigned char *scratch;
  size_t scratch_step;
  const float *zero;
} job;

// What a worker has.
typedef struct {
  float *inputs, *products, *discarded;
} room;

static size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

// Floats between the inputs of neighbouring squares, between those of neighbouring positions, and
// between the products of neighbouring positions: no multiples of 4 KiB, which would share a set of
// the level-1 cache.
static int64_t input_step(int64_t channels) {
  return channels % 1024 ? channels : channels + QAT_COPY_GAP;
}
static int64_t position_step(int64_t squares, int64_t channels) {
  return squares * input_step(channels) + QAT_COPY_GAP;
}
static int64_t product_step(int64_t squares) { return squares * QAT_TILE_COLUMNS + QAT_COPY_GAP; }

// Inputs of a chunk leave room in the level-2 cache for its products and a panel of weights.
static int64_t most_squares(const qat_conv_shape *s) {
  return qat_min(MOST_SQUARES, qat_max(16, (1 << 14) / s->in_channels));
}
static int64_t all_squares(const qat_conv_shape *s) {
  return s->batch * qat_ceil_div(s->out_height, STEP) * qat_ceil_div(s->out_width, STEP);
}

qat_conv_shape qat_winograd_gradient(const qat_conv_shape *s) {
  qat_conv_shape g = *s;
  g.in_channels = s->out_channels, g.in_height = s->out_height, g.in_width = s->out_width;
  g.out_channels = s->in_channels, g.out_height = s->in_height, g.out_width = s->in_width;
  g.pad_top = 2 - s->pad_top, g.pad_left = 2 - s->pad_left;
  return g;
}

// Panels of up to 32 output channels: [position][channel][32].
size_t qat_winograd_packed_size(const qat_conv_shape *s) {
  return (size_t)(POSITIONS * s->in_channels * qat_round_up(s->out_channels, 16));
}

typedef struct {
  const qat_conv_shape *s;
  const float *w;
  bool turned;  // w is that of the layer whose gradient this is
  float *packed;
} pack_job;

enum { BLOCK = 16 };  // channels whose positions stay in the level-1 cache

// G g of three lines of a block of channels; in doubles, to round once.
static void transform_lines(const double *g0, const double *g1, const double *g2,
                            double u[SIDE][BLOCK]) {
  for (int c = 0; c < BLOCK; c++) {
    u[0][c] = g0[c];
    u[1][c] = (g0[c] + g1[c] + g2[c]) / 2;
    u[2][c] = (g0[c] - g1[c] + g2[c]) / 2;
    u[3][c] = g2[c];
  }
}

static void pack_panel(void *context, int64_t panel, int worker) {
  (void)worker;
  const pack_job *j = context;
  const int64_t channels = j->s->in_channels, first = panel * QAT_TILE_COLUMNS;
  const int64_t result_step = j->turned ? 9 : 9 * channels;
  const int64_t channel_step = j->turned ? 9 * j->s->out_channels : 9;
  const int width = qat_panel_width(j->s->out_channels, first);
  const int64_t present = qat_min(width, j->s->out_channels - first);
  float *to = j->packed + first * POSITIONS * channels;
  for (int64_t start = 0; start < channels; start += BLOCK)
    for (int64_t o = 0; o < width; o++) {
      const int64_t count = qat_min(BLOCK, channels - start);
      double g[9][BLOCK] = {{0}}, rows[3][SIDE][BLOCK], u[SIDE][SIDE][BLOCK];
      for (int64_t c = 0; c < count && o < present; c++) {
        const float *kernel = j->w + (first + o) * result_step + (start + c) * channel_step;
        for (int t = 0; t < 9; t++) g[t][c] = kernel[j->turned ? 8 - t : t];
      }
      for (int i = 0; i < 3; i++) transform_lines(g[3 * i], g[3 * i + 1], g[3 * i + 2], rows[i]);
      for (int i = 0; i < SIDE; i++) transform_lines(rows[0][i], rows[1][i], rows[2][i], u[i]);
      for (int p = 0; p < POSITIONS; p++)
        for (int64_t c = 0; c < count; c++)
          to[(p * channels + start + c) * width + o] = (float)u[p % SIDE][p / SIDE][c];
    }
}

void qat_winograd_pack(const qat_conv_shape *s, const float *w, bool turned, float *packed,
                       qat_pool *pool) {
  pack_job job = {s, w, turned, packed};
  qat_pool_run(pool, qat_ceil_div(s->out_channels, QAT_TILE_COLUMNS), pack_panel, &job);
}

#define UNROLL _Pragma("clang loop unroll(full)")

// to[p * step + c] = V of the pixels' channels c.
QAT_INLINE void qat_winograd_inputs_body(int64_t channels, const float *const *pixels, float *to,
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
             (int64_t channels, const float *const *pixels, float *to, int64_t step),
             (channels, pixels, to, step))

// y[2 * i + j] = the result in row i and column j, of `width` channels.
QAT_INLINE void finish(const bool adds, int width, const float *from, int64_t step,
                       const float *bias, const float *const *residual, float low, float high,
                       float *const *y) {
  const float *const residual0 = adds ? residual[0] : bias, *const residual1 = adds ? residual[1] : bias,
              *const residual2 = adds ? residual[2] : bias, *const residual3 = adds ? residual[3] : bias;
  float *const y0 = y[0], *const y1 = y[1], *const y2 = y[2], *const y3 = y[3];
  _Pragma("clang loop vectorize(assume_safety)")
  for (int c = 0; c < width; c++) {
    float r[SIDE][STEP], sums[STEP * STEP];
    UNROLL for (int i = 0; i < SIDE; i++) {
      const float *m = from + i * SIDE * step + c;
      r[i][0] = m[0] + m[step] + m[2 * step];
      r[i][1] = m[step] - m[2 * step] - m[3 * step];
    }
    UNROLL for (int j = 0; j < STEP; j++) {
      sums[j] = r[0][j] + r[1][j] + r[2][j];
      sums[STEP + j] = r[1][j] - r[2][j] - r[3][j];
    }
    UNROLL for (int i = 0; i < STEP * STEP; i++) sums[i] += bias[c];
    if (adds) {
      sums[0] += residual0[c], sums[1] += residual1[c];
      sums[2] += residual2[c], sums[3] += residual3[c];
    }
    UNROLL for (int i = 0; i < STEP * STEP; i++)
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

// Where a square is: the image, and its first row and column among the results.
typedef struct { int64_t image, row, column; } square;

static square square_at(const job *j, int64_t number) {
  const int64_t plane = j->rows * j->columns;
  return (square){number / plane, number % plane / j->columns * STEP,
                  number % j->columns * STEP};
}

static void transform_inputs(const job *j, const room *r, int64_t first, int64_t count) {
  const qat_conv_shape *s = j->s;
  const int64_t channels = s->in_channels, step = position_step(j->squares, channels);
  for (int64_t i = 0; i < count; i++) {
    const square q = square_at(j, first + i);
    const float *image = j->x + q.image * in_plane(s) * channels, *pixels[POSITIONS];
    for (int p = 0; p < POSITIONS; p++) {
      const int64_t y = q.row + p / SIDE - s->pad_top, x = q.column + p % SIDE - s->pad_left;
      const bool inside = y >= 0 && y < s->in_height && x >= 0 && x < s->in_width;
      pixels[p] = inside ? image + (y * s->in_width + x) * channels : j->zero;
    }
    qat_winograd_inputs(channels, pixels, r->inputs + i * input_step(channels), step);
  }
}

static void multiply(const job *j, const room *r, int64_t count, int64_t panel) {
  const qat_sgemm_kernel *kernel = qat_sgemm_best();
  const int64_t channels = j->s->in_channels, first = panel * QAT_TILE_COLUMNS;
  const int panel_width = qat_panel_width(j->s->out_channels, first);
  const int width = (int)qat_min(QAT_TILE_COLUMNS, j->s->out_channels - first);
  const int64_t step = qat_even_tile(count), runs = qat_ceil_div(channels, QAT_SGEMM_K);
  for (int64_t p = 0; p < POSITIONS; p++) {
    const float *b = j->packed + (first * POSITIONS + p * panel_width) * channels;
    const float *inputs = r->inputs + p * position_step(j->squares, channels);
    float *products = r->products + p * product_step(j->squares);
    for (int64_t i = 0; i < count; i += step) {
      const int m = (int)qat_min(step, count - i);
      const float *rows[QAT_TILE_ROWS];
      for (int k = 0; k < m; k++) rows[k] = inputs + (i + k) * input_step(channels);
      qat_row_run run[runs];
      for (int64_t k = 0; k < runs; k++)
        run[k] = (qat_row_run){rows, k * QAT_SGEMM_K,
                               qat_min(QAT_SGEMM_K, channels - k * QAT_SGEMM_K)};
      const float *next = i < 4 * step ? b + channels * panel_width + i / step * channels * 8 : NULL;
      kernel->rows(m, width, runs, run, b, panel_width, next, products + i * QAT_TILE_COLUMNS,
                   false, NULL);
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
    const square q = square_at(j, first + i);
    float *y[STEP * STEP];
    const float *residual[STEP * STEP];
    for (int p = 0; p < STEP * STEP; p++) {
      const int64_t row = q.row + p / STEP, col = q.column + p % STEP;
      const bool inside = row < s->out_height && col < s->out_width;
      const int64_t at =
          ((q.image * s->out_height + row) * s->out_width + col) * s->out_channels + column;
      y[p] = inside ? j->y + at : r->discarded;
      residual[p] = inside && added ? added + at : j->zero;
    }
    qat_winograd_results(width, r->products + i * QAT_TILE_COLUMNS, product_step(j->squares), bias,
                         added ? residual : NULL, clamps ? e->low : -INFINITY,
                         clamps ? e->high : INFINITY, y);
  }
}

static size_t zero_size(const qat_conv_shape *s) {
  return aligned((size_t)qat_max(s->in_channels, QAT_TILE_COLUMNS) * sizeof(float));
}
static size_t inputs_size(int64_t squares, int64_t channels) {
  return aligned((size_t)(POSITIONS * position_step(squares, channels)) * sizeof(float));
}
static size_t products_size(int64_t squares) {
  return aligned((size_t)(POSITIONS * product_step(squares)) * sizeof(float));
}
static size_t worker_size(const qat_conv_shape *s) {
  const int64_t squares = most_squares(s);
  return inputs_size(squares, s->in_channels) + products_size(squares)
         + aligned(QAT_TILE_COLUMNS * sizeof(float));
}

size_t qat_winograd_scratch(const qat_conv_shape *s, int threads) {
  return zero_size(s) + (size_t)threads * worker_size(s);
}

static void chunk(void *context, int64_t number, int worker) {
  const job *j = context;
  unsigned char *scratch = j->scratch + (size_t)worker * j->scratch_step;
  room r = {.inputs = (float *)scratch};
  r.products = (float *)(scratch += inputs_size(j->squares, j->s->in_channels));
  r.discarded = (float *)(scratch + products_size(j->squares));
  const int64_t first = number / j->panel_chunks * j->squares;
  const int64_t count = qat_min(j->squares, all_squares(j->s) - first);
  const int64_t panel = number % j->panel_chunks * j->panels;
  const int64_t last = qat_min(qat_ceil_div(j->s->out_channels, QAT_TILE_COLUMNS),
                               panel + j->panels);
  transform_inputs(j, &r, first, count);
  for (int64_t p = panel; p < last; p++) {
    multiply(j, &r, count, p);
    transform_results(j, &r, first, count, p);
  }
}

void qat_winograd_nhwc(const qat_conv_shape *s, const float *x, const float *packed,
                       const qat_conv_epilogue *epilogue, float *y, qat_pool *pool,
                       void *scratch) {
  const int64_t squares = all_squares(s);
  if (squares == 0) return;
  memset(scratch, 0, zero_size(s));
  job j = {
    .s = s, .x = x, .packed = packed, .epilogue = epilogue, .y = y,
    .rows = qat_ceil_div(s->out_height, STEP), .columns = qat_ceil_div(s->out_width, STEP),
    .scratch = (unsigned char *)scratch + zero_size(s), .scratch_step = worker_size(s),
    .zero = scratch,
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
