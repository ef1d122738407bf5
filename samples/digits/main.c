/* Classify 8x8 greyscale images with the model compiled from digits.onnx.
 *
 *     digits FILE.pgm...
 *
 * prints each file's label and probability, then the latency and the memory of one run. The model wants the ink of each pixel as
 * 0 (none) to 1 (full): a PGM file's value divided by its maximum. All memory the model uses is declared below; nothing is allocated. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "digits.h"

enum { WIDTH = 8, HEIGHT = 8, PIXELS = WIDTH * HEIGHT, DIGITS = 10, TIMED_RUNS = 1001 };

static ONNXCC_ALIGNED(DIGITS_ALIGN) unsigned char workspace[DIGITS_WORKSPACE_BYTES];
static digits_ctx model;

/* The next number of a PGM header or of a plain PGM's pixels; -1 if there is none. Comments run from # to the end of the line. */
static int read_number(FILE *file) {
  int c = getc(file), value = -1;
  while (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '#') {
    if (c == '#')
      while (c != '\n' && c != EOF) c = getc(file);
    c = getc(file);
  }
  for (; c >= '0' && c <= '9' && value < 65536; c = getc(file)) value = (value < 0 ? 0 : 10 * value) + (c - '0');
  return value;
}

/* Read an 8x8 PGM, plain (P2) or binary (P5) with one byte a pixel, into 0..1. Returns what is wrong with it, or NULL. */
static const char *read_image(const char *path, float pixels[PIXELS]) {
  FILE *file = fopen(path, "rb");
  if (!file) return "cannot be opened";
  int p = getc(file), kind = getc(file), width = read_number(file), height = read_number(file), most = read_number(file);
  const char *problem = NULL;
  if (p != 'P' || (kind != '2' && kind != '5') || most < 1 || most > 255) problem = "is no PGM file of 8 bits a pixel";
  else if (width != WIDTH || height != HEIGHT) problem = "is not 8x8 pixels";
  for (int i = 0; i < PIXELS && !problem; i++) {
    int value = kind == '2' ? read_number(file) : getc(file);
    if (value < 0 || value > most) problem = "is cut short or has a pixel above its maximum";
    pixels[i] = (float)value / (float)most;
  }
  fclose(file);
  return problem;
}

static int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Median time of a run in microseconds. */
static double latency(digits_io *io) {
  static double times[TIMED_RUNS];
  for (int i = 0; i < TIMED_RUNS; i++) {
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    digits_run(&model, io);
    clock_gettime(CLOCK_MONOTONIC, &to);
    times[i] = (double)(to.tv_sec - from.tv_sec) * 1e6 + (double)(to.tv_nsec - from.tv_nsec) * 1e-3;
  }
  qsort(times, TIMED_RUNS, sizeof *times, compare_doubles);
  return times[TIMED_RUNS / 2];
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: digits FILE.pgm...\n");
    return 2;
  }
  const digits_config config = {.abi = DIGITS_ABI, .workers = 1, .workspace = workspace, .workspace_bytes = sizeof workspace};
  int32_t status = digits_init(&model, &config);
  if (status != 0) {
    fprintf(stderr, "digits: the model cannot be set up (status %d)\n", (int)status);
    return 1;
  }
  float image[PIXELS], probabilities[DIGITS];
  digits_io io = {.image = image, .probabilities = probabilities};
  for (int i = 1; i < argc; i++) {
    const char *problem = read_image(argv[i], image);
    if (problem) {
      fprintf(stderr, "digits: %s %s\n", argv[i], problem);
      return 1;
    }
    status = digits_run(&model, &io);
    if (status != 0) {
      fprintf(stderr, "digits: the model cannot be run (status %d)\n", (int)status);
      return 1;
    }
    int label = 0;
    for (int k = 1; k < DIGITS; k++)
      if (probabilities[k] > probabilities[label]) label = k;
    printf("%s: label %d, probability %.3f\n", argv[i], label, (double)probabilities[label]);
  }
  printf("latency: %.1f us (median of %d runs)\n", latency(&io), (int)TIMED_RUNS);
  printf("memory: workspace %lu, weights %lu, stack at most %lu, heap %lu bytes\n", (unsigned long)DIGITS_WORKSPACE_BYTES,
         (unsigned long)DIGITS_WEIGHTS_BYTES, (unsigned long)DIGITS_STACK_BYTES, (unsigned long)DIGITS_HEAP_BYTES);
  return 0;
}
