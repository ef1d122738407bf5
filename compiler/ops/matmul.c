/* MatMul, MatMulInteger and QLinearMatMul: numpy's matmul. A vector on the left is a row, on the right a column, and that axis is absent from the
 * result; the axes before the last two are a batch that broadcasts. One accumulator, ascending over the inner dimension. */
#include "compiler/ops/quantized.h"

void infer_matmul(Infer *infer);
void infer_matmul_integer(Infer *infer);
void infer_quantized_matmul(Infer *infer);
void loops_matmul(Meaning *m);

/* Where an operator has its operands; 0: none. */
typedef struct MatmulOperands { uint32_t b, a_zero, b_zero, a_scale, b_scale, scale, zero; } MatmulOperands;
static const MatmulOperands plain_operands = {.b = 1}, integer_operands = {.b = 1, .a_zero = 2, .b_zero = 3};
static const MatmulOperands quantized_operands = {.b = 3, .a_zero = 2, .b_zero = 5, .a_scale = 1, .b_scale = 4, .scale = 6, .zero = 7};

/* ONNX MatMul-13: A (..., M, K), B (..., K, N), Y (..., M, N). */
static void infer_product(Infer *infer, uint32_t right) {
  uint32_t a_rank = infer_rank(infer, 0), b_rank = infer_rank(infer, right);
  if (!a_rank || !b_rank) { infer_error(infer, CODE_RANK, "multiply scalars with Mul", "operands of rank 0"); return; }
  infer_agree(infer, infer_dim(infer, 0, a_rank - 1), infer_dim(infer, right, b_rank > 1 ? b_rank - 2 : 0), "A's number of columns",
      "B's number of rows");
  uint32_t a_batch = a_rank > 2 ? a_rank - 2 : 0, b_batch = b_rank > 2 ? b_rank - 2 : 0, batch = a_batch > b_batch ? a_batch : b_batch, rank = batch;
  Dim dims[MAX_RANK];
  for (uint32_t at = 0; at < batch; at++) {
    Dim one = dim_constant(infer_table(infer), 1);
    Dim a = at + a_batch < batch ? one : infer_dim(infer, 0, at + a_batch - batch);
    Dim b = at + b_batch < batch ? one : infer_dim(infer, right, at + b_batch - batch);
    dims[at] = infer_broadcast_dim(infer, a, b);
  }
  if (a_rank > 1) dims[rank++] = infer_dim(infer, 0, a_rank - 2);
  if (b_rank > 1) dims[rank++] = infer_dim(infer, right, b_rank - 1);
  infer_set(infer, 0, rank, dims);
}

void infer_matmul(Infer *infer) { infer_product(infer, 1); }

/* A scale or zero point of `matrix`: a single number, or one a row or column, as a vector or with the matrix's rank. */
static void check_parameter(Infer *infer, uint32_t operand, uint32_t matrix, bool of_rows) {
  uint32_t rank = infer_rank(infer, operand), matrix_rank = infer_rank(infer, matrix), along = of_rows ? matrix_rank - 2 : matrix_rank - 1;
  if (rank > 1 && rank != matrix_rank) {
    infer_error(infer, CODE_RANK, NULL, "operand %u has rank %u, but must have rank 0, 1 or %u", operand, rank, matrix_rank);
    return;
  }
  for (uint32_t axis = 0; axis < rank; axis++) {
    Dim own = infer_dim(infer, operand, axis), one = dim_constant(infer_table(infer), 1);
    uint32_t at = rank == 1 ? along : axis;
    bool applies = matrix_rank > 1 && (at == along || at + 2 < matrix_rank);
    if (own != one) infer_agree(infer, own, applies ? infer_dim(infer, matrix, at) : one, "a scale's or zero point's extent", "its matrix's");
  }
}

static void check_parameters(Infer *infer, const MatmulOperands *operands) {
  if (infer->failed) return;
  check_parameter(infer, operands->a_zero, 0, true);
  check_parameter(infer, operands->b_zero, operands->b, false);
  if (operands->a_scale) check_parameter(infer, operands->a_scale, 0, true);
  if (operands->b_scale) check_parameter(infer, operands->b_scale, operands->b, false);
}

void infer_matmul_integer(Infer *infer) {
  infer_set_element(infer, 0, ELEMENT_I32);
  infer_product(infer, 1);
  check_parameters(infer, &integer_operands);
}

/* ONNX QLinearMatMul-21: a's scale and zero point are single numbers or one a row, b's one a column, y's single. */
void infer_quantized_matmul(Infer *infer) {
  infer_quantisation(infer, quantized_operands.scale, quantized_operands.zero, "y");
  infer_product(infer, quantized_operands.b);
  check_parameters(infer, &quantized_operands);
}

/* ---- one element of the result ------------------------------------------------------------------------------------------------ */

static const MatmulOperands *operands_of(const Meaning *m) {
  switch (meaning_node(m)->op) {
  case OP_MatMulInteger: return &integer_operands;
  case OP_QLinearMatMul: return &quantized_operands;
  default: return &plain_operands;
  }
}

