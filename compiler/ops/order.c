/* Operators that go along one axis comparing or accumulating: TopK, CumSum, CumProd. */
#include "compiler/ops/movement.h"
#include <string.h>

void infer_top_k(Infer *infer);
void infer_cumulative(Infer *infer);
void loops_top_k(Meaning *m);
void loops_cum_sum(Meaning *m);
void loops_cum_prod(Meaning *m);

/* ---- TopK ------------------------------------------------------------------------------------------------------------------------------------ */

/* Values and indices have one shape: where only one of them declares it, the other takes it. */
static void share_declaration(Infer *infer) {
  const Node *node = infer_node(infer);
  if (node->output_count < 2 || !node->outputs[0] || !node->outputs[1]) return;
  Value *values = value_at(infer->module, node->outputs[0]), *indices = value_at(infer->module, node->outputs[1]);
  if (values->declared_ranked == indices->declared_ranked) return;
  Value *to = values->declared_ranked ? indices : values, *from = values->declared_ranked ? values : indices;
  to->declared_ranked = true;
  to->declared_rank = from->declared_rank;
  memcpy(to->declared, from->declared, sizeof to->declared);
}

static Dim result_dim(const Infer *infer, uint32_t result, uint32_t axis) {
  return value_at(infer->module, infer_node(infer)->outputs[result])->dims[axis];
}

/* ONNX TopK-24. */
void infer_top_k(Infer *infer) {
  uint32_t rank = infer_rank(infer, 0), axis = infer_axis(infer, infer_int(infer, "axis"), rank), count;
  Dim dims[MAX_RANK];
  int64_t wanted, size;
  if (infer->failed) return;
  infer_single(infer, 1, "K");
  const Dim *known = infer_known(infer, 1, &count);
  memcpy(dims, infer_dims(infer, 0), rank * sizeof *dims);
  dims[axis] = DIM_UNKNOWN;
  if (!known || count != 1) {
    share_declaration(infer);
    for (uint32_t result = 0; result < infer_output_count(infer); result++) infer_set_partly(infer, result, rank, dims);
    if (!infer->failed && infer_output_count(infer) == 2 && infer_node(infer)->outputs[0] && infer_node(infer)->outputs[1])
      infer_agree(infer, result_dim(infer, 0, axis), result_dim(infer, 1, axis), "the declared number of values", "that of indices");
    return;
  }
  bool constant = dim_is_constant(infer_table(infer), known[0], &wanted);
  if (constant && (wanted < 0 || (dim_is_constant(infer_table(infer), infer_dim(infer, 0, axis), &size) && wanted > size))) {
    infer_error(infer, CODE_VALUE, NULL, "K is %lld, but axis %u has %lld elements", (long long)wanted, axis, (long long)(wanted < 0 ? 0 : size));
    return;
  }
  dims[axis] = known[0];
  for (uint32_t result = 0; result < infer_output_count(infer); result++) infer_set(infer, result, rank, dims);
}

/* A row being sorted: positions along the axis, and a second buffer to merge into. */
typedef struct Sort { Operand order, merged, values; Expr size; bool largest; Scalar scalar; } Sort;

/* True if value b, from a later position, comes before a. A NaN counts as the largest. */
static Expr comes_before(Meaning *m, const Sort *sort, Expr b, Expr a) {
  Expr before = sort->largest ? expr_gt(m, b, a) : expr_lt(m, b, a);
  if (!scalar_is_float(sort->scalar)) return before;
  Expr one_nan = sort->largest ? expr_and(m, expr_ne(m, b, b), expr_eq(m, a, a)) : expr_and(m, expr_ne(m, a, a), expr_eq(m, b, b));
  return expr_or(m, before, one_nan);
}

static Expr load1(Meaning *m, Operand operand, Expr at) { return build_load(m->builder, operand, 1, &at); }
static void store1(Meaning *m, Operand operand, Expr at, Expr value) { build_store(m->builder, operand, 1, &at, value); }

