/* The library of scalar functions: library.lir, compiled in as text. A function is looked for by name and only read when a program calls it.
 *
 * In that file every `function NAME(` stands at the start of a line; functions may call one another in any order, but not in a circle. */
#include "parse.h"
#include "widen.h"

#include <string.h>

extern const unsigned char loop_library_text[]; /* made by compiler/loop/embed.cmake */
extern const size_t loop_library_size;

/* The word after `function`; NULL if the library has none of that name. */
static const char *find_text(const char *name) {
  static const char keyword[] = "function ";
  const char *text = (const char *)loop_library_text, *end = text + loop_library_size;
  size_t length = strlen(name), before = sizeof keyword - 1;
  for (const char *line = text; line && line < end; line = memchr(line, '\n', (size_t)(end - line))) {
    if (*line == '\n') line++;
    if ((size_t)(end - line) <= before + length || memcmp(line, keyword, before) != 0) continue;
    if (memcmp(line + before, name, length) == 0 && line[before + length] == '(') return line + before;
  }
  return NULL;
}

bool library_has(const char *name) { return find_text(name) != NULL; }

static void open_parser(Parser *parser, Program *program, const char *start) {
  const char *end = (const char *)loop_library_text + loop_library_size;
  *parser = (Parser){ .program = program, .arena = program->arena, .from_library = true };
  lexer_open(&parser->lexer, program->arena, "library.lir", start, (size_t)(end - start));
}

uint32_t library_declare(Program *program, const char *name) {
  Parser parser;
  const char *start = find_text(name);
  if (!start) return UINT32_MAX;
  open_parser(&parser, program, start);
  Code code = parse_function_header(&parser);
  vector_push(program->arena, &program->functions, code);
  return program->functions.count - 1;
}

/* The body of a function that takes scalars; false if the library has none. */
static bool define_scalar(Program *program, uint32_t index) {
  Parser parser;
  Code declared = program->functions.data[index];
  const char *start = find_text(declared.name);
  if (!start) return false;
  open_parser(&parser, program, start);
  Code code = parse_function_header(&parser);
  bool fits = code.result == declared.result && code.parameter_count == declared.parameter_count;
  for (uint32_t i = 1; fits && i <= code.parameter_count; i++) fits = code.slots.data[i].scalar == declared.slots.data[i].scalar;
  if (!fits) bug(program->context, "function `%s` is called with other types than the library's", declared.name);
  parse_body(&parser, &code);
  program->functions.data[index] = code;
  return true;
}

/* exp_f32x16 from exp_f32, which is defined if need be. */
static bool define_wide(Program *program, uint32_t index) {
  Code declared = program->functions.data[index];
  const char *name = loop_scalar_name(program->arena, declared.name, declared.lanes);
  uint32_t scalar = program_find_function(program, name);
  if (scalar == UINT32_MAX) scalar = library_declare(program, name);
  if (scalar == UINT32_MAX) return false;
  if (!program->functions.data[scalar].defined && !define_scalar(program, scalar)) return false;
  Code body = program->functions.data[scalar]; /* the vector may grow under our hands */
  if (!code_is_straight(&body)) bug(program->context, "function `%s` is called with vectors but branches", name);
  Code wide = function_widened(program, &body, declared.lanes);
  program->functions.data[index] = wide;
  return true;
}

static void define(Program *program, uint32_t index) {
  const Code *declared = &program->functions.data[index];
  if (declared->lanes > 1 ? define_wide(program, index) : define_scalar(program, index)) return;
  declared = &program->functions.data[index]; /* all of them are reported */
  model_error(program->context, CODE_UNSUPPORTED_TYPES, (Place){0}, NULL, "the function %s is not supported for this element type", declared->name);
}

static bool is_name_character(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }

/* The first word of a line of a function's text, skipping spaces: what statement it is. */
static bool line_begins(const char *line, const char *word) {
  while (*line == ' ') line++;
  return strncmp(line, word, strlen(word)) == 0 && line[strlen(word)] == ' ';
}

static bool line_is_straight(const char *line, const char *line_end) {
  static const char *const branches[] = {"if", "for", "while", "var"};
  char word[64];
  for (size_t i = 0; i < sizeof branches / sizeof *branches; i++)
    if (line_begins(line, branches[i])) return false;
  for (const char *open = line; (open = memchr(open, '(', (size_t)(line_end - open))) != NULL; open++) {
    const char *start = open;
    while (start > line && (is_name_character(start[-1]))) start--;
    size_t length = (size_t)(open - start);
    if (length == 0 || length >= sizeof word) continue;
    memcpy(word, start, length);
    word[length] = 0;
    if (!library_is_straight(word) && library_has(word)) return false;
  }
  return true;
}

/* Up to the `}` at the start of a line. */
static bool text_is_straight(const char *line, const char *end) {
  while (line < end && *line != '}') {
    const char *line_end = memchr(line, '\n', (size_t)(end - line));
    if (!line_end) line_end = end;
    if (!line_is_straight(line, line_end)) return false;
    line = line_end + 1;
  }
  return true;
}

bool library_is_straight(const char *name) {
  const char *text = find_text(name), *end = (const char *)loop_library_text + loop_library_size;
  const char *body = text ? memchr(text, '\n', (size_t)(end - text)) : NULL;
  return body && text_is_straight(body + 1, end);
}

static const char *scalar_name_of(const Program *program, uint32_t function) {
  const Code *code = &program->functions.data[function];
  return loop_scalar_name(program->arena, code->name, code->lanes);
}

static bool needs_body(const Code *function) { return !function->defined && !function->symbol; }

void program_link_others(Program *program, bool (*known)(const char *name)) {
  for (uint32_t i = 0; i < program->functions.count; i++)
    if (needs_body(&program->functions.data[i]) && !known(scalar_name_of(program, i))) define(program, i);
  check_errors(program->context);
}

void program_link_library(Program *program) {
  for (uint32_t i = 0; i < program->functions.count; i++) /* grows as bodies call others */
    if (needs_body(&program->functions.data[i])) define(program, i);
  check_errors(program->context);
}
