#include "../internal.h"

typedef struct {
  int64_t groups, channels, inner;
  const float *x, *scale, *bias;
  float epsilon, *y;
} job;

// One group of one entry, whose elements have this mean.
QAT_INLINE void qat_gn_group_body(const job *j, int64_t index, float mean) {
  const int64_t count = j->channels * j->inner, first = index % j->groups * j->channels;
  const float *x = j->x + index * count;
  float *y = j->y + index * count;
  for (int64_t i = 0; i < count; i++) y[i] = x[i] - mean;
  const float variance = qat_sum_squares_f32(count, y) / (float)count;
  const float inverse = 1.0f / sqrtf(variance + j->epsilon);
  for (int64_t c = 0; c < j->channels; c++, y += j->inner) {
    const float scale = inverse * j->scale[first + c], bias = j->bias[first + c];
    for (int64_t i = 0; i < j->inner; i++) y[i] = y[i] * scale + bias;
  }
}
void qat_gn_group(const job *j, int64_t index, float mean);
QAT_VERSIONS(qat_gn_group, (const job *j, int64_t index, float mean), (j, index, mean))

static void chunk(void *context, int64_t index, int worker) {
  (void)worker;
  const job *j = context;
  const int64_t count = j->channels * j->inner;
  qat_gn_group(j, index, qat_sum_f32(count, j->x + index * count) / (float)count);
}

void qat_groupnorm_f32(int64_t batch, int64_t groups, int64_t channels, int64_t inner,
                       const float *x, const float *scale, const float *bias, float epsilon,
                       float *y, qat_pool *pool) {
  job job = {groups, channels, inner, x, scale, bias, epsilon, y};
  qat_pool_run(pool, batch * groups, chunk, &job);
}
