// F(2 x 2, 3 x 3):
//   G = (1 0 0; 1/2 1/2 1/2; 1/2 -1/2 1/2; 0 0 1)  B' = (1 0 -1 0; 0 1 1 0; 0 -1 1 0; 0 1 0 -1)
//   A' = (1 1 1 0; 0 1 -1 -1)
#include "winograd.h"

enum { SIDE = 4, STEP = 2 };

// B' d.
#define SEE(d, r)               \
  {                             \
    (r)[0] = (d)[0] - (d)[2];   \
    (r)[1] = (d)[1] + (d)[2];   \
    (r)[2] = (d)[2] - (d)[1];   \
    (r)[3] = (d)[1] - (d)[3];   \
  }

// A' m.
#define FINISH(m, r)                    \
  {                                     \
    (r)[0] = (m)[0] + (m)[1] + (m)[2];  \
    (r)[1] = (m)[1] - (m)[2] - (m)[3];  \
  }

// A e.
#define SPREAD(e, r)           \
  {                            \
    (r)[0] = (e)[0];           \
    (r)[1] = (e)[0] + (e)[1];  \
    (r)[2] = (e)[0] - (e)[1];  \
    (r)[3] = -(e)[1];          \
  }

// G' d.
#define GATHER(d, r)                                \
  {                                                 \
    const float half = ((d)[1] + (d)[2]) * 0.5f;    \
    (r)[0] = (d)[0] + half;                         \
    (r)[1] = ((d)[1] - (d)[2]) * 0.5f;              \
    (r)[2] = half + (d)[3];                         \
  }

// G g.
#define WEIGH(g0, g1, g2, r)                \
  {                                         \
    const double ends = ((g0) + (g2)) / 2;  \
    (r)[0] = (g0);                          \
    (r)[1] = ends + (g1) / 2;               \
    (r)[2] = ends - (g1) / 2;               \
    (r)[3] = (g2);                          \
  }

#include "float_filter.h"

const qat_filtering qat_filtering_2 = {SIDE, STEP, 4 * QAT_TILE_ROWS, see, see_codes,
                                       finish, spread, gather, weigh};
