/* The entry points: a model file to a checked module, a tensor file to a tensor. */
#include "compiler/base/hash.h"
#include "compiler/onnx/preflight.h"
#include "compiler/onnx/upgrade.h"
#include <string.h>

#define FILE_LIMIT ((uint64_t)64 << 30) /* bytes of a file unless an option says otherwise */

void reader_charge(Reader *reader, uint64_t bytes, const Step *step) {
  if (bytes > reader->budget)
    limit_error(reader->context, CODE_MODEL_BUDGET, step_place(reader, step),
                "a model of this size should need far less; was it made to exhaust memory?",
                "reading this model would take more memory than 64 MiB plus eight times its size");
  reader->budget -= (size_t)bytes;
}

static Reader *reader_open(Context *context, Arena *arena, OnnxFile *file, const OnnxReadOptions *options, const char *path, Bytes input) {
  file_prepare(context, file);
  Reader          *reader = arena_new(file->scratch, Reader);
  OnnxReadOptions *own = arena_new(file->scratch, OnnxReadOptions);
  if (options) *own = *options;
  if (!own->file_limit) own->file_limit = FILE_LIMIT;
  *reader = (Reader){.context = context, .arena = arena, .scratch = file->scratch, .file = file, .options = own, .path = path, .input = input};
  reader->budget = preflight_budget(input.size);
  return reader;
}

static void reader_close(Reader *reader) {
  OnnxFile *file = reader->file;
  arena_close(file->scratch);
  file->scratch = NULL;
}

/* ---- models --------------------------------------------------------------------------------------------------------------- */

static const char *keep(Reader *reader, const char *text) { return text ? arena_string(reader->arena, text, strlen(text)) : ""; }

static void read_header(Reader *reader) {
  const Onnx__ModelProto *model = reader->model;
  Module *module = reader->module;
  Place   place = {.path = reader->path};
  Step    step = {.field = reader->path, .index = -1};
  if (!model->has_ir_version || !model->graph) {
    model_error(reader->context, CODE_NOT_ONNX, place, "is it a model at all? A file of a single tensor or of weights is none",
                "the file holds no %s", model->graph ? "ir_version" : "graph");
    check_errors(reader->context);
  }
  if (model->ir_version < ONNX_IR_OLDEST || model->ir_version > ONNX_IR_NEWEST)
    model_error(reader->context, CODE_IR_VERSION, place, "convert it with the onnx package's version converter",
                "the file is of IR version %lld; %d to %d are read",
                (long long)model->ir_version, ONNX_IR_OLDEST, ONNX_IR_NEWEST);
  reader->opsets = opsets_read(reader, model->n_opset_import, model->opset_import, &step);
  if (!reader->opsets.count) model_error(reader->context, CODE_OPSET, place, NULL, "the model does not say which operator sets it uses");
  for (uint32_t i = 0; i < reader->opsets.count; i++)
    if (!*reader->opsets.data[i].domain) module->opset = reader->opsets.data[i].version;
  module->ir_version = model->ir_version;
  module->producer = keep(reader, model->producer_name);
  module->producer_version = keep(reader, model->producer_version);
  module->domain = keep(reader, model->domain);
  module->description = keep(reader, model->doc_string);
  for (size_t i = 0; i < model->n_metadata_props; i++)
    vector_push(reader->arena, &module->metadata,
                (Metadata){keep(reader, model->metadata_props[i]->key), keep(reader, model->metadata_props[i]->value)});
  if (!reader->options->keep_weights_unread) module->hash = hash_bytes(0, reader->input.data, reader->input.size);
  functions_prepare(reader);
  check_errors(reader->context);
}

/* Room for what the main graph has at least, so that the arrays don't grow through all powers of two. */
static void reserve(Reader *reader, const Onnx__GraphProto *graph) {
  Module *module = reader->module;
  size_t  values = graph->n_input + graph->n_initializer + graph->n_sparse_initializer + 64, nodes = graph->n_node + graph->n_node / 8 + 64;
  for (size_t i = 0; i < graph->n_node; i++) values += graph->node[i]->n_output;
  if (values > UINT32_MAX / 2 || nodes > UINT32_MAX / 2) return;
  vector_reserve(reader->arena, (void **)&module->values.data, &module->values.capacity, (uint32_t)values, sizeof *module->values.data);
  vector_reserve(reader->arena, (void **)&module->nodes.data, &module->nodes.capacity, (uint32_t)nodes, sizeof *module->nodes.data);
}

