/* Every allocation fails once: reading, building, printing, linking and verifying must leave with the limit outcome, and nothing may leak. */
#include "tests/loop/loop_test.h"

#include "compiler/loop/rebuild.h"

static const char *source;

static void everything(void *self) {
  arena = arena_open(&context);
  Program *program = program_parse(&context, arena, "everything", source, strlen(source));
  program_verify(program);
  for (uint32_t i = 0; i < program->kernels.count; i++) {
    Rebuild rebuild;
    Code old = program->kernels.data[i];
    rebuild_open(&rebuild, program, &old);
    program->kernels.data[i] = rebuild_run(&rebuild);
  }
  program_kernel(program, program->kernels.data[0]);
  (void)program_text(program);
  Program *linked = program_open(&context, arena, program->dims);
  program_function(linked, "f32_from_bf16", 1, SCALAR_F32, 1, (Scalar[]){ SCALAR_BF16 });
  program_link_library(linked);
}

TEST(each_allocation_fails_once) {
  Outcome outcome = OUTCOME_LIMIT;
  int64_t attempts = 0;
  CHECK(source);
  for (; outcome != OUTCOME_OK && attempts < 100000; attempts++) {
    if (!context_open(&context, NULL, attempts)) continue;
    outcome = context_guard(&context, everything, NULL);
    if (outcome != OUTCOME_OK) CHECK_INT(outcome, OUTCOME_LIMIT);
    context_close(&context);
  }
  CHECK_INT(outcome, OUTCOME_OK);
  CHECK(attempts > 100);
}

int main(void) {
  static char copy[1 << 16];
  loop_test_open();
  const char *text = file_text("tests/loop/everything.lir");
  if (text && strlen(text) < sizeof copy) source = strcpy(copy, text);
  arena_close(arena);
  context_close(&context);
  RUN(each_allocation_fails_once);
  return check_done();
}
