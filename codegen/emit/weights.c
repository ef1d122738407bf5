/* Weights: one blob, at the offsets that `place` chose. */
#include "codegen/emit/model.h"

#include <string.h>

static void pack(Model *model, const Buffer *buffer) {
  DimTable *dims = model->program->dims;
  size_t    at = (size_t)dim_value(dims, buffer->weight_offset), bytes = (size_t)dim_value(dims, model_buffer_bytes(model, buffer));
  unsigned  element = scalar_bytes(buffer->scalar);
  require(model->context, at + bytes <= model->blob.length);
  if (buffer->data) memcpy(model->blob.data + at, buffer->data, bytes);
  for (size_t i = 0; !buffer->data && i < bytes; i++) model->blob.data[at + i] = (char)(buffer->splat >> (i % element * 8));
}

/* FNV-1a over little-endian 32-bit words: short in C, and one multiplication a word. */
static uint64_t hash_words(const Text *blob) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < blob->length; i += 4) {
    uint32_t word;
    memcpy(&word, blob->data + i, sizeof word);
    hash = (hash ^ word) * UINT64_C(0x100000001b3);
  }
  return hash;
}

void weights_pack(Model *model) {
  size_t bytes = ((size_t)model->program->weights_bytes + 3) / 4 * 4;
  model->blob = (Text){.arena = model->arena, .data = arena_allocate(model->arena, bytes + 1), .length = bytes, .capacity = bytes + 1};
  for (uint32_t i = 0; i < model->program->buffers.count; i++)
    if (model->program->buffers.data[i].storage == STORAGE_WEIGHT && model->program->buffers.data[i].weight_offset != DIM_UNKNOWN)
      pack(model, &model->program->buffers.data[i]);
  model->weights_hash = hash_words(&model->blob);
}
