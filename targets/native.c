/* What this very machine is and has. */
#include "targets/target.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

const Target *target_host(void) {
#if defined(__x86_64__)
  return target_find("x86-64-v1");
#elif defined(__aarch64__)
  return target_find("aarch64");
#elif defined(__riscv) && __riscv_xlen == 64 && defined(__riscv_flen) && __riscv_flen >= 64
  return target_find("rv64gc");
#else
  return target_find("generic");
#endif
}

const Target *target_native(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("sse4.2") || !__builtin_cpu_supports("popcnt")) return target_find("x86-64-v1");
  bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  if (!v3) return target_find("x86-64-v2");
  bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return target_find(v4 ? "x86-64-v4" : "x86-64-v3");
#else
  return target_host();
#endif
}

/* By bit, where the processor or the system says what there is. */
typedef struct Detected {
  Feature  feature;
  unsigned word, bit;
} Detected;

#if defined(__x86_64__)
enum { LEAF_7_C, LEAF_7_1_A, WORD_COUNT };
static const Detected detected[] = {{FEATURE_AVXVNNI, LEAF_7_1_A, 4}, {FEATURE_AVX512VNNI, LEAF_7_C, 11}, {FEATURE_AVX512BF16, LEAF_7_1_A, 5}};
static void           read_words(unsigned long words[WORD_COUNT]) {
  unsigned a, b, c, d;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) words[LEAF_7_C] = c;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) words[LEAF_7_1_A] = a;
}
#elif defined(__aarch64__) && defined(__linux__)
enum { HARDWARE_1, HARDWARE_2, WORD_COUNT };
static const Detected detected[] = {{FEATURE_DOTPROD, HARDWARE_1, 20},
                                    {FEATURE_I8MM, HARDWARE_2, 13},
                                    {FEATURE_FP16, HARDWARE_1, 9},
                                    {FEATURE_BF16, HARDWARE_2, 14},
                                    {FEATURE_SVE, HARDWARE_1, 22}};
static void read_words(unsigned long words[WORD_COUNT]) {
  words[HARDWARE_1] = getauxval(AT_HWCAP);
  words[HARDWARE_2] = getauxval(AT_HWCAP2);
}
#else
enum { WORD_COUNT = 1 };
static const Detected detected[1] = {{FEATURE_COUNT, 0, 0}};
static void           read_words(unsigned long words[WORD_COUNT]) {}
#endif

void target_add_native_features(Arena *arena, Target *target) {
  unsigned long words[WORD_COUNT] = {0};
  read_words(words);
  for (size_t i = 0; i < sizeof detected / sizeof *detected; i++) {
    if (detected[i].feature == FEATURE_COUNT || !feature_suits(detected[i].feature, target)) continue;
    if (words[detected[i].word] >> detected[i].bit & 1) target_add_feature(arena, target, detected[i].feature);
  }
}
