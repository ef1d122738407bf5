/* Dead code: nodes that no output of a root graph needs, and constants that no living node needs.
 *
 * Liveness runs backwards from the outputs of the root graphs over a list of values: a live result makes its node live, a live node its operands
 * and the outputs of the regions it holds. ONNX operators have no effects, so everything else may go, random draws too. Unused results of a
 * living node stay: which of them are optional is the operator's business. */
#include "passes/graph/graph_passes.h"

typedef struct Liveness {
  Module *module;
  Arena  *scratch;
  bool   *live_value;       /* by value */
  bool   *live_node;        /* by node */
  VECTOR(ValueId) pending;  /* live values whose definition is still to be looked at */
} Liveness;

static void need_value(Liveness *liveness, ValueId id) {
  if (!id || liveness->live_value[id]) return;
  liveness->live_value[id] = true;
  vector_push(liveness->scratch, &liveness->pending, id);
}

static void need_outputs(Liveness *liveness, GraphId id) {
  const Graph *graph = graph_at(liveness->module, id);
  for (uint32_t i = 0; i < graph->outputs.count; i++) need_value(liveness, graph->outputs.data[i]);
}

static void need_node(Liveness *liveness, NodeId id) {
  const Node *node = node_at(liveness->module, id);
  if (liveness->live_node[id]) return;
  liveness->live_node[id] = true;
  for (uint32_t i = 0; i < node->input_count; i++) need_value(liveness, node->inputs[i]);
  for (uint32_t i = 0; i < node->attribute_count; i++)
    if (node->attributes[i].kind == ATTRIBUTE_GRAPH) need_outputs(liveness, node->attributes[i].graph);
}

/* Erases what is not live; true if there was anything. */
static bool sweep(const Liveness *liveness) {
  Module *module = liveness->module;
  bool    erased_nodes = false, erased_values = false;
  for (NodeId id = 1; id < module->nodes.count; id++) {
    if (node_at(module, id)->dead || liveness->live_node[id]) continue;
    node_erase(module, id);
    erased_nodes = true;
  }
  for (ValueId id = 1; id < module->values.count; id++) {
    const Value *value = value_at(module, id);
    if (liveness->live_value[id] || !value->graph || value->definition || !value_is_constant(value)) continue;
    value_erase(module, id);
    erased_values = true;
  }
  if (erased_nodes) {
    graph_compact(module);
    module_recapture(module);
  }
  return erased_nodes || erased_values;
}

bool graph_dce(Module *module, Arena *scratch) {
  Liveness liveness = {.module = module, .scratch = scratch};
  liveness.live_value = arena_array(scratch, bool, module->values.count);
  liveness.live_node = arena_array(scratch, bool, module->nodes.count);
  for (GraphId id = 1; id < module->graphs.count; id++)
    if (!graph_at(module, id)->owner) need_outputs(&liveness, id);
  while (liveness.pending.count) {
    ValueId id = liveness.pending.data[--liveness.pending.count];
    if (value_at(module, id)->definition) need_node(&liveness, value_at(module, id)->definition);
  }
  return sweep(&liveness);
}
