#include "kernel.h"

// Plain C: sub-tiles of 8 x 8 sums, which fill the vector registers of arm64. fmaf rounds once
// wherever it runs.
enum { ROWS = 8, COLUMNS = 8 };

typedef float sums_of_tile[ROWS][COLUMNS];

static void finish(int m, int columns, sums_of_tile c, float *sums, bool add,
                   const qat_tile_end *old, const qat_tile_end *end, int row, int column) {
  for (int i = 0; i < m; i++)
    qat_finish_row(COLUMNS, columns, c[i], sums + (row + i) * QAT_TILE_COLUMNS + column, add, old,
                   end, row + i, column);
}

QAT_INLINE void step(const int m, const float *a[ROWS], int64_t l, const float *b, int columns,
                     sums_of_tile c) {
  float w[COLUMNS] = {0};
  if (columns == COLUMNS) for (int j = 0; j < COLUMNS; j++) w[j] = b[j];
  else for (int j = 0; j < columns; j++) w[j] = b[j];
  for (int i = 0; i < m; i++) {
    const float x = a[i][l];
    for (int j = 0; j < COLUMNS; j++) c[i][j] = fmaf(x, w[j], c[i][j]);
  }
}

QAT_INLINE void rows_tile(const int m, int row, int columns, int column, int64_t count,
                          const qat_row_run *runs, const float *b, int64_t b_stride, float *sums,
                          bool add, const qat_tile_end *end) {
  sums_of_tile c = {{0}};
  const qat_tile_end *old = qat_old_of(end);
  int64_t done = 0;
  for (int64_t r = 0; r < count; r++) {
    if (done == QAT_SGEMM_K) {
      finish(m, columns, c, sums, add, old, NULL, row, column);
      memset(c, 0, sizeof(sums_of_tile));
      old = NULL, add = true, done = 0;
    }
    const float *a[ROWS];
    for (int i = 0; i < m; i++) a[i] = runs[r].rows[row + i] + runs[r].offset;
    done += runs[r].steps;
    for (int64_t l = 0; l < runs[r].steps; l++, b += b_stride) step(m, a, l, b, columns, c);
  }
  finish(m, columns, c, sums, add, old, end, row, column);
}

QAT_INLINE void columns_tile(const int m, int row, int columns, int column, int64_t count,
                             const qat_column_run *runs, int64_t a_stride, int64_t b_stride,
                             float *sums, bool add, const qat_tile_end *end) {
  sums_of_tile c = {{0}};
  const qat_tile_end *old = qat_old_of(end);
  int64_t done = 0;
  for (int64_t r = 0; r < count; r++) {
    if (done == QAT_SGEMM_K) {
      finish(m, columns, c, sums, add, old, NULL, row, column);
      memset(c, 0, sizeof(sums_of_tile));
      old = NULL, add = true, done = 0;
    }
    done += runs[r].steps;
    const float *b = runs[r].b + column;
    const float *a[ROWS];
    for (int i = 0; i < m; i++) a[i] = runs[r].a + row + i;
    for (int64_t l = 0; l < runs[r].steps; l++, b += b_stride)
      step(m, a, l * a_stride, b, columns, c);
  }
  finish(m, columns, c, sums, add, old, end, row, column);
}

#define SUB_TILES(...)                                                   \
  for (int row = 0; row < m; row += ROWS)                                \
    for (int column = 0; column < width; column += COLUMNS) {            \
      const int rows = m - row < ROWS ? m - row : ROWS;                  \
      const int columns = width - column < COLUMNS ? width - column : COLUMNS; \
      __VA_ARGS__                                                        \
    }

static void qat_f32_rows__scalar(int m, int width, int64_t count, const qat_row_run *runs,
                                 const float *b, int64_t b_stride, float *sums,
                                 bool add, const qat_tile_end *end) {
  SUB_TILES(
    if (rows == ROWS)
      rows_tile(ROWS, row, columns, column, count, runs, b + column, b_stride, sums, add, end);
    else
      rows_tile(rows, row, columns, column, count, runs, b + column, b_stride, sums, add, end);
  )
}

static void qat_f32_columns__scalar(int m, int width, int64_t count, const qat_column_run *runs,
                                    int64_t a_stride, int64_t b_stride, float *sums, bool add,
                                    const qat_tile_end *end) {
  SUB_TILES(
    if (rows == ROWS)
      columns_tile(ROWS, row, columns, column, count, runs, a_stride, b_stride, sums, add, end);
    else
      columns_tile(rows, row, columns, column, count, runs, a_stride, b_stride, sums, add, end);
  )
}

const qat_sgemm_kernel qat_sgemm_scalar = {
  "scalar", 0, qat_f32_rows__scalar, qat_f32_columns__scalar, NULL,
};
