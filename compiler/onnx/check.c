/* What is known of operators against what the nodes say, after the upgrade: every node is of a known operator with operands, results and
 * attributes that fit its row of ops.def. Types and shapes are the shape pass's business. All findings are reported, unsupported operators once
 * each with the places that use them. */
#include "compiler/onnx/upgrade.h"
#include <string.h>

#define PLACES_LISTED 8u /* nodes named in the message about an unsupported operator */

/* One operator that is not supported. */
typedef struct Missing {
  NodeId   first;
  uint32_t count;
  Text     places; /* of the others, up to PLACES_LISTED */
} Missing;

typedef struct Check {
  Reader   *reader;
  Module   *module;
  Context  *context;
  NameTable missing_index; /* "domain\1op_type\1version" -> position in missing + 1 */
  VECTOR(Missing) missing;
} Check;

static Place place_of(const Check *check, NodeId node) { return node_place(check->module, node, &op_names); }

/* ---- operators that are not there -------------------------------------------------------------------------------------------- */

static int64_t version_of(const Check *check, NodeId node) { return node < check->reader->versions.count ? check->reader->versions.data[node] : 0; }

static void note_missing(Check *check, NodeId id) {
  const Node *node = node_at(check->module, id);
  const char *key = arena_format(check->reader->scratch, "%s\1%s\1%lld", node->domain, node->op_type, (long long)version_of(check, id));
  uint32_t   *slot = names_at(&check->missing_index, 0, key);
  if (!*slot) {
    Missing missing = {.first = id, .count = 1};
    text_open(&missing.places, check->reader->scratch);
    vector_push(check->reader->scratch, &check->missing, missing);
    *slot = check->missing.count;
    return;
  }
  Missing *missing = &check->missing.data[*slot - 1];
  if (missing->count++ >= PLACES_LISTED) return;
  text_string(&missing->places, missing->places.length ? ", " : "");
  text_string(&missing->places, place_of(check, id).path);
}

static void report_missing(Check *check, const Missing *missing) {
  Node        node = *node_at(check->module, missing->first);
  bool        standard = !*node.domain;
  const char *domain = standard ? "ai.onnx" : quoted(check->reader, node.domain), *near = standard ? upgrade_suggest(node.op_type) : NULL;
  const char *type = quoted(check->reader, node.op_type), *hint = NULL;
  Place       place = place_of(check, missing->first);
  Text        others = missing->places;
  if (missing->count > PLACES_LISTED) text_format(&others, ", ...");
  if (others.length) place.detail = arena_format(check->reader->scratch, "also %s", text_finish(&others));
  if (standard && !upgrade_knows(node.op_type)) {
    if (near) hint = arena_format(check->reader->scratch, "did you mean %s?", near);
    model_error(check->context, CODE_OPERATOR_UNKNOWN, place, hint, "ai.onnx (opset %lld) has no operator %s (%u node%s)",
                (long long)version_of(check, missing->first), type, (unsigned)missing->count, missing->count == 1 ? "" : "s");
    return;
  }
  if (!standard) hint = "operators of other domains can be given as model-local functions of the model";
  model_error(check->context, CODE_OPERATOR_UNSUPPORTED, place, hint, "operator %s of %s (opset %lld) is not supported yet (%u node%s)", type, domain,
              (long long)version_of(check, missing->first), (unsigned)missing->count, missing->count == 1 ? "" : "s");
}

/* ---- operands and results ------------------------------------------------------------------------------------------------------ */

static const char *count_text(const Check *check, unsigned low, unsigned high) {
  Arena *scratch = check->reader->scratch;
  if (high == 255) return arena_format(scratch, "at least %u", low);
  return low == high ? arena_format(scratch, "%u", low) : arena_format(scratch, "%u to %u", low, high);
}

