/* The graph IR as text (grammar: compiler/ir.md), and a node as one line for messages.
 *
 * A first walk in the order of the text gives each value its position. It also finds the values whose name alone would not say which one is
 * meant: those without a name, and those that hide a value of the same name. They are written with a running number (`%$0`, `%"x"$1`), so the
 * text does not depend on value ids and parsing it back yields the same text. Both walks are linear and nest as deep as regions do. */
#include "graph_text.h"
#include "compiler/base/hash.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct Printer {
  const Module  *module;
  const OpNames *names;        /* NULL: operators by their text */
  Text          *text;
  Arena         *scratch;
  uint32_t      *position;     /* by value: 1 for the first one in the text; 0: not in the text */
  uint32_t      *number;       /* by value: running number plus 1; 0: the name will do */
  uint32_t       positions, numbers;
  ValueId       *next_constant;/* by value: next constant of the same graph */
  ValueId       *constants;    /* by graph: its first constant */
  NameTable      scope;        /* 1: the name is visible where the first walk stands */
  VECTOR(const char *) visible;/* those names, the innermost graph's last */
} Printer;

/* ---- first walk ---------------------------------------------------------------------------------------------------- */

static void number_value(Printer *printer, ValueId id) {
  if (!id || printer->position[id]) return;
  const char *name = value_at(printer->module, id)->name;
  printer->position[id] = ++printer->positions;
  if (*name && names_add(&printer->scope, 0, name, 1)) vector_push(printer->scratch, &printer->visible, name);
  else printer->number[id] = ++printer->numbers;
}

static void number_graph(Printer *printer, GraphId id, uint32_t depth) {
  const Graph *graph = graph_at(printer->module, id);
  uint32_t     outer = printer->visible.count;
  require(printer->module->context, depth <= GRAPH_DEPTH_LIMIT);
  for (uint32_t i = 0; i < graph->inputs.count; i++) number_value(printer, graph->inputs.data[i]);
  for (ValueId value = printer->constants[id]; value; value = printer->next_constant[value]) number_value(printer, value);
  for (uint32_t k = 0; k < graph->order.count; k++) {
    const Node *node = node_at(printer->module, graph->order.data[k]);
    if (node->dead) continue;
    for (uint32_t i = 0; i < node->output_count; i++) number_value(printer, node->outputs[i]);
    for (uint32_t i = 0; i < node->attribute_count; i++)
      if (node->attributes[i].kind == ATTRIBUTE_GRAPH) number_graph(printer, node->attributes[i].graph, depth + 1);
  }
  while (printer->visible.count > outer) *names_at(&printer->scope, 0, printer->visible.data[--printer->visible.count]) = 0;
}

static void list_constants(Printer *printer) {
  const Module *module = printer->module;
  for (ValueId id = module->values.count; id-- > 1;) { /* backwards, so that the lists run forwards */
    const Value *value = value_at(module, id);
    if (!value->graph || value->definition || !value_is_constant(value)) continue;
    printer->next_constant[id] = printer->constants[value->graph];
    printer->constants[value->graph] = id;
  }
}

/* ---- words, types, data --------------------------------------------------------------------------------------------- */

/* Reads back as one word behind a %: letters, digits, _ and single . : / - between or before them. */
static bool is_reference(const char *name) {
  if (!*name) return false;
  for (const char *c = name; *c; c++)
    if (!is_word_letter(*c) && !(strchr(".:/-", *c) && is_word_letter(c[1]))) return false;
  return true;
}

static bool is_word(const char *name) {
  if (*name >= '0' && *name <= '9') return false;
  for (const char *c = name; *c; c++)
    if (!is_word_letter(*c) && !(*c == '.' && c > name && is_word_letter(c[1]))) return false;
  return *name && strcmp(name, "_"); /* which stands for an omitted value */
}

static void print_name(Text *text, const char *name) {
  if (is_word(name)) text_string(text, name);
  else text_quoted(text, name, strlen(name));
}

static void print_value(const Printer *printer, ValueId id) {
  Text *text = printer->text;
  if (!id) { text_char(text, '_'); return; }
  const char *name = value_at(printer->module, id)->name;
  uint32_t    number = printer->number[id];
  text_char(text, '%');
  if (is_reference(name) && !number) { text_string(text, name); return; }
  if (*name) text_quoted(text, name, strlen(name));
  if (number) text_format(text, "$%u", (unsigned)(number - 1));
}

