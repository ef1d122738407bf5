#include "tests/operations/meaning.h"

__extension__ typedef __int128 Wide;
__extension__ typedef unsigned __int128 UnsignedWide;

/* ---- float types ------------------------------------------------------------------------------------------------------------ */

typedef struct Format { int digits, exponent_bits; } Format; /* digits: with the hidden one */

static Format format_of(Scalar scalar) {
  switch (scalar) {
  case SCALAR_F16: return (Format){11, 5};
  case SCALAR_BF16: return (Format){8, 8};
  case SCALAR_F32: return (Format){24, 8};
  default: return (Format){53, 11};
  }
}

static uint64_t sign_bit(Scalar scalar) { return UINT64_C(1) << (scalar_bits(scalar) - 1); }
static uint64_t infinity(Scalar scalar) {
  Format format = format_of(scalar);
  return ((UINT64_C(1) << format.exponent_bits) - 1) << (format.digits - 1);
}
static uint64_t quiet_nan(Scalar scalar) { return infinity(scalar) | UINT64_C(1) << (format_of(scalar).digits - 2); }

bool meaning_is_nan(Scalar scalar, uint64_t bits) { return scalar_is_float(scalar) && (bits & ~sign_bit(scalar)) > infinity(scalar); }

/* A finite number: significand * 2^exponent. */
typedef struct Real { bool negative; UnsignedWide significand; int exponent; } Real;

static bool is_infinite(Scalar scalar, uint64_t bits) { return (bits & ~sign_bit(scalar)) == infinity(scalar); }
static bool is_zero(Scalar scalar, uint64_t bits) { return (bits & ~sign_bit(scalar)) == 0; }
static bool is_negative(Scalar scalar, uint64_t bits) { return (bits & sign_bit(scalar)) != 0; }

static Real real_of(Scalar scalar, uint64_t bits) {
  Format   format = format_of(scalar);
  uint64_t size = bits & ~sign_bit(scalar), hidden = UINT64_C(1) << (format.digits - 1);
  int      exponent = (int)(size >> (format.digits - 1)), bias = (1 << (format.exponent_bits - 1)) - 1 + format.digits - 1;
  uint64_t significand = exponent ? (size & (hidden - 1)) | hidden : size;
  return (Real){is_negative(scalar, bits), significand, (exponent ? exponent : 1) - bias};
}

static int width_of(UnsignedWide number) {
  int width = 0;
  for (; number; number >>= 1) width++;
  return width;
}

/* Shifted right; what falls out leaves a one in the last place. */
static UnsignedWide shift_sticky(UnsignedWide number, int places) {
  if (places <= 0) return number;
  if (places > 127) return number != 0;
  return number >> places | ((number & (((UnsignedWide)1 << places) - 1)) != 0);
}

/* The nearest number of the type, ties to even; a significand of up to 127 bits, whose last may be sticky. */
static uint64_t rounded(Scalar scalar, Real real) {
  Format   format = format_of(scalar);
  uint64_t sign = real.negative ? sign_bit(scalar) : 0;
  int      bias = (1 << (format.exponent_bits - 1)) - 1 + format.digits - 1, least = 1 - bias;
  if (!real.significand) return sign;
  int          exponent = real.exponent + width_of(real.significand) - format.digits; /* of the result's last place */
  if (exponent < least) exponent = least;
  int          places = exponent - real.exponent;
  UnsignedWide with_two_more = places >= 2 ? shift_sticky(real.significand, places - 2) : real.significand << (2 - places);
  uint64_t     whole = (uint64_t)(with_two_more >> 2), rest = (uint64_t)(with_two_more & 3);
  whole += rest > 2 || (rest == 2 && (whole & 1));
  if (whole >> format.digits) whole >>= 1, exponent++;
  if (!(whole >> (format.digits - 1))) return sign | whole; /* subnormal */
  if (exponent + bias >= (1 << format.exponent_bits) - 1) return sign | infinity(scalar);
  return sign | ((uint64_t)(exponent + bias) << (format.digits - 1)) | (whole & ((UINT64_C(1) << (format.digits - 1)) - 1));
}

/* ---- float arithmetic ------------------------------------------------------------------------------------------------------- */

/* The sum of two finite numbers, not both zero, whose significands have at most 106 bits; with a sticky last bit. */
static Real add_reals(Real a, Real b) {
  if (!a.significand) return b;
  if (!b.significand) return a;
  int a_up = 125 - width_of(a.significand), b_up = 125 - width_of(b.significand);
  a.significand <<= a_up, a.exponent -= a_up;
  b.significand <<= b_up, b.exponent -= b_up;
  if (a.exponent < b.exponent || (a.exponent == b.exponent && a.significand < b.significand)) {
    Real swap = a;
    a = b, b = swap;
  }
  b.significand = shift_sticky(b.significand, a.exponent - b.exponent);
  a.significand = a.negative == b.negative ? a.significand + b.significand : a.significand - b.significand;
  return a;
}

