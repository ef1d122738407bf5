/* Rows: accumulations with the partial results that reduction.c states.
 *
 * A turn takes 32 elements. Where a vector holds a quarter of them or more, partial results are vectors, and a turn has the body once for each; else
 * they lie in a local array, and a turn is a loop over its vectors, so that the code stays small. What is left takes masks where the target has them;
 * else the array again, vector by vector and then one by one. */
#include "passes/loop/vectorise/building.h"

enum { MOST_VECTORS = 4 }; /* that hold the partial results of one variable */

static const ReductionList *reductions_at(Rebuild *rebuild) { return &vectoriser_of(rebuild)->candidate.reductions; }
static Row                 *row_of(Rebuild *rebuild) { return &vectoriser_of(rebuild)->row; }

/* ---- partial results ---- */

bool row_finds(Rebuild *rebuild, Slot slot, uint32_t *which) {
  const ReductionList *list = reductions_at(rebuild);
  for (*which = 0; row_of(rebuild)->is_open && *which < list->count; ++*which)
    if (list->items[*which].slot == slot) return true;
  return false;
}

Expr row_read(Rebuild *rebuild, uint32_t which) {
  const Row *row = row_of(rebuild);
  if (!row->in_arrays) return row->vectors[which][row->part];
  return build_load_lanes(&rebuild->builder, row->arrays[which], 1, &row->place, row->width, 0);
}

void row_write(Rebuild *rebuild, uint32_t which, Expr value) {
  const Row *row = row_of(rebuild);
  Builder   *builder = &rebuild->builder;
  if (!row->in_arrays) build_set(builder, row->vectors[which][row->part], value);
  else build_store(builder, row->arrays[which], 1, &row->place, build_broadcast(builder, value, row->width));
}

/* The array number `which` of that type; rows share them. */
static Operand array_of(Rebuild *rebuild, Scalar scalar, uint32_t which) {
  Builder *builder = &rebuild->builder;
  for (Operand operand = rebuild->old->operands.count; operand < builder->code.operands.count; operand++)
    if (builder->code.operands.data[operand].scalar == scalar && which-- == 0) return operand;
  Dim         extent = dim_constant(rebuild->program->dims, REDUCTION_PARTIALS);
  OperandInfo info = {.name = "partials", .scalar = scalar, .rank = 1, .dims = {extent}, .access = ACCESS_LOCAL};
  return build_operand(builder, info);
}

static void make_arrays(Rebuild *rebuild) {
  uint32_t of_scalar[SCALAR_COUNT] = {0};
  for (uint32_t i = 0; i < reductions_at(rebuild)->count; i++) {
    Scalar scalar = rebuild->old->slots.data[reductions_at(rebuild)->items[i].slot].scalar;
    row_of(rebuild)->arrays[i] = array_of(rebuild, scalar, of_scalar[scalar]++);
  }
}

/* All partial results of a variable, moved between its vectors and its array. */
static void move_partials(Rebuild *rebuild, bool to_arrays) {
  const Candidate *candidate = &vectoriser_of(rebuild)->candidate;
  Row             *row = row_of(rebuild);
  for (uint32_t i = 0; i < candidate->reductions.count; i++)
    for (row->part = 0; row->part < candidate->parts; row->part++) {
      row->place = build_index(&rebuild->builder, (int64_t)row->part * candidate->lanes);
      row->in_arrays = !to_arrays;
      Expr value = row_read(rebuild, i);
      row->in_arrays = to_arrays;
      row_write(rebuild, i, value);
    }
}

static void open_row(Rebuild *rebuild) {
  const Candidate *candidate = &vectoriser_of(rebuild)->candidate;
  Builder         *builder = &rebuild->builder;
  Row             *row = row_of(rebuild);
  *row = (Row){.is_open = true, .in_arrays = candidate->parts > MOST_VECTORS, .width = candidate->lanes};
  if (row->in_arrays) make_arrays(rebuild);
  for (uint32_t i = 0; i < candidate->reductions.count; i++) {
    const Reduction *reduction = &candidate->reductions.items[i];
    const SlotInfo  *info = &rebuild->old->slots.data[reduction->slot];
    Expr             neutral = build_broadcast(builder, reduction_neutral(builder, reduction->op, info->scalar), candidate->lanes);
    for (uint32_t part = 0; part < candidate->parts; part++) {
      row->place = build_index(builder, (int64_t)part * candidate->lanes);
      if (row->in_arrays) row_write(rebuild, i, neutral);
      else row->vectors[i][part] = build_var(builder, info->name, neutral);
    }
  }
}

/* All partial results joined, and the variables with them. */
static void close_row(Rebuild *rebuild) {
  const Candidate *candidate = &vectoriser_of(rebuild)->candidate;
  Builder         *builder = &rebuild->builder;
  Row             *row = row_of(rebuild);
  for (uint32_t i = 0; i < candidate->reductions.count; i++) {
    const Reduction *reduction = &candidate->reductions.items[i];
    Expr             parts[REDUCTION_PARTIALS], variable = rebuild->slots[reduction->slot];
    for (row->part = 0; row->part < candidate->parts; row->part++) {
      row->place = build_index(builder, (int64_t)row->part * candidate->lanes);
      parts[row->part] = build_let(builder, "partial", row_read(rebuild, i));
    }
    Expr joined = reduction_join(builder, reduction, candidate->parts, parts);
    build_set(builder, variable, reduction_step(builder, reduction, variable, joined));
  }
  row->is_open = false;
}

