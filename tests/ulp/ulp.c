/* How far the functions of compiler/loop/library.lir are from the truth, in units in the last place, run through the interpreter.
 *
 *     ulp [--all | --step=N] [NAME...]
 *
 * f32 functions: every N-th float (997, so a few seconds; --all is every float, minutes a function) and the edges. f64 functions: random
 * numbers of every exponent, and the edges. Functions of two operands: random pairs, and all pairs of edges. The truth is the C library in
 * long double. Prints one line a function; fails where an error exceeds the bound of the table, or where zero, infinity, NaN or the sign of
 * zero are not those of C. */
#include "compiler/loop/evaluate.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 1 << 15 };

typedef long double Reference(long double a, long double b);
static long double ref_exp(long double a, long double b) { return expl(a); }
static long double ref_exp2(long double a, long double b) { return exp2l(a); }
static long double ref_expm1(long double a, long double b) { return expm1l(a); }
static long double ref_log(long double a, long double b) { return logl(a); }
static long double ref_log1p(long double a, long double b) { return log1pl(a); }
static long double ref_tanh(long double a, long double b) { return tanhl(a); }
static long double ref_sinh(long double a, long double b) { return sinhl(a); }
static long double ref_cosh(long double a, long double b) { return coshl(a); }
static long double ref_erf(long double a, long double b) { return erfl(a); }
static long double ref_sigmoid(long double a, long double b) { return a < 0 ? expl(a) / (1 + expl(a)) : 1 / (1 + expl(-a)); }
static long double ref_sin(long double a, long double b) { return sinl(a); }
static long double ref_cos(long double a, long double b) { return cosl(a); }
static long double ref_tan(long double a, long double b) { return tanl(a); }
static long double ref_asin(long double a, long double b) { return asinl(a); }
static long double ref_acos(long double a, long double b) { return acosl(a); }
static long double ref_atan(long double a, long double b) { return atanl(a); }
static long double ref_asinh(long double a, long double b) { return asinhl(a); }
static long double ref_acosh(long double a, long double b) { return acoshl(a); }
static long double ref_atanh(long double a, long double b) { return atanhl(a); }
static long double ref_pow(long double a, long double b) { return powl(a, b); }
static long double ref_fmod(long double a, long double b) { return fmodl(a, b); }
static long double ref_sqrt(long double a, long double b) { return sqrtl(a); }
static long double ref_floor(long double a, long double b) { return floorl(a); }
static long double ref_ceil(long double a, long double b) { return ceill(a); }
static long double ref_trunc(long double a, long double b) { return truncl(a); }
static long double ref_round(long double a, long double b) { return rintl(a); }

/* FUNCTION(name, operands, bound in ULP for f32, bound for f64) */
#define FUNCTIONS(FUNCTION) \
  FUNCTION(exp, 1, 1.0, 1.0) FUNCTION(exp2, 1, 1.5, 1.0) FUNCTION(expm1, 1, 2.5, 2.5) \
  FUNCTION(log, 1, 1.0, 1.0) FUNCTION(log1p, 1, 2.5, 2.5) FUNCTION(tanh, 1, 1.5, 2.5) \
  FUNCTION(erf, 1, 1.5, 2.5) FUNCTION(sigmoid, 1, 2.0, 2.5) FUNCTION(sin, 1, 1.5, 2.5) \
  FUNCTION(cos, 1, 1.5, 2.5) FUNCTION(tan, 1, 2.5, 2.5) FUNCTION(sinh, 1, 2.5, 2.5) \
  FUNCTION(cosh, 1, 2.5, 2.5) FUNCTION(asin, 1, 2.5, 2.5) FUNCTION(acos, 1, 2.5, 2.5) \
  FUNCTION(atan, 1, 2.5, 2.5) FUNCTION(asinh, 1, 2.5, 2.5) FUNCTION(acosh, 1, 2.5, 2.5) \
  FUNCTION(atanh, 1, 2.5, 2.5) FUNCTION(pow, 2, 2.5, 2.5) FUNCTION(fmod, 2, 0.0, 0.0) \
  FUNCTION(sqrt, 1, 0.5, 0.5) FUNCTION(floor, 1, 0.0, 0.0) FUNCTION(ceil, 1, 0.0, 0.0) \
  FUNCTION(trunc, 1, 0.0, 0.0) FUNCTION(round, 1, 0.0, 0.0)

typedef struct Function { const char *name; int operands; double bound[2]; Reference *reference; } Function;
static const Function functions[] = {
#define FUNCTION(name, operands, bound32, bound64) { #name, operands, {bound32, bound64}, ref_##name },
  FUNCTIONS(FUNCTION)
#undef FUNCTION
};

