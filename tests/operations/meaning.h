/* What compiler/ir.md, rule 3, says an operation gives, worked out on bits in integers: neither the compiler's code nor this machine's floats. */
#ifndef ONNXCC_TESTS_OPERATIONS_MEANING_H
#define ONNXCC_TESTS_OPERATIONS_MEANING_H
#include "compiler/loop/loop.h"

/* The bits of `op` of operands of type `from`, with a result of type `to`. `fused`: muladd rounds once.
 * SELECT: operand 0 is an i1. All bits of a type stand at the low end; i1 is 0 or 1, index has 64 bits. */
uint64_t meaning_bits(LoopOp op, Scalar from, Scalar to, bool fused, const uint64_t *operands);
bool     meaning_is_nan(Scalar scalar, uint64_t bits);
/* Whether the operation exists for operands of the type. */
bool     meaning_exists(LoopOp op, Scalar from);
#endif
