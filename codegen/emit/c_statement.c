/* Statements: one line of the loop IR becomes one of C.
 *
 * Before printing, liveness is worked out backwards from stores, conditions, results and calls: what nothing reads is not printed, so the C is
 * free of unused variables whatever the passes left behind. Long lines are broken at blanks; kernels hold no strings, so any blank will do. */
#include "c_emit.h"

#include <stdio.h>
#include <string.h>

enum { LONGEST_LINE = 118, SHORTEST_BREAK = 40 };

/* ---- lines ---- */

void c_print(Emitter *e, const char *format, ...) {
  char    small[512];
  va_list rest;
  va_start(rest, format);
  int length = vsnprintf(small, sizeof small, format, rest);
  va_end(rest);
  require(e->context, length >= 0 && (size_t)length < sizeof small);
  text_bytes(&e->now.line, small, (size_t)length);
}

/* The blank to break a line at: after a comma in its second half, else the last one, else the first one beyond. */
static size_t break_at(const Text *line, size_t start, size_t limit) {
  const char *data = line->data;
  size_t      cut = limit;
  while (cut > start + (limit - start) / 2 && !(data[cut] == ' ' && data[cut - 1] == ',')) cut--;
  if (data[cut] == ' ' && data[cut - 1] == ',') return cut;
  cut = limit;
  while (cut > start + SHORTEST_BREAK && data[cut] != ' ') cut--;
  while (cut < line->length && data[cut] != ' ') cut++;
  return cut;
}

void c_line_end(Emitter *e) {
  size_t indent = (size_t)e->now.depth * 2, start = 0, length = e->now.line.length;
  for (bool first = true; start < length || first; first = false) {
    size_t room = LONGEST_LINE - indent - (first ? 0 : 4), end = length;
    if (length - start > room && room > SHORTEST_BREAK) { end = break_at(&e->now.line, start, start + room); }
    text_indent(e->now.out, e->now.depth + (first ? 0 : 2));
    text_bytes(e->now.out, e->now.line.data + start, end - start);
    text_char(e->now.out, '\n');
    start = end + 1; /* the blank */
  }
  e->now.line.length = 0;
}

void c_print_line(Emitter *e, const char *format, ...) {
  char    small[1024];
  va_list rest;
  va_start(rest, format);
  int length = vsnprintf(small, sizeof small, format, rest);
  va_end(rest);
  require(e->context, length >= 0 && (size_t)length < sizeof small);
  text_bytes(&e->now.line, small, (size_t)length);
  c_line_end(e);
}

/* ---- liveness ---- */

static bool mark(Emitter *e, Expr expr) {
  const ExprNode *node = expr_at(e->now.code, expr);
  bool            changed = false;
  if (expr == 0) return false;
  if (node->op == LOOP_SLOT && !e->now.slot_live[node->operand[0]]) e->now.slot_live[node->operand[0]] = changed = true;
  for (uint32_t i = 0; i < expr_operand_count(e->now.code, expr); i++) changed |= mark(e, expr_operand(e->now.code, expr, i));
  return changed;
}

static bool mark_statement(Emitter *e, const StmtNode *stmt) {
  bool changed = mark(e, stmt->a) | mark(e, stmt->b);
  if (stmt->kind == STMT_STORE)
    for (uint32_t i = 0; i < stmt->list_count; i++) changed |= mark(e, e->now.code->lists.data[stmt->list + i]);
  if (stmt->kind == STMT_CALL)
    for (uint32_t i = 0; i < stmt->list_count; i++) changed |= mark(e, e->now.code->call_arguments.data[stmt->list + i].offset);
  return changed;
}

/* One sweep over a list; returns whether anything became live. *any: whether something in the list is. */
static bool sweep(Emitter *e, Stmt first, bool *any) {
  bool changed = false;
  for (Stmt s = first; s; s = stmt_at(e->now.code, s)->next) {
    const StmtNode *stmt = stmt_at(e->now.code, s);
    bool            inside = false, live;
    changed |= sweep(e, stmt->body, &inside);
    changed |= sweep(e, stmt->otherwise, &inside);
    switch (stmt->kind) {
    case STMT_FOR:
    case STMT_WHILE:
    case STMT_IF: live = inside; break;
    case STMT_LET:
    case STMT_VAR:
    case STMT_SET: live = e->now.slot_live[stmt->slot]; break;
    default: live = true; break;
    }
    if (live && !e->now.stmt_live[s]) {
      e->now.stmt_live[s] = changed = true;
      mark_statement(e, stmt);
    }
    *any |= live;
  }
  return changed;
}

