/* Every operation on every type, on all pairs of edge values, against compiler/ir.md rule 3 worked out here in wide arithmetic. */
#include "evaluate_test.h"

#include <math.h>

enum { EDGES = 14, PAIRS = EDGES * EDGES };

typedef __int128 Wide;

typedef struct Type { const char *name; int bits; bool is_signed, is_float; } Type;
static const Type types[] = {
  {"i8", 8, true, false},   {"i16", 16, true, false},  {"i32", 32, true, false},  {"i64", 64, true, false},  {"index", 64, true, false},
  {"u8", 8, false, false},  {"u16", 16, false, false}, {"u32", 32, false, false}, {"u64", 64, false, false}, {"f32", 32, false, true},
  {"f64", 64, false, true}, {"i1", 1, false, false},
};
enum { TYPES = sizeof types / sizeof *types };

static int bytes_of(const Type *type) { return type->bits == 1 ? 1 : type->bits / 8; }

/* ---- values ---------------------------------------------------------------------------------------------------------- */

typedef struct Number { Wide integer; double real; } Number; /* the one the type has */

static Wide least(const Type *type) { return type->is_signed ? -((Wide)1 << (type->bits - 1)) : 0; }
static Wide most(const Type *type) { return ((Wide)1 << (type->bits - type->is_signed)) - 1; }

static Wide wrap(const Type *type, Wide value) {
  Wide range = (Wide)1 << type->bits, rest = value % range;
  if (rest < 0) rest += range;
  return rest > most(type) ? rest - range : rest;
}

static Number edge(const Type *type, int k) {
  static const double reals[EDGES] = {0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -3.5, INFINITY, -INFINITY, NAN, 1e10, -3e9, 300.75, 0x1p-130};
  if (type->is_float) return (Number){0, type->bits == 32 ? (double)(float)reals[k] : reals[k]};
  const Wide integers[EDGES] = {0, 1, 2, 3, -1, -2, most(type), most(type) - 1, least(type), least(type) + 1, 7, type->bits - 1, type->bits, 100};
  return (Number){wrap(type, integers[k]), 0};
}

static void put(const Type *type, uint8_t *array, int at, Number number) {
  float single = (float)number.real;
  uint64_t bits = (uint64_t)number.integer;
  uint8_t *to = array + at * bytes_of(type);
  if (type->is_float && type->bits == 32) memcpy(to, &single, 4);
  else if (type->is_float) memcpy(to, &number.real, 8);
  else memcpy(to, &bits, (size_t)bytes_of(type));
}

static Number get(const Type *type, const uint8_t *array, int at) {
  float single;
  Number number = {0, 0};
  uint64_t bits = 0;
  const uint8_t *from = array + at * bytes_of(type);
  if (type->is_float && type->bits == 32) memcpy(&single, from, 4), number.real = (double)single;
  else if (type->is_float) memcpy(&number.real, from, 8);
  else memcpy(&bits, from, (size_t)bytes_of(type)), number.integer = wrap(type, (Wide)bits);
  return number;
}

static bool equal(const Type *type, Number a, Number b) {
  if (!type->is_float) return a.integer == b.integer;
  if (isnan(a.real) || isnan(b.real)) return isnan(a.real) && isnan(b.real);
  return a.real == b.real && !signbit(a.real) == !signbit(b.real);
}

/* ---- what the operations mean ------------------------------------------------------------------------------------------ */

static Wide shift_right(const Type *type, Wide a, Wide count) {
  if (count >= type->bits) return a < 0 ? -1 : 0;
  return a >> (int)count;
}

/* Integers; `found`: the operation exists. */
static Number integer_meaning(const Type *type, const char *op, Wide a, Wide b, bool *found) {
  Wide count = wrap(&(Type){"", type->bits, false, false}, b), quotient = b == 0 ? 0 : a / b;
  struct { const char *op; Wide value; } rows[] = {
    {"+", a + b}, {"-", a - b}, {"*", (Wide)((unsigned __int128)a * (unsigned __int128)b)}, {"/", quotient}, {"%", a - quotient * b},
    {"min", a < b ? a : b}, {"max", a > b ? a : b}, {"&", a & b}, {"|", a | b}, {"^", a ^ b},
    {"<<", count >= type->bits ? 0 : (Wide)((unsigned __int128)a << (int)count)}, {">>", shift_right(type, a, count)},
    {"neg", -a}, {"abs", a < 0 ? -a : a}, {"not", ~a}, {"muladd", (Wide)((unsigned __int128)a * (unsigned __int128)b + (unsigned __int128)a)},
  };
  for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
    if ((*found = strcmp(rows[k].op, op) == 0)) return (Number){wrap(type, rows[k].value), 0};
  return (Number){0, 0};
}

