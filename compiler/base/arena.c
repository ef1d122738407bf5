/* Arenas: a list of chunks, bumped through, freed as a whole.
 *
 * Chunks double from 4 KiB to 1 MiB; a request that would waste much of a chunk gets one of its own, behind the current one.
 * Memory is zeroed when handed out. Under AddressSanitizer everything not handed out is poisoned, a red zone follows every block,
 * and the old storage of a vector is poisoned when it grows, so that pointers kept across a push are found.
 * There is no way to free a single block. */
#include "memory.h"

#include <stdio.h>
#include <string.h>

#include "checked.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ADDRESS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define WITH_ADDRESS_SANITIZER 1
#endif

#ifdef WITH_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#define POISON(memory, bytes) __asan_poison_memory_region((memory), (bytes))
#define UNPOISON(memory, bytes) __asan_unpoison_memory_region((memory), (bytes))
enum { RED_ZONE_BYTES = 16 };
#else
#define POISON(memory, bytes) ((void)(memory), (void)(bytes))
#define UNPOISON(memory, bytes) ((void)(memory), (void)(bytes))
enum { RED_ZONE_BYTES = 0 };
#endif

enum { ALIGNMENT = 16, FIRST_CHUNK_BYTES = 4096, LARGEST_CHUNK_BYTES = 1 << 20, FIRST_VECTOR_ITEMS = 8 };
static const uint32_t LARGEST_VECTOR_ITEMS = 1u << 31;

typedef struct Chunk {
  struct Chunk *next;  /* older one */
  size_t        bytes; /* with this header */
} Chunk;

struct Arena {
  Context *context;
  Arena   *newer, *older; /* neighbours in context->arenas */
  Chunk   *chunks;        /* the one being bumped through first, those of large blocks and full ones behind it */
  char    *cursor, *end;  /* what is left of the first chunk */
  size_t   next_chunk_bytes;
};

