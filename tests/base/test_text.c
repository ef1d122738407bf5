/* Printing and tokenising: floats bit for bit, hostile strings, the tokens both text forms are made of. */
#include "tests/check.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "compiler/base/text.h"

static Context context;
static Arena  *arena;

static const char *f64_text(double value) {
  Text text;
  text_open(&text, arena);
  text_f64(&text, value);
  return text_finish(&text);
}

static const char *f32_text(float value) {
  Text text;
  text_open(&text, arena);
  text_f32(&text, value);
  return text_finish(&text);
}

TEST(floats_have_one_spelling) {
  CHECK_TEXT(f64_text(0), "0x0p+0");
  CHECK_TEXT(f64_text(-0.0), "-0x0p+0");
  CHECK_TEXT(f64_text(1), "0x1p+0");
  CHECK_TEXT(f64_text(-3), "-0x1.8p+1");
  CHECK_TEXT(f64_text(0.1), "0x1.999999999999ap-4");
  CHECK_TEXT(f64_text(DBL_MAX), "0x1.fffffffffffffp+1023");
  CHECK_TEXT(f64_text(0x1p-1074), "0x1p-1074");
  CHECK_TEXT(f64_text(0x3p-1074), "0x1.8p-1073");
  CHECK_TEXT(f64_text(HUGE_VAL), "inf");
  CHECK_TEXT(f64_text(-HUGE_VAL), "-inf");
  CHECK_TEXT(f64_text(strtod("nan", NULL)), "nan");
  CHECK_TEXT(f32_text(0.1f), "0x1.99999ap-4");
  CHECK_TEXT(f32_text(0x1p-149f), "0x1p-149");
}

