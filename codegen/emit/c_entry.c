/* The entry `run`: checks of the arguments, then the calls in order, as straight code.
 *
 * Buffers are addressed by what `place` said: an offset into the workspace, the state or the weights, or a member of the io struct. Symbols given
 * by the caller are read and checked first; those found at run time are assigned and checked where the program says. */
#include "c_emit.h"

#include <string.h>

/* ---- addresses ---- */

static const FieldName *field_of(const Emitter *e, const Buffer *buffer) {
  return &(buffer->storage == STORAGE_INPUT ? e->inputs : e->outputs)[buffer->index];
}

static uint32_t offset_number(Emitter *e, Dim offset) {
  for (uint32_t i = 0; i < e->offsets.count; i++)
    if (e->offsets.data[i] == offset) return i;
  vector_push(e->arena, &e->offsets, offset);
  return e->offsets.count - 1;
}

/* The name of the memory that a buffer lies in, and where there. */
static const char *region_of(Emitter *e, const Buffer *buffer, Dim *offset) {
  *offset = buffer->storage == STORAGE_WEIGHT ? buffer->weight_offset : buffer->offset;
  require(e->context, *offset != DIM_UNKNOWN);
  if (buffer->storage == STORAGE_WEIGHT) return e->uses_weights = true, "weights";
  if (buffer->storage == STORAGE_STATE) return e->uses_state = true, "state";
  if (model_is_fast(&e->model, buffer)) return e->uses_fast = true, "fast";
  *offset = model_workspace_offset(&e->model, buffer);
  return e->uses_workspace = true, "workspace";
}

/* (float *)(void *)(workspace + 4096) */
static void region_address(Emitter *e, const Buffer *buffer, bool written, Level level) {
  Dim         offset;
  const char *region = region_of(e, buffer, &offset);
  int64_t     value;
  if (LEVEL_UNARY < level) text_char(&e->now.line, '(');
  c_print(e, "(%s%s *)(%svoid *)(%s + ", written ? "" : "const ", c_memory_type(e, buffer->scalar), written ? "" : "const ", region);
  if (dim_is_constant(e->program->dims, offset, &value)) c_print(e, "%lld", (long long)value);
  else c_print(e, "offset_%u", offset_number(e, offset));
  text_char(&e->now.line, ')');
  if (LEVEL_UNARY < level) text_char(&e->now.line, ')');
}

void c_buffer_address(Emitter *e, uint32_t index, bool written, Expr offset, Level level) {
  const Buffer *buffer = &e->program->buffers.data[index];
  bool          add = offset != 0 && !(expr_at(e->now.code, offset)->op == LOOP_CONSTANT && expr_at(e->now.code, offset)->integer == 0);
  if (add && LEVEL_SUM < level) text_char(&e->now.line, '(');
  if (buffer->storage == STORAGE_INPUT || buffer->storage == STORAGE_OUTPUT) c_print(e, "io->%s", field_of(e, buffer)->field);
  else region_address(e, buffer, written, add ? LEVEL_SUM : level);
  if (add) {
    text_string(&e->now.line, " + ");
    c_expression(e, offset, LEVEL_PRODUCT);
  }
  if (add && LEVEL_SUM < level) text_char(&e->now.line, ')');
}

void c_entry_element(Emitter *e, uint32_t index, bool written, uint32_t list, uint32_t list_count) {
  const Buffer *buffer = &e->program->buffers.data[index];
  OperandInfo   operand = {.name = buffer->name, .scalar = buffer->scalar, .rank = buffer->rank};
  memcpy(operand.dims, buffer->dims, sizeof operand.dims);
  c_buffer_address(e, index, written, 0, LEVEL_PRIMARY);
  c_element(e, &operand, "", list, list_count);
}

/* ---- statements of entries ---- */

