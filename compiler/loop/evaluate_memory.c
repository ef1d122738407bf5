/* Where the buffers of a run live.
 *
 * Unplaced programs get an allocation a buffer when it is first used, and a larger one when its run-time size grew; placed ones get one
 * workspace and one state. State starts as zeros; everything else that can be written starts uninitialised. */
#include "evaluate_memory.h"
#include "compiler/base/checked.h"
#include <stdio.h>
#include <string.h>

bool run_fault(Run *run, const char *format, ...) {
  char message[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  run->evaluation->fault = arena_string(run->arena, message, strlen(message));
  return false;
}

const char *buffer_name(const Program *program, uint32_t buffer, char room[16]) {
  const char *name = program->buffers.data[buffer].name;
  if (name) return name;
  snprintf(room, 16, "buffer%u", (unsigned)buffer);
  return room;
}

bool run_dim(Run *run, Dim dim, const char *what, int64_t *value) {
  if (dim_evaluate(run->program->dims, dim, run->evaluation->symbols, value) && *value >= 0) return true;
  return run_fault(run, "%s: a dimension overflows, is negative or depends on a symbol that has no value yet", what);
}

static uint8_t *aligned_memory(Run *run, size_t bytes) {
  uint8_t *memory = arena_allocate(run->arena, bytes + 64);
  return memory + (64 - (uintptr_t)memory % 64) % 64;
}

bool run_block(Run *run, Block *block, size_t bytes) {
  if (block->data && bytes <= block->bytes) return true;
  size_t room = block->bytes * 2 > bytes ? block->bytes * 2 : bytes;
  run->allocated += room - block->bytes;
  if (run->evaluation->memory_limit && run->allocated > run->evaluation->memory_limit) {
    run->limit = true;
    return false;
  }
  uint8_t *data = aligned_memory(run, room), *shadow = aligned_memory(run, room);
  if (block->data) memcpy(data, block->data, block->bytes), memcpy(shadow, block->shadow, block->bytes);
  *block = (Block){data, shadow, room};
  return true;
}

/* Bytes of the buffer by its dimensions now. */
static bool bytes_now(Run *run, uint32_t index, size_t *bytes) {
  const Buffer *buffer = &run->program->buffers.data[index];
  char room[16];
  size_t product = scalar_bytes(buffer->scalar);
  for (uint32_t d = 0; d < buffer->rank; d++) {
    int64_t dim;
    if (!run_dim(run, buffer->dims[d], buffer_name(run->program, index, room), &dim)) return false;
    if (!checked_mul_size(product, (size_t)dim, &product) || product > PTRDIFF_MAX)
      return run_fault(run, "%s is larger than the address space", buffer_name(run->program, index, room));
  }
  *bytes = product;
  return true;
}

static bool placed_buffer(Run *run, uint32_t index, BufferState *state) {
  const Buffer *buffer = &run->program->buffers.data[index];
  const Block *block = buffer->storage == STORAGE_STATE ? &run->state : &run->workspace;
  char room[16];
  const char *name = buffer_name(run->program, index, room);
  int64_t offset;
  if (!run_dim(run, buffer->offset, name, &offset)) return false;
  size_t end = 0;
  if (!checked_add_size((size_t)offset, state->bytes, &end) || end > block->bytes)
    return run_fault(run, "%s: bytes %lld to %zu are outside the %zu planned", name, (long long)offset, end, block->bytes);
  if (buffer->align && offset % buffer->align)
    return run_fault(run, "%s: offset %lld breaks its alignment %u", name, (long long)offset, buffer->align);
  state->offset = (size_t)offset;
  state->data = block->data + offset;
  state->shadow = block->shadow + offset;
  state->room = state->bytes;
  return true;
}

static bool own_buffer(Run *run, BufferState *state, bool zeros) {
  if (state->data && state->bytes <= state->room) return true;
  Block block = {state->data, state->shadow, state->room};
  if (!run_block(run, &block, state->bytes)) return false;
  if (zeros) memset(block.shadow + state->room, SHADOW_SET, block.bytes - state->room);
  state->data = block.data, state->shadow = block.shadow, state->room = block.bytes;
  return true;
}

/* Outputs are the caller's memory; only their shadow is ours. */
static void output_buffer(Run *run, BufferState *state, uint8_t *data) {
  state->data = data;
  if (state->shadow && state->bytes <= state->room) return;
  uint8_t *shadow = arena_allocate(run->arena, state->bytes);
  if (state->shadow) memcpy(shadow, state->shadow, state->room);
  state->shadow = shadow;
  state->room = state->bytes;
}

bool run_buffer(Run *run, uint32_t index) {
  const Buffer *buffer = &run->program->buffers.data[index];
  BufferState *state = &run->buffers[index];
  if (!bytes_now(run, index, &state->bytes)) return false;
  switch (buffer->storage) {
    case STORAGE_INPUT: state->data = (uint8_t *)(uintptr_t)run->evaluation->inputs[buffer->index]; return true;
    case STORAGE_OUTPUT: output_buffer(run, state, run->evaluation->outputs[buffer->index]); return true;
    case STORAGE_WEIGHT:
      memcpy(state->cell, &buffer->splat, sizeof state->cell);
      state->data = buffer->data ? (uint8_t *)(uintptr_t)buffer->data : state->cell;
      return true;
    case STORAGE_STATE: case STORAGE_WORKSPACE: break;
  }
  if (run->placed && buffer->offset != DIM_UNKNOWN) return placed_buffer(run, index, state);
  return own_buffer(run, state, buffer->storage == STORAGE_STATE);
}

View run_view(Run *run, uint32_t index) {
  const Buffer *buffer = &run->program->buffers.data[index];
  const BufferState *state = &run->buffers[index];
  View view = {.name = buffer->name ? buffer->name : "buffer", .data = state->data, .shadow = state->shadow, .put = SHADOW_SET, .rank = buffer->rank};
  int64_t stride = 1;
  for (uint32_t d = buffer->rank; d-- > 0;) {
    dim_evaluate(run->program->dims, buffer->dims[d], run->evaluation->symbols, &view.dims[d]);
    view.strides[d] = state->data == state->cell ? 0 : stride;
    stride *= view.dims[d];
  }
  return view;
}

static bool is_planned(const Run *run, uint32_t buffer) {
  const Buffer *info = &run->program->buffers.data[buffer];
  return run->placed && info->storage == STORAGE_WORKSPACE && info->offset != DIM_UNKNOWN;
}

void run_overwrite(Run *run, uint32_t buffer, const uint32_t *spared, uint32_t spared_count) {
  BufferState *state = &run->buffers[buffer];
  bool fresh = !state->live;
  if (!is_planned(run, buffer)) return;
  for (uint32_t other = 0; other < run->program->buffers.count; other++) {
    BufferState *dying = &run->buffers[other];
    bool keep = !dying->live || other == buffer || dying->offset >= state->offset + state->bytes || state->offset >= dying->offset + dying->bytes;
    for (uint32_t k = 0; k < spared_count; k++) keep |= spared[k] == other;
    if (keep) continue;
    dying->live = false;
    memset(dying->shadow, SHADOW_NONE, dying->bytes);
  }
  if (fresh && spared_count == 0) memset(state->shadow, SHADOW_NONE, state->bytes);
  state->live = true;
}

/* Run-time symbols have no value at the start. A given one outside its range is the caller's mistake: status. */
static bool open_symbols(Run *run) {
  const DimTable *dims = run->program->dims;
  for (uint32_t k = 0; k < dims->symbols.count; k++) {
    const Symbol *symbol = &dims->symbols.data[k];
    int64_t *value = &run->evaluation->symbols[k];
    if (symbol->kind == SYMBOL_RUN) {
      *value = NO_VALUE;
    } else if (*value < symbol->lo || *value > symbol->hi) {
      run->evaluation->status = EVALUATION_SHAPE;
      return false;
    }
  }
  return true;
}

bool run_open(Run *run) {
  const Program *program = run->program;
  int64_t bytes;
  if (!open_symbols(run)) return false;
  run->buffers = arena_array(run->arena, BufferState, program->buffers.count + 1u);
  run->entry_views = arena_array(run->arena, View, program->buffers.count + 1u);
  run->kernels = arena_array(run->arena, KernelState, program->kernels.count + 1u);
  run->placed = program->workspace_bytes != DIM_UNKNOWN;
  if (!run->placed) return true;
  if (!run_dim(run, program->workspace_bytes, "workspace", &bytes) || !run_block(run, &run->workspace, (size_t)bytes)) return false;
  run->workspace.bytes = (size_t)bytes;
  if (program->state_bytes == DIM_UNKNOWN) return true;
  if (!run_dim(run, program->state_bytes, "state", &bytes) || !run_block(run, &run->state, (size_t)bytes)) return false;
  run->state.bytes = (size_t)bytes;
  memset(run->state.shadow, SHADOW_SET, run->state.bytes);
  return true;
}
