/* The generated interface: files that compile clean everywhere, checks of every argument, run-time sizes, state, weights in all forms, no names of
 * the model outside comments and strings, the same bytes twice. */
#include <ctype.h>

#include "compiler/loop/evaluate.h"
#include "tests/emit/harness.h"

typedef struct Fixture {
  Context  context;
  Arena   *arena;
  Program *program;
  void (*body)(struct Fixture *);
} Fixture;

static void run_body(void *self) {
  Fixture *f = self;
  f->arena = arena_open(&f->context);
  f->body(f);
}

static void with_fixture(void (*body)(Fixture *)) {
  Fixture f = {.body = body};
  if (!context_open(&f.context, NULL, -1)) return;
  Outcome outcome = context_guard(&f.context, run_body, &f);
  for (uint32_t i = 0; i < f.context.diagnostic_count; i++) printf("# %s\n", f.context.diagnostics[i].message);
  if (outcome != OUTCOME_OK) check_settle("not ok", "left with outcome %d", (int)outcome);
  context_close(&f.context);
}
#define FIXTURE_TEST(name)                                                                                                                           \
  static void name##_body(Fixture *f);                                                                                                               \
  TEST(name) { with_fixture(name##_body); }                                                                                                          \
  static void name##_body(Fixture *f)

static char *read_file(Fixture *f, const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  if (!file) bug(&f->context, "%s cannot be read", path);
  char *text = arena_allocate(f->arena, 1 << 16);
  *length = fread(text, 1, (1 << 16) - 1, file);
  fclose(file);
  return text;
}

static Program *parse_file(Fixture *f, const char *path) {
  size_t length;
  char  *text = read_file(f, path, &length);
  return program_parse(&f->context, f->arena, path, text, length);
}

static bool emit_file(Fixture *f, const char *path, EmitOptions options, Emission *emission) {
  f->program = parse_file(f, path);
  return harness_emit(f->program, f->arena, options, emission);
}

/* ---- static models ---- */

static const char two_layers[] = "tests/emit/two_layers.lir", symbols[] = "tests/emit/symbols.lir", names[] = "tests/emit/names.lir";

typedef struct Loaded {
  void                    *library, *ctx, *workspace;
  const onnxcc_model_info *info;
  onnxcc_config            config;
} Loaded;

static void *aligned_memory(size_t bytes) {
  void *memory = NULL;
  if (posix_memalign(&memory, 64, bytes + 64) != 0) return NULL;
  memset(memory, 0xa5, bytes + 64);
  return memory;
}

static bool load(Loaded *l, const char *name, size_t workspace) {
  *l = (Loaded){.info = harness_load(name, &l->library)};
  if (!l->info) return false;
  l->ctx = aligned_memory(l->info->ctx_bytes);
  l->workspace = aligned_memory(workspace);
  l->config = (onnxcc_config){.abi = ONNXCC_ABI,
                              .workspace = l->workspace,
                              .workspace_bytes = workspace,
                              .state = aligned_memory(l->info->state_bytes),
                              .state_bytes = l->info->state_bytes};
  return true;
}

static void unload(Loaded *l) {
  free(l->ctx);
  free(l->workspace);
  free(l->config.state);
  if (l->library) dlclose(l->library);
}

static const float two_inputs[6] = {1, 2, 3, -1, 0.5f, 4};

/* What the interpreter gives for the two layers. */
static bool reference(Fixture *f, float y[8], float *total) {
  const void *inputs[] = {two_inputs};
  void       *outputs[] = {y, total};
  Evaluator   evaluator = interpreter();
  Evaluation  evaluation = {.inputs = inputs, .outputs = outputs};
  return evaluator.run(evaluator.self, f->program, 0, f->arena, &evaluation) && !evaluation.fault;
}

/* Emits in a form, compiles, runs, compares; leaves the model loaded. */
static bool same_as_interpreter(Fixture *f, WeightForm form, const char *name, Loaded *l) {
  Emission emission;
  float    wanted[9], got[9];
  if (!emit_file(f, two_layers, harness_options(name, "host", form), &emission)) return false;
  if (!harness_compile("gcc -std=c99 -O2", name) || !load(l, name, 64)) return false;
  if (form == WEIGHTS_FILE) {
    l->config.weights = memcpy(aligned_memory(emission.weights.length), emission.weights.data, emission.weights.length);
    l->config.weights_bytes = emission.weights.length;
  }
  const void *inputs[] = {two_inputs};
  void       *outputs[] = {got, got + 8};
  if (l->info->init(l->ctx, &l->config) != 0 || l->info->run(l->ctx, NULL, inputs, outputs, NULL) != 0) return false;
  return reference(f, wanted, wanted + 8) && memcmp(wanted, got, sizeof wanted) == 0;
}

FIXTURE_TEST(weights_inline) {
  Loaded l;
  CHECK(same_as_interpreter(f, WEIGHTS_INLINE, "inl", &l));
  unload(&l);
}

FIXTURE_TEST(weights_incbin) {
  Loaded l;
  CHECK(same_as_interpreter(f, WEIGHTS_INCBIN, "inc", &l));
  CHECK(harness_run("gcc -flto -O2 -DINC_WEIGHTS_PATH=\"\\\"$D/inc.weights.bin\\\"\" -fPIC -shared -I$D $D/inc.c -o $D/lto.so"));
  if (harness_has("clang")) CHECK(harness_compile("clang -std=c99 -O2", "inc"));
  unload(&l);
}

FIXTURE_TEST(weights_given_by_the_caller) {
  Loaded l;
  CHECK(same_as_interpreter(f, WEIGHTS_FILE, "fil", &l));
  ((unsigned char *)l.config.weights)[5] ^= 1; /* ours, behind a pointer to const */
  CHECK_INT(l.info->init(l.ctx, &l.config), ONNXCC_ERROR_WEIGHTS);
  l.config.weights_bytes--;
  CHECK_INT(l.info->init(l.ctx, &l.config), ONNXCC_ERROR_WEIGHTS);
  l.config.weights = NULL;
  CHECK_INT(l.info->init(l.ctx, &l.config), ONNXCC_ERROR_WEIGHTS);
  CHECK(harness_compile("gcc -std=c99 -O2 -DFIL_ANY_WEIGHTS", "fil"));
  unload(&l);
}

FIXTURE_TEST(weights_in_place_of_those_compiled_in) {
  Loaded      l;
  Emission    emission;
  EmitOptions options = harness_options("swap", "host", WEIGHTS_INCBIN);
  CHECK(emit_file(f, two_layers, options, &emission) && harness_compile("gcc -std=c99 -O2 -DSWAP_ANY_WEIGHTS", "swap") && load(&l, "swap", 64));
  l.config.weights = aligned_memory(emission.weights.length);
  l.config.weights_bytes = emission.weights.length;
  memset((void *)(uintptr_t)l.config.weights, 0, emission.weights.length);
  float       got[9];
  const void *inputs[] = {two_inputs};
  void       *outputs[] = {got, got + 8};
  CHECK_INT(l.info->init(l.ctx, &l.config), 0);
  CHECK_INT(l.info->run(l.ctx, NULL, inputs, outputs, NULL), 0);
  for (int i = 0; i < 9; i++) CHECK(got[i] == 0);
  unload(&l);
}

FIXTURE_TEST(arguments_are_checked) {
  Loaded l;
  CHECK(same_as_interpreter(f, WEIGHTS_INLINE, "arg", &l));
  const void   *inputs[] = {two_inputs};
  float         got[9];
  void         *outputs[] = {got, got + 8}, *missing[] = {got, NULL};
  onnxcc_config bad = l.config;
  CHECK_INT(l.info->run(l.ctx, NULL, inputs, missing, NULL), ONNXCC_ERROR_ARGUMENT);
  CHECK_INT(l.info->run(l.ctx, NULL, NULL, outputs, NULL), ONNXCC_ERROR_ARGUMENT);
  CHECK_INT(l.info->run(NULL, NULL, inputs, outputs, NULL), ONNXCC_ERROR_ARGUMENT);
  CHECK_INT(l.info->init(l.ctx, NULL), ONNXCC_ERROR_ARGUMENT);
  CHECK_INT(l.info->init(NULL, &bad), ONNXCC_ERROR_ARGUMENT);
  bad.abi++;
  CHECK_INT(l.info->init(l.ctx, &bad), ONNXCC_ERROR_ARGUMENT);
  bad = l.config;
  bad.workspace = (char *)bad.workspace + 4;
  CHECK_INT(l.info->init(l.ctx, &bad), ONNXCC_ERROR_WORKSPACE);
  CHECK_INT(l.info->run(l.ctx, NULL, inputs, outputs, NULL), ONNXCC_ERROR_ARGUMENT); /* a failed init leaves no usable context */
  bad = l.config;
  bad.workspace_bytes--;
  CHECK_INT(l.info->init(l.ctx, &bad), ONNXCC_ERROR_WORKSPACE);
  bad.workspace = NULL;
  CHECK_INT(l.info->init(l.ctx, &bad), ONNXCC_ERROR_WORKSPACE);
  memset(l.ctx, 0, l.info->ctx_bytes);
  CHECK_INT(l.info->reset(l.ctx), ONNXCC_ERROR_ARGUMENT);
  unload(&l);
}

FIXTURE_TEST(description) {
  Loaded  l;
  int64_t shape[2];
  CHECK(same_as_interpreter(f, WEIGHTS_INLINE, "inf", &l));
  const onnxcc_model_info *info = l.info;
  CHECK(info->input_count == 1 && info->output_count == 2 && info->node_count == 2 && info->symbol_count == 0);
  CHECK_TEXT(info->inputs[0].name, "x");
  CHECK_TEXT(info->outputs[0].name, "y.0");
  CHECK_TEXT(info->outputs[0].field, "output_0");
  CHECK_TEXT(info->nodes[0].name, "fc */ 1");
  CHECK_TEXT(info->model_name, "two layers");
  CHECK(info->model_hash == 0xab && info->opset == 17 && info->nodes[1].macs == 8);
  CHECK(info->outputs[0].rank == 2 && info->outputs[0].dims[1] == 4 && info->outputs[1].rank == 0 && info->outputs[1].dims == NULL);
  CHECK(info->shape(1, 0, NULL, NULL, shape) == 0 && shape[0] == 2 && shape[1] == 4);
  CHECK_INT(info->shape(1, 2, NULL, NULL, shape), ONNXCC_ERROR_ARGUMENT);
  CHECK_INT(info->workspace(NULL), 64);
  unload(&l);
}

/* The typed interface as a user writes it, in C and C++, with the one-liner and two models in one file. */
FIXTURE_TEST(header_as_a_user_has_it) {
  static const char program[] =
      "#include \"one.h\"\n#include \"two.h\"\n#include <stdio.h>\n"
      "static ONNXCC_ALIGNED(ONE_ALIGN) unsigned char workspace[ONE_WORKSPACE_BYTES];\n"
      "int main(void) {\n"
      "  static const float x[ONE_X_SIZE] = {1, 2, 3, -1, 0.5f, 4};\n"
      "  static const int shape[ONE_X_RANK] = ONE_X_SHAPE;\n"
      "  float y[ONE_OUTPUT_0_SIZE], total, again;\n"
      "  one_ctx ctx; one_config config = {ONE_ABI, 1, workspace, NULL, NULL, sizeof workspace, 0, 0, NULL, 0, NULL, NULL, 0};\n"
      "  one_io io;\n  io.x = x; io.output_0 = y; io.total = &total;\n"
      "  if (one_init(&ctx, &config) != ONNXCC_OK || one_run(&ctx, &io) != 0 || one_reset(&ctx) != 0) return 1;\n"
      "  if (two(x, y, &again) != 0 || two(x, y, &again) != 0) return 2;\n"
      "  return total == again && shape[1] == 3 && one_info()->input_count == 1 && one_workspace_bytes() <= sizeof workspace && ONE_STACK_BYTES > 0 "
      "? 0 : 3;\n}\n";
  Emission emission;
  Text     text;
  text_open(&text, f->arena);
  text_string(&text, program);
  CHECK(emit_file(f, two_layers, harness_options("one", "host", WEIGHTS_INLINE), &emission));
  CHECK(emit_file(f, two_layers, harness_options("two", "host", WEIGHTS_INLINE), &emission));
  CHECK(write_text("user", ".c", &text));
  CHECK(harness_run("cd $D && gcc -std=c99 -O1 " STRICT_WARNINGS " -DTWO_STATIC_WORKSPACE -DONE_PROFILE user.c one.c two.c -o user && ./user"));
  CHECK(harness_run("cd $D && g++ -x c++ -std=c++17 -O1 " STRICT_WARNINGS_CPP " -DTWO_STATIC_WORKSPACE user.c one.c two.c -o user && ./user"));
  CHECK(harness_run("cd $D && g++ -x c++ -std=c++11 -fsyntax-only -Wall -Wextra -Wpedantic -Werror -DTWO_STATIC_WORKSPACE user.c"));
  CHECK(harness_run("cd $D && gcc -std=c99 -O1 -fsyntax-only -DONE_NO_INFO " STRICT_WARNINGS " one.c"));
  CHECK(harness_run("cd $D && cat one.c two.c > both.c && gcc -std=c99 -O1 " STRICT_WARNINGS " -c both.c")); /* unity builds */
}

/* ---- symbolic models ---- */

enum { ROWS = 3, CHANNELS = 5 };

FIXTURE_TEST(sizes_chosen_and_found) {
  Emission    emission;
  Loaded      l;
  EmitOptions options = harness_options("sym", "host", WEIGHTS_INLINE);
  CHECK(emit_file(f, symbols, options, &emission) && harness_compile("gcc -std=c99 -O2 -fsanitize=undefined -fno-sanitize-recover=all", "sym"));
  void                    *library;
  const onnxcc_model_info *info = harness_load("sym", &library);
  CHECK(info && info->dim_count == 2 && info->run_dim_count == 1 && !info->workspace_bounded);
  CHECK(info->symbols[0].input == 0 && info->symbols[0].axis == 0 && info->symbols[1].axis == 1 && info->symbols[2].run_time == 1 &&
        info->symbols[2].hi == 1000);
  CHECK_TEXT(info->symbols[1].name, "channel count");
  CHECK_TEXT(info->inputs[0].dim_text[1], "\"channel count\"");
  int64_t dims[] = {ROWS, CHANNELS}, run_dims[1] = {-1}, shape[2];
  size_t  bytes = info->workspace(dims);
  CHECK(bytes >= ROWS * CHANNELS * 4 * 4 && load(&l, "sym", bytes));
  float   x[ROWS * CHANNELS], kept[1000], wanted_kept[1000];
  uint8_t mask[ROWS * CHANNELS], wanted_mask[ROWS * CHANNELS];
  int64_t limit = 4, symbol_values[4] = {ROWS, CHANNELS, 0, 0};
  int32_t turns = 0, wanted_turns = 0;
  for (int i = 0; i < ROWS * CHANNELS; i++) x[i] = (float)(i % 7) - 2;
  const void *inputs[] = {x, &limit};
  void       *outputs[] = {kept, mask, &turns}, *wanted[] = {wanted_kept, wanted_mask, &wanted_turns};
  Evaluator   evaluator = interpreter();
  Evaluation  evaluation = {.inputs = inputs, .outputs = wanted, .symbols = symbol_values};
  CHECK(evaluator.run(evaluator.self, f->program, 0, f->arena, &evaluation) && evaluation.status == 0);
  CHECK_INT(l.info->init(l.ctx, &l.config), 0);
  CHECK_INT(l.info->run(l.ctx, dims, inputs, outputs, run_dims), 0);
  CHECK_INT(run_dims[0], symbol_values[2]);
  CHECK(memcmp(kept, wanted_kept, sizeof kept) == 0 && memcmp(mask, wanted_mask, sizeof mask) == 0 && turns == 1);
  CHECK(info->shape(1, 0, dims, run_dims, shape) == 0 && shape[0] == run_dims[0]);
  CHECK(info->shape(1, 0, dims, NULL, shape) == 0 && shape[0] == 1000);
  CHECK(info->shape(1, 1, dims, NULL, shape) == 0 && shape[0] == ROWS && shape[1] == CHANNELS);
  CHECK_INT(l.info->run(l.ctx, dims, inputs, outputs, run_dims), 0);
  CHECK_INT(turns, 12); /* state: 1, then + 10, then + 1 */
  CHECK_INT(l.info->reset(l.ctx), 0);
  CHECK_INT(l.info->run(l.ctx, dims, inputs, outputs, NULL), 0);
  CHECK_INT(turns, 1);
  limit = -1;
  CHECK_INT(l.info->run(l.ctx, dims, inputs, outputs, run_dims), ONNXCC_ERROR_INDEX);
  dlclose(library);
  unload(&l);
}

FIXTURE_TEST(sizes_out_of_range) {
  Emission emission;
  Loaded   l;
  CHECK(emit_file(f, symbols, harness_options("rng", "host", WEIGHTS_INLINE), &emission) && harness_compile("gcc -std=c99 -O2", "rng") &&
        load(&l, "rng", 4096));
  static const int64_t bad[][2] = {{0, 1}, {1, 0}, {1, 65}, {-1, 1}}, large[] = {INT64_MAX, 64}, fits[] = {4, 4}, too_many[] = {100, 64};
  float                x[16] = {0}, kept[1000];
  uint8_t              mask[16];
  int64_t              limit = 2;
  int32_t              turns;
  const void          *inputs[] = {x, &limit};
  void                *outputs[] = {kept, mask, &turns};
  CHECK_INT(l.info->init(l.ctx, &l.config), 0);
  for (int i = 0; i < 4; i++) {
    CHECK_INT(l.info->workspace(bad[i]), 0);
    CHECK_INT(l.info->run(l.ctx, bad[i], inputs, outputs, NULL), ONNXCC_ERROR_SHAPE);
  }
  CHECK(l.info->workspace(large) == SIZE_MAX);
  CHECK_INT(l.info->run(l.ctx, large, inputs, outputs, NULL), ONNXCC_ERROR_WORKSPACE);
  CHECK_INT(l.info->run(l.ctx, too_many, inputs, outputs, NULL), ONNXCC_ERROR_WORKSPACE);
  CHECK_INT(l.info->run(l.ctx, NULL, inputs, outputs, NULL), ONNXCC_ERROR_ARGUMENT);
  CHECK_INT(l.info->run(l.ctx, fits, inputs, outputs, NULL), 0);
  CHECK_INT(l.info->init(l.ctx, &(onnxcc_config){.abi = ONNXCC_ABI, .workspace = l.workspace, .workspace_bytes = 4096}),
            ONNXCC_ERROR_WORKSPACE); /* no state */
  unload(&l);
}

/* ---- names ---- */

/* The text without comments, and with every string literal as "". */
static char *without_names(Fixture *f, const Text *text) {
  char *result = arena_allocate(f->arena, text->length + 1), *to = result;
  for (size_t i = 0; i < text->length;) {
    const char *at = text->data + i;
    if (text->length - i > 1 && at[0] == '/' && at[1] == '*') {
      for (i += 2; i + 1 < text->length && !(text->data[i] == '*' && text->data[i + 1] == '/');) i++;
      i += 2;
    } else if (at[0] == '"') {
      *to++ = '"';
      for (i++; i < text->length && text->data[i] != '"';) i += text->data[i] == '\\' ? 2 : 1;
      i++;
      *to++ = '"';
    } else {
      *to++ = at[0];
      i++;
    }
  }
  *to = 0;
  return result;
}

static const char *const hostile[] = {
    "*/ int evil; /*",
    "a\"); system(\"true\"); (\"",
    "line\nbreak\r\n#error injected",
    "\\\n",
    "?\?/\n#error trigraph",
    "\xe2\x80\xae\xe2\x81\xa6 bidi",
    "int",
    "I",
    "linux",
    "memcpy",
    "NULL",
    "__LINE__",
    "evil_run",
    "EVIL_ALIGN",
    "onnxcc_config",
    "%s%n%d",
    "",
    "workspace",
    "\x80\xff\xfe",
    "/* /* */",
    "//",
    "size_0",
    "io",
    "uint8_t",
    "INT_MAX",
};
enum { HOSTILE_COUNT = sizeof hostile / sizeof *hostile };

static const char *hostile_name(Fixture *f, uint32_t number, uint32_t round) {
  const char *name = hostile[(number + round) % HOSTILE_COUNT];
  return number < HOSTILE_COUNT ? name : arena_format(f->arena, "%s\n%u", name, number);
}

/* Replaces every string that comes from a model: names of tensors, nodes, symbols, notes. */
static void rename_all(Fixture *f, uint32_t round) {
  Program     *p = f->program;
  ProgramInfo *info = &p->info;
  uint32_t     n = 0;
  info->model_name = hostile_name(f, n++, round);
  info->producer = hostile_name(f, n++, round);
  info->description = hostile_name(f, n++, round);
  for (uint32_t i = 0; i < info->inputs.count; i++) info->inputs.data[i].name = hostile_name(f, n++, round);
  for (uint32_t i = 0; i < info->outputs.count; i++) info->outputs.data[i].name = hostile_name(f, n++, round);
  for (uint32_t i = 0; i < info->nodes.count; i++)
    info->nodes.data[i] = (InfoNode){hostile_name(f, n, round), hostile_name(f, n + 1, round), hostile_name(f, n + 2, round), 3, 4};
  for (uint32_t i = 0; i < p->dims->symbols.count; i++) p->dims->symbols.data[i].name = hostile_name(f, n++, round);
  for (uint32_t k = 0; k < p->kernels.count; k++)
    for (uint32_t i = 0; i < 3; i++) vector_push(f->arena, &p->kernels.data[k].notes, hostile_name(f, n++, round));
}

FIXTURE_TEST(hostile_names_change_comments_and_strings_only) {
  char *first = NULL, *first_header = NULL;
  for (uint32_t round = 0; round < HOSTILE_COUNT; round++) {
    Emission    emission;
    EmitOptions options = harness_options("evil", "host", WEIGHTS_INLINE);
    f->program = parse_file(f, symbols);
    rename_all(f, round);
    CHECK(harness_emit(f->program, f->arena, options, &emission));
    char *source = without_names(f, &emission.source), *header = without_names(f, &emission.header);
    if (round == 0) first = source, first_header = header;
    CHECK_TEXT(source, first);
    CHECK_TEXT(header, first_header);
    for (size_t i = 0; i < emission.source.length; i++) CHECK(isprint((unsigned char)emission.source.data[i]) || emission.source.data[i] == '\n');
    for (size_t i = 0; i < emission.header.length; i++) CHECK(isprint((unsigned char)emission.header.data[i]) || emission.header.data[i] == '\n');
    if (round % 7 == 0) CHECK(harness_run("gcc -std=c99 " STRICT_WARNINGS " -fsyntax-only -I$D $D/evil.c"));
  }
}

/* Plain names become members; doubtful ones get numbers. */
FIXTURE_TEST(plain_names_become_members) {
  static const char *const wanted[] = {"const float *mel;",     "const float *input_1;", "const float *input_2;", "const float *input_3;",
                                       "const float *input_4;", "float *scores;",        "int64_t batch;",        "int64_t dim_1;"};
  Emission                 emission;
  CHECK(emit_file(f, names, harness_options("kws", "host", WEIGHTS_INLINE), &emission));
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
    if (!strstr(text_finish(&emission.header), wanted[i])) check_settle("not ok", "the header lacks %s", wanted[i]);
  CHECK(harness_run("gcc -std=c99 " STRICT_WARNINGS " -fsyntax-only -I$D $D/kws.c"));
}

FIXTURE_TEST(same_input_same_bytes) {
  static const char *const files[] = {two_layers, symbols, names};
  static const char *const targets[] = {"generic", "x86-64-v3", "cortex-m4"};
  for (int i = 0; i < 9; i++) {
    Emission    first, second;
    EmitOptions options = harness_options("same", targets[i / 3], i % 2 ? WEIGHTS_INCBIN : WEIGHTS_INLINE);
    CHECK(emit_file(f, files[i % 3], options, &first) && emit_file(f, files[i % 3], options, &second));
    CHECK_TEXT(text_finish(&first.source), text_finish(&second.source));
    CHECK_TEXT(text_finish(&first.header), text_finish(&second.header));
    CHECK(first.weights.length == second.weights.length);
  }
}

typedef struct Named {
  Fixture    *fixture;
  EmitOptions options;
} Named;

static void emit_named_body(void *self) {
  Named   *named = self;
  Emission emission;
  named->fixture->arena = arena_open(&named->fixture->context);
  Program *program = parse_file(named->fixture, two_layers);
  loop_legalise(program, named->options.target);
  loop_place(program, 0);
  emit_c(program, &named->options, named->fixture->arena, &emission);
}

static Outcome emit_named(const char *name, const char *file_name) {
  Fixture     f = {0};
  EmitOptions options = harness_options(name, "host", WEIGHTS_INLINE);
  options.file_name = file_name;
  if (!context_open(&f.context, NULL, -1)) return OUTCOME_BUG;
  Named   named = {&f, options};
  Outcome outcome = context_guard(&f.context, emit_named_body, &named);
  context_close(&f.context);
  return outcome;
}

TEST(names_of_outputs) {
  static const char *const good[] = {"kws", "my model", "a.b-c+d"};
  static const char *const bad[] = {"a\"b", "a\nb", "a\\b", "\xc3\xa4", "a/b"};
  static const char *const bad_prefixes[] = {"onnxcc", "onnxcc_model", "int", "1x", "a b", "", "_x"};
  for (int i = 0; i < 3; i++) CHECK_INT(emit_named("kws", good[i]), OUTCOME_OK);
  for (int i = 0; i < 5; i++) CHECK_INT(emit_named("kws", bad[i]), OUTCOME_USAGE);
  for (int i = 0; i < 7; i++) CHECK_INT(emit_named(bad_prefixes[i], "kws"), OUTCOME_USAGE);
}

/* The optional files of the runtime, as C and C++. */
TEST(runtime) {
  CHECK(harness_run("gcc -std=c99 " STRICT_WARNINGS " -c runtime-min/onnxcc_strings.c -o $D/strings.o && nm $D/strings.o | " UNDEFINED_CHECK));
  CHECK(harness_run("g++ -x c++ -std=c++11 " STRICT_WARNINGS_CPP " -c runtime-min/onnxcc_strings.c -o $D/strings.o"));
}

int main(void) {
  if (!harness_open()) return 1;
  RUN(weights_inline);
  RUN(weights_incbin);
  RUN(weights_given_by_the_caller);
  RUN(weights_in_place_of_those_compiled_in);
  RUN(arguments_are_checked);
  RUN(description);
  RUN(header_as_a_user_has_it);
  RUN(sizes_chosen_and_found);
  RUN(sizes_out_of_range);
  RUN(hostile_names_change_comments_and_strings_only);
  RUN(plain_names_become_members);
  RUN(same_input_same_bytes);
  RUN(names_of_outputs);
  RUN(runtime);
  harness_close();
  return check_done();
}
