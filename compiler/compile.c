/* The stages as calls, with what the command line says about each. */
#include "compiler/compile.h"
#include <string.h>

Compile compile_open(Context *context, OnnxFile *file, const Options *options) {
  Arena *arena = arena_open(context);
  return (Compile){.context = context,
                   .arena = arena,
                   .file = file,
                   .options = options,
                   .level = options->level,
                   .evaluator = interpreter(),
                   .target = options->target};
}

static PipelineOptions pipeline_options(const Compile *compile) {
  const Options  *options = compile->options;
  PipelineOptions pipeline = {.target = compile->target, .no_schedule = options->no_schedule, .evaluator = compile->evaluator};
  pipeline.fp = (FpMode)options->fp;
  pipeline.math = options_math(options);
  pipeline.passes = (PassOptions){.level = compile->level, .dump = options->dump, .verify_each = options->verify_each};
  memcpy(pipeline.passes.choice, options->choice, sizeof pipeline.passes.choice);
  pipeline.passes.on_dump = compile->on_dump;
  pipeline.passes.on_time = compile->on_time;
  pipeline.passes.self = compile->self;
  pipeline.model_bytes = onnx_bytes_read(compile->file);
  return pipeline;
}

void compile_read(Compile *compile, const OnnxReadOptions *read) {
  OnnxReadOptions with = read ? *read : (OnnxReadOptions){0};
  with.external_data_dirs = compile->options->external_data_dirs.data;
  with.external_data_dir_count = compile->options->external_data_dirs.count;
  if (compile->context->progress) compile->context->progress(compile->context->progress_self, "read", 0, 0);
  if (compile->bytes.data)
    compile->module = onnx_read_bytes(compile->context, compile->arena, compile->file, &with, compile->options->model, compile->bytes);
  else compile->module = onnx_read(compile->context, compile->arena, compile->file, &with, compile->options->model);
}

/* ---- dimensions ----------------------------------------------------------------------------------------------------------- */

/* Name of an input for a message that needs one: did you mean, or all of them. */
static const char *input_names(const Compile *compile, const char *wrong) {
  const Graph *graph = graph_at(compile->module, 1);
  WordList     names = {0};
  Text         text;
  for (uint32_t at = 0; at < graph->inputs.count; at++) vector_push(compile->arena, &names, value_at(compile->module, graph->inputs.data[at])->name);
  const char *near = names.count ? did_you_mean(wrong, names.data, names.count) : NULL;
  text_open(&text, compile->arena);
  text_string(&text, near ? "did you mean " : "inputs: ");
  if (near) text_quoted(&text, near, strlen(near));
  for (uint32_t at = 0; at < names.count && !near; at++) {
    if (at) text_string(&text, ", ");
    text_quoted(&text, names.data[at], strlen(names.data[at]));
  }
  if (near) text_char(&text, '?');
  return text_finish(&text);
}

ValueId compile_find_input(const Compile *compile, const char *name, uint32_t *index) {
  const Graph *graph = graph_at(compile->module, 1);
  for (uint32_t at = 0; at < graph->inputs.count; at++) {
    if (strcmp(value_at(compile->module, graph->inputs.data[at])->name, name)) continue;
    *index = at;
    return graph->inputs.data[at];
  }
  Text text;
  text_open(&text, compile->arena);
  text_quoted(&text, name, strlen(name));
  model_error(compile->context, CODE_DATA_MISSING, (Place){0}, input_names(compile, name), "the model has no input %s", text_finish(&text));
  return VALUE_NONE;
}

/* An input without a rank gets that of the shape; its free axes become symbols. */
static void give_rank(const Compile *compile, ValueId id, const ShapeSetting *shape) {
  Module     *module = compile->module;
  const char *name = value_at(module, id)->name;
  Dim         dims[MAX_RANK];
  for (uint32_t axis = 0; axis < shape->rank; axis++)
    dims[axis] = dim_fresh(&module->dims, arena_format(compile->arena, "%s.%u", name, axis), SYMBOL_INPUT, 0, DIM_OPEN);
  value_set_dims(module, id, shape->rank, dims);
}

