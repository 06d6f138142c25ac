// The transforms of a choice of m, from those of a line: the file that includes this one defines SIDE
// and STEP, and SEE (B' d), FINISH (A' m), SPREAD (A e), GATHER (G' d) and WEIGH (G g).
#pragma once
#include "winograd.h"

// The positions of count x count values, of which VALUE(from[i * count + k], c) is channel c: LINE of each
// row, then of each column. The last block of 16 channels may begin inside the one before.
#define MAKE_POSITIONS(count, LINE, from, VALUE)                                              \
  for (int64_t at = 0; at < channels; at += QAT_LANES) {                                      \
    const int64_t first = qat_min(at, channels - QAT_LANES);                                  \
    _Pragma("clang loop vectorize(assume_safety)")                                            \
    for (int64_t c = 0; c < QAT_LANES; c++) {                                                 \
      float lines[count][SIDE];                                                               \
      UNROLL for (int i = 0; i < count; i++) {                                                \
        float d[count];                                                                       \
        UNROLL for (int k = 0; k < count; k++)                                                \
          d[k] = VALUE((from)[i * count + k], first + c);                                     \
        LINE(d, lines[i])                                                                     \
      }                                                                                       \
      UNROLL for (int k = 0; k < SIDE; k++) {                                                 \
        float d[count], r[SIDE];                                                              \
        UNROLL for (int i = 0; i < count; i++) d[i] = lines[i][k];                            \
        LINE(d, r)                                                                            \
        UNROLL for (int i = 0; i < SIDE; i++) to[(i * SIDE + k) * step + first + c] = r[i];   \
      }                                                                                       \
    }                                                                                         \
  }

#define FLOAT(values, c) ((const float *)(values))[c]
#define SIGNED(values, c) ((float)(((const int8_t *)(values))[c] - zero) * scale)
#define UNSIGNED(values, c) ((float)(((const uint8_t *)(values))[c] - zero) * scale)

QAT_INLINE void see_body(int64_t channels, const void *const *pixels, float *to, int64_t step) {
  MAKE_POSITIONS(SIDE, SEE, pixels, FLOAT)
}
static void see(int64_t channels, const void *const *pixels, float *to, int64_t step);
QAT_VERSIONS(see, (int64_t channels, const void *const *pixels, float *to, int64_t step),
             (channels, pixels, to, step))

QAT_INLINE void see_codes_body(int64_t channels, const void *const *pixels, const qat_codes *codes,
                               float *to, int64_t step) {
  const float scale = codes->scale;
  const int32_t zero = codes->zero;
  if (codes->is_signed) MAKE_POSITIONS(SIDE, SEE, pixels, SIGNED)
  else MAKE_POSITIONS(SIDE, SEE, pixels, UNSIGNED)
}
static void see_codes(int64_t channels, const void *const *pixels, const qat_codes *codes,
                      float *to, int64_t step);
QAT_VERSIONS(see_codes,
             (int64_t channels, const void *const *pixels, const qat_codes *codes, float *to,
              int64_t step),
             (channels, pixels, codes, to, step))

QAT_INLINE void finish_with(const bool adds, int width, const float *from, int64_t step,
                            const float *bias, const float *const *residual, float low, float high,
                            float *const *y) {
  _Pragma("clang loop vectorize(assume_safety)")
  for (int c = 0; c < width; c++) {
    float lines[STEP][SIDE];
    UNROLL for (int k = 0; k < SIDE; k++) {
      float m[SIDE], r[STEP];
      UNROLL for (int i = 0; i < SIDE; i++) m[i] = from[(i * SIDE + k) * step + c];
      FINISH(m, r)
      UNROLL for (int i = 0; i < STEP; i++) lines[i][k] = r[i];
    }
    UNROLL for (int i = 0; i < STEP; i++) {
      float r[STEP];
      FINISH(lines[i], r)
      UNROLL for (int k = 0; k < STEP; k++) {
        float sum = r[k] + bias[c];
        if (adds) sum += residual[i * STEP + k][c];
        y[i * STEP + k][c] = sum < low ? low : sum > high ? high : sum;
      }
    }
  }
}
QAT_INLINE void finish_body(int width, const float *from, int64_t step, const float *bias,
                            const float *const *residual, float low, float high, float *const *y) {
  if (width == 32 && residual) finish_with(true, 32, from, step, bias, residual, low, high, y);
  else if (width == 32) finish_with(false, 32, from, step, bias, residual, low, high, y);
  else if (residual) finish_with(true, width, from, step, bias, residual, low, high, y);
  else finish_with(false, width, from, step, bias, residual, low, high, y);
}
static void finish(int width, const float *from, int64_t step, const float *bias,
                   const float *const *residual, float low, float high, float *const *y);
QAT_VERSIONS(finish,
             (int width, const float *from, int64_t step, const float *bias,
              const float *const *residual, float low, float high, float *const *y),
             (width, from, step, bias, residual, low, high, y))

QAT_INLINE void spread_body(int64_t channels, const float *const *results, float *to,
                            int64_t step) {
  MAKE_POSITIONS(STEP, SPREAD, results, FLOAT)
}
static void spread(int64_t channels, const float *const *results, float *to, int64_t step);
QAT_VERSIONS(spread, (int64_t channels, const float *const *results, float *to, int64_t step),
             (channels, results, to, step))

QAT_INLINE void gather_body(const float *from, int64_t step, float to[9][QAT_TILE_COLUMNS]) {
  for (int o = 0; o < QAT_TILE_COLUMNS; o++) {
    float lines[3][SIDE];
    UNROLL for (int k = 0; k < SIDE; k++) {
      float d[SIDE], r[3];
      UNROLL for (int i = 0; i < SIDE; i++) d[i] = from[(i * SIDE + k) * step + o];
      GATHER(d, r)
      UNROLL for (int i = 0; i < 3; i++) lines[i][k] = r[i];
    }
    UNROLL for (int i = 0; i < 3; i++) {
      float r[3];
      GATHER(lines[i], r)
      UNROLL for (int k = 0; k < 3; k++) to[3 * i + k][o] = r[k];
    }
  }
}
static void gather(const float *from, int64_t step, float to[9][QAT_TILE_COLUMNS]);
QAT_VERSIONS(gather, (const float *from, int64_t step, float to[9][QAT_TILE_COLUMNS]),
             (from, step, to))

QAT_INLINE void weigh_body(const float g[9][QAT_LANES], float *to, int64_t step) {
  _Pragma("clang loop vectorize(assume_safety)")
  for (int o = 0; o < QAT_LANES; o++) {
    double lines[3][SIDE];
    UNROLL for (int i = 0; i < 3; i++)
      WEIGH((double)g[3 * i][o], (double)g[3 * i + 1][o], (double)g[3 * i + 2][o], lines[i])
    UNROLL for (int k = 0; k < SIDE; k++) {
      double r[SIDE];
      WEIGH(lines[0][k], lines[1][k], lines[2][k], r)
      UNROLL for (int i = 0; i < SIDE; i++) to[(i * SIDE + k) * step + o] = (float)r[i];
    }
  }
}
static void weigh(const float g[9][QAT_LANES], float *to, int64_t step);
QAT_VERSIONS(weigh, (const float g[9][QAT_LANES], float *to, int64_t step), (g, to, step))
