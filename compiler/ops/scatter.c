/* ScatterElements and ScatterND: a copy of the data, in a scratch tensor, into which the updates are put one after the other; then it is written out.
 * Updates whose index lies outside are reported and left out. */
#include "compiler/ops/gather.h"
#include <string.h>

void infer_scatter_elements(Infer *infer);
void infer_scatter_nd(Infer *infer);
void loops_scatter_elements(Meaning *m);
void loops_scatter_nd(Meaning *m);

/* The scratch copy of operand 0 while updates are applied. */
typedef struct Scatter { Operand copy; uint32_t rank; Dim dims[MAX_RANK]; } Scatter;

static Scatter open_scatter(Meaning *m) {
  Scatter scatter = {.rank = meaning_rank(m, 0)};
  Expr index[MAX_RANK];
  for (uint32_t axis = 0; axis < scatter.rank; axis++) scatter.dims[axis] = meaning_dim(m, 0, axis);
  scatter.copy = meaning_scratch(m, "copy", meaning_compute(m, 0), scatter.rank, scatter.dims);
  uint32_t blocks = meaning_loops(m, scatter.rank, scatter.dims, index);
  build_store(m->builder, scatter.copy, scatter.rank, index, meaning_read(m, 0, index));
  meaning_end_loops(m, blocks);
  return scatter;
}

static void close_scatter(Meaning *m, const Scatter *scatter) {
  Expr index[MAX_RANK];
  uint32_t blocks = meaning_loops(m, scatter->rank, scatter->dims, index);
  meaning_write(m, 0, index, build_load(m->builder, scatter->copy, scatter->rank, index));
  meaning_end_loops(m, blocks);
}

static Expr combine(Meaning *m, Expr have, Expr update) {
  const char *reduction = meaning_string(m, "reduction");
  bool is_bool = build_scalar(m->builder, have) == SCALAR_I1;
  if (!strcmp(reduction, "none")) return update;
  if (!strcmp(reduction, "add")) return is_bool ? expr_or(m, have, update) : expr_add(m, have, update);
  if (!strcmp(reduction, "mul")) return is_bool ? expr_and(m, have, update) : expr_mul(m, have, update);
  bool max = !strcmp(reduction, "max");
  if (is_bool) return max ? expr_or(m, have, update) : expr_and(m, have, update);
  return expr_extreme(m, max ? LOOP_MAX : LOOP_MIN, have, update);
}

/* copy[to] = combine(copy[to], updates[from]) where `inside` holds. */
static void put_update(Meaning *m, const Scatter *scatter, Expr inside, const Expr *to, const Expr *from) {
  bool guarded = !expr_is(m, inside, 1);
  Expr target[MAX_RANK];
  if (guarded) build_if(m->builder, inside);
  for (uint32_t axis = 0; axis < scatter->rank; axis++) target[axis] = expr_let(m, "to", to[axis]);
  Expr update = expr_let(m, "update", meaning_read(m, 2, from)), have = update;
  if (strcmp(meaning_string(m, "reduction"), "none")) have = expr_let(m, "have", build_load(m->builder, scatter->copy, scatter->rank, target));
  build_store(m->builder, scatter->copy, scatter->rank, target, combine(m, have, update));
  if (guarded) build_end(m->builder);
}

/* ONNX ScatterElements-18. */
void infer_scatter_elements(Infer *infer) {
  uint32_t rank = infer_rank(infer, 0), axis = infer_axis(infer, infer_int(infer, "axis"), rank);
  if (!infer->failed) infer_elements_indices(infer, axis);
  if (infer->failed) return;
  if (infer_rank(infer, 2) != rank) infer_error(infer, CODE_RANK, NULL, "updates have rank %u, but data has rank %u", infer_rank(infer, 2), rank);
  for (uint32_t at = 0; !infer->failed && at < rank; at++)
    infer_agree(infer, infer_dim(infer, 1, at), infer_dim(infer, 2, at), "a dimension of indices", "that of updates");
  infer_same(infer);
}

/* Opens a block that runs if symbolic sizes that must agree do; reported if not. False: they provably do, and nothing was opened. */
static bool open_if_agreed(Meaning *m, Expr differs) {
  if (expr_is(m, differs, 0)) return false;
  meaning_fail_if(m, differs, STATUS_SHAPE);
  build_if(m->builder, build_unary(m->builder, LOOP_NOT, differs));
  return true;
}

