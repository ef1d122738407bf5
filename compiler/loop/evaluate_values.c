/* Expressions to instructions: registers, literals, operations, loads, inlined functions. */
#include "evaluate_compile.h"
#include <string.h>

/* ---- registers ------------------------------------------------------------------------------------------------------ */

uint32_t emit(Compiler *compiler, Instruction instruction) {
  vector_push(compiler->arena, &compiler->variant->instructions, instruction);
  return compiler->variant->instructions.count - 1;
}

/* Registers of one lane, or of all lanes by element size. */
static uint32_t register_class(Scalar scalar, bool wide) {
  unsigned bytes = scalar_bytes(scalar);
  return !wide ? 0 : bytes == 1 ? 1 : bytes == 2 ? 2 : bytes == 4 ? 3 : 4;
}

/* A register that no instruction so far touches. */
static Register fresh_register(Compiler *compiler, Scalar scalar, bool wide) {
  uint32_t bytes = wide ? LANE_CAPACITY * scalar_bytes(scalar) : SCALAR_CELL;
  uint32_t at = compiler->variant->register_bytes;
  if (wide) at = (at + 63u) / 64u * 64u;
  require(compiler->machine->program->context, at < UINT32_MAX / 4);
  compiler->variant->register_bytes = at + bytes;
  return at;
}

Value take(Compiler *compiler, Scalar scalar, bool wide) {
  Value value = {.scalar = scalar, .wide = wide, .temporary = true};
  uint32_t class = register_class(scalar, wide);
  if (compiler->unused[class].count > 0) value.at = compiler->unused[class].data[--compiler->unused[class].count];
  else value.at = fresh_register(compiler, scalar, wide);
  return value;
}

void give(Compiler *compiler, Value value) {
  if (value.temporary) vector_push(compiler->scratch, &compiler->unused[register_class(value.scalar, value.wide)], value.at);
}

Value own(Compiler *compiler, Value value) {
  if (value.temporary) vector_push(compiler->scratch, &compiler->owned, value);
  value.temporary = false;
  return value;
}

Value literal(Scalar scalar, uint64_t bits) { return (Value){.scalar = scalar, .literal = true, .bits = bits}; }

static void settle_literal(Compiler *compiler, Value *value, bool wide) {
  unsigned bytes = scalar_bytes(value->scalar);
  value->wide = wide;
  for (uint32_t k = 0; k < compiler->variant->literals.count; k++) {
    const Literal *known = &compiler->variant->literals.data[k];
    if (known->wide != wide || known->bytes != bytes || known->bits != value->bits) continue;
    value->at = known->at;
    return;
  }
  Literal fresh = {.wide = wide, .bytes = (uint8_t)bytes, .bits = value->bits};
  fresh.at = value->at = fresh_register(compiler, value->scalar, wide); /* for good: literals are set before the first instruction */
  vector_push(compiler->arena, &compiler->variant->literals, fresh);
}

void settle(Compiler *compiler, Value *value) {
  if (value->literal && value->at == 0) settle_literal(compiler, value, false);
  if (value->band_loop) compiler->variant->bands.data[compiler->band - 1].loops[value->band_loop - 1].wanted = true;
}

Value widen(Compiler *compiler, Value value) {
  if (value.literal) {
    settle_literal(compiler, &value, true);
    return value;
  }
  settle(compiler, &value);
  if (value.wide) return value;
  Value wide = take(compiler, value.scalar, true);
  emit(compiler, (Instruction){.kind = DO_LANES, .wide = true, .to = wide.at, .a = value.at, .run = lane_broadcast(scalar_bytes(value.scalar))});
  give(compiler, value);
  return wide;
}

Value operation(Compiler *compiler, LaneFunction *run, Scalar result, uint32_t count, const Value *operands) {
  bool wide = false;
  uint8_t lanes = 0;
  Value settled[3] = {0};
  require(compiler->machine->program->context, run != NULL);
  for (uint32_t k = 0; k < count; k++) wide |= operands[k].wide;
  for (uint32_t k = 0; k < count; k++) lanes |= operands[k].lanes; /* those that have any have the same */
  for (uint32_t k = 0; k < count; k++) {
    settled[k] = operands[k];
    if (wide) settled[k] = widen(compiler, operands[k]);
    else settle(compiler, &settled[k]);
  }
  Value to = take(compiler, result, wide);
  to.lanes = lanes;
  emit(compiler, (Instruction){.kind = DO_LANES, .wide = wide, .lanes = lanes, .to = to.at, .a = settled[0].at, .b = settled[1].at,
                               .c = settled[2].at, .run = run});
  for (uint32_t k = 0; k < count; k++) give(compiler, settled[k]);
  return to;
}

