/* Element-wise operators that one scalar text can't say: variadic ones, omitted operands, mixed types, string attributes. */
#include "compiler/ops/expressions.h"
#include <math.h>
#include <string.h>

Expr point_mod(Meaning *m, uint32_t result, const Expr *index);
Expr point_pow(Meaning *m, uint32_t result, const Expr *index);
Expr point_max(Meaning *m, uint32_t result, const Expr *index);
Expr point_min(Meaning *m, uint32_t result, const Expr *index);
Expr point_sum(Meaning *m, uint32_t result, const Expr *index);
Expr point_mean(Meaning *m, uint32_t result, const Expr *index);
Expr point_clip(Meaning *m, uint32_t result, const Expr *index);
Expr point_gelu(Meaning *m, uint32_t result, const Expr *index);
Expr point_shrink(Meaning *m, uint32_t result, const Expr *index);
Expr point_bit_shift(Meaning *m, uint32_t result, const Expr *index);
Expr point_is_inf(Meaning *m, uint32_t result, const Expr *index);
Expr point_dropout(Meaning *m, uint32_t result, const Expr *index);
Expr point_swish(Meaning *m, uint32_t result, const Expr *index);
Expr point_fast_gelu(Meaning *m, uint32_t result, const Expr *index);

/* Operand's element at the result's index. */
static Expr read_at(Meaning *m, uint32_t operand, const Expr *index) { return meaning_read_broadcast(m, operand, meaning_result_rank(m, 0), index); }

/* The operation keeps b if a is NaN, so it is enough alone where a is a number. */
Expr expr_extreme(Meaning *m, LoopOp op, Expr a, Expr b) {
  double number;
  if (expr_literal(m, b, &number)) { Expr swap = a; a = b; b = swap; }
  Expr value = build_binary(m->builder, op, a, b);
  if (expr_literal(m, a, &number) || !scalar_is_float(build_scalar(m->builder, a))) return value;
  return expr_select(m, expr_ne(m, a, a), a, value);
}

static Expr fold_operands(Meaning *m, LoopOp op, const Expr *index) {
  Expr value = read_at(m, 0, index);
  for (uint32_t operand = 1; operand < meaning_input_count(m); operand++) {
    value = expr_let(m, "v", value);
    Expr next = expr_let(m, "v", read_at(m, operand, index));
    value = op == LOOP_ADD ? expr_add(m, value, next) : expr_extreme(m, op, value, next);
  }
  return value;
}

Expr point_max(Meaning *m, uint32_t result, const Expr *index) { return fold_operands(m, LOOP_MAX, index); }
Expr point_min(Meaning *m, uint32_t result, const Expr *index) { return fold_operands(m, LOOP_MIN, index); }
Expr point_sum(Meaning *m, uint32_t result, const Expr *index) { return fold_operands(m, LOOP_ADD, index); }

Expr point_mean(Meaning *m, uint32_t result, const Expr *index) {
  return expr_div(m, fold_operands(m, LOOP_ADD, index), expr_number(m, meaning_result_compute(m, 0), meaning_input_count(m)));
}

/* ONNX Clip-13: Min(max, Max(input, min)); min above max gives max. */
Expr point_clip(Meaning *m, uint32_t result, const Expr *index) {
  Expr value = read_at(m, 0, index);
  if (meaning_has(m, 1)) value = expr_extreme(m, LOOP_MAX, expr_let(m, "v", value), read_at(m, 1, index));
  if (meaning_has(m, 2)) value = expr_extreme(m, LOOP_MIN, expr_let(m, "v", value), read_at(m, 2, index));
  return value;
}

