// The tile registers of AMX in plain C, exactly as Intel's manual describes them: eight tiles of up
// to 16 rows of 64 bytes, one set a thread. For tests of the kernels on CPUs without them. What the
// instructions fault on traps here.
#pragma once
#include <stddef.h>
#include <stdint.h>

// The memory operand of LDTILECFG: bytes of a row and rows of each tile. Palette 1 is the one there is.
typedef struct {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} qat_tile_shapes;

// LDTILECFG, which zeroes every tile, and TILERELEASE.
void qat_model_configure(const qat_tile_shapes *shapes);
void qat_model_release(void);
// TILELOADD and TILESTORED: rows are `stride` bytes apart. TILEZERO.
void qat_model_load(int tile, const void *from, int64_t stride);
void qat_model_store(int tile, void *to, int64_t stride);
void qat_model_zero(int tile);
// c[i][j] += sum over k of the four products of bytes a[i][k] and b[k][j], modulo 2^32: TDPBSSD,
// TDPBSUD, TDPBUSD, TDPBUUD, named for the signs of a and b.
void qat_model_dpbssd(int c, int a, int b);
void qat_model_dpbsud(int c, int a, int b);
void qat_model_dpbusd(int c, int a, int b);
void qat_model_dpbuud(int c, int a, int b);
// TDPBF16PS: pairs of bfloat16. The products of the first of each pair are summed over k from 0 by
// fused multiply-adds, those of the second likewise; the two sums are added, then the sum to
// c[i][j]. Rounds to nearest even; denormal operands count as 0, and denormal results become 0.
void qat_model_dpbf16ps(int c, int a, int b);
