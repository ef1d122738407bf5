/* An object made into a shared library by the system's linker (link.c). */
#ifndef ONNXCC_COMPILER_COMMAND_LINK_H
#define ONNXCC_COMPILER_COMMAND_LINK_H
#include "compiler/command/command.h"

/* `base`: the library's file name, which programs look for it by. Formats that a shared library can't be made of are a usage error. */
Text link_shared(Command *command, const Emission *emission, const char *base);
#endif