/* ONNX Mod-13: fmod = 0 has the divisor's sign (integers only); fmod = 1 is C's fmod, for integers the remainder of truncating division. */
Expr point_mod(Meaning *m, uint32_t result, const Expr *index) {
  Expr values[2] = {expr_let(m, "x", read_at(m, 0, index)), expr_let(m, "y", read_at(m, 1, index))};
  if (scalar_is_float(meaning_result_compute(m, 0))) return meaning_scalar(m, "fmod(x, y)", 2, values);
  Expr rest = expr_rem(m, values[0], values[1]);
  if (meaning_int(m, "fmod") || !scalar_is_signed(meaning_result_compute(m, 0))) return rest;
  Expr with_rest[2] = {expr_let(m, "rest", rest), values[1]};
  return meaning_scalar(m, "(x ^ y) < 0 && x != 0 ? x + y : x", 2, with_rest);
}

/* ---- Pow -------------------------------------------------------------------------------------------------------------------------- */

/* Integer power by squaring, wrapping; a negative exponent gives 1 / x^|e|, which is 0 but for x = 1 and -1 (and x = 0). */
static Expr integer_power(Meaning *m, Expr base, Expr exponent) {
  Builder *builder = m->builder;
  Scalar scalar = build_scalar(builder, base);
  Expr zero = build_integer(builder, SCALAR_I64, 0), one = build_integer(builder, SCALAR_I64, 1);
  exponent = expr_let(m, "exponent", build_cast(builder, SCALAR_I64, exponent));
  base = expr_let(m, "base", build_cast(builder, SCALAR_I64, base));
  Expr unit = expr_or(m, expr_eq(m, base, one), expr_eq(m, base, build_integer(builder, SCALAR_I64, -1)));
  Expr odd = expr_and(m, exponent, one);
  Expr rest = build_var(builder, "rest", expr_select(m, expr_lt(m, exponent, zero), odd, exponent));
  Expr square = build_var(builder, "square", base);
  Expr power = build_var(builder, "power", expr_select(m, expr_and(m, expr_lt(m, exponent, zero), build_unary(builder, LOOP_NOT, unit)), zero, one));
  build_while(builder, expr_gt(m, rest, zero));
  build_if(builder, expr_ne(m, expr_and(m, rest, one), zero));
  build_set(builder, power, expr_mul(m, power, square));
  build_end(builder);
  build_set(builder, square, expr_mul(m, square, square));
  build_set(builder, rest, build_binary(builder, LOOP_SHR, rest, one));
  build_end(builder);
  return build_cast(builder, scalar, power);
}

/* x^e for exponents that need no library function; 0 for others. x^0.5 differs from pow only at -0 and -infinity. */
static Expr simple_power(Meaning *m, Expr base, double exponent) {
  static const struct { double exponent; const char *text; } rows[] = {
    {1, "x"}, {2, "x * x"}, {3, "x * x * x"}, {0.5, "sqrt(x)"}, {-1, "1 / x"}, {-0.5, "1 / sqrt(x)"}, {-2, "1 / (x * x)"},
  };
  for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
    if (rows[row].exponent == exponent) return meaning_scalar(m, rows[row].text, 1, &base);
  return 0;
}

/* ONNX Pow-15: the base's type is the result's; the exponent may have any. */
Expr point_pow(Meaning *m, uint32_t result, const Expr *index) {
  Builder *builder = m->builder;
  Expr values[2] = {read_at(m, 0, index), read_at(m, 1, index)};
  Scalar base = build_scalar(builder, values[0]), exponent = build_scalar(builder, values[1]);
  double number;
  int64_t integer;
  if (scalar_is_integer(base) && scalar_is_integer(exponent)) return integer_power(m, values[0], values[1]);
  if (scalar_is_integer(base)) {
    for (int at = 0; at < 2; at++) values[at] = build_cast(builder, SCALAR_F64, values[at]);
    return build_cast(builder, base, meaning_scalar(m, "pow(x, y)", 2, values));
  }
  bool constant = expr_literal(m, values[1], &number);
  if (scalar_is_integer(exponent) && build_is_constant(builder, values[1], &integer)) { number = (double)integer; constant = true; }
  if (constant) values[0] = expr_let(m, "x", values[0]);
  Expr simple = constant ? simple_power(m, values[0], number) : 0;
  values[1] = build_cast(builder, base, values[1]);
  return simple ? simple : meaning_scalar(m, "pow(x, y)", 2, values);
}

