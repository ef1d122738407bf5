/* What the ranges of loop variables decide, and what nothing reads.
 *
 * Bottom up, with ranges of the code that is being built (compiler/loop/ranges.c): comparisons, min and max that are decided; (c * q + r) / c and
 * % c, where r stays below c; x / c * c + x % c; branches that are always or never taken; loops without turns or with one. Inside `if i < n` the
 * range of i is narrowed. Then lets and variables that nothing reads go, and blocks that are left empty. Divisions are touched only where the
 * dividend is proven not to be negative. What a C compiler does as well (common subexpressions, invariant code) is left to it. */
#include "loop_passes.h"

#include "compiler/loop/affine.h"
#include "compiler/loop/rebuild.h"

enum { ROUNDS = 4 };       /* an expression is looked at again after it changed, so often at most */

typedef struct Tidying {
  Ranges ranges;           /* of the new code */
  Definitions quotients;   /* lets that are quotients or remainders, of the new code */
} Tidying;

static Ranges *ranges_of(Rebuild *rebuild) { return &((Tidying *)rebuild->self)->ranges; }
static Definitions *quotients_of(Rebuild *rebuild) { return &((Tidying *)rebuild->self)->quotients; }

/* ---- divisions ---- */

static bool divisor_dim(const Rebuild *rebuild, Expr expr, Dim *dim) {
  const ExprNode *node = expr_at(&rebuild->builder.code, expr);
  if (node->op == LOOP_CONSTANT) *dim = dim_constant(rebuild->program->dims, node->integer);
  else if (node->op == LOOP_DIM) *dim = (Dim)node->integer;
  else return false;
  return dim_lo(rebuild->program->dims, *dim) > 0;
}

/* Parts a sum into by * quotient + rest, as far as the coefficients are multiples. False if nothing is. */
static bool part_sum(DimTable *dims, const Affine *sum, Dim by, Affine *quotient, Affine *rest) {
  int64_t whole, divisor;
  *quotient = *rest = (Affine){ .constant = dim_constant(dims, 0) };
  for (uint32_t i = 0; i < sum->count; i++) {
    AffineTerm term = sum->terms[i];
    bool divides = dim_divides(dims, by, term.coefficient);
    if (divides) term.coefficient = dim_floordiv(dims, term.coefficient, by);
    Affine *part = divides ? quotient : rest;
    part->terms[part->count++] = term;
  }
  if (dim_is_constant(dims, sum->constant, &whole) && dim_is_constant(dims, by, &divisor)) {
    int64_t low = whole % divisor < 0 ? whole % divisor + divisor : whole % divisor;
    quotient->constant = dim_constant(dims, (whole - low) / divisor);
    rest->constant = dim_constant(dims, low);
  } else if (dim_divides(dims, by, sum->constant)) {
    quotient->constant = dim_floordiv(dims, sum->constant, by);
  } else {
    rest->constant = sum->constant;
  }
  bool is_zero = dim_is_constant(dims, quotient->constant, &whole) && whole == 0;
  return quotient->count > 0 || !is_zero;
}

/* a / b or a % b for a proven dividend of at least 0; 0 if nothing applies. */
static Expr tidy_division(Rebuild *rebuild, LoopOp op, Expr a, Expr b) {
  Builder *builder = &rebuild->builder;
  DimTable *dims = rebuild->program->dims;
  const Ranges *ranges = ranges_of(rebuild);
  Affine sum, quotient, rest;
  Dim by;
  if (!divisor_dim(rebuild, b, &by) || range_of(ranges, a).lo < 0) return 0;
  if (range_compares(ranges, LOOP_LT, a, b) == 1) return op == LOOP_DIV ? build_index(builder, 0) : a;
  affine_of(dims, &builder->code, NULL, a, &sum);
  if (!part_sum(dims, &sum, by, &quotient, &rest)) return 0;
  Expr remainder = affine_build(builder, &rest);
  if (range_of(ranges, remainder).lo < 0) return 0;
  bool is_small = range_compares(ranges, LOOP_LT, remainder, b) == 1;
  if (op == LOOP_REM) return is_small ? remainder : build_binary(builder, LOOP_REM, remainder, b);
  Expr whole = affine_build(builder, &quotient);
  return is_small ? whole : build_binary(builder, LOOP_ADD, whole, build_binary(builder, LOOP_DIV, remainder, b));
}

