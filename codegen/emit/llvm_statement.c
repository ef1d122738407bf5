/* Statements: control flow as blocks. */
#include "llvm_emit.h"

#include <llvm-c/DebugInfo.h> /* temporary metadata */

void llvm_code_open(Llvm *l, const Code *code, LLVMValueRef function) {
  uint32_t symbols = l->program->dims->symbols.count + 1;
  llvm_open(l, function);
  l->now.code = code;
  l->now.slots = arena_array(l->arena, LLVMValueRef, code->slots.count + 1);
  l->now.operands = arena_array(l->arena, LLVMValueRef, code->operands.count + 1);
  l->now.symbols = arena_array(l->arena, LLVMValueRef, symbols);
  l->now.symbol_is_address = arena_array(l->arena, bool, symbols);
}

/* ---- loops ---- */

/* Tells LLVM to unroll a loop whose bounds are constants; other loops stay as the program has them. */
static void unroll(Llvm *l, LLVMValueRef back_edge) {
  static const char name[] = "llvm.loop.unroll.full", loop[] = "llvm.loop";
  LLVMMetadataRef   text = LLVMMDStringInContext2(l->llvm, name, sizeof name - 1), hint = LLVMMDNodeInContext2(l->llvm, &text, 1);
  LLVMMetadataRef   parts[] = {NULL, hint};
  LLVMMetadataRef   placeholder = LLVMTemporaryMDNode(l->llvm, NULL, 0);
  parts[0] = placeholder;
  LLVMMetadataRef node = LLVMMDNodeInContext2(l->llvm, parts, 2); /* its first operand is itself: that makes it this loop's own */
  LLVMMetadataReplaceAllUsesWith(placeholder, node);
  LLVMSetMetadata(back_edge, LLVMGetMDKindIDInContext(l->llvm, loop, sizeof loop - 1), LLVMMetadataAsValue(l->llvm, node));
}

static bool is_constant(const Llvm *l, Expr expr) { return expr_at(l->now.code, expr)->op == LOOP_CONSTANT; }

/* Bounds are evaluated once. The counter can't wrap: it stops at the first value that is not below the end, and an end that near the largest number
 * is no size of anything. */
static void for_loop(Llvm *l, const StmtNode *stmt) {
  LLVMTypeRef       type = l->types.index;
  LLVMValueRef      begin = llvm_expression(l, stmt->a), end = llvm_expression(l, stmt->b), step = llvm_expression(l, stmt->c);
  LLVMBasicBlockRef before = LLVMGetInsertBlock(l->builder), head = llvm_block(l, "for"), body = llvm_block(l, "body"), behind = llvm_block(l, "end");
  llvm_jump(l, head);
  llvm_enter(l, head);
  LLVMValueRef counter = LLVMBuildPhi(l->builder, type, l->now.code->slots.data[stmt->slot].name);
  LLVMBuildCondBr(l->builder, LLVMBuildICmp(l->builder, LLVMIntSLT, counter, end, ""), body, behind);
  llvm_enter(l, body);
  l->now.slots[stmt->slot] = counter;
  llvm_statements(l, stmt->body);
  if (llvm_is_closed(l)) llvm_enter(l, llvm_block(l, "never"));
  LLVMValueRef      next = LLVMBuildNSWAdd(l->builder, counter, step, "");
  LLVMBasicBlockRef last = LLVMGetInsertBlock(l->builder);
  LLVMValueRef      back_edge = LLVMBuildBr(l->builder, head);
  if (stmt->loop_kind == LOOP_UNROLL && is_constant(l, stmt->a) && is_constant(l, stmt->b)) unroll(l, back_edge);
  LLVMAddIncoming(counter, (LLVMValueRef[]){begin, next}, (LLVMBasicBlockRef[]){before, last}, 2);
  llvm_enter(l, behind);
}

static void while_loop(Llvm *l, const StmtNode *stmt) {
  LLVMBasicBlockRef head = llvm_block(l, "while"), body = llvm_block(l, "body"), behind = llvm_block(l, "end");
  llvm_jump(l, head);
  llvm_enter(l, head);
  LLVMBuildCondBr(l->builder, llvm_expression(l, stmt->a), body, behind);
  llvm_enter(l, body);
  llvm_statements(l, stmt->body);
  llvm_jump(l, head);
  llvm_enter(l, behind);
}

static void if_block(Llvm *l, const StmtNode *stmt) {
  LLVMBasicBlockRef then = llvm_block(l, "then"), otherwise = stmt->otherwise ? llvm_block(l, "else") : NULL, behind = llvm_block(l, "end");
  LLVMBuildCondBr(l->builder, llvm_expression(l, stmt->a), then, otherwise ? otherwise : behind);
  llvm_enter(l, then);
  llvm_statements(l, stmt->body);
  llvm_jump(l, behind);
  if (otherwise) {
    llvm_enter(l, otherwise);
    llvm_statements(l, stmt->otherwise);
    llvm_jump(l, behind);
  }
  llvm_enter(l, behind);
}

/* ---- slots ---- */

/* A variable's slot may be in a loop: its place is taken once, its value set at every turn. */
static void variable(Llvm *l, const StmtNode *stmt) {
  LLVMValueRef value = llvm_expression(l, stmt->a);
  l->now.slots[stmt->slot] = llvm_variable(l, LLVMTypeOf(value), l->now.code->slots.data[stmt->slot].name);
  LLVMBuildStore(l->builder, value, l->now.slots[stmt->slot]);
}

static void statement(Llvm *l, const StmtNode *stmt) {
  switch (stmt->kind) {
  case STMT_FOR: for_loop(l, stmt); break;
  case STMT_WHILE: while_loop(l, stmt); break;
  case STMT_IF: if_block(l, stmt); break;
  case STMT_LET: l->now.slots[stmt->slot] = llvm_expression(l, stmt->a); break;
  case STMT_VAR: variable(l, stmt); break;
  case STMT_SET: LLVMBuildStore(l->builder, llvm_expression(l, stmt->a), l->now.slots[stmt->slot]); break;
  case STMT_STORE: llvm_store(l, stmt); break;
  case STMT_RETURN: LLVMBuildRet(l->builder, llvm_expression(l, stmt->a)); break;
  case STMT_CALL: llvm_entry_call(l, stmt); break;
  case STMT_COPY: llvm_entry_copy(l, stmt); break;
  case STMT_ASSIGN: llvm_entry_assign(l, stmt); break;
  case STMT_FAIL: llvm_return(l, -(int32_t)stmt->target); break;
  default: bug(l->context, "%s: statement of kind %d", l->now.code->name, stmt->kind);
  }
}

void llvm_statements(Llvm *l, Stmt first) {
  for (Stmt s = first; s; s = stmt_at(l->now.code, s)->next) {
    if (llvm_is_closed(l)) llvm_enter(l, llvm_block(l, "never")); /* behind a return */
    statement(l, stmt_at(l->now.code, s));
  }
}
