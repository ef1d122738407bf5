/* The wire-format walk. It goes through the file twice with protobuf-c's own message descriptors and an explicit stack: the first time to check
 * and to count, the second to write a skeleton of exactly the counted size, which protobuf-c then unpacks from and into an arena.
 *
 * Checked: tags, wire types against field types, lengths against the enclosing message, varints, UTF-8, NUL in strings, nesting (DEPTH_LIMIT),
 * heap (the budget is charged with what protobuf-c is going to allocate), messages that may stand once but stand twice (protobuf-c merges
 * them in quadratic time). Not checked: what the fields say; that is the reader's part.
 *
 * The skeleton differs from the file in four ways: data fields of tensors are PayloadSpans, runs of unpacked scalars are packed (protobuf-c
 * needs 64 bytes for each unpacked one), unknown and unused fields are gone, and lengths of messages take five bytes, so that they can be
 * written before the message is. */
#include "compiler/onnx/preflight.h"
#include "onnx.pb-c.h"
#include <string.h>

#define DEPTH_LIMIT     100u                 /* nested messages; the official tools' own bound */
#define LENGTH_BYTES    5u                   /* of a padded length in the skeleton */
#define FIELD_COST      64u                  /* heap bytes protobuf-c needs for each field it scans, besides the value */
#define SKELETON_LIMIT  ((size_t)INT32_MAX)  /* protobuf-c refuses lengths above */
#define PAYLOAD_FIELD   536870000u
#define WIRE_GROUP      3u

typedef ProtobufCMessageDescriptor Message;
typedef ProtobufCFieldDescriptor   Field;

/* One message that is open. */
typedef struct Frame {
  const Message *message;
  size_t   begin, end;  /* of its fields in the input */
  size_t   at;          /* next byte to read */
  size_t   tag_at;      /* where the field being read begins */
  size_t   length_at;   /* its own length in the skeleton */
  uint64_t seen;        /* bit k: field k of the descriptor has been read */
  uint32_t run_field;   /* number of the field whose run of values can be extended; 0: none */
  size_t   run_at;      /* what to patch in the skeleton when the run grows: its length, or its PayloadSpan */
  size_t   run_length;  /* bytes in the run so far */
} Frame;

typedef struct Walk {
  Context    *context;
  Arena      *scratch;
  const char *file;
  Bytes       input;
  size_t     *budget;     /* what is left; charged in the first pass only */
  uint8_t    *out;        /* the skeleton; NULL in the first pass */
  size_t      size;       /* of the skeleton so far */
  uint32_t    depth;      /* frames in use */
  uint32_t    unknown;    /* fields dropped */
  size_t      unknown_at; /* the first of them */
  Frame       stack[DEPTH_LIMIT];
} Walk;

/* ---- messages ----------------------------------------------------------------------------------------------------------- */

/* How many fields numbered `id` stand in the frame before its current one. Only for messages: the bytes were checked on the way. */
static size_t occurrences_before(const Walk *walk, const Frame *frame, uint32_t id) {
  size_t count = 0, at = frame->begin;
  while (at < frame->tag_at) {
    uint64_t tag = 0, value = 0;
    if (!varint_read(walk->input.data, &at, frame->end, &tag)) break;
    if (tag >> 3 == id) count++;
    switch (tag & 7) {
    case PROTOBUF_C_WIRE_TYPE_64BIT: at += 8; break;
    case PROTOBUF_C_WIRE_TYPE_32BIT: at += 4; break;
    default:
      if (!varint_read(walk->input.data, &at, frame->end, &value)) return count;
      if ((tag & 7) == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) at += (size_t)value;
    }
  }
  return count;
}