static Number float_meaning(const Type *type, const char *op, double a, double b, bool *found) {
  bool narrow = type->bits == 32;
  volatile float fa = (float)a, fb = (float)b, product = fa * fb;
  volatile double wide_product = a * b;
  struct { const char *op; double value; } rows[] = {
    {"+", narrow ? (double)(fa + fb) : a + b}, {"-", narrow ? (double)(fa - fb) : a - b}, {"*", narrow ? (double)product : wide_product},
    {"/", narrow ? (double)(fa / fb) : a / b}, {"min", a < b ? a : b}, {"max", a > b ? a : b}, {"neg", -a}, {"abs", fabs(a)},
    {"sqrt", narrow ? (double)sqrtf(fa) : sqrt(a)}, {"floor", floor(a)}, {"ceil", ceil(a)}, {"trunc", trunc(a)}, {"round", rint(a)},
    {"muladd", narrow ? (double)(product + fa) : wide_product + a}, {"fma", narrow ? (double)fmaf(fa, fb, fa) : fma(a, b, a)},
  };
  for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
    if ((*found = strcmp(rows[k].op, op) == 0)) return (Number){0, rows[k].value};
  return (Number){0, 0};
}

static bool compare(const Type *type, const char *op, Number a, Number b) {
  bool below = type->is_float ? a.real < b.real : a.integer < b.integer, above = type->is_float ? a.real > b.real : a.integer > b.integer;
  bool same = type->is_float ? a.real == b.real : a.integer == b.integer;
  switch (op[0]) {
    case '<': return below || (op[1] && same);
    case '>': return above || (op[1] && same);
    case '=': return same;
    default: return !same;
  }
}

/* ---- running ----------------------------------------------------------------------------------------------------------- */

static Trial trial;
static uint8_t a_values[PAIRS * 8], b_values[PAIRS * 8];
static char text[1024];

static void fill(const Type *type) {
  for (int k = 0; k < PAIRS; k++) put(type, a_values, k, edge(type, k / EDGES)), put(type, b_values, k, edge(type, k % EDGES));
}

/* Runs y[i] = expression of x[i] and z[i]; what is wrong, or NULL. */
static const char *run(const char *from, const char *to, const char *expression) {
  memset(&trial, 0, sizeof trial);
  snprintf(text, sizeof text,
           "program buffer x: %s[%d] input 0 buffer z: %s[%d] input 1 buffer y: %s[%d] output 0\n"
           "kernel all(x: %s[%d] in, z: %s[%d] in, y: %s[%d] out) { for i in 0..%d { let a = x[i] let b = z[i] y[i] = %s } }\n"
           "entry run { call all(x, z, y) }\n", from, PAIRS, from, PAIRS, to, PAIRS, from, PAIRS, from, PAIRS, to, PAIRS, PAIRS, expression);
  trial.text = text;
  trial.inputs[0] = a_values, trial.inputs[1] = b_values;
  return trial_twice(&trial);
}

static const char *complain(const Type *type, const char *what, int k) {
  static char message[200];
  Number a = get(type, a_values, k), b = get(type, b_values, k);
  if (type->is_float) snprintf(message, sizeof message, "%s on %s: wrong for %a and %a", what, type->name, a.real, b.real);
  else snprintf(message, sizeof message, "%s on %s: wrong for %lld and %lld", what, type->name, (long long)a.integer, (long long)b.integer);
  return message;
}

