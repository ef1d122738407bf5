/* RNN, GRU and LSTM as plain loops: for each direction and each item of the batch, step after step. The state (h, for LSTM also c) and the gates of
 * one step live in scratch vectors of the compute type, so nothing is rounded between steps. A gate's sum ascends over the input, then over the
 * state; the biases are added last. Steps past an item's sequence length give zeroes and leave the state alone. */
#include "compiler/ops/expressions.h"
#include <string.h>

void infer_recurrent(Infer *infer);
void loops_recurrent(Meaning *m);

/* Operands of all three cells; LSTM alone has the last two. */
enum { OPERAND_X, OPERAND_W, OPERAND_R, OPERAND_B, OPERAND_LENGTHS, OPERAND_H, OPERAND_C, OPERAND_P };
enum { RESULT_Y, RESULT_H, RESULT_C };

/* What distinguishes the cells. gates: rows of W and R are so many times the hidden size. */
typedef struct CellInfo { uint32_t gates, activations; const char *defaults[3]; } CellInfo;

static const CellInfo *cell_of(uint32_t op) {
  static const CellInfo rnn = {1, 1, {"Tanh"}}, gru = {3, 2, {"Sigmoid", "Tanh"}}, lstm = {4, 3, {"Sigmoid", "Tanh", "Tanh"}};
  return op == OP_RNN ? &rnn : op == OP_GRU ? &gru : &lstm;
}

/* ---- activations ------------------------------------------------------------------------------------------------------------------ */

/* text: over x, y = alpha, z = beta. Whether it takes alpha and beta decides which entries of the attribute lists are its own. */
typedef struct ActivationInfo { const char *name, *text; bool has_alpha, has_beta; double alpha, beta; } ActivationInfo;
static const ActivationInfo activations[] = {
    {"Tanh", "tanh(x)", 0, 0, 0, 0},
    {"Sigmoid", "sigmoid(x)", 0, 0, 0, 0},
    {"Relu", "x < 0 ? 0 : x", 0, 0, 0, 0},
    {"Affine", "y * x + z", 1, 1, 1, 0},
    {"LeakyRelu", "x < 0 ? y * x : x", 1, 0, 0.01f, 0},
    {"ThresholdedRelu", "x > y ? x : 0", 1, 0, 1, 0},
    {"ScaledTanh", "y * tanh(z * x)", 1, 1, 1, 1},
    {"HardSigmoid", "max(0, min(1, y * x + z))", 1, 1, 0.2f, 0.5},
    {"Elu", "x < 0 ? y * expm1(x) : x", 1, 0, 1, 0},
    {"Softsign", "x / (1 + abs(x))", 0, 0, 0, 0},
    {"Softplus", "softplus(x)", 0, 0, 0, 0},
};

typedef struct Activation { const ActivationInfo *info; double alpha, beta; } Activation;

static const ActivationInfo *activation_find(const char *name, size_t length) {
  for (size_t row = 0; row < sizeof activations / sizeof *activations; row++)
    if (strlen(activations[row].name) == length && !memcmp(activations[row].name, name, length)) return &activations[row];
  return NULL;
}

/* The next entry of an attribute's list, or the default. */
static double take(const Attribute *list, uint32_t *next, double otherwise) {
  return list && *next < list->count ? list->floats[(*next)++] : otherwise;
}

/* The activations of all directions, in the attribute's order; false if one is unknown or there are too few. */
static bool list_activations(const Node *node, uint32_t directions, Activation *list /* 6 */) {
  const CellInfo *cell = cell_of(node->op);
  const Attribute *names = node_attribute(node, "activations"), *alphas = node_attribute(node, "activation_alpha");
  const Attribute *betas = node_attribute(node, "activation_beta");
  uint32_t next_alpha = 0, next_beta = 0, count = directions * cell->activations;
  if (names && names->count < count) return false;
  for (uint32_t at = 0; at < count; at++) {
    const char *usual = cell->defaults[at % cell->activations];
    const ActivationInfo *info = activation_find(usual, strlen(usual));
    if (names) info = activation_find((const char *)names->strings[at].data, names->strings[at].size);
    if (!info) return false;
    list[at] = (Activation){info, info->alpha, info->beta};
    if (info->has_alpha) list[at].alpha = take(alphas, &next_alpha, info->alpha);
    if (info->has_beta) list[at].beta = take(betas, &next_beta, info->beta);
  }
  return true;
}

