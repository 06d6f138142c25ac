#include "../float_gemm/kernel.h"
#include "../include/qat_channels_last.h"

typedef struct { int64_t rows, columns; const float *x; float *y; } job;

static void image(void *context, int64_t number, int worker) {
  (void)worker;
  const job *j = context;
  const float *x = j->x + number * j->rows * j->columns;
  float *y = j->y + number * j->rows * j->columns;
  if (j->rows == 1 || j->columns == 1)
    memcpy(y, x, (size_t)(j->rows * j->columns) * sizeof *y);
  else qat_transpose_lines(j->rows, j->columns, x, j->columns, (int)j->rows, 1, y);
}

void qat_transpose_images_f32(int64_t batch, int64_t rows, int64_t columns, const float *x,
                              float *y, qat_pool *pool) {
  job j = {rows, columns, x, y};
  qat_pool_run(pool, batch, image, &j);
}
