/* The description of the model as constants: struct onnxcc_model_info and what it points to. */
#include "llvm_emit.h"

#include <string.h>

/* ---- constants ---- */

static LLVMValueRef constant_data(Llvm *l, const char *name, LLVMLinkage linkage, LLVMValueRef value) {
  LLVMValueRef global = LLVMAddGlobal(l->module, LLVMTypeOf(value), arena_format(l->arena, "%s_%s", l->name, name));
  LLVMSetInitializer(global, value);
  LLVMSetGlobalConstant(global, true);
  LLVMSetLinkage(global, linkage);
  return global;
}

/* A model's string, cut as the C emitter cuts it. */
static LLVMValueRef text(Llvm *l, const char *string, size_t longest) {
  size_t       length = string ? strlen(string) : 0;
  const char  *shown = length > longest ? arena_format(l->arena, "%.*s...", (int)longest, string) : string ? string : "";
  LLVMValueRef data = constant_data(l, "text", LLVMPrivateLinkage, LLVMConstStringInContext(l->llvm, shown, (unsigned)strlen(shown), false));
  LLVMSetUnnamedAddress(data, LLVMGlobalUnnamedAddr);
  return data;
}

static LLVMValueRef number(LLVMTypeRef type, int64_t value) { return llvm_integer(type, value); }

static LLVMValueRef structure(Llvm *l, unsigned count, LLVMValueRef *members) { return LLVMConstStructInContext(l->llvm, members, count, false); }

/* An array of values of one type; null where there are none. */
static LLVMValueRef table(Llvm *l, const char *name, uint32_t count, LLVMValueRef *rows) {
  if (count == 0) return LLVMConstNull(l->types.pointer);
  return constant_data(l, name, LLVMPrivateLinkage, LLVMConstArray2(LLVMTypeOf(rows[0]), rows, count));
}

/* ---- tensors ---- */

static LLVMValueRef dims_table(Llvm *l, const InfoTensor *tensor) {
  LLVMValueRef sizes[LOOP_MAX_RANK];
  for (uint32_t axis = 0; axis < tensor->rank; axis++) {
    int64_t size;
    sizes[axis] = number(l->types.i64, dim_is_constant(l->program->dims, tensor->dims[axis], &size) ? size : -1);
  }
  return table(l, "dims", tensor->rank, sizes);
}

static LLVMValueRef dim_texts(Llvm *l, const InfoTensor *tensor) {
  LLVMValueRef texts[LOOP_MAX_RANK];
  for (uint32_t axis = 0; axis < tensor->rank; axis++) {
    Text dim;
    text_open(&dim, l->arena);
    dim_print(l->program->dims, tensor->dims[axis], &dim);
    texts[axis] = text(l, text_finish(&dim), LONGEST_NAME);
  }
  return table(l, "dim_text", tensor->rank, texts);
}

/* onnxcc_tensor_info */
static LLVMValueRef tensor_row(Llvm *l, const InfoTensor *tensor, const FieldName *field) {
  LLVMTypeRef  i32 = l->types.i32;
  LLVMValueRef members[] = {text(l, tensor->name, LONGEST_NAME),
                            text(l, field->field, LONGEST_NAME),
                            number(i32, (int64_t)tensor->element),
                            number(i32, scalar_bytes(l->program->buffers.data[tensor->buffer].scalar)),
                            number(i32, tensor->rank),
                            dims_table(l, tensor),
                            dim_texts(l, tensor),
                            number(i32, tensor->quantized),
                            llvm_float(l, l->types.f32, (float)tensor->scale),
                            number(l->types.i64, tensor->zero_point)};
  return structure(l, sizeof members / sizeof *members, members);
}

static LLVMValueRef tensor_table(Llvm *l, const InfoTensor *tensors, uint32_t count, const FieldName *fields, const char *name) {
  LLVMValueRef *rows = arena_array(l->arena, LLVMValueRef, count + 1u);
  for (uint32_t i = 0; i < count; i++) rows[i] = tensor_row(l, &tensors[i], &fields[i]);
  return table(l, name, count, rows);
}

/* ---- symbols and nodes ---- */

/* onnxcc_symbol_info */
static LLVMValueRef symbol_row(Llvm *l, uint32_t index) {
  const Symbol *symbol = &l->program->dims->symbols.data[index];
  uint32_t      input, axis;
  bool          found = model_find_axis(&l->model, index, &input, &axis);
  LLVMTypeRef   i32 = l->types.i32, i64 = l->types.i64;
  LLVMValueRef  members[] = {text(l, symbol->name, LONGEST_NAME),
                             number(i32, l->symbol_roles[index] == SYMBOL_RETURNED),
                             number(i64, symbol->lo),
                             number(i64, symbol->hi), /* DIM_OPEN is INT64_MAX: no bound */
                             number(i32, found ? (int64_t)input : -1),
                             number(i32, found ? (int64_t)axis : -1)};
  return structure(l, sizeof members / sizeof *members, members);
}

