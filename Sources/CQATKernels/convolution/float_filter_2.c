// F(2 x 2, 3 x 3):
//   G = (1 0 0; 1/2 1/2 1/2; 1/2 -1/2 1/2; 0 0 1)  B' = (1 0 -1 0; 0 1 1 0; 0 -1 1 0; 0 1 0 -1)
//   A' = (1 1 1 0; 0 1 -1 -1)
#include "winograd.h"

enum { SIDE = 4, STEP = 2, POSITIONS = SIDE * SIDE, RESULTS = STEP * STEP };

QAT_INLINE void see_body(int64_t channels, const void *const *pixels, float *to, int64_t step) {
  const float *from[POSITIONS];
  UNROLL for (int p = 0; p < POSITIONS; p++) from[p] = pixels[p];
  _Pragma("clang loop vectorize(assume_safety)")
  for (int64_t c = 0; c < channels; c++) {
    float r[SIDE][SIDE];
    UNROLL for (int i = 0; i < SIDE; i++) {
      const float d0 = from[i * SIDE][c], d1 = from[i * SIDE + 1][c], d2 = from[i * SIDE + 2][c],
                  d3 = from[i * SIDE + 3][c];
      r[i][0] = d0 - d2;
      r[i][1] = d1 + d2;
      r[i][2] = d2 - d1;
      r[i][3] = d1 - d3;
    }
    UNROLL for (int i = 0; i < SIDE; i++) {
      to[i * step + c] = r[0][i] - r[2][i];
      to[(SIDE + i) * step + c] = r[1][i] + r[2][i];
      to[(2 * SIDE + i) * step + c] = r[2][i] - r[1][i];
      to[(3 * SIDE + i) * step + c] = r[1][i] - r[3][i];
    }
  }
}
static void see(int64_t channels, const void *const *pixels, float *to, int64_t step);
QAT_VERSIONS(see, (int64_t channels, const void *const *pixels, float *to, int64_t step),
             (channels, pixels, to, step))

QAT_INLINE void finish_with(const bool adds, int width, const float *from, int64_t step,
                            const float *bias, const float *const *residual, float low, float high,
                            float *const *y) {
  const float *added[RESULTS];
  float *to[RESULTS];
  UNROLL for (int p = 0; p < RESULTS; p++) added[p] = adds ? residual[p] : bias, to[p] = y[p];
  _Pragma("clang loop vectorize(assume_safety)")
  for (int c = 0; c < width; c++) {
    float r[SIDE][STEP], sums[RESULTS];
    UNROLL for (int i = 0; i < SIDE; i++) {
      const float *m = from + i * SIDE * step + c;
      r[i][0] = m[0] + m[step] + m[2 * step];
      r[i][1] = m[step] - m[2 * step] - m[3 * step];
    }
    UNROLL for (int k = 0; k < STEP; k++) {
      sums[k] = r[0][k] + r[1][k] + r[2][k];
      sums[STEP + k] = r[1][k] - r[2][k] - r[3][k];
    }
    UNROLL for (int p = 0; p < RESULTS; p++) {
      float sum = sums[p] + bias[c];
      if (adds) sum += added[p][c];
      to[p][c] = sum < low ? low : sum > high ? high : sum;
    }
  }
}
QAT_INLINE void finish_body(int width, const float *from, int64_t step, const float *bias,
                            const float *const *residual, float low, float high, float *const *y) {
  if (residual) finish_with(true, width, from, step, bias, residual, low, high, y);
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
  const float *const e0 = results[0], *const e1 = results[1], *const e2 = results[2],
              *const e3 = results[3];
  _Pragma("clang loop vectorize(assume_safety)")
  for (int64_t o = 0; o < channels; o++) {
    const float e[STEP][STEP] = {{e0[o], e1[o]}, {e2[o], e3[o]}};
    float r[STEP][SIDE];
    UNROLL for (int i = 0; i < STEP; i++) {
      r[i][0] = e[i][0];
      r[i][1] = e[i][0] + e[i][1];
      r[i][2] = e[i][0] - e[i][1];
      r[i][3] = -e[i][1];
    }
    UNROLL for (int i = 0; i < SIDE; i++) {
      to[i * step + o] = r[0][i];
      to[(SIDE + i) * step + o] = r[0][i] + r[1][i];
      to[(2 * SIDE + i) * step + o] = r[0][i] - r[1][i];
      to[(3 * SIDE + i) * step + o] = -r[1][i];
    }
  }
}
static void spread(int64_t channels, const float *const *results, float *to, int64_t step);
QAT_VERSIONS(spread, (int64_t channels, const float *const *results, float *to, int64_t step),
             (channels, results, to, step))

QAT_INLINE void gather_body(const float *from, int64_t step, float to[9][QAT_TILE_COLUMNS]) {
  for (int o = 0; o < QAT_TILE_COLUMNS; o++) {
    float r[3][SIDE];
    UNROLL for (int i = 0; i < SIDE; i++) {
      const float *d = from + i * step + o;
      const float half = (d[SIDE * step] + d[2 * SIDE * step]) * 0.5f;
      r[0][i] = d[0] + half;
      r[1][i] = (d[SIDE * step] - d[2 * SIDE * step]) * 0.5f;
      r[2][i] = half + d[3 * SIDE * step];
    }
    UNROLL for (int i = 0; i < 3; i++) {
      const float half = (r[i][1] + r[i][2]) * 0.5f;
      to[3 * i][o] = r[i][0] + half;
      to[3 * i + 1][o] = (r[i][1] - r[i][2]) * 0.5f;
      to[3 * i + 2][o] = half + r[i][3];
    }
  }
}
static void gather(const float *from, int64_t step, float to[9][QAT_TILE_COLUMNS]);
QAT_VERSIONS(gather, (const float *from, int64_t step, float to[9][QAT_TILE_COLUMNS]),
             (from, step, to))

// G g.
#define WEIGH(g0, g1, g2, r)                       \
  {                                                \
    const double ends = ((g0) + (g2)) / 2;         \
    (r)[0] = (g0);                                 \
    (r)[1] = ends + (g1) / 2;                      \
    (r)[2] = ends - (g1) / 2;                      \
    (r)[3] = (g2);                                 \
  }

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

const qat_filtering qat_filtering_2 = {SIDE, STEP, 4 * QAT_TILE_ROWS, see, finish,
                                       spread, gather, weigh};
