/* Names and figures of the interface.
 *
 * Everything with file scope begins with the model's prefix, which is the user's. A model's own names become C names only where they already are
 * plain identifiers, unique, and taken by nothing else here; else inputs, outputs and dimensions are numbered. */
#include "codegen/emit/model.h"

#include <string.h>

/* ---- names ---- */

/* Names that the entry points use for themselves. */
static const char *const own_names[] = {"ctx",    "io",      "dims",   "context", "config",   "workspace", "fast", "state", "weights", "status",
                                        "hooks",  "inputs",  "outputs", "run_dims", "shape",  "kind",      "index", "bytes", "abi",    "info"};

bool model_is_own_name(const char *name) {
  for (size_t i = 0; i < sizeof own_names / sizeof *own_names; i++)
    if (strcmp(name, own_names[i]) == 0) return true;
  return false;
}

static bool starts_with(const char *name, const char *prefix) {
  for (; *prefix; name++, prefix++) {
    char a = *name >= 'A' && *name <= 'Z' ? (char)(*name + 32) : *name, b = *prefix >= 'A' && *prefix <= 'Z' ? (char)(*prefix + 32) : *prefix;
    if (a != b) return false;
  }
  return true;
}

/* Capitals with an underscore are how macros look: INT_MAX, UINT8_MAX. */
static bool looks_like_macro(const char *name) {
  bool underscore = false;
  for (; *name; name++) {
    if (*name >= 'a' && *name <= 'z') return false;
    underscore |= *name == '_';
  }
  return underscore;
}

static bool usable(const Model *model, const char *name) {
  if (!name || !is_plain_identifier(name, strlen(name)) || looks_like_macro(name)) return false;
  static const char *const taken[] = {"onnxcc", "dim_", "size_", "found_", "offset_", "input_", "output_"};
  for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
    if (starts_with(name, taken[i])) return false;
  if (starts_with(name, model->name)) return false;
  return !model_is_own_name(name);
}

static const char *upper(const Model *model, const char *name) {
  char *copy = arena_string(model->arena, name, strlen(name));
  for (char *c = copy; *c; c++)
    if (*c >= 'a' && *c <= 'z') *c = (char)(*c - 32);
  return copy;
}

/* How many of the names are `name`, without regard to case (macros are capitals). */
static bool same_ignoring_case(const char *a, const char *b) { return strlen(a) == strlen(b) && starts_with(a, b); }

static void mark_dims(const Model *model, const Dim *dims, uint32_t rank, bool *present) {
  for (uint32_t axis = 0; axis < rank; axis++) dim_symbols(model->program->dims, dims[axis], present);
}

static void mark_code(const Model *model, const Code *code, bool *present) {
  for (uint32_t i = 1; i < code->exprs.count; i++)
    if (code->exprs.data[i].op == LOOP_DIM) dim_symbols(model->program->dims, (Dim)code->exprs.data[i].integer, present);
  for (uint32_t i = 0; i < code->operands.count; i++) mark_dims(model, code->operands.data[i].dims, code->operands.data[i].rank, present);
  for (uint32_t i = 1; i < code->stmts.count; i++)
    if (code->stmts.data[i].kind == STMT_ASSIGN) present[code->stmts.data[i].target] = true;
}

