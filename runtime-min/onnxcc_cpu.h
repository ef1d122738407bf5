/* onnxcc_cpu.h: what a 64-bit x86 processor and its system let a program use. For gcc and clang, C99, valid C++, freestanding: no function of a
 * compiler's library is called. onnxcc puts this text into the .c of a dispatch group, with what each member needs as words of the same form.
 *
 * SPDX-License-Identifier: 0BSD */
#ifndef ONNXCC_CPU_H
#define ONNXCC_CPU_H
#include <stdint.h>

/* Words of bits, by number: 0 cpuid leaf 1 ecx; 1 leaf 7 ebx; 2 leaf 7 ecx; 3 leaf 7.1 eax; 4 leaf 0x80000001 ecx; 5 the registers that the system
 * saves (XCR0). */
#define ONNXCC_CPU_WORDS 6u

typedef struct onnxcc_cpuid { uint32_t a, b, c, d; } onnxcc_cpuid;

static inline onnxcc_cpuid onnxcc_cpu_leaf(uint32_t leaf, uint32_t part) {
  onnxcc_cpuid id;
  __asm__ volatile("cpuid" : "=a"(id.a), "=b"(id.b), "=c"(id.c), "=d"(id.d) : "a"(leaf), "c"(part));
  return id;
}

static inline void onnxcc_cpu(uint32_t words[ONNXCC_CPU_WORDS]) {
  words[0] = onnxcc_cpu_leaf(1, 0).c;
  words[1] = words[2] = words[3] = words[5] = 0;
  if (onnxcc_cpu_leaf(0, 0).a >= 7) {
    const onnxcc_cpuid seven = onnxcc_cpu_leaf(7, 0);
    words[1] = seven.b;
    words[2] = seven.c;
    words[3] = onnxcc_cpu_leaf(7, 1).a; /* zeros where there is no such part */
  }
  words[4] = onnxcc_cpu_leaf(0x80000001u, 0).c; /* every 64-bit processor has it */
  if (words[0] >> 27 & 1u) { /* OSXSAVE: the system lets programs ask */
    uint32_t high;
    __asm__ volatile("xgetbv" : "=a"(words[5]), "=d"(high) : "c"(0));
  }
}

static inline int onnxcc_cpu_has(const uint32_t words[ONNXCC_CPU_WORDS], const uint32_t needs[ONNXCC_CPU_WORDS]) {
  for (uint32_t i = 0; i < ONNXCC_CPU_WORDS; ++i)
    if ((words[i] & needs[i]) != needs[i]) return 0;
  return 1;
}
#endif
