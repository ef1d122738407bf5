/* The memory plan, made on the loop program after scheduling. */
#ifndef ONNXCC_PASSES_LOOP_PLACE_H
#define ONNXCC_PASSES_LOOP_PLACE_H
#include "compiler/loop/loop.h"

/* Gives every workspace buffer that the run entry uses an offset, every used weight a place in the blob (in order of first use), and fills in
 * workspace_bytes, workspace_lower_bound and weights_bytes. Buffers that are never alive together may share bytes; an output lies on an input
 * where the kernel marked the pair same_index and the input ends there. Sizes may be expressions: then offsets are. */
void loop_place(Program *program);
#endif
