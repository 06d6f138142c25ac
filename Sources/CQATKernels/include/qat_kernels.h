// The kernels of swift-qat: plain loops and blocked products over caller-owned memory.
//
// Every kernel takes pointers, sizes and strides (in elements), allocates nothing, keeps no
// pointer, and returns no error: the caller checks sizes. Unless a comment says otherwise tensors
// are dense and row-major, images are NCHW, weights OIHW, and rounding is to nearest, ties to even.
#pragma once

#include "qat_cpu.h"
#include "qat_pool.h"

#include "qat_channels_last.h"
#include "qat_convolution.h"
#include "qat_elementwise.h"
#include "qat_float_gemm.h"
#include "qat_integer_gemm.h"
#include "qat_normalization.h"
#include "qat_optimizer.h"
#include "qat_pooling.h"
#include "qat_quantize.h"
#include "qat_sequence.h"
#include "qat_tile_model.h"