static void print_dims(const Module *module, Text *text, uint32_t count, const Dim *dims) {
  text_char(text, '[');
  for (uint32_t i = 0; i < count; i++) {
    if (i) text_string(text, ", ");
    dim_print(&module->dims, dims[i], text);
  }
  text_char(text, ']');
}

void value_print_type(const Module *module, ValueId id, Text *text) {
  static const char *const wrapper[] = {[TYPE_SEQUENCE] = "seq(", [TYPE_OPTIONAL] = "optional(", [TYPE_MAP] = "map(", [TYPE_SPARSE] = "sparse("};
  const Value *value = value_at(module, id);
  if (value->type != TYPE_TENSOR) text_string(text, wrapper[value->type]);
  text_string(text, value->element == ELEMENT_NONE ? "?" : element_name(value->element));
  if (value->ranked) print_dims(module, text, value->rank, value->dims);
  if (value->type != TYPE_TENSOR) text_char(text, ')');
}

/* One word of a constant: integers in decimal, floats exactly, the rest (and NaNs with a payload) as their bits. */
static void print_word(Text *text, Element element, uint64_t bits) {
  if (element == ELEMENT_F32) {
    uint32_t half = (uint32_t)bits;
    float    value;
    memcpy(&value, &half, sizeof value);
    if (value == value || half == 0x7fc00000u) { text_f32(text, value); return; }
  } else if (element == ELEMENT_F64) {
    double value;
    memcpy(&value, &bits, sizeof value);
    if (value == value || bits == 0x7ff8000000000000u) { text_f64(text, value); return; }
  } else if (element_is_integer(element) && element_is_signed(element)) {
    text_format(text, "%" PRId64, element_to_i64(element, bits));
    return;
  } else if (element_is_integer(element) || element == ELEMENT_BOOL) {
    text_format(text, "%" PRIu64, bits);
    return;
  }
  text_format(text, "0x%" PRIx64, bits);
}

static uint64_t constant_word(const Module *module, ValueId id, int64_t index) {
  const Value *value = value_at(module, id);
  uint64_t     bits = 0;
  if (value->element != ELEMENT_C128 || value->content == CONTENT_SPLAT) return value_constant_bits(module, id, index);
  for (int byte = 8; byte-- > 0;) bits = bits << 8 | value->data.data[index * 8 + byte];
  return bits;
}

/* `blob BYTES "HASH"`: contents stay out of the text. A blob that came from a text keeps the hash it had. */
static void print_blob(Text *text, const Value *value) {
  const char *source = value->source ? value->source : "";
  text_format(text, "blob %zu ", value->data.size);
  if (!strncmp(source, BLOB_PREFIX, strlen(BLOB_PREFIX))) {
    const char *hash = source + strlen(BLOB_PREFIX);
    size_t      length = strcspn(hash, " ");
    text_quoted(text, hash, length);
    source = hash[length] ? hash + length + 1 : "";
  } else {
    text_format(text, "\"%016" PRIx64 "\"", hash_bytes(0, value->data.data, value->data.size));
  }
  if (!*source) return;
  text_string(text, " source ");
  text_quoted(text, source, strlen(source));
}

static void print_data(const Printer *printer, ValueId id) {
  const Value *value = value_at(printer->module, id);
  Text        *text = printer->text;
  int64_t      count = 0;
  size_t       bytes = 0;
  bool         counted = value_static_elements(printer->module, id, &count);
  bool         is_string = value->element == ELEMENT_STRING;
  if (value->content == CONTENT_SPLAT) {
    text_string(text, "splat ");
    print_word(text, value->element, value->splat);
    return;
  }
  bool sized = counted && element_file_bytes(value->element, count, &bytes) && bytes == value->data.size;
  if (is_string ? !counted || (count && !value->strings) : !sized || count > INLINE_LIMIT) { print_blob(text, value); return; }
  text_string(text, "constant [");
  count *= element_words(value->element);
  for (int64_t i = 0; i < count; i++) {
    if (i) text_string(text, ", ");
    if (is_string) text_quoted(text, (const char *)value->strings[i].data, value->strings[i].size);
    else print_word(text, value->element, constant_word(printer->module, id, i));
  }
  text_char(text, ']');
  if (value->source) {
    text_string(text, " source ");
    text_quoted(text, value->source, strlen(value->source));
  }
}

