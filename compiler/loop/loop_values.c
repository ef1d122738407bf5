/* The builder's values: constructors of expressions.
 *
 * They fold constants (fold.c) and simplify integer and index arithmetic as they go. Bits of floats never change: x * 1 and x - 0 are x,
 * but x + 0 and x * 0 stay. Index expressions of constants and dimensions alone become one DIM, canonical by the table of dimensions.
 * What needs ranges of loop variables is left to passes/loop/simplify. */
#include "build.h"
#include "fold.h"

#include <math.h>
#include <stdio.h>

NO_RETURN void build_bug(const Builder *builder, const char *format, ...) {
  va_list arguments;
  char message[256];
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  bug(build_context(builder), "building %s: %s", builder->code.name, message);
}

/* ---- nodes ---- */

/* The lanes of an operation are those of its operands; scalars beside vectors are broadcast. */
static void even_lanes(Builder *builder, ExprNode *node) {
  uint32_t count = loop_op_operands((LoopOp)node->op);
  node->lanes = 1;
  for (uint32_t i = 0; i < count; i++) {
    uint16_t lanes = build_lanes(builder, node->operand[i]);
    if (lanes > node->lanes) node->lanes = lanes;
  }
  for (uint32_t i = 0; i < count; i++) node->operand[i] = build_broadcast(builder, node->operand[i], node->lanes);
}

Expr build_node(Builder *builder, ExprNode node) {
  Code *code = &builder->code;
  ExprFacts facts = { .depth = 1 };
  if (node.op >= LOOP_NEG && node.op != LOOP_BROADCAST && node.op != LOOP_EXTRACT) even_lanes(builder, &node);
  if (node.lanes == 0) node.lanes = 1;
  vector_push(builder->arena, &code->exprs, node);
  Expr expr = code->exprs.count - 1;
  if (node.op == LOOP_SLOT) facts.impure = code->slots.data[node.operand[0]].is_variable;
  if (node.op == LOOP_LOAD) facts.impure = true;
  for (uint32_t i = 0, count = expr_operand_count(code, expr); i < count; i++) {
    Expr operand = expr_operand(code, expr, i);
    if (operand == 0 || operand >= expr) build_bug(builder, "`%s` of a value that does not exist", loop_op_text(node.op));
    const ExprFacts *below = &builder->facts.data[operand];
    if (below->depth >= facts.depth) facts.depth = (uint16_t)(below->depth + 1);
    facts.impure |= below->impure;
  }
  if (facts.depth > LOOP_MAX_DEPTH) build_bug(builder, "expression of more than %u levels; break it with build_let", LOOP_MAX_DEPTH);
  vector_push(builder->arena, &builder->facts, facts);
  return expr;
}

Expr build_slot(Builder *builder, Slot slot) {
  const SlotInfo *info = &builder->code.slots.data[slot];
  return build_node(builder, (ExprNode){ .op = LOOP_SLOT, .scalar = (uint8_t)info->scalar, .lanes = info->lanes, .operand = { slot } });
}

static ExprNode *node_at(const Builder *builder, Expr expr) {
  if (expr == 0 || expr >= builder->code.exprs.count) build_bug(builder, "value %u does not exist", expr);
  return &builder->code.exprs.data[expr];
}

Scalar build_scalar(const Builder *builder, Expr a) { return (Scalar)node_at(builder, a)->scalar; }

uint16_t build_lanes(const Builder *builder, Expr a) { return node_at(builder, a)->lanes; }

bool build_is_constant(const Builder *builder, Expr a, int64_t *value) {
  const ExprNode *node = node_at(builder, a);
  if (node->op == LOOP_DIM) return dim_is_constant(builder->program->dims, (Dim)node->integer, value);
  if (node->op != LOOP_CONSTANT || scalar_is_float((Scalar)node->scalar)) return false;
  *value = node->integer;
  return true;
}

Expr build_integer(Builder *builder, Scalar scalar, int64_t value) {
  if (scalar_is_float(scalar)) build_bug(builder, "build_integer of %s", scalar_name(scalar));
  return build_node(builder, (ExprNode){ .op = LOOP_CONSTANT, .scalar = (uint8_t)scalar, .integer = scalar_wrap(scalar, value) });
}

