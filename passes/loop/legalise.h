/* Replaces what a target cannot do by what it can. */
#ifndef ONNXCC_PASSES_LOOP_LEGALISE_H
#define ONNXCC_PASSES_LOOP_LEGALISE_H
#include "compiler/loop/loop.h"
#include "targets/target.h"

/* Afterwards no muladd is left; fma, square roots, roundings and conversions of f16 and bf16 are operations only where the target has the
 * instruction, else calls of library functions, which are all defined. Sets program->legal. Running it twice changes nothing more. */
void loop_legalise(Program *program, const Target *target);
#endif
