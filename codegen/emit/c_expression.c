/* Expressions: the loop IR's values as C expressions, with as few parentheses as gcc and clang accept without a warning.
 *
 * A printed expression has the C type of its scalar (or, for types narrower than int and for constants, converts to it without a change and
 * without a warning). One evaluation gives one result: where C's operator has another rule than the loop IR's (overflow, division, shifts,
 * conversions), a cast form or a prelude function stands in, unless ranges prove that it cannot matter. */
#include "c_emit.h"

#include <math.h>
#include <string.h>

static void open_level(Emitter *e, Level own, Level level) {
  if (own < level) text_char(&e->now.line, '(');
}
static void close_level(Emitter *e, Level own, Level level) {
  if (own < level) text_char(&e->now.line, ')');
}

static Scalar scalar_of(const Emitter *e, Expr expr) { return (Scalar)expr_at(e->now.code, expr)->scalar; }
static bool   is_narrow(const Emitter *e, Scalar scalar) { return c_bits(e, scalar) < 32 && scalar != SCALAR_I1; }

/* ---- literals ---- */

static void integer_literal(Emitter *e, Scalar scalar, int64_t value, Level level) {
  bool is_unsigned = !scalar_is_signed(scalar), is_wide = c_bits(e, scalar) == 64;
  if (is_unsigned) {
    c_print(e,
            is_wide                   ? "UINT64_C(%llu)"
            : c_bits(e, scalar) == 32 ? "%lluu"
                                      : "%llu",
            (unsigned long long)(is_wide ? (uint64_t)value : (uint64_t)value & 0xffffffffu));
    return;
  }
  if (is_wide ? value == INT64_MIN : value == INT32_MIN && c_bits(e, scalar) == 32) {
    text_string(&e->now.line, c_minimum(e, scalar));
    return;
  }
  bool macro = is_wide && (scalar != SCALAR_INDEX || value > INT32_MAX || value < INT32_MIN);
  if (value < 0) open_level(e, LEVEL_UNARY, level);
  c_print(e, macro ? "%sINT64_C(%llu)" : "%s%llu", value < 0 ? "-" : "", (unsigned long long)(value < 0 ? -(uint64_t)value : (uint64_t)value));
  if (value < 0) close_level(e, LEVEL_UNARY, level);
}

/* Infinities and NaN have no literal without math.h: they are made from their bits. */
static void float_literal(Emitter *e, Scalar scalar, double value, Level level) {
  bool single = scalar == SCALAR_F32;
  if (isnan(value) || isinf(value)) {
    const char *name = isnan(value) ? "NaN" : value < 0 ? "-infinity" : "infinity";
    c_helper(e, HELPER_BITS, scalar, single ? SCALAR_U32 : SCALAR_U64);
    if (single) c_print(e, "(0x%08xu /* %s */)", isnan(value) ? 0x7fc00000u : value < 0 ? 0xff800000u : 0x7f800000u, name);
    else c_print(e, "(UINT64_C(0x%s00000000000) /* %s */)", isnan(value) ? "7ff80" : value < 0 ? "fff00" : "7ff00", name);
    return;
  }
  bool negative = signbit(value) != 0;
  if (negative) open_level(e, LEVEL_UNARY, level);
  if (fabs(value) < 1e6 && value == floor(value)) c_print(e, "%s%.0f.0", negative ? "-" : "", fabs(value));
  else text_f64(&e->now.line, value);
  if (single) text_char(&e->now.line, 'f');
  if (negative) close_level(e, LEVEL_UNARY, level);
}

void c_literal(Emitter *e, Scalar scalar, int64_t integer, double number, Level level) {
  if (scalar == SCALAR_I1) text_string(&e->now.line, integer ? "true" : "false");
  else if (scalar == SCALAR_F32 || scalar == SCALAR_F64) float_literal(e, scalar, number, level);
  else if (scalar == SCALAR_F16 || scalar == SCALAR_BF16)
    c_print(e, "0x%04xu", (unsigned)element_from_f64(scalar == SCALAR_F16 ? ELEMENT_F16 : ELEMENT_BF16, number));
  else integer_literal(e, scalar, integer, level);
}

/* ---- calls ---- */

