/* What bench.py and vectors.py call in a shared object: any model through its info table. Compiled together with the emitted C or linked with the
 * object, -DMODEL_INFO=NAME_info. */
#include <stdlib.h>
#include <time.h>
#include "onnxcc_rt.h"

const onnxcc_model_info *MODEL_INFO(void);

static void *aligned(size_t bytes, size_t align) {
  void *memory = NULL;
  return posix_memalign(&memory, align < sizeof(void *) ? sizeof(void *) : align, bytes + 1) == 0 ? memory : NULL;
}

/* A context for these dimensions (in the order of the info table), or null. */
void *bench_open(const int64_t *dims) {
  const onnxcc_model_info *info = MODEL_INFO();
  size_t workspace = info->workspace(dims);
  void *context = aligned(info->ctx_bytes, 16);
  onnxcc_config config = {.abi = info->abi, .workspace_bytes = workspace, .state_bytes = info->state_bytes};
  config.workspace = aligned(workspace, info->align);
  config.state = aligned(info->state_bytes, info->align);
  return context && config.workspace && config.state && info->init(context, &config) == 0 ? context : NULL;
}

int bench_run(void *context, const int64_t *dims, const void *const *inputs, void *const *outputs) {
  return MODEL_INFO()->run(context, dims, inputs, outputs, NULL);
}

/* Nanoseconds of processor time that so many runs take, or a negative number. */
double bench_nanoseconds(void *context, const void *const *inputs, void *const *outputs, int runs) {
  struct timespec began, ended;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began);
  for (int run = 0; run < runs; run++)
    if (bench_run(context, NULL, inputs, outputs)) return -1;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ended);
  return 1e9 * (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec);
}
