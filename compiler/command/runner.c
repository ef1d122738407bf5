/* Running a model on tensors. All ways agree on what a run is: dimensions come from the inputs, room for outputs whose size is found while
 * running is as large as their bound, and a status below 0 is the model's refusal of its data. */
#include "compiler/command/runner.h"
#include "compiler/command/native.h"
#include "runtime-min/onnxcc_strings.h"
#include <string.h>

/* ---- the interpreter ------------------------------------------------------------------------------------------------------ */

NO_RETURN static void refuse_input(Runner *runner, uint32_t index, const Tensor *tensor) {
  model_error(&runner->command->context, CODE_DATA_SHAPE, (Place){0}, NULL, "input \"%s\" can't be %s: the model's dimensions contradict it",
              tensor->name, tensor_type(runner->arena, tensor));
  check_errors(&runner->command->context);
  bug(&runner->command->context, "input %u", index);
}

static void bind_symbols(Runner *runner, const DataSet *data) {
  const Program  *program = runner->compile->program;
  const DimTable *dims = program->dims;
  runner->symbols = arena_array(runner->arena, int64_t, dims->symbols.count + 1u);
  for (uint32_t at = 0; at < dims->symbols.count; at++) runner->symbols[at] = dims->symbols.data[at].lo;
  for (uint32_t at = 0; at < program->info.inputs.count; at++)
    for (uint32_t axis = 0; axis < program->info.inputs.data[at].rank; axis++) {
      const DimNode *node = &dims->nodes.data[program->info.inputs.data[at].dims[axis]];
      if (node->op == DIM_OP_SYMBOL) runner->symbols[node->value] = data->inputs[at].dims[axis];
    }
  for (uint32_t at = 0; at < program->info.inputs.count; at++)
    for (uint32_t axis = 0; axis < program->info.inputs.data[at].rank; axis++) {
      int64_t extent;
      bool    known = dim_evaluate(dims, program->info.inputs.data[at].dims[axis], runner->symbols, &extent);
      if (!known || extent != data->inputs[at].dims[axis]) refuse_input(runner, at, &data->inputs[at]);
    }
}

/* Outputs as large as they can get: symbols found while running at their upper bound. */
static void interpreter_outputs(Runner *runner) {
  const Program  *program = runner->compile->program;
  const DimTable *dims = program->dims;
  int64_t        *bounds = arena_array(runner->arena, int64_t, dims->symbols.count + 1u);
  for (uint32_t at = 0; at < dims->symbols.count; at++)
    bounds[at] = dims->symbols.data[at].kind == SYMBOL_RUN ? dims->symbols.data[at].hi : runner->symbols[at];
  for (uint32_t at = 0; at < runner->output_count; at++) {
    const InfoTensor *info = &program->info.outputs.data[at];
    Tensor           *output = &runner->outputs[at];
    *output = (Tensor){.name = info->name, .element = info->element, .rank = info->rank};
    for (uint32_t axis = 0; axis < info->rank; axis++)
      if (!dim_evaluate(dims, info->dims[axis], bounds, &output->dims[axis]))
        limit_error(&runner->command->context, CODE_UNBOUNDED_SIZE, (Place){0}, NULL, "output \"%s\" has no bound on its size", info->name);
    tensor_allocate(runner->arena, output);
    runner->out[at] = output->data;
  }
}

static int32_t interpret(Runner *runner) {
  Context   *context = &runner->command->context;
  Evaluator  evaluator = interpreter();
  Arena     *scratch = arena_open(context);
  Evaluation evaluation = {.inputs = runner->in, .outputs = runner->out, .symbols = runner->symbols};
  if (context->progress) context->progress(context->progress_self, "interpret", 0, 0);
  if (!evaluator.run(evaluator.self, runner->compile->program, 0, scratch, &evaluation))
    limit_error(context, CODE_RUN_LIMIT, (Place){0}, NULL, "the interpreter reached its limit");
  if (evaluation.fault) {
    model_error(context, CODE_RUN_FAULT, (Place){0}, NULL, "%s", evaluation.fault);
    context->outcome = OUTCOME_BUG;
    check_errors(context);
  }
  arena_close(scratch);
  return evaluation.status;
}

