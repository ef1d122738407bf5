/* Files into memory: regular files only, never blocking on a pipe, mapped read-only. Small files are read instead, so that one that somebody
 * shortens meanwhile can't end the process by SIGBUS; a large one that is shortened during the compilation can. */
#include "compiler/onnx/reader.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SMALL_FILE (256u << 10) /* bytes up to which a file is read rather than mapped */

void file_prepare(Context *context, OnnxFile *file) {
  file->context = context;
  if (!file->arena) file->arena = arena_open(context);
  if (!file->scratch) file->scratch = arena_open(context);
}

void file_keep(OnnxFile *file, int slot, int descriptor) {
  if (file->open[slot]) close(file->open[slot] - 1);
  file->open[slot] = descriptor + 1;
}

void onnx_close(OnnxFile *file) {
  for (OnnxMap *map = file->maps; map; map = map->next)
    if (map->mapped) munmap((void *)(uintptr_t)map->bytes.data, map->bytes.size);
  file_keep(file, SLOT_FILE, -1);
  file_keep(file, SLOT_FOLDER, -1);
  arena_close(file->scratch);
  arena_close(file->arena);
  *file = (OnnxFile){0};
}

uint64_t onnx_bytes_read(const OnnxFile *file) {
  uint64_t bytes = 0;
  for (const OnnxMap *map = file->maps; map; map = map->next) bytes += map->bytes.size;
  return bytes;
}

void onnx_drop_pages(const OnnxFile *file) {
  for (const OnnxMap *map = file->maps; map; map = map->next)
    if (map->mapped) (void)madvise((void *)(uintptr_t)map->bytes.data, map->bytes.size, MADV_DONTNEED);
}

/* Reads exactly `size` bytes; false if the file ends before. */
static bool read_all(int descriptor, uint8_t *data, size_t size) {
  while (size) {
    ssize_t got = read(descriptor, data, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    data += got;
    size -= (size_t)got;
  }
  return true;
}

Bytes file_load(Context *context, OnnxFile *file, const char *name, uint64_t limit) {
  int         descriptor = file->open[SLOT_FILE] - 1;
  struct stat status;
  Place       place = {.path = name};
  if (fstat(descriptor, &status)) io_error(context, CODE_FILE_READ, place, NULL, "the file can't be read: %s", strerror(errno));
  if (!S_ISREG(status.st_mode)) io_error(context, CODE_FILE_KIND, place, NULL, "this is no regular file");
  if ((uint64_t)status.st_size > limit || (uint64_t)status.st_size > SIZE_MAX / 2)
    limit_error(context, CODE_FILE_LIMIT, place, NULL, "the file has %lld bytes, the limit is %llu", (long long)status.st_size,
                (unsigned long long)limit);
  size_t   size = (size_t)status.st_size;
  OnnxMap *map = arena_new(file->arena, OnnxMap);
  map->name = arena_string(file->arena, name, strlen(name));
  if (size <= SMALL_FILE) {
    uint8_t *memory = arena_allocate(file->arena, size);
    if (!read_all(descriptor, memory, size)) io_error(context, CODE_FILE_READ, place, NULL, "the file could not be read to its end");
    map->bytes = (Bytes){memory, size};
  } else {
    void *address = mmap(NULL, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (address == MAP_FAILED) io_error(context, CODE_FILE_READ, place, NULL, "the file can't be mapped: %s", strerror(errno));
    map->bytes = (Bytes){address, size};
    map->mapped = true;
  }
  map->next = file->maps;
  file->maps = map;
  file_keep(file, SLOT_FILE, -1);
  return map->bytes;
}

Bytes file_open(Context *context, OnnxFile *file, const char *path, uint64_t limit) {
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) io_error(context, CODE_FILE_OPEN, (Place){.path = path}, NULL, "the file can't be opened: %s", strerror(errno));
  file_keep(file, SLOT_FILE, descriptor);
  return file_load(context, file, path, limit);
}
