/* Where quantised operators have the scale and zero point of their operands and result, for descriptions of a program's inputs and outputs. */
#include "compiler/ops/ops.h"

/* Operand `of` of the operator, or its result, has its scale and zero point in the operands `scale` and `zero`. */
#define RESULT UINT32_MAX
typedef struct QuantisationSlots { uint32_t op, of, scale, zero; } QuantisationSlots;

#define CONTRACTION(op) {op, 0, 1, 2}, {op, 3, 4, 5}
#define BINARY(op) CONTRACTION(op), {op, RESULT, 6, 7}
#define UNARY(op) {op, 0, 1, 2}, {op, RESULT, 3, 4}
static const QuantisationSlots all_slots[] = {
  {OP_QuantizeLinear, RESULT, 1, 2}, {OP_MsQuantizeLinear, RESULT, 1, 2}, {OP_DequantizeLinear, 0, 1, 2}, {OP_MsDequantizeLinear, 0, 1, 2},
  BINARY(OP_QLinearConv), BINARY(OP_QLinearMatMul), BINARY(OP_QLinearAdd), BINARY(OP_QLinearMul), CONTRACTION(OP_QGemm), {OP_QGemm, RESULT, 7, 8},
  UNARY(OP_QLinearSigmoid), UNARY(OP_QLinearLeakyRelu), UNARY(OP_QLinearAveragePool), UNARY(OP_QLinearGlobalAveragePool), UNARY(OP_QLinearSoftmax),
  {OP_QLinearWhere, 1, 2, 3}, {OP_QLinearWhere, 4, 5, 6}, {OP_QLinearWhere, RESULT, 7, 8}, {OP_QLinearConcat, RESULT, 0, 1},
};
#undef UNARY
#undef BINARY
#undef CONTRACTION

static bool single_constant(const Module *module, ValueId id) {
  int64_t count;
  return id && value_is_constant(value_at(module, id)) && value_static_elements(module, id, &count) && count == 1;
}

static bool find_slots(uint32_t op, uint32_t of, QuantisationSlots *slots) {
  for (size_t at = 0; at < sizeof all_slots / sizeof *all_slots; at++)
    if (all_slots[at].op == op && all_slots[at].of == of) { *slots = all_slots[at]; return true; }
  *slots = (QuantisationSlots){op, of, of + 1, of + 2};
  return op == OP_QLinearConcat && of != RESULT && of >= 2 && of % 3 == 2;
}

/* The first operand of the node that is `value`; RESULT if the node writes it. */
static bool find_role(const Node *node, ValueId value, uint32_t *of) {
  for (uint32_t operand = 0; operand < node->input_count; operand++)
    if (node->inputs[operand] == value) { *of = operand; return true; }
  *of = RESULT;
  return node->output_count && node->outputs[0] == value;
}

bool op_quantisation(const Module *module, NodeId id, ValueId value, double *scale, int64_t *zero_point) {
  const Node *node = node_at(module, id);
  uint32_t of;
  QuantisationSlots slots;
  if (!find_role(node, value, &of) || !find_slots(node->op, of, &slots) || slots.scale >= node->input_count) return false;
  ValueId zero = slots.zero < node->input_count ? node->inputs[slots.zero] : VALUE_NONE;
  if (!single_constant(module, node->inputs[slots.scale]) || (zero && !single_constant(module, zero))) return false;
  *scale = value_constant_f64(module, node->inputs[slots.scale], 0);
  *zero_point = zero ? value_constant_i64(module, zero, 0) : 0;
  return true;
}
