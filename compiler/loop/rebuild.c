/* The frame of loop passes: a code built again. */
#include "rebuild.h"

void rebuild_open(Rebuild *rebuild, Program *program, const Code *old) {
  *rebuild = (Rebuild){ .program = program, .old = old };
  Builder *builder = &rebuild->builder;
  Arena *arena = program->arena;
  build_open(builder, program, old->kind, old->name);
  builder->code.name = old->name;
  rebuild->slots = arena_array(arena, Expr, old->slots.count + 1u);
  for (uint32_t i = 0; i < old->notes.count; i++) vector_push(arena, &builder->code.notes, old->notes.data[i]);
  for (uint32_t i = 0; i < old->operands.count; i++) vector_push(arena, &builder->code.operands, old->operands.data[i]);
  builder->code.lanes = old->lanes;
  builder->code.variant = old->variant;
  for (Slot slot = 1; slot <= old->parameter_count; slot++)
    rebuild->slots[slot] = build_parameter(builder, old->slots.data[slot].name, old->slots.data[slot].scalar);
  builder->code.result = old->result;
}

/* ---- expressions ---- */

Expr rebuild_expr(Rebuild *rebuild, Expr old) {
  Expr changed = rebuild->expr ? rebuild->expr(rebuild, old) : 0;
  return changed ? changed : rebuild_node(rebuild, old);
}

Expr rebuild_lanes(Rebuild *rebuild, Expr old) {
  return build_broadcast(&rebuild->builder, rebuild_expr(rebuild, old), expr_at(rebuild->old, old)->lanes);
}

static Expr rebuild_constant(Rebuild *rebuild, const ExprNode *node) {
  Scalar scalar = (Scalar)node->scalar;
  if (scalar_is_float(scalar)) return build_float(&rebuild->builder, scalar, node->number);
  return build_integer(&rebuild->builder, scalar, node->integer);
}

static Expr rebuild_slot(Rebuild *rebuild, Slot slot) {
  Expr value = rebuild->slots[slot];
  if (value == 0) bug(rebuild->program->context, "%s: `%s` is read before it is defined", rebuild->old->name, rebuild->old->slots.data[slot].name);
  return value;
}

static Expr rebuild_load(Rebuild *rebuild, const ExprNode *node, uint32_t count, Expr *operands) {
  uint32_t rank = access_rank(rebuild->program, rebuild->old, node->operand[0]);
  for (uint32_t i = 0; i < rank; i++)
    operands[i] = build_broadcast(&rebuild->builder, operands[i], expr_at(rebuild->old, rebuild->old->lists.data[node->operand[1] + i])->lanes);
  return build_load_lanes(&rebuild->builder, node->operand[0], rank, operands, node->lanes, count > rank ? operands[rank] : 0);
}

/* The callee by the name of its scalar form, and arguments of at least the lanes they had: the builder finds the form. */
static Expr rebuild_function_call(Rebuild *rebuild, const ExprNode *node, uint32_t count, Expr *operands) {
  const Code *function = &rebuild->program->functions.data[node->operand[0]];
  const char *name = function->name;
  if (function->lanes > 1) {
    name = loop_scalar_name(rebuild->program->arena, name, function->lanes);
    for (uint32_t i = 0; i < count; i++) operands[i] = build_broadcast(&rebuild->builder, operands[i], function->lanes);
  }
  return build_call(&rebuild->builder, name, (Scalar)node->scalar, count, operands);
}

Expr rebuild_node(Rebuild *rebuild, Expr old) {
  Expr operands[LOOP_MAX_RANK + 1] = { 0 };
  Builder *builder = &rebuild->builder;
  ExprNode node = *expr_at(rebuild->old, old);
  LoopOp op = (LoopOp)node.op;
  Scalar scalar = (Scalar)node.scalar;
  uint32_t count = expr_operand_count(rebuild->old, old);
  for (uint32_t i = 0; i < count; i++) operands[i] = rebuild_expr(rebuild, expr_operand(rebuild->old, old, i));
  switch (op) {
  case LOOP_CONSTANT: return rebuild_constant(rebuild, &node);
  case LOOP_DIM:      return build_dim(builder, (Dim)node.integer);
  case LOOP_SLOT:     return rebuild_slot(rebuild, node.operand[0]);
  case LOOP_LANES:    return build_lane_numbers(builder, scalar, node.lanes);
  case LOOP_LOAD:     return rebuild_load(rebuild, &node, count, operands);
  case LOOP_CALL:     return rebuild_function_call(rebuild, &node, count, operands);
  case LOOP_BROADCAST: return build_broadcast(builder, operands[0], node.lanes);
  case LOOP_EXTRACT:  return build_extract(builder, operands[0], (uint16_t)node.operand[1], node.lanes);
  case LOOP_CAST:     return build_cast(builder, scalar, operands[0]);
  case LOOP_SATURATE: return build_saturate(builder, scalar, operands[0]);
  case LOOP_BITCAST:  return build_bitcast(builder, scalar, operands[0]);
  default: break;
  }
  if (count == 1) return build_unary(builder, op, operands[0]);
  if (count == 2) return build_binary(builder, op, operands[0], operands[1]);
  return build_ternary(builder, op, operands[0], operands[1], operands[2]);
}

