#include "peak.h"

#include <time.h>
#include "cpu.h"

static const struct {
  const char *name;
  unsigned needs;
  double operations; /* of one instruction or sequence */
} peaks[CM_N_PEAKS] = {
    [CM_PEAK_F32_AVX2] = {"f32 AVX2", CM_CPU_AVX2, 16},
    [CM_PEAK_F32_AVX512] = {"f32 AVX-512", CM_CPU_AVX512, 32},
    [CM_PEAK_BF16_AVX512] = {"bf16 AVX-512", CM_CPU_AVX512 | CM_CPU_BF16, 64},
    [CM_PEAK_FP16_AVX512] = {"fp16 AVX-512", CM_CPU_AVX512 | CM_CPU_FP16, 64},
    [CM_PEAK_I8_AVX2] = {"int8 AVX2", CM_CPU_AVX2, 64},
    [CM_PEAK_I8_AVX512] = {"int8 AVX-512", CM_CPU_AVX512, 128},
    [CM_PEAK_VNNI_AVX2] = {"int8 AVX-VNNI", CM_CPU_AVX_VNNI, 64},
    [CM_PEAK_VNNI_AVX512] = {"int8 AVX-512 VNNI", CM_CPU_AVX512 | CM_CPU_VNNI, 128},
    [CM_PEAK_I16_AVX512] = {"int16 AVX-512 VNNI", CM_CPU_AVX512 | CM_CPU_VNNI, 64},
    [CM_PEAK_F32_NEON] = {"f32 NEON", CM_CPU_NEON, 8},
    [CM_PEAK_DOTPROD_NEON] = {"int8 NEON dotprod", CM_CPU_NEON | CM_CPU_DOTPROD, 32},
    [CM_PEAK_BF16_NEON] = {"bf16 NEON", CM_CPU_NEON | CM_CPU_BF16, 16},
    [CM_PEAK_I8MM_NEON] = {"int8 NEON i8mm", CM_CPU_NEON | CM_CPU_I8MM, 64},
    [CM_PEAK_FP16_NEON] = {"fp16 NEON", CM_CPU_NEON | CM_CPU_FP16, 16},
};

const char *
cm_peak_name (ClipmoePeak which) {
  return peaks[which].name;
}

#define TWELVE(M) M (0) M (1) M (2) M (3) M (4) M (5) M (6) M (7) M (8) M (9) M (10) M (11)

/* Twelve independent sums, or twenty-four where there are registers for them: some multiplications take six
 * cycles, and twelve sums are then just enough to keep two units busy. Registers 12 and 13 are the
 * operands. All are zeroed: denormal values that registers happen to hold would slow some instructions down
 * a hundredfold. */
#if defined __x86_64__
#define CLOBBERS                                                                                             \
  "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",    \
      "xmm12", "xmm13", "xmm14", "xmm15"
#define ZERO(i) "vxorps %%xmm" #i ", %%xmm" #i ", %%xmm" #i "\n\t"
#define LOOP(M)                                                                                              \
  __asm__ volatile(TWELVE (ZERO) ZERO (12) ZERO (13) "1:\n\t" TWELVE (M) "dec %0\n\tjnz 1b\n\tvzeroupper"    \
                   : "+r"(n)                                                                                 \
                   :                                                                                         \
                   : CLOBBERS)
#ifdef __AVX512F__
#define CLOBBERS_24                                                                                          \
  CLOBBERS, "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",        \
      "xmm26", "xmm27"
#else /* the compiler knows no such registers */
#define CLOBBERS_24 CLOBBERS
#endif
#define TWELVE_MORE(M) M (16) M (17) M (18) M (19) M (20) M (21) M (22) M (23) M (24) M (25) M (26) M (27)
#define ZERO_512(i) "vpxord %%zmm" #i ", %%zmm" #i ", %%zmm" #i "\n\t"
#define LOOP_24(M)                                                                                           \
  __asm__ volatile(TWELVE (ZERO) ZERO (12) ZERO (13) TWELVE_MORE (ZERO_512) "1:\n\t" TWELVE (M)              \
                       TWELVE_MORE (M) "dec %0\n\tjnz 1b\n\tvzeroupper"                                      \
                   : "+r"(n)                                                                                 \
                   :                                                                                         \
                   : CLOBBERS_24)
