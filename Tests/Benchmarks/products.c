// Square matrix products with packed weights, on one thread, held against what the same instruction does
// in registers: `scripts/benchmark-products`. The peak is measured right before and behind each product,
// since the clock of a shared machine wanders. Its loops are assembly: a compiler finds out that some
// sums never change, and leaves their instructions out.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "qat_kernels.h"

enum { MOST_ROUNDS = 101 };

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// Independent sums that one instruction adds to, in registers 0 to 11.
#define TIMES_12(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define CLOBBERS                                                                               \
  "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",    \
      "xmm10", "xmm11", "xmm14", "xmm15"
#define CLEARED(I) "vpxor %%xmm" #I ", %%xmm" #I ", %%xmm" #I "\n"
#define PEAK(NAME, FEATURES, EACH)                                             \
  __attribute__((noinline, target(FEATURES))) static void NAME(long rounds) { \
    __asm__ volatile(TIMES_12(CLEARED) CLEARED(14) CLEARED(15)                 \
                     ".p2align 6\n1:\n" TIMES_12(EACH) TIMES_12(EACH)          \
                     "dec %0\njnz 1b\nvzeroupper\n"                            \
                     : "+r"(rounds) : : CLOBBERS);                             \
  }

#define FMA_512(I) "vfmadd231ps %%zmm14, %%zmm15, %%zmm" #I "\n"
#define FMA_256(I) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #I "\n"
#define VNNI_512(I) "vpdpbusd %%zmm14, %%zmm15, %%zmm" #I "\n"
#define VNNI_256(I) "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%ymm" #I "\n"
PEAK(fma_512, "avx512f", FMA_512)
PEAK(fma_256, "avx2,fma", FMA_256)
PEAK(vnni_512, "avx512f,avx512vnni", VNNI_512)
PEAK(vnni_256, "avx2,avxvnni", VNNI_256)

// Six tiles of sums, 16 x 16 each, and one tile of each operand.
__attribute__((noinline, target("amx-tile,amx-int8"))) static void tiles(long rounds) {
  struct {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
  } shape = {.palette = 1};
  for (int i = 0; i < 8; i++) shape.bytes[i] = 64, shape.rows[i] = 16;
#define TILE(I) "tdpbusd %%tmm7, %%tmm6, %%tmm" #I "\n"
#define ZERO(I) "tilezero %%tmm" #I "\n"
#define TIMES_6(X) X(0) X(1) X(2) X(3) X(4) X(5)
  __asm__ volatile("ldtilecfg %1\n" TIMES_6(ZERO) ZERO(6) ZERO(7)
                   "1:\n" TIMES_6(TILE) "dec %0\njnz 1b\ntilerelease\n"
                   : "+r"(rounds) : "m"(shape) : "memory");
}

// An instruction's rate: of which kernel, its operations in a round, and rounds that take about 1 ms.
typedef struct {
  const char *kernel;
  uint32_t needs;
  void (*run)(long rounds);
  double operations;
  long rounds;
} peak;
static const peak float_peaks[] = {
  {"avx512", QAT_CPU_AVX512, fma_512, 24 * 2 * 16, 300000},
  {"avx2", QAT_CPU_AVX2, fma_256, 24 * 2 * 8, 300000},
};
static const peak code_peaks[] = {
  {"amx", QAT_CPU_AMXINT8, tiles, 6 * 2 * 16 * 16 * 64, 40000},
  {"avx512vnni", QAT_CPU_AVX512VNNI, vnni_512, 24 * 2 * 64, 300000},
  {"avxvnni", QAT_CPU_AVXVNNI, vnni_256, 24 * 2 * 32, 300000},
};

// That of the instruction that the kernel in use has, or NULL.
static const peak *peak_of(const peak *rows, int count) {
  for (int i = 0; i < count; i++)
    if (qat_cpu_features() & rows[i].needs) return &rows[i];
  return NULL;
}

static double rate(const peak *p) {
  const double start = seconds();
  p->run(p->rounds);
  return (double)p->rounds * p->operations / (seconds() - start);
}

// Memory for `bytes` bytes, in whole lines.
static void *lines(size_t bytes) {
  void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (!p) fprintf(stderr, "no memory for %zu bytes\n", bytes), exit(1);
  return p;
}

typedef struct {
  int64_t n;
  void (*run)(const void *arguments);
  const void *arguments;
} product;

