/* The conversions of library.lir against compiler/base/element.c: every code of every small type, and floats around every code. */
#include "evaluate_test.h"

#include "compiler/base/element.h"

#include <math.h>

enum { BATCH = 4096 };

static Trial trial;
static float from_float[BATCH];
static double from_double[BATCH];
static uint16_t codes[BATCH];
static uint8_t narrow_codes[BATCH];
static char text[1024];

/* Runs the library function on the batch; the text of the first fault, or NULL. */
static const char *convert(const char *name, const char *from, const char *to, const void *input) {
  memset(&trial, 0, sizeof trial);
  snprintf(text, sizeof text,
           "program buffer x: %s[4096] input 0 buffer y: %s[4096] output 0 function %s(x: %s) -> %s\n"
           "kernel points(x: %s[4096] in, y: %s[4096] out) { for i in 0..4096 { y[i] = %s(x[i]) } }\n"
           "entry run { call points(x, y) }\n", from, to, name, from, to, from, to, name);
  trial.text = text;
  trial.inputs[0] = input;
  trial.links = true;
  trial_run(&trial);
  if (trial.fault[0]) fprintf(stderr, "%s\n", trial.fault);
  return trial.fault[0] ? trial.fault : NULL;
}

static bool same_bits(Element element, uint64_t got, uint64_t wanted) {
  if (got == wanted) return true;
  double a = element_to_f64(element, got), b = element_to_f64(element, wanted);
  return a != a && b != b; /* any NaN */
}

static const char *const words[ELEMENT_COUNT] = {[ELEMENT_F16] = "f16", [ELEMENT_BF16] = "bf16"};
static const char *word_of(Element element) { return words[element] ? words[element] : "u8"; }

/* All codes to f32. */
static bool decodes(Element element) {
  char name[40];
  snprintf(name, sizeof name, "f32_from_%s", element_name(element));
  unsigned bits = element_file_bits(element);
  for (unsigned first = 0; first < 1u << bits; first += BATCH) {
    for (unsigned k = 0; k < BATCH; k++) {
      codes[k] = (uint16_t)((first + k) & ((1u << bits) - 1));
      narrow_codes[k] = (uint8_t)codes[k];
    }
    if (convert(name, word_of(element), "f32", bits == 16 ? (void *)codes : (void *)narrow_codes)) return false;
    for (unsigned k = 0; k < BATCH; k++) {
      float got = ((float *)trial.outputs[0])[k];
      double wanted = element_to_f64(element, codes[k]);
      if ((double)got == wanted ? !signbit(got) == !signbit(wanted) : got != got && wanted != wanted) continue;
      fprintf(stderr, "%s of %x: %a, not %a\n", name, codes[k], (double)got, wanted);
      return false;
    }
  }
  return true;
}

/* Floats on, beside and halfway between the codes, as f32 or f64. */
static bool encodes(Element element, bool wide) {
  char name[40];
  snprintf(name, sizeof name, "%s_from_%s", element_name(element), wide ? "f64" : "f32");
  unsigned bits = element_file_bits(element), count = 1u << bits;
  for (unsigned first = 0; first < count; first += BATCH / 8) {
    for (unsigned k = 0; k < BATCH; k++) {
      double here = element_to_f64(element, (first + k / 8) % count), next = element_to_f64(element, (first + k / 8 + 1) % count);
      double half = here / 2 + next / 2, above = (double)nextafterf((float)half, 1e30f), below = (double)nextafterf((float)half, -1e30f);
      double values[8] = {here, half, nextafter(half, 1e300), nextafter(half, -1e300), above, below, here * 3, half * 1e-3};
      from_double[k] = values[k % 8];
      from_float[k] = (float)values[k % 8];
    }
    if (convert(name, wide ? "f64" : "f32", word_of(element), wide ? (void *)from_double : (void *)from_float)) return false;
    for (unsigned k = 0; k < BATCH; k++) {
      double value = wide ? from_double[k] : (double)from_float[k];
      uint64_t got = bits == 16 ? ((uint16_t *)trial.outputs[0])[k] : ((uint8_t *)trial.outputs[0])[k];
      uint64_t wanted = element_from_f64(element, value);
      if (element == ELEMENT_F8E5M2 && isinf(value)) wanted = value < 0 ? 0xfc : 0x7c; /* the library keeps infinities */
      if (!same_bits(element, got, wanted)) {
        fprintf(stderr, "%s of %a: %llx, not %llx\n", name, value, (unsigned long long)got, (unsigned long long)wanted);
        return false;
      }
    }
  }
  return true;
}

TEST(small_types_to_f32) {
  static const Element elements[] = {ELEMENT_F16, ELEMENT_BF16, ELEMENT_F8E4M3FN, ELEMENT_F8E4M3FNUZ, ELEMENT_F8E5M2, ELEMENT_F8E5M2FNUZ,
                                     ELEMENT_F4E2M1, ELEMENT_F8E8M0};
  for (size_t k = 0; k < sizeof elements / sizeof *elements; k++) {
    bool good = decodes(elements[k]);
    CHECK_TEXT(good ? "" : element_name(elements[k]), "");
  }
}

TEST(f32_to_small_types) {
  static const Element elements[] = {ELEMENT_F16, ELEMENT_BF16, ELEMENT_F8E4M3FN, ELEMENT_F8E4M3FNUZ, ELEMENT_F8E5M2, ELEMENT_F8E5M2FNUZ,
                                     ELEMENT_F4E2M1, ELEMENT_F8E8M0};
  for (size_t k = 0; k < sizeof elements / sizeof *elements; k++) {
    bool good = encodes(elements[k], false);
    CHECK_TEXT(good ? "" : element_name(elements[k]), "");
  }
}

TEST(f64_to_half_types) {
  CHECK(encodes(ELEMENT_F16, true));
  CHECK(encodes(ELEMENT_BF16, true));
}

int main(void) {
  RUN(small_types_to_f32);
  RUN(f32_to_small_types);
  RUN(f64_to_half_types);
  return check_done();
}
