/* Arithmetic on numbers that come from files: every function returns false, and leaves *result alone, when the true result does not fit. */
#ifndef ONNXCC_BASE_CHECKED_H
#define ONNXCC_BASE_CHECKED_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool checked_add_i64(int64_t a, int64_t b, int64_t *result) {
  int64_t r;
  if (__builtin_add_overflow(a, b, &r)) return false;
  *result = r;
  return true;
}
static inline bool checked_sub_i64(int64_t a, int64_t b, int64_t *result) {
  int64_t r;
  if (__builtin_sub_overflow(a, b, &r)) return false;
  *result = r;
  return true;
}
static inline bool checked_mul_i64(int64_t a, int64_t b, int64_t *result) {
  int64_t r;
  if (__builtin_mul_overflow(a, b, &r)) return false;
  *result = r;
  return true;
}
static inline bool checked_add_size(size_t a, size_t b, size_t *result) {
  size_t r;
  if (__builtin_add_overflow(a, b, &r)) return false;
  *result = r;
  return true;
}
static inline bool checked_mul_size(size_t a, size_t b, size_t *result) {
  size_t r;
  if (__builtin_mul_overflow(a, b, &r)) return false;
  *result = r;
  return true;
}
#endif
