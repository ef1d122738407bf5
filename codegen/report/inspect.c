/* Counting what is in a model.
 *
 * Parameters are the elements of constants but for index data (i64, bool, string), which is shape arithmetic rather than knowledge. The live set is
 * that of the graph as it stands, every value in memory of its own: what a plan without fusion or aliases would need at least. */
#include "codegen/report/inspect.h"
#include "compiler/ops/meaning.h"
#include "compiler/ops/ops.h"
#include <string.h>

typedef struct Counting {
  Inspection *inspection;
  Module     *module;
  Arena      *arena;
  bool       *counted; /* by ValueId: a constant that has been counted */
} Counting;

/* ---- costs ---------------------------------------------------------------------------------------------------------------- */

static bool is_parameter(const Value *value) {
  return value_is_constant(value) && value->element != ELEMENT_I64 && value->element != ELEMENT_BOOL && value->element != ELEMENT_STRING;
}

static int64_t count_parameters(Counting *counting, const Node *node) {
  int64_t total = 0, count;
  size_t  bytes;
  for (uint32_t operand = 0; operand < node->input_count; operand++) {
    ValueId id = node->inputs[operand];
    if (!id || counting->counted[id] || !is_parameter(value_at(counting->module, id))) continue;
    counting->counted[id] = true;
    if (!value_static_elements(counting->module, id, &count)) continue;
    total += count;
    counting->inspection->constants++;
    if (element_file_bytes(value_at(counting->module, id)->element, count, &bytes)) counting->inspection->parameter_bytes += (int64_t)bytes;
  }
  return total;
}

static OperatorCount *count_of(Counting *counting, const Node *node) {
  Inspection *inspection = counting->inspection;
  for (uint32_t at = 0; at < inspection->operators.count; at++) {
    OperatorCount *row = &inspection->operators.data[at];
    if (!strcmp(row->name, node->op_type) && !strcmp(row->domain, node->domain)) return row;
  }
  return vector_push(counting->arena, &inspection->operators, (OperatorCount){.domain = node->domain, .name = node->op_type});
}

static bool has_types(const Module *module, const Node *node) {
  for (uint32_t operand = 0; operand < node->input_count; operand++)
    if (node->inputs[operand] && value_at(module, node->inputs[operand])->element == ELEMENT_NONE) return false;
  return true;
}

static const char *reason_against(const Counting *counting, NodeId id) {
  const Node *node = node_at(counting->module, id);
  if (node->op == OP_UNKNOWN) return *node->domain ? "operator of an unknown domain" : "operator not supported yet";
  if (counting->inspection->is_shaped && has_types(counting->module, node) && !op_is_buildable(counting->module, id))
    return "not supported for these element types";
  return NULL;
}

static void count_node(Counting *counting, NodeId id) {
  Inspection    *inspection = counting->inspection;
  const Node    *node = node_at(counting->module, id);
  OperatorCount *row = count_of(counting, node);
  const char    *reason = reason_against(counting, id);
  NodeCost       cost = {.node = id, .parameters = count_parameters(counting, node)};
  if (node->op != OP_UNKNOWN && inspection->is_shaped && has_types(counting->module, node)) cost.macs = op_macs(counting->module, id);
  row->count++;
  row->macs += cost.macs > 0 ? cost.macs : 0;
  row->parameters += cost.parameters;
  inspection->macs += cost.macs > 0 ? cost.macs : 0;
  inspection->parameters += cost.parameters;
  vector_push(counting->arena, &inspection->nodes, cost);
  if (!reason) return;
  row->unsupported++;
  vector_push(counting->arena, &inspection->unsupported, (UnsupportedNode){id, reason});
}

/* The nodes of all graphs that belong to the model, those of a subgraph behind the node that holds it; an explicit stack, as nesting is the file's.
 */