/* (a / b) / c = a / (b * c) for a >= 0 and constants. */
static Expr tidy_nested_division(Rebuild *rebuild, Expr a, Expr b) {
  Builder *builder = &rebuild->builder;
  ExprNode inner = *expr_at(&builder->code, a);
  Dim by, inner_by;
  if (inner.op != LOOP_DIV || !divisor_dim(rebuild, b, &by) || !divisor_dim(rebuild, inner.operand[1], &inner_by)) return 0;
  if (range_of(ranges_of(rebuild), inner.operand[0]).lo < 0) return 0;
  return build_binary(builder, LOOP_DIV, inner.operand[0], build_dim(builder, dim_mul(rebuild->program->dims, by, inner_by)));
}

/* ---- sums ---- */

/* Is the term k * (x / by) where `remainder` is k' * (x % by) with k = k' * by? */
static bool completes(Rebuild *rebuild, const AffineTerm *quotient, const AffineTerm *remainder) {
  const Code *code = &rebuild->builder.code;
  DimTable *dims = rebuild->program->dims;
  Dim by;
  if (quotient->slot || remainder->slot) return false;
  const ExprNode *over = expr_at(code, quotient->atom), *rest = expr_at(code, remainder->atom);
  if (over->op != LOOP_DIV || rest->op != LOOP_REM || !divisor_dim(rebuild, over->operand[1], &by)) return false;
  if (!expr_equal(code, over->operand[1], rest->operand[1]) || !expr_equal(code, over->operand[0], rest->operand[0])) return false;
  return quotient->coefficient == dim_mul(dims, remainder->coefficient, by);
}

/* Finds x / c * c + x % c in a sum and makes it x. */
static bool rejoin(Rebuild *rebuild, Affine *sum) {
  DimTable *dims = rebuild->program->dims;
  const Code *code = &rebuild->builder.code;
  for (uint32_t i = 0; i < sum->count; i++) {
    for (uint32_t k = 0; k < sum->count; k++) {
      if (i == k || !completes(rebuild, &sum->terms[i], &sum->terms[k])) continue;
      Affine joined = { .constant = sum->constant }, dividend;
      Dim coefficient = sum->terms[k].coefficient;
      affine_of(dims, code, NULL, expr_at(code, sum->terms[k].atom)->operand[0], &dividend);
      for (uint32_t other = 0; other < sum->count; other++)
        if (other != i && other != k) joined.terms[joined.count++] = sum->terms[other];
      if (!affine_add(dims, code, &joined, &dividend, coefficient)) return false;
      *sum = joined;
      return true;
    }
  }
  return false;
}

static bool is_sum(const ExprNode *node) { return node->op == LOOP_ADD || node->op == LOOP_SUB; }

/* Terms of a sum as it is written, along its left spine: what is no constant and no dimension. UINT32_MAX if one is a sum itself. */
static uint32_t count_written(const Code *code, Expr sum) {
  uint32_t terms = 0;
  for (Expr at = sum;; at = expr_at(code, at)->operand[0]) {
    const ExprNode *node = expr_at(code, at);
    const ExprNode *last = is_sum(node) ? expr_at(code, node->operand[1]) : node;
    if (is_sum(last)) return UINT32_MAX;
    terms += last->op != LOOP_CONSTANT && last->op != LOOP_DIM;
    if (!is_sum(node)) return terms;
  }
}

/* Joins quotients and remainders of a sum, if need be those that lets stand for. */
static bool rejoin_all(Rebuild *rebuild, Expr expr, Affine *sum) {
  DimTable *dims = rebuild->program->dims;
  const Code *code = &rebuild->builder.code;
  Affine seen;
  affine_of(dims, code, NULL, expr, sum);
  bool changed = rejoin(rebuild, sum);
  if (!changed) {
    affine_of(dims, code, quotients_of(rebuild), expr, &seen);
    changed = rejoin(rebuild, &seen);
    if (changed) *sum = seen;
  }
  while (changed && rejoin(rebuild, sum)) continue;
  return changed;
}

/* A sum is brought into its form where that is shorter: x - x, i * 4 + i, 0 - (i - 1), a quotient and its remainder. */
static Expr tidy_sum(Rebuild *rebuild, Expr expr) {
  Builder *builder = &rebuild->builder;
  Affine sum;
  bool changed = rejoin_all(rebuild, expr, &sum);
  if (!changed && sum.count >= count_written(&builder->code, expr)) return 0;
  return affine_build(builder, &sum);
}

