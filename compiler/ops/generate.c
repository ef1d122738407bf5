/* Tensors made from shapes and single numbers: Shape, Size, ConstantOfShape, Range, EyeLike. */
#include "compiler/ops/movement.h"
#include <math.h>
#include <string.h>

void infer_shape(Infer *infer);
void infer_size(Infer *infer);
void infer_constant_of_shape(Infer *infer);
void infer_range(Infer *infer);
void infer_eye_like(Infer *infer);
Expr point_shape(Meaning *m, uint32_t result, const Expr *index);
Expr point_size(Meaning *m, uint32_t result, const Expr *index);
Expr point_constant_of_shape(Meaning *m, uint32_t result, const Expr *index);
Expr point_range(Meaning *m, uint32_t result, const Expr *index);
Expr point_eye_like(Meaning *m, uint32_t result, const Expr *index);

/* ---- Shape and Size -------------------------------------------------------------------------------------------------------------------- */

/* Axes start .. end - 1 of a tensor of that rank; both attributes are clamped. */
static uint32_t shape_window(const Module *module, const Node *node, int64_t rank, uint32_t *start) {
  int64_t from = op_int(module, node, "start"), to = op_has(node, "end") ? op_int(module, node, "end") : rank;
  from = from < 0 ? from + rank : from;
  to = to < 0 ? to + rank : to;
  from = from < 0 ? 0 : from > rank ? rank : from;
  to = to < from ? from : to > rank ? rank : to;
  *start = (uint32_t)from;
  return (uint32_t)(to - from);
}

/* ONNX Shape-25. */
void infer_shape(Infer *infer) {
  uint32_t start, count = shape_window(infer->module, infer_node(infer), infer_rank(infer, 0), &start);
  Dim length = dim_constant(infer_table(infer), count);
  infer_set(infer, 0, 1, &length);
  if (!infer->failed) infer_set_known(infer, 0, infer_dims(infer, 0) + start, count);
}

Expr point_shape(Meaning *m, uint32_t result, const Expr *index) {
  uint32_t start, count = shape_window(m->module, meaning_node(m), meaning_rank(m, 0), &start);
  Expr size = expr_index(m, 0);
  for (uint32_t at = 0; at < count; at++) size = expr_select(m, expr_eq(m, index[0], expr_index(m, at)), meaning_extent(m, 0, start + at), size);
  return build_cast(m->builder, SCALAR_I64, size);
}

/* ONNX Size-25. */
void infer_size(Infer *infer) {
  Dim size = dim_product(infer_table(infer), infer_dims(infer, 0), infer_rank(infer, 0));
  infer_set(infer, 0, 0, NULL);
  if (!infer->failed) infer_set_known(infer, 0, &size, 1);
}

Expr point_size(Meaning *m, uint32_t result, const Expr *index) {
  Dim dims[MAX_RANK];
  for (uint32_t axis = 0; axis < meaning_rank(m, 0); axis++) dims[axis] = meaning_dim(m, 0, axis);
  return build_cast(m->builder, SCALAR_I64, build_dim(m->builder, dim_product(&m->module->dims, dims, meaning_rank(m, 0))));
}

/* ---- ConstantOfShape --------------------------------------------------------------------------------------------------------------------- */

/* The tensor attribute that fills the result; VALUE_NONE: 0.0f. */
static ValueId fill_value(const Node *node) {
  const Attribute *attribute = node_attribute(node, "value");
  return attribute ? attribute->tensor : VALUE_NONE;
}

static void constant_known(Infer *infer, ValueId fill) {
  int64_t count;
  Element element = fill ? value_at(infer->module, fill)->element : ELEMENT_F32;
  if (!element_is_integer(element) && element != ELEMENT_BOOL) return;
  if (!value_static_elements(infer->module, infer_node(infer)->outputs[0], &count) || count > KNOWN_LIMIT) return;
  Dim *elements = arena_array(infer->module->arena, Dim, (size_t)count);
  for (int64_t at = 0; at < count; at++) elements[at] = dim_constant(infer_table(infer), value_constant_i64(infer->module, fill, 0));
  infer_set_known(infer, 0, elements, (uint32_t)count);
}