/* ---- shapes ------------------------------------------------------------------------------------------------------------------------- */

static uint32_t direction_count(const char *direction) { return strcmp(direction, "bidirectional") ? 1 : 2; }

static void check_shape(Infer *infer, uint32_t operand, uint32_t rank, const Dim *dims, const char *name) {
  if (!infer_has(infer, operand) || infer->failed) return;
  if (infer_rank(infer, operand) != rank) {
    infer_error(infer, CODE_RANK, NULL, "%s must have rank %u, but has %u", name, rank, infer_rank(infer, operand));
    return;
  }
  for (uint32_t axis = 0; axis < rank; axis++) infer_agree(infer, infer_dim(infer, operand, axis), dims[axis], name, "the size it needs");
}

/* ONNX RNN-22, GRU-22, LSTM-22. Layout 0: X (steps, batch, input), Y (steps, directions, batch, hidden), states (directions, batch, hidden);
 * layout 1: X (batch, steps, input), Y (batch, steps, directions, hidden), states (batch, directions, hidden). */
void infer_recurrent(Infer *infer) {
  DimTable *table = infer_table(infer);
  const CellInfo *cell = cell_of(infer_node(infer)->op);
  bool batch_first = infer_int(infer, "layout") != 0;
  uint32_t count = direction_count(op_string(infer->module, infer_node(infer), "direction"));
  Activation list[6];
  for (uint32_t operand = OPERAND_X; operand <= OPERAND_R; operand++)
    if (infer_rank(infer, operand) != 3) { infer_error(infer, CODE_RANK, NULL, "X, W and R must have rank 3"); return; }
  if (!list_activations(infer_node(infer), count, list)) {
    infer_error(infer, CODE_VALUE, NULL, "activations needs %u known functions", count * cell->activations);
    return;
  }
  Dim steps = infer_dim(infer, 0, batch_first), batch = infer_dim(infer, 0, !batch_first), hidden = infer_dim(infer, OPERAND_R, 2);
  Dim directions = dim_constant(table, count);
  Dim rows = dim_mul(table, hidden, dim_constant(table, cell->gates));
  if (op_has(infer_node(infer), "hidden_size"))
    infer_agree(infer, hidden, dim_constant(table, infer_int(infer, "hidden_size")), "the hidden size of R", "hidden_size");
  check_shape(infer, OPERAND_W, 3, (Dim[]){directions, rows, infer_dim(infer, 0, 2)}, "an axis of W");
  check_shape(infer, OPERAND_R, 3, (Dim[]){directions, rows, hidden}, "an axis of R");
  check_shape(infer, OPERAND_B, 2, (Dim[]){directions, dim_mul(table, rows, dim_constant(table, 2))}, "an axis of B");
  check_shape(infer, OPERAND_LENGTHS, 1, &batch, "the size of sequence_lens");
  Dim state[3] = {batch_first ? batch : directions, batch_first ? directions : batch, hidden};
  check_shape(infer, OPERAND_H, 3, state, "an axis of initial_h");
  check_shape(infer, OPERAND_C, 3, state, "an axis of initial_c");
  check_shape(infer, OPERAND_P, 2, (Dim[]){directions, dim_mul(table, hidden, dim_constant(table, 3))}, "an axis of P");
  if (infer->failed) return;
  infer_set(infer, RESULT_Y, 4, batch_first ? (Dim[]){batch, steps, directions, hidden} : (Dim[]){steps, directions, batch, hidden});
  infer_set(infer, RESULT_H, 3, state);
  infer_set(infer, RESULT_C, 3, state);
}

/* ---- one step ------------------------------------------------------------------------------------------------------------------------ */

typedef struct Cell {
  Meaning *m;
  const CellInfo *info;
  Scalar   scalar;
  bool     batch_first;
  Dim      steps, batch, hidden;
  Expr     hidden_extent, input_extent;
  Operand  h, c, gates, gated; /* scratch: state, LSTM's cell state, all gates of a step, GRU's state times its reset gate */
  const Activation *activation;/* of the direction */
  Expr     direction, item, step; /* where the loops are: direction, batch item, position in the sequence */
} Cell;

