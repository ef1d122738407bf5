/* The library of onnxcc.h: the same stages as the command, without files and terminals. */
#include "compiler/compile.h"
#include "compiler/onnxcc.h"
#include "compiler/ops/ops.h"
#include <stdlib.h>
#include <string.h>

struct onnxcc_compiler {
  onnxcc_allocator allocator;
  Allocator        for_context;
  bool             has_context;
  Context          context; /* of the last compilation */
  OnnxFile         file;
  Options          options;
  uint32_t         word_count;
  const char     **words; /* the options, `--`, the model */
  Bytes            bytes; /* of the model, if it lies in memory */
  const char      *name;
  Module          *module;
  Text             outputs[ONNXCC_TEXT + 1];
  void (*progress)(void *self, const char *stage, uint64_t done, uint64_t total);
  void *progress_self;
};

static void *default_allocate(void *self, size_t bytes) { return malloc(bytes); }
static void  default_release(void *self, void *memory, size_t bytes) { free(memory); }

onnxcc_compiler *onnxcc_open(const onnxcc_allocator *allocator) {
  onnxcc_allocator from = allocator ? *allocator : (onnxcc_allocator){default_allocate, default_release, NULL};
  onnxcc_compiler *compiler = from.allocate(from.self, sizeof *compiler);
  if (!compiler) return NULL;
  *compiler = (onnxcc_compiler){.allocator = from, .for_context = {from.allocate, from.release, from.self}};
  return compiler;
}

/* Drops what the last compilation left. */
static void reset(onnxcc_compiler *compiler) {
  onnx_close(&compiler->file);
  if (compiler->has_context) context_close(&compiler->context);
  compiler->has_context = false;
  compiler->module = NULL;
  compiler->name = NULL;
  memset(compiler->outputs, 0, sizeof compiler->outputs);
}

void onnxcc_close(onnxcc_compiler *compiler) {
  if (!compiler) return;
  reset(compiler);
  compiler->allocator.release(compiler->allocator.self, compiler, sizeof *compiler);
}

void onnxcc_set_progress(onnxcc_compiler *compiler, void (*progress)(void *self, const char *stage, uint64_t done, uint64_t total), void *self) {
  compiler->progress = progress;
  compiler->progress_self = self;
}

/* ---- a compilation -------------------------------------------------------------------------------------------------------- */

static void check_options(onnxcc_compiler *compiler) {
  const Options *options = &compiler->options;
  bool           writes = options->output || options->list_files || options->write_depfile || options->depfile || options->passes || options->dump;
  if (writes || options_only_tell(options))
    usage_error(&compiler->context, CODE_OPTION_COMMAND, NULL, "options that print, name files or run single passes belong to the command");
}

static void work(void *self) {
  onnxcc_compiler *compiler = self;
  Context         *context = &compiler->context;
  options_parse(context, arena_open(context), &compiler->options, compiler->word_count, compiler->words);
  check_options(compiler);
  Compile  compile = compile_open(context, &compiler->file, &compiler->options);
  Emission emission;
  compile.bytes = compiler->bytes;
  const BackEnd *llvm = emit_is_llvm(compiler->options.emit) ? back_end_llvm(context) : NULL; /* before any work is done */
  const char *name = compile_name(context, compile.arena, &compiler->options, compiler->options.model);
  compiler->name = arena_string(compile.arena, name, strlen(name)); /* the caller's string may go */
  compile_read(&compile, NULL);
  compiler->module = compile.module;
  compile_set_dims(&compile);
  compile_graph(&compile);
  Text *text = &compiler->outputs[ONNXCC_TEXT];
  text_open(text, compile.arena);
  if (compiler->options.emit == EMIT_GRAPH) {
    module_print(compile.module, &op_names, text);
    return;
  }
  compile_lower(&compile);
  compile_loops(&compile);
  if (compiler->options.emit == EMIT_LOOPS) {
    program_print(compile.program, text);
    return;
  }
  compile_emit_code(&compile, llvm, compiler->name, compiler->name, &emission);
  compiler->outputs[ONNXCC_SOURCE] = emission.source;
  compiler->outputs[ONNXCC_HEADER] = emission.header;
  compiler->outputs[ONNXCC_WEIGHTS] = emission.weights;
}

