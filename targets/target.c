/* The rows of targets.def. */
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

const Target *target_baseline(const Target *target) {
  for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
    if (strcmp(targets[i].architecture, target->architecture) == 0) return &targets[i];
  return NULL;
}

const Target *target_find(const char *name) {
  if (strcmp(name, "native") == 0) return target_native();
  if (strcmp(name, "host") == 0) return target_host();
  for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
    if (strcmp(targets[i].name, name) == 0) return &targets[i];
  return NULL;
}
