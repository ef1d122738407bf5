/* Between real numbers and quantised ones: QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear. Scale and zero point are single numbers, or one
 * a position along an axis, or one a block of positions along it. Quotients are computed in f32 and rounded once, as ONNX Runtime does, unless the
 * attribute precision asks for less. */
#include "compiler/ops/quantized.h"

void infer_quantize(Infer *infer);
void infer_dequantize(Infer *infer);
void infer_dynamic_quantize(Infer *infer);
Expr point_quantize(Meaning *m, uint32_t result, const Expr *index);
Expr point_dequantize(Meaning *m, uint32_t result, const Expr *index);
void loops_dynamic_quantize(Meaning *m);

/* ---- what a scale applies to -------------------------------------------------------------------------------------------------- */

typedef struct Granularity {
  bool     shared;   /* one number for the whole tensor */
  uint32_t axis;     /* otherwise: of operand 0 */
  int64_t  block;    /* positions along the axis that share a scale; 0: the scale is a vector along the axis */
} Granularity;

static bool is_shared(const DimTable *table, const Value *scale) {
  int64_t extent;
  return scale->rank == 0 || (scale->rank == 1 && dim_is_constant(table, scale->dims[0], &extent) && extent == 1);
}

static Granularity granularity_of(const Module *module, const Node *node) {
  uint32_t rank = value_at(module, node->inputs[0])->rank;
  int64_t axis = op_int(module, node, "axis");
  Granularity granularity = {.shared = is_shared(&module->dims, value_at(module, node->inputs[1])), .block = op_int(module, node, "block_size")};
  if (axis < 0) axis += rank;
  granularity.axis = rank == 1 ? 0 : (uint32_t)axis;
  return granularity;
}

/* The extent of operand 1 or 2 along `axis` of operand 0. */
static Dim parameter_extent(Infer *infer, const Granularity *granularity, uint32_t axis) {
  Dim extent = infer_dim(infer, 0, axis);
  if (!granularity->block || axis != granularity->axis) return extent;
  return dim_ceildiv(infer_table(infer), extent, dim_constant(infer_table(infer), granularity->block));
}

static void check_parameter(Infer *infer, const Granularity *granularity, uint32_t operand, const char *what) {
  uint32_t rank = infer_rank(infer, operand), wanted = granularity->block ? infer_rank(infer, 0) : 1;
  if (!infer_has(infer, operand)) return;
  if (granularity->shared) { infer_single(infer, operand, what); return; }
  if (rank != wanted) {
    const char *hint = granularity->block ? NULL : "a scale of higher rank needs the attribute block_size";
    infer_error(infer, CODE_RANK, hint, "%s has rank %u, but must have %u", what, rank, wanted);
    return;
  }
  for (uint32_t at = 0; at < rank; at++)
    infer_agree(infer, infer_dim(infer, operand, at), parameter_extent(infer, granularity, granularity->block ? at : granularity->axis), what,
                "what the tensor, axis and block_size ask for");
}

static void check_granularity(Infer *infer) {
  Granularity granularity = granularity_of(infer->module, infer_node(infer));
  if (granularity.block < 0) { infer_error(infer, CODE_VALUE, NULL, "block_size is %lld", (long long)granularity.block); return; }
  if (!granularity.shared && granularity.axis >= infer_rank(infer, 0)) {
    infer_axis(infer, infer_int(infer, "axis"), infer_rank(infer, 0));
    return;
  }
  check_parameter(infer, &granularity, 1, "the scale");
  check_parameter(infer, &granularity, 2, "the zero point");
}

static Element element_attribute(Infer *infer, const char *name) {
  int64_t number = infer_int(infer, name);
  if (number >= 0 && number < ELEMENT_COUNT) return (Element)number;
  infer_error(infer, CODE_VALUE, NULL, "%s = %lld is no element type of the standard", name, (long long)number);
  return ELEMENT_NONE;
}

/* ONNX QuantizeLinear-25: the zero point's type is the result's; without one output_dtype says it, and without that it is u8. */
void infer_quantize(Infer *infer) {
  Element given = element_attribute(infer, "output_dtype"), zero = infer_element(infer, 2), precision = element_attribute(infer, "precision");
  if (given && zero && given != zero)
    infer_error(infer, CODE_TYPE, NULL, "output_dtype is %s, but the zero point is %s", element_name(given), element_name(zero));
  Element element = zero ? zero : given ? given : ELEMENT_U8;
  if (!element_in_set(element, "quantised")) infer_error(infer, CODE_TYPE, NULL, "%s is no quantised type", element_name(element));
  if (precision && !element_in_set(precision, "float")) infer_error(infer, CODE_VALUE, NULL, "precision is %s", element_name(precision));
  check_granularity(infer);
  infer_set_element(infer, 0, element);
  infer_same(infer);
}

/* ONNX DequantizeLinear-25: output_dtype, or the scale's type. */
void infer_dequantize(Infer *infer) {
  Element given = element_attribute(infer, "output_dtype"), element = given ? given : infer_element(infer, 1);
  if (!element_in_set(element, "float"))
    infer_error(infer, CODE_TYPE, given ? NULL : "give output_dtype", "the result would be %s", element_name(element));
  check_granularity(infer);
  infer_set_element(infer, 0, element);
  infer_same(infer);
}

