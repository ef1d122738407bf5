/* From words to Options.
 *
 * Options may stand anywhere; the first other word is a command if it is the name of one, else the model. The longest spelling that fits a word
 * wins, so -MD is never -M. Nothing is abbreviated or guessed: what is not in the table is refused, with the nearest that is. */
#include "compiler/options.h"
#include "compiler/command/files.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct Parse {
  Context *context;
  Arena   *arena;
  Options *options;
  const char *target_option, *target; /* the last of --target, -march, -mcpu that was no bare triple; NULL: none */
};

/* bits of the column `commands` */
enum {
  COMPILE = 1u << COMMAND_COMPILE,
  INSPECT = 1u << COMMAND_INSPECT,
  RUN = 1u << COMMAND_RUN,
  VERIFY = 1u << COMMAND_VERIFY,
  BENCH = 1u << COMMAND_BENCH,
  ALL = (1u << COMMAND_COUNT) - 1u
};

/* ---- errors --------------------------------------------------------------------------------------------------------------- */

static const char *quoted(Arena *arena, const char *string) {
  Text text;
  text_open(&text, arena);
  text_quoted(&text, string, strlen(string));
  return text_finish(&text);
}

/* The words of a list with blanks between; | ends it. */
static WordList split(Arena *arena, const char *list) {
  WordList words = {0};
  for (;;) {
    list += strspn(list, " ");
    size_t length = strcspn(list, " ");
    if (!length || *list == '|') return words;
    vector_push(arena, &words, arena_string(arena, list, length));
    list += length;
  }
}

/* "did you mean X?", or else `fallback`. */
static const char *nearest(Parse *parse, const char *word, const WordList *words, const char *fallback) {
  const char *near = words->count ? did_you_mean(word, words->data, words->count) : NULL;
  return near ? arena_format(parse->arena, "did you mean %s?", near) : fallback;
}

NO_RETURN static void refuse_value(Parse *parse, const OptionInfo *option, const char *value, const char *hint) {
  usage_error(parse->context, CODE_OPTION_VALUE, hint, "%s can't be %s", option->spelling, quoted(parse->arena, value));
}

/* ---- setters -------------------------------------------------------------------------------------------------------------- */

static void set_text(Parse *parse, const OptionInfo *option, const char *value, void *field) { *(const char **)field = value; }
static void set_flag(Parse *parse, const OptionInfo *option, const char *value, void *field) { *(bool *)field = true; }
static void set_push(Parse *parse, const OptionInfo *option, const char *value, void *field) { vector_push(parse->arena, (WordList *)field, value); }
static void set_emit_object(Parse *parse, const OptionInfo *option, const char *value, void *field) { *(int *)field = EMIT_OBJECT; }
static void set_emit_shared(Parse *parse, const OptionInfo *option, const char *value, void *field) { *(int *)field = EMIT_SHARED; }
static void set_emit_c(Parse *parse, const OptionInfo *option, const char *value, void *field) { *(int *)field = EMIT_C; }
static void set_help(Parse *parse, const OptionInfo *option, const char *value, void *field) { *(const char **)field = value ? value : ""; }

NO_RETURN static void refuse_back_end(Parse *parse, const char *what, const char *hint) {
  usage_error(parse->context, CODE_NOT_BUILT_IN, hint, "%s needs a back end that this onnxcc was built without", what);
}


/* A word of a list of words: its place in it. */
static void set_choice(Parse *parse, const OptionInfo *option, const char *value, void *field) {
  WordList choices = split(parse->arena, option->choices);
  for (uint32_t at = 0; at < choices.count; at++) {
    if (strcmp(choices.data[at], value)) continue;
    *(int *)field = (int)at;
    return;
  }
  refuse_value(parse, option, value, NULL); /* checked before */
}

