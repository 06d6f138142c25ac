#include "../elementwise/math.h"

#define LANES _Pragma("clang loop vectorize(assume_safety)")

static void keep(const qat_recurrent_record *s, int64_t entry, const float *from, float *to) {
  memcpy(to + entry * s->hidden, from + entry * s->hidden, (size_t)s->hidden * sizeof *to);
}

QAT_INLINE void qat_lstm_record_row_body(int64_t n, const float *a, const float *b, const float *c,
                                         float *gates, float *next_c, float *next) {
  LANES for (int64_t j = 0; j < n; j++) {
    const float i = qat_sigmoid(a[j] + b[j]), o = qat_sigmoid(a[n + j] + b[n + j]);
    const float f = qat_sigmoid(a[2 * n + j] + b[2 * n + j]);
    const float g = qat_tanh(a[3 * n + j] + b[3 * n + j]), cell = f * c[j] + i * g;
    gates[j] = i;
    gates[n + j] = o;
    gates[2 * n + j] = f;
    gates[3 * n + j] = g;
    next_c[j] = cell;
    next[j] = o * qat_tanh(cell);
  }
}
void qat_lstm_record_row(int64_t n, const float *a, const float *b, const float *c, float *gates,
                         float *next_c, float *next);
QAT_VERSIONS(qat_lstm_record_row,
             (int64_t n, const float *a, const float *b, const float *c, float *gates,
              float *next_c, float *next),
             (n, a, b, c, gates, next_c, next))

void qat_lstm_record(const qat_recurrent_record *s, const float *c, float *next_c) {
  const int64_t n = s->hidden;
  for (int64_t e = 0; e < s->entries; e++) {
    if (s->rows[e] >= 0) {
      qat_lstm_record_row(n, s->input + s->rows[e] * 4 * n, s->state + e * 4 * n, c + e * n,
                          s->gates + e * 4 * n, next_c + e * n, s->next + e * n);
    } else {
      keep(s, e, s->h, s->next);
      keep(s, e, c, next_c);
    }
  }
}

QAT_INLINE void qat_gru_record_gates_row_body(int64_t n, const float *a, const float *b,
                                              const float *h, float *gates, float *reset) {
  LANES for (int64_t j = 0; j < n; j++) {
    const float r = qat_sigmoid(a[n + j] + b[n + j]);
    gates[j] = qat_sigmoid(a[j] + b[j]);
    gates[n + j] = r;
    reset[j] = r * h[j];
  }
}
void qat_gru_record_gates_row(int64_t n, const float *a, const float *b, const float *h,
                              float *gates, float *reset);
QAT_VERSIONS(qat_gru_record_gates_row,
             (int64_t n, const float *a, const float *b, const float *h, float *gates,
              float *reset),
             (n, a, b, h, gates, reset))

void qat_gru_record_gates(const qat_recurrent_record *s, float *reset) {
  const int64_t n = s->hidden;
  for (int64_t e = 0; e < s->entries; e++) {
    if (s->rows[e] >= 0)
      qat_gru_record_gates_row(n, s->input + s->rows[e] * 3 * n, s->state + e * 2 * n,
                               s->h + e * n, s->gates + e * 3 * n, reset + e * n);
    else
      memset(reset + e * n, 0, (size_t)n * sizeof *reset);
  }
}

QAT_INLINE void qat_gru_record_row_body(int64_t n, const float *a, const float *product,
                                        bool scales, const float *h, float *gates, float *next) {
  LANES for (int64_t j = 0; j < n; j++) {
    const float z = gates[j], r = scales ? gates[n + j] : 1.0f;
    const float g = qat_tanh(a[2 * n + j] + r * product[j]);
    gates[2 * n + j] = g;
    next[j] = (1.0f - z) * g + z * h[j];
  }
}
void qat_gru_record_row(int64_t n, const float *a, const float *product, bool scales,
                        const float *h, float *gates, float *next);
QAT_VERSIONS(qat_gru_record_row,
             (int64_t n, const float *a, const float *product, bool scales, const float *h,
              float *gates, float *next),
             (n, a, product, scales, h, gates, next))

void qat_gru_record(const qat_recurrent_record *s, const float *product, bool scales) {
  const int64_t n = s->hidden;
  for (int64_t e = 0; e < s->entries; e++) {
    if (s->rows[e] >= 0)
      qat_gru_record_row(n, s->input + s->rows[e] * 3 * n, product + e * n, scales, s->h + e * n,
                         s->gates + e * 3 * n, s->next + e * n);
    else
      keep(s, e, s->h, s->next);
  }
}

