/* The interpreter: runs an entry. The entry's own statements are bytecode on a machine of their own; calls, copies, assignments of
 * run-time symbols and failures trap out of it, into this file, and the machine goes on afterwards. */
#include "evaluate_memory.h"
#include <string.h>

/* Brings an operand of the entry, which is a buffer, up to date before a load. */
static bool refresh_buffer(Machine *machine, uint32_t buffer) {
  Run *run = machine->self;
  if (!run_buffer(run, buffer)) return false;
  run->entry_views[buffer] = run_view(run, buffer);
  return true;
}

static bool copy_buffer(Run *run, uint32_t to, uint32_t from) {
  if (!run_buffer(run, to) || !run_buffer(run, from)) return false;
  BufferState *target = &run->buffers[to], *source = &run->buffers[from];
  const Buffer *buffer = &run->program->buffers.data[from];
  char names[2][16];
  if (target->bytes != source->bytes)
    return run_fault(run, "copy of %s to %s: %zu bytes to %zu", buffer_name(run->program, from, names[0]), buffer_name(run->program, to, names[1]),
                     source->bytes, target->bytes);
  if (!target->shadow) return run_fault(run, "copy to %s, which is read-only", buffer_name(run->program, to, names[1]));
  run_overwrite(run, to, &from, 1);
  source->live &= target->data + target->bytes <= source->data || source->data + source->bytes <= target->data;
  if (source->data == source->cell) {
    unsigned bytes = scalar_bytes(buffer->scalar);
    for (size_t k = 0; k < target->bytes; k += bytes) memcpy(target->data + k, source->cell, bytes);
    memset(target->shadow, SHADOW_SET, target->bytes);
    return true;
  }
  memmove(target->data, source->data, target->bytes);
  if (source->shadow) memmove(target->shadow, source->shadow, target->bytes);
  else memset(target->shadow, SHADOW_SET, target->bytes);
  return true;
}

/* Carries out the statement the entry's machine stopped at. True: go on. */
static bool carry_out(Run *run, const Code *entry) {
  const Instruction *trap = &run->entry.variant->instructions.data[run->entry.position - 1];
  const UniformTerm *terms = &run->entry.variant->terms.data[trap->a];
  const StmtNode *stmt = stmt_at(entry, trap->target);
  int64_t values[256];
  for (uint32_t k = 0; k < trap->b; k++) values[k] = *(int64_t *)(run->entry.registers + terms[k].at);
  switch ((StmtKind)stmt->kind) {
    case STMT_CALL: return run_call(run, stmt, &entry->call_arguments.data[stmt->list], values);
    case STMT_COPY: return copy_buffer(run, stmt->target, stmt->list);
    case STMT_ASSIGN: {
      const Symbol *symbol = &run->program->dims->symbols.data[stmt->target];
      run->evaluation->symbols[stmt->target] = values[0];
      if (values[0] >= symbol->lo && values[0] <= symbol->hi) return true;
      run->evaluation->status = EVALUATION_SHAPE;
      return false;
    }
    default: /* STMT_FAIL */
      run->evaluation->status = -(int32_t)stmt->target;
      return false;
  }
}

/* Every element of every output must have been written by an entry that came to its end. */
static bool check_outputs(Run *run) {
  for (uint32_t k = 0; k < run->program->buffers.count; k++) {
    char room[16];
    if (run->program->buffers.data[k].storage != STORAGE_OUTPUT) continue;
    if (!run_buffer(run, k)) return false;
    const BufferState *state = &run->buffers[k];
    const uint8_t *hole = memchr(state->shadow, 0, state->bytes);
    if (hole)
      return run_fault(run, "output %s: element %zu is never written", buffer_name(run->program, k, room),
                       (size_t)(hole - state->shadow) / scalar_bytes(run->program->buffers.data[k].scalar));
  }
  return true;
}

static void run_entry(Run *run, const Code *entry) {
  Variant variant = {.same = arena_array(run->arena, uint32_t, run->program->buffers.count + 1u)};
  run->entry.self = run;
  run->entry.refresh = refresh_buffer;
  variant_compile(&variant, run->arena, &run->entry, entry, run->entry_views);
  machine_start(&run->entry, entry, &variant, run->entry_views);
  for (;;) {
    MachineResult result = machine_run(&run->entry);
    run->evaluation->steps += run->entry.steps;
    run->entry.steps = 0;
    if (run->evaluation->step_limit) {
      if (run->evaluation->steps >= run->evaluation->step_limit) result = MACHINE_LIMIT;
      run->entry.step_limit = run->evaluation->step_limit - run->evaluation->steps;
    }
    if (result == MACHINE_LIMIT) run->limit = true;
    if (result == MACHINE_END) check_outputs(run);
    if (result != MACHINE_TRAP || !carry_out(run, entry)) return;
  }
}

static bool is_oracle(const char *name) { return oracle_function(name) != NULL; }

static bool interpreter_run(void *self, Program *program, uint32_t entry, Arena *scratch, Evaluation *evaluation) {
  program_link_others(program, is_oracle);
  Arena *arena = arena_open(program->context);
  Run *run = arena_new(arena, Run);
  *run = (Run){.program = program, .arena = arena, .evaluation = evaluation};
  uint64_t limit = evaluation->step_limit ? evaluation->step_limit : UINT64_MAX;
  run->entry = run->kernel = (Machine){.program = program, .arena = arena, .evaluation = evaluation, .step_limit = limit, .stepwise = self != NULL};
  evaluation->status = 0;
  evaluation->fault = NULL;
  evaluation->steps = 0;
  if (run_open(run)) run_entry(run, &program->entries.data[entry]);
  for (uint32_t k = 0; k < program->kernels.count && run->kernels; k++)
    for (uint32_t v = 0; v < VARIANTS_KEPT; v++) arena_close(run->kernels[k].arenas[v]);
  for (uint32_t k = 0; k < program->dims->symbols.count; k++)
    if (evaluation->symbols[k] == NO_VALUE) evaluation->symbols[k] = 0;
  if (evaluation->fault) evaluation->fault = arena_string(scratch, evaluation->fault, strlen(evaluation->fault));
  bool completed = !run->limit;
  arena_close(arena);
  return completed;
}

Evaluator interpreter_stepwise(void) {
  static bool stepwise = true;
  return (Evaluator){.name = "interpreter, stepwise", .self = &stepwise, .run = interpreter_run};
}

Evaluator interpreter(void) { return (Evaluator){.name = "interpreter", .run = interpreter_run}; }
