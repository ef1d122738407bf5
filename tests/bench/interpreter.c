/* How fast the interpreter is: a line a kernel, with the ratio to the same run without lanes.
 *
 *     build/tests/bench/interpreter [FILE.lir...]     without files: the kernels below */
#define _POSIX_C_SOURCE 200809L
#include "compiler/loop/evaluate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OPERANDS = 16 };

typedef struct Case { const char *name, *text; } Case;
static const Case cases[] = {
  {"matmul 256",
   "program buffer x: f32[256, 256] input 0 buffer w: f32[256, 256] input 1 buffer y: f32[256, 256] output 0\n"
   "kernel matmul(a: f32[256, 256] in, b: f32[256, 256] in, c: f32[256, 256] out) { for i in 0..256 { for j in 0..256 {\n"
   "  var sum: f32 = 0 for k in 0..256 { sum = muladd(a[i, k], b[k, j], sum) } c[i, j] = sum } } }\n"
   "entry run { call matmul(x, w, y) }\n"},
  {"convolution 3x3, 32 to 32 channels, 56x56",
   "program buffer x: f32[32, 56, 56] input 0 buffer w: f32[32, 32, 3, 3] input 1 buffer y: f32[32, 56, 56] output 0\n"
   "kernel conv(x: f32[32, 56, 56] in, w: f32[32, 32, 3, 3] in, y: f32[32, 56, 56] out) { for oc in 0..32 { for oh in 0..56 { for ow in 0..56 {\n"
   "  var sum: f32 = 0 for ic in 0..32 { for kh in 0..3 { let ih = oh + kh - 1 if (ih >= 0) & (ih < 56) { for kw in 0..3 {\n"
   "  let iw = ow + kw - 1 if (iw >= 0) & (iw < 56) { sum = muladd(x[ic, ih, iw], w[oc, ic, kh, kw], sum) } } } } }\n"
   "  y[oc, oh, ow] = sum } } } }\n"
   "entry run { call conv(x, w, y) }\n"},
  {"sum of 2^20 elements in order",
   "program buffer x: f32[1048576] input 0 buffer y: f32[] output 0\n"
   "kernel sum(x: f32[1048576] in, y: f32[] out) { var sum: f32 = 0 for i in 0..1048576 { sum = sum + x[i] } y[] = sum }\n"
   "entry run { call sum(x, y) }\n"},
  {"exp of 2^20 elements",
   "program buffer x: f32[1048576] input 0 buffer y: f32[1048576] output 0\n"
   "function exp_f32(x: f32) -> f32\n"
   "kernel all(x: f32[1048576] in, y: f32[1048576] out) { for i in 0..1048576 { y[i] = exp_f32(x[i]) } }\n"
   "entry run { call all(x, y) }\n"},
  {"prefix sum of 2^20 elements (no lanes possible)",
   "program buffer x: f32[1048576] input 0 buffer y: f32[1048576] output 0\n"
   "kernel prefix(x: f32[1048576] in, y: f32[1048576] out) { y[0] = x[0] for i in 1..1048576 { y[i] = y[i - 1] + x[i] } }\n"
   "entry run { call prefix(x, y) }\n"},
};

typedef struct Bench { Context context; Case what; } Bench;

static double seconds_of(Program *program, Arena *arena, Evaluator evaluator, const void *const *inputs, void *const *outputs, uint64_t *steps) {
  int64_t symbols[64] = {0};
  for (uint32_t k = 0; k < program->dims->symbols.count && k < 64; k++) symbols[k] = program->dims->symbols.data[k].lo;
  Evaluation evaluation = {.inputs = inputs, .outputs = outputs, .symbols = symbols};
  struct timespec start, end;
  clock_gettime(CLOCK_MONOTONIC, &start);
  evaluator.run(evaluator.self, program, 0, arena, &evaluation);
  clock_gettime(CLOCK_MONOTONIC, &end);
  if (evaluation.fault) printf("  %s\n", evaluation.fault);
  *steps = evaluation.steps;
  return (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) * 1e-9;
}

static void bench_case(void *self) {
  Bench *bench = self;
  Arena *arena = arena_open(&bench->context);
  Program *program = program_parse(&bench->context, arena, bench->what.name, bench->what.text, strlen(bench->what.text));
  program_link_library(program);
  const void *inputs[OPERANDS] = {0};
  void *outputs[OPERANDS] = {0};
  for (uint32_t k = 0; k < program->buffers.count; k++) {
    const Buffer *buffer = &program->buffers.data[k];
    size_t bytes = 0;
    if (!buffer_bytes(program, buffer, &bytes)) bytes = 1 << 24;
    float *memory = arena_allocate(arena, bytes);
    for (size_t i = 0; buffer->scalar == SCALAR_F32 && i < bytes / sizeof *memory; i++) memory[i] = (float)(i * 37 % 101) / 50 - 1;
    if (buffer->storage == STORAGE_INPUT && buffer->index < OPERANDS) inputs[buffer->index] = memory;
    if (buffer->storage == STORAGE_OUTPUT && buffer->index < OPERANDS) outputs[buffer->index] = memory;
  }
  uint64_t steps, single_steps;
  double lanes = seconds_of(program, arena, interpreter(), inputs, outputs, &steps);
  double single = seconds_of(program, arena, interpreter_stepwise(), inputs, outputs, &single_steps);
  printf("%-48s %8.3f s %8.0f M steps/s %6.1f x without lanes\n", bench->what.name, lanes, (double)steps / lanes / 1e6, single / lanes);
}

static void run(Case what) {
  Bench bench = {.what = what};
  if (!context_open(&bench.context, NULL, -1)) exit(1);
  if (context_guard(&bench.context, bench_case, &bench) != OUTCOME_OK)
    for (uint32_t k = 0; k < bench.context.diagnostic_count; k++) printf("%s: %s\n", what.name, bench.context.diagnostics[k].message);
  context_close(&bench.context);
}

int main(int count, char **words) {
  for (size_t k = 0; count == 1 && k < sizeof cases / sizeof *cases; k++) run(cases[k]);
  for (int k = 1; k < count; k++) {
    FILE *file = fopen(words[k], "rb");
    if (!file || fseek(file, 0, SEEK_END)) return perror(words[k]), 1;
    long size = ftell(file);
    char *text = size < 0 ? NULL : calloc((size_t)size + 1, 1);
    rewind(file);
    if (!text || fread(text, 1, (size_t)size, file) != (size_t)size) return perror(words[k]), 1;
    fclose(file);
    run((Case){words[k], text});
    free(text);
  }
  return 0;
}
