/* What init and run of the model in digits.h take of the stack, by painting it, beside what the header states: status 0 if that is a bound, and no
 * more than twice as much and 512 bytes. Link with -Wl,-z,now: resolving a name at its first call takes a stack of its own. */
#include "digits.h"
#include <pthread.h>
#include <stdio.h>
#include <string.h>
enum { BYTES = 1 << 18, PAINT = 0xa5 };
static ONNXCC_ALIGNED(4096) unsigned char stack[BYTES];
static ONNXCC_ALIGNED(64) unsigned char workspace[DIGITS_WORKSPACE_BYTES];
static float      image[DIGITS_IMAGE_SIZE], probabilities[DIGITS_PROBABILITIES_SIZE];
static digits_ctx context;
static int32_t    status;
static void      *nothing(void *unused) { return unused; }
static void      *init(void *unused) {
       const digits_config config = {.abi = DIGITS_ABI, .workspace = workspace, .workspace_bytes = sizeof workspace};
       status = digits_init(&context, &config);
       return unused;
}
static void *run(void *unused) {
  digits_io io = {.image = image, .probabilities = probabilities};
  status = digits_run(&context, &io);
  return unused;
}
/* Bytes of the stack that a thread touches. */
static long used(void *(*body)(void *)) {
  pthread_attr_t attributes;
  pthread_t      thread;
  long           first = 0;
  memset(stack, PAINT, BYTES);
  if (pthread_attr_init(&attributes) || pthread_attr_setstack(&attributes, stack, BYTES) || pthread_create(&thread, &attributes, body, NULL) ||
      pthread_join(thread, NULL))
    return -1;
  while (first < BYTES && stack[first] == PAINT) first++;
  return BYTES - first;
}
int main(void) {
  long base = used(nothing), of_init = used(init) - base;
  if (status) return 1;
  long of_run = used(run) - base, stated = DIGITS_STACK_BYTES, most = of_init > of_run ? of_init : of_run;
  printf("init %ld, run %ld, stated %ld\n", of_init, of_run, stated);
  return status != 0 || most > stated || stated > 2 * most + 512;
}
