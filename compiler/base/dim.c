/* The table of dimension expressions: symbols, hash-consed nodes, ranges, and the questions asked of them.
 *
 * A node's operands have smaller indices, so one pass in order of index brings all ranges up to date when a symbol's range shrinks.
 * Ranges are intervals of int64 with the ends as infinities; they are never too narrow, but may be too wide.
 * Walks recurse along `b` and loop along the chain of `a`; `depth` bounds the recursion, `size` the work. */
#include "dim_table.h"

#include <string.h>

#include "checked.h"

enum { FIRST_HASH_SIZE = 64 };

typedef struct Interval {
  int64_t lo, hi;
} Interval;

/* ---- interval arithmetic ---- */

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

/* An end that overflowed inwards would pass for the other infinity. */
static Interval interval(int64_t lo, int64_t hi) { return (Interval){lo == INT64_MAX ? INT64_MAX - 1 : lo, hi == INT64_MIN ? INT64_MIN + 1 : hi}; }

/* a + b, where `infinity` absorbs and overflow saturates */
static int64_t add_ends(int64_t a, int64_t b, int64_t infinity) {
  int64_t sum;
  if (a == infinity || b == infinity) return infinity;
  if (checked_add_i64(a, b, &sum)) return sum;
  return a < 0 ? INT64_MIN : INT64_MAX;
}

static int64_t multiply_ends(int64_t a, int64_t b) {
  int64_t product;
  if (a == 0 || b == 0) return 0;
  bool infinite = a == INT64_MIN || a == INT64_MAX || b == INT64_MIN || b == INT64_MAX;
  if (!infinite && checked_mul_i64(a, b, &product)) return product;
  return (a < 0) != (b < 0) ? INT64_MIN : INT64_MAX;
}

static Interval multiply_intervals(Interval a, Interval b) {
  int64_t corner[4] = {multiply_ends(a.lo, b.lo), multiply_ends(a.lo, b.hi), multiply_ends(a.hi, b.lo), multiply_ends(a.hi, b.hi)};
  return interval(smaller(smaller(corner[0], corner[1]), smaller(corner[2], corner[3])),
                  larger(larger(corner[0], corner[1]), larger(corner[2], corner[3])));
}

/* divisor >= 1, where INT64_MAX is infinite */
static int64_t divide_ends(int64_t a, int64_t divisor, int64_t infinity) {
  if (a == infinity) return infinity;
  if (divisor == DIM_OPEN) return a < 0 ? -1 : 0;
  return floor_divide(a, divisor);
}

static Interval floordiv_intervals(Interval a, Interval b) {
  if (b.lo < 0) return (Interval){INT64_MIN, DIM_OPEN};
  b.lo = larger(b.lo, 1);
  b.hi = larger(b.hi, 1);
  return interval(divide_ends(a.lo, a.lo < 0 ? b.lo : b.hi, INT64_MIN), divide_ends(a.hi, a.hi < 0 ? b.hi : b.lo, DIM_OPEN));
}

static Interval mod_intervals(Interval a, Interval b) {
  if (b.lo < 0) return (Interval){INT64_MIN, DIM_OPEN};
  int64_t hi = b.hi == DIM_OPEN ? DIM_OPEN : larger(b.hi - 1, 0);
  if (a.lo >= 0) hi = smaller(hi, a.hi);
  return (Interval){0, hi};
}

static Interval node_interval(const DimTable *table, const DimNode *node) {
  Interval a = {dim_node(table, node->a)->lo, dim_node(table, node->a)->hi};
  Interval b = {dim_node(table, node->b)->lo, dim_node(table, node->b)->hi};
  switch (node->op) {
  case DIM_OP_UNKNOWN: break;
  case DIM_OP_CONSTANT: return (Interval){node->value, node->value};
  case DIM_OP_SYMBOL: return (Interval){table->symbols.data[node->value].lo, table->symbols.data[node->value].hi};
  case DIM_OP_ADD: return interval(add_ends(a.lo, b.lo, INT64_MIN), add_ends(a.hi, b.hi, INT64_MAX));
  case DIM_OP_MUL: return multiply_intervals(a, b);
  case DIM_OP_FLOORDIV: return floordiv_intervals(a, b);
  case DIM_OP_CEILDIV: break;
  case DIM_OP_MOD: return mod_intervals(a, b);
  case DIM_OP_MIN: return (Interval){smaller(a.lo, b.lo), smaller(a.hi, b.hi)};
  case DIM_OP_MAX: return (Interval){larger(a.lo, b.lo), larger(a.hi, b.hi)};
  }
  return (Interval){INT64_MIN, DIM_OPEN};
}

