/* onnxcc run: compile a model, run it on data, write or show what comes out. */
#include "compiler/command/command.h"
#include "compiler/command/data.h"
#include "compiler/command/runner.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* A run needs all inputs; every missing one is named. */
static void check_complete(Compile *compile, const DataSet *data) {
  const Graph *graph = graph_at(compile->module, 1);
  for (uint32_t at = 0; at < data->input_count; at++) {
    Text type;
    if (data->inputs[at].data) continue;
    text_open(&type, compile->arena);
    value_print_type(compile->module, graph->inputs.data[at], &type);
    const char *hint = arena_format(compile->arena, "--input '%s=FILE.npy', or --data DIR", data->inputs[at].name);
    model_error(compile->context, CODE_DATA_MISSING, (Place){0}, hint, "input \"%s\" (%s) has no data", data->inputs[at].name, text_finish(&type));
  }
  check_errors(compile->context);
}

static void write_outputs(Command *command, const Runner *runner) {
  const Options *options = &command->options;
  if (mkdir(options->output_dir, 0777) && errno != EEXIST)
    io_error(&command->context, CODE_FILE_WRITE, (Place){.path = options->output_dir}, NULL, "the folder can't be made: %s", strerror(errno));
  for (uint32_t at = 0; at < runner->output_count; at++) {
    const Tensor *output = &runner->outputs[at];
    Bytes         bytes = options->npy ? npy_pack(&command->context, command->arena, output) : data_pack(command->arena, output);
    const char   *path = arena_format(command->arena, "%s/output_%u.%s", options->output_dir, at, options->npy ? "npy" : "pb");
    output_write(&command->context, &command->outputs, path, bytes.data, bytes.size);
    output_commit(&command->context, &command->outputs);
    output_close(&command->outputs);
  }
}

/* A line an output: name, type, the first elements. */
static void show_outputs(Command *command, const Runner *runner) {
  enum { SHOWN = 8 };
  Text text;
  text_open(&text, command->arena);
  for (uint32_t at = 0; at < runner->output_count; at++) {
    const Tensor *output = &runner->outputs[at];
    Text          name;
    text_open(&name, command->arena);
    text_name(&name, output->name, strlen(output->name));
    text_format(&text, "%s %s =", text_finish(&name), tensor_type(command->arena, output));
    for (int64_t index = 0; index < output->count && index < SHOWN; index++) text_format(&text, " %.7g", tensor_number(output, index));
    text_string(&text, output->count > SHOWN ? " ...\n" : "\n");
  }
  command_print(command, &text);
}

void command_run(Command *command) {
  Compile compile = command_open_compile(command);
  DataSet data;
  compile_read(&compile, NULL);
  compile_set_dims(&compile);
  data_read(&compile, &data);
  check_complete(&compile, &data);
  data_set_dims(&compile, &data);
  compile_graph(&compile);
  compile_lower(&compile);
  compile_loops(&compile);
  if (command_refuses(command)) return;
  Runner runner = runner_open(command, &compile, (RunVia)command->options.via, "-O2", false);
  runner_run_all(&runner, &data);
  if (command->options.output_dir) write_outputs(command, &runner);
  else show_outputs(command, &runner);
}
