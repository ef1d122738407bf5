/* Finding loops whose iterations may run side by side, as lanes, with the results of running one after the other.
 *
 * A perfect nest of loops may become a band if no variable outside it is set inside, and every operand stored to inside is only touched,
 * by two different iterations, at different elements. That is proved on element offsets: each access of such an operand has the offset
 *     sum(C[v] * v over the band's variables) + (terms that don't change in the band, the same for all accesses) + something in [0, S];
 * ordered by size, each |C[v]| * step must exceed S plus all that smaller variables can add: then offsets are a mixed radix number in the
 * iteration, and never equal. Accesses further apart than iterations can reach don't meet anyway. An index that isn't affine can still be
 * anything in its dimension, since bounds are checked.
 *
 * A band whose body is straight may also set outside variables if each is an accumulation `v = v op x`: the x are computed side by side
 * and accumulated in order. Operands that overlap in memory without being the same view rule out all lanes. */
#include "evaluate_bands.h"
#include <string.h>

enum { SUM_DEPTH = 64, BOUND_DEPTH = 6, GUESSED_TRIPS = 64, ENOUGH_LANES = 32 };

/* ---- index sums ----------------------------------------------------------------------------------------------------- */

static IndexSum sum_constant(int64_t value) { return (IndexSum){.known = true, .constant = value}; }

static bool sum_add_term(IndexSum *sum, Slot slot, int64_t coefficient) {
  uint32_t at = 0;
  while (at < sum->count && sum->terms[at].slot < slot) at++;
  if (at < sum->count && sum->terms[at].slot == slot) {
    if (__builtin_add_overflow(sum->terms[at].coefficient, coefficient, &coefficient)) return false;
    sum->terms[at].coefficient = coefficient;
    if (coefficient != 0) return true;
    memmove(&sum->terms[at], &sum->terms[at + 1], (sum->count - at - 1) * sizeof sum->terms[0]);
    sum->count--;
    return true;
  }
  if (coefficient == 0) return true;
  if (sum->count == SUM_TERMS) return false;
  memmove(&sum->terms[at + 1], &sum->terms[at], (sum->count - at) * sizeof sum->terms[0]);
  sum->terms[at].slot = slot;
  sum->terms[at].coefficient = coefficient;
  sum->count++;
  return true;
}

/* a + factor * b */
static IndexSum sum_combine(IndexSum a, const IndexSum *b, int64_t factor) {
  int64_t product;
  a.known = a.known && b->known && !__builtin_mul_overflow(b->constant, factor, &product) &&
            !__builtin_add_overflow(a.constant, product, &a.constant);
  for (uint32_t k = 0; a.known && k < b->count; k++)
    a.known = !__builtin_mul_overflow(b->terms[k].coefficient, factor, &product) && sum_add_term(&a, b->terms[k].slot, product);
  return a;
}

static IndexSum index_sum_at(const Analysis *analysis, Expr expr, int depth) {
  const ExprNode *node = expr_at(analysis->code, expr);
  IndexSum unknown = {0}, zero = sum_constant(0);
  int64_t value;
  if (depth == SUM_DEPTH || node->scalar != SCALAR_INDEX) return unknown;
  switch (node->op) {
    case LOOP_CONSTANT: return sum_constant(node->integer);
    case LOOP_DIM:
      if (analysis->code->kind == CODE_ENTRY) return unknown;
      if (!dim_evaluate(analysis->machine->program->dims, (Dim)node->integer, analysis->machine->evaluation->symbols, &value)) return unknown;
      return sum_constant(value);
    case LOOP_SLOT: return analysis->slots[node->operand[0]];
    case LOOP_NEG: {
      IndexSum a = index_sum_at(analysis, node->operand[0], depth + 1);
      return sum_combine(zero, &a, -1);
    }
    case LOOP_ADD: case LOOP_SUB: case LOOP_MUL: {
      IndexSum a = index_sum_at(analysis, node->operand[0], depth + 1), b = index_sum_at(analysis, node->operand[1], depth + 1);
      if (node->op != LOOP_MUL) return sum_combine(a, &b, node->op == LOOP_ADD ? 1 : -1);
      if (b.known && b.count == 0) return sum_combine(zero, &a, b.constant);
      if (a.known && a.count == 0) return sum_combine(zero, &b, a.constant);
      return unknown;
    }
    default: return unknown;
  }
}

