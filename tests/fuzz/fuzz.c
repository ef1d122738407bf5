/* Compiles many mutated models, in child processes that are started again when one dies:
 *
 *     fuzz [--seed S] [--from N] [--count N] [--seconds T] [--keep DIR] MODEL... | @LIST
 *
 * Mutation N of seed S is the same on every machine. A failure is a crash, a sanitizer's report, a bug of onnxcc (status 4), a leak, more than
 * TIME_LIMIT seconds or MEMORY_LIMIT bytes, or a compiled program that leaves its memory. Each is a `not ok` line with what repeats it; --keep
 * writes the model. --seconds ends the run early, without a failure. */
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/subject.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TIME_LIMIT = 10 /* seconds a model */, MODEL_LIMIT = 1 << 17 /* larger models are left out */, FAILURE_LIMIT = 200 };
static const size_t MEMORY_LIMIT = (size_t)512 << 20; /* above the parser's budget and that of folding */

typedef struct Model { char *path; uint8_t *data; size_t bytes; } Model;
typedef struct Settings {
  uint64_t    seed, from, count, seconds;
  const char *keep;
  Model      *models;
  size_t      model_count, model_capacity;
} Settings;

/* What a child says to its parent. */
typedef struct Shared {
  volatile uint64_t next; /* the mutation to do next; the one in work is next - 1 */
  volatile uint64_t compiled, refused, limits, ran, failed;
} Shared;

static void add_model(Settings *settings, const char *path) {
  static uint8_t buffer[MODEL_LIMIT];
  FILE          *file = fopen(path, "rb");
  if (!file) {
    fprintf(stderr, "fuzz: %s can't be read\n", path);
    exit(2);
  }
  size_t bytes = fread(buffer, 1, sizeof buffer, file);
  fclose(file);
  if (bytes == sizeof buffer) return;
  if (settings->model_count == settings->model_capacity) {
    settings->model_capacity = settings->model_capacity * 2 + 64;
    settings->models = realloc(settings->models, settings->model_capacity * sizeof *settings->models);
  }
  Model model = {strdup(path), malloc(bytes + 1), bytes};
  memcpy(model.data, buffer, bytes);
  settings->models[settings->model_count++] = model;
}

static void add_list(Settings *settings, const char *path) {
  char  line[4096];
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file)) {
    line[strcspn(line, "\n")] = 0;
    if (*line) add_model(settings, line);
  }
  if (file) fclose(file);
}

/* ---- one mutation --------------------------------------------------------------------------------------------------------- */

static const char *const levels[] = {"-O0", "-O1", "-O2", "-O2", "-O2"};
static const char *const targets[] = {"--target=generic", "--target=x86-64-v3", "--target=cortex-m4", "--target=generic"};

/* The mutation's model, in `arena`, and the options it is compiled with. */
static const Model *make(const Settings *settings, uint64_t number, Arena *arena, Subject *subject, const char **options) {
  uint64_t     state = settings->seed * UINT64_C(0x100000001b3) + number;
  const Model *model = &settings->models[random_below(&state, settings->model_count)];
  const Model *other = &settings->models[random_below(&state, settings->model_count)];
  uint8_t     *data;
  options[0] = levels[random_below(&state, sizeof levels / sizeof *levels)];
  options[1] = targets[random_below(&state, sizeof targets / sizeof *targets)];
  options[2] = "--verify-each-pass";
  mutate(arena, model->data, model->bytes, other->data, other->bytes, &state, &data, &subject->bytes);
  subject->data = data;
  return model;
}

static void keep_model(const Settings *settings, uint64_t number, const Subject *subject) {
  char  path[4096];
  FILE *file;
  if (!settings->keep) return;
  snprintf(path, sizeof path, "%s/%llu-%llu.onnx", settings->keep, (unsigned long long)settings->seed, (unsigned long long)number);
  file = fopen(path, "wb");
  if (!file || fwrite(subject->data, 1, subject->bytes, file) != subject->bytes) perror(path);
  if (file) fclose(file);
}

static const char *judge(const Subject *subject) {
  if (subject->outcome == OUTCOME_BUG) return subject->said;
  if (subject->outcome == OUTCOME_IO) return "not a file, but status 5";
  if (subject->outcome != OUTCOME_OK && !*subject->said) return "refused without a word";
  if (subject->held) return "memory leaked";
  if (subject->peak > MEMORY_LIMIT) return "took too much memory";
  return *subject->fault ? subject->fault : NULL;
}

