/* Lowering: values get buffers, groups and single nodes become kernels and calls, If becomes an `if` of the entry.
 *
 * An alias (Reshape, Squeeze, ...) has no code: its result is the operand's buffer under other dims. A graph output is written in place by its
 * kernel; only what is an input, a constant, or an output already is copied. Splats have no buffer unless they are an output.
 * It relies on shapes and types being known everywhere; it does no optimisation of its own. */
#include "codegen/lower.h"
#include "codegen/images.h"
#include "codegen/scheduled.h"
#include "compiler/ops/meaning.h"
#include <string.h>

#define NO_BUFFER UINT32_MAX

typedef struct Lowering {
  Module  *module;
  Program *program;
  Arena   *arena;
  Builder  entry;
  const Target *target;    /* schedules are chosen for it; NULL: none */
  Uses     uses;
  uint32_t *buffer;        /* by ValueId; NO_BUFFER: none yet */
  ValueId  *root;          /* by ValueId: the value whose memory it shares; 0: not asked yet, or its own */
  uint32_t status;         /* buffer of run-time checks; NO_BUFFER until needed */
} Lowering;

static void lower_graph(Lowering *lowering, GraphId graph);

/* ---- buffers ---------------------------------------------------------------------------------------------------------- */

/* The value whose memory `id` shares through aliases; chains are followed once. */
static ValueId alias_root(const Lowering *lowering, ValueId id) {
  ValueId root = id;
  for (;;) {
    const Value *value = value_at(lowering->module, root);
    if (lowering->root[root]) { root = lowering->root[root]; break; }
    if (!value->definition || value_is_constant(value)) break;
    const Node *node = node_at(lowering->module, value->definition);
    if (op_info(node->op)->kind != KIND_ALIAS || node->run_time_shape || value->result != 0) break;
    root = node->inputs[0];
  }
  while (id != root && !lowering->root[id]) {
    ValueId next = node_at(lowering->module, value_at(lowering->module, id)->definition)->inputs[0];
    lowering->root[id] = root;
    id = next;
  }
  return root;
}

static Buffer buffer_like(const Lowering *lowering, ValueId id, Storage storage, const char *stem, uint32_t number) {
  const Value *value = value_at(lowering->module, id);
  Buffer buffer = {.storage = storage, .scalar = element_storage(value->element), .rank = value->rank, .align = 64};
  buffer.name = arena_format(lowering->arena, "%s%u", stem, number);
  memcpy(buffer.dims, value->dims, value->rank * sizeof *value->dims);
  return buffer;
}

/* Elements of a constant as they lie in a buffer: sub-byte types one a byte. */
static const uint8_t *buffer_form(Lowering *lowering, ValueId id) {
  const Value *value = value_at(lowering->module, id);
  int64_t count;
  if (element_file_bits(value->element) >= 8) return value->data.data;
  require(lowering->module->context, value_static_elements(lowering->module, id, &count));
  uint8_t *bytes = arena_array(lowering->arena, uint8_t, (size_t)count);
  for (int64_t index = 0; index < count; index++) {
    uint64_t bits = value_constant_bits(lowering->module, id, index);
    bytes[index] = element_is_integer(value->element) ? (uint8_t)element_to_i64(value->element, bits) : (uint8_t)bits;
  }
  return bytes;
}

static uint32_t weight_buffer(Lowering *lowering, ValueId id) {
  const Value *value = value_at(lowering->module, id);
  Buffer buffer = buffer_like(lowering, id, STORAGE_WEIGHT, "w", lowering->program->buffers.count);
  if (value->content == CONTENT_SPLAT) buffer.splat = value->splat;
  else buffer.data = buffer_form(lowering, id);
  return program_buffer(lowering->program, buffer);
}

/* A constant of a kernel; equal ones share a buffer. */
static uint32_t table_buffer(Lowering *lowering, const OperandInfo *info, const uint8_t *data) {
  Program *program = lowering->program;
  Buffer buffer = {.storage = STORAGE_WEIGHT, .scalar = info->scalar, .rank = 1, .data = data};
  size_t bytes = (size_t)dim_value(program->dims, info->dims[0]) * scalar_bytes(info->scalar);
  for (uint32_t at = 0; at < program->buffers.count; at++) {
    const Buffer *other = &program->buffers.data[at];
    bool table = other->storage == STORAGE_WEIGHT && other->data && other->rank == 1;
    if (table && other->scalar == info->scalar && other->dims[0] == info->dims[0] && !memcmp(other->data, data, bytes)) return at;
  }
  buffer.dims[0] = info->dims[0];
  buffer.name = arena_format(lowering->arena, "w%u", program->buffers.count);
  return program_buffer(program, buffer);
}

