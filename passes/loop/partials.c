/* The order of accumulated floats under --fp=strict: loops that the meanings mark `accumulates` take 32 partial results.
 *
 * A marked loop runs along the last of the axes that a reduction, softmax, normalisation or global pool goes over. Where it sets floats from outside
 * as v = v op x alone (op a sum, product, minimum, maximum or fma), each gets an array on the stack, and every target the same order, whatever it
 * knows of the number of turns and however wide its vectors are:
 *
 *   1. There are 32 partial results, at first neutral: -0 for a sum, 1 for a product, the infinity that loses for a minimum or maximum.
 *   2. Turn t, t = 0 for the first, works on partial t % 32, by the very operation that the loop states.
 *   3. Halves are joined, partial k with partial k + half: 0 with 16, ..., 15 with 31; then 0 with 8, ..., 7 with 15; and so on to 0 with
 *      1. The operation is the loop's, with the lower partial where the variable stands; after muladd and fma it is an addition.
 *   4. The variable is joined with the one that is left, likewise.
 *
 * This is the order of vectorise/reduction.c, which chooses rows by what it finds, and so may choose others at other options. 32 turns are an inner
 * loop over neighbours in memory, which vectorise runs in lanes. Rows known to have fewer elements leave out the partial results that no turn
 * reaches: joining them would change nothing. Minimum and maximum count only as op(x, v): as op(v, x) they may hand a NaN on, which the neutral
 * number would then win against. Loops with any other effect on floats from outside stay in ascending order. */
#include <math.h>

#include "compiler/loop/rebuild.h"
#include "passes/loop/loop_passes.h"
#include "passes/loop/partials.h"

enum { PARTIALS = 32, MOST_ACCUMULATIONS = 8 };

/* A variable that the loop accumulates. */
typedef struct Accumulation {
  Slot    slot;
  LoopOp  join;
  bool    variable_first;  /* op(variable, x) */
  Scalar  scalar;
  Operand partials;        /* its array */
} Accumulation;

typedef struct Partials {
  Operand      arrays[SCALAR_COUNT][MOST_ACCUMULATIONS]; /* 1 + operand, shared by all loops of the kernel; 0: none yet */
  Accumulation accumulations[MOST_ACCUMULATIONS];
  uint32_t     count;
  Expr         place;      /* of the turn's partial results, while a loop's body is built; else 0 */
} Partials;

/* ---- finding accumulations -------------------------------------------------------------------------------------------------- */

static bool reads(const Code *code, Expr expr, Slot slot) {
  const ExprNode *node = expr_at(code, expr);
  return node->op == LOOP_SLOT && node->operand[0] == slot;
}

static uint32_t count_reads(const Code *code, Expr expr, Slot slot) {
  uint32_t count = reads(code, expr, slot);
  for (uint32_t k = 0; k < expr_operand_count(code, expr); k++) count += count_reads(code, expr_operand(code, expr, k), slot);
  return count;
}

/* Reads of a slot in a list of statements, and how often they set it. */
static void count_uses(const Code *code, Stmt first, Slot slot, uint32_t *read, uint32_t *set) {
  for (Stmt stmt = first; stmt; stmt = stmt_at(code, stmt)->next) {
    const StmtNode *node = stmt_at(code, stmt);
    const Expr      values[] = {node->a, node->b, node->c};
    *set += node->kind == STMT_SET && node->slot == slot;
    for (uint32_t k = 0; k < 3; k++) *read += values[k] ? count_reads(code, values[k], slot) : 0;
    for (uint32_t k = 0; k < node->list_count && node->kind == STMT_STORE; k++) *read += count_reads(code, code->lists.data[node->list + k], slot);
    count_uses(code, node->body, slot, read, set);
    count_uses(code, node->otherwise, slot, read, set);
  }
}

static bool accumulates(const Code *code, const StmtNode *set, Accumulation *accumulation) {
  const ExprNode *root = expr_at(code, set->a);
  LoopOp          op = (LoopOp)root->op;
  *accumulation = (Accumulation){.slot = set->slot, .join = op, .scalar = (Scalar)root->scalar};
  switch (op) {
  case LOOP_MULADD:
  case LOOP_FMA:
    accumulation->join = LOOP_ADD;
    accumulation->variable_first = true;
    return reads(code, root->operand[2], set->slot);
  case LOOP_ADD:
  case LOOP_MUL: accumulation->variable_first = reads(code, root->operand[0], set->slot); break;
  case LOOP_MIN:
  case LOOP_MAX: break;
  default: return false;
  }
  return accumulation->variable_first || reads(code, root->operand[1], set->slot);
}