/* ---- statements ---- */

void rebuild_list(Rebuild *rebuild, Stmt first) {
  for (Stmt stmt = first; stmt; stmt = stmt_at(rebuild->old, stmt)->next)
    if (!rebuild->statement || !rebuild->statement(rebuild, stmt)) rebuild_statement(rebuild, stmt);
}

static void rebuild_for(Rebuild *rebuild, const StmtNode *node) {
  const char *name = rebuild->old->slots.data[node->slot].name;
  int64_t step = expr_at(rebuild->old, node->c)->integer;
  Expr lo = rebuild_expr(rebuild, node->a), hi = rebuild_expr(rebuild, node->b);
  rebuild->slots[node->slot] = build_for_step(&rebuild->builder, name, lo, hi, step, (LoopKind)node->loop_kind);
  rebuild_list(rebuild, node->body);
  build_end(&rebuild->builder);
}

static void rebuild_if(Rebuild *rebuild, const StmtNode *node) {
  build_if(&rebuild->builder, rebuild_expr(rebuild, node->a));
  rebuild_list(rebuild, node->body);
  if (node->otherwise) {
    build_else(&rebuild->builder);
    rebuild_list(rebuild, node->otherwise);
  }
  build_end(&rebuild->builder);
}

static void rebuild_definition(Rebuild *rebuild, const StmtNode *node) {
  const char *name = rebuild->old->slots.data[node->slot].name;
  Expr value = rebuild_expr(rebuild, node->a);
  bool is_let = node->kind == STMT_LET;
  if (!is_let) value = build_broadcast(&rebuild->builder, value, rebuild->old->slots.data[node->slot].lanes);
  rebuild->slots[node->slot] = is_let ? build_let(&rebuild->builder, name, value) : build_var(&rebuild->builder, name, value);
}

static void rebuild_store(Rebuild *rebuild, const StmtNode *node) {
  Expr indices[LOOP_MAX_RANK + 1];
  uint32_t rank = access_rank(rebuild->program, rebuild->old, node->target);
  for (uint32_t i = 0; i < node->list_count; i++) indices[i] = rebuild_lanes(rebuild, rebuild->old->lists.data[node->list + i]);
  Expr value = rebuild_lanes(rebuild, node->a);
  build_store_lanes(&rebuild->builder, node->target, rank, indices, value, node->list_count > rank ? indices[rank] : 0);
}

static void rebuild_call(Rebuild *rebuild, const StmtNode *node) {
  CallArgument *arguments = arena_array(rebuild->program->arena, CallArgument, node->list_count);
  for (uint32_t i = 0; i < node->list_count; i++) {
    arguments[i] = rebuild->old->call_arguments.data[node->list + i];
    if (arguments[i].offset) arguments[i].offset = rebuild_expr(rebuild, arguments[i].offset);
  }
  build_kernel_call(&rebuild->builder, node->target, node->list_count, arguments, node->slot);
}

void rebuild_statement(Rebuild *rebuild, Stmt old) {
  StmtNode node = *stmt_at(rebuild->old, old);
  Builder *builder = &rebuild->builder;
  switch ((StmtKind)node.kind) {
  case STMT_FOR: rebuild_for(rebuild, &node); return;
  case STMT_WHILE:
    build_while(builder, rebuild_expr(rebuild, node.a));
    rebuild_list(rebuild, node.body);
    build_end(builder);
    return;
  case STMT_IF: rebuild_if(rebuild, &node); return;
  case STMT_LET:
  case STMT_VAR:    rebuild_definition(rebuild, &node); return;
  case STMT_SET:    build_set(builder, rebuild->slots[node.slot], rebuild_expr(rebuild, node.a)); return;
  case STMT_STORE:  rebuild_store(rebuild, &node); return;
  case STMT_RETURN: build_return(builder, rebuild_expr(rebuild, node.a)); return;
  case STMT_CALL:   rebuild_call(rebuild, &node); return;
  case STMT_COPY:   build_copy(builder, node.target, node.list); return;
  case STMT_ASSIGN: build_assign(builder, node.target, rebuild_expr(rebuild, node.a)); return;
  case STMT_FAIL:   build_fail(builder, node.target); return;
  default: bug(rebuild->program->context, "%s: statement of kind %u", rebuild->old->name, node.kind);
  }
}

Code rebuild_run(Rebuild *rebuild) {
  rebuild_list(rebuild, rebuild->old->body);
  return build_close(&rebuild->builder);
}