static uint32_t workspace_buffer(Lowering *lowering, Scalar scalar, uint32_t rank, const Dim *dims) {
  Buffer buffer = {.storage = STORAGE_WORKSPACE, .scalar = scalar, .rank = rank, .align = 64};
  buffer.name = arena_format(lowering->arena, "b%u", lowering->program->buffers.count);
  if (rank) memcpy(buffer.dims, dims, rank * sizeof *dims);
  return program_buffer(lowering->program, buffer);
}

/* The buffer of a value, made if need be. */
static uint32_t buffer_of(Lowering *lowering, ValueId id) {
  ValueId root = alias_root(lowering, id);
  if (lowering->buffer[root] != NO_BUFFER) return lowering->buffer[root];
  const Value *value = value_at(lowering->module, root);
  if (value_is_constant(value)) return lowering->buffer[root] = weight_buffer(lowering, root);
  return lowering->buffer[root] = workspace_buffer(lowering, element_storage(value->element), value->rank, value->dims);
}

/* ---- kernels and calls --------------------------------------------------------------------------------------------------- */

static void call_kernel(Lowering *lowering, Code code, uint32_t count, const CallArgument *arguments, uint32_t node) {
  build_kernel_call(&lowering->entry, program_kernel(lowering->program, code), count, arguments, node);
}

/* target[...] = bits, for every element. */
static void call_fill(Lowering *lowering, uint32_t target, uint64_t bits) {
  Buffer buffer = lowering->program->buffers.data[target];
  Builder builder;
  build_open(&builder, lowering->program, CODE_KERNEL, "fill");
  OperandInfo info = {.name = "y", .scalar = buffer.scalar, .rank = buffer.rank, .access = ACCESS_OUT};
  memcpy(info.dims, buffer.dims, sizeof info.dims);
  Operand operand = build_operand(&builder, info);
  Expr index[MAX_RANK];
  for (uint32_t axis = 0; axis < buffer.rank; axis++)
    index[axis] = build_for(&builder, "i", build_index(&builder, 0), build_dim(&builder, buffer.dims[axis]));
  static const Scalar carriers[] = {[1] = SCALAR_U8, [2] = SCALAR_U16, [4] = SCALAR_U32, [8] = SCALAR_U64};
  Expr raw = build_integer(&builder, buffer.scalar == SCALAR_I1 ? SCALAR_I1 : carriers[scalar_bytes(buffer.scalar)], (int64_t)bits);
  build_store(&builder, operand, buffer.rank, index, build_bitcast(&builder, buffer.scalar, raw));
  for (uint32_t axis = 0; axis < buffer.rank; axis++) build_end(&builder);
  call_kernel(lowering, build_close(&builder), 1, &(CallArgument){target, 0}, 0);
}

static uint32_t status_buffer(Lowering *lowering) {
  if (lowering->status == NO_BUFFER) lowering->status = workspace_buffer(lowering, SCALAR_I32, 0, NULL);
  return lowering->status;
}

/* Leaves the entry with the status the kernel stored. */
static void check_status(Lowering *lowering, uint32_t statuses) {
  Builder *entry = &lowering->entry;
  for (uint32_t status = 1; status < 32; status++) {
    if (!(statuses >> status & 1u)) continue;
    Expr found = build_load(entry, status_buffer(lowering), 0, NULL);
    build_if(entry, build_binary(entry, LOOP_EQ, found, build_integer(entry, SCALAR_I32, status)));
    build_fail(entry, status);
    build_end(entry);
  }
}

static uint32_t add_info_node(Lowering *lowering, NodeId id) {
  const Node *node = node_at(lowering->module, id);
  const OpInfo *info = op_info(node->op);
  InfoNode      row = {.name = node->origin.name,
                       .op_type = info->name,
                       .path = node->origin.path,
                       .index = node->origin.index,
                       .macs = op_macs(lowering->module, id)};
  vector_push(lowering->arena, &lowering->program->info.nodes, row);
  return lowering->program->info.nodes.count;
}