void c_entry_call(Emitter *e, const StmtNode *stmt) {
  const Code        *kernel = &e->program->kernels.data[stmt->target];
  const KernelFacts *facts = &e->kernels[stmt->target];
  uint32_t           argument = stmt->list, count = 0;
  if (stmt->slot) c_print(e, "%s_NODE(%u, ", e->macro, stmt->slot - 1);
  c_print(e, "%s(", c_kernel_name(e, stmt->target));
  for (uint32_t i = 0; i < e->program->dims->symbols.count; i++) {
    if (!facts->symbols[i]) continue;
    c_print(e, "%s%s", count++ ? ", " : "", e->symbol_names[i]);
    e->now.code_symbols[i] = true;
  }
  for (uint32_t i = 0; i < kernel->operands.count; i++) {
    if (kernel->operands.data[i].access == ACCESS_LOCAL) continue;
    CallArgument given = e->now.code->call_arguments.data[argument++];
    if (!facts->used[i]) continue;
    if (count++) text_string(&e->now.line, ", ");
    c_buffer_address(e, given.buffer, kernel->operands.data[i].access != ACCESS_IN, given.offset, LEVEL_CHOICE);
  }
  text_string(&e->now.line, stmt->slot ? "));" : ");");
  if (facts->stack > e->now.callee_stack) e->now.callee_stack = facts->stack;
  e->calls_nodes |= stmt->slot != 0;
  c_line_end(e);
}

void c_entry_copy(Emitter *e, const StmtNode *stmt) {
  const Buffer *from = &e->program->buffers.data[stmt->list];
  c_print(e, "%s_MOVE(", e->macro);
  c_buffer_address(e, stmt->target, true, 0, LEVEL_CHOICE);
  text_string(&e->now.line, ", ");
  c_buffer_address(e, stmt->list, false, 0, LEVEL_CHOICE);
  text_string(&e->now.line, ", (size_t)(");
  c_dim(e, model_buffer_bytes(&e->model, from), DIM_FORM_INDEX, LEVEL_ANY);
  text_string(&e->now.line, "));");
  e->needs_move = true;
  c_line_end(e);
}

void c_entry_assign(Emitter *e, const StmtNode *stmt) {
  const Symbol *symbol = &e->program->dims->symbols.data[stmt->target];
  const char   *name = e->symbol_names[stmt->target];
  e->now.code_symbols[stmt->target] = true;
  c_print(e, "%s = ", name);
  c_expression(e, stmt->a, LEVEL_ANY);
  text_char(&e->now.line, ';');
  c_line_end(e);
  bool low = symbol->lo > INT64_MIN, high = symbol->hi != DIM_OPEN;
  if (!low && !high) return;
  text_string(&e->now.line, "if (");
  if (low) {
    c_print(e, "%s < ", name);
    c_literal(e, SCALAR_INDEX, symbol->lo, 0, LEVEL_SHIFT);
  }
  if (low && high) text_string(&e->now.line, " || ");
  if (high) {
    c_print(e, "%s > ", name);
    c_literal(e, SCALAR_INDEX, symbol->hi, 0, LEVEL_SHIFT);
  }
  text_string(&e->now.line, ") return ONNXCC_ERROR_SHAPE;");
  c_line_end(e);
}

/* ---- run ---- */

static void check_pointers(const Emitter *e, Text *out) {
  const ProgramInfo *info = &e->program->info;
  for (uint32_t i = 0; i < info->inputs.count + info->outputs.count; i++) {
    const char *field = i < info->inputs.count ? e->inputs[i].field : e->outputs[i - info->inputs.count].field;
    if (!model_is_empty(&e->model, i < info->inputs.count ? &info->inputs.data[i] : &info->outputs.data[i - info->inputs.count]))
      text_format(out, "  if (!io->%s) return ONNXCC_ERROR_ARGUMENT;\n", field);
  }
}

static void check_workspace(const Emitter *e, Text *out) {
  if (e->role_count[SYMBOL_GIVEN] == 0) return;
  text_format(out, "  const size_t bytes = %s_workspace_bytes(&io->dims);\n", e->name);
  text_string(out, "  if (bytes == 0) return ONNXCC_ERROR_SHAPE;\n");
  text_string(out, "  if (bytes > context->workspace_bytes) return ONNXCC_ERROR_WORKSPACE;\n");
}

/* Symbols as variables of the index type; workspace_bytes() has checked their ranges. */
static void read_symbols(const Emitter *e, Text *out) {
  for (uint32_t i = 0; i < e->program->dims->symbols.count; i++) {
    const char *name = e->symbol_names[i];
    if (e->symbol_roles[i] == SYMBOL_GIVEN && e->now.code_symbols[i]) {
      text_format(out, "  const %s %s = ", e->index_type, name);
      text_format(out, e->target->index_bits == 32 ? "(int32_t)io->dims.%s;\n" : "io->dims.%s;\n", name);
    }
    if (e->symbol_roles[i] == SYMBOL_RETURNED) text_format(out, "  %s %s = 0;\n", e->index_type, name);
    if (e->symbol_roles[i] == SYMBOL_INTERNAL && e->now.code_symbols[i]) text_format(out, "  %s %s = 0;\n  (void)%s;\n", e->index_type, name, name);
  }
}