/* Collects the floats from outside that the statements set; false if one is no accumulation. `outside`: slots that are visible before the loop. */
static bool collect(const Rebuild *rebuild, Partials *partials, Stmt body, Stmt first) {
  const Code *code = rebuild->old;
  for (Stmt stmt = first; stmt; stmt = stmt_at(code, stmt)->next) {
    const StmtNode *node = stmt_at(code, stmt);
    bool            is_outside = node->kind == STMT_SET && rebuild->slots[node->slot] != 0;
    uint32_t        read = 0, set = 0;
    if (is_outside && scalar_is_float(code->slots.data[node->slot].scalar)) {
      count_uses(code, body, node->slot, &read, &set);
      if (partials->count == MOST_ACCUMULATIONS || first != body || read != 1 || set != 1) return false;
      if (!accumulates(code, node, &partials->accumulations[partials->count++])) return false;
    }
    if (!collect(rebuild, partials, body, node->body) || !collect(rebuild, partials, body, node->otherwise)) return false;
  }
  return true;
}

/* ---- building --------------------------------------------------------------------------------------------------------------- */

static Expr neutral(Builder *builder, const Accumulation *accumulation) {
  switch (accumulation->join) {
  case LOOP_ADD: return build_float(builder, accumulation->scalar, -0.0);
  case LOOP_MUL: return build_float(builder, accumulation->scalar, 1);
  default: return build_float(builder, accumulation->scalar, accumulation->join == LOOP_MIN ? INFINITY : -INFINITY);
  }
}

static Expr join(Builder *builder, const Accumulation *accumulation, Expr carried, Expr value) {
  bool first = accumulation->variable_first;
  return build_binary(builder, accumulation->join, first ? carried : value, first ? value : carried);
}

static Expr expr_hook(Rebuild *rebuild, Expr old) {
  Partials       *partials = rebuild->self;
  const ExprNode *node = expr_at(rebuild->old, old);
  for (uint32_t k = 0; k < partials->count && partials->place && node->op == LOOP_SLOT; k++)
    if (partials->accumulations[k].slot == node->operand[0])
      return build_load(&rebuild->builder, partials->accumulations[k].partials, 1, &partials->place);
  return 0;
}

/* A loop of `turns` turns from `first` on, each with its partial result. */
static void build_turns(Rebuild *rebuild, const StmtNode *loop, Expr first, Expr turns) {
  Partials   *partials = rebuild->self;
  Builder    *builder = &rebuild->builder;
  const char *name = rebuild->old->slots.data[loop->slot].name;
  partials->place = build_for(builder, "partial", build_index(builder, 0), turns);
  rebuild->slots[loop->slot] = build_let(builder, name, build_binary(builder, LOOP_ADD, first, partials->place));
  rebuild_list(rebuild, loop->body);
  build_end(builder);
  partials->place = 0;
}

static void clear_partials(Rebuild *rebuild, int64_t width) {
  Partials *partials = rebuild->self;
  Builder  *builder = &rebuild->builder;
  Expr      place = build_for(builder, "partial", build_index(builder, 0), build_index(builder, width));
  for (uint32_t k = 0; k < partials->count; k++)
    build_store(builder, partials->accumulations[k].partials, 1, &place, neutral(builder, &partials->accumulations[k]));
  build_end(builder);
}

static Expr read_partial(Builder *builder, const Accumulation *accumulation, Expr place) {
  return build_load(builder, accumulation->partials, 1, &place);
}

static void join_partials(Rebuild *rebuild, const Accumulation *accumulation, int64_t width) {
  Builder *builder = &rebuild->builder;
  for (int64_t half = PARTIALS / 2; half > 0; half /= 2) {
    int64_t pairs = width - half < half ? width - half : half;
    if (pairs <= 0) continue;
    Expr place = build_for(builder, "partial", build_index(builder, 0), build_index(builder, pairs));
    Expr upper = read_partial(builder, accumulation, build_binary(builder, LOOP_ADD, place, build_index(builder, half)));
    build_store(builder, accumulation->partials, 1, &place, join(builder, accumulation, read_partial(builder, accumulation, place), upper));
    build_end(builder);
  }
  Expr variable = rebuild->slots[accumulation->slot];
  build_set(builder, variable, join(builder, accumulation, variable, read_partial(builder, accumulation, build_index(builder, 0))));
}