/* The group's kernel: with a schedule if one applies, once more where that wants to be built otherwise. */
static GroupKernel build_scheduled(Lowering *lowering, const Group *group) {
  ScheduleChoice choice = {.target = lowering->target};
  Group chosen = *group;
  chosen.build_anchor = lowering->target ? scheduled_anchor : NULL;
  chosen.self = &choice;
  ImageRows rows = {0};
  if (lowering->target) images_to_rows(lowering->module, lowering->arena, group, &rows);
  GroupKernel kernel;
  do {
    uint32_t functions = lowering->program->functions.count;
    choice.again = false;
    kernel = group_build(lowering->program, lowering->module, &chosen);
    if (choice.again) lowering->program->functions.count = functions; /* declared by what is thrown away */
  } while (choice.again);
  images_from_rows(lowering->module, &rows);
  return kernel;
}

/* Builds the group's kernel and calls it; `outer[k]` is the value that stored[k] is known as outside (the same for a single node). */
static void lower_kernel(Lowering *lowering, const Group *group, const ValueId *outer, NodeId shown) {
  GroupKernel kernel = build_scheduled(lowering, group);
  CallArgument *arguments = arena_array(lowering->arena, CallArgument, kernel.binding_count + 1u);
  uint32_t count = 0;
  for (Operand operand = 0; operand < kernel.binding_count; operand++) {
    const OperandInfo *info = &kernel.code.operands.data[operand];
    if (info->access == ACCESS_LOCAL) continue;
    ValueId value = kernel.bindings[operand].value;
    for (uint32_t at = 0; at < group->stored_count; at++)
      if (group->stored[at] == value) value = outer[at];
    switch (kernel.bindings[operand].kind) {
    case BIND_VALUE: arguments[count++].buffer = buffer_of(lowering, value); break;
    case BIND_SCRATCH: arguments[count++].buffer = workspace_buffer(lowering, info->scalar, info->rank, info->dims); break;
    case BIND_STATUS: arguments[count++].buffer = status_buffer(lowering); break;
    case BIND_TABLE: arguments[count++].buffer = table_buffer(lowering, info, kernel.bindings[operand].data); break;
    }
  }
  if (kernel.statuses) call_fill(lowering, status_buffer(lowering), 0);
  call_kernel(lowering, kernel.code, count, arguments, add_info_node(lowering, shown));
  check_status(lowering, kernel.statuses);
}

static void lower_single(Lowering *lowering, NodeId id) {
  const Node *node = node_at(lowering->module, id);
  ValueId *stored = arena_array(lowering->arena, ValueId, node->output_count + 1u);
  Group group = {.count = 1, .nodes = &id, .anchor = op_info(node->op)->kind == KIND_LOOPS ? id : 0, .stored = stored};
  for (uint32_t result = 0; result < node->output_count; result++)
    if (node->outputs[result] && lowering->uses.count[node->outputs[result]]) stored[group.stored_count++] = node->outputs[result];
  if (!group.stored_count) return;
  if (group.anchor || group.stored_count == 1) { lower_kernel(lowering, &group, stored, id); return; }
  for (uint32_t at = 0, count = group.stored_count; at < count; at++) { /* results of a point operator (the parts of a Split) may differ in dims */
    group.stored = &stored[at];
    group.stored_count = 1;
    lower_kernel(lowering, &group, &stored[at], id);
  }
}

static void lower_group_node(Lowering *lowering, NodeId id) {
  const Node *node = node_at(lowering->module, id);
  const Graph *body = graph_at(lowering->module, node_attribute(node, "body")->graph);
  int64_t anchor = op_int(lowering->module, node, "anchor");
  NodeId anchor_id = anchor < 0 ? 0 : body->order.data[anchor];
  Group group = {.count = body->order.count, .nodes = body->order.data, .anchor = anchor_id};
  group.stored_count = body->outputs.count;
  group.stored = body->outputs.data;
  lower_kernel(lowering, &group, node->outputs, anchor_id ? anchor_id : body->order.data[body->order.count - 1]);
}

/* ---- outputs of graphs ----------------------------------------------------------------------------------------------------- */

/* True if `id`'s memory can simply be `buffer`: it is computed in `graph` by a kernel and has no buffer yet. */
static bool claim_buffer(Lowering *lowering, GraphId graph, ValueId id, uint32_t buffer) {
  ValueId root = alias_root(lowering, id);
  const Value *value = value_at(lowering->module, root);
  if (!value->definition || value_is_constant(value) || value->graph != graph || lowering->buffer[root] != NO_BUFFER) return false;
  lowering->buffer[root] = buffer;
  return true;
}

