// Minimal filtering F(2 x 2, 3 x 3) of Lavin and Gray (Fast algorithms for convolutional neural
// networks, 2016): the 4 x 4 pixels d that a square of 2 x 2 results sees, and the kernel g, become 16
// positions each,
//   U = G g G',  V = B' d B,  M = U V (a product over channels, one a position),  y = A' M A
//   G = (1 0 0; 1/2 1/2 1/2; 1/2 -1/2 1/2; 0 0 1)  B' = (1 0 -1 0; 0 1 1 0; 0 -1 1 0; 0 1 0 -1)
//   A' = (1 1 1 0; 0 1 -1 -1)
// 16 products make four results instead of 36. Gradients of weights, from those of results e:
//   E = A e A',  D = V E (a product over squares),  dg = G' D G
#pragma once
#include "nhwc.h"

enum { SIDE = 4, STEP = 2, MOST_SQUARES = 4 * QAT_TILE_ROWS };
#include "squares.h"

// Result `p` of a square, counted in pixels over all images; -1 beyond its image.
QAT_INLINE int64_t result_at(const qat_conv_shape *s, square q, int p) {
  const int64_t row = q.row + p / STEP, column = q.column + p % STEP;
  const bool inside = row < s->out_height && column < s->out_width;
  return inside ? (q.image * s->out_height + row) * s->out_width + column : -1;
}
// What results see stays in the level-2 cache, beside products and a panel of weights.
QAT_INLINE int64_t most_squares(const qat_conv_shape *s) {
  return qat_min(MOST_SQUARES, qat_max(16, (1 << 14) / s->in_channels));
}

// In floats.
QAT_INLINE int64_t square_step(int64_t channels) { return square_bytes(4 * channels) / 4; }
QAT_INLINE int64_t position_step(int64_t squares, int64_t channels) {
  return position_bytes(squares, 4 * channels) / 4;
}

QAT_INLINE size_t bytes_of(int64_t floats) { return aligned((size_t)floats * sizeof(float)); }
QAT_INLINE size_t positions_size(int64_t squares, int64_t channels) {
  return bytes_of(POSITIONS * position_step(squares, channels));
}
// Zeros where a square reaches beyond an image.
QAT_INLINE int64_t zero_count(const qat_conv_shape *s) {
  return qat_max(qat_max(s->in_channels, s->out_channels), QAT_TILE_COLUMNS);
}

// V of `count` squares from `first` on; room for `squares` at each position.
void qat_winograd_see(const qat_conv_shape *s, const float *x, const float *zero, int64_t first,
                      int64_t count, int64_t squares, float *seen);
