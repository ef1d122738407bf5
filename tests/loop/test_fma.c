/* fma_f32 and fma_f64 of library.lir against the C library's fma, bit by bit: random operands, and addends that nearly cancel the product. */
#include "evaluate_test.h"

#include <math.h>

enum { BATCH = 4096, ROUNDS = 40 };

static Trial trial;
static uint64_t seed = 88172645463325252u;

static uint64_t next_random(void) {
  seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
  return seed;
}

static const double specials[] = {0.0, 1.0, 1.5, INFINITY, NAN, 0x1p-149, 0x1.fffffep127, 0x1p-1074, 0x1.fffffffffffffp1023, 0x1p-126, 0x1p-1022,
                                  0x1p-75};

static double random_double(void) {
  double value;
  uint64_t bits = next_random();
  memcpy(&value, &bits, sizeof value);
  uint32_t kind = (uint32_t)(next_random() % 8);
  if (kind == 0) value = specials[next_random() % (sizeof specials / sizeof *specials)];
  if (kind > 2) value = ldexp((double)(bits >> 20), (int)(next_random() % 60) - 74);
  return next_random() & 1 ? value : -value;
}

static float random_float(void) {
  float value;
  uint32_t bits = (uint32_t)next_random();
  memcpy(&value, &bits, sizeof value);
  uint32_t kind = (uint32_t)(next_random() % 8);
  if (kind == 0) value = (float)specials[next_random() % (sizeof specials / sizeof *specials)];
  if (kind > 2) value = ldexpf((float)(bits >> 12), (int)(next_random() % 30) - 40);
  return next_random() & 1 ? value : -value;
}

static const char program[] =
    "program buffer x: TYPE[4096] input 0 buffer y: TYPE[4096] input 1 buffer z: TYPE[4096] input 2 buffer r: TYPE[4096] output 0\n"
    "function NAME(a: TYPE, b: TYPE, c: TYPE) -> TYPE\n"
    "kernel all(x: TYPE[4096] in, y: TYPE[4096] in, z: TYPE[4096] in, r: TYPE[4096] out) { for i in 0..4096 { r[i] = NAME(x[i], y[i], z[i]) } }\n"
    "entry run { call all(x, y, z, r) }\n";

static void replace(char *text, const char *word, const char *by) {
  size_t length = strlen(by);
  for (char *at = text; (at = strstr(at, word)); at += length) {
    memmove(at + length, at + strlen(word), strlen(at + strlen(word)) + 1);
    memcpy(at, by, length);
  }
}

static void run(const char *name, const char *type, const void *x, const void *y, const void *z) {
  static char text[1024];
  memcpy(text, program, sizeof program);
  replace(text, "TYPE", type);
  replace(text, "NAME", name);
  memset(&trial, 0, sizeof trial);
  trial.text = text;
  trial.links = true;
  trial.inputs[0] = x, trial.inputs[1] = y, trial.inputs[2] = z;
  trial_run(&trial);
}

static void check_f32(const char *name) {
  static float x[BATCH], y[BATCH], z[BATCH];
  for (int round = 0; round < ROUNDS; round++) {
    for (int k = 0; k < BATCH; k++) {
      x[k] = random_float(), y[k] = random_float(), z[k] = random_float();
      if (k % 3 == 0) z[k] = -(x[k] * y[k]) * (1 + (float)(k % 5) * 0x1p-23f);
    }
    run(name, "f32", x, y, z);
    CHECK_TEXT(trial.fault, "");
    for (int k = 0; k < BATCH; k++) {
      float got = ((float *)trial.outputs[0])[k], wanted = fmaf(x[k], y[k], z[k]);
      bool good = wanted != wanted ? got != got : memcmp(&got, &wanted, sizeof got) == 0;
      if (!good) printf("# %a * %a + %a = %a, not %a\n", (double)x[k], (double)y[k], (double)z[k], (double)wanted, (double)got);
      CHECK(good);
    }
  }
}

TEST(f32_rounds_once) { check_f32("fma_f32"); }
TEST(f32_rounds_once_without_f64) { check_f32("fma_f32_by_integers"); }

TEST(f64_rounds_once) {
  static double x[BATCH], y[BATCH], z[BATCH];
  for (int round = 0; round < ROUNDS; round++) {
    for (int k = 0; k < BATCH; k++) {
      x[k] = random_double(), y[k] = random_double(), z[k] = random_double();
      if (k % 3 == 0) z[k] = -(x[k] * y[k]) * (1 + (k % 5) * 0x1p-52);
    }
    run("fma_f64", "f64", x, y, z);
    CHECK_TEXT(trial.fault, "");
    for (int k = 0; k < BATCH; k++) {
      double got = ((double *)trial.outputs[0])[k], wanted = fma(x[k], y[k], z[k]);
      bool good = wanted != wanted ? got != got : memcmp(&got, &wanted, sizeof got) == 0;
      if (!good) printf("# %a * %a + %a = %a, not %a\n", x[k], y[k], z[k], wanted, got);
      CHECK(good);
    }
  }
}

int main(void) {
  RUN(f32_rounds_once);
  RUN(f32_rounds_once_without_f64);
  RUN(f64_rounds_once);
  return check_done();
}
