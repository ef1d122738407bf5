/* From the operator version a node was written for to the newest: the driver and what the rewrites share. The driver finds the row of
 * upgrade.def that applies and calls its rewrite, once a node: a rewrite goes to the newest version at once. */
#include "compiler/onnx/upgrade.h"
#include <math.h>
#include <string.h>

typedef struct Version { int since; void (*rewrite)(Upgrade *up); } Version; /* rewrite NULL: same as the newest */
typedef struct History { const char *op_type; const Version *versions; size_t count; } History;

#define OLD(version, rewrite) {version, upgrade_##rewrite},
#define SAME(version)         {version, NULL},
#define HISTORY(op, ...) static const Version history_##op[] = {__VA_ARGS__};
#include "compiler/onnx/upgrade.def"
#undef HISTORY
#undef OLD
#undef SAME
#define HISTORY(op, ...) {#op, history_##op, sizeof history_##op / sizeof *history_##op},
static const History histories[] = {
#include "compiler/onnx/upgrade.def"
};
#undef HISTORY
enum { HISTORY_COUNT = sizeof histories / sizeof *histories };

/* The table is sorted by name. */
static const History *history_find(const char *op_type) {
  size_t low = 0, high = HISTORY_COUNT;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int    order = strcmp(histories[middle].op_type, op_type);
    if (!order) return &histories[middle];
    if (order < 0) low = middle + 1; else high = middle;
  }
  return NULL;
}

bool upgrade_knows(const char *op_type) { return history_find(op_type) != NULL; }

const char *upgrade_suggest(const char *op_type) {
  const char *names[HISTORY_COUNT];
  for (size_t i = 0; i < HISTORY_COUNT; i++) names[i] = histories[i].op_type;
  return did_you_mean(op_type, names, HISTORY_COUNT);
}

static void upgrade_one(Upgrade *up, const History *history, int64_t version) {
  const Version *row = NULL;
  for (size_t i = 0; i < history->count && history->versions[i].since <= version; i++) row = &history->versions[i];
  if (!row) {
    model_error(up->reader->context, CODE_OPSET, node_place(up->module, up->node, &op_names), "export the model for a newer opset",
                "the operator appeared in opset %d of ai.onnx, the model is written for %lld", history->versions[0].since, (long long)version);
    return;
  }
  up->version = row->since;
  if (row->rewrite) row->rewrite(up);
}

void upgrade_module(Reader *reader) {
  Module *module = reader->module;
  NodeId  count = module->nodes.count; /* what rewrites add is new already */
  for (NodeId id = 1; id < count; id++) {
    const Node    *node = node_at(module, id);
    int64_t        version = id < reader->versions.count ? reader->versions.data[id] : 0;
    const History *history = *node->domain || version <= 0 ? NULL : history_find(node->op_type);
    if (history) upgrade_one(&(Upgrade){.reader = reader, .module = module, .node = id}, history, version);
  }
  graph_compact(module);
}

/* ---- reading the node ------------------------------------------------------------------------------------------------------ */

Node *upgrade_node(const Upgrade *up) { return node_at(up->module, up->node); }

ValueId upgrade_input(const Upgrade *up, uint32_t index) {
  const Node *node = upgrade_node(up);
  return index < node->input_count ? node->inputs[index] : VALUE_NONE;
}

ValueId upgrade_output(const Upgrade *up, uint32_t index) {
  const Node *node = upgrade_node(up);
  return index < node->output_count ? node->outputs[index] : VALUE_NONE;
}

double upgrade_float(const Upgrade *up, const char *name, double fallback) {
  const Attribute *attribute = node_attribute(upgrade_node(up), name);
  if (!attribute) return fallback;
  if (attribute->kind == ATTRIBUTE_FLOAT) return attribute->number;
  if (attribute->kind == ATTRIBUTE_INT) return (double)attribute->integer;
  upgrade_refuse(up, NULL, "an attribute is no number");
  return fallback;
}

int64_t upgrade_int(const Upgrade *up, const char *name, int64_t fallback) {
  const Attribute *attribute = node_attribute(upgrade_node(up), name);
  if (attribute && attribute->kind == ATTRIBUTE_INT) return attribute->integer;
  double number = upgrade_float(up, name, (double)fallback);
  if (attribute && !(fabs(number) < 1e9 && number == floor(number))) {
    upgrade_refuse(up, NULL, "an attribute is no integer");
    return fallback;
  }
  return attribute ? (int64_t)number : fallback;
}

const Attribute *upgrade_ints(const Upgrade *up, const char *name) {
  const Attribute *attribute = node_attribute(upgrade_node(up), name);
  return attribute && attribute->kind == ATTRIBUTE_INTS ? attribute : NULL;
}

