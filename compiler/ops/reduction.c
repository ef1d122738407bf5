/* Reductions over some axes, and the position of the extreme along one.
 *
 * Axes are usually known, and then loops run over them alone. An operand that only the running program knows gives a flag an axis: each axis has
 * an inner loop, of one step where the axis stays, and the result's declared shape is checked against the flags before anything is read. */
#include "compiler/ops/expressions.h"

void infer_reduce(Infer *infer);
void loops_reduce(Meaning *m);
void infer_arg_extreme(Infer *infer);
void loops_arg_extreme(Meaning *m);

/* ---- shapes -------------------------------------------------------------------------------------------------------------------- */

/* Which axes of operand 0 are reduced; false if only the running program knows. ONNX Reduce*-18: no axes means all, or none with
 * noop_with_empty_axes. */
static bool known_axes(Infer *infer, bool *reduced) {
  int64_t axes[64], extent;
  uint32_t rank = infer_rank(infer, 0), count = 0;
  bool given = infer_has(infer, 1);
  if (given && dim_is_constant(infer_table(infer), infer_dim(infer, 1, 0), &extent) && extent == 0) given = false;
  if (given && !infer_known_constants(infer, 1, &count, axes)) return false;
  bool all = count == 0 && !infer_int(infer, "noop_with_empty_axes");
  for (uint32_t axis = 0; axis < rank; axis++) reduced[axis] = all;
  for (uint32_t at = 0; at < count && !infer->failed; at++) reduced[infer_axis(infer, axes[at], rank)] = true;
  return true;
}

/* Shape arithmetic: a reduction of the few known elements of a vector. */
static void reduce_known(Infer *infer) {
  uint32_t op = infer_node(infer)->op, count;
  const Dim *known = infer_known(infer, 0, &count);
  if (!known || !count || infer_rank(infer, 0) != 1) return;
  if (op != OP_ReduceSum && op != OP_ReduceProd && op != OP_ReduceMax && op != OP_ReduceMin) return;
  DimTable *table = infer_table(infer);
  Dim value = known[0];
  for (uint32_t at = 1; at < count; at++)
    value = op == OP_ReduceSum ? dim_add(table, value, known[at]) : op == OP_ReduceProd ? dim_mul(table, value, known[at])
          : op == OP_ReduceMax ? dim_max(table, value, known[at]) : dim_min(table, value, known[at]);
  infer_set_known(infer, 0, &value, 1);
}

void infer_reduce(Infer *infer) {
  bool reduced[MAX_RANK], keep = infer_int(infer, "keepdims") != 0;
  uint32_t rank = infer_rank(infer, 0), kept = 0;
  Dim dims[MAX_RANK];
  if (infer_has(infer, 1) && infer_rank(infer, 1) != 1) { infer_error(infer, CODE_RANK, NULL, "the axes must have rank 1"); return; }
  if (!known_axes(infer, reduced)) {
    infer_set_declared(infer, 0);
    const Value *value = value_at(infer->module, infer_node(infer)->outputs[0]);
    if (!infer->failed && (keep ? value->rank != rank : value->rank > rank))
      infer_error(infer, CODE_DECLARED_SHAPE, NULL, "the result is declared with rank %u, the operand has rank %u", value->rank, rank);
    return;
  }
  for (uint32_t axis = 0; axis < rank; axis++) {
    if (!reduced[axis]) dims[kept++] = infer_dim(infer, 0, axis);
    else if (keep) dims[kept++] = dim_constant(infer_table(infer), 1);
  }
  infer_set(infer, 0, kept, dims);
  if (!infer->failed && rank == 1 && reduced[0]) reduce_known(infer);
}

/* ---- loops over the result and over what each of its elements reduces ------------------------------------------------------------- */

typedef struct ReduceLoops {
  uint32_t rank, result_rank, blocks;
  bool known, keep;
  bool reduced[MAX_RANK];      /* known axes */
  Expr flag[MAX_RANK];         /* run-time axes: whether the axis is reduced, an i1 */
  Expr place[MAX_RANK];        /* run-time axes without keepdims: the result's axis that operand's axis becomes, an index */
  Expr extent[MAX_RANK];       /* steps of the inner loop of each operand axis */
  Expr index[MAX_RANK];        /* of the result's element */
  Expr base[MAX_RANK];         /* operand's index at step 0 of the inner loops */
} ReduceLoops;

