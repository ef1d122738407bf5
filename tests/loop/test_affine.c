/* Sums of index expressions, and what their ranges prove. Expressions come from the text of a kernel. */
#include "tests/loop/loop_test.h"

#include "compiler/loop/affine.h"

static Program *program;
static Ranges ranges;

/* The value of the let `it` in a kernel with loops i in 0..N, j in 0..64, k in 2..M (M >= 4), a let p = j * 2 and a load from x: i32[]. */
static Expr value_of(const char *text) {
  program = program_of(arena_format(arena,
    "program sym N 1..8 sym M 4.. kernel k(x: i32[] in) {"
    "  for i in 0..N { for j in 0..64 { for k in 2..M { let p = j * 2 let it = %s } } } }", text));
  if (!program) return 0;
  const Code *code = &program->kernels.data[0];
  ranges_open(&ranges, arena, program->dims, code);
  Expr value = 0;
  for (Stmt stmt = code->stmts.count - 1; stmt; stmt--) {
    const StmtNode *node = stmt_at(code, stmt);
    if (node->kind == STMT_FOR) ranges_set_loop(&ranges, node->slot, node->a, node->b);
    if (node->kind == STMT_LET && strcmp(code->slots.data[node->slot].name, "it") == 0) value = node->a;
  }
  for (Stmt stmt = 1; stmt < code->stmts.count; stmt++)
    if (stmt_at(code, stmt)->kind == STMT_LET) ranges_set_let(&ranges, stmt_at(code, stmt)->slot, stmt_at(code, stmt)->a);
  return value;
}

static const char *form_text(const char *source, bool through_lets) {
  Affine form;
  Expr expr = value_of(source);
  if (!expr) return failure();
  const Code *code = &program->kernels.data[0];
  Definitions definitions = { 0 };
  for (Stmt stmt = 1; stmt < code->stmts.count; stmt++)
    if (stmt_at(code, stmt)->kind == STMT_LET) definitions_set(arena, &definitions, stmt_at(code, stmt)->slot, stmt_at(code, stmt)->a);
  bool is_affine = affine_of(program->dims, code, through_lets ? &definitions : NULL, expr, &form);
  Text text;
  text_open(&text, arena);
  for (uint32_t i = 0; i < form.count; i++) {
    dim_print(program->dims, form.terms[i].coefficient, &text);
    text_format(&text, " %s, ", form.terms[i].slot ? code->slots.data[form.terms[i].slot].name : "atom");
  }
  dim_print(program->dims, form.constant, &text);
  text_string(&text, is_affine ? "" : " with atoms");
  return text_finish(&text);
}

TEST(sums_are_gathered) {
  CHECK_TEXT(form_text("(i * 64 + j) * 3 - i + 5 - 2", false), "191 i, 3 j, 3");
  CHECK_TEXT(form_text("i * dim(2*N) + (j - i) * N + N", false), "N i, N j, N");
  CHECK_TEXT(form_text("i - i + 4", false), "4");
  CHECK_TEXT(form_text("i * j + j / 4 + i", false), "1 atom, 1 atom, 1 i, 0 with atoms");
  CHECK_TEXT(form_text("j / 4 * 4 + j / 4", false), "5 atom, 0 with atoms");
  CHECK_TEXT(form_text("p + j", false), "1 p, 1 j, 0");
  CHECK_TEXT(form_text("p + j", true), "3 j, 0");
}

TEST(coefficients_are_found) {
  Affine form;
  Expr expr = value_of("i * 64 + j");
  CHECK(expr && affine_of(program->dims, &program->kernels.data[0], NULL, expr, &form));
  CHECK_INT(dim_value(program->dims, affine_coefficient(program->dims, &form, form.terms[0].slot)), 64);
  CHECK_INT(dim_value(program->dims, affine_coefficient(program->dims, &form, 99)), 0);
}

static const struct { const char *source; int64_t lo, hi; } intervals[] = {
  { "i", 0, 7 }, { "j", 0, 63 }, { "k", 2, INT64_MAX }, { "i * 64 + j", 0, 511 }, { "j - i", -7, 63 }, { "63 - j", 0, 63 },
  { "j / 8", 0, 7 }, { "j % 8", 0, 7 }, { "i % 8", 0, 7 }, { "i % 100", 0, 7 }, { "min(k, 5)", 2, 5 }, { "max(j - 3, 0)", 0, 60 },
  { "p", 0, 126 }, { "p - j", -63, 126 }, { "select(i < 3, i, j)", 0, 63 }, { "cast(index, x[])", INT32_MIN, INT32_MAX },
  { "abs(j - 3)", 0, 60 }, { "j * j", 0, 3969 }, { "j * (i - 9)", -567, 0 }, { "(j - 70) / 2", INT64_MIN, INT64_MAX },
};

TEST(intervals_are_known) {
  for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++) {
    Expr expr = value_of(intervals[i].source);
    CHECK(expr);
    SlotRange range = range_of(&ranges, expr);
    if (range.lo != intervals[i].lo || range.hi != intervals[i].hi)
      check_settle("not ok", "%s is %lld..%lld", intervals[i].source, (long long)range.lo, (long long)range.hi);
  }
}

static const struct { const char *condition; int known; } conditions[] = {
  { "i < N", 1 }, { "i >= N", 0 }, { "i < N - 1", -1 }, { "i * 64 + j < dim(64*N)", 1 }, { "j < 64", 1 }, { "j == 64", 0 }, { "j != 70", 1 },
  { "k < M", 1 }, { "k >= 2", 1 }, { "k > 2", -1 }, { "k - 1 < M & j >= 0", 1 }, { "j < 0 | j > 63", 0 }, { "not(k < M)", 0 },
  { "min(k, N) < M", 1 }, { "i % N < N", 1 }, { "(i * 4 + 3) / 4 < N", 1 }, { "max(i, k) < max(N, M)", 1 }, { "max(i, k) < N", -1 },
  { "min(j + 14, M) <= M", 1 }, { "max(j - 14, 0) >= 0", 1 }, { "x[] < 5", -1 },
  { "cast(i64, x[]) < 2147483648", 1 }, { "x[] + 1 > -2147483648", -1 }, { "p / 2 < 64", 1 }, { "p < 127", 1 }, { "j + 5 > j", 1 },
};

TEST(conditions_are_decided) {
  for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
    Expr expr = value_of(conditions[i].condition);
    CHECK(expr);
    int known = range_decides(&ranges, expr);
    if (known != conditions[i].known) check_settle("not ok", "%s gives %d", conditions[i].condition, known);
  }
}

int main(void) {
  loop_test_open();
  RUN(sums_are_gathered);
  RUN(coefficients_are_found);
  RUN(intervals_are_known);
  RUN(conditions_are_decided);
  return loop_test_close();
}
