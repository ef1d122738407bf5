/* Kernel calls of the interpreter: views of the arguments, who overlaps whom, what becomes uninitialised, and the kernel's variant.
 *
 * In a placed program a buffer is *live* from the call that writes it until a call writes another one over it; then its bytes count as
 * uninitialised, so a plan that overlaps two buffers in use shows as a fault. In place (same_index) the shadow tells old elements from
 * fresh ones, so an element that is read after it was overwritten shows too, or one that is read back before it was. */
#include "evaluate_memory.h"
#include <string.h>

enum { OPERAND_LIMIT = 256, PAIR_LIMIT = 16 };

struct Call {
  Run     *run;
  const Code *kernel;
  KernelState *state;
  View     views[OPERAND_LIMIT];
  uint32_t buffers[OPERAND_LIMIT];       /* by operand; UINT32_MAX: local */
  size_t   first[OPERAND_LIMIT], end[OPERAND_LIMIT]; /* addresses of the elements in reach: first <= address < end */
  uint32_t same[OPERAND_LIMIT];          /* Variant.same */
  uint32_t pairs;                        /* buffers that are overwritten in place by another one */
  uint32_t reused[PAIR_LIMIT], target[PAIR_LIMIT];
};
typedef struct Call Call;

static const OperandInfo *operand_of(const Call *call, uint32_t k) { return &call->kernel->operands.data[k]; }
static bool is_stored(const Call *call, uint32_t k) { return operand_of(call, k)->access != ACCESS_IN; }

/* ---- views ---------------------------------------------------------------------------------------------------------- */

/* Dimensions and strides of the view; elements: one past the last element in reach. */
static bool view_shape(Call *call, uint32_t k, uint64_t *elements) {
  const OperandInfo *info = operand_of(call, k);
  View *view = &call->views[k];
  int64_t stride = 1;
  bool empty = false;
  *elements = 1;
  view->name = info->name;
  view->rank = info->rank;
  view->put = SHADOW_SET;
  for (uint32_t d = info->rank; d-- > 0;) {
    if (!run_dim(call->run, info->dims[d], call->kernel->name, &view->dims[d])) return false;
    view->strides[d] = stride;
    if (info->strided && !run_dim(call->run, info->strides[d], call->kernel->name, &view->strides[d])) return false;
    empty |= view->dims[d] == 0;
    uint64_t reach;
    if (__builtin_mul_overflow(stride, view->dims[d], &stride) ||
        __builtin_mul_overflow((uint64_t)(view->dims[d] ? view->dims[d] - 1 : 0), (uint64_t)view->strides[d], &reach) ||
        __builtin_add_overflow(*elements, reach, elements))
      return run_fault(call->run, "%s: %s is larger than the address space", call->kernel->name, info->name);
  }
  if (empty) *elements = 0;
  return true;
}

static bool bind_argument(Call *call, uint32_t k, uint32_t buffer, int64_t offset) {
  Run *run = call->run;
  const OperandInfo *info = operand_of(call, k);
  const BufferState *state = &run->buffers[buffer];
  View *view = &call->views[k];
  uint64_t elements, bytes = scalar_bytes(info->scalar), end;
  char room[16];
  const char *name = buffer_name(run->program, buffer, room);
  if (!view_shape(call, k, &elements)) return false;
  if (offset < 0 || __builtin_add_overflow(elements, (uint64_t)offset, &end) || __builtin_mul_overflow(end, bytes, &end) || end > state->bytes) {
    if (offset < 0 || elements > 0)
      return run_fault(run, "%s: argument %s reaches beyond buffer %s: offset %lld, %llu elements, %zu bytes", call->kernel->name, info->name,
                       name, (long long)offset, (unsigned long long)elements, state->bytes);
  }
  Storage storage = run->program->buffers.data[buffer].storage;
  if (is_stored(call, k) && (storage == STORAGE_INPUT || storage == STORAGE_WEIGHT))
    return run_fault(run, "%s: argument %s may be stored to, but %s is read-only", call->kernel->name, info->name, name);
  uint32_t align = run->program->buffers.data[buffer].align;
  if (info->align && (uint64_t)offset * bytes % info->align && info->align <= (align ? align : 64u))
    return run_fault(run, "%s: argument %s is not aligned to %u", call->kernel->name, info->name, info->align);
  call->buffers[k] = buffer;
  if (state->data == state->cell) memset(view->strides, 0, sizeof view->strides), offset = 0, elements = elements ? 1 : 0;
  view->data = elements ? state->data + (uint64_t)offset * bytes : state->data;
  view->shadow = state->shadow && elements ? state->shadow + (uint64_t)offset * bytes : state->shadow;
  call->first[k] = (size_t)(uintptr_t)view->data;
  call->end[k] = call->first[k] + elements * bytes;
  return true;
}

