/* Normalisations: elements less a mean, over a deviation, scaled and shifted. Means and variances are those of the whole set (population), taken in
 * two passes (first the mean, then the squares of what is left), each with one ascending sum in the compute type. */
#include "compiler/ops/expressions.h"

void infer_batch_normalization(Infer *infer);
Expr point_batch_normalization(Meaning *m, uint32_t result, const Expr *index);

/* ---- BatchNormalization ------------------------------------------------------------------------------------------------------ */

/* ONNX BatchNormalization-15: X (N, C, D...), the other operands (C). A rank of 1 counts as one channel. */
void infer_batch_normalization(Infer *infer) {
  uint32_t rank = infer_rank(infer, 0);
  Dim channels = rank > 1 ? infer_dim(infer, 0, 1) : dim_constant(infer_table(infer), 1);
  if (infer_int(infer, "training_mode")) {
    infer_error(infer, CODE_VALUE, "export the model for inference", "training_mode 1 is not supported");
    return;
  }
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