QAT_INLINE void qat_lstm_slopes_row_body(int64_t n, const float *gates, const float *c,
                                         const float *next_c, float *dh, float *dc, float *d) {
  LANES for (int64_t j = 0; j < n; j++) {
    const float i = gates[j], o = gates[n + j], f = gates[2 * n + j], g = gates[3 * n + j];
    const float t = qat_tanh(next_c[j]), cell = dc[j] + dh[j] * o * (1.0f - t * t);
    d[j] = cell * g * (i * (1.0f - i));
    d[n + j] = dh[j] * t * (o * (1.0f - o));
    d[2 * n + j] = cell * c[j] * (f * (1.0f - f));
    d[3 * n + j] = cell * i * (1.0f - g * g);
    dc[j] = cell * f;
    dh[j] = 0;
  }
}
void qat_lstm_slopes_row(int64_t n, const float *gates, const float *c, const float *next_c,
                         float *dh, float *dc, float *d);
QAT_VERSIONS(qat_lstm_slopes_row,
             (int64_t n, const float *gates, const float *c, const float *next_c, float *dh,
              float *dc, float *d),
             (n, gates, c, next_c, dh, dc, d))

void qat_lstm_slopes(const qat_recurrent_slopes *s, const float *c, const float *next_c,
                     float *dc) {
  const int64_t n = s->hidden;
  const size_t bytes = (size_t)(4 * n) * sizeof(float);
  for (int64_t e = 0; e < s->entries; e++) {
    float *d = s->d_state + e * 4 * n;
    if (s->rows[e] >= 0) {
      qat_lstm_slopes_row(n, s->gates + e * 4 * n, c + e * n, next_c + e * n, s->dh + e * n,
                          dc + e * n, d);
      memcpy(s->d_input + s->rows[e] * 4 * n, d, bytes);
    } else {
      memset(d, 0, bytes);
    }
  }
}

QAT_INLINE void qat_gru_slopes_row_body(int64_t n, const float *gates, const float *h,
                                        const float *product, bool scales, float *dh, float *d,
                                        float *d_state, float *d_product) {
  LANES for (int64_t j = 0; j < n; j++) {
    const float z = gates[j], r = gates[n + j], g = gates[2 * n + j];
    const float dz = dh[j] * (h[j] - g) * (z * (1.0f - z));
    const float dg = dh[j] * (1.0f - z) * (1.0f - g * g);
    const float dr = scales ? dg * product[j] * (r * (1.0f - r)) : 0;
    d[j] = d_state[j] = dz;
    d[n + j] = d_state[n + j] = dr;
    d[2 * n + j] = dg;
    d_product[j] = scales ? dg * r : dg;
    dh[j] *= z;
  }
}
void qat_gru_slopes_row(int64_t n, const float *gates, const float *h, const float *product,
                        bool scales, float *dh, float *d, float *d_state, float *d_product);
QAT_VERSIONS(qat_gru_slopes_row,
             (int64_t n, const float *gates, const float *h, const float *product, bool scales,
              float *dh, float *d, float *d_state, float *d_product),
             (n, gates, h, product, scales, dh, d, d_state, d_product))

void qat_gru_slopes(const qat_recurrent_slopes *s, const float *product, bool scales,
                    float *d_product) {
  const int64_t n = s->hidden;
  for (int64_t e = 0; e < s->entries; e++) {
    float *d_state = s->d_state + e * 2 * n;
    if (s->rows[e] >= 0) {
      qat_gru_slopes_row(n, s->gates + e * 3 * n, s->h + e * n, product + e * n, scales,
                         s->dh + e * n, s->d_input + s->rows[e] * 3 * n, d_state,
                         d_product + e * n);
    } else {
      memset(d_state, 0, (size_t)(2 * n) * sizeof *d_state);
      memset(d_product + e * n, 0, (size_t)n * sizeof *d_product);
    }
  }
}

void qat_gru_reset_slopes(const qat_recurrent_slopes *s, const float *d_reset) {
  const int64_t n = s->hidden;
  for (int64_t e = 0; e < s->entries; e++) {
    if (s->rows[e] < 0) continue;
    const float *r = s->gates + (e * 3 + 1) * n, *h = s->h + e * n, *from = d_reset + e * n;
    float *dh = s->dh + e * n, *d_state = s->d_state + (e * 2 + 1) * n;
    float *d = s->d_input + (s->rows[e] * 3 + 1) * n;
    for (int64_t j = 0; j < n; j++) {
      d[j] = d_state[j] = from[j] * h[j] * (r[j] * (1.0f - r[j]));
      dh[j] += from[j] * r[j];
    }
  }
}