/* `model.onnx: byte 4711, graph.node[17].attribute[2]`; the last step is the field being read, if its number is known. */
static Place walk_place(const Walk *walk, size_t offset) {
  Text path;
  text_open(&path, walk->scratch);
  text_string(&path, walk->file);
  text_format(&path, ": byte %zu", offset);
  for (uint32_t level = 0; level < walk->depth; level++) {
    const Frame *frame = &walk->stack[level];
    size_t       at = frame->tag_at;
    uint64_t     tag = 0;
    if (!varint_read(walk->input.data, &at, frame->end, &tag) || tag >> 3 > UINT32_MAX) break;
    const Field *field = protobuf_c_message_descriptor_get_field(frame->message, (unsigned)(tag >> 3));
    text_string(&path, level ? "." : ", ");
    if (!field) {
      text_format(&path, "field %u", (unsigned)(tag >> 3));
      break;
    }
    text_string(&path, field->name);
    if (field->label == PROTOBUF_C_LABEL_REPEATED) text_format(&path, "[%zu]", occurrences_before(walk, frame, field->id));
  }
  return (Place){.path = text_finish(&path)};
}

#define DAMAGED "the file is damaged, or it is no ONNX model"

NO_RETURN static void refuse(Walk *walk, DiagnosticCode code, size_t offset, const char *hint, const char *message) {
  model_error(walk->context, code, walk_place(walk, offset), hint, "%s", message);
  check_errors(walk->context);
  bug(walk->context, "a recorded error did not end the stage");
}

static void charge(Walk *walk, size_t bytes, size_t offset) {
  if (walk->out) return;
  if (bytes > *walk->budget)
    limit_error(walk->context, CODE_MODEL_BUDGET, walk_place(walk, offset),
                "a model of this size should need far less; was it made to exhaust memory?",
                "reading this file would take more memory than 64 MiB plus eight times its size");
  *walk->budget -= bytes;
}

/* ---- the skeleton ------------------------------------------------------------------------------------------------------- */

static void emit(Walk *walk, const void *data, size_t size) {
  if (walk->out) memcpy(walk->out + walk->size, data, size);
  walk->size += size;
}

static void emit_tag(Walk *walk, uint32_t id, unsigned wire) {
  uint64_t tag = (uint64_t)id << 3 | wire;
  uint8_t  bytes[5];
  size_t   size = 0;
  for (; tag >= 0x80; tag >>= 7) bytes[size++] = (uint8_t)(tag | 0x80);
  bytes[size++] = (uint8_t)tag;
  emit(walk, bytes, size);
}

static void patch_length(Walk *walk, size_t at, size_t length) {
  if (!walk->out) return;
  for (unsigned i = 0; i < LENGTH_BYTES; i++) walk->out[at + i] = (uint8_t)((length >> 7 * i & 0x7f) | (i + 1 < LENGTH_BYTES ? 0x80 : 0));
}