/* `%x: f32[N, 4] declared [?, 4] known [N, 4]`: a value where it is defined. */
static void print_definition(const Printer *printer, ValueId id) {
  const Value *value = value_at(printer->module, id);
  print_value(printer, id);
  if (!id) return;
  text_string(printer->text, ": ");
  value_print_type(printer->module, id, printer->text);
  if (value->declared_ranked) {
    text_string(printer->text, " declared ");
    print_dims(printer->module, printer->text, value->declared_rank, value->declared);
  }
  if (value->known && !value_is_constant(value)) { /* of a constant it says nothing that the data does not */
    text_string(printer->text, " known ");
    print_dims(printer->module, printer->text, value->known_count, value->known);
  }
}

/* ---- nodes ------------------------------------------------------------------------------------------------------------ */

static void print_graph(const Printer *printer, GraphId id, uint32_t depth);

static void print_list(const Printer *printer, const Attribute *attribute) {
  static const char *const empty[] = {[ATTRIBUTE_FLOATS] = "floats []", [ATTRIBUTE_INTS] = "ints []", [ATTRIBUTE_STRINGS] = "strings []"};
  Text *text = printer->text;
  if (!attribute->count) { text_string(text, empty[attribute->kind]); return; }
  for (uint32_t i = 0; i < attribute->count; i++) {
    text_string(text, i ? ", " : "[");
    if (attribute->kind == ATTRIBUTE_INTS) text_format(text, "%" PRId64, attribute->ints[i]);
    else if (attribute->kind == ATTRIBUTE_FLOATS) text_f64(text, attribute->floats[i]);
    else text_quoted(text, (const char *)attribute->strings[i].data, attribute->strings[i].size);
  }
  text_char(text, ']');
}

static void print_attribute(const Printer *printer, const Attribute *attribute, uint32_t depth) {
  Text *text = printer->text;
  text_char(text, ' ');
  print_name(text, attribute->name);
  text_char(text, '=');
  switch (attribute->kind) {
  case ATTRIBUTE_INT: text_format(text, "%" PRId64, attribute->integer); break;
  case ATTRIBUTE_FLOAT: text_f64(text, attribute->number); break;
  case ATTRIBUTE_STRING: text_quoted(text, (const char *)attribute->string.data, attribute->string.size); break;
  case ATTRIBUTE_INTS: case ATTRIBUTE_FLOATS: case ATTRIBUTE_STRINGS: print_list(printer, attribute); break;
  case ATTRIBUTE_GRAPH: print_graph(printer, attribute->graph, depth); break;
  case ATTRIBUTE_TENSOR:
    value_print_type(printer->module, attribute->tensor, text);
    text_char(text, ' ');
    print_data(printer, attribute->tensor);
    break;
  }
}

static void print_operator(Text *text, const OpNames *names, const Node *node) {
  const char *type = node->op && names ? names->name(node->op) : node->op_type;
  const char *domain = node->op && names ? names->domain(node->op) : node->domain;
  bool        ours = !strcmp(domain, "x"); /* our own operators are written x.Group, others' com.microsoft::Gelu */
  if (!strcmp(domain, "ai.onnx") || (ours && !strncmp(type, "x.", 2))) domain = "";
  if (!is_word(type) || (*domain && !is_word(domain))) {
    text_string(text, "op ");
    text_quoted(text, domain, strlen(domain));
    text_char(text, ' ');
    text_quoted(text, type, strlen(type));
    return;
  }
  if (*domain) text_string(text, domain), text_string(text, ours ? "." : "::");
  text_string(text, type);
}

static void print_origin(Text *text, const Origin *origin) {
  bool has_path = *origin->path != 0, has_name = *origin->name != 0;
  if (origin->index < 0 && !has_name && !has_path) return;
  text_format(text, " origin %d", (int)origin->index);
  if (has_name || has_path) text_char(text, ' '), text_quoted(text, origin->name, strlen(origin->name));
  if (has_path) text_char(text, ' '), text_quoted(text, origin->path, strlen(origin->path));
}

