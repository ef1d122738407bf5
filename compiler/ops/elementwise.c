/* The language of the meaning column: scalar expressions over values, turned into loop-IR expressions.
 *
 *   x y z w         the values (operands 0..3)             @name      an int or float attribute
 *   c ? a : b  ||  &&  |  ^  &  == != < <= > >=  << >>  + -  * / %  unary - ! ~
 *   min max abs sqrt floor ceil round trunc muladd       operations of the loop IR
 *   isnan(a)  sign(a)                                    a != a;  -1, 0 or 1 (NaN stays)
 *   any other name(...)                                  the library function name_f32 or name_f64 of the value's type
 *   inf                                                  the literal
 *   let e = <expression> in <expression>                 a value used several times
 *
 * A text may hold alternatives by the type of x, `int: ...; float: ...; bool: ...; unsigned: ...; <expression>`: the first that fits is taken.
 * A literal takes the type of what it meets. Both sides of ?: are evaluated. */
#include "compiler/ops/meaning.h"
#include <math.h>
#include <string.h>

typedef struct Term { Expr expr; bool is_literal; double number; } Term;

#define LET_LIMIT 4u
typedef struct Parser {
  Meaning *m; Builder *builder;
  const char *cursor, *text;                       /* where it reads; the whole text, for messages */
  uint32_t count; const Expr *values;              /* x y z w */
  uint32_t depth;
  struct { char name[16]; Expr expr; } lets[LET_LIMIT]; uint32_t let_count;
} Parser;

static Term parse_choice(Parser *parser);

static Term term_of(Expr expr) { return (Term){expr, false, 0}; }
static Term literal_of(double number) { return (Term){0, true, number}; }

NO_RETURN static void syntax(Parser *parser) { bug(parser->m->module->context, "bad meaning text '%s' near '%s'", parser->text, parser->cursor); }

static Expr as_scalar(Parser *parser, Term term, Scalar scalar) {
  if (!term.is_literal) return term.expr;
  if (scalar_is_float(scalar)) return build_float(parser->builder, scalar, term.number);
  return build_integer(parser->builder, scalar, (int64_t)term.number);
}

/* Both as expressions of one type. */
static void unify(Parser *parser, Term *a, Term *b) {
  if (a->is_literal && b->is_literal) return;
  Scalar scalar = build_scalar(parser->builder, a->is_literal ? b->expr : a->expr);
  *a = term_of(as_scalar(parser, *a, scalar));
  *b = term_of(as_scalar(parser, *b, scalar));
}

static double fold_literals(Parser *parser, LoopOp op, double a, double b) {
  switch (op) {
  case LOOP_ADD: return a + b;
  case LOOP_SUB: return a - b;
  case LOOP_MUL: return a * b;
  case LOOP_DIV: return a / b;
  default: syntax(parser);
  }
}

static Term binary(Parser *parser, LoopOp op, Term a, Term b) {
  if (a.is_literal && b.is_literal) return literal_of(fold_literals(parser, op, a.number, b.number));
  unify(parser, &a, &b);
  return term_of(build_binary(parser->builder, op, a.expr, b.expr));
}

static void blanks(Parser *parser) { parser->cursor += strspn(parser->cursor, " \n"); }

static bool accept(Parser *parser, const char *token) {
  blanks(parser);
  size_t length = strlen(token);
  if (strncmp(parser->cursor, token, length)) return false;
  parser->cursor += length;
  return true;
}

static Term attribute_term(Parser *parser, const char *name) {
  Meaning *m = parser->m;
  AttributeSchema schema;
  if (!op_attribute_find(meaning_node(m)->op, name, &schema)) syntax(parser);
  return literal_of(schema.kind == ATTRIBUTE_INT ? (double)meaning_int(m, name) : meaning_float(m, name));
}

typedef struct NamedOperation { const char *name; LoopOp op; uint32_t operands; } NamedOperation;
static const NamedOperation named_operations[] = {
    {"min", LOOP_MIN, 2},     {"max", LOOP_MAX, 2},   {"abs", LOOP_ABS, 1},     {"sqrt", LOOP_SQRT, 1},     {"floor", LOOP_FLOOR, 1},
    {"ceil", LOOP_CEIL, 1},   {"round", LOOP_ROUND, 1}, {"trunc", LOOP_TRUNC, 1}, {"muladd", LOOP_MULADD, 3},
};

static Term sign_term(Parser *parser, Expr value) {
  Builder *builder = parser->builder;
  Scalar scalar = build_scalar(builder, value);
  Expr zero = as_scalar(parser, literal_of(0), scalar), one = as_scalar(parser, literal_of(1), scalar);
  Expr negative = scalar_is_signed(scalar) ? as_scalar(parser, literal_of(-1), scalar) : zero;
  Expr below = build_select(builder, build_binary(builder, LOOP_LT, value, zero), negative, value); /* zero and NaN stay */
  return term_of(build_select(builder, build_binary(builder, LOOP_GT, value, zero), one, below));
}