/* ---- turns ---- */

/* Vectors of partial results from 0 on up to `end`, a multiple of lanes: the elements from `base` on. */
static void build_vectors_of_arrays(Rebuild *rebuild, Expr base, Expr end) {
  Builder *builder = &rebuild->builder;
  Row     *row = row_of(rebuild);
  row->place = build_for_step(builder, "partial", build_index(builder, 0), end, vectoriser_of(rebuild)->candidate.lanes, LOOP_SERIAL);
  body_build(rebuild, build_binary(builder, LOOP_ADD, base, row->place), 0);
  build_end(builder);
}

static void build_turn(Rebuild *rebuild, Expr base) {
  const Candidate *candidate = &vectoriser_of(rebuild)->candidate;
  Row             *row = row_of(rebuild);
  if (row->in_arrays) {
    build_vectors_of_arrays(rebuild, base, build_index(&rebuild->builder, REDUCTION_PARTIALS));
    return;
  }
  for (row->part = 0; row->part < candidate->parts; row->part++)
    body_build(rebuild, build_offset(&rebuild->builder, base, (int64_t)row->part * candidate->lanes), 0);
}

/* ---- what is left ---- */

/* The lanes of the vector from `first` on that take part where `rest` elements are left; 0: all. */
static Expr active_lanes(Rebuild *rebuild, Expr rest, Expr first) {
  Builder *builder = &rebuild->builder;
  int64_t  lanes = vectoriser_of(rebuild)->candidate.lanes, known;
  Expr     left = build_binary(builder, LOOP_SUB, rest, first);
  if (build_is_constant(builder, left, &known)) return known >= lanes ? 0 : build_index(builder, known < 0 ? 0 : known);
  Expr at_least = build_binary(builder, LOOP_MAX, left, build_index(builder, 0));
  return build_let(builder, "active", build_binary(builder, LOOP_MIN, at_least, build_index(builder, lanes)));
}

static void build_masked_rest(Rebuild *rebuild, Expr base, Expr rest) {
  const Candidate *candidate = &vectoriser_of(rebuild)->candidate;
  Builder         *builder = &rebuild->builder;
  Row             *row = row_of(rebuild);
  int64_t          none;
  if (row->in_arrays) {
    row->place = build_for_step(builder, "partial", build_index(builder, 0), rest, candidate->lanes, LOOP_SERIAL);
    body_build(rebuild, build_binary(builder, LOOP_ADD, base, row->place), active_lanes(rebuild, rest, row->place));
    build_end(builder);
    return;
  }
  for (row->part = 0; row->part < candidate->parts; row->part++) {
    Expr first = build_index(builder, (int64_t)row->part * candidate->lanes), active = active_lanes(rebuild, rest, first);
    if (active && build_is_constant(builder, active, &none) && none == 0) break;
    body_build(rebuild, build_binary(builder, LOOP_ADD, base, first), active);
  }
}

/* Without masks: whole vectors, then one by one, on arrays; back in vectors where what follows also comes when nothing is left. */
static void build_array_rest(Rebuild *rebuild, Expr base, Expr rest, bool may_be_none) {
  Builder *builder = &rebuild->builder;
  Row     *row = row_of(rebuild);
  bool     in_vectors = !row->in_arrays;
  uint16_t lanes = vectoriser_of(rebuild)->candidate.lanes;
  Expr     by = build_index(builder, lanes);
  int64_t  known;
  if (in_vectors) {
    make_arrays(rebuild);
    move_partials(rebuild, true);
  }
  Expr whole = build_let(builder, "whole", build_binary(builder, LOOP_MUL, build_binary(builder, LOOP_DIV, rest, by), by));
  if (!build_is_constant(builder, whole, &known) || known > 0) build_vectors_of_arrays(rebuild, base, whole);
  row->width = 1;
  row->place = build_for(builder, "partial", whole, rest);
  body_build_single(rebuild, build_binary(builder, LOOP_ADD, base, row->place));
  build_end(builder);
  row->width = lanes;
  if (in_vectors && may_be_none) move_partials(rebuild, false);
}

void row_build(Rebuild *rebuild, const Bounds *bounds) {
  Builder *builder = &rebuild->builder;
  Expr     end = bounds_whole_end(rebuild, bounds, REDUCTION_PARTIALS), rest = bounds_rest(rebuild, bounds, end, REDUCTION_PARTIALS);
  int64_t  known;
  open_row(rebuild);
  bounds_turns(rebuild, bounds, end, REDUCTION_PARTIALS, build_turn);
  bool is_known = build_is_constant(builder, rest, &known);
  if (!is_known) build_if(builder, build_binary(builder, LOOP_GT, rest, build_index(builder, 0)));
  if (!is_known || known > 0) {
    rest = build_let(builder, "rest", rest);
    if (vectoriser_of(rebuild)->facts.target->has_masked) build_masked_rest(rebuild, end, rest);
    else build_array_rest(rebuild, end, rest, !is_known);
  }
  if (!is_known) build_end(builder);
  close_row(rebuild);
}
