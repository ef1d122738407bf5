/* The builder: what constructors fold and simplify, what they must leave alone, automatic lets, and misuse. */
#include "tests/loop/loop_test.h"

#include <math.h>

static DimTable dims;
static Program *program;
static Builder builder;
static Operand operand_x, operand_y;
static Expr slot_i, slot_f, slot_n; /* an index, an f32 and an i32 that are not constant */
static Dim dim_n, dim_m;

static Dim number(int64_t value) { return dim_constant(&dims, value); }

/* An open kernel with x: f32[N, 4] in, y: f32[N] out, a loop i and lets f and n. */
static void begin(void) {
  dim_open(&dims, arena);
  dim_n = dim_symbol(&dims, "N", SYMBOL_INPUT, 1, 8);
  dim_m = dim_symbol(&dims, "M", SYMBOL_INPUT, 10, DIM_OPEN);
  program = program_open(&context, arena, &dims);
  build_open(&builder, program, CODE_KERNEL, "test");
  operand_x = build_operand(&builder, (OperandInfo){ .name = "x", .scalar = SCALAR_F32, .rank = 2, .dims = { dim_n, number(4) } });
  operand_y = build_operand(&builder, (OperandInfo){ .name = "y", .scalar = SCALAR_F32, .rank = 1, .dims = { dim_n }, .access = ACCESS_OUT });
  slot_i = build_for(&builder, "i", build_index(&builder, 0), build_dim(&builder, dim_n));
  Expr indices[2] = { slot_i, build_index(&builder, 1) };
  slot_f = build_let(&builder, "f", build_load(&builder, operand_x, 2, indices));
  slot_n = build_let(&builder, "n", build_cast(&builder, SCALAR_I32, slot_f));
}

static Expr index_of(int64_t value) { return build_index(&builder, value); }
static Expr i32(int64_t value) { return build_integer(&builder, SCALAR_I32, value); }
static Expr f32(double value) { return build_float(&builder, SCALAR_F32, value); }
static Expr binary(LoopOp op, Expr a, Expr b) { return build_binary(&builder, op, a, b); }

/* The expression as text, as the value of a let. */
static const char *text_of(Expr expr) {
  Code code = builder.code;
  Text text;
  text_open(&text, arena);
  SlotInfo slot = { .name = "it", .scalar = build_scalar(&builder, expr), .lanes = build_lanes(&builder, expr) };
  vector_push(arena, &code.slots, slot);
  StmtNode node = { .kind = STMT_LET, .slot = code.slots.count - 1, .a = expr };
  vector_push(arena, &code.stmts, node);
  statement_print(program, &code, code.stmts.count - 1, &text);
  return strstr(text_finish(&text), "= ") + 2;
}

static const char *kernel_text(void) {
  while (builder.depth) build_end(&builder);
  Code code = build_close(&builder);
  Text text;
  text_open(&text, arena);
  code_print(program, &code, &text, true);
  return text_finish(&text);
}

static const struct { LoopOp op; Scalar scalar; int64_t a, b, result; } integers[] = {
  { LOOP_ADD, SCALAR_I8, 127, 1, -128 }, { LOOP_SUB, SCALAR_U8, 0, 1, 255 }, { LOOP_MUL, SCALAR_I16, 300, 300, 24464 },
  { LOOP_MUL, SCALAR_I64, INT64_MAX, 2, -2 }, { LOOP_DIV, SCALAR_I32, 7, 0, 0 }, { LOOP_DIV, SCALAR_I32, INT32_MIN, -1, INT32_MIN },
  { LOOP_DIV, SCALAR_I64, INT64_MIN, -1, INT64_MIN }, { LOOP_DIV, SCALAR_I32, -7, 2, -3 }, { LOOP_DIV, SCALAR_U64, -1, 2, INT64_MAX },
  { LOOP_REM, SCALAR_I32, -7, 2, -1 }, { LOOP_REM, SCALAR_I32, 7, 0, 7 }, { LOOP_REM, SCALAR_I64, INT64_MIN, -1, 0 },
  { LOOP_MIN, SCALAR_U64, -1, 5, 5 }, { LOOP_MAX, SCALAR_I8, -1, 5, 5 }, { LOOP_SHL, SCALAR_I8, 1, 7, -128 }, { LOOP_SHL, SCALAR_I8, 1, 8, 0 },
  { LOOP_SHL, SCALAR_I32, 1, -1, 0 }, { LOOP_SHR, SCALAR_I32, -8, 1, -4 }, { LOOP_SHR, SCALAR_I32, -8, 99, -1 },
  { LOOP_SHR, SCALAR_U32, 0xfffffff0, 4, 0x0fffffff }, { LOOP_SHR, SCALAR_U32, 16, 32, 0 }, { LOOP_XOR, SCALAR_I1, 1, 1, 0 },
  { LOOP_LT, SCALAR_U64, -1, 0, 0 }, { LOOP_LT, SCALAR_I64, -1, 0, 1 }, { LOOP_GE, SCALAR_I8, 3, 3, 1 }, { LOOP_NE, SCALAR_I8, 3, 3, 0 },
};

