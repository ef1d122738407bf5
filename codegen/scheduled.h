/* The bridge from operators to schedules: turns an anchor into a plain problem and gives the schedule its reader and writer. */
#ifndef ONNXCC_CODEGEN_SCHEDULED_H
#define ONNXCC_CODEGEN_SCHEDULED_H
#include "compiler/ops/meaning.h"
#include "targets/target.h"

/* What a kernel is built for. Readers and writers inline what is fused; where that can't be vectors, or would fetch them lane by lane, the kernel
 * is worthless and `again` is set: it is to be built again, with the same choice. */
typedef struct ScheduleChoice {
  const Target *target;
  bool single_reads, single_writes, again;
} ScheduleChoice;

/* Group.build_anchor for lowering: self is a ScheduleChoice. True if a schedule built the anchor; false: the plain meaning is to be used. */
bool scheduled_anchor(void *self, Meaning *m);
#endif
