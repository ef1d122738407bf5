/* Vectors in emitted C: loads and stores in all their forms, masks, constants beside vectors, functions, on edge values; the interpreter must give
 * the same bits. As wide as the machine's vectors, narrower and wider, for targets here and emulated. What each operation gives is tested in
 * tests/operations.
 *
 * One program has all kernels. NaNs count as equal, whatever their sign and payload. `vectors TEST` runs one test, also those that take minutes. */
#include <math.h>

#include "compiler/loop/evaluate.h"
#include "tests/emit/harness.h"

enum { MOST_VALUES = 40, CONSTANTS = 3 };

typedef struct EdgeTable {
  Scalar   scalar;
  uint32_t count;
  int64_t  integers[MOST_VALUES];
  double   numbers[MOST_VALUES];
} EdgeTable;

static const EdgeTable tables[] = {
    {SCALAR_I1, 2, {0, 1}, {0}},
    {SCALAR_I8, 10, {0, 1, -1, 2, -2, 7, 8, 100, 127, -128}, {0}},
    {SCALAR_I16, 11, {0, 1, -1, 2, -3, 15, 16, 127, 255, 32767, -32768}, {0}},
    {SCALAR_I32, 14, {0, 1, -1, 2, -3, 31, 32, 127, -129, 255, 65536, 46341, INT32_MAX, INT32_MIN}, {0}},
    {SCALAR_I64,
     16,
     {0, 1, -1, 2, -3, 63, 64, 255, -32769, INT32_MAX, INT32_MIN, INT64_C(1) << 32, INT64_C(3037000500), (INT64_C(1) << 53) + 1, INT64_MAX,
      INT64_MIN},
     {0}},
    {SCALAR_U8, 9, {0, 1, 2, 7, 8, 127, 128, 254, 255}, {0}},
    {SCALAR_U16, 10, {0, 1, 2, 15, 16, 255, 256, 32768, 65534, 65535}, {0}},
    {SCALAR_U32, 10, {0, 1, 2, 31, 32, 65536, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff}, {0}},
    {SCALAR_U64, 10, {0, 1, 2, 63, 64, 0xffffffff, INT64_C(1) << 32, INT64_MAX, INT64_MIN, -1}, {0}},
    {SCALAR_F32, 36, {0}, {0.0,          -0.0,    1,       -1,      0.5,          -0.5,         1.5,           2.5,           -2.5,
                           3.7,          -3.7,    127.5,   128,     -128.5,       -129,         255.5,         256,           32767.5,
                           -32769,       65535.5, 65536,   8388609, 2147483520.0, 2147483648.0, -2147483648.0, -2147483904.0, 4294967040.0,
                           4294967296.0, 0x1p63,  -0x1p63, 0x1p64,  1e-30,        1e-42,        3.4e38,        INFINITY,      NAN}},
    {SCALAR_F64,
     34,
     {0},
     {0.0,
      -0.0,
      1,
      -1,
      0.5,
      -0.5,
      1.5,
      2.5,
      -2.5,
      3.7,
      -3.7,
      127.5,
      128,
      -128.5,
      255.5,
      256,
      32767.5,
      65535.5,
      2147483647.0,
      2147483647.5,
      2147483648.0,
      -2147483648.5,
      -2147483649.0,
      4294967295.5,
      4294967296.0,
      0x1.fffffffffffffp62,
      0x1p63,
      -0x1p63,
      0x1p64,
      0x1p52,
      1e-310,
      1.7e308,
      -INFINITY,
      NAN}},
};
enum { TABLE_COUNT = sizeof tables / sizeof *tables };

/* What is built: inputs x and y are all pairs of a table's values, one pair of buffers a table. */
typedef struct Suite {
  Context          context;
  const Target    *target;
  Arena           *arena;
  Program         *program;
  Builder          builder, entry;
  uint32_t         left[TABLE_COUNT], right[TABLE_COUNT]; /* buffers */
  uint32_t         outputs;                               /* so far */
  uint16_t         lanes;                                 /* of vectors */
  const EdgeTable *table;
  uint32_t         table_index;
  /* the kernel being built */
  Operand x, y, result;
  Expr    i, first, second;
} Suite;

