#include "../internal.h"

// The best so far are a heap of their positions, the last in rank on top; in the end it is sorted.
typedef struct {
  int64_t outer, axis, inner, k;
  bool largest;
  const float *x;
  float *values;
  int64_t *indices;
  int64_t lines;  // of a chunk
} job;

typedef struct { const float *x; int64_t *heap, step; bool largest; } line;

static bool exceeds(float p, float q) { return p > q || (p != p && q == q); }

// Whether element a comes before element b.
static bool precedes(const line *l, int64_t a, int64_t b) {
  const float p = l->x[a * l->step], q = l->x[b * l->step];
  if (exceeds(p, q)) return l->largest;
  if (exceeds(q, p)) return !l->largest;
  return a < b;
}

static void sink(const line *l, int64_t count, int64_t at) {
  const int64_t item = l->heap[at * l->step];
  for (int64_t child; (child = 2 * at + 1) < count; at = child) {
    if (child + 1 < count && precedes(l, l->heap[child * l->step], l->heap[(child + 1) * l->step]))
      child++;
    if (!precedes(l, item, l->heap[child * l->step])) break;
    l->heap[at * l->step] = l->heap[child * l->step];
  }
  l->heap[at * l->step] = item;
}

static void choose(const line *l, int64_t axis, int64_t k) {
  for (int64_t i = 0; i < k; i++) l->heap[i * l->step] = i;
  for (int64_t i = k / 2; i-- > 0;) sink(l, k, i);
  for (int64_t i = k; i < axis; i++)
    if (precedes(l, i, l->heap[0])) {
      l->heap[0] = i;
      sink(l, k, 0);
    }
  for (int64_t count = k; count-- > 1;) {
    const int64_t last = l->heap[0];
    l->heap[0] = l->heap[count * l->step];
    l->heap[count * l->step] = last;
    sink(l, count, 0);
  }
}

static void choose_chunk(void *context, int64_t chunk, int worker) {
  (void)worker;
  const job *j = context;
  const int64_t end = qat_min(j->outer * j->inner, (chunk + 1) * j->lines);
  for (int64_t n = chunk * j->lines; n < end; n++) {
    const int64_t o = n / j->inner, i = n % j->inner, to = o * j->k * j->inner + i;
    const line l = {j->x + o * j->axis * j->inner + i, j->indices + to, j->inner, j->largest};
    choose(&l, j->axis, j->k);
    if (j->values)
      for (int64_t r = 0; r < j->k * j->inner; r += j->inner)
        j->values[to + r] = l.x[j->indices[to + r] * j->inner];
  }
}

void qat_top_f32(int64_t outer, int64_t axis, int64_t inner, int64_t k, bool largest,
                 const float *x, float *values, int64_t *indices, qat_pool *pool) {
  if (k == 0) return;
  job job = {outer, axis, inner, k, largest, x, values, indices,
             qat_max(1, QAT_PART / qat_max(1, axis))};
  qat_pool_run(pool, qat_ceil_div(outer * inner, job.lines), choose_chunk, &job);
}
