/* Runs the command with each of its writes to files failing in turn: the disk is full, a write ends early, closing or renaming fails. Linked with
 * --wrap, so that the calls of compiler/command come here first. Each run is a process of its own. Afterwards a file is there whole or not at all, no
 * temporary file is left, and a file that was there before is either as it was or new and whole.
 *
 *     writes MODEL FOLDER      the folder is made, and emptied again */
#include "compiler/command/command.h"
#include "tests/check.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef enum Call { CALL_OPEN, CALL_WRITE, CALL_CLOSE, CALL_RENAME, CALL_COUNT } Call;
static const char *const call_names[] = {"open", "write", "close", "rename"};

static Call failing;            /* which kind of call */
static int  fails_at = -1;      /* and which one of them; -1: none */
static int  seen[CALL_COUNT];   /* calls so far */
static bool shorten;            /* writes give one byte of what was asked for instead, every time */
static int  opened = -1;        /* descriptor of the file being written */

static bool fails(Call call) { return failing == call && seen[call]++ == fails_at; }

int     __real_open(const char *name, int flags, ...);
ssize_t __real_write(int descriptor, const void *data, size_t bytes);
int     __real_close(int descriptor);
int     __real_rename(const char *from, const char *to);
int     __wrap_open(const char *name, int flags, ...);
ssize_t __wrap_write(int descriptor, const void *data, size_t bytes);
int     __wrap_close(int descriptor);
int     __wrap_rename(const char *from, const char *to);

int __wrap_open(const char *name, int flags, ...) {
  bool writes = (flags & O_ACCMODE) != O_RDONLY;
  if (writes && fails(CALL_OPEN)) return errno = ENOSPC, -1;
  int descriptor = __real_open(name, flags, 0666);
  if (writes) opened = descriptor;
  return descriptor;
}

ssize_t __wrap_write(int descriptor, const void *data, size_t bytes) {
  if (descriptor != opened) return __real_write(descriptor, data, bytes);
  if (fails(CALL_WRITE)) {
    if (bytes > 1) (void)!__real_write(descriptor, data, bytes / 2); /* some of it still went to the disk */
    return errno = ENOSPC, -1;
  }
  return __real_write(descriptor, data, shorten && bytes > 1000 ? 1000 : bytes);
}

int __wrap_close(int descriptor) {
  bool is_output = descriptor == opened;
  if (is_output) opened = -1;
  int status = __real_close(descriptor);
  return is_output && fails(CALL_CLOSE) ? errno = EIO, -1 : status;
}

int __wrap_rename(const char *from, const char *to) {
  if (fails(CALL_RENAME)) return errno = EACCES, -1;
  return __real_rename(from, to);
}

/* ---- the folder ----------------------------------------------------------------------------------------------------------- */

enum { FILE_COUNT = 4, PATH_BYTES = 4096 };
static const char *const names[FILE_COUNT] = {"model.c", "model.h", "model.weights.bin", "model.d"};
static const char       *model, *folder;
typedef struct Content { char *data; size_t bytes; } Content;
static Content whole[FILE_COUNT];

static const char *path_of(const char *name) {
  static char path[PATH_BYTES];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static Content read_content(const char *name) {
  Content content = {0};
  FILE   *file = fopen(path_of(name), "rb");
  if (!file) return content;
  fseek(file, 0, SEEK_END);
  content.bytes = (size_t)ftell(file);
  rewind(file);
  content.data = malloc(content.bytes + 1);
  if (fread(content.data, 1, content.bytes, file) != content.bytes) content.bytes = SIZE_MAX;
  fclose(file);
  return content;
}

static void empty_folder(void) {
  DIR *listing = opendir(folder);
  for (struct dirent *entry; listing && (entry = readdir(listing));)
    if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) unlink(path_of(entry->d_name));
  if (listing) closedir(listing);
}

static void write_old(void) {
  for (int at = 0; at < FILE_COUNT; at++) {
    FILE *file = fopen(path_of(names[at]), "wb");
    if (file) fputs("old", file), fclose(file);
  }
}

