#if defined(__x86_64__)
#include "codes_avx512.h"

// 6 x 32, one tile behind the other: each stores what the one before has left in registers between steps
// of its own. Other units of the processor make codes than multiply, but it does not look so far ahead
// that both would be busy by themselves.

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))
#define TARGET_INLINE TARGET __attribute__((always_inline)) static inline

enum { ROWS = 6 };
typedef __m512i sums_of_tile[ROWS][2];

// The operands of a tile: its rows, and the columns that steps have not read.
typedef struct {
  const uint8_t *a[ROWS];
  const int8_t *b;
} operands;

TARGET_INLINE operands start(const qat_igemm_tile *t, sums_of_tile c) {
  operands from = {.b = t->b};
  for (int i = 0; i < ROWS; i++) from.a[i] = t->a + t->offsets[i];
  UNROLL for (int i = 0; i < ROWS; i++)
    for (int v = 0; v < 2; v++) c[i][v] = _mm512_loadu_si512(t->start + 16 * v);
  return from;
}

// Bytes `at` ..< `end` of each row times 32 columns, four a step.
TARGET_INLINE void steps(operands *from, int64_t at, int64_t end, sums_of_tile c) {
  for (; at < end; at += 4, from->b += 128) {
    __m512i z[2];
    for (int v = 0; v < 2; v++) {
      _mm_prefetch((const char *)(from->b + QAT_STEPS_AHEAD * 128 + 64 * v), _MM_HINT_T0);
      z[v] = _mm512_load_si512(from->b + 64 * v);
    }
    UNROLL for (int i = 0; i < ROWS; i++) {
      const __m512i x = _mm512_set1_epi32((int)qat_load4(from->a[i] + at));
      for (int v = 0; v < 2; v++) c[i][v] = _mm512_dpbusd_epi32(c[i][v], x, z[v]);
    }
  }
}

// How codes are made of sums.
typedef struct {
  bool adds, is_signed, is_first;  // of sums with other codes
  qat_avx512_codes codes;          // without those
  qat_avx512_ending ending;        // with them
} making;

// Two rows from `sums` on to y.
TARGET_INLINE void make(const making *m, int64_t stride, uint8_t **y, const uint8_t **added,
                        __m512i sums[][2]) {
  const __m512i four[4] = {sums[0][0], sums[0][1], sums[1][0], sums[1][1]};
  if (m->adds) {
    qat_avx512_end_rows(&m->ending, *y, *added, stride, 2, 2, m->is_signed, true, m->is_first,
                        true, true, four);
    *added += 2 * stride;
  } else {
    qat_avx512_code_rows(&m->codes, *y, stride, 2, 2, four);
  }
  *y += 2 * stride;
}

// Of products of `segments` segments of `quads` steps: rows are made behind thirds of those, or of these.
TARGET_INLINE void chain(qat_igemm_tile t, const qat_igemm_result *r, int64_t tiles,
                         const int64_t segments, const int64_t quads, const bool adds,
                         const bool is_signed, const bool is_first) {
  making m = {.adds = adds, .is_signed = is_signed, .is_first = is_first};
  if (adds) m.ending = qat_avx512_ending_of(r, 2, true);
  else m.codes = qat_avx512_codes_of(r, 2);
  uint8_t *y = r->y;
  const uint8_t *added = r->added;
  const int64_t run = 4 * quads, between = quads / (ROWS / 2) * 4;
  if (segments == 1) t.a += *t.segments;
  sums_of_tile c, before;
  for (int64_t i = 0; i < tiles; i++, t.offsets += ROWS) {
    operands from = start(&t, c);
    int64_t segment = 0, at = 0;
    if (i > 0)
      UNROLL for (int row = 0; row < ROWS; row += 2) {
        if (segments == 1) steps(&from, at, at + between, c), at += between;
        else for (; segment < segments * (row + 2) / ROWS; segment++)
          steps(&from, t.segments[segment], t.segments[segment] + run, c);
        make(&m, r->stride, &y, &added, before + row);
      }
    if (segments == 1) steps(&from, at, run, c);
    else for (; segment < segments; segment++)
      steps(&from, t.segments[segment], t.segments[segment] + run, c);
    UNROLL for (int row = 0; row < ROWS; row++)
      for (int v = 0; v < 2; v++) before[row][v] = c[row][v];
  }
  UNROLL for (int row = 0; row < ROWS; row += 2)
    make(&m, r->stride, &y, &added, before + row);
}

#define ADDING(SEGMENTS, IS_SIGNED, IS_FIRST) \
  chain(*t, r, tiles, SEGMENTS, t->quads, true, IS_SIGNED, IS_FIRST)
#define CODING(SEGMENTS, QUADS) chain(*t, r, tiles, SEGMENTS, QUADS, false, false, false)

TARGET int64_t qat_u8s8_chain_6x32__avx512vnni(const qat_igemm_tile *t, const qat_igemm_result *r,
                                               int64_t rows) {
  // Tiles that make up for the first one, which reads weights faster than memory has them; and steps whose
  // weights leave room in the level-1 cache.
  enum { LEAST = 16, LONGEST = 256 };
  const int64_t tiles = rows / ROWS;
  if (tiles < LEAST || t->width < QAT_IGEMM_WIDTH || t->segment_count * t->quads > LONGEST) return 0;
  if (r->add) {
    if (r->columns < QAT_IGEMM_WIDTH || !qat_avx512_is_small(r->add)) return 0;
    const bool is_signed = r->add->is_signed, is_first = r->add->is_first;
    if (is_signed && is_first) ADDING(t->segment_count, true, true);
    else if (is_signed) ADDING(t->segment_count, true, false);
    else if (is_first) ADDING(t->segment_count, false, true);
    else ADDING(t->segment_count, false, false);
    return tiles * ROWS;
  }
  if (!t->result || r->result != QAT_CONV_CODES) return 0;
  if (t->segment_count > 1) CODING(t->segment_count, t->quads);
  else if (t->quads == 4) CODING(1, 4);  // loops whose ends are known are faster
  else if (t->quads == 6) CODING(1, 6);
  else if (t->quads == 8) CODING(1, 8);
  else CODING(1, t->quads);
  return tiles * ROWS;
}
#endif
