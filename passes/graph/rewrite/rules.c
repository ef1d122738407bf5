/* Rewrite rules that drop nodes or merge moves; all exact but where rules.def says so. */
#include "passes/graph/rewrite/rewrite.h"
#include <math.h>
#include <string.h>

static ValueId operand(const Rewriter *r, NodeId id, uint32_t at) {
  const Node *node = node_at(r->module, id);
  return at < node->input_count ? node->inputs[at] : VALUE_NONE;
}

static ValueId result(const Rewriter *r, NodeId id) { return node_at(r->module, id)->outputs[0]; }

static bool forward_if_same_dims(Rewriter *r, NodeId id) {
  return !node_at(r->module, id)->run_time_shape && rewrite_same_dims(r, operand(r, id, 0), result(r, id)) &&
         rewrite_forward(r, id, operand(r, id, 0));
}

bool rule_identity(Rewriter *r, NodeId id) { return rewrite_forward(r, id, operand(r, id, 0)); }

bool rule_dropout(Rewriter *r, NodeId id) {
  const Node *node = node_at(r->module, id);
  bool mask_used = node->output_count > 1 && node->outputs[1] && (node->outputs[1] >= r->use_limit || r->uses.count[node->outputs[1]]);
  if (operand(r, id, 2) && !rewrite_all_equal(r, operand(r, id, 2), 0)) return false; /* training_mode */
  return !mask_used && rewrite_forward(r, id, operand(r, id, 0));
}

bool rule_cast_same(Rewriter *r, NodeId id) {
  return value_at(r->module, operand(r, id, 0))->element == value_at(r->module, result(r, id))->element && rewrite_forward(r, id, operand(r, id, 0));
}

/* The value at the far end of a chain of aliases. */
static ValueId alias_source(const Rewriter *r, ValueId value) {
  for (int steps = 0; steps < 16; steps++) {
    NodeId id = value_at(r->module, value)->definition;
    if (!id || node_at(r->module, id)->run_time_shape || node_at(r->module, id)->graph != r->graph ||
        op_info(node_at(r->module, id)->op)->kind != KIND_ALIAS)
      break;
    value = node_at(r->module, id)->inputs[0];
  }
  return value;
}

static bool alias_back(Rewriter *r, NodeId id) {
  if (node_at(r->module, id)->run_time_shape) return false;
  if (forward_if_same_dims(r, id)) return true;
  ValueId source = alias_source(r, operand(r, id, 0));
  return source != operand(r, id, 0) && rewrite_same_dims(r, source, result(r, id)) && rewrite_forward(r, id, source);
}

bool rule_same_dims_reshape(Rewriter *r, NodeId id) { return alias_back(r, id); }
bool rule_same_dims_flatten(Rewriter *r, NodeId id) { return alias_back(r, id); }
bool rule_same_dims_squeeze(Rewriter *r, NodeId id) { return alias_back(r, id); }
bool rule_same_dims_unsqueeze(Rewriter *r, NodeId id) { return alias_back(r, id); }
bool rule_same_dims_expand(Rewriter *r, NodeId id) { return forward_if_same_dims(r, id); }
bool rule_same_dims_tile(Rewriter *r, NodeId id) { return forward_if_same_dims(r, id); }

bool rule_whole_slice(Rewriter *r, NodeId id) {
  return (!operand(r, id, 4) || rewrite_all_equal(r, operand(r, id, 4), 1)) && forward_if_same_dims(r, id);
}

static bool all_zero(const Rewriter *r, ValueId value) {
  if (!value || (!value_at(r->module, value)->known && !value_know(r->module, value))) return false;
  for (uint32_t at = 0; at < value_at(r->module, value)->known_count; at++) {
    int64_t number;
    if (!dim_is_constant(&r->module->dims, value_at(r->module, value)->known[at], &number) || number) return false;
  }
  return true;
}

bool rule_no_pad(Rewriter *r, NodeId id) { return all_zero(r, operand(r, id, 1)) && forward_if_same_dims(r, id); }

static bool forward_single(Rewriter *r, NodeId id) { return node_at(r->module, id)->input_count == 1 && rewrite_forward(r, id, operand(r, id, 0)); }
bool rule_single_concat(Rewriter *r, NodeId id) { return forward_single(r, id); }
bool rule_single_sum(Rewriter *r, NodeId id) { return forward_single(r, id); }
bool rule_single_mean(Rewriter *r, NodeId id) { return forward_single(r, id); }
bool rule_single_max(Rewriter *r, NodeId id) { return forward_single(r, id); }
bool rule_single_min(Rewriter *r, NodeId id) { return forward_single(r, id); }

/* ---- transposes ------------------------------------------------------------------------------------------------------------ */

/* perm[axis], reversed axes by default. */
static void permutation(const Rewriter *r, NodeId id, uint32_t rank, int64_t *perm) {
  uint32_t count;
  const int64_t *given = op_ints(r->module, node_at(r->module, id), "perm", &count);
  for (uint32_t axis = 0; axis < rank; axis++) perm[axis] = given ? given[axis] : (int64_t)(rank - 1 - axis);
}