Module *onnx_read_bytes(Context *context, Arena *arena, OnnxFile *file, const OnnxReadOptions *options, const char *name, Bytes bytes) {
  Reader *reader = reader_open(context, arena, file, options, name, bytes);
  reader->model = (const Onnx__ModelProto *)preflight_unpack(context, reader->scratch, name, bytes, &onnx__model_proto__descriptor, &reader->budget);
  Module *module = reader->module = module_open(context, arena);
  names_open(&reader->names, reader->scratch);
  read_header(reader);
  if (reader->model->graph->name) graph_at(module, 1)->name = keep(reader, reader->model->graph->name);
  vector_push(arena, &module->files_read, keep(reader, name));
  reserve(reader, reader->model->graph);
  Scope scope = {.graph = 1, .path = "graph", .prefix = "", .opsets = &reader->opsets};
  convert_graph(reader, reader->model->graph, scope_open(reader, scope));
  check_errors(context);
  upgrade_module(reader);
  check_module(reader);
  check_errors(context);
  module_recapture(module);
  for (GraphId graph = 1; graph < module->graphs.count; graph++) graph_sort(module, graph);
  check_errors(context);
  reader_close(reader);
  return module;
}

Module *onnx_read(Context *context, Arena *arena, OnnxFile *file, const OnnxReadOptions *options, const char *path) {
  file_prepare(context, file);
  Bytes bytes = file_open(context, file, path, options && options->file_limit ? options->file_limit : FILE_LIMIT);
  return onnx_read_bytes(context, arena, file, options, path, bytes);
}

/* ---- tensors -------------------------------------------------------------------------------------------------------------- */

/* A file of test data says nowhere what it holds. Field 1 with a length is the name of a sequence or optional (or packed dims, which nobody
 * writes), field 3 with a length their contents (or a tensor's segment, which nobody writes either). */
static bool looks_nested(Bytes bytes) {
  uint64_t tag, value;
  for (size_t at = 0; at < bytes.size;) {
    if (!varint_read(bytes.data, &at, bytes.size, &tag)) return false;
    bool has_length = (tag & 7) == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    if (has_length && (tag >> 3 == 1 || tag >> 3 == 3)) return true;
    if ((tag & 7) != PROTOBUF_C_WIRE_TYPE_VARINT || !varint_read(bytes.data, &at, bytes.size, &value)) return false;
  }
  return false;
}

OnnxTensor onnx_read_tensor_bytes(Context *context, Arena *arena, OnnxFile *file, const char *name, Bytes bytes) {
  Reader    *reader = reader_open(context, arena, file, &(OnnxReadOptions){.keep_weights_unread = true}, NULL, bytes);
  TensorData tensor;
  if (looks_nested(bytes)) {
    model_error(context, CODE_NOT_TENSOR, (Place){.path = name}, NULL, "the file holds a sequence or an optional; only tensors are supported");
    check_errors(context);
  }
  const Onnx__TensorProto *proto =
      (const Onnx__TensorProto *)preflight_unpack(context, reader->scratch, name, bytes, &onnx__tensor_proto__descriptor, &reader->budget);
  if (!tensor_read(reader, proto, &(Step){.field = name, .index = -1}, &tensor)) check_errors(context);
  OnnxTensor result = {.name = keep(reader, proto->name), .element = tensor.element, .rank = tensor.rank, .count = tensor.count};
  memcpy(result.dims, tensor.dims, sizeof result.dims);
  result.data = tensor.data;
  result.strings = tensor.strings;
  reader_close(reader);
  return result;
}

OnnxTensor onnx_read_tensor(Context *context, Arena *arena, OnnxFile *file, const char *path) {
  file_prepare(context, file);
  return onnx_read_tensor_bytes(context, arena, file, path, file_open(context, file, path, FILE_LIMIT));
}

static void pack_number(Text *out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) text_char(out, (char)(value | 0x80));
  text_char(out, (char)value);
}

static void pack_bytes(Text *out, uint32_t field, Bytes bytes) {
  pack_number(out, field << 3 | PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
  pack_number(out, bytes.size);
  text_bytes(out, (const char *)bytes.data, bytes.size);
}

Bytes onnx_pack_tensor(Arena *arena, const OnnxTensor *tensor) {
  enum { DIMS = 1, DATA_TYPE = 2, STRING_DATA = 6, NAME = 8 };
  Text out;
  text_open(&out, arena);
  for (uint32_t i = 0; i < tensor->rank; i++) {
    pack_number(&out, DIMS << 3);
    pack_number(&out, (uint64_t)tensor->dims[i]);
  }
  pack_number(&out, DATA_TYPE << 3);
  pack_number(&out, (uint64_t)tensor->element);
  for (int64_t i = 0; tensor->element == ELEMENT_STRING && i < tensor->count; i++) pack_bytes(&out, STRING_DATA, tensor->strings[i]);
  if (tensor->name && *tensor->name) pack_bytes(&out, NAME, (Bytes){(const uint8_t *)tensor->name, strlen(tensor->name)});
  if (tensor->element != ELEMENT_STRING) pack_bytes(&out, FIELD_RAW_DATA, tensor->data);
  return (Bytes){(const uint8_t *)text_finish(&out), out.length};
}
