#include "winograd_codes.h"

enum { RUN = 8 };  // neighbouring squares whose results are finished together

typedef struct {
  const qat_igemm_kernel *kernel;
  const qat_conv_shape *s;
  const qat_conv_s8_arguments *a;
  channel_blocks blocks;
  const int8_t *panels;           // packed weights
  const uint8_t *outside;         // a pixel of zero points
  int32_t *start;
  float *m;
  int64_t columns, squares;       // of the results, rounded up; of a chunk
  int64_t panels_of_part, parts;  // that threads share
  uint8_t *workers;
} job;

// What a worker has: V, M, and the results of a run of squares, row by row.
typedef struct {
  uint8_t *seen, *products;
  int32_t *sums;
  int64_t *offsets;               // of the squares of a position in V
} room;

static int64_t row_bytes(const job *j) { return square_bytes(4 * j->blocks.pairs); }
static int64_t seen_step(const job *j) { return position_bytes(j->squares, 4 * j->blocks.pairs); }
static int64_t product_step(const job *j) {
  return position_bytes(j->squares, 4 * QAT_IGEMM_WIDTH);
}

// Squares of a chunk: what they see stays in the level-2 cache, beside products and a panel of
// weights, or nearly so, since all weights are read for each chunk.
static int64_t chunk_size(const qat_conv_shape *s) {
  const int64_t squares = s->batch * squares_of_image(s, STEP);
  const int64_t fitting = (256 << 10) / (POSITIONS * 2 * s->in_channels);
  const int64_t chunks = squares / qat_max(28, qat_min(56, fitting));
  return qat_ceil_div(squares, qat_max(1, chunks));
}

static int64_t seen_size(const job *j) { return padded(POSITIONS * seen_step(j)); }
static int64_t products_size(const job *j) {
  return padded(j->blocks.blocks * POSITIONS * product_step(j));
}
enum { SUMS_SIZE = RESULTS * RUN * QAT_IGEMM_WIDTH * 4 };
static int64_t worker_size(const job *j) {
  return seen_size(j) + products_size(j) + SUMS_SIZE + padded(8 * j->squares);
}
static int64_t shared_size(const job *j) {
  return padded(8 * j->columns) + padded(j->s->in_channels);
}

static job job_of(const qat_conv_shape *s) {
  job j = {.s = s, .blocks = channel_blocks_of(s), .columns = qat_igemm_columns(s->out_channels)};
  j.squares = chunk_size(s);
  return j;
}

size_t qat_winograd_codes_scratch(const qat_conv_shape *s, int threads) {
  const job j = job_of(s);
  return (size_t)(shared_size(&j) + threads * worker_size(&j));
}

// B' d of six values.
#define TRANSFORM(d, r)                                   \
  {                                                       \
    const int16_t even = (int16_t)((d)[4] - 4 * (d)[2]);  \
    const int16_t odd = (int16_t)((d)[3] - 4 * (d)[1]);   \
    const int16_t p = (int16_t)((d)[4] - (d)[2]);         \
    const int16_t q = (int16_t)(2 * ((d)[3] - (d)[1]));   \
    (r)[0] = (int16_t)(4 * ((d)[0] - (d)[2]) + p);        \
    (r)[1] = (int16_t)(even + odd);                       \
    (r)[2] = (int16_t)(even - odd);                       \
    (r)[3] = (int16_t)(p + q);                            \
    (r)[4] = (int16_t)(p - q);                            \
    (r)[5] = (int16_t)((d)[5] - (d)[3] - 2 * q);          \
  }

// V of 32 channels of a square, positions `step` values apart. Of u8 the codes are not centred, which
// takes a constant from one position alone: the others subtract as much as they add.
QAT_INLINE void see(const bool is_signed, const void *const *pixels, int64_t first, int16_t *to,
                    int64_t step) {
  enum { LANES = 32 };
  _Pragma("clang loop vectorize(assume_safety)")
  for (int64_t c = 0; c < LANES; c++) {
    int16_t lines[SIDE][SIDE];
    UNROLL for (int i = 0; i < SIDE; i++) {
      int16_t d[SIDE];
      UNROLL for (int k = 0; k < SIDE; k++) {
        const uint8_t code = ((const uint8_t *)pixels[i * SIDE + k])[first + c];
        d[k] = is_signed ? (int16_t)(int8_t)code : (int16_t)code;
      }
      TRANSFORM(d, lines[i])
    }
    UNROLL for (int k = 0; k < SIDE; k++) {
      int16_t d[SIDE], r[SIDE];
      UNROLL for (int i = 0; i < SIDE; i++) d[i] = lines[i][k];
      TRANSFORM(d, r)
      if (k == 1 && !is_signed) r[1] = (int16_t)(r[1] - 36 * 128);
      UNROLL for (int i = 0; i < SIDE; i++) to[(i * SIDE + k) * step + first + c] = r[i];
    }
  }
}
QAT_INLINE void qat_winograd_codes_see_body(bool is_signed, int64_t channels,
                                            const void *const *pixels, int16_t *to,
                                            int64_t step) {
  for (int64_t first = 0; first < channels; first += 32) {
    const int64_t at = qat_min(first, channels - 32);
    if (is_signed) see(true, pixels, at, to, step);
    else see(false, pixels, at, to, step);
  }
}
void qat_winograd_codes_see(bool is_signed, int64_t channels, const void *const *pixels,
                            int16_t *to, int64_t step);
