/* Dimension expressions: canonical forms, ranges, text, and random expressions compared with plain arithmetic. */
#include "tests/check.h"

#include "compiler/base/dim.h"

static Context  context;
static Arena   *arena;
static DimTable table;

enum { N, M, H, T, FREE, ODD, SYMBOLS };

static void begin(void) {
  dim_open(&table, arena);
  dim_symbol(&table, "N", SYMBOL_INPUT, 1, 8);
  dim_symbol(&table, "M", SYMBOL_INPUT, 1, DIM_OPEN);
  dim_symbol(&table, "H", SYMBOL_INPUT, 3, 1000);
  dim_symbol(&table, "T", SYMBOL_INPUT, 0, DIM_OPEN);
  dim_symbol(&table, "free", SYMBOL_RUN, INT64_MIN, DIM_OPEN);
  dim_symbol(&table, "odd name", SYMBOL_RUN, -5, 5);
}

static Dim parse(const char *source) {
  Lexer lexer;
  lexer_open(&lexer, arena, "test", source, strlen(source));
  Dim dim = dim_parse(&table, &lexer);
  return lexer.kind == TOKEN_END ? dim : DIM_UNKNOWN;
}

static const char *print(Dim dim) {
  Text text;
  text_open(&text, arena);
  dim_print(&table, dim, &text);
  return text_finish(&text);
}

/* Canonical text; also that it reads back to the same index. */
static const char *canonical(const char *source) {
  Dim         dim = parse(source);
  const char *text = print(dim);
  return parse(text) == dim ? text : arena_format(arena, "%s reads back as %s", text, print(parse(text)));
}

TEST(sums_and_products) {
  begin();
  CHECK_TEXT(canonical("1+N+2*N-4"), "3*N-3");
  CHECK_TEXT(canonical("M*N-N*M+7"), "7");
  CHECK_TEXT(canonical("(N+1)*(M+1)"), "N*M+N+M+1");
  CHECK_TEXT(canonical("(N-1)*(N+1)"), "N*N-1");
  CHECK_TEXT(canonical("3-N"), "-N+3");
  CHECK_TEXT(canonical("-2*\"odd name\"*T"), "-2*T*\"odd name\"");
  CHECK_TEXT(canonical("0*M"), "0");
  CHECK_TEXT(canonical("-9223372036854775808"), "-9223372036854775808");
  CHECK_TEXT(canonical("N-9223372036854775808"), "N-9223372036854775808");
  CHECK(parse("N*(M+2)") == parse("2*N+M*N"));
}

TEST(division) {
  begin();
  CHECK_TEXT(canonical("(6*N)/3"), "2*N");
  CHECK_TEXT(canonical("(N*M)/M"), "N");
  CHECK_TEXT(canonical("(H+2-3)/2+1"), "ceildiv(H, 2)");
  CHECK_TEXT(canonical("((H-1)/2+1-1)/2+1"), "ceildiv(H, 4)");
  CHECK_TEXT(canonical("floordiv(floordiv(H, 2), 3)"), "floordiv(H, 6)");
  CHECK_TEXT(canonical("ceildiv(ceildiv(H, 2), 3)"), "ceildiv(H, 6)");
  CHECK_TEXT(canonical("floordiv(4*H+6, 8)"), "ceildiv(H, 2)");
  CHECK_TEXT(canonical("floordiv(6*H+5, 4)"), "H+floordiv(H, 2)+1");
  CHECK_TEXT(canonical("floordiv(5*H+7, 2)"), "2*H+ceildiv(H, 2)+3");
  CHECK_TEXT(canonical("floordiv(N, 9)"), "0");
  CHECK_TEXT(canonical("floordiv(-N, 8)"), "-1");
  CHECK_TEXT(canonical("(N*M+N*3)/(2*N)"), "ceildiv(M, 2)+1");
  CHECK_TEXT(canonical("(N*M+M+N+1)/(M+1)"), "N+1");
  CHECK_TEXT(canonical("ceildiv(N*M, M)"), "N");
  CHECK_TEXT(canonical("ceildiv(M*M+2*M+1, M+1)"), "M+1");
  CHECK_TEXT(canonical("floordiv(H, -2)"), "floordiv(-H, 2)");
  CHECK_TEXT(canonical("-7/2"), "-4");
  CHECK_TEXT(canonical("ceildiv(-7, 2)"), "-3");
  CHECK_TEXT(canonical("N/0"), "?");
  CHECK(parse("ceildiv(H, M)") == parse("floordiv(H+M-1, M)"));
}