static void report(const Settings *settings, uint64_t number, const Model *model, const char *const *options, const char *reason) {
  printf("not ok seed %llu mutation %llu of %s %s %s - %s\n", (unsigned long long)settings->seed, (unsigned long long)number, model->path, options[0],
         options[1], reason);
  fflush(stdout);
}

static void work_one(const Settings *settings, Shared *shared, uint64_t number) {
  Context     context;
  const char *options[3];
  Subject     subject = {.name = "fuzz/model.onnx", .option_count = 3, .options = options, .fail_after = -1, .run = true, .seed = number};
  if (!context_open(&context, NULL, -1)) abort();
  const Model *model = make(settings, number, arena_open(&context), &subject, options);
  alarm(TIME_LIMIT);
  subject_compile(&subject);
  alarm(0);
  const char *reason = judge(&subject);
  shared->compiled += subject.outcome == OUTCOME_OK;
  shared->refused += subject.outcome == OUTCOME_REFUSED;
  shared->limits += subject.outcome == OUTCOME_LIMIT;
  shared->ran += subject.ran;
  if (reason) {
    shared->failed++;
    report(settings, number, model, options, reason);
    keep_model(settings, number, &subject);
  }
  context_close(&context);
}

/* Says which model a child died of. */
static void blame(const Settings *settings, Shared *shared, uint64_t number, int status) {
  Context     context;
  const char *options[3];
  char        reason[64];
  Subject     subject = {0};
  if (!context_open(&context, NULL, -1)) abort();
  const Model *model = make(settings, number, arena_open(&context), &subject, options);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) snprintf(reason, sizeof reason, "took more than %d s", TIME_LIMIT);
  else if (WIFSIGNALED(status)) snprintf(reason, sizeof reason, "died of signal %d", WTERMSIG(status));
  else snprintf(reason, sizeof reason, "ended with status %d (a sanitizer's report)", WEXITSTATUS(status));
  report(settings, number, model, options, reason);
  keep_model(settings, number, &subject);
  shared->failed++;
  context_close(&context);
}

/* ---- all of them ---------------------------------------------------------------------------------------------------------- */

static bool is_over(const Settings *settings, const Shared *shared, time_t start) {
  bool is_late = settings->seconds && (uint64_t)(time(NULL) - start) >= settings->seconds;
  return shared->next >= settings->from + settings->count || is_late || shared->failed >= FAILURE_LIMIT;
}

static void work_all(const Settings *settings, Shared *shared) {
  time_t start = time(NULL);
  while (!is_over(settings, shared, start)) {
    int   status;
    pid_t child = fork();
    if (child == 0) {
      while (!is_over(settings, shared, start)) work_one(settings, shared, shared->next++);
      _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0) {
      perror("fuzz");
      exit(2);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status)) blame(settings, shared, shared->next - 1, status);
  }
}

static uint64_t number_after(int count, char **words, int *at) {
  if (*at + 1 < count) return strtoull(words[++*at], NULL, 0);
  fprintf(stderr, "fuzz: %s needs a number\n", words[*at]);
  exit(2);
}

int main(int count, char **words) {
  Settings settings = {.seed = 1, .count = 1000};
  for (int at = 1; at < count; at++) {
    if (!strcmp(words[at], "--seed")) settings.seed = number_after(count, words, &at);
    else if (!strcmp(words[at], "--from")) settings.from = number_after(count, words, &at);
    else if (!strcmp(words[at], "--count")) settings.count = number_after(count, words, &at);
    else if (!strcmp(words[at], "--seconds")) settings.seconds = number_after(count, words, &at);
    else if (!strcmp(words[at], "--keep") && at + 1 < count) settings.keep = words[++at];
    else if (*words[at] == '@') add_list(&settings, words[at] + 1);
    else add_model(&settings, words[at]);
  }
  if (!settings.model_count) {
    fprintf(stderr, "fuzz: no models\n");
    return 2;
  }
  Shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 2;
  shared->next = settings.from;
  work_all(&settings, shared);
  unsigned long long done = shared->next - settings.from;
  unsigned long long compiled = shared->compiled, ran = shared->ran, refused = shared->refused, limits = shared->limits;
  printf("# %llu mutations of %zu models: %llu compiled, of which the interpreter ran %llu, %llu refused, %llu at a limit\n", done,
         settings.model_count, compiled, ran, refused, limits);
  for (size_t at = 0; at < settings.model_count; at++) {
    free(settings.models[at].path);
    free(settings.models[at].data);
  }
  free(settings.models);
  if (!shared->failed) printf("ok %llu mutated models\n", done);
  return shared->failed > 0;
}
