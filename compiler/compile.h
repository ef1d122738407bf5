/* One model on its way through the stages, as options ask. The command and the library (onnxcc.h) are built on this; nothing here prints or exits. */
#ifndef ONNXCC_COMPILER_COMPILE_H
#define ONNXCC_COMPILER_COMPILE_H
#include "codegen/emit/back_end.h"
#include "compiler/command/files.h"
#include "compiler/onnx/onnx_read.h"
#include "compiler/options.h"

#define INLINE_WEIGHTS_LIMIT 65536    /* bytes of weights from which on they get a file of their own */

typedef struct Compile {
  Context       *context;
  Arena         *arena;                /* holds module and program */
  OnnxFile      *file;                 /* what module's weights are mapped from; the caller closes it */
  const Options *options;
  Bytes          bytes;                /* of the model, if it lies in memory; else data NULL */
  Module        *module;               /* from compile_read on */
  Program       *program;              /* from compile_loops on */
  int            level;                /* as options->level, but for the oracle */
  Evaluator      evaluator;            /* for folding */
  const Target  *target;               /* of the member of a dispatch group being made; else options->target */
  void (*on_dump)(void *self, const PassInfo *pass, const Text *text);
  void (*on_time)(void *self, const PassInfo *pass, uint64_t nanoseconds, bool changed);
  void *self;
} Compile;

Compile compile_open(Context *context, OnnxFile *file, const Options *options);
/* Reads options->model (or bytes). `read` NULL: ordinary reading; external_data_dirs are filled in from the options. */
void compile_read(Compile *compile, const OnnxReadOptions *read);
/* -D and --shape. */
void compile_set_dims(Compile *compile);
/* The input of that name, and which one it is; else an error is recorded that names the nearest, and VALUE_NONE returned. */
ValueId compile_find_input(const Compile *compile, const char *name, uint32_t *index);
/* Graph passes. */
void compile_graph(Compile *compile);
/* Lowering; the program is logical, as the oracle runs it, until compile_loops. */
void compile_lower(Compile *compile);
void compile_loops(Compile *compile);
/* The texts. `name` is the C prefix, `base` the .c file's name without folder and suffix. */
void compile_emit(Compile *compile, const char *name, const char *base, Emission *emission);
/* The same through LLVM. `weights` -1: as the options say, or by size; `profile`: with node hooks. */
void compile_emit_llvm(Compile *compile, const BackEnd *llvm, const char *name, const char *base, CodeForm form, int weights, bool profile,
                       Emission *emission);
/* What --emit or -c ask for, if it is code; `llvm` may be NULL for C. */
void compile_emit_code(Compile *compile, const BackEnd *llvm, const char *name, const char *base, Emission *emission);
bool emit_is_llvm(int emit); /* an EmitKind that needs LLVM */
bool emit_is_object(int emit); /* that is made of an object */

/* --name, or a C prefix made from a file's name: what is no letter or digit becomes _, and it is cut at 31 bytes. What still is no name (9, int)
 * is a usage
 * error that names --name. */
const char *compile_name(Context *context, Arena *arena, const Options *options, const char *file);
#endif
