/* The tidying loop passes change no bit of any result: random kernels run in the interpreter before and after them.
 *
 * A kernel is a nest of up to four loops over the dimensions of its output, with statements that mix what the passes look for: subscripts with
 * divisions, remainders, clamps and shared lets, conditions on loop variables, variables, inner reductions, strided and broadcast operands.
 * Subscripts are kept in bounds by clamping, so that every program is valid. */
#include "compiler/loop/evaluate.h"
#include "passes/loop/loop_passes.h"
#include "tests/check.h"
#include <stdlib.h>

enum { PROGRAMS = 400, LARGEST = 4096, DEEPEST = 4 };

static Context context;
static uint64_t state;

static uint32_t random_below(uint32_t count) { /* PCG-like: a multiplier and the high bits */
  state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)(state >> 33) % count;
}

/* ---- a random program as text --------------------------------------------------------------------------------------------- */

typedef struct Nest { int64_t extents[DEEPEST]; bool symbolic[DEEPEST]; uint32_t depth; } Nest;

/* In shapes no type is written. */
static void print_extent(Text *text, const Nest *nest, uint32_t axis, bool is_shape) {
  if (nest->symbolic[axis]) text_string(text, "N");
  else text_format(text, is_shape ? "%d" : "%d:index", (int)nest->extents[axis]);
}

/* The number of the element: (a0 * E1 + a1) * E2 + ... */
static void print_place(Text *text, const Nest *nest) {
  text_char(text, '(');
  for (uint32_t axis = 0; axis < nest->depth; axis++) {
    text_format(text, "%sa%d", axis ? " + " : "", (int)axis);
    for (uint32_t inner = axis + 1; inner < nest->depth; inner++) {
      text_string(text, " * ");
      print_extent(text, nest, inner, false);
    }
  }
  text_char(text, ')');
}

/* Some index of 0 or more, in loop variables a0, a1, ... */
static void print_index(Text *text, const Nest *nest, int levels) {
  static const struct { const char *before, *between; } operations[] = { { "(", " + " }, { "(", " * " }, { "min(", ", " }, { "max(", ", " } };
  uint32_t choice = random_below(levels > 0 ? 8 : 3);
  if (choice == 0) text_format(text, "%d:index", (int)random_below(9));
  else if (choice == 1) text_format(text, "a%d", (int)random_below(nest->depth));
  else if (choice == 2) print_place(text, nest);
  else if (choice < 6) {
    text_char(text, '(');
    print_index(text, nest, levels - 1);
    text_string(text, random_below(2) ? " / " : " % ");
    if (random_below(3)) text_format(text, "%d:index)", 1 + (int)random_below(7));
    else {
      print_extent(text, nest, random_below(nest->depth), false);
      text_char(text, ')');
    }
  } else {
    uint32_t operation = random_below(4);
    text_string(text, operations[operation].before);
    print_index(text, nest, levels - 1);
    text_string(text, operations[operation].between);
    print_index(text, nest, levels - 1);
    text_char(text, ')');
  }
}

/* An element of x, whose dimensions are those of the nest. */
static void print_element(Text *text, const Nest *nest) {
  text_string(text, "x[");
  for (uint32_t axis = 0; axis < nest->depth; axis++) {
    text_string(text, axis ? ", " : "");
    if (random_below(3)) {
      text_format(text, "a%d", (int)axis);
      continue;
    }
    bool has_max = random_below(2);
    text_string(text, has_max ? "max(0, min(" : "min(");
    print_index(text, nest, 2);
    text_string(text, ", ");
    print_extent(text, nest, axis, false);
    text_string(text, has_max ? " - 1))" : " - 1)");
  }
  text_char(text, ']');
}

static void print_target(Text *text, const Nest *nest) {
  text_string(text, "y[");
  for (uint32_t axis = 0; axis < nest->depth; axis++) text_format(text, "%sa%d", axis ? ", " : "", (int)axis);
  text_string(text, "] = ");
}

static void print_statement(Text *text, const Nest *nest, int number) {
  static const char *const comparisons[] = { "<", "<=", ">", ">=", "==", "!=" };
  switch (random_below(5)) {
    case 0:
      text_format(text, "let p%d: index = ", number);
      print_index(text, nest, 2);
      text_format(text, " let v%d: f32 = cast(f32, p%d) acc = acc + v%d * ", number, number, number);
      print_element(text, nest);
      break;
    case 1:
      text_string(text, "if ");
      print_index(text, nest, 1);
      text_format(text, " %s ", comparisons[random_below(6)]);
      print_index(text, nest, 1);
      text_string(text, " { acc = acc - ");
      print_element(text, nest);
      text_string(text, " } else { acc = acc * 0.5 }");
      break;
    case 2:
      text_format(text, "for r%d in 0..%d { acc = acc + ", number, (int)random_below(4));
      print_element(text, nest);
      text_format(text, " * cast(f32, r%d + ", number);
      print_index(text, nest, 1);
      text_string(text, ") }");
      break;
    case 3:
      text_string(text, "acc = select(");
      print_index(text, nest, 1);
      text_format(text, " %s ", comparisons[random_below(6)]);
      print_index(text, nest, 1);
      text_string(text, ", acc, ");
      print_element(text, nest);
      text_char(text, ')');
      break;
    default:
      text_string(text, "acc = acc + ");
      print_element(text, nest);
  }
  text_char(text, '\n');
}

static void print_shape(Text *text, const Nest *nest) {
  text_char(text, '[');
  for (uint32_t axis = 0; axis < nest->depth; axis++) {
    text_string(text, axis ? ", " : "");
    print_extent(text, nest, axis, true);
  }
  text_char(text, ']');
}

