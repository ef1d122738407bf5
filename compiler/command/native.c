/* Compiling, linking and loading emitted code. The compiler is started directly, never through a shell, so no name can become a command; what it
 * says goes to a file in the folder and from there into our message. */
#include "compiler/command/native.h"
#include "compiler/command/files.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define FOLDER_LIMIT 4000 /* bytes of the folder's path */

/* All that is ever put into the folder. */
static const char *const folder_files[] = {"model.c", "model.h", "model.o", "model.weights.bin", "model.so", "messages"};

void native_remove_files(const char *folder) {
  char   path[FOLDER_LIMIT + 32];
  size_t length = strlen(folder);
  memcpy(path, folder, length);
  path[length++] = '/';
  for (size_t at = 0; at < sizeof folder_files / sizeof *folder_files; at++) {
    memcpy(path + length, folder_files[at], strlen(folder_files[at]) + 1);
    (void)unlink(path);
  }
  (void)rmdir(folder);
}

static void remove_folder(Command *command) {
  char *folder = command->folder;
  if (!folder) return;
  native_remove_files(folder);
  command->folder = NULL;
  free(folder);
}

void native_close(Command *command) {
  if (command->library) dlclose(command->library);
  command->library = NULL;
  if (command->jit) command->llvm->jit_close(command->jit);
  command->jit = NULL;
  remove_folder(command);
}

static void make_folder(Command *command) {
  const char *place = getenv("TMPDIR");
  char       *folder = malloc(FOLDER_LIMIT);
  if (!folder) out_of_memory(&command->context);
  snprintf(folder, FOLDER_LIMIT, "%s/onnxcc-XXXXXX", place && *place ? place : "/tmp");
  if (!mkdtemp(folder)) {
    int error = errno;
    free(folder);
    io_error(&command->context, CODE_FILE_WRITE, (Place){0}, "set TMPDIR to a folder that can be written", "no folder for temporary files: %s",
             strerror(error));
  }
  command->folder = folder;
}

static void write_file(Command *command, const char *name, const Text *text) {
  const char *path = arena_format(command->arena, "%s/%s", command->folder, name);
  int         descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) io_error(&command->context, CODE_FILE_WRITE, (Place){.path = path}, NULL, "the file can't be written: %s", strerror(errno));
  command->outputs.descriptor = descriptor + 1; /* closed with the others if writing fails */
  output_stream(&command->context, descriptor, path, text->data, text->length);
  command->outputs.descriptor = 0;
  close(descriptor);
}

/* Appends the words of a text with blanks between. */
static void push_words(Arena *arena, WordList *list, const char *words) {
  for (words += strspn(words, " "); *words; words += strspn(words, " ")) {
    size_t length = strcspn(words, " ");
    vector_push(arena, list, arena_string(arena, words, length));
    words += length;
  }
}

static WordList compiler_words(Command *command, const char *name, const NativeForm *form) {
  Arena      *arena = command->arena;
  const char *compiler = getenv("CC");
  WordList    words = {0};
  push_words(arena, &words, compiler && *compiler ? compiler : "cc");
  push_words(arena, &words, "-fPIC -shared");
  if (!form->is_object) {
    push_words(arena, &words, form->optimize);
    push_words(arena, &words, "-std=c99 -w");
    if (command->options.target->c_flags) push_words(arena, &words, command->options.target->c_flags);
  }
  if (form->profile && !form->is_object) {
    char *macro = arena_format(arena, "-D%s_PROFILE", name);
    for (char *at = macro + 2; *at; at++)
      if (*at >= 'a' && *at <= 'z') *at = (char)(*at - 'a' + 'A');
    vector_push(arena, &words, macro);
  }
  vector_push(arena, &words, arena_format(arena, "-I%s", command->folder));
  vector_push(arena, &words, "-o");
  vector_push(arena, &words, arena_format(arena, "%s/model.so", command->folder));
  vector_push(arena, &words, arena_format(arena, "%s/model.%c", command->folder, form->is_object ? 'o' : 'c'));
  vector_push(arena, &words, NULL);
  return words;
}

/* Starts the compiler; 0, or what went wrong starting it. Its exit status is in *status. */
static int spawn(const WordList *words, const char *messages, int *status) {
  posix_spawn_file_actions_t actions;
  pid_t                      child;
  int                        error = posix_spawn_file_actions_init(&actions);
  if (error) return error;
  error = posix_spawn_file_actions_addopen(&actions, 1, messages, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (!error) error = posix_spawn_file_actions_adddup2(&actions, 1, 2);
  if (!error) error = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  if (!error) error = posix_spawnp(&child, words->data[0], &actions, NULL, (char *const *)(uintptr_t)words->data, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error) return error;
  while (waitpid(child, status, 0) < 0)
    if (errno != EINTR) return errno;
  return 0;
}

/* The first lines of what the compiler said. */
static const char *first_lines(Command *command, const char *path) {
  enum { LINES = 8 };
  Bytes       bytes = file_read(&command->context, command->arena, path);
  const char *text = (const char *)bytes.data;
  size_t      length = 0;
  for (int line = 0; line < LINES && text[length]; line++) length += strcspn(text + length, "\n") + (strchr(text + length, '\n') != NULL);
  return arena_string(command->arena, text, length);
}

static void compile_source(Command *command, const char *name, const NativeForm *form) {
  WordList    words = compiler_words(command, name, form);
  const char *messages = arena_format(command->arena, "%s/messages", command->folder);
  int         status = 0, error = spawn(&words, messages, &status);
  if (error)
    io_error(&command->context, CODE_C_COMPILER, (Place){0}, "set CC to a C compiler, or run with --via=interpreter", "%s can't be started: %s",
             words.data[0], strerror(error));
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  Place place = {.detail = first_lines(command, messages)};
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
  make_folder(command);
  write_file(command, form->is_object ? "model.o" : "model.c", &emission->source);
  write_file(command, "model.h", &emission->header);
  write_file(command, "model.weights.bin", &emission->weights);
  uint64_t started = clock_nanoseconds();
  compile_source(command, name, form);
  if (command->options.verbose) fprintf(stderr, "%10.3f ms  C compiler\n", (double)(clock_nanoseconds() - started) * 1e-6);
  command->library = dlopen(arena_format(command->arena, "%s/model.so", command->folder), RTLD_NOW | RTLD_LOCAL);
  if (!command->library) io_error(context, CODE_C_LIBRARY, (Place){0}, NULL, "%s", dlerror());
  const onnxcc_model_info *(*get_info)(void);
  *(void **)&get_info = dlsym(command->library, arena_format(command->arena, "%s_info", name));
  if (!get_info) io_error(context, CODE_C_LIBRARY, (Place){0}, NULL, "%s", dlerror());
  remove_folder(command);
  return checked_info(command, get_info);
}

const onnxcc_model_info *native_load_jit(Command *command, const char *name, const Emission *emission) {
  Context *context = &command->context;
  native_close(command);
  command->jit = command->llvm->jit_open(context, command->arena, &emission->source);
  const onnxcc_model_info *(*get_info)(void);
  *(void **)&get_info = command->llvm->jit_symbol(command->jit, context, command->arena, arena_format(command->arena, "%s_info", name));
  return checked_info(command, get_info);
}
