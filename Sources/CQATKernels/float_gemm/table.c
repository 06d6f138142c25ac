#include "kernel.h"

static const qat_sgemm_kernel *const table[] = {
#if defined(__x86_64__)
  &qat_sgemm_avx512,
  &qat_sgemm_avx2,
#endif
  &qat_sgemm_scalar,
};

const qat_sgemm_kernel *qat_sgemm_best(void) {
  const uint32_t cpu = qat_cpu_features();
  int row = 0;
  while (table[row]->features & ~cpu) row++;
  return table[row];
}

const qat_sgemm_kernel *qat_sgemm_for(bool bf16) {
  const uint32_t cpu = qat_cpu_features();
  if (bf16 && (cpu & QAT_CPU_EMULATED_TILES)) return &qat_sgemm_amx_bf16_emulated;
#if QAT_HAS_AMX
  if (bf16 && !(qat_sgemm_amx_bf16.features & ~cpu)) return &qat_sgemm_amx_bf16;
#endif
#if defined(__x86_64__)
  if (bf16 && !(qat_sgemm_avx512_bf16.features & ~cpu)) return &qat_sgemm_avx512_bf16;
#endif
  return qat_sgemm_best();
}

bool qat_sgemm_has_tiles(void) {
  return qat_sgemm_for(true)->features & (QAT_CPU_AMXBF16 | QAT_CPU_EMULATED_TILES);
}

bool qat_sgemm_rounds(void) { return qat_sgemm_for(true) != qat_sgemm_best(); }

const char *qat_sgemm_name(void) { return qat_sgemm_best()->name; }
