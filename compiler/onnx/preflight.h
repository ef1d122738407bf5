/* The gate before protobuf-c: checks a file's wire format within bounded depth, memory and time, and unpacks it with every weight left where
 * it is. */
#ifndef ONNXCC_ONNX_PREFLIGHT_H
#define ONNXCC_ONNX_PREFLIGHT_H
#include "compiler/graph/graph.h"
#include <protobuf-c/protobuf-c.h>

/* How the elements of a payload stand in the file. */
typedef enum PayloadForm {
  PAYLOAD_PACKED,  /* one after another: raw_data, or a packed field */
  PAYLOAD_TAGGED   /* each with its own tag before it (a repeated field that was not packed) */
} PayloadForm;

/* What stands in TensorProto.payload: one contiguous piece of one data field. */
typedef struct PayloadSpan {
  uint32_t field;  /* field number of TensorProto: 4, 5, 7, 9, 10 or 11 */
  uint32_t form;   /* PayloadForm */
  uint64_t offset; /* from the start of the file; PAYLOAD_TAGGED: of the first tag */
  uint64_t length; /* bytes */
} PayloadSpan;

/* Numbers of the data fields of TensorProto. */
enum { FIELD_FLOAT_DATA = 4, FIELD_INT32_DATA = 5, FIELD_INT64_DATA = 7, FIELD_RAW_DATA = 9, FIELD_DOUBLE_DATA = 10, FIELD_UINT64_DATA = 11 };

/* Heap bytes that may be derived from a file of that size: 64 MiB + 8 times the file, at most 2 GiB. */
size_t preflight_budget(size_t file_bytes);

/* Checks and unpacks `input`, whose message type is `root`. The result and all it points to live in `scratch`; payload offsets refer to
 * `input`. Charges *budget. Anything wrong leaves the stage with the byte offset and the field path; `file` names the input in messages. */
ProtobufCMessage *preflight_unpack(Context *context, Arena *scratch, const char *file, Bytes input, const ProtobufCMessageDescriptor *root,
                                   size_t *budget);

/* Reads a base-128 varint at data[*at], *at < end. False if it runs past `end` or over ten bytes; *at is then unchanged. */
bool varint_read(const uint8_t *data, size_t *at, size_t end, uint64_t *value);

/* True if data[0..size) is well-formed UTF-8 without NUL; *bad is the offset of the first byte that is not. */
bool utf8_check(const uint8_t *data, size_t size, size_t *bad);
#endif
