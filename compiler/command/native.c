/* Compiling, linking and loading emitted code. */
#include "compiler/command/native.h"
#include "compiler/command/tool.h"
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

void native_close(Command *command) {
  if (command->library) dlclose(command->library);
  command->library = NULL;
  if (command->jit) command->llvm->jit_close(command->jit);
  command->jit = NULL;
  tool_close_folder(command);
}

static WordList compiler_words(Command *command, const char *name, const NativeForm *form) {
  Arena      *arena = command->arena;
  const char *compiler = getenv("CC");
  WordList    words = {0};
  tool_words(arena, &words, compiler && *compiler ? compiler : "cc");
  tool_words(arena, &words, "-fPIC -shared");
  if (!form->is_object) {
    tool_words(arena, &words, form->optimize);
    tool_words(arena, &words, "-std=c99 -w");
    if (command->options.target->c_flags) tool_words(arena, &words, command->options.target->c_flags);
  }
  if (form->profile && !form->is_object) {
    char *macro = arena_format(arena, "-D%s_PROFILE", name);
    for (char *at = macro + 2; *at; at++)
      if (*at >= 'a' && *at <= 'z') *at = (char)(*at - 'a' + 'A');
    vector_push(arena, &words, macro);
  }
  vector_push(arena, &words, arena_format(arena, "-I%s", command->folder));
  vector_push(arena, &words, "-o");
  vector_push(arena, &words, tool_path(command, "model.so"));
  vector_push(arena, &words, arena_format(arena, "%s/model.%c", command->folder, form->is_object ? 'o' : 'c'));
  if (command->options.libm) vector_push(arena, &words, "-lm");
  vector_push(arena, &words, NULL);
  return words;
}

static void compile_source(Command *command, const char *name, const NativeForm *form) {
  WordList    words = compiler_words(command, name, form);
  int         status = 0, error = tool_run(command, &words, &status);
  if (error)
    io_error(&command->context, CODE_C_COMPILER, (Place){0}, "set CC to a C compiler, or run with --via=interpreter", "%s can't be started: %s",
             words.data[0], strerror(error));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  Place place = {.detail = tool_message(command)};
  io_error(&command->context, CODE_C_COMPILER, place, "is --target a machine that this one can run? --via=interpreter runs code for any",
           "%s failed on the emitted %s", words.data[0], form->is_object ? "object" : "C");
}

static const onnxcc_model_info *checked_info(Command *command, const onnxcc_model_info *(*get_info)(void)) {
  const onnxcc_model_info *info = get_info();
  require(&command->context, info->abi == ONNXCC_ABI);
  return info;
}

const onnxcc_model_info *native_load(Command *command, const char *name, const Emission *emission, const NativeForm *form) {
  Context *context = &command->context;
  if (context->progress) context->progress(context->progress_self, form->is_object ? "link the object" : "compile the C", 0, 0);
  native_close(command);
  tool_open_folder(command);
  tool_write(command, form->is_object ? "model.o" : "model.c", &emission->source);
  tool_write(command, "model.h", &emission->header);
  tool_write(command, "model.weights.bin", &emission->weights);
  uint64_t started = clock_nanoseconds();
  compile_source(command, name, form);
  if (command->options.verbose) fprintf(stderr, "%10.3f ms  C compiler\n", (double)(clock_nanoseconds() - started) * 1e-6);
  command->library = dlopen(tool_path(command, "model.so"), RTLD_NOW | RTLD_LOCAL);
  if (!command->library) io_error(context, CODE_C_LIBRARY, (Place){0}, NULL, "%s", dlerror());
  const onnxcc_model_info *(*get_info)(void);
  *(void **)&get_info = dlsym(command->library, arena_format(command->arena, "%s_info", name));
  if (!get_info) io_error(context, CODE_C_LIBRARY, (Place){0}, NULL, "%s", dlerror());
  tool_close_folder(command);
  return checked_info(command, get_info);
}

const onnxcc_model_info *native_load_jit(Command *command, const char *name, const Emission *emission) {
  Context      *context = &command->context;
  const Target *target = command->options.target;
  if (*target->architecture && strcmp(target->architecture, target_host()->architecture))
    io_error(context, CODE_C_LIBRARY, (Place){0}, "--via=interpreter runs code for any machine", "code for %s can't be loaded into this process",
             target->name);
  native_close(command);
  command->jit = command->llvm->jit_open(context, &emission->source);
  const onnxcc_model_info *(*get_info)(void);
  *(void **)&get_info = command->llvm->jit_symbol(command->jit, context, arena_format(command->arena, "%s_info", name));
  return checked_info(command, get_info);
}
