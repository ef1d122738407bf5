/* Writing JSON (RFC 8259): objects, lists and values in the order of the calls; commas and indentation come by themselves. */
#ifndef ONNXCC_CODEGEN_REPORT_JSON_H
#define ONNXCC_CODEGEN_REPORT_JSON_H
#include "compiler/base/text.h"

typedef struct Json { Text *text; int depth; bool has_items; } Json; /* has_items: of the innermost open list or object */

Json json_open(Text *text);
/* `key` NULL: an item of a list, or the whole. */
void json_object(Json *json, const char *key);
void json_list(Json *json, const char *key);
void json_end_object(Json *json);
void json_end_list(Json *json);
/* Bytes that are not UTF-8 become U+FFFD. */
void json_string(Json *json, const char *key, const char *string);
void json_integer(Json *json, const char *key, int64_t number);
void json_real(Json *json, const char *key, double number);  /* not finite: null */
void json_bool(Json *json, const char *key, bool value);
void json_null(Json *json, const char *key);
#endif
