/* Loading an object into this process: the very bytes that would have been written, linked by LLVM's JIT linker, so that what runs is what ships.
 * It finds memcpy and its like in the process. */
#include "llvm_emit.h"

#include <llvm-c/LLJIT.h>
#include <llvm-c/Support.h>

#include <stdio.h>

static void check(Context *context, LLVMErrorRef error) {
  char copy[256];
  if (!error) return;
  char *message = LLVMGetErrorMessage(error);
  snprintf(copy, sizeof copy, "%s", message);
  LLVMDisposeErrorMessage(message);
  io_error(context, CODE_C_LIBRARY, (Place){0}, "--via=llvm links with the C compiler instead", "%s", copy);
}

static LLVMErrorRef add(LLVMOrcLLJITRef jit, const Text *object) {
  LLVMOrcJITDylibRef            library = LLVMOrcLLJITGetMainJITDylib(jit);
  LLVMOrcDefinitionGeneratorRef process = NULL;
  LLVMErrorRef                  error = LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(&process, LLVMOrcLLJITGetGlobalPrefix(jit), NULL, NULL);
  if (error) return error;
  LLVMOrcJITDylibAddGenerator(library, process);
  return LLVMOrcLLJITAddObjectFile(jit, library, LLVMCreateMemoryBufferWithMemoryRangeCopy(object->data, object->length, "object"));
}

void *llvm_jit_open(Context *context, const Text *object) {
  LLVMOrcLLJITRef jit = NULL;
  llvm_targets_open();
  check(context, LLVMOrcCreateLLJIT(&jit, NULL));
  LLVMErrorRef error = add(jit, object);
  if (!error) return jit;
  llvm_jit_close(jit);
  check(context, error);
  return NULL;
}

void *llvm_jit_symbol(void *jit, Context *context, const char *name) {
  LLVMOrcExecutorAddress address = 0;
  check(context, LLVMOrcLLJITLookup(jit, &address, name));
  return (void *)(uintptr_t)address;
}

void llvm_jit_close(void *jit) { LLVMConsumeError(LLVMOrcDisposeLLJIT(jit)); }