static uint64_t add(Scalar scalar, uint64_t a, uint64_t b) {
  if (meaning_is_nan(scalar, a) || meaning_is_nan(scalar, b)) return quiet_nan(scalar);
  if (is_infinite(scalar, a)) return is_infinite(scalar, b) && a != b ? quiet_nan(scalar) : a;
  if (is_infinite(scalar, b)) return b;
  if (is_zero(scalar, a) && is_zero(scalar, b)) return a & b;
  Real sum = add_reals(real_of(scalar, a), real_of(scalar, b));
  return sum.significand ? rounded(scalar, sum) : 0;
}

static Real multiply_reals(Real a, Real b) {
  return (Real){a.negative != b.negative, a.significand * b.significand, a.exponent + b.exponent};
}

static uint64_t multiply(Scalar scalar, uint64_t a, uint64_t b) {
  uint64_t sign = (a ^ b) & sign_bit(scalar);
  bool     infinite = is_infinite(scalar, a) || is_infinite(scalar, b), zero = is_zero(scalar, a) || is_zero(scalar, b);
  if (meaning_is_nan(scalar, a) || meaning_is_nan(scalar, b) || (infinite && zero)) return quiet_nan(scalar);
  if (infinite) return sign | infinity(scalar);
  return rounded(scalar, multiply_reals(real_of(scalar, a), real_of(scalar, b)));
}

static uint64_t multiply_add(Scalar scalar, uint64_t a, uint64_t b, uint64_t c) {
  uint64_t product = multiply(scalar, a, b); /* of the right sign, and right where it is no finite number but by overflow */
  bool     finite = !is_infinite(scalar, a) && !is_infinite(scalar, b) && !is_infinite(scalar, c);
  if (meaning_is_nan(scalar, product) || meaning_is_nan(scalar, c) || !finite) {
    if (!meaning_is_nan(scalar, product) && is_infinite(scalar, c) && !is_infinite(scalar, a) && !is_infinite(scalar, b)) return c;
    return add(scalar, product, c);
  }
  if (is_zero(scalar, a) || is_zero(scalar, b)) return is_zero(scalar, c) ? product & c : c;
  Real sum = add_reals(multiply_reals(real_of(scalar, a), real_of(scalar, b)), real_of(scalar, c));
  return sum.significand ? rounded(scalar, sum) : 0;
}

static uint64_t divide(Scalar scalar, uint64_t a, uint64_t b) {
  uint64_t sign = (a ^ b) & sign_bit(scalar);
  bool     a_infinite = is_infinite(scalar, a), b_infinite = is_infinite(scalar, b), a_zero = is_zero(scalar, a), b_zero = is_zero(scalar, b);
  if (meaning_is_nan(scalar, a) || meaning_is_nan(scalar, b) || (a_infinite && b_infinite) || (a_zero && b_zero)) return quiet_nan(scalar);
  if (a_infinite || b_zero) return sign | infinity(scalar);
  if (a_zero || b_infinite) return sign;
  Real x = real_of(scalar, a), y = real_of(scalar, b);
  int  up = 126 - width_of(x.significand);
  x.significand <<= up;
  UnsignedWide quotient = x.significand / y.significand;
  return rounded(scalar, (Real){sign != 0, quotient | (x.significand % y.significand != 0), x.exponent - up - y.exponent});
}

static uint64_t square_root(Scalar scalar, uint64_t a) {
  if (meaning_is_nan(scalar, a) || is_zero(scalar, a)) return a;
  if (is_negative(scalar, a)) return quiet_nan(scalar);
  if (is_infinite(scalar, a)) return a;
  Real x = real_of(scalar, a);
  int  up = 124 - width_of(x.significand);
  if ((x.exponent - up) % 2) up--;
  x.significand <<= up;
  UnsignedWide root = 0;
  for (UnsignedWide bit = (UnsignedWide)1 << 62; bit; bit >>= 1)
    if ((root | bit) * (root | bit) <= x.significand) root |= bit;
  return rounded(scalar, (Real){false, root << 1 | (root * root != x.significand), (x.exponent - up) / 2 - 1});
}

