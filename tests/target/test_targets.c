/* The tables of targets/ are complete and agree; what a user writes becomes the row, features and system that were meant; C compilers and LLVM know
 * the spellings. */
#include <stdio.h>
#include <stdlib.h>

#include "targets/target.h"
#include "tests/check.h"

static Context context;
static Arena  *arena;

static void open_arena(void) {
  if (!context_open(&context, NULL, -1)) abort();
  arena = arena_open(&context);
}

typedef struct Asked {
  const char *text, *triple;
  TargetList  list;
} Asked;
static void ask(void *self) {
  Asked *asked = self;
  target_select(&context, arena, "--target", asked->text, asked->triple, &asked->list);
}
/* The first member; NULL if it was refused. */
static const Target *selected(const char *text, const char *triple) {
  Asked asked = {.text = text, .triple = triple};
  return context_guard(&context, ask, &asked) == OUTCOME_OK ? asked.list.data[0] : NULL;
}
static bool hints(const char *text, const char *hint) {
  if (selected(text, NULL) || context.diagnostic_count == 0) return false;
  const Diagnostic *last = &context.diagnostics[context.diagnostic_count - 1];
  return last->code == CODE_OPTION_VALUE && last->hint && strstr(last->hint, hint);
}

TEST(rows_are_complete) {
  CHECK(target_at(0) && strcmp(target_at(0)->name, "generic") == 0);
  for (uint32_t at = 0; target_at(at); at++) {
    const Target *row = target_at(at);
    CHECK(target_find(row->name) == row); /* no name twice */
    CHECK(row->summary && row->architecture && (row->index_bits == 32 || row->index_bits == 64) && row->stack_limit > 0);
    CHECK(row->features == 0);
    CHECK((row->vector_bytes & (row->vector_bytes - 1)) == 0 && (!row->vector_bytes || row->vector_registers >= 8));
    CHECK(row->vector_bytes || !(row->has_vector_f32 || row->has_vector_f64 || row->has_masked));
    CHECK((!row->has_vector_f32 || row->has_f32) && (!row->has_vector_f64 || row->has_f64));
    if (at == 0) continue;
    CHECK(*row->architecture && row->c_flags && row->c_feature_test && row->llvm_triple && row->llvm_cpu);
    CHECK(target_is_triple(row->llvm_triple));
    CHECK_TEXT(selected(row->llvm_triple, NULL)->architecture, row->architecture);
  }
}

TEST(names_and_triples_have_rows) {
  const char *name, *target;
  uint32_t    count = 0;
  for (uint32_t at = 0; (name = target_name_at(at, &target)); at++, count++) {
    CHECK(!target_find(name)); /* or it would never be reached */
    CHECK(!target_is_triple(name));
    CHECK(selected(name, NULL));
    CHECK(strncmp(selected(name, NULL)->name, target, strlen(target)) == 0);
  }
  for (uint32_t at = 0; (name = target_triple_at(at, &target)); at++, count++) {
    CHECK(target_find(target));
    CHECK(selected(arena_format(arena, "%s-unknown-linux", name), NULL));
  }
  CHECK(count > 40);
}

TEST(features_follow_their_target) {
  const Target *arm = selected("aarch64,+dotprod,+i8mm", NULL);
  CHECK(arm && target_has(arm, FEATURE_DOTPROD) && target_has(arm, FEATURE_I8MM) && !target_has(arm, FEATURE_SVE));
  CHECK_TEXT(arm->name, "aarch64+dotprod+i8mm");
  CHECK_TEXT(arm->c_flags, "-march=armv8-a+dotprod+i8mm");
  CHECK_TEXT(arm->llvm_features, "+neon,+dotprod,+i8mm");
  CHECK_TEXT(arm->c_feature_test, "defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD) && defined(__ARM_FEATURE_MATMUL_INT8)");
  CHECK_TEXT(selected("armv8.2-a+dotprod", NULL)->name, "aarch64+dotprod");
  CHECK_TEXT(selected("armv8.4-a+dotprod", NULL)->name, "aarch64+dotprod"); /* it has it already */
  const Target *sve = selected("aarch64+sve", NULL);
  CHECK(sve && sve->has_masked && target_has(sve, FEATURE_FP16));
  CHECK(!target_find("aarch64")->has_masked);
  CHECK_TEXT(selected("x86-64-v4,+avx512vnni", NULL)->c_flags, "-march=x86-64-v4 -mtune=skylake-avx512 -mavx512vnni");
  CHECK(selected("x86-64-v2+f16c", NULL)->has_f16);
  CHECK_TEXT(selected("rv64gc+zba+zbb", NULL)->c_flags, "-march=rv64gc_zba_zbb -mabi=lp64d");
}

