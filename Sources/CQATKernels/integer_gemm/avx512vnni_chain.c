#if defined(__x86_64__)
#include "avx512vnni.h"

// 6 x 32 or 8 x 16, one tile behind the other: each makes codes of what the one before has left in
// registers between steps of its own. Other units of the processor convert and pack than multiply, but it
// does not look so far ahead that both would be busy by themselves.

enum { WIDE_ROWS = 6, NARROW_ROWS = 8 };
typedef __m512i sums_of_tile[NARROW_ROWS][2];
typedef __m512i left_by_tile[2 * WIDE_ROWS];  // row behind row

// The operands of a tile: its rows, and the columns that steps have not read.
typedef struct {
  const uint8_t *a[NARROW_ROWS];
  const int8_t *b;
} operands;

TARGET_INLINE operands start(const qat_igemm_tile *t, const int rows, const int vectors,
                             sums_of_tile c) {
  operands from = {.b = t->b};
  for (int i = 0; i < rows; i++) from.a[i] = t->a + t->offsets[i];
  UNROLL for (int i = 0; i < rows; i++) {
    if (vectors == 1) narrow_start(_mm512_loadu_si512(t->start), c[i]);
    else for (int v = 0; v < 2; v++) c[i][v] = _mm512_loadu_si512(t->start + 16 * v);
  }
  return from;
}

// Four bytes of each row, or eight.
TARGET_INLINE void step(const operands *from, int64_t at, const bool eight, const int rows,
                        const __m512i z[2], sums_of_tile c) {
  UNROLL for (int i = 0; i < rows; i++) {
    const uint8_t *a = from->a[i] + at;
    const __m512i x = eight ? _mm512_set1_epi64((int64_t)qat_load8(a))
                            : _mm512_set1_epi32((int)qat_load4(a));
    for (int v = 0; v < 2; v++) c[i][v] = _mm512_dpbusd_epi32(c[i][v], x, z[v]);
  }
}

// Bytes `at` ..< `end` of each row.
TARGET_INLINE void steps(operands *from, int64_t at, int64_t end, const int rows,
                         const int vectors, sums_of_tile c) {
  const bool narrow = vectors == 1;
  const int64_t each = narrow ? 8 : 4, last = end - each;
  __m512i z[2];
  for (; at <= last; at += each, from->b += 128) {
    for (int v = 0; v < 2; v++) {
      _mm_prefetch((const char *)(from->b + QAT_STEPS_AHEAD * 128 + 64 * v), _MM_HINT_T0);
      z[v] = _mm512_load_si512(from->b + 64 * v);
    }
    if (narrow) narrow_columns(z[0], z[1], z);
    step(from, at, narrow, rows, z, c);
  }
  if (!narrow || at == end) return;
  narrow_columns(_mm512_load_si512(from->b), _mm512_setzero_si512(), z);
  step(from, at, false, rows, z, c);
  from->b += 64;
}

TARGET_INLINE void leave(const int rows, const int vectors, sums_of_tile c, left_by_tile left) {
  UNROLL for (int i = 0; i < rows; i++) {
    if (vectors == 1) left[i] = narrow_sums(c[i]);
    else left[2 * i] = c[i][0], left[2 * i + 1] = c[i][1];
  }
}

// How codes are made of sums.
typedef struct {
  bool adds, is_signed, is_first;  // of sums with other codes
  qat_avx512_codes codes;          // without those
  qat_avx512_ending ending;        // with them
} making;

// Two rows, or four, to y.
TARGET_INLINE void make(const making *m, const int vectors, int64_t stride, uint8_t **y,
                        const uint8_t **added, const __m512i *left) {
  const int rows = 4 / vectors;
  if (m->adds) {
    qat_avx512_end_rows(&m->ending, *y, *added, stride, vectors, rows, m->is_signed, true,
                        m->is_first, true, true, left);
    *added += rows * stride;
  } else {
    qat_avx512_code_rows(&m->codes, *y, stride, vectors, rows, left);
  }
  *y += rows * stride;
}

