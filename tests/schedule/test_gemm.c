/* Matrix products and convolutions by schedules against their plain meanings, bit for bit: random sizes, types, batches, transpositions, dimensions
 * known at run time only, and things fused before and behind, on every target. Both programs run in the interpreter, behind all loop passes. */
#include "compiler/ops/ops.h"
#include "compiler/pipeline.h"
#include "tests/check.h"
#include <stdlib.h>

enum { CASES = 540, LARGEST = 1 << 16 };

static const char *const targets[] = {"x86-64-v4", "x86-64-v3", "x86-64-v1",   "aarch64",  "cortex-m55",
                                      "rv64gcv",   "wasm32",    "armv7a-neon", "cortex-m4"};
enum { TARGETS = sizeof targets / sizeof *targets };

/* ---- a random graph ----------------------------------------------------------------------------------------------------------- */

typedef struct Draw { uint64_t state; } Draw;

static uint32_t below(Draw *draw, uint32_t limit) {
  draw->state = draw->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)(draw->state >> 33) % limit;
}

/* A dimension's text, and its value. */
typedef struct Extent { char text[8]; int64_t value; } Extent;
typedef struct Sizes { Extent m, k, n; } Sizes;

static Extent draw_extent(Draw *draw, char symbol, uint32_t limit) {
  Extent extent = {.value = 1 + below(draw, below(draw, 3) ? limit : 5)};
  if (below(draw, 4)) snprintf(extent.text, sizeof extent.text, "%d", (int)extent.value);
  else snprintf(extent.text, sizeof extent.text, "%c", symbol);
  return extent;
}

/* What comes behind the product %c; the last one is %y. */
static const char *const floats_behind[] = {
    "%y: ? = Relu(%c)",
    "%d: ? = Add(%c, %row)\n %y: ? = Relu(%d)",
    "%d: ? = Add(%column, %c)\n %y: ? = Tanh(%d)",
    "%d: ? = Sigmoid(%c)\n %y: ? = Mul(%c, %d)",
    "%d: ? = Add(%c, %row)\n %y: ? = Erf(%d)",
    "%d: ? = Mul(%c, %one)\n %e: ? = Pow(%d, %two)\n %y: ? = Add(%e, %row)",
    "%y: ? = Exp(%c)",
};
static const char *const integers_behind[] = {"%y: ? = Neg(%c)", "%d: ? = Cast(%c) to=1\n %y: ? = Mul(%d, %one)"};

static const char *behind(Draw *draw, bool integers) {
  if (integers) return integers_behind[below(draw, sizeof integers_behind / sizeof *integers_behind)];
  return floats_behind[below(draw, sizeof floats_behind / sizeof *floats_behind)];
}

static const char constants[] = "  %one: f32[] = constant [1.5]\n  %two: f32[] = constant [2.0]\n"
                                "  %za: u8[] = constant [3]\n  %zb: i8[] = constant [-2]\n"
                                "  %sa: f32[] = constant [0.5]\n  %sb: f32[] = constant [0.25]\n  %sy: f32[] = constant [4.0]\n";

static void write_gemm(Draw *draw, Text *text, const Sizes *z) {
  bool trans_a = below(draw, 2), trans_b = below(draw, 2);
  text_format(text, "(%%a: f32[%s, %s], %%b: f32[%s, %s], %%row: f32[%s], %%column: f32[%s, 1]) -> (%%y) {\n%s",
              trans_a ? z->k.text : z->m.text, trans_a ? z->m.text : z->k.text, trans_b ? z->n.text : z->k.text, trans_b ? z->k.text : z->n.text,
              z->n.text, z->m.text, constants);
  text_format(text, "  %%c: ? = Gemm(%%a, %%b, %s) transA=%d transB=%d alpha=%s beta=%s\n  %s\n}\n", below(draw, 2) ? "%row" : "%column", trans_a,
              trans_b, below(draw, 2) ? "1.0" : "0.5", below(draw, 2) ? "1.0" : "2.0", behind(draw, false));
}

static void write_matmul(Draw *draw, Text *text, const Sizes *z) {
  static const char *const a_batches[] = {"", "2, ", "3, 1, ", "3, 2, "}, *const b_batches[] = {"", "2, ", "2, ", "1, 1, "};
  uint32_t batch = below(draw, 4);
  bool     views = below(draw, 3) == 0 && !batch;
  text_format(text, "(%%a: f32[%s%s, %s], %%b: f32[%s%s, %s], %%row: f32[%s], %%column: f32[%s, 1]) -> (%%y) {\n%s", a_batches[batch], z->m.text,
              z->k.text, b_batches[batch], views ? z->n.text : z->k.text, views ? z->k.text : z->n.text, z->n.text, z->m.text, constants);
  if (views) text_format(text, "  %%t: ? = Transpose(%%b) perm=[1, 0]\n  %%u: ? = Neg(%%t)\n");
  text_format(text, "  %%c: ? = MatMul(%%a, %s)\n  %s\n}\n", views ? "%u" : "%b", behind(draw, false));
}

