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

/* ---- what a pass can make vectors of ---- */

/* The functions whose bodies are not straight lines. The list may only get shorter. */
static const char *const with_control_flow[] = {"sqrt_f32", "sqrt_f64", "fmod_f32", "sine_f64", "fmod_f64"};
/* Those of f32 that compute in other than 32 bits: stand-ins for instructions that every machine with vectors has. */
static const char *const with_other_widths[] = {"fma_f32", "normal_parts_f32", "fma_finite_f32"};

static bool listed(const char *name, const char *const *names, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(names[i], name) == 0) return true;
  return false;
}

static bool has_control_flow(const Code *code) {
  for (Stmt stmt = 1; stmt < code->stmts.count; stmt++)
    if (code->stmts.data[stmt].kind != STMT_LET && code->stmts.data[stmt].kind != STMT_RETURN) return true;
  return false;
}

TEST(functions_are_straight_lines) {
  Program *program = program_of(arena_format(arena, "program\n%s", file_text("compiler/loop/library.lir")));
  CHECK(program);
  for (uint32_t i = 0; i < program->functions.count; i++) {
    const Code *code = &program->functions.data[i];
    bool        known = listed(code->name, with_control_flow, sizeof with_control_flow / sizeof *with_control_flow);
    if (known != has_control_flow(code)) {
      check_settle("not ok", known ? "%s has become a straight line: strike it off the list" : "%s has loops, branches or variables", code->name);
      return;
    }
  }
}

static bool is_of_f32(const char *name) {
  size_t length = strlen(name);
  return length > 4 && strcmp(name + length - 4, "_f32") == 0 && !strstr(name, "_from_");
}

/* No value of another width, and no division of integers. */
static bool is_narrow(const Code *code) {
  for (Expr expr = 1; expr < code->exprs.count; expr++) {
    const ExprNode *node = &code->exprs.data[expr];
    if (node->scalar != SCALAR_I1 && scalar_bits((Scalar)node->scalar) != 32) return false;
    if ((node->op == LOOP_DIV || node->op == LOOP_REM) && node->scalar != SCALAR_F32) return false;
  }
  return true;
}

TEST(f32_functions_have_32_bit_lanes) {
  Program *program = program_of(arena_format(arena, "program\n%s", file_text("compiler/loop/library.lir")));
  CHECK(program);
  uint32_t count = 0;
  for (uint32_t i = 0; i < program->functions.count; i++) {
    const Code *code = &program->functions.data[i];
    if (!is_of_f32(code->name) || has_control_flow(code)) continue;
    count++;
    bool known = listed(code->name, with_other_widths, sizeof with_other_widths / sizeof *with_other_widths);
    if (known == is_narrow(code)) {
      check_settle("not ok", known ? "%s keeps to 32 bits now: strike it off the list" : "%s leaves 32 bits, or divides integers", code->name);
      return;
    }
  }
  CHECK(count > 30);
}

int main(void) {
  loop_test_open();
  RUN(all_functions_are_sound);
  RUN(functions_are_straight_lines);
  RUN(f32_functions_have_32_bit_lanes);
  RUN(names_are_matched_whole);
  RUN(calls_are_linked);
  RUN(unknown_functions_are_refused);
  return loop_test_close();
}
