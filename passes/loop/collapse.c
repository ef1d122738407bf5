/* Two loops become one: for i in 0..A { for j in 0..B { ... x[i * B + j] ... } } becomes for i in 0..A*B { ... x[i] ... }.
 *
 * Allowed where the inner loop is all the outer one holds, both start at 0, step by 1, have constant or dimension bounds and are of one kind
 * (serial or parallel), and every sum that mentions the two has them as c * (i * B + j). The order of the iterations is the same, so nothing else
 * has to be known. Repeated until nothing changes, so whole nests of element-wise kernels become one loop; two that only partly fit (a broadcast)
 * keep the loops they need. Loops of exactly one turn vanish first: their variable is a constant, and nests become perfect. */
#include "loop_passes.h"

#include "compiler/loop/affine.h"
#include "compiler/loop/rebuild.h"

/* The pair that is being merged; slots of the old code, 0 outside of it. */
typedef struct Pair {
  Slot outer, inner;
  Dim  extent;             /* of the inner loop */
  bool changed;            /* anything, in this code */
} Pair;

/* ---- what may be merged ---- */

static bool bound_dim(DimTable *dims, const Code *code, Expr bound, Dim *dim) {
  const ExprNode *node = expr_at(code, bound);
  if (node->op == LOOP_CONSTANT) *dim = dim_constant(dims, node->integer);
  else if (node->op == LOOP_DIM) *dim = (Dim)node->integer;
  return node->op == LOOP_CONSTANT || node->op == LOOP_DIM;
}

static bool is_number(const Code *code, Expr expr, int64_t value) {
  const ExprNode *node = expr_at(code, expr);
  return node->op == LOOP_CONSTANT && node->integer == value;
}

/* for v in 0..extent, step 1 */
static bool is_plain_loop(DimTable *dims, const Code *code, const StmtNode *node, Dim *extent) {
  return node->kind == STMT_FOR && node->loop_kind != LOOP_UNROLL && is_number(code, node->a, 0) && is_number(code, node->c, 1) &&
         bound_dim(dims, code, node->b, extent);
}

static bool mentions(const Code *code, Expr expr, const Pair *pair) {
  const ExprNode *node = expr_at(code, expr);
  if (node->op == LOOP_SLOT) return node->operand[0] == pair->outer || node->operand[0] == pair->inner;
  for (uint32_t i = 0, count = expr_operand_count(code, expr); i < count; i++)
    if (mentions(code, expr_operand(code, expr, i), pair)) return true;
  return false;
}

static bool expr_fits(DimTable *dims, const Code *code, Expr expr, const Pair *pair);

static bool operands_fit(DimTable *dims, const Code *code, Expr expr, const Pair *pair) {
  for (uint32_t i = 0, count = expr_operand_count(code, expr); i < count; i++)
    if (!expr_fits(dims, code, expr_operand(code, expr, i), pair)) return false;
  return true;
}

/* Every sum has the two as c * (outer * extent + inner), or not at all. */
static bool expr_fits(DimTable *dims, const Code *code, Expr expr, const Pair *pair) {
  Affine form;
  if (!mentions(code, expr, pair)) return true;
  if (expr_at(code, expr)->scalar != SCALAR_INDEX) return operands_fit(dims, code, expr, pair);
  affine_of(dims, code, NULL, expr, &form);
  Dim outer = affine_coefficient(dims, &form, pair->outer), inner = affine_coefficient(dims, &form, pair->inner);
  if (outer != dim_mul(dims, inner, pair->extent)) return false;
  for (uint32_t i = 0; i < form.count; i++)
    if (!form.terms[i].slot && !operands_fit(dims, code, form.terms[i].atom, pair)) return false;
  return true;
}

static bool list_fits(DimTable *dims, const Code *code, Stmt first, const Pair *pair) {
  for (Stmt stmt = first; stmt; stmt = stmt_at(code, stmt)->next) {
    const StmtNode *node = stmt_at(code, stmt);
    const Expr roots[3] = { node->a, node->b, node->c };
    for (int i = 0; i < 3; i++)
      if (roots[i] && !expr_fits(dims, code, roots[i], pair)) return false;
    for (uint32_t i = 0; node->kind == STMT_STORE && i < node->list_count; i++)
      if (!expr_fits(dims, code, code->lists.data[node->list + i], pair)) return false;
    if (!list_fits(dims, code, node->body, pair) || !list_fits(dims, code, node->otherwise, pair)) return false;
  }
  return true;
}

