/* Dimension expressions: integers and expressions in symbols, each with a proven range. Both IRs share one table, so equal expressions are equal indices. */
#ifndef ONNXCC_BASE_DIM_H
#define ONNXCC_BASE_DIM_H
#include "text.h"

typedef uint32_t Dim;      /* index into a DimTable; 0 = DIM_UNKNOWN */
#define DIM_UNKNOWN 0u
#define DIM_OPEN INT64_MAX /* upper bound of a symbol without one */

typedef enum DimOp { DIM_OP_UNKNOWN, DIM_OP_CONSTANT, DIM_OP_SYMBOL, DIM_OP_ADD, DIM_OP_MUL, DIM_OP_FLOORDIV, DIM_OP_CEILDIV, DIM_OP_MOD, DIM_OP_MIN, DIM_OP_MAX } DimOp;

typedef enum SymbolKind {
  SYMBOL_INPUT,   /* a free dimension of an input: a field of the generated dims struct */
  SYMBOL_RUN      /* found at run time (data-dependent size, run-time shape operand), assigned by the entry, checked against its range */
} SymbolKind;

typedef struct Symbol { const char *name; SymbolKind kind; int64_t lo, hi; } Symbol; /* lo <= value <= hi; hi DIM_OPEN: unbounded. Sizes have lo >= 0; other run-time integers may be negative */

typedef struct DimNode { DimOp op; Dim a, b; int64_t value; /* constant, or symbol index */ int64_t lo, hi; } DimNode;

typedef struct DimTable {
  Arena *arena;
  VECTOR(DimNode) nodes;
  VECTOR(Symbol) symbols;
  uint32_t *hash; uint32_t hash_size;
} DimTable;

void dim_open(DimTable *table, Arena *arena);
/* Constructors fold and canonicalise (sums of products with sorted terms), so dim equality is index equality for linear forms. Overflow raises limit_error. */
Dim  dim_constant(DimTable *table, int64_t value);
Dim  dim_symbol(DimTable *table, const char *name, SymbolKind kind, int64_t lo, int64_t hi); /* finds the symbol of that name (its range is intersected) or makes it */
Dim  dim_fresh(DimTable *table, const char *stem, SymbolKind kind, int64_t lo, int64_t hi);  /* a new symbol with an unused name `stem.K` */
Dim  dim_add(DimTable *table, Dim a, Dim b);
Dim  dim_sub(DimTable *table, Dim a, Dim b);
Dim  dim_mul(DimTable *table, Dim a, Dim b);
Dim  dim_floordiv(DimTable *table, Dim a, Dim b);  /* towards minus infinity; exact products cancel: (6*N)/3 = 2*N, (N*M)/M = N */
Dim  dim_ceildiv(DimTable *table, Dim a, Dim b);
Dim  dim_mod(DimTable *table, Dim a, Dim b);       /* a - b*floordiv(a,b) */
Dim  dim_min(DimTable *table, Dim a, Dim b);       /* decided where the ranges or a constant difference allow it */
Dim  dim_max(DimTable *table, Dim a, Dim b);
Dim  dim_product(DimTable *table, const Dim *dims, uint32_t count); /* 1 for none */

bool    dim_is_constant(const DimTable *table, Dim dim, int64_t *value);
int64_t dim_value(const DimTable *table, Dim dim); /* of a constant; else a bug */
int64_t dim_lo(const DimTable *table, Dim dim);
int64_t dim_hi(const DimTable *table, Dim dim);    /* DIM_OPEN if unbounded */
bool    dim_divides(DimTable *table, Dim divisor, Dim dim); /* provably */
/* Value for given values of the symbols (by symbol index); false on overflow or division by zero. */
bool    dim_evaluate(const DimTable *table, Dim dim, const int64_t *symbol_values, int64_t *result);
/* Replaces symbol `index` by `by` in `dim`. */
Dim     dim_substitute(DimTable *table, Dim dim, uint32_t symbol, Dim by);
/* Marks the symbols that occur: used[symbol index] = true. */
void    dim_symbols(const DimTable *table, Dim dim, bool *used);
/* Text: 4, N, 2*N+1, ceildiv(T, 4), floordiv(..), mod(..), min(..), max(..), ? for unknown. Parses back to the same index. */
void    dim_print(const DimTable *table, Dim dim, Text *text);
Dim     dim_parse(DimTable *table, Lexer *lexer);  /* unknown symbols are an error */
#endif