/* The settings of one --shape, as -D INPUT.AXIS=... has them. */
static void add_shape(const Compile *compile, const ShapeSetting *shape, DimSetting *settings, uint32_t *count) {
  uint32_t index;
  ValueId  id = compile_find_input(compile, shape->input, &index);
  if (!id) return;
  const Value *value = value_at(compile->module, id);
  if (!value->ranked) give_rank(compile, id, shape);
  else if (value->rank != shape->rank) {
    Text type;
    text_open(&type, compile->arena);
    value_print_type(compile->module, id, &type);
    model_error(compile->context, CODE_DIM_SETTING, (Place){0}, NULL, "--shape gives input \"%s\" %u dimensions, but it is %s", value->name,
                shape->rank, text_finish(&type));
    return;
  }
  for (uint32_t axis = 0; axis < shape->rank; axis++) {
    if (!shape->extents[axis].set) continue;
    const char *name = arena_format(compile->arena, "%s.%u", shape->input, axis);
    settings[(*count)++] = (DimSetting){.name = name, .lo = shape->extents[axis].lo, .hi = shape->extents[axis].hi};
  }
}

void compile_set_dims(Compile *compile) {
  const Options *options = compile->options;
  uint32_t       count = options->dims.count;
  DimSetting    *settings = arena_array(compile->arena, DimSetting, count + (size_t)options->shapes.count * MAX_RANK + 1u);
  if (count) memcpy(settings, options->dims.data, count * sizeof *settings);
  for (uint32_t at = 0; at < options->shapes.count; at++) add_shape(compile, &options->shapes.data[at], settings, &count);
  check_errors(compile->context);
  pipeline_set_dims(compile->module, settings, count);
}

/* ---- stages --------------------------------------------------------------------------------------------------------------- */

void compile_graph(Compile *compile) {
  PipelineOptions pipeline = pipeline_options(compile);
  pipeline_graph(compile->module, &pipeline);
  onnx_drop_pages(compile->file); /* weights that were folded stand elsewhere now */
}

void compile_lower(Compile *compile) {
  PipelineOptions pipeline = pipeline_options(compile);
  if (compile->context->progress) compile->context->progress(compile->context->progress_self, "lower", 0, 0);
  compile->program = pipeline_lower(compile->module, compile->arena, &pipeline);
}

/* Some passes may be left out to look at the program, but not to write it down. */
static void check_needed_passes(const Compile *compile) {
  static const PassId needed[] = {PASS_LEGALISE, PASS_PLACE};
  for (size_t at = 0; at < sizeof needed / sizeof *needed; at++)
    if (compile->options->choice[needed[at]] < 0)
      usage_error(compile->context, CODE_OPTION_VALUE, "--emit=loops shows the program without it", "code can't be written with -fno-%s",
                  pass_info(needed[at])->name);
}

/* x86-64-v3: v3; else the member's number, so that no two are alike. */
static const char *variant_label(Arena *arena, const Target *target, uint32_t number) {
  const char *level = strrchr(target->name, '-');
  bool        is_level = level && level[1] == 'v' && level[2] && !level[3];
  return is_level ? level + 1 : arena_format(arena, "m%u", number);
}

/* The other members of a dispatch group: each is lowered and scheduled from the same graph. */
static void join_members(Compile *compile) {
  const TargetList *targets = &compile->options->targets;
  Program         **members = arena_array(compile->arena, Program *, targets->count);
  const char      **labels = arena_array(compile->arena, const char *, targets->count);
  check_needed_passes(compile);
  members[0] = compile->program;
  for (uint32_t at = 0; at < targets->count; at++) {
    labels[at] = variant_label(compile->arena, targets->data[at], at + 1);
    if (at == 0) continue;
    compile->target = targets->data[at];
    PipelineOptions pipeline = pipeline_options(compile);
    members[at] = pipeline_lower(compile->module, compile->arena, &pipeline);
    pipeline_loops(members[at], &pipeline);
  }
  compile->target = targets->data[0];
  program_join(targets->count, members, labels);
  if (compile->options->verify_each) program_verify(compile->program);
}

