/* Window plans. All extents are dimension expressions, so a symbolic input size works; SAME padding then is an expression too. */
#include "compiler/ops/window.h"
#include <string.h>

#define ATTRIBUTE_LIMIT ((int64_t)1 << 31) /* strides, dilations, pads: keeps every product in range */

/* An attribute's integers into `values`, `fill` where it is absent. */
static bool window_ints(Infer *infer, const char *name, uint32_t count, int64_t least, int64_t fill, int64_t *values) {
  uint32_t given;
  const int64_t *ints = infer_ints(infer, name, &given);
  for (uint32_t at = 0; at < count; at++) values[at] = fill;
  if (!given) return true;
  if (given != count) {
    infer_error(infer, CODE_SHAPE, NULL, "%s has %u entries, but %u are needed", name, given, count);
    return false;
  }
  for (uint32_t at = 0; at < count; at++) {
    if (ints[at] < least || ints[at] > ATTRIBUTE_LIMIT) {
      infer_error(infer, CODE_VALUE, NULL, "%s[%u] is %lld, but must be at least %lld", name, at, (long long)ints[at], (long long)least);
      return false;
    }
    values[at] = ints[at];
  }
  return true;
}

typedef struct WindowAttributes { int64_t kernel[MAX_RANK], strides[MAX_RANK], dilations[MAX_RANK], pads[2 * MAX_RANK]; } WindowAttributes;

/* What both kinds of plan begin with: rank, input, kernel, stride and dilation of each axis. */
static bool window_open(Infer *infer, const Dim *kernel, WindowPlan *plan, WindowAttributes *attributes) {
  memset(plan, 0, sizeof *plan);
  uint32_t rank = infer_rank(infer, 0), given;
  if (rank < 3) {
    infer_error(infer, CODE_RANK, "give it the axes batch, channel and at least one more", "operand 0 has rank %u", rank);
    return false;
  }
  plan->rank = rank - 2;
  infer_ints(infer, "kernel_shape", &given);
  if (!window_ints(infer, "kernel_shape", plan->rank, 1, 1, attributes->kernel) ||
      !window_ints(infer, "strides", plan->rank, 1, 1, attributes->strides) ||
      !window_ints(infer, "dilations", plan->rank, 1, 1, attributes->dilations) ||
      !window_ints(infer, "pads", 2 * plan->rank, -ATTRIBUTE_LIMIT, 0, attributes->pads))
    return false;
  for (uint32_t at = 0; at < plan->rank; at++) {
    WindowAxis *axis = &plan->axis[at];
    axis->input = infer_dim(infer, 0, at + 2);
    axis->kernel = dim_constant(infer_table(infer), attributes->kernel[at]);
    axis->stride = attributes->strides[at];
    axis->dilation = attributes->dilations[at];
    int64_t extent;
    if (!kernel) continue;
    if (given && dim_is_constant(infer_table(infer), kernel[at], &extent) && extent != attributes->kernel[at]) {
      infer_error(infer, CODE_SHAPE, NULL, "kernel_shape[%u] is %lld, but the weights have %lld", at, (long long)attributes->kernel[at],
          (long long)extent);
      return false;
    }
    axis->kernel = kernel[at];
  }
  return true;
}

/* Elements from the first to the last that a window covers. */
static Dim window_span(DimTable *table, const WindowAxis *axis) {
  Dim one = dim_constant(table, 1);
  return dim_add(table, dim_mul(table, dim_sub(table, axis->kernel, one), dim_constant(table, axis->dilation)), one);
}

static Dim less_one_times(DimTable *table, Dim extent, int64_t factor) {
  return dim_mul(table, dim_sub(table, extent, dim_constant(table, 1)), dim_constant(table, factor));
}

/* Splits padding between both ends; the odd element goes to the end for SAME_UPPER, else to the beginning. */
static void split_padding(DimTable *table, WindowAxis *axis, Dim total, bool upper) {
  total = dim_max(table, total, dim_constant(table, 0));
  Dim half = dim_floordiv(table, total, dim_constant(table, 2)), rest = dim_sub(table, total, half);
  axis->pad_begin = upper ? half : rest;
  axis->pad_end = upper ? rest : half;
}

/* Windows that fit into the padded axis; ceil_mode adds one that doesn't, if it begins before the padding at the end. That holds for auto_pad VALID
 * too: the text of the standard says otherwise, but its shape inference and ONNX Runtime do it. */
static Dim window_count(DimTable *table, const WindowAxis *axis, bool ceil_mode) {
  Dim one = dim_constant(table, 1), stride = dim_constant(table, axis->stride), begun = dim_add(table, axis->input, axis->pad_begin);
  Dim room = dim_sub(table, dim_add(table, begun, axis->pad_end), window_span(table, axis));
  if (!ceil_mode) return dim_add(table, dim_floordiv(table, room, stride), one);
  return dim_add(table, dim_min(table, dim_ceildiv(table, room, stride), dim_floordiv(table, dim_sub(table, begun, one), stride)), one);
}

static void window_bounds(DimTable *table, WindowAxis *axis, bool ceil_mode) {
  axis->may_start_early = dim_hi(table, axis->pad_begin) > 0;
  Dim last = dim_add(table, less_one_times(table, axis->output, axis->stride), window_span(table, axis)); /* exclusive */
  last = dim_sub(table, last, axis->pad_begin);
  bool fits = (!ceil_mode && dim_hi(table, axis->pad_end) <= 0) || dim_lo(table, dim_sub(table, axis->input, last)) >= 0;
  axis->may_end_late = !fits;
  axis->may_leave_padding = ceil_mode && dim_lo(table, dim_sub(table, dim_add(table, axis->input, axis->pad_end), last)) < 0;
}

