/* The program: buffers, functions, entries, and kernels, of which equal ones are kept once.
 *
 * Two kernels are equal if their text without name and notes is. A hash of that text as the kernel was added finds candidates; passes may have
 * changed the kernel since, so a hit is compared as text. The notes of the two are merged, up to NOTES_KEPT. */
#include "loop.h"
#include "compiler/base/checked.h"

#include <stdlib.h>
#include <string.h>

enum { LONGEST_NAME = 31, LONGEST_STEM = 24, NOTES_KEPT = 8 };

uint64_t loop_hash(const void *data, size_t length) {
  const unsigned char *bytes = data;
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (size_t i = 0; i < length; i++) hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
  return hash;
}

static bool is_keyword(const char *name) {
  for (uint32_t i = 0; loop_keyword(i); i++)
    if (strcmp(loop_keyword(i), name) == 0) return true;
  return false;
}

const char *loop_name(Program *program, const char *name) {
  size_t length = strlen(name);
  if (length > LONGEST_NAME) length = LONGEST_NAME;
  while (length > 1 && name[length - 1] == '_') length--;
  const char *copy = arena_string(program->arena, name, length);
  if (is_plain_identifier(copy, length) && !is_keyword(copy)) return copy;
  copy = loop_numbered_name(program->arena, copy, 0);
  if (!is_plain_identifier(copy, strlen(copy))) bug(program->context, "`%s` is no name for code or a value", name);
  return copy;
}

const char *loop_numbered_name(Arena *arena, const char *stem, uint32_t number) {
  size_t length = strlen(stem);
  if (length > LONGEST_STEM) length = LONGEST_STEM;
  while (length > 1 && stem[length - 1] == '_') length--;
  return arena_format(arena, "%.*s_%u", (int)length, stem, number);
}

Program *program_open(Context *context, Arena *arena, DimTable *dims) {
  Program *program = arena_new(arena, Program);
  program->context = context;
  program->arena = arena;
  program->dims = dims;
  program->info.producer = program->info.model_name = program->info.description = "";
  return program;
}

/* ---- buffers ---- */

static bool has_buffer(const Program *program, const char *name) {
  uint64_t hash = loop_hash(name, strlen(name));
  for (uint32_t i = 0; i < program->buffer_hashes.count; i++)
    if (program->buffer_hashes.data[i] == hash && strcmp(program->buffers.data[i].name, name) == 0) return true;
  return false;
}

uint32_t program_buffer(Program *program, Buffer buffer) {
  const char *stem = loop_name(program, buffer.name);
  buffer.name = stem;
  for (uint32_t i = program->buffers.count; has_buffer(program, buffer.name); i++)
    buffer.name = loop_numbered_name(program->arena, stem, i);
  if (buffer.align == 0) buffer.align = 64;
  if (buffer.rank > LOOP_MAX_RANK) bug(program->context, "buffer `%s` of rank %u", buffer.name, buffer.rank);
  for (uint32_t i = 0; i < buffer.rank; i++)
    if (buffer.dims[i] == DIM_UNKNOWN) bug(program->context, "dimension %u of buffer `%s` is unknown", i, buffer.name);
  uint64_t hash = loop_hash(buffer.name, strlen(buffer.name));
  vector_push(program->arena, &program->buffer_hashes, hash);
  vector_push(program->arena, &program->buffers, buffer);
  return program->buffers.count - 1;
}

/* ---- kernels ---- */

static bool has_kernel(const Program *program, const char *name) {
  for (uint32_t i = 0; i < program->kernels.count; i++)
    if (strcmp(program->kernels.data[i].name, name) == 0) return true;
  return false;
}

static bool has_note(const Code *code, const char *note) {
  for (uint32_t i = 0; i < code->notes.count; i++)
    if (strcmp(code->notes.data[i], note) == 0) return true;
  return false;
}

/* Adds a note; beyond NOTES_KEPT the last one says how many are left out. */
static void merge_note(Program *program, Code *code, const char *note) {
  if (has_note(code, note)) return;
  if (code->notes.count < NOTES_KEPT) {
    vector_push(program->arena, &code->notes, note);
    return;
  }
  unsigned long more = 1;
  const char *last = code->notes.data[code->notes.count - 1];
  if (code->notes.count > NOTES_KEPT && strncmp(last, "and ", 4) == 0) {
    more += strtoul(last + 4, NULL, 10);
    code->notes.count--;
  }
  const char *rest = arena_format(program->arena, "and %lu more", more);
  vector_push(program->arena, &code->notes, rest);
}

static bool has_text(const Program *program, const Code *code, const Text *wanted) {
  Text text;
  text_open(&text, wanted->arena);
  code_print(program, code, &text, false);
  return text.length == wanted->length && memcmp(text.data, wanted->data, text.length) == 0;
}

/* The kernel that equals this one; UINT32_MAX if there is none. Texts live in the scratch arena. */
static uint32_t find_equal(const Program *program, const Code *kernel, Arena *scratch, uint64_t *hash) {
  Text text;
  text_open(&text, scratch);
  code_print(program, kernel, &text, false);
  *hash = loop_hash(text.data, text.length);
  for (uint32_t i = 0; i < program->kernel_hashes.count; i++)
    if (program->kernel_hashes.data[i] == *hash && has_text(program, &program->kernels.data[i], &text)) return i;
  return UINT32_MAX;
}

