/* Fusion, decided once: chains of element-wise and view nodes join the one anchor they feed or follow, as x.Group.
 *
 * Each fusible node starts as a cluster of its own. Walking the graph in order, a node P is merged into its only reader C when
 *   - P is element-wise or a point operator, has no anchor in its cluster, and C reads each element about once (C element-wise over the same
 *     number of elements, a view, or an anchor that reduces) or P is a view or cast that costs nothing to repeat; or
 *   - P's cluster ends in its anchor or in consumers of it, C is element-wise or OPF_POINTWISE, has no anchor yet, and reads P at the index it
 *     writes.
 * Every cluster has one stored value, so no cycle can arise, and the group stands where its last member stood.
 * What it does not try: several stored values, views behind an anchor, recomputation of anything with two readers. */
#include "passes/graph/graph_passes.h"
#include "compiler/ops/meaning.h"
#include <string.h>

#define CLUSTER_LIMIT 32u /* nodes of one group: bounds the depth of its expressions */

typedef struct Clusters {
  Module  *module;
  Uses     uses;
  uint32_t *parent;   /* by NodeId: union-find; a cluster is named by its last node */
  uint32_t *size;     /* by cluster */
  NodeId   *anchor;   /* by cluster; 0: none */
} Clusters;

static uint32_t find(Clusters *clusters, NodeId id) {
  while (clusters->parent[id] != id) id = clusters->parent[id] = clusters->parent[clusters->parent[id]];
  return id;
}

static bool is_pointwise(const OpInfo *info) { return info->kind == KIND_ELEMENTWISE || info->kind == KIND_POINT; }

static bool is_fusible(const Module *module, const Node *node) {
  const OpInfo *info = op_info(node->op);
  return !node->run_time_shape && node->output_count == 1 && node->op != OP_Group && (is_pointwise(info) || info->kind == KIND_LOOPS);
}

static bool same_dims(const Value *a, const Value *b) { return a->rank == b->rank && !memcmp(a->dims, b->dims, a->rank * sizeof *a->dims); }

/* How often C reads `value` (it may be several of its operands). */
static uint32_t reads_of(const Node *node, ValueId value) {
  uint32_t count = 0;
  for (uint32_t operand = 0; operand < node->input_count; operand++) count += node->inputs[operand] == value;
  return count;
}

/* May the producer's meaning be inlined where C reads it? */
static bool may_inline_producer(Clusters *clusters, NodeId producer, NodeId consumer) {
  Module *module = clusters->module;
  const Node *p = node_at(module, producer), *c = node_at(module, consumer);
  const OpInfo *p_info = op_info(p->op), *c_info = op_info(c->op);
  if (!is_pointwise(p_info) || clusters->anchor[find(clusters, producer)]) return false;
  const Value *value = value_at(module, p->outputs[0]);
  bool view = p_info->kind == KIND_POINT && (p_info->flags & OPF_CHEAP);
  if (c_info->kind == KIND_LOOPS)
    return (c_info->flags & OPF_REDUCES) && (view || (p_info->flags & OPF_CHEAP)) && clusters->size[find(clusters, producer)] <= 4;
  if (same_dims(value, value_at(module, c->outputs[0]))) return true;
  Dim from = value_elements(module, p->outputs[0]), to = value_elements(module, c->outputs[0]);
  return view || (from == to && reads_of(c, p->outputs[0]) == 1) || (c_info->kind == KIND_POINT && (c_info->flags & OPF_MOVES) && from == to);
}

/* Does C read `value` at no other index than that of its result? */
static bool reads_in_place(const Node *node, ValueId value) {
  const OpInfo *info = op_info(node->op);
  if (info->kind == KIND_ELEMENTWISE) return true;
  return info->kind == KIND_POINT && (info->flags & OPF_POINTWISE) && node->inputs[0] == value && reads_of(node, value) == 1;
}

/* May C be inlined where P's cluster writes its result? */
static bool may_inline_consumer(Clusters *clusters, NodeId producer, NodeId consumer) {
  Module *module = clusters->module;
  const Node *p = node_at(module, producer), *c = node_at(module, consumer);
  NodeId anchor = clusters->anchor[find(clusters, producer)];
  if (!anchor || !reads_in_place(c, p->outputs[0]) || clusters->anchor[find(clusters, consumer)]) return false;
  const Value *written = value_at(module, node_at(module, anchor)->outputs[0]);
  return same_dims(value_at(module, p->outputs[0]), value_at(module, c->outputs[0])) && same_dims(written, value_at(module, c->outputs[0]));
}

static void merge(Clusters *clusters, NodeId producer, NodeId consumer) {
  uint32_t from = find(clusters, producer), to = find(clusters, consumer);
  clusters->parent[from] = to;
  clusters->size[to] += clusters->size[from];
  if (clusters->anchor[from]) clusters->anchor[to] = clusters->anchor[from];
}

