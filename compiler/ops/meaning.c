/* From a group of nodes to one kernel: reads inline the fused producers, writes inline the fused consumers.
 *
 * A read of a value is, in this order: the value at hand (an anchor's result while it is being written), a literal (splats and single constants),
 * the producer's meaning at that index if the producer is in the group, else a load from an operand of the kernel. A produced value with several
 * readers is computed once a block, through a let. */
#include "compiler/ops/meaning.h"
#include <stdlib.h>
#include <string.h>

/* A value computed at an index, good while its block is open. */
typedef struct Memo { ValueId value; uint32_t rank; Expr index[MAX_RANK], expr; uint32_t depth; Stmt owner; bool otherwise; } Memo;

/* What a group does with a value that its nodes read or define. */
typedef struct GroupValue {
  ValueId  value;
  uint32_t readers;        /* number of reads by nodes of the group */
  bool     inside, stored; /* defined by a node of the group; to be stored */
} GroupValue;

/* How an operand of the kernel is read: at the index that is being stored; elsewhere too. */
typedef struct Reads { bool same_index, other_index; } Reads;

typedef struct GroupState {
  Meaning meaning;
  Builder builder;
  Arena *arena;
  const Group *group;
  VECTOR(Binding) bindings;      /* by operand of the kernel; LOCAL operands hold BIND_SCRATCH here and are dropped at the end */
  VECTOR(Memo) memos;
  GroupValue *values;            /* ascending; a group has few of the module's values */
  uint32_t value_count;
  bool writing;                  /* consumers of the anchor are being evaluated */
  const Expr *write_index; uint32_t write_rank;
  VECTOR(Reads) reads;           /* by operand */
  Operand status; bool has_status;
  uint32_t statuses;             /* bit k: meaning_fail_if was called with status k */
} GroupState;

/* ---- types -------------------------------------------------------------------------------------------------------------- */

typedef struct ElementScalars { Scalar compute, storage; } ElementScalars;

static const ElementScalars element_scalars[ELEMENT_COUNT] = {
    [ELEMENT_F32] = {SCALAR_F32, SCALAR_F32},      [ELEMENT_U8] = {SCALAR_U8, SCALAR_U8},         [ELEMENT_I8] = {SCALAR_I8, SCALAR_I8},
    [ELEMENT_U16] = {SCALAR_U16, SCALAR_U16},      [ELEMENT_I16] = {SCALAR_I16, SCALAR_I16},      [ELEMENT_I32] = {SCALAR_I32, SCALAR_I32},
    [ELEMENT_I64] = {SCALAR_I64, SCALAR_I64},      [ELEMENT_BOOL] = {SCALAR_I1, SCALAR_I1},       [ELEMENT_F16] = {SCALAR_F32, SCALAR_F16},
    [ELEMENT_F64] = {SCALAR_F64, SCALAR_F64},      [ELEMENT_U32] = {SCALAR_U32, SCALAR_U32},      [ELEMENT_U64] = {SCALAR_U64, SCALAR_U64},
    [ELEMENT_BF16] = {SCALAR_F32, SCALAR_BF16},    [ELEMENT_F8E4M3FN] = {SCALAR_F32, SCALAR_U8},  [ELEMENT_F8E4M3FNUZ] = {SCALAR_F32, SCALAR_U8},
    [ELEMENT_F8E5M2] = {SCALAR_F32, SCALAR_U8},    [ELEMENT_F8E5M2FNUZ] = {SCALAR_F32, SCALAR_U8},[ELEMENT_U4] = {SCALAR_U8, SCALAR_U8},
    [ELEMENT_I4] = {SCALAR_I8, SCALAR_I8},         [ELEMENT_F4E2M1] = {SCALAR_F32, SCALAR_U8},    [ELEMENT_F8E8M0] = {SCALAR_F32, SCALAR_U8},
    [ELEMENT_U2] = {SCALAR_U8, SCALAR_U8},         [ELEMENT_I2] = {SCALAR_I8, SCALAR_I8},
};

Scalar element_compute(Element element) { return element_scalars[element].compute; }
Scalar element_storage(Element element) { return element_scalars[element].storage; }

/* f8 and f4 values lie in bytes; their conversions are library functions. */
static bool is_byte_float(Element element) { return element_is_float(element) && element_file_bits(element) <= 8; }

