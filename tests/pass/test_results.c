/* The passes keep what a graph computes: every graph of this folder's texts, before its passes, runs in the interpreter at -O0, as lowered, and
 * at -O2, behind all passes and in the memory that was planned for it. Integers must agree exactly, floats within rounding. */
#include "compiler/ops/ops.h"
#include "compiler/pipeline.h"
#include "tests/pass/cases.h"
#include <math.h>

enum { LARGEST = 1 << 20 }; /* elements of an input or output */

typedef struct Results {
  Module  *module;
  Program *program;
  int64_t *symbols;
  void   **outputs;
  int32_t  status;
} Results;

static Arena *arena;
static bool   refused; /* at -O0: nothing to compare */

/* ---- data ------------------------------------------------------------------------------------------------------------------- */

static uint64_t random_bits(uint64_t *state) {
  *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return *state >> 33;
}

static int64_t elements(const Module *module, const InfoTensor *tensor, const int64_t *symbols) {
  int64_t count = 1, extent;
  for (uint32_t axis = 0; axis < tensor->rank; axis++)
    count *= dim_evaluate(&module->dims, tensor->dims[axis], symbols, &extent) && extent >= 0 && extent <= LARGEST ? extent : 0;
  return count < LARGEST ? count : LARGEST;
}

/* Small numbers, so that indices stay in range and sums exact enough. */
static void *make_input(const InfoTensor *tensor, int64_t count, uint64_t seed) {
  unsigned bytes = element_buffer_bytes(tensor->element);
  uint8_t *data = arena_allocate(arena, (size_t)count * bytes + 1);
  for (int64_t at = 0; at < count; at++) {
    uint64_t bits = random_bits(&seed) % (tensor->element == ELEMENT_BOOL ? 2 : 4);
    if (element_is_float(tensor->element)) bits = element_from_f64(tensor->element, ((double)(random_bits(&seed) % 4096) - 2048) / 1024);
    memcpy(data + (size_t)at * bytes, &bits, bytes);
  }
  return data;
}

/* By the name, so that both programs get the same. */
static int64_t symbol_value(const Symbol *symbol) {
  int64_t value = 3 + (int64_t)(strlen(symbol->name) + (unsigned char)symbol->name[0]) % 4;
  return value < symbol->lo ? symbol->lo : value > symbol->hi ? symbol->hi : value;
}

/* ---- two ways --------------------------------------------------------------------------------------------------------------- */

static void compile(Case *test, Results *results, int level) {
  PipelineOptions options = {.target = target_find("x86-64-v3"), .evaluator = interpreter(), .passes = {.level = level, .verify_each = true}};
  results->module = module_parse(&test->context, arena, &op_names, test->file, test->before, test->before_length);
  pipeline_graph(results->module, &options);
  results->program = pipeline_lower(results->module, arena, &options);
  if (level) pipeline_loops(results->program, &options);
}

static void run(Case *test, Results *results) {
  const DimTable    *dims = &results->module->dims;
  const ProgramInfo *info = &results->program->info;
  const void       **inputs = arena_array(arena, const void *, info->inputs.count + 1u);
  results->symbols = arena_array(arena, int64_t, dims->symbols.count + 1u);
  results->outputs = arena_array(arena, void *, info->outputs.count + 1u);
  for (uint32_t at = 0; at < dims->symbols.count; at++) {
    const Symbol *symbol = &dims->symbols.data[at];
    results->symbols[at] = symbol->kind == SYMBOL_RUN ? symbol->hi : symbol_value(symbol);
  }
  for (uint32_t at = 0; at < info->inputs.count; at++)
    inputs[at] = make_input(&info->inputs.data[at], elements(results->module, &info->inputs.data[at], results->symbols), at + 1);
  for (uint32_t at = 0; at < info->outputs.count; at++) {
    const InfoTensor *tensor = &info->outputs.data[at];
    size_t count = (size_t)elements(results->module, tensor, results->symbols);
    results->outputs[at] = arena_allocate(arena, count * element_buffer_bytes(tensor->element) + 1);
  }
  Evaluation evaluation = {.inputs = inputs, .outputs = results->outputs, .symbols = results->symbols, .step_limit = 100000000};
  Evaluator  evaluator = interpreter();
  bool       done = evaluator.run(evaluator.self, results->program, 0, arena, &evaluation);
  if (!done || evaluation.fault) bug(&test->context, "the interpreter says: %s", evaluation.fault ? evaluation.fault : "too many steps");
  results->status = evaluation.status;
}