static Expr vector_at(Cell *cell, Operand vector, Expr at) { return build_load(cell->m->builder, vector, 1, &at); }
static void vector_set(Cell *cell, Operand vector, Expr at, Expr value) { build_store(cell->m->builder, vector, 1, &at, value); }
static Expr open_hidden(Cell *cell, const char *name) { return build_for(cell->m->builder, name, expr_index(cell->m, 0), cell->hidden_extent); }
static Expr gate_row(Cell *cell, uint32_t gate, Expr at) {
  return expr_add(cell->m, expr_mul(cell->m, cell->hidden_extent, expr_index(cell->m, gate)), at);
}
static Expr gate_at(Cell *cell, uint32_t gate, Expr at) { return vector_at(cell, cell->gates, gate_row(cell, gate, at)); }

/* The attribute bounds the sums of the gates; the cell state goes into its activation as it is, as in ONNX Runtime. */
static Expr clipped(Cell *cell, Expr x) {
  Meaning *m = cell->m;
  if (!op_has(meaning_node(m), "clip")) return x;
  double clip = meaning_float(m, "clip");
  return expr_max(m, expr_min(m, x, expr_number(m, cell->scalar, clip)), expr_number(m, cell->scalar, -clip));
}

static Expr apply(Cell *cell, uint32_t which, Expr x) {
  const Activation *activation = &cell->activation[which];
  Expr alpha = expr_number(cell->m, cell->scalar, activation->alpha), beta = expr_number(cell->m, cell->scalar, activation->beta);
  Expr value = expr_let(cell->m, "x", x);
  return expr_let(cell->m, "gate", meaning_scalar(cell->m, activation->info->text, 3, (Expr[]){value, alpha, beta}));
}

/* A gate's activation of its sum. */
static Expr activate(Cell *cell, uint32_t which, Expr sum) { return apply(cell, which, clipped(cell, sum)); }

/* sum += the input of this step times row `row` of W. */
static void add_input(Cell *cell, Expr sum, Expr row) {
  Meaning *m = cell->m;
  Expr i = build_for(m->builder, "i", expr_index(m, 0), cell->input_extent);
  Expr x = meaning_read(m, OPERAND_X, cell->batch_first ? (Expr[]){cell->item, cell->step, i} : (Expr[]){cell->step, cell->item, i});
  Expr w = meaning_read(m, OPERAND_W, (Expr[]){cell->direction, row, i});
  build_set(m->builder, sum, build_ternary(m->builder, LOOP_MULADD, x, w, sum));
  build_end(m->builder);
}

/* sum += the vector (the state) times row `row` of R. */
static void add_state(Cell *cell, Expr sum, Operand vector, Expr row) {
  Meaning *m = cell->m;
  Expr k = build_for(m->builder, "k", expr_index(m, 0), cell->hidden_extent);
  Expr r = meaning_read(m, OPERAND_R, (Expr[]){cell->direction, row, k});
  build_set(m->builder, sum, build_ternary(m->builder, LOOP_MULADD, vector_at(cell, vector, k), r, sum));
  build_end(m->builder);
}

/* sum plus the bias of W's row (half 0) or R's (half 1). */
static Expr add_bias(Cell *cell, Expr sum, uint32_t half, Expr row) {
  Meaning *m = cell->m;
  if (!meaning_has(m, OPERAND_B)) return sum;
  Expr at = expr_add(m, row, expr_mul(m, cell->hidden_extent, expr_index(m, half * cell->info->gates)));
  return expr_add(m, sum, meaning_read(m, OPERAND_B, (Expr[]){cell->direction, at}));
}

/* Input, state and biases of one gate row. */
static Expr whole_row(Cell *cell, Operand vector, Expr row) {
  Expr sum = build_var(cell->m->builder, "sum", expr_number(cell->m, cell->scalar, 0));
  add_input(cell, sum, row);
  add_state(cell, sum, vector, row);
  return add_bias(cell, add_bias(cell, sum, 0, row), 1, row);
}

static void write_step(Cell *cell, Expr at, Expr value) {
  Meaning *m = cell->m;
  if (!meaning_wants(m, RESULT_Y)) return;
  Expr first[4] = {cell->step, cell->direction, cell->item, at}, batch_first[4] = {cell->item, cell->step, cell->direction, at};
  meaning_write(m, RESULT_Y, cell->batch_first ? batch_first : first, value);
}

static void step_rnn(Cell *cell) {
  Expr j = open_hidden(cell, "j");
  vector_set(cell, cell->gates, j, activate(cell, 0, whole_row(cell, cell->h, j)));
  build_end(cell->m->builder);
  j = open_hidden(cell, "j");
  Expr state = expr_let(cell->m, "state", vector_at(cell, cell->gates, j));
  vector_set(cell, cell->h, j, state);
  write_step(cell, j, state);
  build_end(cell->m->builder);
}

