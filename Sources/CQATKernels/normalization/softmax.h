// What attention shares with the softmax of rows.
#pragma once
#include "../internal.h"

// exp(x - max) / sum of one row. `y` may be `x`.
void qat_softmax_row(int64_t count, const float *x, float *y);