Expr build_float(Builder *builder, Scalar scalar, double value) {
  if (scalar != SCALAR_F32 && scalar != SCALAR_F64) build_bug(builder, "build_float of %s", scalar_name(scalar));
  if (scalar == SCALAR_F32) value = (double)(float)value;
  return build_node(builder, (ExprNode){ .op = LOOP_CONSTANT, .scalar = (uint8_t)scalar, .number = value });
}

Expr build_index(Builder *builder, int64_t value) { return build_integer(builder, SCALAR_INDEX, value); }

Expr build_dim(Builder *builder, Dim dim) {
  int64_t value;
  if (dim == DIM_UNKNOWN) build_bug(builder, "build_dim of an unknown dimension");
  if (dim_is_constant(builder->program->dims, dim, &value)) return build_index(builder, value);
  return build_node(builder, (ExprNode){ .op = LOOP_DIM, .scalar = SCALAR_INDEX, .integer = (int64_t)dim });
}

/* ---- simplification ---- */

/* An index that is an expression of dimensions alone. */
static bool as_dim(Builder *builder, Expr a, Dim *dim) {
  const ExprNode *node = node_at(builder, a);
  if (node->scalar != SCALAR_INDEX) return false;
  if (node->op == LOOP_DIM) *dim = (Dim)node->integer;
  else if (node->op == LOOP_CONSTANT) *dim = dim_constant(builder->program->dims, node->integer);
  else return false;
  return true;
}

/* a - b where the range says something; {INT64_MIN, DIM_OPEN} where not. */
static void difference_range(DimTable *dims, Dim a, Dim b, int64_t *lo, int64_t *hi) {
  Dim difference = dim_sub(dims, a, b);
  *lo = dim_lo(dims, difference);
  *hi = dim_hi(dims, difference);
}

/* A comparison of dimensions: 1, 0, or -1 for not known. */
static int compare_dims(DimTable *dims, LoopOp op, Dim a, Dim b) {
  int64_t lo, hi;
  difference_range(dims, a, b, &lo, &hi);
  switch (op) {
  case LOOP_EQ: return lo == 0 && hi == 0 ? 1 : lo > 0 || hi < 0 ? 0 : -1;
  case LOOP_NE: return lo == 0 && hi == 0 ? 0 : lo > 0 || hi < 0 ? 1 : -1;
  case LOOP_LT: return hi < 0 ? 1 : lo >= 0 ? 0 : -1;
  case LOOP_LE: return hi <= 0 ? 1 : lo > 0 ? 0 : -1;
  case LOOP_GT: return lo > 0 ? 1 : hi <= 0 ? 0 : -1;
  default:      return lo >= 0 ? 1 : hi < 0 ? 0 : -1;
  }
}

/* Two dimension expressions under one operation; 0 if it has to stay. */
static Expr simplify_dims(Builder *builder, LoopOp op, Dim a, Dim b) {
  DimTable *dims = builder->program->dims;
  bool divisible = dim_lo(dims, a) >= 0 && dim_lo(dims, b) > 0;
  switch (op) {
  case LOOP_ADD: return build_dim(builder, dim_add(dims, a, b));
  case LOOP_SUB: return build_dim(builder, dim_sub(dims, a, b));
  case LOOP_MUL: return build_dim(builder, dim_mul(dims, a, b));
  case LOOP_MIN: return build_dim(builder, dim_min(dims, a, b));
  case LOOP_MAX: return build_dim(builder, dim_max(dims, a, b));
  case LOOP_DIV: return divisible ? build_dim(builder, dim_floordiv(dims, a, b)) : 0;
  case LOOP_REM: return divisible ? build_dim(builder, dim_mod(dims, a, b)) : 0;
  default: break;
  }
  if (!loop_op_is_comparison(op)) return 0;
  int known = compare_dims(dims, op, a, b);
  return known < 0 ? 0 : build_integer(builder, SCALAR_I1, known);
}

static bool is_rigid(const Builder *builder, Expr a) {
  const ExprNode *node = node_at(builder, a);
  return node->op == LOOP_CONSTANT || node->op == LOOP_DIM;
}

static bool is_value(const Builder *builder, Expr a, int64_t value) {
  int64_t constant;
  return build_is_constant(builder, a, &constant) && constant == value;
}

