/* The graph IR: ONNX operators on typed, shaped values. One module is one model; it owns every value, node and graph by 32-bit index.
 *
 * Invariants (graph_verify): each value has one definition (graph input, constant or node output); a node's operands are defined before it in
 * its graph, or in an enclosing graph (then they stand in the owner node's captures too); operators are of the newest opset. */
#ifndef ONNXCC_GRAPH_GRAPH_H
#define ONNXCC_GRAPH_GRAPH_H
#include "compiler/base/context.h"
#include "compiler/base/dim.h"
#include "compiler/base/element.h"
#include "compiler/base/names.h"

typedef uint32_t ValueId; /* 0 = VALUE_NONE: an omitted optional operand or result */
typedef uint32_t NodeId;  /* 0 = none */
typedef uint32_t GraphId; /* 0 = none; 1 is the main graph */
#define VALUE_NONE 0u
#define MAX_RANK 16u      /* a tensor of higher rank is refused by the reader, by name */

typedef struct Bytes { const uint8_t *data; size_t size; } Bytes;

/* What is known of a value's elements before the program runs. */
typedef enum ContentKind {
  CONTENT_RUN,    /* nothing */
  CONTENT_DATA,   /* all of it: little-endian elements as in raw_data (sub-byte types packed, first element in the low bits) */
  CONTENT_SPLAT   /* one element repeated: never written out, never in the workspace */
} ContentKind;

typedef enum TypeKind { TYPE_TENSOR, TYPE_SEQUENCE, TYPE_OPTIONAL, TYPE_MAP, TYPE_SPARSE } TypeKind;

typedef struct Value {
  const char *name;        /* the model's (any bytes but NUL); unique in its graph; never NULL, may be "" for values that passes make */
  TypeKind    type;        /* TYPE_TENSOR but for later operators; element/rank/dims describe the element tensor of a sequence or optional */
  Element     element;     /* ELEMENT_NONE until inferred */
  bool        ranked;      /* rank and dims are known */
  uint32_t    rank;
  Dim         dims[MAX_RANK]; /* outermost first; DIM_UNKNOWN where not known yet (never after the shape pass) */
  /* as declared by value_info or the graph's outputs: the bound where a run-time input decides the shape */
  bool        declared_ranked;
  uint32_t    declared_rank;
  Dim         declared[MAX_RANK]; /* DIM_UNKNOWN: not declared */
  ContentKind content;
  Bytes       data;        /* CONTENT_DATA: span of the mapped file or of the module's arena; strings: not stored here (see strings) */
  uint64_t    splat;       /* CONTENT_SPLAT: the element's bits, zero-extended */
  const Bytes *strings;    /* CONTENT_DATA of ELEMENT_STRING: one span an element */
  const char *source;      /* for text and messages: where data came from, e.g. `weights.bin@4096`; NULL: the model file or computed */
  Dim        *known;       /* small integer tensors (at most KNOWN_LIMIT elements): each element as an expression; NULL if not known */
  uint32_t    known_count;
  GraphId     graph;       /* where it is defined */
  NodeId      definition;  /* defining node; 0: graph input or constant */
  uint32_t    result;      /* which result of the definition */
} Value;
#define KNOWN_LIMIT 4096u

typedef enum AttributeKind {
  ATTRIBUTE_FLOAT = 1, ATTRIBUTE_INT = 2, ATTRIBUTE_STRING = 3, ATTRIBUTE_TENSOR = 4, ATTRIBUTE_GRAPH = 5,
  ATTRIBUTE_FLOATS = 6, ATTRIBUTE_INTS = 7, ATTRIBUTE_STRINGS = 8
} AttributeKind; /* numbered as AttributeProto.AttributeType */

typedef struct Attribute {
  const char   *name;
  AttributeKind kind;
  int64_t       integer;
  double        number;    /* a float attribute, exactly */
  Bytes         string;
  ValueId       tensor;    /* a constant value without a graph */
  GraphId       graph;
  uint32_t      count;     /* of ints, floats, strings */
  int64_t      *ints;
  double       *floats;
  Bytes        *strings;
} Attribute;

