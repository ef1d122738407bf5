/* Kernels and library functions: a comment, a signature, a body.
 *
 * A kernel's C parameters are the symbols its subscripts and bounds use, then pointers to the operands it touches; what a body does not touch is
 * no parameter, and calls leave it out. Which pointers are `restrict` says aliasing.c. */
#include "c_emit.h"

#include <string.h>

enum { SPILL_BYTES = 448 }; /* what compilers keep of the loops of a kernel that they unroll at -O2, however little it declares */

/* ---- bodies ---- */

/* What printing a body may add to the emitter, so that it can be undone. */
typedef struct Additions {
  bool   needed[HELPER_COUNT][SCALAR_COUNT][SCALAR_COUNT];
  bool  *function_printed;
  size_t functions_length;
  bool   needs_unroll;
  VectorNeeds vectors;
} Additions;

static void remember(const Emitter *e, Additions *additions) {
  memcpy(additions->needed, e->needed, sizeof additions->needed);
  additions->function_printed = arena_copy(e->arena, e->function_printed, e->program->functions.count + 1);
  additions->functions_length = e->functions.length;
  additions->needs_unroll = e->needs_unroll;
  additions->vectors = e->vectors;
}

static void undo(Emitter *e, const Additions *additions) {
  memcpy(e->needed, additions->needed, sizeof additions->needed);
  memcpy(e->function_printed, additions->function_printed, e->program->functions.count + 1);
  e->functions.length = additions->functions_length;
  e->needs_unroll = additions->needs_unroll;
  e->vectors.helpers.count = additions->vectors.helpers.count;
  memcpy(e->vectors.types, additions->vectors.types, sizeof e->vectors.types);
}

/* A let that was live but that no printed line reads: a comparison that ranges decided has swallowed it. */
static bool drop_unread(Emitter *e) {
  bool dropped = false;
  for (Stmt s = 1; s < e->now.code->stmts.count; s++) {
    const StmtNode *stmt = stmt_at(e->now.code, s);
    bool            names = stmt->kind == STMT_LET || stmt->kind == STMT_VAR || stmt->kind == STMT_SET;
    if (!names || !e->now.stmt_live[s] || e->now.slot_printed[stmt->slot]) continue;
    e->now.stmt_live[s] = false;
    dropped = true;
  }
  return dropped;
}

void c_body(Emitter *e, Text *out) {
  Additions *before = arena_new(e->arena, Additions);
  remember(e, before);
  for (;;) {
    size_t start = out->length;
    e->now.out = out;
    c_statements(e, e->now.code->body);
    if (!drop_unread(e)) return;
    out->length = start;
    undo(e, before);
    memset(e->now.slot_printed, 0, e->now.code->slots.count);
    memset(e->now.operand_used, 0, e->now.code->operands.count);
    memset(e->now.operand_written, 0, e->now.code->operands.count);
    memset(e->now.code_symbols, 0, e->program->dims->symbols.count);
    e->now.stack = e->now.callee_stack = e->now.inlined_stack = 0;
  }
}

/* ---- comments ---- */

static void comment(const Emitter *e, const Code *code, Text *out) {
  text_string(out, "/*");
  for (uint32_t i = 0; i < code->notes.count; i++) {
    text_string(out, i ? "\n * " : " ");
    text_comment(out, code->notes.data[i], strlen(code->notes.data[i]));
  }
  for (uint32_t i = 0; i < code->operands.count; i++) {
    const OperandInfo *operand = &code->operands.data[i];
    text_format(out, "%s%s: ", i || code->notes.count ? "\n * " : " ", e->now.operand_names[i]);
    header_shape(&e->model, operand->scalar, operand->rank, operand->dims, out);
    text_format(out, " %s%s", access_name(operand->access), operand->strided ? ", strided" : "");
  }
  text_string(out, " */\n");
}

/* ---- functions ---- */

static void function_signature(Emitter *e, const Code *code, Text *out) {
  bool mask = code->lanes > 1 && code->result == SCALAR_I1;
  if (code->lanes > 1) text_format(out, "%s_INLINE ", e->macro);
  else text_string(out, "static inline ");
  text_format(out, "%s %s_%s(", mask ? c_mask_type(e, MASK_BITS, code->lanes) : c_vector_type(e, code->result, code->lanes), e->name, code->name);
  for (uint32_t i = 0; i < code->parameter_count; i++)
    text_format(out, "%s%s %s", i ? ", " : "", c_slot_type(e, 1 + i), e->now.slot_names[1 + i]);
  text_string(out, code->parameter_count ? ") {\n" : "void) {\n");
}

