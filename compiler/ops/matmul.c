/* MatMul, MatMulInteger and QLinearMatMul: numpy's matmul. A vector on the left is a row, on the right a column, and that axis is absent from the
 * result; the axes before the last two are a batch that broadcasts. One accumulator, ascending over the inner dimension. */
#include "compiler/ops/quantized.h"

void infer_matmul(Infer *infer);
void infer_matmul_integer(Infer *infer);
void infer_quantized_matmul(Infer *infer);
void loops_matmul(Meaning *m);
void loops_matmul_integer(Meaning *m);
void loops_quantized_matmul(Meaning *m);

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

typedef struct MatmulLoops {
  const MatmulOperands *operands;
  Expr index[MAX_RANK];     /* of the result's element */
  uint32_t batch, blocks;
  Expr row, column;         /* 0 for vectors */
} MatmulLoops;

static void open_result(Meaning *m, MatmulLoops *loops) {
  uint32_t a_rank = meaning_rank(m, 0), b_rank = meaning_rank(m, loops->operands->b), at = 0;
  static const char *const names[] = {"b", "c", "d", "e"};
  loops->batch = meaning_result_rank(m, 0) - (a_rank > 1) - (b_rank > 1);
  for (; at < loops->batch; at++) loops->index[at] = expr_loop(m, names[at & 3], meaning_result_dim(m, 0, at), &loops->blocks);
  loops->row = loops->column = expr_index(m, 0);
  if (a_rank > 1) { loops->row = loops->index[at] = expr_loop(m, "i", meaning_result_dim(m, 0, at), &loops->blocks); at++; }
  if (b_rank > 1) loops->column = loops->index[at] = expr_loop(m, "j", meaning_result_dim(m, 0, at), &loops->blocks);
}

/* The index of an operand of `rank` axes, batch axes first, whose last two axes are at `row` and `column`. */
static void operand_index(Meaning *m, const MatmulLoops *loops, uint32_t operand, Expr row, Expr column, Expr *index) {
  uint32_t rank = meaning_rank(m, operand), batch = rank - 2;
  for (uint32_t at = 0; at < batch; at++) {
    uint32_t to = loops->batch - batch + at;
    index[at] = expr_broadcast(m, meaning_dim(m, operand, at), meaning_result_dim(m, 0, to), loops->index[to]);
  }
  index[batch] = row;
  index[batch + 1] = column;
}

static Expr read_matrix(Meaning *m, const MatmulLoops *loops, uint32_t operand, Expr row, Expr column, Expr inner) {
  Expr index[MAX_RANK];
  if (meaning_rank(m, operand) == 1) return meaning_read(m, operand, &inner);
  operand_index(m, loops, operand, row, column, index);
  return meaning_read(m, operand, index);
}

/* Element of a scale or zero point: one for all, one a row of A or one a column of B, with batch axes if it has the matrix's rank. */
static Expr read_parameter(Meaning *m, const MatmulLoops *loops, uint32_t operand, bool of_rows) {
  Expr index[MAX_RANK], zero = expr_index(m, 0);
  int64_t extent;
  uint32_t rank = meaning_rank(m, operand), axis = rank >= 2 && of_rows ? rank - 2 : rank - 1;
  if (rank >= 2) operand_index(m, loops, operand, zero, zero, index);
  if (rank >= 1) {
    bool single = dim_is_constant(&m->module->dims, meaning_dim(m, operand, axis), &extent) && extent == 1;
    index[axis] = single ? zero : expr_clamp(m, of_rows ? loops->row : loops->column, meaning_extent(m, operand, axis));
  }
  return meaning_read(m, operand, index);
}

static Expr zero_point(Meaning *m, const MatmulLoops *loops, uint32_t operand, bool of_rows) {
  if (!operand || !meaning_has(m, operand)) return 0;
  return expr_let(m, "zero", build_cast(m->builder, SCALAR_I32, read_parameter(m, loops, operand, of_rows)));
}

/* Opens the loops around a result's element and adds up its products. */
static Expr open_product(Meaning *m, MatmulLoops *loops, Scalar scalar) {
  Builder *builder = m->builder;
  const MatmulOperands *operands = loops->operands;
  uint32_t a_rank = meaning_rank(m, 0), b_rank = meaning_rank(m, operands->b);
  Expr inner = expr_agree(m, meaning_dim(m, 0, a_rank - 1), meaning_dim(m, operands->b, b_rank > 1 ? b_rank - 2 : 0));
  open_result(m, loops);
  Expr a_zero = zero_point(m, loops, operands->a_zero, true), b_zero = zero_point(m, loops, operands->b_zero, false);
  Expr sum = build_var(builder, "sum", expr_number(m, scalar, 0));
  Expr k = build_for(builder, "k", expr_index(m, 0), inner);
  Expr a = build_cast(builder, scalar, read_matrix(m, loops, 0, loops->row, k, k));
  Expr b = build_cast(builder, scalar, read_matrix(m, loops, operands->b, k, loops->column, k));
  if (a_zero) a = expr_sub(m, a, a_zero);
  if (b_zero) b = expr_sub(m, b, b_zero);
  build_set(builder, sum, build_ternary(builder, LOOP_MULADD, a, b, sum));
  build_end(builder);
  return sum;
}

static void multiply(Meaning *m, const MatmulOperands *operands) {
  MatmulLoops loops = {.operands = operands};
  Expr sum = open_product(m, &loops, meaning_result_compute(m, 0));
  meaning_write(m, 0, loops.index, sum);
  meaning_end_loops(m, loops.blocks);
}

void loops_matmul(Meaning *m) { multiply(m, &plain_operands); }
void loops_matmul_integer(Meaning *m) { multiply(m, &integer_operands); }

/* The sum times (a's scale * b's scale / y's scale), rounded, plus y's zero point. */
void loops_quantized_matmul(Meaning *m) {
  const MatmulOperands *operands = &quantized_operands;
  MatmulLoops loops = {.operands = operands};
  Expr sum = open_product(m, &loops, SCALAR_I32);
  Expr scale = expr_mul(m, read_parameter(m, &loops, operands->a_scale, true), read_parameter(m, &loops, operands->b_scale, false));
  scale = build_cast(m->builder, SCALAR_F32, expr_div(m, scale, quantized_single(m, operands->scale)));
  Expr value = expr_mul(m, build_cast(m->builder, SCALAR_F32, sum), scale);
  meaning_write(m, 0, loops.index, quantized_round(m, meaning_result_element(m, 0), value, quantized_zero(m, operands->zero)));
  meaning_end_loops(m, loops.blocks);
}
