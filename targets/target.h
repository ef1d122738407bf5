/* A target is data: numbers, features and spellings. Each row of targets.def starts from a base and overrides. */
#ifndef ONNXCC_TARGETS_TARGET_H
#define ONNXCC_TARGETS_TARGET_H
#include "compiler/base/context.h"

typedef struct Target {
  const char *name;            /* x86-64-v3 */
  const char *summary;         /* one line for --target=help */
  const char *architecture;    /* as an LLVM triple begins: x86_64, aarch64, arm (Thumb too), riscv32, riscv64, wasm32; "" for generic */
  unsigned    index_bits;      /* 32 or 64 */
  unsigned    vector_bytes;    /* of one vector register; 0: none */
  unsigned    vector_registers;/* that hold a vector, or a float where there are no vectors; 0: neither */
  unsigned    cache_bytes[2];  /* first and second level; 0: none */
  bool        has_fma;         /* f32 and f64: muladd is legalised to fma, else to mul and add */
  bool        has_f32;         /* in hardware */
  bool        has_f64;
  bool        has_sqrt;        /* an instruction, reached without a library call */
  bool        has_floor;       /* floor, ceil, trunc, round to even likewise */
  bool        has_f16;         /* conversions in hardware */
  bool        has_vector_f32;  /* vectors of f32 compute as scalars do: rounded the same, subnormals kept */
  bool        has_vector_f64;
  bool        has_masked;      /* vector loads and stores under a mask at the price of plain ones */
  const char *c_feature_test;  /* preprocessor condition that must hold when the emitted C is compiled, e.g. "defined(__FMA__)"; NULL: none */
  const char *c_flags;         /* what a user passes to gcc or clang for it, e.g. "-march=x86-64-v3"; NULL: none */
  const char *llvm_triple;     /* with the system this row is mostly used on; NULL (generic): the host's */
  const char *llvm_cpu;        /* NULL: LLVM's generic one */
  const char *llvm_features;   /* "+neon,+vfp4", beyond what the cpu has; NULL: none */
  const char *llvm_abi;        /* calling convention where the triple leaves it open, e.g. "lp64d"; NULL: the triple's */
  unsigned    stack_limit;     /* bytes a kernel may use for local buffers */
} Target;

const Target *target_find(const char *name);       /* a row, an alias, "native" or "host" (this machine); NULL if unknown */
const Target *target_at(uint32_t index);           /* NULL past the end */
const Target *target_host(void);                   /* the host architecture's baseline */
const Target *target_native(void);                 /* the best row this very machine can run */
#endif
