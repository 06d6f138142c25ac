// Updates of parameters. New state may lie where the old one does, or somewhere else.
#pragma once
#include <stdbool.h>
#include <stdint.h>

//   g = gradient + weight_decay * w;  velocity = momentum * velocity + g
//   w -= rate * (nesterov ? g + momentum * velocity : velocity)
typedef struct { float rate, momentum, weight_decay; bool nesterov; } qat_sgd;

void qat_sgd_f32(int64_t count, const qat_sgd *step, const float *gradient, const float *w,
                 const float *velocity, float *new_w, float *new_velocity);
// The same where the gradient is dx of `qat_learned_gradient` (QAT_LSQ) for x = w, [channels][inner], and
// the sums that this makes.
void qat_learned_sgd(int64_t channels, int64_t inner, const float *scale, const int32_t *zero,
                     int32_t lo, int32_t hi, const qat_sgd *step, const float *dy, const float *w,
                     const float *velocity, float *new_w, float *new_velocity, double *sums);
// Adam (Kingma and Ba, arXiv:1412.6980) at step t = 1, 2, …; `decoupled`: AdamW (Loshchilov and
// Hutter, arXiv:1711.05101), the decay shrinks w by rate * weight_decay instead of joining g.
//   m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
//   w -= rate / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + epsilon)
void qat_adam_f32(int64_t count, const float *gradient, int64_t step, float rate, float beta1,
                  float beta2, float epsilon, float weight_decay, bool decoupled, const float *w,
                  const float *m, const float *v, float *new_w, float *new_m, float *new_v);
