/* Runs many models in one program, for machines that have no dynamic linker, or start slowly because they are emulated: reads the file `requests`,
 * writes the file `results`, both in the current folder.
 *
 * requests: for each u32 index of a model, u32 bytes of the frame behind it. results: for each u32 1 and a frame, or u32 0 where the model failed;
 * stderr says why. models.h, made for each batch, has the table `models` of functions that give the models' info. */
#if !defined(__arm__)
#define _POSIX_C_SOURCE 200809L
#endif
#include "tests/onnx/frames.h"
#include "models.h"

static void send_mark(uint32_t mark) { fwrite(&mark, sizeof mark, 1, frames.out); }
static void succeed(void) { send_mark(1); }

int main(void) {
  static jmp_buf  recover; /* as long as the loop, whatever registers the jump restores */
  static uint32_t head[2];
  static long     next;
#if defined(__arm__) && !defined(__unix__)
  initialise_monitor_handles();
#endif
  frames.in = fopen("requests", "rb");
  frames.out = fopen("results", "wb");
  frames.recover = &recover;
  if (!frames.in || !frames.out) return 1;
  while (fread(head, sizeof head, 1, frames.in) == 1) {
    next = ftell(frames.in) + (long)head[1];
    if (setjmp(recover) == 0) drive_model(models[head[0]](), succeed);
    else send_mark(0);
    release_memory();
    if (fseek(frames.in, next, SEEK_SET) != 0) return 1;
  }
  return fclose(frames.out) != 0;
}
