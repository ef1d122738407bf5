/* Rewriting the graph IR: uses, replacement, erasure, order, captures. All of them are sweeps over the whole module or one graph, linear in
 * its size; a pass that replaces many values collects a map and calls module_replace_many once. */
#include "graph_text.h"
#include <stdlib.h>
#include <string.h>

/* A graph whose owner still stands, or a root graph. */
static bool graph_alive(const Module *module, const Graph *graph) { return !graph->owner || !node_at(module, graph->owner)->dead; }

Uses module_uses(Module *module, Arena *scratch) {
  Uses uses = {arena_array(scratch, uint32_t, module->values.count), arena_array(scratch, NodeId, module->values.count),
               arena_array(scratch, bool, module->values.count)};
  bool *shared = arena_array(scratch, bool, module->values.count); /* used by more than one node */
  for (NodeId id = 1; id < module->nodes.count; id++) {
    const Node *node = node_at(module, id);
    for (uint32_t i = 0; i < node->input_count && !node->dead; i++) {
      ValueId value = node->inputs[i];
      if (!value) continue;
      uses.count[value]++;
      if (uses.only[value] && uses.only[value] != id) shared[value] = true;
      uses.only[value] = id;
    }
  }
  for (GraphId id = 1; id < module->graphs.count; id++) {
    const Graph *graph = graph_at(module, id);
    for (uint32_t i = 0; i < graph->outputs.count && graph_alive(module, graph); i++) {
      uses.count[graph->outputs.data[i]]++;
      uses.is_output[graph->outputs.data[i]] = true;
    }
  }
  for (ValueId value = 0; value < module->values.count; value++)
    if (shared[value]) uses.only[value] = 0;
  return uses;
}

/* ---- replacement ------------------------------------------------------------------------------------------------- */

/* The names of a root graph's outputs are its interface: they stay when the values change. */
static void keep_output_names(Module *module, GraphId id) {
  Graph *graph = graph_at(module, id);
  if (graph->owner) return;
  while (graph->output_names.count < graph->outputs.count)
    vector_push(module->arena, &graph->output_names, value_at(module, graph->outputs.data[graph->output_names.count])->name);
}

/* End of the chain of replacements that starts at `value`. */
static ValueId replacement(const Module *module, const ValueId *map, ValueId value) {
  for (uint32_t steps = 0; map[value]; steps++) {
    require(module->context, steps < module->values.count); /* else the map runs in a circle */
    value = map[value];
  }
  return value;
}

/* Replaces in a list; true if anything changed. */
static bool replace_in(const Module *module, ValueId *values, uint32_t count, const ValueId *map) {
  bool changed = false;
  for (uint32_t i = 0; i < count; i++) {
    if (!values[i] || !map[values[i]]) continue;
    values[i] = replacement(module, map, values[i]);
    changed = true;
  }
  return changed;
}

void module_replace_many(Module *module, const ValueId *map) {
  bool recapture = false;
  for (NodeId id = 1; id < module->nodes.count; id++) {
    Node *node = node_at(module, id);
    if (node->dead) continue;
    /* a node inside a region may now use another outer value, and an operand of the owner may have stood for a capture */
    bool changed = replace_in(module, node->inputs, node->input_count, map);
    if (changed && (node->capture_count || graph_at(module, node->graph)->owner)) recapture = true;
  }
  for (GraphId id = 1; id < module->graphs.count; id++) {
    Graph *graph = graph_at(module, id);
    bool   affected = false;
    for (uint32_t i = 0; i < graph->outputs.count; i++) affected |= map[graph->outputs.data[i]] != 0;
    if (!affected) continue;
    keep_output_names(module, id);
    replace_in(module, graph->outputs.data, graph->outputs.count, map);
    if (graph->owner) recapture = true;
  }
  if (recapture) module_recapture(module);
}

void module_replace_uses(Module *module, ValueId old_value, ValueId new_value) {
  bool recapture = false;
  if (old_value == new_value) return;
  for (NodeId id = 1; id < module->nodes.count; id++) {
    Node *node = node_at(module, id);
    for (uint32_t i = 0; i < node->input_count && !node->dead; i++) {
      if (node->inputs[i] != old_value) continue;
      node->inputs[i] = new_value;
      if (node->capture_count || graph_at(module, node->graph)->owner) recapture = true;
    }
  }
  for (GraphId id = 1; id < module->graphs.count; id++)
    for (uint32_t i = 0; i < graph_at(module, id)->outputs.count; i++) {
      if (graph_at(module, id)->outputs.data[i] != old_value) continue;
      keep_output_names(module, id);
      graph_at(module, id)->outputs.data[i] = new_value;
      if (graph_at(module, id)->owner) recapture = true;
    }
  if (recapture) module_recapture(module);
}

/* ---- erasure ------------------------------------------------------------------------------------------------------- */