static void check_arity(Check *check, NodeId id, const OpInfo *info) {
  Node *node = node_at(check->module, id);
  while (node->output_count > info->max_outputs && info->max_outputs != 255 && !node->outputs[node->output_count - 1]) node->output_count--;
  bool too_many_inputs = info->max_inputs != 255 && node->input_count > info->max_inputs;
  bool too_many_outputs = info->max_outputs != 255 && node->output_count > info->max_outputs;
  if (node->input_count < info->min_inputs || too_many_inputs)
    model_error(check->context, CODE_OPERAND_COUNT, place_of(check, id), NULL, "%u operands are given, the operator has %s",
                (unsigned)node->input_count,
                count_text(check, info->min_inputs, info->max_inputs));
  if (node->output_count < info->min_outputs || too_many_outputs)
    model_error(check->context, CODE_OPERAND_COUNT, place_of(check, id), NULL, "%u results are named, the operator has %s",
                (unsigned)node->output_count,
                count_text(check, info->min_outputs, info->max_outputs));
  for (uint32_t i = 0; i < info->min_inputs && i < node->input_count; i++)
    if (!node->inputs[i])
      model_error(check->context, CODE_OPERAND_COUNT, place_of(check, id), NULL, "operand %u is omitted but required", (unsigned)i);
}

/* ---- attributes ------------------------------------------------------------------------------------------------------------------ */

static const char *kind_name(AttributeKind kind) {
  static const char *const names[] = {"?", "float", "int", "string", "tensor", "graph", "floats", "ints", "strings"};
  return (unsigned)kind < sizeof names / sizeof *names ? names[kind] : "?";
}

static bool is_choice(const char *choices, Bytes value) {
  for (const char *at = choices; *at; at += strspn(at, ", ")) {
    size_t length = strcspn(at, ", ");
    if (length == value.size && !memcmp(at, value.data, length)) return true;
    at += length;
  }
  return false;
}

/* An integer of an attribute against the schema's range. */
static bool check_range(Check *check, NodeId node, const AttributeSchema *schema, int64_t value) {
  if (!schema->has_range || (value >= schema->lo && value <= schema->hi)) return true;
  if (schema->hi == INT64_MAX)
    model_error(check->context, CODE_ATTRIBUTE_VALUE, place_of(check, node), NULL, "attribute %s is %lld; it must be at least %lld", schema->name,
                (long long)value, (long long)schema->lo);
  else
    model_error(check->context, CODE_ATTRIBUTE_VALUE, place_of(check, node), NULL, "attribute %s is %lld; it must be from %lld to %lld", schema->name,
                (long long)value, (long long)schema->lo, (long long)schema->hi);
  return false;
}

static void check_value(Check *check, NodeId node, const Attribute *attribute, const AttributeSchema *schema) {
  if (attribute->kind != schema->kind) {
    model_error(check->context, CODE_ATTRIBUTE_KIND, place_of(check, node), NULL, "attribute %s is of kind %s, the operator has %s", schema->name,
                kind_name(attribute->kind), kind_name(schema->kind));
    return;
  }
  if (attribute->kind == ATTRIBUTE_INT) check_range(check, node, schema, attribute->integer);
  for (uint32_t i = 0; attribute->kind == ATTRIBUTE_INTS && i < attribute->count; i++)
    if (!check_range(check, node, schema, attribute->ints[i])) break;
  if (attribute->kind == ATTRIBUTE_STRING && *schema->choices && !is_choice(schema->choices, attribute->string))
    model_error(check->context, CODE_ATTRIBUTE_VALUE, place_of(check, node), NULL, "attribute %s must be one of %s", schema->name, schema->choices);
}

static void report_unknown_attribute(Check *check, NodeId node, const char *name, uint32_t schemas) {
  Arena       *scratch = check->reader->scratch;
  const char **names = arena_array(scratch, const char *, schemas);
  for (uint32_t i = 0; i < schemas; i++) {
    AttributeSchema schema = op_attribute_at(node_at(check->module, node)->op, i);
    names[i] = arena_string(scratch, schema.name, strlen(schema.name));
  }
  const char *near = did_you_mean(name, names, schemas);
  model_error(check->context, CODE_ATTRIBUTE_NAME, place_of(check, node), near ? arena_format(scratch, "did you mean %s?", near) : NULL,
              "the operator has no attribute %s", quoted(check->reader, name));
}

