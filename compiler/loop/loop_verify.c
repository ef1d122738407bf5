/* The verifier: what every pass may rely on and must keep. A violation is a bug of ours; the message names code, statement and rule.
 *
 * Checked: types of every operation, slots defined once and before use, trees without sharing, ranks, accesses (no store to what is only read),
 * constant indices inside constant dimensions, functions that end in one return and do not call in circles, calls that match their kernels,
 * variables of a parallel loop's outside that its body sets. Not checked: that parallel iterations write disjoint elements (the interpreter does). */
#include "affine.h"

#include <stdio.h>
#include <string.h>

typedef struct Verifier {
  const Program *program;
  const Code *code;
  Arena *arena;            /* scratch */
  Stmt stmt;               /* being checked */
  uint32_t blocks;         /* open */
  bool *visible;           /* by slot */
  bool *defined;           /* by slot: by a statement so far */
  bool *seen;              /* by non-leaf expression: in a tree already */
  uint32_t *loop_of;       /* by slot of a variable: parallel loops around its definition */
  uint32_t parallel;       /* parallel loops around the statement */
} Verifier;

NO_RETURN static void violation(const Verifier *verifier, const char *format, ...) PRINTF_LIKE(2, 3);
NO_RETURN static void violation(const Verifier *verifier, const char *format, ...) {
  char rule[256];
  Text text;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(rule, sizeof rule, format, arguments);
  va_end(arguments);
  text_open(&text, verifier->arena);
  if (verifier->stmt) statement_print(verifier->program, verifier->code, verifier->stmt, &text);
  else text_string(&text, "its header");
  bug(verifier->program->context, "loop verifier: %s: `%s`: %s", verifier->code ? verifier->code->name : "program", text_finish(&text), rule);
}

/* ---- expressions ---- */

static Scalar scalar_of(const Verifier *verifier, Expr expr) { return (Scalar)expr_at(verifier->code, expr)->scalar; }

static uint16_t lanes_of(const Verifier *verifier, Expr expr) { return expr_at(verifier->code, expr)->lanes; }

static void expect_lanes(const Verifier *verifier, Expr expr, uint16_t lanes, const char *what) {
  uint16_t found = lanes_of(verifier, expr);
  if (found != lanes) violation(verifier, "%s has %u lanes, not %u", what, found, lanes);
}

static void expect(const Verifier *verifier, Expr expr, Scalar scalar, const char *what) {
  Scalar found = scalar_of(verifier, expr);
  if (found != scalar) violation(verifier, "%s is %s, not %s", what, scalar_name(found), scalar_name(scalar));
}

static bool is_storage(Scalar scalar) { return scalar == SCALAR_F16 || scalar == SCALAR_BF16; }

static const OperandInfo *kernel_operand(const Verifier *verifier, Operand operand) {
  if (operand >= verifier->code->operands.count) violation(verifier, "operand %u does not exist", operand);
  return &verifier->code->operands.data[operand];
}

static const Buffer *entry_buffer(const Verifier *verifier, uint32_t buffer) {
  if (buffer >= verifier->program->buffers.count) violation(verifier, "buffer %u does not exist", buffer);
  return &verifier->program->buffers.data[buffer];
}

/* Indices of one lane along the last dimension, or some with a place for each lane; then perhaps a number of active lanes. */
static void check_lanes(const Verifier *verifier, const OperandInfo *info, uint32_t first, uint32_t count, uint32_t rank, uint16_t lanes) {
  const Code *code = verifier->code;
  int64_t stride;
  for (uint32_t i = 0; i < rank; i++)
    if (lanes_of(verifier, code->lists.data[first + i]) != 1) expect_lanes(verifier, code->lists.data[first + i], lanes, "index");
  if (count > rank) {
    expect(verifier, code->lists.data[first + rank], SCALAR_INDEX, "number of active lanes");
    expect_lanes(verifier, code->lists.data[first + rank], 1, "number of active lanes");
    if (lanes == 1) violation(verifier, "active lanes of a scalar");
  }
  if (lanes == 1 || !access_is_contiguous(code, first, rank)) return;
  if (rank == 0) violation(verifier, "%u lanes of what has rank 0", lanes);
  bool unit = !info || !info->strided || (dim_is_constant(verifier->program->dims, info->strides[rank - 1], &stride) && stride == 1);
  if (!unit) violation(verifier, "lanes along a dimension with a stride");
}

