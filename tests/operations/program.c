#include "tests/operations/program.h"
#include "tests/operations/meaning.h"
#include "tests/operations/values.h"
#include <string.h>

enum { CONSTANTS = 3, CONDITIONS = 2 };

/* What is being built. */
typedef struct Making {
  Suite   *suite;
  Builder  kernel, entry;
  uint32_t values[SCALAR_COUNT][4][3], inputs; /* buffers, by arity and place; how many inputs there are */
  Check    check;
  Operand  x, y, z, result;
  Expr     i, active, first, second, third;
} Making;

/* ---- values of a place in the arrays ---------------------------------------------------------------------------------------- */

static bool has_triples(Scalar scalar) { return scalar == SCALAR_F32 || scalar == SCALAR_F64; }

static uint32_t tuple_count(Scalar scalar, uint32_t arity) {
  uint32_t count = arity == 3 ? triple_count(scalar) : edge_count(scalar);
  return arity == 1 ? count : arity == 2 ? count * count : count * count * count;
}

/* The value at `place` of tuple `at`. */
static uint64_t tuple_bits(Scalar scalar, uint32_t arity, uint32_t place, uint32_t at) {
  uint32_t count = arity == 3 ? triple_count(scalar) : edge_count(scalar);
  for (uint32_t k = place + 1; k < arity; k++) at /= count;
  return arity == 3 ? triple_bits(scalar, at % count) : edge_bits(scalar, at % count);
}

static uint32_t check_tuples(const Check *check) { return tuple_count(check->from, check->arity); }
static uint32_t constant_of(Scalar scalar, uint32_t row) { return row / 2 * (edge_count(scalar) - 1) / (CONSTANTS - 1); }
/* The condition of a select: an element of the pairs of i1. */
static uint32_t condition_at(uint32_t row, uint32_t at) { return (at + 2 * row) % 4; }

uint32_t suite_count(const Check *check) { return check_tuples(check) * check->rows; }

void suite_operands(const Check *check, uint32_t at, uint64_t *operands) {
  uint32_t row = at / check_tuples(check), k = at % check_tuples(check), first = check->op == LOOP_SELECT;
  if (first) operands[0] = tuple_bits(SCALAR_I1, 2, 0, condition_at(row, k));
  for (uint32_t place = 0; place < check->arity; place++) operands[first + place] = tuple_bits(check->from, check->arity, place, k);
  if (check->arity == 2 && !first) operands[2] = operands[0];
  if (check->constants) operands[1 - row % 2] = edge_bits(check->from, constant_of(check->from, row));
}

uint64_t suite_wanted(const Check *check, uint32_t at, bool fused) {
  uint64_t operands[3];
  suite_operands(check, at, operands);
  return meaning_bits(check->op, check->from, check->to, fused, operands);
}

/* ---- buffers ---------------------------------------------------------------------------------------------------------------- */

static Dim constant_dim(Making *m, int64_t value) { return dim_constant(m->suite->program->dims, value); }

static uint32_t add_buffer(Making *m, const char *stem, Scalar scalar, Storage storage, uint32_t index, int64_t count) {
  Program    *program = m->suite->program;
  Buffer      buffer = {.name = arena_format(m->suite->arena, "%s_%u", stem, index), .scalar = scalar, .rank = 1, .storage = storage, .index = index,
                        .dims = {constant_dim(m, count)}};
  const char *element = scalar == SCALAR_I1 ? "bool" : scalar_name(scalar);
  uint32_t    number = program_buffer(program, buffer);
  InfoTensor  tensor = {.name = buffer.name, .element = element_from_name(element), .rank = 1, .dims = {constant_dim(m, count)}, .buffer = number};
  if (storage == STORAGE_INPUT) vector_push(m->suite->arena, &program->info.inputs, tensor);
  else vector_push(m->suite->arena, &program->info.outputs, tensor);
  return number;
}

static bool has_table(Scalar scalar) { return scalar != SCALAR_INDEX; }

static void add_inputs(Making *m) {
  for (Scalar scalar = 0; scalar < SCALAR_COUNT; scalar++)
    for (uint32_t arity = 1; has_table(scalar) && arity <= (has_triples(scalar) ? 3 : 2); arity++)
      for (uint32_t place = 0; place < arity; place++)
        m->values[scalar][arity][place] = add_buffer(m, "values", scalar, STORAGE_INPUT, m->inputs++, tuple_count(scalar, arity));
}

