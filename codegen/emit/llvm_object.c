/* Filling in what an object holds as zeros: the weights, which are too large to pass through LLVM, and the stack's bytes, which are known only when
 * the code is. Both are found by their symbols, whatever the format of the object. */
#include "llvm_emit.h"

#include <llvm-c/Object.h>

#include <string.h>

/* Mach-O and 32-bit COFF put a _ in front. */
static bool is_named(const char *symbol, const char *name) { return strcmp(symbol, name) == 0 || (*symbol == '_' && strcmp(symbol + 1, name) == 0); }

/* The bytes of a symbol inside the object; NULL if it isn't there. */
static char *find(LLVMBinaryRef binary, Text *object, const char *name, size_t bytes) {
  LLVMSymbolIteratorRef  symbol = LLVMObjectFileCopySymbolIterator(binary);
  LLVMSectionIteratorRef section = LLVMObjectFileCopySectionIterator(binary);
  char                  *found = NULL;
  for (; !found && !LLVMObjectFileIsSymbolIteratorAtEnd(binary, symbol); LLVMMoveToNextSymbol(symbol)) {
    if (!is_named(LLVMGetSymbolName(symbol), name)) continue;
    LLVMMoveToContainingSection(section, symbol);
    if (LLVMObjectFileIsSectionIteratorAtEnd(binary, section)) continue; /* wanted, not there */
    size_t at = (size_t)(LLVMGetSectionContents(section) - object->data) + (size_t)(LLVMGetSymbolAddress(symbol) - LLVMGetSectionAddress(section));
    if (at < object->length && bytes <= object->length - at) found = object->data + at;
  }
  LLVMDisposeSectionIterator(section);
  LLVMDisposeSymbolIterator(symbol);
  return found;
}

static char *need(Llvm *l, LLVMBinaryRef binary, Text *object, const char *name, size_t bytes) {
  const char *symbol = arena_format(l->arena, "%s_%s", l->name, name);
  char       *found = find(binary, object, symbol, bytes);
  if (!found) bug(l->context, "the object lacks %s", symbol);
  return found;
}

void llvm_object_fill(Llvm *l, Text *object) {
  LLVMMemoryBufferRef bytes = LLVMCreateMemoryBufferWithMemoryRange(object->data, object->length, "object", false);
  char               *message = NULL;
  LLVMBinaryRef       binary = LLVMCreateBinary(bytes, l->llvm, &message);
  unsigned            width = LLVMGetIntTypeWidth(l->types.size) / 8;
  LLVMTypeRef         info = LLVMGlobalGetValueType(l->description);
  if (!binary) bug(l->context, "LLVM: %s", message);
  char *stack =
      need(l, binary, object, "model_info", (size_t)LLVMABISizeOfType(l->layout, info)) + LLVMOffsetOfElement(l->layout, info, INFO_STACK_BYTES);
  for (unsigned i = 0; i < width; i++) stack[i] = (char)((uint64_t)l->stack_bytes >> (8 * i));
  if (l->weights_data && l->options->weights == WEIGHTS_INCBIN)
    memcpy(need(l, binary, object, "weights_data", l->blob.length), l->blob.data, l->blob.length);
  LLVMDisposeBinary(binary);
  LLVMDisposeMemoryBuffer(bytes);
}
