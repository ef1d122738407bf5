/* How vectorise builds a code again: body.c one turn in lanes, row.c accumulations, vectorise.c loops. */
#ifndef ONNXCC_PASSES_LOOP_VECTORISE_BUILDING_H
#define ONNXCC_PASSES_LOOP_VECTORISE_BUILDING_H
#include "compiler/loop/rebuild.h"
#include "passes/loop/vectorise/vectorise.h"

/* The partial results of a row while it is built: vectors, or local arrays where there would be many. */
typedef struct Row {
  bool     is_open;
  bool     in_arrays;
  uint16_t width;                                        /* lanes of a partial that the body reads and sets: candidate.lanes, or 1 */
  uint32_t part;                                         /* in vectors: which */
  Expr     place;                                        /* in arrays: the first partial */
  Expr     vectors[REDUCTIONS_MOST][REDUCTION_PARTIALS]; /* variables, by reduction and part */
  Operand  arrays[REDUCTIONS_MOST];
} Row;

typedef struct Vectoriser {
  CodeFacts   facts;
  const bool *chosen;    /* by statement: loops that run in lanes */
  Candidate   candidate; /* the loop that is being built */
  bool        in_lanes;  /* its body is being built in lanes, rather than for one element */
  Expr        active;    /* number of lanes that take part, a slot or constant; 0: all */
  Row         row;
} Vectoriser;

/* Where the loop begins and ends in the new code; leaves. */
typedef struct Bounds {
  Expr lo, hi;
  Dim  turns; /* DIM_UNKNOWN if only the running program knows */
} Bounds;

static inline Vectoriser *vectoriser_of(Rebuild *rebuild) { return rebuild->self; }
static inline Expr        build_offset(Builder *builder, Expr base, int64_t offset) {
         return build_binary(builder, LOOP_ADD, base, build_index(builder, offset));
}

/* ---- body.c ---- */

/* The body once, for the lanes from `base` on; `active` of them, 0: all. And for one element. */
void body_build(Rebuild *rebuild, Expr base, Expr active);
void body_build_single(Rebuild *rebuild, Expr variable);
/* What differs in a body from what is there: the hooks of the rebuild. */
Expr body_expr(Rebuild *rebuild, Expr old);
bool body_statement(Rebuild *rebuild, const StmtNode *node);

/* ---- row.c ---- */

void row_build(Rebuild *rebuild, const Bounds *bounds);
/* Whether the variable is accumulated in the row that is being built; which. */
bool row_finds(Rebuild *rebuild, Slot slot, uint32_t *which);
/* Its partial results at hand. */
Expr row_read(Rebuild *rebuild, uint32_t which);
void row_write(Rebuild *rebuild, uint32_t which, Expr value);

/* ---- vectorise.c ---- */

/* The end of the turns that take `width` elements: lo + (hi - lo) / width * width. */
Expr bounds_whole_end(Rebuild *rebuild, const Bounds *bounds, int64_t width);
/* What is left behind it. */
Expr bounds_rest(Rebuild *rebuild, const Bounds *bounds, Expr end, int64_t width);
/* for i in lo..end step width, without a loop where there is one turn: `turn` at each. */
void bounds_turns(Rebuild *rebuild, const Bounds *bounds, Expr end, int64_t width, void (*turn)(Rebuild *rebuild, Expr base));
#endif