static void arguments(Emitter *e, Expr expr) {
  text_char(&e->now.line, '(');
  for (uint32_t i = 0; i < expr_operand_count(e->now.code, expr); i++) {
    if (i > 0) text_string(&e->now.line, ", ");
    c_expression(e, expr_operand(e->now.code, expr, i), LEVEL_CHOICE);
  }
  text_char(&e->now.line, ')');
}

static void helper_call(Emitter *e, Helper helper, Expr expr, Scalar to, Scalar from) {
  c_helper(e, helper, to, from);
  arguments(e, expr);
}

/* ---- loads ---- */

bool c_subscript_term(Emitter *e, Expr index, Dim stride, int64_t *constant, bool first) {
  int64_t         scale = 0, factor = 1;
  bool            fixed = dim_is_constant(e->program->dims, stride, &scale);
  const ExprNode *node = expr_at(e->now.code, index);
  if (fixed && scale == 0) return false;
  while (fixed && (node->op == LOOP_ADD || node->op == LOOP_SUB)) { /* i + 3: the 3 joins the constant part */
    const ExprNode *right = expr_at(e->now.code, node->operand[1]);
    if (right->op != LOOP_CONSTANT) break;
    *constant += (node->op == LOOP_ADD ? right->integer : -right->integer) * scale;
    index = node->operand[0];
    node = expr_at(e->now.code, index);
  }
  if (fixed && node->op == LOOP_CONSTANT) {
    *constant += node->integer * scale;
    return false;
  }
  if (fixed && node->op == LOOP_MUL && expr_at(e->now.code, node->operand[1])->op == LOOP_CONSTANT) { /* i * 2: the 2 joins the stride */
    factor = expr_at(e->now.code, node->operand[1])->integer;
    index = node->operand[0];
  }
  if (!first) text_string(&e->now.line, " + ");
  bool whole = fixed && scale * factor == 1;
  c_expression(e, index, whole ? LEVEL_SUM : LEVEL_PRODUCT);
  if (whole) return true;
  text_string(&e->now.line, " * ");
  if (fixed) integer_literal(e, SCALAR_INDEX, scale * factor, LEVEL_UNARY);
  else c_dim(e, stride, DIM_FORM_INDEX, LEVEL_UNARY);
  return true;
}

Dim c_stride(Emitter *e, const OperandInfo *operand, uint32_t axis) {
  return operand->strided ? operand->strides[axis] : dim_product(e->program->dims, operand->dims + axis + 1, operand->rank - axis - 1);
}

void c_element(Emitter *e, const OperandInfo *operand, const char *base, uint32_t list, uint32_t list_count) {
  int64_t constant = 0;
  bool    any = false;
  c_print(e, "%s[", base);
  for (uint32_t axis = 0; axis < list_count; axis++) {
    Expr index = e->now.code->lists.data[list + axis];
    if (expr_at(e->now.code, index)->lanes == 1) any |= c_subscript_term(e, index, c_stride(e, operand, axis), &constant, !any);
  }
  if (!any) integer_literal(e, SCALAR_INDEX, constant, LEVEL_ANY);
  else if (constant) c_print(e, constant < 0 ? " - %llu" : " + %llu", (unsigned long long)(constant < 0 ? -(uint64_t)constant : (uint64_t)constant));
  text_char(&e->now.line, ']');
}

static void load(Emitter *e, const ExprNode *node, Level level) {
  Scalar scalar = (Scalar)node->scalar;
  bool   narrows = scalar == SCALAR_INDEX && c_bits(e, scalar) == 32;
  Level  own = scalar == SCALAR_I1 ? LEVEL_EQUAL : narrows ? LEVEL_UNARY : LEVEL_PRIMARY;
  open_level(e, own, level);
  if (narrows) text_string(&e->now.line, "(int32_t)");
  if (e->now.code->kind == CODE_ENTRY) {
    c_entry_element(e, node->operand[0], false, node->operand[1], node->operand[2]);
  } else {
    const OperandInfo *operand = &e->now.code->operands.data[node->operand[0]];
    e->now.operand_used[node->operand[0]] = true;
    c_element(e, operand, e->now.operand_names[node->operand[0]], node->operand[1], node->operand[2]);
  }
  if (scalar == SCALAR_I1) text_string(&e->now.line, " != 0");
  close_level(e, own, level);
}

