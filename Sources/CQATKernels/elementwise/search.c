#include "../internal.h"

// Whether a is better than b.
QAT_INLINE bool beats(bool smallest, float a, float b) {
  return (smallest ? a < b : a > b) || (a != a && b == b);
}

void qat_arg_extremum_f32(bool smallest, bool last, int64_t outer, int64_t axis, int64_t inner,
                          const float *x, int64_t *index) {
  enum { WIDTH = 256 };
  float best[WIDTH];
  for (int64_t o = 0; o < outer; o++) {
    const float *plane = x + o * axis * inner;
    for (int64_t first = 0; first < inner; first += WIDTH) {
      const int64_t width = qat_min(WIDTH, inner - first);
      int64_t *found = index + o * inner + first;
      for (int64_t i = 0; i < width; i++) best[i] = plane[first + i], found[i] = 0;
      for (int64_t a = 1; a < axis; a++) {
        const float *row = plane + a * inner + first;
        for (int64_t i = 0; i < width; i++)
          if (last ? !beats(smallest, best[i], row[i]) : beats(smallest, row[i], best[i]))
            best[i] = row[i], found[i] = a;
      }
    }
  }
}
