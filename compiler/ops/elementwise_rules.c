/* Rules of the element-wise operators that are more than broadcasting, and small integer contents carried through them: what exporters write
 * to compute shapes (Shape, Gather, Mul, Where, Equal, Cast, ...). An element that can't be said as an expression leaves the result unknown. */
#include "compiler/base/checked.h"
#include "compiler/ops/ops.h"

void infer_mod(Infer *infer);
void infer_clip(Infer *infer);
void infer_prelu(Infer *infer);
void infer_cast(Infer *infer);
void infer_bit_cast(Infer *infer);
void infer_dropout(Infer *infer);

/* ONNX Mod-13: fmod = 0 is for integers only. */
void infer_mod(Infer *infer) {
  if (element_is_float(infer_element(infer, 0)) && !infer_int(infer, "fmod"))
    infer_error(infer, CODE_VALUE, "set fmod = 1", "fmod must be 1 for %s", element_name(infer_element(infer, 0)));
  infer_elementwise(infer);
}

void infer_clip(Infer *infer) {
  infer_single(infer, 1, "min");
  infer_single(infer, 2, "max");
  infer_same(infer);
}

/* ONNX PRelu-16: the slope broadcasts to X, not the other way. */
void infer_prelu(Infer *infer) {
  infer_broadcasts_to(infer, 1, infer_rank(infer, 0), infer_dims(infer, 0));
  infer_same(infer);
}

static void set_cast_element(Infer *infer) {
  int64_t to = infer_int(infer, "to");
  if (to <= 0 || to >= ELEMENT_COUNT) {
    infer_error(infer, CODE_VALUE, NULL, "to = %lld is no element type of the standard", (long long)to);
    return;
  }
  infer_set_element(infer, 0, (Element)to);
}

void infer_cast(Infer *infer) {
  set_cast_element(infer);
  infer_same(infer);
}

/* ONNX BitCast-26: both types have the same width. */
void infer_bit_cast(Infer *infer) {
  set_cast_element(infer);
  Element from = infer_element(infer, 0), to = (Element)infer_int(infer, "to");
  if (!infer->failed && element_file_bits(from) != element_file_bits(to))
    infer_error(infer, CODE_TYPE, NULL, "%s and %s have different widths", element_name(from), element_name(to));
  infer_same(infer);
}

/* ONNX Dropout-22 as inference runs it: training_mode is false, or the ratio 0. */
void infer_dropout(Infer *infer) {
  uint32_t count;
  const Dim *training = infer_known(infer, 2, &count);
  int64_t value;
  ValueId ratio = infer_has(infer, 1) ? infer_node(infer)->inputs[1] : VALUE_NONE;
  bool drops = !ratio || (value_is_constant(value_at(infer->module, ratio)) && value_constant_f64(infer->module, ratio, 0) != 0);
  if (drops && training && count == 1 && dim_is_constant(infer_table(infer), training[0], &value) && value)
    infer_error(infer, CODE_VALUE, "export the model for inference", "training_mode is true");
  infer_same(infer);
}

/* ---- small known contents ---------------------------------------------------------------------------------------------------- */

#define KNOWN_EXTENT (INT64_C(1) << 40) /* symbolic arithmetic stays far from overflow: dims are smaller than this */

static bool is_small(const DimTable *table, Dim dim) {
  int64_t value;
  return !dim_is_constant(table, dim, &value) || (value > -KNOWN_EXTENT && value < KNOWN_EXTENT);
}

static bool fits_element(Element element, int64_t value) {
  unsigned bits = element_file_bits(element);
  if (bits >= 64) return element_is_signed(element) || value >= 0;
  if (!element_is_signed(element)) return value >= 0 && value >> bits == 0;
  return value >= -(INT64_C(1) << (bits - 1)) && value < INT64_C(1) << (bits - 1);
}

/* Two constants, exactly; DIM_UNKNOWN where the result wraps. */
static Dim fold_constants(DimTable *table, uint32_t op, Element element, int64_t x, int64_t y) {
  int64_t result = 0;
  bool fits = true;
  switch (op) {
  case OP_Add: fits = checked_add_i64(x, y, &result); break;
  case OP_Sub: fits = checked_sub_i64(x, y, &result); break;
  case OP_Mul: fits = checked_mul_i64(x, y, &result); break;
  case OP_Div: fits = y != 0 && y != -1; result = fits ? x / y : 0; break;
  case OP_Min: result = x < y ? x : y; break;
  case OP_Max: result = x > y ? x : y; break;
  default: return DIM_UNKNOWN;
  }
  return fits && fits_element(element, result) ? dim_constant(table, result) : DIM_UNKNOWN;
}

static Dim fold_arithmetic(DimTable *table, uint32_t op, Element element, Dim x, Dim y) {
  int64_t a, b;
  if (dim_is_constant(table, x, &a) && dim_is_constant(table, y, &b)) return fold_constants(table, op, element, a, b);
  if (!is_small(table, x) || !is_small(table, y)) return DIM_UNKNOWN;
  bool divisible = dim_lo(table, x) >= 0 && dim_lo(table, y) > 0; /* then towards zero is towards minus infinity */
  switch (op) {
  case OP_Add: return dim_add(table, x, y);
  case OP_Sub: return dim_sub(table, x, y);
  case OP_Mul: return dim_mul(table, x, y);
  case OP_Div: return divisible ? dim_floordiv(table, x, y) : DIM_UNKNOWN;
  case OP_Min: return dim_min(table, x, y);
  case OP_Max: return dim_max(table, x, y);
  default: return DIM_UNKNOWN;
  }
}

/* Mod of either sign rule, where the operands' signs make them agree. */
static Dim fold_mod(DimTable *table, Dim x, Dim y) {
  return is_small(table, x) && is_small(table, y) && dim_lo(table, x) >= 0 && dim_lo(table, y) > 0 ? dim_mod(table, x, y) : DIM_UNKNOWN;
}