static void copy_to(Lowering *lowering, uint32_t target, ValueId id) {
  ValueId root = alias_root(lowering, id);
  const Value *value = value_at(lowering->module, root);
  if (value->content == CONTENT_SPLAT) call_fill(lowering, target, value->splat);
  else build_copy(&lowering->entry, target, buffer_of(lowering, root));
}

/* ---- If -------------------------------------------------------------------------------------------------------------------- */

/* Where the branches differ in shape, the result's dim is a run-time symbol that each branch assigns: UINT32_MAX, or that symbol. */
static uint32_t branch_symbol(const Lowering *lowering, ValueId result, ValueId branch_result, uint32_t axis) {
  const Module *module = lowering->module;
  Dim to = value_at(module, result)->dims[axis];
  const DimNode *dim = &module->dims.nodes.data[to];
  bool is_run = dim->op == DIM_OP_SYMBOL && module->dims.symbols.data[dim->value].kind == SYMBOL_RUN;
  return is_run && to != value_at(module, branch_result)->dims[axis] ? (uint32_t)dim->value : UINT32_MAX;
}

static void assign_branch_dims(Lowering *lowering, ValueId result, ValueId branch_result) {
  const Value *from = value_at(lowering->module, branch_result);
  for (uint32_t axis = 0; axis < from->rank; axis++) {
    uint32_t symbol = branch_symbol(lowering, result, branch_result, axis);
    if (symbol != UINT32_MAX) build_assign(&lowering->entry, symbol, build_dim(&lowering->entry, from->dims[axis]));
  }
}

/* Are the sizes that a branch assigns known before it runs? Those with symbols found at run time may be found inside. */
static bool sizes_known_before(Lowering *lowering, ValueId result, ValueId branch_result) {
  const DimTable *table = &lowering->module->dims;
  bool *used = arena_array(lowering->arena, bool, table->symbols.count + 1u);
  const Value *from = value_at(lowering->module, branch_result);
  for (uint32_t axis = 0; axis < from->rank; axis++)
    if (branch_symbol(lowering, result, branch_result, axis) != UINT32_MAX) dim_symbols(table, from->dims[axis], used);
  for (uint32_t symbol = 0; symbol < table->symbols.count; symbol++)
    if (used[symbol] && table->symbols.data[symbol].kind == SYMBOL_RUN) return false;
  return true;
}

/* Writes a branch's results where the If's results lie: at once where their sizes are known before, else by a copy behind the branch. */
static void lower_branch_body(Lowering *lowering, NodeId id, GraphId branch) {
  const Node *node = node_at(lowering->module, id);
  const Graph *graph = graph_at(lowering->module, branch);
  bool *early = arena_array(lowering->arena, bool, graph->outputs.count + 1u);
  bool *claimed = arena_array(lowering->arena, bool, graph->outputs.count + 1u);
  for (uint32_t at = 0; at < graph->outputs.count; at++) {
    ValueId result = node->outputs[at], from = graph->outputs.data[at];
    if (!result || !sizes_known_before(lowering, result, from)) continue;
    early[at] = true;
    assign_branch_dims(lowering, result, from);
    claimed[at] = claim_buffer(lowering, branch, from, buffer_of(lowering, result));
  }
  lower_graph(lowering, branch);
  for (uint32_t at = 0; at < graph->outputs.count; at++) {
    ValueId result = node->outputs[at];
    if (!result) continue;
    if (!early[at]) assign_branch_dims(lowering, result, graph->outputs.data[at]);
    if (!claimed[at]) copy_to(lowering, buffer_of(lowering, result), graph->outputs.data[at]);
  }
}

static void lower_branch(Lowering *lowering, NodeId id, const char *name) {
  const Node *node = node_at(lowering->module, id);
  GraphId branch = node_attribute(node, name)->graph;
  const Graph *graph = graph_at(lowering->module, branch);
  if (graph->order.count == 1 && node_at(lowering->module, graph->order.data[0])->op == OP_Fail) {
    build_fail(&lowering->entry, STATUS_SHAPE);
    return;
  }
  lower_branch_body(lowering, id, branch);
}

static void lower_if(Lowering *lowering, NodeId id) {
  ValueId condition = node_at(lowering->module, id)->inputs[0];
  Builder *entry = &lowering->entry;
  Expr indices[MAX_RANK];
  uint32_t buffer = buffer_of(lowering, condition), rank = lowering->program->buffers.data[buffer].rank;
  for (uint32_t axis = 0; axis < rank; axis++) indices[axis] = build_index(entry, 0);
  build_if(entry, build_load(entry, buffer, rank, indices));
  lower_branch(lowering, id, "then_branch");
  build_else(entry);
  lower_branch(lowering, id, "else_branch");
  build_end(entry);
}

