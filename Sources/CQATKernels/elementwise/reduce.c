#include "sums.h"

enum { LANES = QAT_SUM_LANES };

QAT_LANES_SUM(qat_lanes_squares, (int64_t count, const float *x), x[at] * x[at])

// Defines `name`, of which the sum above is the body, compiled for each instruction set.
#define BLOCK_SUM(name, parameters, arguments, sum)               \
  QAT_INLINE void name##_body parameters { *result = sum; }       \
  void name parameters;                                           \
  QAT_VERSIONS(name, parameters, arguments)

BLOCK_SUM(qat_sum_into, (int64_t count, const float *x, float *result), (count, x, result),
          qat_lanes_sum(count, x))
BLOCK_SUM(qat_squares_into, (int64_t count, const float *x, float *result), (count, x, result),
          qat_lanes_squares(count, x))
BLOCK_SUM(qat_dot_into, (int64_t count, const float *a, const float *b, float *result),
          (count, a, b, result), qat_lanes_dot(count, a, b))

float qat_sum_f32(int64_t count, const float *x) {
  float sum;
  qat_sum_into(count, x, &sum);
  return sum;
}

float qat_sum_squares_f32(int64_t count, const float *x) {
  float sum;
  qat_squares_into(count, x, &sum);
  return sum;
}

float qat_dot_f32(int64_t count, const float *a, const float *b) {
  float sum;
  qat_dot_into(count, a, b, &sum);
  return sum;
}

typedef struct { float lowest, highest; bool finite; } extent;

QAT_INLINE void qat_extent_body(int64_t count, const float *x, extent *result) {
  float lowest[LANES], highest[LANES];
  uint32_t strange[LANES] = {0};  // nonzero where an exponent was all ones
  for (int l = 0; l < LANES; l++) lowest[l] = INFINITY, highest[l] = -INFINITY;
#define SEE(l, at)                                                         \
  do {                                                                     \
    const float v = x[at];                                                 \
    uint32_t bits;                                                         \
    memcpy(&bits, &v, 4);                                                  \
    lowest[l] = v < lowest[l] ? v : lowest[l];                             \
    highest[l] = v > highest[l] ? v : highest[l];                          \
    strange[l] |= (bits & 0x7F800000u) == 0x7F800000u;                     \
  } while (0)
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES)
    for (int l = 0; l < LANES; l++) SEE(l, i + l);
  for (int l = 0; i < count; i++, l++) SEE(l, i);
  *result = (extent){INFINITY, -INFINITY, true};
  for (int l = 0; l < LANES; l++) {
    if (lowest[l] < result->lowest) result->lowest = lowest[l];
    if (highest[l] > result->highest) result->highest = highest[l];
    if (strange[l]) result->finite = false;
  }
}
void qat_extent(int64_t count, const float *x, extent *result);
QAT_VERSIONS(qat_extent, (int64_t count, const float *x, extent *result), (count, x, result))

bool qat_range_f32(int64_t count, const float *x, float *lowest, float *highest) {
  extent found;
  qat_extent(count, x, &found);
  *lowest = found.lowest;
  *highest = found.highest;
  return found.finite;
}

void qat_channel_ranges_f32(int64_t outer, int64_t channels, int64_t inner, const float *x,
                            float *lowest, float *highest) {
  for (int64_t c = 0; c < channels; c++) lowest[c] = INFINITY, highest[c] = -INFINITY;
  for (int64_t o = 0; o < outer; o++) {
    const float *row = x + o * channels * inner;
    for (int64_t c = 0; c < channels; c++) {
      const float *run = row + c * inner;
      extent found = {run[0], run[0], run[0] == run[0]};
      if (inner > 1) qat_extent(inner, run, &found);
      if (!found.finite)
        for (int64_t i = 0; i < inner; i++)
          if (run[i] != run[i]) lowest[c] = highest[c] = run[i];
      // A comparison with NaN is false: one that is there stays.
      if (found.lowest < lowest[c]) lowest[c] = found.lowest;
      if (found.highest > highest[c]) highest[c] = found.highest;
    }
  }
}

enum { WIDTH = 256 };

