/* Strict floats: what a target or an option might decide is decided here, the same way for all (design 4a).
 *
 * Functions known by name get the bodies of the library, since elsewhere they may be evaluated in double; muladd becomes fma, whatever the target
 * has (legalisation calls the library's where there is no instruction), or a multiplication and an addition; sums along rows get the order that
 * vectors want (partials.c). Everything else the program's text states. Library functions that legalisation brings in later round correctly or not
 * at all, so they are no choice. */
#include "passes/loop/loop_passes.h"
#include "passes/loop/partials.h"

static void split_muladd(const Program *program, Code *code, Expr expr) {
  ExprNode node = code->exprs.data[expr], product = node;
  product.op = LOOP_MUL;
  product.operand[2] = 0;
  vector_push(program->arena, &code->exprs, product);
  node.op = LOOP_ADD;
  node.operand[0] = code->exprs.count - 1;
  node.operand[1] = node.operand[2];
  node.operand[2] = 0;
  code->exprs.data[expr] = node;
}

static void decide_muladds(const Program *program, Code *code, FpMode fp) {
  for (Expr expr = 1, count = code->exprs.count; expr < count; expr++) {
    const ExprNode *node = expr_at(code, expr);
    if (node->op != LOOP_MULADD) continue;
    if (fp == FP_STRICT_NOFMA || !scalar_is_float((Scalar)node->scalar)) split_muladd(program, code, expr);
    else code->exprs.data[expr].op = LOOP_FMA;
  }
}

void loop_strict(Program *program, FpMode fp) {
  loop_partials(program, fp != FP_DEFAULT);
  if (fp == FP_DEFAULT) return;
  program_link_library(program);
  for (uint32_t at = 0; at < program->kernels.count; at++) decide_muladds(program, &program->kernels.data[at], fp);
  for (uint32_t at = 0; at < program->entries.count; at++) decide_muladds(program, &program->entries.data[at], fp);
  for (uint32_t at = 0; at < program->functions.count; at++) decide_muladds(program, &program->functions.data[at], fp);
}

static bool run_strictly(void *self, Program *program, uint32_t entry, Arena *scratch, Evaluation *evaluation) {
  StrictEvaluator *strict = self;
  loop_strict(program, strict->fp);
  return strict->inner.run(strict->inner.self, program, entry, scratch, evaluation);
}

Evaluator strict_evaluator(StrictEvaluator *self) { return (Evaluator){.name = self->inner.name, .self = self, .run = run_strictly}; }