/* Rank, index types, lanes, constant indices inside constant dimensions. Returns the element type. */
static Scalar check_access(const Verifier *verifier, Operand operand, uint32_t first, uint32_t count, uint16_t lanes) {
  const Code *code = verifier->code;
  const DimTable *table = verifier->program->dims;
  if (code->kind == CODE_FUNCTION) violation(verifier, "memory access in a function");
  const OperandInfo *info = code->kind == CODE_KERNEL ? kernel_operand(verifier, operand) : NULL;
  const Buffer *buffer = code->kind == CODE_ENTRY ? entry_buffer(verifier, operand) : NULL;
  uint32_t rank = info ? info->rank : buffer->rank;
  const Dim *dims = info ? info->dims : buffer->dims;
  if (rank != count && rank + 1 != count) violation(verifier, "%u indices for rank %u", count, rank);
  check_lanes(verifier, info, first, count, rank, lanes);
  bool along = lanes > 1 && count == rank && access_is_contiguous(code, first, rank);
  for (uint32_t i = 0; i < rank; i++) {
    const ExprNode *index = expr_at(code, code->lists.data[first + i]);
    int64_t size;
    if (index->scalar != SCALAR_INDEX) violation(verifier, "index %u is %s", i, scalar_name((Scalar)index->scalar));
    if (index->op != LOOP_CONSTANT || verifier->blocks || count > rank) continue;
    bool above = dim_is_constant(table, dims[i], &size) && index->integer + (along && i + 1 == rank ? lanes - 1 : 0) >= size;
    if (index->integer < 0 || above) violation(verifier, "index %u is out of bounds", i);
  }
  return info ? info->scalar : buffer->scalar;
}

static void check_argument_of(const Verifier *verifier, Expr argument, Scalar scalar, uint16_t lanes) {
  expect(verifier, argument, scalar, "argument");
  expect_lanes(verifier, argument, lanes, "argument");
}

static void check_call(const Verifier *verifier, const ExprNode *node) {
  const Program *program = verifier->program;
  if (node->operand[0] >= program->functions.count) violation(verifier, "function %u does not exist", node->operand[0]);
  const Code *function = &program->functions.data[node->operand[0]];
  if (node->operand[2] != function->parameter_count)
    violation(verifier, "%u arguments for `%s`", node->operand[2], function->name);
  if ((Scalar)node->scalar != function->result) violation(verifier, "result of `%s` taken as %s", function->name, scalar_name((Scalar)node->scalar));
  for (uint32_t i = 0; i < node->operand[2]; i++)
    check_argument_of(verifier, verifier->code->lists.data[node->operand[1] + i], function->slots.data[i + 1].scalar, function->lanes);
  if (node->lanes != function->lanes) violation(verifier, "%u lanes of `%s`", node->lanes, function->name);
}

/* NEG .. SHR, MULADD, FMA and the comparisons: operands of one type that has this arithmetic. */
static void check_arithmetic(const Verifier *verifier, const ExprNode *node) {
  LoopOp op = (LoopOp)node->op;
  Scalar scalar = scalar_of(verifier, node->operand[0]);
  bool floats_only = (op >= LOOP_SQRT && op <= LOOP_ROUND) || op == LOOP_FMA;
  bool integers_only = op == LOOP_NOT || (op >= LOOP_AND && op <= LOOP_SHR);
  for (unsigned i = 1; i < loop_op_operands(op); i++) expect(verifier, node->operand[i], scalar, "operand");
  if (is_storage(scalar)) violation(verifier, "`%s` of %s, which is storage", loop_op_text(op), scalar_name(scalar));
  if ((floats_only && !scalar_is_float(scalar)) || (integers_only && scalar_is_float(scalar)))
    violation(verifier, "`%s` of %s", loop_op_text(op), scalar_name(scalar));
  Scalar result = loop_op_is_comparison(op) ? SCALAR_I1 : scalar;
  if ((Scalar)node->scalar != result)
    violation(verifier, "`%s` of %s gives %s", loop_op_text(op), scalar_name(scalar), scalar_name((Scalar)node->scalar));
}

