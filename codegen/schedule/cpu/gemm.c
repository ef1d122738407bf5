/* Matrix products by register tiles: each tile of the result is summed over all of k in variables, one accumulator an element, in ascending order.
 *
 * Columns are the outer loop, so that their part of B stays in a cache while all rows go by. Rows and columns are split evenly: 9 rows are 5 and 4,
 * for a tile of one row would wait for its own additions. Where many rows will read it, B is copied first, block by block, into a panel whose rows
 * follow one another; columns that do not fill a vector are zeroes there. */
#include "codegen/schedule/schedule.h"
#include "codegen/schedule/tile.h"

enum { PACKED_ROWS = 32 }; /* rows from which on a copy of B pays: it costs about as much as two of them */

typedef struct GemmLoops {
  const GemmProblem *problem;
  const ScheduleIo  *io;
  Builder    *builder;
  TileMachine machine;
  int64_t     rows, columns;     /* -1: known at run time only */
  uint32_t    tallest, vectors;  /* of a tile */
  bool        packed;
  Operand     panel;             /* [inner, width] */
  bool        has_sums;
  Operand     sums;              /* a tile on its way to a writer that takes single elements */
  Tile        tile;              /* the one being built */
  Expr        row, column;       /* its first ones */
  Expr        live;              /* columns of the only piece that exist, where that is known at run time only; 0 */
  uint32_t    batch_rank;
  Expr        index[18];         /* batch indices, then two free places */
} GemmLoops;

static Expr add(Builder *b, Expr x, Expr y) { return build_binary(b, LOOP_ADD, x, y); }

static const Expr *at(GemmLoops *g, Expr row, Expr column) {
  g->index[g->batch_rank] = row;
  g->index[g->batch_rank + 1] = column;
  return g->index;
}

/* ---- what fits -------------------------------------------------------------------------------------------------------------------- */

static int64_t extent(const Program *program, Dim dim) {
  int64_t value;
  return dim_is_constant(program->dims, dim, &value) ? value : -1;
}

static uint32_t least(uint32_t x, int64_t y) { return y >= 0 && y < (int64_t)x ? (uint32_t)y : x; }
static int64_t ceil_div(int64_t x, int64_t y) { return (x + y - 1) / y; }

/* Rows of the tallest tile: all blocks of rows as equal as can be. */
static uint32_t tallest(const GemmLoops *g, const DimTable *dims) {
  if (g->rows >= 0) return (uint32_t)ceil_div(g->rows, ceil_div(g->rows, g->machine.rows));
  return least(g->machine.rows, dim_hi(dims, g->problem->rows));
}

/* Does B go through a panel? Certainly if it can only be read element by element; else if the copy pays and the target has a cache to keep it in. */
static bool is_packed(const GemmLoops *g, const Target *target) {
  bool many = g->rows >= 0 ? g->rows >= PACKED_ROWS : g->columns < 0;
  bool strided = g->columns < 0 || g->columns > (int64_t)(g->vectors * g->machine.lanes);
  return g->io->single_reads || (many && strided && target->cache_bytes[1] > 0);
}

static bool open_loops(GemmLoops *g, const GemmProblem *problem, const Target *target, const ScheduleIo *io) {
  const DimTable *dims = io->builder->program->dims;
  *g = (GemmLoops){.problem = problem, .io = io, .builder = io->builder};
  g->rows = extent(io->builder->program, problem->rows);
  g->columns = extent(io->builder->program, problem->columns);
  if (g->rows == 0 || g->columns == 0 || !tile_machine(target, problem->scalar, &g->machine)) return false;
  g->tallest = tallest(g, dims);
  if (g->tallest == 0) return false;
  g->vectors = tile_vectors(&g->machine, g->tallest);
  if (g->columns >= 0) g->vectors = least(g->vectors, ceil_div(g->columns, g->machine.lanes));
  g->packed = is_packed(g, target);
  g->tile.builder = io->builder;
  g->tile.scalar = problem->scalar;
  return true;
}

bool schedule_gemm_applies(const GemmProblem *problem, const Target *target, const ScheduleIo *io) {
  GemmLoops g;
  bool      known = scalar_is_float(problem->scalar) || problem->scalar == SCALAR_I32;
  if (!known || !open_loops(&g, problem, target, io)) return false;
  return !io->single_reads || g.rows < 0 || g.rows >= g.machine.rows; /* else the copy is most of the work */
}

