/* The stack that calls take, from the frames as LLVM laid them out: it reports each function's as a warning of a limit of 0 bytes. */
#include "llvm_emit.h"

#include <stdio.h>
#include <string.h>

/* "stack frame size (88) exceeds limit (0) in function 'NAME'" */
static bool read_frame(const char *message, unsigned *bytes, const char **name, size_t *length) {
  static const char before[] = "stack frame size (", between[] = "in function '";
  const char       *at = strstr(message, before), *function = strstr(message, between);
  if (!at || !function || sscanf(at + sizeof before - 1, "%u", bytes) != 1) return false;
  *name = function + sizeof between - 1;
  *length = strcspn(*name, "'");
  return true;
}

/* LLVM calls this while it works: nothing here may leave. What is no frame but an error is kept to be reported when LLVM has returned. */
static void receive(LLVMDiagnosticInfoRef diagnostic, void *self) {
  Llvm       *l = self;
  char       *message = LLVMGetDiagInfoDescription(diagnostic);
  unsigned    bytes;
  const char *name;
  size_t      length;
  if (read_frame(message, &bytes, &name, &length)) {
    for (uint32_t i = 0; i < l->frame_count; i++)
      if (strlen(l->frames[i].name) == length && memcmp(l->frames[i].name, name, length) == 0) l->frames[i].bytes = bytes;
  } else if (LLVMGetDiagInfoSeverity(diagnostic) == LLVMDSError && !*l->failure) {
    snprintf(l->failure, sizeof l->failure, "%s", message);
  }
  LLVMDisposeMessage(message);
}

static LlvmFrame *frame(Llvm *l, LLVMValueRef function) {
  size_t length;
  if (!function) return NULL;
  const char *name = LLVMGetValueName2(function, &length);
  l->frames[l->frame_count] = (LlvmFrame){.name = arena_string(l->arena, name, length)};
  return &l->frames[l->frame_count++];
}

/* Names are taken down before passes delete functions. */
void llvm_stack_watch(Llvm *l) {
  const Program *program = l->program;
  l->frames = arena_array(l->arena, LlvmFrame, program->kernels.count + program->functions.count + program->variants.count + 1u);
  l->variant_frames = arena_array(l->arena, LlvmFrame *, program->variants.count + 1u);
  l->kernel_frames = arena_array(l->arena, LlvmFrame *, program->kernels.count + 1u);
  l->function_frames = arena_array(l->arena, LlvmFrame *, program->functions.count + 1u);
  l->run_frame = frame(l, l->entries.run);
  for (uint32_t i = 0; i < program->variants.count; i++) l->variant_frames[i] = frame(l, l->runs[i]);
  for (uint32_t i = 0; i < program->kernels.count; i++) l->kernel_frames[i] = frame(l, l->kernels[i]);
  for (uint32_t i = 0; i < program->functions.count; i++) l->function_frames[i] = frame(l, l->functions[i]);
  LLVMContextSetDiagnosticHandler(l->llvm, receive, l);
}

/* ---- the sum over calls ---- */

static unsigned of_function(Llvm *l, uint32_t function);

/* The deepest library function that the code calls. */
static unsigned of_callees(Llvm *l, const Code *code) {
  unsigned deepest = 0;
  for (uint32_t i = 1; i < code->exprs.count; i++) {
    if (code->exprs.data[i].op != LOOP_CALL) continue;
    unsigned bytes = of_function(l, code->exprs.data[i].operand[0]);
    if (bytes > deepest) deepest = bytes;
  }
  return deepest;
}

/* A function that was inlined everywhere has no frame of its own. Functions don't call themselves: the library is not recursive. */
static unsigned of_function(Llvm *l, uint32_t function) {
  LlvmFrame *own = l->function_frames[function];
  if (!own) return 0;
  if (!own->is_summed) own->with_callees = own->bytes + of_callees(l, &l->program->functions.data[function]) + (own->bytes ? FRAME_BYTES : 0);
  own->is_summed = true;
  return own->with_callees;
}

void llvm_stack_sum(Llvm *l) {
  const Program *program = l->program;
  unsigned       deepest = 0, of_variant = 0;
  for (uint32_t i = 0; i < program->entries.count; i++) {
    unsigned bytes = of_callees(l, &program->entries.data[i]);
    if (bytes > deepest) deepest = bytes;
  }
  for (uint32_t i = 0; i < program->variants.count; i++)
    if (l->variant_frames[i]->bytes + FRAME_BYTES > of_variant) of_variant = l->variant_frames[i]->bytes + FRAME_BYTES;
  for (uint32_t i = 0; i < program->kernels.count; i++) {
    if (!l->kernel_frames[i]) continue;
    unsigned bytes = l->kernel_frames[i]->bytes + FRAME_BYTES + of_callees(l, &program->kernels.data[i]);
    if (bytes > deepest) deepest = bytes;
  }
  l->stack_bytes = model_stack_bytes(l->run_frame->bytes + of_variant + deepest);
  l->stack_is_measured = true;
}
