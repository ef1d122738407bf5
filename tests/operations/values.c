#include "tests/operations/values.h"
#include <string.h>

#define COUNT(array) (uint32_t)(sizeof(array) / sizeof *(array))

/* Signed types: small numbers, the ends, widths for shifts, and what lies around the ends of narrower types. As int64_t; cut to the type. */
static const int64_t i8_edges[] = {0, 1, -1, 2, -2, 3, 7, 8, 9, 64, 100, 126, 127, -127, -128};
static const int64_t i16_edges[] = {0, 1, -1, 2, -3, 15, 16, 17, 127, 128, -128, -129, 255, 256, 2049, 32766, 32767, -32767, -32768};
static const int64_t i32_edges[] = {0,     1,      -1,    2,     -3,    31,         32,         33,        127,           128,      -128,      -129,
                                    255,   256,    32767, 32768, 65536, 46340,      46341,      0x1000001, 0x7fffff80,    INT32_MAX - 1,
                                    INT32_MAX, INT32_MIN, INT32_MIN + 1, -32769, 0x4040001};
static const int64_t i64_edges[] = {0,          1,          -1,        2,         -3,        63,        64,        65,        127,
                                    255,        -129,       -32769,    65535,     65536,     INT32_MAX, INT32_MIN, (int64_t)INT32_MIN - 1,
                                    INT64_C(0x80000000),    INT64_C(0xffffffff),  INT64_C(0x100000000),  INT64_C(3037000499), INT64_C(3037000500),
                                    (INT64_C(1) << 53) + 1, (INT64_C(1) << 53) + 3, -(INT64_C(1) << 53) - 1, INT64_C(0x4040000000000001),
                                    -INT64_C(0x4040000000000001), INT64_C(0x7fffff4000000001), INT64_MAX - 1, INT64_MAX, INT64_MIN, INT64_MIN + 1};
static const int64_t u8_edges[] = {0, 1, 2, 3, 7, 8, 9, 127, 128, 200, 254, 255};
static const int64_t u16_edges[] = {0, 1, 2, 15, 16, 17, 127, 128, 255, 256, 32767, 32768, 65534, 65535};
static const int64_t u32_edges[] = {0,          1,          2,          31,        32,        33,         127,       255, 256, 65535, 65536,
                                    0x1000001,  0x7fffffff, 0x80000000, 0x80000001, 0xffffff7f, 0xffffff80, 0xfffffffe, 0xffffffff};
static const int64_t u64_edges[] = {0, 1, 2, 63, 64, 65, 255, 65536, 0xffffffff, INT64_C(1) << 32, (INT64_C(1) << 53) + 1,
                                    INT64_C(0x4040000000000001), INT64_MAX, INT64_MIN, INT64_MIN + 1, -1025, -1024, -2, -1};
static const int64_t i1_edges[] = {0, 1};

static const uint16_t f16_edges[] = {0x0000, 0x8000, 0x3c00, 0xbc00, 0x3800, 0x3e00, 0x4100, 0xc100, 0x0001, 0x8001, 0x03ff, 0x0400,
                                     0x8400, 0x5bff, 0x5c00, 0x7800, 0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7e00, 0xfe01};
static const uint16_t bf16_edges[] = {0x0000, 0x8000, 0x3f80, 0xbf80, 0x3f00, 0x3fc0, 0x4020, 0xc020, 0x0001, 0x8001, 0x007f, 0x0080,
                                      0x8080, 0x42ff, 0x4300, 0x4f00, 0x7f7f, 0xff7f, 0x7f80, 0xff80, 0x7fc0, 0xffc1};

/* f32: signs of zero, halves, one place beside a half, the ends of every integer type with their neighbours, ties of the half types, the smallest and
 * largest of subnormal and normal numbers, infinities, NaN of both signs. */
static const float f32_edges[] = {
    0.0f, -0.0f, 1, -1, 0.5f, -0.5f, 0x1.fffffep-2f, -0x1.fffffep-2f, 1.5f, 2.5f, -2.5f, 3, -3.7f, 10,
    126.5f, 127, 127.5f, 128, -128, -128.5f, -129, 255, 255.5f, 256, 257, -1.5f, 2049, 2051,
    32767, 32767.5f, 32768, -32768, -32769, 65504, 65519, 65520, 65535, 65535.5f, 65536,
    8388607.5f, 8388608, 8388609, 16777217, 2147483520.0f, 2147483648.0f, -2147483648.0f, -2147483904.0f,
    4294967040.0f, 4294967296.0f, 0x1.fffffep62f, 0x1p63f, -0x1p63f, -0x1.000002p63f, 0x1.fffffep63f, 0x1p64f,
    0x1.01p0f, 0x1.03p0f, 0x1.00ffp0f, 0x1.002p0f, 0x1.006p0f, 0x1p-14f, 0x1.ffcp-15f, 0x1.ffep-15f, 0x1p-24f, 0x1p-25f, 0x1.000002p-25f,
    1e-30f, 0x1p-126f, -0x1p-126f, 0x1.fffffcp-127f, 0x1p-127f, 0x1p-133f, 0x1p-134f, 0x1.8p-133f, 0x1p-149f, -0x1p-149f, 0x1p-75f, -0x1.8p-75f,
    0x1.fep127f, 0x1.ffp127f, 0x1.fffffep127f, -0x1.fffffep127f, 0x1p126f, 1e19f, __builtin_inff(), -__builtin_inff()};
