/* What rewrite rules are written with; see simplify.c. */
#ifndef ONNXCC_PASSES_GRAPH_REWRITE_H
#define ONNXCC_PASSES_GRAPH_REWRITE_H
#include "compiler/ops/ops.h"

typedef struct Rewriter {
  Module *module;
  Arena  *scratch;
  Uses    uses;            /* at the start of the sweep, counts kept up by rewrite_forward; values made since have no entry */
  uint32_t use_limit;      /* length of the uses arrays */
  ValueId *forward;        /* by ValueId (those of the start): replaced by; 0: not replaced */
  GraphId graph;           /* being swept */
  size_t  constant_bytes;  /* of the largest constant that folding makes */
  GraphId *moved;          /* by GraphId: its nodes moved to this one, its values follow at the end; 0: it stands */
  VECTOR(NodeId) order;    /* its new order so far */
  VECTOR(bool) folds;      /* by ValueId from use_limit on: made by a rule, from constants only, so that folding will take it */
} Rewriter;

typedef bool (*RuleFunction)(Rewriter *rewriter, NodeId node); /* true if it rewrote */

/* The node that defines an operand, if it is of operator `op` and in the same graph; else 0. */
NodeId   rewrite_definition(const Rewriter *rewriter, ValueId value, uint32_t op);
bool     rewrite_single_use(const Rewriter *rewriter, ValueId value);
/* Constant, or made in this sweep from constants only: folding will take it. */
bool     rewrite_is_constant(const Rewriter *rewriter, ValueId value);
/* The operand's elements are all this number (splats and single elements). */
bool     rewrite_all_equal(const Rewriter *rewriter, ValueId value, double number);
bool     rewrite_same_dims(const Rewriter *rewriter, ValueId a, ValueId b);
/* Result 0 of `node` becomes `value`; false, nothing done, if the result is an output of its graph. */
bool     rewrite_forward(Rewriter *rewriter, NodeId node, ValueId value);
/* A new node before the current one, with inferred result. */
ValueId  rewrite_emit(Rewriter *rewriter, uint32_t op, uint32_t count, const ValueId *inputs);
ValueId  rewrite_emit_with(Rewriter *rewriter, uint32_t op, uint32_t count, const ValueId *inputs, const Attribute *attributes,
                           uint32_t attribute_count);
/* x under other constant dims. */
ValueId  rewrite_reshape(Rewriter *rewriter, ValueId value, uint32_t rank, const int64_t *dims);
/* The node itself becomes another operator; its results stay. */
void rewrite_become(Rewriter *rewriter, NodeId node, uint32_t op, uint32_t count, const ValueId *inputs, const Attribute *attributes,
                    uint32_t attribute_count);

#define RULE(name, op, exactness, before, after) bool rule_##name(Rewriter *rewriter, NodeId node);
#include "rules.def"
#undef RULE
#endif
