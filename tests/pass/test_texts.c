/* Runs the cases of tests/pass/<pass>.txt (format: README.md there). */
#include "compiler/ops/ops.h"
#include "passes/pass.h"
#include "tests/check.h"
#include <dirent.h>
#include <stdlib.h>

enum { NAME_LIMIT = 200 };

/* One case: the parts are ranges of the file's text. */
typedef struct Case {
  char        name[NAME_LIMIT], passes[NAME_LIMIT];
  const char *file, *before, *after;
  size_t      before_length, after_length;
  Context     context;
  const char *got, *wanted;  /* printed, in an arena of the context */
} Case;

static const char *print_text(Case *test, Arena *arena, const char *data, size_t length) {
  Text text;
  text_open(&text, arena);
  if (length >= 7 && !memcmp(data, "program", 7)) {
    program_print(program_parse(&test->context, arena, test->file, data, length), &text);
    return text_finish(&text);
  }
  Module *module = module_parse(&test->context, arena, &op_names, test->file, data, length);
  module_print(module, &op_names, &text);
  return text_finish(&text);
}

static void run_case(void *self) {
  Case     *test = self;
  Arena    *arena = arena_open(&test->context);
  PassState state = {.context = &test->context, .options = {.verify_each = true}};
  Text      text;
  bool      unchanged = test->after_length >= 11 && !memcmp(test->after, "(unchanged)", 11);
  text_open(&text, arena);
  pass_run_text(&state, test->passes, test->file, test->before, test->before_length, &text);
  test->got = text_finish(&text);
  test->wanted = unchanged ? print_text(test, arena, test->before, test->before_length) : print_text(test, arena, test->after, test->after_length);
}

static void check_case(Case *test) {
  if (!context_open(&test->context, NULL, -1)) abort();
  if (context_guard(&test->context, run_case, test) != OUTCOME_OK) {
    const Diagnostic *last = &test->context.diagnostics[test->context.diagnostic_count - 1];
    check_settle("not ok", "%s: %s", last->path ? last->path : test->file, last->message);
  } else if (strcmp(test->got, test->wanted)) {
    printf("# %s gives\n%s", test->passes, test->got);
    size_t at = 0, line = 0;
    for (; test->got[at] && test->got[at] == test->wanted[at]; at++)
      if (test->got[at] == '\n') line = at + 1;
    check_settle("not ok", "%s: \"%.*s\" where \"%.*s\" was wanted", test->file, (int)strcspn(test->got + line, "\n"), test->got + line,
                 (int)strcspn(test->wanted + line, "\n"), test->wanted + line);
  }
  context_close(&test->context);
}

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
  current = (Case){.file = file};
  const char *line = text;
  for (const char *next; *line; line = next) {
    next = line + strcspn(line, "\n");
    if (*next) next++;
    if (!strncmp(line, "--- before\n", 11)) current.before = next;
    else if (!strncmp(line, "--- after\n", 10)) current.before_length = (size_t)(line - current.before), current.after = next;
    else if (!strncmp(line, "test ", 5)) {
      finish_case(line);
      (void)keyword(line, "test", current.name);
    } else if (!current.after) (void)keyword(line, "passes", current.passes);
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

int main(int argument_count, char **arguments) {
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
