/* Addresses, loads and stores. Every access of the loop IR is in bounds, so subscripts neither wrap nor leave their buffer. */
#include "llvm_emit.h"

#include <string.h>

/* One access: an element, or lanes from there on, or a place for each lane. */
typedef struct Location {
  OperandInfo  operand;
  LLVMValueRef address; /* a vector of pointers if every lane has its own place */
  LLVMValueRef mask;    /* of active lanes; NULL: all */
  unsigned     lanes;
  bool         contiguous;
} Location;

static LLVMValueRef add(Llvm *l, LLVMValueRef sum, LLVMValueRef term) { return sum ? LLVMBuildNSWAdd(l->builder, sum, term, "") : term; }

/* The distance from the start in elements: of scalar indices in *at, of vectors among them in *places; either may be NULL. */
static void subscripts(Llvm *l, const OperandInfo *operand, uint32_t list, uint32_t count, LLVMValueRef *at, LLVMValueRef *places) {
  DimTable *dims = l->program->dims;
  *at = *places = NULL;
  for (uint32_t axis = 0; axis < count; axis++) {
    Dim     stride = operand->strided ? operand->strides[axis] : dim_product(dims, operand->dims + axis + 1, operand->rank - axis - 1);
    int64_t fixed = 0;
    Expr    index = l->now.code->lists.data[list + axis];
    bool    is_vector = expr_at(l->now.code, index)->lanes > 1;
    if (dim_is_constant(dims, stride, &fixed) && fixed == 0 && !is_vector) continue;
    LLVMValueRef term = llvm_expression(l, index), scale = llvm_dim(l, stride, DIM_FORM_INDEX);
    if (fixed != 1) term = LLVMBuildNSWMul(l->builder, term, is_vector ? llvm_broadcast(l, scale, LLVMGetVectorSize(LLVMTypeOf(term))) : scale, "");
    LLVMValueRef *sum = is_vector ? places : at;
    *sum = add(l, *sum, term);
  }
}

/* A buffer of the entry as an operand. */
static OperandInfo buffer_operand(const Buffer *buffer) {
  OperandInfo operand = {.name = buffer->name, .scalar = buffer->scalar, .rank = buffer->rank};
  memcpy(operand.dims, buffer->dims, sizeof operand.dims);
  return operand;
}

/* The lanes below the number of active ones, counted in integers of the elements' width: then the mask has the shape that instructions want. */
static LLVMValueRef active_lanes(Llvm *l, Expr active, Scalar scalar, unsigned lanes) {
  LLVMTypeRef  element = LLVMIntTypeInContext(l->llvm, 8 * scalar_bytes(scalar)), index = l->types.index;
  LLVMValueRef none = llvm_integer(index, 0), all = llvm_integer(index, lanes), count = llvm_expression(l, active);
  count = LLVMBuildSelect(l->builder, LLVMBuildICmp(l->builder, LLVMIntSLT, count, none, ""), none, count, "");
  count = LLVMBuildSelect(l->builder, LLVMBuildICmp(l->builder, LLVMIntSGT, count, all, ""), all, count, "");
  LLVMValueRef limits = llvm_broadcast(l, LLVMBuildIntCast2(l->builder, count, element, false, ""), lanes);
  return LLVMBuildICmp(l->builder, LLVMIntULT, llvm_lane_numbers(element, lanes), limits, "");
}

/* In the entry, an operand is a buffer. Places of lanes that are not active need not exist, so their addresses promise nothing. */
static Location locate(Llvm *l, uint32_t index, uint32_t list, uint32_t count, unsigned lanes) {
  bool        in_entry = l->now.code->kind == CODE_ENTRY;
  uint32_t    rank = access_rank(l->program, l->now.code, index);
  Location    location = {.operand = in_entry ? buffer_operand(&l->program->buffers.data[index]) : l->now.code->operands.data[index], .lanes = lanes};
  LLVMTypeRef type = llvm_memory_type(l, location.operand.scalar, 1);
  LLVMValueRef address = in_entry ? llvm_buffer(l, index, 0) : l->now.operands[index], at, places;
  bool         masked = count > rank;
  subscripts(l, &location.operand, list, rank, &at, &places);
  if (at) address = masked ? LLVMBuildGEP2(l->builder, type, address, &at, 1, "") : LLVMBuildInBoundsGEP2(l->builder, type, address, &at, 1, "");
  if (places) address = LLVMBuildGEP2(l->builder, type, address, &places, 1, "");
  location.address = places ? llvm_hide_addresses(l, address) : address;
  location.contiguous = !places;
  if (masked) location.mask = active_lanes(l, l->now.code->lists.data[list + rank], location.operand.scalar, lanes);
  return location;
}

