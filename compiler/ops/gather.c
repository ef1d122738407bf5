/* Operators that find elements through a tensor of indices: Gather, GatherElements, GatherND, OneHot, TensorScatter. Indices count from the end if
 * negative; one outside its axis is reported (STATUS_INDEX) and clamped, so that reads stay inside whatever the data. Constant indices are
 * checked here, once, and cost nothing. */
#include "compiler/ops/gather.h"
#include <string.h>

void infer_gather(Infer *infer);
void infer_gather_elements(Infer *infer);
void infer_gather_nd(Infer *infer);
void infer_one_hot(Infer *infer);
void infer_tensor_scatter(Infer *infer);
Expr point_gather(Meaning *m, uint32_t result, const Expr *index);
Expr point_gather_elements(Meaning *m, uint32_t result, const Expr *index);
Expr point_gather_nd(Meaning *m, uint32_t result, const Expr *index);
Expr point_one_hot(Meaning *m, uint32_t result, const Expr *index);
Expr point_tensor_scatter(Meaning *m, uint32_t result, const Expr *index);

#define SCAN_LIMIT (INT64_C(1) << 22) /* constant indices looked at before they are checked at run time instead */

/* Smallest and largest of a constant integer operand; false if it is none. */
static bool constant_range(const Meaning *m, uint32_t operand, int64_t *lo, int64_t *hi) {
  ValueId id = meaning_node(m)->inputs[operand];
  const Value *value = value_at(m->module, id);
  int64_t count;
  if (!value_is_constant(value) || !value_static_elements(m->module, id, &count) || !count || count > SCAN_LIMIT) return false;
  if (value->content == CONTENT_SPLAT) count = 1;
  *lo = *hi = value_constant_i64(m->module, id, 0);
  for (int64_t at = 1; at < count; at++) {
    int64_t element = value_constant_i64(m->module, id, at);
    if (element < *lo) *lo = element;
    if (element > *hi) *hi = element;
  }
  return true;
}

CheckedIndex gather_index(Meaning *m, uint32_t operand, const Expr *at, Dim axis_dim) {
  int64_t lo, hi, least = dim_lo(&m->module->dims, axis_dim);
  Expr extent = build_dim(m->builder, axis_dim), found = meaning_read_index(m, operand, at), yes = build_integer(m->builder, SCALAR_I1, 1);
  bool constant = constant_range(m, operand, &lo, &hi);
  if (!constant || lo < 0) found = movement_wrap(m, expr_let(m, "index", found), extent);
  if (constant && lo >= -least && hi < least) return (CheckedIndex){found, yes};
  found = expr_let(m, "index", found);
  Expr inside = expr_let(m, "inside", expr_inside(m, found, extent));
  meaning_fail_if(m, build_unary(m->builder, LOOP_NOT, inside), STATUS_INDEX);
  return (CheckedIndex){expr_clamp(m, found, extent), inside};
}

/* The element of operand 0, where an axis that may be empty is looked into only if it is not. */
static Expr read_data(Meaning *m, const bool *looked_up, const Expr *index) {
  Expr inside = build_integer(m->builder, SCALAR_I1, 1), zero = expr_index(m, 0);
  for (uint32_t axis = 0; axis < meaning_rank(m, 0); axis++)
    if (looked_up[axis]) inside = expr_and(m, inside, expr_gt(m, meaning_extent(m, 0, axis), zero));
  return movement_read_if(m, 0, inside, index, expr_number(m, meaning_compute(m, 0), 0));
}

/* ---- Gather ------------------------------------------------------------------------------------------------------------------------------ */

static void gather_known(Infer *infer) {
  uint32_t data_count, count;
  int64_t values[64];
  const Dim *data = infer_known(infer, 0, &data_count);
  if (!data || infer_rank(infer, 0) != 1 || infer_rank(infer, 1) > 1 || !infer_known_constants(infer, 1, &count, values)) return;
  Dim elements[64];
  for (uint32_t at = 0; at < count; at++) {
    int64_t from = values[at] < 0 ? values[at] + (int64_t)data_count : values[at];
    if (from < 0 || from >= (int64_t)data_count) {
      infer_error(infer, CODE_VALUE, NULL, "index %lld is outside an axis of size %u", (long long)values[at], data_count);
      return;
    }
    elements[at] = data[from];
  }
  infer_set_known(infer, 0, elements, count);
}

