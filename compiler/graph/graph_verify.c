/* Checks the invariants of the graph IR. A violation is ours, not the user's: it leaves with bug(). Linear, but for the nesting of regions. */
#include "graph_text.h"
#include <string.h>

typedef struct Verifier {
  const Module  *module;
  const OpNames *names;
  GraphStage     stage;
  bool          *defined; /* by value: its definition has been passed */
  bool          *placed;  /* by node: it stands in an order list */
  bool          *visited; /* by graph */
} Verifier;

/* Leaves with the sentence and what it is about. */
NO_RETURN static void broken(const Verifier *verifier, const char *what, NodeId node, ValueId value) {
  const Module *module = verifier->module;
  Text          text;
  text_open(&text, module->context->text);
  text_string(&text, what);
  if (value) {
    text_format(&text, ": value %u ", (unsigned)value);
    const char *name = value < module->values.count ? value_at(module, value)->name : NULL;
    if (name) text_quoted(&text, name, strlen(name));
  }
  if (node) {
    Place place = node_place(module, node, verifier->names);
    text_string(&text, value ? " at " : ": ");
    text_string(&text, place.path);
  }
  bug(module->context, "graph: %s", text_finish(&text));
}

static void check(const Verifier *verifier, bool condition, const char *what, NodeId node, ValueId value) {
  if (!condition) broken(verifier, what, node, value);
}

/* ---- values ---------------------------------------------------------------------------------------------------------- */

static void verify_type(const Verifier *verifier, NodeId node, ValueId id) {
  const Value *value = value_at(verifier->module, id);
  check(verifier, value->rank <= MAX_RANK && value->declared_rank <= MAX_RANK, "rank above the limit", node, id);
  check(verifier, (unsigned)value->element < ELEMENT_COUNT, "element type out of range", node, id);
  check(verifier, value->known_count == 0 || value->known, "known elements without their list", node, id);
  if (verifier->stage == GRAPH_READ || value->type != TYPE_TENSOR) return;
  check(verifier, value->element != ELEMENT_NONE, "no element type after the shape pass", node, id);
  check(verifier, value->ranked, "no rank after the shape pass", node, id);
  for (uint32_t axis = 0; axis < value->rank; axis++)
    check(verifier, value->dims[axis] != DIM_UNKNOWN, "unknown dimension after the shape pass", node, id);
}

static void verify_constant(const Verifier *verifier, NodeId node, ValueId id) {
  const Value *value = value_at(verifier->module, id);
  int64_t      count = 0;
  size_t       bytes = 0;
  check(verifier, value->definition == 0, "a constant with a defining node", node, id);
  check(verifier, value->type == TYPE_TENSOR && value->element != ELEMENT_NONE, "a constant without a tensor type", node, id);
  check(verifier, value_static_elements(verifier->module, id, &count), "a constant without a constant shape", node, id);
  if (value->content == CONTENT_SPLAT) {
    unsigned bits = element_file_bits(value->element);
    check(verifier, bits && bits <= 64 && (bits == 64 || !(value->splat >> bits)), "a splat that does not fit its element type", node, id);
  } else if (value->element == ELEMENT_STRING) {
    check(verifier, !count || value->strings, "a string constant without strings", node, id);
  } else {
    bool fits = element_file_bytes(value->element, count, &bytes) && bytes == value->data.size;
    check(verifier, fits, "a constant whose data has another size than its shape", node, id);
    check(verifier, !bytes || value->data.data, "a constant without data", node, id);
  }
}

static void define(Verifier *verifier, GraphId graph, NodeId node, ValueId id) {
  const Module *module = verifier->module;
  check(verifier, id && id < module->values.count, "a definition of no value", node, id);
  check(verifier, !verifier->defined[id], "a value with two definitions", node, id);
  check(verifier, value_at(module, id)->graph == graph, "a value defined in another graph than it says", node, id);
  check(verifier, value_at(module, id)->name != NULL, "a value without a name", node, id);
  verifier->defined[id] = true;
  verify_type(verifier, node, id);
}