Expr element_widen(Builder *builder, Element element, Expr stored) {
  if (is_byte_float(element)) return build_call(builder, arena_format(builder->arena, "f32_from_%s", element_name(element)), SCALAR_F32, 1, &stored);
  return build_cast(builder, element_compute(element), stored);
}

/* The element that `value` was widened from: an element that is only moved needs no conversion. 0 if it is another value. */
static Expr widened_from(Builder *builder, Element element, Expr value) {
  const Code *code = &builder->code;
  const ExprNode *node = expr_at(code, value);
  if (!is_byte_float(element)) {
    bool cast = node->op == LOOP_CAST && element_storage(element) != element_compute(element);
    return cast && build_scalar(builder, node->operand[0]) == element_storage(element) ? node->operand[0] : 0;
  }
  if (node->op != LOOP_CALL || node->operand[2] != 1) return 0;
  const char *function = builder->program->functions.data[node->operand[0]].name;
  bool widens = !strncmp(function, "f32_from_", 9) && !strcmp(function + 9, element_name(element));
  return widens ? code->lists.data[node->operand[1]] : 0;
}

/* Sub-byte integers wrap to their width; everything else converts by value. */
Expr element_narrow(Builder *builder, Element element, Expr value) {
  Expr stored = widened_from(builder, element, value);
  if (stored) return stored;
  if (is_byte_float(element)) return build_call(builder, arena_format(builder->arena, "%s_from_f32", element_name(element)), SCALAR_U8, 1, &value);
  return build_cast(builder, element_storage(element), value);
}

/* What a reader of a stored value would see: the value rounded to its element type. */
static Expr round_to(Builder *builder, Element element, Expr value) {
  if (element_storage(element) == element_compute(element)) return value;
  return element_widen(builder, element, element_narrow(builder, element, value));
}

/* The row of a value; an empty one if the group does not know it. */
static const GroupValue *group_value(const GroupState *state, ValueId id) {
  static const GroupValue none;
  uint32_t lo = 0, hi = state->value_count;
  while (lo < hi) {
    uint32_t middle = lo + (hi - lo) / 2;
    if (state->values[middle].value < id) lo = middle + 1;
    else hi = middle;
  }
  return lo < state->value_count && state->values[lo].value == id ? &state->values[lo] : &none;
}

/* ---- looking at the node ------------------------------------------------------------------------------------------------ */

const Node *meaning_node(const Meaning *m) { return node_at(m->module, m->node); }
uint32_t meaning_input_count(const Meaning *m) { return meaning_node(m)->input_count; }

static ValueId operand_value(const Meaning *m, uint32_t operand) {
  const Node *node = meaning_node(m);
  return operand < node->input_count ? node->inputs[operand] : VALUE_NONE;
}

static const Value *operand_at(const Meaning *m, uint32_t operand) { return value_at(m->module, operand_value(m, operand)); }
static const Value *result_at(const Meaning *m, uint32_t result) { return value_at(m->module, meaning_node(m)->outputs[result]); }

bool meaning_has(const Meaning *m, uint32_t operand) { return operand_value(m, operand) != VALUE_NONE; }
Element meaning_element(const Meaning *m, uint32_t operand) { return operand_at(m, operand)->element; }
Element meaning_result_element(const Meaning *m, uint32_t result) { return result_at(m, result)->element; }
uint32_t meaning_rank(const Meaning *m, uint32_t operand) { return operand_at(m, operand)->rank; }
Dim meaning_dim(const Meaning *m, uint32_t operand, uint32_t axis) { return operand_at(m, operand)->dims[axis]; }
uint32_t meaning_result_rank(const Meaning *m, uint32_t result) { return result_at(m, result)->rank; }
Dim meaning_result_dim(const Meaning *m, uint32_t result, uint32_t axis) { return result_at(m, result)->dims[axis]; }
Expr meaning_extent(Meaning *m, uint32_t operand, uint32_t axis) { return build_dim(m->builder, meaning_dim(m, operand, axis)); }
Expr meaning_result_extent(Meaning *m, uint32_t result, uint32_t axis) { return build_dim(m->builder, meaning_result_dim(m, result, axis)); }
Scalar meaning_compute(const Meaning *m, uint32_t operand) { return element_compute(meaning_element(m, operand)); }
Scalar meaning_result_compute(const Meaning *m, uint32_t result) { return element_compute(meaning_result_element(m, result)); }
int64_t meaning_int(const Meaning *m, const char *attribute) { return op_int(m->module, meaning_node(m), attribute); }
double meaning_float(const Meaning *m, const char *attribute) { return op_float(m->module, meaning_node(m), attribute); }
const char *meaning_string(const Meaning *m, const char *attribute) { return op_string(m->module, meaning_node(m), attribute); }
const int64_t *meaning_ints(const Meaning *m, const char *attribute, uint32_t *count) {
  return op_ints(m->module, meaning_node(m), attribute, count);
}
uint32_t meaning_axis(const Meaning *m, int64_t axis, uint32_t rank) { return (uint32_t)(axis < 0 ? axis + (int64_t)rank : axis); }