static bool bind_locals(Call *call) {
  Run *run = call->run;
  size_t total = 0;
  for (int pass = 0; pass < 2; pass++) {
    if (pass == 1 && !run_block(run, &run->locals, total)) return false;
    if (pass == 1) memset(run->locals.shadow, SHADOW_NONE, total);
    total = 0;
    for (uint32_t k = 0; k < call->kernel->operands.count; k++) {
      const OperandInfo *info = operand_of(call, k);
      uint64_t elements, bytes;
      if (info->access != ACCESS_LOCAL) continue;
      if (!view_shape(call, k, &elements)) return false;
      if (__builtin_mul_overflow(elements, scalar_bytes(info->scalar), &bytes) || bytes > SIZE_MAX / 4 || total > SIZE_MAX / 4)
        return run_fault(run, "%s: %s is larger than the address space", call->kernel->name, info->name);
      call->buffers[k] = UINT32_MAX;
      if (pass == 1) {
        call->views[k].data = run->locals.data + total;
        call->views[k].shadow = run->locals.shadow + total;
        call->first[k] = (size_t)(uintptr_t)call->views[k].data;
        call->end[k] = call->first[k] + bytes;
      }
      total += (bytes + 63) / 64 * 64;
    }
  }
  return true;
}

static bool bind_arguments(Call *call, const StmtNode *stmt, const CallArgument *arguments, const int64_t *offsets) {
  uint32_t next = 0;
  for (uint32_t k = 0; k < stmt->list_count; k++) /* first all memory: it may move while it grows */
    if (!run_buffer(call->run, arguments[k].buffer)) return false;
  for (uint32_t k = 0; k < call->kernel->operands.count; k++) {
    if (operand_of(call, k)->access == ACCESS_LOCAL) continue;
    if (next == stmt->list_count) return run_fault(call->run, "%s: too few arguments", call->kernel->name);
    if (!bind_argument(call, k, arguments[next].buffer, offsets[next])) return false;
    next++;
  }
  if (next != stmt->list_count) return run_fault(call->run, "%s: too many arguments", call->kernel->name);
  return bind_locals(call);
}

/* ---- overlaps ------------------------------------------------------------------------------------------------------- */

static bool same_view(const Call *call, uint32_t a, uint32_t b) {
  const View *x = &call->views[a], *y = &call->views[b];
  if (x->data != y->data || x->rank != y->rank) return false;
  if (scalar_bytes(operand_of(call, a)->scalar) != scalar_bytes(operand_of(call, b)->scalar)) return false;
  return memcmp(x->dims, y->dims, x->rank * sizeof x->dims[0]) == 0 && memcmp(x->strides, y->strides, x->rank * sizeof x->strides[0]) == 0;
}

static bool overlap(const Call *call, uint32_t a, uint32_t b) {
  return call->first[a] < call->end[b] && call->first[b] < call->end[a];
}

/* Whether operand `target` may overwrite operand `other` in place: it is marked so for that buffer. */
static bool may_reuse(const Call *call, uint32_t target, uint32_t other) {
  uint32_t marked = operand_of(call, target)->same_index;
  return marked && marked <= call->kernel->operands.count && call->buffers[marked - 1] == call->buffers[other];
}

