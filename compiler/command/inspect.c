/* onnxcc inspect: what is in a model, what it costs, what can't be compiled.
 *
 * The model is read without a look at its weights, so a large one takes no longer than a small one. Its memory is only known once it is compiled,
 * which folds and packs weights; that is done for files up to COMPILED_LIMIT, and only if everything is supported. */
#include "codegen/report/inspect.h"
#include "compiler/command/command.h"

#define COMPILED_LIMIT (16u << 20) /* bytes of all files */

typedef struct Stage {
  Compile *compile;
  bool     done;
} Stage;

static void infer_shapes(void *self) {
  Stage *stage = self;
  FoldBudget budget = {.tensor_bytes = 1u << 16, .total_bytes = 1u << 20, .steps = 10000000}; /* for shape arithmetic */
  graph_shape(stage->compile->module, arena_open(stage->compile->context), &stage->compile->evaluator, &budget);
  stage->done = true;
}

static void compile_whole(void *self) {
  Stage *stage = self;
  compile_read(stage->compile, NULL);
  compile_set_dims(stage->compile);
  compile_graph(stage->compile);
  compile_lower(stage->compile);
  compile_loops(stage->compile);
  stage->done = true;
}

void command_inspect(Command *command) {
  Compile compile = command_open_compile(command), whole = command_open_compile(command);
  Stage   shapes = {.compile = &compile}, everything = {.compile = &whole};
  Text    text;
  compile_read(&compile, &(OnnxReadOptions){.keep_weights_unread = true, .keep_unsupported = true});
  uint64_t bytes = onnx_bytes_read(&command->file);
  compile_set_dims(&compile);
  (void)context_guard(&command->context, infer_shapes, &shapes); /* what is wrong is reported; the rest is still worth saying */
  Inspection inspection = inspection_make(compile.module, command->arena, shapes.done);
  inspection.path = command->options.model;
  inspection.file_bytes = bytes;
  if (shapes.done && !inspection.unsupported.count && bytes <= COMPILED_LIMIT) {
    (void)context_guard(&command->context, compile_whole, &everything);
    if (everything.done) inspection.program = whole.program;
  }
  text_open(&text, command->arena);
  if (command->options.json) inspection_json(&inspection, &text);
  else inspection_table(&inspection, command->options.verbose, &text);
  command_print(command, &text);
}
