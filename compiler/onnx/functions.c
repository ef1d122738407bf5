/* Model-local functions are expanded where they are called; afterwards nobody knows of them. A body's values get names of their own in the
 * caller's graph, its parameters are the caller's values, its attribute references become the call's attributes or the defaults. A body has its
 * own operator-set versions. Recursion is refused with the chain of calls; how much expansion may make is charged to the budget. */
#include "compiler/onnx/reader.h"
#include <string.h>

#define CALL_COST 1024u /* heap bytes charged for a call */

static const char *text_or_empty(const char *text) { return text ? text : ""; }

static const char *function_key(const Reader *reader, const char *domain, const char *name, const char *overload) {
  return arena_format(reader->scratch, "%s\1%s\1%s", domain_or_standard(domain), text_or_empty(name), text_or_empty(overload));
}

Opsets opsets_read(Reader *reader, size_t count, Onnx__OperatorSetIdProto *const *imports, const Step *step) {
  Opsets opsets = {arena_array(reader->scratch, Opset, count), 0};
  for (size_t i = 0; i < count; i++) {
    Opset opset = {domain_or_standard(imports[i]->domain), imports[i]->version};
    if (opset.version < 1)
      model_error(reader->context, CODE_OPSET, step_place(reader, step), NULL, "operator set %s has version %lld",
                  *opset.domain ? quoted(reader, opset.domain) : "ai.onnx", (long long)opset.version);
    else if (!*opset.domain && opset.version > ONNX_OPSET_NEWEST)
      model_error(reader->context, CODE_OPSET, step_place(reader, step), "export the model for an older opset, or use a newer onnxcc",
                  "the model is written for opset %lld of ai.onnx; the newest one known is %d", (long long)opset.version, ONNX_OPSET_NEWEST);
    opsets.data[opsets.count++] = opset;
  }
  return opsets;
}

void functions_prepare(Reader *reader) {
  size_t count = reader->model->n_functions;
  names_open(&reader->functions, reader->scratch);
  reader->function_opsets = arena_array(reader->scratch, Opsets, count);
  for (size_t i = 0; i < count; i++) {
    const Onnx__FunctionProto *function = reader->model->functions[i];
    const Step model = {.field = "model", .index = -1}, step = {&model, "functions", (int64_t)i, function->name, NULL};
    reader->function_opsets[i] = opsets_read(reader, function->n_opset_import, function->opset_import, &step);
    const char *key = function_key(reader, function->domain, function->name, function->overload);
    if (!names_add(&reader->functions, 0, key, (uint32_t)i + 1))
      model_error(reader->context, CODE_DUPLICATE_NAME, step_place(reader, &step), NULL,
                  "a function of this domain, name and overload exists already");
  }
}

uint32_t function_find(const Reader *reader, const Onnx__NodeProto *node) {
  if (!reader->model->n_functions) return 0;
  return names_find(&reader->functions, 0, function_key(reader, node->domain, node->op_type, node->overload));
}

/* True, and reported with the chain, if the function is being expanded already. */
static bool is_recursive(Reader *reader, const Onnx__FunctionProto *function, const Scope *scope, const Step *step) {
  const Call *call = scope->call;
  while (call && call->function != function) call = call->caller;
  if (!call) return false;
  Text chain;
  text_open(&chain, reader->scratch);
  text_string(&chain, quoted(reader, text_or_empty(function->name)));
  for (call = scope->call;; call = call->caller) {
    text_string(&chain, " in ");
    text_string(&chain, quoted(reader, text_or_empty(call->function->name)));
    if (call->function == function) break;
  }
  model_error(reader->context, CODE_FUNCTION_RECURSION, step_place(reader, step), "ONNX functions may not call themselves",
              "a function calls itself: %s",
              text_finish(&chain));
  return true;
}

/* ---- one call ------------------------------------------------------------------------------------------------------------- */

static Binding bind_attribute(const char *name, const Onnx__AttributeProto *fallback, const Onnx__NodeProto *node, const Scope *scope) {
  for (size_t i = 0; i < node->n_attribute; i++) {
    Binding binding = {.name = name};
    if (strcmp(text_or_empty(node->attribute[i]->name), name)) continue;
    binding.attribute = attribute_resolve(node->attribute[i], scope, &binding.scope);
    if (binding.attribute) return binding;
  }
  return (Binding){.name = name, .attribute = fallback};
}

