/* What `onnxcc inspect` says of a model, as tables for people or as JSON for programs. Only structure is looked at: no byte of a weight. */
#ifndef ONNXCC_CODEGEN_REPORT_INSPECT_H
#define ONNXCC_CODEGEN_REPORT_INSPECT_H
#include "compiler/graph/graph.h"
#include "compiler/loop/loop.h"

/* A node that can't be compiled, and why. */
typedef struct UnsupportedNode { NodeId node; const char *reason; } UnsupportedNode;

/* All nodes of one operator. */
typedef struct OperatorCount {
  const char *domain, *name;
  uint32_t    count, unsupported; /* nodes; those of them that can't be compiled */
  int64_t     macs, parameters;   /* of one run; elements of constant operands, each constant counted at its first user */
} OperatorCount;

typedef struct NodeCost { NodeId node; int64_t macs, parameters; } NodeCost;

typedef struct Inspection {
  const Module *module;           /* as it was read: before any pass but shape inference */
  const char   *path;
  uint64_t      file_bytes;       /* of all files read */
  bool          is_shaped;        /* shape inference found no error */
  VECTOR(OperatorCount)   operators; /* by first use */
  VECTOR(UnsupportedNode) unsupported;
  VECTOR(NodeCost)        nodes;  /* in execution order, subgraphs behind their owner */
  int64_t       macs, parameters, parameter_bytes, constants;
  bool          has_symbols;      /* costs of nodes with free dimensions are missing from macs */
  int64_t       live_bytes;       /* largest set of values that live at once in the order of the file; -1: some size is not known */
  const Program *program;         /* placed, for its memory; NULL: not compiled */
} Inspection;

/* Counts everything but `program`, which the caller may add. */
Inspection inspection_make(const Module *module, Arena *arena, bool is_shaped);
void       inspection_table(const Inspection *inspection, bool with_nodes, Text *text);
void       inspection_json(const Inspection *inspection, Text *text);
#endif
