/* Pools: windows of one channel reduced to their maximum, average or norm. Windows are clamped to the elements, so padding never takes part; an
 * average that includes padding counts it without reading it. Global pools reduce all spatial axes at once. */
#include "compiler/ops/window.h"

void infer_pool(Infer *infer);
void infer_max_pool(Infer *infer);
void infer_global_pool(Infer *infer);
void loops_max_pool(Meaning *m);
void loops_average_pool(Meaning *m);
void loops_lp_pool(Meaning *m);
void loops_global_average_pool(Meaning *m);
void loops_global_max_pool(Meaning *m);
void loops_global_lp_pool(Meaning *m);

static bool pool_plan(Infer *infer, WindowPlan *plan) { return window_plan(infer, NULL, infer_int(infer, "ceil_mode") != 0, plan); }

/* ONNX AveragePool-22, LpPool-22, MaxPool-22: X (N, C, D...), Y (N, C, D'...). */
void infer_pool(Infer *infer) {
  WindowPlan plan;
  if (!pool_plan(infer, &plan)) return;
  Dim dims[MAX_RANK] = {infer_dim(infer, 0, 0), infer_dim(infer, 0, 1)};
  for (uint32_t at = 0; at < plan.rank; at++) dims[at + 2] = plan.axis[at].output;
  for (uint32_t result = 0; result < infer_output_count(infer); result++) infer_set(infer, result, plan.rank + 2, dims);
}

void infer_max_pool(Infer *infer) {
  infer_set_element(infer, 1, ELEMENT_I64);
  infer_pool(infer);
}

/* ---- the loops around one output element ----------------------------------------------------------------------------------- */

typedef struct PoolLoops {
  WindowPlan plan;
  Expr index[MAX_RANK];        /* of the output element */
  WindowRange range[MAX_RANK];
  uint32_t blocks;
} PoolLoops;

static void open_pool(Meaning *m, PoolLoops *loops) {
  Infer infer = meaning_infer(m);
  require(m->module->context, pool_plan(&infer, &loops->plan));
  loops->index[0] = expr_loop(m, "n", meaning_dim(m, 0, 0), &loops->blocks);
  loops->index[1] = expr_loop(m, "c", meaning_dim(m, 0, 1), &loops->blocks);
  for (uint32_t at = 0; at < loops->plan.rank; at++) {
    loops->index[at + 2] = expr_loop(m, window_output_name(loops->plan.rank, at), loops->plan.axis[at].output, &loops->blocks);
    loops->range[at] = window_range(m, &loops->plan.axis[at], loops->index[at + 2]);
  }
}

/* Opens the loops over one window; gives the index into the operand. */
static uint32_t open_window(Meaning *m, const PoolLoops *loops, Expr *input) {
  input[0] = loops->index[0];
  input[1] = loops->index[1];
  for (uint32_t at = 0; at < loops->plan.rank; at++) {
    const WindowRange *range = &loops->range[at];
    Expr k = build_for(m->builder, window_kernel_name(loops->plan.rank, at), range->lo, range->hi);
    input[at + 2] = window_input(m, &loops->plan.axis[at], loops->index[at + 2], k);
  }
  return loops->plan.rank;
}

/* ---- maximum ------------------------------------------------------------------------------------------------------------------ */

/* The position of an element in the whole operand, row-major, or with the spatial axes in reverse order (storage_order 1). */
static Expr flat_position(Meaning *m, const Expr *index) {
  uint32_t rank = meaning_rank(m, 0);
  bool reversed = meaning_int(m, "storage_order") != 0;
  Expr position = expr_index(m, 0);
  for (uint32_t at = 0; at < rank; at++) {
    uint32_t axis = reversed && at >= 2 ? rank + 1 - at : at;
    position = expr_add(m, expr_mul(m, position, meaning_extent(m, 0, axis)), index[axis]);
  }
  return position;
}

