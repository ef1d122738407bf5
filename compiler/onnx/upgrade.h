/* Rewrites of old operator versions: what the rewrites share. upgrade.def says which node goes to which rewrite. */
#ifndef ONNXCC_ONNX_UPGRADE_H
#define ONNXCC_ONNX_UPGRADE_H
#include "compiler/onnx/reader.h"
#include "compiler/ops/ops.h"

/* One node being rewritten. Nothing about it has been checked yet but its names. New nodes may be put anywhere in the order: the graph is
 * sorted afterwards. */
typedef struct Upgrade {
  Reader *reader;
  Module *module;
  NodeId  node;
  int     version; /* row of the operator's history that applies */
} Upgrade;

/* Every rewrite of upgrade.def: void upgrade_NAME(Upgrade *). */
#define OLD(version, rewrite) void upgrade_##rewrite(Upgrade *up);
#define SAME(version)
#define HISTORY(op, ...) __VA_ARGS__
#include "compiler/onnx/upgrade.def"
#undef OLD
#undef SAME
#undef HISTORY

/* Rewrites all nodes to the newest versions; unknown operators and versions are recorded errors. */
void upgrade_module(Reader *reader);
/* Does ai.onnx have, or did it have, an operator of this name? And which one comes nearest? */
bool        upgrade_knows(const char *op_type);
const char *upgrade_suggest(const char *op_type);
/* Operands, results and attributes of all nodes against ops.def; all unsupported operators by name (check.c). */
void check_module(Reader *reader);

/* ---- reading the node ------------------------------------------------------------------------------------------------------ */
Node   *upgrade_node(const Upgrade *up);                                     /* invalid after the next node is made */
ValueId upgrade_input(const Upgrade *up, uint32_t index);                    /* VALUE_NONE if absent */
ValueId upgrade_output(const Upgrade *up, uint32_t index);                   /* VALUE_NONE if absent */
int64_t upgrade_int(const Upgrade *up, const char *name, int64_t fallback);  /* an attribute, also one written as a float */
double  upgrade_float(const Upgrade *up, const char *name, double fallback);
const Attribute *upgrade_ints(const Upgrade *up, const char *name);          /* NULL if absent or no list of integers */
bool    upgrade_string_is(const Upgrade *up, const char *name, const char *text); /* the attribute is there and has this value */
/* Rank of a value where it is certain without shape inference; -1 otherwise. */
int     upgrade_rank(const Upgrade *up, ValueId value);
/* The old form can't be said with newest operators, or is malformed: a recorded error. */
void    upgrade_refuse(const Upgrade *up, const char *hint, const char *what);

/* ---- changing it ----------------------------------------------------------------------------------------------------------- */
void    upgrade_rename(Upgrade *up, const char *op_type);
void    upgrade_remove(Upgrade *up, const char *attribute);
void    upgrade_set_input(Upgrade *up, uint32_t index, ValueId value);       /* extends the operands with omitted ones */
/* An attribute with a list of integers becomes operand `index`; false if there is no such attribute. */
bool    upgrade_ints_to_input(Upgrade *up, const char *name, uint32_t index);
/* A new node before this one, with the same origin and one fresh result. */
NodeId  upgrade_emit(Upgrade *up, const char *op_type, uint32_t input_count, const ValueId *inputs);
ValueId upgrade_result(const Upgrade *up, NodeId node);
/* upgrade_emit for one and for two operands, giving the result. */
ValueId upgrade_unary(Upgrade *up, const char *op_type, ValueId operand);
ValueId upgrade_binary(Upgrade *up, const char *op_type, ValueId left, ValueId right);
/* Result `index` of this node becomes the result of a new node `op_type`(operands); this node gets a fresh result there, which is returned. */
ValueId upgrade_divert(Upgrade *up, uint32_t index);
NodeId  upgrade_emit_into(Upgrade *up, const char *op_type, uint32_t input_count, const ValueId *inputs, ValueId result);
void    upgrade_erase(Upgrade *up);

/* ---- constants ------------------------------------------------------------------------------------------------------------- */
ValueId upgrade_vector(Upgrade *up, uint32_t count, const int64_t *values);  /* i64[count] */
ValueId upgrade_scalar(Upgrade *up, int64_t value);                          /* i64[] */
ValueId upgrade_number(Upgrade *up, double value, ValueId like);             /* a scalar of the element type of `like` */
ValueId upgrade_floats(Upgrade *up, uint32_t count, const double *values);   /* f32[count] */
/* `value` with ones appended to its shape, so that its first axis meets axis `axis` of `target` when they broadcast. */
ValueId upgrade_align(Upgrade *up, ValueId value, ValueId target, int64_t axis);
#endif
