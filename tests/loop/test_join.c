/* Dispatch groups: what the members share, and what each keeps. */
#include "compiler/loop/evaluate.h"
#include "compiler/loop/loop.h"
#include "tests/check.h"

enum { COUNT = 16, LINE = 64 };
static const float two[COUNT] = {[0 ... 15] = 2}, two_again[COUNT] = {[0 ... 15] = 2}, three[COUNT] = {[0 ... 15] = 3};

typedef struct Fixture {
  Context  context;
  Arena   *arena;
  DimTable dims;
} Fixture;

static Buffer buffer(Fixture *f, const char *name, Storage storage) {
  Buffer buffer = {.name = name, .scalar = SCALAR_F32, .rank = 1, .storage = storage, .align = LINE};
  buffer.dims[0] = dim_constant(&f->dims, COUNT);
  return buffer;
}

/* t = x * first, y = t * second, placed. */
static Program *product(Fixture *f, const float *first, const float *second, int64_t workspace) {
  Program    *program = program_open(&f->context, f->arena, &f->dims);
  Buffer      x = buffer(f, "x", STORAGE_INPUT), y = buffer(f, "y", STORAGE_OUTPUT), t = buffer(f, "t", STORAGE_WORKSPACE);
  Buffer      weights[2] = {buffer(f, "first", STORAGE_WEIGHT), buffer(f, "second", STORAGE_WEIGHT)};
  uint32_t    all[5];
  Builder     builder;
  const char *names[] = {"x", "w", "y"};
  t.offset = dim_constant(&f->dims, 0);
  for (int i = 0; i < 2; i++) {
    weights[i].data = (const uint8_t *)(i ? second : first);
    weights[i].weight_offset = dim_constant(&f->dims, i * LINE);
  }
  all[0] = program_buffer(program, x);
  all[1] = program_buffer(program, weights[0]);
  all[2] = program_buffer(program, t);
  all[3] = program_buffer(program, weights[1]);
  all[4] = program_buffer(program, y);
  program->weights_bytes = 2 * LINE;
  program->workspace_bytes = program->workspace_lower_bound = dim_constant(&f->dims, workspace);
  program->legal = true;

  build_open(&builder, program, CODE_KERNEL, "product");
  Operand operands[3];
  for (int i = 0; i < 3; i++) {
    OperandInfo operand = {.name = names[i], .scalar = SCALAR_F32, .rank = 1, .access = i == 2 ? ACCESS_OUT : ACCESS_IN};
    operand.dims[0] = dim_constant(&f->dims, COUNT);
    operands[i] = build_operand(&builder, operand);
  }
  Expr i = build_for(&builder, "i", build_index(&builder, 0), build_index(&builder, COUNT));
  Expr a = build_load(&builder, operands[0], 1, &i), b = build_load(&builder, operands[1], 1, &i);
  build_store(&builder, operands[2], 1, &i, build_binary(&builder, LOOP_MUL, a, b));
  build_end(&builder);
  uint32_t kernel = program_kernel(program, build_close(&builder));

  build_open(&builder, program, CODE_ENTRY, "run");
  build_kernel_call(&builder, kernel, 3, (CallArgument[]){{all[0], 0}, {all[1], 0}, {all[2], 0}}, 0);
  build_kernel_call(&builder, kernel, 3, (CallArgument[]){{all[2], 0}, {all[3], 0}, {all[4], 0}}, 0);
  program_entry(program, build_close(&builder));
  return program;
}

static uint32_t count_of(const Program *program, Storage storage) {
  uint32_t count = 0;
  for (uint32_t i = 0; i < program->buffers.count; i++) count += program->buffers.data[i].storage == storage;
  return count;
}

static float run(Fixture *f, Program *program, uint32_t entry) {
  float       in[COUNT] = {[0 ... 15] = 1}, out[COUNT] = {0};
  const void *inputs[] = {in};
  void       *outputs[] = {out};
  Evaluation  evaluation = {.inputs = inputs, .outputs = outputs};
  Evaluator   evaluator = interpreter();
  if (!evaluator.run(evaluator.self, program, entry, f->arena, &evaluation) || evaluation.fault || evaluation.status) return -1;
  for (int i = 1; i < COUNT; i++)
    if (out[i] != out[0]) return -1;
  return out[0];
}