/* Of all pairs, some twice so that vectors come out even. */
static uint32_t pair_count(const EdgeTable *table) { return (table->count * table->count + LOOP_MAX_LANES - 1) / LOOP_MAX_LANES * LOOP_MAX_LANES; }

static Dim constant_dim(Suite *s, int64_t value) { return dim_constant(s->program->dims, value); }

static uint32_t add_buffer(Suite *s, const char *stem, Scalar scalar, Storage storage, uint32_t index, int64_t count) {
  Buffer     buffer = {.name = arena_format(s->arena, "%s_%u", stem, index),
                       .scalar = scalar,
                       .rank = 1,
                       .storage = storage,
                       .index = index,
                       .dims = {constant_dim(s, count)}};
  uint32_t   number = program_buffer(s->program, buffer);
  InfoTensor tensor = {.name = buffer.name,
                       .element = element_from_name(scalar == SCALAR_I1      ? "bool"
                                                    : scalar == SCALAR_INDEX ? "i64"
                                                                             : scalar_name(scalar)),
                       .rank = 1,
                       .dims = {constant_dim(s, count)},
                       .buffer = number};
  if (storage == STORAGE_INPUT) vector_push(s->arena, &s->program->info.inputs, tensor);
  else vector_push(s->arena, &s->program->info.outputs, tensor);
  return number;
}

/* ---- kernels ---- */

/* result[rows, pairs]; rows 0: result[pairs] */
static void open_rows(Suite *s, const char *name, Scalar result, uint32_t rows) {
  Builder *b = &s->builder;
  int64_t  count = pair_count(s->table);
  build_open(b, s->program, CODE_KERNEL, name);
  s->x = build_operand(b, (OperandInfo){.name = "x", .scalar = s->table->scalar, .rank = 1, .dims = {constant_dim(s, count)}, .access = ACCESS_IN});
  s->y = build_operand(b, (OperandInfo){.name = "y", .scalar = s->table->scalar, .rank = 1, .dims = {constant_dim(s, count)}, .access = ACCESS_IN});
  s->result = build_operand(b, (OperandInfo){.name = "result",
                                             .scalar = result,
                                             .rank = rows ? 2 : 1,
                                             .dims = {constant_dim(s, rows ? rows : count), constant_dim(s, count)},
                                             .access = ACCESS_OUT});
  s->i = build_for_step(b, "i", build_index(b, 0), build_index(b, count), s->lanes, LOOP_SERIAL);
  s->i = build_binary(b, LOOP_ADD, s->i, build_lane_numbers(b, SCALAR_INDEX, s->lanes));
  s->first = build_load(b, s->x, 1, &s->i);
  s->second = build_load(b, s->y, 1, &s->i);
}

static void open_kernel(Suite *s, const char *name, Scalar result) { open_rows(s, name, result, 0); }

static void finish_kernel(Suite *s, Scalar result, uint32_t rows) {
  build_end(&s->builder);
  uint32_t     kernel = program_kernel(s->program, build_close(&s->builder));
  uint32_t     output = add_buffer(s, "out", result, STORAGE_OUTPUT, s->outputs++, (int64_t)rows * pair_count(s->table));
  CallArgument arguments[] = {{s->left[s->table_index], 0}, {s->right[s->table_index], 0}, {output, 0}};
  build_kernel_call(&s->entry, kernel, 3, arguments, 0);
}

static void close_kernel(Suite *s, Expr value) {
  Scalar scalar = build_scalar(&s->builder, value);
  build_store(&s->builder, s->result, 1, &s->i, value);
  finish_kernel(s, scalar, 1);
}

static Expr literal(Suite *s, uint32_t index) {
  Scalar scalar = s->table->scalar;
  return scalar_is_float(scalar) ? build_float(&s->builder, scalar, s->table->numbers[index])
                                 : build_integer(&s->builder, scalar, s->table->integers[index]);
}

static Scalar result_of(LoopOp op, Scalar scalar) { return loop_op_is_comparison(op) ? SCALAR_I1 : scalar; }

