#include "sgd.h"

// Builds without optimization do not vectorise, and would warn of it.
#pragma clang diagnostic ignored "-Wpass-failed"

// Old and new state may be the same memory, element on element, which is what the pragmas are for.
#define ELEMENTS _Pragma("clang loop vectorize(assume_safety)") for (int64_t i = 0; i < count; i++)

QAT_INLINE void qat_sgd_f32_body(int64_t count, const qat_sgd *step, const float *gradient,
                                 const float *w, const float *velocity, float *new_w,
                                 float *new_velocity) {
  const qat_sgd s = *step;
  ELEMENTS {
    float moved = w[i], v = velocity[i];
    QAT_SGD_STEP(s, moved, gradient[i], v);
    new_velocity[i] = v;
    new_w[i] = moved;
  }
}
QAT_VERSIONS(qat_sgd_f32,
             (int64_t count, const qat_sgd *step, const float *gradient, const float *w,
              const float *velocity, float *new_w, float *new_velocity),
             (count, step, gradient, w, velocity, new_w, new_velocity))

// sqrtf may set errno, which keeps a loop from becoming vectors.
QAT_INLINE float root_of(float x) { return __builtin_elementwise_sqrt(x); }

QAT_INLINE void adam(int64_t count, const float *gradient, float step_size, float root, float beta1,
                     float beta2, float epsilon, float coupled, float shrink, const float *w,
                     const float *m, const float *v, float *new_w, float *new_m, float *new_v) {
  ELEMENTS {
    const float g = gradient[i] + coupled * w[i];
    const float first = beta1 * m[i] + (1.0f - beta1) * g;
    const float second = beta2 * v[i] + (1.0f - beta2) * (g * g);
    new_m[i] = first;
    new_v[i] = second;
    new_w[i] = w[i] * shrink - step_size * (first / (root_of(second) / root + epsilon));
  }
}

QAT_INLINE void qat_adam_f32_body(int64_t count, const float *gradient, int64_t step, float rate,
                                  float beta1, float beta2, float epsilon, float weight_decay,
                                  bool decoupled, const float *w, const float *m, const float *v,
                                  float *new_w, float *new_m, float *new_v) {
  const double first = 1 - pow(beta1, (double)step), second = 1 - pow(beta2, (double)step);
  adam(count, gradient, (float)(rate / first), (float)sqrt(second), beta1, beta2, epsilon,
       decoupled ? 0 : weight_decay, decoupled ? 1.0f - rate * weight_decay : 1, w, m, v, new_w,
       new_m, new_v);
}
QAT_VERSIONS(qat_adam_f32,
             (int64_t count, const float *gradient, int64_t step, float rate, float beta1,
              float beta2, float epsilon, float weight_decay, bool decoupled, const float *w,
              const float *m, const float *v, float *new_w, float *new_m, float *new_v),
             (count, gradient, step, rate, beta1, beta2, epsilon, weight_decay, decoupled, w, m, v,
              new_w, new_m, new_v))
