/* Convolution by rows of accumulators: for a block of output channels and a piece of one output row, all partial sums lie in a small array on the
 * stack; the innermost loop runs along the row, contiguous in input and accumulators, so that a C compiler vectorises it without reordering any sum.
 *
 * Padding costs nothing inside: kernel rows outside the image are skipped; near the edges the row's range is clamped for each kernel column, between
 * them all columns of a small kernel's row are taken at once, so that a sum is loaded and stored once for them. The order of a sum stays the same.
 * What it does not try: packed weights, registers named one by one, Winograd. Pointwise kernels are matrix products (codegen/scheduled.c). */
#include "codegen/schedule/schedule.h"

#define CHANNEL_BLOCK 8  /* output channels that share each input load */
#define KERNEL_ROW    3  /* widest kernel whose rows are taken together */
#define ROW_PIECE     64 /* elements of a row kept in accumulators; both together stay in the first cache beside input and weights */

typedef struct ConvLoops {
  const ConvProblem *problem;
  const ScheduleIo  *io;
  Builder *builder;
  int64_t  row, piece;     /* length of a row; of a piece */
  Operand  sums;           /* [CHANNEL_BLOCK * piece] */
  uint32_t block;          /* output channels of the block being built */
  Expr     batch, group, channel /* first output channel of the block, in all */, line, start, end /* piece: start <= column < end */;
} ConvLoops;

static Expr add(Builder *b, Expr x, Expr y) { return build_binary(b, LOOP_ADD, x, y); }
static Expr sub(Builder *b, Expr x, Expr y) { return build_binary(b, LOOP_SUB, x, y); }
static Expr mul(Builder *b, Expr x, int64_t y) { return build_binary(b, LOOP_MUL, x, build_index(b, y)); }
static Expr divide(Builder *b, Expr x, int64_t y) { return build_binary(b, LOOP_DIV, x, build_index(b, y)); }
static Expr least(Builder *b, Expr x, Expr y) { return build_binary(b, LOOP_MIN, x, y); }
static Expr most(Builder *b, Expr x, Expr y) { return build_binary(b, LOOP_MAX, x, y); }

/* ceil(x / y) clamped to at least 0, for any sign of x. */
static Expr ceil_from_zero(Builder *b, Expr x, int64_t y) { return divide(b, add(b, most(b, x, build_index(b, 0)), build_index(b, y - 1)), y); }

bool schedule_conv_applies(const ConvProblem *p, const Target *target) {
  bool empty = p->in[0] <= 0 || p->in[1] <= 0 || p->out[0] <= 0 || p->out[1] <= 0 || p->channels <= 0 || p->outputs <= 0;
  bool known = scalar_is_float(p->scalar) || p->scalar == SCALAR_I32;
  return !empty && known && target->vector_bytes > 0 && target->stack_limit >= CHANNEL_BLOCK * ROW_PIECE * 8;
}

static Expr sum_index(ConvLoops *c, uint32_t channel, Expr column) {
  return add(c->builder, build_index(c->builder, (int64_t)channel * c->piece), sub(c->builder, column, c->start));
}

static void clear_sums(ConvLoops *c) {
  Builder *b = c->builder;
  for (uint32_t channel = 0; channel < c->block; channel++) {
    Expr column = build_for(b, "column", c->start, c->end), at = sum_index(c, channel, column);
    build_store(b, c->sums, 1, &at, build_cast(b, c->problem->scalar, build_index(b, 0)));
    build_end(b);
  }
}

/* An element of the kernel. */
typedef struct Tap { Expr input_channel, kernel_row, kernel_column; } Tap;

static void read_weights(ConvLoops *c, Tap tap, Expr weights[CHANNEL_BLOCK]) {
  Builder *b = c->builder;
  for (uint32_t channel = 0; channel < c->block; channel++) {
    Expr index[4] = {add(b, c->channel, build_index(b, channel)), tap.input_channel, tap.kernel_row, tap.kernel_column};
    weights[channel] = build_let(b, "weight", c->io->read(c->io->self, 1, index));
  }
}