/* The value may be used in the graph: it stands before, here or in an enclosing graph. */
static void use(const Verifier *verifier, GraphId graph, NodeId node, ValueId id) {
  const Module *module = verifier->module;
  check(verifier, id < module->values.count, "an operand out of range", node, id);
  check(verifier, verifier->defined[id], "a value used before its definition, or without one", node, id);
  GraphId home = value_at(module, id)->graph;
  while (graph != home && graph) graph = graph_at(module, graph)->parent;
  check(verifier, graph != 0, "a value used outside the graph that defines it", node, id);
}

/* ---- nodes and graphs --------------------------------------------------------------------------------------------------- */

static void verify_graph(Verifier *verifier, GraphId id, uint32_t depth);

static void verify_attributes(Verifier *verifier, NodeId id, uint32_t depth) {
  const Module *module = verifier->module;
  const Node   *node = node_at(module, id);
  for (uint32_t i = 0; i < node->attribute_count; i++) {
    const Attribute *attribute = &node->attributes[i];
    check(verifier, !i || strcmp(attribute[-1].name, attribute->name) < 0, "attributes out of order or given twice", id, 0);
    check(verifier, attribute->kind >= ATTRIBUTE_FLOAT && attribute->kind <= ATTRIBUTE_STRINGS, "an attribute of no kind", id, 0);
    if (attribute->kind == ATTRIBUTE_TENSOR) {
      check(verifier, attribute->tensor && attribute->tensor < module->values.count, "a tensor attribute without a value", id, attribute->tensor);
      check(verifier, value_at(module, attribute->tensor)->graph == 0, "a tensor attribute that stands in a graph", id, attribute->tensor);
      check(verifier, value_is_constant(value_at(module, attribute->tensor)), "a tensor attribute that is no constant", id, attribute->tensor);
      verify_constant(verifier, id, attribute->tensor);
    } else if (attribute->kind == ATTRIBUTE_GRAPH) {
      check(verifier, attribute->graph && attribute->graph < module->graphs.count, "a graph attribute without a graph", id, 0);
      check(verifier, graph_at(module, attribute->graph)->owner == id, "a graph with another owner than the node that holds it", id, 0);
      check(verifier, graph_at(module, attribute->graph)->parent == node->graph, "a graph with another parent than its owner's graph", id, 0);
      verify_graph(verifier, attribute->graph, depth + 1);
    }
  }
}

static bool is_group(const Verifier *verifier, const Node *node) {
  const char *domain = node->op && verifier->names ? verifier->names->domain(node->op) : node->domain;
  const char *type = node->op && verifier->names ? verifier->names->name(node->op) : node->op_type;
  return !strcmp(domain, "x") && (!strcmp(type, "Group") || !strcmp(type, "x.Group"));
}

static void verify_node(Verifier *verifier, GraphId graph, NodeId id, uint32_t depth) {
  const Module *module = verifier->module;
  check(verifier, id && id < module->nodes.count, "an order list with no node", 0, 0);
  const Node *node = node_at(module, id);
  check(verifier, !node->dead, "an erased node in an order list", id, 0);
  check(verifier, !verifier->placed[id], "a node that stands in two places", id, 0);
  check(verifier, node->graph == graph, "a node in another graph than it says", id, 0);
  check(verifier, node->origin.name && node->origin.path && node->domain && node->op_type, "a node without its texts", id, 0);
  check(verifier, verifier->stage == GRAPH_GROUPED || !is_group(verifier, node), "x.Group before grouping", id, 0);
  verifier->placed[id] = true;
  for (uint32_t i = 0; i < node->input_count; i++)
    if (node->inputs[i]) use(verifier, graph, id, node->inputs[i]);
  for (uint32_t i = 0; i < node->capture_count; i++) {
    check(verifier, node->captures[i] != VALUE_NONE, "an empty capture", id, 0);
    check(verifier, !i || node->captures[i - 1] < node->captures[i], "captures out of order", id, node->captures[i]);
    use(verifier, graph, id, node->captures[i]);
  }
  verify_attributes(verifier, id, depth);
  for (uint32_t i = 0; i < node->output_count; i++) {
    ValueId value = node->outputs[i];
    if (!value) continue;
    define(verifier, graph, id, value);
    bool is_its_own = value_at(module, value)->definition == id && value_at(module, value)->result == i;
    check(verifier, is_its_own, "a result with another definition than its node", id, value);
  }
}

