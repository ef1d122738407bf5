/* Sums of index expressions. */
#include "affine.h"

/* ---- equality ---- */

/* Bits, so that 0 and -0 differ. */
static bool same_node(const ExprNode *a, const ExprNode *b) {
  if (a->op != b->op || a->scalar != b->scalar || a->lanes != b->lanes) return false;
  if (a->op == LOOP_CONSTANT || a->op == LOOP_DIM) return a->integer == b->integer;
  if (a->op == LOOP_EXTRACT && a->operand[1] != b->operand[1]) return false;
  if (a->op == LOOP_SLOT) return a->operand[0] == b->operand[0];
  if (a->op == LOOP_LOAD || a->op == LOOP_CALL) return a->operand[0] == b->operand[0] && a->operand[2] == b->operand[2];
  return true;
}

bool expr_equal(const Code *code, Expr a, Expr b) {
  if (a == b) return true;
  if (!same_node(expr_at(code, a), expr_at(code, b))) return false;
  for (uint32_t i = 0, count = expr_operand_count(code, a); i < count; i++)
    if (!expr_equal(code, expr_operand(code, a, i), expr_operand(code, b, i))) return false;
  return true;
}

bool expr_is_fixed(const Code *code, Expr expr) {
  const ExprNode *node = expr_at(code, expr);
  if (node->op == LOOP_LOAD || node->op == LOOP_CALL || (node->op == LOOP_SLOT && code->slots.data[node->operand[0]].is_variable)) return false;
  for (uint32_t i = 0, count = expr_operand_count(code, expr); i < count; i++)
    if (!expr_is_fixed(code, expr_operand(code, expr, i))) return false;
  return true;
}

/* ---- sums ---- */

static bool is_zero(const DimTable *dims, Dim dim) {
  int64_t value;
  return dim_is_constant(dims, dim, &value) && value == 0;
}

static bool same_term(const Code *code, const AffineTerm *a, const AffineTerm *b) {
  if (a->slot || b->slot) return a->slot == b->slot;
  return expr_equal(code, a->atom, b->atom);
}

static void drop_term(Affine *form, uint32_t index) {
  form->count--;
  for (uint32_t i = index; i < form->count; i++) form->terms[i] = form->terms[i + 1];
}

static bool add_term(DimTable *dims, const Code *code, Affine *form, AffineTerm term) {
  if (is_zero(dims, term.coefficient)) return true;
  for (uint32_t i = 0; i < form->count; i++) {
    if (!same_term(code, &form->terms[i], &term)) continue;
    form->terms[i].coefficient = dim_add(dims, form->terms[i].coefficient, term.coefficient);
    if (is_zero(dims, form->terms[i].coefficient)) drop_term(form, i);
    return true;
  }
  if (form->count == AFFINE_TERMS) return false;
  form->terms[form->count++] = term;
  return true;
}

bool affine_add(DimTable *dims, const Code *code, Affine *a, const Affine *b, Dim factor) {
  a->constant = dim_add(dims, a->constant, dim_mul(dims, factor, b->constant));
  for (uint32_t i = 0; i < b->count; i++) {
    AffineTerm term = b->terms[i];
    term.coefficient = dim_mul(dims, factor, term.coefficient);
    if (!add_term(dims, code, a, term)) return false;
  }
  return true;
}

Dim affine_coefficient(DimTable *dims, const Affine *form, Slot slot) {
  for (uint32_t i = 0; i < form->count; i++)
    if (form->terms[i].slot == slot) return form->terms[i].coefficient;
  return dim_constant(dims, 0);
}

static void set_term(DimTable *dims, Affine *form, Slot slot, Expr atom) {
  form->constant = dim_constant(dims, 0);
  form->count = 1;
  form->terms[0] = (AffineTerm){ slot, atom, dim_constant(dims, 1) };
}

static void set_constant(Affine *form, Dim constant) {
  form->constant = constant;
  form->count = 0;
}

