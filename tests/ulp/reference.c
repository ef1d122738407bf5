#include "tests/ulp/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#ifdef ONNXCC_MPFR
#include <mpfr.h>
#endif

/* glibc has its functions for vectors too (4 ULP of double, which is nothing here): all floats of a function in a minute instead of several. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#if __GLIBC_PREREQ(2, 35)
#define VECTORS __attribute__((target_clones("avx512f", "avx2", "default")))
#define VECTOR_FUNCTION(name) __attribute__((simd("notinbranch"))) double name(double);
VECTOR_FUNCTION(exp) VECTOR_FUNCTION(exp2) VECTOR_FUNCTION(expm1) VECTOR_FUNCTION(log) VECTOR_FUNCTION(log1p) VECTOR_FUNCTION(tanh)
VECTOR_FUNCTION(sinh) VECTOR_FUNCTION(cosh) VECTOR_FUNCTION(erf) VECTOR_FUNCTION(erfc) VECTOR_FUNCTION(sin) VECTOR_FUNCTION(cos)
VECTOR_FUNCTION(tan) VECTOR_FUNCTION(asin) VECTOR_FUNCTION(acos) VECTOR_FUNCTION(atan) VECTOR_FUNCTION(asinh) VECTOR_FUNCTION(acosh)
VECTOR_FUNCTION(atanh)
#endif
#endif
#ifndef VECTORS
#define VECTORS
#endif

/* ---- the functions that C has not, in double and long double ----------------------------------------------------------
 * Activations take their limits at the infinities: 0 with the sign of x where a weight of 0 meets it. */

#define COMPOSED(type, name, exp, log1p, erfc, copysign) \
  static type sigmoid_##name(type a) { return a < 0 ? exp(a) / (1 + exp(a)) : 1 / (1 + exp(-a)); } \
  static type softplus_##name(type a) { return a > 0 ? a + log1p(exp(-a)) : log1p(exp(a)); } \
  static type weighted_##name(type a, type weight) { return weight == 0 ? copysign(0, a) : a * weight; } \
  static type swish_##name(type a) { return weighted_##name(a, sigmoid_##name(a)); } \
  static type scaled_swish_##name(type a, type b) { return weighted_##name(a, sigmoid_##name(a * b)); } \
  static type mish_##name(type a) { \
    type e = exp(a < 50 ? a : 50), n = e * (e + 2); \
    return weighted_##name(a, n / (n + 2)); \
  } \
  static type gelu_##name(type a) { return weighted_##name(a, (type)0.5L * erfc(a * (type)-0.70710678118654752440084436210484903928L)); } \
  static type gelu_tanh_##name(type a) { \
    type slope = (type)1.5957691216057307117597842397375274738L + (type)0.071354816272600248776341442803865L * a * a; \
    return weighted_##name(a, sigmoid_##name(a * slope)); \
  }
COMPOSED(double, double, exp, log1p, erfc, copysign)
COMPOSED(long double, wide, expl, log1pl, erfcl, copysignl)

/* ONE(name, in double, in long double, in MPFR from x to y, steep) of one operand, TWO of two. MPFR's functions take and leave special values as
 * C99 annex F says. */