/* Marks the slots of type index whose value data decides; loop variables are data's where their bounds are. Until nothing changes. */
static bool mark_data_slots(Emitter *e) {
  bool changed = false;
  for (Stmt s = 1; s < e->now.code->stmts.count; s++) {
    const StmtNode *stmt = stmt_at(e->now.code, s);
    bool            sets = stmt->kind == STMT_LET || stmt->kind == STMT_VAR || stmt->kind == STMT_SET || stmt->kind == STMT_FOR;
    if (!sets || e->now.slot_from_data[stmt->slot] || e->now.code->slots.data[stmt->slot].scalar != SCALAR_INDEX) continue;
    bool from_data = c_comes_from_data(e, stmt->a) || (stmt->kind == STMT_FOR && c_comes_from_data(e, stmt->b));
    e->now.slot_from_data[stmt->slot] = from_data;
    changed |= from_data;
  }
  return changed;
}

/* Names of symbols are C's here, so operands and slots make way for them, and for the entry's own variables. */
static const char *make_way(Emitter *e, const char *name) {
  for (uint32_t i = 0; i < e->program->dims->symbols.count; i++)
    if (strcmp(e->symbol_names[i], name) == 0) return arena_format(e->arena, "%s_", name);
  return name;
}

static void settle_names(Emitter *e, const Code *code) {
  e->now.slot_names = code_slot_names(e->program, code, e->arena);
  e->now.operand_names = arena_array(e->arena, const char *, code->operands.count + 1);
  for (uint32_t i = 0; i < code->operands.count; i++) e->now.operand_names[i] = make_way(e, code->operands.data[i].name);
  for (Slot slot = 1; slot < code->slots.count; slot++) {
    e->now.slot_names[slot] = make_way(e, e->now.slot_names[slot]);
    if (code->kind == CODE_ENTRY && model_is_own_name(e->now.slot_names[slot]))
      e->now.slot_names[slot] = arena_format(e->arena, "%s_", e->now.slot_names[slot]);
  }
}

void c_code_open(Emitter *e, const Code *code) {
  uint32_t slots = code->slots.count + 1, symbols = e->program->dims->symbols.count + 1;
  e->now.code = code;
  settle_names(e, code);
  e->now.slot_live = arena_array(e->arena, bool, slots);
  e->now.slot_printed = arena_array(e->arena, bool, slots);
  e->now.stmt_live = arena_array(e->arena, bool, code->stmts.count + 1);
  e->now.slot_ranges = arena_array(e->arena, ValueRange, slots);
  e->now.expr_ranges = arena_array(e->arena, ValueRange, code->exprs.count + 1);
  e->now.expr_known = arena_array(e->arena, bool, code->exprs.count + 1);
  e->now.operand_used = arena_array(e->arena, bool, code->operands.count + 1);
  e->now.operand_written = arena_array(e->arena, bool, code->operands.count + 1);
  e->now.code_symbols = arena_array(e->arena, bool, symbols);
  e->now.slot_from_data = arena_array(e->arena, bool, slots);
  e->now.slot_mask_bits = arena_array(e->arena, uint8_t, slots);
  memset(e->now.slot_mask_bits, MASK_BITS, slots); /* parameters; others are set where they are declared */
  while (mark_data_slots(e)) {}
  e->now.stack = e->now.callee_stack = e->now.inlined_stack = 0;
  e->now.depth = 1;
  for (Slot slot = 1; slot < code->slots.count; slot++) e->now.slot_ranges[slot] = c_range_full(e, code->slots.data[slot].scalar);
  bool any = false;
  while (sweep(e, code->body, &any)) {}
}

/* ---- printing ---- */

static void value_line(Emitter *e, const StmtNode *stmt, const char *before, const char *after) {
  text_string(&e->now.line, before);
  c_expression(e, stmt->a, LEVEL_ANY);
  text_string(&e->now.line, after);
  c_line_end(e);
}

