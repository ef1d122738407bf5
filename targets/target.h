/* A target is data: numbers, features and spellings. Each row of targets.def starts from a base and overrides. */
#ifndef ONNXCC_TARGETS_TARGET_H
#define ONNXCC_TARGETS_TARGET_H
#include "compiler/base/context.h"

typedef enum Feature {
#define FEATURE(id, ...) FEATURE_##id,
#include "features.def"
#undef FEATURE
  FEATURE_COUNT
} Feature;

/* What x86 processors say they have, as runtime-min/onnxcc_cpu.h reads it: words of bits. */
typedef enum CpuWord { CPU_1_C, CPU_7_B, CPU_7_C, CPU_7_1_A, CPU_EXTENDED_C, CPU_SAVED, CPU_WORDS } CpuWord;

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
  bool        is_exact_in_llvm;/* LLVM, and so clang, keeps what legalise_inexact() in passes/loop/legalise.c replaces */
  bool        has_masked;      /* vector loads and stores under a mask at the price of plain ones */
  bool        has_memory_operands; /* vector arithmetic takes an operand from memory */
  const char *c_feature_test;  /* preprocessor condition that must hold when the emitted C is compiled, e.g. "defined(__FMA__)"; NULL: none */
  const char *c_flags;         /* what a user passes to gcc or clang for it, e.g. "-march=x86-64-v3"; NULL: none */
  const char *c_attribute;     /* for __attribute__((target(...))) and `#pragma GCC target` where the file is compiled for less; NULL: no way */
  bool        has_cpuid;       /* a program can find out, without the system, whether the processor is one of these */
  uint32_t    cpu_needs[CPU_WORDS]; /* has_cpuid: bits that must be there */
  const char *llvm_triple;     /* with the system this row is mostly used on; NULL (generic): the host's */
  const char *llvm_cpu;        /* NULL: LLVM's generic one */
  const char *llvm_features;   /* "+neon,+vfp4", beyond what the cpu has; NULL: none */
  const char *llvm_abi;        /* calling convention where the triple leaves it open, e.g. "lp64d"; NULL: the triple's */
  unsigned    stack_limit;     /* bytes a kernel may use for local buffers */
  unsigned    fast_bytes;      /* of a faster memory for part of the workspace; 0: none. What a chip has, so it is asked for (--fast-memory) */
  uint32_t    features;        /* 1u << Feature: those written behind the row */
} Target;
typedef VECTOR(const Target *) TargetList;

const Target *target_find(const char *name);       /* a row, "native" or "host" (this machine); NULL if unknown */
const Target *target_at(uint32_t index);           /* NULL past the end */
const Target *target_host(void);                   /* the host architecture's baseline */
const Target *target_native(void);                 /* the best row this very machine can run */
const Target *target_baseline(const Target *target); /* the first row of its architecture */

static inline bool target_has(const Target *target, Feature feature) { return target->features >> feature & 1u; }
const char     *feature_name(Feature feature);
const uint32_t *feature_cpu_needs(Feature feature); /* by CpuWord: all 0 where processors can't be asked */
bool        feature_suits(Feature feature, const Target *target); /* is of its architecture and vector width */
void        target_add_feature(Arena *arena, Target *target, Feature feature);
void        target_add_native_features(Arena *arena, Target *target);

/* Reads what a user wrote behind --target, -march or -mcpu (`option`): members with commas between. A member is a row, a name of names.def or an LLVM
 * triple, with +features behind it; an item that begins with + belongs to the member before it. `triple`, if not NULL, is the system for all of them.
 * What is unknown is a usage error that names the nearest. */
void target_select(Context *context, Arena *arena, const char *option, const char *text, const char *triple, TargetList *list);
bool target_is_triple(const char *text);           /* begins like one: a machine of triples.def and a dash */

/* What C compilers call an operation on vectors: a row of intrinsics.def. */
typedef struct Intrinsic {
  const char *operation, *type, *architecture; /* fma, f32x16, x86_64 */
  unsigned    vector_bytes;                    /* the target's, at least */
  const char *condition, *spelling;
} Intrinsic;

/* The rows that suit the target, one after another; NULL after the last. */
const Intrinsic *intrinsic_next(const Target *target, const char *operation, const char *type, const Intrinsic *last);

/* For lists: NULL past the end. */
const char *target_name_at(uint32_t index, const char **target);
const char *target_triple_at(uint32_t index, const char **target);
const char *target_system_at(uint32_t index);
#endif
