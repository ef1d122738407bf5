/* Convolutions as direct loops: each output element gathers its window with one accumulator, over input channels and then kernel positions, both
 * ascending; it starts from 0 and the bias is added last. The kernel loops run over the positions that lie on elements, so nothing is tested inside.
 * A transposed convolution gathers too: for each output position the inputs that reach it. */
#include "compiler/ops/quantized.h"
#include "compiler/ops/window.h"

/* Checks operands 0 (N, C, D...) and `weights`, whose leading axes hold the channels; gives the kernel's extents. */
static bool conv_open(Infer *infer, uint32_t weights, Dim *kernel) {
  uint32_t rank = infer_rank(infer, 0);
  if (infer_rank(infer, weights) != rank) {
    infer_error(infer, CODE_RANK, NULL, "the input has rank %u, but the weights have rank %u", rank, infer_rank(infer, weights));
    return false;
  }
  for (uint32_t at = 0; at + 2 < rank; at++) kernel[at] = infer_dim(infer, weights, at + 2);
  return true;
}

static bool groups_divide(Infer *infer, Dim channels, const char *what) {
  int64_t group = infer_int(infer, "group"), extent;
  if (group > 0 && (!dim_is_constant(infer_table(infer), channels, &extent) || extent % group == 0)) {
    infer_divides(infer, dim_constant(infer_table(infer), group), channels);
    return true;
  }
  infer_error(infer, CODE_VALUE, NULL, "group is %lld, which does not divide the %s", (long long)group, what);
  return false;
}

/* The bias, if there is one, holds an element a channel. */
static void check_bias(Infer *infer, uint32_t operand, Dim channels) {
  if (!infer_has(infer, operand)) return;
  if (infer_rank(infer, operand) != 1) infer_error(infer, CODE_RANK, NULL, "the bias must have rank 1");
  else infer_agree(infer, infer_dim(infer, operand, 0), channels, "the bias's size", "the number of output channels");
}

static void set_windowed(Infer *infer, Dim channels, const WindowPlan *plan) {
  Dim dims[MAX_RANK] = {infer_dim(infer, 0, 0), channels};
  for (uint32_t at = 0; at < plan->rank; at++) dims[at + 2] = plan->axis[at].output;
  infer_set(infer, 0, plan->rank + 2, dims);
}

static bool conv_plan(Infer *infer, uint32_t weights, WindowPlan *plan) {
  Dim kernel[MAX_RANK];
  return conv_open(infer, weights, kernel) && window_plan(infer, kernel, false, plan);
}

/* ONNX Conv-22, ConvInteger-10 and QLinearConv-10: X (N, C, D...), W (M, C/group, K...), Y (N, M, D'...). */
static void infer_convolution(Infer *infer, uint32_t weights) {
  WindowPlan plan;
  if (!conv_plan(infer, weights, &plan)) return;
  Dim channels = infer_dim(infer, weights, 0), group = dim_constant(infer_table(infer), infer_int(infer, "group"));
  if (!groups_divide(infer, channels, "number of output channels")) return;
  if (!groups_divide(infer, infer_dim(infer, 0, 1), "number of input channels")) return;
  infer_agree(infer, infer_dim(infer, 0, 1), dim_mul(infer_table(infer), infer_dim(infer, weights, 1), group), "the number of input channels",
              "that of the weights times group");
  set_windowed(infer, channels, &plan);
}

void infer_conv(Infer *infer);
void infer_conv_integer(Infer *infer);
void infer_quantized_conv(Infer *infer);
void infer_conv_transpose(Infer *infer);
void loops_conv(Meaning *m);
void loops_conv_integer(Meaning *m);
void loops_conv_transpose(Meaning *m);

void infer_conv(Infer *infer) {
  infer_convolution(infer, 1);
  if (!infer->failed) check_bias(infer, 2, infer_dim(infer, 1, 0));
}

/* A scale or zero point of the weights: a single number, or one a channel. */
static void check_channel_parameter(Infer *infer, uint32_t operand, Dim channels) {
  if (!infer_rank(infer, operand)) return;
  if (infer_rank(infer, operand) != 1) { infer_error(infer, CODE_RANK, NULL, "operand %u has rank %u", operand, infer_rank(infer, operand)); return; }
  Dim own = infer_dim(infer, operand, 0);
  if (own == dim_constant(infer_table(infer), 1)) return;
  infer_agree(infer, own, channels, "the length of a scale or zero point of the weights", "the number of output channels");
}