/* The exit status of the command. */
static int run_command(int call, int at) {
  pid_t child = fork();
  if (child == 0) {
    static char output[PATH_BYTES];
    char       *words[] = {(char *)(uintptr_t)"onnxcc", (char *)(uintptr_t)model, (char *)(uintptr_t)"-o", output, (char *)(uintptr_t)"-MD",
                           (char *)(uintptr_t)"--weights=incbin", NULL};
    snprintf(output, sizeof output, "%s/model.c", folder);
    failing = (Call)call;
    fails_at = at;
    int null = __real_open("/dev/null", O_WRONLY);
    dup2(null, 2);
    exit(command_main(6, words));
  }
  int status = 0;
  return child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status) ? -1 : WEXITSTATUS(status);
}

/* NULL if every file of the folder is whole, or, with `old`, as it was. */
static const char *inspect_folder(bool old) {
  DIR *listing = opendir(folder);
  for (struct dirent *entry; listing && (entry = readdir(listing));) {
    bool known = !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..");
    for (int at = 0; at < FILE_COUNT; at++) {
      if (strcmp(entry->d_name, names[at])) continue;
      Content found = read_content(names[at]);
      bool    is_old = old && found.bytes == 3 && !memcmp(found.data, "old", 3);
      known = is_old || (found.bytes == whole[at].bytes && !memcmp(found.data, whole[at].data, found.bytes));
      free(found.data);
    }
    if (!known) {
      closedir(listing);
      return "a file is there in part, or a temporary one is left";
    }
  }
  if (listing) closedir(listing);
  return NULL;
}

/* ---- tests ---------------------------------------------------------------------------------------------------------------- */

static void fail_each(Call call, bool old) {
  for (int at = 0;; at++) {
    empty_folder();
    if (old) write_old();
    int         status = run_command((int)call, at);
    const char *wrong = inspect_folder(old);
    if (status == 0) { /* there is no such call any more */
      CHECK(at >= FILE_COUNT);
      return;
    }
    if (status != OUTCOME_IO || wrong)
      check_settle("not ok", "%s %d: status %d; %s", call_names[call], at, status, wrong ? wrong : "another was wanted");
    CHECK(at < 1000);
  }
}

TEST(writes_all_files) {
  CHECK_INT(run_command(0, -1), 0);
  for (int at = 0; at < FILE_COUNT; at++) {
    whole[at] = read_content(names[at]);
    CHECK(whole[at].data && whole[at].bytes && whole[at].bytes != SIZE_MAX);
  }
}
TEST(goes_on_after_short_writes) {
  shorten = true;
  empty_folder();
  CHECK_INT(run_command(0, -1), 0);
  CHECK(!inspect_folder(false));
  shorten = false;
}
TEST(open_fails) { fail_each(CALL_OPEN, false); }
TEST(write_fails) { fail_each(CALL_WRITE, false); }
TEST(close_fails) { fail_each(CALL_CLOSE, false); }
TEST(rename_fails) { fail_each(CALL_RENAME, false); }
TEST(open_fails_beside_old_files) { fail_each(CALL_OPEN, true); }
TEST(write_fails_beside_old_files) { fail_each(CALL_WRITE, true); }
TEST(rename_fails_beside_old_files) { fail_each(CALL_RENAME, true); }

int main(int count, char **words) {
  if (count != 3) return 2;
  model = words[1];
  folder = words[2];
  mkdir(folder, 0777);
  empty_folder();
  RUN(writes_all_files);
  RUN(goes_on_after_short_writes);
  RUN(open_fails);
  RUN(write_fails);
  RUN(close_fails);
  RUN(rename_fails);
  RUN(open_fails_beside_old_files);
  RUN(write_fails_beside_old_files);
  RUN(rename_fails_beside_old_files);
  empty_folder();
  for (int at = 0; at < FILE_COUNT; at++) free(whole[at].data);
  return check_done();
}
