/* The interpreter: whole programs, with and without lanes; faults; limits; memory plans. */
#include "evaluate_test.h"

static Trial trial;

static void begin(const char *text) {
  memset(&trial, 0, sizeof trial);
  trial.text = text;
}

static float numbers[16384];
static void fill_numbers(void) {
  uint32_t seed = 1;
  for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
    seed = seed * 1664525u + 1013904223u;
    numbers[k] = (float)(int32_t)(seed >> 8) / 0x1p22f - 2.0f;
  }
}

#define CHECK_AGREES \
  do { const char *wrong = trial_twice(&trial); CHECK_TEXT(wrong ? wrong : "", ""); } while (0)
#define CHECK_FAULT(message) \
  do { trial_run(&trial); CHECK_TEXT(trial.fault, message); trial.stepwise = true; trial_run(&trial); CHECK_TEXT(trial.fault, message); } while (0)

TEST(matmul_sums_in_order) {
  begin("program buffer x: f32[20, 30] input 0 buffer w: f32[30, 25] input 1 buffer y: f32[20, 25] output 0\n"
        "kernel matmul(A: f32[20, 30] in, B: f32[30, 25] in, C: f32[20, 25] out) {\n"
        "  for i in 0..20 { for j in 0..25 {\n"
        "    var sum: f32 = 0\n"
        "    for k in 0..30 { sum = muladd(A[i, k], B[k, j], sum) }\n"
        "    C[i, j] = sum\n"
        "  } } }\n"
        "entry run { call matmul(x, w, y) }\n");
  trial.inputs[0] = numbers, trial.inputs[1] = numbers + 1000;
  CHECK_AGREES;
  for (int i = 0; i < 20; i++)
    for (int j = 0; j < 25; j++) {
      volatile float sum = 0;
      for (int k = 0; k < 30; k++) {
        volatile float product = numbers[i * 30 + k] * numbers[1000 + k * 25 + j];
        sum = product + sum;
      }
      CHECK(((float *)trial.outputs[0])[i * 25 + j] == sum);
    }
}

TEST(convolution_skips_its_border) {
  begin("program buffer x: f32[3, 9, 9] input 0 buffer w: f32[5, 3, 3, 3] input 1 buffer b: f32[5] input 2 buffer y: f32[5, 9, 9] output 0\n"
        "kernel conv(x: f32[3, 9, 9] in, w: f32[5, 3, 3, 3] in, b: f32[5] in, y: f32[5, 9, 9] out) {\n"
        "  for oc in 0..5 { let bias = b[oc] for oh in 0..9 { for ow in 0..9 {\n"
        "    var sum: f32 = bias\n"
        "    for ic in 0..3 { for kh in 0..3 { let ih = oh + kh - 1 if (ih >= 0) & (ih < 9) { for kw in 0..3 {\n"
        "      let iw = ow + kw - 1 if (iw >= 0) & (iw < 9) { sum = muladd(x[ic, ih, iw], w[oc, ic, kh, kw], sum) } } } } }\n"
        "    y[oc, oh, ow] = sum } } } }\n"
        "entry run { call conv(x, w, b, y) }\n");
  trial.inputs[0] = numbers, trial.inputs[1] = numbers + 500, trial.inputs[2] = numbers + 900;
  CHECK_AGREES;
}

static const char softmax[] =
    "program sym N 1..100 sym M 1..4096 buffer x: f32[N, M] input 0 buffer y: f32[N, M] output 0\n"
    "function exp_f32(x: f32) -> f32\n"
    "kernel softmax(x: f32[N, M] in, y: f32[N, M] out) {\n"
    "  for i in 0..N {\n"
    "    var top: f32 = x[i, 0]\n"
    "    for j in 1..M { top = max(top, x[i, j]) }\n"
    "    var sum: f32 = 0\n"
    "    for k in 0..M { let e = exp_f32(x[i, k] - top) y[i, k] = e sum = sum + e }\n"
    "    for l in 0..M { y[i, l] = y[i, l] / sum } } }\n"
    "entry run { call softmax(x, y) }\n";

TEST(softmax_by_rows_and_by_columns) {
  for (int64_t rows = 2; rows <= 100; rows *= 7) {
    begin(softmax);
    trial.symbols[0] = rows, trial.symbols[1] = 160;
    trial.inputs[0] = numbers;
    CHECK_AGREES;
    double sum = 0;
    for (int k = 0; k < 160; k++) sum += (double)((float *)trial.outputs[0])[k];
    CHECK(sum > 0.99999 && sum < 1.00001);
  }
}

