/* Det: the determinants of a batch of square matrices, by elimination with the largest pivot of each column, in scratch of the compute type. */
#include "compiler/ops/expressions.h"

void infer_det(Infer *infer);
void loops_det(Meaning *m);

/* ONNX Det-22: X (..., M, M), Y (...). */
void infer_det(Infer *infer) {
  uint32_t rank = infer_rank(infer, 0);
  if (rank < 2) { infer_error(infer, CODE_RANK, NULL, "the operand must have at least two axes"); return; }
  infer_agree(infer, infer_dim(infer, 0, rank - 2), infer_dim(infer, 0, rank - 1), "the number of rows", "the number of columns");
  infer_set(infer, 0, rank - 2, infer_dims(infer, 0));
}

typedef struct Matrix { Operand scratch; Expr size; Scalar scalar; } Matrix;

static Expr matrix_at(Meaning *m, const Matrix *matrix, Expr row, Expr column) {
  return build_load(m->builder, matrix->scratch, 2, (Expr[]){row, column});
}
static void matrix_set(Meaning *m, const Matrix *matrix, Expr row, Expr column, Expr value) {
  build_store(m->builder, matrix->scratch, 2, (Expr[]){row, column}, value);
}

/* The row from k on whose element in column k is largest in size. */
static Expr find_pivot(Meaning *m, const Matrix *matrix, Expr k) {
  Builder *builder = m->builder;
  Expr pivot = build_var(builder, "pivot", k), largest = build_var(builder, "largest", build_unary(builder, LOOP_ABS, matrix_at(m, matrix, k, k)));
  Expr i = build_for(builder, "i", expr_add(m, k, expr_index(m, 1)), matrix->size);
  Expr size = expr_let(m, "size", build_unary(builder, LOOP_ABS, matrix_at(m, matrix, i, k)));
  build_if(builder, expr_gt(m, size, largest));
  build_set(builder, largest, size);
  build_set(builder, pivot, i);
  meaning_end_loops(m, 2);
  return expr_let(m, "row", pivot);
}

/* One column: swaps the pivot's row up, multiplies the determinant by it, and clears the column below. */
static void eliminate(Meaning *m, const Matrix *matrix, Expr determinant, Expr k) {
  Builder *builder = m->builder;
  Expr row = find_pivot(m, matrix, k);
  Expr j = build_for(builder, "j", k, matrix->size), upper = expr_let(m, "upper", matrix_at(m, matrix, k, j));
  matrix_set(m, matrix, k, j, matrix_at(m, matrix, row, j));
  matrix_set(m, matrix, row, j, upper);
  build_end(builder);
  Expr pivot = expr_let(m, "pivot", matrix_at(m, matrix, k, k)), signed_pivot = expr_select(m, expr_ne(m, row, k), build_unary(builder, LOOP_NEG,
      pivot), pivot);
  build_set(builder, determinant, expr_mul(m, determinant, signed_pivot));
  build_if(builder, expr_ne(m, pivot, expr_number(m, matrix->scalar, 0)));
  Expr next = expr_add(m, k, expr_index(m, 1)), i = build_for(builder, "i", next, matrix->size);
  Expr factor = expr_let(m, "factor", expr_div(m, matrix_at(m, matrix, i, k), pivot));
  j = build_for(builder, "j", next, matrix->size);
  matrix_set(m, matrix, i, j, expr_sub(m, matrix_at(m, matrix, i, j), expr_mul(m, factor, matrix_at(m, matrix, k, j))));
  meaning_end_loops(m, 3);
}

void loops_det(Meaning *m) {
  Builder *builder = m->builder;
  uint32_t rank = meaning_rank(m, 0), blocks = 0;
  Matrix matrix = {.scalar = meaning_compute(m, 0)};
  Dim size = dim_min(&m->module->dims, meaning_dim(m, 0, rank - 2), meaning_dim(m, 0, rank - 1));
  Expr index[MAX_RANK], zero = expr_index(m, 0);
  matrix.size = expr_agree(m, meaning_dim(m, 0, rank - 2), meaning_dim(m, 0, rank - 1));
  matrix.scratch = meaning_scratch(m, "matrix", matrix.scalar, 2, (Dim[]){size, size});
  for (uint32_t axis = 0; axis + 2 < rank; axis++) index[axis] = expr_loop(m, "b", meaning_dim(m, 0, axis), &blocks);
  Expr i = index[rank - 2] = build_for(builder, "i", zero, matrix.size), j = index[rank - 1] = build_for(builder, "j", zero, matrix.size);
  matrix_set(m, &matrix, i, j, meaning_read(m, 0, index));
  meaning_end_loops(m, 2);
  Expr determinant = build_var(builder, "determinant", expr_number(m, matrix.scalar, 1));
  eliminate(m, &matrix, determinant, build_for(builder, "k", zero, matrix.size));
  build_end(builder);
  meaning_write(m, 0, index, determinant);
  meaning_end_loops(m, blocks);
}
