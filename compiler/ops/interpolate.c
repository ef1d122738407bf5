/* Linear and cubic interpolation between elements (interpolate.h). */
#include "compiler/ops/interpolate.h"

static Expr real(Meaning *m, const Filter *filter, double number) { return build_float(m->builder, filter->real, number); }

/* The cubic convolution kernel for a distance up to 1, and for 1 to 2 (Keys 1981, equation 4). */
static Expr cubic_inner(Meaning *m, const Filter *filter, Expr u) {
  Expr value = expr_sub(m, expr_mul(m, real(m, filter, filter->a + 2), u), real(m, filter, filter->a + 3));
  return expr_add(m, expr_mul(m, value, expr_mul(m, u, u)), real(m, filter, 1));
}
static Expr cubic_outer(Meaning *m, const Filter *filter, Expr u) {
  Expr value = expr_add(m, expr_mul(m, expr_sub(m, u, real(m, filter, 5)), u), real(m, filter, 8));
  return expr_mul(m, real(m, filter, filter->a), expr_sub(m, expr_mul(m, value, u), real(m, filter, 4)));
}

Expr filter_weight(Meaning *m, const Filter *filter, Expr u) {
  Expr zero = real(m, filter, 0), one = real(m, filter, 1);
  if (!filter->cubic) return expr_max(m, expr_sub(m, one, u), zero);
  Expr outer = expr_select(m, expr_lt(m, u, real(m, filter, 2)), cubic_outer(m, filter, u), zero);
  return expr_select(m, expr_le(m, u, one), cubic_inner(m, filter, u), outer);
}

Expr filter_tap(Meaning *m, const Filter *filter, int offset, Expr ratio) {
  Expr distance = offset <= 0 ? expr_sub(m, ratio, real(m, filter, offset)) : expr_sub(m, real(m, filter, offset), ratio);
  distance = expr_let(m, "distance", distance);
  if (!filter->cubic) return expr_sub(m, real(m, filter, 1), distance);
  return offset == 0 || offset == 1 ? cubic_inner(m, filter, distance) : cubic_outer(m, filter, distance);
}

Expr filter_sum(Meaning *m, uint32_t axes, uint32_t taps, Expr (*weight)[4], Expr *values) {
  uint32_t total = 1;
  for (uint32_t at = 0; at < axes; at++) total *= taps;
  for (uint32_t at = axes; at-- > 0;) {
    total /= taps;
    for (uint32_t group = 0; group < total; group++) {
      Expr sum = expr_mul(m, weight[at][0], values[group * taps]);
      for (uint32_t tap = 1; tap < taps; tap++) sum = build_ternary(m->builder, LOOP_MULADD, weight[at][tap], values[group * taps + tap], sum);
      values[group] = expr_let(m, "value", sum);
    }
  }
  return values[0];
}
