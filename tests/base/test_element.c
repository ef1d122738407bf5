/* Element types: sizes, and conversions checked against tables of the standard and against exhaustive search. */
#include "tests/check.h"

#include <float.h>
#include <math.h>

#include "compiler/base/element.h"

static const Element small_floats[] = {ELEMENT_F16,    ELEMENT_BF16,       ELEMENT_F8E4M3FN, ELEMENT_F8E4M3FNUZ,
                                       ELEMENT_F8E5M2, ELEMENT_F8E5M2FNUZ, ELEMENT_F4E2M1};
enum { SMALL_FLOATS = sizeof small_floats / sizeof *small_floats };

TEST(names_go_both_ways) {
  for (int i = 1; i < ELEMENT_COUNT; i++) CHECK_INT(element_from_name(element_name((Element)i)), i);
  CHECK_INT(element_from_name("f33"), ELEMENT_NONE);
  CHECK_TEXT(element_name(ELEMENT_NONE), "?");
  CHECK_TEXT(element_name((Element)99), "?");
  CHECK_INT(ELEMENT_COUNT, 27);
}

TEST(classes) {
  CHECK(element_is_float(ELEMENT_F4E2M1) && element_is_float(ELEMENT_F64) && !element_is_float(ELEMENT_C64));
  CHECK(element_is_integer(ELEMENT_U2) && element_is_integer(ELEMENT_I64) && !element_is_integer(ELEMENT_BOOL));
  CHECK(element_is_signed(ELEMENT_I4) && element_is_signed(ELEMENT_F16) && !element_is_signed(ELEMENT_U64) && !element_is_signed(ELEMENT_F8E8M0));
  CHECK(!element_is_integer(ELEMENT_STRING) && !element_is_float(ELEMENT_NONE));
}

TEST(bytes_in_files) {
  size_t bytes = 0;
  CHECK(element_file_bytes(ELEMENT_F32, 3, &bytes) && bytes == 12);
  CHECK(element_file_bytes(ELEMENT_U4, 5, &bytes) && bytes == 3);
  CHECK(element_file_bytes(ELEMENT_I2, 5, &bytes) && bytes == 2);
  CHECK(element_file_bytes(ELEMENT_I2, 0, &bytes) && bytes == 0);
  CHECK(element_file_bytes(ELEMENT_U4, INT64_MAX, &bytes) && bytes == (size_t)1 << 62);
  CHECK(!element_file_bytes(ELEMENT_F64, INT64_MAX, &bytes) && !element_file_bytes(ELEMENT_U8, -1, &bytes));
  CHECK_INT(element_buffer_bytes(ELEMENT_I4), 1);
  CHECK_INT(element_buffer_bytes(ELEMENT_C128), 16);
}

TEST(known_values) {
  CHECK(element_to_f64(ELEMENT_F16, 0x3c00) == 1 && element_to_f64(ELEMENT_F16, 0xc000) == -2 && element_to_f64(ELEMENT_F16, 1) == 0x1p-24);
  CHECK(element_to_f64(ELEMENT_BF16, 0x3f80) == 1 && isinf(element_to_f64(ELEMENT_BF16, 0xff80)));
  CHECK(element_to_f64(ELEMENT_F8E4M3FN, 0x7e) == 448 && isnan(element_to_f64(ELEMENT_F8E4M3FN, 0xff)));
  CHECK(element_to_f64(ELEMENT_F8E4M3FN, 0x01) == 0x1p-9 && element_to_f64(ELEMENT_F8E4M3FNUZ, 0x7f) == 240);
  CHECK(element_to_f64(ELEMENT_F8E4M3FNUZ, 0x01) == 0x1p-10 && isnan(element_to_f64(ELEMENT_F8E4M3FNUZ, 0x80)));
  CHECK(element_to_f64(ELEMENT_F8E5M2, 0x7b) == 57344 && isinf(element_to_f64(ELEMENT_F8E5M2, 0x7c)) && isnan(element_to_f64(ELEMENT_F8E5M2, 0x7d)));
  CHECK(element_to_f64(ELEMENT_F8E5M2FNUZ, 0x7f) == 57344 && element_to_f64(ELEMENT_F8E5M2FNUZ, 0x01) == 0x1p-17);
  static const double fours[8] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  for (uint64_t code = 0; code < 16; code++) CHECK(element_to_f64(ELEMENT_F4E2M1, code) == (code & 8 ? -fours[code & 7] : fours[code & 7]));
  CHECK(element_to_f64(ELEMENT_F8E8M0, 0) == 0x1p-127 && element_to_f64(ELEMENT_F8E8M0, 254) == 0x1p127 &&
        isnan(element_to_f64(ELEMENT_F8E8M0, 255)));
  CHECK(element_to_f64(ELEMENT_F32, 0x3dcccccd) == (double)0.1f && element_to_f64(ELEMENT_F64, UINT64_C(0xbff0000000000000)) == -1);
}

TEST(every_code_comes_back) {
  for (int kind = 0; kind < SMALL_FLOATS; kind++) {
    Element  element = small_floats[kind];
    unsigned codes = 1u << element_file_bits(element);
    for (unsigned code = 0; code < codes; code++) {
      double value = element_to_f64(element, code);
      if (isinf(value) && element == ELEMENT_F8E5M2) continue; /* saturates */
      if (isnan(value)) CHECK(isnan(element_to_f64(element, element_from_f64(element, value))));
      else CHECK_INT(element_from_f64(element, value), code);
    }
  }
}

