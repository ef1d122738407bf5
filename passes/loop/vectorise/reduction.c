/* Accumulations along a row, and the order of their partial results.
 *
 * A row is an innermost loop of step 1 without branches, of at least 16 elements (or of a number that only the running program knows), that sets
 * variables from outside only as v = v op x, reads along the last dimension or at one place, and reads at least one element a turn. Its result has
 * the same bits on every target, whatever the width of a vector:
 *
 *   1. There are 32 partial results, at first neutral: -0 for a sum, 1 for a product, the infinity that loses for min and max. (An integer's are 0,
 *      1, its largest and smallest; those of and, or, xor are all ones, 0, 0.)
 *   2. The element of turn t, t = 0 for the first, goes to partial t % 32, in ascending order, by the very operation that the loop states:
 *      p = p + x, p = max(x, p), p = fma(a, b, p).
 *   3. Halves are joined, partial k with partial k + half: 0 with 16, ..., 15 with 31; then 0 with 8, ..., 7 with 15; and so on to 0 with 1. The
 *      operation is the loop's, with the lower partial where the variable stands; after muladd and fma it is an addition.
 *   4. The variable is joined with the one that is left, likewise: v = v + r, v = max(r, v).
 *
 * Of floats, min and max count only as op(x, v): as op(v, x) they may hand a NaN on, which the neutral number would then win against.
 *
 * A turn that does not happen leaves its partial alone, so that the number of turns need not be a multiple of 32. A partial is a lane of a vector or
 * an element of an array (row.c). 32 are two vectors of 16 lanes: one alone waits for its own additions, which takes a row that lies in the first
 * cache 1.7 times as long; four are no faster. */
#include "passes/loop/vectorise/vectorise.h"

#include <limits.h>
#include <math.h>

enum { SHORTEST_ROW = 16 };

/* ---- finding them ---- */

static bool reads_variable(const Code *code, Expr expr, Slot slot) {
  const ExprNode *node = expr_at(code, expr);
  return node->op == LOOP_SLOT && node->operand[0] == slot;
}

/* variable = variable op value in one of its forms. */
static bool accumulation_of(const CodeFacts *facts, Stmt set, Reduction *reduction) {
  const Code     *code = facts->code;
  const StmtNode *node = stmt_at(code, set);
  const ExprNode *root = expr_at(code, node->a);
  LoopOp          op = (LoopOp)root->op;
  if (facts->keeps_order && scalar_is_float((Scalar)root->scalar)) return false;
  *reduction = (Reduction){.slot = node->slot, .set = set, .op = op};
  switch (op) {
  case LOOP_MULADD:
  case LOOP_FMA:
    reduction->op = LOOP_ADD;
    reduction->carried_first = true;
    return reads_variable(code, root->operand[2], node->slot);
  case LOOP_ADD:
  case LOOP_MUL:
  case LOOP_MIN:
  case LOOP_MAX:
  case LOOP_AND:
  case LOOP_OR:
  case LOOP_XOR: reduction->carried_first = reads_variable(code, root->operand[0], node->slot); break;
  default: return false;
  }
  bool is_choice = op == LOOP_MIN || op == LOOP_MAX;
  if (reduction->carried_first) return !(is_choice && scalar_is_float((Scalar)root->scalar));
  return reads_variable(code, root->operand[1], node->slot);
}

/* Uses of a slot in the loop. */
static uint32_t count_inside(const CodeFacts *facts, Stmt loop, Slot slot) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < facts->reads.count; i++)
    count += facts->reads.data[i].slot == slot && facts_inside(facts, loop, facts->reads.data[i].order);
  return count;
}

bool reductions_of(const CodeFacts *facts, Stmt loop, ReductionList *list) {
  list->count = 0;
  for (uint32_t i = 0; i < facts->sets.count; i++) {
    const SlotSite *set = &facts->sets.data[i];
    if (!facts_inside(facts, loop, set->order) || facts_inside(facts, loop, facts->slot_order[set->slot])) continue;
    if (list->count == REDUCTIONS_MOST || !accumulation_of(facts, set->stmt, &list->items[list->count])) return false;
    for (uint32_t k = 0; k < list->count; k++)
      if (list->items[k].slot == set->slot) return false;
    if (count_inside(facts, loop, set->slot) != 1) return false;
    list->count++;
  }
  return true;
}

