/* Rounding and saturation of quantised results, and the element-wise operators on quantised tensors. Their operands broadcast; scales and zero
 * points are single numbers. Each function below was compared with ONNX Runtime over all pairs of 8-bit values. */
#include "compiler/ops/quantized.h"

void infer_quantized_binary(Infer *infer);
void infer_quantized_unary(Infer *infer);
void infer_quantized_where(Infer *infer);
void infer_quantized_concat(Infer *infer);
Expr point_quantized_add(Meaning *m, uint32_t result, const Expr *index);
Expr point_quantized_mul(Meaning *m, uint32_t result, const Expr *index);
Expr point_quantized_leaky_relu(Meaning *m, uint32_t result, const Expr *index);
Expr point_quantized_sigmoid(Meaning *m, uint32_t result, const Expr *index);
Expr point_quantized_where(Meaning *m, uint32_t result, const Expr *index);
void loops_quantized_concat(Meaning *m);

/* ---- rules ------------------------------------------------------------------------------------------------------------------ */

void infer_quantisation(Infer *infer, uint32_t scale, uint32_t zero, const char *what) {
  infer_single(infer, scale, arena_format(infer->module->arena, "%s's scale", what));
  if (zero) infer_single(infer, zero, arena_format(infer->module->arena, "%s's zero point", what));
}

static void infer_operands(Infer *infer, uint32_t count, const uint32_t *operands) {
  Dim dims[MAX_RANK];
  uint32_t rank;
  infer_broadcast(infer, count, operands, &rank, dims);
  infer_set(infer, 0, rank, dims);
}

/* com.microsoft QLinearAdd and QLinearMul: A, its scale and zero point, B, its scale and zero point, C's scale and zero point. */
void infer_quantized_binary(Infer *infer) {
  infer_quantisation(infer, 1, 2, "A");
  infer_quantisation(infer, 4, 5, "B");
  infer_quantisation(infer, 6, 7, "C");
  infer_operands(infer, 2, (const uint32_t[]){0, 3});
}

/* com.microsoft QLinearSigmoid, QLinearLeakyRelu: X, its scale and zero point, Y's scale and zero point. */
void infer_quantized_unary(Infer *infer) {
  infer_quantisation(infer, 1, 2, "X");
  infer_quantisation(infer, 3, 4, "Y");
  infer_same(infer);
}

/* com.microsoft QLinearWhere: condition, X, its scale and zero point, Y, its scale and zero point, Z's scale and zero point. */
void infer_quantized_where(Infer *infer) {
  infer_quantisation(infer, 2, 3, "X");
  infer_quantisation(infer, 5, 6, "Y");
  infer_quantisation(infer, 7, 8, "Z");
  infer_operands(infer, 3, (const uint32_t[]){0, 1, 4});
}

/* ---- rounding --------------------------------------------------------------------------------------------------------------- */

Expr quantized_single(Meaning *m, uint32_t operand) {
  Expr index[MAX_RANK];
  for (uint32_t axis = 0; axis < meaning_rank(m, operand); axis++) index[axis] = expr_index(m, 0);
  return expr_let(m, "parameter", meaning_read(m, operand, index)); /* it is used more than once */
}

Expr quantized_scale(Meaning *m, uint32_t operand) { return build_cast(m->builder, SCALAR_F32, quantized_single(m, operand)); }

Expr quantized_zero(Meaning *m, uint32_t operand) {
  if (!meaning_has(m, operand)) return expr_number(m, SCALAR_I32, 0);
  return build_cast(m->builder, SCALAR_I32, quantized_single(m, operand));
}

Expr quantized_real(Meaning *m, Expr q, Expr zero, Expr scale) {
  Expr steps = expr_sub(m, build_cast(m->builder, SCALAR_I32, q), zero);
  return expr_mul(m, build_cast(m->builder, SCALAR_F32, steps), scale);
}

static int64_t least_of(Element element) { return element_is_signed(element) ? -(INT64_C(1) << (element_file_bits(element) - 1)) : 0; }
static int64_t most_of(Element element) { return least_of(element) + (INT64_C(1) << element_file_bits(element)) - 1; }

