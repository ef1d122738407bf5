/* The few lines every C test program needs. A test is a function; it prints one line `ok NAME`, `not ok NAME - reason` or
 * `skip NAME - reason`, which tests/run.sh counts. A failed CHECK leaves its test; the other tests still run.
 *
 *     TEST(sizes_overflow) { CHECK(!checked_mul(&r, SIZE_MAX, 2)); }
 *     int main(void) { RUN(sizes_overflow); return check_done(); }
 */
#ifndef ONNXCC_TESTS_CHECK_H
#define ONNXCC_TESTS_CHECK_H
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *check_name;    /* the running test */
static int         check_settled; /* its line has been printed */
static int         check_failed;  /* tests that failed so far */
static int         check_count;   /* tests run so far */

#define TEST(name) static void name(void)
#define RUN(name) check_run(#name, name)

/* Print the line of a test that failed or was skipped: result is "not ok" or "skip". Only the first call of a test counts. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static inline void
check_settle(const char *result, const char *reason, ...) {
  if (check_settled) return;
  check_settled = 1;
  check_failed += strcmp(result, "not ok") == 0;
  va_list rest;
  va_start(rest, reason);
  printf("%s %s - ", result, check_name);
  vprintf(reason, rest);
  puts("");
  va_end(rest);
  fflush(stdout);
}

static inline void check_run(const char *name, void (*test)(void)) {
  check_name = name;
  check_settled = 0;
  check_count++;
  test();
  if (!check_settled) printf("ok %s\n", name);
  fflush(stdout);
}

/* The exit status of the program: 1 if a test failed or none ran. */
static inline int check_done(void) { return check_failed > 0 || check_count == 0; }

#define SKIP(reason) \
  do { check_settle("skip", "%s", reason); return; } while (0)
#define CHECK(condition) \
  do { \
    if (!(condition)) { check_settle("not ok", "%s:%d: %s", __FILE__, __LINE__, #condition); return; } \
  } while (0)
#define CHECK_INT(got, wanted) \
  do { \
    long long got_ = (long long)(got), wanted_ = (long long)(wanted); \
    if (got_ != wanted_) { check_settle("not ok", "%s:%d: %s is %lld, not %lld", __FILE__, __LINE__, #got, got_, wanted_); return; } \
  } while (0)
/* Texts are compared whole; a difference is shown from the first differing line on. */
#define CHECK_TEXT(got, wanted) \
  do { \
    const char *got_ = (got), *wanted_ = (wanted); \
    if (strcmp(got_, wanted_) != 0) { \
      size_t at_ = 0, line_ = 0; \
      for (; got_[at_] && got_[at_] == wanted_[at_]; at_++) \
        if (got_[at_] == '\n') line_ = at_ + 1; \
      check_settle("not ok", "%s:%d: %s has \"%.*s\" where \"%.*s\" was wanted", __FILE__, __LINE__, #got, \
                   (int)strcspn(got_ + line_, "\n"), got_ + line_, (int)strcspn(wanted_ + line_, "\n"), wanted_ + line_); \
      return; \
    } \
  } while (0)
#endif