static Term call_term(Parser *parser, const char *name, uint32_t count, Term *arguments) {
  Builder *builder = parser->builder;
  Scalar scalar = SCALAR_F32;
  for (uint32_t at = 0; at < count; at++)
    if (!arguments[at].is_literal) scalar = build_scalar(builder, arguments[at].expr);
  Expr exprs[4];
  for (uint32_t at = 0; at < count; at++) exprs[at] = as_scalar(parser, arguments[at], scalar);
  for (size_t row = 0; row < sizeof named_operations / sizeof *named_operations; row++) {
    const NamedOperation *operation = &named_operations[row];
    if (strcmp(operation->name, name) || operation->operands != count) continue;
    if (count == 1) return term_of(build_unary(builder, operation->op, exprs[0]));
    if (count == 2) return term_of(build_binary(builder, operation->op, exprs[0], exprs[1]));
    return term_of(build_ternary(builder, operation->op, exprs[0], exprs[1], exprs[2]));
  }
  if (!strcmp(name, "isnan")) return term_of(build_binary(builder, LOOP_NE, exprs[0], exprs[0]));
  if (!strcmp(name, "sign")) return sign_term(parser, exprs[0]);
  const char *function = arena_format(builder->arena, "%s_%s", name, scalar_name(scalar));
  return term_of(build_call(builder, function, scalar, count, exprs));
}

