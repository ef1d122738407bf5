/* Loops in lanes compute what they compute one by one: random kernels run in the interpreter before and after vectorise, for targets with vectors of
 * several widths, with and without masks.
 *
 *     pass_test_vectorise [FIRST COUNT]     seeds; prints both programs of the first that fails
 *
 * A kernel has loops around one along a row, in whose body is what the pass looks for: contiguous, strided, gathered and uniform loads, stores in
 * place and shifted (iterations that meet), narrow types, calls, inner loops, variables, accumulations, quotients of the loop's variable. Numbers are
 * small multiples of powers of two, so that sums are exact in any order; what is not is compared with a tolerance. */
#include "compiler/loop/evaluate.h"
#include "passes/loop/loop_passes.h"
#include "targets/target.h"
#include "tests/check.h"
#include <math.h>
#include <stdlib.h>

enum { PLACES = 4096, LONGEST_ROW = 70, PROGRAMS = 1500 };

static Context  context;
static uint64_t state;

static uint32_t random_below(uint32_t count) {
  state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)(state >> 33) % count;
}

/* ---- a random program as text ---------------------------------------------------------------------------------------------- */

typedef struct Writer {
  Text        text;
  int         names;               /* given so far */
  int         accumulators, first; /* a<first>, ...: those of the row */
  bool        has_outer;
  const char *row; /* its variable */
} Writer;

/* A place that is somewhere along the row: below 256 * 4 + 8 + 3 * 70 + 70. */
static void write_place(Writer *writer) {
  static const char *const strides[] = {"", "", "", "", "", "", "", "", " * 2", " * 3"};
  text_char(&writer->text, '[');
  if (writer->has_outer) text_format(&writer->text, "o * %d + ", random_below(4) ? 256 : 70);
  if (random_below(20) == 0) text_format(&writer->text, "%s / 16 * 48 + %s %% 16 + ", writer->row, writer->row);
  else if (random_below(24)) text_format(&writer->text, "%s%s + ", writer->row, strides[random_below(10)]);
  text_format(&writer->text, "%d]", (int)(8 + random_below(2) * random_below(16)));
}

static void write_value(Writer *writer, int levels) {
  Text *text = &writer->text;
  switch (random_below(levels > 0 ? 14 : 6)) {
  case 0: text_format(text, "%d:f32", (int)random_below(5)); break;
  case 1:
  case 2: text_string(text, "x"), write_place(writer); break;
  case 3:
    if (random_below(3)) {
      text_string(text, "x"), write_place(writer);
      break;
    }
    text_string(text, "min(y"), write_place(writer), text_string(text, ", 8)");
    break;
  case 4: text_format(text, "c[%s %% %d]", writer->row, random_below(2) ? 32 : 16); break;
  case 5: text_format(text, "c[%s / %d]", writer->row, random_below(2) ? 16 : 8); break;
  case 6: text_string(text, "cast(f32, b"), write_place(writer), text_char(text, ')'); break;
  case 7: text_string(text, "abs("), write_value(writer, levels - 1), text_char(text, ')'); break;
  case 8:
    text_string(text, "select("), write_value(writer, levels - 1), text_string(text, " > "), write_value(writer, 0), text_string(text, ", "),
        write_value(writer, levels - 1), text_string(text, ", "), write_value(writer, 0), text_char(text, ')');
    break;
  case 9: text_string(text, "floor_f32("), write_value(writer, levels - 1), text_char(text, ')'); break;
  case 10: text_format(text, "cast(f32, %s)", writer->row); break;
  case 11: text_string(text, "max("), write_value(writer, levels - 1), text_string(text, ", "), write_value(writer, 0), text_char(text, ')'); break;
  default:
    text_char(text, '('), write_value(writer, levels - 1), text_string(text, random_below(3) ? " + " : " - "), write_value(writer, levels - 1),
        text_char(text, ')');
  }
}

static void write_inner_loop(Writer *writer) {
  Text *text = &writer->text;
  int   name = writer->names++;
  text_format(text, "var m%d: f32 = ", name), write_value(writer, 1);
  text_format(text, "\nfor r%d in 0..%d {\nm%d = m%d + x[r%d * %d + ", name, 1 + (int)random_below(3), name, name, name, 1 + (int)random_below(70));
  text_format(text, "%s + 8]\n}\ny", writer->row), write_place(writer), text_format(text, " = m%d\n", name);
}

