/* Dimension expressions as C: index arithmetic inside kernels and the entry, sizes that saturate where memory is counted. */
#include "c_emit.h"

static void dim_level(Emitter *e, Dim dim, DimForm form, Level level);

static void call(Emitter *e, Helper helper, Scalar scalar, const DimNode *node, DimForm form) {
  c_helper(e, helper, scalar, scalar);
  text_char(&e->now.line, '(');
  dim_level(e, node->a, form, LEVEL_CHOICE);
  text_string(&e->now.line, ", ");
  dim_level(e, node->b, form, LEVEL_CHOICE);
  text_char(&e->now.line, ')');
}

static void operators(Emitter *e, const DimNode *node, DimForm form, const char *operator_text, Level own, Level level) {
  if (own < level) text_char(&e->now.line, '(');
  dim_level(e, node->a, form, own);
  text_string(&e->now.line, operator_text);
  dim_level(e, node->b, form, own + 1);
  if (own < level) text_char(&e->now.line, ')');
}

/* Sizes count in int64_t whatever the index type is. */
static Scalar form_scalar(DimForm form) { return form == DIM_FORM_SIZE ? SCALAR_I64 : SCALAR_INDEX; }

static void divide(Emitter *e, const DimNode *node, DimForm form, Level level) {
  const DimTable *dims = e->program->dims;
  bool            plain = dim_lo(dims, node->a) >= 0 && dim_lo(dims, node->b) >= 1;
  if (plain) operators(e, node, form, node->op == DIM_OP_MOD ? " % " : " / ", LEVEL_PRODUCT, level);
  else call(e, node->op == DIM_OP_MOD ? HELPER_MOD : HELPER_FLOORDIV, form_scalar(form), node, form);
}

static void sum_or_product(Emitter *e, const DimNode *node, DimForm form, Level level) {
  const DimTable *dims = e->program->dims;
  bool            sum = node->op == DIM_OP_ADD;
  int64_t         value;
  bool            natural = dim_lo(dims, node->a) >= 0 && dim_lo(dims, node->b) >= 0;
  if (form == DIM_FORM_SIZE && natural) {
    call(e, sum ? HELPER_SIZE_ADD : HELPER_SIZE_MUL, SCALAR_I64, node, form);
  } else if (sum && dim_is_constant(dims, node->b, &value) && value < 0 && value > INT32_MIN) {
    if (LEVEL_SUM < level) text_char(&e->now.line, '(');
    dim_level(e, node->a, form, LEVEL_SUM);
    c_print(e, " - %lld", (long long)-value);
    if (LEVEL_SUM < level) text_char(&e->now.line, ')');
  } else {
    operators(e, node, form, sum ? " + " : " * ", sum ? LEVEL_SUM : LEVEL_PRODUCT, level);
  }
}

static void dim_level(Emitter *e, Dim dim, DimForm form, Level level) {
  const DimTable *dims = e->program->dims;
  const DimNode  *node = &dims->nodes.data[dim];
  int64_t         value;
  if (dim_is_constant(dims, dim, &value)) {
    c_literal(e, form_scalar(form), value, 0, level);
    return;
  }
  switch (node->op) {
  case DIM_OP_SYMBOL:
    if (form == DIM_FORM_INDEX) e->now.code_symbols[node->value] = true;
    text_string(&e->now.line, e->symbol_names[node->value]);
    return;
  case DIM_OP_ADD:
  case DIM_OP_MUL: sum_or_product(e, node, form, level); return;
  case DIM_OP_FLOORDIV:
  case DIM_OP_MOD: divide(e, node, form, level); return;
  case DIM_OP_MIN: call(e, HELPER_MIN, form_scalar(form), node, form); return;
  case DIM_OP_MAX: call(e, HELPER_MAX, form_scalar(form), node, form); return;
  default: bug(e->context, "dimension expression that cannot be printed");
  }
}

void c_dim(Emitter *e, Dim dim, DimForm form, Level level) { dim_level(e, dim, form, level); }

void c_dim_mark(const Emitter *e, Dim dim, bool *symbols) { dim_symbols(e->program->dims, dim, symbols); }
