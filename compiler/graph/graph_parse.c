/* Reads the text form of the graph IR (grammar: compiler/ir.md).
 *
 * One pass, recursive only over nested regions (at most GRAPH_DEPTH_LIMIT). Operands may stand before their definitions, so that unsorted graphs
 * can be written: every use is noted and resolved at the end, first in its own graph, then in the enclosing ones. Values get their ids in the
 * order of the text. What is well formed here may still break an invariant: that is module_verify's to find. */
#include "graph_text.h"
#include <stdlib.h>
#include <string.h>

/* A value as it is written: `%name`, or `%$3` and `%"name"$3` with a number that is unique in the text. */
typedef struct Reference {
  const char *name;    /* "" if none */
  const char *number;  /* `$3`; NULL if none */
} Reference;

/* A use to be resolved. */
typedef struct Use {
  ValueId  *slot;
  Reference reference;
  GraphId   graph;     /* where it stands */
  int       line;
} Use;

/* An output with a name of its own: `%x as "y"`. */
typedef struct Alias { GraphId graph; uint32_t output; const char *name; } Alias;

typedef struct Parser {
  Lexer          lexer;
  Module        *module;
  const OpNames *names;        /* NULL: all operators stay text */
  Arena         *scratch;
  NameTable      values;       /* (graph, name) and (0, number) to value */
  VECTOR(Use)    uses;
  VECTOR(Alias)  aliases;
} Parser;

static bool at_kind(const Parser *parser, TokenKind kind) { return parser->lexer.kind == kind; }

/* A string without NUL bytes, as a C string. */
static const char *parse_string(Parser *parser) {
  size_t      length;
  const char *string = lexer_quoted(&parser->lexer, &length);
  if (strlen(string) != length) lexer_error(&parser->lexer, "a name can't hold a NUL byte");
  return string;
}

static const char *parse_name(Parser *parser) { return at_kind(parser, TOKEN_STRING) ? parse_string(parser) : lexer_word(&parser->lexer); }

/* ---- values ---------------------------------------------------------------------------------------------------------- */

/* False for `_`, an omitted one. */
static bool parse_reference(Parser *parser, Reference *reference) {
  Lexer *lexer = &parser->lexer;
  *reference = (Reference){"", NULL};
  if (lexer_accept(lexer, "_")) return false;
  if (!at_kind(parser, TOKEN_WORD) || *lexer->text != '%') lexer_error(lexer, "expected a value such as %%x, or _");
  const char *word = lexer_word(lexer);
  if (word[1] == '$') reference->number = word + 1;
  else if (word[1]) reference->name = word + 1;
  else {
    reference->name = parse_string(parser);
    if (at_kind(parser, TOKEN_WORD) && *lexer->text == '$') reference->number = lexer_word(lexer);
  }
  return true;
}

/* Notes a use, to be given its slot by the caller; false for `_`. */
static bool parse_use(Parser *parser, GraphId graph) {
  Reference reference;
  int       line = parser->lexer.line;
  if (!parse_reference(parser, &reference)) return false;
  vector_push(parser->scratch, &parser->uses, (Use){NULL, reference, graph, line});
  return true;
}

/* `(%a, _, %b)`: as an array in the module, filled in by resolve(). */
static ValueId *parse_uses(Parser *parser, GraphId graph, uint32_t *count) {
  VECTOR(bool) present = {0};
  uint32_t use = parser->uses.count;
  lexer_expect(&parser->lexer, "(");
  while (!lexer_is(&parser->lexer, ")")) {
    vector_push(parser->scratch, &present, parse_use(parser, graph));
    if (!lexer_accept(&parser->lexer, ",")) break;
  }
  lexer_expect(&parser->lexer, ")");
  ValueId *slots = arena_array(parser->module->arena, ValueId, present.count);
  for (uint32_t i = 0; i < present.count; i++)
    if (present.data[i]) parser->uses.data[use++].slot = &slots[i];
  *count = present.count;
  return slots;
}

static ValueId lookup(const Parser *parser, GraphId graph, Reference reference) {
  if (reference.number) return names_find(&parser->values, 0, reference.number);
  for (; graph; graph = graph_at(parser->module, graph)->parent) {
    ValueId value = names_find(&parser->values, graph, reference.name);
    if (value) return value;
  }
  return VALUE_NONE;
}

