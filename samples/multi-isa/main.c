/* One program for every x86 processor since 2003: runs each member of the dispatch group that this machine can run, then says which one init picks.
 *
 *     multi-isa
 *
 * prints a line a member: its answer and the time of a run; status 1 if the answers differ by more than rounding. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "digits.h"

enum { PIXELS = 64, DIGITS = 10, TIMED_RUNS = 2000 };

/* samples/digits/images/3.pgm */
static const unsigned char three[PIXELS] = {
    0,   0, 143, 255, 255, 191,  32,   0,
    0,  48, 207,  80,  64, 223,  80,   0,
    0,   0,   0,   0, 112, 239,  32,   0,
    0,   0,   0,  80, 255, 175,   0,   0,
    0,   0,   0,   0, 128, 255, 112,   0,
    0,   0,   0,   0,   0, 207, 128,   0,
    0,   0,  64,  80,  80, 239,  64,   0,
    0,   0, 191, 255, 239,  80,   0,   0
};

static ONNXCC_ALIGNED(DIGITS_ALIGN) unsigned char workspace[DIGITS_WORKSPACE_BYTES];
static digits_ctx model;

static int32_t set_up(uint32_t variant) {
  const digits_config config = {.abi = DIGITS_ABI, .workspace = workspace, .workspace_bytes = sizeof workspace, .variant = variant};
  return digits_init(&model, &config);
}

/* Least time of a run in microseconds. */
static double latency(digits_io *io) {
  double least = 1e9;
  for (int i = 0; i < TIMED_RUNS; i++) {
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    digits_run(&model, io);
    clock_gettime(CLOCK_MONOTONIC, &to);
    double time = (double)(to.tv_sec - from.tv_sec) * 1e6 + (double)(to.tv_nsec - from.tv_nsec) * 1e-3;
    if (time < least) least = time;
  }
  return least;
}

static int label_of(const float *probabilities) {
  int label = 0;
  for (int k = 1; k < DIGITS; k++)
    if (probabilities[k] > probabilities[label]) label = k;
  return label;
}

/* The group's targets stand in the info table, with commas between. */
static const char *next_name(const char *names, char *name, size_t size) {
  size_t length = strcspn(names, ",");
  snprintf(name, size, "%.*s", (int)length, names);
  return names + length + (names[length] == ',');
}

int main(void) {
  float image[PIXELS], first[DIGITS], probabilities[DIGITS];
  digits_io io = {.image = image, .probabilities = probabilities};
  const char *names = digits_info()->target;
  char name[64], best[64] = "";
  int ran = 0, differ = 0;
  for (int i = 0; i < PIXELS; i++) image[i] = (float)three[i] / 255.0f;
  for (uint32_t variant = 1; variant <= DIGITS_VARIANTS; variant++) {
    names = next_name(names, name, sizeof name);
    int32_t status = set_up(variant);
    if (status == ONNXCC_ERROR_MACHINE) {
      printf("%-10s not on this processor\n", name);
      continue;
    }
    if (status != 0 || digits_run(&model, &io) != 0) return 1;
    for (int k = 0; k < DIGITS; k++) {
      float difference = ran ? probabilities[k] - first[k] : 0;
      differ |= difference > 1e-5f || difference < -1e-5f;
    }
    if (!ran++) memcpy(first, probabilities, sizeof first);
    strcpy(best, name);
    int label = label_of(probabilities);
    printf("%-10s label %d, probability %.3f, %.1f us\n", name, label, (double)probabilities[label], latency(&io));
  }
  if (!ran) {
    puts("this processor can run none of them");
    return set_up(0) == ONNXCC_ERROR_MACHINE ? 0 : 1;
  }
  if (set_up(0) != 0 || digits_run(&model, &io) != 0) return 1;
  printf("picked: %s, label %d\n", best, label_of(probabilities));
  if (differ) puts("the members differ");
  return differ;
}
