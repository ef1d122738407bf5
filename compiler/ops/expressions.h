/* Short names for building expressions, so that a meaning reads like arithmetic. Operands must have equal types, as with build_binary. */
#ifndef ONNXCC_OPS_EXPRESSIONS_H
#define ONNXCC_OPS_EXPRESSIONS_H
#include "meaning.h"
#include <math.h>

static inline Expr expr_add(Meaning *m, Expr a, Expr b) { return build_binary(m->builder, LOOP_ADD, a, b); }
static inline Expr expr_sub(Meaning *m, Expr a, Expr b) { return build_binary(m->builder, LOOP_SUB, a, b); }
static inline Expr expr_mul(Meaning *m, Expr a, Expr b) { return build_binary(m->builder, LOOP_MUL, a, b); }
static inline Expr expr_div(Meaning *m, Expr a, Expr b) { return build_binary(m->builder, LOOP_DIV, a, b); }
static inline Expr expr_rem(Meaning *m, Expr a, Expr b) { return build_binary(m->builder, LOOP_REM, a, b); }
static inline Expr expr_min(Meaning *m, Expr a, Expr b) { return build_binary(m->builder, LOOP_MIN, a, b); }
static inline Expr expr_max(Meaning *m, Expr a, Expr b) { return build_binary(m->builder, LOOP_MAX, a, b); }
static inline Expr expr_and(Meaning *m, Expr a, Expr b) { return build_binary(m->builder, LOOP_AND, a, b); }
static inline Expr expr_or(Meaning *m, Expr a, Expr b) { return build_binary(m->builder, LOOP_OR, a, b); }
static inline Expr expr_eq(Meaning *m, Expr a, Expr b) { return build_binary(m->builder, LOOP_EQ, a, b); }
static inline Expr expr_ne(Meaning *m, Expr a, Expr b) { return build_binary(m->builder, LOOP_NE, a, b); }
static inline Expr expr_lt(Meaning *m, Expr a, Expr b) { return build_binary(m->builder, LOOP_LT, a, b); }
static inline Expr expr_le(Meaning *m, Expr a, Expr b) { return build_binary(m->builder, LOOP_LE, a, b); }
static inline Expr expr_gt(Meaning *m, Expr a, Expr b) { return build_binary(m->builder, LOOP_GT, a, b); }
static inline Expr expr_ge(Meaning *m, Expr a, Expr b) { return build_binary(m->builder, LOOP_GE, a, b); }
static inline Expr expr_select(Meaning *m, Expr condition, Expr then, Expr otherwise) { return build_select(m->builder, condition, then, otherwise); }
static inline Expr expr_index(Meaning *m, int64_t value) { return build_index(m->builder, value); }
static inline Expr expr_let(Meaning *m, const char *name, Expr value) { return build_let(m->builder, name, value); }

