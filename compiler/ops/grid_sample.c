/* GridSample and AffineGrid: elements at positions that another tensor holds, and such positions. */
#include "compiler/ops/interpolate.h"
#include <string.h>

void infer_grid_sample(Infer *infer);
void infer_affine_grid(Infer *infer);
Expr point_grid_sample(Meaning *m, uint32_t result, const Expr *index);
Expr point_affine_grid(Meaning *m, uint32_t result, const Expr *index);

/* ---- GridSample ---------------------------------------------------------------------------------------------------------------------------- */

/* ONNX GridSample-22. */
void infer_grid_sample(Infer *infer) {
  uint32_t rank = infer_rank(infer, 0);
  bool cubic = !strcmp(op_string(infer->module, infer_node(infer), "mode"), "cubic");
  Dim dims[MAX_RANK];
  if (rank < 3 || infer_rank(infer, 1) != rank) {
    infer_error(infer, CODE_RANK, NULL, "X has rank %u and grid %u; both need the same, 3 or more", rank, infer_rank(infer, 1));
    return;
  }
  infer_agree(infer, infer_dim(infer, 1, rank - 1), dim_constant(infer_table(infer), rank - 2), "the last dimension of grid",
              "the number of spatial axes");
  infer_agree(infer, infer_dim(infer, 0, 0), infer_dim(infer, 1, 0), "the batch of X", "that of grid");
  if (rank - 2 > (cubic ? 3u : 6u)) {
    infer_error(infer, CODE_RANK, NULL, "%u spatial axes are more than onnxcc samples", rank - 2);
    return;
  }
  dims[0] = infer_dim(infer, 0, 0);
  dims[1] = infer_dim(infer, 0, 1);
  for (uint32_t axis = 2; axis < rank; axis++) dims[axis] = infer_dim(infer, 1, axis - 1);
  infer_set(infer, 0, rank, dims);
}

/* How one node samples. */
typedef struct Sampler { Filter filter; bool align, nearest; enum { PAD_ZEROS, PAD_BORDER, PAD_REFLECTION } padding; } Sampler;

static Sampler sampler_of(const Meaning *m) {
  const char *mode = meaning_string(m, "mode"), *padding = meaning_string(m, "padding_mode");
  Scalar scalar = meaning_compute(m, 0);
  bool wide = scalar == SCALAR_F64 || (scalar_is_integer(scalar) && scalar_bytes(scalar) >= 4);
  Sampler sampler = {.filter = {.real = wide ? SCALAR_F64 : SCALAR_F32, .cubic = !strcmp(mode, "cubic"), .a = -0.75},
                     .align = meaning_int(m, "align_corners") != 0, .nearest = !strcmp(mode, "nearest")};
  sampler.padding = !strcmp(padding, "zeros") ? PAD_ZEROS : !strcmp(padding, "border") ? PAD_BORDER : PAD_REFLECTION;
  return sampler;
}

static Expr real(Meaning *m, const Sampler *sampler, double number) { return build_float(m->builder, sampler->filter.real, number); }

/* x reflected at the borders of an axis until it lies inside; the borders are the outer elements, or half an element beyond them. */
static Expr reflect(Meaning *m, const Sampler *sampler, Expr x, Expr size) {
  Expr half = real(m, sampler, 0.5), zero = real(m, sampler, 0), one = real(m, sampler, 1);
  Expr lo = sampler->align ? zero : real(m, sampler, -0.5), hi = expr_sub(m, size, sampler->align ? one : half);
  x = expr_let(m, "x", x);
  Expr range = expr_sub(m, hi, lo), below = expr_let(m, "below", expr_lt(m, x, lo)), above = expr_let(m, "above", expr_gt(m, x, hi));
  Expr beyond = expr_let(m, "beyond", expr_select(m, below, expr_sub(m, lo, x), expr_sub(m, x, hi)));
  Expr turns = expr_let(m, "turns", build_unary(m->builder, LOOP_TRUNC, expr_div(m, beyond, range)));
  Expr rest = expr_let(m, "rest", expr_sub(m, beyond, expr_mul(m, turns, range)));
  Expr halves = expr_mul(m, turns, half), even = expr_eq(m, build_unary(m->builder, LOOP_FLOOR, halves), halves);
  Expr from_lo = expr_eq(m, even, below); /* an even number of turns leaves it at the border it crossed */
  Expr inside = expr_select(m, from_lo, expr_add(m, lo, rest), expr_sub(m, hi, rest));
  Expr reflected = expr_select(m, expr_or(m, below, above), inside, x);
  return expr_select(m, expr_le(m, range, zero), lo, reflected);
}

/* The position along an axis of `size` elements, reflected into it if the mode says so (borders are the taps' business), and never far outside:
 * indices near it stay small numbers. */
