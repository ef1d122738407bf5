/* Printing an inspection: a page for people, an object for programs. */
#include "codegen/report/inspect.h"
#include "codegen/report/json.h"
#include "compiler/ops/ops.h"
#include <string.h>

/* 1234567 as 1,234,567 */
static void print_number(Text *text, int64_t number) {
  char digits[32];
  int  count = 0;
  if (number < 0) text_char(text, '-');
  uint64_t rest = number < 0 ? (uint64_t)-number : (uint64_t)number;
  do digits[count++] = (char)('0' + rest % 10);
  while (rest /= 10);
  while (count--) {
    text_char(text, digits[count]);
    if (count && count % 3 == 0) text_char(text, ',');
  }
}

static const char *number(Arena *arena, int64_t value) {
  Text text;
  text_open(&text, arena);
  print_number(&text, value);
  return text_finish(&text);
}

static const char *name_text(Arena *arena, const char *name) {
  Text text;
  text_open(&text, arena);
  text_name(&text, name, strlen(name));
  return text_finish(&text);
}

static const char *type_text(const Module *module, Arena *arena, ValueId id) {
  Text text;
  text_open(&text, arena);
  value_print_type(module, id, &text);
  return text_finish(&text);
}

static const char *dim_text(const DimTable *dims, Arena *arena, Dim dim) {
  Text    text;
  int64_t value;
  text_open(&text, arena);
  if (dim_is_constant(dims, dim, &value)) print_number(&text, value);
  else dim_print(dims, dim, &text);
  return text_finish(&text);
}

/* ---- tables --------------------------------------------------------------------------------------------------------------- */

static void print_row(Text *text, const char *label, const char *value) { text_format(text, "%-12s%s\n", label, value); }

static void print_values(const Inspection *inspection, Text *text, const char *label, const ValueId *values, uint32_t count, bool are_outputs) {
  const Module *module = inspection->module;
  for (uint32_t at = 0; at < count; at++) {
    const char *name = are_outputs ? graph_output_name(module, 1, at) : value_at(module, values[at])->name;
    text_format(text, "%-12s%s  %s\n", at ? "" : label, name_text(text->arena, name), type_text(module, text->arena, values[at]));
  }
}

static void print_symbols(const Inspection *inspection, Text *text) {
  const DimTable *dims = &inspection->module->dims;
  bool            first = true;
  for (uint32_t at = 0; at < dims->symbols.count; at++) {
    const Symbol *symbol = &dims->symbols.data[at];
    if (symbol->lo == symbol->hi) continue;
    text_format(text, "%-12s%s = %lld..", first ? "free" : "", name_text(text->arena, symbol->name), (long long)symbol->lo);
    if (symbol->hi != DIM_OPEN) text_format(text, "%lld", (long long)symbol->hi);
    text_string(text, symbol->kind == SYMBOL_RUN ? "  found while running\n" : "\n");
    first = false;
  }
}

static void print_memory(const Inspection *inspection, Text *text) {
  const Program *program = inspection->program;
  if (program) {
    print_row(text, "workspace", dim_text(program->dims, text->arena, program->workspace_bytes));
    print_row(text, "  at least", dim_text(program->dims, text->arena, program->workspace_lower_bound));
    print_row(text, "weights", number(text->arena, program->weights_bytes));
  } else if (inspection->live_bytes >= 0) {
    print_row(text, "live values", number(text->arena, inspection->live_bytes));
  }
}

static void print_operators(const Inspection *inspection, Text *text) {
  text_format(text, "\n%8s  %-28s%16s%16s\n", "count", "operator", "MACs", "parameters");
  for (uint32_t at = 0; at < inspection->operators.count; at++) {
    const OperatorCount *row = &inspection->operators.data[at];
    const char          *name = row->name;
    if (*row->domain) name = arena_format(text->arena, "%s.%s", row->domain, row->name);
    text_format(text, "%8u  %-28s%16s%16s%s\n", row->count, name_text(text->arena, name), row->macs ? number(text->arena, row->macs) : "",
                row->parameters ? number(text->arena, row->parameters) : "", row->unsupported ? "  not supported" : "");
  }
}