/* The operation on a value and some constants, and on some constants and a value. */
static void binary(Suite *s, LoopOp op) {
  Scalar result = result_of(op, s->table->scalar);
  open_rows(s, "constants", result, 2 * CONSTANTS);
  for (uint32_t row = 0; row < 2 * CONSTANTS; row++) {
    Expr constant = literal(s, row / 2 * (s->table->count - 1) / (CONSTANTS - 1)), index[] = {build_index(&s->builder, row), s->i};
    Expr value = row % 2 ? build_binary(&s->builder, op, constant, build_load(&s->builder, s->y, 1, &s->i))
                         : build_binary(&s->builder, op, build_load(&s->builder, s->x, 1, &s->i), constant);
    build_store(&s->builder, s->result, 2, index, value);
  }
  finish_kernel(s, result, 2 * CONSTANTS);
}

/* Vectors call no function that branches. */
static bool can_call(const char *function) { return library_is_straight(function); }

/* Clamped floats convert without a check: ranges must get NaN and both ends right. */
static void clamps(Suite *s) {
  Builder *b = &s->builder;
  Scalar   scalar = s->table->scalar;
  bool rounds = s->target->has_floor || can_call(arena_format(s->arena, "round_%s", scalar_name(scalar)));
  for (int order = 0; rounds && order < 4; order++) {
    open_kernel(s, "clamp", SCALAR_I8);
    Expr low = build_float(b, scalar, -128), high = build_float(b, scalar, 127),
         value = build_unary(b, LOOP_ROUND, s->first);
    value = order & 1 ? build_binary(b, LOOP_MAX, value, low) : build_binary(b, LOOP_MAX, low, value);
    value = order & 2 ? build_binary(b, LOOP_MIN, value, high) : build_binary(b, LOOP_MIN, high, value);
    close_kernel(s, build_cast(b, SCALAR_I8, value));
  }
  if (!s->target->has_fma) return;
  open_kernel(s, "fma", scalar);
  close_kernel(s, build_ternary(b, LOOP_FMA, s->first, s->second, build_float(b, scalar, 0x1.8p-1)));
  open_kernel(s, "muladd", scalar);
  close_kernel(s, build_ternary(b, LOOP_MULADD, s->first, s->second, build_unary(b, LOOP_NEG, s->first)));
}

/* Data that becomes an index: arithmetic on it wraps, however it is spelled. */
static void indices(Suite *s) {
  static const LoopOp ops[] = {LOOP_ADD, LOOP_SUB, LOOP_MUL, LOOP_DIV, LOOP_REM, LOOP_MIN, LOOP_MAX};
  Builder            *b = &s->builder;
  for (size_t k = 0; k < sizeof ops / sizeof *ops; k++) {
    open_kernel(s, "index", SCALAR_I64);
    Expr a = build_cast(b, SCALAR_INDEX, s->first), c = build_cast(b, SCALAR_INDEX, s->second);
    close_kernel(s, build_cast(b, SCALAR_I64, build_binary(b, ops[k], a, c)));
    open_kernel(s, "index_of_turn", SCALAR_I64); /* a * (i + 1) op i */
    a = build_cast(b, SCALAR_INDEX, s->first);
    a = build_binary(b, LOOP_MUL, a, build_binary(b, LOOP_ADD, s->i, build_index(b, 1)));
    close_kernel(s, build_cast(b, SCALAR_I64, build_binary(b, ops[k], a, s->i)));
  }
}

/* Conditions in conditions, and as values. */
static void conditions(Suite *s) {
  static const LoopOp logic[] = {LOOP_AND, LOOP_OR, LOOP_XOR, LOOP_EQ, LOOP_NE};
  Builder            *b = &s->builder;
  for (int at = 0; at < 20; at++) {
    int    form = at % 4;
    LoopOp op = logic[at / 4];
    open_kernel(s, "condition", form == 3 ? SCALAR_I1 : s->table->scalar);
    Expr less = build_binary(b, LOOP_LT, s->first, s->second), same = build_binary(b, LOOP_EQ, build_load(b, s->y, 1, &s->i), literal(s, 1));
    Expr both = build_binary(b, op, less, form & 1 ? build_unary(b, LOOP_NOT, same) : same);
    Expr largest = build_binary(b, LOOP_MAX, build_load(b, s->x, 1, &s->i), literal(s, 0));
    if (form == 2) both = build_binary(b, LOOP_AND, both, build_binary(b, LOOP_GE, largest, literal(s, 2)));
    if (form == 3) close_kernel(s, build_binary(b, op, both, build_binary(b, LOOP_NE, largest, literal(s, 0))));
    else close_kernel(s, build_select(b, both, build_load(b, s->x, 1, &s->i), build_load(b, s->y, 1, &s->i)));
  }
}

