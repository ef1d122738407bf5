/* How far the functions of compiler/loop/library.lir are from the truth, in units in the last place.
 *
 *     ulp [--all | --step=N] [--points=N] [--interpret] [NAME...]
 *     ulp --operations [NAME...]
 *
 * f32 functions of one operand: every N-th float (997; --all is every one) and the edges. Functions of two operands and f64 ones: the edges, or
 * all pairs of them, and N random points. Each is run twice, legalised for machines with fma and without, as emitted C that $CC compiles, or,
 * where there is no compiler or no such instruction, or with --interpret, by the interpreter: the bits are the same.
 *
 * The truth is the C library's in the next wider type, and MPFR's wherever that puts a point near the worst one so far, at every edge, and at
 * a sample of the others. Prints a line a function and variant; fails where an error exceeds the bound of the table, or where zero, its sign,
 * infinity or NaN are not those of C. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/loop/loop.h"
#include "tests/ulp/reference.h"
#include "tests/ulp/subject.h"

/* FUNCTION(name, reference, operands, bound in ULP for f32, bound for f64). Bounds of the fast variants (FAST) are for f32; those marked `operand`
 * are ULP of the operand where that is larger than the result. */
#define FUNCTIONS(FUNCTION) \
  FUNCTION(exp, exp, 1, 1.0, 1.0) FUNCTION(exp2, exp2, 1, 1.5, 1.0) FUNCTION(expm1, expm1, 1, 2.5, 2.5) \
  FUNCTION(log, log, 1, 1.0, 1.0) FUNCTION(log1p, log1p, 1, 2.5, 2.5) FUNCTION(tanh, tanh, 1, 1.5, 3.0) \
  FUNCTION(erf, erf, 1, 1.5, 2.5) FUNCTION(sigmoid, sigmoid, 1, 2.0, 2.5) FUNCTION(sin, sin, 1, 1.5, 2.5) \
  FUNCTION(cos, cos, 1, 1.5, 2.5) FUNCTION(tan, tan, 1, 3.0, 2.5) FUNCTION(sinh, sinh, 1, 2.5, 2.5) \
  FUNCTION(cosh, cosh, 1, 2.5, 2.5) FUNCTION(asin, asin, 1, 3.0, 2.5) FUNCTION(acos, acos, 1, 2.5, 2.5) \
  FUNCTION(atan, atan, 1, 2.5, 2.5) FUNCTION(asinh, asinh, 1, 2.5, 2.5) FUNCTION(acosh, acosh, 1, 2.5, 2.5) \
  FUNCTION(atanh, atanh, 1, 2.5, 2.5) FUNCTION(pow, pow, 2, 2.5, 2.5) FUNCTION(fmod, fmod, 2, 0.0, 0.0) \
  FUNCTION(sqrt, sqrt, 1, 0.5, 0.5) FUNCTION(floor, floor, 1, 0.0, 0.0) FUNCTION(ceil, ceil, 1, 0.0, 0.0) \
  FUNCTION(trunc, trunc, 1, 0.0, 0.0) FUNCTION(round, round, 1, 0.0, 0.0) \
  FUNCTION(gelu, gelu, 1, 3.0, 4.0) FUNCTION(gelu_tanh, gelu_tanh, 1, 3.0, 3.0) FUNCTION(swish, swish, 1, 4.0, 4.0) \
  FUNCTION(scaled_swish, scaled_swish, 2, 4.0, 4.0) FUNCTION(mish, mish, 1, 4.0, 4.0) FUNCTION(softplus, softplus, 1, 4.0, 4.0)
#define FAST_FUNCTIONS(FAST) \
  FAST(exp, result, 8.0) FAST(log, result, 8.0) FAST(sigmoid, result, 8.0) FAST(tanh, result, 8.0) FAST(erf, result, 8.0) \
  FAST(swish, operand, 8.0) FAST(gelu, operand, 8.0) FAST(gelu_tanh, operand, 8.0)

typedef enum Grid { GRID_result, GRID_operand } Grid; /* whose ULP */
typedef struct Function { const char *name, *reference; int operands; double bound[2]; bool fast; Grid grid; } Function;
static const Function functions[] = {
#define FUNCTION(name, reference, operands, bound32, bound64) {#name, #reference, operands, {bound32, bound64}, false, GRID_result},
  FUNCTIONS(FUNCTION)
#undef FUNCTION
#define FAST(name, grid, bound) {#name "_fast", #name, 1, {bound, 0}, true, GRID_##grid},
  FAST_FUNCTIONS(FAST)
#undef FAST
};
enum { FUNCTION_COUNT = sizeof functions / sizeof *functions };

