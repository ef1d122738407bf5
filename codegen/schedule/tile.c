#include "codegen/schedule/tile.h"

enum {
  FEW_REGISTERS = 8,    /* with fewer nothing is gained */
  FLOAT_REGISTERS = 16, /* taken for granted where the vectors of a target hold no floats of the type */
  SHORT_ROWS = 4,       /* of a tile of scalars: more are mostly more code */
};

bool tile_in_vectors(const Target *target, Scalar scalar) {
  if (scalar == SCALAR_F32) return target->has_vector_f32;
  if (scalar == SCALAR_F64) return target->has_vector_f64;
  return target->vector_bytes > 0;
}

/* Registers for a type that is computed in scalars; integers share theirs with addresses. */
static uint32_t scalar_registers(const Target *target, Scalar scalar) {
  bool in_hardware = scalar == SCALAR_F64 ? target->has_f64 : target->has_f32;
  if (!scalar_is_float(scalar)) return FEW_REGISTERS;
  return !in_hardware ? 0 : target->vector_bytes ? FLOAT_REGISTERS : target->vector_registers;
}

/* Side by side in a tile of so many rows; 0: it is too tall. */
static uint32_t vectors_in(const TileMachine *machine, uint32_t rows) {
  uint32_t column = machine->has_columns ? rows : 0, left = machine->registers > column ? machine->registers - column : 0;
  return left / (rows + 1);
}

/* Registers hold the sums, a row of the right operand, and the product where it is no part of the addition. An element of the left one comes from
 * memory where instructions can take it from there, else compilers load a column of them ahead. With 32 registers a tile of three vectors a row reads
 * least, or of two if columns need their own; with 16 of two. */
bool tile_machine(const Target *target, Scalar scalar, TileMachine *machine) {
  bool     vectors = target->vector_bytes > 0 && tile_in_vectors(target, scalar), fused = target->has_fma && scalar_is_float(scalar);
  uint32_t all = vectors ? target->vector_registers : scalar_registers(target, scalar);
  uint32_t lanes = vectors ? target->vector_bytes / scalar_bytes(scalar) : 1;
  if (all < FEW_REGISTERS) return false;
  machine->lanes = (uint16_t)(lanes > LOOP_MAX_LANES ? LOOP_MAX_LANES : lanes);
  machine->registers = all - (fused ? 2 : 3);
  machine->has_columns = all > FEW_REGISTERS && !target->has_memory_operands;
  machine->rows = vectors ? TILE_ROWS : SHORT_ROWS;
  uint32_t wanted = all < 16 ? 1 : all < 32 || machine->has_columns ? 2 : 3;
  while (machine->rows > 1 && vectors_in(machine, machine->rows) < wanted) machine->rows--;
  return true;
}

uint32_t tile_vectors(const TileMachine *machine, uint32_t rows) {
  uint32_t vectors = vectors_in(machine, rows);
  return vectors > TILE_PIECES ? TILE_PIECES : vectors > 0 ? vectors : 1;
}

void tile_whole_pieces(Tile *tile, uint32_t vectors, uint16_t lanes) {
  tile->pieces = vectors;
  for (uint32_t at = 0; at < vectors; at++) tile->piece[at] = (TilePiece){at * lanes, lanes, lanes};
}

uint32_t tile_width(const Tile *tile) {
  const TilePiece *last = &tile->piece[tile->pieces - 1];
  return last->at + last->lanes;
}

void tile_clear(Tile *tile) {
  Builder *b = tile->builder;
  Expr     zero = build_cast(b, tile->scalar, build_index(b, 0));
  for (uint32_t row = 0; row < tile->rows; row++)
    for (uint32_t at = 0; at < tile->pieces; at++)
      tile->sum[row][at] = build_var(b, arena_format(b->arena, "sum%u_%u", row, at), build_broadcast(b, zero, tile->piece[at].lanes));
}

void tile_accumulate(Tile *tile, uint32_t row, Expr left, const Expr *right) {
  Builder *b = tile->builder;
  bool     even = true;
  for (uint32_t at = 1; at < tile->pieces; at++) even = even && tile->piece[at].lanes == tile->piece[0].lanes;
  left = build_let(b, "left", even ? build_broadcast(b, left, tile->piece[0].lanes) : left);
  for (uint32_t at = 0; at < tile->pieces; at++)
    build_set(b, tile->sum[row][at], build_ternary(b, LOOP_MULADD, left, right[at], tile->sum[row][at]));
}

Expr tile_columns(Tile *tile, Expr first, uint32_t at, uint16_t lanes) {
  Builder *b = tile->builder;
  Expr     column = build_binary(b, LOOP_ADD, first, build_index(b, at));
  return lanes > 1 ? build_binary(b, LOOP_ADD, column, build_lane_numbers(b, SCALAR_INDEX, lanes)) : column;
}

uint32_t tile_parts(const TilePiece *piece, uint16_t *from, uint16_t *lanes) {
  uint32_t count = 0;
  for (uint16_t half = piece->lanes, at = 0; half > 0; half /= 2) {
    if (piece->live - at < half) continue;
    from[count] = at;
    lanes[count++] = half;
    at = (uint16_t)(at + half);
  }
  return count;
}

void tile_part_pieces(Tile *tile, uint32_t columns, uint16_t lanes) {
  uint16_t from[TILE_PIECES], width[TILE_PIECES];
  tile->pieces = tile_parts(&(TilePiece){0, lanes, (uint16_t)columns}, from, width);
  for (uint32_t at = 0; at < tile->pieces; at++) tile->piece[at] = (TilePiece){from[at], width[at], width[at]};
}
