#include "../internal.h"

#if QAT_HAS_AMX
#include "tile_product.h"

const qat_sgemm_kernel qat_sgemm_amx_bf16 = {
  "amx", QAT_CPU_AVX512 | QAT_CPU_AMXBF16, rows_product, columns_product, NULL,
};
#endif
