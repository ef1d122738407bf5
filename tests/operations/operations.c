/* Every operation of loop_ops.def on every type it takes, over tables of edge values and all pairs (fma: triples) of them, through every evaluator
 * and emitter: each must give the one result that compiler/ir.md, rule 3, states, as tests/operations/meaning.c works it out.
 *
 * Forms that emitters spell in ways of their own (constants, clamps, conditions, products beside sums) are judged by the interpreter. NaNs count as
 * equal, whatever their sign and payload: IEEE 754 leaves those to the machine. */
#include "codegen/emit/back_end.h"
#include "compiler/loop/evaluate.h"
#include "tests/emit/harness.h"
#include "tests/operations/meaning.h"
#include "tests/operations/program.h"

/* ---- back ends: a row each -------------------------------------------------------------------------------------------------- */

/* A C compiler with options, and what runs its programs: "" for this process. The target's own flags come behind. With `level` the LLVM back end
 * makes the object, at -O(level - 1), and the compiler only links it. */
typedef struct Compiler { const char *command, *run; unsigned level; } Compiler;

#define HERE ""
#define CONTRACT "-ffp-contract=fast"
#define FUSED "-march=x86-64-v3 " CONTRACT /* contraction is possible */
static const Compiler llvm[] = {{"gcc", HERE, 3}, {"gcc", HERE, 1}};
static const Compiler tame[] = {{"gcc -std=c99 -O0 -ffp-contract=off", HERE}, {"clang -std=c99 -O0", HERE}, {"g++ -x c++ -std=c++17 -O1", HERE}};
static const Compiler bold[] = {{"gcc -std=gnu11 -O3 " CONTRACT, HERE}, {"clang -std=gnu11 -O2 -ffp-contract=on", HERE}};
#if defined(__x86_64__)
static const Compiler tempted[] = {{"gcc -std=gnu11 -O3 " FUSED, HERE}, {"clang -std=gnu11 -O3 -march=x86-64-v3 -ffp-contract=on", HERE}};
#endif
static const Compiler careful[] = {{"gcc -std=gnu11 -O2 -fsanitize=undefined -fno-sanitize-recover=all", HERE}};
#define AARCH64 "aarch64-linux-gnu-gcc -std=gnu11 -O2 -static", "qemu-aarch64"
#define RISCV64 "riscv64-linux-gnu-gcc -std=gnu11 -O2 -static", "qemu-riscv64"
static const Compiler aarch64[] = {{AARCH64}}, aarch64_llvm[] = {{AARCH64, 3}};
static const Compiler riscv64[] = {{RISCV64}}, riscv64_llvm[] = {{RISCV64, 3}};
static const Compiler arm[] = {{"arm-none-eabi-gcc -std=gnu11 -O2 -marm --specs=rdimon.specs", "qemu-arm -cpu cortex-a15"}};

/* A test: the program legalised for a target, through some compilers; `lanes`: the widest vectors that emitter and target take. */
typedef struct Plan {
  const char     *target;
  unsigned        index_bits; /* 0: the target's */
  uint16_t        lanes;
  const Compiler *compilers;
  size_t          compiler_count;
} Plan;

/* ---- judging ---------------------------------------------------------------------------------------------------------------- */

static bool same_bits(Scalar scalar, uint64_t a, uint64_t b) { return a == b || (meaning_is_nan(scalar, a) && meaning_is_nan(scalar, b)); }

static uint64_t bits_at(const void *array, Scalar scalar, uint32_t at) {
  unsigned bytes = scalar_bytes(scalar);
  uint64_t bits = 0;
  memcpy(&bits, (const char *)array + (size_t)at * bytes, bytes);
  return bits;
}

static void complain(const Check *check, uint32_t at, uint64_t got, uint64_t wanted) {
  uint64_t operands[3] = {0};
  suite_operands(check, at, operands);
  printf("# %s%s %s -> %s, %u lanes, element %u:", loop_op_text(check->op), check->op ? "" : check->form, scalar_name(check->from),
         scalar_name(check->to), check->lanes, at);
  for (uint32_t k = 0; k < loop_op_operands(check->op); k++) printf(" %llx", (unsigned long long)operands[k]);
  printf(" gives %llx, %llx wanted\n", (unsigned long long)got, (unsigned long long)wanted);
}

