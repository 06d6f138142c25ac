// Tile registers for kernels: AMX, or with QAT_EMULATED_TILES the model of it. Tile numbers are
// constants. A kernel file is compiled for both.
#pragma once
#include "../internal.h"

#if defined(QAT_EMULATED_TILES)
#define QAT_TILES
#define qat_tile_configure(shapes) qat_model_configure(shapes)
#define qat_tile_release() qat_model_release()
#define qat_tile_load(tile, from, stride) qat_model_load(tile, from, stride)
#define qat_tile_store(tile, to, stride) qat_model_store(tile, to, stride)
#define qat_tile_zero(tile) qat_model_zero(tile)
#define qat_tile_dpbusd(c, a, b) qat_model_dpbusd(c, a, b)
#define qat_tile_dpbf16ps(c, a, b) qat_model_dpbf16ps(c, a, b)
#elif QAT_HAS_AMX
#include <immintrin.h>
#define QAT_TILES \
  __attribute__((target("amx-tile,amx-int8,amx-bf16,avx512f,avx512bw,avx512vl,avx512dq")))
#define qat_tile_configure(shapes) _tile_loadconfig(shapes)
#define qat_tile_release() _tile_release()
#define qat_tile_load(tile, from, stride) _tile_loadd(tile, from, (size_t)(stride))
#define qat_tile_store(tile, to, stride) _tile_stored(tile, to, (size_t)(stride))
#define qat_tile_zero(tile) _tile_zero(tile)
#define qat_tile_dpbusd(c, a, b) _tile_dpbusd(c, a, b)
#define qat_tile_dpbf16ps(c, a, b) _tile_dpbf16ps(c, a, b)
#endif
