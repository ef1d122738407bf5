/* Which loops of a kernel may run as lanes (evaluate_bands.c). */
#ifndef ONNXCC_LOOP_EVALUATE_BANDS_H
#define ONNXCC_LOOP_EVALUATE_BANDS_H
#include "evaluate_machine.h"

/* A load or store in the text of the code. `order`: its statement's place in a walk of all statements, parents first. */
typedef struct AccessSite { uint32_t order, operand, rank; const uint32_t *indices; bool store; } AccessSite;
/* A use of a slot as a value, or a SET of one. */
typedef struct SlotSite { uint32_t order; Slot slot; Stmt stmt; } SlotSite;

/* Where an access goes, as far as the proof needs it. */
typedef struct Footprint {
  int64_t  band[BAND_LIMIT];   /* elements an increment of each band variable */
  IndexSum outer;              /* terms from outside, in elements; constant 0 */
  int64_t  least, most;        /* the rest lies between */
  bool     stored, joined;     /* joined: belongs to a cluster that is proved */
} Footprint;

/* A band: the loops, outermost first, and whether it carries variables from one iteration to the next (then SETs run as scans). */
typedef struct BandChoice { uint32_t count; Stmt loops[BAND_LIMIT]; bool carries; } BandChoice;

typedef struct Analysis {
  Machine    *machine;
  Arena      *arena;
  const Code *code;
  const View *views;
  const uint32_t *same;      /* Variant.same */
  uint32_t   *begin, *end;   /* by statement: its order, and one past the last statement inside it */
  IndexSum     *slots;         /* by slot: what it is worth; itself if nothing else is known */
  uint32_t   *slot_order;    /* by slot: order of the statement that defines it */
  Stmt       *slot_loop;     /* by slot: the loop whose variable it is, or 0 */
  Stmt       *let_of;        /* by slot: the let that defines it, or 0 */
  bool       *vectors;       /* by order: the statement computes with vectors of the program */
  VECTOR(AccessSite) accesses;
  VECTOR(SlotSite) sets, reads;
  Footprint  *prints;        /* scratch: one an access */
  bool       *proved;        /* scratch: by operand */
  BandChoice *best;          /* by statement: the best band from that loop on, once found */
  int64_t    *best_lanes;    /* by statement: its lanes; 0: none; -1: not found yet */
} Analysis;

void   analysis_open(Analysis *analysis, Arena *arena, Machine *machine, const Code *code, const View *views, const uint32_t *same);
IndexSum index_sum(const Analysis *analysis, Expr expr);
/* Whether `loop` should become the outermost loop of a band, and of which. */
bool   band_choose(const Analysis *analysis, Stmt loop, BandChoice *choice);
/* The SET of a carried variable: `op` over the operand(s) `values` in order; carried_first: the variable is the left operand. */
bool   scan_pattern(const Code *code, const StmtNode *set, LoopOp *op, bool *carried_first, Expr values[2]);
#endif
