/* One node as a whole program, for evaluating it alone. */
#include "compiler/ops/meaning.h"
#include <string.h>

static uint32_t value_buffer(Program *program, const Module *module, ValueId id, Storage storage, uint32_t index) {
  const Value *value = value_at(module, id);
  Buffer buffer = {.storage = storage, .scalar = element_storage(value->element), .rank = value->rank, .index = index};
  buffer.name = arena_format(program->arena, "%s%u", storage == STORAGE_INPUT ? "input" : "output", index);
  memcpy(buffer.dims, value->dims, value->rank * sizeof *value->dims);
  InfoTensor tensor = {.name = value->name, .element = value->element, .rank = value->rank};
  memcpy(tensor.dims, value->dims, value->rank * sizeof *value->dims);
  tensor.buffer = program_buffer(program, buffer);
  if (storage == STORAGE_INPUT) vector_push(program->arena, &program->info.inputs, tensor);
  else vector_push(program->arena, &program->info.outputs, tensor);
  return tensor.buffer;
}

/* Sets the buffer that a kernel stores its status in to 0. */
static void clear_status(Program *program, Builder *entry, uint32_t buffer) {
  Builder builder;
  build_open(&builder, program, CODE_KERNEL, "clear");
  Operand status = build_operand(&builder, (OperandInfo){.name = "status", .scalar = SCALAR_I32, .access = ACCESS_OUT});
  build_store(&builder, status, 0, NULL, build_integer(&builder, SCALAR_I32, 0));
  build_kernel_call(entry, program_kernel(program, build_close(&builder)), 1, &(CallArgument){buffer, 0}, 0);
}

static void check_status(Builder *entry, uint32_t buffer, uint32_t statuses) {
  for (uint32_t status = 1; status < 32; status++) {
    if (!(statuses >> status & 1u)) continue;
    build_if(entry, build_binary(entry, LOOP_EQ, build_load(entry, buffer, 0, NULL), build_integer(entry, SCALAR_I32, status)));
    build_fail(entry, status);
    build_end(entry);
  }
}

/* A buffer of the kernel's own: a table, scratch, or its status. */
static uint32_t own_buffer(Program *program, const GroupKernel *kernel, Operand operand) {
  const OperandInfo *info = &kernel->code.operands.data[operand];
  bool table = kernel->bindings[operand].kind == BIND_TABLE;
  Buffer own = {.storage = table ? STORAGE_WEIGHT : STORAGE_WORKSPACE, .scalar = info->scalar, .rank = info->rank};
  own.name = arena_format(program->arena, "%s%u", table ? "table" : "scratch", operand);
  own.data = kernel->bindings[operand].data;
  memcpy(own.dims, info->dims, sizeof info->dims);
  return program_buffer(program, own);
}

/* The node's operands and results as buffers of the program. */
typedef struct Bound { ValueId *values; uint32_t *buffers, count; } Bound;

static Bound bind_node(Program *program, const Module *module, const Node *node) {
  uint32_t limit = node->input_count + node->output_count + 1u, inputs = 0, outputs = 0;
  Bound bound = {arena_array(program->arena, ValueId, limit), arena_array(program->arena, uint32_t, limit), 0};
  for (uint32_t operand = 0; operand < node->input_count; operand++) {
    ValueId value = node->inputs[operand];
    bool seen = !value || value_at(module, value)->content == CONTENT_SPLAT;
    for (uint32_t at = 0; at < bound.count && !seen; at++) seen = bound.values[at] == value;
    if (seen) continue;
    bound.values[bound.count] = value;
    bound.buffers[bound.count++] = value_buffer(program, module, value, STORAGE_INPUT, inputs++);
  }
  for (uint32_t result = 0; result < node->output_count; result++) {
    if (!node->outputs[result]) continue;
    bound.values[bound.count] = node->outputs[result];
    bound.buffers[bound.count++] = value_buffer(program, module, node->outputs[result], STORAGE_OUTPUT, outputs++);
  }
  return bound;
}

static void call_group(Program *program, Module *module, Builder *entry, const Group *group, const Bound *bound) {
  GroupKernel kernel = group_build(program, module, group);
  CallArgument *arguments = arena_array(program->arena, CallArgument, kernel.binding_count + 1u);
  uint32_t argument_count = 0, status = 0;
  for (Operand operand = 0; operand < kernel.binding_count; operand++) {
    if (kernel.code.operands.data[operand].access == ACCESS_LOCAL) continue;
    uint32_t buffer = UINT32_MAX;
    for (uint32_t at = 0; at < bound->count && kernel.bindings[operand].kind == BIND_VALUE; at++)
      if (bound->values[at] == kernel.bindings[operand].value) buffer = bound->buffers[at];
    if (buffer == UINT32_MAX) buffer = own_buffer(program, &kernel, operand);
    if (kernel.bindings[operand].kind == BIND_STATUS) clear_status(program, entry, status = buffer);
    arguments[argument_count++].buffer = buffer;
  }
  build_kernel_call(entry, program_kernel(program, kernel.code), argument_count, arguments, 0);
  check_status(entry, status, kernel.statuses);
}

Program *node_program(Module *module, Arena *arena, NodeId id) {
  Program *program = program_open(module->context, arena, &module->dims);
  const Node *node = node_at(module, id);
  Bound bound = bind_node(program, module, node);
  ValueId *stored = arena_array(arena, ValueId, node->output_count + 1u);
  Group group = {.count = 1, .nodes = &id, .anchor = op_info(node->op)->kind == KIND_LOOPS ? id : 0, .stored = stored};
  for (uint32_t result = 0; result < node->output_count; result++)
    if (node->outputs[result]) stored[group.stored_count++] = node->outputs[result];
  Builder entry;
  build_open(&entry, program, CODE_ENTRY, "run");
  if (group.anchor || group.stored_count == 1) {
    call_group(program, module, &entry, &group, &bound);
  } else {
    for (uint32_t at = 0, count = group.stored_count; at < count; at++) { /* results of a point operator may differ in dims */
      group.stored = &stored[at];
      group.stored_count = 1;
      call_group(program, module, &entry, &group, &bound);
    }
  }
  vector_push(arena, &program->entries, build_close(&entry));
  return program;
}
