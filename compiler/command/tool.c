/* Compilers and linkers in a folder of their own. */
#include "compiler/command/tool.h"
#include "compiler/command/files.h"
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

void tool_remove_files(const char *folder) {
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

void tool_close_folder(Command *command) {
  char *folder = command->folder;
  if (!folder) return;
  tool_remove_files(folder);
  command->folder = NULL;
  free(folder);
}

void tool_open_folder(Command *command) {
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

const char *tool_path(Command *command, const char *name) { return arena_format(command->arena, "%s/%s", command->folder, name); }

void tool_write(Command *command, const char *name, const Text *text) {
  const char *path = tool_path(command, name);
  int         descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) io_error(&command->context, CODE_FILE_WRITE, (Place){.path = path}, NULL, "the file can't be written: %s", strerror(errno));
  command->outputs.descriptor = descriptor + 1; /* closed with the others if writing fails */
  output_stream(&command->context, descriptor, path, text->data, text->length);
  command->outputs.descriptor = 0;
  close(descriptor);
}

void tool_words(Arena *arena, WordList *list, const char *words) {
  for (words += strspn(words, " "); *words; words += strspn(words, " ")) {
    size_t length = strcspn(words, " ");
    vector_push(arena, list, arena_string(arena, words, length));
    words += length;
  }
}

int tool_run(Command *command, const WordList *words, int *status) {
  const char                *messages = tool_path(command, "messages");
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

const char *tool_message(Command *command) {
  enum { LINES = 8 };
  Bytes       bytes = file_read(&command->context, command->arena, tool_path(command, "messages"));
  const char *text = (const char *)bytes.data;
  size_t      length = 0;
  for (int line = 0; line < LINES && text[length]; line++) length += strcspn(text + length, "\n") + (strchr(text + length, '\n') != NULL);
  return arena_string(command->arena, text, length);
}