static void consider(Clusters *clusters, NodeId consumer, uint32_t operand) {
  Module *module = clusters->module;
  const Node *c = node_at(module, consumer);
  ValueId value = c->inputs[operand];
  if (!value || value_is_constant(value_at(module, value)) || clusters->uses.only[value] != consumer || clusters->uses.is_output[value]) return;
  NodeId producer = value_at(module, value)->definition;
  if (!producer || node_at(module, producer)->graph != c->graph || !is_fusible(module, node_at(module, producer))) return;
  uint32_t from = find(clusters, producer), to = find(clusters, consumer);
  if (from == to || clusters->size[from] + clusters->size[to] > CLUSTER_LIMIT) return;
  if (may_inline_consumer(clusters, producer, consumer) || may_inline_producer(clusters, producer, consumer)) merge(clusters, producer, consumer);
}

/* ---- rewriting ------------------------------------------------------------------------------------------------------------ */

static void form_group(Clusters *clusters, GraphId graph, NodeId last, const NodeId *members, uint32_t count, NodeId *group_id) {
  Module *module = clusters->module;
  ValueId inner = node_at(module, last)->outputs[0];
  Value copy = *value_at(module, inner);
  ValueId outer = module_value(module, graph, copy.name, copy.element);
  module_replace_uses(module, inner, outer);
  NodeId group = module_node(module, graph, OP_Group, 0, NULL, 1, &outer);
  GraphId body = module_graph(module, "", graph, group);
  int64_t anchor = -1;
  for (uint32_t at = 0; at < count; at++) {
    Node *node = node_at(module, members[at]);
    node->graph = body;
    for (uint32_t result = 0; result < node->output_count; result++) value_at(module, node->outputs[result])->graph = body;
    graph_append(module, body, members[at]);
    if (members[at] == clusters->anchor[find(clusters, last)]) anchor = (int64_t)at;
  }
  vector_push(module->arena, &graph_at(module, body)->outputs, inner);
  Value *to = value_at(module, outer);
  to->ranked = copy.ranked;
  to->rank = copy.rank;
  memcpy(to->dims, copy.dims, sizeof copy.dims);
  memcpy(to->declared, copy.declared, sizeof copy.declared);
  to->declared_ranked = copy.declared_ranked;
  to->declared_rank = copy.declared_rank;
  value_at(module, inner)->name = module_fresh_name(module, copy.name);
  node_set_attribute(module, group, (Attribute){.name = "body", .kind = ATTRIBUTE_GRAPH, .graph = body});
  node_set_int(module, group, "anchor", anchor);
  node_at(module, group)->origin = node_at(module, members[anchor < 0 ? count - 1 : (uint32_t)anchor])->origin;
  *group_id = group;
}

/* Replaces each cluster of a graph's order by its group, at the place of its last member. */
static void rewrite_graph(Clusters *clusters, GraphId graph, Arena *scratch) {
  Module *module = clusters->module;
  uint32_t count = graph_at(module, graph)->order.count, kept = 0;
  NodeId *order = arena_copy(scratch, graph_at(module, graph)->order.data, count * sizeof *order);
  NodeId *members = arena_array(scratch, NodeId, CLUSTER_LIMIT + 1u);
  uint32_t *last_seen = arena_array(scratch, uint32_t, module->nodes.count);
  for (uint32_t at = 0; at < count; at++) last_seen[find(clusters, order[at])] = at;
  for (uint32_t at = 0; at < count; at++) {
    uint32_t cluster = find(clusters, order[at]);
    NodeId replacement = order[at];
    if (clusters->size[cluster] > 1) {
      if (last_seen[cluster] != at) continue;
      uint32_t found = 0, from = at + 1;
      while (found < clusters->size[cluster] && from-- > 0)
        if (find(clusters, order[from]) == cluster) members[CLUSTER_LIMIT - found++] = order[from];
      form_group(clusters, graph, order[at], members + CLUSTER_LIMIT + 1u - found, found, &replacement);
    }
    graph_at(module, graph)->order.data[kept++] = replacement;
  }
  graph_at(module, graph)->order.count = kept;
}

void graph_fuse(Module *module, Arena *scratch) {
  Clusters clusters = {.module = module, .uses = module_uses(module, scratch)};
  uint32_t limit = module->nodes.count, graphs = module->graphs.count;
  clusters.parent = arena_array(scratch, uint32_t, limit);
  clusters.size = arena_array(scratch, uint32_t, limit);
  clusters.anchor = arena_array(scratch, NodeId, limit);
  for (NodeId id = 1; id < limit; id++) {
    clusters.parent[id] = id;
    clusters.size[id] = 1;
    const OpInfo *info = op_info(node_at(module, id)->op);
    if (info && info->kind == KIND_LOOPS) clusters.anchor[id] = id;
  }
  for (GraphId graph = 1; graph < graphs; graph++) {
    const Graph *info = graph_at(module, graph);
    if (info->owner && (node_at(module, info->owner)->dead || node_at(module, info->owner)->op == OP_Group)) continue;
    for (uint32_t at = 0; at < info->order.count; at++) {
      NodeId id = info->order.data[at];
      if (!is_fusible(module, node_at(module, id))) continue;
      for (uint32_t operand = 0; operand < node_at(module, id)->input_count; operand++) consider(&clusters, id, operand);
    }
  }
  for (GraphId graph = 1; graph < graphs; graph++) {
    NodeId owner = graph_at(module, graph)->owner;
    if (!owner || (!node_at(module, owner)->dead && node_at(module, owner)->op != OP_Group)) rewrite_graph(&clusters, graph, scratch);
  }
  module_recapture(module);
}
