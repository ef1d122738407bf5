/* Names to numbers, and hashes of bytes. */
#include "compiler/base/hash.h"
#include "compiler/base/names.h"
#include "tests/check.h"
#include <stdio.h>

TEST(names) {
  Context   context;
  NameTable table;
  CHECK(context_open(&context, NULL, -1));
  Arena *arena = arena_open(&context);
  names_open(&table, arena);
  CHECK_INT(names_find(&table, 0, "x"), 0);
  CHECK(names_add(&table, 0, "x", 7));
  CHECK(!names_add(&table, 0, "x", 8));
  CHECK(names_add(&table, 1, "x", 9));
  CHECK_INT(names_find(&table, 0, "x"), 7);
  CHECK_INT(names_find(&table, 1, "x"), 9);
  for (uint32_t i = 1; i <= 1000; i++) *names_at(&table, 2, arena_format(arena, "a rather long name %u", (unsigned)i)) = i;
  for (uint32_t i = 1; i <= 1000; i++) CHECK_INT(names_find(&table, 2, arena_format(arena, "a rather long name %u", (unsigned)i)), i);
  CHECK_INT(names_find(&table, 0, "x"), 7);
  *names_at(&table, 0, "x") = 0;
  CHECK(names_add(&table, 0, "x", 1));
  context_close(&context);
}

/* Printed in text forms, so the value is part of them. */
TEST(hash) {
  CHECK(hash_bytes(0, "12345678", 8) == hash_bytes(0, "123456789", 8));
  CHECK(hash_bytes(0, "12345678", 8) != hash_bytes(0, "123456789", 9));
  CHECK(hash_bytes(0, "12345678", 8) != hash_bytes(1, "12345678", 8));
  CHECK(hash_bytes(0, "a", 1) != hash_bytes(0, "a\0", 2));
  char text[17];
  snprintf(text, sizeof text, "%016llx", (unsigned long long)hash_bytes(0, "0123456789", 10));
  CHECK_TEXT(text, "26255148b5fd6dd1");
}

int main(void) {
  RUN(names);
  RUN(hash);
  return check_done();
}
