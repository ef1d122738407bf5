/* Reading a program. Two passes over the text: the first declares the functions, which may call one another in any order; the second reads
 * everything. Items stand in the order of the grammar (compiler/ir.md) only where one names another: symbols, buffers, kernels, entries. */
#include "parse.h"

#include <string.h>

/* ---- functions first ---- */

/* `function NAME (` outside braces is a function: no other item has two words before a parenthesis but `kernel NAME (`. */
static void declare_functions(Parser *parser) {
  Lexer *lexer = &parser->lexer, start = *lexer;
  for (int depth = 0; lexer->kind != TOKEN_END;) {
    if (lexer_is(lexer, "{")) depth++;
    if (lexer_is(lexer, "}")) depth--;
    bool is_function = depth == 0 && lexer_is(lexer, "function");
    lexer_next(lexer);
    if (!is_function || lexer->kind != TOKEN_WORD) continue;
    Lexer name = *lexer;
    lexer_next(lexer);
    if (!lexer_is(lexer, "(")) continue;
    *lexer = name;
    Code code = parse_function_header(parser);
    if (program_find_function(parser->program, code.name) != UINT32_MAX) lexer_error(lexer, "two functions `%s`", code.name);
    vector_push(parser->arena, &parser->program->functions, code);
  }
  *lexer = start;
}

/* ---- items ---- */

/* Of a lower-case digit; else an error. */
static unsigned hex_digit(Parser *parser, char c) {
  if (c >= '0' && c <= '9') return (unsigned)(c - '0');
  if (c < 'a' || c > 'f') lexer_error(&parser->lexer, "expected hexadecimal digits");
  return (unsigned)(c - 'a') + 10;
}

static uint64_t parse_hash(Parser *parser) {
  size_t length;
  const char *digits = lexer_quoted(&parser->lexer, &length);
  uint64_t value = 0;
  if (length > 16 || length == 0) lexer_error(&parser->lexer, "expected hexadecimal digits");
  for (size_t i = 0; i < length; i++) value = value * 16 + hex_digit(parser, digits[i]);
  return value;
}

/* sym NAME LO..[HI] [run] */
static void parse_symbol(Parser *parser) {
  Lexer *lexer = &parser->lexer;
  const char *name = lexer_name(lexer, NULL);
  int64_t lo = lexer_integer(lexer), hi = DIM_OPEN;
  lexer_expect(lexer, "..");
  if (lexer->kind == TOKEN_NUMBER || lexer_is(lexer, "-")) hi = lexer_integer(lexer);
  bool is_run = lexer_accept(lexer, "run");
  if (hi < lo) lexer_error(lexer, "empty range");
  if (dim_find_symbol(parser->program->dims, name) != UINT32_MAX) lexer_error(lexer, "two symbols of one name");
  dim_symbol(parser->program->dims, name, is_run ? SYMBOL_RUN : SYMBOL_INPUT, lo, hi);
}

static InfoTensor parse_info_tensor(Parser *parser) {
  Lexer *lexer = &parser->lexer;
  InfoTensor tensor = { .name = lexer_quoted(lexer, NULL) };
  tensor.element = element_from_name(lexer_word(lexer));
  if (tensor.element == ELEMENT_NONE) lexer_error(lexer, "unknown element type");
  tensor.rank = parse_shape(parser, tensor.dims);
  lexer_expect(lexer, "buffer");
  tensor.buffer = parse_count(parser);
  tensor.quantized = lexer_accept(lexer, "scale");
  if (!tensor.quantized) return tensor;
  bool negative = lexer_accept(lexer, "-");
  if (lexer->kind != TOKEN_NUMBER) lexer_error(lexer, "expected a number");
  tensor.scale = negative ? -lexer->number : lexer->number;
  lexer_next(lexer);
  lexer_expect(lexer, "zero_point");
  tensor.zero_point = lexer_integer(lexer);
  return tensor;
}

static InfoNode parse_info_node(Parser *parser) {
  Lexer *lexer = &parser->lexer;
  InfoNode node = { .index = (int32_t)lexer_integer(lexer) };
  node.name = lexer_quoted(lexer, NULL);
  node.op_type = lexer_quoted(lexer, NULL);
  node.path = lexer_quoted(lexer, NULL);
  lexer_expect(lexer, "macs");
  node.macs = lexer_integer(lexer);
  return node;
}

static void parse_info(Parser *parser) {
  Lexer *lexer = &parser->lexer;
  ProgramInfo *info = &parser->program->info;
  if (lexer_accept(lexer, "input")) {
    InfoTensor tensor = parse_info_tensor(parser);
    vector_push(parser->arena, &info->inputs, tensor);
  } else if (lexer_accept(lexer, "output")) {
    InfoTensor tensor = parse_info_tensor(parser);
    vector_push(parser->arena, &info->outputs, tensor);
  } else if (lexer_accept(lexer, "node")) {
    InfoNode node = parse_info_node(parser);
    vector_push(parser->arena, &info->nodes, node);
  } else {
    lexer_expect(lexer, "model");
    info->model_name = lexer_quoted(lexer, NULL);
    lexer_expect(lexer, "producer");
    info->producer = lexer_quoted(lexer, NULL);
    lexer_expect(lexer, "description");
    info->description = lexer_quoted(lexer, NULL);
    lexer_expect(lexer, "ir_version");
    info->ir_version = lexer_integer(lexer);
    lexer_expect(lexer, "opset");
    info->opset = lexer_integer(lexer);
    lexer_expect(lexer, "hash");
    info->model_hash = parse_hash(parser);
  }
}