static const double edges[] = {
  0.0, 0x1p-149, 0x1.8p-140, 0x1p-126, 0x1.fffffep-127, 0x1p-60, 0x1p-30, 0x1p-24, 0x1p-12, 1e-3, 0.25, 0.4999999, 0.5, 0.50000006, 0.75,
  0.99999994, 1.0, 1.0000001, 1.25, 1.5, 2.0, 2.5, 3.0, 3.1415927, 4.0, 5.0, 7.5, 8.0, 9.0, 10.0, 16.0, 17.3, 20.0, 33.0, 44.0, 63.5, 64.0,
  87.0, 88.0, 88.7228394, 88.72284, 89.0, 100.0, 103.9, 104.0, 127.0, 128.0, 149.0, 150.0, 255.0, 709.0, 1000.0, 745.2, 1e5, 8388607.5, 8388608.0,
  16777215.0, 16777216.0, 16777217.0, 4294967296.0, 1e20, 1e30, 0x1.fffffep+127, 0x1p-1074, 0x1p-1022, 0x1p-1000, 1e300, 0x1.fffffffffffffp+1023,
  9007199254740991.0, 9007199254740993.0, 4503599627370495.5, 1.5707963267948966, 3.141592653589793, 0x1.921fb6p+0, 0x1.f37c8ap+95,
  0x1.6ac5b262ca1ffp+849, INFINITY, NAN,
};
enum { EDGES = sizeof edges / sizeof *edges };

/* ---- one function in both variants ------------------------------------------------------------------------------------ */

enum { VARIANTS = 2, EXACT_EVERY = 99991 };
static const char *const variant_names[VARIANTS] = {"mul", "fma"};

typedef struct Worst { double error, a, b, got; } Worst;

typedef struct Trial {
  Subject          *subject[VARIANTS];
  int               index;              /* of the function in the subjects */
  const Function   *function;
  const Reference  *reference;
  bool              wide, all_exact;    /* all_exact: the edges */
  double            doubt;              /* ULP that the quick truth may be wrong */
  Worst             worst[VARIANTS];
  uint64_t          measured;
  int               count;              /* operands waiting */
  float             single[3][BATCH];   /* operands, result */
  double            twice[3][BATCH];
} Trial;

/* An error above this makes a point a candidate for the worst. */
static double limit_of(const Trial *trial, int variant) {
  double error = trial->worst[variant].error;
  return error - (error / 8 < trial->doubt ? error / 8 : trial->doubt);
}

/* Of a fast variant: zeros have any sign, what is below 2^-124 may be 0, subnormal operands are not asked for. */
static double fast_error(const Function *function, double a, double truth, double got) {
  double largest = function->grid == GRID_operand && fabs(a) > fabs(truth) ? fabs(a) : fabs(truth);
  int    exponent;
  if (isnan(truth) || isnan(got)) return isnan(truth) && isnan(got) ? 0 : INFINITY;
  if ((a != 0 && fabs(a) < 0x1p-126) || (fabs(truth) < 0x1p-124 && fabs(got) <= 0x1p-124)) return 0;
  if (isinf(got) || fabs(truth) >= 0x1.ffffffp+127) return got == (double)(float)truth ? 0 : INFINITY;
  if (isinf(largest)) return got == 0 ? 0 : INFINITY;
  frexp(largest, &exponent);
  return fabs(got - truth) / ldexp(1, exponent - 24);
}

static void judge(Trial *trial, int variant, double a, double b, double got, long double truth, bool exactly) {
  bool   fast = trial->function->fast;
  double error = fast ? fast_error(trial->function, a, (double)truth, got) : reference_distance(truth, got, trial->wide);
  Worst *worst = &trial->worst[variant];
  bool ask = !fast && reference_has_exact() && (exactly || error > limit_of(trial, variant));
  if (ask) error = reference_exact(trial->reference, a, b, got, trial->wide);
  if (error > worst->error) *worst = (Worst){error, a, b, got};
}

