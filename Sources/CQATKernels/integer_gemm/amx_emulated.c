#define QAT_EMULATED_TILES
#include "tile_product.h"

// The way out of the kernel that this one stands for, where the CPU has it.
static void store(const qat_igemm_result *result) {
#if defined(__x86_64__)
  if (qat_cpu_features() & QAT_CPU_AVX512) return qat_igemm_store__avx512(result);
#endif
  qat_igemm_store__scalar(result);
}

const qat_igemm_kernel qat_igemm_amx_emulated = {
  .name = "amx-emulated", .features = 0, .rows = ROWS,
  .tile = tile_product, .leave = release, .store = store,
  .depthwise = qat_depthwise_line__scalar, .pairs = qat_s16_tile__scalar,
  .least_rows = 8, .least_quads = 4, .small = &qat_igemm_scalar,
};
