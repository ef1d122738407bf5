/* The loop IR: loops, loads, stores and arithmetic on scalars and vectors. After lowering no ONNX operator exists.
 *
 * A program is buffers, kernels, functions and entries. All code (kernel, function, entry) is one struct, Code: statements in linked lists,
 * values as expression trees hanging from statements, both by 32-bit index.
 *
 * An expression is evaluated where its statement stands, so loads see the stores before it. Sharing is explicit, through `let`; the builder makes
 * lets by itself for a subexpression used twice in one statement.
 *
 * Vectors have 2 to LOOP_MAX_LANES lanes, a power of two, of any scalar type; i1 vectors are masks. A load or store of several lanes whose indices
 * are scalars runs along the last dimension from there; with a vector among its indices every lane has its own place. If it has a number of active
 * lanes, the lanes from that on load as zero and store nothing, and their places need not exist.
 *
 * The program's text is law: no backend may contract, reorder or reassociate. */
#ifndef ONNXCC_LOOP_LOOP_H
#define ONNXCC_LOOP_LOOP_H
#include "compiler/base/context.h"
#include "compiler/base/dim.h"
#include "compiler/base/element.h"

/* SCALAR(name, text, bytes an element in a buffer). INDEX: loop variables, subscripts, dimensions (64-bit signed in the interpreter; 32 where a
 * target says so). */
#define SCALARS(SCALAR) \
  SCALAR(I1, "i1", 1) SCALAR(I8, "i8", 1) SCALAR(I16, "i16", 2) SCALAR(I32, "i32", 4) SCALAR(I64, "i64", 8) \
  SCALAR(U8, "u8", 1) SCALAR(U16, "u16", 2) SCALAR(U32, "u32", 4) SCALAR(U64, "u64", 8) \
  SCALAR(F16, "f16", 2) SCALAR(BF16, "bf16", 2) SCALAR(F32, "f32", 4) SCALAR(F64, "f64", 8) SCALAR(INDEX, "index", 8)
typedef enum Scalar {
#define SCALAR(name, text, bytes) SCALAR_##name,
  SCALARS(SCALAR)
#undef SCALAR
  SCALAR_COUNT
} Scalar; /* f16 and bf16 are storage: only cast, bitcast, load, store, select and copies touch them */

typedef enum LoopOp {
  LOOP_OP_NONE,
#define LOOP_OP(name, text, operands, result, meaning) LOOP_##name,
#include "loop_ops.def"
#undef LOOP_OP
  LOOP_OP_COUNT
} LoopOp;

#define LOOP_MAX_RANK 16u
#define LOOP_MAX_LANES 64u   /* of a vector */
#define LOOP_MAX_DEPTH 512u  /* levels of an expression: what walks trees may recurse */
#define LOOP_MAX_BLOCKS 64u  /* nested blocks of a code */

typedef uint32_t Expr;     /* index into Code.exprs; 0 = none */
typedef uint32_t Stmt;     /* index into Code.stmts; 0 = none, end of a list */
typedef uint32_t Slot;     /* index into Code.slots */
typedef uint32_t Operand;  /* kernels: index into Code.operands. Entries: index into Program.buffers */

typedef struct ExprNode {
  uint8_t  op;             /* LoopOp */
  uint8_t  scalar;         /* Scalar: the result type */
  uint16_t lanes;          /* 1: a scalar */
  uint32_t operand[3];     /* operands, or as loop_ops.def says */
  union { int64_t integer; double number; }; /* CONSTANT of integer, index and i1 types; of float types. DIM: the Dim */
} ExprNode;

typedef enum StmtKind {
  STMT_NONE,
  STMT_FOR,      /* slot in a .. b step c (c a positive constant): body */
  STMT_WHILE,    /* while a: body. Kernels only for data-dependent searches; must end for any data */
  STMT_IF,       /* if a: body, else otherwise */
  STMT_LET,      /* slot = a, once */
  STMT_VAR,      /* slot = a; may be SET later */
  STMT_SET,      /* slot = a */
  STMT_STORE,    /* target[list] = a; the list as that of a load */
  STMT_RETURN,   /* functions: the result a; last statement */
  STMT_CALL,     /* entries: kernel `target` on the arguments call_arguments[list .. +list_count] */
  STMT_COPY,     /* entries: buffer `list` element by element into buffer `target` (equal sizes) */
  STMT_ASSIGN,   /* entries: run-time symbol `target` = a; outside its range: fail */
  STMT_FAIL      /* entries: return status `target` (a positive code, printed negative) */
} StmtKind;

