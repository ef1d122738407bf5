/* What the tests of the loop IR share: a context, programs from text, texts from programs, and the message of a failure. */
#ifndef ONNXCC_TESTS_LOOP_TEST_H
#define ONNXCC_TESTS_LOOP_TEST_H
#include "tests/check.h"

#include "compiler/loop/loop.h"

#include <stdlib.h>

static Context context;
static Arena *arena;

static inline void loop_test_open(void) {
  if (!context_open(&context, NULL, -1)) exit(1);
  context.error_limit = 0; /* tables of refused programs are long */
  arena = arena_open(&context);
}

static inline int loop_test_close(void) {
  arena_close(arena);
  context_close(&context);
  return check_done();
}

static inline const char *program_text(const Program *program) {
  Text text;
  text_open(&text, arena);
  program_print(program, &text);
  return text_finish(&text);
}

typedef struct Reading { const char *source; Program *program; } Reading;

static inline void read_program(void *self) {
  Reading *reading = self;
  reading->program = program_parse(&context, arena, "test", reading->source, strlen(reading->source));
  program_verify(reading->program);
}

/* NULL if it does not read or verify; then failure() says why. */
static inline Program *program_of(const char *source) {
  Reading reading = { source, NULL };
  return context_guard(&context, read_program, &reading) == OUTCOME_OK ? reading.program : NULL;
}

/* The last diagnostic; "" if there is none. Forgets it. */
static inline const char *failure(void) {
  if (context.diagnostic_count == 0) return "";
  return context.diagnostics[--context.diagnostic_count].message;
}

/* The items of a printed program without its first line and the line `info model`. */
static inline const char *items_of(const char *text) {
  const char *info = strstr(text, "info model");
  return info ? strchr(info, '\n') + 1 : text;
}

/* A text file of the tests, relative to the root of the project; NULL if it can't be read. */
static inline const char *file_text(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  Text text;
  text_open(&text, arena);
  for (int c = fgetc(file); c != EOF; c = fgetc(file)) text_char(&text, (char)c);
  fclose(file);
  return text_finish(&text);
}
#endif
