/* Statements to instructions: loops, bands, masks.
 *
 * Outside a band everything has one lane and control flow is jumps. Inside, a condition that differs between lanes becomes a mask: the
 * statements under it run for all lanes, but loads, stores and SETs look at the mask, and nothing runs where no lane is set. A loop whose
 * bounds are equal in all lanes stays a plain loop; another one runs until its mask is empty. */
#include "evaluate_compile.h"

static void patch(Compiler *compiler, uint32_t jump) {
  compiler->variant->instructions.data[jump].target = compiler->variant->instructions.count;
}

static uint32_t here(const Compiler *compiler) { return compiler->variant->instructions.count; }

static void give_owned(Compiler *compiler, uint32_t mark) {
  while (compiler->owned.count > mark) {
    Value value = compiler->owned.data[--compiler->owned.count];
    value.temporary = true;
    give(compiler, value);
  }
}

/* a & b on masks, either may be 0 (all lanes). */
static Value mask_and(Compiler *compiler, Value condition) {
  if (!compiler->mask) return copy_of(compiler, condition, true);
  Value operands[2] = {condition, {.at = compiler->mask, .scalar = SCALAR_I1, .wide = true}};
  return operation(compiler, lane_function(LOOP_AND, SCALAR_I1), SCALAR_I1, 2, operands);
}

static Value mask_not(Compiler *compiler, Value condition) {
  Value kept = condition;
  kept.temporary = false;
  return operation(compiler, lane_function(LOOP_NOT, SCALAR_I1), SCALAR_I1, 1, &kept);
}

/* ---- conditions ----------------------------------------------------------------------------------------------------- */

static void masked_block(Compiler *compiler, Value mask, Stmt first) {
  Register outer = compiler->mask;
  settle(compiler, &mask);
  uint32_t jump = emit(compiler, (Instruction){.kind = DO_JUMP_IDLE, .wide = true, .a = mask.at});
  compiler->mask = mask.at;
  compile_block(compiler, first);
  compiler->mask = outer;
  patch(compiler, jump);
  give(compiler, mask);
}

static void compile_if(Compiler *compiler, const StmtNode *stmt) {
  Value condition = compile_value(compiler, stmt->a);
  if (condition.wide && !condition.literal) {
    Value otherwise = {0};
    if (stmt->otherwise) otherwise = mask_and(compiler, mask_not(compiler, condition));
    masked_block(compiler, mask_and(compiler, condition), stmt->body);
    if (stmt->otherwise) masked_block(compiler, otherwise, stmt->otherwise);
    return;
  }
  settle(compiler, &condition);
  uint32_t to_otherwise = emit(compiler, (Instruction){.kind = DO_JUMP_UNLESS, .a = condition.at});
  give(compiler, condition);
  compile_block(compiler, stmt->body);
  if (stmt->otherwise) {
    uint32_t to_end = emit(compiler, (Instruction){.kind = DO_JUMP});
    patch(compiler, to_otherwise);
    compile_block(compiler, stmt->otherwise);
    patch(compiler, to_end);
  } else {
    patch(compiler, to_otherwise);
  }
}

/* Narrows a loop's mask by a condition and leaves the loop (the jump is returned, to be patched) when no lane is left. */
static uint32_t narrow_mask(Compiler *compiler, Value active, Value condition) {
  Value operands[2] = {condition, active};
  operands[1].temporary = false;
  Value both = operation(compiler, lane_function(LOOP_AND, SCALAR_I1), SCALAR_I1, 2, operands);
  emit(compiler, (Instruction){.kind = DO_LANES, .wide = true, .to = active.at, .a = both.at, .run = lane_move(1)});
  give(compiler, both);
  return emit(compiler, (Instruction){.kind = DO_JUMP_IDLE, .wide = true, .a = active.at});
}

/* A fresh copy of the mask in force. */
static Value open_mask(Compiler *compiler) {
  Value all = literal(SCALAR_I1, 1);
  if (compiler->mask) all = (Value){.at = compiler->mask, .scalar = SCALAR_I1, .wide = true};
  return copy_of(compiler, all, true);
}

