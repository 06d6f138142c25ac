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

QAT_INLINE void transpose_block(const uint8_t *from, int64_t stride, uint8_t *to,
                                int64_t to_stride) {
  bytes16 r[16];
  for (int i = 0; i < 16; i++) memcpy(&r[i], from + i * stride, 16);
  transpose16(r);
  for (int i = 0; i < 16; i++) memcpy(to + i * to_stride, &r[i], 16);
}

QAT_INLINE void transpose_rest(int64_t rows, int64_t first, int64_t last, const uint8_t *from,
                               int64_t stride, uint8_t *to, int64_t to_stride) {
  for (int64_t j = first; j < last; j++)
    for (int64_t i = 0; i < rows; i++) to[j * to_stride + i] = from[i * stride + j];
}

// Three planes to pixels.
QAT_INLINE int64_t three_rows(int64_t columns, const uint8_t *from, int64_t stride, uint8_t *to) {
  int64_t j = 0;
  for (; j + 16 <= columns; j += 16, to += 48) {
    bytes16 a, b, c;
    memcpy(&a, from + j, 16);
    memcpy(&b, from + stride + j, 16);
    memcpy(&c, from + 2 * stride + j, 16);
    const bytes16 ab0 = __builtin_shufflevector(a, b, 0, 16, -1, 1, 17, -1, 2, 18, -1, 3, 19, -1, 4,
                                                20, -1, 5);
    const bytes16 ab1 = __builtin_shufflevector(a, b, 21, -1, 6, 22, -1, 7, 23, -1, 8, 24, -1, 9,
                                                25, -1, 10, 26);
    const bytes16 ab2 = __builtin_shufflevector(a, b, -1, 11, 27, -1, 12, 28, -1, 13, 29, -1, 14,
                                                30, -1, 15, 31, -1);
    const bytes16 pixels[3] = {
      __builtin_shufflevector(ab0, c, 0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15),
      __builtin_shufflevector(ab1, c, 0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15),
      __builtin_shufflevector(ab2, c, 26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31),
    };
    memcpy(to, pixels, 48);
  }
  return j;
}

// Fewer than 16 rows, such as the planes of an image to pixels: 16 columns at a time, whose bytes
// overlap those of the next columns, which come later. The last columns must not.
QAT_INLINE void few_rows(int64_t rows, int64_t columns, const uint8_t *from, int64_t stride,
                         uint8_t *to, int64_t to_stride) {
  const int64_t safe = to_stride == rows ? columns - qat_ceil_div(16, rows) : 0;
  int64_t j = rows == 3 && to_stride == 3 ? three_rows(columns, from, stride, to) : 0;
  for (; j + 16 <= safe; j += 16) {
    bytes16 r[16] = {0};
    for (int64_t i = 0; i < rows; i++) memcpy(&r[i], from + i * stride + j, 16);
    transpose16(r);
    for (int k = 0; k < 16; k++) memcpy(to + (j + k) * to_stride, &r[k], 16);
  }
  transpose_rest(rows, j, columns, from, stride, to, to_stride);
}

// Fewer than 16 columns, such as pixels to planes: rows are read 16 bytes wide while that stays
// inside.
QAT_INLINE void few_columns(int64_t rows, int64_t columns, const uint8_t *from, int64_t stride,
                            uint8_t *to, int64_t to_stride) {
  int64_t i = 0;
  for (; (i + 16) * stride + 16 <= rows * stride; i += 16) {
    bytes16 r[16];
    for (int k = 0; k < 16; k++) memcpy(&r[k], from + (i + k) * stride, 16);
    transpose16(r);
    for (int64_t k = 0; k < columns; k++) memcpy(to + k * to_stride + i, &r[k], 16);
  }
  transpose_rest(rows - i, 0, columns, from + i * stride, stride, to + i, to_stride);
}

QAT_INLINE void qat_transpose_bytes_body(int64_t rows, int64_t columns, const uint8_t *from,
                                         int64_t stride, uint8_t *to, int64_t to_stride) {
  if (rows < 16) return few_rows(rows, columns, from, stride, to, to_stride);
  if (columns < 16) return few_columns(rows, columns, from, stride, to, to_stride);
  // The last blocks overlap those before.
  for (int64_t i = 0; i < rows; i += 16)
    for (int64_t j = 0; j < columns; j += 16) {
      const int64_t row = qat_min(i, rows - 16), column = qat_min(j, columns - 16);
      transpose_block(from + row * stride + column, stride, to + column * to_stride + row,
                      to_stride);
    }
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