void infer_conv_integer(Infer *infer) {
  infer_set_element(infer, 0, ELEMENT_I32);
  infer_single(infer, 2, "the input's zero point");
  infer_convolution(infer, 1);
  if (!infer->failed) check_channel_parameter(infer, 3, infer_dim(infer, 1, 0));
}

/* ONNX QLinearConv-10: x, its scale and zero point, w, its scale and zero point, y's scale and zero point, bias. */
void infer_quantized_conv(Infer *infer) {
  infer_quantisation(infer, 1, 2, "x");
  infer_quantisation(infer, 6, 7, "y");
  infer_convolution(infer, 3);
  if (infer->failed) return;
  for (uint32_t operand = 4; operand <= 5; operand++) check_channel_parameter(infer, operand, infer_dim(infer, 3, 0));
  check_bias(infer, 8, infer_dim(infer, 3, 0));
}

/* ---- the loops around one output element --------------------------------------------------------------------------------- */

typedef struct ConvLoops {
  WindowPlan plan;
  Expr index[MAX_RANK];       /* of the output element */
  Expr group, within;         /* its channel is group * (channels a group) + within */
  WindowRange range[MAX_RANK];/* plain convolutions: kernel positions on elements */
  Expr input_channels;        /* a group's, as an extent */
  uint32_t blocks;            /* open around the output element */
} ConvLoops;

/* Opens loops over batch, group and channel. `per_group` is the number of output channels a group. */
static void open_channels(Meaning *m, ConvLoops *loops, Dim per_group) {
  loops->index[0] = expr_loop(m, "n", meaning_dim(m, 0, 0), &loops->blocks);
  loops->group = expr_loop(m, "g", dim_constant(&m->module->dims, meaning_int(m, "group")), &loops->blocks);
  loops->within = expr_loop(m, "oc", per_group, &loops->blocks);
  loops->index[1] = expr_let(m, "channel", expr_add(m, expr_mul(m, loops->group, build_dim(m->builder, per_group)), loops->within));
}

/* Opens loops over the positions of a channel. */
static void open_positions(Meaning *m, ConvLoops *loops, bool with_range) {
  for (uint32_t at = 0; at < loops->plan.rank; at++) {
    loops->index[at + 2] = expr_loop(m, window_output_name(loops->plan.rank, at), loops->plan.axis[at].output, &loops->blocks);
    if (with_range) loops->range[at] = window_range(m, &loops->plan.axis[at], loops->index[at + 2]);
  }
}

/* Plans a plain convolution and opens the loops over its channels. */
static void open_convolution(Meaning *m, ConvLoops *loops, uint32_t weights) {
  DimTable *table = &m->module->dims;
  Infer infer = meaning_infer(m);
  Dim group = dim_constant(table, meaning_int(m, "group"));
  require(m->module->context, conv_plan(&infer, weights, &loops->plan));
  loops->input_channels = expr_agree(m, meaning_dim(m, weights, 1), dim_floordiv(table, meaning_dim(m, 0, 1), group)); /* a group's */
  open_channels(m, loops, dim_floordiv(table, meaning_dim(m, weights, 0), group));
}

static Expr open_input_channels(Meaning *m, const ConvLoops *loops, uint32_t *blocks) {
  if (expr_is(m, loops->input_channels, 1)) return expr_index(m, 0);
  ++*blocks;
  return build_for(m->builder, "ic", expr_index(m, 0), loops->input_channels);
}

static Expr open_kernel(Meaning *m, const ConvLoops *loops, uint32_t at, uint32_t *blocks) {
  const WindowRange *range = &loops->range[at];
  if (expr_is(m, range->lo, 0) && expr_is(m, range->hi, 1)) return expr_index(m, 0);
  ++*blocks;
  return build_for(m->builder, window_kernel_name(loops->plan.rank, at), range->lo, range->hi);
}

/* Opens the loops over one window; gives the indices into input and weights. */
static uint32_t open_window(Meaning *m, const ConvLoops *loops, Expr *input, Expr *weight) {
  uint32_t blocks = 0;
  input[0] = loops->index[0];
  weight[0] = loops->index[1];
  weight[1] = open_input_channels(m, loops, &blocks);
  input[1] = expr_add(m, expr_mul(m, loops->group, loops->input_channels), weight[1]);
  for (uint32_t at = 0; at < loops->plan.rank; at++) {
    weight[at + 2] = open_kernel(m, loops, at, &blocks);
    input[at + 2] = window_input(m, &loops->plan.axis[at], loops->index[at + 2], weight[at + 2]);
  }
  return blocks;
}

