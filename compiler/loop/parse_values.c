/* Reading expressions: precedence climbing over the infix operations, calls by name for the rest.
 *
 * A literal takes the type of the operand beside it or of its context; one that gets none is an error. Expressions are built as they are
 * written, without folding, so that what was printed comes back unchanged. */
#include "parse.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct { const char *text; LoopOp op; int level; } infix[] = {
  { "|", LOOP_OR, 1 }, { "^", LOOP_XOR, 1 }, { "&", LOOP_AND, 1 },
  { "==", LOOP_EQ, 2 }, { "!=", LOOP_NE, 2 }, { "<", LOOP_LT, 2 }, { "<=", LOOP_LE, 2 }, { ">", LOOP_GT, 2 }, { ">=", LOOP_GE, 2 },
  { "<<", LOOP_SHL, 3 }, { ">>", LOOP_SHR, 3 },
  { "+", LOOP_ADD, 4 }, { "-", LOOP_SUB, 4 },
  { "*", LOOP_MUL, 5 }, { "/", LOOP_DIV, 5 }, { "%", LOOP_REM, 5 },
};
enum { LEVEL_LOWEST = 1 };

NO_RETURN static void raise_depth(Parser *parser) {
  lexer_error(&parser->lexer, "expression of more than %u levels", LOOP_MAX_DEPTH);
}

Expr parse_add(Parser *parser, ExprNode node) {
  if (node.lanes == 0) node.lanes = 1;
  vector_push(parser->arena, &parser->code->exprs, node);
  Expr expr = parser->code->exprs.count - 1;
  uint16_t depth = 1;
  for (uint32_t i = 0, count = expr_operand_count(parser->code, expr); i < count; i++) {
    uint16_t below = parser->depths.data[expr_operand(parser->code, expr, i)];
    if (below >= depth) depth = (uint16_t)(below + 1);
  }
  if (depth > LOOP_MAX_DEPTH) raise_depth(parser);
  while (parser->depths.count < expr) vector_push(parser->arena, &parser->depths, 1);
  parser->depths.count = expr; /* what is left of another code */
  vector_push(parser->arena, &parser->depths, depth);
  return expr;
}

static Expr parse_level(Parser *parser, int level);
static Expr parse_primary(Parser *parser);

static ExprNode *node_of(const Parser *parser, Expr expr) { return &parser->code->exprs.data[expr]; }

static bool is_untyped(const Parser *parser, Expr expr) { return node_of(parser, expr)->scalar == SCALAR_UNTYPED; }

/* ---- literals ---- */

static void give_type(Parser *parser, Expr expr, Scalar scalar) {
  ExprNode *node = node_of(parser, expr);
  bool is_integer = node->operand[0] == 1;
  if (scalar == SCALAR_I1 || (!is_integer && !scalar_is_float(scalar)))
    lexer_error(&parser->lexer, "literal where %s is wanted", scalar_name(scalar));
  if (scalar_is_float(scalar)) {
    double number = is_integer ? (double)node->integer : node->number;
    node->number = scalar == SCALAR_F32 ? (double)(float)number : number;
  } else {
    int64_t wrapped = scalar_wrap(scalar, node->integer);
    bool fits = wrapped == node->integer || (uint64_t)node->integer >> 1 < UINT64_C(1) << (scalar_bits(scalar) - 1);
    if (!fits) lexer_error(&parser->lexer, "literal %lld does not fit into %s", (long long)node->integer, scalar_name(scalar));
    node->integer = wrapped;
  }
  node->operand[0] = 0;
  node->scalar = (uint8_t)scalar;
}