static const double edges[] = {
  0.0, 0x1p-149, 0x1.8p-140, 0x1p-126, 0x1.fffffep-127, 0x1p-60, 0x1p-30, 0x1p-24, 0x1p-12, 1e-3, 0.25, 0.4999999, 0.5, 0.50000006, 0.75,
  0.99999994, 1.0, 1.0000001, 1.25, 1.5, 2.0, 2.5, 3.0, 3.1415927, 4.0, 5.0, 7.5, 8.0, 9.0, 10.0, 16.0, 17.3, 20.0, 33.0, 44.0, 63.5, 64.0,
  87.0, 88.0, 88.7228394, 88.72284, 89.0, 100.0, 103.9, 104.0, 127.0, 128.0, 149.0, 150.0, 255.0, 709.0, 1000.0, 745.2, 1e5, 8388607.5, 8388608.0,
  16777215.0, 16777216.0, 16777217.0, 4294967296.0, 1e20, 1e30, 0x1.fffffep+127, 0x1p-1074, 0x1p-1022, 0x1p-1000, 1e300, 0x1.fffffffffffffp+1023,
  9007199254740991.0, 9007199254740993.0, 4503599627370495.5, 1.5707963267948966, 3.141592653589793, 0x1.921fb6p+0, 0x1.f37c8ap+95,
  0x1.6ac5b262ca1ffp+849, INFINITY, NAN,
};
enum { EDGES = sizeof edges / sizeof *edges };

/* ---- running a batch ------------------------------------------------------------------------------------------------- */

typedef struct Bench {
  Context  context;
  Arena   *arena;
  Program *program;
  const char *text;
  bool     wide;                 /* f64 */
  float    single[3][BATCH];     /* operands, result */
  double   twice[3][BATCH];
} Bench;

static void bench_open(void *self) {
  Bench *bench = self;
  bench->arena = arena_open(&bench->context);
  bench->program = program_parse(&bench->context, bench->arena, "ulp", bench->text, strlen(bench->text));
  program_link_library(bench->program);
  program_verify(bench->program);
}

static void bench_run(void *self) {
  Bench *bench = self;
  const void *inputs[2];
  void *outputs[1];
  int64_t symbols[1] = {0};
  for (int k = 0; k < 2; k++) inputs[k] = bench->wide ? (void *)bench->twice[k] : (void *)bench->single[k];
  outputs[0] = bench->wide ? (void *)bench->twice[2] : (void *)bench->single[2];
  Evaluation evaluation = {.inputs = inputs, .outputs = outputs, .symbols = symbols};
  Evaluator evaluator = interpreter();
  evaluator.run(evaluator.self, bench->program, 0, bench->arena, &evaluation);
  if (evaluation.fault) fprintf(stderr, "%s\n", evaluation.fault), exit(1);
}

static void guard(Bench *bench, void (*body)(void *)) {
  if (context_guard(&bench->context, body, bench) == OUTCOME_OK) return;
  for (uint32_t k = 0; k < bench->context.diagnostic_count; k++) fprintf(stderr, "%s\n", bench->context.diagnostics[k].message);
  exit(1);
}

/* ---- errors ---------------------------------------------------------------------------------------------------------- */

typedef struct Worst { double error, a, b, got; uint64_t points; } Worst;

/* Distance in ULP of the type's grid at the true value; INFINITY where special values differ. */
static double ulps(long double truth, double got, bool wide) {
  int bits = wide ? 53 : 24, least = wide ? -1022 : -126;
  long double beyond = wide ? 0x1p1024L - 0x1p970L : 0x1p128L - 0x1p103L; /* rounds to infinity from here */
  if (isnan(truth) || isnan(got)) return isnan(truth) && isnan(got) ? 0 : INFINITY;
  if (isinf(got) || fabsl(truth) >= beyond) {
    if (isinf(got) && fabsl(truth) >= beyond && !signbit(truth) == !signbit(got)) return 0;
    if (isinf(truth)) return INFINITY;
    if (isinf(got)) got = (got < 0 ? -1 : 1) * (wide ? 0x1.fffffffffffffp1023 : 0x1.fffffep127); /* one step short of it */
  }
  if (truth == 0 && got == 0) return !signbit(truth) == !signbit(got) ? 0 : INFINITY;
  int exponent;
  frexpl(truth, &exponent);
  if (exponent - 1 < least || truth == 0) exponent = least + 1;
  return (double)(fabsl((long double)got - truth) / ldexpl(1, exponent - bits));
}

static void measure(Bench *bench, const Function *function, int count, Worst *worst) {
  guard(bench, bench_run);
  for (int k = 0; k < count; k++) {
    double a = bench->wide ? bench->twice[0][k] : (double)bench->single[0][k];
    double b = bench->wide ? bench->twice[1][k] : (double)bench->single[1][k];
    double got = bench->wide ? bench->twice[2][k] : (double)bench->single[2][k];
    double error = ulps(function->reference(a, b), got, bench->wide);
    worst->points++;
    if (error > worst->error) *worst = (Worst){error, a, b, got, worst->points};
  }
}