TEST(rests) {
  begin();
  CHECK_TEXT(canonical("mod(4*H+9, 4)"), "1");
  CHECK_TEXT(canonical("mod(6*H+4, 8)"), "2*mod(3*H+2, 4)");
  CHECK_TEXT(canonical("mod(N, 9)"), "N");
  CHECK_TEXT(canonical("mod(N*M+1, M)"), "mod(1, M)");
  CHECK_TEXT(canonical("mod(-1, 4)"), "3");
  CHECK_TEXT(canonical("mod(7, -4)"), "-1");
  CHECK(dim_divides(&table, parse("4"), parse("8*M+12")) && !dim_divides(&table, parse("4"), parse("8*M+10")));
  CHECK(dim_divides(&table, parse("M"), parse("3*M*N")) && dim_divides(&table, parse("M+1"), parse("M*N+N")));
  CHECK(!dim_divides(&table, parse("0"), parse("0")) && !dim_divides(&table, DIM_UNKNOWN, parse("4")));
}

TEST(minimum_and_maximum) {
  begin();
  CHECK_TEXT(canonical("min(N, 100)"), "N");
  CHECK_TEXT(canonical("max(N, 1)"), "N");
  CHECK_TEXT(canonical("min(M+3, M)"), "M");
  CHECK_TEXT(canonical("max(T, 9223372036854775807)"), "9223372036854775807");
  CHECK_TEXT(canonical("min(T, 9223372036854775807)"), "T");
  CHECK_TEXT(canonical("max(free, -9223372036854775808)"), "free");
  CHECK(parse("min(T, min(M, H))") == parse("min(H, min(T, M, H), M)"));
  CHECK_TEXT(canonical("max(T-1, 0)"), "max(T-1, 0)");
  CHECK_TEXT(canonical("min(max(T-1, 0), 0)"), "0");
  CHECK_TEXT(canonical("max(T*H, 2*H*ceildiv(T, 3)+2*H*ceildiv(T, 4), 4*T*H)"), "4*H*T");
  CHECK_TEXT(canonical("min(T*M, M*ceildiv(T, 3))"), "M*ceildiv(T, 3)");
  CHECK_TEXT(canonical("max(M, (M+1)/2, M/3)"), "M");
  CHECK_TEXT(canonical("max(free, free/2)"), "max(free, floordiv(free, 2))");
  CHECK_TEXT(canonical("T-min(T-1, 0)-1"), "max(T-1, 0)");
  CHECK_TEXT(canonical("M+3*T+3*H-3*max(T, H)"), "M+3*min(H, T)");
  CHECK_TEXT(canonical("T-min(T, H)"), "T-min(H, T)");
}

TEST(unknown_stays_unknown) {
  begin();
  Dim unknown = DIM_UNKNOWN, n = parse("N");
  CHECK(!dim_add(&table, unknown, n) && !dim_mul(&table, n, unknown) && !dim_min(&table, n, unknown) && !dim_floordiv(&table, unknown, n));
  CHECK_INT(dim_value(&table, dim_mul(&table, unknown, dim_constant(&table, 0))), 0);
  CHECK_TEXT(print(unknown), "?");
  CHECK(!dim_is_constant(&table, unknown, NULL) && dim_hi(&table, unknown) == DIM_OPEN);
}

