#include "../internal.h"

QAT_INLINE void qat_sgd_f32_body(int64_t count, const float *gradient, float rate, float momentum,
                                 float dampening, bool nesterov, float weight_decay, float *w,
                                 float *velocity) {
  if (!velocity) {
    for (int64_t i = 0; i < count; i++) w[i] -= rate * (gradient[i] + weight_decay * w[i]);
    return;
  }
  const float fresh = 1.0f - dampening;
  for (int64_t i = 0; i < count; i++) {
    const float g = gradient[i] + weight_decay * w[i];
    const float v = momentum * velocity[i] + fresh * g;
    velocity[i] = v;
    w[i] -= rate * (nesterov ? g + momentum * v : v);
  }
}
QAT_VERSIONS(qat_sgd_f32,
             (int64_t count, const float *gradient, float rate, float momentum, float dampening,
              bool nesterov, float weight_decay, float *w, float *velocity),
             (count, gradient, rate, momentum, dampening, nesterov, weight_decay, w, velocity))

QAT_INLINE void adam(int64_t count, const float *gradient, float step_size, float root, float beta1,
                     float beta2, float epsilon, float coupled, float shrink, float *w, float *m,
                     float *v) {
  for (int64_t i = 0; i < count; i++) {
    const float g = gradient[i] + coupled * w[i];
    m[i] = beta1 * m[i] + (1.0f - beta1) * g;
    v[i] = beta2 * v[i] + (1.0f - beta2) * (g * g);
    w[i] = w[i] * shrink - step_size * (m[i] / (sqrtf(v[i]) / root + epsilon));
  }
}

QAT_INLINE void qat_adam_f32_body(int64_t count, const float *gradient, int64_t step, float rate,
                                  float beta1, float beta2, float epsilon, float weight_decay,
                                  bool decoupled, float *w, float *m, float *v) {
  const double first = 1 - pow(beta1, (double)step), second = 1 - pow(beta2, (double)step);
  adam(count, gradient, (float)(rate / first), (float)sqrt(second), beta1, beta2, epsilon,
       decoupled ? 0 : weight_decay, decoupled ? 1.0f - rate * weight_decay : 1, w, m, v);
}
QAT_VERSIONS(qat_adam_f32,
             (int64_t count, const float *gradient, int64_t step, float rate, float beta1,
              float beta2, float epsilon, float weight_decay, bool decoupled, float *w, float *m,
              float *v),
             (count, gradient, step, rate, beta1, beta2, epsilon, weight_decay, decoupled, w, m, v))