bool meaning_wants(const Meaning *m, uint32_t result) {
  const Node *node = meaning_node(m);
  if (result >= node->output_count || !node->outputs[result]) return false;
  const GroupValue *value = group_value(m->state, node->outputs[result]);
  return value->stored || value->readers;
}

const Dim *meaning_known(Meaning *m, uint32_t operand, uint32_t *count) {
  *count = 0;
  ValueId id = operand_value(m, operand);
  if (id == VALUE_NONE || (!value_at(m->module, id)->known && !value_know(m->module, id))) return NULL;
  *count = value_at(m->module, id)->known_count;
  return value_at(m->module, id)->known;
}

/* ---- operands of the kernel ---------------------------------------------------------------------------------------------- */

static Operand add_operand(GroupState *state, OperandInfo info, Binding binding) {
  Operand operand = build_operand(&state->builder, info);
  vector_push(state->arena, &state->bindings, binding);
  vector_push(state->arena, &state->reads, (Reads){0});
  return operand;
}

static Operand operand_of(GroupState *state, ValueId id, Access access) {
  for (Operand operand = 0; operand < state->bindings.count; operand++)
    if (state->bindings.data[operand].kind == BIND_VALUE && state->bindings.data[operand].value == id) return operand;
  const Value *value = value_at(state->meaning.module, id);
  OperandInfo info = {.scalar = element_storage(value->element), .rank = value->rank, .access = access};
  bool is_input = access == ACCESS_IN;
  uint32_t same = 0;
  for (Operand operand = 0; operand < state->bindings.count; operand++)
    if (state->bindings.data[operand].kind == BIND_VALUE) same += (state->builder.code.operands.data[operand].access == ACCESS_IN) == is_input;
  info.name = arena_format(state->arena, "%s%u", is_input ? "x" : "y", same);
  memcpy(info.dims, value->dims, value->rank * sizeof *info.dims);
  return add_operand(state, info, (Binding){.kind = BIND_VALUE, .value = id});
}

Operand meaning_scratch(Meaning *m, const char *name, Scalar scalar, uint32_t rank, const Dim *dims) {
  OperandInfo info = {.name = name, .scalar = scalar, .rank = rank, .access = ACCESS_SCRATCH};
  if (rank) memcpy(info.dims, dims, rank * sizeof *dims);
  return add_operand(m->state, info, (Binding){.kind = BIND_SCRATCH});
}

Operand meaning_local(Meaning *m, const char *name, Scalar scalar, uint32_t count) {
  OperandInfo info = {.name = name, .scalar = scalar, .rank = 1, .access = ACCESS_LOCAL};
  info.dims[0] = dim_constant(&m->module->dims, count);
  return add_operand(m->state, info, (Binding){.kind = BIND_SCRATCH});
}

Operand meaning_table(Meaning *m, const char *name, Scalar scalar, uint32_t count, const void *elements) {
  GroupState *state = m->state;
  OperandInfo info = {.name = name, .scalar = scalar, .rank = 1, .access = ACCESS_IN};
  size_t bytes = (size_t)count * scalar_bytes(scalar);
  info.dims[0] = dim_constant(&m->module->dims, count);
  for (Operand operand = 0; operand < state->bindings.count; operand++) {
    const OperandInfo *other = &state->builder.code.operands.data[operand];
    if (state->bindings.data[operand].kind != BIND_TABLE || other->scalar != scalar || other->dims[0] != info.dims[0]) continue;
    if (!memcmp(state->bindings.data[operand].data, elements, bytes)) return operand;
  }
  return add_operand(state, info, (Binding){.kind = BIND_TABLE, .data = arena_copy(state->arena, elements, bytes)});
}

