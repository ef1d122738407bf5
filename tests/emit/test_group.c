/* Dispatch groups: one file for several processors, compiled for none of them. Each member runs where the processor can, computes its own program to
 * the bit, and init picks the last that can run. Groups of models made by the command: tests/samples/test_multi_isa.sh. */
#include "tests/emit/harness.h"

#include "compiler/loop/evaluate.h"

#define SOURCE "tests/emit/group.lir"

typedef struct Job {
  Context     context;
  Arena      *arena;
  Program    *program;
  const char *name;
} Job;

static void parse_body(void *self) {
  Job  *job = self;
  FILE *file = fopen(SOURCE, "rb");
  job->arena = arena_open(&job->context);
  if (!file) bug(&job->context, "%s cannot be read", SOURCE);
  char  *text = arena_allocate(job->arena, 1 << 16);
  size_t length = fread(text, 1, (1 << 16) - 1, file);
  fclose(file);
  job->program = program_parse(&job->context, job->arena, SOURCE, text, length);
  program_verify(job->program);
}

static bool parse(Job *job) {
  if (!context_open(&job->context, NULL, -1)) return false;
  bool fine = context_guard(&job->context, parse_body, job) == OUTCOME_OK;
  for (uint32_t i = 0; i < job->context.diagnostic_count; i++) printf("# %s\n", job->context.diagnostics[i].message);
  return fine;
}

static void emit_body(void *self) {
  Job         *job = self;
  const Target *members[] = {target_find("x86-64-v2"), target_find("x86-64-v3")};
  EmitOptions  options = harness_options(job->name, "x86-64-v2", WEIGHTS_INLINE);
  Emission     emission;
  options.members = members;
  emit_c(job->program, &options, job->arena, &emission);
  if (!write_text(job->name, ".c", &emission.source) || !write_text(job->name, ".h", &emission.header)) bug(&job->context, "files cannot be written");
}

static bool emit(const char *name) {
  Job  job = {.name = name};
  bool fine = parse(&job) && context_guard(&job.context, emit_body, &job) == OUTCOME_OK;
  context_close(&job.context);
  return fine;
}

/* ---- running ---- */

static const float a[64] = {[0 ... 63] = 0x1.000002p0f}, b[64] = {[0 ... 63] = 0x1.000002p0f}, c[64] = {[0 ... 63] = -0x1.000004p0f};
typedef struct Outputs {
  float separate[64], single[64], which;
} Outputs;

static int32_t run_variant(const onnxcc_model_info *info, uint32_t variant, Outputs *got) {
  static _Alignas(64) unsigned char workspace[256], ctx[128];
  onnxcc_config                     config = {.abi = ONNXCC_ABI, .workspace = workspace, .workspace_bytes = sizeof workspace, .variant = variant};
  const void                       *inputs[] = {a, b, c};
  void                             *outputs[] = {got->separate, got->single, &got->which};
  if (info->workspace_bytes > sizeof workspace || info->ctx_bytes > sizeof ctx) return 1;
  int32_t status = info->init(ctx, &config);
  return status ? status : info->run(ctx, NULL, inputs, outputs, NULL);
}

/* Both round the sum twice, and the second `single` once: 2^-46 is what is lost. */
static bool is_right(const Outputs *got, float which) {
  bool right = got->which == which;
  for (int i = 0; i < 64; i++) right &= got->separate[i] == 0 && got->single[i] == (which == 3 ? 0x1p-46f : 0);
  return right;
}

static bool machine_has_v3(void) { return strcmp(target_native()->name, "x86-64-v3") >= 0; }

static bool check_members(const onnxcc_model_info *info) {
  Outputs got;
  bool    v3 = machine_has_v3(), fine = info != NULL;
  fine = fine && run_variant(info, 1, &got) == ONNXCC_OK && is_right(&got, 2);
  fine = fine && run_variant(info, 2, &got) == (v3 ? ONNXCC_OK : ONNXCC_ERROR_MACHINE) && (!v3 || is_right(&got, 3));
  fine = fine && run_variant(info, 0, &got) == ONNXCC_OK && is_right(&got, v3 ? 3 : 2);
  return fine && run_variant(info, 3, &got) == ONNXCC_ERROR_ARGUMENT && strcmp(info->target, "x86-64-v2,x86-64-v3") == 0;
}

