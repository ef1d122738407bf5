/* Programs of one model, each scheduled, legalised and placed for another machine, as one: a dispatch group.
 *
 * Each member keeps its own functions, kernels and entry, which no other calls; the entry of member v is entries[v]. Inputs, outputs and state are
 * those of the first. A weight that the first has, byte for byte, is not added again, so that the group has one blob. Workspaces start at the same
 * byte, for only one member runs; the group's is as large as the largest. */
#include "loop.h"

#include <string.h>

enum { LABEL_BYTES = 6, STEM_BYTES = 24, WEIGHT_ALIGN = 64 };

typedef struct Join {
  Program       *program;
  const Program *member;
  const char    *label;
  uint32_t       variant;
  uint32_t      *buffers; /* by buffer of the member: its number in the group */
} Join;

/* ---- buffers ---- */

static bool same_type(const Buffer *a, const Buffer *b) {
  return a->scalar == b->scalar && a->rank == b->rank && memcmp(a->dims, b->dims, a->rank * sizeof *a->dims) == 0 && a->align == b->align;
}

static size_t weight_bytes(const Join *join, const Buffer *buffer) {
  size_t bytes = 0;
  if (!buffer_bytes(join->member, buffer, &bytes)) bug(join->program->context, "weight `%s` has no constant size", buffer->name);
  return bytes;
}

static bool same_weight(const Join *join, const Buffer *a, const Buffer *b) {
  if (!same_type(a, b) || !a->data != !b->data || a->blob_hash != b->blob_hash) return false;
  if (!a->data) return a->splat == b->splat;
  return a->data == b->data || memcmp(a->data, b->data, weight_bytes(join, a)) == 0;
}

/* Behind the blob so far. */
static void place_weight(const Join *join, Buffer *buffer) {
  Program *program = join->program;
  buffer->weight_offset = dim_constant(program->dims, program->weights_bytes);
  program->weights_bytes += (int64_t)((weight_bytes(join, buffer) + WEIGHT_ALIGN - 1) / WEIGHT_ALIGN * WEIGHT_ALIGN);
}

static uint32_t join_weight(const Join *join, Buffer buffer, uint32_t count) {
  Program *program = join->program;
  bool     used = buffer.weight_offset != DIM_UNKNOWN;
  for (uint32_t i = 0; i < count; i++) {
    Buffer *other = &program->buffers.data[i];
    if (other->storage != STORAGE_WEIGHT || !same_weight(join, other, &buffer)) continue;
    if (used && other->weight_offset == DIM_UNKNOWN) place_weight(join, other);
    return i;
  }
  if (used) place_weight(join, &buffer);
  return program_buffer(program, buffer);
}

/* The buffer of the first member that a caller sees as the same. */
static uint32_t find_shared(const Join *join, const Buffer *buffer) {
  Program *program = join->program;
  for (uint32_t i = 0; i < program->buffers.count; i++) {
    const Buffer *other = &program->buffers.data[i];
    bool          same = other->storage == buffer->storage && same_type(other, buffer);
    if (same && (buffer->storage == STORAGE_STATE ? other->offset == buffer->offset : other->index == buffer->index)) return i;
  }
  bug(program->context, "`%s` is not the same for all members of a group", buffer->name);
}

static void join_buffers(Join *join) {
  uint32_t count = join->program->buffers.count;
  join->buffers = arena_array(join->program->arena, uint32_t, join->member->buffers.count + 1u);
  for (uint32_t i = 0; i < join->member->buffers.count; i++) {
    const Buffer *buffer = &join->member->buffers.data[i];
    if (buffer->storage == STORAGE_WEIGHT) join->buffers[i] = join_weight(join, *buffer, count);
    else if (buffer->storage == STORAGE_WORKSPACE) join->buffers[i] = program_buffer(join->program, *buffer);
    else join->buffers[i] = find_shared(join, buffer);
  }
}

static Dim larger(DimTable *dims, Dim a, Dim b) { return a == DIM_UNKNOWN || b == DIM_UNKNOWN ? DIM_UNKNOWN : dim_max(dims, a, b); }

