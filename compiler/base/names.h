/* A hash table from (scope, string) to a number. Its hash is keyed with a random seed, so that no model can choose colliding names; nothing ever
 * iterates over it, so the seed never shows. */
#ifndef ONNXCC_BASE_NAMES_H
#define ONNXCC_BASE_NAMES_H
#include "context.h"

typedef struct NameEntry {
  const char *name;  /* not owned; NULL: free slot */
  uint32_t    scope; /* whatever the user tells names apart by: a graph, say */
  uint32_t    value; /* 0 says the same as an absent entry */
} NameEntry;

typedef struct NameTable {
  Arena     *arena;
  uint64_t   seed;
  NameEntry *slots;
  uint32_t   slot_count; /* a power of two */
  uint32_t   used;
} NameTable;

void names_open(NameTable *table, Arena *arena);
/* 0 if absent. */
uint32_t names_find(const NameTable *table, uint32_t scope, const char *name);
/* The value, made with 0 if absent: to be read and written before the next call. A name that is made must outlive the table. */
uint32_t *names_at(NameTable *table, uint32_t scope, const char *name);
/* Adds, or returns false and changes nothing if the name has a value. */
bool names_add(NameTable *table, uint32_t scope, const char *name, uint32_t value);
#endif