bool upgrade_string_is(const Upgrade *up, const char *name, const char *text) {
  const Attribute *attribute = node_attribute(upgrade_node(up), name);
  return attribute && attribute->kind == ATTRIBUTE_STRING && attribute->string.size == strlen(text) &&
         !memcmp(attribute->string.data, text, attribute->string.size);
}

/* Operators whose first result has the rank of their first operand. */
static bool keeps_rank(const char *op_type) {
  static const char *const names[] = {"Relu", "Conv", "BatchNormalization", "MaxPool", "AveragePool", "Sigmoid", "Tanh", "LeakyRelu", "Elu",
                                      "LRN", "Dropout", "Identity", "Clip", "Pad", "Concat", "ConvTranspose", "GlobalAveragePool",
                                      "GlobalMaxPool", "PRelu", "Softmax", "InstanceNormalization", "Cast", "Transpose", "Slice", "Exp"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strcmp(names[i], op_type)) return true;
  return false;
}

/* Rank of the first result of operators that decide it themselves; -1 if this one does not. */
static int own_rank(const Upgrade *up, const Node *node) {
  int64_t count = 0;
  if (!strcmp(node->op_type, "Gemm") || !strcmp(node->op_type, "Flatten")) return 2;
  bool is_reshape = !strcmp(node->op_type, "Reshape") && node->input_count > 1 && node->inputs[1];
  if (is_reshape && value_is_constant(value_at(up->module, node->inputs[1])) && value_static_elements(up->module, node->inputs[1], &count) &&
      count <= (int64_t)MAX_RANK)
    return (int)count;
  return -1;
}

int upgrade_rank(const Upgrade *up, ValueId id) {
  const Module *module = up->module;
  for (int steps = 0; id && steps < 1000; steps++) {
    const Value *value = value_at(module, id);
    if (value->ranked) return (int)value->rank;
    if (value->declared_ranked) return (int)value->declared_rank;
    const Node *node = node_at(module, value->definition);
    if (!value->definition || value->result || !node->input_count || *node->domain) return -1;
    if (!keeps_rank(node->op_type)) return own_rank(up, node);
    id = node->inputs[0];
  }
  return -1;
}

void upgrade_refuse(const Upgrade *up, const char *hint, const char *what) {
  Place place = node_place(up->module, up->node, &op_names);
  if (up->reader->options->keep_unsupported) {
    upgrade_node(up)->op = OP_UNKNOWN;
    model_warning(up->reader->context, CODE_OPERATOR_FORM, place, hint, "%s", what);
  } else {
    model_error(up->reader->context, CODE_OPERATOR_FORM, place, hint, "%s", what);
  }
}

/* ---- changing it ----------------------------------------------------------------------------------------------------------- */

void upgrade_rename(Upgrade *up, const char *op_type) {
  upgrade_node(up)->op_type = op_type;
  upgrade_node(up)->op = op_find("", op_type);
}

void upgrade_remove(Upgrade *up, const char *attribute) { node_remove_attribute(up->module, up->node, attribute); }

void upgrade_set_input(Upgrade *up, uint32_t index, ValueId value) {
  Node *node = upgrade_node(up);
  if (index >= node->input_count) {
    if (!value) return;
    ValueId *inputs = arena_array(up->module->arena, ValueId, index + 1);
    if (node->input_count) memcpy(inputs, node->inputs, node->input_count * sizeof *inputs);
    node->inputs = inputs;
    node->input_count = index + 1;
  }
  node->inputs[index] = value;
  while (node->input_count && !node->inputs[node->input_count - 1]) node->input_count--;
}

bool upgrade_ints_to_input(Upgrade *up, const char *name, uint32_t index) {
  const Attribute *attribute = upgrade_ints(up, name);
  if (!attribute) return false;
  upgrade_set_input(up, index, upgrade_vector(up, attribute->count, attribute->ints));
  upgrade_remove(up, name);
  return true;
}

/* Stem of the names of new values: that of the node's first result. */
static const char *stem(const Upgrade *up) {
  ValueId result = upgrade_output(up, 0);
  return result ? value_at(up->module, result)->name : upgrade_node(up)->op_type;
}

static ValueId fresh_value(Upgrade *up) {
  return module_value(up->module, upgrade_node(up)->graph, module_fresh_name(up->module, stem(up)), ELEMENT_NONE);
}

NodeId upgrade_emit_into(Upgrade *up, const char *op_type, uint32_t input_count, const ValueId *inputs, ValueId result) {
  GraphId graph = upgrade_node(up)->graph;
  NodeId  id = module_node(up->module, graph, op_find("", op_type), input_count, inputs, 1, &result);
  Node   *node = node_at(up->module, id);
  node->op_type = op_type;
  node->origin = upgrade_node(up)->origin;
  graph_append(up->module, graph, id);
  return id;
}

