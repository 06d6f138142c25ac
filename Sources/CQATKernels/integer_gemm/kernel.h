// One row of the table of 8-bit products, what it is given, and how B is packed for all of them.
//
// A product is that of the rows of A, u8, with columns of B, s8. A row is one or more segments: runs
// of bytes that lie `segments[s]` behind the row's own address. A matrix has one segment; an NHWC
// convolution one for each kernel row, or for each tap. So nothing is copied to make columns.
//
// A signed A is turned into a + 128 beforehand and an unsigned B is packed as b - 128; the zero
// points move along.
//
// Packed B of one group: panels of 32 columns, the last of 16 where that is enough; a panel holds,
// for every segment, ceil(run / 4) groups of [width][4] values, zero beyond B. Before the panels
// of all groups come int32 sums over the columns of the packed values, `n` rounded up to 16 of them
// for each group.
#pragma once
#include "../internal.h"

enum { QAT_IGEMM_ROWS = 32, QAT_IGEMM_WIDTH = 32 };  // most of any tile

typedef struct {
  int rows, width;              // 1 ... the kernel's `rows`; 16 or 32 columns
  const uint8_t *a;
  const int64_t *offsets;       // of each row
  const int64_t *segments;      // of each segment
  int64_t segment_count, quads; // groups of four bytes of a segment
  const int8_t *b;              // a panel, 64-byte aligned; what lies behind it may be fetched
  // What a later tile reads, and may be fetched by this one, `later_step` bytes a step. Or NULL.
  const int8_t *later;
  int64_t later_step;
  // Where rows of `width` sums or real numbers go, `stride` bytes apart: they may be fetched. Or NULL.
  const char *y;
  int64_t stride;
  const int32_t *start;         // `width` of them
  int32_t *sums;                // [rows][width], 64-byte aligned
  // Words, or codes where `qat_igemm_is_plain`, the kernel may store itself; else NULL.
  const struct qat_igemm_result *result;
} qat_igemm_tile;

// A tile's way out: `rows` rows of the first `columns` columns go to rows of y, `stride` elements
// apart. With `add` codes become those of a sum with the same elements of `add`.
typedef struct qat_igemm_result {
  qat_conv_result result;
  int rows, columns, width;
  const int32_t *sums;
  const float *m;               // `width` of them
  const float *offset;          // `columns` of them, or NULL
  int32_t zero, lo, hi;
  void *y;
  int64_t stride;
  const qat_conv_s8_sum *add;   // or NULL
  const uint8_t *added;         // its codes at `y`
} qat_igemm_result;

typedef struct qat_depthwise_line qat_depthwise_line;  // ../convolution/depthwise_codes.h

struct qat_igemm_kernel {
  const char *name;
  uint32_t features;            // what it needs of the CPU
  int rows;                     // most rows of a tile
  // sums[i][j] = start[j] + sum over segments s and bytes l of a[offsets[i] + segments[s] + l]
  // * b(s, l, j), modulo 2^32. Returns whether it has stored the result instead.
  bool (*tile)(const qat_igemm_tile *tile);
  void (*store)(const qat_igemm_result *result);
  // Tiles from `tile` on, one behind the other, and their results, codes, from `result` on. Returns how
  // many of `rows` rows it has stored: 0 where it would be no gain. Or NULL.
  int64_t (*chain)(const qat_igemm_tile *tile, const qat_igemm_result *result, int64_t rows);
  void (*depthwise)(const qat_depthwise_line *line);
  void (*leave)(void);          // what a thread calls after its last tile, or NULL
  // `tile` of pairs of 16-bit values, both signed, in the place of four bytes: b is theirs as well, and
  // two products of a pair are less than 2^31 together. Sums from 0; never stores a result.
  void (*pairs)(const qat_igemm_tile *tile);
  bool filters;                 // at least half as many of these products a second as of `tile`
  // Products of fewer rows, or of segments of fewer groups, are another kernel's; 0 and NULL: none.
  int least_rows, least_quads;
  const qat_igemm_kernel *small;
};

// `kernel`, or the one that it leaves a product of `rows` rows and segments of `quads` groups to.
QAT_INLINE const qat_igemm_kernel *qat_igemm_for(const qat_igemm_kernel *kernel, int64_t rows,
                                                 int64_t quads) {
  return rows < kernel->least_rows || quads < kernel->least_quads ? kernel->small : kernel;
}

extern const qat_igemm_kernel qat_igemm_scalar, qat_igemm_amx_emulated;
void qat_s16_tile__scalar(const qat_igemm_tile *tile);
void qat_igemm_store__scalar(const qat_igemm_result *result);
void qat_depthwise_line__scalar(const qat_depthwise_line *line);
#if QAT_HAS_AMX
extern const qat_igemm_kernel qat_igemm_amx;
#endif
#if defined(__x86_64__)
extern const qat_igemm_kernel qat_igemm_avx2, qat_igemm_avxvnni, qat_igemm_avx512vnni;
int64_t qat_u8s8_chain__avx512vnni(const qat_igemm_tile *tile, const qat_igemm_result *result,
                                   int64_t rows);
void qat_s16_tile__avx512vnni(const qat_igemm_tile *tile);
void qat_igemm_store__avx2(const qat_igemm_result *result);
void qat_igemm_store__avx512(const qat_igemm_result *result);
void qat_depthwise_line__avx2(const qat_depthwise_line *line);
void qat_depthwise_line__avxvnni(const qat_depthwise_line *line);
void qat_depthwise_line__avx512vnni(const qat_depthwise_line *line);
#endif

#if defined(__aarch64__)
extern const qat_igemm_kernel qat_igemm_i8mm, qat_igemm_dotprod;
#endif

QAT_INLINE int64_t qat_igemm_columns(int64_t n) { return qat_round_up(n, 16); }
QAT_INLINE int64_t qat_igemm_depth(int64_t segments, int64_t run) {
  return segments * qat_round_up(run, 4);
}

// Packs one group: element (row, column) is at b[row * row_stride + column * column_stride], row l
// of segment s being s * run + l. `sums` holds qat_igemm_columns(n).
void qat_igemm_pack_group(int64_t segments, int64_t run, int64_t n, const void *b,
                          int64_t row_stride, int64_t column_stride, bool b_signed, int32_t *sums,
                          int8_t *panels);

// Codes of all of their type; `below_one`: all multipliers are in 0 ..< 1.
QAT_INLINE bool qat_igemm_is_plain(const qat_conv_s8_arguments *a, bool below_one) {
  return below_one && a->result == QAT_CONV_CODES && !a->add
         && ((a->lo == 0 && a->hi == 255) || (a->lo == -128 && a->hi == 127));
}
