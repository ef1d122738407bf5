/* Legalisation: the loop program in terms of what the target has.
 *
 * Every replacement keeps the meaning that loop_ops.def states, except muladd, whose meaning is the target's choice: it becomes fma where that is
 * an instruction, else a multiplication and an addition that round each. Expressions are rewritten where they stand; trees stay trees. */
#include "passes/loop/legalise.h"
#include <math.h>

typedef struct Legaliser {
  Program      *program;
  const Target *target;
  Code         *code;
} Legaliser;

static Expr add_node(Legaliser *l, ExprNode node) {
  vector_push(l->program->arena, &l->code->exprs, node);
  return l->code->exprs.count - 1;
}

/* Turns the node into a call of the library function STEM_SCALAR or the like, on one to three arguments. */
static void become_call(Legaliser *l, Expr expr, const char *name, uint32_t count, const Expr *arguments) {
  Scalar   parameters[3], result = (Scalar)l->code->exprs.data[expr].scalar;
  uint32_t list = l->code->lists.count;
  uint16_t lanes = l->code->exprs.data[expr].lanes;
  for (uint32_t i = 0; i < count; i++) {
    parameters[i] = (Scalar)l->code->exprs.data[arguments[i]].scalar;
    vector_push(l->program->arena, &l->code->lists, arguments[i]);
  }
  uint32_t  function = program_function(l->program, loop_vector_name(l->program->arena, name, lanes), lanes, result, count, parameters);
  ExprNode *node = &l->code->exprs.data[expr];
  node->op = LOOP_CALL;
  node->operand[0] = function;
  node->operand[1] = list;
  node->operand[2] = count;
}

static bool has_scalar(const Legaliser *l, Scalar scalar) { return scalar == SCALAR_F64 ? l->target->has_f64 : l->target->has_f32; }

/* ---- muladd, fma, roots and roundings ---- */

static void legalise_fma(Legaliser *l, Expr expr) {
  ExprNode node = l->code->exprs.data[expr];
  Scalar   scalar = (Scalar)node.scalar;
  bool     fused = l->target->has_fma && scalar_is_float(scalar) && has_scalar(l, scalar);
  if (fused) {
    l->code->exprs.data[expr].op = LOOP_FMA;
  } else if (node.op == LOOP_FMA) {
    const char *single = l->target->has_f64 ? "fma_f32" : "fma_f32_by_integers";
    become_call(l, expr, scalar == SCALAR_F64 ? "fma_f64" : single, 3, node.operand);
  } else {
    Expr product = add_node(l, (ExprNode){.op = LOOP_MUL, .scalar = node.scalar, .lanes = node.lanes, .operand = {node.operand[0], node.operand[1]}});
    node.op = LOOP_ADD;
    node.operand[0] = product;
    node.operand[1] = node.operand[2];
    node.operand[2] = 0;
    l->code->exprs.data[expr] = node;
  }
}

static void legalise_rounding(Legaliser *l, Expr expr) {
  ExprNode node = l->code->exprs.data[expr];
  Scalar   scalar = (Scalar)node.scalar;
  bool     has = has_scalar(l, scalar) && (node.op == LOOP_SQRT ? l->target->has_sqrt : l->target->has_floor);
  if (!has) become_call(l, expr, arena_format(l->program->arena, "%s_%s", loop_op_text((LoopOp)node.op), scalar_name(scalar)), 1, node.operand);
}

/* ---- what LLVM does not keep ---- */

/* LLVM makes the machine's min and max of a < b ? a : b where one side is a constant, since it is no NaN then; those tell -0 from 0, so that they
 * give another zero where the constant is the one that the comparison would not have chosen. And the vectoriser for AArch64 converts 64-bit integers
 * to f32 by way of f64, rounding twice. Functions of the library say both in ways that no pattern of LLVM's matches. */

/* The function for min or max with a constant zero that has the wrong sign; NULL for others. *value: the other operand. */
static const char *extreme_of_zero(const Legaliser *l, const ExprNode *node, Expr *value) {
  bool is_min = node->op == LOOP_MIN;
  for (uint32_t at = 0; at < 2; at++) {
    const ExprNode *zero = &l->code->exprs.data[node->operand[at]];
    if (zero->op == LOOP_BROADCAST) zero = &l->code->exprs.data[zero->operand[0]];
    if (zero->op != LOOP_CONSTANT || zero->number != 0 || !signbit(zero->number) == (is_min == (at == 0))) continue;
    *value = node->operand[1 - at];
    if (is_min) return at ? "min_zero" : "minus_zero_min";
    return at ? "max_minus_zero" : "zero_max";
  }
  return NULL;
}

static void legalise_extreme(Legaliser *l, Expr expr) {
  const ExprNode *node = &l->code->exprs.data[expr];
  Expr            value = 0;
  if (l->target->is_exact_in_llvm || !scalar_is_float((Scalar)node->scalar)) return;
  const char *stem = extreme_of_zero(l, node, &value);
  if (stem) become_call(l, expr, arena_format(l->program->arena, "%s_%s", stem, scalar_name((Scalar)node->scalar)), 1, &value);
}

