/* The text form: every construct comes back as it was printed, and what is no program is refused with a line and a reason. */
#include "tests/loop/loop_test.h"

TEST(every_construct_comes_back) {
  const char *source = file_text("tests/loop/everything.lir");
  CHECK(source);
  Program *program = program_of(source);
  if (!program) { check_settle("not ok", "%s", failure()); return; }
  CHECK_TEXT(program_text(program), source);
  CHECK(program->legal);
  CHECK_INT(program->entries.count, 2);
  CHECK_INT(program->kernels.data[0].operands.data[2].same_index, 1);
  CHECK_INT(program->info.outputs.data[0].zero_point, 128);
  CHECK_INT(program->buffers.data[2].data[3], 0x3f);
}

/* The items of a program read from `items` and printed. */
static const char *again(const char *items) {
  Program *program = program_of(arena_format(arena, "program\n%s", items));
  return program ? items_of(program_text(program)) : failure();
}

TEST(hand_written_text_needs_no_types) {
  CHECK_TEXT(again("function f(x: f32) -> f32 { let twice = x*2 return -twice+0.5*x-(x-1) }"),
             "function f(x: f32) -> f32 {\n  let twice: f32 = x * 0x1p+1\n  return neg(twice) + 0x1p-1 * x - (x - 0x1p+0)\n}\n");
  CHECK_TEXT(again("function f(x: u32) -> u32 { return x << 31 | 0xffffffff }"),
             "function f(x: u32) -> u32 {\n  return x << 31 | 4294967295\n}\n");
}

TEST(siblings_share_names) {
  const char *text = "kernel k(y: f32[4] out) {\n"
                     "  for i in 0..4 {\n    y[i] = 0x0p+0\n  }\n"
                     "  for i in 0..4 {\n    for i_1 in 0..i {\n      y[i_1] = 0x0p+0\n    }\n  }\n}\n";
  CHECK_TEXT(again(text), text);
}

TEST(names_give_way_to_symbols) {
  Program *program = program_of("program sym N 1..2 kernel k(y: f32[N] out) { for i in 0..N { y[i] = 0 } }");
  CHECK(program);
  dim_symbol(program->dims, "i", SYMBOL_INPUT, 1, 2);
  CHECK(strstr(program_text(program), "for i_1 in 0..N {\n    y[i_1]"));
}

