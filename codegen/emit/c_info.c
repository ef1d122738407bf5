/* The description of the model as data, and its untyped entry points. All of it can be left out with -DNAME_NO_INFO, or dropped by the linker. */
#include "c_emit.h"

#include <string.h>

/* ---- untyped entry points ---- */

static void set_dims(const Emitter *e, const char *target, Text *out) {
  uint32_t at = 0;
  for (uint32_t i = 0; i < e->program->dims->symbols.count; i++)
    if (e->symbol_roles[i] == SYMBOL_GIVEN) text_format(out, "  %s.%s = dims[%u];\n", target, e->symbol_names[i], at++);
}

static void untyped_run(const Emitter *e, Text *out) {
  const ProgramInfo *info = &e->program->info;
  const char        *n = e->name;
  uint32_t           returned = 0;
  text_format(out,
              "static int32_t %s_run_untyped(void *ctx, const int64_t *dims, const void *const *inputs, void *const *outputs, int64_t *run_dims) {\n",
              n);
  text_format(out, "  %s_io io;\n  int32_t status;\n", n);
  if (e->role_count[SYMBOL_GIVEN]) text_string(out, "  if (!dims) return ONNXCC_ERROR_ARGUMENT;\n");
  else text_string(out, "  (void)dims;\n");
  text_string(out, info->inputs.count ? "  if (!inputs) return ONNXCC_ERROR_ARGUMENT;\n" : "  (void)inputs;\n");
  text_string(out, info->outputs.count ? "  if (!outputs) return ONNXCC_ERROR_ARGUMENT;\n" : "  (void)outputs;\n");
  set_dims(e, "io.dims", out);
  for (uint32_t i = 0; i < info->inputs.count; i++)
    text_format(out, "  io.%s = (const %s *)inputs[%u];\n", e->inputs[i].field,
                c_memory_type(e, e->program->buffers.data[info->inputs.data[i].buffer].scalar), i);
  for (uint32_t i = 0; i < info->outputs.count; i++)
    text_format(out, "  io.%s = (%s *)outputs[%u];\n", e->outputs[i].field,
                c_memory_type(e, e->program->buffers.data[info->outputs.data[i].buffer].scalar), i);
  for (uint32_t i = 0; i < e->program->dims->symbols.count; i++)
    if (e->symbol_roles[i] == SYMBOL_RETURNED) text_format(out, "  io.%s = 0;\n", e->symbol_names[i]);
  text_format(out, "  status = %s_run((%s_ctx *)ctx, &io);\n", n, n);
  for (uint32_t i = 0; i < e->program->dims->symbols.count; i++)
    if (e->symbol_roles[i] == SYMBOL_RETURNED) text_format(out, "  if (run_dims) run_dims[%u] = io.%s;\n", returned++, e->symbol_names[i]);
  if (!returned) text_string(out, "  (void)run_dims;\n");
  text_string(out, "  return status;\n}\n\n");
}

static void untyped_others(const Emitter *e, Text *out) {
  const char *n = e->name;
  text_format(out, "static int32_t %s_init_untyped(void *ctx, const onnxcc_config *config) { return %s_init((%s_ctx *)ctx, config); }\n", n, n, n);
  text_format(out, "static int32_t %s_reset_untyped(void *ctx) { return %s_reset((%s_ctx *)ctx); }\n", n, n, n);
  text_format(out, "static size_t %s_workspace_untyped(const int64_t *dims) {\n", n);
  if (e->role_count[SYMBOL_GIVEN]) {
    text_format(out, "  %s_dims sizes;\n  if (!dims) return 0;\n", n);
    set_dims(e, "sizes", out);
    text_format(out, "  return %s_workspace_bytes(&sizes);\n}\n\n", n);
  } else {
    text_format(out, "  (void)dims;\n  return %s_workspace_bytes();\n}\n\n", n);
  }
}

/* ---- shapes ---- */

