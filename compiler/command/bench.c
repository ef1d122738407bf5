/* onnxcc bench: how long a run takes. One thread, kept on one processor; warmed up, then repeated for a second. The least time says what the code can
 * do, the median what to expect. With --per-node the calls of kernels are framed by clocks, which costs a little itself. */
#define _GNU_SOURCE
#include "codegen/report/json.h"
#include "compiler/command/command.h"
#include "compiler/command/data.h"
#include "compiler/command/runner.h"
#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_UPS = 3, LEAST_RUNS = 5, MOST_RUNS = 100000 };
#define MEASURED_NANOSECONDS 1000000000u

typedef struct NodeTime {
  uint64_t started, total;
} NodeTime; /* nanoseconds */
typedef struct Measurement {
  uint64_t *times; /* of each run, ascending, in nanoseconds */
  uint32_t  count;
  NodeTime *nodes; /* by node; NULL: not per node */
} Measurement;

static void node_begin(void *self, uint32_t node) { ((NodeTime *)self)[node].started = clock_nanoseconds(); }
static void node_end(void *self, uint32_t node) {
  NodeTime *time = &((NodeTime *)self)[node];
  time->total += clock_nanoseconds() - time->started;
}

static void stay_on_one_processor(void) {
#ifdef __linux__
  cpu_set_t set;
  int       here = sched_getcpu();
  CPU_ZERO(&set);
  if (here >= 0) CPU_SET(here, &set);
  if (here >= 0) (void)sched_setaffinity(0, sizeof set, &set);
#endif
}

static int by_time(const void *a, const void *b) {
  uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
  return (left > right) - (left < right);
}

static void check_status(Command *command, int32_t status) {
  if (status)
    model_error(&command->context, CODE_RUN_STATUS, (Place){0}, "give real data with --data or --input", "the model returned %d for this data",
                (int)status);
  check_errors(&command->context);
}

static void measure(Command *command, Runner *runner, Measurement *measurement) {
  int warm_ups = runner->info ? WARM_UPS : 1;
  stay_on_one_processor();
  for (int at = 0; at < warm_ups; at++) check_status(command, runner_run(runner));
  for (uint32_t node = 0; measurement->nodes && node < runner->info->node_count; node++) measurement->nodes[node].total = 0;
  measurement->times = arena_array(command->arena, uint64_t, MOST_RUNS);
  uint64_t begin = clock_nanoseconds(), now = begin;
  uint32_t least = runner->info ? LEAST_RUNS : 1;
  while (measurement->count < MOST_RUNS && (measurement->count < least || now - begin < MEASURED_NANOSECONDS)) {
    uint64_t before = clock_nanoseconds();
    check_status(command, runner_run(runner));
    now = clock_nanoseconds();
    measurement->times[measurement->count++] = now - before;
  }
  qsort(measurement->times, measurement->count, sizeof *measurement->times, by_time);
  runner_finish(runner);
}

/* ---- what is printed ------------------------------------------------------------------------------------------------------ */

static double milliseconds(uint64_t nanoseconds) { return (double)nanoseconds * 1e-6; }

static int64_t total_macs(const Program *program) {
  int64_t total = 0;
  for (uint32_t at = 0; at < program->info.nodes.count; at++) total += program->info.nodes.data[at].macs > 0 ? program->info.nodes.data[at].macs : 0;
  return total;
}

static const char *const via_names[] = {[VIA_C] = "c", [VIA_INTERPRETER] = "interpreter", [VIA_LLVM] = "llvm", [VIA_JIT] = "jit"};

static void print_json(Command *command, const Runner *runner, const Measurement *measurement, Text *text) {
  Json json = json_open(text);
  json_object(&json, NULL);
  json_string(&json, "schema", "onnxcc-bench-1");
  json_string(&json, "model", command->options.model);
  json_string(&json, "target", command->options.target->name);
  json_string(&json, "via", via_names[command->options.via]);
  json_integer(&json, "runs", measurement->count);
  json_real(&json, "min_ms", milliseconds(measurement->times[0]));
  json_real(&json, "median_ms", milliseconds(measurement->times[measurement->count / 2]));
  json_integer(&json, "macs", total_macs(runner->compile->program));
  if (runner->info) json_integer(&json, "workspace_bytes", runner->workspace.count);
  if (measurement->nodes) {
    json_list(&json, "nodes");
    for (uint32_t at = 0; at < runner->info->node_count; at++) {
      const onnxcc_node_info *node = &runner->info->nodes[at];
      json_object(&json, NULL);
      json_integer(&json, "index", node->index);
      json_string(&json, "name", node->name);
      json_string(&json, "operator", node->op_type);
      json_integer(&json, "macs", node->macs);
      json_real(&json, "mean_ms", milliseconds(measurement->nodes[at].total) / measurement->count);
      json_end_object(&json);
    }
    json_end_list(&json);
  }
  json_end_object(&json);
}

static void print_table(const Runner *runner, const Measurement *measurement, Text *text) {
  double  least = milliseconds(measurement->times[0]);
  int64_t macs = total_macs(runner->compile->program);
  text_format(text, "least %.4f ms, median %.4f ms, %u runs", least, milliseconds(measurement->times[measurement->count / 2]), measurement->count);
  if (macs) text_format(text, ", %.3g GMAC/s", (double)macs / least * 1e-6);
  text_char(text, '\n');
  for (uint32_t at = 0; measurement->nodes && at < runner->info->node_count; at++) {
    const onnxcc_node_info *node = &runner->info->nodes[at];
    Text                    name;
    text_open(&name, text->arena);
    text_name(&name, node->name, strlen(node->name));
    double mean = milliseconds(measurement->nodes[at].total) / measurement->count;
    text_format(text, "%10.4f ms %5.1f %%  %5d %-20s %s\n", mean, 100 * mean / milliseconds(measurement->times[measurement->count / 2]),
                (int)node->index, node->op_type, text_finish(&name));
  }
}

void command_bench(Command *command) {
  const Options *options = &command->options;
  Compile        compile = command_open_compile(command);
  Measurement    measurement = {0};
  DataSet        data;
  Text           text;
  if (options->per_node && options->via == VIA_INTERPRETER)
    usage_error(&command->context, CODE_OPTION_VALUE, NULL, "bench --per-node needs --via=c, llvm or jit");
  compile_read(&compile, NULL);
  compile_set_dims(&compile);
  data_read(&compile, &data);
  data_set_dims(&compile, &data);
  data_fill(&compile, &data, (uint64_t)options->seed);
  compile_graph(&compile);
  compile_lower(&compile);
  compile_loops(&compile);
  if (command_refuses(command)) return;
  Runner runner = runner_open(command, &compile, (RunVia)options->via, "-O3", options->per_node);
  if (options->per_node) {
    measurement.nodes = arena_array(command->arena, NodeTime, runner.info->node_count + 1u);
    runner.hooks = (onnxcc_hooks){.self = measurement.nodes, .node_begin = node_begin, .node_end = node_end};
  }
  runner_prepare(&runner, &data);
  measure(command, &runner, &measurement);
  text_open(&text, command->arena);
  if (options->json) print_json(command, &runner, &measurement, &text);
  else print_table(&runner, &measurement, &text);
  command_print(command, &text);
}
