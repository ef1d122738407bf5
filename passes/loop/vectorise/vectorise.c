/* Loops in lanes: for i in 0..N { y[i] = x[i] * 2 } becomes for i in 0..N/16*16 step 16 { y[i .. 16] = x[i .. 16] * 2 } and what is left.
 *
 * The body is built again with the loop's variable standing for i + (0, 1, 2, ...); the builder finds the contiguous accesses. Inner loops stay as
 * they are and run for all lanes. What is left over at the end runs once more under a mask where the target has them, else one by one; a row
 * (reduction.c) always takes a mask there, since its partial results live in lanes.
 *
 * Stands before legalise, which links the functions at the lanes they are called with. Loops of a step other than 1 and loops that hold vectors are
 * left alone; which of the others run in lanes is said in candidate.c and choice.c. Conditions that differ between lanes are not turned into
 * selects, and loops are neither interchanged nor split. */
#include "compiler/loop/build.h"
#include "compiler/loop/rebuild.h"
#include "passes/loop/loop_passes.h"
#include "passes/loop/vectorise/vectorise.h"

/* Accumulated variables of a row: by reduction. */
typedef struct Row {
  Expr partials[REDUCTIONS_MOST][REDUCTION_PARTIALS]; /* by part */
  Expr totals[REDUCTIONS_MOST];                       /* the variables themselves */
} Row;

typedef struct Vectoriser {
  CodeFacts   facts;
  const bool *chosen;    /* by statement: loops that run in lanes */
  Candidate   candidate; /* the loop that is being built in lanes; lanes 0: none */
  Expr        active;    /* number of lanes that take part, a slot or constant; 0: all */
  Row         row;
} Vectoriser;

/* Where a loop begins and ends in the new code; leaves. */
typedef struct Bounds {
  Expr lo, hi;
  Dim  turns;
} Bounds; /* turns: DIM_UNKNOWN if only the running program knows */

static Vectoriser *vectoriser_of(Rebuild *rebuild) { return rebuild->self; }

/* ---- the body in lanes ---- */

/* Lanes that take part, as a mask beside values of that type. */
static Expr active_mask(Rebuild *rebuild, Scalar scalar) {
  static const Scalar by_bytes[] = {[1] = SCALAR_I8, [2] = SCALAR_I16, [4] = SCALAR_I32, [8] = SCALAR_I64};
  Vectoriser         *v = vectoriser_of(rebuild);
  Scalar              integer = by_bytes[scalar_bytes(scalar)];
  Builder            *builder = &rebuild->builder;
  Expr                numbers = build_lane_numbers(builder, integer, v->candidate.lanes);
  return build_binary(builder, LOOP_LT, numbers, build_cast(builder, integer, v->active));
}

/* i / b and i % b of lanes that stay within one multiple of b. */
static Expr quotient_in_lanes(Rebuild *rebuild, const ExprNode *node) {
  Builder  *builder = &rebuild->builder;
  LaneIndex dividend;
  Expr      a = rebuild_expr(rebuild, node->operand[0]), b = rebuild_expr(rebuild, node->operand[1]);
  require(rebuild->program->context, build_lane_index(builder, a, &dividend) && dividend.stride == 1);
  Expr base = build_binary(builder, (LoopOp)node->op, dividend.base, b);
  if (node->op == LOOP_DIV) return base;
  return build_binary(builder, LOOP_ADD, base, build_lane_numbers(builder, SCALAR_INDEX, vectoriser_of(rebuild)->candidate.lanes));
}

/* 0: one place for all lanes, which needs no mask. */
static Expr load_of_active(Rebuild *rebuild, const ExprNode *node) {
  Vectoriser *v = vectoriser_of(rebuild);
  Expr        indices[LOOP_MAX_RANK + 1];
  uint32_t    rank = access_rank(rebuild->program, rebuild->old, node->operand[0]);
  bool        moves = false;
  int64_t     stride;
  for (uint32_t i = 0; i < rank; i++)
    moves |= !candidate_stride(&v->candidate, rebuild->old->lists.data[node->operand[1] + i], &stride) || stride != 0;
  if (!moves) return 0;
  for (uint32_t i = 0; i < rank; i++) indices[i] = rebuild_expr(rebuild, rebuild->old->lists.data[node->operand[1] + i]);
  return build_load_lanes(&rebuild->builder, node->operand[0], rank, indices, v->candidate.lanes, v->active);
}

