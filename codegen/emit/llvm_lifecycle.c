/* Around run: workspace_bytes, init, reset. */
#include "llvm_emit.h"

/* ---- workspace_bytes ---- */

/* Reads the symbols as sizes and returns 0 if one is outside its range. */
static void check_dims(Llvm *l, LLVMValueRef dims) {
  unsigned given = 0;
  l->now.symbols = arena_array(l->arena, LLVMValueRef, l->program->dims->symbols.count + 1u);
  l->now.symbol_is_address = arena_array(l->arena, bool, l->program->dims->symbols.count + 1u);
  for (uint32_t i = 0; i < l->program->dims->symbols.count; i++) {
    if (l->symbol_roles[i] != SYMBOL_GIVEN) continue;
    const Symbol *symbol = &l->program->dims->symbols.data[i];
    int64_t       largest = l->target->index_bits == 32 && symbol->hi > INT32_MAX ? INT32_MAX : symbol->hi;
    LLVMValueRef  value = l->now.symbols[i] = llvm_load_field(l, l->types.dims, dims, given++);
    LLVMValueRef  outside = LLVMBuildICmp(l->builder, LLVMIntSLT, value, llvm_integer(l->types.i64, symbol->lo < 0 ? 0 : symbol->lo), "");
    if (largest != DIM_OPEN) outside = llvm_or(l, outside, LLVMBuildICmp(l->builder, LLVMIntSGT, value, llvm_integer(l->types.i64, largest), ""));
    llvm_return_if(l, outside, llvm_integer(l->types.size, 0));
  }
}

/* The largest of the members of a maximum. */
static LLVMValueRef workspace_total(Llvm *l, Dim dim) {
  const DimNode *node = &l->program->dims->nodes.data[dim];
  LLVMValueRef   total = llvm_dim(l, node->op == DIM_OP_MAX ? node->b : dim, DIM_FORM_SIZE);
  while (node->op == DIM_OP_MAX) {
    dim = node->a;
    node = &l->program->dims->nodes.data[dim];
    total = llvm_max(l, total, llvm_dim(l, node->op == DIM_OP_MAX ? node->b : dim, DIM_FORM_SIZE), true);
  }
  return total;
}

static void workspace_bytes(Llvm *l) {
  LLVMTypeRef  size = l->types.size;
  unsigned     bits = LLVMGetIntTypeWidth(size);
  LLVMValueRef function = l->entries.workspace_bytes;
  llvm_open(l, function);
  if (l->role_count[SYMBOL_GIVEN] == 0) {
    LLVMBuildRet(l->builder, llvm_integer(size, model_workspace_bound(&l->model)));
    return;
  }
  check_dims(l, LLVMGetParam(function, 0));
  Dim          dim = l->program->workspace_bytes;
  LLVMValueRef total = dim ? workspace_total(l, dim) : llvm_integer(l->types.i64, 0);
  LLVMValueRef most = llvm_integer(l->types.i64, bits == 32 ? UINT32_MAX / 2 : INT64_MAX / 2); /* more can't be addressed, or overflowed */
  llvm_return_if(l, LLVMBuildICmp(l->builder, LLVMIntSGT, total, most, ""), llvm_integer(size, -1));
  total = llvm_max(l, total, llvm_integer(l->types.i64, 1), true); /* never 0 for dimensions in range, so that 0 can say that they are not */
  LLVMBuildRet(l->builder, LLVMBuildIntCast2(l->builder, total, size, false, ""));
}

/* ---- init ---- */

static LLVMValueRef is_misaligned(Llvm *l, LLVMValueRef pointer) {
  LLVMValueRef number = LLVMBuildPtrToInt(l->builder, pointer, l->types.size, "");
  LLVMValueRef rest = LLVMBuildAnd(l->builder, number, llvm_integer(l->types.size, MODEL_ALIGN - 1), "");
  return LLVMBuildICmp(l->builder, LLVMIntNE, rest, llvm_integer(l->types.size, 0), "");
}

/* One region of memory that the caller gives must be there, large enough and aligned. */
static void check_region(Llvm *l, LLVMValueRef config, unsigned pointer, unsigned bytes, int64_t least) {
  LLVMValueRef address = llvm_load_field(l, l->types.config, config, pointer), has = llvm_load_field(l, l->types.config, config, bytes);
  LLVMValueRef wrong = llvm_or(l, llvm_is_null(l, address), LLVMBuildICmp(l->builder, LLVMIntULT, has, llvm_integer(l->types.size, least), ""));
  llvm_refuse_if(l, llvm_or(l, wrong, is_misaligned(l, address)), ONNXCC_ERROR_WORKSPACE);
}