static void resolve(Parser *parser) {
  for (uint32_t i = 0; i < parser->uses.count; i++) {
    const Use *use = &parser->uses.data[i];
    *use->slot = lookup(parser, use->graph, use->reference);
    if (*use->slot) continue;
    Text text;
    text_open(&text, parser->scratch);
    text_char(&text, '%');
    if (*use->reference.name || !use->reference.number) text_quoted(&text, use->reference.name, strlen(use->reference.name));
    if (use->reference.number) text_string(&text, use->reference.number);
    parser->lexer.line = use->line;
    lexer_error(&parser->lexer, "no value %s is defined here", text_finish(&text));
  }
}

/* `[N, 4, ?]` */
static Dim *parse_dims(Parser *parser, uint32_t limit, uint32_t *count) {
  VECTOR(Dim) dims = {0};
  lexer_expect(&parser->lexer, "[");
  while (!lexer_is(&parser->lexer, "]")) {
    if (dims.count == limit) lexer_error(&parser->lexer, "more than %u entries", (unsigned)limit);
    Dim dim = lexer_accept(&parser->lexer, "?") ? DIM_UNKNOWN : dim_parse(&parser->module->dims, &parser->lexer);
    vector_push(parser->module->arena, &dims, dim);
    if (!lexer_accept(&parser->lexer, ",")) break;
  }
  lexer_expect(&parser->lexer, "]");
  *count = dims.count;
  return dims.data;
}

/* `f32[N, 4]`, `i64`, `?[2]`, `seq(f32[?])` */
static void parse_type(Parser *parser, ValueId id) {
  static const struct { const char *word; TypeKind kind; } wrappers[] = {
      {"seq", TYPE_SEQUENCE}, {"optional", TYPE_OPTIONAL}, {"map", TYPE_MAP}, {"sparse", TYPE_SPARSE}};
  Lexer   *lexer = &parser->lexer;
  TypeKind kind = TYPE_TENSOR;
  Element  element = ELEMENT_NONE;
  for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
    if (lexer_is(lexer, wrappers[i].word)) kind = wrappers[i].kind;
  if (kind != TYPE_TENSOR) lexer_next(lexer), lexer_expect(lexer, "(");
  if (!lexer_accept(lexer, "?")) {
    const char *name = lexer_word(lexer);
    element = element_from_name(name);
    if (element == ELEMENT_NONE) lexer_error(lexer, "no element type %s", name);
  }
  value_at(parser->module, id)->type = kind;
  value_at(parser->module, id)->element = element;
  if (lexer_is(lexer, "[")) {
    uint32_t rank;
    Dim     *dims = parse_dims(parser, MAX_RANK, &rank);
    for (uint32_t axis = 0; axis < rank; axis++)
      if (dims[axis] && dim_hi(&parser->module->dims, dims[axis]) < 0) lexer_error(lexer, "a size can't be negative");
    value_set_dims(parser->module, id, rank, dims);
  }
  if (kind != TYPE_TENSOR) lexer_expect(lexer, ")");
}

/* `%x: f32[N, 4] declared [?, 4] known [N, 4]`, or `_` */
static ValueId parse_definition(Parser *parser, GraphId graph) {
  Module   *module = parser->module;
  Lexer    *lexer = &parser->lexer;
  Reference reference;
  if (!parse_reference(parser, &reference)) return VALUE_NONE;
  ValueId id = module_value(module, graph, reference.name, ELEMENT_NONE);
  bool    is_new = reference.number ? names_add(&parser->values, 0, reference.number, id) : names_add(&parser->values, graph, reference.name, id);
  if (!is_new) lexer_error(lexer, "this value is defined twice");
  lexer_expect(lexer, ":");
  parse_type(parser, id);
  if (lexer_accept(lexer, "declared")) {
    uint32_t rank;
    Dim     *dims = parse_dims(parser, MAX_RANK, &rank);
    Value   *value = value_at(module, id);
    value->declared_ranked = true;
    value->declared_rank = rank;
    for (uint32_t axis = 0; axis < rank; axis++) value->declared[axis] = dims[axis];
  }
  if (lexer_accept(lexer, "known")) {
    uint32_t count;
    Dim     *known = parse_dims(parser, KNOWN_LIMIT, &count);
    value_at(module, id)->known = known ? known : arena_array(module->arena, Dim, 0);
    value_at(module, id)->known_count = count;
  }
  return id;
}

/* ---- constants ---------------------------------------------------------------------------------------------------------- */

