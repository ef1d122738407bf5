/* Pools: windows of one channel reduced to their maximum, average or norm. Windows are clamped to the elements, so padding never takes part; an
 * average that includes padding counts it without reading it. Global pools reduce all spatial axes at once. */
#include "compiler/ops/quantized.h"
#include "compiler/ops/window.h"

void infer_pool(Infer *infer);
void infer_max_pool(Infer *infer);
void infer_global_pool(Infer *infer);
void infer_quantized_pool(Infer *infer);
void infer_quantized_global_pool(Infer *infer);
void loops_max_pool(Meaning *m);
void loops_average_pool(Meaning *m);
void loops_lp_pool(Meaning *m);
void loops_global_average_pool(Meaning *m);
void loops_global_max_pool(Meaning *m);
void loops_global_lp_pool(Meaning *m);
void loops_quantized_pool(Meaning *m);
void loops_quantized_global_pool(Meaning *m);

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

/* The average of one window; quantised elements as the real numbers they stand for. */
static Expr window_average(Meaning *m, PoolLoops *loops, bool quantised) {
  Scalar scalar = quantised ? SCALAR_F32 : meaning_compute(m, 0);
  Expr input[MAX_RANK], sum = build_var(m->builder, "sum", expr_number(m, scalar, 0));
  uint32_t blocks = open_window(m, loops, input);
  Expr x = meaning_read(m, 0, input);
  if (quantised) x = quantized_real(m, x, quantized_zero(m, 2), quantized_single(m, 1));
  build_set(m->builder, sum, expr_add(m, sum, x));
  meaning_end_loops(m, blocks);
  Expr count = expr_index(m, 1);
  bool include_padding = meaning_int(m, "count_include_pad") != 0;
  for (uint32_t at = 0; at < loops->plan.rank; at++) {
    bool whole = quantised && include_padding; /* there what ceil_mode adds behind the padding counts as well */
    count = expr_mul(m, count, whole ? build_dim(m->builder, loops->plan.axis[at].kernel) : counted_positions(m, loops, at, include_padding));
  }
  return expr_div(m, sum, build_cast(m->builder, scalar, count));
}

void loops_average_pool(Meaning *m) {
  PoolLoops loops = {0};
  open_pool(m, &loops);
  meaning_write(m, 0, loops.index, window_average(m, &loops, false));
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
    Expr extent = meaning_extent(m, 0, axis);
    inner += !expr_is(m, extent, 1);
    input[axis] = expr_is(m, extent, 1) ? index[axis] : expr_row(m, rank - 1 - axis < 3 ? names[rank - 1 - axis] : "k", extent, axis + 1 == rank);
    count = expr_mul(m, count, extent);
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

/* ---- quantised ------------------------------------------------------------------------------------------------------------------- */

/* com.microsoft QLinearAveragePool: X, its scale and zero point, Y's scale and zero point. */
void infer_quantized_pool(Infer *infer) {
  infer_quantisation(infer, 1, 2, "X");
  infer_quantisation(infer, 3, 4, "Y");
  if (infer_int(infer, "channels_last"))
    infer_error(infer, CODE_VALUE, "compile the model as it was before ONNX Runtime optimised it", "channels_last is 1");
  else
    infer_pool(infer);
}

/* The average over Y's scale, plus Y's zero point, rounded. */
void loops_quantized_pool(Meaning *m) {
  PoolLoops loops = {0};
  open_pool(m, &loops);
  Expr value = expr_div(m, window_average(m, &loops, true), quantized_single(m, 3));
  value = expr_add(m, value, build_cast(m->builder, SCALAR_F32, quantized_zero(m, 4)));
  meaning_write(m, 0, loops.index, quantized_saturate(m, meaning_result_element(m, 0), value));
  meaning_end_loops(m, loops.blocks);
}

/* com.microsoft QLinearGlobalAveragePool: X (N, C, D...) or with channels_last (N, D..., C). */
void infer_quantized_global_pool(Infer *infer) {
  Dim dims[MAX_RANK];
  uint32_t rank = infer_rank(infer, 0), channel = infer_int(infer, "channels_last") ? rank - 1 : 1;
  infer_quantisation(infer, 1, 2, "X");
  infer_quantisation(infer, 3, 4, "Y");
  if (rank < 2) { infer_error(infer, CODE_RANK, "give it the axes batch and channel", "operand 0 has rank %u", rank); return; }
  for (uint32_t axis = 0; axis < rank; axis++) dims[axis] = dim_constant(infer_table(infer), 1);
  dims[0] = infer_dim(infer, 0, 0);
  dims[channel] = infer_dim(infer, 0, channel);
  infer_set(infer, 0, rank, dims);
}

/* The sum of all x - X's zero point, times X's scale / (Y's scale * their number), rounded, plus Y's zero point. */
void loops_quantized_global_pool(Meaning *m) {
  Builder *builder = m->builder;
  uint32_t rank = meaning_rank(m, 0), channel = meaning_int(m, "channels_last") ? rank - 1 : 1, outer = 0, inner = 0;
  Expr index[MAX_RANK], input[MAX_RANK], count = expr_index(m, 1);
  for (uint32_t axis = 0; axis < rank; axis++) {
    bool kept = axis == 0 || axis == channel;
    index[axis] = input[axis] = kept ? expr_loop(m, axis ? "c" : "n", meaning_dim(m, 0, axis), &outer) : expr_index(m, 0);
    if (!kept) count = expr_mul(m, count, meaning_extent(m, 0, axis));
  }
  Expr zero = quantized_zero(m, 2), area = expr_mul(m, quantized_single(m, 3), build_cast(builder, SCALAR_F32, count));
  Expr scale = expr_let(m, "scale", expr_div(m, quantized_single(m, 1), area));
  Expr sum = build_var(builder, "sum", expr_number(m, SCALAR_I32, 0));
  for (uint32_t axis = 1; axis < rank; axis++)
    if (axis != channel) input[axis] = expr_loop(m, "at", meaning_dim(m, 0, axis), &inner);
  build_set(builder, sum, expr_add(m, sum, expr_sub(m, build_cast(builder, SCALAR_I32, meaning_read(m, 0, input)), zero)));
  meaning_end_loops(m, inner);
  Expr value = expr_mul(m, build_cast(builder, SCALAR_F32, sum), scale);
  meaning_write(m, 0, index, quantized_round(m, meaning_result_element(m, 0), value, quantized_zero(m, 4)));
  meaning_end_loops(m, outer);
}
