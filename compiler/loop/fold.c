/* Constant folding: the arithmetic of loop_ops.def on literals. Floats of 32 bits are computed in double and rounded once more, which is exact
 * for one operation (Figueroa 1995: 53 >= 2 * 24 + 2); fma is taken from the C library in the type itself. */
#include "fold.h"

#include <math.h>
#include <string.h>

static ExprNode constant_integer(Scalar scalar, int64_t value) {
  return (ExprNode){ .op = LOOP_CONSTANT, .scalar = (uint8_t)scalar, .lanes = 1, .integer = scalar_wrap(scalar, value) };
}

/* The node of a float result; false for NaN. */
static bool constant_float(Scalar scalar, double value, ExprNode *result) {
  if (scalar == SCALAR_F32) value = (double)(float)value;
  if (isnan(value)) return false;
  *result = (ExprNode){ .op = LOOP_CONSTANT, .scalar = (uint8_t)scalar, .lanes = 1, .number = value };
  return true;
}

static bool has_float_arithmetic(Scalar scalar) { return scalar == SCALAR_F32 || scalar == SCALAR_F64; }

static bool less(Scalar scalar, int64_t a, int64_t b) {
  return scalar_is_signed(scalar) ? a < b : (uint64_t)a < (uint64_t)b;
}

bool fold_comparison(LoopOp op, Scalar scalar, int64_t a, int64_t b) {
  switch (op) {
  case LOOP_EQ: return a == b;
  case LOOP_NE: return a != b;
  case LOOP_LT: return less(scalar, a, b);
  case LOOP_LE: return !less(scalar, b, a);
  case LOOP_GT: return less(scalar, b, a);
  default:      return !less(scalar, a, b);
  }
}

static int64_t divide(Scalar scalar, int64_t a, int64_t b) {
  if (b == 0) return 0;
  if (!scalar_is_signed(scalar)) return (int64_t)((uint64_t)a / (uint64_t)b);
  return b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
}

static int64_t shift(LoopOp op, Scalar scalar, int64_t a, int64_t b) {
  unsigned bits = scalar_bits(scalar);
  uint64_t count = scalar_is_signed(scalar) && bits < 64 ? (uint64_t)b & ((UINT64_C(1) << bits) - 1) : (uint64_t)b;
  if (op == LOOP_SHL) return count >= bits ? 0 : (int64_t)((uint64_t)a << count);
  if (!scalar_is_signed(scalar)) return count >= bits ? 0 : (int64_t)((uint64_t)a >> count);
  if (count >= bits) count = bits - 1;
  return a >= 0 ? (int64_t)((uint64_t)a >> count) : (int64_t)~(~(uint64_t)a >> count);
}

bool fold_integers(LoopOp op, Scalar scalar, int64_t a, int64_t b, int64_t *result) {
  uint64_t x = (uint64_t)a, y = (uint64_t)b;
  int64_t value;
  switch (op) {
  case LOOP_ADD: value = (int64_t)(x + y); break;
  case LOOP_SUB: value = (int64_t)(x - y); break;
  case LOOP_MUL: value = (int64_t)(x * y); break;
  case LOOP_DIV: value = divide(scalar, a, b); break;
  case LOOP_REM: value = (int64_t)(x - (uint64_t)divide(scalar, a, b) * y); break;
  case LOOP_MIN: value = less(scalar, a, b) ? a : b; break;
  case LOOP_MAX: value = less(scalar, b, a) ? a : b; break;
  case LOOP_AND: value = (int64_t)(x & y); break;
  case LOOP_OR:  value = (int64_t)(x | y); break;
  case LOOP_XOR: value = (int64_t)(x ^ y); break;
  case LOOP_SHL:
  case LOOP_SHR: value = shift(op, scalar, a, b); break;
  default: return false;
  }
  *result = scalar_wrap(scalar, value);
  return true;
}

static bool compare_floats(LoopOp op, double a, double b) {
  switch (op) {
  case LOOP_EQ: return a == b;
  case LOOP_NE: return a != b;
  case LOOP_LT: return a < b;
  case LOOP_LE: return a <= b;
  case LOOP_GT: return a > b;
  default:      return a >= b;
  }
}

static bool fold_floats(LoopOp op, Scalar scalar, double a, double b, ExprNode *result) {
  switch (op) {
  case LOOP_ADD: return constant_float(scalar, a + b, result);
  case LOOP_SUB: return constant_float(scalar, a - b, result);
  case LOOP_MUL: return constant_float(scalar, a * b, result);
  case LOOP_DIV: return constant_float(scalar, a / b, result);
  case LOOP_MIN: return constant_float(scalar, a < b ? a : b, result);
  case LOOP_MAX: return constant_float(scalar, a > b ? a : b, result);
  default: return false;
  }
}

bool fold_binary(LoopOp op, const ExprNode *a, const ExprNode *b, ExprNode *result) {
  Scalar scalar = (Scalar)a->scalar;
  if (scalar_is_float(scalar)) {
    if (!has_float_arithmetic(scalar)) return false;
    if (!loop_op_is_comparison(op)) return fold_floats(op, scalar, a->number, b->number, result);
    *result = constant_integer(SCALAR_I1, compare_floats(op, a->number, b->number));
    return true;
  }
  if (loop_op_is_comparison(op)) {
    *result = constant_integer(SCALAR_I1, fold_comparison(op, scalar, a->integer, b->integer));
    return true;
  }
  int64_t value;
  if (!fold_integers(op, scalar, a->integer, b->integer, &value)) return false;
  *result = constant_integer(scalar, value);
  return true;
}

