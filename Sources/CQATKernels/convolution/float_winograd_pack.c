#include "winograd.h"

qat_conv_shape qat_winograd_gradient(const qat_conv_shape *s) {
  qat_conv_shape g = *s;
  g.in_channels = s->out_channels, g.in_height = s->out_height, g.in_width = s->out_width;
  g.out_channels = s->in_channels, g.out_height = s->in_height, g.out_width = s->in_width;
  g.pad_top = 2 - s->pad_top, g.pad_left = 2 - s->pad_left;
  return g;
}

// Panels of up to 32 output channels: [position][channel][32].
size_t qat_winograd_packed_size(const qat_conv_shape *s) {
  return (size_t)(POSITIONS * s->in_channels * qat_round_up(s->out_channels, 16));
}

typedef struct {
  const qat_conv_shape *s;
  const float *w;
  bool turned;  // w is that of the layer whose gradient this is
  float *packed;
} pack_job;

enum { BLOCK = 16 };  // channels whose positions stay in the level-1 cache

// G g of three lines of a block of channels; in doubles, to round once.
static void transform_lines(const double *g0, const double *g1, const double *g2,
                            double u[SIDE][BLOCK]) {
  for (int c = 0; c < BLOCK; c++) {
    u[0][c] = g0[c];
    u[1][c] = (g0[c] + g1[c] + g2[c]) / 2;
    u[2][c] = (g0[c] - g1[c] + g2[c]) / 2;
    u[3][c] = g2[c];
  }
}

static void pack_panel(void *context, int64_t panel, int worker) {
  (void)worker;
  const pack_job *j = context;
  const int64_t channels = j->s->in_channels, first = panel * QAT_TILE_COLUMNS;
  const int64_t result_step = j->turned ? 9 : 9 * channels;
  const int64_t channel_step = j->turned ? 9 * j->s->out_channels : 9;
  const int width = qat_panel_width(j->s->out_channels, first);
  const int64_t present = qat_min(width, j->s->out_channels - first);
  float *to = j->packed + first * POSITIONS * channels;
  for (int64_t start = 0; start < channels; start += BLOCK)
    for (int64_t o = 0; o < width; o++) {
      const int64_t count = qat_min(BLOCK, channels - start);
      double g[9][BLOCK] = {{0}}, rows[3][SIDE][BLOCK], u[SIDE][SIDE][BLOCK];
      for (int64_t c = 0; c < count && o < present; c++) {
        const float *kernel = j->w + (first + o) * result_step + (start + c) * channel_step;
        for (int t = 0; t < 9; t++) g[t][c] = kernel[j->turned ? 8 - t : t];
      }
      for (int i = 0; i < 3; i++) transform_lines(g[3 * i], g[3 * i + 1], g[3 * i + 2], rows[i]);
      for (int i = 0; i < SIDE; i++) transform_lines(rows[0][i], rows[1][i], rows[2][i], u[i]);
      for (int p = 0; p < POSITIONS; p++)
        for (int64_t c = 0; c < count; c++)
          to[(p * channels + start + c) * width + o] = (float)u[p % SIDE][p / SIDE][c];
    }
}

void qat_winograd_pack(const qat_conv_shape *s, const float *w, bool turned, float *packed,
                       qat_pool *pool) {
  pack_job job = {s, w, turned, packed};
  qat_pool_run(pool, qat_ceil_div(s->out_channels, QAT_TILE_COLUMNS), pack_panel, &job);
}
