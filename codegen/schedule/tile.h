/* The tile builder: a block of sums of products that stands in variables, so that compilers keep it in registers from the first product to the
 * last. Every loop over it is spelled out: named variables stay in registers at any optimisation level, arrays of vectors do not. */
#ifndef ONNXCC_CODEGEN_SCHEDULE_TILE_H
#define ONNXCC_CODEGEN_SCHEDULE_TILE_H
#include "compiler/loop/loop.h"
#include "targets/target.h"

#define TILE_ROWS   8u /* at most */
#define TILE_PIECES 8u /* at most, side by side */

/* Do vectors of the target compute the type as scalars do? */
bool tile_in_vectors(const Target *target, Scalar scalar);

/* What tiles of a type may use of a target. */
typedef struct TileMachine {
  uint16_t lanes;     /* of a vector; 1: the target computes this type in scalars */
  uint32_t registers; /* for the sums, a row of the right operand and perhaps a column of the left one; others are taken off already */
  bool     has_columns; /* the left operand's elements of a step lie in registers all at once */
  uint32_t rows;      /* of the tallest tile that is worth while */
} TileMachine;

bool     tile_machine(const Target *target, Scalar scalar, TileMachine *machine); /* false: too few registers */
uint32_t tile_vectors(const TileMachine *machine, uint32_t rows);                 /* side by side in a tile of so many rows */

/* A vector of each row, or a part of one: columns `at` .. at + live of the block. */
typedef struct TilePiece {
  uint32_t at;
  uint16_t lanes;
  uint16_t live;      /* lanes whose sums are wanted, from the first on */
} TilePiece;

typedef struct Tile {
  Builder  *builder;
  Scalar    scalar;
  uint32_t  rows, pieces;
  TilePiece piece[TILE_PIECES];
  Expr      sum[TILE_ROWS][TILE_PIECES]; /* variables */
} Tile;

/* Pieces that follow one another: `vectors` whole ones, or `columns` (less than `lanes`) by halves: 11 of 16 are 8, 2 and 1. */
void tile_whole_pieces(Tile *tile, uint32_t vectors, uint16_t lanes);
void tile_part_pieces(Tile *tile, uint32_t columns, uint16_t lanes);
uint32_t tile_width(const Tile *tile);                    /* columns, those that are not wanted too */
void tile_clear(Tile *tile);                              /* declares the sums, as zeroes */
/* sum[row][..] += left * right[..], for one row. left: a scalar; right: by piece, lets. */
void tile_accumulate(Tile *tile, uint32_t row, Expr left, const Expr *right);
Expr tile_columns(Tile *tile, Expr first, uint32_t at, uint16_t lanes); /* first + at + lanes, as an index */
/* Takes a vector apart so that only wanted lanes are left: count of parts; part k is lanes from[k] .. from[k] + lanes[k]. */
uint32_t tile_parts(const TilePiece *piece, uint16_t *from, uint16_t *lanes);
#endif
