/* Vectors in the C emitter: GNU vector types and functions on them. Included by c_emit.h.
 *
 * f32x16 is `NAME_f32x16`, a typedef for what the C type of its scalar is in registers. A mask (i1x16) is a vector of signed integers, 0 or -1 in
 * every lane, of the width of what was compared: its type is that of i8, i16, i32 or i64. In memory it is bytes of 0 and 1. */
#ifndef ONNXCC_CODEGEN_C_VECTOR_H
#define ONNXCC_CODEGEN_C_VECTOR_H
#include "compiler/loop/loop.h"

enum {
  VECTOR_WIDTHS = 7, /* 1, 2, 4 .. 64 lanes */
  MASK_BITS = 32     /* of a lane of masks that go in and out of functions */
};
_Static_assert(1u << (VECTOR_WIDTHS - 1) == LOOP_MAX_LANES, "widths of vectors");

/* Functions of the prelude; the text of each is in c_vector_prelude.c. */
typedef enum VectorHelper {
  VECTOR_ALL,    /* a scalar in every lane */
  VECTOR_LANES,  /* 0, 1, 2, .. */
  VECTOR_PART,   /* lanes from `first` on, of a vector of `from_lanes` */
  VECTOR_JOINED, /* of two halves */
  VECTOR_LOAD,   /* from an address on; places: an address and a vector of subscripts; active: and the number of lanes */
  VECTOR_LOAD_ACTIVE,
  VECTOR_LOAD_PLACES,
  VECTOR_LOAD_PLACES_ACTIVE,
  VECTOR_STORE,
  VECTOR_STORE_ACTIVE,
  VECTOR_STORE_PLACES,
  VECTOR_STORE_PLACES_ACTIVE,
  VECTOR_SELECT, /* by a mask of lanes as wide as the type's */
  VECTOR_MIN,
  VECTOR_MAX,
  VECTOR_ABS,
  VECTOR_DIV,
  VECTOR_REM,
  VECTOR_SHL,
  VECTOR_SHR,
  VECTOR_SQRT,
  VECTOR_FLOOR,
  VECTOR_CEIL,
  VECTOR_TRUNC,
  VECTOR_ROUND,
  VECTOR_FMA,
  VECTOR_SATURATE, /* as HELPER_SATURATE and HELPER_CONVERT */
  VECTOR_CONVERT,
  VECTOR_HELPER_COUNT
} VectorHelper;

/* One of them, for some types. `from`: of a conversion's operand, else as `to`. */
typedef struct VectorNeed {
  VectorHelper helper;
  Scalar       to, from;
  uint16_t     lanes, from_lanes, first; /* from_lanes, first: VECTOR_PART */
} VectorNeed;

/* What the printed code uses, callees before callers. */
typedef struct VectorNeeds {
  VECTOR(VectorNeed) helpers;
  bool types[SCALAR_COUNT][VECTOR_WIDTHS]; /* by scalar and binary logarithm of lanes */
} VectorNeeds;
#endif
