/* Addresses, loads and stores. Every access of the loop IR is in bounds, so subscripts neither wrap nor leave their buffer. */
#include "llvm_emit.h"

#include <string.h>

/* The element's distance from the start, in elements. */
static LLVMValueRef subscript(Llvm *l, const OperandInfo *operand, uint32_t list, uint32_t count) {
  DimTable    *dims = l->program->dims;
  LLVMValueRef sum = NULL;
  for (uint32_t axis = 0; axis < count; axis++) {
    Dim     stride = operand->strided ? operand->strides[axis] : dim_product(dims, operand->dims + axis + 1, operand->rank - axis - 1);
    int64_t fixed = 0;
    if (dim_is_constant(dims, stride, &fixed) && fixed == 0) continue;
    LLVMValueRef term = llvm_expression(l, l->now.code->lists.data[list + axis]);
    if (fixed != 1) term = LLVMBuildNSWMul(l->builder, term, llvm_dim(l, stride, DIM_FORM_INDEX), "");
    sum = sum ? LLVMBuildNSWAdd(l->builder, sum, term, "") : term;
  }
  return sum ? sum : llvm_integer(l->types.index, 0);
}

/* A buffer of the entry as an operand. */
static OperandInfo buffer_operand(const Buffer *buffer) {
  OperandInfo operand = {.name = buffer->name, .scalar = buffer->scalar, .rank = buffer->rank};
  memcpy(operand.dims, buffer->dims, sizeof operand.dims);
  return operand;
}

/* The address of an element of an operand (of a buffer, in the entry); what it is an operand of is returned in *operand. */
static LLVMValueRef element(Llvm *l, uint32_t index, uint32_t list, uint32_t count, OperandInfo *operand) {
  bool in_entry = l->now.code->kind == CODE_ENTRY;
  *operand = in_entry ? buffer_operand(&l->program->buffers.data[index]) : l->now.code->operands.data[index];
  LLVMValueRef base = in_entry ? llvm_buffer(l, index, 0) : l->now.operands[index], at = subscript(l, operand, list, count);
  return LLVMBuildInBoundsGEP2(l->builder, llvm_memory_type(l, operand->scalar, 1), base, &at, 1, "");
}

/* From the type in memory to the one in registers. */
static LLVMValueRef from_memory(Llvm *l, LLVMValueRef value, Scalar scalar) {
  if (scalar == SCALAR_I1) return LLVMBuildICmp(l->builder, LLVMIntNE, value, llvm_integer(LLVMTypeOf(value), 0), "");
  if (scalar == SCALAR_INDEX) return LLVMBuildIntCast2(l->builder, value, llvm_lanes_of(l->types.index, LLVMTypeOf(value)), true, "");
  return value;
}

static LLVMValueRef to_memory(Llvm *l, LLVMValueRef value, Scalar scalar) {
  LLVMTypeRef type = llvm_lanes_of(llvm_memory_type(l, scalar, 1), LLVMTypeOf(value));
  return scalar == SCALAR_I1 || scalar == SCALAR_INDEX ? LLVMBuildIntCast2(l->builder, value, type, scalar == SCALAR_INDEX, "") : value;
}

LLVMValueRef llvm_load(Llvm *l, const ExprNode *node) {
  OperandInfo  operand;
  LLVMValueRef address = element(l, node->operand[0], node->operand[1], node->operand[2], &operand);
  LLVMValueRef value = LLVMBuildLoad2(l->builder, llvm_memory_type(l, operand.scalar, 1), address, "");
  LLVMSetAlignment(value, scalar_bytes(operand.scalar));
  return from_memory(l, value, operand.scalar);
}

void llvm_store(Llvm *l, const StmtNode *stmt) {
  OperandInfo  operand;
  LLVMValueRef address = element(l, stmt->target, stmt->list, stmt->list_count, &operand);
  LLVMValueRef value = to_memory(l, llvm_expression(l, stmt->a), operand.scalar);
  LLVMSetAlignment(LLVMBuildStore(l->builder, value, address), scalar_bytes(operand.scalar));
}
