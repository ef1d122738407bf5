/* Reading, making and packing the tensors of a run. */
#include "compiler/command/data.h"
#include "compiler/base/checked.h"
#include <string.h>
#include <unistd.h>

/* ---- tensors -------------------------------------------------------------------------------------------------------------- */

#define GUARD_BYTE 0xa5

int64_t tensor_count(Context *context, const Tensor *tensor) {
  size_t count = 1, bytes;
  for (uint32_t axis = 0; axis < tensor->rank; axis++)
    if (tensor->dims[axis] < 0 || !checked_mul_size(count, (size_t)tensor->dims[axis], &count))
      limit_error(context, CODE_SIZE_LIMIT, (Place){0}, NULL, "a tensor of the run has too many elements");
  if (!checked_mul_size(count, element_buffer_bytes(tensor->element), &bytes) || bytes > SIZE_MAX / 4)
    limit_error(context, CODE_SIZE_LIMIT, (Place){0}, NULL, "a tensor of the run does not fit into memory");
  return (int64_t)count;
}

void tensor_allocate(Arena *arena, Tensor *tensor) {
  enum { ALIGN = 64 };
  tensor->count = tensor_count(arena_context(arena), tensor);
  size_t   bytes = (size_t)tensor->count * element_buffer_bytes(tensor->element);
  uint8_t *block = arena_allocate(arena, bytes + 2 * TENSOR_GUARD + ALIGN);
  block += ALIGN - (uintptr_t)block % ALIGN;
  memset(block, GUARD_BYTE, TENSOR_GUARD);
  memset(block + TENSOR_GUARD + bytes, GUARD_BYTE, TENSOR_GUARD);
  tensor->data = block + TENSOR_GUARD;
}

bool tensor_guard_intact(const Tensor *tensor) {
  const uint8_t *data = tensor->data, *end = data + (size_t)tensor->count * element_buffer_bytes(tensor->element);
  for (int at = 0; at < TENSOR_GUARD; at++)
    if (data[-1 - at] != GUARD_BYTE || end[at] != GUARD_BYTE) return false;
  return true;
}

const char *tensor_type(Arena *arena, const Tensor *tensor) {
  Text text;
  text_open(&text, arena);
  text_format(&text, "%s[", element_name(tensor->element));
  for (uint32_t axis = 0; axis < tensor->rank; axis++) text_format(&text, "%s%lld", axis ? ", " : "", (long long)tensor->dims[axis]);
  text_char(&text, ']');
  return text_finish(&text);
}

/* One element of packed data below a byte. */
static uint64_t packed_bits(Element element, const uint8_t *data, int64_t index) {
  unsigned bits = element_file_bits(element);
  uint64_t position = (uint64_t)index * bits;
  return (uint64_t)(data[position / 8] >> (position % 8)) & ((1u << bits) - 1u);
}

static Tensor unpack(Arena *arena, const OnnxTensor *from) {
  Tensor tensor = {.name = from->name, .element = from->element, .rank = from->rank};
  memcpy(tensor.dims, from->dims, sizeof tensor.dims);
  tensor_allocate(arena, &tensor);
  uint8_t *buffer = tensor.data;
  if (element_file_bits(from->element) >= 8) {
    if (from->data.size) memcpy(buffer, from->data.data, from->data.size);
    return tensor;
  }
  for (int64_t index = 0; index < from->count; index++) {
    uint64_t bits = packed_bits(from->element, from->data.data, index);
    buffer[index] = element_is_integer(from->element) ? (uint8_t)element_to_i64(from->element, bits) : (uint8_t)bits;
  }
  return tensor;
}

Bytes data_pack(Arena *arena, const Tensor *tensor) {
  OnnxTensor packed = {.name = tensor->name, .element = tensor->element, .rank = tensor->rank, .count = tensor->count};
  unsigned   bits = element_file_bits(tensor->element);
  size_t     size;
  memcpy(packed.dims, tensor->dims, sizeof packed.dims);
  require(arena_context(arena), element_file_bytes(tensor->element, tensor->count, &size));
  if (bits >= 8) packed.data = (Bytes){tensor->data, size};
  else {
    uint8_t       *to = arena_allocate(arena, size);
    const uint8_t *from = tensor->data;
    for (int64_t index = 0; index < tensor->count; index++) {
      size_t position = (size_t)index * bits;
      to[position / 8] |= (uint8_t)((from[index] & ((1u << bits) - 1u)) << (position % 8));
    }
    packed.data = (Bytes){to, size};
  }
  return onnx_pack_tensor(arena, &packed);
}

/* ---- reading -------------------------------------------------------------------------------------------------------------- */

