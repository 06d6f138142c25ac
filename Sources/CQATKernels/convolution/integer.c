#include "codes.h"

// No result: nothing below can divide by a size.
static bool is_empty(const qat_conv_shape *s) { return s->out_channels * out_plane(s) == 0; }

// Squares of 4 x 4 that do not reach far beyond their images, and enough of them to read weights for
// that no cache holds.
bool qat_conv_s8_is_minimal(const qat_conv_shape *s) {
  const int64_t squares = qat_ceil_div(s->out_height, 4) * qat_ceil_div(s->out_width, 4);
  return is_filter(s) && qat_igemm_best()->filters && 3 * 16 * squares <= 4 * out_plane(s)
         && (s->batch * squares >= 14 || qat_winograd_codes_packed_size(s) <= 384 << 10);
}

size_t qat_conv_s8_packed_size(const qat_conv_shape *s) {
  if (is_empty(s)) return 0;
  if (s->minimal) return qat_winograd_codes_packed_size(s);
  return is_depthwise(s) ? qat_depthwise_packed_size(s) : qat_dense_packed_size(s);
}

void qat_conv_s8_pack(const qat_conv_shape *s, const void *w, bool w_signed, void *packed,
                      void *scratch) {
  if (is_empty(s)) return;
  if (s->minimal) qat_winograd_codes_pack(s, w, packed);
  else if (is_depthwise(s)) qat_depthwise_pack(s, w, w_signed, packed);
  else qat_dense_pack(s, w, w_signed, packed, scratch);
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

static size_t own_scratch(const qat_conv_shape *s, int threads) {
  if (s->minimal) return qat_winograd_codes_scratch(s, threads);
  return is_depthwise(s) ? qat_depthwise_scratch(s, threads) : qat_dense_scratch(s, threads);
}
size_t qat_conv_s8_scratch(const qat_conv_shape *s, const qat_conv_s8_arguments *a, int threads) {
  if (is_empty(s)) return 0;
  return (size_t)(turned_x(s, a) + turned_y(s, a)) + own_scratch(s, threads);
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
  if (s->minimal) qat_winograd_codes(kernel, s, &a, pool, scratch);
  else if (is_depthwise(s)) qat_depthwise_s8(kernel, s, &a, pool, scratch);
  else qat_dense_s8(kernel, s, &a, pool, scratch);
  if (y != scratch) {
    turning turn = {out_plane(s), s->out_channels, element_size(a.result), y, given->y};
    qat_pool_run(pool, s->batch, turn_image, &turn);
  }
}