/* gcc and clang warn of parameters that nothing reads. */
static void unread_parameters(Emitter *e, Text *out) {
  for (uint32_t i = 0; i < e->now.code->parameter_count; i++)
    if (!e->now.slot_printed[1 + i]) text_format(out, "  (void)%s;\n", e->now.slot_names[1 + i]);
}

const char *c_function(Emitter *e, uint32_t function) {
  const Code *code = &e->program->functions.data[function];
  const char *name = arena_format(e->arena, "%s_%s", e->name, code->name);
  if (code->symbol) {
    e->needs_math = true;
    return code->symbol;
  }
  if (!e->function_printed[function]) {
    CodeState saved = e->now;
    Text      body, text;
    require(e->context, code->defined);
    e->function_printed[function] = true;
    text_open(&body, e->arena);
    text_open(&text, e->arena);
    text_open(&e->now.line, e->arena);
    c_code_open(e, code);
    c_body(e, &body);
    if (code->notes.count) comment(e, code, &text);
    function_signature(e, code, &text);
    unread_parameters(e, &text);
    text_bytes(&text, body.data, body.length);
    text_string(&text, "}\n\n");
    text_bytes(&e->functions, text.data, text.length);
    for (Slot slot = 1; slot <= code->parameter_count; slot++) e->now.stack += c_stack_slot(e, code->slots.data[slot].scalar, code->lanes);
    e->function_stack[function] = FRAME_BYTES + e->now.stack + e->now.callee_stack;
    e->function_inlined[function] = e->now.inlined_stack + (code->lanes > 1 ? e->now.stack + FRAME_BYTES : 0);
    e->now = saved;
  }
  e->now.inlined_stack += e->function_inlined[function];
  if (e->function_stack[function] > e->now.callee_stack) e->now.callee_stack = e->function_stack[function];
  return name;
}

/* ---- kernels ---- */

/* f32 or f32x16 */
static bool is_type(const Emitter *e, const char *word, size_t length) {
  Scalar scalar;
  size_t digits = 0;
  while (digits < length && word[length - 1 - digits] >= '0' && word[length - 1 - digits] <= '9') digits++;
  bool lanes = digits > 0 && length > digits + 1 && word[length - 1 - digits] == 'x';
  return scalar_from_name(arena_string(e->arena, word, lanes ? length - digits - 1 : length), &scalar);
}

/* Kernels are named apart from the entry points, and from library functions and prelude functions, which end or begin with a type. */
const char *c_kernel_name(const Emitter *e, uint32_t kernel) {
  static const char *const taken[] = {
      "dims", "io",    "config",  "ctx",    "context", "run",     "run_untyped", "init", "reset", "workspace", "workspace_bytes",
      "info", "shape", "weights", "inputs", "outputs", "symbols", "nodes",       "size"};
  const char *name = e->program->kernels.data[kernel].name, *first = strchr(name, '_'), *last = strrchr(name, '_');
  bool        clash = last && is_type(e, last + 1, strlen(last + 1));
  for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
    size_t length = strlen(taken[i]);
    clash |= strncmp(name, taken[i], length) == 0 && (!name[length] || name[length] == '_');
  }
  if (first) clash |= is_type(e, name, (size_t)(first - name));
  return arena_format(e->arena, clash ? "%s_kernel_%s" : "%s_%s", e->name, name);
}

static void pointer_parameter(Emitter *e, bool restricted, uint32_t index, Text *text) {
  const OperandInfo *operand = &e->now.code->operands.data[index];
  text_format(text, "%s%s *%s%s%s", e->now.operand_written[index] ? "" : "const ", c_memory_type(e, operand->scalar),
              restricted ? e->macro : "", restricted ? "_RESTRICT " : "", e->now.operand_names[index]);
  e->needs_restrict |= restricted;
}

