/* Back ends that are modules of their own, loaded when they are asked for: what is not used costs nothing, and what is not installed is missed
 * only by those who ask for it. */
#ifndef ONNXCC_CODEGEN_BACK_END_H
#define ONNXCC_CODEGEN_BACK_END_H
#include "codegen/emit/emit.h"

#define BACK_END_ABI 1u /* of struct BackEnd */

typedef struct BackEnd {
  unsigned abi;
  void (*emit)(const Program *program, const EmitOptions *options, Arena *arena, Emission *emission);
  /* An object of this very machine, loaded into this process; the caller closes it. What goes wrong is an io_error. */
  void *(*jit_open)(Context *context, const Text *object);
  void *(*jit_symbol)(void *jit, Context *context, const char *name);
  void (*jit_close)(void *jit);
} BackEnd;

/* The LLVM back end; a usage_error that says how to get it where it is missing. It stays loaded. */
const BackEnd *back_end_llvm(Context *context);
#endif
