/* The list of stages. Each line is a pass; the order is the design's. */
#include "compiler/pipeline.h"
#include "codegen/lower.h"
#include "compiler/ops/ops.h"
#include <stdlib.h>
#include <string.h>

#define FOLD_ROUNDS 8 /* of fold, simplify, shape: each must change something */

/* ---- dimension settings ------------------------------------------------------------------------------------------------- */

static bool axis_matches(const Value *value, uint32_t axis, const char *name) {
  size_t length = strlen(value->name);
  return !strncmp(name, value->name, length) && name[length] == '.' && name[length + 1] && strtoul(name + length + 1, NULL, 10) == axis;
}

/* Narrows a symbol's range to the setting. */
static void narrow(Module *module, uint32_t symbol, const DimSetting *setting) {
  if (!dim_narrow(&module->dims, symbol, setting->lo, setting->hi))
    model_error(module->context, CODE_DIM_SETTING, (Place){0}, NULL, "%s can't be %lld..%lld", setting->name, (long long)setting->lo,
                (long long)setting->hi);
}

static void apply_setting(Module *module, DimSetting *setting) {
  const Graph *graph = graph_at(module, 1);
  for (uint32_t symbol = 0; symbol < module->dims.symbols.count; symbol++) {
    if (strcmp(module->dims.symbols.data[symbol].name, setting->name)) continue;
    narrow(module, symbol, setting);
    setting->used = true;
  }
  for (uint32_t at = 0; at < graph->inputs.count && !setting->used; at++) {
    const Value *value = value_at(module, graph->inputs.data[at]);
    for (uint32_t axis = 0; axis < value->rank; axis++) {
      const DimNode *dim = &module->dims.nodes.data[value->dims[axis]];
      if (!axis_matches(value, axis, setting->name)) continue;
      setting->used = true;
      if (dim->op == DIM_OP_SYMBOL) narrow(module, (uint32_t)dim->value, setting);
      else if (dim->op == DIM_OP_CONSTANT && (dim->value < setting->lo || dim->value > setting->hi))
        model_error(module->context, CODE_DIM_SETTING, (Place){0}, NULL, "%s is %lld in the model", setting->name, (long long)dim->value);
    }
  }
}

/* Names of the free dimensions, for the hint. */
static const char *free_dims(Module *module) {
  Text text;
  text_open(&text, module->arena);
  for (uint32_t symbol = 0; symbol < module->dims.symbols.count; symbol++) {
    const char *name = module->dims.symbols.data[symbol].name;
    if (symbol) text_string(&text, ", ");
    text_quoted(&text, name, strlen(name));
  }
  return module->dims.symbols.count ? arena_format(module->arena, "free dimensions: %s", text_finish(&text)) : "the model has no free dimension";
}

/* A dimension with the symbols of one value replaced by it. */
static Dim fix(DimTable *dims, Dim dim, uint32_t count, const uint32_t *fixed) {
  for (uint32_t at = 0; dim != DIM_UNKNOWN && at < count; at++)
    dim = dim_substitute(dims, dim, fixed[at], dim_constant(dims, dims->symbols.data[fixed[at]].lo));
  return dim;
}

/* Rewrites every value's dims so that a narrowed symbol becomes a constant. */
static void substitute_fixed(Module *module) {
  DimTable *dims = &module->dims;
  uint32_t *fixed = arena_array(module->arena, uint32_t, dims->symbols.count + 1u), count = 0;
  for (uint32_t symbol = 0; symbol < dims->symbols.count; symbol++)
    if (dims->symbols.data[symbol].lo == dims->symbols.data[symbol].hi) fixed[count++] = symbol;
  for (ValueId id = 1; count && id < module->values.count; id++) {
    Value *value = value_at(module, id);
    for (uint32_t axis = 0; axis < value->rank; axis++) value->dims[axis] = fix(dims, value->dims[axis], count, fixed);
    for (uint32_t axis = 0; axis < value->declared_rank; axis++) value->declared[axis] = fix(dims, value->declared[axis], count, fixed);
  }
}

void pipeline_set_dims(Module *module, DimSetting *settings, uint32_t count) {
  for (uint32_t at = 0; at < count; at++) {
    apply_setting(module, &settings[at]);
    if (!settings[at].used)
      model_error(module->context, CODE_DIM_SETTING, (Place){0}, free_dims(module), "no dimension is called \"%s\"", settings[at].name);
  }
  check_errors(module->context);
  substitute_fixed(module);
}

/* ---- stages ----------------------------------------------------------------------------------------------------------------- */

static PassState pass_state(Context *context, const PipelineOptions *options) {
  PassState state = {
      .context = context, .target = options->target, .evaluator = &options->evaluator, .options = options->passes, .fp = options->fp,
      .math = options->math};
  state.budget = (FoldBudget){.tensor_bytes = (size_t)64 << 20, .total_bytes = (size_t)256 << 20, .steps = 1000000000};
  if (state.budget.total_bytes < 4 * options->model_bytes) state.budget.total_bytes = (size_t)(4 * options->model_bytes);
  return state;
}

void pipeline_graph(Module *module, const PipelineOptions *options) {
  StrictEvaluator strict = {options->evaluator, options->fp};
  Evaluator       evaluator = options->fp == FP_DEFAULT ? options->evaluator : strict_evaluator(&strict);
  PassState       state = pass_state(module->context, options);
  state.evaluator = &evaluator;
  state.module = module;
  pass_run(&state, PASS_SHAPE);
  for (int round = 0; round < FOLD_ROUNDS; round++) {
    bool changed = pass_enabled(&state, PASS_FOLD) && pass_run(&state, PASS_FOLD);
    changed |= pass_enabled(&state, PASS_SIMPLIFY) && pass_run(&state, PASS_SIMPLIFY);
    if (!changed) break;
  }
  pass_run_all(&state, PASS_GRAPH);
}

Program *pipeline_lower(Module *module, Arena *arena, const PipelineOptions *options) {
  Program *program = lower(module, arena, options->passes.level > 0 && !options->no_schedule ? options->target : NULL);
  loop_strict(program, options->fp); /* here already: the oracle of strict code is strict */
  return program;
}

void pipeline_loops(Program *program, const PipelineOptions *options) {
  PassState state = pass_state(program->context, options);
  state.program = program;
  pass_run_all(&state, PASS_LOOP);
}
