/* Cast, CastLike and BitCast. Values travel in the compute type, and whoever stores them rounds to the element type; what is left to do here is
 * what that rounding can't know: wrapping to less than a byte, what out-of-range float8 values become, and rounding once from f64. */
#include "compiler/ops/quantized.h"
#include <math.h>
#include <string.h>

Expr point_cast(Meaning *m, uint32_t result, const Expr *index);
Expr point_bit_cast(Meaning *m, uint32_t result, const Expr *index);

/* Wraps to `bits` bits, as storing in two's complement does. */
static Expr wrap_bits(Meaning *m, Element to, Expr value) {
  Scalar scalar = element_compute(to);
  unsigned bits = element_file_bits(to);
  if (!element_is_signed(to)) return expr_and(m, value, build_integer(m->builder, scalar, (1 << bits) - 1));
  Expr shift = build_integer(m->builder, scalar, 8 - (int)bits);
  return build_binary(m->builder, LOOP_SHR, build_binary(m->builder, LOOP_SHL, value, shift), shift);
}

/* f64 to f32 rounded to odd: a second rounding to a narrower type then gives what one rounding would have given. */
static Expr round_to_odd(Meaning *m, Expr value) {
  Builder *builder = m->builder;
  value = expr_let(m, "x", value);
  Expr nearest = expr_let(m, "nearest", build_cast(builder, SCALAR_F32, value));
  Expr back = expr_let(m, "back", build_cast(builder, SCALAR_F64, nearest));
  Expr bits = expr_let(m, "bits", build_bitcast(builder, SCALAR_U32, nearest));
  Expr one = build_integer(builder, SCALAR_U32, 1);
  Expr beyond = expr_gt(m, build_unary(builder, LOOP_ABS, back), build_unary(builder, LOOP_ABS, value));
  Expr odd = expr_or(m, expr_select(m, beyond, expr_sub(m, bits, one), bits), one);
  return expr_select(m, expr_eq(m, back, value), nearest, build_bitcast(builder, SCALAR_F32, odd));
}

/* Largest finite value of the float8 types with a mantissa, and the smallest magnitude that rounds beyond it; at the border a tie goes to even. */
typedef struct Float8Range { Element element; double largest, beyond; bool border_is_beyond, has_infinity; } Float8Range;
static const Float8Range float8_ranges[] = {
  {ELEMENT_F8E4M3FN, 448, 464, false, false},
  {ELEMENT_F8E4M3FNUZ, 240, 248, true, false},
  {ELEMENT_F8E5M2, 57344, 61440, true, true},
  {ELEMENT_F8E5M2FNUZ, 57344, 61440, true, false},
};

/* ONNX Cast-25, the two tables for float8. NaN stays. */
static Expr limit_float8(Meaning *m, const Float8Range *range, Expr value) {
  Builder *builder = m->builder;
  bool saturate = meaning_int(m, "saturate") != 0;
  value = expr_let(m, "x", value);
  Expr negative = expr_lt(m, value, build_float(builder, SCALAR_F32, 0));
  Expr magnitude = build_unary(builder, LOOP_ABS, value);
  if (saturate) {
    Expr largest = build_float(builder, SCALAR_F32, range->largest), least = build_float(builder, SCALAR_F32, -range->largest);
    return expr_select(m, expr_gt(m, magnitude, largest), expr_select(m, negative, least, largest), value);
  }
  Expr border = build_float(builder, SCALAR_F32, range->beyond);
  Expr beyond = range->border_is_beyond ? expr_ge(m, magnitude, border) : expr_gt(m, magnitude, border);
  Expr infinity = expr_select(m, negative, build_float(builder, SCALAR_F32, -HUGE_VAL), build_float(builder, SCALAR_F32, HUGE_VAL));
  return expr_select(m, beyond, range->has_infinity ? infinity : build_float(builder, SCALAR_F32, NAN), value);
}