/* A tag with a length still to be patched; returns where that length stands. */
static size_t emit_open(Walk *walk, uint32_t id) {
  static const uint8_t nothing[LENGTH_BYTES];
  emit_tag(walk, id, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
  size_t at = walk->size;
  emit(walk, nothing, LENGTH_BYTES);
  return at;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------ */

static uint64_t read_varint(Walk *walk, Frame *frame) {
  uint64_t value = 0;
  if (!varint_read(walk->input.data, &frame->at, frame->end, &value)) {
    size_t left = frame->end - frame->at;
    if (left < 10) refuse(walk, CODE_WIRE_TRUNCATED, frame->at, DAMAGED, "the file or message ends within a number");
    refuse(walk, CODE_WIRE_VARINT, frame->at, DAMAGED, "a number takes more than ten bytes");
  }
  return value;
}

/* Moves over `size` bytes of the current message and returns where they start. */
static size_t take(Walk *walk, Frame *frame, uint64_t size) {
  size_t at = frame->at;
  if (size > frame->end - at) {
    bool top = walk->depth == 1;
    refuse(walk, CODE_WIRE_LENGTH, at, top ? "was the file copied completely?" : DAMAGED,
           top ? "a field claims more bytes than the file has" : "a field claims more bytes than its message has");
  }
  frame->at += (size_t)size;
  return at;
}

static void skip_value(Walk *walk, Frame *frame, unsigned wire) {
  switch (wire) {
  case PROTOBUF_C_WIRE_TYPE_VARINT: read_varint(walk, frame); break;
  case PROTOBUF_C_WIRE_TYPE_64BIT: take(walk, frame, 8); break;
  case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED: take(walk, frame, read_varint(walk, frame)); break;
  case PROTOBUF_C_WIRE_TYPE_32BIT: take(walk, frame, 4); break;
  default: refuse(walk, CODE_WIRE_TYPE, frame->tag_at, DAMAGED, "a field has a wire type that ONNX does not use");
  }
}

/* The wire type of single values of a field, and the bytes of one value in memory. */
static unsigned wire_of(ProtobufCType type, size_t *item) {
  switch (type) {
  case PROTOBUF_C_TYPE_FLOAT: case PROTOBUF_C_TYPE_FIXED32: case PROTOBUF_C_TYPE_SFIXED32: *item = 4; return PROTOBUF_C_WIRE_TYPE_32BIT;
  case PROTOBUF_C_TYPE_DOUBLE: case PROTOBUF_C_TYPE_FIXED64: case PROTOBUF_C_TYPE_SFIXED64: *item = 8; return PROTOBUF_C_WIRE_TYPE_64BIT;
  case PROTOBUF_C_TYPE_STRING: case PROTOBUF_C_TYPE_BYTES: case PROTOBUF_C_TYPE_MESSAGE: *item = 0; return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
  case PROTOBUF_C_TYPE_INT64: case PROTOBUF_C_TYPE_UINT64: case PROTOBUF_C_TYPE_SINT64: *item = 8; return PROTOBUF_C_WIRE_TYPE_VARINT;
  default: *item = 4; return PROTOBUF_C_WIRE_TYPE_VARINT;
  }
}

static bool is_payload(const Message *message, const Field *field) {
  return message == &onnx__tensor_proto__descriptor &&
         (field->id == FIELD_FLOAT_DATA || field->id == FIELD_INT32_DATA || field->id == FIELD_INT64_DATA || field->id == FIELD_RAW_DATA ||
          field->id == FIELD_DOUBLE_DATA || field->id == FIELD_UINT64_DATA);
}

/* Fields of the standard that say nothing to a compiler; their contents are skipped unread. */
static bool is_unused(const Message *message, const Field *field) {
  static const char *const unused[] = {"device_configurations", "configuration", "quantization_annotation", "training_info"};
  if (message != &onnx__model_proto__descriptor && (!strcmp(field->name, "doc_string") || !strcmp(field->name, "metadata_props"))) return true;
  for (size_t i = 0; i < sizeof unused / sizeof *unused; i++)
    if (!strcmp(field->name, unused[i])) return true;
  return false;
}

/* ---- one field ---------------------------------------------------------------------------------------------------------- */

static void walk_text(Walk *walk, Frame *frame, const Field *field) {
  uint64_t size = read_varint(walk, frame);
  size_t   at = take(walk, frame, size), bad = 0;
  if (field->type == PROTOBUF_C_TYPE_STRING && !utf8_check(walk->input.data + at, (size_t)size, &bad)) {
    bool nul = walk->input.data[at + bad] == 0;
    refuse(walk, CODE_WIRE_STRING, at + bad, NULL, nul ? "a string contains a NUL byte" : "a string is not valid UTF-8");
  }
  charge(walk, (size_t)size + FIELD_COST + 32, at);
  patch_length(walk, emit_open(walk, field->id), (size_t)size);
  emit(walk, walk->input.data + at, (size_t)size);
}

static void walk_open(Walk *walk, Frame *frame, const Field *field) {
  const Message *message = field->descriptor;
  uint64_t       size = read_varint(walk, frame);
  size_t         at = take(walk, frame, size);
  if (walk->depth == DEPTH_LIMIT) refuse(walk, CODE_WIRE_DEPTH, frame->tag_at, "at most 100 levels are read", "messages are nested too deep");
  charge(walk, message->sizeof_message + FIELD_COST + 32, at);
  size_t length_at = emit_open(walk, field->id);
  walk->stack[walk->depth++] = (Frame){.message = message, .begin = at, .at = at, .end = at + (size_t)size, .tag_at = at, .length_at = length_at};
}

/* Varints of a packed field, to see that they are whole; returns how many. */
static size_t count_varints(Walk *walk, size_t at, size_t size) {
  const uint8_t *data = walk->input.data + at;
  size_t         count = 0, length = 0;
  for (size_t i = 0; i < size; i++) {
    if (++length > 10) refuse(walk, CODE_WIRE_VARINT, at + i, DAMAGED, "a number takes more than ten bytes");
    if (data[i] < 0x80) count++, length = 0;
  }
  if (length) refuse(walk, CODE_WIRE_TRUNCATED, at + size - length, DAMAGED, "a packed field ends within a number");
  return count;
}

/* Opens a run of values of a repeated scalar, or goes on with the one before. */
static void open_run(Walk *walk, Frame *frame, uint32_t id) {
  if (frame->run_field == id) return;
  frame->run_field = id;
  frame->run_at = emit_open(walk, id);
  frame->run_length = 0;
  charge(walk, FIELD_COST, frame->tag_at);
}

static void extend_run(Walk *walk, Frame *frame, size_t at, size_t size) {
  frame->run_length += size;
  emit(walk, walk->input.data + at, size);
}

static void walk_packed(Walk *walk, Frame *frame, const Field *field) {
  size_t   item, size = (size_t)read_varint(walk, frame), at = take(walk, frame, size);
  bool     varints = wire_of(field->type, &item) == PROTOBUF_C_WIRE_TYPE_VARINT;
  if (!varints && size % item) refuse(walk, CODE_WIRE_LENGTH, at, DAMAGED, "the length of a packed field is no multiple of its element size");
  charge(walk, (varints ? count_varints(walk, at, size) : size / item) * item + size, at);
  open_run(walk, frame, field->id);
  extend_run(walk, frame, at, size);
  patch_length(walk, frame->run_at, frame->run_length);
}

/* Values of a repeated scalar that stand one by one: all that follow with the same tag. */
static void walk_singles(Walk *walk, Frame *frame, const Field *field, unsigned wire, size_t item) {
  const uint8_t *data = walk->input.data, *tag = data + frame->tag_at;
  size_t         tag_size = frame->at - frame->tag_at, count = 0, first = frame->at;
  open_run(walk, frame, field->id);
  for (bool more = true; more; count++) {
    size_t at = frame->at;
    skip_value(walk, frame, wire);
    extend_run(walk, frame, at, frame->at - at);
    more = frame->end - frame->at > tag_size && !memcmp(data + frame->at, tag, tag_size);
    if (more) frame->at += tag_size;
  }
  charge(walk, count * item + (frame->at - first), first);
  patch_length(walk, frame->run_at, frame->run_length);
}

static void walk_scalar(Walk *walk, Frame *frame, const Field *field, unsigned wire) {
  size_t at = frame->at;
  skip_value(walk, frame, wire);
  charge(walk, FIELD_COST, at);
  emit_tag(walk, field->id, wire);
  emit(walk, walk->input.data + at, frame->at - at);
}

/* A data field of a tensor: its place instead of its bytes. */
static void walk_payload(Walk *walk, Frame *frame, const Field *field, unsigned wire, size_t item) {
  PayloadSpan span = {.field = field->id};
  if (wire == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) {
    span.length = read_varint(walk, frame);
    span.offset = take(walk, frame, span.length);
    if (item && wire_of(field->type, &item) != PROTOBUF_C_WIRE_TYPE_VARINT && span.length % item)
      refuse(walk, CODE_WIRE_LENGTH, (size_t)span.offset, DAMAGED, "the length of a packed field is no multiple of its element size");
  } else {
    skip_value(walk, frame, wire);
    span.form = PAYLOAD_TAGGED;
    span.offset = frame->tag_at;
    span.length = frame->at - frame->tag_at;
    if (frame->run_field == field->id) {
      frame->run_length += (size_t)span.length;
      span.length = frame->run_length;
      span.offset = frame->at - frame->run_length;
      if (walk->out) memcpy(walk->out + frame->run_at, &span, sizeof span);
      return;
    }
  }
  charge(walk, sizeof span + FIELD_COST + 48, frame->tag_at);
  patch_length(walk, emit_open(walk, PAYLOAD_FIELD), sizeof span);
  frame->run_field = span.form == PAYLOAD_TAGGED ? field->id : 0;
  frame->run_at = walk->size;
  frame->run_length = (size_t)span.length;
  emit(walk, &span, sizeof span);
}

static void check_repeat(Walk *walk, Frame *frame, const Field *field) {
  uint64_t bit = 1ull << ((size_t)(field - frame->message->fields) & 63);
  bool     matters = field->type == PROTOBUF_C_TYPE_MESSAGE || field->type == PROTOBUF_C_TYPE_BYTES || field->type == PROTOBUF_C_TYPE_STRING;
  if ((frame->seen & bit) && matters && field->label != PROTOBUF_C_LABEL_REPEATED)
    refuse(walk, CODE_WIRE_REPEATED, frame->tag_at, DAMAGED, "a field that may stand once stands twice");
  frame->seen |= bit;
  if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)) return;
  for (unsigned other = 0; other < frame->message->n_fields; other++) {
    const Field *rival = &frame->message->fields[other];
    if (rival != field && rival->quantifier_offset == field->quantifier_offset && (frame->seen >> other & 1))
      refuse(walk, CODE_WIRE_REPEATED, frame->tag_at, DAMAGED, "two fields stand that exclude each other");
  }
}