static void print_nodes(const Inspection *inspection, Text *text) {
  const Module *module = inspection->module;
  text_format(text, "\n%6s  %-20s%16s%16s  %s\n", "node", "operator", "MACs", "parameters", "results");
  for (uint32_t at = 0; at < inspection->nodes.count; at++) {
    const NodeCost *cost = &inspection->nodes.data[at];
    const Node     *node = node_at(module, cost->node);
    text_format(text, "%6d  %-20s%16s%16s ", (int)node->origin.index, name_text(text->arena, node->op_type),
                cost->macs > 0 ? number(text->arena, cost->macs) : "", cost->parameters ? number(text->arena, cost->parameters) : "");
    for (uint32_t result = 0; result < node->output_count; result++)
      if (node->outputs[result])
        text_format(text, " %s: %s", name_text(text->arena, value_at(module, node->outputs[result])->name),
                    type_text(module, text->arena, node->outputs[result]));
    text_char(text, '\n');
  }
}

static void print_unsupported(const Inspection *inspection, bool all, Text *text) {
  enum { LISTED = 20 };
  uint32_t count = inspection->unsupported.count, listed = all || count <= LISTED ? count : LISTED;
  text_format(text, "\nnot supported, %u nodes:\n", count);
  for (uint32_t at = 0; at < listed; at++) {
    const UnsupportedNode *row = &inspection->unsupported.data[at];
    text_format(text, "  %s: %s\n", node_place(inspection->module, row->node, &op_names).path, row->reason);
  }
  if (listed < count) text_format(text, "  and %u more; -v lists them\n", count - listed);
}

void inspection_table(const Inspection *inspection, bool with_nodes, Text *text) {
  const Module *module = inspection->module;
  const Graph  *graph = graph_at(module, 1);
  text_format(text, "%-12sIR %lld, opset %lld, %s bytes%s%s\n", "model", (long long)module->ir_version, (long long)module->opset,
              number(text->arena, (int64_t)inspection->file_bytes), *module->producer ? ", by " : "",
              *module->producer ? name_text(text->arena, module->producer) : "");
  for (uint32_t at = 0; at < module->files_read.count; at++) print_row(text, at ? "" : "files", name_text(text->arena, module->files_read.data[at]));
  print_values(inspection, text, "inputs", graph->inputs.data, graph->inputs.count, false);
  print_values(inspection, text, "outputs", graph->outputs.data, graph->outputs.count, true);
  print_symbols(inspection, text);
  text_format(text, "%-12s%s in %s tensors, %s bytes\n", "parameters", number(text->arena, inspection->parameters),
              number(text->arena, inspection->constants), number(text->arena, inspection->parameter_bytes));
  if (inspection->macs || !inspection->has_symbols)
    text_format(text, "%-12s%s a run%s\n", "MACs", number(text->arena, inspection->macs),
                inspection->has_symbols ? ", without those that free dimensions decide" : "");
  else print_row(text, "MACs", "decided by free dimensions");
  print_memory(inspection, text);
  print_operators(inspection, text);
  if (with_nodes) print_nodes(inspection, text);
  if (inspection->unsupported.count) print_unsupported(inspection, with_nodes, text);
}

/* ---- JSON ----------------------------------------------------------------------------------------------------------------- */

static void json_dims(Json *json, const Module *module, ValueId id) {
  const Value *value = value_at(module, id);
  if (!value->ranked) {
    json_null(json, "dims");
    return;
  }
  json_list(json, "dims");
  for (uint32_t axis = 0; axis < value->rank; axis++) {
    int64_t extent;
    if (dim_is_constant(&module->dims, value->dims[axis], &extent)) json_integer(json, NULL, extent);
    else json_string(json, NULL, dim_text(&module->dims, json->text->arena, value->dims[axis]));
  }
  json_end_list(json);
}

static void json_value(Json *json, const Module *module, ValueId id, const char *name) {
  json_object(json, NULL);
  json_string(json, "name", name);
  json_string(json, "element", value_at(module, id)->element ? element_name(value_at(module, id)->element) : "?");
  json_dims(json, module, id);
  json_end_object(json);
}

static void json_values(Json *json, const Inspection *inspection) {
  const Module *module = inspection->module;
  const Graph  *graph = graph_at(module, 1);
  json_list(json, "inputs");
  for (uint32_t at = 0; at < graph->inputs.count; at++)
    json_value(json, module, graph->inputs.data[at], value_at(module, graph->inputs.data[at])->name);
  json_end_list(json);
  json_list(json, "outputs");
  for (uint32_t at = 0; at < graph->outputs.count; at++) json_value(json, module, graph->outputs.data[at], graph_output_name(module, 1, at));
  json_end_list(json);
  json_list(json, "symbols");
  for (uint32_t at = 0; at < module->dims.symbols.count; at++) {
    const Symbol *symbol = &module->dims.symbols.data[at];
    if (symbol->lo == symbol->hi) continue;
    json_object(json, NULL);
    json_string(json, "name", symbol->name);
    json_integer(json, "low", symbol->lo);
    if (symbol->hi == DIM_OPEN) json_null(json, "high");
    else json_integer(json, "high", symbol->hi);
    json_bool(json, "run_time", symbol->kind == SYMBOL_RUN);
    json_end_object(json);
  }
  json_end_list(json);
}

