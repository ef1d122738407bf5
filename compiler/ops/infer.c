/* Type and shape rules: the interface each operator's rule is written against, the types column, and numpy broadcasting. */
#include "compiler/ops/ops.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const Node *infer_node(const Infer *infer) { return node_at(infer->module, infer->node); }
DimTable *infer_table(Infer *infer) { return &infer->module->dims; }
uint32_t infer_input_count(const Infer *infer) { return infer_node(infer)->input_count; }
uint32_t infer_output_count(const Infer *infer) { return infer_node(infer)->output_count; }

static ValueId input_id(const Infer *infer, uint32_t operand) {
  const Node *node = infer_node(infer);
  return operand < node->input_count ? node->inputs[operand] : VALUE_NONE;
}

static Value *input_value(const Infer *infer, uint32_t operand) { return value_at(infer->module, input_id(infer, operand)); }

bool infer_has(const Infer *infer, uint32_t operand) { return input_id(infer, operand) != VALUE_NONE; }
Element infer_element(const Infer *infer, uint32_t operand) {
  return infer_has(infer, operand) ? input_value(infer, operand)->element : ELEMENT_NONE;
}
uint32_t infer_rank(const Infer *infer, uint32_t operand) { return infer_has(infer, operand) ? input_value(infer, operand)->rank : 0; }
const Dim *infer_dims(const Infer *infer, uint32_t operand) { return input_value(infer, operand)->dims; }

Dim infer_dim(Infer *infer, uint32_t operand, uint32_t axis) {
  if (infer_has(infer, operand) && axis < infer_rank(infer, operand)) return input_value(infer, operand)->dims[axis];
  infer_error(infer, CODE_RANK, NULL, "operand %u has rank %u, but axis %u is needed", operand, infer_rank(infer, operand), axis);
  return dim_constant(infer_table(infer), 1);
}

int64_t infer_int(Infer *infer, const char *attribute) { return op_int(infer->module, infer_node(infer), attribute); }
const int64_t *infer_ints(Infer *infer, const char *attribute, uint32_t *count) {
  return op_ints(infer->module, infer_node(infer), attribute, count);
}

uint32_t infer_axis(Infer *infer, int64_t axis, uint32_t rank) {
  if (axis >= -(int64_t)rank && axis < (int64_t)rank) return (uint32_t)(axis < 0 ? axis + (int64_t)rank : axis);
  infer_error(infer, CODE_AXIS, NULL, "axis %lld is outside -%u..%d", (long long)axis, rank, (int)rank - 1);
  return 0;
}

const Dim *infer_known(Infer *infer, uint32_t operand, uint32_t *count) {
  *count = 0;
  if (!infer_has(infer, operand)) return NULL;
  ValueId id = input_id(infer, operand);
  if (!value_at(infer->module, id)->known && !value_know(infer->module, id)) return NULL;
  *count = value_at(infer->module, id)->known_count;
  return value_at(infer->module, id)->known;
}

bool infer_known_constants(Infer *infer, uint32_t operand, uint32_t *count, int64_t *values) {
  const Dim *known = infer_known(infer, operand, count);
  if (!known || *count > 64) return false;
  for (uint32_t index = 0; index < *count; index++)
    if (!dim_is_constant(infer_table(infer), known[index], &values[index])) return false;
  return true;
}

void infer_error(Infer *infer, DiagnosticCode code, const char *hint, const char *format, ...) {
  char message[600];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  infer->failed = true;
  model_error(infer->module->context, code, node_place(infer->module, infer->node, &op_names), hint, "%s: %s", infer_node(infer)->op_type, message);
}

/* ---- results ----------------------------------------------------------------------------------------------------------- */

static Value *result_value(const Infer *infer, uint32_t result) {
  const Node *node = infer_node(infer);
  return result < node->output_count && node->outputs[result] ? value_at(infer->module, node->outputs[result]) : NULL;
}

void infer_set_element(Infer *infer, uint32_t result, Element element) {
  Value *value = result_value(infer, result);
  if (!value) return;
  if (value->element != ELEMENT_NONE && value->element != element)
    infer_error(infer, CODE_TYPE, NULL, "result %u is %s, but the model declares %s", result, element_name(element), element_name(value->element));
  value->element = element;
}

