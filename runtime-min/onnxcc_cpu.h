/* onnxcc_cpu.h: what a 64-bit x86 processor and its system let a program use. For gcc and clang, C99, valid C++, freestanding: no function of a
 * compiler's library is called. onnxcc puts this text into the .c of a dispatch group.
 *
 * SPDX-License-Identifier: 0BSD */
#ifndef ONNXCC_CPU_H
#define ONNXCC_CPU_H
#include <stdint.h>

/* Each level has all below it. */
#define ONNXCC_CPU_V2         0x01u /* SSE3, SSSE3, SSE4.1, SSE4.2, POPCNT, CMPXCHG16B, LAHF */
#define ONNXCC_CPU_V3         0x02u /* AVX, AVX2, FMA, F16C, BMI1, BMI2, LZCNT, MOVBE */
#define ONNXCC_CPU_V4         0x04u /* AVX-512 F, BW, CD, DQ, VL */
#define ONNXCC_CPU_F16C       0x08u
#define ONNXCC_CPU_AVXVNNI    0x10u
#define ONNXCC_CPU_AVX512VNNI 0x20u
#define ONNXCC_CPU_AVX512BF16 0x40u

typedef struct onnxcc_cpuid { uint32_t a, b, c, d; } onnxcc_cpuid;

static inline onnxcc_cpuid onnxcc_cpu_leaf(uint32_t leaf, uint32_t part) {
  onnxcc_cpuid id;
  __asm__ volatile("cpuid" : "=a"(id.a), "=b"(id.b), "=c"(id.c), "=d"(id.d) : "a"(leaf), "c"(part));
  return id;
}

static inline int onnxcc_cpu_all(uint32_t word, uint32_t bits) { return (word & bits) == bits; }

/* The registers that the system saves: bits of XCR0. */
static inline uint32_t onnxcc_cpu_saved(void) {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

/* The bits of ONNXCC_CPU_... that hold. */
static inline uint32_t onnxcc_cpu(void) {
  const uint32_t last = onnxcc_cpu_leaf(0, 0).a, last_extended = onnxcc_cpu_leaf(0x80000000u, 0).a;
  const onnxcc_cpuid one = onnxcc_cpu_leaf(1, 0);
  const uint32_t extended = last_extended >= 0x80000001u ? onnxcc_cpu_leaf(0x80000001u, 0).c : 0;
  onnxcc_cpuid seven = {0, 0, 0, 0};
  uint32_t seven_one = 0, saved = 0, found = 0;
  if (last >= 7) {
    seven = onnxcc_cpu_leaf(7, 0);
    if (seven.a >= 1) seven_one = onnxcc_cpu_leaf(7, 1).a;
  }
  if (onnxcc_cpu_all(one.c, 1u << 27)) saved = onnxcc_cpu_saved();
  /* SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT; LAHF */
  if (!onnxcc_cpu_all(one.c, 1u << 0 | 1u << 9 | 1u << 13 | 1u << 19 | 1u << 20 | 1u << 23) || !onnxcc_cpu_all(extended, 1u << 0)) return 0;
  found |= ONNXCC_CPU_V2;
  /* AVX, and its registers saved */
  if (!onnxcc_cpu_all(one.c, 1u << 28) || !onnxcc_cpu_all(saved, 0x6u)) return found;
  if (onnxcc_cpu_all(one.c, 1u << 29)) found |= ONNXCC_CPU_F16C;
  /* FMA, MOVBE, F16C; BMI1, AVX2, BMI2; LZCNT */
  if (!onnxcc_cpu_all(one.c, 1u << 12 | 1u << 22 | 1u << 29) || !onnxcc_cpu_all(seven.b, 1u << 3 | 1u << 5 | 1u << 8) ||
      !onnxcc_cpu_all(extended, 1u << 5))
    return found;
  found |= ONNXCC_CPU_V3;
  if (onnxcc_cpu_all(seven_one, 1u << 4)) found |= ONNXCC_CPU_AVXVNNI;
  /* AVX-512 F, DQ, CD, BW, VL, and mask and wide registers saved */
  if (!onnxcc_cpu_all(seven.b, 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31) || !onnxcc_cpu_all(saved, 0xe6u)) return found;
  found |= ONNXCC_CPU_V4;
  if (onnxcc_cpu_all(seven.c, 1u << 11)) found |= ONNXCC_CPU_AVX512VNNI;
  if (onnxcc_cpu_all(seven_one, 1u << 5)) found |= ONNXCC_CPU_AVX512BF16;
  return found;
}
#endif
