#if defined(__linux__)
#define _GNU_SOURCE
#include <sched.h>
#endif
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__APPLE__)
#include <stdbool.h>
#include <sys/sysctl.h>
#endif
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "include/qat_cpu.h"

#if defined(__aarch64__) && defined(__APPLE__)
static bool offers(const char *name) {
  int value = 0;
  size_t size = sizeof value;
  return !sysctlbyname(name, &value, &size, NULL, 0) && value;
}
#endif

static uint32_t detected(void) {
  uint32_t features = 0;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) features |= QAT_CPU_AVX2;
  if ((features & QAT_CPU_AVX2) && __builtin_cpu_supports("avx512f")
      && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
      && __builtin_cpu_supports("avx512dq"))
    features |= QAT_CPU_AVX512;
  if ((features & QAT_CPU_AVX512) && __builtin_cpu_supports("avx512vnni"))
    features |= QAT_CPU_AVX512VNNI;
  if ((features & QAT_CPU_AVX512VNNI) && __builtin_cpu_supports("avx512vbmi"))
    features |= QAT_CPU_AVX512VBMI;
  if (features & QAT_CPU_AVX2) {
    // AVX-VNNI: CPUID leaf 7, subleaf 1, EAX bit 4.
    uint32_t a = 7, b = 0, c = 1, d = 0, highest = 0;
    __asm__("cpuid" : "=a"(highest), "=b"(b), "=c"(c), "=d"(d) : "a"(7), "c"(0));
    if (highest >= 1) {
      __asm__("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(7), "c"(1));
      if (a >> 4 & 1) features |= QAT_CPU_AVXVNNI;
    }
  }
#elif defined(__aarch64__) && defined(__linux__)
  const unsigned long first = getauxval(AT_HWCAP), second = getauxval(AT_HWCAP2);
  if (first >> 20 & 1) features |= QAT_CPU_DOTPROD;
  if ((features & QAT_CPU_DOTPROD) && (second >> 13 & 1)) features |= QAT_CPU_I8MM;
#elif defined(__aarch64__) && defined(__APPLE__)
  if (offers("hw.optional.arm.FEAT_DotProd")) features |= QAT_CPU_DOTPROD;
  if ((features & QAT_CPU_DOTPROD) && offers("hw.optional.arm.FEAT_I8MM"))
    features |= QAT_CPU_I8MM;
#endif
  return features;
}

static uint32_t allowed_by_environment(void) {
  const char *name = getenv("QAT_CPU");
  if (!name) return ~0u;
  if (!strcmp(name, "scalar")) return 0;
  if (!strcmp(name, "avx2")) return QAT_CPU_AVX2;
  if (!strcmp(name, "avxvnni")) return QAT_CPU_AVX2 | QAT_CPU_AVXVNNI;
  if (!strcmp(name, "dotprod")) return QAT_CPU_DOTPROD;
  if (!strcmp(name, "i8mm")) return QAT_CPU_DOTPROD | QAT_CPU_I8MM;
  if (!strcmp(name, "avx512")) return QAT_CPU_AVX2 | QAT_CPU_AVX512;
  if (!strcmp(name, "avx512vnni"))
    return QAT_CPU_AVX2 | QAT_CPU_AVXVNNI | QAT_CPU_AVX512 | QAT_CPU_AVX512VNNI
           | QAT_CPU_AVX512VBMI;
  return ~0u;
}

#define KNOWN 0x80000000u
static _Atomic uint32_t cached;
static _Atomic uint32_t limit = ~0u;

uint32_t qat_cpu_features(void) {
  uint32_t features = atomic_load_explicit(&cached, memory_order_relaxed);
  if (!features) {  // several threads may compute it at once: they store the same
    features = (detected() & allowed_by_environment()) | KNOWN;
    atomic_store_explicit(&cached, features, memory_order_relaxed);
  }
  return features & ~KNOWN & atomic_load_explicit(&limit, memory_order_relaxed);
}

uint32_t qat_cpu_limit(uint32_t mask) { return atomic_exchange(&limit, mask); }

int qat_cpu_core_list(int *cores, int capacity) {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set)) return 0;
  int count = 0;
  for (int core = 0; core < CPU_SETSIZE && count < capacity; core++)
    if (CPU_ISSET(core, &set)) cores[count++] = core;
  return count;
#else
  (void)cores, (void)capacity;
  return 0;
#endif
}

int qat_cpu_allowed_cores(void) {
  int cores[1024], count = qat_cpu_core_list(cores, 1024);
  if (count < 1) count = (int)sysconf(_SC_NPROCESSORS_ONLN);
  return count < 1 ? 1 : count;
}