static void kernel_signature(Emitter *e, KernelFacts *facts) {
  uint32_t count = 0;
  Text     saved = e->now.line;
  text_open(&e->now.line, e->arena);
  c_print(e, "%s_KERNEL void %s(", e->macro, c_kernel_name(e, (uint32_t)(facts - e->kernels)));
  for (uint32_t i = 0; i < e->program->dims->symbols.count; i++)
    if (facts->symbols[i]) c_print(e, "%s%s %s", count++ ? ", " : "", e->index_type, e->symbol_names[i]);
  for (uint32_t i = 0; i < e->now.code->operands.count; i++) {
    if (!facts->used[i]) continue;
    if (count++) text_string(&e->now.line, ", ");
    pointer_parameter(e, e->calls[facts - e->kernels].restricted[i], i, &e->now.line);
  }
  text_string(&e->now.line, count ? ") {" : "void) {");
  e->now.depth = 0;
  e->now.out = &facts->text;
  c_line_end(e);
  e->now.line = saved;
}

/* Arrays on the stack, and what is known of the alignment of pointers. */
static void declarations(Emitter *e, KernelFacts *facts) {
  for (uint32_t i = 0; i < e->now.code->operands.count; i++) {
    const OperandInfo *operand = &e->now.code->operands.data[i];
    bool               touched = e->now.operand_used[i];
    if (operand->access != ACCESS_LOCAL || !touched) continue;
    int64_t  count = dim_value(e->program->dims, dim_product(e->program->dims, operand->dims, operand->rank));
    unsigned align = operand->align > scalar_bytes(operand->scalar) ? operand->align : 0;
    text_string(&facts->text, "  ");
    if (align) text_format(&facts->text, "ONNXCC_ALIGNED(%u) ", align);
    text_format(&facts->text, "%s %s[%lld];\n", c_memory_type(e, operand->scalar), e->now.operand_names[i], (long long)(count > 0 ? count : 1));
    e->now.stack += (unsigned)count * scalar_bytes(operand->scalar) + align;
  }
}

static void alignments(Emitter *e, KernelFacts *facts) {
  for (uint32_t i = 0; i < e->now.code->operands.count; i++) {
    const OperandInfo *operand = &e->now.code->operands.data[i];
    if (!facts->used[i] || operand->align <= scalar_bytes(operand->scalar)) continue;
    text_format(&facts->text, "  %s = (%s%s *)%s_ALIGNED(%s, %u);\n", e->now.operand_names[i], e->now.operand_written[i] ? "" : "const ",
                c_memory_type(e, operand->scalar), e->macro, e->now.operand_names[i], operand->align);
    e->needs_aligned = true;
  }
}

static void kernel(Emitter *e, uint32_t index) {
  KernelFacts *facts = &e->kernels[index];
  const Code  *code = &e->program->kernels.data[index];
  Text         body;
  text_open(&body, e->arena);
  text_open(&facts->text, e->arena);
  text_open(&e->now.line, e->arena);
  c_code_open(e, code);
  c_body(e, &body);
  facts->symbols = e->now.code_symbols;
  facts->used = arena_array(e->arena, bool, code->operands.count + 1);
  for (uint32_t i = 0; i < code->operands.count; i++) facts->used[i] = e->now.operand_used[i] && code->operands.data[i].access != ACCESS_LOCAL;
  comment(e, code, &facts->text);
  kernel_signature(e, facts);
  declarations(e, facts);
  alignments(e, facts);
  text_bytes(&facts->text, body.data, body.length);
  text_string(&facts->text, "}\n\n");
  for (uint32_t i = 0; i < code->operands.count; i++) e->now.stack += facts->used[i] ? c_stack_slot(e, SCALAR_INDEX, 1) : 0;
  if (e->now.inlined_stack > e->inlined_stack) e->inlined_stack = e->now.inlined_stack;
  unsigned declared = e->now.stack + e->now.callee_stack;
  facts->stack = FRAME_BYTES + (declared > SPILL_BYTES ? declared : SPILL_BYTES);
}

void c_kernels_open(Emitter *e) {
  e->kernels = arena_array(e->arena, KernelFacts, e->program->kernels.count + 1);
  e->function_printed = arena_array(e->arena, bool, e->program->functions.count + 1);
  e->function_stack = arena_array(e->arena, unsigned, e->program->functions.count + 1);
  e->function_inlined = arena_array(e->arena, unsigned, e->program->functions.count + 1);
  e->calls = aliasing_of_kernels(&e->model);
}

void c_kernels(Emitter *e) {
  text_open(&e->functions, e->arena);
  for (uint32_t i = 0; i < e->program->kernels.count; i++)
    if (e->calls[i].called && e->program->kernels.data[i].variant == e->variant) kernel(e, i);
}
