#include "shape.h"

// The float convolutions are matrix products over strips: bands of output rows of one image and
// one group, whose matrix of columns [depth][pixels of the strip] fits the level-2 cache.

typedef struct {
  qat_conv_shape s;
  const float *x, *w, *bias, *dy;
  float *y, *dx, *dw;
  int64_t rows_of_strip, strips;
  int64_t channels_of_block, blocks;  // of input channels, for the gradients
  int64_t results_of_block, result_blocks;
  float *packed, *scratch;
  size_t scratch_step;                // floats of one worker
} job;

static int64_t rows_of_strip(const qat_conv_shape *s) {
  const int64_t pixels = qat_max(64, qat_min(2048, (1 << 18) / qat_max(depth(s), 1)));
  return qat_max(1, qat_min(s->out_height, pixels / qat_max(s->out_width, 1)));
}

static size_t columns_size(const qat_conv_shape *s) {
  return (size_t)qat_round_up(depth(s) * rows_of_strip(s) * s->out_width, 16);
}

// Packed weights come first: one group after the other.
static size_t packed_group(const qat_conv_shape *s) {
  const size_t forward = qat_sgemm_packed_a_size(results_of_group(s), depth(s));
  return (size_t)qat_round_up((int64_t)forward, 16);
}

static size_t scratch_step(const qat_conv_shape *s) {
  return columns_size(s) + qat_sgemm_scratch();
}

size_t qat_conv_f32_scratch(const qat_conv_shape *s, int threads) {
  if (is_depthwise(s)) return 64;
  return sizeof(float)
         * (packed_group(s) * (size_t)s->groups + (size_t)threads * scratch_step(s));
}

static job make_job(const qat_conv_shape *s, void *scratch) {
  job job = {.s = *s, .rows_of_strip = rows_of_strip(s)};
  job.strips = qat_ceil_div(s->out_height, job.rows_of_strip);
  // Blocks of channels let the gradients of few images use every core.
  const int64_t channels = channels_of_group(s);
  job.channels_of_block = qat_max(qat_ceil_div(channels, 8), qat_ceil_div(64, taps(s)));
  job.blocks = qat_ceil_div(channels, job.channels_of_block);
  job.results_of_block = qat_max(qat_round_up(qat_ceil_div(results_of_group(s), 4), 84), 84);
  job.result_blocks = qat_ceil_div(results_of_group(s), job.results_of_block);
  job.packed = scratch;
  job.scratch = job.packed + packed_group(s) * (size_t)s->groups;
  job.scratch_step = scratch_step(s);
  return job;
}

static void pack_group(void *context, int64_t group, int worker) {
  (void)worker;
  const job *j = context;
  const int64_t m = results_of_group(&j->s), k = depth(&j->s);
  qat_sgemm_pack_a(m, k, j->w + group * m * k, k, false,
                   j->packed + packed_group(&j->s) * (size_t)group);
}

static void forward_chunk(void *context, int64_t chunk, int worker) {
  const job *j = context;
  const qat_conv_shape *s = &j->s;
  const int64_t group = chunk % s->groups, strip = chunk / s->groups % j->strips;
  const int64_t image = chunk / (s->groups * j->strips);
  const int64_t m = results_of_group(s), k = depth(s), channels = channels_of_group(s);
  const int64_t first = strip * j->rows_of_strip;
  const int64_t last = qat_min(first + j->rows_of_strip, s->out_height);
  const int64_t pixels = (last - first) * s->out_width;
  const float *x = j->x + (image * s->in_channels + group * channels) * in_plane(s);
  float *columns = j->scratch + j->scratch_step * (size_t)worker;
  float *product = columns + columns_size(s);
  qat_sgemm_arguments arguments = {
    .m = m, .n = pixels, .k = k, .a_packed = j->packed + packed_group(s) * (size_t)group,
    .a_packed_rows = m, .b = columns, .b_stride = pixels, .alpha = 1,
    .c = j->y + (image * s->out_channels + group * m) * out_plane(s) + first * s->out_width,
    .c_stride = out_plane(s), .row_bias = j->bias ? j->bias + group * m : NULL,
  };
  if (is_pointwise(s)) {
    arguments.b = x + first * s->out_width;
    arguments.b_stride = out_plane(s);
  } else {
    qat_im2col_f32(s, x, 0, channels, first, last, columns, pixels);
  }
  qat_sgemm(&arguments, product);
}

void qat_conv_f32(const qat_conv_shape *s, const float *x, const float *w, const float *bias,
                  float *y, qat_pool *pool, void *scratch) {
  if (is_depthwise(s)) return qat_depthwise_f32(s, x, w, bias, y, pool);
  job job = make_job(s, scratch);
  job.x = x, job.w = w, job.bias = bias, job.y = y;
  qat_pool_run(pool, s->groups, pack_group, &job);
  qat_pool_run(pool, s->batch * job.strips * s->groups, forward_chunk, &job);
}