/* ONNX Gather-13. */
void infer_gather(Infer *infer) {
  uint32_t rank = infer_rank(infer, 0), indices = infer_rank(infer, 1), axis = infer_axis(infer, infer_int(infer, "axis"), rank), to = 0;
  Dim dims[2 * MAX_RANK];
  if (infer->failed) return;
  for (uint32_t at = 0; at < axis; at++) dims[to++] = infer_dim(infer, 0, at);
  for (uint32_t at = 0; at < indices; at++) dims[to++] = infer_dim(infer, 1, at);
  for (uint32_t at = axis + 1; at < rank; at++) dims[to++] = infer_dim(infer, 0, at);
  infer_set(infer, 0, to, dims);
  if (!infer->failed) gather_known(infer);
}

Expr point_gather(Meaning *m, uint32_t result, const Expr *index) {
  uint32_t rank = meaning_rank(m, 0), indices = meaning_rank(m, 1), axis = meaning_axis(m, meaning_int(m, "axis"), rank);
  Expr from[MAX_RANK];
  bool looked_up[MAX_RANK] = {false};
  for (uint32_t at = 0; at < rank; at++) from[at] = at < axis ? index[at] : at > axis ? index[at + indices - 1] : 0;
  from[axis] = gather_index(m, 1, index + axis, meaning_dim(m, 0, axis)).at;
  looked_up[axis] = true;
  return read_data(m, looked_up, from);
}

/* ---- GatherElements ---------------------------------------------------------------------------------------------------------------------- */

void infer_elements_indices(Infer *infer, uint32_t axis) {
  uint32_t rank = infer_rank(infer, 0);
  if (infer_rank(infer, 1) != rank) {
    infer_error(infer, CODE_RANK, NULL, "indices have rank %u, but data has rank %u", infer_rank(infer, 1), rank);
    return;
  }
  for (uint32_t at = 0; at < rank; at++) {
    int64_t have, wanted;
    bool constant = dim_is_constant(infer_table(infer), infer_dim(infer, 0, at), &have) &&
        dim_is_constant(infer_table(infer), infer_dim(infer, 1, at), &wanted);
    if (at != axis && constant && wanted > have)
      infer_error(infer, CODE_SHAPE, NULL, "indices have %lld along axis %u, but data has %lld", (long long)wanted, at, (long long)have);
  }
}

/* ONNX GatherElements-13. */
void infer_gather_elements(Infer *infer) {
  uint32_t axis = infer_axis(infer, infer_int(infer, "axis"), infer_rank(infer, 0));
  if (!infer->failed) infer_elements_indices(infer, axis);
  if (!infer->failed) infer_set(infer, 0, infer_rank(infer, 1), infer_dims(infer, 1));
}

Expr point_gather_elements(Meaning *m, uint32_t result, const Expr *index) {
  uint32_t rank = meaning_rank(m, 0), axis = meaning_axis(m, meaning_int(m, "axis"), rank);
  Expr from[MAX_RANK];
  bool looked_up[MAX_RANK] = {false};
  for (uint32_t at = 0; at < rank; at++) {
    bool fits = dim_hi(&m->module->dims, dim_sub(&m->module->dims, meaning_dim(m, 1, at), meaning_dim(m, 0, at))) <= 0;
    looked_up[at] = at == axis || !fits;
    if (at == axis) from[at] = gather_index(m, 1, index, meaning_dim(m, 0, at)).at;
    else from[at] = fits ? index[at] : expr_clamp(m, index[at], meaning_extent(m, 0, at));
  }
  return read_data(m, looked_up, from);
}

/* ---- GatherND ----------------------------------------------------------------------------------------------------------------------------- */

uint32_t infer_tuple_length(Infer *infer, uint32_t operand, uint32_t most) {
  int64_t length = 0;
  uint32_t rank = infer_rank(infer, operand);
  if (!rank || !dim_is_constant(infer_table(infer), infer_dim(infer, operand, rank - 1), &length))
    infer_error(infer, CODE_RANK, "fix it with -D", "the last dimension of indices decides a rank, but is not known");
  else if (length < 1 || length > (int64_t)most)
    infer_error(infer, CODE_SHAPE, NULL, "indices have tuples of %lld, but 1 to %u axes can be indexed", (long long)length, most);
  return infer->failed ? 0 : (uint32_t)length;
}

