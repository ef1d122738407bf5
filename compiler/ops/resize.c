/* Resize: shape rule, and the factor of each axis for the meaning.
 *
 * The factor comes from sizes (with the three policies on the aspect ratio) or from scales. Scales are floats, but nearly always stand for a
 * ratio of small integers (2, 0.5, 1.6); where one is found that rounds to the same float it is used, so that coordinates fall exactly where
 * they should. */
#include "compiler/ops/resize.h"
#include <math.h>
#include <string.h>

void infer_resize(Infer *infer);

enum { INPUT_ROI = 1, INPUT_SCALES = 2, INPUT_SIZES = 3 };
#define LARGEST_DENOMINATOR 1024

/* p / q == scale as floats, by the smallest q. */
static bool ratio_of(double scale, int64_t *p, int64_t *q) {
  if (!(scale > 0) || scale > 1e6) return false;
  for (*q = 1; *q <= LARGEST_DENOMINATOR; ++*q) {
    *p = (int64_t)(scale * (double)*q + 0.5);
    if (*p > 0 && (float)((double)*p / (double)*q) == (float)scale) return true;
  }
  return false;
}

/* An operand that is there and not empty; opset 11 leaves roi or scales empty to omit them. */
static bool is_given(const Module *module, const Node *node, uint32_t operand) {
  int64_t count;
  if (operand >= node->input_count || !node->inputs[operand]) return false;
  return !value_static_elements(module, node->inputs[operand], &count) || count > 0;
}

/* The axes that roi, scales and sizes refer to. */
static uint32_t resized_axes(Infer *infer, uint32_t *axes) {
  uint32_t count, rank = infer_rank(infer, 0);
  const int64_t *given = infer_ints(infer, "axes", &count);
  if (given) return infer_axes(infer, count, given, rank, axes) ? count : 0;
  for (uint32_t axis = 0; axis < rank; axis++) axes[axis] = axis;
  return rank;
}

static bool constant_floats(const Module *module, const Node *node, uint32_t operand, uint32_t count, double *numbers) {
  if (!is_given(module, node, operand)) return false;
  ValueId id = node->inputs[operand];
  if (!value_is_constant(value_at(module, id))) return false;
  for (uint32_t at = 0; at < count; at++) numbers[at] = value_constant_f64(module, id, at);
  return true;
}

/* floor(dim * scale); DIM_UNKNOWN if the dim is symbolic and the scale no ratio. */
static Dim scaled_dim(Infer *infer, Dim dim, double scale) {
  DimTable *table = infer_table(infer);
  int64_t size, p, q;
  if (dim_is_constant(table, dim, &size)) return dim_constant(table, (int64_t)floorf((float)size * (float)scale));
  if (!ratio_of(scale, &p, &q)) return DIM_UNKNOWN;
  return dim_floordiv(table, dim_mul(table, dim, dim_constant(table, p)), dim_constant(table, q));
}

static bool dims_by_scales(Infer *infer, uint32_t count, const uint32_t *axes, Dim *dims) {
  double scales[MAX_RANK], roi[2 * MAX_RANK];
  bool crop = !strcmp(op_string(infer->module, infer_node(infer), "coordinate_transformation_mode"), "tf_crop_and_resize");
  if (!constant_floats(infer->module, infer_node(infer), INPUT_SCALES, count, scales)) return false;
  if (crop && !constant_floats(infer->module, infer_node(infer), INPUT_ROI, 2 * count, roi)) return false;
  for (uint32_t at = 0; at < count; at++) {
    if (!(scales[at] > 0)) { infer_error(infer, CODE_VALUE, NULL, "scale %u is not positive", at); return true; }
    dims[axes[at]] = scaled_dim(infer, dims[axes[at]], crop ? scales[at] * (roi[count + at] - roi[at]) : scales[at]);
    if (dims[axes[at]] == DIM_UNKNOWN) return false;
  }
  return true;
}

/* Keeping the aspect ratio: the entry whose size : input size is the smallest (not_larger) or largest (not_smaller) gives all axes theirs. */
static bool dims_by_aspect(Infer *infer, uint32_t count, const uint32_t *axes, const Dim *sizes, bool larger, Dim *dims) {
  int64_t best_size = 0, best_in = 1, size, in;
  for (uint32_t at = 0; at < count; at++) {
    if (!dim_is_constant(infer_table(infer), sizes[at], &size) || !dim_is_constant(infer_table(infer), dims[axes[at]], &in)) return false;
    if (size < 0 || size > INT32_MAX || in < 1 || in > INT32_MAX) {
      infer_error(infer, CODE_VALUE, NULL, "size %lld of axis %u is no size", (long long)size, axes[at]);
      return true;
    }
    bool better = larger ? size * best_in > best_size * in : size * best_in < best_size * in;
    if (at == 0 || better) { best_size = size; best_in = in; }
  }
  for (uint32_t at = 0; at < count; at++) { /* rounded, halves up */
    in = dim_value(infer_table(infer), dims[axes[at]]);
    dims[axes[at]] = dim_constant(infer_table(infer), (2 * best_size * in + best_in) / (2 * best_in));
  }
  return true;
}

