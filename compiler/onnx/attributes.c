/* Attributes of nodes, references to attributes of the enclosing function call included, and the Constant operator, whose attribute is a value. */
#include "compiler/ops/ops.h"
#include "compiler/onnx/reader.h"
#include <string.h>

/* The oldest files leave the type out; then the one field that is set tells it. */
static Onnx__AttributeProto__AttributeType kind_of(const Onnx__AttributeProto *attribute) {
  if (attribute->has_type && attribute->type != ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED) return attribute->type;
  if (attribute->has_f) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
  if (attribute->has_i) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
  if (attribute->has_s) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
  if (attribute->t) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
  if (attribute->g) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH;
  if (attribute->n_floats) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS;
  if (attribute->n_ints) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
  if (attribute->n_strings) return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS;
  return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED;
}

const Onnx__AttributeProto *attribute_resolve(const Onnx__AttributeProto *attribute, const Scope *scope, const Scope **where) {
  *where = scope;
  if (!attribute->ref_attr_name || !*attribute->ref_attr_name) return attribute;
  for (uint32_t i = 0; scope->call && i < scope->call->binding_count; i++) {
    const Binding *binding = &scope->call->bindings[i];
    if (strcmp(binding->name, attribute->ref_attr_name)) continue;
    *where = binding->scope ? binding->scope : scope;
    return binding->attribute;
  }
  return NULL;
}

static Bytes copy_bytes(Reader *reader, ProtobufCBinaryData data) {
  return (Bytes){(const uint8_t *)arena_string(reader->arena, data.data ? (const char *)data.data : "", data.len), data.len};
}

static void convert_tensor(Reader *reader, const Onnx__AttributeProto *proto, Attribute *attribute, const Step *step) {
  TensorData tensor;
  Step inner = {.outer = step, .field = proto->name, .index = -1};
  if (!proto->t) model_error(reader->context, CODE_ATTRIBUTE_KIND, step_place(reader, step), NULL, "a tensor attribute has no tensor");
  else if (tensor_read(reader, proto->t, &inner, &tensor)) attribute->tensor = tensor_constant(reader, 0, "", &tensor);
}

static void convert_subgraph(Reader *reader, NodeId node, const Onnx__AttributeProto *proto, const Scope *scope, Attribute *attribute,
                             const Step *step) {
  Step at = {.outer = step, .field = proto->name, .index = -1};
  if (!proto->g) {
    model_error(reader->context, CODE_ATTRIBUTE_KIND, step_place(reader, &at), NULL, "a graph attribute has no graph");
    return;
  }
  const char *name = proto->g->name ? proto->g->name : "";
  attribute->graph = module_graph(reader->module, arena_string(reader->arena, name, strlen(name)), node_at(reader->module, node)->graph, node);
  Scope inner = *scope;
  inner.parent = scope;
  inner.graph = attribute->graph;
  inner.path = step_path(reader, &at);
  inner.depth = scope->depth + 1;
  convert_graph(reader, proto->g, scope_open(reader, inner));
}

/* False if the kind is none that nodes of the module can hold. */
static bool convert_kind(Reader *reader, NodeId node, const Onnx__AttributeProto *proto, const Scope *scope, Attribute *attribute, const Step *step) {
  Onnx__AttributeProto__AttributeType kind = kind_of(proto);
  attribute->kind = (AttributeKind)kind;
  switch (kind) {
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT: attribute->number = (double)proto->f; return true;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT: attribute->integer = proto->i; return true;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING: attribute->string = copy_bytes(reader, proto->s); return true;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR: convert_tensor(reader, proto, attribute, step); return true;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH: convert_subgraph(reader, node, proto, scope, attribute, step); return true;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
    reader_charge(reader, proto->n_floats * sizeof(double), step);
    attribute->count = (uint32_t)proto->n_floats;
    attribute->floats = arena_array(reader->arena, double, proto->n_floats);
    for (size_t i = 0; i < proto->n_floats; i++) attribute->floats[i] = (double)proto->floats[i];
    return true;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
    reader_charge(reader, proto->n_ints * sizeof(int64_t), step);
    attribute->count = (uint32_t)proto->n_ints;
    attribute->ints = arena_array(reader->arena, int64_t, proto->n_ints);
    for (size_t i = 0; i < proto->n_ints; i++) attribute->ints[i] = proto->ints[i];
    return true;
  case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS:
    attribute->count = (uint32_t)proto->n_strings;
    attribute->strings = arena_array(reader->arena, Bytes, proto->n_strings);
    for (size_t i = 0; i < proto->n_strings; i++) attribute->strings[i] = copy_bytes(reader, proto->strings[i]);
    return true;
  default: return false;
  }
}

