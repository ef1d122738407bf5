/* Reading small files, writing whole ones. Paths and memory of an OutputSet come from malloc: they outlive every arena. */
#include "compiler/command/files.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- reading -------------------------------------------------------------------------------------------------------------- */

/* Reads to the end into `text`; false with errno if that fails. */
static bool read_to_end(int descriptor, Text *text) {
  char piece[65536];
  for (;;) {
    ssize_t got = read(descriptor, piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0;
    text_bytes(text, piece, (size_t)got);
  }
}

typedef struct Reading {
  int   descriptor;
  Text *text;
  bool  ok;
  int   error;
} Reading;

static void read_body(void *self) {
  Reading *reading = self;
  reading->ok = read_to_end(reading->descriptor, reading->text);
  reading->error = errno;
}

Bytes file_read(Context *context, Arena *arena, const char *path) {
  Text    text;
  Place   place = {.path = path};
  Reading reading = {.descriptor = open(path, O_RDONLY | O_CLOEXEC), .text = &text};
  if (reading.descriptor < 0) io_error(context, CODE_FILE_OPEN, place, NULL, "the file can't be opened: %s", strerror(errno));
  text_open(&text, arena);
  Outcome outcome = context_guard(context, read_body, &reading); /* memory may run out, and the descriptor must be closed */
  close(reading.descriptor);
  if (outcome != OUTCOME_OK) out_of_memory(context);
  if (!reading.ok) io_error(context, CODE_FILE_READ, place, NULL, "the file can't be read: %s", strerror(reading.error));
  const char *data = text_finish(&text);
  return (Bytes){(const uint8_t *)data, text.length};
}

/* ---- writing -------------------------------------------------------------------------------------------------------------- */

static bool write_all(int descriptor, const char *data, size_t size) {
  while (size) {
    size_t  piece = size < (size_t)1 << 30 ? size : (size_t)1 << 30;
    ssize_t done = write(descriptor, data, piece);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return false;
    data += done;
    size -= (size_t)done;
  }
  return true;
}

NO_RETURN static void refuse_writing(Context *context, const char *path, int error) {
  io_error(context, CODE_FILE_WRITE, (Place){.path = path}, NULL, "the file can't be written: %s", strerror(error));
}

void output_stream(Context *context, int descriptor, const char *what, const void *data, size_t size) {
  if (!write_all(descriptor, data, size)) refuse_writing(context, what, errno);
}

static void close_descriptor(OutputSet *outputs) {
  if (outputs->descriptor) close(outputs->descriptor - 1);
  outputs->descriptor = 0;
}

/* Something exists there that is no regular file: a device or a pipe, which can't be replaced. A folder is refused before anything is written. */
static bool is_special(Context *context, const char *path) {
  struct stat status;
  if (stat(path, &status)) return false;
  if (S_ISDIR(status.st_mode)) refuse_writing(context, path, EISDIR);
  return !S_ISREG(status.st_mode);
}

/* In this order, as a signal handler looks at it (interrupt.c). */
static void forget_temporary(OutputFile *file) {
  char *temporary = file->temporary;
  file->temporary = NULL;
  free(temporary);
}

/* A new file beside `path`, for nobody else; its name is put into the record. */
static int create_beside(OutputFile *file) {
  const char *base = path_base(file->path);
  size_t      folder = (size_t)(base - file->path), size = strlen(file->path) + 32;
  file->temporary = malloc(size);
  for (unsigned attempt = 0; file->temporary && attempt < 1000; attempt++) {
    snprintf(file->temporary, size, "%.*s.%s.%lx-%u", (int)folder, file->path, base, (unsigned long)getpid(), attempt);
    int descriptor = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0 || errno != EEXIST) return descriptor;
  }
  return -1;
}

void output_write(Context *context, OutputSet *outputs, const char *path, const void *data, size_t size) {
  require(context, outputs->count < OUTPUT_LIMIT && !outputs->descriptor);
  OutputFile *file = &outputs->files[outputs->count];
  *file = (OutputFile){.path = strdup(path)};
  if (!file->path) out_of_memory(context);
  outputs->count++;
  errno = ENOMEM;
  int descriptor = is_special(context, path) ? open(path, O_WRONLY | O_CLOEXEC) : create_beside(file);
  if (descriptor < 0) {
    int error = errno;
    forget_temporary(file); /* it does not exist */
    refuse_writing(context, path, error);
  }
  outputs->descriptor = descriptor + 1;
  if (!write_all(descriptor, data, size)) refuse_writing(context, path, errno);
  outputs->descriptor = 0;
  if (close(descriptor)) refuse_writing(context, path, errno);
}

void output_commit(Context *context, OutputSet *outputs) {
  for (uint32_t at = 0; at < outputs->count; at++) {
    OutputFile *file = &outputs->files[at];
    if (!file->temporary) continue;
    if (rename(file->temporary, file->path)) refuse_writing(context, file->path, errno);
    forget_temporary(file);
  }
}

void output_close(OutputSet *outputs) {
  close_descriptor(outputs);
  for (uint32_t at = 0; at < outputs->count; at++) {
    OutputFile *file = &outputs->files[at];
    if (file->temporary) unlink(file->temporary);
    forget_temporary(file);
    free(file->path);
  }
  outputs->count = 0;
}

/* ---- paths ---------------------------------------------------------------------------------------------------------------- */

const char *path_base(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

char *path_folder(Arena *arena, const char *path) { return arena_string(arena, path, (size_t)(path_base(path) - path)); }

char *path_with_suffix(Arena *arena, const char *path, const char *suffix) {
  const char *dot = strrchr(path_base(path), '.');
  size_t      length = dot && dot != path_base(path) ? (size_t)(dot - path) : strlen(path);
  return arena_format(arena, "%.*s%s", (int)length, path, suffix);
}

/* ---- depfiles ------------------------------------------------------------------------------------------------------------- */

/* A path as make and ninja read it. */
static void print_make_path(Text *text, const char *path) {
  for (; *path; path++) {
    if (*path == '$') text_char(text, '$');
    if (*path == ' ' || *path == '\t' || *path == '#') text_char(text, '\\');
    text_char(text, *path);
  }
}

void depfile_print(Text *text, uint32_t target_count, const char *const *targets, uint32_t file_count, const char *const *files, bool phony) {
  for (uint32_t at = 0; at < target_count; at++) {
    if (at) text_char(text, ' ');
    print_make_path(text, targets[at]);
  }
  text_char(text, ':');
  for (uint32_t at = 0; at < file_count; at++) {
    text_string(text, " \\\n  ");
    print_make_path(text, files[at]);
  }
  text_char(text, '\n');
  for (uint32_t at = 0; phony && at < file_count; at++) {
    text_char(text, '\n');
    print_make_path(text, files[at]);
    text_string(text, ":\n");
  }
}