static void walk_field(Walk *walk, Frame *frame) {
  frame->tag_at = frame->at;
  uint64_t tag = read_varint(walk, frame);
  unsigned wire = tag & 7;
  if (tag >> 3 == 0 || tag >> 3 > 0x1fffffff) refuse(walk, CODE_WIRE_TAG, frame->tag_at, DAMAGED, "a field has an impossible number");
  const Field *field = protobuf_c_message_descriptor_get_field(frame->message, (unsigned)(tag >> 3));
  if (!field || field->id == PAYLOAD_FIELD || is_unused(frame->message, field)) {
    if ((!field || field->id == PAYLOAD_FIELD) && !walk->unknown++) walk->unknown_at = frame->tag_at;
    skip_value(walk, frame, wire);
    frame->run_field = 0;
    return;
  }
  size_t   item = 0;
  unsigned expected = wire_of(field->type, &item);
  bool     packed = item && field->label == PROTOBUF_C_LABEL_REPEATED && wire == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
  if (wire != expected && !packed) refuse(walk, CODE_WIRE_TYPE, frame->tag_at, DAMAGED, "a field has the wrong wire type");
  check_repeat(walk, frame, field);
  if (is_payload(frame->message, field)) {
    walk_payload(walk, frame, field, wire, item);
    return;
  }
  bool repeated_scalar = item && field->label == PROTOBUF_C_LABEL_REPEATED;
  if (!repeated_scalar) frame->run_field = 0;
  if (packed) walk_packed(walk, frame, field);
  else if (repeated_scalar) walk_singles(walk, frame, field, wire, item);
  else if (item) walk_scalar(walk, frame, field, wire);
  else if (field->type == PROTOBUF_C_TYPE_MESSAGE) walk_open(walk, frame, field);
  else walk_text(walk, frame, field);
}