static Expr parse_literal(Parser *parser, bool negative) {
  Lexer *lexer = &parser->lexer;
  ExprNode node = { .op = LOOP_CONSTANT, .scalar = SCALAR_UNTYPED };
  if (lexer->kind == TOKEN_NUMBER && lexer->is_integer) {
    node.integer = negative ? (int64_t)(0 - (uint64_t)lexer->integer) : lexer->integer;
    node.operand[0] = 1;
  } else {
    double number = lexer->kind == TOKEN_NUMBER ? lexer->number : lexer_is(lexer, "inf") ? (double)INFINITY : (double)NAN;
    node.number = negative ? -number : number;
  }
  lexer_next(lexer);
  Expr expr = parse_add(parser, node);
  if (lexer_accept(lexer, ":")) give_type(parser, expr, parse_scalar(parser));
  return expr;
}

/* Gives the untyped of the operands the type of the others; all must agree then. */
static Scalar unify(Parser *parser, uint32_t count, const Expr *operands) {
  Scalar scalar = SCALAR_UNTYPED;
  for (uint32_t i = 0; i < count; i++)
    if (!is_untyped(parser, operands[i])) scalar = (Scalar)node_of(parser, operands[i])->scalar;
  if (scalar == SCALAR_UNTYPED) lexer_error(&parser->lexer, "literals without a type; write `1:i32`");
  for (uint32_t i = 0; i < count; i++) {
    if (is_untyped(parser, operands[i])) give_type(parser, operands[i], scalar);
    Scalar found = (Scalar)node_of(parser, operands[i])->scalar;
    if (found != scalar) lexer_error(&parser->lexer, "operands of %s and %s", scalar_name(found), scalar_name(scalar));
    if (node_of(parser, operands[i])->lanes != node_of(parser, operands[0])->lanes)
      lexer_error(&parser->lexer, "operands of different lanes; write broadcast");
  }
  return scalar;
}

/* ---- primary expressions ---- */

Scalar parse_scalar(Parser *parser) {
  Scalar scalar;
  const char *word = lexer_word(&parser->lexer);
  if (!scalar_from_name(word, &scalar)) lexer_error(&parser->lexer, "`%s` is no scalar type", word);
  return scalar;
}

Scalar parse_type(Parser *parser, uint16_t *lanes) {
  Scalar scalar;
  const char *word = lexer_word(&parser->lexer), *cross = strrchr(word, 'x');
  bool is_vector = cross && cross[1] >= '1' && cross[1] <= '9' && strlen(cross) <= 3;
  *lanes = is_vector ? (uint16_t)strtoul(cross + 1, NULL, 10) : 1;
  const char *name = is_vector ? arena_string(parser->arena, word, (size_t)(cross - word)) : word;
  bool valid = lanes_are_valid(*lanes) && (!is_vector || *lanes > 1);
  if (!scalar_from_name(name, &scalar) || !valid) lexer_error(&parser->lexer, "`%s` is no type", word);
  return scalar;
}

/* An operation that is written as a call; LOOP_OP_NONE if `name` is none. */
static LoopOp find_application(const char *name) {
  for (unsigned op = LOOP_NEG; op < LOOP_OP_COUNT; op++)
    if (name[0] >= 'a' && name[0] <= 'z' && strcmp(loop_op_text((LoopOp)op), name) == 0) return (LoopOp)op;
  return LOOP_OP_NONE;
}

