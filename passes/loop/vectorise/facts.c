/* One walk over a code, statements numbered in the order of the text: a block's statements have the numbers between its own and its end. */
#include "passes/loop/vectorise/vectorise.h"

static void note_access(CodeFacts *facts, uint32_t order, Operand operand, uint32_t list, uint16_t lanes, bool is_store) {
  AccessSite site = {.order = order, .operand = operand, .indices = &facts->code->lists.data[list], .lanes = lanes, .is_store = is_store};
  site.rank = access_rank(facts->program, facts->code, operand);
  vector_push(facts->arena, &facts->accesses, site);
}

static void walk_expression(CodeFacts *facts, uint32_t order, Stmt stmt, Expr expr) {
  const Code     *code = facts->code;
  const ExprNode *node = expr_at(code, expr);
  if (node->op == LOOP_SLOT) {
    SlotSite site = {order, node->operand[0], stmt};
    vector_push(facts->arena, &facts->reads, site);
  }
  if (node->op == LOOP_LOAD) note_access(facts, order, node->operand[0], node->operand[1], node->lanes, false);
  for (uint32_t i = 0, count = expr_operand_count(code, expr); i < count; i++) walk_expression(facts, order, stmt, expr_operand(code, expr, i));
}

static void note_definition(CodeFacts *facts, uint32_t order, Stmt stmt) {
  const Code     *code = facts->code;
  const StmtNode *node = stmt_at(code, stmt);
  facts->slot_order[node->slot] = order;
  facts->slot_stmt[node->slot] = stmt;
  if (node->kind == STMT_FOR) ranges_set_loop(&facts->ranges, node->slot, node->a, node->b);
  if (node->kind != STMT_LET || expr_at(code, node->a)->scalar != SCALAR_INDEX || expr_at(code, node->a)->lanes > 1) return;
  ranges_set_let(&facts->ranges, node->slot, node->a);
  if (expr_is_fixed(code, node->a)) definitions_set(facts->arena, &facts->definitions, node->slot, node->a);
}

static uint32_t walk_list(CodeFacts *facts, Stmt first, uint32_t order) {
  const Code *code = facts->code;
  for (Stmt stmt = first; stmt; stmt = stmt_at(code, stmt)->next) {
    const StmtNode *node = stmt_at(code, stmt);
    uint32_t        own = facts->begin[stmt] = order++;
    if (node->a) walk_expression(facts, own, stmt, node->a);
    if (node->b) walk_expression(facts, own, stmt, node->b);
    if (node->kind == STMT_STORE) {
      for (uint32_t i = 0; i < node->list_count; i++) walk_expression(facts, own, stmt, code->lists.data[node->list + i]);
      note_access(facts, own, node->target, node->list, expr_at(code, node->a)->lanes, true);
    }
    if (node->kind == STMT_SET) {
      SlotSite site = {own, node->slot, stmt};
      vector_push(facts->arena, &facts->sets, site);
    }
    if (node->kind == STMT_FOR || node->kind == STMT_LET || node->kind == STMT_VAR) note_definition(facts, own, stmt);
    order = walk_list(facts, node->body, order);
    order = walk_list(facts, node->otherwise, order);
    facts->end[stmt] = order;
  }
  return order;
}

void facts_open(CodeFacts *facts, Program *program, const Code *code, const Target *target, Arena *arena) {
  *facts = (CodeFacts){.program = program, .code = code, .target = target, .arena = arena};
  facts->begin = arena_array(arena, uint32_t, code->stmts.count + 1u);
  facts->end = arena_array(arena, uint32_t, code->stmts.count + 1u);
  facts->slot_order = arena_array(arena, uint32_t, code->slots.count + 1u);
  facts->slot_stmt = arena_array(arena, Stmt, code->slots.count + 1u);
  ranges_open(&facts->ranges, arena, program->dims, code);
  walk_list(facts, code->body, 1);
}

/* ---- turns of a loop ---- */

/* b - a of the loop, as a sum. */
static bool span_of(const CodeFacts *facts, Stmt loop, Affine *span) {
  DimTable       *dims = facts->program->dims;
  const StmtNode *node = stmt_at(facts->code, loop);
  Affine          first;
  affine_of(dims, facts->code, &facts->definitions, node->b, span);
  affine_of(dims, facts->code, &facts->definitions, node->a, &first);
  return affine_add(dims, facts->code, span, &first, dim_constant(dims, -1));
}

Dim facts_trips(const CodeFacts *facts, Stmt loop) {
  Affine span;
  if (!span_of(facts, loop, &span) || span.count || dim_lo(facts->program->dims, span.constant) < 0) return DIM_UNKNOWN;
  return span.constant;
}

int64_t facts_most_trips(const CodeFacts *facts, Stmt loop) {
  Affine span;
  if (!span_of(facts, loop, &span)) return INT64_MAX;
  Dim end = range_end(&facts->ranges, &span, true);
  if (end == DIM_UNKNOWN) return INT64_MAX;
  int64_t most = dim_hi(facts->program->dims, end);
  return most < 0 ? 0 : most;
}