/* Sets the flags from the elements of operand 1. */
static void read_flags(Meaning *m, ReduceLoops *loops) {
  Builder *builder = m->builder;
  Expr variable[MAX_RANK], zero = expr_index(m, 0), count = meaning_extent(m, 1, 0), rank = expr_index(m, loops->rank);
  Expr all = meaning_int(m, "noop_with_empty_axes") ? build_integer(builder, SCALAR_I1, 0) : expr_eq(m, count, zero);
  for (uint32_t axis = 0; axis < loops->rank; axis++) variable[axis] = build_var(builder, "reduced", all);
  Expr at = build_for(builder, "at", zero, count);
  Expr axis_given = expr_let(m, "axis", meaning_read_index(m, 1, &at));
  Expr wanted = expr_let(m, "wanted", expr_select(m, expr_lt(m, axis_given, zero), expr_add(m, axis_given, rank), axis_given));
  meaning_fail_if(m, build_unary(builder, LOOP_NOT, expr_inside(m, wanted, rank)), STATUS_INDEX);
  for (uint32_t axis = 0; axis < loops->rank; axis++)
    build_set(builder, variable[axis], expr_or(m, variable[axis], expr_eq(m, wanted, expr_index(m, axis))));
  build_end(builder);
  for (uint32_t axis = 0; axis < loops->rank; axis++) loops->flag[axis] = expr_let(m, "reduced", variable[axis]);
}

/* The entry of `values` at `place`, the last one if none is. */
static Expr choose(Meaning *m, Expr place, uint32_t count, const Expr *values) {
  if (!count) return expr_index(m, 0);
  Expr chosen = values[count - 1];
  for (uint32_t at = count - 1; at-- > 0;) chosen = expr_select(m, expr_eq(m, place, expr_index(m, at)), values[at], chosen);
  return chosen;
}

/* Does the result's declared shape contradict the flags? */
static Expr disagreement(Meaning *m, ReduceLoops *loops) {
  Builder *builder = m->builder;
  Expr wrong = build_integer(builder, SCALAR_I1, 0), kept = expr_index(m, 0), extents[MAX_RANK];
  for (uint32_t axis = 0; axis < loops->result_rank; axis++) extents[axis] = meaning_result_extent(m, 0, axis);
  for (uint32_t axis = 0; axis < loops->rank; axis++) {
    Expr own = meaning_extent(m, 0, axis), one = expr_index(m, 1), zero = expr_index(m, 0);
    if (loops->keep) {
      wrong = expr_or(m, wrong, expr_ne(m, extents[axis], expr_select(m, loops->flag[axis], one, own)));
      continue;
    }
    loops->place[axis] = kept;
    Expr stays = build_unary(builder, LOOP_NOT, loops->flag[axis]);
    wrong = expr_or(m, wrong, expr_and(m, stays, expr_ne(m, choose(m, kept, loops->result_rank, extents), own)));
    kept = expr_let(m, "kept", expr_add(m, kept, expr_select(m, loops->flag[axis], zero, one)));
  }
  if (!loops->keep) wrong = expr_or(m, wrong, expr_ne(m, kept, expr_index(m, loops->result_rank)));
  return expr_let(m, "wrong", wrong);
}

static void open_results(Meaning *m, ReduceLoops *loops) {
  static const char *const names[] = {"i", "j", "k", "l"};
  for (uint32_t axis = 0; axis < loops->result_rank; axis++)
    loops->index[axis] = expr_loop(m, names[axis & 3], meaning_result_dim(m, 0, axis), &loops->blocks);
}

