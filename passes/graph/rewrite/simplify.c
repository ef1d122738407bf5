/* Simplification by rules (rules.def). One sweep walks each graph in order, with operands already replaced, and tries the rules of each node's
 * operator until none applies; the driver repeats sweeps with folding in between until nothing changes.
 *
 * Requirements: (1) a rule either forwards a result to an existing value or turns the node itself into another; results that are graph outputs
 * keep their value, so interfaces keep their names. (2) New nodes are emitted before the current one and get their types at once. (3) Every rule
 * shrinks the graph or moves work into constants, so sweeps end; eight sweeps are the limit all the same. */
#include "passes/graph/graph_passes.h"
#include "passes/graph/rewrite/rewrite.h"
#include <string.h>

typedef struct Rule { const char *name; uint32_t op; bool rounds; RuleFunction function; } Rule;

enum { EXACT = 0, ROUNDS = 1 };
static const Rule rules[] = {
#define RULE(name, op, exactness, before, after) {#name, OP_##op, exactness, rule_##name},
#include "rules.def"
#undef RULE
};

NodeId rewrite_definition(const Rewriter *rewriter, ValueId value, uint32_t op) {
  if (!value) return 0;
  NodeId id = value_at(rewriter->module, value)->definition;
  if (!id || node_at(rewriter->module, id)->dead || node_at(rewriter->module, id)->op != op ||
      node_at(rewriter->module, id)->graph != rewriter->graph)
    return 0;
  return id;
}

bool rewrite_single_use(const Rewriter *rewriter, ValueId value) {
  return value < rewriter->use_limit && rewriter->uses.count[value] == 1 && !rewriter->uses.is_output[value];
}

bool rewrite_all_equal(const Rewriter *rewriter, ValueId value, double number) {
  const Value *info = value_at(rewriter->module, value);
  int64_t count;
  if (info->content == CONTENT_DATA && (!value_static_elements(rewriter->module, value, &count) || count != 1)) return false;
  return value_is_constant(info) && info->element != ELEMENT_STRING && value_constant_f64(rewriter->module, value, 0) == number;
}

bool rewrite_same_dims(const Rewriter *rewriter, ValueId a, ValueId b) {
  const Value *x = value_at(rewriter->module, a), *y = value_at(rewriter->module, b);
  return x->ranked && y->ranked && x->rank == y->rank && !memcmp(x->dims, y->dims, x->rank * sizeof *x->dims);
}

bool rewrite_forward(Rewriter *rewriter, NodeId node, ValueId value) {
  ValueId result = node_at(rewriter->module, node)->outputs[0];
  if (result >= rewriter->use_limit || rewriter->uses.is_output[result]) return false;
  rewriter->forward[result] = value;
  if (value < rewriter->use_limit) { /* it takes over the readers; the node's own use of it ends, if it has one */
    const Node *erased = node_at(rewriter->module, node);
    rewriter->uses.count[value] += rewriter->uses.count[result];
    for (uint32_t operand = 0; operand < erased->input_count; operand++) rewriter->uses.count[value] -= erased->inputs[operand] == value;
  }
  node_erase(rewriter->module, node);
  return true;
}

bool rewrite_is_constant(const Rewriter *rewriter, ValueId value) {
  if (!value) return false;
  if (value_is_constant(value_at(rewriter->module, value))) return true;
  return value >= rewriter->use_limit && value - rewriter->use_limit < rewriter->folds.count && rewriter->folds.data[value - rewriter->use_limit];
}

/* Notes whether a new value is computed from constants only. */
static void note_folds(Rewriter *rewriter, ValueId result, uint32_t count, const ValueId *inputs) {
  bool folds = true;
  for (uint32_t at = 0; at < count; at++) folds = folds && (!inputs[at] || rewrite_is_constant(rewriter, inputs[at]));
  while (rewriter->folds.count <= result - rewriter->use_limit) vector_push(rewriter->scratch, &rewriter->folds, false);
  rewriter->folds.data[result - rewriter->use_limit] = folds;
}

ValueId rewrite_emit_with(Rewriter *rewriter, uint32_t op, uint32_t count, const ValueId *inputs, const Attribute *attributes,
                          uint32_t attribute_count) {
  Module *module = rewriter->module;
  ValueId result = module_value(module, rewriter->graph, module_fresh_name(module, "rewritten"), ELEMENT_NONE);
  NodeId node = module_node(module, rewriter->graph, op, count, inputs, 1, &result);
  for (uint32_t at = 0; at < attribute_count; at++) node_set_attribute(module, node, attributes[at]);
  vector_push(rewriter->scratch, &rewriter->order, node);
  note_folds(rewriter, result, count, inputs);
  if (!op_infer(module, node)) bug(module->context, "a rule made a %s that has no type", op_info(op)->name);
  return result;
}

