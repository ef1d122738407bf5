/* The target machine, the passes and writing out. */
#include "llvm_emit.h"

#include <llvm-c/Target.h>
#include <llvm-c/Transforms/PassBuilder.h>

#include <stdio.h>
#include <string.h>

static bool contains(const char *text, const char *part) { return strstr(text, part) != NULL; }

bool llvm_object_is(const Llvm *l, ObjectFormat format) {
  bool macho = contains(l->triple, "apple") || contains(l->triple, "macho"), coff = contains(l->triple, "windows") || contains(l->triple, "coff");
  bool wasm = strncmp(l->triple, "wasm", 4) == 0;
  return format == (macho ? OBJECT_MACHO : coff ? OBJECT_COFF : wasm ? OBJECT_WASM : OBJECT_ELF);
}

/* Without a loader nothing is moved, so code may stay where it was linked. */
static LLVMRelocMode relocation(const Llvm *l) {
  bool bare = contains(l->triple, "-none") || strncmp(l->triple, "wasm", 4) == 0;
  return bare ? LLVMRelocStatic : LLVMRelocPIC;
}

static const char *keep(Llvm *l, char *text) {
  l->held.text = text;
  const char *copy = arena_string(l->arena, text, strlen(text));
  LLVMDisposeMessage(text);
  l->held.text = NULL;
  return copy;
}

/* With all of its parts: LLVM reads them by position, and without a vendor it misses the names of Arm's run-time library and where floats pass. */
static const char *whole_triple(Llvm *l) {
  const char *asked = l->options->triple ? l->options->triple : l->target->llvm_triple;
  return asked ? keep(l, LLVMNormalizeTargetTriple(asked)) : keep(l, LLVMGetDefaultTargetTriple());
}

void llvm_targets_open(void) {
  LLVMInitializeAllTargetInfos();
  LLVMInitializeAllTargets();
  LLVMInitializeAllTargetMCs();
  LLVMInitializeAllAsmPrinters();
  LLVMInitializeAllAsmParsers();
}

void llvm_machine_open(Llvm *l) {
  const Target *target = l->target;
  LLVMTargetRef found;
  char         *message = NULL;
  llvm_targets_open();
  l->triple = whole_triple(l);
  if (LLVMGetTargetFromTriple(l->triple, &found, &message)) {
    l->held.text = message;
    usage_error(l->context, CODE_NOT_BUILT_IN, "write C with -S and compile that", "this LLVM makes no code for %s: %s", target->name, message);
  }
  LLVMTargetMachineOptionsRef options = LLVMCreateTargetMachineOptions();
  LLVMTargetMachineOptionsSetCPU(options, target->llvm_cpu ? target->llvm_cpu : "");
  LLVMTargetMachineOptionsSetFeatures(options, target->llvm_features ? target->llvm_features : "");
  if (target->llvm_abi) LLVMTargetMachineOptionsSetABI(options, target->llvm_abi);
  LLVMTargetMachineOptionsSetCodeGenOptLevel(options, l->options->level == 0 ? LLVMCodeGenLevelLess : LLVMCodeGenLevelDefault);
  LLVMTargetMachineOptionsSetRelocMode(options, relocation(l));
  l->machine = LLVMCreateTargetMachineWithOptions(found, l->triple, options);
  LLVMDisposeTargetMachineOptions(options);
  l->layout = LLVMCreateTargetDataLayout(l->machine);
  LLVMSetModuleDataLayout(l->module, l->layout);
  LLVMSetTarget(l->module, l->triple);
  if (!target->llvm_abi) return;
  LLVMMetadataRef abi = LLVMMDStringInContext2(l->llvm, target->llvm_abi, strlen(target->llvm_abi)); /* link-time optimisation asks for it */
  LLVMAddModuleFlag(l->module, LLVMModuleFlagBehaviorError, "target-abi", strlen("target-abi"), abi);
}

/* ---- passes ---- */

static void check(Llvm *l, LLVMErrorRef error) {
  if (!error) return;
  char *message = LLVMGetErrorMessage(error);
  snprintf(l->failure, sizeof l->failure, "%s", message);
  LLVMDisposeErrorMessage(message);
  bug(l->context, "LLVM: %s", l->failure);
}

