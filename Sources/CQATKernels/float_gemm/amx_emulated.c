#define QAT_EMULATED_TILES
#include "tile_product.h"

const qat_sgemm_kernel qat_sgemm_amx_bf16_emulated = {
  "amx-emulated", QAT_CPU_EMULATED_TILES, rows_product, columns_product, NULL,
};