TEST(ranges) {
  begin();
  CHECK(dim_lo(&table, parse("2*N-H")) == -998 && dim_hi(&table, parse("2*N-H")) == 13);
  CHECK(dim_lo(&table, parse("N*M")) == 1 && dim_hi(&table, parse("N*M")) == DIM_OPEN);
  CHECK(dim_lo(&table, parse("free*0+T")) == 0 && dim_lo(&table, parse("-T")) == INT64_MIN && dim_hi(&table, parse("-T")) == 0);
  CHECK(dim_lo(&table, parse("H/M")) == 0 && dim_hi(&table, parse("H/M")) == 1000);
  CHECK(dim_lo(&table, parse("mod(M, 7)")) == 0 && dim_hi(&table, parse("mod(M, 7)")) == 6);
  CHECK(dim_hi(&table, parse("min(M, H)")) == 1000 && dim_lo(&table, parse("max(T, H)")) == 3);
  CHECK(dim_lo(&table, parse("9223372036854775807")) == INT64_MAX);
}

TEST(narrowing_a_symbol) {
  begin();
  Dim sum = parse("2*M+1");
  CHECK(dim_narrow(&table, M, 4, 10) && dim_lo(&table, sum) == 9 && dim_hi(&table, sum) == 21);
  CHECK(!dim_narrow(&table, M, 11, 12) && dim_hi(&table, sum) == 21);
  CHECK(dim_narrow(&table, M, 0, 4));
  int64_t value;
  CHECK(dim_is_constant(&table, sum, &value) && value == 9);
  CHECK_TEXT(print(sum), "9");
  CHECK(dim_symbol(&table, "M", SYMBOL_INPUT, 0, DIM_OPEN) == dim_constant(&table, 4));
  CHECK_TEXT(print(dim_add(&table, sum, parse("T"))), "T+9");
  uint32_t errors = context.error_count;
  dim_symbol(&table, "M", SYMBOL_INPUT, 5, 6);
  CHECK_INT(context.error_count, errors + 1);
  CHECK_TEXT(context.diagnostics[context.diagnostic_count - 1].message, "dimension \"M\" cannot be in 4..4 and in 5..6 at once");
}

TEST(symbols) {
  begin();
  CHECK(dim_find_symbol(&table, "H") == H && dim_find_symbol(&table, "Q") == UINT32_MAX);
  CHECK(dim_symbol(&table, "H", SYMBOL_INPUT, 0, DIM_OPEN) == parse("H"));
  Dim first = dim_fresh(&table, "nonzero", SYMBOL_RUN, 0, 10), second = dim_fresh(&table, "nonzero", SYMBOL_RUN, 0, 10);
  CHECK(first != second);
  CHECK_TEXT(print(first), "nonzero.6");
  CHECK(parse(print(second)) == second);
  Dim call = dim_symbol(&table, "min", SYMBOL_INPUT, 0, 4);
  CHECK_TEXT(print(call), "\"min\"");
  CHECK(parse("\"min\"") == call);
  bool used[SYMBOLS + 3] = {0};
  dim_symbols(&table, parse("min(H/(T+1), mod(M, 3)+free)"), used);
  CHECK(used[H] && used[T] && used[M] && used[FREE] && !used[N] && !used[ODD]);
}

TEST(substitution) {
  begin();
  CHECK_TEXT(print(dim_substitute(&table, parse("2*N*M+N+1"), N, dim_constant(&table, 4))), "8*M+5");
  CHECK_TEXT(print(dim_substitute(&table, parse("ceildiv(H, 2)"), H, parse("2*T"))), "T");
  CHECK_TEXT(print(dim_substitute(&table, parse("max(T-1, 0)"), T, parse("M+1"))), "M");
  CHECK_TEXT(print(dim_substitute(&table, parse("mod(T, 4)"), T, parse("4*M"))), "0");
  CHECK_TEXT(print(dim_product(&table, NULL, 0)), "1");
  Dim shape[3] = {parse("N"), parse("3"), parse("M+1")};
  CHECK_TEXT(print(dim_product(&table, shape, 3)), "3*N*M+3*N");
}

/* ---- limits ---- */

static void overflow_a_constant(void *self) { dim_add(&table, dim_constant(&table, INT64_MAX), dim_constant(&table, 1)); }
static void overflow_a_coefficient(void *self) { dim_mul(&table, parse("4611686018427387904*T"), parse("2")); }
static void divide_the_smallest(void *self) { dim_floordiv(&table, dim_constant(&table, INT64_MIN), dim_constant(&table, -1)); }