TEST(integers_fold_with_one_result) {
  for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
    int64_t value;
    Expr a = build_integer(&builder, integers[i].scalar, integers[i].a), b = build_integer(&builder, integers[i].scalar, integers[i].b);
    CHECK(build_is_constant(&builder, binary(integers[i].op, a, b), &value));
    if (value != integers[i].result)
      check_settle("not ok", "%lld %s %lld (%s) is %lld", (long long)integers[i].a, loop_op_text(integers[i].op), (long long)integers[i].b,
                   scalar_name(integers[i].scalar), (long long)value);
  }
}

TEST(conversions_fold) {
  CHECK_TEXT(text_of(build_cast(&builder, SCALAR_I8, f32(300))), "127");
  CHECK_TEXT(text_of(build_cast(&builder, SCALAR_U8, f32(-3))), "0");
  CHECK_TEXT(text_of(build_cast(&builder, SCALAR_I64, f32(1e30))), "9223372036854775807");
  CHECK_TEXT(text_of(build_cast(&builder, SCALAR_I32, f32(-1.75))), "-1");
  CHECK_TEXT(text_of(build_cast(&builder, SCALAR_I8, i32(200))), "-56");
  CHECK_TEXT(text_of(build_cast(&builder, SCALAR_I1, i32(256))), "true");
  CHECK_TEXT(text_of(build_cast(&builder, SCALAR_F32, i32(16777217))), "0x1p+24");
  CHECK_TEXT(text_of(build_saturate(&builder, SCALAR_U8, i32(-5))), "0");
  CHECK_TEXT(text_of(build_saturate(&builder, SCALAR_I8, i32(-500))), "-128");
  CHECK_TEXT(text_of(build_saturate(&builder, SCALAR_I32, build_integer(&builder, SCALAR_U64, -1))), "2147483647");
  CHECK_TEXT(text_of(build_bitcast(&builder, SCALAR_I32, f32(-0.0))), "-2147483648");
  CHECK_TEXT(text_of(build_bitcast(&builder, SCALAR_F32, i32(0x3f800000))), "0x1p+0");
  CHECK_TEXT(text_of(build_bitcast(&builder, SCALAR_F32, i32(0x7fc00000))), "bitcast(f32, 2143289344:i32)");
  CHECK_TEXT(text_of(build_cast(&builder, SCALAR_F16, f32(1))), "cast(f16, 0x1p+0:f32)");
  CHECK(build_cast(&builder, SCALAR_F32, slot_f) == slot_f);
}