static void compile_while(Compiler *compiler, const StmtNode *stmt) {
  Register outer = compiler->mask;
  Value active = {0};
  if (compiler->band) active = open_mask(compiler), compiler->mask = active.at;
  uint32_t top = here(compiler), leave;
  Value condition = compile_value(compiler, stmt->a);
  if (condition.wide && !condition.literal) {
    leave = narrow_mask(compiler, active, condition);
  } else {
    settle(compiler, &condition);
    leave = emit(compiler, (Instruction){.kind = DO_JUMP_UNLESS, .a = condition.at});
    give(compiler, condition);
  }
  compile_block(compiler, stmt->body);
  emit(compiler, (Instruction){.kind = DO_JUMP, .target = top});
  patch(compiler, leave);
  compiler->mask = outer;
  give(compiler, active);
}

/* ---- loops ---------------------------------------------------------------------------------------------------------- */

static int64_t loop_step(const Compiler *compiler, const StmtNode *stmt) {
  if (stmt->c == 0) return 1;
  const ExprNode *step = expr_at(compiler->code, stmt->c);
  require(compiler->machine->program->context, step->op == LOOP_CONSTANT && step->integer > 0);
  return step->integer;
}

static void plain_loop(Compiler *compiler, const StmtNode *stmt, Value lo, Value hi) {
  Value variable = copy_of(compiler, lo, false);
  settle(compiler, &hi);
  if (hi.variable) hi = copy_of(compiler, hi, false);
  uint32_t test = emit(compiler, (Instruction){.kind = DO_LOOP_TEST, .to = variable.at, .a = hi.at});
  uint32_t top = here(compiler);
  compiler->slots[stmt->slot] = variable;
  compiler->slots[stmt->slot].temporary = false;
  compile_block(compiler, stmt->body);
  emit(compiler, (Instruction){.kind = DO_LOOP_NEXT, .to = variable.at, .a = hi.at, .target = top, .step = loop_step(compiler, stmt)});
  patch(compiler, test);
  give(compiler, hi);
  give(compiler, variable);
}

/* Bounds differ between lanes: each lane runs until its own end. */
static void masked_loop(Compiler *compiler, const StmtNode *stmt, Value lo, Value hi) {
  Register outer = compiler->mask;
  Value variable = copy_of(compiler, lo, true);
  hi = copy_of(compiler, hi, true);
  Value active = open_mask(compiler);
  uint32_t top = here(compiler);
  Value operands[2] = {variable, hi};
  operands[0].temporary = operands[1].temporary = false;
  Value below = operation(compiler, lane_function(LOOP_LT, SCALAR_INDEX), SCALAR_I1, 2, operands);
  uint32_t leave = narrow_mask(compiler, active, below);
  compiler->mask = active.at;
  compiler->slots[stmt->slot] = variable;
  compiler->slots[stmt->slot].temporary = false;
  compile_block(compiler, stmt->body);
  compiler->mask = outer;
  Value step = widen(compiler, literal(SCALAR_INDEX, (uint64_t)loop_step(compiler, stmt)));
  emit(compiler, (Instruction){.kind = DO_LANES, .wide = true, .to = variable.at, .a = variable.at, .b = step.at,
                               .run = lane_function(LOOP_ADD, SCALAR_INDEX)});
  emit(compiler, (Instruction){.kind = DO_JUMP, .target = top});
  patch(compiler, leave);
  give(compiler, active);
  give(compiler, hi);
  give(compiler, variable);
}

/* Bounds of the band's loops into registers of their own, and a register for each variable. */
static void open_band(Compiler *compiler, const BandChoice *choice) {
  Band band = {.count = choice->count, .offset = compiler->variant->offsets.count};
  for (uint32_t k = 0; k < choice->count; k++) {
    const StmtNode *stmt = stmt_at(compiler->code, choice->loops[k]);
    Value lo = own(compiler, copy_of(compiler, compile_value(compiler, stmt->a), false));
    Value hi = own(compiler, copy_of(compiler, compile_value(compiler, stmt->b), false));
    Value value = own(compiler, take(compiler, SCALAR_INDEX, true));
    band.loops[k] = (BandLoop){.lo = lo.at, .hi = hi.at, .step = loop_step(compiler, stmt), .value = value.at};
    value.band_loop = k + 1;
    compiler->slots[stmt->slot] = value;
  }
  vector_push(compiler->arena, &compiler->variant->bands, band);
  compiler->band = compiler->variant->bands.count;
}

