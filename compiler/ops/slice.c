/* Slice, Pad and CenterCropPad: windows of the operand, larger or smaller than it.
 *
 * Shape rules work on dimension expressions; meanings on index expressions, which fold to constants where the operands are known. Axes that only
 * the running program knows are found by comparing each given axis with each axis of the operand. */
#include "compiler/ops/movement.h"
#include <string.h>

void infer_slice(Infer *infer);
void infer_pad(Infer *infer);
void infer_center_crop_pad(Infer *infer);
Expr point_slice(Meaning *m, uint32_t result, const Expr *index);
Expr point_pad(Meaning *m, uint32_t result, const Expr *index);
Expr point_center_crop_pad(Meaning *m, uint32_t result, const Expr *index);

#define ENDLESS INT64_C(0x7fffffff) /* bounds from here on mean "to the end" next to a symbolic size, as the standard recommends INT_MAX */

/* Axes the entries of a slice or pad refer to: the operand, or 0, 1, ... False: only known at run time. */
static bool window_axes(Infer *infer, uint32_t operand, uint32_t *count, uint32_t *axes) {
  if (infer_has(infer, operand)) {
    uint32_t found;
    if (!infer_axes_operand(infer, operand, infer_rank(infer, 0), &found, axes)) return false;
    if (found != *count) infer_error(infer, CODE_SHAPE, NULL, "%u axes are given for %u entries", found, *count);
    return true;
  }
  if (*count > infer_rank(infer, 0))
    infer_error(infer, CODE_SHAPE, NULL, "%u entries are given, but the operand has rank %u", *count, infer_rank(infer, 0));
  for (uint32_t at = 0; at < *count && at < MAX_RANK; at++) axes[at] = at;
  return true;
}

/* Which entry refers to an axis; count if none. */
static uint32_t entry_of(const uint32_t *axes, uint32_t count, uint32_t axis) {
  uint32_t at = 0;
  while (at < count && axes[at] != axis) at++;
  return at;
}

/* ---- Slice: shape ---------------------------------------------------------------------------------------------------------------------- */

/* A bound made non-negative and clamped into lo .. hi; DIM_UNKNOWN if its sign is not known. */
static Dim slice_bound(DimTable *table, Dim bound, Dim size, Dim lo, Dim hi) {
  int64_t value, constant_size;
  bool constant = dim_is_constant(table, bound, &value);
  if (constant && (value >= ENDLESS || value <= -ENDLESS)) {
    if (!dim_is_constant(table, size, &constant_size) || value >= constant_size || value <= -constant_size - 1)
      return value > 0 ? hi : dim_min(table, lo, hi);
  }
  if (dim_hi(table, bound) < 0) bound = dim_add(table, bound, size);
  else if (dim_lo(table, bound) < 0) return DIM_UNKNOWN;
  return dim_min(table, dim_max(table, bound, lo), hi);
}

/* Size of one sliced axis; DIM_UNKNOWN if it can't be said. */
static Dim slice_extent(DimTable *table, Dim size, Dim start, Dim end, int64_t step) {
  Dim zero = dim_constant(table, 0), minus_one = dim_constant(table, -1), last = dim_sub(table, size, dim_constant(table, 1));
  Dim from = slice_bound(table, start, size, zero, step > 0 ? size : last);
  Dim to = slice_bound(table, end, size, step > 0 ? zero : minus_one, step > 0 ? size : last);
  if (from == DIM_UNKNOWN || to == DIM_UNKNOWN) return DIM_UNKNOWN;
  Dim distance = step > 0 ? dim_sub(table, to, from) : dim_sub(table, from, to);
  return dim_ceildiv(table, dim_max(table, distance, zero), dim_constant(table, step > 0 ? step : -step));
}

/* Everything a slice needs to know before the program runs. */
typedef struct SlicePlan { uint32_t count, axes[MAX_RANK]; const Dim *starts, *ends; int64_t steps[64]; } SlicePlan;

/* False: only known at run time, or an error. */
static bool plan_slice(Infer *infer, SlicePlan *plan) {
  uint32_t ends, steps;
  plan->starts = infer_known(infer, 1, &plan->count);
  plan->ends = infer_known(infer, 2, &ends);
  if (!plan->starts || !plan->ends || plan->count > MAX_RANK) return false;
  if (ends != plan->count) { infer_error(infer, CODE_SHAPE, NULL, "%u starts, but %u ends", plan->count, ends); return false; }
  for (uint32_t at = 0; at < plan->count; at++) plan->steps[at] = 1;
  if (infer_has(infer, 4)) {
    if (!infer_known_constants(infer, 4, &steps, plan->steps)) return false;
    if (steps != plan->count) infer_error(infer, CODE_SHAPE, NULL, "%u starts, but %u steps", plan->count, steps);
    for (uint32_t at = 0; at < plan->count; at++)
      if (!plan->steps[at] || plan->steps[at] < -ENDLESS) infer_error(infer, CODE_VALUE, NULL, "a step is %lld", (long long)plan->steps[at]);
  }
  return window_axes(infer, 3, &plan->count, plan->axes) && !infer->failed;
}