/* ---- graphs ---------------------------------------------------------------------------------------------------------------- */

/* The entry refuses dims that a node's operator does not fit together, before its kernel could reach past the end of one. */
static void check_agreements(Lowering *lowering, NodeId id) {
  const Node *node = node_at(lowering->module, id);
  Builder    *entry = &lowering->entry;
  for (uint32_t at = 0; at < node->agreements.count; at++) {
    const Agreement *pair = &node->agreements.data[at];
    Expr a = build_dim(entry, pair->a), b = build_dim(entry, pair->b), one = build_index(entry, 1), zero = build_index(entry, 0);
    Expr differ = build_binary(entry, LOOP_NE, a, b);
    if (pair->or_one) {
      Expr a_fixed = build_binary(entry, LOOP_OR, build_binary(entry, LOOP_NE, a, one), build_binary(entry, LOOP_EQ, b, zero));
      Expr b_fixed = build_binary(entry, LOOP_OR, build_binary(entry, LOOP_NE, b, one), build_binary(entry, LOOP_EQ, a, zero));
      differ = build_binary(entry, LOOP_AND, differ, build_binary(entry, LOOP_AND, a_fixed, b_fixed));
    }
    build_if(entry, differ);
    build_fail(entry, STATUS_SHAPE);
    build_end(entry);
  }
}

static void check_group(Lowering *lowering, NodeId id) {
  const Graph *body = graph_at(lowering->module, node_attribute(node_at(lowering->module, id), "body")->graph);
  for (uint32_t at = 0; at < body->order.count; at++) check_agreements(lowering, body->order.data[at]);
}

static void lower_node_in(Lowering *lowering, NodeId id) {
  const Node *node = node_at(lowering->module, id);
  const OpInfo *info = op_info(node->op);
  if (!op_is_buildable(lowering->module, id)) {
    model_error(lowering->module->context, CODE_UNSUPPORTED_TYPES, node_place(lowering->module, id, &op_names),
                "run `onnxcc inspect` for the whole list", "%s is not supported for these element types", info->name);
    return;
  }
  if (node->op == OP_Group) check_group(lowering, id);
  check_agreements(lowering, id);
  if (node->op == OP_Group) lower_group_node(lowering, id);
  else if (node->op == OP_If) lower_if(lowering, id);
  else if (info->kind != KIND_ALIAS || node->run_time_shape || node->output_count > 1) lower_single(lowering, id);
}

static void lower_graph(Lowering *lowering, GraphId graph) {
  for (uint32_t at = 0; at < graph_at(lowering->module, graph)->order.count; at++)
    lower_node_in(lowering, graph_at(lowering->module, graph)->order.data[at]);
}

/* The node that writes a value, inside a group if it is one's result, which then is `value`. */
static NodeId writer_of(const Module *module, ValueId *value) {
  NodeId id = value_at(module, *value)->definition;
  while (id && node_at(module, id)->op == OP_Group) {
    *value = graph_at(module, node_attribute(node_at(module, id), "body")->graph)->outputs.data[value_at(module, *value)->result];
    id = value_at(module, *value)->definition;
  }
  return id;
}

static void describe_tensor(Lowering *lowering, ValueId id, uint32_t buffer, bool is_input) {
  const Value *value = value_at(lowering->module, id);
  InfoTensor tensor = {.name = value->name, .element = value->element, .rank = value->rank, .buffer = buffer};
  memcpy(tensor.dims, value->dims, value->rank * sizeof *value->dims);
  NodeId node = is_input ? lowering->uses.only[id] : writer_of(lowering->module, &id);
  tensor.quantized = node && op_quantisation(lowering->module, node, id, &tensor.scale, &tensor.zero_point);
  if (is_input) vector_push(lowering->arena, &lowering->program->info.inputs, tensor);
  else vector_push(lowering->arena, &lowering->program->info.outputs, tensor);
}

static void open_lowering(Lowering *lowering, Module *module, Arena *arena, const Target *target) {
  *lowering = (Lowering){.target = target, .module = module, .arena = arena, .status = NO_BUFFER};
  lowering->program = program_open(module->context, arena, &module->dims);
  lowering->uses = module_uses(module, arena);
  lowering->buffer = arena_array(arena, uint32_t, module->values.count);
  lowering->root = arena_array(arena, ValueId, module->values.count);
  memset(lowering->buffer, 0xff, module->values.count * sizeof *lowering->buffer);
  ProgramInfo *info = &lowering->program->info;
  info->producer = module->producer ? module->producer : "";
  info->description = module->description ? module->description : "";
  info->model_name = graph_at(module, 1)->name ? graph_at(module, 1)->name : "";
  info->ir_version = module->ir_version;
  info->opset = module->opset;
  info->model_hash = module->hash;
  build_open(&lowering->entry, lowering->program, CODE_ENTRY, "run");
}

