/* Accumulations along the rows that meanings mark. */
#ifndef ONNXCC_PASSES_LOOP_PARTIALS_H
#define ONNXCC_PASSES_LOOP_PARTIALS_H
#include "compiler/loop/loop.h"

/* Gives them 16 partial results (`take`), and in any case takes the marks away. */
void loop_partials(Program *program, bool take);
#endif