static void slice_known(Infer *infer, const SlicePlan *plan) {
  uint32_t count;
  int64_t size, start = 0, step = 1;
  const Dim *known = infer_known(infer, 0, &count);
  if (!known || infer_rank(infer, 0) != 1 || !value_static_elements(infer->module, infer_node(infer)->outputs[0], &size) || size > (int64_t)count)
    return;
  if (plan->count) {
    if (!dim_is_constant(infer_table(infer), plan->starts[0], &start)) return;
    step = plan->steps[0];
  }
  if (start < 0) start = start < -(int64_t)count ? 0 : start + (int64_t)count;
  if (step < 0 && start >= (int64_t)count) start = (int64_t)count - 1;
  Dim *elements = arena_array(infer->module->arena, Dim, (size_t)size);
  for (int64_t at = 0; at < size; at++) {
    int64_t from = start + at * step;
    if (from < 0 || from >= (int64_t)count) return;
    elements[at] = known[from];
  }
  infer_set_known(infer, 0, elements, (uint32_t)size);
}

/* Operands that say one number an axis have a length that the rank must allow. */
static void check_lengths(Infer *infer, uint32_t first, uint32_t last) {
  uint32_t length, expected = 0;
  for (uint32_t operand = first; operand <= last; operand++) {
    if (!infer_has(infer, operand) || !infer_length(infer, operand, &length)) continue;
    if (operand == first) expected = length;
    if (length != expected || length > infer_rank(infer, 0))
      infer_error(infer, CODE_SHAPE, NULL, "operand %u has %u entries, but operand %u has %u and the rank is %u", operand, length, first, expected,
                  infer_rank(infer, 0));
  }
}

/* ONNX Slice-13. */
void infer_slice(Infer *infer) {
  uint32_t rank = infer_rank(infer, 0);
  Dim dims[MAX_RANK];
  SlicePlan plan;
  check_lengths(infer, 1, 4);
  if (infer->failed) return;
  bool known = plan_slice(infer, &plan);
  if (infer->failed) return;
  uint32_t count, axes[MAX_RANK];
  bool complete = known, axes_known = infer_length(infer, 1, &count) && window_axes(infer, 3, &count, axes);
  for (uint32_t axis = 0; axis < rank; axis++) {
    uint32_t at = axes_known ? entry_of(axes, count, axis) : 0;
    dims[axis] = axes_known && at == count ? infer_dim(infer, 0, axis) : DIM_UNKNOWN;
    if (known && at < count) dims[axis] = slice_extent(infer_table(infer), infer_dim(infer, 0, axis), plan.starts[at], plan.ends[at], plan.steps[at]);
    complete &= dims[axis] != DIM_UNKNOWN;
  }
  if (!complete) { infer_set_partly(infer, 0, rank, dims); return; }
  infer_set(infer, 0, rank, dims);
  slice_known(infer, &plan);
}

/* ---- Slice: meaning -------------------------------------------------------------------------------------------------------------------- */

typedef struct SliceTerms { Expr start, end, step; } SliceTerms;

static SliceTerms entry_terms(Meaning *m, uint32_t at) {
  return (SliceTerms){movement_integer(m, 1, at), movement_integer(m, 2, at), meaning_has(m, 4) ? movement_integer(m, 4, at) : expr_index(m, 1)};
}

/* Start, end and step as given for an axis, found at run time among the entries. */
static SliceTerms search_terms(Meaning *m, uint32_t axis, uint32_t count) {
  SliceTerms terms = {expr_index(m, 0), meaning_extent(m, 0, axis), expr_index(m, 1)};
  for (uint32_t at = 0; at < count; at++) {
    SliceTerms entry = entry_terms(m, at);
    Expr given = movement_wrap(m, movement_integer(m, 3, at), expr_index(m, meaning_rank(m, 0)));
    Expr named = expr_let(m, "named", expr_eq(m, given, expr_index(m, axis)));
    terms.start = expr_select(m, named, entry.start, terms.start);
    terms.end = expr_select(m, named, entry.end, terms.end);
    terms.step = expr_select(m, named, entry.step, terms.step);
  }
  return terms;
}

