/* What the operators that move elements share: integer operands that say where, and the checks where only the running program knows them. */
#ifndef ONNXCC_OPS_MOVEMENT_H
#define ONNXCC_OPS_MOVEMENT_H
#include "expressions.h"

/* Element k of an integer operand of rank 0 or 1, as an index; a known one becomes a constant or an expression of dimensions. What is only known
 * at run time is forced into -INT32_MAX .. INT32_MAX, so that sums of a few stay in range whatever the data. */
Expr     movement_integer(Meaning *m, uint32_t operand, int64_t k);
/* Length of an operand of rank 1 (1 for rank 0); 0 if it is absent or symbolic. */
uint32_t movement_length(const Meaning *m, uint32_t operand);
/* Stores STATUS_SHAPE if `bad`, once a kernel: at the element of the result whose indices are all 0. */
void     movement_check(Meaning *m, uint32_t result, const Expr *index, Expr bad);
Expr     movement_false(Meaning *m);
/* a + extent if a is negative. */
Expr     movement_wrap(Meaning *m, Expr a, Expr extent);
/* Row-major position of `index` among extents, and back; position is below the product. */
Expr     movement_position(Meaning *m, uint32_t rank, const Expr *extents, const Expr *index);
void     movement_unravel(Meaning *m, uint32_t rank, const Expr *extents, Expr position, Expr *index);
/* The operand's element at an index that may lie anywhere: `otherwise` where `inside` does not hold. */
Expr     movement_read_if(Meaning *m, uint32_t operand, Expr inside, const Expr *index, Expr otherwise);
/* extents[axis] of an operand or result, as index expressions. */
void     movement_extents(Meaning *m, uint32_t operand, Expr *extents);
void     movement_result_extents(Meaning *m, uint32_t result, Expr *extents);

/* Length of an operand of rank 1 in a shape rule; a symbolic one is an error. */
bool     infer_length(Infer *infer, uint32_t operand, uint32_t *length);
/* The result holds operand 0's elements in the same order: its known integers are the operand's. */
void     infer_known_as_operand(Infer *infer);
/* Axes of an int operand or attribute, made non-negative and checked for range and repetition. False: the operand is only known at run time. */
bool     infer_axes_operand(Infer *infer, uint32_t operand, uint32_t rank, uint32_t *count, uint32_t *axes /* MAX_RANK */);
bool     infer_axes(Infer *infer, uint32_t count, const int64_t *values, uint32_t rank, uint32_t *axes /* MAX_RANK */);
#endif