static Term name_term(Parser *parser) {
  char name[32];
  size_t length = strspn(parser->cursor, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
  if (!length || length >= sizeof name) syntax(parser);
  memcpy(name, parser->cursor, length);
  name[length] = 0;
  parser->cursor += length;
  if (accept(parser, "(")) {
    Term arguments[4];
    uint32_t count = 0;
    do arguments[count++] = parse_choice(parser);
    while (count < 4 && accept(parser, ","));
    if (!accept(parser, ")")) syntax(parser);
    return call_term(parser, name, count, arguments);
  }
  if (!strcmp(name, "inf")) return literal_of(HUGE_VAL);
  for (uint32_t at = 0; at < parser->let_count; at++)
    if (!strcmp(parser->lets[at].name, name)) return term_of(parser->lets[at].expr);
  const char *position = strchr("xyzw", name[0]);
  if (length != 1 || !position || (uint32_t)(position - "xyzw") >= parser->count) syntax(parser);
  return term_of(parser->values[position - "xyzw"]);
}

static Term parse_primary(Parser *parser) {
  blanks(parser);
  if (accept(parser, "(")) {
    Term inner = parse_choice(parser);
    if (!accept(parser, ")")) syntax(parser);
    return inner;
  }
  if (accept(parser, "@")) {
    char name[40];
    size_t length = strspn(parser->cursor, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
    if (!length || length >= sizeof name) syntax(parser);
    memcpy(name, parser->cursor, length);
    name[length] = 0;
    parser->cursor += length;
    return attribute_term(parser, name);
  }
  if (strchr("0123456789.", *parser->cursor) && *parser->cursor) {
    Lexer lexer; /* strtod() wants the locale's decimal point */
    size_t length = strspn(parser->cursor, "0123456789.");
    lexer_open(&lexer, parser->builder->arena, "meaning", parser->cursor, length);
    parser->cursor += length;
    return literal_of(lexer.number);
  }
  return name_term(parser);
}

static Term parse_unary(Parser *parser) {
  blanks(parser);
  if (parser->cursor[0] == '!' && parser->cursor[1] == '=') syntax(parser);
  bool negate = accept(parser, "-"), invert = !negate && (accept(parser, "!") || accept(parser, "~"));
  if (!negate && !invert) return parse_primary(parser);
  Term inner = parse_unary(parser);
  if (inner.is_literal) return literal_of(-inner.number);
  return term_of(build_unary(parser->builder, negate ? LOOP_NEG : LOOP_NOT, inner.expr));
}

/* Binary operators by level, weakest first; a token that is a prefix of another stands after it. */
typedef struct Level { struct { const char *token; LoopOp op; } rows[7]; } Level;
static const Level levels[] = {
    {{{"||", LOOP_OR}}},
    {{{"&&", LOOP_AND}}},
    {{{"|", LOOP_OR}}},
    {{{"^", LOOP_XOR}}},
    {{{"&", LOOP_AND}}},
    {{{"==", LOOP_EQ}, {"!=", LOOP_NE}, {"<=", LOOP_LE}, {">=", LOOP_GE}, {"<", LOOP_LT}, {">", LOOP_GT}}},
    {{{"<<", LOOP_SHL}, {">>", LOOP_SHR}}},
    {{{"+", LOOP_ADD}, {"-", LOOP_SUB}}},
    {{{"*", LOOP_MUL}, {"/", LOOP_DIV}, {"%", LOOP_REM}}},
};
#define LEVEL_COUNT (sizeof levels / sizeof *levels)

/* True where the cursor stands at a longer token than `token` (| before ||, < before <<). */
static bool longer_token(const Parser *parser, const char *token) {
  return !token[1] && strchr("|&<>", *token) && parser->cursor[0] == *token && parser->cursor[1] == *token;
}

static Term parse_level(Parser *parser, size_t level) {
  if (level == LEVEL_COUNT) return parse_unary(parser);
  Term left = parse_level(parser, level + 1);
  for (size_t row = 0; row < 7 && levels[level].rows[row].token;) {
    const char *token = levels[level].rows[row].token;
    blanks(parser);
    if (longer_token(parser, token) || !accept(parser, token)) { row++; continue; }
    Term right = parse_level(parser, level + 1);
    left = binary(parser, levels[level].rows[row].op, left, right);
    row = 0;
  }
  return left;
}

/* let NAME = EXPRESSION in EXPRESSION, behind `let`. */
static Term parse_let(Parser *parser) {
  blanks(parser);
  size_t length = strspn(parser->cursor, "abcdefghijklmnopqrstuvwxyz_");
  if (!length || length >= sizeof parser->lets[0].name || parser->let_count == LET_LIMIT) syntax(parser);
  char *name = parser->lets[parser->let_count].name;
  memcpy(name, parser->cursor, length);
  name[length] = 0;
  parser->cursor += length;
  if (!accept(parser, "=")) syntax(parser);
  Expr value = as_scalar(parser, parse_choice(parser), build_scalar(parser->builder, parser->values[0]));
  if (!accept(parser, "in ")) syntax(parser);
  parser->lets[parser->let_count++].expr = build_let(parser->builder, arena_format(parser->builder->arena, "%s", name), value);
  return parse_choice(parser);
}

static Term parse_choice(Parser *parser) {
  if (accept(parser, "let ")) return parse_let(parser);
  if (++parser->depth > 64) syntax(parser);
  Term condition = parse_level(parser, 0);
  parser->depth--;
  if (!accept(parser, "?")) return condition;
  Term then = parse_choice(parser);
  if (!accept(parser, ":")) syntax(parser);
  Term otherwise = parse_choice(parser);
  if (condition.is_literal) return condition.number != 0 ? then : otherwise; /* an attribute decided */
  if (then.is_literal && otherwise.is_literal) { /* typed by the first value, as in x > 0 ? 1 : 0 */
    Scalar scalar = build_scalar(parser->builder, parser->values[0]);
    then = term_of(as_scalar(parser, then, scalar));
  }
  unify(parser, &then, &otherwise);
  return term_of(build_select(parser->builder, condition.expr, then.expr, otherwise.expr));
}

/* The alternative of `text` for values of type `scalar`. */
static const char *choose(const char *text, Scalar scalar) {
  static const struct { const char *word; size_t length; } words[] = {{"int:", 4}, {"float:", 6}, {"bool:", 5}, {"unsigned:", 9}};
  for (;;) {
    text += strspn(text, " ");
    bool fits[] = {scalar_is_integer(scalar), scalar_is_float(scalar), scalar == SCALAR_I1, scalar_is_integer(scalar) && !scalar_is_signed(scalar)};
    int found = -1;
    for (int at = 0; at < 4; at++)
      if (!strncmp(text, words[at].word, words[at].length)) found = at;
    if (found < 0) return text;
    if (fits[found]) return text + words[found].length;
    const char *next = strchr(text, ';');
    if (!next) return text + strlen(text);
    text = next + 1;
  }
}

Expr meaning_scalar(Meaning *m, const char *text, uint32_t count, const Expr *values) {
  const char *chosen = choose(text, build_scalar(m->builder, values[0]));
  Expr shared[4] = {0};
  bool several = strstr(chosen, "let ") != NULL; /* statements that read the values */
  for (uint32_t at = 0; several && at < count && at < 4; at++) shared[at] = values[at] ? build_let(m->builder, "x", values[at]) : 0;
  Parser parser = {m, m->builder, chosen, text, count, several ? shared : values, 0};
  Term term = parse_choice(&parser);
  blanks(&parser);
  if (*parser.cursor && *parser.cursor != ';') syntax(&parser);
  return as_scalar(&parser, term, build_scalar(m->builder, values[0]));
}