#define REFERENCES(ONE, TWO) \
  ONE(exp, exp(a), expl(a), mpfr_exp(y, x, MPFR_RNDN), false) \
  ONE(exp2, exp2(a), exp2l(a), mpfr_exp2(y, x, MPFR_RNDN), false) \
  ONE(expm1, expm1(a), expm1l(a), mpfr_expm1(y, x, MPFR_RNDN), false) \
  ONE(log, log(a), logl(a), mpfr_log(y, x, MPFR_RNDN), false) \
  ONE(log1p, log1p(a), log1pl(a), mpfr_log1p(y, x, MPFR_RNDN), false) \
  ONE(tanh, tanh(a), tanhl(a), mpfr_tanh(y, x, MPFR_RNDN), false) \
  ONE(sinh, sinh(a), sinhl(a), mpfr_sinh(y, x, MPFR_RNDN), false) \
  ONE(cosh, cosh(a), coshl(a), mpfr_cosh(y, x, MPFR_RNDN), false) \
  ONE(erf, erf(a), erfl(a), mpfr_erf(y, x, MPFR_RNDN), false) \
  ONE(sin, sin(a), sinl(a), mpfr_sin(y, x, MPFR_RNDN), false) \
  ONE(cos, cos(a), cosl(a), mpfr_cos(y, x, MPFR_RNDN), false) \
  ONE(tan, tan(a), tanl(a), mpfr_tan(y, x, MPFR_RNDN), false) \
  ONE(asin, asin(a), asinl(a), mpfr_asin(y, x, MPFR_RNDN), false) \
  ONE(acos, acos(a), acosl(a), mpfr_acos(y, x, MPFR_RNDN), false) \
  ONE(atan, atan(a), atanl(a), mpfr_atan(y, x, MPFR_RNDN), false) \
  ONE(asinh, asinh(a), asinhl(a), mpfr_asinh(y, x, MPFR_RNDN), false) \
  ONE(acosh, acosh(a), acoshl(a), mpfr_acosh(y, x, MPFR_RNDN), false) \
  ONE(atanh, atanh(a), atanhl(a), mpfr_atanh(y, x, MPFR_RNDN), false) \
  ONE(sqrt, sqrt(a), sqrtl(a), mpfr_sqrt(y, x, MPFR_RNDN), false) \
  ONE(floor, floor(a), floorl(a), mpfr_rint_floor(y, x, MPFR_RNDN), false) \
  ONE(ceil, ceil(a), ceill(a), mpfr_rint_ceil(y, x, MPFR_RNDN), false) \
  ONE(trunc, trunc(a), truncl(a), mpfr_rint_trunc(y, x, MPFR_RNDN), false) \
  ONE(round, rint(a), rintl(a), mpfr_rint(y, x, MPFR_RNDN), false) \
  ONE(sigmoid, sigmoid_double(a), sigmoid_wide(a), exact_sigmoid(y, x), false) \
  ONE(softplus, softplus_double(a), softplus_wide(a), exact_softplus(y, x), false) \
  ONE(swish, swish_double(a), swish_wide(a), exact_swish(y, x), false) \
  ONE(mish, mish_double(a), mish_wide(a), exact_mish(y, x), false) \
  ONE(gelu, gelu_double(a), gelu_wide(a), exact_gelu(y, x), true) \
  ONE(gelu_tanh, gelu_tanh_double(a), gelu_tanh_wide(a), exact_gelu_tanh(y, x), true) \
  TWO(scaled_swish, scaled_swish_double(a, b), scaled_swish_wide(a, b), exact_scaled_swish(y, x, z), true) \
  TWO(pow, pow(a, b), powl(a, b), mpfr_pow(y, x, z, MPFR_RNDN), false) \
  TWO(fmod, fmod(a, b), fmodl(a, b), mpfr_fmod(y, x, z, MPFR_RNDN), false)

/* ---- MPFR ------------------------------------------------------------------------------------------------------------- */

#ifdef ONNXCC_MPFR
enum { PRECISION = 300 };

static void exact_sigmoid(mpfr_t y, mpfr_t x) {
  mpfr_neg(y, x, MPFR_RNDN);
  mpfr_exp(y, y, MPFR_RNDN);
  mpfr_add_ui(y, y, 1, MPFR_RNDN);
  mpfr_ui_div(y, 1, y, MPFR_RNDN);
}

static void exact_softplus(mpfr_t y, mpfr_t x) {
  mpfr_exp(y, x, MPFR_RNDN);
  if (mpfr_inf_p(y)) mpfr_set(y, x, MPFR_RNDN); /* beyond MPFR's exponents: the rest is nothing */
  else mpfr_log1p(y, y, MPFR_RNDN);
}

