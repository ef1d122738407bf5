/* What values an expression can have, as far as loops, dimensions, constants and types tell; of a vector, in any of its lanes.
 *
 * The program's integers wrap and its conversions saturate; C's signed arithmetic and casts do neither. Where a range proves that nothing can
 * overflow, the plain C operator is printed, which reads better and vectorises better; elsewhere a form with the program's rule.
 *
 * Index arithmetic on loop variables, dimensions and constants addresses memory, so it cannot overflow whatever the ranges say: only what comes
 * from data (a cast to index, or a variable in a code that has such a cast) is tracked. Open dimensions count as LARGEST_DIM. */
#include "c_emit.h"

#include <math.h>

#include "compiler/base/checked.h"

#define LARGEST_DIM (INT64_C(1) << 40)

static ValueRange integers(int64_t lo, int64_t hi) { return (ValueRange){.lo = lo, .hi = hi, .low = (double)lo, .high = (double)hi}; }
static ValueRange floats(double low, double high, bool nan) {
  return (ValueRange){.lo = INT64_MIN, .hi = INT64_MAX, .low = low, .high = high, .nan = nan};
}

ValueRange c_range_full(const Emitter *e, Scalar scalar) {
  if (scalar_is_float(scalar)) return floats(-INFINITY, INFINITY, true);
  if (scalar == SCALAR_I1) return integers(0, 1);
  unsigned bits = c_bits(e, scalar);
  if (bits == 64) return integers(INT64_MIN, INT64_MAX); /* u64 too: as far as ranges go it is only known to be something */
  return scalar_is_signed(scalar) ? integers(-(INT64_C(1) << (bits - 1)), (INT64_C(1) << (bits - 1)) - 1) : integers(0, (INT64_C(1) << bits) - 1);
}

bool c_range_fits(const Emitter *e, ValueRange range, Scalar from, Scalar to) {
  ValueRange full = c_range_full(e, to);
  if (scalar_is_float(from)) {
    double above = c_bits(e, to) == 64 ? 0x1p63 : (double)full.hi + 1; /* truncation takes values below it to the maximum at most */
    return to != SCALAR_U64 && !range.nan && range.low >= full.low && range.high < above;
  }
  if (from == SCALAR_U64) return to == SCALAR_U64;
  if (to == SCALAR_U64) return range.lo >= 0;
  return range.lo >= full.lo && range.hi <= full.hi;
}

static ValueRange corners(const Emitter *e, Scalar scalar, ValueRange a, ValueRange b, bool (*combine)(int64_t, int64_t, int64_t *)) {
  int64_t c[4];
  bool    fits = combine(a.lo, b.lo, &c[0]) && combine(a.lo, b.hi, &c[1]) && combine(a.hi, b.lo, &c[2]) && combine(a.hi, b.hi, &c[3]);
  if (!fits) return c_range_full(e, scalar);
  int64_t lo = c[0], hi = c[0];
  for (int i = 1; i < 4; i++) {
    if (c[i] < lo) lo = c[i];
    if (c[i] > hi) hi = c[i];
  }
  ValueRange full = c_range_full(e, scalar);
  return lo < full.lo || hi > full.hi ? full : integers(lo, hi);
}

/* What b holds while a > b ? a : b (or <) picks one of them; NaN in a picks b, NaN in b is b. */
static ValueRange choose(ValueRange a, ValueRange b, bool largest, bool is_float) {
  if (!is_float) {
    if (largest) return integers(a.lo > b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi);
    return integers(a.lo < b.lo ? a.lo : b.lo, a.hi < b.hi ? a.hi : b.hi);
  }
  double low = largest ? fmax(a.low, b.low) : fmin(a.low, b.low), high = largest ? fmax(a.high, b.high) : fmin(a.high, b.high);
  if (a.nan) { /* then the result is b, anywhere in its range */
    low = fmin(low, b.low);
    high = fmax(high, b.high);
  }
  return floats(low, high, b.nan);
}

static ValueRange divided(const Emitter *e, Scalar scalar, ValueRange a, ValueRange b, LoopOp op) {
  if (b.lo <= 0 || scalar == SCALAR_U64) return c_range_full(e, scalar);
  if (op == LOOP_REM) return integers(a.lo >= 0 ? 0 : -(b.hi - 1), a.hi <= 0 ? 0 : (b.hi - 1 < a.hi ? b.hi - 1 : a.hi));
  int64_t lo = a.lo >= 0 ? a.lo / b.hi : a.lo / b.lo, hi = a.hi >= 0 ? a.hi / b.lo : a.hi / b.hi;
  return integers(lo, hi);
}

static ValueRange shifted(const Emitter *e, Scalar scalar, ValueRange a, ValueRange b, LoopOp op) {
  bool constant = b.lo == b.hi && b.lo >= 0 && b.lo < (int64_t)c_bits(e, scalar);
  if (!constant || scalar == SCALAR_U64 || op != LOOP_SHR) return c_range_full(e, scalar);
  return integers(a.lo >> b.lo, a.hi >> b.lo);
}

static ValueRange bit_and(const Emitter *e, Scalar scalar, ValueRange a, ValueRange b) {
  if (scalar == SCALAR_U64 || (a.lo < 0 && b.lo < 0)) return c_range_full(e, scalar);
  int64_t hi = a.lo < 0 ? b.hi : b.lo < 0 ? a.hi : a.hi < b.hi ? a.hi : b.hi;
  return integers(0, hi);
}

