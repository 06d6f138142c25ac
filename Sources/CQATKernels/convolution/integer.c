#include "shape.h"

// The 8-bit convolution: images turned to NHWC, where a kernel row is one run of bytes; blocks of
// output pixels as rows [pixels][(i, j, channel)] times packed weights; sums turned back.

static size_t packed_group(const qat_igemm_kernel *kernel, const qat_conv_shape *s) {
  return (size_t)qat_round_up(
      (int64_t)qat_igemm_packed_size(kernel, depth(s), results_of_group(s)), 64);
}

size_t qat_conv_s8_packed_size(const qat_igemm_kernel *kernel, const qat_conv_shape *s) {
  if (is_depthwise(s)) return (size_t)(s->out_channels * taps(s));
  return packed_group(kernel, s) * (size_t)s->groups;
}

void qat_conv_s8_pack(const qat_igemm_kernel *kernel, const qat_conv_shape *s, const void *w,
                      bool w_signed, void *packed, void *scratch) {
  const int64_t m = results_of_group(s), k = depth(s), channels = channels_of_group(s);
  if (is_depthwise(s)) {
    memcpy(packed, w, (size_t)(s->out_channels * taps(s)));
    return;
  }
  for (int64_t o = 0; o < s->out_channels; o++)  // OIHW -> OHWI
    for (int64_t c = 0; c < channels; c++)
      for (int64_t t = 0; t < taps(s); t++)
        ((uint8_t *)scratch)[o * k + t * channels + c] =
            ((const uint8_t *)w)[o * k + c * taps(s) + t];
  for (int64_t group = 0; group < s->groups; group++)
    qat_igemm_pack(kernel, k, m, (const uint8_t *)scratch + group * m * k, 1, k, w_signed,
                   (uint8_t *)packed + packed_group(kernel, s) * (size_t)group);
}

typedef struct {
  const qat_igemm_kernel *kernel;
  const qat_conv_shape *s;
  const qat_conv_s8_arguments *a;
  const uint8_t *images;    // NHWC
  uint8_t *turned, *scratch;
  size_t scratch_step, rows_size;
  int64_t pixels, blocks;   // of a block, a plane
} job;

// Output pixels at a time: their rows and sums stay in the level-2 cache.
static int64_t pixels_of_block(const qat_conv_shape *s) {
  const int64_t by_rows = (1 << 18) / qat_max(depth(s), 1);
  const int64_t by_sums = (1 << 16) / qat_max(results_of_group(s), 1);
  const int64_t pixels = qat_max(48, qat_min(768, qat_min(by_rows, by_sums)) / 48 * 48);
  return qat_min(pixels, out_plane(s));
}

static size_t rows_size(const qat_conv_shape *s) {
  return (size_t)qat_round_up(pixels_of_block(s) * depth(s), 64);
}

static size_t scratch_step(const qat_conv_shape *s) {
  const int64_t sums = is_depthwise(s) ? out_plane(s) : pixels_of_block(s) * results_of_group(s);
  return (size_t)qat_round_up(sums * 4, 64) + (is_depthwise(s) ? 0 : rows_size(s));
}

static size_t turned_size(const qat_conv_shape *s) {
  return (size_t)qat_round_up(s->batch * s->in_channels * in_plane(s), 64);
}

// Dense kernels want channels last, depthwise ones channels first.
static bool has_wanted_layout(const qat_conv_shape *s, bool channels_last) {
  return s->in_channels == 1 || in_plane(s) == 1 || channels_last != is_depthwise(s);
}

size_t qat_conv_s8_scratch(const qat_conv_shape *s, bool x_channels_last, int threads) {
  return (has_wanted_layout(s, x_channels_last) ? 0 : turned_size(s))
         + (size_t)threads * scratch_step(s);
}

static void turn_image(void *context, int64_t image, int worker) {
  (void)worker;
  const job *j = context;
  const int64_t rows = j->a->x_channels_last ? in_plane(j->s) : j->s->in_channels;
  const int64_t size = j->s->in_channels * in_plane(j->s), columns = size / qat_max(rows, 1);
  qat_transpose_bytes(rows, columns, (const uint8_t *)j->a->x + image * size, columns,
                      j->turned + image * size, rows);
}

