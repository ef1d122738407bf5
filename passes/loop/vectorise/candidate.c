/* Whether a loop may run in lanes: what differs between lanes, and what that rules out.
 *
 * A value varies if it depends on the loop's variable. What does not vary stays scalar: inner loops, their bounds, conditions. A loop is refused if
 * control flow varies, if it has vectors already, if it sets variables from outside other than accumulations, if a varying operation has no vector
 * form on the target or calls what branches, if stores are not along the last dimension, and if iterations meet in memory. */
#include "passes/loop/vectorise/vectorise.h"

#include "compiler/loop/widen.h"

/* ---- what varies ---- */

bool candidate_varies(const Candidate *candidate, Expr expr) {
  const Code     *code = candidate->facts->code;
  const ExprNode *node = expr_at(code, expr);
  if (node->op == LOOP_SLOT) return candidate->varies[node->operand[0]];
  for (uint32_t i = 0, count = expr_operand_count(code, expr); i < count; i++)
    if (candidate_varies(candidate, expr_operand(code, expr, i))) return true;
  return false;
}

/* One round over a list; true if more varies than before. */
static bool mark_varying(Candidate *candidate, Stmt first) {
  const Code *code = candidate->facts->code;
  bool        changed = false;
  for (Stmt stmt = first; stmt; stmt = stmt_at(code, stmt)->next) {
    const StmtNode *node = stmt_at(code, stmt);
    bool            defines = node->kind == STMT_LET || node->kind == STMT_VAR || node->kind == STMT_SET;
    if (defines && !candidate->varies[node->slot] && candidate_varies(candidate, node->a)) candidate->varies[node->slot] = changed = true;
    changed |= mark_varying(candidate, node->body);
    changed |= mark_varying(candidate, node->otherwise);
  }
  return changed;
}

void candidate_mark(Candidate *candidate) {
  const CodeFacts *facts = candidate->facts;
  candidate->varies = arena_array(facts->arena, bool, facts->code->slots.count + 1u);
  candidate->varies[candidate->variable] = true;
  for (uint32_t i = 0; i < candidate->reductions.count; i++) candidate->varies[candidate->reductions.items[i].slot] = true;
  while (mark_varying(candidate, stmt_at(facts->code, candidate->loop)->body)) {}
}

/* ---- how indices move ---- */

/* The divisor as a dimension above 0; DIM_UNKNOWN if it is none. */
static Dim divisor_of(const Candidate *candidate, Expr b) {
  const CodeFacts *facts = candidate->facts;
  DimTable        *dims = facts->program->dims;
  Affine           form;
  affine_of(dims, facts->code, &facts->definitions, b, &form);
  return form.count == 0 && dim_lo(dims, form.constant) > 0 ? form.constant : DIM_UNKNOWN;
}

bool candidate_stays_within(const Candidate *candidate, Expr a, Expr b) {
  const CodeFacts *facts = candidate->facts;
  DimTable        *dims = facts->program->dims;
  Dim              lanes = dim_constant(dims, candidate->lanes), by = divisor_of(candidate, b);
  Affine           form, start;
  affine_of(dims, facts->code, &facts->definitions, a, &form);
  affine_of(dims, facts->code, &facts->definitions, stmt_at(facts->code, candidate->loop)->a, &start);
  if (by == DIM_UNKNOWN || !dim_divides(dims, lanes, by)) return false;
  if (affine_coefficient(dims, &form, candidate->variable) != dim_constant(dims, 1)) return false;
  if (start.count || !dim_divides(dims, lanes, start.constant) || !dim_divides(dims, lanes, form.constant)) return false;
  for (uint32_t i = 0; i < form.count; i++) {
    const AffineTerm *term = &form.terms[i];
    if (term->slot == candidate->variable) continue;
    if (candidate_varies(candidate, term->atom) || !dim_divides(dims, lanes, term->coefficient)) return false;
  }
  return true;
}

