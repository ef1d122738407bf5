/* Operator by operator: does a schedule fit, and what is its problem? Reads and writes go through the meaning, which inlines what is fused. */
#include "codegen/scheduled.h"
#include "codegen/schedule/schedule.h"
#include "codegen/schedule/tile.h"
#include "compiler/ops/window.h"

/* ScheduleIo.self: a meaning, and the reader and writer that know its operator. */
typedef struct Inliner {
  Meaning        *m;
  ScheduleChoice *choice;
  Expr          (*read)(Meaning *m, uint32_t operand, const Expr *index);
  void          (*write)(Meaning *m, const Expr *index, Expr value);
} Inliner;

/* Was a vector of floats built, from expression `first` on, that the target's vectors can't hold? */
static bool exceeds_target(const Inliner *inliner, Expr first) {
  const Code *code = &inliner->m->builder->code;
  for (Expr expr = first; expr < code->exprs.count; expr++) {
    const ExprNode *node = expr_at(code, expr);
    if (node->lanes > 1 && scalar_is_float((Scalar)node->scalar) && !tile_in_vectors(inliner->choice->target, (Scalar)node->scalar)) return true;
  }
  return false;
}

/* Notes what can't take vectors in what was built from expression `first` on, and starts to watch anew. */
static void note_refusal(Inliner *inliner, Expr first, bool *single) {
  Builder *b = inliner->m->builder;
  if (!b->refused && !b->gathered && !exceeds_target(inliner, first)) return;
  b->refused = b->gathered = false;
  *single = inliner->choice->again = true;
}

static Expr inline_read(void *self, uint32_t operand, const Expr *index) {
  Inliner *inliner = self;
  Expr     first = inliner->m->builder->code.exprs.count, value = inliner->read(inliner->m, operand, index);
  note_refusal(inliner, first, &inliner->choice->single_reads);
  return value;
}

static void inline_write(void *self, const Expr *index, Expr value) {
  Inliner *inliner = self;
  Expr     first = inliner->m->builder->code.exprs.count;
  inliner->write(inliner->m, index, value);
  note_refusal(inliner, first, &inliner->choice->single_writes);
}

static Operand make_local(void *self, const char *name, Scalar scalar, uint32_t count) {
  return meaning_local(((Inliner *)self)->m, name, scalar, count);
}

static Operand make_scratch(void *self, const char *name, Scalar scalar, uint32_t rank, const Dim *dims) {
  return meaning_scratch(((Inliner *)self)->m, name, scalar, rank, dims);
}

static ScheduleIo inlining_io(Inliner *inliner) {
  const ScheduleChoice *choice = inliner->choice;
  return (ScheduleIo){inliner->m->builder, inliner, inline_read, inline_write, make_local, make_scratch, choice->single_reads, choice->single_writes};
}

static bool constant(const Meaning *m, Dim dim, int64_t *value) { return dim_is_constant(&m->module->dims, dim, value); }

/* ---- Conv --------------------------------------------------------------------------------------------------------------------- */

static bool conv_problem(Meaning *m, uint32_t weights, ConvProblem *problem) {
  Infer infer = {m->module, m->node, false};
  WindowPlan plan;
  Dim kernel[MAX_RANK];
  if (meaning_rank(m, 0) != 4 || meaning_rank(m, weights) != 4) return false;
  for (uint32_t at = 0; at < 2; at++) kernel[at] = meaning_dim(m, weights, at + 2);
  if (!window_plan(&infer, kernel, false, &plan)) return false;
  *problem = (ConvProblem){
      .scalar = meaning_result_compute(m, 0), .batch = meaning_dim(m, 0, 0), .groups = meaning_int(m, "group")};
  int64_t per_group;
  bool known = constant(m, meaning_dim(m, 0, 1), &problem->channels) && constant(m, meaning_dim(m, weights, 0), &problem->outputs);
  known = known && constant(m, meaning_dim(m, weights, 1), &per_group);
  for (uint32_t at = 0; at < 2; at++) {
    const WindowAxis *axis = &plan.axis[at];
    known = known && constant(m, axis->input, &problem->in[at]) && constant(m, axis->output, &problem->out[at]) &&
            constant(m, axis->kernel, &problem->kernel[at]) && constant(m, axis->pad_begin, &problem->pad[at]);
    problem->stride[at] = axis->stride;
    problem->dilation[at] = axis->dilation;
  }
  return known;
}

