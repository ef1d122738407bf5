/* Normalisations: elements less a mean, over a deviation, scaled and shifted. Means and variances are those of the whole set (population), taken in
 * two passes (first the mean, then the squares of what is left), each with one ascending sum in the compute type. */
#include "compiler/ops/expressions.h"

void infer_batch_normalization(Infer *infer);
void infer_batch_normalization_training(Infer *infer);
void loops_batch_normalization_training(Meaning *m);
void infer_channel_normalization(Infer *infer);
void infer_layer_normalization(Infer *infer);
void infer_mean_variance(Infer *infer);
void infer_lrn(Infer *infer);
Expr point_batch_normalization(Meaning *m, uint32_t result, const Expr *index);
void loops_channel_normalization(Meaning *m);
void loops_layer_normalization(Meaning *m);
void loops_lp_normalization(Meaning *m);
void loops_mean_variance(Meaning *m);
void loops_lrn(Meaning *m);

/* ---- BatchNormalization ------------------------------------------------------------------------------------------------------ */

/* ONNX BatchNormalization-15: X (N, C, D...), the other operands (C). A rank of 1 counts as one channel. */
void infer_batch_normalization(Infer *infer) {
  uint32_t rank = infer_rank(infer, 0);
  Dim channels = rank > 1 ? infer_dim(infer, 0, 1) : dim_constant(infer_table(infer), 1);
  for (uint32_t operand = 1; operand < 5; operand++) {
    if (infer_rank(infer, operand) != 1) infer_error(infer, CODE_RANK, NULL, "operand %u must have rank 1", operand);
    else infer_agree(infer, infer_dim(infer, operand, 0), channels, "the size of a statistic", "the number of channels");
  }
  infer_set(infer, 0, rank, infer_dims(infer, 0));
}

/* (x - mean) / sqrt(variance + epsilon) * scale + bias, in operand 0's compute type. */
Expr point_batch_normalization(Meaning *m, uint32_t result, const Expr *index) {
  Scalar scalar = meaning_compute(m, 0);
  Expr channel = meaning_rank(m, 0) > 1 ? index[1] : expr_index(m, 0), statistic[5];
  for (uint32_t operand = 1; operand < 5; operand++) statistic[operand] = build_cast(m->builder, scalar, meaning_read(m, operand, &channel));
  Expr variance = expr_add(m, statistic[4], expr_number(m, scalar, meaning_float(m, "epsilon")));
  Expr factor = expr_div(m, statistic[1], build_unary(m->builder, LOOP_SQRT, variance));
  Expr centred = expr_sub(m, meaning_read(m, 0, index), statistic[3]);
  return build_ternary(m->builder, LOOP_MULADD, centred, factor, statistic[2]);
}

/* ---- statistics of a set of elements ----------------------------------------------------------------------------------------- */

/* A set of operand 0's elements: axis k runs over its whole extent where `over[k]`, else stands at `at[k]`; on the channel axis of grouped
 * normalisations `count` elements from `at` on. */
typedef struct NormSet {
  uint32_t rank;
  bool over[MAX_RANK];
  Expr at[MAX_RANK], count[MAX_RANK]; /* count: of an axis that is run over */
  Expr size;                          /* elements in the set, in the compute type */
  Scalar scalar;                      /* the compute type: of the operand, or what stash_type asks for */
} NormSet;

/* Opens loops over the set; index is that of the element. */
static uint32_t open_set(Meaning *m, const NormSet *set, Expr *index) {
  static const char *const names[] = {"r", "s", "t", "u"};
  uint32_t blocks = 0, last = set->rank;
  while (last > 0 && !set->over[last - 1]) last--;
  for (uint32_t axis = 0; axis < set->rank; axis++) {
    index[axis] = set->at[axis];
    if (!set->over[axis] || expr_is(m, set->count[axis], 1)) continue;
    index[axis] = expr_add(m, set->at[axis], expr_row(m, names[blocks++ & 3], set->count[axis], axis + 1 == last));
  }
  return blocks;
}

static Expr read_in(Meaning *m, const NormSet *set, const Expr *index) { return build_cast(m->builder, set->scalar, meaning_read(m, 0, index)); }