void loops_conv(Meaning *m) {
  ConvLoops loops = {0};
  Scalar scalar = meaning_result_compute(m, 0);
  Expr input[MAX_RANK], weight[MAX_RANK];
  open_convolution(m, &loops, 1);
  open_positions(m, &loops, true);
  Expr sum = build_var(m->builder, "sum", expr_number(m, scalar, 0));
  uint32_t blocks = open_window(m, &loops, input, weight);
  build_set(m->builder, sum, build_ternary(m->builder, LOOP_MULADD, meaning_read(m, 0, input), meaning_read(m, 1, weight), sum));
  meaning_end_loops(m, blocks);
  Expr value = meaning_has(m, 2) ? expr_add(m, sum, meaning_read(m, 2, &loops.index[1])) : sum;
  meaning_write(m, 0, loops.index, value);
  meaning_end_loops(m, loops.blocks);
}

/* ---- integers --------------------------------------------------------------------------------------------------------------- */

/* Where ConvInteger and QLinearConv have their operands. */
typedef struct IntegerOperands { uint32_t weights, x_zero, w_zero; } IntegerOperands;

static IntegerOperands integer_operands(const Meaning *m) {
  return meaning_node(m)->op == OP_QLinearConv ? (IntegerOperands){3, 2, 5} : (IntegerOperands){1, 2, 3};
}

/* Element of a scale or zero point of the weights: one for all, or one a channel. */
static Expr channel_parameter(Meaning *m, uint32_t operand, Expr channel) {
  if (meaning_rank(m, operand) == 0) return quantized_single(m, operand);
  Expr at = expr_broadcast(m, meaning_dim(m, operand, 0), meaning_result_dim(m, 0, 1), channel);
  return meaning_read(m, operand, &at);
}

Expr conv_integer_read(Meaning *m, bool is_weight, const Expr *index) {
  IntegerOperands operands = integer_operands(m);
  uint32_t zero = is_weight ? operands.w_zero : operands.x_zero;
  Expr value = build_cast(m->builder, SCALAR_I32, meaning_read(m, is_weight ? operands.weights : 0, index));
  if (!meaning_has(m, zero)) return value;
  Expr offset = is_weight ? channel_parameter(m, zero, index[0]) : quantized_single(m, zero);
  return expr_sub(m, value, build_cast(m->builder, SCALAR_I32, offset));
}

/* QLinearConv: the sum plus the bias, times (x's scale * w's scale / y's scale), rounded, plus y's zero point. */
Expr conv_integer_finish(Meaning *m, Expr sum, Expr channel) {
  if (meaning_node(m)->op != OP_QLinearConv) return sum;
  Expr scale = expr_div(m, expr_mul(m, quantized_single(m, 1), channel_parameter(m, 4, channel)), quantized_single(m, 6));
  if (meaning_has(m, 8)) sum = expr_add(m, sum, meaning_read(m, 8, &channel));
  Expr value = expr_mul(m, build_cast(m->builder, SCALAR_F32, sum), scale);
  return quantized_round(m, meaning_result_element(m, 0), value, quantized_zero(m, 7));
}

/* Padding stands for x's zero point, so it adds nothing and the window is clamped here too. */
void loops_conv_integer(Meaning *m) {
  Builder *builder = m->builder;
  ConvLoops loops = {0};
  Expr input[MAX_RANK], weight[MAX_RANK];
  open_convolution(m, &loops, integer_operands(m).weights);
  open_positions(m, &loops, true);
  Expr sum = build_var(builder, "sum", expr_number(m, SCALAR_I32, 0));
  uint32_t blocks = open_window(m, &loops, input, weight);
  Expr x = conv_integer_read(m, false, input), w = conv_integer_read(m, true, weight);
  build_set(builder, sum, build_ternary(builder, LOOP_MULADD, x, w, sum));
  meaning_end_loops(m, blocks);
  meaning_write(m, 0, loops.index, conv_integer_finish(m, sum, loops.index[1]));
  meaning_end_loops(m, loops.blocks);
}

/* ---- transposed ------------------------------------------------------------------------------------------------------------- */

static bool transposed_plan(Infer *infer, WindowPlan *plan) {
  Dim kernel[MAX_RANK];
  return conv_open(infer, 1, kernel) && window_plan_transposed(infer, kernel, plan);
}

