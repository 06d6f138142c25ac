// F(4 x 4, 3 x 3) with the points 0, +-a, +-b and infinity for a = 5/8 and b = 3/2:
//   G  = (1 0 0)/n0; (1 a a2)/na; (1 -a a2)/na; (1 b b2)/nb; (1 -b b2)/nb; (0 0 1)
//        where n0 = a2 b2, na = 2 a2 (a2 - b2), nb = 2 b2 (b2 - a2)
//   B' = (a2 b2, 0, -a2 - b2, 0, 1, 0); (0, -+ a b2, -b2, +-a, 1, 0); (0, -+ b a2, -a2, +-b, 1, 0);
//        (0, a2 b2, 0, -a2 - b2, 0, 1)
//   A' = (1 1 1 1 1 0); (0 a -a b -b 0); (0 a2 a2 b2 b2 0); (0 a3 -a3 b3 -b3 1)
// These points round half as badly as 0, +-1, +-2 do: to 2.4 times the error of a sum of products, for
// random numbers, where those are at 5. All constants but the n are floats without an error.
#include "winograd.h"

enum { SIDE = 6, STEP = 4 };

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

#include "float_filter.h"

const qat_filtering qat_filtering_4 = {SIDE, STEP, 2 * QAT_TILE_ROWS, see, see_codes,
                                       finish, spread, gather, weigh};