TEST(floats_fold_only_to_the_same_bits) {
  CHECK_TEXT(text_of(binary(LOOP_ADD, f32(0.1), f32(0.2))), "0x1.333334p-2");
  CHECK_TEXT(text_of(binary(LOOP_DIV, f32(1), f32(0))), "inf");
  CHECK_TEXT(text_of(binary(LOOP_DIV, f32(0), f32(0))), "0x0p+0:f32 / 0x0p+0");
  CHECK_TEXT(text_of(binary(LOOP_SUB, f32(INFINITY), f32(INFINITY))), "inf:f32 - inf");
  CHECK_TEXT(text_of(build_unary(&builder, LOOP_SQRT, f32(2))), "0x1.6a09e6p+0");
  CHECK_TEXT(text_of(build_unary(&builder, LOOP_SQRT, f32(-2))), "sqrt(-0x1p+1:f32)");
  CHECK_TEXT(text_of(build_unary(&builder, LOOP_ROUND, f32(2.5))), "0x1p+1");
  CHECK_TEXT(text_of(build_unary(&builder, LOOP_NEG, f32(0))), "-0x0p+0");
  CHECK_TEXT(text_of(build_ternary(&builder, LOOP_FMA, f32(3), f32(5), f32(1))), "0x1p+4");
  CHECK_TEXT(text_of(build_ternary(&builder, LOOP_MULADD, f32(3), f32(5), f32(1))), "muladd(0x1.8p+1:f32, 0x1.4p+2, 0x1p+0)");
  CHECK_TEXT(text_of(binary(LOOP_LT, f32(NAN), f32(1))), "false");
  CHECK(binary(LOOP_MUL, slot_f, f32(1)) == slot_f);
  CHECK(binary(LOOP_SUB, slot_f, f32(0)) == slot_f);
  CHECK_TEXT(text_of(binary(LOOP_MUL, slot_f, f32(0))), "f * 0x0p+0");
  CHECK_TEXT(text_of(binary(LOOP_ADD, slot_f, f32(0))), "f + 0x0p+0");
  CHECK_TEXT(text_of(binary(LOOP_SUB, slot_f, f32(-0.0))), "f - -0x0p+0");
  CHECK_TEXT(text_of(binary(LOOP_SUB, slot_f, slot_f)), "f - f");
}

TEST(indices_are_simplified) {
  CHECK(binary(LOOP_ADD, slot_i, index_of(0)) == slot_i);
  CHECK(binary(LOOP_MUL, index_of(1), slot_i) == slot_i);
  CHECK_TEXT(text_of(binary(LOOP_MUL, slot_i, index_of(0))), "0");
  CHECK_TEXT(text_of(binary(LOOP_ADD, binary(LOOP_ADD, slot_i, index_of(3)), index_of(4))), "i + 7");
  CHECK_TEXT(text_of(binary(LOOP_ADD, index_of(4), binary(LOOP_SUB, slot_i, index_of(4)))), "i");
  CHECK_TEXT(text_of(binary(LOOP_SUB, binary(LOOP_ADD, slot_i, index_of(3)), index_of(4))), "i - 1");
  CHECK_TEXT(text_of(binary(LOOP_SUB, binary(LOOP_SUB, slot_i, index_of(3)), index_of(4))), "i - 7");
  CHECK_TEXT(text_of(binary(LOOP_ADD, slot_i, index_of(-2))), "i - 2");
  CHECK_TEXT(text_of(binary(LOOP_MUL, binary(LOOP_MUL, slot_i, index_of(3)), index_of(4))), "i * 12");
  CHECK_TEXT(text_of(binary(LOOP_SUB, slot_i, slot_i)), "0");
  CHECK_TEXT(text_of(binary(LOOP_DIV, slot_i, index_of(1))), "i");
  CHECK_TEXT(text_of(binary(LOOP_REM, slot_i, index_of(1))), "0");
  CHECK_TEXT(text_of(binary(LOOP_LE, slot_i, slot_i)), "true");
  CHECK_TEXT(text_of(binary(LOOP_ADD, slot_n, i32(INT32_MIN))), "n + -2147483648");
  CHECK_TEXT(text_of(binary(LOOP_AND, slot_n, i32(-1))), "n");
}

TEST(dimensions_stay_dimensions) {
  Expr n = build_dim(&builder, dim_n), m = build_dim(&builder, dim_m);
  CHECK_TEXT(text_of(binary(LOOP_ADD, n, n)), "dim(2*N)");
  CHECK_TEXT(text_of(binary(LOOP_SUB, binary(LOOP_ADD, n, index_of(1)), n)), "1");
  CHECK_TEXT(text_of(binary(LOOP_DIV, binary(LOOP_MUL, n, index_of(6)), index_of(3))), "dim(2*N)");
  CHECK_TEXT(text_of(binary(LOOP_DIV, n, index_of(0))), "N / 0");
  CHECK_TEXT(text_of(binary(LOOP_MIN, n, m)), "N");
  CHECK_TEXT(text_of(binary(LOOP_LT, n, m)), "true");
  CHECK_TEXT(text_of(binary(LOOP_EQ, n, index_of(3))), "N == 3");
  CHECK_TEXT(text_of(binary(LOOP_ADD, binary(LOOP_ADD, slot_i, n), n)), "i + dim(2*N)");
  CHECK_TEXT(text_of(build_dim(&builder, number(5))), "5");
}

