/* Changing code by building it again: the frame of loop passes.
 *
 * The old code stays as it is; statement by statement a new one is built, through the builder, so that everything is simplified on the way. A pass
 * sets the hooks for what it wants to be different. Old slots stand for new values: a loop that vanishes gives its variable a constant. */
#ifndef ONNXCC_LOOP_REBUILD_H
#define ONNXCC_LOOP_REBUILD_H
#include "loop.h"

typedef struct Rebuild Rebuild;
struct Rebuild {
  Program *program;
  const Code *old;
  Builder builder;         /* the new code */
  Expr *slots;             /* by old slot: its value in the new code, always a leaf; 0: not defined yet */
  Expr (*expr)(Rebuild *rebuild, Expr old);      /* the new value, or 0 for rebuild_node(); NULL: always that */
  bool (*statement)(Rebuild *rebuild, Stmt old); /* true: it is dealt with; else rebuild_statement(); NULL: always that */
  void *self;              /* the pass's */
};

/* Begins a code with name, notes, operands and parameters of the old one. Set hooks and self afterwards. */
void rebuild_open(Rebuild *rebuild, Program *program, const Code *old);
Expr rebuild_expr(Rebuild *rebuild, Expr old);
Expr rebuild_node(Rebuild *rebuild, Expr old);   /* the same operation on rebuilt operands */
Expr rebuild_lanes(Rebuild *rebuild, Expr old);  /* rebuild_expr with at least the lanes of the old value, however simple it became */
void rebuild_list(Rebuild *rebuild, Stmt first); /* a statement and those behind it */
void rebuild_statement(Rebuild *rebuild, Stmt old);
/* The statements, and the new code. */
Code rebuild_run(Rebuild *rebuild);
#endif
