/* The model as callers of the generated code see it: names, figures, weights, header. All emitters share this, so that nobody can tell which of
 * them made an object. Includes nothing of any emitter. */
#ifndef ONNXCC_CODEGEN_MODEL_H
#define ONNXCC_CODEGEN_MODEL_H
#include "codegen/emit/emit.h"

enum {
  MODEL_ALIGN = 64,          /* bytes: of workspace, state and weights */
  MODEL_CTX_BYTES = 64,      /* opaque part of NAME_ctx */
  FRAME_BYTES = 64,          /* return address, saved registers and spills of one call, allowed on top of what is known of a frame */
  STACK_ALLOWANCE = 128,     /* of run's own frame: arguments, spills */
  LONGEST_NAME = 1000,       /* bytes of a model's string in the info table: C99 promises 4095 characters a literal; an octal escape takes four */
  LONGEST_DESCRIPTION = 200
};

/* What a symbol is to the interface. */
typedef enum SymbolRole {
  SYMBOL_ABSENT,   /* not in this program */
  SYMBOL_GIVEN,    /* a member of NAME_dims */
  SYMBOL_RETURNED, /* a size found at run time that outputs have: a member of NAME_io */
  SYMBOL_INTERNAL  /* found and used at run time only */
} SymbolRole;

/* C names of one input or output. */
typedef struct FieldName {
  const char *field, *macro;
} FieldName; /* mel, KWS_MEL */

/* The fields of struct Model; an emitter's state begins with them, so that they are at hand there by their own names. */
#define MODEL_FIELDS \
  Context           *context; \
  Arena             *arena; \
  const Program     *program; \
  const EmitOptions *options; \
  const Target      *target; \
  const char        *name, *macro; /* kws, KWS */ \
  const char       **symbol_names; /* by symbol: its name in C */ \
  FieldName         *inputs, *outputs; \
  SymbolRole        *symbol_roles;  /* by symbol */ \
  uint32_t           role_count[4]; /* by SymbolRole */ \
  Text               blob;          /* all weights, a multiple of 4 bytes */ \
  uint64_t           weights_hash; \
  unsigned           stack_bytes;   /* what any call below may take; known when the code is */ \
  unsigned           plain_stack_bytes; /* and where C is compiled without optimisation, if that is another figure; else 0 */ \
  bool               stack_is_measured; /* stack_bytes comes from the frames of an object */

typedef struct Model {
  MODEL_FIELDS
} Model;

/* model.c: names and figures */
void     model_open(Model *model, const Program *program, const EmitOptions *options, Arena *arena);
bool     model_is_own_name(const char *name);        /* a name that the entry points use for themselves */
const char *model_target_names(const Model *model);  /* x86-64-v3; of a dispatch group with commas between */
bool     model_is_bounded(const Model *model);       /* the workspace has a bound for all dimensions */
int64_t  model_workspace_bound(const Model *model);    /* without what lies in the faster memory */
int64_t  model_state_bytes(const Model *model);
bool     model_is_fast(const Model *model, const Buffer *buffer);          /* whether a workspace buffer lies in the faster memory, at its offset */
Dim      model_workspace_offset(const Model *model, const Buffer *buffer); /* else where in the workspace */
uint32_t model_magic(const Model *model);            /* tells this model's contexts from another's */
bool     model_is_empty(const Model *model, const InfoTensor *tensor); /* may have no elements, so that there may be no memory */
bool     model_find_axis(const Model *model, uint32_t symbol, uint32_t *input, uint32_t *axis); /* the first input axis that is the symbol alone */
unsigned model_stack_bytes(unsigned of_run);         /* the figure, from what run and its callees take */
Dim      model_buffer_bytes(const Model *model, const Buffer *buffer);

/* weights.c: packs the blob at the offsets that `place` chose */
void weights_pack(Model *model);

/* header.c */
const char *memory_type(Scalar scalar); /* of an element in a buffer: bool is uint8_t, index int64_t on every target */
void        header_banner(const Model *model, Text *out, const char *suffix);
void        header_print(const Model *model, Text *out);
void        header_shape(const Model *model, Scalar scalar, uint32_t rank, const Dim *dims, Text *text); /* f32[N, 64], for comments */
void        header_one_line_parameters(const Model *model, Text *out);
bool        header_has_one_liner(const Model *model);
extern const unsigned char onnxcc_runtime_text[]; /* runtime-min/onnxcc_rt.h, made at build time */
extern const size_t        onnxcc_runtime_size;

/* aliasing.c: what the calls of the entry say about the memory of operands */
typedef struct KernelCalls {
  bool  called;
  bool *restricted; /* by operand: no call gives it memory that another operand shares while one of them writes */
} KernelCalls;
KernelCalls *aliasing_of_kernels(const Model *model); /* by kernel */
#endif
