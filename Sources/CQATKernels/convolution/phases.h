// The gradient of the input of a strided convolution falls apart: pixels whose row and column leave
// the same remainder see the same taps of the kernel, on a dense grid.
#pragma once
#include "shape.h"

QAT_INLINE int64_t phases(const qat_conv_shape *s) { return s->stride_y * s->stride_x; }

// Whether kernel position `i` reaches remainder `phase`.
QAT_INLINE bool reaches(int64_t phase, int64_t i, int64_t pad, int64_t dilation, int64_t stride) {
  return (phase + pad - i * dilation) % stride == 0;
}

// Whether tap `t` of the kernel reaches the pixels of a phase.
QAT_INLINE bool is_of_phase(const qat_conv_shape *s, int64_t phase, int64_t t) {
  return reaches(phase / s->stride_x, t / s->kernel_width, s->pad_top, s->dilation_y, s->stride_y)
         && reaches(phase % s->stride_x, t % s->kernel_width, s->pad_left, s->dilation_x,
                    s->stride_x);
}

QAT_INLINE int64_t taps_of_phase(const qat_conv_shape *s, int64_t phase) {
  int64_t count = 0;
  for (int64_t t = 0; t < taps(s); t++) count += is_of_phase(s, phase, t);
  return count;
}
