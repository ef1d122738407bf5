/* The growing sink, and the one printer of floats, quoted strings and names.
 *
 * Nothing here depends on the locale. Text grows by doubling inside its arena; the last byte of its room is kept for the NUL. */
#include "text.h"

#include <stdio.h>
#include <string.h>

#include "checked.h"

enum { FIRST_TEXT_BYTES = 64, LONGEST_COMMENT = 80, LONGEST_IDENTIFIER = 31 };

void text_open(Text *text, Arena *arena) { *text = (Text){.arena = arena}; }

/* Room for `more` bytes and a NUL. */
static void reserve(Text *text, size_t more) {
  size_t needed;
  if (!checked_add_size(text->length, more, &needed) || needed > SIZE_MAX / 4) out_of_memory(arena_context(text->arena));
  if (needed < text->capacity) return;
  size_t capacity = text->capacity ? text->capacity : FIRST_TEXT_BYTES;
  while (capacity <= needed) capacity *= 2;
  char *larger = arena_allocate(text->arena, capacity);
  if (text->length) memcpy(larger, text->data, text->length);
  text->data = larger;
  text->capacity = capacity;
}

void text_bytes(Text *text, const char *data, size_t length) {
  reserve(text, length);
  if (length) memcpy(text->data + text->length, data, length);
  text->length += length;
}

void text_string(Text *text, const char *string) { text_bytes(text, string, strlen(string)); }
void text_char(Text *text, char c) { text_bytes(text, &c, 1); }

void text_format(Text *text, const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  if (length > 0) {
    reserve(text, (size_t)length);
    vsnprintf(text->data + text->length, (size_t)length + 1, format, arguments);
    text->length += (size_t)length;
  }
  va_end(arguments);
}

void text_indent(Text *text, int levels) {
  for (int i = 0; i < levels; i++) text_bytes(text, "  ", 2);
}

const char *text_finish(Text *text) {
  reserve(text, 0);
  text->data[text->length] = 0;
  return text->data;
}

/* ---- model strings ---- */

static const char hex_digits[] = "0123456789abcdef";

static bool printable(char c) { return c >= 0x20 && c < 0x7f; }

void text_quoted(Text *text, const char *string, size_t length) {
  text_char(text, '"');
  for (size_t i = 0; i < length; i++) {
    unsigned char byte = (unsigned char)string[i];
    if (printable(string[i]) && byte != '"' && byte != '\\') text_char(text, string[i]);
    else text_bytes(text, (char[]){'\\', 'x', hex_digits[byte >> 4], hex_digits[byte & 15]}, 4);
  }
  text_char(text, '"');
}

void text_comment(Text *text, const char *string, size_t length) {
  size_t used = 0;
  for (size_t i = 0; i < length; i++) {
    unsigned char byte = (unsigned char)string[i];
    bool          plain = printable(string[i]) && !strchr("\\?*/", byte);
    used += plain ? 1 : 3;
    if (used > LONGEST_COMMENT) return;
    if (plain) text_char(text, string[i]);
    else text_bytes(text, (char[]){'%', hex_digits[byte >> 4], hex_digits[byte & 15]}, 3);
  }
}

static bool word_start(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; }
static bool word_part(char c) { return word_start(c) || (c >= '0' && c <= '9'); }

void text_name(Text *text, const char *name, size_t length) {
  bool bare = length > 0 && word_start(name[0]);
  for (size_t i = 1; i < length && bare; i++) bare = word_part(name[i]) || (name[i] == '.' && i + 1 < length && name[i + 1] != '.');
  if (bare) text_bytes(text, name, length);
  else text_quoted(text, name, length);
}

/* ---- floats ---- */

/* What %a prints on the usual systems, shortest digits: 0x1.8p+1; values below the normal range are normalised too. */
void text_f64(Text *text, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
  int      field = (int)(bits >> 52 & 0x7ff), exponent = field - 1023;
  if (field == 0x7ff && fraction) {
    text_string(text, "nan");
    return;
  }
  if (bits >> 63) text_char(text, '-');
  if (field == 0x7ff) text_string(text, "inf");
  if (field == 0 && fraction == 0) text_string(text, "0x0p+0");
  if (field == 0x7ff || (field == 0 && fraction == 0)) return;
  if (field == 0) {
    exponent = -1022;
    while (!(fraction >> 52)) {
      fraction <<= 1;
      exponent--;
    }
    fraction &= (UINT64_C(1) << 52) - 1;
  }
  text_string(text, "0x1");
  if (fraction) text_char(text, '.');
  for (; fraction; fraction = fraction << 4 & ((UINT64_C(1) << 52) - 1)) text_char(text, hex_digits[fraction >> 48]);
  text_format(text, "p%+d", exponent);
}

void text_f32(Text *text, float value) { text_f64(text, (double)value); }

/* ---- C identifiers ---- */

/* Keywords of C23 and C++20, and names that common systems define as macros. Those beginning with _ are refused anyway. */
/* clang-format off */
static const char *const taken_names[] = {
    "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char", "char8_t", "char16_t",
    "char32_t", "class", "co_await", "co_return", "co_yield", "compl", "concept", "const", "const_cast", "consteval", "constexpr", "constinit",
    "continue", "decltype", "default", "delete", "do", "double", "dynamic_cast", "else", "enum", "explicit", "export", "extern", "false", "float",
    "for", "friend", "goto", "if", "inline", "int", "long", "mutable", "namespace", "new", "noexcept", "not", "not_eq", "nullptr", "operator", "or",
    "or_eq", "private", "protected", "public", "register", "reinterpret_cast", "requires", "restrict", "return", "short", "signed", "sizeof",
    "static", "static_assert", "static_cast", "struct", "switch", "template", "this", "thread_local", "throw", "true", "try", "typedef", "typeid",
    "typename", "typeof", "typeof_unqual", "union", "unsigned", "using", "virtual", "void", "volatile", "wchar_t", "while", "xor", "xor_eq",
    "final", "override", "import", "module", "main", "I", "NULL", "EOF", "NAN", "INFINITY", "HUGE_VAL", "TRUE", "FALSE", "BUFSIZ", "RAND_MAX",
    "linux", "unix", "i386", "arm", "mips", "sun", "hpux", "sgi", "vax", "near", "far", "huge", "pascal", "cdecl", "interface", "small", "min",
    "max", "assert", "errno", "stdin", "stdout", "stderr", "setjmp", "offsetof", "complex", "imaginary", "noreturn", "IN", "OUT", "ERROR",
    "INT8_C", "INT16_C", "INT32_C", "INT64_C", "UINT8_C", "UINT16_C", "UINT32_C", "UINT64_C", "int8_t", "int16_t", "int32_t", "int64_t", "uint8_t",
    "uint16_t", "uint32_t", "uint64_t", "size_t", "ptrdiff_t", "intptr_t", "uintptr_t", "memcpy", "memset", "ONNXCC_ALIGNED",
};
/* clang-format on */

bool is_plain_identifier(const char *name, size_t length) {
  if (length == 0 || length > LONGEST_IDENTIFIER || !word_start(name[0]) || name[0] == '_') return false;
  for (size_t i = 0; i < length; i++)
    if (!word_part(name[i]) || (i > 0 && name[i] == '_' && name[i - 1] == '_')) return false; /* C++ reserves a__b */
  for (size_t i = 0; i < sizeof taken_names / sizeof *taken_names; i++)
    if (strlen(taken_names[i]) == length && memcmp(taken_names[i], name, length) == 0) return false;
  return true;
}