/* A hexadecimal number without an exponent is bits whatever the type; 0 and the value else. */
static bool parse_bits(Parser *parser, uint64_t *bits) {
  const Lexer *lexer = &parser->lexer;
  if (!at_kind(parser, TOKEN_NUMBER) || lexer->length < 3 || lexer->text[0] != '0' || (lexer->text[1] | 32) != 'x') return false;
  if (memchr(lexer->text, 'p', lexer->length) || memchr(lexer->text, 'P', lexer->length) || memchr(lexer->text, '.', lexer->length)) return false;
  if (lexer->length > 18) lexer_error(&parser->lexer, "more than 64 bits");
  *bits = strtoull(arena_string(parser->scratch, lexer->text, lexer->length), NULL, 16);
  lexer_next(&parser->lexer);
  return true;
}

/* A decimal integer of 64 bits with or without sign. */
static uint64_t parse_integer(Parser *parser, Element element) {
  Lexer   *lexer = &parser->lexer;
  uint64_t limit = element == ELEMENT_BOOL ? 255 : UINT64_MAX >> (64 - element_file_bits(element)), magnitude = 0;
  bool     is_signed = element_is_signed(element), negative = is_signed && lexer_accept(lexer, "-");
  if (!at_kind(parser, TOKEN_NUMBER)) lexer_error(lexer, "expected an integer of type %s", element_name(element));
  if (is_signed) limit = limit / 2 + negative;
  for (size_t i = 0; i < lexer->length; i++) {
    uint64_t digit = (uint64_t)(uint8_t)lexer->text[i] - '0';
    if (digit > 9 || magnitude > (limit - digit) / 10 || digit > limit) lexer_error(lexer, "not an integer of type %s", element_name(element));
    magnitude = magnitude * 10 + digit;
  }
  lexer_next(lexer);
  return (negative ? 0 - magnitude : magnitude) & (UINT64_MAX >> (64 - element_file_bits(element)));
}

static double parse_float(Parser *parser) {
  Lexer *lexer = &parser->lexer;
  bool   negative = lexer_accept(lexer, "-");
  double value = lexer->number;
  if (lexer_is(lexer, "inf")) value = __builtin_inf();
  else if (lexer_is(lexer, "nan")) value = __builtin_nan("");
  else if (!at_kind(parser, TOKEN_NUMBER)) lexer_error(lexer, "expected a number");
  lexer_next(lexer);
  return negative ? -value : value;
}

/* One word of a constant, as element_words() counts them. */
static uint64_t parse_word(Parser *parser, Element element) {
  uint64_t bits;
  unsigned width = element == ELEMENT_C128 ? 64 : element_file_bits(element);
  if (parse_bits(parser, &bits)) {
    if (width < 64 && bits >> width) lexer_error(&parser->lexer, "more than the %u bits of %s", width, element_name(element));
    return bits;
  }
  if (element_is_integer(element) || element == ELEMENT_BOOL) return parse_integer(parser, element);
  if (!element_is_float(element)) lexer_error(&parser->lexer, "expected the bits of an element of type %s, in hexadecimal", element_name(element));
  double number = parse_float(parser);
  if (element == ELEMENT_F64) return memcpy(&bits, &number, sizeof bits), bits;
  if (element != ELEMENT_F32) return element_from_f64(element, number);
  float    single = (float)number;
  uint32_t half;
  memcpy(&half, &single, sizeof half);
  return half;
}

static void pack_word(uint8_t *data, unsigned width, uint32_t index, uint64_t bits) {
  if (width < 8) {
    data[index / (8 / width)] |= (uint8_t)(bits << (index % (8 / width) * width));
    return;
  }
  for (unsigned byte = 0; byte < width / 8; byte++) data[(size_t)index * (width / 8) + byte] = (uint8_t)(bits >> (8 * byte));
}

