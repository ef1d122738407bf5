/* Operators: one row each in ops.def. From the row grow the enum, the checker's schema, dispatch, documentation and the coverage report.
 * What an operator means is written once, here, as plain loops over logical indices (meaning.h). */
#ifndef ONNXCC_OPS_OPS_H
#define ONNXCC_OPS_OPS_H
#include "compiler/graph/graph.h"

typedef enum Op {
  OP_UNKNOWN,
#define OP(id, ...) OP_##id,
#include "ops.def"
#undef OP
  OP_COUNT
} Op;

/* How a meaning is written; see meaning.h. */
typedef enum OpKind {
  KIND_ELEMENTWISE, /* a scalar expression in text; operands broadcast; one result */
  KIND_POINT,       /* a function gives the result's element at an index: may be inlined into whoever reads it */
  KIND_LOOPS,       /* a function builds loops that read operands and write results: the anchor of a group */
  KIND_ALIAS,       /* the operand's elements in the same order under other dims: no code, the same memory */
  KIND_CONTROL      /* holds graphs: If, Loop, Scan, x.Group; lowered by codegen/lower.c */
} OpKind;

enum OpFlags {
  OPF_NONE = 0,
  OPF_COMMUTATIVE = 1,   /* operands 0 and 1 may be swapped */
  OPF_RANDOM = 2,        /* not a function of its operands: neither folded nor merged */
  OPF_CHEAP = 4,         /* point: may be recomputed at each read (views, casts, dequantisation) */
  OPF_MOVES = 8,         /* point: moves elements without changing them: the result has operand 0's type, quantisation and range */
  OPF_REDUCES = 16,      /* loops: each operand element is read at most a few times (reductions, softmax): producers may be inlined */
  OPF_POINTWISE = 32     /* point: operand 0 has the result's dims and is read only at the result's index: may stand behind an anchor */
};

typedef struct Infer Infer;
typedef struct Meaning Meaning;

typedef struct OpInfo {
  const char *name, *domain;   /* "" is ai.onnx; "x" are ours */
  int         since;           /* the version implemented: the newest of its domain */
  uint8_t     min_inputs, max_inputs, min_outputs, max_outputs; /* 255: any number */
  OpKind      kind;
  uint32_t    flags;
  const char *types;           /* "T, T > T | T=numeric": type variables or sets of operands > results | sets of the variables.
                                * The last operand or result before > or | repeats for variadic ones when followed by "...". Variables not bound
                                * by an operand are set by infer. */
  /* "axis:int=-1; keepdims:int[0..1]=1; mode:string{linear,nearest}=nearest; perm:ints; to:int!" — ! required; kinds int ints float floats string
   * strings tensor graph */
  const char *attributes;
  const char *meaning;         /* KIND_ELEMENTWISE: scalar expression over x y z w (operands 0..3) and @attribute, see elementwise.c; else NULL */
  void      (*infer)(Infer *infer);      /* shapes, and types the types column leaves open */
  uint32_t  (*point)(Meaning *m, uint32_t result, const uint32_t *index); /* KIND_POINT: PointFunction of meaning.h */
  void      (*loops)(Meaning *m);        /* KIND_LOOPS: LoopsFunction of meaning.h */
} OpInfo;

const OpInfo *op_info(uint32_t op);                             /* OP_UNKNOWN: NULL */
uint32_t      op_find(const char *domain, const char *name);    /* OP_UNKNOWN if none; "ai.onnx" equals "" */
extern const OpNames op_names;

/* Attribute schema, parsed from the row. */
typedef struct AttributeSchema {
  char          name[40];
  AttributeKind kind;
  bool          required, has_default, has_range;
  int64_t       lo, hi;            /* of an int */
  double        number;            /* default float */
  int64_t       integer;           /* default int */
  char          string[24];        /* default string */
  char          choices[160];      /* comma-separated, "" if any */
} AttributeSchema;
uint32_t op_attribute_count(uint32_t op);
AttributeSchema op_attribute_at(uint32_t op, uint32_t index);
bool     op_attribute_find(uint32_t op, const char *name, AttributeSchema *schema);

/* An attribute's value, or the row's default. Asking for one that the row does not have is a bug. */
int64_t     op_int(const Module *module, const Node *node, const char *name);
double      op_float(const Module *module, const Node *node, const char *name);
const char *op_string(const Module *module, const Node *node, const char *name);             /* "" if absent without default */
const int64_t *op_ints(const Module *module, const Node *node, const char *name, uint32_t *count); /* NULL and 0 if absent */
bool        op_has(const Node *node, const char *name);                                         /* written in the model */

/* Element set by its name in a types column: numeric float integer signed unsigned any bool index byte quantised ..., one element's name, or several
 * of these with / between them. */
bool        element_in_set(Element element, const char *set);

/* ---- type and shape rules (infer.c) ------------------------------------------------------------------------------- */
struct Infer {
  Module *module;
  NodeId  node;
  bool    failed;          /* an error was reported: the results stay unknown */
};

