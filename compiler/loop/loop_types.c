/* The tables of the loop IR as functions: scalar types, operations, and the operands of an expression. */
#include "loop.h"

#include <string.h>

static const struct { const char *name; unsigned bytes; } scalar_info[] = {
#define SCALAR(name, text, bytes) [SCALAR_##name] = { text, bytes },
  SCALARS(SCALAR)
#undef SCALAR
};
_Static_assert(sizeof scalar_info / sizeof *scalar_info == SCALAR_COUNT, "SCALARS and enum Scalar disagree");

static const struct { const char *text; unsigned operands; } op_info[] = {
  [LOOP_OP_NONE] = { "none", 0 },
#define LOOP_OP(name, text, operands, result, meaning) [LOOP_##name] = { text, operands },
#include "loop_ops.def"
#undef LOOP_OP
};
_Static_assert(sizeof op_info / sizeof *op_info == LOOP_OP_COUNT, "loop_ops.def and enum LoopOp disagree");

static const char *const access_names[] = {
  [ACCESS_IN] = "in", [ACCESS_OUT] = "out", [ACCESS_INOUT] = "inout", [ACCESS_SCRATCH] = "scratch", [ACCESS_LOCAL] = "local"
};

static const char *const storage_names[] = {
  [STORAGE_INPUT] = "input", [STORAGE_OUTPUT] = "output", [STORAGE_WEIGHT] = "weight", [STORAGE_STATE] = "state",
  [STORAGE_WORKSPACE] = "workspace"
};

const char *scalar_name(Scalar scalar) { return scalar < SCALAR_COUNT ? scalar_info[scalar].name : "?"; }

bool scalar_from_name(const char *name, Scalar *scalar) {
  for (unsigned i = 0; i < SCALAR_COUNT; i++)
    if (strcmp(name, scalar_info[i].name) == 0) { *scalar = (Scalar)i; return true; }
  return false;
}

bool lanes_are_valid(uint64_t lanes) { return lanes >= 1 && lanes <= LOOP_MAX_LANES && (lanes & (lanes - 1)) == 0; }

unsigned scalar_bytes(Scalar scalar) { return scalar_info[scalar].bytes; }

unsigned scalar_bits(Scalar scalar) { return scalar == SCALAR_I1 ? 1 : 8 * scalar_info[scalar].bytes; }

bool scalar_is_float(Scalar scalar) { return scalar >= SCALAR_F16 && scalar <= SCALAR_F64; }

bool scalar_is_signed(Scalar scalar) {
  return (scalar >= SCALAR_I8 && scalar <= SCALAR_I64) || scalar == SCALAR_INDEX || scalar_is_float(scalar);
}

bool scalar_is_integer(Scalar scalar) { return (scalar >= SCALAR_I8 && scalar <= SCALAR_U64) || scalar == SCALAR_INDEX; }

int64_t scalar_wrap(Scalar scalar, int64_t value) {
  unsigned bits = scalar_bits(scalar);
  if (bits == 1) return value != 0;
  if (bits == 64) return value;
  uint64_t mask = (UINT64_C(1) << bits) - 1, low = (uint64_t)value & mask;
  if (scalar_is_signed(scalar) && (low >> (bits - 1)) != 0) low |= ~mask;
  return (int64_t)low;
}

const char *loop_op_text(LoopOp op) { return op < LOOP_OP_COUNT ? op_info[op].text : "?"; }

unsigned loop_op_operands(LoopOp op) { return op_info[op].operands; }

bool loop_op_is_comparison(LoopOp op) { return op >= LOOP_EQ && op <= LOOP_GE; }

const char *access_name(Access access) { return access_names[access]; }

const char *storage_name(Storage storage) { return storage_names[storage]; }

uint32_t expr_operand_count(const Code *code, Expr expr) {
  const ExprNode *node = expr_at(code, expr);
  if (node->op == LOOP_LOAD || node->op == LOOP_CALL) return node->operand[2];
  return op_info[node->op].operands;
}

Expr expr_operand(const Code *code, Expr expr, uint32_t index) {
  const ExprNode *node = expr_at(code, expr);
  if (node->op == LOOP_LOAD || node->op == LOOP_CALL) return code->lists.data[node->operand[1] + index];
  return node->operand[index];
}

uint32_t access_rank(const Program *program, const Code *code, Operand operand) {
  return code->kind == CODE_ENTRY ? program->buffers.data[operand].rank : code->operands.data[operand].rank;
}

bool access_is_contiguous(const Code *code, uint32_t list, uint32_t rank) {
  for (uint32_t i = 0; i < rank; i++)
    if (expr_at(code, code->lists.data[list + i])->lanes > 1) return false;
  return true;
}
