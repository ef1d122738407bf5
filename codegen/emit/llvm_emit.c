/* Loop IR to LLVM: puts the parts together. */
#include "llvm_emit.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/Support.h>

#include <stdio.h>
#include <string.h>

static void declare_entries(Llvm *l) {
  LLVMTypeRef p = l->types.pointer, i32 = l->types.i32;
  struct {
    LLVMValueRef *function;
    const char   *name;
    LLVMTypeRef   result;
    unsigned      parameters;
  } rows[] = {{&l->entries.workspace_bytes, "workspace_bytes", l->types.size, l->role_count[SYMBOL_GIVEN] > 0},
              {&l->entries.init, "init", i32, 2},
              {&l->entries.run, "run", i32, 2},
              {&l->entries.reset, "reset", i32, 1},
              {&l->entries.info, "info", p, 0}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    *rows[i].function = llvm_declare(l, arena_format(l->arena, "%s_%s", l->name, rows[i].name), LINKAGE_PUBLIC, rows[i].result, rows[i].parameters,
                                     (LLVMTypeRef[]){p, p});
}

void llvm_bug(Llvm *l, char *message) {
  snprintf(l->failure, sizeof l->failure, "%s", message);
  LLVMDisposeMessage(message);
  bug(l->context, "LLVM: %s", l->failure);
}

static void verify(Llvm *l) {
  char *message = NULL;
  if (LLVMVerifyModule(l->module, LLVMReturnStatusAction, &message)) llvm_bug(l, message);
  LLVMDisposeMessage(message);
}

typedef struct Work {
  Llvm     *l;
  Emission *emission;
} Work;

static void work(void *self) {
  Work *w = self;
  Llvm *l = w->l;
  l->llvm = LLVMContextCreate();
  l->module = LLVMModuleCreateWithNameInContext(l->name, l->llvm);
  l->builder = LLVMCreateBuilderInContext(l->llvm);
  llvm_use_all(l);
  llvm_machine_open(l);
  llvm_types_open(l);
  declare_entries(l);
  llvm_weights(l);
  llvm_kernels(l);
  llvm_lifecycle(l);
  llvm_entry_run(l);
  llvm_info(l);
  llvm_stack_watch(l);
  verify(l);
  llvm_optimize(l);
  llvm_write(l, w->emission);
}

static void release(Llvm *l) {
  if (l->held.text) LLVMDisposeMessage(l->held.text);
  if (l->held.output) LLVMDisposeMemoryBuffer(l->held.output);
  if (l->held.copy) LLVMDisposeModule(l->held.copy);
  if (l->held.symbol) LLVMDisposeSymbolIterator(l->held.symbol);
  if (l->held.binary) LLVMDisposeBinary(l->held.binary);
  if (l->held.object) LLVMDisposeMemoryBuffer(l->held.object);
  if (l->layout) LLVMDisposeTargetData(l->layout);
  if (l->machine) LLVMDisposeTargetMachine(l->machine);
  if (l->builder) LLVMDisposeBuilder(l->builder);
  if (l->module) LLVMDisposeModule(l->module);
  if (l->llvm) LLVMContextDispose(l->llvm);
}

/* LLVM's objects are no arena's: whatever leaves the work is caught here, and goes on when they are gone. */
static void emit(const Program *program, const EmitOptions *options, Arena *arena, Emission *emission) {
  Llvm *l = arena_new(arena, Llvm);
  Work  w = {l, emission};
  *emission = (Emission){.source.arena = arena, .weights.arena = arena};
  model_open(&l->model, program, options, arena);
  Outcome outcome = context_guard(l->context, work, &w);
  release(l);
  if (outcome != OUTCOME_OK) context_leave(l->context, outcome);
  text_open(&emission->header, arena);
  header_print(&l->model, &emission->header);
  bool beside = options->weights == WEIGHTS_FILE || (options->weights == WEIGHTS_INCBIN && options->form != CODE_OBJECT);
  if (beside) emission->weights = l->blob;
}

/* The module's only public name. */
__attribute__((visibility("default"))) const BackEnd onnxcc_llvm_back_end = {BACK_END_ABI, emit, llvm_jit_open, llvm_jit_symbol, llvm_jit_close};
