/* Shape inference: types, dims and small known integers of every value, in execution order, through all graphs.
 *
 * A graph is worked through by an explicit stack (nesting comes from the file). A node with subgraphs is inferred after them, so the stack holds,
 * for each open graph, the next node to look at. */
#include "passes/graph/graph_passes.h"
#include "compiler/base/text.h"
#include "compiler/ops/ops.h"
#include <string.h>

typedef struct OpenGraph {
  GraphId  graph;
  uint32_t next;
  uint32_t attribute;
  uint32_t diagnostics; /* recorded before it was opened */
  uint32_t errors;
} OpenGraph;

/* The next graph attribute of a node from `from` on; attribute_count if none. */
static uint32_t next_graph_attribute(const Node *node, uint32_t from) {
  while (from < node->attribute_count && node->attributes[from].kind != ATTRIBUTE_GRAPH) from++;
  return from;
}

static void clear_results(Module *module, const Node *node) {
  for (uint32_t result = 0; result < node->output_count; result++) {
    if (!node->outputs[result]) continue;
    Value *value = value_at(module, node->outputs[result]);
    value->ranked = false;
    value->known = NULL;
    value->known_count = 0;
  }
}

/* What is wrong inside a branch of an If is wrong only if that branch runs: it becomes a failure at run time. */
static void close_graph(Module *module, const OpenGraph *open) {
  Context *context = module->context;
  NodeId owner = graph_at(module, open->graph)->owner;
  if (!owner || node_at(module, owner)->op != OP_If || context->error_count == open->errors) return;
  const char *reason = "";
  for (uint32_t at = open->diagnostics; at < context->diagnostic_count && !reason[0]; at++)
    if (context->diagnostics[at].severity == SEVERITY_ERROR) reason = context->diagnostics[at].message;
  forgive_errors(context, open->diagnostics);
  control_fail_branch(module, open->graph, reason);
}

void graph_shape(Module *module, Arena *scratch, const Evaluator *evaluator, FoldBudget *budget) {
  VECTOR(OpenGraph) open = {0};
  uint32_t nodes = module->nodes.count;
  vector_push(scratch, &open, (OpenGraph){.graph = 1});
  while (open.count) {
    OpenGraph *top = &open.data[open.count - 1];
    const Graph *graph = graph_at(module, top->graph);
    if (top->next == graph->order.count) {
      close_graph(module, top);
      open.count--;
      continue;
    }
    NodeId id = graph->order.data[top->next];
    const Node *node = node_at(module, id);
    uint32_t attribute = node->op == OP_Group ? node->attribute_count : next_graph_attribute(node, top->attribute);
    if (attribute < node->attribute_count) {
      top->attribute = attribute + 1;
      vector_push(scratch, &open,
                  (OpenGraph){node->attributes[attribute].graph, 0, 0, module->context->diagnostic_count, module->context->error_count});
      continue;
    }
    top->next++;
    top->attribute = 0;
    if (node->op == OP_Group || node->op == OP_Fail) continue;
    clear_results(module, node);
    node_at(module, id)->run_time_shape = false;
    if (op_infer(module, id) && evaluator) fold_known_result(module, evaluator, budget, id);
  }
  check_errors(module->context);
  if (module->nodes.count != nodes) module_recapture(module); /* branches were replaced by x.Fail, and use nothing now */
}

/* ---- what must be known --------------------------------------------------------------------------------------------------------- */

static bool is_known(const Value *value) {
  bool known = value->type == TYPE_TENSOR && value->element != ELEMENT_NONE && value->ranked;
  for (uint32_t axis = 0; known && axis < value->rank; axis++) known = value->dims[axis] != DIM_UNKNOWN;
  return known;
}

static void refuse(Module *module, NodeId node, const Value *value, const char *what) {
  Place place = node ? node_place(module, node, &op_names) : (Place){0};
  Text  name;
  text_open(&name, module->arena);
  text_quoted(&name, value->name, strlen(value->name));
  if (value->type != TYPE_TENSOR)
    model_error(module->context, CODE_UNSUPPORTED_KIND, place, NULL, "%s %s is no tensor, which is not supported yet", what, text_finish(&name));
  else if (value->element == ELEMENT_NONE)
    model_error(module->context, CODE_UNKNOWN_TYPE, place, "let the exporter write it into the model", "%s %s has no element type", what,
                text_finish(&name));
  else
    model_error(module->context, CODE_UNKNOWN_TYPE, place, "declare it in the model; for an input --shape gives it", "%s %s has no known shape", what,
                text_finish(&name));
}

/* Reports what else is unknown because of it only if this is all there is to say. */
void graph_require_shapes(Module *module) {
  uint32_t errors = module->context->error_count;
  for (GraphId id = 1; id < module->graphs.count; id++) {
    const Graph *graph = graph_at(module, id);
    bool         gone = graph->owner && node_at(module, graph->owner)->dead;
    for (uint32_t at = 0; at < graph->inputs.count && !gone; at++) {
      const Value *value = value_at(module, graph->inputs.data[at]);
      if (!is_known(value)) refuse(module, graph->owner, value, "input");
    }
  }
  for (NodeId id = 1; id < module->nodes.count && module->context->error_count == errors; id++) {
    const Node *node = node_at(module, id);
    for (uint32_t at = 0; !node->dead && at < node->output_count; at++) {
      const Value *value = value_at(module, node->outputs[at]);
      if (node->outputs[at] && !is_known(value)) refuse(module, id, value, "result");
    }
  }
  check_errors(module->context);
}
