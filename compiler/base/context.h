/* One compilation: memory, messages, limits. No globals anywhere; several contexts may live at once, one a thread.
 *
 * Two ways to fail, no third.
 *   model_error() is the user's mistake: it records a diagnostic and returns; the stage ends at check_errors() when it has found them all.
 *   bug(), out of memory and exceeded limits leave at once, by longjmp, to the innermost guard (context_guard).
 * Between guard and jump only arena memory may be held: files, maps and foreign objects belong to the caller of the guard.
 * An arena that a jump leaves open is closed by its owner outside the guard, or at the latest by context_close(). */
#ifndef ONNXCC_BASE_CONTEXT_H
#define ONNXCC_BASE_CONTEXT_H
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Arena Arena;
typedef struct Context Context;
typedef struct Boundary Boundary;

#if defined(__GNUC__)
#define PRINTF_LIKE(string, first) __attribute__((format(printf, string, first)))
#define NO_RETURN __attribute__((noreturn))
#else
#define PRINTF_LIKE(string, first)
#define NO_RETURN
#endif

/* Exit statuses of the command, and what a guard returns. */
typedef enum Outcome {
  OUTCOME_OK = 0,
  OUTCOME_REFUSED = 1, /* the model: invalid, or not supported */
  OUTCOME_USAGE = 2,   /* the command line */
  OUTCOME_LIMIT = 3,   /* memory, time or size limit */
  OUTCOME_BUG = 4,     /* ours */
  OUTCOME_IO = 5       /* reading or writing files */
} Outcome;

/* Where the chunks of the arenas come from. */
typedef struct Allocator {
  void *(*allocate)(void *self, size_t bytes); /* NULL on failure */
  void (*release)(void *self, void *memory, size_t bytes);
  void *self;
} Allocator;

typedef enum Severity { SEVERITY_REMARK, SEVERITY_WARNING, SEVERITY_ERROR } Severity;

/* A place in the model; every field optional. */
typedef struct Place {
  const char *path;   /* `graph.node[17] "conv1" (Conv)`, or a byte offset with field path; NULL if none */
  const char *detail; /* a drawn line: the node with the shapes of its operands; NULL if none */
} Place;

typedef struct Diagnostic {
  Severity    severity;
  int         code;    /* stable number, printed E0312; rows of diagnostics.def */
  const char *message; /* one sentence, no full stop */
  const char *path;
  const char *detail;
  const char *hint;    /* what to do next; NULL if none */
} Diagnostic;

/* Codes: one row a diagnostic, with the text of --explain (diagnostics.def). */
typedef enum DiagnosticCode {
#define DIAGNOSTIC(name, number, title, explanation) CODE_##name = number,
#include "diagnostics.def"
#undef DIAGNOSTIC
  CODE_LAST_
} DiagnosticCode;

struct Context {
  Allocator   allocator;
  int64_t     fail_after;     /* -1: never; else the number of allocations that still succeed, then all fail (the allocation sweep).
                                 Every arena_allocate() is one, and so is every chunk it asks the allocator for */
  int64_t     allocations;    /* asked for so far */
  size_t      bytes_in_use;   /* of all arenas */
  size_t      bytes_limit;    /* 0: none; beyond it out_of_memory (OUTCOME_LIMIT) */
  Arena      *arenas;         /* all open ones, newest first */
  Arena      *text;           /* holds the diagnostics */
  Diagnostic *diagnostics;    /* in order of report */
  uint32_t    diagnostic_count, diagnostic_capacity;
  uint32_t    error_count;    /* of severity error */
  uint32_t    error_limit;    /* stop a stage after so many; default 50 */
  Outcome     outcome;        /* worst so far */
  Boundary   *boundary;       /* innermost guard; NULL: none */
  /* called as work proceeds; total 0 if unknown; NULL: silent */
  void (*progress)(void *self, const char *stage, uint64_t done, uint64_t total);
  void *progress_self;
};

/* Fills in the defaults (malloc and free). Returns false, holding nothing, if not even the first arena could be had. */
bool context_open(Context *context, const Allocator *allocator_or_null, int64_t fail_after);
void context_close(Context *context);

/* Runs body(self) under a new boundary and returns its outcome: OUTCOME_OK, or what a jump or the errors recorded meanwhile say.
 * Guards nest. A jump with no guard around it prints its message and aborts. */
Outcome context_guard(Context *context, void (*body)(void *self), void *self);

