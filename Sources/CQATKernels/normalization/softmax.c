#include "softmax.h"
#include "../elementwise/math.h"

enum { ROWS = 16 };

// y = exp(x - highest)
QAT_INLINE void qat_exp_shifted_body(int64_t count, const float *x, float highest, float *y) {
  for (int64_t i = 0; i < count; i++) y[i] = qat_exp(x[i] - highest);
}
void qat_exp_shifted(int64_t count, const float *x, float highest, float *y);
QAT_VERSIONS(qat_exp_shifted, (int64_t count, const float *x, float highest, float *y),
             (count, x, highest, y))

// y = x / divisor, and y = x - first - second
QAT_INLINE void qat_divide_row_body(int64_t count, float divisor, float *y) {
  for (int64_t i = 0; i < count; i++) y[i] /= divisor;
}
void qat_divide_row(int64_t count, float divisor, float *y);
QAT_VERSIONS(qat_divide_row, (int64_t count, float divisor, float *y), (count, divisor, y))

QAT_INLINE void qat_shift_row_body(int64_t count, const float *x, float first, float second,
                                   float *y) {
  for (int64_t i = 0; i < count; i++) y[i] = (x[i] - first) - second;
}
void qat_shift_row(int64_t count, const float *x, float first, float second, float *y);
QAT_VERSIONS(qat_shift_row, (int64_t count, const float *x, float first, float second, float *y),
             (count, x, first, second, y))

void qat_softmax_row(int64_t count, const float *x, float *y) {
  float lowest, highest;
  qat_range_f32(count, x, &lowest, &highest);
  qat_exp_shifted(count, x, highest, y);
  qat_divide_row(count, qat_sum_f32(count, y), y);
}

static void log_softmax_row(int64_t count, const float *x, float *y) {
  float lowest, highest;
  qat_range_f32(count, x, &lowest, &highest);
  qat_exp_shifted(count, x, highest, y);
  qat_shift_row(count, x, highest, logf(qat_sum_f32(count, y)), y);
}

typedef struct { int64_t rows, count; const float *x; float *y; bool is_log; } job;

static void chunk_of_rows(void *context, int64_t chunk, int worker) {
  (void)worker;
  const job *j = context;
  for (int64_t row = chunk * ROWS; row < qat_min(j->rows, (chunk + 1) * ROWS); row++)
    (j->is_log ? log_softmax_row : qat_softmax_row)(j->count, j->x + row * j->count,
                                                    j->y + row * j->count);
}

void qat_softmax_f32(int64_t rows, int64_t count, const float *x, float *y, qat_pool *pool) {
  job job = {rows, count, x, y, false};
  qat_pool_run(pool, qat_ceil_div(rows, ROWS), chunk_of_rows, &job);
}

void qat_log_softmax_f32(int64_t rows, int64_t count, const float *x, float *y, qat_pool *pool) {
  job job = {rows, count, x, y, true};
  qat_pool_run(pool, qat_ceil_div(rows, ROWS), chunk_of_rows, &job);
}

QAT_INLINE void qat_softmax_slope_body(int64_t count, const float *y, const float *dy, float sum,
                                       float *dx) {
  for (int64_t i = 0; i < count; i++) dx[i] = y[i] * (dy[i] - sum);
}
void qat_softmax_slope(int64_t count, const float *y, const float *dy, float sum, float *dx);
QAT_VERSIONS(qat_softmax_slope,
             (int64_t count, const float *y, const float *dy, float sum, float *dx),
             (count, y, dy, sum, dx))

QAT_INLINE void qat_log_softmax_slope_body(int64_t count, const float *y, const float *dy,
                                           float sum, float *dx) {
  for (int64_t i = 0; i < count; i++) dx[i] = dy[i] - qat_exp(y[i]) * sum;
}
void qat_log_softmax_slope(int64_t count, const float *y, const float *dy, float sum, float *dx);
QAT_VERSIONS(qat_log_softmax_slope,
             (int64_t count, const float *y, const float *dy, float sum, float *dx),
             (count, y, dy, sum, dx))

void qat_softmax_f32_gradient(int64_t rows, int64_t count, const float *y, const float *dy,
                              float *dx) {
  for (int64_t row = 0; row < rows; row++, y += count, dy += count, dx += count)
    qat_softmax_slope(count, y, dy, qat_dot_f32(count, dy, y), dx);
}

void qat_log_softmax_f32_gradient(int64_t rows, int64_t count, const float *y, const float *dy,
                                  float *dx) {
  for (int64_t row = 0; row < rows; row++, y += count, dy += count, dx += count)
    qat_log_softmax_slope(count, y, dy, qat_sum_f32(count, dy), dx);
}

void qat_nll_f32(int64_t rows, int64_t classes, const float *log_probabilities,
                 const int64_t *labels, int64_t ignored, float *losses) {
  for (int64_t row = 0; row < rows; row++)
    losses[row] = labels[row] == ignored ? 0 : -log_probabilities[row * classes + labels[row]];
}

void qat_cross_entropy_f32_gradient(int64_t rows, int64_t classes, const float *log_probabilities,
                                    const int64_t *labels, int64_t ignored, float scale,
                                    float *dx) {
  for (int64_t row = 0; row < rows; row++) {
    const float *from = log_probabilities + row * classes;
    float *to = dx + row * classes;
    const bool counts = labels[row] != ignored;
    for (int64_t c = 0; c < classes; c++)
      to[c] = counts ? scale * (qat_exp(from[c]) - (c == labels[row] ? 1.0f : 0.0f)) : 0;
  }
}