/* Roles: the table of dimensions belongs to the whole module, so it may hold symbols that this program does not have. */
static void find_roles(Model *model) {
  const Program *program = model->program;
  uint32_t       count = program->dims->symbols.count;
  bool          *present = arena_array(model->arena, bool, count + 1), *returned = arena_array(model->arena, bool, count + 1);
  model->symbol_roles = arena_array(model->arena, SymbolRole, count + 1);
  for (uint32_t i = 0; i < program->info.inputs.count; i++)
    mark_dims(model, program->info.inputs.data[i].dims, program->info.inputs.data[i].rank, present);
  for (uint32_t i = 0; i < program->info.outputs.count; i++)
    mark_dims(model, program->info.outputs.data[i].dims, program->info.outputs.data[i].rank, returned);
  for (uint32_t i = 0; i < program->buffers.count; i++) mark_dims(model, program->buffers.data[i].dims, program->buffers.data[i].rank, present);
  for (uint32_t i = 0; i < program->kernels.count; i++) mark_code(model, &program->kernels.data[i], present);
  for (uint32_t i = 0; i < program->entries.count; i++) mark_code(model, &program->entries.data[i], present);
  for (uint32_t i = 0; i < count; i++) {
    bool run_time = program->dims->symbols.data[i].kind == SYMBOL_RUN;
    if (returned[i]) model->symbol_roles[i] = run_time ? SYMBOL_RETURNED : SYMBOL_GIVEN;
    else if (present[i]) model->symbol_roles[i] = run_time ? SYMBOL_INTERNAL : SYMBOL_GIVEN;
    model->role_count[model->symbol_roles[i]]++;
  }
}

static void choose_symbols(Model *model) {
  const DimTable *dims = model->program->dims;
  uint32_t        number[4] = {0};
  find_roles(model);
  model->symbol_names = arena_array(model->arena, const char *, dims->symbols.count + 1);
  for (uint32_t i = 0; i < dims->symbols.count; i++) {
    const Symbol *symbol = &dims->symbols.data[i];
    SymbolRole    role = model->symbol_roles[i];
    const char   *stem = role == SYMBOL_GIVEN ? "dim" : role == SYMBOL_RETURNED ? "size" : "found";
    model->symbol_names[i] = usable(model, symbol->name) ? symbol->name : arena_format(model->arena, "%s_%u", stem, number[role]);
    number[role]++;
  }
}

static bool name_is_unique(const Model *model, const char *name) {
  const ProgramInfo *info = &model->program->info;
  const DimTable    *dims = model->program->dims;
  uint32_t           found = 0;
  for (uint32_t i = 0; i < info->inputs.count; i++) found += same_ignoring_case(info->inputs.data[i].name, name);
  for (uint32_t i = 0; i < info->outputs.count; i++) found += same_ignoring_case(info->outputs.data[i].name, name);
  for (uint32_t i = 0; i < dims->symbols.count; i++) found += same_ignoring_case(model->symbol_names[i], name);
  return found == 1;
}

static FieldName *choose_fields(Model *model, const InfoTensor *tensors, uint32_t count, const char *stem) {
  FieldName *fields = arena_array(model->arena, FieldName, count + 1);
  for (uint32_t i = 0; i < count; i++) {
    const char *name = tensors[i].name;
    bool        plain = usable(model, name) && name_is_unique(model, name);
    fields[i].field = plain ? arena_string(model->arena, name, strlen(name)) : arena_format(model->arena, "%s_%u", stem, i);
    fields[i].macro = arena_format(model->arena, "%s_%s", model->macro, upper(model, fields[i].field));
  }
  return fields;
}

static void choose_names(Model *model) {
  model->name = model->options->name;
  model->macro = upper(model, model->name);
  choose_symbols(model);
  model->inputs = choose_fields(model, model->program->info.inputs.data, model->program->info.inputs.count, "input");
  model->outputs = choose_fields(model, model->program->info.outputs.data, model->program->info.outputs.count, "output");
}

/* The prefix and the file's name are the user's, but a file's name may be anybody's: it stands in an #include and an .incbin. */
static void check_names(Context *context, const EmitOptions *options) {
  size_t length = strlen(options->name);
  bool   ours = strncmp(options->name, "onnxcc", 6) == 0 || strncmp(options->name, "ONNXCC", 6) == 0;
  if (ours || !is_plain_identifier(options->name, length))
    usage_error(context, CODE_OUTPUT_NAME, "give another with --name=NAME: a C identifier that does not begin with onnxcc",
                "\"%s\" can't be the model's C name", options->name);
  for (const char *c = options->file_name; *c; c++)
    if (*c < 0x20 || *c > 0x7e || strchr("\"\\?*/'", *c))
      usage_error(context, CODE_OUTPUT_NAME, "give another with -o", "the output's name has a character that can't stand in an #include");
}