static bool fold_float_unary(LoopOp op, Scalar scalar, double a, ExprNode *result) {
  switch (op) {
  case LOOP_NEG:   return constant_float(scalar, -a, result);
  case LOOP_ABS:   return constant_float(scalar, fabs(a), result);
  case LOOP_SQRT:  return constant_float(scalar, sqrt(a), result);
  case LOOP_FLOOR: return constant_float(scalar, floor(a), result);
  case LOOP_CEIL:  return constant_float(scalar, ceil(a), result);
  case LOOP_TRUNC: return constant_float(scalar, trunc(a), result);
  case LOOP_ROUND: return constant_float(scalar, nearbyint(a), result);
  default: return false;
  }
}

bool fold_unary(LoopOp op, const ExprNode *a, ExprNode *result) {
  Scalar scalar = (Scalar)a->scalar;
  if (scalar_is_float(scalar)) return has_float_arithmetic(scalar) && fold_float_unary(op, scalar, a->number, result);
  uint64_t bits = (uint64_t)a->integer;
  bool flip = (op == LOOP_ABS && scalar_is_signed(scalar) && a->integer < 0) || op == LOOP_NEG;
  if (op == LOOP_NOT) *result = constant_integer(scalar, scalar == SCALAR_I1 ? !a->integer : (int64_t)~bits);
  else if (op == LOOP_NEG || op == LOOP_ABS) *result = constant_integer(scalar, (int64_t)(flip ? 0 - bits : bits));
  else return false;
  return true;
}

bool fold_fma(const ExprNode *a, const ExprNode *b, const ExprNode *c, ExprNode *result) {
  if (a->scalar == SCALAR_F64) return constant_float(SCALAR_F64, fma(a->number, b->number, c->number), result);
  if (a->scalar != SCALAR_F32) return false;
  return constant_float(SCALAR_F32, (double)fmaf((float)a->number, (float)b->number, (float)c->number), result);
}

/* Towards zero, clamped to the type's range; NaN gives 0. */
static int64_t float_to_integer(Scalar to, double value) {
  unsigned bits = scalar_bits(to);
  if (isnan(value)) return 0;
  value = trunc(value);
  if (scalar_is_signed(to)) {
    double limit = ldexp(1.0, (int)bits - 1);
    if (value >= limit) return (int64_t)((UINT64_C(1) << (bits - 1)) - 1);
    if (value < -limit) return (int64_t)(0 - (UINT64_C(1) << (bits - 1)));
    return (int64_t)value;
  }
  if (value <= 0) return 0;
  if (value >= ldexp(1.0, (int)bits)) return (int64_t)(UINT64_MAX >> (64 - bits));
  return (int64_t)(uint64_t)value;
}

static double integer_to_float(Scalar from, Scalar to, int64_t value) {
  bool is_unsigned = from == SCALAR_U64;
  if (to == SCALAR_F32) return is_unsigned ? (double)(float)(uint64_t)value : (double)(float)value;
  return is_unsigned ? (double)(uint64_t)value : (double)value;
}

bool fold_cast(Scalar to, const ExprNode *a, ExprNode *result) {
  Scalar from = (Scalar)a->scalar;
  if (scalar_is_float(from) && !has_float_arithmetic(from)) return false;
  if (scalar_is_float(to) && !has_float_arithmetic(to)) return false;
  if (scalar_is_float(from)) {
    if (scalar_is_float(to)) return constant_float(to, a->number, result);
    *result = constant_integer(to, to == SCALAR_I1 ? a->number != 0 : float_to_integer(to, a->number));
    return true;
  }
  if (scalar_is_float(to)) return constant_float(to, integer_to_float(from, to, a->integer), result);
  *result = constant_integer(to, a->integer);
  return true;
}

bool fold_saturate(Scalar to, const ExprNode *a, ExprNode *result) {
  Scalar from = (Scalar)a->scalar;
  if (scalar_is_float(from) || scalar_is_float(to)) return false;
  unsigned bits = scalar_bits(to);
  bool negative = scalar_is_signed(from) && a->integer < 0;
  uint64_t top = scalar_is_signed(to) ? (UINT64_C(1) << (bits - 1)) - 1 : UINT64_MAX >> (64 - bits);
  int64_t value = a->integer;
  if (!negative && (uint64_t)value > top) value = (int64_t)top;
  if (negative && !scalar_is_signed(to)) value = 0;
  if (negative && scalar_is_signed(to) && value < -(int64_t)top - 1) value = -(int64_t)top - 1;
  *result = constant_integer(to, value);
  return true;
}

bool fold_bitcast(Scalar to, const ExprNode *a, ExprNode *result) {
  uint64_t bits = (uint64_t)a->integer;
  Scalar from = (Scalar)a->scalar;
  if (scalar_bits(from) != scalar_bits(to)) return false;
  if ((scalar_is_float(from) && !has_float_arithmetic(from)) || (scalar_is_float(to) && !has_float_arithmetic(to))) return false;
  if (scalar_is_float(from) && isnan(a->number)) return false;
  if (from == SCALAR_F64) memcpy(&bits, &a->number, sizeof bits);
  if (from == SCALAR_F32) {
    float number = (float)a->number;
    uint32_t word;
    memcpy(&word, &number, sizeof word);
    bits = word;
  }
  if (to == SCALAR_F64) {
    double number;
    memcpy(&number, &bits, sizeof number);
    return constant_float(to, number, result);
  }
  if (to == SCALAR_F32) {
    uint32_t word = (uint32_t)bits;
    float number;
    memcpy(&number, &word, sizeof number);
    return constant_float(to, (double)number, result);
  }
  *result = constant_integer(to, (int64_t)bits);
  return true;
}