uint32_t program_kernel(Program *program, Code kernel) {
  uint64_t hash;
  if (kernel.kind != CODE_KERNEL) bug(program->context, "`%s` is no kernel", kernel.name);
  Arena *scratch = arena_open(program->context);
  uint32_t equal = find_equal(program, &kernel, scratch, &hash);
  arena_close(scratch);
  for (uint32_t i = 0; equal != UINT32_MAX && i < kernel.notes.count; i++)
    merge_note(program, &program->kernels.data[equal], kernel.notes.data[i]);
  if (equal != UINT32_MAX) return equal;
  const char *stem = kernel.name;
  for (uint32_t i = program->kernels.count; has_kernel(program, kernel.name); i++)
    kernel.name = loop_numbered_name(program->arena, stem, i);
  vector_push(program->arena, &program->kernel_hashes, hash);
  vector_push(program->arena, &program->kernels, kernel);
  return program->kernels.count - 1;
}

uint32_t program_add_kernel(Program *program, Code kernel) {
  uint64_t hash;
  if (has_kernel(program, kernel.name)) return UINT32_MAX;
  Arena *scratch = arena_open(program->context);
  find_equal(program, &kernel, scratch, &hash);
  arena_close(scratch);
  vector_push(program->arena, &program->kernel_hashes, hash);
  vector_push(program->arena, &program->kernels, kernel);
  return program->kernels.count - 1;
}

/* ---- functions and entries ---- */

uint32_t program_find_function(const Program *program, const char *name) {
  for (uint32_t i = 0; i < program->functions.count; i++)
    if (strcmp(program->functions.data[i].name, name) == 0) return i;
  return UINT32_MAX;
}

static bool same_signature(const Code *function, uint16_t lanes, Scalar result, uint32_t parameter_count, const Scalar *parameters) {
  if (function->lanes != lanes || function->result != result || function->parameter_count != parameter_count) return false;
  for (uint32_t i = 0; i < parameter_count; i++)
    if (function->slots.data[i + 1].scalar != parameters[i]) return false;
  return true;
}

const char *loop_vector_name(Arena *arena, const char *function, uint16_t lanes) {
  return lanes == 1 ? function : arena_format(arena, "%sx%u", function, lanes);
}

const char *loop_scalar_name(Arena *arena, const char *function, uint16_t lanes) {
  size_t suffix = lanes == 1 ? 0 : strlen(arena_format(arena, "x%u", lanes));
  return arena_string(arena, function, strlen(function) - suffix);
}

uint32_t program_function(Program *program, const char *name, uint16_t lanes, Scalar result, uint32_t parameter_count, const Scalar *parameters) {
  uint32_t found = program_find_function(program, name);
  if (found != UINT32_MAX) {
    if (!same_signature(&program->functions.data[found], lanes, result, parameter_count, parameters))
      bug(program->context, "function `%s` has two signatures", name);
    return found;
  }
  Code code = { .kind = CODE_FUNCTION, .result = result, .lanes = lanes, .parameter_count = parameter_count };
  if (!is_plain_identifier(name, strlen(name)) || is_keyword(name)) bug(program->context, "function named `%s`", name);
  code.name = arena_string(program->arena, name, strlen(name));
  vector_push(program->arena, &code.exprs, (ExprNode){ .op = LOOP_OP_NONE });
  vector_push(program->arena, &code.stmts, (StmtNode){ .kind = STMT_NONE });
  vector_push(program->arena, &code.slots, (SlotInfo){ .name = "" });
  for (uint32_t i = 0; i < parameter_count; i++) {
    SlotInfo slot = { .name = arena_format(program->arena, "x%u", i), .scalar = parameters[i], .lanes = lanes };
    vector_push(program->arena, &code.slots, slot);
  }
  vector_push(program->arena, &program->functions, code);
  return program->functions.count - 1;
}

uint32_t program_define(Program *program, Code function) {
  Scalar parameters[LOOP_MAX_RANK];
  if (function.kind != CODE_FUNCTION || !function.defined) bug(program->context, "`%s` is no function with a body", function.name);
  if (function.parameter_count > LOOP_MAX_RANK) bug(program->context, "function `%s` has too many parameters", function.name);
  for (uint32_t i = 0; i < function.parameter_count; i++) parameters[i] = function.slots.data[i + 1].scalar;
  uint32_t index = program_function(program, function.name, function.lanes, function.result, function.parameter_count, parameters);
  if (program->functions.data[index].defined) bug(program->context, "function `%s` is defined twice", function.name);
  program->functions.data[index] = function;
  return index;
}

uint32_t program_entry(Program *program, Code entry) {
  if (entry.kind != CODE_ENTRY) bug(program->context, "`%s` is no entry", entry.name);
  vector_push(program->arena, &program->entries, entry);
  return program->entries.count - 1;
}

bool buffer_bytes(const Program *program, const Buffer *buffer, size_t *bytes) {
  size_t size = scalar_bytes(buffer->scalar);
  for (uint32_t i = 0; i < buffer->rank; i++) {
    int64_t dim;
    if (!dim_is_constant(program->dims, buffer->dims[i], &dim) || dim < 0) return false;
    if (!checked_mul_size(size, (size_t)dim, &size)) return false;
  }
  *bytes = size;
  return true;
}
