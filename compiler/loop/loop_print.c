/* The loop IR as text; the grammar is in compiler/ir.md. What is printed here loop_parse.c reads back to a program that prints the same.
 *
 * A literal has the type its context wants; where there is none (an operand of a cast, both sides of a comparison) the type is written: `1:i32`. */
#include "loop.h"

#include <string.h>

enum { DATA_PRINTED = 64 }; /* weights of more elements are a hash */

typedef struct Printer {
  const Program *program;
  const Code *code;
  const char **names;      /* of slots */
  Text *text;
} Printer;

/* ---- expressions ---- */

enum { LEVEL_LOWEST, LEVEL_BITS, LEVEL_COMPARE, LEVEL_SHIFT, LEVEL_SUM, LEVEL_PRODUCT, LEVEL_PRIMARY };

/* How tightly an operation binds; what is no infix operation is primary. */
static int binding_level(LoopOp op) {
  switch (op) {
  case LOOP_MUL: case LOOP_DIV: case LOOP_REM: return LEVEL_PRODUCT;
  case LOOP_ADD: case LOOP_SUB: return LEVEL_SUM;
  case LOOP_SHL: case LOOP_SHR: return LEVEL_SHIFT;
  case LOOP_AND: case LOOP_OR: case LOOP_XOR: return LEVEL_BITS;
  default: return loop_op_is_comparison(op) ? LEVEL_COMPARE : LEVEL_PRIMARY;
  }
}

static void print_expr(Printer *printer, Expr expr, bool typed);

static bool is_constant(const Printer *printer, Expr expr) { return expr_at(printer->code, expr)->op == LOOP_CONSTANT; }

static void print_constant(Printer *printer, const ExprNode *node, bool typed) {
  Scalar scalar = (Scalar)node->scalar;
  if (scalar == SCALAR_I1) {
    text_string(printer->text, node->integer ? "true" : "false");
    return;
  }
  if (scalar == SCALAR_F32) text_f32(printer->text, (float)node->number);
  else if (scalar_is_float(scalar)) text_f64(printer->text, node->number);
  else text_format(printer->text, "%lld", (long long)node->integer);
  if (!typed) text_format(printer->text, ":%s", scalar_name(scalar));
}

static void print_dim(Printer *printer, Dim dim) {
  Text name;
  text_open(&name, printer->text->arena);
  dim_print(printer->program->dims, dim, &name);
  if (!is_plain_identifier(text_finish(&name), name.length)) {
    text_string(printer->text, "dim(");
    text_bytes(printer->text, name.data, name.length);
    text_char(printer->text, ')');
  } else {
    text_bytes(printer->text, name.data, name.length);
  }
}

/* What does not exist is printed as `?`: the verifier's messages print broken code. */
static void print_list(Printer *printer, char open, uint32_t first, uint32_t count, char close) { /* close 0: more follows */
  text_char(printer->text, open);
  if ((uint64_t)first + count > printer->code->lists.count) {
    text_char(printer->text, '?');
    count = 0;
  }
  for (uint32_t i = 0; i < count; i++) {
    if (i) text_string(printer->text, ", ");
    print_expr(printer, printer->code->lists.data[first + i], true);
  }
  if (close) text_char(printer->text, close);
}

static void print_type_name(Text *text, Scalar scalar, uint16_t lanes) {
  text_string(text, scalar_name(scalar));
  if (lanes != 1) text_format(text, "x%u", lanes);
}

/* [i, j], [i, j .. 16] along the last dimension, [i, v] with a vector index; `of n`: with n active lanes */
static void print_access(Printer *printer, Operand operand, uint32_t first, uint32_t count, uint16_t lanes) {
  const Code *code = printer->code;
  uint32_t operands = code->kind == CODE_ENTRY ? printer->program->buffers.count : code->operands.count;
  bool known = operand < operands && (uint64_t)first + count <= code->lists.count;
  uint32_t rank = known ? access_rank(printer->program, code, operand) : count;
  if (!known || count < rank) {
    print_list(printer, '[', first, count, ']');
    return;
  }
  print_list(printer, '[', first, rank, 0);
  if (lanes > 1 && access_is_contiguous(code, first, rank)) text_format(printer->text, " .. %u", lanes);
  if (count > rank) {
    text_string(printer->text, " of ");
    print_expr(printer, code->lists.data[first + rank], true);
  }
  text_char(printer->text, ']');
}

