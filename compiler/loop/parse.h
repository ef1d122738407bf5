/* What the parts of the reader of the text form share: values (parse_values.c), code (parse_code.c), the program (loop_parse.c). */
#ifndef ONNXCC_LOOP_PARSE_H
#define ONNXCC_LOOP_PARSE_H
#include "loop.h"

typedef struct ScopeEntry { const char *name; Slot slot; } ScopeEntry;

typedef struct Parser {
  Program *program; Arena *arena;
  Lexer lexer;
  Code *code;                    /* being read */
  VECTOR(ScopeEntry) scope;      /* visible slots, innermost last */
  VECTOR(uint16_t) depths;       /* by Expr of the code: levels of its tree */
  uint32_t nesting;              /* values being read inside one another */
  uint32_t blocks;               /* open */
  bool from_library;             /* reading library.lir: functions are declared as they are met, names of symbols are free */
} Parser;

/* The type of a literal that no context has given one yet: a CONSTANT with operand[0] 1 if it is written as an integer (then .integer holds it),
 * else .number. Never in a finished code. */
#define SCALAR_UNTYPED SCALAR_COUNT

Expr parse_add(Parser *parser, ExprNode node);
Expr parse_value(Parser *parser, Scalar scalar);  /* an expression of that type, any lanes; SCALAR_UNTYPED: of any, but it must have one */
Expr parse_lanes_value(Parser *parser, Scalar scalar, uint16_t lanes); /* the same with these lanes */
/* Behind `[`, the access to an operand: a list as that of a load, and its lanes; 1 if neither `..` nor an index says more. */
uint32_t parse_access_list(Parser *parser, Operand operand, uint32_t *count, uint16_t *lanes);
Scalar parse_type(Parser *parser, uint16_t *lanes); /* f32, f32x16 */
Scalar parse_scalar(Parser *parser);
uint32_t parse_count(Parser *parser);             /* an integer of 0 .. 2^31 - 1 */
uint32_t parse_shape(Parser *parser, Dim *dims);  /* [d, d, ...]; its rank */
const char *parse_identifier(Parser *parser);
uint32_t parse_find_operand(Parser *parser, const char *name); /* of the kernel, or buffer in an entry; UINT32_MAX if there is none */

/* At the word after `function`: name, parameters, result; the slots are in scope. */
Code parse_function_header(Parser *parser);
/* From `{` to `}` into the code, whose slots so far are in scope; ends the scope. */
void parse_body(Parser *parser, Code *code);
void parse_kernel(Parser *parser);
void parse_entry(Parser *parser);
void parse_function(Parser *parser);              /* declared already */
/* Declares the library function of that name in the program; UINT32_MAX if the library has none. */
uint32_t library_declare(Program *program, const char *name);
#endif
