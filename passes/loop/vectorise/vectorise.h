/* What the files of vectorise share: facts of a code, what is known of one loop as a candidate, reductions, the choice.
 *
 *   facts.c         one walk over a code: order, accesses, ranges, lets
 *   candidate.c     what differs between lanes, and whether the loop may run in lanes at all
 *   independence.c  iterations do not meet in memory
 *   reduction.c     accumulations along a row, and the order that their partial results have
 *   choice.c        which loops of a nest, by cost
 *   building.h      the code built again: body.c, row.c, vectorise.c */
#ifndef ONNXCC_PASSES_LOOP_VECTORISE_VECTORISE_H
#define ONNXCC_PASSES_LOOP_VECTORISE_VECTORISE_H
#include "compiler/loop/affine.h"
#include "compiler/loop/loop.h"
#include "targets/target.h"

/* ---- facts of a code ---- */

/* An access to a kernel's operand, as the statement of that order holds it. */
typedef struct AccessSite {
  uint32_t        order;
  Operand         operand;
  uint32_t        rank;
  const uint32_t *indices; /* into Code.lists: rank of them */
  uint16_t        lanes;
  bool            is_store;
} AccessSite;
typedef struct SlotSite {
  uint32_t order;
  Slot     slot;
  Stmt     stmt;
} SlotSite;

typedef struct CodeFacts {
  Program      *program;
  const Code   *code;
  const Target *target;
  Arena        *arena;
  bool          keeps_order; /* of accumulated floats */
  uint32_t     *begin, *end; /* by statement: its number in the order of the text, and one past those in its blocks */
  uint32_t     *slot_order;  /* by slot: of the statement that defines it */
  Stmt         *slot_stmt;   /* by slot: that statement; 0: a parameter */
  Ranges        ranges;
  Definitions   definitions;   /* lets of index sums that stay what they are */
  VECTOR(AccessSite) accesses; /* in order */
  VECTOR(SlotSite) sets;       /* variables set, in order */
  VECTOR(SlotSite) reads;      /* slots read, in order */
} CodeFacts;

void               facts_open(CodeFacts *facts, Program *program, const Code *code, const Target *target, Arena *arena);
static inline bool facts_inside(const CodeFacts *facts, Stmt block, uint32_t order) {
  return order > facts->begin[block] && order < facts->end[block];
}
/* Iterations of a loop of step 1: as a dimension, DIM_UNKNOWN if it is none; and at most, INT64_MAX if that is not known. */
Dim     facts_trips(const CodeFacts *facts, Stmt loop);
int64_t facts_most_trips(const CodeFacts *facts, Stmt loop);

/* ---- reductions ---- */

enum { REDUCTION_PARTIALS = 32, REDUCTIONS_MOST = 8 };

/* variable = variable op value, or value op variable, or fma(factor, other factor, variable). */
typedef struct Reduction {
  Slot   slot;
  Stmt   set;
  LoopOp op;            /* that joins partial results: ADD for MULADD and FMA */
  bool   carried_first; /* op(variable, value) */
} Reduction;
typedef struct ReductionList {
  Reduction items[REDUCTIONS_MOST];
  uint32_t  count;
} ReductionList;

/* Whether all variables from outside that the loop sets are accumulations; which. */
bool reductions_of(const CodeFacts *facts, Stmt loop, ReductionList *list);
/* Whether the loop is a row: see reduction.c. */
bool reduction_is_row(const CodeFacts *facts, Stmt loop);
/* What changes nothing: op(neutral, x) has the value of x. */
Expr reduction_neutral(Builder *builder, LoopOp op, Scalar scalar);
/* carried op value, in the order of the loop. */
Expr reduction_step(Builder *builder, const Reduction *reduction, Expr carried, Expr value);
/* One value of the partial ones: parts[k], a power of two of them, has those from k * lanes on. Makes lets; spoils parts. */
Expr reduction_join(Builder *builder, const Reduction *reduction, uint32_t count, Expr *parts);

/* ---- a loop as a candidate ---- */

typedef struct Candidate {
  const CodeFacts *facts;
  Stmt             loop;
  Slot             variable;
  uint16_t         lanes; /* 0: the loop stays as it is */
  uint16_t         parts; /* vectors a turn takes: REDUCTION_PARTIALS / lanes where the loop reduces, else 1 */
  ReductionList    reductions;
  bool            *varies; /* by slot: differs between lanes */
} Candidate;

/* False if it may not run in lanes. */
bool candidate_open(Candidate *candidate, const CodeFacts *facts, Stmt loop);
/* Fills in `varies`. */
void candidate_mark(Candidate *candidate);
bool candidate_varies(const Candidate *candidate, Expr expr);
/* How an index moves from lane to lane; false if not by equal steps. */
bool candidate_stride(const Candidate *candidate, Expr index, int64_t *stride);
/* An access along the last dimension. */
bool candidate_is_contiguous(const Candidate *candidate, const AccessSite *site);
/* a / b or a % b with i .. i + lanes - 1 within one multiple of b, for every i that a vector starts at. */
bool candidate_stays_within(const Candidate *candidate, Expr a, Expr b);
bool iterations_are_apart(const Candidate *candidate);

/* ---- the choice ---- */

/* By statement, whether it is a loop that runs in lanes; NULL if none does. */
bool *choose_loops(const CodeFacts *facts);
/* Registers that a vector takes. */
unsigned vector_registers_of(const Target *target, Scalar scalar, uint16_t lanes);
#endif