static void set_integer(Parse *parse, const OptionInfo *option, const char *value, void *field) {
  char *end;
  errno = 0;
  long long number = strtoll(value, &end, 10);
  if (!*value || *end || errno || number < 0) refuse_value(parse, option, value, "it takes a number, 0 or more");
  *(int64_t *)field = number;
}

/* A decimal number, whatever the locale: digits, one point, an exponent. */
static bool read_real(const char *text, double *number) {
  char *end;
  if (text[strspn(text, "0123456789.eE+-")]) return false;
  *number = strtod(text, &end);
  if (*end == '.') return false; /* a locale with a decimal comma */
  return end != text && !*end && *number >= 0 && *number <= 1e300;
}

static void set_real(Parse *parse, const OptionInfo *option, const char *value, void *field) {
  if (!read_real(value, field)) refuse_value(parse, option, value, "it takes a number such as 1e-3, 0 or more");
}

static void set_name(Parse *parse, const OptionInfo *option, const char *value, void *field) {
  if (!is_plain_identifier(value, strlen(value)))
    refuse_value(parse, option, value, "a letter, then letters, digits and _; at most 31, and no word of C");
  *(const char **)field = value;
}

/* N, LO..HI or LO.. */
static bool read_range(const char *text, int64_t *lo, int64_t *hi) {
  char *end;
  errno = 0;
  *lo = *hi = strtoll(text, &end, 10);
  if (end == text || errno || *lo < 0) return false;
  if (!*end) return true;
  if (strncmp(end, "..", 2)) return false;
  text = end + 2;
  *hi = DIM_OPEN;
  if (!*text) return true;
  *hi = strtoll(text, &end, 10);
  return !*end && !errno && *hi >= *lo;
}

static void set_dim(Parse *parse, const OptionInfo *option, const char *value, void *field) {
  const char *equals = strrchr(value, '=');
  DimSetting  setting = {0};
  if (!equals || equals == value || !read_range(equals + 1, &setting.lo, &setting.hi))
    refuse_value(parse, option, value, "write -D DIM=4, -D DIM=1..8 or -D INPUT.AXIS=4");
  setting.name = arena_string(parse->arena, value, (size_t)(equals - value));
  vector_push(parse->arena, &parse->options->dims, setting);
}

static void set_shape(Parse *parse, const OptionInfo *option, const char *value, void *field) {
  static const char hint[] = "write --shape INPUT=1,3,224,224; ? leaves a dimension free, 1..8 bounds it";
  const char       *equals = strrchr(value, '=');
  ShapeSetting      setting = {0};
  if (!equals || equals == value) refuse_value(parse, option, value, hint);
  setting.input = arena_string(parse->arena, value, (size_t)(equals - value));
  for (const char *rest = equals + 1; *rest;) {
    size_t length = strcspn(rest, ",");
    char  *word = arena_string(parse->arena, rest, length);
    if (setting.rank == MAX_RANK) refuse_value(parse, option, value, "tensors have at most 16 dimensions");
    bool is_set = strcmp(word, "?") != 0;
    setting.extents[setting.rank].set = is_set;
    if (is_set && !read_range(word, &setting.extents[setting.rank].lo, &setting.extents[setting.rank].hi)) refuse_value(parse, option, value, hint);
    setting.rank++;
    rest += length;
    if (*rest == ',' && !rest[1]) refuse_value(parse, option, value, hint);
    rest += *rest == ',';
  }
  vector_push(parse->arena, &parse->options->shapes, setting);
}

/* Kept as written: a triple of --target and the machine of -march go together in either order. */
static void set_target(Parse *parse, const OptionInfo *option, const char *value, void *field) {
  parse->options->list_targets |= !strcmp(value, "help");
  if (!strcmp(value, "help")) return;
  size_t first = strcspn(value, ",+");
  bool   is_triple = target_is_triple(value);
  if (is_triple) parse->options->triple = arena_string(parse->arena, value, first);
  if (!is_triple || value[first]) parse->target_option = option->spelling, parse->target = value;
}