/* ---- arithmetic ---- */

static void plain_binary(Emitter *e, Expr expr, const char *operator_text, Level own, Level left, Level right, Level level) {
  const ExprNode *node = expr_at(e->now.code, expr);
  open_level(e, own, level);
  c_expression(e, node->operand[0], left);
  text_string(&e->now.line, operator_text);
  c_expression(e, node->operand[1], right);
  close_level(e, own, level);
}

/* An operand of arithmetic in the unsigned type `inner`; NULL: as it is. */
static void unsigned_operand(Emitter *e, Expr expr, const char *inner, Level level) {
  const ExprNode *node = expr_at(e->now.code, expr);
  bool            wide = c_bits(e, (Scalar)node->scalar) == 64;
  if (inner && node->op == LOOP_CONSTANT && node->integer >= 0) {
    integer_literal(e, wide ? SCALAR_U64 : SCALAR_U32, node->integer, level);
  } else {
    if (inner) c_print(e, "(%s)", inner);
    c_expression(e, expr, inner ? LEVEL_UNARY : level);
  }
}

/* (int32_t)((uint32_t)a + (uint32_t)b): arithmetic that wraps. Types narrower than int only need the outer cast, but u16 products also overflow int.
 */
static void wrapping_binary(Emitter *e, Expr expr, const char *operator_text, Level own, Level level) {
  const ExprNode *node = expr_at(e->now.code, expr);
  Scalar          scalar = (Scalar)node->scalar;
  const char     *type = c_type(e, scalar);
  const char     *inner = !is_narrow(e, scalar) ? c_unsigned_type(e, scalar) : own == LEVEL_PRODUCT && scalar == SCALAR_U16 ? "uint32_t" : NULL;
  open_level(e, LEVEL_UNARY, level);
  c_print(e, "(%s)(", type);
  unsigned_operand(e, node->operand[0], inner, own);
  text_string(&e->now.line, operator_text);
  unsigned_operand(e, node->operand[1], inner, own + 1);
  text_char(&e->now.line, ')');
  close_level(e, LEVEL_UNARY, level);
}

bool c_cannot_overflow(Emitter *e, const ExprNode *node) {
  ValueRange a = c_range(e, node->operand[0]), b = c_range(e, node->operand[1]), full = c_range_full(e, (Scalar)node->scalar);
  int64_t    left[2] = {a.lo, a.hi}, right[2] = {b.lo, b.hi};
  for (int i = 0; i < 4; i++) {
    int64_t x = left[i & 1], y = right[i >> 1], r;
    bool    overflow = node->op == LOOP_ADD   ? __builtin_add_overflow(x, y, &r)
                       : node->op == LOOP_SUB ? __builtin_sub_overflow(x, y, &r)
                                              : __builtin_mul_overflow(x, y, &r);
    if (overflow || r < full.lo || r > full.hi) return false;
  }
  return true;
}

bool c_comes_from_data(const Emitter *e, Expr expr) {
  const ExprNode *node = expr_at(e->now.code, expr);
  if (node->op == LOOP_SLOT) return e->now.slot_from_data[node->operand[0]] || e->now.code->kind == CODE_FUNCTION;
  if (node->op == LOOP_CAST || node->op == LOOP_LOAD || node->op == LOOP_CALL || node->op == LOOP_BITCAST) return true;
  for (uint32_t i = 0; i < expr_operand_count(e->now.code, expr); i++)
    if (c_comes_from_data(e, expr_operand(e->now.code, expr, i))) return true;
  return false;
}

static void add_sub_mul(Emitter *e, Expr expr, Level level) {
  const ExprNode *node = expr_at(e->now.code, expr);
  Scalar          scalar = (Scalar)node->scalar;
  const char     *text = node->op == LOOP_ADD ? " + " : node->op == LOOP_SUB ? " - " : " * ";
  Level           own = node->op == LOOP_MUL ? LEVEL_PRODUCT : LEVEL_SUM;
  bool            plain = scalar_is_float(scalar) || scalar == SCALAR_U32 || scalar == SCALAR_U64;
  if (!plain && !is_narrow(e, scalar)) plain = c_cannot_overflow(e, node) || (scalar == SCALAR_INDEX && !c_comes_from_data(e, expr));
  if (plain) plain_binary(e, expr, text, own, own, own + 1, level);
  else wrapping_binary(e, expr, text, own, level);
}

