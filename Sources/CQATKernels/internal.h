// What the C files of this target share. Never included from `include/`.
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "include/qat_kernels.h"

// A product and a sum that are written apart round apart, on every CPU; a fused one says `fmaf`.
#pragma STDC FP_CONTRACT OFF

#define QAT_INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

// The tile registers of AMX are asked of the operating system: Linux knows how.
#if defined(__x86_64__) && defined(__linux__) && __has_include(<amxintrin.h>)
#define QAT_HAS_AMX 1
#else
#define QAT_HAS_AMX 0
#endif

#if defined(__x86_64__)
#define QAT_TARGET_AVX2 __attribute__((target("avx2,fma")))
#define QAT_TARGET_AVX512 \
  __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq")))
#endif

// Defines `name` from the always-inlined `name_body`: the same loop compiled for each instruction
// set, chosen when called. Loops made this way contain only operations that IEEE 754 rounds
// exactly, so that every version gives the same bits.
#if defined(__x86_64__)
#define QAT_VERSIONS(name, parameters, arguments)                                        \
  QAT_TARGET_AVX512 static void name##__avx512 parameters { name##_body arguments; }     \
  QAT_TARGET_AVX2 static void name##__avx2 parameters { name##_body arguments; }         \
  static void name##__scalar parameters { name##_body arguments; }                       \
  void name parameters {                                                                 \
    uint32_t cpu = qat_cpu_features();                                                   \
    if (cpu & QAT_CPU_AVX512) name##__avx512 arguments;                                  \
    else if (cpu & QAT_CPU_AVX2) name##__avx2 arguments;                                 \
    else name##__scalar arguments;                                                       \
  }
#else
#define QAT_VERSIONS(name, parameters, arguments) \
  void name parameters { name##_body arguments; }
#endif

// Elements that are worth a chunk of their own.
enum { QAT_PART = 16384 };

// Steps of a product's depth (of codes: of four) by which rows of packed weights are fetched before they
// are multiplied: as long as memory takes to answer. Tiles of few rows, whose steps are short, double it.
enum { QAT_STEPS_AHEAD = 64 };

QAT_INLINE int64_t qat_min(int64_t a, int64_t b) { return a < b ? a : b; }
QAT_INLINE int64_t qat_max(int64_t a, int64_t b) { return a > b ? a : b; }
QAT_INLINE int64_t qat_ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
QAT_INLINE int64_t qat_round_up(int64_t a, int64_t b) { return qat_ceil_div(a, b) * b; }

// 1.5 * 2^23: a float from here on has no fraction bits, so that a sum with it is rounded, half to even.
#define QAT_WHOLE 12582912.0f
// Rounds half to even, for |t| <= 2^22. Unlike rintf it vectorises on every instruction set. Never
// returns -0 for |t| <= 0.5.
QAT_INLINE float qat_round(float t) { return (t + QAT_WHOLE) - QAT_WHOLE; }

QAT_INLINE uint32_t qat_load4(const void *a) {
  uint32_t word;
  memcpy(&word, a, 4);
  return word;
}
QAT_INLINE uint64_t qat_load8(const void *a) {
  uint64_t words;
  memcpy(&words, a, 8);
  return words;
}

// t kept inside lo...hi; a NaN becomes `lo`.
QAT_INLINE float qat_clamp(float t, float lo, float hi) {
  t = t > lo ? t : lo;
  return t < hi ? t : hi;
}
