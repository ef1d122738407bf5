/* Graphs and nodes of the file to graphs and nodes of the module. Names are resolved here once; after this file nothing is found by name.
 *
 * A graph is converted in two steps: first all its names are declared (constants, inputs, results of its nodes), then its nodes are made, so
 * that a file whose nodes are not sorted is read like any other. Subgraphs are converted when the attribute that holds them is; the nesting
 * is bounded by the preflight, that of functions by DEPTH_LIMIT. */
#include "compiler/ops/ops.h"
#include "compiler/onnx/reader.h"
#include <string.h>

#define DEPTH_LIMIT 64u          /* graphs and function calls inside one another */
#define EXPANSION_COST 512u      /* heap bytes charged for each node and value that the expansion of a function makes */
#define EXPECTED    0x80000000u  /* added to a scope's id: names whose value exists already but is still to be defined */

/* ---- names ---------------------------------------------------------------------------------------------------------------- */

Scope *scope_open(Reader *reader, Scope content) {
  if (content.depth > DEPTH_LIMIT)
    limit_error(reader->context, CODE_NESTING_LIMIT, (Place){.path = content.path}, NULL, "graphs and functions are nested more than %u deep",
                DEPTH_LIMIT);
  Scope *scope = arena_new(reader->scratch, Scope);
  *scope = content;
  scope->id = ++reader->scopes;
  scope->step = (Step){.field = content.path, .index = -1};
  return scope;
}

static ValueId find(const Reader *reader, const Scope *scope, const char *name) {
  for (; scope; scope = scope->parent) {
    ValueId value = names_find(&reader->names, scope->id, name);
    if (value) return value;
  }
  return VALUE_NONE;
}

/* Binds a name that is new in this scope and in those around it. */
static bool bind(Reader *reader, const Scope *scope, const char *name, ValueId value, const Step *step) {
  bool outer = scope->parent && find(reader, scope->parent, name);
  if (!outer && names_add(&reader->names, scope->id, name, value)) return true;
  model_error(reader->context, CODE_DUPLICATE_NAME, step_place(reader, step), "each value of a model has one definition; rename one of them",
              outer ? "%s is defined in an enclosing graph already" : "%s is defined twice", quoted(reader, name));
  return false;
}

/* A value under its own name; in a function body under a name that is unique in the graph it goes to. */
static ValueId make_value(Reader *reader, const Scope *scope, const char *name, const Step *step) {
  if (scope->call) reader_charge(reader, EXPANSION_COST + 4 * strlen(scope->prefix), step);
  const char *own = *scope->prefix ? module_fresh_name(reader->module, arena_format(reader->scratch, "%s%s", scope->prefix, name))
                                   : arena_string(reader->arena, name, strlen(name));
  return module_value(reader->module, scope->graph, own, ELEMENT_NONE);
}

ValueId scope_find(const Reader *reader, const Scope *scope, const char *name) { return find(reader, scope, name); }

void scope_bind(Reader *reader, const Scope *scope, const char *name, ValueId value, const Step *step) {
  (void)bind(reader, scope, name, value, step);
}

void scope_expect(Reader *reader, const Scope *scope, const char *name, ValueId value) {
  names_add(&reader->names, scope->id | EXPECTED, name, value);
}

/* The operand of that name; "" is an omitted one. */
static ValueId resolve(Reader *reader, const Scope *scope, const char *name, const Step *step) {
  if (!*name) return VALUE_NONE;
  ValueId value = find(reader, scope, name);
  if (!value)
    model_error(reader->context, CODE_UNDEFINED_NAME, step_place(reader, step), "it is no input, no initialiser and no node's result",
                "the operand %s is not defined", quoted(reader, name));
  return value == VALUE_OMITTED ? VALUE_NONE : value;
}

/* ---- nodes ---------------------------------------------------------------------------------------------------------------- */

static void declare_nodes(Reader *reader, size_t count, Onnx__NodeProto *const *nodes, const Scope *scope) {
  for (size_t i = 0; i < count; i++)
    for (size_t k = 0; k < nodes[i]->n_output; k++) {
      const char *name = nodes[i]->output[k];
      if (!*name) continue;
      const Step step = {&scope->step, "node", (int64_t)i, nodes[i]->name, nodes[i]->op_type};
      ValueId    value = names_find(&reader->names, scope->id | EXPECTED, name);
      if (!value) value = make_value(reader, scope, name, &step);
      bind(reader, scope, name, value, &step);
    }
}

const char *domain_or_standard(const char *domain) { return domain && strcmp(domain, "ai.onnx") ? domain : ""; }

static bool is_constant_node(const Onnx__NodeProto *node) {
  return node->op_type && !strcmp(node->op_type, "Constant") && !*domain_or_standard(node->domain);
}

