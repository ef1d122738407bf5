/* The entry `run`: checks of the arguments, then the calls in order. Buffers are addressed by what `place` said: an offset into the workspace, the
 * state or the weights, or a member of the io struct. */
#include "llvm_emit.h"

/* ---- addresses ---- */

/* The memory that a buffer lies in, and where there. */
static LLVMValueRef region_of(Llvm *l, const Buffer *buffer, Dim *offset) {
  *offset = buffer->storage == STORAGE_WEIGHT ? buffer->weight_offset : buffer->offset;
  require(l->context, *offset != DIM_UNKNOWN);
  if (buffer->storage == STORAGE_WEIGHT) return l->now.weights;
  if (buffer->storage == STORAGE_STATE) return l->now.state;
  if (model_is_fast(&l->model, buffer)) return l->now.fast;
  *offset = model_workspace_offset(&l->model, buffer);
  return l->now.workspace;
}

static LLVMValueRef base(Llvm *l, const Buffer *buffer) {
  unsigned field = buffer->storage == STORAGE_INPUT ? llvm_io_input(l, buffer->index) : llvm_io_output(l, buffer->index);
  Dim      offset;
  if (buffer->storage == STORAGE_INPUT || buffer->storage == STORAGE_OUTPUT) return llvm_load_field(l, l->types.io, l->now.io, field);
  LLVMValueRef region = region_of(l, buffer, &offset), at = llvm_dim(l, offset, DIM_FORM_INDEX);
  return LLVMBuildInBoundsGEP2(l->builder, l->types.i8, region, &at, 1, buffer->name);
}

LLVMValueRef llvm_buffer(Llvm *l, uint32_t index, Expr offset) {
  const Buffer *buffer = &l->program->buffers.data[index];
  LLVMValueRef  address = base(l, buffer);
  if (!offset) return address;
  LLVMValueRef at = llvm_expression(l, offset);
  return LLVMBuildInBoundsGEP2(l->builder, llvm_memory_type(l, buffer->scalar, 1), address, &at, 1, "");
}

/* ---- statements of entries ---- */

/* Calls a hook for a node, if there is one. */
static void hook(Llvm *l, unsigned field, uint32_t node) {
  LLVMTypeRef       types[] = {l->types.pointer, l->types.i32}, type = LLVMFunctionType(l->types.nothing, types, 2, false);
  LLVMBasicBlockRef look = llvm_block(l, "hooks"), call = llvm_block(l, "hook"), behind = llvm_block(l, "end");
  LLVMValueRef      hooks = llvm_load_field(l, l->types.context, l->now.context, CONTEXT_HOOKS);
  LLVMBuildCondBr(l->builder, llvm_is_null(l, hooks), behind, look);
  llvm_enter(l, look);
  LLVMValueRef function = llvm_load_field(l, l->types.hooks, hooks, field), self = llvm_load_field(l, l->types.hooks, hooks, HOOKS_SELF);
  LLVMBuildCondBr(l->builder, llvm_is_null(l, function), behind, call);
  llvm_enter(l, call);
  LLVMBuildCall2(l->builder, type, function, (LLVMValueRef[]){self, llvm_integer(l->types.i32, node)}, 2, "");
  llvm_jump(l, behind);
  llvm_enter(l, behind);
}

void llvm_entry_call(Llvm *l, const StmtNode *stmt) {
  const Code   *kernel = &l->program->kernels.data[stmt->target];
  uint32_t      argument = stmt->list, count = 0, symbols = l->program->dims->symbols.count;
  LLVMValueRef *arguments = arena_array(l->arena, LLVMValueRef, symbols + kernel->operands.count + 1u);
  for (uint32_t i = 0; i < symbols; i++)
    if (l->kernel_symbols[stmt->target][i]) arguments[count++] = llvm_symbol(l, i, DIM_FORM_INDEX);
  for (uint32_t i = 0; i < kernel->operands.count; i++) {
    if (kernel->operands.data[i].access == ACCESS_LOCAL) continue;
    CallArgument given = l->now.code->call_arguments.data[argument++];
    arguments[count++] = llvm_buffer(l, given.buffer, given.offset);
  }
  bool profiled = l->options->profile && stmt->slot;
  if (profiled) hook(l, HOOKS_NODE_BEGIN, stmt->slot - 1);
  llvm_call(l, l->kernels[stmt->target], count, arguments);
  if (profiled) hook(l, HOOKS_NODE_END, stmt->slot - 1);
}

