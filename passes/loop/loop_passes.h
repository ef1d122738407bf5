/* The passes that tidy loop programs: flatten, tidy, collapse. Each keeps what the program computes, bit for bit, and may run at any time.
 * And strict, math and vectorise, which choose what the program's text leaves open. */
#ifndef ONNXCC_PASSES_LOOP_LOOP_PASSES_H
#define ONNXCC_PASSES_LOOP_LOOP_PASSES_H
#include "compiler/loop/evaluate.h"
#include "compiler/loop/loop.h"
#include "targets/target.h"

/* Operands of kernels get rank 1 (rank 0 stays), without strides; subscripts become sums: x[i * 64 + j]. Buffers of entries keep their shape. */
void loop_flatten(Program *program);
/* Perfectly nested loops whose variables only occur as outer * extent + inner become one; loops of one turn vanish. Wants flat operands. */
void loop_collapse(Program *program);
/* Index arithmetic, conditions and loops that the ranges of loop variables decide; what nothing reads. */
void loop_tidy(Program *program);

/* What is promised about floats across targets and options (design 4a): agreement within bounds, or the same bits everywhere, with muladd as fma or
 * as a multiplication and an addition. */
typedef enum FpMode { FP_DEFAULT, FP_STRICT, FP_STRICT_NOFMA } FpMode;

/* Takes out of a program what targets and options may choose, so that its text decides every bit: named functions get the bodies of the library,
 * muladd becomes what `fp` says, rows are summed in partial results. Under FP_DEFAULT it only takes away the marks of rows. Comes before all passes
 * that look at a target; running it twice changes nothing more. */
void loop_strict(Program *program, FpMode fp);

/* An evaluator that does so with a program before it runs it, so that what is folded has the bits of what is not. *self stays the caller's. */
typedef struct StrictEvaluator { Evaluator inner; FpMode fp; } StrictEvaluator;
Evaluator strict_evaluator(StrictEvaluator *self);

/* Where the bodies of maths functions come from: the library, its fast variants where it has one, C's library. */
typedef enum MathMode { MATH_FULL, MATH_FAST, MATH_LIBM } MathMode;
/* Not FULL only where floats are not strict. Stands before vectorise; running it twice changes nothing more. */
void loop_math(Program *program, MathMode mode);

/* Loops in lanes, as wide as the target's vectors; nothing if it has none or is NULL. Wants flat operands; stands before legalise. Accumulations of
 * floats along rows change their order (vectorise/reduction.c), but not under --fp=strict. */
void loop_vectorise(Program *program, const Target *target, FpMode fp);
#endif
