/* The memory of one run of the interpreter, and its calls: between evaluate.c (entries), evaluate_call.c and evaluate_memory.c. */
#ifndef ONNXCC_LOOP_EVALUATE_MEMORY_H
#define ONNXCC_LOOP_EVALUATE_MEMORY_H
#include "evaluate_machine.h"

typedef struct BufferState {
  uint8_t *data;         /* NULL: not used yet */
  uint8_t *shadow;       /* NULL: always initialised (inputs, weights) */
  size_t   bytes;        /* by its dimensions now */
  size_t   room;         /* bytes of data, and of shadow where there is one */
  size_t   offset;       /* placed: byte offset in workspace or state */
  uint8_t  cell[8];      /* the element of a splat weight; all its strides are 0 */
  bool     live;         /* placed workspace: holds what a call wrote, and nobody wrote over it */
} BufferState;

typedef struct Block { uint8_t *data, *shadow; size_t bytes; } Block;

enum { VARIANTS_KEPT = 4 };
typedef struct KernelState {
  Variant *variants[VARIANTS_KEPT];
  Arena   *arenas[VARIANTS_KEPT];
  bool    *uses;         /* by symbol: the kernel's text or dimensions have it; NULL: not found out yet */
} KernelState;

typedef struct Run {
  Program *program;
  Arena   *arena;
  Evaluation *evaluation;
  BufferState *buffers;  /* by buffer */
  Block    workspace, state; /* placed programs */
  bool     placed;
  size_t   allocated;    /* bytes against memory_limit */
  bool     limit;        /* a limit was reached */
  Machine  entry, kernel;/* a kernel runs to its end before the entry goes on */
  View    *entry_views;  /* by buffer */
  KernelState *kernels;  /* by kernel */
  Block    locals;       /* of the running kernel */
  struct Call *call;     /* the running call */
  uint64_t clock;        /* calls so far */
} Run;

/* Symbols without a value yet have this one, so that dimensions made of them come out negative or overflow. */
#define NO_VALUE INT64_MIN

/* What a shadow byte says. In a call that works in place, SHADOW_SET elements are those from before it. */
enum { SHADOW_NONE, SHADOW_SET, SHADOW_FRESH };

/* All return false after setting evaluation->fault or run->limit. */
bool run_fault(Run *run, const char *format, ...) PRINTF_LIKE(2, 3);
bool run_open(Run *run);
bool run_dim(Run *run, Dim dim, const char *what, int64_t *value);           /* not negative */
bool run_buffer(Run *run, uint32_t buffer);                                  /* brings buffers[buffer] up to date with the symbols */
bool run_block(Run *run, Block *block, size_t bytes);                        /* grows; keeps the contents, the rest uninitialised */
View run_view(Run *run, uint32_t buffer);                                    /* the whole buffer, row-major; after run_buffer */
bool run_call(Run *run, const StmtNode *call, const CallArgument *arguments, const int64_t *offsets);
/* The buffer is about to be written: planned buffers that it lies over die, but for `spared`. */
void run_overwrite(Run *run, uint32_t buffer, const uint32_t *spared, uint32_t spared_count);
const char *buffer_name(const Program *program, uint32_t buffer, char room[16]);
#endif