static void shape_symbols(Emitter *e, const bool *used, Text *out) {
  const DimTable *dims = e->program->dims;
  uint32_t        given = 0, returned = 0;
  bool            open = false;
  for (uint32_t i = 0; i < dims->symbols.count; i++) {
    const char *name = e->symbol_names[i];
    if (e->symbol_roles[i] == SYMBOL_GIVEN && used[i])
      text_format(out, "  const %s %s = (%s)(dims ? dims[%u] : 0);\n", e->index_type, name, e->index_type, given);
    if (e->symbol_roles[i] == SYMBOL_RETURNED && used[i]) {
      int64_t hi = dims->symbols.data[i].hi;
      text_format(out, "  const %s %s = (%s)(run_dims ? run_dims[%u] : %lld);\n", e->index_type, name, e->index_type, returned,
                  hi == DIM_OPEN ? 0ll : (long long)hi);
      open |= hi == DIM_OPEN;
    }
    given += e->symbol_roles[i] == SYMBOL_GIVEN;
    returned += e->symbol_roles[i] == SYMBOL_RETURNED;
  }
  if (open) text_string(out, "  if (kind == 1 && !run_dims) return ONNXCC_ERROR_SHAPE; /* a size found at run time has no bound */\n");
}

static void shape_case(Emitter *e, uint32_t number, const InfoTensor *tensor, Text *out) {
  text_format(out, "    case %u:\n", number);
  e->now.out = out;
  e->now.depth = 3;
  for (uint32_t axis = 0; axis < tensor->rank; axis++) {
    c_print(e, "shape[%u] = ", axis);
    c_dim(e, tensor->dims[axis], DIM_FORM_INDEX, LEVEL_ANY);
    text_char(&e->now.line, ';');
    c_line_end(e);
  }
  text_string(out, "      return ONNXCC_OK;\n");
}

static void shape_function(Emitter *e, Text *out) {
  const ProgramInfo *info = &e->program->info;
  bool              *used = arena_array(e->arena, bool, e->program->dims->symbols.count + 1), any = false, any_axis = false;
  for (uint32_t i = 0; i < info->inputs.count + info->outputs.count; i++) {
    const InfoTensor *tensor = i < info->inputs.count ? &info->inputs.data[i] : &info->outputs.data[i - info->inputs.count];
    for (uint32_t axis = 0; axis < tensor->rank; axis++) dim_symbols(e->program->dims, tensor->dims[axis], used);
    any_axis |= tensor->rank > 0;
  }
  text_format(out, "static int32_t %s_shape(int32_t kind, uint32_t index, const int64_t *dims, const int64_t *run_dims, int64_t *shape) {\n",
              e->name);
  shape_symbols(e, used, out);
  for (uint32_t i = 0; i < e->program->dims->symbols.count; i++) any |= used[i];
  text_string(out, "  (void)dims;\n  (void)run_dims;\n  (void)shape;\n");
  if (e->role_count[SYMBOL_GIVEN] && any) text_string(out, "  if (!dims) return ONNXCC_ERROR_ARGUMENT;\n");
  if (any_axis) text_string(out, "  if (!shape) return ONNXCC_ERROR_ARGUMENT;\n");
  text_format(out, "  if ((kind != 0 && kind != 1) || index >= (kind ? %uu : %uu)) return ONNXCC_ERROR_ARGUMENT;\n", info->outputs.count,
              info->inputs.count);
  text_format(out, "  switch (kind ? index + %uu : index) {\n", info->inputs.count);
  for (uint32_t i = 0; i < info->inputs.count; i++) shape_case(e, i, &info->inputs.data[i], out);
  for (uint32_t i = 0; i < info->outputs.count; i++) shape_case(e, info->inputs.count + i, &info->outputs.data[i], out);
  text_string(out, "    default: return ONNXCC_ERROR_ARGUMENT;\n  }\n}\n\n");
}

