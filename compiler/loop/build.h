/* What the two halves of the builder share: values (loop_values.c) and statements (loop_build.c). */
#ifndef ONNXCC_LOOP_BUILD_H
#define ONNXCC_LOOP_BUILD_H
#include "loop.h"

/* Adds a node as it is; its operands are those of the node. Depth and purity are worked out here. */
Expr build_node(Builder *builder, ExprNode node);
Expr build_slot(Builder *builder, Slot slot);
/* Raises a bug that names the code. */
NO_RETURN void build_bug(const Builder *builder, const char *format, ...) PRINTF_LIKE(2, 3);
/* A vector of indices as base + stride * lane; of a scalar the stride is 0. False if it is no such sum. */
typedef struct LaneIndex { Expr base; int64_t stride; } LaneIndex;
bool build_lane_index(Builder *builder, Expr index, LaneIndex *form);
static inline Context *build_context(const Builder *builder) { return builder->program->context; }
#endif
