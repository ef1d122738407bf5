/* Reading kernels, functions and entries: headers, statements, scopes. */
#include "parse.h"

#include <string.h>

/* ---- small parts ---- */

const char *parse_identifier(Parser *parser) {
  const char *name = lexer_word(&parser->lexer);
  if (!is_plain_identifier(name, strlen(name))) lexer_error(&parser->lexer, "`%s` is no plain name", name);
  for (uint32_t i = 0; loop_keyword(i); i++)
    if (strcmp(loop_keyword(i), name) == 0) lexer_error(&parser->lexer, "`%s` is a word of the language", name);
  return name;
}

uint32_t parse_count(Parser *parser) {
  int64_t value = lexer_integer(&parser->lexer);
  if (value < 0 || value > INT32_MAX) lexer_error(&parser->lexer, "%lld is out of range", (long long)value);
  return (uint32_t)value;
}

uint32_t parse_shape(Parser *parser, Dim *dims) {
  uint32_t rank = 0;
  lexer_expect(&parser->lexer, "[");
  while (!lexer_accept(&parser->lexer, "]")) {
    if (rank == LOOP_MAX_RANK) lexer_error(&parser->lexer, "rank of more than %u", LOOP_MAX_RANK);
    if (rank) lexer_expect(&parser->lexer, ",");
    dims[rank++] = dim_parse(parser->program->dims, &parser->lexer);
  }
  return rank;
}

uint32_t parse_find_operand(Parser *parser, const char *name) {
  const Code *code = parser->code;
  const Program *program = parser->program;
  if (code->kind == CODE_ENTRY) {
    uint64_t hash = loop_hash(name, strlen(name));
    for (uint32_t i = 0; i < program->buffer_hashes.count; i++)
      if (program->buffer_hashes.data[i] == hash && strcmp(program->buffers.data[i].name, name) == 0) return i;
    return UINT32_MAX;
  }
  for (uint32_t i = 0; i < code->operands.count; i++)
    if (strcmp(code->operands.data[i].name, name) == 0) return i;
  return UINT32_MAX;
}

/* A word is one name: a slot must not hide another slot, an operand or a symbol. */
static Slot add_slot(Parser *parser, const char *name, Scalar scalar, uint16_t lanes, bool is_variable) {
  for (uint32_t i = 0; i < parser->scope.count; i++)
    if (strcmp(parser->scope.data[i].name, name) == 0) lexer_error(&parser->lexer, "`%s` is defined already", name);
  bool is_symbol = !parser->from_library && dim_find_symbol(parser->program->dims, name) != UINT32_MAX;
  if (is_symbol || parse_find_operand(parser, name) != UINT32_MAX)
    lexer_error(&parser->lexer, "`%s` is an operand or a symbol", name);
  SlotInfo info = { .name = name, .scalar = scalar, .lanes = lanes, .is_variable = is_variable };
  vector_push(parser->arena, &parser->code->slots, info);
  Slot slot = parser->code->slots.count - 1;
  vector_push(parser->arena, &parser->scope, (ScopeEntry){ name, slot });
  return slot;
}

static Slot find_slot(const Parser *parser, const char *name) {
  for (uint32_t i = parser->scope.count; i-- > 0;)
    if (strcmp(parser->scope.data[i].name, name) == 0) return parser->scope.data[i].slot;
  return 0;
}

/* ---- statements ---- */

static Stmt parse_block(Parser *parser);

static StmtNode parse_for(Parser *parser) {
  Lexer *lexer = &parser->lexer;
  StmtNode node = { .kind = STMT_FOR };
  const char *name = parse_identifier(parser);
  lexer_expect(lexer, "in");
  node.a = parse_lanes_value(parser, SCALAR_INDEX, 1);
  lexer_expect(lexer, "..");
  node.b = parse_lanes_value(parser, SCALAR_INDEX, 1);
  int64_t step = 1;
  if (lexer_accept(lexer, "step")) step = lexer_integer(lexer);
  if (step <= 0) lexer_error(lexer, "step of %lld", (long long)step);
  node.c = parse_add(parser, (ExprNode){ .op = LOOP_CONSTANT, .scalar = SCALAR_INDEX, .integer = step });
  if (lexer_accept(lexer, "parallel")) node.loop_kind = LOOP_PARALLEL;
  else if (lexer_accept(lexer, "unroll")) node.loop_kind = LOOP_UNROLL;
  else if (lexer_accept(lexer, "accumulates")) node.loop_kind = LOOP_ACCUMULATES;
  uint32_t outside = parser->scope.count;
  node.slot = add_slot(parser, name, SCALAR_INDEX, 1, false);
  node.body = parse_block(parser);
  parser->scope.count = outside;
  return node;
}