typedef struct Join {
  Fixture    *f;
  uint32_t    count;
  Program   **members;
  const char *labels[3];
} Join;
static void join_body(void *self) {
  Join *join = self;
  program_join(join->count, join->members, join->labels);
  program_verify(join->members[0]);
}

static void verify_body(void *self) { program_verify(self); }

static bool open_fixture(Fixture *f) {
  *f = (Fixture){0};
  if (!context_open(&f->context, NULL, -1)) return false;
  f->arena = arena_open(&f->context);
  dim_open(&f->dims, f->arena);
  return true;
}

TEST(members_share_what_is_equal) {
  Fixture f;
  CHECK(open_fixture(&f));
  Program *members[] = {product(&f, two, three, 64), product(&f, three, two_again, 256), product(&f, two, two, 128)};
  Join     join = {.f = &f, .count = 3, .members = members, .labels = {"v1", "v2", "v3"}};
  CHECK_INT(context_guard(&f.context, join_body, &join), OUTCOME_OK);
  Program *group = members[0];
  CHECK_INT(group->entries.count, 3);
  CHECK_INT(group->kernels.count, 3);
  CHECK_INT(count_of(group, STORAGE_INPUT), 1);
  CHECK_INT(count_of(group, STORAGE_OUTPUT), 1);
  CHECK_INT(count_of(group, STORAGE_WEIGHT), 2); /* by their bytes, wherever they lie */
  CHECK_INT(group->weights_bytes, 2 * LINE);
  CHECK_INT(dim_value(&f.dims, group->workspace_bytes), 256);
  CHECK(run(&f, group, 0) == 6 && run(&f, group, 1) == 6 && run(&f, group, 2) == 4);
  CHECK_TEXT(group->kernels.data[2].name, "product_v3");
  CHECK_TEXT(group->entries.data[1].name, "run_v2");
  context_close(&f.context);
}

TEST(members_keep_weights_of_their_own) {
  Fixture f;
  CHECK(open_fixture(&f));
  Program *members[] = {product(&f, two, two, 64), product(&f, two, three, 64)};
  Join     join = {.f = &f, .count = 2, .members = members, .labels = {"v1", "v2"}};
  members[0]->weights_bytes = 2 * LINE;
  CHECK_INT(context_guard(&f.context, join_body, &join), OUTCOME_OK);
  CHECK_INT(count_of(members[0], STORAGE_WEIGHT), 3);
  CHECK_INT(members[0]->weights_bytes, 3 * LINE);
  const Buffer *added = &members[0]->buffers.data[members[0]->buffers.count - 1];
  CHECK(added->storage == STORAGE_WEIGHT || (added - 1)->storage == STORAGE_WEIGHT);
  CHECK(run(&f, members[0], 0) == 4 && run(&f, members[0], 1) == 6);
  context_close(&f.context);
}

TEST(members_of_other_models_are_a_bug) {
  Fixture f, other;
  CHECK(open_fixture(&f) && open_fixture(&other));
  Program *members[] = {product(&f, two, two, 64), product(&other, two, two, 64)};
  Join     join = {.f = &f, .count = 2, .members = members, .labels = {"v1", "v2"}};
  CHECK_INT(context_guard(&f.context, join_body, &join), OUTCOME_BUG);
  context_close(&f.context);
  context_close(&other.context);
}

TEST(calls_across_variants_are_a_bug) {
  Fixture f;
  CHECK(open_fixture(&f));
  Program *members[] = {product(&f, two, two, 64), product(&f, two, three, 64)};
  Join     join = {.f = &f, .count = 2, .members = members, .labels = {"v1", "v2"}};
  CHECK_INT(context_guard(&f.context, join_body, &join), OUTCOME_OK);
  members[0]->kernels.data[1].variant = 0;
  CHECK_INT(context_guard(&f.context, verify_body, members[0]), OUTCOME_BUG);
  context_close(&f.context);
}

int main(void) {
  RUN(members_share_what_is_equal);
  RUN(members_keep_weights_of_their_own);
  RUN(members_of_other_models_are_a_bug);
  RUN(calls_across_variants_are_a_bug);
  return check_done();
}
