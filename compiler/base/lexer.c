/* The tokeniser of the text forms.
 *
 * One token is current; the input is never changed and may hold any byte. Errors leave the stage at once, naming file and line:
 * after a syntax error nothing further can be said with confidence. */
#include "text.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_NUMBER = 400 };

void lexer_open(Lexer *lexer, Arena *arena, const char *file, const char *data, size_t length) {
  *lexer = (Lexer){.arena = arena, .file = file, .start = data, .cursor = data, .end = data + length, .line = 1};
  lexer_next(lexer);
}

static void raise_syntax(Lexer *lexer, const char *message) {
  Context *context = arena_context(lexer->arena);
  Place    place = {.path = arena_format(lexer->arena, "%s:%d", lexer->file ? lexer->file : "text", lexer->line)};
  model_error(context, CODE_SYNTAX, place, NULL, "%s", message);
  check_errors(context);
}

void lexer_error(Lexer *lexer, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *message = arena_format_list(lexer->arena, format, arguments);
  va_end(arguments);
  raise_syntax(lexer, message);
  bug(arena_context(lexer->arena), "a syntax error did not leave the stage");
}

/* ---- characters ---- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; }
static int  hex_value(char c) {
   if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte `ahead` of the cursor; 0 past the end. */
static char peek(const Lexer *lexer, ptrdiff_t ahead) { return lexer->end - lexer->cursor > ahead ? lexer->cursor[ahead] : 0; }

static bool is_word_start(char c) { return is_letter(c) || c == '.' || c == '$' || c == '%' || c == '@'; }
static bool is_word_part(char c) { return is_letter(c) || is_digit(c) || c == '$'; }

static void skip_blanks(Lexer *lexer) {
  for (; lexer->cursor < lexer->end; lexer->cursor++) {
    char c = *lexer->cursor;
    if (c == '#') {
      while (lexer->cursor < lexer->end && *lexer->cursor != '\n') lexer->cursor++;
      if (lexer->cursor == lexer->end) return;
      c = '\n';
    }
    if (c == '\n') lexer->line++;
    else if (c != ' ' && c != '\t' && c != '\r') return;
  }
}

/* ---- tokens ---- */

/* A `.` joins two parts of any word. `:`, `/` and `-` do so only in words that begin with % @ or $, so that N-1, N/32 and
 * `%x: f32` are read as arithmetic and punctuation. */
static void scan_word(Lexer *lexer) {
  bool is_reference = *lexer->cursor == '%' || *lexer->cursor == '@' || *lexer->cursor == '$';
  lexer->kind = TOKEN_WORD;
  lexer->cursor++;
  for (;; lexer->cursor++) {
    char c = peek(lexer, 0);
    bool joins = c == '.' || (is_reference && (c == ':' || c == '/' || c == '-'));
    if (!is_word_part(c) && !(joins && is_word_part(peek(lexer, 1)))) return;
  }
}

/* Length of the number at the cursor: 12, 0x1f, 1.5, 1e-5, 0x1.8p+3. A `.` before another one belongs to `..`. */
static size_t number_length(const Lexer *lexer, bool *is_integer) {
  bool      is_hex = peek(lexer, 0) == '0' && (peek(lexer, 1) == 'x' || peek(lexer, 1) == 'X') && hex_value(peek(lexer, 2)) >= 0;
  ptrdiff_t at = is_hex ? 2 : 0;
  *is_integer = true;
  while (is_hex ? hex_value(peek(lexer, at)) >= 0 : is_digit(peek(lexer, at))) at++;
  if (peek(lexer, at) == '.' && peek(lexer, at + 1) != '.') {
    *is_integer = false;
    for (at++; is_hex ? hex_value(peek(lexer, at)) >= 0 : is_digit(peek(lexer, at));) at++;
  }
  char mark = peek(lexer, at);
  if (is_hex ? mark == 'p' || mark == 'P' : mark == 'e' || mark == 'E') {
    bool has_sign = peek(lexer, at + 1) == '+' || peek(lexer, at + 1) == '-';
    if (is_digit(peek(lexer, at + 1 + has_sign))) {
      *is_integer = false;
      for (at += 1 + has_sign; is_digit(peek(lexer, at));) at++;
    }
  }
  return (size_t)at;
}

/* False if it does not fit into 64 bits. */
static bool integer_value(const char *digits, size_t length, uint64_t *value) {
  bool is_hex = length > 2 && (digits[1] == 'x' || digits[1] == 'X');
  *value = 0;
  for (size_t i = is_hex ? 2 : 0; i < length; i++)
    if (__builtin_mul_overflow(*value, is_hex ? 16u : 10u, value) || __builtin_add_overflow(*value, (unsigned)hex_value(digits[i]), value))
      return false;
  return true;
}

/* strtod() wants the decimal point of the locale the process happens to run in. */
static double float_value(Lexer *lexer, const char *digits, size_t length) {
  char        buffer[LONGEST_NUMBER + 32];
  size_t      used = 0;
  const char *point = localeconv()->decimal_point;
  if (length > LONGEST_NUMBER || strlen(point) > 16) lexer_error(lexer, "number of more than %d digits", LONGEST_NUMBER);
  for (size_t i = 0; i < length; i++) {
    if (digits[i] != '.') buffer[used++] = digits[i];
    else
      for (const char *c = point; *c; c++) buffer[used++] = *c;
  }
  buffer[used] = 0;
  return strtod(buffer, NULL);
}

