/* Expressions of several lanes as C expressions on GNU vectors.
 *
 * Operators of C work lane by lane on such vectors, in the type of the lanes: nothing is promoted to int, comparisons give masks. Where C's rule is
 * not the loop IR's, a function of c_vector_prelude.c stands in, or the arithmetic is done on unsigned lanes. Masks have the width of what made them
 * and are converted where another is wanted. */
#include "c_emit.h"

static void open_level(Emitter *e, Level own, Level level) {
  if (own < level) text_char(&e->now.line, '(');
}
static void close_level(Emitter *e, Level own, Level level) {
  if (own < level) text_char(&e->now.line, ')');
}

static const ExprNode *node_of(const Emitter *e, Expr expr) { return expr_at(e->now.code, expr); }
static Scalar          scalar_of(const Emitter *e, Expr expr) { return (Scalar)node_of(e, expr)->scalar; }

/* ---- types ---- */

const char *c_vector_type(Emitter *e, Scalar scalar, uint16_t lanes) {
  unsigned width = 0;
  if (lanes == 1) return c_type(e, scalar);
  require(e->context, scalar != SCALAR_I1);
  while (1u << width < lanes) width++;
  e->vectors.types[scalar][width] = true;
  return arena_format(e->arena, "%s_%sx%u", e->prefix, c_tag(scalar), lanes);
}

static Scalar signed_scalar(unsigned bits) { return bits == 8 ? SCALAR_I8 : bits == 16 ? SCALAR_I16 : bits == 32 ? SCALAR_I32 : SCALAR_I64; }
static Scalar unsigned_scalar(unsigned bits) { return bits == 8 ? SCALAR_U8 : bits == 16 ? SCALAR_U16 : bits == 32 ? SCALAR_U32 : SCALAR_U64; }

const char *c_mask_type(Emitter *e, unsigned bits, uint16_t lanes) { return c_vector_type(e, signed_scalar(bits), lanes); }

const char *c_slot_type(Emitter *e, Slot slot) {
  const SlotInfo *info = &e->now.code->slots.data[slot];
  bool            mask = info->lanes > 1 && info->scalar == SCALAR_I1;
  return mask ? c_mask_type(e, e->now.slot_mask_bits[slot], info->lanes) : c_vector_type(e, info->scalar, info->lanes);
}

static const char *unsigned_type(Emitter *e, const ExprNode *node) {
  return c_vector_type(e, unsigned_scalar(c_bits(e, (Scalar)node->scalar)), node->lanes);
}

/* ---- pieces ---- */

static void helper(Emitter *e, VectorHelper which, Scalar to, Scalar from, uint16_t lanes) {
  text_string(&e->now.line, c_vector_helper(e, (VectorNeed){.helper = which, .to = to, .from = from, .lanes = lanes}));
}

void c_vector_argument(Emitter *e, Expr expr) {
  bool mask = scalar_of(e, expr) == SCALAR_I1 && node_of(e, expr)->lanes > 1;
  if (mask) c_mask(e, expr, MASK_BITS, LEVEL_CHOICE);
  else c_expression(e, expr, LEVEL_CHOICE);
}

static void arguments(Emitter *e, Expr expr) {
  text_char(&e->now.line, '(');
  for (uint32_t i = 0; i < expr_operand_count(e->now.code, expr); i++) {
    if (i > 0) text_string(&e->now.line, ", ");
    c_vector_argument(e, expr_operand(e->now.code, expr, i));
  }
  text_char(&e->now.line, ')');
}

static void helper_call(Emitter *e, VectorHelper which, Expr expr, Scalar from) {
  const ExprNode *node = node_of(e, expr);
  helper(e, which, (Scalar)node->scalar, from, node->lanes);
  arguments(e, expr);
}

/* An operand of C's operators, which broadcast scalars of the same type themselves. */
static void operand(Emitter *e, Expr expr, Level level) {
  const ExprNode *node = node_of(e, expr);
  bool            plain = node->op == LOOP_BROADCAST && (node->scalar == SCALAR_F32 || node->scalar == SCALAR_F64);
  c_expression(e, plain ? node->operand[0] : expr, level);
}

static bool is_broadcast(const Emitter *e, Expr expr) { return node_of(e, expr)->op == LOOP_BROADCAST; }

static void infix(Emitter *e, const ExprNode *node, const char *text, Level own, Level level) {
  bool both = is_broadcast(e, node->operand[0]) && is_broadcast(e, node->operand[1]); /* one of them must be a vector in C */
  open_level(e, own, level);
  if (both) c_expression(e, node->operand[0], own);
  else operand(e, node->operand[0], own);
  text_string(&e->now.line, text);
  operand(e, node->operand[1], own + 1);
  close_level(e, own, level);
}