/* The let behind a slot if it divides (op DIV or REM) one slot by a constant: the slot and the constant. */
static bool divides_slot(const Analysis *analysis, Slot slot, LoopOp op, Slot *dividend, int64_t *divisor) {
  Stmt let = analysis->let_of[slot];
  if (let == 0) return false;
  const ExprNode *node = expr_at(analysis->code, stmt_at(analysis->code, let)->a);
  if (node->op != op) return false;
  IndexSum a = index_sum_at(analysis, node->operand[0], 0), b = index_sum_at(analysis, node->operand[1], 0);
  if (!a.known || a.constant != 0 || a.count != 1 || a.terms[0].coefficient != 1 || !b.known || b.count != 0 || b.constant == 0) return false;
  *dividend = a.terms[0].slot;
  *divisor = b.constant;
  return true;
}

/* d * c * (v / d) + c * (v % d) = c * v, where quotient and remainder are lets: how a loop over two joined dimensions indexes. */
static IndexSum join_quotients(const Analysis *analysis, IndexSum sum) {
  Slot quotient_of, remainder_of;
  int64_t divisor, other_divisor, product;
  for (uint32_t q = 0; q < sum.count; q++)
    for (uint32_t r = 0; r < sum.count; r++) {
      Slot quotient = sum.terms[q].slot, remainder = sum.terms[r].slot;
      int64_t factor = sum.terms[q].coefficient, coefficient = sum.terms[r].coefficient;
      if (!divides_slot(analysis, quotient, LOOP_DIV, &quotient_of, &divisor)) continue;
      if (!divides_slot(analysis, remainder, LOOP_REM, &remainder_of, &other_divisor)) continue;
      if (quotient_of != remainder_of || divisor != other_divisor) continue;
      if (__builtin_mul_overflow(divisor, coefficient, &product) || product != factor) continue;
      sum.known = sum_add_term(&sum, quotient, -factor) && sum_add_term(&sum, remainder, -coefficient);
      sum.known = sum.known && sum_add_term(&sum, quotient_of, coefficient);
      return sum;
    }
  return sum;
}

IndexSum index_sum(const Analysis *analysis, Expr expr) {
  IndexSum sum = index_sum_at(analysis, expr, 0);
  return sum.known && sum.count > 1 ? join_quotients(analysis, sum) : sum;
}

static bool constant_of(const Analysis *analysis, Expr expr, int64_t *value) {
  IndexSum sum = index_sum(analysis, expr);
  *value = sum.constant;
  return sum.known && sum.count == 0;
}

/* ---- one walk over the code ----------------------------------------------------------------------------------------- */

typedef VECTOR(Expr) ExprStack;

static void walk_expression(Analysis *analysis, ExprStack *stack, uint32_t order, Stmt stmt, Expr root) {
  const Code *code = analysis->code;
  if (root == 0) return;
  vector_push(analysis->arena, stack, root);
  while (stack->count > 0) {
    const ExprNode *node = expr_at(code, stack->data[--stack->count]);
    uint32_t operands = 0;
    if (node->lanes > 1) analysis->vectors[order] = true;
    if (node->op == LOOP_SLOT) {
      vector_push(analysis->arena, &analysis->reads, (SlotSite){order, node->operand[0], stmt});
    } else if (node->op == LOOP_LOAD || node->op == LOOP_CALL) {
      const uint32_t *list = &code->lists.data[node->operand[1]];
      if (node->op == LOOP_LOAD)
        vector_push(analysis->arena, &analysis->accesses, (AccessSite){order, node->operand[0], node->operand[2], list, false});
      for (uint32_t k = 0; k < node->operand[2]; k++) vector_push(analysis->arena, stack, list[k]);
    } else {
      operands = loop_op_operands((LoopOp)node->op);
    }
    for (uint32_t k = 0; k < operands; k++) vector_push(analysis->arena, stack, node->operand[k]);
  }
}