static void verify_graph(Verifier *verifier, GraphId id, uint32_t depth) {
  const Module *module = verifier->module;
  const Graph  *graph = graph_at(module, id);
  check(verifier, depth <= GRAPH_DEPTH_LIMIT, "regions nested too deep", graph->owner, 0);
  check(verifier, !verifier->visited[id], "a graph that two nodes hold", graph->owner, 0);
  check(verifier, graph->name != NULL, "a graph without a name", graph->owner, 0);
  check(verifier, !graph->output_names.count || graph->output_names.count == graph->outputs.count, "output names without outputs", graph->owner, 0);
  verifier->visited[id] = true;
  for (uint32_t i = 0; i < graph->inputs.count; i++) {
    ValueId value = graph->inputs.data[i];
    define(verifier, id, graph->owner, value);
    check(verifier, !value_at(module, value)->definition, "a graph input that something defines", graph->owner, value);
  }
  for (uint32_t i = 0; i < graph->order.count; i++) verify_node(verifier, id, graph->order.data[i], depth);
  for (uint32_t i = 0; i < graph->outputs.count; i++) {
    check(verifier, graph->outputs.data[i] != VALUE_NONE, "an omitted graph output", graph->owner, 0);
    use(verifier, id, graph->owner, graph->outputs.data[i]);
  }
}

/* What a region uses from outside stands among its owner's operands or captures, and captures nothing else. */
static void verify_captures(const Verifier *verifier) {
  const Module *module = verifier->module;
  Arena        *scratch = arena_open(module->context);
  NodeId        count = module->nodes.count;
  uint32_t     *expected_count = arena_array(scratch, uint32_t, count);
  ValueId     **expected = arena_array(scratch, ValueId *, count);
  module_collect_captures(module, scratch, expected, expected_count);
  for (NodeId id = 1; id < count; id++) {
    const Node *node = node_at(module, id);
    if (node->dead) continue;
    check(verifier, node->capture_count == expected_count[id], "captures that are not what the regions use", id, 0);
    for (uint32_t i = 0; i < node->capture_count; i++)
      check(verifier, node->captures[i] == expected[id][i], "captures that are not what the regions use", id, node->captures[i]);
  }
  arena_close(scratch);
}

void module_verify(const Module *module, const OpNames *names, GraphStage stage) {
  Arena   *scratch = arena_open(module->context);
  Verifier verifier = {.module = module, .names = names, .stage = stage};
  verifier.defined = arena_array(scratch, bool, module->values.count);
  verifier.placed = arena_array(scratch, bool, module->nodes.count);
  verifier.visited = arena_array(scratch, bool, module->graphs.count);
  check(&verifier, module->graphs.count > 1, "no main graph", 0, 0);
  for (ValueId id = 1; id < module->values.count; id++) {
    const Value *value = value_at(module, id);
    if (!value->graph || !value_is_constant(value)) continue;
    check(&verifier, value->graph < module->graphs.count, "a constant in no graph", 0, id);
    verify_constant(&verifier, 0, id);
    define(&verifier, value->graph, 0, id);
  }
  for (GraphId id = 1; id < module->graphs.count; id++)
    if (!graph_at(module, id)->owner) verify_graph(&verifier, id, 0);
  verify_captures(&verifier);
  arena_close(scratch);
}
