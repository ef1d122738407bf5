/* Eight bytes at a time, each mixed with the running value under the start, so that with a secret start differences can't be chosen to cancel. */
#include "hash.h"
#include <string.h>
#if defined(__linux__)
#include <sys/random.h>
#endif

static uint64_t load_word(const uint8_t *data, size_t size) {
  uint64_t word = 0;
  memcpy(&word, data, size);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

uint64_t hash_bytes(uint64_t start, const void *data, size_t size) {
  const uint8_t *bytes = data;
  uint64_t       hash = hash_mix(start) + size;
  for (; size >= 8; bytes += 8, size -= 8) hash = hash_mix(hash ^ load_word(bytes, 8)) + start;
  return size ? hash_mix(hash ^ load_word(bytes, size)) : hash_mix(hash);
}

uint64_t hash_seed(void) {
  uint64_t seed;
#if defined(__linux__)
  if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == (ssize_t)sizeof seed) return seed;
#endif
  seed = 0x9e3779b97f4a7c15u;
  return seed;
}
