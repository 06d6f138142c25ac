// Which instruction sets the kernels may use.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// Bits of `qat_cpu_features`.
enum {
  QAT_CPU_AVX2 = 1,         // AVX2 and FMA
  QAT_CPU_AVXVNNI = 2,      // 256-bit VPDPBUSD, VEX encoded
  QAT_CPU_AVX512 = 4,       // F, BW, VL, DQ
  QAT_CPU_AVX512VNNI = 8,   // 512-bit VPDPBUSD
  QAT_CPU_AVX512VBMI = 16,  // byte permutations, beside the former
  QAT_CPU_AMXINT8 = 32,     // tiles of 8-bit integers, allowed by the operating system
  QAT_CPU_AMXBF16 = 64,     // tiles of bfloat16, likewise
  QAT_CPU_EMULATED_TILES = 128,  // a model of tiles in plain C, for tests: QAT_CPU=amx-emulated alone
  QAT_CPU_DOTPROD = 256,    // arm64: SDOT
  QAT_CPU_I8MM = 512,       // arm64: USDOT, beside the former
  QAT_CPU_AVX512BF16 = 1024,  // 512-bit VDPBF16PS, where it is faster than multiply-adds of float32
};

// What this CPU and operating system offer, narrowed by the environment variable `QAT_CPU`
// (`scalar`, `avx2`, `avxvnni`, `avx512`, `avx512vnni`, `avx512bf16`, `amx`, `dotprod`, `i8mm`; another value
// narrows nothing) and by `qat_cpu_limit`. Asked once; cheap afterwards. `amx-emulated` adds the
// model of AMX's tiles, which runs anywhere, slowly.
uint32_t qat_cpu_features(void);

// Narrows the features to those in `mask` (all ones: no limit) for every later kernel call in this
// process: for tests. Returns the former mask.
uint32_t qat_cpu_limit(uint32_t mask);

// Adds the model of AMX's tiles to the features, as QAT_CPU=amx-emulated does, or takes it away
// again: for tests.
void qat_cpu_emulate_tiles(bool on);

// Bytes of memory of this machine; the largest number where unknown.
int64_t qat_cpu_memory(void);

// Cores that this process may run on (its affinity mask on Linux), at least 1.
int qat_cpu_allowed_cores(void);
// Stores up to `capacity` of their numbers in `cores`; returns how many, 0 where unknown.
int qat_cpu_core_list(int *cores, int capacity);
