/* Guards, diagnostics, suggestions, and the sweep in which every allocation fails once. */
#include "tests/check.h"

#include <stdlib.h>

#include "compiler/base/dim.h"

static const Place nowhere = {0};

/* ---- guards ---- */

static void do_nothing(void *self) {}
static void raise_bug(void *self) { bug((Context *)self, "seven is %d", 8); }
static void raise_require(void *self) { require((Context *)self, self == NULL); }
static void raise_usage(void *self) { usage_error(self, CODE_SYNTAX, NULL, "no such flag"); }
static void raise_io(void *self) { io_error(self, CODE_SYNTAX, (Place){.path = "a.onnx"}, "check the path", "cannot open"); }
static void report_error(void *self) { model_error(self, CODE_SYNTAX, nowhere, NULL, "wrong"); }

static void report_two_and_check(void *self) {
  report_error(self);
  report_error(self);
  check_errors(self);
  raise_bug(self);
}

TEST(guards_return_the_outcome) {
  Context context;
  CHECK(context_open(&context, NULL, -1));
  CHECK_INT(context_guard(&context, do_nothing, &context), OUTCOME_OK);
  CHECK_INT(context_guard(&context, report_error, &context), OUTCOME_REFUSED);
  CHECK_INT(context_guard(&context, report_two_and_check, &context), OUTCOME_REFUSED);
  CHECK_INT(context_guard(&context, do_nothing, &context), OUTCOME_OK);
  CHECK_INT(context.outcome, OUTCOME_REFUSED);
  CHECK_INT(context_guard(&context, raise_usage, &context), OUTCOME_USAGE);
  CHECK_INT(context_guard(&context, raise_io, &context), OUTCOME_IO);
  CHECK_INT(context_guard(&context, raise_bug, &context), OUTCOME_BUG);
  CHECK_INT(context_guard(&context, raise_require, &context), OUTCOME_BUG);
  CHECK_INT(context_guard(&context, raise_io, &context), OUTCOME_IO);
  CHECK_INT(context.outcome, OUTCOME_BUG);
  CHECK(context.boundary == NULL);
  context_close(&context);
}

TEST(diagnostics_keep_what_was_said) {
  Context context;
  CHECK(context_open(&context, NULL, -1));
  char volatile_text[] = "graph.node[3]";
  model_warning(&context, CODE_SYNTAX, (Place){volatile_text, "drawn"}, NULL, "%d of %s", 3, "four");
  volatile_text[0] = 'X';
  const Diagnostic *said = &context.diagnostics[0];
  CHECK(said->severity == SEVERITY_WARNING && said->code == CODE_SYNTAX && !said->hint);
  CHECK_TEXT(said->message, "3 of four");
  CHECK_TEXT(said->path, "graph.node[3]");
  CHECK_TEXT(said->detail, "drawn");
  CHECK_INT(context.error_count, 0);
  context_guard(&context, raise_bug, &context);
  said = &context.diagnostics[1];
  CHECK(said->code == CODE_BUG && strncmp(said->message, "test_context.c:", 15) == 0 && strstr(said->message, ": seven is 8"));
  context_guard(&context, raise_require, &context);
  CHECK(strstr(context.diagnostics[2].message, "self == NULL"));
  context_close(&context);
}

typedef struct Nested {
  Context *context;
  Outcome  inner;
  int      reached;
} Nested;

static void outer_body(void *self) {
  Nested *nested = self;
  report_error(nested->context);
  nested->inner = context_guard(nested->context, raise_bug, nested->context);
  nested->reached = 1;
  nested->inner = context_guard(nested->context, do_nothing, nested->context);
  check_errors(nested->context);
  nested->reached = 2;
}

TEST(guards_nest) {
  Context context;
  CHECK(context_open(&context, NULL, -1));
  Nested nested = {.context = &context};
  CHECK_INT(context_guard(&context, outer_body, &nested), OUTCOME_REFUSED);
  CHECK_INT(nested.reached, 1);
  CHECK_INT(nested.inner, OUTCOME_OK);
  CHECK(context.boundary == NULL);
  context_close(&context);
}

static void report_many(void *self) {
  for (int i = 0; i < 1000; i++) model_error(self, CODE_SYNTAX, nowhere, NULL, "error %d", i);
}

TEST(a_stage_ends_after_the_permitted_errors) {
  Context context;
  CHECK(context_open(&context, NULL, -1));
  CHECK_INT(context_guard(&context, report_many, &context), OUTCOME_REFUSED);
  CHECK_INT(context.error_count, 50);
  CHECK_INT(context.diagnostics[50].code, CODE_TOO_MANY_ERRORS);
  context_close(&context);
}

/* ---- every allocation fails once ---- */