/* A dispatch group is told apart by cpuid, which x86 alone has; elsewhere it takes the system's word. */
static void check_group(Parse *parse, const TargetList *targets) {
  enum { MOST_MEMBERS = 8 };
  if (targets->count > MOST_MEMBERS)
    usage_error(parse->context, CODE_OPTION_VALUE, NULL, "%s names %u targets; a group has at most %d", parse->target_option, targets->count,
                MOST_MEMBERS);
  for (uint32_t at = 0; at < targets->count; at++) {
    const Target *target = targets->data[at];
    if (!target->has_cpuid)
      usage_error(parse->context, CODE_TARGET_GROUP, "compile for each alone and choose in the program", "%s can't be a member of a group",
                  target->name);
    for (uint32_t other = 0; other < at; other++)
      if (!strcmp(targets->data[other]->name, target->name))
        usage_error(parse->context, CODE_TARGET_GROUP, "name each once, the least able first", "%s is in the group twice", target->name);
  }
}

/* The target with a faster memory beside its own. */
static void add_fast_memory(Parse *parse, Options *options) {
  if (options->targets.count > 1 || options->fast_memory > INT32_MAX)
    usage_error(parse->context, CODE_OPTION_VALUE, NULL, "--fast-memory is for one target, and at most %d bytes", INT32_MAX);
  Target *target = arena_new(parse->arena, Target);
  *target = *options->targets.data[0];
  target->fast_bytes = (unsigned)options->fast_memory;
  options->targets.data[0] = target;
}

static void select_targets(Parse *parse) {
  Options    *options = parse->options;
  const char *triple = options->triple;
  if (!parse->target && !triple) vector_push(parse->arena, &options->targets, target_host());
  else if (!parse->target) target_select(parse->context, parse->arena, "--target", triple, NULL, &options->targets);
  else target_select(parse->context, parse->arena, parse->target_option, parse->target, triple, &options->targets);
  if (options->targets.count > 1) check_group(parse, &options->targets);
  if (options->fast_memory > 0) add_fast_memory(parse, options);
  options->target = options->targets.data[0];
}

static void check_math(Context *context, const Options *options) {
  const char *chosen = options->libm ? "--libm" : "--math=fast";
  if (options->fp && (options->libm || options->math))
    usage_error(context, CODE_OPTION_CONFLICT, "leave out one of the two", "%s can't go with --fp=strict, which promises the same bits everywhere",
                chosen);
  if (options->libm && options->math) usage_error(context, CODE_OPTION_CONFLICT, "leave out one of the two", "--libm can't go with --math=fast");
}

static void set_level(Parse *parse, const OptionInfo *option, const char *value, void *field) { *(int *)field = *value == 's' ? 1 : *value - '0'; }

static void choose_pass(Parse *parse, const OptionInfo *option, const char *value, int8_t *field, int8_t choice) {
  PassId   pass;
  WordList names = {0};
  if (!strcmp(value, SCHEDULE_NAME)) {
    parse->options->no_schedule = choice < 0;
    return;
  }
  for (PassId id = 0; id < PASS_COUNT; id++) vector_push(parse->arena, &names, pass_info(id)->name);
  vector_push(parse->arena, &names, SCHEDULE_NAME);
  if (strlen(value) < 2 || !pass_find(value, strlen(value), &pass)) {
    const char *hint = nearest(parse, value, &names, "onnxcc --help=passes lists them");
    usage_error(parse->context, CODE_UNKNOWN_PASS, hint, "no pass is called %s", quoted(parse->arena, value));
  }
  field[pass] = choice;
}
static void set_pass(Parse *parse, const OptionInfo *option, const char *value, void *field) { choose_pass(parse, option, value, field, 1); }
static void set_no_pass(Parse *parse, const OptionInfo *option, const char *value, void *field) { choose_pass(parse, option, value, field, -1); }