static void check_conversion(const Verifier *verifier, const ExprNode *node) {
  Scalar from = scalar_of(verifier, node->operand[0]), to = (Scalar)node->scalar;
  if (node->op == LOOP_SATURATE && (!scalar_is_integer(from) || !scalar_is_integer(to)))
    violation(verifier, "saturate of %s to %s", scalar_name(from), scalar_name(to));
  if (node->op == LOOP_BITCAST && scalar_bits(from) != scalar_bits(to))
    violation(verifier, "bitcast of %s to %s", scalar_name(from), scalar_name(to));
}

static void check_leaf(const Verifier *verifier, const ExprNode *node) {
  if ((node->op == LOOP_CONSTANT || node->op == LOOP_DIM) && node->lanes != 1) violation(verifier, "constant of %u lanes", node->lanes);
  if (node->op == LOOP_LANES && (node->lanes == 1 || !scalar_is_integer((Scalar)node->scalar)))
    violation(verifier, "lanes of %s", scalar_name((Scalar)node->scalar));
  if (node->op == LOOP_DIM) {
    if (node->scalar != SCALAR_INDEX) violation(verifier, "dimension of type %s", scalar_name((Scalar)node->scalar));
    if (node->integer <= 0 || node->integer >= verifier->program->dims->nodes.count) violation(verifier, "dimension does not exist");
  }
  if (node->op != LOOP_SLOT) return;
  Slot slot = node->operand[0];
  if (slot == 0 || slot >= verifier->code->slots.count) violation(verifier, "slot %u does not exist", slot);
  const SlotInfo *info = &verifier->code->slots.data[slot];
  if (!verifier->visible[slot]) violation(verifier, "`%s` is read where it is not defined", info->name);
  if ((Scalar)node->scalar != info->scalar) violation(verifier, "`%s` is read as %s", info->name, scalar_name((Scalar)node->scalar));
  if (node->lanes != info->lanes) violation(verifier, "`%s` is read with %u lanes", info->name, node->lanes);
}

static void check_rearrangement(const Verifier *verifier, const ExprNode *node) {
  expect(verifier, node->operand[0], (Scalar)node->scalar, "operand");
  uint16_t from = lanes_of(verifier, node->operand[0]);
  if (node->op == LOOP_BROADCAST ? from != 1 || node->lanes == 1 : (uint64_t)node->operand[1] + node->lanes > from)
    violation(verifier, "`%s` of %u lanes to %u", loop_op_text((LoopOp)node->op), from, node->lanes);
}

static void check_node(const Verifier *verifier, const ExprNode *node) {
  bool by_lanes = node->op >= LOOP_NEG && node->op < LOOP_BROADCAST;
  for (unsigned i = 0; by_lanes && i < loop_op_operands((LoopOp)node->op); i++) expect_lanes(verifier, node->operand[i], node->lanes, "operand");
  switch ((LoopOp)node->op) {
  case LOOP_CONSTANT: case LOOP_DIM: case LOOP_LANES: case LOOP_SLOT: check_leaf(verifier, node); return;
  case LOOP_BROADCAST: case LOOP_EXTRACT: check_rearrangement(verifier, node); return;
  case LOOP_LOAD:
    if (check_access(verifier, node->operand[0], node->operand[1], node->operand[2], node->lanes) != (Scalar)node->scalar)
      violation(verifier, "load gives %s", scalar_name((Scalar)node->scalar));
    return;
  case LOOP_CALL: check_call(verifier, node); return;
  case LOOP_CAST: case LOOP_SATURATE: case LOOP_BITCAST: check_conversion(verifier, node); return;
  case LOOP_SELECT:
    expect(verifier, node->operand[0], SCALAR_I1, "condition of a select");
    expect(verifier, node->operand[1], (Scalar)node->scalar, "operand of a select");
    expect(verifier, node->operand[2], (Scalar)node->scalar, "operand of a select");
    return;
  default: check_arithmetic(verifier, node);
  }
}

