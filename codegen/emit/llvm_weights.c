/* Where the weights are, in the object: small ones as a constant, large ones as zeros that the object's bytes are filled in over later
 * (llvm_object.c), so that they never pass through LLVM; in text, as .incbin; in WebAssembly always as a constant. */
#include "llvm_emit.h"

#include <string.h>

static const char *symbol_name(Llvm *l) { return arena_format(l->arena, "%s_weights_data", l->name); }

static LLVMValueRef global(Llvm *l, LLVMTypeRef type) {
  LLVMValueRef data = LLVMAddGlobal(l->module, type, symbol_name(l));
  LLVMSetGlobalConstant(data, true);
  LLVMSetAlignment(data, MODEL_ALIGN);
  return data;
}

static LLVMValueRef by_value(Llvm *l) {
  LLVMValueRef bytes = LLVMConstStringInContext(l->llvm, l->blob.data, (unsigned)l->blob.length, true), data = global(l, LLVMTypeOf(bytes));
  LLVMSetInitializer(data, bytes);
  LLVMSetLinkage(data, LLVMInternalLinkage);
  return data;
}

/* As the C emitter's file of weights: a hidden symbol in a section of its own where there are sections by name. */
static LLVMValueRef as_zeros(Llvm *l) {
  LLVMTypeRef  type = LLVMArrayType2(l->types.i8, l->blob.length);
  LLVMValueRef data = global(l, type);
  LLVMSetInitializer(data, LLVMConstNull(type));
  LLVMSetVisibility(data, LLVMHiddenVisibility);
  if (llvm_object_is(l, OBJECT_ELF)) LLVMSetSection(data, arena_format(l->arena, ".rodata.%s_weights", l->name));
  return data;
}

static LLVMValueRef by_file(Llvm *l) {
  const char  *name = symbol_name(l);
  LLVMValueRef data = global(l, l->types.i8);
  LLVMSetVisibility(data, LLVMHiddenVisibility);
  Text text;
  text_open(&text, l->arena);
  if (llvm_object_is(l, OBJECT_MACHO))
    text_format(&text, ".section __TEXT,__const\n.private_extern _%s\n.globl _%s\n.p2align 6\n_%s:\n", name, name, name);
  else if (llvm_object_is(l, OBJECT_COFF)) text_format(&text, ".section .rdata,\"dr\"\n.globl %s\n.p2align 6\n%s:\n", name, name);
  else text_format(&text, ".section .rodata.%s_weights,\"a\",%%progbits\n.hidden %s\n.globl %s\n.p2align 6\n%s:\n", l->name, name, name, name);
  text_format(&text, ".incbin \"%s.weights.bin\"\n.text\n", l->options->file_name);
  LLVMAppendModuleInlineAsm(l->module, text.data, text.length);
  return data;
}

void llvm_weights(Llvm *l) {
  if (l->blob.length == 0 || l->options->weights == WEIGHTS_FILE) return;
  bool is_text = l->options->form != CODE_OBJECT;
  bool is_value = l->options->weights == WEIGHTS_INLINE || (!is_text && llvm_object_is(l, OBJECT_WASM));
  l->weights_data = is_value ? by_value(l) : is_text ? by_file(l) : as_zeros(l);
}
