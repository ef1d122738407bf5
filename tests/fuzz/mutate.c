/* Structured changes walk the message with protobuf-c's descriptors, so they reach every field that the schema has, and none has to be named here:
 * numbers become extreme, names those of other values, operators other operators, items are dropped, doubled, swapped or taken from elsewhere.
 * What comes out is packed again: well-formed protobuf, mostly an ill-formed model. Changes to the bytes test what lies before that. */
#include "tests/fuzz/mutate.h"
#include "compiler/ops/ops.h"
#include "onnx.pb-c.h"
#include "tests/fuzz/subject.h"
#include <math.h>
#include <string.h>

enum { SITE_LIMIT = 20000, STRING_LIMIT = 4000, COPY_LIMIT = 1 << 16 /* bytes of a part that is taken from elsewhere */ };

/* A field of a message that can be changed. */
typedef struct Site { ProtobufCMessage *message; const ProtobufCFieldDescriptor *field; } Site;

typedef struct Mutator {
  Arena    *arena;
  uint64_t *state;
  VECTOR(Site) sites;
  VECTOR(ProtobufCMessage *) messages; /* all of them: parts to take */
  VECTOR(char *) strings;              /* all strings of the model */
} Mutator;

static void *from_arena(void *arena, size_t bytes) { return arena_allocate(arena, bytes); }
static void  keep(void *arena, void *memory) {}
static uint64_t pick(Mutator *mutator, uint64_t limit) { return random_below(mutator->state, limit); }

static const int64_t numbers[] = {
    0, 1, -1, 2, 3, 4, 5, 7, 8, 10, 11, 15, 16, 17, 31, 64, 127, 128, 255, 256, 1000, 4096, 65535, 65536, 1000000, -2, -3, -16, -17, INT32_MAX,
    INT32_MIN, (int64_t)INT32_MAX + 1, (int64_t)1 << 32, (int64_t)1 << 40, ((int64_t)1 << 40) + 1, ((int64_t)1 << 62) + 1, INT64_MAX, INT64_MIN,
    INT64_MAX - 1, INT64_MIN + 1};
static const double reals[] = {0, -0.0, 1, -1, 0.5, 1e-30, 1e30, 3e38, -3e38, 1e-45, 1e300, -1e300};

static int64_t any_number(Mutator *mutator) {
  if (pick(mutator, 3) == 0) return (int64_t)pick(mutator, 12) - 3;
  return numbers[pick(mutator, sizeof numbers / sizeof *numbers)];
}

static double any_real(Mutator *mutator) {
  uint64_t which = pick(mutator, sizeof reals / sizeof *reals + 2);
  if (which >= sizeof reals / sizeof *reals) return which % 2 ? (double)INFINITY : (double)NAN;
  return reals[which];
}

/* ---- walking -------------------------------------------------------------------------------------------------------------- */

static void *member(ProtobufCMessage *message, uint32_t offset) { return (char *)message + offset; }

/* Whether the field is the one of its oneof that is set; true if it is in none. */
static bool is_chosen(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
  return !(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) || *(uint32_t *)member(message, field->quantifier_offset) == field->id;
}

/* Messages and strings of one field, into the lists. */
static void collect_field(Mutator *mutator, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
  bool   is_list = field->label == PROTOBUF_C_LABEL_REPEATED;
  size_t count = is_list ? *(size_t *)member(message, field->quantifier_offset) : 1;
  void **items = is_list ? *(void ***)member(message, field->offset) : (void **)member(message, field->offset);
  if (!is_chosen(message, field)) return;
  if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
    for (size_t at = 0; at < count; at++)
      if (items[at] && mutator->messages.count < SITE_LIMIT) vector_push(mutator->arena, &mutator->messages, items[at]);
  } else if (field->type == PROTOBUF_C_TYPE_STRING) {
    for (size_t at = 0; at < count; at++)
      if (items[at] && mutator->strings.count < STRING_LIMIT) vector_push(mutator->arena, &mutator->strings, items[at]);
  }
}

/* The list of messages grows while it is walked: no recursion. */
static void collect(Mutator *mutator, ProtobufCMessage *root) {
  vector_push(mutator->arena, &mutator->messages, root);
  for (uint32_t at = 0; at < mutator->messages.count; at++) {
    ProtobufCMessage *message = mutator->messages.data[at];
    for (unsigned index = 0; index < message->descriptor->n_fields; index++) {
      const ProtobufCFieldDescriptor *field = &message->descriptor->fields[index];
      vector_push(mutator->arena, &mutator->sites, (Site){message, field});
      collect_field(mutator, message, field);
    }
  }
}

/* ---- values --------------------------------------------------------------------------------------------------------------- */

