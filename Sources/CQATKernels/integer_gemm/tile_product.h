// 8-bit products in tile registers; compiled for AMX and for its model.
//
// Up to 32 x 32 sums: four tiles of them, two of A and two of B. A row of a tile of A is a step of
// up to 64 bytes of a row, read where it lies if the rows are evenly spaced, else from a copy; a row
// of a tile of B is a group of 16 columns of four bytes, as B is packed. All steps of a segment are
// equally long where they can be. Else those of 64 bytes come first, of all segments, and then what
// is left of each in tiles of another shape: integers may be summed in any order.
#include "../tiles/tiles.h"
#include "kernel.h"

enum { ROWS = 32, HALF = 16, STEP = 16 };

// The shapes that this thread's tiles have; 0 where they are released.
static _Thread_local uint32_t shaped;

QAT_TILES static void shape(int rows, int quads, int vectors) {
  const uint32_t wanted = (uint32_t)(rows | quads << 8 | vectors << 16);
  if (shaped == wanted) return;
  const int halves = rows > HALF ? 2 : 1, lower = (rows + halves - 1) / halves;
  qat_tile_shapes s = {.palette = 1};
  for (int h = 0; h < halves; h++) {
    const uint8_t own = (uint8_t)(h == 0 ? lower : rows - lower);
    for (int v = 0; v < vectors; v++) s.rows[2 * h + v] = own, s.row_bytes[2 * h + v] = 64;
    s.rows[4 + h] = own, s.row_bytes[4 + h] = (uint16_t)(4 * quads);
  }
  for (int v = 0; v < vectors; v++) s.rows[6 + v] = (uint8_t)quads, s.row_bytes[6 + v] = 64;
  qat_tile_configure(&s);
  shaped = wanted;
}

QAT_TILES static void release(void) {
  if (!shaped) return;
  qat_tile_release();
  shaped = 0;
}

// Rows of a tile of A: evenly spaced, or to be copied.
typedef struct {
  int rows;
  const int64_t *offsets;
  bool even;
  int64_t stride;
} lines;

QAT_INLINE lines lines_of(const int64_t *offsets, int rows) {
  lines l = {rows, offsets, true, rows > 1 ? offsets[1] - offsets[0] : 0};
  for (int i = 2; i < rows; i++) l.even &= offsets[i] - offsets[i - 1] == l.stride;
  return l;
}

// `bytes` bytes of each row behind `a`, one after the other.
QAT_TILES __attribute__((always_inline)) static inline void copy_lines(
    const lines *l, const uint8_t *a, int64_t bytes, uint8_t to[HALF][64]) {
  for (int i = 0; i < l->rows; i++) {
    const uint8_t *from = a + l->offsets[i];
    if (bytes == 64) memcpy(to[i], from, 64);
    else for (int64_t k = 0; k < bytes; k += 4) memcpy(to[i] + k, from + k, 4);
  }
}

#define LOAD_LINES(tile, l, a, bytes)                             \
  if ((l).even) {                                                 \
    qat_tile_load(tile, (a) + *(l).offsets, (l).stride);          \
  } else {                                                        \
    _Alignas(64) uint8_t copy[HALF][64];                          \
    copy_lines(&(l), a, bytes, copy);                             \
    qat_tile_load(tile, copy, 64);                                \
  }

#define INLINE QAT_TILES __attribute__((always_inline)) static inline

// The sums, from or to rows `stride` bytes apart; with a stride of 0 all are the same row.
INLINE void load_sums(const int32_t *from, int64_t stride, int lower, const int halves,
                      const int vectors) {
  const uint8_t *upper = (const uint8_t *)from + lower * stride;
  qat_tile_load(0, from, stride);
  if (vectors == 2) qat_tile_load(1, from + 16, stride);
  if (halves == 2) qat_tile_load(2, upper, stride);
  if (halves == 2 && vectors == 2) qat_tile_load(3, upper + 64, stride);
}

INLINE void store_sums(int32_t *to, int64_t stride, int lower, const int halves,
                       const int vectors) {
  uint8_t *upper = (uint8_t *)to + lower * stride;
  qat_tile_store(0, to, stride);
  if (vectors == 2) qat_tile_store(1, to + 16, stride);
  if (halves == 2) qat_tile_store(2, upper, stride);
  if (halves == 2 && vectors == 2) qat_tile_store(3, upper + 64, stride);
}

// Adds the products of bytes first ..< last of every segment, `step` at a time.
INLINE void add_products(const qat_igemm_tile *t, const lines half[2], int64_t first, int64_t last,
                         int64_t step, const int halves, const int vectors) {
  for (int64_t s = 0; s < t->segment_count; s++) {
    const uint8_t *a = t->a + t->segments[s];
    const int8_t *b = t->b + s * 4 * t->quads * t->width;
    for (int64_t l = first; l < last; l += step) {
      LOAD_LINES(4, half[0], a + l, step)
      qat_tile_load(6, b + l * t->width, 4 * t->width);
      qat_tile_dpbusd(0, 4, 6);
      if (vectors == 2) {
        qat_tile_load(7, b + l * t->width + 64, 4 * t->width);
        qat_tile_dpbusd(1, 4, 7);
      }
      if (halves == 1) continue;
      LOAD_LINES(5, half[1], a + l, step)
      qat_tile_dpbusd(2, 5, 6);
      if (vectors == 2) qat_tile_dpbusd(3, 5, 7);
    }
  }
}

INLINE void tile_of(const qat_igemm_tile *t, const int halves, const int vectors) {
  const int lower = (t->rows + halves - 1) / halves;
  const lines half[2] = {lines_of(t->offsets, lower),
                         lines_of(t->offsets + lower, t->rows - lower)};
  const int64_t steps = qat_ceil_div(t->quads, STEP), stride = 4 * t->width;
  const int64_t step = 4 * (t->quads % steps ? STEP : t->quads / steps);
  const int64_t end = 4 * t->quads, whole = end / step * step;
  shape(t->rows, (int)step / 4, vectors);
  load_sums(t->start, 0, lower, halves, vectors);
  add_products(t, half, 0, whole, step, halves, vectors);
  store_sums(t->sums, stride, lower, halves, vectors);
  if (whole == end) return;
  shape(t->rows, (int)(end - whole) / 4, vectors);
  load_sums(t->sums, stride, lower, halves, vectors);
  add_products(t, half, whole, end, end - whole, halves, vectors);
  store_sums(t->sums, stride, lower, halves, vectors);
}

QAT_TILES static bool tile_product(const qat_igemm_tile *t) {
  if (t->rows > HALF && t->width == 32) tile_of(t, 2, 2);
  else if (t->rows > HALF) tile_of(t, 2, 1);
  else if (t->width == 32) tile_of(t, 1, 2);
  else tile_of(t, 1, 1);
  return false;
}