// 4-byte results of a block: sums or reals, into planes or rows.
QAT_INLINE void qat_conv_store_body(const qat_conv_s8_arguments *a, int64_t pixels, int64_t m,
                                    const int32_t *acc, const float *scale, int64_t pixel_step,
                                    int64_t channel_step, void *y) {
  for (int64_t first = 0; first < pixels; first += 16)
    for (int64_t c = 0; c < m; c++) {
      const float factor = scale ? scale[a->m_scalar ? 0 : c] : 1;
      const int64_t last = qat_min(pixels, first + 16);
      if (a->result == QAT_CONV_SUMS)
        for (int64_t p = first; p < last; p++)
          ((int32_t *)y)[p * pixel_step + c * channel_step] = acc[p * m + c];
      else
        for (int64_t p = first; p < last; p++)
          ((float *)y)[p * pixel_step + c * channel_step] = (float)acc[p * m + c] * factor;
    }
}
void qat_conv_store(const qat_conv_s8_arguments *a, int64_t pixels, int64_t m, const int32_t *acc,
                    const float *scale, int64_t pixel_step, int64_t channel_step, void *y);
QAT_VERSIONS(qat_conv_store,
             (const qat_conv_s8_arguments *a, int64_t pixels, int64_t m, const int32_t *acc,
              const float *scale, int64_t pixel_step, int64_t channel_step, void *y),
             (a, pixels, m, acc, scale, pixel_step, channel_step, y))

static void store(const job *j, int64_t image, int64_t group, int64_t first, int64_t pixels,
                  const int32_t *acc) {
  const qat_conv_s8_arguments *a = j->a;
  const int64_t m = results_of_group(j->s), all = j->s->out_channels, plane = out_plane(j->s);
  const int64_t at = a->y_channels_last ? (image * plane + first) * all + group * m
                                        : (image * all + group * m) * plane + first;
  const float *scale = a->m_scalar || !a->m ? a->m : a->m + group * m;
  if (a->result != QAT_CONV_CODES) {
    qat_conv_store(a, pixels, m, acc, scale, a->y_channels_last ? all : 1,
                   a->y_channels_last ? 1 : plane, (int32_t *)a->y + at);
    return;
  }
  const qat_requantize_arguments codes = {
    .rows = pixels, .columns = m, .acc = acc, .stride = m, .m = scale, .m_scalar = a->m_scalar,
    .zero = a->zero, .lo = a->lo, .hi = a->hi, .q = (uint8_t *)a->y + at,
    .q_stride = a->y_channels_last ? all : plane,
  };
  if (a->y_channels_last) qat_requantize(&codes);
  else qat_requantize_transposed(&codes);
}

static void block_chunk(void *context, int64_t chunk, int worker) {
  const job *j = context;
  const qat_conv_shape *s = j->s;
  const qat_conv_s8_arguments *a = j->a;
  const int64_t image = chunk / j->blocks, first = chunk % j->blocks * j->pixels;
  const int64_t pixels = qat_min(j->pixels, out_plane(s) - first);
  const int64_t m = results_of_group(s), k = depth(s), channels = channels_of_group(s);
  const uint8_t *x = j->images + image * s->in_channels * in_plane(s);
  uint8_t *rows = j->scratch + j->scratch_step * (size_t)worker;
  int32_t *acc = (int32_t *)(rows + j->rows_size);
  for (int64_t group = 0; group < s->groups; group++) {
    qat_igemm_arguments product = {
      .m = pixels, .n = m, .k = k, .a = rows, .a_stride = k, .a_signed = a->x_signed,
      .a_zero = a->x_zero,
      .b = (const uint8_t *)a->w + packed_group(j->kernel, s) * (size_t)group,
      .b_signed = a->w_signed, .b_zero = a->w_zero ? a->w_zero + group * m : NULL,
      .bias = a->bias ? a->bias + group * m : NULL, .c = acc, .c_stride = m,
    };
    if (is_pointwise(s)) {
      product.a = x + first * s->in_channels + group * channels;
      product.a_stride = s->in_channels;
    } else {
      qat_im2row_s8(s, x, group * channels, channels, first, first + pixels, (uint8_t)a->x_zero,
                    rows);
    }
    qat_igemm(j->kernel, &product);
    store(j, image, group, first, pixels, acc);
  }
}

void qat_conv_s8(const qat_igemm_kernel *kernel, const qat_conv_shape *s,
                 const qat_conv_s8_arguments *a, qat_pool *pool, void *scratch) {
  if (s->batch * s->out_channels * out_plane(s) == 0) return;
  job job = {
    .kernel = kernel, .s = s, .a = a, .images = a->x, .scratch = scratch,
    .scratch_step = scratch_step(s), .rows_size = rows_size(s), .pixels = pixels_of_block(s),
  };
  job.blocks = qat_ceil_div(out_plane(s), job.pixels);
  if (!has_wanted_layout(s, a->x_channels_last)) {
    job.turned = scratch;
    job.images = job.turned;
    job.scratch += turned_size(s);
    qat_pool_run(pool, s->batch, turn_image, &job);
  }
  if (is_depthwise(s))
    qat_depthwise_s8(s, a, job.images, pool, (int32_t *)(void *)job.scratch);
  else
    qat_pool_run(pool, s->batch * job.blocks, block_chunk, &job);
}
