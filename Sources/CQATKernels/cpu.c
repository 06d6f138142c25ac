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
#include <unistd.h>

#include "internal.h"
#if QAT_HAS_AMX
#include <sys/syscall.h>
#endif

#if defined(__aarch64__) && defined(__APPLE__)
static bool offers(const char *name) {
  int value = 0;
  size_t size = sizeof value;
  return !sysctlbyname(name, &value, &size, NULL, 0) && value;
}
#endif

#if defined(__x86_64__)
typedef struct { uint32_t a, b, c, d; } registers;

static registers cpuid(uint32_t leaf, uint32_t part) {
  registers r;
  __asm__("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(part));
  return r;
}
#endif

#if QAT_HAS_AMX
// The CPU must have tiles, the operating system must save them (XCR0), and the process must ask for
// them, once: before that the first tile instruction of any thread is a fault.
static uint32_t detected_amx(void) {
  enum { tile = 1 << 24, int8 = 1 << 25, bf16 = 1 << 22, tile_state = 3 << 17 };
  enum { request_permission = 0x1023, tile_data = 18 };  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  const uint32_t offered = cpuid(0, 0).a >= 7 ? cpuid(7, 0).d : 0;
  if (!(offered & tile) || !(cpuid(1, 0).c >> 27 & 1)) return 0;  // nor XGETBV
  uint32_t saved, high;
  __asm__("xgetbv" : "=a"(saved), "=d"(high) : "c"(0));
  if ((saved & tile_state) != tile_state) return 0;
  if (syscall(SYS_arch_prctl, request_permission, tile_data)) return 0;
  return (offered & int8 ? QAT_CPU_AMXINT8 : 0) | (offered & bf16 ? QAT_CPU_AMXBF16 : 0);
}
#elif defined(__x86_64__)
static uint32_t detected_amx(void) { return 0; }
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
  // AVX-VNNI: bit 4 of EAX of leaf 7's second part, where EAX of the first says that there is one.
  if ((features & QAT_CPU_AVX2) && cpuid(7, 0).a >= 1 && (cpuid(7, 1).a >> 4 & 1))
    features |= QAT_CPU_AVXVNNI;
  // Two multiply-adds a lane: Intel's cores take twice as long for them, AMD's do not.
  if ((features & QAT_CPU_AVX512) && __builtin_cpu_supports("avx512bf16")
      && __builtin_cpu_is("amd"))
    features |= QAT_CPU_AVX512BF16;
  features |= detected_amx();
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

// What the value of QAT_CPU, or its absence, lets through.
static uint32_t allowed_by(const char *name) {
  static const struct { const char *name; uint32_t features; } names[] = {
    {"scalar", 0},
    {"avx2", QAT_CPU_AVX2},
    {"avxvnni", QAT_CPU_AVX2 | QAT_CPU_AVXVNNI},
    {"avx512", QAT_CPU_AVX2 | QAT_CPU_AVX512},
    {"avx512vnni", QAT_CPU_AVX2 | QAT_CPU_AVXVNNI | QAT_CPU_AVX512 | QAT_CPU_AVX512VNNI
                       | QAT_CPU_AVX512VBMI},
    {"avx512bf16", QAT_CPU_AVX2 | QAT_CPU_AVXVNNI | QAT_CPU_AVX512 | QAT_CPU_AVX512VNNI
                       | QAT_CPU_AVX512VBMI | QAT_CPU_AVX512BF16},
    {"dotprod", QAT_CPU_DOTPROD},
    {"i8mm", QAT_CPU_DOTPROD | QAT_CPU_I8MM},
  };
  for (size_t i = 0; name && i < sizeof names / sizeof *names; i++)
    if (!strcmp(name, names[i].name)) return names[i].features;
  return ~0u;
}

static uint32_t chosen(void) {
  const char *name = getenv("QAT_CPU");
  const uint32_t features = detected() & allowed_by(name);
  return name && !strcmp(name, "amx-emulated") ? features | QAT_CPU_EMULATED_TILES : features;
}

#define KNOWN 0x80000000u
static _Atomic uint32_t cached;
static _Atomic uint32_t limit = ~0u, added;

uint32_t qat_cpu_features(void) {
  uint32_t features = atomic_load_explicit(&cached, memory_order_relaxed);
  if (!features) {  // several threads may compute it at once: they store the same
    features = chosen() | KNOWN;
    atomic_store_explicit(&cached, features, memory_order_relaxed);
  }
  features |= atomic_load_explicit(&added, memory_order_relaxed);
  return features & ~KNOWN & atomic_load_explicit(&limit, memory_order_relaxed);
}

void qat_cpu_emulate_tiles(bool on) {
  atomic_store(&added, on ? QAT_CPU_EMULATED_TILES : 0);
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

int64_t qat_cpu_memory(void) {
  const int64_t pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? pages * size : INT64_MAX;
}
