/* Reads ONNX files and says what came of each: for tests written as scripts.
 *
 *     reader_probe [-p] [-v] [-u] [-k] [-t] [-d DIR]... FILE...
 *
 * A line a file: `FILE: ok, N nodes, M values, K ms, P KiB` or `FILE: outcome O E0113 E0201 ...` with the codes of its errors, each once, in
 * order. -p prints the module's text form, -v all diagnostics, -u keeps unsupported operators, -k leaves weights unread, -t reads tensor
 * files, -d trusts a folder for external data. P is the process's peak resident size, so give one file to measure. */
#include "compiler/onnx/onnx_read.h"
#include "compiler/ops/ops.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct Job {
  Context context;
  OnnxFile file;
  OnnxReadOptions options;
  const char *path;
  bool print, tensor;
  Module *module;
  OnnxTensor result;
} Job;

static void body(void *self) {
  Job   *job = self;
  Arena *arena = arena_open(&job->context);
  if (job->tensor) {
    job->result = onnx_read_tensor(&job->context, arena, &job->file, job->path);
    return;
  }
  job->module = onnx_read(&job->context, arena, &job->file, &job->options, job->path);
  module_verify(job->module, &op_names, GRAPH_READ);
  if (!job->print) return;
  Text text;
  text_open(&text, arena);
  module_print(job->module, &op_names, &text);
  fputs(text_finish(&text), stdout);
}

/* Peak resident size, KiB, of this process alone (getrusage would count what its parent had before exec). */
static long peak(void) {
  char  line[256];
  long  result = 0;
  FILE *status = fopen("/proc/self/status", "r");
  while (status && fgets(line, sizeof line, status))
    if (sscanf(line, "VmHWM: %ld", &result) == 1) break;
  if (status) fclose(status);
  return result;
}

static double milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void print_diagnostics(const Context *context) {
  for (uint32_t i = 0; i < context->diagnostic_count; i++) {
    const Diagnostic *d = &context->diagnostics[i];
    printf("  %s %04d %s%s%s\n    (%s)\n", d->severity == SEVERITY_ERROR ? "error" : "note", d->code, d->path ? d->path : "", d->path ? ": " : "",
           d->message, d->hint ? d->hint : "");
  }
}

static int probe(Job *job, bool verbose) {
  double start = milliseconds();
  if (!context_open(&job->context, NULL, -1)) return 3;
  Outcome outcome = context_guard(&job->context, body, job);
  double  elapsed = milliseconds() - start;
  printf("%s: ", job->path);
  if (outcome != OUTCOME_OK) {
    int last = 0;
    printf("outcome %d", (int)outcome);
    for (uint32_t i = 0; i < job->context.diagnostic_count; i++) {
      const Diagnostic *d = &job->context.diagnostics[i];
      if (d->severity == SEVERITY_ERROR && d->code != last) printf(" E%04d", last = d->code);
    }
  } else if (job->tensor) {
    printf("ok, %s rank %u, %lld elements", element_name(job->result.element), (unsigned)job->result.rank, (long long)job->result.count);
  } else {
    printf("ok, %u nodes, %u values", (unsigned)job->module->nodes.count - 1, (unsigned)job->module->values.count - 1);
  }
  printf(", %.2f ms, %ld KiB\n", elapsed, peak());
  if (verbose) print_diagnostics(&job->context);
  onnx_close(&job->file);
  context_close(&job->context);
  return outcome == OUTCOME_OK ? 0 : 1;
}

int main(int count, char **arguments) {
  Job         job = {0};
  bool        verbose = false;
  const char *folders[16];
  int         status = 0;
  for (int i = 1; i < count; i++) {
    const char *argument = arguments[i];
    if (!strcmp(argument, "-p")) job.print = true;
    else if (!strcmp(argument, "-v")) verbose = true;
    else if (!strcmp(argument, "-u")) job.options.keep_unsupported = true;
    else if (!strcmp(argument, "-k")) job.options.keep_weights_unread = true;
    else if (!strcmp(argument, "-t")) job.tensor = true;
    else if (!strcmp(argument, "-d") && i + 1 < count && job.options.external_data_dir_count < 16) {
      folders[job.options.external_data_dir_count++] = arguments[++i];
      job.options.external_data_dirs = folders;
    } else {
      job.path = argument;
      status |= probe(&job, verbose);
    }
  }
  return status;
}