/* ---- what only vectors do ---- */

static Expr zero_of(Suite *s) {
  Scalar scalar = s->table->scalar;
  return scalar_is_float(scalar) ? build_float(&s->builder, scalar, 0) : build_integer(&s->builder, scalar, 0);
}

/* A kernel whose loop goes over the start of vectors, after all results were set to zero. */
static Expr open_starts(Suite *s, const char *name, Scalar result) {
  Builder *b = &s->builder;
  open_kernel(s, name, result);
  Expr zero = scalar_is_float(result) ? build_float(b, result, 0) : build_integer(b, result, 0);
  build_store(b, s->result, 1, &s->i, build_broadcast(b, zero, s->lanes));
  build_end(b);
  return build_for_step(b, "start", build_index(b, 0), build_index(b, pair_count(s->table)), s->lanes, LOOP_SERIAL);
}

/* From one below none to one above all, by the number of the vector. */
static Expr active_lanes(Suite *s, Expr start) {
  Builder *b = &s->builder;
  Expr     number = build_binary(b, LOOP_DIV, start, build_index(b, s->lanes));
  return build_binary(b, LOOP_SUB, build_binary(b, LOOP_REM, number, build_index(b, s->lanes + 3)), build_index(b, 1));
}

static void close_starts(Suite *s, Scalar result) { finish_kernel(s, result, 1); }

static void tails(Suite *s) {
  Builder *b = &s->builder;
  Scalar   scalar = s->table->scalar;
  Expr     start = open_starts(s, "tail_of_load", scalar);
  Expr     value = build_load_lanes(b, s->x, 1, &start, s->lanes, active_lanes(s, start));
  build_store_lanes(b, s->result, 1, &start, value, 0);
  close_starts(s, scalar);
  start = open_starts(s, "tail_of_store", scalar);
  build_store_lanes(b, s->result, 1, &start, build_load_lanes(b, s->x, 1, &start, s->lanes, 0), active_lanes(s, start));
  close_starts(s, scalar);
}

/* From the end backwards, with and without idle lanes; in two dimensions. */
static void places(Suite *s) {
  Builder *b = &s->builder;
  Scalar   scalar = s->table->scalar;
  for (int active = 0; active < 2; active++) {
    Expr start = open_starts(s, "places", scalar);
    Expr lane = build_lane_numbers(b, SCALAR_INDEX, s->lanes), end = build_index(b, pair_count(s->table) - 1);
    Expr from = build_binary(b, LOOP_SUB, end, build_binary(b, LOOP_ADD, start, build_binary(b, LOOP_MUL, lane, build_index(b, 1))));
    Expr to = build_binary(b, LOOP_ADD, start, build_binary(b, LOOP_XOR, build_lane_numbers(b, SCALAR_INDEX, s->lanes), build_index(b, 1)));
    Expr value = build_load_lanes(b, s->x, 1, &from, s->lanes, active ? active_lanes(s, start) : 0);
    build_store_lanes(b, s->result, 1, &to, value, active ? active_lanes(s, start) : 0);
    close_starts(s, scalar);
  }
  open_rows(s, "rows", scalar, 4);
  for (int64_t row = 0; row < 4; row++) {
    Expr index[] = {build_index(b, row), s->i};
    build_store(b, s->result, 2, index, build_broadcast(b, zero_of(s), s->lanes));
  }
  Expr index[] = {build_binary(b, LOOP_REM, s->i, build_index(b, 4)), s->i};
  build_store(b, s->result, 2, index, build_load(b, s->y, 1, &s->i));
  finish_kernel(s, scalar, 4);
}

