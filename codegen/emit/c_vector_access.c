/* Loads and stores of several lanes: calls of functions that take an address, perhaps a vector of subscripts, perhaps the number of active lanes.
 *
 * In x[i, places] what the indices of one lane contribute goes to the address, the rest to the subscripts. */
#include "c_emit.h"

typedef struct VectorAccess {
  OperandInfo operand;
  uint32_t    list, rank;
  Scalar      scalar;
  bool        places, active;
} VectorAccess;

static VectorAccess access_of(const Emitter *e, Operand operand, uint32_t list, uint32_t count) {
  const Code  *code = e->now.code;
  VectorAccess access = {.list = list, .rank = access_rank(e->program, code, operand)};
  if (code->kind == CODE_ENTRY) {
    const Buffer *buffer = &e->program->buffers.data[operand];
    access.operand = (OperandInfo){.name = buffer->name, .scalar = buffer->scalar, .rank = buffer->rank};
    for (uint32_t i = 0; i < buffer->rank; i++) access.operand.dims[i] = buffer->dims[i];
  } else {
    access.operand = code->operands.data[operand];
  }
  access.scalar = access.operand.scalar;
  access.places = !access_is_contiguous(code, list, access.rank);
  access.active = count > access.rank;
  return access;
}

/* &x[i * 64] */
static void address(Emitter *e, const VectorAccess *access, Operand operand, bool written) {
  text_char(&e->now.line, '&');
  if (e->now.code->kind == CODE_ENTRY) {
    c_entry_element(e, operand, written, access->list, access->rank);
    return;
  }
  e->now.operand_used[operand] = true;
  e->now.operand_written[operand] |= written;
  c_element(e, &access->operand, e->now.operand_names[operand], access->list, access->rank);
}

/* The subscripts of lanes, beyond the address: a sum of vectors. */
static void places(Emitter *e, const VectorAccess *access, uint16_t lanes) {
  int64_t constant = 0;
  bool    any = false;
  for (uint32_t axis = 0; axis < access->rank; axis++) {
    Expr index = e->now.code->lists.data[access->list + axis];
    if (expr_at(e->now.code, index)->lanes > 1) any |= c_subscript_term(e, index, c_stride(e, &access->operand, axis), &constant, !any);
  }
  require(e->context, constant == 0); /* constants of lanes are broadcast */
  if (any) return;
  VectorNeed all = {.helper = VECTOR_ALL, .to = SCALAR_INDEX, .from = SCALAR_INDEX, .lanes = lanes}; /* all strides are 0 */
  c_print(e, "%s(0)", c_vector_helper(e, all));
}

static void call(Emitter *e, VectorHelper first, const VectorAccess *access, uint16_t lanes, Operand operand, bool written) {
  VectorHelper which = (VectorHelper)(first + access->active + 2 * access->places);
  text_string(&e->now.line, c_vector_helper(e, (VectorNeed){.helper = which, .to = access->scalar, .from = access->scalar, .lanes = lanes}));
  text_char(&e->now.line, '(');
  address(e, access, operand, written);
  if (access->places) {
    text_string(&e->now.line, ", ");
    places(e, access, lanes);
  }
  if (!access->active) return;
  text_string(&e->now.line, ", ");
  c_expression(e, e->now.code->lists.data[access->list + access->rank], LEVEL_CHOICE);
}
_Static_assert(VECTOR_LOAD_ACTIVE == VECTOR_LOAD + 1 && VECTOR_LOAD_PLACES == VECTOR_LOAD + 2 && VECTOR_LOAD_PLACES_ACTIVE == VECTOR_LOAD + 3 &&
                   VECTOR_STORE_ACTIVE == VECTOR_STORE + 1 && VECTOR_STORE_PLACES == VECTOR_STORE + 2 &&
                   VECTOR_STORE_PLACES_ACTIVE == VECTOR_STORE + 3,
               "order of loads and stores");

void c_vector_load(Emitter *e, const ExprNode *node) {
  VectorAccess access = access_of(e, node->operand[0], node->operand[1], node->operand[2]);
  call(e, VECTOR_LOAD, &access, node->lanes, node->operand[0], false);
  text_char(&e->now.line, ')');
}

void c_vector_store(Emitter *e, const StmtNode *stmt) {
  VectorAccess access = access_of(e, stmt->target, stmt->list, stmt->list_count);
  call(e, VECTOR_STORE, &access, expr_at(e->now.code, stmt->a)->lanes, stmt->target, true);
  text_string(&e->now.line, ", ");
  if (access.scalar == SCALAR_I1) c_mask(e, stmt->a, 8, LEVEL_CHOICE);
  else c_expression(e, stmt->a, LEVEL_CHOICE);
  text_string(&e->now.line, ");");
  c_line_end(e);
}
