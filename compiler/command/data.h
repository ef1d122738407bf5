/* The tensors of a run: test data, random data, what came out; and their comparison. */
#ifndef ONNXCC_COMPILER_COMMAND_DATA_H
#define ONNXCC_COMPILER_COMMAND_DATA_H
#include "compiler/command/files.h"
#include "compiler/compile.h"

/* A tensor in buffer form: whole bytes an element, bool 0 or 1, types below a byte one a byte. */
typedef struct Tensor {
  const char *name;            /* the model's; "" if none is known */
  Element     element;
  uint32_t    rank;
  int64_t     dims[MAX_RANK];  /* outermost first */
  int64_t     count;           /* elements */
  void       *data;            /* aligned to 64; NULL: not there */
} Tensor;

typedef struct DataSet { uint32_t input_count, output_count; Tensor *inputs, *outputs; } DataSet;

/* Room for the elements, aligned to 64, with TENSOR_GUARD bytes of a pattern on both sides. */
enum { TENSOR_GUARD = 64 };
void  tensor_allocate(Arena *arena, Tensor *tensor);
bool  tensor_guard_intact(const Tensor *tensor);
/* Product of the dims; leaves the stage by limit_error if it is beyond what fits memory. */
int64_t tensor_count(Context *context, const Tensor *tensor);
/* `f32[1, 12]` */
const char *tensor_type(Arena *arena, const Tensor *tensor);
double tensor_number(const Tensor *tensor, int64_t index);

/* DIR/input_0.pb ... and DIR/output_0.pb ...; a gap ends the list. */
void data_read_folder(Compile *compile, const char *folder, DataSet *data);
/* The inputs of the model, in its order, from --data and --input; data NULL where neither gives one. `data` also gets --data's outputs. */
void data_read(Compile *compile, DataSet *data);
/* Checks the inputs against the model, gives unranked inputs their rank, and, unless they are to stay symbolic, fixes the free dimensions. */
void data_set_dims(Compile *compile, const DataSet *data);
/* Fills what is missing: floats in [-1, 1), bytes of any value, wider integers 0..3. Free dimensions get the smallest size from 1 on. */
void data_fill(Compile *compile, DataSet *data, uint64_t seed);
/* A tensor as a .pb file has it. */
Bytes data_pack(Arena *arena, const Tensor *tensor);

typedef struct Tolerance {
  double  relative, absolute;
  bool    of_largest;          /* absolute is a fraction of the largest expected element */
  int64_t max_ulp;             /* floats this many representable values apart are equal; < 0: off */
} Tolerance;
typedef struct Difference {
  int64_t count, wrong;        /* elements; those out of tolerance */
  int64_t worst_index;         /* of the largest absolute difference, the wrong ones first */
  double  worst_absolute, worst_relative, got, wanted;
  int64_t worst_ulp;           /* the largest of all elements; 0 for integers */
} Difference;
/* Compares tensors of one type. NaN equals NaN, equal infinities are equal; integers and bool exactly unless absolute is 1 or more. */
Difference data_compare(const Tensor *got, const Tensor *wanted, const Tolerance *tolerance);

/* npy.c */
Tensor npy_read(Context *context, Arena *arena, const char *path, Element wanted);
Bytes  npy_pack(Context *context, Arena *arena, const Tensor *tensor);
#endif
