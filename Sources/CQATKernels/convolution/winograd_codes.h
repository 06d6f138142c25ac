// Minimal filtering F(4 x 4, 3 x 3) of Lavin and Gray (Fast algorithms for convolutional neural
// networks, 2016) in integers, without an error: the 6 x 6 codes d that a square of 4 x 4 results
// sees, and the kernel g, become 36 positions of 16 bits each,
//   U = G g G',  V = B' d B,  M = U V (a product over channels, one a position),  576 y = A' M A
//   G = (6 0 0; -4 -4 -4; -4 4 -4; 1 2 4; 1 -2 4; 0 0 6)
//   B' = (4 0 -5 0 1 0; 0 -4 -4 1 1 0; 0 4 -4 -1 1 0; 0 -2 -1 2 1 0; 0 2 -1 -2 1 0; 0 4 0 -5 0 1)
//   A' = (1 1 1 1 1 0; 0 1 -1 2 -2 0; 0 1 1 4 4 0; 0 1 -1 8 -8 4)
// which are those of the paper with its fractions multiplied out, by 24 for rows and for columns. 36
// products of 16 bits make sixteen results instead of 144 of 8 bits.
//
// Codes are centred: those of u8 less 128, so that |d| <= 128, |V| <= 144 * 128, |U| <= 144 * 128.
// All sums are modulo 2^32, where 576 y times the inverse of 9 is 64 y; and that is no wrapped number
// where |y| < 2^25, as it is for a block of channels: 224 * 9 * 128 * 128, or as many as weights
// allow. So y is exact, and sums of it over blocks are, modulo 2^32.
//
// A last square of fewer results along a side has fewer positions there, one for each row of A' that
// is left out. With three results the last position has no part in any. With two, V is zero at the one
// before it, too, where the fifth code is taken for d4 = d2 + 2 (d3 - d1): no result sees it.
#pragma once
#include "codes.h"
#include "squares.h"

enum { SIDE = 6, STEP = 4, POSITIONS = SIDE * SIDE, RESULTS = STEP * STEP };

// Positions along a side with so many results, and those of its last square.
QAT_INLINE int64_t last_positions(int64_t results) {
  return SIDE - STEP + qat_max(2, results - (qat_ceil_div(results, STEP) - 1) * STEP);
}
QAT_INLINE int64_t side_positions(int64_t results) {
  return (qat_ceil_div(results, STEP) - 1) * SIDE + last_positions(results);
}

// Channels come in pairs, and pairs in blocks of equal size but for the last: of any weights, or of
// those whose magnitudes in a block are less than 2^18 together for each result.
enum { ANY_PAIRS = 112, MOST_PAIRS = 256 };
typedef struct { int64_t pairs, blocks, pairs_of_block; } channel_blocks;

QAT_INLINE channel_blocks channel_blocks_of(const qat_conv_shape *s, int64_t most) {
  const int64_t pairs = qat_ceil_div(s->in_channels, 2), blocks = qat_ceil_div(pairs, most);
  const int64_t each = qat_ceil_div(pairs, blocks);
  return (channel_blocks){pairs, qat_ceil_div(pairs, each), each};
}

// Packed weights: the sums of all columns, as in dense.c; the most pairs of a block; and panels of 16 or
// 32 columns: [block][position][pair][column][2].
typedef struct { _Alignas(64) int64_t most_pairs; } winograd_header;

enum { CACHED_WEIGHTS = 384 << 10 };  // bytes that a cache near the processor holds

QAT_INLINE int64_t header_offset(const qat_conv_shape *s) {
  return 4 * qat_igemm_columns(s->out_channels);
}