/* GRU: gates z (update), r (reset), h (candidate). h' = (1 - z) * candidate + z * h. */
static void step_gru(Cell *cell) {
  Meaning *m = cell->m;
  Builder *builder = m->builder;
  bool reset_last = meaning_int(m, "linear_before_reset") != 0;
  Expr row = build_for(builder, "row", expr_index(m, 0), expr_mul(m, cell->hidden_extent, expr_index(m, 2)));
  vector_set(cell, cell->gates, row, activate(cell, 0, whole_row(cell, cell->h, row)));
  build_end(builder);
  Expr j = open_hidden(cell, "j");
  if (!reset_last) {
    vector_set(cell, cell->gated, j, expr_mul(m, gate_at(cell, 1, j), vector_at(cell, cell->h, j)));
    build_end(builder);
    j = open_hidden(cell, "j");
  }
  row = expr_let(m, "row", gate_row(cell, 2, j));
  Expr sum;
  if (reset_last) {
    Expr from_state = build_var(builder, "from_state", expr_number(m, cell->scalar, 0));
    Expr from_input = build_var(builder, "from_input", expr_number(m, cell->scalar, 0));
    add_state(cell, from_state, cell->h, row);
    add_input(cell, from_input, row);
    sum = build_ternary(builder, LOOP_MULADD, gate_at(cell, 1, j), add_bias(cell, from_state, 1, row), add_bias(cell, from_input, 0, row));
  } else {
    sum = whole_row(cell, cell->gated, row);
  }
  vector_set(cell, cell->gates, row, activate(cell, 1, sum));
  build_end(builder);
  j = open_hidden(cell, "j");
  Expr update = expr_let(m, "update", gate_at(cell, 0, j)), kept = expr_mul(m, update, vector_at(cell, cell->h, j));
  Expr share = expr_sub(m, expr_number(m, cell->scalar, 1), update);
  Expr state = expr_let(m, "state", build_ternary(builder, LOOP_MULADD, share, gate_at(cell, 2, j), kept));
  vector_set(cell, cell->h, j, state);
  write_step(cell, j, state);
  build_end(builder);
}

/* Gate sum plus its peephole: P's part `part` times the cell state. */
static Expr add_peephole(Cell *cell, Expr sum, uint32_t part, Expr at, Expr state) {
  if (!meaning_has(cell->m, OPERAND_P)) return sum;
  Expr weight = meaning_read(cell->m, OPERAND_P, (Expr[]){cell->direction, gate_row(cell, part, at)});
  return build_ternary(cell->m->builder, LOOP_MULADD, weight, state, sum);
}

/* LSTM: gates i (input), o (output), f (forget), c (candidate); peepholes in the order i, o, f. */
static void step_lstm(Cell *cell) {
  Meaning *m = cell->m;
  Builder *builder = m->builder;
  Expr row = build_for(builder, "row", expr_index(m, 0), expr_mul(m, cell->hidden_extent, expr_index(m, 4)));
  vector_set(cell, cell->gates, row, whole_row(cell, cell->h, row));
  build_end(builder);
  Expr j = open_hidden(cell, "j"), before = expr_let(m, "before", vector_at(cell, cell->c, j));
  Expr input = activate(cell, 0, add_peephole(cell, gate_at(cell, 0, j), 0, j, before));
  Expr forget = meaning_int(m, "input_forget") ? expr_sub(m, expr_number(m, cell->scalar, 1), input)
                                               : activate(cell, 0, add_peephole(cell, gate_at(cell, 2, j), 2, j, before));
  Expr candidate = activate(cell, 1, gate_at(cell, 3, j));
  Expr after = expr_let(m, "after", build_ternary(builder, LOOP_MULADD, forget, before, expr_mul(m, input, candidate)));
  Expr output = activate(cell, 0, add_peephole(cell, gate_at(cell, 1, j), 1, j, after));
  Expr state = expr_let(m, "state", expr_mul(m, output, apply(cell, 2, after)));
  vector_set(cell, cell->c, j, after);
  vector_set(cell, cell->h, j, state);
  write_step(cell, j, state);
  build_end(builder);
}

/* ---- sequences --------------------------------------------------------------------------------------------------------------------------- */

static void state_index(const Cell *cell, Expr at, Expr *index) {
  index[0] = cell->batch_first ? cell->item : cell->direction;
  index[1] = cell->batch_first ? cell->direction : cell->item;
  index[2] = at;
}

