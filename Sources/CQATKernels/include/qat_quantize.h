// Between real numbers and codes, and arithmetic on codes.
//
// A code type is given by `qat_code`; a grid by its lowest and highest code, which may be narrower
// than the type (|code| and |zero point| below 2^20).
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef enum { QAT_U8, QAT_S8, QAT_U16, QAT_S16 } qat_code;

// Codes of one scale, u8 or s8: x = (q - zero) * scale. Kernels that take them make the numbers as they
// read; the zero point is a code.
typedef struct {
  const void *q;
  bool is_signed;
  float scale;
  int32_t zero;
} qat_codes;

// acc: `rows` rows of `columns`, `stride` apart.
//   v = acc[i][j] + bias[c]                  modulo 2^32
//   q = clamp(rint(f32(v) * m[c]) + zero, lo, hi)
// with one rounding in each step; c is j (`along_rows` false) or i (`along_rows` true). `bias` may
// be NULL; `m` has one element when `m_scalar`. `q` has rows `q_stride` apart, u8 or s8.
typedef struct {
  int64_t rows, columns;
  const int32_t *acc;
  int64_t stride;
  const int32_t *bias;
  const float *m;
  bool m_scalar, along_rows;
  int32_t zero, lo, hi;
  void *q;
  int64_t q_stride;
} qat_requantize_arguments;
void qat_requantize(const qat_requantize_arguments *arguments);

// Tensors are [outer][channels][inner] with a scale and zero point a channel; per tensor is one
// channel. A NULL `zero` means 0.

// q = clamp(rint(x / scale) + zero, lo, hi); a NaN becomes the zero point.
void qat_quantize(int64_t outer, int64_t channels, int64_t inner, const float *x,
                  const float *scale, const int32_t *zero, int32_t lo, int32_t hi, qat_code type,
                  void *q);
// x = (q - zero) * scale.
void qat_dequantize(int64_t outer, int64_t channels, int64_t inner, const void *q, qat_code type,
                    const float *scale, const int32_t *zero, float *x);
// The same of `rows` rows of `columns` codes from code `first` on, `stride` apart, those of x `x_stride`.
void qat_dequantize_rows(const qat_codes *codes, int64_t first, int64_t rows, int64_t columns,
                         int64_t stride, float *x, int64_t x_stride);
// x = (q - zero) * scale for int32 codes; q - zero modulo 2^32.
void qat_dequantize_s32(int64_t outer, int64_t channels, int64_t inner, const int32_t *q,
                        const float *scale, const int32_t *zero, float *x);
// y = (clamp(rint(x / scale) + zero, lo, hi) - zero) * scale; a NaN gives 0.
void qat_fake_quantize(int64_t outer, int64_t channels, int64_t inner, const float *x,
                       const float *scale, const int32_t *zero, int32_t lo, int32_t hi, float *y);
// mask = 1 where lo <= rint(x / scale) + zero <= hi, else 0 (also for a NaN).
void qat_inside_mask(int64_t outer, int64_t channels, int64_t inner, const float *x,
                     const float *scale, const int32_t *zero, int32_t lo, int32_t hi,
                     uint8_t *mask);
// dx = dy where the mask would be 1, else 0.
void qat_fake_quantize_gradient(int64_t outer, int64_t channels, int64_t inner, const float *x,
                                const float *scale, const int32_t *zero, int32_t lo, int32_t hi,
                                const float *dy, float *dx);
// Codes of one scale, u8 or s8, and of each element whether it was inside (and, where `positive`,
// above 0): bit i % 8 of bits[i / 8]; NULL: not wanted. qat_apply_bits is then the gradient: it needs
// an eighth of a byte instead of x.
void qat_quantize_bits(int64_t count, const float *x, float scale, int32_t zero, int32_t lo,
                       int32_t hi, bool positive, uint8_t *codes, uint8_t *bits);
void qat_apply_bits(int64_t count, const float *dy, const uint8_t *bits, float *dx);
// The same two with parameters in blocks: [outer][ceil(channels/block)][inner], one for `block`
// neighbours along the channels; the last block may be shorter. `zero` is not NULL.
void qat_fake_quantize_blocks(int64_t outer, int64_t channels, int64_t inner, int64_t block,
                              const float *x, const float *scale, const int32_t *zero, int32_t lo,
                              int32_t hi, float *y);
void qat_fake_quantize_blocks_gradient(int64_t outer, int64_t channels, int64_t inner,
                                       int64_t block, const float *x, const float *scale,
                                       const int32_t *zero, int32_t lo, int32_t hi,
                                       const float *dy, float *dx);