static ReduceLoops reduce_open(Meaning *m) {
  Infer infer = meaning_infer(m);
  ReduceLoops loops = {.rank = meaning_rank(m, 0), .result_rank = meaning_result_rank(m, 0), .keep = meaning_int(m, "keepdims") != 0};
  loops.known = known_axes(&infer, loops.reduced);
  Expr zero = expr_index(m, 0), one = expr_index(m, 1);
  if (!loops.known) {
    read_flags(m, &loops);
    Expr wrong = disagreement(m, &loops);
    meaning_fail_if(m, wrong, STATUS_SHAPE);
    for (uint32_t axis = 0; axis < loops.rank; axis++) /* nothing is read where the shape is wrong */
      loops.extent[axis] = expr_let(m, "extent", expr_select(m, wrong, zero, expr_select(m, loops.flag[axis], meaning_extent(m, 0, axis), one)));
  }
  open_results(m, &loops);
  for (uint32_t axis = 0, kept = 0; axis < loops.rank; axis++) {
    if (loops.known) {
      loops.extent[axis] = loops.reduced[axis] ? meaning_extent(m, 0, axis) : one;
      loops.base[axis] = loops.reduced[axis] ? zero : loops.index[loops.keep ? axis : kept];
      kept += !loops.reduced[axis];
    } else {
      Expr at = loops.keep ? loops.index[axis] : choose(m, loops.place[axis], loops.result_rank, loops.index);
      loops.base[axis] = expr_let(m, "base", expr_select(m, loops.flag[axis], zero, at));
    }
  }
  return loops;
}

/* Opens the inner loops and reads an element of operand 0. */
static Expr open_elements(Meaning *m, const ReduceLoops *loops, uint32_t *blocks) {
  static const char *const names[] = {"r", "s", "t", "u"};
  Expr index[MAX_RANK];
  uint32_t named = 0, last = loops->rank;
  while (last > 0 && loops->known && !loops->reduced[last - 1]) last--;
  for (uint32_t axis = 0; axis < loops->rank; axis++) {
    index[axis] = loops->base[axis];
    if (expr_is(m, loops->extent[axis], 1)) continue;
    Expr step = expr_row(m, names[named++ & 3], loops->extent[axis], axis + 1 == last);
    index[axis] = expr_add(m, loops->base[axis], step);
    ++*blocks;
  }
  return expr_let(m, "x", meaning_read(m, 0, index));
}

/* Number of elements that each result reduces. */
static Expr reduced_count(Meaning *m, const ReduceLoops *loops) {
  Expr count = expr_index(m, 1);
  for (uint32_t axis = 0; axis < loops->rank; axis++) count = expr_mul(m, count, loops->extent[axis]);
  return count;
}

/* ---- what is accumulated ------------------------------------------------------------------------------------------------------------ */

/* The result for no elements: the operation's identity. */
static Expr reduce_identity(Meaning *m, uint32_t op, Scalar scalar) {
  if (op == OP_ReduceProd) return expr_number(m, scalar, 1);
  if (op != OP_ReduceMax && op != OP_ReduceMin) return expr_number(m, scalar, 0);
  if (scalar == SCALAR_I1) return build_integer(m->builder, SCALAR_I1, op == OP_ReduceMin);
  return op == OP_ReduceMax ? expr_lowest(m, scalar) : expr_highest(m, scalar);
}

static Expr reduce_step(Meaning *m, uint32_t op, Expr sum, Expr x) {
  bool is_bool = build_scalar(m->builder, x) == SCALAR_I1;
  switch (op) {
  case OP_ReduceL1: return expr_add(m, sum, build_unary(m->builder, LOOP_ABS, x));
  case OP_ReduceL2:
  case OP_ReduceSumSquare: return build_ternary(m->builder, LOOP_MULADD, x, x, sum);
  case OP_ReduceProd: return expr_mul(m, sum, x);
  case OP_ReduceMax: return is_bool ? expr_or(m, x, sum) : expr_max(m, x, sum);
  case OP_ReduceMin: return is_bool ? expr_and(m, x, sum) : expr_min(m, x, sum);
  default: return expr_add(m, sum, x);
  }
}

/* Roots and logarithms of integers go through f64 and are cut to an integer. */
static Expr reduce_finish(Meaning *m, uint32_t op, Expr sum, Expr count) {
  Scalar scalar = build_scalar(m->builder, sum), real = scalar_is_float(scalar) ? scalar : SCALAR_F64;
  if (op == OP_ReduceMean) return expr_div(m, sum, build_cast(m->builder, scalar, count));
  if (op != OP_ReduceL2 && op != OP_ReduceLogSum) return sum;
  Expr value = build_cast(m->builder, real, sum);
  value = op == OP_ReduceL2 ? build_unary(m->builder, LOOP_SQRT, value) : expr_function(m, "log", 1, &value);
  return build_cast(m->builder, scalar, value);
}

