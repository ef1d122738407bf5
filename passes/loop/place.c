/* The memory plan: lifetimes over the entry, in-place pairs, then offsets.
 *
 * The entry's statements are numbered in text order, then-branches before else-branches; a buffer lives from its first to its last mention, which
 * is right for `if` (branches exclude each other) and is widened to the whole of every `while` it crosses. Buffers joined in place form one block.
 * Blocks are laid out at sample sizes, exact where sizes are constants: several orders are tried, then a seeded local search, until the lower bound
 * is met or the effort is spent. The layout only decides who lies below whom; offsets are max(offset + size) over the conflicting blocks below.
 * What it does not try: splitting a buffer's life in two. */
#include "passes/loop/place.h"
#include <stdlib.h>
#include <string.h>

enum { SAMPLE_SMALL = 1, SAMPLE_MODERATE = 64, SAMPLE_LARGE = 1024 }; /* values of an unbounded symbol in sample sizes */
#define MOST_POINTS 5        /* sample points */
#define EXPRESSION_LIMIT 400 /* nodes of an offset */
#define CONFLICT_LIMIT 10000000u /* pairs of blocks alive together that are listed */
#define MOST_IN_REGIONS 500u /* blocks: each is tried in the faster memory by a plan of its own */
#define SAMPLE_MOST (INT64_MAX / 4) /* a sample of what overflows */
#define SEARCH_EFFORT 40000000u /* block comparisons spent on the local search */

typedef struct Block {
  uint32_t first, last;    /* statement numbers, inclusive */
  uint32_t buffer;         /* the root of those joined in it */
  Dim      size;           /* bytes, rounded up to the alignment */
  int64_t  sample;         /* size at the sample point */
  int64_t  offset;         /* in the sample layout */
  Dim      place;
} Block;

typedef struct Plan {
  Program  *program;
  DimTable *dims;
  Arena    *arena;
  uint32_t  clock;         /* statements numbered so far */
  uint32_t *first, *last;  /* by buffer; first UINT32_MAX: not used */
  uint32_t *block_of;      /* by buffer: union-find parent while joining, then block index */
  VECTOR(uint32_t) weights;/* used weight buffers in order of first use */
  VECTOR(Block) blocks;
  uint32_t *conflicts;     /* the blocks alive together with block k: conflicts[conflict_start[k]] .. conflicts[conflict_start[k + 1] - 1] */
  uint32_t *conflict_start;
  bool      exact;         /* all sizes are constants: samples are the sizes */
  uint32_t *order;         /* work array of the layout: block indices */
  uint32_t *position;      /* by block: its place in the order */
  uint64_t  effort;
} Plan;

/* ---- lifetimes ----------------------------------------------------------------------------------------------------------- */

static void mention(Plan *plan, uint32_t buffer) {
  if (plan->first[buffer] == UINT32_MAX) {
    plan->first[buffer] = plan->clock;
    if (plan->program->buffers.data[buffer].storage == STORAGE_WEIGHT) vector_push(plan->arena, &plan->weights, buffer);
  }
  plan->last[buffer] = plan->clock;
}

/* Loads of the entry's own expressions. Entries hold small trees; every node is looked at once. */
static void mention_loads(Plan *plan, const Code *code, Expr root) {
  VECTOR(Expr) open = {0};
  if (root) vector_push(plan->arena, &open, root);
  while (open.count) {
    const ExprNode *node = expr_at(code, open.data[--open.count]);
    if (node->op == LOOP_LOAD) mention(plan, node->operand[0]);
    if (node->op == LOOP_LOAD || node->op == LOOP_CALL) {
      for (uint32_t at = 0; at < node->operand[2]; at++) vector_push(plan->arena, &open, code->lists.data[node->operand[1] + at]);
    } else if (node->op != LOOP_CONSTANT && node->op != LOOP_DIM && node->op != LOOP_SLOT) {
      for (uint32_t at = 0; at < 3; at++)
        if (node->operand[at]) vector_push(plan->arena, &open, node->operand[at]);
    }
  }
}

static void mention_statement(Plan *plan, const Code *code, const StmtNode *stmt) {
  plan->clock++;
  mention_loads(plan, code, stmt->a);
  mention_loads(plan, code, stmt->b);
  mention_loads(plan, code, stmt->c);
  if (stmt->kind == STMT_COPY) { mention(plan, stmt->list); mention(plan, stmt->target); }
  if (stmt->kind == STMT_CALL)
    for (uint32_t at = 0; at < stmt->list_count; at++) mention(plan, code->call_arguments.data[stmt->list + at].buffer);
}

