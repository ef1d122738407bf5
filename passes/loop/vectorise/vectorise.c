/* Loops in lanes: for i in 0..N { y[i] = x[i] * 2 } becomes for i in 0..N/16*16 step 16 { y[i .. 16] = x[i .. 16] * 2 } and what is left.
 *
 * The body is built again with the loop's variable standing for i + (0, 1, 2, ...); the builder finds the contiguous accesses. Inner loops stay as
 * they are and run for all lanes. What is left over at the end runs once more under a mask where the target has them, else one by one. Accumulations
 * along rows are in row.c.
 *
 * Stands before legalise, which links the functions at the lanes they are called with. Loops of a step other than 1 and loops that hold vectors are
 * left alone; which of the others run in lanes is said in candidate.c and choice.c. Conditions that differ between lanes are not turned into
 * selects, and loops are neither interchanged nor split. */
#include "passes/loop/loop_passes.h"
#include "passes/loop/vectorise/building.h"

/* ---- turns ---- */

Expr bounds_whole_end(Rebuild *rebuild, const Bounds *bounds, int64_t width) {
  Builder  *builder = &rebuild->builder;
  DimTable *dims = rebuild->program->dims;
  Dim       by = dim_constant(dims, width);
  if (bounds->turns != DIM_UNKNOWN)
    return build_binary(builder, LOOP_ADD, bounds->lo, build_dim(builder, dim_mul(dims, dim_floordiv(dims, bounds->turns, by), by)));
  Expr count = build_binary(builder, LOOP_MAX, build_binary(builder, LOOP_SUB, bounds->hi, bounds->lo), build_index(builder, 0));
  Expr whole = build_binary(builder, LOOP_MUL, build_binary(builder, LOOP_DIV, count, build_dim(builder, by)), build_dim(builder, by));
  return build_let(builder, "whole", build_binary(builder, LOOP_ADD, bounds->lo, whole));
}

Expr bounds_rest(Rebuild *rebuild, const Bounds *bounds, Expr end, int64_t width) {
  DimTable *dims = rebuild->program->dims;
  if (bounds->turns != DIM_UNKNOWN) return build_dim(&rebuild->builder, dim_mod(dims, bounds->turns, dim_constant(dims, width)));
  return build_binary(&rebuild->builder, LOOP_SUB, bounds->hi, end);
}

static bool is_value(const Builder *builder, Expr expr, int64_t value) {
  int64_t known;
  return build_is_constant(builder, expr, &known) && known == value;
}

void bounds_turns(Rebuild *rebuild, const Bounds *bounds, Expr end, int64_t width, void (*turn)(Rebuild *rebuild, Expr base)) {
  Builder        *builder = &rebuild->builder;
  const StmtNode *loop = stmt_at(rebuild->old, vectoriser_of(rebuild)->candidate.loop);
  Expr            covered = build_binary(builder, LOOP_SUB, end, bounds->lo);
  int64_t         turns;
  if (bounds->turns != DIM_UNKNOWN && dim_is_constant(rebuild->program->dims, bounds->turns, &turns))
    covered = build_index(builder, turns - turns % width);
  if (is_value(builder, covered, 0)) return;
  if (is_value(builder, covered, width)) {
    turn(rebuild, bounds->lo);
    return;
  }
  const char *name = rebuild->old->slots.data[loop->slot].name;
  Expr        base = build_for_step(builder, name, bounds->lo, end, width, (LoopKind)loop->loop_kind);
  turn(rebuild, base);
  build_end(builder);
}

/* ---- a loop without accumulations ---- */

static void build_turn(Rebuild *rebuild, Expr base) { body_build(rebuild, base, 0); }

/* What is left from `end` on, under a mask. */
static void build_masked_rest(Rebuild *rebuild, Expr end, Expr rest) {
  Builder *builder = &rebuild->builder;
  int64_t  known;
  bool     is_known = build_is_constant(builder, rest, &known);
  if (!is_known) build_if(builder, build_binary(builder, LOOP_GT, rest, build_index(builder, 0)));
  body_build(rebuild, end, build_let(builder, "rest", rest));
  if (!is_known) build_end(builder);
}

/* What is left from `end` on, one by one. */
static void build_single_rest(Rebuild *rebuild, const Bounds *bounds, Expr end) {
  Builder        *builder = &rebuild->builder;
  const StmtNode *loop = stmt_at(rebuild->old, vectoriser_of(rebuild)->candidate.loop);
  body_build_single(rebuild, build_for_step(builder, rebuild->old->slots.data[loop->slot].name, end, bounds->hi, 1, (LoopKind)loop->loop_kind));
  build_end(builder);
}

static void build_element_wise(Rebuild *rebuild, const Bounds *bounds) {
  int64_t width = vectoriser_of(rebuild)->candidate.lanes;
  Expr    end = bounds_whole_end(rebuild, bounds, width), rest = bounds_rest(rebuild, bounds, end, width);
  bounds_turns(rebuild, bounds, end, width, build_turn);
  if (is_value(&rebuild->builder, rest, 0)) return;
  if (vectoriser_of(rebuild)->facts.target->has_masked) build_masked_rest(rebuild, end, rest);
  else build_single_rest(rebuild, bounds, end);
}

/* ---- the code ---- */

static Bounds bounds_of(Rebuild *rebuild, Stmt loop) {
  Vectoriser *v = vectoriser_of(rebuild);
  StmtNode    node = *stmt_at(rebuild->old, loop);
  Bounds      bounds = {.turns = facts_trips(&v->facts, loop)};
  bounds.lo = build_let(&rebuild->builder, "from", rebuild_expr(rebuild, node.a));
  bounds.hi = build_let(&rebuild->builder, "to", rebuild_expr(rebuild, node.b));
  return bounds;
}

/* A chosen loop of the old code. */
static void build_loop(Rebuild *rebuild, Stmt loop) {
  Vectoriser *v = vectoriser_of(rebuild);
  Candidate   outer = v->candidate;
  Bounds      bounds = bounds_of(rebuild, loop);
  bool        opened = candidate_open(&v->candidate, &v->facts, loop);
  require(rebuild->program->context, opened);
  if (v->candidate.reductions.count) row_build(rebuild, &bounds);
  else build_element_wise(rebuild, &bounds);
  v->candidate = outer;
}

static bool vectorise_statement(Rebuild *rebuild, Stmt old) {
  Vectoriser *v = vectoriser_of(rebuild);
  StmtNode    node = *stmt_at(rebuild->old, old);
  if (body_statement(rebuild, &node)) return true;
  if (v->in_lanes || node.kind != STMT_FOR || !v->chosen[old]) return false;
  build_loop(rebuild, old);
  return true;
}

/* Every loop is held against all accesses and slots of its code, which for thousands of loops (a Concat of as many parts) takes longer than running
 * them ever would. */
enum { MOST_STATEMENTS = 2000 };

static void vectorise_code(Program *program, Code *code, const Target *target, bool keeps_order, Arena *scratch) {
  Rebuild    rebuild;
  Vectoriser v = {.chosen = NULL};
  Code       old = *code;
  if (code->stmts.count > MOST_STATEMENTS) return;
  facts_open(&v.facts, program, &old, target, scratch);
  v.facts.keeps_order = keeps_order;
  v.chosen = choose_loops(&v.facts);
  if (!v.chosen) return;
  rebuild_open(&rebuild, program, &old);
  rebuild.expr = body_expr;
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
