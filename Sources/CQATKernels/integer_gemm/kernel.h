// One row of the table of 8-bit products, and how B is packed for it.
//
// Every kernel multiplies u8 by s8: a signed A is read as a ^ 0x80 = a + 128, an unsigned B is
// packed as b ^ 0x80 = b - 128, and the zero points move along, so nothing else changes.
//
// Packed B: int32 sums over the columns of the packed values, n rounded up to `nr` of them, then
// panels of `nr` columns; a panel holds ceil(k / kr) groups of [nr][kr] values, zero beyond B.
#pragma once
#include "../internal.h"

struct qat_igemm_kernel {
  const char *name;
  uint32_t features;  // what it needs of the CPU
  int mr, nr, kr;     // rows of A at a time, columns of a panel, depth of a group
  int bytes;          // of one packed value
  // tile[i][j] = start[j] + sum over l of (a[i * stride + l] ^ flip) * panel(l, j), for `rows` rows
  // (1 ... mr); all `nr` columns of the tile are written.
  void (*tile)(int rows, int64_t k, const uint8_t *a, int64_t stride, uint8_t flip,
               const void *panel, const int32_t *start, int32_t *tile, int64_t tile_stride);
};

enum { QAT_IGEMM_MAX_MR = 16, QAT_IGEMM_MAX_NR = 64 };

extern const qat_igemm_kernel qat_igemm_scalar;
#if defined(__x86_64__)
extern const qat_igemm_kernel qat_igemm_avx2, qat_igemm_avxvnni, qat_igemm_avx512vnni;
#endif

// The last, incomplete group of four bytes of a row, zero where the row has ended.
QAT_INLINE uint32_t qat_tail4(const uint8_t *a, int64_t count, uint8_t flip) {
  uint32_t word = 0;
  for (int64_t i = 0; i < count; i++) word |= (uint32_t)(uint8_t)(a[i] ^ flip) << (8 * i);
  return word;
}

QAT_INLINE uint32_t qat_load4(const uint8_t *a) {
  uint32_t word;
  memcpy(&word, a, 4);
  return word;
}