/* A buffer alive at the edge of a loop is alive in all of it. */
static void widen_over_loop(Plan *plan, uint32_t from, uint32_t to) {
  for (uint32_t buffer = 0; buffer < plan->program->buffers.count; buffer++) {
    bool inside = plan->last[buffer] >= from && plan->first[buffer] <= to && plan->first[buffer] != UINT32_MAX;
    if (!inside || (plan->first[buffer] >= from && plan->last[buffer] <= to)) continue;
    if (plan->first[buffer] > from) plan->first[buffer] = from;
    if (plan->last[buffer] < to) plan->last[buffer] = to;
  }
}

/* Statements nest as the model's graphs do: at most 100 deep (the reader's limit). */
static void mention_list(Plan *plan, const Code *code, Stmt first) {
  for (Stmt at = first; at; at = stmt_at(code, at)->next) {
    const StmtNode *stmt = stmt_at(code, at);
    mention_statement(plan, code, stmt);
    uint32_t start = plan->clock;
    mention_list(plan, code, stmt->body);
    mention_list(plan, code, stmt->otherwise);
    if (stmt->kind == STMT_WHILE || stmt->kind == STMT_FOR) widen_over_loop(plan, start, plan->clock);
  }
}

/* ---- in place -------------------------------------------------------------------------------------------------------------- */

static uint32_t root_of(Plan *plan, uint32_t buffer) {
  while (plan->block_of[buffer] != buffer) buffer = plan->block_of[buffer] = plan->block_of[plan->block_of[buffer]];
  return buffer;
}

/* The largest value of a dimension over the run-time symbols: at one end of each one's range, as dimensions are monotonic in each symbol. */
static Dim largest(Plan *plan, Dim dim) {
  bool *used = arena_array(plan->arena, bool, plan->dims->symbols.count + 1u);
  dim_symbols(plan->dims, dim, used);
  for (uint32_t symbol = 0; symbol < plan->dims->symbols.count; symbol++) {
    const Symbol *row = &plan->dims->symbols.data[symbol];
    if (row->kind != SYMBOL_RUN || !used[symbol]) continue;
    if (row->hi == DIM_OPEN)
      limit_error(plan->program->context, CODE_UNBOUNDED_SIZE, (Place){0}, "give an upper bound with --capacity NAME=N",
                  "the size %s is found at run time and has no upper bound", row->name);
    Dim low = dim_substitute(plan->dims, dim, symbol, dim_constant(plan->dims, row->lo));
    dim = dim_max(plan->dims, low, dim_substitute(plan->dims, dim, symbol, dim_constant(plan->dims, row->hi)));
  }
  return dim;
}

/* A dimension below 0 is a run-time failure before the buffer is used; it takes no room. */
static Dim bounded_elements(Plan *plan, const Buffer *buffer) {
  Dim count = dim_constant(plan->dims, 1), zero = dim_constant(plan->dims, 0);
  for (uint32_t axis = 0; axis < buffer->rank; axis++) {
    int64_t extent;
    Dim dim = dim_is_constant(plan->dims, buffer->dims[axis], &extent) ? buffer->dims[axis] : largest(plan, buffer->dims[axis]);
    count = dim_mul(plan->dims, count, dim_max(plan->dims, dim, zero));
  }
  return count;
}

static Dim buffer_size(Plan *plan, uint32_t index) {
  const Buffer *buffer = &plan->program->buffers.data[index];
  return dim_mul(plan->dims, bounded_elements(plan, buffer), dim_constant(plan->dims, scalar_bytes(buffer->scalar)));
}

/* Joins the input's block and the output's where the call may work in place. */
static void join_pair(Plan *plan, uint32_t from, uint32_t to) {
  const Buffer *buffers = plan->program->buffers.data;
  if (from == to || buffers[from].storage != STORAGE_WORKSPACE || buffers[to].storage != STORAGE_WORKSPACE) return;
  uint32_t a = root_of(plan, from), b = root_of(plan, to);
  if (a == b || plan->last[a] != plan->first[b] || buffer_size(plan, from) != buffer_size(plan, to) || buffer_size(plan, a) != buffer_size(plan, b))
    return;
  plan->block_of[b] = a;
  plan->last[a] = plan->last[b];
}

/* The argument for an operand: locals are given none. NULL if the operand is one, or none at all. */
static const CallArgument *argument_of(const Code *code, const StmtNode *stmt, const Code *kernel, uint32_t operand) {
  if (operand >= kernel->operands.count || kernel->operands.data[operand].access == ACCESS_LOCAL) return NULL;
  uint32_t at = stmt->list;
  for (uint32_t before = 0; before < operand; before++) at += kernel->operands.data[before].access != ACCESS_LOCAL;
  return &code->call_arguments.data[at];
}