/* Halves, single lanes, and lanes from a scalar. */
static void extracts(Suite *s) {
  Builder *b = &s->builder;
  Scalar   scalar = s->table->scalar;
  uint16_t half = s->lanes / 2;
  Expr     start = open_starts(s, "halves", scalar);
  Expr     vector = build_let(b, "vector", build_load_lanes(b, s->x, 1, &start, s->lanes, 0));
  Expr     above = build_binary(b, LOOP_ADD, start, build_index(b, half));
  build_store_lanes(b, s->result, 1, &start, build_extract(b, vector, half, half), 0);
  build_store_lanes(b, s->result, 1, &above, build_broadcast(b, build_extract(b, vector, s->lanes - 1, 1), half), 0);
  close_starts(s, scalar);
  if (scalar == SCALAR_I1 || scalar_is_float(scalar)) return;
  start = open_starts(s, "sum", scalar);
  Expr sum = build_reduce(b, LOOP_ADD, build_load_lanes(b, s->x, 1, &start, s->lanes, 0));
  build_store(b, s->result, 1, &start, sum);
  close_starts(s, scalar);
}

/* Masks choose between values of every width, and change in variables. */
static void masks(Suite *s) {
  static const Scalar widths[] = {SCALAR_I8, SCALAR_U16, SCALAR_F32, SCALAR_I64, SCALAR_F64};
  Builder            *b = &s->builder;
  for (size_t k = 0; k < sizeof widths / sizeof *widths; k++) {
    open_kernel(s, "mask", widths[k]);
    Expr less = s->table->scalar == SCALAR_I1 ? s->first : build_binary(b, LOOP_LT, s->first, s->second);
    Expr three = scalar_is_float(widths[k]) ? build_float(b, widths[k], 3) : build_integer(b, widths[k], 3);
    close_kernel(s, build_select(b, less, build_cast(b, widths[k], s->i), three));
  }
  open_kernel(s, "masks", SCALAR_I1);
  Expr mask = build_var(b, "mask", build_binary(b, LOOP_EQ, s->first, s->second));
  Expr odd = build_let(b, "odd", build_cast(b, SCALAR_I1, build_binary(b, LOOP_REM, s->i, build_index(b, 3))));
  build_set(b, mask, build_binary(b, LOOP_XOR, odd, mask));
  build_set(b, mask, build_select(b, odd, mask, build_unary(b, LOOP_NOT, mask)));
  close_kernel(s, build_binary(b, LOOP_OR, mask, build_binary(b, LOOP_AND, build_cast(b, SCALAR_I1, build_load(b, s->x, 1, &s->i)), odd)));
}

static void functions(Suite *s) {
  static const char *const names[] = {"exp", "log", "tanh", "sigmoid", "erf"};
  Scalar                   scalar = s->table->scalar;
  for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
    const char *name = arena_format(s->arena, "%s_%s", names[k], scalar_name(scalar));
    if (!can_call(name)) continue;
    open_kernel(s, names[k], scalar);
    close_kernel(s, build_call(&s->builder, name, scalar, 1, &s->first));
  }
}

static void vector_kernels(Suite *s) {
  tails(s);
  places(s);
  extracts(s);
  masks(s);
  if (scalar_is_float(s->table->scalar)) functions(s);
}

/* ---- all ---- */

static void table_kernels(Suite *s) {
  static const LoopOp arithmetic[] = {LOOP_ADD, LOOP_SUB, LOOP_MUL, LOOP_DIV, LOOP_MIN, LOOP_MAX,
                                      LOOP_EQ,  LOOP_NE,  LOOP_LT,  LOOP_LE,  LOOP_GT,  LOOP_GE};
  static const LoopOp bits[] = {LOOP_REM, LOOP_SHL, LOOP_SHR};
  static const LoopOp logic[] = {LOOP_AND, LOOP_OR, LOOP_XOR};
  Scalar              scalar = s->table->scalar;
  bool                is_float = scalar_is_float(scalar), is_bool = scalar == SCALAR_I1;
  for (size_t k = 0; !is_bool && k < sizeof arithmetic / sizeof *arithmetic; k++) binary(s, arithmetic[k]);
  for (size_t k = 0; !is_float && !is_bool && k < sizeof bits / sizeof *bits; k++) binary(s, bits[k]);
  for (size_t k = 0; !is_float && k < sizeof logic / sizeof *logic; k++) binary(s, logic[k]);
  if (is_float) clamps(s);
  if (scalar == SCALAR_I64 && s->target->index_bits == 64) indices(s);
  if (!is_bool) conditions(s);
  vector_kernels(s);
}

