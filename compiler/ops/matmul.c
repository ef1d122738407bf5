/* MatMul and MatMulInteger: numpy's matmul. A vector on the left is a row, on the right a column, and that axis is absent from the result;
 * the axes before the last two are a batch that broadcasts. One accumulator, ascending over the inner dimension. */
#include "compiler/ops/expressions.h"

void infer_matmul(Infer *infer);
void infer_matmul_integer(Infer *infer);
void loops_matmul(Meaning *m);
void loops_matmul_integer(Meaning *m);

/* ONNX MatMul-13: A (..., M, K), B (..., K, N), Y (..., M, N). */
void infer_matmul(Infer *infer) {
  uint32_t a_rank = infer_rank(infer, 0), b_rank = infer_rank(infer, 1);
  if (!a_rank || !b_rank) { infer_error(infer, CODE_RANK, "multiply scalars with Mul", "operands of rank 0"); return; }
  infer_agree(infer, infer_dim(infer, 0, a_rank - 1), infer_dim(infer, 1, b_rank > 1 ? b_rank - 2 : 0), "A's number of columns",
      "B's number of rows");
  uint32_t a_batch = a_rank > 2 ? a_rank - 2 : 0, b_batch = b_rank > 2 ? b_rank - 2 : 0, batch = a_batch > b_batch ? a_batch : b_batch, rank = batch;
  Dim dims[MAX_RANK];
  for (uint32_t at = 0; at < batch; at++) {
    Dim one = dim_constant(infer_table(infer), 1);
    Dim a = at + a_batch < batch ? one : infer_dim(infer, 0, at + a_batch - batch);
    Dim b = at + b_batch < batch ? one : infer_dim(infer, 1, at + b_batch - batch);
    dims[at] = infer_broadcast_dim(infer, a, b);
  }
  if (a_rank > 1) dims[rank++] = infer_dim(infer, 0, a_rank - 2);
  if (b_rank > 1) dims[rank++] = infer_dim(infer, 1, b_rank - 1);
  infer_set(infer, 0, rank, dims);
}

void infer_matmul_integer(Infer *infer) {
  infer_set_element(infer, 0, ELEMENT_I32);
  infer_matmul(infer);
}

typedef struct MatmulLoops {
  Expr index[MAX_RANK];     /* of the result's element */
  uint32_t batch, blocks;
  Expr row, column;         /* 0 for vectors */
} MatmulLoops;

static void open_result(Meaning *m, MatmulLoops *loops) {
  uint32_t a_rank = meaning_rank(m, 0), b_rank = meaning_rank(m, 1), at = 0;
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

/* A zero point as i32: none, one for all, one a row of A (operand 2) or a column of B (operand 3), with batch axes if it has the matrix's rank. */
static Expr zero_point(Meaning *m, const MatmulLoops *loops, uint32_t operand) {
  Expr index[MAX_RANK], zero = expr_index(m, 0);
  if (!meaning_has(m, operand)) return expr_number(m, SCALAR_I32, 0);
  uint32_t rank = meaning_rank(m, operand);
  Expr at = operand == 2 ? loops->row : loops->column;
  if (rank >= 2) operand_index(m, loops, operand, zero, zero, index);
  if (rank >= 1) {
    uint32_t axis = rank >= 2 && operand == 2 ? rank - 2 : rank - 1;
    index[axis] = expr_min(m, at, expr_sub(m, meaning_extent(m, operand, axis), expr_index(m, 1)));
  }
  return expr_let(m, "zero", build_cast(m->builder, SCALAR_I32, meaning_read(m, operand, index)));
}

static void multiply(Meaning *m, bool integers) {
  Builder *builder = m->builder;
  MatmulLoops loops = {0};
  Scalar scalar = meaning_result_compute(m, 0);
  uint32_t a_rank = meaning_rank(m, 0), b_rank = meaning_rank(m, 1);
  Expr inner = expr_agree(m, meaning_dim(m, 0, a_rank - 1), meaning_dim(m, 1, b_rank > 1 ? b_rank - 2 : 0));
  open_result(m, &loops);
  Expr a_zero = integers ? zero_point(m, &loops, 2) : 0, b_zero = integers ? zero_point(m, &loops, 3) : 0;
  Expr sum = build_var(builder, "sum", expr_number(m, scalar, 0));
  Expr k = build_for(builder, "k", expr_index(m, 0), inner);
  Expr a = build_cast(builder, scalar, read_matrix(m, &loops, 0, loops.row, k, k));
  Expr b = build_cast(builder, scalar, read_matrix(m, &loops, 1, k, loops.column, k));
  if (integers) {
    a = expr_sub(m, a, a_zero);
    b = expr_sub(m, b, b_zero);
  }
  build_set(builder, sum, build_ternary(builder, LOOP_MULADD, a, b, sum));
  build_end(builder);
  meaning_write(m, 0, loops.index, sum);
  meaning_end_loops(m, loops.blocks);
}

void loops_matmul(Meaning *m) { multiply(m, false); }
void loops_matmul_integer(Meaning *m) { multiply(m, true); }