TEST(symbols_have_ranges) {
  begin(softmax);
  trial.symbols[0] = 101, trial.symbols[1] = 3;
  trial_run(&trial);
  CHECK_INT(trial.status, EVALUATION_SHAPE);
}

TEST(iterations_that_depend_stay_in_order) {
  begin("program buffer x: f32[300] input 0 buffer y: f32[300] output 0 buffer z: f32[300] output 1\n"
        "kernel prefix(x: f32[300] in, y: f32[300] out, z: f32[300] out) {\n"
        "  y[0] = x[0]\n"
        "  for i in 1..300 { y[i] = y[i - 1] + x[i] }\n"
        "  for j in 0..300 { z[j / 2 + 10] = x[j] }\n"
        "  for k in 0..300 { z[k] = x[299 - k] z[(k * 7) % 300] = x[k] }\n"
        "}\n"
        "entry run { call prefix(x, y, z) }\n");
  trial.inputs[0] = numbers;
  CHECK_AGREES;
  CHECK(((float *)trial.outputs[0])[2] == numbers[0] + numbers[1] + numbers[2]);
}

TEST(loops_of_different_lengths_in_lanes) {
  begin("program buffer x: f32[64, 64] input 0 buffer y: f32[64] output 0 buffer n: i64[64] output 1\n"
        "kernel triangle(x: f32[64, 64] in, y: f32[64] out, n: i64[64] out) {\n"
        "  for i in 0..64 {\n"
        "    var sum: f32 = 0\n"
        "    for j in 0..i { if x[i, j] > 0 { sum = sum + x[i, j] } else { sum = sum - x[j, i] * 2 } }\n"
        "    y[i] = sum\n"
        "    var steps: i64 = 0 var value: i64 = cast(i64, i) + 1\n"
        "    while (value > 1) & (steps < 200) { if value % 2 == 0 { value = value / 2 } else { value = value * 3 + 1 } steps = steps + 1 }\n"
        "    n[i] = steps } }\n"
        "entry run { call triangle(x, y, n) }\n");
  trial.inputs[0] = numbers;
  CHECK_AGREES;
  CHECK_INT(((int64_t *)trial.outputs[1])[26], 111); /* Collatz steps of 27 */
}

TEST(gather_and_scatter_by_data) {
  static int64_t indices[40];
  for (int k = 0; k < 40; k++) indices[k] = (k * 17) % 23;
  begin("program buffer x: f32[23, 6] input 0 buffer i: i64[40] input 1 buffer y: f32[40, 6] output 0 buffer z: f32[23, 6] output 1\n"
        "kernel gather(x: f32[23, 6] in, i: i64[40] in, y: f32[40, 6] out) {\n"
        "  for k in 0..40 { for c in 0..6 { y[k, c] = x[cast(index, i[k]), c] } } }\n"
        "kernel scatter(x: f32[40, 6] in, i: i64[40] in, y: f32[23, 6] inout) {\n"
        "  for c in 0..6 { for k in 0..40 { let row = cast(index, i[k]) y[row, c] = y[row, c] + x[k, c] } } }\n"
        "entry run { call gather(x, i, y) copy x -> z call scatter(y, i, z) }\n");
  trial.inputs[0] = numbers, trial.inputs[1] = indices;
  CHECK_AGREES;
  CHECK(((float *)trial.outputs[0])[6] == numbers[17 * 6]);
  indices[3] = 23;
  CHECK_FAULT("gather: x[23, 0] of [23, 6] is out of bounds");
}

TEST(reads_before_writes_are_faults) {
  begin("program buffer x: f32[10] input 0 buffer t: f32[10] workspace buffer y: f32[10] output 0\n"
        "kernel half(x: f32[10] in, t: f32[10] out) { for i in 0..5 { t[i] = x[i] } }\n"
        "kernel all(t: f32[10] in, y: f32[10] out) { for i in 0..10 { y[i] = t[9 - i] } }\n"
        "entry run { call half(x, t) call all(t, y) }\n");
  trial.inputs[0] = numbers;
  CHECK_FAULT("all: t[9] of [10] is read before anything is written there");
}

TEST(outputs_are_complete) {
  begin("program buffer x: f32[10] input 0 buffer y: f32[10] output 0\n"
        "kernel most(x: f32[10] in, y: f32[10] out) { for i in 0..9 { y[i] = x[i] } }\n"
        "entry run { call most(x, y) }\n");
  trial.inputs[0] = numbers;
  CHECK_FAULT("output y: element 9 is never written");
}