static void build_suite(Suite *s) {
  DimTable *dims = arena_new(s->arena, DimTable);
  dim_open(dims, s->arena);
  s->program = program_open(&s->context, s->arena, dims);
  for (uint32_t t = 0; t < TABLE_COUNT; t++) {
    s->left[t] = add_buffer(s, "left", tables[t].scalar, STORAGE_INPUT, 2 * t, pair_count(&tables[t]));
    s->right[t] = add_buffer(s, "right", tables[t].scalar, STORAGE_INPUT, 2 * t + 1, pair_count(&tables[t]));
  }
  build_open(&s->entry, s->program, CODE_ENTRY, "run");
  for (uint32_t t = 0; t < TABLE_COUNT; t++) {
    s->table = &tables[t];
    s->table_index = t;
    table_kernels(s);
  }
  program_entry(s->program, build_close(&s->entry));
  program_verify(s->program);
}

/* ---- data ---- */

static void put_value(void *memory, uint32_t at, Scalar scalar, const EdgeTable *table, uint32_t index) {
  float       single = (float)table->numbers[index];
  double      number = table->numbers[index];
  unsigned    bytes = scalar_bytes(scalar);
  const void *from = scalar == SCALAR_F32   ? (const void *)&single
                     : scalar == SCALAR_F64 ? (const void *)&number
                                            : (const void *)&table->integers[index];
  memcpy((char *)memory + (size_t)at * bytes, from, bytes);
}

static const void **make_inputs(Suite *s) {
  const void **inputs = arena_array(s->arena, const void *, 2 * TABLE_COUNT);
  for (uint32_t t = 0; t < TABLE_COUNT; t++) {
    uint32_t n = tables[t].count, pairs = pair_count(&tables[t]);
    char    *left = arena_allocate(s->arena, 8u * pairs), *right = arena_allocate(s->arena, 8u * pairs);
    for (uint32_t i = 0; i < pairs; i++) {
      put_value(left, i, tables[t].scalar, &tables[t], i / n % n);
      put_value(right, i, tables[t].scalar, &tables[t], i % n);
    }
    inputs[2 * t] = left;
    inputs[2 * t + 1] = right;
  }
  return inputs;
}

static void **make_outputs(Suite *s) {
  void **outputs = arena_array(s->arena, void *, s->outputs);
  for (uint32_t i = 0; i < s->outputs; i++) outputs[i] = arena_allocate(s->arena, (size_t)MOST_VALUES * MOST_VALUES * 8 * 2 * CONSTANTS);
  return outputs;
}

static bool same_value(Scalar scalar, const char *a, const char *b) {
  uint64_t x = 0, y = 0;
  memcpy(&x, a, scalar_bytes(scalar));
  memcpy(&y, b, scalar_bytes(scalar));
  if (x == y) return true;
  Element element = element_from_name(scalar_name(scalar));
  return scalar_is_float(scalar) && isnan(element_to_f64(element, x)) && isnan(element_to_f64(element, y));
}

static void print_kernel_of(const Suite *s, uint32_t output) {
  const Code *entry = &s->program->entries.data[0];
  Text        text;
  for (Stmt stmt = 1; stmt < entry->stmts.count; stmt++) {
    const StmtNode *node = &entry->stmts.data[stmt];
    if (node->kind != STMT_CALL) continue;
    if (s->program->buffers.data[entry->call_arguments.data[node->list + 2].buffer].index != output) continue;
    text_open(&text, s->arena);
    code_print(s->program, &s->program->kernels.data[node->target], &text, true);
    for (const char *line = text_finish(&text); *line; line += strcspn(line, "\n") + 1) printf("# %.*s\n", (int)strcspn(line, "\n"), line);
  }
}

