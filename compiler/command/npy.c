/* numpy's .npy files (numpy.lib.format, versions 1 to 3): a magic, a header that is the text of a Python dictionary, then the elements.
 * Only little-endian numbers; the types ONNX has beside them (bf16, f8, below a byte) have no name there. */
#include "compiler/command/data.h"
#include <stdlib.h>
#include <string.h>

static const char magic[] = "\x93NUMPY";
enum { MAGIC_BYTES = 6 };

/* TYPE(descr, element) */
static const struct {
  const char *descr;
  Element     element;
} types[] = {
    {"<f4", ELEMENT_F32}, {"<f8", ELEMENT_F64},  {"<f2", ELEMENT_F16}, {"|i1", ELEMENT_I8},    {"<i2", ELEMENT_I16},
    {"<i4", ELEMENT_I32}, {"<i8", ELEMENT_I64},  {"|u1", ELEMENT_U8},  {"<u2", ELEMENT_U16},   {"<u4", ELEMENT_U32},
    {"<u8", ELEMENT_U64}, {"|b1", ELEMENT_BOOL}, {"<c8", ELEMENT_C64}, {"<c16", ELEMENT_C128},
};
enum { TYPE_COUNT = sizeof types / sizeof *types };

typedef struct Npy {
  Context    *context;
  const char *path;
  const char *header, *end;
} Npy;

NO_RETURN static void refuse(const Npy *npy, const char *what) {
  io_error(npy->context, CODE_DATA_FORMAT, (Place){.path = npy->path}, "numpy.save() writes what is read here", "%s", what);
}

/* What follows 'KEY': in the header. */
static const char *find(const Npy *npy, const char *key) {
  size_t length = strlen(key);
  for (const char *at = npy->header; at + length < npy->end; at++) {
    if (memcmp(at, key, length)) continue;
    for (at += length; at < npy->end && (*at == ' ' || *at == ':'); at++) {}
    return at;
  }
  refuse(npy, "the header of the array lacks an entry");
}

/* The numbers of `(2, 3,)`. */
static void read_shape(const Npy *npy, Tensor *tensor) {
  const char *at = find(npy, "'shape'");
  if (*at++ != '(') refuse(npy, "the shape of the array is no tuple");
  for (;;) {
    while (at < npy->end && (*at == ' ' || *at == ',')) at++;
    if (at == npy->end) refuse(npy, "the shape of the array has no end");
    if (*at == ')') return;
    if (tensor->rank == MAX_RANK) refuse(npy, "the array has more than 16 dimensions");
    int64_t     extent = 0;
    const char *digits = at;
    for (; at < npy->end && *at >= '0' && *at <= '9' && at - digits < 15; at++) extent = extent * 10 + (*at - '0');
    if (at == digits || (*at != ',' && *at != ')' && *at != ' ')) refuse(npy, "the shape of the array holds something that is no size");
    tensor->dims[tensor->rank++] = extent;
  }
}

static Element read_type(const Npy *npy, Element wanted) {
  const char *at = find(npy, "'descr'") + 1;
  const char *close = memchr(at, '\'', (size_t)(npy->end - at));
  size_t      length = close ? (size_t)(close - at) : 0;
  for (size_t row = 0; row < TYPE_COUNT; row++) {
    if (strlen(types[row].descr) != length || memcmp(types[row].descr, at, length)) continue;
    Element element = types[row].element;
    bool    is_below_byte = element_file_bits(wanted) < 8 && element_is_integer(wanted); /* numpy keeps those in bytes */
    if (is_below_byte && (element == ELEMENT_I8 || element == ELEMENT_U8)) return wanted;
    return element;
  }
  refuse(npy, "the array holds something other than little-endian numbers");
}

