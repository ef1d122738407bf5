/* Runs the cases of tests/pass/<pass>.txt (format: README.md there). */
#include "compiler/ops/ops.h"
#include "passes/pass.h"
#include "tests/pass/cases.h"

static const char *print_text(Case *test, Arena *arena, const char *data, size_t length) {
  Text text;
  text_open(&text, arena);
  if (length >= 7 && !memcmp(data, "program", 7)) {
    program_print(program_parse(&test->context, arena, test->file, data, length), &text);
    return text_finish(&text);
  }
  Module *module = module_parse(&test->context, arena, &op_names, test->file, data, length);
  module_print(module, &op_names, &text);
  return text_finish(&text);
}

static void run_case(void *self) {
  Case     *test = self;
  Arena    *arena = arena_open(&test->context);
  Evaluator evaluator = interpreter();
  PassState state = {.context = &test->context, .evaluator = &evaluator, .options = {.verify_each = true}};
  Text      text;
  if (*test->fp) state.fp = !strcmp(test->fp, "strict") ? FP_STRICT : FP_STRICT_NOFMA;
  if (*test->math) state.math = !strcmp(test->math, "fast") ? MATH_FAST : MATH_LIBM;
  if (*test->target) state.target = target_find(test->target);
  Target    with_fast = *target_find("generic");
  with_fast.fast_bytes = (unsigned)strtoul(test->fast, NULL, 10);
  if (*test->fast) state.target = &with_fast;
  bool      unchanged = test->after_length >= 11 && !memcmp(test->after, "(unchanged)", 11);
  text_open(&text, arena);
  state.budget = (FoldBudget){.tensor_bytes = 1u << 20, .total_bytes = 1u << 22, .steps = test->steps ? test->steps : 1000000};
  pass_run_text(&state, test->passes, test->file, test->before, test->before_length, &text);
  test->got = text_finish(&text);
  test->wanted = unchanged ? print_text(test, arena, test->before, test->before_length) : print_text(test, arena, test->after, test->after_length);
}

static void check_case(Case *test) {
  if (!context_open(&test->context, NULL, -1)) abort();
  if (context_guard(&test->context, run_case, test) != OUTCOME_OK) {
    const Diagnostic *last = &test->context.diagnostics[test->context.diagnostic_count - 1];
    check_settle("not ok", "%s: %s", last->path ? last->path : test->file, last->message);
  } else if (strcmp(test->got, test->wanted)) {
    printf("# %s gives\n%s", test->passes, test->got);
    size_t at = 0, line = 0;
    for (; test->got[at] && test->got[at] == test->wanted[at]; at++)
      if (test->got[at] == '\n') line = at + 1;
    check_settle("not ok", "%s: \"%.*s\" where \"%.*s\" was wanted", test->file, (int)strcspn(test->got + line, "\n"), test->got + line,
                 (int)strcspn(test->wanted + line, "\n"), test->wanted + line);
  }
  context_close(&test->context);
}

int main(int argument_count, char **arguments) { return run_files(argument_count, arguments); }
