#include "nhwc.h"

// Images with channels first: transposed, and left to the kernels for channels last; planes of
// depthwise convolutions stay as they are.

static size_t floats(int64_t count) { return aligned((size_t)count * sizeof(float)); }
static int64_t in_size(const qat_conv_shape *s) { return s->batch * s->in_channels * in_plane(s); }
static int64_t out_size(const qat_conv_shape *s) {
  return s->batch * s->out_channels * out_plane(s);
}

// Packed weights, both images, and what the kernels need.
static size_t packed_size(const qat_conv_shape *s) {
  const size_t forward = qat_conv_nhwc_packed_size(s);
  const size_t gradient = qat_conv_nhwc_gradient_packed_size(s);
  return floats((int64_t)(forward > gradient ? forward : gradient));
}

size_t qat_conv_f32_scratch(const qat_conv_shape *s, int threads) {
  if (is_depthwise(s)) return 64;
  return packed_size(s) + floats(in_size(s)) + floats(out_size(s))
         + qat_conv_nhwc_scratch(s, threads);
}

typedef struct { float *packed, *in, *out; void *rest; } parts;

static parts parts_of(const qat_conv_shape *s, void *scratch) {
  unsigned char *at = scratch;
  parts p = {.packed = scratch};
  p.in = (float *)(at += packed_size(s));
  p.out = (float *)(at += floats(in_size(s)));
  p.rest = at + floats(out_size(s));
  return p;
}

void qat_conv_f32(const qat_conv_shape *s, const float *x, const float *w, const float *bias,
                  float *y, qat_pool *pool, void *scratch) {
  if (is_depthwise(s)) return qat_depthwise_f32(s, x, w, bias, y, pool);
  const parts p = parts_of(s, scratch);
  const qat_conv_epilogue epilogue = {.bias = bias};
  qat_transpose_images_f32(s->batch, s->in_channels, in_plane(s), x, p.in, pool);
  qat_conv_nhwc_pack(s, w, p.packed, pool);
  qat_conv_nhwc(s, p.in, p.packed, &epilogue, p.out, pool, p.rest);
  qat_transpose_images_f32(s->batch, out_plane(s), s->out_channels, p.out, y, pool);
}

void qat_conv_f32_input_gradient(const qat_conv_shape *s, const float *dy, const float *w,
                                 float *dx, qat_pool *pool, void *scratch) {
  if (is_depthwise(s)) return qat_depthwise_f32_input_gradient(s, dy, w, dx, pool);
  const parts p = parts_of(s, scratch);
  qat_transpose_images_f32(s->batch, s->out_channels, out_plane(s), dy, p.out, pool);
  qat_conv_nhwc_gradient_pack(s, w, p.packed, pool);
  qat_conv_nhwc_input_gradient(s, p.out, p.packed, p.in, pool, p.rest);
  qat_transpose_images_f32(s->batch, in_plane(s), s->in_channels, p.in, dx, pool);
}

void qat_conv_f32_weight_gradient(const qat_conv_shape *s, const float *dy, const float *x,
                                  float *dw, qat_pool *pool, void *scratch) {
  if (s->batch == 0 || out_plane(s) == 0) {
    memset(dw, 0, (size_t)(s->out_channels * depth(s)) * sizeof *dw);
    return;
  }
  if (is_depthwise(s)) return qat_depthwise_f32_weight_gradient(s, dy, x, dw, pool);
  const parts p = parts_of(s, scratch);
  qat_transpose_images_f32(s->batch, s->out_channels, out_plane(s), dy, p.out, pool);
  qat_transpose_images_f32(s->batch, s->in_channels, in_plane(s), x, p.in, pool);
  qat_conv_nhwc_weight_gradient(s, p.out, p.in, NULL, dw, pool, p.rest);
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