static char *any_string(Mutator *mutator, const ProtobufCFieldDescriptor *field) {
  static const char *const hostile[] = {"", "*/", "\" \\", "a\nb", "%s%n", "../../etc/passwd", "int", "\xc3\xa9", "?\?/"};
  uint64_t                 way = pick(mutator, 8);
  if (!strcmp(field->name, "op_type") && way) return (char *)(uintptr_t)op_info(1 + (uint32_t)pick(mutator, OP_COUNT - 1))->name;
  if (way == 0) return (char *)(uintptr_t)hostile[pick(mutator, sizeof hostile / sizeof *hostile)];
  if (way == 1 && !strcmp(field->name, "name")) {
    uint32_t op = 1 + (uint32_t)pick(mutator, OP_COUNT - 1), count = op_attribute_count(op);
    AttributeSchema schema;
    if (count) return schema = op_attribute_at(op, (uint32_t)pick(mutator, count)), arena_string(mutator->arena, schema.name, strlen(schema.name));
  }
  return mutator->strings.count ? mutator->strings.data[pick(mutator, mutator->strings.count)] : (char *)(uintptr_t) "x";
}

static ProtobufCBinaryData any_bytes(Mutator *mutator, ProtobufCBinaryData was) {
  ProtobufCBinaryData bytes = {.len = was.len + 8, .data = arena_allocate(mutator->arena, was.len + 8)};
  int64_t             number = any_number(mutator);
  if (was.len) memcpy(bytes.data, was.data, was.len);
  bytes.len = was.len;
  switch (pick(mutator, 5)) {
    case 0: bytes.len = was.len ? pick(mutator, was.len) : 8; break;
    case 1: bytes.len += pick(mutator, 9); break;
    case 2: if (was.len >= 8) memcpy(bytes.data + (was.len / 8 - 1) * pick(mutator, 2) * 8, &number, 8); break;
    case 3: if (was.len >= 4) memcpy(bytes.data + pick(mutator, was.len / 4) * 4, &number, 4); break;
    default: if (was.len) bytes.data[pick(mutator, was.len)] ^= (uint8_t)(1u << pick(mutator, 8)); break;
  }
  return bytes;
}

/* A copy of a part of the same kind; NULL if there is none, or it is too large. */
static ProtobufCMessage *any_message(Mutator *mutator, const ProtobufCMessageDescriptor *kind) {
  ProtobufCAllocator allocator = {from_arena, keep, mutator->arena};
  for (int attempt = 0; attempt < 50; attempt++) {
    ProtobufCMessage *part = mutator->messages.data[pick(mutator, mutator->messages.count)];
    size_t            size = part->descriptor == kind ? protobuf_c_message_get_packed_size(part) : COPY_LIMIT;
    if (size >= COPY_LIMIT) continue;
    uint8_t *bytes = arena_allocate(mutator->arena, size);
    protobuf_c_message_pack(part, bytes);
    ProtobufCMessage *copy = protobuf_c_message_unpack(kind, &allocator, size, bytes);
    if (copy) return copy; /* else a string in it is not one any more */
  }
  return protobuf_c_message_unpack(kind, &allocator, 0, NULL);
}

static size_t item_bytes(const ProtobufCFieldDescriptor *field) {
  switch (field->type) {
    case PROTOBUF_C_TYPE_INT32: case PROTOBUF_C_TYPE_SINT32: case PROTOBUF_C_TYPE_SFIXED32: case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32: case PROTOBUF_C_TYPE_FLOAT: case PROTOBUF_C_TYPE_ENUM: case PROTOBUF_C_TYPE_BOOL: return 4;
    case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
    default: return 8;
  }
}

static void set_item(Mutator *mutator, const ProtobufCFieldDescriptor *field, void *item) {
  switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: *(char **)item = any_string(mutator, field); break;
    case PROTOBUF_C_TYPE_BYTES: *(ProtobufCBinaryData *)item = any_bytes(mutator, *(ProtobufCBinaryData *)item); break;
    case PROTOBUF_C_TYPE_MESSAGE: *(ProtobufCMessage **)item = any_message(mutator, field->descriptor); break;
    case PROTOBUF_C_TYPE_FLOAT: *(float *)item = (float)any_real(mutator); break;
    case PROTOBUF_C_TYPE_DOUBLE: *(double *)item = any_real(mutator); break;
    default: {
      int64_t number = any_number(mutator);
      memcpy(item, &number, item_bytes(field));
    }
  }
}

/* ---- changes -------------------------------------------------------------------------------------------------------------- */

static void change_list(Mutator *mutator, Site site) {
  size_t *count = member(site.message, site.field->quantifier_offset), size = item_bytes(site.field);
  char  **place = member(site.message, site.field->offset), *items = arena_allocate(mutator->arena, (*count + 1) * size);
  if (*count) memcpy(items, *place, *count * size);
  *place = items;
  size_t   at = *count ? pick(mutator, *count) : 0, other = *count ? pick(mutator, *count) : 0;
  uint64_t way = *count ? pick(mutator, 6) : 5;
  char     moved[sizeof(ProtobufCBinaryData)];
  if (way == 0) { /* drop one */
    memmove(items + at * size, items + (at + 1) * size, (--*count - at) * size);
  } else if (way == 1) { /* the same twice */
    memcpy(items + *count * size, items + at * size, size);
    ++*count;
  } else if (way == 2) { /* swap */
    memcpy(moved, items + at * size, size);
    memcpy(items + at * size, items + other * size, size);
    memcpy(items + other * size, moved, size);
  } else if (way == 3 && pick(mutator, 4) == 0) { /* cut */
    *count = at;
  } else if (way <= 4) {
    set_item(mutator, site.field, items + at * size);
  } else {
    set_item(mutator, site.field, items + *count * size); /* which may copy this very list */
    ++*count;
  }
}

