#pragma once
#include "steps.h"

// A run of elements with one scale as the numbers that their codes stand for; `low` and `high` are
// the ends of the grid, counted from the zero point.
void qat_fake_run(int64_t count, const float *x, float scale, float low, float high, float *y);