/* Comparison as 0 or 1, where the ranges decide it. */
static Dim fold_comparison(DimTable *table, uint32_t op, Dim x, Dim y) {
  bool below = dim_hi(table, x) < dim_lo(table, y), above = dim_lo(table, x) > dim_hi(table, y), equal = x == y, at_most = below || equal,
       at_least = above || equal;
  if (!below && !above && !equal && is_small(table, x) && is_small(table, y)) {
    Dim difference = dim_sub(table, x, y);
    int64_t lo = dim_lo(table, difference), hi = dim_hi(table, difference);
    below = hi < 0;
    above = lo > 0;
    equal = lo == 0 && hi == 0;
    at_most = hi <= 0;
    at_least = lo >= 0;
  }
  bool is_true = false, is_false = false;
  switch (op) {
  case OP_Equal: is_true = equal; is_false = below || above; break;
  case OP_Less: is_true = below; is_false = at_least; break;
  case OP_LessOrEqual: is_true = at_most; is_false = above; break;
  case OP_Greater: is_true = above; is_false = at_most; break;
  case OP_GreaterOrEqual: is_true = at_least; is_false = below; break;
  default: break;
  }
  return is_true || is_false ? dim_constant(table, is_true) : DIM_UNKNOWN;
}

static Dim fold_logic(DimTable *table, uint32_t op, Dim x, Dim y) {
  int64_t a, b;
  if (!dim_is_constant(table, x, &a) || !dim_is_constant(table, y, &b)) return DIM_UNKNOWN;
  return dim_constant(table, op == OP_And ? a && b : op == OP_Or ? a || b : !a != !b);
}

static Dim fold_cast(DimTable *table, Element to, Dim x) {
  int64_t value;
  bool constant = dim_is_constant(table, x, &value);
  if (to == ELEMENT_BOOL) {
    if (constant) return dim_constant(table, value != 0);
    return dim_lo(table, x) > 0 || dim_hi(table, x) < 0 ? dim_constant(table, 1) : DIM_UNKNOWN;
  }
  if (!element_is_integer(to)) return DIM_UNKNOWN;
  if (constant) return fits_element(to, value) ? x : DIM_UNKNOWN;
  return to == ELEMENT_I64 || to == ELEMENT_I32 ? x : DIM_UNKNOWN;
}

/* One element; z is DIM_UNKNOWN for operators of two operands, y too for those of one. */
static Dim fold_element(Infer *infer, uint32_t op, Dim x, Dim y, Dim z) {
  DimTable *table = infer_table(infer);
  Element element = infer_element(infer, 0);
  int64_t condition;
  switch (op) {
  case OP_Add: case OP_Sub: case OP_Mul: case OP_Div: case OP_Min: case OP_Max: return fold_arithmetic(table, op, element, x, y);
  case OP_Mod: return fold_mod(table, x, y);
  case OP_Equal: case OP_Less: case OP_LessOrEqual: case OP_Greater: case OP_GreaterOrEqual: return fold_comparison(table, op, x, y);
  case OP_And: case OP_Or: case OP_Xor: return fold_logic(table, op, x, y);
  case OP_Not: return dim_is_constant(table, x, &condition) ? dim_constant(table, !condition) : DIM_UNKNOWN;
  case OP_Neg: return is_small(table, x) ? dim_sub(table, dim_constant(table, 0), x) : DIM_UNKNOWN;
  case OP_Cast: return fold_cast(table, (Element)infer_int(infer, "to"), x);
  case OP_Where: return dim_is_constant(table, x, &condition) ? (condition ? y : z) : DIM_UNKNOWN;
  default: return DIM_UNKNOWN;
  }
}

/* Operators of fold_element, by their number of operands; Where may do without the operand it does not choose. */
static uint32_t foldable_operands(uint32_t op) {
  switch (op) {
  case OP_Not: case OP_Neg: case OP_Cast: return 1;
  case OP_Where: return 3;
  case OP_Add: case OP_Sub: case OP_Mul: case OP_Div: case OP_Min: case OP_Max: case OP_Mod: case OP_And: case OP_Or: case OP_Xor:
  case OP_Equal: case OP_Less: case OP_LessOrEqual: case OP_Greater: case OP_GreaterOrEqual: return 2;
  default: return 0;
  }
}

void infer_integers(Infer *infer) {
  uint32_t op = infer_node(infer)->op, operands = foldable_operands(op), counts[3] = {0};
  const Dim *known[3] = {NULL};
  int64_t count;
  if (!operands || infer_input_count(infer) != operands) return;
  if (!value_static_elements(infer->module, infer_node(infer)->outputs[0], &count) || !count || count > KNOWN_LIMIT) return;
  for (uint32_t operand = 0; operand < operands; operand++) {
    if (infer_rank(infer, operand) > 1) return;
    known[operand] = infer_known(infer, operand, &counts[operand]);
    if (!known[operand] && (op != OP_Where || operand == 0)) return;
  }
  Dim *elements = arena_array(infer->module->arena, Dim, (size_t)count);
  for (uint32_t index = 0; index < count; index++) {
    Dim at[3] = {DIM_UNKNOWN, DIM_UNKNOWN, DIM_UNKNOWN};
    for (uint32_t operand = 0; operand < operands; operand++) {
      uint32_t from = counts[operand] == 1 ? 0 : index;
      if (known[operand] && from < counts[operand]) at[operand] = known[operand][from];
    }
    elements[index] = fold_element(infer, op, at[0], at[1], at[2]);
    if (elements[index] == DIM_UNKNOWN) return;
  }
  infer_set_known(infer, 0, elements, (uint32_t)count);
}
