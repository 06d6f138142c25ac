// From a number to its code, counted from the zero point.
#pragma once
#include "../internal.h"

// rint(x / scale), kept inside low...high, which must be integers below 2^22; NaN gives 0.
QAT_INLINE float steps_of(float x, float scale, float low, float high) {
  float t = x / scale;
  t = t == t ? t : 0;
  return qat_round(qat_clamp(t, low, high));
}

// One step more on each side tells what lies outside before it saturates.
QAT_INLINE bool is_inside(float x, float scale, float low, float high) {
  const float steps = steps_of(x, scale, low - 1, high + 1);
  return (x == x) & (steps >= low) & (steps <= high);
}

// A quotient without a division, where the scale has an inverse: with r = 1 / scale, t = x * r is off
// by less than two units in the last place, and t + (x - t * scale) * r is x / scale as a division
// rounds it (Markstein, IBM J. Res. Dev. 34, 1990), up to 2^23. As quotients grow with x, what lies
// outside of a grid is told by x itself.
QAT_INLINE bool qat_has_inverse(float scale) { return scale > 0x1p-100f && scale < 0x1p100f; }

// The least number whose quotient by such a scale is above `low` or, where it `rounds`, rounds to it.
QAT_INLINE float least_of(float scale, float low, bool rounds) {
  float x = (rounds ? low - 0.5f : low) * scale;
  // A quotient below half of the least float is 0. By a call, so that nothing computes it in vain: it
  // is slow to be so small.
  if (x == 0) x = ldexpf(scale, -150);
  while (rounds ? qat_round(x / scale) >= low : x / scale > low) x = nextafterf(x, -INFINITY);
  while (rounds ? qat_round(x / scale) < low : x / scale <= low) x = nextafterf(x, INFINITY);
  return x;
}