/* From the type in memory to the one in registers. */
static LLVMValueRef from_memory(Llvm *l, LLVMValueRef value, Scalar scalar) {
  if (scalar == SCALAR_I1) return LLVMBuildICmp(l->builder, LLVMIntNE, value, llvm_integer(LLVMTypeOf(value), 0), "");
  if (scalar == SCALAR_INDEX) return LLVMBuildIntCast2(l->builder, value, llvm_lanes_of(l->types.index, LLVMTypeOf(value)), true, "");
  return value;
}

static LLVMValueRef to_memory(Llvm *l, LLVMValueRef value, Scalar scalar) {
  LLVMTypeRef type = llvm_lanes_of(llvm_memory_type(l, scalar, 1), LLVMTypeOf(value));
  return scalar == SCALAR_I1 || scalar == SCALAR_INDEX ? LLVMBuildIntCast2(l->builder, value, type, scalar == SCALAR_INDEX, "") : value;
}

/* ---- loads ---- */

static LLVMValueRef all_lanes(Llvm *l, unsigned lanes) { return llvm_integer(LLVMVectorType(l->types.i1, lanes), 1); }

static LLVMValueRef load_masked(Llvm *l, const Location *location, LLVMTypeRef type) {
  LLVMTypeRef  types[] = {type, LLVMTypeOf(location->address)};
  LLVMValueRef align = llvm_integer(l->types.i32, scalar_bytes(location->operand.scalar)),
               mask = location->mask ? location->mask : all_lanes(l, location->lanes);
  LLVMValueRef arguments[] = {location->address, align, mask, LLVMConstNull(type)};
  return llvm_intrinsic(l, location->contiguous ? "llvm.masked.load" : "llvm.masked.gather", 2, types, 4, arguments);
}

LLVMValueRef llvm_load(Llvm *l, const ExprNode *node) {
  Location     from = locate(l, node->operand[0], node->operand[1], node->operand[2], node->lanes);
  LLVMTypeRef  type = llvm_memory_type(l, from.operand.scalar, node->lanes);
  LLVMValueRef value;
  if (from.mask || !from.contiguous) {
    value = load_masked(l, &from, type);
  } else {
    value = LLVMBuildLoad2(l->builder, type, from.address, "");
    LLVMSetAlignment(value, scalar_bytes(from.operand.scalar));
  }
  return from_memory(l, value, from.operand.scalar);
}

/* ---- stores ---- */

static void store_masked(Llvm *l, const Location *location, LLVMValueRef value) {
  LLVMTypeRef  types[] = {LLVMTypeOf(value), LLVMTypeOf(location->address)};
  LLVMValueRef align = llvm_integer(l->types.i32, scalar_bytes(location->operand.scalar)),
               mask = location->mask ? location->mask : all_lanes(l, location->lanes);
  llvm_intrinsic(l, location->contiguous ? "llvm.masked.store" : "llvm.masked.scatter", 2, types, 4,
                 (LLVMValueRef[]){value, location->address, align, mask});
}

void llvm_store(Llvm *l, const StmtNode *stmt) {
  Location     to = locate(l, stmt->target, stmt->list, stmt->list_count, expr_at(l->now.code, stmt->a)->lanes);
  LLVMValueRef value = to_memory(l, llvm_expression(l, stmt->a), to.operand.scalar);
  if (to.mask || !to.contiguous) store_masked(l, &to, value);
  else LLVMSetAlignment(LLVMBuildStore(l->builder, value, to.address), scalar_bytes(to.operand.scalar));
}