static void size_set(Meaning *m, NormSet *set) {
  Expr size = expr_index(m, 1);
  for (uint32_t axis = 0; axis < set->rank; axis++)
    if (set->over[axis]) size = expr_mul(m, size, set->count[axis]);
  set->size = build_cast(m->builder, set->scalar, size);
}

static Expr set_mean(Meaning *m, const NormSet *set) {
  Expr index[MAX_RANK], sum = build_var(m->builder, "sum", expr_number(m, set->scalar, 0));
  uint32_t blocks = open_set(m, set, index);
  build_set(m->builder, sum, expr_add(m, sum, read_in(m, set, index)));
  meaning_end_loops(m, blocks);
  return expr_let(m, "mean", expr_div(m, sum, set->size));
}

/* Mean of (x - centre) squared; centre 0: of the squares. */
static Expr set_variance(Meaning *m, const NormSet *set, Expr centre) {
  Expr index[MAX_RANK], sum = build_var(m->builder, "sum", expr_number(m, set->scalar, 0));
  uint32_t blocks = open_set(m, set, index);
  Expr x = read_in(m, set, index), left = expr_let(m, "left", centre ? expr_sub(m, x, centre) : x);
  build_set(m->builder, sum, build_ternary(m->builder, LOOP_MULADD, left, left, sum));
  meaning_end_loops(m, blocks);
  return expr_let(m, "variance", expr_div(m, sum, set->size));
}

/* 1 / sqrt(variance + epsilon). */
static Expr inverse_deviation(Meaning *m, const NormSet *set, Expr variance) {
  Expr deviation = build_unary(m->builder, LOOP_SQRT, expr_add(m, variance, expr_number(m, set->scalar, meaning_float(m, "epsilon"))));
  return expr_let(m, "inverse", expr_div(m, expr_number(m, set->scalar, 1), deviation));
}

/* The sets that run over the axes `over`; opens loops over the others. */
static NormSet open_axes(Meaning *m, const bool *over, uint32_t *blocks) {
  static const char *const names[] = {"i", "j", "k", "l"};
  NormSet set = {.rank = meaning_rank(m, 0), .scalar = meaning_compute(m, 0)};
  for (uint32_t axis = 0; axis < set.rank; axis++) {
    set.over[axis] = over[axis];
    set.at[axis] = over[axis] ? expr_index(m, 0) : expr_loop(m, names[axis & 3], meaning_dim(m, 0, axis), blocks);
    set.count[axis] = meaning_extent(m, 0, axis);
  }
  size_set(m, &set);
  return set;
}

/* ---- x.BatchNormalizationTraining --------------------------------------------------------------------------------------------- */

/* BatchNormalization-15 with training_mode 1: the batch's own statistics normalise it and move the running ones, which are results 1 and 2. */
void infer_batch_normalization_training(Infer *infer) {
  infer_batch_normalization(infer);
  for (uint32_t result = 1; result < infer_output_count(infer); result++) infer_set(infer, result, 1, infer_dims(infer, result + 2));
}

/* running * momentum + current * (1 - momentum). */
static void write_running(Meaning *m, uint32_t result, Expr channel, Expr current) {
  if (!meaning_wants(m, result)) return;
  Scalar scalar = meaning_result_compute(m, result);
  double momentum = meaning_float(m, "momentum");
  Expr kept = expr_mul(m, meaning_read(m, result + 2, &channel), expr_number(m, scalar, momentum));
  Expr moved = build_ternary(m->builder, LOOP_MULADD, build_cast(m->builder, scalar, current), expr_number(m, scalar, 1 - momentum), kept);
  meaning_write(m, result, &channel, moved);
}

