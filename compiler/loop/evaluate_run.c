/* The machine of the interpreter: one loop over instructions, no recursion. It stops at the end, at a fault, at the step limit, or at a
 * statement of an entry that somebody else carries out (a trap), and can go on after that. */
#include "evaluate_machine.h"
#include <stdio.h>
#include <string.h>

bool machine_fault(Machine *machine, const char *format, ...) {
  char message[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  machine->evaluation->fault = arena_string(machine->arena, message, strlen(message));
  return false;
}

void machine_start(Machine *machine, const Code *code, Variant *variant, View *views) {
  if (machine->register_bytes < variant->register_bytes) {
    size_t bytes = (size_t)variant->register_bytes * 2;
    uint8_t *memory = arena_allocate(machine->arena, bytes + 64);
    machine->registers = memory + (64 - (uintptr_t)memory % 64) % 64;
    machine->register_bytes = (uint32_t)bytes;
  }
  for (uint32_t k = 0; k < variant->literals.count; k++) {
    const Literal *literal = &variant->literals.data[k];
    uint64_t cell = literal->bits;
    lane_broadcast(literal->bytes)(machine->registers + literal->at, &cell, NULL, NULL, literal->wide ? LANE_CAPACITY : 1);
  }
  machine->code = code;
  machine->variant = variant;
  machine->views = views;
  machine->position = 0;
  machine->lanes = 1;
}

/* Counts the iterations of a band; true if there are any. */
static bool band_open(Machine *machine, Band *band) {
  band->position = 0;
  band->total = 1;
  for (uint32_t k = 0; k < band->count; k++) {
    BandLoop *loop = &band->loops[k];
    int64_t hi = *(int64_t *)(machine->registers + loop->hi), span;
    loop->first = *(int64_t *)(machine->registers + loop->lo);
    if (__builtin_sub_overflow(hi, loop->first, &span)) span = INT64_MAX;
    loop->trips = span <= 0 ? 0 : (span - 1) / loop->step + 1;
    if (loop->trips == 0) return false;
    if (__builtin_mul_overflow(band->total, loop->trips, &band->total)) band->total = INT64_MAX;
  }
  return true;
}

static void run_oracle(Machine *machine, const Instruction *instruction, uint32_t lanes) {
  const OracleCall *call = &machine->variant->calls.data[instruction->target];
  double values[3][LANE_CAPACITY];
  memset(values, 0, sizeof values);
  for (uint32_t k = 0; k < call->count; k++) {
    int64_t *wide = machine->scratch[k];
    call->widen[k](wide, machine->registers + call->arguments[k], NULL, NULL, lanes);
    lane_narrow((LaneClass)call->wide_class[k], SCALAR_F64)(values[k], wide, NULL, NULL, lanes);
  }
  for (uint32_t l = 0; l < lanes; l++) values[0][l] = call->function(values[0][l], values[1][l], values[2][l]);
  instruction->narrow(machine->registers + instruction->to, values[0], NULL, NULL, lanes);
}

static bool any_lane(const uint8_t *mask, uint32_t lanes) { return memchr(mask, 1, lanes) != NULL; }

static bool run_dim_now(Machine *machine, const Instruction *instruction) {
  int64_t *to = (int64_t *)(machine->registers + instruction->to);
  if (dim_evaluate(machine->program->dims, (Dim)instruction->step, machine->evaluation->symbols, to)) return true;
  return machine_fault(machine, "%s: a dimension overflows or divides by zero", machine->code->name);
}

/* Jumps and loops: the next position; `position` is the one behind the instruction. */
static uint32_t run_jump(Machine *machine, const Instruction *at, uint32_t position) {
  int64_t *variable = (int64_t *)(machine->registers + at->to);
  const int64_t *bound = (const int64_t *)(machine->registers + at->a);
  Band *band = at->kind < DO_BAND_OPEN ? NULL : &machine->variant->bands.data[at->target];
  switch ((InstructionKind)at->kind) {
    case DO_JUMP: return at->target;
    case DO_JUMP_UNLESS: return machine->registers[at->a] ? position : at->target;
    case DO_JUMP_IDLE: return any_lane(machine->registers + at->a, machine->lanes) ? position : at->target;
    case DO_LOOP_TEST: return *variable < *bound ? position : at->target;
    case DO_LOOP_NEXT: return !__builtin_add_overflow(*variable, at->step, variable) && *variable < *bound ? at->target : position;
    case DO_BAND_OPEN:
      if (!band_open(machine, band)) return band->end;
      band_strip(machine, band);
      return position;
    default: /* DO_BAND_NEXT */
      band->position += machine->lanes;
      machine->lanes = 1;
      if (band->position >= band->total) return position;
      band_strip(machine, band);
      return band->begin;
  }
}

MachineResult machine_run(Machine *machine) {
  const Instruction *instructions = machine->variant->instructions.data;
  uint8_t *registers = machine->registers;
  uint32_t position = machine->position;
  for (;;) {
    const Instruction *at = &instructions[position++];
    uint32_t lanes = !at->wide ? 1 : at->lanes ? at->lanes : machine->lanes;
    machine->steps += lanes;
    switch ((InstructionKind)at->kind) {
      case DO_LANES: at->run(registers + at->to, registers + at->a, registers + at->b, registers + at->c, lanes); break;
      case DO_CAST:
        at->run(machine->scratch[2], registers + at->a, NULL, NULL, lanes);
        at->narrow(registers + at->to, machine->scratch[2], NULL, NULL, lanes);
        break;
      case DO_ORACLE: run_oracle(machine, at, lanes); break;
      case DO_LOAD:
        if (!access_load(machine, at)) return MACHINE_FAULT;
        break;
      case DO_STORE:
        if (!access_store(machine, at)) return MACHINE_FAULT;
        break;
      case DO_DIM:
        if (!run_dim_now(machine, at)) return MACHINE_FAULT;
        break;
      case DO_TRAP:
        machine->trap = at->target;
        machine->position = position;
        return MACHINE_TRAP;
      case DO_END: return MACHINE_END;
      default:
        if (machine->steps >= machine->step_limit) return MACHINE_LIMIT;
        position = run_jump(machine, at, position);
    }
  }
}