/* Merges order[lo .. middle) and order[middle .. hi) into merged[lo .. hi); equal values keep their order. */
static void merge_runs(Meaning *m, const Sort *sort, Expr lo, Expr middle, Expr hi) {
  Builder *builder = m->builder;
  Expr left = build_var(builder, "left", lo), right = build_var(builder, "right", middle), one = expr_index(m, 1),
       last = expr_sub(m, sort->size, one);
  Expr to = build_for(builder, "to", lo, hi);
  Expr a = expr_let(m, "a", load1(m, sort->order, expr_min(m, left, last))), b = expr_let(m, "b", load1(m, sort->order, expr_min(m, right, last)));
  Expr a_value = expr_let(m, "value", load1(m, sort->values, build_cast(builder, SCALAR_INDEX, a)));
  Expr b_value = expr_let(m, "value", load1(m, sort->values, build_cast(builder, SCALAR_INDEX, b)));
  Expr take_right = expr_or(m, expr_ge(m, left, middle), expr_and(m, expr_lt(m, right, hi), comes_before(m, sort, b_value, a_value)));
  build_if(builder, take_right);
  store1(m, sort->merged, to, b);
  build_set(builder, right, expr_add(m, right, one));
  build_else(builder);
  store1(m, sort->merged, to, a);
  build_set(builder, left, expr_add(m, left, one));
  build_end(builder);
  build_end(builder);
}

/* order[0 .. size) becomes the positions in sorted order, by merging runs of 1, 2, 4, ... */
static void sort_row(Meaning *m, const Sort *sort) {
  Builder *builder = m->builder;
  Expr zero = expr_index(m, 0), one = expr_index(m, 1), two = expr_index(m, 2);
  Expr width = build_var(builder, "width", one);
  build_while(builder, expr_lt(m, width, sort->size));
  Expr lo = build_var(builder, "lo", zero);
  build_while(builder, expr_lt(m, lo, sort->size));
  Expr start = expr_let(m, "start", lo);
  Expr middle = expr_let(m, "middle", expr_min(m, expr_add(m, start, width), sort->size));
  Expr hi = expr_let(m, "hi", expr_min(m, expr_add(m, middle, width), sort->size));
  merge_runs(m, sort, start, middle, hi);
  build_set(builder, lo, hi);
  build_end(builder);
  Expr at = build_for(builder, "at", zero, sort->size);
  store1(m, sort->order, at, load1(m, sort->merged, at));
  build_end(builder);
  build_set(builder, width, expr_mul(m, width, two));
  build_end(builder);
}

static void write_results(Meaning *m, const Sort *sort, uint32_t axis, Expr *index) {
  Builder *builder = m->builder;
  uint32_t shape_of = meaning_wants(m, 0) ? 0 : 1;
  index[axis] = build_for(builder, "k", expr_index(m, 0), meaning_result_extent(m, shape_of, axis));
  Expr from = expr_let(m, "from", load1(m, sort->order, expr_clamp(m, index[axis], sort->size)));
  if (meaning_wants(m, 0)) meaning_write(m, 0, index, load1(m, sort->values, build_cast(builder, SCALAR_INDEX, from)));
  if (meaning_wants(m, 1)) meaning_write(m, 1, index, build_cast(builder, SCALAR_I64, from));
  build_end(builder);
}

/* Each row is sorted by merging, stable, so that equal values come in the order of their positions. */
void loops_top_k(Meaning *m) {
  Builder *builder = m->builder;
  uint32_t rank = meaning_rank(m, 0), axis = meaning_axis(m, meaning_int(m, "axis"), rank);
  Expr zero = expr_index(m, 0), index[MAX_RANK], from[MAX_RANK];
  Dim size = meaning_dim(m, 0, axis), dims[MAX_RANK];
  Sort sort = {.size = build_dim(builder, size), .largest = meaning_int(m, "largest") != 0, .scalar = meaning_compute(m, 0)};
  uint32_t shape_of = meaning_wants(m, 0) ? 0 : 1;
  Expr wanted = meaning_result_extent(m, shape_of, axis), given = movement_integer(m, 1, 0);
  Expr bad = expr_or(m, expr_ne(m, given, wanted), expr_gt(m, wanted, sort.size));
  if (!expr_is(m, bad, 0)) meaning_fail_if(m, bad, STATUS_SHAPE);
  sort.order = meaning_scratch(m, "order", SCALAR_I32, 1, &size);
  sort.merged = meaning_scratch(m, "merged", SCALAR_I32, 1, &size);
  sort.values = meaning_scratch(m, "values", sort.scalar, 1, &size);
  bool may_be_empty = dim_lo(&m->module->dims, size) < 1;
  if (may_be_empty) build_if(builder, expr_gt(m, sort.size, zero));
  for (uint32_t at = 0; at < rank; at++) dims[at] = at == axis ? dim_constant(&m->module->dims, 1) : meaning_dim(m, 0, at);
  for (uint32_t at = 0; at < rank; at++) { /* a declared shape may name other symbols */
    if (at == axis) continue;
    (void)expr_agree(m, dims[at], meaning_result_dim(m, shape_of, at));
    dims[at] = dim_min(&m->module->dims, dims[at], meaning_result_dim(m, shape_of, at));
  }
  uint32_t blocks = meaning_loops(m, rank, dims, index);
  memcpy(from, index, sizeof from);
  from[axis] = build_for(builder, "at", zero, sort.size);
  store1(m, sort.values, from[axis], meaning_read(m, 0, from));
  store1(m, sort.order, from[axis], build_cast(builder, SCALAR_I32, from[axis]));
  build_end(builder);
  sort_row(m, &sort);
  write_results(m, &sort, axis, index);
  meaning_end_loops(m, blocks);
  if (may_be_empty) build_end(builder);
}

