/* Count how many of the MNIST test images a compiled model reads right: mnist_eval IMAGES LABELS, both in the IDX format of the data set
 * (big-endian: magic, sizes, bytes). The model gets pixels 0..255 as floats, as it was trained. Prints "RIGHT of COUNT". */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "mnist.h"

enum { PIXELS = 28 * 28, DIGITS = 10 };
static union { uint64_t aligned; unsigned char bytes[MNIST_WORKSPACE_BYTES + MNIST_ALIGN]; } memory;

static uint32_t read_number(FILE *file) {
  uint32_t number = 0;
  for (int i = 0; i < 4; i++) number = number << 8 | (uint32_t)(fgetc(file) & 0xff);
  return number;
}

static FILE *open_data(const char *path, uint32_t magic, uint32_t *count) {
  FILE *file = fopen(path, "rb");
  if (!file || read_number(file) != magic) {
    fprintf(stderr, "mnist_eval: %s is no file of the data set\n", path);
    exit(1);
  }
  *count = read_number(file);
  return file;
}

static int classify(mnist_ctx *context, const unsigned char *pixels) {
  static float image[PIXELS], scores[DIGITS];
  mnist_io io = {.Input3 = image, .Plus214_Output_0 = scores};
  int best = 0;
  for (int i = 0; i < PIXELS; i++) image[i] = (float)pixels[i];
  if (mnist_run(context, &io) != 0) return -1;
  for (int digit = 1; digit < DIGITS; digit++)
    if (scores[digit] > scores[best]) best = digit;
  return best;
}

int main(int argc, char **argv) {
  if (argc != 3) return fprintf(stderr, "usage: mnist_eval IMAGES LABELS\n"), 2;
  uint32_t count, labels_count, right = 0;
  FILE *images = open_data(argv[1], 0x803, &count), *labels = open_data(argv[2], 0x801, &labels_count);
  if (count != labels_count || read_number(images) != 28 || read_number(images) != 28) return fprintf(stderr, "mnist_eval: the files don't fit\n"), 1;

  unsigned char *workspace = memory.bytes + (MNIST_ALIGN - (uintptr_t)memory.bytes % MNIST_ALIGN) % MNIST_ALIGN;
  mnist_ctx context;
  mnist_config config = {.abi = MNIST_ABI, .workspace = workspace, .workspace_bytes = MNIST_WORKSPACE_BYTES};
  if (mnist_init(&context, &config) != 0) return fprintf(stderr, "mnist_eval: mnist_init failed\n"), 1;

  for (uint32_t i = 0; i < count; i++) {
    unsigned char pixels[PIXELS];
    if (fread(pixels, 1, PIXELS, images) != PIXELS) return fprintf(stderr, "mnist_eval: the images end early\n"), 1;
    right += classify(&context, pixels) == fgetc(labels);
  }
  printf("%u of %u\n", (unsigned)right, (unsigned)count);
  return 0;
}