/* Puts a 0 byte behind each text. */
static void finish(void *self) {
  onnxcc_compiler *compiler = self;
  for (int kind = 0; kind <= ONNXCC_TEXT; kind++)
    if (compiler->outputs[kind].length) (void)text_finish(&compiler->outputs[kind]);
}

static bool is_refused(const onnxcc_compiler *compiler) {
  for (uint32_t at = 0; at < compiler->context.diagnostic_count; at++)
    if (warning_is_error(&compiler->options, &compiler->context.diagnostics[at])) return true;
  return false;
}

int onnxcc_compile_bytes(onnxcc_compiler *compiler, uint32_t option_count, const char *const *options, const char *name, const void *data,
                         size_t bytes) {
  reset(compiler);
  if (!context_open(&compiler->context, &compiler->for_context, -1)) return OUTCOME_LIMIT;
  compiler->has_context = true;
  compiler->context.progress = compiler->progress;
  compiler->context.progress_self = compiler->progress_self;
  compiler->bytes = (Bytes){data, bytes};
  size_t room = ((size_t)option_count + 2) * sizeof *compiler->words;
  compiler->words = compiler->allocator.allocate(compiler->allocator.self, room);
  if (!compiler->words) return OUTCOME_LIMIT;
  if (option_count) memcpy(compiler->words, options, option_count * sizeof *options);
  compiler->words[option_count] = "--";
  compiler->words[option_count + 1] = name;
  compiler->word_count = option_count + 2;
  if (context_guard(&compiler->context, work, compiler) == OUTCOME_OK) (void)context_guard(&compiler->context, finish, compiler);
  compiler->allocator.release(compiler->allocator.self, compiler->words, room);
  compiler->words = NULL;
  Outcome outcome = compiler->context.outcome;
  if (outcome == OUTCOME_OK && is_refused(compiler)) outcome = OUTCOME_REFUSED;
  if (outcome != OUTCOME_OK) memset(compiler->outputs, 0, sizeof compiler->outputs);
  return (int)outcome;
}

int onnxcc_compile(onnxcc_compiler *compiler, uint32_t option_count, const char *const *options, const char *path) {
  return onnxcc_compile_bytes(compiler, option_count, options, path, NULL, 0);
}

/* ---- results -------------------------------------------------------------------------------------------------------------- */

const void *onnxcc_output(const onnxcc_compiler *compiler, int kind, size_t *bytes) {
  bool exists = kind >= 0 && kind <= ONNXCC_TEXT && compiler->outputs[kind].length;
  *bytes = exists ? compiler->outputs[kind].length : 0;
  return exists ? compiler->outputs[kind].data : NULL;
}

const char *onnxcc_name(const onnxcc_compiler *compiler) { return compiler->name ? compiler->name : ""; }

const char *onnxcc_file_at(const onnxcc_compiler *compiler, uint32_t index) {
  return compiler->module && index < compiler->module->files_read.count ? compiler->module->files_read.data[index] : NULL;
}

uint32_t onnxcc_message_count(const onnxcc_compiler *compiler) { return compiler->has_context ? compiler->context.diagnostic_count : 0; }

onnxcc_message onnxcc_message_at(const onnxcc_compiler *compiler, uint32_t index) {
  if (index >= onnxcc_message_count(compiler)) return (onnxcc_message){.text = ""};
  const Diagnostic *from = &compiler->context.diagnostics[index];
  return (onnxcc_message){(int)from->severity, from->code, from->message, from->path, from->detail, from->hint};
}

const char *onnxcc_explain(int code) {
  const DiagnosticInfo *info = diagnostic_info(code);
  return info ? info->explanation : NULL;
}

const char *onnxcc_version(void) { return ONNXCC_VERSION; }