static void change_single(Mutator *mutator, Site site) {
  void *item = member(site.message, site.field->offset);
  bool  is_pointer = site.field->type == PROTOBUF_C_TYPE_STRING || site.field->type == PROTOBUF_C_TYPE_MESSAGE;
  if (site.field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
    if (!is_chosen(site.message, site.field)) memset(item, 0, item_bytes(site.field));
    *(uint32_t *)member(site.message, site.field->quantifier_offset) = site.field->id;
    set_item(mutator, site.field, item);
    return;
  }
  if (is_pointer && *(void **)item && pick(mutator, 4) == 0) {
    *(void **)item = NULL;
    return;
  }
  if (!is_pointer && site.field->quantifier_offset) {
    protobuf_c_boolean *has = member(site.message, site.field->quantifier_offset);
    *has = !*has || pick(mutator, 4);
    if (!*has) return;
  }
  set_item(mutator, site.field, item);
}

/* Whether a field of the site's message holds anything: most fields of most messages are empty, and changing those is mostly noise. */
static bool is_filled(Site site) {
  const void *item = member(site.message, site.field->offset);
  if (site.field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) return is_chosen(site.message, site.field);
  if (site.field->label == PROTOBUF_C_LABEL_REPEATED) return *(size_t *)member(site.message, site.field->quantifier_offset) > 0;
  if (site.field->type == PROTOBUF_C_TYPE_STRING || site.field->type == PROTOBUF_C_TYPE_MESSAGE) return *(void *const *)item != NULL;
  return !site.field->quantifier_offset || *(protobuf_c_boolean *)member(site.message, site.field->quantifier_offset);
}

static void change_fields(Mutator *mutator, ProtobufCMessage *root, uint64_t changes) {
  collect(mutator, root);
  while (changes--) {
    Site site = mutator->sites.data[pick(mutator, mutator->sites.count)];
    for (int attempt = 0; attempt < 20 && !is_filled(site); attempt++) site = mutator->sites.data[pick(mutator, mutator->sites.count)];
    if (site.field->label == PROTOBUF_C_LABEL_REPEATED) change_list(mutator, site);
    else change_single(mutator, site);
  }
}

static void change_bytes(Mutator *mutator, uint8_t *bytes, size_t *size, uint64_t changes) {
  while (changes-- && *size > 1) {
    size_t at = pick(mutator, *size), length = 1 + pick(mutator, *size - at < 16 ? *size - at : 16);
    switch (pick(mutator, 5)) {
      case 0: bytes[at] ^= (uint8_t)(1u << pick(mutator, 8)); break;
      case 1: bytes[at] = (uint8_t)numbers[pick(mutator, sizeof numbers / sizeof *numbers)]; break;
      case 2: memmove(bytes + at, bytes + at + length, *size - at - length); *size -= length; break;
      case 3: memmove(bytes + at, bytes + pick(mutator, *size - length + 1), length); break;
      default: if (pick(mutator, 8) == 0) *size = at; break;
    }
  }
}

static ProtobufCMessage *unpack(Mutator *mutator, const uint8_t *data, size_t bytes) {
  ProtobufCAllocator allocator = {from_arena, keep, mutator->arena};
  return protobuf_c_message_unpack(&onnx__model_proto__descriptor, &allocator, bytes, data);
}

void mutate(Arena *arena, const uint8_t *model, size_t model_bytes, const uint8_t *other, size_t other_bytes, uint64_t *state, uint8_t **changed,
            size_t *changed_bytes) {
  Mutator           mutator = {.arena = arena, .state = state};
  uint64_t          changes = pick(&mutator, 2) ? 1 : 1 + pick(&mutator, 4);
  ProtobufCMessage *root = pick(&mutator, 5) ? unpack(&mutator, model, model_bytes) : NULL;
  if (!root) {
    *changed = arena_copy(arena, model, model_bytes);
    *changed_bytes = model_bytes;
    change_bytes(&mutator, *changed, changed_bytes, changes);
    return;
  }
  vary(arena, root, state);
  ProtobufCMessage *second = pick(&mutator, 3) ? NULL : unpack(&mutator, other, other_bytes);
  change_fields(&mutator, root, second ? 0 : changes);
  if (second) { /* parts and names of both */
    uint32_t own = mutator.sites.count;
    collect(&mutator, second);
    mutator.sites.count = own;
    while (changes--) {
      Site site = mutator.sites.data[pick(&mutator, own)];
      if (site.field->label == PROTOBUF_C_LABEL_REPEATED) change_list(&mutator, site);
      else change_single(&mutator, site);
    }
  }
  *changed_bytes = protobuf_c_message_get_packed_size(root);
  *changed = arena_allocate(arena, *changed_bytes);
  protobuf_c_message_pack(root, *changed);
}