static StmtNode parse_condition(Parser *parser, StmtKind kind) {
  StmtNode node = { .kind = (uint8_t)kind };
  node.a = parse_lanes_value(parser, SCALAR_I1, 1);
  node.body = parse_block(parser);
  if (kind == STMT_IF && lexer_accept(&parser->lexer, "else")) node.otherwise = parse_block(parser);
  return node;
}

static StmtNode parse_definition(Parser *parser, StmtKind kind) {
  StmtNode node = { .kind = (uint8_t)kind };
  Scalar scalar = SCALAR_UNTYPED;
  const char *name = parse_identifier(parser);
  uint16_t lanes = 0;
  if (lexer_accept(&parser->lexer, ":")) scalar = parse_type(parser, &lanes);
  lexer_expect(&parser->lexer, "=");
  node.a = lanes ? parse_lanes_value(parser, scalar, lanes) : parse_value(parser, scalar);
  const ExprNode *value = expr_at(parser->code, node.a);
  node.slot = add_slot(parser, name, (Scalar)value->scalar, value->lanes, kind == STMT_VAR);
  return node;
}

static uint32_t find_buffer(Parser *parser) {
  const char *name = lexer_word(&parser->lexer);
  uint32_t buffer = parse_find_operand(parser, name);
  if (buffer == UINT32_MAX) lexer_error(&parser->lexer, "unknown buffer `%s`", name);
  return buffer;
}

static uint32_t find_kernel(Parser *parser, const char *name) {
  for (uint32_t i = 0; i < parser->program->kernels.count; i++)
    if (strcmp(parser->program->kernels.data[i].name, name) == 0) return i;
  lexer_error(&parser->lexer, "unknown kernel `%s`", name);
}

static StmtNode parse_kernel_call(Parser *parser) {
  Lexer *lexer = &parser->lexer;
  StmtNode node = { .kind = STMT_CALL };
  VECTOR(CallArgument) arguments = { 0 };
  node.target = find_kernel(parser, lexer_word(lexer));
  lexer_expect(lexer, "(");
  while (!lexer_accept(lexer, ")")) {
    if (arguments.count) lexer_expect(lexer, ",");
    CallArgument argument = { .buffer = find_buffer(parser) };
    if (lexer_accept(lexer, "+")) argument.offset = parse_lanes_value(parser, SCALAR_INDEX, 1);
    vector_push(parser->arena, &arguments, argument);
  }
  node.list = parser->code->call_arguments.count;
  node.list_count = arguments.count;
  for (uint32_t i = 0; i < arguments.count; i++) {
    CallArgument argument = arguments.data[i];
    vector_push(parser->arena, &parser->code->call_arguments, argument);
  }
  if (lexer_accept(lexer, "node")) node.slot = 1 + parse_count(parser);
  return node;
}

static StmtNode parse_copy(Parser *parser) {
  StmtNode node = { .kind = STMT_COPY };
  node.list = find_buffer(parser);
  lexer_expect(&parser->lexer, "->");
  node.target = find_buffer(parser);
  return node;
}

static StmtNode parse_assign(Parser *parser) {
  StmtNode node = { .kind = STMT_ASSIGN };
  const char *name = lexer_name(&parser->lexer, NULL);
  node.target = dim_find_symbol(parser->program->dims, name);
  if (node.target == UINT32_MAX) lexer_error(&parser->lexer, "assign of an unknown symbol");
  lexer_expect(&parser->lexer, "=");
  node.a = parse_lanes_value(parser, SCALAR_INDEX, 1);
  return node;
}