void meaning_fail_if(Meaning *m, Expr condition, uint32_t status) {
  GroupState *state = m->state;
  if (!state->has_status) {
    OperandInfo info = {.name = "status", .scalar = SCALAR_I32, .rank = 0, .access = ACCESS_INOUT};
    state->status = add_operand(state, info, (Binding){.kind = BIND_STATUS});
    state->has_status = true;
  }
  state->statuses |= 1u << status;
  build_if(m->builder, condition);
  build_store(m->builder, state->status, 0, NULL, build_integer(m->builder, SCALAR_I32, status));
  build_end(m->builder);
}

/* ---- reading --------------------------------------------------------------------------------------------------------------- */

static bool memo_is_open(const Builder *builder, const Memo *memo) {
  if (memo->depth > builder->depth) return false;
  return memo->depth == 0 || (builder->block[memo->depth].owner == memo->owner && builder->block[memo->depth].otherwise == memo->otherwise);
}

static Expr find_memo(GroupState *state, ValueId value, uint32_t rank, const Expr *index) {
  for (uint32_t at = state->memos.count; at-- > 0;) {
    const Memo *memo = &state->memos.data[at];
    if (memo->value == value && memo->rank == rank && !memcmp(memo->index, index, rank * sizeof *index) && memo_is_open(&state->builder, memo))
      return memo->expr;
  }
  return 0;
}

static void remember(GroupState *state, ValueId value, uint32_t rank, const Expr *index, Expr expr) {
  Memo memo = {.value = value, .rank = rank, .expr = expr, .depth = state->builder.depth};
  if (memo.depth) { memo.owner = state->builder.block[memo.depth].owner; memo.otherwise = state->builder.block[memo.depth].otherwise; }
  memcpy(memo.index, index, rank * sizeof *index);
  vector_push(state->arena, &state->memos, memo);
}

static Expr literal(Builder *builder, Element element, uint64_t bits) {
  Scalar scalar = element_compute(element);
  if (scalar_is_float(scalar)) return build_float(builder, scalar, element_to_f64(element, bits));
  return build_integer(builder, scalar, scalar == SCALAR_I1 ? bits != 0 : element_to_i64(element, bits));
}

#define UNIFORM_LIMIT 256 /* elements that are compared to find that they are all the same, as zero points of channels are */

static bool literal_bits(const Module *module, ValueId id, uint64_t *bits) {
  const Value *value = value_at(module, id);
  int64_t count;
  if (value->content == CONTENT_SPLAT) { *bits = value->splat; return true; }
  if (value->content != CONTENT_DATA || !value_static_elements(module, id, &count) || count < 1 || count > UNIFORM_LIMIT) return false;
  *bits = value_constant_bits(module, id, 0);
  for (int64_t at = 1; at < count; at++)
    if (value_constant_bits(module, id, at) != *bits) return false;
  return true;
}

static void note_read(GroupState *state, Operand operand, uint32_t rank, const Expr *index) {
  bool same = state->writing && state->write_rank == rank && (!rank || !memcmp(index, state->write_index, rank * sizeof *index));
  *(same ? &state->reads.data[operand].same_index : &state->reads.data[operand].other_index) = true;
}

static Expr load_value(GroupState *state, ValueId id, uint32_t rank, const Expr *index) {
  Element element = value_at(state->meaning.module, id)->element;
  Operand operand = operand_of(state, id, ACCESS_IN);
  note_read(state, operand, rank, index);
  return element_widen(&state->builder, element, build_load(&state->builder, operand, rank, index));
}

static Expr value_of_node(Meaning *m, NodeId node, uint32_t result, const Expr *index);

