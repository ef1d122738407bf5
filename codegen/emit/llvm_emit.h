/* Inside the LLVM emitter: what its files share. Only codegen/emit/llvm_*.c include this; they make a module of their own that is loaded when asked
 * for (back_end.h), so that LLVM costs nothing where C is written.
 *
 * The functions are those that the C emitter prints, one for one: same names, same parameters, same statuses. Values are SSA; variables of the loop
 * IR are stack slots that LLVM's first pass turns into values. No operation carries a fast-math flag, so nothing is contracted or reassociated. */
#ifndef ONNXCC_CODEGEN_LLVM_EMIT_H
#define ONNXCC_CODEGEN_LLVM_EMIT_H
#include "codegen/emit/back_end.h"
#include "codegen/emit/model.h"
#include "runtime-min/onnxcc_rt.h"

#include <llvm-c/Core.h>
#include <llvm-c/Object.h>
#include <llvm-c/TargetMachine.h>

/* Types that every function needs; those of the interface are structs as C lays them out. */
typedef struct LlvmTypes {
  LLVMTypeRef i1, i8, i16, i32, i64, half, f32, f64, pointer, nothing;
  LLVMTypeRef size;  /* size_t and pointers as integers */
  LLVMTypeRef index; /* of Target.index_bits */
  LLVMTypeRef dims, io, context, config, hooks;
} LlvmTypes;

/* Members of the structs. */
enum { CONTEXT_MAGIC, CONTEXT_WORKSPACE, CONTEXT_STATE, CONTEXT_WORKSPACE_BYTES, CONTEXT_WEIGHTS, CONTEXT_HOOKS, CONTEXT_VARIANT, CONTEXT_FAST };
enum {
  CONFIG_ABI,
  CONFIG_WORKERS,
  CONFIG_WORKSPACE,
  CONFIG_FAST,
  CONFIG_STATE,
  CONFIG_WORKSPACE_BYTES,
  CONFIG_FAST_BYTES,
  CONFIG_STATE_BYTES,
  CONFIG_WEIGHTS,
  CONFIG_WEIGHTS_BYTES,
  CONFIG_HOOKS,
  CONFIG_DEVICE,
  CONFIG_VARIANT
};
enum { INFO_STACK_BYTES = 17, INFO_MEMBERS = 35 }; /* of onnxcc_model_info */
enum { HOOKS_SELF, HOOKS_PARALLEL_FOR, HOOKS_NODE_BEGIN, HOOKS_NODE_END, HOOKS_PAGE, HOOKS_CLOCK };

/* The functions of the interface. */
typedef struct LlvmEntries {
  LLVMValueRef workspace_bytes, init, run, reset, info;
} LlvmEntries;

/* The code being built. Symbols are values in kernels; in the entry, those found at run time are addresses of variables. */
typedef struct LlvmCode {
  const Code   *code;
  LLVMValueRef  function;
  LLVMValueRef *slots;             /* by Slot: its value; of a variable its address */
  LLVMValueRef *operands;          /* by Operand: its address, kernels */
  LLVMValueRef *symbols;           /* by symbol */
  bool         *symbol_is_address; /* by symbol */
  LLVMValueRef  context, io, workspace, fast, state, weights; /* the entry: what buffers are addressed from */
} LlvmCode;

/* What one function takes of the stack. */
typedef struct LlvmFrame {
  const char *name;
  unsigned    bytes;        /* of its own frame; 0 if it has none or was inlined */
  unsigned    with_callees; /* once is_summed */
  bool        is_summed;
} LlvmFrame;

/* What is LLVM's and lives while the arena is used, which may leave: released at the end, however that comes (llvm_emit.c). */
typedef struct LlvmHeld {
  char                 *text;   /* a message or printed module */
  LLVMMemoryBufferRef   output; /* code as LLVM made it */
  LLVMModuleRef         copy;   /* of the module */
  LLVMMemoryBufferRef   object; /* the finished one, read again as binary */
  LLVMBinaryRef         binary;
  LLVMSymbolIteratorRef symbol;
} LlvmHeld;