/* `name = value` or `name[i, j] = value` */
static StmtNode parse_change(Parser *parser, const char *name) {
  StmtNode node = { .kind = STMT_SET };
  Scalar scalar;
  uint16_t lanes;
  if (lexer_accept(&parser->lexer, "[")) {
    node.kind = STMT_STORE;
    node.target = parse_find_operand(parser, name);
    if (node.target == UINT32_MAX) lexer_error(&parser->lexer, "unknown operand `%s`", name);
    node.list = parse_access_list(parser, node.target, &node.list_count, &lanes);
    bool is_entry = parser->code->kind == CODE_ENTRY;
    scalar = is_entry ? parser->program->buffers.data[node.target].scalar : parser->code->operands.data[node.target].scalar;
  } else {
    node.slot = find_slot(parser, name);
    if (node.slot == 0) lexer_error(&parser->lexer, "unknown statement or variable `%s`", name);
    scalar = parser->code->slots.data[node.slot].scalar;
    lanes = parser->code->slots.data[node.slot].lanes;
    if (!parser->code->slots.data[node.slot].is_variable) lexer_error(&parser->lexer, "`%s` is no variable", name);
  }
  lexer_expect(&parser->lexer, "=");
  node.a = parse_lanes_value(parser, scalar, lanes);
  return node;
}

static StmtNode parse_simple(Parser *parser, const char *word) {
  bool is_entry = parser->code->kind == CODE_ENTRY, is_function = parser->code->kind == CODE_FUNCTION;
  if (is_function && strcmp(word, "return") == 0)
    return (StmtNode){ .kind = STMT_RETURN, .a = parse_lanes_value(parser, parser->code->result, parser->code->lanes) };
  if (is_entry && strcmp(word, "call") == 0) return parse_kernel_call(parser);
  if (is_entry && strcmp(word, "copy") == 0) return parse_copy(parser);
  if (is_entry && strcmp(word, "assign") == 0) return parse_assign(parser);
  if (is_entry && strcmp(word, "fail") == 0) return (StmtNode){ .kind = STMT_FAIL, .target = parse_count(parser) };
  return parse_change(parser, word);
}

static StmtNode parse_statement(Parser *parser) {
  const char *word = lexer_word(&parser->lexer);
  if (strcmp(word, "for") == 0) return parse_for(parser);
  if (strcmp(word, "while") == 0) return parse_condition(parser, STMT_WHILE);
  if (strcmp(word, "if") == 0) return parse_condition(parser, STMT_IF);
  if (strcmp(word, "let") == 0) return parse_definition(parser, STMT_LET);
  if (strcmp(word, "var") == 0) return parse_definition(parser, STMT_VAR);
  return parse_simple(parser, word);
}

/* Statements up to `}`; the first one. */
static Stmt parse_rest(Parser *parser) {
  Stmt first = 0, last = 0;
  uint32_t outside = parser->scope.count;
  if (++parser->blocks >= LOOP_MAX_BLOCKS) lexer_error(&parser->lexer, "more than %u nested blocks", LOOP_MAX_BLOCKS - 1);
  while (!lexer_accept(&parser->lexer, "}")) {
    StmtNode node = parse_statement(parser);
    vector_push(parser->arena, &parser->code->stmts, node);
    Stmt stmt = parser->code->stmts.count - 1;
    if (last) stmt_at(parser->code, last)->next = stmt;
    else first = stmt;
    last = stmt;
  }
  parser->blocks--;
  parser->scope.count = outside;
  return first;
}

static Stmt parse_block(Parser *parser) {
  lexer_expect(&parser->lexer, "{");
  return parse_rest(parser);
}

/* ---- code ---- */

static Code open_code(Parser *parser, CodeKind kind) {
  Code code = { .kind = kind, .lanes = 1 };
  vector_push(parser->arena, &code.exprs, (ExprNode){ .op = LOOP_OP_NONE });
  vector_push(parser->arena, &code.stmts, (StmtNode){ .kind = STMT_NONE });
  vector_push(parser->arena, &code.slots, (SlotInfo){ .name = "" });
  code.name = parse_identifier(parser);
  parser->scope.count = 0;
  return code;
}

void parse_body(Parser *parser, Code *code) {
  parser->code = code;
  lexer_expect(&parser->lexer, "{");
  while (lexer_accept(&parser->lexer, "note")) {
    const char *note = lexer_quoted(&parser->lexer, NULL);
    vector_push(parser->arena, &code->notes, note);
  }
  code->body = parse_rest(parser);
  code->defined = true;
  parser->scope.count = 0;
}

/* `variant LABEL` behind a header. */
static void parse_variant_of(Parser *parser, Code *code) {
  if (!lexer_accept(&parser->lexer, "variant")) return;
  const char *label = parse_identifier(parser);
  while (code->variant < parser->program->variants.count && strcmp(parser->program->variants.data[code->variant], label) != 0) code->variant++;
  if (code->variant == parser->program->variants.count) lexer_error(&parser->lexer, "unknown variant `%s`", label);
}