TEST(entries_loop_assign_and_fail) {
  begin("program sym R 0..10 run buffer x: f32[10] input 0 buffer n: i64[] workspace buffer t: f32[R] workspace buffer y: f32[R] output 0\n"
        "buffer turns: i64[] output 1\n"
        "kernel count(x: f32[10] in, n: i64[] out) {\n"
        "  var c: i64 = 0 for i in 0..10 { if x[i] > 0 { c = c + 1 } } n[] = c }\n"
        "kernel keep(x: f32[10] in, y: f32[R] out) {\n"
        "  var at: index = 0 for i in 0..10 { if x[i] > 0 { y[at] = x[i] at = at + 1 } } }\n"
        "kernel zero(turns: i64[] out) { turns[] = 0 }\n"
        "kernel advance(turns: i64[] inout) { turns[] = turns[] + 1 }\n"
        "entry run { call count(x, n) assign R = cast(index, n[]) call keep(x, t) copy t -> y call zero(turns)\n"
        "  while turns[] < n[] { call advance(turns) } if turns[] > 7 { fail 9 } }\n");
  float few[10] = {-1, 2, -3, 4, 5, -6, -7, -8, 9, -10};
  trial.inputs[0] = few;
  CHECK_AGREES;
  CHECK_INT(trial.status, 0);
  CHECK_INT(trial.symbols[0], 4);
  CHECK_INT(trial.outputs[1][0], 4);
  CHECK(((float *)trial.outputs[0])[3] == 9);
  float many[10] = {1, 2, 3, 4, 5, 6, 7, 8, 9, -10};
  trial.inputs[0] = many;
  trial_run(&trial);
  CHECK_INT(trial.status, -9);
}

TEST(limits_end_a_run) {
  begin("program buffer t: f32[100000] workspace buffer y: i64[] output 0\n"
        "kernel forever(t: f32[100000] scratch, y: i64[] out) { y[] = 0 while y[] >= 0 { y[] = y[] + 1 } }\n"
        "entry run { call forever(t, y) }\n");
  trial.step_limit = 1000000;
  trial_run(&trial);
  CHECK(!trial.completed);
  CHECK_TEXT(trial.fault, "");
  trial.memory_limit = 399999;
  trial_run(&trial);
  CHECK(!trial.completed);
  CHECK(trial.steps < 100);
}

/* A chain of three: a at `first`, b at `second` bytes. */
static const char *placed(const char *first, const char *second, const char *mark) {
  static char text[1024];
  snprintf(text, sizeof text,
           "program buffer x: f32[100] input 0 buffer a: f32[100] workspace at %s buffer b: f32[100] workspace at %s buffer y: f32[100] output 0\n"
           "kernel up(x: f32[100] in, y: f32[100] out%s) { for i in 0..100 { y[i] = x[i] + 1 } }\n"
           "kernel both(x: f32[100] in, z: f32[100] in, y: f32[100] out) { for i in 0..100 { y[i] = x[i] + z[i] } }\n"
           "entry run { call up(x, a) call up(a, b) call both(b, %s, y) }\n"
           "place workspace 1024 lower 800 state 0 weights 0\n", first, second, mark, mark[0] ? "x" : "a");
  return text;
}

TEST(memory_plans_are_checked) {
  begin(placed("0", "448", ""));
  trial.inputs[0] = numbers;
  CHECK_AGREES;
  begin(placed("0", "384", ""));
  trial.inputs[0] = numbers;
  CHECK_FAULT("up: operands y and x overlap in memory");
  begin(placed("0", "0", " same x"));
  trial.inputs[0] = numbers;
  CHECK_AGREES;
  CHECK(((float *)trial.outputs[0])[5] == numbers[5] + 1 + 1 + numbers[5]);
  begin(placed("0", "640", ""));
  trial.inputs[0] = numbers;
  CHECK_FAULT("b: bytes 640 to 1040 are outside the 1024 planned");
}

TEST(overwritten_buffers_are_gone) {
  begin("program buffer x: f32[100] input 0 buffer a: f32[100] workspace at 0 buffer b: f32[50] workspace at 64 buffer y: f32[100] output 0\n"
        "buffer z: f32[50] output 1\n"
        "kernel up(x: f32[100] in, y: f32[100] out) { for i in 0..100 { y[i] = x[i] + 1 } }\n"
        "kernel half(x: f32[100] in, y: f32[50] out) { for i in 0..50 { y[i] = x[i * 2] } }\n"
        "kernel move(x: f32[50] in, y: f32[50] out) { for i in 0..50 { y[i] = x[i] } }\n"
        "entry run { call up(x, a) call half(x, b) call move(b, z) call up(a, y) }\n"
        "place workspace 448 lower 448 state 0 weights 0\n");
  trial.inputs[0] = numbers;
  CHECK_FAULT("up: x[0] of [100] is read before anything is written there");
}