void loops_batch_normalization_training(Meaning *m) {
  uint32_t blocks = 0, rank = meaning_rank(m, 0);
  bool over[MAX_RANK] = {0};
  for (uint32_t axis = 0; axis < rank; axis++) over[axis] = axis != 1;
  NormSet set = open_axes(m, over, &blocks);
  Expr channel = rank > 1 ? set.at[1] : expr_index(m, 0), index[MAX_RANK], parameter[2];
  Expr mean = set_mean(m, &set), variance = set_variance(m, &set, mean), inverse = inverse_deviation(m, &set, variance);
  write_running(m, 1, channel, mean);
  write_running(m, 2, channel, variance);
  if (meaning_wants(m, 0)) {
    for (uint32_t at = 0; at < 2; at++) parameter[at] = build_cast(m->builder, set.scalar, meaning_read(m, at + 1, &channel));
    Expr scale = expr_let(m, "scale", expr_mul(m, parameter[0], inverse)), bias = expr_let(m, "bias", parameter[1]);
    uint32_t inner = open_set(m, &set, index);
    meaning_write(m, 0, index, build_ternary(m->builder, LOOP_MULADD, expr_sub(m, read_in(m, &set, index), mean), scale, bias));
    meaning_end_loops(m, inner);
  }
  meaning_end_loops(m, blocks);
}

/* ---- InstanceNormalization, GroupNormalization -------------------------------------------------------------------------------- */

/* ONNX InstanceNormalization-22, GroupNormalization-21: X (N, C, D...), scale and bias (C). */
void infer_channel_normalization(Infer *infer) {
  int64_t extent, groups = infer_node(infer)->op == OP_GroupNormalization ? infer_int(infer, "num_groups") : 1;
  if (infer_rank(infer, 0) < 2 || infer_rank(infer, 1) != 1 || infer_rank(infer, 2) != 1) {
    infer_error(infer, CODE_RANK, NULL, "the operand needs the axes batch and channel, scale and bias one axis");
    return;
  }
  for (uint32_t operand = 1; operand < 3; operand++)
    infer_agree(infer, infer_dim(infer, operand, 0), infer_dim(infer, 0, 1), operand == 1 ? "the size of scale" : "the size of bias",
        "the number of channels");
  if (groups < 1 || (dim_is_constant(infer_table(infer), infer_dim(infer, 0, 1), &extent) && extent % groups))
    infer_error(infer, CODE_VALUE, NULL, "num_groups is %lld, which does not divide the channels", (long long)groups);
  else infer_divides(infer, dim_constant(infer_table(infer), groups), infer_dim(infer, 0, 1));
  infer_same(infer);
}

void loops_channel_normalization(Meaning *m) {
  uint32_t blocks = 0;
  DimTable *table = &m->module->dims;
  bool grouped = meaning_node(m)->op == OP_GroupNormalization;
  NormSet set = {.rank = meaning_rank(m, 0), .scalar = meaning_compute(m, 0)};
  Dim channels = meaning_dim(m, 0, 1), groups = grouped ? dim_constant(table, meaning_int(m, "num_groups")) : channels;
  Dim per_group = grouped ? dim_floordiv(table, channels, groups) : dim_constant(table, 1);
  set.at[0] = expr_loop(m, "n", meaning_dim(m, 0, 0), &blocks);
  Expr group = expr_loop(m, grouped ? "g" : "c", groups, &blocks), index[MAX_RANK];
  for (uint32_t axis = 1; axis < set.rank; axis++) {
    set.over[axis] = true;
    set.at[axis] = axis == 1 ? expr_let(m, "first", expr_mul(m, group, build_dim(m->builder, per_group))) : expr_index(m, 0);
    set.count[axis] = axis == 1 ? build_dim(m->builder, per_group) : meaning_extent(m, 0, axis);
  }
  size_set(m, &set);
  Expr mean = set_mean(m, &set), inverse = inverse_deviation(m, &set, set_variance(m, &set, mean));
  uint32_t inner = open_set(m, &set, index);
  Expr normal = expr_mul(m, expr_sub(m, read_in(m, &set, index), mean), inverse);
  meaning_write(m, 0, index, build_ternary(m->builder, LOOP_MULADD, normal, meaning_read(m, 1, &index[1]), meaning_read(m, 2, &index[1])));
  meaning_end_loops(m, blocks + inner);
}

/* ---- LayerNormalization, RMSNormalization ---------------------------------------------------------------------------------------- */

