// Minimal filtering works on squares of `step` x `step` results, which see `side` x `side` pixels.
// Squares are counted over all images, pixels and results of one row by row.
#pragma once
#include "shape.h"

// The first row and column of a square among the results of its image.
typedef struct { int64_t image, row, column; } square;

QAT_INLINE int64_t squares_across(const qat_conv_shape *s, int step) {
  return qat_ceil_div(s->out_width, step);
}
QAT_INLINE int64_t squares_of_image(const qat_conv_shape *s, int step) {
  return qat_ceil_div(s->out_height, step) * squares_across(s, step);
}
QAT_INLINE square square_at(const qat_conv_shape *s, int step, int64_t number) {
  const int64_t plane = squares_of_image(s, step), columns = squares_across(s, step);
  return (square){number / plane, number % plane / columns * step, number % columns * step};
}
// Where the pixels are that a square sees, elements of `size` bytes; `outside` beyond the image.
QAT_INLINE void find_pixels(const qat_conv_shape *s, int side, square q, const void *x,
                            int64_t size, const void *outside, const void **pixels) {
  const int64_t bytes = s->in_channels * size, left = q.column - s->pad_left;
  for (int64_t i = 0; i < side; i++, pixels += side) {
    const int64_t row = q.row - s->pad_top + i;
    const bool inside = row >= 0 && row < s->in_height;
    const uint8_t *from = (const uint8_t *)x
                          + (q.image * s->in_height + (inside ? row : 0)) * s->in_width * bytes;
    for (int64_t k = 0; k < side; k++)
      pixels[k] = inside && left + k >= 0 && left + k < s->in_width ? from + (left + k) * bytes
                                                                    : outside;
  }
}

// Bytes from one square to the next, and from one position to that of as many squares: no multiples
// of 4 KiB, which would share a set of the level-1 cache.
enum { GAP = 64 };
QAT_INLINE int64_t square_bytes(int64_t bytes) { return bytes % 4096 ? bytes : bytes + GAP; }
QAT_INLINE int64_t position_bytes(int64_t squares, int64_t bytes) {
  return squares * square_bytes(bytes) + GAP;
}
