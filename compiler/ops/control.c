/* Operators that hold graphs: their shape rules. Lowering them is codegen/lower's work. */
#include "compiler/ops/meaning.h"

void infer_group(Infer *infer);

/* The body's results were inferred before they were grouped; the group's results are copies of them. */
void infer_group(Infer *infer) { (void)infer; }
