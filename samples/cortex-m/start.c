/* What runs before main on a Cortex-M: the vector table, the float unit, .data and .bss. board.ld names the places.
 *
 * SPDX-License-Identifier: 0BSD */
#include "semihosting.h"

#define COPROCESSOR_ACCESS (*(volatile uint32_t *)0xE000ED88u) /* CPACR: bits 20 to 23 switch the float unit and Helium on */
#define CONFIGURATION      (*(volatile uint32_t *)0xE000ED14u) /* CCR: bit 19 allows low-overhead loops, from Armv8.1-M on */
#define START __attribute__((section(".startup")))

extern uint32_t stack_top[], data_load[], data_start[], data_end[], bss_start[], bss_end[];
int main(void);

START static void fault(void) {
  semihosting_print("fault\n");
  semihosting_exit(99);
}

START __attribute__((noreturn)) void reset(void) {
  COPROCESSOR_ACCESS |= 0xFu << 20;
#if __ARM_ARCH_PROFILE == 'M' && __ARM_ARCH >= 8 && defined(__ARM_FEATURE_MVE)
  CONFIGURATION |= 1u << 19;
#endif
  __asm__ volatile("dsb\n\tisb" ::: "memory");
  const volatile uint32_t *from = data_load;
  for (volatile uint32_t *to = data_start; to < data_end;) *to++ = *from++;
  for (volatile uint32_t *to = bss_start; to < bss_end;) *to++ = 0;
  semihosting_exit(main());
  for (;;) {}
}

/* The stack's start, then who handles a reset and the 14 exceptions of the core. */
__attribute__((section(".vectors"), used)) static void *const vectors[16] = {
    stack_top, (void *)reset, (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault,
    (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault, (void *)fault,
};
