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
  int64_t last_row, last_column;  // positions of the last squares of a column and of a row
  int64_t row_bytes, seen_step, product_step;  // of a square in V; from one position to the next
  int64_t panels_of_part, parts;  // that threads share
  bool fetches;                   // weights, early: no cache holds them
  uint8_t *workers;
} job;

// Squares of a chunk that have a position: all but those at the end of a row, of a column, or both.
typedef struct {
  int64_t count, *numbers, *offsets;  // in the chunk, and of what they see in V
  int64_t tiles, least, larger;       // rows of a tile; tiles of one more, which come first
} square_list;

// What a worker has: V, M in rows of QAT_IGEMM_WIDTH, and the results of a run of squares, row by row.
typedef struct {
  uint8_t *seen, *products;
  int32_t *sums;
  square_list lists[2][2];        // of a position beyond those of the last row, and column
} room;

// Squares of a chunk: what they see stays in the level-2 cache, beside products and a panel of
// weights, or nearly so, since all weights are read for each chunk.
static int64_t chunk_size(const qat_conv_shape *s) {
  const int64_t squares = s->batch * squares_of_image(s, STEP);
  const int64_t fitting = (256 << 10) / (POSITIONS * 2 * s->in_channels);
  const int64_t chunks = squares / qat_max(28, qat_min(56, fitting));
  return qat_ceil_div(squares, qat_max(1, chunks));
}

static int64_t seen_size(const job *j) { return padded(POSITIONS * j->seen_step); }
static int64_t products_size(const job *j) {
  return padded(j->blocks.blocks * POSITIONS * j->product_step);
}
enum { SUMS_SIZE = RESULTS * RUN * QAT_IGEMM_WIDTH * 4 };
static int64_t worker_size(const job *j) {
  return seen_size(j) + products_size(j) + SUMS_SIZE + padded(8 * 8 * j->squares);
}
static int64_t shared_size(const job *j) {
  return padded(8 * j->columns) + padded(j->s->in_channels);
}

static job job_of(const qat_conv_shape *s, int64_t most_pairs) {
  job j = {.s = s, .columns = qat_igemm_columns(s->out_channels)};
  j.blocks = channel_blocks_of(s, most_pairs);
  j.squares = chunk_size(s);
  j.row_bytes = square_bytes(4 * j.blocks.pairs);
  j.seen_step = position_bytes(j.squares, 4 * j.blocks.pairs);
  j.product_step = position_bytes(j.squares, 4 * QAT_IGEMM_WIDTH);
  j.last_row = last_positions(s->out_height), j.last_column = last_positions(s->out_width);
  return j;
}

size_t qat_winograd_codes_scratch(const qat_conv_shape *s, int threads) {
  const job j = job_of(s, ANY_PAIRS);
  return (size_t)(shared_size(&j) + threads * worker_size(&j));
}

// B' d of six values, or of four, if two results are all that is asked for.
#define TRANSFORM(d, few, r)                                   \
  {                                                            \
    const int16_t q = (int16_t)(2 * ((d)[3] - (d)[1]));        \
    const int16_t d4 = (few) ? (int16_t)((d)[2] + q) : (d)[4]; \
    const int16_t even = (int16_t)(d4 - 4 * (d)[2]);           \
    const int16_t odd = (int16_t)((d)[3] - 4 * (d)[1]);        \
    const int16_t p = (int16_t)(d4 - (d)[2]);                  \
    (r)[0] = (int16_t)(4 * ((d)[0] - (d)[2]) + p);             \
    (r)[1] = (int16_t)(even + odd);                            \
    (r)[2] = (int16_t)(even - odd);                            \
    (r)[3] = (int16_t)(p + q);                                 \
    (r)[4] = (int16_t)(p - q);                                 \
    (r)[5] = (int16_t)((d)[5] - (d)[3] - 2 * q);               \
  }

// V of 32 channels of a square, positions `step` values apart. Of u8 the codes are not centred, which
// takes a constant from one position alone: the others subtract as much as they add.
QAT_INLINE void see(const bool is_signed, const bool few_rows, const bool few_columns,
                    const void *const *pixels, int64_t first, int16_t *to, int64_t step) {
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
      TRANSFORM(d, few_columns, lines[i])
    }
    UNROLL for (int k = 0; k < SIDE; k++) {
      int16_t d[SIDE], r[SIDE];
      UNROLL for (int i = 0; i < SIDE; i++) d[i] = lines[i][k];
      TRANSFORM(d, few_rows, r)
      if (k == 1 && !is_signed) r[1] = (int16_t)(r[1] - 36 * 128);
      UNROLL for (int i = 0; i < SIDE; i++) to[(i * SIDE + k) * step + first + c] = r[i];
    }
  }
}
#define SEE(few_rows, few_columns)                                               \
  if (is_signed) see(true, few_rows, few_columns, pixels, at, to, step);         \
  else see(false, few_rows, few_columns, pixels, at, to, step);
