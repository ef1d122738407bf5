/* What is done to an object once LLVM has made it: listing its public symbols, and filling in what it holds as zeros: the weights, which are too
 * large to pass through LLVM, and the stack's bytes, which are known only when the code is. Both are found by their symbols, whatever the format. */
#include "llvm_emit.h"

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

void llvm_object_begin(Llvm *l) {
  for (LLVMValueRef function = LLVMGetFirstFunction(l->module); function; function = LLVMGetNextFunction(function)) {
    if (LLVMIsDeclaration(function) || LLVMGetLinkage(function) != LLVMExternalLinkage) continue;
    size_t      length;
    const char *name = LLVMGetValueName2(function, &length), *copy = arena_string(l->arena, name, length);
    vector_push(l->arena, &l->public_names, copy);
  }
}

/* The object says how they are spelled. */
static bool is_public(const Llvm *l, const char *symbol) {
  for (uint32_t i = 0; i < l->public_names.count; i++)
    if (is_named(symbol, l->public_names.data[i])) return true;
  return false;
}

static void list_names(const Llvm *l, Text *symbols) {
  for (uint32_t i = 0; i < l->public_names.count; i++) text_bytes(symbols, l->public_names.data[i], strlen(l->public_names.data[i]) + 1);
}

static void list_symbols(Llvm *l, Text *symbols) {
  LLVMBinaryRef         binary = l->held.binary;
  LLVMSymbolIteratorRef symbol = l->held.symbol = LLVMObjectFileCopySymbolIterator(binary);
  for (; !LLVMObjectFileIsSymbolIteratorAtEnd(binary, symbol); LLVMMoveToNextSymbol(symbol)) {
    const char *name = LLVMGetSymbolName(symbol);
    if (name && is_public(l, name)) text_bytes(symbols, name, strlen(name) + 1);
  }
}

static char *need(Llvm *l, Text *object, const char *name, size_t bytes) {
  const char *symbol = arena_format(l->arena, "%s_%s", l->name, name);
  char       *found = find(l->held.binary, object, symbol, bytes);
  if (!found) bug(l->context, "the object lacks %s", symbol);
  return found;
}

/* The stack's bytes into the info table, and large weights into their zeros. */
static void fill(Llvm *l, Text *object) {
  unsigned    width = LLVMGetIntTypeWidth(l->types.size) / 8;
  LLVMTypeRef info = LLVMGlobalGetValueType(l->description);
  char *stack = need(l, object, "model_info", (size_t)LLVMABISizeOfType(l->layout, info)) + LLVMOffsetOfElement(l->layout, info, INFO_STACK_BYTES);
  for (unsigned i = 0; i < width; i++) stack[i] = (char)((uint64_t)l->stack_bytes >> (8 * i));
  if (l->weights_data && l->options->weights == WEIGHTS_INCBIN) memcpy(need(l, object, "weights_data", l->blob.length), l->blob.data, l->blob.length);
}

void llvm_object_finish(Llvm *l, Emission *emission) {
  Text *object = &emission->source;
  char *message = NULL;
  l->held.object = LLVMCreateMemoryBufferWithMemoryRange(object->data, object->length, "object", false);
  l->held.binary = LLVMCreateBinary(l->held.object, l->llvm, &message);
  if (!l->held.binary) llvm_bug(l, message);
  for (ObjectFormat format = OBJECT_ELF; format <= OBJECT_WASM; format++)
    if (llvm_object_is(l, format)) emission->format = format;
  text_open(&emission->symbols, l->arena);
  if (emission->format == OBJECT_WASM) list_names(l, &emission->symbols); /* whose names don't end */
  else list_symbols(l, &emission->symbols);
  if (emission->format != OBJECT_WASM) fill(l, object);
}
