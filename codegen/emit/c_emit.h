/* Inside the C emitter: what its files share. Only codegen/emit/c_*.c and emit_c.c include this.
 *
 * Order of work (emit_c.c): names, then kernels, functions and the entry into texts of their own, which finds out what prelude, symbols and
 * weights they need; then everything is put together, so that nothing unused is ever printed. */
#ifndef ONNXCC_CODEGEN_C_EMIT_H
#define ONNXCC_CODEGEN_C_EMIT_H
#include "codegen/emit/c_vector.h"
#include "codegen/emit/model.h"

/* ---- value ranges (c_range.c): what an expression can be, so that plain C operators are printed where they cannot overflow ------------------ */

/* Integers: lo <= value <= hi. Floats: low <= value <= high, or NaN if `nan`. */
typedef struct ValueRange {
  int64_t lo, hi;
  double  low, high;
  bool    nan;
} ValueRange;

/* ---- prelude (c_prelude.c): functions for operations whose rule is not C's ------------------------------------------------------------------- */

/* HELPER(name, text): `to` and `from` are types; the text of each is in c_prelude.c. */
typedef enum Helper {
  HELPER_MIN,
  HELPER_MAX,
  HELPER_ABS,
  HELPER_DIV,
  HELPER_REM,
  HELPER_SHL,
  HELPER_SHR,
  HELPER_SQRT,
  HELPER_FLOOR,
  HELPER_CEIL,
  HELPER_TRUNC,
  HELPER_ROUND,
  HELPER_FMA,
  HELPER_SATURATE, /* integer `from` clamped into integer `to` */
  HELPER_CONVERT,  /* float `from` to integer `to`, saturating; or to and from f16 */
  HELPER_BITS,     /* bits of `from` as `to` */
  HELPER_FLOORDIV, /* index, towards minus infinity */
  HELPER_MOD,      /* index, sign of the divisor */
  HELPER_SIZE_ADD, /* sizes in bytes or elements, INT64_MAX on overflow; operands not negative */
  HELPER_SIZE_MUL,
  HELPER_COUNT
} Helper;

/* ---- the emitter ----------------------------------------------------------------------------------------------------------------------------- */

/* The code being printed. */
typedef struct CodeState {
  const Code  *code;
  Text        *out;           /* where statements go */
  Text         line;          /* the statement being made */
  int          depth;         /* of its indentation */
  const char **slot_names;    /* by Slot */
  const char **operand_names; /* by Operand, kernels */
  bool        *slot_live;     /* by Slot: its value reaches a store, a condition or the result */
  bool        *slot_printed;  /* by Slot: it was read in what was printed */
  bool        *stmt_live;     /* by Stmt: is printed */
  ValueRange  *slot_ranges;   /* by Slot */
  ValueRange  *expr_ranges;   /* by Expr, once expr_known */
  bool        *expr_known;
  bool        *slot_from_data;                 /* by Slot: an index that data decides, so that it can hold anything */
  uint8_t     *slot_mask_bits;                 /* by Slot: of a lane, masks */
  bool        *operand_used, *operand_written; /* by Operand, kernels */
  bool        *code_symbols;                   /* by symbol: used by this code */
  unsigned     stack;                          /* bytes of locals so far */
  unsigned     callee_stack;                   /* of the deepest function called */
  unsigned     inlined_stack;                  /* of what is always inlined, where nothing is optimised */
} CodeState;

typedef struct Emitter {
  union {
    Model model;
    struct {
      MODEL_FIELDS
    };
  };
  const char         *index_type; /* int64_t or int32_t */
  uint32_t            variant;    /* whose code is being printed */
  const char         *prefix;     /* of its functions of the prelude: kws, kws_v3 */
  bool                needed[HELPER_COUNT][SCALAR_COUNT][SCALAR_COUNT];                                 /* [helper][to][from], by the variant */
  bool                needed_by_any[HELPER_COUNT][SCALAR_COUNT][SCALAR_COUNT];                          /* by those before it too */
  bool                needs_unroll, needs_restrict, needs_aligned, needs_copy, needs_clear, needs_move; /* macros of the prelude */
  bool                needs_math; /* <math.h>: functions of the C library are called */
  VectorNeeds         vectors;                            /* by the variant */
  bool                uses_vectors, uses_wide_vectors;    /* by any: wide where the target has registers of 64 bytes */
  bool                uses_workspace, uses_fast, uses_state, uses_weights;                              /* by the entry */
  Text                functions;        /* of the library, callees first */
  bool               *function_printed; /* by function */
  unsigned           *function_stack;   /* by function: bytes, callees included */
  unsigned           *function_inlined; /* by function: as CodeState.inlined_stack */
  unsigned            inlined_stack;    /* of the kernel that has most */
  KernelCalls        *calls;            /* by kernel */
  struct KernelFacts *kernels;          /* by kernel */
  VECTOR(Dim) offsets;                  /* of the entry's buffers, those that are no constants: variables offset_0 and on */
  bool     calls_nodes;                 /* run calls a kernel on behalf of a node */

  CodeState now;
} Emitter;

