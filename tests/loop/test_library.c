/* The library of scalar functions: every one of them reads and verifies; programs get what they call and nothing else. */
#include "tests/loop/loop_test.h"

TEST(all_functions_are_sound) {
  const char *source = file_text("compiler/loop/library.lir");
  CHECK(source);
  Program *program = program_of(arena_format(arena, "program\n%s", source));
  if (!program) { check_settle("not ok", "%s", failure()); return; }
  for (uint32_t i = 0; i < program->functions.count; i++) CHECK(library_has(program->functions.data[i].name));
}

TEST(names_are_matched_whole) {
  CHECK(library_has("f32_from_bf16"));
  CHECK(!library_has("f32_from_bf1"));
  CHECK(!library_has("from_bf16"));
  CHECK(!library_has(""));
}

static void link_library(void *program) { program_link_library(program); }

TEST(calls_are_linked) {
  Program *program = program_of("program sym x 1..4 function f32_from_bf16(y: bf16) -> f32 "
                                "kernel k(a: bf16[] in, b: f32[] out) { b[] = f32_from_bf16(a[]) }");
  CHECK(program);
  CHECK_INT(context_guard(&context, link_library, program), OUTCOME_OK);
  program_verify(program);
  CHECK_INT(program->functions.count, 1);
  CHECK(strstr(program_text(program), "function f32_from_bf16(x_1: bf16) -> f32 {\n")); /* the symbol x keeps its name */
}

TEST(unknown_functions_are_refused) {
  Program *program = program_of("program function nothing(x: f32) -> f32");
  CHECK_INT(context_guard(&context, link_library, program), OUTCOME_REFUSED);
  CHECK(strstr(failure(), "the function nothing is not supported"));
  program = program_of("program function f32_from_bf16(x: f32) -> f32");
  CHECK_INT(context_guard(&context, link_library, program), OUTCOME_BUG);
  CHECK(strstr(failure(), "other types"));
}

int main(void) {
  loop_test_open();
  RUN(all_functions_are_sound);
  RUN(names_are_matched_whole);
  RUN(calls_are_linked);
  RUN(unknown_functions_are_refused);
  return loop_test_close();
}
