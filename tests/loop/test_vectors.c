/* Vectors in the interpreter: every access form, tails, faults, and functions at several lanes against themselves at one. */
#include "evaluate_test.h"

static Trial trial;
static float x[64], y[64];
static uint8_t picks[16] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3};

#define BUFFERS "program buffer x: f32[64] input 0 buffer p: u8[16] input 1 buffer y: f32[64] output 0 "
#define KERNEL(body) BUFFERS "kernel k(x: f32[64] in, p: u8[16] in, y: f32[64] out) { " body " } entry run { call k(x, p, y) }"
#define CLEAR "for i in 0..64 step 16 { y[i .. 16] = broadcast(f32x16, -1) } "

static bool run(const char *text) {
  for (int i = 0; i < 64; i++) x[i] = (float)(i * i - 500) / 16;
  trial = (Trial){.text = text, .inputs = {x, picks}, .links = true};
  const char *wrong = trial_twice(&trial);
  if (wrong) check_settle("not ok", "%s", wrong);
  memcpy(y, trial.outputs[0], sizeof y);
  return !wrong;
}

static bool faults(const char *text, const char *fault) {
  trial = (Trial){.text = text, .inputs = {x, picks}};
  trial_run(&trial);
  if (!strstr(trial.fault, fault)) check_settle("not ok", "fault `%s` lacks `%s`", trial.fault, fault);
  return true;
}

TEST(lanes_run_along_the_last_dimension) {
  CHECK(run(KERNEL("for i in 0..64 step 8 { y[i .. 8] = x[56 - i .. 8] * broadcast(f32x8, 2) }")));
  for (int i = 0; i < 64; i++) CHECK(y[i] == 2 * x[(56 - i / 8 * 8) + i % 8]);
}

TEST(each_lane_may_have_its_own_place) {
  CHECK(run(KERNEL(CLEAR "let at = cast(indexx16, p[0 .. 16]) y[lanes(indexx16) * broadcast(indexx16, 3)] = x[at] + broadcast(f32x16, 1)")));
  for (int i = 0; i < 16; i++) CHECK(y[3 * i] == x[picks[i]] + 1);
  CHECK(y[1] == -1 && y[50] == -1);
}

TEST(idle_lanes_load_zero_and_store_nothing) {
  CHECK(run(KERNEL(CLEAR "y[56 .. 16 of 5] = x[61 .. 16 of 3] + broadcast(f32x16, 7)")));
  for (int i = 0; i < 3; i++) CHECK(y[56 + i] == x[61 + i] + 7);
  CHECK(y[59] == 7 && y[60] == 7 && y[61] == -1);
  CHECK(run(KERNEL(CLEAR "let at = broadcast(indexx4, 60) + lanes(indexx4) * lanes(indexx4) "
                         "y[at of 2] = x[at of 2] y[0 .. 4 of 0] = x[80 .. 4 of -3]")));
  CHECK(y[60] == x[60] && y[61] == x[61] && y[62] == -1 && y[0] == -1);
}

TEST(a_tree_of_extracts_reduces) {
  CHECK(run(KERNEL(CLEAR "let a = x[0 .. 4] let b = extract(f32x2, a, 0) + extract(f32x2, a, 2) y[0] = extract(f32, b, 0) + extract(f32, b, 1) "
                         "y[1 .. 2] = extract(f32x2, broadcast(f32x8, x[9]), 5)")));
  CHECK(y[0] == (x[0] + x[2]) + (x[1] + x[3]));
  CHECK(y[1] == x[9] && y[2] == x[9] && y[3] == -1);
}

TEST(variables_and_masks_have_lanes) {
  CHECK(run(KERNEL("var sum: f32x8 = broadcast(f32x8, 0) "
                   "for i in 0..64 step 8 { let a = x[i .. 8] "
                   "let above = a > broadcast(f32x8, 3) & not(a > broadcast(f32x8, 90)) "
                   "sum = select(above, fma(a, a, sum), sum) y[i .. 8] = sum }")));
  for (int i = 0; i < 64; i++) {
    float sum = 0;
    for (int k = i % 8; k <= i; k += 8)
      if (x[k] > 3 && !(x[k] > 90)) sum = __builtin_fmaf(x[k], x[k], sum);
    CHECK(y[i] == sum);
  }
}

TEST(scalar_loops_beside_vectors_still_run_as_lanes) {
  CHECK(run(KERNEL("for i in 0..48 step 16 { y[i .. 16] = x[i .. 16] } for i in 48..64 { y[i] = x[i] * 2 }")));
  CHECK(y[47] == x[47] && y[48] == 2 * x[48] && y[63] == 2 * x[63]);
}

static const char *const functions[] = {"exp_f32", "log_f32", "tanh_f32", "erf_f32", "sin_f32", "sigmoid_f32"};

TEST(functions_have_vector_forms) {
  for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
    static char text[4096];
    static float wide[64];
    snprintf(text, sizeof text, "program function %s(a: f32) -> f32 function %sx16(a: f32x16) -> f32x16 %s", functions[f], functions[f],
             strchr(KERNEL("for i in 0..64 step 16 { y[i .. 16] = FUNCTION(x[i .. 16]) }"), 'm') + 2);
    char *call = strstr(text, "FUNCTION(");
    char rest[512];
    snprintf(rest, sizeof rest, "%s", call + strlen("FUNCTION"));
    sprintf(call, "%sx16%s", functions[f], rest);
    CHECK(run(text));
    memcpy(wide, y, sizeof wide);
    snprintf(text, sizeof text, "program function %s(a: f32) -> f32 %s", functions[f],
             strchr(KERNEL("for i in 0..64 { y[i] = FUNCTION(x[i]) }"), 'm') + 2);
    call = strstr(text, "FUNCTION(");
    snprintf(rest, sizeof rest, "%s", call + strlen("FUNCTION"));
    sprintf(call, "%s%s", functions[f], rest);
    CHECK(run(text));
    CHECK(memcmp(wide, y, sizeof wide) == 0);
  }
}

TEST(broken_accesses_are_faults) {
  CHECK(faults(KERNEL("for i in 0..64 step 16 { y[i + 1 .. 16] = x[i .. 16] }"), "y[49] of [64]"));
  CHECK(faults(KERNEL("for i in 0..64 step 16 { y[i .. 16 of i] = x[i .. 16] } y[0 .. 2] = x[60 + cast(index, p[4]) .. 2]"), "x[65] of [64]"));
  CHECK(faults(KERNEL("let at = cast(indexx8, p[0 .. 8]) * broadcast(indexx8, 8) y[0 .. 8] = x[at]"), "x[72] of [64]"));
  CHECK(faults(BUFFERS "kernel k(x: f32[64] in, p: u8[16] in, y: f32[64] out, t: f32[8] local) { t[0 .. 4] = x[0 .. 4] y[0 .. 8] = t[0 .. 8] } "
               "entry run { call k(x, p, y) }", "before anything is written"));
}

int main(void) {
  RUN(lanes_run_along_the_last_dimension);
  RUN(each_lane_may_have_its_own_place);
  RUN(idle_lanes_load_zero_and_store_nothing);
  RUN(a_tree_of_extracts_reduces);
  RUN(variables_and_masks_have_lanes);
  RUN(scalar_loops_beside_vectors_still_run_as_lanes);
  RUN(functions_have_vector_forms);
  RUN(broken_accesses_are_faults);
  return check_done();
}
