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

Program *node_program(Module *module, Arena *arena, NodeId id) {
  Program *program = program_open(module->context, arena, &module->dims);
  const Node *node = node_at(module, id);
  ValueId *values = arena_array(arena, ValueId, node->input_count + node->output_count);
  uint32_t *buffers = arena_array(arena, uint32_t, node->input_count + node->output_count), count = 0, inputs = 0;
  ValueId *stored = arena_array(arena, ValueId, node->output_count + 1u);
  Group group = {.count = 1, .nodes = &id, .anchor = op_info(node->op)->kind == KIND_LOOPS ? id : 0, .stored = stored};
  for (uint32_t operand = 0; operand < node->input_count; operand++) {
    bool seen = !node->inputs[operand] || value_at(module, node->inputs[operand])->content == CONTENT_SPLAT;
    for (uint32_t at = 0; at < count && !seen; at++) seen = values[at] == node->inputs[operand];
    if (seen) continue;
    values[count] = node->inputs[operand];
    buffers[count++] = value_buffer(program, module, node->inputs[operand], STORAGE_INPUT, inputs++);
  }
  for (uint32_t result = 0; result < node->output_count; result++) {
    if (!node->outputs[result]) continue;
    stored[group.stored_count] = values[count] = node->outputs[result];
    buffers[count++] = value_buffer(program, module, node->outputs[result], STORAGE_OUTPUT, group.stored_count++);
  }
  GroupKernel kernel = group_build(program, module, &group);
  Builder entry;
  build_open(&entry, program, CODE_ENTRY, "run");
  CallArgument *arguments = arena_array(arena, CallArgument, kernel.binding_count + 1u);
  uint32_t argument_count = 0;
  for (Operand operand = 0; operand < kernel.binding_count; operand++) {
    const OperandInfo *info = &kernel.code.operands.data[operand];
    if (info->access == ACCESS_LOCAL) continue;
    uint32_t buffer = UINT32_MAX;
    for (uint32_t at = 0; at < count && kernel.bindings[operand].kind == BIND_VALUE; at++)
      if (values[at] == kernel.bindings[operand].value) buffer = buffers[at];
    if (buffer == UINT32_MAX) {
      bool table = kernel.bindings[operand].kind == BIND_TABLE;
      Buffer own = {.storage = table ? STORAGE_WEIGHT : STORAGE_WORKSPACE, .scalar = info->scalar, .rank = info->rank};
      own.name = arena_format(arena, "%s%u", table ? "table" : "scratch", operand);
      own.data = kernel.bindings[operand].data;
      memcpy(own.dims, info->dims, sizeof info->dims);
      buffer = program_buffer(program, own);
    }
    arguments[argument_count++].buffer = buffer;
  }
  build_kernel_call(&entry, program_kernel(program, kernel.code), argument_count, arguments, 0);
  vector_push(arena, &program->entries, build_close(&entry));
  return program;
}
