/* Semihosting: a program without an operating system asks its debugger, or the emulator, to print a text or to end. Cortex-M and RISC-V.
 *
 * SPDX-License-Identifier: 0BSD */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H
#include <stdint.h>

enum { SEMIHOSTING_OPEN = 1, SEMIHOSTING_CLOSE = 2, SEMIHOSTING_PRINT = 4, SEMIHOSTING_WRITE = 5, SEMIHOSTING_EXIT = 0x20 };

static inline uintptr_t semihosting(uintptr_t operation, const void *argument) {
#if defined(__arm__)
  register uintptr_t r0 __asm__("r0") = operation;
  register uintptr_t r1 __asm__("r1") = (uintptr_t)argument;
  __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
#elif defined(__riscv) /* the three instructions must lie on one page, uncompressed */
  register uintptr_t a0 __asm__("a0") = operation;
  register uintptr_t a1 __asm__("a1") = (uintptr_t)argument;
  __asm__ volatile(".balign 16\n.option push\n.option norvc\nslli x0, x0, 0x1f\nebreak\nsrai x0, x0, 7\n.option pop"
                   : "+r"(a0)
                   : "r"(a1)
                   : "memory");
  return a0;
#else
#error "semihosting is written for Cortex-M and RISC-V"
#endif
}

static inline void semihosting_print(const char *text) { (void)semihosting(SEMIHOSTING_PRINT, text); }

/* The emulator's exit status will be `status`. */
static inline void semihosting_exit(int status) {
  const uintptr_t application_exit[2] = {0x20026u, (uintptr_t)status};
  (void)semihosting(SEMIHOSTING_EXIT, application_exit);
  for (;;) {}
}
#endif