/* ONNX GatherND-13. */
void infer_gather_nd(Infer *infer) {
  int64_t batch = infer_int(infer, "batch_dims");
  uint32_t rank = infer_rank(infer, 0), indices = infer_rank(infer, 1), to = 0;
  Dim dims[2 * MAX_RANK];
  if (batch < 0 || batch >= (int64_t)rank || batch >= (int64_t)indices) {
    infer_error(infer, CODE_VALUE, NULL, "batch_dims is %lld for ranks %u and %u", (long long)batch, rank, indices);
    return;
  }
  uint32_t tuple = infer_tuple_length(infer, 1, rank - (uint32_t)batch);
  if (infer->failed) return;
  for (uint32_t at = 0; at + 1 < indices; at++) dims[to++] = infer_dim(infer, 1, at);
  for (uint32_t at = (uint32_t)batch + tuple; at < rank; at++) dims[to++] = infer_dim(infer, 0, at);
  infer_set(infer, 0, to, dims);
}

Expr point_gather_nd(Meaning *m, uint32_t result, const Expr *index) {
  uint32_t rank = meaning_rank(m, 0), indices = meaning_rank(m, 1), batch = (uint32_t)meaning_int(m, "batch_dims");
  uint32_t tuple = (uint32_t)dim_value(&m->module->dims, meaning_dim(m, 1, indices - 1));
  Expr from[MAX_RANK], at[MAX_RANK];
  bool looked_up[MAX_RANK] = {false};
  memcpy(at, index, (indices - 1) * sizeof *at);
  for (uint32_t axis = 0; axis < rank; axis++) {
    bool fits = axis >= batch || meaning_dim(m, 0, axis) == meaning_dim(m, 1, axis);
    looked_up[axis] = !fits || (axis >= batch && axis < batch + tuple);
    if (axis < batch) {
      from[axis] = fits ? index[axis] : expr_clamp(m, index[axis], meaning_extent(m, 0, axis));
    } else if (axis < batch + tuple) {
      at[indices - 1] = expr_index(m, axis - batch);
      from[axis] = gather_index(m, 1, at, meaning_dim(m, 0, axis)).at;
    } else {
      from[axis] = index[axis - batch - tuple + indices - 1];
    }
  }
  return read_data(m, looked_up, from);
}

/* ---- OneHot ---------------------------------------------------------------------------------------------------------------------------------- */

/* The depth before the program runs; DIM_UNKNOWN if only it knows. */
static Dim one_hot_depth(Infer *infer) {
  uint32_t count;
  const Dim *known = infer_known(infer, 1, &count);
  if (known && count == 1) return known[0];
  ValueId id = infer_node(infer)->inputs[1];
  const Value *value = value_at(infer->module, id);
  if (value_is_constant(value) && element_is_float(value->element))
    return dim_constant(infer_table(infer), (int64_t)value_constant_f64(infer->module, id, 0));
  return DIM_UNKNOWN;
}

/* ONNX OneHot-11. */
void infer_one_hot(Infer *infer) {
  uint32_t rank = infer_rank(infer, 0) + 1, axis = infer_axis(infer, infer_int(infer, "axis"), rank);
  Dim dims[MAX_RANK + 1], depth;
  infer_single(infer, 1, "the depth");
  if (infer_rank(infer, 2) != 1) infer_error(infer, CODE_RANK, NULL, "values has rank %u, but must be a vector", infer_rank(infer, 2));
  if (!infer->failed) infer_agree(infer, infer_dim(infer, 2, 0), dim_constant(infer_table(infer), 2), "the number of values", "off and on");
  if (infer->failed) return;
  depth = one_hot_depth(infer);
  for (uint32_t at = 0; at < rank; at++) dims[at] = at == axis ? depth : infer_dim(infer, 0, at < axis ? at : at - 1);
  if (depth == DIM_UNKNOWN) infer_set_partly(infer, 0, rank, dims);
  else infer_set(infer, 0, rank, dims);
}