static void write_integers(Draw *draw, Text *text, const Sizes *z) {
  bool quantized = below(draw, 2);
  text_format(text, "(%%a: u8[%s, %s], %%b: i8[%s, %s]) -> (%%y) {\n%s", z->m.text, z->k.text, z->k.text, z->n.text, constants);
  if (quantized) text_format(text, "  %%y: ? = QLinearMatMul(%%a, %%sa, %%za, %%b, %%sb, %%zb, %%sy, %%za)\n}\n");
  else text_format(text, "  %%c: ? = MatMulInteger(%%a, %%b, %%za, %%zb)\n  %s\n}\n", behind(draw, true));
}

/* A convolution of images with some groups of channels; most have a kernel of one element, which makes it a product. */
static void write_conv(Draw *draw, Text *text, const Sizes *z) {
  static const char *const behind_images[] = {
      "%y: ? = Relu(%c)",
      "%d: ? = Add(%c, %residual)\n %y: ? = Relu(%d)",
      "%d: ? = Sigmoid(%c)\n %y: ? = Mul(%d, %c)",
      "%d: ? = Mul(%c, %channel)\n %y: ? = Clip(%d, %one, %two)",
      "%y: ? = Add(%c, %line)",
  };
  int groups = 1 + (int)below(draw, 2), inputs = groups * (1 + (int)below(draw, 9)), outputs = groups * (1 + (int)below(draw, 40));
  int height = 1 + (int)z->k.value % 13, width = 1 + (int)z->n.value % 17, kernel = below(draw, 4) ? 1 : 3, pad = kernel / 2;
  char image[32];
  snprintf(image, sizeof image, "2, %d, %d, %d", outputs, height, width);
  text_format(text, "(%%a: f32[2, %d, %d, %d], %%w: f32[%d, %d, %d, %d], %%bias: f32[%d], %%residual: f32[%s], %%channel: f32[%d, 1, 1], ", inputs,
              height, width, outputs, inputs / groups, kernel, kernel, outputs, image, outputs);
  text_format(text, "%%line: f32[%d]) -> (%%y) {\n%s  %%c: ? = Conv(%%a, %%w%s) group=%d pads=[%d, %d, %d, %d]\n  %s\n}\n", width, constants,
              below(draw, 2) ? ", %bias" : "", groups, pad, pad, pad, pad,
              behind_images[below(draw, sizeof behind_images / sizeof *behind_images)]);
}

static const char *draw_graph(Draw *draw, Arena *arena, Sizes *sizes) {
  Text text;
  text_open(&text, arena);
  *sizes = (Sizes){draw_extent(draw, 'M', 45), draw_extent(draw, 'K', 40), draw_extent(draw, 'N', 110)};
  text_format(&text, "model opset 20\nsym M 1..\nsym K 1..\nsym N 1..\ngraph g");
  switch (below(draw, 5)) {
  case 0: write_integers(draw, &text, sizes); break;
  case 1: write_gemm(draw, &text, sizes); break;
  case 2: write_conv(draw, &text, sizes); break;
  default: write_matmul(draw, &text, sizes); break;
  }
  return text_finish(&text);
}

/* ---- two ways ------------------------------------------------------------------------------------------------------------------- */

typedef struct Case {
  Context     context;
  Arena      *arena;
  const char *text;
  Sizes       sizes;
  uint32_t    number;
  bool        scheduled; /* a tile was built */
} Case;

typedef struct Results { Module *module; Program *program; int64_t *symbols; size_t bytes; void *output; } Results;

static void compile(Case *test, Results *results, bool plain) {
  PipelineOptions options = {.target = target_find(targets[test->number % TARGETS]), .evaluator = interpreter(), .no_schedule = plain};
  options.passes = (PassOptions){.level = 2, .verify_each = true};
  options.passes.choice[PASS_VECTORISE] = -1; /* takes sums along rows in another order */
  results->module = module_parse(&test->context, test->arena, &op_names, "case", test->text, strlen(test->text));
  pipeline_graph(results->module, &options);
  results->program = pipeline_lower(results->module, test->arena, &options);
  pipeline_loops(results->program, &options);
}

static size_t tensor_bytes(const Module *module, const InfoTensor *tensor, const int64_t *symbols) {
  int64_t count = 1, extent;
  for (uint32_t axis = 0; axis < tensor->rank; axis++) count *= dim_evaluate(&module->dims, tensor->dims[axis], symbols, &extent) ? extent : 0;
  require(module->context, count > 0 && count < LARGEST);
  return (size_t)count * element_buffer_bytes(tensor->element);
}

