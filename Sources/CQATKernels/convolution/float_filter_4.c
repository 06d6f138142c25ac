// F(4 x 4, 3 x 3) with the points 0, +-a, +-b and infinity for a = 5/8 and b = 3/2:
//   G  = (1 0 0)/n0; (1 a a2)/na; (1 -a a2)/na; (1 b b2)/nb; (1 -b b2)/nb; (0 0 1)
//        where n0 = a2 b2, na = 2 a2 (a2 - b2), nb = 2 b2 (b2 - a2)
//   B' = (a2 b2, 0, -a2 - b2, 0, 1, 0); (0, -+ a b2, -b2, +-a, 1, 0); (0, -+ b a2, -a2, +-b, 1, 0);
//        (0, a2 b2, 0, -a2 - b2, 0, 1)
//   A' = (1 1 1 1 1 0); (0 a -a b -b 0); (0 a2 a2 b2 b2 0); (0 a3 -a3 b3 -b3 1)
// These points round half as badly as 0, +-1, +-2 do: to 2.4 times the error of a sum of products, for
// random numbers, where those are at 5. All constants but the n are floats without an error.
#include "winograd.h"

enum { SIDE = 6, STEP = 4, POSITIONS = SIDE * SIDE, RESULTS = STEP * STEP, LANES = 16 };

#define A 0.625f
#define B 1.5f
#define A2 (A * A)
#define B2 (B * B)

// B' d.
#define SEE(d, r)                                                   \
  {                                                                 \
    const float even_a = fmaf(-B2, (d)[2], (d)[4]);                 \
    const float even_b = fmaf(-A2, (d)[2], (d)[4]);                 \
    const float odd_a = fmaf(-B2, (d)[1], (d)[3]);                  \
    const float odd_b = fmaf(-A2, (d)[1], (d)[3]);                  \
    (r)[0] = fmaf(A2 * B2, (d)[0], fmaf(-A2 - B2, (d)[2], (d)[4])); \
    (r)[1] = fmaf(A, odd_a, even_a);                                \
    (r)[2] = fmaf(-A, odd_a, even_a);                               \
    (r)[3] = fmaf(B, odd_b, even_b);                                \
    (r)[4] = fmaf(-B, odd_b, even_b);                               \
    (r)[5] = fmaf(A2 * B2, (d)[1], fmaf(-A2 - B2, (d)[3], (d)[5])); \
  }

// A' m.
#define FINISH(m, r)                                                \
  {                                                                 \
    const float p = (m)[1] + (m)[2], q = (m)[1] - (m)[2];           \
    const float v = (m)[3] + (m)[4], t = (m)[3] - (m)[4];           \
    (r)[0] = (m)[0] + p + v;                                        \
    (r)[1] = fmaf(B, t, A * q);                                     \
    (r)[2] = fmaf(B2, v, A2 * p);                                   \
    (r)[3] = fmaf(B2 * B, t, fmaf(A2 * A, q, (m)[5]));              \
  }

// A e.
#define SPREAD(e, r)                                                \
  {                                                                 \
    const float even_a = fmaf(A2, (e)[2], (e)[0]);                  \
    const float even_b = fmaf(B2, (e)[2], (e)[0]);                  \
    const float odd_a = fmaf(A2, (e)[3], (e)[1]);                   \
    const float odd_b = fmaf(B2, (e)[3], (e)[1]);                   \
    (r)[0] = (e)[0];                                                \
    (r)[1] = fmaf(A, odd_a, even_a);                                \
    (r)[2] = fmaf(-A, odd_a, even_a);                               \
    (r)[3] = fmaf(B, odd_b, even_b);                                \
    (r)[4] = fmaf(-B, odd_b, even_b);                               \
    (r)[5] = (e)[3];                                                \
  }

// Lines of channels, whose last block of 16 may begin inside the one before.
#define FOR_BLOCKS(channels, first) \
  for (int64_t at = 0, first = 0; at < (channels); at += LANES, first = qat_min(at, (channels)-LANES))

