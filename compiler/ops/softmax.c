/* Softmax, LogSoftmax and Hardmax along one axis. Each row is read three times: its maximum, the sum of exp(x - maximum), the results. Taking the
 * maximum off keeps every exponent at 0 or below, so nothing overflows; the sum is ascending. Softmax along the last axis keeps the exponentials of a
 * row instead of making them twice; along another axis rows are better taken side by side, and have no room of their own. */
#include "compiler/ops/quantized.h"
#include <float.h>

void infer_axis_same(Infer *infer);
void loops_softmax(Meaning *m);
void loops_log_softmax(Meaning *m);
void loops_hardmax(Meaning *m);
void infer_quantized_softmax(Infer *infer);
void loops_quantized_softmax(Meaning *m);

/* ONNX Softmax-13: the result has the operand's shape; axis must be one of its axes. */
void infer_axis_same(Infer *infer) {
  infer_axis(infer, infer_int(infer, "axis"), infer_rank(infer, 0));
  infer_same(infer);
}

/* Loops over all axes but one; the index of that one is filled in by each pass over the row. */
typedef struct RowLoops { uint32_t rank, axis, blocks; Expr index[MAX_RANK]; } RowLoops;

static RowLoops open_rows(Meaning *m) {
  static const char *const names[] = {"i", "j", "k", "l"};
  RowLoops rows = {.rank = meaning_rank(m, 0)};
  rows.axis = meaning_axis(m, meaning_int(m, "axis"), rows.rank);
  for (uint32_t axis = 0; axis < rows.rank; axis++)
    if (axis != rows.axis) rows.index[axis] = expr_loop(m, names[axis & 3], meaning_dim(m, 0, axis), &rows.blocks);
  return rows;
}

/* Opens a pass over the row and reads its element. */
static Expr open_row(Meaning *m, RowLoops *rows) {
  rows->index[rows->axis] = expr_row(m, "at", meaning_extent(m, 0, rows->axis), true);
  return expr_let(m, "x", meaning_read(m, 0, rows->index));
}

static Expr row_maximum(Meaning *m, RowLoops *rows) {
  Expr best = build_var(m->builder, "largest", expr_lowest(m, meaning_compute(m, 0)));
  Expr x = open_row(m, rows);
  build_set(m->builder, best, expr_max(m, x, best));
  build_end(m->builder);
  return expr_let(m, "maximum", best);
}

static Expr row_sum(Meaning *m, RowLoops *rows, Expr maximum) {
  Expr sum = build_var(m->builder, "sum", expr_number(m, meaning_compute(m, 0), 0));
  Expr shifted = expr_sub(m, open_row(m, rows), maximum);
  build_set(m->builder, sum, expr_add(m, sum, expr_function(m, "exp", 1, &shifted)));
  build_end(m->builder);
  return expr_let(m, "total", sum);
}

/* As row_sum; stores the exponentials. */
static Expr row_exponentials(Meaning *m, RowLoops *rows, Expr maximum, Operand kept) {
  Expr sum = build_var(m->builder, "sum", expr_number(m, meaning_compute(m, 0), 0));
  Expr shifted = expr_sub(m, open_row(m, rows), maximum), at = rows->index[rows->axis];
  Expr exponential = expr_let(m, "exponential", expr_function(m, "exp", 1, &shifted));
  build_store(m->builder, kept, 1, &at, exponential);
  build_set(m->builder, sum, expr_add(m, sum, exponential));
  build_end(m->builder);
  return expr_let(m, "total", sum);
}

static void softmax_of_last_axis(Meaning *m, RowLoops *rows) {
  Dim extent = meaning_dim(m, 0, rows->axis);
  Operand kept = meaning_scratch(m, "exponentials", meaning_compute(m, 0), 1, &extent);
  Expr maximum = row_maximum(m, rows), sum = row_exponentials(m, rows, maximum, kept);
  Expr at = rows->index[rows->axis] = build_for(m->builder, "at", expr_index(m, 0), meaning_extent(m, 0, rows->axis));
  meaning_write(m, 0, rows->index, expr_div(m, build_load(m->builder, kept, 1, &at), sum));
  meaning_end_loops(m, rows->blocks + 1);
}

