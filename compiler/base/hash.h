/* Hashes of bytes. With hash_seed() as the start they are for tables: no model can choose what collides, and nothing may depend on the value.
 * With a start of our own the value is the same on every machine and may be printed. Not for security. */
#ifndef ONNXCC_BASE_HASH_H
#define ONNXCC_BASE_HASH_H
#include <stddef.h>
#include <stdint.h>

static inline uint64_t hash_mix(uint64_t value) {
  value ^= value >> 32;
  value *= 0xd6e8feb86659fd93u;
  value ^= value >> 32;
  value *= 0xd6e8feb86659fd93u;
  return value ^ value >> 32;
}

/* Of a number, after what `hash` already stands for. */
static inline uint64_t hash_number(uint64_t hash, uint64_t number) { return hash_mix(hash + number) + number; }

uint64_t hash_bytes(uint64_t start, const void *data, size_t size);
uint64_t hash_seed(void); /* random where the system has random numbers, else a constant */
#endif
