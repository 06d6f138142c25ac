#include "winograd.h"

bool qat_is_winograd(const qat_conv_shape *s) {
  if (!is_filter(s, 16)) return false;
  const qat_conv_shape gradient = qat_winograd_gradient(s);
  if (larger_is_less(s) && larger_is_less(&gradient)) return true;
  return is_filter(s, 32)
         && qat_min(qat_min(s->in_height, s->in_width), qat_min(s->out_height, s->out_width)) > 1;
}

bool qat_is_large_winograd(const qat_conv_shape *s) {
  qat_conv_shape exact = *s;
  exact.bf16 = false;
  return qat_is_winograd(&exact) && qat_filtering_of(&exact) == &qat_filtering_4;
}

qat_conv_shape qat_winograd_gradient(const qat_conv_shape *s) {
  qat_conv_shape g = *s;
  g.in_channels = s->out_channels, g.in_height = s->out_height, g.in_width = s->out_width;
  g.out_channels = s->in_channels, g.out_height = s->in_height, g.out_width = s->in_width;
  g.pad_top = 2 - s->pad_top, g.pad_left = 2 - s->pad_left;
  return g;
}

// Larger squares where there are enough of them in an image to read weights for that no cache holds;
// whatever the batch is, so that its parts are summed alike.
const qat_filtering *qat_filtering_of(const qat_conv_shape *s) {
  const qat_filtering *f = &qat_filtering_4;
  const int64_t bytes = 4 * positions_of(f) * s->in_channels * s->out_channels;
  const bool reads_often = squares_of_image(s, f->step) >= 28 || bytes <= 1 << 20;
  return larger_is_less(s) && reads_often ? f : &qat_filtering_2;
}

// Panels of up to 32 output channels: [position][channel][32].
size_t qat_winograd_packed_size(const qat_conv_shape *s) {
  const int64_t columns = qat_round_up(s->out_channels, 16);
  return (size_t)(positions_of(qat_filtering_of(s)) * s->in_channels * columns);
}

typedef struct {
  const qat_conv_shape *s;
  const float *w;
  bool turned;  // w is that of the layer whose gradient this is
  float *packed;
} pack_job;

static void pack_panel(void *context, int64_t panel, int worker) {
  (void)worker;
  const pack_job *j = context;
  const qat_filtering *f = qat_filtering_of(j->s);
  const int64_t channels = j->s->in_channels, first = panel * QAT_TILE_COLUMNS;
  const int64_t result_step = j->turned ? 9 : 9 * channels;
  const int64_t channel_step = j->turned ? 9 * j->s->out_channels : 9;
  const int width = qat_panel_width(j->s->out_channels, first);
  const int64_t present = qat_min(width, j->s->out_channels - first);
  float *to = j->packed + first * positions_of(f) * channels;
  for (int64_t c = 0; c < channels; c++)
    for (int64_t start = 0; start < width; start += QAT_LANES) {
      float g[9][QAT_LANES] = {{0}};
      for (int64_t o = 0; o < qat_min(QAT_LANES, present - start); o++) {
        const float *kernel = j->w + (first + start + o) * result_step + c * channel_step;
        for (int t = 0; t < 9; t++) g[t][o] = kernel[j->turned ? 8 - t : t];
      }
      f->weigh(g, to + c * width + start, channels * width);
    }
}

void qat_winograd_pack(const qat_conv_shape *s, const float *w, bool turned, float *packed,
                       qat_pool *pool) {
  pack_job job = {s, w, turned, packed};
  qat_pool_run(pool, qat_ceil_div(s->out_channels, QAT_TILE_COLUMNS), pack_panel, &job);
}