static void write_accumulation(Writer *writer) {
  static const char *const forms[][2] = {{"a%d = a%d + ", ""}, {"a%d = max(", ", a%d)"}, {"a%d = muladd(2, ", ", a%d)"}, {"a%d = min(", ", a%d)"}};
  Text                    *text = &writer->text;
  uint32_t                 form = random_below(4);
  int                      which = writer->first + (int)random_below((uint32_t)writer->accumulators);
  text_format(text, forms[form][0], which, which), write_value(writer, 1), text_format(text, forms[form][1], which), text_char(text, '\n');
}

static void write_statement(Writer *writer) {
  Text *text = &writer->text;
  switch (random_below(8)) {
  case 0:
    text_string(text, "q"), write_place(writer), text_string(text, " = cast(u8, cast(i32, "), write_value(writer, 1), text_string(text, "))\n");
    break;
  case 1: text_string(text, "h"), write_place(writer), text_string(text, " = cast(f16, "), write_value(writer, 1), text_string(text, ")\n"); break;
  case 2: write_inner_loop(writer); break;
  case 3:
    text_format(text, "let n%d: f32 = ", writer->names), write_value(writer, 2), text_string(text, "\ny"), write_place(writer),
        text_format(text, " = n%d + n%d\n", writer->names, writer->names), writer->names++;
    break;
  case 4:
  case 5:
    if (writer->accumulators) {
      write_accumulation(writer);
      break;
    } /* fall through */
  default: text_string(text, "y"), write_place(writer), text_string(text, " = "), write_value(writer, 2), text_char(text, '\n');
  }
}

static void write_row(Writer *writer) {
  static const int lengths[] = {1, 3, 4, 8, 15, 16, 17, 24, 31, 32, 33, 48, 50, 64};
  Text            *text = &writer->text;
  writer->first += writer->accumulators;
  writer->accumulators = (int)random_below(3);
  for (int i = 0; i < writer->accumulators; i++) text_format(text, "var a%d: f32 = %d\n", writer->first + i, (int)random_below(3) - 1);
  int from = random_below(3) ? 0 : (int)random_below(4) * 4;
  text_format(text, "for i in %d..", from);
  if (random_below(3) == 0) text_string(text, "K");
  else if (random_below(6) == 0 && writer->has_outer) text_string(text, "min(o * 9 + 20, K)");
  else text_format(text, "%d", from + lengths[random_below(14)]);
  text_string(text, " {\n");
  writer->row = "i";
  for (uint32_t i = 1 + random_below(3); i > 0; i--) write_statement(writer);
  text_string(text, "}\n");
  for (int i = 0; i < writer->accumulators; i++) text_format(text, "y[%d] = a%d\n", 3000 + writer->first + i, writer->first + i);
}

static const char *random_program(Arena *arena) {
  Writer writer = {.has_outer = random_below(2)};
  Text  *text = &writer.text;
  text_open(text, arena);
  text_string(
      text,
      "program\nsym K 1..70\nfunction floor_f32(x: f32) -> f32\nbuffer x: f32[4096] input 0\nbuffer c: f32[64] input 1\nbuffer b: u8[4096] input 2\n"
      "buffer g: f16[4096] input 3\nbuffer y: f32[4096] output 0\nbuffer q: u8[4096] output 1\nbuffer h: f16[4096] output 2\n"
      "kernel k(x: f32[4096] in, c: f32[64] in, b: u8[4096] in, y: f32[4096] inout, q: u8[4096] inout, h: f16[4096] inout) {\n");
  if (writer.has_outer) text_format(text, "for o in 0..%d {\n", 1 + (int)random_below(3));
  for (uint32_t rows = 1 + random_below(2); rows > 0; rows--) write_row(&writer);
  if (writer.has_outer) text_string(text, "}\n");
  text_string(text, "}\nentry run { copy x -> y copy b -> q copy g -> h call k(x, c, b, y, q, h) }\n");
  return text_finish(text);
}

/* ---- before and after ------------------------------------------------------------------------------------------------------- */