uint32_t matmul_right(const Meaning *m) { return operands_of(m)->b; }
Scalar matmul_scalar(const Meaning *m) { return operands_of(m)->a_zero ? SCALAR_I32 : meaning_result_compute(m, 0); }

static uint32_t batch_rank(const Meaning *m) {
  return meaning_result_rank(m, 0) - (meaning_rank(m, 0) > 1) - (meaning_rank(m, matmul_right(m)) > 1);
}

/* The index into a matrix for the result's element at `index` and position `inner` of the sum. */
static void matrix_index(Meaning *m, bool right, const Expr *index, Expr inner, Expr *own) {
  uint32_t matrix = right ? matmul_right(m) : 0, rank = meaning_rank(m, matrix), batch = batch_rank(m);
  for (uint32_t at = 0; at + 2 < rank; at++) {
    uint32_t to = batch + 2 - rank + at;
    own[at] = expr_broadcast(m, meaning_dim(m, matrix, at), meaning_result_dim(m, 0, to), index[to]);
  }
  if (rank > 1) own[rank - 2] = right ? inner : index[batch];
  own[rank - 1] = rank > 1 && right ? index[meaning_result_rank(m, 0) - 1] : inner;
}

/* Element of a scale or zero point that applies to a matrix's element at `own`: one for all, or one a row of A or column of B, as a vector or with
 * the matrix's rank. */
static Expr read_parameter(Meaning *m, bool right, uint32_t operand, const Expr *own) {
  uint32_t matrix = right ? matmul_right(m) : 0, matrix_rank = meaning_rank(m, matrix), rank = meaning_rank(m, operand);
  if (matrix_rank < 2 || rank == 0) return quantized_single(m, operand);
  Expr at[MAX_RANK];
  uint32_t along = right ? matrix_rank - 1 : matrix_rank - 2;
  for (uint32_t axis = 0; axis < rank; axis++) {
    uint32_t from = rank == 1 ? along : axis;
    bool inner = from + 2 >= matrix_rank && from != along;
    at[axis] = inner ? expr_index(m, 0) : expr_broadcast(m, meaning_dim(m, operand, axis), meaning_dim(m, matrix, from), own[from]);
  }
  return meaning_read(m, operand, at);
}

Expr matmul_read(Meaning *m, bool right, const Expr *own) {
  const MatmulOperands *operands = operands_of(m);
  uint32_t zero = right ? operands->b_zero : operands->a_zero;
  Expr value = build_cast(m->builder, matmul_scalar(m), meaning_read(m, right ? operands->b : 0, own));
  if (!zero || !meaning_has(m, zero)) return value;
  return expr_sub(m, value, build_cast(m->builder, SCALAR_I32, read_parameter(m, right, zero, own)));
}

/* QLinearMatMul: the sum times (a's scale * b's scale / y's scale), rounded, plus y's zero point. */
Expr matmul_finish(Meaning *m, Expr sum, const Expr *index) {
  const MatmulOperands *operands = operands_of(m);
  Expr a[MAX_RANK], b[MAX_RANK], zero = expr_index(m, 0);
  if (!operands->scale) return sum;
  matrix_index(m, false, index, zero, a);
  matrix_index(m, true, index, zero, b);
  Expr scale = expr_mul(m, read_parameter(m, false, operands->a_scale, a), read_parameter(m, true, operands->b_scale, b));
  scale = expr_div(m, scale, quantized_single(m, operands->scale));
  Expr value = expr_mul(m, build_cast(m->builder, SCALAR_F32, sum), scale);
  return quantized_round(m, meaning_result_element(m, 0), value, quantized_zero(m, operands->zero));
}

void loops_matmul(Meaning *m) {
  Builder *builder = m->builder;
  static const char *const names[] = {"b", "c", "d", "e"};
  uint32_t right = matmul_right(m), a_rank = meaning_rank(m, 0), b_rank = meaning_rank(m, right), batch = batch_rank(m), blocks = 0;
  Expr index[MAX_RANK], a[MAX_RANK], b[MAX_RANK];
  Expr inner = expr_agree(m, meaning_dim(m, 0, a_rank - 1), meaning_dim(m, right, b_rank > 1 ? b_rank - 2 : 0));
  for (uint32_t axis = 0; axis < meaning_result_rank(m, 0); axis++) {
    const char *name = axis < batch ? names[axis & 3] : axis == batch && a_rank > 1 ? "i" : "j";
    index[axis] = expr_loop(m, name, meaning_result_dim(m, 0, axis), &blocks);
  }
  Expr sum = build_var(builder, "sum", expr_number(m, matmul_scalar(m), 0));
  Expr k = build_for(builder, "k", expr_index(m, 0), inner);
  matrix_index(m, false, index, k, a);
  matrix_index(m, true, index, k, b);
  build_set(builder, sum, build_ternary(builder, LOOP_MULADD, matmul_read(m, false, a), matmul_read(m, true, b), sum));
  build_end(builder);
  meaning_write(m, 0, index, matmul_finish(m, sum, index));
  meaning_end_loops(m, blocks);
}
