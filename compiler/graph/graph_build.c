/* Building the graph IR: values, constants, nodes, attributes, and the questions that need no operator knowledge.
 * Everything lives in the module's arena and is referred to by index; a pointer to a value, node or graph dies with the next one made. */
#include "graph.h"
#include "compiler/base/checked.h"
#include <string.h>

/* In Module.names a name has 1 plus the last suffix that was tried after it. */
const char *module_fresh_name(Module *module, const char *base) {
  const char *name = arena_string(module->arena, base, strlen(base));
  if (*base && names_add(module->names, 0, name, 1)) return name;
  for (;;) {
    uint32_t   *next = names_at(module->names, 0, name);
    const char *candidate = arena_format(module->arena, "%s.%u", base, (unsigned)(*next ? *next : 1));
    *next = *next ? *next + 1 : 2;
    if (names_add(module->names, 0, candidate, 1)) return candidate;
  }
}

Module *module_open(Context *context, Arena *arena) {
  Module *module = arena_new(arena, Module);
  module->context = context;
  module->arena = arena;
  dim_open(&module->dims, arena);
  module->names = arena_new(arena, NameTable);
  names_open(module->names, arena);
  module->producer = module->producer_version = module->domain = module->description = "";
  vector_push(arena, &module->values, (Value){.name = ""});
  vector_push(arena, &module->nodes, (Node){.dead = true, .domain = "", .op_type = "", .origin = {-1, "", ""}});
  vector_push(arena, &module->graphs, (Graph){.name = ""});
  module_graph(module, "main", 0, 0);
  return module;
}

ValueId module_value(Module *module, GraphId graph, const char *name, Element element) {
  if (*name) names_add(module->names, 0, name, 1);
  vector_push(module->arena, &module->values, (Value){.name = name, .element = element, .graph = graph});
  return module->values.count - 1;
}

void value_set_dims(Module *module, ValueId id, uint32_t rank, const Dim *dims) {
  Value *value = value_at(module, id);
  require(module->context, rank <= MAX_RANK);
  value->ranked = true;
  value->rank = rank;
  for (uint32_t axis = 0; axis < rank; axis++) value->dims[axis] = dims[axis];
}

static ValueId shaped_constant(Module *module, GraphId graph, const char *name, Element element, uint32_t rank, const int64_t *sizes) {
  Dim dims[MAX_RANK];
  require(module->context, rank <= MAX_RANK);
  for (uint32_t axis = 0; axis < rank; axis++) dims[axis] = dim_constant(&module->dims, sizes[axis]);
  ValueId id = module_value(module, graph, name, element);
  value_set_dims(module, id, rank, dims);
  return id;
}

ValueId module_constant(Module *module, GraphId graph, const char *name, Element element, uint32_t rank, const int64_t *dims, Bytes data) {
  ValueId id = shaped_constant(module, graph, name, element, rank, dims);
  value_at(module, id)->content = CONTENT_DATA;
  value_at(module, id)->data = data;
  return id;
}

ValueId module_splat(Module *module, GraphId graph, const char *name, Element element, uint32_t rank, const int64_t *dims, uint64_t bits) {
  ValueId id = shaped_constant(module, graph, name, element, rank, dims);
  value_at(module, id)->content = CONTENT_SPLAT;
  value_at(module, id)->splat = bits;
  return id;
}

ValueId module_constant_ints(Module *module, GraphId graph, const char *name, uint32_t count, const int64_t *ints) {
  uint8_t *data = arena_array(module->arena, uint8_t, (size_t)count * 8);
  for (uint32_t i = 0; i < count; i++)
    for (unsigned byte = 0; byte < 8; byte++) data[i * (size_t)8 + byte] = (uint8_t)((uint64_t)ints[i] >> (8 * byte));
  return module_constant(module, graph, name, ELEMENT_I64, 1, (int64_t[]){count}, (Bytes){data, (size_t)count * 8});
}

