/* onnxcc MODEL -o FILE: the model as C, or as text of one of the intermediate languages; depfiles; single passes on texts. */
#include "codegen/emit/archive.h"
#include "compiler/command/link.h"
#include "compiler/ops/ops.h"
#include <string.h>
#include <unistd.h>

/* ---- names ---------------------------------------------------------------------------------------------------------------- */

/* Names of generated files stand in #include and .incbin, so they hold nothing that ends a string or a comment. */
static void check_base(Command *command, const char *base) {
  for (const char *at = base; *at; at++)
    if ((unsigned char)*at < 0x20 || strchr("\"\\?*%$'", *at) || *at == 0x7f)
      usage_error(&command->context, CODE_OUTPUT_NAME, "letters, digits, _ - . and + will do", "the output's name holds a byte that C can't include");
}

/* How the files of code end, by EmitKind; the others are texts of our own. */
typedef struct CodeFile {
  const char *what, *suffix, *other;
} CodeFile;
static const CodeFile code_files[] = {
    [EMIT_C] = {"C", ".c", NULL},
    [EMIT_OBJECT] = {"an object", ".o", ".obj"},
    [EMIT_ASSEMBLY] = {"assembly", ".s", ".asm"},
    [EMIT_LLVM_IR] = {"LLVM's language", ".ll", NULL},
    [EMIT_ARCHIVE] = {"a static library", ".a", ".lib"},
    [EMIT_SHARED] = {"a shared library", ".so", ".dylib"},
};

static bool ends_in(const char *path, const char *suffix) {
  size_t length = strlen(path), end = suffix ? strlen(suffix) : 0;
  return end && length > end && !strcmp(path + length - end, suffix) && path[length - end - 1] != '/';
}

/* The file of code, or what --emit writes; NULL: standard output. */
static const char *output_path(Command *command) {
  const Options  *options = &command->options;
  const CodeFile *file = &code_files[options->emit];
  if (!file->what) return options->output && strcmp(options->output, "-") ? options->output : NULL;
  const char *path = options->output ? options->output : path_with_suffix(command->arena, path_base(options->model), file->suffix);
  if (!ends_in(path, file->suffix) && !ends_in(path, file->other))
    usage_error(&command->context, CODE_OUTPUT_NAME, "the header and the weights get the same name with .h and .weights.bin",
                "%s is written to a file that ends in %s", file->what, file->suffix);
  check_base(command, path_base(path));
  return path;
}

/* What names the model and its header: the output, of a library without the `lib` in front, as -l takes it. */
static const char *naming_path(Command *command, const char *path) {
  bool        is_library = command->options.emit == EMIT_ARCHIVE || command->options.emit == EMIT_SHARED;
  const char *base = path_base(path);
  if (!is_library || strncmp(base, "lib", 3) || !base[3] || base[3] == '.') return path;
  return arena_format(command->arena, "%s%s", path_folder(command->arena, path), base + 3);
}

/* ---- depfile -------------------------------------------------------------------------------------------------------------- */

static void write_depfile(Command *command, const Module *module, const char *output) {
  const Options *options = &command->options;
  WordList       files = {0};
  const char    *target = output ? output : "-";
  Text           text;
  for (uint32_t at = 0; at < module->files_read.count; at++) vector_push(command->arena, &files, module->files_read.data[at]);
  for (uint32_t at = 0; at < options->response_files.count; at++) vector_push(command->arena, &files, options->response_files.data[at]);
  text_open(&text, command->arena);
  uint32_t           count = options->depfile_targets.count;
  const char *const *targets = count ? options->depfile_targets.data : &target;
  depfile_print(&text, count ? count : 1, targets, files.count, files.data, options->depfile_phony);
  const char *path = options->depfile;
  if (!path && !options->list_files) path = path_with_suffix(command->arena, output ? output : path_base(options->model), ".d");
  if (path) output_write(&command->context, &command->outputs, path, text.data, text.length);
  else command_print(command, &text);
}

/* ---- what is written ------------------------------------------------------------------------------------------------------ */

static void write_text(Command *command, const char *path, const Text *text) {
  if (path) output_write(&command->context, &command->outputs, path, text->data, text->length);
  else command_print(command, text);
}

static void write_code(Command *command, Compile *compile, const BackEnd *llvm, const char *path) {
  Emission    emission;
  const char *naming = naming_path(command, path), *base = path_base(path_with_suffix(command->arena, naming, ""));
  compile_emit_code(compile, llvm, compile_name(&command->context, command->arena, &command->options, naming), base, &emission);
  if (command_refuses(command)) return;
  if (emission.weights.length) write_text(command, path_with_suffix(command->arena, naming, ".weights.bin"), &emission.weights);
  write_text(command, path_with_suffix(command->arena, naming, ".h"), &emission.header);
  Text file = emission.source;
  if (command->options.emit == EMIT_ARCHIVE) {
    text_open(&file, command->arena);
    archive_print(&emission, arena_format(command->arena, "%s.o", base), command->arena, &file);
  }
  if (command->options.emit == EMIT_SHARED) file = link_shared(command, &emission, path_base(path));
  write_text(command, path, &file);
}

static void compile_model(Command *command, Compile *compile, const BackEnd *llvm, const char *path) {
  Text text;
  text_open(&text, command->arena);
  compile_set_dims(compile);
  compile_graph(compile);
  if (command->options.emit == EMIT_GRAPH) {
    module_print(compile->module, &op_names, &text);
    if (!command_refuses(command)) write_text(command, path, &text);
    return;
  }
  compile_lower(compile);
  compile_loops(compile);
  if (command->options.emit != EMIT_LOOPS) {
    write_code(command, compile, llvm, path);
    return;
  }
  program_print(compile->program, &text);
  if (!command_refuses(command)) write_text(command, path, &text);
}

/* -P: passes on a text. */
static void run_passes(Command *command) {
  const Options *options = &command->options;
  Bytes          bytes = file_read(&command->context, command->arena, options->model);
  Evaluator      evaluator = interpreter();
  PassState      state = {.context = &command->context, .target = options->target, .evaluator = &evaluator, .fp = (FpMode)options->fp};
  Compile        callbacks = command_open_compile(command);
  Text           text;
  state.math = options_math(options);
  state.budget = (FoldBudget){.tensor_bytes = (size_t)64 << 20, .total_bytes = (size_t)256 << 20, .steps = 1000000000};
  state.options =
      (PassOptions){.level = options->level, .dump = options->dump, .verify_each = true, .on_dump = callbacks.on_dump, .on_time = callbacks.on_time};
  state.options.self = command;
  text_open(&text, command->arena);
  pass_run_text(&state, options->passes, options->model, (const char *)bytes.data, bytes.size, &text);
  write_text(command, options->output && strcmp(options->output, "-") ? options->output : NULL, &text);
  output_commit(&command->context, &command->outputs);
}

void command_compile(Command *command) {
  const Options *options = &command->options;
  if (options->passes) {
    run_passes(command);
    return;
  }
  const char *path = output_path(command);
  const BackEnd *llvm = emit_is_llvm(options->emit) ? back_end_llvm(&command->context) : NULL; /* before any work is done, as the name */
  if (code_files[options->emit].what) (void)compile_name(&command->context, command->arena, options, naming_path(command, path));
  Compile compile = command_open_compile(command);
  compile_read(&compile, NULL);
  if (!options->list_files) compile_model(command, &compile, llvm, path);
  if (command_refuses(command)) return;
  bool wants_depfile = options->list_files || options->write_depfile || options->depfile;
  if (wants_depfile) write_depfile(command, compile.module, path);
  output_commit(&command->context, &command->outputs);
}
