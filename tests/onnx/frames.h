/* Drives any compiled model by its info table; its values come and go as frames (tests/onnx/tensors.py says how they look).
 *
 * Memory is exactly as large as the model asks for and full of garbage at first, so that a sanitizer sees every step outside and wrong results
 * every read of what was never written. The model runs twice on one context; both results must agree. What goes wrong ends the program with
 * status 1 and the reason on stderr, or jumps to frames.recover if that is set. */
#ifndef ONNXCC_TESTS_ONNX_FRAMES_H
#define ONNXCC_TESTS_ONNX_FRAMES_H
#if !defined(__unix__)
#include <malloc.h>
#endif
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "onnxcc_rt.h"

enum { MOST_BLOCKS = 1024 };

static struct {
  FILE    *in, *out;
  jmp_buf *recover;
  void    *blocks[MOST_BLOCKS]; /* memory since the last release_memory */
  unsigned block_count;
} frames;

__attribute__((noreturn)) static void give_up(void) {
  if (frames.recover) longjmp(*frames.recover, 1);
  exit(1);
}
#define FAIL(...) (fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), give_up())

typedef struct Value {
  int32_t  element, rank;
  int64_t *dims;
  uint64_t bytes;
  void    *data;
} Value;

/* Memory of exactly `bytes` bytes at a multiple of `align`, full of garbage. */
static void *memory(size_t bytes, size_t align) {
  void *result = NULL;
  if (align < sizeof(void *)) align = sizeof(void *);
#if defined(__unix__)
  if (posix_memalign(&result, align, bytes) != 0) result = NULL;
#else
  result = memalign(align, bytes);
#endif
  if (!result || frames.block_count == MOST_BLOCKS) FAIL("no memory for %lu bytes", (unsigned long)bytes);
  frames.blocks[frames.block_count++] = result;
  memset(result, 0xA5, bytes);
  return result;
}

static inline void release_memory(void) {
  while (frames.block_count) free(frames.blocks[--frames.block_count]);
}

static void receive(void *place, size_t bytes) {
  if (fread(place, 1, bytes, frames.in) != bytes) FAIL("the input frame is cut short");
}

static Value *receive_values(uint32_t *count) {
  receive(count, sizeof *count);
  Value *values = memory(*count * sizeof *values, 16);
  for (uint32_t i = 0; i < *count; i++) {
    Value *value = &values[i];
    receive(&value->element, sizeof value->element);
    receive(&value->rank, sizeof value->rank);
    value->dims = memory((size_t)value->rank * sizeof *value->dims, 16);
    receive(value->dims, (size_t)value->rank * sizeof *value->dims);
    receive(&value->bytes, sizeof value->bytes);
    value->data = memory(value->bytes, 64);
    receive(value->data, value->bytes);
  }
  return values;
}

static void send_values(const Value *values, uint32_t count) {
  fwrite(&count, sizeof count, 1, frames.out);
  for (uint32_t i = 0; i < count; i++) {
    fwrite(&values[i].element, sizeof values[i].element, 1, frames.out);
    fwrite(&values[i].rank, sizeof values[i].rank, 1, frames.out);
    fwrite(values[i].dims, sizeof *values[i].dims, (size_t)values[i].rank, frames.out);
    fwrite(&values[i].bytes, sizeof values[i].bytes, 1, frames.out);
    fwrite(values[i].data, 1, values[i].bytes, frames.out);
  }
  if (fflush(frames.out) != 0) FAIL("the outputs cannot be written");
}

static void check_input(const onnxcc_model_info *info, uint32_t index, const int64_t *dims, const Value *input) {
  const onnxcc_tensor_info *wanted = &info->inputs[index];
  int64_t shape[64];
  if (input->element != wanted->element) FAIL("input %u has element type %d, the model %d", index, (int)input->element, (int)wanted->element);
  if (info->shape(0, index, dims, NULL, shape) != 0) FAIL("input %u has no shape", index);
  for (int32_t axis = 0; axis < input->rank; axis++)
    if (shape[axis] != input->dims[axis]) FAIL("input %u, axis %d: %lld elements do not fit", index, (int)axis, (long long)input->dims[axis]);
}