/* Equal values without a look at the place: one pure expression, or two reads of one immutable slot. */
static bool is_same(const Builder *builder, Expr a, Expr b) {
  const ExprNode *x = node_at(builder, a), *y = node_at(builder, b);
  if (a == b) return true;
  return x->op == LOOP_SLOT && y->op == LOOP_SLOT && x->operand[0] == y->operand[0];
}

static Expr plain_binary(Builder *builder, LoopOp op, Scalar result, Expr a, Expr b) {
  return build_node(builder, (ExprNode){ .op = (uint8_t)op, .scalar = (uint8_t)result, .operand = { a, b } });
}

/* (x + c) + d, (x - c) + d and so on become x + (c + d) or x - (d - c), with a positive constant on the right. */
static Expr simplify_sum(Builder *builder, LoopOp op, Expr a, Expr b) {
  Scalar scalar = build_scalar(builder, a);
  ExprNode inner = *node_at(builder, a);
  int64_t value;
  bool nested = inner.op == LOOP_ADD || inner.op == LOOP_SUB;
  if (nested && is_rigid(builder, b) && is_rigid(builder, inner.operand[1])) {
    Expr rest;
    if (inner.op == op) return build_binary(builder, op, inner.operand[0], build_binary(builder, LOOP_ADD, inner.operand[1], b));
    rest = build_binary(builder, LOOP_SUB, b, inner.operand[1]);
    return build_binary(builder, op, inner.operand[0], rest);
  }
  if (!build_is_constant(builder, b, &value)) return 0;
  if (value == 0) return a;
  if (value < 0 && value != INT64_MIN && scalar_is_signed(scalar) && scalar_wrap(scalar, -value) == -value)
    return plain_binary(builder, op == LOOP_ADD ? LOOP_SUB : LOOP_ADD, scalar, a, build_integer(builder, scalar, -value));
  return 0;
}

static Expr simplify_product(Builder *builder, Expr a, Expr b) {
  ExprNode inner = *node_at(builder, a);
  int64_t value;
  if (build_is_constant(builder, b, &value)) {
    if (value == 0) return b;
    if (value == 1) return a;
  }
  if (inner.op == LOOP_MUL && is_rigid(builder, b) && is_rigid(builder, inner.operand[1]))
    return build_binary(builder, LOOP_MUL, inner.operand[0], build_binary(builder, LOOP_MUL, inner.operand[1], b));
  return 0;
}

static Expr simplify_bits(Builder *builder, LoopOp op, Expr a, Expr b) {
  Scalar scalar = build_scalar(builder, a);
  int64_t value, ones = scalar == SCALAR_I1 ? 1 : scalar_wrap(scalar, -1);
  if (is_same(builder, a, b)) return op == LOOP_XOR ? build_integer(builder, scalar, 0) : a;
  if (!build_is_constant(builder, b, &value)) return 0;
  if (value == 0) return op == LOOP_AND ? b : a;
  if (value == ones && op != LOOP_XOR) return op == LOOP_AND ? a : b;
  return 0;
}

/* Integers, i1 and index with constants on the right; 0 if nothing applies. */
static Expr simplify_integers(Builder *builder, LoopOp op, Expr a, Expr b) {
  Scalar scalar = build_scalar(builder, a);
  switch (op) {
  case LOOP_SUB:
    if (is_same(builder, a, b)) return build_integer(builder, scalar, 0);
    return simplify_sum(builder, op, a, b);
  case LOOP_ADD: return simplify_sum(builder, op, a, b);
  case LOOP_MUL: return simplify_product(builder, a, b);
  case LOOP_DIV: return is_value(builder, b, 1) ? a : 0;
  case LOOP_REM: return is_value(builder, b, 1) ? build_integer(builder, scalar, 0) : 0;
  case LOOP_MIN:
  case LOOP_MAX: return is_same(builder, a, b) ? a : 0;
  case LOOP_AND:
  case LOOP_OR:
  case LOOP_XOR: return simplify_bits(builder, op, a, b);
  case LOOP_SHL:
  case LOOP_SHR: return is_value(builder, b, 0) ? a : 0;
  default: break;
  }
  if (!loop_op_is_comparison(op) || !is_same(builder, a, b)) return 0;
  return build_integer(builder, SCALAR_I1, op == LOOP_EQ || op == LOOP_LE || op == LOOP_GE);
}

