/* The operations of loop_ops.def on arrays of lanes: one small loop for each operation and type, found through tables.
 *
 * Every loop computes exactly what rule 3 of compiler/ir.md says: integers wrap, x/0 = 0, and so on. The file must be compiled without
 * contraction of a*b+c (CMakeLists.txt says -ffp-contract=off). Operations that don't look at a sign exist once a width.
 * Casts go in two exact steps: any type widens to i64, u64 or f64 without loss, from where one rounding leads to any type. */
#include "evaluate_machine.h"
#include <math.h>
#include <string.h>

/* No iteration depends on another, even where `to` is one of the operands. */
#if defined(__clang__)
#define LANES _Pragma("clang loop vectorize(assume_safety)") for (uint32_t l = 0; l < count; l++)
#elif defined(__GNUC__)
#define LANES _Pragma("GCC ivdep") for (uint32_t l = 0; l < count; l++)
#else
#define LANES for (uint32_t l = 0; l < count; l++)
#endif
#define LANE_PARAMETERS void *to_, const void *a_, const void *b_, const void *c_, uint32_t count

#define UNARY(name, Result, Type, value) \
  static void name(LANE_PARAMETERS) { Result *to = to_; const Type *as = a_; LANES { Type a = as[l]; to[l] = (Result)(value); } }
#define BINARY(name, Result, Type, value) \
  static void name(LANE_PARAMETERS) { \
    Result *to = to_; const Type *as = a_, *bs = b_; \
    LANES { Type a = as[l], b = bs[l]; to[l] = (Result)(value); } \
  }
#define TERNARY(name, Type, value) \
  static void name(LANE_PARAMETERS) { \
    Type *to = to_; const Type *as = a_, *bs = b_, *cs = c_; \
    LANES { Type a = as[l], b = bs[l], c = cs[l]; to[l] = (Type)(value); } \
  }