NodeId upgrade_emit(Upgrade *up, const char *op_type, uint32_t input_count, const ValueId *inputs) {
  return upgrade_emit_into(up, op_type, input_count, inputs, fresh_value(up));
}

ValueId upgrade_result(const Upgrade *up, NodeId node) { return node_at(up->module, node)->outputs[0]; }

ValueId upgrade_unary(Upgrade *up, const char *op_type, ValueId operand) { return upgrade_result(up, upgrade_emit(up, op_type, 1, &operand)); }

ValueId upgrade_binary(Upgrade *up, const char *op_type, ValueId left, ValueId right) {
  return upgrade_result(up, upgrade_emit(up, op_type, 2, (ValueId[]){left, right}));
}

ValueId upgrade_divert(Upgrade *up, uint32_t index) {
  ValueId fresh = fresh_value(up);
  upgrade_node(up)->outputs[index] = fresh;
  value_at(up->module, fresh)->definition = up->node;
  value_at(up->module, fresh)->result = index;
  return fresh;
}

void upgrade_erase(Upgrade *up) { node_erase(up->module, up->node); }

/* ---- constants ------------------------------------------------------------------------------------------------------------- */

static const char *constant_name(Upgrade *up) { return module_fresh_name(up->module, stem(up)); }

ValueId upgrade_vector(Upgrade *up, uint32_t count, const int64_t *values) {
  return module_constant_ints(up->module, upgrade_node(up)->graph, constant_name(up), count, values);
}

ValueId upgrade_scalar(Upgrade *up, int64_t value) {
  Bytes data = {arena_copy(up->module->arena, &value, 8), 8};
  return module_constant(up->module, upgrade_node(up)->graph, constant_name(up), ELEMENT_I64, 0, NULL, data);
}

ValueId upgrade_number(Upgrade *up, double number, ValueId like) {
  Element element = like ? value_at(up->module, like)->element : ELEMENT_F32;
  bool    known = element_is_float(element) || element_is_integer(element);
  Element own = known ? element : ELEMENT_F32;
  uint64_t bits = element_from_f64(own, number);
  Bytes   data = {arena_copy(up->module->arena, &bits, 8), element_file_bits(own) / 8};
  ValueId value = module_constant(up->module, upgrade_node(up)->graph, constant_name(up), own, 0, NULL, data);
  return known ? value : upgrade_binary(up, "CastLike", value, like);
}

ValueId upgrade_floats(Upgrade *up, uint32_t count, const double *values) {
  float *data = arena_array(up->module->arena, float, count);
  for (uint32_t i = 0; i < count; i++) data[i] = (float)values[i];
  return module_constant(up->module, upgrade_node(up)->graph, constant_name(up), ELEMENT_F32, 1, (int64_t[]){count},
                         (Bytes){(const uint8_t *)data, count * sizeof *data});
}

/* Appends as many ones as only the shapes tell: a Reshape to Shape(value) ++ [1] * (rank(target) - axis - rank(value)). */
static ValueId align_by_shapes(Upgrade *up, ValueId value, ValueId target, int64_t axis) {
  ValueId rank = upgrade_unary(up, "Size", upgrade_unary(up, "Shape", target)), shape = upgrade_unary(up, "Shape", value);
  ValueId used = upgrade_binary(up, "Add", upgrade_unary(up, "Size", shape), upgrade_scalar(up, axis));
  ValueId missing = upgrade_binary(up, "Unsqueeze", upgrade_binary(up, "Sub", rank, used), upgrade_vector(up, 1, (int64_t[]){0}));
  ValueId ones = upgrade_binary(up, "Expand", upgrade_vector(up, 1, (int64_t[]){1}), missing);
  NodeId  joined = upgrade_emit(up, "Concat", 2, (ValueId[]){shape, ones});
  node_set_int(up->module, joined, "axis", 0);
  return upgrade_binary(up, "Reshape", value, upgrade_result(up, joined));
}

ValueId upgrade_align(Upgrade *up, ValueId value, ValueId target, int64_t axis) {
  int     own = upgrade_rank(up, value), rank = upgrade_rank(up, target);
  int64_t axes[MAX_RANK];
  if (own < 0 || rank < 0) return align_by_shapes(up, value, target, axis);
  if (axis < 0) axis += rank;
  int64_t missing = rank - axis - own;
  if (missing <= 0) return value;
  if (axis < 0 || missing > MAX_RANK) {
    upgrade_refuse(up, NULL, "the axis to broadcast along is out of range");
    return value;
  }
  for (int64_t i = 0; i < missing; i++) axes[i] = own + i;
  return upgrade_binary(up, "Unsqueeze", value, upgrade_vector(up, (uint32_t)missing, axes));
}
