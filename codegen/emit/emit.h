/* Loop IR in, text out. An emitter knows no operator: it sees buffers, kernels, functions, entries and Program.info. */
#ifndef ONNXCC_CODEGEN_EMIT_H
#define ONNXCC_CODEGEN_EMIT_H
#include "compiler/loop/loop.h"
#include "targets/target.h"

typedef enum WeightForm {
  WEIGHTS_INLINE,  /* unsigned hex words in the .c; a constant of the object */
  WEIGHTS_INCBIN,  /* NAME.weights.bin, named by base name in the .c through .incbin, found through -I; a section of the object */
  WEIGHTS_FILE     /* NAME.weights.bin, given by the caller at init (config.weights) */
} WeightForm;

/* What the LLVM back end writes. */
typedef enum CodeForm { CODE_OBJECT, CODE_ASSEMBLY, CODE_LLVM_IR } CodeForm;

typedef struct EmitOptions {
  const char   *name;          /* the C prefix: [A-Za-z][A-Za-z0-9_]{0,31} */
  const char   *file_name;     /* base name of the .c without suffix: kws */
  WeightForm    weights;
  const Target *target;        /* of a dispatch group: the first */
  const Target *const *members;/* of a dispatch group, by Program.variants; else NULL */
  const char   *options_text;  /* the options that shape the output, for the comment at the top; no paths */
  const char   *version;       /* onnxcc's */
  CodeForm      form;          /* LLVM only, as all below */
  const char   *triple;        /* the system that the user named; NULL: the target's */
  unsigned      level;         /* -O: 0 to 3 */
  bool          profile;       /* node hooks are called, as C does with -DNAME_PROFILE */
} EmitOptions;

/* Of an object. */
typedef enum ObjectFormat { OBJECT_ELF, OBJECT_MACHO, OBJECT_COFF, OBJECT_WASM } ObjectFormat;

typedef struct Emission {
  Text source;   /* .c; of the LLVM back end .o, .s or .ll */
  Text header;   /* .h */
  Text weights;  /* .weights.bin: the blob; empty when inline, in an object, or none */
  Text symbols;  /* objects: the public ones as the object spells them, a NUL behind each */
  ObjectFormat format; /* objects */
} Emission;

/* Prints a placed and legalised program. Both texts are 0BSD; same input, same bytes. */
void emit_c(const Program *program, const EmitOptions *options, Arena *arena, Emission *emission);
#endif