static const void *make_input(Case *test, const InfoTensor *tensor, size_t bytes, uint32_t number) {
  Draw     draw = {number + 1};
  uint8_t *data = arena_allocate(test->arena, bytes);
  for (size_t at = 0; at < bytes; at++) data[at] = (uint8_t)below(&draw, 256);
  for (size_t at = 0; tensor->element == ELEMENT_F32 && at < bytes; at += 4) {
    float value = ((float)below(&draw, 1 << 24) / (1 << 23) - 1) * 1.7f;
    memcpy(data + at, &value, 4);
  }
  return data;
}

static void run(Case *test, Results *results) {
  const DimTable    *dims = &results->module->dims;
  const ProgramInfo *info = &results->program->info;
  const void       **inputs = arena_array(test->arena, const void *, info->inputs.count + 1u);
  results->symbols = arena_array(test->arena, int64_t, dims->symbols.count + 1u);
  for (uint32_t at = 0; at < dims->symbols.count; at++) {
    char name = dims->symbols.data[at].name[0];
    results->symbols[at] = name == 'M' ? test->sizes.m.value : name == 'K' ? test->sizes.k.value : test->sizes.n.value;
  }
  for (uint32_t at = 0; at < info->inputs.count; at++)
    inputs[at] = make_input(test, &info->inputs.data[at], tensor_bytes(results->module, &info->inputs.data[at], results->symbols), at);
  results->bytes = tensor_bytes(results->module, &info->outputs.data[0], results->symbols);
  results->output = arena_allocate(test->arena, results->bytes);
  Evaluation evaluation = {.inputs = inputs, .outputs = &results->output, .symbols = results->symbols, .step_limit = 1000000000};
  Evaluator  evaluator = interpreter();
  bool       done = evaluator.run(evaluator.self, results->program, 0, test->arena, &evaluation);
  if (!done || evaluation.fault) bug(&test->context, "the interpreter says: %s", evaluation.fault ? evaluation.fault : "too many steps");
  if (evaluation.status) bug(&test->context, "status %d", (int)evaluation.status);
}

/* Sums that stand in variables of their own, row by row. */
static bool has_tile(const Program *program) {
  for (uint32_t at = 0; at < program->kernels.count; at++)
    for (Slot slot = 1; slot < program->kernels.data[at].slots.count; slot++)
      if (!strncmp(program->kernels.data[at].slots.data[slot].name, "sum0_0", 6)) return true;
  return false;
}

/* On a target whose vectors compute no floats as scalars do, none may be built. */
static bool has_foreign_vector(const Program *program, const Target *target) {
  for (uint32_t at = 0; at < program->kernels.count; at++) {
    const Code *code = &program->kernels.data[at];
    for (Expr expr = 1; expr < code->exprs.count; expr++)
      if (code->exprs.data[expr].lanes > 1 && scalar_is_float((Scalar)code->exprs.data[expr].scalar) && !target->has_vector_f32) return true;
  }
  return false;
}

static void run_case(void *self) {
  Case   *test = self;
  Results plain = {0}, scheduled = {0};
  Draw    draw = {(test->number + 1) * UINT64_C(0x9e3779b97f4a7c15)};
  test->arena = arena_open(&test->context);
  test->text = draw_graph(&draw, test->arena, &test->sizes);
  compile(test, &plain, true);
  compile(test, &scheduled, false);
  run(test, &plain);
  run(test, &scheduled);
  if (plain.bytes != scheduled.bytes || memcmp(plain.output, scheduled.output, plain.bytes)) bug(&test->context, "other bits");
  if (has_foreign_vector(scheduled.program, target_find(targets[test->number % TARGETS]))) bug(&test->context, "a vector of floats");
  if (has_tile(plain.program)) bug(&test->context, "a tile in the plain program");
  test->scheduled = has_tile(scheduled.program);
}

static uint32_t scheduled_cases;

static void check_target(uint32_t target) {
  for (uint32_t number = target; number < CASES; number += TARGETS) {
    Case test = {.number = number};
    if (!context_open(&test.context, NULL, -1)) abort();
    if (context_guard(&test.context, run_case, &test) != OUTCOME_OK)
      check_settle("not ok", "%s, case %u (M %d, K %d, N %d): %s\n%s", targets[target], number, (int)test.sizes.m.value, (int)test.sizes.k.value,
                   (int)test.sizes.n.value, test.context.diagnostics[test.context.diagnostic_count - 1].message, test.text);
    scheduled_cases += test.scheduled;
    context_close(&test.context);
  }
}

static uint32_t current;
TEST(same_bits_as_the_plain_meaning) { check_target(current); }

/* Or this program would show nothing. */
TEST(most_cases_are_scheduled) { CHECK(scheduled_cases > CASES * 2 / 3); }

int main(void) {
  char name[64];
  for (current = 0; current < TARGETS; current++) {
    snprintf(name, sizeof name, "same_bits_as_the_plain_meaning_%s", targets[current]);
    check_run(name, same_bits_as_the_plain_meaning);
  }
  RUN(most_cases_are_scheduled);
  return check_done();
}