/* ---- operands -------------------------------------------------------------------------------------------------------- */

static uint64_t seed = 1;
static uint64_t next_random(void) {
  seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
  return seed;
}

static float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static double double_of(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static void put(Bench *bench, const Function *function, int *count, double a, double b, Worst *worst) {
  bench->single[0][*count] = (float)a, bench->single[1][*count] = (float)b;
  bench->twice[0][*count] = a, bench->twice[1][*count] = b;
  if (++*count < BATCH) return;
  measure(bench, function, BATCH, worst);
  *count = 0;
}

/* Random operands: of any exponent, or of the ranges where functions do their work. */
static double random_operand(bool wide) {
  uint64_t bits = next_random();
  switch (next_random() % 4) {
    case 0: return wide ? double_of(bits) : (double)float_of((uint32_t)bits);
    case 1: return ((double)(int64_t)bits) * 0x1p-63 * 800;
    case 2: return ((double)(int64_t)bits) * 0x1p-63 * (wide ? 40 : 12);
    default: return ldexp((double)(int64_t)bits * 0x1p-63, (int)(next_random() % 40) - 20);
  }
}

static void try_all(Bench *bench, const Function *function, uint64_t step, Worst *worst) {
  int count = 0;
  for (int j = 0; j < 2 * EDGES; j++)
    for (int k = 0; k < (function->operands == 2 ? 2 * EDGES : 1); k++)
      put(bench, function, &count, j & 1 ? -edges[j / 2] : edges[j / 2], k & 1 ? -edges[k / 2] : edges[k / 2], worst);
  if (function->operands == 1 && !bench->wide) {
    for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += step) put(bench, function, &count, (double)float_of((uint32_t)bits), 0, worst);
  } else {
    for (uint64_t k = 0; k < ((uint64_t)1 << 31) / step; k++) {
      double a = random_operand(bench->wide), b = function->operands == 2 ? random_operand(bench->wide) : 0;
      if (function->operands == 2 && k % 3 == 0) a = fabs(a);
      put(bench, function, &count, a, b, worst);
    }
  }
  measure(bench, function, count, worst);
}

static bool try_function(const Function *function, bool wide, uint64_t step) {
  char name[40], text[800];
  const char *type = wide ? "f64" : "f32", *second = function->operands == 2 ? ", z[i]" : "";
  snprintf(name, sizeof name, "%s_%s", function->name, type);
  if (!library_has(name)) return true;
  snprintf(text, sizeof text,
           "program buffer x: %s[%d] input 0 buffer z: %s[%d] input 1 buffer y: %s[%d] output 0\n"
           "function %s(a: %s%s%s) -> %s\n"
           "kernel points(x: %s[%d] in, z: %s[%d] in, y: %s[%d] out) { for i in 0..%d { y[i] = %s(x[i]%s) } }\n"
           "entry run { call points(x, z, y) }\n",
           type, BATCH, type, BATCH, type, BATCH, name, type, function->operands == 2 ? ", b: " : "", function->operands == 2 ? type : "", type,
           type, BATCH, type, BATCH, type, BATCH, BATCH, name, second);
  static Bench bench;
  bench.text = text;
  bench.wide = wide;
  if (!context_open(&bench.context, NULL, -1)) exit(1);
  guard(&bench, bench_open);
  Worst worst = {0};
  try_all(&bench, function, step, &worst);
  context_close(&bench.context);
  double bound = function->bound[wide];
  bool good = worst.error <= bound;
  printf("%s %s - %.3f ULP at %a", good ? "ok" : "not ok", name, worst.error, worst.a);
  if (function->operands == 2) printf(", %a", worst.b);
  if (!good) printf(": got %a, allowed are %.1f", worst.got, bound);
  puts("");
  fflush(stdout);
  return good;
}

int main(int count, char **words) {
  uint64_t step = 997;
  int names = 0, failed = 0;
  for (int k = 1; k < count; k++) {
    if (strcmp(words[k], "--all") == 0) step = 1;
    else if (strncmp(words[k], "--step=", 7) == 0) step = strtoull(words[k] + 7, NULL, 10);
    else words[++names] = words[k];
  }
  for (size_t k = 0; k < sizeof functions / sizeof *functions; k++)
    for (int wide = 0; wide < 2; wide++) {
      bool wanted = names == 0;
      char full[40];
      snprintf(full, sizeof full, "%s_%s", functions[k].name, wide ? "f64" : "f32");
      for (int n = 1; n <= names; n++) wanted |= strcmp(words[n], full) == 0 || strcmp(words[n], functions[k].name) == 0;
      if (wanted && step > 0) failed += !try_function(&functions[k], wide, step);
    }
  return failed > 0;
}
