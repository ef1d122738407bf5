/* Fusion, decided once: chains of element-wise and view nodes join the one anchor they feed or follow, as x.Group.
 *
 * Each fusible node starts as a cluster of its own. Walking the graph in order, a node P is merged into its only reader C when
 *   - P is element-wise or a point operator, has no anchor in its cluster, and C reads each element about once: C is element-wise over the same
 *     elements, or moves or maps them one by one; or all of P's cluster is cheap to repeat, and P is a view or C an anchor that reduces; or
 *   - P's cluster ends in its anchor or in consumers of it, C is element-wise or OPF_POINTWISE, has no anchor yet, and reads P at the index it
 *     writes.
 * Every cluster has one stored value, so no cycle can arise, and the group stands where its last member stood. What is costly is read once, so a
 * group's expressions grow with its nodes, not with the paths through them.
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
  bool     *costly;   /* by cluster: a member is not OPF_CHEAP */
  uint32_t *first;    /* by cluster: where its members begin in a list of them all; the next free place while that is filled */
} Clusters;

static uint32_t find(Clusters *clusters, NodeId id) {
  while (clusters->parent[id] != id) id = clusters->parent[id] = clusters->parent[clusters->parent[id]];
  return id;
}

static bool is_pointwise(const OpInfo *info) { return info->kind == KIND_ELEMENTWISE || info->kind == KIND_POINT; }

static bool is_fusible(const Module *module, const Node *node) {
  const OpInfo *info = op_info(node->op);
  return info && !node->run_time_shape && node->output_count == 1 && node->outputs[0] && (is_pointwise(info) || info->kind == KIND_LOOPS);
}

static bool same_dims(const Value *a, const Value *b) { return a->rank == b->rank && !memcmp(a->dims, b->dims, a->rank * sizeof *a->dims); }

/* How often C reads `value` (it may be several of its operands). */
static uint32_t reads_of(const Node *node, ValueId value) {
  uint32_t count = 0;
  for (uint32_t operand = 0; operand < node->input_count; operand++) count += node->inputs[operand] == value;
  return count;
}

/* Does C read each element of `value` at one index at most for each element of its result? */
static bool reads_once(const Node *c, const OpInfo *info, ValueId value) {
  if (info->kind == KIND_ELEMENTWISE) return true; /* twice at the same index is once */
  return (info->flags & (OPF_MOVES | OPF_POINTWISE)) && c->inputs[0] == value && reads_of(c, value) == 1;
}

/* May the producer's meaning be inlined where C reads it? */
static bool may_inline_producer(Clusters *clusters, NodeId producer, NodeId consumer) {
  Module *module = clusters->module;
  const Node *p = node_at(module, producer), *c = node_at(module, consumer);
  const OpInfo *p_info = op_info(p->op), *c_info = op_info(c->op);
  uint32_t cluster = find(clusters, producer);
  if (!is_pointwise(p_info) || clusters->anchor[cluster]) return false;
  bool cheap = !clusters->costly[cluster];
  if (c_info->kind == KIND_LOOPS) return (c_info->flags & OPF_REDUCES) && cheap && clusters->size[cluster] <= 4;
  ValueId value = p->outputs[0];
  bool same_count = value_elements(module, value) == value_elements(module, c->outputs[0]);
  if (same_count && reads_once(c, c_info, value)) return true;
  return cheap && p_info->kind == KIND_POINT && reads_of(c, value) == 1;
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
  clusters->costly[to] |= clusters->costly[from];
  if (clusters->anchor[from]) clusters->anchor[to] = clusters->anchor[from];
}

static void consider(Clusters *clusters, NodeId consumer, uint32_t operand) {
  Module *module = clusters->module;
  const Node *c = node_at(module, consumer);
  ValueId value = c->inputs[operand];
  if (!value || value_is_constant(value_at(module, value)) || clusters->uses.only[value] != consumer || clusters->uses.is_output[value]) return;
  NodeId producer = value_at(module, value)->definition;
  if (!producer || node_at(module, producer)->graph != c->graph || !is_fusible(module, node_at(module, producer))) return;
  if (!op_is_buildable(module, producer)) return; /* lowering says so, of a node */
  uint32_t from = find(clusters, producer), to = find(clusters, consumer);
  if (from == to || clusters->size[from] + clusters->size[to] > CLUSTER_LIMIT) return;
  if (may_inline_consumer(clusters, producer, consumer) || may_inline_producer(clusters, producer, consumer)) merge(clusters, producer, consumer);
}

/* ---- rewriting ------------------------------------------------------------------------------------------------------------ */

