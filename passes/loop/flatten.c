/* Subscripts by all dimensions become offsets: x[i, j] of f32[N, 64] becomes x[i * 64 + j] of f32[64*N].
 *
 * The sum of subscript times stride is brought into one form, constant + coefficient * term + ..., looking through `let`s that are sums of a few
 * loop variables themselves; what is no sum (a division, min, a load) stays as it is inside. Strides are row-major products of dimensions, or the
 * operand's own; a strided operand's dimension becomes the span it reaches. Reaches kernels only: entries and functions have no flat memory. */
#include "loop_passes.h"

#include "compiler/loop/affine.h"
#include "compiler/loop/rebuild.h"

enum { SHORT_SUM = 3 }; /* terms of a `let` that subscripts look through */

typedef struct Flattening {
  Definitions definitions; /* by new slot */
} Flattening;

static Dim stride_of(DimTable *dims, const OperandInfo *operand, uint32_t axis) {
  if (operand->strided) return operand->strides[axis];
  return dim_product(dims, operand->dims + axis + 1, operand->rank - axis - 1);
}

/* Elements from the first to the last, for dimensions that are not 0; an upper bound if one is. */
static Dim span_of(DimTable *dims, const OperandInfo *operand) {
  if (!operand->strided) return dim_product(dims, operand->dims, operand->rank);
  Dim one = dim_constant(dims, 1), span = one;
  for (uint32_t i = 0; i < operand->rank; i++) {
    Dim last = dim_max(dims, dim_sub(dims, operand->dims[i], one), dim_constant(dims, 0));
    span = dim_add(dims, span, dim_mul(dims, operand->strides[i], last));
  }
  return span;
}

/* The offset of an access; `old` is its operand before the change. */
static Expr offset_of(Rebuild *rebuild, const OperandInfo *old, const Expr *indices) {
  Flattening *flattening = rebuild->self;
  Builder *builder = &rebuild->builder;
  DimTable *dims = rebuild->program->dims;
  Affine sum = { .constant = dim_constant(dims, 0) }, term;
  bool fits = true;
  for (uint32_t i = 0; fits && i < old->rank; i++) {
    affine_of(dims, &builder->code, &flattening->definitions, indices[i], &term);
    fits = affine_add(dims, &builder->code, &sum, &term, stride_of(dims, old, i));
  }
  if (fits) return affine_build(builder, &sum);
  Expr offset = build_index(builder, 0);
  for (uint32_t i = 0; i < old->rank; i++) {
    Expr scaled = build_binary(builder, LOOP_MUL, indices[i], build_dim(builder, stride_of(dims, old, i)));
    offset = build_binary(builder, LOOP_ADD, offset, scaled);
  }
  return offset;
}

/* Operands with a stride that may be negative keep their shape: their first element is not their lowest. */
static bool is_flattened(const DimTable *dims, const OperandInfo *operand) {
  for (uint32_t i = 0; operand->strided && i < operand->rank; i++)
    if (dim_lo(dims, operand->strides[i]) < 0) return false;
  return operand->rank > 0;
}

/* The flat index of the access to `operand` by the old expressions list[first ...]; false if it keeps its shape. */
static bool flat_index(Rebuild *rebuild, Operand operand, uint32_t first, Expr *index) {
  const OperandInfo *old = &rebuild->old->operands.data[operand];
  Expr indices[LOOP_MAX_RANK];
  if (!is_flattened(rebuild->program->dims, old)) return false;
  for (uint32_t i = 0; i < old->rank; i++) indices[i] = rebuild_lanes(rebuild, rebuild->old->lists.data[first + i]);
  *index = offset_of(rebuild, old, indices);
  return true;
}

static Expr flatten_expr(Rebuild *rebuild, Expr old) {
  ExprNode node = *expr_at(rebuild->old, old);
  Expr index;
  if (node.op != LOOP_LOAD || !flat_index(rebuild, node.operand[0], node.operand[1], &index)) return 0;
  uint32_t rank = rebuild->old->operands.data[node.operand[0]].rank;
  Expr active = node.operand[2] > rank ? rebuild_expr(rebuild, rebuild->old->lists.data[node.operand[1] + rank]) : 0;
  return build_load_lanes(&rebuild->builder, node.operand[0], 1, &index, node.lanes, active);
}

/* A let of an index that is a short sum of immutable slots may be looked through. */
static void note_definition(Rebuild *rebuild, Expr slot_read) {
  Flattening *flattening = rebuild->self;
  const Code *code = &rebuild->builder.code;
  const ExprNode *read = expr_at(code, slot_read);
  Affine form;
  if (read->op != LOOP_SLOT || read->scalar != SCALAR_INDEX) return;
  const StmtNode *let = stmt_at(code, code->stmts.count - 1);
  if (let->kind != STMT_LET || let->slot != read->operand[0]) return;
  if (!affine_of(rebuild->program->dims, code, &flattening->definitions, let->a, &form) || form.count > SHORT_SUM) return;
  for (uint32_t i = 0; i < form.count; i++)
    if (code->slots.data[form.terms[i].slot].is_variable) return;
  definitions_set(rebuild->program->arena, &flattening->definitions, let->slot, let->a);
}

static bool flatten_statement(Rebuild *rebuild, Stmt old) {
  StmtNode node = *stmt_at(rebuild->old, old);
  Expr index;
  if (node.kind == STMT_LET) {
    rebuild_statement(rebuild, old);
    note_definition(rebuild, rebuild->slots[node.slot]);
    return true;
  }
  if (node.kind != STMT_STORE || !flat_index(rebuild, node.target, node.list, &index)) return false;
  uint32_t rank = rebuild->old->operands.data[node.target].rank;
  Expr active = node.list_count > rank ? rebuild_expr(rebuild, rebuild->old->lists.data[node.list + rank]) : 0;
  build_store_lanes(&rebuild->builder, node.target, 1, &index, rebuild_lanes(rebuild, node.a), active);
  return true;
}

static void flatten_operand(DimTable *dims, OperandInfo *operand) {
  if (!is_flattened(dims, operand)) return;
  operand->dims[0] = span_of(dims, operand);
  operand->rank = 1;
  operand->strided = false;
}

static Code flatten_code(Program *program, const Code *old) {
  Rebuild rebuild;
  Flattening flattening = { 0 };
  rebuild_open(&rebuild, program, old);
  rebuild.expr = flatten_expr;
  rebuild.statement = flatten_statement;
  rebuild.self = &flattening;
  for (uint32_t i = 0; i < old->operands.count; i++) flatten_operand(program->dims, &rebuild.builder.code.operands.data[i]);
  return rebuild_run(&rebuild);
}

void loop_flatten(Program *program) {
  for (uint32_t i = 0; i < program->kernels.count; i++) {
    Code old = program->kernels.data[i];
    program->kernels.data[i] = flatten_code(program, &old);
  }
}
