/* What this very machine is and has. */
#include "targets/target.h"

#include <string.h>

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

#if defined(__x86_64__)

/* As runtime-min/onnxcc_cpu.h does it. */
static void read_words(uint32_t words[CPU_WORDS]) {
  unsigned a, b, c, d;
  memset(words, 0, CPU_WORDS * sizeof *words);
  if (__get_cpuid(1, &a, &b, &c, &d)) words[CPU_1_C] = c;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) words[CPU_7_B] = b, words[CPU_7_C] = c;
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) words[CPU_7_1_A] = a;
  if (__get_cpuid(0x80000001u, &a, &b, &c, &d)) words[CPU_EXTENDED_C] = c;
  if (words[CPU_1_C] >> 27 & 1) __asm__ volatile("xgetbv" : "=a"(words[CPU_SAVED]), "=d"(d) : "c"(0));
}

static bool has_all(const uint32_t *words, const uint32_t *needs) {
  for (uint32_t word = 0; word < CPU_WORDS; word++)
    if ((words[word] & needs[word]) != needs[word]) return false;
  return true;
}

const Target *target_native(void) {
  uint32_t      words[CPU_WORDS];
  const Target *best = target_host();
  read_words(words);
  for (uint32_t at = 0; target_at(at); at++) /* later rows can do more */
    if (target_at(at)->has_cpuid && has_all(words, target_at(at)->cpu_needs)) best = target_at(at);
  return best;
}

static bool machine_has(Feature feature) {
  uint32_t words[CPU_WORDS];
  read_words(words);
  return has_all(words, feature_cpu_needs(feature));
}

/* Those that a row has of itself need no mention. */
static bool is_new(Feature feature, const Target *target) { return !has_all(target->cpu_needs, feature_cpu_needs(feature)); }

#else

const Target *target_native(void) { return target_host(); }

static bool is_new(Feature feature, const Target *target) { return true; }

static bool machine_has(Feature feature) {
#if defined(__aarch64__) && defined(__linux__)
  static const struct {
    Feature       feature;
    unsigned long word, bit;
  } bits[] = {{FEATURE_DOTPROD, AT_HWCAP, 20}, {FEATURE_I8MM, AT_HWCAP2, 13}, {FEATURE_FP16, AT_HWCAP, 9}, {FEATURE_BF16, AT_HWCAP2, 14},
              {FEATURE_SVE, AT_HWCAP, 22}};
  for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
    if (bits[i].feature == feature) return getauxval(bits[i].word) >> bits[i].bit & 1;
#endif
  return false;
}

#endif

void target_add_native_features(Arena *arena, Target *target) {
  for (Feature feature = 0; feature < FEATURE_COUNT; feature++)
    if (feature_suits(feature, target) && is_new(feature, target) && machine_has(feature)) target_add_feature(arena, target, feature);
}
