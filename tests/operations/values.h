/* The values that every operation is tried on, as bits: a table a type. */
#ifndef ONNXCC_TESTS_OPERATIONS_VALUES_H
#define ONNXCC_TESTS_OPERATIONS_VALUES_H
#include "compiler/loop/loop.h"

uint32_t edge_count(Scalar scalar);
uint64_t edge_bits(Scalar scalar, uint32_t index);
/* The values whose triples are taken: fewer, of f32 and f64. */
uint32_t triple_count(Scalar scalar);
uint64_t triple_bits(Scalar scalar, uint32_t index);
#endif
