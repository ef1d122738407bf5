/* Runs the model `edges` on another machine, or its emulation: drive INPUTS OUTPUTS. Both files hold all tensors one after another, as they lie in
 * memory. Needs nothing but a C library that can open files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edges.h"

static size_t tensor_bytes(const onnxcc_tensor_info *tensor) {
  size_t bytes = tensor->element_bytes;
  for (uint32_t axis = 0; axis < tensor->rank; axis++) bytes *= (size_t)tensor->dims[axis];
  return bytes;
}

static void *memory(size_t bytes) {
  char *block = malloc(bytes + EDGES_ALIGN);
  return block ? block + (EDGES_ALIGN - (size_t)(uintptr_t)block % EDGES_ALIGN) : NULL;
}

int main(int count, char **words) {
  const onnxcc_model_info *info = edges_info();
  const void             **inputs = calloc(info->input_count, sizeof *inputs);
  void                   **outputs = calloc(info->output_count, sizeof *outputs), *ctx = memory(info->ctx_bytes);
  onnxcc_config            config;
  FILE                    *file = count == 3 ? fopen(words[1], "rb") : NULL;
  if (!file || !inputs || !outputs || !ctx) return 1;
  for (uint32_t i = 0; i < info->input_count; i++) {
    size_t bytes = tensor_bytes(&info->inputs[i]);
    void  *data = memory(bytes);
    if (!data || fread(data, 1, bytes, file) != bytes) return 2;
    inputs[i] = data;
  }
  fclose(file);
  for (uint32_t i = 0; i < info->output_count; i++) outputs[i] = memory(tensor_bytes(&info->outputs[i]));
  memset(&config, 0, sizeof config);
  config.abi = ONNXCC_ABI;
  config.workspace_bytes = info->workspace_bytes;
  config.workspace = memory(info->workspace_bytes);
  if (info->init(ctx, &config) != 0 || info->run(ctx, NULL, inputs, outputs, NULL) != 0) return 3;
  file = fopen(words[2], "wb");
  for (uint32_t i = 0; file && i < info->output_count; i++)
    if (fwrite(outputs[i], 1, tensor_bytes(&info->outputs[i]), file) != tensor_bytes(&info->outputs[i])) return 4;
  return file && fclose(file) == 0 ? 0 : 5;
}