/* ---- expressions ---- */

static Expr tidy_choice(Rebuild *rebuild, LoopOp op, Expr a, Expr b) {
  const Ranges *ranges = ranges_of(rebuild);
  if (range_compares(ranges, LOOP_LE, a, b) == 1) return op == LOOP_MIN ? a : b;
  if (range_compares(ranges, LOOP_GE, a, b) == 1) return op == LOOP_MIN ? b : a;
  return 0;
}

/* A new expression made simpler; 0 if it stays. */
static Expr tidy_new(Rebuild *rebuild, Expr expr) {
  ExprNode node = *expr_at(&rebuild->builder.code, expr);
  Expr a = node.operand[0], b = node.operand[1], simpler;
  if (node.scalar == SCALAR_I1 && node.op > LOOP_CALL) {
    int known = range_decides(ranges_of(rebuild), expr);
    return known < 0 ? 0 : build_integer(&rebuild->builder, SCALAR_I1, known);
  }
  if (node.scalar != SCALAR_INDEX) return 0;
  switch ((LoopOp)node.op) {
  case LOOP_MIN:
  case LOOP_MAX: return tidy_choice(rebuild, (LoopOp)node.op, a, b);
  case LOOP_ADD:
  case LOOP_SUB: return tidy_sum(rebuild, expr);
  case LOOP_REM: return tidy_division(rebuild, LOOP_REM, a, b);
  case LOOP_DIV:
    simpler = tidy_division(rebuild, LOOP_DIV, a, b);
    return simpler ? simpler : tidy_nested_division(rebuild, a, b);
  default: return 0;
  }
}

static Expr tidy_expr(Rebuild *rebuild, Expr old) {
  Expr expr = rebuild_node(rebuild, old);
  for (int round = 0; round < ROUNDS; round++) {
    Expr simpler = tidy_new(rebuild, expr);
    if (simpler == 0 || simpler == expr) break;
    expr = simpler;
  }
  return expr;
}

/* ---- statements ---- */

/* The slot of x - y if that is slot + constant (sign 1) or constant - slot (sign -1). */
static bool one_slot(const Rebuild *rebuild, const Affine *form, Slot *slot, int *sign) {
  int64_t coefficient;
  if (form->count != 1 || !form->terms[0].slot) return false;
  *slot = form->terms[0].slot;
  if (rebuild->builder.code.slots.data[*slot].is_variable) return false;
  if (!dim_is_constant(rebuild->program->dims, form->terms[0].coefficient, &coefficient)) return false;
  *sign = coefficient == 1 ? 1 : -1;
  return coefficient == 1 || coefficient == -1;
}

/* slot <= bound, or slot >= bound. */
static void narrow_slot(Rebuild *rebuild, Slot slot, Dim bound, bool upper) {
  Ranges *ranges = ranges_of(rebuild);
  DimTable *dims = rebuild->program->dims;
  SlotRange range = { INT64_MIN, INT64_MAX, DIM_UNKNOWN, DIM_UNKNOWN };
  if (slot < ranges->slots.count) range = ranges->slots.data[slot];
  if (upper && dim_hi(dims, bound) < range.hi) range.hi = dim_hi(dims, bound);
  if (!upper && dim_lo(dims, bound) > range.lo) range.lo = dim_lo(dims, bound);
  int64_t constant;
  bool is_symbolic = !dim_is_constant(dims, bound, &constant);
  if (upper && (range.most == DIM_UNKNOWN || is_symbolic || dim_hi(dims, range.most) > constant)) range.most = bound;
  if (!upper && (range.least == DIM_UNKNOWN || is_symbolic || dim_lo(dims, range.least) < constant)) range.least = bound;
  ranges_set(ranges, slot, range);
}

