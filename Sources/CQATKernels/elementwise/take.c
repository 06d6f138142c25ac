#include "../internal.h"

#define PARTS(type)                                                                      \
  do {                                                                                   \
    const type *source = from;                                                           \
    type *target = to;                                                                   \
    for (int64_t i = 0; i < count; i++)                                                  \
      target[targets ? targets[i] : i] = source[sources ? sources[i] : i];               \
  } while (0)

void qat_copy_parts(int64_t count, int64_t bytes, const void *from, const int64_t *sources,
                    void *to, const int64_t *targets) {
  switch (bytes) {
    case 1: PARTS(uint8_t); return;
    case 2: PARTS(uint16_t); return;
    case 4: PARTS(uint32_t); return;
    case 8: PARTS(uint64_t); return;
    default: break;
  }
  const uint8_t *source = from;
  uint8_t *target = to;
  for (int64_t i = 0; i < count; i++)
    memcpy(target + (targets ? targets[i] : i) * bytes, source + (sources ? sources[i] : i) * bytes,
           (size_t)bytes);
}

typedef struct {
  int64_t in_rows, in_columns, rows, columns;
  const int64_t *row_at, *column_at;
  int bytes;
  const uint8_t *x;
  uint8_t *y;
} grid;

// A row that is taken again right after is copied from where it stands.
static void grid_plane(void *context, int64_t plane, int worker) {
  (void)worker;
  const grid *g = context;
  const int64_t in_row = g->in_columns * g->bytes, row = g->columns * g->bytes;
  const uint8_t *x = g->x + plane * g->in_rows * in_row;
  uint8_t *y = g->y + plane * g->rows * row;
  for (int64_t r = 0; r < g->rows; r++) {
    if (r > 0 && g->row_at[r] == g->row_at[r - 1])
      memcpy(y + r * row, y + (r - 1) * row, (size_t)row);
    else
      qat_copy_parts(g->columns, g->bytes, x + g->row_at[r] * in_row, g->column_at, y + r * row,
                     NULL);
  }
}

void qat_take_grid(int64_t planes, int64_t in_rows, int64_t in_columns, int64_t rows,
                   int64_t columns, const int64_t *row_at, const int64_t *column_at,
                   int element_bytes, const void *x, void *y, qat_pool *pool) {
  grid g = {in_rows, in_columns, rows, columns, row_at, column_at, element_bytes, x, y};
  qat_pool_run(pool, planes, grid_plane, &g);
}

typedef struct {
  int64_t in_rows, in_columns;
  qat_neighbours rows, columns;
  const float *x;
  float *y;
} interpolation;

static void interpolate_plane(void *context, int64_t plane, int worker) {
  (void)worker;
  const interpolation *j = context;
  const float *x = j->x + plane * j->in_rows * j->in_columns;
  float *y = j->y + plane * j->rows.count * j->columns.count;
  for (int64_t r = 0; r < j->rows.count; r++) {
    const float *above = x + j->rows.at[2 * r] * j->in_columns;
    const float *below = x + j->rows.at[2 * r + 1] * j->in_columns;
    const float a = j->rows.weights[2 * r], b = j->rows.weights[2 * r + 1];
    float *to = y + r * j->columns.count;
    for (int64_t c = 0; c < j->columns.count; c++) {
      const int64_t left = j->columns.at[2 * c], right = j->columns.at[2 * c + 1];
      to[c] = j->columns.weights[2 * c] * (a * above[left] + b * below[left])
              + j->columns.weights[2 * c + 1] * (a * above[right] + b * below[right]);
    }
  }
}

void qat_interpolate_f32(int64_t planes, int64_t in_rows, int64_t in_columns, qat_neighbours rows,
                         qat_neighbours columns, const float *x, float *y, qat_pool *pool) {
  interpolation j = {in_rows, in_columns, rows, columns, x, y};
  qat_pool_run(pool, planes, interpolate_plane, &j);
}