/* ---- comparison ----------------------------------------------------------------------------------------------------------- */

static bool agree(Element element, const void *a, const void *b) {
  unsigned bytes = element_buffer_bytes(element);
  uint64_t x = 0, y = 0;
  memcpy(&x, a, bytes);
  memcpy(&y, b, bytes);
  if (!element_is_float(element)) return x == y;
  double p = element_to_f64(element, x), q = element_to_f64(element, y), tolerance = bytes < 4 ? 0.02 : 1e-4;
  return (isnan(p) && isnan(q)) || p == q || fabs(p - q) <= tolerance * (1 + fabs(p));
}

static void compare(Case *test, const Results *plain, const Results *optimised) {
  const ProgramInfo *info = &plain->program->info;
  if (plain->status != optimised->status) bug(&test->context, "status %d, not %d", (int)optimised->status, (int)plain->status);
  if (plain->status) return;
  if (info->outputs.count != optimised->program->info.outputs.count) bug(&test->context, "another number of outputs");
  for (uint32_t at = 0; at < info->outputs.count; at++) {
    const InfoTensor *tensor = &info->outputs.data[at], *other = &optimised->program->info.outputs.data[at];
    int64_t count = elements(plain->module, tensor, plain->symbols);
    if (strcmp(tensor->name, other->name) || tensor->element != other->element || tensor->rank != other->rank ||
        count != elements(optimised->module, other, optimised->symbols))
      bug(&test->context, "output %u has another name or shape", (unsigned)at);
    unsigned bytes = element_buffer_bytes(tensor->element);
    for (int64_t index = 0; index < count; index++) {
      size_t offset = (size_t)index * bytes;
      if (!agree(tensor->element, (const char *)plain->outputs[at] + offset, (const char *)optimised->outputs[at] + offset))
        bug(&test->context, "%s differs at element %lld", tensor->name, (long long)index);
    }
  }
}

static void compile_plain(void *self) {
  Case   *test = self;
  Results plain = {0};
  compile(test, &plain, 0);
}

static void run_case(void *self) {
  Case   *test = self;
  Results plain = {0}, optimised = {0};
  compile(test, &plain, 0);
  compile(test, &optimised, 2);
  run(test, &plain);
  run(test, &optimised);
  compare(test, &plain, &optimised);
}

static bool is_plain_graph(const Case *test) {
  for (size_t at = 0; at + 8 < test->before_length; at++)
    if (!memcmp(test->before + at, "x.Group", 7) || !memcmp(test->before + at, "program\n", 8)) return false;
  return true;
}

static void check_case(Case *test) {
  if (!is_plain_graph(test)) {
    check_settled = 1; /* says nothing */
    return;
  }
  if (!context_open(&test->context, NULL, -1)) abort();
  arena = arena_open(&test->context);
  refused = context_guard(&test->context, compile_plain, test) != OUTCOME_OK;
  context_close(&test->context);
  if (refused) {
    check_settle("skip", "refused at -O0");
    return;
  }
  if (!context_open(&test->context, NULL, -1)) abort();
  arena = arena_open(&test->context);
  if (context_guard(&test->context, run_case, test) != OUTCOME_OK)
    check_settle("not ok", "%s: %s", test->file, test->context.diagnostics[test->context.diagnostic_count - 1].message);
  context_close(&test->context);
}

int main(int argument_count, char **arguments) { return run_files(argument_count, arguments); }