/* The dim to use where one was inferred and another declared. */
static Dim reconcile(Infer *infer, uint32_t result, uint32_t axis, Dim inferred, Dim declared) {
  DimTable *table = infer_table(infer);
  int64_t wanted, found;
  if (declared == DIM_UNKNOWN || !dim_is_constant(table, declared, &wanted)) return inferred;
  if (dim_is_constant(table, inferred, &found) ? found != wanted : wanted < dim_lo(table, inferred) || wanted > dim_hi(table, inferred)) {
    Text text;
    text_open(&text, infer->module->arena);
    dim_print(table, inferred, &text);
    infer_error(infer, CODE_DECLARED_SHAPE, "the model declares a shape that its operands contradict; fix the exporter or drop the declaration",
                "axis %u of result %u is %s, but the model declares %lld", axis, result, text_finish(&text), (long long)wanted);
  }
  return inferred;
}

void infer_set(Infer *infer, uint32_t result, uint32_t rank, const Dim *dims) {
  Value *value = result_value(infer, result);
  if (!value) return;
  if (rank > MAX_RANK) { infer_error(infer, CODE_RANK, NULL, "result %u would have rank %u; the limit is %u", result, rank, MAX_RANK); return; }
  if (value->declared_ranked && value->declared_rank != rank) {
    infer_error(infer, CODE_DECLARED_SHAPE, NULL, "result %u has rank %u, but the model declares rank %u", result, rank, value->declared_rank);
    return;
  }
  value->ranked = true;
  value->rank = rank;
  for (uint32_t axis = 0; axis < rank; axis++) {
    Dim dim = reconcile(infer, result, axis, dims[axis], value->declared_ranked ? value->declared[axis] : DIM_UNKNOWN);
    value = result_value(infer, result);
    value->dims[axis] = dim;
    if (dim != DIM_UNKNOWN && dim_hi(infer_table(infer), dim) < 0)
      infer_error(infer, CODE_SHAPE, NULL, "axis %u of result %u would have a negative size", axis, result);
  }
}

void infer_set_known(Infer *infer, uint32_t result, const Dim *elements, uint32_t count) {
  Value *value = result_value(infer, result);
  if (!value || count > KNOWN_LIMIT) return;
  value->known = arena_copy(infer->module->arena, elements, count * sizeof *elements);
  value->known_count = count;
}

/* Has the node's result the shape of this operand? */
static bool keeps_shape(const Module *module, const Node *node, uint32_t operand) {
  const OpInfo *info = op_info(node->op);
  if (!info || node->output_count != 1) return false;
  if (info->infer == infer_same) return operand == 0;
  for (uint32_t at = 0; at < node->input_count; at++) {
    const Value *other = value_at(module, node->inputs[at]);
    if (at != operand && node->inputs[at] && !(other->ranked && other->rank == 0)) return false;
  }
  return info->kind == KIND_ELEMENTWISE;
}

/* The result of a node that reads `id` and keeps its shape; VALUE_NONE if there is none. */
static ValueId same_shape_reader(const Module *module, ValueId id) {
  const Graph *graph = graph_at(module, value_at(module, id)->graph);
  for (uint32_t at = 0; at < graph->order.count; at++) {
    const Node *node = node_at(module, graph->order.data[at]);
    for (uint32_t operand = 0; operand < node->input_count; operand++)
      if (node->inputs[operand] == id && keeps_shape(module, node, operand)) return node->outputs[0];
  }
  return VALUE_NONE;
}

#define DECLARATION_STEPS 16 /* operators between an undeclared result and a declared one: the decomposed forms of functions have three */

/* A result without a declared shape takes that of a value it becomes by operators that keep the shape. */
static void find_declaration(Infer *infer, uint32_t result) {
  Module *module = infer->module;
  ValueId id = infer_node(infer)->outputs[result];
  Value *value = value_at(module, id);
  for (uint32_t step = 0; step < DECLARATION_STEPS && id && !value_at(module, id)->declared_ranked; step++) id = same_shape_reader(module, id);
  const Value *declared = value_at(module, id);
  if (!id || declared == value || !declared->declared_ranked) return;
  value->declared_ranked = true;
  value->declared_rank = declared->declared_rank;
  memcpy(value->declared, declared->declared, sizeof value->declared);
}