static void parse_placement(Parser *parser) {
  Lexer *lexer = &parser->lexer;
  Program *program = parser->program;
  lexer_expect(lexer, "workspace");
  program->workspace_bytes = dim_parse(program->dims, lexer);
  lexer_expect(lexer, "lower");
  program->workspace_lower_bound = dim_parse(program->dims, lexer);
  lexer_expect(lexer, "state");
  program->state_bytes = dim_parse(program->dims, lexer);
  lexer_expect(lexer, "weights");
  program->weights_bytes = lexer_integer(lexer);
  if (lexer_accept(lexer, "fast")) program->fast_bytes = lexer_integer(lexer);
}

/* ---- buffers ---- */

static const uint8_t *parse_hex(Parser *parser, size_t bytes) {
  size_t length;
  const char *digits = lexer_quoted(&parser->lexer, &length);
  if (length != 2 * bytes) lexer_error(&parser->lexer, "%zu hexadecimal digits for %zu bytes", length, bytes);
  uint8_t *data = arena_allocate(parser->arena, bytes);
  for (size_t i = 0; i < length; i++) data[i / 2] = (uint8_t)(data[i / 2] * 16 + hex_digit(parser, digits[i]));
  return data;
}

static void parse_weight(Parser *parser, Buffer *buffer) {
  Lexer *lexer = &parser->lexer;
  size_t bytes;
  if (lexer_accept(lexer, "splat")) {
    buffer->splat = parse_hash(parser);
    return;
  }
  if (!buffer_bytes(parser->program, buffer, &bytes)) lexer_error(lexer, "weight `%s` has no constant size", buffer->name);
  if (lexer_accept(lexer, "data")) {
    buffer->data = parse_hex(parser, bytes);
    return;
  }
  lexer_expect(lexer, "blob");
  buffer->blob_hash = parse_hash(parser);
  int64_t size = lexer_integer(lexer);
  if (size < 0 || (uint64_t)size != bytes) lexer_error(lexer, "blob of %lld bytes for %zu", (long long)size, bytes);
  buffer->data = arena_allocate(parser->arena, bytes);
}

static Storage parse_storage(Parser *parser) {
  for (int storage = STORAGE_INPUT; storage <= STORAGE_WORKSPACE; storage++)
    if (lexer_accept(&parser->lexer, storage_name((Storage)storage))) return (Storage)storage;
  lexer_error(&parser->lexer, "expected input, output, weight, state or workspace");
}

static void parse_buffer(Parser *parser) {
  Lexer *lexer = &parser->lexer;
  Buffer buffer = { .name = parse_identifier(parser), .align = 64 };
  lexer_expect(lexer, ":");
  buffer.scalar = parse_scalar(parser);
  buffer.rank = parse_shape(parser, buffer.dims);
  buffer.storage = parse_storage(parser);
  if (buffer.storage == STORAGE_INPUT || buffer.storage == STORAGE_OUTPUT) buffer.index = parse_count(parser);
  if (buffer.storage == STORAGE_WEIGHT) parse_weight(parser, &buffer);
  if (lexer_accept(lexer, "align")) buffer.align = parse_count(parser);
  if (lexer_accept(lexer, "at")) {
    Dim offset = dim_parse(parser->program->dims, lexer);
    if (buffer.storage == STORAGE_WEIGHT) buffer.weight_offset = offset;
    else buffer.offset = offset;
  }
  for (uint32_t i = 0; i < buffer.rank; i++)
    if (buffer.dims[i] == DIM_UNKNOWN) lexer_error(lexer, "buffer `%s` has an unknown dimension", buffer.name);
  uint32_t index = program_buffer(parser->program, buffer);
  if (strcmp(parser->program->buffers.data[index].name, buffer.name) != 0) lexer_error(lexer, "two buffers `%s`", buffer.name);
}

/* ---- program ---- */

static void parse_variant(Parser *parser) {
  const char *label = parse_identifier(parser);
  vector_push(parser->arena, &parser->program->variants, label);
}

static void parse_item(Parser *parser) {
  static const struct { const char *word; void (*parse)(Parser *parser); } items[] = {
    { "sym", parse_symbol }, { "info", parse_info }, { "place", parse_placement }, { "buffer", parse_buffer },
    { "variant", parse_variant },
    { "function", parse_function }, { "kernel", parse_kernel }, { "entry", parse_entry },
  };
  for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
    if (!lexer_accept(&parser->lexer, items[i].word)) continue;
    items[i].parse(parser);
    return;
  }
  lexer_error(&parser->lexer, "expected sym, info, place, variant, buffer, function, kernel or entry");
}

Program *program_parse(Context *context, Arena *arena, const char *file, const char *data, size_t length) {
  DimTable *dims = arena_new(arena, DimTable);
  Parser parser = { .arena = arena };
  dim_open(dims, arena);
  parser.program = program_open(context, arena, dims);
  lexer_open(&parser.lexer, arena, file, data, length);
  lexer_expect(&parser.lexer, "program");
  parser.program->legal = lexer_accept(&parser.lexer, "legal");
  declare_functions(&parser);
  while (parser.lexer.kind != TOKEN_END) parse_item(&parser);
  return parser.program;
}