/* (T)((U)a + (U)b) */
static void through_unsigned(Emitter *e, const ExprNode *node, const char *text, Level level) {
  const char *inner = unsigned_type(e, node), *type = c_vector_type(e, (Scalar)node->scalar, node->lanes);
  open_level(e, LEVEL_UNARY, level);
  c_print(e, "(%s)((%s)", type, inner);
  c_expression(e, node->operand[0], LEVEL_UNARY);
  c_print(e, "%s(%s)", text, inner);
  c_expression(e, node->operand[1], LEVEL_UNARY);
  text_char(&e->now.line, ')');
  close_level(e, LEVEL_UNARY, level);
}

/* ---- masks ---- */

unsigned c_mask_bits(const Emitter *e, Expr expr) {
  const ExprNode *node = node_of(e, expr);
  switch (node->op) {
  case LOOP_BROADCAST: return 0;
  case LOOP_LOAD: return 8;
  case LOOP_SLOT: return e->now.slot_mask_bits[node->operand[0]];
  case LOOP_CALL: return MASK_BITS;
  case LOOP_CAST: return c_bits(e, scalar_of(e, node->operand[0]));
  case LOOP_NOT:
  case LOOP_EXTRACT: return c_mask_bits(e, node->operand[0]);
  default: break;
  }
  if (loop_op_is_comparison((LoopOp)node->op) && scalar_of(e, node->operand[0]) != SCALAR_I1) return c_bits(e, scalar_of(e, node->operand[0]));
  uint32_t first = node->op == LOOP_SELECT;
  unsigned a = c_mask_bits(e, node->operand[first]), b = c_mask_bits(e, node->operand[first + 1]);
  return a > b ? a : b;
}

static void mask_infix(Emitter *e, const ExprNode *node, const char *text, unsigned bits, Level own, Level level) {
  open_level(e, own, level);
  c_mask(e, node->operand[0], bits, LEVEL_UNARY);
  text_string(&e->now.line, text);
  c_mask(e, node->operand[1], bits, LEVEL_UNARY);
  close_level(e, own, level);
}

/* A comparison; of masks, true is the smaller lane. */
static void compare(Emitter *e, const ExprNode *node, unsigned bits, Level level) {
  static const char *const texts[] = {" == ", " != ", " < ", " <= ", " > ", " >= "}, *const turned[] = {" == ", " != ", " > ", " >= ", " < ", " <= "};
  bool masks = scalar_of(e, node->operand[0]) == SCALAR_I1;
  open_level(e, LEVEL_UNARY, level);
  c_print(e, "(%s)(", c_mask_type(e, bits, node->lanes));
  if (masks) mask_infix(e, node, turned[node->op - LOOP_EQ], bits, LEVEL_LESS, LEVEL_LESS);
  else infix(e, node, texts[node->op - LOOP_EQ], LEVEL_SHIFT, LEVEL_SHIFT);
  text_char(&e->now.line, ')');
  close_level(e, LEVEL_UNARY, level);
}

/* What a slot holds, what lies in memory, or what a function gives. */
static void named_value(Emitter *e, Expr expr) {
  const ExprNode *node = node_of(e, expr);
  if (node->op == LOOP_LOAD) {
    c_vector_load(e, node);
  } else if (node->op == LOOP_CALL) {
    text_string(&e->now.line, c_function(e, node->operand[0]));
    arguments(e, expr);
  } else {
    e->now.slot_printed[node->operand[0]] = true;
    text_string(&e->now.line, e->now.slot_names[node->operand[0]]);
  }
}