/* ---- warnings ------------------------------------------------------------------------------------------------------------- */

static const WarningInfo warning_table[] = {
#define WARNING(diagnostic, name, shown) {CODE_##diagnostic, name, shown},
#include "warnings.def"
#undef WARNING
};
_Static_assert(sizeof warning_table / sizeof *warning_table == WARNING_COUNT, "warnings.def and enum WarningId disagree");

const WarningInfo *warning_info(WarningId warning) { return &warning_table[warning]; }

static WarningId find_warning(Parse *parse, const char *name) {
  WordList names = {0};
  for (WarningId id = 0; id < WARNING_COUNT; id++) {
    if (!strcmp(warning_table[id].name, name)) return id;
    vector_push(parse->arena, &names, warning_table[id].name);
  }
  const char *hint = nearest(parse, name, &names, "onnxcc --help=warnings lists them");
  usage_error(parse->context, CODE_OPTION_VALUE, hint, "no warning is called %s", quoted(parse->arena, name));
}

static void choose_warning(Parse *parse, const char *name, int8_t *field, int8_t choice) {
  if (strcmp(name, "all")) field[find_warning(parse, name)] = choice;
  else memset(field, choice, WARNING_COUNT);
}
static void set_warning(Parse *parse, const OptionInfo *option, const char *value, void *field) { choose_warning(parse, value, field, 1); }
static void set_no_warning(Parse *parse, const OptionInfo *option, const char *value, void *field) { choose_warning(parse, value, field, -1); }
static void set_error_warning(Parse *parse, const OptionInfo *option, const char *value, void *field) {
  if (!value) {
    parse->options->warnings_are_errors = true;
    return;
  }
  WarningId warning = find_warning(parse, value);
  parse->options->errors[warning] = true;
  parse->options->warnings[warning] = 1;
}

static WarningId warning_of(const Diagnostic *diagnostic) {
  WarningId id = 0;
  while (id < WARNING_COUNT && warning_table[id].code != diagnostic->code) id++;
  return id;
}

bool warning_is_shown(const Options *options, const Diagnostic *diagnostic) {
  WarningId warning = warning_of(diagnostic);
  if (warning < WARNING_COUNT && options->warnings[warning]) return options->warnings[warning] > 0;
  return diagnostic->severity != SEVERITY_REMARK || options->verbose;
}

bool warning_is_error(const Options *options, const Diagnostic *diagnostic) {
  WarningId warning = warning_of(diagnostic);
  if (diagnostic->severity == SEVERITY_ERROR || !warning_is_shown(options, diagnostic)) return false;
  bool asked_for = diagnostic->severity == SEVERITY_WARNING || (warning < WARNING_COUNT && options->warnings[warning] > 0);
  return (options->warnings_are_errors && asked_for) || (warning < WARNING_COUNT && options->errors[warning]);
}

/* ---- the table ------------------------------------------------------------------------------------------------------------ */

