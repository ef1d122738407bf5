/* What bench.py calls in a shared object: any model through its info table. Compiled together with the emitted C, -DMODEL_INFO=NAME_info. */
#include <stdlib.h>
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
