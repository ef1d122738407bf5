/* The files of this folder, case by case (format: README.md): for the programs that run them. */
#ifndef ONNXCC_TESTS_PASS_CASES_H
#define ONNXCC_TESTS_PASS_CASES_H
#include "compiler/base/context.h"
#include "tests/check.h"
#include <dirent.h>
#include <stdlib.h>

enum { NAME_LIMIT = 200 };

/* One case: the parts are ranges of the file's text. */
typedef struct Case {
  char        name[NAME_LIMIT], passes[NAME_LIMIT];
  unsigned long long steps;  /* that folding may spend; 0: enough */
  char        fp[NAME_LIMIT]; /* of --fp; empty: default */
  char        math[NAME_LIMIT]; /* fast, libm; empty: full */
  char        target[NAME_LIMIT]; /* empty: none */
  char        fast[NAME_LIMIT];   /* bytes of a faster memory; empty: none */
  const char *file, *before, *after;
  size_t      before_length, after_length;
  Context     context;
  const char *got, *wanted;  /* printed, in an arena of the context */
} Case;

static void check_case(Case *test); /* the program's */

static Case current;
static void run_current(void) { check_case(&current); }

/* Copies the rest of the line behind the keyword; false if the line begins with another one. */
static bool keyword(const char *line, const char *word, char *rest) {
  size_t length = strlen(word);
  if (strncmp(line, word, length) || line[length] != ' ') return false;
  size_t rest_length = strcspn(line + length + 1, "\n");
  if (rest_length >= NAME_LIMIT) rest_length = NAME_LIMIT - 1;
  memcpy(rest, line + length + 1, rest_length);
  rest[rest_length] = 0;
  return true;
}

/* Runs the current case, if there is one complete. */
static void finish_case(const char *end) {
  if (!current.after) return;
  current.after_length = (size_t)(end - current.after);
  check_run(current.name, run_current);
  current.after = NULL;
}

static void run_file(const char *file, const char *text) {
  char steps[NAME_LIMIT];
  current = (Case){.file = file};
  const char *line = text;
  for (const char *next; *line; line = next) {
    next = line + strcspn(line, "\n");
    if (*next) next++;
    if (!strncmp(line, "--- before\n", 11)) current.before = next;
    else if (!strncmp(line, "--- after\n", 10)) current.before_length = (size_t)(line - current.before), current.after = next;
    else if (!strncmp(line, "test ", 5)) {
      finish_case(line);
      current.steps = 0;
      current.fp[0] = current.math[0] = current.target[0] = current.fast[0] = 0;
      (void)keyword(line, "test", current.name);
    } else if (!current.after && !keyword(line, "passes", current.passes) && !keyword(line, "fp", current.fp) &&
               !keyword(line, "math", current.math) && !keyword(line, "target", current.target) && !keyword(line, "fast", current.fast) &&
               keyword(line, "steps", steps))
      current.steps = strtoull(steps, NULL, 10);
  }
  finish_case(line);
}

static char *read_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  size_t length = 0, capacity = 1u << 16;
  char  *text = malloc(capacity);
  for (size_t got; text && (got = fread(text + length, 1, capacity - length - 1, file)) > 0;) {
    length += got;
    if (length + 1 == capacity) text = realloc(text, capacity *= 2);
  }
  fclose(file);
  if (text) text[length] = 0;
  return text;
}

static int is_text(const struct dirent *entry) {
  size_t length = strlen(entry->d_name);
  return length > 4 && !strcmp(entry->d_name + length - 4, ".txt");
}

/* The files named, or all of the folder. */
static int run_files(int argument_count, char **arguments) {
  struct dirent **entries;
  const char     *folder = "tests/pass";
  int             count = argument_count > 1 ? 0 : scandir(folder, &entries, is_text, alphasort);
  for (int i = 0; i < (argument_count > 1 ? argument_count - 1 : count); i++) {
    char path[600];
    if (argument_count > 1) snprintf(path, sizeof path, "%s", arguments[i + 1]);
    else snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name), free(entries[i]);
    char *text = read_file(path);
    if (text) run_file(path, text);
    free(text);
  }
  if (count > 0) free(entries);
  return check_done();
}
#endif
