/* Every allocation fails once: a model is compiled to C again and again, each time with one allocation less to go, until it succeeds. Each time the
 * compiler must end with "out of memory", hold no memory and print nothing. Also with a limit on bytes instead of a count.
 *
 *     test_sweep [--every N] [MODEL...]      default: the model of the sample, every allocation. Behind the first 500 each Nth */
#include "compiler/compile.h"
#include "tests/check.h"
#include <stdlib.h>

enum { FIRST = 500 }; /* allocations that are all tried */

typedef struct Job {
  Context     context;
  OnnxFile    file;
  Options     options;
  const char *model;
} Job;

static void compile_model(void *self) {
  Job        *job = self;
  const char *words[] = {"--name=model", job->model};
  Emission    emission;
  options_parse(&job->context, arena_open(&job->context), &job->options, 2, words);
  Compile compile = compile_open(&job->context, &job->file, &job->options);
  compile_read(&compile, NULL);
  compile_set_dims(&compile);
  compile_graph(&compile);
  compile_lower(&compile);
  compile_loops(&compile);
  compile_emit(&compile, "model", "model", &emission);
}

/* Outcome with so many allocations (-1: all), or bytes (0: all), and what is still held behind it. */
static Outcome attempt(const char *model, int64_t allocations, size_t bytes, int64_t *needed, size_t *held) {
  Job job = {.model = model};
  *needed = *held = 0;
  if (!context_open(&job.context, NULL, allocations)) return OUTCOME_LIMIT;
  job.context.bytes_limit = bytes;
  Outcome outcome = context_guard(&job.context, compile_model, &job);
  *needed = job.context.allocations;
  onnx_close(&job.file);
  context_close(&job.context);
  *held = job.context.bytes_in_use;
  return outcome;
}

static const char *current;
static int64_t     every = 1;

static void sweep(void) {
  int64_t needed, ignored;
  size_t  held;
  CHECK_INT(attempt(current, -1, 0, &needed, &held), OUTCOME_OK);
  CHECK_INT(held, 0);
  for (int64_t allocations = 0; allocations < needed; allocations += allocations < FIRST ? 1 : every) {
    Outcome outcome = attempt(current, allocations, 0, &ignored, &held);
    if (outcome != OUTCOME_LIMIT || held) {
      check_settle("not ok", "with %lld of %lld allocations: outcome %d, %zu bytes held", (long long)allocations, (long long)needed, (int)outcome,
                   held);
      return;
    }
  }
  printf("# %s: %lld allocations\n", current, (long long)needed);
}

static void limit_bytes(void) {
  int64_t ignored;
  size_t  held, step = 50000;
  for (size_t bytes = step;; bytes += step) {
    Outcome outcome = attempt(current, -1, bytes, &ignored, &held);
    CHECK_INT(held, 0);
    if (outcome == OUTCOME_OK) return;
    CHECK_INT(outcome, OUTCOME_LIMIT);
    CHECK(bytes < (size_t)1 << 30);
    if (bytes > 40 * step) step = bytes / 40;
  }
}

/* The folder of a model.onnx, else its own name. */
static const char *label(const char *path, const char *suffix) {
  static char name[200];
  const char *end = strrchr(path, '/'), *start = end;
  bool        is_plain = end && !strcmp(end, "/model.onnx");
  while (is_plain && start > path && start[-1] != '/') start--;
  if (!is_plain) start = end ? end + 1 : path, end = path + strlen(path);
  snprintf(name, sizeof name, "%.*s_%s", (int)(end - start), start, suffix);
  return name;
}

int main(int count, char **arguments) {
  const char *models[200] = {"samples/digits/digits.onnx"};
  int         model_count = 0;
  for (int at = 1; at < count && model_count < 200; at++) {
    if (!strcmp(arguments[at], "--every") && at + 1 < count) every = atoll(arguments[++at]);
    else models[model_count++] = arguments[at];
  }
  if (!model_count) model_count = 1;
  for (int at = 0; at < model_count; at++) {
    current = models[at];
    check_run(label(current, "allocations"), sweep);
    check_run(label(current, "bytes"), limit_bytes);
  }
  return check_done();
}
