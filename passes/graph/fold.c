/* Constant folding: a node whose operands are all known is evaluated, once, through its own meaning.
 *
 * Three ways, cheapest first: known small integers become data; an alias or a move of a splat stays a splat, an element-wise node over splats is
 * evaluated on one element; the rest runs in the evaluator. A node that would make the model grow by more than a little (ConstantOfShape, Range,
 * Expand, ...) or that exceeds the budget stays a node. */
#include "passes/graph/graph_passes.h"
#include "compiler/ops/meaning.h"
#include <string.h>

#define SMALL_RESULT 65536u /* bytes a folded result may have whatever its operands have */

static bool operands_constant(const Module *module, const Node *node) {
  for (uint32_t operand = 0; operand < node->input_count; operand++)
    if (node->inputs[operand] && !value_is_constant(value_at(module, node->inputs[operand]))) return false;
  return true;
}

static bool all_splat(const Module *module, const Node *node) {
  for (uint32_t operand = 0; operand < node->input_count; operand++)
    if (node->inputs[operand] && value_at(module, node->inputs[operand])->content != CONTENT_SPLAT) return false;
  return node->input_count > 0;
}

/* Packs elements in buffer form as raw_data has them; in place for whole bytes. */
static Bytes file_form(Module *module, Element element, const uint8_t *buffer, int64_t count) {
  unsigned bits = element_file_bits(element);
  if (bits >= 8) return (Bytes){buffer, (size_t)count * (bits / 8)};
  size_t size;
  require(module->context, element_file_bytes(element, count, &size));
  uint8_t *packed = arena_allocate(module->arena, size);
  for (int64_t index = 0; index < count; index++) {
    size_t position = (size_t)index * bits;
    packed[position / 8] |= (uint8_t)((buffer[index] & ((1u << bits) - 1u)) << (position % 8));
  }
  return (Bytes){packed, size};
}

static void make_data(Module *module, ValueId id, const uint8_t *buffer, int64_t count) {
  Value *value = value_at(module, id);
  Bytes data = file_form(module, value->element, buffer, count);
  value->content = CONTENT_DATA;
  value->data = data;
  value->definition = 0;
}

static void make_splat(Module *module, ValueId id, uint64_t bits) {
  Value *value = value_at(module, id);
  value->content = CONTENT_SPLAT;
  value->splat = bits;
  value->definition = 0;
}

/* ---- known integers ----------------------------------------------------------------------------------------------------- */

static bool fold_known(Module *module, NodeId id) {
  const Node *node = node_at(module, id);
  if (node->output_count != 1 || !node->outputs[0]) return false;
  const Value *value = value_at(module, node->outputs[0]);
  int64_t count, element;
  if (!value->known || !value_static_elements(module, node->outputs[0], &count) || count != (int64_t)value->known_count) return false;
  unsigned bytes = element_buffer_bytes(value->element);
  uint8_t *data = arena_allocate(module->arena, (size_t)count * bytes);
  for (int64_t index = 0; index < count; index++) {
    if (!dim_is_constant(&module->dims, value->known[index], &element)) return false;
    if (value->element == ELEMENT_BOOL) element = element != 0;
    else if (!element_is_integer(value->element)) return false;
    memcpy(data + (size_t)index * bytes, &element, bytes);
  }
  make_data(module, node->outputs[0], data, count);
  return true;
}

/* ---- aliases and splats ---------------------------------------------------------------------------------------------------- */

static bool fold_alias(Module *module, const Node *node) {
  if (op_info(node->op)->kind != KIND_ALIAS || node->run_time_shape || node->output_count != 1) return false;
  const Value *from = value_at(module, node->inputs[0]);
  Value *to = value_at(module, node->outputs[0]);
  if (!value_is_constant(from)) return false;
  to->content = from->content;
  to->data = from->data;
  to->splat = from->splat;
  to->strings = from->strings;
  to->source = from->source;
  to->definition = 0;
  return true;
}

