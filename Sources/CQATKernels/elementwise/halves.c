#include "../internal.h"

QAT_INLINE uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return bits;
}

QAT_INLINE float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, 4);
  return x;
}

// The exponent moves by a multiplication with 2^112, which makes subnormal numbers normal as well.
QAT_INLINE float widen_f16(uint16_t x) {
  const uint32_t magnitude = (uint32_t)(x & 0x7FFF) << 13, sign = (uint32_t)(x & 0x8000) << 16;
  const uint32_t finite = bits_of(float_of(magnitude) * 0x1p112f);
  return float_of(sign | (magnitude >= 0x0F800000u ? magnitude | 0x7F800000u : finite));
}

// Below 2^-14 the sum with 1/2, whose last bit is that of a subnormal half, rounds; else half of what
// is cut off, less 1 where the last bit stays even. The carry of the latter may reach infinity.
QAT_INLINE uint16_t round_f16(float x) {
  const uint32_t bits = bits_of(x), magnitude = bits & 0x7FFFFFFFu;
  const uint32_t small = bits_of(float_of(magnitude) + 0.5f) - 0x3F000000u;
  const uint32_t normal = (magnitude - (112u << 23) + 0xFFFu + ((magnitude >> 13) & 1)) >> 13;
  const uint32_t large = magnitude > 0x7F800000u ? 0x7FFFu : 0x7C00u;
  const uint32_t half = magnitude < 0x38800000u ? small : magnitude < 0x47800000u ? normal : large;
  return (uint16_t)((bits >> 31 << 15) | half);
}

QAT_INLINE uint16_t round_bf16(float x) {
  const uint32_t bits = bits_of(x);
  return (uint16_t)(x != x ? 0x7FFFu : (bits + 0x7FFFu + ((bits >> 16) & 1)) >> 16);
}

QAT_INLINE void qat_through_bf16_body(int64_t count, const float *x, float *y) {
  for (int64_t i = 0; i < count; i++) y[i] = float_of((uint32_t)round_bf16(x[i]) << 16);
}
void qat_through_bf16(int64_t count, const float *x, float *y);
QAT_VERSIONS(qat_through_bf16, (int64_t count, const float *x, float *y), (count, x, y))

enum { CHUNK = 1 << 15 };
typedef struct { int64_t count; const float *x; float *y; } through;

static void through_chunk(void *context, int64_t chunk, int worker) {
  (void)worker;
  const through *t = context;
  const int64_t first = chunk * CHUNK;
  qat_through_bf16(qat_min(CHUNK, t->count - first), t->x + first, t->y + first);
}

void qat_round_through_bf16(int64_t count, const float *x, float *y, qat_pool *pool) {
  through t = {count, x, y};
  qat_pool_run(pool, qat_ceil_div(count, CHUNK), through_chunk, &t);
}

QAT_INLINE void qat_widen_f16_body(int64_t count, const uint16_t *x, float *y) {
  for (int64_t i = 0; i < count; i++) y[i] = widen_f16(x[i]);
}
QAT_VERSIONS(qat_widen_f16, (int64_t count, const uint16_t *x, float *y), (count, x, y))

QAT_INLINE void qat_widen_bf16_body(int64_t count, const uint16_t *x, float *y) {
  for (int64_t i = 0; i < count; i++) y[i] = float_of((uint32_t)x[i] << 16);
}
QAT_VERSIONS(qat_widen_bf16, (int64_t count, const uint16_t *x, float *y), (count, x, y))

QAT_INLINE void qat_round_f16_body(int64_t count, const float *x, uint16_t *y) {
  for (int64_t i = 0; i < count; i++) y[i] = round_f16(x[i]);
}
QAT_VERSIONS(qat_round_f16, (int64_t count, const float *x, uint16_t *y), (count, x, y))

QAT_INLINE void qat_round_bf16_body(int64_t count, const float *x, uint16_t *y) {
  for (int64_t i = 0; i < count; i++) y[i] = round_bf16(x[i]);
}
QAT_VERSIONS(qat_round_bf16, (int64_t count, const float *x, uint16_t *y), (count, x, y))
