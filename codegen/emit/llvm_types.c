/* Types, constants, intrinsics, members of structs. */
#include "llvm_emit.h"

#include <math.h>
#include <string.h>

static LLVMTypeRef structure(Llvm *l, unsigned count, LLVMTypeRef *members) { return LLVMStructTypeInContext(l->llvm, members, count, false); }

/* NAME_dims and NAME_io as the header declares them. */
static void interface_types(Llvm *l) {
  LlvmTypes         *t = &l->types;
  const ProgramInfo *info = &l->program->info;
  uint32_t           given = l->role_count[SYMBOL_GIVEN], returned = l->role_count[SYMBOL_RETURNED], count = 0;
  LLVMTypeRef       *members = arena_array(l->arena, LLVMTypeRef, info->inputs.count + info->outputs.count + given + returned + 2u);
  for (uint32_t i = 0; i < given; i++) members[i] = t->i64;
  t->dims = structure(l, given, members);
  if (given) members[count++] = t->dims;
  for (uint32_t i = 0; i < info->inputs.count + info->outputs.count; i++) members[count++] = t->pointer;
  for (uint32_t i = 0; i < returned; i++) members[count++] = t->i64;
  if (count == 0) members[count++] = t->i32;
  t->io = structure(l, count, members);
}

void llvm_types_open(Llvm *l) {
  LlvmTypes *t = &l->types;
  t->i1 = LLVMInt1TypeInContext(l->llvm);
  t->i8 = LLVMInt8TypeInContext(l->llvm);
  t->i16 = LLVMInt16TypeInContext(l->llvm);
  t->i32 = LLVMInt32TypeInContext(l->llvm);
  t->i64 = LLVMInt64TypeInContext(l->llvm);
  t->half = LLVMHalfTypeInContext(l->llvm);
  t->f32 = LLVMFloatTypeInContext(l->llvm);
  t->f64 = LLVMDoubleTypeInContext(l->llvm);
  t->pointer = LLVMPointerTypeInContext(l->llvm, 0);
  t->nothing = LLVMVoidTypeInContext(l->llvm);
  t->size = LLVMIntPtrTypeInContext(l->llvm, l->layout);
  t->index = l->target->index_bits == 32 ? t->i32 : t->i64;
  LLVMTypeRef p = t->pointer, s = t->size, i = t->i32;
  t->context = structure(l, 8, (LLVMTypeRef[]){i, p, p, s, p, p, i, p});
  t->config = structure(l, 13, (LLVMTypeRef[]){i, i, p, p, p, s, s, s, p, s, p, p, i});
  t->hooks = structure(l, 6, (LLVMTypeRef[]){p, p, p, p, p, p});
  interface_types(l);
}

unsigned llvm_bits(const Llvm *l, Scalar scalar) { return scalar == SCALAR_INDEX ? l->target->index_bits : scalar_bits(scalar); }

static LLVMTypeRef vector(LLVMTypeRef element, unsigned lanes) { return lanes > 1 ? LLVMVectorType(element, lanes) : element; }

LLVMTypeRef llvm_type(const Llvm *l, Scalar scalar, unsigned lanes) {
  if (scalar == SCALAR_F32 || scalar == SCALAR_F64) return vector(scalar == SCALAR_F32 ? l->types.f32 : l->types.f64, lanes);
  return vector(LLVMIntTypeInContext(l->llvm, llvm_bits(l, scalar)), lanes);
}

LLVMTypeRef llvm_memory_type(const Llvm *l, Scalar scalar, unsigned lanes) {
  if (scalar == SCALAR_I1) return vector(l->types.i8, lanes);
  return scalar == SCALAR_INDEX ? vector(l->types.i64, lanes) : llvm_type(l, scalar, lanes);
}

LLVMTypeRef llvm_lanes_of(LLVMTypeRef element, LLVMTypeRef like) {
  return LLVMGetTypeKind(like) == LLVMVectorTypeKind ? LLVMVectorType(element, LLVMGetVectorSize(like)) : element;
}

/* ---- constants ---- */

static LLVMValueRef in_every_lane(LLVMTypeRef type, LLVMValueRef (*make)(LLVMTypeRef element, const void *value), const void *value) {
  if (LLVMGetTypeKind(type) != LLVMVectorTypeKind) return make(type, value);
  LLVMValueRef lanes[LOOP_MAX_LANES];
  unsigned     count = LLVMGetVectorSize(type);
  for (unsigned i = 0; i < count; i++) lanes[i] = make(LLVMGetElementType(type), value);
  return LLVMConstVector(lanes, count);
}