/* The whole tree, operands first. */
static void check_expr(Verifier *verifier, Expr expr, uint32_t depth) {
  const Code *code = verifier->code;
  if (expr == 0 || expr >= code->exprs.count) violation(verifier, "value %u does not exist", expr);
  if (depth > LOOP_MAX_DEPTH) violation(verifier, "expression of more than %u levels", LOOP_MAX_DEPTH);
  const ExprNode *node = expr_at(code, expr);
  if (node->op == LOOP_OP_NONE || node->op >= LOOP_OP_COUNT || node->scalar >= SCALAR_COUNT || !lanes_are_valid(node->lanes))
    violation(verifier, "value %u is malformed", expr);
  bool has_list = node->op == LOOP_LOAD || node->op == LOOP_CALL;
  if (has_list && (uint64_t)node->operand[1] + node->operand[2] > code->lists.count) violation(verifier, "list of value %u does not exist", expr);
  uint32_t count = expr_operand_count(code, expr);
  if (node->op > LOOP_SLOT) {
    if (verifier->seen[expr]) violation(verifier, "`%s` belongs to two trees", loop_op_text((LoopOp)node->op));
    verifier->seen[expr] = true;
  }
  for (uint32_t i = 0; i < count; i++) check_expr(verifier, expr_operand(code, expr, i), depth + 1);
  check_node(verifier, node);
}

static void check_value(Verifier *verifier, Expr expr, Scalar scalar, const char *what) {
  check_expr(verifier, expr, 1);
  expect(verifier, expr, scalar, what);
}

static void check_single(Verifier *verifier, Expr expr, Scalar scalar, const char *what) {
  check_value(verifier, expr, scalar, what);
  expect_lanes(verifier, expr, 1, what);
}

/* ---- statements ---- */

static void check_list(Verifier *verifier, Stmt stmt);

static const SlotInfo *define(Verifier *verifier, Slot slot, bool is_variable) {
  if (slot == 0 || slot >= verifier->code->slots.count) violation(verifier, "slot %u does not exist", slot);
  const SlotInfo *info = &verifier->code->slots.data[slot];
  if (verifier->defined[slot]) violation(verifier, "`%s` is defined twice", info->name);
  if (info->is_variable != is_variable) violation(verifier, "`%s` is %s variable", info->name, is_variable ? "no" : "a");
  verifier->defined[slot] = verifier->visible[slot] = true;
  verifier->loop_of[slot] = verifier->parallel;
  return info;
}

static void check_for(Verifier *verifier, const StmtNode *node) {
  check_single(verifier, node->a, SCALAR_INDEX, "start of a loop");
  check_single(verifier, node->b, SCALAR_INDEX, "end of a loop");
  check_single(verifier, node->c, SCALAR_INDEX, "step of a loop");
  const ExprNode *step = expr_at(verifier->code, node->c);
  if (step->op != LOOP_CONSTANT || step->integer <= 0) violation(verifier, "step is no positive constant");
  if (node->loop_kind > LOOP_ACCUMULATES) violation(verifier, "loop of kind %u", node->loop_kind);
  if (define(verifier, node->slot, false)->scalar != SCALAR_INDEX) violation(verifier, "loop variable is no index");
  bool is_parallel = node->loop_kind == LOOP_PARALLEL;
  verifier->parallel += is_parallel;
  check_list(verifier, node->body);
  verifier->parallel -= is_parallel;
  verifier->visible[node->slot] = false;
}

static void check_definition(Verifier *verifier, const StmtNode *node) {
  check_expr(verifier, node->a, 1);
  const SlotInfo *info = define(verifier, node->slot, node->kind == STMT_VAR);
  expect(verifier, node->a, info->scalar, info->name);
  expect_lanes(verifier, node->a, info->lanes, info->name);
}

static void check_set(Verifier *verifier, const StmtNode *node) {
  check_expr(verifier, node->a, 1);
  if (node->slot == 0 || node->slot >= verifier->code->slots.count || !verifier->visible[node->slot])
    violation(verifier, "set of what is not defined here");
  const SlotInfo *info = &verifier->code->slots.data[node->slot];
  if (!info->is_variable) violation(verifier, "set of what is no variable");
  if (verifier->loop_of[node->slot] != verifier->parallel) violation(verifier, "set of a variable from outside a parallel loop");
  expect(verifier, node->a, info->scalar, info->name);
  expect_lanes(verifier, node->a, info->lanes, info->name);
}

static bool is_read_only(const Buffer *buffer) { return buffer->storage == STORAGE_INPUT || buffer->storage == STORAGE_WEIGHT; }

static void check_store(Verifier *verifier, const StmtNode *node) {
  if ((uint64_t)node->list + node->list_count > verifier->code->lists.count) violation(verifier, "list of the store does not exist");
  for (uint32_t i = 0; i < node->list_count; i++) check_expr(verifier, verifier->code->lists.data[node->list + i], 1);
  check_expr(verifier, node->a, 1);
  Scalar scalar = check_access(verifier, node->target, node->list, node->list_count, lanes_of(verifier, node->a));
  bool forbidden = verifier->code->kind == CODE_KERNEL ? kernel_operand(verifier, node->target)->access == ACCESS_IN
                                                       : is_read_only(entry_buffer(verifier, node->target));
  if (forbidden) violation(verifier, "store to what is only read");
  expect(verifier, node->a, scalar, "stored value");
}

