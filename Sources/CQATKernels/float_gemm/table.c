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

const char *qat_sgemm_name(void) { return qat_sgemm_best()->name; }
