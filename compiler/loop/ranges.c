/* What is known of the values of integer expressions, from the bounds of loops and the ranges of dimensions.
 *
 * Two methods, whose results are intersected: intervals of numbers, bottom up; and for sums the ends as dimension expressions, so that
 * i < N is seen for `for i in 0..N` though N is open. Index arithmetic does not overflow (a program where it did would be out of bounds). */
#include "affine.h"

#include "compiler/base/checked.h"

#include <limits.h>

static const SlotRange anything = { INT64_MIN, INT64_MAX, DIM_UNKNOWN, DIM_UNKNOWN };

/* ---- numbers, INT64_MIN and INT64_MAX standing for open ends ---- */

static bool is_open(int64_t value) { return value == INT64_MIN || value == INT64_MAX; }

static int64_t add_ends(int64_t a, int64_t b, int64_t open) {
  int64_t sum;
  if (is_open(a) || is_open(b) || !checked_add_i64(a, b, &sum)) return open;
  return sum;
}

static int64_t negate_end(int64_t a) { return a == INT64_MIN ? INT64_MAX : a == INT64_MAX ? INT64_MIN : -a; }

static int64_t multiply_ends(int64_t a, int64_t b) {
  int64_t product;
  if (a == 0 || b == 0) return 0;
  bool negative = (a < 0) != (b < 0);
  if (is_open(a) || is_open(b) || !checked_mul_i64(a, b, &product)) return negative ? INT64_MIN : INT64_MAX;
  return product;
}