typedef struct Placed { uint32_t position; ValueId value; } Placed;

static int compare_placed(const void *left, const void *right) {
  const Placed *a = left, *b = right;
  return a->position < b->position ? -1 : a->position > b->position;
}

/* Captures are kept by id; in the text they stand in the order of definition. */
static void print_captures(const Printer *printer, const Node *node) {
  if (!node->capture_count) return;
  Placed *placed = arena_array(printer->scratch, Placed, node->capture_count);
  for (uint32_t i = 0; i < node->capture_count; i++) placed[i] = (Placed){printer->position[node->captures[i]], node->captures[i]};
  qsort(placed, node->capture_count, sizeof *placed, compare_placed);
  text_string(printer->text, " captures (");
  for (uint32_t i = 0; i < node->capture_count; i++) {
    if (i) text_string(printer->text, ", ");
    print_value(printer, placed[i].value);
  }
  text_char(printer->text, ')');
}

static void print_node(const Printer *printer, const Node *node, uint32_t depth) {
  Text *text = printer->text;
  text_indent(text, (int)depth);
  for (uint32_t i = 0; i < node->output_count; i++) {
    if (i) text_string(text, ", ");
    print_definition(printer, node->outputs[i]);
  }
  if (!node->output_count) text_string(text, "()");
  text_string(text, " = ");
  print_operator(text, printer->names, node);
  text_char(text, '(');
  for (uint32_t i = 0; i < node->input_count; i++) {
    if (i) text_string(text, ", ");
    print_value(printer, node->inputs[i]);
  }
  text_char(text, ')');
  for (uint32_t i = 0; i < node->attribute_count; i++) print_attribute(printer, &node->attributes[i], depth);
  print_captures(printer, node);
  if (node->run_time_shape) text_string(text, " run_time_shape");
  print_origin(text, &node->origin);
  text_char(text, '\n');
}

/* ---- graphs and module -------------------------------------------------------------------------------------------------- */

static void print_outputs(const Printer *printer, GraphId id) {
  const Graph *graph = graph_at(printer->module, id);
  text_string(printer->text, ") -> (");
  for (uint32_t i = 0; i < graph->outputs.count; i++) {
    const char *name = graph_output_name(printer->module, id, i);
    if (i) text_string(printer->text, ", ");
    print_value(printer, graph->outputs.data[i]);
    if (!strcmp(name, value_at(printer->module, graph->outputs.data[i])->name)) continue;
    text_string(printer->text, " as ");
    text_quoted(printer->text, name, strlen(name));
  }
  text_string(printer->text, ") {\n");
}

/* Opens where the cursor is; ends behind the closing brace. `depth` is the indentation of the line it opens on. */
static void print_graph(const Printer *printer, GraphId id, uint32_t depth) {
  const Graph *graph = graph_at(printer->module, id);
  Text        *text = printer->text;
  require(printer->module->context, depth <= GRAPH_DEPTH_LIMIT);
  text_string(text, "graph ");
  print_name(text, graph->name);
  text_char(text, '(');
  for (uint32_t i = 0; i < graph->inputs.count; i++) {
    if (i) text_string(text, ", ");
    print_definition(printer, graph->inputs.data[i]);
  }
  print_outputs(printer, id);
  for (ValueId value = printer->constants[id]; value; value = printer->next_constant[value]) {
    text_indent(text, (int)depth + 1);
    print_definition(printer, value);
    text_string(text, " = ");
    print_data(printer, value);
    text_char(text, '\n');
  }
  for (uint32_t i = 0; i < graph->order.count; i++)
    if (!node_at(printer->module, graph->order.data[i])->dead) print_node(printer, node_at(printer->module, graph->order.data[i]), depth + 1);
  text_indent(text, (int)depth);
  text_char(text, '}');
}

static void print_strings(Text *text, const char *keyword, const char *first, const char *second) {
  if (!*first && (!second || !*second)) return;
  text_format(text, "%s ", keyword);
  text_quoted(text, first, strlen(first));
  if (second) text_char(text, ' '), text_quoted(text, second, strlen(second));
  text_char(text, '\n');
}