/* ---- nodes ---- */

void dim_open(DimTable *table, Arena *arena) {
  *table = (DimTable){.arena = arena};
  table->hash_size = FIRST_HASH_SIZE;
  table->hash = arena_array(arena, uint32_t, table->hash_size);
  vector_push(arena, &table->nodes, (DimNode){.op = DIM_OP_UNKNOWN, .lo = INT64_MIN, .hi = DIM_OPEN, .size = 1});
}

void dim_overflow(DimTable *table) {
  limit_error(arena_context(table->arena), CODE_LIMIT_DIMENSION, (Place){0}, "give the symbolic dimensions values or ranges with -D",
              "a dimension expression overflows 64 bits or grows past %d nodes", LARGEST_DIM_SIZE);
}

static uint32_t slot_of(DimOp op, Dim a, Dim b, int64_t value, uint32_t size) {
  uint64_t hash = ((uint64_t)op + 1) * UINT64_C(0x9e3779b97f4a7c15);
  hash = (hash ^ ((uint64_t)a << 32 | b)) * UINT64_C(0xbf58476d1ce4e5b9);
  hash = (hash ^ hash >> 29 ^ (uint64_t)value) * UINT64_C(0x94d049bb133111eb);
  return (uint32_t)(hash >> 32) & (size - 1);
}

static void hash_grow(DimTable *table) {
  uint32_t  size = table->hash_size * 2;
  uint32_t *hash = arena_array(table->arena, uint32_t, size);
  for (uint32_t i = 1; i < table->nodes.count; i++) {
    const DimNode *node = &table->nodes.data[i];
    uint32_t       slot = slot_of(node->op, node->a, node->b, node->value, size);
    while (hash[slot]) slot = (slot + 1) & (size - 1);
    hash[slot] = i;
  }
  table->hash = hash;
  table->hash_size = size;
}

static bool is_chain(DimOp op) { return op == DIM_OP_ADD || op == DIM_OP_MUL || op == DIM_OP_MIN || op == DIM_OP_MAX; }

bool dim_intern(DimTable *table, DimOp op, Dim a, Dim b, int64_t value, Dim *result) {
  if (table->nodes.count >= table->hash_size / 2) hash_grow(table);
  uint32_t slot = slot_of(op, a, b, value, table->hash_size);
  for (; table->hash[slot]; slot = (slot + 1) & (table->hash_size - 1)) {
    const DimNode *node = dim_node(table, table->hash[slot]);
    if (node->op != op || node->a != a || node->b != b || node->value != value) continue;
    *result = table->hash[slot];
    return true;
  }
  const DimNode *left = dim_node(table, a), *right = dim_node(table, b);
  bool           is_leaf = op == DIM_OP_CONSTANT || op == DIM_OP_SYMBOL;
  uint32_t       size = is_leaf ? 1 : 1u + left->size + right->size;
  uint32_t       depth_a = left->depth + (is_chain(op) && left->op == op ? 0u : 1u), depth_b = right->depth + 1u;
  uint32_t       depth = is_leaf ? 0 : depth_a > depth_b ? depth_a : depth_b;
  if (size > LARGEST_DIM_SIZE || depth > LARGEST_DIM_DEPTH) return false;
  DimNode  node = {.op = op, .a = a, .b = b, .value = value, .size = (uint16_t)size, .depth = (uint16_t)depth};
  Interval range = node_interval(table, &node);
  node.lo = range.lo;
  node.hi = range.hi;
  vector_push(table->arena, &table->nodes, node);
  *result = table->hash[slot] = table->nodes.count - 1;
  return true;
}