static Access parse_access(Parser *parser) {
  for (int access = ACCESS_IN; access <= ACCESS_LOCAL; access++)
    if (lexer_accept(&parser->lexer, access_name((Access)access))) return (Access)access;
  lexer_error(&parser->lexer, "expected in, out, inout, scratch or local");
}

/* One operand; *same is the name after `same`, NULL if there is none. */
static OperandInfo parse_operand(Parser *parser, const char **same) {
  Lexer *lexer = &parser->lexer;
  OperandInfo operand = { .name = parse_identifier(parser) };
  lexer_expect(lexer, ":");
  operand.scalar = parse_scalar(parser);
  operand.rank = parse_shape(parser, operand.dims);
  operand.access = parse_access(parser);
  *same = lexer_accept(lexer, "same") ? lexer_word(lexer) : NULL;
  if (lexer_accept(lexer, "align")) operand.align = parse_count(parser);
  operand.strided = lexer_accept(lexer, "strides");
  if (operand.strided && parse_shape(parser, operand.strides) != operand.rank) lexer_error(lexer, "strides of another rank");
  return operand;
}

void parse_kernel(Parser *parser) {
  Code code = open_code(parser, CODE_KERNEL);
  VECTOR(const char *) same = { 0 };
  parser->code = &code;
  lexer_expect(&parser->lexer, "(");
  while (!lexer_accept(&parser->lexer, ")")) {
    const char *name;
    if (code.operands.count) lexer_expect(&parser->lexer, ",");
    OperandInfo operand = parse_operand(parser, &name);
    if (parse_find_operand(parser, operand.name) != UINT32_MAX) lexer_error(&parser->lexer, "two operands `%s`", operand.name);
    vector_push(parser->arena, &code.operands, operand);
    vector_push(parser->arena, &same, name);
  }
  for (uint32_t i = 0; i < same.count; i++) {
    if (!same.data[i]) continue;
    code.operands.data[i].same_index = 1 + parse_find_operand(parser, same.data[i]);
    if (code.operands.data[i].same_index == 0) lexer_error(&parser->lexer, "unknown operand `%s`", same.data[i]);
  }
  parse_variant_of(parser, &code);
  parse_body(parser, &code);
  if (program_add_kernel(parser->program, code) == UINT32_MAX) lexer_error(&parser->lexer, "two kernels `%s`", code.name);
}

void parse_entry(Parser *parser) {
  Code code = open_code(parser, CODE_ENTRY);
  parse_variant_of(parser, &code);
  parse_body(parser, &code);
  program_entry(parser->program, code);
}

Code parse_function_header(Parser *parser) {
  Code code = open_code(parser, CODE_FUNCTION);
  parser->code = &code;
  lexer_expect(&parser->lexer, "(");
  while (!lexer_accept(&parser->lexer, ")")) {
    if (code.parameter_count == LOOP_MAX_RANK) lexer_error(&parser->lexer, "more than %u parameters", LOOP_MAX_RANK);
    if (code.parameter_count++) lexer_expect(&parser->lexer, ",");
    const char *name = parse_identifier(parser);
    lexer_expect(&parser->lexer, ":");
    uint16_t lanes;
    Scalar scalar = parse_type(parser, &lanes);
    if (code.parameter_count > 1 && lanes != code.lanes) lexer_error(&parser->lexer, "parameters of different lanes");
    code.lanes = lanes;
    add_slot(parser, name, scalar, lanes, false);
  }
  uint16_t lanes;
  lexer_expect(&parser->lexer, "->");
  code.result = parse_type(parser, &lanes);
  if (code.parameter_count && lanes != code.lanes) lexer_error(&parser->lexer, "result of other lanes than the parameters");
  code.lanes = lanes;
  return code;
}

void parse_function(Parser *parser) {
  Code code = parse_function_header(parser);
  uint32_t index = program_find_function(parser->program, code.name);
  parse_variant_of(parser, &code);
  if (lexer_accept(&parser->lexer, "extern")) {
    parser->program->functions.data[index].symbol = parse_identifier(parser);
    return;
  }
  if (!lexer_is(&parser->lexer, "{")) return;
  parse_body(parser, &code);
  parser->program->functions.data[index] = code;
}