static void compile_statement(Compiler *compiler, Stmt at);

static void compile_band(Compiler *compiler, const BandChoice *choice) {
  uint32_t mark = compiler->owned.count;
  open_band(compiler, choice);
  uint32_t band = compiler->band - 1;
  compiler->carries = choice->carries;
  emit(compiler, (Instruction){.kind = DO_BAND_OPEN, .target = band});
  compiler->variant->bands.data[band].begin = here(compiler);
  for (uint32_t k = 0; k + 1 < choice->count; k++) /* the lets between the loops */
    for (Stmt at = stmt_at(compiler->code, choice->loops[k])->body; at != choice->loops[k + 1]; at = stmt_at(compiler->code, at)->next)
      compile_statement(compiler, at);
  compile_block(compiler, stmt_at(compiler->code, choice->loops[choice->count - 1])->body);
  emit(compiler, (Instruction){.kind = DO_BAND_NEXT, .target = band});
  compiler->variant->bands.data[band].end = here(compiler);
  for (uint32_t k = 0; k < compiler->variant->bands.data[band].offset_count; k++)
    give(compiler, (Value){.at = compiler->variant->offsets.data[compiler->variant->bands.data[band].offset + k].vector,
                           .scalar = SCALAR_INDEX, .wide = true, .temporary = true});
  compiler->band = 0;
  compiler->carries = false;
  give_owned(compiler, mark);
}

static void compile_for(Compiler *compiler, Stmt at) {
  const StmtNode *stmt = stmt_at(compiler->code, at);
  BandChoice choice;
  bool may_band = compiler->code->kind == CODE_KERNEL && !compiler->band && !compiler->machine->stepwise;
  if (may_band && band_choose(&compiler->analysis, at, &choice)) {
    compile_band(compiler, &choice);
    return;
  }
  Value lo = compile_value(compiler, stmt->a), hi = compile_value(compiler, stmt->b);
  if ((lo.wide && !lo.literal) || (hi.wide && !hi.literal)) masked_loop(compiler, stmt, lo, hi);
  else plain_loop(compiler, stmt, lo, hi);
}

/* ---- slots and stores ----------------------------------------------------------------------------------------------- */

static void compile_let(Compiler *compiler, const StmtNode *stmt) {
  Value value = compile_value(compiler, stmt->a);
  if (value.variable) value = copy_of(compiler, value, value.wide);
  compiler->slots[stmt->slot] = own(compiler, value);
}

static void compile_variable(Compiler *compiler, const StmtNode *stmt) {
  bool wide = compiler->band != 0 || expr_at(compiler->code, stmt->a)->lanes > 1;
  Value value = own(compiler, copy_of(compiler, compile_value(compiler, stmt->a), wide));
  value.variable = true;
  compiler->slots[stmt->slot] = value;
}

/* An accumulation over the lanes of a band that carries variables. */
static void compile_scan(Compiler *compiler, const StmtNode *stmt) {
  LoopOp op;
  bool carried_first;
  Expr values[2];
  require(compiler->machine->program->context, scan_pattern(compiler->code, stmt, &op, &carried_first, values));
  Value variable = compiler->slots[stmt->slot];
  Value a = widen(compiler, compile_value(compiler, values[0])), b = {0};
  if (values[1]) b = widen(compiler, compile_value(compiler, values[1]));
  emit(compiler, (Instruction){.kind = DO_LANES, .wide = true, .to = variable.at, .a = a.at, .b = b.at,
                               .run = lane_scan(op, carried_first, variable.scalar)});
  give(compiler, a);
  give(compiler, b);
}