static Expr read_input(ConvLoops *c, Tap tap, Expr column) {
  Builder *b = c->builder;
  const ConvProblem *p = c->problem;
  Expr source[4] = {c->batch, add(b, mul(b, c->group, p->channels / p->groups), tap.input_channel)};
  source[2] = add(b, mul(b, c->line, p->stride[0]), sub(b, mul(b, tap.kernel_row, p->dilation[0]), build_index(b, p->pad[0])));
  source[3] = add(b, mul(b, column, p->stride[1]), sub(b, mul(b, tap.kernel_column, p->dilation[1]), build_index(b, p->pad[1])));
  return build_let(b, "input", c->io->read(c->io->self, 0, source));
}

/* One kernel element: every column from `from` to `to` whose input lies in the image gets input * weight. */
static void accumulate(ConvLoops *c, Tap tap, Expr from, Expr to) {
  Builder *b = c->builder;
  const ConvProblem *p = c->problem;
  Expr weights[CHANNEL_BLOCK];
  read_weights(c, tap, weights);
  /* input column = column * stride + shift must lie in 0 .. width */
  Expr shift = sub(b, mul(b, tap.kernel_column, p->dilation[1]), build_index(b, p->pad[1]));
  int64_t reach = (p->kernel[1] - 1) * p->dilation[1] - p->pad[1];
  if (p->pad[1] > 0) from = build_let(b, "first", most(b, from, ceil_from_zero(b, sub(b, build_index(b, 0), shift), p->stride[1])));
  if ((p->out[1] - 1) * p->stride[1] + reach >= p->in[1])
    to = build_let(b, "last", least(b, to, ceil_from_zero(b, sub(b, build_index(b, p->in[1]), shift), p->stride[1])));
  Expr column = build_for(b, "column", from, to), input = read_input(c, tap, column);
  for (uint32_t channel = 0; channel < c->block; channel++) {
    Expr at = build_let(b, "at", sum_index(c, channel, column)), sum = build_load(b, c->sums, 1, &at);
    build_store(b, c->sums, 1, &at, build_ternary(b, LOOP_MULADD, input, weights[channel], sum));
  }
  build_end(b);
}

/* All elements of a kernel row, one after the other. */
static void accumulate_one_by_one(ConvLoops *c, Tap tap, Expr from, Expr to) {
  Builder *b = c->builder;
  tap.kernel_column = build_for(b, "kernel_column", build_index(b, 0), build_index(b, c->problem->kernel[1]));
  accumulate(c, tap, from, to);
  build_end(b);
}

/* All elements of a kernel row at once, for columns whose inputs all lie in the image: a sum is loaded and stored once a row. */
static void accumulate_together(ConvLoops *c, Tap tap, Expr from, Expr to) {
  Builder *b = c->builder;
  Expr weights[KERNEL_ROW][CHANNEL_BLOCK], inputs[KERNEL_ROW];
  int64_t width = c->problem->kernel[1];
  for (int64_t at = 0; at < width; at++) {
    tap.kernel_column = build_index(b, at);
    read_weights(c, tap, weights[at]);
  }
  Expr column = build_for(b, "column", from, to);
  for (int64_t at = 0; at < width; at++) {
    tap.kernel_column = build_index(b, at);
    inputs[at] = read_input(c, tap, column);
  }
  for (uint32_t channel = 0; channel < c->block; channel++) {
    Expr place = build_let(b, "at", sum_index(c, channel, column)), sum = build_load(b, c->sums, 1, &place);
    for (int64_t at = 0; at < width; at++) sum = build_ternary(b, LOOP_MULADD, inputs[at], weights[at][channel], sum);
    build_store(b, c->sums, 1, &place, sum);
  }
  build_end(b);
}

/* One kernel row: columns near the edges, where parts of the kernel stand outside, and those between. */
static void accumulate_row(ConvLoops *c, Tap tap) {
  Builder *b = c->builder;
  const ConvProblem *p = c->problem;
  if (p->kernel[1] > KERNEL_ROW) {
    accumulate_one_by_one(c, tap, c->start, c->end);
    return;
  }
  int64_t reach = (p->kernel[1] - 1) * p->dilation[1] - p->pad[1];
  int64_t first = (p->pad[1] + p->stride[1] - 1) / p->stride[1], last = p->in[1] > reach ? (p->in[1] - reach + p->stride[1] - 1) / p->stride[1] : 0;
  bool left = first > 0, right = last < p->out[1];
  Expr from = left ? build_let(b, "inside", least(b, most(b, c->start, build_index(b, first)), c->end)) : c->start;
  Expr to = right ? build_let(b, "outside", most(b, least(b, c->end, build_index(b, last)), from)) : c->end;
  if (left) accumulate_one_by_one(c, tap, c->start, from);
  accumulate_together(c, tap, from, to);
  if (right) accumulate_one_by_one(c, tap, to, c->end);
}

