/* onnxcc verify: does the compiled model compute what it should?
 *
 * Expected are the outputs of --data, or, without them, what the interpreter makes of the model lowered at -O0 and not optimised any further: the
 * meaning itself. With --per-node the value behind every node of the main graph becomes an output of both, and the first one that differs is named;
 * those values then stay out of fusion, so what only goes wrong inside a fused kernel shows at the kernel's last node. */
#include "compiler/command/command.h"
#include "compiler/command/data.h"
#include "compiler/command/runner.h"
#include "compiler/ops/ops.h"
#include <math.h>
#include <string.h>

/* The node that an output is the value of; path NULL: an input or constant. */
typedef struct Watched {
  Place       place;
  const char *op_type;
} Watched;
typedef struct Verification {
  Command  *command;
  Tolerance tolerance;
  uint32_t  model_outputs; /* those before the watched ones */
  VECTOR(Watched) watched; /* by output */
  Text table;
  bool found_first; /* per node: the first differing one has been named */
} Verification;

static Tolerance tolerance_of(const Options *options) {
  bool      only_ulp = options->max_ulp >= 0 && options->relative < 0 && options->absolute < 0;
  Tolerance tolerance = {.relative = 1e-3, .absolute = 1e-7, .of_largest = options->absolute_of_largest, .max_ulp = options->max_ulp};
  if (only_ulp) tolerance.relative = tolerance.absolute = 0;
  if (options->relative >= 0) tolerance.relative = options->relative;
  if (options->absolute >= 0) tolerance.absolute = options->absolute;
  return tolerance;
}

/* ---- per node ------------------------------------------------------------------------------------------------------------- */

static bool is_output(const Graph *graph, uint32_t count, ValueId id) {
  for (uint32_t at = 0; at < count; at++)
    if (graph->outputs.data[at] == id) return true;
  return false;
}

static void note_definition(Verification *verification, const Module *module, ValueId id) {
  NodeId  node = value_at(module, id)->definition;
  Watched watched = {.op_type = "output"};
  if (node) watched = (Watched){node_place(module, node, &op_names), node_at(module, node)->op_type};
  vector_push(verification->command->arena, &verification->watched, watched);
}

/* Makes an output of every tensor that a node of the main graph defines. */
static void watch_nodes(Compile *compile) {
  Module  *module = compile->module;
  Graph   *graph = graph_at(module, 1);
  uint32_t original = graph->outputs.count;
  for (uint32_t at = 0; at < graph->order.count; at++) {
    const Node *node = node_at(module, graph->order.data[at]);
    for (uint32_t result = 0; result < node->output_count; result++) {
      ValueId id = node->outputs[result];
      if (!id || value_at(module, id)->type != TYPE_TENSOR || is_output(graph, original, id)) continue;
      vector_push(module->arena, &graph->outputs, id);
      if (graph->output_names.count) vector_push(module->arena, &graph->output_names, value_at(module, id)->name);
    }
  }
}

/* ---- comparison ----------------------------------------------------------------------------------------------------------- */

static const char *index_text(Arena *arena, const Tensor *tensor, int64_t index) {
  Text    text;
  int64_t at[MAX_RANK];
  text_open(&text, arena);
  for (uint32_t axis = tensor->rank; axis-- > 0;) {
    at[axis] = index % tensor->dims[axis];
    index /= tensor->dims[axis];
  }
  text_char(&text, '[');
  for (uint32_t axis = 0; axis < tensor->rank; axis++) text_format(&text, "%s%lld", axis ? ", " : "", (long long)at[axis]);
  text_char(&text, ']');
  return text_finish(&text);
}

static void report_difference(Verification *verification, uint32_t index, const Tensor *wanted, const Difference *difference, const char *name) {
  Context    *context = &verification->command->context;
  Arena      *arena = verification->command->arena;
  bool        per_node = verification->command->options.per_node;
  const char *hint = per_node ? NULL : "onnxcc verify --per-node finds the node";
  if (per_node && verification->found_first) return;
  verification->found_first = true;
  model_error(context, CODE_DIFFERENCE, verification->watched.data[index].place, hint,
              "%s %s (%s): %lld of %lld elements differ; the worst at %s is %.9g, expected %.9g", per_node ? "the first difference is in" : "output",
              name, tensor_type(arena, wanted), (long long)difference->wrong, (long long)difference->count,
              index_text(arena, wanted, difference->worst_index), difference->got, difference->wanted);
}