/* Operations that only depend on the width. Type: unsigned; Wide: unsigned and no narrower than int, so that nothing overflows. */
#define WIDTH_OPERATIONS(width, Type, Wide) \
  UNARY(neg_##width, Type, Type, 0u - (Wide)a) \
  UNARY(not_##width, Type, Type, ~(Wide)a) \
  UNARY(move_##width, Type, Type, a) \
  BINARY(add_##width, Type, Type, (Wide)a + (Wide)b) \
  BINARY(sub_##width, Type, Type, (Wide)a - (Wide)b) \
  BINARY(mul_##width, Type, Type, (Wide)a * (Wide)b) \
  BINARY(and_##width, Type, Type, a & b) \
  BINARY(or_##width, Type, Type, a | b) \
  BINARY(xor_##width, Type, Type, a ^ b) \
  BINARY(shl_##width, Type, Type, b < width ? (Wide)a << (b & (width - 1)) : 0) \
  BINARY(eq_##width, uint8_t, Type, a == b) \
  BINARY(ne_##width, uint8_t, Type, a != b) \
  TERNARY(muladd_##width, Type, (Wide)a * (Wide)b + (Wide)c) \
  static void numbers_##width(LANE_PARAMETERS) { Type *to = to_; LANES to[l] = (Type)l; } \
  static void broadcast_##width(LANE_PARAMETERS) { Type *to = to_; Type a = *(const Type *)a_; LANES to[l] = a; } \
  static void choose_##width(LANE_PARAMETERS) { \
    Type *to = to_; const uint8_t *as = a_; const Type *bs = b_, *cs = c_; \
    LANES { Type b = bs[l], c = cs[l]; to[l] = as[l] ? b : c; } \
  } \
  static void scan_add_##width(LANE_PARAMETERS) { \
    const Type *as = a_; Wide sum = *(Type *)to_; \
    LANES sum += as[l]; \
    *(Type *)to_ = (Type)sum; \
  } \
  static void scan_muladd_##width(LANE_PARAMETERS) { \
    const Type *as = a_, *bs = b_; Wide sum = *(Type *)to_; \
    LANES sum += (Wide)as[l] * (Wide)bs[l]; \
    *(Type *)to_ = (Type)sum; \
  }
WIDTH_OPERATIONS(8, uint8_t, uint32_t)
WIDTH_OPERATIONS(16, uint16_t, uint32_t)
WIDTH_OPERATIONS(32, uint32_t, uint32_t)
WIDTH_OPERATIONS(64, uint64_t, uint64_t)

/* Order, division and right shift look at the sign. The shift amount has the type of `a` but counts as unsigned. */
#define ORDERED_OPERATIONS(name, Type) \
  BINARY(min_##name, Type, Type, a < b ? a : b) \
  BINARY(max_##name, Type, Type, a > b ? a : b) \
  BINARY(lt_##name, uint8_t, Type, a < b) \
  BINARY(le_##name, uint8_t, Type, a <= b) \
  BINARY(gt_##name, uint8_t, Type, a > b) \
  BINARY(ge_##name, uint8_t, Type, a >= b)
/* *to = step(carried, a) over the lanes, strictly in order. */
#define SCAN(name, Type, value) \
  static void scan_##name(LANE_PARAMETERS) { \
    const Type *as = a_; Type carried = *(Type *)to_; \
    for (uint32_t l = 0; l < count; l++) { Type a = as[l]; carried = (Type)(value); } \
    *(Type *)to_ = carried; \
  }
#define ORDERED_SCANS(name, Type) \
  SCAN(min_first_##name, Type, carried < a ? carried : a) \
  SCAN(min_second_##name, Type, a < carried ? a : carried) \
  SCAN(max_first_##name, Type, carried > a ? carried : a) \
  SCAN(max_second_##name, Type, a > carried ? a : carried)
#define SIGNED_OPERATIONS(name, width, Type, Unsigned) \
  ORDERED_OPERATIONS(name, Type) ORDERED_SCANS(name, Type) \
  UNARY(abs_##name, Type, Type, a < 0 ? (Type)(0u - (Unsigned)a) : a) \
  BINARY(div_##name, Type, Type, b == 0 ? 0 : b == -1 ? (Type)(0u - (Unsigned)a) : a / (b == 0 || b == -1 ? 1 : b)) \
  BINARY(rem_##name, Type, Type, b == 0 ? a : b == -1 ? 0 : a % (b == 0 || b == -1 ? 1 : b)) \
  BINARY(shr_##name, Type, Type, a >> ((Unsigned)b < width ? b : width - 1))
#define UNSIGNED_OPERATIONS(name, width, Type) \
  ORDERED_OPERATIONS(name, Type) ORDERED_SCANS(name, Type) \
  BINARY(div_##name, Type, Type, b == 0 ? 0 : a / (b == 0 ? 1 : b)) \
  BINARY(rem_##name, Type, Type, b == 0 ? a : a % (b == 0 ? 1 : b)) \
  BINARY(shr_##name, Type, Type, b < width ? a >> (b & (width - 1)) : 0)
SIGNED_OPERATIONS(i8, 8, int8_t, uint8_t)
SIGNED_OPERATIONS(i16, 16, int16_t, uint16_t)
SIGNED_OPERATIONS(i32, 32, int32_t, uint32_t)
SIGNED_OPERATIONS(i64, 64, int64_t, uint64_t)
UNSIGNED_OPERATIONS(u8, 8, uint8_t)
UNSIGNED_OPERATIONS(u16, 16, uint16_t)
UNSIGNED_OPERATIONS(u32, 32, uint32_t)
UNSIGNED_OPERATIONS(u64, 64, uint64_t)
UNARY(not_i1, uint8_t, uint8_t, a ^ 1)

/* Sums and products of floats are scanned in order too: rounding makes the order part of the result. */
#define FLOAT_OPERATIONS(name, Type, suffix) \
  ORDERED_OPERATIONS(name, Type) ORDERED_SCANS(name, Type) \
  UNARY(neg_##name, Type, Type, -a) \
  UNARY(abs_##name, Type, Type, fabs##suffix(a)) \
  UNARY(sqrt_##name, Type, Type, sqrt##suffix(a)) \
  UNARY(floor_##name, Type, Type, floor##suffix(a)) \
  UNARY(ceil_##name, Type, Type, ceil##suffix(a)) \
  UNARY(trunc_##name, Type, Type, trunc##suffix(a)) \
  UNARY(round_##name, Type, Type, rint##suffix(a)) \
  BINARY(add_##name, Type, Type, a + b) \
  BINARY(sub_##name, Type, Type, a - b) \
  BINARY(mul_##name, Type, Type, a * b) \
  BINARY(div_##name, Type, Type, a / b) \
  BINARY(eq_##name, uint8_t, Type, a == b) \
  BINARY(ne_##name, uint8_t, Type, a != b) \
  TERNARY(muladd_##name, Type, a * b + c) \
  SCAN(add_##name, Type, carried + a) \
  SCAN(mul_##name, Type, carried * a) \
  static void scan_muladd_##name(LANE_PARAMETERS) { \
    const Type *as = a_, *bs = b_; Type sum = *(Type *)to_; \
    for (uint32_t l = 0; l < count; l++) sum = as[l] * bs[l] + sum; \
    *(Type *)to_ = sum; \
  }
FLOAT_OPERATIONS(f32, float, f)
FLOAT_OPERATIONS(f64, double, )

/* fma, with the machine's instruction where there is one; `attribute` lets the compiler use it. */
#define FMA_OPERATIONS(name, Type, call, attribute) \
  attribute static void fma_##name(LANE_PARAMETERS) { \
    Type *to = to_; const Type *as = a_, *bs = b_, *cs = c_; \
    LANES { Type a = as[l], b = bs[l], c = cs[l]; to[l] = call(a, b, c); } \
  } \
  attribute static void scan_fma_##name(LANE_PARAMETERS) { \
    const Type *as = a_, *bs = b_; Type sum = *(Type *)to_; \
    for (uint32_t l = 0; l < count; l++) sum = call(as[l], bs[l], sum); \
    *(Type *)to_ = sum; \
  }
FMA_OPERATIONS(f32, float, fmaf, )
FMA_OPERATIONS(f64, double, fma, )
#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_FAST_FMA __builtin_cpu_supports("fma")
FMA_OPERATIONS(f32_fast, float, __builtin_fmaf, __attribute__((target("fma"))))
FMA_OPERATIONS(f64_fast, double, __builtin_fma, __attribute__((target("fma"))))
#else
#define HAVE_FAST_FMA false
#define fma_f32_fast fma_f32
#define fma_f64_fast fma_f64
#define scan_fma_f32_fast scan_fma_f32
#define scan_fma_f64_fast scan_fma_f64
#endif

/* Rows of the tables; index is i64, bool is u8 with 0 and 1. */
#define WIDTH_ROWS(S, width) \
  [LOOP_ADD][S] = add_##width, [LOOP_SUB][S] = sub_##width, [LOOP_MUL][S] = mul_##width, [LOOP_NEG][S] = neg_##width, \
  [LOOP_SHL][S] = shl_##width, [LOOP_MULADD][S] = muladd_##width, [LOOP_NOT][S] = not_##width, BIT_ROWS(S, width)
#define BIT_ROWS(S, width) \
  [LOOP_AND][S] = and_##width, [LOOP_OR][S] = or_##width, [LOOP_XOR][S] = xor_##width, [LOOP_EQ][S] = eq_##width, [LOOP_NE][S] = ne_##width
#define ORDER_ROWS(S, name) \
  [LOOP_MIN][S] = min_##name, [LOOP_MAX][S] = max_##name, [LOOP_LT][S] = lt_##name, [LOOP_LE][S] = le_##name, \
  [LOOP_GT][S] = gt_##name, [LOOP_GE][S] = ge_##name
#define DIVISION_ROWS(S, name) [LOOP_DIV][S] = div_##name, [LOOP_REM][S] = rem_##name, [LOOP_SHR][S] = shr_##name
#define SIGNED_ROWS(S, name, width) WIDTH_ROWS(S, width), ORDER_ROWS(S, name), DIVISION_ROWS(S, name), [LOOP_ABS][S] = abs_##name
#define UNSIGNED_ROWS(S, name, width) WIDTH_ROWS(S, width), ORDER_ROWS(S, name), DIVISION_ROWS(S, name), [LOOP_ABS][S] = move_##width
#define FLOAT_ROWS(S, name) \
  ORDER_ROWS(S, name), [LOOP_NEG][S] = neg_##name, [LOOP_ABS][S] = abs_##name, [LOOP_SQRT][S] = sqrt_##name, [LOOP_FLOOR][S] = floor_##name, \
  [LOOP_CEIL][S] = ceil_##name, [LOOP_TRUNC][S] = trunc_##name, [LOOP_ROUND][S] = round_##name, [LOOP_ADD][S] = add_##name, \
  [LOOP_SUB][S] = sub_##name, [LOOP_MUL][S] = mul_##name, [LOOP_DIV][S] = div_##name, [LOOP_EQ][S] = eq_##name, [LOOP_NE][S] = ne_##name, \
  [LOOP_MULADD][S] = muladd_##name, [LOOP_FMA][S] = fma_##name

static LaneFunction *const lane_table[LOOP_OP_COUNT][SCALAR_COUNT] = {
  BIT_ROWS(SCALAR_I1, 8), [LOOP_NOT][SCALAR_I1] = not_i1, ORDER_ROWS(SCALAR_I1, u8),
  SIGNED_ROWS(SCALAR_I8, i8, 8), SIGNED_ROWS(SCALAR_I16, i16, 16), SIGNED_ROWS(SCALAR_I32, i32, 32), SIGNED_ROWS(SCALAR_I64, i64, 64),
  SIGNED_ROWS(SCALAR_INDEX, i64, 64),
  UNSIGNED_ROWS(SCALAR_U8, u8, 8), UNSIGNED_ROWS(SCALAR_U16, u16, 16), UNSIGNED_ROWS(SCALAR_U32, u32, 32), UNSIGNED_ROWS(SCALAR_U64, u64, 64),
  FLOAT_ROWS(SCALAR_F32, f32), FLOAT_ROWS(SCALAR_F64, f64),
};

LaneFunction *lane_function(LoopOp op, Scalar scalar) {
  if (op == LOOP_FMA && HAVE_FAST_FMA) return scalar == SCALAR_F32 ? fma_f32_fast : scalar == SCALAR_F64 ? fma_f64_fast : NULL;
  return lane_table[op][scalar];
}

/* Scans: [0] the carried value is the second operand, [1] the first. Sums, products and bits are the same either way. */
#define SCAN_ORDER_ROWS(S, name, side) [LOOP_MIN][S] = scan_min_##side##_##name, [LOOP_MAX][S] = scan_max_##side##_##name
#define SCAN_INTEGER_ROWS(S, name, width, side) \
  SCAN_ORDER_ROWS(S, name, side), [LOOP_ADD][S] = scan_add_##width, [LOOP_MULADD][S] = scan_muladd_##width
#define SCAN_FLOAT_ROWS(S, name, side) \
  SCAN_ORDER_ROWS(S, name, side), [LOOP_ADD][S] = scan_add_##name, [LOOP_MUL][S] = scan_mul_##name, \
  [LOOP_MULADD][S] = scan_muladd_##name, [LOOP_FMA][S] = scan_fma_##name
#define SCAN_SIDE(side) { \
    SCAN_INTEGER_ROWS(SCALAR_I8, i8, 8, side), SCAN_INTEGER_ROWS(SCALAR_I16, i16, 16, side), SCAN_INTEGER_ROWS(SCALAR_I32, i32, 32, side), \
    SCAN_INTEGER_ROWS(SCALAR_I64, i64, 64, side), SCAN_INTEGER_ROWS(SCALAR_INDEX, i64, 64, side), SCAN_INTEGER_ROWS(SCALAR_U8, u8, 8, side), \
    SCAN_INTEGER_ROWS(SCALAR_U16, u16, 16, side), SCAN_INTEGER_ROWS(SCALAR_U32, u32, 32, side), SCAN_INTEGER_ROWS(SCALAR_U64, u64, 64, side), \
    SCAN_FLOAT_ROWS(SCALAR_F32, f32, side), SCAN_FLOAT_ROWS(SCALAR_F64, f64, side), \
  }
static LaneFunction *const scan_table[2][LOOP_OP_COUNT][SCALAR_COUNT] = { SCAN_SIDE(second), SCAN_SIDE(first) };

LaneFunction *lane_scan(LoopOp op, bool carried_first, Scalar scalar) {
  if (op == LOOP_FMA && HAVE_FAST_FMA) return scalar == SCALAR_F32 ? scan_fma_f32_fast : scalar == SCALAR_F64 ? scan_fma_f64_fast : NULL;
  return scan_table[carried_first][op][scalar];
}

/* ---- casts ---------------------------------------------------------------------------------------------------------- */

static double half_value(uint16_t bits) { return element_to_f64(ELEMENT_F16, bits); }
static double brain_value(uint16_t bits) { return element_to_f64(ELEMENT_BF16, bits); }

UNARY(widen_i8, int64_t, int8_t, a)
UNARY(widen_i16, int64_t, int16_t, a)
UNARY(widen_i32, int64_t, int32_t, a)
UNARY(widen_u8, int64_t, uint8_t, a)
UNARY(widen_u16, int64_t, uint16_t, a)
UNARY(widen_u32, int64_t, uint32_t, a)
UNARY(widen_f16, double, uint16_t, half_value(a))
UNARY(widen_bf16, double, uint16_t, brain_value(a))
UNARY(widen_f32, double, float, a)

static const struct { LaneFunction *run; LaneClass wide; } widen_table[SCALAR_COUNT] = {
  [SCALAR_I1] = {widen_u8, LANES_I64}, [SCALAR_I8] = {widen_i8, LANES_I64}, [SCALAR_I16] = {widen_i16, LANES_I64},
  [SCALAR_I32] = {widen_i32, LANES_I64}, [SCALAR_I64] = {move_64, LANES_I64}, [SCALAR_U8] = {widen_u8, LANES_I64},
  [SCALAR_U16] = {widen_u16, LANES_I64}, [SCALAR_U32] = {widen_u32, LANES_I64}, [SCALAR_U64] = {move_64, LANES_U64},
  [SCALAR_F16] = {widen_f16, LANES_F64}, [SCALAR_BF16] = {widen_bf16, LANES_F64}, [SCALAR_F32] = {widen_f32, LANES_F64},
  [SCALAR_F64] = {move_64, LANES_F64}, [SCALAR_INDEX] = {move_64, LANES_I64},
};

LaneFunction *lane_widen(Scalar from, LaneClass *wide) {
  *wide = widen_table[from].wide;
  return widen_table[from].run;
}

/* The double nearest to zero from a magnitude, with the last bit set if bits were lost: rounding it once more, to far fewer bits, is exact. */
static double sticky_double(uint64_t magnitude) {
  if (magnitude < (uint64_t)1 << 53) return (double)magnitude;
  int shift = 11 - __builtin_clzll(magnitude);
  uint64_t kept = magnitude >> shift, lost = magnitude & (((uint64_t)1 << shift) - 1);
  return ldexp((double)(kept | (lost != 0)), shift);
}
static double sticky_signed(int64_t value) { return value < 0 ? -sticky_double(0u - (uint64_t)value) : sticky_double((uint64_t)value); }
static uint16_t half_bits(double value) { return (uint16_t)element_from_f64(ELEMENT_F16, value); }
static uint16_t brain_bits(double value) { return (uint16_t)element_from_f64(ELEMENT_BF16, value); }

/* Float to integer: towards zero, saturating, NaN to 0. The bounds are exact in double; `beyond` is one past the largest. */
static inline int64_t truncate_signed(double value, double least, double beyond, int64_t lowest, int64_t largest) {
  return value != value ? 0 : value <= least ? lowest : value >= beyond ? largest : (int64_t)value;
}
static inline uint64_t truncate_unsigned(double value, double beyond, uint64_t largest) {
  return !(value > 0) ? 0 : value >= beyond ? largest : (uint64_t)value;
}
#define TRUNCATE_SIGNED(a, bits) truncate_signed(a, -0x1p##bits, 0x1p##bits, (int64_t)(-0x1p##bits), (int64_t)(((uint64_t)1 << bits) - 1))

#define NARROW_INTEGER(name, Type) UNARY(narrow_integer_##name, Type, uint64_t, a)
NARROW_INTEGER(8, uint8_t)
NARROW_INTEGER(16, uint16_t)
NARROW_INTEGER(32, uint32_t)
UNARY(narrow_integer_i1, uint8_t, uint64_t, a != 0)
UNARY(narrow_i64_f16, uint16_t, int64_t, half_bits(sticky_signed(a)))
UNARY(narrow_i64_bf16, uint16_t, int64_t, brain_bits(sticky_signed(a)))
UNARY(narrow_i64_f32, float, int64_t, a)
UNARY(narrow_i64_f64, double, int64_t, a)
UNARY(narrow_u64_f16, uint16_t, uint64_t, half_bits(sticky_double(a)))
UNARY(narrow_u64_bf16, uint16_t, uint64_t, brain_bits(sticky_double(a)))
UNARY(narrow_u64_f32, float, uint64_t, a)
UNARY(narrow_u64_f64, double, uint64_t, a)
UNARY(narrow_f64_i1, uint8_t, double, a != 0)
UNARY(narrow_f64_i8, int8_t, double, TRUNCATE_SIGNED(a, 7))
UNARY(narrow_f64_i16, int16_t, double, TRUNCATE_SIGNED(a, 15))
UNARY(narrow_f64_i32, int32_t, double, TRUNCATE_SIGNED(a, 31))
UNARY(narrow_f64_i64, int64_t, double, TRUNCATE_SIGNED(a, 63))
UNARY(narrow_f64_u8, uint8_t, double, truncate_unsigned(a, 0x1p8, UINT8_MAX))
UNARY(narrow_f64_u16, uint16_t, double, truncate_unsigned(a, 0x1p16, UINT16_MAX))
UNARY(narrow_f64_u32, uint32_t, double, truncate_unsigned(a, 0x1p32, UINT32_MAX))
UNARY(narrow_f64_u64, uint64_t, double, truncate_unsigned(a, 0x1p64, UINT64_MAX))
UNARY(narrow_f64_f16, uint16_t, double, half_bits(a))
UNARY(narrow_f64_bf16, uint16_t, double, brain_bits(a))
UNARY(narrow_f64_f32, float, double, a)

#define NARROW_INTEGER_ROWS \
  [SCALAR_I1] = narrow_integer_i1, [SCALAR_I8] = narrow_integer_8, [SCALAR_I16] = narrow_integer_16, [SCALAR_I32] = narrow_integer_32, \
  [SCALAR_I64] = move_64, [SCALAR_U8] = narrow_integer_8, [SCALAR_U16] = narrow_integer_16, [SCALAR_U32] = narrow_integer_32, \
  [SCALAR_U64] = move_64, [SCALAR_INDEX] = move_64
static LaneFunction *const narrow_table[3][SCALAR_COUNT] = {
  [LANES_I64] = {NARROW_INTEGER_ROWS, [SCALAR_F16] = narrow_i64_f16, [SCALAR_BF16] = narrow_i64_bf16, [SCALAR_F32] = narrow_i64_f32,
                 [SCALAR_F64] = narrow_i64_f64},
  [LANES_U64] = {NARROW_INTEGER_ROWS, [SCALAR_F16] = narrow_u64_f16, [SCALAR_BF16] = narrow_u64_bf16, [SCALAR_F32] = narrow_u64_f32,
                 [SCALAR_F64] = narrow_u64_f64},
  [LANES_F64] = {[SCALAR_I1] = narrow_f64_i1, [SCALAR_I8] = narrow_f64_i8, [SCALAR_I16] = narrow_f64_i16, [SCALAR_I32] = narrow_f64_i32,
                 [SCALAR_I64] = narrow_f64_i64, [SCALAR_U8] = narrow_f64_u8, [SCALAR_U16] = narrow_f64_u16, [SCALAR_U32] = narrow_f64_u32,
                 [SCALAR_U64] = narrow_f64_u64, [SCALAR_INDEX] = narrow_f64_i64, [SCALAR_F16] = narrow_f64_f16,
                 [SCALAR_BF16] = narrow_f64_bf16, [SCALAR_F32] = narrow_f64_f32, [SCALAR_F64] = move_64},
};

LaneFunction *lane_narrow(LaneClass wide, Scalar to) { return narrow_table[wide][to]; }

#define CLAMP(a, least, largest) ((a) < (least) ? (least) : (a) > (largest) ? (largest) : (a))
#define SATURATE_SIGNED(name, Type, least, largest) UNARY(saturate_i64_##name, Type, int64_t, CLAMP(a, least, largest))
#define SATURATE_UNSIGNED(name, Type, largest) UNARY(saturate_u64_##name, Type, uint64_t, a > (uint64_t)(largest) ? (uint64_t)(largest) : a)
SATURATE_SIGNED(i8, int8_t, INT8_MIN, INT8_MAX)
SATURATE_SIGNED(i16, int16_t, INT16_MIN, INT16_MAX)
SATURATE_SIGNED(i32, int32_t, INT32_MIN, INT32_MAX)
SATURATE_SIGNED(u8, uint8_t, 0, UINT8_MAX)
SATURATE_SIGNED(u16, uint16_t, 0, UINT16_MAX)
SATURATE_SIGNED(u32, uint32_t, 0, (int64_t)UINT32_MAX)
SATURATE_SIGNED(u64, uint64_t, 0, INT64_MAX)
SATURATE_UNSIGNED(i8, int8_t, INT8_MAX)
SATURATE_UNSIGNED(i16, int16_t, INT16_MAX)
SATURATE_UNSIGNED(i32, int32_t, INT32_MAX)
SATURATE_UNSIGNED(i64, int64_t, INT64_MAX)
SATURATE_UNSIGNED(u8, uint8_t, UINT8_MAX)
SATURATE_UNSIGNED(u16, uint16_t, UINT16_MAX)
SATURATE_UNSIGNED(u32, uint32_t, UINT32_MAX)

#define SATURATE_ROWS(wide) \
  [SCALAR_I8] = saturate_##wide##_i8, [SCALAR_I16] = saturate_##wide##_i16, [SCALAR_I32] = saturate_##wide##_i32, \
  [SCALAR_U8] = saturate_##wide##_u8, [SCALAR_U16] = saturate_##wide##_u16, [SCALAR_U32] = saturate_##wide##_u32
static LaneFunction *const saturate_table[2][SCALAR_COUNT] = {
  [LANES_I64] = {SATURATE_ROWS(i64), [SCALAR_I64] = move_64, [SCALAR_INDEX] = move_64, [SCALAR_U64] = saturate_i64_u64},
  [LANES_U64] = {SATURATE_ROWS(u64), [SCALAR_I64] = saturate_u64_i64, [SCALAR_INDEX] = saturate_u64_i64, [SCALAR_U64] = move_64},
};

LaneFunction *lane_saturate(LaneClass wide, Scalar to) { return wide == LANES_F64 ? NULL : saturate_table[wide][to]; }

#define BY_WIDTH(name, bytes) ((bytes) == 1 ? name##_8 : (bytes) == 2 ? name##_16 : (bytes) == 4 ? name##_32 : name##_64)
LaneFunction *lane_broadcast(unsigned bytes) { return BY_WIDTH(broadcast, bytes); }
LaneFunction *lane_numbers(unsigned bytes) { return BY_WIDTH(numbers, bytes); }
LaneFunction *lane_move(unsigned bytes) { return BY_WIDTH(move, bytes); }
LaneFunction *lane_choose(unsigned bytes) { return BY_WIDTH(choose, bytes); }