/* `constant [1, 2]`, behind the keyword */
static void parse_elements(Parser *parser, ValueId id, int64_t count) {
  Module *module = parser->module;
  Element element = value_at(module, id)->element;
  VECTOR(uint64_t) words = {0};
  VECTOR(Bytes) strings = {0};
  lexer_expect(&parser->lexer, "[");
  while (!lexer_is(&parser->lexer, "]")) {
    if (element == ELEMENT_STRING) {
      size_t      length;
      const char *string = lexer_quoted(&parser->lexer, &length);
      vector_push(module->arena, &strings, (Bytes){(const uint8_t *)string, length});
    } else vector_push(parser->scratch, &words, parse_word(parser, element));
    if (!lexer_accept(&parser->lexer, ",")) break;
  }
  lexer_expect(&parser->lexer, "]");
  uint32_t written = element == ELEMENT_STRING ? strings.count : words.count;
  if (written != count * element_words(element))
    lexer_error(&parser->lexer, "%u elements where the shape has %lld", (unsigned)written, (long long)count);
  Value *value = value_at(module, id);
  size_t bytes;
  if (element == ELEMENT_STRING) {
    value->strings = strings.data ? strings.data : arena_array(module->arena, Bytes, 0);
    return;
  }
  if (!element_file_bytes(element, count, &bytes)) lexer_error(&parser->lexer, "no constants of type %s", element_name(element));
  uint8_t *data = arena_array(module->arena, uint8_t, bytes);
  for (uint32_t i = 0; i < words.count; i++) pack_word(data, element == ELEMENT_C128 ? 64 : element_file_bits(element), i, words.data[i]);
  value->data = (Bytes){data, bytes};
}

/* `blob 4000 "HASH"`, behind the keyword: zeros of that size */
static void parse_blob(Parser *parser, ValueId id, int64_t count) {
  Module     *module = parser->module;
  int64_t     size = lexer_integer(&parser->lexer);
  const char *hash = parse_string(parser);
  size_t      bytes;
  if (!element_file_bytes(value_at(module, id)->element, count, &bytes) || size < 0 || (uint64_t)size != bytes)
    lexer_error(&parser->lexer, "a blob of another size than its type");
  if (strchr(hash, ' ')) lexer_error(&parser->lexer, "a hash without blanks");
  value_at(module, id)->data = (Bytes){arena_allocate(module->arena, bytes), bytes};
  value_at(module, id)->source = arena_format(module->arena, BLOB_PREFIX "%s", hash);
}

/* `constant [...]`, `splat 0x0p+0` or `blob ...`, each perhaps with `source "..."` */
static void parse_data(Parser *parser, ValueId id) {
  Module *module = parser->module;
  Lexer  *lexer = &parser->lexer;
  Element element = value_at(module, id)->element;
  int64_t count;
  if (element == ELEMENT_NONE || value_at(module, id)->type != TYPE_TENSOR || !value_static_elements(module, id, &count))
    lexer_error(lexer, "a constant needs a tensor type with constant sizes");
  value_at(module, id)->content = CONTENT_DATA;
  if (lexer_accept(lexer, "constant")) parse_elements(parser, id, count);
  else if (lexer_accept(lexer, "blob")) parse_blob(parser, id, count);
  else if (element == ELEMENT_STRING || element == ELEMENT_C128) lexer_error(lexer, "expected constant or blob");
  else {
    lexer_expect(lexer, "splat");
    uint64_t bits = parse_word(parser, element);
    value_at(module, id)->content = CONTENT_SPLAT;
    value_at(module, id)->splat = bits;
  }
  if (!lexer_accept(lexer, "source")) return;
  const char *source = parse_string(parser), *before = value_at(module, id)->source;
  value_at(module, id)->source = before ? arena_format(module->arena, "%s %s", before, source) : source;
}

/* ---- attributes --------------------------------------------------------------------------------------------------------- */

static GraphId parse_graph(Parser *parser, GraphId parent, NodeId owner, uint32_t depth);

static bool at_number(const Parser *parser) {
  const Lexer *lexer = &parser->lexer;
  return at_kind(parser, TOKEN_NUMBER) || lexer_is(lexer, "-") || lexer_is(lexer, "inf") || lexer_is(lexer, "nan");
}

/* An integer, or a float if it has a point or exponent or is inf or nan. Integers leave `number` alone. */
static bool parse_number(Parser *parser, int64_t *integer, double *number) {
  Lexer ahead = parser->lexer;
  lexer_accept(&ahead, "-");
  bool is_integer = ahead.kind == TOKEN_NUMBER && ahead.is_integer;
  if (is_integer) *number = (double)(*integer = lexer_integer(&parser->lexer));
  else *number = parse_float(parser);
  return is_integer;
}

