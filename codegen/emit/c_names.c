/* Names and types of the emitted C.
 *
 * Everything with file scope begins with the model's prefix, which is the user's. A model's own names become C names only where they already are
 * plain identifiers, unique, and taken by nothing else here; else inputs, outputs and dimensions are numbered. All other strings of the model
 * reach the output through c_quoted() or text_comment(). */
#include "c_emit.h"

#include <string.h>

/* Names that the entry points use for themselves. */
static const char *const own_names[] = {"ctx",    "io",      "dims",     "context", "config", "workspace", "state", "weights", "status", "hooks",
                                        "inputs", "outputs", "run_dims", "shape",   "kind",   "index",     "bytes", "abi",     "info"};

bool c_is_own_name(const char *name) {
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

static bool usable(const Emitter *e, const char *name) {
  if (!name || !is_plain_identifier(name, strlen(name)) || looks_like_macro(name)) return false;
  static const char *const taken[] = {"onnxcc", "dim_", "size_", "found_", "offset_", "input_", "output_"};
  for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
    if (starts_with(name, taken[i])) return false;
  if (starts_with(name, e->name)) return false;
  return !c_is_own_name(name);
}

static const char *upper(const Emitter *e, const char *name) {
  char *copy = arena_string(e->arena, name, strlen(name));
  for (char *c = copy; *c; c++)
    if (*c >= 'a' && *c <= 'z') *c = (char)(*c - 32);
  return copy;
}

/* How many of the names are `name`, without regard to case (macros are capitals). */
static bool same_ignoring_case(const char *a, const char *b) { return strlen(a) == strlen(b) && starts_with(a, b); }

static void mark_dims(const Emitter *e, const Dim *dims, uint32_t rank, bool *present) {
  for (uint32_t axis = 0; axis < rank; axis++) dim_symbols(e->program->dims, dims[axis], present);
}

static void mark_code(const Emitter *e, const Code *code, bool *present) {
  for (uint32_t i = 1; i < code->exprs.count; i++)
    if (code->exprs.data[i].op == LOOP_DIM) dim_symbols(e->program->dims, (Dim)code->exprs.data[i].integer, present);
  for (uint32_t i = 0; i < code->operands.count; i++) mark_dims(e, code->operands.data[i].dims, code->operands.data[i].rank, present);
  for (uint32_t i = 1; i < code->stmts.count; i++)
    if (code->stmts.data[i].kind == STMT_ASSIGN) present[code->stmts.data[i].target] = true;
}

/* Roles: the table of dimensions belongs to the whole module, so it may hold symbols that this program does not have. */
static void find_roles(Emitter *e) {
  const Program *program = e->program;
  uint32_t       count = program->dims->symbols.count;
  bool          *present = arena_array(e->arena, bool, count + 1), *returned = arena_array(e->arena, bool, count + 1);
  e->symbol_roles = arena_array(e->arena, SymbolRole, count + 1);
  for (uint32_t i = 0; i < program->info.inputs.count; i++)
    mark_dims(e, program->info.inputs.data[i].dims, program->info.inputs.data[i].rank, present);
  for (uint32_t i = 0; i < program->info.outputs.count; i++)
    mark_dims(e, program->info.outputs.data[i].dims, program->info.outputs.data[i].rank, returned);
  for (uint32_t i = 0; i < program->buffers.count; i++) mark_dims(e, program->buffers.data[i].dims, program->buffers.data[i].rank, present);
  for (uint32_t i = 0; i < program->kernels.count; i++) mark_code(e, &program->kernels.data[i], present);
  for (uint32_t i = 0; i < program->entries.count; i++) mark_code(e, &program->entries.data[i], present);
  for (uint32_t i = 0; i < count; i++) {
    bool run_time = program->dims->symbols.data[i].kind == SYMBOL_RUN;
    if (returned[i]) e->symbol_roles[i] = run_time ? SYMBOL_RETURNED : SYMBOL_GIVEN;
    else if (present[i]) e->symbol_roles[i] = run_time ? SYMBOL_INTERNAL : SYMBOL_GIVEN;
    e->role_count[e->symbol_roles[i]]++;
  }
}

static void choose_symbols(Emitter *e) {
  const DimTable *dims = e->program->dims;
  uint32_t        number[4] = {0};
  find_roles(e);
  e->symbol_names = arena_array(e->arena, const char *, dims->symbols.count + 1);
  for (uint32_t i = 0; i < dims->symbols.count; i++) {
    const Symbol *symbol = &dims->symbols.data[i];
    SymbolRole    role = e->symbol_roles[i];
    const char   *stem = role == SYMBOL_GIVEN ? "dim" : role == SYMBOL_RETURNED ? "size" : "found";
    e->symbol_names[i] = usable(e, symbol->name) ? symbol->name : arena_format(e->arena, "%s_%u", stem, number[role]);
    number[role]++;
  }
}

static bool name_is_unique(const Emitter *e, const char *name) {
  const ProgramInfo *info = &e->program->info;
  const DimTable    *dims = e->program->dims;
  uint32_t           found = 0;
  for (uint32_t i = 0; i < info->inputs.count; i++) found += same_ignoring_case(info->inputs.data[i].name, name);
  for (uint32_t i = 0; i < info->outputs.count; i++) found += same_ignoring_case(info->outputs.data[i].name, name);
  for (uint32_t i = 0; i < dims->symbols.count; i++) found += same_ignoring_case(e->symbol_names[i], name);
  return found == 1;
}

static FieldName *choose_fields(Emitter *e, const InfoTensor *tensors, uint32_t count, const char *stem) {
  FieldName *fields = arena_array(e->arena, FieldName, count + 1);
  for (uint32_t i = 0; i < count; i++) {
    const char *name = tensors[i].name;
    bool        plain = usable(e, name) && name_is_unique(e, name);
    fields[i].field = plain ? arena_string(e->arena, name, strlen(name)) : arena_format(e->arena, "%s_%u", stem, i);
    fields[i].macro = arena_format(e->arena, "%s_%s", e->macro, upper(e, fields[i].field));
  }
  return fields;
}

void c_names_choose(Emitter *e) {
  e->name = e->options->name;
  e->macro = upper(e, e->name);
  e->index_type = e->target->index_bits == 32 ? "int32_t" : "int64_t";
  choose_symbols(e);
  e->inputs = choose_fields(e, e->program->info.inputs.data, e->program->info.inputs.count, "input");
  e->outputs = choose_fields(e, e->program->info.outputs.data, e->program->info.outputs.count, "output");
}

void c_quoted(Text *text, const char *string, size_t longest) {
  text_char(text, '"');
  for (size_t i = 0; string && string[i]; i++) {
    unsigned char byte = (unsigned char)string[i];
    if (i >= longest) {
      text_string(text, "...");
      break;
    }
    if (byte >= 0x20 && byte < 0x7f && !strchr("\"\\?", byte)) text_char(text, (char)byte);
    else text_format(text, "\\%03o", byte);
  }
  text_char(text, '"');
}

/* ---- types ---- */

typedef struct TypeNames {
  const char *type, *memory, *without_sign, *minimum, *maximum;
  unsigned    bits;
} TypeNames;
static const TypeNames type_names[SCALAR_COUNT] = {
    [SCALAR_I1] = {"bool", "uint8_t", "uint8_t", "0", "1", 1},
    [SCALAR_I8] = {"int8_t", "int8_t", "uint8_t", "INT8_MIN", "INT8_MAX", 8},
    [SCALAR_I16] = {"int16_t", "int16_t", "uint16_t", "INT16_MIN", "INT16_MAX", 16},
    [SCALAR_I32] = {"int32_t", "int32_t", "uint32_t", "INT32_MIN", "INT32_MAX", 32},
    [SCALAR_I64] = {"int64_t", "int64_t", "uint64_t", "INT64_MIN", "INT64_MAX", 64},
    [SCALAR_U8] = {"uint8_t", "uint8_t", "uint8_t", "0", "UINT8_MAX", 8},
    [SCALAR_U16] = {"uint16_t", "uint16_t", "uint16_t", "0", "UINT16_MAX", 16},
    [SCALAR_U32] = {"uint32_t", "uint32_t", "uint32_t", "0", "UINT32_MAX", 32},
    [SCALAR_U64] = {"uint64_t", "uint64_t", "uint64_t", "0", "UINT64_MAX", 64},
    [SCALAR_F16] = {"uint16_t", "uint16_t", "uint16_t", "0", "0", 16},
    [SCALAR_BF16] = {"uint16_t", "uint16_t", "uint16_t", "0", "0", 16},
    [SCALAR_F32] = {"float", "float", "uint32_t", "0", "0", 32},
    [SCALAR_F64] = {"double", "double", "uint64_t", "0", "0", 64},
};

static const TypeNames *names_of(const Emitter *e, Scalar scalar) {
  if (scalar == SCALAR_INDEX) scalar = e->target->index_bits == 32 ? SCALAR_I32 : SCALAR_I64;
  return &type_names[scalar];
}

const char *c_type(const Emitter *e, Scalar scalar) { return names_of(e, scalar)->type; }
/* A buffer of type index holds 64-bit elements on every target, as scalar_bytes() says. */
const char *c_memory_type(const Emitter *e, Scalar scalar) { return scalar == SCALAR_INDEX ? "int64_t" : names_of(e, scalar)->memory; }
const char *c_unsigned_type(const Emitter *e, Scalar scalar) { return names_of(e, scalar)->without_sign; }
const char *c_minimum(const Emitter *e, Scalar scalar) { return names_of(e, scalar)->minimum; }
const char *c_maximum(const Emitter *e, Scalar scalar) { return names_of(e, scalar)->maximum; }
unsigned    c_bits(const Emitter *e, Scalar scalar) { return names_of(e, scalar)->bits; }
const char *c_tag(Scalar scalar) { return scalar_name(scalar); }