static const double f64_edges[] = {
    0.0, -0.0, 1, -1, 0.5, -0.5, 0x1.fffffffffffffp-2, 1.5, 2.5, -2.5, 3, -3.7, 10, 0.1,
    126.5, 127, 127.5, 128, -128, -128.5, -129, 255, 255.5, 256, 65504, 65519.999999999, 65520, 32767.5, 32768, -32769, 65535.5, 65536,
    0x1.0000010000001p0, 0x1.000001p0, 0x1.000003p0, 0x1.01p0, 0x1.0100000000001p0, 0x1.002p0, 0x1.0020000000001p0,
    2147483647.0, 2147483647.5, 2147483648.0, -2147483648.0, -2147483648.5, -2147483649.0, 4294967295.0, 4294967295.5, 4294967296.0,
    0x1.fffffffffffffp51, 0x1p52, 0x1.0000000000001p52, 0x1p53, 0x1.fffffffffffffp62, 0x1p63, -0x1p63, -0x1.0000000000001p63,
    0x1.fffffffffffffp63, 0x1p64, 0x1p-25, 0x1.0000000000001p-25, 0x1p-126, 0x1.fffffffp-127, 0x1p-149, 0x1p-150, 0x1.0000000000001p-150,
    0x1.fffffefffffffp127, 0x1.ffffffp127, 0x1.fffffep127, 0x1p128, 1e-310, 0x1p-1022, -0x1p-1022, 0x1.ffffffffffffep-1023,
    0x1p-1074, -0x1p-1074, 0x1p-537, 0x1.8p-537, 0x1p1023, 0x1.fffffffffffffp1023, -0x1.fffffffffffffp1023, __builtin_inf(), -__builtin_inf()};

static const float f32_triples[] = {0.0f, -0.0f, 1, -1, 3, 0x1.000002p0f, -0x1.fffffep0f, 0x1p-126f, 0x1p-149f, -0x1.8p-75f, 0x1p-75f, 0x1p-24f,
                                    0x1.fffffep127f, -0x1p126f, 0x1.8p24f, 1e19f, __builtin_inff(), -__builtin_inff()};
static const double f64_triples[] = {0.0, -0.0, 1, -1, 3, 0x1.0000000000001p0, -0x1.fffffffffffffp0, 0x1p-1022, 0x1p-1074, -0x1.8p-537, 0x1p-537,
                                     0x1p-53, 0x1.fffffffffffffp1023, -0x1p1022, 0x1.8p53, 1e154, __builtin_inf(), -__builtin_inf()};

typedef struct Table { const int64_t *integers; uint32_t count; } Table;

static Table integers_of(Scalar scalar) {
  switch (scalar) {
  case SCALAR_I1: return (Table){i1_edges, COUNT(i1_edges)};
  case SCALAR_I8: return (Table){i8_edges, COUNT(i8_edges)};
  case SCALAR_I16: return (Table){i16_edges, COUNT(i16_edges)};
  case SCALAR_I32: return (Table){i32_edges, COUNT(i32_edges)};
  case SCALAR_U8: return (Table){u8_edges, COUNT(u8_edges)};
  case SCALAR_U16: return (Table){u16_edges, COUNT(u16_edges)};
  case SCALAR_U32: return (Table){u32_edges, COUNT(u32_edges)};
  case SCALAR_U64: return (Table){u64_edges, COUNT(u64_edges)};
  default: return (Table){i64_edges, COUNT(i64_edges)};
  }
}

static uint64_t bits_of_f32(float number) {
  uint32_t bits;
  memcpy(&bits, &number, sizeof bits);
  return bits;
}

static uint64_t bits_of_f64(double number) {
  uint64_t bits;
  memcpy(&bits, &number, sizeof bits);
  return bits;
}

/* Behind the table stand a NaN of each sign, one with a payload: as bits, so that no compiler touches them. */
enum { NANS = 2 };
static const uint64_t f32_nans[NANS] = {0x7fc00000, 0xffc01234}, f64_nans[NANS] = {0x7ff8000000000000, 0xfff8000012345678};

uint32_t edge_count(Scalar scalar) {
  switch (scalar) {
  case SCALAR_F16: return COUNT(f16_edges);
  case SCALAR_BF16: return COUNT(bf16_edges);
  case SCALAR_F32: return COUNT(f32_edges) + NANS;
  case SCALAR_F64: return COUNT(f64_edges) + NANS;
  default: return integers_of(scalar).count;
  }
}

uint64_t edge_bits(Scalar scalar, uint32_t index) {
  unsigned bits = scalar_bits(scalar);
  switch (scalar) {
  case SCALAR_F16: return f16_edges[index];
  case SCALAR_BF16: return bf16_edges[index];
  case SCALAR_F32: return index < COUNT(f32_edges) ? bits_of_f32(f32_edges[index]) : f32_nans[index - COUNT(f32_edges)];
  case SCALAR_F64: return index < COUNT(f64_edges) ? bits_of_f64(f64_edges[index]) : f64_nans[index - COUNT(f64_edges)];
  default: return (uint64_t)integers_of(scalar).integers[index] & (bits < 64 ? (UINT64_C(1) << bits) - 1 : UINT64_MAX);
  }
}

uint32_t triple_count(Scalar scalar) { return (scalar == SCALAR_F32 ? COUNT(f32_triples) : COUNT(f64_triples)) + 1; }

uint64_t triple_bits(Scalar scalar, uint32_t index) {
  if (scalar == SCALAR_F32) return index < COUNT(f32_triples) ? bits_of_f32(f32_triples[index]) : f32_nans[1];
  return index < COUNT(f64_triples) ? bits_of_f64(f64_triples[index]) : f64_nans[1];
}