QAT_VERSIONS(qat_winograd_codes_see,
             (bool is_signed, int64_t channels, const void *const *pixels, int16_t *to,
              int64_t step),
             (is_signed, channels, pixels, to, step))

static void see_squares(const job *j, const room *r, int64_t first, int64_t count) {
  const void *pixels[POSITIONS];
  for (int64_t i = 0; i < count; i++) {
    find_pixels(j->s, SIDE, square_at(j->s, STEP, first + i), j->a->x, 1, j->outside, pixels);
    qat_winograd_codes_see(j->a->x_signed, j->s->in_channels, pixels,
                           (int16_t *)(void *)(r->seen + i * row_bytes(j)), seen_step(j) / 2);
  }
}

static void multiply(const job *j, const room *r, int64_t count, int64_t panel) {
  const channel_blocks *b = &j->blocks;
  const int64_t column = panel * QAT_IGEMM_WIDTH;
  const int width = (int)qat_min(j->columns - column, QAT_IGEMM_WIDTH);
  const int8_t *weights = j->panels + column * POSITIONS * 4 * b->pairs;
  const int64_t tiles = qat_ceil_div(count, j->kernel->rows), larger = count % tiles;
  for (int64_t block = 0; block < b->blocks; block++) {
    const int64_t before = block * b->pairs_of_block;
    const int64_t pairs = qat_min(b->pairs_of_block, b->pairs - before), start = 4 * before;
    for (int p = 0; p < POSITIONS; p++, weights += pairs * 4 * width) {
      qat_igemm_tile tile = {
        .width = width, .a = r->seen + p * seen_step(j), .segments = &start, .segment_count = 1,
        .quads = pairs, .b = weights,
      };
      int32_t *sums = (int32_t *)(void *)(r->products
                                          + (block * POSITIONS + p) * product_step(j));
      for (int64_t t = 0, row = 0; t < tiles; t++, row += tile.rows) {
        tile.rows = (int)(count / tiles + (t < larger));
        tile.offsets = r->offsets + row;
        tile.sums = sums + row * width;
        tile.y = (const char *)tile.sums, tile.stride = 4 * width;
        j->kernel->pairs(&tile);
      }
    }
  }
}

// A' M of six values.
#define COMBINE(m, r)                                                   \
  {                                                                     \
    const uint32_t p = (m)[1] + (m)[2], q = (m)[1] - (m)[2];            \
    const uint32_t v = (m)[3] + (m)[4], t = (m)[3] - (m)[4];            \
    (r)[0] = (m)[0] + p + v;                                            \
    (r)[1] = q + 2 * t;                                                 \
    (r)[2] = p + 4 * v;                                                 \
    (r)[3] = q + 8 * t + 4 * (m)[5];                                    \
  }

// sums = y + start, or += y: rows of results `line` sums apart, results `width`.
QAT_INLINE void combine(const bool adds, const int width, const int32_t *from, int64_t step,
                        const int32_t *start, int32_t *sums, int64_t line) {
  _Pragma("clang loop vectorize(assume_safety)")
  for (int c = 0; c < width; c++) {
    uint32_t lines[STEP][SIDE];
    UNROLL for (int k = 0; k < SIDE; k++) {
      uint32_t m[SIDE], r[STEP];
      UNROLL for (int i = 0; i < SIDE; i++) m[i] = (uint32_t)from[(i * SIDE + k) * step + c];
      COMBINE(m, r)
      UNROLL for (int i = 0; i < STEP; i++) lines[i][k] = r[i];
    }
    UNROLL for (int i = 0; i < STEP; i++) {
      uint32_t r[STEP];
      COMBINE(lines[i], r)
      UNROLL for (int k = 0; k < STEP; k++) {
        const uint32_t y = (uint32_t)((int32_t)(r[k] * 0x38E38E39u) >> 6);
        int32_t *to = sums + i * line + k * width + c;
        *to = (int32_t)((uint32_t)(adds ? *to : start[c]) + y);
      }
    }
  }
}
QAT_INLINE void qat_winograd_codes_combine_body(bool adds, int width, const int32_t *from,
                                                int64_t step, const int32_t *start, int32_t *sums,
                                                int64_t line) {
  if (width == 32 && adds) combine(true, 32, from, step, start, sums, line);
  else if (width == 32) combine(false, 32, from, step, start, sums, line);
  else if (adds) combine(true, 16, from, step, start, sums, line);
  else combine(false, 16, from, step, start, sums, line);
}
void qat_winograd_codes_combine(bool adds, int width, const int32_t *from, int64_t step,
                                const int32_t *start, int32_t *sums, int64_t line);
QAT_VERSIONS(qat_winograd_codes_combine,
             (bool adds, int width, const int32_t *from, int64_t step, const int32_t *start,
              int32_t *sums, int64_t line),
             (adds, width, from, step, start, sums, line))