/* The value that the last member yields inside; outside, its readers keep the value they know, which the group defines. */
static void yield(Module *module, NodeId last, NodeId group, GraphId body) {
  ValueId outer = node_at(module, group)->outputs[0];
  Value copy = *value_at(module, outer);
  copy.name = module_fresh_name(module, copy.name);
  copy.graph = body;
  copy.definition = last;
  ValueId inner = module_value(module, body, copy.name, copy.element);
  *value_at(module, inner) = copy;
  node_at(module, last)->outputs[0] = inner;
  vector_push(module->arena, &graph_at(module, body)->outputs, inner);
}

/* Puts the members, in execution order, into a new group. */
static NodeId form_group(Clusters *clusters, GraphId graph, const NodeId *members, uint32_t count) {
  Module *module = clusters->module;
  NodeId last = members[count - 1], anchor = clusters->anchor[find(clusters, last)];
  ValueId outer = node_at(module, last)->outputs[0];
  NodeId group = module_node(module, graph, OP_Group, 0, NULL, 1, &outer);
  GraphId body = module_graph(module, "", graph, group);
  int64_t place = -1;
  yield(module, last, group, body);
  for (uint32_t at = 0; at < count; at++) {
    const Node *node = node_at(module, members[at]);
    node_at(module, members[at])->graph = body;
    value_at(module, node->outputs[0])->graph = body;
    graph_append(module, body, members[at]);
    if (members[at] == anchor) place = (int64_t)at;
  }
  node_set_attribute(module, group, (Attribute){.name = "body", .kind = ATTRIBUTE_GRAPH, .graph = body});
  node_set_int(module, group, "anchor", place);
  node_at(module, group)->origin = node_at(module, anchor ? anchor : last)->origin;
  return group;
}

/* Replaces each cluster of a graph's order by its group, at the place of its last member. */
static void rewrite_graph(Clusters *clusters, GraphId graph, Arena *scratch) {
  Module *module = clusters->module;
  uint32_t count = graph_at(module, graph)->order.count, kept = 0, filled = 0;
  const NodeId *order = arena_copy(scratch, graph_at(module, graph)->order.data, count * sizeof *order);
  NodeId *members = arena_array(scratch, NodeId, count + 1u);
  for (uint32_t at = 0; at < count; at++) {
    uint32_t cluster = find(clusters, order[at]);
    if (cluster != order[at]) continue;
    clusters->first[cluster] = filled;
    filled += clusters->size[cluster];
  }
  for (uint32_t at = 0; at < count; at++) members[clusters->first[find(clusters, order[at])]++] = order[at];
  for (uint32_t at = 0; at < count; at++) {
    uint32_t cluster = find(clusters, order[at]), size = clusters->size[cluster];
    const NodeId *end = members + clusters->first[cluster];
    if (end[-1] != order[at]) continue;
    graph_at(module, graph)->order.data[kept++] = size > 1 ? form_group(clusters, graph, end - size, size) : order[at];
  }
  graph_at(module, graph)->order.count = kept;
}

void graph_fuse(Module *module, Arena *scratch) {
  Clusters clusters = {.module = module, .uses = module_uses(module, scratch)};
  uint32_t limit = module->nodes.count, graphs = module->graphs.count;
  clusters.parent = arena_array(scratch, uint32_t, limit);
  clusters.size = arena_array(scratch, uint32_t, limit);
  clusters.anchor = arena_array(scratch, NodeId, limit);
  clusters.costly = arena_array(scratch, bool, limit);
  clusters.first = arena_array(scratch, uint32_t, limit);
  for (NodeId id = 1; id < limit; id++) {
    clusters.parent[id] = id;
    clusters.size[id] = 1;
    const OpInfo *info = op_info(node_at(module, id)->op);
    clusters.costly[id] = !info || !(info->flags & OPF_CHEAP);
    if (info && info->kind == KIND_LOOPS) clusters.anchor[id] = id;
  }
  for (GraphId graph = 1; graph < graphs; graph++) {
    const Graph *info = graph_at(module, graph);
    if (info->owner && (node_at(module, info->owner)->dead || node_at(module, info->owner)->op == OP_Group)) continue;
    for (uint32_t at = 0; at < info->order.count; at++) {
      NodeId id = info->order.data[at];
      if (!is_fusible(module, node_at(module, id)) || !op_is_buildable(module, id)) continue;
      for (uint32_t operand = 0; operand < node_at(module, id)->input_count; operand++) consider(&clusters, id, operand);
    }
  }
  for (GraphId graph = 1; graph < graphs; graph++) {
    NodeId owner = graph_at(module, graph)->owner;
    if (!owner || (!node_at(module, owner)->dead && node_at(module, owner)->op != OP_Group)) rewrite_graph(&clusters, graph, scratch);
  }
  module_recapture(module);
}
