/* What is printed from the table of options: --help, the man page, the completion for bash, and the lists that options name. */
#include "compiler/options.h"
#include "compiler/ops/ops.h"
#include <string.h>

#define HELP_COLUMN 28 /* where the description begins */
#define HELP_WIDTH 100

static const char *const headings[] = {
#define GROUP(id, heading) heading,
    OPTION_GROUPS(GROUP)
#undef GROUP
};

/* As a user writes it: `-o FILE`, `--name=NAME`, `-OLEVEL`, `--help[=TOPIC]`. */
static void print_usage(Text *text, const OptionInfo *option) {
  static const char *const before[] = {[FORM_FLAG] = "", [FORM_SHORT] = " ", [FORM_LONG] = "=", [FORM_JOINED] = "", [FORM_MAYBE] = "[="};
  text_format(text, "%s%s%s%s", option->spelling, before[option->form], option->value, option->form == FORM_MAYBE ? "]" : "");
}

/* The words that can be given, without those that are not built in; "" if the table lists none. */
static size_t choices_length(const OptionInfo *option) {
  size_t length = *option->choices == '@' ? 0 : strcspn(option->choices, "|");
  while (length && option->choices[length - 1] == ' ') length--;
  return length;
}

/* ---- --help --------------------------------------------------------------------------------------------------------------- */

/* Words from `column` on, broken before HELP_WIDTH. */
static void print_wrapped(Text *text, const char *words, size_t column) {
  while (*words) {
    size_t length = strcspn(words, " ");
    if (column > HELP_COLUMN && column + length + 1 > HELP_WIDTH) {
      text_format(text, "\n%*s", HELP_COLUMN, "");
      column = HELP_COLUMN;
    } else if (column > HELP_COLUMN) {
      text_char(text, ' ');
      column++;
    }
    text_bytes(text, words, length);
    column += length;
    words += length + strspn(words + length, " ");
  }
  text_char(text, '\n');
}

/* `  LEFT      description`; a long left side has a line of its own. */
static void print_row(Text *text, const char *left, const char *right) {
  size_t length = strlen(left);
  text_format(text, "  %s", left);
  if (length + 4 > HELP_COLUMN) text_format(text, "\n%*s", HELP_COLUMN, "");
  else text_format(text, "%*s", (int)(HELP_COLUMN - length - 2), "");
  print_wrapped(text, right, HELP_COLUMN);
}

static const char *describe(Arena *arena, const OptionInfo *option) {
  Text text;
  text_open(&text, arena);
  text_string(&text, option->help);
  if (choices_length(option) && strcmp(option->spelling, "--help")) text_format(&text, " (%.*s)", (int)choices_length(option), option->choices);
  return text_finish(&text);
}

static void print_examples(Text *text, CommandKind command) {
  static const char *const examples[COMMAND_COUNT] = {
      [COMMAND_COMPILE] = "  onnxcc kws.onnx -o kws.c                 write kws.c and kws.h; cc -O2 -c kws.c compiles them\n"
                          "  onnxcc kws.onnx -o kws.c --target=cortex-m4 -D batch=1\n"
                          "  onnxcc inspect kws.onnx                  what is in the model\n"
                          "  onnxcc verify kws.onnx                   does the code compute what the model says\n"
                          "  onnxcc run kws.onnx --input mel=a.npy --output-dir out --npy\n"
                          "  onnxcc bench kws.onnx -march=native      how fast is it here\n",
      [COMMAND_INSPECT] = "  onnxcc inspect kws.onnx\n  onnxcc inspect kws.onnx --json > kws.json\n",
      [COMMAND_RUN] = "  onnxcc run kws.onnx --input mel=a.npy --output-dir out --npy\n  onnxcc run kws.onnx --data test_data_set_0\n",
      [COMMAND_VERIFY] = "  onnxcc verify kws.onnx                            emitted C against the interpreter, on random inputs\n"
                         "  onnxcc verify kws.onnx --data test_data_set_0     against expected outputs\n"
                         "  onnxcc verify kws.onnx --per-node                 which node is it that differs\n",
      [COMMAND_BENCH] = "  onnxcc bench kws.onnx -march=native\n  onnxcc bench kws.onnx --per-node --json > times.json\n",
  };
  text_format(text, "Examples:\n%s", examples[command]);
}

