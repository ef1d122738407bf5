/* What the tests of the graph IR share: a handful of operators, and modules read from text under a guard. */
#ifndef ONNXCC_TESTS_GRAPH_FIXTURE_H
#define ONNXCC_TESTS_GRAPH_FIXTURE_H
#include "compiler/graph/graph.h"
#include <stdlib.h>
#include <string.h>

static const struct { const char *domain, *name; } operators[] = {
    {"", ""}, {"", "Relu"}, {"", "Conv"}, {"", "Add"}, {"", "If"}, {"", "Loop"}, {"", "TopK"}, {"x", "Group"}, {"com.microsoft", "Gelu"}};
enum { OP_COUNT = sizeof operators / sizeof *operators };

static const char *operator_name(uint32_t op) { return operators[op].name; }
static const char *operator_domain(uint32_t op) { return operators[op].domain; }
static uint32_t operator_find(const char *domain, const char *name) {
  for (uint32_t op = 1; op < OP_COUNT; op++)
    if (!strcmp(operators[op].domain, domain) && !strcmp(operators[op].name, name)) return op;
  return 0;
}
static const OpNames operator_names = {operator_name, operator_domain, operator_find};

/* A context with a module read from text. */
typedef struct Fixture {
  Context     context;
  Arena      *arena;
  Module     *module;
  Outcome     outcome;            /* of the last guarded step */
  const char *text;               /* to be read */
  void      (*step)(struct Fixture *fixture);
} Fixture;

static inline void fixture_parse(Fixture *fixture) {
  fixture->arena = arena_open(&fixture->context);
  fixture->module = module_parse(&fixture->context, fixture->arena, &operator_names, "test", fixture->text, strlen(fixture->text));
}

static inline void fixture_body(void *self) { ((Fixture *)self)->step(self); }

static inline Outcome fixture_run(Fixture *fixture, void (*step)(Fixture *fixture)) {
  fixture->step = step;
  return fixture->outcome = context_guard(&fixture->context, fixture_body, fixture);
}

static inline Outcome fixture_open(Fixture *fixture, const char *text) {
  *fixture = (Fixture){.text = text};
  if (!context_open(&fixture->context, NULL, -1)) abort();
  return fixture_run(fixture, fixture_parse);
}

static inline void fixture_close(Fixture *fixture) { context_close(&fixture->context); }

/* The last message, "" if none. */
static inline const char *fixture_message(const Fixture *fixture) {
  const Context *context = &fixture->context;
  return context->diagnostic_count ? context->diagnostics[context->diagnostic_count - 1].message : "";
}

static inline const char *fixture_print(Fixture *fixture) {
  Text text;
  text_open(&text, fixture->arena);
  module_print(fixture->module, &operator_names, &text);
  return text_finish(&text);
}

/* The first value of that name in the module; 0 if none. */
static inline ValueId fixture_value(const Fixture *fixture, const char *name) {
  for (ValueId id = 1; id < fixture->module->values.count; id++)
    if (!strcmp(value_at(fixture->module, id)->name, name)) return id;
  return 0;
}
#endif