/* ---- the panel of B ------------------------------------------------------------------------------------------------------------ */

static void pack_piece(GemmLoops *g, Expr k, const TilePiece *piece) {
  Builder *b = g->builder;
  uint16_t from[TILE_PIECES], lanes[TILE_PIECES];
  uint32_t parts = tile_parts(piece, from, lanes), done = 0;
  Expr     zero = build_cast(b, g->problem->scalar, build_index(b, 0));
  for (uint32_t part = 0; part < parts; part++) {
    uint32_t column = piece->at + from[part];
    Expr     value = g->io->read(g->io->self, 1, at(g, k, tile_columns(&g->tile, g->column, column, lanes[part])));
    Expr     place[2] = {k, tile_columns(&g->tile, build_index(b, 0), column, lanes[part])};
    build_store(b, g->panel, 2, place, value);
    done = from[part] + lanes[part];
  }
  for (uint32_t column = done; column < piece->lanes; column++)
    build_store(b, g->panel, 2, (Expr[]){k, build_index(b, piece->at + column)}, zero);
}

/* Columns up to `count` one by one, zeroes behind them. */
static void pack_singly(GemmLoops *g, Expr k, Expr count) {
  Builder *b = g->builder;
  Expr     column = build_for(b, "column", build_index(b, 0), count);
  Expr     value = g->io->read(g->io->self, 1, at(g, k, add(b, g->column, column)));
  build_store(b, g->panel, 2, (Expr[]){k, column}, value);
  build_end(b);
  column = build_for(b, "column", count, build_index(b, tile_width(&g->tile)));
  build_store(b, g->panel, 2, (Expr[]){k, column}, build_cast(b, g->problem->scalar, build_index(b, 0)));
  build_end(b);
}

/* Wanted columns of the block. */
static Expr live_columns(GemmLoops *g) {
  const TilePiece *last = &g->tile.piece[g->tile.pieces - 1];
  return g->live ? g->live : build_index(g->builder, last->at + last->live);
}

static void pack(GemmLoops *g) {
  Builder *b = g->builder;
  Expr     k = build_for(b, "k", build_index(b, 0), build_dim(b, g->problem->inner));
  if (g->live || g->io->single_reads) pack_singly(g, k, live_columns(g));
  else
    for (uint32_t piece = 0; piece < g->tile.pieces; piece++) pack_piece(g, k, &g->tile.piece[piece]);
  build_end(b);
}

/* ---- a tile ----------------------------------------------------------------------------------------------------------------------- */

static Expr read_right(GemmLoops *g, Expr k, const TilePiece *piece) {
  Builder *b = g->builder;
  if (!g->packed) return g->io->read(g->io->self, 1, at(g, k, tile_columns(&g->tile, g->column, piece->at, piece->lanes)));
  return build_load_lanes(b, g->panel, 2, (Expr[]){k, build_index(b, piece->at)}, piece->lanes, 0);
}

static void sum_inner(GemmLoops *g) {
  Builder *b = g->builder;
  Expr     k = build_for(b, "k", build_index(b, 0), build_dim(b, g->problem->inner)), right[TILE_PIECES];
  for (uint32_t piece = 0; piece < g->tile.pieces; piece++) right[piece] = build_let(b, "right", read_right(g, k, &g->tile.piece[piece]));
  for (uint32_t row = 0; row < g->tile.rows; row++)
    tile_accumulate(&g->tile, row, g->io->read(g->io->self, 0, at(g, add(b, g->row, build_index(b, row)), k)), right);
  build_end(b);
}

static void write_vectors(GemmLoops *g) {
  Builder *b = g->builder;
  for (uint32_t row = 0; row < g->tile.rows; row++)
    for (uint32_t piece = 0; piece < g->tile.pieces; piece++) {
      const TilePiece *columns = &g->tile.piece[piece];
      uint16_t from[TILE_PIECES], lanes[TILE_PIECES];
      uint32_t parts = tile_parts(columns, from, lanes);
      for (uint32_t part = 0; part < parts; part++) {
        Expr column = tile_columns(&g->tile, g->column, columns->at + from[part], lanes[part]);
        Expr value = build_extract(b, g->tile.sum[row][piece], from[part], lanes[part]);
        g->io->write(g->io->self, at(g, add(b, g->row, build_index(b, row)), column), value);
      }
    }
}