/* = value; of the slot's type. */
static void assigned(Emitter *e, const StmtNode *stmt) {
  const SlotInfo *slot = &e->now.code->slots.data[stmt->slot];
  text_string(&e->now.line, " = ");
  if (slot->scalar == SCALAR_I1 && slot->lanes > 1) c_mask(e, stmt->a, e->now.slot_mask_bits[stmt->slot], LEVEL_ANY);
  else c_expression(e, stmt->a, LEVEL_ANY);
  text_char(&e->now.line, ';');
  c_line_end(e);
}

static void declare(Emitter *e, const StmtNode *stmt) {
  const SlotInfo *slot = &e->now.code->slots.data[stmt->slot];
  bool            is_let = stmt->kind == STMT_LET;
  unsigned        mask_bits = slot->scalar == SCALAR_I1 && slot->lanes > 1 ? c_mask_bits(e, stmt->a) : 0;
  if (is_let) c_range_let(e, stmt->slot, c_range(e, stmt->a));
  if (mask_bits) e->now.slot_mask_bits[stmt->slot] = (uint8_t)mask_bits;
  c_print(e, "%s%s %s", is_let ? "const " : "", c_slot_type(e, stmt->slot), e->now.slot_names[stmt->slot]);
  e->now.stack += c_stack_slot(e, slot->scalar, slot->lanes);
  assigned(e, stmt);
}

/* Whether the value of an expression may change while the loop below it runs. */
static bool may_change(const Emitter *e, Expr expr) {
  const ExprNode *node = expr_at(e->now.code, expr);
  if (node->op == LOOP_LOAD || (node->op == LOOP_SLOT && e->now.code->slots.data[node->operand[0]].is_variable)) return true;
  for (uint32_t i = 0; i < expr_operand_count(e->now.code, expr); i++)
    if (may_change(e, expr_operand(e->now.code, expr, i))) return true;
  return false;
}

static void for_line(Emitter *e, const StmtNode *stmt) {
  const char *name = e->now.slot_names[stmt->slot];
  bool        keep_end = may_change(e, stmt->b);
  ValueRange  lo = c_range(e, stmt->a), hi = c_range(e, stmt->b);
  int64_t     step = expr_at(e->now.code, stmt->c)->integer;
  c_range_let(e, stmt->slot, (ValueRange){.lo = lo.lo, .hi = hi.hi > lo.lo ? hi.hi - 1 : lo.lo, .low = (double)lo.lo, .high = (double)hi.hi});
  if (stmt->loop_kind == LOOP_UNROLL && lo.lo == lo.hi && hi.lo == hi.hi) {
    c_print_line(e, "%s_UNROLL", e->macro);
    e->needs_unroll = true;
  }
  c_print(e, "for (%s %s = ", e->index_type, name);
  c_expression(e, stmt->a, LEVEL_CHOICE);
  if (keep_end) {
    c_print(e, ", %s_end_ = ", name);
    c_expression(e, stmt->b, LEVEL_CHOICE);
  }
  c_print(e, "; %s < ", name);
  if (keep_end) c_print(e, "%s_end_", name);
  else c_expression(e, stmt->b, LEVEL_SHIFT);
  if (step == 1) c_print(e, "; ++%s) {", name);
  else c_print(e, "; %s += %lld) {", name, (long long)step);
  if (stmt->loop_kind == LOOP_PARALLEL) text_string(&e->now.line, " /* parallel */");
  e->now.stack += c_stack_slot(e, SCALAR_INDEX, 1);
  c_line_end(e);
}

static bool any_live(const Emitter *e, Stmt first) {
  for (Stmt s = first; s; s = stmt_at(e->now.code, s)->next)
    if (e->now.stmt_live[s]) return true;
  return false;
}

/* The statement, if the list holds one live statement only and that is an `if`: printed as else if. */
static const StmtNode *only_if(const Emitter *e, Stmt first) {
  const StmtNode *found = NULL;
  for (Stmt s = first; s; s = stmt_at(e->now.code, s)->next) {
    if (!e->now.stmt_live[s]) continue;
    if (found || stmt_at(e->now.code, s)->kind != STMT_IF) return NULL;
    found = stmt_at(e->now.code, s);
  }
  return found;
}

