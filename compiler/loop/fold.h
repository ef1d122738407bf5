/* Operations on constants, with the results that loop_ops.def states. Every function returns false where it must not fold: results that are
 * no number (their bits are the machine's choice) and types without arithmetic. */
#ifndef ONNXCC_LOOP_FOLD_H
#define ONNXCC_LOOP_FOLD_H
#include "loop.h"

/* Operands are LOOP_CONSTANT nodes; the result is one too. */
bool fold_unary(LoopOp op, const ExprNode *a, ExprNode *result);
bool fold_binary(LoopOp op, const ExprNode *a, const ExprNode *b, ExprNode *result);
bool fold_fma(const ExprNode *a, const ExprNode *b, const ExprNode *c, ExprNode *result);
bool fold_cast(Scalar to, const ExprNode *a, ExprNode *result);
bool fold_saturate(Scalar to, const ExprNode *a, ExprNode *result);
bool fold_bitcast(Scalar to, const ExprNode *a, ExprNode *result);

/* Integer arithmetic of a type with one result for every input: wrapping, x / 0 = 0, MIN / -1 = MIN, wide shifts. False if op is none of it. */
bool fold_integers(LoopOp op, Scalar scalar, int64_t a, int64_t b, int64_t *result);
bool fold_comparison(LoopOp op, Scalar scalar, int64_t a, int64_t b);
#endif
