/* Gemm and QGemm: a contraction with one accumulator, ascending over the inner dimension. MatMul is in matmul.c. */
#include "compiler/ops/quantized.h"

/* ONNX Gemm-13: Y = alpha * A' * B' + beta * C, A' (M, K), B' (K, N), C broadcast to (M, N). */
void infer_gemm(Infer *infer);
void infer_quantized_gemm(Infer *infer);
void loops_gemm(Meaning *m);
void loops_quantized_gemm(Meaning *m);

static void infer_product(Infer *infer, uint32_t right) {
  bool trans_a = infer_int(infer, "transA") != 0, trans_b = infer_int(infer, "transB") != 0;
  if (infer_rank(infer, 0) != 2 || infer_rank(infer, right) != 2) { infer_error(infer, CODE_RANK, NULL, "A and B must have rank 2"); return; }
  Dim dims[2] = {infer_dim(infer, 0, trans_a), infer_dim(infer, right, !trans_b)};
  Dim a_inner = infer_dim(infer, 0, !trans_a), b_inner = infer_dim(infer, right, trans_b);
  infer_agree(infer, a_inner, b_inner, "A's number of columns", "B's number of rows");
  infer_set(infer, 0, 2, dims);
}

/* An operand must broadcast to the result, not the other way. */
static void check_broadcast(Infer *infer, uint32_t operand, const char *what) {
  uint32_t rank = infer_rank(infer, operand);
  if (rank > 2) { infer_error(infer, CODE_RANK, NULL, "%s has rank %u", what, rank); return; }
  for (uint32_t axis = 0; axis < rank && !infer->failed; axis++) {
    const Dim *result = &value_at(infer->module, infer_node(infer)->outputs[0])->dims[2 - rank + axis];
    Dim own = infer_dim(infer, operand, axis);
    int64_t extent;
    if (!dim_is_constant(infer_table(infer), own, &extent) || extent != 1) infer_agree(infer, own, *result, what, "the result");
  }
}

void infer_gemm(Infer *infer) {
  infer_product(infer, 1);
  if (!infer->failed) check_broadcast(infer, 2, "an axis of C");
}

/* com.microsoft QGemm: A, its scale and zero point, B, its scale and zero point (single, or one a column), C (i32) or none, Y's scale and zero
 * point, or neither for a real Y. */
void infer_quantized_gemm(Infer *infer) {
  bool quantised = infer_has(infer, 8);
  infer_quantisation(infer, 1, 2, "A");
  infer_quantisation(infer, 7, 8, "Y");
  if (infer_has(infer, 7) != quantised) infer_error(infer, CODE_OPERAND_COUNT, NULL, "Y has a scale or a zero point, but must have both or neither");
  if (!quantised) infer_set_element(infer, 0, ELEMENT_F32);
  infer_product(infer, 3);
  if (infer->failed) return;
  check_broadcast(infer, 4, "the length of B's scale");
  check_broadcast(infer, 5, "the length of B's zero point");
  check_broadcast(infer, 6, "an axis of C");
}

Expr gemm_finish(Meaning *m, Expr sum, const Expr *index) {
  Builder *builder = m->builder;
  Scalar scalar = build_scalar(builder, sum);
  double factor[2] = {meaning_float(m, "alpha"), meaning_float(m, "beta")};
  Expr terms[2] = {sum, meaning_has(m, 2) ? meaning_read_broadcast(m, 2, 2, index) : 0};
  for (uint32_t at = 0; at < 2; at++) {
    if (!terms[at] || factor[at] == 1) continue;
    Expr by = scalar_is_float(scalar) ? build_float(builder, scalar, factor[at]) : build_integer(builder, scalar, (int64_t)factor[at]);
    terms[at] = build_binary(builder, LOOP_MUL, terms[at], by);
  }
  return terms[1] ? build_binary(builder, LOOP_ADD, terms[0], terms[1]) : terms[0];
}

/* Opens the loops around a result's element and adds up its products; zero points are i32, or 0 for none. */
static Expr open_product(Meaning *m, uint32_t right, Scalar scalar, Expr *index) {
  Builder *builder = m->builder;
  bool trans_a = meaning_int(m, "transA") != 0, trans_b = meaning_int(m, "transB") != 0, quantised = right != 1;
  Expr zero = expr_index(m, 0), inner = expr_agree(m, meaning_dim(m, 0, !trans_a), meaning_dim(m, right, trans_b));
  index[0] = build_for(builder, "i", zero, meaning_result_extent(m, 0, 0));
  index[1] = build_for(builder, "j", zero, meaning_result_extent(m, 0, 1));
  Expr b_zero = quantised ? expr_let(m, "zero", build_cast(builder, SCALAR_I32, meaning_read_broadcast(m, 5, 2, index))) : 0;
  Expr sum = build_var(builder, "sum", expr_number(m, scalar, 0));
  Expr k = build_for(builder, "k", zero, inner);
  Expr a = build_cast(builder, scalar, meaning_read(m, 0, trans_a ? (Expr[]){k, index[0]} : (Expr[]){index[0], k}));
  Expr b = build_cast(builder, scalar, meaning_read(m, right, trans_b ? (Expr[]){index[1], k} : (Expr[]){k, index[1]}));
  if (quantised) {
    a = expr_sub(m, a, quantized_zero(m, 2));
    b = expr_sub(m, b, b_zero);
  }
  build_set(builder, sum, build_ternary(builder, LOOP_MULADD, a, b, sum));
  build_end(builder);
  return sum;
}

void loops_gemm(Meaning *m) {
  Expr index[2];
  Expr sum = open_product(m, 1, meaning_result_compute(m, 0), index);
  meaning_write(m, 0, index, gemm_finish(m, sum, index));
  meaning_end_loops(m, 2);
}

/* The sum plus C, times alpha * A's scale * B's scale, and over Y's scale if Y is quantised. */
void loops_quantized_gemm(Meaning *m) {
  Builder *builder = m->builder;
  Expr index[2];
  Expr sum = open_product(m, 3, SCALAR_I32, index);
  if (meaning_has(m, 6)) sum = expr_add(m, sum, meaning_read_broadcast(m, 6, 2, index));
  Expr scale = expr_mul(m, build_float(builder, SCALAR_F32, meaning_float(m, "alpha")), quantized_single(m, 1));
  scale = expr_mul(m, scale, meaning_read_broadcast(m, 4, 2, index));
  Expr value = build_cast(builder, SCALAR_F32, sum);
  if (meaning_has(m, 7)) {
    scale = expr_div(m, scale, quantized_single(m, 7));
    value = quantized_round(m, meaning_result_element(m, 0), expr_mul(m, value, scale), quantized_zero(m, 8));
  } else {
    value = expr_mul(m, value, scale);
  }
  meaning_write(m, 0, index, value);
  meaning_end_loops(m, 2);
}