/* ---- statements of entries ---- */

/* Elements between the first and the last that an operand reaches, plus one; DIM_UNKNOWN if it may be strided backwards. */
static Dim reach(const Verifier *verifier, const OperandInfo *operand) {
  DimTable *dims = verifier->program->dims;
  if (!operand->strided) return dim_product(dims, operand->dims, operand->rank);
  Dim one = dim_constant(dims, 1), span = one;
  for (uint32_t i = 0; i < operand->rank; i++) {
    if (dim_lo(dims, operand->strides[i]) < 0 || dim_lo(dims, operand->dims[i]) < 1) return DIM_UNKNOWN;
    span = dim_add(dims, span, dim_mul(dims, operand->strides[i], dim_sub(dims, operand->dims[i], one)));
  }
  return span;
}

static void check_argument(Verifier *verifier, const OperandInfo *operand, const CallArgument *argument) {
  DimTable *dims = verifier->program->dims;
  const Buffer *buffer = entry_buffer(verifier, argument->buffer);
  int64_t offset = 0;
  if (argument->offset) check_single(verifier, argument->offset, SCALAR_INDEX, "offset");
  if (buffer->scalar != operand->scalar)
    violation(verifier, "`%s` is %s, not %s", buffer->name, scalar_name(buffer->scalar), scalar_name(operand->scalar));
  if (operand->access != ACCESS_IN && is_read_only(buffer))
    violation(verifier, "`%s` is only read, but `%s` is written", buffer->name, operand->name);
  if (argument->offset) {
    const ExprNode *node = expr_at(verifier->code, argument->offset);
    if (node->op == LOOP_CONSTANT) offset = node->integer;
  }
  Dim span = reach(verifier, operand);
  if (offset < 0) violation(verifier, "negative offset into `%s`", buffer->name);
  if (span == DIM_UNKNOWN) return;
  Dim rest = dim_sub(dims, dim_product(dims, buffer->dims, buffer->rank), dim_add(dims, span, dim_constant(dims, offset)));
  if (dim_hi(dims, rest) < 0) violation(verifier, "`%s` is too small for `%s`", buffer->name, operand->name);
}

static void check_kernel_call(Verifier *verifier, const StmtNode *node) {
  const Program *program = verifier->program;
  if (node->target >= program->kernels.count) violation(verifier, "kernel %u does not exist", node->target);
  if (node->slot > program->info.nodes.count) violation(verifier, "node %u does not exist", node->slot - 1);
  if ((uint64_t)node->list + node->list_count > verifier->code->call_arguments.count) violation(verifier, "arguments do not exist");
  const Code *kernel = &program->kernels.data[node->target];
  uint32_t given = 0;
  for (uint32_t i = 0; i < kernel->operands.count; i++) {
    if (kernel->operands.data[i].access == ACCESS_LOCAL) continue;
    if (given == node->list_count) violation(verifier, "too few arguments");
    check_argument(verifier, &kernel->operands.data[i], &verifier->code->call_arguments.data[node->list + given++]);
  }
  if (given != node->list_count) violation(verifier, "too many arguments");
}

static void check_copy(Verifier *verifier, const StmtNode *node) {
  DimTable *dims = verifier->program->dims;
  const Buffer *from = entry_buffer(verifier, node->list), *to = entry_buffer(verifier, node->target);
  if (from->scalar != to->scalar) violation(verifier, "copy of %s to %s", scalar_name(from->scalar), scalar_name(to->scalar));
  if (is_read_only(to)) violation(verifier, "store to what is only read");
  Dim rest = dim_sub(dims, dim_product(dims, to->dims, to->rank), dim_product(dims, from->dims, from->rank));
  if (dim_hi(dims, rest) < 0 || dim_lo(dims, rest) > 0) violation(verifier, "copy between buffers of different sizes");
}

