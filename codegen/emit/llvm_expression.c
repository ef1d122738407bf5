/* Expressions: the loop IR's values as SSA values, with exactly the results that loop_ops.def states. Instructions whose result LLVM leaves open for
 * some operands (division by zero, wide shifts) are given harmless operands there, and a select puts the stated result in. */
#include "llvm_emit.h"

static Scalar scalar_of(const Llvm *l, Expr expr) { return (Scalar)expr_at(l->now.code, expr)->scalar; }

LLVMValueRef llvm_constant(Llvm *l, Scalar scalar, unsigned lanes, int64_t integer, double number) {
  LLVMTypeRef type = llvm_type(l, scalar, lanes);
  if (scalar == SCALAR_F32 || scalar == SCALAR_F64) return llvm_float(l, type, number);
  if (scalar == SCALAR_F16 || scalar == SCALAR_BF16)
    return llvm_integer(type, (int64_t)element_from_f64(scalar == SCALAR_F16 ? ELEMENT_F16 : ELEMENT_BF16, number));
  return llvm_integer(type, scalar == SCALAR_I1 ? integer != 0 : integer);
}

static LLVMValueRef slot(Llvm *l, Slot index) {
  const SlotInfo *info = &l->now.code->slots.data[index];
  LLVMValueRef    value = l->now.slots[index];
  require(l->context, value != NULL);
  return info->is_variable ? LLVMBuildLoad2(l->builder, LLVMGetAllocatedType(value), value, info->name) : value;
}

static LLVMValueRef call(Llvm *l, Expr expr) {
  const ExprNode *node = expr_at(l->now.code, expr);
  uint32_t        count = expr_operand_count(l->now.code, expr);
  LLVMValueRef   *arguments = arena_array(l->arena, LLVMValueRef, count + 1u);
  for (uint32_t i = 0; i < count; i++) arguments[i] = llvm_expression(l, expr_operand(l->now.code, expr, i));
  return llvm_call(l, llvm_function(l, node->operand[0]), count, arguments);
}

/* ---- integers ---- */

/* Whether a divisor is known to be 1 or more. */
static bool divides_plainly(const Llvm *l, Expr expr) {
  const ExprNode *node = expr_at(l->now.code, expr);
  if (node->op == LOOP_CONSTANT) return node->integer > 0;
  return node->op == LOOP_DIM && dim_lo(l->program->dims, (Dim)node->integer) >= 1;
}

/* x / 0 = 0, MIN / -1 = MIN, x % 0 = x, x % -1 = 0 */
static LLVMValueRef divide(Llvm *l, const ExprNode *node, LLVMValueRef a, LLVMValueRef b) {
  LLVMTypeRef  type = LLVMTypeOf(a);
  bool         is_signed = scalar_is_signed((Scalar)node->scalar), is_division = node->op == LOOP_DIV, plain = divides_plainly(l, node->operand[1]);
  LLVMOpcode   opcode = is_signed ? (is_division ? LLVMSDiv : LLVMSRem) : is_division ? LLVMUDiv : LLVMURem;
  LLVMValueRef zero = llvm_integer(type, 0), one = llvm_integer(type, 1), divisor = b, by_zero = NULL, by_minus_one = NULL;
  if (!plain) {
    by_zero = LLVMBuildICmp(l->builder, LLVMIntEQ, b, zero, "");
    divisor = LLVMBuildSelect(l->builder, by_zero, one, b, "");
  }
  if (!plain && is_signed) {
    by_minus_one = LLVMBuildICmp(l->builder, LLVMIntEQ, b, llvm_integer(type, -1), "");
    divisor = LLVMBuildSelect(l->builder, by_minus_one, one, divisor, "");
  }
  LLVMValueRef result = LLVMBuildBinOp(l->builder, opcode, a, divisor, "");
  if (by_minus_one) result = LLVMBuildSelect(l->builder, by_minus_one, is_division ? LLVMBuildNeg(l->builder, a, "") : zero, result, "");
  return by_zero ? LLVMBuildSelect(l->builder, by_zero, is_division ? zero : a, result, "") : result;
}