/* A bound made non-negative and clamped as ONNX Slice-13 says for the step's sign. */
static Expr bound_expr(Meaning *m, Expr bound, Expr size, Expr forward, bool is_end) {
  Expr zero = expr_index(m, 0), last = expr_sub(m, size, expr_index(m, 1));
  Expr lo = is_end ? expr_select(m, forward, zero, expr_index(m, -1)) : zero;
  bound = expr_let(m, "bound", bound);
  return expr_min(m, expr_max(m, movement_wrap(m, bound, size), lo), expr_select(m, forward, size, last));
}

/* Where result position `at` of an axis comes from, and whether the axis contradicts the shape the compiler worked with. */
static Expr run_time_slice(Meaning *m, uint32_t axis, SliceTerms terms, Expr at, Expr *bad) {
  Expr zero = expr_index(m, 0), one = expr_index(m, 1), size = meaning_extent(m, 0, axis), most = expr_max(m, size, one);
  Expr given = expr_let(m, "step", terms.step);
  Expr step = expr_let(m, "step", expr_max(m, expr_min(m, given, most), expr_sub(m, zero, most))); /* a longer step gives the same slice */
  Expr forward = expr_let(m, "forward", expr_gt(m, step, zero));
  Expr start = expr_let(m, "start", bound_expr(m, terms.start, size, forward, false));
  Expr end = bound_expr(m, terms.end, size, forward, true);
  Expr distance = expr_let(m, "distance", expr_max(m, expr_mul(m, expr_sub(m, end, start), expr_select(m, forward, one, expr_index(m, -1))), zero));
  Expr stride = expr_max(m, expr_select(m, forward, step, expr_sub(m, zero, step)), one);
  Expr extent = expr_select(m, expr_gt(m, distance, zero), expr_add(m, expr_div(m, expr_max(m, expr_sub(m, distance, one), zero), stride), one),
                            zero);
  *bad = expr_or(m, *bad, expr_or(m, expr_ne(m, extent, meaning_result_extent(m, 0, axis)), expr_eq(m, given, zero)));
  return expr_clamp(m, expr_add(m, start, expr_mul(m, at, step)), size);
}

Expr point_slice(Meaning *m, uint32_t result, const Expr *index) {
  uint32_t rank = meaning_rank(m, 0), axes[MAX_RANK], count = movement_length(m, 1), found = count;
  Infer infer = meaning_infer(m);
  bool axes_known = window_axes(&infer, 3, &found, axes), run_time = meaning_node(m)->run_time_shape;
  Expr from[MAX_RANK], bad = movement_false(m), inside = build_integer(m->builder, SCALAR_I1, 1);
  for (uint32_t axis = 0; axis < rank; axis++) {
    uint32_t at = axes_known ? entry_of(axes, count, axis) : 0;
    from[axis] = index[axis];
    if (axes_known && at == count && !run_time) continue;
    SliceTerms terms = {expr_index(m, 0), meaning_extent(m, 0, axis), expr_index(m, 1)};
    if (!axes_known) terms = search_terms(m, axis, count);
    else if (at < count) terms = entry_terms(m, at);
    if (run_time) {
      from[axis] = run_time_slice(m, axis, terms, index[axis], &bad);
      inside = expr_and(m, inside, expr_gt(m, meaning_extent(m, 0, axis), expr_index(m, 0)));
    } else {
      Expr start = bound_expr(m, terms.start, meaning_extent(m, 0, axis), expr_gt(m, terms.step, expr_index(m, 0)), false);
      from[axis] = expr_add(m, start, expr_mul(m, index[axis], terms.step));
    }
  }
  movement_check(m, 0, index, bad);
  return movement_read_if(m, 0, inside, from, expr_number(m, meaning_compute(m, 0), 0));
}

/* ---- Pad ----------------------------------------------------------------------------------------------------------------------------------- */

/* Amounts known before the program runs: axes, and pads of `count` axes (all begins, then all ends). False: not known, or an error. */
static bool plan_pad(Infer *infer, const Dim **pads, uint32_t *count, uint32_t *axes) {
  uint32_t length;
  *pads = infer_known(infer, 1, &length);
  *count = length / 2;
  if (!*pads) return false;
  if (length % 2) { infer_error(infer, CODE_SHAPE, NULL, "pads has %u entries, an odd number", length); return false; }
  return window_axes(infer, 3, count, axes) && !infer->failed;
}