/* ---- f16 and bf16 ---- */

static bool is_half(Scalar scalar) { return scalar == SCALAR_F16 || scalar == SCALAR_BF16; }

/* The float type that holds every value of an operand of type `from`, so that the conversion to a half type rounds once; f64 for 64-bit integers,
 * which are rounded to odd. */
static Scalar widest_needed(Scalar from) {
  if (is_half(from) || scalar_is_float(from)) return from == SCALAR_F64 ? SCALAR_F64 : SCALAR_F32;
  return scalar_bits(from) <= 16 ? SCALAR_F32 : SCALAR_F64;
}

static Expr cast_node(Legaliser *l, Scalar to, Expr value) {
  if (l->code->exprs.data[value].scalar == to) return value;
  return add_node(l, (ExprNode){.op = LOOP_CAST, .scalar = (uint8_t)to, .lanes = l->code->exprs.data[value].lanes, .operand = {value}});
}

static bool is_long(Scalar scalar) { return scalar_is_integer(scalar) && scalar_bits(scalar) == 64; }

/* A 64-bit integer in f64, rounded to odd. */
static Expr odd_float(Legaliser *l, Scalar from, Expr value) {
  value = cast_node(l, scalar_is_signed(from) ? SCALAR_I64 : SCALAR_U64, value);
  Expr wide = add_node(l, (ExprNode){.scalar = SCALAR_F64, .lanes = l->code->exprs.data[value].lanes});
  become_call(l, wide, scalar_is_signed(from) ? "f64_odd_from_i64" : "f64_odd_from_u64", 1, &value);
  return wide;
}

/* A conversion between a half type and f32 or f64 that is there already: an instruction, or a call. */
static void convert_half(Legaliser *l, Expr expr) {
  ExprNode node = l->code->exprs.data[expr];
  Scalar   to = (Scalar)node.scalar, from = (Scalar)l->code->exprs.data[node.operand[0]].scalar;
  bool     has = l->target->has_f16 && (to == SCALAR_F16 || from == SCALAR_F16) && to != SCALAR_F64 && from != SCALAR_F64;
  if (!has) become_call(l, expr, arena_format(l->program->arena, "%s_from_%s", scalar_name(to), scalar_name(from)), 1, node.operand);
}

/* half -> f32 -> anything; anything -> f32 or f64 -> half */
static void legalise_cast(Legaliser *l, Expr expr) {
  Expr   value = l->code->exprs.data[expr].operand[0];
  Scalar to = (Scalar)l->code->exprs.data[expr].scalar, from = (Scalar)l->code->exprs.data[value].scalar;
  bool twice = to == SCALAR_F32 && is_long(from) && l->target->has_f64 && !l->target->is_exact_in_llvm;
  if (twice) {
    value = odd_float(l, from, value);
    l->code->exprs.data[expr].operand[0] = value;
  }
  if (!is_half(to) && !is_half(from)) return;
  if (is_half(from) && to != SCALAR_F32) {
    value = cast_node(l, SCALAR_F32, value);
    convert_half(l, value);
    from = SCALAR_F32;
    l->code->exprs.data[expr].operand[0] = value;
  }
  if (is_half(to) && !is_half(from)) {
    Expr wide = is_long(from) ? odd_float(l, from, value) : cast_node(l, widest_needed(from), value);
    l->code->exprs.data[expr].operand[0] = wide;
    convert_half(l, expr);
  } else if (is_half(from)) {
    convert_half(l, expr);
  }
}

/* ---- all code ---- */

static void legalise_code(Legaliser *l, Code *code) {
  l->code = code;
  for (Expr expr = 1; expr < code->exprs.count; expr++) switch (code->exprs.data[expr].op) { /* what is added is legal already */
    case LOOP_MULADD:
    case LOOP_FMA: legalise_fma(l, expr); break;
    case LOOP_SQRT:
    case LOOP_FLOOR:
    case LOOP_CEIL:
    case LOOP_TRUNC:
    case LOOP_ROUND: legalise_rounding(l, expr); break;
    case LOOP_MIN:
    case LOOP_MAX: legalise_extreme(l, expr); break;
    case LOOP_CAST: legalise_cast(l, expr); break;
    default: break;
    }
}

void loop_legalise(Program *program, const Target *target) {
  Legaliser l = {.program = program, .target = target};
  for (uint32_t i = 0; i < program->kernels.count; i++) legalise_code(&l, &program->kernels.data[i]);
  for (uint32_t i = 0; i < program->entries.count; i++) legalise_code(&l, &program->entries.data[i]);
  for (uint32_t done = 0; done < program->functions.count;) { /* library functions may need what is missing, and so bring others in */
    program_link_library(program);
    for (uint32_t count = program->functions.count; done < count; done++) {
      Code code = program->functions.data[done]; /* the vector may grow under our hands */
      legalise_code(&l, &code);
      program->functions.data[done] = code;
    }
  }
  program->legal = true;
}