static void check_entry_statement(Verifier *verifier, const StmtNode *node) {
  const DimTable *dims = verifier->program->dims;
  if (verifier->code->kind != CODE_ENTRY) violation(verifier, "statement of entries only");
  if (verifier->parallel) violation(verifier, "statement inside a parallel loop");
  switch ((StmtKind)node->kind) {
  case STMT_CALL: check_kernel_call(verifier, node); return;
  case STMT_COPY: check_copy(verifier, node); return;
  case STMT_ASSIGN:
    if (node->target >= dims->symbols.count || dims->symbols.data[node->target].kind != SYMBOL_RUN)
      violation(verifier, "assign of what is no run-time symbol");
    check_single(verifier, node->a, SCALAR_INDEX, "assigned size");
    return;
  default:
    if (node->target == 0 || node->target > INT32_MAX) violation(verifier, "status %u", node->target);
  }
}

static void check_statement(Verifier *verifier, const StmtNode *node) {
  switch ((StmtKind)node->kind) {
  case STMT_FOR: check_for(verifier, node); return;
  case STMT_WHILE:
  case STMT_IF:
    check_single(verifier, node->a, SCALAR_I1, "condition");
    check_list(verifier, node->body);
    check_list(verifier, node->otherwise);
    return;
  case STMT_LET: case STMT_VAR: check_definition(verifier, node); return;
  case STMT_SET: check_set(verifier, node); return;
  case STMT_STORE: check_store(verifier, node); return;
  case STMT_RETURN:
    if (verifier->code->kind != CODE_FUNCTION || verifier->blocks || node->next)
      violation(verifier, "return is not the last statement of a function");
    check_value(verifier, node->a, verifier->code->result, "result");
    expect_lanes(verifier, node->a, verifier->code->lanes, "result");
    return;
  case STMT_CALL: case STMT_COPY: case STMT_ASSIGN: case STMT_FAIL: check_entry_statement(verifier, node); return;
  default: violation(verifier, "statement of kind %u", node->kind);
  }
}

/* Without the statement: printing it would follow the broken list. */
NO_RETURN static void broken_list(Verifier *verifier) {
  verifier->stmt = 0;
  violation(verifier, "list of statements is broken");
}

/* A block: what it defines ends with it. */
static void check_list(Verifier *verifier, Stmt stmt) {
  Stmt owner = verifier->stmt;
  if (verifier->blocks > LOOP_MAX_BLOCKS) violation(verifier, "more than %u nested blocks", LOOP_MAX_BLOCKS);
  Stmt first = stmt;
  for (uint32_t count = 0; stmt; stmt = stmt_at(verifier->code, stmt)->next) {
    if (stmt >= verifier->code->stmts.count || ++count > verifier->code->stmts.count) broken_list(verifier);
    verifier->stmt = stmt;
    const StmtNode *node = stmt_at(verifier->code, stmt);
    bool opens = node->kind == STMT_FOR || node->kind == STMT_WHILE || node->kind == STMT_IF;
    verifier->blocks += opens;
    check_statement(verifier, node);
    verifier->blocks -= opens;
  }
  for (stmt = first; stmt; stmt = stmt_at(verifier->code, stmt)->next) {
    const StmtNode *node = stmt_at(verifier->code, stmt);
    if (node->kind == STMT_LET || node->kind == STMT_VAR) verifier->visible[node->slot] = false;
  }
  verifier->stmt = owner;
}

/* ---- code and program ---- */

static void check_operand(const Verifier *verifier, const OperandInfo *operand) {
  const DimTable *dims = verifier->program->dims;
  const Code *code = verifier->code;
  int64_t size;
  if (operand->rank > LOOP_MAX_RANK || operand->scalar >= SCALAR_COUNT) violation(verifier, "operand `%s` is malformed", operand->name);
  for (uint32_t i = 0; i < operand->rank; i++) {
    if (operand->dims[i] == DIM_UNKNOWN) violation(verifier, "`%s` has an unknown dimension", operand->name);
    if (operand->access == ACCESS_LOCAL && !dim_is_constant(dims, operand->dims[i], &size))
      violation(verifier, "local `%s` has no constant size", operand->name);
  }
  if (operand->same_index == 0) return;
  if (operand->same_index > code->operands.count || operand->access != ACCESS_OUT) violation(verifier, "`same` of `%s` is malformed", operand->name);
  if (code->operands.data[operand->same_index - 1].access != ACCESS_IN) violation(verifier, "`same` of `%s` names what is not read", operand->name);
}

