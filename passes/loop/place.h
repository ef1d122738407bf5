/* The memory plan, made on the loop program after scheduling. */
#ifndef ONNXCC_PASSES_LOOP_PLACE_H
#define ONNXCC_PASSES_LOOP_PLACE_H
#include "compiler/loop/loop.h"

/* Gives every workspace buffer that the run entry uses an offset, every used weight a place in the blob (in order of first use), and fills in
 * workspace_bytes, workspace_lower_bound and weights_bytes. Buffers that are never alive together may share bytes; an output lies on an input
 * where the kernel marked the pair same_index and the input ends there. Sizes may be expressions: then offsets are. With fast_bytes, and where all
 * sizes are constants, the buffers that are touched most for their size, as many as fit, come first: program->fast_bytes, no more than asked. */
void loop_place(Program *program, int64_t fast_bytes);

/* How often the kernels of the run entry touch each buffer, by buffer (place_use.c). Turns that are not known count as a few. */
uint64_t *place_uses(const Program *program, Arena *arena);
#endif
