/* The parts of the reader that files can't reach alone, and what it does when memory runs out. */
#include "compiler/onnx/preflight.h"
#include "compiler/onnx/reader.h"
#include "tests/check.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- small functions ------------------------------------------------------------------------------------------------------ */

TEST(varints) {
  const uint8_t data[] = {0x80, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
  uint64_t      value = 7;
  size_t        at = 0;
  CHECK(varint_read(data, &at, sizeof data, &value));
  CHECK_INT(value, 128);
  CHECK_INT(at, 2);
  CHECK(!varint_read(data, &at, 11, &value));
  CHECK_INT(at, 2);
  CHECK(varint_read(data, &at, 12, &value));
  CHECK(value == UINT64_MAX);
  CHECK(!varint_read(data, &at, 12, &value));
}

static bool is_utf8(const char *text) {
  size_t bad;
  return utf8_check((const uint8_t *)text, strlen(text), &bad);
}

TEST(utf8) {
  CHECK(is_utf8("") && is_utf8("a") && is_utf8("\xc3\xa9") && is_utf8("\xe2\x82\xac") && is_utf8("\xf0\x9f\x98\x80") && is_utf8("\xf4\x8f\xbf\xbf"));
  CHECK(!is_utf8("\x80") && !is_utf8("\xc3") && !is_utf8("\xc1\xbf") && !is_utf8("\xe0\x9f\xbf") && !is_utf8("\xed\xa0\x80"));
  CHECK(!is_utf8("\xf0\x8f\xbf\xbf") && !is_utf8("\xf4\x90\x80\x80") && !is_utf8("\xf5\x80\x80\x80") && !is_utf8("ab\xe2\x82"));
  size_t bad = 0;
  CHECK(!utf8_check((const uint8_t *)"ab\0c", 4, &bad));
  CHECK_INT(bad, 2);
}

TEST(budget) {
  CHECK_INT(preflight_budget(0), 64 << 20);
  CHECK_INT(preflight_budget(1000), (64 << 20) + 8000);
  CHECK_INT(preflight_budget(SIZE_MAX), 2ll << 30);
}

/* ---- locations without openat2 ---------------------------------------------------------------------------------------------- */

static int walk(int folder, const char *location) {
  int descriptor = external_walk(folder, location);
  if (descriptor < 0) return -errno;
  close(descriptor);
  return 0;
}

TEST(walk_beneath) {
  char folder[] = "/tmp/onnxcc-reader-XXXXXX";
  CHECK(mkdtemp(folder));
  int at = open(folder, O_RDONLY | O_DIRECTORY);
  CHECK(at >= 0);
  CHECK(!mkdirat(at, "sub", 0700) && !symlinkat("sub", at, "link") && !symlinkat("sub/w", at, "wlink"));
  int file = openat(at, "sub/w", O_CREAT | O_WRONLY, 0600);
  CHECK(file >= 0);
  close(file);
  CHECK_INT(walk(at, "sub/w"), 0);
  CHECK_INT(walk(at, "./sub//w"), 0);
  CHECK_INT(walk(at, "sub/../sub/w"), 0);
  CHECK_INT(walk(at, "sub/none"), -ENOENT);
  CHECK_INT(walk(at, "../x"), -EXDEV);
  CHECK_INT(walk(at, "sub/../../x"), -EXDEV);
  CHECK_INT(walk(at, "/etc/hostname"), -EXDEV);
  CHECK(walk(at, "link/w") < 0);
  CHECK(walk(at, "wlink") < 0);
  CHECK_INT(walk(at, "sub/.."), -EISDIR);
  CHECK_INT(walk(at, "."), -EISDIR);
  CHECK(!unlinkat(at, "sub/w", 0) && !unlinkat(at, "link", 0) && !unlinkat(at, "wlink", 0) && !unlinkat(at, "sub", AT_REMOVEDIR));
  close(at);
  rmdir(folder);
}

/* ---- running out of memory -------------------------------------------------------------------------------------------------- */

typedef struct Counter { int64_t blocks; } Counter;

static void *count_allocate(void *self, size_t bytes) {
  ((Counter *)self)->blocks++;
  return malloc(bytes);
}

static void count_release(void *self, void *memory, size_t bytes) {
  (void)bytes;
  ((Counter *)self)->blocks--;
  free(memory);
}

typedef struct Job { Context context; OnnxFile file; const char *path; } Job;

static void read_model(void *self) {
  Job *job = self;
  const char     *folder = "tests/cmake/data";
  OnnxReadOptions options = {.keep_unsupported = true, .external_data_dirs = &folder, .external_data_dir_count = 1};
  onnx_read(&job->context, arena_open(&job->context), &job->file, &options, job->path);
}

static int open_descriptors(void) {
  DIR *folder = opendir("/proc/self/fd");
  int  count = 0;
  while (folder && readdir(folder)) count++;
  if (folder) closedir(folder);
  return count;
}

/* Reads with each allocation failing in turn. Returns how many there are, or minus the first one after which something was wrong. */
static int64_t sweep(const char *path) {
  int before = open_descriptors();
  for (int64_t after = 0;; after++) {
    Counter   counter = {0};
    Allocator allocator = {count_allocate, count_release, &counter};
    Job       job = {.path = path};
    Outcome   outcome = OUTCOME_LIMIT;
    if (context_open(&job.context, &allocator, after)) {
      outcome = context_guard(&job.context, read_model, &job);
      onnx_close(&job.file);
      context_close(&job.context);
    }
    bool clean = counter.blocks == 0 && open_descriptors() == before;
    if (outcome == OUTCOME_OK && clean) return after;
    if (outcome != OUTCOME_LIMIT || !clean) return -after - 1;
  }
}

TEST(memory_fails_everywhere) { CHECK(sweep("samples/digits/digits.onnx") > 0); }
TEST(memory_fails_with_external_data) { CHECK(sweep("tests/cmake/external.onnx") > 0); }

int main(void) {
  RUN(varints);
  RUN(utf8);
  RUN(budget);
  RUN(walk_beneath);
  RUN(memory_fails_everywhere);
  RUN(memory_fails_with_external_data);
  return check_done();
}