void infer_set_declared(Infer *infer, uint32_t result) {
  Value *value = result_value(infer, result);
  if (!value) return;
  if (!value->declared_ranked) find_declaration(infer, result);
  bool complete = value->declared_ranked;
  for (uint32_t axis = 0; complete && axis < value->declared_rank; axis++) complete = value->declared[axis] != DIM_UNKNOWN;
  if (!complete) {
    infer_error(infer, CODE_RUN_TIME_SHAPE, "declare the result's shape in the model (value_info or graph output), or make the operand a constant",
                "the shape of result %u is decided by run-time data and the model does not declare it", result);
    return;
  }
  value->ranked = true;
  value->rank = value->declared_rank;
  memcpy(value->dims, value->declared, sizeof value->dims);
  node_at(infer->module, infer->node)->run_time_shape = true;
}

/* The declared dim of an axis that data decide; an error if there is none. */
static Dim declared_dim(Infer *infer, uint32_t result, uint32_t rank, uint32_t axis) {
  const Value *value = result_value(infer, result);
  if (value->declared_ranked && value->declared_rank == rank && value->declared[axis] != DIM_UNKNOWN) return value->declared[axis];
  if (value->declared_ranked && value->declared_rank != rank)
    infer_error(infer, CODE_DECLARED_SHAPE, NULL, "result %u has rank %u, but the model declares rank %u", result, rank, value->declared_rank);
  else
    infer_error(infer, CODE_RUN_TIME_SHAPE, "declare the result's shape in the model (value_info or graph output), or make the operand a constant",
                "the shape of result %u is decided by run-time data and the model does not declare it", result);
  return DIM_UNKNOWN;
}

void infer_set_partly(Infer *infer, uint32_t result, uint32_t rank, const Dim *dims) {
  Value *value = result_value(infer, result);
  Dim all[MAX_RANK];
  if (!value) return;
  if (!value->declared_ranked) find_declaration(infer, result);
  for (uint32_t axis = 0; axis < rank && axis < MAX_RANK && !infer->failed; axis++)
    all[axis] = dims[axis] != DIM_UNKNOWN ? dims[axis] : declared_dim(infer, result, rank, axis);
  if (infer->failed) return;
  infer_set(infer, result, rank, all);
  node_at(infer->module, infer->node)->run_time_shape = true;
}

/* ---- broadcasting ------------------------------------------------------------------------------------------------------ */

/* Leaves it to the running program whether two dims agree. */
static void agree_later(Infer *infer, Dim a, Dim b, bool or_one) {
  Node *node = node_at(infer->module, infer->node);
  for (uint32_t at = 0; at < node->agreements.count; at++)
    if (node->agreements.data[at].a == a && node->agreements.data[at].b == b) return;
  vector_push(infer->module->arena, &node->agreements, (Agreement){a, b, or_one});
}

Dim infer_broadcast_dim(Infer *infer, Dim a, Dim b) {
  DimTable *table = infer_table(infer);
  int64_t x, y;
  bool a_constant = dim_is_constant(table, a, &x), b_constant = dim_is_constant(table, b, &y);
  if (a == b || (b_constant && y == 1)) return a;
  if (a_constant && x == 1) return b;
  if (a_constant && b_constant) {
    infer_error(infer, CODE_BROADCAST, "one of the two must be 1, or both equal", "dimensions %lld and %lld do not broadcast", (long long)x,
                (long long)y);
    return a;
  }
  /* A symbol against a constant above 1 is 1 or that constant, so the result is the constant; two symbols give the larger one. */
  agree_later(infer, a, b, true);
  return a_constant ? a : b_constant ? b : dim_max(table, a, b);
}

void infer_agree(Infer *infer, Dim a, Dim b, const char *what_a, const char *what_b) {
  DimTable *table = infer_table(infer);
  Dim difference = dim_sub(table, a, b);
  if (a == DIM_UNKNOWN || b == DIM_UNKNOWN || a == b) return;
  if (dim_lo(table, difference) <= 0 && dim_hi(table, difference) >= 0) {
    if (dim_lo(table, difference) || dim_hi(table, difference)) agree_later(infer, a, b, false);
    return;
  }
  Text x, y;
  text_open(&x, infer->module->arena);
  text_open(&y, infer->module->arena);
  dim_print(table, a, &x);
  dim_print(table, b, &y);
  infer_error(infer, CODE_SHAPE, NULL, "%s is %s, but %s is %s", what_a, text_finish(&x), what_b, text_finish(&y));
}