/* PARALLEL: iterations write disjoint elements. ACCUMULATES: of lowered loops, see passes/loop/partials.c. */
typedef enum LoopKind { LOOP_SERIAL, LOOP_PARALLEL, LOOP_UNROLL, LOOP_ACCUMULATES } LoopKind;

typedef struct StmtNode {
  uint8_t  kind;           /* StmtKind */
  uint8_t  loop_kind;      /* STMT_FOR: LoopKind */
  Stmt     next;           /* in the same list */
  Slot     slot;
  Expr     a, b, c;
  uint32_t target;
  uint32_t list, list_count; /* indices: range of Code.lists */
  Stmt     body, otherwise;
} StmtNode;

/* name: a whole word, made unique by the printer if it is not */
typedef struct SlotInfo { const char *name; Scalar scalar; uint16_t lanes; bool is_variable; } SlotInfo;

typedef enum Access { ACCESS_IN, ACCESS_OUT, ACCESS_INOUT, ACCESS_SCRATCH, ACCESS_LOCAL } Access;
/* SCRATCH: contents undefined at the start and worthless at the end; passed by the entry. LOCAL: on the stack, constant size, not an argument */

typedef struct OperandInfo {
  const char *name;
  Scalar   scalar;
  uint32_t rank;
  Dim      dims[16];       /* outermost first */
  bool     strided;        /* strides are given, else row-major */
  Dim      strides[16];    /* in elements */
  Access   access;
  uint32_t same_index;     /* OUT: 1 + operand that may share this one's memory, because every element is read before the same index is written; 0 */
  uint32_t align;          /* bytes the start is known to be aligned to; 0: element alignment */
} OperandInfo;

typedef struct CallArgument { uint32_t buffer; Expr offset; } CallArgument; /* offset in elements, an index; 0 = none */

typedef enum CodeKind { CODE_KERNEL, CODE_FUNCTION, CODE_ENTRY } CodeKind;

typedef struct Code {
  CodeKind kind;
  const char *name;        /* kernels: a word of our own and a number; functions: `exp_f32`, at 16 lanes `exp_f32x16` */
  VECTOR(const char *) notes; /* raw text for the comment above the code: node, shapes, layout. May hold model strings: sinks quote */
  VECTOR(OperandInfo) operands; /* kernels */
  VECTOR(SlotInfo) slots;  /* [0] unused; functions: the first parameter_count slots after it are the parameters */
  uint32_t parameter_count;
  Scalar   result;         /* functions */
  uint16_t lanes;          /* functions: of every parameter and of the result; 1: scalars */
  bool     defined;        /* functions: has a body; else named only */
  const char *symbol;      /* functions without a body: the C function outside the program that they stand for, `expf`; NULL: none */
  uint32_t variant;        /* index into Program.variants: which machine it is for; 0 where there are none */
  VECTOR(ExprNode) exprs;  /* [0] unused */
  VECTOR(StmtNode) stmts;  /* [0] unused */
  VECTOR(uint32_t) lists;  /* index and argument lists (Expr) */
  VECTOR(CallArgument) call_arguments; /* entries */
  Stmt     body;           /* first statement */
} Code;

typedef enum Storage { STORAGE_INPUT, STORAGE_OUTPUT, STORAGE_WEIGHT, STORAGE_STATE, STORAGE_WORKSPACE } Storage;

typedef struct Buffer {
  const char *name;
  Scalar   scalar;
  uint32_t rank;
  Dim      dims[16];
  Storage  storage;
  uint32_t index;          /* INPUT, OUTPUT: which one */
  const uint8_t *data;     /* WEIGHT: little-endian elements in buffer form (not packed below a byte) */
  uint64_t splat;          /* WEIGHT with data NULL: every element has these bits */
  uint64_t blob_hash;      /* WEIGHT read back from text without its data (zeroes stand for it): hash of the true data; 0: data is true */
  uint32_t align;          /* bytes; default 64 */
  Dim      offset;         /* WORKSPACE and STATE after place: byte offset; DIM_UNKNOWN before */
  Dim      weight_offset;  /* WEIGHT: byte offset in the blob; set by place */
} Buffer;