static void **make_outputs(const Suite *suite) {
  void **outputs = arena_array(suite->arena, void *, suite->checks.count);
  for (uint32_t o = 0; o < suite->checks.count; o++) outputs[o] = arena_allocate(suite->arena, (size_t)suite_count(&suite->checks.data[o]) * 8);
  return outputs;
}

/* What must come out, where an operation says it; of forms nothing, until judge() fills it in. */
static void **wanted_outputs(const Suite *suite, bool fused) {
  void **wanted = make_outputs(suite);
  for (uint32_t o = 0; o < suite->checks.count; o++) {
    const Check *check = &suite->checks.data[o];
    unsigned     bytes = scalar_bytes(check->to);
    for (uint32_t at = 0; check->op && at < suite_count(check); at++) {
      uint64_t bits = suite_wanted(check, at, fused);
      memcpy((char *)wanted[o] + (size_t)at * bytes, &bits, bytes);
    }
  }
  return wanted;
}

/* Differences; the first few shown. What forms give is taken as wanted if `is_reference`. Counts what was judged. */
static uint32_t judge(const Suite *suite, void **wanted, void *const *got, bool is_reference, uint64_t *judged) {
  uint32_t wrong = 0;
  for (uint32_t o = 0; o < suite->checks.count; o++) {
    const Check *check = &suite->checks.data[o];
    uint32_t     before = wrong;
    if (!check->op && is_reference) wanted[o] = got[o];
    else *judged += suite_count(check);
    for (uint32_t at = 0; at < suite_count(check); at++) {
      uint64_t have = bits_at(got[o], check->to, at), want = bits_at(wanted[o], check->to, at);
      if (same_bits(check->to, have, want)) continue;
      if (wrong++ - before < 2 && wrong < 40) complain(check, at, have, want);
    }
  }
  return wrong;
}

/* ---- the interpreter -------------------------------------------------------------------------------------------------------- */

static void check_interpreter(const Suite *suite, Evaluator evaluator, const void **inputs, void **wanted, bool is_reference) {
  void     **outputs = make_outputs(suite);
  Evaluation evaluation = {.inputs = inputs, .outputs = outputs};
  uint64_t   judged = 0;
  CHECK(evaluator.run(evaluator.self, suite->program, 0, suite->arena, &evaluation));
  if (evaluation.fault) printf("# %s\n", evaluation.fault);
  CHECK(evaluation.fault == NULL && evaluation.status == 0);
  CHECK_INT(judge(suite, wanted, outputs, is_reference, &judged), 0);
  printf("# %s: %llu results in %u kernels\n", evaluator.name, (unsigned long long)judged, suite->program->kernels.count);
}

/* ---- C ---------------------------------------------------------------------------------------------------------------------- */

static bool has_llvm(void) {
  const char *build = getenv("ONNXCC_BUILD");
  char        path[1024];
  snprintf(path, sizeof path, "%s/onnxcc_llvm.so", build ? build : "build");
  return access(path, R_OK) == 0;
}

static bool is_here(const Compiler *compiler) {
  char command[32] = "", emulator[32] = "";
  if (compiler->level && !has_llvm()) return false;
  sscanf(compiler->command, "%31s", command);
  sscanf(compiler->run, "%31s", emulator);
  return harness_has(command) && (!*emulator || harness_has(emulator));
}

/* C, or the object in its place. */
static bool emit_program(const Suite *suite, const Compiler *compiler) {
  EmitOptions options = harness_options("edges", "generic", WEIGHTS_INLINE);
  Emission    emission;
  options.target = suite->target;
  options.level = compiler->level - 1;
  if (compiler->level) back_end_llvm(suite->context)->emit(suite->program, &options, suite->arena, &emission);
  else emit_c(suite->program, &options, suite->arena, &emission);
  return write_text("edges", compiler->level ? ".o" : ".c", &emission.source) && write_text("edges", ".h", &emission.header);
}

static bool build_here(const Suite *suite, const Compiler *compiler, const char *command) {
  if (!emit_program(suite, compiler)) return false;
  return compiler->level ? harness_run("%s -shared $D/edges.o -o $D/edges.so", command) : harness_compile(command, "edges");
}

static bool build_there(const Suite *suite, const Compiler *compiler, const char *flags) {
  if (!emit_program(suite, compiler)) return false;
  return compiler->level || harness_run("%s %s " STRICT_WARNINGS " -c -I$D $D/edges.c -o $D/edges.o", compiler->command, flags);
}