static void sum_kernel(ConvLoops *c) {
  Builder *b = c->builder;
  const ConvProblem *p = c->problem;
  Expr zero = build_index(b, 0), input_channel = build_for(b, "input_channel", zero, build_index(b, p->channels / p->groups));
  Expr lo = zero, hi = build_index(b, p->kernel[0]);
  Expr top = sub(b, mul(b, c->line, p->stride[0]), build_index(b, p->pad[0]));
  if (p->pad[0] > 0) lo = build_let(b, "first_row", ceil_from_zero(b, sub(b, zero, top), p->dilation[0]));
  hi = build_let(b, "last_row", least(b, hi, ceil_from_zero(b, sub(b, build_index(b, p->in[0]), top), p->dilation[0])));
  Expr kernel_row = build_for(b, "kernel_row", lo, hi);
  accumulate_row(c, (Tap){input_channel, kernel_row, 0});
  build_end(b);
  build_end(b);
}

static void write_sums(ConvLoops *c) {
  Builder *b = c->builder;
  for (uint32_t channel = 0; channel < c->block; channel++) {
    Expr index[4] = {c->batch, build_let(b, "output_channel", add(b, c->channel, build_index(b, channel)))};
    Expr column = build_for(b, "column", c->start, c->end), at = sum_index(c, channel, column);
    index[2] = c->line;
    index[3] = column;
    Expr sum = build_load(b, c->sums, 1, &at);
    c->io->write(c->io->self, index, sum);
    build_end(b);
  }
}

static void build_piece(ConvLoops *c) {
  clear_sums(c);
  sum_kernel(c);
  write_sums(c);
}

/* All lines and pieces for `block` output channels starting at c->channel. */
static void build_block(ConvLoops *c) {
  Builder *b = c->builder;
  Expr zero = build_index(b, 0);
  int64_t lines = c->problem->out[0];
  c->line = lines > 1 ? build_for(b, "line", zero, build_index(b, lines)) : zero;
  if (c->row <= c->piece) {
    c->start = zero;
    c->end = build_index(b, c->row);
    build_piece(c);
  } else {
    Expr piece = build_for(b, "piece", zero, build_index(b, (c->row + c->piece - 1) / c->piece));
    c->start = build_let(b, "start", mul(b, piece, c->piece));
    c->end = build_let(b, "end", least(b, add(b, c->start, build_index(b, c->piece)), build_index(b, c->row)));
    build_piece(c);
    build_end(b);
  }
  if (lines > 1) build_end(b);
}

void schedule_conv(const ConvProblem *p, const Target *target, const ScheduleIo *io) {
  (void)target;
  Builder *b = io->builder;
  ConvLoops c = {.problem = p, .io = io, .builder = b};
  int64_t per_group = p->outputs / p->groups;
  c.row = p->out[1];
  c.piece = c.row < ROW_PIECE ? c.row : ROW_PIECE;
  c.sums = io->local(io->self, "sums", p->scalar, (uint32_t)(c.piece * (per_group < CHANNEL_BLOCK ? per_group : CHANNEL_BLOCK)));
  Expr zero = build_index(b, 0);
  c.batch = build_for(b, "batch", zero, build_dim(b, p->batch));
  c.group = p->groups > 1 ? build_for(b, "group", zero, build_index(b, p->groups)) : zero;
  Expr first = mul(b, c.group, per_group);
  if (per_group >= CHANNEL_BLOCK) {
    c.block = CHANNEL_BLOCK;
    Expr block = build_for(b, "block", zero, build_index(b, per_group / CHANNEL_BLOCK));
    c.channel = build_let(b, "channel", add(b, first, mul(b, block, CHANNEL_BLOCK)));
    build_block(&c);
    build_end(b);
  }
  if (per_group % CHANNEL_BLOCK) {
    c.block = (uint32_t)(per_group % CHANNEL_BLOCK);
    c.channel = build_let(b, "channel", add(b, first, build_index(b, per_group - c.block)));
    build_block(&c);
  }
  if (p->groups > 1) build_end(b);
  build_end(b);
}