/* Infers types, dims and small known contents of one node's results, and its types column. Reports errors with the node's place.
 * Returns false if a result is still unknown because an operand is (an error is reported elsewhere). Graph attributes are the shape pass's
 * business. */
bool     op_infer(Module *module, NodeId node);

uint32_t infer_input_count(const Infer *infer);
uint32_t infer_output_count(const Infer *infer);
bool     infer_has(const Infer *infer, uint32_t operand);                /* present and not omitted */
Element  infer_element(const Infer *infer, uint32_t operand);
uint32_t infer_rank(const Infer *infer, uint32_t operand);               /* 0 for an absent one */
Dim      infer_dim(Infer *infer, uint32_t operand, uint32_t axis);       /* axis out of range: an error, and the constant 1 */
const Dim *infer_dims(const Infer *infer, uint32_t operand);
DimTable *infer_table(Infer *infer);
const Node *infer_node(const Infer *infer);
int64_t  infer_int(Infer *infer, const char *attribute);
const int64_t *infer_ints(Infer *infer, const char *attribute, uint32_t *count);
/* Axis attribute or value made non-negative for `rank`; out of range: an error, and 0. */
uint32_t infer_axis(Infer *infer, int64_t axis, uint32_t rank);
/* Known elements of a small integer operand (constants and shape arithmetic), as expressions; NULL if only the running program knows. */
const Dim *infer_known(Infer *infer, uint32_t operand, uint32_t *count);
bool     infer_known_constants(Infer *infer, uint32_t operand, uint32_t *count, int64_t *values /* room for 64 */); /* all of them plain integers */

void     infer_set_element(Infer *infer, uint32_t result, Element element);
/* checked against the declared dims: a provable contradiction is an error; a declared constant refines a symbol made for run-time sizes */
void     infer_set(Infer *infer, uint32_t result, uint32_t rank, const Dim *dims);
void     infer_set_known(Infer *infer, uint32_t result, const Dim *elements, uint32_t count); /* copied; count must fit the dims */
/* A run-time operand decides result's shape: takes the declared dims as the shape and sets node->run_time_shape, so that the meaning checks the
 * operand at run time.
 * Undeclared or symbolic-without-bound dims: error that names -D / --capacity. lowest rank known must be declared. */
void     infer_set_declared(Infer *infer, uint32_t result);
/* The same where the operator says the rank and some dims: DIM_UNKNOWN where data decide, which takes the declared dim. The others need no
 * declaration, and what is declared of them must agree. */
void     infer_set_partly(Infer *infer, uint32_t result, uint32_t rank, const Dim *dims);
/* numpy broadcasting of two dims; a provable mismatch is an error. */
Dim      infer_broadcast_dim(Infer *infer, Dim a, Dim b);
void     infer_broadcast(Infer *infer, uint32_t count, const uint32_t *operands, uint32_t *rank, Dim *dims /* MAX_RANK */);
/* Two dims that the operator wants equal: if they provably differ, an error that names them. The message is "<what_a> is 3, but <what_b> is 4". */
void     infer_agree(Infer *infer, Dim a, Dim b, const char *what_a, const char *what_b);
/* The operator wants dim to be a multiple of divisor, which is no constant 0: a model error is the caller's business, the check at run time is made.
 */
void     infer_divides(Infer *infer, Dim divisor, Dim dim);
/* The operand, if there is one, must be one number: a scalar, or dims that are all 1. */
void     infer_single(Infer *infer, uint32_t operand, const char *name);
/* An operand that must broadcast to these dims (numpy, in one direction): if it provably can't, an error. An absent one can. */
void     infer_broadcasts_to(Infer *infer, uint32_t operand, uint32_t rank, const Dim *dims);
/* An error about this node; later results stay unknown. */
void     infer_error(Infer *infer, DiagnosticCode code, const char *hint, const char *format, ...) PRINTF_LIKE(4, 5);

/* Replaces a branch of an If that can't have a shape by x.Fail: taken at run time, it returns a status. Its results get their types from infer_if.
 * Captures are to be brought up to date. */
void     control_fail_branch(Module *module, GraphId branch, const char *reason);

/* Multiply-accumulates of one run of a node, where dims are constants and the operator has a cost rule; else 0. */
int64_t  op_macs(const Module *module, NodeId node);

/* How the node quantises `value`, one of its operands or its first result: real = (element - zero_point) * scale. False if it does not, or not by
 * constant single numbers. */
bool     op_quantisation(const Module *module, NodeId node, ValueId value, double *scale, int64_t *zero_point);

/* Default rule: all operands broadcast to all results. Exported for rows that name it. */
void     infer_elementwise(Infer *infer);
void     infer_same(Infer *infer);                                        /* every result has operand 0's shape */
/* Carries small known integers through an element-wise operator whose shapes are set (elementwise_rules.c); op_infer calls it after the rule. */
void     infer_integers(Infer *infer);
#endif
