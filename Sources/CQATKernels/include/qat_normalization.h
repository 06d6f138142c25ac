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

// Rows of `count`: y = (x - mean) / sqrt(variance + epsilon) * gamma + beta (Ba et al.,
// arXiv:1607.06450). `beta`, `mean` and `inverse` (one a row: what the gradient needs) may be NULL.
void qat_layernorm_f32(int64_t rows, int64_t count, const float *x, const float *gamma,
                       const float *beta, float epsilon, float *y, float *mean, float *inverse,
                       qat_pool *pool);
// dx of each row, and dgamma, dbeta (NULL: not wanted) summed over the rows in order.
void qat_layernorm_f32_gradient(int64_t rows, int64_t count, const float *dy, const float *x,
                                const float *gamma, const float *mean, const float *inverse,
                                float *dx, float *dgamma, float *dbeta);

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
