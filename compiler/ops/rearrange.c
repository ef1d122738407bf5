/* Operators that put elements elsewhere by arithmetic on indices alone: Transpose, Concat, Split, Expand, Tile, DepthToSpace, SpaceToDepth,
 * Trilu, ReverseSequence. */
#include "compiler/ops/movement.h"
#include <string.h>

void infer_transpose(Infer *infer);
void infer_concat(Infer *infer);
void infer_split(Infer *infer);
void infer_expand(Infer *infer);
void infer_tile(Infer *infer);
void infer_depth_to_space(Infer *infer);
void infer_space_to_depth(Infer *infer);
void infer_trilu(Infer *infer);
void infer_reverse_sequence(Infer *infer);
Expr point_transpose(Meaning *m, uint32_t result, const Expr *index);
void loops_concat(Meaning *m);
Expr point_split(Meaning *m, uint32_t result, const Expr *index);
Expr point_expand(Meaning *m, uint32_t result, const Expr *index);
Expr point_tile(Meaning *m, uint32_t result, const Expr *index);
Expr point_depth_to_space(Meaning *m, uint32_t result, const Expr *index);
Expr point_space_to_depth(Meaning *m, uint32_t result, const Expr *index);
Expr point_trilu(Meaning *m, uint32_t result, const Expr *index);
Expr point_reverse_sequence(Meaning *m, uint32_t result, const Expr *index);

/* ---- Transpose ---------------------------------------------------------------------------------------------------------------------- */

/* ONNX Transpose-25: without perm, the axes are reversed. */
void infer_transpose(Infer *infer) {
  uint32_t count, rank = infer_rank(infer, 0), axes[MAX_RANK];
  const int64_t *perm = infer_ints(infer, "perm", &count);
  Dim dims[MAX_RANK];
  if (perm && count != rank) { infer_error(infer, CODE_RANK, NULL, "perm has %u entries, but the operand has rank %u", count, rank); return; }
  for (uint32_t axis = 0; axis < rank; axis++) axes[axis] = rank - 1 - axis;
  if (perm && !infer_axes(infer, count, perm, rank, axes)) return;
  for (uint32_t axis = 0; axis < rank; axis++) dims[axis] = infer_dim(infer, 0, axes[axis]);
  infer_set(infer, 0, rank, dims);
  if (rank < 2) infer_known_as_operand(infer);
}

Expr point_transpose(Meaning *m, uint32_t result, const Expr *index) {
  uint32_t count, rank = meaning_rank(m, 0);
  const int64_t *perm = meaning_ints(m, "perm", &count);
  Expr from[MAX_RANK];
  for (uint32_t axis = 0; axis < rank; axis++) from[perm ? meaning_axis(m, perm[axis], rank) : rank - 1 - axis] = index[axis];
  return meaning_read(m, 0, from);
}

/* ---- Concat --------------------------------------------------------------------------------------------------------------------------- */

/* Known integers of vectors, one after the other. */
static void concat_known(Infer *infer) {
  VECTOR(Dim) elements = {0};
  if (infer_rank(infer, 0) != 1) return;
  for (uint32_t operand = 0; operand < infer_input_count(infer); operand++) {
    uint32_t count;
    const Dim *known = infer_known(infer, operand, &count);
    if (!known || elements.count + count > KNOWN_LIMIT) return;
    for (uint32_t at = 0; at < count; at++) vector_push(infer->module->arena, &elements, known[at]);
  }
  infer_set_known(infer, 0, elements.data, elements.count);
}

/* ONNX Concat-13. */
void infer_concat(Infer *infer) {
  uint32_t rank = infer_rank(infer, 0), joined = infer_axis(infer, infer_int(infer, "axis"), rank);
  Dim dims[MAX_RANK];
  if (infer->failed) return;
  memcpy(dims, infer_dims(infer, 0), rank * sizeof *dims);
  for (uint32_t operand = 1; operand < infer_input_count(infer); operand++) {
    if (infer_rank(infer, operand) != rank) {
      infer_error(infer, CODE_RANK, NULL, "operand %u has rank %u, but operand 0 has rank %u", operand, infer_rank(infer, operand), rank);
      return;
    }
    for (uint32_t axis = 0; axis < rank; axis++) {
      int64_t have, wanted;
      Dim dim = infer_dim(infer, operand, axis);
      if (axis == joined) { dims[axis] = dim_add(infer_table(infer), dims[axis], dim); continue; }
      bool constant = dim_is_constant(infer_table(infer), dim, &have), fixed = dim_is_constant(infer_table(infer), dims[axis], &wanted);
      if (constant && fixed && have != wanted)
        infer_error(infer, CODE_SHAPE, NULL, "operand %u has size %lld along axis %u, but operands before it have %lld", operand, (long long)have,
                    axis, (long long)wanted);
      if (constant && !fixed) dims[axis] = dim; /* the symbol must have this value */
    }
  }
  if (infer->failed) return;
  infer_set(infer, 0, rank, dims);
  concat_known(infer);
}