/* `[1, 2]`: ints unless one of them is a float; `["a"]`: strings */
static void parse_list(Parser *parser, Attribute *attribute) {
  Arena *arena = parser->module->arena;
  VECTOR(int64_t) ints = {0};
  VECTOR(double) floats = {0};
  VECTOR(Bytes) strings = {0};
  bool all_integers = true;
  lexer_expect(&parser->lexer, "[");
  do {
    int64_t integer = 0;
    double  number;
    size_t  length;
    if (at_kind(parser, TOKEN_STRING) && !floats.count) {
      const char *string = lexer_quoted(&parser->lexer, &length);
      vector_push(arena, &strings, (Bytes){(const uint8_t *)string, length});
    } else {
      if (strings.count) lexer_error(&parser->lexer, "expected a string");
      all_integers &= parse_number(parser, &integer, &number);
      vector_push(arena, &ints, integer);
      vector_push(arena, &floats, number);
    }
  } while (lexer_accept(&parser->lexer, ","));
  lexer_expect(&parser->lexer, "]");
  attribute->kind = strings.count ? ATTRIBUTE_STRINGS : all_integers ? ATTRIBUTE_INTS : ATTRIBUTE_FLOATS;
  attribute->count = strings.count ? strings.count : ints.count;
  if (attribute->kind == ATTRIBUTE_STRINGS) attribute->strings = strings.data;
  else if (attribute->kind == ATTRIBUTE_INTS) attribute->ints = ints.data;
  else attribute->floats = floats.data;
}

/* `ints []`, `floats []`, `strings []` */
static bool parse_empty_list(Parser *parser, Attribute *attribute) {
  static const struct { const char *word; AttributeKind kind; } kinds[] = {
      {"ints", ATTRIBUTE_INTS}, {"floats", ATTRIBUTE_FLOATS}, {"strings", ATTRIBUTE_STRINGS}};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (!lexer_accept(&parser->lexer, kinds[i].word)) continue;
    attribute->kind = kinds[i].kind;
    lexer_expect(&parser->lexer, "[");
    lexer_expect(&parser->lexer, "]");
    return true;
  }
  return false;
}

static Attribute parse_attribute(Parser *parser, NodeId node, const char *name, uint32_t depth) {
  Attribute attribute = {.name = name};
  Lexer    *lexer = &parser->lexer;
  if (at_kind(parser, TOKEN_STRING)) {
    attribute.kind = ATTRIBUTE_STRING;
    const char *string = lexer_quoted(lexer, &attribute.string.size);
    attribute.string.data = (const uint8_t *)string;
  } else if (lexer_is(lexer, "[")) {
    parse_list(parser, &attribute);
  } else if (at_number(parser)) {
    bool is_integer = parse_number(parser, &attribute.integer, &attribute.number);
    attribute.kind = is_integer ? ATTRIBUTE_INT : ATTRIBUTE_FLOAT;
    if (is_integer) attribute.number = 0;
  } else if (lexer_is(lexer, "graph")) {
    attribute.kind = ATTRIBUTE_GRAPH;
    attribute.graph = parse_graph(parser, node_at(parser->module, node)->graph, node, depth + 1);
  } else if (!parse_empty_list(parser, &attribute)) {
    attribute.kind = ATTRIBUTE_TENSOR;
    attribute.tensor = module_value(parser->module, 0, "", ELEMENT_NONE);
    parse_type(parser, attribute.tensor);
    parse_data(parser, attribute.tensor);
  }
  return attribute;
}

/* ---- nodes ----------------------------------------------------------------------------------------------------------------- */

typedef struct Operator { uint32_t op; const char *domain, *type; } Operator;

/* `Conv`, `x.Group`, `com.microsoft::Gelu`, `op "domain" "type"` */
static Operator parse_operator(Parser *parser) {
  Lexer   *lexer = &parser->lexer;
  Operator operator = {0, "", lexer_word(lexer)};
  if (!strcmp(operator.type, "op") && at_kind(parser, TOKEN_STRING)) {
    operator.domain = parse_string(parser);
    operator.type = parse_string(parser);
  } else if (lexer_accept(lexer, ":")) {
    lexer_expect(lexer, ":");
    operator.domain = operator.type;
    operator.type = lexer_word(lexer);
  } else if (!strncmp(operator.type, "x.", 2)) {
    operator.domain = "x";
    operator.type += 2;
  }
  if (parser->names) operator.op = parser->names->find(operator.domain, operator.type);
  return operator;
}