/* What the call sites of a kernel need to know. */
typedef struct KernelFacts {
  bool    *used;       /* by operand: a parameter of the C function */
  bool    *symbols;    /* by symbol: likewise */
  unsigned stack;      /* bytes of the function and its callees */
  Text     text;
} KernelFacts;

/* c_names.c */
void        c_quoted(Text *text, const char *string, size_t longest); /* a model's string as a C literal; NULL as "" */
const char *c_type(const Emitter *e, Scalar scalar);                  /* in registers: bool, int8_t, ..., float */
const char *c_memory_type(const Emitter *e, Scalar scalar);           /* in buffers: bool is uint8_t */
const char *c_unsigned_type(const Emitter *e, Scalar scalar);
const char *c_tag(Scalar scalar);                       /* i32, f32, index: for names of helpers */
const char *c_minimum(const Emitter *e, Scalar scalar); /* INT32_MIN, 0 */
const char *c_maximum(const Emitter *e, Scalar scalar);
unsigned    c_bits(const Emitter *e, Scalar scalar); /* index as the target has it */
unsigned    c_stack_slot(const Emitter *e, Scalar scalar, unsigned lanes); /* bytes of a variable on the stack: a register's at least */

/* c_range.c */
ValueRange c_range_full(const Emitter *e, Scalar scalar);
ValueRange c_range(Emitter *e, Expr expr);
void       c_range_let(Emitter *e, Slot slot, ValueRange range);
bool       c_range_fits(const Emitter *e, ValueRange range, Scalar from, Scalar to);

/* c_expression.c: C's levels of precedence, loosest first */
typedef enum Level {
  LEVEL_ANY,
  LEVEL_CHOICE,
  LEVEL_OR,
  LEVEL_XOR,
  LEVEL_AND,
  LEVEL_EQUAL,
  LEVEL_LESS,
  LEVEL_SHIFT,
  LEVEL_SUM,
  LEVEL_PRODUCT,
  LEVEL_UNARY,
  LEVEL_PRIMARY
} Level;
void c_expression(Emitter *e, Expr expr, Level level);            /* onto e->now.line, in parentheses if it binds less tightly than `level` */
void c_helper(Emitter *e, Helper helper, Scalar to, Scalar from); /* its name, and notes the need */
const char *c_helper_name(Emitter *e, Helper helper, Scalar to, Scalar from);
bool c_cannot_overflow(Emitter *e, const ExprNode *node);         /* whether a + b, a - b or a * b stays inside the type */
bool c_comes_from_data(const Emitter *e, Expr expr);              /* an index that data decides, not only loops, dimensions and constants */
void c_literal(Emitter *e, Scalar scalar, int64_t integer, double number, Level level);
void c_element(Emitter *e, const OperandInfo *operand, const char *base, uint32_t list, uint32_t list_count); /* base[subscript] */

/* One axis of a subscript: constants go to *constant, the rest is printed. Returns whether anything was printed. */
bool c_subscript_term(Emitter *e, Expr index, Dim stride, int64_t *constant, bool first);
Dim  c_stride(Emitter *e, const OperandInfo *operand, uint32_t axis);