/* Whether every of count results is right or less than `limit` ULP of f32 away from the truth. Without branches, for vectors. */
static bool all_near(const float *results, const double *truth, int count, double limit) {
  int distant = 0;
  for (int k = 0; k < count; k++) {
    double   got = (double)results[k];
    uint64_t truth_bits, got_bits, ulp_bits;
    memcpy(&truth_bits, &truth[k], sizeof truth_bits);
    memcpy(&got_bits, &got, sizeof got_bits);
    uint64_t exponent = truth_bits & UINT64_C(0x7ff0000000000000), least = (uint64_t)(1023 - 126) << 52;
    ulp_bits = (exponent > least ? exponent : least) - ((uint64_t)23 << 52);
    double ulp;
    memcpy(&ulp, &ulp_bits, sizeof ulp);
    int near_truth = fabs(got - truth[k]) <= limit * ulp;
    int same = results[k] == (float)truth[k] || (got != got && truth[k] != truth[k]);
    distant |= (!near_truth & !same) | (got == 0 && (truth_bits ^ got_bits) >> 63);
  }
  return !distant;
}

enum { STRETCH = 64 };

static void measure_single(Trial *trial, int variant, const double *truth) {
  float (*single)[BATCH] = trial->single;
  for (int start = 0; start < trial->count; start += STRETCH) {
    int end = start + STRETCH < trial->count ? start + STRETCH : trial->count;
    if (!trial->all_exact && all_near(single[2] + start, truth + start, end - start, limit_of(trial, variant))) continue;
    for (int k = start; k < end; k++)
      judge(trial, variant, (double)single[0][k], (double)single[1][k], (double)single[2][k], (long double)truth[k], trial->all_exact);
  }
}

static void measure_twice(Trial *trial, int variant, const long double *truth) {
  double (*twice)[BATCH] = trial->twice;
  for (int k = 0; k < trial->count; k++) judge(trial, variant, twice[0][k], twice[1][k], twice[2][k], truth[k], trial->all_exact);
}

/* Every so often MPFR has a look anyway. */
static void measure_sample(Trial *trial, int variant, const double *truth, const long double *truth_wide) {
  int k = (int)(trial->measured / EXACT_EVERY % (uint64_t)trial->count);
  if (trial->wide) judge(trial, variant, trial->twice[0][k], trial->twice[1][k], trial->twice[2][k], truth_wide[k], true);
  else judge(trial, variant, (double)trial->single[0][k], (double)trial->single[1][k], (double)trial->single[2][k], (long double)truth[k], true);
}

static void measure(Trial *trial) {
  static double      truth[BATCH];
  static long double truth_wide[BATCH];
  if (trial->count == 0) return;
  if (trial->wide) trial->reference->quick_wide(trial->twice[0], trial->twice[1], truth_wide, trial->count);
  else trial->reference->quick(trial->single[0], trial->single[1], truth, trial->count);
  for (int variant = 0; variant < VARIANTS; variant++) {
    void *a = trial->wide ? (void *)trial->twice[0] : trial->single[0], *b = trial->wide ? (void *)trial->twice[1] : trial->single[1];
    subject_run(trial->subject[variant], trial->index, a, b, trial->wide ? (void *)trial->twice[2] : trial->single[2]);
    if (trial->wide) measure_twice(trial, variant, truth_wide);
    else measure_single(trial, variant, truth);
    if (trial->measured % EXACT_EVERY < BATCH) measure_sample(trial, variant, truth, truth_wide);
  }
  trial->measured += (uint64_t)trial->count;
  trial->count = 0;
}

static void put(Trial *trial, double a, double b) {
  int k = trial->count++;
  trial->single[0][k] = (float)a, trial->single[1][k] = (float)b;
  trial->twice[0][k] = a, trial->twice[1][k] = b;
  if (trial->count == BATCH) measure(trial);
}

/* ---- operands --------------------------------------------------------------------------------------------------------- */

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

/* The second operand of scaled_swish is a constant of the model, of a sensible size. */
static double second_operand(const Trial *trial, double b) {
  if (strcmp(trial->function->name, "scaled_swish") != 0 || (fabs(b) >= 0x1p-60 && fabs(b) <= 0x1p+60)) return b;
  return 0x1.b3c7fap+0; /* 1.702, as a float */
}

static void put_edges(Trial *trial) {
  bool two = trial->function->operands == 2;
  trial->all_exact = true;
  for (int j = 0; j < 2 * EDGES; j++)
    for (int k = 0; k < (two ? 2 * EDGES : 1); k++)
      put(trial, j & 1 ? -edges[j / 2] : edges[j / 2], second_operand(trial, k & 1 ? -edges[k / 2] : edges[k / 2]));
  measure(trial);
  trial->all_exact = false;
}

