// Minimal filtering F(m x m, 3 x 3) of Lavin and Gray (Fast algorithms for convolutional neural
// networks, 2016): the pixels d that a square of m x m results sees, and the kernel g, become positions,
// as many as there are pixels,
//   U = G g G',  V = B' d B,  M = U V (a product over channels, one a position),  y = A' M A
// Gradients of weights, from those of results e:
//   E = A e A',  D = V E (a product over squares),  dg = G' D G
#pragma once
#include "nhwc.h"
#include "squares.h"

enum { MOST_POSITIONS = 36, MOST_RESULTS = 16 };

// One choice of m, and its transforms. Positions are `step` floats apart. There are 16 `channels` or more;
// `width` is up to 32 of them.
typedef struct {
  int side, step;  // of a square: pixels, results
  int most_squares;
  // to = V of the pixels' channels.
  void (*see)(int64_t channels, const void *const *pixels, float *to, int64_t step);
  // The same of pixels that are codes.
  void (*see_codes)(int64_t channels, const void *const *pixels, const qat_codes *codes, float *to,
                    int64_t step);
  // y = the results of products, with bias, residual (or NULL) and clamped.
  void (*finish)(int width, const float *from, int64_t step, const float *bias,
                 const float *const *residual, float low, float high, float *const *y);
  // to = E of the results' channels.
  void (*spread)(int64_t channels, const float *const *results, float *to, int64_t step);
  // to[3 * i + k] = G' D G.
  void (*gather)(const float *from, int64_t step, float to[9][QAT_TILE_COLUMNS]);
  // to = U of kernels, in doubles, to round once.
  void (*weigh)(const float g[9][QAT_LANES], float *to, int64_t step);
} qat_filtering;

// 16 products make four results instead of 36; 36 products make sixteen instead of 144.
extern const qat_filtering qat_filtering_2, qat_filtering_4;

QAT_INLINE int positions_of(const qat_filtering *f) { return f->side * f->side; }
QAT_INLINE int results_of(const qat_filtering *f) { return f->step * f->step; }

// Whether larger squares make fewer products. They round worse, which bfloat16 can't afford.
QAT_INLINE bool larger_is_less(const qat_conv_shape *s) {
  return !s->bf16 && positions_of(&qat_filtering_4) * squares_of_image(s, 4)
                         < positions_of(&qat_filtering_2) * squares_of_image(s, 2);
}

// The choice for a convolution and for the gradient of an input.
const qat_filtering *qat_filtering_of(const qat_conv_shape *s);

// Result `p` of a square, counted in pixels over all images; -1 beyond its image.
QAT_INLINE int64_t result_at(const qat_conv_shape *s, int step, square q, int p) {
  const int64_t row = q.row + p / step, column = q.column + p % step;
  const bool inside = row < s->out_height && column < s->out_width;
  return inside ? (q.image * s->out_height + row) * s->out_width + column : -1;
}
// What results see stays in the level-2 cache, beside products and a panel of weights.
QAT_INLINE int64_t most_squares(const qat_filtering *f, const qat_conv_shape *s) {
  const int64_t fitting = (1 << 18) / (positions_of(f) * s->in_channels);
  return qat_min(f->most_squares, qat_max(QAT_TILE_ROWS, fitting));
}

// In floats.
QAT_INLINE int64_t square_step(int64_t channels) { return square_bytes(4 * channels) / 4; }
QAT_INLINE int64_t position_step(int64_t squares, int64_t channels) {
  return position_bytes(squares, 4 * channels) / 4;
}

QAT_INLINE size_t bytes_of(int64_t floats) { return aligned((size_t)floats * sizeof(float)); }
QAT_INLINE size_t positions_size(const qat_filtering *f, int64_t squares, int64_t channels) {
  return bytes_of(positions_of(f) * position_step(squares, channels));
}
// Zeros where a square reaches beyond an image, of floats or codes.
QAT_INLINE int64_t zero_count(const qat_conv_shape *s) {
  return qat_max(qat_max(s->in_channels, s->out_channels), QAT_TILE_COLUMNS);
}

// V of a square, positions `step` floats apart.
void qat_winograd_see(const qat_filtering *f, const qat_conv_shape *s, const float *x,
                      const float *zero, int64_t number, float *to, int64_t step);

// Images are read and written in squares, which the CPU does not foresee. So what is needed later is
// fetched: the pixels of a square that are of no square before it, none behind the last square; their
// elements have `size` bytes.
void qat_winograd_fetch_pixels(const qat_filtering *f, const qat_conv_shape *s, const void *x,
                               int64_t size, int64_t number);
// And channels of the results of a square, or of what is shaped like them.
void qat_winograd_fetch_results(const qat_filtering *f, const qat_conv_shape *s, const float *y,
                                int64_t number, int64_t column, int64_t width);
