#include "../include/qat_channels_last.h"
#include "../internal.h"

// Blocks of pixels, in them strips of up to 32 channels, whose numbers stay in registers while the
// pixels go by. Pixels are split into groups, by their count alone, that are summed apart and then
// joined in order.
enum { STRIP = 32, BLOCK = 64, GROUPS = 16, LEAST = 512 };

#define FOR_STRIPS(widest, channels, ...)                                        \
  for (int64_t c = 0, left; (left = (channels) - c) > 0;) {              \
    if (widest == STRIP && left >= STRIP) {                              \
      enum { count = STRIP };                                            \
      __VA_ARGS__                                                        \
      c += STRIP;                                                        \
    } else if (left >= STRIP / 2) {                                      \
      enum { count = STRIP / 2 };                                        \
      __VA_ARGS__                                                        \
      c += STRIP / 2;                                                    \
    } else {                                                             \
      const int count = (int)left;                                       \
      __VA_ARGS__                                                        \
      c += left;                                                         \
    }                                                                    \
  }
#define LANES for (int l = 0; l < count; l++)

typedef struct {
  int64_t pixels, channels, groups;
  const float *x, *dy, *mean, *variance, *gamma, *beta;
  float epsilon, *y, *partial;      // [group][2][channels]
  float *dgamma, *dbeta;
} job;

static int64_t groups_of(int64_t pixels) {
  return qat_max(1, qat_min(GROUPS, pixels / LEAST));
}
static int64_t first_of(const job *j, int64_t group) { return group * j->pixels / j->groups; }

size_t qat_batchnorm_nhwc_scratch(int64_t channels) {
  return (size_t)(GROUPS * 2 * channels) * sizeof(float);
}

// Mean and sum of squared distances of pixels first ..< last.
QAT_INLINE void qat_bn_nhwc_group_body(const job *j, int64_t first, int64_t last, float *mean,
                                       float *squares) {
  for (int64_t start = first; start < last; start += BLOCK) {
    const int64_t end = qat_min(last, start + BLOCK);
    const float n = (float)(end - start), before = (float)(start - first);
    const float share = n / (before + n), weight = before * share;
    FOR_STRIPS(STRIP / 2, j->channels, {
      float sums[STRIP] = {0}, distances[STRIP] = {0};
      for (int64_t p = start; p < end; p++) {
        const float *x = j->x + p * j->channels + c;
        LANES sums[l] += x[l];
      }
      LANES sums[l] /= n;
      for (int64_t p = start; p < end; p++) {
        const float *x = j->x + p * j->channels + c;
        LANES { const float d = x[l] - sums[l]; distances[l] += d * d; }
      }
      if (start == first) {
        LANES { mean[c + l] = sums[l]; squares[c + l] = distances[l]; }
      } else {
        LANES {
          const float apart = sums[l] - mean[c + l];
          mean[c + l] += apart * share;
          squares[c + l] += distances[l] + apart * apart * weight;
        }
      }
    })
  }
}
void qat_bn_nhwc_group(const job *j, int64_t first, int64_t last, float *mean, float *squares);
QAT_VERSIONS(qat_bn_nhwc_group,
             (const job *j, int64_t first, int64_t last, float *mean, float *squares),
             (j, first, last, mean, squares))

static void statistics_chunk(void *context, int64_t group, int worker) {
  (void)worker;
  const job *j = context;
  float *partial = j->partial + group * 2 * j->channels;
  qat_bn_nhwc_group(j, first_of(j, group), first_of(j, group + 1), partial,
                    partial + j->channels);
}

void qat_batchnorm_nhwc_statistics(int64_t pixels, int64_t channels, const float *x, float *mean,
                                   float *variance, qat_pool *pool, void *scratch) {
  job j = {.pixels = pixels, .channels = channels, .groups = groups_of(pixels), .x = x,
           .partial = scratch};
  qat_pool_run(pool, j.groups, statistics_chunk, &j);
  for (int64_t c = 0; c < channels; c++) {
    mean[c] = j.partial[c];
    variance[c] = j.partial[channels + c];
  }
  for (int64_t g = 1; g < j.groups; g++) {
    const float before = (float)first_of(&j, g);
    const float n = (float)(first_of(&j, g + 1) - first_of(&j, g)), share = n / (before + n);
    const float *partial = j.partial + g * 2 * channels;
    for (int64_t c = 0; c < channels; c++) {
      const float apart = partial[c] - mean[c];
      mean[c] += apart * share;
      variance[c] += partial[channels + c] + apart * apart * (before * share);
    }
  }
  for (int64_t c = 0; c < channels; c++) variance[c] /= (float)pixels;
}

QAT_INLINE void qat_bn_nhwc_apply_body(const job *j, int64_t first, int64_t last) {
  FOR_STRIPS(STRIP, j->channels, {
    float factor[STRIP], mean[STRIP], beta[STRIP];
    LANES {
      factor[l] = j->gamma[c + l] * (1.0f / sqrtf(j->variance[c + l] + j->epsilon));
      mean[l] = j->mean[c + l];
      beta[l] = j->beta[c + l];
    }
    for (int64_t p = first; p < last; p++) {
      const float *x = j->x + p * j->channels + c;
      float *y = j->y + p * j->channels + c;
      float values[STRIP];
      LANES values[l] = (x[l] - mean[l]) * factor[l] + beta[l];
      LANES y[l] = values[l];
    }
  })
}
void qat_bn_nhwc_apply(const job *j, int64_t first, int64_t last);
QAT_VERSIONS(qat_bn_nhwc_apply, (const job *j, int64_t first, int64_t last), (j, first, last))

static void apply_chunk(void *context, int64_t chunk, int worker) {
  (void)worker;
  const job *j = context;
  qat_bn_nhwc_apply(j, chunk * BLOCK, qat_min(j->pixels, (chunk + 1) * BLOCK));
}

