/* Names to numbers: open addressing, at most half full, growing by doubling. */
#include "names.h"
#include "hash.h"
#include <string.h>

void names_open(NameTable *table, Arena *arena) {
  *table = (NameTable){.arena = arena, .seed = hash_seed(), .slot_count = 64};
  table->slots = arena_array(arena, NameEntry, table->slot_count);
}

static NameEntry *slot_of(const NameTable *table, uint32_t scope, const char *name) {
  uint32_t mask = table->slot_count - 1, at = (uint32_t)hash_bytes(table->seed ^ scope, name, strlen(name)) & mask;
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