ValueId rewrite_emit(Rewriter *rewriter, uint32_t op, uint32_t count, const ValueId *inputs) {
  return rewrite_emit_with(rewriter, op, count, inputs, NULL, 0);
}

ValueId rewrite_reshape(Rewriter *rewriter, ValueId value, uint32_t rank, const int64_t *dims) {
  ValueId shape = module_constant_ints(rewriter->module, rewriter->graph, module_fresh_name(rewriter->module, "dims"), rank, dims);
  return rewrite_emit(rewriter, OP_Reshape, 2, (ValueId[]){value, shape});
}

void rewrite_become(Rewriter *rewriter, NodeId id, uint32_t op, uint32_t count, const ValueId *inputs, const Attribute *attributes,
                    uint32_t attribute_count) {
  Module *module = rewriter->module;
  ValueId *copy = arena_copy(module->arena, inputs, count * sizeof *inputs);
  Attribute *attribute_copy = arena_array(module->arena, Attribute, attribute_count + 1u);
  if (attribute_count) memcpy(attribute_copy, attributes, attribute_count * sizeof *attributes);
  Node *node = node_at(module, id);
  node->op = op;
  node->op_type = op_info(op)->name;
  node->domain = op_info(op)->domain;
  node->inputs = copy;
  node->input_count = count;
  node->attributes = attribute_copy;
  node->attribute_count = attribute_count;
  while (node->output_count > 1) node->output_count--;
}

/* ---- sweeps ---------------------------------------------------------------------------------------------------------------- */

static ValueId resolve(const Rewriter *rewriter, ValueId value) {
  while (value && value < rewriter->use_limit && rewriter->forward[value]) value = rewriter->forward[value];
  return value;
}

static bool try_rules(Rewriter *rewriter, NodeId id, bool exact_only) {
  for (size_t at = 0; at < sizeof rules / sizeof *rules; at++)
    if (rules[at].op == node_at(rewriter->module, id)->op && !(exact_only && rules[at].rounds) && rules[at].function(rewriter, id)) return true;
  return false;
}

static bool sweep_graph(Rewriter *rewriter, GraphId graph, bool exact_only) {
  Module *module = rewriter->module;
  bool changed = false;
  uint32_t count = graph_at(module, graph)->order.count;
  const NodeId *old = arena_copy(rewriter->scratch, graph_at(module, graph)->order.data, count * sizeof *old);
  rewriter->graph = graph;
  rewriter->order.count = 0;
  for (uint32_t at = 0; at < count; at++) {
    NodeId id = old[at];
    Node *node = node_at(module, id);
    for (uint32_t operand = 0; operand < node->input_count; operand++) node->inputs[operand] = resolve(rewriter, node->inputs[operand]);
    for (int tries = 0; tries < 8 && !node_at(module, id)->dead && try_rules(rewriter, id, exact_only); tries++) changed = true;
    if (!node_at(module, id)->dead) vector_push(rewriter->scratch, &rewriter->order, id);
  }
  Graph *info = graph_at(module, graph);
  info->order.count = 0;
  for (uint32_t at = 0; at < rewriter->order.count; at++)
    if (!node_at(module, rewriter->order.data[at])->dead) graph_append(module, graph, rewriter->order.data[at]);
  return changed;
}

/* The values of graphs whose nodes moved follow, and so do the graphs inside. */
static void move_values(Rewriter *rewriter) {
  Module *module = rewriter->module;
  for (ValueId value = 1; value < module->values.count; value++)
    while (rewriter->moved[value_at(module, value)->graph]) value_at(module, value)->graph = rewriter->moved[value_at(module, value)->graph];
  for (GraphId graph = 1; graph < module->graphs.count; graph++)
    while (rewriter->moved[graph_at(module, graph)->parent]) graph_at(module, graph)->parent = rewriter->moved[graph_at(module, graph)->parent];
}

bool graph_simplify(Module *module, Arena *scratch, bool exact_only, size_t constant_bytes) {
  Rewriter rewriter = {.module = module, .scratch = scratch, .uses = module_uses(module, scratch), .use_limit = module->values.count};
  rewriter.forward = arena_array(scratch, ValueId, module->values.count);
  rewriter.moved = arena_array(scratch, GraphId, module->graphs.count); /* rules make no graphs */
  rewriter.constant_bytes = constant_bytes;
  bool changed = false;
  for (GraphId graph = 1; graph < module->graphs.count; graph++) {
    NodeId owner = graph_at(module, graph)->owner;
    if (owner && node_at(module, owner)->dead) continue;
    changed |= sweep_graph(&rewriter, graph, exact_only);
  }
  if (!changed) return false;
  move_values(&rewriter);
  ValueId *map = arena_array(scratch, ValueId, module->values.count);
  memcpy(map, rewriter.forward, rewriter.use_limit * sizeof *map);
  module_replace_many(module, map);
  module_recapture(module);
  return true;
}
