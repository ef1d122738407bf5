/* External data: weights in files beside the model. A model is not trusted to name files, so a location is opened beneath the model's own
 * folder with no symbolic link anywhere on the way (openat2; component by component on kernels without it). Folders that the user names are
 * trusted: there links are followed, because that is how download caches keep weights. A location with an absolute path opens nothing. */
#define _GNU_SOURCE /* O_PATH */
#include "compiler/onnx/reader.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILE_FLAGS   (O_RDONLY | O_CLOEXEC | O_NONBLOCK)
#define FOLDER_FLAGS (O_PATH | O_DIRECTORY | O_CLOEXEC)
#define WALK_DEPTH   64 /* components of a location */

int external_walk(int folder, const char *location) {
  int stack[WALK_DEPTH], depth = 0, result = -1, problem = EXDEV;
  const char *at = location;
  while (*location != '/') {
    char   name[NAME_MAX + 1];
    size_t length = strcspn(at, "/");
    bool   last = at[length + strspn(at + length, "/")] == 0;
    problem = ENAMETOOLONG;
    if (length >= sizeof name || depth == WALK_DEPTH) break;
    memcpy(name, at, length);
    name[length] = 0;
    at += length + strspn(at + length, "/");
    if (!strcmp(name, "..")) {
      problem = EXDEV;
      if (!depth) break;
      close(stack[--depth]);
    } else if (name[0] && strcmp(name, ".")) {
      int next = openat(depth ? stack[depth - 1] : folder, name, (last ? FILE_FLAGS : FOLDER_FLAGS) | O_NOFOLLOW);
      problem = errno;
      if (next < 0) break;
      if (last) {
        result = next;
        break;
      }
      stack[depth++] = next;
    }
    problem = EISDIR;
    if (last) break;
  }
  while (depth) close(stack[--depth]);
  if (result < 0) errno = problem;
  return result;
}