static void write_singly(GemmLoops *g) {
  Builder *b = g->builder;
  uint32_t width = tile_width(&g->tile);
  if (!g->has_sums) g->sums = g->io->local(g->io->self, "sums", g->problem->scalar, g->tallest * g->vectors * g->machine.lanes);
  g->has_sums = true;
  for (uint32_t row = 0; row < g->tile.rows; row++)
    for (uint32_t piece = 0; piece < g->tile.pieces; piece++) {
      Expr first = build_index(b, row * width + g->tile.piece[piece].at);
      build_store(b, g->sums, 1, &first, g->tile.sum[row][piece]);
    }
  Expr row = build_for(b, "row", build_index(b, 0), build_index(b, g->tile.rows));
  Expr column = build_for(b, "column", build_index(b, 0), live_columns(g));
  Expr place = add(b, build_binary(b, LOOP_MUL, row, build_index(b, width)), column);
  Expr value = build_load(b, g->sums, 1, &place);
  g->io->write(g->io->self, at(g, add(b, g->row, row), add(b, g->column, column)), value);
  build_end(b);
  build_end(b);
}

static void build_tile(GemmLoops *g, Expr row, uint32_t rows) {
  g->row = row;
  g->tile.rows = rows;
  tile_clear(&g->tile);
  sum_inner(g);
  if (g->live || g->io->single_writes) write_singly(g);
  else write_vectors(g);
}

/* ---- rows --------------------------------------------------------------------------------------------------------------------------- */

/* Tiles of `height` rows from row `first` to `end`, a whole number of them. */
static void tiles_between(GemmLoops *g, Expr first, Expr end, uint32_t height) {
  Builder *b = g->builder;
  int64_t  from, to;
  if (build_is_constant(b, first, &from) && build_is_constant(b, end, &to) && to - from <= height) {
    if (to > from) build_tile(g, first, height);
    return;
  }
  build_tile(g, build_for_step(b, "row", first, end, height, LOOP_SERIAL), height);
  build_end(b);
}

static void known_rows(GemmLoops *g) {
  Builder *b = g->builder;
  int64_t  blocks = ceil_div(g->rows, g->tallest), tall = g->rows - blocks * (g->tallest - 1);
  tiles_between(g, build_index(b, 0), build_index(b, tall * g->tallest), g->tallest);
  if (tall < blocks) tiles_between(g, build_index(b, tall * g->tallest), build_index(b, g->rows), g->tallest - 1);
}

/* The rows left over by tiles of one height go to those of half of it. */
static void unknown_rows(GemmLoops *g) {
  Builder *b = g->builder;
  Expr     first = build_index(b, 0), all = build_dim(b, g->problem->rows);
  for (uint32_t height = g->tallest; height > 0; height /= 2) {
    Expr step = build_index(b, height), rest = build_binary(b, LOOP_SUB, all, first);
    Expr end = add(b, first, build_binary(b, LOOP_MUL, build_binary(b, LOOP_DIV, rest, step), step));
    end = build_let(b, "end", height > 1 ? end : all);
    tiles_between(g, first, end, height);
    first = end;
  }
}

/* ---- columns ------------------------------------------------------------------------------------------------------------------------ */

static void build_block(GemmLoops *g, Expr column) {
  g->column = column;
  if (g->packed) pack(g);
  if (g->rows >= 0) known_rows(g);
  else unknown_rows(g);
}

/* Blocks as wide as the tile's pieces from column `first` to `end`. */
static void blocks_between(GemmLoops *g, Expr first, Expr end) {
  Builder *b = g->builder;
  int64_t  from, to, width = tile_width(&g->tile);
  if (build_is_constant(b, first, &from) && build_is_constant(b, end, &to) && to - from <= width) {
    if (to > from) build_block(g, first);
    return;
  }
  build_block(g, build_for_step(b, "block", first, end, width, LOOP_SERIAL));
  build_end(b);
}