/* The first largest element of a window; with Indices, where it stands. NaN is never larger. */
void loops_max_pool(Meaning *m) {
  Builder *builder = m->builder;
  PoolLoops loops = {0};
  Expr input[MAX_RANK], first[MAX_RANK], position = 0;
  open_pool(m, &loops);
  Scalar scalar = meaning_compute(m, 0);
  Expr best = build_var(builder, "best", expr_lowest(m, scalar));
  bool with_position = meaning_wants(m, 1);
  if (with_position) {
    first[0] = loops.index[0];
    first[1] = loops.index[1];
    for (uint32_t at = 0; at < loops.plan.rank; at++) {
      Expr start = window_input(m, &loops.plan.axis[at], loops.index[at + 2], loops.range[at].lo);
      first[at + 2] = start;
    }
    position = build_var(builder, "position", flat_position(m, first));
  }
  uint32_t blocks = open_window(m, &loops, input);
  Expr x = expr_let(m, "x", meaning_read(m, 0, input));
  if (with_position) {
    build_if(builder, expr_gt(m, x, best));
    build_set(builder, best, x);
    build_set(builder, position, flat_position(m, input));
    build_end(builder);
  } else {
    build_set(builder, best, expr_max(m, x, best));
  }
  meaning_end_loops(m, blocks);
  if (meaning_wants(m, 0)) meaning_write(m, 0, loops.index, best);
  if (with_position) meaning_write(m, 1, loops.index, build_cast(builder, SCALAR_I64, position));
  meaning_end_loops(m, loops.blocks);
}

/* ---- average and norm ----------------------------------------------------------------------------------------------------------- */

/* Kernel positions of one axis that count: those on elements, or on elements and padding. */
static Expr counted_positions(Meaning *m, const PoolLoops *loops, uint32_t at, bool include_padding) {
  const WindowAxis *axis = &loops->plan.axis[at];
  const WindowRange *range = &loops->range[at];
  if (!include_padding) return expr_sub(m, range->hi, range->lo);
  Expr kernel = build_dim(m->builder, axis->kernel);
  if (!axis->may_leave_padding) return kernel;
  Dim padded = dim_add(&m->module->dims, dim_add(&m->module->dims, axis->input, axis->pad_begin), axis->pad_end);
  Expr left = expr_sub(m, build_dim(m->builder, padded), expr_mul(m, loops->index[at + 2], expr_index(m, axis->stride)));
  return expr_min(m, expr_divide_up(m, left, axis->dilation), kernel);
}

void loops_average_pool(Meaning *m) {
  PoolLoops loops = {0};
  Expr input[MAX_RANK];
  open_pool(m, &loops);
  Scalar scalar = meaning_compute(m, 0);
  Expr sum = build_var(m->builder, "sum", expr_number(m, scalar, 0));
  uint32_t blocks = open_window(m, &loops, input);
  build_set(m->builder, sum, expr_add(m, sum, meaning_read(m, 0, input)));
  meaning_end_loops(m, blocks);
  Expr count = expr_index(m, 1);
  for (uint32_t at = 0; at < loops.plan.rank; at++)
    count = expr_mul(m, count, counted_positions(m, &loops, at, meaning_int(m, "count_include_pad") != 0));
  meaning_write(m, 0, loops.index, expr_div(m, sum, build_cast(m->builder, scalar, count)));
  meaning_end_loops(m, loops.blocks);
}

/* |x| ** p, and the p-th root of a sum of them. */
static Expr lp_power(Meaning *m, Expr x, int64_t p) {
  if (p == 2) return expr_mul(m, x, x);
  Expr size = build_unary(m->builder, LOOP_ABS, x);
  return p == 1 ? size : expr_function(m, "pow", 2, (Expr[]){size, expr_number(m, build_scalar(m->builder, x), (double)p)});
}
static Expr lp_root(Meaning *m, Expr sum, int64_t p) {
  if (p == 2) return build_unary(m->builder, LOOP_SQRT, sum);
  return p == 1 ? sum : expr_function(m, "pow", 2, (Expr[]){sum, expr_number(m, build_scalar(m->builder, sum), 1.0 / (double)p)});
}