static void div_rem(Emitter *e, Expr expr, Level level) {
  const ExprNode *node = expr_at(e->now.code, expr);
  Scalar          scalar = (Scalar)node->scalar;
  const char     *text = node->op == LOOP_DIV ? " / " : " % ";
  ValueRange      divisor = c_range(e, node->operand[1]);
  if (!scalar_is_float(scalar) && divisor.lo < 1 && divisor.hi > -2) {
    helper_call(e, node->op == LOOP_DIV ? HELPER_DIV : HELPER_REM, expr, scalar, scalar);
    return;
  }
  if (is_narrow(e, scalar)) {
    open_level(e, LEVEL_UNARY, level);
    c_print(e, "(%s)", c_type(e, scalar));
    plain_binary(e, expr, text, LEVEL_PRODUCT, LEVEL_PRODUCT, LEVEL_UNARY, LEVEL_PRIMARY);
    close_level(e, LEVEL_UNARY, level);
  } else {
    plain_binary(e, expr, text, LEVEL_PRODUCT, LEVEL_PRODUCT, LEVEL_UNARY, level);
  }
}

/* Whether a call may be printed for it. clang takes & of two calls for a mistyped &&. */
static bool prints_call(const Emitter *e, Expr expr) {
  const ExprNode *node = expr_at(e->now.code, expr);
  bool plain = node->op <= LOOP_LOAD || (node->op >= LOOP_ADD && node->op <= LOOP_MUL) || (node->op >= LOOP_EQ && node->op <= LOOP_SELECT) ||
               node->op == LOOP_NOT || node->op == LOOP_AND || node->op == LOOP_OR || node->op == LOOP_XOR;
  if (!plain) return true;
  for (uint32_t i = 0; i < expr_operand_count(e->now.code, expr); i++)
    if (prints_call(e, expr_operand(e->now.code, expr, i))) return true;
  return false;
}

static void logical(Emitter *e, Expr expr, Level level) {
  const ExprNode *node = expr_at(e->now.code, expr);
  const char     *text = node->op == LOOP_AND ? " & " : node->op == LOOP_OR ? " | " : " != ";
  Level           own = node->op == LOOP_AND ? LEVEL_AND : node->op == LOOP_OR ? LEVEL_OR : LEVEL_EQUAL;
  bool            chain = expr_at(e->now.code, node->operand[0])->op == node->op && node->op != LOOP_XOR;
  open_level(e, own, level);
  c_expression(e, node->operand[0], chain ? own : LEVEL_UNARY);
  text_string(&e->now.line, text);
  if (node->op != LOOP_XOR && prints_call(e, node->operand[1])) text_string(&e->now.line, "(int)");
  c_expression(e, node->operand[1], LEVEL_UNARY);
  close_level(e, own, level);
}

static void bitwise(Emitter *e, Expr expr, Level level) {
  const ExprNode *node = expr_at(e->now.code, expr);
  const char     *text = node->op == LOOP_AND ? " & " : node->op == LOOP_OR ? " | " : " ^ ";
  Level           own = node->op == LOOP_AND ? LEVEL_AND : node->op == LOOP_OR ? LEVEL_OR : LEVEL_XOR;
  bool            narrow = is_narrow(e, (Scalar)node->scalar);
  bool            chain = expr_at(e->now.code, node->operand[0])->op == node->op && !narrow;
  if (narrow) {
    open_level(e, LEVEL_UNARY, level);
    c_print(e, "(%s)(", c_type(e, (Scalar)node->scalar));
  } else {
    open_level(e, own, level);
  }
  c_expression(e, node->operand[0], chain ? own : LEVEL_UNARY);
  text_string(&e->now.line, text);
  c_expression(e, node->operand[1], LEVEL_UNARY);
  if (narrow) text_char(&e->now.line, ')');
  close_level(e, narrow ? LEVEL_UNARY : own, level);
}