static size_t tensor_bytes(const Suite *suite, const InfoTensor *tensor) {
  return (size_t)dim_value(suite->program->dims, tensor->dims[0]) * scalar_bytes(suite->program->buffers.data[tensor->buffer].scalar);
}

static bool run_there(const Suite *suite, const Compiler *compiler, const char *flags, const void **inputs, void **outputs) {
  Text                given;
  char                path[128];
  const ProgramInfo  *info = &suite->program->info;
  text_open(&given, suite->arena);
  for (uint32_t i = 0; i < info->inputs.count; i++) text_bytes(&given, inputs[i], tensor_bytes(suite, &info->inputs.data[i]));
  bool ran = write_text("inputs", ".bin", &given) &&
             build_there(suite, compiler, flags) &&
             harness_run("%s %s -I$D tests/emit/drive.c $D/edges.o -o $D/drive && %s $D/drive $D/inputs.bin $D/outputs.bin", compiler->command, flags,
                         compiler->run);
  snprintf(path, sizeof path, "%s/outputs.bin", harness_folder);
  FILE *file = ran ? fopen(path, "rb") : NULL;
  for (uint32_t i = 0; file && ran && i < suite->checks.count; i++) {
    size_t bytes = tensor_bytes(suite, &info->outputs.data[i]);
    ran = fread(outputs[i], 1, bytes, file) == bytes;
  }
  return file && fclose(file) == 0 && ran;
}

static void check_compiler(const Suite *suite, const Compiler *compiler, const void **inputs, void **wanted) {
  const char *flags = suite->target->c_flags ? suite->target->c_flags : "";
  char        command[256];
  void      **got = make_outputs(suite);
  uint64_t    judged = 0;
  if (!is_here(compiler)) {
    printf("# without %s\n", compiler->command);
    return;
  }
  snprintf(command, sizeof command, "%s %s", compiler->command, flags);
  if (*compiler->run) CHECK(run_there(suite, compiler, flags, inputs, got));
  else CHECK(build_here(suite, compiler, command) && harness_run_model("edges", inputs, got));
  CHECK_INT(judge(suite, wanted, got, false, &judged), 0);
  printf("# %s%s: %llu results\n", compiler->level ? "LLVM, " : "", command, (unsigned long long)judged);
}

/* ---- tests ------------------------------------------------------------------------------------------------------------------ */

typedef struct Trial { const Plan *plan; Context context; } Trial;

static void run_plan(void *self) {
  Trial      *trial = self;
  const Plan *plan = trial->plan;
  Target      target = *target_find(plan->target);
  if (plan->index_bits) target.index_bits = plan->index_bits;
  Suite suite = {.context = &trial->context, .arena = arena_open(&trial->context), .target = &target, .most_lanes = plan->lanes};
  suite_build(&suite);
  const void **inputs = suite_inputs(&suite);
  if (!plan->compilers) { /* as it is written, before anything is replaced */
    void **wanted = wanted_outputs(&suite, false);
    check_interpreter(&suite, interpreter_stepwise(), inputs, wanted, true);
    check_interpreter(&suite, interpreter(), inputs, wanted, false);
    return;
  }
  void **wanted = wanted_outputs(&suite, target.has_fma);
  loop_legalise(suite.program, &target);
  loop_place(suite.program, 0);
  check_interpreter(&suite, interpreter(), inputs, wanted, true);
  for (size_t at = 0; at < plan->compiler_count; at++) check_compiler(&suite, &plan->compilers[at], inputs, wanted);
}

static void run(const char *target, unsigned index_bits, uint16_t lanes, const Compiler *compilers, size_t count) {
  static Trial trial;
  Plan         plan = {target, index_bits, lanes, compilers, count};
  trial.plan = &plan;
  if (!context_open(&trial.context, NULL, -1)) return;
  Outcome outcome = context_guard(&trial.context, run_plan, &trial);
  for (uint32_t i = 0; i < trial.context.diagnostic_count; i++) printf("# %s\n", trial.context.diagnostics[i].message);
  if (outcome != OUTCOME_OK) check_settle("not ok", "the compiler left with %d", (int)outcome);
  context_close(&trial.context);
}
#define ALL(compilers) compilers, sizeof compilers / sizeof *compilers

