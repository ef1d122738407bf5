/* Indices that come from a tensor, shared by gathering and scattering. */
#ifndef ONNXCC_OPS_GATHER_H
#define ONNXCC_OPS_GATHER_H
#include "movement.h"

typedef struct CheckedIndex {
  Expr at;       /* below the dim, or 0 if the dim is 0 */
  Expr inside;   /* the index was in range: false was reported as STATUS_INDEX */
} CheckedIndex;

/* The index that an operand holds at `at`, for an axis of that dim. */
CheckedIndex gather_index(Meaning *m, uint32_t operand, const Expr *at, Dim axis_dim);

/* Indices (operand 1) of GatherElements and ScatterElements against data (operand 0). */
void     infer_elements_indices(Infer *infer, uint32_t axis);
/* Length of the index tuples of GatherND and ScatterND: the last dim of an operand, 1 .. most. 0 after an error. */
uint32_t infer_tuple_length(Infer *infer, uint32_t operand, uint32_t most);
#endif