/* Where a node came from, for messages, profile and traceability. */
typedef struct Origin {
  int32_t     index;       /* position in the file's node list of its graph; -1: made by a pass */
  const char *name;        /* the node's name in the model, "" if none */
  const char *path;        /* `graph`, `graph.node[3].then_branch`, `function Foo ...`; never NULL */
} Origin;

/* Two dims that a node wants equal, though only the running program knows whether they are. */
typedef struct Agreement { Dim a, b; bool or_one; /* either may also be 1: they broadcast */ } Agreement;

typedef struct Node {
  uint32_t   op;           /* enum Op of ops.def; OP_UNKNOWN (0) keeps domain and op_type as text until the checker names it */
  const char *domain, *op_type; /* as in the file, for messages */
  Origin     origin;
  GraphId    graph;        /* where it stands */
  ValueId   *inputs;  uint32_t input_count;
  ValueId   *outputs; uint32_t output_count;
  ValueId   *captures; uint32_t capture_count; /* outer values that the node's subgraphs use, without those in inputs; ascending */
  Attribute *attributes; uint32_t attribute_count, attribute_capacity; /* sorted by name; defaults are not stored: read them through ops.h */
  /* set by the shape pass: the result's dims come from the declared shape, so the meaning must check the operands at run time */
  bool       run_time_shape;
  VECTOR(Agreement) agreements; /* likewise: checked by the program before the node is run */
  bool       dead;           /* erased; not in any order list */
} Node;

typedef struct Graph {
  const char *name;
  GraphId     parent;      /* enclosing graph; 0 for the main graph */
  NodeId      owner;       /* node whose attribute this is; 0 for the main graph and other entries (root graphs) */
  VECTOR(ValueId) inputs;
  VECTOR(ValueId) outputs;
  /* a root graph's interface names once a pass put another value in their place; empty: the values' own (graph_output_name) */
  VECTOR(const char *) output_names;
  VECTOR(NodeId)  order;   /* nodes in execution order */
} Graph;

typedef struct Metadata { const char *key, *value; } Metadata;

typedef struct Module {
  Context *context;
  Arena   *arena;
  DimTable dims;           /* shared with the loop program that is lowered from it */
  VECTOR(Value) values;    /* [0] unused */
  VECTOR(Node)  nodes;     /* [0] unused */
  VECTOR(Graph) graphs;    /* [0] unused, [1] main */
  const char *producer, *producer_version, *domain, *description;
  int64_t     ir_version, opset;   /* opset of ai.onnx the file asked for */
  VECTOR(Metadata) metadata;
  uint64_t    hash;        /* of the model file, without external data */
  VECTOR(const char *) files_read; /* for the depfile: the model and its external data, as given */
  NameTable *names;                /* names that values were made with, for module_fresh_name */
} Module;

/* ---- build (graph_build.c) ---------------------------------------------------------------------------------------- */
Module *module_open(Context *context, Arena *arena);  /* with an empty main graph */
ValueId module_value(Module *module, GraphId graph, const char *name, Element element); /* unranked */
void    value_set_dims(Module *module, ValueId value, uint32_t rank, const Dim *dims);
/* A constant with its data (not copied). */
ValueId module_constant(Module *module, GraphId graph, const char *name, Element element, uint32_t rank, const int64_t *dims, Bytes data);
ValueId module_splat(Module *module, GraphId graph, const char *name, Element element, uint32_t rank, const int64_t *dims, uint64_t bits);
ValueId module_constant_ints(Module *module, GraphId graph, const char *name, uint32_t count, const int64_t *ints); /* i64[count], copied */
/* Not yet in any order list. Result values must exist; their definition is set here. */
NodeId  module_node(Module *module, GraphId graph, uint32_t op, uint32_t input_count, const ValueId *inputs, uint32_t output_count,
                    const ValueId *outputs);
GraphId module_graph(Module *module, const char *name, GraphId parent, NodeId owner);
void    graph_append(Module *module, GraphId graph, NodeId node);       /* at the end of the order */
void    node_set_attribute(Module *module, NodeId node, Attribute attribute);  /* adds or replaces, keeps the order */
void    node_set_int(Module *module, NodeId node, const char *name, int64_t value);
void    node_set_ints(Module *module, NodeId node, const char *name, uint32_t count, const int64_t *values);
void    node_set_float(Module *module, NodeId node, const char *name, double value);
void    node_set_string(Module *module, NodeId node, const char *name, const char *value);
void    node_remove_attribute(Module *module, NodeId node, const char *name);
/* `base`, or base plus a suffix that no value was made with; the name is taken from then on. */
const char *module_fresh_name(Module *module, const char *base);