static const char *operand_name(const Printer *printer, Operand operand) {
  const Code *code = printer->code;
  if (code->kind == CODE_ENTRY) return operand < printer->program->buffers.count ? printer->program->buffers.data[operand].name : "?";
  return operand < code->operands.count ? code->operands.data[operand].name : "?";
}

static const char *name_in(uint32_t index, uint32_t count, const Code *codes) { return index < count ? codes[index].name : "?"; }

static const char *slot_name(const Printer *printer, Slot slot) {
  return slot && slot < printer->code->slots.count ? printer->names[slot] : "?";
}

/* Left operands may be of the same level (a - b - c); mixed bit operations and chains of comparisons get parentheses. */
static void print_side(Printer *printer, LoopOp op, Expr side, bool is_left, bool typed) {
  LoopOp inner = (LoopOp)expr_at(printer->code, side)->op;
  int level = binding_level(op), inner_level = binding_level(inner);
  bool chains = is_left && inner_level == level && (level >= LEVEL_SUM || inner == op) && !loop_op_is_comparison(op);
  bool bare = inner_level > level || chains;
  if (!bare) text_char(printer->text, '(');
  print_expr(printer, side, typed);
  if (!bare) text_char(printer->text, ')');
}

static void print_infix(Printer *printer, const ExprNode *node) {
  bool constants = is_constant(printer, node->operand[0]) && is_constant(printer, node->operand[1]);
  print_side(printer, (LoopOp)node->op, node->operand[0], true, !constants);
  text_format(printer->text, " %s ", loop_op_text((LoopOp)node->op));
  print_side(printer, (LoopOp)node->op, node->operand[1], false, true);
}

/* op(a, b, c): the types of constants follow from an operand that is none; the condition of a select has its own. */
static void print_application(Printer *printer, const ExprNode *node) {
  unsigned count = loop_op_operands((LoopOp)node->op), first = node->op == LOOP_SELECT ? 1 : 0;
  bool own_type = node->op >= LOOP_CAST;
  bool constants = node->op != LOOP_BROADCAST;
  for (unsigned i = first; i < count; i++) constants = constants && is_constant(printer, node->operand[i]);
  text_format(printer->text, "%s(", loop_op_text((LoopOp)node->op));
  if (own_type) {
    print_type_name(printer->text, (Scalar)node->scalar, node->lanes);
    text_string(printer->text, ", ");
  }
  for (unsigned i = 0; i < count; i++) {
    if (i) text_string(printer->text, ", ");
    print_expr(printer, node->operand[i], !constants || i > first);
  }
  if (node->op == LOOP_EXTRACT) text_format(printer->text, ", %u", node->operand[1]);
  text_char(printer->text, ')');
}

/* typed: the context says the type of a literal. */
static void print_expr(Printer *printer, Expr expr, bool typed) {
  if (expr == 0 || expr >= printer->code->exprs.count) {
    text_char(printer->text, '?');
    return;
  }
  const ExprNode *node = expr_at(printer->code, expr);
  switch ((LoopOp)node->op) {
  case LOOP_CONSTANT: print_constant(printer, node, typed); return;
  case LOOP_DIM:      print_dim(printer, (Dim)node->integer); return;
  case LOOP_SLOT:     text_string(printer->text, slot_name(printer, node->operand[0])); return;
  case LOOP_LANES:
    text_string(printer->text, "lanes(");
    print_type_name(printer->text, (Scalar)node->scalar, node->lanes);
    text_char(printer->text, ')');
    return;
  case LOOP_LOAD:
    text_string(printer->text, operand_name(printer, node->operand[0]));
    print_access(printer, node->operand[0], node->operand[1], node->operand[2], node->lanes);
    return;
  case LOOP_CALL:
    text_string(printer->text, name_in(node->operand[0], printer->program->functions.count, printer->program->functions.data));
    print_list(printer, '(', node->operand[1], node->operand[2], ')');
    return;
  default:
    if (binding_level((LoopOp)node->op) < LEVEL_PRIMARY) print_infix(printer, node);
    else print_application(printer, node);
  }
}

/* ---- statements ---- */

static void print_statements(Printer *printer, Stmt stmt, int levels);