static void join_call(Plan *plan, const Code *code, const StmtNode *stmt) {
  const Code *kernel = &plan->program->kernels.data[stmt->target];
  for (uint32_t operand = 0; operand < kernel->operands.count; operand++) {
    uint32_t same = kernel->operands.data[operand].same_index;
    if (!same) continue;
    const CallArgument *from = argument_of(code, stmt, kernel, same - 1), *to = argument_of(code, stmt, kernel, operand);
    if (!from || !to || from->offset || to->offset) continue;
    uint32_t uses = 0;
    for (uint32_t at = 0; at < stmt->list_count; at++) uses += code->call_arguments.data[stmt->list + at].buffer == from->buffer;
    if (uses == 1) join_pair(plan, from->buffer, to->buffer);
  }
}

static void join_list(Plan *plan, const Code *code, Stmt first) {
  for (Stmt at = first; at; at = stmt_at(code, at)->next) {
    const StmtNode *stmt = stmt_at(code, at);
    if (stmt->kind == STMT_CALL) join_call(plan, code, stmt);
    join_list(plan, code, stmt->body);
    join_list(plan, code, stmt->otherwise);
  }
}

/* ---- blocks ---------------------------------------------------------------------------------------------------------------- */

static Dim round_up(Plan *plan, Dim size, int64_t align) {
  Dim unit = dim_constant(plan->dims, align);
  return dim_mul(plan->dims, dim_ceildiv(plan->dims, size, unit), unit);
}

/* The value of an expression at a sample point. At point 0 every unbounded symbol is moderate; at point p the p-th one is large and the others are
 * small. Bounded ones are as large as they get. */
static int64_t sample_of(Plan *plan, Dim dim, uint32_t point) {
  uint32_t count = plan->dims->symbols.count, open = 0;
  int64_t *values = arena_array(plan->arena, int64_t, count + 1u), result = 0;
  for (uint32_t symbol = 0; symbol < count; symbol++) {
    const Symbol *row = &plan->dims->symbols.data[symbol];
    int64_t       value = row->hi;
    if (row->hi == DIM_OPEN) value = !point ? SAMPLE_MODERATE : ++open == point ? SAMPLE_LARGE : SAMPLE_SMALL;
    values[symbol] = row->lo > value ? row->lo : value;
  }
  return dim_evaluate(plan->dims, dim, values, &result) && result < SAMPLE_MOST ? result : SAMPLE_MOST;
}

static uint32_t sample_points(const Plan *plan) {
  uint32_t open = 0;
  for (uint32_t symbol = 0; symbol < plan->dims->symbols.count; symbol++) open += plan->dims->symbols.data[symbol].hi == DIM_OPEN;
  return open < MOST_POINTS ? 1 + open : MOST_POINTS;
}

/* Sums of samples must be numbers too; samples that are cut for that only decide who lies below whom. */
static void set_samples(Plan *plan, uint32_t point) {
  int64_t most = SAMPLE_MOST / ((int64_t)plan->blocks.count + 1), size;
  plan->exact = true;
  for (uint32_t at = 0; at < plan->blocks.count; at++) {
    Block *block = &plan->blocks.data[at];
    block->sample = sample_of(plan, block->size, point);
    plan->exact = plan->exact && dim_is_constant(plan->dims, block->size, &size) && size <= most;
    if (block->sample > most) block->sample = most;
  }
}

static void make_blocks(Plan *plan) {
  Program *program = plan->program;
  for (uint32_t index = 0; index < program->buffers.count; index++) {
    const Buffer *buffer = &program->buffers.data[index];
    if (buffer->storage != STORAGE_WORKSPACE || plan->first[index] == UINT32_MAX || root_of(plan, index) != index) continue;
    Block block = {.first = plan->first[index], .last = plan->last[index], .buffer = index, .size = round_up(plan, buffer_size(plan, index), 64)};
    vector_push(plan->arena, &plan->blocks, block);
  }
}

/* ---- conflicts --------------------------------------------------------------------------------------------------------------- */

typedef struct Key { int64_t major, minor; uint32_t index; } Key;

static int by_major(const void *a, const void *b) {
  const Key *x = a, *y = b;
  if (x->major != y->major) return x->major < y->major ? -1 : 1;
  return x->index < y->index ? -1 : 1;
}