TEST(in_place_means_same_index) {
  begin("program buffer x: f32[100] input 0 buffer a: f32[100] workspace at 0 buffer b: f32[100] workspace at 0 buffer y: f32[100] output 0\n"
        "kernel up(x: f32[100] in, y: f32[100] out) { for i in 0..100 { y[i] = x[i] + 1 } }\n"
        "kernel shift(x: f32[100] in, y: f32[100] out same x) { y[0] = 0 for i in 1..100 { y[i] = x[i - 1] } }\n"
        "entry run { call up(x, a) call shift(a, b) call up(b, y) }\n"
        "place workspace 448 lower 448 state 0 weights 0\n");
  trial.inputs[0] = numbers;
  CHECK_FAULT("shift: x[0] of [100] is read before anything is written there");
}

TEST(views_stay_inside_their_buffers) {
  begin("program buffer x: f32[100] input 0 buffer y: f32[4, 30] output 0\n"
        "kernel part(x: f32[4, 10] in strides [25, 1], y: f32[4, 10] out strides [30, 1]) {\n"
        "  for i in 0..4 { for j in 0..10 { y[i, j] = x[i, j] } } }\n"
        "entry run { call part(x + 3, y) call part(x + 10, y + 10) call part(x + 15, y + 20) }\n");
  trial.inputs[0] = numbers;
  CHECK_AGREES;
  CHECK(((float *)trial.outputs[0])[3 * 30 + 20 + 9] == numbers[15 + 3 * 25 + 9]);
  begin("program sym N 0..1000 buffer x: f32[N] input 0 buffer y: f32[40] output 0\n"
        "kernel part(x: f32[40] in strides [2], y: f32[40] out) { for i in 0..40 { y[i] = x[i] } }\n"
        "entry run { call part(x + (N - 78), y) }\n");
  trial.symbols[0] = 100;
  trial.inputs[0] = numbers;
  CHECK_FAULT("part: argument x reaches beyond buffer x: offset 22, 79 elements, 400 bytes");
}

TEST(locals_and_scratch_start_undefined) {
  begin("program buffer x: f32[64] input 0 buffer s: f32[8] workspace buffer y: f32[64] output 0\n"
        "kernel blocks(x: f32[64] in, s: f32[8] scratch, l: f32[8] local, y: f32[64] out) {\n"
        "  for b in 0..8 {\n"
        "    for i in 0..8 { l[i] = x[b * 8 + i] s[7 - i] = x[b * 8 + i] * 2 }\n"
        "    for j in 0..8 { y[b * 8 + j] = l[7 - j] + s[j] } } }\n"
        "kernel stale(s: f32[8] scratch, y: f32[64] inout) { y[0] = s[0] }\n"
        "entry run { call blocks(x, s, y) call blocks(x, s, y) }\n");
  trial.inputs[0] = numbers;
  CHECK_AGREES;
  CHECK(((float *)trial.outputs[0])[8] == numbers[15] + numbers[15] * 2);
}

TEST(weights_may_be_splats) {
  begin("program buffer w: f32[3, 200] weight splat \"40200000\" buffer v: u8[4] weight data \"01020304\" buffer y: f32[200] output 0\n"
        "kernel sum(w: f32[3, 200] in, v: u8[4] in, y: f32[200] out) {\n"
        "  for j in 0..200 { y[j] = w[0, j] + w[2, j] + cast(f32, v[j % 4]) } }\n"
        "entry run { call sum(w, v, y) }\n");
  CHECK_AGREES;
  CHECK(((float *)trial.outputs[0])[6] == 8.0f);
}

int main(void) {
  fill_numbers();
  RUN(matmul_sums_in_order);
  RUN(convolution_skips_its_border);
  RUN(softmax_by_rows_and_by_columns);
  RUN(symbols_have_ranges);
  RUN(iterations_that_depend_stay_in_order);
  RUN(loops_of_different_lengths_in_lanes);
  RUN(gather_and_scatter_by_data);
  RUN(reads_before_writes_are_faults);
  RUN(outputs_are_complete);
  RUN(entries_loop_assign_and_fail);
  RUN(limits_end_a_run);
  RUN(memory_plans_are_checked);
  RUN(overwritten_buffers_are_gone);
  RUN(in_place_means_same_index);
  RUN(views_stay_inside_their_buffers);
  RUN(locals_and_scratch_start_undefined);
  RUN(weights_may_be_splats);
  return check_done();
}