Dim dim_constant(DimTable *table, int64_t value) {
  Dim result;
  require(arena_context(table->arena), dim_intern(table, DIM_OP_CONSTANT, 0, 0, value, &result));
  return result;
}

static bool pinned(const DimNode *node) {
  return node->op == DIM_OP_CONSTANT || (node->lo == node->hi && node->lo != INT64_MIN && node->hi != DIM_OPEN);
}

Dim dim_settle(DimTable *table, Dim dim) {
  const DimNode *node = dim_node(table, dim);
  return node->op != DIM_OP_CONSTANT && pinned(node) ? dim_constant(table, node->lo) : dim;
}

/* ---- symbols ---- */

uint32_t dim_find_symbol(const DimTable *table, const char *name) {
  for (uint32_t i = 0; i < table->symbols.count; i++)
    if (strcmp(table->symbols.data[i].name, name) == 0) return i;
  return UINT32_MAX;
}

static Dim symbol_dim(DimTable *table, uint32_t symbol) {
  Dim result;
  require(arena_context(table->arena), dim_intern(table, DIM_OP_SYMBOL, 0, 0, symbol, &result));
  return dim_settle(table, result);
}

static Dim make_symbol(DimTable *table, const char *name, SymbolKind kind, int64_t lo, int64_t hi) {
  const char *kept = arena_string(table->arena, name, strlen(name));
  vector_push(table->arena, &table->symbols, (Symbol){kept, kind, lo, hi});
  return symbol_dim(table, table->symbols.count - 1);
}

bool dim_narrow(DimTable *table, uint32_t symbol, int64_t lo, int64_t hi) {
  require(arena_context(table->arena), symbol < table->symbols.count);
  Symbol *entry = &table->symbols.data[symbol];
  lo = larger(lo, entry->lo);
  hi = smaller(hi, entry->hi);
  if (lo > hi) return false;
  if (lo == entry->lo && hi == entry->hi) return true;
  entry->lo = lo;
  entry->hi = hi;
  for (uint32_t i = 1; i < table->nodes.count; i++) {
    DimNode *node = &table->nodes.data[i];
    Interval range = node_interval(table, node);
    node->lo = range.lo;
    node->hi = range.hi;
  }
  return true;
}

Dim dim_symbol(DimTable *table, const char *name, SymbolKind kind, int64_t lo, int64_t hi) {
  uint32_t symbol = dim_find_symbol(table, name);
  if (symbol == UINT32_MAX) return make_symbol(table, name, kind, lo, hi);
  if (!dim_narrow(table, symbol, lo, hi)) {
    const Symbol *entry = &table->symbols.data[symbol];
    Text          quoted;
    text_open(&quoted, table->arena);
    text_quoted(&quoted, name, strlen(name));
    model_error(arena_context(table->arena), CODE_SYMBOL_RANGE, (Place){0}, NULL, "dimension %s cannot be in %lld..%lld and in %lld..%lld at once",
                text_finish(&quoted), (long long)entry->lo, (long long)entry->hi, (long long)lo, (long long)hi);
  }
  return symbol_dim(table, symbol);
}

Dim dim_fresh(DimTable *table, const char *stem, SymbolKind kind, int64_t lo, int64_t hi) {
  const char *name;
  uint32_t    number = table->symbols.count; /* mostly unused yet */
  do name = arena_format(table->arena, "%s.%u", stem, (unsigned)number++);
  while (dim_find_symbol(table, name) != UINT32_MAX);
  return make_symbol(table, name, kind, lo, hi);
}

/* ---- questions ---- */

bool dim_is_constant(const DimTable *table, Dim dim, int64_t *value) {
  const DimNode *node = dim_node(table, dim);
  if (!pinned(node)) return false;
  if (value) *value = node->lo;
  return true;
}

int64_t dim_value(const DimTable *table, Dim dim) {
  int64_t value = 0;
  require(arena_context(table->arena), dim_is_constant(table, dim, &value));
  return value;
}