static void walk_statement(Analysis *analysis, ExprStack *stack, uint32_t order, Stmt at) {
  const StmtNode *stmt = stmt_at(analysis->code, at);
  walk_expression(analysis, stack, order, at, stmt->a);
  walk_expression(analysis, stack, order, at, stmt->b);
  if (stmt->kind == STMT_STORE) {
    const uint32_t *list = &analysis->code->lists.data[stmt->list];
    for (uint32_t k = 0; k < stmt->list_count; k++) walk_expression(analysis, stack, order, at, list[k]);
    vector_push(analysis->arena, &analysis->accesses, (AccessSite){order, stmt->target, stmt->list_count, list, true});
  }
  if (stmt->kind == STMT_SET) vector_push(analysis->arena, &analysis->sets, (SlotSite){order, stmt->slot, at});
  if (stmt->kind == STMT_FOR || stmt->kind == STMT_LET || stmt->kind == STMT_VAR) {
    IndexSum self = {.known = stmt->kind != STMT_VAR}; /* a variable's value may change between definition and use */
    sum_add_term(&self, stmt->slot, 1);
    IndexSum value = stmt->kind == STMT_LET ? index_sum(analysis, stmt->a) : self;
    analysis->slots[stmt->slot] = value.known ? value : self;
    analysis->slot_order[stmt->slot] = order;
    if (stmt->kind == STMT_FOR) analysis->slot_loop[stmt->slot] = at;
    if (stmt->kind == STMT_LET) analysis->let_of[stmt->slot] = at;
  }
}

typedef struct WalkFrame { Stmt cursor, otherwise, owner; } WalkFrame;

void analysis_open(Analysis *analysis, Arena *arena, Machine *machine, const Code *code, const View *views, const uint32_t *same) {
  *analysis = (Analysis){.machine = machine, .arena = arena, .code = code, .views = views, .same = same};
  analysis->begin = arena_array(arena, uint32_t, code->stmts.count + 1u);
  analysis->end = arena_array(arena, uint32_t, code->stmts.count + 1u);
  analysis->slots = arena_array(arena, IndexSum, code->slots.count + 1u);
  analysis->slot_order = arena_array(arena, uint32_t, code->slots.count + 1u);
  analysis->slot_loop = arena_array(arena, Stmt, code->slots.count + 1u);
  analysis->let_of = arena_array(arena, Stmt, code->slots.count + 1u);
  analysis->vectors = arena_array(arena, bool, code->stmts.count + 2u);
  ExprStack stack = {0};
  VECTOR(WalkFrame) frames = {0};
  uint32_t order = 1;
  vector_push(arena, &frames, (WalkFrame){code->body, 0, 0});
  while (frames.count > 0) {
    WalkFrame *frame = &frames.data[frames.count - 1];
    if (frame->cursor == 0) {
      frame->cursor = frame->otherwise;
      frame->otherwise = 0;
      if (frame->cursor) continue;
      analysis->end[frame->owner] = order;
      frames.count--;
      continue;
    }
    Stmt at = frame->cursor;
    const StmtNode *stmt = stmt_at(code, at);
    frame->cursor = stmt->next;
    analysis->begin[at] = order;
    walk_statement(analysis, &stack, order++, at);
    vector_push(arena, &frames, (WalkFrame){stmt->body, stmt->otherwise, at});
  }
  analysis->prints = arena_array(arena, Footprint, analysis->accesses.count + 1u);
  analysis->proved = arena_array(arena, bool, code->operands.count + 1u);
  analysis->best = arena_array(arena, BandChoice, code->stmts.count + 1u);
  analysis->best_lanes = arena_array(arena, int64_t, code->stmts.count + 1u);
  for (uint32_t k = 0; k < code->stmts.count; k++) analysis->best_lanes[k] = -1;
}

