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
  float epsilon, *y, *partial;      // [group][4][channels]
  float *dgamma, *dbeta;
} job;

static int64_t groups_of(int64_t pixels) {
  return qat_max(1, qat_min(GROUPS, pixels / LEAST));
}
static int64_t first_of(const job *j, int64_t group) { return group * j->pixels / j->groups; }

// Pixels that are mapped at a time: many, as each time what belongs to a channel is worked out.
static int64_t part_of(int64_t channels) { return qat_max(BLOCK, QAT_PART / channels); }

size_t qat_batchnorm_nhwc_scratch(int64_t channels) {
  return (size_t)(GROUPS * 4 * channels) * sizeof(float);
}

// Of pixels first ..< last: the mean of x and the sum of squared distances from it; where there is a dy,
// its sum and that of dy times the distance, too.
typedef struct { float *mean, *squares, *sums, *products; } moments;

static moments moments_of(const job *j, int64_t group) {
  float *partial = j->partial + group * 4 * j->channels;
  return (moments){partial, partial + j->channels, partial + 2 * j->channels,
                   partial + 3 * j->channels};
}

// Adds what was found of more pixels, `share` of all that there are then, in channel c.
QAT_INLINE void join(const moments m, int64_t c, float mean, float squares, float sum,
                     float product, float share, float weight, bool has_dy) {
  const float apart = mean - m.mean[c], moved = apart * share;
  m.mean[c] += moved;
  m.squares[c] += squares + apart * apart * weight;
  if (!has_dy) return;
  // Distances from a mean that has moved.
  m.products[c] += product + (apart - moved) * sum - moved * m.sums[c];
  m.sums[c] += sum;
}

QAT_INLINE void find_moments(const job *j, int64_t first, int64_t last, const moments m,
                             bool has_dy) {
  for (int64_t start = first; start < last; start += BLOCK) {
    const int64_t end = qat_min(last, start + BLOCK);
    const float n = (float)(end - start), before = (float)(start - first);
    const float share = n / (before + n), weight = before * share;
    FOR_STRIPS(STRIP / 2, j->channels, {
      float means[STRIP] = {0}, distances[STRIP] = {0}, sums[STRIP] = {0}, products[STRIP] = {0};
      // Four sums, so that none waits for itself.
      float second[STRIP] = {0}, third[STRIP] = {0}, fourth[STRIP] = {0};
      int64_t q = start;
      for (; q + 4 <= end; q += 4) {
        const float *x = j->x + q * j->channels + c;
        LANES means[l] += x[l];
        LANES second[l] += x[l + j->channels];
        LANES third[l] += x[l + 2 * j->channels];
        LANES fourth[l] += x[l + 3 * j->channels];
      }
      for (; q < end; q++) {
        const float *x = j->x + q * j->channels + c;
        LANES means[l] += x[l];
      }
      LANES means[l] = ((means[l] + second[l]) + (third[l] + fourth[l])) / n;
      for (int64_t p = start; p < end; p++) {
        const float *x = j->x + p * j->channels + c;
        LANES { const float d = x[l] - means[l]; distances[l] += d * d; }
        if (!has_dy) continue;
        const float *dy = j->dy + p * j->channels + c;
        LANES { sums[l] += dy[l]; products[l] += dy[l] * (x[l] - means[l]); }
      }
      if (start == first) {
        LANES { m.mean[c + l] = means[l]; m.squares[c + l] = distances[l]; }
        if (has_dy) LANES { m.sums[c + l] = sums[l]; m.products[c + l] = products[l]; }
      } else {
        LANES join(m, c + l, means[l], distances[l], sums[l], products[l], share, weight, has_dy);
      }
    })
  }
}
QAT_INLINE void qat_bn_nhwc_group_body(const job *j, int64_t first, int64_t last, const moments m) {
  if (j->dy) find_moments(j, first, last, m, true);
  else find_moments(j, first, last, m, false);
}
void qat_bn_nhwc_group(const job *j, int64_t first, int64_t last, const moments m);
QAT_VERSIONS(qat_bn_nhwc_group, (const job *j, int64_t first, int64_t last, const moments m),
             (j, first, last, m))

static void moments_chunk(void *context, int64_t group, int worker) {
  (void)worker;
  const job *j = context;
  qat_bn_nhwc_group(j, first_of(j, group), first_of(j, group + 1), moments_of(j, group));
}