QAT_INLINE void see_body(int64_t channels, const void *const *pixels, float *to, int64_t step) {
  FOR_BLOCKS(channels, first) {
    _Pragma("clang loop vectorize(assume_safety)")
    for (int64_t c = 0; c < LANES; c++) {
      float lines[SIDE][SIDE];
      UNROLL for (int i = 0; i < SIDE; i++) {
        float d[SIDE];
        UNROLL for (int k = 0; k < SIDE; k++)
          d[k] = ((const float *)pixels[i * SIDE + k])[first + c];
        SEE(d, lines[i])
      }
      UNROLL for (int k = 0; k < SIDE; k++) {
        float d[SIDE], r[SIDE];
        UNROLL for (int i = 0; i < SIDE; i++) d[i] = lines[i][k];
        SEE(d, r)
        UNROLL for (int i = 0; i < SIDE; i++) to[(i * SIDE + k) * step + first + c] = r[i];
      }
    }
  }
}
static void see(int64_t channels, const void *const *pixels, float *to, int64_t step);
QAT_VERSIONS(see, (int64_t channels, const void *const *pixels, float *to, int64_t step),
             (channels, pixels, to, step))

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
  FOR_BLOCKS(channels, first) {
    _Pragma("clang loop vectorize(assume_safety)")
    for (int64_t o = 0; o < LANES; o++) {
      float lines[STEP][SIDE];
      UNROLL for (int i = 0; i < STEP; i++) {
        float e[STEP];
        UNROLL for (int k = 0; k < STEP; k++) e[k] = results[i * STEP + k][first + o];
        SPREAD(e, lines[i])
      }
      UNROLL for (int k = 0; k < SIDE; k++) {
        float e[STEP], r[SIDE];
        UNROLL for (int i = 0; i < STEP; i++) e[i] = lines[i][k];
        SPREAD(e, r)
        UNROLL for (int i = 0; i < SIDE; i++) to[(i * SIDE + k) * step + first + o] = r[i];
      }
    }
  }
}
static void spread(int64_t channels, const float *const *results, float *to, int64_t step);
QAT_VERSIONS(spread, (int64_t channels, const float *const *results, float *to, int64_t step),
             (channels, results, to, step))

#define N0 (A2 * B2)
#define NA (2 * A2 * (A2 - B2))
#define NB (2 * B2 * (B2 - A2))

// G' d.
#define GATHER(d, r)                                                                    \
  {                                                                                     \
    const float a = 1 / NA, b = 1 / NB;                                                 \
    const float p = a * ((d)[1] + (d)[2]), q = a * A * ((d)[1] - (d)[2]);               \
    const float v = b * ((d)[3] + (d)[4]), t = b * B * ((d)[3] - (d)[4]);               \
    (r)[0] = fmaf(1 / N0, (d)[0], p + v);                                               \
    (r)[1] = q + t;                                                                     \
    (r)[2] = fmaf(A2, p, fmaf(B2, v, (d)[5]));                                          \
  }

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

// G g.
#define WEIGH(g0, g1, g2, r)                                              \
  {                                                                       \
    const double a = 1.0 / NA, b = 1.0 / NB;                              \
    const double even_a = a * ((g0) + A2 * (g2)), odd_a = a * A * (g1);   \
    const double even_b = b * ((g0) + B2 * (g2)), odd_b = b * B * (g1);   \
    (r)[0] = 1.0 / N0 * (g0);                                             \
    (r)[1] = even_a + odd_a;                                              \
    (r)[2] = even_a - odd_a;                                              \
    (r)[3] = even_b + odd_b;                                              \
    (r)[4] = even_b - odd_b;                                              \
    (r)[5] = (g2);                                                        \
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

const qat_filtering qat_filtering_4 = {SIDE, STEP, 2 * QAT_TILE_ROWS, see, finish,
                                       spread, gather, weigh};