void options_help(Text *text, CommandKind command) {
  if (command == COMMAND_COMPILE) text_string(text, "Usage: onnxcc [COMMAND] MODEL.onnx [OPTION]...\n");
  else text_format(text, "Usage: onnxcc %s MODEL.onnx [OPTION]...\n", command_name(command));
  text_format(text, "%s\n\n", command == COMMAND_COMPILE ? "Compile an ONNX model into C that needs nothing else." : command_summary(command));
  print_examples(text, command);
  if (command == COMMAND_COMPILE) {
    text_string(text, "\nCommands (onnxcc COMMAND --help says more):\n");
    for (CommandKind other = 0; other < COMMAND_COUNT; other++) print_row(text, command_name(other), command_summary(other));
  }
  for (OptionGroup group = 0; group < GROUP_COUNT; group++) {
    bool is_open = false;
    for (uint32_t at = 0; option_at(at); at++) {
      const OptionInfo *option = option_at(at);
      if (option->group != group || !(option->commands >> command & 1u)) continue;
      if (!is_open) text_format(text, "\n%s:\n", headings[group]);
      is_open = true;
      Text usage;
      text_open(&usage, text->arena);
      print_usage(&usage, option);
      print_row(text, text_finish(&usage), describe(text->arena, option));
    }
  }
  if (command == COMMAND_COMPILE) print_row(text, "@FILE", "read further words from FILE"), print_row(text, "--", "what follows is no option");
  text_string(text, "\nExit status: 0 all well, 1 the model was refused or differs, 2 wrong usage, 3 a limit or no memory, 4 a bug of ours, 5 "
                    "reading or writing.\n");
}

void options_list_passes(Text *text) {
  text_string(text, "Passes, in the order they run: letter (for -d), name (for -f and -fno-), from which -O on, what it does\n");
  for (PassId pass = 0; pass < PASS_COUNT; pass++) {
    const PassInfo *info = pass_info(pass);
    text_format(text, "  %c  %-16s -O%d  %s\n", info->letter, info->name, info->level, info->summary);
  }
  text_format(text, "     %-16s -O1  no pass, but chosen like one: build convolutions and matrix products by schedules\n", SCHEDULE_NAME);
}

/* Words with blanks between, wrapped behind a heading. */
static void print_words(Text *text, const char *heading, const WordList *words) {
  enum { WIDTH = 100 };
  size_t column = strlen(heading);
  text_format(text, "\n%s", heading);
  for (uint32_t at = 0; at < words->count; at++) {
    size_t length = strlen(words->data[at]) + 1;
    if (column + length > WIDTH) text_string(text, "\n "), column = 1;
    text_format(text, " %s", words->data[at]);
    column += length;
  }
  text_char(text, '\n');
}

static void print_features(Text *text, const Target *target) {
  bool any = false;
  for (Feature feature = 0; feature < FEATURE_COUNT; feature++) {
    if (!feature_suits(feature, target)) continue;
    text_format(text, any ? ", +%s" : "  %-16s +%s", any ? feature_name(feature) : target->name, feature_name(feature));
    any = true;
  }
  if (any) text_char(text, '\n');
}

void options_list_targets(Text *text) {
  const char *target, *word;
  WordList    triples = {0}, systems = {0};
  text_format(text, "%-14s %-8s %-5s %-72s %s\n", "Target", "vectors", "fma", "C compiler", "what it is");
  for (uint32_t at = 0; target_at(at); at++) {
    const Target *row = target_at(at);
    text_format(text, "%-14s %-8s %-5s %-72s %s\n", row->name, row->vector_bytes ? arena_format(text->arena, "%u", row->vector_bytes) : "-",
                row->has_fma ? "yes" : "-", row->c_flags ? row->c_flags : "-", row->summary);
  }
  text_format(text, "%-14s this very machine: %s\n", "native", target_native()->name);
  text_string(text, "\nFeatures, written behind a target (aarch64,+dotprod or aarch64+dotprod):\n");
  for (uint32_t at = 0; target_at(at); at++) print_features(text, target_at(at));
  text_string(text, "\nNames of C compilers, for -march= and -mcpu=:\n");
  for (uint32_t at = 0; (word = target_name_at(at, &target)); at++) text_format(text, "  %-16s %s\n", word, target);
  for (uint32_t at = 0; (word = target_triple_at(at, &target)); at++) vector_push(text->arena, &triples, word);
  for (uint32_t at = 0; (word = target_system_at(at)); at++) vector_push(text->arena, &systems, word);
  print_words(text, "LLVM triples for --target= (-march= may choose a better machine) begin with one of", &triples);
  print_words(text, "and name a system:", &systems);
}

void options_list_operators(Text *text) {
  text_string(text, "Operators: name, version (older ones are rewritten to it)\n");
  for (uint32_t op = 1; op < OP_COUNT; op++) {
    const OpInfo *info = op_info(op);
    if (info && strcmp(info->domain, "x")) text_format(text, "  %s%s%s %d\n", info->domain, *info->domain ? "." : "", info->name, info->since);
  }
}