/* Element of operand 1 or 2 that applies to operand 0's element at `index`. */
static Expr read_parameter(Meaning *m, uint32_t operand, const Expr *index) {
  Granularity granularity = granularity_of(m->module, meaning_node(m));
  Expr at[MAX_RANK];
  if (granularity.shared) return quantized_single(m, operand);
  for (uint32_t axis = 0; axis < meaning_rank(m, operand); axis++) {
    uint32_t from = granularity.block ? axis : granularity.axis;
    Dim own = meaning_dim(m, operand, axis), wanted = meaning_dim(m, 0, from);
    at[axis] = index[from];
    if (granularity.block && from == granularity.axis) {
      Dim block = dim_constant(&m->module->dims, granularity.block);
      wanted = dim_ceildiv(&m->module->dims, wanted, block);
      at[axis] = expr_div(m, at[axis], build_dim(m->builder, block));
    }
    if (own != wanted) at[axis] = expr_clamp(m, at[axis], meaning_extent(m, operand, axis));
  }
  return meaning_read(m, operand, at);
}

/* ---- QuantizeLinear ------------------------------------------------------------------------------------------------------------- */

/* x rounded to an element type, in its compute type. */
static Expr round_to_element(Meaning *m, Element element, Expr x) {
  x = build_cast(m->builder, element_compute(element), x);
  return build_cast(m->builder, element_compute(element), build_cast(m->builder, element_storage(element), x));
}

/* x / scale, in f32; integers by integers in f64. */
static Expr quotient(Meaning *m, Expr x, Expr scale) {
  Element precision = (Element)meaning_int(m, "precision");
  if (precision) {
    x = round_to_element(m, precision, x);
    return round_to_element(m, precision, expr_div(m, x, round_to_element(m, precision, scale)));
  }
  Scalar scalar = scalar_is_float(build_scalar(m->builder, scale)) ? SCALAR_F32 : SCALAR_F64;
  return expr_div(m, build_cast(m->builder, scalar, x), build_cast(m->builder, scalar, scale));
}

Expr point_quantize(Meaning *m, uint32_t result, const Expr *index) {
  Element to = meaning_result_element(m, 0);
  Expr value = quotient(m, meaning_read(m, 0, index), read_parameter(m, 1, index));
  Expr zero = meaning_has(m, 2) ? read_parameter(m, 2, index) : expr_number(m, element_compute(to), 0);
  if (!element_is_float(to)) return quantized_round(m, to, value, build_cast(m->builder, SCALAR_I32, zero));
  if (to == ELEMENT_F4E2M1) value = expr_add(m, value, build_cast(m->builder, build_scalar(m->builder, value), zero)); /* float8 has none */
  return cast_to_float(m, to, value);
}

/* ---- DequantizeLinear ------------------------------------------------------------------------------------------------------------ */

Expr point_dequantize(Meaning *m, uint32_t result, const Expr *index) {
  Builder *builder = m->builder;
  Expr q = meaning_read(m, 0, index), scale = read_parameter(m, 1, index), zero = meaning_has(m, 2) ? read_parameter(m, 2, index) : 0;
  bool real = scalar_is_float(build_scalar(builder, q));
  Expr steps = real ? q : build_cast(builder, SCALAR_I32, q);
  if (zero) steps = expr_sub(m, steps, real ? zero : build_cast(builder, SCALAR_I32, zero));
  Scalar scalar = meaning_result_compute(m, 0); /* f64 is no result type of the standard, but costs nothing */
  return expr_mul(m, build_cast(builder, scalar, steps), build_cast(builder, scalar, scale));
}

/* ---- DynamicQuantizeLinear --------------------------------------------------------------------------------------------------------- */

/* ONNX DynamicQuantizeLinear-11: y has x's shape, scale and zero point are scalars. */
void infer_dynamic_quantize(Infer *infer) {
  infer_set(infer, 0, infer_rank(infer, 0), infer_dims(infer, 0));
  infer_set(infer, 1, 0, NULL);
  infer_set(infer, 2, 0, NULL);
}

static uint32_t open_elements(Meaning *m, Expr *index) {
  Dim dims[MAX_RANK];
  for (uint32_t axis = 0; axis < meaning_rank(m, 0); axis++) dims[axis] = meaning_dim(m, 0, axis);
  return meaning_loops(m, meaning_rank(m, 0), dims, index);
}

/* The range is widened to hold 0, so that 0 is a quantised value; a tensor of zeros has the scale 1. */
void loops_dynamic_quantize(Meaning *m) {
  Builder *builder = m->builder;
  Expr index[MAX_RANK], zero = build_float(builder, SCALAR_F32, 0), most = build_float(builder, SCALAR_F32, 255);
  Expr lowest = build_var(builder, "lowest", zero), highest = build_var(builder, "highest", zero);
  uint32_t blocks = open_elements(m, index);
  Expr x = expr_let(m, "x", meaning_read(m, 0, index));
  build_set(builder, lowest, expr_min(m, x, lowest));
  build_set(builder, highest, expr_max(m, x, highest));
  meaning_end_loops(m, blocks);
  Expr range = expr_let(m, "range", expr_sub(m, highest, lowest));
  Expr scale = expr_let(m, "scale", expr_select(m, expr_eq(m, range, zero), build_float(builder, SCALAR_F32, 1), expr_div(m, range, most)));
  Expr offset = expr_sub(m, zero, expr_div(m, lowest, scale));
  Expr zero_point = expr_let(m, "zero", quantized_round(m, ELEMENT_U8, offset, expr_number(m, SCALAR_I32, 0)));
  if (meaning_wants(m, 1)) meaning_write(m, 1, NULL, scale);
  if (meaning_wants(m, 2)) meaning_write(m, 2, NULL, zero_point);
  if (!meaning_wants(m, 0)) return;
  blocks = open_elements(m, index);
  Expr value = expr_div(m, meaning_read(m, 0, index), scale);
  meaning_write(m, 0, index, quantized_round(m, ELEMENT_U8, value, build_cast(builder, SCALAR_I32, zero_point)));
  meaning_end_loops(m, blocks);
}
