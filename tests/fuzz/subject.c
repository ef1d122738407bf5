/* The stages of a compilation, as the command calls them, with an allocator that counts. What the interpreter calls a fault (an access out of bounds,
 * an uninitialised read) the emitted C would do as well: both run the same program. */
#include "tests/fuzz/subject.h"
#include "compiler/loop/evaluate.h"
#include "compiler/ops/ops.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_LIMIT = 32, INPUT_LIMIT = 1 << 20 /* bytes of all inputs that are tried */, OUTPUT_LIMIT_BYTES = 1 << 24, STEP_LIMIT = 3000000 };

typedef struct Work {
  Subject *subject;
  Context  context;
  OnnxFile file;
  Options  options;
} Work;

uint64_t random_next(uint64_t *state) {
  uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);
  mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
  return mixed ^ mixed >> 31;
}

uint64_t random_below(uint64_t *state, uint64_t limit) { return random_next(state) % limit; }

static void *counted_allocate(void *self, size_t bytes) {
  Subject *subject = self;
  void    *memory = malloc(bytes);
  if (memory) subject->held += bytes;
  if (subject->held > subject->peak) subject->peak = subject->held;
  return memory;
}

static void counted_release(void *self, void *memory, size_t bytes) {
  ((Subject *)self)->held -= memory ? bytes : 0;
  free(memory);
}

/* ---- running it ----------------------------------------------------------------------------------------------------------- */

/* Elements of a tensor, -1 if they are too many. */
static int64_t count_elements(const DimTable *dims, const InfoTensor *info, const int64_t *symbols, size_t limit) {
  int64_t count = 1, extent;
  for (uint32_t axis = 0; axis < info->rank; axis++) {
    if (!dim_evaluate(dims, info->dims[axis], symbols, &extent) || extent < 0) return -1;
    if (extent && count > (int64_t)limit / extent) return -1;
    count *= extent;
  }
  return count * element_buffer_bytes(info->element) > (int64_t)limit ? -1 : count;
}

/* One element: mostly small numbers, which are indices and sizes as often as not; sometimes any bits at all. */
static uint64_t random_element(Element element, uint64_t *state) {
  uint64_t random = random_next(state);
  unsigned bits = element_file_bits(element);
  if (element == ELEMENT_BOOL) return random & 1;
  if (bits < 8) return (uint64_t)element_to_i64(element, random & ((1u << bits) - 1u)) & 0xff;
  if (random % 16 == 0) return random >> 8;
  if (element_is_float(element)) return element_from_f64(element, (double)(int64_t)(random >> 11) * 0x1p-50 - 4);
  return (uint64_t)((int64_t)(random >> 8 & 7) - 2);
}

static const void *make_input(Arena *arena, const InfoTensor *info, int64_t count, uint64_t *state) {
  unsigned size = element_buffer_bytes(info->element);
  uint8_t *data = arena_allocate_array(arena, (size_t)count, size);
  for (int64_t index = 0; index < count && info->element != ELEMENT_STRING; index++) {
    uint64_t bits = random_element(info->element, state);
    memcpy(data + (size_t)index * size, &bits, size < sizeof bits ? size : sizeof bits);
  }
  return data;
}