/* y = y * x, where 0 times infinity is 0 */
static void weigh(mpfr_t y, mpfr_t x) {
  if (mpfr_zero_p(y) && !mpfr_nan_p(x)) mpfr_set_zero(y, mpfr_sgn(x));
  else mpfr_mul(y, y, x, MPFR_RNDN);
}

static void exact_swish(mpfr_t y, mpfr_t x) {
  exact_sigmoid(y, x);
  weigh(y, x);
}

static void exact_scaled_swish(mpfr_t y, mpfr_t x, mpfr_t z) {
  mpfr_t product;
  mpfr_init2(product, PRECISION);
  mpfr_mul(product, x, z, MPFR_RNDN);
  exact_sigmoid(y, product);
  weigh(y, x);
  mpfr_clear(product);
}

static void exact_mish(mpfr_t y, mpfr_t x) {
  exact_softplus(y, x);
  mpfr_tanh(y, y, MPFR_RNDN);
  weigh(y, x);
}

static void exact_gelu(mpfr_t y, mpfr_t x) {
  mpfr_sqrt_ui(y, 2, MPFR_RNDN);
  mpfr_div(y, x, y, MPFR_RNDN);
  mpfr_neg(y, y, MPFR_RNDN);
  mpfr_erfc(y, y, MPFR_RNDN);
  mpfr_div_2ui(y, y, 1, MPFR_RNDN);
  weigh(y, x);
}

/* x / (1 + e^-2u), u = sqrt(2 / pi) * (x + 0.044715 * x^3) */
static void exact_gelu_tanh(mpfr_t y, mpfr_t x) {
  mpfr_t u;
  mpfr_init2(u, PRECISION);
  mpfr_set_ui(u, 44715, MPFR_RNDN);
  mpfr_div_ui(u, u, 1000000, MPFR_RNDN);
  mpfr_mul(u, u, x, MPFR_RNDN);
  mpfr_mul(u, u, x, MPFR_RNDN);
  mpfr_add_ui(u, u, 1, MPFR_RNDN);
  mpfr_mul(u, u, x, MPFR_RNDN);
  mpfr_const_pi(y, MPFR_RNDN);
  mpfr_ui_div(y, 8, y, MPFR_RNDN);
  mpfr_sqrt(y, y, MPFR_RNDN);
  mpfr_mul(u, u, y, MPFR_RNDN);
  exact_sigmoid(y, u);
  weigh(y, x);
  mpfr_clear(u);
}
#endif

/* ---- the table -------------------------------------------------------------------------------------------------------- */

enum {
#define ROW(name, quick, wide, exact, steep) ROW_##name,
  REFERENCES(ROW, ROW)
#undef ROW
};
#define ONE(name, quick, wide, exact, steep) \
  VECTORS static void quick_##name(const float *x, const float *z, double *truth, int count) { \
    (void)z; \
    for (int k = 0; k < count; k++) { \
      double a = (double)x[k]; \
      truth[k] = quick; \
    } \
  } \
  static void wide_##name(const double *x, const double *z, long double *truth, int count) { \
    (void)z; \
    for (int k = 0; k < count; k++) { \
      long double a = x[k]; \
      truth[k] = wide; \
    } \
  }
#define TWO(name, quick, wide, exact, steep) \
  static void quick_##name(const float *x, const float *z, double *truth, int count) { \
    for (int k = 0; k < count; k++) { \
      double a = (double)x[k], b = (double)z[k]; \
      truth[k] = quick; \
    } \
  } \
  static void wide_##name(const double *x, const double *z, long double *truth, int count) { \
    for (int k = 0; k < count; k++) { \
      long double a = x[k], b = z[k]; \
      truth[k] = wide; \
    } \
  }
REFERENCES(ONE, TWO)
#undef ONE
#undef TWO
static const Reference references[] = {
#define ROW(name, quick, wide, exact, steep) {#name, quick_##name, wide_##name, ROW_##name, steep},
  REFERENCES(ROW, ROW)
#undef ROW
};

