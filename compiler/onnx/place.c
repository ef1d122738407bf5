/* Places in a model for messages: `graph.node[17] "conv1" (Conv).value`. A place is kept as steps and becomes text only when something is said. */
#include "compiler/onnx/reader.h"
#include <string.h>

const char *quoted(Reader *reader, const char *name) {
  Text text;
  text_open(&text, reader->scratch);
  text_quoted(&text, name, strlen(name));
  return text_finish(&text);
}

/* An operator's name as it stands if it is one, else quoted. */
static void print_op_type(Text *text, const char *op_type) {
  size_t length = strlen(op_type), plain = 0;
  while ((op_type[plain] >= '0' && op_type[plain] <= '9') || ((op_type[plain] | 32) >= 'a' && (op_type[plain] | 32) <= 'z') || op_type[plain] == '_')
    plain++;
  text_string(text, " (");
  if (plain == length) text_string(text, op_type);
  else text_quoted(text, op_type, length);
  text_char(text, ')');
}

static void print_step(Text *text, const Step *step) {
  if (step->outer) {
    print_step(text, step->outer); /* a handful: a scope begins with one step */
    text_char(text, '.');
  }
  text_string(text, step->field);
  if (step->index >= 0) text_format(text, "[%lld]", (long long)step->index);
  if (step->name && *step->name) {
    text_char(text, ' ');
    text_quoted(text, step->name, strlen(step->name));
  }
  if (step->op_type) print_op_type(text, step->op_type);
}

const char *step_path(Reader *reader, const Step *step) {
  Text text;
  text_open(&text, reader->arena);
  print_step(&text, step);
  return text_finish(&text);
}

Place step_place(Reader *reader, const Step *step) { return (Place){.path = step_path(reader, step)}; }