static uint64_t random_state = 1;
static uint64_t random_bits(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

TEST(floats_read_back_to_the_same_bits) {
  for (int i = 0; i < 20000; i++) {
    uint64_t bits = random_bits();
    if (i % 4 == 0) bits &= UINT64_C(0x800fffffffffffff); /* below the normal range */
    double value;
    memcpy(&value, &bits, sizeof value);
    if (isnan(value) || isinf(value)) continue;
    const char *text = f64_text(value);
    double      by_library = strtod(text, NULL);
    CHECK(memcmp(&by_library, &value, sizeof value) == 0);
    Lexer lexer;
    lexer_open(&lexer, arena, "test", text, strlen(text));
    bool negative = lexer_accept(&lexer, "-");
    CHECK(lexer.kind == TOKEN_NUMBER && !lexer.is_integer);
    double by_lexer = negative ? -lexer.number : lexer.number;
    CHECK(memcmp(&by_lexer, &value, sizeof value) == 0);
  }
}

TEST(text_grows) {
  Text text;
  text_open(&text, arena);
  CHECK_TEXT(text_finish(&text), "");
  for (int i = 0; i < 1000; i++) text_format(&text, "%04d", i);
  CHECK_INT(text.length, 4000);
  CHECK(strncmp(text_finish(&text) + 3996, "0999", 5) == 0);
  text_open(&text, arena);
  text_indent(&text, 2);
  text_string(&text, "x");
  text_char(&text, ';');
  CHECK_TEXT(text_finish(&text), "    x;");
}

TEST(every_byte_is_quoted_and_read_back) {
  char all[256];
  for (int i = 0; i < 256; i++) all[i] = (char)i;
  Text text;
  text_open(&text, arena);
  text_quoted(&text, all, sizeof all);
  for (size_t i = 0; i < text.length; i++) CHECK(text.data[i] >= 0x20 && text.data[i] < 0x7f);
  Lexer lexer;
  lexer_open(&lexer, arena, "test", text_finish(&text), text.length);
  size_t      length;
  const char *read = lexer_quoted(&lexer, &length);
  CHECK_INT(length, 256);
  CHECK(memcmp(read, all, 256) == 0 && lexer.kind == TOKEN_END);
}

TEST(comments_cannot_end_early) {
  Text text;
  text_open(&text, arena);
  text_comment(&text, "a*/b\\\n?\?/c\x80", 11);
  CHECK_TEXT(text_finish(&text), "a%2a%2fb%5c%0a%3f%3f%2fc%80");
  char longest[200];
  memset(longest, '\n', sizeof longest);
  text_open(&text, arena);
  text_comment(&text, longest, sizeof longest);
  CHECK_INT(text.length, 78);
}

static const char *name_text(const char *name) {
  Text text;
  text_open(&text, arena);
  text_name(&text, name, strlen(name));
  const char *written = text_finish(&text);
  Lexer       lexer;
  lexer_open(&lexer, arena, "test", written, text.length);
  size_t length;
  bool   same = strcmp(lexer_name(&lexer, &length), name) == 0 && length == strlen(name) && lexer.kind == TOKEN_END;
  return same ? written : "read back as something else";
}

TEST(names_are_quoted_where_needed) {
  CHECK_TEXT(name_text("input.0"), "input.0");
  CHECK_TEXT(name_text("_a9"), "_a9");
  CHECK_TEXT(name_text("a..b"), "\"a..b\"");
  CHECK_TEXT(name_text("a."), "\"a.\"");
  CHECK_TEXT(name_text("batch-size"), "\"batch-size\"");
  CHECK_TEXT(name_text("9a"), "\"9a\"");
  CHECK_TEXT(name_text(""), "\"\"");
}

TEST(identifiers_are_plain) {
  static const char *const good[] = {"mel", "kws_2", "A", "input0", "a234567890123456789012345678901"};
  static const char *const bad[] = {
      "", "_x", "9a", "a-b", "a__b", "int", "class", "I", "linux", "unix", "a.b", "a2345678901234567890123456789012", "\xc3\xa9"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) CHECK(is_plain_identifier(good[i], strlen(good[i])));
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK(!is_plain_identifier(bad[i], strlen(bad[i])));
  CHECK(is_plain_identifier("interval", 8) && !is_plain_identifier("a\0b", 3));
}

/* ---- tokens ---- */

/* Tokens with a bar between, as W word, N number, I integer, S string, P punctuation. */
static const char *tokens_of(const char *source) {
  Text  text;
  Lexer lexer;
  text_open(&text, arena);
  lexer_open(&lexer, arena, "test", source, strlen(source));
  for (; lexer.kind != TOKEN_END; lexer_next(&lexer)) {
    text_format(&text, "%c", lexer.kind == TOKEN_NUMBER ? (lexer.is_integer ? 'I' : 'N') : "?W?SP"[lexer.kind]);
    text_bytes(&text, lexer.text, lexer.length);
    text_char(&text, ' ');
  }
  return text_finish(&text);
}

TEST(tokens_are_split_as_described) {
  CHECK_TEXT(tokens_of("%c : f32[N, 64]"), "W%c P: Wf32 P[ WN P, I64 P] ");
  CHECK_TEXT(tokens_of("%mel: f32"), "W%mel P: Wf32 ");
  CHECK_TEXT(tokens_of("%/conv-1/out:0->x"), "W%/conv-1/out:0 P-> Wx ");
  CHECK_TEXT(tokens_of("0..N/32 lo..hi"), "I0 P.. WN P/ I32 Wlo P.. Whi ");
  CHECK_TEXT(tokens_of("N-1 i64 ai.onnx input.0"), "WN P- I1 Wi64 Wai.onnx Winput.0 ");
  CHECK_TEXT(tokens_of("@4096+10240"), "W@4096 P+ I10240 ");
  CHECK_TEXT(tokens_of("1.5e-3 2. 0x1f 0x1.8p+1 7e 1..8"), "N1.5e-3 N2. I0x1f N0x1.8p+1 I7 We I1 P.. I8 ");
  CHECK_TEXT(tokens_of("a<=b<<2&&!=c||>>=="), "Wa P<= Wb P<< I2 P&& P!= Wc P|| P>> P== ");
  CHECK_TEXT(tokens_of("\"a\\x41\\n\\\\\" # rest \"\n x"), "SaA\n\\ Wx ");
  CHECK_TEXT(tokens_of("# only"), "");
}

TEST(numbers_have_values) {
  Lexer lexer;
  lexer_open(&lexer, arena, "test", "42 -7 -9223372036854775808 1.5 0x10", 35);
  CHECK_INT(lexer_integer(&lexer), 42);
  CHECK_INT(lexer_integer(&lexer), -7);
  CHECK_INT(lexer_integer(&lexer), INT64_MIN);
  CHECK(lexer.number == 1.5 && !lexer.is_integer);
  lexer_next(&lexer);
  CHECK_INT(lexer_integer(&lexer), 16);
  CHECK(lexer.kind == TOKEN_END);
}

static void read_all(void *self) {
  Lexer *lexer = self;
  lexer_open(lexer, arena, "model.oir", lexer->start, strlen(lexer->start));
  if (lexer_accept(lexer, "word")) lexer_word(lexer);
  if (lexer_accept(lexer, "integer")) lexer_integer(lexer);
  if (lexer_accept(lexer, "string")) lexer_quoted(lexer, NULL);
  if (lexer_accept(lexer, "expect")) lexer_expect(lexer, "{");
}

static const char *error_of(const char *source) {
  Lexer lexer = {.start = source};
  if (context_guard(&context, read_all, &lexer) != OUTCOME_REFUSED) return "not refused";
  const Diagnostic *last = &context.diagnostics[context.diagnostic_count - 1];
  return arena_format(arena, "%s: %s", last->path, last->message);
}

TEST(errors_name_the_line) {
  CHECK_TEXT(error_of("word\n\n 7"), "model.oir:3: expected a word, found \"7\"");
  CHECK_TEXT(error_of("integer x"), "model.oir:1: expected an integer, found \"x\"");
  CHECK_TEXT(error_of("integer 9223372036854775808"), "model.oir:1: not an integer of 64 bits: \"9223372036854775808\"");
  CHECK_TEXT(error_of("integer 99999999999999999999"), "model.oir:1: not an integer of 64 bits: \"99999999999999999999\"");
  CHECK_TEXT(error_of("integer 1.5"), "model.oir:1: not an integer of 64 bits: \"1.5\"");
  CHECK_TEXT(error_of("string x"), "model.oir:1: expected a string in quotes, found \"x\"");
  CHECK_TEXT(error_of("expect \x01"), "model.oir:1: expected `{`, found \"\\x01\"");
  CHECK_TEXT(error_of("expect"), "model.oir:1: expected `{`, found the end");
  CHECK_TEXT(error_of("string \"abc"), "model.oir:1: string without an end");
  CHECK_TEXT(error_of("string \"\\q\""), "model.oir:1: escape other than \\\\, \\\", \\n or \\x and two hexadecimal digits");
}

static void tokenise(void *self) {
  Lexer *lexer = self;
  for (lexer_open(lexer, arena, "fuzz", lexer->start, lexer->length); lexer->kind != TOKEN_END;) lexer_next(lexer);
}

TEST(random_bytes_do_no_harm) {
  static const char letters[] = "ax%@$.:/->=<&|\"\\#\n 019e+xp*,";
  for (int i = 0; i < 3000; i++) {
    size_t length = random_bits() % 40;
    char  *source = malloc(length + 1); /* exact, so that reading past the end is caught */
    for (size_t at = 0; at < length; at++) source[at] = i % 3 ? letters[random_bits() % (sizeof letters - 1)] : (char)random_bits();
    Lexer   lexer = {.start = source, .length = length};
    Outcome outcome = context_guard(&context, tokenise, &lexer);
    free(source);
    CHECK(outcome == OUTCOME_OK || outcome == OUTCOME_REFUSED);
  }
}

int main(void) {
  if (!context_open(&context, NULL, -1)) return 1;
  context.error_limit = 0;
  arena = arena_open(&context);
  RUN(floats_have_one_spelling);
  RUN(floats_read_back_to_the_same_bits);
  RUN(text_grows);
  RUN(every_byte_is_quoted_and_read_back);
  RUN(comments_cannot_end_early);
  RUN(names_are_quoted_where_needed);
  RUN(identifiers_are_plain);
  RUN(tokens_are_split_as_described);
  RUN(numbers_have_values);
  RUN(errors_name_the_line);
  RUN(random_bytes_do_no_harm);
  context_close(&context);
  return check_done();
}
