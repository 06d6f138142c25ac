#include "kernel.h"

// Best first, scalar last.
static const qat_igemm_kernel *const table[] = {
#if defined(__x86_64__)
  &qat_igemm_avx512vnni,
  &qat_igemm_avxvnni,
  &qat_igemm_avx2,
#elif defined(__aarch64__)
  &qat_igemm_i8mm,
  &qat_igemm_dotprod,
#endif
  &qat_igemm_scalar,
};

int qat_igemm_count(void) { return (int)(sizeof table / sizeof *table); }

const qat_igemm_kernel *qat_igemm_at(int index) {
  if (index < 0 || index >= qat_igemm_count()) return NULL;
  const qat_igemm_kernel *kernel = table[index];
  return (kernel->features & ~qat_cpu_features()) ? NULL : kernel;
}

const qat_igemm_kernel *qat_igemm_best(void) {
  for (int index = 0;; index++) {
    const qat_igemm_kernel *kernel = qat_igemm_at(index);
    if (kernel) return kernel;
  }
}

const char *qat_igemm_name(const qat_igemm_kernel *kernel) { return kernel->name; }
