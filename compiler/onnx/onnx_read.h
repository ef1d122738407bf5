/* From an ONNX file to a Module: the only header of this folder that others include.
 *
 * All functions run under a context_guard of the caller. What is wrong with the model is a recorded error (as many as can be found in one run),
 * what is wrong with the file system an io_error. Maps and scratch memory belong to an OnnxFile, which the caller declares outside
 * the guard, zeroed, and closes after the guard, whatever happened. The module's weights are spans of the maps: they end with onnx_close. */
#ifndef ONNXCC_ONNX_ONNX_READ_H
#define ONNXCC_ONNX_ONNX_READ_H
#include "compiler/graph/graph.h"

#define ONNX_OPSET_NEWEST 27  /* of ai.onnx; every node is rewritten to it */
#define ONNX_IR_OLDEST    3
#define ONNX_IR_NEWEST    14

typedef struct OnnxReadOptions {
  const char *const *external_data_dirs; /* folders where external data may lie besides the model's own; symbolic links in them are followed */
  uint32_t external_data_dir_count;
  uint64_t file_limit;                   /* bytes of the largest file that is read; 0: 64 GiB */
  bool     keep_weights_unread;          /* for inspect: no byte of a weight is looked at, so no splats are found and Module.hash is 0 */
  bool     keep_unsupported;             /* for inspect: what is not supported stays as nodes with op 0 instead of errors */
} OnnxReadOptions;

/* What one compilation keeps open. */
typedef struct OnnxFile {
  struct OnnxMap *maps;    /* files read so far, newest first */
  Context        *context; /* of the maps' arena */
  Arena          *arena;   /* records and small files */
  Arena          *scratch; /* of the read in progress */
  int             open[2]; /* descriptors in use at the moment (a file, the folder it is in), plus one; 0: none */
} OnnxFile;

/* Reads, checks and upgrades a model; options NULL: defaults. The module lives in `arena`. */
Module *onnx_read(Context *context, Arena *arena, OnnxFile *file, const OnnxReadOptions *options, const char *path);
/* The same for a model in memory, which must stay there; `name` names it in messages and its folder is where external data lies. */
Module *onnx_read_bytes(Context *context, Arena *arena, OnnxFile *file, const OnnxReadOptions *options, const char *name, Bytes bytes);
void    onnx_close(OnnxFile *file);
void    onnx_drop_pages(const OnnxFile *file); /* gives back the memory that mapped files take; what is used again is read again */
uint64_t onnx_bytes_read(const OnnxFile *file); /* of all files so far */

/* A tensor of test data (input_0.pb). */
typedef struct OnnxTensor {
  const char  *name;           /* "" if none */
  Element      element;
  uint32_t     rank;
  int64_t      dims[MAX_RANK]; /* outermost first */
  int64_t      count;          /* elements */
  Bytes        data;           /* as raw_data has them: little-endian, sub-byte elements packed */
  const Bytes *strings;        /* of ELEMENT_STRING: one span an element */
} OnnxTensor;

/* Reads a file that holds one TensorProto; a sequence or an optional is refused by name. */
OnnxTensor onnx_read_tensor(Context *context, Arena *arena, OnnxFile *file, const char *path);
OnnxTensor onnx_read_tensor_bytes(Context *context, Arena *arena, OnnxFile *file, const char *name, Bytes bytes);
/* The TensorProto file of a tensor (output_0.pb), in `arena`. */
Bytes      onnx_pack_tensor(Arena *arena, const OnnxTensor *tensor);
#endif