/* ONNX ConstantOfShape-25. */
void infer_constant_of_shape(Infer *infer) {
  uint32_t count;
  ValueId fill = fill_value(infer_node(infer));
  int64_t elements = 1, size;
  if (fill && (!value_static_elements(infer->module, fill, &elements) || elements != 1)) {
    infer_error(infer, CODE_VALUE, NULL, "the value must be a tensor of one element");
    return;
  }
  infer_set_element(infer, 0, fill ? value_at(infer->module, fill)->element : ELEMENT_F32);
  const Dim *shape = infer_known(infer, 0, &count);
  if (!shape) {
    if (infer_length(infer, 0, &count)) infer_set_partly(infer, 0, count, (Dim[MAX_RANK]){DIM_UNKNOWN});
    return;
  }
  for (uint32_t axis = 0; axis < count; axis++)
    if (dim_is_constant(infer_table(infer), shape[axis], &size) && size < 0)
      infer_error(infer, CODE_VALUE, NULL, "the shape has a dimension of %lld", (long long)size);
  if (infer->failed) return;
  infer_set(infer, 0, count, shape);
  if (!infer->failed) constant_known(infer, fill);
}

/* A constant element in its compute type. */
static Expr fill_expr(Meaning *m, ValueId fill) {
  Element element = meaning_result_element(m, 0);
  Scalar scalar = element_compute(element);
  if (!fill) return expr_number(m, scalar, 0);
  if (scalar_is_float(scalar)) return build_float(m->builder, scalar, value_constant_f64(m->module, fill, 0));
  int64_t value = value_constant_i64(m->module, fill, 0);
  return build_integer(m->builder, scalar, element == ELEMENT_BOOL ? value != 0 : value);
}

Expr point_constant_of_shape(Meaning *m, uint32_t result, const Expr *index) {
  Expr bad = movement_false(m);
  if (meaning_node(m)->run_time_shape) {
    for (uint32_t axis = 0; axis < meaning_result_rank(m, 0); axis++)
      bad = expr_or(m, bad, expr_ne(m, movement_integer(m, 0, axis), meaning_result_extent(m, 0, axis)));
  }
  movement_check(m, 0, index, bad);
  return fill_expr(m, fill_value(meaning_node(m)));
}

/* ---- Range ------------------------------------------------------------------------------------------------------------------------------------ */

/* The number an operand holds before the program runs, as a float. */
static bool known_number(Infer *infer, uint32_t operand, double *number) {
  ValueId id = infer_node(infer)->inputs[operand];
  if (!value_is_constant(value_at(infer->module, id))) return false;
  *number = value_constant_f64(infer->module, id, 0);
  return true;
}

/* max(ceil((limit - start) / delta), 0); DIM_UNKNOWN if only the running program knows. */
static Dim range_length(Infer *infer) {
  DimTable *table = infer_table(infer);
  uint32_t count;
  double start, limit, delta;
  int64_t step;
  if (element_is_float(infer_element(infer, 0))) {
    if (!known_number(infer, 0, &start) || !known_number(infer, 1, &limit) || !known_number(infer, 2, &delta)) return DIM_UNKNOWN;
    double length = ceil((limit - start) / delta);
    if (!(length < 9e15)) { infer_error(infer, CODE_VALUE, NULL, "the range has no end"); return DIM_UNKNOWN; }
    return dim_constant(table, length > 0 ? (int64_t)length : 0);
  }
  const Dim *from = infer_known(infer, 0, &count), *to = infer_known(infer, 1, &count), *by = infer_known(infer, 2, &count);
  if (!from || !to || !by || !dim_is_constant(table, by[0], &step)) return DIM_UNKNOWN;
  if (step == 0 || step == INT64_MIN) { infer_error(infer, CODE_VALUE, NULL, "delta is %lld", (long long)step); return DIM_UNKNOWN; }
  Dim distance = step > 0 ? dim_sub(table, to[0], from[0]) : dim_sub(table, from[0], to[0]);
  return dim_ceildiv(table, dim_max(table, distance, dim_constant(table, 0)), dim_constant(table, step > 0 ? step : -step));
}

static void range_known(Infer *infer) {
  uint32_t unused;
  int64_t count, step;
  const Dim *start = infer_known(infer, 0, &unused), *by = infer_known(infer, 2, &unused);
  if (!start || !by || !dim_is_constant(infer_table(infer), by[0], &step)) return;
  if (!value_static_elements(infer->module, infer_node(infer)->outputs[0], &count) || count > KNOWN_LIMIT) return;
  Dim *elements = arena_array(infer->module->arena, Dim, (size_t)count);
  for (int64_t at = 0; at < count; at++) elements[at] = dim_add(infer_table(infer), start[0], dim_constant(infer_table(infer), at * step));
  infer_set_known(infer, 0, elements, (uint32_t)count);
}

