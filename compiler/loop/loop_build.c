/* The builder's statements.
 *
 * Every statement comes to own its trees (settle): a subexpression that one statement uses twice becomes a `let` before it; one that an earlier
 * statement holds already is copied, if its value does not depend on the place. If it does (a load, a read of a variable), the author has to say
 * with build_let which of the two places is meant; not to do so is a bug. The condition of a `while` is evaluated again and again, so what it
 * uses twice is copied instead. */
#include "build.h"
#include "widen.h"

#include <stdio.h>
#include <string.h>

enum { LARGEST_CONDITION = 10000 }; /* copies in the condition of one `while` */

/* ---- opening and closing ---- */

void build_open(Builder *builder, Program *program, CodeKind kind, const char *name) {
  *builder = (Builder){ .program = program, .arena = program->arena };
  Code *code = &builder->code;
  code->kind = kind;
  code->name = loop_name(program, name);
  code->lanes = 1;
  vector_push(builder->arena, &code->exprs, (ExprNode){ .op = LOOP_OP_NONE });
  vector_push(builder->arena, &code->stmts, (StmtNode){ .kind = STMT_NONE });
  vector_push(builder->arena, &code->slots, (SlotInfo){ .name = "" });
  vector_push(builder->arena, &builder->facts, (ExprFacts){ .depth = 0 });
}

Code build_close(Builder *builder) {
  if (builder->depth != 0) build_bug(builder, "closed with %u open blocks", builder->depth);
  builder->code.defined = true;
  return builder->code;
}

static Slot add_slot(Builder *builder, const char *name, Scalar scalar, uint16_t lanes, bool is_variable) {
  SlotInfo info = { .name = loop_name(builder->program, name), .scalar = scalar, .lanes = lanes, .is_variable = is_variable };
  vector_push(builder->arena, &builder->code.slots, info);
  return builder->code.slots.count - 1;
}

Expr build_parameter(Builder *builder, const char *name, Scalar scalar) {
  Code *code = &builder->code;
  if (code->kind != CODE_FUNCTION || code->stmts.count > 1 || code->slots.count != code->parameter_count + 1)
    build_bug(builder, "parameter `%s` out of place", name);
  code->parameter_count++;
  return build_slot(builder, add_slot(builder, name, scalar, code->lanes, false));
}

static bool has_operand(const Code *code, const char *name) {
  for (uint32_t i = 0; i < code->operands.count; i++)
    if (strcmp(code->operands.data[i].name, name) == 0) return true;
  return false;
}

Operand build_operand(Builder *builder, OperandInfo info) {
  Code *code = &builder->code;
  const char *stem = loop_name(builder->program, info.name);
  if (code->kind != CODE_KERNEL) build_bug(builder, "operand `%s` outside a kernel", stem);
  if (info.rank > LOOP_MAX_RANK) build_bug(builder, "operand `%s` of rank %u", stem, info.rank);
  info.name = stem;
  for (uint32_t i = 1; has_operand(code, info.name); i++) info.name = loop_numbered_name(builder->arena, stem, i);
  vector_push(builder->arena, &code->operands, info);
  return code->operands.count - 1;
}

void build_note(Builder *builder, const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  char *note = arena_allocate(builder->arena, (size_t)(length < 0 ? 0 : length) + 1);
  vsnprintf(note, (size_t)(length < 0 ? 0 : length) + 1, format, arguments);
  va_end(arguments);
  vector_push(builder->arena, &builder->code.notes, note);
}

/* ---- loads and calls: the values that hold lists ---- */

static uint32_t add_list(Builder *builder, uint32_t count, const Expr *items) {
  uint32_t first = builder->code.lists.count;
  for (uint32_t i = 0; i < count; i++) {
    Expr item = items[i];
    vector_push(builder->arena, &builder->code.lists, item);
  }
  return first;
}

