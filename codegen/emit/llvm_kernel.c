/* Kernels and library functions.
 *
 * A kernel's parameters are the symbols it mentions, then pointers to its operands; what its body does not touch LLVM drops. Kernels are not
 * inlined: that keeps compile time linear and the stack of each its own. */
#include "llvm_emit.h"

#include <string.h>

/* ---- functions ---- */

static LLVMValueRef declare_function(Llvm *l, const Code *code) {
  LLVMTypeRef *parameters = arena_array(l->arena, LLVMTypeRef, code->parameter_count + 1u);
  for (uint32_t i = 0; i < code->parameter_count; i++) parameters[i] = llvm_type(l, code->slots.data[1 + i].scalar, code->lanes);
  const char *name = code->symbol ? code->symbol : arena_format(l->arena, "%s_%s", l->name, code->name);
  return llvm_declare(l, name, code->symbol ? LINKAGE_PUBLIC : LINKAGE_LOCAL, llvm_type(l, code->result, code->lanes), code->parameter_count,
                      parameters);
}

LLVMValueRef llvm_function(Llvm *l, uint32_t index) {
  const Code *code = &l->program->functions.data[index];
  if (l->functions[index]) return l->functions[index];
  LlvmCode          saved = l->now;
  LLVMBasicBlockRef here = LLVMGetInsertBlock(l->builder);
  require(l->context, code->defined || code->symbol);
  LLVMValueRef function = l->functions[index] = declare_function(l, code);
  if (code->symbol) return function;
  llvm_code_open(l, code, function);
  for (uint32_t i = 0; i < code->parameter_count; i++) l->now.slots[1 + i] = LLVMGetParam(function, i);
  llvm_statements(l, code->body);
  l->now = saved;
  llvm_enter(l, here);
  return function;
}

/* ---- kernels ---- */

static void find_symbols(const Llvm *l, const Code *code, bool *used) {
  const DimTable *dims = l->program->dims;
  for (uint32_t i = 1; i < code->exprs.count; i++)
    if (code->exprs.data[i].op == LOOP_DIM) dim_symbols(dims, (Dim)code->exprs.data[i].integer, used);
  for (uint32_t i = 0; i < code->operands.count; i++)
    for (uint32_t axis = 0; axis < code->operands.data[i].rank; axis++) {
      dim_symbols(dims, code->operands.data[i].dims[axis], used);
      if (code->operands.data[i].strided) dim_symbols(dims, code->operands.data[i].strides[axis], used);
    }
}

static LLVMValueRef declare_kernel(Llvm *l, uint32_t index) {
  const Code  *code = &l->program->kernels.data[index];
  uint32_t     symbols = l->program->dims->symbols.count, count = 0;
  LLVMTypeRef *parameters = arena_array(l->arena, LLVMTypeRef, symbols + code->operands.count + 1u);
  l->kernel_symbols[index] = arena_array(l->arena, bool, symbols + 1u);
  find_symbols(l, code, l->kernel_symbols[index]);
  for (uint32_t i = 0; i < symbols; i++)
    if (l->kernel_symbols[index][i]) parameters[count++] = l->types.index;
  for (uint32_t i = 0; i < code->operands.count; i++)
    if (code->operands.data[i].access != ACCESS_LOCAL) parameters[count++] = l->types.pointer;
  return llvm_declare(l, arena_format(l->arena, "%s_%s", l->name, code->name), LINKAGE_KERNEL, l->types.nothing, count, parameters);
}

/* What is known of a pointer, beside its bytes. */
static void pointer_facts(Llvm *l, uint32_t kernel, uint32_t operand, LLVMValueRef function, unsigned at) {
  const OperandInfo *info = &l->program->kernels.data[kernel].operands.data[operand];
  bool               has_elements = true;
  for (uint32_t axis = 0; axis < info->rank; axis++) has_elements &= dim_lo(l->program->dims, info->dims[axis]) > 0;
  if (l->calls[kernel].restricted[operand]) llvm_attribute(l, function, at, "noalias", 0);
  if (has_elements) llvm_attribute(l, function, at, "nonnull", 0);
  if (info->access == ACCESS_IN) llvm_attribute(l, function, at, "readonly", 0);
  unsigned align = info->align > scalar_bytes(info->scalar) ? info->align : scalar_bytes(info->scalar);
  llvm_attribute(l, function, at, "align", align);
}

/* An array on the stack. */
static LLVMValueRef local(Llvm *l, const OperandInfo *operand) {
  int64_t      count = dim_value(l->program->dims, dim_product(l->program->dims, operand->dims, operand->rank));
  LLVMValueRef array = llvm_variable(l, LLVMArrayType2(llvm_memory_type(l, operand->scalar, 1), (uint64_t)(count > 0 ? count : 1)), operand->name);
  unsigned     align = operand->align > scalar_bytes(operand->scalar) ? operand->align : scalar_bytes(operand->scalar);
  LLVMSetAlignment(array, align);
  return array;
}

static void kernel(Llvm *l, uint32_t index) {
  const Code  *code = &l->program->kernels.data[index];
  LLVMValueRef function = l->kernels[index] = declare_kernel(l, index);
  unsigned     parameter = 0;
  llvm_code_open(l, code, function);
  for (uint32_t i = 0; i < l->program->dims->symbols.count; i++)
    if (l->kernel_symbols[index][i]) l->now.symbols[i] = LLVMGetParam(function, parameter++);
  for (uint32_t i = 0; i < code->operands.count; i++) {
    if (code->operands.data[i].access == ACCESS_LOCAL) {
      l->now.operands[i] = local(l, &code->operands.data[i]);
    } else {
      pointer_facts(l, index, i, function, parameter + 1); /* attributes count the result as 0 */
      l->now.operands[i] = LLVMGetParam(function, parameter++);
    }
  }
  llvm_statements(l, code->body);
  LLVMBuildRetVoid(l->builder);
}

void llvm_kernels(Llvm *l) {
  const Program *program = l->program;
  l->calls = aliasing_of_kernels(&l->model);
  l->kernels = arena_array(l->arena, LLVMValueRef, program->kernels.count + 1u);
  l->kernel_symbols = arena_array(l->arena, bool *, program->kernels.count + 1u);
  l->functions = arena_array(l->arena, LLVMValueRef, program->functions.count + 1u);
  for (uint32_t i = 0; i < program->kernels.count; i++) {
    if (!l->calls[i].called) continue;
    llvm_use_variant(l, program->kernels.data[i].variant);
    kernel(l, i);
  }
  llvm_use_all(l);
}