NodeId module_node(Module *module, GraphId graph, uint32_t op, uint32_t input_count, const ValueId *inputs, uint32_t output_count,
                   const ValueId *outputs) {
  Node node = {.op = op, .domain = "", .op_type = "", .origin = {-1, "", ""}, .graph = graph};
  node.input_count = input_count;
  node.output_count = output_count;
  node.inputs = arena_array(module->arena, ValueId, input_count);
  node.outputs = arena_array(module->arena, ValueId, output_count);
  for (uint32_t i = 0; i < input_count; i++) node.inputs[i] = inputs[i];
  NodeId id = module->nodes.count;
  for (uint32_t i = 0; i < output_count; i++) {
    node.outputs[i] = outputs[i];
    if (!outputs[i]) continue;
    value_at(module, outputs[i])->definition = id;
    value_at(module, outputs[i])->result = i;
  }
  vector_push(module->arena, &module->nodes, node);
  return id;
}

GraphId module_graph(Module *module, const char *name, GraphId parent, NodeId owner) {
  vector_push(module->arena, &module->graphs, (Graph){.name = name, .parent = parent, .owner = owner});
  return module->graphs.count - 1;
}

void graph_append(Module *module, GraphId graph, NodeId node) {
  node_at(module, node)->graph = graph;
  vector_push(module->arena, &graph_at(module, graph)->order, node);
}

/* ---- attributes ---------------------------------------------------------------------------------------------------- */

/* Position of the name, or where it belongs. */
static uint32_t attribute_position(const Node *node, const char *name, bool *found) {
  uint32_t low = 0, high = node->attribute_count;
  *found = false;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    int      order = strcmp(node->attributes[middle].name, name);
    if (!order) return *found = true, middle;
    if (order < 0) low = middle + 1; else high = middle;
  }
  return low;
}

const Attribute *node_attribute(const Node *node, const char *name) {
  bool     found;
  uint32_t position = attribute_position(node, name, &found);
  return found ? &node->attributes[position] : NULL;
}

void node_set_attribute(Module *module, NodeId id, Attribute attribute) {
  Node    *node = node_at(module, id);
  bool     found;
  uint32_t position = attribute_position(node, attribute.name, &found);
  if (!found) {
    if (node->attribute_count >= node->attribute_capacity) {
      node->attribute_capacity = node->attribute_count < 2 ? 4 : node->attribute_count * 2;
      Attribute *grown = arena_array(module->arena, Attribute, node->attribute_capacity);
      if (node->attribute_count) memcpy(grown, node->attributes, node->attribute_count * sizeof *grown);
      node->attributes = grown;
    }
    Attribute *at = node->attributes + position;
    memmove(at + 1, at, (node->attribute_count++ - position) * sizeof *at);
  }
  node->attributes[position] = attribute;
}

void node_set_int(Module *module, NodeId node, const char *name, int64_t value) {
  node_set_attribute(module, node, (Attribute){.name = name, .kind = ATTRIBUTE_INT, .integer = value});
}

void node_set_ints(Module *module, NodeId node, const char *name, uint32_t count, const int64_t *values) {
  int64_t *copy = arena_array(module->arena, int64_t, count);
  for (uint32_t i = 0; i < count; i++) copy[i] = values[i];
  node_set_attribute(module, node, (Attribute){.name = name, .kind = ATTRIBUTE_INTS, .count = count, .ints = copy});
}

void node_set_float(Module *module, NodeId node, const char *name, double value) {
  node_set_attribute(module, node, (Attribute){.name = name, .kind = ATTRIBUTE_FLOAT, .number = value});
}

void node_set_string(Module *module, NodeId node, const char *name, const char *value) {
  size_t length = strlen(value);
  Bytes  bytes = {(const uint8_t *)arena_string(module->arena, value, length), length};
  node_set_attribute(module, node, (Attribute){.name = name, .kind = ATTRIBUTE_STRING, .string = bytes});
}

