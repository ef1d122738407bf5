/* What is promised of the emitted C on each target: nothing undefined but libc's memory functions, no contraction, refusal of options that change
 * results, the stack bound of the header, clean compiles by every cross compiler at hand. */
#include "tests/emit/harness.h"

static const char tile_14x2[] = "tests/emit/tile_14x2.lir", tile_6x2[] = "tests/emit/tile_6x2.lir", wide[] = "tests/emit/wide.lir";
static const char embedded[] = "tests/emit/embedded.lir", symbols[] = "tests/emit/symbols.lir", fused[] = "tests/emit/fused.lir";

typedef struct Job {
  Context     context;
  const char *path;
  EmitOptions options;
  bool        emitted;
} Job;

static void emit_body(void *self) {
  Job   *job = self;
  Arena *arena = arena_open(&job->context);
  FILE  *file = fopen(job->path, "rb");
  if (!file) bug(&job->context, "%s cannot be read", job->path);
  char    *text = arena_allocate(arena, 1 << 16);
  size_t   length = fread(text, 1, (1 << 16) - 1, file);
  Emission emission;
  fclose(file);
  job->emitted = harness_emit(program_parse(&job->context, arena, job->path, text, length), arena, job->options, &emission);
}

static bool emit_for(const char *path, const char *name, const char *target) {
  Job job = {.path = path, .options = harness_options(name, target, WEIGHTS_INLINE)};
  if (!context_open(&job.context, NULL, -1)) return false;
  Outcome outcome = context_guard(&job.context, emit_body, &job);
  for (uint32_t i = 0; i < job.context.diagnostic_count; i++) printf("# %s\n", job.context.diagnostics[i].message);
  context_close(&job.context);
  return outcome == OUTCOME_OK && job.emitted;
}

/* ---- targets ---- */

typedef struct Machine {
  const char *target, *compiler, *flags, *nm;
} Machine; /* flags beside the target's own */
static const Machine machines[] = {
    {"generic", "gcc", "", "nm"},
    {"generic", "clang", "", "nm"},
    {"x86-64-v1", "gcc", "", "nm"},
    {"x86-64-v1", "clang", "", "nm"},
    {"x86-64-v2", "gcc", "", "nm"},
    {"x86-64-v2", "clang", "", "nm"},
    {"x86-64-v3", "gcc", "", "nm"},
    {"x86-64-v3", "clang", "", "nm"},
    {"x86-64-v4", "gcc", "", "nm"},
    {"x86-64-v4", "clang", "", "nm"},
    {"aarch64", "aarch64-linux-gnu-gcc", "", "nm"},
    {"aarch64", "clang", "--target=aarch64-none-elf", "nm"},
    {"armv7a-neon", "arm-none-eabi-gcc", "", "arm-none-eabi-nm"},
    {"cortex-m4", "arm-none-eabi-gcc", "", "arm-none-eabi-nm"},
    {"cortex-m4", "arm-none-eabi-gcc", "-ffreestanding", "arm-none-eabi-nm"},
    {"cortex-m4", "clang", "--target=thumbv7em-none-eabihf", "nm"},
    {"cortex-m7", "arm-none-eabi-gcc", "", "arm-none-eabi-nm"},
    {"cortex-m33", "arm-none-eabi-gcc", "", "arm-none-eabi-nm"},
    {"cortex-m55", "arm-none-eabi-gcc", "", "arm-none-eabi-nm"},
    {"cortex-m55", "clang-19", "--target=thumbv8.1m.main-none-eabihf", "nm"},
    {"loongarch64", "clang-19", "-ffreestanding", "nm"},
    {"rv64gc", "clang", "--target=riscv64-none-elf", "nm"},
    {"rv64gcv", "clang-19", "--target=riscv64-none-elf", "nm"},
    {"wasm32", "clang", "", "llvm-nm"},
};

static bool check_machine(const Machine *m, const char *name, const char *optimise) {
  const char *flags = target_find(m->target)->c_flags;
  bool        object = harness_run("%s %s %s -std=gnu11 %s " STRICT_WARNINGS " -ffunction-sections -I$D -c $D/%s.c -o $D/%s.o", m->compiler,
                            flags ? flags : "", m->flags, optimise, name, name);
  bool        clean = object && (!harness_has(m->nm) || harness_run("%s $D/%s.o | " UNDEFINED_CHECK, m->nm, name));
  if (!clean) printf("# %s, %s, %s %s\n", name, m->target, m->compiler, optimise);
  return clean;
}

