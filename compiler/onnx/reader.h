/* What the files of this folder share while one model is being read. */
#ifndef ONNXCC_ONNX_READER_H
#define ONNXCC_ONNX_READER_H
#include "compiler/base/names.h"
#include "compiler/onnx/onnx_read.h"
#include "onnx.pb-c.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements of files are used where they lie, as little-endian values");

/* A file in memory. */
typedef struct OnnxMap {
  const char     *name;     /* its path */
  const char     *location; /* of external data: as the model spells it; else NULL */
  Bytes           bytes;
  bool            mapped;   /* to be unmapped; else it was small and lies in the arena */
  struct OnnxMap *next;
} OnnxMap;

typedef struct Opset { const char *domain; int64_t version; } Opset; /* domain "" is ai.onnx */
typedef struct Opsets { Opset *data; uint32_t count; } Opsets;

typedef struct Scope Scope;

/* What a reference to an attribute stands for in a function body. */
typedef struct Binding {
  const char *name;                      /* of the function's attribute */
  const Onnx__AttributeProto *attribute; /* never a reference itself */
  const Scope *scope;                    /* where its subgraphs look up names: the caller; NULL for a default: the body */
} Binding;

/* One expansion of a function; the chain of callers shows recursion. */
typedef struct Call {
  const Onnx__FunctionProto *function;
  const struct Call *caller;
  Binding  *bindings;
  uint32_t  binding_count;
} Call;

/* A step on the way to a place in the file, for messages; they live on the stack while something is being read. */
typedef struct Step {
  const struct Step *outer; /* NULL: the first */
  const char *field;        /* of the message; of the first step: the whole way to where it stands */
  int64_t     index;        /* in a repeated field; -1: none */
  const char *name;         /* of the item, "" or NULL if none */
  const char *op_type;      /* of a node; else NULL */
} Step;

/* One level of names: a graph, or one call of a function. */
struct Scope {
  uint32_t      id;       /* key of Reader.names */
  const Scope  *parent;   /* enclosing scope; NULL for the main graph and for function bodies */
  GraphId       graph;    /* where its nodes go: a function body goes into the caller's graph */
  const char   *path;     /* as Origin.path; in the module's arena */
  Step          step;     /* first step of places in this scope */
  const char   *prefix;   /* before names of values and nodes of a function body; "" elsewhere */
  const Opsets *opsets;   /* versions that hold here before the model's */
  const Call   *call;     /* function being expanded; NULL outside */
  uint32_t      depth;    /* graphs and calls around it */
};
#define VALUE_OMITTED UINT32_MAX /* in Reader.names: a parameter that the call leaves out */

typedef struct Reader {
  Context               *context;
  Module                *module;
  Arena                 *arena;    /* the module's */
  Arena                 *scratch;  /* ends with the read */
  OnnxFile              *file;
  const OnnxReadOptions *options;
  const char            *path;     /* of the model, for messages and for its folder */
  Bytes                  input;    /* the model file */
  size_t                 budget;   /* heap bytes that may still be derived from it */
  const Onnx__ModelProto *model;
  Opsets                 opsets;   /* of the model */
  NameTable                names;     /* (scope, name) -> ValueId */
  NameTable                functions; /* "domain\1name\1overload" -> index + 1 */
  Opsets                *function_opsets; /* by function */
  uint32_t               scopes;   /* ids given out */
  VECTOR(int64_t)        versions; /* by NodeId: of the operator set the node was written for; 0: made here, -1: domain not imported */
} Reader;

/* Raises CODE_MODEL_BUDGET if `bytes` more would exceed the budget. */
void reader_charge(Reader *reader, uint64_t bytes, const Step *step);

/* ---- place.c -------------------------------------------------------------------------------------------------------------- */
Place       step_place(Reader *reader, const Step *step);
const char *step_path(Reader *reader, const Step *step);      /* in the module's arena */
const char *quoted(Reader *reader, const char *name);         /* in scratch memory */