static void shift(Emitter *e, Expr expr, Level level) {
  const ExprNode *node = expr_at(e->now.code, expr);
  Scalar          scalar = (Scalar)node->scalar;
  ValueRange      count = c_range(e, node->operand[1]);
  if (scalar_of(e, node->operand[1]) == SCALAR_U64 || count.lo < 0 || count.hi >= (int64_t)c_bits(e, scalar)) {
    helper_call(e, node->op == LOOP_SHL ? HELPER_SHL : HELPER_SHR, expr, scalar, scalar);
    return;
  }
  const char *type = c_type(e, scalar), *text = node->op == LOOP_SHL ? " << " : " >> ";
  bool        through_unsigned = node->op == LOOP_SHL && (scalar_is_signed(scalar) || is_narrow(e, scalar));
  bool        cast = through_unsigned || is_narrow(e, scalar);
  open_level(e, cast ? LEVEL_UNARY : LEVEL_SHIFT, level);
  if (cast) c_print(e, "(%s)(", type);
  if (through_unsigned) c_print(e, "(%s)", c_bits(e, scalar) == 64 ? "uint64_t" : "uint32_t");
  c_expression(e, node->operand[0], LEVEL_UNARY);
  text_string(&e->now.line, text);
  c_expression(e, node->operand[1], LEVEL_UNARY);
  if (cast) text_char(&e->now.line, ')');
  close_level(e, cast ? LEVEL_UNARY : LEVEL_SHIFT, level);
}

/* Comparisons of a narrow or unsigned type with the end of its range are always true or false, which gcc warns of. */
static bool is_zero(const Emitter *e, Expr expr) {
  return expr_at(e->now.code, expr)->op == LOOP_CONSTANT && expr_at(e->now.code, expr)->integer == 0;
}

static bool decided(Emitter *e, const ExprNode *node, bool *result) {
  Scalar scalar = scalar_of(e, node->operand[0]);
  if (scalar_is_float(scalar) || scalar == SCALAR_INDEX) return false;
  if (scalar == SCALAR_U64) { /* ranges know nothing of it */
    *result = node->op == LOOP_GE || node->op == LOOP_LE;
    return is_zero(e, node->operand[node->op == LOOP_LT || node->op == LOOP_GE]) && node->op >= LOOP_LT;
  }
  ValueRange a = c_range(e, node->operand[0]), b = c_range(e, node->operand[1]);
  bool below = a.hi<b.lo, above = a.lo> b.hi, not_above = a.hi <= b.lo, not_below = a.lo >= b.hi;
  switch (node->op) {
  case LOOP_EQ:
  case LOOP_NE: *result = node->op == LOOP_NE; return below || above;
  case LOOP_LT: *result = below; return below || not_below;
  case LOOP_LE: *result = not_above; return not_above || above;
  case LOOP_GT: *result = above; return above || not_above;
  default: *result = not_below; return not_below || below;
  }
}

static void compare(Emitter *e, Expr expr, Level level) {
  static const char *const texts[] = {" == ", " != ", " < ", " <= ", " > ", " >= "};
  const ExprNode          *node = expr_at(e->now.code, expr);
  Level                    own = node->op == LOOP_EQ || node->op == LOOP_NE ? LEVEL_EQUAL : LEVEL_LESS;
  bool                     result;
  if (decided(e, node, &result)) text_string(&e->now.line, result ? "true" : "false");
  else plain_binary(e, expr, texts[node->op - LOOP_EQ], own, LEVEL_SHIFT, LEVEL_SHIFT, level);
}
_Static_assert(LOOP_NE == LOOP_EQ + 1 && LOOP_LT == LOOP_EQ + 2 && LOOP_LE == LOOP_EQ + 3 && LOOP_GT == LOOP_EQ + 4 && LOOP_GE == LOOP_EQ + 5,
               "order of comparisons");