void loops_lp_pool(Meaning *m) {
  PoolLoops loops = {0};
  Expr input[MAX_RANK];
  open_pool(m, &loops);
  int64_t p = meaning_int(m, "p");
  Expr sum = build_var(m->builder, "sum", expr_number(m, meaning_compute(m, 0), 0));
  uint32_t blocks = open_window(m, &loops, input);
  build_set(m->builder, sum, expr_add(m, sum, lp_power(m, expr_let(m, "x", meaning_read(m, 0, input)), p)));
  meaning_end_loops(m, blocks);
  meaning_write(m, 0, loops.index, lp_root(m, sum, p));
  meaning_end_loops(m, loops.blocks);
}

/* ---- all of a channel ------------------------------------------------------------------------------------------------------------ */

/* ONNX GlobalAveragePool-22, GlobalMaxPool-22, GlobalLpPool-22: X (N, C, D...), Y (N, C, 1...). */
void infer_global_pool(Infer *infer) {
  Dim dims[MAX_RANK];
  uint32_t rank = infer_rank(infer, 0);
  if (rank < 2) { infer_error(infer, CODE_RANK, "give it the axes batch and channel", "operand 0 has rank %u", rank); return; }
  for (uint32_t axis = 0; axis < rank; axis++) dims[axis] = axis < 2 ? infer_dim(infer, 0, axis) : dim_constant(infer_table(infer), 1);
  infer_set(infer, 0, rank, dims);
}

typedef enum GlobalPool { GLOBAL_AVERAGE, GLOBAL_MAX, GLOBAL_LP } GlobalPool;

static Expr global_step(Meaning *m, GlobalPool kind, Expr value, Expr x, int64_t p) {
  switch (kind) {
  case GLOBAL_AVERAGE: return expr_add(m, value, x);
  case GLOBAL_MAX: return expr_max(m, x, value);
  default: return expr_add(m, value, lp_power(m, x, p));
  }
}

static void global_pool(Meaning *m, GlobalPool kind, int64_t p) {
  Builder *builder = m->builder;
  Scalar scalar = meaning_compute(m, 0);
  uint32_t rank = meaning_rank(m, 0), outer = 0, inner = 0;
  Expr index[MAX_RANK], input[MAX_RANK], count = expr_index(m, 1);
  index[0] = input[0] = expr_loop(m, "n", meaning_dim(m, 0, 0), &outer);
  index[1] = input[1] = expr_loop(m, "c", meaning_dim(m, 0, 1), &outer);
  Expr value = build_var(builder, kind == GLOBAL_MAX ? "best" : "sum", kind == GLOBAL_MAX ? expr_lowest(m, scalar) : expr_number(m, scalar, 0));
  for (uint32_t axis = 2; axis < rank; axis++) {
    static const char *const names[] = {"w", "h", "d"};
    index[axis] = expr_index(m, 0);
    input[axis] = expr_loop(m, rank - 1 - axis < 3 ? names[rank - 1 - axis] : "k", meaning_dim(m, 0, axis), &inner);
    count = expr_mul(m, count, meaning_extent(m, 0, axis));
  }
  build_set(builder, value, global_step(m, kind, value, expr_let(m, "x", meaning_read(m, 0, input)), p));
  meaning_end_loops(m, inner);
  Expr result = value;
  if (kind == GLOBAL_AVERAGE) result = expr_div(m, value, build_cast(builder, scalar, count));
  if (kind == GLOBAL_LP) result = lp_root(m, value, p);
  meaning_write(m, 0, index, result);
  meaning_end_loops(m, outer);
}

void loops_global_average_pool(Meaning *m) { global_pool(m, GLOBAL_AVERAGE, 0); }
void loops_global_max_pool(Meaning *m) { global_pool(m, GLOBAL_MAX, 0); }
void loops_global_lp_pool(Meaning *m) { global_pool(m, GLOBAL_LP, meaning_int(m, "p")); }
