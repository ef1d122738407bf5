/* One run of onnxcc, from words to exit status. */
#include "compiler/command/command.h"
#include "compiler/command/interrupt.h"
#include "compiler/command/native.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void command_print(Command *command, const Text *text) {
  terminal_clear(&command->terminal);
  output_stream(&command->context, STDOUT_FILENO, "standard output", text->data, text->length);
}

bool command_refuses(Command *command) {
  for (uint32_t at = 0; at < command->context.diagnostic_count; at++)
    if (warning_is_error(&command->options, &command->context.diagnostics[at])) return true;
  return false;
}

static void print_dump(void *self, const PassInfo *pass, const Text *text) {
  Command *command = self;
  Text     whole;
  text_open(&whole, text->arena);
  text_format(&whole, "# behind %s\n", pass->name);
  bool is_unchanged = text->length && *text->data == '(';
  if (is_unchanged) text_string(&whole, "# ");
  text_bytes(&whole, text->data, text->length);
  text_char(&whole, '\n');
  command_print(command, &whole);
}

static void print_time(void *self, const PassInfo *pass, uint64_t nanoseconds, bool changed) {
  Command *command = self;
  if (!command->options.verbose) return;
  terminal_clear(&command->terminal);
  fprintf(stderr, "%10.3f ms  %s%s\n", (double)nanoseconds * 1e-6, pass->name, changed ? "" : " (unchanged)");
}

Compile command_open_compile(Command *command) {
  Compile compile = compile_open(&command->context, &command->file, &command->options);
  compile.on_dump = print_dump;
  compile.on_time = print_time;
  compile.self = command;
  return compile;
}

/* ---- help, version, explanations ------------------------------------------------------------------------------------------ */

static void explain(Command *command, Text *text) {
  const char           *word = command->options.explain;
  char                 *end;
  long                  code = strtol(toupper((unsigned char)*word) == 'E' ? word + 1 : word, &end, 10);
  const DiagnosticInfo *info = *word && !*end ? diagnostic_info((int)code) : NULL;
  if (!info) usage_error(&command->context, CODE_UNKNOWN_CODE, "codes look like E0401", "no message has the code \"%s\"", word);
  text_format(text, "E%04d: %s\n\n", info->code, info->title);
  size_t column = 0;
  for (const char *at = info->explanation; *at;) {
    size_t length = strcspn(at, " ");
    if (column && column + length + 1 > 100) text_char(text, '\n'), column = 0;
    if (column) text_char(text, ' '), column++;
    text_bytes(text, at, length);
    column += length;
    at += length + strspn(at + length, " ");
  }
  text_char(text, '\n');
}

void command_tell(Command *command) {
  static const struct {
    const char *topic;
    void (*print)(Text *text);
  } topics[] = {
      {"passes", options_list_passes},
      {"targets", options_list_targets},
      {"operators", options_list_operators},
      {"warnings", options_list_warnings},
      {"man", options_man},
      {"completion", options_completion},
  };
  const Options *options = &command->options;
  Text           text;
  text_open(&text, command->arena);
  if (options->help && !*options->help) options_help(&text, options->command);
  else if (options->help) {
    for (size_t at = 0; at < sizeof topics / sizeof *topics; at++)
      if (!strcmp(topics[at].topic, options->help)) topics[at].print(&text);
  } else if (options->list_targets) options_list_targets(&text);
  else if (options->explain) explain(command, &text);
  else text_string(&text, "onnxcc " ONNXCC_VERSION "\nLicense: Apache-2.0; what it generates: 0BSD\n");
  command_print(command, &text);
}

/* ---- a run ---------------------------------------------------------------------------------------------------------------- */

static void parse(void *self) {
  Command *command = self;
  command->arena = arena_open(&command->context);
  options_parse(&command->context, command->arena, &command->options, command->word_count, command->words);
}

static void work(void *self) {
  static void (*const commands[])(Command * command) = {
      [COMMAND_COMPILE] = command_compile, [COMMAND_INSPECT] = command_inspect, [COMMAND_RUN] = command_run,
      [COMMAND_VERIFY] = command_verify,   [COMMAND_BENCH] = command_bench,
  };
  Command *command = self;
  if (options_only_tell(&command->options)) command_tell(command);
  else commands[command->options.command](command);
}

int command_main(int count, char **words) {
  Command command = {.word_count = count > 0 ? (uint32_t)count - 1 : 0, .words = (const char *const *)words + 1};
  if (!context_open(&command.context, NULL, -1)) {
    fputs("error E0002: out of memory\n", stderr);
    return OUTCOME_LIMIT;
  }
  interrupt_watch(&command);
  terminal_open(&command.terminal, COLOR_AUTO); /* for mistakes in the command line */
  if (context_guard(&command.context, parse, &command) == OUTCOME_OK) {
    terminal_open(&command.terminal, (ColorWhen)command.options.color);
    command.context.progress = terminal_progress;
    command.context.progress_self = &command.terminal;
    (void)context_guard(&command.context, work, &command);
  }
  Outcome outcome = command.context.outcome;
  if (outcome == OUTCOME_OK && command_refuses(&command)) outcome = OUTCOME_REFUSED;
  terminal_print_diagnostics(&command.terminal, &command.context, &command.options);
  native_close(&command);
  output_close(&command.outputs);
  interrupt_forget();
  onnx_close(&command.file);
  context_close(&command.context);
  return (int)outcome;
}
