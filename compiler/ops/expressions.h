/* Short names for building expressions, so that a meaning reads like arithmetic. Operands must have equal types, as with build_binary. */
#ifndef ONNXCC_OPS_EXPRESSIONS_H
#define ONNXCC_OPS_EXPRESSIONS_H
#include "meaning.h"

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
static inline bool expr_is(Meaning *m, Expr a, int64_t value) {
  int64_t constant;
  return build_is_constant(m->builder, a, &constant) && constant == value;
}
/* `at` forced into 0 .. extent - 1; 0 if extent is 0. */
static inline Expr expr_clamp(Meaning *m, Expr at, Expr extent) {
  return expr_max(m, expr_min(m, at, expr_sub(m, extent, expr_index(m, 1))), expr_index(m, 0));
}
/* 0 <= at < extent. */
static inline Expr expr_inside(Meaning *m, Expr at, Expr extent) {
  return expr_and(m, expr_ge(m, at, expr_index(m, 0)), expr_lt(m, at, extent));
}
/* The rules of inference in a meaning, for plans that both need (slices, pads, resizes). */
static inline Infer meaning_infer(const Meaning *m) { return (Infer){m->module, m->node, false}; }
#endif