static void *array_of(Arena *arena, Scalar scalar, uint32_t arity, uint32_t place) {
  unsigned bytes = scalar_bytes(scalar);
  uint32_t count = tuple_count(scalar, arity);
  char    *array = arena_allocate(arena, (size_t)count * bytes + 64u);
  for (uint32_t at = 0; at < count; at++) {
    uint64_t value = tuple_bits(scalar, arity, place, at);
    memcpy(array + (size_t)at * bytes, &value, bytes);
  }
  return array;
}

const void **suite_inputs(Suite *suite) {
  const void **inputs = arena_array(suite->arena, const void *, 6 * SCALAR_COUNT);
  uint32_t     count = 0;
  for (Scalar scalar = 0; scalar < SCALAR_COUNT; scalar++) /* as add_inputs */
    for (uint32_t arity = 1; has_table(scalar) && arity <= (has_triples(scalar) ? 3 : 2); arity++)
      for (uint32_t place = 0; place < arity; place++) inputs[count++] = array_of(suite->arena, scalar, arity, place);
  return inputs;
}

/* ---- kernels ---------------------------------------------------------------------------------------------------------------- */

static Operand in_operand(Making *m, const char *name, Scalar scalar, int64_t count) {
  OperandInfo info = {.name = name, .scalar = scalar, .rank = 1, .dims = {constant_dim(m, count)}, .access = ACCESS_IN};
  return build_operand(&m->kernel, info);
}

static Expr read(Making *m, Operand operand) {
  if (m->check.lanes == 1) return build_load(&m->kernel, operand, 1, &m->i);
  return build_load_lanes(&m->kernel, operand, 1, &m->i, m->check.lanes, m->active);
}

static Expr read_x(Making *m) { return read(m, m->x); }
static Expr read_y(Making *m) { return read(m, m->y); }

/* result[rows * tuples]; z is the third of a triple, or a select's condition. */
static void open_kernel(Making *m, Check check) {
  Builder *b = &m->kernel;
  int64_t  count = check_tuples(&check);
  if (!check.rows) check.rows = 1;
  m->check = check;
  build_open(b, m->suite->program, CODE_KERNEL, check.form);
  m->x = in_operand(m, "x", check.from, count);
  if (check.arity > 1) m->y = in_operand(m, "y", check.from, count);
  if (check.arity > 2) m->z = in_operand(m, "z", check.from, count);
  if (check.op == LOOP_SELECT) m->z = in_operand(m, "condition", SCALAR_I1, tuple_count(SCALAR_I1, 2));
  OperandInfo result = {.name = "result", .scalar = check.to, .rank = 1, .dims = {constant_dim(m, count * check.rows)}, .access = ACCESS_OUT};
  m->result = build_operand(b, result);
  m->i = build_for_step(b, "i", build_index(b, 0), build_index(b, count), check.lanes, LOOP_SERIAL);
  m->active = check.lanes > 1 ? build_let(b, "active", build_binary(b, LOOP_SUB, build_index(b, count), m->i)) : 0;
  m->first = read_x(m);
  m->second = check.arity > 1 ? read_y(m) : 0;
  m->third = check.arity > 2 ? read(m, m->z) : 0;
}

static void store(Making *m, uint32_t row, Expr value) {
  Builder *b = &m->kernel;
  Expr     at = build_binary(b, LOOP_ADD, m->i, build_index(b, (int64_t)row * check_tuples(&m->check)));
  if (m->check.lanes == 1) build_store(b, m->result, 1, &at, value);
  else build_store_lanes(b, m->result, 1, &at, value, m->active);
}

static void close_kernel(Making *m) {
  const Check *check = &m->check;
  build_end(&m->kernel);
  uint32_t     kernel = program_kernel(m->suite->program, build_close(&m->kernel)), count = 0;
  uint32_t     output = add_buffer(m, "out", check->to, STORAGE_OUTPUT, m->suite->checks.count, suite_count(check));
  CallArgument arguments[5] = {{0, 0}};
  for (; count < check->arity; count++) arguments[count].buffer = m->values[check->from][check->arity][count];
  if (check->op == LOOP_SELECT) arguments[count++].buffer = m->values[SCALAR_I1][2][0];
  arguments[count++].buffer = output;
  build_kernel_call(&m->entry, kernel, count, arguments, 0);
  vector_push(m->suite->arena, &m->suite->checks, *check);
}

static void close_with(Making *m, Expr value) {
  store(m, 0, value);
  close_kernel(m);
}

static Expr literal(Making *m, uint32_t index) {
  Scalar   scalar = m->check.from;
  uint64_t bits = edge_bits(scalar, index);
  float    single;
  double   number;
  if (!scalar_is_float(scalar)) return build_integer(&m->kernel, scalar, (int64_t)bits);
  memcpy(&number, &bits, sizeof number);
  memcpy(&single, &bits, sizeof single);
  return build_float(&m->kernel, scalar, scalar == SCALAR_F32 ? (double)single : number);
}