typedef struct Results {
  float    y[PLACES];
  uint8_t  q[PLACES];
  uint16_t h[PLACES];
} Results;

typedef struct Trial {
  const char *source, *after, *fault;
  const char *target;
  int64_t     length;   /* K */
  bool        in_lanes; /* vectorise changed something */
  Results     results[2];
} Trial;

static float    numbers[PLACES];
static uint8_t  bytes[PLACES];
static uint16_t halves[PLACES];
static Trial    trial;

static void run_program(Program *program, Arena *arena, Results *results) {
  const void *inputs[] = {numbers, numbers + 100, bytes, halves};
  void       *outputs[] = {results->y, results->q, results->h};
  int64_t     symbols[] = {trial.length};
  Evaluator   evaluator = interpreter();
  Evaluation  evaluation = {.inputs = inputs, .outputs = outputs, .symbols = symbols};
  bool        done = evaluator.run(evaluator.self, program, 0, arena, &evaluation);
  if (!done || evaluation.status || evaluation.fault) trial.fault = evaluation.fault ? evaluation.fault : "it does not end well";
}

static const char *print(Program *program, Arena *arena) {
  Text text;
  text_open(&text, arena);
  program_print(program, &text);
  return text_finish(&text);
}

static void try_program(void *self) {
  Arena   *arena = arena_open(&context);
  Program *program = program_parse(&context, arena, "random", trial.source, strlen(trial.source));
  program_link_library(program);
  program_verify(program);
  run_program(program, arena, &trial.results[0]);
  loop_flatten(program);
  loop_tidy(program);
  loop_collapse(program);
  const char *before = print(program, arena);
  loop_vectorise(program, target_find(trial.target), FP_DEFAULT);
  program_link_library(program);
  trial.after = print(program, arena);
  trial.in_lanes = strcmp(before, trial.after) != 0;
  program_verify(program);
  if (!trial.fault) run_program(program, arena, &trial.results[1]);
}

static bool agree(void) {
  const Results *a = &trial.results[0], *b = &trial.results[1];
  for (int i = 0; i < PLACES; i++) {
    bool equal = a->y[i] == b->y[i] || (isnan(a->y[i]) && isnan(b->y[i])) || fabsf(a->y[i] - b->y[i]) <= 1e-5f * fabsf(a->y[i]);
    if (!equal || a->q[i] != b->q[i] || a->h[i] != b->h[i]) return false;
  }
  return true;
}

static int64_t first = 0, count = PROGRAMS;

TEST(results_stay_the_same) {
  static const char *const targets[] = {"x86-64-v1", "x86-64-v3", "x86-64-v4", "aarch64", "cortex-m55"};
  int64_t                  in_lanes = 0;
  for (int64_t seed = first; seed < first + count; seed++) {
    Arena *arena = arena_open(&context);
    state = (uint64_t)seed * 977;
    memset(&trial, 0, sizeof trial);
    trial.length = 1 + random_below(LONGEST_ROW);
    trial.target = targets[random_below(5)];
    trial.source = random_program(arena);
    Outcome     outcome = context_guard(&context, try_program, &trial);
    const char *reason = outcome ? context.diagnostics[context.diagnostic_count - 1].message : trial.fault;
    if (reason || !agree()) {
      printf("# seed %lld, K = %lld, %s\n%s\n# becomes\n%s", (long long)seed, (long long)trial.length, trial.target, trial.source,
             trial.after ? trial.after : "");
      check_settle("not ok", "seed %lld: %s", (long long)seed, reason ? reason : "results differ");
      return;
    }
    in_lanes += trial.in_lanes;
    arena_close(arena);
  }
  printf("# %lld of %lld programs run in lanes\n", (long long)in_lanes, (long long)count);
  CHECK(in_lanes * 4 > count); /* else the programs show nothing */
}

int main(int words, char **word) {
  if (words == 3) first = atoll(word[1]), count = atoll(word[2]);
  for (int k = 0; k < PLACES; k++) numbers[k] = (float)((k * 37) % 101 - 50) / 8, bytes[k] = (uint8_t)(k * 31 % 11);
  if (!context_open(&context, NULL, -1)) return 1;
  RUN(results_stay_the_same);
  context_close(&context);
  return check_done();
}