/* Goes through the blocks in the order of their first statement and visits each pair that is alive together: counts them, or lists them. */
static uint64_t visit_conflicts(Plan *plan, const Key *keys, uint32_t *alive, uint32_t *free) {
  uint32_t alive_count = 0;
  uint64_t pairs = 0;
  for (uint32_t at = 0; at < plan->blocks.count; at++) {
    uint32_t index = keys[at].index, kept = 0;
    for (uint32_t other = 0; other < alive_count; other++)
      if (plan->blocks.data[alive[other]].last >= plan->blocks.data[index].first) alive[kept++] = alive[other];
    alive_count = kept;
    for (uint32_t other = 0; free && other < alive_count; other++) {
      plan->conflicts[free[index]++] = alive[other];
      plan->conflicts[free[alive[other]]++] = index;
    }
    pairs += alive_count;
    if (!free) plan->conflict_start[index] += alive_count;
    for (uint32_t other = 0; !free && other < alive_count; other++) plan->conflict_start[alive[other]]++;
    if (pairs > CONFLICT_LIMIT) break;
    alive[alive_count++] = index;
  }
  return pairs;
}

/* False if there are too many to be listed. */
static bool list_conflicts(Plan *plan) {
  uint32_t count = plan->blocks.count;
  Key *keys = arena_array(plan->arena, Key, count + 1u);
  uint32_t *alive = arena_array(plan->arena, uint32_t, count + 1u), *free = arena_array(plan->arena, uint32_t, count + 1u);
  plan->conflict_start = arena_array(plan->arena, uint32_t, count + 2u);
  for (uint32_t at = 0; at < count; at++) keys[at] = (Key){plan->blocks.data[at].first, 0, at};
  qsort(keys, count, sizeof *keys, by_major);
  uint64_t pairs = visit_conflicts(plan, keys, alive, NULL);
  if (pairs > CONFLICT_LIMIT) return false;
  plan->conflicts = arena_array(plan->arena, uint32_t, 2 * pairs + 1u);
  for (uint32_t at = 0, start = 0; at <= count; at++) {
    uint32_t own = plan->conflict_start[at];
    if (at < count) free[at] = start;
    plan->conflict_start[at] = start;
    start += own;
  }
  visit_conflicts(plan, keys, alive, free);
  return true;
}

/* ---- layout at sample sizes -------------------------------------------------------------------------------------------------- */

static bool overlap(const Block *a, const Block *b) { return a->first <= b->last && b->first <= a->last; }

typedef struct Range { int64_t from, to; } Range;

static int by_start(const void *a, const void *b) {
  const Range *x = a, *y = b;
  return x->from < y->from ? -1 : x->from > y->from ? 1 : x->to < y->to ? -1 : x->to > y->to;
}

/* Puts blocks one by one, in plan->order, at the lowest gap that fits; returns the height, or stops early above `limit`. */
static int64_t lay_out(Plan *plan, Range *ranges, int64_t limit) {
  int64_t height = 0;
  for (uint32_t at = 0; at < plan->blocks.count; at++) plan->position[plan->order[at]] = at;
  for (uint32_t at = 0; at < plan->blocks.count; at++) {
    uint32_t index = plan->order[at], count = 0;
    Block *block = &plan->blocks.data[index];
    for (uint32_t conflict = plan->conflict_start[index]; conflict < plan->conflict_start[index + 1]; conflict++) {
      const Block *other = &plan->blocks.data[plan->conflicts[conflict]];
      if (plan->position[plan->conflicts[conflict]] < at) ranges[count++] = (Range){other->offset, other->offset + other->sample};
    }
    plan->effort += plan->conflict_start[index + 1] - plan->conflict_start[index] + 8;
    qsort(ranges, count, sizeof *ranges, by_start);
    int64_t floor = 0;
    for (uint32_t range = 0; range < count; range++) {
      if (ranges[range].from - floor >= block->sample) break;
      if (ranges[range].to > floor) floor = ranges[range].to;
    }
    block->offset = floor;
    if (floor + block->sample > height) height = floor + block->sample;
    if (height >= limit) return height;
  }
  return height;
}

/* Largest sum of sizes alive at one statement. */
static int64_t sample_bound(const Plan *plan) {
  int64_t bound = 0;
  for (uint32_t at = 0; at < plan->blocks.count; at++) {
    int64_t sum = plan->blocks.data[at].sample;
    for (uint32_t conflict = plan->conflict_start[at]; conflict < plan->conflict_start[at + 1]; conflict++) {
      const Block *other = &plan->blocks.data[plan->conflicts[conflict]];
      if (other->first <= plan->blocks.data[at].first) sum += other->sample;
    }
    if (sum > bound) bound = sum;
  }
  return bound;
}