/* x * 1, x / 1 and x - 0 have the bits of x, for every x. */
static Expr simplify_floats(const Builder *builder, LoopOp op, Expr a, Expr b) {
  const ExprNode *right = node_at(builder, b);
  if (right->op != LOOP_CONSTANT) return 0;
  if ((op == LOOP_MUL || op == LOOP_DIV) && right->number == 1) return a;
  if (op == LOOP_SUB && right->number == 0 && !signbit(right->number)) return a;
  return 0;
}

static bool is_commutative(LoopOp op) {
  return op == LOOP_ADD || op == LOOP_MUL || op == LOOP_AND || op == LOOP_OR || op == LOOP_XOR || op == LOOP_MIN || op == LOOP_MAX;
}

/* ---- constructors ---- */

static void check_binary(const Builder *builder, LoopOp op, Expr a, Expr b) {
  Scalar x = build_scalar(builder, a), y = build_scalar(builder, b);
  if (loop_op_operands(op) != 2) build_bug(builder, "build_binary of `%s`", loop_op_text(op));
  if (x != y) build_bug(builder, "`%s` of %s and %s", loop_op_text(op), scalar_name(x), scalar_name(y));
  if (x == SCALAR_F16 || x == SCALAR_BF16) build_bug(builder, "arithmetic `%s` on %s, which is storage", loop_op_text(op), scalar_name(x));
  bool integers_only = op >= LOOP_AND && op <= LOOP_SHR;
  if (integers_only && scalar_is_float(x)) build_bug(builder, "`%s` of %s", loop_op_text(op), scalar_name(x));
}

Expr build_binary(Builder *builder, LoopOp op, Expr a, Expr b) {
  check_binary(builder, op, a, b);
  Scalar scalar = build_scalar(builder, a);
  ExprNode folded;
  Dim x, y;
  if (node_at(builder, a)->op == LOOP_CONSTANT && node_at(builder, b)->op == LOOP_CONSTANT &&
      fold_binary(op, node_at(builder, a), node_at(builder, b), &folded))
    return build_node(builder, folded);
  Expr simpler = 0;
  if (as_dim(builder, a, &x) && as_dim(builder, b, &y)) simpler = simplify_dims(builder, op, x, y);
  else if (scalar_is_float(scalar)) simpler = simplify_floats(builder, op, a, b);
  else {
    if (is_commutative(op) && is_rigid(builder, a) && !is_rigid(builder, b)) { Expr swap = a; a = b; b = swap; }
    simpler = simplify_integers(builder, op, a, b);
  }
  if (simpler) return simpler;
  return plain_binary(builder, op, loop_op_is_comparison(op) ? SCALAR_I1 : scalar, a, b);
}

/* The comparison that is true where `op` is false; NONE for orders of floats, where NaN makes both false. */
static LoopOp opposite(LoopOp op, bool is_float) {
  static const uint8_t table[LOOP_OP_COUNT] = {
    [LOOP_EQ] = LOOP_NE, [LOOP_NE] = LOOP_EQ, [LOOP_LT] = LOOP_GE, [LOOP_GE] = LOOP_LT, [LOOP_LE] = LOOP_GT, [LOOP_GT] = LOOP_LE
  };
  return is_float && op != LOOP_EQ && op != LOOP_NE ? LOOP_OP_NONE : (LoopOp)table[op];
}

/* not not x, neg neg x, not of a comparison; 0 if nothing applies. */
static Expr simplify_unary(Builder *builder, LoopOp op, Expr a) {
  ExprNode inner = *node_at(builder, a);
  if ((op == LOOP_NOT || op == LOOP_NEG) && inner.op == op) return inner.operand[0];
  if (op == LOOP_ABS && inner.op == LOOP_ABS) return a;
  if (op == LOOP_ABS && !scalar_is_signed((Scalar)inner.scalar)) return a;
  if (op != LOOP_NOT || !loop_op_is_comparison((LoopOp)inner.op)) return 0;
  LoopOp other = opposite((LoopOp)inner.op, scalar_is_float(build_scalar(builder, inner.operand[0])));
  return other == LOOP_OP_NONE ? 0 : build_binary(builder, other, inner.operand[0], inner.operand[1]);
}

