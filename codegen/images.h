/* Images as one long row, for pointwise convolutions. */
#ifndef ONNXCC_CODEGEN_IMAGES_H
#define ONNXCC_CODEGEN_IMAGES_H
#include "compiler/ops/meaning.h"

/* The values of a group whose last two dims are another's for the time being. */
typedef struct ImageRows { VECTOR(ValueId) values; Dim height, width; } ImageRows;

/* If the group is a pointwise convolution with element-wise nodes around it, all of whose images have the same size H x W: makes them 1 x H*W, as
 * which the group computes the same elements. Nothing happens otherwise. */
void images_to_rows(Module *module, Arena *arena, const Group *group, ImageRows *rows);
void images_from_rows(Module *module, const ImageRows *rows);
#endif