Value copy_of(Compiler *compiler, Value value, bool wide) {
  if (wide) value = widen(compiler, value);
  else settle(compiler, &value);
  if (value.temporary) return value;
  return operation(compiler, lane_move(scalar_bytes(value.scalar)), value.scalar, 1, &value);
}

void move_into(Compiler *compiler, Value variable, Value value) {
  unsigned bytes = scalar_bytes(variable.scalar);
  if (variable.wide) value = widen(compiler, value);
  else settle(compiler, &value);
  Instruction *last = &compiler->variant->instructions.data[compiler->variant->instructions.count - 1];
  bool masked = variable.wide && compiler->mask;
  if (masked) {
    emit(compiler, (Instruction){.kind = DO_LANES, .wide = true, .to = variable.at, .a = compiler->mask, .b = value.at, .c = variable.at,
                                 .run = lane_choose(bytes)});
  } else if (value.temporary && last->kind <= DO_LOAD && last->to == value.at) {
    last->to = variable.at; /* computed where it belongs */
  } else {
    emit(compiler, (Instruction){.kind = DO_LANES, .wide = variable.wide, .lanes = variable.lanes, .to = variable.at, .a = value.at,
                                 .run = lane_move(bytes)});
  }
  give(compiler, value);
}

/* ---- loads and stores ----------------------------------------------------------------------------------------------- */

/* Adds a term to the subscript if its slot allows: a literal, one lane, or a variable of the band. */
static bool subscript_term(Compiler *compiler, Subscript *subscript, Slot slot, int64_t coefficient) {
  Value value = compiler->slots[slot];
  if (value.literal) {
    subscript->constant = (int64_t)((uint64_t)subscript->constant + value.bits * (uint64_t)coefficient);
  } else if (value.band_loop) {
    subscript->band[value.band_loop - 1] = coefficient;
    subscript->varies = true;
  } else if (!value.wide) {
    vector_push(compiler->arena, &compiler->variant->terms, (UniformTerm){value.at, coefficient});
    subscript->uniform_count++;
  } else {
    return false;
  }
  return true;
}

static Subscript compile_subscript(Compiler *compiler, Expr index, Value *temporary) {
  IndexSum sum = index_sum(&compiler->analysis, index);
  Subscript subscript = {.constant = sum.constant, .uniform = compiler->variant->terms.count};
  bool simple = sum.known;
  for (uint32_t k = 0; simple && k < sum.count; k++)
    simple = subscript_term(compiler, &subscript, sum.terms[k].slot, sum.terms[k].coefficient);
  if (simple) return subscript;
  Value value = compile_value(compiler, index);
  subscript = (Subscript){.uniform = compiler->variant->terms.count};
  if (value.literal) {
    subscript.constant = (int64_t)value.bits;
    return subscript;
  }
  settle(compiler, &value);
  *temporary = value;
  if (value.wide) {
    subscript.vector = value.at;
  } else {
    vector_push(compiler->arena, &compiler->variant->terms, (UniformTerm){value.at, 1});
    subscript.uniform_count = 1;
  }
  return subscript;
}

/* The lane offset with these coefficients in the open band; 0 if all are zero. */
static uint32_t lane_offset(Compiler *compiler, const int64_t coefficients[BAND_LIMIT]) {
  static const int64_t zero[BAND_LIMIT];
  if (memcmp(coefficients, zero, sizeof zero) == 0) return 0;
  Band *band = &compiler->variant->bands.data[compiler->band - 1];
  for (uint32_t k = band->offset; k < band->offset + band->offset_count; k++)
    if (memcmp(compiler->variant->offsets.data[k].coefficient, coefficients, sizeof zero) == 0) return k + 1;
  LaneOffset fresh = {.vector = fresh_register(compiler, SCALAR_INDEX, true)}; /* set before the strip's first instruction */
  memcpy(fresh.coefficient, coefficients, sizeof zero);
  vector_push(compiler->arena, &compiler->variant->offsets, fresh);
  band->offset_count++;
  return band->offset + band->offset_count;
}