/* One loop nest an operand, each writing at its own offset. An operand whose size along another axis differs from the result's is refused. */
void loops_concat(Meaning *m) {
  uint32_t rank = meaning_rank(m, 0), joined = meaning_axis(m, meaning_int(m, "axis"), rank);
  Dim offset = dim_constant(&m->module->dims, 0);
  for (uint32_t operand = 0; operand < meaning_input_count(m); operand++) {
    Dim dims[MAX_RANK];
    Expr index[MAX_RANK], to[MAX_RANK], differs = movement_false(m);
    for (uint32_t axis = 0; axis < rank; axis++) {
      dims[axis] = axis == joined ? meaning_dim(m, operand, axis) : meaning_result_dim(m, 0, axis);
      if (axis != joined) differs = expr_or(m, differs, expr_ne(m, meaning_extent(m, operand, axis), meaning_result_extent(m, 0, axis)));
    }
    bool doubtful = !expr_is(m, differs, 0);
    if (doubtful) { /* symbolic sizes that the operands must share */
      meaning_fail_if(m, differs, STATUS_SHAPE);
      build_if(m->builder, build_unary(m->builder, LOOP_NOT, differs));
    }
    uint32_t blocks = meaning_loops(m, rank, dims, index);
    memcpy(to, index, sizeof to);
    to[joined] = expr_add(m, index[joined], build_dim(m->builder, offset));
    meaning_write(m, 0, to, meaning_read(m, operand, index));
    meaning_end_loops(m, blocks);
    if (doubtful) build_end(m->builder);
    offset = dim_add(&m->module->dims, offset, meaning_dim(m, operand, joined));
  }
}

/* ---- Split ------------------------------------------------------------------------------------------------------------------------------ */

/* Sizes of the parts: the split operand, or equal parts with a smaller last one. False: only known at run time. */
static bool split_sizes(Infer *infer, uint32_t axis, Dim *sizes) {
  DimTable *table = infer_table(infer);
  uint32_t parts = infer_output_count(infer), count;
  Dim whole = infer_dim(infer, 0, axis);
  if (infer_has(infer, 1)) {
    const Dim *known = infer_known(infer, 1, &count);
    if (!known) return false;
    if (count != parts) infer_error(infer, CODE_SHAPE, NULL, "split has %u sizes, but there are %u results", count, parts);
    for (uint32_t part = 0; part < parts && part < count; part++) sizes[part] = known[part];
    return true;
  }
  if (op_has(infer_node(infer), "num_outputs") && infer_int(infer, "num_outputs") != (int64_t)parts)
    infer_error(infer, CODE_VALUE, NULL, "num_outputs is %lld, but there are %u results", (long long)infer_int(infer, "num_outputs"), parts);
  Dim each = dim_ceildiv(table, whole, dim_constant(table, parts)), left = whole;
  bool equal = dim_divides(table, dim_constant(table, parts), whole);
  for (uint32_t part = 0; part < parts; part++) {
    sizes[part] = equal ? each : dim_max(table, dim_constant(table, 0), dim_min(table, each, left));
    if (!equal) left = dim_sub(table, left, each);
  }
  return true;
}

