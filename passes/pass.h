/* The driver of the passes. One table (passes.def) says of each pass what it is, what it needs and what it breaks; the driver makes missing facts
 * again, drops broken ones, verifies, times, and hands out dumps. No pass prints, and neither does the driver: texts go to the caller. */
#ifndef ONNXCC_PASSES_PASS_H
#define ONNXCC_PASSES_PASS_H
#include "compiler/graph/graph.h"
#include "compiler/loop/evaluate.h"
#include "compiler/loop/loop.h"
#include "passes/graph/graph_passes.h"
#include "passes/loop/legalise.h"
#include "passes/loop/loop_passes.h"
#include "passes/loop/place.h"
#include "targets/target.h"

typedef enum PassId {
#define PASS(id, ...) PASS_##id,
#include "passes.def"
#undef PASS
  PASS_COUNT
} PassId;

typedef enum PassKind { PASS_GRAPH, PASS_LOOP } PassKind; /* on the module; on the program that was lowered from it */

/* What may be relied on. A fact is given by exactly one pass, which also makes it again after another one broke it. */
typedef enum Fact {
  FACT_NONE = 0,
  FACT_SHAPES = 1, /* every value has its type and dims: the module verifies as GRAPH_SHAPED */
  FACT_GROUPS = 2  /* nodes stand in x.Group: GRAPH_GROUPED */
} Fact;

typedef struct PassState PassState;

typedef struct PassInfo {
  char        letter;      /* for dumps (-d LETTERS) */
  const char *name;        /* for -f<name> and -fno-<name> */
  PassKind    kind;
  uint32_t    needs, breaks, gives; /* Facts; breaks: where it changes anything */
  int         level;       /* runs from this -O level on */
  bool      (*run)(PassState *state); /* true if anything changed */
  const char *summary;
} PassInfo;

const PassInfo *pass_info(PassId pass);
bool pass_find(const char *name, size_t length, PassId *pass); /* by name or letter */

typedef struct PassOptions {
  int         level;             /* -O0 .. -O3 */
  int8_t      choice[PASS_COUNT];/* 1: -f<name>, -1: -fno-<name>, 0: by level */
  const char *dump;              /* letters of the passes to be dumped behind, `*` for all; NULL: none */
  bool        verify_each;       /* after every pass, also in builds that would not */
  /* A dump: the module or program as text, or `(unchanged)`. The text dies with the call. */
  void      (*on_dump)(void *self, const PassInfo *pass, const Text *text);
  /* A pass has run. */
  void      (*on_time)(void *self, const PassInfo *pass, uint64_t nanoseconds, bool changed);
  void       *self;
} PassOptions;

/* What the passes work on; filled in by the caller. */
struct PassState {
  Context         *context;
  Module          *module;
  Program         *program;      /* NULL until lowered */
  Arena           *scratch;      /* of the running pass; the driver's */
  const Target    *target;       /* NULL: none chosen, passes that want one do without */
  const Evaluator *evaluator;    /* NULL: nothing is folded by running it */
  FoldBudget       budget;       /* what folding has left */
  PassOptions      options;
  FpMode           fp;           /* other than FP_DEFAULT: no rewrite that rounds differently */
  MathMode         math;         /* where the bodies of maths functions come from */
  uint32_t         facts;        /* Facts that hold */
  uint32_t         giving;       /* Facts that are being made: a circle in the table is a bug */
};

bool pass_enabled(const PassState *state, PassId pass);
/* Runs one pass, enabled or not, after the passes that give what it needs. */
bool pass_run(PassState *state, PassId pass); /* true if it changed anything */
/* Runs the enabled passes of a kind in the order of the table. */
void pass_run_all(PassState *state, PassKind kind);
/* Runs passes, by names or letters with blanks between, on a text of the IR they are for, and prints the result behind `output`.
 * `state` has everything but module and program. An unknown name leaves the stage. */
void pass_run_text(PassState *state, const char *passes, const char *file, const char *data, size_t length, Text *output);
#endif