static void grow_a_power(void *self) {
  Dim power = parse("T");
  for (int i = 0; i < 20; i++) power = dim_mul(&table, power, power);
}

static void grow_a_nest(void *self) {
  Dim nest = parse("T");
  for (int i = 0; i < 10000; i++) nest = dim_mod(&table, dim_add(&table, nest, parse("M")), dim_constant(&table, 1000003 + i));
}

static void grow_a_sum(void *self) {
  Dim sum = parse("T");
  for (int i = 0; i < 10000; i++) sum = dim_add(&table, sum, dim_fresh(&table, "s", SYMBOL_INPUT, 0, DIM_OPEN));
}

TEST(limits_are_errors) {
  static void (*const bodies[])(void *) = {overflow_a_constant, overflow_a_coefficient, divide_the_smallest, grow_a_power, grow_a_nest, grow_a_sum};
  for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
    begin();
    CHECK_INT(context_guard(&context, bodies[i], NULL), OUTCOME_LIMIT);
    CHECK_INT(context.diagnostics[context.diagnostic_count - 1].code, CODE_LIMIT_DIMENSION);
  }
}

static void parse_body(void *self) { parse(self); }

static const char *error_of(const char *source) {
  if (context_guard(&context, parse_body, (void *)(uintptr_t)source) != OUTCOME_REFUSED) return "not refused";
  return context.diagnostics[context.diagnostic_count - 1].message;
}

TEST(wrong_text_is_refused) {
  begin();
  CHECK_TEXT(error_of("N+Q"), "unknown dimension symbol \"Q\"");
  CHECK_TEXT(error_of("mod(N)"), "expected `,`, found \")\"");
  CHECK_TEXT(error_of("(N"), "expected `)`, found the end");
  CHECK_TEXT(error_of("1.5"), "not an integer of 64 bits: \"1.5\"");
  char deep[1000];
  memset(deep, '(', sizeof deep - 1);
  deep[sizeof deep - 1] = 0;
  CHECK_TEXT(error_of(deep), "dimension expression nested deeper than 200");
}

/* ---- random expressions ---- */

static uint64_t random_state = 88172645463325252;
static uint64_t random_below(uint64_t limit) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (random_state >> 11) % limit;
}

enum { POINTS = 6 };

/* An expression with its values at POINTS assignments, computed plainly; undefined where something was divided by zero. */
typedef struct Sample {
  Dim     dim;
  int64_t value[POINTS];
  bool    defined[POINTS];
} Sample;

static int64_t assignment[POINTS][SYMBOLS];