/* The number of active lanes behind the indices of an access, if there is one. */
Value compile_active(Compiler *compiler, uint32_t list, uint32_t count, uint32_t rank) {
  if (count == rank) return (Value){0};
  Value active = compile_value(compiler, compiler->code->lists.data[list + rank]);
  settle(compiler, &active);
  return active;
}

/* `temporaries`: room for a value a dimension, to be given back after the access. */
uint32_t compile_access(Compiler *compiler, uint32_t operand, uint32_t rank, const uint32_t *indices, Value *temporaries, bool *wide) {
  const View *view = &compiler->analysis.views[operand];
  ElementAccess access = {.operand = operand, .rank = rank, .band = compiler->band};
  Subscript subscripts[RANK_LIMIT];
  int64_t coefficients[BAND_LIMIT] = {0};
  Scalar scalar = compiler->code->kind == CODE_ENTRY ? compiler->machine->program->buffers.data[operand].scalar
                                                      : compiler->code->operands.data[operand].scalar;
  access.bytes = scalar_bytes(scalar);
  *wide = false;
  for (uint32_t d = 0; d < rank; d++) {
    subscripts[d] = compile_subscript(compiler, indices[d], &temporaries[d]);
    access.gathers |= subscripts[d].vector != 0;
    *wide |= subscripts[d].vector != 0 || subscripts[d].varies;
    for (uint32_t k = 0; k < BAND_LIMIT; k++)
      coefficients[k] = (int64_t)((uint64_t)coefficients[k] + (uint64_t)subscripts[d].band[k] * (uint64_t)view->strides[d]);
  }
  access.offset = lane_offset(compiler, coefficients);
  access.subscript = compiler->variant->subscripts.count;
  for (uint32_t d = 0; d < rank; d++) vector_push(compiler->arena, &compiler->variant->subscripts, subscripts[d]);
  vector_push(compiler->arena, &compiler->variant->accesses, access);
  return compiler->variant->accesses.count - 1;
}

static Value compile_load(Compiler *compiler, const ExprNode *node) {
  Value temporaries[RANK_LIMIT] = {{0}};
  bool wide;
  uint32_t rank = access_rank(compiler->machine->program, compiler->code, node->operand[0]), list = node->operand[1];
  Value active = compile_active(compiler, list, node->operand[2], rank);
  uint32_t access = compile_access(compiler, node->operand[0], rank, &compiler->code->lists.data[list], temporaries, &wide);
  uint8_t lanes = node->lanes > 1 ? (uint8_t)node->lanes : 0;
  wide |= lanes != 0;
  compiler->variant->accesses.data[access].contiguous = lanes && access_is_contiguous(compiler->code, list, rank);
  Value to = take(compiler, (Scalar)node->scalar, wide);
  to.lanes = lanes;
  emit(compiler, (Instruction){.kind = DO_LOAD, .wide = wide, .lanes = lanes, .to = to.at, .mask = wide ? compiler->mask : 0,
                               .partial = node->operand[2] > rank, .active = active.at, .target = access});
  for (uint32_t d = 0; d < rank; d++) give(compiler, temporaries[d]);
  give(compiler, active);
  return to;
}

/* ---- functions ------------------------------------------------------------------------------------------------------ */

static Value compile_inline(Compiler *compiler, const Code *function, const Value *arguments) {
  Compiler outer = *compiler;
  require(compiler->machine->program->context, compiler->inlined < INLINE_LIMIT);
  compiler->inlined++;
  compiler->code = function;
  compiler->slots = arena_array(compiler->scratch, Value, function->slots.count + 1u);
  for (uint32_t k = 0; k < function->parameter_count; k++) {
    compiler->slots[1 + k] = arguments[k];
    compiler->slots[1 + k].temporary = false;
  }
  compile_block(compiler, function->body);
  Value result = compiler->result;
  compiler->code = outer.code;
  compiler->slots = outer.slots;
  compiler->result = outer.result;
  compiler->inlined--;
  for (uint32_t k = 0; k < function->parameter_count; k++) give(compiler, arguments[k]);
  return result;
}