static bool fold_constant_of_shape(Module *module, const Node *node) {
  int64_t count;
  if (node->op != OP_ConstantOfShape || node->run_time_shape || !value_static_elements(module, node->outputs[0], &count)) return false;
  const Attribute *fill = node_attribute(node, "value");
  make_splat(module, node->outputs[0], fill ? value_constant_bits(module, fill->tensor, 0) : 0);
  return true;
}

typedef struct Folder { Module *module; const Evaluator *evaluator; FoldBudget *budget; } Folder;

/* Elements of a small integer value that shape inference knows, in buffer form. */
static const void *known_bytes(const Module *module, Arena *scratch, const Value *value) {
  unsigned bytes = element_buffer_bytes(value->element);
  uint8_t *data = arena_allocate(scratch, (size_t)value->known_count * bytes + 1u);
  for (uint32_t index = 0; index < value->known_count; index++) {
    int64_t element = dim_value(&module->dims, value->known[index]);
    memcpy(data + (size_t)index * bytes, &element, bytes);
  }
  return data;
}

/* Elements of an operand in buffer form. */
static const void *operand_bytes(const Module *module, Arena *scratch, ValueId id) {
  const Value *value = value_at(module, id);
  int64_t count;
  if (value->content != CONTENT_DATA) return known_bytes(module, scratch, value);
  if (element_file_bits(value->element) >= 8) return value->data.data;
  require(module->context, value_static_elements(module, id, &count));
  uint8_t *bytes = arena_allocate(scratch, (size_t)count);
  for (int64_t index = 0; index < count; index++) {
    uint64_t bits = value_constant_bits(module, id, index);
    bytes[index] = element_is_integer(value->element) ? (uint8_t)element_to_i64(value->element, bits) : (uint8_t)bits;
  }
  return bytes;
}

/* Runs a node in the evaluator; output[k] gets the elements of present result k in buffer form, in the module's arena. */
static bool evaluate(Folder *folder, NodeId id, uint8_t **output) {
  Module *module = folder->module;
  if (!folder->budget->steps || !folder->budget->total_bytes) return false; /* to the evaluator, 0 is no limit */
  Arena *scratch = arena_open(module->context);
  Program *program = node_program(module, scratch, id);
  uint32_t input_count = program->info.inputs.count;
  const void **inputs = arena_array(scratch, const void *, input_count + 1u);
  const Node *node = node_at(module, id);
  uint32_t at = 0;
  for (uint32_t operand = 0; operand < node->input_count && at < input_count; operand++) { /* the order of node_program */
    ValueId value = node->inputs[operand];
    bool seen = !value || value_at(module, value)->content == CONTENT_SPLAT;
    for (uint32_t before = 0; before < operand && !seen; before++) seen = node->inputs[before] == value;
    if (!seen) inputs[at++] = operand_bytes(module, scratch, value);
  }
  for (uint32_t result = 0, k = 0; result < node->output_count; result++) {
    int64_t count;
    if (!node->outputs[result]) continue;
    require(module->context, value_static_elements(module, node->outputs[result], &count));
    output[k++] = arena_allocate(module->arena, (size_t)count * element_buffer_bytes(value_at(module, node->outputs[result])->element));
  }
  Evaluation evaluation = {
      .inputs = inputs, .outputs = (void *const *)output, .step_limit = folder->budget->steps, .memory_limit = folder->budget->total_bytes};
  evaluation.symbols = arena_array(scratch, int64_t, module->dims.symbols.count + 1u); /* not used by constants */
  for (uint32_t symbol = 0; symbol < module->dims.symbols.count; symbol++) evaluation.symbols[symbol] = module->dims.symbols.data[symbol].lo;
  bool done = folder->evaluator->run(folder->evaluator->self, program, 0, scratch, &evaluation) && !evaluation.status && !evaluation.fault;
  arena_close(scratch);
  folder->budget->steps -= evaluation.steps < folder->budget->steps ? evaluation.steps : folder->budget->steps;
  return done;
}