/* Uses every part of the room that allocates. */
static void work(void *self) {
  Context *context = self;
  Arena   *arena = arena_open(context);
  DimTable table;
  dim_open(&table, arena);
  static const char source[] = "min(ceildiv(\"a b\"+1, 4)*N, 2*N+3) \"x\\x41\" # end";
  dim_symbol(&table, "a b", SYMBOL_INPUT, 1, 64);
  dim_symbol(&table, "N", SYMBOL_INPUT, 1, DIM_OPEN);
  for (int i = 0; i < 40; i++) dim_fresh(&table, "N", SYMBOL_RUN, 0, 10 + i);
  Lexer lexer;
  lexer_open(&lexer, arena, "source", source, sizeof source - 1);
  Dim  dim = dim_parse(&table, &lexer);
  Text text;
  text_open(&text, arena);
  for (int i = 0; i < 10; i++) dim_print(&table, dim, &text);
  text_quoted(&text, lexer_quoted(&lexer, NULL), 2);
  text_f64(&text, 0.1);
  text_finish(&text);
  for (int i = 0; i < 30; i++) model_warning(context, CODE_SYNTAX, (Place){"here", "there"}, "so", "warning %d", i);
  report_two_and_check(context);
}

typedef struct Counter {
  size_t bytes, blocks;
} Counter;

static void *counting_allocate(void *self, size_t bytes) {
  Counter *counter = self;
  counter->bytes += bytes;
  counter->blocks++;
  return malloc(bytes);
}

static void counting_release(void *self, void *memory, size_t bytes) {
  Counter *counter = self;
  counter->bytes -= bytes;
  counter->blocks--;
  free(memory);
}

TEST(every_allocation_fails_once) {
  Counter   counter = {0};
  Allocator allocator = {counting_allocate, counting_release, &counter};
  int64_t   failures = 0;
  for (;; failures++) {
    Context context;
    CHECK(failures < 100000);
    if (!context_open(&context, &allocator, failures)) {
      CHECK_INT(counter.blocks, 0);
      continue;
    }
    Outcome outcome = context_guard(&context, work, &context);
    bool    is_done = outcome == OUTCOME_REFUSED;
    CHECK(is_done || outcome == OUTCOME_LIMIT);
    const Diagnostic *last = &context.diagnostics[context.diagnostic_count - 1];
    CHECK(is_done || (last->code == CODE_OUT_OF_MEMORY && strcmp(last->message, "out of memory") == 0));
    CHECK_INT(context_guard(&context, work, &context), OUTCOME_LIMIT); /* what failed once keeps failing */
    last = &context.diagnostics[context.diagnostic_count - 1];
    CHECK_INT(last->code, CODE_OUT_OF_MEMORY);
    context_close(&context);
    CHECK(counter.blocks == 0 && counter.bytes == 0 && context.bytes_in_use == 0);
    if (is_done) break;
  }
  CHECK(failures > 200);
}

/* ---- tables ---- */

TEST(diagnostics_are_sorted_and_explained) {
  const DiagnosticInfo *info;
  int                   before = 0;
  for (uint32_t i = 0; (info = diagnostic_info_at(i)); i++) {
    CHECK(info->code > before && info->name[0] && info->title[0] && info->explanation[0]);
    CHECK(diagnostic_info(info->code) == info);
    before = info->code;
  }
  CHECK(before > 0 && !diagnostic_info(-1) && !diagnostic_info(before + 1));
  CHECK_TEXT(diagnostic_info(CODE_SYNTAX)->name, "SYNTAX");
}

TEST(suggestions_are_near) {
  static const char *const names[] = {"Relu", "LeakyRelu", "Conv", "ConvTranspose", "MatMul", "Gemm"};
  CHECK_TEXT(did_you_mean("Realu", names, 6), "Relu");
  CHECK_TEXT(did_you_mean("Rleu", names, 6), "Relu");
  CHECK_TEXT(did_you_mean("matmul", names, 6), "MatMul");
  CHECK_TEXT(did_you_mean("ConvTransposed", names, 6), "ConvTranspose");
  CHECK_TEXT(did_you_mean("Gem", names, 6), "Gemm");
  CHECK(!did_you_mean("Softmax", names, 6) && !did_you_mean("Relu", names, 0));
  char longest[200];
  memset(longest, 'x', sizeof longest - 1);
  longest[sizeof longest - 1] = 0;
  CHECK(!did_you_mean(longest, names, 6));
}

int main(void) {
  RUN(guards_return_the_outcome);
  RUN(diagnostics_keep_what_was_said);
  RUN(guards_nest);
  RUN(a_stage_ends_after_the_permitted_errors);
  RUN(every_allocation_fails_once);
  RUN(diagnostics_are_sorted_and_explained);
  RUN(suggestions_are_near);
  return check_done();
}
