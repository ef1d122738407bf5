/* Gemm: a contraction with one accumulator, ascending over the inner dimension. MatMul is in matmul.c. */
#include "compiler/ops/meaning.h"

/* ONNX Gemm-13: Y = alpha * A' * B' + beta * C, A' (M, K), B' (K, N), C broadcast to (M, N). */
void infer_gemm(Infer *infer);
void loops_gemm(Meaning *m);

void infer_gemm(Infer *infer) {
  bool trans_a = infer_int(infer, "transA") != 0, trans_b = infer_int(infer, "transB") != 0;
  if (infer_rank(infer, 0) != 2 || infer_rank(infer, 1) != 2) { infer_error(infer, CODE_RANK, NULL, "A and B must have rank 2"); return; }
  Dim dims[2] = {infer_dim(infer, 0, trans_a), infer_dim(infer, 1, !trans_b)};
  Dim a_inner = infer_dim(infer, 0, !trans_a), b_inner = infer_dim(infer, 1, trans_b);
  int64_t x, y;
  if (dim_is_constant(infer_table(infer), a_inner, &x) && dim_is_constant(infer_table(infer), b_inner, &y) && x != y)
    infer_error(infer, CODE_SHAPE, "check transA and transB", "A has %lld columns, but B has %lld rows", (long long)x, (long long)y);
  infer_set(infer, 0, 2, dims);
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

void loops_gemm(Meaning *m) {
  Builder *builder = m->builder;
  bool trans_a = meaning_int(m, "transA") != 0, trans_b = meaning_int(m, "transB") != 0;
  Scalar scalar = meaning_result_compute(m, 0);
  Expr zero = build_index(builder, 0), index[2];
  index[0] = build_for(builder, "i", zero, meaning_result_extent(m, 0, 0));
  index[1] = build_for(builder, "j", zero, meaning_result_extent(m, 0, 1));
  Expr sum = build_var(builder, "sum", scalar_is_float(scalar) ? build_float(builder, scalar, 0) : build_integer(builder, scalar, 0));
  Expr k = build_for(builder, "k", zero, meaning_extent(m, 0, !trans_a));
  Expr a = meaning_read(m, 0, trans_a ? (Expr[]){k, index[0]} : (Expr[]){index[0], k});
  Expr b = meaning_read(m, 1, trans_b ? (Expr[]){index[1], k} : (Expr[]){k, index[1]});
  build_set(builder, sum, build_ternary(builder, LOOP_MULADD, a, b, sum));
  build_end(builder);
  meaning_write(m, 0, index, gemm_finish(m, sum, index));
  build_end(builder);
  build_end(builder);
}
