#include "../elementwise/math.h"

#define LANES _Pragma("clang loop vectorize(assume_safety)")

static void store(const qat_recurrent_step *s, int64_t entry) {
  if (s->y)
    memcpy(s->y + s->output_rows[entry] * s->hidden, s->h + entry * s->hidden,
           (size_t)s->hidden * sizeof *s->y);
}

QAT_INLINE void qat_lstm_row_body(int64_t n, const float *a, const float *b, float *c, float *h) {
  LANES for (int64_t j = 0; j < n; j++) {
    const float i = qat_sigmoid(a[j] + b[j]), o = qat_sigmoid(a[n + j] + b[n + j]);
    const float f = qat_sigmoid(a[2 * n + j] + b[2 * n + j]);
    const float g = qat_tanh(a[3 * n + j] + b[3 * n + j]);
    const float cell = f * c[j] + i * g;
    c[j] = cell;
    h[j] = o * qat_tanh(cell);
  }
}
void qat_lstm_row(int64_t n, const float *a, const float *b, float *c, float *h);
QAT_VERSIONS(qat_lstm_row, (int64_t n, const float *a, const float *b, float *c, float *h),
             (n, a, b, c, h))

void qat_lstm_step(const qat_recurrent_step *s, float *c) {
  const int64_t n = s->hidden;
  for (int64_t e = 0; e < s->entries; e++) {
    if (s->input_rows[e] < 0) continue;
    qat_lstm_row(n, s->input + s->input_rows[e] * 4 * n, s->state + e * 4 * n, c + e * n,
                 s->h + e * n);
    store(s, e);
  }
}

QAT_INLINE void qat_gru_reset_row_body(int64_t n, const float *a, const float *b, const float *h,
                                       float *reset) {
  LANES for (int64_t j = 0; j < n; j++) reset[j] = qat_sigmoid(a[n + j] + b[n + j]) * h[j];
}
void qat_gru_reset_row(int64_t n, const float *a, const float *b, const float *h, float *reset);
QAT_VERSIONS(qat_gru_reset_row,
             (int64_t n, const float *a, const float *b, const float *h, float *reset),
             (n, a, b, h, reset))

void qat_gru_reset(const qat_recurrent_step *s, float *reset) {
  const int64_t n = s->hidden;
  for (int64_t e = 0; e < s->entries; e++)
    if (s->input_rows[e] >= 0)
      qat_gru_reset_row(n, s->input + s->input_rows[e] * 3 * n, s->state + e * 2 * n, s->h + e * n,
                        reset + e * n);
}

QAT_INLINE void qat_gru_row_body(int64_t n, const float *a, const float *b, const float *product,
                                 bool scales, float *h) {
  LANES for (int64_t j = 0; j < n; j++) {
    const float z = qat_sigmoid(a[j] + b[j]);
    const float r = scales ? qat_sigmoid(a[n + j] + b[n + j]) : 1.0f;
    const float g = qat_tanh(a[2 * n + j] + r * product[j]);
    h[j] = (1.0f - z) * g + z * h[j];
  }
}
void qat_gru_row(int64_t n, const float *a, const float *b, const float *product, bool scales,
                 float *h);
QAT_VERSIONS(qat_gru_row,
             (int64_t n, const float *a, const float *b, const float *product, bool scales,
              float *h),
             (n, a, b, product, scales, h))

void qat_gru_step(const qat_recurrent_step *s, const float *product, bool scales) {
  const int64_t n = s->hidden;
  for (int64_t e = 0; e < s->entries; e++) {
    if (s->input_rows[e] < 0) continue;
    qat_gru_row(n, s->input + s->input_rows[e] * 3 * n, s->state + e * 2 * n, product + e * n,
                scales, s->h + e * n);
    store(s, e);
  }
}

QAT_INLINE void qat_rnn_row_body(int64_t n, const float *a, const float *b, bool relu, float *h) {
  if (relu) LANES for (int64_t j = 0; j < n; j++) h[j] = a[j] + b[j] > 0 ? a[j] + b[j] : 0;
  else LANES for (int64_t j = 0; j < n; j++) h[j] = qat_tanh(a[j] + b[j]);
}
void qat_rnn_row(int64_t n, const float *a, const float *b, bool relu, float *h);
QAT_VERSIONS(qat_rnn_row, (int64_t n, const float *a, const float *b, bool relu, float *h),
             (n, a, b, relu, h))

void qat_rnn_step(const qat_recurrent_step *s, bool relu) {
  const int64_t n = s->hidden;
  for (int64_t e = 0; e < s->entries; e++) {
    if (s->input_rows[e] < 0) continue;
    qat_rnn_row(n, s->input + s->input_rows[e] * n, s->state + e * n, relu, s->h + e * n);
    store(s, e);
  }
}
