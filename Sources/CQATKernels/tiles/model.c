#include "../internal.h"

// Tiles, and what LDTILECFG said of them; all bytes beyond a tile's rows and columns are 0.
static _Thread_local struct {
  qat_tile_shapes shapes;
  uint8_t bytes[8][16][64];
} tiles;

static void require(bool condition) {
  if (!condition) __builtin_trap();
}

void qat_model_configure(const qat_tile_shapes *shapes) {
  static const uint8_t zeros[32] = {0};
  require(shapes->palette <= 1);
  if (shapes->palette == 0) return qat_model_release();
  require(shapes->start_row == 0 && !memcmp(shapes->reserved, zeros, sizeof shapes->reserved));
  require(!memcmp(shapes->row_bytes + 8, zeros, 16) && !memcmp(shapes->rows + 8, zeros, 8));
  for (int tile = 0; tile < 8; tile++) {
    require(shapes->rows[tile] <= 16 && shapes->row_bytes[tile] <= 64);
    require(!shapes->rows[tile] == !shapes->row_bytes[tile]);
  }
  memset(&tiles, 0, sizeof tiles);
  tiles.shapes = *shapes;
}

void qat_model_release(void) { memset(&tiles, 0, sizeof tiles); }

static void require_tile(int tile) {
  require(tiles.shapes.palette == 1 && tile >= 0 && tile < 8 && tiles.shapes.rows[tile] > 0);
}

void qat_model_load(int tile, const void *from, int64_t stride) {
  qat_model_zero(tile);
  for (int row = 0; row < tiles.shapes.rows[tile]; row++)
    memcpy(tiles.bytes[tile][row], (const uint8_t *)from + row * stride,
           tiles.shapes.row_bytes[tile]);
}

void qat_model_store(int tile, void *to, int64_t stride) {
  require_tile(tile);
  for (int row = 0; row < tiles.shapes.rows[tile]; row++)
    memcpy((uint8_t *)to + row * stride, tiles.bytes[tile][row], tiles.shapes.row_bytes[tile]);
}

void qat_model_zero(int tile) {
  require_tile(tile);
  memset(tiles.bytes[tile], 0, sizeof tiles.bytes[tile]);
}

// Sizes of a product, in 32-bit elements: m x n sums over k.
typedef struct { int m, n, k; } sizes;

static sizes sizes_of(int c, int a, int b) {
  require_tile(c);
  require_tile(a);
  require_tile(b);
  require(a != b && a != c && b != c);
  const qat_tile_shapes *s = &tiles.shapes;
  require(s->row_bytes[a] % 4 == 0 && s->row_bytes[b] % 4 == 0 && s->row_bytes[c] % 4 == 0);
  require(s->rows[a] == s->rows[c] && s->row_bytes[b] == s->row_bytes[c]);
  require(s->row_bytes[a] / 4 == s->rows[b]);
  return (sizes){s->rows[c], s->row_bytes[c] / 4, s->rows[b]};
}

static int32_t value(uint8_t byte, bool is_signed) { return is_signed ? (int8_t)byte : byte; }

static void add_products(int c, int a, int b, bool a_signed, bool b_signed) {
  const sizes s = sizes_of(c, a, b);
  for (int i = 0; i < s.m; i++)
    for (int j = 0; j < s.n; j++) {
      uint32_t sum;
      memcpy(&sum, &tiles.bytes[c][i][4 * j], 4);
      for (int k = 0; k < s.k; k++)
        for (int l = 0; l < 4; l++)
          sum += (uint32_t)(value(tiles.bytes[a][i][4 * k + l], a_signed)
                            * value(tiles.bytes[b][k][4 * j + l], b_signed));
      memcpy(&tiles.bytes[c][i][4 * j], &sum, 4);
    }
}

void qat_model_dpbssd(int c, int a, int b) { add_products(c, a, b, true, true); }
void qat_model_dpbsud(int c, int a, int b) { add_products(c, a, b, true, false); }
void qat_model_dpbusd(int c, int a, int b) { add_products(c, a, b, false, true); }
void qat_model_dpbuud(int c, int a, int b) { add_products(c, a, b, false, false); }

static float flushed(float x) { return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x; }

// The bfloat16 at `at`.
static float half_at(const uint8_t *at) {
  uint16_t half;
  memcpy(&half, at, 2);
  const uint32_t bits = (uint32_t)half << 16;
  float x;
  memcpy(&x, &bits, 4);
  return flushed(x);
}

void qat_model_dpbf16ps(int c, int a, int b) {
  const sizes s = sizes_of(c, a, b);
  for (int i = 0; i < s.m; i++)
    for (int j = 0; j < s.n; j++) {
      float sums[2] = {0, 0}, own;
      for (int k = 0; k < s.k; k++)
        for (int l = 0; l < 2; l++)
          sums[l] = flushed(fmaf(half_at(&tiles.bytes[a][i][4 * k + 2 * l]),
                                 half_at(&tiles.bytes[b][k][4 * j + 2 * l]), sums[l]));
      memcpy(&own, &tiles.bytes[c][i][4 * j], 4);
      own = flushed(flushed(own) + flushed(sums[0] + sums[1]));
      memcpy(&tiles.bytes[c][i][4 * j], &own, 4);
    }
}
