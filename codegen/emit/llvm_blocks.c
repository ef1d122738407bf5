/* Functions, blocks, early returns. */
#include "llvm_emit.h"

#include <string.h>

void llvm_attribute(Llvm *l, LLVMValueRef function, unsigned at, const char *name, uint64_t value) {
  unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
  if (kind) LLVMAddAttributeAtIndex(function, at, LLVMCreateEnumAttribute(l->llvm, kind, value));
}

static void text_attribute(Llvm *l, LLVMValueRef function, const char *name, const char *value) {
  LLVMAddAttributeAtIndex(function, LLVMAttributeFunctionIndex,
                          LLVMCreateStringAttribute(l->llvm, name, (unsigned)strlen(name), value, (unsigned)strlen(value)));
}

/* noimplicitfloat: vectors are the program's alone; the options of LLVM's C interface for its vectorizers do not keep them from their work.
 * no-builtins: no loop becomes a call that the caller may not have. noredzone: a frame is all that a function takes of the stack, so that it can be
 * summed, and interrupts may share it. */
static void attributes(Llvm *l, LLVMValueRef function, Linkage linkage) {
  const Target *target = l->target;
  llvm_attribute(l, function, LLVMAttributeFunctionIndex, "nounwind", 0);
  llvm_attribute(l, function, LLVMAttributeFunctionIndex, "noredzone", 0);
  if (linkage == LINKAGE_KERNEL) llvm_attribute(l, function, LLVMAttributeFunctionIndex, "noinline", 0);
  if (!llvm_may_vectorize(l)) llvm_attribute(l, function, LLVMAttributeFunctionIndex, "noimplicitfloat", 0);
  text_attribute(l, function, "no-builtins", "");
  text_attribute(l, function, "warn-stack-size", "0");
  if (target->llvm_cpu) text_attribute(l, function, "target-cpu", target->llvm_cpu);
  if (target->llvm_features) text_attribute(l, function, "target-features", target->llvm_features);
  if (target->vector_bytes < 64 || strcmp(target->architecture, "x86_64") != 0) return;
  text_attribute(l, function, "min-legal-vector-width", "512"); /* of the program's own vectors: those that LLVM finds are better half as wide */
}

LLVMValueRef llvm_declare(Llvm *l, const char *name, Linkage linkage, LLVMTypeRef result, unsigned count, LLVMTypeRef *parameters) {
  LLVMValueRef function = LLVMAddFunction(l->module, name, LLVMFunctionType(result, parameters, count, false));
  if (linkage != LINKAGE_PUBLIC) LLVMSetLinkage(function, LLVMInternalLinkage);
  attributes(l, function, linkage);
  if (result == l->types.i32) llvm_attribute(l, function, LLVMAttributeReturnIndex, "signext", 0); /* some ABIs hand int over as a whole register */
  return function;
}

void llvm_open(Llvm *l, LLVMValueRef function) {
  l->now = (LlvmCode){.function = function};
  llvm_enter(l, llvm_block(l, "entry"));
}

LLVMBasicBlockRef llvm_block(Llvm *l, const char *name) { return LLVMAppendBasicBlockInContext(l->llvm, l->now.function, name); }
void              llvm_enter(Llvm *l, LLVMBasicBlockRef block) { LLVMPositionBuilderAtEnd(l->builder, block); }
bool              llvm_is_closed(Llvm *l) { return LLVMGetBasicBlockTerminator(LLVMGetInsertBlock(l->builder)) != NULL; }

void llvm_jump(Llvm *l, LLVMBasicBlockRef block) {
  if (!llvm_is_closed(l)) LLVMBuildBr(l->builder, block);
}

LLVMValueRef llvm_variable(Llvm *l, LLVMTypeRef type, const char *name) {
  LLVMBasicBlockRef here = LLVMGetInsertBlock(l->builder), first = LLVMGetEntryBasicBlock(l->now.function);
  LLVMValueRef      instruction = LLVMGetFirstInstruction(first);
  if (instruction) LLVMPositionBuilderBefore(l->builder, instruction);
  else llvm_enter(l, first);
  LLVMValueRef variable = LLVMBuildAlloca(l->builder, type, name);
  llvm_enter(l, here);
  return variable;
}

void llvm_return(Llvm *l, int32_t status) { LLVMBuildRet(l->builder, llvm_integer(l->types.i32, status)); }

void llvm_return_if(Llvm *l, LLVMValueRef condition, LLVMValueRef result) {
  LLVMBasicBlockRef refuse = llvm_block(l, "refuse"), go_on = llvm_block(l, "go_on");
  LLVMBuildCondBr(l->builder, condition, refuse, go_on);
  llvm_enter(l, refuse);
  LLVMBuildRet(l->builder, result);
  llvm_enter(l, go_on);
}

void llvm_refuse_if(Llvm *l, LLVMValueRef condition, int32_t status) { llvm_return_if(l, condition, llvm_integer(l->types.i32, status)); }

LLVMValueRef llvm_is_null(Llvm *l, LLVMValueRef pointer) { return LLVMBuildIsNull(l->builder, pointer, ""); }
LLVMValueRef llvm_or(Llvm *l, LLVMValueRef a, LLVMValueRef b) { return a ? LLVMBuildOr(l->builder, a, b, "") : b; }