TEST(members_run_whatever_the_file_is_compiled_for) {
  static const char *const compilers[] = {"gcc -std=c99",   "gcc -std=gnu11 -ffp-contract=fast",  "gcc -std=gnu11 -march=native", "clang -std=gnu11",
                                          "clang-19 -std=c99", "g++ -x c++ -std=gnu++17"};
  static const char *const levels[] = {"-O0", "-O2", "-O3"};
  CHECK(emit("grp"));
  for (size_t i = 0; i < sizeof compilers / sizeof *compilers * 3; i++) {
    char command[128], program[16], name[16];
    sscanf(compilers[i / 3], "%15s", program);
    if (!harness_has(program)) continue;
    snprintf(command, sizeof command, "%s %s", compilers[i / 3], levels[i % 3]);
    snprintf(name, sizeof name, "grp%u", (unsigned)i);
    CHECK(emit(name));
    CHECK(harness_compile(command, name));
    void                    *library;
    const onnxcc_model_info *info = harness_load(name, &library);
    bool                     right = check_members(info);
    if (library) dlclose(library);
    if (!right) {
      check_settle("not ok", "%s: a member of the group is wrong", command);
      return;
    }
    CHECK(harness_run("%s -I$D -c $D/%s.c -o $D/%s.o && nm $D/%s.o | " UNDEFINED_CHECK, command, name, name, name));
  }
}

TEST(members_run_in_the_interpreter) {
  Job job = {.name = "grp"};
  CHECK(parse(&job));
  for (uint32_t entry = 0; entry < 2; entry++) {
    Outputs     got = {.which = 0};
    const void *inputs[] = {a, b, c};
    void       *outputs[] = {got.separate, got.single, &got.which};
    Evaluation  evaluation = {.inputs = inputs, .outputs = outputs};
    Evaluator   evaluator = interpreter();
    CHECK(evaluator.run(evaluator.self, job.program, entry, job.arena, &evaluation));
    CHECK(!evaluation.fault && evaluation.status == 0);
    CHECK(is_right(&got, entry ? 3 : 2));
  }
  context_close(&job.context);
}

TEST(text_reads_back) {
  Job  job = {.name = "grp"};
  Text first, second;
  CHECK(parse(&job));
  text_open(&first, job.arena);
  text_open(&second, job.arena);
  program_print(job.program, &first);
  program_print(program_parse(&job.context, job.arena, "again", first.data, first.length), &second);
  CHECK(strstr(text_finish(&first), "kernel once_v3(a: f32[64] in, b: f32[64] in, c: f32[64] in, y: f32[64] out) variant v3 {"));
  CHECK_TEXT(text_finish(&second), text_finish(&first));
  context_close(&job.context);
}

/* ---- detection ---- */

/* Prints the levels that onnxcc_cpu.h finds, and those that gcc's own function does. */
static bool write_detection(void) {
  static const char *const levels[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};
  Context                  context;
  Text                     text;
  if (!context_open(&context, NULL, -1)) return false;
  text_open(&text, arena_open(&context));
  text_string(&text, "#include \"runtime-min/onnxcc_cpu.h\"\n#include <stdio.h>\nint main(void) {\n  uint32_t has[ONNXCC_CPU_WORDS];\n");
  text_string(&text, "  int own = 0, theirs = 0;\n  onnxcc_cpu(has);\n  __builtin_cpu_init();\n");
  for (int i = 0; i < 3; i++) {
    const uint32_t *n = target_find(levels[i])->cpu_needs;
    text_format(&text, "  { const uint32_t needs[] = {%uu, %uu, %uu, %uu, %uu, %uu};\n    own += onnxcc_cpu_has(has, needs); }\n", n[0], n[1], n[2],
                n[3], n[4], n[5]);
    text_format(&text, "  theirs += __builtin_cpu_supports(\"%s\") != 0;\n", levels[i]);
  }
  text_string(&text, "  printf(\"%d %d\\n\", own, theirs);\n  return 0;\n}\n");
  bool written = write_text("cpu", ".c", &text);
  context_close(&context);
  return written;
}

TEST(detection_agrees_with_the_compiler) {
  CHECK(write_detection());
  CHECK(harness_run("gcc " STRICT_WARNINGS " -std=c99 -static -I. $D/cpu.c -o $D/cpu"));
  CHECK(harness_run("set -- $($D/cpu) && test $1 = $2"));
  if (!harness_has("qemu-x86_64")) SKIP("other processors: qemu-x86_64 is missing");
  CHECK(harness_run("test \"$(qemu-x86_64 -cpu qemu64 $D/cpu)\" = '0 0'"));
  CHECK(harness_run("test \"$(qemu-x86_64 -cpu Nehalem $D/cpu)\" = '1 1'"));
  CHECK(harness_run("test \"$(qemu-x86_64 -cpu max $D/cpu)\" = '2 2'"));
}

int main(void) {
#if defined(__x86_64__)
  if (!harness_open()) return 1;
  RUN(members_run_whatever_the_file_is_compiled_for);
  RUN(members_run_in_the_interpreter);
  RUN(text_reads_back);
  RUN(detection_agrees_with_the_compiler);
  harness_close();
  return check_done();
#else
  puts("skip group - this machine is no x86");
  return 0;
#endif
}
