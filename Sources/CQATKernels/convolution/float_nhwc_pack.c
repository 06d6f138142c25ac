#include "nhwc.h"
#include "phases.h"

// Panels of up to 32 output channels, one group after the other: [kernel row][kernel column]
// [channel][32].
typedef struct { const qat_conv_shape *s; const float *w; float *packed; } job;

static int64_t panels(int64_t channels) { return qat_ceil_div(channels, QAT_TILE_COLUMNS); }

bool qat_conv_nhwc_gains_from_bf16(const qat_conv_shape *s) {
  return !is_depthwise(s) && (qat_sgemm_has_tiles() || !qat_is_large_winograd(s));
}

size_t qat_conv_nhwc_packed_size(const qat_conv_shape *s) {
  if (qat_is_plain_depthwise(s)) return (size_t)(taps(s) * s->out_channels);
  if (qat_is_winograd(s)) return qat_winograd_packed_size(s);
  return (size_t)(s->groups * qat_round_up(results_of_group(s), 16) * depth(s));
}

static void pack_panel(void *context, int64_t chunk, int worker) {
  (void)worker;
  const job *j = context;
  const qat_conv_shape *s = j->s;
  const int64_t results = results_of_group(s), k = depth(s);
  const int64_t group = chunk / panels(results), first = chunk % panels(results) * QAT_TILE_COLUMNS;
  const int width = qat_panel_width(results, first);
  qat_transpose_lines(qat_min(width, results - first), k, j->w + (group * results + first) * k, k,
                      width, taps(s),
                      j->packed + (group * qat_round_up(results, 16) + first) * k);
}

// Depthwise: [tap][channel].
static void pack_depthwise(const qat_conv_shape *s, const float *w, float *packed) {
  for (int64_t c = 0; c < s->out_channels; c++)
    for (int64_t t = 0; t < taps(s); t++) packed[t * s->out_channels + c] = w[c * taps(s) + t];
}

void qat_conv_nhwc_pack(const qat_conv_shape *s, const float *w, float *packed, qat_pool *pool) {
  if (qat_is_plain_depthwise(s)) return pack_depthwise(s, w, packed);
  if (qat_is_winograd(s)) return qat_winograd_pack(s, w, false, packed, pool);
  job job = {s, w, packed};
  qat_pool_run(pool, s->groups * panels(results_of_group(s)), pack_panel, &job);
}

size_t qat_conv_nhwc_gradient_packed_size(const qat_conv_shape *s) {
  if (qat_is_plain_depthwise(s)) return (size_t)(taps(s) * s->out_channels);
  if (qat_is_winograd(s)) {
    const qat_conv_shape gradient = qat_winograd_gradient(s);
    return qat_winograd_packed_size(&gradient);
  }
  if (qat_is_scattered(s)) return qat_scattered_packed_size(s);
  return (size_t)(s->groups * qat_round_up(channels_of_group(s), 16) * results_of_group(s)
                  * taps(s));
}

// For the gradient of the input: panels of input channels; k is (tap of a phase, output channel).
static void pack_gradient_panel(void *context, int64_t chunk, int worker) {
  (void)worker;
  const job *j = context;
  const qat_conv_shape *s = j->s;
  const int64_t channels = channels_of_group(s), results = results_of_group(s);
  const int64_t group = chunk / panels(channels);
  const int64_t first = chunk % panels(channels) * QAT_TILE_COLUMNS;
  const int width = qat_panel_width(channels, first);
  const int64_t lines = qat_min(width, channels - first), kernel = taps(s);
  for (int64_t phase = 0, before = 0; phase < phases(s); phase++) {
    const int64_t count = taps_of_phase(s, phase);
    float *to = j->packed
                + (group * qat_round_up(channels, 16) * kernel + before * qat_round_up(channels, 16)
                   + first * count)
                      * results;
    for (int64_t t = 0; t < kernel; t++) {
      if (!is_of_phase(s, phase, t)) continue;
      for (int64_t o = 0; o < results; o++, to += width) {
        const float *from = j->w + ((group * results + o) * channels + first) * kernel + t;
        for (int64_t c = 0; c < lines; c++) to[c] = from[c * kernel];
        for (int64_t c = lines; c < width; c++) to[c] = 0;
      }
    }
    before += count;
  }
}

void qat_conv_nhwc_gradient_pack(const qat_conv_shape *s, const float *w, float *packed,
                                 qat_pool *pool) {
  if (qat_is_plain_depthwise(s)) return pack_depthwise(s, w, packed);
  if (qat_is_winograd(s)) {
    const qat_conv_shape gradient = qat_winograd_gradient(s);
    return qat_winograd_pack(&gradient, w, true, packed, pool);
  }
  if (qat_is_scattered(s)) return qat_scattered_pack(s, w, packed);
  job job = {s, w, packed};
  qat_pool_run(pool, s->groups * panels(channels_of_group(s)), pack_gradient_panel, &job);
}
