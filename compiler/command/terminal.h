/* What a person sees while and after onnxcc works: messages and the progress line. All of it goes to standard error. */
#ifndef ONNXCC_COMPILER_COMMAND_TERMINAL_H
#define ONNXCC_COMPILER_COMMAND_TERMINAL_H
#include "compiler/options.h"

typedef struct Terminal {
  bool     colored;
  bool     shows_progress;   /* standard error is a terminal that can rewrite a line */
} Terminal;

/* Looks at standard error and the environment. */
void terminal_open(Terminal *terminal, ColorWhen color);
/* context->progress with a Terminal as self: from 300 ms after the start a line says what is being done, ten times a second. */
void terminal_progress(void *self, const char *stage, uint64_t done, uint64_t total);
/* Takes the line away; before anything else is printed. */
void terminal_clear(Terminal *terminal);

/* Everything the context recorded that the options want to see, and a last line with the count. */
void terminal_print_diagnostics(Terminal *terminal, const Context *context, const Options *options);
/* A model's string for a terminal: control characters, invalid UTF-8 and marks that turn text around become \xXX; newlines stay. */
void terminal_text(Text *text, const char *string);

uint64_t clock_nanoseconds(void);
#endif