void node_erase(Module *module, NodeId first) {
  VECTOR(NodeId) pending = {0}; /* regions nest, so a list instead of recursion */
  if (node_at(module, first)->dead) return;
  node_at(module, first)->dead = true;
  for (NodeId id = first;; id = pending.data[--pending.count]) {
    const Node *node = node_at(module, id);
    for (uint32_t i = 0; i < node->attribute_count; i++) {
      if (node->attributes[i].kind != ATTRIBUTE_GRAPH) continue;
      const Graph *region = graph_at(module, node->attributes[i].graph);
      for (uint32_t k = 0; region->owner == id && k < region->order.count; k++) {
        if (node_at(module, region->order.data[k])->dead) continue;
        node_at(module, region->order.data[k])->dead = true;
        vector_push(module->arena, &pending, region->order.data[k]);
      }
    }
    if (!pending.count) return;
  }
}

void value_erase(Module *module, ValueId id) {
  Value *value = value_at(module, id);
  value->graph = 0;
  value->definition = 0;
  value->content = CONTENT_RUN;
  value->data = (Bytes){0};
  value->strings = NULL;
  value->known = NULL;
  value->known_count = 0;
}

void graph_compact(Module *module) {
  for (GraphId id = 1; id < module->graphs.count; id++) {
    Graph   *graph = graph_at(module, id);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < graph->order.count; i++)
      if (!node_at(module, graph->order.data[i])->dead) graph->order.data[kept++] = graph->order.data[i];
    graph->order.count = kept;
  }
}

/* ---- order ---------------------------------------------------------------------------------------------------------- */

/* Depth-first from each node in file order, operands first: linear, keeps a sorted graph as it is, puts a late operand right before its
 * first user, and has the cycle, if there is one, on its stack. */
typedef enum Mark { MARK_NONE, MARK_OPEN, MARK_DONE } Mark;
typedef struct Visit { NodeId node; uint32_t next; /* operand or capture to look at */ } Visit;
typedef struct Sort {
  Module  *module;
  GraphId  graph;
  uint8_t *mark;          /* Mark of each node */
  Visit   *stack;         /* the nodes that are open, outermost first */
  uint32_t depth;
  NodeId  *sorted;
  uint32_t sorted_count;
} Sort;

static void report_cycle(const Sort *sort, NodeId again) {
  const Module *module = sort->module;
  Text          text;
  uint32_t      first = 0, shown = 0;
  text_open(&text, module->context->text);
  while (sort->stack[first].node != again) first++;
  /* each node on the stack waits for the one above it: print in the direction of the data */
  for (uint32_t i = sort->depth; i-- > first && shown < 16; shown++) {
    const Node *node = node_at(module, sort->stack[i].node);
    if (shown) text_string(&text, " -> ");
    if (*node->origin.name) text_quoted(&text, node->origin.name, strlen(node->origin.name));
    else text_format(&text, "node[%d]", (int)node->origin.index);
  }
  uint32_t length = sort->depth - first;
  const Node *last = node_at(module, sort->stack[sort->depth - 1].node);
  if (shown < length) text_format(&text, " -> (%u more)", (unsigned)(length - shown));
  text_string(&text, " -> ");
  if (*last->origin.name) text_quoted(&text, last->origin.name, strlen(last->origin.name));
  else text_format(&text, "node[%d]", (int)last->origin.index);
  Place place = node_place(module, again, NULL);
  place.detail = text_finish(&text);
  model_error(module->context, CODE_GRAPH_CYCLE, place, "a node can't use its own result: write the loop as a Loop or Scan operator",
              "cycle of %u node%s: %s", (unsigned)length, length == 1 ? "" : "s", place.detail);
}

/* The next node of this graph that the open node needs, 0 if there is none left. */
static NodeId next_needed(Sort *sort, Visit *visit) {
  const Node *node = node_at(sort->module, visit->node);
  while (visit->next < node->input_count + node->capture_count) {
    uint32_t i = visit->next++;
    ValueId  id = i < node->input_count ? node->inputs[i] : node->captures[i - node->input_count];
    NodeId   definition = id ? value_at(sort->module, id)->definition : 0;
    if (definition && node_at(sort->module, definition)->graph == sort->graph) return definition;
  }
  return 0;
}

static bool sort_from(Sort *sort, NodeId first) {
  sort->stack[sort->depth++] = (Visit){first, 0};
  sort->mark[first] = MARK_OPEN;
  while (sort->depth) {
    Visit *visit = &sort->stack[sort->depth - 1];
    NodeId needed = next_needed(sort, visit);
    if (!needed) {
      sort->mark[visit->node] = MARK_DONE;
      sort->sorted[sort->sorted_count++] = visit->node;
      sort->depth--;
    } else if (sort->mark[needed] == MARK_OPEN) {
      report_cycle(sort, needed);
      return false;
    } else if (sort->mark[needed] == MARK_NONE) {
      sort->mark[needed] = MARK_OPEN;
      sort->stack[sort->depth++] = (Visit){needed, 0};
    }
  }
  return true;
}