bool window_plan(Infer *infer, const Dim *kernel, bool ceil_mode, WindowPlan *plan) {
  DimTable *table = infer_table(infer);
  WindowAttributes attributes;
  if (!window_open(infer, kernel, plan, &attributes)) return false;
  const char *auto_pad = op_string(infer->module, infer_node(infer), "auto_pad");
  bool same = !strncmp(auto_pad, "SAME", 4), explicit_pads = !strcmp(auto_pad, "NOTSET");
  for (uint32_t at = 0; at < plan->rank; at++) {
    WindowAxis *axis = &plan->axis[at];
    axis->pad_begin = dim_constant(table, explicit_pads ? attributes.pads[at] : 0);
    axis->pad_end = dim_constant(table, explicit_pads ? attributes.pads[plan->rank + at] : 0);
    if (same) {
      axis->output = dim_ceildiv(table, axis->input, dim_constant(table, axis->stride));
      Dim covered = dim_add(table, less_one_times(table, axis->output, axis->stride), window_span(table, axis));
      split_padding(table, axis, dim_sub(table, covered, axis->input), !strcmp(auto_pad, "SAME_UPPER"));
    } else {
      axis->output = window_count(table, axis, ceil_mode);
    }
    if (dim_hi(table, axis->output) < 0) {
      infer_error(infer, CODE_SHAPE, NULL, "the window of axis %u is larger than the padded operand", at + 2);
      return false;
    }
    window_bounds(table, axis, ceil_mode && !same);
  }
  return true;
}

bool window_plan_transposed(Infer *infer, const Dim *kernel, WindowPlan *plan) {
  DimTable *table = infer_table(infer);
  WindowAttributes attributes;
  int64_t output_padding[MAX_RANK], output_shape[MAX_RANK];
  if (!window_open(infer, kernel, plan, &attributes) || !window_ints(infer, "output_padding", plan->rank, 0, 0, output_padding) ||
      !window_ints(infer, "output_shape", plan->rank, 1, 0, output_shape))
    return false;
  const char *auto_pad = op_string(infer->module, infer_node(infer), "auto_pad");
  bool same = !strncmp(auto_pad, "SAME", 4), explicit_pads = !strcmp(auto_pad, "NOTSET");
  for (uint32_t at = 0; at < plan->rank; at++) {
    WindowAxis *axis = &plan->axis[at];
    Dim whole = dim_add(table, less_one_times(table, axis->input, axis->stride), window_span(table, axis));
    whole = dim_add(table, whole, dim_constant(table, output_padding[at]));
    if (output_shape[at] || same) {
      Dim strided = dim_mul(table, axis->input, dim_constant(table, axis->stride));
      axis->output = output_shape[at] ? dim_constant(table, output_shape[at]) : dim_min(table, strided, whole); /* no more than there is */
      split_padding(table, axis, dim_sub(table, whole, axis->output), !strcmp(auto_pad, "SAME_UPPER"));
      continue;
    }
    axis->pad_begin = dim_constant(table, explicit_pads ? attributes.pads[at] : 0);
    axis->pad_end = dim_constant(table, explicit_pads ? attributes.pads[plan->rank + at] : 0);
    axis->output = dim_sub(table, dim_sub(table, whole, axis->pad_begin), axis->pad_end);
    if (dim_hi(table, axis->output) < 0) {
      infer_error(infer, CODE_SHAPE, NULL, "pads take more from axis %u than it has", at + 2);
      return false;
    }
  }
  return true;
}

/* ---- in meanings --------------------------------------------------------------------------------------------------------- */

const char *window_output_name(uint32_t rank, uint32_t axis) {
  static const char *const names[] = {"ow", "oh", "od", "ot"};
  return rank - 1 - axis < 4 ? names[rank - 1 - axis] : "o";
}

const char *window_kernel_name(uint32_t rank, uint32_t axis) {
  static const char *const names[] = {"kw", "kh", "kd", "kt"};
  return rank - 1 - axis < 4 ? names[rank - 1 - axis] : "k";
}

WindowRange window_range(Meaning *m, const WindowAxis *axis, Expr at) {
  Expr start = expr_mul(m, at, expr_index(m, axis->stride)), pad = build_dim(m->builder, axis->pad_begin);
  WindowRange range = {expr_index(m, 0), build_dim(m->builder, axis->kernel)};
  if (axis->may_start_early) range.lo = expr_let(m, "lo", expr_divide_up(m, expr_sub(m, pad, start), axis->dilation));
  if (!axis->may_end_late) return range;
  Expr left = expr_sub(m, expr_add(m, build_dim(m->builder, axis->input), pad), start);
  range.hi = expr_let(m, "hi", expr_min(m, expr_divide_up(m, left, axis->dilation), range.hi));
  return range;
}

Expr window_input(Meaning *m, const WindowAxis *axis, Expr at, Expr k) {
  Expr start = expr_mul(m, at, expr_index(m, axis->stride));
  Expr covered = expr_add(m, start, expr_mul(m, k, expr_index(m, axis->dilation)));
  return expr_sub(m, covered, build_dim(m->builder, axis->pad_begin));
}
