/* Dimension expressions: integers and expressions in symbols, each with a proven range. Both IRs share one table, so equal expressions are equal
 * indices.
 *
 * They also carry the small integers of shape arithmetic (axes, starts, sizes), so any value may be negative. What is built is canonical:
 *   sum      ADD(ADD(term, term), constant)   terms sorted, products of most factors first
 *   term     product, or MUL(constant, product)
 *   product  MUL(MUL(factor, factor), factor) factors sorted; powers are repeated factors
 *   factor   SYMBOL FLOORDIV MOD MIN MAX
 *   FLOORDIV of a sum by a constant holds no multiple of the divisor and no common factor; MIN and MAX are sorted chains like a sum.
 * What has a range of one value is replaced by the constant, so a symbol narrowed to one value is that value in all that is built later. */
#ifndef ONNXCC_BASE_DIM_H
#define ONNXCC_BASE_DIM_H
#include "text.h"

typedef uint32_t Dim;      /* index into a DimTable; 0 = DIM_UNKNOWN */
#define DIM_UNKNOWN 0u
#define DIM_OPEN INT64_MAX /* upper bound of a symbol without one */

/* CEILDIV is never built: ceildiv(a, b) is the same index as floordiv(a + b - 1, b). */
typedef enum DimOp {
  DIM_OP_UNKNOWN,
  DIM_OP_CONSTANT,
  DIM_OP_SYMBOL,
  DIM_OP_ADD,
  DIM_OP_MUL,
  DIM_OP_FLOORDIV,
  DIM_OP_CEILDIV,
  DIM_OP_MOD,
  DIM_OP_MIN,
  DIM_OP_MAX
} DimOp;

typedef enum SymbolKind {
  SYMBOL_INPUT,   /* a free dimension of an input: a field of the generated dims struct */
  SYMBOL_RUN      /* found at run time (data-dependent size, run-time shape operand), assigned by the entry, checked against its range */
} SymbolKind;

/* lo <= value <= hi; hi DIM_OPEN: unbounded. Sizes have lo >= 0; other run-time integers may be negative */
typedef struct Symbol { const char *name; SymbolKind kind; int64_t lo, hi; } Symbol;

typedef struct DimNode {
  DimOp    op;
  Dim      a, b;        /* operands; smaller indices than the node's own */
  int64_t  value;       /* constant, or symbol index */
  int64_t  lo, hi;      /* proven range; INT64_MIN and DIM_OPEN: none */
  uint16_t size, depth; /* nodes written out as a tree, and how deep a walk recurses; both bounded */
} DimNode;

typedef struct DimTable {
  Arena *arena;
  VECTOR(DimNode) nodes;
  VECTOR(Symbol) symbols;
  uint32_t *hash; uint32_t hash_size; /* open addressing, a power of two; 0: free, else the index of a node */
} DimTable;

void dim_open(DimTable *table, Arena *arena);
/* Constructors fold and canonicalise, so dim equality is index equality for polynomials. Overflow and size raise limit_error.
 * An operand that is DIM_UNKNOWN makes the result so (but 0 * unknown = 0), and so does division by a constant 0. */
Dim  dim_constant(DimTable *table, int64_t value);
/* finds the symbol of that name (its range is intersected; SYMBOL_RANGE is reported if nothing is left) or makes it */
Dim  dim_symbol(DimTable *table, const char *name, SymbolKind kind, int64_t lo, int64_t hi);
Dim  dim_fresh(DimTable *table, const char *stem, SymbolKind kind, int64_t lo, int64_t hi);  /* a new symbol with an unused name `stem.K` */
Dim  dim_add(DimTable *table, Dim a, Dim b);
Dim  dim_sub(DimTable *table, Dim a, Dim b);
Dim  dim_mul(DimTable *table, Dim a, Dim b);
/* towards minus infinity; exact products cancel: (6*N)/3 = 2*N, (N*M)/M = N (a divisor is taken not to be 0) */
Dim  dim_floordiv(DimTable *table, Dim a, Dim b);
Dim  dim_ceildiv(DimTable *table, Dim a, Dim b);
Dim  dim_mod(DimTable *table, Dim a, Dim b);       /* a - b*floordiv(a,b) */
Dim  dim_min(DimTable *table, Dim a, Dim b);       /* decided where the ranges or a constant difference allow it */
Dim  dim_max(DimTable *table, Dim a, Dim b);
Dim  dim_product(DimTable *table, const Dim *dims, uint32_t count); /* 1 for none */

/* Intersects the range of a symbol and brings all ranges up to date; false, changing nothing, if no value is left. Expressions that exist
 * already keep their form: rebuild them with dim_substitute where the narrower range is to simplify them. */
bool dim_narrow(DimTable *table, uint32_t symbol, int64_t lo, int64_t hi);
/* Index of the symbol of that name, or UINT32_MAX. */
uint32_t dim_find_symbol(const DimTable *table, const char *name);

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
/* Text: 4, N, 2*N+1, ceildiv(T, 4), floordiv(..), mod(..), min(..), max(..), ? for unknown; names as text_name() writes them.
 * Parses back to the same index. Parsing also knows a/b for floordiv and parentheses. */
void    dim_print(const DimTable *table, Dim dim, Text *text);
Dim     dim_parse(DimTable *table, Lexer *lexer);  /* unknown symbols are an error */
#endif