static void select(Emitter *e, Expr expr, Level level) {
  const ExprNode *node = expr_at(e->now.code, expr);
  bool            narrow = is_narrow(e, (Scalar)node->scalar);
  open_level(e, narrow ? LEVEL_UNARY : LEVEL_CHOICE, level);
  if (narrow) c_print(e, "(%s)(", c_type(e, (Scalar)node->scalar));
  c_expression(e, node->operand[0], LEVEL_EQUAL); /* `a & b ? ..` gets parentheses that C doesn't need but clang's warnings want */
  text_string(&e->now.line, " ? ");
  c_expression(e, node->operand[1], LEVEL_OR);
  text_string(&e->now.line, " : ");
  c_expression(e, node->operand[2], LEVEL_OR);
  if (narrow) text_char(&e->now.line, ')');
  close_level(e, narrow ? LEVEL_UNARY : LEVEL_CHOICE, level);
}

/* ---- unary ---- */

static void negate(Emitter *e, Expr expr, Level level) {
  const ExprNode *node = expr_at(e->now.code, expr);
  Scalar          scalar = (Scalar)node->scalar;
  ValueRange      a = c_range(e, node->operand[0]);
  open_level(e, LEVEL_UNARY, level);
  if (scalar_is_float(scalar) || (!is_narrow(e, scalar) && scalar_is_signed(scalar) && a.lo > c_range_full(e, scalar).lo)) {
    text_char(&e->now.line, '-');
    c_expression(e, node->operand[0], LEVEL_PRIMARY);
  } else { /* 0 - a, so that the smallest integer stays itself */
    bool wide = !is_narrow(e, scalar);
    c_print(e, "(%s)(%s", c_type(e, scalar), wide ? "0u - " : "0 - ");
    if (wide) c_print(e, "(%s)", c_unsigned_type(e, scalar));
    c_expression(e, node->operand[0], LEVEL_UNARY);
    text_char(&e->now.line, ')');
  }
  close_level(e, LEVEL_UNARY, level);
}

static void invert(Emitter *e, Expr expr, Level level) {
  const ExprNode *node = expr_at(e->now.code, expr);
  Scalar          scalar = (Scalar)node->scalar;
  open_level(e, LEVEL_UNARY, level);
  if (is_narrow(e, scalar)) c_print(e, "(%s)", c_type(e, scalar));
  text_char(&e->now.line, scalar == SCALAR_I1 ? '!' : '~');
  c_expression(e, node->operand[0], LEVEL_UNARY);
  close_level(e, LEVEL_UNARY, level);
}

/* ---- conversions ---- */

static void c_cast(Emitter *e, Scalar to, Expr value, Level level) {
  open_level(e, LEVEL_UNARY, level);
  c_print(e, "(%s)", c_type(e, to));
  c_expression(e, value, LEVEL_UNARY);
  close_level(e, LEVEL_UNARY, level);
}

static bool is_half(Scalar scalar) { return scalar == SCALAR_F16 || scalar == SCALAR_BF16; }

static void cast(Emitter *e, Expr expr, Level level) {
  const ExprNode *node = expr_at(e->now.code, expr);
  Scalar          to = (Scalar)node->scalar, from = scalar_of(e, node->operand[0]);
  ValueRange      value = c_range(e, node->operand[0]);
  bool            narrows_index = to == SCALAR_INDEX && c_bits(e, to) == 32;
  if (is_half(to) || is_half(from)) {
    helper_call(e, HELPER_CONVERT, expr, to, from);
  } else if (to == SCALAR_I1) {
    open_level(e, LEVEL_EQUAL, level);
    c_expression(e, node->operand[0], LEVEL_EQUAL);
    text_string(&e->now.line, from == SCALAR_F32 ? " != 0.0f" : from == SCALAR_F64 ? " != 0.0" : " != 0");
    close_level(e, LEVEL_EQUAL, level);
  } else if (scalar_is_float(from) && !scalar_is_float(to) && !c_range_fits(e, value, from, to)) {
    helper_call(e, HELPER_CONVERT, expr, to, from);
  } else if (narrows_index && from != SCALAR_I1 && !c_range_fits(e, value, from, to)) {
    helper_call(e, HELPER_SATURATE, expr, to, from); /* stays out of bounds where it was, so clamping finds it */
  } else if (strcmp(c_type(e, to), c_type(e, from)) == 0) {
    c_expression(e, node->operand[0], level);
  } else {
    c_cast(e, to, node->operand[0], level);
  }
}