/* Beneath the folder, without links; -1 and errno. */
static int open_beneath(int folder, const char *location) {
  struct open_how how = {.flags = FILE_FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
  long            result = syscall(SYS_openat2, folder, location, &how, sizeof how);
  if (result >= 0 || (errno != ENOSYS && errno != EPERM)) return (int)result;
  return external_walk(folder, location);
}

/* A path that stays below where it starts if there are no links: relative, no `..`. */
static bool is_plain_relative(const char *location) {
  if (*location == '/') return false;
  for (const char *at = location; *at; at += strspn(at, "/")) {
    size_t length = strcspn(at, "/");
    if (length == 2 && !memcmp(at, "..", 2)) return false;
    at += length;
  }
  return true;
}

static char *folder_of(Arena *arena, const char *path) {
  const char *slash = strrchr(path, '/');
  if (!slash) return arena_string(arena, ".", 1);
  return slash == path ? arena_string(arena, "/", 1) : arena_string(arena, path, (size_t)(slash - path));
}

/* Opens the file into SLOT_FILE; returns the folder it was found in, or NULL with *problem set to an errno. */
static const char *find_file(Reader *reader, const char *location, int *problem) {
  const char *folder = folder_of(reader->scratch, reader->path);
  int         directory = open(folder, FOLDER_FLAGS);
  file_keep(reader->file, SLOT_FOLDER, directory);
  int descriptor = directory < 0 ? -1 : open_beneath(directory, location);
  *problem = errno;
  for (uint32_t i = 0; descriptor < 0 && i < reader->options->external_data_dir_count && is_plain_relative(location); i++) {
    folder = reader->options->external_data_dirs[i];
    directory = open(folder, FOLDER_FLAGS);
    file_keep(reader->file, SLOT_FOLDER, directory);
    if (directory < 0) {
      *problem = errno;
      continue;
    }
    descriptor = openat(directory, location, FILE_FLAGS);
    if (descriptor < 0 && errno != ENOENT) *problem = errno;
  }
  file_keep(reader->file, SLOT_FOLDER, -1);
  if (descriptor < 0) return NULL;
  file_keep(reader->file, SLOT_FILE, descriptor);
  return folder;
}

static const char *problem_text(int problem) {
  switch (problem) {
  case ENOENT: return "there is no such file beside the model";
  case ELOOP: return "the path goes through a symbolic link";
  case EXDEV: return "the path leads out of the model's folder";
  default: return strerror(problem);
  }
}

static bool map_file(Reader *reader, const char *location, const Step *step, Bytes *bytes) {
  for (const OnnxMap *map = reader->file->maps; map; map = map->next)
    if (map->location && !strcmp(map->location, location)) {
      *bytes = map->bytes;
      return true;
    }
  int         problem = 0;
  const char *folder = find_file(reader, location, &problem);
  Text        quoted;
  text_open(&quoted, reader->scratch);
  text_quoted(&quoted, location, strlen(location));
  if (!folder) {
    model_error(reader->context, CODE_EXTERNAL_OPEN, step_place(reader, step),
                "give the folder it is in with --external-data-dir=DIR; in such a folder symbolic links are followed",
                "the external data %s can't be opened: %s", text_finish(&quoted), problem_text(problem));
    return false;
  }
  const char *full = arena_format(reader->arena, "%s/%s", folder, location);
  uint64_t    limit = reader->options->file_limit;
  *bytes = file_load(reader->context, reader->file, full, limit);
  reader->file->maps->location = arena_string(reader->file->arena, location, strlen(location));
  vector_push(reader->arena, &reader->module->files_read, full);
  return true;
}

/* A decimal number, nothing else; false on anything more or on overflow. */
static bool parse_number(const char *text, uint64_t *value) {
  uint64_t result = 0;
  if (!*text) return false;
  for (; *text; text++) {
    if (*text < '0' || *text > '9' || __builtin_mul_overflow(result, 10, &result) || __builtin_add_overflow(result, (uint64_t)(*text - '0'), &result))
      return false;
  }
  *value = result;
  return true;
}

typedef struct Location { const char *file; uint64_t offset, length; bool has_length; } Location;

static bool read_location(Reader *reader, const Onnx__TensorProto *tensor, Place place, Location *location) {
  for (size_t i = 0; i < tensor->n_external_data; i++) {
    const char *key = tensor->external_data[i]->key, *value = tensor->external_data[i]->value;
    bool        good = true;
    if (!key || !value) good = false;
    else if (!strcmp(key, "location")) location->file = value;
    else if (!strcmp(key, "offset")) good = parse_number(value, &location->offset);
    else if (!strcmp(key, "length")) good = location->has_length = parse_number(value, &location->length);
    else if (strcmp(key, "checksum"))
      model_warning(reader->context, CODE_EXTERNAL_KEY, place, NULL, "an unknown key of the external data is ignored");
    if (!good) {
      model_error(reader->context, CODE_EXTERNAL_KEY, place, "offset and length are decimal byte counts", "the external data has a malformed entry");
      return false;
    }
  }
  if (location->file && *location->file) return true;
  model_error(reader->context, CODE_EXTERNAL_KEY, place, NULL, "the external data names no location");
  return false;
}

bool external_read(Reader *reader, const Onnx__TensorProto *tensor, const Step *step, size_t size, Bytes *bytes, const char **source) {
  Location location = {0};
  Place    place = step_place(reader, step);
  Bytes    whole;
  if (!reader->path) {
    model_error(reader->context, CODE_EXTERNAL_OPEN, place, NULL, "a tensor file can't refer to external data");
    return false;
  }
  if (!read_location(reader, tensor, place, &location) || !map_file(reader, location.file, step, &whole)) return false;
  if (location.has_length && location.length != size) {
    model_error(reader->context, CODE_TENSOR_SIZE, place, NULL, "the tensor needs %zu bytes, its external data has %llu", size,
                (unsigned long long)location.length);
    return false;
  }
  if (location.offset > whole.size || size > whole.size - location.offset) {
    model_error(reader->context, CODE_EXTERNAL_RANGE, place, "was the file copied completely?",
                "bytes %llu to %llu + %zu are wanted of a file that has %zu", (unsigned long long)location.offset,
                (unsigned long long)location.offset, size, whole.size);
    return false;
  }
  *bytes = (Bytes){whole.data + location.offset, size};
  *source = arena_format(reader->arena, "%s@%llu", location.file, (unsigned long long)location.offset);
  return true;
}