void loops_softmax(Meaning *m) {
  RowLoops rows = open_rows(m);
  if (rows.axis + 1 == rows.rank) {
    softmax_of_last_axis(m, &rows);
    return;
  }
  Expr maximum = row_maximum(m, &rows), sum = row_sum(m, &rows, maximum);
  Expr shifted = expr_sub(m, open_row(m, &rows), maximum);
  meaning_write(m, 0, rows.index, expr_div(m, expr_function(m, "exp", 1, &shifted), sum));
  meaning_end_loops(m, rows.blocks + 1);
}

void loops_log_softmax(Meaning *m) {
  RowLoops rows = open_rows(m);
  Expr maximum = row_maximum(m, &rows), sum = row_sum(m, &rows, maximum);
  Expr logarithm = expr_let(m, "logarithm", expr_function(m, "log", 1, &sum));
  Expr shifted = expr_sub(m, open_row(m, &rows), maximum);
  meaning_write(m, 0, rows.index, expr_sub(m, shifted, logarithm));
  meaning_end_loops(m, rows.blocks + 1);
}

/* 1 at the first largest element, else 0. */
void loops_hardmax(Meaning *m) {
  Builder *builder = m->builder;
  RowLoops rows = open_rows(m);
  Scalar scalar = meaning_compute(m, 0);
  Expr best = build_var(builder, "largest", expr_lowest(m, scalar)), where = build_var(builder, "where", expr_index(m, 0));
  Expr x = open_row(m, &rows);
  build_if(builder, expr_gt(m, x, best));
  build_set(builder, best, x);
  build_set(builder, where, rows.index[rows.axis]);
  meaning_end_loops(m, 2);
  rows.index[rows.axis] = build_for(builder, "at", expr_index(m, 0), meaning_extent(m, 0, rows.axis));
  Expr chosen = expr_eq(m, rows.index[rows.axis], where);
  meaning_write(m, 0, rows.index, expr_select(m, chosen, expr_number(m, scalar, 1), expr_number(m, scalar, 0)));
  meaning_end_loops(m, rows.blocks + 1);
}

/* ---- quantised ------------------------------------------------------------------------------------------------------------------- */

/* com.microsoft QLinearSoftmax: X, its scale and zero point, Y's scale and zero point. As opset says, along one axis (13 on) or over all axes from
 * that one on. X's zero point falls out, since only differences count. */
void infer_quantized_softmax(Infer *infer) {
  infer_quantisation(infer, 1, 2, "X");
  infer_quantisation(infer, 3, 4, "Y");
  infer_axis_same(infer);
}

/* Rows of elements along the axes first .. last - 1, and how their exponentials are had. */
typedef struct QuantizedRows {
  uint32_t rank, first, last, outer, inner;
  Expr     index[MAX_RANK];
  Operand  table;           /* of exponentials, by 255 + x - maximum */
  bool     has_table;
  Expr     maximum;         /* the row's, i32 */
} QuantizedRows;

/* exp((x - maximum) * X's scale + shift), in double, rounded to float. The shift, log(FLT_MAX / n) - 5 for n elements in a row, uses up the range of
 * float so that neither the sum nor its product with an 8-bit number is infinite; it decides how sums are rounded. `steps`, 1 / Y's scale, counts
 * for n where it is larger than that allows: for a row of one element, or a scale made for saturation. */