/* Inside a branch where `condition` of the new code is true (or false): narrows what it says of slots. */
static void narrow(Rebuild *rebuild, Expr condition, bool holds) {
  static const LoopOp opposite[LOOP_OP_COUNT] = { [LOOP_LT] = LOOP_GE, [LOOP_GE] = LOOP_LT, [LOOP_LE] = LOOP_GT, [LOOP_GT] = LOOP_LE,
                                                  [LOOP_EQ] = LOOP_NE, [LOOP_NE] = LOOP_EQ };
  DimTable *dims = rebuild->program->dims;
  const Code *code = &rebuild->builder.code;
  ExprNode node = *expr_at(code, condition);
  if ((node.op == LOOP_AND && holds) || (node.op == LOOP_OR && !holds)) {
    narrow(rebuild, node.operand[0], holds);
    narrow(rebuild, node.operand[1], holds);
    return;
  }
  if (!loop_op_is_comparison((LoopOp)node.op) || expr_at(code, node.operand[0])->scalar != SCALAR_INDEX) return;
  LoopOp op = holds ? (LoopOp)node.op : opposite[node.op];
  Affine form, right;
  Slot slot;
  int sign;
  affine_of(dims, code, NULL, node.operand[0], &form);
  affine_of(dims, code, NULL, node.operand[1], &right);
  if (!affine_add(dims, code, &form, &right, dim_constant(dims, -1)) || !one_slot(rebuild, &form, &slot, &sign)) return;
  /* sign * slot + constant op 0, so slot is compared with -constant, or with constant the other way round */
  Dim bound = sign > 0 ? dim_sub(dims, dim_constant(dims, 0), form.constant) : form.constant, one = dim_constant(dims, 1);
  bool below = sign > 0 ? op == LOOP_LT || op == LOOP_LE : op == LOOP_GT || op == LOOP_GE;
  if (op == LOOP_NE) return;
  if (op == LOOP_LT || op == LOOP_GT) bound = below ? dim_sub(dims, bound, one) : dim_add(dims, bound, one);
  if (below || op == LOOP_EQ) narrow_slot(rebuild, slot, bound, true);
  if (!below || op == LOOP_EQ) narrow_slot(rebuild, slot, bound, false);
}

/* A branch, with the ranges it implies. */
static void tidy_branch(Rebuild *rebuild, Expr condition, bool holds, Stmt body) {
  Ranges *ranges = ranges_of(rebuild);
  Ranges outside = *ranges;
  Arena *arena = rebuild->program->arena;
  ranges->slots.data = NULL;
  ranges->slots.count = ranges->slots.capacity = 0;
  for (uint32_t i = 0; i < outside.slots.count; i++) vector_push(arena, &ranges->slots, outside.slots.data[i]);
  narrow(rebuild, condition, holds);
  rebuild_list(rebuild, body);
  *ranges = outside;
}

static void tidy_if(Rebuild *rebuild, const StmtNode *node) {
  Builder *builder = &rebuild->builder;
  int64_t known;
  Expr condition = rebuild_expr(rebuild, node->a);
  if (build_is_constant(builder, condition, &known)) {
    rebuild_list(rebuild, known ? node->body : node->otherwise);
    return;
  }
  build_if(builder, condition);
  tidy_branch(rebuild, condition, true, node->body);
  if (node->otherwise) {
    build_else(builder);
    tidy_branch(rebuild, condition, false, node->otherwise);
  }
  build_end(builder);
}

static void tidy_for(Rebuild *rebuild, const StmtNode *node) {
  Builder *builder = &rebuild->builder;
  Ranges *ranges = ranges_of(rebuild);
  const char *name = rebuild->old->slots.data[node->slot].name;
  int64_t step = expr_at(rebuild->old, node->c)->integer;
  Expr lo = rebuild_expr(rebuild, node->a), hi = rebuild_expr(rebuild, node->b);
  if (range_compares(ranges, LOOP_LT, lo, hi) == 0) return;
  Expr second = build_binary(builder, LOOP_ADD, lo, build_index(builder, step));
  if (range_compares(ranges, LOOP_LT, lo, hi) == 1 && range_compares(ranges, LOOP_GE, second, hi) == 1) {
    rebuild->slots[node->slot] = build_let(builder, name, lo);
    rebuild_list(rebuild, node->body);
    return;
  }
  Expr variable = build_for_step(builder, name, lo, hi, step, (LoopKind)node->loop_kind);
  rebuild->slots[node->slot] = variable;
  const StmtNode *loop = stmt_at(&builder->code, builder->block[builder->depth].owner);
  ranges_set_loop(ranges, loop->slot, loop->a, loop->b);
  rebuild_list(rebuild, node->body);
  build_end(builder);
}

static void note_let(Rebuild *rebuild, const StmtNode *let) {
  const Code *code = &rebuild->builder.code;
  const ExprNode *value = expr_at(code, let->a);
  ranges_set_let(ranges_of(rebuild), let->slot, let->a);
  if (value->scalar == SCALAR_INDEX && (value->op == LOOP_DIV || value->op == LOOP_REM) && expr_is_fixed(code, let->a))
    definitions_set(rebuild->program->arena, quotients_of(rebuild), let->slot, let->a);
}