static void walk_all(Walk *walk, const Message *root) {
  walk->size = 0;
  walk->depth = 1;
  walk->stack[0] = (Frame){.message = root, .end = walk->input.size};
  for (;;) {
    Frame *frame = &walk->stack[walk->depth - 1];
    if (frame->at < frame->end) {
      walk_field(walk, frame);
      if (walk->size > SKELETON_LIMIT) charge(walk, SIZE_MAX, frame->tag_at);
      continue;
    }
    if (walk->depth == 1) return;
    patch_length(walk, frame->length_at, walk->size - frame->length_at - LENGTH_BYTES);
    walk->depth--;
  }
}

/* ---- public ------------------------------------------------------------------------------------------------------------- */

size_t preflight_budget(size_t file_bytes) {
  const size_t base = (size_t)64 << 20, most = (size_t)2 << 30;
  return file_bytes > (most - base) / 8 ? most : base + 8 * file_bytes;
}

static void *unpack_allocate(void *arena, size_t size) { return arena_allocate(arena, size); }
static void  unpack_free(void *arena, void *pointer) { (void)arena, (void)pointer; }

ProtobufCMessage *preflight_unpack(Context *context, Arena *scratch, const char *file, Bytes input, const Message *root, size_t *budget) {
  Walk *walk = arena_new(scratch, Walk);
  *walk = (Walk){.context = context, .scratch = scratch, .file = file, .input = input, .budget = budget};
  walk_all(walk, root);
  charge(walk, walk->size, 0);
  if (walk->unknown)
    model_remark(context, CODE_WIRE_UNKNOWN, (Place){.path = arena_format(scratch, "%s: byte %zu", file, walk->unknown_at)}, NULL,
                 "%u field%s that the ONNX standard does not have %s ignored", walk->unknown, walk->unknown == 1 ? "" : "s",
                 walk->unknown == 1 ? "is" : "are");
  size_t size = walk->size;
  walk->out = arena_allocate(scratch, size);
  walk_all(walk, root);
  require(context, walk->size == size);
  ProtobufCAllocator allocator = {.alloc = unpack_allocate, .free = unpack_free, .allocator_data = scratch};
  ProtobufCMessage  *message = protobuf_c_message_unpack(root, &allocator, size, walk->out);
  if (!message) refuse(walk, CODE_WIRE_TYPE, 0, DAMAGED, "the file could not be decoded");
  return message;
}

