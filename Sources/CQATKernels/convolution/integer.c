#include "codes.h"

// No result: nothing below can divide by a size.
static bool is_empty(const qat_conv_shape *s) { return s->out_channels * out_plane(s) == 0; }

// The way to convolve a shape.
static const code_convolution *way_of(const qat_conv_shape *s) {
  static const code_convolution
      dense = {qat_dense_packed_size, qat_dense_pack, qat_dense_scratch, qat_dense_s8},
      depthwise = {qat_depthwise_packed_size, qat_depthwise_pack, qat_depthwise_scratch,
                   qat_depthwise_s8},
      minimal = {qat_winograd_codes_packed_size, qat_winograd_codes_pack,
                 qat_winograd_codes_scratch, qat_winograd_codes};
  return s->minimal ? &minimal : is_depthwise(s) ? &depthwise : &dense;
}

size_t qat_conv_s8_packed_size(const qat_conv_shape *s) {
  return is_empty(s) ? 0 : way_of(s)->packed_size(s);
}

void qat_conv_s8_pack(const qat_conv_shape *s, const void *w, bool w_signed, void *packed,
                      void *scratch) {
  if (!is_empty(s)) way_of(s)->pack(s, w, w_signed, packed, scratch);
}

// Channels first: images are turned before and results after.
static bool turns(int64_t channels, int64_t plane, bool channels_last) {
  return !channels_last && channels > 1 && plane > 1;
}
static int64_t turned_x(const qat_conv_shape *s, const qat_conv_s8_arguments *a) {
  return turns(s->in_channels, in_plane(s), a->x_channels_last)
             ? padded(s->batch * s->in_channels * in_plane(s)) : 0;
}
static int64_t turned_y(const qat_conv_shape *s, const qat_conv_s8_arguments *a) {
  return turns(s->out_channels, out_plane(s), a->y_channels_last)
             ? padded(s->batch * s->out_channels * out_plane(s) * element_size(a->result)) : 0;
}

size_t qat_conv_s8_scratch(const qat_conv_shape *s, const qat_conv_s8_arguments *a, int threads) {
  if (is_empty(s)) return 0;
  return (size_t)(turned_x(s, a) + turned_y(s, a)) + way_of(s)->scratch(s, threads);
}

typedef struct {
  int64_t rows, columns, bytes;
  const uint8_t *from;
  uint8_t *to;
} turning;

static void turn_image(void *context, int64_t image, int worker) {
  (void)worker;
  const turning *t = context;
  const int64_t at = image * t->rows * t->columns * t->bytes;
  if (t->bytes == 1)
    qat_transpose_bytes(t->rows, t->columns, t->from + at, t->columns, t->to + at, t->rows);
  else
    qat_transpose_words(t->rows, t->columns, t->from + at, t->columns, t->to + at, t->rows);
}

void qat_conv_s8(const qat_igemm_kernel *kernel, const qat_conv_shape *s,
                 const qat_conv_s8_arguments *given, qat_pool *pool, void *scratch) {
  if (s->batch == 0 || is_empty(s)) return;
  qat_conv_s8_arguments a = *given;
  uint8_t *x = scratch, *y = x + turned_x(s, given);
  if (x != y) {
    turning turn = {s->in_channels, in_plane(s), 1, given->x, x};
    qat_pool_run(pool, s->batch, turn_image, &turn);
    a.x = x;
  }
  scratch = y + turned_y(s, given);
  if (y != scratch) a.y = y;
  way_of(s)->convolve(kernel, s, &a, pool, scratch);
  if (y != scratch) {
    turning turn = {out_plane(s), s->out_channels, element_size(a.result), y, given->y};
    qat_pool_run(pool, s->batch, turn_image, &turn);
  }
}