static void add_input(Lowering *lowering, ValueId id, uint32_t number) {
  Buffer buffer = buffer_like(lowering, id, STORAGE_INPUT, "input", number);
  buffer.index = number;
  buffer.align = 0;
  lowering->buffer[id] = program_buffer(lowering->program, buffer);
  describe_tensor(lowering, id, lowering->buffer[id], true);
}

static uint32_t add_output(Lowering *lowering, ValueId id, uint32_t number) {
  Buffer buffer = buffer_like(lowering, id, STORAGE_OUTPUT, "output", number);
  buffer.index = number;
  buffer.align = 0;
  uint32_t index = program_buffer(lowering->program, buffer);
  describe_tensor(lowering, id, index, false);
  ProgramInfo *info = &lowering->program->info;
  info->outputs.data[info->outputs.count - 1].name = graph_output_name(lowering->module, 1, number);
  return index;
}

/* ---- sizes ----------------------------------------------------------------------------------------------------------------- */

/* May the size be negative for sizes of the inputs that their ranges allow, such as H - 2 for a window of 3? Run-time symbols are another matter. */
static bool may_be_negative(Lowering *lowering, Dim dim, bool *used) {
  const DimTable *table = &lowering->module->dims;
  if (dim_lo(table, dim) >= 0) return false;
  memset(used, 0, table->symbols.count * sizeof *used);
  dim_symbols(table, dim, used);
  for (uint32_t symbol = 0; symbol < table->symbols.count; symbol++)
    if (used[symbol] && table->symbols.data[symbol].kind != SYMBOL_INPUT) return false;
  return true;
}

/* The entry begins by refusing inputs too small for the graph: no size of a value may be negative. Branches are left to their own loops. */
static void check_sizes(Lowering *lowering) {
  Module *module = lowering->module;
  Builder *entry = &lowering->entry;
  const Graph *graph = graph_at(module, 1);
  bool *used = arena_array(lowering->arena, bool, module->dims.symbols.count + 1u);
  bool *seen = arena_array(lowering->arena, bool, module->dims.nodes.count);
  uint32_t known = module->dims.nodes.count;
  for (uint32_t at = 0; at < graph->order.count; at++) {
    const Node *node = node_at(module, graph->order.data[at]);
    for (uint32_t result = 0; result < node->output_count; result++) {
      const Value *value = value_at(module, node->outputs[result]);
      for (uint32_t axis = 0; node->outputs[result] && axis < value->rank; axis++) {
        Dim dim = value->dims[axis];
        if (dim >= known || seen[dim] || !may_be_negative(lowering, dim, used)) continue;
        seen[dim] = true;
        build_if(entry, build_binary(entry, LOOP_LT, build_dim(entry, dim), build_index(entry, 0)));
        build_fail(entry, STATUS_SHAPE);
        build_end(entry);
      }
    }
  }
}

Program *lower(Module *module, Arena *arena, const Target *target) {
  Lowering *lowering = arena_new(arena, Lowering);
  open_lowering(lowering, module, arena, target);
  const Graph *graph = graph_at(module, 1);
  for (uint32_t at = 0; at < graph->inputs.count; at++) add_input(lowering, graph->inputs.data[at], at);
  uint32_t *output = arena_array(arena, uint32_t, graph->outputs.count + 1u);
  bool *claimed = arena_array(arena, bool, graph->outputs.count + 1u);
  for (uint32_t at = 0; at < graph->outputs.count; at++) {
    output[at] = add_output(lowering, graph->outputs.data[at], at);
    claimed[at] = claim_buffer(lowering, 1, graph->outputs.data[at], output[at]);
  }
  check_sizes(lowering);
  lower_graph(lowering, 1);
  check_errors(module->context);
  graph = graph_at(module, 1);
  for (uint32_t at = 0; at < graph->outputs.count; at++)
    if (!claimed[at]) copy_to(lowering, output[at], graph->outputs.data[at]);
  vector_push(arena, &lowering->program->entries, build_close(&lowering->entry));
  return lowering->program;
}