/* ONNX Split-18. */
void infer_split(Infer *infer) {
  uint32_t rank = infer_rank(infer, 0), axis = infer_axis(infer, infer_int(infer, "axis"), rank), parts = infer_output_count(infer), count;
  Dim dims[MAX_RANK], *sizes = arena_array(infer->module->arena, Dim, parts), sum = dim_constant(infer_table(infer), 0);
  if (infer->failed) return;
  if (!split_sizes(infer, axis, sizes)) {
    if (!infer_length(infer, 1, &count)) return;
    if (count != parts) infer_error(infer, CODE_SHAPE, NULL, "split has %u sizes, but there are %u results", count, parts);
    memcpy(dims, infer_dims(infer, 0), rank * sizeof *dims);
    dims[axis] = DIM_UNKNOWN;
    for (uint32_t part = 0; part < parts; part++) infer_set_partly(infer, part, rank, dims);
    return;
  }
  int64_t total, whole, from = 0, size;
  for (uint32_t part = 0; part < parts && !infer->failed; part++) {
    sum = dim_add(infer_table(infer), sum, sizes[part]);
    if (dim_is_constant(infer_table(infer), sizes[part], &size) && size < 0)
      infer_error(infer, CODE_VALUE, NULL, "a part has size %lld", (long long)size);
  }
  if (infer->failed) return;
  if (dim_is_constant(infer_table(infer), sum, &total) && dim_is_constant(infer_table(infer), infer_dim(infer, 0, axis), &whole) && total != whole)
    infer_error(infer, CODE_SHAPE, NULL, "the parts have %lld in all, but axis %u has %lld", (long long)total, axis, (long long)whole);
  if (sum != infer_dim(infer, 0, axis)) node_at(infer->module, infer->node)->run_time_shape = true;
  const Dim *known = rank == 1 ? infer_known(infer, 0, &count) : NULL;
  memcpy(dims, infer_dims(infer, 0), rank * sizeof *dims);
  for (uint32_t part = 0; part < parts; part++) {
    dims[axis] = sizes[part];
    infer_set(infer, part, rank, dims);
    if (!known || !dim_is_constant(infer_table(infer), sizes[part], &size)) { known = NULL; continue; }
    if (from + size <= (int64_t)count) infer_set_known(infer, part, known + from, (uint32_t)size);
    from += size;
  }
}

/* Where a part begins: constant sizes are summed up first, as there may be thousands. */
static Expr split_offset(Meaning *m, uint32_t part, const Dim *sizes) {
  DimTable *table = &m->module->dims;
  int64_t constant = 0, size;
  Dim offset = dim_constant(table, 0);
  for (uint32_t before = 0; before < part; before++) {
    if (dim_is_constant(table, sizes[before], &size)) constant += size;
    else offset = dim_add(table, offset, sizes[before]);
  }
  return build_dim(m->builder, dim_add(table, offset, dim_constant(table, constant)));
}

/* The parts' sizes as index expressions; run-time ones are forced into 0 .. whole. */
static void split_extents(Meaning *m, uint32_t axis, Expr *extents) {
  uint32_t parts = meaning_node(m)->output_count;
  Dim *sizes = arena_array(m->builder->arena, Dim, parts);
  Infer infer = meaning_infer(m);
  bool known = split_sizes(&infer, axis, sizes);
  for (uint32_t part = 0; part < parts; part++) {
    Expr size = known ? build_dim(m->builder, sizes[part]) : expr_let(m, "size", movement_integer(m, 1, part));
    extents[part] = known ? size : expr_max(m, expr_min(m, size, meaning_extent(m, 0, axis)), expr_index(m, 0));
  }
}

Expr point_split(Meaning *m, uint32_t result, const Expr *index) {
  uint32_t rank = meaning_rank(m, 0), axis = meaning_axis(m, meaning_int(m, "axis"), rank), parts = meaning_node(m)->output_count;
  Expr from[MAX_RANK], offset = expr_index(m, 0), sum = offset, *extents;
  memcpy(from, index, rank * sizeof *from);
  if (!meaning_node(m)->run_time_shape) {
    Arena *scratch = arena_open(m->module->context); /* each part has a kernel, so what lists all parts must not stay */
    Dim *sizes = arena_array(scratch, Dim, parts);
    Infer infer = meaning_infer(m);
    require(m->module->context, split_sizes(&infer, axis, sizes));
    from[axis] = expr_add(m, index[axis], split_offset(m, result, sizes));
    arena_close(scratch);
    return meaning_read(m, 0, from);
  }
  extents = arena_array(m->builder->arena, Expr, parts);
  split_extents(m, axis, extents);
  for (uint32_t part = 0; part < result; part++) offset = expr_let(m, "offset", expr_add(m, offset, extents[part]));
  from[axis] = expr_add(m, index[axis], offset);
  from[axis] = expr_let(m, "from", from[axis]);
  for (uint32_t part = 0; part < parts; part++) sum = expr_let(m, "sum", expr_add(m, sum, extents[part]));
  Expr bad = expr_ne(m, extents[result], meaning_result_extent(m, result, axis));
  movement_check(m, result, index, expr_or(m, bad, expr_ne(m, sum, meaning_extent(m, 0, axis))));
  return movement_read_if(m, 0, expr_lt(m, from[axis], meaning_extent(m, 0, axis)), from, expr_number(m, meaning_compute(m, 0), 0));
}

