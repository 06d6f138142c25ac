#pragma once
#include "steps.h"

// A run of elements with one scale as the numbers that their codes stand for; `low` and `high` are
// the ends of the grid, counted from the zero point.
void qat_fake_run(int64_t count, const float *x, float scale, float low, float high, float *y);
// Their gradient: dx = dy where x is inside, else 0; dx may be dy or x.
void qat_pass_run(int64_t count, const float *x, float scale, float low, float high,
                  const float *dy, float *dx);
