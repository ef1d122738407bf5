/* Which loops of a nest run in lanes.
 *
 * Rows always do. Of the others that may, a loop does if it then costs less than with the best choice for the loops in it. Costs are rough counts of
 * instructions: what does not vary costs as a scalar, a vector operation as many as its vectors take registers, an element from a place of its own
 * a few. Turns that are not known count as a few. */
#include "passes/loop/vectorise/vectorise.h"

enum {
  GUESSED_TURNS = 64,       /* of a loop of unknown length */
  COST_CALL = 20,           /* a function of the maths library */
  COST_QUOTIENT = 4,        /* division or square root of floats, conversion between types */
  COST_WHOLE_QUOTIENT = 12, /* division of integers, for which there are no vector instructions */
  COST_PLACE = 4,           /* an element of a vector that is loaded by itself */
  COST_TURN = 2             /* counting and jumping */
};

unsigned vector_registers_of(const Target *target, Scalar scalar, uint16_t lanes) {
  unsigned bytes = lanes * scalar_bytes(scalar);
  return bytes <= target->vector_bytes ? 1 : bytes / target->vector_bytes;
}

/* ---- expressions ---- */

static int64_t cost_of_scalar(const ExprNode *node) {
  switch ((LoopOp)node->op) {
  case LOOP_CONSTANT:
  case LOOP_DIM:
  case LOOP_SLOT: return 0;
  case LOOP_CALL: return COST_CALL;
  case LOOP_SQRT:
  case LOOP_CAST: return COST_QUOTIENT;
  case LOOP_DIV:
  case LOOP_REM: return scalar_is_float((Scalar)node->scalar) ? COST_QUOTIENT : COST_WHOLE_QUOTIENT;
  default: return 1;
  }
}

static int64_t cost_of_vector(const Candidate *candidate, const ExprNode *node) {
  const CodeFacts *facts = candidate->facts;
  Scalar           scalar = (Scalar)node->scalar;
  int64_t          registers = vector_registers_of(facts->target, scalar, candidate->lanes);
  bool             by_element = (node->op == LOOP_DIV || node->op == LOOP_REM) && !scalar_is_float(scalar);
  if (node->op == LOOP_CAST) {
    int64_t from = vector_registers_of(facts->target, (Scalar)expr_at(facts->code, node->operand[0])->scalar, candidate->lanes);
    return COST_QUOTIENT * (from > registers ? from : registers);
  }
  return by_element ? candidate->lanes * (COST_WHOLE_QUOTIENT + COST_PLACE) : registers * cost_of_scalar(node);
}

/* `candidate` NULL: of scalars. */
static int64_t cost_of(const CodeFacts *facts, const Candidate *candidate, Expr expr);

static int64_t cost_of_access(const CodeFacts *facts, const Candidate *candidate, Operand operand, uint32_t list) {
  uint32_t        rank = access_rank(facts->program, facts->code, operand);
  int64_t         cost = 0;
  bool            varies = false;
  const uint32_t *indices = &facts->code->lists.data[list];
  for (uint32_t i = 0; candidate && i < rank; i++) varies |= candidate_varies(candidate, indices[i]);
  if (!varies) return 1; /* addresses are left to the machine's */
  AccessSite site = {.operand = operand, .rank = rank, .indices = indices};
  if (candidate_is_contiguous(candidate, &site))
    return vector_registers_of(facts->target, facts->code->operands.data[operand].scalar, candidate->lanes);
  for (uint32_t i = 0; i < rank; i++) cost += cost_of(facts, candidate, indices[i]);
  return cost + COST_PLACE * candidate->lanes;
}

static int64_t cost_of(const CodeFacts *facts, const Candidate *candidate, Expr expr) {
  const Code     *code = facts->code;
  const ExprNode *node = expr_at(code, expr);
  bool            varies = candidate && candidate_varies(candidate, expr);
  int64_t         stride;
  if (node->op == LOOP_LOAD) return cost_of_access(facts, candidate, node->operand[0], node->operand[1]);
  if (varies && node->scalar == SCALAR_INDEX && candidate_stride(candidate, expr, &stride)) return 1;
  int64_t cost = varies ? cost_of_vector(candidate, node) : cost_of_scalar(node);
  for (uint32_t i = 0, count = expr_operand_count(code, expr); i < count; i++) cost += cost_of(facts, candidate, expr_operand(code, expr, i));
  return cost;
}

/* ---- statements ---- */

static int64_t turns_of(const CodeFacts *facts, Stmt loop) {
  DimTable *dims = facts->program->dims;
  int64_t   turns, most = facts_most_trips(facts, loop), step = expr_at(facts->code, stmt_at(facts->code, loop)->c)->integer;
  Dim       known = facts_trips(facts, loop);
  if (known == DIM_UNKNOWN || !dim_is_constant(dims, known, &turns)) turns = most < GUESSED_TURNS ? most : GUESSED_TURNS;
  return (turns + step - 1) / step;
}

static int64_t multiply(int64_t turns, int64_t cost) {
  int64_t product;
  return __builtin_mul_overflow(turns, cost, &product) ? INT64_MAX / 4 : product;
}

static int64_t add(int64_t a, int64_t b) {
  int64_t sum;
  return __builtin_add_overflow(a, b, &sum) ? INT64_MAX / 4 : sum;
}