/* ONNX ConvTranspose-22: X (N, C, D...), W (C, M/group, K...), Y (N, M, D'...). */
void infer_conv_transpose(Infer *infer) {
  WindowPlan plan;
  if (!transposed_plan(infer, &plan) || !groups_divide(infer, infer_dim(infer, 0, 1), "number of input channels")) return;
  infer_agree(infer, infer_dim(infer, 0, 1), infer_dim(infer, 1, 0), "the number of input channels", "that of the weights");
  Dim channels = dim_mul(infer_table(infer), infer_dim(infer, 1, 1), dim_constant(infer_table(infer), infer_int(infer, "group")));
  check_bias(infer, 2, channels);
  set_windowed(infer, channels, &plan);
}

/* The number of integers in 0 .. floor(a / by). */
static Expr count_up_to(Meaning *m, Expr a, int64_t by) {
  return expr_div(m, expr_max(m, expr_add(m, a, expr_index(m, by)), expr_index(m, 0)), expr_index(m, by));
}

/* Opens a loop over the pairs (input, kernel position) that reach output position `at`. With dilation 1 each input in a range has one position;
 * else all kernel positions are tried, and those off the stride's grid are skipped. */
static void open_reaching(Meaning *m, const WindowAxis *axis, const char *name, Expr at, Expr *input, Expr *k, uint32_t *blocks) {
  Builder *builder = m->builder;
  Expr shifted = expr_let(m, "shifted", expr_add(m, at, build_dim(builder, axis->pad_begin)));
  Expr kernel = build_dim(builder, axis->kernel), extent = build_dim(builder, axis->input), zero = expr_index(m, 0);
  if (axis->dilation == 1) {
    Expr lo = expr_divide_up(m, expr_add(m, expr_sub(m, shifted, kernel), expr_index(m, 1)), axis->stride);
    Expr hi = expr_min(m, count_up_to(m, shifted, axis->stride), extent);
    *input = build_for(builder, "i", expr_let(m, "lo", lo), expr_let(m, "hi", hi));
    *k = expr_sub(m, shifted, expr_mul(m, *input, expr_index(m, axis->stride)));
    ++*blocks;
    return;
  }
  Expr hi = expr_min(m, count_up_to(m, shifted, axis->dilation), kernel);
  *k = build_for(builder, name, zero, expr_let(m, "hi", hi));
  Expr distance = expr_let(m, "distance", expr_sub(m, shifted, expr_mul(m, *k, expr_index(m, axis->dilation))));
  *input = expr_let(m, "i", expr_div(m, distance, expr_index(m, axis->stride)));
  Expr on_grid = expr_eq(m, expr_rem(m, distance, expr_index(m, axis->stride)), zero);
  build_if(builder, expr_and(m, on_grid, expr_lt(m, *input, extent)));
  *blocks += 2;
}

void loops_conv_transpose(Meaning *m) {
  Infer infer = meaning_infer(m);
  ConvLoops loops = {0};
  Scalar scalar = meaning_result_compute(m, 0);
  Expr input[MAX_RANK], weight[MAX_RANK];
  require(m->module->context, transposed_plan(&infer, &loops.plan));
  Expr channels = expr_agree(m, meaning_dim(m, 0, 1), meaning_dim(m, 1, 0));
  loops.input_channels = expr_div(m, channels, expr_index(m, meaning_int(m, "group")));
  open_channels(m, &loops, meaning_dim(m, 1, 1));
  open_positions(m, &loops, false);
  Expr sum = build_var(m->builder, "sum", expr_number(m, scalar, 0));
  uint32_t blocks = 0;
  Expr ic = open_input_channels(m, &loops, &blocks);
  input[0] = loops.index[0];
  input[1] = weight[0] = expr_let(m, "c", expr_add(m, expr_mul(m, loops.group, loops.input_channels), ic));
  weight[1] = loops.within;
  for (uint32_t at = 0; at < loops.plan.rank; at++)
    open_reaching(m, &loops.plan.axis[at], window_kernel_name(loops.plan.rank, at), loops.index[at + 2], &input[at + 2], &weight[at + 2], &blocks);
  build_set(m->builder, sum, build_ternary(m->builder, LOOP_MULADD, meaning_read(m, 0, input), meaning_read(m, 1, weight), sum));
  meaning_end_loops(m, blocks);
  Expr value = meaning_has(m, 2) ? expr_add(m, sum, meaning_read(m, 2, &loops.index[1])) : sum;
  meaning_write(m, 0, loops.index, value);
  meaning_end_loops(m, loops.blocks);
}