/* ---- the proof ------------------------------------------------------------------------------------------------------ */

typedef struct Region {
  uint32_t count;
  Stmt     loops[BAND_LIMIT];
  int64_t  trips[BAND_LIMIT]; /* at most; 0: unknown */
  uint32_t begin, end;        /* orders inside: begin < order < end */
} Region;

static bool inside(const Region *region, uint32_t order) { return order > region->begin && order < region->end; }

static int64_t step_of(const Analysis *analysis, Stmt loop) {
  int64_t step = 1;
  Expr given = stmt_at(analysis->code, loop)->c;
  return given == 0 || constant_of(analysis, given, &step) ? step : 0;
}

/* The expression behind the reads of lets. */
static Expr definition_of(const Analysis *analysis, Expr expr) {
  for (int depth = 0; depth < SUM_DEPTH; depth++) {
    const ExprNode *node = expr_at(analysis->code, expr);
    Stmt let = node->op == LOOP_SLOT ? analysis->let_of[node->operand[0]] : 0;
    if (let == 0) break;
    expr = stmt_at(analysis->code, let)->a;
  }
  return expr;
}

/* An upper bound of a - b, which may be made of min and max; INT64_MAX if unknown. */
static int64_t most_difference(const Analysis *analysis, Expr a, Expr b, int depth) {
  IndexSum left = index_sum(analysis, a), right = index_sum(analysis, b), sum = sum_combine(left, &right, -1);
  if (sum.known && sum.count == 0) return sum.constant;
  if (depth == BOUND_DEPTH) return INT64_MAX;
  const ExprNode *upper = expr_at(analysis->code, definition_of(analysis, a)), *lower = expr_at(analysis->code, definition_of(analysis, b));
  int64_t least = INT64_MAX;
  for (int k = 0; k < 2; k++) {
    int64_t bound = INT64_MAX;
    if (upper->op == LOOP_MIN) bound = most_difference(analysis, upper->operand[k], b, depth + 1);
    else if (lower->op == LOOP_MAX) bound = most_difference(analysis, a, lower->operand[k], depth + 1);
    least = bound < least ? bound : least;
  }
  return least;
}

/* At most so many iterations; 0 if unknown, and a loop that never runs counts as one. */
static int64_t trips_of(const Analysis *analysis, Stmt loop) {
  const StmtNode *stmt = stmt_at(analysis->code, loop);
  int64_t step = step_of(analysis, loop), span = most_difference(analysis, stmt->b, stmt->a, 0);
  if (span == INT64_MAX || step <= 0) return 0;
  return span <= 0 ? 1 : (span - 1) / step + 1;
}

/* First and last value of a loop's variable; false if not known. */
static bool loop_range(const Analysis *analysis, Stmt loop, int64_t *first, int64_t *last) {
  int64_t trips = loop ? trips_of(analysis, loop) : 0, reach;
  if (trips == 0 || !constant_of(analysis, stmt_at(analysis->code, loop)->a, first)) return false;
  return !__builtin_mul_overflow(trips - 1, step_of(analysis, loop), &reach) && !__builtin_add_overflow(*first, reach, last);
}

static bool footprint_add_term(const Analysis *analysis, const Region *region, Footprint *print, Slot slot, int64_t coefficient) {
  for (uint32_t k = 0; k < region->count; k++)
    if (stmt_at(analysis->code, region->loops[k])->slot == slot)
      return !__builtin_add_overflow(print->band[k], coefficient, &print->band[k]);
  if (!inside(region, analysis->slot_order[slot])) return sum_add_term(&print->outer, slot, coefficient);
  int64_t first, last, low, high;
  if (!loop_range(analysis, analysis->slot_loop[slot], &first, &last)) return false;
  if (__builtin_mul_overflow(coefficient, coefficient < 0 ? last : first, &low)) return false;
  if (__builtin_mul_overflow(coefficient, coefficient < 0 ? first : last, &high)) return false;
  return !__builtin_add_overflow(print->least, low, &print->least) && !__builtin_add_overflow(print->most, high, &print->most);
}

