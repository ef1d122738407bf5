/* What the tests of the interpreter share: run a program given as text, with and without lanes, and compare. */
#ifndef ONNXCC_TESTS_EVALUATE_TEST_H
#define ONNXCC_TESTS_EVALUATE_TEST_H
#include "tests/check.h"

#include "compiler/loop/evaluate.h"

#include <stdlib.h>

enum { SLOTS = 8, SYMBOLS = 8, SLOT_BYTES = 1 << 16 };

/* One evaluation of a text program, in a context of its own. */
typedef struct Trial {
  const char *text;
  int64_t  symbols[SYMBOLS];         /* by symbol index */
  const void *inputs[SLOTS];
  uint64_t outputs[SLOTS][SLOT_BYTES / 8];
  uint64_t step_limit;
  size_t   memory_limit;
  bool     stepwise, links;          /* links: named functions get the bodies of the library */
  /* results */
  bool     completed;
  int32_t  status;
  uint64_t steps;
  char     fault[512];               /* "" for none; or the message of a bug */
  Context  context;
} Trial;

static inline void trial_body(void *self) {
  Trial *trial = self;
  Arena *arena = arena_open(&trial->context);
  Program *program = program_parse(&trial->context, arena, "test", trial->text, strlen(trial->text));
  if (trial->links) program_link_library(program);
  program_verify(program);
  void *outputs[SLOTS];
  for (int k = 0; k < SLOTS; k++) outputs[k] = trial->outputs[k];
  Evaluation evaluation = {.inputs = trial->inputs, .outputs = outputs, .symbols = trial->symbols, .step_limit = trial->step_limit,
                           .memory_limit = trial->memory_limit};
  Evaluator evaluator = trial->stepwise ? interpreter_stepwise() : interpreter();
  trial->completed = evaluator.run(evaluator.self, program, 0, arena, &evaluation);
  trial->status = evaluation.status;
  trial->steps = evaluation.steps;
  if (evaluation.fault) snprintf(trial->fault, sizeof trial->fault, "%s", evaluation.fault);
}

static inline void trial_run(Trial *trial) {
  trial->fault[0] = 0;
  if (!context_open(&trial->context, NULL, -1)) abort();
  if (context_guard(&trial->context, trial_body, trial) != OUTCOME_OK && trial->context.diagnostic_count > 0)
    snprintf(trial->fault, sizeof trial->fault, "%s", trial->context.diagnostics[trial->context.diagnostic_count - 1].message);
  context_close(&trial->context);
}

/* Runs the text on these inputs in both ways; NULL if they agree and there is no fault, else what is wrong. The results stay in *trial. */
static inline const char *trial_twice(Trial *trial) {
  static Trial other;
  other = *trial;
  other.stepwise = true;
  trial_run(trial);
  trial_run(&other);
  if (strcmp(trial->fault, other.fault) != 0) return trial->fault[0] ? trial->fault : other.fault;
  if (trial->fault[0]) return trial->fault;
  if (trial->status != other.status) return "different statuses with and without lanes";
  if (memcmp(trial->outputs, other.outputs, sizeof trial->outputs) != 0) return "different results with and without lanes";
  return NULL;
}
#endif