static void store_field(Llvm *l, LLVMValueRef context, unsigned field, LLVMValueRef value) {
  LLVMBuildStore(l->builder, value, llvm_field(l, l->types.context, context, field));
}

static void copy_field(Llvm *l, LLVMValueRef context, unsigned to, LLVMValueRef config, unsigned from) {
  store_field(l, context, to, llvm_load_field(l, l->types.config, config, from));
}

/* FNV-1a by words, as the C prints it. */
static LLVMValueRef hash_words(Llvm *l, LLVMValueRef words) {
  LLVMTypeRef       i64 = l->types.i64, size = l->types.size;
  LLVMBasicBlockRef before = LLVMGetInsertBlock(l->builder), body = llvm_block(l, "hash"), behind = llvm_block(l, "hashed");
  llvm_jump(l, body);
  llvm_enter(l, body);
  LLVMValueRef at = LLVMBuildPhi(l->builder, size, "at"), hash = LLVMBuildPhi(l->builder, i64, "hash");
  LLVMValueRef word = LLVMBuildLoad2(l->builder, l->types.i32, LLVMBuildInBoundsGEP2(l->builder, l->types.i32, words, &at, 1, ""), "");
  LLVMValueRef mixed = LLVMBuildXor(l->builder, hash, LLVMBuildZExt(l->builder, word, i64, ""), "");
  LLVMValueRef next_hash = LLVMBuildMul(l->builder, mixed, llvm_integer(i64, INT64_C(0x100000001b3)), "");
  LLVMValueRef next = LLVMBuildAdd(l->builder, at, llvm_integer(size, 1), "");
  LLVMValueRef more = LLVMBuildICmp(l->builder, LLVMIntULT, next, llvm_integer(size, (int64_t)(l->blob.length / 4)), "");
  LLVMBuildCondBr(l->builder, more, body, behind);
  LLVMAddIncoming(at, (LLVMValueRef[]){llvm_integer(size, 0), next}, (LLVMBasicBlockRef[]){before, body}, 2);
  LLVMAddIncoming(hash, (LLVMValueRef[]){llvm_integer(i64, (int64_t)UINT64_C(0xcbf29ce484222325)), next_hash}, (LLVMBasicBlockRef[]){before, body},
                  2);
  llvm_enter(l, behind);
  return next_hash;
}

/* Weights that the caller gives take the place of those compiled in, if they are the model's. */
static void choose_weights(Llvm *l, LLVMValueRef context, LLVMValueRef config) {
  if (l->blob.length == 0) {
    store_field(l, context, CONTEXT_WEIGHTS, LLVMConstNull(l->types.pointer));
    return;
  }
  LLVMValueRef      given = llvm_load_field(l, l->types.config, config, CONFIG_WEIGHTS);
  LLVMValueRef      bytes = llvm_load_field(l, l->types.config, config, CONFIG_WEIGHTS_BYTES), missing = llvm_is_null(l, given);
  LLVMBasicBlockRef check = llvm_block(l, "given"), behind = llvm_block(l, "chosen");
  if (l->weights_data) {
    store_field(l, context, CONTEXT_WEIGHTS, l->weights_data);
    LLVMBuildCondBr(l->builder, missing, behind, check);
  } else {
    llvm_refuse_if(l, missing, ONNXCC_ERROR_WEIGHTS);
    llvm_jump(l, check);
  }
  llvm_enter(l, check);
  LLVMValueRef other = LLVMBuildICmp(l->builder, LLVMIntNE, bytes, llvm_integer(l->types.size, (int64_t)l->blob.length), "");
  llvm_refuse_if(l, llvm_or(l, other, is_misaligned(l, given)), ONNXCC_ERROR_WEIGHTS);
  LLVMValueRef wanted = llvm_integer(l->types.i64, (int64_t)l->weights_hash);
  llvm_refuse_if(l, LLVMBuildICmp(l->builder, LLVMIntNE, hash_words(l, given), wanted, ""), ONNXCC_ERROR_WEIGHTS);
  store_field(l, context, CONTEXT_WEIGHTS, given);
  llvm_jump(l, behind);
  llvm_enter(l, behind);
}

