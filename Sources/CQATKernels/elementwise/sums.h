// Sums whose order is a function of the length alone: blocks of 4096 elements, each in 16 interleaved
// lanes and a tree; block sums add in order.
#pragma once
#include "../internal.h"

enum { QAT_SUM_LANES = 16, QAT_SUM_BLOCK = 4096 };

// The sum of the lanes, which are lost.
QAT_INLINE float qat_fold(float lanes[QAT_SUM_LANES]) {
  for (int half = QAT_SUM_LANES / 2; half; half /= 2)
    for (int l = 0; l < half; l++) lanes[l] += lanes[l + half];
  return lanes[0];
}

// Defines `name`: the sum of `term` at each index `at` below `count`.
#define QAT_LANES_SUM(name, parameters, term)                                               \
  QAT_INLINE float name parameters {                                                        \
    float total = 0;                                                                        \
    for (int64_t start = 0; start < count; start += QAT_SUM_BLOCK) {                        \
      const int64_t end = qat_min(count, start + QAT_SUM_BLOCK);                            \
      float lanes[QAT_SUM_LANES] = {0};                                                     \
      int64_t i = start;                                                                    \
      for (; i + QAT_SUM_LANES <= end; i += QAT_SUM_LANES)                                  \
        for (int l = 0; l < QAT_SUM_LANES; l++) { const int64_t at = i + l; lanes[l] += term; } \
      for (int l = 0; i < end; i++, l++) { const int64_t at = i; lanes[l] += term; }        \
      total += qat_fold(lanes);                                                             \
    }                                                                                       \
    return total;                                                                           \
  }

QAT_LANES_SUM(qat_lanes_sum, (int64_t count, const float *x), x[at])
QAT_LANES_SUM(qat_lanes_dot, (int64_t count, const float *a, const float *b), a[at] * b[at])