static Tensor read_pb(Compile *compile, const char *path) {
  OnnxTensor from = onnx_read_tensor(compile->context, compile->arena, compile->file, path);
  if (from.element == ELEMENT_STRING) {
    model_error(compile->context, CODE_DATA_FORMAT, (Place){.path = path}, NULL, "tensors of strings can't be run yet");
    check_errors(compile->context);
  }
  return unpack(compile->arena, &from);
}

static Tensor *read_series(Compile *compile, const char *folder, const char *stem, uint32_t *count) {
  enum { MOST = 4096 };
  VECTOR(Tensor) tensors = {0};
  while (tensors.count < MOST) {
    const char *path = arena_format(compile->arena, "%s/%s_%u.pb", folder, stem, tensors.count);
    if (access(path, F_OK)) break;
    Tensor tensor = read_pb(compile, path);
    vector_push(compile->arena, &tensors, tensor);
  }
  *count = tensors.count;
  return tensors.data;
}

void data_read_folder(Compile *compile, const char *folder, DataSet *data) {
  data->inputs = read_series(compile, folder, "input", &data->input_count);
  data->outputs = read_series(compile, folder, "output", &data->output_count);
  if (!data->input_count && !data->output_count)
    io_error(compile->context, CODE_FILE_OPEN, (Place){.path = folder}, "it should hold input_0.pb, output_0.pb and so on",
             "the folder holds no test data");
}

static bool has_suffix(const char *path, const char *suffix) {
  size_t length = strlen(path), end = strlen(suffix);
  return length > end && !strcmp(path + length - end, suffix);
}

/* --input NAME=FILE; a name may hold a =, so every one is tried. */
static void read_input(Compile *compile, const char *setting, DataSet *data) {
  const Graph *graph = graph_at(compile->module, 1);
  const char  *equals = strrchr(setting, '=');
  uint32_t     index = 0;
  for (const char *at = strchr(setting, '='); at; at = strchr(at + 1, '='))
    for (uint32_t input = 0; input < graph->inputs.count; input++) {
      const char *name = value_at(compile->module, graph->inputs.data[input])->name;
      if (strlen(name) == (size_t)(at - setting) && !memcmp(name, setting, (size_t)(at - setting))) equals = at;
    }
  if (!equals) usage_error(compile->context, CODE_OPTION_VALUE, NULL, "--input takes NAME=FILE, but \"%s\" has no =", setting);
  const char *name = arena_string(compile->arena, setting, (size_t)(equals - setting)), *path = equals + 1;
  ValueId     id = compile_find_input(compile, name, &index);
  if (!id) return;
  if (has_suffix(path, ".npy")) data->inputs[index] = npy_read(compile->context, compile->arena, path, value_at(compile->module, id)->element);
  else if (has_suffix(path, ".pb")) data->inputs[index] = read_pb(compile, path);
  else usage_error(compile->context, CODE_DATA_FORMAT, NULL, "\"%s\" ends neither in .npy nor in .pb", path);
}

void data_read(Compile *compile, DataSet *data) {
  const Options *options = compile->options;
  const Graph   *graph = graph_at(compile->module, 1);
  DataSet        folder = {0};
  if (options->data) data_read_folder(compile, options->data, &folder);
  if (folder.input_count > graph->inputs.count)
    model_error(compile->context, CODE_DATA_SHAPE, (Place){.path = options->data}, NULL, "the folder holds %u inputs, the model has %u",
                folder.input_count, graph->inputs.count);
  *data = (DataSet){.input_count = graph->inputs.count, .outputs = folder.outputs, .output_count = folder.output_count};
  data->inputs = arena_array(compile->arena, Tensor, graph->inputs.count + 1u);
  for (uint32_t at = 0; at < folder.input_count && at < graph->inputs.count; at++) data->inputs[at] = folder.inputs[at];
  for (uint32_t at = 0; at < options->inputs.count; at++) read_input(compile, options->inputs.data[at], data);
  check_errors(compile->context);
  for (uint32_t at = 0; at < graph->inputs.count; at++) data->inputs[at].name = value_at(compile->module, graph->inputs.data[at])->name;
}

/* ---- dimensions ----------------------------------------------------------------------------------------------------------- */

static void wrong_data(Compile *compile, ValueId id, const Tensor *tensor) {
  Text type;
  text_open(&type, compile->arena);
  value_print_type(compile->module, id, &type);
  model_error(compile->context, CODE_DATA_SHAPE, (Place){0}, NULL, "input \"%s\" is %s, but its data is %s", tensor->name, text_finish(&type),
              tensor_type(compile->arena, tensor));
}

