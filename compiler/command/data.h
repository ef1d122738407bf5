/* Test data and runs: input_K.pb and output_K.pb of a folder, buffers for them, comparison. */
#ifndef ONNXCC_COMPILER_COMMAND_DATA_H
#define ONNXCC_COMPILER_COMMAND_DATA_H
#include "compiler/loop/loop.h"
#include "compiler/onnx/onnx_read.h"
#include "compiler/pipeline.h"

typedef struct DataSet { uint32_t input_count, output_count; OnnxTensor *inputs, *outputs; } DataSet;

/* Reads DIR/input_0.pb ... and DIR/output_0.pb ...; a gap ends the list. */
DataSet data_read(Context *context, Arena *arena, OnnxFile *file, const char *folder);
/* Dimension settings that fix the free input dimensions of `module` to those of the data; mismatches are errors. */
void    data_set_dims(Module *module, const DataSet *data);
/* Elements in buffer form (sub-byte elements one a byte). */
void   *data_buffer(Arena *arena, const OnnxTensor *tensor);

typedef struct Tolerance { double relative, absolute; bool of_largest; /* absolute is scaled by the largest output */ int64_t max_ulp; /* <0: off */ } Tolerance;
typedef struct Difference { int64_t count, wrong; int64_t worst_index; double worst_absolute, worst_relative; double got, wanted; } Difference;
/* Compares `count` elements in buffer form; NaN equals NaN, equal infinities are equal; integers and bool exactly unless a tolerance is given. */
Difference data_compare(Element element, const void *got, const void *wanted, int64_t count, const Tolerance *tolerance);
#endif