/* ---- Expand and Tile ------------------------------------------------------------------------------------------------------------------- */

/* ONNX Expand-13. */
void infer_expand(Infer *infer) {
  uint32_t count, own = infer_rank(infer, 0);
  Dim dims[MAX_RANK];
  const Dim *shape = infer_known(infer, 1, &count);
  if (!shape && !infer_length(infer, 1, &count)) return;
  uint32_t rank = count > own ? count : own;
  if (rank > MAX_RANK) { infer_error(infer, CODE_RANK, NULL, "the result would have rank %u; the limit is %u", rank, MAX_RANK); return; }
  for (uint32_t axis = 0; axis < rank; axis++) {
    Dim one = dim_constant(infer_table(infer), 1);
    Dim have = axis < rank - own ? one : infer_dim(infer, 0, axis - (rank - own));
    if (axis < rank - count || (!shape && dim_lo(infer_table(infer), have) > 1)) dims[axis] = have;
    else dims[axis] = shape ? infer_broadcast_dim(infer, have, shape[axis - (rank - count)]) : DIM_UNKNOWN;
  }
  if (!infer->failed && !shape) infer_set_partly(infer, 0, rank, dims);
  else if (!infer->failed) infer_set(infer, 0, rank, dims);
  int64_t elements;
  uint32_t known_count;
  const Dim *known = infer_known(infer, 0, &known_count);
  if (infer->failed || !shape || !known) return;
  if (!value_static_elements(infer->module, infer_node(infer)->outputs[0], &elements) || elements > KNOWN_LIMIT) return;
  if (known_count == elements) { infer_set_known(infer, 0, known, known_count); return; }
  if (known_count != 1) return;
  Dim *copies = arena_array(infer->module->arena, Dim, (size_t)elements);
  for (int64_t at = 0; at < elements; at++) copies[at] = known[0];
  infer_set_known(infer, 0, copies, (uint32_t)elements);
}

/* The result's dim must be what operand and run-time shape broadcast to. */
static void check_expand(Meaning *m, const Expr *index) {
  uint32_t rank = meaning_result_rank(m, 0), own = meaning_rank(m, 0), length = movement_length(m, 1);
  Expr bad = movement_false(m), one = expr_index(m, 1);
  for (uint32_t axis = 0; axis < rank; axis++) {
    Expr have = axis < rank - own ? one : meaning_extent(m, 0, axis - (rank - own));
    Expr wanted = axis < rank - length ? one : expr_let(m, "size", movement_integer(m, 1, axis - (rank - length)));
    Expr size = expr_select(m, expr_eq(m, have, one), wanted, have);
    bad = expr_or(m, bad, expr_ne(m, size, meaning_result_extent(m, 0, axis)));
    bad = expr_or(m, bad, expr_and(m, expr_ne(m, wanted, size), expr_ne(m, wanted, one)));
  }
  movement_check(m, 0, index, bad);
}

Expr point_expand(Meaning *m, uint32_t result, const Expr *index) {
  uint32_t rank = meaning_result_rank(m, 0), own = meaning_rank(m, 0);
  if (!meaning_node(m)->run_time_shape) return meaning_read_broadcast(m, 0, rank, index);
  check_expand(m, index);
  Expr from[MAX_RANK], inside = build_integer(m->builder, SCALAR_I1, 1);
  for (uint32_t axis = 0; axis < own; axis++) {
    from[axis] = expr_clamp(m, index[rank - own + axis], meaning_extent(m, 0, axis));
    inside = expr_and(m, inside, expr_gt(m, meaning_extent(m, 0, axis), expr_index(m, 0)));
  }
  return movement_read_if(m, 0, inside, from, expr_number(m, meaning_compute(m, 0), 0));
}

