/* Arenas and vectors: alignment, zeroing, chunk sizes, limits, and that every byte comes back. */
#include "tests/check.h"

#include <stdint.h>
#include <stdlib.h>

#include "compiler/base/checked.h"
#include "compiler/base/context.h"

TEST(blocks_are_aligned_zeroed_and_apart) {
  Context context;
  CHECK(context_open(&context, NULL, -1));
  Arena *arena = arena_open(&context);
  char  *last = NULL;
  for (size_t bytes = 0; bytes < 3000; bytes = bytes * 3 / 2 + 1) {
    for (int i = 0; i < 50; i++) {
      char *block = arena_allocate(arena, bytes);
      CHECK(block && block != last && (uintptr_t)block % 16 == 0);
      for (size_t at = 0; at < bytes; at++) CHECK(block[at] == 0);
      memset(block, 0x5a, bytes);
      last = block;
    }
  }
  arena_close(arena);
  context_close(&context);
  CHECK_INT(context.bytes_in_use, 0);
}

TEST(large_blocks_leave_the_current_chunk_in_use) {
  Context context;
  CHECK(context_open(&context, NULL, -1));
  Arena *arena = arena_open(&context);
  char  *first = arena_allocate(arena, 16);
  char  *large = arena_allocate(arena, 10u << 20);
  char  *second = arena_allocate(arena, 16);
  CHECK(second > first && second - first <= 64);
  large[(10u << 20) - 1] = 1;
  CHECK(context.bytes_in_use < (11u << 20));
  context_close(&context);
  CHECK_INT(context.bytes_in_use, 0);
}

TEST(copies_and_formats) {
  Context context;
  CHECK(context_open(&context, NULL, -1));
  Arena *arena = arena_open(&context);
  CHECK(arena_context(arena) == &context);
  CHECK_TEXT(arena_string(arena, "abcdef", 3), "abc");
  CHECK_TEXT(arena_string(arena, NULL, 0), "");
  CHECK_TEXT(arena_format(arena, "%s-%d", "conv", 7), "conv-7");
  int numbers[3] = {1, 2, 3};
  CHECK(memcmp(arena_copy(arena, numbers, sizeof numbers), numbers, sizeof numbers) == 0);
  CHECK(arena_copy(arena, NULL, 0));
  context_close(&context);
}

TEST(vectors_grow_and_keep_their_items) {
  Context context;
  CHECK(context_open(&context, NULL, -1));
  Arena *arena = arena_open(&context);
  VECTOR(uint64_t) numbers = {0};
  for (uint64_t i = 0; i < 10000; i++) CHECK(*vector_push(arena, &numbers, i * i) == i * i);
  CHECK_INT(numbers.count, 10000);
  for (uint64_t i = 0; i < numbers.count; i++) CHECK(numbers.data[i] == i * i);
  for (uint32_t i = numbers.count; i < numbers.capacity; i++) CHECK(numbers.data[i] == 0);
  vector_reserve(arena, (void **)&numbers.data, &numbers.capacity, 100000, sizeof *numbers.data);
  CHECK(numbers.capacity >= 100000 && numbers.data[9999] == 9999u * 9999u);
  context_close(&context);
}

/* ---- failures ---- */

static void ask_for_too_many_items(void *self) {
  VECTOR(char) items = {0};
  vector_reserve(arena_open(self), (void **)&items.data, &items.capacity, (1u << 31) + 1, 1);
}

static void ask_for_too_much(void *self) { arena_allocate_array(arena_open(self), SIZE_MAX / 8, 9); }
static void ask_for_everything(void *self) { arena_allocate(arena_open(self), SIZE_MAX - 8); }

static void fill(void *self) {
  Arena *arena = arena_open(self);
  for (;;) arena_allocate(arena, 100000);
}

TEST(too_large_requests_leave_by_the_guard) {
  Context context;
  CHECK(context_open(&context, NULL, -1));
  CHECK_INT(context_guard(&context, ask_for_too_many_items, &context), OUTCOME_LIMIT);
  CHECK_INT(context.diagnostics[0].code, CODE_LIMIT_ITEMS);
  CHECK_INT(context_guard(&context, ask_for_too_much, &context), OUTCOME_LIMIT);
  CHECK_INT(context_guard(&context, ask_for_everything, &context), OUTCOME_LIMIT);
  CHECK_INT(context.diagnostics[context.diagnostic_count - 1].code, CODE_OUT_OF_MEMORY);
  context_close(&context);
  CHECK_INT(context.bytes_in_use, 0);
}

TEST(the_limit_of_bytes_holds) {
  Context context;
  CHECK(context_open(&context, NULL, -1));
  context.bytes_limit = 1u << 20;
  CHECK_INT(context_guard(&context, fill, &context), OUTCOME_LIMIT);
  CHECK(context.bytes_in_use <= context.bytes_limit && context.bytes_in_use > context.bytes_limit / 2);
  context_close(&context);
}

TEST(checked_arithmetic_reports_overflow) {
  int64_t result = 5;
  size_t  size = 5;
  CHECK(!checked_add_i64(INT64_MAX, 1, &result) && !checked_mul_i64(INT64_MIN, -1, &result) && !checked_sub_i64(INT64_MIN, 1, &result));
  CHECK(!checked_add_size(SIZE_MAX, 1, &size) && !checked_mul_size(SIZE_MAX, 2, &size));
  CHECK(result == 5 && size == 5);
  CHECK(checked_mul_i64(-3, 4, &result) && result == -12);
}

int main(void) {
  RUN(blocks_are_aligned_zeroed_and_apart);
  RUN(large_blocks_leave_the_current_chunk_in_use);
  RUN(copies_and_formats);
  RUN(vectors_grow_and_keep_their_items);
  RUN(too_large_requests_leave_by_the_guard);
  RUN(the_limit_of_bytes_holds);
  RUN(checked_arithmetic_reports_overflow);
  return check_done();
}