static void interpreter_finish(Runner *runner) {
  const Program *program = runner->compile->program;
  for (uint32_t at = 0; at < runner->output_count; at++) {
    Tensor *output = &runner->outputs[at];
    for (uint32_t axis = 0; axis < output->rank; axis++)
      require(&runner->command->context,
              dim_evaluate(program->dims, program->info.outputs.data[at].dims[axis], runner->symbols, &output->dims[axis]));
    output->count = tensor_count(&runner->command->context, output);
  }
}

/* ---- emitted code --------------------------------------------------------------------------------------------------------- */

static void bind_dims(Runner *runner, const DataSet *data) {
  const onnxcc_model_info *info = runner->info;
  int64_t                  shape[MAX_RANK];
  runner->dims = arena_array(runner->arena, int64_t, info->dim_count + 1u);
  runner->run_dims = arena_array(runner->arena, int64_t, info->run_dim_count + 1u);
  for (uint32_t at = 0; at < info->dim_count; at++) {
    const onnxcc_symbol_info *symbol = &info->symbols[at];
    require(&runner->command->context, symbol->input >= 0);
    runner->dims[at] = data->inputs[symbol->input].dims[symbol->axis];
  }
  for (uint32_t at = 0; at < info->input_count; at++) {
    const Tensor *input = &data->inputs[at];
    bool          fits = info->shape(0, at, runner->dims, NULL, shape) == 0 && input->rank == info->inputs[at].rank;
    for (uint32_t axis = 0; axis < input->rank && fits; axis++) fits = shape[axis] == input->dims[axis];
    if (!fits) refuse_input(runner, at, input);
  }
}

static void native_outputs(Runner *runner) {
  const onnxcc_model_info *info = runner->info;
  for (uint32_t at = 0; at < runner->output_count; at++) {
    Tensor *output = &runner->outputs[at];
    *output = (Tensor){.name = info->outputs[at].name, .element = (Element)info->outputs[at].element, .rank = info->outputs[at].rank};
    if (info->shape(1, at, runner->dims, NULL, output->dims))
      limit_error(&runner->command->context, CODE_UNBOUNDED_SIZE, (Place){0}, NULL, "output \"%s\" has no bound on its size", output->name);
    tensor_allocate(runner->arena, output);
    runner->out[at] = output->data;
  }
}

static Tensor memory(Runner *runner, size_t bytes) {
  Tensor memory = {.name = "", .element = ELEMENT_U8, .rank = 1, .dims = {(int64_t)bytes}};
  tensor_allocate(runner->arena, &memory);
  return memory;
}

NO_RETURN static void refuse_status(Runner *runner, const char *what, int32_t status) {
  Context *context = &runner->command->context;
  model_error(context, CODE_RUN_STATUS, (Place){0}, NULL, "%s returned %d: %s", what, (int)status, onnxcc_status_text(status));
  check_errors(context);
  bug(context, "an error did not leave the stage");
}

static void native_prepare(Runner *runner, const DataSet *data) {
  const onnxcc_model_info *info = runner->info;
  bind_dims(runner, data);
  native_outputs(runner);
  size_t bytes = info->workspace(runner->dims);
  if (bytes == SIZE_MAX) limit_error(&runner->command->context, CODE_SIZE_LIMIT, (Place){0}, NULL, "the workspace does not fit into memory");
  runner->workspace = memory(runner, bytes);
  memset(runner->workspace.data, 0xa5, bytes); /* nothing may depend on what was there */
  runner->ctx = memory(runner, info->ctx_bytes).data;
  onnxcc_config config = {.abi = info->abi, .workers = 1, .workspace = runner->workspace.data, .workspace_bytes = bytes, .hooks = &runner->hooks};
  config.fast = memory(runner, info->fast_bytes).data;
  config.fast_bytes = info->fast_bytes;
  config.state = memory(runner, info->state_bytes).data;
  config.state_bytes = info->state_bytes;
  config.weights = runner->weights.data;
  config.weights_bytes = (size_t)runner->weights.count;
  int32_t status = info->init(runner->ctx, &config);
  if (status) refuse_status(runner, "init", status);
}