int64_t dim_lo(const DimTable *table, Dim dim) { return dim_node(table, dim)->lo; }
int64_t dim_hi(const DimTable *table, Dim dim) { return dim_node(table, dim)->hi; }

bool dim_divides(DimTable *table, Dim divisor, Dim dim) {
  int64_t rest;
  if (divisor == DIM_UNKNOWN || dim == DIM_UNKNOWN) return false;
  return dim_is_constant(table, dim_mod(table, dim, divisor), &rest) && rest == 0;
}

void dim_symbols(const DimTable *table, Dim dim, bool *used) {
  const DimNode *node = dim_node(table, dim);
  for (; is_chain(node->op); node = dim_node(table, node->a)) dim_symbols(table, node->b, used);
  if (node->op == DIM_OP_SYMBOL) used[node->value] = true;
  if (node->op != DIM_OP_FLOORDIV && node->op != DIM_OP_MOD) return;
  dim_symbols(table, node->a, used);
  dim_symbols(table, node->b, used);
}

static bool evaluate_operation(DimOp op, int64_t a, int64_t b, int64_t *result) {
  switch (op) {
  case DIM_OP_ADD: return checked_add_i64(a, b, result);
  case DIM_OP_MUL: return checked_mul_i64(a, b, result);
  case DIM_OP_MIN: *result = smaller(a, b); return true;
  case DIM_OP_MAX: *result = larger(a, b); return true;
  default: break;
  }
  if (b == 0 || (a == INT64_MIN && b == -1)) return false;
  *result = op == DIM_OP_MOD ? floor_rest(a, b) : floor_divide(a, b);
  return true;
}

bool dim_evaluate(const DimTable *table, Dim dim, const int64_t *symbol_values, int64_t *result) {
  const DimNode *node = dim_node(table, dim);
  int64_t        left, right;
  switch (node->op) {
  case DIM_OP_UNKNOWN:
  case DIM_OP_CEILDIV: return false;
  case DIM_OP_CONSTANT: *result = node->value; return true;
  case DIM_OP_SYMBOL: *result = symbol_values[node->value]; return true;
  default: break;
  }
  DimOp op = node->op;
  if (!dim_evaluate(table, node->b, symbol_values, &right)) return false;
  while (is_chain(op) && dim_node(table, node->a)->op == op) {
    node = dim_node(table, node->a);
    if (!dim_evaluate(table, node->b, symbol_values, &left) || !evaluate_operation(op, left, right, &right)) return false;
  }
  return dim_evaluate(table, node->a, symbol_values, &left) && evaluate_operation(op, left, right, result);
}

/* ---- substitution ---- */

static Dim rebuild(DimTable *table, DimOp op, Dim a, Dim b) {
  switch (op) {
  case DIM_OP_ADD: return dim_add(table, a, b);
  case DIM_OP_MUL: return dim_mul(table, a, b);
  case DIM_OP_FLOORDIV: return dim_floordiv(table, a, b);
  case DIM_OP_MOD: return dim_mod(table, a, b);
  case DIM_OP_MIN: return dim_min(table, a, b);
  case DIM_OP_MAX: return dim_max(table, a, b);
  default: return DIM_UNKNOWN;
  }
}

Dim dim_substitute(DimTable *table, Dim dim, uint32_t symbol, Dim by) {
  DimNode node = *dim_node(table, dim); /* a copy: the table grows */
  if (node.op == DIM_OP_UNKNOWN || node.op == DIM_OP_CONSTANT) return dim;
  if (node.op == DIM_OP_SYMBOL) return node.value == symbol ? by : dim_settle(table, dim);
  DimOp op = node.op;
  Dim   result = dim_substitute(table, node.b, symbol, by);
  while (is_chain(op) && dim_node(table, node.a)->op == op) {
    node = *dim_node(table, node.a);
    result = rebuild(table, op, dim_substitute(table, node.b, symbol, by), result);
  }
  return rebuild(table, op, dim_substitute(table, node.a, symbol, by), result);
}