/* ---- tables ---- */

static void dim_tables(const Emitter *e, const InfoTensor *tensor, const char *name, uint32_t index, Text *out) {
  int64_t size;
  if (tensor->rank == 0) return;
  text_format(out, "static const int64_t %s_%s_%u_dims[] = {", e->name, name, index);
  for (uint32_t axis = 0; axis < tensor->rank; axis++)
    text_format(out, "%s%lld", axis ? ", " : "", dim_is_constant(e->program->dims, tensor->dims[axis], &size) ? (long long)size : -1ll);
  text_format(out, "};\nstatic const char *const %s_%s_%u_dim_text[] = {", e->name, name, index);
  for (uint32_t axis = 0; axis < tensor->rank; axis++) {
    Text text;
    text_open(&text, e->arena);
    dim_print(e->program->dims, tensor->dims[axis], &text);
    if (axis) text_string(out, ", ");
    c_quoted(out, text_finish(&text), LONGEST_NAME);
  }
  text_string(out, "};\n");
}

static void tensor_row(const Emitter *e, const InfoTensor *tensor, const FieldName *field, const char *name, uint32_t index, Text *out) {
  text_string(out, "  {");
  c_quoted(out, tensor->name, LONGEST_NAME);
  text_format(out, ", \"%s\", %d, %uu, %uu, ", field->field, (int)tensor->element, scalar_bytes(e->program->buffers.data[tensor->buffer].scalar),
              tensor->rank);
  if (tensor->rank) text_format(out, "%s_%s_%u_dims, %s_%s_%u_dim_text, %d, ", e->name, name, index, e->name, name, index, tensor->quantized);
  else text_format(out, "NULL, NULL, %d, ", tensor->quantized);
  text_f32(out, (float)tensor->scale);
  text_format(out, "f, INT64_C(%lld)},\n", (long long)tensor->zero_point);
}

static void tensor_table(const Emitter *e, const InfoTensor *tensors, uint32_t count, const FieldName *fields, const char *name, Text *out) {
  if (count == 0) return;
  for (uint32_t i = 0; i < count; i++) dim_tables(e, &tensors[i], name, i, out);
  text_format(out, "static const onnxcc_tensor_info %s_%ss[] = {\n", e->name, name);
  for (uint32_t i = 0; i < count; i++) tensor_row(e, &tensors[i], &fields[i], name, i, out);
  text_string(out, "};\n\n");
}

static void symbol_table(const Emitter *e, Text *out) {
  const DimTable *dims = e->program->dims;
  if (e->role_count[SYMBOL_GIVEN] + e->role_count[SYMBOL_RETURNED] == 0) return;
  text_format(out, "static const onnxcc_symbol_info %s_symbols[] = {\n", e->name);
  for (int role = SYMBOL_GIVEN; role <= SYMBOL_RETURNED; role++)
    for (uint32_t i = 0; i < dims->symbols.count; i++) {
      uint32_t input, axis;
      if ((int)e->symbol_roles[i] != role) continue;
      bool found = model_find_axis(&e->model, i, &input, &axis);
      text_string(out, "  {");
      c_quoted(out, dims->symbols.data[i].name, LONGEST_NAME);
      text_format(out, ", %d, ", role == SYMBOL_RETURNED);
      text_format(out, dims->symbols.data[i].lo == INT64_MIN ? "INT64_MIN, " : "INT64_C(%lld), ", (long long)dims->symbols.data[i].lo);
      text_format(out, dims->symbols.data[i].hi == DIM_OPEN ? "INT64_MAX, " : "INT64_C(%lld), ", (long long)dims->symbols.data[i].hi);
      text_format(out, "%d, %d},\n", found ? (int)input : -1, found ? (int)axis : -1);
    }
  text_string(out, "};\n\n");
}

