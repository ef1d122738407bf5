/* Which operands of a kernel never share memory with another one: C's restrict, LLVM's noalias.
 *
 * A pointer is restricted only if no call of the program hands the kernel overlapping memory through it and another operand while one of the two
 * is written. */
#include "codegen/emit/model.h"

#include <string.h>

static bool same_storage(const Buffer *a, const Buffer *b) {
  return a->storage == b->storage && (a->storage == STORAGE_WORKSPACE || a->storage == STORAGE_STATE);
}

static bool may_overlap(const Model *model, uint32_t first, uint32_t second) {
  DimTable     *dims = model->program->dims;
  const Buffer *a = &model->program->buffers.data[first], *b = &model->program->buffers.data[second];
  int64_t       at;
  if (first == second) return true;
  if (!same_storage(a, b)) return false; /* callers give inputs, outputs and workspace memory of their own */
  if (a->offset == DIM_UNKNOWN || b->offset == DIM_UNKNOWN || a->offset == b->offset) return true;
  if (!dim_is_constant(dims, a->offset, &at) || !dim_is_constant(dims, b->offset, &at))
    return false; /* both live in this call, so `place` kept them apart */
  Dim a_end = dim_add(dims, a->offset, model_buffer_bytes(model, a)), b_end = dim_add(dims, b->offset, model_buffer_bytes(model, b));
  return dim_lo(dims, dim_sub(dims, a->offset, b_end)) < 0 && dim_lo(dims, dim_sub(dims, b->offset, a_end)) < 0;
}

static bool is_written(const OperandInfo *operand) { return operand->access != ACCESS_IN; }

static void mark_call(const Model *model, KernelCalls *kernels, const Code *entry, const StmtNode *stmt) {
  KernelCalls *facts = &kernels[stmt->target];
  const Code  *kernel = &model->program->kernels.data[stmt->target];
  uint32_t     argument = 0, other;
  facts->called = true;
  for (uint32_t i = 0; i < kernel->operands.count; i++) {
    if (kernel->operands.data[i].access == ACCESS_LOCAL) continue;
    uint32_t buffer = entry->call_arguments.data[stmt->list + argument++].buffer;
    other = 0;
    for (uint32_t k = 0; k < kernel->operands.count; k++) {
      if (kernel->operands.data[k].access == ACCESS_LOCAL) continue;
      uint32_t other_buffer = entry->call_arguments.data[stmt->list + other++].buffer;
      bool     writes = is_written(&kernel->operands.data[i]) || is_written(&kernel->operands.data[k]);
      if (k != i && writes && may_overlap(model, buffer, other_buffer)) facts->restricted[i] = false;
    }
  }
}

KernelCalls *aliasing_of_kernels(const Model *model) {
  const Program *program = model->program;
  KernelCalls   *kernels = arena_array(model->arena, KernelCalls, program->kernels.count + 1);
  for (uint32_t i = 0; i < program->kernels.count; i++) {
    uint32_t operands = program->kernels.data[i].operands.count;
    kernels[i].restricted = arena_array(model->arena, bool, operands + 1);
    memset(kernels[i].restricted, 1, operands);
  }
  for (uint32_t i = 0; i < program->entries.count; i++) {
    const Code *entry = &program->entries.data[i];
    for (Stmt s = 1; s < entry->stmts.count; s++)
      if (entry->stmts.data[s].kind == STMT_CALL) mark_call(model, kernels, entry, &entry->stmts.data[s]);
  }
  return kernels;
}