/* What header and info table print; data only. */
typedef struct InfoTensor {
  const char *name;        /* the model's */
  Element  element;
  uint32_t rank;
  Dim      dims[16];
  uint32_t buffer;
  bool     quantized; double scale; int64_t zero_point; /* if the only reader dequantizes, or the writer quantizes, per tensor */
} InfoTensor;
typedef struct InfoNode { const char *name, *op_type, *path; int32_t index; int64_t macs; } InfoNode;
typedef struct ProgramInfo {
  const char *producer, *model_name, *description; int64_t ir_version, opset;
  uint64_t model_hash;
  VECTOR(InfoTensor) inputs; VECTOR(InfoTensor) outputs;
  VECTOR(InfoNode) nodes;  /* in execution order; a STMT_CALL names its node: slot = 1 + index here */
} ProgramInfo;

typedef struct Program {
  Context *context;
  Arena   *arena;
  DimTable *dims;          /* the module's */
  VECTOR(Buffer) buffers;
  VECTOR(Code)   kernels;
  VECTOR(Code)   functions;
  VECTOR(Code)   entries;  /* [0] is run; [v] is run of variant v */
  VECTOR(const char *) variants; /* labels of the members of a dispatch group (program_join); none: one machine, or any */
  ProgramInfo info;
  Dim      workspace_bytes, state_bytes; /* after place */
  Dim      workspace_lower_bound;        /* largest live set, after place */
  int64_t  weights_bytes;                /* after place */
  int64_t  fast_bytes;                   /* after place: so much of the workspace's start lies in a faster memory, and no buffer crosses its end */
  VECTOR(uint64_t) kernel_hashes; /* by kernel, as it was added: of its text without name and notes */
  VECTOR(uint64_t) buffer_hashes; /* by buffer: of its name */
  bool     legal;          /* legalised for a target: no MULADD, no f16 arithmetic casts unless the target has them, ... */
} Program;

const char *scalar_name(Scalar scalar);
bool        scalar_from_name(const char *name, Scalar *scalar);
bool        lanes_are_valid(uint64_t lanes);      /* 1, or a power of two up to LOOP_MAX_LANES */
unsigned    scalar_bytes(Scalar scalar);
bool        scalar_is_float(Scalar scalar);   /* f16 bf16 f32 f64 */
bool        scalar_is_signed(Scalar scalar);  /* i8..i64, index and floats */
bool        scalar_is_integer(Scalar scalar); /* i8..u64 and index, not i1 */
unsigned    scalar_bits(Scalar scalar);       /* of the value: 1 for i1 */
int64_t     scalar_wrap(Scalar scalar, int64_t value); /* modulo 2^bits, in the type's range (u64: the same bits as a signed number); i1: != 0 */
const char *loop_op_text(LoopOp op);
unsigned    loop_op_operands(LoopOp op);      /* operand count of the table: 0 for LOAD and CALL */
bool        loop_op_is_comparison(LoopOp op);
uint64_t    loop_hash(const void *data, size_t length); /* FNV-1a of 64 bits: kernels, names, weights in text */
const char *access_name(Access access);
const char *storage_name(Storage storage);

/* ---- program (loop_program.c), build (loop_values.c, loop_build.c) ----------------------------- */
/* A copy of `name` as names of kernels, buffers, operands and slots are: a plain identifier of at most 31 bytes, cut if longer; C's words (or, int)
 * and the words of the text form (max, copy) get a `_0`. What is no word at all is a bug. */
const char *loop_name(Program *program, const char *name);
const char *loop_numbered_name(Arena *arena, const char *stem, uint32_t number); /* stem_number, the stem cut to 24 bytes */
Program *program_open(Context *context, Arena *arena, DimTable *dims);
uint32_t program_buffer(Program *program, Buffer buffer);                     /* its index; a name that is taken gets a number, align 0 means 64 */
/* Its index; an equal kernel (text without name and notes) is found instead of added, and notes are merged. A name that is taken gets a number. */
uint32_t program_kernel(Program *program, Code kernel);
uint32_t program_add_kernel(Program *program, Code kernel);                   /* though it may equal another; UINT32_MAX if the name is taken */
/* The function of that name, declared if need be. */
uint32_t program_function(Program *program, const char *name, uint16_t lanes, Scalar result, uint32_t parameter_count, const Scalar *parameters);
const char *loop_vector_name(Arena *arena, const char *function, uint16_t lanes); /* exp_f32x16 of exp_f32 and 16; the same for 1 */
const char *loop_scalar_name(Arena *arena, const char *function, uint16_t lanes); /* and back */
uint32_t program_define(Program *program, Code function);                     /* gives the declared (or a new) function its body; its index */
uint32_t program_entry(Program *program, Code entry);                         /* its index; the first one is run */
uint32_t program_find_function(const Program *program, const char *name);     /* UINT32_MAX if there is none */
/* Makes members[0] a dispatch group (join.c): the others, placed programs of the same module for other machines, give it their code, and their
 * buffers and weights as far as it lacks them. `labels` are words of at most 6 bytes. The others are used up. */
