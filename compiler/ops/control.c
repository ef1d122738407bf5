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

/* ONNX If: the branches were inferred before. */
void infer_if(Infer *infer) {
  const Module *module = infer->module;
  GraphId then_graph = node_attribute(infer_node(infer), "then_branch")->graph, else_graph = node_attribute(infer_node(infer), "else_branch")->graph;
  uint32_t count = infer_output_count(infer);
  if (graph_at(module, then_graph)->outputs.count != count || graph_at(module, else_graph)->outputs.count != count) {
    infer_error(infer, CODE_SHAPE, NULL, "the branches must yield %u results each", count);
    return;
  }
  int64_t condition[64];
  uint32_t conditions;
  if (infer_known_constants(infer, 0, &conditions, condition) && conditions == 1) /* the other branch never runs */
    *(condition[0] ? &else_graph : &then_graph) = condition[0] ? then_graph : else_graph;
  for (uint32_t result = 0; result < count; result++) {
    const Value *a = value_at(module, graph_at(module, then_graph)->outputs.data[result]), *b = value_at(module, graph_at(module, else_graph)->outputs.data[result]);
    if (!a->ranked || !b->ranked) { infer->failed = true; return; }
    if (a->element != b->element || a->rank != b->rank) {
      infer_error(infer, CODE_TYPE, NULL, "result %u is %s of rank %u in one branch and %s of rank %u in the other", result, element_name(a->element), a->rank, element_name(b->element), b->rank);
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