/* ---- code ---- */

/* Names say for whom the code is; those of functions still end with a type. */
static const char *member_name(const Join *join, const Code *code) {
  Arena *arena = join->program->arena;
  if (code->kind == CODE_FUNCTION) return arena_format(arena, "%s_%s", join->label, code->name);
  return arena_format(arena, "%.*s_%s", STEM_BYTES, code->name, join->label);
}

/* In place: the member is used up. */
static Code join_code(const Join *join, Code code) {
  const Program *program = join->program;
  bool           is_entry = code.kind == CODE_ENTRY;
  code.name = member_name(join, &code);
  code.variant = join->variant;
  for (uint32_t e = 1; e < code.exprs.count; e++) {
    ExprNode *node = &code.exprs.data[e];
    if (node->op == LOOP_CALL) node->operand[0] += program->functions.count;
    if (node->op == LOOP_LOAD && is_entry) node->operand[0] = join->buffers[node->operand[0]];
  }
  for (uint32_t s = 1; s < code.stmts.count; s++) {
    StmtNode *stmt = &code.stmts.data[s];
    if (stmt->kind == STMT_CALL) stmt->target += program->kernels.count;
    if (stmt->kind == STMT_COPY) stmt->list = join->buffers[stmt->list];
    if (stmt->kind == STMT_COPY || (stmt->kind == STMT_STORE && is_entry)) stmt->target = join->buffers[stmt->target];
  }
  for (uint32_t i = 0; i < code.call_arguments.count; i++)
    code.call_arguments.data[i].buffer = join->buffers[code.call_arguments.data[i].buffer];
  return code;
}

static bool has_kernel_name(const Program *program, const char *name) {
  for (uint32_t i = 0; i < program->kernels.count; i++)
    if (strcmp(program->kernels.data[i].name, name) == 0) return true;
  return false;
}

/* All codes are renumbered before any is added: calls count from what the group has now. */
static void join_codes(const Join *join) {
  Program       *program = join->program;
  const Program *member = join->member;
  uint32_t       kernels = member->kernels.count, functions = member->functions.count;
  Code          *codes = arena_array(program->arena, Code, kernels + functions + 1u);
  for (uint32_t i = 0; i < functions; i++) codes[i] = join_code(join, member->functions.data[i]);
  for (uint32_t i = 0; i < kernels; i++) codes[functions + i] = join_code(join, member->kernels.data[i]);
  program_entry(program, join_code(join, member->entries.data[0]));
  for (uint32_t i = 0; i < functions; i++) vector_push(program->arena, &program->functions, codes[i]);
  for (uint32_t i = functions; i < functions + kernels; i++) {
    for (uint32_t number = 0; has_kernel_name(program, codes[i].name); number++)
      codes[i].name = arena_format(program->arena, "k%u_%s", number, join->label); /* two names had the same beginning */
    uint32_t index = program_add_kernel(program, codes[i]);
    require(program->context, index != UINT32_MAX);
  }
}

static void join_member(Join *join) {
  Program       *program = join->program;
  const Program *member = join->member;
  require(program->context, member->dims == program->dims && member->legal && program->legal && member->entries.count == 1);
  require(program->context, member->info.nodes.count == program->info.nodes.count && strlen(join->label) <= LABEL_BYTES);
  join_buffers(join);
  join_codes(join);
  program->workspace_bytes = larger(program->dims, program->workspace_bytes, member->workspace_bytes);
  program->workspace_lower_bound = larger(program->dims, program->workspace_lower_bound, member->workspace_lower_bound);
}

void program_join(uint32_t count, Program *const *members, const char *const *labels) {
  Program *program = members[0];
  require(program->context, count > 1 && program->variants.count == 0 && program->entries.count == 1);
  for (uint32_t variant = 0; variant < count; variant++) vector_push(program->arena, &program->variants, labels[variant]);
  for (uint32_t variant = 1; variant < count; variant++) {
    Join join = {.program = program, .member = members[variant], .label = labels[variant], .variant = variant};
    join_member(&join);
  }
}