static void json_size(Json *json, const char *key, const Program *program, Dim dim) {
  int64_t bytes;
  if (dim_is_constant(program->dims, dim, &bytes)) json_integer(json, key, bytes);
  else json_string(json, key, dim_text(program->dims, json->text->arena, dim));
}

static void json_memory(Json *json, const Inspection *inspection) {
  json_object(json, "memory");
  if (inspection->live_bytes >= 0) json_integer(json, "live_bytes", inspection->live_bytes);
  else json_null(json, "live_bytes");
  if (inspection->program) {
    json_size(json, "workspace_bytes", inspection->program, inspection->program->workspace_bytes);
    json_size(json, "workspace_lower_bound", inspection->program, inspection->program->workspace_lower_bound);
    json_integer(json, "weights_bytes", inspection->program->weights_bytes);
  }
  json_end_object(json);
}

static void json_operators(Json *json, const Inspection *inspection) {
  json_list(json, "operators");
  for (uint32_t at = 0; at < inspection->operators.count; at++) {
    const OperatorCount *row = &inspection->operators.data[at];
    json_object(json, NULL);
    json_string(json, "domain", row->domain);
    json_string(json, "name", row->name);
    json_integer(json, "count", row->count);
    json_integer(json, "macs", row->macs);
    json_integer(json, "parameters", row->parameters);
    json_integer(json, "unsupported", row->unsupported);
    json_end_object(json);
  }
  json_end_list(json);
}

static void json_nodes(Json *json, const Inspection *inspection) {
  const Module *module = inspection->module;
  json_list(json, "nodes");
  for (uint32_t at = 0; at < inspection->nodes.count; at++) {
    const NodeCost *cost = &inspection->nodes.data[at];
    const Node     *node = node_at(module, cost->node);
    json_object(json, NULL);
    json_integer(json, "index", node->origin.index);
    json_string(json, "path", node->origin.path);
    json_string(json, "name", node->origin.name);
    json_string(json, "operator", node->op_type);
    json_integer(json, "macs", cost->macs);
    json_integer(json, "parameters", cost->parameters);
    json_list(json, "results");
    for (uint32_t result = 0; result < node->output_count; result++)
      if (node->outputs[result]) json_value(json, module, node->outputs[result], value_at(module, node->outputs[result])->name);
    json_end_list(json);
    json_end_object(json);
  }
  json_end_list(json);
  json_list(json, "unsupported");
  for (uint32_t at = 0; at < inspection->unsupported.count; at++) {
    const UnsupportedNode *row = &inspection->unsupported.data[at];
    json_object(json, NULL);
    json_string(json, "node", node_place(module, row->node, &op_names).path);
    json_string(json, "operator", node_at(module, row->node)->op_type);
    json_string(json, "reason", row->reason);
    json_end_object(json);
  }
  json_end_list(json);
}

void inspection_json(const Inspection *inspection, Text *text) {
  const Module *module = inspection->module;
  Json          json = json_open(text);
  json_object(&json, NULL);
  json_string(&json, "schema", "onnxcc-inspect-1");
  json_string(&json, "model", inspection->path);
  json_integer(&json, "ir_version", module->ir_version);
  json_integer(&json, "opset", module->opset);
  json_string(&json, "producer", module->producer);
  json_integer(&json, "file_bytes", (int64_t)inspection->file_bytes);
  json_list(&json, "files");
  for (uint32_t at = 0; at < module->files_read.count; at++) json_string(&json, NULL, module->files_read.data[at]);
  json_end_list(&json);
  json_values(&json, inspection);
  json_integer(&json, "parameters", inspection->parameters);
  json_integer(&json, "parameter_bytes", inspection->parameter_bytes);
  json_integer(&json, "macs", inspection->macs);
  json_bool(&json, "shapes_known", inspection->is_shaped);
  json_memory(&json, inspection);
  json_operators(&json, inspection);
  json_nodes(&json, inspection);
  json_end_object(&json);
}