/* After `op(`. */
static Expr parse_application(Parser *parser, LoopOp op) {
  bool own_type = op >= LOOP_CAST;
  ExprNode node = { .op = (uint8_t)op };
  unsigned count = loop_op_operands(op), first = op == LOOP_SELECT ? 1 : 0;
  if (own_type) {
    node.scalar = (uint8_t)parse_type(parser, &node.lanes);
    lexer_expect(&parser->lexer, ",");
  }
  for (unsigned i = 0; i < count; i++) {
    if (i) lexer_expect(&parser->lexer, ",");
    node.operand[i] = parse_level(parser, LEVEL_LOWEST);
  }
  if (op == LOOP_EXTRACT) {
    lexer_expect(&parser->lexer, ",");
    node.operand[1] = parse_count(parser);
  }
  lexer_expect(&parser->lexer, ")");
  if (op == LOOP_BROADCAST && is_untyped(parser, node.operand[0])) give_type(parser, node.operand[0], (Scalar)node.scalar);
  Scalar scalar = unify(parser, count - first, node.operand + first);
  uint16_t lanes = node_of(parser, node.operand[0])->lanes;
  if (op >= LOOP_BROADCAST && (Scalar)node.scalar != scalar)
    lexer_error(&parser->lexer, "%s of %s to %s", loop_op_text(op), scalar_name(scalar), scalar_name((Scalar)node.scalar));
  if (op == LOOP_BROADCAST ? lanes != 1 : op == LOOP_EXTRACT ? (uint64_t)node.operand[1] + node.lanes > lanes : own_type && node.lanes != lanes)
    lexer_error(&parser->lexer, "%s of %u lanes to %u", loop_op_text(op), lanes, node.lanes);
  if (first && lanes != node_of(parser, node.operand[1])->lanes) lexer_error(&parser->lexer, "operands of different lanes; write broadcast");
  if (!own_type) node.lanes = lanes;
  if (first && node_of(parser, node.operand[0])->scalar != SCALAR_I1) lexer_error(&parser->lexer, "condition of a select is no i1");
  if (!own_type) node.scalar = (uint8_t)scalar;
  return parse_add(parser, node);
}

static uint32_t add_list(Parser *parser, uint32_t count, const Expr *items) {
  uint32_t first = parser->code->lists.count;
  for (uint32_t i = 0; i < count; i++) {
    Expr item = items[i];
    vector_push(parser->arena, &parser->code->lists, item);
  }
  return first;
}

/* `.. lanes` and `of active lanes`, behind the indices of an access. */
static uint16_t parse_lanes_of_access(Parser *parser, uint32_t rank, Expr *items, uint32_t *count) {
  uint16_t lanes = 1;
  for (uint32_t i = 0; i < rank; i++) {
    uint16_t found = node_of(parser, items[i])->lanes;
    if (found > 1 && lanes > 1 && found != lanes) lexer_error(&parser->lexer, "indices of %u and %u lanes", lanes, found);
    if (found > 1) lanes = found;
  }
  if (lexer_accept(&parser->lexer, "..")) {
    uint32_t given = parse_count(parser);
    if (lanes > 1 || given < 2 || rank == 0 || !lanes_are_valid(given)) lexer_error(&parser->lexer, "access of %u lanes", given);
    lanes = (uint16_t)given;
  }
  if (lexer_accept(&parser->lexer, "of")) {
    if (lanes == 1) lexer_error(&parser->lexer, "active lanes of a scalar");
    items[(*count)++] = parse_lanes_value(parser, SCALAR_INDEX, 1);
  }
  return lanes;
}

uint32_t parse_access_list(Parser *parser, Operand operand, uint32_t *count, uint16_t *lanes) {
  Expr items[LOOP_MAX_RANK + 1];
  uint32_t rank = access_rank(parser->program, parser->code, operand);
  for (*count = 0; *count < rank; ++*count) {
    if (*count) lexer_expect(&parser->lexer, ",");
    items[*count] = parse_value(parser, SCALAR_INDEX);
  }
  *lanes = parse_lanes_of_access(parser, rank, items, count);
  lexer_expect(&parser->lexer, "]");
  return add_list(parser, *count, items);
}

static uint32_t parse_arguments(Parser *parser, uint32_t *count, uint16_t lanes, const Scalar *scalars) {
  Expr items[LOOP_MAX_RANK];
  for (*count = 0; !lexer_accept(&parser->lexer, ")"); ++*count) {
    if (*count == LOOP_MAX_RANK) lexer_error(&parser->lexer, "more than %u values in a list", LOOP_MAX_RANK);
    if (*count) lexer_expect(&parser->lexer, ",");
    items[*count] = parse_lanes_value(parser, scalars[*count], lanes);
  }
  return add_list(parser, *count, items);
}