/* Goes on outwards with an outcome that a guard returned, once what it protected is cleaned up. */
NO_RETURN void context_leave(Context *context, Outcome outcome);

/* Records a diagnostic; strings are copied. `hint` may be NULL. model_error leaves the stage at the error_limit-th error. */
void model_error(Context *context, DiagnosticCode code, Place place, const char *hint, const char *format, ...) PRINTF_LIKE(5, 6);
void model_warning(Context *context, DiagnosticCode code, Place place, const char *hint, const char *format, ...) PRINTF_LIKE(5, 6);
void model_remark(Context *context, DiagnosticCode code, Place place, const char *hint, const char *format, ...) PRINTF_LIKE(5, 6);
/* Turns the errors recorded since there were `from` diagnostics into remarks: what they are about turned out to be impossible at run time, not
 * wrong. */
void forgive_errors(Context *context, uint32_t from);
/* Leaves the stage (longjmp, OUTCOME_REFUSED) if an error was recorded under the innermost guard. */
void check_errors(Context *context);

NO_RETURN void limit_error(Context *context, DiagnosticCode code, Place place, const char *hint, const char *format, ...) PRINTF_LIKE(5, 6);
NO_RETURN void io_error(Context *context, DiagnosticCode code, Place place, const char *hint, const char *format, ...) PRINTF_LIKE(5, 6);
NO_RETURN void usage_error(Context *context, DiagnosticCode code, const char *hint, const char *format, ...) PRINTF_LIKE(4, 5);
NO_RETURN void out_of_memory(Context *context);
NO_RETURN void bug_at(Context *context, const char *file, int line, const char *format, ...) PRINTF_LIKE(4, 5);
#define bug(context, ...) bug_at(context, __FILE__, __LINE__, __VA_ARGS__)
/* An invariant of ours; always checked. */
#define require(context, condition) ((condition) ? (void)0 : bug_at(context, __FILE__, __LINE__, "%s", #condition))

/* Row of diagnostics.def for a code; NULL if unknown. */
typedef struct DiagnosticInfo { int code; const char *name, *title, *explanation; } DiagnosticInfo;
const DiagnosticInfo *diagnostic_info(int code);
const DiagnosticInfo *diagnostic_info_at(uint32_t index); /* NULL past the end */

/* The candidate nearest to `word` (case ignored, Damerau-Levenshtein <= max(1, length/3), the first of equals), or NULL. */
const char *did_you_mean(const char *word, const char *const *candidates, size_t count);

/* ---- arena: everything a stage allocates; freed as a whole ------------------------------------------------------- */
Arena *arena_open(Context *context);               /* raises out_of_memory */
void   arena_close(Arena *arena);                  /* NULL is fine */
Context *arena_context(const Arena *arena);
/* Zeroed, aligned to 16. Never NULL (raises out_of_memory). bytes 0 gives a valid pointer. */
void  *arena_allocate(Arena *arena, size_t bytes);
void  *arena_allocate_array(Arena *arena, size_t count, size_t item_bytes); /* product checked */
void  *arena_copy(Arena *arena, const void *data, size_t bytes);
char  *arena_string(Arena *arena, const char *text, size_t length);         /* NUL-terminated copy */
char  *arena_format(Arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
char  *arena_format_list(Arena *arena, const char *format, va_list arguments) PRINTF_LIKE(2, 0);

#define arena_new(arena, Type)          ((Type *)arena_allocate((arena), sizeof(Type)))
#define arena_array(arena, Type, count) ((Type *)arena_allocate_array((arena), (count), sizeof(Type)))

/* ---- vector: growable array inside an arena. Declare as VECTOR(Item) name; zero-initialised is empty. ------------- */
#define VECTOR(Item) struct { Item *data; uint32_t count, capacity; }
/* Appends; evaluates to the address of the new item (valid until the next push). */
#define vector_push(arena, vector, ...) \
  (vector_reserve((arena), (void **)&(vector)->data, &(vector)->capacity, (vector)->count + 1u, sizeof *(vector)->data), \
   (vector)->data[(vector)->count] = (__VA_ARGS__), &(vector)->data[(vector)->count++])
/* Makes room for at least `wanted` items, zeroing the new ones; raises out_of_memory, or limit_error beyond 2^31 items. */
void vector_reserve(Arena *arena, void **data, uint32_t *capacity, uint32_t wanted, size_t item_bytes);

#endif