static const OptionInfo option_table[] = {
#define OPTION(spelling, form, value, choices, commands, group, setter, field, help)                                                                 \
  {spelling, FORM_##form, value, choices, commands, GROUP_##group, set_##setter, offsetof(Options, field), help},
#include "options.def"
#undef OPTION
};
enum { OPTION_COUNT = sizeof option_table / sizeof *option_table };

const OptionInfo *option_at(uint32_t index) { return index < OPTION_COUNT ? &option_table[index] : NULL; }

static const char *const command_names[] = {
#define COMMAND(id, name, summary) name,
    COMMANDS(COMMAND)
#undef COMMAND
};
static const char *const command_summaries[] = {
#define COMMAND(id, name, summary) summary,
    COMMANDS(COMMAND)
#undef COMMAND
};
const char *command_name(CommandKind command) { return command_names[command]; }
const char *command_summary(CommandKind command) { return command_summaries[command]; }

/* ---- words ---------------------------------------------------------------------------------------------------------------- */

/* Whether a word is an option of this row; *value: what is joined to it, NULL if nothing is. */
static bool fits(const OptionInfo *option, const char *word, const char **value) {
  size_t length = strlen(option->spelling);
  if (strncmp(word, option->spelling, length)) return false;
  const char *rest = word + length;
  *value = NULL;
  if (option->form == FORM_JOINED) return *value = rest, *rest != 0;
  if (!*rest) return true;
  if (option->form == FORM_SHORT) return *value = rest, true;
  if (option->form == FORM_LONG || option->form == FORM_MAYBE) return *value = rest + 1, *rest == '=';
  return false;
}

NO_RETURN static void refuse_word(Parse *parse, const char *word) {
  WordList    spellings = {0};
  const char *equals = strchr(word, '=');
  const char *bare = arena_string(parse->arena, word, equals ? (size_t)(equals - word) : strlen(word));
  for (uint32_t at = 0; at < OPTION_COUNT; at++) {
    if (!strcmp(option_table[at].spelling, bare) && option_table[at].form == FORM_FLAG)
      usage_error(parse->context, CODE_OPTION_VALUE, NULL, "%s takes no value", bare);
    if (!strcmp(option_table[at].spelling, bare) && option_table[at].form == FORM_JOINED)
      usage_error(parse->context, CODE_OPTION_VALUE, NULL, "%s lacks its %s", bare, option_table[at].value);
    if (strlen(option_table[at].spelling) > 2) vector_push(parse->arena, &spellings, option_table[at].spelling);
  }
  const char *hint = nearest(parse, bare, &spellings, "onnxcc --help lists the options");
  usage_error(parse->context, CODE_OPTION_UNKNOWN, hint, "no option is called %s", quoted(parse->arena, bare));
}

/* A value against the words that the table lists. */
static void check_choice(Parse *parse, const OptionInfo *option, const char *value) {
  if (!*option->choices || *option->choices == '@') return;
  WordList    choices = split(parse->arena, option->choices);
  const char *others = strchr(option->choices, '|');
  for (uint32_t at = 0; at < choices.count; at++)
    if (!strcmp(choices.data[at], value)) return;
  WordList missing = {0};
  if (others) missing = split(parse->arena, others + 1);
  for (uint32_t at = 0; at < missing.count; at++)
    if (!strcmp(missing.data[at], value))
      refuse_back_end(parse, arena_format(parse->arena, "%s=%s", option->spelling, value),
                      arena_format(parse->arena, "built in: %s", choices.data[0]));
  Text list;
  text_open(&list, parse->arena);
  text_string(&list, "it can be ");
  for (uint32_t at = 0; at < choices.count; at++) text_format(&list, "%s%s", !at ? "" : at + 1 < choices.count ? ", " : " or ", choices.data[at]);
  const char *all = text_finish(&list);
  refuse_value(parse, option, value, strlen(value) > 2 ? nearest(parse, value, &choices, all) : all);
}

static void set_option(Parse *parse, const OptionInfo *option, const char *value) {
  if (value) check_choice(parse, option, value);
  option->set(parse, option, value, (char *)parse->options + option->field);
}

/* A word that begins with a dash, and the next one if it is its value. Returns how many words that were. */
static uint32_t read_option(Parse *parse, const char *const *words, uint32_t left, uint32_t *used) {
  const OptionInfo *best = NULL;
  const char       *value = NULL, *joined;
  for (uint32_t at = 0; at < OPTION_COUNT; at++) {
    const OptionInfo *option = &option_table[at];
    if (!fits(option, words[0], &joined) || (best && strlen(best->spelling) >= strlen(option->spelling))) continue;
    best = option;
    value = joined;
  }
  if (!best) refuse_word(parse, words[0]);
  bool wants_next = !value && (best->form == FORM_SHORT || best->form == FORM_LONG);
  if (wants_next && left < 2) usage_error(parse->context, CODE_OPTION_VALUE, NULL, "%s lacks its %s", best->spelling, best->value);
  set_option(parse, best, wants_next ? words[1] : value);
  used[best - option_table]++;
  return wants_next ? 2 : 1;
}

/* The model, or the command if none is known yet. */
static void read_plain(Parse *parse, const char *word, bool *is_command_known) {
  Options *options = parse->options;
  for (CommandKind command = 0; command < COMMAND_COUNT && !*is_command_known && !options->model; command++) {
    if (strcmp(word, command_names[command])) continue;
    options->command = command;
    *is_command_known = true;
    return;
  }
  if (!options->model) {
    options->model = word;
    return;
  }
  WordList commands = {0};
  for (CommandKind command = 0; command < COMMAND_COUNT; command++) vector_push(parse->arena, &commands, command_names[command]);
  const char *near = *is_command_known ? NULL : did_you_mean(options->model, commands.data, commands.count);
  const char *hint = near ? arena_format(parse->arena, "did you mean onnxcc %s?", near) : "one model a run";
  usage_error(parse->context, CODE_ARGUMENTS, hint, "two models are given, %s and %s", quoted(parse->arena, options->model),
              quoted(parse->arena, word));
}

static void check_commands(Parse *parse, const uint32_t *used) {
  for (uint32_t at = 0; at < OPTION_COUNT; at++) {
    if (!used[at] || option_table[at].commands >> parse->options->command & 1u) continue;
    Text list;
    text_open(&list, parse->arena);
    text_string(&list, "it belongs to");
    for (CommandKind command = 0; command < COMMAND_COUNT; command++)
      if (option_table[at].commands >> command & 1u) text_format(&list, " %s", command_names[command]);
    usage_error(parse->context, CODE_OPTION_COMMAND, text_finish(&list), "%s does nothing for %s", option_table[at].spelling,
                command_names[parse->options->command]);
  }
}

bool options_only_tell(const Options *options) { return options->help || options->version || options->explain || options->list_targets; }

static void parse_words(Parse *parse, const WordList *words) {
  uint32_t used[OPTION_COUNT] = {0};
  bool     is_command_known = false, are_options_over = false;
  for (uint32_t at = 0; at < words->count;) {
    const char *word = words->data[at];
    if (!are_options_over && !strcmp(word, "--")) {
      are_options_over = is_command_known = true;
      at++;
    } else if (are_options_over || *word != '-' || !word[1]) {
      read_plain(parse, word, &is_command_known);
      at++;
    } else {
      at += read_option(parse, words->data + at, words->count - at, used);
    }
  }
  if (options_only_tell(parse->options)) return;
  check_commands(parse, used);
  if (!parse->options->model)
    usage_error(parse->context, CODE_ARGUMENTS, "onnxcc MODEL.onnx -o MODEL.c; onnxcc --help says more", "no model is given");
}

/* ---- response files ------------------------------------------------------------------------------------------------------- */

/* The next word of a response file into `word`: blanks separate, quotes of both kinds hold together, a backslash takes the next byte as it is. */
static bool next_word(const char **at, const char *end, Text *word) {
  char quote = 0;
  while (*at < end && strchr(" \t\r\n\f\v", **at) && **at) ++*at;
  if (*at == end) return false;
  for (; *at < end && (quote || !**at || !strchr(" \t\r\n\f\v", **at)); ++*at) {
    char c = **at;
    if (c == '\\' && *at + 1 < end) text_char(word, *++*at);
    else if (quote ? c == quote : c == '"' || c == '\'') quote = quote ? 0 : c;
    else text_char(word, c);
  }
  return true;
}

static void expand(Parse *parse, uint32_t count, const char *const *words, WordList *result, unsigned depth);

static void expand_file(Parse *parse, const char *path, WordList *result, unsigned depth) {
  enum { DEEPEST = 10 };
  if (depth > DEEPEST) usage_error(parse->context, CODE_ARGUMENTS, NULL, "@%s: response files lie more than %d deep in one another", path, DEEPEST);
  vector_push(parse->arena, &parse->options->response_files, path);
  Bytes       bytes = file_read(parse->context, parse->arena, path);
  const char *at = (const char *)bytes.data, *end = at + bytes.size;
  WordList    words = {0};
  for (;;) {
    Text word;
    text_open(&word, parse->arena);
    if (!next_word(&at, end, &word)) break;
    vector_push(parse->arena, &words, text_finish(&word));
  }
  expand(parse, words.count, words.data, result, depth + 1);
}

static void expand(Parse *parse, uint32_t count, const char *const *words, WordList *result, unsigned depth) {
  bool are_options_over = false;
  for (uint32_t at = 0; at < count; at++) {
    are_options_over |= !strcmp(words[at], "--");
    if (*words[at] == '@' && words[at][1] && !are_options_over) expand_file(parse, words[at] + 1, result, depth);
    else vector_push(parse->arena, result, words[at]);
  }
}

/* ---- all together --------------------------------------------------------------------------------------------------------- */

void options_parse(Context *context, Arena *arena, Options *options, uint32_t count, const char *const *words) {
  Parse    parse = {.context = context, .arena = arena, .options = options};
  WordList all = {0};
  *options = (Options){.weights = -1, .level = 2, .seed = 1, .relative = -1, .absolute = -1, .max_ulp = -1};
  expand(&parse, count, words, &all, 0);
  parse_words(&parse, &all);
  select_targets(&parse);
  check_math(context, options);
}

MathMode options_math(const Options *options) { return options->libm ? MATH_LIBM : (MathMode)options->math; }

static void summarise_range(Text *text, int64_t lo, int64_t hi) {
  text_format(text, "%lld", (long long)lo);
  if (hi == lo) return;
  text_string(text, "..");
  if (hi != DIM_OPEN) text_format(text, "%lld", (long long)hi);
}

const char *options_summary(const Options *options, Arena *arena) {
  Text text;
  text_open(&text, arena);
  if (options->triple) text_format(&text, "--target=%s -march=", options->triple);
  else text_string(&text, "--target=");
  for (uint32_t at = 0; at < options->targets.count; at++) text_format(&text, "%s%s", at ? "," : "", options->targets.data[at]->name);
  text_format(&text, " -O%d", options->level);
  for (PassId pass = 0; pass < PASS_COUNT; pass++)
    if (options->choice[pass]) text_format(&text, " -f%s%s", options->choice[pass] < 0 ? "no-" : "", pass_info(pass)->name);
  if (options->fp) text_format(&text, " --fp=%s", options->fp == FP_STRICT ? "strict" : "strict,nofma");
  if (options->libm || options->math) text_string(&text, options->libm ? " --libm" : " --math=fast");
  if (options->fast_memory) text_format(&text, " --fast-memory=%lld", (long long)options->fast_memory);
  if (options->no_schedule) text_format(&text, " -fno-%s", SCHEDULE_NAME);
  for (uint32_t at = 0; at < options->dims.count; at++) {
    text_format(&text, " -D %s=", options->dims.data[at].name);
    summarise_range(&text, options->dims.data[at].lo, options->dims.data[at].hi);
  }
  for (uint32_t at = 0; at < options->shapes.count; at++) {
    const ShapeSetting *shape = &options->shapes.data[at];
    text_format(&text, " --shape %s=", shape->input);
    for (uint32_t axis = 0; axis < shape->rank; axis++) {
      if (axis) text_char(&text, ',');
      if (shape->extents[axis].set) summarise_range(&text, shape->extents[axis].lo, shape->extents[axis].hi);
      else text_char(&text, '?');
    }
  }
  return text_finish(&text);
}
