#include "depthwise_codes.h"

// Byte `row` of column x, channel c.
static uint8_t byte_at(const qat_depthwise_line *l, int64_t row, int64_t x, int64_t c) {
  const int64_t column = x - l->left;
  if (!l->lines[row] || column < 0 || column >= l->width) return l->zero;
  return l->lines[row][l->skipped + column * l->step + c] ^ l->flip;
}

void qat_depthwise_line__scalar(const qat_depthwise_line *l) {
  _Alignas(64) int32_t placed[QAT_DEPTHWISE_CHANNELS] = {0};
  for (int64_t at = 0; at < l->outputs * l->pixels; at++) {
    const int64_t o = at / l->pixels, p = at % l->pixels;
    for (int64_t c = 0; c < l->channels; c++) {
      const int64_t place = qat_depthwise_place(c);
      uint32_t sum = (uint32_t)l->start[place], plain = 0;
      for (int64_t j = 0; j < l->kernel_width; j++)
        for (int64_t i = 0; i < 4 * l->quads; i++) {
          const int64_t byte = ((j * l->quads + i / 4) * QAT_DEPTHWISE_CHANNELS + place) * 4 + i % 4;
          const uint8_t x = byte_at(l, i, p * l->stride + j * l->dilation, c);
          sum += (uint32_t)(x * l->w[o * l->weight_step + byte]);
          if (l->zeros && l->taken[4 * l->quads * o + i]) plain += x;
        }
      if (l->zeros) sum -= plain * (uint32_t)l->zeros[place];
      placed[place] = (int32_t)sum;
    }
    qat_depthwise_store(l, o, p, placed);
  }
}
