/* Emitted code as a running program. C and objects: compiled or linked in a folder of its own under $TMPDIR, loaded, the folder removed again. */
#ifndef ONNXCC_COMPILER_COMMAND_NATIVE_H
#define ONNXCC_COMPILER_COMMAND_NATIVE_H
#include "compiler/command/command.h"
#include "runtime-min/onnxcc_rt.h"

/* C to be compiled (`optimize`: "-O2"; with the node hooks if `profile`), or an object to be linked. */
typedef struct NativeForm {
  bool        is_object;
  const char *optimize;
  bool        profile;
} NativeForm;

/* Makes `emission` of the model `name` run; whatever goes wrong is an error that leaves the stage. */
const onnxcc_model_info *native_load(Command *command, const char *name, const Emission *emission, const NativeForm *form);
/* The same for an object, in this process and without files. */
const onnxcc_model_info *native_load_jit(Command *command, const char *name, const Emission *emission);
/* Removes folder and handle, whatever was there. */
void native_close(Command *command);
#endif