QAT_INLINE void qat_winograd_codes_see_body(bool is_signed, bool few_rows, bool few_columns,
                                            int64_t channels, const void *const *pixels,
                                            int16_t *to, int64_t step) {
  for (int64_t first = 0; first < channels; first += 32) {
    const int64_t at = qat_min(first, channels - 32);
    if (few_rows && few_columns) { SEE(true, true) }
    else if (few_rows) { SEE(true, false) }
    else if (few_columns) { SEE(false, true) }
    else { SEE(false, false) }
  }
}
void qat_winograd_codes_see(bool is_signed, bool few_rows, bool few_columns, int64_t channels,
                            const void *const *pixels, int16_t *to, int64_t step);
QAT_VERSIONS(qat_winograd_codes_see,
             (bool is_signed, bool few_rows, bool few_columns, int64_t channels,
              const void *const *pixels, int16_t *to, int64_t step),
             (is_signed, few_rows, few_columns, channels, pixels, to, step))

// The squares that have the position of row i and column k.
QAT_INLINE square_list *list_of(const job *j, room *r, int i, int k) {
  return &r->lists[i >= j->last_row][k >= j->last_column];
}

// Adds the squares of a chunk to their lists, and finds what they see.
static void see_squares(const job *j, room *r, int64_t first, int64_t count) {
  const qat_conv_shape *s = j->s;
  const void *pixels[POSITIONS];
  for (int l = 0; l < 4; l++) r->lists[l / 2][l % 2].count = 0;
  for (int64_t i = 0; i < count; i++) {
    const square q = square_at(s, STEP, first + i);
    const bool is_lowest = q.row + STEP >= s->out_height, is_last = q.column + STEP >= s->out_width;
    for (int l = 0; l < 4; l++) {
      square_list *list = &r->lists[l / 2][l % 2];
      if ((l / 2 && is_lowest) || (l % 2 && is_last)) continue;
      list->numbers[list->count] = i;
      list->offsets[list->count++] = i * j->row_bytes;
    }
    find_pixels(s, SIDE, q, j->a->x, 1, j->outside, pixels);
    qat_winograd_codes_see(j->a->x_signed, is_lowest && j->last_row == SIDE - 2,
                           is_last && j->last_column == SIDE - 2, s->in_channels, pixels,
                           (int16_t *)(void *)(r->seen + i * j->row_bytes), j->seen_step / 2);
  }
  for (int l = 0; l < 4; l++) {
    square_list *list = &r->lists[l / 2][l % 2];
    list->tiles = qat_ceil_div(list->count, j->kernel->rows);
    if (!list->count) continue;
    list->least = list->count / list->tiles, list->larger = list->count % list->tiles;
  }
}

static int32_t *products_of(const job *j, room *r, int64_t block, int position) {
  return (int32_t *)(void *)(r->products + (block * POSITIONS + position) * j->product_step);
}

// The products of squares with positions that they do not have.
static void clear_absent(const job *j, room *r, int64_t count) {
  if (j->last_row == SIDE && j->last_column == SIDE) return;
  for (int p = 0; p < POSITIONS; p++) {
    const square_list *list = list_of(j, r, p / SIDE, p % SIDE);
    for (int64_t i = 0, next = 0; i < count; i++)
      if (next < list->count && list->numbers[next] == i) next++;
      else for (int64_t block = 0; block < j->blocks.blocks; block++)
        memset(products_of(j, r, block, p) + i * QAT_IGEMM_WIDTH, 0, 4 * QAT_IGEMM_WIDTH);
  }
}

