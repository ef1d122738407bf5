#include "tests/ulp/subject.h"

#include "compiler/loop/evaluate.h"
#include "tests/emit/harness.h"

struct Subject {
  Context  context;
  Arena   *arena;
  Program *program;
  Target   target;
  const SubjectFunction *functions;
  int      count;
  bool     compiled;
  void    *library, *instance;           /* compiled: the shared object, its context */
  const onnxcc_model_info *info;
  /* the operands and result at hand */
  int32_t     which;
  const void *inputs[5];
  void       *outputs[2];
  double      unused[2][BATCH];          /* operands and result of the other type */
};

static const char *compiler(void) {
  const char *named = getenv("CC");
  return named && *named ? named : "cc";
}

bool subject_can_compile(bool fused) { return harness_has(compiler()) && (!fused || target_native()->has_fma); }

/* Without fma for any machine but its square roots and roundings. */
static Target make_target(bool fused) {
  Target target = *target_native();
  target.has_fma = fused;
  return target;
}

/* ---- the program ------------------------------------------------------------------------------------------------------ */

static void put_buffers(Text *text) {
  static const char *const types[] = {"f32", "f64"};
  text_format(text, "program\n");
  text_format(text, "info model \"ulp\" producer \"\" description \"\" ir_version 8 opset 20 hash \"0\"\n");
  text_format(text, "info input \"which\" i32[1] buffer 0\n");
  for (int k = 0; k < 4; k++) text_format(text, "info input \"%c%d\" %s[%d] buffer %d\n", "ab"[k & 1], k / 2, types[k / 2], BATCH, 1 + k);
  for (int k = 0; k < 2; k++) text_format(text, "info output \"y%d\" %s[%d] buffer %d\n", k, types[k], BATCH, 5 + k);
  text_format(text, "buffer which: i32[1] input 0\n");
  for (int k = 0; k < 4; k++) text_format(text, "buffer %c%d: %s[%d] input %d\n", "ab"[k & 1], k / 2, types[k / 2], BATCH, 1 + k);
  for (int k = 0; k < 2; k++) text_format(text, "buffer y%d: %s[%d] output %d\n", k, types[k], BATCH, k);
}

static void put_function(Text *text, const SubjectFunction *function) {
  const char *type = function->wide ? "f64" : "f32";
  bool        two = function->operands == 2;
  text_format(text, "function %s(a: %s%s%s) -> %s\n", function->name, type, two ? ", b: " : "", two ? type : "", type);
  text_format(text, "kernel points_%s(a: %s[%d] in, b: %s[%d] in, y: %s[%d] out) {\n", function->name, type, BATCH, type, BATCH, type, BATCH);
  text_format(text, "  for i in 0..%d { y[i] = %s(a[i]%s) }\n}\n", BATCH, function->name, two ? ", b[i]" : "");
}

/* Both outputs are written whatever function is meant, as every output must be. */
static void put_entry(Text *text, const SubjectFunction *functions, int count) {
  text_format(text, "kernel clear(y0: f32[%d] out, y1: f64[%d] out) {\n", BATCH, BATCH);
  text_format(text, "  for i in 0..%d { y0[i] = 0:f32 y1[i] = 0:f64 }\n}\n", BATCH);
  text_format(text, "entry run {\n  call clear(y0, y1)\n");
  for (int k = 0; k < count; k++) {
    int type = functions[k].wide;
    text_format(text, "  if which[0] == %d { call points_%s(a%d, b%d, y%d) }\n", k, functions[k].name, type, type, type);
  }
  text_format(text, "}\n");
}

static void open_program(void *self) {
  Subject *subject = self;
  subject->arena = arena_open(&subject->context);
  Text text;
  text_open(&text, subject->arena);
  put_buffers(&text);
  for (int k = 0; k < subject->count; k++) put_function(&text, &subject->functions[k]);
  put_entry(&text, subject->functions, subject->count);
  subject->program = program_parse(&subject->context, subject->arena, "ulp", text.data, text.length);
  if (subject->compiled) {
    EmitOptions options = harness_options("ulp", "generic", WEIGHTS_INLINE);
    Emission    emission;
    options.target = &subject->target;
    if (!harness_open() || !harness_emit(subject->program, subject->arena, options, &emission)) exit(1);
  } else {
    loop_legalise(subject->program, &subject->target);
  }
  program_verify(subject->program);
}