#define F32_256(i) "vfmadd231ps %%ymm12, %%ymm13, %%ymm" #i "\n\t"
#define F32_512(i) "vfmadd231ps %%zmm12, %%zmm13, %%zmm" #i "\n\t"
#define BF16_512(i) "vdpbf16ps %%zmm12, %%zmm13, %%zmm" #i "\n\t"
#define FP16_512(i) "vfmadd231ph %%zmm12, %%zmm13, %%zmm" #i "\n\t"
#define VNNI_256(i) "%{vex%} vpdpbusd %%ymm12, %%ymm13, %%ymm" #i "\n\t"
#define VNNI_512(i) "vpdpbusd %%zmm12, %%zmm13, %%zmm" #i "\n\t"
#define I16_512(i) "vpdpwssd %%zmm12, %%zmm13, %%zmm" #i "\n\t"
#define I8_256(i)                                                                                            \
  "vpmaddubsw %%ymm12, %%ymm13, %%ymm14\n\tvpmaddwd %%ymm12, %%ymm14, %%ymm14\n\t"                           \
  "vpaddd %%ymm14, %%ymm" #i ", %%ymm" #i "\n\t"
#define I8_512(i)                                                                                            \
  "vpmaddubsw %%zmm12, %%zmm13, %%zmm14\n\tvpmaddwd %%zmm12, %%zmm14, %%zmm14\n\t"                           \
  "vpaddd %%zmm14, %%zmm" #i ", %%zmm" #i "\n\t"

static void
spin (ClipmoePeak which, long n) {
  switch (which) {
  case CM_PEAK_F32_AVX2:
    LOOP (F32_256);
    break;
  case CM_PEAK_F32_AVX512:
    LOOP_24 (F32_512);
    break;
  case CM_PEAK_BF16_AVX512:
    LOOP_24 (BF16_512);
    break;
  case CM_PEAK_FP16_AVX512:
    LOOP_24 (FP16_512);
    break;
  case CM_PEAK_I8_AVX2:
    LOOP (I8_256);
    break;
  case CM_PEAK_I8_AVX512:
    LOOP_24 (I8_512);
    break;
  case CM_PEAK_VNNI_AVX2:
    LOOP (VNNI_256);
    break;
  case CM_PEAK_VNNI_AVX512:
    LOOP_24 (VNNI_512);
    break;
  case CM_PEAK_I16_AVX512:
    LOOP_24 (I16_512);
    break;
  default:
    break;
  }
}

#elif defined __aarch64__
#define ARCH                                                                                                 \
  ".arch armv8.6-a+bf16+i8mm+fp16\n\t" /* for the assembler: what runs is what the processor has             \
                                        */
#define ZERO(i) "movi v" #i ".4s, #0\n\t"
#define CLOBBERS "cc", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13"
#define LOOP(M)                                                                                              \
  __asm__ volatile(ARCH TWELVE (ZERO) ZERO (12) ZERO (13) "1:\n\t" TWELVE (M) "subs %0, %0, #1\n\tb.ne 1b"   \
                   : "+r"(n)                                                                                 \
                   :                                                                                         \
                   : CLOBBERS)
#define F32(i) "fmla v" #i ".4s, v12.4s, v13.4s\n\t"
#define DOTPROD(i) "sdot v" #i ".4s, v12.16b, v13.16b\n\t"
#define BF16(i) "bfdot v" #i ".4s, v12.8h, v13.8h\n\t"
#define I8MM(i) "smmla v" #i ".4s, v12.16b, v13.16b\n\t"
#define FP16(i) "fmla v" #i ".8h, v12.8h, v13.8h\n\t"

static void
spin (ClipmoePeak which, long n) {
  switch (which) {
  case CM_PEAK_F32_NEON:
    LOOP (F32);
    break;
  case CM_PEAK_DOTPROD_NEON:
    LOOP (DOTPROD);
    break;
  case CM_PEAK_BF16_NEON:
    LOOP (BF16);
    break;
  case CM_PEAK_I8MM_NEON:
    LOOP (I8MM);
    break;
  case CM_PEAK_FP16_NEON:
    LOOP (FP16);
    break;
  default:
    break;
  }
}

#else
static void
spin (ClipmoePeak which, long n) {
  (void)which, (void)n;
}
#endif

static int
sums (ClipmoePeak which) {
  return peaks[which].needs & CM_CPU_AVX512 ? 24 : 12;
}

static double
seconds (void) {
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double
cm_peak (ClipmoePeak which, double microseconds) {
  if ((cm_cpu () & peaks[which].needs) != peaks[which].needs)
    return 0;
  long n = 64;
  double best = 0;
  for (; n < 1l << 30;
       n *= 2) { /* finds how many iterations take the time; the vector unit powers up meanwhile */
    double start = seconds ();
    spin (which, n);
    if (seconds () - start > microseconds * 1e-6 / 2)
      break;
  }
  for (int i = 0; i < 5; i++) {
    double start = seconds ();
    spin (which, n);
    double took = seconds () - start;
    double rate = took > 0 ? sums (which) * (double)n * peaks[which].operations / took * 1e-9 : 0;
    best = rate > best ? rate : best;
  }
  return best;
}
