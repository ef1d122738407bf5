/* Schedules: loops for the families where speed is decided, built from plain problems and target numbers.
 *
 * A schedule touches memory only through the reader and writer it is given, which inline the fused nodes around the anchor; it sees no graph.
 * Every result is written once; sums run in the same ascending order as the plain meaning, so a schedule changes no bit. */
#ifndef ONNXCC_CODEGEN_SCHEDULE_SCHEDULE_H
#define ONNXCC_CODEGEN_SCHEDULE_SCHEDULE_H
#include "compiler/loop/loop.h"
#include "targets/target.h"

typedef struct ScheduleIo {
  Builder *builder;
  void    *self;
  Expr    (*read)(void *self, uint32_t operand, const Expr *index);   /* operand's element at its logical index, in the compute type */
  void    (*write)(void *self, const Expr *index, Expr value);        /* the result's element at its logical index; of both: vectors of them */
  Operand (*local)(void *self, const char *name, Scalar scalar, uint32_t count); /* a buffer on the stack */
  Operand (*scratch)(void *self, const char *name, Scalar scalar, uint32_t rank, const Dim *dims); /* one that the entry lends */
  bool     single_reads, single_writes; /* of operand 1; of the result: must not be done with vectors */
} ScheduleIo;

/* ONNX Conv over two spatial axes: x (N, C, H, W), w (M, C/groups, KH, KW), y (N, M, OH, OW). All constants but the batch. A bias is the
 * writer's business. */
typedef struct ConvProblem {
  Scalar  scalar;
  Dim     batch;
  int64_t channels, outputs, groups;          /* C, M, groups */
  int64_t in[2], out[2], kernel[2];           /* height, width */
  int64_t stride[2], dilation[2], pad[2];     /* pad: before the first row and column */
} ConvProblem;

/* A product of matrices: y[b.., i, j] = sum over k of a[b.., i, k] * w[b.., k, j]. The reader maps batch indices. */
typedef struct GemmProblem {
  Scalar  scalar;
  Dim     rows, columns, inner;
} GemmProblem;

/* True if the schedule applies to the problem on the target; then schedule_* builds exactly that. Pure. */
bool schedule_conv_applies(const ConvProblem *problem, const Target *target);
void schedule_conv(const ConvProblem *problem, const Target *target, const ScheduleIo *io);
bool schedule_gemm_applies(const GemmProblem *problem, const Target *target, const ScheduleIo *io);
/* Batch loops are open already: index[0 .. batch_rank) are given to reader and writer in front of i, k, j. */
void schedule_gemm(const GemmProblem *problem, const Target *target, const ScheduleIo *io, uint32_t batch_rank, const Expr *batch);
#endif