/* `op` as it is written on a and b (and a again). */
static const char *written(const char *op) {
  static char expression[64];
  bool word = op[0] >= 'a' && op[0] <= 'z';
  if (!word) snprintf(expression, sizeof expression, "a %s b", op);
  else if (strcmp(op, "min") == 0 || strcmp(op, "max") == 0) snprintf(expression, sizeof expression, "%s(a, b)", op);
  else if (strcmp(op, "muladd") == 0 || strcmp(op, "fma") == 0) snprintf(expression, sizeof expression, "%s(a, b, a)", op);
  else snprintf(expression, sizeof expression, "%s(a)", op);
  return expression;
}

static const char *check_operation(const Type *type, const char *op) {
  bool found;
  if (type->is_float) float_meaning(type, op, 0, 0, &found);
  else integer_meaning(type, op, 0, 0, &found);
  if (!found) return NULL;
  fill(type);
  const char *wrong = run(type->name, type->name, written(op));
  if (wrong) return wrong;
  for (int k = 0; k < PAIRS; k++) {
    Number a = edge(type, k / EDGES), b = edge(type, k % EDGES);
    Number wanted = type->is_float ? float_meaning(type, op, a.real, b.real, &found) : integer_meaning(type, op, a.integer, b.integer, &found);
    if (!equal(type, get(type, (uint8_t *)trial.outputs[0], k), wanted)) return complain(type, op, k);
  }
  return NULL;
}

TEST(arithmetic) {
  static const char *const operations[] = {"+", "-", "*", "/", "%", "min", "max", "&", "|", "^", "<<", ">>", "neg", "abs", "not", "sqrt",
                                           "floor", "ceil", "trunc", "round", "muladd", "fma"};
  for (int t = 0; t < TYPES - 1; t++)
    for (size_t k = 0; k < sizeof operations / sizeof *operations; k++) {
      const char *wrong = check_operation(&types[t], operations[k]);
      CHECK_TEXT(wrong ? wrong : "", "");
    }
}

TEST(comparisons) {
  static const char *const operations[] = {"==", "!=", "<", "<=", ">", ">="};
  for (int t = 0; t < TYPES; t++)
    for (size_t o = 0; o < 6; o++) {
      if (types[t].bits == 1 && o > 1) continue;
      fill(&types[t]);
      const char *wrong = run(types[t].name, "i1", written(operations[o]));
      CHECK_TEXT(wrong ? wrong : "", "");
      for (int k = 0; k < PAIRS; k++) {
        bool wanted = compare(&types[t], operations[o], edge(&types[t], k / EDGES), edge(&types[t], k % EDGES));
        const char *bad = ((uint8_t *)trial.outputs[0])[k] == wanted ? "" : complain(&types[t], operations[o], k);
        CHECK_TEXT(bad, "");
      }
    }
}

TEST(logic) {
  const Type *type = &types[TYPES - 1];
  static const struct { const char *expression; int table; } rows[] = {
    {"a & b", 8}, {"a | b", 14}, {"a ^ b", 6}, {"not(a)", 3}, {"select(a, b, a)", 8}};
  for (size_t o = 0; o < sizeof rows / sizeof *rows; o++) {
    fill(type);
    const char *wrong = run("i1", "i1", rows[o].expression);
    CHECK_TEXT(wrong ? wrong : "", "");
    for (int k = 0; k < PAIRS; k++) CHECK_INT(((uint8_t *)trial.outputs[0])[k], rows[o].table >> (a_values[k] * 2 + b_values[k]) & 1);
  }
}

/* A cast by value: from any number to any type. */
static Number cast_meaning(const Type *from, const Type *to, Number number) {
  if (to->is_float) {
    if (from->is_float) return (Number){0, to->bits == 32 ? (double)(float)number.real : number.real};
    return (Number){0, to->bits == 32 ? (double)(float)number.integer : (double)number.integer};
  }
  if (!from->is_float) return (Number){to->bits == 1 ? number.integer != 0 : wrap(to, number.integer), 0};
  if (to->bits == 1) return (Number){number.real != 0, 0};
  if (isnan(number.real)) return (Number){0, 0};
  if (number.real <= (double)least(to)) return (Number){least(to), 0};
  if (number.real >= (double)most(to)) return (Number){most(to), 0};
  return (Number){(Wide)number.real, 0};
}

