/* Rewrite rules that move arithmetic into weights: scales, shifts and normalisations into convolutions, transpositions into constants. The weight
 * arithmetic is emitted as nodes over constants; folding evaluates it. */
#include "passes/graph/rewrite/rewrite.h"
#include <string.h>

static ValueId operand(const Rewriter *r, NodeId id, uint32_t at) {
  const Node *node = node_at(r->module, id);
  return at < node->input_count ? node->inputs[at] : VALUE_NONE;
}

static bool is_constant(const Rewriter *r, ValueId value) { return value && value_is_constant(value_at(r->module, value)); }

/* A constant that folding would not make stays a node and is computed at every run. */
static bool may_fold(const Rewriter *r, ValueId like) {
  int64_t count;
  if (!value_static_elements(r->module, like, &count)) return false;
  return (uint64_t)count * element_buffer_bytes(value_at(r->module, like)->element) <= r->constant_bytes;
}

bool rule_gemm_transposed_weight(Rewriter *r, NodeId id) {
  const Node *node = node_at(r->module, id);
  ValueId weight = operand(r, id, 1);
  if (!op_int(r->module, node, "transB") || !is_constant(r, weight) || !may_fold(r, weight)) return false;
  ValueId inputs[3] = {operand(r, id, 0), rewrite_emit(r, OP_Transpose, 1, &weight), operand(r, id, 2)};
  uint32_t count = node_at(r->module, id)->input_count;
  memcpy(node_at(r->module, id)->inputs, inputs, count * sizeof *inputs);
  node_remove_attribute(r->module, id, "transB");
  return true;
}

/* ---- Pad into Conv ------------------------------------------------------------------------------------------------------------ */

static bool pads_of(const Rewriter *r, NodeId pad, uint32_t rank, int64_t *before, int64_t *after) {
  Module *module = r->module;
  ValueId pads = operand(r, pad, 1);
  if (operand(r, pad, 3) || strcmp(op_string(module, node_at(module, pad), "mode"), "constant")) return false;
  if (operand(r, pad, 2) && !rewrite_all_equal(r, operand(r, pad, 2), 0)) return false;
  if (!value_is_constant(value_at(module, pads)) || value_at(module, pads)->dims[0] != dim_constant(&module->dims, 2 * (int64_t)rank)) return false;
  for (uint32_t axis = 0; axis < rank; axis++) {
    before[axis] = value_constant_i64(module, pads, axis);
    after[axis] = value_constant_i64(module, pads, rank + axis);
    if (before[axis] < 0 || after[axis] < 0 || before[axis] > 1000 || after[axis] > 1000 || (axis < 2 && (before[axis] || after[axis]))) return false;
  }
  return true;
}

bool rule_pad_into_conv(Rewriter *r, NodeId id) {
  Module *module = r->module;
  NodeId pad = rewrite_definition(r, operand(r, id, 0), OP_Pad);
  if (!pad || !rewrite_single_use(r, operand(r, id, 0)) || op_has(node_at(module, id), "auto_pad")) return false;
  uint32_t rank = value_at(module, operand(r, id, 0))->rank, count;
  int64_t before[MAX_RANK], after[MAX_RANK], sum[2 * MAX_RANK];
  if (rank < 3 || !pads_of(r, pad, rank, before, after)) return false;
  const int64_t *own = op_ints(module, node_at(module, id), "pads", &count);
  for (uint32_t axis = 0; axis < rank - 2; axis++) {
    sum[axis] = before[axis + 2] + (own ? own[axis] : 0);
    sum[rank - 2 + axis] = after[axis + 2] + (own ? own[rank - 2 + axis] : 0);
  }
  node_at(module, id)->inputs[0] = operand(r, pad, 0);
  node_set_ints(module, id, "pads", 2 * (rank - 2), sum);
  node_erase(module, pad);
  return true;
}

/* ---- per-channel arithmetic into Conv -------------------------------------------------------------------------------------------- */

static bool is_wide_float(Element element) { return element == ELEMENT_F32 || element == ELEMENT_F64; }