/* Differences, the first few shown. */
static uint32_t compare(Suite *s, void *const *wanted, void *const *got) {
  uint32_t wrong = 0;
  for (uint32_t o = 0; o < s->outputs; o++) {
    const InfoTensor *tensor = &s->program->info.outputs.data[o];
    Scalar            scalar = s->program->buffers.data[tensor->buffer].scalar;
    unsigned          bytes = scalar_bytes(scalar);
    uint32_t          before = wrong;
    for (int64_t i = 0; i < dim_value(s->program->dims, tensor->dims[0]); i++) {
      const char *a = (const char *)wanted[o] + i * bytes, *b = (const char *)got[o] + i * bytes;
      if (same_value(scalar, a, b)) continue;
      uint64_t x = 0, y = 0;
      memcpy(&x, a, bytes);
      memcpy(&y, b, bytes);
      if (wrong++ - before < 2 && wrong < 20)
        printf("# output %u[%lld]: %llx, interpreter %llx\n", o, (long long)i, (unsigned long long)y, (unsigned long long)x);
    }
    if (wrong > before && before < 20) print_kernel_of(s, o);
  }
  return wrong;
}

/* ---- the test ---- */

/* A way to compile and run: `run` empty means to load it here, else the emulator. */
typedef struct Way {
  const char *compiler, *run;
} Way;

typedef struct Case {
  const Target *target;
  const Way    *ways;
  size_t        way_count;
  uint16_t      lanes;
  Suite         suite;
} Case;

static size_t tensor_bytes(const Suite *s, const InfoTensor *tensor) {
  return (size_t)dim_value(s->program->dims, tensor->dims[0]) * scalar_bytes(s->program->buffers.data[tensor->buffer].scalar);
}

static bool run_there(Suite *s, const Way *way, const char *flags, const void **inputs, void **outputs) {
  Text given;
  char path[128];
  text_open(&given, s->arena);
  for (uint32_t i = 0; i < s->program->info.inputs.count; i++) text_bytes(&given, inputs[i], tensor_bytes(s, &s->program->info.inputs.data[i]));
  bool ran =
      write_text("inputs", ".bin", &given) && harness_run("%s %s " STRICT_WARNINGS " -c -I$D $D/edges.c -o $D/edges.o", way->compiler, flags) &&
      harness_run("%s %s -I$D tests/emit/drive.c $D/edges.o -o $D/drive && %s $D/drive $D/inputs.bin $D/outputs.bin", way->compiler, flags, way->run);
  snprintf(path, sizeof path, "%s/outputs.bin", harness_folder);
  FILE *file = ran ? fopen(path, "rb") : NULL;
  for (uint32_t i = 0; file && ran && i < s->outputs; i++) {
    size_t bytes = tensor_bytes(s, &s->program->info.outputs.data[i]);
    ran = fread(outputs[i], 1, bytes, file) == bytes;
  }
  return file && fclose(file) == 0 && ran;
}

static bool is_here(const Way *way) {
  char compiler[32] = "", emulator[32] = "";
  sscanf(way->compiler, "%31s", compiler);
  sscanf(way->run, "%31s", emulator);
  return harness_has(compiler) && (!*emulator || harness_has(emulator));
}

static void check_target(void *self) {
  Case  *c = self;
  Suite *s = &c->suite;
  s->arena = arena_open(&s->context);
  s->target = c->target;
  s->lanes = c->lanes;
  build_suite(s);
  Emission    emission;
  EmitOptions options = harness_options("edges", "generic", WEIGHTS_INLINE);
  options.target = c->target;
  CHECK(harness_emit(s->program, s->arena, options, &emission));
  const void **inputs = make_inputs(s);
  void       **wanted = make_outputs(s);
  Evaluator    evaluator = interpreter();
  Evaluation   evaluation = {.inputs = inputs, .outputs = wanted, .symbols = NULL};
  CHECK(evaluator.run(evaluator.self, s->program, 0, s->arena, &evaluation));
  if (evaluation.fault) printf("# %s\n", evaluation.fault);
  CHECK(evaluation.fault == NULL && evaluation.status == 0);
  for (size_t i = 0; i < c->way_count; i++) {
    const char *flags = c->target->c_flags ? c->target->c_flags : "";
    char        command[256];
    void      **got = make_outputs(s);
    if (!is_here(&c->ways[i])) continue;
    snprintf(command, sizeof command, "%s %s", c->ways[i].compiler, flags);
    printf("# %s, %u kernels\n", command, s->program->kernels.count);
    if (*c->ways[i].run) CHECK(run_there(s, &c->ways[i], flags, inputs, got));
    else CHECK(harness_compile(command, "edges") && harness_run_model("edges", inputs, got));
    CHECK_INT(compare(s, wanted, got), 0);
  }
}

