/* The rows of targets.def, and which of them this machine is. */
#include "targets/target.h"

#include <string.h>

#pragma GCC diagnostic ignored "-Woverride-init" /* a row overrides the fields it starts from */
#if defined(__clang__)
#pragma clang diagnostic ignored "-Winitializer-overrides"
#endif

static const Target targets[] = {
#define TARGET(...) {__VA_ARGS__},
#include "targets.def"
#undef TARGET
};

const Target *target_at(uint32_t index) { return index < sizeof targets / sizeof *targets ? &targets[index] : NULL; }

static const Target *find_row(const char *name) {
  for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
    if (strcmp(targets[i].name, name) == 0) return &targets[i];
  return NULL;
}

const Target *target_find(const char *name) {
  if (strcmp(name, "native") == 0) return target_native();
  if (strcmp(name, "host") == 0) return target_host();
  if (strcmp(name, "x86-64") == 0) return find_row("x86-64-v1");
  return find_row(name);
}

const Target *target_host(void) {
#if defined(__x86_64__)
  return find_row("x86-64-v1");
#elif defined(__aarch64__)
  return find_row("aarch64");
#elif defined(__riscv) && __riscv_xlen == 64 && defined(__riscv_flen) && __riscv_flen >= 64
  return find_row("rv64gc");
#else
  return find_row("generic");
#endif
}

const Target *target_native(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("sse4.2") || !__builtin_cpu_supports("popcnt")) return find_row("x86-64-v1");
  bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  if (!v3) return find_row("x86-64-v2");
  bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return find_row(v4 ? "x86-64-v4" : "x86-64-v3");
#else
  return target_host();
#endif
}