static Expr sample_position(Meaning *m, const Sampler *sampler, Expr normalized, Expr size) {
  Expr half = real(m, sampler, 0.5), one = real(m, sampler, 1), x;
  Expr shifted = expr_add(m, normalized, one);
  if (sampler->align) x = expr_mul(m, expr_mul(m, shifted, half), expr_sub(m, size, one));
  else x = expr_mul(m, expr_sub(m, expr_mul(m, shifted, size), one), half);
  if (sampler->nearest) x = build_unary(m->builder, LOOP_ROUND, x);
  x = expr_let(m, "x", x);
  if (sampler->padding == PAD_REFLECTION) x = reflect(m, sampler, x, size);
  return expr_let(m, "x", expr_max(m, expr_min(m, x, expr_add(m, size, real(m, sampler, 4))), real(m, sampler, -4)));
}

/* The index a tap reads, in bounds; *inside becomes false where zeros stand instead. */
static Expr tap_index(Meaning *m, const Sampler *sampler, Expr at, Expr extent, Expr *inside) {
  at = expr_let(m, "at", at);
  if (sampler->padding == PAD_ZEROS) *inside = expr_and(m, *inside, expr_inside(m, at, extent));
  if (sampler->padding == PAD_REFLECTION) {
    Expr size = build_cast(m->builder, sampler->filter.real, extent);
    at = build_cast(m->builder, SCALAR_INDEX, reflect(m, sampler, build_cast(m->builder, sampler->filter.real, at), size));
  }
  return expr_clamp(m, at, extent);
}

/* Operand 0 at `from`, or zero where not inside; axes may be empty. */
static Expr read_tap(Meaning *m, Expr inside, const Expr *from) {
  Expr zero = expr_number(m, meaning_compute(m, 0), 0), present = build_integer(m->builder, SCALAR_I1, 1);
  for (uint32_t axis = 2; axis < meaning_rank(m, 0); axis++) present = expr_and(m, present, expr_gt(m, meaning_extent(m, 0, axis), expr_index(m, 0)));
  Expr value = movement_read_if(m, 0, present, from, zero);
  return expr_is(m, inside, 1) ? value : expr_select(m, inside, value, zero);
}

/* The weighted elements around the positions x of the spatial axes. */
static Expr interpolated(Meaning *m, const Sampler *sampler, uint32_t axes, const Expr *x, const Expr *index) {
  uint32_t taps = sampler->filter.cubic ? 4 : 2, total = 1;
  Expr from[MAX_RANK] = {index[0], index[1]}, at[MAX_RANK][4], inside[MAX_RANK][4], weight[MAX_RANK][4], values[FILTER_VALUES];
  Expr yes = build_integer(m->builder, SCALAR_I1, 1);
  for (uint32_t axis = 0; axis < axes; axis++, total *= taps) {
    Expr floor = expr_let(m, "floor", build_unary(m->builder, LOOP_FLOOR, x[axis])), ratio = expr_let(m, "ratio", expr_sub(m, x[axis], floor));
    Expr base = expr_let(m, "base", build_cast(m->builder, SCALAR_INDEX, floor));
    for (uint32_t tap = 0; tap < taps; tap++) {
      int offset = (int)tap - (sampler->filter.cubic ? 1 : 0);
      inside[axis][tap] = yes;
      weight[axis][tap] = expr_let(m, "weight", filter_tap(m, &sampler->filter, offset, ratio));
      at[axis][tap] = tap_index(m, sampler, expr_add(m, base, expr_index(m, offset)), meaning_extent(m, 0, axis + 2), &inside[axis][tap]);
      at[axis][tap] = expr_let(m, "at", at[axis][tap]);
      inside[axis][tap] = expr_let(m, "inside", inside[axis][tap]);
    }
  }
  for (uint32_t combination = 0; combination < total; combination++) {
    uint32_t rest = combination;
    Expr all = yes;
    for (uint32_t axis = axes; axis-- > 0; rest /= taps) {
      from[axis + 2] = at[axis][rest % taps];
      all = expr_and(m, all, inside[axis][rest % taps]);
    }
    values[combination] = expr_let(m, "value", build_cast(m->builder, sampler->filter.real, read_tap(m, all, from)));
  }
  return filter_sum(m, axes, taps, weight, values);
}

