/* The table of passes and its driver.
 *
 * Before a pass the missing facts it needs are made by the passes that give them; after it the facts it broke are dropped, the result is verified
 * (in debug builds and on request) and shown to who asked for it. Each pass gets a scratch arena of its own. */
#include "passes/pass.h"
#include "compiler/ops/ops.h"
#include <string.h>
#include <time.h>

static bool run_shape(PassState *state) {
  graph_shape(state->module, state->scratch, state->evaluator, &state->budget);
  graph_require_shapes(state->module);
  return true;
}

static bool run_fold(PassState *state) { return state->evaluator && graph_fold(state->module, state->evaluator, &state->budget); }
static bool run_simplify(PassState *state) {
  return graph_simplify(state->module, state->scratch, state->fp != FP_DEFAULT, state->budget.tensor_bytes);
}
static bool run_cse(PassState *state) { return graph_cse(state->module, state->scratch); }
static bool run_dce(PassState *state) { return graph_dce(state->module, state->scratch); }
static bool run_fuse(PassState *state) { return graph_fuse(state->module, state->scratch), true; }

static bool run_strict(PassState *state) { return loop_strict(state->program, state->fp), state->fp != FP_DEFAULT; }
static bool run_math(PassState *state) { return loop_math(state->program, state->math), state->math != MATH_FULL; }
static bool run_flatten(PassState *state) { return loop_flatten(state->program), true; }
static bool run_tidy(PassState *state) { return loop_tidy(state->program), true; }
static bool run_collapse(PassState *state) { return loop_collapse(state->program), true; }
static bool run_vectorise(PassState *state) { return loop_vectorise(state->program, state->target, state->fp), true; }
static bool run_legalise(PassState *state) { return loop_legalise(state->program, state->target), true; }
static bool run_place(PassState *state) { return loop_place(state->program, state->target ? state->target->fast_bytes : 0), true; }