static int by_key(const void *a, const void *b) {
  const Key *x = a, *y = b;
  if (x->major != y->major) return x->major > y->major ? -1 : 1;
  if (x->minor != y->minor) return x->minor > y->minor ? -1 : 1;
  return x->index < y->index ? -1 : 1;
}

/* Orders that are good to start from: by lifetime (with small blocks that live long at the bottom, offsets are short expressions), by size, by size
 * times lifetime, by time. */
static void initial_order(Plan *plan, Key *keys, unsigned rule) {
  for (uint32_t at = 0; at < plan->blocks.count; at++) {
    const Block *block = &plan->blocks.data[at];
    int64_t life = (int64_t)block->last - block->first + 1, size = block->sample;
    int64_t major[] = {life, size, size / 64 * life, -(int64_t)block->first};
    keys[at] = (Key){major[rule], rule == 1 ? life : size, at};
  }
  qsort(keys, plan->blocks.count, sizeof *keys, by_key);
  for (uint32_t at = 0; at < plan->blocks.count; at++) plan->order[at] = keys[at].index;
}

static void keep_layout(const Plan *plan, int64_t *offsets, uint32_t *order) {
  for (uint32_t at = 0; at < plan->blocks.count; at++) offsets[at] = plan->blocks.data[at].offset;
  memcpy(order, plan->order, plan->blocks.count * sizeof *order);
}

/* Swaps pairs of the order while that helps; deterministic (own generator, fixed seed). */
static int64_t search(Plan *plan, Range *ranges, int64_t best, int64_t bound, int64_t *offsets, uint32_t *order) {
  uint64_t seed = 88172645463325252u;
  uint32_t count = plan->blocks.count;
  while (best > bound && plan->effort < SEARCH_EFFORT && count > 1) {
    memcpy(plan->order, order, count * sizeof *order);
    for (int moves = 0; moves < 2; moves++) {
      seed ^= seed << 13; seed ^= seed >> 7; seed ^= seed << 17;
      uint32_t from = (uint32_t)(seed % count), to = (uint32_t)((seed >> 32) % count), moved = plan->order[from];
      if (from < to) memmove(&plan->order[from], &plan->order[from + 1], (to - from) * sizeof *order);
      else memmove(&plan->order[to + 1], &plan->order[to], (from - to) * sizeof *order);
      plan->order[to] = moved;
    }
    int64_t height = lay_out(plan, ranges, best + 1);
    if (height > best) continue;
    best = height;
    keep_layout(plan, offsets, order);
  }
  return best;
}

static void choose_layout(Plan *plan) {
  uint32_t count = plan->blocks.count;
  plan->order = arena_array(plan->arena, uint32_t, count + 1u);
  plan->position = arena_array(plan->arena, uint32_t, count + 1u);
  Range *ranges = arena_array(plan->arena, Range, count + 1u);
  Key *keys = arena_array(plan->arena, Key, count + 1u);
  int64_t *offsets = arena_array(plan->arena, int64_t, count + 1u), best = INT64_MAX, bound = sample_bound(plan);
  uint32_t *order = arena_array(plan->arena, uint32_t, count + 1u);
  for (unsigned rule = 0; rule < 4 && best > bound; rule++) {
    initial_order(plan, keys, rule);
    int64_t height = lay_out(plan, ranges, best);
    if (height >= best) continue;
    best = height;
    keep_layout(plan, offsets, order);
  }
  search(plan, ranges, best, bound, offsets, order);
  for (uint32_t at = 0; at < count; at++) plan->blocks.data[at].offset = offsets[at];
}

/* ---- offsets ----------------------------------------------------------------------------------------------------------------- */

/* False where an expression has grown too long to be worth its memory: long enough to matter for the generated code's readers and for the limit
 * of dims. */
static bool is_short(const Plan *plan, Dim dim) { return plan->dims->nodes.data[dim].size <= EXPRESSION_LIMIT; }

static int highest_first(const void *a, const void *b) {
  const Key *x = a, *y = b;
  return x->major > y->major ? -1 : x->major < y->major;
}

