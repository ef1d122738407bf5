/* Shape inference: types, dims and small known integers of every value, in execution order, through all graphs.
 *
 * A graph is worked through by an explicit stack (nesting comes from the file). A node with subgraphs is inferred after them, so the stack holds,
 * for each open graph, the next node to look at. */
#include "passes/graph/graph_passes.h"
#include "compiler/ops/ops.h"

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
    if (op_infer(module, id) && evaluator) fold_known_result(module, scratch, evaluator, budget, id);
  }
  check_errors(module->context);
  if (module->nodes.count != nodes) module_recapture(module); /* branches were replaced by x.Fail, and use nothing now */
}