static void print_for(Printer *printer, const StmtNode *node) {
  text_format(printer->text, "for %s in ", slot_name(printer, node->slot));
  print_expr(printer, node->a, true);
  text_string(printer->text, "..");
  print_expr(printer, node->b, true);
  const ExprNode *step = expr_at(printer->code, node->c);
  if (step->op != LOOP_CONSTANT || step->integer != 1) {
    text_string(printer->text, " step ");
    print_expr(printer, node->c, true);
  }
  if (node->loop_kind == LOOP_PARALLEL) text_string(printer->text, " parallel");
  if (node->loop_kind == LOOP_UNROLL) text_string(printer->text, " unroll");
  if (node->loop_kind == LOOP_ACCUMULATES) text_string(printer->text, " accumulates");
}

static void print_block(Printer *printer, Stmt body, int levels) {
  text_string(printer->text, " {\n");
  print_statements(printer, body, levels + 1);
  text_indent(printer->text, levels);
  text_char(printer->text, '}');
}

static void print_definition(Printer *printer, const StmtNode *node) {
  const SlotInfo *slot = &printer->code->slots.data[node->slot];
  text_format(printer->text, "%s %s: ", node->kind == STMT_LET ? "let" : "var", slot_name(printer, node->slot));
  print_type_name(printer->text, slot->scalar, slot->lanes);
  text_string(printer->text, " = ");
  print_expr(printer, node->a, true);
}

static void print_call(Printer *printer, const StmtNode *node) {
  text_format(printer->text, "call %s(", name_in(node->target, printer->program->kernels.count, printer->program->kernels.data));
  for (uint32_t i = 0; i < node->list_count && node->list + i < printer->code->call_arguments.count; i++) {
    CallArgument argument = printer->code->call_arguments.data[node->list + i];
    text_format(printer->text, "%s%s", i ? ", " : "", operand_name(printer, argument.buffer));
    if (argument.offset == 0) continue;
    text_string(printer->text, " + ");
    print_side(printer, LOOP_ADD, argument.offset, false, true);
  }
  text_char(printer->text, ')');
  if (node->slot) text_format(printer->text, " node %u", node->slot - 1);
}

static void print_symbol_name(const Program *program, uint32_t symbol, Text *text) {
  const char *name = symbol < program->dims->symbols.count ? program->dims->symbols.data[symbol].name : "?";
  text_name(text, name, strlen(name));
}

static void print_simple(Printer *printer, const StmtNode *node) {
  Text *text = printer->text;
  switch ((StmtKind)node->kind) {
  case STMT_LET: case STMT_VAR: print_definition(printer, node); return;
  case STMT_SET: text_string(text, slot_name(printer, node->slot)); break;
  case STMT_STORE:
    text_string(text, operand_name(printer, node->target));
    print_access(printer, node->target, node->list, node->list_count, expr_at(printer->code, node->a)->lanes);
    break;
  case STMT_RETURN:
    text_string(text, "return ");
    print_expr(printer, node->a, true);
    return;
  case STMT_CALL: print_call(printer, node); return;
  case STMT_COPY: text_format(text, "copy %s -> %s", operand_name(printer, node->list), operand_name(printer, node->target)); return;
  case STMT_FAIL: text_format(text, "fail %u", node->target); return;
  case STMT_ASSIGN:
    text_string(text, "assign ");
    print_symbol_name(printer->program, node->target, text);
    break;
  default: text_string(text, "?"); return;
  }
  text_string(text, " = ");
  print_expr(printer, node->a, true);
}

static bool has_block(const StmtNode *node) { return node->kind == STMT_FOR || node->kind == STMT_WHILE || node->kind == STMT_IF; }

/* A simple statement, or what stands before the block of another. */
static void print_head(Printer *printer, const StmtNode *node) {
  if (node->kind == STMT_FOR) {
    print_for(printer, node);
  } else if (has_block(node)) {
    text_string(printer->text, node->kind == STMT_IF ? "if " : "while ");
    print_expr(printer, node->a, true);
  } else {
    print_simple(printer, node);
  }
}

/* The depth of blocks is bounded by LOOP_MAX_BLOCKS. */
static void print_statements(Printer *printer, Stmt stmt, int levels) {
  for (; stmt; stmt = stmt_at(printer->code, stmt)->next) {
    const StmtNode *node = stmt_at(printer->code, stmt);
    text_indent(printer->text, levels);
    print_head(printer, node);
    if (has_block(node)) print_block(printer, node->body, levels);
    if (node->otherwise) {
      text_string(printer->text, " else");
      print_block(printer, node->otherwise, levels);
    }
    text_char(printer->text, '\n');
  }
}

void statement_print(const Program *program, const Code *code, Stmt stmt, Text *text) {
  Printer printer = { .program = program, .code = code, .text = text };
  printer.names = code_slot_names(program, code, text->arena);
  print_head(&printer, stmt_at(code, stmt));
}

