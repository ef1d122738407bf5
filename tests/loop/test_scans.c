/* Variables carried from turn to turn through every operation on every type: in lanes as one by one. tests/operations has the operations alone. */
#include "evaluate_test.h"

#include <math.h>

enum { EDGES = 14, PAIRS = EDGES * EDGES };

typedef __int128 Wide;

typedef struct Type { const char *name; int bits; bool is_signed, is_float; } Type;
static const Type types[] = {
  {"i8", 8, true, false},   {"i16", 16, true, false},  {"i32", 32, true, false},  {"i64", 64, true, false},  {"index", 64, true, false},
  {"u8", 8, false, false},  {"u16", 16, false, false}, {"u32", 32, false, false}, {"u64", 64, false, false}, {"f32", 32, false, true},
  {"f64", 64, false, true},
};
enum { TYPES = sizeof types / sizeof *types };

static int bytes_of(const Type *type) { return type->bits / 8; }

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

/* ---- running ----------------------------------------------------------------------------------------------------------- */

static Trial trial;
static uint8_t a_values[PAIRS * 8], b_values[PAIRS * 8];
static char text[1024];

static void fill(const Type *type) {
  for (int k = 0; k < PAIRS; k++) put(type, a_values, k, edge(type, k / EDGES)), put(type, b_values, k, edge(type, k % EDGES));
}

TEST(carried_variables_scan_in_order) {
  static const char *const updates[] = {"v + a", "a + v", "v * b", "min(v, a)", "min(a, v)", "max(v, a)", "max(a, v)",
                                        "muladd(a, b, v)", "fma(a, b, v)"};
  for (int t = 0; t < TYPES; t++)
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
  RUN(carried_variables_scan_in_order);
  return check_done();
}