/* Inputs as small as they may be; symbols found while running at their upper bound for the outputs' sizes. */
static bool prepare(Program *program, Arena *arena, Evaluation *evaluation, uint64_t *state) {
  const DimTable *dims = program->dims;
  int64_t        *symbols = arena_array(arena, int64_t, dims->symbols.count + 1u), *bounds = arena_array(arena, int64_t, dims->symbols.count + 1u);
  const void    **inputs = arena_array(arena, const void *, program->info.inputs.count + 1u);
  void          **outputs = arena_array(arena, void *, program->info.outputs.count + 1u);
  for (uint32_t at = 0; at < dims->symbols.count; at++) {
    const Symbol *symbol = &dims->symbols.data[at];
    symbols[at] = symbol->lo < 1 && symbol->hi > 0 ? 1 + (int64_t)random_below(state, 3) : symbol->lo;
    if (symbols[at] > symbol->hi) symbols[at] = symbol->hi;
    bounds[at] = symbol->kind == SYMBOL_RUN ? symbol->hi : symbols[at];
  }
  for (uint32_t at = 0; at < program->info.inputs.count; at++) {
    const InfoTensor *info = &program->info.inputs.data[at];
    int64_t           count = count_elements(dims, info, symbols, INPUT_LIMIT);
    if (count < 0 || info->element == ELEMENT_STRING) return false;
    inputs[at] = make_input(arena, info, count, state);
  }
  for (uint32_t at = 0; at < program->info.outputs.count; at++) {
    const InfoTensor *info = &program->info.outputs.data[at];
    int64_t           count = count_elements(dims, info, bounds, OUTPUT_LIMIT_BYTES);
    if (count < 0) return false;
    outputs[at] = arena_allocate_array(arena, (size_t)count, element_buffer_bytes(info->element));
  }
  *evaluation = (Evaluation){.inputs = inputs, .outputs = outputs, .symbols = symbols, .step_limit = STEP_LIMIT, .memory_limit = OUTPUT_LIMIT_BYTES};
  return true;
}

static void interpret(Work *work, Program *program) {
  Subject   *subject = work->subject;
  Evaluator  evaluator = interpreter();
  Evaluation evaluation;
  uint64_t   state = subject->seed;
  Arena     *scratch = arena_open(&work->context);
  if (prepare(program, scratch, &evaluation, &state) && evaluator.run(evaluator.self, program, 0, scratch, &evaluation)) {
    subject->ran = true;
    if (evaluation.fault) snprintf(subject->fault, sizeof subject->fault, "%s", evaluation.fault);
  }
  arena_close(scratch);
}

/* ---- compiling it --------------------------------------------------------------------------------------------------------- */

static void body(void *self) {
  Work       *work = self;
  Subject    *subject = work->subject;
  const char *words[WORD_LIMIT];
  uint32_t    count = 0;
  require(&work->context, subject->option_count + 3 <= WORD_LIMIT);
  words[count++] = "--name=subject";
  for (uint32_t at = 0; at < subject->option_count; at++) words[count++] = subject->options[at];
  words[count++] = "--";
  words[count++] = subject->name;
  options_parse(&work->context, arena_open(&work->context), &work->options, count, words);
  Compile  compile = compile_open(&work->context, &work->file, &work->options);
  Emission emission;
  compile.bytes = (Bytes){subject->data, subject->bytes};
  if (subject->is_text) compile.module = module_parse(&work->context, compile.arena, &op_names, subject->name, subject->data, subject->bytes);
  else compile_read(&compile, NULL);
  compile_set_dims(&compile);
  compile_graph(&compile);
  compile_lower(&compile);
  compile_loops(&compile);
  compile_emit_code(&compile, emit_is_llvm(work->options.emit) ? back_end_llvm(&work->context) : NULL, "subject", "subject", &emission);
  subject->source_bytes = emission.source.length;
  if (subject->run) interpret(work, compile.program);
}

void subject_compile(Subject *subject) {
  Allocator allocator = {counted_allocate, counted_release, subject};
  Work      work = {.subject = subject};
  subject->held = subject->peak = subject->source_bytes = 0;
  subject->said[0] = subject->fault[0] = 0;
  subject->ran = false;
  if (!context_open(&work.context, &allocator, subject->fail_after)) {
    subject->outcome = OUTCOME_LIMIT;
    subject->allocations = work.context.allocations;
    return;
  }
  work.context.bytes_limit = (size_t)2 << 30;
  (void)context_guard(&work.context, body, &work);
  for (uint32_t at = 0; at < work.context.diagnostic_count; at++) {
    const Diagnostic *diagnostic = &work.context.diagnostics[at];
    if (diagnostic->severity == SEVERITY_ERROR) snprintf(subject->said, sizeof subject->said, "E%04d %s", diagnostic->code, diagnostic->message);
  }
  subject->outcome = work.context.outcome;
  subject->allocations = work.context.allocations;
  onnx_close(&work.file);
  context_close(&work.context);
}
