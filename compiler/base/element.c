/* Element types: the table of the standard, and scalar conversions for constants.
 *
 * Small floats are described by a row of numbers and converted by integer arithmetic, so that no rounding mode, locale or library
 * can interfere. Encodings and the results of out-of-range values follow the ONNX pages `float8` and `float4` and operator Cast
 * with saturate = 1. */
#include "element.h"

#include <string.h>

#include "checked.h"

typedef enum Kind { KIND_OTHER, KIND_FLOAT, KIND_SIGNED, KIND_UNSIGNED } Kind;

typedef struct ElementInfo {
  const char *name;
  uint8_t     file_bits, buffer_bits; /* an element */
} ElementInfo;

static const ElementInfo element_table[ELEMENT_COUNT] = {
#define ELEMENT(name, number, text, file_bits, buffer_bits) [number] = {text, file_bits, buffer_bits},
    ELEMENTS(ELEMENT)
#undef ELEMENT
};

static const uint8_t element_kind[ELEMENT_COUNT] = {
    [ELEMENT_F32] = KIND_FLOAT,      [ELEMENT_F64] = KIND_FLOAT,    [ELEMENT_F16] = KIND_FLOAT,        [ELEMENT_BF16] = KIND_FLOAT,
    [ELEMENT_F8E4M3FN] = KIND_FLOAT, [ELEMENT_F8E5M2] = KIND_FLOAT, [ELEMENT_F8E4M3FNUZ] = KIND_FLOAT, [ELEMENT_F8E5M2FNUZ] = KIND_FLOAT,
    [ELEMENT_F4E2M1] = KIND_FLOAT,   [ELEMENT_F8E8M0] = KIND_FLOAT, [ELEMENT_I2] = KIND_SIGNED,        [ELEMENT_I4] = KIND_SIGNED,
    [ELEMENT_I8] = KIND_SIGNED,      [ELEMENT_I16] = KIND_SIGNED,   [ELEMENT_I32] = KIND_SIGNED,       [ELEMENT_I64] = KIND_SIGNED,
    [ELEMENT_U2] = KIND_UNSIGNED,    [ELEMENT_U4] = KIND_UNSIGNED,  [ELEMENT_U8] = KIND_UNSIGNED,      [ELEMENT_U16] = KIND_UNSIGNED,
    [ELEMENT_U32] = KIND_UNSIGNED,   [ELEMENT_U64] = KIND_UNSIGNED,
};

static bool known(Element element) { return element > ELEMENT_NONE && element < ELEMENT_COUNT; }
static Kind kind_of(Element element) { return known(element) ? (Kind)element_kind[element] : KIND_OTHER; }

const char *element_name(Element element) { return known(element) ? element_table[element].name : "?"; }

Element element_from_name(const char *name) {
  for (int i = ELEMENT_NONE + 1; i < ELEMENT_COUNT; i++)
    if (strcmp(element_table[i].name, name) == 0) return (Element)i;
  return ELEMENT_NONE;
}

unsigned element_file_bits(Element element) { return known(element) ? element_table[element].file_bits : 0; }
unsigned element_buffer_bytes(Element element) { return known(element) ? element_table[element].buffer_bits / 8u : 0; }
bool     element_is_float(Element element) { return kind_of(element) == KIND_FLOAT; }
bool     element_is_integer(Element element) { return kind_of(element) == KIND_SIGNED || kind_of(element) == KIND_UNSIGNED; }
bool     element_is_signed(Element element) { return kind_of(element) == KIND_SIGNED || (element_is_float(element) && element != ELEMENT_F8E8M0); }

bool element_file_bytes(Element element, int64_t count, size_t *bytes) {
  unsigned bits = element_file_bits(element);
  if (count < 0) return false;
  if (bits >= 8) return (uint64_t)count <= SIZE_MAX && checked_mul_size((size_t)count, bits / 8, bytes);
  if (bits == 0) {
    *bytes = 0;
    return true;
  }
  uint64_t per_byte = 8 / bits;
  uint64_t needed = (uint64_t)count / per_byte + ((uint64_t)count % per_byte != 0);
  if (needed > SIZE_MAX) return false;
  *bytes = (size_t)needed;
  return true;
}

/* ---- small floats ---- */

