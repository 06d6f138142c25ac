#define QAT_EMULATED_TILES
#include "tile_product.h"

const qat_igemm_kernel qat_igemm_amx_emulated = {
  .name = "amx-emulated", .features = 0, .rows = ROWS,
  .tile = tile_product, .leave = release, .store = qat_igemm_store__scalar,
  .depthwise = qat_depthwise_line__scalar,
  .least_rows = 8, .least_quads = 4, .small = &qat_igemm_scalar,
};