TEST(casts) {
  for (int f = 0; f < TYPES; f++)
    for (int t = 0; t < TYPES; t++) {
      char expression[64];
      const Type *from = &types[f], *to = &types[t];
      fill(from);
      snprintf(expression, sizeof expression, "cast(%s, a)", to->name);
      const char *wrong = run(from->name, to->name, expression);
      CHECK_TEXT(wrong ? wrong : "", "");
      for (int k = 0; k < PAIRS; k++) {
        bool good = equal(to, get(to, (uint8_t *)trial.outputs[0], k), cast_meaning(from, to, edge(from, k / EDGES)));
        const char *bad = good ? "" : complain(from, expression, k);
        CHECK_TEXT(bad, "");
      }
      if (from->is_float || to->is_float || from->bits == 1 || to->bits == 1) continue;
      snprintf(expression, sizeof expression, "saturate(%s, a)", to->name);
      wrong = run(from->name, to->name, expression);
      CHECK_TEXT(wrong ? wrong : "", "");
      for (int k = 0; k < PAIRS; k++) {
        Wide value = edge(from, k / EDGES).integer, low = least(to), high = most(to), got = get(to, (uint8_t *)trial.outputs[0], k).integer;
        const char *bad = got == (value < low ? low : value > high ? high : value) ? "" : complain(from, expression, k);
        CHECK_TEXT(bad, "");
      }
    }
}

TEST(casts_to_half_types_round_once) {
  static const int64_t integers[] = {0x4040000000000001, 0x4040000000000000, -0x4040000000000001, INT64_MAX, 65519, 65520, 257, 2049, 2051};
  static const double halves[] = {INFINITY, INFINITY, -INFINITY, INFINITY, 65504, INFINITY, 257, 2048, 2052};
  static const double brains[] = {0x1.02p62, 0x1p62, -0x1.02p62, 0x1p63, 65536, 65536, 256, 2048, 2048};
  memset(a_values, 0, sizeof a_values);
  memcpy(a_values, integers, sizeof integers);
  for (int half = 0; half < 2; half++) {
    const char *wrong = run("i64", "f64", half ? "cast(f64, cast(f16, a))" : "cast(f64, cast(bf16, a))");
    CHECK_TEXT(wrong ? wrong : "", "");
    for (size_t k = 0; k < sizeof integers / sizeof *integers; k++) CHECK(((double *)trial.outputs[0])[k] == (half ? halves[k] : brains[k]));
  }
}

TEST(carried_variables_scan_in_order) {
  static const char *const updates[] = {"v + a", "a + v", "v * b", "min(v, a)", "min(a, v)", "max(v, a)", "max(a, v)",
                                        "muladd(a, b, v)", "fma(a, b, v)"};
  for (int t = 0; t < TYPES - 1; t++)
    for (size_t u = 0; u < sizeof updates / sizeof *updates; u++) {
      if (!types[t].is_float && u == 8) continue;
      fill(&types[t]);
      memset(&trial, 0, sizeof trial);
      const char *name = types[t].name;
      snprintf(text, sizeof text,
               "program buffer x: %s[%d] input 0 buffer z: %s[%d] input 1 buffer y: %s[] output 0\n"
               "kernel all(x: %s[%d] in, z: %s[%d] in, y: %s[] out) {\n"
               "  var v: %s = x[20] for i in 0..%d { let a = x[i] let b = z[i] v = %s } y[] = v }\n"
               "entry run { call all(x, z, y) }\n", name, PAIRS, name, PAIRS, name, name, PAIRS, name, PAIRS, name, name, PAIRS, updates[u]);
      trial.text = text;
      trial.inputs[0] = a_values, trial.inputs[1] = b_values;
      static Trial stepwise;
      stepwise = trial;
      stepwise.stepwise = true;
      trial_run(&trial), trial_run(&stepwise);
      Number got = get(&types[t], (uint8_t *)trial.outputs[0], 0), wanted = get(&types[t], (uint8_t *)stepwise.outputs[0], 0);
      bool good = !trial.fault[0] && equal(&types[t], got, wanted);
      CHECK_TEXT(good ? "" : updates[u], "");
    }
}

int main(void) {
  RUN(arithmetic);
  RUN(comparisons);
  RUN(logic);
  RUN(casts);
  RUN(casts_to_half_types_round_once);
  RUN(carried_variables_scan_in_order);
  return check_done();
}