/* ONNX LayerNormalization-17, RMSNormalization-23: over the axes from `axis` on; Mean and InvStdDev have 1 there. */
void infer_layer_normalization(Infer *infer) {
  uint32_t rank = infer_rank(infer, 0), first = infer_axis(infer, infer_int(infer, "axis"), rank);
  Dim dims[MAX_RANK];
  for (uint32_t operand = 1; operand < infer_input_count(infer); operand++) infer_broadcasts_to(infer, operand, rank, infer_dims(infer, 0));
  infer_set(infer, 0, rank, infer_dims(infer, 0));
  if (infer_output_count(infer) < 2) return;
  for (uint32_t axis = 0; axis < rank; axis++) dims[axis] = axis < first ? infer_dim(infer, 0, axis) : dim_constant(infer_table(infer), 1);
  for (uint32_t result = 1; result < infer_output_count(infer); result++) {
    infer_set_element(infer, result, infer_int(infer, "stash_type") == ELEMENT_BF16 ? ELEMENT_BF16 : ELEMENT_F32);
    infer_set(infer, result, rank, dims);
  }
}

/* f64 operands are normalised in f64 whatever stash_type says: that loses nothing. */
void loops_layer_normalization(Meaning *m) {
  Builder *builder = m->builder;
  uint32_t first = meaning_axis(m, meaning_int(m, "axis"), meaning_rank(m, 0)), blocks = 0;
  bool over[MAX_RANK] = {0};
  for (uint32_t axis = 0; axis < meaning_rank(m, 0); axis++) over[axis] = axis >= first;
  NormSet set = open_axes(m, over, &blocks);
  bool root_only = meaning_node(m)->op == OP_RMSNormalization;
  Expr index[MAX_RANK], mean = root_only ? 0 : set_mean(m, &set), inverse = inverse_deviation(m, &set, set_variance(m, &set, mean));
  if (!root_only && meaning_wants(m, 1)) meaning_write(m, 1, set.at, build_cast(builder, SCALAR_F32, mean));
  if (!root_only && meaning_wants(m, 2)) meaning_write(m, 2, set.at, build_cast(builder, SCALAR_F32, inverse));
  if (meaning_wants(m, 0)) {
    uint32_t inner = open_set(m, &set, index);
    Expr x = read_in(m, &set, index), value = expr_mul(m, root_only ? x : expr_sub(m, x, mean), inverse);
    Scalar scalar = meaning_result_compute(m, 0);
    value = expr_mul(m, build_cast(builder, scalar, value), build_cast(builder, scalar, meaning_read_broadcast(m, 1, set.rank, index)));
    if (meaning_has(m, 2)) value = expr_add(m, value, meaning_read_broadcast(m, 2, set.rank, index));
    meaning_write(m, 0, index, value);
    meaning_end_loops(m, inner);
  }
  meaning_end_loops(m, blocks);
}

/* ---- LpNormalization, MeanVarianceNormalization, LRN ------------------------------------------------------------------------------ */

/* ONNX LpNormalization-22: x over the norm along one axis, and 0 where the norm is 0. */
void loops_lp_normalization(Meaning *m) {
  Builder *builder = m->builder;
  bool over[MAX_RANK] = {0}, squares = meaning_int(m, "p") == 2;
  uint32_t blocks = 0;
  Expr index[MAX_RANK];
  over[meaning_axis(m, meaning_int(m, "axis"), meaning_rank(m, 0))] = true;
  NormSet set = open_axes(m, over, &blocks);
  Expr sum = build_var(builder, "sum", expr_number(m, set.scalar, 0)), zero = expr_number(m, set.scalar, 0);
  uint32_t inner = open_set(m, &set, index);
  Expr x = expr_let(m, "x", read_in(m, &set, index));
  build_set(builder, sum, squares ? build_ternary(builder, LOOP_MULADD, x, x, sum) : expr_add(m, sum, build_unary(builder, LOOP_ABS, x)));
  meaning_end_loops(m, inner);
  Expr norm = expr_let(m, "norm", squares ? build_unary(builder, LOOP_SQRT, sum) : sum);
  inner = open_set(m, &set, index);
  meaning_write(m, 0, index, expr_select(m, expr_eq(m, norm, zero), zero, expr_div(m, read_in(m, &set, index), norm)));
  meaning_end_loops(m, blocks + inner);
}