static Value compile_oracle(Compiler *compiler, const Code *function, Value *arguments) {
  const char *name = loop_scalar_name(compiler->scratch, function->name, function->lanes);
  OracleCall call = {.function = oracle_function(name), .count = function->parameter_count};
  if (!call.function) bug(compiler->machine->program->context, "nobody defines function %s", function->name);
  require(compiler->machine->program->context, call.count <= 3);
  bool wide = false;
  for (uint32_t k = 0; k < call.count; k++) wide |= arguments[k].wide;
  for (uint32_t k = 0; k < call.count; k++) {
    LaneClass class;
    if (wide) arguments[k] = widen(compiler, arguments[k]);
    else settle(compiler, &arguments[k]);
    call.widen[k] = lane_widen(arguments[k].scalar, &class);
    call.wide_class[k] = (uint8_t)class;
    call.arguments[k] = arguments[k].at;
  }
  vector_push(compiler->arena, &compiler->variant->calls, call);
  Value to = take(compiler, function->result, wide);
  to.lanes = function->lanes > 1 ? (uint8_t)function->lanes : 0;
  emit(compiler, (Instruction){.kind = DO_ORACLE, .wide = wide, .lanes = to.lanes, .to = to.at, .narrow = lane_narrow(LANES_F64, function->result),
                               .target = compiler->variant->calls.count - 1});
  for (uint32_t k = 0; k < call.count; k++) give(compiler, arguments[k]);
  return to;
}

static Value compile_call(Compiler *compiler, const ExprNode *node) {
  const Code *function = &compiler->machine->program->functions.data[node->operand[0]];
  const uint32_t *list = &compiler->code->lists.data[node->operand[1]];
  Value arguments[16];
  require(compiler->machine->program->context, node->operand[2] <= 16 && node->operand[2] == function->parameter_count);
  for (uint32_t k = 0; k < node->operand[2]; k++) {
    arguments[k] = compile_value(compiler, list[k]);
    settle(compiler, &arguments[k]);
  }
  return function->defined ? compile_inline(compiler, function, arguments) : compile_oracle(compiler, function, arguments);
}

/* ---- expressions ---------------------------------------------------------------------------------------------------- */

static uint64_t constant_bits(const ExprNode *node) {
  uint64_t bits = (uint64_t)node->integer;
  switch ((Scalar)node->scalar) {
    case SCALAR_F16: return element_from_f64(ELEMENT_F16, node->number);
    case SCALAR_BF16: return element_from_f64(ELEMENT_BF16, node->number);
    case SCALAR_F32: {
      float number = (float)node->number;
      uint32_t narrow;
      memcpy(&narrow, &number, sizeof narrow);
      return narrow;
    }
    case SCALAR_F64: memcpy(&bits, &node->number, sizeof bits); return bits;
    case SCALAR_I1: return bits & 1u;
    default: break;
  }
  unsigned width = 8 * scalar_bytes((Scalar)node->scalar);
  return width == 64 ? bits : bits & (((uint64_t)1 << width) - 1);
}

static Value compile_dim(Compiler *compiler, Dim dim) {
  int64_t value;
  if (compiler->code->kind == CODE_ENTRY) {
    Value to = take(compiler, SCALAR_INDEX, false);
    emit(compiler, (Instruction){.kind = DO_DIM, .to = to.at, .step = dim});
    return to;
  }
  bool good = dim_evaluate(compiler->machine->program->dims, dim, compiler->machine->evaluation->symbols, &value);
  return literal(SCALAR_INDEX, good ? (uint64_t)value : 0); /* a bad one would have been refused with the call */
}

static Value compile_cast(Compiler *compiler, const ExprNode *node) {
  Value from = compile_value(compiler, node->operand[0]);
  LaneClass class;
  LaneFunction *run = lane_widen(from.scalar, &class);
  LaneFunction *narrow = node->op == LOOP_CAST ? lane_narrow(class, (Scalar)node->scalar) : lane_saturate(class, (Scalar)node->scalar);
  require(compiler->machine->program->context, narrow != NULL);
  settle(compiler, &from);
  Value to = take(compiler, (Scalar)node->scalar, from.wide);
  to.lanes = from.lanes;
  emit(compiler, (Instruction){.kind = DO_CAST, .wide = from.wide, .lanes = from.lanes, .to = to.at, .a = from.at, .run = run, .narrow = narrow});
  give(compiler, from);
  return to;
}