// Of products of `segments` segments of `quads` steps: rows are made behind thirds of those, or of these.
TARGET_INLINE void chain(qat_igemm_tile t, const qat_igemm_result *r, int64_t tiles,
                         const int vectors, const int64_t segments, const int64_t quads,
                         const bool adds, const bool is_signed, const bool is_first) {
  making m = {.adds = adds, .is_signed = is_signed, .is_first = is_first};
  if (adds) m.ending = qat_avx512_ending_of(r, vectors, true);
  else m.codes = qat_avx512_codes_of(r, vectors);
  uint8_t *y = r->y;
  const uint8_t *added = r->added;
  const int rows = vectors == 2 ? WIDE_ROWS : NARROW_ROWS, count = rows * vectors;
  const int64_t run = 4 * quads, between = vectors == 2 ? quads / 3 * 4 : quads / 6 * 8;
  if (segments == 1) t.a += *t.segments;
  sums_of_tile c;
  left_by_tile left;
  for (int64_t i = 0; i < tiles; i++, t.offsets += rows) {
    operands from = start(&t, rows, vectors, c);
    int64_t segment = 0, at = 0;
    if (i > 0)
      UNROLL for (int k = 0; k < count; k += 4) {
        if (segments == 1) steps(&from, at, at + between, rows, vectors, c), at += between;
        else for (; segment < segments * (k + 4) / 12; segment++)
          steps(&from, t.segments[segment], t.segments[segment] + run, rows, vectors, c);
        make(&m, vectors, r->stride, &y, &added, left + k);
      }
    if (segments == 1) steps(&from, at, run, rows, vectors, c);
    else for (; segment < segments; segment++)
      steps(&from, t.segments[segment], t.segments[segment] + run, rows, vectors, c);
    leave(rows, vectors, c, left);
  }
  UNROLL for (int k = 0; k < count; k += 4) make(&m, vectors, r->stride, &y, &added, left + k);
}

#define ADDING(VECTORS, IS_SIGNED, IS_FIRST) \
  chain(*t, r, tiles, VECTORS, t->segment_count, t->quads, true, IS_SIGNED, IS_FIRST)
#define ADDING_ROWS(VECTORS)                                   \
  if (is_signed && is_first) ADDING(VECTORS, true, true);      \
  else if (is_signed) ADDING(VECTORS, true, false);            \
  else if (is_first) ADDING(VECTORS, false, true);             \
  else ADDING(VECTORS, false, false);
#define CODING(VECTORS, SEGMENTS, QUADS) \
  chain(*t, r, tiles, VECTORS, SEGMENTS, QUADS, false, false, false)

TARGET int64_t qat_u8s8_chain__avx512vnni(const qat_igemm_tile *t, const qat_igemm_result *r,
                                          int64_t count) {
  // Tiles that make up for the first one, which reads weights faster than memory has them; and steps whose
  // weights leave room in the level-1 cache.
  enum { LEAST = 16, LONGEST = 256 };
  const bool wide = t->width == QAT_IGEMM_WIDTH;
  const int rows = wide ? WIDE_ROWS : NARROW_ROWS;
  const int64_t tiles = count / rows;
  if (tiles < LEAST || t->segment_count * t->quads > LONGEST) return 0;
  if (r->add) {
    if (r->columns < t->width || !qat_avx512_is_small(r->add)) return 0;
    const bool is_signed = r->add->is_signed, is_first = r->add->is_first;
    if (wide) { ADDING_ROWS(2) } else { ADDING_ROWS(1) }
    return tiles * rows;
  }
  if (!t->result || r->result != QAT_CONV_CODES) return 0;
  if (!wide && t->segment_count > 1) CODING(1, t->segment_count, t->quads);
  else if (!wide) CODING(1, 1, t->quads);
  else if (t->segment_count > 1) CODING(2, t->segment_count, t->quads);
  else if (t->quads == 4) CODING(2, 1, 4);  // loops whose ends are known are faster
  else if (t->quads == 6) CODING(2, 1, 6);
  else if (t->quads == 8) CODING(2, 1, 8);
  else CODING(2, 1, t->quads);
  return tiles * rows;
}
#endif