/* Where a block begins: above every block below it that is alive with it. Those that lie below another one of these need no mention. */
static Dim stack_block(Plan *plan, uint32_t index, Key *below) {
  Dim      place = dim_constant(plan->dims, 0);
  uint32_t count = 0, kept = 0;
  if (plan->exact) return dim_constant(plan->dims, plan->blocks.data[index].offset);
  for (uint32_t conflict = plan->conflict_start[index]; conflict < plan->conflict_start[index + 1]; conflict++) {
    uint32_t other = plan->conflicts[conflict];
    if (plan->position[other] < plan->position[index]) below[count++] = (Key){plan->position[other], 0, other};
  }
  qsort(below, count, sizeof *below, highest_first);
  for (uint32_t at = 0; at < count; at++) {
    const Block *other = &plan->blocks.data[below[at].index];
    bool         needed = true;
    for (uint32_t before = 0; needed && before < kept; before++) needed = !overlap(other, &plan->blocks.data[below[before].index]);
    if (!needed) continue;
    below[kept++] = below[at];
    place = dim_max(plan->dims, place, dim_add(plan->dims, other->place, other->size));
    if (!is_short(plan, place)) return DIM_UNKNOWN;
  }
  return place;
}

/* From "who lies below whom" to expressions; false if one grows too long. */
static bool stack_blocks(Plan *plan) {
  uint32_t  count = plan->blocks.count;
  Key      *keys = arena_array(plan->arena, Key, count + 1u);
  Key      *below = arena_array(plan->arena, Key, count + 1u);
  Dim       total = dim_constant(plan->dims, 0);
  for (uint32_t at = 0; at < count; at++) keys[at] = (Key){plan->blocks.data[at].offset, 0, at};
  qsort(keys, count, sizeof *keys, by_major);
  for (uint32_t at = 0; at < count; at++) plan->position[keys[at].index] = at;
  for (uint32_t at = 0; at < count; at++) {
    Block *block = &plan->blocks.data[keys[at].index];
    block->place = stack_block(plan, keys[at].index, below);
    if (block->place == DIM_UNKNOWN) return false;
    total = dim_max(plan->dims, total, dim_add(plan->dims, block->place, block->size));
    if (!is_short(plan, total)) return false;
  }
  plan->program->workspace_bytes = total;
  return true;
}

/* The plan for many sizes that don't compare, or too many conflicts: blocks that are never alive together share a shelf as high as the largest of
 * them, and shelves are stacked. Expressions stay short. A block takes the shelf that became free last. */
static void shelve_blocks(Plan *plan) {
  uint32_t count = plan->blocks.count, shelves = 0, free_count = 0, ended = 0;
  Key *starts = arena_array(plan->arena, Key, count + 1u), *ends = arena_array(plan->arena, Key, count + 1u);
  uint32_t *shelf = arena_array(plan->arena, uint32_t, count + 1u), *free = arena_array(plan->arena, uint32_t, count + 1u);
  Dim *height = arena_array(plan->arena, Dim, count + 1u), floor = dim_constant(plan->dims, 0);
  for (uint32_t at = 0; at < count; at++) {
    starts[at] = (Key){plan->blocks.data[at].first, 0, at};
    ends[at] = (Key){plan->blocks.data[at].last, 0, at};
  }
  qsort(starts, count, sizeof *starts, by_major);
  qsort(ends, count, sizeof *ends, by_major);
  for (uint32_t at = 0; at < count; at++) {
    const Block *block = &plan->blocks.data[starts[at].index];
    while (ended < count && ends[ended].major < starts[at].major) free[free_count++] = shelf[ends[ended++].index];
    uint32_t chosen = free_count ? free[--free_count] : shelves;
    height[chosen] = chosen == shelves ? block->size : dim_max(plan->dims, height[chosen], block->size);
    shelves += chosen == shelves;
    shelf[starts[at].index] = chosen;
  }
  for (uint32_t level = 0; level < shelves; level++) {
    Dim size = height[level];
    height[level] = floor;
    floor = dim_add(plan->dims, floor, size);
  }
  for (uint32_t at = 0; at < count; at++) plan->blocks.data[at].place = height[shelf[at]];
  plan->program->workspace_bytes = floor;
}

/* How far the current plan is from the lower bound, at the worst sample point: workspace / bound in 1/1024. */
static int64_t worst_ratio(Plan *plan, const int64_t *bounds) {
  int64_t worst = 0;
  for (uint32_t point = 0; point < sample_points(plan); point++) {
    int64_t ratio = sample_of(plan, plan->program->workspace_bytes, point) / (bounds[point] / 1024 + 1);
    if (ratio > worst) worst = ratio;
  }
  return worst;
}