/* An element-wise node over splats, evaluated on scalars. */
static bool fold_splat_arithmetic(Folder *folder, NodeId id) {
  Module *module = folder->module;
  Node node = *node_at(module, id);
  if (op_info(node.op)->kind != KIND_ELEMENTWISE || node.output_count != 1 || !all_splat(module, &node)) return false;
  ValueId inputs[8], output = module_value(module, node.graph, "", ELEMENT_NONE);
  if (node.input_count > 8) return false;
  for (uint32_t operand = 0; operand < node.input_count; operand++) {
    const Value *value = node.inputs[operand] ? value_at(module, node.inputs[operand]) : NULL;
    inputs[operand] = value ? module_splat(module, node.graph, "", value->element, 0, NULL, value->splat) : VALUE_NONE;
  }
  NodeId single = module_node(module, node.graph, node.op, node.input_count, inputs, 1, &output);
  node_at(module, single)->attributes = node.attributes;
  node_at(module, single)->attribute_count = node.attribute_count;
  uint8_t *result[1];
  bool done = op_infer(module, single) && op_is_buildable(module, single) && evaluate(folder, single, result);
  node_at(module, single)->dead = true;
  if (!done) return false;
  Element element = value_at(module, node.outputs[0])->element;
  uint64_t bits = 0;
  memcpy(&bits, result[0], element_buffer_bytes(element));
  if (element_file_bits(element) < 8) bits &= (1u << element_file_bits(element)) - 1u;
  make_splat(module, node.outputs[0], bits);
  return true;
}

static bool fold_splat_move(Module *module, const Node *node) {
  const OpInfo *info = op_info(node->op);
  if (!(info->flags & OPF_MOVES) || node->output_count != 1 || node->run_time_shape || value_at(module, node->inputs[0])->content != CONTENT_SPLAT)
    return false;
  int64_t count;
  if (!value_static_elements(module, node->outputs[0], &count)) return false;
  make_splat(module, node->outputs[0], value_at(module, node->inputs[0])->splat);
  return true;
}

/* ---- everything else ------------------------------------------------------------------------------------------------------- */

/* Bytes of the results and of the operands; false if a size is symbolic, a type has no buffer form, or the budget is exceeded. */
static bool affordable(const Folder *folder, const Node *node) {
  const Module *module = folder->module;
  size_t results = 0, operands = 0;
  for (uint32_t side = 0; side < 2; side++)
    for (uint32_t at = 0; at < (side ? node->output_count : node->input_count); at++) {
      ValueId id = side ? node->outputs[at] : node->inputs[at];
      int64_t count;
      if (!id) continue;
      if (!value_static_elements(module, id, &count) || count > INT32_MAX) return false;
      size_t bytes = (size_t)count * element_buffer_bytes(value_at(module, id)->element);
      *(side ? &results : &operands) += !side && value_at(module, id)->content == CONTENT_SPLAT ? 0 : bytes;
    }
  return results <= folder->budget->tensor_bytes && results <= folder->budget->total_bytes && (results <= SMALL_RESULT || results <= operands);
}

static bool fold_by_running(Folder *folder, NodeId id) {
  Module *module = folder->module;
  const Node *node = node_at(module, id);
  if (!affordable(folder, node) || node->output_count > 8 || !op_is_buildable(module, id)) return false;
  uint8_t *output[8];
  if (!evaluate(folder, id, output)) return false;
  node = node_at(module, id);
  for (uint32_t result = 0, k = 0; result < node->output_count; result++) {
    int64_t count;
    if (!node->outputs[result]) continue;
    (void)value_static_elements(module, node->outputs[result], &count);
    folder->budget->total_bytes -= (size_t)count * element_buffer_bytes(value_at(module, node->outputs[result])->element);
    make_data(module, node->outputs[result], output[k++], count);
  }
  return true;
}

