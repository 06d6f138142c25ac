#include "../internal.h"

#if QAT_HAS_AMX
#include "tile_product.h"

// With few rows B is read faster than it is multiplied; with short segments most of a tile is empty.
const qat_igemm_kernel qat_igemm_amx = {
  .name = "amx", .features = QAT_CPU_AVX512 | QAT_CPU_AVX512VNNI | QAT_CPU_AMXINT8, .rows = ROWS,
  .tile = tile_product, .leave = release, .store = qat_igemm_store__avx512,
  .depthwise = qat_depthwise_line__avx512vnni, .pairs = qat_s16_tile__avx512vnni,
  .least_rows = 8, .least_quads = 4, .small = &qat_igemm_avx512vnni,
};
#endif