static void scan_number(Lexer *lexer) {
  bool     is_integer;
  uint64_t value = 0;
  size_t   length = number_length(lexer, &is_integer);
  lexer->kind = TOKEN_NUMBER;
  lexer->number = float_value(lexer, lexer->cursor, length);
  lexer->is_integer = is_integer && integer_value(lexer->cursor, length, &value) && value <= UINT64_C(1) << 63;
  /* 2^63 stands for the smallest integer: only lexer_integer() gets to see it, behind a minus sign */
  lexer->integer = lexer->is_integer ? (int64_t)value : 0;
  lexer->cursor += length;
}

/* The byte after a backslash, moving past it; -1 if there is none. */
static int scan_escape(Lexer *lexer) {
  char c = peek(lexer, 1);
  if (c == 'n' || c == '"' || c == '\\') {
    lexer->cursor += 2;
    return c == 'n' ? '\n' : c;
  }
  int high = hex_value(peek(lexer, 2)), low = hex_value(peek(lexer, 3));
  if (c != 'x' || high < 0 || low < 0) return -1;
  lexer->cursor += 4;
  return high * 16 + low;
}

static void scan_string(Lexer *lexer) {
  Text text;
  text_open(&text, lexer->arena);
  lexer->cursor++;
  while (peek(lexer, 0) != '"') {
    char c = peek(lexer, 0);
    if (c == 0 || c == '\n') lexer_error(lexer, "string without an end");
    int byte = (unsigned char)c;
    if (c == '\\') byte = scan_escape(lexer);
    else lexer->cursor++;
    if (byte < 0) lexer_error(lexer, "escape other than \\\\, \\\", \\n or \\x and two hexadecimal digits");
    text_char(&text, (char)byte);
  }
  lexer->cursor++;
  lexer->kind = TOKEN_STRING;
  lexer->text = text_finish(&text);
  lexer->length = text.length;
}

static void scan_punctuation(Lexer *lexer) {
  static const char pairs[][3] = {"->", "..", "==", "!=", "<=", ">=", "<<", ">>", "&&", "||"};
  lexer->kind = TOKEN_PUNCTUATION;
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    if (peek(lexer, 0) != pairs[i][0] || peek(lexer, 1) != pairs[i][1]) continue;
    lexer->cursor += 2;
    return;
  }
  lexer->cursor++;
}

void lexer_next(Lexer *lexer) {
  skip_blanks(lexer);
  lexer->is_integer = false;
  const char *start = lexer->text = lexer->cursor;
  char        c = peek(lexer, 0);
  if (lexer->cursor == lexer->end) lexer->kind = TOKEN_END;
  else if (is_digit(c)) scan_number(lexer);
  else if (c == '.' && peek(lexer, 1) == '.') scan_punctuation(lexer);
  else if (is_word_start(c)) scan_word(lexer);
  else if (c == '"') {
    scan_string(lexer);
    return;
  } else scan_punctuation(lexer);
  lexer->length = (size_t)(lexer->cursor - start);
}

/* ---- what parsers ask ---- */

bool lexer_is(const Lexer *lexer, const char *text) {
  if (lexer->kind != TOKEN_WORD && lexer->kind != TOKEN_PUNCTUATION) return false;
  return strlen(text) == lexer->length && memcmp(text, lexer->text, lexer->length) == 0;
}

bool lexer_accept(Lexer *lexer, const char *text) {
  if (!lexer_is(lexer, text)) return false;
  lexer_next(lexer);
  return true;
}

/* The current token for a message. */
static const char *found(Lexer *lexer) {
  if (lexer->kind == TOKEN_END) return "the end";
  Text text;
  text_open(&text, lexer->arena);
  text_quoted(&text, lexer->text, lexer->length < 60 ? lexer->length : 60);
  return text_finish(&text);
}

void lexer_expect(Lexer *lexer, const char *text) {
  if (!lexer_accept(lexer, text)) lexer_error(lexer, "expected `%s`, found %s", text, found(lexer));
}

int64_t lexer_integer(Lexer *lexer) {
  bool negative = lexer_accept(lexer, "-");
  if (lexer->kind != TOKEN_NUMBER) lexer_error(lexer, "expected an integer, found %s", found(lexer));
  int64_t value = lexer->integer;
  if (!lexer->is_integer || (value == INT64_MIN && !negative)) lexer_error(lexer, "not an integer of 64 bits: %s", found(lexer));
  lexer_next(lexer);
  return negative && value != INT64_MIN ? -value : value;
}

const char *lexer_word(Lexer *lexer) {
  if (lexer->kind != TOKEN_WORD) lexer_error(lexer, "expected a word, found %s", found(lexer));
  const char *word = arena_string(lexer->arena, lexer->text, lexer->length);
  lexer_next(lexer);
  return word;
}

const char *lexer_quoted(Lexer *lexer, size_t *length) {
  if (lexer->kind != TOKEN_STRING) lexer_error(lexer, "expected a string in quotes, found %s", found(lexer));
  const char *string = lexer->text;
  if (length) *length = lexer->length;
  lexer_next(lexer);
  return string;
}

const char *lexer_name(Lexer *lexer, size_t *length) {
  if (lexer->kind == TOKEN_STRING) return lexer_quoted(lexer, length);
  if (length) *length = lexer->length;
  return lexer_word(lexer);
}