static void print_header(const Module *module, Text *text) {
  text_format(text, "model opset %" PRId64 " ir %" PRId64 "\n", module->opset, module->ir_version);
  print_strings(text, "producer", module->producer, module->producer_version);
  print_strings(text, "domain", module->domain, NULL);
  print_strings(text, "description", module->description, NULL);
  for (uint32_t i = 0; i < module->metadata.count; i++)
    print_strings(text, "metadata", module->metadata.data[i].key, module->metadata.data[i].value);
  if (module->hash) text_format(text, "hash \"%016" PRIx64 "\"\n", module->hash);
  for (uint32_t i = 0; i < module->dims.symbols.count; i++) {
    const Symbol *symbol = &module->dims.symbols.data[i];
    text_string(text, "sym ");
    print_name(text, symbol->name);
    text_format(text, " %" PRId64 "..", symbol->lo);
    if (symbol->hi != DIM_OPEN) text_format(text, "%" PRId64, symbol->hi);
    text_string(text, symbol->kind == SYMBOL_RUN ? " run\n" : "\n");
  }
}

void module_print(const Module *module, const OpNames *names, Text *text) {
  Arena  *scratch = arena_open(module->context);
  Printer printer = {.module = module, .names = names, .text = text, .scratch = scratch};
  names_open(&printer.scope, scratch);
  printer.position = arena_array(scratch, uint32_t, module->values.count);
  printer.number = arena_array(scratch, uint32_t, module->values.count);
  printer.next_constant = arena_array(scratch, ValueId, module->values.count);
  printer.constants = arena_array(scratch, ValueId, module->graphs.count);
  list_constants(&printer);
  for (GraphId id = 1; id < module->graphs.count; id++)
    if (!graph_at(module, id)->owner) number_graph(&printer, id, 0);
  print_header(module, text);
  for (GraphId id = 1; id < module->graphs.count; id++) {
    if (graph_at(module, id)->owner) continue;
    print_graph(&printer, id, 0);
    text_char(text, '\n');
  }
  arena_close(scratch);
}

/* ---- one node, for messages ------------------------------------------------------------------------------------------------ */

#define PLACE_NAME_LIMIT 80u   /* bytes of a name that a message shows */
#define PLACE_VALUE_LIMIT 12u  /* operands and results that a message draws */

static void draw_text(Text *text, const char *string) {
  size_t length = strlen(string);
  text_quoted(text, string, length < PLACE_NAME_LIMIT ? length : PLACE_NAME_LIMIT);
  if (length > PLACE_NAME_LIMIT) text_string(text, "...");
}

static void draw_values(const Module *module, Text *text, uint32_t count, const ValueId *values) {
  for (uint32_t i = 0; i < count; i++) {
    if (i) text_string(text, ", ");
    if (i == PLACE_VALUE_LIMIT) { text_format(text, "... %u more", (unsigned)(count - i)); return; }
    if (!values[i]) { text_char(text, '_'); continue; }
    const char *name = values[i] < module->values.count ? value_at(module, values[i])->name : NULL; /* NULL: the verifier found a broken one */
    text_char(text, '%');
    if (!name || !*name) text_format(text, "$%u", (unsigned)values[i]);
    else if (is_reference(name) && strlen(name) <= PLACE_NAME_LIMIT) text_string(text, name);
    else draw_text(text, name);
    if (!name) continue;
    text_string(text, ": ");
    value_print_type(module, values[i], text);
  }
}

Place node_place(const Module *module, NodeId id, const OpNames *names) {
  const Node *node = node_at(module, id);
  Text        path, detail;
  text_open(&path, module->context->text);
  text_string(&path, *node->origin.path ? node->origin.path : "graph");
  if (node->origin.index >= 0) text_format(&path, ".node[%d]", (int)node->origin.index);
  if (*node->origin.name) text_char(&path, ' '), draw_text(&path, node->origin.name);
  text_string(&path, " (");
  print_operator(&path, names, node);
  text_char(&path, ')');
  text_open(&detail, module->context->text);
  draw_values(module, &detail, node->output_count, node->outputs);
  text_string(&detail, node->output_count ? " = " : "() = ");
  print_operator(&detail, names, node);
  text_char(&detail, '(');
  draw_values(module, &detail, node->input_count, node->inputs);
  text_char(&detail, ')');
  return (Place){text_finish(&path), text_finish(&detail)};
}