/* ---- operations ------------------------------------------------------------------------------------------------------------- */

static Check plain(LoopOp op, Scalar from, Scalar to, uint16_t lanes, uint8_t arity) {
  return (Check){.op = op, .from = from, .to = to, .lanes = lanes, .arity = arity, .form = loop_op_text(op)};
}

/* On two loaded values; on scalars also on a value and some constants, and on some constants and a value. */
static void binary(Making *m, LoopOp op, Scalar scalar, uint16_t lanes) {
  Check    check = plain(op, scalar, loop_op_is_comparison(op) ? SCALAR_I1 : scalar, lanes, 2);
  Builder *b = &m->kernel;
  check.form = "pairs";
  open_kernel(m, check);
  close_with(m, build_binary(b, op, m->first, m->second));
  if (lanes > 1) return;
  check.form = "constants", check.constants = true, check.rows = 2 * CONSTANTS;
  open_kernel(m, check);
  for (uint32_t row = 0; row < check.rows; row++) {
    Expr constant = literal(m, constant_of(scalar, row));
    store(m, row, row % 2 ? build_binary(b, op, constant, read_y(m)) : build_binary(b, op, read_x(m), constant));
  }
  close_kernel(m);
}

static void select(Making *m, Scalar scalar, uint16_t lanes) {
  Check    check = {.op = LOOP_SELECT, .from = scalar, .to = scalar, .lanes = lanes, .arity = 2, .rows = CONDITIONS, .form = "select"};
  Builder *b = &m->kernel;
  open_kernel(m, check);
  for (uint32_t row = 0; row < check.rows; row++) {
    Expr place = build_binary(b, LOOP_ADD, m->i, build_index(b, 2 * (int64_t)row));
    if (lanes > 1) place = build_binary(b, LOOP_ADD, place, build_lane_numbers(b, SCALAR_INDEX, lanes));
    place = build_binary(b, LOOP_REM, place, build_index(b, 4));
    store(m, row, build_select(b, build_load(b, m->z, 1, &place), read_x(m), read_y(m)));
  }
  close_kernel(m);
}

static void ternary(Making *m, LoopOp op, Scalar scalar, uint16_t lanes) {
  open_kernel(m, plain(op, scalar, scalar, lanes, has_triples(scalar) ? 3 : 2));
  close_with(m, build_ternary(&m->kernel, op, m->first, m->second, has_triples(scalar) ? m->third : read_x(m)));
}

static bool converts(LoopOp op, Scalar from, Scalar to) {
  if (from == to || !has_table(to)) return false;
  if (op == LOOP_SATURATE) return scalar_is_integer(to);
  return op == LOOP_CAST || (from != SCALAR_I1 && to != SCALAR_I1 && scalar_bits(from) == scalar_bits(to));
}

static Expr convert(Making *m, LoopOp op, Scalar to, Expr value) {
  if (op == LOOP_SATURATE) return build_saturate(&m->kernel, to, value);
  return op == LOOP_CAST ? build_cast(&m->kernel, to, value) : build_bitcast(&m->kernel, to, value);
}

static void conversions(Making *m, LoopOp op, Scalar from, uint16_t lanes) {
  for (Scalar to = 0; to < SCALAR_COUNT; to++) {
    if (!converts(op, from, to)) continue;
    open_kernel(m, plain(op, from, to, lanes, 1));
    close_with(m, convert(m, op, to, m->first));
  }
}

static void unary(Making *m, LoopOp op, Scalar scalar, uint16_t lanes) {
  open_kernel(m, plain(op, scalar, scalar, lanes, 1));
  close_with(m, build_unary(&m->kernel, op, m->first));
}

static void operation(Making *m, LoopOp op, Scalar scalar, uint16_t lanes) {
  if (op == LOOP_CAST || op == LOOP_SATURATE || op == LOOP_BITCAST) conversions(m, op, scalar, lanes);
  else if (op == LOOP_SELECT) select(m, scalar, lanes);
  else if (loop_op_operands(op) == 3) ternary(m, op, scalar, lanes);
  else if (loop_op_operands(op) == 2) binary(m, op, scalar, lanes);
  else unary(m, op, scalar, lanes);
}

/* Leaves, and what only moves lanes, have no meaning of their own here. */
static bool is_computed(LoopOp op) { return loop_op_operands(op) > 0 && op != LOOP_BROADCAST && op != LOOP_EXTRACT; }

