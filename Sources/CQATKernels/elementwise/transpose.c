#include "../internal.h"

typedef uint8_t bytes16 __attribute__((vector_size(16)));

// 16 x 16 bytes: four rounds, each of which interleaves row i with row i + 8.
QAT_INLINE void transpose16(bytes16 r[16]) {
  for (int round = 0; round < 4; round++) {
    bytes16 t[16];
    for (int i = 0; i < 8; i++) {
      t[2 * i] = __builtin_shufflevector(r[i], r[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21,
                                         6, 22, 7, 23);
      t[2 * i + 1] = __builtin_shufflevector(r[i], r[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28,
                                             13, 29, 14, 30, 15, 31);
    }
    for (int i = 0; i < 16; i++) r[i] = t[i];
  }
}

QAT_INLINE void transpose_block(int64_t rows, int64_t columns, const uint8_t *from, int64_t stride,
                                uint8_t *to, int64_t to_stride) {
  if (rows == 16 && columns == 16) {
    bytes16 r[16];
    for (int i = 0; i < 16; i++) memcpy(&r[i], from + i * stride, 16);
    transpose16(r);
    for (int i = 0; i < 16; i++) memcpy(to + i * to_stride, &r[i], 16);
  } else {
    for (int64_t j = 0; j < columns; j++)
      for (int64_t i = 0; i < rows; i++) to[j * to_stride + i] = from[i * stride + j];
  }
}

// Three rows, as of colours, to neighbours: 16 columns at a time, of which each store writes 4 bytes
// too many, which the next one overwrites. Returns how many columns are done.
QAT_INLINE int64_t transpose_colours(int64_t columns, const uint8_t *from, int64_t stride,
                                     uint8_t *to) {
  int64_t j = 0;
  for (; j + 18 <= columns; j += 16) {
    bytes16 a, b, c;
    memcpy(&a, from + j, 16);
    memcpy(&b, from + stride + j, 16);
    memcpy(&c, from + 2 * stride + j, 16);
    const bytes16 low = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6,
                                                22, 7, 23);
    const bytes16 high = __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13,
                                                 29, 14, 30, 15, 31);
    const bytes16 parts[4] = {
      __builtin_shufflevector(low, c, 0, 1, 16, 2, 3, 17, 4, 5, 18, 6, 7, 19, 0, 0, 0, 0),
      __builtin_shufflevector(low, c, 8, 9, 20, 10, 11, 21, 12, 13, 22, 14, 15, 23, 0, 0, 0, 0),
      __builtin_shufflevector(high, c, 0, 1, 24, 2, 3, 25, 4, 5, 26, 6, 7, 27, 0, 0, 0, 0),
      __builtin_shufflevector(high, c, 8, 9, 28, 10, 11, 29, 12, 13, 30, 14, 15, 31, 0, 0, 0, 0),
    };
    for (int i = 0; i < 4; i++) memcpy(to + 3 * j + 12 * i, &parts[i], 16);
  }
  return j;
}

QAT_INLINE void qat_transpose_bytes_body(int64_t rows, int64_t columns, const uint8_t *from,
                                         int64_t stride, uint8_t *to, int64_t to_stride) {
  const int64_t done = rows == 3 && to_stride == 3 ? transpose_colours(columns, from, stride, to) : 0;
  for (int64_t i = 0; i < rows; i += 16)
    for (int64_t j = done; j < columns; j += 16)
      transpose_block(qat_min(16, rows - i), qat_min(16, columns - j), from + i * stride + j,
                      stride, to + j * to_stride + i, to_stride);
}
QAT_VERSIONS(qat_transpose_bytes,
             (int64_t rows, int64_t columns, const uint8_t *from, int64_t stride, uint8_t *to,
              int64_t to_stride),
             (rows, columns, from, stride, to, to_stride))

// The same of four-byte elements.
QAT_INLINE void qat_transpose_words_body(int64_t rows, int64_t columns, const void *from,
                                         int64_t stride, void *to, int64_t to_stride) {
  enum { SIDE = 16 };
  const uint32_t *source = from;
  uint32_t *target = to;
  for (int64_t i = 0; i < rows; i += SIDE)
    for (int64_t j = 0; j < columns; j += SIDE)
      for (int64_t c = j; c < qat_min(columns, j + SIDE); c++)
        for (int64_t r = i; r < qat_min(rows, i + SIDE); r++)
          target[c * to_stride + r] = source[r * stride + c];
}
QAT_VERSIONS(qat_transpose_words,
             (int64_t rows, int64_t columns, const void *from, int64_t stride, void *to,
              int64_t to_stride),
             (rows, columns, from, stride, to, to_stride))