TEST(choices_are_simplified) {
  Expr yes = build_integer(&builder, SCALAR_I1, 1), test = binary(LOOP_LT, slot_f, f32(1)), other = binary(LOOP_LT, slot_n, i32(1));
  CHECK(build_select(&builder, yes, slot_f, f32(1)) == slot_f);
  CHECK(build_select(&builder, test, slot_f, slot_f) == slot_f);
  CHECK_TEXT(text_of(build_select(&builder, build_unary(&builder, LOOP_NOT, test), slot_f, f32(1))), "select(f < 0x1p+0, 0x1p+0, f)");
  CHECK_TEXT(text_of(build_unary(&builder, LOOP_NOT, test)), "not(f < 0x1p+0)");
  CHECK_TEXT(text_of(build_unary(&builder, LOOP_NOT, other)), "n >= 1");
  CHECK(build_unary(&builder, LOOP_NOT, build_unary(&builder, LOOP_NOT, test)) == test);
  CHECK(binary(LOOP_AND, test, yes) == test);
  CHECK_TEXT(text_of(binary(LOOP_OR, test, yes)), "true");
}

static const char *body(void) { return strstr(kernel_text(), "let n"); }

TEST(what_a_statement_uses_twice_becomes_a_let) {
  begin();
  Expr sum = binary(LOOP_ADD, slot_f, f32(1)), square = binary(LOOP_MUL, sum, sum);
  build_store(&builder, operand_y, 1, &slot_i, binary(LOOP_DIV, square, binary(LOOP_ADD, square, f32(1))));
  build_store(&builder, operand_y, 1, &slot_i, sum); /* pure: evaluated again */
  CHECK_TEXT(body(), "let n: i32 = cast(i32, f)\n"
                     "    let value: f32 = f + 0x1p+0\n"
                     "    let value_1: f32 = value * value\n"
                     "    y[i] = value_1 / (value_1 + 0x1p+0)\n"
                     "    y[i] = f + 0x1p+0\n  }\n}\n");
}

TEST(a_condition_of_while_is_copied) {
  begin();
  Expr count = build_var(&builder, "count", i32(0)), more = binary(LOOP_ADD, count, slot_n);
  build_while(&builder, binary(LOOP_LT, binary(LOOP_MUL, more, more), i32(9)));
  build_set(&builder, count, binary(LOOP_ADD, count, i32(1)));
  CHECK(strstr(body(), "while (count + n) * (count + n) < 9 {"));
  Code code = builder.code;
  program_kernel(program, code);
  program_verify(program);
}

TEST(lets_pass_what_needs_none) {
  begin();
  Expr variable = build_var(&builder, "variable", f32(0));
  CHECK(build_let(&builder, "a", slot_i) == slot_i);
  CHECK_TEXT(text_of(build_let(&builder, "a", index_of(3))), "3");
  CHECK(build_let(&builder, "a", variable) != variable);
}

TEST(equal_kernels_are_one) {
  begin();
  build_note(&builder, "node %d", 0);
  build_store(&builder, operand_y, 1, &slot_i, slot_f);
  build_end(&builder);
  Program *first = program;
  Code code = build_close(&builder);
  CHECK_INT(program_kernel(first, code), 0);
  for (int i = 1; i <= 12; i++) {
    Code copy = code;
    const char *note = arena_format(arena, "node %d", i);
    copy.notes.data = NULL;
    copy.notes.count = copy.notes.capacity = 0;
    vector_push(arena, &copy.notes, note);
    copy.name = "other";
    CHECK_INT(program_kernel(first, copy), 0);
  }
  CHECK_INT(first->kernels.count, 1);
  CHECK_INT(first->kernels.data[0].notes.count, 9);
  CHECK_TEXT(first->kernels.data[0].notes.data[7], "node 7");
  CHECK_TEXT(first->kernels.data[0].notes.data[8], "and 5 more");
  code.operands.data = arena_copy(arena, code.operands.data, code.operands.count * sizeof *code.operands.data);
  code.operands.data[0].align = 64;
  CHECK_INT(program_kernel(first, code), 1);
  CHECK_TEXT(first->kernels.data[1].name, "test_1");
}

