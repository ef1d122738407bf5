/* The driver: facts, order, levels, dumps, times, unknown names. */
#include "compiler/ops/ops.h"
#include "passes/pass.h"
#include "tests/check.h"
#include <stdlib.h>

static const char model[] = "graph g(%x: f32[4]) -> (%y) {\n"
                            "  %a: ? = Relu(%x)\n"
                            "  %b: ? = Relu(%x)\n"
                            "  %y: ? = Add(%a, %b)\n"
                            "}\n";

typedef struct Run {
  Context     context;
  const char *text;         /* NULL: model */
  const char *passes;       /* by name; NULL: all enabled graph passes */
  PassOptions options;
  Text        log;          /* names of the passes that ran, dumps in brackets */
  const char *output;
  Outcome     outcome;
} Run;

static void on_time(void *self, const PassInfo *pass, uint64_t nanoseconds, bool changed) {
  text_format(&((Run *)self)->log, "%s%s ", pass->name, changed ? "+" : "");
}

static void on_dump(void *self, const PassInfo *pass, const Text *text) {
  text_char(&((Run *)self)->log, '[');
  text_bytes(&((Run *)self)->log, text->data, text->length);
  text_string(&((Run *)self)->log, "] ");
}

static void body(void *self) {
  Run      *run = self;
  Arena    *arena = arena_open(&run->context);
  const char *given = run->text ? run->text : model;
  Text      text;
  PassState state = {.context = &run->context, .options = run->options};
  text_open(&run->log, arena);
  text_open(&text, arena);
  state.options.self = run;
  state.options.on_time = on_time;
  state.options.on_dump = on_dump;
  if (run->passes) pass_run_text(&state, run->passes, "test", given, strlen(given), &text);
  else {
    state.module = module_parse(&run->context, arena, &op_names, "test", model, strlen(model));
    pass_run_all(&state, PASS_GRAPH);
    module_print(state.module, &op_names, &text);
  }
  run->output = text_finish(&text);
}

static void start(Run *run, const char *passes, PassOptions options) {
  *run = (Run){.passes = passes, .options = options};
  if (!context_open(&run->context, NULL, -1)) abort();
}

/* Runs, checks the log, closes. */
#define RUNS(names, pass_options, wanted_log) \
  do { \
    Run run; \
    start(&run, names, (PassOptions)pass_options); \
    CHECK_INT(context_guard(&run.context, body, &run), OUTCOME_OK); \
    CHECK_TEXT(text_finish(&run.log), wanted_log); \
    context_close(&run.context); \
  } while (0)
#define OPTIONS(...) {__VA_ARGS__}

TEST(missing_facts_are_made) { RUNS("cse", OPTIONS(.level = 0), "shape+ cse+ "); }
TEST(facts_are_made_once) { RUNS("cse, d\tcse", OPTIONS(.level = 0), "shape+ cse+ dce cse "); }
TEST(no_pass_on_either_language) {
  const char *const texts[] = {"graph g() -> () {\n}\n", "# loops\nprogram\nbuffer x: f32[4] input 0\n"}, *const wanted[] = {"model opset 0 ir 0\n",
                                                                                                                             "program\n"};
  for (int at = 0; at < 2; at++) {
    Run run;
    start(&run, "", (PassOptions){.level = 0});
    run.text = texts[at];
    CHECK_INT(context_guard(&run.context, body, &run), OUTCOME_OK);
    CHECK(!strncmp(run.output, wanted[at], strlen(wanted[at])));
    context_close(&run.context);
  }
}
TEST(levels) { RUNS(NULL, OPTIONS(.level = 0), "shape+ dce "); }
TEST(order) { RUNS(NULL, OPTIONS(.level = 1), "shape+ fold simplify cse+ dce fuse+ "); }
TEST(choices) { RUNS(NULL, OPTIONS(.level = 1, .choice = {[PASS_DCE] = -1, [PASS_FUSE] = -1}), "shape+ fold simplify cse+ "); }
TEST(choice_against_the_level) { RUNS(NULL, OPTIONS(.choice = {[PASS_CSE] = 1}), "shape+ cse+ dce "); }

TEST(dumps) {
  RUNS("cse dce", OPTIONS(.dump = "cd"),
       "shape+ cse+ [model opset 0 ir 0\n"
       "graph g(%x: f32[4]) -> (%y) {\n"
       "  %a: f32[4] = Relu(%x)\n"
       "  %y: f32[4] = Add(%a, %a)\n"
       "}\n"
       "] dce [(unchanged)\n"
       "] ");
}

TEST(unknown_pass) {
  Run run;
  start(&run, "cse dcse", (PassOptions){.level = 0});
  CHECK_INT(context_guard(&run.context, body, &run), OUTCOME_USAGE);
  const Diagnostic *last = &run.context.diagnostics[run.context.diagnostic_count - 1];
  CHECK_INT(last->code, CODE_UNKNOWN_PASS);
  CHECK_TEXT(last->message, "no pass is called \"dcse\"");
  CHECK_TEXT(last->hint, "did you mean cse?");
  context_close(&run.context);
}

TEST(letters_and_names_are_unique) {
  for (PassId pass = 0; pass < PASS_COUNT; pass++) {
    PassId found;
    CHECK(pass_find(pass_info(pass)->name, strlen(pass_info(pass)->name), &found) && found == pass);
    CHECK(pass_find(&pass_info(pass)->letter, 1, &found) && found == pass);
    CHECK(*pass_info(pass)->summary);
  }
}

int main(void) {
  RUN(missing_facts_are_made);
  RUN(facts_are_made_once);
  RUN(no_pass_on_either_language);
  RUN(levels);
  RUN(order);
  RUN(choices);
  RUN(choice_against_the_level);
  RUN(dumps);
  RUN(unknown_pass);
  RUN(letters_and_names_are_unique);
  return check_done();
}