static Expr vectorise_expr(Rebuild *rebuild, Expr old) {
  Vectoriser      *v = vectoriser_of(rebuild);
  const ExprNode   node = *expr_at(rebuild->old, old);
  const Candidate *candidate = &v->candidate;
  if (!candidate->lanes || !candidate_varies(candidate, old)) return 0;
  bool divides = (node.op == LOOP_DIV || node.op == LOOP_REM) && node.scalar == SCALAR_INDEX;
  if (divides && candidate_stays_within(candidate, node.operand[0], node.operand[1])) return quotient_in_lanes(rebuild, &node);
  return node.op == LOOP_LOAD && v->active ? load_of_active(rebuild, &node) : 0;
}

static void set_in_lanes(Rebuild *rebuild, const StmtNode *node) {
  Vectoriser *v = vectoriser_of(rebuild);
  Builder    *builder = &rebuild->builder;
  Expr        variable = rebuild->slots[node->slot], value = rebuild_expr(rebuild, node->a);
  bool        carried = !facts_inside(&v->facts, v->candidate.loop, v->facts.slot_order[node->slot]);
  if (carried && v->active) value = build_select(builder, active_mask(rebuild, build_scalar(builder, variable)), value, variable);
  build_set(builder, variable, value);
}

static void store_in_lanes(Rebuild *rebuild, const StmtNode *node) {
  Vectoriser *v = vectoriser_of(rebuild);
  Builder    *builder = &rebuild->builder;
  Expr        indices[LOOP_MAX_RANK + 1];
  uint32_t    rank = node->list_count;
  for (uint32_t i = 0; i < rank; i++) indices[i] = rebuild_expr(rebuild, rebuild->old->lists.data[node->list + i]);
  Expr value = build_broadcast(builder, rebuild_expr(rebuild, node->a), v->candidate.lanes);
  build_store_lanes(builder, node->target, rank, indices, value, v->active);
}

/* A statement of the body; false if it is built like any other. */
static bool statement_in_lanes(Rebuild *rebuild, const StmtNode *node) {
  const Candidate *candidate = &vectoriser_of(rebuild)->candidate;
  switch ((StmtKind)node->kind) {
  case STMT_VAR: {
    Expr value = rebuild_expr(rebuild, node->a);
    if (candidate->varies[node->slot]) value = build_broadcast(&rebuild->builder, value, candidate->lanes);
    rebuild->slots[node->slot] = build_var(&rebuild->builder, rebuild->old->slots.data[node->slot].name, value);
    return true;
  }
  case STMT_SET: set_in_lanes(rebuild, node); return true;
  case STMT_STORE: store_in_lanes(rebuild, node); return true;
  default: return false;
  }
}

/* The body once, for the lanes from `base` on; `active` of them, 0: all. */
static void build_lanes_of(Rebuild *rebuild, Expr base, Expr active) {
  Vectoriser     *v = vectoriser_of(rebuild);
  Builder        *builder = &rebuild->builder;
  const StmtNode *loop = stmt_at(rebuild->old, v->candidate.loop);
  v->active = active;
  rebuild->slots[v->candidate.variable] = build_binary(builder, LOOP_ADD, base, build_lane_numbers(builder, SCALAR_INDEX, v->candidate.lanes));
  rebuild_list(rebuild, loop->body);
  v->active = 0;
}

/* ---- rows ---- */

static Expr offset_by(Builder *builder, Expr base, int64_t offset) { return build_binary(builder, LOOP_ADD, base, build_index(builder, offset)); }

static void open_row(Rebuild *rebuild) {
  const Candidate *candidate = &vectoriser_of(rebuild)->candidate;
  Row             *row = &vectoriser_of(rebuild)->row;
  Builder         *builder = &rebuild->builder;
  for (uint32_t i = 0; i < candidate->reductions.count; i++) {
    const Reduction *reduction = &candidate->reductions.items[i];
    const SlotInfo  *info = &rebuild->old->slots.data[reduction->slot];
    Expr             neutral = build_broadcast(builder, reduction_neutral(builder, reduction->op, info->scalar), candidate->lanes);
    row->totals[i] = rebuild->slots[reduction->slot];
    for (uint32_t part = 0; part < candidate->parts; part++) row->partials[i][part] = build_var(builder, info->name, neutral);
  }
}

/* All partial results joined, and the variable with them. */
static void close_row(Rebuild *rebuild) {
  const Candidate *candidate = &vectoriser_of(rebuild)->candidate;
  Row             *row = &vectoriser_of(rebuild)->row;
  Builder         *builder = &rebuild->builder;
  for (uint32_t i = 0; i < candidate->reductions.count; i++) {
    const Reduction *reduction = &candidate->reductions.items[i];
    Expr             variable = row->totals[i];
    rebuild->slots[reduction->slot] = variable;
    Expr partial = reduction_join(builder, reduction, candidate->parts, row->partials[i]);
    build_set(builder, variable, reduction_step(builder, reduction, variable, partial));
  }
}