static void saturate(Emitter *e, Expr expr, Level level) {
  const ExprNode *node = expr_at(e->now.code, expr);
  Scalar          to = (Scalar)node->scalar, from = scalar_of(e, node->operand[0]);
  if (c_range_fits(e, c_range(e, node->operand[0]), from, to)) c_cast(e, to, node->operand[0], level);
  else helper_call(e, HELPER_SATURATE, expr, to, from);
}

static void bitcast(Emitter *e, Expr expr, Level level) {
  const ExprNode *node = expr_at(e->now.code, expr);
  Scalar          to = (Scalar)node->scalar, from = scalar_of(e, node->operand[0]);
  bool            moves = c_bits(e, to) >= 32 && scalar_is_float(to) != scalar_is_float(from); /* between float and integer registers */
  if (moves) helper_call(e, HELPER_BITS, expr, to, from);
  else if (strcmp(c_type(e, to), c_type(e, from)) == 0) c_expression(e, node->operand[0], level);
  else c_cast(e, to, node->operand[0], level);
}

/* ---- all ---- */

static const uint8_t helper_of[LOOP_OP_COUNT] = {
    [LOOP_ABS] = HELPER_ABS,     [LOOP_SQRT] = HELPER_SQRT, [LOOP_FLOOR] = HELPER_FLOOR, [LOOP_CEIL] = HELPER_CEIL, [LOOP_TRUNC] = HELPER_TRUNC,
    [LOOP_ROUND] = HELPER_ROUND, [LOOP_MIN] = HELPER_MIN,   [LOOP_MAX] = HELPER_MAX,     [LOOP_FMA] = HELPER_FMA,
};

void c_expression(Emitter *e, Expr expr, Level level) {
  const ExprNode *node = expr_at(e->now.code, expr);
  Scalar          scalar = (Scalar)node->scalar;
  if (node->lanes > 1) {
    c_vector(e, expr, level);
    return;
  }
  switch (node->op) {
  case LOOP_CONSTANT: c_literal(e, scalar, node->integer, node->number, level); return;
  case LOOP_DIM: c_dim(e, (Dim)node->integer, DIM_FORM_INDEX, level); return;
  case LOOP_SLOT:
    e->now.slot_printed[node->operand[0]] = true;
    text_string(&e->now.line, e->now.slot_names[node->operand[0]]);
    return;
  case LOOP_LOAD: load(e, node, level); return;
  case LOOP_CALL:
    text_string(&e->now.line, c_function(e, node->operand[0]));
    arguments(e, expr);
    return;
  case LOOP_NEG: negate(e, expr, level); return;
  case LOOP_NOT: invert(e, expr, level); return;
  case LOOP_ADD:
  case LOOP_SUB:
  case LOOP_MUL: add_sub_mul(e, expr, level); return;
  case LOOP_DIV:
  case LOOP_REM: div_rem(e, expr, level); return;
  case LOOP_AND:
  case LOOP_OR:
  case LOOP_XOR: (scalar == SCALAR_I1 ? logical : bitwise)(e, expr, level); return;
  case LOOP_SHL:
  case LOOP_SHR: shift(e, expr, level); return;
  case LOOP_EQ:
  case LOOP_NE:
  case LOOP_LT:
  case LOOP_LE:
  case LOOP_GT:
  case LOOP_GE: compare(e, expr, level); return;
  case LOOP_SELECT: select(e, expr, level); return;
  case LOOP_CAST: cast(e, expr, level); return;
  case LOOP_SATURATE: saturate(e, expr, level); return;
  case LOOP_BITCAST: bitcast(e, expr, level); return;
  case LOOP_EXTRACT: c_extract_lane(e, node, level); return;
  case LOOP_ABS:
  case LOOP_SQRT:
  case LOOP_FLOOR:
  case LOOP_CEIL:
  case LOOP_TRUNC:
  case LOOP_ROUND:
  case LOOP_MIN:
  case LOOP_MAX:
  case LOOP_FMA: helper_call(e, (Helper)helper_of[node->op], expr, scalar, scalar); return;
  default: bug(e->context, "%s: operation %s cannot be printed as C", e->now.code->name, loop_op_text((LoopOp)node->op));
  }
}
