/* The JSON writer. Nothing here depends on the locale. */
#include "codegen/report/json.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Json json_open(Text *text) { return (Json){.text = text}; }

/* Bytes of the UTF-8 character at `at`; 0 if there is none. */
static size_t utf8_length(const unsigned char *at) {
  static const struct {
    unsigned char first, last;
    size_t        length;
    unsigned char low, high;
  } rows[] = {
      {0x00, 0x7f, 1, 0, 0},       {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf}, {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f},
      {0xee, 0xef, 3, 0x80, 0xbf}, {0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
  }; /* first byte, length, range of the second byte (Unicode, table 3-7) */
  for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
    if (*at < rows[row].first || *at > rows[row].last) continue;
    if (rows[row].length > 1 && (at[1] < rows[row].low || at[1] > rows[row].high)) return 0;
    for (size_t next = 2; next < rows[row].length; next++)
      if ((at[next] & 0xc0) != 0x80) return 0;
    return rows[row].length;
  }
  return 0;
}

static void write_string(Text *text, const char *string) {
  text_char(text, '"');
  for (const unsigned char *at = (const unsigned char *)string; *at;) {
    size_t length = utf8_length(at);
    if (*at == '"' || *at == '\\') text_format(text, "\\%c", *at);
    else if (*at < 0x20 || *at == 0x7f) text_format(text, "\\u%04x", *at);
    else if (!length) text_string(text, "\\ufffd");
    else text_bytes(text, (const char *)at, length);
    at += length ? length : 1;
  }
  text_char(text, '"');
}

static void begin(Json *json, const char *key) {
  if (json->has_items) text_char(json->text, ',');
  if (json->depth) {
    text_char(json->text, '\n');
    text_indent(json->text, json->depth);
  }
  json->has_items = true;
  if (!key) return;
  write_string(json->text, key);
  text_string(json->text, ": ");
}

static void open_group(Json *json, const char *key, char bracket) {
  begin(json, key);
  text_char(json->text, bracket);
  json->depth++;
  json->has_items = false;
}

static void close_group(Json *json, char bracket) {
  json->depth--;
  if (json->has_items) {
    text_char(json->text, '\n');
    text_indent(json->text, json->depth);
  }
  text_char(json->text, bracket);
  json->has_items = true;
  if (!json->depth) text_char(json->text, '\n');
}

void json_object(Json *json, const char *key) { open_group(json, key, '{'); }
void json_list(Json *json, const char *key) { open_group(json, key, '['); }
void json_end_object(Json *json) { close_group(json, '}'); }
void json_end_list(Json *json) { close_group(json, ']'); }

void json_string(Json *json, const char *key, const char *string) {
  begin(json, key);
  write_string(json->text, string);
}

void json_integer(Json *json, const char *key, int64_t number) {
  begin(json, key);
  text_format(json->text, "%lld", (long long)number);
}

void json_real(Json *json, const char *key, double number) {
  char digits[40];
  begin(json, key);
  if (!isfinite(number)) {
    text_string(json->text, "null");
    return;
  }
  for (int precision = 1; precision <= 17; precision++) { /* the shortest that reads back */
    snprintf(digits, sizeof digits, "%.*g", precision, number);
    if (strtod(digits, NULL) == number) break;
  }
  for (char *at = digits; *at; at++)
    if (!strchr("0123456789+-e", *at)) *at = '.'; /* a locale's decimal point */
  text_string(json->text, digits);
}

void json_bool(Json *json, const char *key, bool value) {
  begin(json, key);
  text_string(json->text, value ? "true" : "false");
}

void json_null(Json *json, const char *key) {
  begin(json, key);
  text_string(json->text, "null");
}