/* log(sum(exp(x))) as maximum + log(sum(exp(x - maximum))), with an infinite maximum taken as 0. Integers go through f64. */
static Expr log_sum_exp(Meaning *m, const ReduceLoops *loops) {
  Builder *builder = m->builder;
  Scalar scalar = meaning_compute(m, 0), real = scalar_is_float(scalar) ? scalar : SCALAR_F64;
  Expr largest = build_var(builder, "largest", expr_lowest(m, real));
  uint32_t blocks = 0;
  build_set(builder, largest, expr_max(m, build_cast(builder, real, open_elements(m, loops, &blocks)), largest));
  meaning_end_loops(m, blocks);
  Expr size = build_unary(builder, LOOP_ABS, largest), zero = expr_number(m, real, 0);
  Expr maximum = expr_let(m, "maximum", expr_select(m, expr_eq(m, size, expr_highest(m, real)), zero, largest));
  Expr sum = build_var(builder, "sum", zero);
  blocks = 0;
  Expr shifted = expr_sub(m, build_cast(builder, real, open_elements(m, loops, &blocks)), maximum);
  build_set(builder, sum, expr_add(m, sum, expr_function(m, "exp", 1, &shifted)));
  meaning_end_loops(m, blocks);
  return build_cast(builder, scalar, expr_add(m, maximum, expr_function(m, "log", 1, &sum)));
}

void loops_reduce(Meaning *m) {
  uint32_t op = meaning_node(m)->op, blocks = 0;
  ReduceLoops loops = reduce_open(m);
  if (op == OP_ReduceLogSumExp) {
    meaning_write(m, 0, loops.index, log_sum_exp(m, &loops));
  } else {
    Expr sum = build_var(m->builder, "sum", reduce_identity(m, op, meaning_compute(m, 0)));
    build_set(m->builder, sum, reduce_step(m, op, sum, open_elements(m, &loops, &blocks)));
    meaning_end_loops(m, blocks);
    meaning_write(m, 0, loops.index, reduce_finish(m, op, sum, reduced_count(m, &loops)));
  }
  meaning_end_loops(m, loops.blocks);
}

/* ---- ArgMax, ArgMin ------------------------------------------------------------------------------------------------------------------ */

/* ONNX ArgMax-13, ArgMin-13. */
void infer_arg_extreme(Infer *infer) {
  uint32_t rank = infer_rank(infer, 0), axis = infer_axis(infer, infer_int(infer, "axis"), rank), kept = 0;
  Dim dims[MAX_RANK];
  for (uint32_t at = 0; at < rank; at++) {
    if (at != axis) dims[kept++] = infer_dim(infer, 0, at);
    else if (infer_int(infer, "keepdims")) dims[kept++] = dim_constant(infer_table(infer), 1);
  }
  infer_set(infer, 0, kept, dims);
}

/* The first position of the largest (smallest) element, or the last with select_last_index. NaN is never chosen. */
void loops_arg_extreme(Meaning *m) {
  Builder *builder = m->builder;
  ReduceLoops loops = {.rank = meaning_rank(m, 0), .result_rank = meaning_result_rank(m, 0), .keep = meaning_int(m, "keepdims") != 0};
  uint32_t axis = meaning_axis(m, meaning_int(m, "axis"), loops.rank);
  bool is_max = meaning_node(m)->op == OP_ArgMax, last = meaning_int(m, "select_last_index") != 0;
  Scalar scalar = meaning_compute(m, 0);
  open_results(m, &loops);
  Expr best = build_var(builder, "best", is_max ? expr_lowest(m, scalar) : expr_highest(m, scalar));
  Expr where = build_var(builder, "where", expr_index(m, 0));
  Expr at = build_for(builder, "at", expr_index(m, 0), meaning_extent(m, 0, axis));
  for (uint32_t own = 0, kept = 0; own < loops.rank; own++) {
    loops.base[own] = own == axis ? at : loops.index[kept];
    kept += own != axis || loops.keep;
  }
  Expr x = expr_let(m, "x", meaning_read(m, 0, loops.base));
  build_if(builder, build_binary(builder, is_max ? last ? LOOP_GE : LOOP_GT : last ? LOOP_LE : LOOP_LT, x, best));
  build_set(builder, best, x);
  build_set(builder, where, at);
  meaning_end_loops(m, 2);
  meaning_write(m, 0, loops.index, build_cast(builder, SCALAR_I64, where));
  meaning_end_loops(m, loops.blocks);
}
