#include "softmax.h"
#include "../elementwise/math.h"
#include "../elementwise/sums.h"

enum { ROWS = 16, LANES = QAT_SUM_LANES };

// A result may lie where the operand does.
#define EACH _Pragma("clang loop vectorize(assume_safety)") for (int64_t i = 0; i < count; i++)

// The largest of a row; a NaN is passed over.
QAT_INLINE float highest_of(int64_t count, const float *x) {
  float lanes[LANES];
  for (int l = 0; l < LANES; l++) lanes[l] = -INFINITY;
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES)
    for (int l = 0; l < LANES; l++) lanes[l] = x[i + l] > lanes[l] ? x[i + l] : lanes[l];
  for (; i < count; i++) lanes[0] = x[i] > lanes[0] ? x[i] : lanes[0];
  for (int half = LANES / 2; half; half /= 2)
    for (int l = 0; l < half; l++)
      lanes[l] = lanes[l + half] > lanes[l] ? lanes[l + half] : lanes[l];
  return lanes[0];
}

// y = exp(x - highest), and the sum of y.
QAT_INLINE float exponentials(int64_t count, const float *x, float highest, float *y) {
  EACH y[i] = qat_exp(x[i] - highest);
  return qat_lanes_sum(count, y);
}

QAT_INLINE void qat_softmax_row_body(int64_t count, const float *x, float *y) {
  const float sum = exponentials(count, x, highest_of(count, x), y);
  EACH y[i] /= sum;
}
QAT_VERSIONS(qat_softmax_row, (int64_t count, const float *x, float *y), (count, x, y))

QAT_INLINE void qat_log_softmax_row_body(int64_t count, const float *x, float *y) {
  const float highest = highest_of(count, x);
  const float logarithm = logf(exponentials(count, x, highest, y));
  EACH y[i] = (x[i] - highest) - logarithm;
}
void qat_log_softmax_row(int64_t count, const float *x, float *y);
QAT_VERSIONS(qat_log_softmax_row, (int64_t count, const float *x, float *y), (count, x, y))

typedef struct { int64_t rows, count; const float *x; float *y; bool is_log; } job;

static void chunk_of_rows(void *context, int64_t chunk, int worker) {
  (void)worker;
  const job *j = context;
  for (int64_t row = chunk * ROWS; row < qat_min(j->rows, (chunk + 1) * ROWS); row++)
    (j->is_log ? qat_log_softmax_row : qat_softmax_row)(j->count, j->x + row * j->count,
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