/* floor, ceil, trunc, round. */
static uint64_t to_whole(LoopOp op, Scalar scalar, uint64_t bits) {
  if (meaning_is_nan(scalar, bits) || is_infinite(scalar, bits) || is_zero(scalar, bits)) return bits;
  Real real = real_of(scalar, bits);
  if (real.exponent >= 0) return bits;
  int          places = real.exponent < -120 ? 120 : -real.exponent;
  UnsignedWide one = 1, whole = real.significand >> places, rest = real.significand & ((one << places) - 1), half = one << (places - 1);
  bool         up = op == LOOP_FLOOR   ? real.negative && rest
                    : op == LOOP_CEIL  ? !real.negative && rest
                    : op == LOOP_ROUND ? rest > half || (rest == half && (whole & 1))
                                       : false;
  return rounded(scalar, (Real){real.negative, whole + up, 0});
}

/* a < b; false for NaN. */
static bool is_below(Scalar scalar, uint64_t a, uint64_t b) {
  if (meaning_is_nan(scalar, a) || meaning_is_nan(scalar, b) || (is_zero(scalar, a) && is_zero(scalar, b))) return false;
  uint64_t a_size = a & ~sign_bit(scalar), b_size = b & ~sign_bit(scalar);
  if (is_negative(scalar, a) != is_negative(scalar, b)) return is_negative(scalar, a);
  return is_negative(scalar, a) ? a_size > b_size : a_size < b_size;
}

static bool are_equal(Scalar scalar, uint64_t a, uint64_t b) {
  return !meaning_is_nan(scalar, a) && !meaning_is_nan(scalar, b) && (a == b || (is_zero(scalar, a) && is_zero(scalar, b)));
}

static uint64_t float_meaning(LoopOp op, Scalar scalar, bool fused, const uint64_t *x) {
  switch (op) {
  case LOOP_NEG: return x[0] ^ sign_bit(scalar);
  case LOOP_ABS: return x[0] & ~sign_bit(scalar);
  case LOOP_SQRT: return square_root(scalar, x[0]);
  case LOOP_ADD: return add(scalar, x[0], x[1]);
  case LOOP_SUB: return add(scalar, x[0], x[1] ^ sign_bit(scalar));
  case LOOP_MUL: return multiply(scalar, x[0], x[1]);
  case LOOP_DIV: return divide(scalar, x[0], x[1]);
  case LOOP_MIN: return is_below(scalar, x[0], x[1]) ? x[0] : x[1];
  case LOOP_MAX: return is_below(scalar, x[1], x[0]) ? x[0] : x[1];
  case LOOP_FMA: return multiply_add(scalar, x[0], x[1], x[2]);
  case LOOP_MULADD: return fused ? multiply_add(scalar, x[0], x[1], x[2]) : add(scalar, multiply(scalar, x[0], x[1]), x[2]);
  case LOOP_EQ: return are_equal(scalar, x[0], x[1]);
  case LOOP_NE: return !are_equal(scalar, x[0], x[1]);
  case LOOP_LT: return is_below(scalar, x[0], x[1]);
  case LOOP_LE: return is_below(scalar, x[0], x[1]) || are_equal(scalar, x[0], x[1]);
  case LOOP_GT: return is_below(scalar, x[1], x[0]);
  case LOOP_GE: return is_below(scalar, x[1], x[0]) || are_equal(scalar, x[0], x[1]);
  default: return to_whole(op, scalar, x[0]);
  }
}

/* ---- integers --------------------------------------------------------------------------------------------------------------- */

static Wide least(Scalar scalar) { return scalar_is_signed(scalar) ? -((Wide)1 << (scalar_bits(scalar) - 1)) : 0; }
static Wide most(Scalar scalar) { return ((Wide)1 << (scalar_bits(scalar) - scalar_is_signed(scalar))) - 1; }

static uint64_t wrapped(Scalar scalar, Wide value) { return (uint64_t)((UnsignedWide)value & (((UnsignedWide)1 << scalar_bits(scalar)) - 1)); }

static Wide value_of(Scalar scalar, uint64_t bits) {
  bool negative = scalar_is_signed(scalar) && bits >> (scalar_bits(scalar) - 1) & 1;
  return negative ? (Wide)bits - ((Wide)1 << scalar_bits(scalar)) : (Wide)bits;
}