static LLVMValueRef shift(Llvm *l, const ExprNode *node, LLVMValueRef a, LLVMValueRef b) {
  LLVMTypeRef  type = LLVMTypeOf(a);
  unsigned     bits = llvm_bits(l, (Scalar)node->scalar);
  LLVMValueRef fits = LLVMBuildICmp(l->builder, LLVMIntULT, b, llvm_integer(type, bits), "");
  if (node->op == LOOP_SHR && scalar_is_signed((Scalar)node->scalar))
    return LLVMBuildAShr(l->builder, a, LLVMBuildSelect(l->builder, fits, b, llvm_integer(type, bits - 1), ""), "");
  LLVMValueRef count = LLVMBuildSelect(l->builder, fits, b, llvm_integer(type, 0), "");
  LLVMValueRef shifted = node->op == LOOP_SHL ? LLVMBuildShl(l->builder, a, count, "") : LLVMBuildLShr(l->builder, a, count, "");
  return LLVMBuildSelect(l->builder, fits, shifted, llvm_integer(type, 0), "");
}

/* ---- both kinds ---- */

static LLVMValueRef arithmetic(Llvm *l, const ExprNode *node, LLVMValueRef a, LLVMValueRef b) {
  bool       is_float = scalar_is_float((Scalar)node->scalar);
  LLVMOpcode opcode;
  switch (node->op) {
  case LOOP_ADD: opcode = is_float ? LLVMFAdd : LLVMAdd; break;
  case LOOP_SUB: opcode = is_float ? LLVMFSub : LLVMSub; break;
  case LOOP_MUL: opcode = is_float ? LLVMFMul : LLVMMul; break;
  case LOOP_DIV:
    if (!is_float) return divide(l, node, a, b);
    opcode = LLVMFDiv;
    break;
  case LOOP_REM: return divide(l, node, a, b);
  case LOOP_AND: opcode = LLVMAnd; break;
  case LOOP_OR: opcode = LLVMOr; break;
  default: opcode = LLVMXor; break;
  }
  return LLVMBuildBinOp(l->builder, opcode, a, b, "");
}

/* By op - LOOP_EQ */
static const LLVMIntPredicate  signed_predicates[] = {LLVMIntEQ, LLVMIntNE, LLVMIntSLT, LLVMIntSLE, LLVMIntSGT, LLVMIntSGE};
static const LLVMIntPredicate  unsigned_predicates[] = {LLVMIntEQ, LLVMIntNE, LLVMIntULT, LLVMIntULE, LLVMIntUGT, LLVMIntUGE};
static const LLVMRealPredicate float_predicates[] = {LLVMRealOEQ, LLVMRealUNE, LLVMRealOLT, LLVMRealOLE, LLVMRealOGT, LLVMRealOGE};
_Static_assert(LOOP_NE == LOOP_EQ + 1 && LOOP_LT == LOOP_EQ + 2 && LOOP_LE == LOOP_EQ + 3 && LOOP_GT == LOOP_EQ + 4 && LOOP_GE == LOOP_EQ + 5,
               "order of comparisons");

static LLVMValueRef compare(Llvm *l, LoopOp op, Scalar scalar, LLVMValueRef a, LLVMValueRef b) {
  if (scalar_is_float(scalar)) return LLVMBuildFCmp(l->builder, float_predicates[op - LOOP_EQ], a, b, "");
  return LLVMBuildICmp(l->builder, (scalar_is_signed(scalar) ? signed_predicates : unsigned_predicates)[op - LOOP_EQ], a, b, "");
}

LLVMValueRef llvm_max(Llvm *l, LLVMValueRef a, LLVMValueRef b, bool is_signed) {
  return LLVMBuildSelect(l->builder, LLVMBuildICmp(l->builder, is_signed ? LLVMIntSGT : LLVMIntUGT, a, b, ""), a, b, "");
}

static LLVMValueRef negate(Llvm *l, Scalar scalar, LLVMValueRef a) {
  return scalar_is_float(scalar) ? LLVMBuildFNeg(l->builder, a, "") : LLVMBuildNeg(l->builder, a, "");
}

static LLVMValueRef absolute(Llvm *l, Scalar scalar, LLVMValueRef a) {
  if (scalar_is_float(scalar)) return llvm_unary_intrinsic(l, "llvm.fabs", a);
  if (!scalar_is_signed(scalar)) return a;
  LLVMValueRef is_negative = LLVMBuildICmp(l->builder, LLVMIntSLT, a, llvm_integer(LLVMTypeOf(a), 0), "");
  return LLVMBuildSelect(l->builder, is_negative, LLVMBuildNeg(l->builder, a, ""), a, "");
}

