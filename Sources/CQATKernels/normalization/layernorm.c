#include "../internal.h"

enum { ROWS = 16, COLUMNS = 64 };

typedef struct {
  int64_t rows, count;
  const float *x, *gamma, *beta;
  float epsilon, *y, *mean, *inverse;
  bool centered;
} job;

QAT_INLINE void qat_ln_row_body(const job *j, int64_t row, float mean) {
  const float *x = j->x + row * j->count;
  float *y = j->y + row * j->count;
  for (int64_t i = 0; i < j->count; i++) y[i] = x[i] - mean;
  const float variance = qat_sum_squares_f32(j->count, y) / (float)j->count;
  const float inverse = 1.0f / sqrtf(variance + j->epsilon);
  if (j->beta)
    for (int64_t i = 0; i < j->count; i++) y[i] = y[i] * inverse * j->gamma[i] + j->beta[i];
  else if (j->gamma)
    for (int64_t i = 0; i < j->count; i++) y[i] = y[i] * inverse * j->gamma[i];
  else
    for (int64_t i = 0; i < j->count; i++) y[i] = y[i] * inverse;
  if (j->mean) j->mean[row] = mean;
  if (j->inverse) j->inverse[row] = inverse;
}
void qat_ln_row(const job *j, int64_t row, float mean);
QAT_VERSIONS(qat_ln_row, (const job *j, int64_t row, float mean), (j, row, mean))

static void chunk_of_rows(void *context, int64_t chunk, int worker) {
  (void)worker;
  const job *j = context;
  for (int64_t row = chunk * ROWS; row < qat_min(j->rows, (chunk + 1) * ROWS); row++)
    qat_ln_row(j, row,
               j->centered ? qat_sum_f32(j->count, j->x + row * j->count) / (float)j->count : 0);
}

void qat_layernorm_f32(int64_t rows, int64_t count, const float *x, const float *gamma,
                       const float *beta, float epsilon, float *y, float *mean, float *inverse,
                       qat_pool *pool) {
  job job = {rows, count, x, gamma, beta, epsilon, y, mean, inverse, true};
  qat_pool_run(pool, qat_ceil_div(rows, ROWS), chunk_of_rows, &job);
}

void qat_rmsnorm_f32(int64_t rows, int64_t count, const float *x, const float *gamma, float epsilon,
                     float *y, qat_pool *pool) {
  job job = {rows, count, x, gamma, NULL, epsilon, y, NULL, NULL, false};
  qat_pool_run(pool, qat_ceil_div(rows, ROWS), chunk_of_rows, &job);
}

typedef struct {
  int64_t rows, count;
  const float *dy, *x, *gamma, *mean, *inverse;
  float *dx, *dgamma, *dbeta;
} gradient_job;

static void gradient_rows(void *context, int64_t chunk, int worker) {
  (void)worker;
  const gradient_job *j = context;
  const int64_t count = j->count, last = qat_min(j->rows, (chunk + 1) * ROWS);
  for (int64_t row = chunk * ROWS; row < last; row++) {
    const float *g = j->dy + row * count, *from = j->x + row * count;
    const float m = j->mean[row], r = j->inverse[row];
    float *to = j->dx + row * count;
    for (int64_t i = 0; i < count; i++) to[i] = j->gamma ? g[i] * j->gamma[i] : g[i];
    const float shift = qat_sum_f32(count, to) / (float)count;
    float slope = 0;
    for (int64_t i = 0; i < count; i++) slope += to[i] * ((from[i] - m) * r);
    slope /= (float)count;
    for (int64_t i = 0; i < count; i++)
      to[i] = r * (to[i] - shift - (from[i] - m) * r * slope);
  }
}

// Of columns, each a sum of all rows in order.
static void gradient_columns(void *context, int64_t chunk, int worker) {
  (void)worker;
  const gradient_job *j = context;
  const int64_t first = chunk * COLUMNS, last = qat_min(j->count, first + COLUMNS);
  for (int64_t i = first; i < last; i++) {
    if (j->dgamma) j->dgamma[i] = 0;
    if (j->dbeta) j->dbeta[i] = 0;
  }
  for (int64_t row = 0; row < j->rows; row++) {
    const float *g = j->dy + row * j->count, *x = j->x + row * j->count;
    const float m = j->mean[row], r = j->inverse[row];
    if (j->dgamma)
      for (int64_t i = first; i < last; i++) j->dgamma[i] += g[i] * ((x[i] - m) * r);
    if (j->dbeta)
      for (int64_t i = first; i < last; i++) j->dbeta[i] += g[i];
  }
}

void qat_layernorm_f32_gradient(int64_t rows, int64_t count, const float *dy, const float *x,
                                const float *gamma, const float *mean, const float *inverse,
                                float *dx, float *dgamma, float *dbeta, qat_pool *pool) {
  gradient_job job = {rows, count, dy, x, gamma, mean, inverse, dx, dgamma, dbeta};
  if (dgamma || dbeta)
    qat_pool_run(pool, qat_ceil_div(count, COLUMNS), gradient_columns, &job);
  qat_pool_run(pool, qat_ceil_div(rows, ROWS), gradient_rows, &job);
}
