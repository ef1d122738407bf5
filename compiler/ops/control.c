/* Operators that hold graphs: their shape rules. Lowering them is codegen/lower's work. */
#include "compiler/ops/meaning.h"

void infer_group(Infer *infer);
void infer_if(Infer *infer);

/* The body's results were inferred before they were grouped; the group's results are copies of them. */
void infer_group(Infer *infer) { (void)infer; }

/* The dim of a result whose branches give a and b: theirs if equal, else a size found at run time. */
static Dim join_dims(Infer *infer, Dim a, Dim b) {
  DimTable *table = infer_table(infer);
  if (a == b) return a;
  int64_t lo = dim_lo(table, a) < dim_lo(table, b) ? dim_lo(table, a) : dim_lo(table, b);
  int64_t hi = dim_hi(table, a) > dim_hi(table, b) ? dim_hi(table, a) : dim_hi(table, b);
  return dim_fresh(table, "if", SYMBOL_RUN, lo, hi);
}

void control_fail_branch(Module *module, GraphId branch, const char *reason) {
  uint32_t count = graph_at(module, branch)->outputs.count;
  ValueId *results = arena_array(module->arena, ValueId, count + 1u);
  for (uint32_t at = 0; at < count; at++) results[at] = module_value(module, branch, module_fresh_name(module, "failed"), ELEMENT_NONE);
  NodeId node = module_node(module, branch, OP_Fail, 0, NULL, count, results);
  node_at(module, node)->op_type = op_info(OP_Fail)->name;
  node_at(module, node)->domain = op_info(OP_Fail)->domain;
  node_set_string(module, node, "reason", reason);
  for (uint32_t at = 0; at < graph_at(module, branch)->order.count; at++) node_erase(module, graph_at(module, branch)->order.data[at]);
  graph_at(module, branch)->order.count = 0;
  graph_append(module, branch, node);
  for (uint32_t at = 0; at < count; at++) graph_at(module, branch)->outputs.data[at] = results[at];
}

static bool is_failed(const Module *module, GraphId branch) {
  const Graph *graph = graph_at(module, branch);
  return graph->order.count == 1 && node_at(module, graph->order.data[0])->op == OP_Fail;
}

/* The failed branch's result takes the type of the other's. */
static void adopt_type(Module *module, ValueId failed, ValueId other) {
  value_at(module, failed)->element = value_at(module, other)->element;
  value_set_dims(module, failed, value_at(module, other)->rank, value_at(module, other)->dims);
}

/* Branches of different ranks can't both be right. Exporters write squeeze() as If(dim == 1, Squeeze, Identity): the one with fewer axes is kept. */
static void settle_ranks(Infer *infer, GraphId then_graph, GraphId else_graph) {
  Module *module = infer->module;
  for (uint32_t result = 0; result < infer_output_count(infer); result++) {
    const Value *a = value_at(module, graph_at(module, then_graph)->outputs.data[result]),
                *b = value_at(module, graph_at(module, else_graph)->outputs.data[result]);
    if (!a->ranked || !b->ranked || a->rank == b->rank) continue;
    control_fail_branch(module, a->rank > b->rank ? then_graph : else_graph, "its result would have another rank than the other branch's");
    return;
  }
}

void infer_fail(Infer *infer);
void infer_fail(Infer *infer) { (void)infer; }

/* ONNX If: the branches were inferred before. */
void infer_if(Infer *infer) {
  Module *module = infer->module;
  GraphId then_graph = node_attribute(infer_node(infer), "then_branch")->graph, else_graph = node_attribute(infer_node(infer), "else_branch")->graph;
  uint32_t count = infer_output_count(infer);
  infer_single(infer, 0, "the condition");
  if (infer->failed) return;
  if (graph_at(module, then_graph)->outputs.count != count || graph_at(module, else_graph)->outputs.count != count) {
    infer_error(infer, CODE_SHAPE, NULL, "the branches must yield %u results each", count);
    return;
  }
  int64_t condition[64];
  uint32_t conditions;
  if (infer_known_constants(infer, 0, &conditions, condition) && conditions == 1) /* the other branch never runs */
    *(condition[0] ? &else_graph : &then_graph) = condition[0] ? then_graph : else_graph;
  else if (!is_failed(module, then_graph) && !is_failed(module, else_graph)) settle_ranks(infer, then_graph, else_graph);
  if (is_failed(module, then_graph) && is_failed(module, else_graph)) {
    infer_error(infer, CODE_SHAPE, NULL, "no branch that could run has a shape: %s",
                op_string(module, node_at(module, graph_at(module, then_graph)->order.data[0]), "reason"));
    return;
  }
  for (uint32_t result = 0; result < count; result++) {
    if (is_failed(module, then_graph))
      adopt_type(infer->module, graph_at(module, then_graph)->outputs.data[result], graph_at(module, else_graph)->outputs.data[result]);
    if (is_failed(module, else_graph))
      adopt_type(infer->module, graph_at(module, else_graph)->outputs.data[result], graph_at(module, then_graph)->outputs.data[result]);
    const Value *a = value_at(module, graph_at(module, then_graph)->outputs.data[result]),
                *b = value_at(module, graph_at(module, else_graph)->outputs.data[result]);
    if (!a->ranked || !b->ranked) { infer->failed = true; return; }
    if (a->element != b->element || a->rank != b->rank) {
      infer_error(infer, CODE_TYPE, NULL, "result %u is %s of rank %u in one branch and %s of rank %u in the other", result, element_name(a->element),
                  a->rank, element_name(b->element), b->rank);
      return;
    }
    Dim dims[MAX_RANK], other[MAX_RANK];
    uint32_t rank = a->rank;
    for (uint32_t axis = 0; axis < rank; axis++) { dims[axis] = a->dims[axis]; other[axis] = b->dims[axis]; }
    infer_set_element(infer, result, a->element);
    for (uint32_t axis = 0; axis < rank; axis++) dims[axis] = join_dims(infer, dims[axis], other[axis]);
    infer_set(infer, result, rank, dims);
  }
}