/* Clamps before rounding, which is the same since the bounds are integers, and keeps the conversion in range. max comes first: it turns NaN into
 * the least. */
static Expr clamp_round(Meaning *m, Expr value, Expr least, Expr most) {
  Scalar scalar = build_scalar(m->builder, value);
  value = expr_max(m, value, build_cast(m->builder, scalar, least));
  value = expr_min(m, value, build_cast(m->builder, scalar, most));
  return build_cast(m->builder, SCALAR_I32, build_unary(m->builder, LOOP_ROUND, value));
}

Expr quantized_round(Meaning *m, Element to, Expr value, Expr zero) {
  Expr least = expr_sub(m, expr_number(m, SCALAR_I32, (double)least_of(to)), zero);
  Expr most = expr_sub(m, expr_number(m, SCALAR_I32, (double)most_of(to)), zero);
  return build_cast(m->builder, element_compute(to), expr_add(m, clamp_round(m, value, least, most), zero));
}

Expr quantized_saturate(Meaning *m, Element to, Expr value) {
  Expr least = expr_number(m, SCALAR_I32, (double)least_of(to)), most = expr_number(m, SCALAR_I32, (double)most_of(to));
  return build_cast(m->builder, element_compute(to), clamp_round(m, value, least, most));
}

/* ---- Add, Mul --------------------------------------------------------------------------------------------------------------- */

/* An operand's element as an integer in i32. */
static Expr read_integer(Meaning *m, uint32_t operand, const Expr *index) {
  return build_cast(m->builder, SCALAR_I32, meaning_read_broadcast(m, operand, meaning_result_rank(m, 0), index));
}

static Expr as_f32(Meaning *m, Expr value) { return build_cast(m->builder, SCALAR_F32, value); }

/* Is A a single number along the innermost axis that is more than one element long, or altogether? */
static bool is_first_repeated(const Meaning *m) {
  uint32_t rank = meaning_result_rank(m, 0), a_rank = meaning_rank(m, 0);
  for (uint32_t back = 1; back <= rank; back++) {
    int64_t extent;
    bool one = back > a_rank || (dim_is_constant(&m->module->dims, meaning_dim(m, 0, a_rank - back), &extent) && extent == 1);
    if (!one) return false;
    if (!dim_is_constant(&m->module->dims, meaning_result_dim(m, 0, rank - back), &extent) || extent != 1) return true;
  }
  return true;
}

/* With a' = a's scale / C's, b' likewise: fma(a', a, fma(b', b, C's zero - fma(a', a's zero, b' * b's zero))), rounded. ONNX Runtime's kernel repeats
 * its second operand only, so where A repeats, it takes A's place. */
Expr point_quantized_add(Meaning *m, uint32_t result, const Expr *index) {
  Builder *builder = m->builder;
  uint32_t first = is_first_repeated(m) ? 3 : 0, second = 3 - first;
  Expr scale = quantized_scale(m, 6), zero = as_f32(m, quantized_zero(m, 7));
  Expr a_ratio = expr_let(m, "ratio", expr_div(m, quantized_scale(m, first + 1), scale)), a_zero = as_f32(m, quantized_zero(m, first + 2));
  Expr b_ratio = expr_let(m, "ratio", expr_div(m, quantized_scale(m, second + 1), scale)), b_zero = as_f32(m, quantized_zero(m, second + 2));
  Expr fixed = expr_sub(m, zero, build_ternary(builder, LOOP_FMA, a_ratio, a_zero, expr_mul(m, b_ratio, b_zero)));
  Expr sum = build_ternary(builder, LOOP_FMA, b_ratio, as_f32(m, read_integer(m, second, index)), expr_let(m, "fixed", fixed));
  sum = build_ternary(builder, LOOP_FMA, a_ratio, as_f32(m, read_integer(m, first, index)), sum);
  return quantized_saturate(m, meaning_result_element(m, 0), sum);
}