void loops_scatter_elements(Meaning *m) {
  Scatter scatter = open_scatter(m);
  uint32_t axis = meaning_axis(m, meaning_int(m, "axis"), scatter.rank);
  Expr from[MAX_RANK], to[MAX_RANK], differs = movement_false(m);
  Dim dims[MAX_RANK];
  for (uint32_t at = 0; at < scatter.rank; at++) {
    dims[at] = meaning_dim(m, 1, at);
    differs = expr_or(m, differs, expr_ne(m, meaning_extent(m, 1, at), meaning_extent(m, 2, at)));
  }
  bool opened = open_if_agreed(m, differs);
  uint32_t blocks = meaning_loops(m, scatter.rank, dims, from);
  CheckedIndex found = gather_index(m, 1, from, scatter.dims[axis]);
  memcpy(to, from, sizeof to);
  to[axis] = found.at;
  for (uint32_t at = 0; at < scatter.rank; at++) { /* symbolic sizes of indices may exceed those of data */
    bool fits = at == axis || dim_hi(&m->module->dims, dim_sub(&m->module->dims, dims[at], scatter.dims[at])) <= 0;
    if (!fits) found.inside = expr_and(m, found.inside, expr_lt(m, to[at], meaning_extent(m, 0, at)));
  }
  put_update(m, &scatter, found.inside, to, from);
  meaning_end_loops(m, blocks + opened);
  close_scatter(m, &scatter);
}

/* ONNX ScatterND-18. */
void infer_scatter_nd(Infer *infer) {
  uint32_t rank = infer_rank(infer, 0), indices = infer_rank(infer, 1), updates = infer_rank(infer, 2), tuple = infer_tuple_length(infer, 1, rank);
  if (infer->failed) return;
  if (updates != indices - 1 + rank - tuple) {
    infer_error(infer, CODE_RANK, NULL, "updates have rank %u, but %u is needed", updates, indices - 1 + rank - tuple);
    return;
  }
  for (uint32_t at = 0; at < updates; at++) {
    int64_t have, wanted;
    Dim dim = at + 1 < indices ? infer_dim(infer, 1, at) : infer_dim(infer, 0, at - (indices - 1) + tuple);
    bool constant = dim_is_constant(infer_table(infer), infer_dim(infer, 2, at), &have) && dim_is_constant(infer_table(infer), dim, &wanted);
    if (constant && have != wanted)
      infer_error(infer, CODE_SHAPE, NULL, "updates have %lld along axis %u, but %lld is needed", (long long)have, at, (long long)wanted);
  }
  infer_same(infer);
}

void loops_scatter_nd(Meaning *m) {
  Scatter scatter = open_scatter(m);
  uint32_t indices = meaning_rank(m, 1), updates = meaning_rank(m, 2);
  uint32_t tuple = (uint32_t)dim_value(&m->module->dims, meaning_dim(m, 1, indices - 1));
  Dim dims[MAX_RANK];
  Expr index[MAX_RANK], at[MAX_RANK], to[MAX_RANK], inside = build_integer(m->builder, SCALAR_I1, 1), differs = movement_false(m);
  for (uint32_t axis = 0; axis < updates; axis++) {
    dims[axis] = axis + 1 < indices ? meaning_dim(m, 1, axis) : scatter.dims[axis - (indices - 1) + tuple];
    differs = expr_or(m, differs, expr_ne(m, build_dim(m->builder, dims[axis]), meaning_extent(m, 2, axis)));
  }
  bool opened = open_if_agreed(m, differs);
  uint32_t tuples = meaning_loops(m, indices - 1, dims, index);
  memcpy(at, index, sizeof at);
  for (uint32_t axis = 0; axis < tuple; axis++) {
    at[indices - 1] = expr_index(m, axis);
    CheckedIndex found = gather_index(m, 1, at, scatter.dims[axis]);
    to[axis] = expr_let(m, "to", found.at);
    inside = expr_and(m, inside, found.inside);
  }
  uint32_t rows = meaning_loops(m, updates - (indices - 1), dims + indices - 1, index + indices - 1);
  for (uint32_t axis = tuple; axis < scatter.rank; axis++) to[axis] = index[axis - tuple + indices - 1];
  put_update(m, &scatter, inside, to, index);
  meaning_end_loops(m, rows + tuples + opened);
  close_scatter(m, &scatter);
}