/* ---- forms ------------------------------------------------------------------------------------------------------------------ */

static void open_form(Making *m, const char *form, Scalar from, Scalar to, uint8_t arity) {
  open_kernel(m, (Check){.from = from, .to = to, .lanes = 1, .arity = arity, .form = form});
}

/* Clamped floats convert without a check: ranges must get NaN and both ends right. */
static void clamps(Making *m, Scalar scalar) {
  Builder *b = &m->kernel;
  for (int order = 0; order < 4; order++) {
    open_form(m, "clamp", scalar, SCALAR_I8, 1);
    Expr low = build_float(b, scalar, -128), high = build_float(b, scalar, 127), value = build_unary(b, LOOP_ROUND, m->first);
    value = order & 1 ? build_binary(b, LOOP_MAX, value, low) : build_binary(b, LOOP_MAX, low, value);
    value = order & 2 ? build_binary(b, LOOP_MIN, value, high) : build_binary(b, LOOP_MIN, high, value);
    close_with(m, build_cast(b, SCALAR_I8, value));
  }
}

/* What tempts a compiler to contract: products that feed sums, each rounded. */
static void products(Making *m, Scalar scalar) {
  Builder *b = &m->kernel;
  for (int form = 0; form < 3; form++) {
    open_form(m, "products", scalar, scalar, 2);
    Expr product = build_binary(b, LOOP_MUL, m->first, m->second);
    if (form == 0) close_with(m, build_binary(b, LOOP_ADD, product, read_x(m)));
    if (form == 1) close_with(m, build_binary(b, LOOP_SUB, read_y(m), product));
    if (form == 2) close_with(m, build_binary(b, LOOP_SUB, product, build_binary(b, LOOP_MUL, read_y(m), read_y(m))));
  }
}

/* Data that becomes an index: arithmetic on it wraps, however it is spelled. */
static void indices(Making *m) {
  static const LoopOp ops[] = {LOOP_ADD, LOOP_SUB, LOOP_MUL, LOOP_DIV, LOOP_REM, LOOP_MIN, LOOP_MAX};
  Builder            *b = &m->kernel;
  for (size_t k = 0; k < sizeof ops / sizeof *ops; k++) {
    Check check = plain(ops[k], SCALAR_I64, SCALAR_I64, 1, 2); /* of index, which has the arithmetic of i64 */
    check.form = "index";
    open_kernel(m, check);
    Expr a = build_cast(b, SCALAR_INDEX, m->first), c = build_cast(b, SCALAR_INDEX, m->second);
    close_with(m, build_cast(b, SCALAR_I64, build_binary(b, ops[k], a, c)));
    open_form(m, "index_of_turn", SCALAR_I64, SCALAR_I64, 1); /* a * (i + 1) op i */
    a = build_cast(b, SCALAR_INDEX, m->first);
    a = build_binary(b, LOOP_MUL, a, build_binary(b, LOOP_ADD, m->i, build_index(b, 1)));
    close_with(m, build_cast(b, SCALAR_I64, build_binary(b, ops[k], a, m->i)));
  }
}

/* Conversions to index and back. */
static void casts_of_index(Making *m, Scalar from) {
  Check check = plain(LOOP_CAST, from, SCALAR_I64, 1, 1);
  check.form = "index_cast";
  open_kernel(m, check);
  close_with(m, build_cast(&m->kernel, SCALAR_I64, build_cast(&m->kernel, SCALAR_INDEX, m->first)));
}

/* Through a half type and back. */
static void round_trips(Making *m, Scalar from) {
  for (Scalar half = SCALAR_F16; half <= SCALAR_BF16; half++) {
    open_form(m, "round_trip", from, SCALAR_F32, 1);
    close_with(m, build_cast(&m->kernel, SCALAR_F32, build_cast(&m->kernel, half, m->first)));
  }
}

/* An accumulation, a search and nested choices: statements with variables. */
static void statements(Making *m, Scalar scalar) {
  Builder *b = &m->kernel;
  open_form(m, "choice", scalar, scalar, 2);
  Expr sum = build_var(b, "sum", m->first), count = build_var(b, "count", build_index(b, 0));
  build_while(b, build_binary(b, LOOP_LT, count, build_index(b, 3)));
  build_if(b, build_binary(b, LOOP_LT, read_x(m), read_y(m)));
  build_set(b, sum, build_binary(b, LOOP_ADD, sum, read_y(m)));
  build_else(b);
  build_if(b, build_binary(b, LOOP_EQ, count, build_index(b, 1)));
  build_set(b, sum, build_select(b, build_binary(b, LOOP_GT, sum, m->second), sum, read_x(m)));
  build_end(b);
  build_end(b);
  build_set(b, count, build_binary(b, LOOP_ADD, count, build_index(b, 1)));
  build_end(b);
  close_with(m, sum);
}