/* After `function(`. */
static Expr parse_call(Parser *parser, const char *name) {
  Scalar scalars[LOOP_MAX_RANK + 1];
  uint32_t index = program_find_function(parser->program, name), count;
  if (index == UINT32_MAX && parser->from_library) index = library_declare(parser->program, name);
  if (index == UINT32_MAX) lexer_error(&parser->lexer, "unknown function `%s`", name);
  const Code *function = &parser->program->functions.data[index];
  for (uint32_t i = 0; i <= LOOP_MAX_RANK; i++)
    scalars[i] = i < function->parameter_count ? function->slots.data[i + 1].scalar : SCALAR_UNTYPED;
  uint32_t wanted = function->parameter_count;
  uint8_t result = (uint8_t)function->result;
  uint16_t lanes = function->lanes;
  uint32_t first = parse_arguments(parser, &count, lanes, scalars);
  if (count != wanted) lexer_error(&parser->lexer, "function `%s` takes %u arguments, not %u", name, wanted, count);
  return parse_add(parser, (ExprNode){ .op = LOOP_CALL, .scalar = result, .lanes = lanes, .operand = { index, first, count } });
}

/* After `operand[`. */
static Expr parse_load(Parser *parser, const char *name) {
  uint32_t operand = parse_find_operand(parser, name), count;
  uint16_t lanes;
  if (operand == UINT32_MAX) lexer_error(&parser->lexer, "unknown operand `%s`", name);
  uint32_t first = parse_access_list(parser, operand, &count, &lanes);
  bool is_entry = parser->code->kind == CODE_ENTRY;
  Scalar scalar = is_entry ? parser->program->buffers.data[operand].scalar : parser->code->operands.data[operand].scalar;
  return parse_add(parser, (ExprNode){ .op = LOOP_LOAD, .scalar = (uint8_t)scalar, .lanes = lanes, .operand = { operand, first, count } });
}

static Expr parse_name(Parser *parser, const char *name) {
  DimTable *dims = parser->program->dims;
  for (uint32_t i = parser->scope.count; i-- > 0;) {
    if (strcmp(parser->scope.data[i].name, name) != 0) continue;
    Slot slot = parser->scope.data[i].slot;
    const SlotInfo *info = &parser->code->slots.data[slot];
    return parse_add(parser, (ExprNode){ .op = LOOP_SLOT, .scalar = (uint8_t)info->scalar, .lanes = info->lanes, .operand = { slot } });
  }
  uint32_t symbol = dim_find_symbol(dims, name);
  if (symbol == UINT32_MAX) lexer_error(&parser->lexer, "unknown name `%s`", name);
  Dim dim = dim_symbol(dims, name, dims->symbols.data[symbol].kind, INT64_MIN, DIM_OPEN);
  return parse_add(parser, (ExprNode){ .op = LOOP_DIM, .scalar = SCALAR_INDEX, .integer = (int64_t)dim });
}

static Expr parse_word(Parser *parser) {
  Lexer *lexer = &parser->lexer;
  if (lexer_is(lexer, "inf") || lexer_is(lexer, "nan")) return parse_literal(parser, false);
  const char *name = lexer_word(lexer);
  if (strcmp(name, "true") == 0 || strcmp(name, "false") == 0)
    return parse_add(parser, (ExprNode){ .op = LOOP_CONSTANT, .scalar = SCALAR_I1, .integer = name[0] == 't' });
  if (lexer_accept(lexer, "[")) return parse_load(parser, name);
  if (!lexer_accept(lexer, "(")) return parse_name(parser, name);
  if (strcmp(name, "dim") == 0) {
    Dim dim = dim_parse(parser->program->dims, lexer);
    lexer_expect(lexer, ")");
    return parse_add(parser, (ExprNode){ .op = LOOP_DIM, .scalar = SCALAR_INDEX, .integer = (int64_t)dim });
  }
  if (strcmp(name, "lanes") == 0) {
    ExprNode node = { .op = LOOP_LANES };
    node.scalar = (uint8_t)parse_type(parser, &node.lanes);
    if (node.lanes == 1 || !scalar_is_integer((Scalar)node.scalar)) lexer_error(lexer, "lanes of a type that is no vector of integers");
    lexer_expect(lexer, ")");
    return parse_add(parser, node);
  }
  LoopOp op = find_application(name);
  return op == LOOP_OP_NONE ? parse_call(parser, name) : parse_application(parser, op);
}

