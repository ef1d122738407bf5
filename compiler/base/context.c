/* Contexts: the record of diagnostics, and the one boundary that jumps return to.
 *
 * The message `out of memory` must survive the lack of memory: its strings are static, and one slot of context->diagnostics is
 * always kept free for it. Any other message that cannot be stored turns into that one. */
#include "memory.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_DIAGNOSTICS = 16, DEFAULT_ERROR_LIMIT = 50, LONGEST_SUGGESTION = 64 };

struct Boundary {
  jmp_buf   jump;
  Boundary *outer;
  Outcome   raised;        /* by the jump that came here */
  uint32_t  errors_before; /* context->error_count at the guard */
};

/* ---- opening and closing ---- */

static void *malloc_allocate(void *self, size_t bytes) { return malloc(bytes); }
static void  malloc_release(void *self, void *memory, size_t bytes) { free(memory); }

bool context_open(Context *context, const Allocator *allocator_or_null, int64_t fail_after) {
  *context = (Context){.allocator = {malloc_allocate, malloc_release, NULL}, .fail_after = fail_after, .error_limit = DEFAULT_ERROR_LIMIT};
  if (allocator_or_null) context->allocator = *allocator_or_null;
  context->text = arena_try_open(context);
  if (context->text) context->diagnostics = arena_try_allocate(context->text, FIRST_DIAGNOSTICS * sizeof(Diagnostic));
  if (!context->diagnostics) {
    context_close(context);
    return false;
  }
  context->diagnostic_capacity = FIRST_DIAGNOSTICS;
  return true;
}

void context_close(Context *context) {
  while (context->arenas) arena_close(context->arenas);
  context->text = NULL;
  context->diagnostics = NULL;
  context->diagnostic_count = context->diagnostic_capacity = 0;
}

/* ---- jumps ---- */

/* Among outcomes, which one a whole compilation reports. */
static int outcome_rank(Outcome outcome) {
  static const int rank[] = {[OUTCOME_OK] = 0, [OUTCOME_REFUSED] = 1, [OUTCOME_USAGE] = 2, [OUTCOME_LIMIT] = 3, [OUTCOME_IO] = 4, [OUTCOME_BUG] = 5};
  return rank[outcome];
}

static void note_outcome(Context *context, Outcome outcome) {
  if (outcome_rank(outcome) > outcome_rank(context->outcome)) context->outcome = outcome;
}

Outcome context_guard(Context *context, void (*body)(void *self), void *self) {
  Boundary boundary = {.outer = context->boundary, .raised = OUTCOME_OK, .errors_before = context->error_count};
  context->boundary = &boundary;
  if (setjmp(boundary.jump) == 0) body(self);
  /* `boundary` has its address in the context, and only `raised` changed, through that address. */
  volatile Boundary *reached = &boundary;
  Outcome            outcome = reached->raised;
  context->boundary = reached->outer;
  if (outcome == OUTCOME_OK && context->error_count > reached->errors_before) outcome = OUTCOME_REFUSED;
  note_outcome(context, outcome);
  return outcome;
}

void context_leave(Context *context, Outcome outcome) {
  note_outcome(context, outcome);
  if (!context->boundary) {
    const Diagnostic *last = context->diagnostic_count ? &context->diagnostics[context->diagnostic_count - 1] : NULL;
    fprintf(stderr, "onnxcc: %s (outside of any guard)\n", last ? last->message : "failed");
    abort();
  }
  context->boundary->raised = outcome;
  longjmp(context->boundary->jump, 1);
}

/* ---- recording ---- */

static void count_error(Context *context, Severity severity) {
  if (severity == SEVERITY_ERROR) context->error_count++;
}

/* Leaves one slot free behind the new diagnostic, for out_of_memory(). */
static void record(Context *context, const Diagnostic *diagnostic) {
  vector_reserve(context->text, (void **)&context->diagnostics, &context->diagnostic_capacity, context->diagnostic_count + 2,
                 sizeof *context->diagnostics);
  context->diagnostics[context->diagnostic_count++] = *diagnostic;
  count_error(context, diagnostic->severity);
}

static const char *keep(Context *context, const char *string) { return string ? arena_string(context->text, string, strlen(string)) : NULL; }

static void record_list(Context *context, Severity severity, DiagnosticCode code, Place place, const char *hint, const char *format,
                        va_list arguments) {
  Diagnostic diagnostic = {.severity = severity, .code = (int)code};
  diagnostic.message = arena_format_list(context->text, format, arguments);
  diagnostic.path = keep(context, place.path);
  diagnostic.detail = keep(context, place.detail);
  diagnostic.hint = keep(context, hint);
  record(context, &diagnostic);
}

void model_remark(Context *context, DiagnosticCode code, Place place, const char *hint, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  record_list(context, SEVERITY_REMARK, code, place, hint, format, arguments);
  va_end(arguments);
}

void model_warning(Context *context, DiagnosticCode code, Place place, const char *hint, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  record_list(context, SEVERITY_WARNING, code, place, hint, format, arguments);
  va_end(arguments);
}