void infer_divides(Infer *infer, Dim divisor, Dim dim) {
  DimTable *table = infer_table(infer);
  if (!dim_divides(table, divisor, dim)) agree_later(infer, dim, dim_mul(table, dim_floordiv(table, dim, divisor), divisor), false);
}

void infer_single(Infer *infer, uint32_t operand, const char *name) {
  for (uint32_t axis = 0; axis < infer_rank(infer, operand); axis++) {
    int64_t extent;
    if (dim_is_constant(infer_table(infer), infer_dims(infer, operand)[axis], &extent) && extent == 1) continue;
    infer_error(infer, CODE_SHAPE, NULL, "%s must be a single number", name);
    return;
  }
}

void infer_broadcast(Infer *infer, uint32_t count, const uint32_t *operands, uint32_t *rank, Dim *dims) {
  *rank = 0;
  for (uint32_t at = 0; at < count; at++)
    if (infer_rank(infer, operands[at]) > *rank) *rank = infer_rank(infer, operands[at]);
  for (uint32_t axis = 0; axis < *rank; axis++) dims[axis] = dim_constant(infer_table(infer), 1);
  for (uint32_t at = 0; at < count; at++) {
    uint32_t own = infer_rank(infer, operands[at]);
    for (uint32_t axis = 0; axis < own; axis++) {
      uint32_t to = *rank - own + axis;
      dims[to] = infer_broadcast_dim(infer, dims[to], infer_dims(infer, operands[at])[axis]);
    }
  }
}

void infer_broadcasts_to(Infer *infer, uint32_t operand, uint32_t rank, const Dim *dims) {
  uint32_t own = infer_rank(infer, operand);
  if (own > rank) infer_error(infer, CODE_BROADCAST, NULL, "operand %u has rank %u, but must broadcast to rank %u", operand, own, rank);
  for (uint32_t axis = 0; axis < own && !infer->failed; axis++) {
    Dim dim = infer_dim(infer, operand, axis);
    int64_t extent;
    if (dim_is_constant(infer_table(infer), dim, &extent) && extent == 1) continue;
    infer_agree(infer, dim, dims[rank - own + axis], "an axis that must broadcast", "the axis it broadcasts to");
  }
}

void infer_elementwise(Infer *infer) {
  uint32_t operands[256], count = 0, rank;
  Dim dims[MAX_RANK];
  for (uint32_t operand = 0; operand < infer_input_count(infer) && count < 256; operand++)
    if (infer_has(infer, operand)) operands[count++] = operand;
  infer_broadcast(infer, count, operands, &rank, dims);
  for (uint32_t result = 0; result < infer_output_count(infer); result++) infer_set(infer, result, rank, dims);
}

void infer_same(Infer *infer) {
  for (uint32_t result = 0; result < infer_output_count(infer); result++) infer_set(infer, result, infer_rank(infer, 0), infer_dims(infer, 0));
}

/* ---- the types column ------------------------------------------------------------------------------------------------- */

typedef struct TypeColumn {
  char     operands[32][24], results[16][24];
  uint32_t operand_count, result_count;
  char     variable[8][24], set[8][24];
  uint32_t variable_count;
  Element  bound[8];
} TypeColumn;

static const char *type_word(const char *cursor, char *word, size_t size) {
  size_t length = 0;
  while (*cursor == ' ' || *cursor == ',') cursor++;
  for (; *cursor && !strchr(" ,>|=", *cursor); cursor++)
    if (length + 1 < size) word[length++] = *cursor;
  word[length] = 0;
  return cursor;
}

static void parse_types(const char *cursor, TypeColumn *column) {
  memset(column, 0, sizeof *column);
  for (cursor += strspn(cursor, " "); *cursor && *cursor != '>' && column->operand_count < 32; cursor += strspn(cursor, " ,"))
    cursor = type_word(cursor, column->operands[column->operand_count++], 24);
  if (*cursor) cursor++;
  for (cursor += strspn(cursor, " "); *cursor && *cursor != '|' && column->result_count < 16; cursor += strspn(cursor, " ,"))
    cursor = type_word(cursor, column->results[column->result_count++], 24);
  if (*cursor) cursor++;
  for (cursor += strspn(cursor, " "); *cursor && column->variable_count < 8; cursor += strspn(cursor, " ,")) {
    cursor = type_word(cursor, column->variable[column->variable_count], 24);
    if (*cursor == '=') cursor++;
    cursor = type_word(cursor, column->set[column->variable_count++], 24);
  }
}