/* The pair of an outer loop and the one it holds; *extent: of the outer. */
static bool find_pair(DimTable *dims, const Code *code, const StmtNode *outer, Pair *pair, Dim *extent) {
  if (!is_plain_loop(dims, code, outer, extent) || !outer->body) return false;
  const StmtNode *inner = stmt_at(code, outer->body);
  if (inner->next || inner->loop_kind != outer->loop_kind || !is_plain_loop(dims, code, inner, &pair->extent)) return false;
  pair->outer = outer->slot;
  pair->inner = inner->slot;
  return list_fits(dims, code, inner->body, pair);
}

/* ---- merging ---- */

/* The sum with the inner variable, which now counts both, in place of the two. */
static Expr merged_sum(Rebuild *rebuild, Expr old, const Pair *pair) {
  Builder *builder = &rebuild->builder;
  Affine form, merged;
  affine_of(rebuild->program->dims, rebuild->old, NULL, old, &form);
  merged = (Affine){ .constant = form.constant };
  for (uint32_t i = 0; i < form.count; i++) {
    AffineTerm term = form.terms[i];
    if (term.slot == pair->outer) continue;
    term.atom = term.slot ? rebuild->slots[term.slot] : rebuild_node(rebuild, term.atom);
    term.slot = 0; /* of the old code; build does not look at it */
    merged.terms[merged.count++] = term;
  }
  return affine_build(builder, &merged);
}

static Expr collapse_expr(Rebuild *rebuild, Expr old) {
  const Pair *pair = rebuild->self;
  const ExprNode *node = expr_at(rebuild->old, old);
  if (!pair->inner || node->scalar != SCALAR_INDEX || !mentions(rebuild->old, old, pair)) return 0;
  if (node->op != LOOP_ADD && node->op != LOOP_SUB && node->op != LOOP_MUL) return 0;
  return merged_sum(rebuild, old, pair);
}

/* for v in lo..lo+1 */
static bool runs_once(DimTable *dims, const Code *code, const StmtNode *node) {
  Dim lo, hi;
  int64_t turns;
  return bound_dim(dims, code, node->a, &lo) && bound_dim(dims, code, node->b, &hi) && dim_is_constant(dims, dim_sub(dims, hi, lo), &turns) &&
         turns == 1;
}

static bool collapse_statement(Rebuild *rebuild, Stmt old) {
  Pair *pair = rebuild->self, found = { 0 };
  Builder *builder = &rebuild->builder;
  DimTable *dims = rebuild->program->dims;
  StmtNode node = *stmt_at(rebuild->old, old);
  Dim extent = DIM_UNKNOWN;
  if (node.kind != STMT_FOR) return false;
  if (runs_once(dims, rebuild->old, &node)) {
    rebuild->slots[node.slot] = rebuild_expr(rebuild, node.a);
    rebuild_list(rebuild, node.body);
    return pair->changed = true;
  }
  if (pair->inner || !find_pair(dims, rebuild->old, &node, &found, &extent)) return false;
  found.changed = true;
  *pair = found;
  Expr hi = build_dim(builder, dim_mul(dims, extent, found.extent));
  const char *name = rebuild->old->slots.data[found.outer].name;
  Expr variable = build_for_step(builder, name, build_index(builder, 0), hi, 1, (LoopKind)node.loop_kind);
  rebuild->slots[found.inner] = rebuild->slots[found.outer] = variable;
  rebuild_list(rebuild, stmt_at(rebuild->old, node.body)->body);
  build_end(builder);
  *pair = (Pair){ .changed = true };
  return true;
}

/* One round; true if anything changed. */
static bool collapse_code(Program *program, Code *code) {
  Rebuild rebuild;
  Pair pair = { 0 };
  Code old = *code;
  rebuild_open(&rebuild, program, &old);
  rebuild.expr = collapse_expr;
  rebuild.statement = collapse_statement;
  rebuild.self = &pair;
  Code result = rebuild_run(&rebuild);
  if (pair.changed) *code = result;
  return pair.changed;
}

void loop_collapse(Program *program) {
  for (uint32_t i = 0; i < program->kernels.count; i++)
    while (collapse_code(program, &program->kernels.data[i])) {}
}
