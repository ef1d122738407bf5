/* Iterations that run side by side do not meet in memory.
 *
 * Operands that are stored to are grouped with those that may share their memory (`same`). All accesses to a group must have flat subscripts
 *     C * variable + terms from outside + something that changes inside
 * with one C. Of a store and any access of two iterations d apart, 0 < d < lanes, the places differ by C * d and by the difference of the rest, which
 * lies between two numbers: they never meet if no C * d lies there. Further apart, lanes do not change the order of accesses; nor do more turns than
 * the loop has. */
#include "passes/loop/vectorise/vectorise.h"

typedef struct Footprint {
  Dim    coefficient; /* of the variable */
  Affine fixed;       /* the same in all iterations; without the constant */
  Dim    least, most; /* of all the rest */
} Footprint;

/* The operand that stands for all that may be the same memory. */
static Operand group_of(const Code *code, Operand operand) {
  while (code->operands.data[operand].same_index) operand = code->operands.data[operand].same_index - 1;
  return operand;
}

/* Reads nothing that changes in the loop. */
static bool is_fixed(const Candidate *candidate, Expr expr) {
  const CodeFacts *facts = candidate->facts;
  const Code      *code = facts->code;
  const ExprNode  *node = expr_at(code, expr);
  if (node->op == LOOP_LOAD || node->op == LOOP_CALL) return false;
  if (node->op == LOOP_SLOT && (code->slots.data[node->operand[0]].is_variable || node->operand[0] == candidate->variable ||
                                facts_inside(facts, candidate->loop, facts->slot_order[node->operand[0]])))
    return false;
  for (uint32_t i = 0, count = expr_operand_count(code, expr); i < count; i++)
    if (!is_fixed(candidate, expr_operand(code, expr, i))) return false;
  return true;
}

static bool footprint_of(const Candidate *candidate, const AccessSite *site, Footprint *print) {
  const CodeFacts *facts = candidate->facts;
  DimTable        *dims = facts->program->dims;
  Dim              zero = dim_constant(dims, 0);
  Affine           form = {.constant = zero}, inside = {.constant = zero};
  if (site->rank > 1 || facts->code->operands.data[site->operand].strided) return false;
  if (site->rank) affine_of(dims, facts->code, &facts->definitions, site->indices[0], &form);
  *print = (Footprint){.coefficient = zero, .fixed.constant = zero};
  inside.constant = form.constant;
  for (uint32_t i = 0; i < form.count; i++) {
    const AffineTerm *term = &form.terms[i];
    Affine           *part = is_fixed(candidate, term->atom) ? &print->fixed : &inside;
    if (term->slot == candidate->variable) print->coefficient = term->coefficient;
    else part->terms[part->count++] = *term;
  }
  print->least = range_end(&facts->ranges, &inside, false);
  print->most = range_end(&facts->ranges, &inside, true);
  return print->least != DIM_UNKNOWN && print->most != DIM_UNKNOWN;
}

/* No d * step with 0 < |d| < lanes lies in least .. most. */
static bool misses(int64_t step, int64_t lanes, int64_t least, int64_t most) {
  for (int64_t d = 1; d < lanes; d++) {
    int64_t place;
    if (__builtin_mul_overflow(step, d, &place) || place == INT64_MIN) return true; /* further than any element */
    if ((least <= place && place <= most) || (least <= -place && -place <= most)) return false;
  }
  return true;
}

/* |coefficient| > |x| for the ends of the rest, as dimensions. */
static bool outweighs(DimTable *dims, Dim coefficient, Dim least, Dim most) {
  return dim_lo(dims, dim_sub(dims, coefficient, most)) > 0 && dim_lo(dims, dim_add(dims, coefficient, least)) > 0;
}

static bool are_apart(const Candidate *candidate, const Footprint *a, const Footprint *b) {
  const CodeFacts *facts = candidate->facts;
  DimTable        *dims = facts->program->dims;
  Affine           difference = a->fixed;
  int64_t          step, lanes = (int64_t)candidate->lanes * candidate->parts, turns = facts_most_trips(facts, candidate->loop);
  if (a->coefficient != b->coefficient) return false;
  if (!affine_add(dims, facts->code, &difference, &b->fixed, dim_constant(dims, -1)) || difference.count) return false;
  Dim least = dim_sub(dims, a->least, b->most), most = dim_sub(dims, a->most, b->least);
  if (outweighs(dims, a->coefficient, least, most)) return true;
  if (!dim_is_constant(dims, a->coefficient, &step) || step == 0) return false;
  return misses(step, turns < lanes ? turns : lanes, dim_lo(dims, least), dim_hi(dims, most));
}

/* Of the accesses in the loop to one group. */
static bool group_is_apart(const Candidate *candidate, Operand group) {
  const CodeFacts *facts = candidate->facts;
  const Code      *code = facts->code;
  Footprint       *prints = arena_array(facts->arena, Footprint, facts->accesses.count);
  bool            *stored = arena_array(facts->arena, bool, facts->accesses.count);
  uint32_t         count = 0;
  for (uint32_t i = 0; i < facts->accesses.count; i++) {
    const AccessSite *site = &facts->accesses.data[i];
    if (!facts_inside(facts, candidate->loop, site->order) || group_of(code, site->operand) != group) continue;
    if (!footprint_of(candidate, site, &prints[count])) return false;
    stored[count++] = site->is_store;
  }
  for (uint32_t i = 0; i < count; i++)
    for (uint32_t k = 0; stored[i] && k < count; k++)
      if ((k >= i || !stored[k]) && !are_apart(candidate, &prints[i], &prints[k])) return false;
  return true;
}

bool iterations_are_apart(const Candidate *candidate) {
  const CodeFacts *facts = candidate->facts;
  const Code      *code = facts->code;
  bool            *proved = arena_array(facts->arena, bool, code->operands.count + 1u);
  for (uint32_t i = 0; i < facts->accesses.count; i++) {
    const AccessSite *site = &facts->accesses.data[i];
    if (!site->is_store || !facts_inside(facts, candidate->loop, site->order)) continue;
    if (!candidate_is_contiguous(candidate, site)) return false;
    Operand group = group_of(code, site->operand);
    if (!proved[group] && !group_is_apart(candidate, group)) return false;
    proved[group] = true;
  }
  return true;
}