/* Adds stride * index; false if a term is no band variable, no loop variable of known range and not from outside, or on overflow. */
static bool footprint_add(const Analysis *analysis, const Region *region, Footprint *print, const IndexSum *index, int64_t stride) {
  Footprint total = *print;
  int64_t offset, coefficient;
  if (!index->known || __builtin_mul_overflow(index->constant, stride, &offset)) return false;
  if (__builtin_add_overflow(total.least, offset, &total.least) || __builtin_add_overflow(total.most, offset, &total.most)) return false;
  for (uint32_t k = 0; k < index->count; k++) {
    if (__builtin_mul_overflow(index->terms[k].coefficient, stride, &coefficient)) return false;
    if (!footprint_add_term(analysis, region, &total, index->terms[k].slot, coefficient)) return false;
  }
  *print = total;
  return true;
}

/* False on overflow. */
static bool footprint_of(const Analysis *analysis, const Region *region, const AccessSite *site, Footprint *print) {
  const View *view = &analysis->views[site->operand];
  *print = (Footprint){.outer.known = true};
  for (uint32_t d = 0; d < site->rank; d++) {
    IndexSum index = index_sum(analysis, site->indices[d]);
    if (footprint_add(analysis, region, print, &index, view->strides[d])) continue;
    int64_t span; /* anything inside the dimension */
    if (view->strides[d] < 0 || __builtin_mul_overflow(view->dims[d] > 0 ? view->dims[d] - 1 : 0, view->strides[d], &span)) return false;
    if (__builtin_add_overflow(print->most, span, &print->most)) return false;
  }
  return true;
}

static bool same_terms(const IndexSum *a, const IndexSum *b) {
  if (a->count != b->count) return false;
  for (uint32_t k = 0; k < a->count; k++)
    if (a->terms[k].slot != b->terms[k].slot || a->terms[k].coefficient != b->terms[k].coefficient) return false;
  return true;
}

/* Whether the offsets of different iterations differ, by mixed radix; `spread`: what the rest of the offset can add. */
static bool never_equal(const Analysis *analysis, const Region *region, const Footprint *print, int64_t spread) {
  bool done[BAND_LIMIT] = {false};
  for (uint32_t round = 0; round < region->count; round++) {
    uint32_t best = BAND_LIMIT;
    int64_t least = 0;
    for (uint32_t k = 0; k < region->count; k++) {
      int64_t size, step = step_of(analysis, region->loops[k]);
      if (done[k] || __builtin_mul_overflow(print->band[k], step, &size) || size == INT64_MIN) {
        if (!done[k]) return false;
        continue;
      }
      if (region->trips[k] == 1) size = 0;
      size = size < 0 ? -size : size;
      if (best == BAND_LIMIT || size < least || (size == least && region->trips[k] == 1)) best = k, least = size;
    }
    done[best] = true;
    if (region->trips[best] == 1) continue;
    int64_t reach;
    if (least <= spread) return false;
    if (region->trips[best] == 0) { /* unknown: only the largest may be */
      for (uint32_t k = 0; k < region->count; k++)
        if (!done[k] && region->trips[k] != 1) return false;
      return true;
    }
    if (__builtin_mul_overflow(least, region->trips[best] - 1, &reach) || __builtin_add_overflow(spread, reach, &spread)) return false;
  }
  return true;
}

