/* The bridge from operators to schedules: turns an anchor into a plain problem and gives the schedule its reader and writer. */
#ifndef ONNXCC_CODEGEN_SCHEDULED_H
#define ONNXCC_CODEGEN_SCHEDULED_H
#include "compiler/ops/meaning.h"
#include "targets/target.h"

/* Group.build_anchor for lowering: self is the Target. True if a schedule built the anchor; false: the plain meaning is to be used. */
bool scheduled_anchor(void *self, Meaning *m);
#endif