static bool tidy_statement(Rebuild *rebuild, Stmt old) {
  StmtNode node = *stmt_at(rebuild->old, old);
  const Code *code = &rebuild->builder.code;
  if (node.kind == STMT_FOR) tidy_for(rebuild, &node);
  else if (node.kind == STMT_IF) tidy_if(rebuild, &node);
  else if (node.kind == STMT_LET) {
    rebuild_statement(rebuild, old);
    const StmtNode *made = stmt_at(code, code->stmts.count - 1);
    if (made->kind == STMT_LET) note_let(rebuild, made);
  } else return false;
  return true;
}

/* ---- what nothing reads ---- */

static void count_reads(const Code *code, Expr expr, uint32_t *reads) {
  const ExprNode *node = expr_at(code, expr);
  if (node->op == LOOP_SLOT) reads[node->operand[0]]++;
  for (uint32_t i = 0, count = expr_operand_count(code, expr); i < count; i++) count_reads(code, expr_operand(code, expr, i), reads);
}

static void count_list(const Code *code, Stmt first, uint32_t *reads) {
  for (Stmt stmt = first; stmt; stmt = stmt_at(code, stmt)->next) {
    const StmtNode *node = stmt_at(code, stmt);
    const Expr roots[3] = { node->a, node->b, node->c };
    for (int i = 0; i < 3; i++)
      if (roots[i]) count_reads(code, roots[i], reads);
    for (uint32_t i = 0; node->kind == STMT_STORE && i < node->list_count; i++) count_reads(code, code->lists.data[node->list + i], reads);
    for (uint32_t i = 0; node->kind == STMT_CALL && i < node->list_count; i++)
      if (code->call_arguments.data[node->list + i].offset) count_reads(code, code->call_arguments.data[node->list + i].offset, reads);
    count_list(code, node->body, reads);
    count_list(code, node->otherwise, reads);
  }
}

static bool is_dead(const StmtNode *node, const uint32_t *reads) {
  if (node->kind == STMT_LET || node->kind == STMT_VAR || node->kind == STMT_SET) return reads[node->slot] == 0;
  if (node->kind == STMT_FOR) return node->body == 0;
  return node->kind == STMT_IF && node->body == 0 && node->otherwise == 0;
}

/* Unlinks dead statements of a list and of the blocks in it; the new first one. */
static Stmt drop_dead(Code *code, Stmt first, const uint32_t *reads, bool *changed) {
  Stmt result = 0, last = 0;
  for (Stmt stmt = first, next; stmt; stmt = next) {
    StmtNode *node = stmt_at(code, stmt);
    next = node->next;
    if (node->body) node->body = drop_dead(code, node->body, reads, changed);
    if (node->otherwise) node->otherwise = drop_dead(code, node->otherwise, reads, changed);
    if (is_dead(node, reads)) {
      *changed = true;
      continue;
    }
    node->next = 0;
    if (last) stmt_at(code, last)->next = stmt;
    else result = stmt;
    last = stmt;
  }
  return result;
}

static void drop_unread(Code *code, Arena *arena) {
  uint32_t *reads = arena_array(arena, uint32_t, code->slots.count + 1u);
  for (bool changed = true; changed;) {
    changed = false;
    for (Slot slot = 0; slot < code->slots.count; slot++) reads[slot] = 0;
    count_list(code, code->body, reads);
    code->body = drop_dead(code, code->body, reads, &changed);
  }
}

/* ---- the pass ---- */

static Code tidy_code(Program *program, const Code *old) {
  Rebuild rebuild;
  Tidying tidying = { .quotients.count = 0 };
  rebuild_open(&rebuild, program, old);
  ranges_open(&tidying.ranges, program->arena, program->dims, &rebuild.builder.code);
  rebuild.expr = tidy_expr;
  rebuild.statement = tidy_statement;
  rebuild.self = &tidying;
  Code result = rebuild_run(&rebuild);
  drop_unread(&result, program->arena);
  return result;
}

void loop_tidy(Program *program) {
  for (uint32_t i = 0; i < program->kernels.count; i++) {
    Code old = program->kernels.data[i];
    program->kernels.data[i] = tidy_code(program, &old);
  }
}
