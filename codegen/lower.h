/* From the graph IR to a loop program: which buffer holds which value, which kernel computes which group, and the run entry that calls them. */
#ifndef ONNXCC_CODEGEN_LOWER_H
#define ONNXCC_CODEGEN_LOWER_H
#include "compiler/graph/graph.h"
#include "compiler/loop/loop.h"
#include "targets/target.h"

/* Lowers a shaped module. Nodes that can't be built are reported, all of them; then the stage is left. The program shares the module's dims and data.
 * target: schedules are chosen for it; NULL: plain meanings only (the oracle). */
Program *lower(Module *module, Arena *arena, const Target *target);
#endif