/* (a - a's zero) * (b - b's zero) * (a's scale * b's scale / C's) + C's zero, rounded. */
Expr point_quantized_mul(Meaning *m, uint32_t result, const Expr *index) {
  Expr ratio = expr_div(m, expr_mul(m, quantized_scale(m, 1), quantized_scale(m, 4)), quantized_scale(m, 6));
  Expr a = expr_sub(m, read_integer(m, 0, index), quantized_zero(m, 2)), b = expr_sub(m, read_integer(m, 3, index), quantized_zero(m, 5));
  Expr product = expr_mul(m, as_f32(m, expr_mul(m, a, b)), ratio);
  return quantized_saturate(m, meaning_result_element(m, 0), expr_add(m, product, as_f32(m, quantized_zero(m, 7))));
}

/* ---- through real numbers ---------------------------------------------------------------------------------------------------- */

/* A real number as element of the result. */
static Expr requantize(Meaning *m, Expr real, uint32_t scale, uint32_t zero) {
  return quantized_round(m, meaning_result_element(m, 0), expr_div(m, real, quantized_scale(m, scale)), quantized_zero(m, zero));
}

Expr point_quantized_leaky_relu(Meaning *m, uint32_t result, const Expr *index) {
  Expr real = expr_let(m, "real", quantized_real(m, meaning_read(m, 0, index), quantized_zero(m, 2), quantized_scale(m, 1)));
  return requantize(m, meaning_scalar(m, "x < 0 ? x * @alpha : x", 1, &real), 3, 4);
}

/* Both operands in the result's quantisation, then the choice. */
Expr point_quantized_where(Meaning *m, uint32_t result, const Expr *index) {
  uint32_t rank = meaning_result_rank(m, 0);
  Expr values[2];
  for (uint32_t at = 0; at < 2; at++) {
    Expr q = meaning_read_broadcast(m, 1 + 3 * at, rank, index);
    values[at] = requantize(m, quantized_real(m, q, quantized_zero(m, 3 + 3 * at), quantized_scale(m, 2 + 3 * at)), 7, 8);
  }
  return expr_select(m, meaning_read_broadcast(m, 0, rank, index), values[0], values[1]);
}

/* ---- Sigmoid ------------------------------------------------------------------------------------------------------------------ */

/* What the quantisation of a node's operand 0 and result is, where it is constant: operands 1 to 4. */
typedef struct UnaryConstants { float scale, result_scale; int64_t zero, result_zero; } UnaryConstants;

static bool unary_constants(Meaning *m, UnaryConstants *constants) {
  double scale, result_scale;
  Expr zero = quantized_zero(m, 2), result_zero = quantized_zero(m, 4);
  if (!expr_literal(m, quantized_scale(m, 1), &scale) || !expr_literal(m, quantized_scale(m, 3), &result_scale)) return false;
  constants->scale = (float)scale;
  constants->result_scale = (float)result_scale;
  return build_is_constant(m->builder, zero, &constants->zero) && build_is_constant(m->builder, result_zero, &constants->result_zero);
}

/* quantized_round(sigmoid(quantized_real(q))), here and now: the sigmoid in double, rounded to float. */
static uint8_t sigmoid_entry(const UnaryConstants *constants, Element element, int64_t q) {
  float real = (float)(q - constants->zero) * constants->scale;
  float value = (float)(1 / (1 + exp(-(double)real))) / constants->result_scale;
  double least = (double)(least_of(element) - constants->result_zero), most = (double)(most_of(element) - constants->result_zero);
  return (uint8_t)((int64_t)nearbyint(fmin(fmax((double)value, least), most)) + constants->result_zero);
}

/* By a table of all 256 operands; where scales are known to the running program only, by the formula in f32. */
Expr point_quantized_sigmoid(Meaning *m, uint32_t result, const Expr *index) {
  Builder *builder = m->builder;
  UnaryConstants constants;
  Expr q = meaning_read(m, 0, index);
  Element element = meaning_result_element(m, 0);
  if (!unary_constants(m, &constants)) {
    Expr real = quantized_real(m, q, quantized_zero(m, 2), quantized_scale(m, 1));
    return requantize(m, meaning_scalar(m, "sigmoid(x)", 1, &real), 3, 4);
  }
  uint8_t entries[256];
  for (int64_t at = 0; at < 256; at++) entries[at] = sigmoid_entry(&constants, element, element_is_signed(element) ? (int8_t)at : at);
  Operand table = meaning_table(m, "sigmoid", element_compute(element), 256, entries);
  Expr at = build_cast(builder, SCALAR_INDEX, build_cast(builder, SCALAR_U8, q));
  return build_load(builder, table, 1, &at);
}

