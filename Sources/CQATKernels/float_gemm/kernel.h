// One row of the table of float products: tiles of up to 14 x 32 sums.
#pragma once
#include "../internal.h"

enum {
  QAT_SGEMM_K = 256,      // block along k: part of the definition of the result
  QAT_TILE_ROWS = 14,     // most rows of a tile
  QAT_TILE_COLUMNS = 32,  // most columns of a tile, and the width of a panel of packed B
  QAT_COPY_GAP = 16,      // between rows of A that are copied
};

// Whether rows of A, `stride` values apart, are copied first. A multiple of 4 KiB apart they share one
// set of the level-1 cache; a copy pays for itself with four panels.
QAT_INLINE bool qat_copies_rows(int64_t stride, int64_t columns) {
  return stride % 1024 == 0 && columns >= 4 * QAT_TILE_COLUMNS;
}

// A stretch of k: row i of A contributes rows[i][offset], rows[i][offset + 1], … A stretch ends where
// a block does.
typedef struct { const float *const *rows; int64_t offset, steps; } qat_row_run;
// A stretch of k of which A and B both have the columns as neighbours: step l contributes
// a[l * a_stride + i] and b[l * b_stride + j].
typedef struct { const float *a, *b; int64_t steps; } qat_column_run;

// What becomes of a finished tile: row i goes to y[i] + column ….
typedef struct {
  float *const *y;
  int64_t column;
  bool accumulate;                 // what is there is added to the first block
  const float *row_bias;           // by row of the tile, or NULL
  const float *bias;               // by column of the tile, or NULL
  const float *const *residual;    // rows to add, from `column` on, or NULL
  bool clamps;                     // keeps inside low...high; a NaN passes
  float low, high;
} qat_tile_end;

// sums[i * 32 + j] = sum of products, fused, from 0, in the order of the runs; with `add` the sums
// of earlier blocks, which `sums` holds, are added. A block ends after the run that fills 256 steps.
// With an `end` that is where the result goes.
// m <= 14, width <= 32; columns of b beyond `width` are not read.
typedef struct {
  const char *name;
  uint32_t features;
  // What lies behind b may be fetched: a panel of packed columns follows another.
  void (*rows)(int m, int width, int64_t count, const qat_row_run *runs, const float *b,
               int64_t b_stride, float *sums, bool add, const qat_tile_end *end);
  void (*columns)(int m, int width, int64_t count, const qat_column_run *runs, int64_t a_stride,
                  int64_t b_stride, float *sums, bool add, const qat_tile_end *end);
  // Lines of neighbouring values to columns of a panel: to[row(l) * width + line] = x[line * stride +
  // l], 0 beyond `lines` <= width; row(l) = l % taps * (k / taps) + l / taps. NULL: plain C does it.
  void (*transpose)(int64_t lines, int64_t k, const float *x, int64_t stride, int width,
                    int64_t taps, float *to);
  // `rows` for rows that are pairs of bfloat16, each in the place of a float: a step takes two rows of b.
  // Or NULL.
  void (*paired_rows)(int m, int width, int64_t count, const qat_row_run *runs, const float *b,
                      int64_t b_stride, float *sums, bool add, const qat_tile_end *end);
} qat_sgemm_kernel;

extern const qat_sgemm_kernel qat_sgemm_scalar;
#if defined(__x86_64__)
extern const qat_sgemm_kernel qat_sgemm_avx2, qat_sgemm_avx512, qat_sgemm_avx512_bf16;
#endif
#if QAT_HAS_AMX
extern const qat_sgemm_kernel qat_sgemm_amx_bf16;
#endif
extern const qat_sgemm_kernel qat_sgemm_amx_bf16_emulated;
const qat_sgemm_kernel *qat_sgemm_best(void);
// The kernel for operands that are, or may be, rounded to bfloat16; without `bf16` the best one.
const qat_sgemm_kernel *qat_sgemm_for(bool bf16);
// Whether those of bfloat16 are tiles.
bool qat_sgemm_has_tiles(void);

// The transpose of the kernel in use.
void qat_transpose_lines(int64_t lines, int64_t k, const float *x, int64_t stride, int width,
                         int64_t taps, float *to);

// Where the first block of a tile finds what it is added to, or NULL.
QAT_INLINE const qat_tile_end *qat_old_of(const qat_tile_end *end) {
  return end && end->accumulate ? end : NULL;
}

// The way out of one row of a block: the first `columns` of `count` sums c, from `column` on. With `old`
// it is the first of its tile, with `end` the last.
QAT_INLINE void qat_finish_row(const int count, int columns, float *c, float *sums, bool add,
                               const qat_tile_end *old, const qat_tile_end *end, int row,
                               int column) {
  if (add) for (int j = 0; j < count; j++) c[j] += sums[j];
  if (old)
    for (int j = 0; j < columns; j++) c[j] += old->y[row][old->column + column + j];
  if (!end) {
    for (int j = 0; j < count; j++) sums[j] = c[j];
    return;
  }
  float *y = end->y[row] + end->column + column;
  for (int j = 0; j < columns; j++) {
    float x = c[j];
    if (end->row_bias) x += end->row_bias[row];
    if (end->bias) x += end->bias[column + j];
    if (end->residual) x += end->residual[row][end->column + column + j];
    if (end->clamps) x = x < end->low ? end->low : x > end->high ? end->high : x;
    y[j] = x;
  }
}

// Rows of even tiles: `count` rows in as few tiles as possible, the sizes as equal as possible.
QAT_INLINE int64_t qat_even_tile(int64_t count) {
  return qat_ceil_div(count, qat_ceil_div(count, QAT_TILE_ROWS));
}
// Columns of the panel that starts at `column`: a last panel of up to 16 columns is 16 wide.
QAT_INLINE int qat_panel_width(int64_t columns, int64_t column) {
  return columns - column > 16 ? 32 : 16;
}
// A panel of packed B: `lines` <= width lines of k values to to[l * width + line], 0 beyond.
// `contiguous`: a line's values are neighbours, `stride` is between lines; else between values.
void qat_sgemm_pack_panel(int64_t lines, int64_t k, const float *x, int64_t stride,
                          bool contiguous, int width, float *to);
