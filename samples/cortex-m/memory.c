/* memcpy, memmove, memset and memcmp: all that compilers and models want of a C library. Compile with -ffreestanding, and with gcc also
 * -fno-tree-loop-distribute-patterns, else it makes calls of these functions out of their own loops.
 *
 * SPDX-License-Identifier: 0BSD */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *to, const void *from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
int   memcmp(const void *a, const void *b, size_t bytes);

typedef uint32_t __attribute__((may_alias)) Word;
enum { WORD = sizeof(Word) };

static int is_aligned(const void *a, const void *b) { return (((uintptr_t)a | (uintptr_t)b) & (WORD - 1)) == 0; }

static void copy_up(unsigned char *to, const unsigned char *from, size_t bytes) {
  if (is_aligned(to, from))
    for (; bytes >= WORD; bytes -= WORD, to += WORD, from += WORD) *(Word *)(void *)to = *(const Word *)(const void *)from;
  while (bytes--) *to++ = *from++;
}

void *memcpy(void *to, const void *from, size_t bytes) {
  copy_up(to, from, bytes);
  return to;
}

void *memmove(void *to, const void *from, size_t bytes) {
  if ((uintptr_t)to - (uintptr_t)from >= bytes) copy_up(to, from, bytes);
  else
    while (bytes--) ((unsigned char *)to)[bytes] = ((const unsigned char *)from)[bytes];
  return to;
}

void *memset(void *to, int value, size_t bytes) {
  unsigned char *at = to;
  if (is_aligned(at, NULL))
    for (; bytes >= WORD; bytes -= WORD, at += WORD) *(Word *)(void *)at = (unsigned char)value * 0x01010101u;
  while (bytes--) *at++ = (unsigned char)value;
  return to;
}

int memcmp(const void *a, const void *b, size_t bytes) {
  const unsigned char *x = a, *y = b;
  for (size_t i = 0; i < bytes; i++)
    if (x[i] != y[i]) return x[i] - y[i];
  return 0;
}

#if defined(__arm__) /* the names by which clang calls them there: with 4 or 8 behind where it knows the alignment */
#define THREE(name, parameters, call)        \
  void name parameters;                      \
  void name##4 parameters;                   \
  void name##8 parameters;                   \
  void name parameters { (void)call; }       \
  void name##4 parameters { (void)call; }    \
  void name##8 parameters { (void)call; }
THREE(__aeabi_memcpy, (void *to, const void *from, size_t bytes), memcpy(to, from, bytes))
THREE(__aeabi_memmove, (void *to, const void *from, size_t bytes), memmove(to, from, bytes))
THREE(__aeabi_memset, (void *to, size_t bytes, int value), memset(to, value, bytes))
THREE(__aeabi_memclr, (void *to, size_t bytes), memset(to, 0, bytes))
#endif