static void variance_axes(Infer *infer, bool *over) {
  static const int64_t usual[] = {0, 2, 3};
  uint32_t count, rank = infer_rank(infer, 0);
  const int64_t *axes = infer_ints(infer, "axes", &count);
  bool given = op_has(infer_node(infer), "axes");
  for (uint32_t axis = 0; axis < rank; axis++) over[axis] = false;
  for (uint32_t at = 0; at < (given ? count : 3); at++) over[infer_axis(infer, given ? axes[at] : usual[at], rank)] = true;
}

void infer_mean_variance(Infer *infer) {
  bool over[MAX_RANK];
  if (!infer_rank(infer, 0)) { infer_error(infer, CODE_RANK, NULL, "the operand has no axes"); return; }
  variance_axes(infer, over);
  infer_same(infer);
}

/* ONNX MeanVarianceNormalization-13, a function: (x - mean) / (sqrt(mean(x * x) - mean * mean) + 1e-9). The variance is taken from the centred
 * elements here, which is the same number with less rounding. */
void loops_mean_variance(Meaning *m) {
  Infer infer = meaning_infer(m);
  bool over[MAX_RANK];
  uint32_t blocks = 0;
  Expr index[MAX_RANK];
  variance_axes(&infer, over);
  NormSet set = open_axes(m, over, &blocks);
  Expr mean = set_mean(m, &set), deviation = build_unary(m->builder, LOOP_SQRT, set_variance(m, &set, mean));
  Expr divisor = expr_let(m, "deviation", expr_add(m, deviation, expr_number(m, set.scalar, 1e-9)));
  uint32_t inner = open_set(m, &set, index);
  meaning_write(m, 0, index, expr_div(m, expr_sub(m, read_in(m, &set, index), mean), divisor));
  meaning_end_loops(m, blocks + inner);
}

void infer_lrn(Infer *infer) {
  if (infer_rank(infer, 0) < 2) infer_error(infer, CODE_RANK, "give it the axes batch and channel", "the operand has rank %u", infer_rank(infer, 0));
  infer_same(infer);
}

/* ONNX LRN-13: x / (bias + alpha / size * sum of squares) ** beta, the sum over the channels c - (size - 1) / 2 .. c + size / 2. */
void loops_lrn(Meaning *m) {
  Builder *builder = m->builder;
  Scalar scalar = meaning_compute(m, 0);
  uint32_t rank = meaning_rank(m, 0);
  int64_t size = meaning_int(m, "size");
  Expr index[MAX_RANK], near[MAX_RANK], zero = expr_index(m, 0), channels = meaning_extent(m, 0, 1);
  Dim dims[MAX_RANK];
  for (uint32_t axis = 0; axis < rank; axis++) dims[axis] = meaning_dim(m, 0, axis);
  uint32_t blocks = meaning_loops(m, rank, dims, index);
  for (uint32_t axis = 0; axis < rank; axis++) near[axis] = index[axis];
  Expr lo = expr_max(m, expr_sub(m, index[1], expr_index(m, (size - 1) / 2)), zero);
  Expr hi = expr_min(m, expr_add(m, index[1], expr_index(m, size / 2 + 1)), channels);
  Expr sum = build_var(builder, "sum", expr_number(m, scalar, 0));
  near[1] = build_for(builder, "near", lo, hi);
  Expr x = expr_let(m, "x", meaning_read(m, 0, near));
  build_set(builder, sum, build_ternary(builder, LOOP_MULADD, x, x, sum));
  build_end(builder);
  Expr factor = expr_number(m, scalar, meaning_float(m, "alpha") / (double)size), bias = expr_number(m, scalar, meaning_float(m, "bias"));
  Expr base = expr_let(m, "base", build_ternary(builder, LOOP_MULADD, factor, sum, bias));
  Expr power = expr_function(m, "pow", 2, (Expr[]){base, expr_number(m, scalar, meaning_float(m, "beta"))});
  meaning_write(m, 0, index, expr_div(m, meaning_read(m, 0, index), power));
  meaning_end_loops(m, blocks);
}