/* Element type and rank of what a load or store names; leaves for what does not exist. */
static Scalar accessed(const Builder *builder, Operand operand, uint32_t rank) {
  const Code *code = &builder->code;
  const Program *program = builder->program;
  bool is_kernel = code->kind == CODE_KERNEL;
  uint32_t count = is_kernel ? code->operands.count : code->kind == CODE_ENTRY ? program->buffers.count : 0;
  if (operand >= count) build_bug(builder, "access to operand %u of %u", operand, count);
  const char *name = is_kernel ? code->operands.data[operand].name : program->buffers.data[operand].name;
  uint32_t wanted = is_kernel ? code->operands.data[operand].rank : program->buffers.data[operand].rank;
  if (rank != wanted) build_bug(builder, "access to `%s` of rank %u with %u indices", name, wanted, rank);
  return is_kernel ? code->operands.data[operand].scalar : program->buffers.data[operand].scalar;
}

static void check_indices(const Builder *builder, uint32_t rank, const Expr *indices) {
  for (uint32_t i = 0; i < rank; i++)
    if (build_scalar(builder, indices[i]) != SCALAR_INDEX)
      build_bug(builder, "index %u of an access is %s", i, scalar_name(build_scalar(builder, indices[i])));
}

/* Elements of the last dimension lie side by side, so that lanes may run along it. */
static bool has_unit_stride(const Builder *builder, Operand operand, uint32_t rank) {
  int64_t stride;
  if (builder->code.kind != CODE_KERNEL || !builder->code.operands.data[operand].strided) return true;
  return dim_is_constant(builder->program->dims, builder->code.operands.data[operand].strides[rank - 1], &stride) && stride == 1;
}

/* The indices of an access of `lanes` lanes: scalars alone if they run along the last dimension, else vectors and perhaps scalars beside them. */
static void place_lanes(Builder *builder, Operand operand, uint32_t rank, const Expr *indices, uint16_t lanes, Expr *placed) {
  LaneIndex form[LOOP_MAX_RANK];
  bool contiguous = rank > 0 && has_unit_stride(builder, operand, rank), given = true;
  for (uint32_t i = 0; i < rank; i++) given = given && build_lanes(builder, indices[i]) == 1;
  for (uint32_t i = 0; i < rank; i++) {
    int64_t wanted = i + 1 == rank && !given ? 1 : 0;
    contiguous = contiguous && build_lane_index(builder, indices[i], &form[i]) && form[i].stride == wanted;
  }
  for (uint32_t i = 0; i < rank; i++) placed[i] = contiguous ? form[i].base : indices[i];
  builder->gathered |= !contiguous;
  if (contiguous || !given) return;
  if (rank == 0) build_bug(builder, "access of %u lanes to what has rank 0", lanes);
  placed[rank - 1] = build_binary(builder, LOOP_ADD, indices[rank - 1], build_lane_numbers(builder, SCALAR_INDEX, lanes));
}

/* Every lane at one place: a scalar access. */
static bool is_uniform(Builder *builder, uint32_t rank, Expr *indices) {
  LaneIndex form[LOOP_MAX_RANK];
  for (uint32_t i = 0; i < rank; i++)
    if (!build_lane_index(builder, indices[i], &form[i]) || form[i].stride != 0) return false;
  for (uint32_t i = 0; i < rank; i++) indices[i] = form[i].base;
  return true;
}

/* The lanes of the indices, which must agree; 1 if all are scalars. */
static uint16_t index_lanes(const Builder *builder, uint32_t rank, const Expr *indices) {
  uint16_t lanes = 1;
  for (uint32_t i = 0; i < rank; i++) {
    uint16_t found = build_lanes(builder, indices[i]);
    if (found > 1 && lanes > 1 && found != lanes) build_bug(builder, "indices of %u and of %u lanes", lanes, found);
    if (found > 1) lanes = found;
  }
  return lanes;
}

Expr build_load_lanes(Builder *builder, Operand operand, uint32_t rank, const Expr *indices, uint16_t lanes, Expr active) {
  Expr placed[LOOP_MAX_RANK + 1];
  Scalar scalar = accessed(builder, operand, rank);
  check_indices(builder, rank, indices);
  uint16_t found = index_lanes(builder, rank, indices);
  if (found > 1 && lanes > 1 && found != lanes) build_bug(builder, "load of %u lanes at %u places", lanes, found);
  for (uint32_t i = 0; i < rank; i++) placed[i] = indices[i];
  if (found > 1 && !active && is_uniform(builder, rank, placed)) {
    Expr element = build_load_lanes(builder, operand, rank, placed, 1, 0);
    return build_broadcast(builder, element, found);
  }
  if (found > lanes) lanes = found;
  if (lanes > 1) place_lanes(builder, operand, rank, indices, lanes, placed);
  if (active) placed[rank] = active;
  uint32_t count = rank + (active != 0), first = add_list(builder, count, placed);
  return build_node(builder, (ExprNode){ .op = LOOP_LOAD, .scalar = (uint8_t)scalar, .lanes = lanes, .operand = { operand, first, count } });
}

