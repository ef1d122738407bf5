/* The rows of intrinsics.def. */
#include "targets/target.h"

#include <string.h>

static const Intrinsic intrinsics[] = {
#define INTRINSIC(operation, type, architecture, vector_bytes, condition, spelling)                                                                  \
  {operation, type, architecture, vector_bytes, condition, spelling},
#include "intrinsics.def"
#undef INTRINSIC
};

const Intrinsic *intrinsic_next(const Target *target, const char *operation, const char *type, const Intrinsic *last) {
  const Intrinsic *end = intrinsics + sizeof intrinsics / sizeof *intrinsics;
  for (const Intrinsic *row = last ? last + 1 : intrinsics; row < end; row++) {
    bool suits = (!*row->architecture || strcmp(row->architecture, target->architecture) == 0) && target->vector_bytes >= row->vector_bytes;
    if (suits && strcmp(row->operation, operation) == 0 && strcmp(row->type, type) == 0) return row;
  }
  return NULL;
}
