/* Comparison of a run's outputs with expected ones. */
#include "compiler/command/data.h"
#include <math.h>
#include <string.h>

static uint64_t bits_at(const Tensor *tensor, int64_t index) {
  unsigned bytes = element_buffer_bytes(tensor->element);
  uint64_t bits = 0;
  memcpy(&bits, (const uint8_t *)tensor->data + (size_t)index * bytes, bytes < sizeof bits ? bytes : sizeof bits);
  return bits;
}

double tensor_number(const Tensor *tensor, int64_t index) {
  uint64_t bits = bits_at(tensor, index);
  Element  element = tensor->element;
  if (element_file_bits(element) < 8 && element_is_integer(element)) return element_is_signed(element) ? (double)(int8_t)bits : (double)bits;
  return element == ELEMENT_BOOL ? bits != 0 : element_to_f64(element, bits);
}

static double largest_of(const Tensor *tensor) {
  double largest = 0;
  for (int64_t index = 0; index < tensor->count; index++) {
    double number = fabs(tensor_number(tensor, index));
    if (number > largest && !isinf(number)) largest = number;
  }
  return largest;
}

/* Place of a float among the representable values of its type, so that neighbours differ by one. */
static int64_t rung(Element element, uint64_t bits) {
  unsigned width = element_file_bits(element);
  uint64_t sign = UINT64_C(1) << (width - 1), magnitude = bits & (sign - 1);
  return bits & sign ? -(int64_t)magnitude : (int64_t)magnitude;
}

static int64_t ulp_apart(Element element, uint64_t a, uint64_t b) {
  int64_t rung_a = rung(element, a), rung_b = rung(element, b), apart;
  if (__builtin_sub_overflow(rung_a, rung_b, &apart) || apart == INT64_MIN) return INT64_MAX;
  return apart < 0 ? -apart : apart;
}

static bool is_close(double got, double wanted, double relative, double absolute) {
  if (isnan(got) || isnan(wanted)) return isnan(got) && isnan(wanted);
  if (isinf(got) || isinf(wanted)) return got == wanted;
  return fabs(got - wanted) <= absolute + relative * fabs(wanted);
}

/* Sixteen-byte elements are compared as bytes. */
static Difference compare_bytes(const Tensor *got, const Tensor *wanted) {
  Difference difference = {.count = wanted->count};
  unsigned   bytes = element_buffer_bytes(wanted->element);
  for (int64_t index = 0; index < wanted->count; index++) {
    size_t at = (size_t)index * bytes;
    if (!memcmp((const uint8_t *)got->data + at, (const uint8_t *)wanted->data + at, bytes)) continue;
    if (!difference.wrong++) difference.worst_index = index;
  }
  return difference;
}

Difference data_compare(const Tensor *got, const Tensor *wanted, const Tolerance *tolerance) {
  Element    element = wanted->element;
  Difference difference = {.count = wanted->count};
  bool       is_float = element_is_float(element), is_worst_wrong = false;
  double     absolute = tolerance->absolute * (tolerance->of_largest ? largest_of(wanted) : 1);
  if (!is_float && !element_is_integer(element) && element != ELEMENT_BOOL) return compare_bytes(got, wanted);
  for (int64_t index = 0; index < wanted->count; index++) {
    uint64_t bits_got = bits_at(got, index), bits_wanted = bits_at(wanted, index);
    double   a = tensor_number(got, index), b = tensor_number(wanted, index), apart = fabs(a - b);
    int64_t  ulp = is_float && !isnan(a) && !isnan(b) ? ulp_apart(element, bits_got, bits_wanted) : 0;
    bool     is_exact = !is_float && tolerance->absolute < 1;
    bool     close = is_exact ? bits_got == bits_wanted : is_close(a, b, is_float ? tolerance->relative : 0, absolute);
    if (is_float && tolerance->max_ulp >= 0 && ulp <= tolerance->max_ulp && isnan(a) == isnan(b)) close = true;
    if (ulp > difference.worst_ulp) difference.worst_ulp = ulp;
    difference.wrong += !close;
    bool is_worse = (!close && !is_worst_wrong) || (!close == is_worst_wrong && apart > difference.worst_absolute);
    if (!is_worse && index) continue;
    is_worst_wrong = !close;
    difference.worst_absolute = isnan(apart) && close ? 0 : apart;
    difference.worst_relative = b != 0 ? apart / fabs(b) : apart;
    difference.worst_index = index;
    difference.got = a;
    difference.wanted = b;
  }
  return difference;
}
