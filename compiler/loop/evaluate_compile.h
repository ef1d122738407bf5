/* Between evaluate_compile.c (statements) and evaluate_values.c (expressions). */
#ifndef ONNXCC_LOOP_EVALUATE_COMPILE_H
#define ONNXCC_LOOP_EVALUATE_COMPILE_H
#include "evaluate_bands.h"

/* What an expression or a slot is worth while compiling. */
typedef struct Value {
  Register at;        /* 0 for a literal that has none yet */
  Scalar   scalar;
  bool     wide;      /* differs between lanes: at holds LANE_CAPACITY elements */
  uint8_t  lanes;     /* wide: of a vector of the program; 0: of a strip */
  bool     temporary; /* the register is free again after one use */
  bool     variable;  /* may change later */
  bool     literal;   /* worth `bits` */
  uint64_t bits;
  uint32_t band_loop; /* 1 + the loop of the open band whose variable it is */
} Value;

enum { REGISTER_CLASSES = 5, NESTING_LIMIT = 2000, INLINE_LIMIT = 64 };

typedef struct Compiler {
  Machine *machine;
  Arena   *arena;          /* the variant's: what lasts */
  Arena   *scratch;        /* what doesn't */
  Variant *variant;
  Analysis analysis;       /* of the kernel or entry */
  const Code *code;        /* being compiled: the kernel, the entry, or an inlined function */
  Value   *slots;          /* of `code` */
  uint32_t inlined;        /* functions open */
  uint32_t depth;          /* of expressions and statements open */
  Value    result;         /* of the inlined function */
  uint32_t band;           /* 1 + the open band */
  bool     carries;        /* the band carries variables */
  Register mask;           /* lanes that take part; 0 = all */
  VECTOR(Value) owned;     /* registers to give back at the end of the block */
  VECTOR(Register) unused[REGISTER_CLASSES];
} Compiler;

uint32_t emit(Compiler *compiler, Instruction instruction);  /* its position */
Value    take(Compiler *compiler, Scalar scalar, bool wide); /* a temporary */
void     give(Compiler *compiler, Value value);              /* back, if temporary */
Value    literal(Scalar scalar, uint64_t bits);
void     settle(Compiler *compiler, Value *value);           /* gives a literal its register */
Value    widen(Compiler *compiler, Value value);             /* wide and settled */
Value    own(Compiler *compiler, Value value);               /* the block's from now on */
Value    copy_of(Compiler *compiler, Value value, bool wide);
void     move_into(Compiler *compiler, Value variable, Value value); /* consumes value; under the mask if variable is wide */
Value    operation(Compiler *compiler, LaneFunction *run, Scalar result, uint32_t count, const Value *operands); /* consumes them */

Value    compile_value(Compiler *compiler, Expr expr);
uint32_t compile_access(Compiler *compiler, uint32_t operand, uint32_t rank, const uint32_t *indices, Value *temporaries, bool *wide);
Value    compile_active(Compiler *compiler, uint32_t list, uint32_t count, uint32_t rank);
void     compile_block(Compiler *compiler, Stmt first);
void     deeper(Compiler *compiler);                         /* guards the C stack; undone by depth-- */
#endif