/* The symbol takes the value of the data; other expressions are checked when the program runs. False if that can't be. */
static bool fix_dim(Module *module, Dim dim, int64_t extent) {
  const DimNode *node = &module->dims.nodes.data[dim];
  int64_t        declared;
  if (dim_is_constant(&module->dims, dim, &declared)) return declared == extent;
  return node->op != DIM_OP_SYMBOL || dim_narrow(&module->dims, (uint32_t)node->value, extent, extent);
}

static bool allows(const Module *module, Dim dim, int64_t extent) {
  return dim_lo(&module->dims, dim) <= extent && extent <= dim_hi(&module->dims, dim);
}

static void set_input_dims(Compile *compile, ValueId id, const Tensor *tensor) {
  Module *module = compile->module;
  if (!value_at(module, id)->ranked) {
    Dim dims[MAX_RANK];
    for (uint32_t axis = 0; axis < tensor->rank; axis++) dims[axis] = dim_constant(&module->dims, tensor->dims[axis]);
    value_set_dims(module, id, tensor->rank, dims);
  }
  const Value *value = value_at(module, id);
  bool         fits = value->rank == tensor->rank && value->element == tensor->element;
  for (uint32_t axis = 0; axis < value->rank && fits; axis++)
    fits =
        compile->options->symbolic ? allows(module, value->dims[axis], tensor->dims[axis]) : fix_dim(module, value->dims[axis], tensor->dims[axis]);
  if (!fits) wrong_data(compile, id, tensor);
}

void data_set_dims(Compile *compile, const DataSet *data) {
  const Graph *graph = graph_at(compile->module, 1);
  for (uint32_t at = 0; at < data->input_count; at++)
    if (data->inputs[at].data) set_input_dims(compile, graph->inputs.data[at], &data->inputs[at]);
  check_errors(compile->context);
  pipeline_set_dims(compile->module, NULL, 0);
}

/* ---- random data ---------------------------------------------------------------------------------------------------------- */

/* The next of a sequence of random numbers (SplitMix64, Steele and others 2014). */
static uint64_t next_random(uint64_t *state) {
  uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);
  mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
  return mixed ^ mixed >> 31;
}

static uint64_t random_bits(Element element, uint64_t *state) {
  uint64_t random = next_random(state);
  unsigned bits = element_file_bits(element);
  if (element == ELEMENT_BOOL) return random & 1;
  if (element == ELEMENT_C64 || element == ELEMENT_C128) return 0;
  if (element_is_float(element)) return element_from_f64(element, (double)(int64_t)(random >> 11) * 0x1p-52 - 1);
  if (bits > 8) return random & 3;
  random &= (1u << bits) - 1u;
  return bits < 8 ? (uint64_t)element_to_i64(element, random) & 0xff : random; /* below a byte: extended to one */
}

static void fill(Tensor *tensor, uint64_t state) {
  unsigned bytes = element_buffer_bytes(tensor->element);
  for (int64_t index = 0; index < tensor->count; index++) {
    uint64_t bits = random_bits(tensor->element, &state);
    memcpy((uint8_t *)tensor->data + (size_t)index * bytes, &bits, bytes < sizeof bits ? bytes : sizeof bits);
  }
}

/* Sizes for an input without data: free dimensions are as small as may be, but not 0. */
static void choose_dims(Compile *compile, ValueId id, Tensor *tensor) {
  Module      *module = compile->module;
  const Value *value = value_at(module, id);
  *tensor = (Tensor){.name = value->name, .element = value->element, .rank = value->rank};
  if (!value->ranked) {
    model_error(compile->context, CODE_DATA_MISSING, (Place){0}, "give it a shape with --shape, or data", "input \"%s\" has no known rank",
                value->name);
    check_errors(compile->context);
  }
  for (uint32_t axis = 0; axis < value->rank; axis++) {
    int64_t smallest = dim_lo(&module->dims, value->dims[axis]);
    tensor->dims[axis] = smallest > 0 || dim_is_constant(&module->dims, value->dims[axis], &smallest) ? smallest : 1;
  }
}

void data_fill(Compile *compile, DataSet *data, uint64_t seed) {
  const Graph *graph = graph_at(compile->module, 1);
  for (uint32_t at = 0; at < data->input_count; at++) {
    Tensor *tensor = &data->inputs[at];
    if (tensor->data) continue;
    choose_dims(compile, graph->inputs.data[at], tensor);
    tensor_allocate(compile->arena, tensor);
    fill(tensor, seed * 0x10001 + at);
    set_input_dims(compile, graph->inputs.data[at], tensor); /* so that later inputs agree */
  }
  check_errors(compile->context);
  pipeline_set_dims(compile->module, NULL, 0);
}