static bool fold_node(Folder *folder, NodeId id) {
  Module *module = folder->module;
  const Node *node = node_at(module, id);
  const OpInfo *info = op_info(node->op);
  if (!info || info->kind == KIND_CONTROL || (info->flags & OPF_RANDOM)) return false;
  for (uint32_t result = 0; result < node->output_count; result++)
    if (node->outputs[result] && !value_at(module, node->outputs[result])->ranked) return false;
  if (fold_known(module, id) || fold_constant_of_shape(module, node)) return true;
  if (!operands_constant(module, node)) return false;
  return fold_alias(module, node) || fold_splat_move(module, node) || fold_splat_arithmetic(folder, id) || fold_by_running(folder, id);
}

/* ---- for shape inference ---------------------------------------------------------------------------------------------------- */

/* Constant, or small and known to the last element. */
static bool is_known(Folder *folder, ValueId id) {
  Module *module = folder->module;
  int64_t element;
  if (value_is_constant(value_at(module, id))) return true;
  const Value *value = value_at(module, id);
  if (!value->known) return false;
  for (uint32_t index = 0; index < value->known_count; index++)
    if (!dim_is_constant(&module->dims, value->known[index], &element)) return false;
  return true;
}

/* A small integer or bool result of known operands. */
static bool is_small_arithmetic(Folder *folder, const Node *node) {
  const Module *module = folder->module;
  int64_t count;
  const OpInfo *info = op_info(node->op);
  if (!info || info->kind == KIND_CONTROL || (info->flags & OPF_RANDOM) || node->run_time_shape) return false;
  if (node->output_count != 1 || !node->outputs[0]) return false;
  const Value *result = value_at(module, node->outputs[0]);
  if (!result->ranked || result->known || !(element_is_integer(result->element) || result->element == ELEMENT_BOOL) ||
      element_file_bits(result->element) < 8)
    return false;
  if (!value_static_elements(module, node->outputs[0], &count) || count > KNOWN_LIMIT) return false;
  for (uint32_t operand = 0; operand < node->input_count; operand++) {
    if (!node->inputs[operand]) continue;
    if (!is_known(folder, node->inputs[operand]) || !value_static_elements(module, node->inputs[operand], &count) || count > KNOWN_LIMIT)
      return false;
  }
  return true;
}

void fold_known_result(Module *module, const Evaluator *evaluator, FoldBudget *budget, NodeId id) {
  Folder folder = {module, evaluator, budget};
  uint8_t *output[1];
  int64_t count;
  if (!is_small_arithmetic(&folder, node_at(module, id)) || !op_is_buildable(module, id) || !evaluate(&folder, id, output)) return;
  ValueId result = node_at(module, id)->outputs[0];
  (void)value_static_elements(module, result, &count);
  Element element = value_at(module, result)->element;
  Dim *known = arena_array(module->arena, Dim, (size_t)count + 1u);
  for (int64_t index = 0; index < count; index++) {
    uint64_t bits = 0;
    memcpy(&bits, output[0] + (size_t)index * element_buffer_bytes(element), element_buffer_bytes(element));
    known[index] = dim_constant(&module->dims, element == ELEMENT_BOOL ? bits != 0 : element_to_i64(element, bits));
  }
  value_at(module, result)->known = known;
  value_at(module, result)->known_count = (uint32_t)count;
}

bool graph_fold(Module *module, const Evaluator *evaluator, FoldBudget *budget) {
  Folder folder = {module, evaluator, budget};
  bool changed = false;
  for (GraphId graph = 1; graph < module->graphs.count; graph++) {
    for (uint32_t at = 0; at < graph_at(module, graph)->order.count; at++) {
      NodeId id = graph_at(module, graph)->order.data[at];
      if (node_at(module, id)->dead || !fold_node(&folder, id)) continue;
      node_erase(module, id);
      changed = true;
    }
  }
  if (changed) {
    graph_compact(module);
    module_recapture(module); /* nodes in subgraphs were operands' users */
  }
  return changed;
}
