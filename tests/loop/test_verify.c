/* The verifier refuses what breaks its rules, by name. Texts where the parser lets a violation through, else a good program that is damaged. */
#include "tests/loop/loop_test.h"

static const struct { const char *source, *rule; } texts[] = {
  { "kernel k(x: f32[4] in) { x[0] = 0 }", "only read" },
  { "kernel k(x: f32[4] out) { x[4] = 0 }", "out of bounds" },
  { "kernel k(x: f32[4] out) { x[-1] = 0 }", "out of bounds" },
  { "kernel k(x: f32[4] out) { x[0, 0] = 0 }", "expected `]`" },
  { "kernel k(x: f32[4] out) { x[1 .. 4] = broadcast(f32x4, 0) }", "out of bounds" },
  { "kernel k(x: f32[4, 4] in strides [1, 4]) { let a = x[0, 0 .. 4] }", "with a stride" },
  { "kernel k(x: f32[4] out) { let y = x[] }", "expected an expression" },
  { "kernel k(x: f16[4] inout) { x[0] = x[0] + x[1] }", "storage" },
  { "kernel k(x: f32[4] inout) { x[0] = x[0] & x[1] }", "`&` of f32" },
  { "kernel k(x: i32[4] inout) { x[0] = sqrt(x[0]) }", "`sqrt` of i32" },
  { "kernel k(x: i32[4] inout) { x[0] = fma(x[0], x[0], x[0]) }", "`fma` of i32" },
  { "kernel k(x: i32[4] inout) { x[0] = bitcast(i32, 1:i64) }", "bitcast of i64 to i32" },
  { "kernel k(x: i32[4] inout) { x[0] = saturate(i32, 1:f32) }", "saturate of f32" },
  { "kernel k(x: f32[4] inout) { var v = x[0] for i in 0..4 parallel { v = x[i] } }", "outside a parallel loop" },
  { "sym N 1..4 kernel k(x: f32[N] local) { }", "no constant size" },
  { "kernel k(x: f32[4] in, y: f32[4] out same y) { }", "names what is not read" },
  { "kernel k(x: f32[4] in same x, y: f32[4] out) { }", "malformed" },
  { "kernel k(x: f32[?] in) { }", "unknown dimension" },
  { "function f(x: f32) -> f32 { let y = x }", "without a return" },
  { "function f(x: f32) -> f32 { return x return x }", "not the last statement" },
  { "function f(x: f32) -> f32 { if true { return x } return x }", "not the last statement" },
  { "function f(x: f32) -> f32 { return g(x) } function g(x: f32) -> f32 { return f(x) }", "circle" },
  { "buffer x: f32[4] input 0 entry run { x[0] = 0 }", "only read" },
  { "buffer x: f32[4] input 0 entry run { copy x -> x }", "only read" },
  { "buffer x: f32[4] input 0 buffer y: f32[5] output 0 entry run { copy x -> y }", "different sizes" },
  { "buffer x: i32[4] input 0 buffer y: f32[4] output 0 entry run { copy x -> y }", "copy of i32 to f32" },
  { "sym N 1..4 entry run { assign N = 3 }", "no run-time symbol" },
  { "entry run { for i in 0..4 parallel { fail 3 } }", "inside a parallel loop" },
  { "entry run { fail 0 }", "status 0" },
  { "kernel k(x: f32[4] in) { } buffer x: f32[4] input 0 entry run { call k() }", "too few arguments" },
  { "buffer x: f32[4] input 0 kernel k(x: f32[4] in) { } entry run { call k(x, x) }", "too many arguments" },
  { "buffer x: f32[4] input 0 kernel k(x: f32[4] local) { } entry run { call k(x) }", "too many arguments" },
  { "buffer x: f32[4] input 0 kernel k(x: i32[4] in) { } entry run { call k(x) }", "`x` is f32, not i32" },
  { "buffer x: f32[4] input 0 kernel k(y: f32[4] out) { } entry run { call k(x) }", "is only read, but" },
  { "buffer x: f32[4] input 0 kernel k(x: f32[5] in) { } entry run { call k(x) }", "too small" },
  { "buffer x: f32[4] input 0 kernel k(x: f32[2] in) { } entry run { call k(x + 3) }", "too small" },
  { "buffer x: f32[4] input 0 kernel k(x: f32[2] in) { } entry run { call k(x + -1) }", "negative offset" },
  { "buffer x: f32[4] input 0 kernel k(x: f32[2] in strides [4]) { } entry run { call k(x) }", "too small" },
  { "sym N 1..4 buffer x: f32[N] input 0 kernel k(x: f32[N+1] in) { } entry run { call k(x) }", "too small" },
  { "buffer x: f32[4] input 0 kernel k(x: f32[4] in) { } entry run { call k(x) node 0 }", "node 0 does not exist" },
  { "buffer x: f32[-1] input 0", "negative dimension" },
};

TEST(broken_texts_are_refused) {
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    Program *program = program_of(arena_format(arena, "program %s", texts[i].source));
    const char *reason = failure();
    if (program || !strstr(reason, texts[i].rule)) {
      check_settle("not ok", "%s: %s", texts[i].source, program ? "accepted" : reason);
      return;
    }
  }
}

static const char good[] =
  "program function f(x: f32) -> f32 { let y = x * 2 return y }"
  "kernel k(x: f32[4] in, y: f32[4] out) { for i in 0..4 { let a = x[i] var b = a + 1 b = f(b) if b < a { y[i] = select(a < b, a, b) } } }";