static Expr parse_operand_of(Parser *parser) {
  Lexer *lexer = &parser->lexer;
  if (lexer->kind == TOKEN_NUMBER) return parse_literal(parser, false);
  if (lexer->kind == TOKEN_WORD) return parse_word(parser);
  if (lexer_accept(lexer, "(")) {
    Expr expr = parse_level(parser, LEVEL_LOWEST);
    lexer_expect(lexer, ")");
    return expr;
  }
  if (!lexer_accept(lexer, "-")) lexer_error(lexer, "expected an expression");
  if (lexer->kind == TOKEN_NUMBER || lexer_is(lexer, "inf") || lexer_is(lexer, "nan")) return parse_literal(parser, true);
  Expr operand = parse_primary(parser);
  Scalar scalar = unify(parser, 1, &operand);
  return parse_add(parser, (ExprNode){ .op = LOOP_NEG, .scalar = (uint8_t)scalar, .lanes = node_of(parser, operand)->lanes, .operand = { operand } });
}

static Expr parse_primary(Parser *parser) {
  if (++parser->nesting > 2 * LOOP_MAX_DEPTH) raise_depth(parser);
  Expr expr = parse_operand_of(parser);
  parser->nesting--;
  return expr;
}

/* ---- infix operations ---- */

/* A lone % is a word to the tokeniser. */
static int find_infix(const Lexer *lexer) {
  for (int i = 0; i < (int)(sizeof infix / sizeof *infix); i++)
    if (lexer_is(lexer, infix[i].text)) return i;
  return -1;
}

static Expr parse_level(Parser *parser, int level) {
  Expr left = parse_primary(parser);
  for (;;) {
    int at = find_infix(&parser->lexer);
    if (at < 0 || infix[at].level < level) break;
    lexer_next(&parser->lexer);
    Expr operands[2] = { left, parse_level(parser, infix[at].level + 1) };
    Scalar scalar = unify(parser, 2, operands);
    if (loop_op_is_comparison(infix[at].op)) scalar = SCALAR_I1;
    uint16_t lanes = node_of(parser, left)->lanes;
    ExprNode node = { .op = (uint8_t)infix[at].op, .scalar = (uint8_t)scalar, .lanes = lanes, .operand = { operands[0], operands[1] } };
    left = parse_add(parser, node);
  }
  return left;
}

Expr parse_value(Parser *parser, Scalar scalar) {
  Expr expr = parse_level(parser, LEVEL_LOWEST);
  if (is_untyped(parser, expr)) {
    if (scalar == SCALAR_UNTYPED) lexer_error(&parser->lexer, "literal without a type; write `1:i32`");
    give_type(parser, expr, scalar);
  }
  Scalar found = (Scalar)node_of(parser, expr)->scalar;
  if (scalar != SCALAR_UNTYPED && found != scalar)
    lexer_error(&parser->lexer, "value of %s where %s is wanted", scalar_name(found), scalar_name(scalar));
  return expr;
}

Expr parse_lanes_value(Parser *parser, Scalar scalar, uint16_t lanes) {
  Expr expr = parse_value(parser, scalar);
  uint16_t found = node_of(parser, expr)->lanes;
  if (found != lanes) lexer_error(&parser->lexer, "value of %u lanes where %u are wanted", found, lanes);
  return expr;
}