static LLVMValueRef make_integer(LLVMTypeRef type, const void *value) {
  unsigned bits = LLVMGetIntTypeWidth(type);
  uint64_t mask = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
  return LLVMConstInt(type, (uint64_t) * (const int64_t *)value & mask, false);
}

static LLVMValueRef make_float(LLVMTypeRef type, const void *value) { return LLVMConstReal(type, *(const double *)value); }

LLVMValueRef llvm_integer(LLVMTypeRef type, int64_t value) { return in_every_lane(type, make_integer, &value); }

LLVMValueRef llvm_float(const Llvm *l, LLVMTypeRef type, double value) {
  if (!isnan(value)) return in_every_lane(type, make_float, &value);
  bool        single = LLVMGetTypeKind(type) == LLVMVectorTypeKind ? LLVMGetElementType(type) == l->types.f32 : type == l->types.f32;
  LLVMTypeRef bits = llvm_lanes_of(single ? l->types.i32 : l->types.i64, type);
  return LLVMConstBitCast(llvm_integer(bits, single ? INT64_C(0x7fc00000) : INT64_C(0x7ff8000000000000)), type);
}

LLVMValueRef llvm_lane_numbers(LLVMTypeRef element, unsigned lanes) {
  LLVMValueRef numbers[LOOP_MAX_LANES];
  for (unsigned i = 0; i < lanes; i++) numbers[i] = LLVMConstInt(element, i, false);
  return LLVMConstVector(numbers, lanes);
}

LLVMValueRef llvm_broadcast(Llvm *l, LLVMValueRef value, unsigned lanes) {
  LLVMTypeRef  type = LLVMVectorType(LLVMTypeOf(value), lanes);
  LLVMValueRef first = LLVMBuildInsertElement(l->builder, LLVMGetPoison(type), value, llvm_integer(l->types.i32, 0), "");
  return LLVMBuildShuffleVector(l->builder, first, LLVMGetPoison(type), LLVMConstNull(LLVMVectorType(l->types.i32, lanes)), "");
}

LLVMValueRef llvm_extract(Llvm *l, LLVMValueRef value, unsigned from, unsigned lanes) {
  LLVMValueRef numbers[LOOP_MAX_LANES];
  if (lanes == 1) return LLVMBuildExtractElement(l->builder, value, llvm_integer(l->types.i32, from), "");
  for (unsigned i = 0; i < lanes; i++) numbers[i] = llvm_integer(l->types.i32, from + i);
  return LLVMBuildShuffleVector(l->builder, value, LLVMGetPoison(LLVMTypeOf(value)), LLVMConstVector(numbers, lanes), "");
}

/* ---- calls ---- */

LLVMValueRef llvm_intrinsic(Llvm *l, const char *name, unsigned type_count, LLVMTypeRef *types, unsigned count, LLVMValueRef *arguments) {
  unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
  require(l->context, id != 0);
  LLVMValueRef function = LLVMGetIntrinsicDeclaration(l->module, id, types, type_count);
  return LLVMBuildCall2(l->builder, LLVMIntrinsicGetType(l->llvm, id, types, type_count), function, arguments, count, "");
}

LLVMValueRef llvm_unary_intrinsic(Llvm *l, const char *name, LLVMValueRef a) {
  LLVMTypeRef type = LLVMTypeOf(a);
  return llvm_intrinsic(l, name, 1, &type, 1, &a);
}

LLVMValueRef llvm_call(Llvm *l, LLVMValueRef function, unsigned count, LLVMValueRef *arguments) {
  return LLVMBuildCall2(l->builder, LLVMGlobalGetValueType(function), function, arguments, count, "");
}

/* ---- members ---- */

LLVMValueRef llvm_field(Llvm *l, LLVMTypeRef type, LLVMValueRef address, unsigned field) {
  return LLVMBuildStructGEP2(l->builder, type, address, field, "");
}

LLVMValueRef llvm_load_field(Llvm *l, LLVMTypeRef type, LLVMValueRef address, unsigned field) {
  return LLVMBuildLoad2(l->builder, LLVMStructGetTypeAtIndex(type, field), llvm_field(l, type, address, field), "");
}

unsigned llvm_io_input(const Llvm *l, uint32_t input) { return (l->role_count[SYMBOL_GIVEN] > 0) + input; }
unsigned llvm_io_output(const Llvm *l, uint32_t output) { return llvm_io_input(l, l->program->info.inputs.count) + output; }

unsigned llvm_io_returned(const Llvm *l, uint32_t symbol) {
  unsigned field = llvm_io_output(l, l->program->info.outputs.count);
  for (uint32_t i = 0; i < symbol; i++) field += l->symbol_roles[i] == SYMBOL_RETURNED;
  return field;
}