static Expr read_value(Meaning *m, ValueId id, const Expr *index) {
  GroupState *state = m->state;
  uint32_t rank = value_at(m->module, id)->rank;
  uint64_t bits;
  Expr expr = find_memo(state, id, rank, index);
  if (expr) return expr;
  if (literal_bits(m->module, id, &bits)) return literal(m->builder, value_at(m->module, id)->element, bits);
  const GroupValue *row = group_value(state, id);
  if (!row->inside) return load_value(state, id, rank, index);
  const Value *value = value_at(m->module, id);
  if (value->definition == state->group->anchor) bug(m->module->context, "an anchor's result is read at another index than it is written at");
  expr = value_of_node(m, value->definition, value->result, index);
  if (row->readers + row->stored > 1) {
    expr = build_let(m->builder, "v", expr);
    remember(state, id, rank, index, expr);
  }
  return expr;
}

/* The element of a node's result by its own meaning, rounded to the result's element type. */
static Expr value_of_node(Meaning *m, NodeId node, uint32_t result, const Expr *index) {
  NodeId reader = m->node;
  m->node = node;
  const OpInfo *info = op_info(meaning_node(m)->op);
  Expr expr = 0;
  if (info->kind == KIND_ELEMENTWISE && info->meaning) {
    Expr values[4];
    for (uint32_t operand = 0; operand < meaning_input_count(m) && operand < 4; operand++)
      values[operand] = meaning_has(m, operand) ? meaning_read_broadcast(m, operand, meaning_result_rank(m, result), index) : 0;
    expr = meaning_scalar(m, info->meaning, meaning_input_count(m), values);
  } else {
    require(m->module->context, info->point != NULL);
    expr = info->point(m, result, index);
  }
  Element element = meaning_result_element(m, result);
  require(m->module->context, build_scalar(m->builder, expr) == element_compute(element));
  expr = round_to(m->builder, element, expr);
  m->node = reader;
  return expr;
}

Expr meaning_read(Meaning *m, uint32_t operand, const Expr *index) { return read_value(m, operand_value(m, operand), index); }

Expr meaning_read_index(Meaning *m, uint32_t operand, const Expr *index) {
  uint32_t count;
  const Dim *known = meaning_known(m, operand, &count);
  int64_t at = 0;
  bool constant = meaning_rank(m, operand) == 0 || (meaning_rank(m, operand) == 1 && build_is_constant(m->builder, index[0], &at));
  if (known && constant && at < (int64_t)count) return build_dim(m->builder, known[at]);
  return build_cast(m->builder, SCALAR_INDEX, meaning_read(m, operand, index));
}

Expr meaning_read_broadcast(Meaning *m, uint32_t operand, uint32_t rank, const Expr *index) {
  uint32_t own = meaning_rank(m, operand);
  Expr own_index[MAX_RANK];
  for (uint32_t axis = 0; axis < own; axis++) {
    Dim dim = meaning_dim(m, operand, axis);
    Dim to = meaning_result_rank(m, 0) == rank ? meaning_result_dim(m, 0, rank - own + axis) : DIM_UNKNOWN;
    Expr at = index[rank - own + axis];
    int64_t extent, wanted;
    bool known = dim_is_constant(&m->module->dims, dim, &extent), checked = to == DIM_UNKNOWN || dim_is_constant(&m->module->dims, to, &wanted);
    if (to == dim) own_index[axis] = at; /* the very index, also where it can only be 0: an anchor's result is found by it */
    else if (known && extent == 1) own_index[axis] = build_index(m->builder, 0);
    else if (known && checked) own_index[axis] = at;
    else
      own_index[axis] =
          build_binary(m->builder, LOOP_MIN, at, build_binary(m->builder, LOOP_SUB, build_dim(m->builder, dim), build_index(m->builder, 1)));
  }
  return meaning_read(m, operand, own_index);
}

/* ---- writing --------------------------------------------------------------------------------------------------------------- */

static void store_value(GroupState *state, ValueId id, const Expr *index, Expr value) {
  const Value *info = value_at(state->meaning.module, id);
  Operand operand = operand_of(state, id, ACCESS_OUT);
  build_store(&state->builder, operand, info->rank, index, element_narrow(&state->builder, info->element, value));
}

/* Stores every value of the group that depends on what is at hand, in execution order. */
static void store_consumers(GroupState *state, const Expr *index) {
  for (uint32_t at = 0; at < state->group->stored_count; at++) {
    ValueId id = state->group->stored[at];
    if (value_at(state->meaning.module, id)->definition == state->group->anchor) continue;
    store_value(state, id, index, read_value(&state->meaning, id, index));
  }
}