void node_remove_attribute(Module *module, NodeId id, const char *name) {
  Node    *node = node_at(module, id);
  bool     found;
  uint32_t position = attribute_position(node, name, &found);
  if (!found) return;
  Attribute *at = node->attributes + position;
  memmove(at, at + 1, (--node->attribute_count - position) * sizeof *at);
}

/* ---- questions ----------------------------------------------------------------------------------------------------- */

const char *graph_output_name(const Module *module, GraphId id, uint32_t index) {
  const Graph *graph = graph_at(module, id);
  return index < graph->output_names.count ? graph->output_names.data[index] : value_at(module, graph->outputs.data[index])->name;
}

bool value_is_constant(const Value *value) { return value->content != CONTENT_RUN; }

Dim value_elements(Module *module, ValueId id) {
  const Value *value = value_at(module, id);
  if (!value->ranked) return DIM_UNKNOWN;
  for (uint32_t axis = 0; axis < value->rank; axis++)
    if (value->dims[axis] == DIM_UNKNOWN) return DIM_UNKNOWN;
  return dim_product(&module->dims, value->dims, value->rank);
}

bool value_static_elements(const Module *module, ValueId id, int64_t *count) {
  const Value *value = value_at(module, id);
  int64_t      product = 1, size;
  bool         fits = true, empty = false;
  if (!value->ranked) return false;
  for (uint32_t axis = 0; axis < value->rank; axis++) {
    if (!dim_is_constant(&module->dims, value->dims[axis], &size) || size < 0) return false;
    if (!size) empty = true; /* an empty tensor is empty however large its other sides */
    else if (fits) fits = checked_mul_i64(product, size, &product);
  }
  if (!fits && !empty) return false;
  *count = empty ? 0 : product;
  return true;
}

uint64_t value_constant_bits(const Module *module, ValueId id, int64_t index) {
  const Value *value = value_at(module, id);
  unsigned     bits = element_file_bits(value->element);
  uint64_t     result = 0;
  if (value->content == CONTENT_SPLAT) return value->splat;
  require(module->context, value->content == CONTENT_DATA && bits && bits <= 64 && index >= 0);
  if (bits < 8) {
    uint64_t per_byte = 8 / bits, byte = (uint64_t)index / per_byte;
    require(module->context, byte < value->data.size);
    return value->data.data[byte] >> ((uint64_t)index % per_byte * bits) & ((1u << bits) - 1);
  }
  size_t bytes = bits / 8;
  require(module->context, (uint64_t)index < value->data.size / bytes);
  for (size_t byte = bytes; byte-- > 0;) result = result << 8 | value->data.data[(size_t)index * bytes + byte];
  return result;
}

double value_constant_f64(const Module *module, ValueId id, int64_t index) {
  return element_to_f64(value_at(module, id)->element, value_constant_bits(module, id, index));
}

int64_t value_constant_i64(const Module *module, ValueId id, int64_t index) {
  return element_to_i64(value_at(module, id)->element, value_constant_bits(module, id, index));
}

bool value_know(Module *module, ValueId id) {
  Value  *value = value_at(module, id);
  int64_t count;
  if (value->known) return true;
  if (!value_is_constant(value) || (!element_is_integer(value->element) && value->element != ELEMENT_BOOL)) return false;
  if (!value_static_elements(module, id, &count) || count > (int64_t)KNOWN_LIMIT) return false;
  if (value->element == ELEMENT_U64) /* dimension expressions are signed */
    for (int64_t i = 0; i < count; i++)
      if (value_constant_bits(module, id, i) >> 63) return false;
  Dim *known = arena_array(module->arena, Dim, (size_t)count);
  for (int64_t i = 0; i < count; i++) known[i] = dim_constant(&module->dims, value_constant_i64(module, id, i));
  value->known = known;
  value->known_count = (uint32_t)count;
  return true;
}
