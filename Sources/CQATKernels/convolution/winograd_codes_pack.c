#include "winograd_codes.h"

enum { LANES = 2 * QAT_IGEMM_WIDTH };  // both channels of a pair, of all columns

// Two thirds of the products' time or less, and enough squares to read weights for that no cache
// holds.
bool qat_conv_s8_is_minimal(const qat_conv_shape *s) {
  return is_filter(s, 32) && qat_igemm_best()->filters
         && side_positions(s->out_height) * side_positions(s->out_width) <= 3 * out_plane(s)
         && (s->batch * squares_of_image(s, STEP) >= 14
             || qat_winograd_codes_packed_size(s) <= CACHED_WEIGHTS);
}

size_t qat_winograd_codes_packed_size(const qat_conv_shape *s) {
  return (size_t)(qat_igemm_columns(s->out_channels)
                  * (4 + POSITIONS * 4 * qat_ceil_div(s->in_channels, 2)))
         + sizeof(winograd_header);
}

// Whether sums over a block of channels are small enough for the largest blocks.
static bool are_small(const qat_conv_shape *s, const int8_t *w) {
  const int64_t block = 9 * 2 * channel_blocks_of(s, MOST_PAIRS).pairs_of_block;
  for (int64_t o = 0; o < s->out_channels; o++, w += depth(s))
    for (int64_t first = 0; first < depth(s); first += block) {
      int64_t sum = 0;
      for (int64_t i = first; i < qat_min(first + block, depth(s)); i++)
        sum += w[i] < 0 ? -w[i] : w[i];
      if (sum >= 1 << 18) return false;
    }
  return true;
}

// G g of three values.
#define TRANSFORM(g0, g1, g2, u)                                                    \
  {                                                                                 \
    const int16_t even = (int16_t)((g0) + (g2)), rest = (int16_t)((g0) + 4 * (g2)); \
    (u)[0] = (int16_t)(6 * (g0));                                                   \
    (u)[1] = (int16_t)(-4 * (even + (g1)));                                         \
    (u)[2] = (int16_t)(-4 * (even - (g1)));                                         \
    (u)[3] = (int16_t)(rest + 2 * (g1));                                            \
    (u)[4] = (int16_t)(rest - 2 * (g1));                                            \
    (u)[5] = (int16_t)(6 * (g2));                                                   \
  }

QAT_INLINE void qat_winograd_codes_kernels_body(const int8_t g[9][LANES],
                                                int16_t u[POSITIONS][LANES]) {
  _Pragma("clang loop vectorize(assume_safety)")
  for (int l = 0; l < LANES; l++) {
    int16_t lines[3][SIDE];
    UNROLL for (int i = 0; i < 3; i++)
      TRANSFORM(g[3 * i][l], g[3 * i + 1][l], g[3 * i + 2][l], lines[i])
    UNROLL for (int k = 0; k < SIDE; k++) {
      int16_t column[SIDE];
      TRANSFORM(lines[0][k], lines[1][k], lines[2][k], column)
      UNROLL for (int i = 0; i < SIDE; i++) u[i * SIDE + k][l] = column[i];
    }
  }
}
void qat_winograd_codes_kernels(const int8_t g[9][LANES], int16_t u[POSITIONS][LANES]);
QAT_VERSIONS(qat_winograd_codes_kernels,
             (const int8_t g[9][LANES], int16_t u[POSITIONS][LANES]), (g, u))

void qat_winograd_codes_pack(const qat_conv_shape *s, const void *given, bool w_signed,
                             void *packed, void *scratch) {
  (void)w_signed, (void)scratch;
  const int8_t *w = given;
  winograd_header *header = (winograd_header *)((uint8_t *)packed + header_offset(s));
  header->most_pairs = are_small(s, w) ? MOST_PAIRS : ANY_PAIRS;
  const channel_blocks b = channel_blocks_of(s, header->most_pairs);
  const int64_t columns = qat_igemm_columns(s->out_channels), channels = s->in_channels;
  int32_t *sums = packed;
  int16_t *to = (int16_t *)(void *)(header + 1);
  memset(sums, 0, (size_t)columns * sizeof *sums);
  for (int64_t first = 0; first < columns; first += QAT_IGEMM_WIDTH) {
    const int64_t width = qat_min(columns - first, QAT_IGEMM_WIDTH);
    const int64_t present = qat_min(s->out_channels - first, width);
    for (int64_t pair = 0; pair < b.pairs; pair++) {
      _Alignas(64) int8_t g[9][LANES] = {{0}};
      _Alignas(64) int16_t u[POSITIONS][LANES];
      for (int64_t o = 0; o < present; o++)
        for (int64_t c = 2 * pair; c < qat_min(2 * pair + 2, channels); c++)
          for (int t = 0; t < 9; t++) {
            const int8_t value = w[((first + o) * channels + c) * 9 + t];
            g[t][2 * o + c % 2] = value;
            sums[first + o] += value;
          }
      qat_winograd_codes_kernels(g, u);
      const int64_t block = pair / b.pairs_of_block, before = block * b.pairs_of_block;
      const int64_t size = qat_min(b.pairs_of_block, b.pairs - before);
      for (int p = 0; p < POSITIONS; p++)
        memcpy(to + (before * POSITIONS + p * size + pair - before) * 2 * width, u[p],
               (size_t)(4 * width));
    }
    to += b.pairs * POSITIONS * 2 * width;
  }
}