static void native_finish(Runner *runner) {
  const onnxcc_model_info *info = runner->info;
  Context                 *context = &runner->command->context;
  bool                     is_intact = tensor_guard_intact(&runner->workspace);
  for (uint32_t at = 0; at < runner->output_count; at++) {
    Tensor *output = &runner->outputs[at];
    is_intact = is_intact && tensor_guard_intact(output);
    require(context, info->shape(1, at, runner->dims, runner->run_dims, output->dims) == 0);
    output->count = tensor_count(context, output);
  }
  if (is_intact) return;
  model_error(context, CODE_RUN_GUARD, (Place){0}, NULL, "the compiled model wrote outside its memory");
  context->outcome = OUTCOME_BUG;
  check_errors(context);
}

/* ---- both ----------------------------------------------------------------------------------------------------------------- */

Runner runner_open(Command *command, Compile *compile, RunVia via, const char *optimize, bool profile) {
  Runner runner = {.command = command, .compile = compile, .arena = compile->arena, .output_count = compile->program->info.outputs.count};
  runner.outputs = arena_array(runner.arena, Tensor, runner.output_count + 1u);
  runner.out = arena_array(runner.arena, void *, runner.output_count + 1u);
  runner.in = arena_array(runner.arena, const void *, compile->program->info.inputs.count + 1u);
  if (via == VIA_INTERPRETER) return runner;
  Emission    emission;
  const char *name = command->options.name ? command->options.name : "model";
  NativeForm  form = {.is_object = via == VIA_LLVM, .optimize = optimize, .profile = profile};
  int         weights = via == VIA_JIT ? WEIGHTS_FILE : command->options.weights; /* in this process they lie in memory already */
  if (via == VIA_C) {
    compile_emit(compile, name, "model", &emission);
  } else {
    command->llvm = back_end_llvm(&command->context);
    compile_emit_llvm(compile, command->llvm, name, "model", CODE_OBJECT, weights, profile, &emission);
  }
  if (weights == WEIGHTS_FILE) {
    runner.weights = memory(&runner, emission.weights.length);
    if (emission.weights.length) memcpy(runner.weights.data, emission.weights.data, emission.weights.length);
  }
  runner.info = via == VIA_JIT ? native_load_jit(command, name, &emission) : native_load(command, name, &emission, &form);
  require(&command->context, runner.info->output_count == runner.output_count);
  return runner;
}

void runner_prepare(Runner *runner, const DataSet *data) {
  require(&runner->command->context, data->input_count == runner->compile->program->info.inputs.count);
  for (uint32_t at = 0; at < data->input_count; at++) runner->in[at] = data->inputs[at].data;
  if (runner->info) {
    native_prepare(runner, data);
    return;
  }
  bind_symbols(runner, data);
  interpreter_outputs(runner);
}

int32_t runner_run(Runner *runner) {
  if (!runner->info) return interpret(runner);
  return runner->info->run(runner->ctx, runner->dims, runner->in, runner->out, runner->run_dims);
}

void runner_finish(Runner *runner) {
  if (runner->info) native_finish(runner);
  else interpreter_finish(runner);
}

void runner_run_all(Runner *runner, const DataSet *data) {
  runner_prepare(runner, data);
  int32_t status = runner_run(runner);
  if (status) refuse_status(runner, "the model", status);
  runner_finish(runner);
}