bool graph_sort(Module *module, GraphId id) {
  Graph *graph = graph_at(module, id);
  Arena *scratch = arena_open(module->context);
  Sort   sort = {.module = module, .graph = id};
  bool   acyclic = true;
  sort.mark = arena_array(scratch, uint8_t, module->nodes.count);
  sort.stack = arena_array(scratch, Visit, graph->order.count + 1u);
  sort.sorted = arena_array(scratch, NodeId, graph->order.count + 1u);
  /* what stands in no order (erased, or not appended yet) is nobody's business here */
  memset(sort.mark, MARK_DONE, module->nodes.count);
  for (uint32_t i = 0; i < graph->order.count; i++) sort.mark[graph->order.data[i]] = MARK_NONE;
  for (uint32_t i = 0; i < graph->order.count && acyclic; i++)
    if (sort.mark[graph->order.data[i]] == MARK_NONE) acyclic = sort_from(&sort, graph->order.data[i]);
  if (acyclic) {
    require(module->context, sort.sorted_count == graph->order.count);
    if (sort.sorted_count) memcpy(graph->order.data, sort.sorted, sort.sorted_count * sizeof *sort.sorted);
  }
  arena_close(scratch);
  return acyclic;
}

/* ---- captures --------------------------------------------------------------------------------------------------------- */

typedef struct Capture { NodeId owner; ValueId value; } Capture;
typedef struct Captures { VECTOR(Capture) list; } Captures;

static int compare_captures(const void *left, const void *right) {
  const Capture *a = left, *b = right;
  if (a->owner != b->owner) return a->owner < b->owner ? -1 : 1;
  return a->value < b->value ? -1 : a->value > b->value;
}

/* A use of `value` in `graph` makes it a capture of every owner on the way out to the graph that defines it. */
static void capture_use(const Module *module, Arena *scratch, Captures *captures, GraphId graph, ValueId value) {
  if (!value) return;
  GraphId home = value_at(module, value)->graph;
  for (; graph != home && graph_at(module, graph)->owner; graph = graph_at(module, graph)->parent)
    vector_push(scratch, &captures->list, (Capture){graph_at(module, graph)->owner, value});
}

static void collect_uses(const Module *module, Arena *scratch, Captures *captures) {
  for (GraphId id = 1; id < module->graphs.count; id++) {
    const Graph *graph = graph_at(module, id);
    if (!graph->owner || !graph_alive(module, graph)) continue;
    for (uint32_t k = 0; k < graph->order.count; k++) {
      const Node *node = node_at(module, graph->order.data[k]);
      for (uint32_t i = 0; i < node->input_count && !node->dead; i++) capture_use(module, scratch, captures, id, node->inputs[i]);
    }
    for (uint32_t i = 0; i < graph->outputs.count; i++) capture_use(module, scratch, captures, id, graph->outputs.data[i]);
  }
}

void module_collect_captures(const Module *module, Arena *arena, ValueId **captures, uint32_t *counts) {
  Arena   *scratch = arena_open(module->context);
  Captures found = {0};
  NodeId  *operand_of = arena_array(scratch, NodeId, module->values.count); /* last owner seen that has the value as an operand */
  collect_uses(module, scratch, &found);
  if (found.list.count) qsort(found.list.data, found.list.count, sizeof(Capture), compare_captures);
  for (uint32_t first = 0, end; first < found.list.count; first = end) {
    NodeId      owner = found.list.data[first].owner;
    const Node *node = node_at(module, owner);
    uint32_t    count = 0;
    for (end = first; end < found.list.count && found.list.data[end].owner == owner;) end++;
    for (uint32_t i = 0; i < node->input_count; i++) operand_of[node->inputs[i]] = owner;
    captures[owner] = arena_array(arena, ValueId, end - first);
    for (uint32_t i = first; i < end; i++) {
      ValueId value = found.list.data[i].value;
      bool    repeated = count && captures[owner][count - 1] == value;
      if (!repeated && operand_of[value] != owner) captures[owner][count++] = value;
    }
    counts[owner] = count;
  }
  arena_close(scratch);
}

void module_recapture(Module *module) {
  Arena     *scratch = arena_open(module->context);
  ValueId  **captures = arena_array(scratch, ValueId *, module->nodes.count);
  uint32_t  *counts = arena_array(scratch, uint32_t, module->nodes.count);
  module_collect_captures(module, module->arena, captures, counts);
  for (NodeId id = 1; id < module->nodes.count; id++) {
    node_at(module, id)->captures = captures[id];
    node_at(module, id)->capture_count = counts[id];
  }
  arena_close(scratch);
}
