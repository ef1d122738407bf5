/* TensorProto to elements as raw_data has them: little-endian, sub-byte types packed from the low bits.
 *
 * raw_data, packed float_data and double_data, and external data are used where they lie. Everything else (varints, values with their own tags)
 * is decoded into the module's arena, charged to the budget. The number of elements must be exact. */
#include "compiler/base/checked.h"
#include "compiler/onnx/preflight.h"
#include "compiler/onnx/reader.h"
#include <string.h>

#define ELEMENT_LIMIT  ((int64_t)1 << 40) /* elements of one tensor */
#define SPLAT_ELEMENTS 64                 /* from so many equal elements on a tensor is a splat */

/* ---- dims --------------------------------------------------------------------------------------------------------------- */

bool tensor_dims(Reader *reader, size_t rank, const int64_t *dims, const Step *step, TensorData *out) {
  if (rank > MAX_RANK) {
    model_error(reader->context, CODE_TENSOR_RANK, step_place(reader, step), NULL, "a tensor has %zu dimensions; at most %u are supported", rank,
                MAX_RANK);
    return false;
  }
  out->rank = (uint32_t)rank;
  out->count = 1;
  for (size_t i = 0; i < rank; i++) {
    out->dims[i] = dims[i];
    if (dims[i] < 0) {
      model_error(reader->context, CODE_TENSOR_DIMS, step_place(reader, step), NULL, "dimension %zu of a tensor is %lld", i, (long long)dims[i]);
      return false;
    }
  }
  for (size_t i = 0; i < rank; i++)
    if (dims[i] == 0) out->count = 0;
  for (size_t i = 0; i < rank && out->count; i++)
    if (!checked_mul_i64(out->count, dims[i], &out->count) || out->count > ELEMENT_LIMIT) {
      model_error(reader->context, CODE_TENSOR_DIMS, step_place(reader, step), NULL, "a tensor has more than 2^40 elements");
      return false;
    }
  return true;
}

/* ---- spans -------------------------------------------------------------------------------------------------------------- */

/* What the typed data fields hold: which elements each may carry, and the bytes of one value (0: a varint). */
static uint32_t field_of(Element element) {
  switch (element) {
  case ELEMENT_F32: case ELEMENT_C64: return FIELD_FLOAT_DATA;
  case ELEMENT_F64: case ELEMENT_C128: return FIELD_DOUBLE_DATA;
  case ELEMENT_I64: return FIELD_INT64_DATA;
  case ELEMENT_U32: case ELEMENT_U64: return FIELD_UINT64_DATA;
  default: return FIELD_INT32_DATA;
  }
}

static size_t value_bytes(uint32_t field) { return field == FIELD_FLOAT_DATA ? 4 : field == FIELD_DOUBLE_DATA ? 8 : 0; }

static PayloadSpan span_at(const Onnx__TensorProto *tensor, size_t index) {
  PayloadSpan span;
  memcpy(&span, tensor->payload[index].data, sizeof span);
  return span;
}

/* Values in a span; varints were not looked at before, so broken ones show here: false. */
static bool span_count(Bytes input, PayloadSpan span, uint64_t *count) {
  size_t   at = (size_t)span.offset, end = at + (size_t)span.length, fixed = value_bytes(span.field);
  uint64_t ignored;
  *count = 0;
  if (span.form == PAYLOAD_PACKED && fixed) {
    *count = span.length / fixed;
    return true;
  }
  for (; at < end; ++*count) {
    if (span.form == PAYLOAD_TAGGED && !varint_read(input.data, &at, end, &ignored)) return false;
    if (fixed) at += fixed;
    else if (!varint_read(input.data, &at, end, &ignored)) return false;
  }
  return true;
}

/* One value of a data field as the bytes of an element (or of a half of a complex one, or of a byte of packed ones). False if it does not fit. */
static bool store_value(uint64_t value, uint32_t field, unsigned bytes, uint8_t *out) {
  if (field == FIELD_INT32_DATA) value = (uint64_t)(int32_t)value; /* negative ones are written in five or in ten bytes */
  if (bytes < 8) {
    int64_t  as_signed = (int64_t)value, low = -((int64_t)1 << (8 * bytes - 1));
    uint64_t high = ((uint64_t)1 << 8 * bytes) - 1;
    if (value > high && (field == FIELD_UINT64_DATA || as_signed < low || as_signed >= 0)) return false;
  }
  for (unsigned i = 0; i < bytes; i++) out[i] = (uint8_t)(value >> 8 * i);
  return true;
}