void convert_attributes(Reader *reader, NodeId node, const Onnx__NodeProto *proto, const Scope *scope, const Step *step) {
  for (size_t i = 0; i < proto->n_attribute; i++) {
    const char  *name = proto->attribute[i]->name;
    const Scope *where = NULL;
    const Onnx__AttributeProto *source = attribute_resolve(proto->attribute[i], scope, &where);
    if (!name || !*name || node_attribute(node_at(reader->module, node), name)) {
      model_error(reader->context, CODE_ATTRIBUTE_NAME, step_place(reader, step), NULL,
                  name && *name ? "an attribute is given twice" : "an attribute has no name");
      continue;
    }
    if (!source) continue; /* a reference to an attribute that the call leaves out */
    Attribute attribute = {.name = arena_string(reader->arena, name, strlen(name))};
    if (convert_kind(reader, node, source, where, &attribute, step)) node_set_attribute(reader->module, node, attribute);
    else if (node_at(reader->module, node)->op)
      model_error(reader->context, CODE_ATTRIBUTE_KIND, step_place(reader, step), NULL,
                  "attribute number %zu is of a kind (%d) that is not supported",
                  i, (int)attribute.kind);
  }
}

/* ---- Constant ------------------------------------------------------------------------------------------------------------- */

/* The elements of value_float, value_ints and the like as a tensor of rank 0 or 1. */
static bool constant_list(Reader *reader, Element element, const void *items, size_t count, bool scalar, TensorData *out) {
  size_t bytes = element_file_bits(element) / 8;
  *out = (TensorData){.element = element, .rank = scalar ? 0 : 1, .dims = {(int64_t)count}, .count = (int64_t)count, .content = CONTENT_DATA};
  out->data = (Bytes){arena_copy(reader->arena, items ? items : "", bytes * count), bytes * count};
  tensor_compress(reader, out);
  return true;
}

static bool constant_strings(Reader *reader, const ProtobufCBinaryData *items, size_t count, bool scalar, TensorData *out) {
  Bytes *strings = arena_array(reader->arena, Bytes, count);
  for (size_t i = 0; i < count; i++) strings[i] = copy_bytes(reader, items[i]);
  *out = (TensorData){.element = ELEMENT_STRING, .rank = scalar ? 0 : 1, .dims = {(int64_t)count}, .count = (int64_t)count, .content = CONTENT_DATA};
  out->strings = strings;
  return true;
}

bool constant_read(Reader *reader, const Onnx__NodeProto *proto, const Scope *scope, const Step *step, TensorData *out) {
  const Onnx__AttributeProto *value = NULL;
  const Scope *where = NULL;
  const char  *name = NULL;
  for (size_t i = 0; i < proto->n_attribute; i++) {
    const Onnx__AttributeProto *given = attribute_resolve(proto->attribute[i], scope, &where);
    if (!given) continue;
    if (value) {
      model_error(reader->context, CODE_ATTRIBUTE_NAME, step_place(reader, step), NULL, "a Constant has more than one value");
      return false;
    }
    value = given;
    name = proto->attribute[i]->name ? proto->attribute[i]->name : "";
  }
  if (!value) model_error(reader->context, CODE_ATTRIBUTE_NAME, step_place(reader, step), NULL, "a Constant has no value");
  else if (!strcmp(name, "value") && value->t) return tensor_read(reader, value->t, step, out);
  else if (!strcmp(name, "sparse_value") && value->sparse_tensor) return sparse_read(reader, value->sparse_tensor, step, out);
  else if (!strcmp(name, "value_float") && value->has_f) return constant_list(reader, ELEMENT_F32, &value->f, 1, true, out);
  else if (!strcmp(name, "value_floats")) return constant_list(reader, ELEMENT_F32, value->floats, value->n_floats, false, out);
  else if (!strcmp(name, "value_int") && value->has_i) return constant_list(reader, ELEMENT_I64, &value->i, 1, true, out);
  else if (!strcmp(name, "value_ints")) return constant_list(reader, ELEMENT_I64, value->ints, value->n_ints, false, out);
  else if (!strcmp(name, "value_string") && value->has_s) return constant_strings(reader, &value->s, 1, true, out);
  else if (!strcmp(name, "value_strings")) return constant_strings(reader, value->strings, value->n_strings, false, out);
  else model_error(reader->context, CODE_ATTRIBUTE_NAME, step_place(reader, step), NULL,
                   "the value of a Constant has an unknown name or the wrong kind");
  return false;
}