typedef enum { QAT_LSQ, QAT_LSQ_PLUS, QAT_PACT } qat_learned;

// The gradients of a quantizer whose scale is learned. With t = x / scale, Qn = lo - zero and
// Qp = hi - zero, inside is Qn < t < Qp:
//   dx = inside ? dy : 0; where `positive`, 0 for x <= 0 as well
//   sums[2c]     = the sum over channel c of dy * (inside ? rint(t) - t : t > Qn ? above : below)
//   sums[2c + 1] = the sum over channel c of (inside ? 0 : dy); of LSQ_PLUS alone
// below and above are Qn and Qp; for LSQ_PLUS lo and hi; for PACT inside contributes 0. Sums of runs
// of 4096 are floats in 16 lanes, those of runs doubles.
void qat_learned_gradient(int64_t outer, int64_t channels, int64_t inner, const float *x,
                          const float *scale, const int32_t *zero, int32_t lo, int32_t hi,
                          qat_learned method, bool positive, const float *dy, float *dx,
                          double *sums);
// What elements of x contribute to sums[0] of QAT_LSQ, with one scale, times g.
void qat_scale_derivative(int64_t count, const float *x, float scale, int32_t zero, int32_t lo,
                          int32_t hi, float g, float *y);
// The same without g, as codes (u8):
//   inside:  rint(t) - t, rounded to (coarse - 128) / 254 + (fine - 128) / 65024
//   outside: that of Qn or Qp; the zero point for elements inside. Signed codes are code + 128.
// `any`: whether an element outside contributes, so that `outside` is not the zero point alone.
void qat_learned_slices(int64_t count, const float *x, float scale, int32_t zero, int32_t lo,
                        int32_t hi, uint8_t *coarse, uint8_t *fine, uint8_t *outside, bool *any);
// The sum of dy * ((256 * coarse + fine) / 65024 + outside) over rows of products of these slices, less
// their zero points, with anything; `outside` may be NULL. Sums of rows are floats in 16 lanes, that
// of rows a double.
void qat_learned_slices_sum(int64_t rows, int64_t columns, const float *dy, const float *coarse,
                            const float *fine, const float *outside, double *sum);
// The sum of magnitudes of each channel, and its smallest and largest element in ranges[2c] and
// ranges[2c + 1]. A NaN makes the sum one, and no range.
void qat_magnitudes(int64_t outer, int64_t channels, int64_t inner, const float *x, double *sums,
                    float *ranges);
// The sum of squares of what fake quantization moves every `stride`-th element of a channel by.
double qat_rounding_error(int64_t outer, int64_t channels, int64_t inner, int64_t channel,
                          int64_t stride, const float *x, float scale, int32_t zero, int32_t lo,
                          int32_t hi);
// y = mask ? x : 0
void qat_apply_mask(int64_t count, const float *x, const uint8_t *mask, float *y);

// Element-wise on codes; a stride is 0 (one value for all) or 1. `is_signed`: all codes are s8,
// else u8. Rules of ONNX Runtime's CPU provider.
//   ra = sa / sc, rb = sb / sc, F = zc - fma(ra, za, rb * zb)
//   c = clamp(rint(fma(a, ra, fma(b, rb, F))))
void qat_qlinear_add(int64_t count, const void *a, int a_stride, const void *b, int b_stride,
                     bool is_signed, float a_ratio, int32_t a_zero, float b_ratio, int32_t b_zero,
                     int32_t c_zero, int32_t lo, int32_t hi, void *c);
// F.
float qat_qlinear_add_fixed(float a_ratio, int32_t a_zero, float b_ratio, int32_t b_zero,
                            int32_t c_zero);
//   c = clamp(rint(f32((a - za) * (b - zb)) * ratio + zc)),  ratio = (sa * sb) / sc
void qat_qlinear_mul(int64_t count, const void *a, int a_stride, const void *b, int b_stride,
                     bool is_signed, int32_t a_zero, int32_t b_zero, float ratio, int32_t c_zero,
                     int32_t lo, int32_t hi, void *c);
// y[i] = table[x[i]], codes as bytes: a signed code indexes by its bit pattern.
void qat_lookup(int64_t count, const uint8_t *x, const uint8_t *table, uint8_t *y);
// q = clamp(q, lo, hi)
void qat_clip_codes(int64_t count, const void *x, bool is_signed, int32_t lo, int32_t hi, void *y);