/* ONNX Tile-13. */
void infer_tile(Infer *infer) {
  uint32_t count, rank = infer_rank(infer, 0);
  Dim dims[MAX_RANK];
  const Dim *repeats = infer_known(infer, 1, &count);
  if (!repeats) {
    if (!infer_length(infer, 1, &count)) return;
  }
  if (count != rank) { infer_error(infer, CODE_SHAPE, NULL, "repeats has %u entries, but the operand has rank %u", count, rank); return; }
  if (!repeats) { infer_set_partly(infer, 0, rank, (Dim[MAX_RANK]){DIM_UNKNOWN}); return; }
  for (uint32_t axis = 0; axis < rank; axis++) {
    int64_t times;
    if (dim_is_constant(infer_table(infer), repeats[axis], &times) && times < 0)
      infer_error(infer, CODE_VALUE, NULL, "axis %u is repeated %lld times", axis, (long long)times);
    else dims[axis] = dim_mul(infer_table(infer), infer_dim(infer, 0, axis), repeats[axis]);
  }
  if (!infer->failed) infer_set(infer, 0, rank, dims);
}

Expr point_tile(Meaning *m, uint32_t result, const Expr *index) {
  Expr from[MAX_RANK], bad = movement_false(m), one = expr_index(m, 1), inside = build_integer(m->builder, SCALAR_I1, 1);
  for (uint32_t axis = 0; axis < meaning_rank(m, 0); axis++) {
    Expr extent = meaning_extent(m, 0, axis), whole = meaning_result_extent(m, 0, axis);
    bool once = meaning_dim(m, 0, axis) == meaning_result_dim(m, 0, axis);
    from[axis] = once ? index[axis] : expr_rem(m, index[axis], expr_max(m, extent, one));
    if (!meaning_node(m)->run_time_shape) continue;
    bad = expr_or(m, bad, expr_ne(m, expr_mul(m, extent, movement_integer(m, 1, axis)), whole));
    inside = expr_and(m, inside, expr_gt(m, extent, expr_index(m, 0)));
  }
  movement_check(m, 0, index, bad);
  return movement_read_if(m, 0, inside, from, expr_number(m, meaning_compute(m, 0), 0));
}

/* ---- DepthToSpace and SpaceToDepth --------------------------------------------------------------------------------------------------- */

/* Block size, if it fits the operand; 0 after an error. */
static Dim block_size(Infer *infer) {
  int64_t size = infer_int(infer, "blocksize");
  if (infer_rank(infer, 0) != 4) infer_error(infer, CODE_RANK, NULL, "the operand has rank %u, but must have rank 4", infer_rank(infer, 0));
  else if (size < 1 || size > 65535) infer_error(infer, CODE_VALUE, NULL, "blocksize is %lld", (long long)size);
  return infer->failed ? DIM_UNKNOWN : dim_constant(infer_table(infer), size);
}

static Dim divided(Infer *infer, uint32_t axis, Dim divisor) {
  int64_t size, by;
  Dim dim = infer_dim(infer, 0, axis);
  if (dim_is_constant(infer_table(infer), dim, &size) && dim_is_constant(infer_table(infer), divisor, &by) && size % by)
    infer_error(infer, CODE_SHAPE, NULL, "axis %u has size %lld, which is no multiple of %lld", axis, (long long)size, (long long)by);
  else infer_divides(infer, divisor, dim);
  return dim_floordiv(infer_table(infer), dim, divisor);
}

/* ONNX DepthToSpace-13. */
void infer_depth_to_space(Infer *infer) {
  DimTable *table = infer_table(infer);
  Dim block = block_size(infer);
  if (infer->failed) return;
  Dim dims[4] = {infer_dim(infer, 0, 0), divided(infer, 1, dim_mul(table, block, block)), dim_mul(table, infer_dim(infer, 0, 2), block),
                 dim_mul(table, infer_dim(infer, 0, 3), block)};
  infer_set(infer, 0, 4, dims);
}

/* ONNX SpaceToDepth-13. */
void infer_space_to_depth(Infer *infer) {
  DimTable *table = infer_table(infer);
  Dim block = block_size(infer);
  if (infer->failed) return;
  Dim dims[4] = {infer_dim(infer, 0, 0), dim_mul(table, infer_dim(infer, 0, 1), dim_mul(table, block, block)), divided(infer, 2, block),
                 divided(infer, 3, block)};
  infer_set(infer, 0, 4, dims);
}

