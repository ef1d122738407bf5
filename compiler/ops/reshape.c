/* Reshape, Flatten, Squeeze and Unsqueeze: the same elements in the same order under other dims, so they are aliases without code.
 *
 * Where an operand is only known at run time, or symbolic sizes can't be proven to fit, the node has a kernel that copies and checks: element
 * counts, and every dim against the shape the compiler worked with. */
#include "compiler/ops/movement.h"

void infer_identity(Infer *infer);
void infer_reshape(Infer *infer);
void infer_flatten(Infer *infer);
void infer_squeeze(Infer *infer);
void infer_unsqueeze(Infer *infer);
Expr point_reshape(Meaning *m, uint32_t result, const Expr *index);
Expr point_squeeze(Meaning *m, uint32_t result, const Expr *index);
Expr point_unsqueeze(Meaning *m, uint32_t result, const Expr *index);

static void check_at_run_time(Infer *infer) { node_at(infer->module, infer->node)->run_time_shape = true; }

/* ONNX Identity-25. */
void infer_identity(Infer *infer) {
  infer_same(infer);
  infer_known_as_operand(infer);
}

/* ---- Reshape ---------------------------------------------------------------------------------------------------------------------- */

/* The dim that -1 stands for. Copied dims (0) stand on both sides and are left out, so that zero-sized ones do no harm. */
static Dim rest_of(Infer *infer, const bool *copied, const Dim *dims, uint32_t count, uint32_t rest_axis) {
  DimTable *table = infer_table(infer);
  Dim have = dim_constant(table, 1), taken = have;
  for (uint32_t axis = 0; axis < infer_rank(infer, 0); axis++)
    if (!copied[axis]) have = dim_mul(table, have, infer_dim(infer, 0, axis));
  for (uint32_t axis = 0; axis < count; axis++)
    if (axis != rest_axis && !copied[axis]) taken = dim_mul(table, taken, dims[axis]);
  int64_t elements, divisor;
  bool constant = dim_is_constant(table, have, &elements) && dim_is_constant(table, taken, &divisor);
  if (dim_is_constant(table, taken, &divisor) && divisor == 0) {
    infer_error(infer, CODE_SHAPE, NULL, "-1 next to a dimension of 0 stands for any number");
    return taken;
  }
  if (constant && elements % divisor)
    infer_error(infer, CODE_SHAPE, NULL, "%lld elements can't be divided into rows of %lld", (long long)elements, (long long)divisor);
  if (!constant && !dim_divides(table, taken, have)) check_at_run_time(infer);
  return dim_floordiv(table, have, taken);
}

static void check_element_count(Infer *infer, const Dim *dims, uint32_t count) {
  DimTable *table = infer_table(infer);
  Dim from = dim_product(table, infer_dims(infer, 0), infer_rank(infer, 0)), to = dim_product(table, dims, count);
  int64_t have, wanted;
  if (from == to) return;
  if (dim_is_constant(table, from, &have) && dim_is_constant(table, to, &wanted))
    infer_error(infer, CODE_SHAPE, NULL, "%lld elements don't fit a shape of %lld", (long long)have, (long long)wanted);
  check_at_run_time(infer);
}

/* ONNX Reshape-25. */
void infer_reshape(Infer *infer) {
  uint32_t count, rest_axis = MAX_RANK;
  bool copied[MAX_RANK] = {false}, allow_zero = infer_int(infer, "allowzero") != 0;
  Dim dims[MAX_RANK];
  const Dim *shape = infer_known(infer, 1, &count);
  if (!shape && !infer_length(infer, 1, &count)) return;
  if (count > MAX_RANK) { infer_error(infer, CODE_RANK, NULL, "the result would have rank %u; the limit is %u", count, MAX_RANK); return; }
  if (!shape) { infer_set_partly(infer, 0, count, (Dim[MAX_RANK]){DIM_UNKNOWN}); return; }
  for (uint32_t axis = 0; axis < count; axis++) {
    int64_t size;
    dims[axis] = shape[axis];
    if (!dim_is_constant(infer_table(infer), shape[axis], &size) || size > 0 || (size == 0 && allow_zero)) continue;
    if (size < -1) infer_error(infer, CODE_VALUE, NULL, "the shape has a dimension of %lld", (long long)size);
    else if (size == -1 && rest_axis != MAX_RANK) infer_error(infer, CODE_VALUE, NULL, "the shape has more than one -1");
    else if (size == -1) rest_axis = axis;
    else {
      dims[axis] = infer_dim(infer, 0, axis);
      copied[axis] = true;
    }
  }
  if (infer->failed) return;
  if (rest_axis != MAX_RANK) dims[rest_axis] = rest_of(infer, copied, dims, count, rest_axis);
  else check_element_count(infer, dims, count);
  infer_set(infer, 0, count, dims);
  infer_known_as_operand(infer);
}

