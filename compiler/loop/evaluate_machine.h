/* What the files of the interpreter share: its instructions and its state.
 *
 * Kernels run as bytecode over registers. A register holds one scalar, or LANE_CAPACITY of them: inside a *band* (one loop, or a perfect
 * nest of loops, whose iterations provably don't touch each other's data) an instruction does its work for a strip of iterations at once,
 * so dispatch costs little. Control flow that differs between lanes becomes masks. Vectors of the program are registers with as many lanes as they
 * have; loops with vectors in them are no bands. Everything else runs with one lane.
 *
 *   evaluate.c          memory of a run, the statements of an entry, calls
 *   evaluate_bands.c    which loops may become lanes (affine index forms, a disjointness proof)
 *   evaluate_compile.c  statements to instructions       evaluate_values.c  expressions to instructions
 *   evaluate_run.c      the machine                      evaluate_access.c  loads and stores with their checks
 *   evaluate_lanes.c    one small loop for each operation and type */
#ifndef ONNXCC_LOOP_EVALUATE_MACHINE_H
#define ONNXCC_LOOP_EVALUATE_MACHINE_H
#include "evaluate.h"

enum {
  LANE_CAPACITY = 128, /* iterations a strip */
  BAND_LIMIT = 8,      /* loops a band */
  RANK_LIMIT = 16,
  SCALAR_CELL = 8      /* bytes of a register with one lane */
};

typedef uint32_t Register; /* byte offset in Machine.registers; 0 = none */

/* to[l] = operation(a[l], b[l], c[l]) for l < count; `to` may be one of the operands if widths are equal. */
typedef void LaneFunction(void *to, const void *a, const void *b, const void *c, uint32_t count);
typedef double OracleFunction(double a, double b, double c);

typedef enum InstructionKind {
  DO_LANES,       /* to = run(a, b, c) */
  DO_CAST,        /* to = narrow(run(a)); run widens to i64, u64 or f64 */
  DO_ORACLE,      /* to = the oracle (calls[target]) */
  DO_LOAD,        /* to = the element of accesses[target] */
  DO_STORE,       /* the element of accesses[target] = a */
  DO_JUMP,        /* go to target */
  DO_JUMP_UNLESS, /* go to target if the i1 a is false */
  DO_JUMP_IDLE,   /* go to target if no lane of the mask a is set */
  DO_LOOP_TEST,   /* go to target unless to < a (index) */
  DO_LOOP_NEXT,   /* to += step; go to target if to < a */
  DO_BAND_OPEN,   /* bands[target]: counts the iterations; goes to the band's end if there are none */
  DO_BAND_NEXT,   /* next strip of bands[target], back to its start; else on with one lane */
  DO_DIM,         /* entries: to = value of dimension expression `step` now */
  DO_TRAP,        /* entries: leave the machine; statement `target` is to be carried out */
  DO_END
} InstructionKind;

typedef struct Instruction {
  uint8_t  kind;          /* InstructionKind */
  bool     wide;          /* all lanes of the strip or of a vector, else one */
  uint8_t  lanes;         /* wide: of a vector of the program; 0: of the strip */
  Register to, a, b, c;
  Register mask;          /* loads and stores: u8 a lane, only lanes with 1 take part; 0 = all */
  bool     partial;       /* loads and stores of vectors: only the first lanes take part, as many as the index in `active` */
  Register active;
  uint32_t target;        /* jump target, or index as the kind says */
  LaneFunction *run;
  union { LaneFunction *narrow; int64_t step; };
} Instruction;

/* constant + sum of coefficient * value over slots of a kernel: lets are seen through, loop variables are not. */
enum { SUM_TERMS = 8 };
typedef struct IndexSum {
  bool     known;         /* else nothing is said */
  uint32_t count;
  int64_t  constant;
  struct { Slot slot; int64_t coefficient; } terms[SUM_TERMS]; /* sorted by slot, no zero coefficients */
} IndexSum;

/* One index of an access: constant + sum(uniform) + sum(band coefficient * band variable) + vector[l]. */
typedef struct Subscript {
  int64_t  constant;
  uint32_t uniform, uniform_count; /* range of Variant.terms: registers with one lane */
  int64_t  band[BAND_LIMIT];       /* coefficients of the band's variables */
  bool     varies;                 /* any of them nonzero */
  Register vector;                 /* i64 a lane; 0 = none */
} Subscript;

typedef struct UniformTerm { Register at; int64_t coefficient; } UniformTerm;

/* A load or store. */
typedef struct ElementAccess {
  uint32_t operand;       /* view */
  uint32_t rank;
  uint32_t subscript;     /* first of `rank` in Variant.subscripts */
  uint32_t bytes;         /* an element */
  uint32_t band;          /* 1 + the band it stands in; 0 = none */
  uint32_t offset;        /* 1 + lane offset (Variant.offsets) that the band prepares for it; 0 = none */
  bool     gathers;       /* some subscript has a vector */
  bool     contiguous;    /* a vector along the last dimension from there */
} ElementAccess;

/* The part of an element offset that varies with the band's variables: shared by the accesses with equal coefficients. Set a strip. */
typedef struct LaneOffset {
  int64_t  coefficient[BAND_LIMIT]; /* elements an increment of the variable */
  bool     linear;        /* offset = start + lane * stride; else vector */
  int64_t  start, stride;
  Register vector;        /* i64 a lane */
} LaneOffset;

