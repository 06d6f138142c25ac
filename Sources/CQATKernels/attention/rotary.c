#include "../internal.h"

typedef struct {
  int64_t heads, steps, size;
  qat_heads places;
  int64_t half;
  bool interleaved;
  const int64_t *positions;
  const float *cosine, *sine, *x;
  float *y;
} job;

QAT_INLINE void qat_rotary_head_body(const job *j, const float *c, const float *s, const float *x,
                                     float *y) {
  const int64_t half = j->half;
  if (j->interleaved)
    for (int64_t i = 0; i < half; i++) {
      const float a = x[2 * i], b = x[2 * i + 1];
      y[2 * i] = c[i] * a - s[i] * b;
      y[2 * i + 1] = s[i] * a + c[i] * b;
    }
  else
    for (int64_t i = 0; i < half; i++) {
      const float a = x[i], b = x[half + i];
      y[i] = c[i] * a - s[i] * b;
      y[half + i] = s[i] * a + c[i] * b;
    }
  for (int64_t i = 2 * half; i < j->size; i++) y[i] = x[i];
}
void qat_rotary_head(const job *j, const float *c, const float *s, const float *x, float *y);
QAT_VERSIONS(qat_rotary_head,
             (const job *j, const float *c, const float *s, const float *x, float *y),
             (j, c, s, x, y))

// All heads of one step.
static void chunk(void *context, int64_t row, int worker) {
  (void)worker;
  const job *j = context;
  const int64_t angles = (j->positions ? j->positions[row] : row) * j->half;
  const int64_t start = row / j->steps * j->places.entry + row % j->steps * j->places.step;
  for (int64_t head = 0; head < j->heads; head++) {
    const int64_t at = start + head * j->places.head;
    qat_rotary_head(j, j->cosine + angles, j->sine + angles, j->x + at, j->y + at);
  }
}

void qat_rotary_f32(int64_t batch, int64_t heads, int64_t steps, int64_t size, qat_heads places,
                    int64_t half, bool interleaved, const int64_t *positions, const float *cosine,
                    const float *sine, const float *x, float *y, qat_pool *pool) {
  job job = {heads, steps, size, places, half, interleaved, positions, cosine, sine, x, y};
  qat_pool_run(pool, batch * steps, chunk, &job);
}