static void init(Llvm *l) {
  LLVMValueRef function = l->entries.init, context = LLVMGetParam(function, 0), config = LLVMGetParam(function, 1);
  bool         symbolic = l->role_count[SYMBOL_GIVEN] > 0;
  LLVMValueRef choice = l->program->variants.count ? llvm_variant_choice(l) : NULL;
  llvm_open(l, function);
  llvm_refuse_if(l, llvm_or(l, llvm_is_null(l, context), llvm_is_null(l, config)), ONNXCC_ERROR_ARGUMENT);
  LLVMValueRef abi = llvm_load_field(l, l->types.config, config, CONFIG_ABI), known = llvm_integer(l->types.i32, ONNXCC_ABI);
  llvm_refuse_if(l, LLVMBuildICmp(l->builder, LLVMIntNE, abi, known, ""), ONNXCC_ERROR_ARGUMENT);
  store_field(l, context, CONTEXT_MAGIC, llvm_integer(l->types.i32, 0));
  if (l->program->variants.count) {
    LLVMTypeRef  i32 = l->types.i32;
    LLVMValueRef wanted = llvm_load_field(l, l->types.config, config, CONFIG_VARIANT);
    llvm_refuse_if(l, LLVMBuildICmp(l->builder, LLVMIntUGT, wanted, llvm_integer(i32, l->program->variants.count), ""), ONNXCC_ERROR_ARGUMENT);
    LLVMValueRef variant = llvm_call(l, choice, 1, &wanted);
    store_field(l, context, CONTEXT_VARIANT, variant);
    llvm_refuse_if(l, LLVMBuildICmp(l->builder, LLVMIntEQ, variant, llvm_integer(i32, 0), ""), ONNXCC_ERROR_MACHINE);
  }
  int64_t workspace = symbolic ? 1 : model_workspace_bound(&l->model), state = model_state_bytes(&l->model);
  if (workspace > 0) check_region(l, config, CONFIG_WORKSPACE, CONFIG_WORKSPACE_BYTES, workspace);
  if (l->program->fast_bytes > 0) check_region(l, config, CONFIG_FAST, CONFIG_FAST_BYTES, l->program->fast_bytes);
  if (state > 0) check_region(l, config, CONFIG_STATE, CONFIG_STATE_BYTES, state);
  copy_field(l, context, CONTEXT_WORKSPACE, config, CONFIG_WORKSPACE);
  copy_field(l, context, CONTEXT_WORKSPACE_BYTES, config, CONFIG_WORKSPACE_BYTES);
  copy_field(l, context, CONTEXT_STATE, config, CONFIG_STATE);
  copy_field(l, context, CONTEXT_FAST, config, CONFIG_FAST);
  copy_field(l, context, CONTEXT_HOOKS, config, CONFIG_HOOKS);
  choose_weights(l, context, config);
  store_field(l, context, CONTEXT_MAGIC, llvm_integer(l->types.i32, model_magic(&l->model)));
  LLVMBuildRet(l->builder, llvm_call(l, l->entries.reset, 1, &context));
}

static void reset(Llvm *l) {
  LLVMValueRef function = l->entries.reset, context = LLVMGetParam(function, 0), own = llvm_integer(l->types.i32, model_magic(&l->model));
  int64_t      bytes = model_state_bytes(&l->model);
  llvm_open(l, function);
  llvm_refuse_if(l, llvm_is_null(l, context), ONNXCC_ERROR_ARGUMENT);
  LLVMValueRef magic = llvm_load_field(l, l->types.context, context, CONTEXT_MAGIC);
  llvm_refuse_if(l, LLVMBuildICmp(l->builder, LLVMIntNE, magic, own, ""), ONNXCC_ERROR_ARGUMENT);
  if (bytes > 0) {
    LLVMValueRef state = llvm_load_field(l, l->types.context, context, CONTEXT_STATE);
    LLVMBuildMemSet(l->builder, state, llvm_integer(l->types.i8, 0), llvm_integer(l->types.size, bytes), MODEL_ALIGN);
  }
  llvm_return(l, ONNXCC_OK);
}

void llvm_lifecycle(Llvm *l) {
  workspace_bytes(l);
  init(l);
  reset(l);
}