TEST(groups_have_members) {
  Asked asked = {.text = "x86-64-v2,haswell,+avxvnni,x86-64-v4"};
  CHECK_INT(context_guard(&context, ask, &asked), OUTCOME_OK);
  CHECK_INT(asked.list.count, 3);
  CHECK_TEXT(asked.list.data[0]->name, "x86-64-v2");
  CHECK_TEXT(asked.list.data[1]->name, "x86-64-v3+avxvnni");
  CHECK_TEXT(asked.list.data[2]->name, "x86-64-v4");
}

TEST(triples_keep_their_system) {
  CHECK_TEXT(selected("aarch64-apple-darwin", NULL)->llvm_triple, "aarch64-apple-darwin");
  CHECK_TEXT(selected("arm64-apple-ios,+dotprod", "arm64-apple-ios")->name, "aarch64+dotprod");
  CHECK_TEXT(selected("x86_64-pc-windows-msvc", NULL)->name, "x86-64-v1");
  CHECK_TEXT(selected("aarch64-linux-android21", NULL)->name, "aarch64");
  CHECK_TEXT(selected("thumbv7em-none-eabihf", NULL)->name, "cortex-m4");
  CHECK_TEXT(selected("wasm32-unknown-unknown", NULL)->name, "wasm32");
  CHECK_TEXT(selected("haswell", "x86_64-pc-windows-msvc")->llvm_triple, "x86_64-pc-windows-msvc");
  CHECK_TEXT(selected("haswell", "x86_64-pc-windows-msvc")->name, "x86-64-v3");
  CHECK(!selected("cortex-m4", "x86_64-pc-windows-msvc"));
  CHECK(!selected("aarch64-linux\"", NULL));
  CHECK(!selected("aarch64-", NULL));
}

TEST(unknown_words_are_refused) {
  CHECK(hints("cortexm4", "did you mean cortex-m4?"));
  CHECK(hints("haswel", "did you mean haswell?"));
  CHECK(hints("aarch64,+dotprd", "did you mean dotprod?"));
  CHECK(hints("x86-64-v3,+avx512vnni", "avxvnni")); /* too narrow for it */
  CHECK(hints("x86-64-v3+dotprod", "--target=help"));
  CHECK(hints("aarch64-plan9", "aarch64-linux-android"));
  CHECK(hints("", "--target=help"));
  CHECK(hints("+dotprod", "--target=help"));
  CHECK(hints("x86-64-v2,,x86-64-v3", "--target=help"));
  CHECK(hints("aarch64+", "--target=help"));
}

/* A level needs all that the level below it needs. */
TEST(x86_levels_are_nested) {
  static const char *const levels[] = {"x86-64-v1", "x86-64-v2", "x86-64-v3", "x86-64-v4"};
  for (int level = 1; level < 4; level++) {
    const uint32_t *less = target_find(levels[level - 1])->cpu_needs, *more = target_find(levels[level])->cpu_needs;
    for (int word = 0; word < CPU_WORDS; word++) CHECK((less[word] & ~more[word]) == 0);
    CHECK(memcmp(less, more, CPU_WORDS * sizeof *less) != 0);
  }
  CHECK(target_baseline(target_find("x86-64-v4")) == target_find("x86-64-v1"));
}

TEST(native_is_a_row_and_features) {
  const Target *native = selected("native", NULL), *row = target_native();
  CHECK(native && strncmp(native->name, row->name, strlen(row->name)) == 0);
  CHECK_TEXT(selected("host", NULL)->name, target_host()->name);
}

/* ---- spellings ---- */

static bool has(const char *program) { return system(arena_format(arena, "command -v %s >/dev/null 2>&1", program)) == 0; }

/* A row with all features that suit it. */
static const Target *with_all_features(const Target *row) {
  Target *target = arena_copy(arena, row, sizeof *row);
  for (Feature feature = 0; feature < FEATURE_COUNT; feature++)
    if (feature_suits(feature, row)) target_add_feature(arena, target, feature);
  return target;
}

/* In a file compiled for less: the macros that the test asks for come with the attribute in gcc, and clang knows its words. */
TEST(compilers_know_the_attributes) {
  uint32_t checked = 0;
  for (uint32_t at = 0; target_at(at); at++) {
    const Target *target = with_all_features(target_at(at));
    if (!target->c_attribute) continue;
    CHECK(target->has_cpuid && strcmp(target->architecture, "x86_64") == 0);
    const char *source = arena_format(arena,
                                      "#if defined(__clang__)\n__attribute__((target(\"%s\")))\n#else\n#pragma GCC target(\"%s\")\n#if !(%s)\n#error "
                                      "attribute and test disagree\n#endif\n#endif\nint f(int x);\n",
                                      target->c_attribute, target->c_attribute, target->c_feature_test);
    CHECK(setenv("SOURCE", source, 1) == 0);
    for (int i = 0; i < 2; i++) {
      const char *program = i ? "clang" : "x86_64-linux-gnu-gcc";
      if (!has(program)) continue;
      CHECK(system(arena_format(arena, "printf %%s \"$SOURCE\" | %s -Werror -fsyntax-only -x c -", program)) == 0);
      checked++;
    }
  }
  if (checked == 0) SKIP("no compiler for x86 is here");
}