static bool same_shape(const Tensor *got, const Tensor *wanted) {
  return got->element == wanted->element && got->rank == wanted->rank && !memcmp(got->dims, wanted->dims, got->rank * sizeof *got->dims);
}

static void compare_output(Verification *verification, uint32_t index, const Tensor *got, const Tensor *wanted) {
  Arena *arena = verification->command->arena;
  Text   name, *table = &verification->table;
  text_open(&name, arena);
  text_name(&name, got->name, strlen(got->name));
  const char *label = text_finish(&name);
  if (!same_shape(got, wanted)) {
    model_error(&verification->command->context, CODE_DIFFERENCE, (Place){0}, NULL, "output %s is %s, expected %s", label, tensor_type(arena, got),
                tensor_type(arena, wanted));
    return;
  }
  Difference difference = data_compare(got, wanted, &verification->tolerance);
  bool       is_node = index >= verification->model_outputs;
  text_format(table, "%-7s %-24s %-20s %10lld elements %8lld wrong", is_node ? verification->watched.data[index].op_type : "output", label,
              tensor_type(arena, wanted), (long long)difference.count, (long long)difference.wrong);
  if (difference.count && (difference.worst_absolute > 0 || difference.wrong))
    text_format(table, "  worst %.3g (relative %.3g, %lld ulp) at %s", difference.worst_absolute, difference.worst_relative,
                (long long)difference.worst_ulp, index_text(arena, wanted, difference.worst_index));
  text_char(table, '\n');
  if (difference.wrong) report_difference(verification, index, wanted, &difference, label);
}

/* ---- what is expected ----------------------------------------------------------------------------------------------------- */

/* The model's meaning on the same data. */
static Tensor *run_oracle(Verification *verification, const DataSet *data) {
  Command *command = verification->command;
  Compile  compile = command_open_compile(command);
  compile.level = 0;
  compile.on_dump = NULL;
  compile_read(&compile, NULL);
  compile_set_dims(&compile);
  data_set_dims(&compile, data);
  if (command->options.per_node) watch_nodes(&compile);
  compile_graph(&compile);
  compile_lower(&compile);
  Runner runner = runner_open(command, &compile, VIA_INTERPRETER, "", false);
  runner_run_all(&runner, data);
  return runner.outputs;
}

static void compare_all(Verification *verification, const Runner *runner, const DataSet *data) {
  Command *command = verification->command;
  bool     by_data = data->output_count && !command->options.per_node;
  if (data->output_count > runner->output_count)
    model_error(&command->context, CODE_DATA_SHAPE, (Place){.path = command->options.data}, NULL, "the folder holds %u outputs, the model has %u",
                data->output_count, runner->output_count);
  check_errors(&command->context);
  const Tensor *wanted = by_data ? data->outputs : run_oracle(verification, data);
  uint32_t      count = by_data ? data->output_count : runner->output_count;
  /* nodes first, so that the first message names the first node */
  for (uint32_t at = verification->model_outputs; at < count; at++) compare_output(verification, at, &runner->outputs[at], &wanted[at]);
  for (uint32_t at = 0; at < count && at < verification->model_outputs; at++) compare_output(verification, at, &runner->outputs[at], &wanted[at]);
  for (uint32_t at = 0; at < data->output_count && command->options.per_node; at++)
    compare_output(verification, at, &runner->outputs[at], &data->outputs[at]);
}

void command_verify(Command *command) {
  Verification verification = {.command = command, .tolerance = tolerance_of(&command->options)};
  Compile      compile = command_open_compile(command);
  DataSet      data;
  text_open(&verification.table, command->arena);
  compile_read(&compile, NULL);
  compile_set_dims(&compile);
  data_read(&compile, &data);
  data_set_dims(&compile, &data);
  data_fill(&compile, &data, (uint64_t)command->options.seed);
  verification.model_outputs = graph_at(compile.module, 1)->outputs.count;
  if (command->options.per_node) watch_nodes(&compile);
  for (uint32_t at = 0; at < graph_at(compile.module, 1)->outputs.count; at++)
    note_definition(&verification, compile.module, graph_at(compile.module, 1)->outputs.data[at]);
  compile_graph(&compile);
  compile_lower(&compile);
  compile_loops(&compile);
  if (command_refuses(command)) return;
  Runner runner = runner_open(command, &compile, (RunVia)command->options.via, "-O2", false);
  runner_run_all(&runner, &data);
  compare_all(&verification, &runner, &data);
  command_print(command, &verification.table);
}
