/* Conversions: by value, clamped, by bits. Float to integer saturates and takes NaN to 0, as the intrinsics do. */
#include "llvm_emit.h"

static LLVMTypeRef type_like(const Llvm *l, Scalar scalar, LLVMValueRef value) { return llvm_lanes_of(llvm_type(l, scalar, 1), LLVMTypeOf(value)); }

static bool is_half(Scalar scalar) { return scalar == SCALAR_F16 || scalar == SCALAR_BF16; }

/* Registers hold f16 as its bits. */
static LLVMValueRef convert_half(Llvm *l, LLVMValueRef value, Scalar from, Scalar to) {
  LLVMTypeRef half = llvm_lanes_of(l->types.half, LLVMTypeOf(value));
  if (to == SCALAR_F32 && from == SCALAR_F16)
    return LLVMBuildFPExt(l->builder, LLVMBuildBitCast(l->builder, value, half, ""), type_like(l, to, value), "");
  if (to == SCALAR_F16 && from == SCALAR_F32)
    return LLVMBuildBitCast(l->builder, LLVMBuildFPTrunc(l->builder, value, half, ""), type_like(l, to, value), "");
  bug(l->context, "conversion from %s to %s left for the emitter", scalar_name(from), scalar_name(to));
}

static LLVMValueRef is_not_zero(Llvm *l, LLVMValueRef value, Scalar from) {
  if (scalar_is_float(from)) return LLVMBuildFCmp(l->builder, LLVMRealUNE, value, llvm_float(l, LLVMTypeOf(value), 0), "");
  return LLVMBuildICmp(l->builder, LLVMIntNE, value, llvm_integer(LLVMTypeOf(value), 0), "");
}

static LLVMValueRef float_to_integer(Llvm *l, LLVMValueRef value, Scalar to);

/* Lane by lane: LLVM widens half a register of Helium to 64-bit lanes, which it converts by calls of a library. */
static LLVMValueRef lanes_to_integers(Llvm *l, LLVMValueRef value, Scalar to) {
  LLVMValueRef result = LLVMGetPoison(type_like(l, to, value));
  for (unsigned lane = 0; lane < LLVMGetVectorSize(LLVMTypeOf(value)); lane++) {
    LLVMValueRef at = llvm_integer(l->types.i32, lane), element = LLVMBuildExtractElement(l->builder, value, at, "");
    result = LLVMBuildInsertElement(l->builder, result, float_to_integer(l, element, to), at, "");
  }
  return result;
}

static LLVMValueRef float_to_integer(Llvm *l, LLVMValueRef value, Scalar to) {
  if (llvm_is_half_helium(l, value)) return lanes_to_integers(l, value, to);
  value = llvm_hide_scale(l, value);
  LLVMTypeRef types[] = {type_like(l, to, value), LLVMTypeOf(value)};
  return llvm_intrinsic(l, scalar_is_signed(to) ? "llvm.fptosi.sat" : "llvm.fptoui.sat", 2, types, 1, &value);
}

static LLVMValueRef resize(Llvm *l, LLVMValueRef value, Scalar from, Scalar to) {
  return LLVMBuildIntCast2(l->builder, value, type_like(l, to, value), from != SCALAR_I1 && scalar_is_signed(from), "");
}

LLVMValueRef llvm_cast(Llvm *l, LLVMValueRef value, Scalar from, Scalar to) {
  if (to == from) return value;
  if (is_half(to) || is_half(from)) return convert_half(l, value, from, to);
  if (to == SCALAR_I1) return is_not_zero(l, value, from);
  if (scalar_is_float(from))
    return scalar_is_float(to) ? LLVMBuildFPCast(l->builder, value, type_like(l, to, value), "") : float_to_integer(l, value, to);
  if (scalar_is_float(to)) {
    bool is_signed = from != SCALAR_I1 && scalar_is_signed(from);
    return llvm_hide_scale(l, (is_signed ? LLVMBuildSIToFP : LLVMBuildUIToFP)(l->builder, value, type_like(l, to, value), ""));
  }
  if (to == SCALAR_INDEX && llvm_bits(l, to) == 32) return llvm_saturate(l, value, from, to); /* stays out of bounds where it was */
  return resize(l, value, from, to);
}

/* Clamps `value` of type `from` to the range of `to`, then changes its width. */
LLVMValueRef llvm_saturate(Llvm *l, LLVMValueRef value, Scalar from, Scalar to) {
  bool        is_signed = from != SCALAR_I1 && scalar_is_signed(from), to_signed = scalar_is_signed(to);
  unsigned    from_bits = llvm_bits(l, from) - is_signed, to_bits = llvm_bits(l, to) - to_signed; /* of magnitude */
  LLVMTypeRef type = LLVMTypeOf(value);
  if (is_signed && (!to_signed || to_bits < from_bits)) {
    LLVMValueRef least = llvm_integer(type, to_signed ? -(INT64_C(1) << to_bits) : 0);
    value = LLVMBuildSelect(l->builder, LLVMBuildICmp(l->builder, LLVMIntSLT, value, least, ""), least, value, "");
  }
  if (to_bits < from_bits) {
    LLVMValueRef most = llvm_integer(type, (int64_t)((UINT64_C(1) << to_bits) - 1));
    LLVMValueRef above = LLVMBuildICmp(l->builder, is_signed ? LLVMIntSGT : LLVMIntUGT, value, most, "");
    value = LLVMBuildSelect(l->builder, above, most, value, "");
  }
  return resize(l, value, from, to);
}

LLVMValueRef llvm_bitcast(Llvm *l, LLVMValueRef value, Scalar from, Scalar to) {
  LLVMTypeRef type = type_like(l, to, value), own = LLVMTypeOf(value);
  bool        integers = to != SCALAR_F32 && to != SCALAR_F64 && from != SCALAR_F32 && from != SCALAR_F64; /* registers hold f16 as its bits */
  if (type == own) return value;
  return integers ? resize(l, value, from, to) : LLVMBuildBitCast(l->builder, value, type, "");
}