/* Where convolutions have their weights and how an element of an operand is read; bias and rounding go with the write. */
static Expr read_conv(Meaning *m, uint32_t operand, const Expr *index) { return meaning_read(m, operand, index); }
static Expr read_conv_integer(Meaning *m, uint32_t operand, const Expr *index) { return conv_integer_read(m, operand != 0, index); }
static void write_conv_integer(Meaning *m, const Expr *index, Expr sum) { meaning_write(m, 0, index, conv_integer_finish(m, sum, index[1])); }

static void write_conv(Meaning *m, const Expr *index, Expr sum) {
  if (meaning_has(m, 2)) sum = build_binary(m->builder, LOOP_ADD, sum, meaning_read(m, 2, &index[1]));
  meaning_write(m, 0, index, sum);
}

static bool is_integer_conv(const Meaning *m) { return meaning_node(m)->op != OP_Conv; }

/* The matrix product that a pointwise convolution is, weights times image, for each batch and group: index b, g, i, j. */
static Expr group_channel(Meaning *m, Dim channels, const Expr *index, Expr channel) {
  Expr of_group = build_dim(m->builder, dim_floordiv(&m->module->dims, channels, dim_constant(&m->module->dims, meaning_int(m, "group"))));
  return build_binary(m->builder, LOOP_ADD, build_binary(m->builder, LOOP_MUL, index[1], of_group), channel);
}

static Expr read_pointwise(Meaning *m, uint32_t operand, const Expr *index) {
  Expr zero = build_index(m->builder, 0), channel;
  bool integer = is_integer_conv(m);
  if (operand == 0) {
    channel = group_channel(m, meaning_result_dim(m, 0, 1), index, index[2]);
    return (integer ? read_conv_integer : read_conv)(m, 1, (Expr[]){channel, index[3], zero, zero});
  }
  channel = group_channel(m, meaning_dim(m, 0, 1), index, index[2]);
  return (integer ? read_conv_integer : read_conv)(m, 0, (Expr[]){index[0], channel, zero, index[3]});
}

static void write_pointwise(Meaning *m, const Expr *index, Expr sum) {
  Expr own[4] = {index[0], group_channel(m, meaning_result_dim(m, 0, 1), index, index[2]), build_index(m->builder, 0), index[3]};
  (is_integer_conv(m) ? write_conv_integer : write_conv)(m, own, sum);
}

static bool is_pointwise(const ConvProblem *p) {
  for (uint32_t at = 0; at < 2; at++)
    if (p->kernel[at] != 1 || p->stride[at] != 1 || p->pad[at] || p->in[at] != p->out[at]) return false;
  return p->in[0] == 1; /* whoever can sees images as one row */
}

static bool schedule_pointwise(Meaning *m, const ConvProblem *conv, ScheduleChoice *choice) {
  DimTable   *dims = &m->module->dims;
  GemmProblem problem = {conv->scalar, dim_constant(dims, conv->outputs / conv->groups), dim_constant(dims, conv->out[1]),
                         dim_constant(dims, conv->channels / conv->groups)};
  Inliner    inliner = {m, choice, read_pointwise, write_pointwise};
  ScheduleIo io = inlining_io(&inliner);
  Expr       batch[2];
  if (!schedule_gemm_applies(&problem, choice->target, &io)) return false;
  uint32_t blocks = meaning_loops(m, 2, (Dim[]){conv->batch, dim_constant(dims, conv->groups)}, batch);
  schedule_gemm(&problem, choice->target, &io, 2, batch);
  meaning_end_loops(m, blocks);
  return true;
}

/* Conv, and ConvInteger and QLinearConv: sums in i32; zero points go with the reads. */
static bool schedule_conv_anchor(Meaning *m, uint32_t weights, ScheduleChoice *choice) {
  ConvProblem problem;
  bool        integer = is_integer_conv(m);
  if (!conv_problem(m, weights, &problem)) return false;
  if (integer) problem.scalar = SCALAR_I32;
  if (is_pointwise(&problem) && schedule_pointwise(m, &problem, choice)) return true;
  if (!schedule_conv_applies(&problem, choice->target)) return false;
  Inliner    inliner = {m, choice, integer ? read_conv_integer : read_conv, integer ? write_conv_integer : write_conv};
  ScheduleIo io = inlining_io(&inliner);
  schedule_conv(&problem, choice->target, &io);
  return true;
}

/* ---- Gemm and MatMul ------------------------------------------------------------------------------------------------------------ */

