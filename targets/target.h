/* A target is data: numbers, features and spellings. Each row of targets.def starts from a base and overrides. */
#ifndef ONNXCC_TARGETS_TARGET_H
#define ONNXCC_TARGETS_TARGET_H
#include "compiler/base/context.h"

typedef struct Target {
  const char *name;            /* x86-64-v3 */
  const char *summary;         /* one line for --target=help */
  unsigned    index_bits;      /* 32 or 64 */
  unsigned    vector_bytes;    /* of one vector register; 0: none */
  unsigned    vector_registers;
  unsigned    cache_bytes[2];  /* first and second level; 0: none */
  bool        has_fma;         /* f32 and f64: muladd is legalised to fma, else to mul and add */
  bool        has_f32;         /* in hardware */
  bool        has_f64;
  bool        has_sqrt;        /* an instruction, reached without a library call */
  bool        has_floor;       /* floor, ceil, trunc, round to even likewise */
  bool        has_f16;         /* conversions in hardware */
  const char *c_feature_test;  /* preprocessor condition that must hold when the emitted C is compiled, e.g. "defined(__FMA__)"; NULL: none */
  const char *c_flags;         /* what a user passes to gcc or clang for it, e.g. "-march=x86-64-v3" */
  unsigned    stack_limit;     /* bytes a kernel may use for local buffers */
} Target;

const Target *target_find(const char *name);       /* a row, an alias, "native" or "host" (this machine); NULL if unknown */
const Target *target_at(uint32_t index);           /* NULL past the end */
const Target *target_host(void);                   /* the host architecture's baseline */
const Target *target_native(void);                 /* the best row this very machine can run */
#endif
