// Float products with operands rounded to bfloat16, in tile registers; compiled for AMX and for its
// model. Both operands are rounded, to nearest even, while they are copied: up to 256 steps of rows
// of A, and of B as pairs of neighbouring steps. Sums are floats: those of the even and of the odd
// steps apart for 32 steps, then added.
#include "../tiles/tiles.h"
#include "kernel.h"

enum { STEP = 32 };  // steps of k in a tile

typedef struct {
  _Alignas(64) uint16_t a[16][QAT_SGEMM_K];
  _Alignas(64) uint32_t b[QAT_SGEMM_K / 2][QAT_TILE_COLUMNS];
  const float *lines[QAT_SGEMM_K];  // of B
  int64_t steps;                    // so far
  int rows, width;
} operands;

#define INLINE QAT_TILES __attribute__((always_inline)) static inline

// The bfloat16 in the upper half; a NaN stays one.
INLINE uint32_t rounded(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return (x != x ? 0x7FFF0000u : bits + 0x7FFFu + ((bits >> 16) & 1)) & 0xFFFF0000u;
}

// Tiles 0 and 1: sums; 2: A; 3 and 4: B.
QAT_TILES static void begin(operands *o, int rows, int width) {
  qat_tile_shapes s = {.palette = 1};
  for (int tile = 0; tile < 5; tile++)
    s.rows[tile] = (uint8_t)(tile < 3 ? rows : 16), s.row_bytes[tile] = 64;
  qat_tile_configure(&s);
  qat_tile_zero(0);
  qat_tile_zero(1);
  o->steps = 0, o->rows = rows, o->width = width;
  if (width < QAT_TILE_COLUMNS) memset(o->b, 0, sizeof o->b);
}

// Multiplies the steps that were copied.
QAT_TILES static void multiply(operands *o) {
  static const float zeros[QAT_TILE_COLUMNS] = {0};
  const int64_t end = qat_round_up(o->steps, STEP);
  for (int i = 0; i < o->rows; i++)
    memset(&o->a[i][o->steps], 0, (size_t)(end - o->steps) * sizeof(uint16_t));
  for (int64_t l = 0; l < end; l += 2) {
    const float *even = l < o->steps ? o->lines[l] : zeros;
    const float *odd = l + 1 < o->steps ? o->lines[l + 1] : zeros;
    for (int j = 0; j < o->width; j++) o->b[l / 2][j] = rounded(even[j]) >> 16 | rounded(odd[j]);
  }
  for (int64_t l = 0; l < end; l += STEP) {
    qat_tile_load(2, &o->a[0][l], sizeof o->a[0]);
    qat_tile_load(3, o->b[l / 2], sizeof o->b[0]);
    qat_tile_dpbf16ps(0, 2, 3);
    if (o->width <= 16) continue;
    qat_tile_load(4, o->b[l / 2] + 16, sizeof o->b[0]);
    qat_tile_dpbf16ps(1, 2, 4);
  }
  o->steps = 0;
}

QAT_TILES static void finish(operands *o, float *sums, bool add, const qat_tile_end *end) {
  _Alignas(64) float c[16][QAT_TILE_COLUMNS];
  if (o->steps) multiply(o);
  qat_tile_store(0, c, sizeof *c);
  qat_tile_store(1, &c[0][16], sizeof *c);
  qat_tile_release();
  for (int i = 0; i < o->rows; i++)
    qat_finish_row(o->width, o->width, c[i], sums + i * QAT_TILE_COLUMNS, add, qat_old_of(end),
                   end, i, 0);
}

INLINE void copy_steps(int64_t count, const float *from, uint16_t *to) {
  for (int64_t l = 0; l < count; l++) to[l] = (uint16_t)(rounded(from[l]) >> 16);
}

QAT_TILES static void rows_product(int m, int width, int64_t count, const qat_row_run *runs,
                                   const float *b, int64_t b_stride, float *sums,
                                   bool add, const qat_tile_end *end) {
  operands o;
  begin(&o, m, width);
  for (int64_t r = 0; r < count; r++)
    for (int64_t l = 0, n; l < runs[r].steps; l += n) {
      n = qat_min(runs[r].steps - l, QAT_SGEMM_K - o.steps);
      for (int i = 0; i < m; i++)
        copy_steps(n, runs[r].rows[i] + runs[r].offset + l, &o.a[i][o.steps]);
      for (int64_t k = 0; k < n; k++, b += b_stride) o.lines[o.steps++] = b;
      if (o.steps == QAT_SGEMM_K) multiply(&o);
    }
  finish(&o, sums, add, end);
}

QAT_TILES static void columns_product(int m, int width, int64_t count, const qat_column_run *runs,
                                      int64_t a_stride, int64_t b_stride, float *sums, bool add,
                                      const qat_tile_end *end) {
  operands o;
  begin(&o, m, width);
  _Alignas(64) float turned[QAT_TILE_ROWS][STEP];
  for (int64_t r = 0; r < count; r++)
    for (int64_t l = 0, n; l < runs[r].steps; l += n) {
      n = qat_min(runs[r].steps - l, qat_min(STEP, QAT_SGEMM_K - o.steps));
      qat_transpose_lines(n, m, runs[r].a + l * a_stride, a_stride, STEP, 1, *turned);
      for (int i = 0; i < m; i++) copy_steps(n, turned[i], &o.a[i][o.steps]);
      for (int64_t k = 0; k < n; k++) o.lines[o.steps++] = runs[r].b + (l + k) * b_stride;
      if (o.steps == QAT_SGEMM_K) multiply(&o);
    }
  finish(&o, sums, add, end);
}