void     program_join(uint32_t count, Program *const *members, const char *const *labels);

/* What the builder remembers of an expression. */
typedef struct ExprFacts {
  Stmt     statement;      /* the one that holds it in its tree; 0: none yet */
  uint32_t uses;           /* references from the statement being made; 0 between statements */
  Expr     replacement;    /* the read of the let that stands for it in the statement being made; 0: none */
  uint16_t depth;          /* levels of its tree; 1 for a leaf; at most LOOP_MAX_DEPTH */
  bool     impure;         /* holds a load or a read of a variable, so its place decides its value */
} ExprFacts;

/* Builds one Code. Open blocks nest; statements go to the end of the innermost.
 * Every statement owns its trees: in a finished Code no expression but a leaf (constant, dim, slot) has two parents. */
typedef struct Builder {
  Program *program; Arena *arena; Code code;
  struct { Stmt owner; Stmt last; bool otherwise; } block[LOOP_MAX_BLOCKS]; uint32_t depth; /* deeper is a bug */
  VECTOR(ExprFacts) facts;       /* by Expr */
  VECTOR(Expr) visited;          /* scratch: non-leaf expressions of the statement being made, operands first */
  bool refused;                  /* something wanted a branch that differs between lanes: the code is worthless, to be built again with scalars */
  bool gathered;                 /* an access of several lanes that does not run along the last dimension was built */
} Builder;

void    build_open(Builder *builder, Program *program, CodeKind kind, const char *name);
Code    build_close(Builder *builder);                                        /* all blocks must be ended */
Expr    build_parameter(Builder *builder, const char *name, Scalar scalar);   /* functions: the next parameter, before any statement; of code.lanes */
Operand build_operand(Builder *builder, OperandInfo info);
void    build_note(Builder *builder, const char *format, ...) PRINTF_LIKE(2, 3);

/* Values. Constructors fold constants and simplify index arithmetic; operands must have equal types (a mix is a bug). A scalar beside a vector is
 * broadcast, so that code written for scalars builds vectors when it is given an index like broadcast(i) + lanes. */
Expr build_integer(Builder *builder, Scalar scalar, int64_t value);           /* integer types, i1, index */
Expr build_float(Builder *builder, Scalar scalar, double value);              /* f32 (rounded once), f64 */
Expr build_index(Builder *builder, int64_t value);
Expr build_dim(Builder *builder, Dim dim);                                    /* a constant where it is one */
Expr build_unary(Builder *builder, LoopOp op, Expr a);
Expr build_binary(Builder *builder, LoopOp op, Expr a, Expr b);               /* also comparisons */
Expr build_ternary(Builder *builder, LoopOp op, Expr a, Expr b, Expr c);      /* MULADD, FMA, SELECT */
Expr build_cast(Builder *builder, Scalar to, Expr a);                         /* identity if already of the type */
Expr build_saturate(Builder *builder, Scalar to, Expr a);
Expr build_bitcast(Builder *builder, Scalar to, Expr a);
/* With a vector among the indices: a vector; contiguous where the last one is i + lanes. active 0: all lanes. */
Expr build_load(Builder *builder, Operand operand, uint32_t rank, const Expr *indices);
Expr build_load_lanes(Builder *builder, Operand operand, uint32_t rank, const Expr *indices, uint16_t lanes, Expr active);
Expr build_call(Builder *builder, const char *function, Scalar result, uint32_t count, const Expr *arguments); /* on vectors: of its vector form */
Expr build_broadcast(Builder *builder, Expr a, uint16_t lanes);               /* identity if lanes is 1 or a has them already */
Expr build_lane_numbers(Builder *builder, Scalar scalar, uint16_t lanes);     /* 0, 1, 2, ... */
Expr build_extract(Builder *builder, Expr a, uint16_t from, uint16_t lanes);  /* lanes from .. from + lanes */
Expr build_reduce(Builder *builder, LoopOp op, Expr a);                       /* a scalar: lanes l op l + half, then those of that; makes lets */
static inline Expr build_select(Builder *builder, Expr condition, Expr then, Expr otherwise) {
  return build_ternary(builder, LOOP_SELECT, condition, then, otherwise);
}
Scalar build_scalar(const Builder *builder, Expr a);                          /* its type */
uint16_t build_lanes(const Builder *builder, Expr a);                         /* 1: a scalar */
bool   build_is_constant(const Builder *builder, Expr a, int64_t *value);     /* integer, index or i1 constant (DIM constants too) */