// The results of `count` neighbouring squares, the first of which is `q`, number `at` of the chunk.
static void finish_run(const job *j, const room *r, square q, int64_t at, int64_t count,
                       int64_t panel) {
  const qat_conv_shape *s = j->s;
  const qat_conv_s8_arguments *a = j->a;
  const int64_t column = panel * QAT_IGEMM_WIDTH;
  const int width = (int)qat_min(j->columns - column, QAT_IGEMM_WIDTH);
  const int64_t line = count * STEP * width;
  for (int64_t block = 0; block < j->blocks.blocks; block++)
    for (int64_t i = 0; i < count; i++)
      qat_winograd_codes_combine(
          block > 0, width,
          (const int32_t *)(const void *)(r->products + block * POSITIONS * product_step(j))
              + (at + i) * width,
          product_step(j) / 4, j->start + column, r->sums + i * STEP * width, line);
  qat_igemm_result result = {
    .result = a->result, .columns = (int)qat_min(s->out_channels - column, width),
    .width = width, .m = j->m + column, .zero = a->zero, .lo = a->lo, .hi = a->hi,
    .stride = s->out_channels, .add = a->add, .offset = a->offset ? a->offset + column : NULL,
    .rows = (int)qat_min(count * STEP, s->out_width - q.column),
  };
  for (int64_t i = 0; i < qat_min(STEP, s->out_height - q.row); i++) {
    const int64_t pixel = (q.image * s->out_height + q.row + i) * s->out_width + q.column;
    const int64_t to = pixel * s->out_channels + column;
    result.sums = r->sums + i * line;
    result.y = (uint8_t *)a->y + to * element_size(a->result);
    if (a->add) result.added = (const uint8_t *)a->add->codes + to;
    j->kernel->store(&result);
  }
}

static void chunk(void *context, int64_t number, int worker) {
  const job *j = context;
  const qat_conv_shape *s = j->s;
  uint8_t *scratch = j->workers + worker * worker_size(j);
  room r = {.seen = scratch};
  r.products = scratch += seen_size(j);
  r.sums = (int32_t *)(void *)(scratch += products_size(j));
  r.offsets = (int64_t *)(void *)(scratch + SUMS_SIZE);
  for (int64_t i = 0; i < j->squares; i++) r.offsets[i] = i * row_bytes(j);
  const int64_t first = number / j->parts * j->squares;
  const int64_t count = qat_min(j->squares, s->batch * squares_of_image(s, STEP) - first);
  const int64_t across = squares_across(s, STEP);
  const int64_t panel = number % j->parts * j->panels_of_part;
  const int64_t last = qat_min(qat_ceil_div(j->columns, QAT_IGEMM_WIDTH),
                               panel + j->panels_of_part);
  see_squares(j, &r, first, count);
  for (int64_t p = panel; p < last; p++) {
    multiply(j, &r, count, p);
    for (int64_t i = 0, run; i < count; i += run) {
      const square q = square_at(s, STEP, first + i);
      run = qat_min(qat_min(RUN, count - i), across - q.column / STEP);
      finish_run(j, &r, q, i, run, p);
    }
  }
}

void qat_winograd_codes(const qat_igemm_kernel *kernel, const qat_conv_shape *s,
                        const qat_conv_s8_arguments *a, qat_pool *pool, void *scratch) {
  job j = job_of(s);
  j.kernel = kernel, j.a = a, j.start = scratch;
  j.m = (float *)(void *)(j.start + j.columns);
  uint8_t *outside = (uint8_t *)scratch + padded(8 * j.columns);
  memset(outside, (uint8_t)a->x_zero, (size_t)s->in_channels);
  j.outside = outside, j.workers = outside + padded(s->in_channels);
  j.panels = (const int8_t *)a->w + 4 * j.columns;
  // The zero point less what centred codes are less by.
  qat_conv_starts(s->out_channels, depth(s), a->w, (uint32_t)(a->x_zero - (a->x_signed ? 0 : 128)),
                  NULL, 0, a->bias, j.start);
  memset(j.start + s->out_channels, 0, (size_t)(j.columns - s->out_channels) * 4);
  if (a->result != QAT_CONV_SUMS)
    for (int64_t k = 0; k < j.columns; k++)
      j.m[k] = a->m_scalar ? *a->m : k < s->out_channels ? a->m[k] : 0;
  // Few squares: threads share the panels, and each part of them transforms the squares for itself.
  const int64_t chunks = qat_ceil_div(s->batch * squares_of_image(s, STEP), j.squares);
  const int64_t threads = qat_pool_threads(pool);
  const int64_t panels = qat_ceil_div(j.columns, QAT_IGEMM_WIDTH);
  const int64_t wanted = threads > 1 ? qat_min(panels, qat_ceil_div(2 * threads, chunks)) : 1;
  j.panels_of_part = qat_ceil_div(panels, wanted);
  j.parts = qat_ceil_div(panels, j.panels_of_part);
  qat_pool_run(pool, chunks * j.parts, chunk, &j);
}