/* Where buffers begin, in bytes, if dimensions decide it; workspace_bytes() has shown that nothing overflows. */
static void print_offsets(Emitter *e, Text *out) {
  e->now.out = out;
  e->now.depth = 1;
  for (uint32_t i = 0; i < e->offsets.count; i++) {
    c_print(e, "const %s offset_%u = ", e->index_type, i);
    c_dim(e, e->offsets.data[i], DIM_FORM_INDEX, LEVEL_ANY);
    text_char(&e->now.line, ';');
    c_line_end(e);
  }
}

static void return_sizes(const Emitter *e, Text *out) {
  for (uint32_t i = 0; i < e->program->dims->symbols.count; i++)
    if (e->symbol_roles[i] == SYMBOL_RETURNED) text_format(out, "  io->%s = %s;\n", e->symbol_names[i], e->symbol_names[i]);
}

/* With -DNAME_PROFILE each call is framed by the hooks; without, there is no trace of them. */
void c_node_macro(const Emitter *e, Text *out) {
  if (!e->calls_nodes) return;
  text_format(out, "#ifdef %s_PROFILE\n#define %s_NODE(index, call) do { \\\n", e->macro, e->macro);
  text_string(out, "    if (context->hooks && context->hooks->node_begin) context->hooks->node_begin(context->hooks->self, index); \\\n");
  text_string(out, "    call; \\\n");
  text_string(out, "    if (context->hooks && context->hooks->node_end) context->hooks->node_end(context->hooks->self, index); \\\n");
  text_format(out, "  } while (0)\n#else\n#define %s_NODE(index, call) call\n#endif\n\n", e->macro);
}

/* NAME_run itself, or the part of it that is a variant's: then the context has been checked. */
static void run_signature(const Emitter *e, Text *out) {
  if (e->program->variants.count) {
    const char *label = e->program->variants.data[e->variant];
    text_format(out, "static int32_t %s_run_%s(const struct %s_context *context, %s_io *io) {\n", e->name, label, e->name, e->name);
    text_string(out, "  (void)context;\n  (void)io;\n");
    return;
  }
  text_format(out, "int32_t %s_run(%s_ctx *ctx, %s_io *io) {\n", e->name, e->name, e->name);
  text_format(out, "  const struct %s_context *const context = (const struct %s_context *)(const void *)ctx;\n", e->name, e->name);
  text_format(out, "  if (!ctx || !io || context->magic != %s_MAGIC) return ONNXCC_ERROR_ARGUMENT;\n", e->macro);
}

void c_entry_run(Emitter *e, Text *out) {
  const Code *entry = &e->program->entries.data[e->variant];
  Text        body, offsets;
  text_open(&body, e->arena);
  text_open(&e->now.line, e->arena);
  e->uses_workspace = e->uses_fast = e->uses_state = e->uses_weights = false;
  e->offsets.count = 0;
  c_code_open(e, entry);
  c_body(e, &body);
  run_signature(e, out);
  check_pointers(e, out);
  check_workspace(e, out);
  if (e->uses_workspace) text_string(out, "  unsigned char *const workspace = context->workspace;\n");
  if (e->uses_fast) text_string(out, "  unsigned char *const fast = context->fast;\n");
  if (e->uses_state) text_string(out, "  unsigned char *const state = context->state;\n");
  if (e->uses_weights) text_string(out, "  const unsigned char *const weights = context->weights;\n");
  text_open(&offsets, e->arena);
  print_offsets(e, &offsets); /* marks the symbols it reads */
  read_symbols(e, out);
  text_bytes(out, offsets.data, offsets.length);
  text_bytes(out, body.data, body.length);
  return_sizes(e, out);
  text_string(out, "  return ONNXCC_OK;\n}\n\n");
  e->stack_bytes = model_stack_bytes(e->now.stack + e->now.callee_stack);
}
