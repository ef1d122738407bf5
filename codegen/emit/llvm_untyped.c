/* Entry points that take arrays of pointers, for the info table. */
#include "llvm_emit.h"

static LLVMValueRef item(Llvm *l, LLVMTypeRef type, LLVMValueRef array, uint32_t index) {
  LLVMValueRef at = llvm_integer(l->types.size, index);
  return LLVMBuildInBoundsGEP2(l->builder, type, array, &at, 1, "");
}

static LLVMValueRef load_item(Llvm *l, LLVMTypeRef type, LLVMValueRef array, uint32_t index) {
  return LLVMBuildLoad2(l->builder, type, item(l, type, array, index), "");
}

static LLVMValueRef declare(Llvm *l, const char *name, LLVMTypeRef result, unsigned count, LLVMTypeRef *parameters) {
  LLVMValueRef function = llvm_declare(l, arena_format(l->arena, "%s_%s", l->name, name), LINKAGE_LOCAL, result, count, parameters);
  llvm_open(l, function);
  return function;
}

/* Copies what the caller chose from dims into NAME_dims, with which NAME_io begins. */
static void set_dims(Llvm *l, LLVMValueRef to, LLVMValueRef dims) {
  for (uint32_t i = 0; i < l->role_count[SYMBOL_GIVEN]; i++)
    LLVMBuildStore(l->builder, load_item(l, l->types.i64, dims, i), llvm_field(l, l->types.dims, to, i));
}

static LLVMValueRef run(Llvm *l) {
  LLVMTypeRef        p = l->types.pointer;
  const ProgramInfo *info = &l->program->info;
  LLVMValueRef       function = declare(l, "run_untyped", l->types.i32, 5, (LLVMTypeRef[]){p, p, p, p, p});
  LLVMValueRef       dims = LLVMGetParam(function, 1), inputs = LLVMGetParam(function, 2), outputs = LLVMGetParam(function, 3);
  LLVMValueRef       run_dims = LLVMGetParam(function, 4), io = llvm_variable(l, l->types.io, "io");
  uint32_t           returned = 0;
  if (l->role_count[SYMBOL_GIVEN]) llvm_refuse_if(l, llvm_is_null(l, dims), ONNXCC_ERROR_ARGUMENT);
  if (info->inputs.count) llvm_refuse_if(l, llvm_is_null(l, inputs), ONNXCC_ERROR_ARGUMENT);
  if (info->outputs.count) llvm_refuse_if(l, llvm_is_null(l, outputs), ONNXCC_ERROR_ARGUMENT);
  set_dims(l, io, dims);
  for (uint32_t i = 0; i < info->inputs.count; i++)
    LLVMBuildStore(l->builder, load_item(l, p, inputs, i), llvm_field(l, l->types.io, io, llvm_io_input(l, i)));
  for (uint32_t i = 0; i < info->outputs.count; i++)
    LLVMBuildStore(l->builder, load_item(l, p, outputs, i), llvm_field(l, l->types.io, io, llvm_io_output(l, i)));
  for (uint32_t i = 0; i < l->program->dims->symbols.count; i++)
    if (l->symbol_roles[i] == SYMBOL_RETURNED)
      LLVMBuildStore(l->builder, llvm_integer(l->types.i64, 0), llvm_field(l, l->types.io, io, llvm_io_returned(l, i)));
  LLVMValueRef status = llvm_call(l, l->entries.run, 2, (LLVMValueRef[]){LLVMGetParam(function, 0), io});
  if (l->role_count[SYMBOL_RETURNED]) llvm_return_if(l, llvm_is_null(l, run_dims), status);
  for (uint32_t i = 0; i < l->program->dims->symbols.count; i++)
    if (l->symbol_roles[i] == SYMBOL_RETURNED)
      LLVMBuildStore(l->builder, llvm_load_field(l, l->types.io, io, llvm_io_returned(l, i)), item(l, l->types.i64, run_dims, returned++));
  LLVMBuildRet(l->builder, status);
  return function;
}