/* ONNX Pad-25. */
void infer_pad(Infer *infer) {
  const Dim *pads;
  DimTable *table = infer_table(infer);
  uint32_t count, axes[MAX_RANK], rank = infer_rank(infer, 0), length, axes_length = rank;
  Dim dims[MAX_RANK];
  if (!infer_length(infer, 1, &length) || (infer_has(infer, 3) && !infer_length(infer, 3, &axes_length))) return;
  if (length != 2 * axes_length || axes_length > rank) {
    infer_error(infer, CODE_SHAPE, NULL, "pads has %u entries for %u axes of a tensor of rank %u", length, axes_length, rank);
    return;
  }
  bool known = plan_pad(infer, &pads, &count, axes);
  if (infer->failed) return;
  count = axes_length;
  bool axes_known = window_axes(infer, 3, &count, axes);
  for (uint32_t axis = 0; axis < rank; axis++) {
    uint32_t at = axes_known ? entry_of(axes, count, axis) : 0;
    dims[axis] = axes_known && (known || at == count) ? infer_dim(infer, 0, axis) : DIM_UNKNOWN;
    if (known && at < count) dims[axis] = dim_add(table, dims[axis], dim_add(table, pads[at], pads[count + at]));
    int64_t size;
    if (dim_is_constant(table, dims[axis], &size) && size < 0)
      infer_error(infer, CODE_SHAPE, NULL, "axis %u would have size %lld", axis, (long long)size);
  }
  if (infer->failed) return;
  if (known) infer_set(infer, 0, rank, dims);
  else infer_set_partly(infer, 0, rank, dims);
}

/* Amounts before and after an axis. */
static void pad_amounts(Meaning *m, uint32_t axis, Expr *before, Expr *after) {
  uint32_t axes[MAX_RANK], count = movement_length(m, 1) / 2, found = count;
  Infer infer = meaning_infer(m);
  bool axes_known = window_axes(&infer, 3, &found, axes);
  *before = *after = expr_index(m, 0);
  if (axes_known) {
    uint32_t at = entry_of(axes, count, axis);
    if (at == count) return;
    *before = movement_integer(m, 1, at);
    *after = movement_integer(m, 1, count + at);
    return;
  }
  for (uint32_t at = 0; at < count; at++) {
    Expr given = movement_wrap(m, movement_integer(m, 3, at), expr_index(m, meaning_rank(m, 0)));
    Expr named = expr_let(m, "named", expr_eq(m, given, expr_index(m, axis)));
    *before = expr_select(m, named, movement_integer(m, 1, at), *before);
    *after = expr_select(m, named, movement_integer(m, 1, count + at), *after);
  }
}

/* The position below `size` that stands at offset `at` (maybe negative or beyond) of the padded axis. */
static Expr pad_position(Meaning *m, const char *mode, Expr at, Expr before, Expr size) {
  Expr zero = expr_index(m, 0), one = expr_index(m, 1);
  if (!strcmp(mode, "edge")) return expr_clamp(m, at, size);
  bool wrap = !strcmp(mode, "wrap");
  Expr period = expr_max(m, wrap ? size : expr_mul(m, expr_sub(m, size, one), expr_index(m, 2)), one);
  Expr turns = expr_div(m, expr_add(m, expr_max(m, before, zero), expr_sub(m, period, one)), period); /* whole periods that make `at` non-negative */
  Expr phase = expr_let(m, "phase", expr_rem(m, expr_add(m, at, expr_mul(m, turns, period)), period));
  return wrap ? phase : expr_clamp(m, expr_min(m, phase, expr_sub(m, period, phase)), size);
}

static Expr pad_constant(Meaning *m) {
  Expr none[MAX_RANK];
  if (!meaning_has(m, 2)) return expr_number(m, meaning_compute(m, 0), 0);
  for (uint32_t axis = 0; axis < MAX_RANK; axis++) none[axis] = expr_index(m, 0);
  return meaning_read(m, 2, none);
}

/* Elements may have been added on this side; where the shape is only known at run time, the amounts prove nothing. */
static bool may_lie_outside(Meaning *m, Expr amount) {
  int64_t value;
  return meaning_node(m)->run_time_shape || !build_is_constant(m->builder, amount, &value) || value > 0;
}

