#include "kernel.h"

typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint32_t words4 __attribute__((vector_size(16)));
typedef uint32_t words16 __attribute__((vector_size(64)));

#define LOW8(a, b) \
  __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH8(a, b) \
  __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#define LOW16(a, b) \
  __builtin_shufflevector(a, b, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23)
#define HIGH16(a, b) \
  __builtin_shufflevector(a, b, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31)

// Four rows of 16 neighbouring bytes to 16 columns of four.
QAT_INLINE void interleave(const uint8_t *b, int64_t stride, uint8_t flip, uint8_t *to) {
  bytes16 r[4];
  for (int i = 0; i < 4; i++) {
    memcpy(&r[i], b + i * stride, 16);
    r[i] ^= flip;
  }
  const bytes16 p = LOW8(r[0], r[1]), q = LOW8(r[2], r[3]);
  const bytes16 s = HIGH8(r[0], r[1]), t = HIGH8(r[2], r[3]);
  const bytes16 out[4] = {LOW16(p, q), HIGH16(p, q), LOW16(s, t), HIGH16(s, t)};
  memcpy(to, out, 64);
}

// In each four of words: the first or the last two of both, in turn; the first or the last pairs of both.
#define LOW32(a, b) \
  __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define HIGH32(a, b) \
  __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define LOW64(a, b) \
  __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define HIGH64(a, b) \
  __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)

// 16 columns (those from `columns` on are zero) of 16 neighbouring bytes to four groups, `step` bytes
// apart.
QAT_INLINE void turn(const uint8_t *b, int64_t stride, int64_t columns, uint8_t flip, uint8_t *to,
                     int64_t step) {
  words16 c[4];
  for (int i = 0; i < 4; i++) {
    words4 fours[4];  // of columns that are four apart
    for (int j = 0; j < 4; j++) {
      bytes16 column = {0};
      if (4 * j + i < columns) {
        memcpy(&column, b + (4 * j + i) * stride, 16);
        column ^= flip;
      }
      fours[j] = (words4)column;
    }
    c[i] = __builtin_shufflevector(
        __builtin_shufflevector(fours[0], fours[1], 0, 1, 2, 3, 4, 5, 6, 7),
        __builtin_shufflevector(fours[2], fours[3], 0, 1, 2, 3, 4, 5, 6, 7),
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  }
  const words16 p = LOW32(c[0], c[1]), q = LOW32(c[2], c[3]);
  const words16 s = HIGH32(c[0], c[1]), t = HIGH32(c[2], c[3]);
  const words16 out[4] = {LOW64(p, q), HIGH64(p, q), LOW64(s, t), HIGH64(s, t)};
  for (int i = 0; i < 4; i++) memcpy(to + i * step, &out[i], 64);
}

// `rows` rows of 16 columns of a segment, byte by byte.
QAT_INLINE void pack_rest(const uint8_t *b, int64_t row_stride, int64_t column_stride, uint8_t flip,
                          int64_t first, int64_t rows, int64_t columns, uint8_t *to, int64_t step) {
  for (int64_t l = first; l < rows; l++)
    for (int64_t j = 0; j < columns; j++)
      to[l / 4 * step + 4 * j + l % 4] = b[l * row_stride + j * column_stride] ^ flip;
}

// 16 columns (fewer at the edge, already zero) of a segment.
QAT_INLINE void pack_columns(const uint8_t *b, int64_t row_stride, int64_t column_stride,
                             uint8_t flip, int64_t run, int64_t columns, uint8_t *to,
                             int64_t step) {
  int64_t l = 0;
  if (columns == 16 && column_stride == 1)
    for (; l + 4 <= run; l += 4) interleave(b + l * row_stride, row_stride, flip, to + l / 4 * step);
  else if (columns == 16 && row_stride == 1)
    for (; l + 16 <= run; l += 16) turn(b + l, column_stride, 16, flip, to + l / 4 * step, step);
  else if (row_stride == 1)
    for (; l + 16 <= run; l += 16)
      turn(b + l, column_stride, columns, flip, to + l / 4 * step, step);
  pack_rest(b, row_stride, column_stride, flip, l, run, columns, to, step);
}

// The sums of columns are the product of a row of ones.
static void sum_columns(int64_t depth, int width, const int8_t *panel, int32_t *sums) {
  static const uint8_t ones[512] = {
#define ONES8 1, 1, 1, 1, 1, 1, 1, 1
#define ONES64 ONES8, ONES8, ONES8, ONES8, ONES8, ONES8, ONES8, ONES8
    ONES64, ONES64, ONES64, ONES64, ONES64, ONES64, ONES64, ONES64,
  };
  static const int64_t none = 0;
  _Alignas(64) int32_t tile[QAT_IGEMM_WIDTH] = {0};
  const qat_igemm_kernel *kernel = qat_igemm_for(qat_igemm_best(), 1, depth / 4);
  for (int64_t l = 0; l < depth; l += (int64_t)sizeof ones) {
    const qat_igemm_tile product = {
      .rows = 1, .width = width, .a = ones, .offsets = &none, .segments = &none,
      .segment_count = 1, .quads = qat_min(depth - l, (int64_t)sizeof ones) / 4,
      .b = panel + l * width, .start = tile, .sums = tile,
    };
    kernel->tile(&product);
  }
  memcpy(sums, tile, (size_t)width * sizeof *sums);
}

QAT_INLINE void qat_igemm_pack_group_body(int64_t segments, int64_t run, int64_t n, const void *b,
                                          int64_t row_stride, int64_t column_stride, bool b_signed,
                                          int32_t *sums, int8_t *panels) {
  const int64_t depth = qat_igemm_depth(segments, run), columns = qat_igemm_columns(n);
  const uint8_t *source = b, flip = b_signed ? 0 : 0x80;
  if (run % 4 || columns != n) memset(panels, 0, (size_t)(depth * columns));
  for (int64_t first = 0; first < columns; first += QAT_IGEMM_WIDTH) {
    const int width = (int)qat_min(columns - first, QAT_IGEMM_WIDTH);
    int8_t *panel = panels + first * depth;
    for (int64_t s = 0; s < segments; s++)
      for (int64_t j = first; j < qat_min(first + width, n); j += 16)
        pack_columns(source + s * run * row_stride + j * column_stride, row_stride, column_stride,
                     flip, run, qat_min(n - j, 16),
                     (uint8_t *)panel + s * qat_round_up(run, 4) * width + 4 * (j - first),
                     4 * width);
    sum_columns(depth, width, panel, sums + first);
  }
}

QAT_VERSIONS(qat_igemm_pack_group,
             (int64_t segments, int64_t run, int64_t n, const void *b, int64_t row_stride,
              int64_t column_stride, bool b_signed, int32_t *sums, int8_t *panels),
             (segments, run, n, b, row_stride, column_stride, b_signed, sums, panels))

size_t qat_igemm_packed_size(int64_t k, int64_t n) {
  return (size_t)(qat_igemm_columns(n) * (4 + qat_igemm_depth(1, k)));
}

void qat_igemm_pack(int64_t k, int64_t n, const void *b, int64_t row_stride, int64_t column_stride,
                    bool b_signed, void *packed) {
  qat_igemm_pack_group(1, k, n, b, row_stride, column_stride, b_signed, packed,
                       (int8_t *)packed + 4 * qat_igemm_columns(n));
}