// Along an outer axis, of columns first ..< last: blocks of 64 rows, so that long sums lose little;
// element by element.
QAT_INLINE void qat_reduce_rows_body(qat_reduction op, int64_t axis, int64_t inner, int64_t first,
                                     int64_t last, const float *x, float *y) {
  enum { ROWS = 64 };
  float part[WIDTH];
  for (; first < last; first += WIDTH) {
    const int64_t width = qat_min(WIDTH, last - first);
    float *to = y + first;
    const float *from = x + first;
    if (op == QAT_MIN || op == QAT_MAX) {
      for (int64_t i = 0; i < width; i++) to[i] = op == QAT_MIN ? INFINITY : -INFINITY;
      for (int64_t a = 0; a < axis; a++) {
        const float *row = from + a * inner;
        if (op == QAT_MIN)
          for (int64_t i = 0; i < width; i++)
            to[i] = row[i] != row[i] || row[i] < to[i] ? row[i] : to[i];
        else
          for (int64_t i = 0; i < width; i++)
            to[i] = row[i] != row[i] || row[i] > to[i] ? row[i] : to[i];
      }
      continue;
    }
    for (int64_t i = 0; i < width; i++) to[i] = 0;
    for (int64_t start = 0; start < axis; start += ROWS) {
      for (int64_t i = 0; i < width; i++) part[i] = 0;
      for (int64_t a = start; a < qat_min(axis, start + ROWS); a++) {
        const float *row = from + a * inner;
        if (op == QAT_SUM_SQUARES) for (int64_t i = 0; i < width; i++) part[i] += row[i] * row[i];
        else for (int64_t i = 0; i < width; i++) part[i] += row[i];
      }
      for (int64_t i = 0; i < width; i++) to[i] += part[i];
    }
    if (op == QAT_MEAN) for (int64_t i = 0; i < width; i++) to[i] /= (float)axis;
  }
}
void qat_reduce_rows(qat_reduction op, int64_t axis, int64_t inner, int64_t first, int64_t last,
                     const float *x, float *y);
QAT_VERSIONS(qat_reduce_rows,
             (qat_reduction op, int64_t axis, int64_t inner, int64_t first, int64_t last,
              const float *x, float *y),
             (op, axis, inner, first, last, x, y))

static float reduce_run(qat_reduction op, int64_t axis, const float *x) {
  switch (op) {
    case QAT_SUM: return qat_sum_f32(axis, x);
    case QAT_MEAN: return qat_sum_f32(axis, x) / (float)axis;
    case QAT_SUM_SQUARES: return qat_sum_squares_f32(axis, x);
    case QAT_MIN: case QAT_MAX: break;
  }
  float lowest, highest;
  if (!qat_range_f32(axis, x, &lowest, &highest))
    for (int64_t i = 0; i < axis; i++)
      if (x[i] != x[i]) return x[i];
  return op == QAT_MIN ? lowest : highest;
}

// A piece is a run, or some columns of an outer row: no sum is cut.
typedef struct {
  qat_reduction op;
  int64_t outer, axis, inner;
  int64_t strips, pieces;  // strips of columns in a row; pieces of a chunk
  const float *x;
  float *y;
} reduction;

static void reduce_chunk(void *context, int64_t chunk, int worker) {
  (void)worker;
  const reduction *r = context;
  const int64_t last = qat_min(r->outer * r->strips, (chunk + 1) * r->pieces);
  for (int64_t piece = chunk * r->pieces; piece < last; piece++) {
    const int64_t o = piece / r->strips, first = piece % r->strips * WIDTH;
    if (r->inner == 1) r->y[o] = reduce_run(r->op, r->axis, r->x + o * r->axis);
    else
      qat_reduce_rows(r->op, r->axis, r->inner, first, qat_min(r->inner, first + WIDTH),
                      r->x + o * r->axis * r->inner, r->y + o * r->inner);
  }
}

void qat_reduce_f32(qat_reduction op, int64_t outer, int64_t axis, int64_t inner, const float *x,
                    float *y, qat_pool *pool) {
  reduction r = {op, outer, axis, inner, qat_ceil_div(inner, WIDTH), 1, x, y};
  r.pieces = qat_max(1, QAT_PART / qat_max(1, axis * qat_min(inner, WIDTH)));
  qat_pool_run(pool, qat_ceil_div(outer * r.strips, r.pieces), reduce_chunk, &r);
}