/* ---- Concat ------------------------------------------------------------------------------------------------------------------- */

/* com.microsoft QLinearConcat: Y's scale and zero point, then an operand, its scale and zero point for each part. */
void infer_quantized_concat(Infer *infer) {
  uint32_t count = infer_input_count(infer), rank = infer_rank(infer, 2);
  if (count < 5 || (count - 2) % 3) { infer_error(infer, CODE_OPERAND_COUNT, NULL, "%u operands; 2 and a multiple of 3 are needed", count); return; }
  uint32_t joined = infer_axis(infer, infer_int(infer, "axis"), rank);
  Element element = infer_element(infer, 1);
  Dim dims[MAX_RANK], length = dim_constant(infer_table(infer), 0);
  infer_quantisation(infer, 0, 1, "Y");
  for (uint32_t operand = 2; operand < count && !infer->failed; operand += 3) {
    if (infer_rank(infer, operand) != rank) {
      infer_error(infer, CODE_RANK, NULL, "operand %u has rank %u, but operand 2 has rank %u", operand, infer_rank(infer, operand), rank);
      return;
    }
    bool right = infer_element(infer, operand) == element && infer_element(infer, operand + 2) == element;
    if (!right || infer_element(infer, operand + 1) != ELEMENT_F32)
      infer_error(infer, CODE_TYPE, NULL, "operands %u to %u must be %s, f32 and again %s", operand, operand + 2, element_name(element),
                  element_name(element));
    infer_quantisation(infer, operand + 1, operand + 2, "a part");
    for (uint32_t axis = 0; axis < rank; axis++)
      if (axis != joined) infer_agree(infer, infer_dim(infer, operand, axis), infer_dim(infer, 2, axis), "a part's extent", "the first part's");
    length = dim_add(infer_table(infer), length, infer_dim(infer, operand, joined));
  }
  if (infer->failed) return;
  for (uint32_t axis = 0; axis < rank; axis++) dims[axis] = axis == joined ? length : infer_dim(infer, 2, axis);
  infer_set_element(infer, 0, element);
  infer_set(infer, 0, rank, dims);
}

/* Writes each part behind the ones before it. Where only the running program knows that the other axes agree, a part that does not is left out. */
void loops_quantized_concat(Meaning *m) {
  Builder *builder = m->builder;
  uint32_t rank = meaning_rank(m, 2), joined = meaning_axis(m, meaning_int(m, "axis"), rank);
  Dim offset = dim_constant(&m->module->dims, 0), dims[MAX_RANK];
  Expr index[MAX_RANK], to[MAX_RANK];
  for (uint32_t operand = 2; operand < meaning_input_count(m); operand += 3) {
    Expr differs = build_integer(builder, SCALAR_I1, 0);
    for (uint32_t axis = 0; axis < rank; axis++) {
      dims[axis] = meaning_dim(m, operand, axis);
      if (axis != joined) differs = expr_or(m, differs, expr_ne(m, build_dim(builder, dims[axis]), meaning_result_extent(m, 0, axis)));
    }
    bool doubtful = !expr_is(m, differs, 0);
    if (doubtful) {
      meaning_fail_if(m, differs, STATUS_SHAPE);
      build_if(builder, build_unary(builder, LOOP_NOT, differs));
    }
    uint32_t blocks = meaning_loops(m, rank, dims, index);
    for (uint32_t axis = 0; axis < rank; axis++) to[axis] = axis == joined ? expr_add(m, index[axis], build_dim(builder, offset)) : index[axis];
    Expr real = quantized_real(m, meaning_read(m, operand, index), quantized_zero(m, operand + 2), quantized_scale(m, operand + 1));
    meaning_write(m, 0, to, requantize(m, real, 0, 1));
    meaning_end_loops(m, blocks + doubtful);
    offset = dim_add(&m->module->dims, offset, dims[joined]);
  }
}