static bool dims_by_sizes(Infer *infer, uint32_t count, const uint32_t *axes, Dim *dims) {
  uint32_t known;
  const char *policy = op_string(infer->module, infer_node(infer), "keep_aspect_ratio_policy");
  const Dim *sizes = infer_known(infer, INPUT_SIZES, &known);
  if (!sizes || known != count) return false;
  if (strcmp(policy, "stretch")) return dims_by_aspect(infer, count, axes, sizes, !strcmp(policy, "not_smaller"), dims);
  for (uint32_t at = 0; at < count; at++) dims[axes[at]] = sizes[at];
  return true;
}

static bool check_entries(Infer *infer, uint32_t operand, uint32_t expected) {
  uint32_t length;
  if (!is_given(infer->module, infer_node(infer), operand)) return true;
  if (!infer_length(infer, operand, &length)) return false;
  if (length != expected) infer_error(infer, CODE_SHAPE, NULL, "operand %u has %u entries, but %u are needed", operand, length, expected);
  return length == expected;
}

/* ONNX Resize-19. */
void infer_resize(Infer *infer) {
  uint32_t axes[MAX_RANK], count = resized_axes(infer, axes);
  bool by_scales = is_given(infer->module, infer_node(infer), INPUT_SCALES), by_sizes = is_given(infer->module, infer_node(infer), INPUT_SIZES);
  bool crop = !strcmp(op_string(infer->module, infer_node(infer), "coordinate_transformation_mode"), "tf_crop_and_resize");
  Dim dims[MAX_RANK];
  if (infer->failed) return;
  if (by_scales == by_sizes) { infer_error(infer, CODE_VALUE, NULL, "exactly one of scales and sizes must be given"); return; }
  if (crop && !is_given(infer->module, infer_node(infer), INPUT_ROI)) {
    infer_error(infer, CODE_VALUE, NULL, "tf_crop_and_resize needs roi");
    return;
  }
  if ((crop && !check_entries(infer, INPUT_ROI, 2 * count)) || !check_entries(infer, INPUT_SCALES, count) ||
      !check_entries(infer, INPUT_SIZES, count))
    return;
  if (infer_int(infer, "antialias") && !strcmp(op_string(infer->module, infer_node(infer), "mode"), "nearest")) {
    infer_error(infer, CODE_VALUE, NULL, "antialias is for linear and cubic");
    return;
  }
  memcpy(dims, infer_dims(infer, 0), infer_rank(infer, 0) * sizeof *dims);
  bool known = by_scales ? dims_by_scales(infer, count, axes, dims) : dims_by_sizes(infer, count, axes, dims);
  if (infer->failed) return;
  for (uint32_t at = 0; !known && at < count; at++) dims[axes[at]] = DIM_UNKNOWN;
  if (known) infer_set(infer, 0, infer_rank(infer, 0), dims);
  else infer_set_partly(infer, 0, infer_rank(infer, 0), dims);
}

/* ---- factors in the meaning --------------------------------------------------------------------------------------------------------------- */

static Expr float_at(Meaning *m, uint32_t operand, int64_t k) {
  Expr at = expr_index(m, k);
  return expr_let(m, "factor", build_cast(m->builder, SCALAR_F32, meaning_read(m, operand, &at)));
}

static Expr as_f32(Meaning *m, Expr index) { return build_cast(m->builder, SCALAR_F32, index); }

static int64_t common_divisor(int64_t a, int64_t b) {
  while (b) { int64_t rest = a % b; a = b; b = rest; }
  return a;
}

static void set_ratio(Meaning *m, ResizeAxis *axis, Expr p, Expr q) {
  int64_t a, b;
  axis->exact = true;
  if (build_is_constant(m->builder, p, &a) && build_is_constant(m->builder, q, &b) && a > 0 && b > 0) {
    int64_t divisor = common_divisor(a, b);
    p = expr_index(m, a / divisor);
    q = expr_index(m, b / divisor);
  }
  axis->p = expr_let(m, "p", expr_max(m, p, expr_index(m, 1)));
  axis->q = expr_let(m, "q", expr_max(m, q, expr_index(m, 1)));
  axis->scale = expr_let(m, "scale", expr_div(m, as_f32(m, axis->p), as_f32(m, axis->q)));
}