static void compile_store(Compiler *compiler, const StmtNode *stmt) {
  Value temporaries[RANK_LIMIT] = {{0}};
  bool wide;
  const uint32_t *indices = &compiler->code->lists.data[stmt->list];
  Value value = compile_value(compiler, stmt->a);
  uint32_t rank = access_rank(compiler->machine->program, compiler->code, stmt->target);
  uint16_t lanes = expr_at(compiler->code, stmt->a)->lanes;
  Value active = compile_active(compiler, stmt->list, stmt->list_count, rank);
  uint32_t access = compile_access(compiler, stmt->target, rank, indices, temporaries, &wide);
  compiler->variant->accesses.data[access].contiguous = lanes > 1 && access_is_contiguous(compiler->code, stmt->list, rank);
  if (compiler->band) value = widen(compiler, value);
  else settle(compiler, &value);
  emit(compiler, (Instruction){.kind = DO_STORE, .wide = compiler->band != 0 || lanes > 1, .lanes = lanes > 1 ? (uint8_t)lanes : 0, .a = value.at,
                               .mask = compiler->mask, .partial = stmt->list_count > rank, .active = active.at, .target = access});
  for (uint32_t d = 0; d < rank; d++) give(compiler, temporaries[d]);
  give(compiler, active);
  give(compiler, value);
}

/* Entries: the values a trapped statement needs, in terms a .. a + b of the variant; register 0 is the number 0. */
static void compile_trap(Compiler *compiler, Stmt at) {
  const StmtNode *stmt = stmt_at(compiler->code, at);
  uint32_t mark = compiler->owned.count, count = stmt->kind == STMT_CALL ? stmt->list_count : stmt->kind == STMT_ASSIGN;
  UniformTerm terms[256];
  require(compiler->machine->program->context, count <= 256);
  for (uint32_t k = 0; k < count; k++) {
    Expr expr = stmt->kind == STMT_CALL ? compiler->code->call_arguments.data[stmt->list + k].offset : stmt->a;
    Value value = expr ? own(compiler, compile_value(compiler, expr)) : (Value){0};
    settle(compiler, &value);
    terms[k] = (UniformTerm){value.at, 1};
  }
  uint32_t first = compiler->variant->terms.count;
  for (uint32_t k = 0; k < count; k++) vector_push(compiler->arena, &compiler->variant->terms, terms[k]);
  emit(compiler, (Instruction){.kind = DO_TRAP, .a = first, .b = count, .target = at});
  give_owned(compiler, mark);
}

static void compile_return(Compiler *compiler, const StmtNode *stmt) {
  Value value = compile_value(compiler, stmt->a);
  if (!value.literal) value = copy_of(compiler, value, value.wide); /* its slot ends with the function */
  compiler->result = value;
}

static void compile_statement(Compiler *compiler, Stmt at) {
  const StmtNode *stmt = stmt_at(compiler->code, at);
  deeper(compiler);
  switch ((StmtKind)stmt->kind) {
    case STMT_NONE: break;
    case STMT_FOR: compile_for(compiler, at); break;
    case STMT_WHILE: compile_while(compiler, stmt); break;
    case STMT_IF: compile_if(compiler, stmt); break;
    case STMT_LET: compile_let(compiler, stmt); break;
    case STMT_VAR: compile_variable(compiler, stmt); break;
    case STMT_SET:
      if (compiler->carries && compiler->inlined == 0) compile_scan(compiler, stmt);
      else move_into(compiler, compiler->slots[stmt->slot], compile_value(compiler, stmt->a));
      break;
    case STMT_STORE: compile_store(compiler, stmt); break;
    case STMT_RETURN: compile_return(compiler, stmt); break;
    case STMT_CALL: case STMT_COPY: case STMT_ASSIGN: case STMT_FAIL: compile_trap(compiler, at); break;
  }
  compiler->depth--;
}

void compile_block(Compiler *compiler, Stmt first) {
  uint32_t mark = compiler->owned.count;
  for (Stmt at = first; at; at = stmt_at(compiler->code, at)->next) compile_statement(compiler, at);
  give_owned(compiler, mark);
}

void variant_compile(Variant *variant, Arena *arena, Machine *machine, const Code *code, const View *views) {
  Context *context = machine->program->context;
  Compiler compiler = {.machine = machine, .arena = arena, .variant = variant, .code = code};
  compiler.scratch = arena_open(context);
  variant->register_bytes = 64; /* register 0 is the number 0 */
  vector_push(arena, &variant->literals, (Literal){.bytes = 8});
  compiler.slots = arena_array(compiler.scratch, Value, code->slots.count + 1u);
  analysis_open(&compiler.analysis, compiler.scratch, machine, code, views, variant->same);
  compile_block(&compiler, code->body);
  emit(&compiler, (Instruction){.kind = DO_END});
  arena_close(compiler.scratch);
}
