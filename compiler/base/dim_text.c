/* Dimension expressions as text: sums with - for negative terms, * within terms, calls for the rest.
 *
 *   sum    = ["-"] term { ("+" | "-") term }
 *   term   = factor { ("*" | "/") factor }              a/b is floordiv(a, b), -a/b is (-a)/b
 *   factor = integer | symbol | "?" | "(" sum ")" | call "(" sum { "," sum } ")"
 *   symbol = word | string                              quoted where the name is no plain word, or is one of the calls
 *
 * A floordiv whose numerator ends in divisor - 1 is printed as the ceildiv it came from. */
#include "dim_table.h"

#include <string.h>

enum { DEEPEST_TEXT = 200 };

/* Calls of the text form; all but min and max take two operands. */
static const struct Call {
  const char *name;
  Dim (*build)(DimTable *table, Dim a, Dim b);
  bool takes_more;
} calls[] = {
    {"floordiv", dim_floordiv, false}, {"ceildiv", dim_ceildiv, false}, {"mod", dim_mod, false}, {"min", dim_min, true}, {"max", dim_max, true},
};

static const struct Call *find_call(const char *name, size_t length) {
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
    if (strlen(calls[i].name) == length && memcmp(calls[i].name, name, length) == 0) return &calls[i];
  return NULL;
}

/* ---- printing ---- */

static void print_symbol(const Symbol *symbol, Text *text) {
  size_t length = strlen(symbol->name);
  if (find_call(symbol->name, length)) text_quoted(text, symbol->name, length);
  else text_name(text, symbol->name, length);
}

static void print_sum(const DimTable *table, const Sum *sum, Text *text);

/* op(a, b, ...) along the chain, first members first */
static void print_choice(const DimTable *table, Dim dim, DimOp op, Text *text) {
  if (dim_node(table, dim)->op != op) {
    dim_print(table, dim, text);
    return;
  }
  Dim      members[LARGEST_PRODUCT];
  uint32_t count = 0;
  for (; dim_node(table, dim)->op == op; dim = dim_node(table, dim)->a) members[count++] = dim_node(table, dim)->b;
  dim_print(table, dim, text);
  while (count) {
    text_string(text, ", ");
    dim_print(table, members[--count], text);
  }
}

static void print_division(const DimTable *table, const DimNode *node, Text *text) {
  const DimNode *divisor = dim_node(table, node->b);
  Sum            numerator;
  dim_sum_load(table, node->a, &numerator);
  bool is_ceildiv = divisor->op == DIM_OP_CONSTANT && divisor->value > 1 && numerator.constant == divisor->value - 1;
  if (is_ceildiv) numerator.constant = 0;
  text_string(text, is_ceildiv ? "ceildiv(" : "floordiv(");
  print_sum(table, &numerator, text);
  text_string(text, ", ");
  dim_print(table, node->b, text);
  text_char(text, ')');
}

static void print_factor(const DimTable *table, Dim dim, Text *text) {
  const DimNode *node = dim_node(table, dim);
  switch (node->op) {
  case DIM_OP_SYMBOL: print_symbol(&table->symbols.data[node->value], text); return;
  case DIM_OP_FLOORDIV: print_division(table, node, text); return;
  case DIM_OP_MOD: text_string(text, "mod("); break;
  case DIM_OP_MIN: text_string(text, "min("); break;
  case DIM_OP_MAX: text_string(text, "max("); break;
  default: bug(arena_context(table->arena), "a dimension expression with factor %u", (unsigned)dim);
  }
  if (node->op == DIM_OP_MOD) {
    dim_print(table, node->a, text);
    text_string(text, ", ");
    dim_print(table, node->b, text);
  } else {
    print_choice(table, dim, node->op, text);
  }
  text_char(text, ')');
}

/* Without the sign; a coefficient of 1 is left out. */
static void print_term(const DimTable *table, Term term, Text *text) {
  uint64_t magnitude = term.coefficient < 0 ? -(uint64_t)term.coefficient : (uint64_t)term.coefficient;
  if (magnitude != 1 || !term.product) text_format(text, "%llu", (unsigned long long)magnitude);
  if (!term.product) return;
  Dim      factors[LARGEST_PRODUCT];
  uint32_t count = dim_factors(table, term.product, factors);
  for (uint32_t i = 0; i < count; i++) {
    if (i > 0 || magnitude != 1) text_char(text, '*');
    print_factor(table, factors[i], text);
  }
}

