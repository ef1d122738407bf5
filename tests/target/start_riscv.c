/* What runs before main on a RISC-V core: gp, sp, the float and vector units. The emulator has filled .data and cleared .bss. */
#include "semihosting.h"

int main(void);

__attribute__((section(".startup"), used)) static void begin(void) { semihosting_exit(main()); }

__attribute__((section(".startup"), used, aligned(4))) static void fault(void) {
  semihosting_print("fault\n");
  semihosting_exit(99);
}

/* mstatus.FS = VS = initial */
__attribute__((section(".vectors"), naked, used)) void reset(void) {
  __asm__ volatile(".option push\n"
                   ".option norelax\n"
                   "la gp, __global_pointer$\n"
                   ".option arch, +zicsr\n"
                   "la sp, stack_top\n"
                   "la t0, %0\n"
                   "csrw mtvec, t0\n"
                   "li t0, (1 << 13) | (1 << 9)\n"
                   "csrs mstatus, t0\n"
                   ".option pop\n"
                   "j %1"
                   :
                   : "i"(fault), "i"(begin));
}