// Those of all pixels, in the place of the first group's; the squares divided: the variance.
static moments moments_of_all(job *j, qat_pool *pool) {
  qat_pool_run(pool, j->groups, moments_chunk, j);
  const moments all = moments_of(j, 0);
  for (int64_t g = 1; g < j->groups; g++) {
    const float before = (float)first_of(j, g);
    const float n = (float)(first_of(j, g + 1) - first_of(j, g)), share = n / (before + n);
    const moments m = moments_of(j, g);
    for (int64_t c = 0; c < j->channels; c++)
      join(all, c, m.mean[c], m.squares[c], m.sums[c], m.products[c], share, before * share, j->dy);
  }
  for (int64_t c = 0; c < j->channels; c++) all.squares[c] /= (float)j->pixels;
  return all;
}

void qat_batchnorm_nhwc_statistics(int64_t pixels, int64_t channels, const float *x, float *mean,
                                   float *variance, qat_pool *pool, void *scratch) {
  job j = {.pixels = pixels, .channels = channels, .groups = groups_of(pixels), .x = x,
           .partial = scratch};
  const moments all = moments_of_all(&j, pool);
  memcpy(mean, all.mean, (size_t)channels * sizeof(float));
  memcpy(variance, all.squares, (size_t)channels * sizeof(float));
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
  const int64_t part = part_of(j->channels);
  qat_bn_nhwc_apply(j, chunk * part, qat_min(j->pixels, (chunk + 1) * part));
}

void qat_batchnorm_nhwc_apply(int64_t pixels, int64_t channels, const float *x, const float *mean,
                              const float *variance, const float *gamma, const float *beta,
                              float epsilon, float *y, qat_pool *pool) {
  job j = {.pixels = pixels, .channels = channels, .x = x, .mean = mean, .variance = variance,
           .gamma = gamma, .beta = beta, .epsilon = epsilon, .y = y};
  qat_pool_run(pool, qat_ceil_div(pixels, part_of(channels)), apply_chunk, &j);
}

QAT_INLINE void qat_bn_nhwc_sums_body(const job *j, int64_t first, int64_t last, float *sums) {
  for (int64_t c = 0; c < j->channels; c++) sums[c] = 0;
  for (int64_t start = first; start < last; start += BLOCK) {
    const int64_t end = qat_min(last, start + BLOCK);
    FOR_STRIPS(STRIP, j->channels, {
      float sum[STRIP] = {0};
      for (int64_t p = start; p < end; p++) {
        const float *x = j->x + p * j->channels + c;
        LANES sum[l] += x[l];
      }
      LANES sums[c + l] += sum[l];
    })
  }
}
void qat_bn_nhwc_sums(const job *j, int64_t first, int64_t last, float *sums);
QAT_VERSIONS(qat_bn_nhwc_sums, (const job *j, int64_t first, int64_t last, float *sums),
             (j, first, last, sums))

static void sums_chunk(void *context, int64_t group, int worker) {
  (void)worker;
  const job *j = context;
  qat_bn_nhwc_sums(j, first_of(j, group), first_of(j, group + 1), moments_of(j, group).sums);
}

void qat_channel_sums_nhwc(int64_t pixels, int64_t channels, const float *x, float *sums,
                           qat_pool *pool, void *scratch) {
  job j = {.pixels = pixels, .channels = channels, .groups = groups_of(pixels), .x = x,
           .partial = scratch};
  qat_pool_run(pool, j.groups, sums_chunk, &j);
  for (int64_t c = 0; c < channels; c++) {
    sums[c] = moments_of(&j, 0).sums[c];
    for (int64_t g = 1; g < j.groups; g++) sums[c] += moments_of(&j, g).sums[c];
  }
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
  const int64_t part = part_of(j->channels);
  qat_bn_nhwc_gradient(j, chunk * part, qat_min(j->pixels, (chunk + 1) * part));
}

void qat_batchnorm_nhwc_gradient(int64_t pixels, int64_t channels, const float *dy, const float *x,
                                 const float *gamma, float epsilon, float *dx, float *dgamma,
                                 float *dbeta, qat_pool *pool, void *scratch) {
  job j = {.pixels = pixels, .channels = channels, .groups = groups_of(pixels), .x = x, .dy = dy,
           .gamma = gamma, .epsilon = epsilon, .y = dx, .dgamma = dgamma, .dbeta = dbeta,
           .partial = scratch};
  const moments all = moments_of_all(&j, pool);
  j.mean = all.mean;
  j.variance = all.squares;
  for (int64_t c = 0; c < channels; c++) {
    dgamma[c] = all.products[c] * (1.0f / sqrtf(all.squares[c] + epsilon));
    dbeta[c] = all.sums[c];
  }
  qat_pool_run(pool, qat_ceil_div(pixels, part_of(channels)), gradient_chunk, &j);
}