Expr build_unary(Builder *builder, LoopOp op, Expr a) {
  const ExprNode *node = node_at(builder, a);
  Scalar scalar = (Scalar)node->scalar;
  ExprNode folded;
  bool float_only = op >= LOOP_SQRT && op <= LOOP_ROUND;
  if (loop_op_operands(op) != 1 || op == LOOP_CAST || op == LOOP_SATURATE || op == LOOP_BITCAST)
    build_bug(builder, "build_unary of `%s`", loop_op_text(op));
  if (scalar == SCALAR_F16 || scalar == SCALAR_BF16 || (float_only && !scalar_is_float(scalar)) ||
      (op == LOOP_NOT && scalar_is_float(scalar)))
    build_bug(builder, "`%s` of %s", loop_op_text(op), scalar_name(scalar));
  if (node->op == LOOP_CONSTANT && fold_unary(op, node, &folded)) return build_node(builder, folded);
  Expr simpler = simplify_unary(builder, op, a);
  if (simpler) return simpler;
  return build_node(builder, (ExprNode){ .op = (uint8_t)op, .scalar = (uint8_t)scalar, .operand = { a } });
}

static Expr build_choice(Builder *builder, Expr condition, Expr then, Expr otherwise) {
  int64_t value;
  Scalar scalar = build_scalar(builder, then);
  if (build_scalar(builder, condition) != SCALAR_I1) build_bug(builder, "select on %s", scalar_name(build_scalar(builder, condition)));
  if (scalar != build_scalar(builder, otherwise))
    build_bug(builder, "select of %s and %s", scalar_name(scalar), scalar_name(build_scalar(builder, otherwise)));
  if (build_is_constant(builder, condition, &value)) return value ? then : otherwise;
  if (is_same(builder, then, otherwise)) return then;
  ExprNode inner = *node_at(builder, condition);
  if (inner.op == LOOP_NOT) return build_choice(builder, inner.operand[0], otherwise, then);
  return build_node(builder, (ExprNode){ .op = LOOP_SELECT, .scalar = (uint8_t)scalar, .operand = { condition, then, otherwise } });
}

Expr build_ternary(Builder *builder, LoopOp op, Expr a, Expr b, Expr c) {
  if (op == LOOP_SELECT) return build_choice(builder, a, b, c);
  Scalar scalar = build_scalar(builder, a);
  ExprNode folded;
  if (op != LOOP_MULADD && op != LOOP_FMA) build_bug(builder, "build_ternary of `%s`", loop_op_text(op));
  if (scalar != build_scalar(builder, b) || scalar != build_scalar(builder, c) || scalar == SCALAR_F16 || scalar == SCALAR_BF16)
    build_bug(builder, "`%s` of %s, %s and %s", loop_op_text(op), scalar_name(scalar), scalar_name(build_scalar(builder, b)),
              scalar_name(build_scalar(builder, c)));
  if (!scalar_is_float(scalar)) {
    if (op == LOOP_FMA) build_bug(builder, "fma of %s", scalar_name(scalar));
    return build_binary(builder, LOOP_ADD, build_binary(builder, LOOP_MUL, a, b), c);
  }
  bool constants = node_at(builder, a)->op == LOOP_CONSTANT && node_at(builder, b)->op == LOOP_CONSTANT &&
                   node_at(builder, c)->op == LOOP_CONSTANT;
  if (constants && op == LOOP_FMA && fold_fma(node_at(builder, a), node_at(builder, b), node_at(builder, c), &folded))
    return build_node(builder, folded);
  return build_node(builder, (ExprNode){ .op = (uint8_t)op, .scalar = (uint8_t)scalar, .operand = { a, b, c } });
}

static Expr convert(Builder *builder, LoopOp op, Scalar to, Expr a) {
  const ExprNode *node = node_at(builder, a);
  ExprNode folded;
  if ((Scalar)node->scalar == to) return a;
  if (node->op == LOOP_CONSTANT) {
    bool done = op == LOOP_CAST ? fold_cast(to, node, &folded)
              : op == LOOP_SATURATE ? fold_saturate(to, node, &folded) : fold_bitcast(to, node, &folded);
    if (done) return build_node(builder, folded);
  }
  return build_node(builder, (ExprNode){ .op = (uint8_t)op, .scalar = (uint8_t)to, .operand = { a } });
}

Expr build_cast(Builder *builder, Scalar to, Expr a) { return convert(builder, LOOP_CAST, to, a); }

