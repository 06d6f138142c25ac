#include <float.h>

#include "../internal.h"

// Whether a channel shows the batch's statistics; the factor of its weight and its spread, if so.
static int is_seen(float scale, float running, float variance, float epsilon, double *k,
                   double *spread) {
  *k = (double)scale / sqrt((double)running + (double)epsilon);
  *spread = (double)variance + *k * *k * (double)epsilon;
  return *k != 0 && *spread >= (double)FLT_MIN;
}

void qat_batchnorm_correction(int64_t channels, const float *mean, const float *variance,
                              const float *scale, const float *bias, const float *running_mean,
                              const float *running_variance, const float *folded_bias,
                              const float *own_bias, float epsilon, float momentum, float *center,
                              float *spread, float *gain, float *offset, float *new_mean,
                              float *new_variance) {
  for (int64_t c = 0; c < channels; c++) {
    double k, v;
    if (is_seen(scale[c], running_variance[c], variance[c], epsilon, &k, &v)) {
      center[c] = mean[c];
      spread[c] = (float)v;
      gain[c] = fabsf(scale[c]);
      offset[c] = bias[c];
      const float m = (float)(mean[c] / k + (own_bias ? own_bias[c] : 0));
      new_mean[c] = running_mean[c] * momentum + m * (1 - momentum);
      const float s = (float)(variance[c] / k / k);
      new_variance[c] = running_variance[c] * momentum + s * (1 - momentum);
    } else {
      center[c] = 0;
      spread[c] = gain[c] = 1;
      offset[c] = folded_bias[c];
      new_mean[c] = running_mean[c];
      new_variance[c] = running_variance[c];
    }
  }
}

void qat_batchnorm_correction_gradient(int64_t channels, const float *mean, const float *variance,
                                       const float *scale, const float *running_variance,
                                       float epsilon, float *center, float *spread, float *gain,
                                       float *share) {
  for (int64_t c = 0; c < channels; c++) {
    double k, v;
    const int seen = is_seen(scale[c], running_variance[c], variance[c], epsilon, &k, &v);
    center[c] = seen ? mean[c] : 0;
    spread[c] = seen ? (float)v : 1;
    gain[c] = seen ? fabsf(scale[c]) : 1;
    share[c] = seen ? (float)copysign(variance[c] / v, k) : NAN;
  }
}

void qat_batchnorm_correction_finish(int64_t batch, int64_t channels, int64_t inner,
                                     const float *share, const float *dy, float *dx, float *dscale,
                                     float *dbias, float *dfolded_bias) {
  for (int64_t c = 0; c < channels; c++) {
    if (!isnan(share[c])) {
      dscale[c] *= share[c];
      dfolded_bias[c] = 0;
      continue;
    }
    for (int64_t b = 0; b < batch; b++) {
      const int64_t base = (b * channels + c) * inner;
      for (int64_t i = 0; i < inner; i++) dx[base + i] = dy[base + i];
    }
    dfolded_bias[c] = dbias[c];
    dscale[c] = dbias[c] = 0;
  }
}