static void make_table(Meaning *m, QuantizedRows *rows, double scale, double steps) {
  DimTable *dims = &m->module->dims;
  int64_t count;
  uint8_t bytes[4 * 256];
  Dim elements = dim_constant(dims, 1);
  for (uint32_t axis = rows->first; axis < rows->last; axis++) elements = dim_mul(dims, elements, meaning_dim(m, 0, axis));
  bool known = dim_is_constant(dims, elements, &count) && count > 0;
  float shift = known ? (float)(log((double)FLT_MAX / fmax((double)count, steps / 148)) - 5) : 0;
  for (uint32_t at = 0; at < 256; at++) {
    union { float number; uint32_t bits; } entry = {.number = (float)exp(((double)at - 255) * scale + (double)shift)};
    for (uint32_t byte = 0; byte < 4; byte++) bytes[4 * at + byte] = (uint8_t)(entry.bits >> 8 * byte);
  }
  rows->table = meaning_table(m, "exponential", SCALAR_F32, 256, bytes);
  rows->has_table = true;
}

/* Opens the loops over a row; gives its element. */
static Expr open_quantized_row(Meaning *m, QuantizedRows *rows) {
  rows->inner = 0;
  for (uint32_t axis = rows->first; axis < rows->last; axis++) rows->index[axis] = expr_loop(m, "at", meaning_dim(m, 0, axis), &rows->inner);
  return build_cast(m->builder, SCALAR_I32, meaning_read(m, 0, rows->index));
}

static Expr exponential(Meaning *m, const QuantizedRows *rows, Expr x) {
  Builder *builder = m->builder;
  Expr distance = expr_sub(m, x, rows->maximum);
  if (rows->has_table) {
    Expr at = build_cast(builder, SCALAR_INDEX, expr_add(m, distance, expr_number(m, SCALAR_I32, 255)));
    return build_load(builder, rows->table, 1, &at);
  }
  Expr exponent = expr_mul(m, build_cast(builder, SCALAR_F32, distance), quantized_single(m, 1));
  return expr_function(m, "exp", 1, &exponent);
}

/* exp / sum * floor(1 / Y's scale), rounded, plus Y's zero point; the sum is ascending, in f32. */
void loops_quantized_softmax(Meaning *m) {
  Builder *builder = m->builder;
  double scale, number;
  uint32_t rank = meaning_rank(m, 0), axis = meaning_axis(m, meaning_int(m, "axis"), rank);
  QuantizedRows rows = {.rank = rank, .first = axis, .last = meaning_int(m, "opset") < 13 ? rank : axis + 1};
  Expr steps = build_unary(builder, LOOP_FLOOR, expr_div(m, build_float(builder, SCALAR_F32, 1), quantized_single(m, 3)));
  steps = expr_let(m, "steps", steps);
  if (expr_literal(m, quantized_single(m, 1), &scale)) make_table(m, &rows, scale, expr_literal(m, steps, &number) ? number : 0);
  for (uint32_t at = 0; at < rank; at++)
    if (at < rows.first || at >= rows.last) rows.index[at] = expr_loop(m, "row", meaning_dim(m, 0, at), &rows.outer);
  Expr best = build_var(builder, "largest", expr_number(m, SCALAR_I32, -256));
  build_set(builder, best, expr_max(m, best, open_quantized_row(m, &rows)));
  meaning_end_loops(m, rows.inner);
  rows.maximum = expr_let(m, "maximum", best);
  Expr sum = build_var(builder, "sum", build_float(builder, SCALAR_F32, 0));
  Expr x = open_quantized_row(m, &rows);
  build_set(builder, sum, expr_add(m, sum, exponential(m, &rows, x)));
  meaning_end_loops(m, rows.inner);
  Expr total = expr_let(m, "total", sum);
  x = open_quantized_row(m, &rows);
  Expr value = expr_div(m, expr_mul(m, exponential(m, &rows, x), steps), total);
  meaning_write(m, 0, rows.index, quantized_round(m, meaning_result_element(m, 0), value, quantized_zero(m, 4)));
  meaning_end_loops(m, rows.inner + rows.outer);
}