/* Elements that lie first axis fastest, into our order. */
static void copy_fortran(Tensor *tensor, const uint8_t *from, size_t bytes) {
  int64_t index[MAX_RANK] = {0};
  for (int64_t at = 0; at < tensor->count; at++) { /* `at` counts in our order */
    int64_t source = 0;
    for (uint32_t axis = tensor->rank; axis-- > 0;) source = source * tensor->dims[axis] + index[axis];
    memcpy((uint8_t *)tensor->data + (size_t)at * bytes, from + (size_t)source * bytes, bytes);
    for (uint32_t axis = tensor->rank; axis-- > 0;) {
      if (++index[axis] < tensor->dims[axis]) break;
      index[axis] = 0;
    }
  }
}

/* Where the elements begin; header and end are set. */
static size_t read_preamble(Npy *npy, Bytes bytes) {
  if (bytes.size < MAGIC_BYTES + 4 || memcmp(bytes.data, magic, MAGIC_BYTES)) refuse(npy, "this is no .npy file");
  unsigned version = bytes.data[MAGIC_BYTES], length_bytes = version == 1 ? 2 : 4;
  if (version < 1 || version > 3) refuse(npy, "the .npy file has an unknown version");
  size_t start = MAGIC_BYTES + 2 + length_bytes, length = 0;
  for (unsigned at = 0; at < length_bytes && start <= bytes.size; at++) length |= (size_t)bytes.data[MAGIC_BYTES + 2 + at] << (8 * at);
  if (start > bytes.size || length > bytes.size - start) refuse(npy, "the .npy file ends within its header");
  npy->header = (const char *)bytes.data + start;
  npy->end = npy->header + length;
  return start + length;
}

Tensor npy_read(Context *context, Arena *arena, const char *path, Element wanted) {
  Npy    npy = {.context = context, .path = path};
  Bytes  bytes = file_read(context, arena, path);
  size_t start = read_preamble(&npy, bytes);
  Tensor tensor = {.element = read_type(&npy, wanted)};
  size_t element_bytes = element_buffer_bytes(tensor.element);
  read_shape(&npy, &tensor);
  tensor.count = tensor_count(context, &tensor);
  if ((size_t)tensor.count * element_bytes != bytes.size - start) refuse(&npy, "the .npy file has not the size that its shape asks for");
  tensor_allocate(arena, &tensor);
  const char *order = find(&npy, "'fortran_order'");
  if (order < npy.end && *order == 'T') copy_fortran(&tensor, bytes.data + start, element_bytes);
  else if (tensor.count) memcpy(tensor.data, bytes.data + start, bytes.size - start);
  return tensor;
}

Bytes npy_pack(Context *context, Arena *arena, const Tensor *tensor) {
  enum { ALIGN = 64, VERSION_1_PREAMBLE = MAGIC_BYTES + 4 };
  Element     element = tensor->element;
  const char *descr = NULL;
  Text        header, file;
  if (element_file_bits(element) < 8 && element_is_integer(element)) element = element_is_signed(element) ? ELEMENT_I8 : ELEMENT_U8;
  for (size_t row = 0; row < TYPE_COUNT; row++)
    if (types[row].element == element) descr = types[row].descr;
  if (!descr) usage_error(context, CODE_DATA_FORMAT, "leave --npy out", ".npy files can't hold %s", element_name(element));
  text_open(&header, arena);
  text_format(&header, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
  for (uint32_t axis = 0; axis < tensor->rank; axis++)
    text_format(&header, "%lld,%s", (long long)tensor->dims[axis], axis + 1 < tensor->rank ? " " : "");
  text_string(&header, "), }");
  while ((header.length + VERSION_1_PREAMBLE + 1) % ALIGN) text_char(&header, ' ');
  text_char(&header, '\n');
  text_open(&file, arena);
  text_bytes(&file, magic, MAGIC_BYTES);
  text_bytes(&file, (const char[]){1, 0, (char)(header.length & 0xff), (char)(header.length >> 8)}, 4);
  text_bytes(&file, header.data, header.length);
  text_bytes(&file, tensor->data, (size_t)tensor->count * element_buffer_bytes(tensor->element));
  return (Bytes){(const uint8_t *)text_finish(&file), file.length};
}
