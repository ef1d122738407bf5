/* How fast a core reads and writes memory, as vectors.py asks: y = x + 1 over `count` floats, 16 at a time. */
#include <stddef.h>
#include <time.h>

typedef float floats __attribute__((vector_size(64), aligned(4)));

double copy_nanoseconds(const float *x, float *y, size_t count, int runs) {
  struct timespec began, ended;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began);
  for (int run = 0; run < runs; run++) {
    for (size_t at = 0; at < count; at += 16) *(floats *)(y + at) = *(const floats *)(x + at) + 1.0f;
    __asm__ volatile("" ::: "memory");
  }
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ended);
  return 1e9 * (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec);
}