typedef struct BandLoop {
  Register lo, hi;        /* index, one lane */
  int64_t  step;
  Register value;         /* i64 a lane: the loop variable */
  bool     wanted;        /* read as a value, so every strip needs it */
  /* while running */
  bool     ready;         /* `value` is filled for this strip */
  int64_t  first, trips, digit, low, high; /* lo, iterations, number at lane 0, least and greatest value in the strip */
} BandLoop;

typedef struct Band {
  uint32_t count;
  BandLoop loops[BAND_LIMIT];       /* outermost first */
  uint32_t offset, offset_count;    /* range of Variant.offsets */
  uint32_t begin, end;              /* instructions: first of the body, first after the band */
  int64_t  position, total;         /* while running: iterations done at lane 0, all */
} Band;

typedef struct OracleCall {
  OracleFunction *function;
  uint32_t count;
  Register arguments[3];
  LaneFunction *widen[3];           /* argument to i64, u64 or f64 */
  uint8_t  wide_class[3];           /* LaneClass after widening */
} OracleCall;

typedef struct Literal { Register at; bool wide; uint8_t bytes; uint64_t bits; } Literal; /* a constant register, filled when the code starts */

/* One code compiled for certain values of the symbols it uses and a certain overlap of its operands. */
typedef struct Variant {
  VECTOR(Instruction) instructions;
  VECTOR(ElementAccess)      accesses;
  VECTOR(Subscript)   subscripts;
  VECTOR(UniformTerm) terms;
  VECTOR(LaneOffset)  offsets;
  VECTOR(Band)        bands;
  VECTOR(OracleCall)  calls;
  VECTOR(Literal)     literals;
  uint32_t register_bytes;
  int64_t *symbols;       /* values compiled for, by symbol; unused ones as they were */
  uint32_t *same;         /* by operand: the first operand with the same view; OVERLAPS for every operand: no lanes at all */
  uint64_t age;           /* machine clock at the last use */
} Variant;
#define OVERLAPS UINT32_MAX

/* What an operand is bound to during a call. */
typedef struct View {
  const char *name;
  uint8_t *data;          /* element 0 */
  uint8_t *shadow;        /* a byte for each byte of data: 0 uninitialised; NULL: all initialised and never stored to */
  uint8_t  wanted;        /* shadow value a load must find; 0: any but 0 */
  uint8_t  put;           /* shadow value a store leaves */
  uint32_t rank;
  int64_t  dims[RANK_LIMIT], strides[RANK_LIMIT]; /* strides in elements */
} View;

typedef enum MachineResult { MACHINE_END, MACHINE_TRAP, MACHINE_FAULT, MACHINE_LIMIT } MachineResult;

typedef struct Machine {
  Program *program;
  Arena   *arena;         /* the run's */
  Evaluation *evaluation;
  uint8_t *registers; uint32_t register_bytes; /* aligned to 64 */
  Variant *variant;
  const Code *code;
  View    *views;         /* by operand of the code */
  uint32_t position;      /* next instruction */
  uint32_t lanes;         /* of the strip; 1 outside bands */
  uint32_t trap;          /* MACHINE_TRAP: the statement */
  uint64_t steps, step_limit;
  bool     stepwise;      /* make no bands */
  int64_t  scratch[3][LANE_CAPACITY];
  /* entries: brings views[buffer] up to date before a load; NULL in kernels */
  bool (*refresh)(struct Machine *machine, uint32_t buffer);
  void    *self;          /* of refresh */
} Machine;

/* evaluate_lanes.c */
typedef enum LaneClass { LANES_I64, LANES_U64, LANES_F64 } LaneClass;
LaneFunction *lane_function(LoopOp op, Scalar scalar);       /* scalar: type of the (last) operands; NULL: no such operation on the type */
/* *to = op over *to and all lanes of a (and b for muladd, fma), in order; NULL: none */
LaneFunction *lane_scan(LoopOp op, bool carried_first, Scalar scalar);
LaneFunction *lane_widen(Scalar from, LaneClass *wide);
LaneFunction *lane_narrow(LaneClass wide, Scalar to);        /* LOOP_CAST */
LaneFunction *lane_saturate(LaneClass wide, Scalar to);      /* LOOP_SATURATE */
LaneFunction *lane_broadcast(unsigned bytes);
LaneFunction *lane_move(unsigned bytes);
LaneFunction *lane_numbers(unsigned bytes);                  /* 0, 1, 2, ... */
LaneFunction *lane_choose(unsigned bytes);                   /* a (u8) ? b : c */

/* evaluate_access.c: false sets the fault */
bool access_load(Machine *machine, const Instruction *instruction);
bool access_store(Machine *machine, const Instruction *instruction);
void band_fill(Machine *machine, BandLoop *loops, uint32_t count, uint32_t which); /* fills loops[which].value for the strip */
void band_strip(Machine *machine, Band *band);               /* prepares the strip at band->position */

/* evaluate_run.c */
MachineResult machine_run(Machine *machine);
void machine_start(Machine *machine, const Code *code, Variant *variant, View *views);
bool machine_fault(Machine *machine, const char *format, ...) PRINTF_LIKE(2, 3); /* always false */

/* evaluate_compile.c: fills an empty variant (`same` given) from the arena. */
void variant_compile(Variant *variant, Arena *arena, Machine *machine, const Code *code, const View *views);

/* oracle.c: the named function in double through libm; NULL if unknown. */
OracleFunction *oracle_function(const char *name);
#endif