static void take_arrays(Rebuild *rebuild) {
  Partials *partials = rebuild->self;
  DimTable *dims = rebuild->program->dims;
  for (uint32_t k = 0; k < partials->count; k++) {
    Accumulation *accumulation = &partials->accumulations[k];
    Operand      *array = &partials->arrays[accumulation->scalar][k];
    OperandInfo   info = {.name = "parts", .scalar = accumulation->scalar, .rank = 1, .access = ACCESS_LOCAL};
    info.dims[0] = dim_constant(dims, PARTIALS);
    if (!*array) *array = 1 + build_operand(&rebuild->builder, info);
    accumulation->partials = *array - 1;
  }
}

static void build_row(Rebuild *rebuild, const StmtNode *loop) {
  Partials *partials = rebuild->self;
  Builder  *builder = &rebuild->builder;
  Expr      lo = build_let(builder, "first", rebuild_expr(rebuild, loop->a)), all = build_index(builder, PARTIALS);
  Expr      turns = build_let(builder, "turns", build_binary(builder, LOOP_SUB, rebuild_expr(rebuild, loop->b), lo));
  int64_t   known;
  bool      is_known = build_is_constant(builder, turns, &known), is_short = is_known && known < PARTIALS;
  if (is_known && known <= 0) return;
  take_arrays(rebuild);
  clear_partials(rebuild, is_short ? known : PARTIALS);
  Expr whole = build_binary(builder, LOOP_MUL, build_binary(builder, LOOP_DIV, turns, all), all);
  whole = build_let(builder, "whole", is_short ? build_index(builder, 0) : whole);
  if (!is_short) {
    Expr group = build_for_step(builder, "group", build_index(builder, 0), whole, PARTIALS, LOOP_SERIAL);
    build_turns(rebuild, loop, build_let(builder, "start", build_binary(builder, LOOP_ADD, lo, group)), all);
    build_end(builder);
  }
  if (!is_known || known % PARTIALS)
    build_turns(rebuild, loop, build_binary(builder, LOOP_ADD, lo, whole), build_binary(builder, LOOP_SUB, turns, whole));
  for (uint32_t k = 0; k < partials->count; k++) join_partials(rebuild, &partials->accumulations[k], is_short ? known : PARTIALS);
}

static bool statement_hook(Rebuild *rebuild, Stmt old) {
  Partials       *partials = rebuild->self;
  const StmtNode *node = stmt_at(rebuild->old, old);
  if (partials->place && node->kind == STMT_SET)
    for (uint32_t k = 0; k < partials->count; k++) {
      if (partials->accumulations[k].slot != node->slot) continue;
      build_store(&rebuild->builder, partials->accumulations[k].partials, 1, &partials->place, rebuild_expr(rebuild, node->a));
      return true;
    }
  if (partials->place || node->kind != STMT_FOR || node->loop_kind != LOOP_ACCUMULATES) return false;
  partials->count = 0;
  bool is_row = expr_at(rebuild->old, node->c)->integer == 1 && collect(rebuild, partials, node->body, node->body) && partials->count > 0;
  if (is_row) build_row(rebuild, node);
  return is_row;
}

/* ---- all kernels ------------------------------------------------------------------------------------------------------------ */

static bool is_marked(const Code *code) {
  for (Stmt stmt = 1; stmt < code->stmts.count; stmt++)
    if (stmt_at(code, stmt)->kind == STMT_FOR && stmt_at(code, stmt)->loop_kind == LOOP_ACCUMULATES) return true;
  return false;
}

static void unmark(Code *code) {
  for (Stmt stmt = 1; stmt < code->stmts.count; stmt++)
    if (stmt_at(code, stmt)->kind == STMT_FOR && stmt_at(code, stmt)->loop_kind == LOOP_ACCUMULATES) stmt_at(code, stmt)->loop_kind = LOOP_SERIAL;
}

void loop_partials(Program *program, bool take) {
  for (uint32_t at = 0; at < program->kernels.count; at++) {
    if (!is_marked(&program->kernels.data[at])) continue;
    if (take) {
      Code     old = program->kernels.data[at]; /* the vector may grow meanwhile */
      Partials partials = {.count = 0};
      Rebuild  rebuild;
      rebuild_open(&rebuild, program, &old);
      rebuild.expr = expr_hook;
      rebuild.statement = statement_hook;
      rebuild.self = &partials;
      program->kernels.data[at] = rebuild_run(&rebuild);
    }
    unmark(&program->kernels.data[at]);
  }
}
