// One channel a group, images channels last, 64 channels at a time: the input lines that an output
// line sees are turned, four by four, into columns of dwords (the same pixel of four lines), which
// one instruction multiplies by four weights; neighbouring pixels share the columns. So do as many
// neighbouring output lines as find their rows among the 4 * quads lines: each has the weights moved
// down by one more row.
//
// Unpacking bytes twice leaves channels in the order below; weights, starts and multipliers are kept
// in it, and packing the codes undoes it. Packed weights: for 64 channels, each of the output lines
// that share columns, each kernel column and each group of four input lines, [64][4], zero beyond
// the kernel; before them int32 sums of each channel's weights in plain order.
#pragma once
#include "codes.h"

enum { QAT_DEPTHWISE_CHANNELS = 64 };

// Where channel c of 64 stands.
QAT_INLINE int64_t qat_depthwise_place(int64_t c) {
  return c % 16 / 4 * 16 + c / 16 * 4 + c % 4;
}

struct qat_depthwise_line {
  int channels;                  // 1 ... 64
  int64_t outputs;               // output lines
  int64_t pixels, columns;       // of an output line (a part of it); of the input lines, padded
  int64_t quads;                 // groups of four input lines
  int64_t kernel_width, stride, dilation;
  const uint8_t *const *lines;   // 4 * quads input lines, or NULL outside the image
  int64_t skipped;               // bytes of them before the first of these columns
  int64_t left, width, step;     // padding; pixels of a line, and bytes between them
  uint8_t zero, flip;            // what lies outside, flipped; of the image
  const int8_t *w;
  int64_t weight_step, line_step;  // from an output line to the next: bytes of w, elements of y
  const int32_t *start;          // 64
  const int32_t *zeros;          // 64 zero points of the packed weights, or NULL
  const uint8_t *taken;          // with zeros: [outputs][quads][4], 1 inside the kernel
  bool is_plain;                 // without zero points, and `qat_igemm_is_plain`
  const float *m;                // 64, in the order above; those of `result` are in plain order
  uint8_t *turned;               // [columns][quads][64][4], 64-byte aligned
  qat_igemm_result result;       // of the first line: y, added, stride, ...
  void (*store)(const qat_igemm_result *result);
};

// Sums of a pixel of output line `o`, in the order above, to where they go, in any form.
QAT_INLINE void qat_depthwise_store(const qat_depthwise_line *line, int64_t o, int64_t pixel,
                                    const int32_t *placed) {
  _Alignas(64) int32_t sums[QAT_DEPTHWISE_CHANNELS];
  for (int part = 0; part < 4; part++)
    for (int quad = 0; quad < 4; quad++)
      memcpy(sums + 16 * part + 4 * quad, placed + 16 * quad + 4 * part, 16);
  qat_igemm_result result = line->result;
  const int64_t at = o * line->line_step + pixel * result.stride, size = element_size(result.result);
  for (int first = 0; first < line->channels; first += 32) {
    result.rows = 1;
    result.width = 32;
    result.columns = line->channels - first < 32 ? line->channels - first : 32;
    result.sums = sums + first;
    result.m = line->result.m + first;
    if (result.offset) result.offset = line->result.offset + first;
    result.y = (uint8_t *)line->result.y + (at + first) * size;
    if (result.add) result.added = line->result.added + at + first;
    line->store(&result);
  }
}