/* `origin 3 "conv1" "graph"`, behind the keyword */
static void parse_origin(Parser *parser, NodeId node) {
  Origin  origin = {-1, "", ""};
  int64_t index = lexer_integer(&parser->lexer);
  if (index < -1 || index > INT32_MAX) lexer_error(&parser->lexer, "an origin from -1 to %d", INT32_MAX);
  origin.index = (int32_t)index;
  if (at_kind(parser, TOKEN_STRING)) origin.name = parse_string(parser);
  if (at_kind(parser, TOKEN_STRING)) origin.path = parse_string(parser);
  node_at(parser->module, node)->origin = origin;
}

/* Attributes and clauses behind the operands, in any order; the next statement begins with none of them. */
static void parse_clauses(Parser *parser, NodeId node, uint32_t depth) {
  Module *module = parser->module;
  Lexer  *lexer = &parser->lexer;
  for (;;) {
    bool is_word = at_kind(parser, TOKEN_WORD) && *lexer->text != '%' && !lexer_is(lexer, "_");
    if (!is_word && !at_kind(parser, TOKEN_STRING)) return;
    const char *word = parse_name(parser);
    if (lexer_accept(lexer, "=")) {
      if (node_attribute(node_at(module, node), word)) lexer_error(lexer, "this attribute is given twice");
      Attribute attribute = parse_attribute(parser, node, word, depth);
      node_set_attribute(module, node, attribute);
    } else if (is_word && !strcmp(word, "origin")) {
      parse_origin(parser, node);
    } else if (is_word && !strcmp(word, "run_time_shape")) {
      node_at(module, node)->run_time_shape = true;
    } else if (is_word && !strcmp(word, "captures")) {
      uint32_t count;
      ValueId *captures = parse_uses(parser, node_at(module, node)->graph, &count);
      node_at(module, node)->captures = captures;
      node_at(module, node)->capture_count = count;
    } else lexer_error(lexer, "expected attribute=value, captures, run_time_shape, origin or the next statement");
  }
}

/* `%a: f32[2], _ = Op(%x, %y) axis=1 ...`, or a constant */
static void parse_statement(Parser *parser, GraphId graph, uint32_t depth) {
  Module *module = parser->module;
  Lexer  *lexer = &parser->lexer;
  VECTOR(ValueId) outputs = {0};
  if (lexer_accept(lexer, "(")) lexer_expect(lexer, ")");
  else
    do vector_push(parser->scratch, &outputs, parse_definition(parser, graph));
    while (lexer_accept(lexer, ","));
  lexer_expect(lexer, "=");
  bool is_constant = lexer_is(lexer, "constant") || lexer_is(lexer, "splat") || lexer_is(lexer, "blob");
  if (is_constant && outputs.count == 1 && outputs.data[0]) {
    parse_data(parser, outputs.data[0]);
    return;
  }
  Operator operator = parse_operator(parser);
  uint32_t count;
  ValueId *inputs = parse_uses(parser, graph, &count);
  NodeId   id = module_node(module, graph, operator.op, 0, NULL, outputs.count, outputs.data);
  Node    *node = node_at(module, id);
  node->inputs = inputs;
  node->input_count = count;
  node->domain = operator.domain;
  node->op_type = operator.type;
  graph_append(module, graph, id);
  parse_clauses(parser, id, depth);
}

/* ---- graphs and module --------------------------------------------------------------------------------------------------------- */

/* `(%x: f32[N]) -> (%y, %z as "z")` */
static void parse_signature(Parser *parser, GraphId id) {
  Arena *arena = parser->module->arena;
  Lexer *lexer = &parser->lexer;
  Graph *graph = graph_at(parser->module, id);
  lexer_expect(lexer, "(");
  while (!lexer_is(lexer, ")")) {
    ValueId value = parse_definition(parser, id);
    if (!value) lexer_error(lexer, "a graph's input can't be omitted");
    vector_push(arena, &graph->inputs, value);
    if (!lexer_accept(lexer, ",")) break;
  }
  lexer_expect(lexer, ")");
  lexer_expect(lexer, "->");
  lexer_expect(lexer, "(");
  uint32_t first = parser->uses.count;
  while (!lexer_is(lexer, ")")) {
    if (!parse_use(parser, id)) lexer_error(lexer, "a graph's output can't be omitted");
    vector_push(arena, &graph->outputs, VALUE_NONE);
    if (lexer_accept(lexer, "as")) vector_push(parser->scratch, &parser->aliases, (Alias){id, graph->outputs.count - 1, parse_string(parser)});
    if (!lexer_accept(lexer, ",")) break;
  }
  lexer_expect(lexer, ")");
  for (uint32_t i = 0; i < graph->outputs.count; i++) parser->uses.data[first + i].slot = &graph->outputs.data[i];
}