/* The mask as it is made, `bits` being its own width. */
static void mask_itself(Emitter *e, Expr expr, unsigned bits, Level level) {
  const ExprNode *node = node_of(e, expr);
  Scalar          lane = signed_scalar(bits);
  switch (node->op) {
  case LOOP_SLOT:
  case LOOP_LOAD:
  case LOOP_CALL: named_value(e, expr); return;
  case LOOP_BROADCAST:
    helper(e, VECTOR_ALL, lane, lane, node->lanes);
    c_print(e, "((%s)-(int)", c_type(e, lane));
    c_expression(e, node->operand[0], LEVEL_UNARY);
    text_char(&e->now.line, ')');
    return;
  case LOOP_EXTRACT:
    text_string(&e->now.line, c_vector_helper(e, (VectorNeed){.helper = VECTOR_PART,
                                                              .to = lane,
                                                              .from = lane,
                                                              .lanes = node->lanes,
                                                              .from_lanes = node_of(e, node->operand[0])->lanes,
                                                              .first = (uint16_t)node->operand[1]}));
    text_char(&e->now.line, '(');
    c_mask(e, node->operand[0], bits, LEVEL_CHOICE);
    text_char(&e->now.line, ')');
    return;
  case LOOP_CAST:
    open_level(e, LEVEL_UNARY, level);
    c_print(e, "(%s)(", c_mask_type(e, bits, node->lanes));
    c_expression(e, node->operand[0], LEVEL_SHIFT);
    text_string(&e->now.line, scalar_of(e, node->operand[0]) == SCALAR_F32   ? " != 0.0f)"
                              : scalar_of(e, node->operand[0]) == SCALAR_F64 ? " != 0.0)"
                                                                             : " != 0)");
    close_level(e, LEVEL_UNARY, level);
    return;
  case LOOP_NOT:
    open_level(e, LEVEL_UNARY, level);
    text_char(&e->now.line, '~');
    c_mask(e, node->operand[0], bits, LEVEL_UNARY);
    close_level(e, LEVEL_UNARY, level);
    return;
  case LOOP_MAX: /* of 0 and 1: or */
  case LOOP_OR: mask_infix(e, node, " | ", bits, LEVEL_OR, level); return;
  case LOOP_MIN:
  case LOOP_AND: mask_infix(e, node, " & ", bits, LEVEL_AND, level); return;
  case LOOP_XOR: mask_infix(e, node, " ^ ", bits, LEVEL_XOR, level); return;
  case LOOP_SELECT:
    helper(e, VECTOR_SELECT, lane, lane, node->lanes);
    text_char(&e->now.line, '(');
    for (uint32_t i = 0; i < 3; i++) {
      if (i > 0) text_string(&e->now.line, ", ");
      c_mask(e, node->operand[i], bits, LEVEL_CHOICE);
    }
    text_char(&e->now.line, ')');
    return;
  default: break;
  }
  if (!loop_op_is_comparison((LoopOp)node->op)) bug(e->context, "%s: operation %s of masks", e->now.code->name, loop_op_text((LoopOp)node->op));
  compare(e, node, bits, level);
}

void c_mask(Emitter *e, Expr expr, unsigned bits, Level level) {
  unsigned own = c_mask_bits(e, expr);
  if (own == 0 || own == bits) {
    mask_itself(e, expr, bits, level);
    return;
  }
  text_string(&e->now.line, "__builtin_convertvector(");
  mask_itself(e, expr, own, LEVEL_CHOICE);
  c_print(e, ", %s)", c_mask_type(e, bits, node_of(e, expr)->lanes));
}

/* ---- arithmetic ---- */

static void add_sub_mul(Emitter *e, Expr expr, Level level) {
  const ExprNode *node = node_of(e, expr);
  Scalar          scalar = (Scalar)node->scalar;
  const char     *text = node->op == LOOP_ADD ? " + " : node->op == LOOP_SUB ? " - " : " * ";
  Level           own = node->op == LOOP_MUL ? LEVEL_PRODUCT : LEVEL_SUM;
  bool            plain = scalar_is_float(scalar) || !scalar_is_signed(scalar) || (scalar == SCALAR_INDEX && !c_comes_from_data(e, expr));
  if (plain || c_cannot_overflow(e, node)) infix(e, node, text, own, level);
  else through_unsigned(e, node, text, level);
}

static void div_rem(Emitter *e, Expr expr, Level level) {
  const ExprNode *node = node_of(e, expr);
  ValueRange      divisor = c_range(e, node->operand[1]);
  bool            any = !scalar_is_float((Scalar)node->scalar) && divisor.lo < 1 && divisor.hi > -2;
  if (any) helper_call(e, node->op == LOOP_DIV ? VECTOR_DIV : VECTOR_REM, expr, (Scalar)node->scalar);
  else infix(e, node, node->op == LOOP_DIV ? " / " : " % ", LEVEL_PRODUCT, level);
}

static void bitwise(Emitter *e, const ExprNode *node, const char *text, Level own, Level level) {
  open_level(e, own, level);
  c_expression(e, node->operand[0], LEVEL_UNARY);
  text_string(&e->now.line, text);
  c_expression(e, node->operand[1], LEVEL_UNARY);
  close_level(e, own, level);
}