static void check_lanes(const Target *target, uint16_t lanes, const Way *ways, size_t way_count) {
  Case *c = calloc(1, sizeof *c);
  *c = (Case){.target = target, .ways = ways, .way_count = way_count, .lanes = lanes};
  if (!context_open(&c->suite.context, NULL, -1)) return;
  Outcome outcome = context_guard(&c->suite.context, check_target, c);
  for (uint32_t i = 0; i < c->suite.context.diagnostic_count; i++) printf("# %s\n", c->suite.context.diagnostics[i].message);
  if (outcome != OUTCOME_OK) check_settle("not ok", "the compiler left with %d", (int)outcome);
  context_close(&c->suite.context);
  free(c);
}

#define WAYS(ways) ways, sizeof ways / sizeof *ways
static const Way fast[] = {{"gcc -std=c99 -O2", ""}, {"clang -std=c99 -O2", ""}};
static const Way plain[] = {{"gcc -std=c99 -O0", ""}, {"clang -std=c99 -O0", ""}, {"g++ -x c++ -std=c++17 -O1", ""}};
static const Way aarch64_ways[] = {{"aarch64-linux-gnu-gcc -std=c99 -O2 -static", "qemu-aarch64"}};
static const Way arm_ways[] = {{"arm-none-eabi-gcc -std=c99 -O2 -marm --specs=rdimon.specs", "qemu-arm -cpu cortex-a15"}};
static const Way riscv_ways[] = {{"riscv64-linux-gnu-gcc -std=c99 -O2 -static", "qemu-riscv64"}};

/* The rows of this machine are in the order of what they have. */
static void check_here(const char *target, uint16_t lanes) {
  if (strcmp(target_native()->name, target) < 0) SKIP("this machine has no such vectors");
  check_lanes(target_find(target), lanes, WAYS(fast));
}

TEST(generic_2) { check_lanes(target_find("generic"), 2, WAYS(plain)); }
TEST(x86_64_v1_4) { check_here("x86-64-v1", 4); }
TEST(x86_64_v3_8) { check_here("x86-64-v3", 8); }
TEST(x86_64_v3_16) { check_here("x86-64-v3", 16); }
TEST(x86_64_v3_64) { check_here("x86-64-v3", 64); }
TEST(x86_64_v4_4) { check_here("x86-64-v4", 4); }
TEST(x86_64_v4_8) { check_here("x86-64-v4", 8); }
TEST(x86_64_v4_16) { check_here("x86-64-v4", 16); }
TEST(aarch64_4) {
  if (!is_here(aarch64_ways)) SKIP("no compiler or emulator");
  check_lanes(target_find("aarch64"), 4, WAYS(aarch64_ways));
}
TEST(armv7a_neon_4) {
  if (!is_here(arm_ways)) SKIP("no compiler or emulator");
  check_lanes(target_find("armv7a-neon"), 4, WAYS(arm_ways));
}
TEST(rv64gc_4) {
  if (!is_here(riscv_ways)) SKIP("no compiler or emulator");
  check_lanes(target_find("rv64gc"), 4, WAYS(riscv_ways));
}

int main(int count, char **words) {
  if (!harness_open()) return 1;
#define RUN_IF(name) \
  if (count < 2 || strcmp(words[1], #name) == 0) RUN(name)
  RUN_IF(generic_2);
#if defined(__x86_64__)
  RUN_IF(x86_64_v1_4);
  RUN_IF(x86_64_v3_8);
  if (count > 1) { /* minutes of compiling, for vectors of several registers */
    RUN_IF(x86_64_v4_4);
    RUN_IF(x86_64_v3_16);
    RUN_IF(x86_64_v3_64);
  }
  RUN_IF(x86_64_v4_8);
  RUN_IF(x86_64_v4_16);
#endif
  RUN_IF(aarch64_4);
  RUN_IF(armv7a_neon_4);
  RUN_IF(rv64gc_4);
  harness_close();
  return check_done();
}