Expr build_load(Builder *builder, Operand operand, uint32_t rank, const Expr *indices) {
  return build_load_lanes(builder, operand, rank, indices, 1, 0);
}

Expr build_call(Builder *builder, const char *function, Scalar result, uint32_t count, const Expr *arguments) {
  Scalar parameters[LOOP_MAX_RANK];
  Expr wide[LOOP_MAX_RANK];
  if (count > LOOP_MAX_RANK) build_bug(builder, "call of `%s` with %u arguments", function, count);
  uint16_t lanes = 1;
  for (uint32_t i = 0; i < count; i++)
    if (build_lanes(builder, arguments[i]) > lanes) lanes = build_lanes(builder, arguments[i]);
  for (uint32_t i = 0; i < count; i++) {
    parameters[i] = build_scalar(builder, arguments[i]);
    wide[i] = build_broadcast(builder, arguments[i], lanes);
  }
  if (lanes > 1) builder->refused |= !function_is_straight(builder->program, function);
  const char *name = loop_vector_name(builder->arena, function, lanes);
  uint32_t index = program_function(builder->program, name, lanes, result, count, parameters);
  uint32_t first = add_list(builder, count, wide);
  return build_node(builder, (ExprNode){ .op = LOOP_CALL, .scalar = (uint8_t)result, .lanes = lanes, .operand = { index, first, count } });
}

/* ---- statements own their trees ---- */

static Stmt append(Builder *builder, StmtNode node) {
  Code *code = &builder->code;
  vector_push(builder->arena, &code->stmts, node);
  Stmt stmt = code->stmts.count - 1;
  Stmt owner = builder->block[builder->depth].owner, last = builder->block[builder->depth].last;
  if (last) stmt_at(code, last)->next = stmt;
  else if (owner == 0) code->body = stmt;
  else if (builder->block[builder->depth].otherwise) stmt_at(code, owner)->otherwise = stmt;
  else stmt_at(code, owner)->body = stmt;
  builder->block[builder->depth].last = stmt;
  return stmt;
}

static bool is_leaf(const Builder *builder, Expr expr) {
  uint8_t op = expr_at(&builder->code, expr)->op;
  return op == LOOP_CONSTANT || op == LOOP_DIM || op == LOOP_LANES || op == LOOP_SLOT;
}

/* Counts the references to every non-leaf expression below; appends them to `visited`, operands first. */
static void count_uses(Builder *builder, Expr expr) {
  if (is_leaf(builder, expr)) return;
  ExprFacts *facts = &builder->facts.data[expr];
  if (facts->statement && facts->impure)
    build_bug(builder, "a load or a read of a variable (`%s`) is used by two statements; say with build_let where it is meant",
              loop_op_text((LoopOp)expr_at(&builder->code, expr)->op));
  if (facts->uses++) return;
  for (uint32_t i = 0, count = expr_operand_count(&builder->code, expr); i < count; i++)
    count_uses(builder, expr_operand(&builder->code, expr, i));
  vector_push(builder->arena, &builder->visited, expr);
}

/* A copy of the node with other operands. */
static Expr copy_node(Builder *builder, Expr expr, uint32_t count, const Expr *operands) {
  ExprNode node = *expr_at(&builder->code, expr);
  if (node.op == LOOP_LOAD || node.op == LOOP_CALL) node.operand[1] = add_list(builder, count, operands);
  else
    for (uint32_t i = 0; i < count; i++) node.operand[i] = operands[i];
  return build_node(builder, node);
}