/* ---- activations -------------------------------------------------------------------------------------------------------------------- */

Expr point_gelu(Meaning *m, uint32_t result, const Expr *index) {
  Expr value = expr_let(m, "x", read_at(m, 0, index));
  bool exact = !strcmp(meaning_string(m, "approximate"), "none");
  return meaning_scalar(m, exact ? "gelu(x)" : "gelu_tanh(x)", 1, &value);
}

/* ONNX Swish-24, com.microsoft QuickGelu. */
Expr point_swish(Meaning *m, uint32_t result, const Expr *index) {
  Expr value = read_at(m, 0, index);
  return meaning_scalar(m, meaning_float(m, "alpha") == 1 ? "swish(x)" : "scaled_swish(x, @alpha)", 1, &value);
}

/* com.microsoft FastGelu: Gelu by tanh of X plus an optional bias. */
Expr point_fast_gelu(Meaning *m, uint32_t result, const Expr *index) {
  Expr value = read_at(m, 0, index);
  if (meaning_has(m, 1)) value = expr_add(m, value, read_at(m, 1, index));
  value = expr_let(m, "x", value);
  return meaning_scalar(m, "gelu_tanh(x)", 1, &value);
}

/* ONNX Shrink-9; integers are compared and shifted as real numbers. */
Expr point_shrink(Meaning *m, uint32_t result, const Expr *index) {
  Scalar scalar = meaning_result_compute(m, 0), real = scalar_is_float(scalar) ? scalar : SCALAR_F64;
  Expr value = expr_let(m, "x", build_cast(m->builder, real, read_at(m, 0, index)));
  return build_cast(m->builder, scalar, meaning_scalar(m, "x < -@lambd ? x + @bias : x > @lambd ? x - @bias : 0", 1, &value));
}

Expr point_bit_shift(Meaning *m, uint32_t result, const Expr *index) {
  LoopOp op = !strcmp(meaning_string(m, "direction"), "LEFT") ? LOOP_SHL : LOOP_SHR;
  return build_binary(m->builder, op, read_at(m, 0, index), read_at(m, 1, index));
}

Expr point_is_inf(Meaning *m, uint32_t result, const Expr *index) {
  bool negative = meaning_int(m, "detect_negative") != 0, positive = meaning_int(m, "detect_positive") != 0;
  Expr value = read_at(m, 0, index);
  if (!negative && !positive) return build_integer(m->builder, SCALAR_I1, 0);
  return meaning_scalar(m, negative && positive ? "abs(x) == inf" : negative ? "x == -inf" : "x == inf", 1, &value);
}

/* ONNX Dropout-22 as inference runs it: the data, and a mask that keeps everything. A training_mode that only the running program knows must be
 * false, unless the ratio is 0 and dropping drops nothing. */
Expr point_dropout(Meaning *m, uint32_t result, const Expr *index) {
  uint32_t count;
  const Dim *known = meaning_has(m, 2) ? meaning_known(m, 2, &count) : NULL;
  int64_t mode = 0;
  bool off = !meaning_has(m, 2) || (known && count == 1 && dim_is_constant(&m->module->dims, known[0], &mode) && !mode);
  if (!off) {
    Expr none[MAX_RANK];
    for (uint32_t axis = 0; axis < MAX_RANK; axis++) none[axis] = expr_index(m, 0);
    Expr training = meaning_read(m, 2, none);
    if (meaning_has(m, 1)) training = expr_and(m, training, expr_ne(m, meaning_read(m, 1, none), expr_number(m, meaning_compute(m, 1), 0)));
    meaning_fail_if(m, training, STATUS_RANGE);
  }
  return result ? build_integer(m->builder, SCALAR_I1, 1) : meaning_read(m, 0, index);
}