static bool span_decode(Bytes input, PayloadSpan span, unsigned bytes, uint8_t **out) {
  size_t   at = (size_t)span.offset, end = at + (size_t)span.length, fixed = value_bytes(span.field);
  uint64_t value = 0;
  while (at < end) {
    if (span.form == PAYLOAD_TAGGED) varint_read(input.data, &at, end, &value);
    if (fixed) {
      memcpy(*out, input.data + at, fixed);
      at += fixed;
      *out += fixed;
      continue;
    }
    varint_read(input.data, &at, end, &value);
    if (!store_value(value, span.field, bytes, *out)) return false;
    *out += bytes;
  }
  return true;
}

/* ---- the kinds of data -------------------------------------------------------------------------------------------------- */

static bool fail_size(Reader *reader, const Step *step, const TensorData *tensor, size_t wanted, uint64_t found, const char *unit) {
  model_error(reader->context, CODE_TENSOR_SIZE, step_place(reader, step), "was the file written completely?",
              "a %s tensor of %lld elements needs %zu %s, the file has %llu", element_name(tensor->element), (long long)tensor->count, wanted, unit,
              (unsigned long long)found);
  return false;
}

static bool read_typed(Reader *reader, const Onnx__TensorProto *proto, const Step *step, size_t size, TensorData *out) {
  uint32_t field = field_of(out->element);
  size_t   fixed = value_bytes(field);
  unsigned bytes = element_file_bits(out->element) < 8 ? 1 : fixed ? (unsigned)fixed : element_file_bits(out->element) / 8;
  uint64_t total = 0;
  for (size_t i = 0; i < proto->n_payload; i++) {
    PayloadSpan span = span_at(proto, i);
    uint64_t    count = 0;
    if (span.field != field) {
      model_error(reader->context, CODE_TENSOR_FIELD, step_place(reader, step), NULL, "the elements of a %s tensor stand in the wrong data field",
                  element_name(out->element));
      return false;
    }
    if (!span_count(reader->input, span, &count)) {
      model_error(reader->context, CODE_WIRE_VARINT, step_place(reader, step), NULL, "the tensor's data holds a malformed number");
      return false;
    }
    total += count;
  }
  if (total != size / bytes) return fail_size(reader, step, out, size / bytes, total, "values");
  if (proto->n_payload == 1 && fixed && span_at(proto, 0).form == PAYLOAD_PACKED) {
    out->data = (Bytes){reader->input.data + span_at(proto, 0).offset, size};
    return true;
  }
  reader_charge(reader, size, step);
  uint8_t *data = arena_allocate(reader->arena, size), *end = data;
  out->data = (Bytes){data, size};
  for (size_t i = 0; i < proto->n_payload; i++)
    if (!span_decode(reader->input, span_at(proto, i), bytes, &end)) {
      model_error(reader->context, CODE_TENSOR_VALUE, step_place(reader, step), NULL, "a value of the tensor does not fit its element type %s",
                  element_name(out->element));
      return false;
    }
  return true;
}

static bool read_strings(Reader *reader, const Onnx__TensorProto *proto, const Step *step, TensorData *out) {
  if (proto->n_payload || (int64_t)proto->n_string_data != out->count)
    return fail_size(reader, step, out, (size_t)out->count, proto->n_string_data, "strings");
  Bytes *strings = arena_array(reader->arena, Bytes, proto->n_string_data);
  for (size_t i = 0; i < proto->n_string_data; i++) {
    ProtobufCBinaryData string = proto->string_data[i];
    strings[i] = (Bytes){arena_copy(reader->arena, string.data ? string.data : (const uint8_t *)"", string.len), string.len};
  }
  out->strings = strings;
  return true;
}