static Expr read_gemm(Meaning *m, uint32_t operand, const Expr *index) {
  bool swap = meaning_int(m, operand == 0 ? "transA" : "transB");
  return meaning_read(m, operand, (Expr[]){index[swap ? 1 : 0], index[swap ? 0 : 1]});
}

static void write_gemm(Meaning *m, const Expr *index, Expr sum) { meaning_write(m, 0, index, gemm_finish(m, sum, index)); }

static bool schedule_gemm_anchor(Meaning *m, ScheduleChoice *choice) {
  Dim inner = meaning_dim(m, 0, meaning_int(m, "transA") ? 0 : 1);
  if (inner != meaning_dim(m, 1, meaning_int(m, "transB") ? 1 : 0)) return false; /* only the plain meaning checks while running */
  GemmProblem problem = {meaning_result_compute(m, 0), meaning_result_dim(m, 0, 0), meaning_result_dim(m, 0, 1), inner};
  Inliner     inliner = {m, choice, read_gemm, write_gemm};
  ScheduleIo  io = inlining_io(&inliner);
  if (!schedule_gemm_applies(&problem, choice->target, &io)) return false;
  schedule_gemm(&problem, choice->target, &io, 0, NULL);
  return true;
}

/* Batch axes of an operand broadcast against those of the result. */
static Expr read_matmul(Meaning *m, uint32_t operand, const Expr *index) {
  uint32_t matrix = operand ? matmul_right(m) : 0, rank = meaning_rank(m, matrix), all = meaning_result_rank(m, 0);
  Expr own[MAX_RANK];
  for (uint32_t axis = 0; axis < rank; axis++) {
    int64_t extent;
    bool repeats = axis + 2 < rank && constant(m, meaning_dim(m, matrix, axis), &extent) && extent == 1;
    own[axis] = repeats ? build_index(m->builder, 0) : index[all - rank + axis];
  }
  return matmul_read(m, operand != 0, own);
}

static void write_matmul(Meaning *m, const Expr *index, Expr sum) { meaning_write(m, 0, index, matmul_finish(m, sum, index)); }

static bool schedule_matmul_anchor(Meaning *m, ScheduleChoice *choice) {
  uint32_t right = matmul_right(m), a_rank = meaning_rank(m, 0), b_rank = meaning_rank(m, right), rank = meaning_result_rank(m, 0);
  int64_t extent;
  if (a_rank < 2 || b_rank < 2 || meaning_dim(m, 0, a_rank - 1) != meaning_dim(m, right, b_rank - 2)) return false;
  for (uint32_t operand = 0; operand <= right; operand += right) /* a symbolic batch axis may be 1 at run time: the plain meaning handles it */
    for (uint32_t axis = 0; axis + 2 < meaning_rank(m, operand); axis++)
      if (!constant(m, meaning_dim(m, operand, axis), &extent) &&
          meaning_dim(m, operand, axis) != meaning_result_dim(m, 0, rank - meaning_rank(m, operand) + axis))
        return false;
  GemmProblem problem = {matmul_scalar(m), meaning_result_dim(m, 0, rank - 2), meaning_result_dim(m, 0, rank - 1),
                         meaning_dim(m, 0, a_rank - 1)};
  Inliner    inliner = {m, choice, read_matmul, write_matmul};
  ScheduleIo io = inlining_io(&inliner);
  if (!schedule_gemm_applies(&problem, choice->target, &io)) return false;
  Expr batch[MAX_RANK];
  Dim dims[MAX_RANK];
  for (uint32_t axis = 0; axis + 2 < rank; axis++) dims[axis] = meaning_result_dim(m, 0, axis);
  uint32_t blocks = meaning_loops(m, rank - 2, dims, batch);
  schedule_gemm(&problem, choice->target, &io, rank - 2, batch);
  meaning_end_loops(m, blocks);
  return true;
}

bool scheduled_anchor(void *self, Meaning *m) {
  ScheduleChoice *choice = self;
  switch (meaning_node(m)->op) {
  case OP_Conv:
  case OP_ConvInteger: return schedule_conv_anchor(m, 1, choice);
  case OP_QLinearConv: return schedule_conv_anchor(m, 3, choice);
  case OP_Gemm: return schedule_gemm_anchor(m, choice);
  case OP_MatMul:
  case OP_MatMulInteger:
  case OP_QLinearMatMul: return schedule_matmul_anchor(m, choice);
  default: return false;
  }
}
