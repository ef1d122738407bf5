/* Compiles each model again and again with allocation 0, 1, 2, ... failing: every run must end with "out of memory", hold nothing afterwards, and the
 * first that has enough must give the same C as before. Beyond FIRST_RUNS the failing allocation moves on in growing steps.
 *
 *     sweep [-c] MODEL...     a model (.onnx), or a text of the graph IR; -c: to objects, through LLVM */
#include "tests/check.h"
#include "tests/fuzz/subject.h"
#include <stdlib.h>

enum { FIRST_RUNS = 150, LATER_RUNS = 350 /* a model */ };

static const char *path;        /* of the model being swept */
static const char *form = "-S"; /* what it becomes */

static void *read_file(size_t *bytes) {
  FILE *file = fopen(path, "rb");
  char *data = NULL;
  *bytes = 0;
  while (file && !feof(file)) {
    data = realloc(data, *bytes + 65536);
    *bytes += fread(data + *bytes, 1, 65536, file);
  }
  if (file) fclose(file);
  return data;
}

/* NULL if the run ended as it must. */
static const char *judge(const Subject *subject) {
  if (subject->outcome != OUTCOME_LIMIT) return "another outcome than a limit";
  if (subject->held) return "memory is left";
  if (subject->source_bytes) return "it gave code";
  if (*subject->said && strcmp(subject->said, "E0002 out of memory")) return "another message than out of memory";
  return NULL;
}

static void sweep(Subject *subject) {
  subject_compile(subject);
  if (subject->outcome != OUTCOME_OK || subject->held) check_settle("not ok", "does not compile, or leaks: %s", subject->said);
  size_t  source_bytes = subject->source_bytes;
  int64_t allocations = subject->allocations, runs = 0;
  double  step = 1;
  for (double at = 0; (int64_t)at < allocations; at += step, runs++) {
    if (runs == FIRST_RUNS) step = (double)(allocations - runs) / LATER_RUNS < 1 ? 1 : (double)(allocations - runs) / LATER_RUNS;
    subject->fail_after = (int64_t)at;
    subject_compile(subject);
    const char *wrong = judge(subject);
    if (wrong) check_settle("not ok", "allocation %lld of %lld: %s (outcome %d, %zu bytes held, %s)", (long long)at, (long long)allocations, wrong,
                            (int)subject->outcome, subject->held, subject->said);
  }
  subject->fail_after = allocations;
  subject_compile(subject);
  if (subject->outcome != OUTCOME_OK || subject->source_bytes != source_bytes) check_settle("not ok", "it fails with enough memory");
  if (!check_settled) printf("# %lld allocations, %lld runs\n", (long long)allocations, (long long)runs);
}

static void sweep_model(void) {
  size_t      length = strlen(path);
  const char *options[] = {"--target=generic", "--weights=inline", form};
  Subject     subject = {.name = path, .fail_after = -1, .option_count = 3, .options = options};
  void       *data = read_file(&subject.bytes);
  subject.data = data;
  subject.is_text = length < 5 || strcmp(path + length - 5, ".onnx");
  if (data) sweep(&subject);
  else check_settle("not ok", "can't be read");
  free(data);
}

int main(int count, char **words) {
  for (int at = 1; at < count; at++) {
    if (!strcmp(words[at], "-c")) {
      form = words[at];
      continue;
    }
    path = words[at];
    check_run(path, sweep_model);
  }
  return check_done();
}