void meaning_write(Meaning *m, uint32_t result, const Expr *index, Expr value) {
  GroupState *state = m->state;
  ValueId id = meaning_node(m)->outputs[result];
  const Value *info = value_at(m->module, id);
  require(m->module->context, build_scalar(m->builder, value) == element_compute(info->element));
  Expr at[MAX_RANK];
  for (uint32_t axis = 0; axis < info->rank; axis++) at[axis] = build_let(m->builder, "i", index[axis]);
  if (!group_value(state, id)->readers) { /* nothing fused behind it */
    store_value(state, id, at, value);
    return;
  }
  value = build_let(m->builder, "v", round_to(m->builder, info->element, value));
  remember(state, id, info->rank, at, value);
  if (group_value(state, id)->stored) store_value(state, id, at, value);
  state->writing = true;
  state->write_index = at;
  state->write_rank = info->rank;
  store_consumers(state, at);
  state->writing = false;
}

uint32_t meaning_loops(Meaning *m, uint32_t rank, const Dim *dims, Expr *index) {
  static const char *const names[] = {"i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u", "v", "w", "z"};
  uint32_t blocks = 0;
  for (uint32_t axis = 0; axis < rank; axis++) {
    int64_t extent;
    Expr zero = build_index(m->builder, 0);
    if (dim_is_constant(&m->module->dims, dims[axis], &extent) && extent == 1) { index[axis] = zero; continue; }
    index[axis] = build_for(m->builder, names[axis], zero, build_dim(m->builder, dims[axis]));
    blocks++;
  }
  return blocks;
}

void meaning_end_loops(Meaning *m, uint32_t blocks) {
  while (blocks--) build_end(m->builder);
}

/* ---- groups ---------------------------------------------------------------------------------------------------------------- */

#define NOTED_RESULTS 8 /* of a node, whose shapes are told; a Split has a kernel for each of its thousand parts */

static void note_node(GroupState *state, NodeId id) {
  Module *module = state->meaning.module;
  const Node *node = node_at(module, id);
  Text text;
  text_open(&text, state->arena);
  text_format(&text, "%s", op_info(node->op)->name);
  if (node->origin.name[0]) { text_char(&text, ' '); text_string(&text, node->origin.name); }
  for (uint32_t result = 0; result < node->output_count; result++) {
    if (!node->outputs[result]) continue;
    if (result == NOTED_RESULTS) { text_format(&text, ", ... (%u)", node->output_count); break; }
    const Value *value = value_at(module, node->outputs[result]);
    text_format(&text, "%s%s[", result ? ", " : ": ", element_name(value->element));
    for (uint32_t axis = 0; axis < value->rank; axis++) { if (axis) text_string(&text, ", "); dim_print(&module->dims, value->dims[axis], &text); }
    text_char(&text, ']');
  }
  vector_push(state->arena, &state->builder.code.notes, text_finish(&text));
}

static int by_value(const void *a, const void *b) {
  const GroupValue *x = a, *y = b;
  return x->value < y->value ? -1 : x->value > y->value;
}

/* Makes the table of the group's values: each mention is a row, then rows of one value are joined. */
static void list_values(GroupState *state, const Module *module, const Group *group) {
  uint32_t count = group->stored_count, kept = 0;
  bool     is_part = group->count == 1 && !group->anchor; /* a kernel for one of a node's results, of which there may be thousands */
  for (uint32_t at = 0; at < group->count; at++) {
    const Node *node = node_at(module, group->nodes[at]);
    count += node->input_count + (is_part ? 0 : node->output_count);
  }
  GroupValue *rows = state->values = arena_array(state->arena, GroupValue, count + 1u);
  for (uint32_t at = 0; at < group->stored_count; at++) rows[kept++] = (GroupValue){.value = group->stored[at], .stored = true, .inside = is_part};
  for (uint32_t at = 0; at < group->count; at++) {
    const Node *node = node_at(module, group->nodes[at]);
    for (uint32_t operand = 0; operand < node->input_count; operand++)
      if (node->inputs[operand]) rows[kept++] = (GroupValue){.value = node->inputs[operand], .readers = 1};
    for (uint32_t result = 0; result < node->output_count && !is_part; result++)
      if (node->outputs[result]) rows[kept++] = (GroupValue){.value = node->outputs[result], .inside = true};
  }
  qsort(rows, kept, sizeof *rows, by_value);
  for (uint32_t at = 0; at < kept; at++) {
    GroupValue *last = state->value_count ? &rows[state->value_count - 1] : NULL;
    if (!last || last->value != rows[at].value) {
      rows[state->value_count++] = rows[at];
      continue;
    }
    last->readers += rows[at].readers;
    last->inside |= rows[at].inside;
    last->stored |= rows[at].stored;
  }
}