static void put_points(Trial *trial, uint64_t step, uint64_t points) {
  bool two = trial->function->operands == 2;
  if (!two && !trial->wide) {
    for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += step) put(trial, (double)float_of((uint32_t)bits), 0);
  } else {
    seed = 1;
    for (uint64_t k = 0; k < points; k++) {
      double a = random_operand(trial->wide), b = two ? second_operand(trial, random_operand(trial->wide)) : 0;
      put(trial, two && k % 3 == 0 ? fabs(a) : a, b);
    }
  }
  measure(trial);
}

/* ---- the report ------------------------------------------------------------------------------------------------------- */

static int report(const Trial *trial, const char *name) {
  double bound = trial->function->bound[trial->wide];
  int    failed = 0;
  for (int variant = 0; variant < VARIANTS; variant++) {
    const Worst *worst = &trial->worst[variant];
    bool         good = worst->error <= bound;
    printf("%s %s/%s - %.3f ULP at %a", good ? "ok" : "not ok", name, variant_names[variant], worst->error, worst->a);
    if (trial->function->operands == 2) printf(", %a", worst->b);
    if (!good) printf(": got %a, allowed are %.1f", worst->got, bound);
    puts("");
    failed += !good;
  }
  fflush(stdout);
  return failed;
}

typedef struct Plan {
  SubjectFunction subjects[2 * FUNCTION_COUNT];
  const Function *functions[2 * FUNCTION_COUNT];
  char            names[2 * FUNCTION_COUNT][40];
  int             count;
} Plan;

static bool wanted(const char *full, const char *name, int count, char **names) {
  for (int k = 0; k < count; k++)
    if (strcmp(names[k], full) == 0 || strcmp(names[k], name) == 0) return true;
  return count == 0;
}

static void make_plan(Plan *plan, int name_count, char **names) {
  for (int k = 0; k < FUNCTION_COUNT; k++)
    for (int wide = 0; wide < 2; wide++) {
      char *full = plan->names[plan->count];
      snprintf(full, sizeof plan->names[0], "%s_%s", functions[k].name, wide ? "f64" : "f32");
      if (!library_has(full) || !wanted(full, functions[k].name, name_count, names)) continue;
      plan->functions[plan->count] = &functions[k];
      plan->subjects[plan->count++] = (SubjectFunction){full, functions[k].operands, wide};
    }
}

int main(int count, char **words) {
  static Plan  plan;
  static Trial trial;
  uint64_t     step = 997, points = 200000;
  bool         interpret = false, operations = false;
  int          names = 0, failed = 0;
  for (int k = 1; k < count; k++) {
    if (strcmp(words[k], "--all") == 0) step = 1;
    else if (strcmp(words[k], "--interpret") == 0) interpret = true;
    else if (strcmp(words[k], "--operations") == 0) operations = interpret = true;
    else if (strncmp(words[k], "--step=", 7) == 0) step = strtoull(words[k] + 7, NULL, 10);
    else if (strncmp(words[k], "--points=", 9) == 0) points = strtoull(words[k] + 9, NULL, 10);
    else words[names++] = words[k];
  }
  make_plan(&plan, names, words);
  if (step == 0 || plan.count == 0) return fputs("usage: ulp [--operations | --all | --step=N] [--points=N] [--interpret] [NAME...]\n", stderr), 2;
  if (!reference_has_exact()) puts("skip exact - built without MPFR (libmpfr-dev): the C library's wider types judge");
  Subject *subjects[VARIANTS];
  for (int variant = 0; variant < VARIANTS; variant++)
    subjects[variant] = subject_open(plan.subjects, plan.count, variant == 1, !interpret && subject_can_compile(variant == 1));
  for (int k = 0; operations && k < plan.count; k++)
    printf("%s: %u operations, %u with fma\n", plan.subjects[k].name, subject_operations(subjects[0], k), subject_operations(subjects[1], k));
  for (int k = 0; !operations && k < plan.count; k++) {
    trial = (Trial){.index = k, .function = plan.functions[k], .wide = plan.subjects[k].wide};
    trial.reference = reference_find(trial.function->reference);
    memcpy(trial.subject, subjects, sizeof subjects);
    trial.doubt = !trial.wide ? 1e-5 : trial.reference->steep ? 1 : 0.02;
    put_edges(&trial);
    put_points(&trial, step, points);
    failed += report(&trial, plan.subjects[k].name);
  }
  for (int variant = 0; variant < VARIANTS; variant++) subject_close(subjects[variant]);
  return failed > 0;
}