static uint64_t integer_meaning(LoopOp op, Scalar scalar, const uint64_t *x, uint32_t operands) {
  Wide     a = value_of(scalar, x[0]), b = operands > 1 ? value_of(scalar, x[1]) : 0, quotient = b ? a / b : 0;
  unsigned width = scalar_bits(scalar);
  uint64_t count = operands > 1 ? x[1] : 0; /* a shift's, as unsigned */
  switch (op) {
  case LOOP_NEG: return wrapped(scalar, -a);
  case LOOP_ABS: return wrapped(scalar, a < 0 ? -a : a);
  case LOOP_NOT: return wrapped(scalar, ~a);
  case LOOP_ADD: return wrapped(scalar, a + b);
  case LOOP_SUB: return wrapped(scalar, a - b);
  case LOOP_MUL: return wrapped(scalar, (Wide)((UnsignedWide)a * (UnsignedWide)b));
  case LOOP_DIV: return wrapped(scalar, quotient);
  case LOOP_REM: return wrapped(scalar, a - quotient * b);
  case LOOP_MIN: return wrapped(scalar, a < b ? a : b);
  case LOOP_MAX: return wrapped(scalar, a > b ? a : b);
  case LOOP_AND: return x[0] & x[1];
  case LOOP_OR: return x[0] | x[1];
  case LOOP_XOR: return x[0] ^ x[1];
  case LOOP_SHL: return count >= width ? 0 : wrapped(scalar, (Wide)((UnsignedWide)a << count));
  case LOOP_SHR: return count >= width ? wrapped(scalar, a < 0 ? -1 : 0) : wrapped(scalar, a >> count);
  case LOOP_MULADD: return wrapped(scalar, (Wide)((UnsignedWide)a * (UnsignedWide)b + (UnsignedWide)value_of(scalar, x[2])));
  case LOOP_EQ: return a == b;
  case LOOP_NE: return a != b;
  case LOOP_LT: return a < b;
  case LOOP_LE: return a <= b;
  case LOOP_GT: return a > b;
  default: return a >= b;
  }
}

/* ---- conversions ------------------------------------------------------------------------------------------------------------ */

static uint64_t from_real(Scalar from, Scalar to, uint64_t bits) {
  if (scalar_is_float(to)) {
    if (meaning_is_nan(from, bits)) return quiet_nan(to);
    if (is_infinite(from, bits)) return infinity(to) | (is_negative(from, bits) ? sign_bit(to) : 0);
    return rounded(to, real_of(from, bits));
  }
  if (to == SCALAR_I1) return !is_zero(from, bits);
  if (meaning_is_nan(from, bits)) return 0;
  Real real = real_of(from, bits);
  bool large = is_infinite(from, bits) || real.exponent + width_of(real.significand) > 100;
  if (large) return wrapped(to, real.negative ? least(to) : most(to));
  Wide size = real.exponent >= 0 ? (Wide)(real.significand << real.exponent) : real.exponent < -120 ? 0 : (Wide)(real.significand >> -real.exponent);
  Wide value = real.negative ? -size : size;
  return wrapped(to, value < least(to) ? least(to) : value > most(to) ? most(to) : value);
}

static uint64_t cast(Scalar from, Scalar to, uint64_t bits) {
  if (scalar_is_float(from)) return from_real(from, to, bits);
  Wide value = value_of(from, bits);
  if (to == SCALAR_I1) return value != 0;
  if (scalar_is_float(to)) return rounded(to, (Real){value < 0, (UnsignedWide)(value < 0 ? -value : value), 0});
  return wrapped(to, value);
}

/* ---- all together ----------------------------------------------------------------------------------------------------------- */

bool meaning_exists(LoopOp op, Scalar from) {
  bool arithmetic = from != SCALAR_F16 && from != SCALAR_BF16, is_float = scalar_is_float(from), is_bool = from == SCALAR_I1;
  if (op == LOOP_SELECT || op == LOOP_CAST || op == LOOP_BITCAST) return true;
  if (op == LOOP_SATURATE) return scalar_is_integer(from);
  if (!arithmetic) return false;
  if (op == LOOP_FMA || (op >= LOOP_SQRT && op <= LOOP_ROUND)) return is_float;
  if (op == LOOP_AND || op == LOOP_OR || op == LOOP_XOR || op == LOOP_NOT) return !is_float;
  if (op == LOOP_EQ || op == LOOP_NE) return true;
  if (op == LOOP_REM || op == LOOP_SHL || op == LOOP_SHR) return !is_float && !is_bool;
  return !is_bool;
}

uint64_t meaning_bits(LoopOp op, Scalar from, Scalar to, bool fused, const uint64_t *operands) {
  if (op == LOOP_SELECT) return operands[0] ? operands[1] : operands[2];
  if (op == LOOP_BITCAST) return operands[0];
  if (op == LOOP_CAST) return cast(from, to, operands[0]);
  if (op == LOOP_SATURATE) {
    Wide value = value_of(from, operands[0]);
    return wrapped(to, value < least(to) ? least(to) : value > most(to) ? most(to) : value);
  }
  return scalar_is_float(from) ? float_meaning(op, from, fused, operands) : integer_meaning(op, from, operands, loop_op_operands(op));
}