/* c_vector.c: expressions of several lanes; types */
const char *c_vector_type(Emitter *e, Scalar scalar, uint16_t lanes); /* its name, and notes the need; not of masks */
const char *c_mask_type(Emitter *e, unsigned bits, uint16_t lanes);
const char *c_slot_type(Emitter *e, Slot slot);                       /* of scalars too */
unsigned    c_mask_bits(const Emitter *e, Expr expr);                 /* of a lane, as it would be printed; 0: whatever is wanted */
void        c_mask(Emitter *e, Expr expr, unsigned bits, Level level);
void        c_vector(Emitter *e, Expr expr, Level level);
void        c_extract_lane(Emitter *e, const ExprNode *node, Level level);
void        c_vector_argument(Emitter *e, Expr expr);                 /* of a function: masks in MASK_BITS */

/* c_vector_access.c */
void c_vector_load(Emitter *e, const ExprNode *node);
void c_vector_store(Emitter *e, const StmtNode *stmt);

/* c_vector_prelude.c */
const char *c_vector_helper(Emitter *e, VectorNeed need);            /* its name for a call, and notes the need and what it needs itself */
void        c_vector_types(const Emitter *e, Text *out);
void        c_vector_helpers(Emitter *e, Text *out);
unsigned    c_widest_vector(const Emitter *e);                       /* bytes; 0: none */

/* c_dim.c */
typedef enum DimForm {
  DIM_FORM_INDEX, /* arithmetic of the index type on names of symbols */
  DIM_FORM_SIZE   /* int64_t, with overflow becoming INT64_MAX */
} DimForm;
void c_dim(Emitter *e, Dim dim, DimForm form, Level level);
void c_dim_mark(const Emitter *e, Dim dim, bool *symbols);

/* c_statement.c */
void c_code_open(Emitter *e, const Code *code); /* liveness, names and ranges for the printers below */
void c_statements(Emitter *e, Stmt first);
void c_line_end(Emitter *e);                                         /* e->now.line goes to e->now.out, indented and wrapped */
void c_print(Emitter *e, const char *format, ...) PRINTF_LIKE(2, 3); /* onto e->now.line */
void c_print_line(Emitter *e, const char *format, ...) PRINTF_LIKE(2, 3);

/* c_kernel.c */
void        c_body(Emitter *e, Text *out);                                                             /* the statements of the open code */
const char *c_kernel_name(const Emitter *e, uint32_t kernel);
void        c_kernels_open(Emitter *e);                /* before any variant */
void        c_kernels(Emitter *e);                     /* of the variant, into e->kernels and e->functions */
const char *c_function(Emitter *e, uint32_t function); /* prints it if need be; its name */

/* c_entry.c: run */
void c_entry_run(Emitter *e, Text *out);    /* of the variant */
void c_node_macro(const Emitter *e, Text *out);
void c_entry_element(Emitter *e, uint32_t buffer, bool written, uint32_t list,
                     uint32_t list_count); /* an element of a buffer, by its literal address */
void c_entry_call(Emitter *e, const StmtNode *stmt);
void c_entry_copy(Emitter *e, const StmtNode *stmt);
void c_entry_assign(Emitter *e, const StmtNode *stmt);
void c_buffer_address(Emitter *e, uint32_t buffer, bool written, Expr offset, Level level);

/* c_lifecycle.c: workspace_bytes, init, reset, the one-liner */
void c_lifecycle(Emitter *e, Text *before_run, Text *after_run);

/* c_variants.c: all code, in the order of the file */
typedef struct CodeTexts {
  Text kernels, before_run, run, after_run, info; /* kernels: with the functions that they call */
} CodeTexts;
void                       c_variants(Emitter *e, CodeTexts *texts);
void                       c_variant_choice(const Emitter *e, Text *out); /* NAME_variant, which init calls; nothing without a group */
void                       c_variant_run(const Emitter *e, Text *out);    /* NAME_run of a group */
extern const unsigned char onnxcc_cpu_text[];                             /* runtime-min/onnxcc_cpu.h, made at build time */
extern const size_t        onnxcc_cpu_size;

/* c_prelude.c, c_weights.c, c_info.c */
void c_prelude(Emitter *e, Text *out);
void c_helpers(Emitter *e, Text *out);       /* the functions that the variant needs */
void c_conversion_bound(const Emitter *e, Text *out, char which, Scalar to, Scalar from); /* A least, B greatest float that converts, C overflows */
void c_weights(Emitter *e, Text *out); /* the data or its declaration, and the check of foreign data */
void c_info(Emitter *e, Text *out);
#endif
