#include "../internal.h"

enum { PIXELS = 256 };

// s[i] += x[i] * x[i]
QAT_INLINE void qat_add_squares_body(int64_t count, const float *x, float *s) {
  for (int64_t i = 0; i < count; i++) s[i] += x[i] * x[i];
}
void qat_add_squares(int64_t count, const float *x, float *s);
QAT_VERSIONS(qat_add_squares, (int64_t count, const float *x, float *s), (count, x, s))

// y = x / (bias + share * s)^0.75, by two square roots.
QAT_INLINE void qat_lrn_row_body(int64_t count, float bias, float share, const float *x,
                                 const float *s, float *y) {
  for (int64_t i = 0; i < count; i++) {
    const float root = sqrtf(bias + share * s[i]);
    y[i] = x[i] / (root * sqrtf(root));
  }
}
void qat_lrn_row(int64_t count, float bias, float share, const float *x, const float *s, float *y);
QAT_VERSIONS(qat_lrn_row,
             (int64_t count, float bias, float share, const float *x, const float *s, float *y),
             (count, bias, share, x, s, y))

typedef struct {
  int64_t channels, inner, blocks, before, behind;
  float share, beta, bias;
  const float *x;
  float *y;
} job;

static void block_of_pixels(void *context, int64_t chunk, int worker) {
  (void)worker;
  const job *j = context;
  const int64_t image = chunk / j->blocks, first = chunk % j->blocks * PIXELS;
  const int64_t count = qat_min(PIXELS, j->inner - first);
  const int64_t start = image * j->channels * j->inner + first;
  float squares[PIXELS];
  for (int64_t c = 0; c < j->channels; c++) {
    memset(squares, 0, sizeof squares);
    const int64_t last = qat_min(j->channels - 1, c + j->behind);
    for (int64_t other = qat_max(0, c - j->before); other <= last; other++)
      qat_add_squares(count, j->x + start + other * j->inner, squares);
    const float *x = j->x + start + c * j->inner;
    float *y = j->y + start + c * j->inner;
    if (j->beta == 0.75f) qat_lrn_row(count, j->bias, j->share, x, squares, y);
    else
      for (int64_t i = 0; i < count; i++)
        y[i] = x[i] * powf(j->bias + j->share * squares[i], -j->beta);
  }
}

void qat_lrn_f32(int64_t batch, int64_t channels, int64_t inner, int64_t before, int64_t behind,
                 float share, float beta, float bias, const float *x, float *y, qat_pool *pool) {
  const int64_t blocks = qat_ceil_div(inner, PIXELS);
  job j = {channels, inner, blocks, before, behind, share, beta, bias, x, y};
  qat_pool_run(pool, batch * blocks, block_of_pixels, &j);
}