static int64_t floor_quotient(int64_t a, int64_t b) {
  int64_t quotient = a / b;
  return quotient * b != a && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

static int64_t apply(unsigned operation, int64_t a, int64_t b, bool *defined) {
  if (operation >= 5 && b == 0) *defined = false;
  if (!*defined) return 0;
  switch (operation) {
  case 0: return a + b;
  case 1: return a - b;
  case 2: return a * b;
  case 3: return a < b ? a : b;
  case 4: return a > b ? a : b;
  case 5: return floor_quotient(a, b);
  case 6: return -floor_quotient(-a, b);
  default: return a - b * floor_quotient(a, b);
  }
}

static void combine(unsigned operation, const Sample *a, const Sample *b, Sample *result) {
  static Dim (*const build[])(DimTable *, Dim, Dim) = {dim_add, dim_sub, dim_mul, dim_min, dim_max, dim_floordiv, dim_ceildiv, dim_mod};
  result->dim = build[operation](&table, a->dim, b->dim);
  for (int i = 0; i < POINTS; i++) {
    result->defined[i] = a->defined[i] && b->defined[i];
    result->value[i] = apply(operation, a->value[i], b->value[i], &result->defined[i]);
  }
}

static void leaf(Sample *result) {
  unsigned symbol = (unsigned)random_below(2 * SYMBOLS);
  int64_t  constant = (int64_t)random_below(9) - 3;
  result->dim =
      symbol < SYMBOLS ? parse(((const char *const[]){"N", "M", "H", "T", "free", "\"odd name\""})[symbol]) : dim_constant(&table, constant);
  for (int i = 0; i < POINTS; i++) {
    result->defined[i] = true;
    result->value[i] = symbol < SYMBOLS ? assignment[i][symbol] : constant;
  }
}

static void choose_assignments(void) {
  for (int i = 0; i < POINTS; i++) {
    assignment[i][N] = 1 + (int64_t)random_below(8);
    assignment[i][M] = 1 + (int64_t)random_below(i < 3 ? 4 : 50);
    assignment[i][H] = 3 + (int64_t)random_below(998);
    assignment[i][T] = (int64_t)random_below(i < 3 ? 3 : 100);
    assignment[i][FREE] = (int64_t)random_below(41) - 20;
    assignment[i][ODD] = (int64_t)random_below(11) - 5;
  }
}

/* True if the canonical form has the plain values, within its range, and reads back to itself. */
static bool agrees(const Sample *sample) {
  for (int i = 0; i < POINTS; i++) {
    int64_t value;
    if (!sample->defined[i] || sample->dim == DIM_UNKNOWN) continue;
    if (!dim_evaluate(&table, sample->dim, assignment[i], &value) || value != sample->value[i]) return false;
    if (value < dim_lo(&table, sample->dim) || value > dim_hi(&table, sample->dim)) return false;
  }
  return parse(print(sample->dim)) == sample->dim;
}

typedef struct Trial {
  Sample samples[12];
  int    wrong; /* sample that disagrees, or -1 */
} Trial;

static void one_trial(void *self) {
  Trial *trial = self;
  trial->wrong = -1;
  for (int i = 0; i < 12; i++) {
    if (i < 5) leaf(&trial->samples[i]);
    else
      combine((unsigned)random_below(8), &trial->samples[random_below((uint64_t)i)], &trial->samples[random_below((uint64_t)i)], &trial->samples[i]);
    if (agrees(&trial->samples[i])) continue;
    trial->wrong = i;
    return;
  }
}

TEST(random_expressions_keep_their_values) {
  static Trial trial;
  int          refused = 0;
  for (int round = 0; round < 4000; round++) {
    if (round % 50 == 0) begin();
    choose_assignments();
    Outcome outcome = context_guard(&context, one_trial, &trial);
    if (outcome == OUTCOME_LIMIT) refused++;
    else CHECK_INT(outcome, OUTCOME_OK);
    if (outcome == OUTCOME_OK && trial.wrong >= 0) {
      check_settle("not ok", "round %d: %s", round, print(trial.samples[trial.wrong].dim));
      return;
    }
  }
  CHECK(refused < 400);
}

/* The order in which expressions are met must not show in their text. */
TEST(text_does_not_depend_on_the_order_of_construction) {
  static const char *const sources[] = {"ceildiv(H, 2)*mod(M, 3)", "min(T, H)*ceildiv(H, 2)+mod(M, 3)", "max(mod(M, 3), T/2)", "min(T, H)+H/7"};
  const char              *forwards[4], *backwards[4];
  begin();
  for (int i = 0; i < 4; i++) forwards[i] = canonical(sources[i]);
  begin();
  for (int i = 3; i >= 0; i--) backwards[i] = canonical(sources[i]);
  for (int i = 0; i < 4; i++) CHECK_TEXT(forwards[i], backwards[i]);
}

int main(void) {
  if (!context_open(&context, NULL, -1)) return 1;
  context.error_limit = 0;
  arena = arena_open(&context);
  RUN(sums_and_products);
  RUN(division);
  RUN(rests);
  RUN(minimum_and_maximum);
  RUN(unknown_stays_unknown);
  RUN(ranges);
  RUN(narrowing_a_symbol);
  RUN(symbols);
  RUN(substitution);
  RUN(limits_are_errors);
  RUN(wrong_text_is_refused);
  RUN(random_expressions_keep_their_values);
  RUN(text_does_not_depend_on_the_order_of_construction);
  context_close(&context);
  return check_done();
}
