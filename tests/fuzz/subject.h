/* One compilation, from bytes to emitted C, as tests/fuzz and tests/sweep watch it: every byte of memory is counted. */
#ifndef ONNXCC_TESTS_FUZZ_SUBJECT_H
#define ONNXCC_TESTS_FUZZ_SUBJECT_H
#include "compiler/compile.h"

typedef struct Subject {
  /* given */
  const char        *name;         /* stands for the bytes in messages */
  const void        *data;         /* a model; a text of the graph IR if is_text */
  size_t             bytes;
  bool               is_text;
  uint32_t           option_count; /* options of the command that shape the output */
  const char *const *options;
  int64_t            fail_after;   /* as in Context; -1: never */
  bool               run;          /* interpret the result on random inputs, where they are small */
  uint64_t           seed;         /* of the inputs */
  /* found */
  Outcome outcome;
  char    said[512];               /* the last error, with its code; "" if none */
  int64_t allocations;             /* asked for */
  size_t  held, peak;              /* bytes, at the end (a leak) and at most */
  size_t  source_bytes;            /* of the emitted C */
  bool    ran;                     /* the interpreter ran to its end */
  char    fault[256];              /* what the emitted code would do wrong; "" if nothing */
} Subject;

void subject_compile(Subject *subject);

/* The next of a sequence of random numbers (SplitMix64, Steele and others 2014), and one below `limit` (not 0). */
uint64_t random_next(uint64_t *state);
uint64_t random_below(uint64_t *state, uint64_t limit);
#endif