Expr point_depth_to_space(Meaning *m, uint32_t result, const Expr *index) {
  Expr block = expr_index(m, meaning_int(m, "blocksize"));
  Expr y = expr_rem(m, index[2], block), x = expr_rem(m, index[3], block), channel;
  if (!strcmp(meaning_string(m, "mode"), "DCR"))
    channel = expr_add(m, expr_mul(m, expr_add(m, expr_mul(m, y, block), x), meaning_result_extent(m, 0, 1)), index[1]);
  else
    channel = expr_add(m, expr_mul(m, expr_add(m, expr_mul(m, index[1], block), y), block), x);
  return meaning_read(m, 0, (Expr[]){index[0], channel, expr_div(m, index[2], block), expr_div(m, index[3], block)});
}

Expr point_space_to_depth(Meaning *m, uint32_t result, const Expr *index) {
  Expr block = expr_index(m, meaning_int(m, "blocksize")), depth = expr_max(m, meaning_extent(m, 0, 1), expr_index(m, 1));
  Expr inner = expr_let(m, "inner", expr_div(m, index[1], depth)), channel = expr_rem(m, index[1], depth);
  Expr y = expr_add(m, expr_mul(m, index[2], block), expr_div(m, inner, block)),
       x = expr_add(m, expr_mul(m, index[3], block), expr_rem(m, inner, block));
  return meaning_read(m, 0, (Expr[]){index[0], channel, y, x});
}

/* ---- Trilu and ReverseSequence --------------------------------------------------------------------------------------------------------- */

/* ONNX Trilu-14. */
void infer_trilu(Infer *infer) {
  if (infer_rank(infer, 0) < 2) infer_error(infer, CODE_RANK, NULL, "the operand has rank %u, but must have rank 2 or more", infer_rank(infer, 0));
  infer_single(infer, 1, "k");
  infer_same(infer);
}

/* Upper: column - row >= k stays; lower: column - row <= k. */
Expr point_trilu(Meaning *m, uint32_t result, const Expr *index) {
  uint32_t rank = meaning_rank(m, 0);
  Expr k = meaning_has(m, 1) ? expr_let(m, "k", movement_integer(m, 1, 0)) : expr_index(m, 0), row = index[rank - 2], column = index[rank - 1];
  k = expr_max(m, expr_min(m, k, meaning_extent(m, 0, rank - 1)), expr_sub(m, expr_index(m, 0), meaning_extent(m, 0, rank - 2)));
  Expr border = expr_add(m, row, k);
  Expr kept = meaning_int(m, "upper") ? expr_ge(m, column, border) : expr_le(m, column, border);
  return expr_select(m, kept, meaning_read(m, 0, index), expr_number(m, meaning_compute(m, 0), 0));
}

/* ONNX ReverseSequence-10. */
void infer_reverse_sequence(Infer *infer) {
  int64_t batch = infer_int(infer, "batch_axis"), time = infer_int(infer, "time_axis");
  if (infer_rank(infer, 0) < 2 || infer_rank(infer, 1) != 1)
    infer_error(infer, CODE_RANK, NULL, "the operand must have rank 2 or more, and sequence_lens rank 1");
  else if (batch == time) infer_error(infer, CODE_VALUE, NULL, "batch_axis and time_axis are both %lld", (long long)batch);
  infer_same(infer);
}

/* Lengths outside 0 .. size of the time axis are refused, and clamped. */
Expr point_reverse_sequence(Meaning *m, uint32_t result, const Expr *index) {
  uint32_t batch = (uint32_t)meaning_int(m, "batch_axis"), time = (uint32_t)meaning_int(m, "time_axis");
  Expr from[MAX_RANK], extent = meaning_extent(m, 0, time), zero = expr_index(m, 0), none = expr_number(m, meaning_compute(m, 1), 0);
  Expr same = expr_eq(m, meaning_extent(m, 0, batch), meaning_extent(m, 1, 0));
  movement_check(m, 0, index, build_unary(m->builder, LOOP_NOT, same));
  Expr given = movement_read_if(m, 1, same, &index[batch], none);
  Expr length = expr_let(m, "length", build_cast(m->builder, SCALAR_INDEX, given));
  meaning_fail_if(m, expr_or(m, expr_lt(m, length, zero), expr_gt(m, length, extent)), STATUS_RANGE);
  memcpy(from, index, meaning_rank(m, 0) * sizeof *from);
  Expr mirrored = expr_sub(m, expr_sub(m, expr_max(m, expr_min(m, length, extent), zero), expr_index(m, 1)), index[time]);
  from[time] = expr_select(m, expr_lt(m, index[time], length), mirrored, index[time]);
  from[time] = expr_clamp(m, from[time], extent);
  return meaning_read(m, 0, from);
}