/* Sum, difference or product of two forms; false where the result is no form. */
static bool combine(DimTable *dims, const Code *code, LoopOp op, Affine *a, const Affine *b) {
  if (op == LOOP_ADD) return affine_add(dims, code, a, b, dim_constant(dims, 1));
  if (op == LOOP_SUB) return affine_add(dims, code, a, b, dim_constant(dims, -1));
  if (a->count && b->count) return false;
  Dim factor = a->count ? b->constant : a->constant;
  Affine product;
  set_constant(&product, dim_constant(dims, 0));
  if (!affine_add(dims, code, &product, a->count ? a : b, factor)) return false;
  *a = product;
  return true;
}

static Expr definition_of(const Definitions *definitions, Slot slot) {
  return definitions && slot < definitions->count ? definitions->data[slot] : 0;
}

static void form_of(DimTable *dims, const Code *code, const Definitions *definitions, Expr expr, Affine *form) {
  const ExprNode *node = expr_at(code, expr);
  LoopOp op = (LoopOp)node->op;
  if (op == LOOP_CONSTANT) set_constant(form, dim_constant(dims, node->integer));
  else if (op == LOOP_DIM) set_constant(form, (Dim)node->integer);
  else if (op == LOOP_SLOT && definition_of(definitions, node->operand[0]))
    form_of(dims, code, definitions, definition_of(definitions, node->operand[0]), form);
  else if (op == LOOP_SLOT) set_term(dims, form, node->operand[0], expr);
  else if (op == LOOP_ADD || op == LOOP_SUB || op == LOOP_MUL) {
    Affine right;
    form_of(dims, code, definitions, node->operand[0], form);
    form_of(dims, code, definitions, node->operand[1], &right);
    if (!combine(dims, code, op, form, &right)) set_term(dims, form, 0, expr);
  } else set_term(dims, form, 0, expr);
}

bool affine_of(DimTable *dims, const Code *code, const Definitions *definitions, Expr expr, Affine *form) {
  form_of(dims, code, definitions, expr, form);
  for (uint32_t i = 0; i < form->count; i++)
    if (form->terms[i].slot == 0) return false;
  return true;
}

void definitions_set(Arena *arena, Definitions *definitions, Slot slot, Expr value) {
  while (definitions->count <= slot) vector_push(arena, definitions, 0);
  definitions->data[slot] = value;
}

/* ---- back to expressions ---- */

static Expr build_term(Builder *builder, const AffineTerm *term, Dim coefficient) {
  return build_binary(builder, LOOP_MUL, term->atom, build_dim(builder, coefficient));
}

static bool is_negative(const DimTable *dims, Dim dim) { return dim_hi(dims, dim) < 0; }

/* sum - x for the negative terms, so that 63 - j does not become j * -1 + 63. */
Expr affine_build(Builder *builder, const Affine *form) {
  DimTable *dims = builder->program->dims;
  Expr sum = 0;
  bool constant_first = true;
  for (uint32_t i = 0; i < form->count; i++) {
    if (is_negative(dims, form->terms[i].coefficient)) continue;
    Expr term = build_term(builder, &form->terms[i], form->terms[i].coefficient);
    sum = sum ? build_binary(builder, LOOP_ADD, sum, term) : term;
    constant_first = false;
  }
  if (!sum) sum = build_dim(builder, form->constant);
  for (uint32_t i = 0; i < form->count; i++) {
    if (!is_negative(dims, form->terms[i].coefficient)) continue;
    Dim coefficient = dim_sub(dims, dim_constant(dims, 0), form->terms[i].coefficient);
    sum = build_binary(builder, LOOP_SUB, sum, build_term(builder, &form->terms[i], coefficient));
  }
  if (constant_first || is_zero(dims, form->constant)) return sum;
  return build_binary(builder, LOOP_ADD, sum, build_dim(builder, form->constant));
}