/* The expression as a tree that belongs to `statement` alone: itself where it may, else a copy. Beyond `limit` nodes of the code: a bug. */
static Expr own(Builder *builder, Expr expr, Stmt statement, uint32_t limit) {
  Expr operands[LOOP_MAX_RANK + 1];
  if (is_leaf(builder, expr)) return expr;
  if (builder->facts.data[expr].replacement) return builder->facts.data[expr].replacement;
  bool changed = builder->facts.data[expr].statement != 0;
  uint32_t count = expr_operand_count(&builder->code, expr);
  for (uint32_t i = 0; i < count; i++) {
    Expr operand = expr_operand(&builder->code, expr, i);
    operands[i] = own(builder, operand, statement, limit);
    changed |= operands[i] != operand;
  }
  if (builder->code.exprs.count >= limit) build_bug(builder, "condition of a while grows by more than %u nodes", LARGEST_CONDITION);
  Expr owned = changed ? copy_node(builder, expr, count, operands) : expr;
  builder->facts.data[expr].statement = builder->facts.data[owned].statement = statement;
  return owned;
}

static const char *let_name(const Builder *builder, Expr expr) {
  const ExprNode *node = expr_at(&builder->code, expr);
  if (node->op == LOOP_LOAD) return "element";
  return node->scalar == SCALAR_INDEX ? "position" : "value";
}

/* The next statement to be made, as the owner of expressions. */
static Stmt next_stmt(const Builder *builder) { return builder->code.stmts.count; }

/* Puts `slot = expr` here and lets the slot stand for the expression in the statement being made. */
static void make_let(Builder *builder, Expr expr) {
  Slot slot = add_slot(builder, let_name(builder, expr), build_scalar(builder, expr), build_lanes(builder, expr), false);
  Expr owned = own(builder, expr, next_stmt(builder), UINT32_MAX);
  append(builder, (StmtNode){ .kind = STMT_LET, .slot = slot, .a = owned });
  Expr read = build_slot(builder, slot);
  builder->facts.data[expr].replacement = read;
}

/* Makes the trees of one statement its own, in place. All roots of a statement go through one call. */
static void settle(Builder *builder, uint32_t count, Expr *roots) {
  builder->visited.count = 0;
  for (uint32_t i = 0; i < count; i++)
    if (roots[i]) count_uses(builder, roots[i]);
  for (uint32_t i = 0; i < builder->visited.count; i++) {
    Expr expr = builder->visited.data[i];
    if (builder->facts.data[expr].uses > 1) make_let(builder, expr);
  }
  for (uint32_t i = 0; i < count; i++)
    if (roots[i]) roots[i] = own(builder, roots[i], next_stmt(builder), UINT32_MAX);
  for (uint32_t i = 0; i < builder->visited.count; i++) {
    ExprFacts *facts = &builder->facts.data[builder->visited.data[i]];
    facts->uses = 0;
    facts->replacement = 0;
  }
}

/* Without lets: what is used twice is copied. */
static Expr settle_condition(Builder *builder, Expr condition) {
  builder->visited.count = 0;
  count_uses(builder, condition);
  for (uint32_t i = 0; i < builder->visited.count; i++) builder->facts.data[builder->visited.data[i]].uses = 0;
  return own(builder, condition, next_stmt(builder), builder->code.exprs.count + LARGEST_CONDITION);
}

/* ---- blocks ---- */

static void open_block(Builder *builder, Stmt owner) {
  if (builder->depth + 1 >= LOOP_MAX_BLOCKS) build_bug(builder, "more than %u nested blocks", LOOP_MAX_BLOCKS - 1);
  builder->depth++;
  builder->block[builder->depth].owner = owner;
  builder->block[builder->depth].last = 0;
  builder->block[builder->depth].otherwise = false;
}

static void expect_scalar(const Builder *builder, const char *what, Expr expr, Scalar scalar) {
  Scalar found = build_scalar(builder, expr);
  if (found != scalar) build_bug(builder, "%s is %s, not %s", what, scalar_name(found), scalar_name(scalar));
}

/* Control flow has one lane: what differs between lanes is refused, and something else stands for it in the worthless rest. */
static Expr one_lane(Builder *builder, Expr expr) {
  if (build_lanes(builder, expr) == 1) return expr;
  builder->refused = true;
  return build_integer(builder, build_scalar(builder, expr), 0);
}

Expr build_for(Builder *builder, const char *name, Expr lo, Expr hi) {
  return build_for_step(builder, name, lo, hi, 1, LOOP_SERIAL);
}