static void count_nodes(Counting *counting) {
  typedef struct OpenGraph {
    GraphId  graph;
    uint32_t next, attribute;
  } OpenGraph;
  VECTOR(OpenGraph) open = {0};
  vector_push(counting->arena, &open, (OpenGraph){.graph = 1});
  while (open.count) {
    OpenGraph   *top = &open.data[open.count - 1];
    const Graph *graph = graph_at(counting->module, top->graph);
    if (top->next == graph->order.count) {
      open.count--;
      continue;
    }
    NodeId      id = graph->order.data[top->next];
    const Node *node = node_at(counting->module, id);
    if (top->attribute == 0) count_node(counting, id);
    while (top->attribute < node->attribute_count && node->attributes[top->attribute].kind != ATTRIBUTE_GRAPH) top->attribute++;
    if (top->attribute < node->attribute_count) {
      GraphId inner = node->attributes[top->attribute++].graph;
      vector_push(counting->arena, &open, (OpenGraph){.graph = inner});
      continue;
    }
    top->attribute = 0;
    top->next++;
  }
}

/* ---- memory --------------------------------------------------------------------------------------------------------------- */

/* Bytes of a value in memory; 0 for constants and aliases of them; false if not known. */
static bool value_bytes(const Module *module, ValueId id, int64_t *bytes) {
  const Value *value = value_at(module, id);
  *bytes = 0;
  if (value_is_constant(value)) return true;
  if (!value->ranked || value->type != TYPE_TENSOR || !value_static_elements(module, id, bytes)) return false;
  *bytes *= element_buffer_bytes(value->element);
  return true;
}

/* The largest set of values of the main graph that live at once, inputs and outputs not counted. */
static int64_t live_bytes(const Module *module, Arena *arena) {
  const Graph *graph = graph_at(module, 1);
  uint32_t    *last = arena_array(arena, uint32_t, module->values.count + 1u); /* 1 + position of the last user, by ValueId */
  bool        *outside = arena_array(arena, bool, module->values.count + 1u);
  int64_t      live = 0, most = 0, bytes;
  for (uint32_t at = 0; at < graph->inputs.count; at++) outside[graph->inputs.data[at]] = true;
  for (uint32_t at = 0; at < graph->outputs.count; at++) outside[graph->outputs.data[at]] = true;
  for (uint32_t at = 0; at < graph->order.count; at++) {
    const Node *node = node_at(module, graph->order.data[at]);
    for (uint32_t operand = 0; operand < node->input_count; operand++) last[node->inputs[operand]] = at + 1;
    for (uint32_t capture = 0; capture < node->capture_count; capture++) last[node->captures[capture]] = at + 1;
    for (uint32_t result = 0; result < node->output_count; result++) last[node->outputs[result]] = at + 1;
  }
  int64_t *ends = arena_array(arena, int64_t, graph->order.count + 2u); /* bytes that die behind a position */
  for (uint32_t at = 0; at < graph->order.count; at++) {
    const Node *node = node_at(module, graph->order.data[at]);
    for (uint32_t result = 0; result < node->output_count; result++) {
      ValueId id = node->outputs[result];
      if (!id || outside[id]) continue;
      if (!value_bytes(module, id, &bytes)) return -1;
      live += bytes;
      ends[last[id]] += bytes;
    }
    if (live > most) most = live;
    live -= ends[at + 1];
  }
  return most;
}

Inspection inspection_make(const Module *module, Arena *arena, bool is_shaped) {
  Inspection inspection = {.module = module, .path = "", .is_shaped = is_shaped};
  Counting   counting = {.inspection = &inspection, .module = (Module *)(uintptr_t)module, .arena = arena};
  counting.counted = arena_array(arena, bool, module->values.count + 1u);
  count_nodes(&counting);
  for (uint32_t at = 0; at < module->dims.symbols.count; at++)
    if (module->dims.symbols.data[at].lo != module->dims.symbols.data[at].hi) inspection.has_symbols = true;
  inspection.live_bytes = is_shaped ? live_bytes(module, arena) : -1;
  return inspection;
}