static ValueRange binary_integers(Emitter *e, const ExprNode *node, ValueRange a, ValueRange b) {
  Scalar scalar = (Scalar)node->scalar;
  if (scalar == SCALAR_U64 && node->op != LOOP_MIN && node->op != LOOP_MAX) return c_range_full(e, scalar);
  switch (node->op) {
  case LOOP_ADD: return corners(e, scalar, a, b, checked_add_i64);
  case LOOP_SUB: return corners(e, scalar, a, b, checked_sub_i64);
  case LOOP_MUL: return corners(e, scalar, a, b, checked_mul_i64);
  case LOOP_DIV:
  case LOOP_REM: return divided(e, scalar, a, b, (LoopOp)node->op);
  case LOOP_SHL:
  case LOOP_SHR: return shifted(e, scalar, a, b, (LoopOp)node->op);
  case LOOP_AND: return bit_and(e, scalar, a, b);
  case LOOP_MIN:
  case LOOP_MAX: return scalar == SCALAR_U64 ? c_range_full(e, scalar) : choose(a, b, node->op == LOOP_MAX, false);
  default: return c_range_full(e, scalar);
  }
}

/* Floats: only what clamps and rounds is followed; arithmetic loses the range. */
static ValueRange of_floats(Emitter *e, const ExprNode *node) {
  Scalar scalar = (Scalar)node->scalar;
  if (node->op == LOOP_CONSTANT) return floats(isnan(node->number) ? 0 : node->number, isnan(node->number) ? 0 : node->number, isnan(node->number));
  if (node->op == LOOP_BROADCAST || node->op == LOOP_EXTRACT) return c_range(e, node->operand[0]);
  if (node->op == LOOP_MIN || node->op == LOOP_MAX)
    return choose(c_range(e, node->operand[0]), c_range(e, node->operand[1]), node->op == LOOP_MAX, true);
  if (node->op == LOOP_FLOOR || node->op == LOOP_CEIL || node->op == LOOP_TRUNC || node->op == LOOP_ROUND) {
    ValueRange a = c_range(e, node->operand[0]);
    return floats(floor(a.low), ceil(a.high), a.nan);
  }
  return c_range_full(e, scalar);
}

static ValueRange of_cast(Emitter *e, const ExprNode *node) {
  Scalar     to = (Scalar)node->scalar, from = (Scalar)expr_at(e->now.code, node->operand[0])->scalar;
  ValueRange a = c_range(e, node->operand[0]), full = c_range_full(e, to);
  if (scalar_is_float(to)) { /* conversions round to nearest, so whole bounds that are representable stay bounds */
    if (scalar_is_float(from) || from == SCALAR_U64) return full;
    return a.lo > -(INT64_C(1) << 24) && a.hi < (INT64_C(1) << 24) ? floats((double)a.lo, (double)a.hi, false) : full;
  }
  if (to == SCALAR_I1 || !c_range_fits(e, a, from, to)) return full;
  if (scalar_is_float(from)) return c_bits(e, to) == 64 ? full : integers((int64_t)floor(a.low), (int64_t)ceil(a.high));
  return to == SCALAR_U64 ? full : a;
}

static ValueRange of_dim(const Emitter *e, Dim dim) {
  int64_t lo = dim_lo(e->program->dims, dim), hi = dim_hi(e->program->dims, dim);
  int64_t largest = e->target->index_bits == 32 ? INT32_MAX : LARGEST_DIM;
  return integers(lo < -largest ? -largest : lo, hi > largest ? largest : hi);
}

static ValueRange of_integers(Emitter *e, const ExprNode *node) {
  Scalar scalar = (Scalar)node->scalar;
  switch (node->op) {
  case LOOP_CONSTANT: return scalar == SCALAR_U64 && node->integer < 0 ? c_range_full(e, scalar) : integers(node->integer, node->integer);
  case LOOP_DIM: return of_dim(e, (Dim)node->integer);
  case LOOP_LANES: return integers(0, node->lanes - 1);
  case LOOP_BROADCAST:
  case LOOP_EXTRACT: return c_range(e, node->operand[0]);
  case LOOP_CAST:
  case LOOP_SATURATE: return of_cast(e, node);
  case LOOP_SELECT: {
    ValueRange a = c_range(e, node->operand[1]), b = c_range(e, node->operand[2]);
    return integers(a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi);
  }
  case LOOP_ADD:
  case LOOP_SUB:
  case LOOP_MUL:
  case LOOP_DIV:
  case LOOP_REM:
  case LOOP_SHL:
  case LOOP_SHR:
  case LOOP_AND:
  case LOOP_MIN:
  case LOOP_MAX:
    return scalar == SCALAR_I1 ? c_range_full(e, scalar) : binary_integers(e, node, c_range(e, node->operand[0]), c_range(e, node->operand[1]));
  default: return c_range_full(e, scalar);
  }
}

ValueRange c_range(Emitter *e, Expr expr) {
  const ExprNode *node = expr_at(e->now.code, expr);
  if (node->op == LOOP_SLOT) return e->now.slot_ranges[node->operand[0]];
  if (e->now.expr_known[expr]) return e->now.expr_ranges[expr];
  ValueRange range = scalar_is_float((Scalar)node->scalar) ? of_floats(e, node) : of_integers(e, node);
  e->now.expr_ranges[expr] = range;
  e->now.expr_known[expr] = true;
  return range;
}

void c_range_let(Emitter *e, Slot slot, ValueRange range) { e->now.slot_ranges[slot] = range; }
