// One step of SGD, for elements and for vectors of them.
#pragma once
#include "../internal.h"

// The new w and velocity, in the variables of the old ones.
#define QAT_SGD_STEP(s, w, gradient, velocity)                                     \
  do {                                                                             \
    const __typeof__(w) decayed = (gradient) + (s).weight_decay * (w);             \
    velocity = (s).momentum * (velocity) + decayed;                                \
    w = (w) - (s).rate * ((s).nesterov ? decayed + (s).momentum * (velocity) : (velocity)); \
  } while (0)