static void block(Emitter *e, Stmt first) {
  e->now.depth++;
  c_statements(e, first);
  e->now.depth--;
}

static void if_lines(Emitter *e, const StmtNode *stmt) {
  value_line(e, stmt, "if (", ") {");
  for (;;) {
    block(e, stmt->body);
    if (!any_live(e, stmt->otherwise)) break;
    const StmtNode *next = only_if(e, stmt->otherwise);
    if (!next) {
      c_print_line(e, "} else {");
      block(e, stmt->otherwise);
      break;
    }
    value_line(e, next, "} else if (", ") {");
    stmt = next;
  }
  c_print_line(e, "}");
}

static void store(Emitter *e, const StmtNode *stmt) {
  if (expr_at(e->now.code, stmt->a)->lanes > 1) {
    c_vector_store(e, stmt);
    return;
  }
  bool   in_entry = e->now.code->kind == CODE_ENTRY;
  Scalar scalar = in_entry ? e->program->buffers.data[stmt->target].scalar : e->now.code->operands.data[stmt->target].scalar;
  bool   widens = scalar == SCALAR_INDEX && e->target->index_bits == 32;
  if (in_entry) {
    c_entry_element(e, stmt->target, true, stmt->list, stmt->list_count);
  } else {
    e->now.operand_used[stmt->target] = e->now.operand_written[stmt->target] = true;
    c_element(e, &e->now.code->operands.data[stmt->target], e->now.operand_names[stmt->target], stmt->list, stmt->list_count);
  }
  text_string(&e->now.line, scalar == SCALAR_I1 ? " = (uint8_t)" : widens ? " = (int64_t)" : " = ");
  c_expression(e, stmt->a, scalar == SCALAR_I1 || widens ? LEVEL_UNARY : LEVEL_ANY);
  text_char(&e->now.line, ';');
  c_line_end(e);
}

static void fail(Emitter *e, const StmtNode *stmt) {
  static const char *const names[] = {"OK", "ARGUMENT", "WORKSPACE", "WEIGHTS", "SHAPE", "INDEX", "RANGE", "CAPACITY"}; /* runtime-min/onnxcc_rt.h */
  if (stmt->target > 0 && stmt->target < sizeof names / sizeof *names) c_print_line(e, "return ONNXCC_ERROR_%s;", names[stmt->target]);
  else c_print_line(e, "return -%u;", stmt->target);
}

static void set(Emitter *e, const StmtNode *stmt) {
  text_string(&e->now.line, e->now.slot_names[stmt->slot]);
  assigned(e, stmt);
}

static void result(Emitter *e, const StmtNode *stmt) {
  text_string(&e->now.line, "return ");
  if (expr_at(e->now.code, stmt->a)->lanes > 1) c_vector_argument(e, stmt->a);
  else c_expression(e, stmt->a, LEVEL_ANY);
  text_char(&e->now.line, ';');
  c_line_end(e);
}

static void loop(Emitter *e, const StmtNode *stmt) {
  if (stmt->kind == STMT_FOR) for_line(e, stmt);
  else value_line(e, stmt, "while (", ") {");
  block(e, stmt->body);
  c_print_line(e, "}");
}

static void statement(Emitter *e, const StmtNode *stmt) {
  switch (stmt->kind) {
  case STMT_FOR:
  case STMT_WHILE: loop(e, stmt); break;
  case STMT_IF: if_lines(e, stmt); break;
  case STMT_LET:
  case STMT_VAR: declare(e, stmt); break;
  case STMT_SET: set(e, stmt); break;
  case STMT_STORE: store(e, stmt); break;
  case STMT_RETURN: result(e, stmt); break;
  case STMT_CALL: c_entry_call(e, stmt); break;
  case STMT_COPY: c_entry_copy(e, stmt); break;
  case STMT_ASSIGN: c_entry_assign(e, stmt); break;
  case STMT_FAIL: fail(e, stmt); break;
  default: bug(e->context, "%s: statement of kind %d", e->now.code->name, stmt->kind);
  }
}

void c_statements(Emitter *e, Stmt first) {
  for (Stmt s = first; s; s = stmt_at(e->now.code, s)->next)
    if (e->now.stmt_live[s]) statement(e, stmt_at(e->now.code, s));
}