static void choose_part(Rebuild *rebuild, uint32_t part) {
  const Candidate *candidate = &vectoriser_of(rebuild)->candidate;
  const Row       *row = &vectoriser_of(rebuild)->row;
  for (uint32_t i = 0; i < candidate->reductions.count; i++) rebuild->slots[candidate->reductions.items[i].slot] = row->partials[i][part];
}

/* The lanes of a part that take part where `rest` elements are left; 0: all. */
static Expr active_in_part(Rebuild *rebuild, Expr rest, int64_t first) {
  Builder *builder = &rebuild->builder;
  int64_t  lanes = vectoriser_of(rebuild)->candidate.lanes, known;
  Expr     left = build_binary(builder, LOOP_SUB, rest, build_index(builder, first));
  if (build_is_constant(builder, left, &known)) return known >= lanes ? 0 : build_index(builder, known < 0 ? 0 : known);
  if (vectoriser_of(rebuild)->candidate.parts == 1) return left;
  Expr at_least = build_binary(builder, LOOP_MAX, left, build_index(builder, 0));
  return build_let(builder, "active", build_binary(builder, LOOP_MIN, at_least, build_index(builder, lanes)));
}

/* The turn at `base`, part by part; `rest`: of so many elements, 0: of all. */
static void build_turn(Rebuild *rebuild, Expr base, Expr rest) {
  Vectoriser *v = vectoriser_of(rebuild);
  for (uint32_t part = 0; part < v->candidate.parts; part++) {
    int64_t first = (int64_t)part * v->candidate.lanes, none;
    Expr    active = rest ? active_in_part(rebuild, rest, first) : 0;
    if (active && build_is_constant(&rebuild->builder, active, &none) && none == 0) continue;
    choose_part(rebuild, part);
    build_lanes_of(rebuild, offset_by(&rebuild->builder, base, first), active);
  }
}

/* ---- turns ---- */

/* The end of the turns that take all lanes: lo + (hi - lo) / width * width. */
static Expr whole_end(Rebuild *rebuild, const Bounds *bounds, int64_t width) {
  Builder  *builder = &rebuild->builder;
  DimTable *dims = rebuild->program->dims;
  Dim       by = dim_constant(dims, width);
  if (bounds->turns != DIM_UNKNOWN)
    return build_binary(builder, LOOP_ADD, bounds->lo, build_dim(builder, dim_mul(dims, dim_floordiv(dims, bounds->turns, by), by)));
  Expr count = build_binary(builder, LOOP_MAX, build_binary(builder, LOOP_SUB, bounds->hi, bounds->lo), build_index(builder, 0));
  Expr whole = build_binary(builder, LOOP_MUL, build_binary(builder, LOOP_DIV, count, build_dim(builder, by)), build_dim(builder, by));
  return build_let(builder, "whole", build_binary(builder, LOOP_ADD, bounds->lo, whole));
}

/* What is left behind them: hi - end. */
static Expr rest_of(Rebuild *rebuild, const Bounds *bounds, Expr end, int64_t width) {
  DimTable *dims = rebuild->program->dims;
  if (bounds->turns != DIM_UNKNOWN) return build_dim(&rebuild->builder, dim_mod(dims, bounds->turns, dim_constant(dims, width)));
  return build_binary(&rebuild->builder, LOOP_SUB, bounds->hi, end);
}

static bool is_value(const Builder *builder, Expr expr, int64_t value) {
  int64_t known;
  return build_is_constant(builder, expr, &known) && known == value;
}

/* for i in lo..end step width, without a loop where there is one turn. */
static void build_whole_turns(Rebuild *rebuild, const Bounds *bounds, Expr end, int64_t width) {
  Builder        *builder = &rebuild->builder;
  const StmtNode *loop = stmt_at(rebuild->old, vectoriser_of(rebuild)->candidate.loop);
  Expr            covered = build_binary(builder, LOOP_SUB, end, bounds->lo);
  int64_t         turns;
  if (bounds->turns != DIM_UNKNOWN && dim_is_constant(rebuild->program->dims, bounds->turns, &turns))
    covered = build_index(builder, turns - turns % width);
  if (is_value(builder, covered, 0)) return;
  if (is_value(builder, covered, width)) {
    build_turn(rebuild, bounds->lo, 0);
    return;
  }
  const char *name = rebuild->old->slots.data[loop->slot].name;
  Expr        base = build_for_step(builder, name, bounds->lo, end, width, (LoopKind)loop->loop_kind);
  build_turn(rebuild, base, 0);
  build_end(builder);
}