static void factors_by_scales(Meaning *m, uint32_t count, const uint32_t *entries, ResizeAxis *axes, Expr *bad) {
  double scales[MAX_RANK];
  bool constant = constant_floats(m->module, meaning_node(m), INPUT_SCALES, count, scales);
  for (uint32_t at = 0; at < count; at++) {
    ResizeAxis *axis = &axes[entries[at]];
    int64_t p, q;
    axis->same = constant && scales[at] == 1;
    if (constant && ratio_of(scales[at], &p, &q)) set_ratio(m, axis, expr_index(m, p), expr_index(m, q));
    else axis->scale = constant ? build_float(m->builder, SCALAR_F32, scales[at]) : float_at(m, INPUT_SCALES, at);
    if (!meaning_node(m)->run_time_shape) continue;
    Expr extent = build_unary(m->builder, LOOP_FLOOR, expr_mul(m, as_f32(m, axis->in), axis->scale));
    if (axis->roi_start)
      extent = build_unary(m->builder, LOOP_FLOOR, expr_mul(m, expr_mul(m, as_f32(m, axis->in), expr_sub(m, axis->roi_end, axis->roi_start)),
                                                            axis->scale));
    *bad = expr_or(m, *bad, expr_ne(m, build_cast(m->builder, SCALAR_INDEX, extent), axis->out));
  }
}

/* All axes share the factor of the entry that limits it most. */
static void factors_by_aspect(Meaning *m, uint32_t count, const uint32_t *entries, bool larger, ResizeAxis *axes, Expr *bad) {
  Expr best_size = expr_index(m, 1), best_in = expr_index(m, 1), two = expr_index(m, 2);
  for (uint32_t at = 0; at < count; at++) {
    Expr size = movement_integer(m, INPUT_SIZES, at), in = axes[entries[at]].in;
    Expr mine = expr_mul(m, size, best_in), best = expr_mul(m, best_size, in);
    Expr better = at == 0 ? build_integer(m->builder, SCALAR_I1, 1) : expr_let(m, "better", larger ? expr_gt(m, mine, best) : expr_lt(m, mine, best));
    best_size = expr_let(m, "size", expr_select(m, better, size, best_size));
    best_in = expr_let(m, "size", expr_select(m, better, in, best_in));
  }
  for (uint32_t at = 0; at < count; at++) {
    ResizeAxis *axis = &axes[entries[at]];
    set_ratio(m, axis, best_size, best_in);
    axis->same = expr_is(m, expr_eq(m, axis->p, axis->q), 1);
    Expr twice = expr_mul(m, axis->q, two), extent = expr_div(m, expr_add(m, expr_mul(m, expr_mul(m, axis->p, two), axis->in), axis->q), twice);
    if (meaning_node(m)->run_time_shape) *bad = expr_or(m, *bad, expr_ne(m, extent, axis->out));
  }
}

static void factors_by_sizes(Meaning *m, uint32_t count, const uint32_t *entries, ResizeAxis *axes, Expr *bad) {
  const char *policy = meaning_string(m, "keep_aspect_ratio_policy");
  if (strcmp(policy, "stretch")) { factors_by_aspect(m, count, entries, !strcmp(policy, "not_smaller"), axes, bad); return; }
  for (uint32_t at = 0; at < count; at++) {
    ResizeAxis *axis = &axes[entries[at]];
    set_ratio(m, axis, axis->out, axis->in);
    axis->same = expr_is(m, expr_eq(m, axis->out, axis->in), 1);
    if (meaning_node(m)->run_time_shape) *bad = expr_or(m, *bad, expr_ne(m, movement_integer(m, INPUT_SIZES, at), axis->out));
  }
}

void resize_axes_of(Meaning *m, ResizeAxis *axes, Expr *bad) {
  Infer infer = meaning_infer(m);
  uint32_t entries[MAX_RANK], count = resized_axes(&infer, entries), rank = meaning_rank(m, 0);
  bool crop = !strcmp(meaning_string(m, "coordinate_transformation_mode"), "tf_crop_and_resize");
  double roi[2 * MAX_RANK];
  for (uint32_t axis = 0; axis < rank; axis++)
    axes[axis] = (ResizeAxis){.same = true, .in = meaning_extent(m, 0, axis), .out = meaning_result_extent(m, 0, axis)};
  bool roi_known = crop && constant_floats(m->module, meaning_node(m), INPUT_ROI, 2 * count, roi);
  for (uint32_t at = 0; at < count; at++) {
    ResizeAxis *axis = &axes[entries[at]];
    axis->same = false;
    if (crop) { axis->roi_start = float_at(m, INPUT_ROI, at); axis->roi_end = float_at(m, INPUT_ROI, (int64_t)count + at); }
  }
  if (is_given(m->module, meaning_node(m), INPUT_SCALES)) factors_by_scales(m, count, entries, axes, bad);
  else factors_by_sizes(m, count, entries, axes, bad);
  for (uint32_t at = 0; at < count; at++)
    if (crop && !(roi_known && roi[at] == 0 && roi[count + at] == 1)) axes[entries[at]].same = false;
  for (uint32_t axis = 0; axis < rank; axis++)
    if (axes[axis].same) *bad = expr_or(m, *bad, expr_ne(m, axes[axis].in, axes[axis].out));
}