static const struct { const char *source, *reason; } refused[] = {
  { "x", "expected `program`" },
  { "program kernel", "expected a word" },
  { "program kernel for() {}", "no plain name" },
  { "program kernel abs() {}", "word of the language" },
  { "program bufer", "expected sym" },
  { "program sym N 1..4 sym N 1..4", "two symbols" },
  { "program sym N 4..1", "empty range" },
  { "program buffer x: f33[4] input 0", "no scalar type" },
  { "program buffer x: f32[M] input 0", "unknown dimension symbol" },
  { "program buffer x: f32[?] input 0", "unknown dimension" },
  { "program buffer x: f32[4] output 0 buffer x: f32[4] input 0", "two buffers" },
  { "program buffer x: f32[1] weight data \"00\"", "digits for 4 bytes" },
  { "program buffer x: f32[1] weight data \"0000000g\"", "hexadecimal" },
  { "program buffer x: f32[100] weight blob \"00\" 4", "blob of 4 bytes" },
  { "program kernel k() {} kernel k() {}", "two kernels" },
  { "program kernel k(a: f32[4] in, a: f32[4] in) {}", "two operands" },
  { "program kernel k(a: f32[4] into) {}", "expected in, out" },
  { "program kernel k(a: f32[4] out same b) {}", "unknown operand" },
  { "program kernel k(a: f32[4] in strides [1, 1]) {}", "strides of another rank" },
  { "program function f(x: f32) -> f32 { return x } function f(x: f32) -> f32 { return x }", "two functions" },
  { "program function f(x: f32) -> f32 { return g(x) }", "unknown function" },
  { "program function f(x: f32) -> f32 { return f(x, x) }", "takes 1 arguments" },
  { "program function f(x: f32) -> f32 { return y }", "unknown name" },
  { "program function f(x: f32) -> f32 { return a[0] }", "unknown operand" },
  { "program function f(x: f32) -> f32 { return 1 : i32 }", "i32 where f32" },
  { "program function f(x: f32) -> f32 { return x + cast(f64, x) }", "operands of" },
  { "program function f(x: f32) -> f32 { return select(x, x, x) }", "no i1" },
  { "program function f(x: f32) -> f32 { return cast(f32, 1) }", "write `1:i32`" },
  { "program function f(x: i8) -> i8 { return x + 256 }", "does not fit" },
  { "program function f(x: i8) -> i8 { return x + 1.5 }", "literal where i8" },
  { "program function f(x: f32) -> f32 { let y = 1 return x }", "write `1:i32`" },
  { "program function f(x: f32) -> f32 { let y = x y = x return y }", "no variable" },
  { "program function f(x: f32) -> f32 { let x = x return x }", "defined already" },
  { "program function f(x: f32) -> f32 { fail 3 return x }", "unknown statement" },
  { "program function f(x: f32) -> f32 { if x { } return x }", "f32 where i1" },
  { "program kernel k(y: f32[4] out) { for i in 0..4 step 0 { } }", "step of 0" },
  { "program kernel k(y: f32[4] out) { for i in 0..4 { y[i] = 0 } y[i] = 0 }", "unknown name `i`" },
  { "program sym N 1..2 kernel k(N: f32[4] out, y: f32[4] out) { let N = y[0] }", "operand or a symbol" },
  { "program function f(x: f32x3) -> f32x3 { return x }", "no type" },
  { "program function f(x: f32x4) -> f32 { return extract(f32, x, 0) }", "other lanes" },
  { "program function f(x: f32x4) -> f32x4 { return x + 1 }", "write broadcast" },
  { "program function f(x: f32x4) -> f32x4 { return broadcast(f32x8, x) }", "broadcast of 4 lanes" },
  { "program function f(x: f32x4) -> f32x4 { return extract(f32x2, x, 3) }", "extract of 4 lanes" },
  { "program function f(x: f32x4) -> f32x4 { if x == x { } return x }", "4 lanes where 1" },
  { "program kernel k(y: f32[4] out) { y[0 .. 3] = 0 }", "access of 3 lanes" },
  { "program kernel k(y: f32[4] out) { y[0 of 1] = 0 }", "active lanes of a scalar" },
  { "program entry run { call k() }", "unknown kernel" },
  { "program kernel k() {} entry run { call k(x) }", "unknown buffer" },
  { "program entry run { assign N = 3 }", "unknown symbol" },
  { "program entry run { if true { }", "expected a word" },
};

TEST(what_is_no_program_is_refused) {
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
    Program *program = program_of(refused[i].source);
    const char *reason = failure();
    if (program || !strstr(reason, refused[i].reason)) {
      check_settle("not ok", "%s: %s", refused[i].source, program ? "accepted" : reason);
      return;
    }
  }
}

/* `(((...1...)))` and a chain of so many additions. */
static Program *deep(const char *before, const char *after, int levels) {
  Text text;
  text_open(&text, arena);
  text_string(&text, "program function f(x: f32) -> f32 { return ");
  for (int i = 0; i < levels; i++) text_string(&text, before);
  text_string(&text, "x");
  for (int i = 0; i < levels; i++) text_string(&text, after);
  text_string(&text, " }");
  return program_of(text_finish(&text));
}

TEST(depth_is_bounded) {
  CHECK(deep("neg(", ")", 500));
  CHECK(deep("", " + x", 500));
  CHECK(!deep("neg(", ")", 100000));
  CHECK(strstr(failure(), "levels"));
  CHECK(!deep("-", "", 100000));
  CHECK(strstr(failure(), "levels"));
  CHECK(!deep("", " + x", 2000));
  CHECK(strstr(failure(), "levels"));
}

int main(void) {
  loop_test_open();
  RUN(every_construct_comes_back);
  RUN(hand_written_text_needs_no_types);
  RUN(siblings_share_names);
  RUN(names_give_way_to_symbols);
  RUN(what_is_no_program_is_refused);
  RUN(depth_is_bounded);
  return loop_test_close();
}
