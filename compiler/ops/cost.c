/* Multiply-accumulates of a node, for reports. */
#include "compiler/ops/ops.h"

static int64_t elements_or_zero(const Module *module, ValueId id) {
  int64_t count;
  return id && value_static_elements(module, id, &count) ? count : 0;
}

static int64_t dim_or_zero(const Module *module, ValueId id, uint32_t axis) {
  int64_t extent;
  const Value *value = value_at(module, id);
  return axis < value->rank && dim_is_constant(&module->dims, value->dims[axis], &extent) ? extent : 0;
}

/* Elements of the weights that each result's element meets: all of one output channel's. */
static int64_t per_channel(const Module *module, ValueId weights, uint32_t channel_axis) {
  int64_t channels = dim_or_zero(module, weights, channel_axis);
  return channels ? elements_or_zero(module, weights) / channels : 0;
}

/* Steps times batch times the weights of all gates and directions. */
static int64_t recurrent_macs(const Module *module, const Node *node) {
  int64_t weights = elements_or_zero(module, node->inputs[1]) + elements_or_zero(module, node->inputs[2]);
  return dim_or_zero(module, node->inputs[0], 0) * dim_or_zero(module, node->inputs[0], 1) * weights;
}

/* Elements of the result times the length of the sum behind each, operand 0's extent along `axis`. */
static int64_t product_macs(const Module *module, const Node *node, uint32_t axis) {
  return elements_or_zero(module, node->outputs[0]) * dim_or_zero(module, node->inputs[0], axis);
}

int64_t op_macs(const Module *module, NodeId id) {
  const Node *node = node_at(module, id);
  switch (node->op) {
  case OP_Gemm:
  case OP_QGemm: return product_macs(module, node, op_int(module, node, "transA") ? 0 : 1);
  case OP_MatMul:
  case OP_QLinearMatMul:
  case OP_MatMulInteger: return product_macs(module, node, value_at(module, node->inputs[0])->rank - 1);
  case OP_Conv:
  case OP_ConvInteger: return elements_or_zero(module, node->outputs[0]) * per_channel(module, node->inputs[1], 0);
  case OP_QLinearConv: return elements_or_zero(module, node->outputs[0]) * per_channel(module, node->inputs[3], 0);
  case OP_ConvTranspose: return elements_or_zero(module, node->inputs[0]) * per_channel(module, node->inputs[1], 0);
  case OP_RNN:
  case OP_GRU:
  case OP_LSTM: return recurrent_macs(module, node);
  default: return 0;
  }
}