/* How far apart the offsets of two iterations can be; INT64_MAX if unknown. */
static int64_t band_reach(const Analysis *analysis, const Region *region, const Footprint *print) {
  int64_t reach = 0, size;
  for (uint32_t k = 0; k < region->count; k++) {
    if (region->trips[k] == 1) continue;
    if (region->trips[k] == 0 || __builtin_mul_overflow(print->band[k], step_of(analysis, region->loops[k]), &size)) return INT64_MAX;
    if (size == INT64_MIN || __builtin_mul_overflow(size < 0 ? -size : size, region->trips[k] - 1, &size)) return INT64_MAX;
    if (__builtin_add_overflow(reach, size, &reach)) return INT64_MAX;
  }
  return reach;
}

/* Adds to the cluster all accesses within reach of it; true if there were any. */
static bool grow_cluster(Footprint *prints, uint32_t count, int64_t reach, int64_t *least, int64_t *most) {
  bool grown = false;
  for (uint32_t k = 0; k < count; k++) {
    int64_t above, below;
    if (prints[k].joined || __builtin_sub_overflow(prints[k].least, *most, &above)) continue;
    if (__builtin_sub_overflow(*least, prints[k].most, &below) || above > reach || below > reach) continue;
    prints[k].joined = grown = true;
    *least = prints[k].least < *least ? prints[k].least : *least;
    *most = prints[k].most > *most ? prints[k].most : *most;
  }
  return grown;
}

/* Whether the accesses keep iterations apart. Accesses that lie further from each other than iterations reach are proved by themselves. */
static bool prints_disjoint(const Analysis *analysis, const Region *region, Footprint *prints, uint32_t count) {
  int64_t reach = band_reach(analysis, region, &prints[0]), spread;
  for (uint32_t k = 1; k < count; k++)
    if (memcmp(prints[0].band, prints[k].band, sizeof prints[0].band) != 0 || !same_terms(&prints[0].outer, &prints[k].outer)) return false;
  for (uint32_t k = 0; k < count; k++) {
    if (!prints[k].stored || prints[k].joined) continue;
    int64_t least = prints[k].least, most = prints[k].most;
    prints[k].joined = true;
    while (grow_cluster(prints, count, reach, &least, &most)) {}
    if (__builtin_sub_overflow(most, least, &spread) || !never_equal(analysis, region, &prints[0], spread)) return false;
  }
  return true;
}

/* Whether all accesses in the region to operands of the class (by Variant.same) keep iterations apart. */
static bool class_disjoint(const Analysis *analysis, const Region *region, uint32_t class_operand) {
  uint32_t count = 0;
  for (uint32_t k = 0; k < analysis->accesses.count; k++) {
    const AccessSite *site = &analysis->accesses.data[k];
    if (!inside(region, site->order) || analysis->same[site->operand] != class_operand) continue;
    if (!footprint_of(analysis, region, site, &analysis->prints[count])) return false;
    analysis->prints[count++].stored = site->store;
  }
  return prints_disjoint(analysis, region, analysis->prints, count);
}

static bool stores_disjoint(const Analysis *analysis, const Region *region) {
  memset(analysis->proved, 0, analysis->code->operands.count * sizeof *analysis->proved);
  for (uint32_t k = 0; k < analysis->accesses.count; k++) {
    const AccessSite *site = &analysis->accesses.data[k];
    uint32_t class_operand = analysis->same[site->operand];
    if (!site->store || !inside(region, site->order)) continue;
    if (class_operand == OVERLAPS || (!analysis->proved[class_operand] && !class_disjoint(analysis, region, class_operand))) return false;
    analysis->proved[class_operand] = true;
  }
  return true;
}

/* ---- bands ---------------------------------------------------------------------------------------------------------- */