/* Version of the domain's operators in this scope; -1 if it is not imported. */
static int64_t version_of(const Reader *reader, const Scope *scope, const char *domain) {
  const Opsets *lists[] = {scope->opsets, &reader->opsets};
  for (size_t list = 0; list < 2; list++)
    for (uint32_t i = 0; i < lists[list]->count; i++)
      if (!strcmp(lists[list]->data[i].domain, domain)) return lists[list]->data[i].version;
  return -1;
}

/* Gives a declared value the contents of a constant. */
static void fill_constant(Reader *reader, ValueId id, const TensorData *tensor) {
  Dim dims[MAX_RANK];
  for (uint32_t axis = 0; axis < tensor->rank; axis++) dims[axis] = dim_constant(&reader->module->dims, tensor->dims[axis]);
  value_set_dims(reader->module, id, tensor->rank, dims);
  Value *value = value_at(reader->module, id);
  value->element = tensor->element;
  value->content = tensor->content;
  value->data = tensor->data;
  value->splat = tensor->splat;
  value->strings = tensor->strings;
  value->source = tensor->source;
}

static void convert_constant(Reader *reader, const Onnx__NodeProto *node, const Scope *scope, const Step *step) {
  TensorData tensor;
  if (node->n_output != 1 || node->n_input || !*node->output[0]) {
    model_error(reader->context, CODE_OPERAND_COUNT, step_place(reader, step), NULL, "Constant has no operands and one result");
    return;
  }
  if (constant_read(reader, node, scope, step, &tensor)) fill_constant(reader, find(reader, scope, node->output[0]), &tensor);
}

static void convert_operator(Reader *reader, const Onnx__NodeProto *proto, const Scope *scope, size_t index, const Step *step) {
  Module   *module = reader->module;
  uint32_t  inputs = (uint32_t)proto->n_input, outputs = (uint32_t)proto->n_output;
  ValueId  *operands = arena_array(reader->scratch, ValueId, inputs), *results = arena_array(reader->scratch, ValueId, outputs);
  for (uint32_t i = 0; i < inputs; i++) operands[i] = resolve(reader, scope, proto->input[i], step);
  for (uint32_t i = 0; i < outputs; i++) results[i] = *proto->output[i] ? find(reader, scope, proto->output[i]) : VALUE_NONE;
  while (inputs && !operands[inputs - 1]) inputs--;
  const char *domain = domain_or_standard(proto->domain), *type = proto->op_type ? proto->op_type : "", *name = proto->name ? proto->name : "";
  if (scope->call) reader_charge(reader, EXPANSION_COST, step);
  NodeId id = module_node(module, scope->graph, op_find(domain, type), inputs, operands, outputs, results);
  Node  *node = node_at(module, id);
  node->domain = arena_string(reader->arena, domain, strlen(domain));
  node->op_type = arena_string(reader->arena, type, strlen(type));
  node->origin = (Origin){(int32_t)index, arena_format(reader->arena, "%s%s", scope->prefix, name), scope->path};
  vector_reserve(reader->scratch, (void **)&reader->versions.data, &reader->versions.capacity, id + 1, sizeof *reader->versions.data);
  reader->versions.data[id] = version_of(reader, scope, domain);
  reader->versions.count = id + 1;
  convert_attributes(reader, id, proto, scope, step);
  graph_append(module, scope->graph, id);
}

void convert_nodes(Reader *reader, size_t count, Onnx__NodeProto *const *nodes, const Scope *scope) {
  declare_nodes(reader, count, nodes, scope);
  for (size_t i = 0; i < count; i++) {
    const Step step = {&scope->step, "node", (int64_t)i, nodes[i]->name, nodes[i]->op_type};
    uint32_t   function = function_find(reader, nodes[i]);
    if (function) function_expand(reader, function, nodes[i], scope, &step);
    else if (is_constant_node(nodes[i])) convert_constant(reader, nodes[i], scope, &step);
    else convert_operator(reader, nodes[i], scope, i, &step);
  }
}

/* ---- graphs --------------------------------------------------------------------------------------------------------------- */

static void convert_initializer(Reader *reader, const char *name, bool good, const TensorData *tensor, const Scope *scope, const Step *step) {
  if (!name || !*name) {
    model_error(reader->context, CODE_UNDEFINED_NAME, step_place(reader, step), NULL, "an initialiser has no name");
    return;
  }
  ValueId value = make_value(reader, scope, name, step);
  if (good) fill_constant(reader, value, tensor);
  bind(reader, scope, name, value, step);
}

