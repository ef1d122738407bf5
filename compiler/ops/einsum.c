/* Einsum: letters name axes; the result sums the product of all operands over the letters it does not name. "..." stands for axes without letters,
 * aligned at the last one, which broadcast. One accumulator, ascending, letters in the order of their first use.
 *
 * ONNX Einsum-12: "ij,jk->ik"; blanks are ignored; without an arrow the result has the axes of "...", then the letters used once, in ASCII order. */
#include "compiler/ops/expressions.h"
#include <string.h>

void infer_einsum(Infer *infer);
void loops_einsum(Meaning *m);

#define LETTERS 128u                       /* labels below are letters, those above the axes of "...", the last axis first */
#define LABELS (LETTERS + MAX_RANK)
#define EINSUM_OPERANDS 32u

typedef struct Term { uint32_t count; uint8_t label[MAX_RANK]; } Term; /* labels by axis */

typedef struct Equation {
  uint32_t operands;
  Term     operand[EINSUM_OPERANDS], result;
  uint32_t ellipsis;                       /* axes that "..." stands for, the most of any operand */
  uint32_t order_count;
  uint8_t  order[LABELS];                  /* labels by first use */
  uint32_t uses[LABELS];                   /* over all operands */
  Dim      dims[LABELS];
} Equation;

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* Reads one term up to a comma, an arrow or the end. `axes`: of the operand; "..." takes what the letters leave. False if it is malformed. */
static bool read_term(const char **cursor, uint32_t axes, bool is_result, uint32_t ellipsis, Term *term, uint32_t *taken) {
  uint32_t letters = 0;
  const char *text = *cursor;
  term->count = *taken = 0;
  for (const char *at = text; *at && *at != ',' && *at != '-'; at++) letters += is_letter(*at);
  for (; *text && *text != ',' && *text != '-'; text++) {
    if (*text == ' ') continue;
    if (*text == '.') {
      if (strncmp(text, "...", 3) || *taken || (!is_result && letters > axes)) return false;
      *taken = is_result ? ellipsis : axes - letters;
      if (term->count + *taken > MAX_RANK) return false;
      for (uint32_t left = *taken; left-- > 0;) term->label[term->count++] = (uint8_t)(LETTERS + left);
      text += 2;
      continue;
    }
    if (!is_letter(*text) || term->count == MAX_RANK) return false;
    term->label[term->count++] = (uint8_t)*text;
  }
  *cursor = text;
  return is_result || term->count == axes;
}

static void use_label(Equation *equation, uint8_t label) {
  if (!equation->uses[label]++) equation->order[equation->order_count++] = label;
}

static void implicit_result(Equation *equation) {
  for (uint32_t left = equation->ellipsis; left-- > 0;) equation->result.label[equation->result.count++] = (uint8_t)(LETTERS + left);
  for (uint8_t label = 'A'; label <= 'z'; label++)
    if (equation->uses[label] == 1 && equation->result.count < MAX_RANK) equation->result.label[equation->result.count++] = label;
}

/* Each label of the result is used by an operand, and stands there once. */
static bool result_is_sound(const Equation *equation) {
  for (uint32_t at = 0; at < equation->result.count; at++) {
    if (!equation->uses[equation->result.label[at]]) return false;
    if (memchr(equation->result.label, equation->result.label[at], at)) return false;
  }
  return true;
}

static bool read_equation(Infer *infer, Equation *equation) {
  const char *cursor = op_string(infer->module, infer_node(infer), "equation");
  uint32_t taken;
  memset(equation, 0, sizeof *equation);
  equation->operands = infer_input_count(infer);
  for (uint32_t at = 0; at < equation->operands && at < EINSUM_OPERANDS; at++) {
    if (at && *cursor++ != ',') return false;
    if (!read_term(&cursor, infer_rank(infer, at), false, 0, &equation->operand[at], &taken)) return false;
    if (taken > equation->ellipsis) equation->ellipsis = taken;
    for (uint32_t axis = 0; axis < equation->operand[at].count; axis++) use_label(equation, equation->operand[at].label[axis]);
  }
  if (*cursor == 0) { implicit_result(equation); return result_is_sound(equation); }
  if (strncmp(cursor, "->", 2)) return false;
  cursor += 2;
  return read_term(&cursor, 0, true, equation->ellipsis, &equation->result, &taken) && !*cursor && result_is_sound(equation);
}