/* Conditions in conditions, and as values. */
static void conditions(Making *m, Scalar scalar) {
  static const LoopOp logic[] = {LOOP_AND, LOOP_OR, LOOP_XOR, LOOP_EQ, LOOP_NE};
  Builder            *b = &m->kernel;
  for (int at = 0; at < 20; at++) {
    int    form = at % 4;
    LoopOp op = logic[at / 4];
    open_form(m, "condition", scalar, form == 3 ? SCALAR_I1 : scalar, 2);
    Expr less = build_binary(b, LOOP_LT, m->first, m->second), same = build_binary(b, LOOP_EQ, read_y(m), literal(m, 1));
    Expr both = build_binary(b, op, less, form & 1 ? build_unary(b, LOOP_NOT, same) : same);
    Expr largest = build_binary(b, LOOP_MAX, read_x(m), literal(m, 0));
    if (form == 2) both = build_binary(b, LOOP_AND, both, build_binary(b, LOOP_GE, largest, literal(m, 2)));
    if (form == 3) close_with(m, build_binary(b, op, both, build_binary(b, LOOP_NE, largest, literal(m, 0))));
    else close_with(m, build_select(b, both, read_x(m), read_y(m)));
  }
}

/* Vectors taken apart and put together: halves of sums, numbers of lanes, a scalar in all lanes. */
static void lanes_moved(Making *m, Scalar scalar, uint16_t lanes) {
  Builder *b = &m->kernel;
  Check    check = {.from = scalar, .to = scalar, .lanes = lanes, .arity = 2, .form = "halves"};
  open_kernel(m, check);
  Expr low = build_extract(b, m->first, 0, lanes / 2), high = build_extract(b, m->second, lanes / 2, lanes / 2);
  Expr one = build_reduce(b, LOOP_MAX, build_binary(b, LOOP_MIN, low, high));
  close_with(m, build_binary(b, LOOP_MAX, build_broadcast(b, one, lanes), read_y(m)));
  check.form = "numbers", check.to = SCALAR_I32;
  open_kernel(m, check);
  Expr least = build_binary(b, LOOP_MIN, m->first, build_cast(b, scalar, build_lane_numbers(b, SCALAR_I32, lanes)));
  Expr numbers = build_lane_numbers(b, SCALAR_I32, lanes), none = build_integer(b, SCALAR_I32, -1);
  close_with(m, build_select(b, build_binary(b, LOOP_LT, least, m->second), numbers, none));
}

static void forms(Making *m, Scalar scalar) {
  bool arithmetic = scalar != SCALAR_F16 && scalar != SCALAR_BF16, is_float = arithmetic && scalar_is_float(scalar);
  bool wide_index = m->suite->target->index_bits == 64; /* else data make another index than in the interpreter */
  if (is_float) clamps(m, scalar), products(m, scalar);
  if (scalar == SCALAR_I64 && wide_index) indices(m);
  if (wide_index) casts_of_index(m, scalar);
  if (arithmetic) round_trips(m, scalar);
  if (arithmetic && scalar != SCALAR_I1) statements(m, scalar), conditions(m, scalar);
  for (uint16_t lanes = 4; lanes <= m->suite->most_lanes && arithmetic && scalar != SCALAR_I1; lanes *= 2) lanes_moved(m, scalar, lanes);
}

/* ---- all together ----------------------------------------------------------------------------------------------------------- */

void suite_build(Suite *suite) {
  static Making making; /* builders are large */
  Making       *m = &making;
  *m = (Making){.suite = suite};
  DimTable *dims = arena_new(suite->arena, DimTable);
  dim_open(dims, suite->arena);
  suite->program = program_open(suite->context, suite->arena, dims);
  add_inputs(m);
  build_open(&m->entry, suite->program, CODE_ENTRY, "run");
  for (Scalar scalar = 0; scalar < SCALAR_COUNT; scalar++) {
    if (!has_table(scalar)) continue;
    for (LoopOp op = 1; op < LOOP_OP_COUNT; op++)
      for (uint16_t lanes = 1; lanes <= suite->most_lanes; lanes = lanes == 1 ? 4 : lanes * 2)
        if (is_computed(op) && meaning_exists(op, scalar)) operation(m, op, scalar, lanes);
    forms(m, scalar);
  }
  program_entry(suite->program, build_close(&m->entry));
  program_verify(suite->program);
}