static bool note_pair(Call *call, uint32_t target, uint32_t reused) {
  for (uint32_t k = 0; k < call->pairs; k++)
    if (call->target[k] == target && call->reused[k] == reused) return true;
  if (call->pairs == PAIR_LIMIT) return run_fault(call->run, "%s: more than %d operands in place", call->kernel->name, PAIR_LIMIT);
  call->target[call->pairs] = target;
  call->reused[call->pairs++] = reused;
  return true;
}

/* Two operands over the same memory, at least one of them stored to. */
static bool note_overlap(Call *call, uint32_t a, uint32_t b, bool *tangled) {
  if (!same_view(call, a, b)) *tangled = true;
  if (call->buffers[a] == call->buffers[b]) return true;
  if (may_reuse(call, a, b)) return note_pair(call, call->buffers[a], call->buffers[b]);
  if (may_reuse(call, b, a)) return note_pair(call, call->buffers[b], call->buffers[a]);
  return run_fault(call->run, "%s: operands %s and %s overlap in memory", call->kernel->name, operand_of(call, a)->name, operand_of(call, b)->name);
}

static bool find_overlaps(Call *call) {
  bool tangled = false;
  for (uint32_t a = 0; a < call->kernel->operands.count; a++) {
    call->same[a] = a;
    for (uint32_t b = 0; b < a; b++) {
      if (!is_stored(call, a) && !is_stored(call, b)) continue;
      if (!overlap(call, a, b)) continue;
      if (!note_overlap(call, a, b, &tangled)) return false;
    }
    for (uint32_t b = a; b-- > 0;)
      if (overlap(call, a, b) && same_view(call, a, b)) call->same[a] = call->same[b];
  }
  for (uint32_t k = 0; tangled && k < call->kernel->operands.count; k++) call->same[k] = OVERLAPS;
  return true;
}

/* ---- liveness of placed buffers, shadows ---------------------------------------------------------------------------- */

static void open_shadows(Call *call) {
  for (uint32_t k = 0; k < call->kernel->operands.count; k++) {
    uint32_t spared[PAIR_LIMIT], count = 0;
    if (call->buffers[k] == UINT32_MAX || !is_stored(call, k)) continue;
    for (uint32_t j = 0; j < call->pairs; j++)
      if (call->target[j] == call->buffers[k]) spared[count++] = call->reused[j];
    run_overwrite(call->run, call->buffers[k], spared, count);
    if (operand_of(call, k)->access == ACCESS_SCRATCH) memset(call->views[k].shadow, SHADOW_NONE, call->end[k] - call->first[k]);
  }
  for (uint32_t k = 0; k < call->kernel->operands.count; k++) {
    View *view = &call->views[k];
    for (uint32_t j = 0; j < call->pairs; j++) {
      if (call->buffers[k] == call->reused[j]) view->wanted = SHADOW_SET;
      if (call->buffers[k] == call->target[j]) view->wanted = view->put = SHADOW_FRESH;
    }
  }
}

/* Operands that are complete and that nobody stores to need no more checks in this call. */
static void skip_complete(Call *call) {
  for (uint32_t k = 0; k < call->kernel->operands.count; k++) {
    View *view = &call->views[k];
    if (!view->shadow || view->wanted || is_stored(call, k)) continue;
    bool lonely = true;
    for (uint32_t j = 0; lonely && j < call->kernel->operands.count; j++) lonely = !is_stored(call, j) || !overlap(call, j, k);
    if (lonely && !memchr(view->shadow, SHADOW_NONE, call->end[k] - call->first[k])) view->shadow = NULL;
  }
}

