/* Names to numbers: open addressing, at most half full, growing by doubling. */
#include "names.h"
#include <string.h>
#if defined(__linux__)
#include <sys/random.h>
#endif

static uint64_t mix(uint64_t value) {
  value ^= value >> 32;
  value *= 0xd6e8feb86659fd93u;
  value ^= value >> 32;
  value *= 0xd6e8feb86659fd93u;
  return value ^ value >> 32;
}

/* Each eight bytes are mixed with the running value under a secret start, so differences can't be chosen to cancel. */
static uint64_t hash(uint64_t seed, uint32_t scope, const char *name) {
  size_t   length = strlen(name);
  uint64_t value = mix(seed ^ scope) + length, word;
  for (; length >= sizeof word; name += sizeof word, length -= sizeof word) {
    memcpy(&word, name, sizeof word);
    value = mix(value ^ word) + seed;
  }
  word = 0;
  memcpy(&word, name, length);
  return mix(value ^ word);
}

void names_open(NameTable *table, Arena *arena) {
  *table = (NameTable){.arena = arena, .seed = 0x9e3779b97f4a7c15u, .slot_count = 64};
#if defined(__linux__)
  uint64_t seed;
  if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == (ssize_t)sizeof seed) table->seed = seed;
#endif
  table->slots = arena_array(arena, NameEntry, table->slot_count);
}

static NameEntry *slot_of(const NameTable *table, uint32_t scope, const char *name) {
  uint32_t mask = table->slot_count - 1, at = (uint32_t)hash(table->seed, scope, name) & mask;
  while (table->slots[at].name && (table->slots[at].scope != scope || strcmp(table->slots[at].name, name))) at = (at + 1) & mask;
  return &table->slots[at];
}

uint32_t names_find(const NameTable *table, uint32_t scope, const char *name) { return slot_of(table, scope, name)->value; }

static void grow(NameTable *table) {
  NameEntry *old_slots = table->slots;
  uint32_t   count = table->slot_count;
  table->slots = arena_array(table->arena, NameEntry, (size_t)count * 2);
  table->slot_count = count * 2;
  for (uint32_t i = 0; i < count; i++)
    if (old_slots[i].name) *slot_of(table, old_slots[i].scope, old_slots[i].name) = old_slots[i];
}

uint32_t *names_at(NameTable *table, uint32_t scope, const char *name) {
  if (table->used >= table->slot_count / 2) grow(table);
  NameEntry *slot = slot_of(table, scope, name);
  if (!slot->name) {
    *slot = (NameEntry){name, scope, 0};
    table->used++;
  }
  return &slot->value;
}

bool names_add(NameTable *table, uint32_t scope, const char *name, uint32_t value) {
  uint32_t *at = names_at(table, scope, name);
  if (*at) return false;
  *at = value;
  return true;
}