typedef struct Llvm {
  union {
    Model model;
    struct {
      MODEL_FIELDS
    };
  };
  LLVMContextRef       llvm;
  LLVMModuleRef        module;
  LLVMBuilderRef       builder;
  LlvmHeld             held;
  LLVMTargetMachineRef machine;
  LLVMTargetDataRef    layout;
  LlvmTypes            types;
  LlvmEntries          entries;
  KernelCalls         *calls;         /* by kernel */
  LLVMValueRef        *kernels;       /* by kernel */
  bool               **kernel_symbols;/* by kernel and symbol: a parameter */
  LLVMValueRef        *functions;     /* of the library, by function; NULL: not needed so far */
  LLVMValueRef         description;   /* the info table */
  const char          *triple;
  LlvmFrame           *frames;        /* see llvm_stack.c */
  uint32_t             frame_count;
  LlvmFrame          **kernel_frames, **function_frames, *run_frame; /* by kernel, by function; NULL: not in the module */
  LlvmFrame          **variant_frames; /* by variant: of its run */
  LLVMValueRef        *runs;           /* by variant, of a dispatch group: its run */
  char                 failure[256];  /* the first error that LLVM reported; "" if none */
  VECTOR(const char *) public_names;  /* of functions */
  LLVMValueRef         weights_data;  /* NULL: none, or given by the caller */
  LlvmCode             now;
} Llvm;

/* llvm_types.c */
void         llvm_types_open(Llvm *l);
unsigned     llvm_bits(const Llvm *l, Scalar scalar);                          /* index as the target has it */
LLVMTypeRef  llvm_type(const Llvm *l, Scalar scalar, unsigned lanes);          /* in registers; f16 and bf16 are i16 */
LLVMTypeRef  llvm_memory_type(const Llvm *l, Scalar scalar, unsigned lanes);   /* in buffers: i1 is a byte, index 64 bits */
LLVMTypeRef  llvm_lanes_of(LLVMTypeRef element, LLVMTypeRef like);             /* a vector of as many lanes as `like` has, or `element` */
LLVMValueRef llvm_integer(LLVMTypeRef type, int64_t value);                    /* in every lane of a vector */
LLVMValueRef llvm_float(const Llvm *l, LLVMTypeRef type, double value);        /* likewise; a NaN is the quiet one */
LLVMValueRef llvm_lane_numbers(LLVMTypeRef element, unsigned lanes);           /* 0, 1, 2, ... */
LLVMValueRef llvm_broadcast(Llvm *l, LLVMValueRef value, unsigned lanes);
LLVMValueRef llvm_extract(Llvm *l, LLVMValueRef value, unsigned from, unsigned lanes);
LLVMValueRef llvm_intrinsic(Llvm *l, const char *name, unsigned type_count, LLVMTypeRef *types, unsigned count, LLVMValueRef *arguments);
LLVMValueRef llvm_unary_intrinsic(Llvm *l, const char *name, LLVMValueRef a);  /* overloaded on the type of a */
LLVMValueRef llvm_call(Llvm *l, LLVMValueRef function, unsigned count, LLVMValueRef *arguments);
LLVMValueRef llvm_field(Llvm *l, LLVMTypeRef type, LLVMValueRef address, unsigned field); /* its address */
LLVMValueRef llvm_load_field(Llvm *l, LLVMTypeRef type, LLVMValueRef address, unsigned field);
unsigned     llvm_io_input(const Llvm *l, uint32_t input);                     /* numbers of members of NAME_io */
unsigned     llvm_io_output(const Llvm *l, uint32_t output);
unsigned     llvm_io_returned(const Llvm *l, uint32_t symbol);

/* llvm_blocks.c: functions and control flow */
typedef enum Linkage { LINKAGE_PUBLIC, LINKAGE_LOCAL, LINKAGE_KERNEL } Linkage; /* kernel: local and never inlined */
LLVMValueRef      llvm_declare(Llvm *l, const char *name, Linkage linkage, LLVMTypeRef result, unsigned count, LLVMTypeRef *parameters);
void              llvm_open(Llvm *l, LLVMValueRef function);                   /* its body begins */
void              llvm_attribute(Llvm *l, LLVMValueRef function, unsigned at, const char *name, uint64_t value); /* unknown names do nothing */
LLVMBasicBlockRef llvm_block(Llvm *l, const char *name);                       /* a new one of the open function; the builder stays */
void              llvm_enter(Llvm *l, LLVMBasicBlockRef block);
void              llvm_jump(Llvm *l, LLVMBasicBlockRef block);
bool              llvm_is_closed(Llvm *l);                                     /* the current block has its terminator */
LLVMValueRef      llvm_variable(Llvm *l, LLVMTypeRef type, const char *name);  /* on the stack of the open function */
void              llvm_return(Llvm *l, int32_t status);
void              llvm_return_if(Llvm *l, LLVMValueRef condition, LLVMValueRef result); /* and goes on behind it */
void              llvm_refuse_if(Llvm *l, LLVMValueRef condition, int32_t status);
LLVMValueRef      llvm_is_null(Llvm *l, LLVMValueRef pointer);
LLVMValueRef      llvm_or(Llvm *l, LLVMValueRef a, LLVMValueRef b);            /* a may be NULL: b alone */

