/* How often kernels touch buffers: loads and stores times the turns of the loops around them. What is not constant counts as a few turns, so that
 * the figures rank buffers and no more. */
#include "passes/loop/place.h"

#define FEW_TURNS 4u                  /* of a loop whose bounds are not constants */
#define MOST_TURNS (UINT64_C(1) << 40) /* sums of these must be numbers too */

typedef struct Count {
  const Program *program;
  const Code    *kernel;
  uint64_t      *touches; /* by operand */
} Count;

static bool is_constant(const Count *count, Expr expr, int64_t *value) {
  const ExprNode *node = expr_at(count->kernel, expr);
  if (node->op == LOOP_CONSTANT) return *value = node->integer, true;
  return node->op == LOOP_DIM && dim_is_constant(count->program->dims, (Dim)node->integer, value);
}

static uint64_t turns(const Count *count, const StmtNode *loop) {
  int64_t lo, hi, step;
  if (!is_constant(count, loop->a, &lo) || !is_constant(count, loop->b, &hi) || !is_constant(count, loop->c, &step) || step < 1) return FEW_TURNS;
  return hi > lo ? ((uint64_t)hi - (uint64_t)lo + (uint64_t)step - 1) / (uint64_t)step : 0;
}

static uint64_t times(uint64_t a, uint64_t b) { return a != 0 && b > MOST_TURNS / a ? MOST_TURNS : a * b; }

static void touch(Count *count, uint32_t operand, uint64_t often) {
  count->touches[operand] += often;
  if (count->touches[operand] > MOST_TURNS) count->touches[operand] = MOST_TURNS;
}

static void count_expr(Count *count, Expr expr, uint64_t often) {
  const ExprNode *node = expr_at(count->kernel, expr);
  if (node->op == LOOP_LOAD) touch(count, node->operand[0], times(often, node->lanes));
  for (uint32_t at = 0; at < expr_operand_count(count->kernel, expr); at++) count_expr(count, expr_operand(count->kernel, expr, at), often);
}

static void count_list(Count *count, Stmt first, uint64_t often) {
  for (Stmt at = first; at; at = stmt_at(count->kernel, at)->next) {
    const StmtNode *stmt = stmt_at(count->kernel, at);
    const Expr      own[] = {stmt->a, stmt->b, stmt->c};
    for (uint32_t part = 0; part < 3; part++)
      if (own[part]) count_expr(count, own[part], often);
    for (uint32_t index = 0; stmt->kind == STMT_STORE && index < stmt->list_count; index++)
      count_expr(count, count->kernel->lists.data[stmt->list + index], often);
    if (stmt->kind == STMT_STORE) touch(count, stmt->target, times(often, expr_at(count->kernel, stmt->a)->lanes));
    uint64_t inside = stmt->kind == STMT_FOR ? times(often, turns(count, stmt)) : stmt->kind == STMT_WHILE ? times(often, FEW_TURNS) : often;
    count_list(count, stmt->body, inside);
    count_list(count, stmt->otherwise, inside);
  }
}

static void add_call(const Program *program, const Code *entry, const StmtNode *call, Arena *arena, uint64_t *uses) {
  const Code *kernel = &program->kernels.data[call->target];
  Count       count = {.program = program, .kernel = kernel, .touches = arena_array(arena, uint64_t, kernel->operands.count + 1u)};
  uint32_t    argument = call->list;
  count_list(&count, kernel->body, 1);
  for (uint32_t operand = 0; operand < kernel->operands.count; operand++) {
    if (kernel->operands.data[operand].access == ACCESS_LOCAL) continue;
    uint64_t *sum = &uses[entry->call_arguments.data[argument++].buffer];
    *sum = *sum + count.touches[operand] > MOST_TURNS ? MOST_TURNS : *sum + count.touches[operand];
  }
}

static void add_list(const Program *program, const Code *entry, Stmt first, Arena *arena, uint64_t *uses) {
  for (Stmt at = first; at; at = stmt_at(entry, at)->next) {
    const StmtNode *stmt = stmt_at(entry, at);
    if (stmt->kind == STMT_CALL) add_call(program, entry, stmt, arena, uses);
    add_list(program, entry, stmt->body, arena, uses);
    add_list(program, entry, stmt->otherwise, arena, uses);
  }
}

uint64_t *place_uses(const Program *program, Arena *arena) {
  uint64_t *uses = arena_array(arena, uint64_t, program->buffers.count + 1u);
  if (program->entries.count) add_list(program, &program->entries.data[0], program->entries.data[0].body, arena, uses);
  return uses;
}