void model_open(Model *model, const Program *program, const EmitOptions *options, Arena *arena) {
  *model = (Model){.context = program->context, .arena = arena, .program = program, .options = options, .target = options->target};
  require(model->context, program->legal && program->entries.count >= 1);
  for (uint32_t i = 1; i < program->entries.count; i++)
    if (program->entries.data[i].body && program->entries.data[i].variant != i)
      bug(model->context, "entry %s: only run is printed", program->entries.data[i].name);
  check_names(model->context, options);
  choose_names(model);
  weights_pack(model);
}

const char *model_target_names(const Model *model) {
  const EmitOptions *options = model->options;
  Text               text;
  text_open(&text, model->arena);
  if (!options->members) text_string(&text, options->target->name);
  for (uint32_t i = 0; i < model->program->variants.count; i++)
    text_format(&text, "%s%s", i ? "," : "", options->members[i]->name);
  return text_finish(&text);
}

/* ---- figures ---- */

bool model_is_bounded(const Model *model) { return dim_hi(model->program->dims, model->program->workspace_bytes) != DIM_OPEN; }

int64_t model_workspace_bound(const Model *model) {
  if (model->program->workspace_bytes == DIM_UNKNOWN) return 0;
  int64_t bytes = dim_hi(model->program->dims, model->program->workspace_bytes);
  return bytes == DIM_OPEN ? bytes : bytes - model->program->fast_bytes;
}

bool model_is_fast(const Model *model, const Buffer *buffer) {
  int64_t offset;
  return model->program->fast_bytes > 0 && dim_is_constant(model->program->dims, buffer->offset, &offset) && offset < model->program->fast_bytes;
}

Dim model_workspace_offset(const Model *model, const Buffer *buffer) {
  DimTable *dims = model->program->dims;
  return model->program->fast_bytes == 0 ? buffer->offset : dim_sub(dims, buffer->offset, dim_constant(dims, model->program->fast_bytes));
}

int64_t model_state_bytes(const Model *model) {
  if (model->program->state_bytes == DIM_UNKNOWN) return 0;
  int64_t bytes = dim_hi(model->program->dims, model->program->state_bytes);
  require(model->context, bytes != DIM_OPEN); /* what survives a run has one size */
  return bytes;
}

/* Tells this model's contexts from another's. */
uint32_t model_magic(const Model *model) {
  uint64_t hash = model->program->info.model_hash ^ model->weights_hash ^ UINT64_C(0xcbf29ce484222325);
  for (const char *c = model->name; *c; c++) hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
  return (uint32_t)(hash >> 32) | 1u;
}

bool model_is_empty(const Model *model, const InfoTensor *tensor) {
  for (uint32_t axis = 0; axis < tensor->rank; axis++)
    if (dim_lo(model->program->dims, tensor->dims[axis]) <= 0) return true;
  return false;
}

bool model_find_axis(const Model *model, uint32_t symbol, uint32_t *input, uint32_t *axis) {
  const ProgramInfo *info = &model->program->info;
  for (*input = 0; *input < info->inputs.count; ++*input)
    for (*axis = 0; *axis < info->inputs.data[*input].rank; ++*axis) {
      const DimNode *node = &model->program->dims->nodes.data[info->inputs.data[*input].dims[*axis]];
      if (node->op == DIM_OP_SYMBOL && node->value == symbol) return true;
    }
  return false;
}

unsigned model_stack_bytes(unsigned of_run) { return (of_run + STACK_ALLOWANCE + 63u) / 64u * 64u; }

Dim model_buffer_bytes(const Model *model, const Buffer *buffer) {
  DimTable *dims = model->program->dims;
  return dim_mul(dims, dim_constant(dims, scalar_bytes(buffer->scalar)), dim_product(dims, buffer->dims, buffer->rank));
}
