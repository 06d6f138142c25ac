// Normalisation, softmax and the cross-entropy loss, float32.
#pragma once
#include <stdint.h>
#include "qat_pool.h"

// Batch normalisation of x [batch][channels][inner], a channel at a time (Ioffe and Szegedy,
// arXiv:1502.03167). Sums over a channel add image after image, each in fixed blocks.

// mean[c], variance[c] (biased: divided by batch * inner), in two passes.
void qat_batchnorm_statistics(int64_t batch, int64_t channels, int64_t inner, const float *x,
                              float *mean, float *variance, qat_pool *pool);
// y = (x - mean) * (gamma * (1 / sqrt(variance + epsilon))) + beta
void qat_batchnorm_apply(int64_t batch, int64_t channels, int64_t inner, const float *x,
                         const float *mean, const float *variance, const float *gamma,
                         const float *beta, float epsilon, float *y, qat_pool *pool);
// Gradients through the batch's own mean and variance. With r = 1 / sqrt(variance + epsilon),
// h = (x - mean) * r, n = batch * inner:
//   dbeta = sum dy,  dgamma = sum dy * h,  dx = gamma * r * (dy - dbeta / n - h * dgamma / n)
void qat_batchnorm_gradient(int64_t batch, int64_t channels, int64_t inner, const float *dy,
                            const float *x, const float *mean, const float *variance,
                            const float *gamma, float epsilon, float *dx, float *dgamma,
                            float *dbeta, qat_pool *pool);

// The channels of a batch-norm that was folded into the product in front of it, as operands of the
// functions above with an epsilon of 0: `center`, `spread`, `gain`, `offset` for mean, variance,
// gamma, beta. With k = scale / sqrt(running_variance + epsilon), of the batch's `mean` and `variance`:
//   spread = variance + k * k * epsilon,  gain = |scale|,  offset = bias,  center = mean
// Where k is 0 or `spread` no normal number the channel is passed on, `folded_bias` added, and the
// running statistics stay; else they move toward mean / k + own_bias (may be NULL) and variance / k^2.
void qat_batchnorm_correction(int64_t channels, const float *mean, const float *variance,
                              const float *scale, const float *bias, const float *running_mean,
                              const float *running_variance, const float *folded_bias,
                              const float *own_bias, float epsilon, float momentum, float *center,
                              float *spread, float *gain, float *offset, float *new_mean,
                              float *new_variance);
// The same for qat_batchnorm_gradient; `share` is variance / spread with the sign of scale, NaN in a
// channel that is passed on.
void qat_batchnorm_correction_gradient(int64_t channels, const float *mean, const float *variance,
                                       const float *scale, const float *running_variance,
                                       float epsilon, float *center, float *spread, float *gain,
                                       float *share);
// Behind qat_batchnorm_gradient: dscale times share, and the gradients of channels that are passed on.
void qat_batchnorm_correction_finish(int64_t batch, int64_t channels, int64_t inner,
                                     const float *share, const float *dy, float *dx, float *dscale,
                                     float *dbias, float *dfolded_bias);

// Rows of `count`: y = (x - mean) / sqrt(variance + epsilon) * gamma + beta (Ba et al.,
// arXiv:1607.06450). `mean` and `inverse` (one a row: what the gradient needs) may be NULL, `beta` or
// both `gamma` and `beta`, too.
void qat_layernorm_f32(int64_t rows, int64_t count, const float *x, const float *gamma,
                       const float *beta, float epsilon, float *y, float *mean, float *inverse,
                       qat_pool *pool);
// y = x / sqrt(mean of x^2 + epsilon) * gamma (Zhang and Sennrich, arXiv:1910.07467).
void qat_rmsnorm_f32(int64_t rows, int64_t count, const float *x, const float *gamma, float epsilon,
                     float *y, qat_pool *pool);
// x [batch * groups][channels of a group][inner], `scale` and `bias` of the channels of all groups:
// every group of every entry like a row of qat_layernorm_f32 (Wu and He, arXiv:1803.08494).
void qat_groupnorm_f32(int64_t batch, int64_t groups, int64_t channels, int64_t inner,
                       const float *x, const float *scale, const float *bias, float epsilon,
                       float *y, qat_pool *pool);
// dx of each row, and dgamma, dbeta (NULL: not wanted) summed over the rows in order. Without gamma
// (NULL) it is 1.
void qat_layernorm_f32_gradient(int64_t rows, int64_t count, const float *dy, const float *x,
                                const float *gamma, const float *mean, const float *inverse,
                                float *dx, float *dgamma, float *dbeta, qat_pool *pool);

// Rows of `count`: exp(x - max) / sum, or x - max - log(sum).
void qat_softmax_f32(int64_t rows, int64_t count, const float *x, float *y, qat_pool *pool);
void qat_log_softmax_f32(int64_t rows, int64_t count, const float *x, float *y, qat_pool *pool);
// From the results y: dx = y * (dy - sum(dy * y)), and dx = dy - exp(y) * sum(dy).
void qat_softmax_f32_gradient(int64_t rows, int64_t count, const float *y, const float *dy,
                              float *dx);
void qat_log_softmax_f32_gradient(int64_t rows, int64_t count, const float *y, const float *dy,
                                  float *dx);

// losses[i] = -log_probabilities[i][labels[i]]; 0 where the label is `ignored` (for none: a value
// outside 0 ..< classes).
// - Precondition: every other label in 0 ..< classes.
void qat_nll_f32(int64_t rows, int64_t classes, const float *log_probabilities,
                 const int64_t *labels, int64_t ignored, float *losses);
// The gradient of scale * sum of losses by the logits: scale * (exp(log_probability) - onehot), 0
// in ignored rows.
void qat_cross_entropy_f32_gradient(int64_t rows, int64_t classes, const float *log_probabilities,
                                    const int64_t *labels, int64_t ignored, float scale,
                                    float *dx);

// y = x / (bias + share * sum of squares)^beta, of x [batch][channels][inner]: the sum is over the
// channels from `before` in front of the own one to `behind` behind it.
void qat_lrn_f32(int64_t batch, int64_t channels, int64_t inner, int64_t before, int64_t behind,
                 float share, float beta, float bias, const float *x, float *y, qat_pool *pool);