bool rule_transposes(Rewriter *r, NodeId id) {
  uint32_t rank = value_at(r->module, operand(r, id, 0))->rank;
  int64_t outer[MAX_RANK], inner[MAX_RANK], both[MAX_RANK];
  bool is_identity = true;
  permutation(r, id, rank, outer);
  NodeId before = rewrite_definition(r, operand(r, id, 0), OP_Transpose);
  for (uint32_t axis = 0; axis < rank; axis++) inner[axis] = axis;
  if (before) permutation(r, before, rank, inner);
  for (uint32_t axis = 0; axis < rank; axis++) {
    both[axis] = inner[outer[axis]];
    is_identity &= both[axis] == (int64_t)axis;
  }
  ValueId source = before ? operand(r, before, 0) : operand(r, id, 0);
  if (is_identity) return rewrite_forward(r, id, source);
  if (!before) return false;
  node_at(r->module, id)->inputs[0] = source;
  node_set_ints(r->module, id, "perm", rank, both);
  return true;
}

bool rule_transpose_of_units(Rewriter *r, NodeId id) {
  const Value *from = value_at(r->module, operand(r, id, 0)), *to = value_at(r->module, result(r, id));
  int64_t perm[MAX_RANK], dims[MAX_RANK], last = -1, extent;
  permutation(r, id, from->rank, perm);
  for (uint32_t axis = 0; axis < from->rank; axis++) {
    if (!dim_is_constant(&r->module->dims, to->dims[axis], &dims[axis])) return false;
    if (!dim_is_constant(&r->module->dims, from->dims[perm[axis]], &extent) || !extent) return false; /* in a shape, 0 means: as the operand's */
    if (extent == 1) continue;
    if (perm[axis] < last) return false;
    last = perm[axis];
  }
  uint32_t rank = to->rank;
  ValueId shape = module_constant_ints(r->module, r->graph, module_fresh_name(r->module, "dims"), rank, dims);
  rewrite_become(r, id, OP_Reshape, 2, (ValueId[]){operand(r, id, 0), shape}, NULL, 0);
  return true;
}

/* ---- arithmetic ------------------------------------------------------------------------------------------------------------- */

bool rule_not_not(Rewriter *r, NodeId id) {
  NodeId inner = rewrite_definition(r, operand(r, id, 0), OP_Not);
  return inner && rewrite_forward(r, id, operand(r, inner, 0));
}

/* x op neutral, where the neutral operand stands at `at` (or on either side). */
static bool drop_neutral(Rewriter *r, NodeId id, double neutral, bool either_side) {
  for (uint32_t at = either_side ? 0 : 1; at < 2; at++)
    if (rewrite_all_equal(r, operand(r, id, at), neutral) && rewrite_same_dims(r, operand(r, id, 1 - at), result(r, id)))
      return rewrite_forward(r, id, operand(r, id, 1 - at));
  return false;
}

bool rule_times_one(Rewriter *r, NodeId id) { return drop_neutral(r, id, 1, true); }
bool rule_over_one(Rewriter *r, NodeId id) { return drop_neutral(r, id, 1, false); }
/* Not of -0: -0 - -0 is 0. */
bool rule_minus_zero(Rewriter *r, NodeId id) {
  ValueId subtrahend = operand(r, id, 1);
  return rewrite_all_equal(r, subtrahend, 0) && !signbit(value_constant_f64(r->module, subtrahend, 0)) && drop_neutral(r, id, 0, false);
}
bool rule_plus_zero(Rewriter *r, NodeId id) { return drop_neutral(r, id, 0, true); }

/* ---- If ----------------------------------------------------------------------------------------------------------------------- */

bool rule_constant_if(Rewriter *r, NodeId id) {
  Module *module = r->module;
  ValueId condition = operand(r, id, 0);
  int64_t count;
  if (!value_is_constant(value_at(module, condition)) || !value_static_elements(module, condition, &count) || count != 1) return false;
  const char *name = value_constant_bits(module, condition, 0) ? "then_branch" : "else_branch";
  GraphId branch = node_attribute(node_at(module, id), name)->graph;
  const Graph *graph = graph_at(module, branch);
  Node node = *node_at(module, id);
  r->moved[branch] = r->graph;
  for (uint32_t at = 0; at < graph->order.count; at++) {
    NodeId inner = graph->order.data[at];
    if (node_at(module, inner)->dead) continue;
    node_at(module, inner)->graph = r->graph;
    for (uint32_t input = 0; input < node_at(module, inner)->input_count; input++) {
      ValueId *place = &node_at(module, inner)->inputs[input];
      while (*place && *place < r->use_limit && r->forward[*place]) *place = r->forward[*place];
    }
    vector_push(r->scratch, &r->order, inner);
  }
  graph_at(module, branch)->order.count = 0; /* its nodes moved: they don't end with the If */
  node_erase(module, id);
  for (uint32_t at = 0; at < node.output_count; at++) {
    ValueId from = graph_at(module, branch)->outputs.data[at], to = node.outputs[at];
    if (!to) continue;
    if (to < r->use_limit && !r->uses.is_output[to]) { r->forward[to] = from; continue; }
    NodeId keep = module_node(module, r->graph, OP_Identity, 1, &from, 1, &to);
    vector_push(r->scratch, &r->order, keep);
  }
  return true;
}