static LLVMValueRef workspace(Llvm *l) {
  LLVMValueRef function = declare(l, "workspace_untyped", l->types.size, 1, &l->types.pointer), dims = LLVMGetParam(function, 0);
  if (l->role_count[SYMBOL_GIVEN] == 0) {
    LLVMBuildRet(l->builder, llvm_call(l, l->entries.workspace_bytes, 0, NULL));
    return function;
  }
  LLVMValueRef sizes = llvm_variable(l, l->types.dims, "sizes");
  llvm_return_if(l, llvm_is_null(l, dims), llvm_integer(l->types.size, 0));
  set_dims(l, sizes, dims);
  LLVMBuildRet(l->builder, llvm_call(l, l->entries.workspace_bytes, 1, &sizes));
  return function;
}

/* ---- shapes ---- */

/* A symbol of dims or run_dims; without run_dims an upper bound. */
static LLVMValueRef shape_symbol(Llvm *l, LLVMValueRef array, uint32_t index, int64_t otherwise) {
  LLVMBasicBlockRef before = LLVMGetInsertBlock(l->builder), read = llvm_block(l, "read"), behind = llvm_block(l, "symbol");
  LLVMTypeRef       type = l->types.index;
  LLVMBuildCondBr(l->builder, llvm_is_null(l, array), behind, read);
  llvm_enter(l, read);
  LLVMValueRef value = LLVMBuildIntCast2(l->builder, load_item(l, l->types.i64, array, index), type, true, "");
  llvm_jump(l, behind);
  llvm_enter(l, behind);
  LLVMValueRef phi = LLVMBuildPhi(l->builder, type, "");
  LLVMAddIncoming(phi, (LLVMValueRef[]){llvm_integer(type, otherwise), value}, (LLVMBasicBlockRef[]){before, read}, 2);
  return phi;
}

typedef struct ShapeNeeds {
  bool *used;                          /* by symbol */
  bool  any_given, any_axis, any_open; /* open: a size found at run time that has no bound */
} ShapeNeeds;

static const InfoTensor *tensor_at(const Llvm *l, uint32_t number) { /* inputs first */
  const ProgramInfo *info = &l->program->info;
  return number < info->inputs.count ? &info->inputs.data[number] : &info->outputs.data[number - info->inputs.count];
}

static ShapeNeeds find_needs(const Llvm *l) {
  const DimTable *dims = l->program->dims;
  ShapeNeeds      needs = {.used = arena_array(l->arena, bool, dims->symbols.count + 1u)};
  for (uint32_t i = 0; i < l->program->info.inputs.count + l->program->info.outputs.count; i++) {
    const InfoTensor *tensor = tensor_at(l, i);
    for (uint32_t axis = 0; axis < tensor->rank; axis++) dim_symbols(dims, tensor->dims[axis], needs.used);
    needs.any_axis |= tensor->rank > 0;
  }
  for (uint32_t i = 0; i < dims->symbols.count; i++) {
    needs.any_given |= needs.used[i];
    needs.any_open |= needs.used[i] && l->symbol_roles[i] == SYMBOL_RETURNED && dims->symbols.data[i].hi == DIM_OPEN;
  }
  return needs;
}

static void shape_symbols(Llvm *l, const ShapeNeeds *needs, LLVMValueRef given_dims, LLVMValueRef run_dims) {
  const DimTable *dims = l->program->dims;
  uint32_t        given = 0, returned = 0;
  l->now.symbols = arena_array(l->arena, LLVMValueRef, dims->symbols.count + 1u);
  l->now.symbol_is_address = arena_array(l->arena, bool, dims->symbols.count + 1u);
  for (uint32_t i = 0; i < dims->symbols.count; i++) {
    int64_t hi = dims->symbols.data[i].hi;
    if (needs->used[i] && l->symbol_roles[i] == SYMBOL_GIVEN) l->now.symbols[i] = shape_symbol(l, given_dims, given, 0);
    if (needs->used[i] && l->symbol_roles[i] == SYMBOL_RETURNED) l->now.symbols[i] = shape_symbol(l, run_dims, returned, hi == DIM_OPEN ? 0 : hi);
    given += l->symbol_roles[i] == SYMBOL_GIVEN;
    returned += l->symbol_roles[i] == SYMBOL_RETURNED;
  }
}