void qat_batchnorm_nhwc_apply(int64_t pixels, int64_t channels, const float *x, const float *mean,
                              const float *variance, const float *gamma, const float *beta,
                              float epsilon, float *y, qat_pool *pool) {
  job j = {.pixels = pixels, .channels = channels, .x = x, .mean = mean, .variance = variance,
           .gamma = gamma, .beta = beta, .epsilon = epsilon, .y = y};
  qat_pool_run(pool, qat_ceil_div(pixels, BLOCK), apply_chunk, &j);
}

// Sums of dy, and, where there is a mean, of dy times the normalized x; else of dy alone.
QAT_INLINE void qat_bn_nhwc_sums_body(const job *j, int64_t first, int64_t last, float *sums,
                                      float *products) {
  for (int64_t c = 0; c < j->channels; c++) sums[c] = products[c] = 0;
  for (int64_t start = first; start < last; start += BLOCK) {
    const int64_t end = qat_min(last, start + BLOCK);
    FOR_STRIPS(STRIP, j->channels, {
      float sum[STRIP] = {0};
      if (!j->mean) {
        for (int64_t p = start; p < end; p++) {
          const float *dy = j->dy + p * j->channels + c;
          LANES sum[l] += dy[l];
        }
      } else {
        float product[STRIP] = {0}, mean[STRIP], r[STRIP];
        LANES {
          mean[l] = j->mean[c + l];
          r[l] = 1.0f / sqrtf(j->variance[c + l] + j->epsilon);
        }
        for (int64_t p = start; p < end; p++) {
          const float *dy = j->dy + p * j->channels + c, *x = j->x + p * j->channels + c;
          LANES {
            sum[l] += dy[l];
            product[l] += dy[l] * ((x[l] - mean[l]) * r[l]);
          }
        }
        LANES products[c + l] += product[l];
      }
      LANES sums[c + l] += sum[l];
    })
  }
}
void qat_bn_nhwc_sums(const job *j, int64_t first, int64_t last, float *sums, float *products);
QAT_VERSIONS(qat_bn_nhwc_sums,
             (const job *j, int64_t first, int64_t last, float *sums, float *products),
             (j, first, last, sums, products))

static void sums_chunk(void *context, int64_t group, int worker) {
  (void)worker;
  const job *j = context;
  float *partial = j->partial + group * 2 * j->channels;
  qat_bn_nhwc_sums(j, first_of(j, group), first_of(j, group + 1), partial,
                   partial + j->channels);
}

static void add_groups(const job *j, int64_t which, float *sums) {
  for (int64_t c = 0; c < j->channels; c++) sums[c] = j->partial[which * j->channels + c];
  for (int64_t g = 1; g < j->groups; g++)
    for (int64_t c = 0; c < j->channels; c++)
      sums[c] += j->partial[(g * 2 + which) * j->channels + c];
}

void qat_channel_sums_nhwc(int64_t pixels, int64_t channels, const float *x, float *sums,
                           qat_pool *pool, void *scratch) {
  job j = {.pixels = pixels, .channels = channels, .groups = groups_of(pixels), .dy = x,
           .partial = scratch};
  qat_pool_run(pool, j.groups, sums_chunk, &j);
  add_groups(&j, 0, sums);
}

QAT_INLINE void qat_bn_nhwc_gradient_body(const job *j, int64_t first, int64_t last) {
  const float n = (float)j->pixels;
  FOR_STRIPS(STRIP, j->channels, {
    float factor[STRIP], mean[STRIP], r[STRIP], shift[STRIP], slope[STRIP];
    LANES {
      mean[l] = j->mean[c + l];
      r[l] = 1.0f / sqrtf(j->variance[c + l] + j->epsilon);
      factor[l] = j->gamma[c + l] * r[l];
      shift[l] = j->dbeta[c + l] / n;
      slope[l] = j->dgamma[c + l] / n;
    }
    for (int64_t p = first; p < last; p++) {
      const float *dy = j->dy + p * j->channels + c, *x = j->x + p * j->channels + c;
      float *dx = j->y + p * j->channels + c;
      float values[STRIP];
      LANES values[l] = factor[l] * (dy[l] - shift[l] - ((x[l] - mean[l]) * r[l]) * slope[l]);
      LANES dx[l] = values[l];
    }
  })
}
void qat_bn_nhwc_gradient(const job *j, int64_t first, int64_t last);
QAT_VERSIONS(qat_bn_nhwc_gradient, (const job *j, int64_t first, int64_t last), (j, first, last))

static void gradient_chunk(void *context, int64_t chunk, int worker) {
  (void)worker;
  const job *j = context;
  qat_bn_nhwc_gradient(j, chunk * BLOCK, qat_min(j->pixels, (chunk + 1) * BLOCK));
}

void qat_batchnorm_nhwc_gradient(int64_t pixels, int64_t channels, const float *dy, const float *x,
                                 const float *mean, const float *variance, const float *gamma,
                                 float epsilon, float *dx, float *dgamma, float *dbeta,
                                 qat_pool *pool, void *scratch) {
  job j = {.pixels = pixels, .channels = channels, .groups = groups_of(pixels), .x = x, .dy = dy,
           .mean = mean, .variance = variance, .gamma = gamma, .epsilon = epsilon, .y = dx,
           .dgamma = dgamma, .dbeta = dbeta, .partial = scratch};
  qat_pool_run(pool, j.groups, sums_chunk, &j);
  add_groups(&j, 0, dbeta);
  add_groups(&j, 1, dgamma);
  qat_pool_run(pool, qat_ceil_div(pixels, BLOCK), gradient_chunk, &j);
}