/* ONNX Flatten-25. */
void infer_flatten(Infer *infer) {
  uint32_t rank = infer_rank(infer, 0);
  int64_t axis = infer_int(infer, "axis");
  uint32_t split = axis == (int64_t)rank ? rank : infer_axis(infer, axis, rank ? rank : 1);
  if (infer->failed) return;
  DimTable *table = infer_table(infer);
  infer_set(infer, 0, 2, (Dim[]){dim_product(table, infer_dims(infer, 0), split), dim_product(table, infer_dims(infer, 0) + split, rank - split)});
  infer_known_as_operand(infer);
}

/* The operand's element at the same position in row-major order; clamped, so that any shape is safe. */
static Expr same_position(Meaning *m, uint32_t result, const Expr *index, Expr *bad) {
  Expr from[MAX_RANK], to[MAX_RANK], at[MAX_RANK], have = expr_index(m, 1), wanted = have;
  movement_extents(m, 0, from);
  movement_result_extents(m, result, to);
  for (uint32_t axis = 0; axis < meaning_rank(m, 0); axis++) have = expr_mul(m, have, from[axis]);
  for (uint32_t axis = 0; axis < meaning_result_rank(m, result); axis++) wanted = expr_mul(m, wanted, to[axis]);
  *bad = expr_or(m, *bad, expr_ne(m, have, wanted));
  Expr position = expr_let(m, "position", movement_position(m, meaning_result_rank(m, result), to, index));
  movement_unravel(m, meaning_rank(m, 0), from, expr_clamp(m, position, have), at);
  return movement_read_if(m, 0, expr_gt(m, have, expr_index(m, 0)), at, expr_number(m, meaning_compute(m, 0), 0));
}

Expr point_reshape(Meaning *m, uint32_t result, const Expr *index) {
  Expr bad = movement_false(m), rests = expr_index(m, 0);
  uint32_t rank = meaning_result_rank(m, result), length = meaning_has(m, 1) ? movement_length(m, 1) : 0;
  bool allow_zero = length && meaning_int(m, "allowzero");
  if (length && length != rank) bad = build_integer(m->builder, SCALAR_I1, 1);
  for (uint32_t axis = 0; axis < rank && axis < length; axis++) {
    Expr size = expr_let(m, "size", movement_integer(m, 1, axis)), rest = expr_eq(m, size, expr_index(m, -1));
    rests = expr_add(m, rests, expr_select(m, rest, expr_index(m, 1), expr_index(m, 0)));
    if (!allow_zero && axis < meaning_rank(m, 0)) size = expr_select(m, expr_eq(m, size, expr_index(m, 0)), meaning_extent(m, 0, axis), size);
    Expr other = expr_ne(m, size, meaning_result_extent(m, result, axis));
    bad = expr_or(m, bad, expr_and(m, other, build_unary(m->builder, LOOP_NOT, rest)));
  }
  bad = expr_or(m, bad, expr_gt(m, rests, expr_index(m, 1)));
  Expr value = same_position(m, result, index, &bad);
  movement_check(m, result, index, bad);
  return value;
}

/* ---- Squeeze and Unsqueeze ------------------------------------------------------------------------------------------------------------ */

/* All axes of size 1, for Squeeze without axes. A symbolic size counts as more, if the declared rank says so too. */
static void squeeze_ones(Infer *infer, bool *squeezed) {
  uint32_t rank = infer_rank(infer, 0), kept = 0, doubtful = 0;
  const Value *value = value_at(infer->module, infer_node(infer)->outputs[0]);
  for (uint32_t axis = 0; axis < rank; axis++) {
    int64_t size;
    Dim dim = infer_dim(infer, 0, axis);
    bool constant = dim_is_constant(infer_table(infer), dim, &size);
    squeezed[axis] = constant && size == 1;
    kept += !squeezed[axis];
    doubtful += !constant && dim_lo(infer_table(infer), dim) <= 1;
  }
  if (doubtful && (!value->declared_ranked || value->declared_rank != kept))
    infer_error(infer, CODE_RUN_TIME_SHAPE, "name the axes, or fix the dimension with -D", "a symbolic dimension may be 1, and no axes are given");
}