static void shape_case(Llvm *l, const InfoTensor *tensor, LLVMValueRef shape) {
  for (uint32_t axis = 0; axis < tensor->rank; axis++) {
    LLVMValueRef size = LLVMBuildIntCast2(l->builder, llvm_dim(l, tensor->dims[axis], DIM_FORM_INDEX), l->types.i64, true, "");
    LLVMBuildStore(l->builder, size, item(l, l->types.i64, shape, axis));
  }
  llvm_return(l, ONNXCC_OK);
}

/* kind 0: inputs, 1: outputs; anything else, and an index beyond, is refused. */
static void shape_checks(Llvm *l, const ShapeNeeds *needs, LLVMValueRef function) {
  LLVMTypeRef        i32 = l->types.i32;
  const ProgramInfo *info = &l->program->info;
  LLVMValueRef       kind = LLVMGetParam(function, 0), index = LLVMGetParam(function, 1), run_dims = LLVMGetParam(function, 3);
  LLVMValueRef       is_output = LLVMBuildICmp(l->builder, LLVMIntEQ, kind, llvm_integer(i32, 1), "");
  if (needs->any_open) llvm_refuse_if(l, LLVMBuildAnd(l->builder, is_output, llvm_is_null(l, run_dims), ""), ONNXCC_ERROR_SHAPE);
  if (l->role_count[SYMBOL_GIVEN] && needs->any_given) llvm_refuse_if(l, llvm_is_null(l, LLVMGetParam(function, 2)), ONNXCC_ERROR_ARGUMENT);
  if (needs->any_axis) llvm_refuse_if(l, llvm_is_null(l, LLVMGetParam(function, 4)), ONNXCC_ERROR_ARGUMENT);
  LLVMValueRef count = LLVMBuildSelect(l->builder, is_output, llvm_integer(i32, info->outputs.count), llvm_integer(i32, info->inputs.count), "");
  LLVMValueRef wrong = LLVMBuildICmp(l->builder, LLVMIntUGT, kind, llvm_integer(i32, 1), "");
  llvm_refuse_if(l, llvm_or(l, wrong, LLVMBuildICmp(l->builder, LLVMIntUGE, index, count, "")), ONNXCC_ERROR_ARGUMENT);
}

static LLVMValueRef shape(Llvm *l) {
  LLVMTypeRef  p = l->types.pointer, i32 = l->types.i32;
  uint32_t     inputs = l->program->info.inputs.count, count = inputs + l->program->info.outputs.count;
  LLVMValueRef function = declare(l, "shape", i32, 5, (LLVMTypeRef[]){i32, i32, p, p, p});
  ShapeNeeds   needs = find_needs(l);
  shape_symbols(l, &needs, LLVMGetParam(function, 2), LLVMGetParam(function, 3));
  shape_checks(l, &needs, function);
  LLVMValueRef      is_output = LLVMBuildICmp(l->builder, LLVMIntNE, LLVMGetParam(function, 0), llvm_integer(i32, 0), "");
  LLVMValueRef      first = LLVMBuildSelect(l->builder, is_output, llvm_integer(i32, inputs), llvm_integer(i32, 0), "");
  LLVMValueRef      number = LLVMBuildAdd(l->builder, LLVMGetParam(function, 1), first, "");
  LLVMBasicBlockRef unknown = llvm_block(l, "unknown");
  LLVMValueRef      choice = LLVMBuildSwitch(l->builder, number, unknown, count);
  for (uint32_t i = 0; i < count; i++) {
    LLVMBasicBlockRef block = llvm_block(l, "tensor");
    LLVMAddCase(choice, llvm_integer(i32, i), block);
    llvm_enter(l, block);
    shape_case(l, tensor_at(l, i), LLVMGetParam(function, 4));
  }
  llvm_enter(l, unknown);
  llvm_return(l, ONNXCC_ERROR_ARGUMENT);
  return function;
}

/* init and reset take untyped pointers already. */
LlvmUntyped llvm_untyped(Llvm *l) {
  return (LlvmUntyped){.workspace = workspace(l), .init = l->entries.init, .run = run(l), .reset = l->entries.reset, .shape = shape(l)};
}