Expr build_saturate(Builder *builder, Scalar to, Expr a) {
  Scalar from = build_scalar(builder, a);
  if (!scalar_is_integer(from) || !scalar_is_integer(to)) build_bug(builder, "saturate of %s to %s", scalar_name(from), scalar_name(to));
  return convert(builder, LOOP_SATURATE, to, a);
}

Expr build_bitcast(Builder *builder, Scalar to, Expr a) {
  Scalar from = build_scalar(builder, a);
  if (scalar_bits(from) != scalar_bits(to)) build_bug(builder, "bitcast of %s to %s", scalar_name(from), scalar_name(to));
  return convert(builder, LOOP_BITCAST, to, a);
}

/* ---- vectors ---- */

Expr build_broadcast(Builder *builder, Expr a, uint16_t lanes) {
  const ExprNode *node = node_at(builder, a);
  if (node->lanes == lanes || lanes <= 1) return a;
  if (node->lanes > 1 || !lanes_are_valid(lanes)) build_bug(builder, "broadcast of %u lanes to %u", node->lanes, lanes);
  return build_node(builder, (ExprNode){ .op = LOOP_BROADCAST, .scalar = node->scalar, .lanes = lanes, .operand = { a } });
}

Expr build_lane_numbers(Builder *builder, Scalar scalar, uint16_t lanes) {
  if (!scalar_is_integer(scalar) || lanes < 2 || !lanes_are_valid(lanes)) build_bug(builder, "numbers of %u lanes as %s", lanes, scalar_name(scalar));
  return build_node(builder, (ExprNode){ .op = LOOP_LANES, .scalar = (uint8_t)scalar, .lanes = lanes });
}

Expr build_extract(Builder *builder, Expr a, uint16_t from, uint16_t lanes) {
  ExprNode node = *node_at(builder, a);
  if (from + lanes > node.lanes || !lanes_are_valid(lanes)) build_bug(builder, "lanes %u to %u of %u", from, from + lanes, node.lanes);
  if (lanes == node.lanes) return a;
  if (node.op == LOOP_BROADCAST) return build_broadcast(builder, node.operand[0], lanes);
  return build_node(builder, (ExprNode){ .op = LOOP_EXTRACT, .scalar = node.scalar, .lanes = lanes, .operand = { a, from } });
}

Expr build_reduce(Builder *builder, LoopOp op, Expr a) {
  for (uint16_t half = build_lanes(builder, a) / 2; half > 0; half /= 2) {
    a = build_let(builder, "half", a);
    a = build_binary(builder, op, build_extract(builder, a, 0, half), build_extract(builder, a, half, half));
  }
  return a;
}

/* x + y or x - y of two such forms; x * y where one is the same in all lanes and its factor of the other's stride is a constant. */
static bool combine_lane_indices(Builder *builder, LoopOp op, const LaneIndex *x, const LaneIndex *y, LaneIndex *form) {
  int64_t factor = 1, right = op == LOOP_SUB ? -1 : 1;
  if (op == LOOP_MUL) {
    if (x->stride != 0 && y->stride != 0) return false;
    const LaneIndex *uniform = x->stride == 0 ? x : y, *other = x->stride == 0 ? y : x;
    if (other->stride != 0 && !build_is_constant(builder, uniform->base, &factor)) return false;
    if (__builtin_mul_overflow(other->stride, factor, &form->stride)) return false;
  } else if (__builtin_mul_overflow(y->stride, right, &form->stride) || __builtin_add_overflow(form->stride, x->stride, &form->stride)) {
    return false;
  }
  form->base = build_binary(builder, op, x->base, y->base);
  return true;
}

bool build_lane_index(Builder *builder, Expr index, LaneIndex *form) {
  ExprNode node = *node_at(builder, index);
  LaneIndex x, y;
  *form = (LaneIndex){ index, 0 };
  if (node.lanes == 1) return true;
  switch ((LoopOp)node.op) {
  case LOOP_LANES:
    *form = (LaneIndex){ build_index(builder, 0), 1 };
    return true;
  case LOOP_BROADCAST:
    form->base = node.operand[0];
    return true;
  case LOOP_ADD:
  case LOOP_SUB:
  case LOOP_MUL:
    if (!build_lane_index(builder, node.operand[0], &x) || !build_lane_index(builder, node.operand[1], &y)) return false;
    return combine_lane_indices(builder, (LoopOp)node.op, &x, &y, form);
  default: return false;
  }
}
