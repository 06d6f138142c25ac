// What becomes of the sums of a tile, in plain C that vectorises.
#pragma once
#include "kernel.h"

// The code of a sum, as a float that is an integer: clamping first is the same, since the limits
// are integers, and keeps the rounding in range.
QAT_INLINE float code_of(int32_t sum, float m, float low, float high) {
  return qat_round(qat_clamp((float)sum * m, low, high));
}

QAT_INLINE void store_codes(const qat_igemm_result *r) {
  const float low = (float)(r->lo - r->zero), high = (float)(r->hi - r->zero);
  for (int i = 0; i < r->rows; i++) {
    const int32_t *sums = r->sums + i * r->width;
    uint8_t *y = (uint8_t *)r->y + i * r->stride;
    for (int j = 0; j < r->columns; j++)
      y[j] = (uint8_t)((int32_t)code_of(sums[j], r->m[j], low, high) + r->zero);
  }
}

QAT_INLINE void store_sum(const qat_igemm_result *r, bool is_signed) {
  const qat_conv_s8_sum *add = r->add;
  const float low = (float)(r->lo - r->zero), high = (float)(r->hi - r->zero);
  const float zero = (float)r->zero, fixed = add->fixed;
  for (int i = 0; i < r->rows; i++) {
    const int32_t *sums = r->sums + i * r->width;
    uint8_t *y = (uint8_t *)r->y + i * r->stride;
    const uint8_t *added = r->added + i * r->stride;
    for (int j = 0; j < r->columns; j++) {
      const float own = code_of(sums[j], r->m[j], low, high) + zero;
      const float other = is_signed ? (float)(int8_t)added[j] : (float)added[j];
      const float sum = add->is_first
          ? fmaf(other, add->ratio, fmaf(own, add->own_ratio, fixed))
          : fmaf(own, add->own_ratio, fmaf(other, add->ratio, fixed));
      y[j] = (uint8_t)(int32_t)qat_round(qat_clamp(sum, (float)add->lo, (float)add->hi));
    }
  }
}

QAT_INLINE void store(const qat_igemm_result *r) {
  if (r->result == QAT_CONV_CODES && !r->add) return store_codes(r);
  if (r->result == QAT_CONV_CODES) {
    if (r->add->is_signed) store_sum(r, true);
    else store_sum(r, false);
    return;
  }
  for (int i = 0; i < r->rows; i++) {
    const int32_t *sums = r->sums + i * r->width;
    if (r->result == QAT_CONV_SUMS) {
      memcpy((int32_t *)r->y + i * r->stride, sums, (size_t)r->columns * sizeof *sums);
      continue;
    }
    float *y = (float *)r->y + i * r->stride;
    if (r->offset)
      for (int j = 0; j < r->columns; j++) y[j] = fmaf((float)sums[j], r->m[j], r->offset[j]);
    else for (int j = 0; j < r->columns; j++) y[j] = (float)sums[j] * r->m[j];
  }
}
