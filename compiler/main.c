/* The command. */
#include "codegen/emit/emit.h"
#include "compiler/command/data.h"
#include "compiler/ops/ops.h"
#include "compiler/pipeline.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Command {
  Context context;
  OnnxFile file;
  const char *model, *data, *output, *name, *stage;
  int level;
  double rtol, atol;
  bool verify;
} Command;

static void print_dump(void *self, const PassInfo *pass, const Text *text) {
  (void)self;
  printf("# after %s\n%.*s\n", pass->name, (int)text->length, text->data);
}

static void verify(Command *command, Arena *arena, Program *program, const DataSet *data) {
  Context *context = &command->context;
  const void **inputs = arena_array(arena, const void *, program->info.inputs.count + 1u);
  void **outputs = arena_array(arena, void *, program->info.outputs.count + 1u);
  int64_t *symbols = arena_array(arena, int64_t, program->dims->symbols.count + 1u);
  for (uint32_t at = 0; at < program->dims->symbols.count; at++) symbols[at] = program->dims->symbols.data[at].lo;
  for (uint32_t at = 0; at < program->info.inputs.count; at++) inputs[at] = data_buffer(arena, &data->inputs[at]);
  for (uint32_t at = 0; at < program->info.outputs.count; at++) {
    int64_t count = 1, extent;
    const InfoTensor *tensor = &program->info.outputs.data[at];
    for (uint32_t axis = 0; axis < tensor->rank; axis++) { require(context, dim_evaluate(program->dims, tensor->dims[axis], symbols, &extent)); count *= extent; }
    outputs[at] = arena_allocate(arena, (size_t)count * element_buffer_bytes(tensor->element) + 16);
  }
  Evaluation evaluation = {.inputs = inputs, .outputs = outputs, .symbols = symbols};
  Evaluator evaluator = interpreter();
  require(context, evaluator.run(evaluator.self, program, 0, arena, &evaluation));
  if (evaluation.fault) bug(context, "%s", evaluation.fault);
  if (evaluation.status) { printf("status %d\n", evaluation.status); context->outcome = OUTCOME_REFUSED; return; }
  Tolerance tolerance = {.relative = command->rtol, .absolute = command->atol, .max_ulp = -1};
  for (uint32_t at = 0; at < data->output_count && at < program->info.outputs.count; at++) {
    Difference difference = data_compare(data->outputs[at].element, outputs[at], data_buffer(arena, &data->outputs[at]), data->outputs[at].count, &tolerance);
    printf("output %u: %lld elements, %lld wrong, worst %g at %lld (got %g, wanted %g)\n", at, (long long)difference.count, (long long)difference.wrong, difference.worst_absolute,
           (long long)difference.worst_index, difference.got, difference.wanted);
    if (difference.wrong) context->outcome = OUTCOME_REFUSED;
  }
}

static void run(void *self) {
  Command *command = self;
  Context *context = &command->context;
  Arena *arena = arena_open(context);
  Module *module = onnx_read(context, arena, &command->file, NULL, command->model);
  DataSet data = {0};
  if (command->data) {
    data = data_read(context, arena, &command->file, command->data);
    data_set_dims(module, &data);
  }
  PipelineOptions options = {.target = target_host(), .passes = {.level = command->level, .dump = command->stage, .on_dump = print_dump, .verify_each = true}, .evaluator = interpreter()};
  pipeline_graph(module, &options);
  Program *program = pipeline_lower(module, arena, &options);
  if (getenv("ONNXCC_LOGICAL") == NULL) pipeline_loops(program, &options);
  if (command->verify) { verify(command, arena, program, &data); return; }
  if (!command->output) return;
#if __has_include("codegen/emit/c_emit.h")
  Emission emission;
  EmitOptions emit = {.name = command->name, .file_name = command->name, .weights = WEIGHTS_INLINE, .target = options.target, .options_text = "", .version = "0.1"};
  emit_c(program, &emit, arena, &emission);
  FILE *out = fopen(command->output, "w");
  fputs(text_finish(&emission.source), out);
  fclose(out);
  out = fopen(arena_format(arena, "%.*sh", (int)strlen(command->output) - 1, command->output), "w");
  fputs(text_finish(&emission.header), out);
  fclose(out);
#endif
}

int main(int count, char **words) {
  Command command = {.level = 1, .rtol = 1e-3, .atol = 1e-7, .name = "model"};
  for (int at = 1; at < count; at++) {
    if (!strcmp(words[at], "verify")) command.verify = true;
    else if (!strcmp(words[at], "--data")) command.data = words[++at];
    else if (!strcmp(words[at], "-o")) command.output = words[++at];
    else if (!strcmp(words[at], "--name")) command.name = words[++at];
    else if (!strcmp(words[at], "--rtol")) command.rtol = atof(words[++at]);
    else if (!strcmp(words[at], "--atol")) command.atol = atof(words[++at]);
    else if (!strncmp(words[at], "--rtol=", 7)) command.rtol = atof(words[at] + 7);
    else if (!strncmp(words[at], "--atol=", 7)) command.atol = atof(words[at] + 7);
    else if (!strncmp(words[at], "--name=", 7)) command.name = words[at] + 7;
    else if (!strncmp(words[at], "-O", 2)) command.level = atoi(words[at] + 2);
    else if (!strcmp(words[at], "-d")) command.stage = words[++at];
    else if (strncmp(words[at], "--via", 5)) command.model = words[at];
  }
  context_open(&command.context, NULL, -1);
  Outcome outcome = context_guard(&command.context, run, &command);
  for (uint32_t at = 0; at < command.context.diagnostic_count; at++) {
    const Diagnostic *d = &command.context.diagnostics[at];
    fprintf(stderr, "%s E%04d: %s: %s\n", d->severity == SEVERITY_ERROR ? "error" : "note", d->code, d->path ? d->path : "", d->message);
    if (d->detail) fprintf(stderr, "    %s\n", d->detail);
    if (d->hint) fprintf(stderr, "    hint: %s\n", d->hint);
  }
  if (!outcome) outcome = command.context.outcome;
  onnx_close(&command.file);
  context_close(&command.context);
  return (int)outcome;
}