/* LLVM 19's code for Helium is wrong in two ways. Addresses of gathers that count with a loop make the loop endless. A conversion between integers
 * and floats scaled by a power of two takes the number of a register for that power. llvm_hide_addresses and llvm_hide_scale keep them from it. */
static bool is_helium(const Llvm *l) { return strncmp(l->triple, "thumbv8.1m", 10) == 0; }

LLVMValueRef llvm_hide_addresses(Llvm *l, LLVMValueRef addresses) { return is_helium(l) ? LLVMBuildFreeze(l->builder, addresses, "") : addresses; }

bool llvm_is_half_helium(const Llvm *l, LLVMValueRef value) {
  LLVMTypeRef type = LLVMTypeOf(value);
  return is_helium(l) && LLVMGetTypeKind(type) == LLVMVectorTypeKind && LLVMGetVectorSize(type) < 4;
}

LLVMValueRef llvm_hide_scale(Llvm *l, LLVMValueRef value) {
  bool is_vector = LLVMGetTypeKind(LLVMTypeOf(value)) == LLVMVectorTypeKind;
  return is_helium(l) && is_vector ? llvm_unary_intrinsic(l, "llvm.arithmetic.fence", value) : value;
}

/* Vectors that flush subnormals would change results; those for Helium, see above. */
bool llvm_may_vectorize(const Llvm *l) { return (l->target->vector_bytes == 0 || l->target->has_vector_f32) && !is_helium(l); }

/* LLVM's own pipelines. */
void llvm_optimize(Llvm *l) {
  static const char *const  pipelines[] = {"function(sroa,early-cse,simplifycfg)", "default<O1>", "default<O2>", "default<O3>"};
  LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
  LLVMErrorRef error = LLVMRunPasses(l->module, pipelines[l->options->level > 3 ? 3 : l->options->level], l->machine, options);
  LLVMDisposePassBuilderOptions(options);
  check(l, error);
}

/* ---- writing ---- */

/* The module as an object or as assembly, in the arena. */
static Text generate(Llvm *l, LLVMModuleRef module, LLVMCodeGenFileType type) {
  char *message = NULL;
  if (LLVMTargetMachineEmitToMemoryBuffer(l->machine, module, type, &message, &l->held.output)) llvm_bug(l, message);
  size_t length = LLVMGetBufferSize(l->held.output);
  Text   text = {.arena = l->arena, .length = length, .capacity = length + 1};
  text.data = arena_allocate(l->arena, length + 1);
  memcpy(text.data, LLVMGetBufferStart(l->held.output), length);
  LLVMDisposeMemoryBuffer(l->held.output);
  l->held.output = NULL;
  if (*l->failure) bug(l->context, "LLVM: %s", l->failure);
  return text;
}

/* Texts state the stack's bytes, so code is made once before, from a copy, to know them. */
static void measure(Llvm *l) {
  l->held.copy = LLVMCloneModule(l->module);
  (void)generate(l, l->held.copy, LLVMObjectFile);
  LLVMDisposeModule(l->held.copy);
  l->held.copy = NULL;
  llvm_stack_sum(l);
  llvm_info_set_stack(l);
}

/* What only our own look at frames needs stays out of the text. */
static Text module_text(Llvm *l) {
  static const char limit[] = "warn-stack-size";
  for (LLVMValueRef function = LLVMGetFirstFunction(l->module); function; function = LLVMGetNextFunction(function))
    LLVMRemoveStringAttributeAtIndex(function, LLVMAttributeFunctionIndex, limit, sizeof limit - 1);
  Text text;
  l->held.text = LLVMPrintModuleToString(l->module);
  text_open(&text, l->arena);
  text_string(&text, l->held.text);
  return text;
}

void llvm_write(Llvm *l, Emission *emission) {
  bool is_filled = !llvm_object_is(l, OBJECT_WASM); /* whose data can't be found by symbols */
  if (l->options->form == CODE_OBJECT) {
    llvm_object_begin(l);
    if (!is_filled) measure(l);
    emission->source = generate(l, l->module, LLVMObjectFile);
    if (is_filled) llvm_stack_sum(l);
    llvm_object_finish(l, emission);
    return;
  }
  measure(l);
  emission->source = l->options->form == CODE_LLVM_IR ? module_text(l) : generate(l, l->module, LLVMAssemblyFile);
}
