/* What a core can do: the most multiply-adds of f32 a second, as GFLOP/s, found with independent sums in registers. For gemm.py. */
#include <time.h>

#if defined(__AVX512F__)
enum { BYTES = 64 };
#elif defined(__AVX__)
enum { BYTES = 32 };
#else
enum { BYTES = 16 };
#endif
typedef float Vector __attribute__((vector_size(BYTES)));

enum { SUMS = 12, STEPS = 100000, ROUNDS = 200 };

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double peak(void) {
  double best = 0;
  Vector one = {0}, factor;
  for (int lane = 0; lane < BYTES / 4; lane++) one[lane] = 1;
  factor = one * 0.5f;
  volatile float sink = 0;
  for (int round = 0; round < ROUNDS; round++) {
    Vector a = one, b = a + one, c = b + one, d = c + one, e = d + one, f = e + one, g = f + one, h = g + one, i = h + one, j = i + one, k = j + one,
           l = k + one;
    double start = seconds();
    for (int step = 0; step < STEPS; step++) {
      a = a * factor + one, b = b * factor + one, c = c * factor + one, d = d * factor + one, e = e * factor + one, f = f * factor + one;
      g = g * factor + one, h = h * factor + one, i = i * factor + one, j = j * factor + one, k = k * factor + one, l = l * factor + one;
#if defined(__x86_64__)
      __asm__ volatile("" : "+v"(a), "+v"(b), "+v"(c), "+v"(d), "+v"(e), "+v"(f)); /* or the loop would be seen through */
#elif defined(__aarch64__)
      __asm__ volatile("" : "+w"(a), "+w"(b), "+w"(c), "+w"(d), "+w"(e), "+w"(f));
#endif
    }
    double rate = 2.0 * SUMS * STEPS * (BYTES / 4) / (seconds() - start) / 1e9;
    if (rate > best) best = rate;
    sink += (a + b + c + d + e + f + g + h + i + j + k + l)[0];
  }
  return best;
}
