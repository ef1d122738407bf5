/* Declared types. Free dimensions of the main graph's inputs become symbols: `dim_param` by its name, an unnamed one as `input.AXIS`. For other
 * values a declaration is only a bound: dimensions that no input introduces stay unknown there. */
#include "compiler/onnx/reader.h"
#include <string.h>

#define SYMBOL_SCOPE UINT32_MAX /* of reader->names: names of symbols; the value is the Dim */

/* Shape of the (element) tensor of a type, and its element type. */
typedef struct Shape {
  TypeKind kind;
  int32_t  element;
  const Onnx__TensorShapeProto *shape; /* NULL: unknown rank */
} Shape;

/* Looks through sequence and optional to the tensor inside; the outermost kind is kept. False if nothing is declared. */
static bool find_shape(const Onnx__TypeProto *type, Shape *shape) {
  *shape = (Shape){.kind = TYPE_TENSOR};
  for (bool outermost = true; type; outermost = false) {
    TypeKind kind = TYPE_TENSOR;
    const Onnx__TypeProto *inner = NULL;
    switch (type->value_case) {
    case ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE:
      shape->element = type->tensor_type->elem_type;
      shape->shape = type->tensor_type->shape;
      break;
    case ONNX__TYPE_PROTO__VALUE_SPARSE_TENSOR_TYPE:
      kind = TYPE_SPARSE;
      shape->element = type->sparse_tensor_type->elem_type;
      shape->shape = type->sparse_tensor_type->shape;
      break;
    case ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE: kind = TYPE_SEQUENCE, inner = type->sequence_type->elem_type; break;
    case ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE: kind = TYPE_OPTIONAL, inner = type->optional_type->elem_type; break;
    case ONNX__TYPE_PROTO__VALUE_MAP_TYPE: kind = TYPE_MAP, inner = type->map_type->value_type; break;
    default: return !outermost;
    }
    if (outermost) shape->kind = kind;
    type = inner;
  }
  return true;
}

static Dim symbol_find(Reader *reader, const char *name, bool create) {
  Dim symbol = names_find(&reader->names, SYMBOL_SCOPE, name);
  if (symbol || !create) return symbol;
  name = arena_string(reader->arena, name, strlen(name));
  symbol = dim_symbol(&reader->module->dims, name, SYMBOL_INPUT, 0, DIM_OPEN);
  names_add(&reader->names, SYMBOL_SCOPE, name, symbol);
  return symbol;
}

static Dim convert_dim(Reader *reader, ValueId value, const Onnx__TensorShapeProto__Dimension *dim, size_t axis, bool is_input, const Step *step) {
  Module *module = reader->module;
  if (dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE) {
    if (dim->dim_value >= 0) return dim_constant(&module->dims, dim->dim_value);
    model_warning(reader->context, CODE_TYPE_DIMS, step_place(reader, step), "set it with -D or --shape", "dimension %zu is %lld and taken as free",
                  axis,
                  (long long)dim->dim_value);
  } else if (dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM && *dim->dim_param) {
    return symbol_find(reader, dim->dim_param, is_input);
  }
  return is_input ? symbol_find(reader, arena_format(reader->scratch, "%s.%zu", value_at(module, value)->name, axis), true) : DIM_UNKNOWN;
}

static bool check_shape(Reader *reader, const Shape *shape, const Step *step) {
  if (shape->element < 0 || shape->element >= ELEMENT_COUNT) {
    model_error(reader->context, CODE_TYPE_ELEMENT, step_place(reader, step), NULL, "the declared element type %d is not one of the standard",
                shape->element);
    return false;
  }
  if (shape->shape && shape->shape->n_dim > MAX_RANK) {
    model_error(reader->context, CODE_TENSOR_RANK, step_place(reader, step), NULL, "%zu dimensions are declared; at most %u are supported",
                shape->shape->n_dim,
                MAX_RANK);
    return false;
  }
  return true;
}

void type_apply(Reader *reader, ValueId value, const Onnx__TypeProto *type, bool is_input, const Step *step) {
  Module *module = reader->module;
  Shape   shape;
  Dim     dims[MAX_RANK];
  if (!type || !find_shape(type, &shape) || !check_shape(reader, &shape, step)) return;
  for (size_t axis = 0; shape.shape && axis < shape.shape->n_dim; axis++)
    dims[axis] = convert_dim(reader, value, shape.shape->dim[axis], axis, is_input && shape.kind == TYPE_TENSOR, step);
  Value *target = value_at(module, value);
  if (value_is_constant(target)) return; /* its data says more than any declaration */
  target->type = shape.kind;
  target->element = (Element)shape.element;
  if (!shape.shape) return;
  uint32_t rank = (uint32_t)shape.shape->n_dim;
  if (is_input) {
    value_set_dims(module, value, rank, dims);
    return;
  }
  target->declared_ranked = true;
  target->declared_rank = rank;
  for (uint32_t axis = 0; axis < rank; axis++) target->declared[axis] = dims[axis];
}