/* The double before or after a positive one. */
static double neighbour(double value, int64_t step) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  bits += (uint64_t)step;
  memcpy(&value, &bits, sizeof bits);
  return value;
}

/* Between two neighbours the middle goes to the even code, and anything beside it to the nearer one. */
TEST(rounding_is_to_nearest_even) {
  for (int kind = 0; kind < SMALL_FLOATS; kind++) {
    Element  element = small_floats[kind];
    unsigned codes = 1u << (element_file_bits(element) - 1);
    for (unsigned code = 0; code + 1 < codes; code++) {
      double low = element_to_f64(element, code), high = element_to_f64(element, code + 1);
      if (!(isfinite(low) && isfinite(high))) break;
      double middle = (low + high) / 2;
      CHECK_INT(element_from_f64(element, middle), code & 1 ? code + 1 : code);
      CHECK_INT(element_from_f64(element, neighbour(middle, -1)), code);
      CHECK_INT(element_from_f64(element, neighbour(middle, 1)), code + 1);
    }
  }
}

TEST(overflow_infinity_and_nan) {
  static const struct {
    Element  element;
    unsigned overflow, infinity, minus_infinity, minus_zero;
  } wanted[] = {
      {ELEMENT_F16, 0x7c00, 0x7c00, 0xfc00, 0x8000},
      {ELEMENT_BF16, 0x7f80, 0x7f80, 0xff80, 0x8000},
      {ELEMENT_F8E4M3FN, 0x7e, 0x7e, 0xfe, 0x80},
      {ELEMENT_F8E4M3FNUZ, 0x7f, 0x80, 0x80, 0},
      {ELEMENT_F8E5M2, 0x7b, 0x7b, 0xfb, 0x80},
      {ELEMENT_F8E5M2FNUZ, 0x7f, 0x80, 0x80, 0},
      {ELEMENT_F4E2M1, 7, 7, 15, 8},
  };
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
    Element element = wanted[i].element;
    CHECK_INT(element_from_f64(element, DBL_MAX), wanted[i].overflow);
    CHECK_INT(element_from_f64(element, HUGE_VAL), wanted[i].infinity);
    CHECK_INT(element_from_f64(element, -HUGE_VAL), wanted[i].minus_infinity);
    CHECK_INT(element_from_f64(element, -0.0), wanted[i].minus_zero);
    CHECK_INT(element_from_f64(element, -DBL_MIN / 4), wanted[i].minus_zero);
  }
  CHECK_INT(element_from_f64(ELEMENT_F4E2M1, NAN), 7);
  CHECK_INT(element_from_f64(ELEMENT_F16, 65519), 0x7bff);
  CHECK_INT(element_from_f64(ELEMENT_F16, 65520), 0x7c00);
}

TEST(scales) {
  for (unsigned code = 0; code < 255; code++) CHECK_INT(element_from_f64(ELEMENT_F8E8M0, element_to_f64(ELEMENT_F8E8M0, code)), code);
  CHECK_INT(element_from_f64(ELEMENT_F8E8M0, NAN), 255);
  CHECK_INT(element_from_f64(ELEMENT_F8E8M0, HUGE_VAL), 254);
  CHECK_INT(element_from_f64(ELEMENT_F8E8M0, 0), 0);
  CHECK_INT(element_from_f64(ELEMENT_F8E8M0, 1.49), 127);
  CHECK_INT(element_from_f64(ELEMENT_F8E8M0, 1.5), 128);
}

TEST(integers_saturate_and_extend) {
  CHECK_INT(element_to_i64(ELEMENT_I4, 0xf), -1);
  CHECK_INT(element_to_i64(ELEMENT_I2, 2), -2);
  CHECK_INT(element_to_i64(ELEMENT_U2, 0xff), 3);
  CHECK_INT(element_to_i64(ELEMENT_I32, 0x80000000u), INT32_MIN);
  CHECK_INT(element_to_i64(ELEMENT_U64, UINT64_MAX), -1);
  CHECK_INT(element_to_i64(ELEMENT_F16, 0xc100), -2);
  CHECK_INT(element_from_f64(ELEMENT_I8, 1e9), 127);
  CHECK_INT(element_from_f64(ELEMENT_I8, -1e9), 0x80);
  CHECK_INT(element_from_f64(ELEMENT_I4, -8.9), 8);
  CHECK_INT(element_from_f64(ELEMENT_U8, -1), 0);
  CHECK_INT(element_from_f64(ELEMENT_U8, 255.9), 255);
  CHECK_INT(element_from_f64(ELEMENT_I64, 1e30), INT64_MAX);
  CHECK_INT(element_from_f64(ELEMENT_I64, -1e30), INT64_MIN);
  CHECK(element_from_f64(ELEMENT_U64, 1e30) == UINT64_MAX && element_from_f64(ELEMENT_U64, NAN) == 0);
  CHECK_INT(element_from_f64(ELEMENT_I16, NAN), 0);
  CHECK_INT(element_from_f64(ELEMENT_BOOL, 0.25), 1);
  CHECK_INT(element_to_i64(ELEMENT_BOOL, 1), 1);
  CHECK(element_to_f64(ELEMENT_STRING, 1) == 0 && element_from_f64(ELEMENT_C64, 1) == 0);
}

int main(void) {
  RUN(names_go_both_ways);
  RUN(classes);
  RUN(bytes_in_files);
  RUN(known_values);
  RUN(every_code_comes_back);
  RUN(rounding_is_to_nearest_even);
  RUN(overflow_infinity_and_nan);
  RUN(scales);
  RUN(integers_saturate_and_extend);
  return check_done();
}