static void shift(Emitter *e, Expr expr, Level level) {
  const ExprNode *node = node_of(e, expr);
  Scalar          scalar = (Scalar)node->scalar;
  ValueRange      count = c_range(e, node->operand[1]);
  if (scalar == SCALAR_U64 || count.lo < 0 || count.hi >= (int64_t)c_bits(e, scalar))
    helper_call(e, node->op == LOOP_SHL ? VECTOR_SHL : VECTOR_SHR, expr, scalar);
  else if (node->op == LOOP_SHL && scalar_is_signed(scalar)) through_unsigned(e, node, " << ", level);
  else bitwise(e, node, node->op == LOOP_SHL ? " << " : " >> ", LEVEL_SHIFT, level);
}

static void negate(Emitter *e, const ExprNode *node, Level level) {
  Scalar scalar = (Scalar)node->scalar;
  bool   wraps = !scalar_is_float(scalar) && scalar_is_signed(scalar);
  open_level(e, LEVEL_UNARY, level);
  if (wraps) c_print(e, "(%s)-(%s)", c_vector_type(e, scalar, node->lanes), unsigned_type(e, node));
  else text_char(&e->now.line, '-');
  c_expression(e, node->operand[0], wraps ? LEVEL_UNARY : LEVEL_PRIMARY);
  close_level(e, LEVEL_UNARY, level);
}

/* ---- conversions ---- */

static void c_cast(Emitter *e, const ExprNode *node, Level level) {
  open_level(e, LEVEL_UNARY, level);
  c_print(e, "(%s)", c_vector_type(e, (Scalar)node->scalar, node->lanes));
  c_expression(e, node->operand[0], LEVEL_UNARY);
  close_level(e, LEVEL_UNARY, level);
}

static void convert(Emitter *e, const ExprNode *node) {
  text_string(&e->now.line, "__builtin_convertvector(");
  c_expression(e, node->operand[0], LEVEL_CHOICE);
  c_print(e, ", %s)", c_vector_type(e, (Scalar)node->scalar, node->lanes));
}

/* 0 or 1 of a mask, whose lanes are made as wide as the result's first. */
static void of_mask(Emitter *e, const ExprNode *node, Level level) {
  Scalar   to = (Scalar)node->scalar;
  unsigned bits = c_bits(e, to);
  bool     is_float = scalar_is_float(to);
  open_level(e, is_float ? LEVEL_PRIMARY : LEVEL_UNARY, level);
  c_print(e, is_float ? "__builtin_convertvector(" : "(%s)(", c_vector_type(e, to, node->lanes));
  c_mask(e, node->operand[0], bits, LEVEL_UNARY);
  text_string(&e->now.line, " & 1");
  if (is_float) c_print(e, ", %s", c_vector_type(e, to, node->lanes));
  text_char(&e->now.line, ')');
  close_level(e, is_float ? LEVEL_PRIMARY : LEVEL_UNARY, level);
}

static bool is_half(Scalar scalar) { return scalar == SCALAR_F16 || scalar == SCALAR_BF16; }

static bool same_bits(const Emitter *e, Scalar a, Scalar b) { return !scalar_is_float(a) && !scalar_is_float(b) && c_bits(e, a) == c_bits(e, b); }

static void cast(Emitter *e, Expr expr, Level level) {
  const ExprNode *node = node_of(e, expr);
  Scalar          to = (Scalar)node->scalar, from = scalar_of(e, node->operand[0]);
  bool            fits = c_range_fits(e, c_range(e, node->operand[0]), from, to), narrows_index = to == SCALAR_INDEX && c_bits(e, to) == 32;
  if (is_half(to) || is_half(from) || (scalar_is_float(from) && !scalar_is_float(to) && !fits)) helper_call(e, VECTOR_CONVERT, expr, from);
  else if (from == SCALAR_I1) of_mask(e, node, level);
  else if (narrows_index && !fits) helper_call(e, VECTOR_SATURATE, expr, from); /* as of scalars */
  else if (same_bits(e, to, from)) c_cast(e, node, level);
  else convert(e, node);
}

static void saturate(Emitter *e, Expr expr, Level level) {
  const ExprNode *node = node_of(e, expr);
  Scalar          to = (Scalar)node->scalar, from = scalar_of(e, node->operand[0]);
  if (!c_range_fits(e, c_range(e, node->operand[0]), from, to)) helper_call(e, VECTOR_SATURATE, expr, from);
  else if (same_bits(e, to, from)) c_cast(e, node, level);
  else convert(e, node);
}

/* ---- lanes ---- */