/* Whether a let between two loops of a nest may be evaluated inside the inner loop: what it loads isn't stored to in the nest. */
static bool let_sinks(const Analysis *analysis, Stmt let, Stmt nest) {
  for (uint32_t k = 0; k < analysis->accesses.count; k++) {
    const AccessSite *load = &analysis->accesses.data[k];
    if (load->order != analysis->begin[let]) continue;
    for (uint32_t j = 0; j < analysis->accesses.count; j++) {
      const AccessSite *store = &analysis->accesses.data[j];
      bool in_nest = store->order > analysis->begin[nest] && store->order < analysis->end[nest];
      if (store->store && in_nest && analysis->same[store->operand] == analysis->same[load->operand]) return false;
    }
  }
  for (uint32_t k = 0; k < analysis->reads.count; k++) { /* nor does it read a variable */
    const SlotSite *read = &analysis->reads.data[k];
    if (read->order == analysis->begin[let] && analysis->code->slots.data[read->slot].is_variable) return false;
  }
  return true;
}

/* The loop that is all of `loop`'s body but for lets before it, or 0. */
static Stmt inner_loop(const Analysis *analysis, Stmt loop, Stmt nest) {
  for (Stmt at = stmt_at(analysis->code, loop)->body; at; at = stmt_at(analysis->code, at)->next) {
    const StmtNode *stmt = stmt_at(analysis->code, at);
    if (stmt->kind == STMT_FOR) return stmt->next == 0 ? at : 0;
    if (stmt->kind != STMT_LET || !let_sinks(analysis, at, nest)) return 0;
  }
  return 0;
}

/* Whether the bounds of the nest's loop number `which` don't change inside the nest. */
static bool bounds_steady(const Analysis *analysis, const Region *region, uint32_t which) {
  uint32_t order = analysis->begin[region->loops[which]];
  if (which == 0) return true;
  for (uint32_t k = 0; k < analysis->reads.count; k++)
    if (analysis->reads.data[k].order == order && analysis->slot_order[analysis->reads.data[k].slot] >= region->begin) return false;
  for (uint32_t k = 0; k < analysis->accesses.count; k++)
    if (analysis->accesses.data[k].order == order) return false;
  return true;
}

static Region nest_of(const Analysis *analysis, Stmt loop) {
  Region region = {.begin = analysis->begin[loop], .end = analysis->end[loop]};
  for (Stmt at = loop; at && region.count < BAND_LIMIT; at = inner_loop(analysis, at, loop)) {
    region.loops[region.count] = at;
    if (!bounds_steady(analysis, &region, region.count)) break;
    region.trips[region.count++] = trips_of(analysis, at);
  }
  return region;
}

static int64_t region_lanes(const Region *region) {
  int64_t product = 1;
  for (uint32_t k = 0; k < region->count; k++) {
    int64_t trips = region->trips[k] ? region->trips[k] : GUESSED_TRIPS;
    if (__builtin_mul_overflow(product, trips, &product)) return INT64_MAX;
  }
  return product;
}

static bool sets_outside(const Analysis *analysis, const Region *region) {
  for (uint32_t k = 0; k < analysis->sets.count; k++) {
    const SlotSite *set = &analysis->sets.data[k];
    if (inside(region, set->order) && !inside(region, analysis->slot_order[set->slot])) return true;
  }
  return false;
}

/* The longest legal band without carried variables: its lanes, or 0. */
static int64_t parallel_band(const Analysis *analysis, const Region *nest, BandChoice *choice) {
  if (sets_outside(analysis, nest)) return 0;
  Region region = *nest;
  for (; region.count > 0; region.count--) {
    if (!stores_disjoint(analysis, &region)) continue;
    choice->count = region.count;
    choice->carries = false;
    memcpy(choice->loops, region.loops, sizeof choice->loops);
    return region_lanes(&region);
  }
  return 0;
}

bool scan_pattern(const Code *code, const StmtNode *set, LoopOp *op, bool *carried_first, Expr values[2]) {
  const ExprNode *root = expr_at(code, set->a);
  *op = (LoopOp)root->op;
  bool three = *op == LOOP_MULADD || *op == LOOP_FMA;
  if (!three && *op != LOOP_ADD && *op != LOOP_MUL && *op != LOOP_MIN && *op != LOOP_MAX) return false;
  for (int which = three ? 2 : 0; which < (three ? 3 : 2); which++) {
    const ExprNode *node = expr_at(code, root->operand[which]);
    if (node->op != LOOP_SLOT || node->operand[0] != set->slot) continue;
    *carried_first = which == 0;
    values[0] = root->operand[three ? 0 : 1 - which];
    values[1] = three ? root->operand[1] : 0;
    return lane_scan(*op, *carried_first, (Scalar)root->scalar) != NULL;
  }
  return false;
}