static LLVMValueRef symbol_table(Llvm *l) {
  uint32_t      count = 0, symbols = l->program->dims->symbols.count;
  LLVMValueRef *rows = arena_array(l->arena, LLVMValueRef, symbols + 1u);
  for (int role = SYMBOL_GIVEN; role <= SYMBOL_RETURNED; role++)
    for (uint32_t i = 0; i < symbols; i++)
      if ((int)l->symbol_roles[i] == role) rows[count++] = symbol_row(l, i);
  return table(l, "symbols", count, rows);
}

/* onnxcc_node_info */
static LLVMValueRef node_table(Llvm *l) {
  const ProgramInfo *info = &l->program->info;
  LLVMValueRef      *rows = arena_array(l->arena, LLVMValueRef, info->nodes.count + 1u);
  for (uint32_t i = 0; i < info->nodes.count; i++) {
    const InfoNode *node = &info->nodes.data[i];
    LLVMValueRef    members[] = {text(l, node->name, LONGEST_NAME), text(l, node->op_type, LONGEST_NAME), text(l, node->path, LONGEST_NAME),
                                 number(l->types.i32, node->index), number(l->types.i64, node->macs)};
    rows[i] = structure(l, sizeof members / sizeof *members, members);
  }
  return table(l, "nodes", info->nodes.count, rows);
}

/* ---- the struct ---- */

/* stack_bytes is 0 until the code has been laid out: see llvm_object.c. */
static LLVMValueRef description(Llvm *l) {
  const ProgramInfo *info = &l->program->info;
  LLVMTypeRef        i32 = l->types.i32, i64 = l->types.i64, size = l->types.size;
  uint32_t           given = l->role_count[SYMBOL_GIVEN], returned = l->role_count[SYMBOL_RETURNED];
  bool               bounded = model_is_bounded(&l->model);
  LlvmUntyped        untyped = llvm_untyped(l);
  LLVMValueRef       members[] = {number(i32, ONNXCC_ABI),
                                  text(l, l->name, LONGEST_NAME),
                                  text(l, info->model_name, LONGEST_NAME),
                                  text(l, info->producer, LONGEST_NAME),
                                  text(l, info->description, LONGEST_DESCRIPTION),
                                  text(l, arena_format(l->arena, "onnxcc %s", l->options->version), LONGEST_NAME),
                                  text(l, model_target_names(&l->model), LONGEST_NAME),
                                  text(l, l->options->options_text, LONGEST_NAME),
                                  number(i64, info->ir_version),
                                  number(i64, info->opset),
                                  number(i64, (int64_t)info->model_hash),
                                  number(i64, (int64_t)l->weights_hash),
                                  number(size, MODEL_CTX_BYTES),
                                  number(size, bounded ? model_workspace_bound(&l->model) : 0),
                                  number(size, l->program->fast_bytes),
                                  number(size, model_state_bytes(&l->model)),
                                  number(size, (int64_t)l->blob.length),
                                  number(size, l->stack_bytes),
                                  number(size, MODEL_ALIGN),
                                  number(i32, bounded),
                                  number(i32, info->inputs.count),
                                  number(i32, info->outputs.count),
                                  number(i32, given + returned),
                                  number(i32, given),
                                  number(i32, returned),
                                  number(i32, info->nodes.count),
                                  tensor_table(l, info->inputs.data, info->inputs.count, l->inputs, "inputs"),
                                  tensor_table(l, info->outputs.data, info->outputs.count, l->outputs, "outputs"),
                                  symbol_table(l),
                                  node_table(l),
                                  untyped.workspace,
                                  untyped.init,
                                  untyped.run,
                                  untyped.reset,
                                  untyped.shape};
  _Static_assert(INFO_MEMBERS == sizeof members / sizeof *members, "llvm_emit.h counts them too");
  return structure(l, INFO_MEMBERS, members);
}

void llvm_info(Llvm *l) {
  l->description = constant_data(l, "model_info", LLVMInternalLinkage, description(l)); /* a symbol, by which llvm_object.c finds it */
  llvm_open(l, l->entries.info);
  LLVMBuildRet(l->builder, l->description);
}

void llvm_info_set_stack(Llvm *l) {
  LLVMValueRef old = LLVMGetInitializer(l->description), members[INFO_MEMBERS];
  for (unsigned i = 0; i < INFO_MEMBERS; i++) members[i] = i == INFO_STACK_BYTES ? number(l->types.size, l->stack_bytes) : LLVMGetOperand(old, i);
  LLVMSetInitializer(l->description, structure(l, INFO_MEMBERS, members));
}