/* ---- code ---- */

static void print_type(const Program *program, const char *element, uint32_t rank, const Dim *dims, Text *text) {
  text_format(text, "%s[", element);
  for (uint32_t i = 0; i < rank; i++) {
    if (i) text_string(text, ", ");
    dim_print(program->dims, dims[i], text);
  }
  text_char(text, ']');
}

static void print_operand(const Program *program, const Code *code, const OperandInfo *operand, Text *text) {
  text_format(text, "%s: ", operand->name);
  print_type(program, scalar_name(operand->scalar), operand->rank, operand->dims, text);
  text_format(text, " %s", access_name(operand->access));
  if (operand->same_index) text_format(text, " same %s", code->operands.data[operand->same_index - 1].name);
  if (operand->align) text_format(text, " align %u", operand->align);
  if (operand->strided) print_type(program, " strides ", operand->rank, operand->strides, text);
}

static void print_variant(Printer *printer) {
  uint32_t variant = printer->code->variant;
  if (variant) text_format(printer->text, " variant %s", printer->program->variants.data[variant]);
}

static void print_header(Printer *printer, bool with_name) {
  const Code *code = printer->code;
  const char *name = with_name ? code->name : "";
  if (code->kind == CODE_ENTRY) {
    text_format(printer->text, "entry %s", name);
    print_variant(printer);
    return;
  }
  text_format(printer->text, "%s %s(", code->kind == CODE_KERNEL ? "kernel" : "function", name);
  for (uint32_t i = 0; i < code->operands.count; i++) {
    if (i) text_string(printer->text, ", ");
    print_operand(printer->program, code, &code->operands.data[i], printer->text);
  }
  for (uint32_t i = 1; i <= code->parameter_count; i++) {
    text_format(printer->text, "%s%s: ", i > 1 ? ", " : "", printer->names[i]);
    print_type_name(printer->text, code->slots.data[i].scalar, code->slots.data[i].lanes);
  }
  text_char(printer->text, ')');
  if (code->kind == CODE_FUNCTION) {
    text_string(printer->text, " -> ");
    print_type_name(printer->text, code->result, code->lanes);
  }
  print_variant(printer);
  if (code->symbol) text_format(printer->text, " extern %s", code->symbol);
}

void code_print(const Program *program, const Code *code, Text *text, bool with_name_and_notes) {
  Printer printer = { .program = program, .code = code, .text = text };
  printer.names = code_slot_names(program, code, text->arena);
  print_header(&printer, with_name_and_notes);
  if (code->kind != CODE_FUNCTION || code->defined) {
    text_string(text, " {\n");
    for (uint32_t i = 0; with_name_and_notes && i < code->notes.count; i++) {
      text_string(text, "  note ");
      text_quoted(text, code->notes.data[i], strlen(code->notes.data[i]));
      text_char(text, '\n');
    }
    print_statements(&printer, code->body, 1);
    text_char(text, '}');
  }
  text_char(text, '\n');
}

/* ---- program ---- */

static void print_hex(Text *text, const uint8_t *data, size_t size) {
  text_char(text, '"');
  for (size_t i = 0; i < size; i++) text_format(text, "%02x", data[i]);
  text_char(text, '"');
}

static void print_weight(const Program *program, const Buffer *buffer, Text *text) {
  size_t bytes = 0;
  if (!buffer->data) {
    text_format(text, " splat \"%0*llx\"", (int)(2 * scalar_bytes(buffer->scalar)), (unsigned long long)buffer->splat);
    return;
  }
  if (!buffer_bytes(program, buffer, &bytes)) bug(program->context, "weight `%s` has no constant size", buffer->name);
  if (bytes <= DATA_PRINTED * scalar_bytes(buffer->scalar) && !buffer->blob_hash) {
    text_string(text, " data ");
    print_hex(text, buffer->data, bytes);
    return;
  }
  uint64_t hash = buffer->blob_hash ? buffer->blob_hash : loop_hash(buffer->data, bytes);
  text_format(text, " blob \"%016llx\" %llu", (unsigned long long)hash, (unsigned long long)bytes);
}

