/* The passes that tidy loop programs: flatten, tidy, collapse. Each keeps what the program computes, bit for bit, and may run at any time. */
#ifndef ONNXCC_PASSES_LOOP_LOOP_PASSES_H
#define ONNXCC_PASSES_LOOP_LOOP_PASSES_H
#include "compiler/loop/loop.h"

/* Operands of kernels get rank 1 (rank 0 stays), without strides; subscripts become sums: x[i * 64 + j]. Buffers of entries keep their shape. */
void loop_flatten(Program *program);
/* Perfectly nested loops whose variables only occur as outer * extent + inner become one; loops of one turn vanish. Wants flat operands. */
void loop_collapse(Program *program);
/* Index arithmetic, conditions and loops that the ranges of loop variables decide; what nothing reads. */
void loop_tidy(Program *program);
#endif