TEST(names_are_made_usable) {
  begin();
  CHECK_TEXT(loop_name(program, "max"), "max_0");
  CHECK_TEXT(loop_name(program, "copy"), "copy_0");
  CHECK_TEXT(loop_name(program, "a_name_of_more_than_thirty_one_bytes"), "a_name_of_more_than_thirty_one");
  uint32_t buffer = program_buffer(program, (Buffer){ .name = "w", .scalar = SCALAR_F32 });
  CHECK_INT(program_buffer(program, (Buffer){ .name = "w", .scalar = SCALAR_F32 }), buffer + 1);
  CHECK_TEXT(program->buffers.data[buffer + 1].name, "w_1");
}

/* ---- misuse ---- */

static void load_in_two_statements(void) {
  Expr indices[2] = { slot_i, index_of(2) };
  Expr load = build_load(&builder, operand_x, 2, indices);
  build_store(&builder, operand_y, 1, &slot_i, load);
  build_store(&builder, operand_y, 1, &slot_i, binary(LOOP_ADD, load, slot_f));
}
static void variable_in_two_statements(void) {
  Expr variable = build_var(&builder, "v", f32(0)), sum = binary(LOOP_ADD, variable, slot_f);
  build_set(&builder, variable, sum);
  build_set(&builder, variable, sum);
}
static void mixed_types(void) { binary(LOOP_ADD, slot_f, slot_n); }
static void half_arithmetic(void) { Expr h = build_cast(&builder, SCALAR_F16, slot_f); binary(LOOP_ADD, h, h); }
static void wrong_rank(void) { build_load(&builder, operand_x, 1, &slot_i); }
static void float_index(void) { build_load(&builder, operand_y, 1, &slot_f); }
static void set_of_a_let(void) { build_set(&builder, slot_f, slot_f); }
static void open_block(void) { build_close(&builder); }
static void else_without_if(void) { build_else(&builder); }
static void call_in_a_kernel(void) { build_fail(&builder, 1); }
static void too_deep(void) {
  Expr sum = slot_f;
  for (int i = 0; i < 600; i++) sum = binary(LOOP_ADD, sum, slot_f);
}
static void endless_blocks(void) {
  for (int i = 0; i < 100; i++) build_for(&builder, "k", index_of(0), index_of(4));
}
static void two_signatures(void) {
  build_call(&builder, "exp_f32", SCALAR_F32, 1, &slot_f);
  build_call(&builder, "exp_f32", SCALAR_F32, 1, &slot_n);
}

static const struct { const char *reason; void (*misuse)(void); } misuses[] = {
  { "build_let", load_in_two_statements }, { "build_let", variable_in_two_statements }, { "`+` of f32 and i32", mixed_types },
  { "storage", half_arithmetic }, { "rank 2 with 1", wrong_rank }, { "index 0 of an access is f32", float_index }, { "no variable", set_of_a_let },
  { "open blocks", open_block }, { "else without if", else_without_if }, { "outside an entry", call_in_a_kernel }, { "512 levels", too_deep },
  { "nested blocks", endless_blocks }, { "two signatures", two_signatures },
};

/* broadcast(i) + lanes, as code written for scalars is given it */
static Expr lane_index(void) {
  return binary(LOOP_ADD, slot_i, build_lane_numbers(&builder, SCALAR_INDEX, 4));
}

TEST(scalars_beside_vectors_are_broadcast) {
  begin();
  Expr wide = build_broadcast(&builder, slot_f, 4);
  CHECK_TEXT(text_of(binary(LOOP_ADD, wide, f32(1))), "broadcast(f32x4, f) + broadcast(f32x4, 0x1p+0)");
  CHECK_TEXT(text_of(build_select(&builder, binary(LOOP_LT, wide, slot_f), wide, f32(0))),
             "select(broadcast(f32x4, f) < broadcast(f32x4, f), broadcast(f32x4, f), broadcast(f32x4, 0x0p+0))");
  CHECK_TEXT(text_of(build_call(&builder, "exp_f32", SCALAR_F32, 1, &wide)), "exp_f32x4(broadcast(f32x4, f))");
  CHECK(!builder.refused);
}

