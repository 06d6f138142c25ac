#if defined(__x86_64__)
#include <immintrin.h>
#include "depthwise_codes.h"

#define TARGET __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))
#define INLINE TARGET __attribute__((always_inline)) static inline

#define BITS 256
#define MASK 32
#include "depthwise_vnni.h"
#undef BITS
#undef MASK
#define BITS 512
#define MASK 64
#include "depthwise_vnni.h"

void qat_depthwise_line__avx512vnni(const qat_depthwise_line *l) {
  // Half of a wide register costs more than a narrow one: those have a port more.
  if (l->channels <= 32) line_of_256(l);
  else line_of_512(l);
}
#endif
