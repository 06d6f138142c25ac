// exp and its relatives from additions, multiplications, fused ones and divisions alone: they
// vectorise, and give the same bits on every CPU.
#pragma once
#include "../internal.h"

// exp(x) = 2^n * exp(r), r = x - n ln 2 in two parts (Cody and Waite), |r| <= ln 2 / 2; the
// polynomial is the Taylor series to degree 7. Result 0 below -103.98, infinity above 88.73.
QAT_INLINE float qat_exp(float x) {
  const float t = qat_clamp(x, -104.0f, 89.0f);
  const float n = qat_round(t * 1.44269504f);
  float r = fmaf(n, -0.693359375f, t);
  r = fmaf(n, 2.12194440e-4f, r);
  float p = 1.98412698e-4f;
  p = fmaf(p, r, 1.38888889e-3f);
  p = fmaf(p, r, 8.33333377e-3f);
  p = fmaf(p, r, 4.16666679e-2f);
  p = fmaf(p, r, 1.66666672e-1f);
  p = fmaf(p, r, 0.5f);
  p = fmaf(p * r, r, r) + 1.0f;
  // 2^n in two factors, as n reaches 128 and -150.
  const int32_t exponent = (int32_t)n, half = exponent >> 1;
  const uint32_t a = (uint32_t)(half + 127) << 23, b = (uint32_t)(exponent - half + 127) << 23;
  float first, second;
  memcpy(&first, &a, 4);
  memcpy(&second, &b, 4);
  const float y = (p * first) * second;
  return x == x ? y : x;
}

QAT_INLINE float qat_sigmoid(float x) { return 1.0f / (1.0f + qat_exp(-x)); }

// log(1 + u) = 2 artanh(u / (2 + u)) for 0 <= u <= 1: the series to degree 15 on |s| <= 1/3.
QAT_INLINE float qat_log1p(float u) {
  const float s = u / (2.0f + u), t = s * s;
  float p = 2.0f / 15.0f;
  p = fmaf(p, t, 2.0f / 13.0f);
  p = fmaf(p, t, 2.0f / 11.0f);
  p = fmaf(p, t, 2.0f / 9.0f);
  p = fmaf(p, t, 2.0f / 7.0f);
  p = fmaf(p, t, 2.0f / 5.0f);
  p = fmaf(p, t, 2.0f / 3.0f);
  return 2.0f * s + s * (t * p);
}

// Odd polynomial near 0 (the series of tanh to degree 15 on |x| < 0.55), 1 - 2 / (exp(2x) + 1)
// beyond.
QAT_INLINE float qat_tanh(float x) {
  const float a = fabsf(x), s = x * x;
  float p = -929569.0f / 638512875.0f;
  p = fmaf(p, s, 21844.0f / 6081075.0f);
  p = fmaf(p, s, -1382.0f / 155925.0f);
  p = fmaf(p, s, 62.0f / 2835.0f);
  p = fmaf(p, s, -17.0f / 315.0f);
  p = fmaf(p, s, 2.0f / 15.0f);
  p = fmaf(p, s, -1.0f / 3.0f);
  const float near = fmaf(x, s * p, x);
  const float far = copysignf(1.0f - 2.0f / (qat_exp(2.0f * a) + 1.0f), x);
  return a < 0.55f ? near : x == x ? far : x;
}

// x times a polynomial in x^2 near 0, 1 - exp of a polynomial beyond 0.92: minimax fits of erf(x) / x
// and of -log(1 - erf(x)) up to 4, where a float is 1. Within 3 units in the last place.
QAT_INLINE float qat_erf(float x) {
  const float a = fabsf(x), s = x * x;
  float p = 8.4099199e-05f;
  p = fmaf(p, s, -0.000815262778f);
  p = fmaf(p, s, 0.00520196021f);
  p = fmaf(p, s, -0.0268597986f);
  p = fmaf(p, s, 0.112837033f);
  p = fmaf(p, s, -0.376126343f);
  const float near = fmaf(x, fmaf(s, p, 0.12837917f), x);
  const float t = a < 4.0f ? a : 4.0f;
  float r = -1.60279488e-06f;
  r = fmaf(r, t, 4.53606407e-05f);
  r = fmaf(r, t, -0.000590766488f);
  r = fmaf(r, t, 0.00473052242f);
  r = fmaf(r, t, -0.0263362228f);
  r = fmaf(r, t, 0.109926383f);
  r = fmaf(r, t, 0.63199406f);
  r = fmaf(r, t, 1.13013223f);
  r = fmaf(r, t, -0.000294455139f);
  const float far = copysignf(1.0f - qat_exp(-r), x);
  return a < 0.92f ? near : x == x ? far : x;
}
