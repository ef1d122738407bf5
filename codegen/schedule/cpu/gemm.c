/* Matrix products by rows of accumulators: for a block of rows and a piece of the columns all partial sums lie in a small array on the stack; the
 * innermost loop runs along the columns, contiguous in the second operand and the accumulators. Sums stay in ascending order of k. */
#include "codegen/schedule/schedule.h"

#define ROW_BLOCK    4   /* rows that share each load of the second operand */
#define COLUMN_PIECE 128 /* columns kept in accumulators */

typedef struct GemmLoops {
  const GemmProblem *problem;
  const ScheduleIo  *io;
  Builder *builder;
  Operand  sums;         /* [ROW_BLOCK * piece] */
  int64_t  piece;
  uint32_t rows;         /* of the block being built */
  Expr     row, start, end; /* first row; start <= column < end */
  uint32_t batch_rank;
  Expr     index[18];    /* batch indices, then two free places */
} GemmLoops;

static Expr add(Builder *b, Expr x, Expr y) { return build_binary(b, LOOP_ADD, x, y); }

bool schedule_gemm_applies(const GemmProblem *problem, const Target *target) {
  bool known = scalar_is_float(problem->scalar) || problem->scalar == SCALAR_I32;
  return target->vector_bytes > 0 && known && target->stack_limit >= ROW_BLOCK * COLUMN_PIECE * 8;
}

static Expr at_row_column(GemmLoops *g, Expr row, Expr column) { /* places both behind the batch indices; returns row for convenience */
  g->index[g->batch_rank] = row;
  g->index[g->batch_rank + 1] = column;
  return row;
}

static Expr sum_index(GemmLoops *g, uint32_t row, Expr column) {
  Builder *b = g->builder;
  return add(b, build_index(b, (int64_t)row * g->piece), build_binary(b, LOOP_SUB, column, g->start));
}

static void clear_sums(GemmLoops *g) {
  Builder *b = g->builder;
  for (uint32_t row = 0; row < g->rows; row++) {
    Expr column = build_for(b, "column", g->start, g->end), at = sum_index(g, row, column);
    build_store(b, g->sums, 1, &at, build_cast(b, g->problem->scalar, build_index(b, 0)));
    build_end(b);
  }
}

static void sum_inner(GemmLoops *g) {
  Builder *b = g->builder;
  Expr k = build_for(b, "k", build_index(b, 0), build_dim(b, g->problem->inner)), left[ROW_BLOCK];
  for (uint32_t row = 0; row < g->rows; row++) {
    at_row_column(g, add(b, g->row, build_index(b, row)), k);
    left[row] = build_let(b, "left", g->io->read(g->io->self, 0, g->index));
  }
  Expr column = build_for(b, "column", g->start, g->end);
  at_row_column(g, k, column);
  Expr right = build_let(b, "right", g->io->read(g->io->self, 1, g->index));
  for (uint32_t row = 0; row < g->rows; row++) {
    Expr at = build_let(b, "at", sum_index(g, row, column)), sum = build_load(b, g->sums, 1, &at);
    build_store(b, g->sums, 1, &at, build_ternary(b, LOOP_MULADD, left[row], right, sum));
  }
  build_end(b);
  build_end(b);
}

static void write_sums(GemmLoops *g) {
  Builder *b = g->builder;
  for (uint32_t row = 0; row < g->rows; row++) {
    Expr this_row = build_let(b, "row", add(b, g->row, build_index(b, row)));
    Expr column = build_for(b, "column", g->start, g->end), at = sum_index(g, row, column);
    Expr sum = build_load(b, g->sums, 1, &at);
    at_row_column(g, this_row, column);
    g->io->write(g->io->self, g->index, sum);
    build_end(b);
  }
}

static void build_rows(GemmLoops *g) {
  Builder *b = g->builder;
  int64_t columns;
  Expr zero = build_index(b, 0), all = build_dim(b, g->problem->columns);
  bool single = dim_is_constant(b->program->dims, g->problem->columns, &columns) && columns <= g->piece;
  if (single) {
    g->start = zero;
    g->end = all;
  } else {
    Expr pieces = build_binary(b, LOOP_DIV, add(b, all, build_index(b, g->piece - 1)), build_index(b, g->piece));
    Expr piece = build_for(b, "piece", zero, pieces);
    g->start = build_let(b, "start", build_binary(b, LOOP_MUL, piece, build_index(b, g->piece)));
    g->end = build_let(b, "end", build_binary(b, LOOP_MIN, add(b, g->start, build_index(b, g->piece)), all));
  }
  clear_sums(g);
  sum_inner(g);
  write_sums(g);
  if (!single) build_end(b);
}

void schedule_gemm(const GemmProblem *problem, const Target *target, const ScheduleIo *io, uint32_t batch_rank, const Expr *batch) {
  (void)target;
  Builder *b = io->builder;
  GemmLoops g = {.problem = problem, .io = io, .builder = b, .piece = COLUMN_PIECE, .batch_rank = batch_rank};
  int64_t rows, columns;
  bool known = dim_is_constant(b->program->dims, problem->rows, &rows);
  for (uint32_t at = 0; at < batch_rank; at++) g.index[at] = batch[at];
  if (dim_is_constant(b->program->dims, problem->columns, &columns) && columns < g.piece) g.piece = columns > 0 ? columns : 1;
  g.sums = io->local(io->self, "sums", problem->scalar, (uint32_t)(g.piece * (known && rows < ROW_BLOCK ? (rows > 0 ? rows : 1) : ROW_BLOCK)));
  Expr zero = build_index(b, 0), all = build_dim(b, problem->rows), four = build_index(b, ROW_BLOCK);
  Expr whole = build_binary(b, LOOP_DIV, all, four);
  if (!known || rows >= ROW_BLOCK) {
    g.rows = ROW_BLOCK;
    Expr block = build_for(b, "block", zero, whole);
    g.row = build_let(b, "first_row", build_binary(b, LOOP_MUL, block, four));
    build_rows(&g);
    build_end(b);
  }
  if (!known || rows % ROW_BLOCK) { /* the rows left over, one at a time */
    g.rows = 1;
    g.row = build_for(b, "rest", build_binary(b, LOOP_MUL, whole, four), all);
    build_rows(&g);
    build_end(b);
  }
}