/* Coordinates in grid stand from the innermost axis to the outermost. */
Expr point_grid_sample(Meaning *m, uint32_t result, const Expr *index) {
  Sampler sampler = sampler_of(m);
  uint32_t rank = meaning_rank(m, 0), axes = rank - 2;
  Expr grid[MAX_RANK], x[MAX_RANK], from[MAX_RANK] = {index[0], index[1]}, inside = build_integer(m->builder, SCALAR_I1, 1);
  Scalar scalar = meaning_result_compute(m, 0);
  Expr fits = expr_eq(m, meaning_extent(m, 1, rank - 1), expr_index(m, axes)), none = expr_number(m, meaning_compute(m, 1), 0);
  fits = expr_and(m, fits, expr_eq(m, meaning_extent(m, 1, 0), meaning_extent(m, 0, 0))); /* symbolic sizes that must agree do */
  movement_check(m, 0, index, build_unary(m->builder, LOOP_NOT, fits));
  grid[0] = index[0];
  for (uint32_t axis = 0; axis < axes; axis++) grid[axis + 1] = index[axis + 2];
  for (uint32_t axis = 0; axis < axes; axis++) {
    grid[rank - 1] = expr_index(m, axes - 1 - axis);
    Expr size = build_cast(m->builder, sampler.filter.real, meaning_extent(m, 0, axis + 2));
    x[axis] = sample_position(m, &sampler, build_cast(m->builder, sampler.filter.real, movement_read_if(m, 1, fits, grid, none)), size);
  }
  if (!sampler.nearest) {
    Expr value = interpolated(m, &sampler, axes, x, index);
    return build_cast(m->builder, scalar, scalar_is_float(scalar) ? value : build_unary(m->builder, LOOP_ROUND, value));
  }
  for (uint32_t axis = 0; axis < axes; axis++) {
    Expr at = tap_index(m, &sampler, build_cast(m->builder, SCALAR_INDEX, x[axis]), meaning_extent(m, 0, axis + 2), &inside);
    from[axis + 2] = expr_let(m, "at", at);
  }
  return read_tap(m, inside, from);
}

/* ---- AffineGrid ------------------------------------------------------------------------------------------------------------------------------ */

/* ONNX AffineGrid-20. */
void infer_affine_grid(Infer *infer) {
  uint32_t length, count, to = 0;
  int64_t rows, columns;
  Dim dims[5];
  if (infer_rank(infer, 0) != 3 || !infer_length(infer, 1, &length)) {
    infer_error(infer, CODE_RANK, NULL, "theta has rank %u, but must have rank 3", infer_rank(infer, 0));
    return;
  }
  bool constant = dim_is_constant(infer_table(infer), infer_dim(infer, 0, 1), &rows) &&
      dim_is_constant(infer_table(infer), infer_dim(infer, 0, 2), &columns);
  if ((length != 4 && length != 5) || !constant || rows != (int64_t)length - 2 || columns != (int64_t)length - 1) {
    infer_error(infer, CODE_SHAPE, NULL, "theta must be [N, 2, 3] with a size of 4 entries, or [N, 3, 4] with 5");
    return;
  }
  const Dim *size = infer_known(infer, 1, &count);
  dims[to++] = infer_dim(infer, 0, 0);
  for (uint32_t at = 2; at < length; at++) dims[to++] = size ? size[at] : DIM_UNKNOWN;
  dims[to++] = dim_constant(infer_table(infer), length - 2);
  if (size) infer_set(infer, 0, to, dims);
  else infer_set_partly(infer, 0, to, dims);
}

/* Position i of n along an axis of the original grid, which goes from -1 to 1. */
static Expr grid_coordinate(Meaning *m, Scalar scalar, Expr i, Expr n, bool align) {
  Expr one = build_float(m->builder, scalar, 1), two = build_float(m->builder, scalar, 2);
  Expr at = build_cast(m->builder, scalar, i), size = build_cast(m->builder, scalar, n);
  if (!align) return expr_sub(m, expr_div(m, expr_add(m, expr_mul(m, at, two), one), size), one);
  Expr step = expr_div(m, two, expr_max(m, expr_sub(m, size, one), one));
  return expr_sub(m, expr_mul(m, at, step), one);
}

Expr point_affine_grid(Meaning *m, uint32_t result, const Expr *index) {
  uint32_t rank = meaning_result_rank(m, 0), axes = rank - 2;
  Scalar scalar = meaning_compute(m, 0);
  Expr bad = movement_false(m), row = index[rank - 1];
  if (meaning_node(m)->run_time_shape) {
    bad = expr_ne(m, movement_integer(m, 1, 0), meaning_result_extent(m, 0, 0));
    for (uint32_t axis = 0; axis < axes; axis++)
      bad = expr_or(m, bad, expr_ne(m, movement_integer(m, 1, axis + 2), meaning_result_extent(m, 0, axis + 1)));
  }
  movement_check(m, 0, index, bad);
  Expr sum = meaning_read(m, 0, (Expr[]){index[0], row, expr_index(m, axes)});
  for (uint32_t axis = 0; axis < axes; axis++) { /* x belongs to the innermost axis */
    Expr factor = meaning_read(m, 0, (Expr[]){index[0], row, expr_index(m, axes - 1 - axis)});
    Expr at = grid_coordinate(m, scalar, index[axis + 1], meaning_result_extent(m, 0, axis + 1), meaning_int(m, "align_corners") != 0);
    sum = build_ternary(m->builder, LOOP_MULADD, factor, at, sum);
  }
  return sum;
}
