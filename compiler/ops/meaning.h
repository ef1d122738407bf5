/* How an operator's meaning is written, and how a group of nodes becomes one kernel.
 *
 * A meaning touches memory only through meaning_read and meaning_write. They inline the fused producers and consumers of the node's group, so one
 * text serves the plain kernel, every fusion, constant folding and the interpreter. Values have the compute type of their element type
 * (f16, bf16, f8: f32; bool: i1; i4, i2: i8; u4, u2: u8; the rest: itself); reads widen and writes round.
 *
 *   static void softmax_loops(Meaning *m) { ... Expr i = build_for(m->builder, "i", zero, build_dim(m->builder, dim)); ... }
 *
 * Reads must be in bounds: clamp, or guard with build_if and a var (select evaluates both sides). Indices that come from data are clamped, and
 * meaning_fail_if reports them. No meaning may look at the target. */
#ifndef ONNXCC_OPS_MEANING_H
#define ONNXCC_OPS_MEANING_H
#include "compiler/loop/loop.h"
#include "ops.h"

struct Meaning {
  Builder  *builder;
  Module   *module;
  NodeId    node;          /* whose meaning is being built; read attributes with op_int(m->module, meaning_node(m), ...) */
  struct GroupState *state;/* private to meaning.c */
};

/* OpInfo.point: the element of `result` at `index` (its rank many), in the result's compute type.
 * OpInfo.loops: loops that read operands and write every element of every wanted result exactly once (meaning_write). */

Scalar element_compute(Element element);  /* type of values in expressions */
/* type of buffers: f16, bf16 stay; bool: i1 (one byte); f8, f4 and sub-byte integers: u8 or i8, one element a byte */
Scalar element_storage(Element element);
Expr element_widen(Builder *builder, Element element, Expr stored); /* an element as it lies in a buffer, as a value of the compute type */
Expr element_narrow(Builder *builder, Element element, Expr value); /* and back, rounding to nearest even */

const Node *meaning_node(const Meaning *m);
bool     meaning_has(const Meaning *m, uint32_t operand);
uint32_t meaning_input_count(const Meaning *m);
Element  meaning_element(const Meaning *m, uint32_t operand);
Element  meaning_result_element(const Meaning *m, uint32_t result);
uint32_t meaning_rank(const Meaning *m, uint32_t operand);
Dim      meaning_dim(const Meaning *m, uint32_t operand, uint32_t axis);
uint32_t meaning_result_rank(const Meaning *m, uint32_t result);
Dim      meaning_result_dim(const Meaning *m, uint32_t result, uint32_t axis);
bool     meaning_wants(const Meaning *m, uint32_t result);               /* the result is present and used */
Expr     meaning_extent(Meaning *m, uint32_t operand, uint32_t axis);    /* the dim as an index expression */
Expr     meaning_result_extent(Meaning *m, uint32_t result, uint32_t axis);
Scalar   meaning_compute(const Meaning *m, uint32_t operand);
Scalar   meaning_result_compute(const Meaning *m, uint32_t result);
int64_t  meaning_int(const Meaning *m, const char *attribute);
double   meaning_float(const Meaning *m, const char *attribute);
const char *meaning_string(const Meaning *m, const char *attribute);
const int64_t *meaning_ints(const Meaning *m, const char *attribute, uint32_t *count);
uint32_t meaning_axis(const Meaning *m, int64_t axis, uint32_t rank);    /* normalised */
/* Known elements of a small integer operand (as infer_known); NULL: read them at run time. */
const Dim *meaning_known(Meaning *m, uint32_t operand, uint32_t *count);