/* ONNX Squeeze-25. */
void infer_squeeze(Infer *infer) {
  uint32_t rank = infer_rank(infer, 0), axes[MAX_RANK], count, kept = 0;
  bool squeezed[MAX_RANK] = {false};
  Dim dims[MAX_RANK];
  if (!infer_has(infer, 1)) {
    squeeze_ones(infer, squeezed);
  } else {
    if (!infer_axes_operand(infer, 1, rank, &count, axes)) {
      if (!infer_length(infer, 1, &count)) return;
      if (count > rank) infer_error(infer, CODE_AXIS, NULL, "%u axes are given, but the rank is %u", count, rank);
      else infer_set_partly(infer, 0, rank - count, (Dim[MAX_RANK]){DIM_UNKNOWN});
      return;
    }
    for (uint32_t at = 0; !infer->failed && at < count; at++) squeezed[axes[at]] = true;
  }
  for (uint32_t axis = 0; axis < rank && !infer->failed; axis++) {
    int64_t size;
    Dim dim = infer_dim(infer, 0, axis);
    if (!squeezed[axis]) { dims[kept++] = dim; continue; }
    if (!dim_is_constant(infer_table(infer), dim, &size)) check_at_run_time(infer);
    else if (size != 1) infer_error(infer, CODE_SHAPE, NULL, "axis %u has size %lld, so it can't be squeezed", axis, (long long)size);
  }
  if (infer->failed) return;
  infer_set(infer, 0, kept, dims);
  infer_known_as_operand(infer);
}

/* ONNX Unsqueeze-25. */
void infer_unsqueeze(Infer *infer) {
  uint32_t length, rank, axes[MAX_RANK], count, from = 0;
  bool inserted[MAX_RANK] = {false};
  Dim dims[MAX_RANK];
  if (!infer_length(infer, 1, &length)) return;
  rank = infer_rank(infer, 0) + length;
  if (rank > MAX_RANK) { infer_error(infer, CODE_RANK, NULL, "the result would have rank %u; the limit is %u", rank, MAX_RANK); return; }
  if (!infer_axes_operand(infer, 1, rank, &count, axes)) {
    infer_set_partly(infer, 0, rank, (Dim[MAX_RANK]){DIM_UNKNOWN});
    return;
  }
  if (infer->failed) return;
  for (uint32_t at = 0; at < count; at++) inserted[axes[at]] = true;
  for (uint32_t axis = 0; axis < rank; axis++) dims[axis] = inserted[axis] ? dim_constant(infer_table(infer), 1) : infer_dim(infer, 0, from++);
  infer_set(infer, 0, rank, dims);
  infer_known_as_operand(infer);
}

/* True if axis of the longer shape is among the run-time axes. */
static Expr is_named(Meaning *m, uint32_t axis, uint32_t long_rank) {
  Expr named = movement_false(m);
  for (uint32_t at = 0; at < movement_length(m, 1); at++) {
    Expr given = movement_wrap(m, movement_integer(m, 1, at), expr_index(m, long_rank));
    named = expr_or(m, named, expr_eq(m, given, expr_index(m, axis)));
  }
  return named;
}

/* Contradiction between the longer shape without the named axes (which must have size 1) and the shorter one. */
static Expr axes_disagree(Meaning *m, uint32_t long_rank, const Expr *longer, uint32_t short_rank, const Expr *shorter) {
  Expr bad = movement_false(m), to = expr_index(m, 0), zero = expr_index(m, 0), one = expr_index(m, 1);
  for (uint32_t axis = 0; axis < long_rank; axis++) {
    Expr named = expr_let(m, "named", is_named(m, axis, long_rank)), expected = expr_index(m, -1);
    for (uint32_t other = 0; other < short_rank; other++) expected = expr_select(m, expr_eq(m, to, expr_index(m, other)), shorter[other], expected);
    bad = expr_let(m, "bad", expr_or(m, bad, expr_ne(m, longer[axis], expr_select(m, named, one, expected))));
    to = expr_let(m, "to", expr_add(m, to, expr_select(m, named, zero, one)));
  }
  return expr_or(m, bad, expr_ne(m, to, expr_index(m, short_rank)));
}

Expr point_squeeze(Meaning *m, uint32_t result, const Expr *index) {
  Expr longer[MAX_RANK], shorter[MAX_RANK], bad = movement_false(m);
  movement_extents(m, 0, longer);
  movement_result_extents(m, result, shorter);
  if (meaning_has(m, 1)) bad = axes_disagree(m, meaning_rank(m, 0), longer, meaning_result_rank(m, result), shorter);
  Expr value = same_position(m, result, index, &bad);
  movement_check(m, result, index, bad);
  return value;
}

Expr point_unsqueeze(Meaning *m, uint32_t result, const Expr *index) {
  Expr longer[MAX_RANK], shorter[MAX_RANK];
  movement_extents(m, 0, shorter);
  movement_result_extents(m, result, longer);
  Expr bad = axes_disagree(m, meaning_result_rank(m, result), longer, meaning_rank(m, 0), shorter);
  Expr value = same_position(m, result, index, &bad);
  movement_check(m, result, index, bad);
  return value;
}
