/* What the operators that move elements share (movement.h). */
#include "compiler/ops/movement.h"

Expr movement_integer(Meaning *m, uint32_t operand, int64_t k) {
  uint32_t count, rank = meaning_rank(m, operand);
  Expr index[MAX_RANK];
  for (uint32_t axis = 0; axis < rank; axis++) index[axis] = expr_index(m, axis + 1 == rank ? k : 0);
  const Dim *known = meaning_known(m, operand, &count);
  if (known && k < (int64_t)count) return build_dim(m->builder, known[k]);
  Expr value = meaning_read(m, operand, index);
  Scalar scalar = build_scalar(m->builder, value);
  if (scalar == SCALAR_I64)
    value = expr_max(m, expr_min(m, value, build_integer(m->builder, scalar, INT32_MAX)), build_integer(m->builder, scalar, -INT32_MAX));
  return expr_let(m, "given", build_cast(m->builder, SCALAR_INDEX, value));
}

uint32_t movement_length(const Meaning *m, uint32_t operand) {
  int64_t length;
  if (!meaning_has(m, operand)) return 0;
  if (!meaning_rank(m, operand)) return 1;
  return dim_is_constant(&m->module->dims, meaning_dim(m, operand, 0), &length) ? (uint32_t)length : 0;
}

Expr movement_false(Meaning *m) { return build_integer(m->builder, SCALAR_I1, 0); }

void movement_check(Meaning *m, uint32_t result, const Expr *index, Expr bad) {
  if (expr_is(m, bad, 0)) return;
  for (uint32_t axis = 0; axis < meaning_result_rank(m, result); axis++) bad = expr_and(m, expr_eq(m, index[axis], expr_index(m, 0)), bad);
  meaning_fail_if(m, bad, STATUS_SHAPE);
}

Expr movement_wrap(Meaning *m, Expr a, Expr extent) { return expr_select(m, expr_lt(m, a, expr_index(m, 0)), expr_add(m, a, extent), a); }

Expr movement_position(Meaning *m, uint32_t rank, const Expr *extents, const Expr *index) {
  Expr position = expr_index(m, 0);
  for (uint32_t axis = 0; axis < rank; axis++) position = expr_add(m, expr_mul(m, position, extents[axis]), index[axis]);
  return position;
}

void movement_unravel(Meaning *m, uint32_t rank, const Expr *extents, Expr position, Expr *index) {
  Expr inner = expr_index(m, 1);
  position = expr_let(m, "position", position);
  for (uint32_t axis = rank; axis-- > 0;) {
    Expr outer = expr_div(m, position, inner);
    index[axis] = axis ? expr_rem(m, outer, extents[axis]) : outer;
    inner = expr_mul(m, inner, extents[axis]);
  }
}

Expr movement_read_if(Meaning *m, uint32_t operand, Expr inside, const Expr *index, Expr otherwise) {
  if (expr_is(m, inside, 1)) return meaning_read(m, operand, index);
  if (expr_is(m, inside, 0)) return otherwise;
  Expr value = build_var(m->builder, "value", otherwise);
  build_if(m->builder, inside);
  build_set(m->builder, value, meaning_read(m, operand, index));
  build_end(m->builder);
  return value;
}

void movement_extents(Meaning *m, uint32_t operand, Expr *extents) {
  for (uint32_t axis = 0; axis < meaning_rank(m, operand); axis++) extents[axis] = meaning_extent(m, operand, axis);
}

void movement_result_extents(Meaning *m, uint32_t result, Expr *extents) {
  for (uint32_t axis = 0; axis < meaning_result_rank(m, result); axis++) extents[axis] = meaning_result_extent(m, result, axis);
}

/* ---- shape rules ---------------------------------------------------------------------------------------------------------------- */

bool infer_length(Infer *infer, uint32_t operand, uint32_t *length) {
  int64_t found = 1;
  if (infer_rank(infer, operand) > 1) {
    infer_error(infer, CODE_RANK, NULL, "operand %u has rank %u, but must be a vector", operand, infer_rank(infer, operand));
    return false;
  }
  if (infer_rank(infer, operand) == 1 && !dim_is_constant(infer_table(infer), infer_dim(infer, operand, 0), &found)) {
    infer_error(infer, CODE_RUN_TIME_SHAPE, "fix its length with -D", "the length of operand %u decides a rank, but is only known at run time",
                operand);
    return false;
  }
  if (found > INT32_MAX) {
    infer_error(infer, CODE_SHAPE, NULL, "operand %u has %lld entries", operand, (long long)found);
    return false;
  }
  *length = (uint32_t)found;
  return true;
}

void infer_known_as_operand(Infer *infer) {
  uint32_t count;
  int64_t elements;
  const Dim *known = infer_known(infer, 0, &count);
  if (!known || !infer_node(infer)->outputs[0]) return;
  if (value_static_elements(infer->module, infer_node(infer)->outputs[0], &elements) && elements == (int64_t)count)
    infer_set_known(infer, 0, known, count);
}

bool infer_axes(Infer *infer, uint32_t count, const int64_t *values, uint32_t rank, uint32_t *axes) {
  bool seen[MAX_RANK] = {false};
  if (count > rank) {
    infer_error(infer, CODE_AXIS, NULL, "%u axes are given, but the rank is %u", count, rank);
    return false;
  }
  for (uint32_t at = 0; at < count; at++) {
    axes[at] = infer_axis(infer, values[at], rank);
    if (infer->failed) return false;
    if (seen[axes[at]]) infer_error(infer, CODE_AXIS, NULL, "axis %u is given twice", axes[at]);
    seen[axes[at]] = true;
  }
  return !infer->failed;
}

bool infer_axes_operand(Infer *infer, uint32_t operand, uint32_t rank, uint32_t *count, uint32_t *axes) {
  int64_t values[64];
  if (!infer_known_constants(infer, operand, count, values)) return false;
  infer_axes(infer, *count, values, rank, axes);
  return true;
}