/* llvm_dim.c */
typedef enum DimForm {
  DIM_FORM_INDEX, /* arithmetic of the index type */
  DIM_FORM_SIZE   /* i64, with overflow becoming INT64_MAX */
} DimForm;
LLVMValueRef llvm_dim(Llvm *l, Dim dim, DimForm form);
LLVMValueRef llvm_symbol(Llvm *l, uint32_t symbol, DimForm form);

/* llvm_expression.c, llvm_convert.c, llvm_memory.c */
LLVMValueRef llvm_expression(Llvm *l, Expr expr);
LLVMValueRef llvm_constant(Llvm *l, Scalar scalar, unsigned lanes, int64_t integer, double number);
LLVMValueRef llvm_max(Llvm *l, LLVMValueRef a, LLVMValueRef b, bool is_signed);
LLVMValueRef llvm_cast(Llvm *l, LLVMValueRef value, Scalar from, Scalar to);
LLVMValueRef llvm_saturate(Llvm *l, LLVMValueRef value, Scalar from, Scalar to);
LLVMValueRef llvm_bitcast(Llvm *l, LLVMValueRef value, Scalar from, Scalar to);
LLVMValueRef llvm_load(Llvm *l, const ExprNode *node);
void         llvm_store(Llvm *l, const StmtNode *stmt);
LLVMValueRef llvm_buffer(Llvm *l, uint32_t buffer, Expr offset);               /* address in the entry; offset 0: none */

/* llvm_statement.c */
void llvm_code_open(Llvm *l, const Code *code, LLVMValueRef function);
void llvm_statements(Llvm *l, Stmt first);

/* llvm_kernel.c */
void         llvm_kernels(Llvm *l);
LLVMValueRef llvm_function(Llvm *l, uint32_t function);                        /* of the library; builds it if need be */

/* llvm_variants.c: dispatch groups */
void         llvm_use_variant(Llvm *l, uint32_t variant); /* what is declared from here on is for its machine */
void         llvm_use_all(Llvm *l);                       /* for every machine of the group */
LLVMValueRef llvm_variant_choice(Llvm *l);                /* the function that init calls */
void         llvm_variant_run(Llvm *l);                   /* run of a group: calls that of a variant */

/* llvm_entry.c, llvm_lifecycle.c, llvm_untyped.c, llvm_info.c, llvm_weights.c */
void llvm_entry_run(Llvm *l);
void llvm_entry_call(Llvm *l, const StmtNode *stmt);
void llvm_entry_copy(Llvm *l, const StmtNode *stmt);
void llvm_entry_assign(Llvm *l, const StmtNode *stmt);
void llvm_lifecycle(Llvm *l);
typedef struct LlvmUntyped {
  LLVMValueRef workspace, init, run, reset, shape;
} LlvmUntyped;
LlvmUntyped llvm_untyped(Llvm *l);
void        llvm_info(Llvm *l);
void        llvm_info_set_stack(Llvm *l); /* l->stack_bytes, once known, into the table */
void        llvm_weights(Llvm *l); /* declares what holds them */

/* llvm_emit.c */
NO_RETURN void llvm_bug(Llvm *l, char *message); /* with a message of LLVM's, which is disposed of */

/* llvm_machine.c: the target, the passes, writing out */
bool llvm_object_is(const Llvm *l, ObjectFormat format);
void llvm_machine_open(Llvm *l);
void llvm_optimize(Llvm *l);
bool llvm_may_vectorize(const Llvm *l); /* whether LLVM may find vectors by itself */
LLVMValueRef llvm_hide_addresses(Llvm *l, LLVMValueRef addresses); /* of a gather or scatter, from a pass that gets them wrong; else as they are */
bool         llvm_is_half_helium(const Llvm *l, LLVMValueRef value);  /* a vector of fewer lanes of 32 bits than Helium's registers have */
LLVMValueRef llvm_hide_scale(Llvm *l, LLVMValueRef value);         /* of floats from or to integers, likewise */
void llvm_write(Llvm *l, Emission *emission);

void llvm_targets_open(void); /* makes all of LLVM's machines known; again does nothing */

/* llvm_jit.c: as struct BackEnd says */
void *llvm_jit_open(Context *context, const Text *object);
void *llvm_jit_symbol(void *jit, Context *context, const char *name);
void  llvm_jit_close(void *jit);

/* llvm_object.c: filling in what an object holds as zeros */
void llvm_object_begin(Llvm *l); /* before the code is made, which may change the module */
void llvm_object_finish(Llvm *l, Emission *emission);

/* llvm_stack.c */
void llvm_stack_watch(Llvm *l);   /* before code is made */
void llvm_stack_sum(Llvm *l);     /* after: l->stack_bytes */
#endif
