/* Runs one model once in an image without an operating system and leaves what was seen in the file `report`, through semihosting.
 *
 * data.h, made for each model, has its inputs, its outputs, and what model_io points at. With MODEL_PROFILE each call of a kernel is a visit of its
 * node. mark() is an address whose turns tests/target/count.c writes down; what lies between two turns has been executed between them. */
#include "model.h"
#include "data.h"
#include "semihosting.h"

enum { PAINT = 0xA5, PAINTED_STACK = 65536, VISITS = 1024 };

static struct {
  int32_t  status;          /* of init or run */
  uint32_t stack_bytes;     /* that init and run touched */
  uint32_t visit_count, visits[VISITS];
} report;

static model_ctx context;
#if MODEL_WORKSPACE_BYTES > 0
static ONNXCC_ALIGNED(MODEL_ALIGN) unsigned char workspace[MODEL_WORKSPACE_BYTES];
#endif
#if defined(MODEL_FAST_BYTES)
static ONNXCC_ALIGNED(MODEL_ALIGN) unsigned char fast[MODEL_FAST_BYTES];
#endif
#if MODEL_STATE_BYTES > 0
static ONNXCC_ALIGNED(MODEL_ALIGN) unsigned char state[MODEL_STATE_BYTES];
#endif

__attribute__((noinline, used)) void mark(void) { __asm__ volatile("nop"); }

#if defined(MODEL_PROFILE)
static void node_begin(void *self, uint32_t node) {
  (void)self;
  if (report.visit_count < VISITS) report.visits[report.visit_count++] = node;
  mark();
}
static void node_end(void *self, uint32_t node) {
  (void)self, (void)node;
  mark();
}
static const onnxcc_hooks hooks = {.node_begin = node_begin, .node_end = node_end};
#endif

static void paint(volatile unsigned char *memory, size_t bytes) {
  for (size_t i = 0; i < bytes; i++) memory[i] = PAINT;
}

/* The compiler may not look through it. */
static void *hidden(void *pointer) {
  __asm__ volatile("" : "+r"(pointer));
  return pointer;
}

static unsigned char *stack_pointer(void) {
  unsigned char *sp;
#if defined(__arm__)
  __asm__ volatile("mov %0, sp" : "=r"(sp));
#else
  __asm__ volatile("mv %0, sp" : "=r"(sp));
#endif
  return sp;
}

static int32_t init(void) {
  onnxcc_config config = {.abi = MODEL_ABI};
#if MODEL_WORKSPACE_BYTES > 0
  config.workspace = workspace;
  config.workspace_bytes = sizeof workspace;
#endif
#if MODEL_STATE_BYTES > 0
  config.state = state;
  config.state_bytes = sizeof state;
#endif
#if defined(MODEL_FAST_BYTES)
  if (model_init(&context, &config) != ONNXCC_ERROR_WORKSPACE) return ONNXCC_ERROR_ARGUMENT; /* none is given yet */
  config.fast = fast;
  config.fast_bytes = sizeof fast - 1;
  if (model_init(&context, &config) != ONNXCC_ERROR_WORKSPACE) return ONNXCC_ERROR_ARGUMENT; /* it is too small */
  config.fast_bytes = sizeof fast;
#endif
#if defined(MODEL_PROFILE)
  config.hooks = &hooks;
#endif
  return model_init(&context, &config);
}

/* All frames from here down are the model's. */
__attribute__((noinline)) static int32_t run(model_io *io) { return model_run(&context, io); }

__attribute__((noinline)) static void measure(model_io *io) {
  unsigned char *const top = stack_pointer(), *const low = (unsigned char *)hidden(top - PAINTED_STACK);
  paint(low, PAINTED_STACK - 64); /* 64: paint's own frame */
  report.status = init();
#if defined(MODEL_PROFILE)
  node_begin(0, UINT32_MAX); /* what a visit itself costs */
  node_end(0, UINT32_MAX);
#endif
  if (report.status == 0) {
    mark();
    report.status = run(io);
    mark();
  }
  const volatile unsigned char *at = low;
  while (at < top && *at == PAINT) at++;
  report.stack_bytes = (uint32_t)(top - at);
}

static void write_bytes(uintptr_t file, const void *data, uintptr_t bytes) {
  const uintptr_t arguments[] = {file, (uintptr_t)data, bytes};
  (void)semihosting(SEMIHOSTING_WRITE, arguments);
}

int main(void) {
  static const char path[] = "report";
  const uintptr_t   write_binary = 5, arguments[] = {(uintptr_t)path, write_binary, sizeof path - 1};
#if MODEL_WORKSPACE_BYTES > 0
  paint(workspace, sizeof workspace); /* what is read before it is written makes itself known */
#endif
  model_io io = IO; /* on the stack: the start-up code fills no variable of this file */
  measure(&io);
  uintptr_t file = semihosting(SEMIHOSTING_OPEN, arguments);
  if (file == UINTPTR_MAX) return 1;
  write_bytes(file, &report, 12 + 4 * report.visit_count);
  for (unsigned i = 0; i < sizeof outputs / sizeof *outputs; i++) write_bytes(file, outputs[i].data, outputs[i].bytes);
  return (int)semihosting(SEMIHOSTING_CLOSE, &file);
}
