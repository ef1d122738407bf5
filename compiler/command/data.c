/* Test data in ONNX's layout, and its comparison with what a run gave. */
#include "compiler/command/data.h"
#include "compiler/ops/meaning.h"
#include <math.h>
#include <string.h>
#include <unistd.h>

static uint32_t count_files(Arena *arena, const char *folder, const char *stem) {
  uint32_t count = 0;
  while (count < 4096 && !access(arena_format(arena, "%s/%s_%u.pb", folder, stem, count), R_OK)) count++;
  return count;
}

DataSet data_read(Context *context, Arena *arena, OnnxFile *file, const char *folder) {
  DataSet data = {.input_count = count_files(arena, folder, "input"), .output_count = count_files(arena, folder, "output")};
  data.inputs = arena_array(arena, OnnxTensor, data.input_count + 1u);
  data.outputs = arena_array(arena, OnnxTensor, data.output_count + 1u);
  for (uint32_t at = 0; at < data.input_count; at++) data.inputs[at] = onnx_read_tensor(context, arena, file, arena_format(arena, "%s/input_%u.pb", folder, at));
  for (uint32_t at = 0; at < data.output_count; at++) data.outputs[at] = onnx_read_tensor(context, arena, file, arena_format(arena, "%s/output_%u.pb", folder, at));
  return data;
}

/* The symbol takes the value of the data; other expressions are checked when the program runs. */
static void set_symbol(Module *module, Dim dim, int64_t extent, const char *name, uint32_t axis) {
  const DimNode *node = &module->dims.nodes.data[dim];
  int64_t declared;
  if (dim_is_constant(&module->dims, dim, &declared) ? declared != extent : node->op == DIM_OP_SYMBOL && !dim_narrow(&module->dims, (uint32_t)node->value, extent, extent))
    model_error(module->context, CODE_DATA_SHAPE, (Place){0}, NULL, "axis %u of input \"%s\" is %lld in the data, which the model does not allow", axis, name, (long long)extent);
}

void data_set_dims(Module *module, const DataSet *data) {
  const Graph *graph = graph_at(module, 1);
  for (uint32_t at = 0; at < data->input_count && at < graph->inputs.count; at++) {
    const OnnxTensor *tensor = &data->inputs[at];
    Value *value = value_at(module, graph->inputs.data[at]);
    if (!value->ranked) {
      Dim dims[MAX_RANK];
      for (uint32_t axis = 0; axis < tensor->rank; axis++) dims[axis] = dim_constant(&module->dims, tensor->dims[axis]);
      value_set_dims(module, graph->inputs.data[at], tensor->rank, dims);
      continue;
    }
    if (value->rank != tensor->rank || value->element != tensor->element) {
      model_error(module->context, CODE_DATA_SHAPE, (Place){0}, NULL, "input \"%s\" is %s of rank %u, but the data is %s of rank %u", value->name, element_name(value->element),
                  value->rank, element_name(tensor->element), tensor->rank);
      continue;
    }
    for (uint32_t axis = 0; axis < value->rank; axis++) set_symbol(module, value->dims[axis], tensor->dims[axis], value->name, axis);
  }
  check_errors(module->context);
  pipeline_set_dims(module, NULL, 0);
}

/* One element of packed sub-byte data. */
static uint64_t packed_bits(const OnnxTensor *tensor, int64_t index) {
  unsigned bits = element_file_bits(tensor->element);
  uint64_t position = (uint64_t)index * bits;
  return (uint64_t)(tensor->data.data[position / 8] >> (position % 8)) & ((1u << bits) - 1u);
}

void *data_buffer(Arena *arena, const OnnxTensor *tensor) {
  unsigned bytes = element_buffer_bytes(tensor->element);
  uint8_t *buffer = arena_array(arena, uint8_t, (size_t)tensor->count * bytes + 1u);
  if (element_file_bits(tensor->element) >= 8) {
    if (tensor->data.size) memcpy(buffer, tensor->data.data, tensor->data.size);
    return buffer;
  }
  for (int64_t index = 0; index < tensor->count; index++) {
    uint64_t bits = packed_bits(tensor, index);
    buffer[index] = element_is_integer(tensor->element) ? (uint8_t)element_to_i64(tensor->element, bits) : (uint8_t)bits;
  }
  return buffer;
}

static uint64_t element_bits(Element element, const void *data, int64_t index) {
  unsigned bytes = element_buffer_bytes(element);
  uint64_t bits = 0;
  memcpy(&bits, (const uint8_t *)data + (size_t)index * bytes, bytes);
  return bits;
}

static double element_number(Element element, const void *data, int64_t index) {
  uint64_t bits = element_bits(element, data, index);
  if (element_file_bits(element) < 8 && element_is_integer(element)) return element_is_signed(element) ? (double)(int8_t)bits : (double)bits;
  return element == ELEMENT_BOOL ? bits != 0 : element_to_f64(element, bits);
}

static double largest_of(Element element, const void *data, int64_t count) {
  double largest = 0;
  for (int64_t index = 0; index < count; index++) {
    double number = fabs(element_number(element, data, index));
    if (number > largest && !isinf(number)) largest = number;
  }
  return largest;
}

static bool is_close(double got, double wanted, double relative, double absolute) {
  if (isnan(got) || isnan(wanted)) return isnan(got) && isnan(wanted);
  if (isinf(got) || isinf(wanted)) return got == wanted;
  return fabs(got - wanted) <= absolute + relative * fabs(wanted);
}

Difference data_compare(Element element, const void *got, const void *wanted, int64_t count, const Tolerance *tolerance) {
  Difference difference = {.count = count};
  bool exact = !element_is_float(element);
  double absolute = tolerance->absolute * (tolerance->of_largest ? largest_of(element, wanted, count) : 1);
  for (int64_t index = 0; index < count; index++) {
    double a = element_number(element, got, index), b = element_number(element, wanted, index), apart = fabs(a - b);
    bool close = exact && tolerance->absolute < 1 ? element_bits(element, got, index) == element_bits(element, wanted, index) : is_close(a, b, exact ? 0 : tolerance->relative, absolute);
    difference.wrong += !close;
    if (!(apart > difference.worst_absolute) && !(difference.wrong == 1 && !close)) continue;
    difference.worst_absolute = apart;
    difference.worst_relative = b != 0 ? apart / fabs(b) : apart;
    difference.worst_index = index;
    difference.got = a;
    difference.wanted = b;
  }
  return difference;
}