static void check_undefined(const char *path, const char *name, const char *const *skipped) {
  static const char *const levels[] = {"-O0", "-Os", "-O3"};
  uint32_t                 checked = 0;
  for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
    const Machine *m = &machines[i];
    bool           skip = !harness_has(m->compiler);
    for (const char *const *s = skipped; *s; s++) skip |= strncmp(*s, m->target, strlen(*s)) == 0;
    if (skip) continue;
    CHECK(emit_for(path, name, m->target));
    for (size_t k = 0; k < sizeof levels / sizeof *levels; k++) CHECK(check_machine(m, name, levels[k]));
    checked++;
  }
  printf("# %u pairs of target and compiler\n", checked);
}

TEST(nothing_undefined_in_a_layer) {
  static const char *const none[] = {NULL};
  check_undefined(embedded, "emb", none);
}

/* Symbolic dimensions take 64-bit divisions, which 32-bit machines have in their compiler's own library. */
TEST(nothing_undefined_with_symbols) {
  static const char *const narrow[] = {"cortex", "armv7", "rv32", NULL};
  check_undefined(symbols, "sym", narrow);
}

/* ---- contraction ---- */

/* y = a * b + c and y = fma(a, b, c), on operands where they differ. */
static bool contracts(const char *target, const char *compiler, const char *name) {
  void *library;
  if (!emit_for(fused, name, target) || !harness_compile(compiler, name)) return true;
  const onnxcc_model_info *info = harness_load(name, &library);
  static const float       a[64] = {[0 ... 63] = 0x1.000002p0f}, b[64] = {[0 ... 63] = 0x1.000002p0f}, c[64] = {[0 ... 63] = -0x1.000004p0f};
  float                    separate[64], single[64];
  const void              *inputs[] = {a, b, c};
  void                    *outputs[] = {separate, single}, *ctx = aligned_alloc(64, 128);
  onnxcc_config            config = {.abi = ONNXCC_ABI};
  bool                     wrong = !info || info->init(ctx, &config) != 0 || info->run(ctx, NULL, inputs, outputs, NULL) != 0;
  for (int i = 0; i < 64 && !wrong; i++) wrong = separate[i] != 0 || single[i] != 0x1p-46f;
  free(ctx);
  if (library) dlclose(library);
  return wrong;
}

TEST(products_and_sums_round_apart) {
  static const char *const compilers[] = {"gcc -std=c99",
                                          "gcc -std=gnu11",
                                          "clang -std=gnu11",
                                          "g++ -x c++ -std=gnu++17",
                                          "gcc -std=gnu11 -ffp-contract=fast",
                                          "clang -std=gnu11 -ffp-contract=on"};
  static const char *const levels[] = {"-O0", "-O2", "-O3"};
  if (strcmp(target_native()->name, "x86-64-v3") < 0) SKIP("this machine has no fma");
  for (size_t i = 0; i < sizeof compilers / sizeof *compilers * 3; i++) {
    char command[128], program[16], name[16];
    sscanf(compilers[i / 3], "%15s", program);
    if (!harness_has(program)) continue;
    snprintf(command, sizeof command, "%s %s -march=x86-64-v3", compilers[i / 3], levels[i % 3]);
    snprintf(name, sizeof name, "fma%u", (unsigned)i);
    if (contracts("x86-64-v3", command, name)) {
      check_settle("not ok", "%s contracts", command);
      return;
    }
  }
}

static bool refused(const char *compiler, const char *name) { return !harness_run("%s -fsyntax-only -I$D $D/%s.c >/dev/null 2>&1", compiler, name); }

TEST(options_that_change_results_are_refused) {
  CHECK(emit_for(fused, "ref", "x86-64-v3"));
  CHECK(!refused("gcc -march=x86-64-v3", "ref"));
  CHECK(refused("gcc", "ref"));
  CHECK(refused("gcc -march=x86-64-v3 -mno-fma", "ref"));
  static const char *const options[] = {"-ffast-math", "-Ofast", "-ffinite-math-only", "-O2 -funsafe-math-optimizations"};
  for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
    char command[128];
    snprintf(command, sizeof command, "gcc -march=x86-64-v3 %s", options[i]);
    CHECK(refused(command, "ref"));
  }
  if (harness_has("clang")) CHECK(refused("clang -march=x86-64-v3 -ffast-math", "ref"));
}

/* ---- stack ---- */

/* The longest possible chain of calls, against NAME_STACK_BYTES: run, the largest kernel, the largest function of the prelude, and a return address
 * each. */