/* The entry for position `index`: the last repeats if it ends in "...". */
static void entry_at(char (*entries)[24], uint32_t count, uint32_t index, char *word) {
  word[0] = 0;
  if (!count) return;
  strcpy(word, entries[index < count ? index : count - 1]);
  size_t length = strlen(word);
  bool repeats = length > 3 && !strcmp(word + length - 3, "...");
  if (repeats) word[length - 3] = 0;
  else if (index >= count) word[0] = 0;
}

static int variable_index(const TypeColumn *column, const char *word) {
  for (uint32_t index = 0; index < column->variable_count; index++)
    if (!strcmp(column->variable[index], word)) return (int)index;
  return -1;
}

static void check_operand_type(Infer *infer, TypeColumn *column, uint32_t operand) {
  char word[24];
  entry_at(column->operands, column->operand_count, operand, word);
  if (!word[0] || !infer_has(infer, operand)) return;
  Element element = infer_element(infer, operand);
  int variable = variable_index(column, word);
  const char *set = variable < 0 ? word : column->set[variable];
  if (!element_in_set(element, set)) {
    infer_error(infer, CODE_TYPE, NULL, "operand %u is %s, but must be %s", operand, element_name(element), set);
  } else if (variable >= 0 && column->bound[variable] != ELEMENT_NONE && column->bound[variable] != element) {
    infer_error(infer, CODE_TYPE, "insert a Cast", "operand %u is %s, but an operand before it is %s and they must agree", operand,
                element_name(element), element_name(column->bound[variable]));
  } else if (variable >= 0) {
    column->bound[variable] = element;
  }
}

static void apply_types(Infer *infer, const OpInfo *info) {
  TypeColumn column;
  parse_types(info->types, &column);
  for (uint32_t operand = 0; operand < infer_input_count(infer); operand++) check_operand_type(infer, &column, operand);
  for (uint32_t result = 0; !infer->failed && result < infer_output_count(infer); result++) {
    char word[24];
    entry_at(column.results, column.result_count, result, word);
    int variable = variable_index(&column, word);
    Element element = variable >= 0 ? column.bound[variable] : element_from_name(word);
    if (element != ELEMENT_NONE) infer_set_element(infer, result, element);
  }
}

/* ---- one node ----------------------------------------------------------------------------------------------------------- */

/* A node of an operator that is kept though it is not known: what the model declares of its results holds. */
static bool infer_unknown(Module *module, NodeId id) {
  bool complete = true;
  for (uint32_t result = 0; result < node_at(module, id)->output_count; result++) {
    ValueId value = node_at(module, id)->outputs[result];
    if (!value) continue;
    bool declared = value_at(module, value)->declared_ranked;
    for (uint32_t axis = 0; declared && axis < value_at(module, value)->declared_rank; axis++)
      declared = value_at(module, value)->declared[axis] != DIM_UNKNOWN;
    if (declared) value_set_dims(module, value, value_at(module, value)->declared_rank, value_at(module, value)->declared);
    complete = complete && declared;
  }
  return complete;
}

bool op_infer(Module *module, NodeId node) {
  Infer infer = {module, node, false};
  const OpInfo *info = op_info(node_at(module, node)->op);
  node_at(module, node)->agreements.count = 0;
  if (!info) return infer_unknown(module, node);
  for (uint32_t operand = 0; operand < infer_input_count(&infer); operand++)
    if (infer_has(&infer, operand) && (input_value(&infer, operand)->element == ELEMENT_NONE ||
                                       (input_value(&infer, operand)->type == TYPE_TENSOR && !input_value(&infer, operand)->ranked)))
      return false;
  apply_types(&infer, info);
  if (!infer.failed) info->infer(&infer);
  if (!infer.failed && info->kind == KIND_ELEMENTWISE) infer_integers(&infer);
  return !infer.failed;
}