/* ---- all ---- */

static LLVMValueRef unary(Llvm *l, const ExprNode *node, LLVMValueRef a, Scalar from) {
  Scalar scalar = (Scalar)node->scalar;
  switch (node->op) {
  case LOOP_NEG: return negate(l, scalar, a);
  case LOOP_ABS: return absolute(l, scalar, a);
  case LOOP_SQRT: return llvm_unary_intrinsic(l, "llvm.sqrt", a);
  case LOOP_FLOOR: return llvm_unary_intrinsic(l, "llvm.floor", a);
  case LOOP_CEIL: return llvm_unary_intrinsic(l, "llvm.ceil", a);
  case LOOP_TRUNC: return llvm_unary_intrinsic(l, "llvm.trunc", a);
  case LOOP_ROUND: return llvm_unary_intrinsic(l, "llvm.rint", a); /* to even; roundeven calls a library on Arm */
  case LOOP_NOT: return LLVMBuildNot(l->builder, a, "");
  case LOOP_CAST: return llvm_cast(l, a, from, scalar);
  case LOOP_SATURATE: return llvm_saturate(l, a, from, scalar);
  case LOOP_BROADCAST: return llvm_broadcast(l, a, node->lanes);
  case LOOP_EXTRACT: return llvm_extract(l, a, node->operand[1], node->lanes);
  case LOOP_BITCAST: return llvm_bitcast(l, a, from, scalar);
  default: bug(l->context, "%s: operation %s cannot be built", l->now.code->name, loop_op_text((LoopOp)node->op));
  }
}

static LLVMValueRef binary(Llvm *l, const ExprNode *node, LLVMValueRef a, LLVMValueRef b) {
  Scalar scalar = scalar_of(l, node->operand[0]);
  switch (node->op) {
  case LOOP_MIN: return LLVMBuildSelect(l->builder, compare(l, LOOP_LT, scalar, a, b), a, b, "");
  case LOOP_MAX: return LLVMBuildSelect(l->builder, compare(l, LOOP_GT, scalar, a, b), a, b, "");
  case LOOP_SHL:
  case LOOP_SHR: return shift(l, node, a, b);
  case LOOP_EQ:
  case LOOP_NE:
  case LOOP_LT:
  case LOOP_LE:
  case LOOP_GT:
  case LOOP_GE: return compare(l, (LoopOp)node->op, scalar, a, b);
  default: return arithmetic(l, node, a, b);
  }
}

static LLVMValueRef ternary(Llvm *l, const ExprNode *node, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c) {
  if (node->op == LOOP_SELECT) return LLVMBuildSelect(l->builder, a, b, c, "");
  LLVMTypeRef type = LLVMTypeOf(a);
  require(l->context, node->op == LOOP_FMA && scalar_is_float((Scalar)node->scalar));
  return llvm_intrinsic(l, "llvm.fma", 1, &type, 3, (LLVMValueRef[]){a, b, c});
}

LLVMValueRef llvm_expression(Llvm *l, Expr expr) {
  const ExprNode *node = expr_at(l->now.code, expr);
  LLVMValueRef    operands[3];
  switch (node->op) {
  case LOOP_CONSTANT: return llvm_constant(l, (Scalar)node->scalar, node->lanes, node->integer, node->number);
  case LOOP_DIM: return llvm_dim(l, (Dim)node->integer, DIM_FORM_INDEX);
  case LOOP_LANES: return llvm_lane_numbers(llvm_type(l, (Scalar)node->scalar, 1), node->lanes);
  case LOOP_SLOT: return slot(l, node->operand[0]);
  case LOOP_LOAD: return llvm_load(l, node);
  case LOOP_CALL: return call(l, expr);
  default: break;
  }
  unsigned count = loop_op_operands((LoopOp)node->op);
  require(l->context, count >= 1 && count <= 3);
  for (unsigned i = 0; i < count; i++) operands[i] = llvm_expression(l, node->operand[i]);
  if (count == 1) return unary(l, node, operands[0], scalar_of(l, node->operand[0]));
  if (count == 2) return binary(l, node, operands[0], operands[1]);
  return ternary(l, node, operands[0], operands[1], operands[2]);
}