void options_list_warnings(Text *text) {
  text_string(text, "Warnings, for -W, -Wno- and -Werror=; all stands for every one\n");
  for (WarningId warning = 0; warning < WARNING_COUNT; warning++) {
    const WarningInfo *info = warning_info(warning);
    text_format(text, "  %-20s %-9s E%04d %s\n", info->name, info->shown ? "shown" : "not shown", info->code, diagnostic_info(info->code)->title);
  }
}

/* ---- man page ------------------------------------------------------------------------------------------------------------- */

/* Text for troff: dashes stay dashes, a leading point or quote is no request. */
static void print_troff(Text *text, const char *string) {
  if (*string == '.' || *string == '\'') text_string(text, "\\&");
  for (; *string; string++) {
    if (*string == '-') text_string(text, "\\-");
    else if (*string == '\\') text_string(text, "\\e");
    else text_char(text, *string);
  }
}

void options_man(Text *text) {
  text_string(text, ".TH ONNXCC 1\n.SH NAME\nonnxcc \\- compile ONNX models into C\n.SH SYNOPSIS\n.B onnxcc\n[\\fICOMMAND\\fR] \\fIMODEL.onnx\\fR "
                    "[\\fIOPTION\\fR]...\n"
                    ".SH DESCRIPTION\nonnxcc compiles an ONNX model ahead of time into C that needs nothing else.\n.SH COMMANDS\n");
  for (CommandKind command = 0; command < COMMAND_COUNT; command++) {
    text_format(text, ".TP\n.B %s\n", command_name(command));
    print_troff(text, command_summary(command));
    text_char(text, '\n');
  }
  for (OptionGroup group = 0; group < GROUP_COUNT; group++) {
    text_format(text, ".SH \"%s\"\n", headings[group]);
    for (uint32_t at = 0; option_at(at); at++) {
      const OptionInfo *option = option_at(at);
      Text              usage;
      if (option->group != group) continue;
      text_open(&usage, text->arena);
      print_usage(&usage, option);
      text_string(text, ".TP\n.B ");
      print_troff(text, text_finish(&usage));
      text_char(text, '\n');
      print_troff(text, describe(text->arena, option));
      text_string(text, ".\nKnown to:");
      for (CommandKind command = 0; command < COMMAND_COUNT; command++)
        if (option->commands >> command & 1u) text_format(text, " %s", command_name(command));
      text_string(text, ".\n");
    }
  }
  text_string(text, ".SH EXAMPLES\n.nf\n");
  Text examples;
  text_open(&examples, text->arena);
  print_examples(&examples, COMMAND_COMPILE);
  print_troff(text, text_finish(&examples) + strlen("Examples:\n"));
  text_string(
      text,
      ".fi\n.SH \"EXIT STATUS\"\n0 all well; 1 the model was refused, or differs from what was expected; 2 wrong usage; 3 a limit was reached or "
      "memory is\n"
      "exhausted; 4 a bug of onnxcc; 5 a file could not be read or written.\n.SH ENVIRONMENT\n.TP\n.B CC\nthe C compiler of run, verify and bench.\n"
      ".TP\n.B NO_COLOR\nif set to anything, messages are not coloured.\n.TP\n.B TMPDIR\nwhere run, verify and bench compile; default: /tmp.\n");
}

/* ---- bash ----------------------------------------------------------------------------------------------------------------- */

/* The words after an option, for compgen -W; @kinds become lists or calls. */
static void print_bash_words(Text *text, const OptionInfo *option) {
  if (!strcmp(option->choices, "@passes"))
    for (PassId pass = 0; pass < PASS_COUNT; pass++) text_format(text, "%s%s", pass ? " " : "", pass_info(pass)->name);
  if (!strcmp(option->choices, "@passes")) text_format(text, " %s", SCHEDULE_NAME);
  else if (!strcmp(option->choices, "@targets")) {
    const char *target, *word;
    for (uint32_t at = 0; target_at(at); at++) text_format(text, "%s ", target_at(at)->name);
    for (uint32_t at = 0; (word = target_name_at(at, &target)); at++) text_format(text, "%s ", word);
    text_string(text, "native help");
  } else if (!strcmp(option->choices, "@warnings")) {
    for (WarningId warning = 0; warning < WARNING_COUNT; warning++) text_format(text, "%s ", warning_info(warning)->name);
    text_string(text, "all");
  } else {
    text_bytes(text, option->choices, choices_length(option));
  }
}