/* ONNX Cast-25 for float8e8m0, powers of two from 2^-127 to 2^127: the exponent of |x| rounded as round_mode says, as that power of two. */
static Expr round_to_power(Meaning *m, Expr value) {
  Builder *builder = m->builder;
  const char *mode = meaning_string(m, "round_mode");
  bool saturate = meaning_int(m, "saturate") != 0, up = !strcmp(mode, "up"), nearest = !strcmp(mode, "nearest");
#define U32(number) build_integer(builder, SCALAR_U32, number)
  Expr bits = expr_let(m, "bits", expr_and(m, build_bitcast(builder, SCALAR_U32, value), U32(0x7fffffff)));
  Expr exponent = expr_let(m, "exponent", build_binary(builder, LOOP_SHR, bits, U32(23)));
  Expr fraction = expr_let(m, "fraction", expr_and(m, bits, U32(0x7fffff)));
  Expr subnormal = expr_eq(m, exponent, U32(0)); /* 2^-127 is 0x400000 there, so half a step up is 0x600000 */
  Expr above = up ? expr_gt(m, fraction, expr_select(m, subnormal, U32(0x400000), U32(0)))
                  : expr_ge(m, fraction, expr_select(m, subnormal, U32(0x600000), U32(0x400000)));
  Expr rounded = up || nearest ? expr_add(m, exponent, build_cast(builder, SCALAR_U32, above)) : exponent;
  if (saturate) rounded = expr_min(m, rounded, U32(254));
  rounded = expr_let(m, "rounded", rounded);
  Expr invalid = expr_gt(m, bits, U32(0x7f800000)); /* NaN */
  if (!saturate) invalid = expr_or(m, expr_or(m, invalid, expr_gt(m, rounded, U32(254))), expr_lt(m, bits, U32(0x400000)));
  Expr power = expr_select(m, expr_eq(m, rounded, U32(0)), U32(0x400000), build_binary(builder, LOOP_SHL, rounded, U32(23)));
  return build_bitcast(builder, SCALAR_F32, expr_select(m, invalid, U32(0x7fc00000), power));
#undef U32
}

Expr cast_to_float(Meaning *m, Element to, Expr value) {
  Scalar scalar = element_compute(to);
  if (scalar == SCALAR_F32 && element_storage(to) != SCALAR_F32 && build_scalar(m->builder, value) == SCALAR_F64) value = round_to_odd(m, value);
  value = build_cast(m->builder, scalar, value);
  if (to == ELEMENT_F8E8M0) return round_to_power(m, value);
  if (to == ELEMENT_F4E2M1) { /* without a NaN of its own */
    value = expr_let(m, "x", value);
    return expr_select(m, expr_ne(m, value, value), build_float(m->builder, SCALAR_F32, -0.0), value);
  }
  for (size_t row = 0; row < sizeof float8_ranges / sizeof *float8_ranges; row++)
    if (float8_ranges[row].element == to) return limit_float8(m, &float8_ranges[row], value);
  return value;
}

/* ONNX Cast-25 and CastLike-25. */
Expr point_cast(Meaning *m, uint32_t result, const Expr *index) {
  Builder *builder = m->builder;
  Element from = meaning_element(m, 0), to = meaning_result_element(m, 0);
  Expr value = meaning_read(m, 0, index);
  if (from == to) return value;
  if (element_is_float(to)) return cast_to_float(m, to, value);
  if (!element_is_integer(to) || element_file_bits(to) >= 8) return build_cast(builder, element_compute(to), value);
  if (scalar_is_float(build_scalar(builder, value))) value = build_cast(builder, SCALAR_I32, value); /* truncate first, then wrap */
  return wrap_bits(m, to, build_cast(builder, element_compute(to), value));
}

/* The element's bits as an unsigned integer. */
static Expr bits_of(Meaning *m, Element element, Expr value) {
  static const Scalar carriers[] = {[8] = SCALAR_U8, [16] = SCALAR_U16, [32] = SCALAR_U32, [64] = SCALAR_U64};
  unsigned bits = element_file_bits(element);
  Expr stored = element_narrow(m->builder, element, value);
  if (element == ELEMENT_BOOL) return build_cast(m->builder, SCALAR_U8, stored);
  if (bits >= 8) return build_bitcast(m->builder, carriers[bits], stored);
  return expr_and(m, build_cast(m->builder, SCALAR_U8, stored), build_integer(m->builder, SCALAR_U8, (1 << bits) - 1));
}

/* ONNX BitCast-26. */
Expr point_bit_cast(Meaning *m, uint32_t result, const Expr *index) {
  Element to = meaning_result_element(m, 0);
  Expr bits = bits_of(m, meaning_element(m, 0), meaning_read(m, 0, index));
  if (to == ELEMENT_BOOL) return build_cast(m->builder, SCALAR_I1, bits);
  if (element_is_integer(to) && element_file_bits(to) < 8) return wrap_bits(m, to, build_cast(m->builder, element_compute(to), bits));
  return element_widen(m->builder, to, build_bitcast(m->builder, element_storage(to), bits));
}