/* Interface name of an output of a root graph. */
const char *graph_output_name(const Module *module, GraphId graph, uint32_t index);

static inline Value *value_at(const Module *module, ValueId id) { return &module->values.data[id]; } /* invalid after the next module_value */
static inline Node  *node_at(const Module *module, NodeId id) { return &module->nodes.data[id]; }
static inline Graph *graph_at(const Module *module, GraphId id) { return &module->graphs.data[id]; }
const Attribute *node_attribute(const Node *node, const char *name);    /* as written in the file; NULL if absent */
bool     value_is_constant(const Value *value);                         /* DATA or SPLAT */
/* Number of elements as an expression; DIM_UNKNOWN if not ranked or a dim is unknown. */
Dim      value_elements(Module *module, ValueId value);
bool     value_static_elements(const Module *module, ValueId value, int64_t *count); /* false if symbolic or unknown */
/* Element `index` of a constant (any numeric type). */
double   value_constant_f64(const Module *module, ValueId value, int64_t index);
int64_t  value_constant_i64(const Module *module, ValueId value, int64_t index);
uint64_t value_constant_bits(const Module *module, ValueId value, int64_t index);
/* Fills `known` of an integer or bool constant with at most KNOWN_LIMIT elements; false if it can't. */
bool     value_know(Module *module, ValueId value);

/* ---- rewrite (graph_edit.c) --------------------------------------------------------------------------------------- */
/* All uses of each value, by ValueId; a snapshot. */
typedef struct Uses {
  uint32_t *count;   /* operand uses in any graph plus graph-output uses; captures are not counted again */
  NodeId   *only;    /* the using node if exactly one node uses it, else 0 */
  bool     *is_output; /* stands in the outputs of some graph */
} Uses;
Uses     module_uses(Module *module, Arena *scratch);
/* Everywhere, graph outputs too (a root graph keeps its outputs' names). Captures are brought up to date. O(module). */
void     module_replace_uses(Module *module, ValueId old_value, ValueId new_value);
/* The same for many at once, in one sweep: map[id] is the replacement of value id or 0; chains are followed to their end. One entry a value. */
void     module_replace_many(Module *module, const ValueId *map);
void     node_erase(Module *module, NodeId node);     /* marks it and all in its subgraphs dead; graph_compact drops them from the orders */
void     value_erase(Module *module, ValueId value);  /* an unused constant: it leaves its graph */
void     graph_compact(Module *module);               /* drops dead nodes from all orders */
/* Topological order, O(N+E); a sorted graph stays as it is. False on a cycle (reported with the cycle printed). Needs captures. */
bool     graph_sort(Module *module, GraphId graph);
void     module_recapture(Module *module);            /* recomputes every node's captures; needs no order */

/* ---- text (graph_print.c, graph_parse.c), verifier (graph_verify.c) ------------------------------------------------ */
/* See compiler/ir.md. Operator names come through this table so that graph/ needs no operator knowledge. */
typedef struct OpNames {
  const char *(*name)(uint32_t op);
  const char *(*domain)(uint32_t op);
  uint32_t (*find)(const char *domain, const char *name); /* 0 if unknown */
} OpNames;
void    module_print(const Module *module, const OpNames *names, Text *text);
/* A syntax error leaves the stage. `names` NULL: operators stay text. */
Module *module_parse(Context *context, Arena *arena, const OpNames *names, const char *file, const char *data, size_t length);
typedef enum GraphStage { GRAPH_READ, GRAPH_SHAPED, GRAPH_GROUPED } GraphStage; /* structure only; all types and dims too; x.Group allowed too */
void    module_verify(const Module *module, const OpNames *names, GraphStage stage); /* a violation is a bug() */

/* `f32[N, 49, 10]`, `seq(f32[?])`, `i64` if unranked. */
void    value_print_type(const Module *module, ValueId value, Text *text);
/* `graph.node[3] "conv1" (Conv)` and the node's line with shapes, for diagnostics. */
Place   node_place(const Module *module, NodeId node, const OpNames *names);
#endif