void model_error(Context *context, DiagnosticCode code, Place place, const char *hint, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  record_list(context, SEVERITY_ERROR, code, place, hint, format, arguments);
  va_end(arguments);
  if (context->boundary && context->error_limit && context->error_count >= context->error_limit) {
    model_remark(context, CODE_TOO_MANY_ERRORS, (Place){0}, NULL, "stopping after %u errors", (unsigned)context->error_count);
    context_leave(context, OUTCOME_REFUSED);
  }
}

void forgive_errors(Context *context, uint32_t from) {
  for (uint32_t at = from; at < context->diagnostic_count; at++) {
    if (context->diagnostics[at].severity != SEVERITY_ERROR) continue;
    context->diagnostics[at].severity = SEVERITY_REMARK;
    context->error_count--;
  }
}

void check_errors(Context *context) {
  uint32_t before = context->boundary ? context->boundary->errors_before : 0;
  if (context->error_count > before) context_leave(context, OUTCOME_REFUSED);
}

/* ---- raising ---- */

void limit_error(Context *context, DiagnosticCode code, Place place, const char *hint, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  record_list(context, SEVERITY_ERROR, code, place, hint, format, arguments);
  va_end(arguments);
  context_leave(context, OUTCOME_LIMIT);
}

void io_error(Context *context, DiagnosticCode code, Place place, const char *hint, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  record_list(context, SEVERITY_ERROR, code, place, hint, format, arguments);
  va_end(arguments);
  context_leave(context, OUTCOME_IO);
}

void usage_error(Context *context, DiagnosticCode code, const char *hint, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  record_list(context, SEVERITY_ERROR, code, (Place){0}, hint, format, arguments);
  va_end(arguments);
  context_leave(context, OUTCOME_USAGE);
}

void out_of_memory(Context *context) {
  /* The free slot is gone only if this message already took it. */
  if (context->diagnostic_count < context->diagnostic_capacity)
    context->diagnostics[context->diagnostic_count++] =
        (Diagnostic){.severity = SEVERITY_ERROR, .code = CODE_OUT_OF_MEMORY, .message = "out of memory"};
  count_error(context, SEVERITY_ERROR);
  context_leave(context, OUTCOME_LIMIT);
}

void bug_at(Context *context, const char *file, int line, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const char *slash = strrchr(file, '/'); /* messages name no folder of the build */
  const char *said = arena_format_list(context->text, format, arguments);
  va_end(arguments);
  Diagnostic diagnostic = {.severity = SEVERITY_ERROR, .code = CODE_BUG};
  diagnostic.message = arena_format(context->text, "%s:%d: %s", slash ? slash + 1 : file, line, said);
  record(context, &diagnostic);
  context_leave(context, OUTCOME_BUG);
}

/* ---- the table of diagnostics ---- */

static const DiagnosticInfo diagnostic_table[] = {
#define DIAGNOSTIC(name, number, title, explanation) {number, #name, title, explanation},
#include "diagnostics.def"
#undef DIAGNOSTIC
};
enum { DIAGNOSTIC_ROWS = sizeof diagnostic_table / sizeof *diagnostic_table };

const DiagnosticInfo *diagnostic_info(int code) {
  for (uint32_t i = 0; i < DIAGNOSTIC_ROWS; i++)
    if (diagnostic_table[i].code == code) return &diagnostic_table[i];
  return NULL;
}

const DiagnosticInfo *diagnostic_info_at(uint32_t index) { return index < DIAGNOSTIC_ROWS ? &diagnostic_table[index] : NULL; }

/* ---- suggestions ---- */

static bool same_letter(char a, char b) { return tolower((unsigned char)a) == tolower((unsigned char)b); }

/* Insertions, deletions, replacements and swaps of neighbours; both lengths at most LONGEST_SUGGESTION. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length) {
  size_t row[3][LONGEST_SUGGESTION + 1]; /* row i of the table is row[i % 3] */
  for (size_t j = 0; j <= b_length; j++) row[0][j] = j;
  for (size_t i = 1; i <= a_length; i++) {
    size_t *now = row[i % 3], *before = row[(i + 2) % 3], *earlier = row[(i + 1) % 3];
    now[0] = i;
    for (size_t j = 1; j <= b_length; j++) {
      size_t best = before[j - 1] + !same_letter(a[i - 1], b[j - 1]);
      if (before[j] + 1 < best) best = before[j] + 1;
      if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
      bool swapped = i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) && same_letter(a[i - 2], b[j - 1]);
      if (swapped && earlier[j - 2] + 1 < best) best = earlier[j - 2] + 1;
      now[j] = best;
    }
  }
  return row[a_length % 3][b_length];
}

const char *did_you_mean(const char *word, const char *const *candidates, size_t count) {
  size_t length = strlen(word);
  if (length > LONGEST_SUGGESTION) return NULL;
  size_t      best = length / 3 > 1 ? length / 3 : 1;
  const char *found = NULL;
  for (size_t i = 0; i < count; i++) {
    size_t candidate_length = strlen(candidates[i]);
    if (candidate_length > LONGEST_SUGGESTION) continue;
    size_t distance = edit_distance(word, length, candidates[i], candidate_length);
    if (distance < best || (distance == best && !found)) {
      best = distance;
      found = candidates[i];
    }
  }
  return found;
}