static void guard(Subject *subject, void (*body)(void *)) {
  if (context_guard(&subject->context, body, subject) == OUTCOME_OK) return;
  for (uint32_t k = 0; k < subject->context.diagnostic_count; k++) fprintf(stderr, "%s\n", subject->context.diagnostics[k].message);
  exit(1);
}

/* ---- running ---------------------------------------------------------------------------------------------------------- */

static void fail(const char *what) {
  fprintf(stderr, "ulp: %s\n", what);
  exit(1);
}

static void load(Subject *subject) {
  const char *flags = target_native()->c_flags;
  if (!harness_run("%s -O3 -w -std=c99 %s -fPIC -shared -I$D $D/ulp.c -o $D/ulp.so", compiler(), flags ? flags : "")) fail("the C compiler failed");
  subject->info = harness_load("ulp", &subject->library);
  harness_close();
  if (!subject->info) fail("the compiled functions can't be loaded");
  onnxcc_config config = {.abi = ONNXCC_ABI};
  if (posix_memalign(&subject->instance, 64, subject->info->ctx_bytes + 64) != 0) fail("no memory");
  if (subject->info->init(subject->instance, &config) != 0) fail("init failed");
}

static void interpret(void *self) {
  Subject   *subject = self;
  int64_t    symbols[1] = {0};
  Evaluation evaluation = {.inputs = subject->inputs, .outputs = subject->outputs, .symbols = symbols};
  Evaluator  evaluator = interpreter();
  evaluator.run(evaluator.self, subject->program, 0, subject->arena, &evaluation);
  if (evaluation.fault) fail(evaluation.fault);
}

Subject *subject_open(const SubjectFunction *functions, int count, bool fused, bool compiled) {
  Subject *subject = calloc(1, sizeof *subject);
  if (!subject || !context_open(&subject->context, NULL, -1)) fail("no memory");
  subject->functions = functions;
  subject->count = count;
  subject->compiled = compiled;
  subject->target = make_target(fused);
  guard(subject, open_program);
  if (compiled) load(subject);
  return subject;
}

void subject_run(Subject *subject, int function, const void *a, const void *b, void *results) {
  bool wide = subject->functions[function].wide;
  subject->which = function;
  subject->inputs[0] = &subject->which;
  for (int type = 0; type < 2; type++) {
    subject->inputs[1 + 2 * type] = type == wide ? a : subject->unused[0];
    subject->inputs[2 + 2 * type] = type == wide ? b : subject->unused[0];
    subject->outputs[type] = type == wide ? results : subject->unused[1];
  }
  if (!subject->compiled) guard(subject, interpret);
  else if (subject->info->run(subject->instance, NULL, subject->inputs, subject->outputs, NULL) != 0) fail("the run failed");
}

static unsigned count_operations(const Program *program, const Code *code) {
  unsigned count = 0;
  for (Expr expr = 1; expr < code->exprs.count; expr++) {
    const ExprNode *node = &code->exprs.data[expr];
    if (node->op == LOOP_CALL) count += count_operations(program, &program->functions.data[node->operand[0]]);
    else if (loop_op_operands((LoopOp)node->op) > 0 && node->op != LOOP_BITCAST) count++;
  }
  return count;
}

unsigned subject_operations(const Subject *subject, int function) {
  const Program *program = subject->program;
  return count_operations(program, &program->functions.data[program_find_function(program, subject->functions[function].name)]);
}

void subject_close(Subject *subject) {
  if (subject->library) dlclose(subject->library);
  free(subject->instance);
  context_close(&subject->context);
  free(subject);
}