/* The Conv that `value` is the only user-visible result of, with constant weights; 0 if none. */
static NodeId foldable_conv(const Rewriter *r, ValueId value) {
  NodeId conv = rewrite_definition(r, value, OP_Conv);
  if (!conv || !is_wide_float(value_at(r->module, value)->element) || !rewrite_single_use(r, value)) return 0;
  if (!rewrite_is_constant(r, operand(r, conv, 1)) || !may_fold(r, operand(r, conv, 1))) return 0;
  if (operand(r, conv, 2) && !rewrite_is_constant(r, operand(r, conv, 2))) return 0;
  return conv;
}

/* `value` (a vector of the output channels) shaped to scale weights: (M, 1, 1, ...). */
static ValueId along_outputs(Rewriter *r, ValueId value, NodeId conv) {
  const Value *weight = value_at(r->module, operand(r, conv, 1));
  int64_t dims[MAX_RANK];
  uint32_t rank = weight->rank;
  for (uint32_t axis = 0; axis < rank; axis++) dims[axis] = 1;
  dims[0] = -1;
  return rewrite_reshape(r, value, rank, dims);
}

static void become_conv(Rewriter *r, NodeId id, NodeId conv, ValueId weight, ValueId bias) {
  Node old = *node_at(r->module, conv);
  ValueId inputs[3] = {old.inputs[0], weight, bias};
  rewrite_become(r, id, OP_Conv, bias ? 3 : 2, inputs, old.attributes, old.attribute_count);
  node_erase(r->module, conv);
}

/* Is the BatchNormalization by constants of its operand's type? Half precision is left alone: its meaning computes in f32, rewritten it would round
 * at every step, and 1e-5 has few bits there. */
static bool has_plain_statistics(const Rewriter *r, NodeId id) {
  Element element = value_at(r->module, operand(r, id, 0))->element;
  for (uint32_t at = 1; at < 5; at++)
    if (!is_constant(r, operand(r, id, at)) || value_at(r->module, operand(r, id, at))->element != element) return false;
  return is_wide_float(element) && !op_int(r->module, node_at(r->module, id), "training_mode");
}

bool rule_batch_normalization_into_conv(Rewriter *r, NodeId id) {
  Module *module = r->module;
  NodeId conv = foldable_conv(r, operand(r, id, 0));
  if (!conv || !has_plain_statistics(r, id)) return false;
  Element element = value_at(module, operand(r, id, 4))->element;
  double epsilon = op_float(module, node_at(module, id), "epsilon");
  ValueId small = module_splat(module, r->graph, module_fresh_name(module, "epsilon"), element, 0, NULL, element_from_f64(element, epsilon));
  ValueId deviation = rewrite_emit(r, OP_Sqrt, 1, (ValueId[]){rewrite_emit(r, OP_Add, 2, (ValueId[]){operand(r, id, 4), small})});
  ValueId scale = rewrite_emit(r, OP_Div, 2, (ValueId[]){operand(r, id, 1), deviation});
  ValueId weight = rewrite_emit(r, OP_Mul, 2, (ValueId[]){operand(r, conv, 1), along_outputs(r, scale, conv)});
  ValueId centred = operand(r, id, 3);
  if (operand(r, conv, 2)) centred = rewrite_emit(r, OP_Sub, 2, (ValueId[]){centred, operand(r, conv, 2)});
  ValueId shift = rewrite_emit(r, OP_Mul, 2, (ValueId[]){centred, scale});
  ValueId bias = rewrite_emit(r, OP_Sub, 2, (ValueId[]){operand(r, id, 2), shift});
  become_conv(r, id, conv, weight, bias);
  return true;
}