static void open_group(GroupState *state, Program *program, Module *module, const Group *group) {
  memset(state, 0, sizeof *state);
  state->arena = program->arena;
  state->group = group;
  const OpInfo *info = op_info(node_at(module, group->anchor ? group->anchor : group->nodes[group->count - 1])->op);
  build_open(&state->builder, program, CODE_KERNEL, info->name);
  state->meaning = (Meaning){&state->builder, module, group->anchor, state};
  list_values(state, module, group);
  for (uint32_t at = 0; at < group->count; at++) note_node(state, group->nodes[at]);
}

/* An output may lie on an input's memory if it is the only store and every read of the input is at the index being stored. */
static void mark_same_index(GroupState *state) {
  if (state->group->stored_count != 1) return;
  Module *module = state->meaning.module;
  ValueId stored = state->group->stored[0];
  const Value *value = value_at(module, stored);
  Operand out = operand_of(state, stored, ACCESS_OUT);
  for (Operand operand = 0; operand < state->bindings.count; operand++) {
    const Binding *binding = &state->bindings.data[operand];
    if (binding->kind != BIND_VALUE || operand == out || !state->reads.data[operand].same_index ||
        state->reads.data[operand].other_index)
      continue;
    const Value *input = value_at(module, binding->value);
    if (input->rank != value->rank || memcmp(input->dims, value->dims, value->rank * sizeof *value->dims)) continue;
    if (scalar_bytes(element_storage(input->element)) != scalar_bytes(element_storage(value->element))) continue;
    state->builder.code.operands.data[out].same_index = operand + 1;
    return;
  }
}

static void build_points(GroupState *state) {
  const Value *first = value_at(state->meaning.module, state->group->stored[0]);
  Expr index[MAX_RANK];
  uint32_t blocks = meaning_loops(&state->meaning, first->rank, first->dims, index);
  state->writing = true;
  state->write_index = index;
  state->write_rank = first->rank;
  store_consumers(state, index);
  state->writing = false;
  meaning_end_loops(&state->meaning, blocks);
}

GroupKernel group_build(Program *program, Module *module, const Group *group) {
  GroupState *state = arena_new(program->arena, GroupState);
  open_group(state, program, module, group);
  if (!group->anchor) build_points(state);
  else if (!group->build_anchor || !group->build_anchor(group->self, &state->meaning))
    op_info(node_at(module, group->anchor)->op)->loops(&state->meaning);
  mark_same_index(state);
  GroupKernel kernel = {.code = build_close(&state->builder), .statuses = state->statuses};
  kernel.bindings = state->bindings.data;
  kernel.binding_count = state->bindings.count;
  return kernel;
}

static bool is_supported(Element element) { return element != ELEMENT_STRING && element != ELEMENT_C64 && element != ELEMENT_C128; }

bool op_is_buildable(const Module *module, NodeId id) {
  const Node *node = node_at(module, id);
  const OpInfo *info = op_info(node->op);
  if (info->kind == KIND_CONTROL) return true;
  if (info->kind == KIND_ELEMENTWISE ? !info->meaning && !info->point
      : info->kind == KIND_LOOPS     ? !info->loops
                                     : info->kind == KIND_POINT && !info->point)
    return false;
  for (uint32_t operand = 0; operand < node->input_count; operand++)
    if (node->inputs[operand] && !is_supported(value_at(module, node->inputs[operand])->element)) return false;
  for (uint32_t result = 0; result < node->output_count; result++)
    if (node->outputs[result] && !is_supported(value_at(module, node->outputs[result])->element)) return false;
  return true;
}