Expr     meaning_read(Meaning *m, uint32_t operand, const Expr *index);  /* index: as many as the operand's rank */
Expr     meaning_read_index(Meaning *m, uint32_t operand, const Expr *index); /* an integer operand's element as an index */
/* Operand's element where the operand broadcasts (numpy) against an index space of `rank` axes. */
Expr     meaning_read_broadcast(Meaning *m, uint32_t operand, uint32_t rank, const Expr *index);
void     meaning_write(Meaning *m, uint32_t result, const Expr *index, Expr value); /* value in the result's compute type */
/* contents undefined; use build_load and build_store */
Operand  meaning_scratch(Meaning *m, const char *name, Scalar scalar, uint32_t rank, const Dim *dims);
Operand  meaning_local(Meaning *m, const char *name, Scalar scalar, uint32_t count);                   /* small, on the stack */
/* A constant of the kernel: `count` elements as they lie in a buffer, copied. Equal tables are one. */
Operand  meaning_table(Meaning *m, const char *name, Scalar scalar, uint32_t count, const void *elements);
/* Stores a status (one of enum MeaningStatus) if the condition holds; the entry checks it after the call. */
void     meaning_fail_if(Meaning *m, Expr condition, uint32_t status);
/* positive; the generated code returns them negative, named in onnxcc_rt.h */
enum MeaningStatus { STATUS_SHAPE = 4, STATUS_INDEX = 5, STATUS_RANGE = 6 };

/* Nested loops over dims (0 .. dim) with the given names; fills index; end with meaning_end_loops. Extents of constant 1 give the constant 0 and
 * no loop. */
uint32_t meaning_loops(Meaning *m, uint32_t rank, const Dim *dims, Expr *index); /* returns the number of blocks opened */
void     meaning_end_loops(Meaning *m, uint32_t blocks);

/* alpha * sum + beta * C of a Gemm, for an element whose sum of products is known (contraction.c). */
Expr     gemm_finish(Meaning *m, Expr sum, const Expr *index);

/* The same of a ConvInteger or QLinearConv: an element of its input or weights less the zero point, as i32; the result's element for a sum
 * (conv.c). */
Expr     conv_integer_read(Meaning *m, bool is_weight, const Expr *index);
Expr     conv_integer_finish(Meaning *m, Expr sum, Expr channel);

/* And of a MatMul, MatMulInteger or QLinearMatMul: the type of its sums, the operand B is, an element of A or B at its own index (less the zero
 * point), and the result's element for a sum (matmul.c). */
Scalar   matmul_scalar(const Meaning *m);
uint32_t matmul_right(const Meaning *m);
Expr     matmul_read(Meaning *m, bool right, const Expr *index);
Expr     matmul_finish(Meaning *m, Expr sum, const Expr *index);

/* Scalar expression in text over given values (elementwise.c): the language of the meaning column. Attributes come from m's node. */
Expr     meaning_scalar(Meaning *m, const char *text, uint32_t count, const Expr *values);

/* ---- groups ------------------------------------------------------------------------------------------------------- */
/* What becomes one kernel: one anchor with KIND_LOOPS or none, and elementwise and point nodes around it. Values computed inside and used only
 * inside are never stored. */
typedef struct Group {
  uint32_t count;
  const NodeId *nodes;      /* in execution order */
  NodeId   anchor;          /* 0: none; then all stored values have the same dims */
  uint32_t stored_count;
  const ValueId *stored;    /* results to be stored, in execution order */
  bool   (*build_anchor)(void *self, Meaning *m); /* builds the anchor's loops by a schedule; false: none applies. NULL: plain meanings only */
  void    *self;
} Group;

/* A kernel and what each of its operands is bound to. */
typedef enum BindingKind { BIND_VALUE, BIND_SCRATCH, BIND_STATUS, BIND_TABLE } BindingKind;
typedef struct Binding {
  BindingKind kind;
  ValueId value;            /* BIND_VALUE */
  const uint8_t *data;      /* BIND_TABLE: its elements. Scratch and tables: dims and type are the operand's own */
} Binding;
typedef struct GroupKernel {
  Code     code;
  uint32_t binding_count;
  Binding *bindings;        /* by operand; LOCAL operands have one too (BIND_SCRATCH) but are no arguments */
  uint32_t statuses;        /* bit k: the kernel may store status k */
} GroupKernel;

/* Builds the kernel of a group by the plain meanings. A node that can't be built is a bug: check op_is_buildable first. */
GroupKernel group_build(Program *program, Module *module, const Group *group);
bool     op_is_buildable(const Module *module, NodeId node);  /* has a meaning for these element types */
/* A program of one node by its plain meaning: its operands that aren't splats are the inputs, in order and without repetition; its present results
 * the outputs. For constant folding and tests. */
Program *node_program(Module *module, Arena *arena, NodeId node);
#endif