static int64_t least_of(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most_of(int64_t a, int64_t b) { return a > b ? a : b; }

static SlotRange interval(int64_t lo, int64_t hi) { return (SlotRange){ lo, hi, DIM_UNKNOWN, DIM_UNKNOWN }; }

/* All values of a type. */
static SlotRange type_range(Scalar scalar) {
  if (scalar == SCALAR_I1) return interval(0, 1);
  if (scalar_is_float(scalar) || scalar_bits(scalar) == 64) return anything;
  int64_t span = INT64_C(1) << (scalar_bits(scalar) - (scalar_is_signed(scalar) ? 1 : 0));
  return interval(scalar_is_signed(scalar) ? -span : 0, span - 1);
}

static SlotRange multiply(SlotRange a, SlotRange b) {
  int64_t ends[4] = { multiply_ends(a.lo, b.lo), multiply_ends(a.lo, b.hi), multiply_ends(a.hi, b.lo), multiply_ends(a.hi, b.hi) };
  SlotRange result = interval(ends[0], ends[0]);
  for (int i = 1; i < 4; i++) result = interval(least_of(result.lo, ends[i]), most_of(result.hi, ends[i]));
  return result;
}

/* Of a >= 0 and b > 0; an open end of b says nothing but 0. */
static SlotRange divide(SlotRange a, SlotRange b) {
  if (a.lo < 0 || b.lo <= 0) return anything;
  return interval(is_open(b.hi) ? 0 : a.lo / b.hi, is_open(a.hi) ? a.hi : a.hi / b.lo);
}

static SlotRange remainder_of(SlotRange a, SlotRange b) {
  if (a.lo < 0 || b.lo <= 0) return anything;
  if (a.hi < b.lo) return a;
  return interval(0, least_of(a.hi, is_open(b.hi) ? b.hi : b.hi - 1));
}

static SlotRange binary_interval(LoopOp op, SlotRange a, SlotRange b) {
  switch (op) {
  case LOOP_ADD: return interval(add_ends(a.lo, b.lo, INT64_MIN), add_ends(a.hi, b.hi, INT64_MAX));
  case LOOP_SUB: return interval(add_ends(a.lo, negate_end(b.hi), INT64_MIN), add_ends(a.hi, negate_end(b.lo), INT64_MAX));
  case LOOP_MUL: return multiply(a, b);
  case LOOP_DIV: return divide(a, b);
  case LOOP_REM: return remainder_of(a, b);
  case LOOP_MIN: return interval(least_of(a.lo, b.lo), least_of(a.hi, b.hi));
  case LOOP_MAX: return interval(most_of(a.lo, b.lo), most_of(a.hi, b.hi));
  case LOOP_AND: return a.lo >= 0 && b.lo >= 0 ? interval(0, least_of(a.hi, b.hi)) : anything;
  default: return anything;
  }
}

/* ---- expressions ---- */

static SlotRange slot_range(const Ranges *ranges, Slot slot) {
  if (slot < ranges->slots.count) return ranges->slots.data[slot];
  return type_range(ranges->code->slots.data[slot].scalar);
}

static SlotRange interval_of(const Ranges *ranges, Expr expr);

/* The interval of an operation before its type wraps it. */
static SlotRange operation_interval(const Ranges *ranges, const ExprNode *node) {
  SlotRange a = interval_of(ranges, node->operand[0]);
  switch ((LoopOp)node->op) {
  case LOOP_NEG: return interval(negate_end(a.hi), negate_end(a.lo));
  case LOOP_ABS: return a.lo >= 0 ? interval(a.lo, a.hi) : interval(0, most_of(negate_end(a.lo), a.hi));
  case LOOP_CAST: return interval(a.lo, a.hi);
  case LOOP_SELECT: {
    SlotRange b = interval_of(ranges, node->operand[1]), c = interval_of(ranges, node->operand[2]);
    return interval(least_of(b.lo, c.lo), most_of(b.hi, c.hi));
  }
  default: break;
  }
  return loop_op_operands((LoopOp)node->op) == 2 ? binary_interval((LoopOp)node->op, a, interval_of(ranges, node->operand[1])) : anything;
}

/* u64 and i64 are ordered differently from 2^63 on, so nothing is said of u64. */
static bool touches_u64(const Ranges *ranges, const ExprNode *node) {
  return node->scalar == SCALAR_U64 || expr_at(ranges->code, node->operand[0])->scalar == SCALAR_U64;
}

static SlotRange interval_of(const Ranges *ranges, Expr expr) {
  const ExprNode *node = expr_at(ranges->code, expr);
  Scalar scalar = (Scalar)node->scalar;
  SlotRange type = type_range(scalar);
  if (scalar_is_float(scalar)) return anything;
  switch ((LoopOp)node->op) {
  case LOOP_CONSTANT: return scalar == SCALAR_U64 ? anything : interval(node->integer, node->integer);
  case LOOP_LANES:    return interval(0, node->lanes - 1);
  case LOOP_BROADCAST:
  case LOOP_EXTRACT:  return interval_of(ranges, node->operand[0]);
  case LOOP_DIM:      return interval(dim_lo(ranges->dims, (Dim)node->integer), dim_hi(ranges->dims, (Dim)node->integer));
  case LOOP_SLOT:     return slot_range(ranges, node->operand[0]);
  case LOOP_LOAD:
  case LOOP_CALL:
  case LOOP_BITCAST:
  case LOOP_SATURATE: return type;
  default: break;
  }
  if (scalar == SCALAR_I1 || touches_u64(ranges, node)) return type;
  SlotRange result = operation_interval(ranges, node);
  if (scalar == SCALAR_INDEX) return result;
  bool fits = result.lo >= type.lo && result.hi <= type.hi && !is_open(result.lo) && !is_open(result.hi);
  return fits ? result : type;
}

/* ---- ends as dimension expressions ---- */

enum {
  LARGEST_END_BITS = 40,   /* larger numbers are not made dimensions, so that sums of them do not overflow */
  CHOICES_REPLACED = 4     /* min and max inside one another that a comparison looks into */
};

static Dim bound_of(const Ranges *ranges, Expr expr, bool upper);

static Dim number_bound(const Ranges *ranges, SlotRange range, bool upper) {
  int64_t value = upper ? range.hi : range.lo, limit = INT64_C(1) << LARGEST_END_BITS;
  return value > -limit && value < limit ? dim_constant(ranges->dims, value) : DIM_UNKNOWN;
}

/* The end of min(a, b) or max(a, b). One end is enough where the operation only moves it inwards. */
static Dim choice_bound(const Ranges *ranges, const ExprNode *node, bool upper) {
  Dim a = bound_of(ranges, node->operand[0], upper), b = bound_of(ranges, node->operand[1], upper);
  bool one_is_enough = (node->op == LOOP_MIN) == upper;
  if (a == DIM_UNKNOWN || b == DIM_UNKNOWN) return one_is_enough ? (a == DIM_UNKNOWN ? b : a) : DIM_UNKNOWN;
  return node->op == LOOP_MIN ? dim_min(ranges->dims, a, b) : dim_max(ranges->dims, a, b);
}

/* The end of a / b or a % b for a >= 0 and a dimension b > 0. */
static Dim quotient_bound(const Ranges *ranges, const ExprNode *node, bool upper) {
  DimTable *dims = ranges->dims;
  const ExprNode *divisor = expr_at(ranges->code, node->operand[1]);
  Dim by;
  if (divisor->op == LOOP_DIM) by = (Dim)divisor->integer;
  else if (divisor->op == LOOP_CONSTANT) by = dim_constant(dims, divisor->integer);
  else return DIM_UNKNOWN;
  if (interval_of(ranges, node->operand[0]).lo < 0 || dim_lo(dims, by) <= 0) return DIM_UNKNOWN;
  if (node->op == LOOP_REM) return upper ? dim_sub(dims, by, dim_constant(dims, 1)) : dim_constant(dims, 0);
  Dim a = bound_of(ranges, node->operand[0], upper);
  return a == DIM_UNKNOWN ? DIM_UNKNOWN : dim_floordiv(dims, a, by);
}

static Dim term_bound(const Ranges *ranges, const AffineTerm *term, bool upper) {
  if (term->slot) {
    SlotRange range = slot_range(ranges, term->slot);
    Dim end = upper ? range.most : range.least;
    return end != DIM_UNKNOWN ? end : number_bound(ranges, range, upper);
  }
  const ExprNode *node = expr_at(ranges->code, term->atom);
  Dim end = DIM_UNKNOWN;
  if (node->op == LOOP_MIN || node->op == LOOP_MAX) end = choice_bound(ranges, node, upper);
  if (node->op == LOOP_DIV || node->op == LOOP_REM) end = quotient_bound(ranges, node, upper);
  return end != DIM_UNKNOWN ? end : number_bound(ranges, interval_of(ranges, term->atom), upper);
}

Dim range_end(const Ranges *ranges, const Affine *form, bool upper) {
  DimTable *dims = ranges->dims;
  Dim sum = form->constant;
  for (uint32_t i = 0; i < form->count; i++) {
    Dim coefficient = form->terms[i].coefficient;
    bool positive = dim_lo(dims, coefficient) >= 0;
    if (!positive && dim_hi(dims, coefficient) > 0) return DIM_UNKNOWN;
    Dim end = term_bound(ranges, &form->terms[i], positive ? upper : !upper);
    if (end == DIM_UNKNOWN) return DIM_UNKNOWN;
    sum = dim_add(dims, sum, dim_mul(dims, coefficient, end));
  }
  return sum;
}

/* The end of a sum as a number. A term min(a, b) or max(a, b) is replaced by a and by b in turn, so that what they share with the rest of the sum
 * cancels: min(i + 14, M) - M is at most 0. `choices` bounds the replacements inside one another. */
static int64_t number_of(const Ranges *ranges, const Affine *form, bool upper, int choices) {
  DimTable *dims = ranges->dims;
  Dim bound = range_end(ranges, form, upper);
  int64_t end = upper ? INT64_MAX : INT64_MIN;
  if (bound != DIM_UNKNOWN) end = upper ? dim_hi(dims, bound) : dim_lo(dims, bound);
  for (uint32_t i = 0; choices > 0 && i < form->count; i++) {
    const AffineTerm *term = &form->terms[i];
    const ExprNode *node = term->slot ? NULL : expr_at(ranges->code, term->atom);
    if (!node || (node->op != LOOP_MIN && node->op != LOOP_MAX)) continue;
    bool positive = dim_lo(dims, term->coefficient) >= 0, any = (node->op == LOOP_MIN) == (upper == positive);
    if (!positive && dim_hi(dims, term->coefficient) > 0) continue;
    int64_t ends[2];
    for (int side = 0; side < 2; side++) {
      Affine other = *form, operand;
      other.terms[i] = other.terms[--other.count];
      affine_of(dims, ranges->code, NULL, node->operand[side], &operand);
      bool fits = affine_add(dims, ranges->code, &other, &operand, term->coefficient);
      ends[side] = fits ? number_of(ranges, &other, upper, choices - 1) : upper ? INT64_MAX : INT64_MIN;
    }
    int64_t choice = upper == any ? least_of(ends[0], ends[1]) : most_of(ends[0], ends[1]);
    end = upper ? least_of(end, choice) : most_of(end, choice);
  }
  return end;
}

static Dim bound_of(const Ranges *ranges, Expr expr, bool upper) {
  Affine form;
  affine_of(ranges->dims, ranges->code, NULL, expr, &form);
  return range_end(ranges, &form, upper);
}

/* ---- questions ---- */

SlotRange range_of(const Ranges *ranges, Expr expr) {
  SlotRange range = interval_of(ranges, expr);
  if (expr_at(ranges->code, expr)->scalar != SCALAR_INDEX) return range;
  range.least = bound_of(ranges, expr, false);
  range.most = bound_of(ranges, expr, true);
  if (range.least != DIM_UNKNOWN) range.lo = most_of(range.lo, dim_lo(ranges->dims, range.least));
  if (range.most != DIM_UNKNOWN) range.hi = least_of(range.hi, dim_hi(ranges->dims, range.most));
  return range;
}

/* What the range of a - b says of a op b. */
static int decide(LoopOp op, int64_t lo, int64_t hi) {
  switch (op) {
  case LOOP_EQ: return lo == 0 && hi == 0 ? 1 : lo > 0 || hi < 0 ? 0 : -1;
  case LOOP_NE: return lo == 0 && hi == 0 ? 0 : lo > 0 || hi < 0 ? 1 : -1;
  case LOOP_LT: return hi < 0 ? 1 : lo >= 0 ? 0 : -1;
  case LOOP_LE: return hi <= 0 ? 1 : lo > 0 ? 0 : -1;
  case LOOP_GT: return lo > 0 ? 1 : hi <= 0 ? 0 : -1;
  case LOOP_GE: return lo >= 0 ? 1 : hi < 0 ? 0 : -1;
  default: return -1;
  }
}

int range_compares(const Ranges *ranges, LoopOp op, Expr a, Expr b) {
  SlotRange x = interval_of(ranges, a), y = interval_of(ranges, b);
  SlotRange difference = binary_interval(LOOP_SUB, x, y);
  if (expr_at(ranges->code, a)->scalar == SCALAR_INDEX) {
    DimTable *dims = ranges->dims;
    Affine left, right;
    affine_of(dims, ranges->code, NULL, a, &left);
    affine_of(dims, ranges->code, NULL, b, &right);
    if (affine_add(dims, ranges->code, &left, &right, dim_constant(dims, -1))) {
      difference.lo = most_of(difference.lo, number_of(ranges, &left, false, CHOICES_REPLACED));
      difference.hi = least_of(difference.hi, number_of(ranges, &left, true, CHOICES_REPLACED));
    }
  }
  return decide(op, difference.lo, difference.hi);
}

int range_decides(const Ranges *ranges, Expr condition) {
  const ExprNode *node = expr_at(ranges->code, condition);
  if (node->op == LOOP_CONSTANT) return node->integer != 0;
  if (node->op == LOOP_NOT) {
    int inner = range_decides(ranges, node->operand[0]);
    return inner < 0 ? -1 : !inner;
  }
  if (node->op == LOOP_AND || node->op == LOOP_OR) {
    int a = range_decides(ranges, node->operand[0]), b = range_decides(ranges, node->operand[1]), wins = node->op == LOOP_OR;
    if (a == wins || b == wins) return wins;
    return a < 0 || b < 0 ? -1 : !wins;
  }
  if (!loop_op_is_comparison((LoopOp)node->op)) return -1;
  Scalar scalar = (Scalar)expr_at(ranges->code, node->operand[0])->scalar;
  if (!scalar_is_integer(scalar) || scalar == SCALAR_U64) return -1;
  return range_compares(ranges, (LoopOp)node->op, node->operand[0], node->operand[1]);
}

/* ---- slots ---- */

void ranges_open(Ranges *ranges, Arena *arena, DimTable *dims, const Code *code) {
  *ranges = (Ranges){ .dims = dims, .arena = arena, .code = code };
}

void ranges_set(Ranges *ranges, Slot slot, SlotRange range) {
  while (ranges->slots.count <= slot) {
    SlotRange unknown = type_range(ranges->code->slots.data[ranges->slots.count].scalar);
    vector_push(ranges->arena, &ranges->slots, unknown);
  }
  ranges->slots.data[slot] = range;
}

void ranges_set_loop(Ranges *ranges, Slot slot, Expr lo, Expr hi) {
  SlotRange first = range_of(ranges, lo), end = range_of(ranges, hi);
  SlotRange range = { first.lo, add_ends(end.hi, -1, INT64_MAX), first.least, DIM_UNKNOWN };
  if (end.most != DIM_UNKNOWN) range.most = dim_sub(ranges->dims, end.most, dim_constant(ranges->dims, 1));
  if (range.hi < range.lo) range.hi = range.lo;
  ranges_set(ranges, slot, range);
}

void ranges_set_let(Ranges *ranges, Slot slot, Expr value) { ranges_set(ranges, slot, range_of(ranges, value)); }