void llvm_entry_copy(Llvm *l, const StmtNode *stmt) {
  const Buffer *from = &l->program->buffers.data[stmt->list];
  unsigned      align = scalar_bytes(from->scalar);
  LLVMValueRef  bytes = LLVMBuildIntCast2(l->builder, llvm_dim(l, model_buffer_bytes(&l->model, from), DIM_FORM_INDEX), l->types.size, true, "");
  LLVMBuildMemMove(l->builder, llvm_buffer(l, stmt->target, 0), align, llvm_buffer(l, stmt->list, 0), align, bytes);
}

void llvm_entry_assign(Llvm *l, const StmtNode *stmt) {
  const Symbol *symbol = &l->program->dims->symbols.data[stmt->target];
  LLVMTypeRef   type = l->types.index;
  LLVMValueRef  value = llvm_expression(l, stmt->a), outside = NULL;
  LLVMBuildStore(l->builder, value, l->now.symbols[stmt->target]);
  if (symbol->lo > INT64_MIN) outside = LLVMBuildICmp(l->builder, LLVMIntSLT, value, llvm_integer(type, symbol->lo), "");
  if (symbol->hi != DIM_OPEN) outside = llvm_or(l, outside, LLVMBuildICmp(l->builder, LLVMIntSGT, value, llvm_integer(type, symbol->hi), ""));
  if (outside) llvm_refuse_if(l, outside, ONNXCC_ERROR_SHAPE);
}

/* ---- run ---- */

static void check_pointers(Llvm *l) {
  const ProgramInfo *info = &l->program->info;
  LLVMValueRef       missing = NULL;
  for (uint32_t i = 0; i < info->inputs.count; i++)
    if (!model_is_empty(&l->model, &info->inputs.data[i]))
      missing = llvm_or(l, missing, llvm_is_null(l, llvm_load_field(l, l->types.io, l->now.io, llvm_io_input(l, i))));
  for (uint32_t i = 0; i < info->outputs.count; i++)
    if (!model_is_empty(&l->model, &info->outputs.data[i]))
      missing = llvm_or(l, missing, llvm_is_null(l, llvm_load_field(l, l->types.io, l->now.io, llvm_io_output(l, i))));
  if (missing) llvm_refuse_if(l, missing, ONNXCC_ERROR_ARGUMENT);
}

static void check_workspace(Llvm *l) {
  if (l->role_count[SYMBOL_GIVEN] == 0) return;
  LLVMValueRef bytes = llvm_call(l, l->entries.workspace_bytes, 1, &l->now.io); /* dims come first in NAME_io */
  LLVMValueRef has = llvm_load_field(l, l->types.context, l->now.context, CONTEXT_WORKSPACE_BYTES);
  llvm_refuse_if(l, LLVMBuildICmp(l->builder, LLVMIntEQ, bytes, llvm_integer(l->types.size, 0), ""), ONNXCC_ERROR_SHAPE);
  llvm_refuse_if(l, LLVMBuildICmp(l->builder, LLVMIntUGT, bytes, has, ""), ONNXCC_ERROR_WORKSPACE);
}