/* ONNX Range-27. */
void infer_range(Infer *infer) {
  for (uint32_t operand = 0; operand < 3; operand++)
    if (infer_rank(infer, operand))
      infer_error(infer, CODE_RANK, NULL, "operand %u has rank %u, but must be a scalar", operand, infer_rank(infer, operand));
  if (infer->failed) return;
  Dim length = range_length(infer);
  if (infer->failed) return;
  if (length == DIM_UNKNOWN) { infer_set_partly(infer, 0, 1, &length); return; }
  infer_set(infer, 0, 1, &length);
  if (!infer->failed && element_is_integer(infer_element(infer, 0))) range_known(infer);
}

/* True if the run-time operands ask for another number of elements than declared. */
static Expr range_disagrees(Meaning *m, Expr start, Expr limit, Expr delta) {
  Builder *builder = m->builder;
  Scalar scalar = build_scalar(builder, start);
  Expr length = build_cast(builder, SCALAR_I64, meaning_result_extent(m, 0, 0)), found;
  if (scalar_is_float(scalar)) {
    Expr steps = build_unary(builder, LOOP_CEIL, expr_div(m, expr_sub(m, limit, start), delta));
    found = build_cast(builder, SCALAR_I64, expr_max(m, steps, build_float(builder, scalar, 0)));
  } else {
    Expr zero = build_integer(builder, SCALAR_I64, 0), one = build_integer(builder, SCALAR_I64, 1);
    start = build_cast(builder, SCALAR_I64, start);
    limit = build_cast(builder, SCALAR_I64, limit);
    delta = expr_let(m, "delta", build_cast(builder, SCALAR_I64, delta));
    Expr forward = expr_let(m, "forward", expr_gt(m, delta, zero));
    Expr distance = expr_let(m, "distance", expr_max(m, expr_select(m, forward, expr_sub(m, limit, start), expr_sub(m, start, limit)), zero));
    Expr stride = expr_select(m, forward, delta, expr_sub(m, zero, delta)); /* division by 0 is 0 */
    Expr whole = expr_add(m, expr_div(m, expr_max(m, expr_sub(m, distance, one), zero), stride), one);
    found = expr_select(m, expr_gt(m, distance, zero), whole, zero);
  }
  return expr_ne(m, found, length);
}

/* start + i * delta. */
Expr point_range(Meaning *m, uint32_t result, const Expr *index) {
  Scalar scalar = meaning_result_compute(m, 0);
  Expr start = expr_let(m, "start", meaning_read(m, 0, index)), delta = expr_let(m, "delta", meaning_read(m, 2, index));
  if (meaning_node(m)->run_time_shape) movement_check(m, 0, index, range_disagrees(m, start, expr_let(m, "limit", meaning_read(m, 1, index)), delta));
  return expr_add(m, start, expr_mul(m, build_cast(m->builder, scalar, index[0]), delta));
}

/* ---- EyeLike ----------------------------------------------------------------------------------------------------------------------------------- */

/* ONNX EyeLike-22. */
void infer_eye_like(Infer *infer) {
  Element element = op_has(infer_node(infer), "dtype") ? (Element)infer_int(infer, "dtype") : infer_element(infer, 0);
  if (infer_rank(infer, 0) != 2) infer_error(infer, CODE_RANK, NULL, "the operand has rank %u, but must be a matrix", infer_rank(infer, 0));
  else if (element <= ELEMENT_NONE || element >= ELEMENT_COUNT || !element_in_set(element, "real"))
    infer_error(infer, CODE_VALUE, NULL, "dtype %d is not supported", (int)element);
  if (infer->failed) return;
  infer_set_element(infer, 0, element);
  infer_same(infer);
}

Expr point_eye_like(Meaning *m, uint32_t result, const Expr *index) {
  Scalar scalar = meaning_result_compute(m, 0);
  Expr diagonal = expr_eq(m, expr_add(m, index[0], expr_index(m, meaning_int(m, "k"))), index[1]);
  return expr_select(m, diagonal, expr_number(m, scalar, 1), expr_number(m, scalar, 0));
}
