/* The compiler as a library: what it gives, threads, an allocator that fails, options it refuses. */
#include "compiler/onnxcc.h"
#include "tests/check.h"
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

static const char model[] = "samples/digits/digits.onnx";

TEST(gives_source_and_header) {
  onnxcc_compiler *compiler = onnxcc_open(NULL);
  const char      *options[] = {"--name=digits", "--target=generic"};
  size_t           bytes;
  CHECK_INT(onnxcc_compile(compiler, 2, options, model), 0);
  const char *source = onnxcc_output(compiler, ONNXCC_SOURCE, &bytes), *header = onnxcc_output(compiler, ONNXCC_HEADER, &bytes);
  CHECK(source && header && strlen(header) == bytes);
  CHECK(strstr(source, "#include \"digits.h\"") && strstr(header, "digits_run"));
  CHECK_TEXT(onnxcc_name(compiler), "digits");
  CHECK_TEXT(onnxcc_file_at(compiler, 0), model);
  CHECK(!onnxcc_file_at(compiler, 1));
  CHECK(!onnxcc_output(compiler, ONNXCC_TEXT, &bytes) && bytes == 0);
  onnxcc_close(compiler);
}

TEST(gives_text) {
  onnxcc_compiler *compiler = onnxcc_open(NULL);
  const char      *options[] = {"--emit=graph"};
  size_t           bytes;
  CHECK_INT(onnxcc_compile(compiler, 1, options, model), 0);
  CHECK(strstr(onnxcc_output(compiler, ONNXCC_TEXT, &bytes), "graph "));
  CHECK(!onnxcc_output(compiler, ONNXCC_SOURCE, &bytes));
  onnxcc_close(compiler);
}

static char *read_model(size_t *size) {
  static char bytes[1 << 20];
  FILE       *file = fopen(model, "rb");
  *size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
  if (file) fclose(file);
  return bytes;
}

TEST(reads_from_memory) {
  onnxcc_compiler *first = onnxcc_open(NULL), *second = onnxcc_open(NULL);
  const char      *options[] = {"--name=digits"};
  size_t           size, bytes, other_bytes;
  char            *data = read_model(&size);
  CHECK_INT(onnxcc_compile(first, 1, options, model), 0);
  CHECK_INT(onnxcc_compile_bytes(second, 1, options, "digits.onnx", data, size), 0);
  const void *source = onnxcc_output(first, ONNXCC_SOURCE, &bytes), *other = onnxcc_output(second, ONNXCC_SOURCE, &other_bytes);
  CHECK(bytes == other_bytes && !memcmp(source, other, bytes));
  onnxcc_close(first);
  onnxcc_close(second);
}

TEST(says_what_is_wrong) {
  onnxcc_compiler *compiler = onnxcc_open(NULL);
  size_t           bytes;
  CHECK_INT(onnxcc_compile_bytes(compiler, 0, NULL, "cut.onnx", "\x08", 1), 1);
  CHECK_INT(onnxcc_message_count(compiler), 1);
  CHECK_INT(onnxcc_message_at(compiler, 0).severity, 2);
  CHECK(onnxcc_explain(onnxcc_message_at(compiler, 0).code) != NULL);
  CHECK(!onnxcc_output(compiler, ONNXCC_SOURCE, &bytes));
  CHECK_INT(onnxcc_compile(compiler, 0, NULL, "samples/digits/no_such_file.onnx"), 5);
  CHECK_INT(onnxcc_compile(compiler, 0, NULL, model), 0); /* it can be used again */
  CHECK_INT(onnxcc_message_count(compiler), 0);
  onnxcc_close(compiler);
}

TEST(refuses_options_of_the_command) {
  static const char *const refused[] = {"-ofile.c", "-M", "-MD", "--help", "--version", "-d*", "-Pcse", "--data=x", "-Onone", "-fno-such"};
  onnxcc_compiler         *compiler = onnxcc_open(NULL);
  for (size_t at = 0; at < sizeof refused / sizeof *refused; at++) CHECK_INT(onnxcc_compile(compiler, 1, &refused[at], model), 2);
  onnxcc_close(compiler);
}

/* An allocator that counts, and fails from one allocation on. */
typedef struct Scarce {
  long left, held;
} Scarce;
static void *scarce_allocate(void *self, size_t bytes) {
  Scarce *scarce = self;
  if (scarce->left-- <= 0) return NULL;
  scarce->held++;
  return malloc(bytes);
}
static void scarce_release(void *self, void *memory, size_t bytes) {
  if (memory) ((Scarce *)self)->held--;
  free(memory);
}

TEST(survives_any_failing_allocation) {
  const char *options[] = {"--name=digits"};
  for (long left = 0;; left++) {
    Scarce           scarce = {.left = left};
    onnxcc_allocator allocator = {scarce_allocate, scarce_release, &scarce};
    onnxcc_compiler *compiler = onnxcc_open(&allocator);
    int              status = compiler ? onnxcc_compile(compiler, 1, options, model) : 3;
    onnxcc_close(compiler);
    CHECK_INT(scarce.held, 0);
    if (status == 0) {
      CHECK(left > 5);
      return;
    }
    CHECK_INT(status, 3);
    CHECK(left < 100000);
  }
}

static size_t stages;
static void   count_stage(void *self, const char *stage, uint64_t done, uint64_t total) { ++*(size_t *)self; }

TEST(reports_progress) {
  onnxcc_compiler *compiler = onnxcc_open(NULL);
  onnxcc_set_progress(compiler, count_stage, &stages);
  CHECK_INT(onnxcc_compile(compiler, 0, NULL, model), 0);
  CHECK(stages > 3);
  onnxcc_close(compiler);
}

enum { THREADS = 8, ROUNDS = 4 };
static char *expected;

static void *compile_often(void *self) {
  const char *options[] = {"--name=digits"};
  for (int round = 0; round < ROUNDS; round++) {
    onnxcc_compiler *compiler = onnxcc_open(NULL);
    size_t           bytes;
    bool             equal = onnxcc_compile(compiler, 1, options, model) == 0 && !strcmp(onnxcc_output(compiler, ONNXCC_SOURCE, &bytes), expected);
    onnxcc_close(compiler);
    if (!equal) return self;
  }
  return NULL;
}

TEST(compiles_in_many_threads) {
  onnxcc_compiler *compiler = onnxcc_open(NULL);
  const char      *options[] = {"--name=digits"};
  pthread_t        threads[THREADS];
  size_t           bytes;
  void            *failed = NULL, *result;
  CHECK_INT(onnxcc_compile(compiler, 1, options, model), 0);
  expected = strdup(onnxcc_output(compiler, ONNXCC_SOURCE, &bytes));
  onnxcc_close(compiler);
  for (int at = 0; at < THREADS; at++) CHECK_INT(pthread_create(&threads[at], NULL, compile_often, expected), 0);
  for (int at = 0; at < THREADS; at++) {
    pthread_join(threads[at], &result);
    if (result) failed = result;
  }
  free(expected);
  CHECK(!failed);
}

int main(void) {
  RUN(gives_source_and_header);
  RUN(gives_text);
  RUN(reads_from_memory);
  RUN(says_what_is_wrong);
  RUN(refuses_options_of_the_command);
  RUN(survives_any_failing_allocation);
  RUN(reports_progress);
  RUN(compiles_in_many_threads);
  return check_done();
}