static bool combine_strides(const Candidate *candidate, const ExprNode *node, int64_t *stride) {
  DimTable *dims = candidate->facts->program->dims;
  int64_t   other, factor;
  if (!candidate_stride(candidate, node->operand[0], stride) || !candidate_stride(candidate, node->operand[1], &other)) return false;
  if (node->op == LOOP_ADD) return !__builtin_add_overflow(*stride, other, stride);
  if (node->op == LOOP_SUB) return !__builtin_sub_overflow(*stride, other, stride);
  if (*stride != 0 && other != 0) return false;
  Affine form;
  affine_of(dims, candidate->facts->code, &candidate->facts->definitions, node->operand[other == 0], &form);
  if (form.count || !dim_is_constant(dims, form.constant, &factor)) return false;
  return !__builtin_mul_overflow(*stride + other, factor, stride);
}

bool candidate_stride(const Candidate *candidate, Expr index, int64_t *stride) {
  const CodeFacts *facts = candidate->facts;
  const ExprNode  *node = expr_at(facts->code, index);
  *stride = 0;
  if (!candidate_varies(candidate, index)) return true;
  switch ((LoopOp)node->op) {
  case LOOP_SLOT: {
    Slot slot = node->operand[0];
    *stride = slot == candidate->variable;
    return *stride ||
           (slot < facts->definitions.count && facts->definitions.data[slot] && candidate_stride(candidate, facts->definitions.data[slot], stride));
  }
  case LOOP_ADD:
  case LOOP_SUB:
  case LOOP_MUL: return combine_strides(candidate, node, stride);
  case LOOP_DIV:
  case LOOP_REM: *stride = node->op == LOOP_REM; return candidate_stays_within(candidate, node->operand[0], node->operand[1]);
  default: return false;
  }
}

bool candidate_is_contiguous(const Candidate *candidate, const AccessSite *site) {
  const CodeFacts   *facts = candidate->facts;
  const OperandInfo *info = &facts->code->operands.data[site->operand];
  int64_t            stride, unit = 1;
  if (site->rank == 0) return false;
  if (info->strided && !(dim_is_constant(facts->program->dims, info->strides[site->rank - 1], &unit) && unit == 1)) return false;
  for (uint32_t i = 0; i < site->rank; i++)
    if (!candidate_stride(candidate, site->indices[i], &stride) || stride != (i + 1 == site->rank)) return false;
  return true;
}

/* ---- what rules a loop out ---- */

static bool has_vectors_of(const Target *target, Scalar scalar) {
  if (scalar == SCALAR_F64) return target->has_vector_f64;
  return !scalar_is_float(scalar) || target->has_vector_f32;
}

/* The operation computes with floats, rather than moving them. */
static bool computes(LoopOp op) { return op != LOOP_SLOT && op != LOOP_LOAD && op != LOOP_SELECT && op != LOOP_BITCAST && op != LOOP_CONSTANT; }

static bool operation_fits(const Candidate *candidate, const ExprNode *node) {
  const CodeFacts *facts = candidate->facts;
  const Target    *target = facts->target;
  LoopOp           op = (LoopOp)node->op;
  if (computes(op) && !has_vectors_of(target, (Scalar)node->scalar)) return false;
  if (op == LOOP_SQRT && !target->has_sqrt) return false; /* the library's branches */
  if (op != LOOP_CALL) return true;
  const Code *function = &facts->program->functions.data[node->operand[0]];
  return function_is_straight(facts->program, function->name);
}

/* All operations below that vary have vector forms; no vectors are there. */
static bool expression_fits(const Candidate *candidate, Expr expr) {
  const Code     *code = candidate->facts->code;
  const ExprNode *node = expr_at(code, expr);
  if (node->lanes > 1) return false;
  if (!candidate_varies(candidate, expr)) return true;
  if (!operation_fits(candidate, node)) return false;
  for (uint32_t i = 0, count = expr_operand_count(code, expr); i < count; i++) {
    Expr   operand = expr_operand(code, expr, i);
    Scalar scalar = (Scalar)expr_at(code, operand)->scalar;
    if (computes((LoopOp)node->op) && !has_vectors_of(candidate->facts->target, scalar)) return false;
    if (!expression_fits(candidate, operand)) return false;
  }
  return true;
}