/* ---- vectors ---- */

static Value compile_broadcast(Compiler *compiler, const ExprNode *node) {
  Value value = compile_value(compiler, node->operand[0]);
  if (value.literal) {
    settle_literal(compiler, &value, true);
    value.lanes = (uint8_t)node->lanes;
    return value;
  }
  settle(compiler, &value);
  Value to = take(compiler, value.scalar, true);
  to.lanes = (uint8_t)node->lanes;
  emit(compiler, (Instruction){.kind = DO_LANES, .wide = true, .lanes = to.lanes, .to = to.at, .a = value.at,
                               .run = lane_broadcast(scalar_bytes(value.scalar))});
  give(compiler, value);
  return to;
}

static Value compile_lane_numbers(Compiler *compiler, const ExprNode *node) {
  Value to = take(compiler, (Scalar)node->scalar, true);
  to.lanes = (uint8_t)node->lanes;
  emit(compiler, (Instruction){.kind = DO_LANES, .wide = true, .lanes = to.lanes, .to = to.at, .run = lane_numbers(scalar_bytes(to.scalar))});
  return to;
}

static Value compile_extract(Compiler *compiler, const ExprNode *node) {
  Value from = compile_value(compiler, node->operand[0]);
  bool wide = node->lanes > 1;
  unsigned bytes = scalar_bytes(from.scalar);
  Value to = take(compiler, from.scalar, wide);
  to.lanes = wide ? (uint8_t)node->lanes : 0;
  Register at = from.at + node->operand[1] * bytes;
  emit(compiler, (Instruction){.kind = DO_LANES, .wide = wide, .lanes = to.lanes, .to = to.at, .a = at, .run = lane_move(bytes)});
  give(compiler, from);
  return to;
}

static Value compile_operation(Compiler *compiler, const ExprNode *node) {
  Value operands[3];
  uint32_t count = loop_op_operands((LoopOp)node->op);
  for (uint32_t k = 0; k < count; k++) operands[k] = compile_value(compiler, node->operand[k]);
  Scalar scalar = operands[count - 1].scalar;
  LaneFunction *run = node->op == LOOP_SELECT ? lane_choose(scalar_bytes(scalar)) : lane_function((LoopOp)node->op, scalar);
  if (!run)
    bug(compiler->machine->program->context, "%s: no operation %s on %s", compiler->code->name, loop_op_text((LoopOp)node->op),
        scalar_name(scalar));
  return operation(compiler, run, (Scalar)node->scalar, count, operands);
}

void deeper(Compiler *compiler) {
  if (++compiler->depth > NESTING_LIMIT) bug(compiler->machine->program->context, "%s: nested too deeply for the interpreter", compiler->code->name);
}

Value compile_value(Compiler *compiler, Expr expr) {
  const ExprNode *node = expr_at(compiler->code, expr);
  Value value;
  deeper(compiler);
  switch (node->op) {
    case LOOP_CONSTANT: value = literal((Scalar)node->scalar, constant_bits(node)); break;
    case LOOP_DIM: value = compile_dim(compiler, (Dim)node->integer); break;
    case LOOP_SLOT: value = compiler->slots[node->operand[0]]; break;
    case LOOP_LOAD: value = compile_load(compiler, node); break;
    case LOOP_CALL: value = compile_call(compiler, node); break;
    case LOOP_LANES: value = compile_lane_numbers(compiler, node); break;
    case LOOP_BROADCAST: value = compile_broadcast(compiler, node); break;
    case LOOP_EXTRACT: value = compile_extract(compiler, node); break;
    case LOOP_CAST: case LOOP_SATURATE: value = compile_cast(compiler, node); break;
    case LOOP_BITCAST:
      value = compile_value(compiler, node->operand[0]);
      if (value.variable) value = copy_of(compiler, value, value.wide);
      settle(compiler, &value);
      value.scalar = (Scalar)node->scalar;
      break;
    default: value = compile_operation(compiler, node);
  }
  compiler->depth--;
  return value;
}