/* A number of any type but f16 and bf16. */
static inline Expr expr_number(Meaning *m, Scalar scalar, double value) {
  return scalar_is_float(scalar) ? build_float(m->builder, scalar, value) : build_integer(m->builder, scalar, (int64_t)value);
}
/* What no value is below (minus infinity, or the least integer) and what none is above. */
static inline Expr expr_lowest(Meaning *m, Scalar scalar) {
  if (scalar_is_float(scalar)) return build_float(m->builder, scalar, -(double)INFINITY);
  return build_integer(m->builder, scalar, scalar_is_signed(scalar) ? (int64_t)((uint64_t)-1 << (scalar_bits(scalar) - 1)) : 0);
}
static inline Expr expr_highest(Meaning *m, Scalar scalar) {
  if (scalar_is_float(scalar)) return build_float(m->builder, scalar, (double)INFINITY);
  return build_unary(m->builder, LOOP_NOT, expr_lowest(m, scalar));
}
/* A function of the library by its name without the type: "exp". */
static inline Expr expr_function(Meaning *m, const char *name, uint32_t count, const Expr *arguments) {
  Scalar scalar = build_scalar(m->builder, arguments[0]);
  return build_call(m->builder, arena_format(m->builder->arena, "%s_%s", name, scalar_name(scalar)), scalar, count, arguments);
}
static inline bool expr_is(Meaning *m, Expr a, int64_t value) {
  int64_t constant;
  return build_is_constant(m->builder, a, &constant) && constant == value;
}
/* Is `a` a float literal that is a number? */
static inline bool expr_literal(const Meaning *m, Expr a, double *number) {
  const ExprNode *node = expr_at(&m->builder->code, a);
  if (node->op != LOOP_CONSTANT || !scalar_is_float((Scalar)node->scalar) || isnan(node->number)) return false;
  *number = node->number;
  return true;
}
/* `at` forced into 0 .. extent - 1; 0 if extent is 0. */
static inline Expr expr_clamp(Meaning *m, Expr at, Expr extent) {
  return expr_max(m, expr_min(m, at, expr_sub(m, extent, expr_index(m, 1))), expr_index(m, 0));
}
/* max(a, 0) / by, rounded up. */
static inline Expr expr_divide_up(Meaning *m, Expr a, int64_t by) {
  return expr_div(m, expr_add(m, expr_max(m, a, expr_index(m, 0)), expr_index(m, by - 1)), expr_index(m, by));
}
/* 0 <= at < extent. */
static inline Expr expr_inside(Meaning *m, Expr at, Expr extent) {
  return expr_and(m, expr_ge(m, at, expr_index(m, 0)), expr_lt(m, at, extent));
}
/* A loop variable over 0 .. extent - 1, counted in `blocks` for meaning_end_loops; the constant 0 and no loop where the extent is the constant 1. */
static inline Expr expr_loop(Meaning *m, const char *name, Dim extent, uint32_t *blocks) {
  int64_t constant;
  if (dim_is_constant(&m->module->dims, extent, &constant) && constant == 1) return build_index(m->builder, 0);
  ++*blocks;
  return build_for(m->builder, name, build_index(m->builder, 0), build_dim(m->builder, extent));
}
/* A loop along the last of the axes that something is accumulated over: under --fp=strict in partial results. Any other loop if not `is_row`. */
static inline Expr expr_row(Meaning *m, const char *name, Expr extent, bool is_row) {
  return build_for_step(m->builder, name, expr_index(m, 0), extent, 1, is_row ? LOOP_ACCUMULATES : LOOP_SERIAL);
}
/* The extent of two dims that the operator wants equal: where only the running program knows, a disagreement is reported and the smaller one
 * is used. */
static inline Expr expr_agree(Meaning *m, Dim a, Dim b) {
  Expr x = build_dim(m->builder, a), y = build_dim(m->builder, b), differ = build_binary(m->builder, LOOP_NE, x, y);
  if (expr_is(m, differ, 0)) return x;
  meaning_fail_if(m, differ, STATUS_SHAPE);
  return build_binary(m->builder, LOOP_MIN, x, y);
}
/* LOOP_MAX or LOOP_MIN of a and b as numpy has them: NaN if either is (elementwise_points.c). */
Expr expr_extreme(Meaning *m, LoopOp op, Expr a, Expr b);
/* Where an operand's axis of extent `own` is read for position `at` of an axis of extent `result` that it broadcasts to (numpy). */
static inline Expr expr_broadcast(Meaning *m, Dim own, Dim result, Expr at) {
  int64_t extent, wanted;
  bool known = dim_is_constant(&m->module->dims, own, &extent);
  if (own == result) return at;
  if (known && extent == 1) return build_index(m->builder, 0);
  if (known && dim_is_constant(&m->module->dims, result, &wanted)) return at;
  return build_binary(m->builder, LOOP_MIN, at, build_binary(m->builder, LOOP_SUB, build_dim(m->builder, own), build_index(m->builder, 1)));
}
/* The rules of inference in a meaning, for plans that both need (slices, pads, resizes). */
static inline Infer meaning_infer(const Meaning *m) { return (Infer){m->module, m->node, false}; }
#endif