TEST(lanes_along_the_last_dimension_are_contiguous) {
  begin();
  Expr along[2] = { slot_i, lane_index() }, across[2] = { lane_index(), slot_i }, uniform[2] = { build_broadcast(&builder, slot_i, 4), slot_i };
  Expr twice[2] = { slot_i, binary(LOOP_MUL, lane_index(), index_of(2)) };
  CHECK_TEXT(text_of(build_load(&builder, operand_x, 2, along)), "x[i, i .. 4]");
  CHECK_TEXT(text_of(build_load(&builder, operand_x, 2, across)), "x[broadcast(indexx4, i) + lanes(indexx4), i]");
  CHECK_TEXT(text_of(build_load(&builder, operand_x, 2, uniform)), "broadcast(f32x4, x[i, i])");
  CHECK_TEXT(text_of(build_load(&builder, operand_x, 2, twice)), "x[i, (broadcast(indexx4, i) + lanes(indexx4)) * broadcast(indexx4, 2)]");
  CHECK_TEXT(text_of(build_load_lanes(&builder, operand_x, 2, (Expr[]){ slot_i, index_of(0) }, 4, slot_i)), "x[i, 0 .. 4 of i]");
  build_store(&builder, operand_y, 1, &along[1], f32(0));
  CHECK(strstr(kernel_text(), "y[i .. 4] = broadcast(f32x4, 0x0p+0)"));
}

TEST(a_let_of_a_lane_index_stays_an_index) {
  begin();
  Expr at = build_let(&builder, "at", binary(LOOP_ADD, lane_index(), slot_i));
  CHECK_TEXT(text_of(build_load(&builder, operand_x, 2, (Expr[]){ slot_i, at })), "x[i, at .. 4]");
}

TEST(a_reduction_is_a_tree_of_halves) {
  begin();
  Expr sum = build_reduce(&builder, LOOP_ADD, build_broadcast(&builder, slot_f, 4));
  CHECK_TEXT(text_of(sum), "extract(f32, half_1, 0) + extract(f32, half_1, 1)");
  CHECK(strstr(kernel_text(), "extract(f32x2, half, 0) + extract(f32x2, half, 2)"));
}

TEST(branches_on_vectors_are_refused) {
  begin();
  Expr wide = build_broadcast(&builder, slot_f, 4);
  build_if(&builder, binary(LOOP_LT, wide, f32(0)));
  CHECK(builder.refused);
  begin();
  CHECK(library_has("sin_f64") && !library_is_straight("sin_f64") && library_is_straight("exp_f32"));
  Expr angles = build_broadcast(&builder, build_cast(&builder, SCALAR_F64, slot_f), 2);
  build_call(&builder, "sin_f64", SCALAR_F64, 1, &angles);
  CHECK(builder.refused);
}

static void run_misuse(void *self) {
  void (**misuse)(void) = self;
  (*misuse)();
}

TEST(misuse_is_a_bug) {
  for (size_t i = 0; i < sizeof misuses / sizeof *misuses; i++) {
    void (*misuse)(void) = misuses[i].misuse;
    begin();
    CHECK_INT(context_guard(&context, run_misuse, &misuse), OUTCOME_BUG);
    const char *reason = failure();
    if (!strstr(reason, misuses[i].reason)) check_settle("not ok", "%s lacks `%s`", reason, misuses[i].reason);
  }
}

int main(void) {
  loop_test_open();
  begin();
  RUN(integers_fold_with_one_result);
  RUN(conversions_fold);
  RUN(floats_fold_only_to_the_same_bits);
  RUN(indices_are_simplified);
  RUN(dimensions_stay_dimensions);
  RUN(choices_are_simplified);
  RUN(what_a_statement_uses_twice_becomes_a_let);
  RUN(a_condition_of_while_is_copied);
  RUN(lets_pass_what_needs_none);
  RUN(equal_kernels_are_one);
  RUN(names_are_made_usable);
  RUN(scalars_beside_vectors_are_broadcast);
  RUN(lanes_along_the_last_dimension_are_contiguous);
  RUN(a_let_of_a_lane_index_stays_an_index);
  RUN(a_reduction_is_a_tree_of_halves);
  RUN(branches_on_vectors_are_refused);
  RUN(misuse_is_a_bug);
  return loop_test_close();
}