static Nest random_nest(int64_t n) {
  Nest nest = { .depth = 1 + random_below(DEEPEST) };
  for (uint32_t axis = 0; axis < nest.depth; axis++) {
    nest.symbolic[axis] = random_below(3) == 0;
    nest.extents[axis] = nest.symbolic[axis] ? n : 1 + random_below(6);
  }
  return nest;
}

static const char *random_program(Arena *arena, const Nest *nest) {
  Text text;
  text_open(&text, arena);
  text_string(&text, "program\nsym N 1..\nbuffer x: f32");
  print_shape(&text, nest);
  text_string(&text, " input 0\nbuffer y: f32");
  print_shape(&text, nest);
  text_string(&text, " output 0\nkernel k(x: f32");
  print_shape(&text, nest);
  text_string(&text, " in, y: f32");
  print_shape(&text, nest);
  text_string(&text, " out) {\n");
  for (uint32_t axis = 0; axis < nest->depth; axis++) {
    text_format(&text, "for a%d in 0..", (int)axis);
    print_extent(&text, nest, axis, false);
    text_string(&text, " {\n");
  }
  uint32_t statements = random_below(4);
  if (statements == 0) {
    print_target(&text, nest);
    print_element(&text, nest);
  } else {
    text_string(&text, "var acc: f32 = 1\n");
    for (uint32_t i = 0; i < statements; i++) print_statement(&text, nest, (int)i);
    print_target(&text, nest);
    text_string(&text, "acc");
  }
  for (uint32_t axis = 0; axis < nest->depth; axis++) text_string(&text, " }");
  text_string(&text, "\n}\nentry run { call k(x, y) }\n");
  return text_finish(&text);
}

/* ---- before and after ------------------------------------------------------------------------------------------------------ */

typedef struct Trial {
  const char *source, *after;
  int64_t n;
  float x[LARGEST], results[2][LARGEST];
  const char *fault;
} Trial;

static void run_program(Trial *trial, Program *program, Arena *arena, float *y) {
  const void *inputs[] = { trial->x };
  void *outputs[] = { y };
  int64_t symbols[] = { trial->n };
  Evaluator evaluator = interpreter();
  Evaluation evaluation = { .inputs = inputs, .outputs = outputs, .symbols = symbols };
  bool done = evaluator.run(evaluator.self, program, 0, arena, &evaluation);
  if (!done || evaluation.status || evaluation.fault) trial->fault = evaluation.fault ? evaluation.fault : "it does not end well";
}

static void try_program(void *self) {
  Trial *trial = self;
  Arena *arena = arena_open(&context);
  Program *program = program_parse(&context, arena, "random", trial->source, strlen(trial->source));
  Text text;
  program_verify(program);
  run_program(trial, program, arena, trial->results[0]);
  if (trial->fault) return;
  loop_flatten(program);
  program_verify(program);
  loop_tidy(program);
  program_verify(program);
  loop_collapse(program);
  program_verify(program);
  loop_tidy(program);
  program_verify(program);
  text_open(&text, arena);
  program_print(program, &text);
  trial->after = text_finish(&text);
  run_program(trial, program, arena, trial->results[1]);
}

static Trial trial;

static void run_passes(void *self) {
  const char *source = self;
  Arena *arena = arena_open(&context);
  Program *program = program_parse(&context, arena, "random", source, strlen(source));
  loop_flatten(program);
  loop_tidy(program);
  loop_collapse(program);
  program_verify(program);
}

TEST(each_allocation_fails_once) {
  static char source[1 << 14];
  Outcome outcome = OUTCOME_LIMIT;
  int64_t attempts = 0;
  state = 3;
  if (!context_open(&context, NULL, -1)) return;
  Nest nest = random_nest(2);
  const char *text = random_program(arena_open(&context), &nest);
  CHECK(strlen(text) < sizeof source);
  strcpy(source, text);
  context_close(&context);
  for (; outcome != OUTCOME_OK && attempts < 100000; attempts++) {
    if (!context_open(&context, NULL, attempts)) continue;
    outcome = context_guard(&context, run_passes, source);
    if (outcome != OUTCOME_OK) CHECK_INT(outcome, OUTCOME_LIMIT);
    context_close(&context);
  }
  CHECK_INT(outcome, OUTCOME_OK);
}

TEST(results_stay_the_same) {
  for (int64_t seed = 0; seed < PROGRAMS; seed++) {
    Arena *arena = arena_open(&context);
    state = (uint64_t)seed;
    trial.n = 1 + random_below(5);
    trial.fault = trial.after = NULL;
    Nest nest = random_nest(trial.n);
    size_t elements = 1;
    for (uint32_t axis = 0; axis < nest.depth; axis++) elements *= (size_t)nest.extents[axis];
    trial.source = random_program(arena, &nest);
    for (size_t i = 0; i < elements; i++) trial.x[i] = (float)random_below(1000) / 64;
    memset(trial.results, 0, sizeof trial.results);
    Outcome outcome = context_guard(&context, try_program, &trial);
    const char *reason = outcome ? context.diagnostics[context.diagnostic_count - 1].message : trial.fault;
    if (reason || memcmp(trial.results[0], trial.results[1], elements * sizeof(float)) != 0) {
      printf("# seed %lld, N = %lld\n%s\n# becomes\n%s", (long long)seed, (long long)trial.n, trial.source, trial.after ? trial.after : "");
      check_settle("not ok", "seed %lld: %s", (long long)seed, reason ? reason : "results differ");
      return;
    }
    arena_close(arena);
  }
}

int main(void) {
  if (!context_open(&context, NULL, -1)) return 1;
  RUN(results_stay_the_same);
  context_close(&context);
  RUN(each_allocation_fails_once);
  return check_done();
}
