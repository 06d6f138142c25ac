#include "kernel.h"

static void transpose(int64_t lines, int64_t k, const float *x, int64_t stride, int width,
                      int64_t taps, float *to) {
  const int64_t depth = k / taps;
  if (lines < width) memset(to, 0, (size_t)(k * width) * sizeof *to);
  // Eight steps of all lines at a time: reads and writes both stay inside a few cache lines.
  for (int64_t l = 0; l < k; l += 8)
    for (int64_t i = 0; i < lines; i++)
      for (int64_t s = l; s < qat_min(k, l + 8); s++)
        to[(s % taps * depth + s / taps) * width + i] = x[i * stride + s];
}

void qat_transpose_lines(int64_t lines, int64_t k, const float *x, int64_t stride, int width,
                         int64_t taps, float *to) {
  const qat_sgemm_kernel *kernel = qat_sgemm_best();
  if (kernel->transpose) kernel->transpose(lines, k, x, stride, width, taps, to);
  else transpose(lines, k, x, stride, width, taps, to);
}

// Rows of neighbouring values, cut to the panel's width and filled up with zeros.
static void copy_lines(int64_t lines, int64_t k, const float *x, int64_t stride, int width,
                       float *to) {
  if (lines == 32 && width == 32) {
    for (int64_t l = 0; l < k; l++) memcpy(to + l * 32, x + l * stride, 32 * sizeof *to);
    return;
  }
  for (int64_t l = 0; l < k; l++, to += width, x += stride) {
    memcpy(to, x, (size_t)lines * sizeof *to);
    for (int64_t i = lines; i < width; i++) to[i] = 0;
  }
}

void qat_sgemm_pack_panel(int64_t lines, int64_t k, const float *x, int64_t stride,
                          bool contiguous, int width, float *to) {
  if (contiguous) qat_transpose_lines(lines, k, x, stride, width, 1, to);
  else copy_lines(lines, k, x, stride, width, to);
}

size_t qat_sgemm_packed_b_size(int64_t k, int64_t n) { return (size_t)(qat_round_up(n, 16) * k); }

void qat_sgemm_pack_b(int64_t k, int64_t n, const float *x, int64_t stride, bool transposed,
                      float *packed) {
  for (int64_t j = 0; j < n; j += QAT_TILE_COLUMNS) {
    const int width = qat_panel_width(n, j);
    qat_sgemm_pack_panel(qat_min(width, n - j), k, x + (transposed ? j * stride : j), stride,
                         transposed, width, packed + j * k);
  }
}
