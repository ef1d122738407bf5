/* The inside of the dimension table. Only dim*.c include this. Functions that return bool fail softly, by overflow or size. */
#ifndef ONNXCC_BASE_DIM_TABLE_H
#define ONNXCC_BASE_DIM_TABLE_H
#include "dim.h"

enum {
  LARGEST_DIM_SIZE = 4096,  /* nodes of an expression written out */
  LARGEST_DIM_DEPTH = 128,  /* of recursion */
  LARGEST_SUM = 256,        /* terms of a sum */
  LARGEST_PRODUCT = 64      /* factors of a product */
};

/* coefficient * product; product 0 stands for 1 */
typedef struct Term { int64_t coefficient; Dim product; } Term;

/* A sum taken apart: terms in canonical order, none with coefficient 0. */
typedef struct Sum { int64_t constant; uint32_t count; Term terms[LARGEST_SUM]; } Sum;

static inline const DimNode *dim_node(const DimTable *table, Dim dim) { return &table->nodes.data[dim]; }

/* The one node of these parts. */
bool dim_intern(DimTable *table, DimOp op, Dim a, Dim b, int64_t value, Dim *result);
/* The constant, where the range leaves one value. */
Dim  dim_settle(DimTable *table, Dim dim);
/* A total order that depends only on structure and symbol numbers, not on the order of construction. */
int  dim_compare(const DimTable *table, Dim x, Dim y);
NO_RETURN void dim_overflow(DimTable *table);

/* Factors of a product in order; returns their number. */
uint32_t dim_factors(const DimTable *table, Dim product, Dim factors[LARGEST_PRODUCT]);
void dim_sum_load(const DimTable *table, Dim dim, Sum *sum);
bool dim_sum_build(DimTable *table, const Sum *sum, Dim *result);
bool dim_sum_add_term(const DimTable *table, Sum *sum, int64_t coefficient, Dim product);
bool dim_sum_add_scaled(const DimTable *table, Sum *sum, const Sum *other, int64_t factor);
bool dim_multiply_products(DimTable *table, Dim x, Dim y, Dim *result); /* 0 stands for 1 */
/* dim = x + factor * y */
bool dim_combine(DimTable *table, Dim x, Dim y, int64_t factor, Dim *result);

/* Towards minus infinity; divisor not 0, and not INT64_MIN / -1. */
static inline int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a % b < 0) != (b < 0)); }
/* a - b * floor_divide(a, b) */
static inline int64_t floor_rest(int64_t a, int64_t b) { return a % b != 0 && (a % b < 0) != (b < 0) ? a % b + b : a % b; }
#endif