bool rule_batch_normalization(Rewriter *r, NodeId id) {
  Module *module = r->module;
  const Value *input = value_at(module, operand(r, id, 0));
  Element element = input->element;
  if (!has_plain_statistics(r, id) || input->rank < 2) return false;
  double epsilon = op_float(module, node_at(module, id), "epsilon");
  int64_t dims[MAX_RANK];
  uint32_t rank = input->rank - 1;
  for (uint32_t axis = 0; axis < rank; axis++) dims[axis] = 1;
  dims[0] = -1;
  ValueId small = module_splat(module, r->graph, module_fresh_name(module, "epsilon"), element, 0, NULL, element_from_f64(element, epsilon));
  ValueId deviation = rewrite_emit(r, OP_Sqrt, 1, (ValueId[]){rewrite_emit(r, OP_Add, 2, (ValueId[]){operand(r, id, 4), small})});
  ValueId scale = rewrite_emit(r, OP_Div, 2, (ValueId[]){operand(r, id, 1), deviation});
  ValueId shift = rewrite_emit(r, OP_Sub, 2, (ValueId[]){operand(r, id, 2), rewrite_emit(r, OP_Mul, 2, (ValueId[]){operand(r, id, 3), scale})});
  ValueId scaled = rewrite_emit(r, OP_Mul, 2, (ValueId[]){operand(r, id, 0), rewrite_reshape(r, scale, rank, dims)});
  rewrite_become(r, id, OP_Add, 2, (ValueId[]){scaled, rewrite_reshape(r, shift, rank, dims)}, NULL, 0);
  return true;
}

/* If `value` is constant and varies only along the channel axis of `like`, a vector of 1 or M elements; else VALUE_NONE. */
static ValueId channel_vector(Rewriter *r, ValueId value, ValueId like) {
  if (!is_constant(r, value)) return VALUE_NONE;
  const Value *info = value_at(r->module, value), *full = value_at(r->module, like);
  if (info->rank > full->rank || full->rank < 2 || info->element != full->element) return VALUE_NONE;
  int64_t extent, all = -1, channels;
  if (!dim_is_constant(&r->module->dims, full->dims[1], &channels)) return VALUE_NONE;
  for (uint32_t axis = 0; axis < info->rank; axis++) {
    uint32_t at = full->rank - info->rank + axis;
    if (!dim_is_constant(&r->module->dims, info->dims[axis], &extent) || (extent != 1 && (at != 1 || extent != channels))) return VALUE_NONE;
  }
  return rewrite_reshape(r, value, 1, &all);
}

/* conv op constant, where the conv is operand `at`. */
static bool fold_arithmetic(Rewriter *r, NodeId id, uint32_t op, bool either_side, bool scales) {
  for (uint32_t at = 0; at < (either_side ? 2u : 1u); at++) {
    ValueId value = operand(r, id, at);
    NodeId conv = foldable_conv(r, value);
    if (!conv || !rewrite_same_dims(r, value, node_at(r->module, id)->outputs[0])) continue;
    ValueId vector = channel_vector(r, operand(r, id, 1 - at), value);
    if (!vector) continue;
    ValueId weight = operand(r, conv, 1), bias = operand(r, conv, 2);
    if (scales) weight = rewrite_emit(r, op, 2, (ValueId[]){weight, along_outputs(r, vector, conv)});
    if (!bias && !scales) {
      const Value *info = value_at(r->module, weight);
      int64_t outputs = dim_value(&r->module->dims, info->dims[0]);
      bias = module_splat(r->module, r->graph, module_fresh_name(r->module, "zero"), info->element, 1, &outputs, 0);
    }
    if (bias) bias = rewrite_emit(r, op, 2, (ValueId[]){bias, vector});
    become_conv(r, id, conv, weight, bias);
    return true;
  }
  return false;
}

bool rule_scale_into_conv(Rewriter *r, NodeId id) { return fold_arithmetic(r, id, OP_Mul, true, true); }
bool rule_divide_into_conv(Rewriter *r, NodeId id) { return fold_arithmetic(r, id, OP_Div, false, true); }
bool rule_shift_into_conv(Rewriter *r, NodeId id) { return fold_arithmetic(r, id, OP_Add, true, false); }
bool rule_unshift_into_conv(Rewriter *r, NodeId id) { return fold_arithmetic(r, id, OP_Sub, false, false); }
