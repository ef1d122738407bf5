/* A loop's body in lanes: its variable stands for base + (0, 1, 2, ...), stores and variables that vary become vectors. */
#include "compiler/loop/build.h"
#include "passes/loop/vectorise/building.h"

/* Lanes that take part, as a mask beside values of that type. */
static Expr active_mask(Rebuild *rebuild, Scalar scalar) {
  static const Scalar by_bytes[] = {[1] = SCALAR_I8, [2] = SCALAR_I16, [4] = SCALAR_I32, [8] = SCALAR_I64};
  Vectoriser         *v = vectoriser_of(rebuild);
  Scalar              integer = by_bytes[scalar_bytes(scalar)];
  Builder            *builder = &rebuild->builder;
  Expr                numbers = build_lane_numbers(builder, integer, v->candidate.lanes);
  return build_binary(builder, LOOP_LT, numbers, build_cast(builder, integer, v->active));
}

/* i / b and i % b of lanes that stay within one multiple of b. */
static Expr quotient_in_lanes(Rebuild *rebuild, const ExprNode *node) {
  Builder  *builder = &rebuild->builder;
  LaneIndex dividend;
  Expr      a = rebuild_expr(rebuild, node->operand[0]), b = rebuild_expr(rebuild, node->operand[1]);
  require(rebuild->program->context, build_lane_index(builder, a, &dividend) && dividend.stride == 1);
  Expr base = build_binary(builder, (LoopOp)node->op, dividend.base, b);
  if (node->op == LOOP_DIV) return base;
  return build_binary(builder, LOOP_ADD, base, build_lane_numbers(builder, SCALAR_INDEX, vectoriser_of(rebuild)->candidate.lanes));
}

/* 0: one place for all lanes, which needs no mask. */
static Expr load_of_active(Rebuild *rebuild, const ExprNode *node) {
  Vectoriser *v = vectoriser_of(rebuild);
  Expr        indices[LOOP_MAX_RANK + 1];
  uint32_t    rank = access_rank(rebuild->program, rebuild->old, node->operand[0]);
  bool        moves = false;
  int64_t     stride;
  for (uint32_t i = 0; i < rank; i++)
    moves |= !candidate_stride(&v->candidate, rebuild->old->lists.data[node->operand[1] + i], &stride) || stride != 0;
  if (!moves) return 0;
  for (uint32_t i = 0; i < rank; i++) indices[i] = rebuild_expr(rebuild, rebuild->old->lists.data[node->operand[1] + i]);
  return build_load_lanes(&rebuild->builder, node->operand[0], rank, indices, v->candidate.lanes, v->active);
}

Expr body_expr(Rebuild *rebuild, Expr old) {
  Vectoriser      *v = vectoriser_of(rebuild);
  const ExprNode   node = *expr_at(rebuild->old, old);
  const Candidate *candidate = &v->candidate;
  uint32_t         which;
  if (node.op == LOOP_SLOT && row_finds(rebuild, node.operand[0], &which)) return row_read(rebuild, which);
  if (!v->in_lanes || !candidate_varies(candidate, old)) return 0;
  bool divides = (node.op == LOOP_DIV || node.op == LOOP_REM) && node.scalar == SCALAR_INDEX;
  if (divides && candidate_stays_within(candidate, node.operand[0], node.operand[1])) return quotient_in_lanes(rebuild, &node);
  return node.op == LOOP_LOAD && v->active ? load_of_active(rebuild, &node) : 0;
}

/* An accumulated variable: lanes that take no part keep what they have. */
static void set_carried(Rebuild *rebuild, const StmtNode *node, uint32_t which) {
  Expr value = rebuild_expr(rebuild, node->a);
  if (vectoriser_of(rebuild)->active) {
    Expr kept = row_read(rebuild, which);
    value = build_select(&rebuild->builder, active_mask(rebuild, build_scalar(&rebuild->builder, kept)), value, kept);
  }
  row_write(rebuild, which, value);
}

static void store_in_lanes(Rebuild *rebuild, const StmtNode *node) {
  Vectoriser *v = vectoriser_of(rebuild);
  Builder    *builder = &rebuild->builder;
  Expr        indices[LOOP_MAX_RANK + 1];
  uint32_t    rank = node->list_count;
  for (uint32_t i = 0; i < rank; i++) indices[i] = rebuild_expr(rebuild, rebuild->old->lists.data[node->list + i]);
  Expr value = build_broadcast(builder, rebuild_expr(rebuild, node->a), v->candidate.lanes);
  build_store_lanes(builder, node->target, rank, indices, value, v->active);
}

bool body_statement(Rebuild *rebuild, const StmtNode *node) {
  Vectoriser      *v = vectoriser_of(rebuild);
  const Candidate *candidate = &v->candidate;
  uint32_t         which;
  if (node->kind == STMT_SET && row_finds(rebuild, node->slot, &which)) {
    set_carried(rebuild, node, which);
    return true;
  }
  if (!v->in_lanes) return false;
  switch ((StmtKind)node->kind) {
  case STMT_VAR: {
    Expr value = rebuild_expr(rebuild, node->a);
    if (candidate->varies[node->slot]) value = build_broadcast(&rebuild->builder, value, candidate->lanes);
    rebuild->slots[node->slot] = build_var(&rebuild->builder, rebuild->old->slots.data[node->slot].name, value);
    return true;
  }
  case STMT_STORE: store_in_lanes(rebuild, node); return true;
  default: return false;
  }
}

void body_build(Rebuild *rebuild, Expr base, Expr active) {
  Vectoriser     *v = vectoriser_of(rebuild);
  Builder        *builder = &rebuild->builder;
  const StmtNode *loop = stmt_at(rebuild->old, v->candidate.loop);
  v->active = active;
  v->in_lanes = true;
  rebuild->slots[v->candidate.variable] = build_binary(builder, LOOP_ADD, base, build_lane_numbers(builder, SCALAR_INDEX, v->candidate.lanes));
  rebuild_list(rebuild, loop->body);
  v->in_lanes = false;
  v->active = 0;
}

void body_build_single(Rebuild *rebuild, Expr variable) {
  Vectoriser *v = vectoriser_of(rebuild);
  rebuild->slots[v->candidate.variable] = variable;
  rebuild_list(rebuild, stmt_at(rebuild->old, v->candidate.loop)->body);
}