/* The statement's own values. */
static int64_t cost_of_statement(const CodeFacts *facts, const Candidate *candidate, const StmtNode *node) {
  int64_t cost = node->a ? cost_of(facts, candidate, node->a) : 0;
  if (node->b) cost = add(cost, cost_of(facts, candidate, node->b));
  if (node->kind == STMT_STORE) cost = add(cost, cost_of_access(facts, candidate, node->target, node->list));
  return cost;
}

/* Of a candidate's body, all of it in lanes. */
static int64_t cost_in_lanes(const Candidate *candidate, Stmt first) {
  const CodeFacts *facts = candidate->facts;
  int64_t          cost = 0;
  for (Stmt stmt = first; stmt; stmt = stmt_at(facts->code, stmt)->next) {
    const StmtNode *node = stmt_at(facts->code, stmt);
    int64_t         inner = add(cost_in_lanes(candidate, node->body), cost_in_lanes(candidate, node->otherwise));
    if (node->kind == STMT_FOR) inner = multiply(turns_of(facts, stmt), inner + COST_TURN);
    cost = add(cost, add(cost_of_statement(facts, candidate, node), inner));
  }
  return cost;
}

/* ---- the choice ---- */

typedef struct Chooser {
  const CodeFacts *facts;
  bool            *chosen; /* by statement */
  bool             any;
} Chooser;

typedef struct Cost {
  int64_t cost;
  bool    has_row;
} Cost; /* has_row: a row among the loops */

static Cost choose_list(Chooser *chooser, Stmt first);

/* Turns of the whole loop in lanes, those left over one by one or under a mask. */
static int64_t cost_of_lanes(const Candidate *candidate, int64_t turns, int64_t serial) {
  const CodeFacts *facts = candidate->facts;
  int64_t          body = add(cost_in_lanes(candidate, stmt_at(facts->code, candidate->loop)->body), COST_TURN);
  int64_t          whole = turns / candidate->lanes, rest = turns % candidate->lanes;
  int64_t          last = facts->target->has_masked ? body + COST_QUOTIENT : multiply(rest, serial);
  return add(multiply(whole, body), rest ? last : 0);
}

/* Reads a local array that it also stores to: sums of a schedule, which the next turn of the loop around reads again. */
static bool updates_local(const CodeFacts *facts, Stmt loop) {
  for (uint32_t i = 0; i < facts->accesses.count; i++) {
    const AccessSite *store = &facts->accesses.data[i];
    bool              is_local = facts->code->operands.data[store->operand].access == ACCESS_LOCAL;
    if (!store->is_store || !is_local || !facts_inside(facts, loop, store->order)) continue;
    for (uint32_t k = 0; k < facts->accesses.count; k++) {
      const AccessSite *load = &facts->accesses.data[k];
      if (!load->is_store && load->operand == store->operand && facts_inside(facts, loop, load->order)) return true;
    }
  }
  return false;
}

/* A vector that is stored under a mask is not at hand for a load right behind it: processors wait for memory then. Sums that do not fill whole
 * vectors are left to the compiler, which makes narrower ones of what is left. */
static bool waits_for_memory(const Candidate *candidate) {
  const CodeFacts *facts = candidate->facts;
  DimTable        *dims = facts->program->dims;
  Dim              turns = facts_trips(facts, candidate->loop);
  bool             fills = turns != DIM_UNKNOWN && dim_divides(dims, dim_constant(dims, candidate->lanes), turns);
  return !fills && updates_local(facts, candidate->loop);
}

static Cost choose_loop(Chooser *chooser, Stmt loop) {
  const CodeFacts *facts = chooser->facts;
  Candidate        candidate;
  bool             may = candidate_open(&candidate, facts, loop), is_row = reduction_is_row(facts, loop);
  Cost             body = choose_list(chooser, stmt_at(facts->code, loop)->body);
  int64_t          turns = turns_of(facts, loop), serial = multiply(turns, add(body.cost, COST_TURN));
  Cost             result = {serial, is_row || body.has_row};
  if (!may || (candidate.reductions.count && !is_row) || (result.has_row && !is_row)) return result;
  if (!is_row && waits_for_memory(&candidate)) return result;
  int64_t vector = cost_of_lanes(&candidate, turns, add(body.cost, COST_TURN));
  bool    long_enough = facts_most_trips(facts, loop) >= candidate.lanes || facts->target->has_masked;
  if (!is_row && (vector >= serial || !long_enough)) return result;
  chooser->chosen[loop] = chooser->any = true;
  result.cost = vector;
  return result;
}

static Cost choose_list(Chooser *chooser, Stmt first) {
  const CodeFacts *facts = chooser->facts;
  Cost             total = {0, false};
  for (Stmt stmt = first; stmt; stmt = stmt_at(facts->code, stmt)->next) {
    const StmtNode *node = stmt_at(facts->code, stmt);
    Cost            part = {0, false}, otherwise = {0, false};
    if (node->kind == STMT_FOR) part = choose_loop(chooser, stmt);
    else {
      part = choose_list(chooser, node->body);
      otherwise = choose_list(chooser, node->otherwise);
    }
    total.cost = add(total.cost, add(cost_of_statement(facts, NULL, node), add(part.cost, otherwise.cost)));
    total.has_row |= part.has_row || otherwise.has_row;
  }
  return total;
}

bool *choose_loops(const CodeFacts *facts) {
  Chooser chooser = {.facts = facts, .chosen = arena_array(facts->arena, bool, facts->code->stmts.count + 1u)};
  choose_list(&chooser, facts->code->body);
  return chooser.any ? chooser.chosen : NULL;
}
