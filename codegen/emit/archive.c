/* A static library: the format of Unix's ar, with the table of public symbols that linkers look for in front. ELF, COFF and WebAssembly take GNU's
 * form of it (a member `/`, big-endian); Mach-O takes BSD's (a member `__.SYMDEF`, little-endian as the machines are, contents 8-byte aligned).
 * Times, owners and modes are fixed, so that the same object gives the same bytes. */
#include "codegen/emit/archive.h"

#include <string.h>

enum { HEADER_BYTES = 60, MAGIC_BYTES = 8 };

static void put_number(Text *out, uint32_t number, bool big_endian) {
  for (unsigned i = 0; i < 4; i++) text_char(out, (char)(number >> 8 * (big_endian ? 3 - i : i)));
}

static void put_header(Text *out, const char *name, size_t size) {
  text_format(out, "%-16s%-12d%-6d%-6d%-8o%-10llu`\n", name, 0, 0, 0, 0644, (unsigned long long)size);
}

static uint32_t symbol_count(const Text *symbols) {
  uint32_t count = 0;
  for (size_t i = 0; i < symbols->length; i++) count += symbols->data[i] == 0;
  return count;
}

static void pad(Text *out, size_t multiple, char with) {
  while (out->length % multiple) text_char(out, with);
}

static void print_gnu(const Emission *emission, const char *member, Arena *arena, Text *out) {
  const Text *symbols = &emission->symbols, *object = &emission->source;
  uint32_t    count = symbol_count(symbols);
  size_t      table = 4 + 4 * (size_t)count + symbols->length;
  put_header(out, "/", table + table % 2);
  put_number(out, count, true);
  for (uint32_t i = 0; i < count; i++) put_number(out, (uint32_t)(MAGIC_BYTES + HEADER_BYTES + table + table % 2), true);
  text_bytes(out, symbols->data, symbols->length);
  pad(out, 2, 0);
  bool is_long = strlen(member) > 15;
  if (is_long) member = "model.o"; /* longer names would need a table of their own, and nobody looks at them */
  put_header(out, arena_format(arena, "%s/", member), object->length);
  text_bytes(out, object->data, object->length);
  pad(out, 2, '\n');
}

/* The header of a member whose name stands in front of its contents, padded so that they begin at a multiple of 8. */
static void put_bsd_header(Text *out, Arena *arena, const char *name, size_t size) {
  size_t begin = out->length + HEADER_BYTES, length = (begin + strlen(name) + 8) / 8 * 8 - begin;
  put_header(out, arena_format(arena, "#1/%u", (unsigned)length), length + size);
  text_string(out, name);
  while (out->length < begin + length) text_char(out, 0);
}

static void print_bsd(const Emission *emission, const char *member, Arena *arena, Text *out) {
  const Text *symbols = &emission->symbols, *object = &emission->source;
  uint32_t    count = symbol_count(symbols);
  size_t      strings = (symbols->length + 7) / 8 * 8, table = 4 + 8 * (size_t)count + 4 + strings;
  put_bsd_header(out, arena, "__.SYMDEF", table);
  size_t behind = out->length + table;
  behind += behind % 2;
  put_number(out, 8 * count, false);
  for (uint32_t i = 0, at = 0; i < count; i++, at += (uint32_t)strlen(symbols->data + at) + 1) {
    put_number(out, at, false);
    put_number(out, (uint32_t)behind, false);
  }
  put_number(out, (uint32_t)strings, false);
  text_bytes(out, symbols->data, symbols->length);
  while (out->length < behind) text_char(out, 0);
  put_bsd_header(out, arena, member, object->length);
  text_bytes(out, object->data, object->length);
  pad(out, 8, '\n');
}

void archive_print(const Emission *emission, const char *member, Arena *arena, Text *out) {
  text_string(out, "!<arch>\n");
  if (emission->format == OBJECT_MACHO) print_bsd(emission, member, arena, out);
  else print_gnu(emission, member, arena, out);
}