static bool stack_holds(const char *compiler, const char *name, const char *macro) {
  return harness_run(
      "cd $D && rm -f *.su && %s -fstack-usage -I. -c %s.c -o %s.o && grep -v '_untyped\\|_init\\|_reset\\|_info\\|_shape\\|_hash' *.su | awk "
      "-v bound=$(printf '#include \"%s.h\"\\n%s_STACK_BYTES' | %s -I. -E -P -x c - | tail -n 1 | tr -d u) "
      "'$3!=\"static\" {print $0; bad=1} /_run\t/ {run=$2; next} "
      "/:%s_(f32|f64|index|i[0-9]+|u[0-9]+)_/ {if ($2>small) small=$2; next} {if ($2>large) large=$2} "
      "END {sum=run+small+large+24; if (sum>bound) {print \"stack\", sum, \"above\", bound; bad=1} exit bad}'",
      compiler, name, name, name, macro, compiler, name);
}

TEST(stack_bound) {
  CHECK(emit_for(embedded, "stk", "x86-64-v1"));
  CHECK(stack_holds("gcc -O2", "stk", "STK"));
  CHECK(stack_holds("gcc -O0", "stk", "STK"));
  CHECK(emit_for(symbols, "sts", "x86-64-v1"));
  CHECK(stack_holds("gcc -O2", "sts", "STS"));
  CHECK(stack_holds("gcc -O0", "sts", "STS"));
  if (!harness_has("arm-none-eabi-gcc")) return;
  CHECK(emit_for(embedded, "stm", "cortex-m4"));
  CHECK(stack_holds("arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard -Os", "stm", "STM"));
}

/* ---- vectors ---- */

/* Accumulators of a tile stay in registers: as many multiply-adds as there are, and nothing of the kernel on the stack. */
static bool tile_holds(const char *compiler, const char *name, int fmas) {
  return harness_run(
      "%s -I$D -S -o $D/%s.s $D/%s.c && awk '/^%s_tile[^:]*:/ {on=1} on && /vfmadd[0-9]*ps/ {fmas++} on && /\\(%%[re]?[sb]p/ {stack++; line=$0} "
      "/^[ \t]*ret/ {on=0} END {if (fmas != %d || stack > 0) {print fmas+0, \"multiply-adds,\", stack+0, \"on the stack\", line; exit 1}}' $D/%s.s",
      compiler, name, name, name, fmas, name);
}

TEST(tiles_stay_in_registers) {
  static const char *const compilers[] = {"gcc -std=c99", "clang -std=c99", "clang-19 -std=c99"};
  static const char *const levels[] = {"-O1", "-O2", "-O3"};
  CHECK(emit_for(tile_14x2, "tla", "x86-64-v4"));
  CHECK(emit_for(tile_6x2, "tlb", "x86-64-v3"));
  for (size_t i = 0; i < sizeof compilers / sizeof *compilers * 3; i++) {
    char command[128], program[16];
    sscanf(compilers[i / 3], "%15s", program);
    if (!harness_has(program)) continue;
    snprintf(command, sizeof command, "%s %s -march=x86-64-v4", compilers[i / 3], levels[i % 3]);
    CHECK(tile_holds(command, "tla", 28));
    snprintf(command, sizeof command, "%s %s -march=x86-64-v3", compilers[i / 3], levels[i % 3]);
    CHECK(tile_holds(command, "tlb", 12));
  }
  if (harness_has("clang")) CHECK(tile_holds("clang -std=c99 -O2 -march=skylake-avx512", "tla", 28)); /* which would rather have halves */
}

TEST(stack_bound_of_vectors) {
  CHECK(emit_for(tile_14x2, "vsa", "x86-64-v4"));
  CHECK(stack_holds("gcc -O2 -march=x86-64-v4", "vsa", "VSA"));
  CHECK(stack_holds("gcc -O0 -march=x86-64-v4", "vsa", "VSA"));
  CHECK(emit_for(wide, "vsb", "x86-64-v3"));
  CHECK(stack_holds("gcc -O2 -march=x86-64-v3 -Wno-psabi", "vsb", "VSB"));
  CHECK(stack_holds("gcc -O0 -march=x86-64-v3 -Wno-psabi", "vsb", "VSB"));
}

int main(void) {
  if (!harness_open()) return 1;
  RUN(nothing_undefined_in_a_layer);
  RUN(nothing_undefined_with_symbols);
#if defined(__x86_64__)
  RUN(products_and_sums_round_apart);
  RUN(options_that_change_results_are_refused);
  RUN(stack_bound);
  RUN(tiles_stay_in_registers);
  RUN(stack_bound_of_vectors);
#endif
  harness_close();
  return check_done();
}