static bool list_fits(const Candidate *candidate, Stmt first) {
  const Code *code = candidate->facts->code;
  for (Stmt stmt = first; stmt; stmt = stmt_at(code, stmt)->next) {
    const StmtNode *node = stmt_at(code, stmt);
    bool            branches = node->kind == STMT_FOR || node->kind == STMT_IF || node->kind == STMT_WHILE;
    if (branches && candidate_varies(candidate, node->a)) return false;
    if (node->kind == STMT_FOR && candidate_varies(candidate, node->b)) return false;
    if (!expression_fits(candidate, node->a) || (node->b && !expression_fits(candidate, node->b))) return false;
    for (uint32_t i = 0; node->kind == STMT_STORE && i < node->list_count; i++)
      if (!expression_fits(candidate, code->lists.data[node->list + i])) return false;
    if (!list_fits(candidate, node->body) || !list_fits(candidate, node->otherwise)) return false;
  }
  return true;
}

/* ---- lanes ---- */

static void note_width(const Candidate *candidate, Expr expr, unsigned *bytes) {
  const Code     *code = candidate->facts->code;
  const ExprNode *node = expr_at(code, expr);
  if (!candidate_varies(candidate, expr)) return;
  if (node->scalar != SCALAR_INDEX && scalar_bytes((Scalar)node->scalar) > *bytes) *bytes = scalar_bytes((Scalar)node->scalar);
  for (uint32_t i = 0, count = expr_operand_count(code, expr); i < count; i++) note_width(candidate, expr_operand(code, expr, i), bytes);
}

/* Bytes of the largest element that varies, places apart. */
static void note_widths(const Candidate *candidate, Stmt first, unsigned *bytes) {
  const Code *code = candidate->facts->code;
  for (Stmt stmt = first; stmt; stmt = stmt_at(code, stmt)->next) {
    const StmtNode *node = stmt_at(code, stmt);
    if (node->a && node->kind != STMT_FOR) note_width(candidate, node->a, bytes);
    if (node->kind == STMT_STORE) {
      unsigned stored = scalar_bytes(code->operands.data[node->target].scalar);
      if (stored > *bytes) *bytes = stored;
    }
    note_widths(candidate, node->body, bytes);
    note_widths(candidate, node->otherwise, bytes);
  }
}

static bool choose_lanes(Candidate *candidate) {
  const CodeFacts *facts = candidate->facts;
  unsigned         bytes = 1;
  note_widths(candidate, stmt_at(facts->code, candidate->loop)->body, &bytes);
  unsigned lanes = facts->target->vector_bytes / bytes;
  if (lanes > LOOP_MAX_LANES) lanes = LOOP_MAX_LANES;
  if (candidate->reductions.count && lanes > REDUCTION_PARTIALS) lanes = REDUCTION_PARTIALS;
  candidate->lanes = (uint16_t)lanes;
  candidate->parts = candidate->reductions.count && lanes ? (uint16_t)(REDUCTION_PARTIALS / lanes) : 1;
  return lanes > 1;
}

bool candidate_open(Candidate *candidate, const CodeFacts *facts, Stmt loop) {
  const Code     *code = facts->code;
  const StmtNode *node = stmt_at(code, loop);
  *candidate = (Candidate){.facts = facts, .loop = loop, .variable = node->slot};
  if (node->loop_kind == LOOP_UNROLL || expr_at(code, node->c)->integer != 1) return false;
  if (!reductions_of(facts, loop, &candidate->reductions)) return false;
  candidate_mark(candidate);
  return choose_lanes(candidate) && list_fits(candidate, node->body) && iterations_are_apart(candidate);
}