static void check_attributes(Check *check, NodeId id) {
  const Node     *node = node_at(check->module, id);
  uint32_t        count = op_attribute_count(node->op), found = 0;
  AttributeSchema schema;
  for (uint32_t i = 0; i < node->attribute_count; i++) {
    if (op_attribute_find(node->op, node->attributes[i].name, &schema)) {
      found++;
      check_value(check, id, &node->attributes[i], &schema);
    } else {
      report_unknown_attribute(check, id, node->attributes[i].name, count);
    }
  }
  for (uint32_t i = 0; i < count && found < count; i++) {
    schema = op_attribute_at(node->op, i);
    if (schema.required && !node_attribute(node, schema.name))
      model_error(check->context, CODE_ATTRIBUTE_NAME, place_of(check, id), NULL, "the attribute %s is missing", schema.name);
  }
}

/* ---- subgraphs -------------------------------------------------------------------------------------------------------------------- */

/* Inputs and outputs of a subgraph; absent attributes were reported by check_attributes. */
static void check_subgraph(Check *check, NodeId id, const char *name, uint32_t inputs, uint32_t outputs) {
  const Attribute *attribute = node_attribute(node_at(check->module, id), name);
  if (!attribute || attribute->kind != ATTRIBUTE_GRAPH || !attribute->graph) return;
  const Graph *graph = graph_at(check->module, attribute->graph);
  if (graph->inputs.count != inputs || graph->outputs.count != outputs)
    model_error(check->context, CODE_OPERAND_COUNT, place_of(check, id), NULL,
                "the graph %s has %u inputs and %u outputs where %u and %u are needed", name,
                (unsigned)graph->inputs.count, (unsigned)graph->outputs.count, (unsigned)inputs, (unsigned)outputs);
}

static void check_control(Check *check, NodeId id) {
  Node node = *node_at(check->module, id);
  if (*node.domain) return;
  if (!strcmp(node.op_type, "If")) {
    check_subgraph(check, id, "then_branch", 0, node.output_count);
    check_subgraph(check, id, "else_branch", 0, node.output_count);
  } else if (!strcmp(node.op_type, "Loop")) {
    /* iteration, condition, carried values -> condition, carried values, scan outputs */
    check_subgraph(check, id, "body", node.input_count > 2 ? node.input_count : 2, node.output_count + 1);
  } else if (!strcmp(node.op_type, "Scan")) {
    check_subgraph(check, id, "body", node.input_count, node.output_count);
  }
}

/* ---- all nodes -------------------------------------------------------------------------------------------------------------------- */

static void check_node(Check *check, NodeId id) {
  const Node   *node = node_at(check->module, id);
  const OpInfo *info = op_info(node->op);
  if (version_of(check, id) < 0)
    model_error(check->context, CODE_OPSET, place_of(check, id), NULL, "the model uses an operator of domain %s but does not import it",
                *node->domain ? quoted(check->reader, node->domain) : "ai.onnx");
  else if (!info && !check->reader->options->keep_unsupported) note_missing(check, id);
  if (!info) return;
  check_arity(check, id, info);
  check_attributes(check, id);
  check_control(check, id);
}

void check_module(Reader *reader) {
  Check check = {.reader = reader, .module = reader->module, .context = reader->context};
  names_open(&check.missing_index, reader->scratch);
  for (NodeId id = 1; id < reader->module->nodes.count; id++)
    if (!node_at(reader->module, id)->dead) check_node(&check, id);
  for (uint32_t i = 0; i < check.missing.count; i++) report_missing(&check, &check.missing.data[i]);
}
