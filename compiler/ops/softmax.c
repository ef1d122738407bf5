/* Softmax, LogSoftmax and Hardmax along one axis. Each row is read three times: its maximum, the sum of exp(x - maximum), the results. Taking the
 * maximum off keeps every exponent at 0 or below, so nothing overflows; the sum is ascending. */
#include "compiler/ops/expressions.h"

void infer_axis_same(Infer *infer);
void loops_softmax(Meaning *m);
void loops_log_softmax(Meaning *m);
void loops_hardmax(Meaning *m);

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
  rows->index[rows->axis] = build_for(m->builder, "at", expr_index(m, 0), meaning_extent(m, 0, rows->axis));
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

void loops_softmax(Meaning *m) {
  RowLoops rows = open_rows(m);
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
