/* The operator table and what reads its columns: lookup, attribute schemas, attribute values with their defaults. */
#include "compiler/ops/ops.h"
#include "compiler/ops/meaning.h"
#include <stdlib.h>
#include <string.h>

/* Every function a row names, declared from the rows themselves. */
#define POINT(function) Expr function(Meaning *m, uint32_t result, const Expr *index);
#define LOOPS(function) void function(Meaning *m);
#define NONE
#define OP(id, name, domain, since, min_inputs, max_inputs, min_outputs, max_outputs, kind, flags, types, attributes, meaning, infer, body)          \
  void infer(Infer *);                                                                                                                               \
  body
#include "ops.def"
#undef OP
#undef POINT
#undef LOOPS
#undef NONE

#define POINT(function) .point = function
#define LOOPS(function) .loops = function
#define NONE .point = 0
#define OP(id, name, domain, since, min_inputs, max_inputs, min_outputs, max_outputs, kind, flags, types, attributes, meaning, infer, body) \
  [OP_##id] = {name, domain, since, min_inputs, max_inputs, min_outputs, max_outputs, KIND_##kind, flags, types, attributes, meaning, infer, body},
static const OpInfo op_table[OP_COUNT] = {
#include "ops.def"
};
#undef OP

const OpInfo *op_info(uint32_t op) { return op > OP_UNKNOWN && op < OP_COUNT ? &op_table[op] : NULL; }

uint32_t op_find(const char *domain, const char *name) {
  if (!strcmp(domain, "ai.onnx")) domain = "";
  for (uint32_t op = 1; op < OP_COUNT; op++)
    if (!strcmp(op_table[op].name, name) && !strcmp(op_table[op].domain, domain)) return op;
  return OP_UNKNOWN;
}

static const char *op_name(uint32_t op) { return op_info(op) ? op_table[op].name : "?"; }
static const char *op_domain(uint32_t op) { return op_info(op) ? op_table[op].domain : ""; }
const OpNames op_names = {op_name, op_domain, op_find};

/* ---- attribute schemas ----------------------------------------------------------------------------------------------- */

static const char *skip_blanks(const char *cursor) {
  while (*cursor == ' ') cursor++;
  return cursor;
}

/* Copies up to one of the stop characters into `to`; returns where it stopped. */
static const char *copy_until(const char *cursor, const char *stops, char *to, size_t size) {
  size_t length = 0;
  for (; *cursor && !strchr(stops, *cursor); cursor++)
    if (length + 1 < size) to[length++] = *cursor;
  to[length] = 0;
  return cursor;
}

static AttributeKind attribute_kind(const char *word) {
  static const char *const words[] = {"", "float", "int", "string", "tensor", "graph", "floats", "ints", "strings"};
  for (unsigned kind = 1; kind < sizeof words / sizeof *words; kind++)
    if (!strcmp(words[kind], word)) return (AttributeKind)kind;
  return (AttributeKind)0;
}

static void schema_default(AttributeSchema *schema, const char *text) {
  schema->has_default = true;
  if (schema->kind == ATTRIBUTE_INT) schema->integer = strtoll(text, NULL, 10);
  else if (schema->kind == ATTRIBUTE_FLOAT) schema->number = (double)strtof(text, NULL);
  else memcpy(schema->string, text, sizeof schema->string); /* both hold 24 bytes */
}

/* Parses one schema at `cursor`; returns the start of the next, or NULL at the end. */
static const char *schema_parse(const char *cursor, AttributeSchema *schema) {
  memset(schema, 0, sizeof *schema);
  cursor = skip_blanks(cursor);
  if (!*cursor) return NULL;
  cursor = copy_until(cursor, ":", schema->name, sizeof schema->name);
  char word[24];
  cursor = copy_until(*cursor ? cursor + 1 : cursor, "[{=!;", word, sizeof word);
  schema->kind = attribute_kind(word);
  while (*cursor && *cursor != ';') {
    if (*cursor == '[') {
      char *after;
      schema->has_range = true;
      schema->lo = strtoll(cursor + 1, &after, 10);
      schema->hi = after[2] == ']' ? INT64_MAX : strtoll(after + 2, &after, 10);
      cursor = strchr(cursor, ']') + 1;
    } else if (*cursor == '{') {
      cursor = copy_until(cursor + 1, "}", schema->choices, sizeof schema->choices) + 1;
    } else if (*cursor == '=') {
      char text[24];
      cursor = copy_until(cursor + 1, ";", text, sizeof text);
      schema_default(schema, text);
    } else {
      schema->required = *cursor == '!';
      cursor++;
    }
  }
  return *cursor ? cursor + 1 : cursor;
}

uint32_t op_attribute_count(uint32_t op) {
  const OpInfo *info = op_info(op);
  AttributeSchema schema;
  uint32_t count = 0;
  for (const char *cursor = info ? info->attributes : ""; (cursor = schema_parse(cursor, &schema)); count++) {}
  return count;
}

AttributeSchema op_attribute_at(uint32_t op, uint32_t index) {
  AttributeSchema schema;
  const char *cursor = op_table[op].attributes;
  for (uint32_t at = 0; (cursor = schema_parse(cursor, &schema)) && at < index; at++) {}
  return schema;
}

bool op_attribute_find(uint32_t op, const char *name, AttributeSchema *schema) {
  const OpInfo *info = op_info(op);
  for (const char *cursor = info ? info->attributes : ""; (cursor = schema_parse(cursor, schema));)
    if (!strcmp(schema->name, name)) return true;
  return false;
}

/* ---- attribute values ------------------------------------------------------------------------------------------------ */

static AttributeSchema schema_of(const Module *module, const Node *node, const char *name) {
  AttributeSchema schema;
  if (!op_attribute_find(node->op, name, &schema)) bug(module->context, "%s has no attribute %s in ops.def", op_name(node->op), name);
  return schema;
}

int64_t op_int(const Module *module, const Node *node, const char *name) {
  const Attribute *attribute = node_attribute(node, name);
  return attribute ? attribute->integer : schema_of(module, node, name).integer;
}

double op_float(const Module *module, const Node *node, const char *name) {
  const Attribute *attribute = node_attribute(node, name);
  return attribute ? attribute->number : schema_of(module, node, name).number;
}

const char *op_string(const Module *module, const Node *node, const char *name) {
  const Attribute *attribute = node_attribute(node, name);
  if (attribute) return arena_string(module->arena, (const char *)attribute->string.data, attribute->string.size);
  AttributeSchema schema = schema_of(module, node, name);
  return arena_string(module->arena, schema.string, strlen(schema.string));
}

const int64_t *op_ints(const Module *module, const Node *node, const char *name, uint32_t *count) {
  const Attribute *attribute = node_attribute(node, name);
  *count = attribute ? attribute->count : 0;
  if (!attribute) (void)schema_of(module, node, name);
  return attribute ? attribute->ints : NULL;
}

bool op_has(const Node *node, const char *name) { return node_attribute(node, name) != NULL; }

/* ---- element sets ------------------------------------------------------------------------------------------------------ */

bool element_in_set(Element element, const char *set) {
  bool is_float = element_is_float(element), is_integer = element_is_integer(element);
  unsigned bits = element_file_bits(element);
  const char *bar = strchr(set, '/');
  if (bar) {
    char first[24] = "";
    strncpy(first, set, (size_t)(bar - set) < sizeof first ? (size_t)(bar - set) : sizeof first - 1);
    return element_in_set(element, first) || element_in_set(element, bar + 1);
  }
  if (!strcmp(set, "any")) return element != ELEMENT_NONE;
  if (!strcmp(set, "numeric")) return (is_float || is_integer) && bits >= 8;
  if (!strcmp(set, "float")) return is_float && bits >= 16;
  if (!strcmp(set, "anyfloat")) return is_float;
  if (!strcmp(set, "integer")) return is_integer && bits >= 8;
  if (!strcmp(set, "signed")) return (is_float || (is_integer && element_is_signed(element))) && bits >= 8;
  if (!strcmp(set, "unsigned")) return is_integer && !element_is_signed(element) && bits >= 8;
  if (!strcmp(set, "index")) return element == ELEMENT_I32 || element == ELEMENT_I64;
  if (!strcmp(set, "byte")) return element == ELEMENT_I8 || element == ELEMENT_U8;
  if (!strcmp(set, "quantised")) return (is_float && bits <= 8 && element != ELEMENT_F8E8M0) || (is_integer && bits <= 16);
  if (!strcmp(set, "scalar")) return is_float || is_integer || element == ELEMENT_BOOL; /* all but strings and complex */
  if (!strcmp(set, "real")) return element == ELEMENT_BOOL || ((is_float || is_integer) && bits >= 8);
  return element == element_from_name(set);
}
