/* The seam between arenas and context: what may fail softly. Only context.c and arena.c include this. */
#ifndef ONNXCC_BASE_MEMORY_H
#define ONNXCC_BASE_MEMORY_H
#include "context.h"

/* Like arena_open and arena_allocate, but NULL instead of a jump when memory, fail_after or bytes_limit is exhausted. */
Arena *arena_try_open(Context *context);
void  *arena_try_allocate(Arena *arena, size_t bytes);
#endif