static void start_state(Cell *cell, Operand vector, uint32_t operand) {
  Expr j = open_hidden(cell, "j"), index[3];
  state_index(cell, j, index);
  vector_set(cell, vector, j, meaning_has(cell->m, operand) ? meaning_read(cell->m, operand, index) : expr_number(cell->m, cell->scalar, 0));
  build_end(cell->m->builder);
}

static void write_state(Cell *cell, Operand vector, uint32_t result) {
  if (!meaning_wants(cell->m, result)) return;
  Expr j = open_hidden(cell, "j"), index[3];
  state_index(cell, j, index);
  meaning_write(cell->m, result, index, vector_at(cell, vector, j));
  build_end(cell->m->builder);
}

/* All steps of one item in one direction. */
static void run_sequence(Cell *cell, bool reversed) {
  Meaning *m = cell->m;
  Builder *builder = m->builder;
  uint32_t op = meaning_node(m)->op;
  Expr zero = expr_index(m, 0), whole = build_dim(builder, cell->steps), length = whole;
  start_state(cell, cell->h, OPERAND_H);
  if (op == OP_LSTM) start_state(cell, cell->c, OPERAND_C);
  if (meaning_has(m, OPERAND_LENGTHS)) {
    Expr given = expr_let(m, "given", meaning_read_index(m, OPERAND_LENGTHS, &cell->item));
    meaning_fail_if(m, expr_or(m, expr_lt(m, given, zero), expr_gt(m, given, whole)), STATUS_RANGE);
    length = expr_let(m, "length", expr_max(m, expr_min(m, given, whole), zero));
  }
  Expr at = build_for(builder, "t", zero, length);
  cell->step = reversed ? expr_let(m, "step", expr_sub(m, expr_sub(m, length, expr_index(m, 1)), at)) : at;
  if (op == OP_RNN) step_rnn(cell);
  else if (op == OP_GRU) step_gru(cell);
  else step_lstm(cell);
  build_end(builder);
  if (meaning_has(m, OPERAND_LENGTHS) && meaning_wants(m, RESULT_Y)) {
    cell->step = build_for(builder, "t", length, whole);
    write_step(cell, open_hidden(cell, "j"), expr_number(m, cell->scalar, 0));
    meaning_end_loops(m, 2);
  }
  write_state(cell, cell->h, RESULT_H);
  if (op == OP_LSTM) write_state(cell, cell->c, RESULT_C);
}

void loops_recurrent(Meaning *m) {
  uint32_t op = meaning_node(m)->op;
  const char *direction = meaning_string(m, "direction");
  uint32_t count = direction_count(direction);
  Activation list[6];
  require(m->module->context, list_activations(meaning_node(m), count, list));
  Cell cell = {.m = m, .info = cell_of(op), .scalar = meaning_compute(m, 0), .batch_first = meaning_int(m, "layout") != 0};
  cell.steps = meaning_dim(m, OPERAND_X, cell.batch_first);
  cell.batch = meaning_dim(m, OPERAND_X, !cell.batch_first);
  cell.hidden = meaning_dim(m, OPERAND_R, 2);
  cell.hidden_extent = build_dim(m->builder, cell.hidden);
  cell.input_extent = expr_agree(m, meaning_dim(m, OPERAND_X, 2), meaning_dim(m, OPERAND_W, 2));
  Dim gates = dim_mul(&m->module->dims, cell.hidden, dim_constant(&m->module->dims, cell.info->gates));
  cell.h = meaning_scratch(m, "h", cell.scalar, 1, &cell.hidden);
  cell.gates = meaning_scratch(m, "gates", cell.scalar, 1, &gates);
  if (op == OP_LSTM) cell.c = meaning_scratch(m, "c", cell.scalar, 1, &cell.hidden);
  if (op == OP_GRU && !meaning_int(m, "linear_before_reset")) cell.gated = meaning_scratch(m, "gated", cell.scalar, 1, &cell.hidden);
  for (uint32_t at = 0; at < count; at++) {
    cell.direction = expr_index(m, at);
    cell.activation = &list[at * cell.info->activations];
    uint32_t blocks = 0;
    cell.item = expr_loop(m, "b", cell.batch, &blocks);
    run_sequence(&cell, count == 2 ? at == 1 : !strcmp(direction, "reverse"));
    meaning_end_loops(m, blocks);
  }
}