typedef struct Compiler {
  const char *architecture, *program, *flags;
  const char *without; /* features that this one does not know yet, nor rows */
} Compiler;
static const Compiler compilers[] = {
    {"x86_64", "x86_64-linux-gnu-gcc", "", ""},
    {"x86_64", "clang-19", "", ""},
    {"aarch64", "aarch64-linux-gnu-gcc", "", ""},
    {"aarch64", "clang-19", "--target=aarch64-none-elf", ""},
    {"arm", "arm-none-eabi-gcc", "", ""},
    {"arm", "clang-19", "--target=arm-none-eabi", ""},
    {"loongarch64", "clang-19", "", ""},
    {"riscv64", "riscv64-linux-gnu-gcc", "", "rv64gcv zfh"},
    {"riscv64", "clang-19", "--target=riscv64-none-elf", ""},
    {"riscv32", "clang-19", "--target=riscv32-none-elf", ""},
    {"wasm32", "clang-19", "", ""},
};

static bool accepts(const Compiler *compiler, const Target *target) {
  const char *source = arena_format(arena, "#if !(%s)\n#error flags and test disagree\n#endif\nint x;\n", target->c_feature_test);
  if (setenv("SOURCE", source, 1) != 0) return false;
  bool fine = system(arena_format(arena, "printf %%s \"$SOURCE\" | %s %s %s -Werror -fsyntax-only -x c -", compiler->program, target->c_flags,
                                  compiler->flags)) == 0;
  if (!fine) printf("# %s refuses %s\n", compiler->program, target->name);
  return fine;
}

TEST(compilers_know_the_flags) {
  uint32_t checked = 0;
  for (size_t i = 0; i < sizeof compilers / sizeof *compilers; i++) {
    const Compiler *compiler = &compilers[i];
    if (!has(compiler->program)) continue;
    for (uint32_t at = 0; target_at(at); at++) {
      const Target *row = target_at(at);
      if (strcmp(row->architecture, compiler->architecture) != 0 || strstr(compiler->without, row->name)) continue;
      CHECK(accepts(compiler, row));
      checked++;
      for (Feature feature = 0; feature < FEATURE_COUNT; feature++) {
        if (!feature_suits(feature, row) || strstr(compiler->without, feature_name(feature))) continue;
        Target *target = arena_copy(arena, row, sizeof *row);
        target_add_feature(arena, target, feature);
        CHECK(accepts(compiler, target));
        checked++;
      }
    }
  }
  printf("# %u pairs of target and compiler\n", checked);
  if (checked == 0) SKIP("no C compiler of the table is here");
}

TEST(llvm_knows_the_names) {
  if (!has("llc-19")) SKIP("llc-19 is missing");
  for (uint32_t at = 0; target_at(at); at++) {
    if (!target_at(at)->llvm_triple) continue;
    const Target *target = with_all_features(target_at(at));
    char         *command =
        arena_format(arena, "echo 'define void @f() { ret void }' | llc-19 -mtriple=%s -mcpu=%s -mattr=%s %s%s -filetype=obj -o /dev/null 2>&1",
                     target->llvm_triple, target->llvm_cpu, target->llvm_features ? target->llvm_features : "",
                     target->llvm_abi ? "-target-abi=" : "", target->llvm_abi ? target->llvm_abi : "");
    FILE *said = popen(command, "r");
    char  line[256] = "";
    CHECK(said != NULL);
    bool silent = !fgets(line, sizeof line, said), fine = pclose(said) == 0;
    if (!silent || !fine) printf("# %s: %s", target->name, line);
    CHECK(silent && fine); /* what it does not know it mentions and ignores */
  }
}

int main(void) {
  open_arena();
  RUN(rows_are_complete);
  RUN(names_and_triples_have_rows);
  RUN(features_follow_their_target);
  RUN(groups_have_members);
  RUN(triples_keep_their_system);
  RUN(unknown_words_are_refused);
  RUN(x86_levels_are_nested);
  RUN(native_is_a_row_and_features);
  RUN(compilers_know_the_flags);
  RUN(compilers_know_the_attributes);
  RUN(llvm_knows_the_names);
  context_close(&context);
  return check_done();
}