static void node_table(const Emitter *e, Text *out) {
  const ProgramInfo *info = &e->program->info;
  if (info->nodes.count == 0) return;
  text_format(out, "static const onnxcc_node_info %s_nodes[] = {\n", e->name);
  for (uint32_t i = 0; i < info->nodes.count; i++) {
    const InfoNode *node = &info->nodes.data[i];
    text_string(out, "  {");
    c_quoted(out, node->name, LONGEST_NAME);
    text_string(out, ", ");
    c_quoted(out, node->op_type, LONGEST_NAME);
    text_string(out, ", ");
    c_quoted(out, node->path, LONGEST_NAME);
    text_format(out, ", %d, INT64_C(%lld)},\n", node->index, (long long)node->macs);
  }
  text_string(out, "};\n\n");
}

/* ---- the struct ---- */

static void reference(const Emitter *e, bool present, const char *name, Text *out) {
  if (present) text_format(out, "%s_%s", e->name, name);
  else text_string(out, "NULL");
}

static void strings(const Emitter *e, Text *out) {
  const ProgramInfo *info = &e->program->info;
  text_format(out, "    ONNXCC_ABI, \"%s\",\n    ", e->name);
  c_quoted(out, info->model_name, LONGEST_NAME);
  text_string(out, ", ");
  c_quoted(out, info->producer, LONGEST_NAME);
  text_string(out, ", ");
  c_quoted(out, info->description, LONGEST_DESCRIPTION);
  text_format(out, ",\n    \"onnxcc %s\", \"%s\", ", e->options->version, model_target_names(&e->model));
  c_quoted(out, e->options->options_text, LONGEST_NAME);
}

void c_info(Emitter *e, Text *out) {
  const ProgramInfo *info = &e->program->info;
  const char        *m = e->macro, *n = e->name;
  uint32_t           given = e->role_count[SYMBOL_GIVEN], returned = e->role_count[SYMBOL_RETURNED];
  text_format(out, "#ifndef %s_NO_INFO\n", m);
  untyped_run(e, out);
  untyped_others(e, out);
  shape_function(e, out);
  tensor_table(e, info->inputs.data, info->inputs.count, e->inputs, "input", out);
  tensor_table(e, info->outputs.data, info->outputs.count, e->outputs, "output", out);
  symbol_table(e, out);
  node_table(e, out);
  text_format(out, "const onnxcc_model_info *%s_info(void) {\n  static const onnxcc_model_info info = {\n", n);
  strings(e, out);
  text_format(out, ",\n    INT64_C(%lld), INT64_C(%lld), UINT64_C(0x%016llx), UINT64_C(0x%016llx),\n", (long long)info->ir_version,
              (long long)info->opset, (unsigned long long)info->model_hash, (unsigned long long)e->weights_hash);
  text_format(out, "    %s_CTX_BYTES, ", m);
  if (model_is_bounded(&e->model)) text_format(out, "%s_WORKSPACE_BYTES", m);
  else text_string(out, "0");
  text_format(out, ", %lldu, %s_STATE_BYTES, %s_WEIGHTS_BYTES, %s_STACK_BYTES, %s_ALIGN, %d,\n", (long long)e->program->fast_bytes, m, m, m, m,
              model_is_bounded(&e->model));
  text_format(out, "    %uu, %uu, %uu, %uu, %uu, %uu,\n    ", info->inputs.count, info->outputs.count, given + returned, given, returned,
              info->nodes.count);
  reference(e, info->inputs.count > 0, "inputs", out);
  text_string(out, ", ");
  reference(e, info->outputs.count > 0, "outputs", out);
  text_string(out, ", ");
  reference(e, given + returned > 0, "symbols", out);
  text_string(out, ", ");
  reference(e, info->nodes.count > 0, "nodes", out);
  text_format(out, ",\n    %s_workspace_untyped, %s_init_untyped, %s_run_untyped, %s_reset_untyped, %s_shape\n  };\n  return &info;\n}\n#endif\n", n,
              n, n, n, n);
}
