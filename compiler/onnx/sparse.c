/* Sparse tensors become dense ones: the standard defines a sparse initialiser by the dense tensor it stands for, and no operator of the
 * supported ones takes a sparse operand. The dense size is charged to the budget, so a few bytes can't ask for gigabytes. */
#include "compiler/base/checked.h"
#include "compiler/onnx/reader.h"
#include <string.h>

/* The linear index of entry `entry`; -1 if it lies outside. */
static int64_t linear_index(const TensorData *dense, const TensorData *indices, int64_t entry) {
  const uint8_t *data = indices->content == CONTENT_SPLAT ? NULL : indices->data.data;
  int64_t        parts = indices->rank == 2 ? indices->dims[1] : 1, index = 0;
  for (int64_t i = 0; i < parts; i++) {
    int64_t part = (int64_t)indices->splat;
    if (data) memcpy(&part, data + (entry * parts + i) * 8, 8);
    int64_t bound = indices->rank == 2 ? dense->dims[i] : dense->count;
    if (part < 0 || part >= bound) return -1;
    index = index * bound + part; /* below dense->count */
  }
  return index;
}

static void copy_element(const TensorData *values, int64_t from, uint8_t *dense, int64_t to) {
  unsigned bits = element_file_bits(values->element);
  if (bits >= 8) {
    size_t bytes = bits / 8;
    if (values->content == CONTENT_SPLAT) memcpy(dense + (size_t)to * bytes, &values->splat, bytes);
    else memcpy(dense + (size_t)to * bytes, values->data.data + (size_t)from * bytes, bytes);
    return;
  }
  int64_t  many = 8 / bits;
  unsigned value = values->content == CONTENT_SPLAT ? (unsigned)values->splat
                                                    : (unsigned)values->data.data[from / many] >> (unsigned)(from % many) * bits;
  dense[to / many] |= (uint8_t)((value & ((1u << bits) - 1)) << (unsigned)(to % many) * bits);
}

static bool fail(Reader *reader, const Step *step, const char *what) {
  model_error(reader->context, CODE_TENSOR_SPARSE, step_place(reader, step), NULL, "a sparse tensor %s", what);
  return false;
}

bool sparse_read(Reader *reader, const Onnx__SparseTensorProto *sparse, const Step *step, TensorData *out) {
  TensorData values, indices;
  *out = (TensorData){.content = CONTENT_DATA};
  if (!sparse->values || !sparse->indices) return fail(reader, step, "lacks its values or indices");
  if (!tensor_dims(reader, sparse->n_dims, sparse->dims, step, out)) return false;
  if (!tensor_read(reader, sparse->values, &(Step){step, "values", -1, NULL, NULL}, &values)) return false;
  if (!tensor_read(reader, sparse->indices, &(Step){step, "indices", -1, NULL, NULL}, &indices)) return false;
  if (indices.element != ELEMENT_I64) return fail(reader, step, "has indices that are not i64");
  if (values.element == ELEMENT_STRING) return fail(reader, step, "of strings is not supported");
  if (values.rank != 1 || indices.rank < 1 || indices.rank > 2 || indices.dims[0] != values.dims[0] ||
      (indices.rank == 2 && indices.dims[1] != (int64_t)out->rank))
    return fail(reader, step, "has values and indices that do not match");
  size_t size = 0;
  out->element = values.element;
  if (!element_file_bytes(out->element, out->count, &size)) return fail(reader, step, "is too large");
  reader_charge(reader, size, step);
  uint8_t *data = arena_allocate(reader->arena, size);
  int64_t  before = -1;
  for (int64_t i = 0; i < values.count; i++) {
    int64_t index = linear_index(out, &indices, i);
    if (index <= before) return fail(reader, step, index < 0 ? "has an index outside its shape" : "has indices that do not ascend");
    copy_element(&values, i, data, index);
    before = index;
  }
  out->data = (Bytes){data, size};
  tensor_compress(reader, out);
  return true;
}
