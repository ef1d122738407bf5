/* A compiled model that can be run: by the interpreter, as emitted C or an object in a shared object, or as an object in this process. */
#ifndef ONNXCC_COMPILER_COMMAND_RUNNER_H
#define ONNXCC_COMPILER_COMMAND_RUNNER_H
#include "compiler/command/command.h"
#include "compiler/command/data.h"
#include "runtime-min/onnxcc_rt.h"

typedef struct Runner {
  Command       *command;
  Compile       *compile;           /* its program, of compile_lower or compile_loops */
  Arena         *arena;
  uint32_t       output_count;
  Tensor        *outputs;           /* after runner_prepare: room; after runner_run: the results */
  int64_t       *symbols;           /* interpreter: by symbol index of the program */
  const void   **in;  void **out;   /* by index */
  /* emitted code only */
  const onnxcc_model_info *info;    /* NULL: the interpreter */
  void          *ctx;
  int64_t       *dims, *run_dims;   /* as onnxcc_model_info.run takes them */
  Tensor         workspace;         /* of bytes */
  Tensor         weights;           /* likewise, with --weights=file */
  onnxcc_hooks   hooks;             /* set before runner_prepare; all NULL: none */
} Runner;

/* Makes a placed program runnable. For C: emits, compiles with optimisation `optimize` ("-O1") and loads it; likewise through LLVM; `profile` keeps
 * the node hooks in. */
Runner runner_open(Command *command, Compile *compile, RunVia via, const char *optimize, bool profile);
/* Binds the dimensions to the inputs and makes room for the outputs. The inputs must stay. */
void   runner_prepare(Runner *runner, const DataSet *data);
/* One run; returns the status, 0 or negative. Rules broken on the way leave the stage. */
int32_t runner_run(Runner *runner);
/* Gives the outputs their final dims, and checks that nothing was written beside them. */
void   runner_finish(Runner *runner);
/* prepare, run, finish; a status is an error that leaves the stage. */
void   runner_run_all(Runner *runner, const DataSet *data);
#endif