static void select(Emitter *e, const ExprNode *node) {
  helper(e, VECTOR_SELECT, (Scalar)node->scalar, (Scalar)node->scalar, node->lanes);
  text_char(&e->now.line, '(');
  c_mask(e, node->operand[0], c_bits(e, (Scalar)node->scalar), LEVEL_CHOICE);
  for (uint32_t i = 1; i < 3; i++) {
    text_string(&e->now.line, ", ");
    c_expression(e, node->operand[i], LEVEL_CHOICE);
  }
  text_char(&e->now.line, ')');
}

static void extract(Emitter *e, Expr expr) {
  const ExprNode *node = node_of(e, expr);
  text_string(&e->now.line, c_vector_helper(e, (VectorNeed){.helper = VECTOR_PART,
                                                            .to = (Scalar)node->scalar,
                                                            .from = (Scalar)node->scalar,
                                                            .lanes = node->lanes,
                                                            .from_lanes = node_of(e, node->operand[0])->lanes,
                                                            .first = (uint16_t)node->operand[1]}));
  arguments(e, expr);
}

void c_extract_lane(Emitter *e, const ExprNode *node, Level level) {
  bool mask = node->scalar == SCALAR_I1;
  if (node_of(e, node->operand[0])->lanes == 1) {
    c_expression(e, node->operand[0], level);
    return;
  }
  if (mask) open_level(e, LEVEL_EQUAL, level);
  if (mask) c_mask(e, node->operand[0], c_mask_bits(e, node->operand[0]) ? c_mask_bits(e, node->operand[0]) : 8, LEVEL_PRIMARY);
  else c_expression(e, node->operand[0], LEVEL_PRIMARY);
  c_print(e, mask ? "[%u] != 0" : "[%u]", node->operand[1]);
  if (mask) close_level(e, LEVEL_EQUAL, level);
}

/* ---- all ---- */

static const uint8_t helper_of[LOOP_OP_COUNT] = {
    [LOOP_ABS] = VECTOR_ABS,     [LOOP_SQRT] = VECTOR_SQRT,     [LOOP_FLOOR] = VECTOR_FLOOR, [LOOP_CEIL] = VECTOR_CEIL,
    [LOOP_TRUNC] = VECTOR_TRUNC, [LOOP_ROUND] = VECTOR_ROUND,   [LOOP_MIN] = VECTOR_MIN,     [LOOP_MAX] = VECTOR_MAX,
    [LOOP_FMA] = VECTOR_FMA,     [LOOP_BROADCAST] = VECTOR_ALL, [LOOP_LANES] = VECTOR_LANES,
};

void c_vector(Emitter *e, Expr expr, Level level) {
  const ExprNode *node = node_of(e, expr);
  Scalar          scalar = (Scalar)node->scalar;
  if (scalar == SCALAR_I1) {
    c_mask(e, expr, c_mask_bits(e, expr) ? c_mask_bits(e, expr) : MASK_BITS, level);
    return;
  }
  switch (node->op) {
  case LOOP_SLOT:
  case LOOP_LOAD:
  case LOOP_CALL: named_value(e, expr); return;
  case LOOP_NEG: negate(e, node, level); return;
  case LOOP_NOT:
    open_level(e, LEVEL_UNARY, level);
    text_char(&e->now.line, '~');
    c_expression(e, node->operand[0], LEVEL_UNARY);
    close_level(e, LEVEL_UNARY, level);
    return;
  case LOOP_ADD:
  case LOOP_SUB:
  case LOOP_MUL: add_sub_mul(e, expr, level); return;
  case LOOP_DIV:
  case LOOP_REM: div_rem(e, expr, level); return;
  case LOOP_AND: bitwise(e, node, " & ", LEVEL_AND, level); return;
  case LOOP_OR: bitwise(e, node, " | ", LEVEL_OR, level); return;
  case LOOP_XOR: bitwise(e, node, " ^ ", LEVEL_XOR, level); return;
  case LOOP_SHL:
  case LOOP_SHR: shift(e, expr, level); return;
  case LOOP_SELECT: select(e, node); return;
  case LOOP_CAST: cast(e, expr, level); return;
  case LOOP_SATURATE: saturate(e, expr, level); return;
  case LOOP_BITCAST: c_cast(e, node, level); return;
  case LOOP_EXTRACT: extract(e, expr); return;
  default: break;
  }
  if (!helper_of[node->op] && node->op != LOOP_BROADCAST)
    bug(e->context, "%s: operation %s of vectors cannot be printed as C", e->now.code->name, loop_op_text((LoopOp)node->op));
  helper_call(e, (VectorHelper)helper_of[node->op], expr, scalar);
}