/* Those given are read, those found at run time begin as 0; workspace_bytes() has checked the ranges. */
static void read_symbols(Llvm *l) {
  unsigned given = 0;
  for (uint32_t i = 0; i < l->program->dims->symbols.count; i++) {
    if (l->symbol_roles[i] == SYMBOL_GIVEN)
      l->now.symbols[i] = LLVMBuildIntCast2(l->builder, llvm_load_field(l, l->types.dims, l->now.io, given++), l->types.index, true, "");
    if (l->symbol_roles[i] != SYMBOL_RETURNED && l->symbol_roles[i] != SYMBOL_INTERNAL) continue;
    l->now.symbols[i] = llvm_variable(l, l->types.index, l->symbol_names[i]);
    l->now.symbol_is_address[i] = true;
    LLVMBuildStore(l->builder, llvm_integer(l->types.index, 0), l->now.symbols[i]);
  }
}

static void return_sizes(Llvm *l) {
  for (uint32_t i = 0; i < l->program->dims->symbols.count; i++) {
    if (l->symbol_roles[i] != SYMBOL_RETURNED) continue;
    LLVMValueRef value = LLVMBuildLoad2(l->builder, l->types.index, l->now.symbols[i], "");
    LLVMBuildStore(l->builder, LLVMBuildIntCast2(l->builder, value, l->types.i64, true, ""),
                   llvm_field(l, l->types.io, l->now.io, llvm_io_returned(l, i)));
  }
}

/* The code of an entry in its function, whose context has been checked. */
static void run_body(Llvm *l, const Code *entry, LLVMValueRef function) {
  l->now.context = LLVMGetParam(function, 0);
  l->now.io = LLVMGetParam(function, 1);
  check_pointers(l);
  check_workspace(l);
  l->now.workspace = llvm_load_field(l, l->types.context, l->now.context, CONTEXT_WORKSPACE);
  if (l->program->fast_bytes > 0) l->now.fast = llvm_load_field(l, l->types.context, l->now.context, CONTEXT_FAST);
  l->now.state = llvm_load_field(l, l->types.context, l->now.context, CONTEXT_STATE);
  l->now.weights = llvm_load_field(l, l->types.context, l->now.context, CONTEXT_WEIGHTS);
  read_symbols(l);
  llvm_statements(l, entry->body);
  if (llvm_is_closed(l)) return;
  return_sizes(l);
  llvm_return(l, ONNXCC_OK);
}

static void check_context(Llvm *l) {
  LLVMValueRef context = LLVMGetParam(l->entries.run, 0), io = LLVMGetParam(l->entries.run, 1);
  llvm_refuse_if(l, llvm_or(l, llvm_is_null(l, context), llvm_is_null(l, io)), ONNXCC_ERROR_ARGUMENT);
  LLVMValueRef magic = llvm_load_field(l, l->types.context, context, CONTEXT_MAGIC);
  llvm_refuse_if(l, LLVMBuildICmp(l->builder, LLVMIntNE, magic, llvm_integer(l->types.i32, model_magic(&l->model)), ""), ONNXCC_ERROR_ARGUMENT);
}

/* run itself, or one for each variant, of which run calls one. */
void llvm_entry_run(Llvm *l) {
  const Program *program = l->program;
  LLVMTypeRef    p = l->types.pointer;
  l->runs = arena_array(l->arena, LLVMValueRef, program->variants.count + 1u);
  if (program->variants.count == 0) {
    llvm_code_open(l, &program->entries.data[0], l->entries.run);
    check_context(l);
    run_body(l, &program->entries.data[0], l->entries.run);
    return;
  }
  for (uint32_t i = 0; i < program->variants.count; i++) {
    llvm_use_variant(l, i);
    const char *name = arena_format(l->arena, "%s_run_%s", l->name, program->variants.data[i]);
    l->runs[i] = llvm_declare(l, name, LINKAGE_KERNEL, l->types.i32, 2, (LLVMTypeRef[]){p, p});
    llvm_code_open(l, &program->entries.data[i], l->runs[i]);
    run_body(l, &program->entries.data[i], l->runs[i]);
  }
  llvm_use_all(l);
  llvm_open(l, l->entries.run);
  check_context(l);
  llvm_variant_run(l);
}