/* Codes are without the sign bit, unless said otherwise. */
typedef struct SmallFloat {
  int      mantissa_bits, bias, bits; /* bits: with sign */
  uint16_t largest;                   /* code of the largest finite value */
  uint16_t overflow;                  /* code given to finite values that round beyond it */
  uint16_t from_infinity;             /* code given to an infinity */
  uint16_t from_nan;                  /* code given to NaN, with sign bit */
  bool     has_infinity;              /* as code largest + 1; other codes above largest are NaN */
  bool     one_zero;                  /* the code of -0 is NaN instead (types named UZ) */
} SmallFloat;

static const SmallFloat small_floats[ELEMENT_COUNT] = {
    [ELEMENT_F16] = {10, 15, 16, 0x7bff, 0x7c00, 0x7c00, 0x7e00, true, false},
    [ELEMENT_BF16] = {7, 127, 16, 0x7f7f, 0x7f80, 0x7f80, 0x7fc0, true, false},
    [ELEMENT_F8E4M3FN] = {3, 7, 8, 0x7e, 0x7e, 0x7e, 0x7f, false, false},
    [ELEMENT_F8E4M3FNUZ] = {3, 8, 8, 0x7f, 0x7f, 0x80, 0x80, false, true},
    [ELEMENT_F8E5M2] = {2, 15, 8, 0x7b, 0x7b, 0x7b, 0x7f, true, false},
    [ELEMENT_F8E5M2FNUZ] = {2, 16, 8, 0x7f, 0x7f, 0x80, 0x80, false, true},
    [ELEMENT_F4E2M1] = {1, 1, 4, 0x7, 0x7, 0x7, 0x7, false, false},
};