static const PassInfo passes[] = {
#define PASS(id, letter, name, kind, needs, breaks, gives, level, function, summary) \
  [PASS_##id] = {letter, name, PASS_##kind, FACT_##needs, FACT_##breaks, FACT_##gives, level, function, summary},
#include "passes.def"
#undef PASS
};
_Static_assert(sizeof passes / sizeof *passes == PASS_COUNT, "passes.def and enum PassId disagree");

const PassInfo *pass_info(PassId pass) { return &passes[pass]; }

bool pass_find(const char *name, size_t length, PassId *pass) {
  for (PassId id = 0; id < PASS_COUNT; id++) {
    bool by_letter = length == 1 && passes[id].letter == *name;
    if (!by_letter && (strlen(passes[id].name) != length || memcmp(passes[id].name, name, length))) continue;
    *pass = id;
    return true;
  }
  return false;
}

bool pass_enabled(const PassState *state, PassId pass) {
  int choice = state->options.choice[pass];
  return choice ? choice > 0 : state->options.level >= passes[pass].level;
}

/* ---- one pass ------------------------------------------------------------------------------------------------------------- */

static void print_state(const PassState *state, PassKind kind, Text *text) {
  if (kind == PASS_GRAPH) module_print(state->module, &op_names, text);
  else program_print(state->program, text);
}

static void verify(const PassState *state, PassKind kind) {
#ifdef NDEBUG
  if (!state->options.verify_each) return;
#endif
  GraphStage stage = state->facts & FACT_GROUPS ? GRAPH_GROUPED : state->facts & FACT_SHAPES ? GRAPH_SHAPED : GRAPH_READ;
  if (kind == PASS_GRAPH) module_verify(state->module, &op_names, stage);
  else program_verify(state->program);
}

static bool wants_dump(const PassState *state, const PassInfo *info) {
  const char *dump = state->options.dump;
  return dump && state->options.on_dump && (strchr(dump, '*') || strchr(dump, info->letter));
}

static void hand_out_dump(const PassState *state, const PassInfo *info, Text *before) {
  Text after;
  text_open(&after, before->arena);
  print_state(state, info->kind, &after);
  if (after.length == before->length && !memcmp(after.data, before->data, after.length)) {
    text_open(&after, before->arena);
    text_string(&after, "(unchanged)\n");
  }
  state->options.on_dump(state->options.self, info, &after);
}

static uint64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Makes the missing facts. */
static void give(PassState *state, uint32_t facts) {
  for (PassId id = 0; id < PASS_COUNT; id++) {
    uint32_t missing = facts & ~state->facts & passes[id].gives;
    if (!missing) continue;
    require(state->context, !(state->giving & missing));
    state->giving |= missing;
    pass_run(state, id);
    state->giving &= ~missing;
  }
  require(state->context, !(facts & ~state->facts)); /* else nobody gives one of them */
}

bool pass_run(PassState *state, PassId pass) {
  const PassInfo *info = &passes[pass];
  give(state, info->needs);
  if (state->context->progress) state->context->progress(state->context->progress_self, info->name, pass, PASS_COUNT);
  Arena *outer = state->scratch;
  Text   before;
  state->scratch = arena_open(state->context);
  text_open(&before, state->scratch);
  if (wants_dump(state, info)) print_state(state, info->kind, &before);
  uint64_t start = nanoseconds();
  bool     changed = info->run(state);
  uint64_t spent = nanoseconds() - start;
  if (changed) state->facts &= ~info->breaks;
  state->facts |= info->gives;
  if (state->options.on_time) state->options.on_time(state->options.self, info, spent, changed);
  if (wants_dump(state, info)) hand_out_dump(state, info, &before);
  verify(state, info->kind); /* after the dump, which shows what is wrong */
  arena_close(state->scratch);
  state->scratch = outer;
  return changed;
}

void pass_run_all(PassState *state, PassKind kind) {
  for (PassId id = 0; id < PASS_COUNT; id++) {
    bool is_given = passes[id].gives && !(passes[id].gives & ~state->facts); /* by the need of an earlier one */
    if (passes[id].kind == kind && pass_enabled(state, id) && !is_given) pass_run(state, id);
  }
}

/* ---- passes on a text ------------------------------------------------------------------------------------------------------ */

/* The next word of the list; false at its end. */
static bool next_name(const char **list, const char **name, size_t *length) {
  *list += strspn(*list, " ,\t\n");
  *name = *list;
  *length = strcspn(*list, " ,\t\n");
  *list += *length;
  return *length > 0;
}

NO_RETURN static void unknown_pass(PassState *state, const char *name, size_t length) {
  const char *names[PASS_COUNT];
  Arena      *arena = state->context->text;
  Text        quoted;
  for (PassId id = 0; id < PASS_COUNT; id++) names[id] = passes[id].name;
  const char *near = did_you_mean(arena_string(arena, name, length), names, PASS_COUNT);
  text_open(&quoted, arena);
  text_quoted(&quoted, name, length);
  const char *hint = near ? arena_format(arena, "did you mean %s?", near) : NULL;
  usage_error(state->context, CODE_UNKNOWN_PASS, hint, "no pass is called %s", text_finish(&quoted));
}

static void read_text(PassState *state, Arena *arena, PassKind kind, const char *file, const char *data, size_t length) {
  if (kind == PASS_LOOP) {
    state->program = program_parse(state->context, arena, file, data, length);
    return;
  }
  state->module = module_parse(state->context, arena, &op_names, file, data, length);
  for (NodeId id = 1; id < state->module->nodes.count; id++)
    if (node_at(state->module, id)->op == OP_Group) state->facts |= FACT_SHAPES | FACT_GROUPS;
}

/* Of a text that no pass runs on: `program` opens loops, behind blanks and comments. */
static PassKind kind_of_text(const char *data, size_t length) {
  size_t at = 0;
  while (at < length && (strchr(" \t\r\n", data[at]) || data[at] == '#'))
    if (data[at++] == '#')
      while (at < length && data[at] != '\n') at++;
  return length - at >= 7 && !memcmp(data + at, "program", 7) ? PASS_LOOP : PASS_GRAPH;
}

void pass_run_text(PassState *state, const char *list, const char *file, const char *data, size_t length, Text *output) {
  const char *name, *rest = list;
  size_t      name_length;
  PassKind    kind = PASS_GRAPH;
  for (bool is_first = true; next_name(&rest, &name, &name_length); is_first = false) {
    PassId pass;
    if (!pass_find(name, name_length, &pass)) unknown_pass(state, name, name_length);
    if (is_first) read_text(state, output->arena, kind = passes[pass].kind, file, data, length);
    if (passes[pass].kind != kind)
      usage_error(state->context, CODE_UNKNOWN_PASS, NULL, "%s works on the other IR than the passes before it", passes[pass].name);
    pass_run(state, pass);
  }
  if (!state->module && !state->program) read_text(state, output->arena, kind = kind_of_text(data, length), file, data, length);
  print_state(state, kind, output);
}