Expr build_for_step(Builder *builder, const char *name, Expr lo, Expr hi, int64_t step, LoopKind kind) {
  expect_scalar(builder, "start of a loop", lo, SCALAR_INDEX);
  expect_scalar(builder, "end of a loop", hi, SCALAR_INDEX);
  if (step <= 0) build_bug(builder, "loop with a step of %lld", (long long)step);
  Expr bounds[2] = { one_lane(builder, lo), one_lane(builder, hi) };
  settle(builder, 2, bounds);
  Slot slot = add_slot(builder, name, SCALAR_INDEX, 1, false);
  StmtNode node = { .kind = STMT_FOR, .loop_kind = (uint8_t)kind, .slot = slot, .a = bounds[0], .b = bounds[1] };
  node.c = build_index(builder, step);
  open_block(builder, append(builder, node));
  return build_slot(builder, slot);
}

void build_while(Builder *builder, Expr condition) {
  expect_scalar(builder, "condition of a while", condition, SCALAR_I1);
  condition = settle_condition(builder, one_lane(builder, condition));
  open_block(builder, append(builder, (StmtNode){ .kind = STMT_WHILE, .a = condition }));
}

void build_if(Builder *builder, Expr condition) {
  expect_scalar(builder, "condition of an if", condition, SCALAR_I1);
  condition = one_lane(builder, condition);
  settle(builder, 1, &condition);
  open_block(builder, append(builder, (StmtNode){ .kind = STMT_IF, .a = condition }));
}

void build_else(Builder *builder) {
  Stmt owner = builder->block[builder->depth].owner;
  if (builder->depth == 0 || stmt_at(&builder->code, owner)->kind != STMT_IF || builder->block[builder->depth].otherwise)
    build_bug(builder, "else without if");
  builder->block[builder->depth].last = 0;
  builder->block[builder->depth].otherwise = true;
}

void build_end(Builder *builder) {
  if (builder->depth == 0) build_bug(builder, "end without a block");
  builder->depth--;
}

/* ---- simple statements ---- */

/* base + stride * lanes with a let for the base: such an index stays visible to loads and stores. */
static Expr let_lane_index(Builder *builder, const char *name, const LaneIndex *form, uint16_t lanes) {
  Expr base = build_let(builder, name, form->base);
  if (form->stride == 0) return build_broadcast(builder, base, lanes);
  Expr numbers = build_lane_numbers(builder, SCALAR_INDEX, lanes);
  return build_binary(builder, LOOP_ADD, base, build_binary(builder, LOOP_MUL, numbers, build_index(builder, form->stride)));
}

Expr build_let(Builder *builder, const char *name, Expr value) {
  const ExprNode *node = expr_at(&builder->code, value);
  Scalar scalar = build_scalar(builder, value);
  LaneIndex form;
  uint16_t lanes = build_lanes(builder, value);
  if (node->op == LOOP_CONSTANT || node->op == LOOP_DIM || node->op == LOOP_LANES) return value;
  if (lanes > 1 && scalar == SCALAR_INDEX && build_lane_index(builder, value, &form)) return let_lane_index(builder, name, &form, lanes);
  if (node->op == LOOP_SLOT && !builder->code.slots.data[node->operand[0]].is_variable) return value;
  settle(builder, 1, &value);
  Slot slot = add_slot(builder, name, scalar, lanes, false);
  append(builder, (StmtNode){ .kind = STMT_LET, .slot = slot, .a = value });
  return build_slot(builder, slot);
}

Expr build_var(Builder *builder, const char *name, Expr initial) {
  Scalar scalar = build_scalar(builder, initial);
  uint16_t lanes = build_lanes(builder, initial);
  settle(builder, 1, &initial);
  Slot slot = add_slot(builder, name, scalar, lanes, true);
  append(builder, (StmtNode){ .kind = STMT_VAR, .slot = slot, .a = initial });
  return build_slot(builder, slot);
}

void build_set(Builder *builder, Expr variable, Expr value) {
  Scalar scalar = build_scalar(builder, variable);
  const ExprNode *node = expr_at(&builder->code, variable);
  if (node->op != LOOP_SLOT || !builder->code.slots.data[node->operand[0]].is_variable) build_bug(builder, "set of what is no variable");
  Slot slot = node->operand[0];
  expect_scalar(builder, builder->code.slots.data[slot].name, value, scalar);
  value = build_broadcast(builder, value, build_lanes(builder, variable));
  settle(builder, 1, &value);
  append(builder, (StmtNode){ .kind = STMT_SET, .slot = slot, .a = value });
}