static void print_buffer(const Program *program, const Buffer *buffer, Text *text) {
  Dim offset = buffer->storage == STORAGE_WEIGHT ? buffer->weight_offset : buffer->offset;
  text_format(text, "buffer %s: ", buffer->name);
  print_type(program, scalar_name(buffer->scalar), buffer->rank, buffer->dims, text);
  text_format(text, " %s", storage_name(buffer->storage));
  if (buffer->storage == STORAGE_INPUT || buffer->storage == STORAGE_OUTPUT) text_format(text, " %u", buffer->index);
  if (buffer->storage == STORAGE_WEIGHT) print_weight(program, buffer, text);
  if (buffer->align != 64) text_format(text, " align %u", buffer->align);
  if (offset != DIM_UNKNOWN) {
    text_string(text, " at ");
    dim_print(program->dims, offset, text);
  }
  text_char(text, '\n');
}

static void print_quoted(Text *text, const char *before, const char *string) {
  text_string(text, before);
  text_quoted(text, string ? string : "", string ? strlen(string) : 0);
}

static void print_info_tensor(const Program *program, const char *kind, const InfoTensor *tensor, Text *text) {
  text_format(text, "info %s", kind);
  print_quoted(text, " ", tensor->name);
  text_char(text, ' ');
  print_type(program, element_name(tensor->element), tensor->rank, tensor->dims, text);
  text_format(text, " buffer %u", tensor->buffer);
  if (tensor->quantized) {
    text_string(text, " scale ");
    text_f64(text, tensor->scale);
    text_format(text, " zero_point %lld", (long long)tensor->zero_point);
  }
  text_char(text, '\n');
}

static void print_info(const Program *program, Text *text) {
  const ProgramInfo *info = &program->info;
  print_quoted(text, "info model ", info->model_name);
  print_quoted(text, " producer ", info->producer);
  print_quoted(text, " description ", info->description);
  text_format(text, " ir_version %lld opset %lld", (long long)info->ir_version, (long long)info->opset);
  text_format(text, " hash \"%016llx\"\n", (unsigned long long)info->model_hash);
  for (uint32_t i = 0; i < info->inputs.count; i++) print_info_tensor(program, "input", &info->inputs.data[i], text);
  for (uint32_t i = 0; i < info->outputs.count; i++) print_info_tensor(program, "output", &info->outputs.data[i], text);
  for (uint32_t i = 0; i < info->nodes.count; i++) {
    const InfoNode *node = &info->nodes.data[i];
    text_format(text, "info node %d", (int)node->index);
    print_quoted(text, " ", node->name);
    print_quoted(text, " ", node->op_type);
    print_quoted(text, " ", node->path);
    text_format(text, " macs %lld\n", (long long)node->macs);
  }
}

static void print_symbols(const Program *program, Text *text) {
  for (uint32_t i = 0; i < program->dims->symbols.count; i++) {
    const Symbol *symbol = &program->dims->symbols.data[i];
    text_string(text, "sym ");
    print_symbol_name(program, i, text);
    text_format(text, " %lld..", (long long)symbol->lo);
    if (symbol->hi != DIM_OPEN) text_format(text, "%lld", (long long)symbol->hi);
    text_string(text, symbol->kind == SYMBOL_RUN ? " run\n" : "\n");
  }
}

static void print_placement(const Program *program, Text *text) {
  if (!program->workspace_bytes && !program->state_bytes && !program->workspace_lower_bound && !program->weights_bytes) return;
  text_string(text, "place workspace ");
  dim_print(program->dims, program->workspace_bytes, text);
  text_string(text, " lower ");
  dim_print(program->dims, program->workspace_lower_bound, text);
  text_string(text, " state ");
  dim_print(program->dims, program->state_bytes, text);
  text_format(text, " weights %lld", (long long)program->weights_bytes);
  if (program->fast_bytes) text_format(text, " fast %lld", (long long)program->fast_bytes);
  text_char(text, '\n');
}

void program_print(const Program *program, Text *text) {
  text_string(text, program->legal ? "program legal\n" : "program\n");
  print_symbols(program, text);
  print_info(program, text);
  print_placement(program, text);
  for (uint32_t i = 0; i < program->variants.count; i++) text_format(text, "variant %s\n", program->variants.data[i]);
  for (uint32_t i = 0; i < program->buffers.count; i++) print_buffer(program, &program->buffers.data[i], text);
  for (uint32_t i = 0; i < program->functions.count; i++) code_print(program, &program->functions.data[i], text, true);
  for (uint32_t i = 0; i < program->kernels.count; i++) code_print(program, &program->kernels.data[i], text, true);
  for (uint32_t i = 0; i < program->entries.count; i++) code_print(program, &program->entries.data[i], text, true);
}