static bool carries_only_scans(const Analysis *analysis, const Region *region) {
  for (uint32_t k = 0; k < analysis->sets.count; k++) {
    const SlotSite *set = &analysis->sets.data[k];
    if (!inside(region, set->order)) continue;
    LoopOp op;
    bool first;
    Expr values[2];
    uint32_t uses = 0;
    for (uint32_t j = 0; j < analysis->reads.count; j++)
      uses += inside(region, analysis->reads.data[j].order) && analysis->reads.data[j].slot == set->slot;
    for (uint32_t j = 0; j < analysis->sets.count; j++)
      uses += inside(region, analysis->sets.data[j].order) && analysis->sets.data[j].slot == set->slot;
    if (uses != 2 || inside(region, analysis->slot_order[set->slot])) return false;
    if (!scan_pattern(analysis->code, stmt_at(analysis->code, set->stmt), &op, &first, values)) return false;
  }
  return true;
}

/* A band with carried variables: the whole nest down to a straight body. */
static int64_t carrying_band(const Analysis *analysis, const Region *nest, BandChoice *choice) {
  for (Stmt at = stmt_at(analysis->code, nest->loops[nest->count - 1])->body; at; at = stmt_at(analysis->code, at)->next) {
    StmtKind kind = (StmtKind)stmt_at(analysis->code, at)->kind;
    if (kind != STMT_LET && kind != STMT_SET && kind != STMT_STORE) return 0;
  }
  if (!sets_outside(analysis, nest) || !carries_only_scans(analysis, nest) || !stores_disjoint(analysis, nest)) return 0;
  choice->count = nest->count;
  choice->carries = true;
  memcpy(choice->loops, nest->loops, sizeof choice->loops);
  return region_lanes(nest);
}

/* Vectors have lanes of their own. */
static bool holds_vectors(const Analysis *analysis, Stmt loop) {
  for (uint32_t order = analysis->begin[loop]; order < analysis->end[loop]; order++)
    if (analysis->vectors[order]) return true;
  return false;
}

static int64_t find_best_band(const Analysis *analysis, Stmt loop, BandChoice *choice) {
  if (holds_vectors(analysis, loop)) return 0;
  Region nest = nest_of(analysis, loop);
  BandChoice carrying;
  int64_t parallel = parallel_band(analysis, &nest, choice);
  if (parallel >= ENOUGH_LANES) return parallel;
  int64_t carried = carrying_band(analysis, &nest, &carrying);
  if (carried <= parallel) return parallel;
  *choice = carrying;
  return carried;
}

/* Lanes of the best band starting at the loop, or 0; found once. */
static int64_t best_band(const Analysis *analysis, Stmt loop) {
  if (analysis->best_lanes[loop] < 0) analysis->best_lanes[loop] = find_best_band(analysis, loop, &analysis->best[loop]);
  return analysis->best_lanes[loop];
}

bool band_choose(const Analysis *analysis, Stmt loop, BandChoice *choice) {
  int64_t lanes = best_band(analysis, loop);
  *choice = analysis->best[loop];
  if (lanes >= ENOUGH_LANES && !choice->carries) return true;
  for (Stmt at = 1; at < analysis->code->stmts.count; at++) {
    if (stmt_at(analysis->code, at)->kind != STMT_FOR) continue;
    if (analysis->begin[at] <= analysis->begin[loop] || analysis->begin[at] >= analysis->end[loop]) continue;
    if (best_band(analysis, at) > lanes) return false;
  }
  return lanes > 1;
}