/* The sizes that the caller chooses, from the inputs' dimensions. */
static int64_t *bind_dims(const onnxcc_model_info *info, const Value *inputs) {
  int64_t *dims = memory((info->dim_count + 1u) * sizeof *dims, 16);
  for (uint32_t i = 0; i < info->input_count; i++)
    if (inputs[i].rank != (int32_t)info->inputs[i].rank)
      FAIL("input %u has rank %d, the model %d", i, (int)inputs[i].rank, (int)info->inputs[i].rank);
  for (uint32_t i = 0; i < info->dim_count; i++) {
    const onnxcc_symbol_info *symbol = &info->symbols[i];
    if (symbol->input < 0) FAIL("no input has dimension %s alone", symbol->name);
    dims[i] = inputs[symbol->input].dims[symbol->axis];
  }
  for (uint32_t i = 0; i < info->input_count; i++) check_input(info, i, dims, &inputs[i]);
  return dims;
}

/* Bits an element of each ONNX element type has in memory; 0: not carried. */
static const uint8_t element_bits[] = {0, 32, 8, 8, 16, 16, 32, 64, 0, 8, 16, 64, 32, 64, 64, 128, 16, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8};

static uint64_t value_bytes(const Value *value) {
  uint64_t count = 1;
  for (int32_t axis = 0; axis < value->rank; axis++) count *= (uint64_t)value->dims[axis];
  uint64_t bits = (size_t)value->element < sizeof element_bits ? element_bits[value->element] : 0;
  if (!bits) FAIL("element type %d is not carried", (int)value->element);
  return (count * bits + 7) / 8;
}

static Value *make_outputs(const onnxcc_model_info *info, const int64_t *dims) {
  Value *outputs = memory((info->output_count + 1u) * sizeof *outputs, 16);
  for (uint32_t i = 0; i < info->output_count; i++) {
    Value *output = &outputs[i];
    output->element = info->outputs[i].element;
    output->rank = (int32_t)info->outputs[i].rank;
    output->dims = memory((size_t)output->rank * sizeof *output->dims, 16);
    if (info->shape(1, i, dims, NULL, output->dims) != 0) FAIL("output %u has no bound", i);
    output->bytes = value_bytes(output);
    output->data = memory(output->bytes, info->align);
  }
  return outputs;
}

static void run_model(const onnxcc_model_info *info, void *context, const int64_t *dims, const Value *inputs, Value *outputs) {
  const void **in = memory((info->input_count + 1u) * sizeof *in, 16);
  void       **out = memory((info->output_count + 1u) * sizeof *out, 16);
  int64_t     *run_dims = memory((info->run_dim_count + 1u) * sizeof *run_dims, 16);
  for (uint32_t i = 0; i < info->input_count; i++) in[i] = inputs[i].data;
  for (uint32_t i = 0; i < info->output_count; i++) out[i] = outputs[i].data;
  int32_t status = info->run(context, dims, in, out, run_dims);
  if (status != 0) FAIL("run returned %d", (int)status);
  for (uint32_t i = 0; i < info->output_count; i++) {
    if (info->shape(1, i, dims, run_dims, outputs[i].dims) != 0) FAIL("output %u has no shape", i);
    uint64_t bytes = value_bytes(&outputs[i]);
    if (bytes > outputs[i].bytes) FAIL("output %u is larger than its bound", i);
    outputs[i].bytes = bytes;
  }
}

/* Reads the inputs, runs the model, sends the outputs. `before` is called between: nothing was sent yet, nothing can fail any more; or NULL. */
static void drive_model(const onnxcc_model_info *info, void (*before)(void)) {
  uint32_t count;
  Value   *inputs = receive_values(&count);
  if (count != info->input_count) FAIL("%u inputs given, the model has %u", count, info->input_count);
  int64_t *dims = bind_dims(info, inputs);
  size_t   workspace = info->workspace(dims);
  void    *context = memory(info->ctx_bytes, 16);
  const onnxcc_config config = {
      .abi = info->abi,
      .workers = 1,
      .workspace = memory(workspace, info->align),
      .workspace_bytes = workspace,
      .fast = memory(info->fast_bytes, info->align),
      .fast_bytes = info->fast_bytes,
      .state = memory(info->state_bytes, info->align),
      .state_bytes = info->state_bytes,
  };
  int32_t status = info->init(context, &config);
  if (status != 0) FAIL("init returned %d", (int)status);

  Value *outputs = make_outputs(info, dims), *again = make_outputs(info, dims);
  run_model(info, context, dims, inputs, outputs);
  memset(config.workspace, 0x5A, workspace);
  run_model(info, context, dims, inputs, again);
  if (info->state_bytes == 0)
    for (uint32_t i = 0; i < info->output_count; i++)
      if (outputs[i].bytes != again[i].bytes || memcmp(outputs[i].data, again[i].data, outputs[i].bytes) != 0)
        FAIL("output %u differs in the second run", i);
  if (before) before();
  send_values(outputs, info->output_count);
}
#endif