/* ---- CumSum and CumProd ----------------------------------------------------------------------------------------------------------------------- */

/* ONNX CumSum-14, CumProd-26. */
void infer_cumulative(Infer *infer) {
  uint32_t count;
  int64_t axis;
  if (!infer_rank(infer, 0)) { infer_error(infer, CODE_RANK, NULL, "a scalar has no axis"); return; }
  infer_single(infer, 1, "the axis");
  if (infer_known_constants(infer, 1, &count, &axis) && count == 1) (void)infer_axis(infer, axis, infer_rank(infer, 0));
  infer_same(infer);
}

/* Along one axis, from either end. */
static void accumulate(Meaning *m, LoopOp op, uint32_t axis) {
  Builder *builder = m->builder;
  uint32_t rank = meaning_rank(m, 0);
  bool reverse = meaning_int(m, "reverse") != 0, exclusive = meaning_int(m, "exclusive") != 0;
  Scalar scalar = meaning_compute(m, 0);
  Expr index[MAX_RANK], zero = expr_index(m, 0), extent = meaning_extent(m, 0, axis);
  Dim dims[MAX_RANK];
  for (uint32_t at = 0; at < rank; at++) dims[at] = at == axis ? dim_constant(&m->module->dims, 1) : meaning_dim(m, 0, at);
  uint32_t blocks = meaning_loops(m, rank, dims, index);
  Expr total = build_var(builder, "total", expr_number(m, scalar, op == LOOP_MUL));
  Expr step = build_for(builder, "k", zero, extent);
  index[axis] = reverse ? expr_sub(m, expr_sub(m, extent, expr_index(m, 1)), step) : step;
  Expr value = expr_let(m, "value", meaning_read(m, 0, index)); /* before the write, which may lie on it */
  if (exclusive) meaning_write(m, 0, index, total);
  build_set(builder, total, build_binary(builder, op, total, value));
  if (!exclusive) meaning_write(m, 0, index, total);
  build_end(builder);
  meaning_end_loops(m, blocks);
}

/* An axis that only the running program knows chooses among one nest an axis. */
static void cumulative(Meaning *m, LoopOp op) {
  uint32_t rank = meaning_rank(m, 0);
  int64_t constant;
  Expr axis = expr_let(m, "axis", movement_wrap(m, expr_let(m, "axis", movement_integer(m, 1, 0)), expr_index(m, rank)));
  if (build_is_constant(m->builder, axis, &constant)) { accumulate(m, op, (uint32_t)constant); return; }
  meaning_fail_if(m, build_unary(m->builder, LOOP_NOT, expr_inside(m, axis, expr_index(m, rank))), STATUS_RANGE);
  for (uint32_t at = 0; at < rank; at++) {
    build_if(m->builder, expr_eq(m, axis, expr_index(m, at)));
    accumulate(m, op, at);
    build_end(m->builder);
  }
}

void loops_cum_sum(Meaning *m) { cumulative(m, LOOP_ADD); }
void loops_cum_prod(Meaning *m) { cumulative(m, LOOP_MUL); }