static void print_sum(const DimTable *table, const Sum *sum, Text *text) {
  for (uint32_t i = 0; i < sum->count; i++) {
    if (sum->terms[i].coefficient < 0) text_char(text, '-');
    else if (i > 0) text_char(text, '+');
    print_term(table, sum->terms[i], text);
  }
  if (sum->count > 0 && sum->constant == 0) return;
  if (sum->constant < 0) text_char(text, '-');
  else if (sum->count > 0) text_char(text, '+');
  print_term(table, (Term){sum->constant, 0}, text);
}

void dim_print(const DimTable *table, Dim dim, Text *text) {
  int64_t value;
  Sum     sum;
  if (dim == DIM_UNKNOWN) {
    text_char(text, '?');
    return;
  }
  sum.count = 0;
  if (dim_is_constant(table, dim, &value)) sum.constant = value;
  else dim_sum_load(table, dim, &sum);
  print_sum(table, &sum, text);
}

/* ---- parsing ---- */

static Dim parse_sum(DimTable *table, Lexer *lexer, int depth);

static Dim parse_symbol(DimTable *table, Lexer *lexer) {
  size_t      length;
  int         line = lexer->line;
  const char *name = lexer_name(lexer, &length);
  uint32_t    symbol = dim_find_symbol(table, name);
  if (symbol != UINT32_MAX) return dim_symbol(table, name, table->symbols.data[symbol].kind, INT64_MIN, DIM_OPEN);
  Text quoted;
  text_open(&quoted, lexer->arena);
  text_quoted(&quoted, name, length);
  lexer->line = line;
  lexer_error(lexer, "unknown dimension symbol %s", text_finish(&quoted));
}

static Dim parse_call(DimTable *table, Lexer *lexer, const struct Call *call, int depth) {
  lexer_next(lexer);
  lexer_expect(lexer, "(");
  Dim result = parse_sum(table, lexer, depth);
  lexer_expect(lexer, ",");
  result = call->build(table, result, parse_sum(table, lexer, depth));
  while (call->takes_more && lexer_accept(lexer, ",")) result = call->build(table, result, parse_sum(table, lexer, depth));
  lexer_expect(lexer, ")");
  return result;
}

static Dim parse_factor(DimTable *table, Lexer *lexer, int depth) {
  if (lexer->kind == TOKEN_NUMBER) return dim_constant(table, lexer_integer(lexer));
  if (lexer_accept(lexer, "?")) return DIM_UNKNOWN;
  if (lexer_accept(lexer, "(")) {
    Dim result = parse_sum(table, lexer, depth);
    lexer_expect(lexer, ")");
    return result;
  }
  const struct Call *call = lexer->kind == TOKEN_WORD ? find_call(lexer->text, lexer->length) : NULL;
  return call ? parse_call(table, lexer, call, depth) : parse_symbol(table, lexer);
}

/* A factor behind a minus sign; the smallest integer exists only there. */
static Dim parse_negative(DimTable *table, Lexer *lexer, int depth) {
  if (lexer->kind == TOKEN_NUMBER && lexer->is_integer && lexer->integer == INT64_MIN) {
    lexer_next(lexer);
    return dim_constant(table, INT64_MIN);
  }
  return dim_mul(table, dim_constant(table, -1), parse_factor(table, lexer, depth));
}

static Dim parse_term(DimTable *table, Lexer *lexer, bool negative, int depth) {
  Dim result = negative ? parse_negative(table, lexer, depth) : parse_factor(table, lexer, depth);
  for (;;) {
    if (lexer_accept(lexer, "*")) result = dim_mul(table, result, parse_factor(table, lexer, depth));
    else if (lexer_accept(lexer, "/")) result = dim_floordiv(table, result, parse_factor(table, lexer, depth));
    else return result;
  }
}

static Dim parse_sum(DimTable *table, Lexer *lexer, int depth) {
  if (depth >= DEEPEST_TEXT) lexer_error(lexer, "dimension expression nested deeper than %d", DEEPEST_TEXT);
  bool negative = lexer_accept(lexer, "-");
  Dim  result = parse_term(table, lexer, negative, depth + 1);
  while (lexer_is(lexer, "+") || lexer_is(lexer, "-")) {
    negative = lexer_is(lexer, "-");
    lexer_next(lexer);
    result = dim_add(table, result, parse_term(table, lexer, negative, depth + 1));
  }
  return result;
}

Dim dim_parse(DimTable *table, Lexer *lexer) { return parse_sum(table, lexer, 0); }
