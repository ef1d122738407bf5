/* The graph passes. Each takes a module and leaves it verified for the stage it states; none prints. */
#ifndef ONNXCC_PASSES_GRAPH_PASSES_H
#define ONNXCC_PASSES_GRAPH_PASSES_H
#include "compiler/graph/graph.h"
#include "compiler/loop/evaluate.h"

/* What folding may spend. */
typedef struct FoldBudget {
  size_t   tensor_bytes;  /* of one folded tensor */
  size_t   total_bytes;   /* of all */
  uint64_t steps;         /* scalar operations of all */
} FoldBudget;
/* Infers every type, dim and small known integer. Small integer chains (at most KNOWN_LIMIT elements) are evaluated on the way, since they decide
 * shapes; evaluator NULL: only what the shape rules know by themselves. Errors leave the stage. */
void graph_shape(Module *module, Arena *scratch, const Evaluator *evaluator, FoldBudget *budget);
/* Refuses the module if, behind graph_shape, a value's element type, rank or dimension is still unknown. */
void graph_require_shapes(Module *module);
/* For graph_shape: fills `known` of a node's small integer result if its operands are known. */
void fold_known_result(Module *module, const Evaluator *evaluator, FoldBudget *budget, NodeId node);

/* Evaluates nodes whose operands are all constants; their results become constants. What goes over the budget simply stays. True if anything
 * changed. */
bool graph_fold(Module *module, const Evaluator *evaluator, FoldBudget *budget);

/* Applies the rules of rules.def, once through all graphs; exact_only leaves out those that round differently. Weights above constant_bytes are
 * not rewritten, since folding would leave them. True if anything changed; types and dims of changed values must be inferred again. */
bool graph_simplify(Module *module, Arena *scratch, bool exact_only, size_t constant_bytes);

/* Merges nodes of one graph that compute the same, and constants that are equal. True if anything changed. */
bool graph_cse(Module *module, Arena *scratch);

/* Erases nodes and constants that no output needs. True if anything changed. */
bool graph_dce(Module *module, Arena *scratch);

/* Forms x.Group nodes: element-wise and view chains around at most one anchor. */
void graph_fuse(Module *module, Arena *scratch);
#endif