// The products of a position. Sums that do not lie as a tile leaves them are moved.
static void multiply_position(const job *j, const square_list *list, qat_igemm_tile *tile,
                              bool moves, int32_t *products) {
  _Alignas(64) int32_t sums[QAT_IGEMM_ROWS * QAT_IGEMM_WIDTH];
  for (int64_t t = 0, first = 0; t < list->tiles; t++, first += tile->rows) {
    int32_t *to = products + list->numbers[first] * QAT_IGEMM_WIDTH;
    tile->rows = (int)(list->least + (t < list->larger));
    tile->offsets = list->offsets + first;
    tile->sums = moves ? sums : to;
    // The first two tiles fetch a half each of what the next position reads, or one all of it.
    const int64_t panel = tile->quads * 4 * tile->width, halves = list->tiles > 1 ? 2 : 1;
    tile->later = j->fetches && t < 2 ? tile->b + panel + t * panel / 2 : NULL;
    tile->later_step = 4 * tile->width / halves;
    tile->y = (const char *)to, tile->stride = 4 * QAT_IGEMM_WIDTH;
    j->kernel->pairs(tile);
    if (moves) for (int64_t i = 0; i < tile->rows; i++)
      memcpy(products + list->numbers[first + i] * QAT_IGEMM_WIDTH, sums + i * tile->width,
             (size_t)(4 * tile->width));
  }
}

static void multiply(const job *j, room *r, int64_t count, int64_t panel) {
  const channel_blocks *b = &j->blocks;
  const int64_t column = panel * QAT_IGEMM_WIDTH;
  const int width = (int)qat_min(j->columns - column, QAT_IGEMM_WIDTH);
  const int8_t *weights = j->panels + column * POSITIONS * 4 * b->pairs;
  for (int64_t block = 0; block < b->blocks; block++) {
    const int64_t before = block * b->pairs_of_block;
    const int64_t pairs = qat_min(b->pairs_of_block, b->pairs - before), start = 4 * before;
    const uint8_t *seen = r->seen;
    int32_t *products = products_of(j, r, block, 0);
    for (int p = 0; p < POSITIONS; p++) {
      qat_igemm_tile tile = {
        .width = width, .a = seen, .segments = &start, .segment_count = 1, .quads = pairs,
        .b = weights,
      };
      const square_list *list = list_of(j, r, p / SIDE, p % SIDE);
      multiply_position(j, list, &tile, list->count < count || width < QAT_IGEMM_WIDTH, products);
      seen += j->seen_step, products += j->product_step / 4, weights += pairs * 4 * width;
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
static void finish_run(const job *j, room *r, square q, int64_t at, int64_t count, int64_t panel) {
  const qat_conv_shape *s = j->s;
  const qat_conv_s8_arguments *a = j->a;
  const int64_t column = panel * QAT_IGEMM_WIDTH;
  const int width = (int)qat_min(j->columns - column, QAT_IGEMM_WIDTH);
  const int64_t line = count * STEP * width;
  for (int64_t block = 0; block < j->blocks.blocks; block++)
    for (int64_t i = 0; i < count; i++)
      qat_winograd_codes_combine(
          block > 0, width,
          products_of(j, r, block, 0) + (at + i) * QAT_IGEMM_WIDTH, j->product_step / 4,
          j->start + column, r->sums + i * STEP * width, line);
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
  int64_t *numbers = (int64_t *)(void *)(scratch + SUMS_SIZE);
  for (int i = 0; i < 4; i++, numbers += 2 * j->squares) {
    square_list *list = &r.lists[i / 2][i % 2];
    list->numbers = numbers, list->offsets = numbers + j->squares;
  }
  const int64_t first = number / j->parts * j->squares;
  const int64_t count = qat_min(j->squares, s->batch * squares_of_image(s, STEP) - first);
  const int64_t across = squares_across(s, STEP);
  const int64_t panel = number % j->parts * j->panels_of_part;
  const int64_t last = qat_min(qat_ceil_div(j->columns, QAT_IGEMM_WIDTH),
                               panel + j->panels_of_part);
  see_squares(j, &r, first, count);
  clear_absent(j, &r, count);
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
  const winograd_header *header =
      (const winograd_header *)(const void *)((const uint8_t *)a->w + header_offset(s));
  job j = job_of(s, header->most_pairs);
  j.kernel = kernel, j.a = a, j.start = scratch;
  j.m = (float *)(void *)(j.start + j.columns);
  uint8_t *outside = (uint8_t *)scratch + padded(8 * j.columns);
  memset(outside, (uint8_t)a->x_zero, (size_t)s->in_channels);
  j.outside = outside, j.workers = outside + padded(s->in_channels);
  j.panels = (const int8_t *)(header + 1);
  j.fetches = qat_winograd_codes_packed_size(s) > CACHED_WEIGHTS;
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