/* Lays out at every sample point and keeps the plan that is best at its worst point. */
static void choose_plan(Plan *plan) {
  uint32_t count = plan->blocks.count, points = sample_points(plan);
  Dim     *best_places = arena_array(plan->arena, Dim, count + 1u), best_total = DIM_UNKNOWN;
  int64_t *bounds = arena_array(plan->arena, int64_t, points), best = INT64_MAX;
  for (uint32_t point = 0; point < points; point++) {
    set_samples(plan, point);
    bounds[point] = sample_bound(plan);
  }
  for (uint32_t point = 0; point < points; point++) {
    set_samples(plan, point);
    plan->effort = 0;
    choose_layout(plan);
    if (!stack_blocks(plan)) shelve_blocks(plan);
    int64_t ratio = worst_ratio(plan, bounds);
    if (ratio >= best) continue;
    best = ratio;
    best_total = plan->program->workspace_bytes;
    for (uint32_t at = 0; at < count; at++) best_places[at] = plan->blocks.data[at].place;
  }
  for (uint32_t at = 0; at < count; at++) plan->blocks.data[at].place = best_places[at];
  plan->program->workspace_bytes = best_total;
}

static void set_offsets(Plan *plan) {
  uint32_t next = 0;
  Program *program = plan->program;
  for (uint32_t index = 0; index < program->buffers.count; index++) {
    if (program->buffers.data[index].storage != STORAGE_WORKSPACE) continue;
    program->buffers.data[index].offset = dim_constant(plan->dims, 0);
    if (plan->first[index] != UINT32_MAX && root_of(plan, index) == index) program->buffers.data[index].offset = plan->blocks.data[next++].place;
  }
  for (uint32_t index = 0; index < program->buffers.count; index++)
    if (program->buffers.data[index].storage == STORAGE_WORKSPACE)
      program->buffers.data[index].offset = program->buffers.data[root_of(plan, index)].offset;
}

/* Unknown where its expression would grow too long. */
static Dim lower_bound(Plan *plan) {
  Dim bound = dim_constant(plan->dims, plan->exact ? sample_bound(plan) : 0);
  for (uint32_t at = 0; !plan->exact && at < plan->blocks.count; at++) {
    Dim sum = plan->blocks.data[at].size;
    for (uint32_t conflict = plan->conflict_start[at]; conflict < plan->conflict_start[at + 1] && is_short(plan, sum); conflict++) {
      const Block *other = &plan->blocks.data[plan->conflicts[conflict]];
      if (other->first <= plan->blocks.data[at].first) sum = dim_add(plan->dims, sum, other->size);
    }
    if (is_short(plan, sum)) bound = dim_max(plan->dims, bound, sum);
    if (!is_short(plan, sum) || !is_short(plan, bound)) return DIM_UNKNOWN;
  }
  return bound;
}

static void place_weights(Plan *plan) {
  int64_t offset = 0;
  for (uint32_t at = 0; at < plan->weights.count; at++) {
    Buffer *buffer = &plan->program->buffers.data[plan->weights.data[at]];
    int64_t count = dim_value(plan->dims, dim_product(plan->dims, buffer->dims, buffer->rank));
    buffer->weight_offset = dim_constant(plan->dims, offset);
    offset += (count * scalar_bytes(buffer->scalar) + 63) / 64 * 64;
  }
  plan->program->weights_bytes = offset;
}

/* State survives, so its buffers lie one after another. */
static void place_state(Plan *plan) {
  Dim end = dim_constant(plan->dims, 0), line = dim_constant(plan->dims, 64);
  for (uint32_t at = 0; at < plan->program->buffers.count; at++) {
    Buffer *buffer = &plan->program->buffers.data[at];
    if (buffer->storage != STORAGE_STATE) continue;
    Dim bytes = dim_mul(plan->dims, dim_product(plan->dims, buffer->dims, buffer->rank), dim_constant(plan->dims, scalar_bytes(buffer->scalar)));
    buffer->offset = end;
    end = dim_add(plan->dims, end, dim_mul(plan->dims, dim_ceildiv(plan->dims, bytes, line), line));
  }
  plan->program->state_bytes = end;
}

/* ---- a faster memory --------------------------------------------------------------------------------------------------------- */

/* The blocks that are in the faster memory, or the others, as a plan of their own. origin: which they are. All sizes are constants. */
static Plan part_of(const Plan *plan, const bool *is_fast, bool wanted, uint32_t *origin) {
  Plan part = *plan;
  memset(&part.blocks, 0, sizeof part.blocks);
  for (uint32_t at = 0; at < plan->blocks.count; at++) {
    if (is_fast[at] != wanted) continue;
    origin[part.blocks.count] = at;
    vector_push(plan->arena, &part.blocks, plan->blocks.data[at]);
  }
  list_conflicts(&part); /* fewer than those of all, which could be listed */
  return part;
}