enum { CHUNK_HEADER_BYTES = (sizeof(Chunk) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT };

/* Counts one allocation and says whether it may succeed. */
static bool permitted(Context *context) {
  context->allocations++;
  if (context->fail_after < 0) return true;
  if (context->fail_after == 0) return false;
  context->fail_after--;
  return true;
}

static void *take(Context *context, size_t bytes) {
  size_t total;
  if (!permitted(context) || !checked_add_size(context->bytes_in_use, bytes, &total)) return NULL;
  if (context->bytes_limit && total > context->bytes_limit) return NULL;
  void *memory = context->allocator.allocate(context->allocator.self, bytes);
  if (memory) context->bytes_in_use = total;
  return memory;
}

static void give(Context *context, void *memory, size_t bytes) {
  context->bytes_in_use -= bytes;
  context->allocator.release(context->allocator.self, memory, bytes);
}

Arena *arena_try_open(Context *context) {
  Arena *arena = take(context, sizeof *arena);
  if (!arena) return NULL;
  *arena = (Arena){.context = context, .older = context->arenas, .next_chunk_bytes = FIRST_CHUNK_BYTES};
  if (arena->older) arena->older->newer = arena;
  context->arenas = arena;
  return arena;
}

Arena *arena_open(Context *context) {
  Arena *arena = arena_try_open(context);
  if (!arena) out_of_memory(context);
  return arena;
}

void arena_close(Arena *arena) {
  if (!arena) return;
  Context *context = arena->context;
  if (arena->older) arena->older->newer = arena->newer;
  if (arena->newer) arena->newer->older = arena->older;
  else context->arenas = arena->older;
  for (Chunk *chunk = arena->chunks, *next; chunk; chunk = next) {
    next = chunk->next;
    size_t bytes = chunk->bytes;
    UNPOISON(chunk, bytes);
    give(context, chunk, bytes);
  }
  give(context, arena, sizeof *arena);
}

Context *arena_context(const Arena *arena) { return arena->context; }

/* A chunk whose payload holds at least `payload` bytes; not linked yet. */
static Chunk *chunk_take(Arena *arena, size_t payload) {
  size_t bytes;
  if (!checked_add_size(payload, CHUNK_HEADER_BYTES, &bytes)) return NULL;
  Chunk *chunk = take(arena->context, bytes);
  if (!chunk) return NULL;
  chunk->bytes = bytes;
  chunk->next = NULL;
  POISON((char *)chunk + CHUNK_HEADER_BYTES, payload);
  return chunk;
}

/* Room for a block too large to share a chunk. */
static char *take_large(Arena *arena, size_t room) {
  Chunk *chunk = chunk_take(arena, room);
  if (!chunk) return NULL;
  if (arena->chunks) {
    chunk->next = arena->chunks->next;
    arena->chunks->next = chunk;
  } else {
    arena->chunks = chunk; /* full: cursor and end stay equal */
  }
  return (char *)chunk + CHUNK_HEADER_BYTES;
}

static bool start_chunk(Arena *arena) {
  Chunk *chunk = chunk_take(arena, arena->next_chunk_bytes - CHUNK_HEADER_BYTES);
  if (!chunk) return false;
  chunk->next = arena->chunks;
  arena->chunks = chunk;
  arena->cursor = (char *)chunk + CHUNK_HEADER_BYTES;
  arena->end = (char *)chunk + chunk->bytes;
  if (arena->next_chunk_bytes < LARGEST_CHUNK_BYTES) arena->next_chunk_bytes *= 2;
  return true;
}

void *arena_try_allocate(Arena *arena, size_t bytes) {
  if (!permitted(arena->context) || bytes > SIZE_MAX / 2) return NULL;
  size_t room = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + RED_ZONE_BYTES;
  if (room == 0) room = ALIGNMENT; /* so that empty blocks differ */
  char *block;
  if (room <= (size_t)(arena->end - arena->cursor) || (room <= arena->next_chunk_bytes / 4 && start_chunk(arena))) {
    block = arena->cursor;
    arena->cursor += room;
  } else if (room <= arena->next_chunk_bytes / 4 || !(block = take_large(arena, room))) {
    return NULL;
  }
  UNPOISON(block, bytes);
  if (bytes) memset(block, 0, bytes);
  return block;
}

void *arena_allocate(Arena *arena, size_t bytes) {
  void *block = arena_try_allocate(arena, bytes);
  if (!block) out_of_memory(arena->context);
  return block;
}

void *arena_allocate_array(Arena *arena, size_t count, size_t item_bytes) {
  size_t bytes;
  if (!checked_mul_size(count, item_bytes, &bytes)) out_of_memory(arena->context);
  return arena_allocate(arena, bytes);
}

void *arena_copy(Arena *arena, const void *data, size_t bytes) {
  void *copy = arena_allocate(arena, bytes);
  if (bytes) memcpy(copy, data, bytes);
  return copy;
}

char *arena_string(Arena *arena, const char *text, size_t length) {
  size_t bytes;
  if (!checked_add_size(length, 1, &bytes)) out_of_memory(arena->context);
  char *copy = arena_allocate(arena, bytes);
  if (length) memcpy(copy, text, length);
  return copy;
}

char *arena_format_list(Arena *arena, const char *format, va_list arguments) {
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, again);
  va_end(again);
  if (length < 0) out_of_memory(arena->context);
  char *text = arena_allocate(arena, (size_t)length + 1);
  vsnprintf(text, (size_t)length + 1, format, arguments);
  return text;
}

char *arena_format(Arena *arena, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char *text = arena_format_list(arena, format, arguments);
  va_end(arguments);
  return text;
}

void vector_reserve(Arena *arena, void **data, uint32_t *capacity, uint32_t wanted, size_t item_bytes) {
  if (wanted <= *capacity) return;
  if (wanted > LARGEST_VECTOR_ITEMS) limit_error(arena->context, CODE_LIMIT_ITEMS, (Place){0}, NULL, "an internal array outgrew 2^31 items");
  uint32_t grown = *capacity > LARGEST_VECTOR_ITEMS / 2 ? LARGEST_VECTOR_ITEMS : *capacity * 2;
  if (grown < FIRST_VECTOR_ITEMS) grown = FIRST_VECTOR_ITEMS;
  if (grown < wanted) grown = wanted;
  void *larger = arena_allocate_array(arena, grown, item_bytes);
  if (*capacity) {
    memcpy(larger, *data, *capacity * item_bytes);
    POISON(*data, *capacity * item_bytes);
  }
  *data = larger;
  *capacity = grown;
}