/* What is left from `end` on, under a mask. */
static void build_masked_rest(Rebuild *rebuild, Expr end, Expr rest) {
  Builder *builder = &rebuild->builder;
  int64_t  known;
  bool     is_known = build_is_constant(builder, rest, &known);
  if (!is_known) build_if(builder, build_binary(builder, LOOP_GT, rest, build_index(builder, 0)));
  build_turn(rebuild, end, build_let(builder, "rest", rest));
  if (!is_known) build_end(builder);
}

/* What is left from `end` on, one by one. */
static void build_single_rest(Rebuild *rebuild, const Bounds *bounds, Expr end) {
  Vectoriser     *v = vectoriser_of(rebuild);
  Builder        *builder = &rebuild->builder;
  Candidate       candidate = v->candidate;
  const StmtNode *loop = stmt_at(rebuild->old, candidate.loop);
  v->candidate.lanes = 0;
  rebuild->slots[loop->slot] = build_for_step(builder, rebuild->old->slots.data[loop->slot].name, end, bounds->hi, 1, (LoopKind)loop->loop_kind);
  rebuild_list(rebuild, loop->body);
  build_end(builder);
  v->candidate = candidate;
}

/* ---- the loop ---- */

static Bounds bounds_of(Rebuild *rebuild, Stmt loop) {
  Vectoriser *v = vectoriser_of(rebuild);
  StmtNode    node = *stmt_at(rebuild->old, loop);
  Bounds      bounds = {.turns = facts_trips(&v->facts, loop)};
  bounds.lo = build_let(&rebuild->builder, "from", rebuild_expr(rebuild, node.a));
  bounds.hi = build_let(&rebuild->builder, "to", rebuild_expr(rebuild, node.b));
  return bounds;
}

/* A chosen loop of the old code. */
static void build_loop_in_lanes(Rebuild *rebuild, Stmt loop) {
  Vectoriser *v = vectoriser_of(rebuild);
  Bounds      bounds = bounds_of(rebuild, loop);
  bool        opened = candidate_open(&v->candidate, &v->facts, loop);
  require(rebuild->program->context, opened);
  int64_t width = (int64_t)v->candidate.lanes * v->candidate.parts;
  bool    is_row = v->candidate.reductions.count > 0;
  Expr    end = whole_end(rebuild, &bounds, width);
  open_row(rebuild);
  build_whole_turns(rebuild, &bounds, end, width);
  Expr rest = rest_of(rebuild, &bounds, end, width);
  bool is_none = is_value(&rebuild->builder, rest, 0);
  if (!is_none && (is_row || v->facts.target->has_masked)) build_masked_rest(rebuild, end, rest);
  else if (!is_none) build_single_rest(rebuild, &bounds, end);
  close_row(rebuild);
  v->candidate.lanes = 0;
}

static bool vectorise_statement(Rebuild *rebuild, Stmt old) {
  Vectoriser *v = vectoriser_of(rebuild);
  StmtNode    node = *stmt_at(rebuild->old, old);
  if (v->candidate.lanes) return statement_in_lanes(rebuild, &node);
  if (node.kind != STMT_FOR || !v->chosen[old]) return false;
  build_loop_in_lanes(rebuild, old);
  return true;
}

static void vectorise_code(Program *program, Code *code, const Target *target, bool keeps_order, Arena *scratch) {
  Rebuild    rebuild;
  Vectoriser v = {.chosen = NULL};
  Code       old = *code;
  facts_open(&v.facts, program, &old, target, scratch);
  v.facts.keeps_order = keeps_order;
  v.chosen = choose_loops(&v.facts);
  if (!v.chosen) return;
  rebuild_open(&rebuild, program, &old);
  rebuild.expr = vectorise_expr;
  rebuild.statement = vectorise_statement;
  rebuild.self = &v;
  Code made = rebuild_run(&rebuild);
  if (rebuild.builder.refused) bug(program->context, "%s: control flow that differs between lanes", old.name);
  *code = made;
}

void loop_vectorise(Program *program, const Target *target, FpMode fp) {
  if (!target || target->vector_bytes == 0) return;
  for (uint32_t i = 0; i < program->kernels.count; i++) {
    Arena *scratch = arena_open(program->context);
    vectorise_code(program, &program->kernels.data[i], target, fp != FP_DEFAULT, scratch);
    arena_close(scratch);
  }
}
