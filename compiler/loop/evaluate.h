/* Running loop programs. One struct, implemented by the interpreter (evaluate.c), later by a JIT; main injects it so that passes see no backend. */
#ifndef ONNXCC_LOOP_EVALUATE_H
#define ONNXCC_LOOP_EVALUATE_H
#include "loop.h"

/* The status of a run that met a dimension outside its range: a symbol given, or a run-time symbol assigned. FAIL has codes of its own. */
enum { EVALUATION_SHAPE = -4 };

typedef struct Evaluation {
  const void *const *inputs;   /* by input index: elements in buffer form (sub-byte types one a byte, bool 0 or 1) */
  void *const *outputs;        /* by output index: room for the elements; sized by the caller from the dims (run-time sizes: by their upper bounds) */
  int64_t *symbols;            /* by symbol index: SYMBOL_INPUT given, SYMBOL_RUN filled in on return */
  int32_t  status;             /* 0, or minus the code of the FAIL reached */
  const char *fault;           /* a broken rule (out of bounds, uninitialised read), in the scratch arena; NULL: none */
  uint64_t steps;              /* scalar operations executed */
  uint64_t step_limit;         /* 0: none; reached: returns false */
  size_t   memory_limit;       /* 0: none; for workspace and state */
} Evaluation;

typedef struct Evaluator {
  const char *name;
  void *self;
  /* Runs an entry. False if a limit was reached (nothing is promised of the outputs then). */
  bool (*run)(void *self, Program *program, uint32_t entry, Arena *scratch, Evaluation *evaluation);
} Evaluator;

/* The interpreter: bounds and initialisation checks always on. Undefined functions are evaluated by name in double through libm (the oracle form);
 * unplaced programs get a buffer each, placed ones one workspace, so that a wrong memory plan shows. */
Evaluator interpreter(void);
/* The same without lanes, strictly one operation after the other: slow. Tests hold the two against each other. */
Evaluator interpreter_stepwise(void);
#endif
