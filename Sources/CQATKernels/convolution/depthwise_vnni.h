// A line of BITS / 8 channels for AVX512-VNNI; included by depthwise_512.c for each of two widths.
// Defines NAME, given BITS.

#define GLUE_(a, b, c, d) a##b##c##d
#define GLUE(a, b, c, d) GLUE_(a, b, c, d)
#define I(name, suffix) GLUE(_mm, BITS, _##name, suffix)
#define W(name) I(name##_si, BITS)
#define V GLUE(__m, BITS, i, )
#define F GLUE(__m, BITS, , )
#define OWN(name) GLUE(name, _, BITS, )
enum { OWN(BYTES) = BITS / 8 };

// Four lines to four vectors of [BYTES / 4][4].
INLINE void OWN(turn)(const V r[4], uint8_t *to) {
  const V p = I(unpacklo, _epi8)(r[0], r[1]), q = I(unpacklo, _epi8)(r[2], r[3]);
  const V s = I(unpackhi, _epi8)(r[0], r[1]), t = I(unpackhi, _epi8)(r[2], r[3]);
  W(store)((void *)to, I(unpacklo, _epi16)(p, q));
  W(store)((void *)(to + 64), I(unpackhi, _epi16)(p, q));
  W(store)((void *)(to + 128), I(unpacklo, _epi16)(s, t));
  W(store)((void *)(to + 192), I(unpackhi, _epi16)(s, t));
}

// `count` columns of four lines, each with its step (0: the same bytes for all). `plain`: all
// channels, of unsigned codes.
INLINE void OWN(turn_columns)(const qat_depthwise_line *l, const uint8_t *const line[4],
                              const int64_t step[4], int64_t count, const bool plain, uint8_t *to) {
  const uint64_t mask = ~0ull >> (64 - l->channels);
  const V flip = I(set1, _epi8)((char)l->flip);
  for (int64_t x = 0; x < count; x++, to += 256 * l->quads) {
    V r[4];
    for (int i = 0; i < 4; i++) {
      const uint8_t *from = line[i] + x * step[i];
      r[i] = plain ? W(loadu)((const void *)from)
                   : W(xor)(flip, I(maskz_loadu, _epi8)((GLUE(__mmask, MASK, , ))mask, from));
    }
    OWN(turn)(r, to);
  }
}

INLINE void OWN(turn_lines)(const qat_depthwise_line *l) {
  _Alignas(64) uint8_t outside[64];
  W(store)((void *)outside, I(set1, _epi8)((char)(l->zero ^ l->flip)));
  const uint8_t *const nothing[4] = {outside, outside, outside, outside};
  const int64_t still[4] = {0}, pitch = 256 * l->quads;
  const int64_t first = qat_min(l->left, l->columns);
  const int64_t middle = qat_min(l->width, l->columns - first);
  for (int64_t g = 0; g < l->quads; g++) {
    const uint8_t *line[4];
    int64_t step[4];
    uint8_t *to = l->turned + 256 * g;
    for (int i = 0; i < 4; i++) {
      const uint8_t *from = l->lines[4 * g + i];
      line[i] = from ? from + l->skipped : outside;
      step[i] = from ? l->step : 0;
    }
    OWN(turn_columns)(l, nothing, still, first, false, to);
    if (l->channels == OWN(BYTES) && !l->flip)
      OWN(turn_columns)(l, line, step, middle, true, to + first * pitch);
    else
      OWN(turn_columns)(l, line, step, middle, false, to + first * pitch);
    OWN(turn_columns)(l, nothing, still, l->columns - first - middle, false,
                      to + (first + middle) * pitch);
  }
}

// Less the zero points of the weights times the same window without weights.
INLINE void OWN(less_zeros)(const qat_depthwise_line *l, const uint8_t *x, const uint8_t *taken,
                            V c[4]) {
  for (int v = 0; v < 4; v++) {
    V plain = W(setzero)();
    for (int64_t j = 0; j < l->kernel_width; j++)
      for (int64_t g = 0; g < l->quads; g++) {
        uint32_t rows;
        memcpy(&rows, taken + 4 * g, 4);
        const uint8_t *at = x + (j * l->dilation * l->quads + g) * 256 + 64 * v;
        plain = I(dpbusd, _epi32)(plain, W(load)((const void *)at), I(set1, _epi32)((int)rows));
      }
    const V zeros = W(load)((const void *)(l->zeros + 16 * v));
    c[v] = I(sub, _epi32)(c[v], I(mullo, _epi32)(plain, zeros));
  }
}