/* Negative amounts crop; the other modes then pad what is left. */
Expr point_pad(Meaning *m, uint32_t result, const Expr *index) {
  uint32_t rank = meaning_rank(m, 0);
  const char *mode = meaning_string(m, "mode");
  bool constant = !strcmp(mode, "constant");
  Expr from[MAX_RANK], bad = movement_false(m), inside = build_integer(m->builder, SCALAR_I1, 1), zero = expr_index(m, 0);
  for (uint32_t axis = 0; axis < rank; axis++) {
    Expr before, after, size = meaning_extent(m, 0, axis);
    pad_amounts(m, axis, &before, &after);
    bool untouched = expr_is(m, before, 0) && expr_is(m, after, 0);
    from[axis] = index[axis];
    if (meaning_node(m)->run_time_shape)
      bad = expr_or(m, bad, expr_ne(m, expr_add(m, expr_add(m, size, before), after), meaning_result_extent(m, 0, axis)));
    if (untouched && !meaning_node(m)->run_time_shape) continue;
    if (constant) {
      from[axis] = expr_let(m, "from", expr_sub(m, index[axis], before));
      if (may_lie_outside(m, before)) inside = expr_and(m, inside, expr_ge(m, from[axis], zero));
      if (may_lie_outside(m, after)) inside = expr_and(m, inside, expr_lt(m, from[axis], size));
      continue;
    }
    Expr cropped = expr_max(m, expr_sub(m, zero, expr_min(m, before, zero)), zero); /* elements left out at the start */
    Expr rest = expr_add(m, expr_add(m, size, expr_min(m, before, zero)), expr_min(m, after, zero));
    Expr at = expr_sub(m, index[axis], expr_max(m, before, zero));
    from[axis] = expr_clamp(m, expr_add(m, pad_position(m, mode, at, before, rest), cropped), size);
    inside = expr_and(m, inside, expr_gt(m, size, zero));
  }
  movement_check(m, 0, index, bad);
  return movement_read_if(m, 0, inside, from, constant ? pad_constant(m) : expr_number(m, meaning_compute(m, 0), 0));
}

/* ---- CenterCropPad ------------------------------------------------------------------------------------------------------------------------ */

static uint32_t crop_axes(Infer *infer, uint32_t *axes) {
  uint32_t count, rank = infer_rank(infer, 0);
  const int64_t *given = infer_ints(infer, "axes", &count);
  if (given) return infer_axes(infer, count, given, rank, axes) ? count : 0;
  for (uint32_t axis = 0; axis < rank; axis++) axes[axis] = axis;
  return rank;
}

/* ONNX CenterCropPad-18. */
void infer_center_crop_pad(Infer *infer) {
  uint32_t axes[MAX_RANK], count = crop_axes(infer, axes), length, known_count;
  Dim dims[MAX_RANK];
  if (infer->failed || !infer_length(infer, 1, &length)) return;
  if (length != count) { infer_error(infer, CODE_SHAPE, NULL, "the shape has %u entries for %u axes", length, count); return; }
  const Dim *shape = infer_known(infer, 1, &known_count);
  memcpy(dims, infer_dims(infer, 0), infer_rank(infer, 0) * sizeof *dims);
  for (uint32_t at = 0; at < count; at++) dims[axes[at]] = shape ? shape[at] : DIM_UNKNOWN;
  if (shape) infer_set(infer, 0, infer_rank(infer, 0), dims);
  else infer_set_partly(infer, 0, infer_rank(infer, 0), dims);
}

Expr point_center_crop_pad(Meaning *m, uint32_t result, const Expr *index) {
  uint32_t rank = meaning_rank(m, 0), axes[MAX_RANK];
  Infer infer = meaning_infer(m);
  uint32_t count = crop_axes(&infer, axes);
  Expr from[MAX_RANK], bad = movement_false(m), inside = build_integer(m->builder, SCALAR_I1, 1), zero = expr_index(m, 0), two = expr_index(m, 2);
  for (uint32_t axis = 0; axis < rank; axis++) {
    Expr have = meaning_extent(m, 0, axis), wanted = meaning_result_extent(m, 0, axis);
    uint32_t at = entry_of(axes, count, axis);
    from[axis] = index[axis];
    if (meaning_node(m)->run_time_shape) bad = expr_or(m, bad, expr_ne(m, at < count ? movement_integer(m, 1, at) : have, wanted));
    if (meaning_dim(m, 0, axis) == meaning_result_dim(m, 0, axis)) continue;
    Expr cropped = expr_div(m, expr_max(m, expr_sub(m, have, wanted), zero), two),
         padded = expr_div(m, expr_max(m, expr_sub(m, wanted, have), zero), two);
    from[axis] = expr_let(m, "from", expr_sub(m, expr_add(m, index[axis], cropped), padded));
    inside = expr_and(m, inside, expr_inside(m, from[axis], have));
  }
  movement_check(m, 0, index, bad);
  return movement_read_if(m, 0, inside, from, expr_number(m, meaning_compute(m, 0), 0));
}