typedef struct {
  qat_conv_shape shape;
  qat_conv_s8_arguments arguments;
  void *scratch;
} code_product;

static void run_codes(const void *arguments) {
  const code_product *x = arguments;
  qat_conv_s8(qat_igemm_best(), &x->shape, &x->arguments, NULL, x->scratch);
}

typedef struct {
  qat_sgemm_arguments arguments;
  float *scratch;
} float_product;

static void run_floats(const void *arguments) {
  const float_product *x = arguments;
  qat_sgemm_batch(&x->arguments, 1, 0, 0, 0, NULL, x->scratch);
}

static int order(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

// The medians of `rounds` products: their speed, and its part of the peak.
static void measure(const char *name, product x, const peak *p, int rounds) {
  double speeds[MOST_ROUNDS], parts[MOST_ROUNDS];
  const double operations = 2.0 * (double)x.n * (double)x.n * (double)x.n;
  x.run(x.arguments);
  for (int i = 0; i < rounds; i++) {
    const double before = p ? rate(p) : 0, start = seconds();
    x.run(x.arguments);
    speeds[i] = operations / (seconds() - start);
    if (p) parts[i] = speeds[i] / ((before + rate(p)) / 2);
  }
  qsort(speeds, (size_t)rounds, sizeof *speeds, order);
  printf("%-6s %5lld  %7.1f G/s", name, (long long)x.n, speeds[rounds / 2] * 1e-9);
  if (p) {
    qsort(parts, (size_t)rounds, sizeof *parts, order);
    printf("  %.3f of %s in registers", parts[rounds / 2], p->kernel);
  }
  puts("");
}

static void measure_codes(int64_t n, int rounds) {
  const size_t count = (size_t)n * (size_t)n;
  uint8_t *a = lines(count);
  int8_t *b = lines(count);
  for (size_t i = 0; i < count; i++) a[i] = (uint8_t)rand(), b[i] = (int8_t)rand();
  void *packed = lines(qat_igemm_packed_size(n, n));
  qat_igemm_pack(n, n, b, n, 1, true, packed);
  code_product x = {
    .shape = {.batch = 1, .in_channels = n, .in_height = 1, .in_width = n, .out_channels = n,
              .out_height = 1, .out_width = n, .kernel_height = 1, .kernel_width = 1, .groups = 1,
              .stride_y = 1, .stride_x = 1, .dilation_y = 1, .dilation_x = 1},
    .arguments = {.x = a, .x_channels_last = true, .w = packed, .w_signed = true,
                  .result = QAT_CONV_SUMS, .y = lines(count * 4), .y_channels_last = true},
  };
  x.scratch = lines(qat_conv_s8_scratch(&x.shape, &x.arguments, 1));
  measure("codes", (product){n, run_codes, &x},
          peak_of(code_peaks, sizeof code_peaks / sizeof *code_peaks), rounds);
  free(a), free(b), free(packed), free(x.arguments.y), free(x.scratch);
}

static void measure_floats(int64_t n, int rounds) {
  const size_t count = (size_t)n * (size_t)n;
  float *a = lines(count * 4), *b = lines(count * 4), *c = lines(count * 4);
  for (size_t i = 0; i < count; i++)
    a[i] = (float)(rand() % 13) * 0.1f, b[i] = (float)(rand() % 11) * 0.1f;
  float *packed = lines(qat_sgemm_packed_b_size(n, n) * sizeof *packed);
  qat_sgemm_pack_b(n, n, b, n, false, packed);
  const float_product x = {
    {.m = n, .n = n, .k = n, .a = a, .a_stride = n, .b = b, .b_stride = n, .c = c, .c_stride = n,
     .alpha = 1, .beta = 0, .b_packed = packed, .b_packed_columns = n},
    lines(qat_sgemm_scratch() * sizeof(float)),
  };
  measure("floats", (product){n, run_floats, &x},
          peak_of(float_peaks, sizeof float_peaks / sizeof *float_peaks), rounds);
  free(a), free(b), free(c), free(packed), free(x.scratch);
}

int main(void) {
  printf("8-bit products: %s\n", qat_igemm_name(qat_igemm_best()));
  for (int64_t n = 512; n <= 2048; n *= 2) measure_codes(n, n < 1024 ? 101 : n < 2048 ? 41 : 15);
  for (int64_t n = 512; n <= 2048; n *= 2) measure_floats(n, n < 1024 ? 101 : n < 2048 ? 41 : 15);
}
