/* The compiler's stages as calls, from a file to a placed loop program. main and the tests build on these; emission is theirs. */
#ifndef ONNXCC_COMPILER_PIPELINE_H
#define ONNXCC_COMPILER_PIPELINE_H
#include "compiler/graph/graph.h"
#include "compiler/loop/evaluate.h"
#include "passes/pass.h"
#include "targets/target.h"

/* One -D or --shape setting: the dimension `name` (a dim_param, or input.AXIS) is lo..hi (lo == hi: fixed). */
typedef struct DimSetting { const char *name; int64_t lo, hi; bool used; } DimSetting;

typedef struct PipelineOptions {
  const Target *target;
  PassOptions passes;              /* level, -f<pass>, dumps */
  bool        no_schedule;         /* plain meanings only (-fno-schedule) */
  FpMode      fp;                  /* --fp */
  MathMode    math;                /* --math, --libm */
  Evaluator   evaluator;           /* for constant folding */
  uint64_t    model_bytes;         /* size of the model file: the folding budget grows with it */
} PipelineOptions;

/* Applies dimension settings to the inputs of a module that was just read. Unknown names are errors with the names there are. */
void     pipeline_set_dims(Module *module, DimSetting *settings, uint32_t count);
/* Shapes, folds, simplifies and fuses. */
void     pipeline_graph(Module *module, const PipelineOptions *options);
/* Lowers to loops; logical loops, unplaced: what the interpreter runs as the oracle. */
Program *pipeline_lower(Module *module, Arena *arena, const PipelineOptions *options);
/* Optimises, legalises for the target and places. */
void     pipeline_loops(Program *program, const PipelineOptions *options);
#endif