/* Statements. */
Expr build_for(Builder *builder, const char *name, Expr lo, Expr hi);         /* serial, step 1; returns the loop variable; ends with build_end */
Expr build_for_step(Builder *builder, const char *name, Expr lo, Expr hi, int64_t step, LoopKind kind);
void build_while(Builder *builder, Expr condition);
void build_if(Builder *builder, Expr condition);
void build_else(Builder *builder);
void build_end(Builder *builder);
Expr build_let(Builder *builder, const char *name, Expr value);               /* constants, dims and slots pass through unchanged */
Expr build_var(Builder *builder, const char *name, Expr initial);             /* reading it gives the value at the reading statement */
void build_set(Builder *builder, Expr variable, Expr value);
void build_store(Builder *builder, Operand operand, uint32_t rank, const Expr *indices, Expr value); /* indices as those of build_load */
void build_store_lanes(Builder *builder, Operand operand, uint32_t rank, const Expr *indices, Expr value, Expr active);
void build_return(Builder *builder, Expr value);
/* node: 1 + index into info.nodes; 0: none */
void build_kernel_call(Builder *builder, uint32_t kernel, uint32_t count, const CallArgument *arguments, uint32_t node);
void build_copy(Builder *builder, uint32_t to_buffer, uint32_t from_buffer);
void build_assign(Builder *builder, uint32_t symbol, Expr value);
void build_fail(Builder *builder, uint32_t code);

static inline const ExprNode *expr_at(const Code *code, Expr expr) { return &code->exprs.data[expr]; }
static inline StmtNode *stmt_at(const Code *code, Stmt stmt) { return &code->stmts.data[stmt]; }
/* The operands of any expression: indices of a LOAD, arguments of a CALL, else operand[]. Leaves have none. */
uint32_t expr_operand_count(const Code *code, Expr expr);
Expr     expr_operand(const Code *code, Expr expr, uint32_t index);
/* Indices of an access to the operand: its rank. An access with one item more has a number of active lanes, the last. */
uint32_t access_rank(const Program *program, const Code *code, Operand operand);
/* An access of several lanes along the last dimension: no index is a vector. */
bool     access_is_contiguous(const Code *code, uint32_t list, uint32_t rank);

/* ---- text (loop_print.c, loop_parse.c), verifier (loop_verify.c) --------------------------------------------------- */
void     program_print(const Program *program, Text *text);                   /* weights of more than 64 elements as `blob "hash" bytes` */
void     code_print(const Program *program, const Code *code, Text *text, bool with_name_and_notes);
void     statement_print(const Program *program, const Code *code, Stmt stmt, Text *text); /* one line; of a block only its head */
/* The words of the text form, which no slot may bear; NULL past the end. */
const char *loop_keyword(uint32_t index);
bool     buffer_bytes(const Program *program, const Buffer *buffer, size_t *bytes); /* false unless constant */
/* By Slot: names that are unique wherever they are visible, and no operand's, buffer's (entries), symbol's or keyword's. Same for all printers. */
const char **code_slot_names(const Program *program, const Code *code, Arena *arena);
Program *program_parse(Context *context, Arena *arena, const char *file, const char *data, size_t length); /* makes its own DimTable */
/* A violation is a bug(): types, slots defined before use, ranks, no store to inputs, indices in range where provable, calls match. */
void     program_verify(const Program *program);

/* Every function that is called but not defined gets its body from the library (library.lir, compiled in), transitively.
 * A name it lacks is a model error. */
void     program_link_library(Program *program);
void     program_link_others(Program *program, bool (*known)(const char *name)); /* all that is not known by name: for evaluation */
bool     library_has(const char *name);
bool     library_is_straight(const char *name); /* neither it nor what it calls branches, so that it may be called with vectors */
#endif