static Code *kernel(Program *program) { return &program->kernels.data[0]; }

/* The first statement of a kind, the first expression of an operation. */
static StmtNode *find_stmt(Code *code, StmtKind kind) {
  for (Stmt i = 1; i < code->stmts.count; i++)
    if (code->stmts.data[i].kind == kind) return &code->stmts.data[i];
  return NULL;
}
static ExprNode *find_expr(Code *code, LoopOp op) {
  for (Expr i = 1; i < code->exprs.count; i++)
    if (code->exprs.data[i].op == op) return &code->exprs.data[i];
  return NULL;
}

static void no_value(Program *p) { find_stmt(kernel(p), STMT_LET)->a = 0; }
static void far_value(Program *p) { find_stmt(kernel(p), STMT_LET)->a = 9999; }
static void other_type(Program *p) { find_expr(kernel(p), LOOP_ADD)->scalar = SCALAR_F64; }
static void other_read(Program *p) { find_expr(kernel(p), LOOP_SLOT)->scalar = SCALAR_I8; }
static void comparison_type(Program *p) { find_expr(kernel(p), LOOP_LT)->scalar = SCALAR_F32; }
static void load_type(Program *p) { find_expr(kernel(p), LOOP_LOAD)->scalar = SCALAR_I32; }
static void no_operand(Program *p) { find_expr(kernel(p), LOOP_LOAD)->operand[0] = 7; }
static void far_list(Program *p) { find_expr(kernel(p), LOOP_LOAD)->operand[1] = 7000; }
static void no_slot(Program *p) { find_expr(kernel(p), LOOP_SLOT)->operand[0] = 700; }
static void no_function(Program *p) { find_expr(kernel(p), LOOP_CALL)->operand[0] = 7; }
static void arguments(Program *p) { find_expr(kernel(p), LOOP_CALL)->operand[2] = 0; }
static void result(Program *p) { p->functions.data[0].result = SCALAR_F64; }
static void lanes(Program *p) { find_expr(kernel(p), LOOP_ADD)->lanes = 4; }
static void odd_lanes(Program *p) { find_expr(kernel(p), LOOP_ADD)->lanes = 3; }
static void shared(Program *p) { find_stmt(kernel(p), STMT_SET)->a = find_stmt(kernel(p), STMT_VAR)->a; }
static void early(Program *p) { find_stmt(kernel(p), STMT_LET)->slot = find_stmt(kernel(p), STMT_VAR)->slot; }
static void again(Program *p) { Slot slot = find_stmt(kernel(p), STMT_FOR)->slot; find_stmt(kernel(p), STMT_LET)->slot = slot; }
static void step(Program *p) { find_stmt(kernel(p), STMT_FOR)->c = find_stmt(kernel(p), STMT_FOR)->a; }
static void set_of_let(Program *p) { find_stmt(kernel(p), STMT_SET)->slot = find_stmt(kernel(p), STMT_LET)->slot; }
static void kind(Program *p) { find_stmt(kernel(p), STMT_SET)->kind = 99; }
static void far_next(Program *p) { find_stmt(kernel(p), STMT_LET)->next = 9999; }
static void circle(Program *p) { StmtNode *node = find_stmt(kernel(p), STMT_LET); node->next = (Stmt)(node - kernel(p)->stmts.data); }
static void returns(Program *p) { find_stmt(kernel(p), STMT_SET)->kind = STMT_RETURN; }
static void entry_only(Program *p) { find_stmt(kernel(p), STMT_SET)->kind = STMT_FAIL; }

static const struct { const char *rule; void (*damage)(Program *program); } damages[] = {
  { "value 0 does not exist", no_value }, { "value 9999 does not exist", far_value }, { "`+` of f32 gives f64", other_type },
  { "is read as i8", other_read }, { "`<` of f32 gives f32", comparison_type }, { "load gives i32", load_type },
  { "operand 7 does not exist", no_operand }, { "does not exist", far_list }, { "slot 700 does not exist", no_slot },
  { "function 7 does not exist", no_function }, { "0 arguments", arguments }, { "is f32, not f64", result }, 
  { "operand has 1 lanes, not 4", lanes }, { "malformed", odd_lanes },
  { "two trees", shared }, { "a variable", early }, { "defined twice", again }, { "step is no positive", step },
  { "set of what is no variable", set_of_let }, { "kind 99", kind }, { "broken", far_next }, { "two trees", circle },
  { "not the last statement", returns },
  { "entries only", entry_only },
};

static void verify(void *program) { program_verify(program); }

TEST(damaged_programs_are_refused) {
  CHECK(program_of(good));
  for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
    Program *program = program_of(good);
    damages[i].damage(program);
    CHECK_INT(context_guard(&context, verify, program), OUTCOME_BUG);
    const char *reason = failure();
    if (!strstr(reason, damages[i].rule)) {
      check_settle("not ok", "%s lacks `%s`", reason, damages[i].rule);
      return;
    }
  }
}

TEST(a_message_names_code_and_statement) {
  CHECK(!program_of("program kernel store(x: f32[4] in) { x[0] = 0x1p+1 }"));
  CHECK(strstr(failure(), "store: `x[0] = 0x1p+1`: store to what is only read"));
}

int main(void) {
  loop_test_open();
  RUN(broken_texts_are_refused);
  RUN(damaged_programs_are_refused);
  RUN(a_message_names_code_and_statement);
  return loop_test_close();
}
