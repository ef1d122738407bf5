/* Index expressions as sums: constant + coefficient * term + ..., and what is known of their values.
 *
 * The constant and the coefficients are dimension expressions. A term is a slot or an atom: a subexpression that is no sum (a load, a division,
 * min, ...). An expression without atoms is affine in its slots. */
#ifndef ONNXCC_LOOP_AFFINE_H
#define ONNXCC_LOOP_AFFINE_H
#include "loop.h"

enum { AFFINE_TERMS = 24 }; /* more make the whole expression one atom */

typedef struct AffineTerm {
  Slot slot;               /* 0: an atom */
  Expr atom;               /* what stands in the code for the term, a read of the slot or the atom itself */
  Dim  coefficient;        /* never the constant 0 */
} AffineTerm;

typedef struct Affine {
  Dim      constant;
  uint32_t count;
  AffineTerm terms[AFFINE_TERMS]; /* in order of first appearance; no two are of one slot or of equal atoms */
} Affine;

/* Both indices of one code: the same operations on the same slots, operands and literals. */
bool expr_equal(const Code *code, Expr a, Expr b);

/* Of constants, dimensions and slots that never change: the same wherever it stands. */
bool expr_is_fixed(const Code *code, Expr expr);

/* By slot: the value of a `let` that forms may look through; 0 and slots beyond count: not. */
typedef struct Definitions { Expr *data; uint32_t count, capacity; } Definitions;
void definitions_set(Arena *arena, Definitions *definitions, Slot slot, Expr value);

/* The form of an index expression; definitions may be NULL. Returns true if it has no atoms. */
bool affine_of(DimTable *dims, const Code *code, const Definitions *definitions, Expr expr, Affine *form);
/* The sum as an expression of the code that is being built, to which its atoms belong. Positive terms first, the constant last. */
Expr affine_build(Builder *builder, const Affine *form);
/* *a += factor * b; false (and *a is spoilt) if that has too many terms. */
bool affine_add(DimTable *dims, const Code *code, Affine *a, const Affine *b, Dim factor);
/* Coefficient of the slot; the constant 0 if it does not occur. */
Dim  affine_coefficient(DimTable *dims, const Affine *form, Slot slot);

/* ---- ranges ---- */

/* What is known of a slot's values; both ends belong to the range. */
typedef struct SlotRange {
  int64_t lo, hi;          /* INT64_MIN, INT64_MAX: open */
  Dim     least, most;     /* the ends as dimension expressions; DIM_UNKNOWN: not known */
} SlotRange;

typedef struct Ranges {
  DimTable *dims;
  Arena *arena;
  const Code *code;        /* may grow meanwhile */
  VECTOR(SlotRange) slots; /* slots beyond count: anything of their type */
} Ranges;

void ranges_open(Ranges *ranges, Arena *arena, DimTable *dims, const Code *code);
void ranges_set(Ranges *ranges, Slot slot, SlotRange range);
void ranges_set_loop(Ranges *ranges, Slot slot, Expr lo, Expr hi); /* the variable of a loop that runs at least once */
void ranges_set_let(Ranges *ranges, Slot slot, Expr value);
/* Of integer, index and i1 expressions; what is no number (floats) is open. */
SlotRange range_of(const Ranges *ranges, Expr expr);
/* The end of a sum as a dimension expression; DIM_UNKNOWN: not known. */
Dim range_end(const Ranges *ranges, const Affine *sum, bool upper);
/* The condition is true: 1, false: 0, not known: -1. */
int range_decides(const Ranges *ranges, Expr condition);
/* a op b for index values, where `op` is a comparison: 1, 0 or -1. */
int range_compares(const Ranges *ranges, LoopOp op, Expr a, Expr b);
#endif