void compile_loops(Compile *compile) {
  PipelineOptions pipeline = pipeline_options(compile);
  pipeline_loops(compile->program, &pipeline);
  if (compile->options->targets.count > 1) join_members(compile);
}

static EmitOptions emit_options(const Compile *compile, const char *name, const char *base) {
  const Options *options = compile->options;
  check_needed_passes(compile);
  WeightForm  by_size = compile->program->weights_bytes > INLINE_WEIGHTS_LIMIT ? WEIGHTS_INCBIN : WEIGHTS_INLINE;
  EmitOptions emit = {.name = name, .file_name = base, .target = options->target, .version = ONNXCC_VERSION};
  if (options->targets.count > 1) emit.members = options->targets.data;
  emit.weights = options->weights < 0 ? by_size : (WeightForm)options->weights;
  emit.options_text = options_summary(options, compile->arena);
  emit.triple = options->triple;
  emit.level = (unsigned)options->level;
  if (compile->context->progress) compile->context->progress(compile->context->progress_self, "emit", 0, 0);
  return emit;
}

void compile_emit(Compile *compile, const char *name, const char *base, Emission *emission) {
  EmitOptions emit = emit_options(compile, name, base);
  emit_c(compile->program, &emit, compile->arena, emission);
}

void compile_emit_llvm(Compile *compile, const BackEnd *llvm, const char *name, const char *base, CodeForm form, int weights, bool profile,
                       Emission *emission) {
  EmitOptions emit = emit_options(compile, name, base);
  emit.form = form;
  emit.profile = profile;
  if (weights >= 0) emit.weights = (WeightForm)weights;
  llvm->emit(compile->program, &emit, compile->arena, emission);
}

bool emit_is_object(int emit) { return emit == EMIT_OBJECT || emit == EMIT_ARCHIVE || emit == EMIT_SHARED; }

bool emit_is_llvm(int emit) { return emit_is_object(emit) || emit == EMIT_ASSEMBLY || emit == EMIT_LLVM_IR; }

void compile_emit_code(Compile *compile, const BackEnd *llvm, const char *name, const char *base, Emission *emission) {
  int emit = compile->options->emit;
  if (!emit_is_llvm(emit)) {
    compile_emit(compile, name, base, emission);
    return;
  }
  CodeForm form = emit_is_object(emit) ? CODE_OBJECT : emit == EMIT_ASSEMBLY ? CODE_ASSEMBLY : CODE_LLVM_IR;
  compile_emit_llvm(compile, llvm, name, base, form, -1, false, emission);
}

/* Letters and digits of a file's name with single _ between, at most 31 bytes. */
static const char *clean_name(Arena *arena, const char *base) {
  enum { LONGEST = 31 };
  char  *name = arena_string(arena, base, strlen(base));
  size_t length = 0;
  for (const char *at = base; *at && length < LONGEST; at++) {
    bool is_plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9');
    if (is_plain) name[length++] = *at;
    else if (length && name[length - 1] != '_') name[length++] = '_';
  }
  while (length && name[length - 1] == '_') length--;
  name[length] = 0;
  return name;
}

const char *compile_name(Context *context, Arena *arena, const Options *options, const char *file) {
  if (options->name) return options->name;
  const char *base = path_base(path_with_suffix(arena, file, "")), *name = clean_name(arena, base);
  if (!is_plain_identifier(name, strlen(name)))
    usage_error(context, CODE_OUTPUT_NAME, "give one with --name=NAME", "\"%s\" makes no C name for the model", base);
  return name;
}
