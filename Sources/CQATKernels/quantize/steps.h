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