/* `graph NAME signature { statements }`. The first one of the text is the main graph. */
static GraphId parse_graph(Parser *parser, GraphId parent, NodeId owner, uint32_t depth) {
  Module *module = parser->module;
  Lexer  *lexer = &parser->lexer;
  if (depth > GRAPH_DEPTH_LIMIT) lexer_error(lexer, "regions nested deeper than %u", GRAPH_DEPTH_LIMIT);
  lexer_expect(lexer, "graph");
  const char *name = parse_name(parser);
  GraphId     id = 1;
  if (owner || graph_at(module, 1)->name) id = module_graph(module, name, parent, owner);
  else graph_at(module, 1)->name = name;
  parse_signature(parser, id);
  lexer_expect(lexer, "{");
  while (!lexer_accept(lexer, "}")) parse_statement(parser, id, depth);
  return id;
}

/* `sym N 1..8 run`, behind the keyword; the upper bound may be missing */
static void parse_symbol(Parser *parser) {
  Lexer      *lexer = &parser->lexer;
  const char *name = parse_name(parser);
  int64_t     low = lexer_integer(lexer), high = DIM_OPEN;
  lexer_expect(lexer, "..");
  if (at_kind(parser, TOKEN_NUMBER) || lexer_is(lexer, "-")) high = lexer_integer(lexer);
  if (high < low) lexer_error(lexer, "an empty range");
  dim_symbol(&parser->module->dims, name, lexer_accept(lexer, "run") ? SYMBOL_RUN : SYMBOL_INPUT, low, high);
}

/* The lines before the first graph, each optional, in any order. */
static void parse_header(Parser *parser) {
  Module *module = parser->module;
  Lexer  *lexer = &parser->lexer;
  while (!lexer_is(lexer, "graph")) {
    if (lexer_accept(lexer, "sym")) parse_symbol(parser);
    else if (lexer_accept(lexer, "producer")) module->producer = parse_string(parser), module->producer_version = parse_string(parser);
    else if (lexer_accept(lexer, "domain")) module->domain = parse_string(parser);
    else if (lexer_accept(lexer, "description")) module->description = parse_string(parser);
    else if (lexer_accept(lexer, "hash")) module->hash = strtoull(parse_string(parser), NULL, 16);
    else if (lexer_accept(lexer, "metadata")) {
      const char *key = parse_string(parser);
      vector_push(module->arena, &module->metadata, (Metadata){key, parse_string(parser)});
    } else {
      lexer_expect(lexer, "model");
      lexer_expect(lexer, "opset");
      module->opset = lexer_integer(lexer);
      if (lexer_accept(lexer, "ir")) module->ir_version = lexer_integer(lexer);
    }
  }
}

static int compare_ids(const void *left, const void *right) {
  ValueId a = *(const ValueId *)left, b = *(const ValueId *)right;
  return a < b ? -1 : a > b;
}

/* What could only be done once every value was known. */
static void finish(Parser *parser) {
  Module *module = parser->module;
  resolve(parser);
  for (NodeId id = 1; id < module->nodes.count; id++) {
    Node *node = node_at(module, id);
    if (node->capture_count) qsort(node->captures, node->capture_count, sizeof *node->captures, compare_ids);
  }
  for (uint32_t i = 0; i < parser->aliases.count; i++) {
    const Alias *alias = &parser->aliases.data[i];
    Graph       *graph = graph_at(module, alias->graph);
    for (uint32_t k = graph->output_names.count; k < graph->outputs.count; k++)
      vector_push(module->arena, &graph->output_names, value_at(module, graph->outputs.data[k])->name);
    graph->output_names.data[alias->output] = alias->name;
  }
}

Module *module_parse(Context *context, Arena *arena, const OpNames *names, const char *file, const char *data, size_t length) {
  Parser parser = {.module = module_open(context, arena), .names = names, .scratch = arena_open(context)};
  names_open(&parser.values, parser.scratch);
  graph_at(parser.module, 1)->name = NULL; /* until the first graph of the text gives it one */
  lexer_open(&parser.lexer, arena, file, data, length);
  parse_header(&parser);
  do parse_graph(&parser, 0, 0, 0);
  while (!at_kind(&parser, TOKEN_END));
  finish(&parser);
  arena_close(parser.scratch);
  return parser.module;
}
