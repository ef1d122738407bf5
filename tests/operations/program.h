/* One program that holds a kernel for each operation and type, and for forms that emitters spell in ways of their own. */
#ifndef ONNXCC_TESTS_OPERATIONS_PROGRAM_H
#define ONNXCC_TESTS_OPERATIONS_PROGRAM_H
#include "compiler/loop/loop.h"
#include "targets/target.h"

/* An output and what it holds: rows of results of `op`, or of a form that only the interpreter judges (op NONE). */
typedef struct Check {
  LoopOp      op;
  Scalar      from, to;
  uint16_t    lanes;
  uint32_t    rows;       /* 1, or as many as constants stand on either side, or as conditions take both values */
  bool        constants;
  uint8_t     arity;      /* what x, y, z run over: 1 all values, 2 all pairs, 3 all triples */
  const char *form;
} Check;

typedef struct Suite {
  Context      *context;
  Arena        *arena;
  const Target *target;       /* what the program will be legalised for */
  uint16_t      most_lanes;   /* vectors of up to so many lanes; 1: none */
  Program      *program;
  VECTOR(Check) checks;       /* by output */
} Suite;

void         suite_build(Suite *suite);
const void **suite_inputs(Suite *suite);
/* Elements of an output. */
uint32_t     suite_count(const Check *check);
/* The bits that element `at` must have; only for checks with an operation. */
uint64_t     suite_wanted(const Check *check, uint32_t at, bool fused);
/* The operands of that element, for messages; as many as the operation has. */
void         suite_operands(const Check *check, uint32_t at, uint64_t *operands);
#endif
