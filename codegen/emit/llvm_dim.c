/* Dimension expressions: index arithmetic inside kernels and the entry, sizes that saturate where memory is counted. The same rules as the C
 * emitter's floordiv, mod, size_add and size_mul. */
#include "llvm_emit.h"

LLVMValueRef llvm_symbol(Llvm *l, uint32_t index, DimForm form) {
  LLVMValueRef value = l->now.symbols[index];
  require(l->context, value != NULL);
  if (l->now.symbol_is_address[index]) value = LLVMBuildLoad2(l->builder, l->types.index, value, "");
  if (form == DIM_FORM_SIZE) require(l->context, LLVMTypeOf(value) == l->types.i64);
  return value;
}

/* Towards minus infinity; a divisor of 0 gives 0 (floordiv) or the dividend (mod). */
static LLVMValueRef divide(Llvm *l, const DimNode *node, LLVMValueRef a, LLVMValueRef b) {
  const DimTable *dims = l->program->dims;
  LLVMTypeRef     type = LLVMTypeOf(a);
  bool            is_mod = node->op == DIM_OP_MOD;
  LLVMValueRef    zero = llvm_integer(type, 0), one = llvm_integer(type, 1);
  if (dim_lo(dims, node->a) >= 0 && dim_lo(dims, node->b) >= 1)
    return is_mod ? LLVMBuildSRem(l->builder, a, b, "") : LLVMBuildSDiv(l->builder, a, b, "");
  LLVMValueRef no_divisor = LLVMBuildICmp(l->builder, LLVMIntEQ, b, zero, "");
  LLVMValueRef divisor = LLVMBuildSelect(l->builder, no_divisor, one, b, "");
  LLVMValueRef quotient = LLVMBuildSDiv(l->builder, a, divisor, ""), rest = LLVMBuildSRem(l->builder, a, divisor, "");
  LLVMValueRef signs_differ = LLVMBuildICmp(l->builder, LLVMIntSLT, LLVMBuildXor(l->builder, rest, divisor, ""), zero, "");
  LLVMValueRef adjust = LLVMBuildAnd(l->builder, LLVMBuildICmp(l->builder, LLVMIntNE, rest, zero, ""), signs_differ, "");
  LLVMValueRef result = is_mod ? LLVMBuildAdd(l->builder, rest, LLVMBuildSelect(l->builder, adjust, divisor, zero, ""), "")
                               : LLVMBuildSub(l->builder, quotient, LLVMBuildZExt(l->builder, adjust, type, ""), "");
  return LLVMBuildSelect(l->builder, no_divisor, is_mod ? a : zero, result, "");
}

static LLVMValueRef saturating_add(Llvm *l, LLVMValueRef a, LLVMValueRef b) {
  LLVMValueRef most = llvm_integer(l->types.i64, INT64_MAX);
  LLVMValueRef over = LLVMBuildICmp(l->builder, LLVMIntSGT, a, LLVMBuildSub(l->builder, most, b, ""), "");
  return LLVMBuildSelect(l->builder, over, most, LLVMBuildAdd(l->builder, a, b, ""), "");
}

/* Of operands that are not negative, so the product of magnitudes is the product. */
static LLVMValueRef saturating_mul(Llvm *l, LLVMValueRef a, LLVMValueRef b) {
  LLVMTypeRef  type = l->types.i64;
  LLVMValueRef most = llvm_integer(type, INT64_MAX);
  LLVMValueRef product = llvm_intrinsic(l, "llvm.umul.with.overflow", 1, &type, 2, (LLVMValueRef[]){a, b});
  LLVMValueRef value = LLVMBuildExtractValue(l->builder, product, 0, "");
  LLVMValueRef over =
      LLVMBuildOr(l->builder, LLVMBuildExtractValue(l->builder, product, 1, ""), LLVMBuildICmp(l->builder, LLVMIntUGT, value, most, ""), "");
  return LLVMBuildSelect(l->builder, over, most, value, "");
}

static LLVMValueRef sum_or_product(Llvm *l, const DimNode *node, DimForm form, LLVMValueRef a, LLVMValueRef b) {
  bool natural = dim_lo(l->program->dims, node->a) >= 0 && dim_lo(l->program->dims, node->b) >= 0, sum = node->op == DIM_OP_ADD;
  if (form == DIM_FORM_SIZE && natural) return sum ? saturating_add(l, a, b) : saturating_mul(l, a, b);
  return sum ? LLVMBuildAdd(l->builder, a, b, "") : LLVMBuildMul(l->builder, a, b, "");
}

LLVMValueRef llvm_dim(Llvm *l, Dim dim, DimForm form) {
  const DimTable *dims = l->program->dims;
  const DimNode  *node = &dims->nodes.data[dim];
  int64_t         value;
  if (dim_is_constant(dims, dim, &value)) return llvm_integer(form == DIM_FORM_SIZE ? l->types.i64 : l->types.index, value);
  if (node->op == DIM_OP_SYMBOL) return llvm_symbol(l, (uint32_t)node->value, form);
  LLVMValueRef a = llvm_dim(l, node->a, form), b = llvm_dim(l, node->b, form);
  switch (node->op) {
  case DIM_OP_ADD:
  case DIM_OP_MUL: return sum_or_product(l, node, form, a, b);
  case DIM_OP_FLOORDIV:
  case DIM_OP_MOD: return divide(l, node, a, b);
  case DIM_OP_MIN: return LLVMBuildSelect(l->builder, LLVMBuildICmp(l->builder, LLVMIntSLT, a, b, ""), a, b, "");
  case DIM_OP_MAX: return llvm_max(l, a, b, true);
  default: bug(l->context, "dimension expression that cannot be built");
  }
}