/* Bytes of a bool other than 0 and 1 become 1, in a copy. */
static void normalise_bools(Reader *reader, TensorData *tensor, const Step *step) {
  size_t at = 0;
  while (at < tensor->data.size && tensor->data.data[at] <= 1) at++;
  if (at == tensor->data.size) return;
  reader_charge(reader, tensor->data.size, step);
  uint8_t *copy = arena_copy(reader->arena, tensor->data.data, tensor->data.size);
  for (; at < tensor->data.size; at++) copy[at] = copy[at] != 0;
  tensor->data.data = copy;
}

static bool read_data(Reader *reader, const Onnx__TensorProto *proto, const Step *step, TensorData *out) {
  size_t size = 0;
  if (out->element == ELEMENT_STRING) return read_strings(reader, proto, step, out);
  if (!element_file_bytes(out->element, out->count, &size)) return fail_size(reader, step, out, SIZE_MAX, 0, "bytes");
  bool external = proto->has_data_location && proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
  if (external) return external_read(reader, proto, step, size, &out->data, &out->source);
  if (proto->n_payload == 1 && span_at(proto, 0).field == FIELD_RAW_DATA) {
    PayloadSpan span = span_at(proto, 0);
    if (span.length != size) return fail_size(reader, step, out, size, span.length, "bytes");
    out->data = (Bytes){reader->input.data + span.offset, size};
    return true;
  }
  return read_typed(reader, proto, step, size, out);
}

bool tensor_read(Reader *reader, const Onnx__TensorProto *proto, const Step *step, TensorData *out) {
  *out = (TensorData){.content = CONTENT_DATA};
  if (!tensor_dims(reader, proto->n_dims, proto->dims, step, out)) return false;
  if (proto->data_type <= 0 || proto->data_type >= ELEMENT_COUNT) {
    model_error(reader->context, CODE_TENSOR_ELEMENT, step_place(reader, step), NULL, "the tensor's element type %d is not one of the standard",
                proto->data_type);
    return false;
  }
  if (proto->segment) {
    model_error(reader->context, CODE_TENSOR_FIELD, step_place(reader, step), NULL, "tensors stored in segments are not supported");
    return false;
  }
  out->element = (Element)proto->data_type;
  if (out->element != ELEMENT_STRING && proto->n_string_data) {
    model_error(reader->context, CODE_TENSOR_FIELD, step_place(reader, step), NULL, "a %s tensor has string data", element_name(out->element));
    return false;
  }
  if (!read_data(reader, proto, step, out)) return false;
  if (reader->options->keep_weights_unread) return true;
  if (out->element == ELEMENT_BOOL) normalise_bools(reader, out, step);
  tensor_compress(reader, out);
  return true;
}

/* ---- splats and values -------------------------------------------------------------------------------------------------- */

void tensor_compress(const Reader *reader, TensorData *tensor) {
  unsigned       bits = element_file_bits(tensor->element);
  const uint8_t *data = tensor->data.data;
  if (tensor->content != CONTENT_DATA || reader->options->keep_weights_unread || tensor->count < SPLAT_ELEMENTS || bits == 0 || bits > 64) return;
  uint64_t first = 0;
  size_t   bytes = bits < 8 ? 1 : bits / 8, size = tensor->data.size;
  memcpy(&first, data, bytes);
  if (bits < 8) { /* every element of the first byte, then whole bytes, then those of the last */
    uint64_t mask = (1u << bits) - 1, element = first & mask;
    unsigned last = (unsigned)(tensor->count % (8 / bits)) * bits;
    for (unsigned at = 0; at < 8; at += bits)
      if ((first >> at & mask) != element) return;
    size -= last != 0;
    if (last && ((data[size] ^ first) & ((1u << last) - 1))) return;
    first = element;
  }
  if (memcmp(data, data + bytes, size - bytes)) return;
  tensor->content = CONTENT_SPLAT;
  tensor->splat = first;
  tensor->data = (Bytes){0};
}

ValueId tensor_constant(Reader *reader, GraphId graph, const char *name, const TensorData *tensor) {
  Module *module = reader->module;
  if (tensor->content == CONTENT_SPLAT) return module_splat(module, graph, name, tensor->element, tensor->rank, tensor->dims, tensor->splat);
  ValueId value = module_constant(module, graph, name, tensor->element, tensor->rank, tensor->dims, tensor->data);
  value_at(module, value)->strings = tensor->strings;
  value_at(module, value)->source = tensor->source;
  return value;
}