static void input_chunk(void *context, int64_t chunk, int worker) {
  const job *j = context;
  const qat_conv_shape *s = &j->s;
  const int64_t block = chunk % j->blocks, group = chunk / j->blocks % s->groups;
  const int64_t image = chunk / (j->blocks * s->groups);
  const int64_t m = results_of_group(s), k = depth(s), channels = channels_of_group(s);
  const int64_t first_channel = block * j->channels_of_block;
  const int64_t count = qat_min(j->channels_of_block, channels - first_channel);
  float *dx = j->dx + (image * s->in_channels + group * channels + first_channel) * in_plane(s);
  float *columns = j->scratch + j->scratch_step * (size_t)worker;
  float *product = columns + columns_size(s);
  if (!is_pointwise(s)) memset(dx, 0, (size_t)(count * in_plane(s)) * sizeof *dx);
  for (int64_t first = 0; first < s->out_height; first += j->rows_of_strip) {
    const int64_t last = qat_min(first + j->rows_of_strip, s->out_height);
    const int64_t pixels = (last - first) * s->out_width;
    qat_sgemm_arguments arguments = {
      .m = count * taps(s), .n = pixels, .k = m,
      .a = j->w + group * m * k + first_channel * taps(s), .a_stride = k, .a_transposed = true,
      .b = j->dy + (image * s->out_channels + group * m) * out_plane(s) + first * s->out_width,
      .b_stride = out_plane(s), .c = columns, .c_stride = pixels, .alpha = 1,
    };
    if (is_pointwise(s)) {
      arguments.c = dx + first * s->out_width;
      arguments.c_stride = out_plane(s);
    }
    qat_sgemm(&arguments, product);
    if (!is_pointwise(s)) qat_col2im_f32(s, columns, pixels, 0, count, first, last, dx);
  }
}

void qat_conv_f32_input_gradient(const qat_conv_shape *s, const float *dy, const float *w,
                                 float *dx, qat_pool *pool, void *scratch) {
  if (is_depthwise(s)) return qat_depthwise_f32_input_gradient(s, dy, w, dx, pool);
  job job = make_job(s, scratch);
  job.dy = dy, job.w = w, job.dx = dx;
  qat_pool_run(pool, s->batch * s->groups * job.blocks, input_chunk, &job);
}

// A chunk owns a block of dw and visits every image and strip in order, so there are no partial
// sums to combine.
static void weight_chunk(void *context, int64_t chunk, int worker) {
  const job *j = context;
  const qat_conv_shape *s = &j->s;
  const int64_t block = chunk % j->blocks, results = chunk / j->blocks % j->result_blocks;
  const int64_t group = chunk / (j->blocks * j->result_blocks);
  const int64_t m = results_of_group(s), k = depth(s), channels = channels_of_group(s);
  const int64_t first_channel = block * j->channels_of_block;
  const int64_t count = qat_min(j->channels_of_block, channels - first_channel);
  const int64_t first_result = results * j->results_of_block;
  float *columns = j->scratch + j->scratch_step * (size_t)worker;
  float *product = columns + columns_size(s);
  float beta = 0;
  for (int64_t image = 0; image < s->batch; image++) {
    const float *x = j->x + (image * s->in_channels + group * channels) * in_plane(s);
    for (int64_t first = 0; first < s->out_height; first += j->rows_of_strip) {
      const int64_t last = qat_min(first + j->rows_of_strip, s->out_height);
      const int64_t pixels = (last - first) * s->out_width;
      qat_sgemm_arguments arguments = {
        .m = qat_min(j->results_of_block, m - first_result), .n = count * taps(s), .k = pixels,
        .a = j->dy + (image * s->out_channels + group * m + first_result) * out_plane(s)
             + first * s->out_width,
        .a_stride = out_plane(s), .b = columns, .b_stride = pixels, .b_transposed = true,
        .c = j->dw + (group * m + first_result) * k + first_channel * taps(s), .c_stride = k,
        .alpha = 1, .beta = beta,
      };
      if (is_pointwise(s)) {
        arguments.b = x + first_channel * in_plane(s) + first * s->out_width;
        arguments.b_stride = out_plane(s);
      } else {
        qat_im2col_f32(s, x, first_channel, first_channel + count, first, last, columns, pixels);
      }
      qat_sgemm(&arguments, product);
      beta = 1;
    }
  }
}

void qat_conv_f32_weight_gradient(const qat_conv_shape *s, const float *dy, const float *x,
                                  float *dw, qat_pool *pool, void *scratch) {
  if (s->batch == 0 || out_plane(s) == 0) {
    memset(dw, 0, (size_t)(s->out_channels * depth(s)) * sizeof *dw);
    return;
  }
  if (is_depthwise(s)) return qat_depthwise_f32_weight_gradient(s, dy, x, dw, pool);
  job job = make_job(s, scratch);
  job.dy = dy, job.x = x, job.dw = dw;
  qat_pool_run(pool, s->groups * job.result_blocks * job.blocks, weight_chunk, &job);
}

typedef struct { const qat_conv_shape *s; const float *dy; float *db; } bias_job;

static void bias_chunk(void *context, int64_t channel, int worker) {
  (void)worker;
  const bias_job *j = context;
  const int64_t plane = out_plane(j->s);
  float sum = 0;
  for (int64_t image = 0; image < j->s->batch; image++)
    sum += qat_sum_f32(plane, j->dy + (image * j->s->out_channels + channel) * plane);
  j->db[channel] = sum;
}

void qat_conv_f32_bias_gradient(const qat_conv_shape *shape, const float *dy, float *db,
                                qat_pool *pool) {
  bias_job job = {shape, dy, db};
  qat_pool_run(pool, shape->out_channels, bias_chunk, &job);
}