static void check_shape_of_code(const Verifier *verifier) {
  const Code *code = verifier->code;
  if (code->kind != CODE_KERNEL && code->operands.count) violation(verifier, "operands outside a kernel");
  if (code->parameter_count >= code->slots.count + 1 || (code->parameter_count && code->kind != CODE_FUNCTION))
    violation(verifier, "parameters are malformed");
  for (uint32_t i = 0; i < code->operands.count; i++) check_operand(verifier, &code->operands.data[i]);
  if (code->kind != CODE_FUNCTION) return;
  Stmt last = code->body;
  while (last && stmt_at(code, last)->next) last = stmt_at(code, last)->next;
  if (!last || stmt_at(code, last)->kind != STMT_RETURN) violation(verifier, "function without a return at its end");
}

/* Code calls code of its own variant. */
static void check_variant(const Verifier *verifier) {
  const Program *program = verifier->program;
  const Code *code = verifier->code;
  if (code->variant && code->variant >= program->variants.count) violation(verifier, "variant %u", code->variant);
  for (uint32_t e = 1; e < code->exprs.count; e++) {
    uint32_t function = code->exprs.data[e].operand[0];
    bool calls = code->exprs.data[e].op == LOOP_CALL && function < program->functions.count;
    if (calls && program->functions.data[function].variant != code->variant) violation(verifier, "call of a function of another variant");
  }
  for (uint32_t s = 1; s < code->stmts.count; s++) {
    const StmtNode *stmt = stmt_at(code, s);
    bool calls = stmt->kind == STMT_CALL && stmt->target < program->kernels.count;
    if (calls && program->kernels.data[stmt->target].variant != code->variant) violation(verifier, "call of a kernel of another variant");
  }
}

static void check_code(const Program *program, Arena *arena, const Code *code) {
  Verifier verifier = { .program = program, .code = code, .arena = arena };
  if (code->kind == CODE_FUNCTION && !code->defined) return;
  verifier.visible = arena_array(arena, bool, code->slots.count + 1u);
  verifier.defined = arena_array(arena, bool, code->slots.count + 1u);
  verifier.loop_of = arena_array(arena, uint32_t, code->slots.count + 1u);
  verifier.seen = arena_array(arena, bool, code->exprs.count + 1u);
  check_shape_of_code(&verifier);
  check_variant(&verifier);
  for (uint32_t i = 1; i <= code->parameter_count; i++) verifier.visible[i] = verifier.defined[i] = true;
  check_list(&verifier, code->body);
}

/* Functions must not call in circles: repeatedly marks those that call only marked ones. */
static void check_circles(const Program *program, Arena *arena) {
  uint32_t count = program->functions.count;
  bool *ends = arena_array(arena, bool, count + 1u), changed = true;
  while (changed) {
    changed = false;
    for (uint32_t i = 0; i < count; i++) {
      const Code *code = &program->functions.data[i];
      bool all = !ends[i];
      for (uint32_t e = 1; all && e < code->exprs.count; e++)
        if (code->exprs.data[e].op == LOOP_CALL && code->exprs.data[e].operand[0] < count) all = ends[code->exprs.data[e].operand[0]];
      if (all) ends[i] = changed = true;
    }
  }
  for (uint32_t i = 0; i < count; i++)
    if (!ends[i]) bug(program->context, "loop verifier: %s: functions call in a circle", program->functions.data[i].name);
}

static void check_buffers(const Program *program) {
  for (uint32_t i = 0; i < program->buffers.count; i++) {
    const Buffer *buffer = &program->buffers.data[i];
    for (uint32_t k = 0; k < buffer->rank; k++)
      if (buffer->dims[k] == DIM_UNKNOWN || dim_hi(program->dims, buffer->dims[k]) < 0) /* at run time: the entry refuses inputs that are too small */
        bug(program->context, "loop verifier: buffer `%s` has an unknown or negative dimension", buffer->name);
  }
}

void program_verify(const Program *program) {
  check_buffers(program);
  Arena *arena = arena_open(program->context);
  check_circles(program, arena);
  for (uint32_t i = 0; i < program->functions.count; i++) check_code(program, arena, &program->functions.data[i]);
  for (uint32_t i = 0; i < program->kernels.count; i++) check_code(program, arena, &program->kernels.data[i]);
  for (uint32_t i = 0; i < program->entries.count; i++) check_code(program, arena, &program->entries.data[i]);
  arena_close(arena);
}