static void convert_initializers(Reader *reader, const Onnx__GraphProto *graph, const Scope *scope) {
  TensorData tensor;
  for (size_t i = 0; i < graph->n_initializer; i++) {
    const char *name = graph->initializer[i]->name;
    const Step  step = {&scope->step, "initializer", (int64_t)i, name, NULL};
    bool        good = tensor_read(reader, graph->initializer[i], &step, &tensor);
    convert_initializer(reader, name, good, &tensor, scope, &step);
  }
  for (size_t i = 0; i < graph->n_sparse_initializer; i++) {
    const Onnx__SparseTensorProto *sparse = graph->sparse_initializer[i];
    const char *name = sparse->values ? sparse->values->name : NULL;
    const Step  step = {&scope->step, "sparse_initializer", (int64_t)i, name, NULL};
    bool        good = sparse_read(reader, sparse, &step, &tensor);
    convert_initializer(reader, name, good, &tensor, scope, &step);
  }
}

static void convert_inputs(Reader *reader, const Onnx__GraphProto *graph, const Scope *scope) {
  Module  *module = reader->module;
  bool     is_main = !scope->parent;
  uint32_t fixed = 0;
  for (size_t i = 0; i < graph->n_input; i++) {
    const char *name = graph->input[i]->name;
    const Step  step = {&scope->step, "input", (int64_t)i, name, NULL};
    if (!name || !*name) {
      model_error(reader->context, CODE_UNDEFINED_NAME, step_place(reader, &step), NULL, "a graph input has no name");
      continue;
    }
    ValueId value = names_find(&reader->names, scope->id, name);
    if (value && value_is_constant(value_at(module, value)) && is_main) {
      fixed++;
      continue;
    }
    value = make_value(reader, scope, name, &step);
    if (!bind(reader, scope, name, value, &step)) continue;
    vector_push(module->arena, &graph_at(module, scope->graph)->inputs, value);
    type_apply(reader, value, graph->input[i]->type, is_main, &step);
  }
  if (fixed && reader->model->ir_version > 3)
    model_remark(reader->context, CODE_INPUT_FIXED, (Place){.path = scope->path}, NULL,
                 "%u inputs have a default value (initialiser); they are compiled in as constants", fixed);
}

void make_identity(Reader *reader, const Scope *scope, ValueId from, ValueId to) {
  NodeId id = module_node(reader->module, scope->graph, op_find("", "Identity"), 1, &from, 1, &to);
  Node  *node = node_at(reader->module, id);
  node->op_type = "Identity";
  node->origin.path = scope->path;
  graph_append(reader->module, scope->graph, id);
}

/* A value of an enclosing graph is copied, so that every output of a subgraph is a value of it. */
static ValueId copy_outer(Reader *reader, const Scope *scope, ValueId value) {
  Module *module = reader->module;
  if (value_at(module, value)->graph == scope->graph) return value;
  ValueId copy = module_value(module, scope->graph, module_fresh_name(module, value_at(module, value)->name), value_at(module, value)->element);
  make_identity(reader, scope, value, copy);
  return copy;
}

static void convert_outputs(Reader *reader, const Onnx__GraphProto *graph, const Scope *scope) {
  Module *module = reader->module;
  for (size_t i = 0; i < graph->n_output; i++) {
    const char *name = graph->output[i]->name ? graph->output[i]->name : "";
    const Step  step = {&scope->step, "output", (int64_t)i, name, NULL};
    ValueId     value = find(reader, scope, name);
    if (!value || value == VALUE_OMITTED) {
      model_error(reader->context, CODE_UNDEFINED_NAME, step_place(reader, &step), NULL, "the output %s is not defined", quoted(reader, name));
      continue;
    }
    if (!scope->parent && !names_add(&reader->names, scope->id | EXPECTED, name, value))
      model_error(reader->context, CODE_DUPLICATE_NAME, step_place(reader, &step), NULL, "two outputs are called %s", quoted(reader, name));
    type_apply(reader, value, graph->output[i]->type, false, &step);
    value = copy_outer(reader, scope, value);
    vector_push(module->arena, &graph_at(module, scope->graph)->outputs, value);
  }
}

static void declare_types(Reader *reader, size_t count, Onnx__ValueInfoProto *const *infos, const Scope *scope) {
  for (size_t i = 0; i < count; i++) {
    ValueId value = infos[i]->name ? names_find(&reader->names, scope->id, infos[i]->name) : VALUE_NONE;
    const Step step = {&scope->step, "value_info", (int64_t)i, infos[i]->name, NULL};
    if (value && value_at(reader->module, value)->graph == scope->graph && !value_at(reader->module, value)->ranked)
      type_apply(reader, value, infos[i]->type, false, &step);
  }
}

void convert_graph(Reader *reader, const Onnx__GraphProto *graph, const Scope *scope) {
  convert_initializers(reader, graph, scope);
  convert_inputs(reader, graph, scope);
  convert_nodes(reader, graph->n_node, graph->node, scope);
  declare_types(reader, graph->n_value_info, graph->value_info, scope);
  convert_outputs(reader, graph, scope);
}