TEST(interpreters) { run("generic", 0, 16, NULL, 0); }
TEST(generic) { run("generic", 0, 1, ALL(bold)); }
TEST(undefined_behaviour) { run("generic", 0, 1, ALL(careful)); }
TEST(llvm_host) {
  if (!is_here(llvm)) SKIP("no LLVM back end");
  run(target_host()->name, 0, 16, ALL(llvm));
}
TEST(narrow_index) { run("generic", 32, 1, bold, 1); }
#if defined(__x86_64__)
static bool runs(const char *target) { return strcmp(target_native()->name, target) >= 0; }
TEST(x86_64_v1) { run("x86-64-v1", 0, 16, ALL(tame)); }
TEST(contraction) {
  if (!runs("x86-64-v3")) SKIP("this machine has no FMA");
  run("generic", 0, 1, ALL(tempted));
}
/* clang heeds no pragma then: init must find out. */
static void refuses_contraction(void *self) {
  Trial  *trial = self;
  Target  target = *target_find("x86-64-v3");
  Arena  *arena = arena_open(&trial->context);
  Suite   suite = {.context = &trial->context, .arena = arena, .target = &target, .most_lanes = 1};
  void   *library;
  Emission emission;
  EmitOptions options = harness_options("edges", "x86-64-v3", WEIGHTS_INLINE);
  suite_build(&suite);
  CHECK(harness_emit(suite.program, arena, options, &emission));
  CHECK(harness_compile("clang -std=gnu11 -O1 -march=x86-64-v3 -ffp-contract=fast", "edges"));
  const onnxcc_model_info *info = harness_load("edges", &library);
  CHECK(info != NULL);
  onnxcc_config config = {.abi = ONNXCC_ABI, .workspace_bytes = info->workspace_bytes, .workspace = harness_memory(info->workspace_bytes)};
  CHECK_INT(info->init(harness_memory(info->ctx_bytes), &config), ONNXCC_ERROR_COMPILER);
  dlclose(library); /* another library of the same file would not be loaded beside it */
}
TEST(clang_contracts) {
  static Trial trial;
  if (!harness_has("clang") || !runs("x86-64-v3")) SKIP("no clang, or no FMA");
  if (!context_open(&trial.context, NULL, -1)) return;
  if (context_guard(&trial.context, refuses_contraction, &trial) != OUTCOME_OK) check_settle("not ok", "the compiler left");
  context_close(&trial.context);
}
TEST(x86_64_v3) {
  if (!runs("x86-64-v3")) SKIP("this machine has no AVX2");
  run("x86-64-v3", 0, 1, ALL(bold));
}
TEST(x86_64_v4) {
  if (!runs("x86-64-v4")) SKIP("this machine has no AVX-512");
  run("x86-64-v4", 0, 1, ALL(bold));
  if (is_here(llvm)) run("x86-64-v4", 0, 16, llvm, 1);
}
#endif
#define ELSEWHERE(name, target, lanes, compilers)                 \
  TEST(name) {                                                    \
    if (!is_here(compilers)) SKIP("no compiler or emulator");     \
    run(target, 0, lanes, ALL(compilers));                          \
  }
ELSEWHERE(on_aarch64, "aarch64", 1, aarch64)
ELSEWHERE(llvm_on_aarch64, "aarch64", 16, aarch64_llvm)
ELSEWHERE(llvm_on_rv64gc, "rv64gc", 16, riscv64_llvm)
ELSEWHERE(on_rv64gc, "rv64gc", 1, riscv64)
ELSEWHERE(on_armv7a_neon, "armv7a-neon", 1, arm)

static bool is_chosen(int count, char **names, const char *name) {
  for (int at = 1; at < count; at++)
    if (!strcmp(names[at], name)) return true;
  return count < 2;
}

/* All tests, or those that are named. */
int main(int count, char **names) {
#define TRY(name) \
  if (is_chosen(count, names, #name)) RUN(name)
  if (!harness_open()) return 1;
  TRY(interpreters);
  TRY(generic);
  TRY(undefined_behaviour);
  TRY(llvm_host);
  TRY(narrow_index);
#if defined(__x86_64__)
  TRY(x86_64_v1);
  TRY(contraction);
  TRY(clang_contracts);
  TRY(x86_64_v3);
  TRY(x86_64_v4);
#endif
  TRY(on_aarch64);
  TRY(on_rv64gc);
  TRY(llvm_on_aarch64);
  TRY(llvm_on_rv64gc);
  TRY(on_armv7a_neon);
  harness_close();
  return check_done();
}
