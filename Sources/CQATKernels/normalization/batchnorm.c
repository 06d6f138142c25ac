#include "../internal.h"

enum { LANES = 16, BLOCK = 4096, CHANNELS = 8 };

// Sum over one image's channel of `term`, in blocks of interleaved lanes.
#define SUM(count, result, term)                                                          \
  do {                                                                                    \
    float total_ = 0;                                                                     \
    for (int64_t start_ = 0; start_ < (count); start_ += BLOCK) {                         \
      const int64_t end_ = qat_min((count), start_ + BLOCK);                              \
      float lanes_[LANES] = {0};                                                          \
      int64_t i_ = start_;                                                                \
      for (; i_ + LANES <= end_; i_ += LANES)                                             \
        for (int l_ = 0; l_ < LANES; l_++) { const int64_t at = i_ + l_; lanes_[l_] += (term); } \
      for (int l_ = 0; i_ < end_; i_++, l_++) { const int64_t at = i_; lanes_[l_] += (term); }   \
      for (int half_ = LANES / 2; half_; half_ /= 2)                                      \
        for (int l_ = 0; l_ < half_; l_++) lanes_[l_] += lanes_[l_ + half_];              \
      total_ += lanes_[0];                                                                \
    }                                                                                     \
    (result) += total_;                                                                   \
  } while (0)

typedef struct {
  int64_t batch, channels, inner;
  const float *x, *dy, *mean, *variance, *gamma, *beta;
  float epsilon, *y, *mean_out, *variance_out, *dgamma, *dbeta;
} job;

QAT_INLINE void qat_bn_statistics_body(const job *j, int64_t c) {
  const float n = (float)(j->batch * j->inner);
  float sum = 0, squares = 0;
  for (int64_t b = 0; b < j->batch; b++) {
    const float *x = j->x + (b * j->channels + c) * j->inner;
    SUM(j->inner, sum, x[at]);
  }
  const float mean = sum / n;
  for (int64_t b = 0; b < j->batch; b++) {
    const float *x = j->x + (b * j->channels + c) * j->inner;
    SUM(j->inner, squares, (x[at] - mean) * (x[at] - mean));
  }
  j->mean_out[c] = mean;
  j->variance_out[c] = squares / n;
}
void qat_bn_statistics(const job *j, int64_t c);
QAT_VERSIONS(qat_bn_statistics, (const job *j, int64_t c), (j, c))

QAT_INLINE void qat_bn_apply_body(const job *j, int64_t plane) {
  const int64_t c = plane % j->channels;
  const float factor = j->gamma[c] * (1.0f / sqrtf(j->variance[c] + j->epsilon));
  const float mean = j->mean[c], beta = j->beta[c];
  const float *x = j->x + plane * j->inner;
  float *y = j->y + plane * j->inner;
  for (int64_t i = 0; i < j->inner; i++) y[i] = (x[i] - mean) * factor + beta;
}
void qat_bn_apply(const job *j, int64_t plane);
QAT_VERSIONS(qat_bn_apply, (const job *j, int64_t plane), (j, plane))

QAT_INLINE void qat_bn_gradient_body(const job *j, int64_t c) {
  const float n = (float)(j->batch * j->inner), mean = j->mean[c];
  const float r = 1.0f / sqrtf(j->variance[c] + j->epsilon);
  float dbeta = 0, dgamma = 0;
  for (int64_t b = 0; b < j->batch; b++) {
    const int64_t base = (b * j->channels + c) * j->inner;
    const float *x = j->x + base, *dy = j->dy + base;
    SUM(j->inner, dbeta, dy[at]);
    SUM(j->inner, dgamma, dy[at] * ((x[at] - mean) * r));
  }
  j->dbeta[c] = dbeta;
  j->dgamma[c] = dgamma;
  const float factor = j->gamma[c] * r, shift = dbeta / n, slope = dgamma / n;
  for (int64_t b = 0; b < j->batch; b++) {
    const int64_t base = (b * j->channels + c) * j->inner;
    const float *x = j->x + base, *dy = j->dy + base;
    float *dx = j->y + base;
    for (int64_t i = 0; i < j->inner; i++)
      dx[i] = factor * (dy[i] - shift - ((x[i] - mean) * r) * slope);
  }
}
void qat_bn_gradient(const job *j, int64_t c);
QAT_VERSIONS(qat_bn_gradient, (const job *j, int64_t c), (j, c))

static void statistics_chunk(void *context, int64_t channel, int worker) {
  (void)worker;
  qat_bn_statistics(context, channel);
}
static void gradient_chunk(void *context, int64_t channel, int worker) {
  (void)worker;
  qat_bn_gradient(context, channel);
}
static void apply_chunk(void *context, int64_t chunk, int worker) {
  (void)worker;
  const job *j = context;
  const int64_t last = qat_min(j->batch * j->channels, (chunk + 1) * CHANNELS);
  for (int64_t p = chunk * CHANNELS; p < last; p++) qat_bn_apply(j, p);
}

void qat_batchnorm_statistics(int64_t batch, int64_t channels, int64_t inner, const float *x,
                              float *mean, float *variance, qat_pool *pool) {
  job job = {.batch = batch, .channels = channels, .inner = inner, .x = x, .mean_out = mean,
             .variance_out = variance};
  qat_pool_run(pool, channels, statistics_chunk, &job);
}

void qat_batchnorm_apply(int64_t batch, int64_t channels, int64_t inner, const float *x,
                         const float *mean, const float *variance, const float *gamma,
                         const float *beta, float epsilon, float *y, qat_pool *pool) {
  job job = {.batch = batch, .channels = channels, .inner = inner, .x = x, .mean = mean,
             .variance = variance, .gamma = gamma, .beta = beta, .epsilon = epsilon, .y = y};
  qat_pool_run(pool, qat_ceil_div(batch * channels, CHANNELS), apply_chunk, &job);
}

void qat_batchnorm_gradient(int64_t batch, int64_t channels, int64_t inner, const float *dy,
                            const float *x, const float *mean, const float *variance,
                            const float *gamma, float epsilon, float *dx, float *dgamma,
                            float *dbeta, qat_pool *pool) {
  job job = {.batch = batch, .channels = channels, .inner = inner, .x = x, .dy = dy, .mean = mean,
             .variance = variance, .gamma = gamma, .epsilon = epsilon, .y = dx, .dgamma = dgamma,
             .dbeta = dbeta};
  qat_pool_run(pool, channels, gradient_chunk, &job);
}