/* Gives the blocks of a part their places, from `base` up; returns the bytes they take. */
static int64_t place_part(Plan *plan, const bool *is_fast, bool wanted, int64_t base) {
  uint32_t *origin = arena_array(plan->arena, uint32_t, plan->blocks.count + 1u);
  Plan      part = part_of(plan, is_fast, wanted, origin);
  choose_plan(&part);
  for (uint32_t at = 0; at < part.blocks.count; at++)
    plan->blocks.data[origin[at]].place = dim_constant(plan->dims, base + dim_value(plan->dims, part.blocks.data[at].place));
  return dim_value(plan->dims, plan->program->workspace_bytes);
}

/* The blocks by how often each byte is touched. */
static Key *most_used_first(Plan *plan) {
  const uint64_t *uses = place_uses(plan->program, plan->arena);
  Key            *keys = arena_array(plan->arena, Key, plan->blocks.count + 1u);
  uint32_t       *block = arena_array(plan->arena, uint32_t, plan->program->buffers.count + 1u);
  for (uint32_t at = 0; at < plan->blocks.count; at++) {
    keys[at] = (Key){0, -(int64_t)at, at};
    block[plan->blocks.data[at].buffer] = at;
  }
  for (uint32_t index = 0; index < plan->program->buffers.count; index++)
    if (plan->program->buffers.data[index].storage == STORAGE_WORKSPACE && plan->first[index] != UINT32_MAX)
      keys[block[root_of(plan, index)]].major += (int64_t)uses[index];
  for (uint32_t at = 0; at < plan->blocks.count; at++) keys[at].major = keys[at].major * 64 / (plan->blocks.data[at].sample + 1);
  qsort(keys, plan->blocks.count, sizeof *keys, by_key);
  return keys;
}

/* As many of the most used blocks as are never alive together with more than the faster memory has; then, where the layout has gaps, fewer. */
static void place_regions(Plan *plan, int64_t fast_bytes) {
  const Key *keys = most_used_first(plan);
  bool      *is_fast = arena_array(plan->arena, bool, plan->blocks.count + 1u);
  uint32_t  *origin = arena_array(plan->arena, uint32_t, plan->blocks.count + 1u), last = plan->blocks.count;
  for (uint32_t at = 0; at < plan->blocks.count; at++) {
    is_fast[keys[at].index] = true;
    Plan part = part_of(plan, is_fast, true, origin);
    is_fast[keys[at].index] = sample_bound(&part) <= fast_bytes;
  }
  int64_t taken = place_part(plan, is_fast, true, 0);
  while (taken > fast_bytes) {
    while (!is_fast[keys[--last].index]) {}
    is_fast[keys[last].index] = false;
    taken = place_part(plan, is_fast, true, 0);
  }
  int64_t rest = place_part(plan, is_fast, false, taken);
  plan->program->fast_bytes = taken;
  plan->program->workspace_bytes = dim_constant(plan->dims, taken + rest);
}

static void plan_blocks(Plan *plan, int64_t fast_bytes) {
  bool listed = list_conflicts(plan);
  if (listed) set_samples(plan, 0);
  if (listed && fast_bytes > 0 && plan->exact && plan->blocks.count <= MOST_IN_REGIONS) place_regions(plan, fast_bytes);
  else if (listed) choose_plan(plan);
  else shelve_blocks(plan);
  plan->program->workspace_lower_bound = listed ? lower_bound(plan) : DIM_UNKNOWN;
}

void loop_place(Program *program, int64_t fast_bytes) {
  uint32_t count = program->buffers.count;
  Plan *plan = arena_new(program->arena, Plan);
  *plan = (Plan){.program = program, .dims = program->dims, .arena = program->arena};
  plan->first = arena_array(program->arena, uint32_t, count + 1u);
  plan->last = arena_array(program->arena, uint32_t, count + 1u);
  plan->block_of = arena_array(program->arena, uint32_t, count + 1u);
  for (uint32_t index = 0; index < count; index++) { plan->first[index] = UINT32_MAX; plan->block_of[index] = index; }
  const Code *run = program->entries.count ? &program->entries.data[0] : NULL;
  if (run) mention_list(plan, run, run->body);
  if (run) join_list(plan, run, run->body);
  make_blocks(plan);
  plan_blocks(plan, fast_bytes);
  set_offsets(plan);
  place_weights(plan);
  place_state(plan);
}