/* The columns behind the whole vectors, as narrower pieces; as many side by side as a tile has room for. */
static void part_columns(GemmLoops *g, int64_t first, uint32_t columns) {
  uint16_t from[TILE_PIECES], lanes[TILE_PIECES];
  uint32_t parts = tile_parts(&(TilePiece){0, g->machine.lanes, (uint16_t)columns}, from, lanes), room = tile_vectors(&g->machine, g->tallest);
  for (uint32_t part = 0; part < parts; part += room) {
    g->tile.pieces = parts - part < room ? parts - part : room;
    for (uint32_t piece = 0; piece < g->tile.pieces; piece++)
      g->tile.piece[piece] = (TilePiece){(uint32_t)(from[part + piece] - from[part]), lanes[part + piece], lanes[part + piece]};
    build_block(g, build_index(g->builder, first + from[part]));
  }
}

/* Whole vectors in blocks as equal as can be: some have `wide` of them, the others one less. In a panel the very last vector may be a part. */
static void known_columns(GemmLoops *g) {
  Builder *b = g->builder;
  int64_t  lanes = g->machine.lanes, part = g->columns % lanes, vectors = g->packed ? ceil_div(g->columns, lanes) : g->columns / lanes;
  int64_t  blocks = ceil_div(vectors, g->vectors), wide = blocks ? ceil_div(vectors, blocks) : 0, at_wide = vectors - blocks * (wide - 1);
  int64_t  column = 0;
  for (int64_t narrower = 0; narrower < 2 && wide > narrower; narrower++) {
    int64_t count = narrower ? blocks - at_wide : at_wide, width = (wide - narrower) * lanes;
    bool    ragged = g->packed && part && (narrower ? count > 0 : at_wide == blocks);
    int64_t end = column + (count - ragged) * width;
    tile_whole_pieces(&g->tile, (uint32_t)(wide - narrower), g->machine.lanes);
    blocks_between(g, build_index(b, column), build_index(b, end));
    column = end;
    if (!ragged) continue;
    g->tile.piece[wide - narrower - 1].live = (uint16_t)part;
    build_block(g, build_index(b, column));
  }
  if (!g->packed && part) part_columns(g, column, (uint32_t)part);
}

/* Full blocks, then single vectors. In a panel the last of these may be a part; else the rest goes column by column. */
static void unknown_columns(GemmLoops *g) {
  Builder *b = g->builder;
  Expr     first = build_index(b, 0), all = build_dim(b, g->problem->columns);
  uint32_t vectors[] = {g->vectors, 1, 1};
  for (uint32_t step = g->vectors > 1 ? 0 : 1; step < 3; step++) {
    bool rest = step == 2;
    if (rest && (g->packed || g->machine.lanes == 1)) break;
    tile_whole_pieces(&g->tile, vectors[step], rest ? 1 : g->machine.lanes);
    if (step == 1 && g->packed) {
      Expr column = build_for_step(b, "block", first, all, tile_width(&g->tile), LOOP_SERIAL);
      g->live = build_let(b, "live", build_binary(b, LOOP_MIN, build_binary(b, LOOP_SUB, all, column), build_index(b, tile_width(&g->tile))));
      build_block(g, column);
      build_end(b);
      break;
    }
    Expr width = build_index(b, tile_width(&g->tile)), left = build_binary(b, LOOP_SUB, all, first);
    Expr end = add(b, first, build_binary(b, LOOP_MUL, build_binary(b, LOOP_DIV, left, width), width));
    end = build_let(b, "end", rest ? all : end);
    blocks_between(g, first, end);
    first = end;
  }
}

void schedule_gemm(const GemmProblem *problem, const Target *target, const ScheduleIo *io, uint32_t batch_rank, const Expr *batch) {
  GemmLoops g;
  require(io->builder->program->context, open_loops(&g, problem, target, io));
  g.batch_rank = batch_rank;
  for (uint32_t axis = 0; axis < batch_rank; axis++) g.index[axis] = batch[axis];
  if (g.packed) {
    DimTable *dims = io->builder->program->dims;
    Dim       shape[2] = {problem->inner, dim_constant(dims, (int64_t)g.vectors * g.machine.lanes)};
    g.panel = io->scratch(io->self, "panel", problem->scalar, 2, shape);
  }
  if (g.columns >= 0) known_columns(&g);
  else unknown_columns(&g);
}