bool varint_read(const uint8_t *data, size_t *at, size_t end, uint64_t *value) {
  uint64_t result = 0;
  for (size_t i = 0; i < 10 && i < end - *at; i++) {
    uint8_t byte = data[*at + i];
    result |= (uint64_t)(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      *at += i + 1;
      *value = result;
      return true;
    }
  }
  return false;
}

bool utf8_check(const uint8_t *data, size_t size, size_t *bad) {
  for (size_t i = 0; i < size;) {
    uint8_t  lead = data[i];
    unsigned tail = lead < 0x80 ? 0 : lead >= 0xc2 && lead < 0xe0 ? 1 : lead >= 0xe0 && lead < 0xf0 ? 2 : lead >= 0xf0 && lead < 0xf5 ? 3 : 4;
    *bad = i;
    if (!lead || tail == 4 || tail >= size - i) return false;
    for (unsigned k = 1; k <= tail; k++)
      if ((data[i + k] & 0xc0) != 0x80) return false;
    if ((lead == 0xe0 && data[i + 1] < 0xa0) || (lead == 0xed && data[i + 1] >= 0xa0)) return false; /* overlong, surrogate */
    if ((lead == 0xf0 && data[i + 1] < 0x90) || (lead == 0xf4 && data[i + 1] >= 0x90)) return false; /* overlong, above U+10FFFF */
    i += tail + 1;
  }
  return true;
}
