/* The library of scalar functions: library.lir, compiled in as text. A function is looked for by name and only read when a program calls it.
 *
 * In that file every `function NAME(` stands at the start of a line; functions may call one another in any order, but not in a circle. */
#include "parse.h"

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

static void define(Program *program, uint32_t index) {
  Parser parser;
  Code declared = program->functions.data[index];
  const char *start = find_text(declared.name);
  if (!start) { /* all of them are reported */
    model_error(program->context, CODE_UNSUPPORTED_TYPES, (Place){0}, NULL, "the function %s is not supported for this element type", declared.name);
    return;
  }
  open_parser(&parser, program, start);
  Code code = parse_function_header(&parser);
  bool fits = code.result == declared.result && code.parameter_count == declared.parameter_count;
  for (uint32_t i = 1; fits && i <= code.parameter_count; i++) fits = code.slots.data[i].scalar == declared.slots.data[i].scalar;
  if (!fits) bug(program->context, "function `%s` is called with other types than the library's", declared.name);
  parse_body(&parser, &code);
  program->functions.data[index] = code;
}

void program_link_others(Program *program, bool (*known)(const char *name)) {
  for (uint32_t i = 0; i < program->functions.count; i++)
    if (!program->functions.data[i].defined && !known(program->functions.data[i].name)) define(program, i);
  check_errors(program->context);
}

void program_link_library(Program *program) {
  for (uint32_t i = 0; i < program->functions.count; i++) /* grows as bodies call others */
    if (!program->functions.data[i].defined) define(program, i);
  check_errors(program->context);
}