Expr point_one_hot(Meaning *m, uint32_t result, const Expr *index) {
  uint32_t rank = meaning_result_rank(m, 0), axis = meaning_axis(m, meaning_int(m, "axis"), rank);
  Expr from[MAX_RANK], zero = expr_index(m, 0), one = expr_index(m, 1), depth = meaning_result_extent(m, 0, axis);
  for (uint32_t at = 0; at + 1 < rank; at++) from[at] = index[at < axis ? at : at + 1];
  Expr hot = build_cast(m->builder, SCALAR_INDEX, build_cast(m->builder, SCALAR_I64, meaning_read(m, 0, from)));
  hot = movement_wrap(m, expr_let(m, "hot", hot), depth);
  if (meaning_node(m)->run_time_shape) {
    Expr first[MAX_RANK];
    for (uint32_t at = 0; at < meaning_rank(m, 1); at++) first[at] = zero;
    Expr given = build_cast(m->builder, SCALAR_INDEX, build_cast(m->builder, SCALAR_I64, meaning_read(m, 1, first)));
    movement_check(m, 0, index, expr_ne(m, given, depth));
  }
  Expr two = expr_eq(m, meaning_extent(m, 2, 0), expr_index(m, 2)), none = expr_number(m, meaning_compute(m, 2), 0);
  movement_check(m, 0, index, build_unary(m->builder, LOOP_NOT, two));
  Expr on = movement_read_if(m, 2, two, &one, none), off = movement_read_if(m, 2, two, &zero, none);
  return expr_select(m, expr_eq(m, hot, index[axis]), on, off);
}

/* ---- TensorScatter ----------------------------------------------------------------------------------------------------------------------------- */

/* ONNX TensorScatter-24. */
void infer_tensor_scatter(Infer *infer) {
  uint32_t rank = infer_rank(infer, 0), axis = infer_axis(infer, infer_int(infer, "axis"), rank);
  if (infer->failed) return;
  if (axis == 0) infer_error(infer, CODE_AXIS, NULL, "the axis to write along can't be the batch");
  if (infer_rank(infer, 1) != rank)
    infer_error(infer, CODE_RANK, NULL, "the update has rank %u, but the cache has rank %u", infer_rank(infer, 1), rank);
  for (uint32_t at = 0; !infer->failed && at < rank; at++)
    if (at != axis) infer_agree(infer, infer_dim(infer, 0, at), infer_dim(infer, 1, at), "a dimension of the cache", "that of the update");
  if (infer_has(infer, 2) && infer_rank(infer, 2) != 1) infer_error(infer, CODE_RANK, NULL, "write_indices must have rank 1");
  if (infer_has(infer, 2) && !infer->failed)
    infer_agree(infer, infer_dim(infer, 2, 0), infer_dim(infer, 0, 0), "the number of write_indices", "the batch");
  infer_same(infer);
}

/* Position s of the cache is entry s - w of the update (circular: modulo the size), if there is one. */
Expr point_tensor_scatter(Meaning *m, uint32_t result, const Expr *index) {
  uint32_t rank = meaning_rank(m, 0), axis = meaning_axis(m, meaning_int(m, "axis"), rank);
  bool circular = !strcmp(meaning_string(m, "mode"), "circular");
  Expr zero = expr_index(m, 0), size = meaning_extent(m, 0, axis), length = meaning_extent(m, 1, axis), from[MAX_RANK];
  Expr start = zero, same = build_integer(m->builder, SCALAR_I1, 1); /* same: symbolic sizes that must agree do */
  for (uint32_t at = 0; at < rank; at++)
    if (at != axis) same = expr_and(m, same, expr_eq(m, meaning_extent(m, 0, at), meaning_extent(m, 1, at)));
  if (meaning_has(m, 2)) {
    same = expr_and(m, same, expr_eq(m, meaning_extent(m, 0, 0), meaning_extent(m, 2, 0)));
    Expr given = movement_read_if(m, 2, same, index, build_integer(m->builder, SCALAR_I64, 0));
    start = expr_let(m, "start", build_cast(m->builder, SCALAR_INDEX, given));
  }
  movement_check(m, 0, index, build_unary(m->builder, LOOP_NOT, same));
  Expr most = circular ? expr_index(m, INT32_MAX) : expr_max(m, expr_sub(m, size, length), zero);
  meaning_fail_if(m, expr_or(m, expr_lt(m, start, zero), expr_gt(m, start, most)), STATUS_INDEX);
  start = expr_max(m, expr_min(m, start, most), zero);
  if (circular) start = expr_rem(m, start, expr_max(m, size, expr_index(m, 1)));
  Expr at = expr_let(m, "at", expr_sub(m, index[axis], start));
  if (circular) at = movement_wrap(m, at, size);
  memcpy(from, index, rank * sizeof *from);
  from[axis] = expr_let(m, "at", at);
  return movement_read_if(m, 1, expr_and(m, same, expr_inside(m, from[axis], length)), from, meaning_read(m, 0, index));
}