void build_store_lanes(Builder *builder, Operand operand, uint32_t rank, const Expr *indices, Expr value, Expr active) {
  Expr roots[LOOP_MAX_RANK + 2];
  Scalar scalar = accessed(builder, operand, rank);
  uint32_t count = rank + (active != 0);
  expect_scalar(builder, "stored value", value, scalar);
  check_indices(builder, rank, indices);
  uint16_t found = index_lanes(builder, rank, indices);
  value = build_broadcast(builder, value, found);
  if (found > 1 && found != build_lanes(builder, value)) build_bug(builder, "store of %u lanes at %u places", build_lanes(builder, value), found);
  for (uint32_t i = 0; i < rank; i++) roots[i] = indices[i];
  if (build_lanes(builder, value) > 1) place_lanes(builder, operand, rank, indices, build_lanes(builder, value), roots);
  if (active) roots[rank] = active;
  roots[count] = value;
  settle(builder, count + 1, roots);
  uint32_t first = add_list(builder, count, roots);
  append(builder, (StmtNode){ .kind = STMT_STORE, .a = roots[count], .target = operand, .list = first, .list_count = count });
}

void build_store(Builder *builder, Operand operand, uint32_t rank, const Expr *indices, Expr value) {
  build_store_lanes(builder, operand, rank, indices, value, 0);
}

void build_return(Builder *builder, Expr value) {
  if (builder->code.kind != CODE_FUNCTION || builder->depth) build_bug(builder, "return must be the last statement of a function");
  builder->code.result = build_scalar(builder, value);
  value = build_broadcast(builder, value, builder->code.lanes);
  settle(builder, 1, &value);
  append(builder, (StmtNode){ .kind = STMT_RETURN, .a = value });
}

static void expect_entry(const Builder *builder, const char *what) {
  if (builder->code.kind != CODE_ENTRY) build_bug(builder, "%s outside an entry", what);
}

void build_kernel_call(Builder *builder, uint32_t kernel, uint32_t count, const CallArgument *arguments, uint32_t node) {
  expect_entry(builder, "call");
  if (kernel >= builder->program->kernels.count) build_bug(builder, "call of kernel %u, which does not exist", kernel);
  Expr *offsets = arena_array(builder->arena, Expr, count);
  for (uint32_t i = 0; i < count; i++) {
    offsets[i] = arguments[i].offset;
    if (offsets[i]) expect_scalar(builder, "offset of an argument", offsets[i], SCALAR_INDEX);
  }
  settle(builder, count, offsets);
  uint32_t first = builder->code.call_arguments.count;
  for (uint32_t i = 0; i < count; i++) {
    CallArgument argument = { .buffer = arguments[i].buffer, .offset = offsets[i] };
    vector_push(builder->arena, &builder->code.call_arguments, argument);
  }
  append(builder, (StmtNode){ .kind = STMT_CALL, .slot = node, .target = kernel, .list = first, .list_count = count });
}

void build_copy(Builder *builder, uint32_t to_buffer, uint32_t from_buffer) {
  expect_entry(builder, "copy");
  uint32_t count = builder->program->buffers.count;
  if (to_buffer >= count || from_buffer >= count) build_bug(builder, "copy of buffer %u to %u of %u", from_buffer, to_buffer, count);
  append(builder, (StmtNode){ .kind = STMT_COPY, .target = to_buffer, .list = from_buffer });
}

void build_assign(Builder *builder, uint32_t symbol, Expr value) {
  expect_entry(builder, "assign");
  if (symbol >= builder->program->dims->symbols.count) build_bug(builder, "assign of symbol %u, which does not exist", symbol);
  expect_scalar(builder, "assigned size", value, SCALAR_INDEX);
  settle(builder, 1, &value);
  append(builder, (StmtNode){ .kind = STMT_ASSIGN, .target = symbol, .a = value });
}

void build_fail(Builder *builder, uint32_t code) {
  expect_entry(builder, "fail");
  if (code == 0 || code > INT32_MAX) build_bug(builder, "fail with status %u", code);
  append(builder, (StmtNode){ .kind = STMT_FAIL, .target = code });
}
