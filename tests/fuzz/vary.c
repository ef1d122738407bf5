/* Other forms of a model that mean the same or nearly so, where changes reach further: results without declared shapes (a changed input then changes
 * what follows instead of contradicting it), sizes turned into symbols, inputs turned into constants (which fold). */
#include "tests/fuzz/mutate.h"
#include "compiler/base/element.h"
#include "onnx.pb-c.h"
#include "tests/fuzz/subject.h"
#include <string.h>

enum { CONSTANT_LIMIT = 4096 /* elements of an input that becomes a constant */ };

static Onnx__TypeProto__Tensor *tensor_type(const Onnx__ValueInfoProto *info) {
  return info->type && info->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE ? info->type->tensor_type : NULL;
}

/* A size becomes a symbol, mostly the one of that size. */
static void make_symbolic(Arena *arena, const Onnx__ValueInfoProto *info, uint64_t *state) {
  const Onnx__TypeProto__Tensor *type = tensor_type(info);
  for (size_t axis = 0; type && type->shape && axis < type->shape->n_dim; axis++) {
    Onnx__TensorShapeProto__Dimension *dim = type->shape->dim[axis];
    if (dim->value_case != ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE || random_below(state, 2)) continue;
    char *name = arena_format(arena, "N%lld", (long long)(random_below(state, 4) ? dim->dim_value : (int64_t)random_below(state, 3)));
    dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
    dim->dim_param = name;
  }
}

/* Elements of the type, -1 if that is not known or too many. */
static int64_t count_elements(const Onnx__TypeProto__Tensor *type) {
  int64_t count = 1;
  for (size_t axis = 0; type->shape && axis < type->shape->n_dim; axis++) {
    const Onnx__TensorShapeProto__Dimension *dim = type->shape->dim[axis];
    if (dim->value_case != ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE || dim->dim_value < 0 || dim->dim_value > CONSTANT_LIMIT) return -1;
    count *= dim->dim_value;
    if (count > CONSTANT_LIMIT) return -1;
  }
  return type->shape ? count : -1;
}

/* A tensor of small numbers; NULL if the input can't be one. */
static Onnx__TensorProto *make_constant(Arena *arena, const Onnx__ValueInfoProto *info, uint64_t *state) {
  const Onnx__TypeProto__Tensor *type = tensor_type(info);
  int64_t                        count = type ? count_elements(type) : -1;
  if (count < 0 || type->elem_type <= 0 || type->elem_type >= ELEMENT_COUNT || !element_file_bits((Element)type->elem_type)) return NULL;
  Onnx__TensorProto *tensor = arena_new(arena, Onnx__TensorProto);
  size_t             bytes;
  unsigned           size = element_file_bits((Element)type->elem_type) / 8;
  onnx__tensor_proto__init(tensor);
  if (!element_file_bytes((Element)type->elem_type, count, &bytes)) return NULL;
  tensor->name = info->name;
  tensor->has_data_type = tensor->has_raw_data = 1;
  tensor->data_type = type->elem_type;
  tensor->n_dims = type->shape->n_dim;
  tensor->dims = arena_array(arena, int64_t, tensor->n_dims);
  for (size_t axis = 0; axis < tensor->n_dims; axis++) tensor->dims[axis] = type->shape->dim[axis]->dim_value;
  tensor->raw_data = (ProtobufCBinaryData){.len = bytes, .data = arena_allocate(arena, bytes)};
  for (size_t at = 0; at + size <= bytes && size; at += size) {
    double   number = (double)random_below(state, 9) - 3;
    uint64_t bits = (uint64_t)(int64_t)number;
    if (type->elem_type == ELEMENT_BOOL) bits &= 1;
    else if (element_is_float((Element)type->elem_type)) bits = element_from_f64((Element)type->elem_type, number * 0.25);
    memcpy(tensor->raw_data.data + at, &bits, size < 8 ? size : 8);
  }
  return tensor;
}

static void fix_inputs(Arena *arena, Onnx__GraphProto *graph, uint64_t *state) {
  size_t              kept = 0;
  Onnx__TensorProto **tensors = arena_array(arena, Onnx__TensorProto *, graph->n_initializer + graph->n_input);
  if (graph->n_initializer) memcpy(tensors, graph->initializer, graph->n_initializer * sizeof *tensors);
  graph->initializer = tensors;
  for (size_t at = 0; at < graph->n_input; at++) {
    Onnx__TensorProto *tensor = random_below(state, 2) && graph->input[at]->name ? make_constant(arena, graph->input[at], state) : NULL;
    if (tensor) tensors[graph->n_initializer++] = tensor;
    else graph->input[kept++] = graph->input[at];
  }
  graph->n_input = kept;
}

void vary(Arena *arena, void *model, uint64_t *state) {
  Onnx__GraphProto *graph = ((Onnx__ModelProto *)model)->graph;
  if (!graph) return;
  bool forgets = random_below(state, 2), symbolic = random_below(state, 4) == 0, constant = random_below(state, 3) == 0;
  for (size_t at = 0; at < graph->n_output && forgets; at++)
    if (tensor_type(graph->output[at])) tensor_type(graph->output[at])->shape = NULL;
  if (forgets) graph->n_value_info = 0;
  for (size_t at = 0; at < graph->n_input && symbolic; at++) make_symbolic(arena, graph->input[at], state);
  if (constant) fix_inputs(arena, graph, state);
}