/* ---- file.c, external.c ------------------------------------------------------------------------------------------------- */
/* Opens the arenas of *file if they are not yet. */
void  file_prepare(Context *context, OnnxFile *file);
enum { SLOT_FILE, SLOT_FOLDER };
/* Keeps an open descriptor where onnx_close finds it, closing what was there; -1: only closes. */
void  file_keep(OnnxFile *file, int slot, int descriptor);
/* Maps (or reads, if small) the file kept in SLOT_FILE and closes it; regular files of at most `limit` bytes only. */
Bytes file_load(Context *context, OnnxFile *file, const char *name, uint64_t limit);
Bytes file_open(Context *context, OnnxFile *file, const char *path, uint64_t limit);
/* The bytes of one external tensor: `size` of them. False after a recorded error. *source is for Value.source. */
bool  external_read(Reader *reader, const Onnx__TensorProto *tensor, const Step *step, size_t size, Bytes *bytes, const char **source);
/* Opens `location` beneath the directory `folder` component by component, following no symbolic link: what openat2 does, for kernels
 * without it. A descriptor, or -1 with errno. */
int   external_walk(int folder, const char *location);

/* ---- tensor.c, sparse.c ------------------------------------------------------------------------------------------------- */
typedef struct TensorData {
  Element      element;
  uint32_t     rank;
  int64_t      dims[MAX_RANK];
  int64_t      count;
  ContentKind  content;  /* DATA or SPLAT */
  Bytes        data;
  uint64_t     splat;
  const Bytes *strings;
  const char  *source;
} TensorData;

/* False after a recorded error; `step` says where the tensor stands. */
bool tensor_read(Reader *reader, const Onnx__TensorProto *tensor, const Step *step, TensorData *out);
bool sparse_read(Reader *reader, const Onnx__SparseTensorProto *sparse, const Step *step, TensorData *out);
/* Checks rank and dims and fills them and the count in. */
bool tensor_dims(Reader *reader, size_t rank, const int64_t *dims, const Step *step, TensorData *out);
/* Turns equal elements into a splat, if there are many. */
void tensor_compress(const Reader *reader, TensorData *tensor);
ValueId tensor_constant(Reader *reader, GraphId graph, const char *name, const TensorData *tensor);

/* ---- convert.c ------------------------------------------------------------------------------------------------------------ */
/* A scope with a fresh id; too deep ones are refused. */
Scope  *scope_open(Reader *reader, Scope content);
ValueId scope_find(const Reader *reader, const Scope *scope, const char *name);  /* VALUE_NONE, or VALUE_OMITTED */
void    scope_bind(Reader *reader, const Scope *scope, const char *name, ValueId value, const Step *step);
/* The value that a node of the scope is going to define under this name. */
void    scope_expect(Reader *reader, const Scope *scope, const char *name, ValueId value);
void    convert_graph(Reader *reader, const Onnx__GraphProto *graph, const Scope *scope);
/* Declares the results of nodes, then makes the nodes. */
void    convert_nodes(Reader *reader, size_t count, Onnx__NodeProto *const *nodes, const Scope *scope);
/* `to` becomes a copy of `from`; both exist. */
void    make_identity(Reader *reader, const Scope *scope, ValueId from, ValueId to);
/* "" for ai.onnx. */
const char *domain_or_standard(const char *domain);

/* ---- types.c, attributes.c, functions.c ----------------------------------------------------------------------------------- */
/* Type of a value: of an input of the main graph its free dimensions become symbols, of others it is a declaration. */
void    type_apply(Reader *reader, ValueId value, const Onnx__TypeProto *type, bool is_input, const Step *step);

/* Attributes of a node into the module; Constant nodes do not come here. */
void    convert_attributes(Reader *reader, NodeId node, const Onnx__NodeProto *proto, const Scope *scope, const Step *step);
/* What an attribute is in this scope, references followed; NULL if the call gives none. *where: the scope of its subgraphs. */
const Onnx__AttributeProto *attribute_resolve(const Onnx__AttributeProto *attribute, const Scope *scope, const Scope **where);
/* The value of a Constant node; false after a recorded error. */
bool    constant_read(Reader *reader, const Onnx__NodeProto *proto, const Scope *scope, const Step *step, TensorData *out);

void    functions_prepare(Reader *reader);
/* Index + 1 of the function a node calls; 0: none. */
uint32_t function_find(const Reader *reader, const Onnx__NodeProto *node);
void    function_expand(Reader *reader, uint32_t function, const Onnx__NodeProto *node, const Scope *scope, const Step *step);
Opsets  opsets_read(Reader *reader, size_t count, Onnx__OperatorSetIdProto *const *imports, const Step *step);
#endif
