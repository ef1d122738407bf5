/* Emitted C as a running program: compiled into a folder of its own under $TMPDIR, loaded, the folder removed again. */
#ifndef ONNXCC_COMPILER_COMMAND_NATIVE_H
#define ONNXCC_COMPILER_COMMAND_NATIVE_H
#include "compiler/command/command.h"
#include "runtime-min/onnxcc_rt.h"

/* Compiles and loads `emission` of the model `name`; whatever goes wrong is an error that leaves the stage. */
const onnxcc_model_info *native_load(Command *command, const char *name, Emission *emission, const char *optimize, bool profile);
/* Removes folder and handle, whatever was there. */
void native_close(Command *command);
/* Removes the folder and what may be in it; may be called by a signal handler. */
void native_remove_files(const char *folder);
#endif
