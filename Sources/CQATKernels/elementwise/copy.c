#include "../internal.h"

#define COPY(type)                                                                       \
  do {                                                                                   \
    const type *source = from;                                                           \
    type *target = to;                                                                   \
    if (in == 1 && out == 1) memcpy(target, source, (size_t)count * sizeof *target);     \
    else if (in == 0 && out == 1) for (int64_t i = 0; i < count; i++) target[i] = *source;  \
    else for (int64_t i = 0; i < count; i++) target[i * out] = source[i * in];           \
  } while (0)

static void copy_run(int64_t count, int bytes, const void *from, int64_t in, void *to,
                     int64_t out) {
  switch (bytes) {
    case 1: COPY(uint8_t); break;
    case 2: COPY(uint16_t); break;
    case 4: COPY(uint32_t); break;
    default: COPY(uint64_t);
  }
}

// The two innermost dimensions in squares, so that a transpose reads and writes whole cache lines.
static void copy_plane(const int64_t *shape, int bytes, const uint8_t *from, const int64_t *in,
                       uint8_t *to, const int64_t *out) {
  enum { SIDE = 32 };
  if (in[1] == 1 || in[1] == 0) {
    for (int64_t i = 0; i < shape[0]; i++)
      copy_run(shape[1], bytes, from + i * in[0] * bytes, in[1], to + i * out[0] * bytes, out[1]);
    return;
  }
  if (bytes == 1 && in[0] == 1 && out[1] == 1)
    return qat_transpose_bytes(shape[1], shape[0], from, in[1], to, out[0]);
  for (int64_t i = 0; i < shape[0]; i += SIDE)
    for (int64_t j = 0; j < shape[1]; j += SIDE)
      for (int64_t r = i; r < qat_min(shape[0], i + SIDE); r++)
        copy_run(qat_min(SIDE, shape[1] - j), bytes, from + (r * in[0] + j * in[1]) * bytes, in[1],
                 to + (r * out[0] + j * out[1]) * bytes, out[1]);
}

void qat_copy_strided(int rank, const int64_t *shape, int element_bytes, const void *from,
                      const int64_t *from_strides, void *to, const int64_t *to_strides) {
  const uint8_t *source = from;
  uint8_t *target = to;
  if (rank == 0) {
    memcpy(target, source, (size_t)element_bytes);
  } else if (rank == 1) {
    copy_run(shape[0], element_bytes, source, from_strides[0], target, to_strides[0]);
  } else if (rank == 2) {
    copy_plane(shape, element_bytes, source, from_strides, target, to_strides);
  } else {
    for (int64_t i = 0; i < shape[0]; i++)
      qat_copy_strided(rank - 1, shape + 1, element_bytes,
                       source + i * from_strides[0] * element_bytes, from_strides + 1,
                       target + i * to_strides[0] * element_bytes, to_strides + 1);
  }
}