const Reference *reference_find(const char *name) {
  for (size_t k = 0; k < sizeof references / sizeof *references; k++)
    if (strcmp(references[k].name, name) == 0) return &references[k];
  return NULL;
}

/* ---- distances -------------------------------------------------------------------------------------------------------- */

/* Special values: true if they decide, then *error is 0 or INFINITY. `got` overflows become one step beyond the largest. */
static bool special(bool truth_nan, bool truth_infinite, bool truth_zero, bool beyond, bool truth_minus, double *got, bool wide, double *error) {
  bool same_sign = !signbit(*got) == !truth_minus;
  *error = INFINITY;
  if (truth_nan || isnan(*got)) {
    if (truth_nan && isnan(*got)) *error = 0;
    return true;
  }
  if (isinf(*got) && beyond) {
    if (same_sign) *error = 0;
    return true;
  }
  if (truth_infinite) return true;
  if (truth_zero && *got == 0) {
    if (same_sign) *error = 0;
    return true;
  }
  if (isinf(*got)) *got = copysign(wide ? 0x1.fffffffffffffp1023 : 0x1p128, *got);
  return false;
}

double reference_distance(long double truth, double got, bool wide) {
  int         bits = wide ? 53 : 24, least = wide ? -1021 : -125, exponent;
  long double beyond = wide ? 0x1p1023L * (2 - 0x1p-53L) : 0x1p128L - 0x1p103L; /* rounds to infinity from here */
  double      error;
  if (special(isnan(truth), isinf(truth), truth == 0, fabsl(truth) >= beyond, signbit(truth), &got, wide, &error)) return error;
  frexpl(truth, &exponent);
  if (exponent < least || truth == 0) exponent = least;
  return (double)(fabsl((long double)got - truth) / ldexpl(1, exponent - bits));
}

#ifdef ONNXCC_MPFR
bool reference_has_exact(void) { return true; }

static void exact_value(int row, mpfr_t y, mpfr_t x, mpfr_t z) {
  switch (row) {
#define ROW(name, quick, wide, exact, steep) case ROW_##name: exact; break;
    REFERENCES(ROW, ROW)
#undef ROW
  }
}

double reference_exact(const Reference *reference, double a, double b, double got, bool wide) {
  mpfr_t x, y, z;
  double error;
  mpfr_inits2(PRECISION, x, y, z, (mpfr_ptr)0);
  mpfr_set_d(x, a, MPFR_RNDN);
  mpfr_set_d(z, b, MPFR_RNDN);
  exact_value(reference->row, y, x, z);
  mpfr_exp_t exponent = mpfr_regular_p(y) ? mpfr_get_exp(y) : 0, least = wide ? -1021 : -125, most = wide ? 1024 : 128;
  bool       beyond = mpfr_inf_p(y);
  if (mpfr_regular_p(y) && exponent >= most) { /* rounds to infinity from half an ULP above the largest */
    mpfr_set_ui_2exp(z, 1, most, MPFR_RNDN);
    mpfr_set_ui_2exp(x, 1, most - (wide ? 54 : 25), MPFR_RNDN);
    mpfr_sub(z, z, x, MPFR_RNDN);
    beyond = mpfr_cmpabs(y, z) >= 0;
  }
  if (!special(mpfr_nan_p(y), mpfr_inf_p(y), mpfr_zero_p(y), beyond, mpfr_signbit(y), &got, wide, &error)) {
    if (exponent < least || mpfr_zero_p(y)) exponent = least;
    mpfr_sub_d(y, y, got, MPFR_RNDN);
    mpfr_div_2si(y, y, exponent - (wide ? 53 : 24), MPFR_RNDN);
    error = fabs(mpfr_get_d(y, MPFR_RNDN));
  }
  mpfr_clears(x, y, z, (mpfr_ptr)0);
  return error;
}
#else
bool reference_has_exact(void) { return false; }
double reference_exact(const Reference *reference, double a, double b, double got, bool wide) { return NAN; }
#endif