/* ---- rows ---- */

static bool is_straight(const Code *code, Stmt first) {
  for (Stmt stmt = first; stmt; stmt = stmt_at(code, stmt)->next) {
    StmtKind kind = (StmtKind)stmt_at(code, stmt)->kind;
    if (kind == STMT_FOR || kind == STMT_IF || kind == STMT_WHILE) return false;
  }
  return true;
}

static bool is_at_one_place(const Candidate *candidate, const AccessSite *site) {
  for (uint32_t i = 0; i < site->rank; i++)
    if (candidate_varies(candidate, site->indices[i])) return false;
  return true;
}

bool reduction_is_row(const CodeFacts *facts, Stmt loop) {
  const Code     *code = facts->code;
  const StmtNode *node = stmt_at(code, loop);
  Candidate       along = {.facts = facts, .loop = loop, .variable = node->slot, .lanes = REDUCTION_PARTIALS};
  uint32_t        elements = 0;
  if (node->kind != STMT_FOR || node->loop_kind == LOOP_UNROLL || expr_at(code, node->c)->integer != 1 || !is_straight(code, node->body))
    return false;
  if (!reductions_of(facts, loop, &along.reductions) || along.reductions.count == 0) return false;
  if (facts_most_trips(facts, loop) < SHORTEST_ROW) return false;
  candidate_mark(&along);
  for (uint32_t i = 0; i < facts->accesses.count; i++) {
    const AccessSite *site = &facts->accesses.data[i];
    if (!facts_inside(facts, loop, site->order) || is_at_one_place(&along, site)) continue;
    if (site->lanes > 1 || !candidate_is_contiguous(&along, site)) return false;
    elements++;
  }
  return elements > 0;
}

/* ---- building them ---- */

/* The ends of an integer type. */
static int64_t least_integer(Scalar scalar) {
  if (scalar == SCALAR_I1 || !scalar_is_signed(scalar)) return 0;
  return scalar_bits(scalar) == 64 ? INT64_MIN : -(INT64_C(1) << (scalar_bits(scalar) - 1));
}

static int64_t most_integer(Scalar scalar) {
  if (!scalar_is_signed(scalar)) return -1; /* all ones */
  return scalar_bits(scalar) == 64 ? INT64_MAX : (INT64_C(1) << (scalar_bits(scalar) - 1)) - 1;
}

static Expr neutral_float(Builder *builder, LoopOp op, Scalar scalar) {
  switch (op) {
  case LOOP_ADD: return build_float(builder, scalar, -0.0);
  case LOOP_MUL: return build_float(builder, scalar, 1);
  default: return build_float(builder, scalar, op == LOOP_MIN ? INFINITY : -INFINITY);
  }
}

Expr reduction_neutral(Builder *builder, LoopOp op, Scalar scalar) {
  if (scalar_is_float(scalar)) return neutral_float(builder, op, scalar);
  switch (op) {
  case LOOP_MUL: return build_integer(builder, scalar, 1);
  case LOOP_MIN: return build_integer(builder, scalar, most_integer(scalar));
  case LOOP_MAX: return build_integer(builder, scalar, least_integer(scalar));
  case LOOP_AND: return build_integer(builder, scalar, scalar == SCALAR_I1 ? 1 : -1);
  default: return build_integer(builder, scalar, 0);
  }
}

Expr reduction_step(Builder *builder, const Reduction *reduction, Expr carried, Expr value) {
  bool first = reduction->carried_first;
  return build_binary(builder, reduction->op, first ? carried : value, first ? value : carried);
}

/* Halves of a vector or of several; `halve` is the step. */
Expr reduction_join(Builder *builder, const Reduction *reduction, uint32_t count, Expr *parts) {
  for (uint32_t half = count / 2; half > 0; half /= 2)
    for (uint32_t k = 0; k < half; k++) parts[k] = build_let(builder, "half", reduction_step(builder, reduction, parts[k], parts[k + half]));
  Expr all = parts[0];
  for (uint16_t half = build_lanes(builder, all) / 2; half > 0; half /= 2) {
    all = build_let(builder, "half", all);
    all = reduction_step(builder, reduction, build_extract(builder, all, 0, half), build_extract(builder, all, half, half));
  }
  return all;
}
