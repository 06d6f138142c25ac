#include "kernel.h"

// Best first; the model of AMX, which is for tests, after the scalar one.
static const qat_igemm_kernel *const table[] = {
#if QAT_HAS_AMX
  &qat_igemm_amx,
#endif
#if defined(__x86_64__)
  &qat_igemm_avx512vnni,
  &qat_igemm_avxvnni,
  &qat_igemm_avx2,
#elif defined(__aarch64__)
  &qat_igemm_i8mm,
  &qat_igemm_dotprod,
#endif
  &qat_igemm_scalar,
  &qat_igemm_amx_emulated,
};

int qat_igemm_count(void) { return (int)(sizeof table / sizeof *table); }

const qat_igemm_kernel *qat_igemm_at(int index) {
  if (index < 0 || index >= qat_igemm_count()) return NULL;
  const qat_igemm_kernel *kernel = table[index];
  return (kernel->features & ~qat_cpu_features()) ? NULL : kernel;
}

const qat_igemm_kernel *qat_igemm_best(void) {
  if (qat_cpu_features() & QAT_CPU_EMULATED_TILES) return &qat_igemm_amx_emulated;
  for (int index = 0;; index++) {
    const qat_igemm_kernel *kernel = qat_igemm_at(index);
    if (kernel) return kernel;
  }
}

const char *qat_igemm_name(const qat_igemm_kernel *kernel) { return kernel->name; }
