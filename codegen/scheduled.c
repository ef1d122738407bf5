/* Operator by operator: does a schedule fit, and what is its problem? Reads and writes go through the meaning, which inlines what is fused. */
#include "codegen/scheduled.h"
#include "codegen/schedule/schedule.h"
#include "compiler/ops/window.h"

static Expr read_operand(void *self, uint32_t operand, const Expr *index) { return meaning_read(self, operand, index); }
static void write_result(void *self, const Expr *index, Expr value) { meaning_write(self, 0, index, value); }
static Operand make_local(void *self, const char *name, Scalar scalar, uint32_t count) { return meaning_local(self, name, scalar, count); }

static ScheduleIo plain_io(Meaning *m) { return (ScheduleIo){m->builder, m, read_operand, write_result, make_local}; }

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

static bool schedule_conv_anchor(Meaning *m, const Target *target) {
  ConvProblem problem;
  if (!conv_problem(m, 1, &problem)) return false;
  problem.has_bias = meaning_has(m, 2);
  if (!schedule_conv_applies(&problem, target)) return false;
  ScheduleIo io = plain_io(m);
  schedule_conv(&problem, target, &io);
  return true;
}

static Expr read_conv_integer(void *self, uint32_t operand, const Expr *index) { return conv_integer_read(self, operand != 0, index); }
static void write_conv_integer(void *self, const Expr *index, Expr sum) { meaning_write(self, 0, index, conv_integer_finish(self, sum, index[1])); }

/* ConvInteger and QLinearConv: the same sums in i32; zero points go with the reads, bias and rounding with the write. */
static bool schedule_conv_integer_anchor(Meaning *m, uint32_t weights, const Target *target) {
  ConvProblem problem;
  if (!conv_problem(m, weights, &problem)) return false;
  problem.scalar = SCALAR_I32;
  if (!schedule_conv_applies(&problem, target)) return false;
  ScheduleIo io = {m->builder, m, read_conv_integer, write_conv_integer, make_local};
  schedule_conv(&problem, target, &io);
  return true;
}

/* ---- Gemm and MatMul ------------------------------------------------------------------------------------------------------------ */

static Expr read_gemm(void *self, uint32_t operand, const Expr *index) {
  Meaning *m = self;
  bool swap = operand == 0 && meaning_int(m, "transA");
  return meaning_read(m, operand, (Expr[]){index[swap ? 1 : 0], index[swap ? 0 : 1]});
}

static void write_gemm(void *self, const Expr *index, Expr sum) {
  Meaning *m = self;
  meaning_write(m, 0, index, gemm_finish(m, sum, index));
}

static bool schedule_gemm_anchor(Meaning *m, const Target *target) {
  if (meaning_int(m, "transB")) return false; /* rows of B would be read across; simplification transposes constant ones */
  if (meaning_dim(m, 0, meaning_int(m, "transA") ? 0 : 1) != meaning_dim(m, 1, 0)) return false; /* only the plain meaning checks while running */
  GemmProblem problem = {meaning_result_compute(m, 0), meaning_result_dim(m, 0, 0), meaning_result_dim(m, 0, 1),
                         meaning_dim(m, 0, meaning_int(m, "transA") ? 0 : 1)};
  if (!schedule_gemm_applies(&problem, target)) return false;
  ScheduleIo io = {m->builder, m, read_gemm, write_gemm, make_local};
  schedule_gemm(&problem, target, &io, 0, NULL);
  return true;
}

/* Batch axes of an operand broadcast against those of the result. */
static Expr read_matmul(void *self, uint32_t operand, const Expr *index) {
  Meaning *m = self;
  uint32_t matrix = operand ? matmul_right(m) : 0, rank = meaning_rank(m, matrix), all = meaning_result_rank(m, 0);
  Expr own[MAX_RANK];
  for (uint32_t axis = 0; axis < rank; axis++) {
    int64_t extent;
    bool repeats = axis + 2 < rank && constant(m, meaning_dim(m, matrix, axis), &extent) && extent == 1;
    own[axis] = repeats ? build_index(m->builder, 0) : index[all - rank + axis];
  }
  return matmul_read(m, operand != 0, own);
}

static void write_matmul(void *self, const Expr *index, Expr sum) { meaning_write(self, 0, index, matmul_finish(self, sum, index)); }

static bool schedule_matmul_anchor(Meaning *m, const Target *target) {
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
  if (!schedule_gemm_applies(&problem, target)) return false;
  Expr batch[MAX_RANK];
  Dim dims[MAX_RANK];
  for (uint32_t axis = 0; axis + 2 < rank; axis++) dims[axis] = meaning_result_dim(m, 0, axis);
  ScheduleIo io = {m->builder, m, read_matmul, write_matmul, make_local};
  uint32_t blocks = meaning_loops(m, rank - 2, dims, batch);
  schedule_gemm(&problem, target, &io, rank - 2, batch);
  meaning_end_loops(m, blocks);
  return true;
}

bool scheduled_anchor(void *self, Meaning *m) {
  const Target *target = self;
  switch (meaning_node(m)->op) {
  case OP_Conv: return schedule_conv_anchor(m, target);
  case OP_ConvInteger: return schedule_conv_integer_anchor(m, 1, target);
  case OP_QLinearConv: return schedule_conv_integer_anchor(m, 3, target);
  case OP_Gemm: return schedule_gemm_anchor(m, target);
  case OP_MatMul:
  case OP_MatMulInteger:
  case OP_QLinearMatMul: return schedule_matmul_anchor(m, target);
  default: return false;
  }
}
