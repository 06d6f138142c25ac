#include "../internal.h"
#include "shape.h"

QAT_INLINE void copy_row(int64_t count, const float *from, int64_t stride, float *to) {
  if (stride == 1) memcpy(to, from, (size_t)count * sizeof *to);
  else if (stride == 2) for (int64_t i = 0; i < count; i++) to[i] = from[2 * i];
  else for (int64_t i = 0; i < count; i++) to[i] = from[i * stride];
}

QAT_INLINE void qat_im2col_f32_body(const qat_conv_shape *s, const float *image,
                                    int64_t first_channel, int64_t last_channel, int64_t first_row,
                                    int64_t last_row, float *to, int64_t stride) {
  for (int64_t c = first_channel; c < last_channel; c++)
    for (int64_t i = 0; i < s->kernel_height; i++)
      for (int64_t j = 0; j < s->kernel_width; j++, to += stride) {
        const range valid = valid_columns(s, j);
        const float *plane = image + c * s->in_height * s->in_width;
        float *row = to;
        for (int64_t oy = first_row; oy < last_row; oy++, row += s->out_width) {
          const int64_t y = oy * s->stride_y - s->pad_top + i * s->dilation_y;
          if (y < 0 || y >= s->in_height) {
            memset(row, 0, (size_t)s->out_width * sizeof *row);
            continue;
          }
          for (int64_t ox = 0; ox < valid.first; ox++) row[ox] = 0;
          if (valid.first < valid.last)
            copy_row(valid.last - valid.first,
                     plane + y * s->in_width + valid.first * s->stride_x - s->pad_left
                         + j * s->dilation_x,
                     s->stride_x, row + valid.first);
          for (int64_t ox = valid.last; ox < s->out_width; ox++) row[ox] = 0;
        }
      }
}
QAT_VERSIONS(qat_im2col_f32,
             (const qat_conv_shape *shape, const float *image, int64_t first_channel,
              int64_t last_channel, int64_t first_row, int64_t last_row, float *to, int64_t stride),
             (shape, image, first_channel, last_channel, first_row, last_row, to, stride))

void qat_im2col_s8(const qat_conv_shape *s, const uint8_t *image, int64_t first_channel,
                   int64_t last_channel, int64_t first_row, int64_t last_row, uint8_t pad,
                   uint8_t *to, int64_t stride) {
  for (int64_t c = first_channel; c < last_channel; c++)
    for (int64_t i = 0; i < s->kernel_height; i++)
      for (int64_t j = 0; j < s->kernel_width; j++, to += stride) {
        const range valid = valid_columns(s, j);
        const uint8_t *plane = image + c * s->in_height * s->in_width;
        uint8_t *row = to;
        for (int64_t oy = first_row; oy < last_row; oy++, row += s->out_width) {
          const int64_t y = oy * s->stride_y - s->pad_top + i * s->dilation_y;
          memset(row, pad, (size_t)s->out_width);
          if (y < 0 || y >= s->in_height) continue;
          for (int64_t ox = valid.first; ox < valid.last; ox++)
            row[ox] = plane[y * s->in_width + ox * s->stride_x - s->pad_left + j * s->dilation_x];
        }
      }
}

QAT_INLINE void qat_col2im_f32_body(const qat_conv_shape *s, const float *from, int64_t stride,
                                    int64_t first_channel, int64_t last_channel, int64_t first_row,
                                    int64_t last_row, float *image) {
  for (int64_t c = first_channel; c < last_channel; c++)
    for (int64_t i = 0; i < s->kernel_height; i++)
      for (int64_t j = 0; j < s->kernel_width; j++, from += stride) {
        const range valid = valid_columns(s, j);
        float *plane = image + c * s->in_height * s->in_width;
        for (int64_t oy = first_row; oy < last_row; oy++) {
          const int64_t y = oy * s->stride_y - s->pad_top + i * s->dilation_y;
          if (y < 0 || y >= s->in_height || valid.first >= valid.last) continue;
          const float *row = from + (oy - first_row) * s->out_width + valid.first;
          const int64_t count = valid.last - valid.first;
          float *to = plane + y * s->in_width + valid.first * s->stride_x - s->pad_left
                      + j * s->dilation_x;
          if (s->stride_x == 1) for (int64_t x = 0; x < count; x++) to[x] += row[x];
          else for (int64_t x = 0; x < count; x++) to[x * s->stride_x] += row[x];
        }
      }
}
QAT_VERSIONS(qat_col2im_f32,
             (const qat_conv_shape *shape, const float *from, int64_t stride,
              int64_t first_channel, int64_t last_channel, int64_t first_row, int64_t last_row,
              float *image),
             (shape, from, stride, first_channel, last_channel, first_row, last_row, image))