static void bind_attributes(Reader *reader, Call *call, const Onnx__NodeProto *node, const Scope *scope, const Step *step) {
  const Onnx__FunctionProto *function = call->function;
  call->bindings = arena_array(reader->scratch, Binding, function->n_attribute + function->n_attribute_proto);
  for (size_t i = 0; i < function->n_attribute; i++)
    call->bindings[call->binding_count++] = bind_attribute(function->attribute[i], NULL, node, scope);
  for (size_t i = 0; i < function->n_attribute_proto; i++)
    call->bindings[call->binding_count++] =
        bind_attribute(text_or_empty(function->attribute_proto[i]->name), function->attribute_proto[i], node, scope);
  for (size_t i = 0; i < node->n_attribute; i++) {
    const char *name = text_or_empty(node->attribute[i]->name);
    uint32_t    at = 0;
    while (at < call->binding_count && strcmp(call->bindings[at].name, name)) at++;
    if (at == call->binding_count)
      model_error(reader->context, CODE_ATTRIBUTE_NAME, step_place(reader, step), NULL, "the function has no attribute %s", quoted(reader, name));
  }
}

static bool check_arity(Reader *reader, const Onnx__FunctionProto *function, const Onnx__NodeProto *node, const Step *step) {
  if (node->n_input <= function->n_input && node->n_output <= function->n_output) return true;
  model_error(reader->context, CODE_OPERAND_COUNT, step_place(reader, step), NULL,
              "the function has %zu operands and %zu results, the call %zu and %zu",
              function->n_input, function->n_output, node->n_input, node->n_output);
  return false;
}

static void bind_inputs(Reader *reader, const Onnx__FunctionProto *function, const Onnx__NodeProto *node, const Scope *scope, const Scope *body,
                        const Step *step) {
  for (size_t i = 0; i < function->n_input; i++) {
    const char *name = i < node->n_input ? node->input[i] : "";
    ValueId     value = *name ? scope_find(reader, scope, name) : VALUE_OMITTED;
    if (!value)
      model_error(reader->context, CODE_UNDEFINED_NAME, step_place(reader, step), "it is no input, no initialiser and no node's result",
                  "the operand %s is not defined", quoted(reader, name));
    scope_bind(reader, body, function->input[i], value ? value : VALUE_OMITTED, step);
  }
}

/* Results that the body does not compute itself (a parameter passed through, one value twice) are copied. */
static void finish_outputs(Reader *reader, const Onnx__FunctionProto *function, const Onnx__NodeProto *node, const Scope *scope, const Scope *body,
                           const Step *step) {
  for (size_t i = 0; i < node->n_output; i++) {
    if (!*node->output[i]) continue;
    ValueId wanted = scope_find(reader, scope, node->output[i]), given = scope_find(reader, body, function->output[i]);
    if (!given || given == VALUE_OMITTED)
      model_error(reader->context, CODE_UNDEFINED_NAME, step_place(reader, step), NULL, "the function does not compute its result %s",
                  quoted(reader, function->output[i]));
    else if (given != wanted)
      make_identity(reader, body, given, wanted);
  }
}

void function_expand(Reader *reader, uint32_t index, const Onnx__NodeProto *node, const Scope *scope, const Step *step) {
  const Onnx__FunctionProto *function = reader->model->functions[index - 1];
  if (is_recursive(reader, function, scope, step) || !check_arity(reader, function, node, step)) return;
  Call *call = arena_new(reader->scratch, Call);
  *call = (Call){.function = function, .caller = scope->call};
  bind_attributes(reader, call, node, scope, step);
  const char *stem = node->name && *node->name ? node->name : node->n_output && *node->output[0] ? node->output[0] : function->name;
  Scope       inner = {.graph = scope->graph, .opsets = &reader->function_opsets[index - 1], .call = call, .depth = scope->depth + 1};
  const Step at = {step, "function", -1, text_or_empty(function->name), NULL};
  inner.path = step_path(reader, &at);
  inner.prefix = arena_format(reader->scratch, "%s%s/", scope->prefix, text_or_empty(stem));
  reader_charge(reader, CALL_COST + 2 * (strlen(inner.path) + strlen(inner.prefix)), step);
  const Scope *body = scope_open(reader, inner);
  bind_inputs(reader, function, node, scope, body, step);
  for (size_t i = 0; i < node->n_output; i++)
    if (*node->output[i]) scope_expect(reader, body, function->output[i], scope_find(reader, scope, node->output[i]));
  convert_nodes(reader, function->n_node, function->node, body);
  finish_outputs(reader, function, node, scope, body, step);
}