// Output line `o`. `is_3`: one group of rows and three columns, whose weights stay in registers;
// `plain`: codes of a result that `qat_igemm_is_plain`; `whole`: all channels.
INLINE void OWN(pixels_of)(const qat_depthwise_line *l, int64_t o, const bool is_3,
                           const bool plain, const bool whole) {
  const qat_igemm_result *r = &l->result;
  const uint64_t mask = ~0ull >> (64 - l->channels);
  const int shift = r->lo < 0 ? 128 : 0;
  const V zero = I(set1, _epi16)((short)(r->zero + shift)), flip = I(set1, _epi8)((char)shift);
  const int8_t *weights = l->w + o * l->weight_step;
  uint8_t *y = (uint8_t *)r->y + o * l->line_step;
  V start[4], w[3][4];
  F m[4];
  for (int v = 0; v < 4; v++) start[v] = W(load)((const void *)(l->start + 16 * v));
  for (int v = 0; v < 4; v++) m[v] = I(load, _ps)(l->m + 16 * v);
  if (is_3)
    for (int j = 0; j < 3; j++)
      for (int v = 0; v < 4; v++) w[j][v] = W(load)((const void *)(weights + j * 256 + 64 * v));
  const int64_t pitch = 256 * l->quads, tap = pitch * l->dilation;
  const uint8_t *x = l->turned;
  for (int64_t p = 0; p < l->pixels; p++, x += l->stride * pitch) {
    V c[4];
    for (int v = 0; v < 4; v++) c[v] = start[v];
    if (is_3) {
      for (int j = 0; j < 3; j++)
        for (int v = 0; v < 4; v++)
          c[v] = I(dpbusd, _epi32)(c[v], W(load)((const void *)(x + j * tap + 64 * v)), w[j][v]);
    } else {
      const int8_t *at = weights;
      for (int64_t j = 0; j < l->kernel_width; j++)
        for (int64_t g = 0; g < pitch; g += 256, at += 256)
          for (int v = 0; v < 4; v++)
            c[v] = I(dpbusd, _epi32)(c[v], W(load)((const void *)(x + j * tap + g + 64 * v)),
                                     W(load)((const void *)(at + 64 * v)));
    }
    if (plain) {
      V q[4];
      for (int v = 0; v < 4; v++)
        q[v] = I(cvtps, _epi32)(I(mul, _ps)(I(cvtepi32, _ps)(c[v]), m[v]));
      const V a = I(adds, _epi16)(I(packs, _epi32)(q[0], q[1]), zero);
      const V b = I(adds, _epi16)(I(packs, _epi32)(q[2], q[3]), zero);
      const V codes = W(xor)(I(packus, _epi16)(a, b), flip);
      if (whole) W(storeu)((void *)(y + p * r->stride), codes);
      else I(mask_storeu, _epi8)(y + p * r->stride, (GLUE(__mmask, MASK, , ))mask, codes);
    } else {
      _Alignas(64) int32_t placed[QAT_DEPTHWISE_CHANNELS];
      if (l->zeros) OWN(less_zeros)(l, x, l->taken + 4 * o * l->quads, c);
      for (int v = 0; v < 4; v++) W(store)((void *)(placed + 16 * v), c[v]);
      qat_depthwise_store(l, o, p, placed);
    }
  }
}

TARGET static void OWN(line_of)(const qat_depthwise_line *l) {
  const bool is_3 = l->quads == 1 && l->kernel_width == 3, whole = l->channels == OWN(BYTES);
  OWN(turn_lines)(l);
  for (int64_t o = 0; o < l->outputs; o++) {
    if (!l->is_plain) OWN(pixels_of)(l, o, false, false, false);
    else if (is_3 && whole) OWN(pixels_of)(l, o, true, true, true);
    else if (is_3) OWN(pixels_of)(l, o, true, true, false);
    else OWN(pixels_of)(l, o, false, true, false);
  }
}

#undef GLUE_
#undef GLUE
#undef I
#undef W
#undef V
#undef F
#undef OWN
