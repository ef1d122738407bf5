/* The named functions of library.lir in double, through the C library: what the library's expansions are measured against, and what the
 * interpreter uses for functions that nobody has defined. Names are `exp_f32`, `pow_f64`, ...: the type after the last underscore only
 * says how arguments and result are rounded, so one row serves all. */
#include "evaluate_machine.h"
#include <math.h>
#include <string.h>

#define ORACLE_1(name, value) static double oracle_##name(double a, double b, double c) { (void)b, (void)c; return value; }
#define ORACLE_2(name, value) static double oracle_##name(double a, double b, double c) { (void)c; return value; }
static double sigmoid(double a) { return 1 / (1 + exp(-a)); }
static double softplus(double a) { return a > 0 ? a + log1p(exp(-a)) : log1p(exp(a)); }
/* a * weight at its limit where a is infinite: 0 where the weight is */
static double weighted(double a, double weight) { return weight == 0 ? copysign(0, a) : a * weight; }

ORACLE_1(exp, exp(a))
ORACLE_1(exp2, exp2(a))
ORACLE_1(expm1, expm1(a))
ORACLE_1(log, log(a))
ORACLE_1(log2, log2(a))
ORACLE_1(log10, log10(a))
ORACLE_1(log1p, log1p(a))
ORACLE_1(tanh, tanh(a))
ORACLE_1(sinh, sinh(a))
ORACLE_1(cosh, cosh(a))
ORACLE_1(erf, erf(a))
ORACLE_1(sigmoid, sigmoid(a))
ORACLE_1(softplus, softplus(a))
ORACLE_1(swish, weighted(a, sigmoid(a)))
ORACLE_2(scaled_swish, weighted(a, sigmoid(a * b)))
ORACLE_1(mish, weighted(a, tanh(softplus(a))))
ORACLE_1(gelu, weighted(a, 0.5 * erfc(a * -0x1.6a09e667f3bcdp-1)))
ORACLE_1(gelu_tanh, weighted(a, sigmoid(a * (0x1.9884533d43651p+0 + 0x1.2444f2a4d8b4bp-4 * a * a))))
ORACLE_1(sin, sin(a))
ORACLE_1(cos, cos(a))
ORACLE_1(tan, tan(a))
ORACLE_1(asin, asin(a))
ORACLE_1(acos, acos(a))
ORACLE_1(atan, atan(a))
ORACLE_1(asinh, asinh(a))
ORACLE_1(acosh, acosh(a))
ORACLE_1(atanh, atanh(a))
ORACLE_1(sqrt, sqrt(a))
ORACLE_1(floor, floor(a))
ORACLE_1(ceil, ceil(a))
ORACLE_1(trunc, trunc(a))
ORACLE_1(round_even, rint(a))
ORACLE_2(pow, pow(a, b))
ORACLE_2(fmod, fmod(a, b))

#define ROW(name) { #name, oracle_##name }
static const struct { const char *name; OracleFunction *function; } oracles[] = {
  ROW(exp), ROW(exp2), ROW(expm1), ROW(log), ROW(log2), ROW(log10), ROW(log1p), ROW(tanh), ROW(sinh), ROW(cosh), ROW(erf), ROW(sigmoid),
  ROW(softplus), ROW(swish), ROW(scaled_swish), ROW(mish), ROW(gelu), ROW(gelu_tanh),
  ROW(sin), ROW(cos), ROW(tan), ROW(asin), ROW(acos), ROW(atan), ROW(asinh), ROW(acosh), ROW(atanh), ROW(sqrt), ROW(floor),
  ROW(ceil), ROW(trunc), ROW(round_even), ROW(pow), ROW(fmod),
};

OracleFunction *oracle_function(const char *name) {
  const char *type = strrchr(name, '_');
  size_t length = type ? (size_t)(type - name) : strlen(name);
  for (size_t k = 0; k < sizeof oracles / sizeof *oracles; k++)
    if (strlen(oracles[k].name) == length && memcmp(oracles[k].name, name, length) == 0) return oracles[k].function;
  return NULL;
}