static uint64_t bits_of(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static double double_of(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* 2^exponent, -1022 <= exponent <= 1023 */
static double power_of_two(int exponent) { return double_of((uint64_t)(exponent + 1023) << 52); }
static double not_a_number(void) { return double_of(UINT64_C(0x7ff8000000000000)); }
static double infinity(void) { return double_of(UINT64_C(0x7ff0000000000000)); }

static double small_decode(const SmallFloat *format, uint64_t bits) {
  uint64_t sign_bit = UINT64_C(1) << (format->bits - 1);
  bool     negative = (bits & sign_bit) != 0;
  uint64_t code = bits & (sign_bit - 1);
  if (format->one_zero && negative && code == 0) return not_a_number();
  double magnitude;
  if (code > format->largest) {
    if (!format->has_infinity || code != format->largest + 1u) return not_a_number();
    magnitude = infinity();
  } else {
    int      biased = (int)(code >> format->mantissa_bits);
    uint64_t mantissa = code & ((UINT64_C(1) << format->mantissa_bits) - 1);
    if (biased) mantissa |= UINT64_C(1) << format->mantissa_bits;
    magnitude = (double)mantissa * power_of_two((biased ? biased : 1) - format->bias - format->mantissa_bits);
  }
  return negative ? -magnitude : magnitude;
}

/* significand / 2^shift, to nearest, ties to even; shift >= 1 */
static uint64_t shift_rounding(uint64_t significand, int shift) {
  if (shift > 63) return 0; /* significand < 2^53, so less than half */
  uint64_t whole = significand >> shift, rest = significand & ((UINT64_C(1) << shift) - 1), half = UINT64_C(1) << (shift - 1);
  return whole + (rest > half || (rest == half && (whole & 1)));
}

static uint64_t small_encode(const SmallFloat *format, double value) {
  uint64_t bits = bits_of(value), fraction = bits & ((UINT64_C(1) << 52) - 1);
  uint64_t sign = (bits >> 63) << (format->bits - 1);
  int      field = (int)(bits >> 52 & 0x7ff);
  if (field == 0x7ff && fraction) return format->from_nan;
  uint64_t code;
  if (field == 0x7ff) {
    code = format->from_infinity;
  } else if (field == 0) { /* zero, or far below every type */
    code = 0;
  } else {
    int      exponent = field - 1023, smallest = 1 - format->bias; /* value = 1.fraction * 2^exponent */
    int      scale = exponent > smallest ? exponent : smallest;
    uint64_t units = shift_rounding(fraction | UINT64_C(1) << 52, 52 - format->mantissa_bits + scale - exponent);
    code = ((uint64_t)(scale - smallest) << format->mantissa_bits) + units; /* a carry moves into the exponent */
    if (code > format->largest) code = format->overflow;
  }
  if (format->one_zero && code == 0) return 0;
  return code | sign;
}

/* f8e8m0 is 2^(code - 127), without sign and zero; 0xff is NaN. To nearest, ties up; beyond the ends saturating. */
static uint64_t scale_encode(double value) {
  uint64_t bits = bits_of(value) & ~(UINT64_C(1) << 63);
  if (bits > bits_of(infinity())) return 0xff;
  int exponent = (int)(bits >> 52) - 1023 + (int)(bits >> 51 & 1);
  int code = exponent + 127;
  return code < 0 ? 0 : code > 0xfe ? 0xfe : (uint64_t)code;
}

/* ---- integers ---- */

static int64_t sign_extend(uint64_t bits, unsigned width) {
  uint64_t sign = UINT64_C(1) << (width - 1), mask = sign | (sign - 1);
  return (int64_t)(((bits & mask) ^ sign) - sign);
}

static uint64_t zero_extend(uint64_t bits, unsigned width) { return width == 64 ? bits : bits & ((UINT64_C(1) << width) - 1); }

static int64_t i64_from_f64(double value) {
  if (value != value) return 0;
  if (value >= 0x1p63) return INT64_MAX;
  return value < -0x1p63 ? INT64_MIN : (int64_t)value;
}

static uint64_t u64_from_f64(double value) {
  if (!(value >= 0)) return 0;
  return value >= 0x1p64 ? UINT64_MAX : (uint64_t)value;
}

static uint64_t signed_from_f64(double value, unsigned width) {
  int64_t limit = (int64_t)(UINT64_MAX >> 1 >> (64 - width)), integer = i64_from_f64(value);
  if (integer > limit) integer = limit;
  if (integer < -limit - 1) integer = -limit - 1;
  return zero_extend((uint64_t)integer, width);
}

static uint64_t unsigned_from_f64(double value, unsigned width) {
  uint64_t limit = zero_extend(UINT64_MAX, width), integer = u64_from_f64(value);
  return integer > limit ? limit : integer;
}

/* ---- the three conversions ---- */

double element_to_f64(Element element, uint64_t bits) {
  unsigned width = element_file_bits(element);
  switch (kind_of(element)) {
  case KIND_SIGNED: return (double)sign_extend(bits, width);
  case KIND_UNSIGNED: return (double)zero_extend(bits, width);
  case KIND_OTHER: return element == ELEMENT_BOOL && (bits & 0xff) ? 1 : 0;
  case KIND_FLOAT: break;
  }
  if (element == ELEMENT_F64) return double_of(bits);
  if (element == ELEMENT_F8E8M0) return (bits & 0xff) == 0xff ? not_a_number() : power_of_two((int)(bits & 0xff) - 127);
  if (element != ELEMENT_F32) return small_decode(&small_floats[element], bits & ((UINT64_C(1) << width) - 1));
  float    single;
  uint32_t word = (uint32_t)bits;
  memcpy(&single, &word, sizeof single);
  return (double)single;
}

int64_t element_to_i64(Element element, uint64_t bits) {
  unsigned width = element_file_bits(element);
  switch (kind_of(element)) {
  case KIND_SIGNED: return sign_extend(bits, width);
  case KIND_UNSIGNED: return (int64_t)zero_extend(bits, width);
  case KIND_OTHER: return element == ELEMENT_BOOL && (bits & 0xff) ? 1 : 0;
  case KIND_FLOAT: break;
  }
  return i64_from_f64(element_to_f64(element, bits));
}

uint64_t element_from_f64(Element element, double value) {
  unsigned width = element_file_bits(element);
  switch (kind_of(element)) {
  case KIND_SIGNED: return signed_from_f64(value, width);
  case KIND_UNSIGNED: return unsigned_from_f64(value, width);
  case KIND_OTHER: return element == ELEMENT_BOOL && value != 0;
  case KIND_FLOAT: break;
  }
  if (element == ELEMENT_F64) return bits_of(value);
  if (element == ELEMENT_F8E8M0) return scale_encode(value);
  if (element != ELEMENT_F32) return small_encode(&small_floats[element], value);
  float    single = (float)value;
  uint32_t word;
  memcpy(&word, &single, sizeof word);
  return word;
}
