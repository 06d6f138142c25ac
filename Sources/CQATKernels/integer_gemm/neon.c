#if defined(__aarch64__)
#include <arm_neon.h>
#include "kernel.h"

enum { ROWS = 6 };

// 6 x 16 twice: 24 accumulators, 4 registers of B, one broadcast of A. With I8MM the product of u8
// and s8 is one instruction. With DOTPROD alone both are s8: A less 128, and what that takes away,
// the sums of B's columns times 128, is added at the end.
#define MIXED(c, a, b) vusdotq_s32(c, a, b)
#define SIGNED(c, a, b) vdotq_s32(c, vreinterpretq_s8_u8(veorq_u8(a, vdupq_n_u8(0x80))), b)

#define HALF(name, features, dot, lessens)                                                       \
  __attribute__((target(features), always_inline)) static inline void name(                      \
      const qat_igemm_tile *t, const int rows, int first) {                                      \
    int32x4_t c[ROWS][4], less[4];                                                               \
    for (int v = 0; v < 4; v++) {                                                                \
      less[v] = vdupq_n_s32(0);                                                                  \
      for (int i = 0; i < rows; i++) c[i][v] = vld1q_s32(t->start + first + 4 * v);              \
    }                                                                                            \
    const int64_t step = 4 * t->width;                                                           \
    const int8_t *b = t->b + 4 * first;                                                          \
    for (int64_t s = 0; s < t->segment_count; s++) {                                             \
      const uint8_t *a[ROWS];                                                                    \
      for (int i = 0; i < rows; i++) a[i] = t->a + t->offsets[i] + t->segments[s];               \
      for (int64_t l = 0; l < 4 * t->quads; l += 4, b += step) {                                 \
        int8x16_t y[4];                                                                          \
        for (int v = 0; v < 4; v++) {                                                            \
          y[v] = vld1q_s8(b + 16 * v);                                                           \
          if (lessens) less[v] = vdotq_s32(less[v], vdupq_n_s8(-128), y[v]);                     \
        }                                                                                        \
        for (int i = 0; i < rows; i++) {                                                         \
          const uint8x16_t x = vreinterpretq_u8_u32(vdupq_n_u32(qat_load4(a[i] + l)));           \
          for (int v = 0; v < 4; v++) c[i][v] = dot(c[i][v], x, y[v]);                           \
        }                                                                                        \
      }                                                                                          \
    }                                                                                            \
    for (int i = 0; i < rows; i++)                                                               \
      for (int v = 0; v < 4; v++)                                                                \
        vst1q_s32(t->sums + i * t->width + first + 4 * v, vsubq_s32(c[i][v], less[v]));          \
  }

#define TILE(name, features, half)                                       \
  __attribute__((target(features))) static bool name(const qat_igemm_tile *t) { \
    for (int first = 0; first < t->width; first += 16)                   \
      switch (t->rows) {                                                 \
        case 1: half(t, 1, first); break;                                \
        case 2: half(t, 2, first); break;                                \
        case 3: half(t, 3, first); break;                                \
        case 4: half(t, 4, first); break;                                \
        case 5: half(t, 5, first); break;                                \
        default: half(t, 6, first);                                      \
      }                                                                  \
    return false;                                                        \
  }

HALF(half_of_mixed, "dotprod,i8mm", MIXED, false)
TILE(qat_u8s8_gemm_6x16__i8mm, "dotprod,i8mm", half_of_mixed)
HALF(half_of_signed, "dotprod", SIGNED, true)
TILE(qat_u8s8_gemm_6x16__dotprod, "dotprod", half_of_signed)

const qat_igemm_kernel qat_igemm_i8mm = {
  .name = "i8mm", .features = QAT_CPU_DOTPROD | QAT_CPU_I8MM, .rows = ROWS,
  .tile = qat_u8s8_gemm_6x16__i8mm, .store = qat_igemm_store__scalar,
  .depthwise = qat_depthwise_line__scalar, .pairs = qat_s16_tile__scalar,
};
const qat_igemm_kernel qat_igemm_dotprod = {
  .name = "dotprod", .features = QAT_CPU_DOTPROD, .rows = ROWS,
  .tile = qat_u8s8_gemm_6x16__dotprod, .store = qat_igemm_store__scalar,
  .depthwise = qat_depthwise_line__scalar, .pairs = qat_s16_tile__scalar,
};
#endif
