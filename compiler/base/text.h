/* Text: a growing sink, the one printer of numbers, identifiers and quoted strings, and the tokeniser both IRs' text forms share. */
#ifndef ONNXCC_BASE_TEXT_H
#define ONNXCC_BASE_TEXT_H
#include "context.h"

/* A growing byte string in an arena. */
typedef struct Text { Arena *arena; char *data; size_t length, capacity; } Text;

void text_open(Text *text, Arena *arena);
void text_bytes(Text *text, const char *data, size_t length);
void text_string(Text *text, const char *string);
void text_char(Text *text, char c);
/* only for our own strings and integers, never a model's string or a float */
void text_format(Text *text, const char *format, ...) PRINTF_LIKE(2, 3);
void text_indent(Text *text, int levels);                               /* two blanks a level */
/* A model's string as "..." for text forms and messages: printable ASCII stays, the rest and \ " become \xXX. Parses back. */
void text_quoted(Text *text, const char *string, size_t length);
/* A model's name in a text form: bare where it reads back as one word ([A-Za-z_][A-Za-z0-9_]* and single dots between), else quoted.
 * Read by lexer_name(). */
void text_name(Text *text, const char *name, size_t length);
/* The same as text_quoted for a C comment: printable ASCII but \ ? * / stays, others %xx, cut at 80 bytes of output. */
void text_comment(Text *text, const char *string, size_t length);
/* Exact float spelling that parses back in both IRs and in C: hexadecimal float, `inf`, `-inf`, `nan` (text forms). */
void text_f64(Text *text, double value);
void text_f32(Text *text, float value);
const char *text_finish(Text *text); /* NUL-terminated */

/* True if `name` is a plain C identifier, no keyword of C or C++, no reserved or commonly defined name (I, linux, unix), at most 31 bytes. */
bool is_plain_identifier(const char *name, size_t length);

/* Little tokeniser for the text forms. Comments run from # to the end of the line. */
typedef enum TokenKind { TOKEN_END, TOKEN_WORD, TOKEN_NUMBER, TOKEN_STRING, TOKEN_PUNCTUATION } TokenKind;
typedef struct Lexer {
  Arena *arena; const char *file; const char *start, *cursor, *end;
  TokenKind kind;           /* of the current token */
  const char *text;         /* its bytes; for strings unescaped, in the arena */
  size_t length;
  double number;            /* TOKEN_NUMBER */
  int64_t integer;          /* TOKEN_NUMBER that is an integer */
  bool is_integer;
  int line;
} Lexer;
/* Words: [A-Za-z_.$%@][A-Za-z0-9_.$]*, so %x, @b and i64 are words; a dot at the end or before another dot is none of it. Words that begin
 * with % @ $ may hold : / - inside (%conv1/out:0), others not: N-1 and N/32 are arithmetic, `%x:` is a word and a colon. Numbers: decimal, hex
 * float, inf and nan are words; punctuation: one byte, or -> .. == != <= >= << >> && || */
void lexer_open(Lexer *lexer, Arena *arena, const char *file, const char *data, size_t length);
void lexer_next(Lexer *lexer);
bool lexer_is(const Lexer *lexer, const char *text);          /* current word or punctuation equals text */
bool lexer_accept(Lexer *lexer, const char *text);            /* and moves on */
void lexer_expect(Lexer *lexer, const char *text);            /* else an error that leaves the stage */
int64_t lexer_integer(Lexer *lexer);                          /* optional leading '-' */
const char *lexer_word(Lexer *lexer);                         /* NUL-terminated copy in the arena */
const char *lexer_quoted(Lexer *lexer, size_t *length);       /* NUL-terminated; length may be NULL */
const char *lexer_name(Lexer *lexer, size_t *length);         /* a word or a string, as text_name writes it */
NO_RETURN void lexer_error(Lexer *lexer, const char *format, ...) PRINTF_LIKE(2, 3);
#endif