/* Where the values of an option come from, as arguments of compgen. */
static void print_bash_source(Text *text, const OptionInfo *option) {
  if (!strcmp(option->choices, "@files")) text_string(text, "-f");
  else if (!strcmp(option->choices, "@folders")) text_string(text, "-d");
  else {
    text_string(text, "-W '");
    print_bash_words(text, option);
    text_char(text, '\'');
  }
}

/* A case for a value that is a word of its own, behind the option. */
static void print_bash_next(Text *text, const OptionInfo *option) {
  if ((option->form != FORM_SHORT && option->form != FORM_LONG) || !*option->choices) return;
  text_format(text, "    %s) mapfile -t COMPREPLY < <(compgen ", option->spelling);
  print_bash_source(text, option);
  text_string(text, " -- \"$word\"); return ;;\n");
}

/* A case for a value in the word of the option. */
static void print_bash_joined(Text *text, const OptionInfo *option) {
  const char *between = option->form == FORM_LONG || option->form == FORM_MAYBE ? "=" : "";
  if (option->form == FORM_FLAG || option->form == FORM_SHORT || !*option->choices) return;
  text_format(text, "    %s%s*) _onnxcc_value '%s%s' ", option->spelling, between, option->spelling, between);
  print_bash_source(text, option);
  if (option->form == FORM_JOINED) text_string(text, "; _onnxcc_options"); /* -f: -fno- too */
  text_string(text, "; return ;;\n");
}

static void print_bash_options(Text *text) {
  for (CommandKind command = 0; command < COMMAND_COUNT; command++) {
    text_format(text, "    %s) options='", command_name(command));
    for (uint32_t at = 0; option_at(at); at++) {
      const OptionInfo *option = option_at(at);
      if (option->commands >> command & 1u) text_format(text, "%s%s ", option->spelling, option->form == FORM_LONG ? "=" : "");
    }
    text_string(text, "' ;;\n");
  }
}

void options_completion(Text *text) {
  text_string(text, "# bash completion for onnxcc, made by onnxcc --help=completion\n"
                    "_onnxcc_value() { # _onnxcc_value FRONT COMPGEN-ARGUMENT...: words behind FRONT\n"
                    "  local front=$1 answer\n  shift\n"
                    "  case $front in *=) [[ $COMP_WORDBREAKS == *=* ]] && cut=${#front} || cut=0 ;; *) cut=0 ;; esac\n"
                    "  while IFS= read -r answer; do\n    answer=$front$answer\n    COMPREPLY+=(\"${answer:cut}\")\n"
                    "  done < <(compgen \"$@\" -- \"${word#\"$front\"}\")\n}\n"
                    "_onnxcc_options() {\n"
                    "  mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
                    "  [[ ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2> /dev/null\n}\n"
                    "_onnxcc() {\n  local word previous options command=compile cut at start\n"
                    "  COMPREPLY=()\n"
                    "  word=${COMP_LINE:0:COMP_POINT}\n  word=${word##*[[:space:]]}\n"
                    "  previous=${COMP_WORDS[COMP_CWORD-1]}\n"
                    "  for ((at = 1; at < COMP_CWORD; at++)); do\n    case ${COMP_WORDS[at]} in\n    ");
  for (CommandKind command = 0; command < COMMAND_COUNT; command++) text_format(text, "%s%s", command ? " | " : "", command_name(command));
  text_string(text, ")\n      command=${COMP_WORDS[at]}\n      break\n      ;;\n    esac\n  done\n  case $command in\n");
  print_bash_options(text);
  text_string(text, "  esac\n  case $previous in\n");
  for (uint32_t at = 0; option_at(at); at++) print_bash_next(text, option_at(at));
  text_string(text, "  esac\n  case $word in\n");
  /* a longer spelling first, so that -fno-* is not taken for -f* */
  for (size_t length = 32; length; length--)
    for (uint32_t at = 0; option_at(at); at++)
      if (strlen(option_at(at)->spelling) == length) print_bash_joined(text, option_at(at));
  text_string(text, "    -*) _onnxcc_options; return ;;\n  esac\n"
                    "  start=\n  [ \"$COMP_CWORD\" -ne 1 ] || start='");
  for (CommandKind command = 0; command < COMMAND_COUNT; command++) text_format(text, "%s%s", command ? " " : "", command_name(command));
  text_string(text,
              "'\n  mapfile -t COMPREPLY < <(compgen -W \"$start\" -- \"$word\"; compgen -f -X '!*.onnx' -- \"$word\"; compgen -d -- \"$word\")\n}\n"
              "complete -o filenames -F _onnxcc onnxcc\n");
}