/* After a call in place: fresh elements are elements, old ones are gone. */
static void close_shadows(Call *call) {
  for (uint32_t j = 0; j < call->pairs; j++) {
    BufferState *reused = &call->run->buffers[call->reused[j]];
    for (size_t k = 0; k < reused->bytes; k++)
      if (reused->shadow[k] != SHADOW_FRESH) reused->shadow[k] = SHADOW_NONE;
    reused->live = false;
  }
  for (uint32_t j = 0; j < call->pairs; j++) {
    BufferState *target = &call->run->buffers[call->target[j]];
    for (size_t k = 0; k < target->bytes; k++) target->shadow[k] = target->shadow[k] != SHADOW_NONE ? SHADOW_SET : SHADOW_NONE;
  }
}

/* ---- variants ------------------------------------------------------------------------------------------------------- */

static void find_uses(Call *call) {
  const DimTable *dims = call->run->program->dims;
  call->state->uses = arena_array(call->run->arena, bool, dims->symbols.count + 1u);
  for (uint32_t k = 0; k < call->kernel->operands.count; k++) {
    const OperandInfo *info = operand_of(call, k);
    for (uint32_t d = 0; d < info->rank; d++) {
      dim_symbols(dims, info->dims[d], call->state->uses);
      if (info->strided) dim_symbols(dims, info->strides[d], call->state->uses);
    }
  }
  for (uint32_t k = 1; k < call->kernel->exprs.count; k++)
    if (call->kernel->exprs.data[k].op == LOOP_DIM) dim_symbols(dims, (Dim)call->kernel->exprs.data[k].integer, call->state->uses);
}

static bool variant_fits(const Call *call, const Variant *variant) {
  const int64_t *symbols = call->run->evaluation->symbols;
  for (uint32_t k = 0; k < call->run->program->dims->symbols.count; k++)
    if (call->state->uses[k] && variant->symbols[k] != symbols[k]) return false;
  return memcmp(variant->same, call->same, call->kernel->operands.count * sizeof call->same[0]) == 0;
}

/* The variant for this call, compiled if need be in place of the one unused for longest. */
static Variant *variant_for(Call *call) {
  Run *run = call->run;
  if (!call->state->uses) find_uses(call);
  uint32_t oldest = 0;
  for (uint32_t k = 0; k < VARIANTS_KEPT; k++) {
    Variant *variant = call->state->variants[k];
    if (variant && variant_fits(call, variant)) return variant;
    if (!variant) { oldest = k; break; }
    if (variant->age < call->state->variants[oldest]->age) oldest = k;
  }
  arena_close(call->state->arenas[oldest]);
  Arena *arena = call->state->arenas[oldest] = arena_open(run->program->context);
  Variant *variant = call->state->variants[oldest] = arena_new(arena, Variant);
  variant->symbols = arena_copy(arena, run->evaluation->symbols, run->program->dims->symbols.count * sizeof(int64_t));
  variant->same = arena_copy(arena, call->same, call->kernel->operands.count * sizeof call->same[0]);
  variant_compile(variant, arena, &run->kernel, call->kernel, call->views);
  return variant;
}

bool run_call(Run *run, const StmtNode *stmt, const CallArgument *arguments, const int64_t *offsets) {
  if (!run->call) run->call = arena_new(run->arena, Call);
  Call *call = run->call;
  call->run = run;
  call->kernel = &run->program->kernels.data[stmt->target];
  call->state = &run->kernels[stmt->target];
  call->pairs = 0;
  if (call->kernel->operands.count > OPERAND_LIMIT) return run_fault(run, "%s: more than %d operands", call->kernel->name, OPERAND_LIMIT);
  memset(call->views, 0, call->kernel->operands.count * sizeof call->views[0]);
  if (!bind_arguments(call, stmt, arguments, offsets) || !find_overlaps(call)) return false;
  open_shadows(call);
  skip_complete(call);
  Variant *variant = variant_for(call);
  variant->age = ++run->clock;
  machine_start(&run->kernel, call->kernel, variant, call->views);
  run->kernel.steps = run->evaluation->steps;
  MachineResult result = machine_run(&run->kernel);
  run->evaluation->steps = run->kernel.steps;
  if (result == MACHINE_LIMIT) run->limit = true;
  if (result != MACHINE_END) return false;
  close_shadows(call);
  return true;
}