static bool einsum_plan(Infer *infer, Equation *equation) {
  if (infer_input_count(infer) > EINSUM_OPERANDS) { infer_error(infer, CODE_VALUE, NULL, "more than %u operands", EINSUM_OPERANDS); return false; }
  if (!read_equation(infer, equation)) {
    infer_error(infer, CODE_VALUE, "write letters for axes: \"ij,jk->ik\"", "equation '%s' is malformed or does not fit the operands' ranks",
                op_string(infer->module, infer_node(infer), "equation"));
    return false;
  }
  for (uint32_t at = 0; at < equation->operands; at++)
    for (uint32_t axis = 0; axis < equation->operand[at].count; axis++) {
      Dim *dim = &equation->dims[equation->operand[at].label[axis]], own = infer_dim(infer, at, axis);
      *dim = *dim == DIM_UNKNOWN ? own : infer_broadcast_dim(infer, *dim, own);
    }
  return !infer->failed;
}

void infer_einsum(Infer *infer) {
  Equation equation;
  Dim dims[MAX_RANK];
  if (!einsum_plan(infer, &equation)) return;
  for (uint32_t axis = 0; axis < equation.result.count; axis++) dims[axis] = equation.dims[equation.result.label[axis]];
  infer_set(infer, 0, equation.result.count, dims);
}

static const char *label_name(Meaning *m, uint8_t label) {
  return label >= LETTERS ? "batch" : arena_format(m->builder->arena, "%c", label);
}

static Expr operand_element(Meaning *m, const Equation *equation, uint32_t operand, const Expr *position) {
  const Term *term = &equation->operand[operand];
  Expr index[MAX_RANK];
  for (uint32_t axis = 0; axis < term->count; axis++)
    index[axis] = expr_broadcast(m, meaning_dim(m, operand, axis), equation->dims[term->label[axis]], position[term->label[axis]]);
  return meaning_read(m, operand, index);
}

void loops_einsum(Meaning *m) {
  Infer infer = meaning_infer(m);
  Builder *builder = m->builder;
  Equation equation;
  uint32_t outer = 0, inner = 0;
  Expr position[LABELS] = {0}, index[MAX_RANK];
  require(m->module->context, einsum_plan(&infer, &equation));
  for (uint32_t axis = 0; axis < equation.result.count; axis++) {
    uint8_t label = equation.result.label[axis];
    index[axis] = position[label] = expr_loop(m, label_name(m, label), equation.dims[label], &outer);
  }
  Expr sum = build_var(builder, "sum", expr_number(m, meaning_result_compute(m, 0), 0));
  for (uint32_t at = 0; at < equation.order_count; at++) {
    uint8_t label = equation.order[at];
    if (!position[label]) position[label] = expr_loop(m, label_name(m, label), equation.dims[label], &inner);
  }
  Expr product = operand_element(m, &equation, 0, position);
  for (uint32_t at = 1; at + 1 < equation.operands; at++) product = expr_mul(m, product, operand_element(m, &equation, at, position));
  if (equation.operands == 1) build_set(builder, sum, expr_add(m, sum, product));
  else build_set(builder, sum, build_ternary(builder, LOOP_MULADD, product, operand_element(m, &equation, equation.operands - 1, position), sum));
  meaning_end_loops(m, inner);
  meaning_write(m, 0, index, sum);
  meaning_end_loops(m, outer);
}
